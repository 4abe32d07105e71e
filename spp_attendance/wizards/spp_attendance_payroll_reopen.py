from odoo import fields, models


class SppAttendancePayrollReopen(models.TransientModel):
    """Ask why a closed payroll period is reopened, for those who audit it."""

    _name = "spp.attendance.payroll.reopen"
    _description = "Reopen a Payroll Period"

    period_id = fields.Many2one(
        "spp.attendance.payroll.period",
        required=True,
        readonly=True,
        ondelete="cascade",
    )
    reason = fields.Char(required=True)

    def action_reopen(self):
        self.check_access("write")
        self.period_id._reopen(self.reason)
        return {"type": "ir.actions.act_window_close"}
