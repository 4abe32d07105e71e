from odoo import api, models

from ..register_import import attendees_target


class SppAttendanceImportSource(models.Model):
    _inherit = "spp.attendance.import.source"

    @api.model
    def _import_targets(self):
        return {
            **super()._import_targets(),
            "register_attendees": attendees_target(self.env),
        }
