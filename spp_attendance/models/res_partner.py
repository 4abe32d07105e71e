from odoo import api, fields, models
from odoo.exceptions import ValidationError


class ResPartner(models.Model):
    _inherit = "res.partner"

    attendance_subscriber_ids = fields.One2many(
        "spp.attendance.subscriber",
        "partner_id",
        string="Attendance Subscribers",
        context={"active_test": False},
    )

    @api.constrains("company_id")
    def _check_attendance_company(self):
        for partner in self:
            # Other users may see the contact without seeing who is a participant.
            subscribers_sudo = partner.sudo().attendance_subscriber_ids
            if subscribers_sudo and not partner.company_id:
                raise ValidationError(
                    self.env._(
                        "%(partner)s is an attendance participant, who must belong to"
                        " a company. Choose one.",
                        partner=partner.display_name,
                    )
                )

    def action_open_attendance_records(self):
        self.ensure_one()
        return self.attendance_subscriber_ids[:1].action_open_records()
