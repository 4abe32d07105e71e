from odoo import fields, models
from odoo.tools import SQL

from ..payroll import KEPT, kept_columns, period_of, prepare, row_id
from .spp_attendance_day import STATUSES
from .spp_attendance_payroll_person import PERIODS


class SppAttendancePayrollDay(models.Model):
    """A day of a closed period: as it was then, and as it is now. No table."""

    _name = "spp.attendance.payroll.day"
    _description = "Day of a Closed Payroll Period"
    _auto = False
    _order = "date, subscriber_id, id"
    _rec_name = "date"
    _depends = {
        "spp.attendance.payroll.period": ["date_from", "date_to", "state"],
        "spp.attendance.payroll.line": ["period_id", "subscriber_id", "is_void"],
        "spp.attendance.day": [name for name, _kind in KEPT],
    }

    period_id = fields.Many2one("spp.attendance.payroll.period", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    subscriber_id = fields.Many2one(
        "spp.attendance.subscriber", "Person", readonly=True
    )
    date = fields.Date(readonly=True)
    day_id = fields.Many2one("spp.attendance.day", readonly=True)
    status = fields.Selection(STATUSES, readonly=True)
    status_now = fields.Selection(STATUSES, readonly=True)
    leave_code = fields.Char("Leave", readonly=True)
    leave_code_now = fields.Char("Leave Now", readonly=True)
    hours = fields.Float("Working Hours", readonly=True, digits=(16, 2))
    hours_now = fields.Float("Working Hours Now", readonly=True, digits=(16, 2))
    overtime_hours = fields.Float("Overtime", readonly=True, digits=(16, 2))
    overtime_hours_now = fields.Float("Overtime Now", readonly=True, digits=(16, 2))
    extra_overtime_hours = fields.Float("Extra Overtime", readonly=True, digits=(16, 2))
    extra_overtime_hours_now = fields.Float(
        "Extra Overtime Now", readonly=True, digits=(16, 2)
    )
    snacks_eligible = fields.Boolean("Snacks", readonly=True)
    snacks_eligible_now = fields.Boolean("Snacks Now", readonly=True)
    night_bill_eligible = fields.Boolean("Night Bill", readonly=True)
    night_bill_eligible_now = fields.Boolean("Night Bill Now", readonly=True)
    differs = fields.Boolean("Changed Since", readonly=True)

    def fetch(self, field_names=None):
        # Else each read would look at all days of all periods.
        numbers = sorted({period_of(number) for number in self._ids if number})
        limited = self.with_context(**{PERIODS: numbers})
        return super(SppAttendancePayrollDay, limited).fetch(field_names)

    @property
    def _table_query(self):
        prepare(self.env.cr)
        people = self.env["spp.attendance.payroll.person"]
        values, same = [], []
        for name, kind in KEPT:
            old, new = SQL.identifier("k", name), SQL.identifier("d", name)
            if kind in ("int4", "bool"):
                nothing = 0 if kind == "int4" else False
                old = SQL("COALESCE(%s, %s)", old, nothing)
                new = SQL("COALESCE(%s, %s)", new, nothing)
            if name == "date":
                continue
            same.append(SQL("%s IS DISTINCT FROM %s", old, new))
            if name.endswith("_minutes"):
                name = name.removesuffix("_minutes")
                name = "hours" if name == "working" else f"{name}_hours"
                old, new = SQL("%s / 60.0", old), SQL("%s / 60.0", new)
            if name in self._fields:
                values.append(SQL("%s AS %s", old, SQL.identifier(name)))
                values.append(SQL("%s AS %s", new, SQL.identifier(f"{name}_now")))
        return SQL(
            """
            SELECT %(id)s AS id, both_days.*
              FROM (SELECT COALESCE(k.period_id, d.period_id) AS period_id,
                           COALESCE(k.subscriber_id, d.subscriber_id) AS subscriber_id,
                           COALESCE(k.date, d.date) AS date,
                           p.company_id, d.day_id, %(values)s,
                           (%(differs)s) AS differs
                      FROM (%(closed)s) k
                 FULL JOIN (SELECT m.period_id, m.subscriber_id, d.id AS day_id,
                                   %(columns)s
                              FROM (%(members)s) m
                              JOIN spp_attendance_payroll_period p
                                ON p.id = m.period_id AND p.state = 'closed'
                              JOIN spp_attendance_day d
                                ON d.subscriber_id = m.subscriber_id
                               AND d.date BETWEEN p.date_from AND p.date_to) d
                        ON d.period_id = k.period_id AND d.date = k.date
                       AND d.subscriber_id = k.subscriber_id
                      JOIN spp_attendance_payroll_period p
                        ON p.id = COALESCE(k.period_id, d.period_id)) both_days
            """,
            id=row_id(
                "both_days.period_id", "both_days.subscriber_id", "both_days.date"
            ),
            values=SQL(", ").join(values),
            differs=SQL(" OR ").join(same),
            closed=people._closed_days_sql(),
            members=people._members_sql(),
            columns=kept_columns("d"),
        )
