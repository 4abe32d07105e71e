from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    attendance_tz = fields.Selection(related="company_id.attendance_tz", readonly=False)
    attendance_unique_date = fields.Boolean(
        related="company_id.attendance_unique_date", readonly=False
    )
    attendance_unique_time = fields.Boolean(
        related="company_id.attendance_unique_time", readonly=False
    )
    attendance_unique_type = fields.Boolean(
        related="company_id.attendance_unique_type", readonly=False
    )
    attendance_unique_location = fields.Boolean(
        related="company_id.attendance_unique_location", readonly=False
    )
