from odoo import api, models
from odoo.exceptions import UserError
from odoo.tools import split_every

from ..qr import data_uri

#: As many as fit on a sheet of A4 in the size of a bank card.
CARDS_PER_PAGE = 10
#: More would keep the program that makes the PDF busy for minutes.
MAX_CARDS = 1000


class ReportBadgeCard(models.AbstractModel):
    _name = "report.spp_attendance.report_badge_card"
    _description = "Badge Cards"

    @api.model
    def _get_report_values(self, docids, data=None):
        """What the template prints: cards, by pages.

        A card holds the badge of its person, else the identifier: what a kiosk, a
        reader and an officer's box of badges take.
        """
        people = self.env["spp.attendance.subscriber"].browse(docids)
        if len(people) > MAX_CARDS:
            raise UserError(
                self.env._(
                    "%(count)s cards are too many at once; %(limit)s would do. Choose"
                    " fewer people.",
                    count=len(people),
                    limit=MAX_CARDS,
                )
            )
        people.check_access("read")
        people.fetch(["name", "person_identifier", "badge", "company_id"])
        cards = [
            {
                "person": person,
                "code": code,
                "image": data_uri(code),
            }
            for person in people
            for code in [person.badge or person.person_identifier]
        ]
        return {
            "doc_ids": docids,
            "doc_model": people._name,
            "docs": people,
            "pages": [list(page) for page in split_every(CARDS_PER_PAGE, cards)],
        }
