from odoo import api, models

from odoo.addons.spp_attendance.importing import Target, TargetField

from ..badges import import_badges


class SppAttendanceImportSource(models.Model):
    _inherit = "spp.attendance.import.source"

    @api.model
    def _import_targets(self):
        return {
            **super()._import_targets(),
            "badges": Target(
                self.env._("Badges on Terminals"),
                {
                    "code": TargetField(self.env._("Badge on the Terminal"), True),
                    "terminal": TargetField(self.env._("Terminal")),
                    "person_identifier": TargetField(self.env._("Identifier"), True),
                    "valid_from": TargetField(self.env._("Valid From")),
                    "valid_to": TargetField(self.env._("Valid Until")),
                },
                import_badges,
                ("terminal", "valid_from"),
            ),
        }
