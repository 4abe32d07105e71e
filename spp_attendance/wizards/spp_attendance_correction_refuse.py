from odoo import fields, models


class SppAttendanceCorrectionRefuse(models.TransientModel):
    """Ask why requests are refused, for those who made them."""

    _name = "spp.attendance.correction.refuse"
    _description = "Refuse Corrections"

    correction_ids = fields.Many2many("spp.attendance.correction", required=True)
    reason = fields.Char(required=True)

    def action_refuse(self):
        self.correction_ids._refuse(self.reason)
        return {"type": "ir.actions.act_window_close"}
