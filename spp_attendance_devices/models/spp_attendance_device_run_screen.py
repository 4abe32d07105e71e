from odoo import api, fields, models

from ..hints import hints, titles


class SppAttendanceDeviceRun(models.Model):
    """How a conversation went, in words."""

    _inherit = "spp.attendance.device.run"

    result = fields.Selection("_selection_result")
    hint = fields.Char(string="What to Do", compute="_compute_hint")

    @api.model
    def _selection_result(self):
        return [("ok", self.env._("Good")), *titles(self.env).items()]

    @api.depends("result")
    @api.depends_context("lang")
    def _compute_hint(self):
        texts = hints(self.env)
        for run in self:
            run.hint = texts.get(run.result, False)
