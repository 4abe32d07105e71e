from odoo import models

from ..suggestions import card, digits, same


class SppAttendanceSubscriber(models.Model):
    _inherit = "spp.attendance.subscriber"

    # By these an unknown badge is compared with everybody at once.
    _same_identifier_idx = models.Index(f"(company_id, {same('person_identifier')})")
    _identifier_digits_idx = models.Index(
        f"(company_id, ({digits('person_identifier')}))"
    )
    _badge_card_idx = models.Index(
        f"(company_id, ({card('badge')})) WHERE badge IS NOT NULL AND badge <> ''"
    )
