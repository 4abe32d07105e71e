from odoo import api, fields, models
from odoo.fields import Command


class SppOauthClientNew(models.TransientModel):
    _inherit = "spp.oauth.client.new"

    attendance_location_ids = fields.Many2many(
        "spp.attendance.location",
        string="Locations",
        domain="[('company_id', '=', company_id)]",
        compute="_compute_attendance_location_ids",
        store=True,
        readonly=False,
        help="Where this client sees and enters attendance.",
    )
    is_attendance_officer = fields.Boolean(compute="_compute_is_attendance_officer")

    @api.depends("role_id")
    def _compute_is_attendance_officer(self):
        role = self.env.ref("spp_attendance.spp_oauth_role_officer", False)
        for wizard in self:
            wizard.is_attendance_officer = role and wizard.role_id == role

    @api.depends("company_id", "role_id")
    def _compute_attendance_location_ids(self):
        for wizard in self:
            wizard.attendance_location_ids = (
                wizard.attendance_location_ids.filtered_domain(
                    [("company_id", "=", wizard.company_id.id)]
                )
                if wizard.is_attendance_officer
                else False
            )

    def _client_values(self):
        locations = self.attendance_location_ids
        return {
            **super()._client_values(),
            "attendance_location_ids": [Command.set(locations.ids)],
        }
