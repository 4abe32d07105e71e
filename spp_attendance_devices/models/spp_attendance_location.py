from odoo import models


class SppAttendanceLocation(models.Model):
    _inherit = "spp.attendance.location"
