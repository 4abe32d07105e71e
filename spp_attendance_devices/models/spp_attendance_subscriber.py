from odoo import models

from ..suggestions import card, digits, same


class SppAttendanceSubscriber(models.Model):
    _inherit = "spp.attendance.subscriber"

    # By these an unknown badge is compared with everybody at once. The company comes
    # last, so that none of them is taken for an index of the identifiers themselves.
    _same_identifier_idx = models.Index(f"({same('person_identifier')}, company_id)")
    _identifier_digits_idx = models.Index(
        f"(({digits('person_identifier')}), company_id)"
    )
    _badge_card_idx = models.Index(
        f"(({card('badge')}), company_id) WHERE badge IS NOT NULL AND badge <> ''"
    )
