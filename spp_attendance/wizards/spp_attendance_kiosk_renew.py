from odoo import api, fields, models
from odoo.exceptions import ValidationError

MAX_DAYS = 90


class SppAttendanceKioskRenew(models.TransientModel):
    """Gives a kiosk another link, and says what becomes of the former one."""

    _name = "spp.attendance.kiosk.renew"
    _description = "Renew the Link of a Kiosk"

    kiosk_id = fields.Many2one(
        "spp.attendance.kiosk", required=True, readonly=True, ondelete="cascade"
    )
    former = fields.Selection(
        [
            ("keep", "goes on for some days; the tablet takes the new one by itself"),
            ("end", "ends now; the new one has to be opened on the tablet"),
        ],
        string="The Former Link",
        required=True,
        default="keep",
    )
    keep_days = fields.Integer(string="Days", default=7, required=True)

    @api.constrains("former", "keep_days")
    def _check_keep_days(self):
        for wizard in self:
            if wizard.former == "keep" and not 1 <= wizard.keep_days <= MAX_DAYS:
                raise ValidationError(
                    self.env._(
                        "The former link can go on for 1 to %(limit)s days.",
                        limit=MAX_DAYS,
                    )
                )

    def action_renew(self):
        self.ensure_one()
        self.kiosk_id._renew(self.keep_days if self.former == "keep" else 0)
        return self.kiosk_id.action_show_link()
