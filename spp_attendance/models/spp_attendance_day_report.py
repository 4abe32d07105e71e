from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from .spp_attendance_day import STATUSES


class SppAttendanceDayReport(models.Model):
    """Days to be counted: each with what it adds to hours, statuses and allowances.

    A row is a day and has its id. The rows are a query of the user's own on days, so
    nobody counts here what he may not see there. Durations are hours.
    """

    _name = "spp.attendance.day.report"
    _description = "Days Analysis"
    _order = "date desc, id desc"
    _auto = False

    #: Columns taken from the day as they are.
    _DAY_COLUMNS = (
        "id",
        "subscriber_id",
        "company_id",
        "department_id",
        "location_id",
        "shift_id",
        "level_of_work",
        "date",
        "status",
        "day_type",
        "leave_code",
        "is_closed",
        "needs_review",
    )
    #: What the other columns are made of.
    _DAY_FIGURES = (
        "expected_minutes",
        "net_minutes",
        "working_minutes",
        "overtime_minutes",
        "extra_overtime_minutes",
        "late_minutes",
        "early_exit_minutes",
        "leave_hundredths",
        "snacks_eligible",
        "night_bill_eligible",
        "missing_in",
        "missing_out",
    )

    day_id = fields.Many2one("spp.attendance.day", readonly=True)
    subscriber_id = fields.Many2one(
        "spp.attendance.subscriber", string="Person", readonly=True
    )
    person_identifier = fields.Char(
        related="subscriber_id.person_identifier", string="Identifier"
    )
    designation = fields.Char(related="subscriber_id.designation")
    company_id = fields.Many2one("res.company", readonly=True)
    department_id = fields.Many2one("spp.attendance.department", readonly=True)
    location_id = fields.Many2one("spp.attendance.location", readonly=True)
    area_ids = fields.Many2many(
        related="location_id.area_ids",
        string="Area",
        help="The location and all that it is part of: a day counts in each.",
    )
    shift_id = fields.Many2one("spp.attendance.shift", readonly=True)
    level_of_work = fields.Selection(
        selection=lambda self: self._selection_of_day("level_of_work"),
        string="Level of Work",
        readonly=True,
    )
    date = fields.Date(readonly=True)
    status = fields.Selection(STATUSES, readonly=True)
    day_type = fields.Selection(
        selection=lambda self: self._selection_of_day("day_type"),
        string="Kind of Day",
        readonly=True,
    )
    leave_code = fields.Char("Leave", readonly=True)
    is_closed = fields.Boolean("Final", readonly=True)
    needs_review = fields.Boolean(readonly=True)
    check_in_time = fields.Char(related="day_id.check_in_time")
    check_out_time = fields.Char(related="day_id.check_out_time")

    people = fields.Integer(aggregator="count_distinct", readonly=True)
    days_present = fields.Integer(readonly=True)
    days_on_time = fields.Integer("On Time", readonly=True)
    days_considered = fields.Integer("Considered", readonly=True)
    days_late = fields.Integer("Late", readonly=True)
    days_absent = fields.Integer("Absent", readonly=True)
    days_leave = fields.Float(
        "Days of Leave", readonly=True, help="Half a day of leave counts half."
    )
    present_rate = fields.Float(
        "Present (%)",
        aggregator="avg",
        readonly=True,
        help="Days with somebody present, of those with somebody present or absent.",
    )
    late_rate = fields.Float(
        "Late (%)",
        aggregator="avg",
        readonly=True,
        help="Late days, of the days present.",
    )
    minutes_late = fields.Float(
        "Average Minutes Late",
        aggregator="avg",
        readonly=True,
        help="Of those who were late.",
    )
    missing_punches = fields.Integer(
        "Incomplete Days",
        readonly=True,
        help="Days with only a check-in or only a check-out.",
    )
    expected_hours = fields.Float(readonly=True)
    net_hours = fields.Float(
        "Hours Present", readonly=True, help="From in to out, without the break."
    )
    working_hours = fields.Float(readonly=True, help="As the shift counts them.")
    overtime_hours = fields.Float("Overtime", readonly=True)
    extra_overtime_hours = fields.Float("Extra Overtime", readonly=True)
    balance_hours = fields.Float(
        "Balance of Hours",
        readonly=True,
        help="Hours present less expected hours, of days that are over.",
    )
    late_hours = fields.Float("Hours Late", readonly=True)
    early_exit_hours = fields.Float("Hours Left Early", readonly=True)
    snacks = fields.Integer(readonly=True)
    night_bills = fields.Integer(readonly=True)

    @api.model
    def _selection_of_day(self, name):
        return (
            self.env["spp.attendance.day"]
            ._fields[name]
            ._description_selection(self.env)
        )

    @property
    def _table_query(self):
        days = self.env["spp.attendance.day"]
        visible = days._search(Domain.TRUE)
        columns = [
            SQL(
                "%s AS %s",
                days._field_to_sql(visible.table, name, visible),
                SQL.identifier(name),
            )
            for name in self._DAY_COLUMNS + self._DAY_FIGURES
        ]
        return SQL(
            """
            SELECT %(kept)s, d.id AS day_id, d.subscriber_id AS people,
                   (%(present)s)::int AS days_present,
                   (d.status = 'on_time')::int AS days_on_time,
                   (d.status = 'considered')::int AS days_considered,
                   (d.status = 'late')::int AS days_late,
                   (d.status = 'absent')::int AS days_absent,
                   d.leave_hundredths / 100.0 AS days_leave,
                   CASE WHEN %(present)s THEN 100.0
                        WHEN d.status = 'absent' THEN 0.0 END AS present_rate,
                   CASE WHEN d.status = 'late' THEN 100.0
                        WHEN %(present)s THEN 0.0 END AS late_rate,
                   CASE WHEN d.status = 'late' THEN d.late_minutes END::float8
                       AS minutes_late,
                   (d.missing_in OR d.missing_out)::int AS missing_punches,
                   d.expected_minutes / 60.0 AS expected_hours,
                   d.net_minutes / 60.0 AS net_hours,
                   d.working_minutes / 60.0 AS working_hours,
                   d.overtime_minutes / 60.0 AS overtime_hours,
                   d.extra_overtime_minutes / 60.0 AS extra_overtime_hours,
                   CASE WHEN d.is_closed
                        THEN (d.net_minutes - d.expected_minutes) / 60.0
                        ELSE 0 END AS balance_hours,
                   CASE WHEN d.status = 'late' THEN d.late_minutes ELSE 0 END / 60.0
                       AS late_hours,
                   d.early_exit_minutes / 60.0 AS early_exit_hours,
                   d.snacks_eligible::int AS snacks,
                   d.night_bill_eligible::int AS night_bills
              FROM (%(days)s) AS d
            """,
            kept=SQL(", ").join(
                SQL("d.%s", SQL.identifier(name)) for name in self._DAY_COLUMNS
            ),
            present=SQL("d.status IN ('on_time', 'considered', 'late')"),
            days=visible.select(*columns),
        )

    def action_open_day(self):
        """The day itself, with its records and what was decided."""
        self.check_access("read")
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "spp.attendance.day",
            "view_mode": "form",
            "views": [(False, "form")],
            "res_id": self.id,
        }

    def _eligible_pages(self):
        """Those of these who get something, as lists to be signed.

        :return: a dict a date, company and department: ``date``, ``company``,
            ``department`` and ``rows`` by name
        """
        eligible = self.filtered(lambda day: day.snacks or day.night_bills)
        pages = eligible.grouped(
            lambda day: (day.date, day.company_id, day.department_id)
        )
        return [
            {
                "date": date,
                "company": company,
                "department": department,
                "rows": rows.sorted(lambda day: day.subscriber_id.name or ""),
            }
            for (date, company, department), rows in sorted(
                pages.items(),
                key=lambda page: (
                    page[0][0],
                    page[0][1].name,
                    page[0][2].display_name or "",
                ),
            )
        ]
