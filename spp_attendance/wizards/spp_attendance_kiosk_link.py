from odoo import api, fields, models

from ..qr import data_uri


class SppAttendanceKioskLink(models.TransientModel):
    """Shows the link of a kiosk, to be opened on its tablet.

    Who has the link can record attendance at the kiosk's location, so it is stored
    nowhere but with the kiosk, and stands in no address of ours.
    """

    _name = "spp.attendance.kiosk.link"
    _description = "Link of a Kiosk"

    kiosk_id = fields.Many2one(
        "spp.attendance.kiosk", required=True, readonly=True, ondelete="cascade"
    )
    link = fields.Char(compute="_compute_link")
    # The image itself, not where to fetch it: showing it is asking for the link once.
    qr_code = fields.Char(string="QR Code", compute="_compute_link")
    address_kind = fields.Selection(related="kiosk_id.address_kind")

    @api.depends("kiosk_id")
    def _compute_link(self):
        for wizard in self:
            wizard.link = wizard.kiosk_id._link()
            wizard.qr_code = data_uri(wizard.link)

    def action_print(self):
        """The same on paper, to be put beside the tablet."""
        self.ensure_one()
        self.check_access("read")
        report = self.env.ref("spp_attendance.spp_attendance_kiosk_card_report")
        return report.report_action(self.kiosk_id, config=False)
