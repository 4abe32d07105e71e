from odoo import fields, models


class SppAttendanceSettings(models.TransientModel):
    _inherit = "spp.attendance.settings"

    attendance_scan_window = fields.Integer("Same Scan Within (s)", required=True)
    attendance_drift_limit = fields.Integer("Clock Off by (s)", required=True)
    attendance_silent_hours = fields.Integer("Silent for (h)", required=True)
    attendance_terminal_networks = fields.Text("Networks of Terminals")
