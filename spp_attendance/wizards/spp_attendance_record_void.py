from odoo import api, fields, models


class SppAttendanceRecordVoid(models.TransientModel):
    """Ask why records are voided, for those who will see them later."""

    _name = "spp.attendance.record.void"
    _description = "Void Attendance Records"

    record_ids = fields.Many2many(
        "spp.attendance.record", required=True, context={"active_test": False}
    )
    record_count = fields.Integer(compute="_compute_record_count")
    reason = fields.Char(required=True)

    @api.depends("record_ids.active")
    def _compute_record_count(self):
        for wizard in self:
            wizard.record_count = len(wizard.record_ids.filtered("active"))

    def action_void(self):
        # Who was voided before keeps the reason he has.
        self.record_ids.filtered("active")._void(self.reason)
        return {"type": "ir.actions.act_window_close"}
