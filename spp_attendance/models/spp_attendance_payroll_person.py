from odoo import fields, models
from odoo.tools import SQL

from ..payroll import (
    DOUBTS,
    NAMES_OF_FIGURES,
    compared,
    kept_columns,
    kept_days,
    period_of,
    prepare,
    row_id,
    totals,
)

#: Which periods a screen is about, in the context: others are not computed.
PERIODS = "spp_payroll_periods"

#: Figures that are shown as hours.
_HOURS = {
    "working_minutes": "hours",
    "expected_minutes": "expected_hours",
    "overtime_minutes": "overtime_hours",
    "extra_overtime_minutes": "extra_overtime_hours",
}


class SppAttendancePayrollPerson(models.Model):
    """What somebody has in a period: now, or as it was closed and what is more since.

    No table: the period's lines beside what days come to at this moment.
    """

    _name = "spp.attendance.payroll.person"
    _description = "Payroll by Person"
    _auto = False
    _order = "period_id desc, person_name, id"
    _rec_name = "subscriber_id"
    _depends = {
        "spp.attendance.payroll.period": [
            "company_id",
            "department_id",
            "location_id",
            "date_from",
            "date_to",
            "state",
        ],
        "spp.attendance.payroll.line": ["period_id", "subscriber_id", "is_void"],
        "spp.attendance.subscriber": ["department_id", "location_id", "level_of_work"],
        "res.partner": ["name"],
        "spp.attendance.department": ["parent_path"],
        "spp.attendance.location": ["parent_path"],
        "spp.attendance.day": [
            "subscriber_id",
            "date",
            "status",
            "leave_code",
            "working_minutes",
        ],
    }

    period_id = fields.Many2one("spp.attendance.payroll.period", readonly=True)
    state = fields.Selection(
        [("open", "Open"), ("closed", "Closed")], "Period State", readonly=True
    )
    company_id = fields.Many2one("res.company", readonly=True)
    subscriber_id = fields.Many2one(
        "spp.attendance.subscriber", "Person", readonly=True
    )
    person_identifier = fields.Char("Identifier", readonly=True)
    person_name = fields.Char("Name", readonly=True)
    department_id = fields.Many2one("spp.attendance.department", readonly=True)
    location_id = fields.Many2one("spp.attendance.location", readonly=True)
    level_of_work = fields.Selection(
        [("worker", "Worker"), ("staff", "Staff")], "Level of Work", readonly=True
    )
    present_days = fields.Integer("Present", readonly=True)
    on_time_days = fields.Integer("On Time", readonly=True)
    considered_days = fields.Integer("Considered", readonly=True)
    late_days = fields.Integer("Late", readonly=True)
    absent_days = fields.Integer("Absent", readonly=True)
    leave_days = fields.Integer(
        "Whole Days of Leave", readonly=True, help="Without parts of days."
    )
    leave_total = fields.Float(
        "Leave", readonly=True, digits=(16, 2), help="Days, with parts of days."
    )
    leave_text = fields.Char("Kinds of Leave", readonly=True)
    holiday_days = fields.Integer("Holidays", readonly=True)
    weekend_days = fields.Integer("Weekends", readonly=True)
    hours = fields.Float("Working Hours", readonly=True, digits=(16, 2))
    expected_hours = fields.Float(readonly=True, digits=(16, 2))
    overtime_hours = fields.Float("Overtime", readonly=True, digits=(16, 2))
    extra_overtime_hours = fields.Float("Extra Overtime", readonly=True, digits=(16, 2))
    snacks_count = fields.Integer("Snacks", readonly=True)
    night_bill_count = fields.Integer("Night Bills", readonly=True)
    open_days = fields.Integer(
        "Days Not Final",
        readonly=True,
        help="Days that may still change as readings come in.",
    )
    doubts = fields.Integer(
        "Days to Review",
        readonly=True,
        help="Days with a missing check-in or check-out, a contradiction, or readings"
        " outside the day.",
    )
    differs = fields.Boolean(
        "Changed Since",
        readonly=True,
        help="Would be different today than when the period was closed.",
    )
    present_change = fields.Integer("Present (Change)", readonly=True)
    absent_change = fields.Integer("Absent (Change)", readonly=True)
    leave_change = fields.Float("Leave (Change)", readonly=True, digits=(16, 2))
    hours_change = fields.Float("Hours (Change)", readonly=True, digits=(16, 2))
    overtime_change = fields.Float("Overtime (Change)", readonly=True, digits=(16, 2))
    extra_overtime_change = fields.Float(
        "Extra Overtime (Change)", readonly=True, digits=(16, 2)
    )
    snacks_change = fields.Integer("Snacks (Change)", readonly=True)
    night_bill_change = fields.Integer("Night Bills (Change)", readonly=True)

    def fetch(self, field_names=None):
        # Else each read would compute all periods that there are.
        numbers = sorted({period_of(number) for number in self._ids if number})
        limited = self.with_context(**{PERIODS: numbers})
        return super(SppAttendancePayrollPerson, limited).fetch(field_names)

    def _of_periods(self, column):
        """SQL: whether a column is one of the periods that a screen is about."""
        wanted = self.env.context.get(PERIODS)
        if not wanted:
            return SQL("TRUE")
        return SQL("%s = ANY(%s)", SQL.identifier(*column.split(".")), list(wanted))

    def _members_sql(self):
        """SELECT of period_id and subscriber_id: who belongs to which period.

        Of a closed one those whom it was closed with, and whoever would come in now and
        is in no other.
        """
        return SQL(
            """
            SELECT l.period_id, l.subscriber_id
              FROM spp_attendance_payroll_line l
             WHERE NOT l.is_void AND %(lines)s
             UNION
            SELECT c.period_id, c.subscriber_id
              FROM (%(candidates)s) c
              JOIN spp_attendance_payroll_period p ON p.id = c.period_id
             WHERE EXISTS (
                   SELECT FROM spp_attendance_day d
                    WHERE d.subscriber_id = c.subscriber_id
                      AND d.date BETWEEN p.date_from AND p.date_to)
               AND (p.state = 'open' OR NOT EXISTS (
                   SELECT FROM spp_attendance_payroll_line o
                    WHERE o.subscriber_id = c.subscriber_id AND NOT o.is_void
                      AND o.date_from <= p.date_to AND o.date_to >= p.date_from))
            """,
            lines=self._of_periods("l.period_id"),
            candidates=self._candidates_sql(),
        )

    def _candidates_sql(self):
        """SELECT of period_id and subscriber_id: who is at home where a period is for,
        whether there are days of them or not."""
        return SQL(
            """
            SELECT p.id AS period_id, s.id AS subscriber_id
              FROM spp_attendance_payroll_period p
              JOIN spp_attendance_subscriber s ON s.company_id = p.company_id
         LEFT JOIN spp_attendance_department sd ON sd.id = s.department_id
         LEFT JOIN spp_attendance_department pd ON pd.id = p.department_id
         LEFT JOIN spp_attendance_location sl ON sl.id = s.location_id
         LEFT JOIN spp_attendance_location pl ON pl.id = p.location_id
             WHERE %s
               AND (p.department_id IS NULL
                    OR starts_with(sd.parent_path, pd.parent_path))
               AND (p.location_id IS NULL
                    OR starts_with(sl.parent_path, pl.parent_path))
            """,
            self._of_periods("p.id"),
        )

    def _live_days_sql(self):
        """SELECT of the days of those people as they are now."""
        return SQL(
            """
            SELECT m.period_id, m.subscriber_id, %(columns)s,
                   CASE p.state WHEN 'closed' THEN 'now' ELSE 'open' END AS part,
                   NOT d.is_closed AS is_open, %(doubt)s AS is_doubtful
              FROM (%(members)s) m
              JOIN spp_attendance_payroll_period p ON p.id = m.period_id
              JOIN spp_attendance_day d ON d.subscriber_id = m.subscriber_id
               AND d.date BETWEEN p.date_from AND p.date_to
            """,
            columns=kept_columns("d"),
            doubt=DOUBTS,
            members=self._members_sql(),
        )

    def _closed_days_sql(self):
        """SELECT of days as they were when their period was closed."""
        return SQL(
            """
            SELECT l.period_id, l.subscriber_id, k.*
              FROM spp_attendance_payroll_line l, %(days)s
             WHERE NOT l.is_void AND %(periods)s
            """,
            days=kept_days(SQL("l.days"), "k"),
            periods=self._of_periods("l.period_id"),
        )

    def _figures_sql(self):
        """SELECT of who is in which period, with the figures that count and what they
        are more by now; see :func:`..payroll.compared`."""
        names = SQL(", ").join(
            SQL.identifier(name) for name in (*NAMES_OF_FIGURES, "open_days", "doubts")
        )
        rows = SQL(
            """
            SELECT period_id, subscriber_id, part, %(names)s, leave
              FROM (%(live)s) live
         UNION ALL
            SELECT period_id, subscriber_id, 'closed', %(names)s, leave
              FROM spp_attendance_payroll_line
             WHERE NOT is_void AND %(periods)s
            """,
            names=names,
            live=totals(self._live_days_sql(), ("period_id", "subscriber_id", "part")),
            periods=self._of_periods("period_id"),
        )
        return SQL(
            """
            SELECT f.*, p.company_id, p.state, p.date_from, p.date_to
              FROM (%s) f
              JOIN spp_attendance_payroll_period p ON p.id = f.period_id
            """,
            compared(rows, ("period_id", "subscriber_id")),
        )

    @property
    def _table_query(self):
        prepare(self.env.cr)
        hours = [
            SQL(
                "f.%s / 60.0 AS %s, f.%s / 60.0 AS %s",
                SQL.identifier(minutes),
                SQL.identifier(name),
                SQL.identifier(f"{minutes}_change"),
                SQL.identifier(f"{name.removesuffix('_hours')}_change"),
            )
            for minutes, name in _HOURS.items()
        ]
        changed = SQL(" OR ").join(
            SQL("f.%s <> 0", SQL.identifier(f"{name}_change"))
            for name in NAMES_OF_FIGURES
        )
        return SQL(
            """
            SELECT %(id)s AS id, f.period_id, f.subscriber_id, f.company_id, f.state,
                   s.person_identifier, c.name AS person_name, s.department_id,
                   s.location_id, s.level_of_work, f.open_days, f.doubts,
                   f.on_time_days + f.considered_days + f.late_days AS present_days,
                   f.on_time_days, f.considered_days, f.late_days, f.absent_days,
                   f.leave_days, f.holiday_days, f.weekend_days,
                   f.leave_hundredths / 100.0 AS leave_total,
                   (SELECT string_agg(e.key || ' ' || (e.value::int4 / 100.0)::float8,
                                      ', ' ORDER BY e.key)
                      FROM jsonb_each_text(f.leave) e) AS leave_text,
                   f.snacks_count, f.night_bill_count, %(hours)s,
                   f.on_time_days_change + f.considered_days_change
                       + f.late_days_change AS present_change,
                   f.absent_days_change AS absent_change,
                   f.leave_hundredths_change / 100.0 AS leave_change,
                   f.snacks_count_change AS snacks_change,
                   f.night_bill_count_change AS night_bill_change,
                   (%(changed)s OR f.leave_changed) AS differs
              FROM (%(figures)s) f
              JOIN spp_attendance_subscriber s ON s.id = f.subscriber_id
              JOIN res_partner c ON c.id = s.partner_id
            """,
            id=row_id("f.period_id", "f.subscriber_id"),
            hours=SQL(", ").join(hours),
            changed=changed,
            figures=self._figures_sql(),
        )

    def action_open_days(self):
        """The days of that person in that period."""
        self.ensure_one()
        self.check_access("read")
        return self.period_id._open_days(self.subscriber_id)
