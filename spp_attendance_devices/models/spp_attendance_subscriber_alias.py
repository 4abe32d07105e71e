from odoo import models

from ..suggestions import same


class SppAttendanceSubscriberAlias(models.Model):
    _inherit = "spp.attendance.subscriber.alias"

    _same_identifier_idx = models.Index(f"({same('person_identifier')}, company_id)")
