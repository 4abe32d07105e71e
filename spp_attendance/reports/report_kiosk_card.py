from odoo import api, models

from ..qr import data_uri


class ReportKioskCard(models.AbstractModel):
    _name = "report.spp_attendance.report_kiosk_card"
    _description = "Kiosk Card"

    @api.model
    def _get_report_values(self, docids, data=None):
        """What the template prints: kiosks with their links.

        :raises AccessError: when the user may not see a link
        """
        kiosks = self.env["spp.attendance.kiosk"].browse(docids)
        cards = []
        for kiosk in kiosks:
            link = kiosk._link()
            cards.append({"kiosk": kiosk, "link": link, "image": data_uri(link)})
        return {
            "doc_ids": docids,
            "doc_model": kiosks._name,
            "docs": kiosks,
            "cards": cards,
        }
