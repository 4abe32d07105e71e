from odoo import fields, models
from odoo.tools import SQL


class SppAttendanceScanBadge(models.Model):
    """Badges that nobody is known for, with how many scans wait for it.

    A query over the waiting scans, not a table.
    """

    _name = "spp.attendance.scan.badge"
    _description = "Unmatched Badge"
    _auto = False
    _order = "last_time DESC, id"
    _rec_name = "user_code"
    _depends = {
        "spp.attendance.scan": [
            "device_id",
            "company_id",
            "user_code",
            "scan_time",
            "state",
        ]
    }

    device_id = fields.Many2one("spp.attendance.device", string="Terminal")
    company_id = fields.Many2one("res.company")
    user_code = fields.Char(string="Badge")
    scan_count = fields.Integer(string="Scans")
    first_time = fields.Datetime(string="First Scan")
    last_time = fields.Datetime(string="Last Scan")

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT min(id) AS id, device_id, company_id, user_code,
                   count(*)::int AS scan_count,
                   min(scan_time) AS first_time, max(scan_time) AS last_time
              FROM spp_attendance_scan
             WHERE state = 'unmatched'
          GROUP BY device_id, company_id, user_code
            """
        )

    def action_assign(self):
        self.ensure_one()
        return self.env["spp.attendance.scan"]._action_assign(
            self.device_id, self.user_code
        )
