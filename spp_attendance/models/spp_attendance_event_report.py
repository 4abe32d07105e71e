from odoo import fields, models
from odoo.tools import SQL


class SppAttendanceEventReport(models.Model):
    """One row a person on the list of an event, for pivot and graph."""

    _name = "spp.attendance.event.report"
    _description = "Attendance Event Analysis"
    _auto = False
    _order = "local_date desc, id desc"
    _rec_name = "subscriber_id"
    _depends = {
        "spp.attendance.event": ["local_date", "type_id", "location_id", "active"],
        "spp.attendance.event.line": ["event_id", "subscriber_id", "is_expected"],
        "spp.attendance.location": ["parent_path"],
        "spp.attendance.subscriber": ["department_id"],
        "spp.attendance.record": [
            "subscriber_id",
            "active",
            "category",
            "date_time",
            "local_date",
            "location_id",
            "type_id",
        ],
    }

    event_id = fields.Many2one("spp.attendance.event", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    active = fields.Boolean(readonly=True)
    local_date = fields.Date("Date", readonly=True)
    type_id = fields.Many2one("spp.attendance.type", readonly=True)
    location_id = fields.Many2one("spp.attendance.location", readonly=True)
    subscriber_id = fields.Many2one(
        "spp.attendance.subscriber", "Person", readonly=True
    )
    department_id = fields.Many2one("spp.attendance.department", readonly=True)
    mark = fields.Selection(
        [("present", "Present"), ("absent", "Absent")], readonly=True
    )
    expected = fields.Integer(readonly=True)
    came = fields.Integer(readonly=True, help="Of those who were expected.")
    absent = fields.Integer(readonly=True)
    unmarked = fields.Integer("Not Marked", readonly=True)
    extra = fields.Integer("Came Unexpected", readonly=True)
    came_share = fields.Float(
        "Share",
        readonly=True,
        aggregator="avg",
        help="Those who came, of those who were expected.",
    )

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT s.id,
                   s.event_id,
                   e.company_id,
                   e.active,
                   e.local_date,
                   e.type_id,
                   e.location_id,
                   s.subscriber_id,
                   p.department_id,
                   s.mark,
                   s.is_expected::int AS expected,
                   (s.is_expected AND s.mark IS NOT DISTINCT FROM 'present')::int
                       AS came,
                   (s.is_expected AND s.mark IS NOT DISTINCT FROM 'absent')::int
                       AS absent,
                   (s.is_expected AND s.mark IS NULL)::int AS unmarked,
                   (NOT s.is_expected AND s.mark IS NOT DISTINCT FROM 'present')::int
                       AS extra,
                   CASE WHEN s.is_expected
                        THEN (s.mark IS NOT DISTINCT FROM 'present')::int::float8
                   END AS came_share
              FROM (%s) s
              JOIN spp_attendance_event e ON e.id = s.event_id
              JOIN spp_attendance_subscriber p ON p.id = s.subscriber_id
            """,
            self.env["spp.attendance.event.line"]._statuses_sql(),
        )
