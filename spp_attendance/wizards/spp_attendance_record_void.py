from odoo import fields, models


class SppAttendanceRecordVoid(models.TransientModel):
    _name = "spp.attendance.record.void"
    _description = "Void Attendance Records"

    record_ids = fields.Many2many("spp.attendance.record", required=True)
    reason = fields.Char(required=True)

    def action_void(self):
        self.record_ids._void(self.reason)
        return {"type": "ir.actions.act_window_close"}
