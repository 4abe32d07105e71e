from odoo import api, models
from odoo.tools import split_every

from ..qr import data_uri

#: As many as fit on a sheet of A4 in the size of a bank card.
CARDS_PER_PAGE = 10


class ReportBadgeCard(models.AbstractModel):
    _name = "report.spp_attendance.report_badge_card"
    _description = "Badge Cards"

    @api.model
    def _get_report_values(self, docids, data=None):
        """What the template prints: cards, by pages.

        A card holds the badge of its person: what a kiosk, a reader and the box of an
        event take. Who has none gets one before (``action_print_badges``); printing by
        itself changes nothing.
        """
        people = self.env["spp.attendance.subscriber"].browse(docids)
        people._check_cards()
        people.check_access("read")
        people.fetch(["name", "person_identifier", "badge", "company_id"])
        cards = [
            {
                "person": person,
                "code": person.badge,
                "image": person.badge and data_uri(person.badge),
            }
            for person in people
        ]
        return {
            "doc_ids": docids,
            "doc_model": people._name,
            "docs": people,
            "pages": [list(page) for page in split_every(CARDS_PER_PAGE, cards)],
        }
