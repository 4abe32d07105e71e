from odoo import api, fields, models


class SppAttendanceConflictVoid(models.TransientModel):
    _name = "spp.attendance.conflict.void"
    _description = "Void Conflicting Attendance Records"

    conflict_ids = fields.Many2many("spp.attendance.conflict", required=True)
    conflict_count = fields.Integer("People and Days", compute="_compute_counts")
    surplus_count = fields.Integer("Records to Void", compute="_compute_counts")
    reason = fields.Char(
        required=True,
        default=lambda self: self.env._("Entered more than once"),
    )

    @api.depends("conflict_ids")
    def _compute_counts(self):
        for wizard in self:
            wizard.conflict_count = len(wizard.conflict_ids)
            wizard.surplus_count = len(wizard.conflict_ids._surplus())

    def action_void(self):
        self.check_access("write")
        self.conflict_ids._surplus()._void(self.reason)
        self.conflict_ids.unlink()
        return {"type": "ir.actions.act_window_close"}
