from odoo import api, fields, models
from odoo.exceptions import ValidationError


class SppOauthClient(models.Model):
    _inherit = "spp.oauth.client"
    _check_company_auto = True

    attendance_location_ids = fields.Many2many(
        "spp.attendance.location",
        "spp_attendance_location_client_rel",
        "client_id",
        "location_id",
        "Locations",
        domain="[('company_id', '=', company_id)]",
        check_company=True,
        tracking=True,
        help="Where this client sees and enters attendance. Officers who are people"
        " are named at the location itself.",
    )
    is_attendance_officer = fields.Boolean(compute="_compute_is_attendance_officer")

    @api.depends("role_id")
    def _compute_is_attendance_officer(self):
        role = self.env.ref("spp_attendance.spp_oauth_role_officer", False)
        for client in self:
            client.is_attendance_officer = role and client.role_id == role

    @api.constrains("role_id", "attendance_location_ids")
    def _check_attendance_locations(self):
        for client in self:
            if client.is_attendance_officer and not client.attendance_location_ids:
                raise ValidationError(
                    self.env._("Choose the locations that this client works at.")
                )

    @api.model_create_multi
    def create(self, vals_list):
        clients = super().create(vals_list)
        self.env["spp.attendance.location"]._flush_rules()
        return clients

    def write(self, vals):
        res = super().write(vals)
        if "attendance_location_ids" in vals:
            self.env["spp.attendance.location"]._flush_rules()
        return res
