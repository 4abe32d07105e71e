from typing import NamedTuple

from odoo import api, models
from odoo.tools import SQL


class TimesheetDay(NamedTuple):
    """A day as timesheets show it; instants in naive UTC, durations in minutes."""

    id: int
    subscriber_id: int
    date: object
    tz: str
    status: str | None
    status_code: str | None
    abbreviation: str | None
    day_type: str
    leave_code: str | None
    leave_hundredths: int
    first_check_in: object
    last_check_out: object
    working_minutes: int
    net_minutes: int
    overtime_minutes: int
    extra_overtime_minutes: int
    expected_minutes: int
    late_minutes: int
    early_exit_minutes: int
    snacks_eligible: bool
    night_bill_eligible: bool
    scan_count: int
    missing_in: bool
    missing_out: bool
    needs_review: bool
    is_locked: bool
    is_edited: bool
    differs: bool


class SppAttendanceTimesheet(models.AbstractModel):
    """Days of many people at once, read past the ORM but by its rules."""

    _name = "spp.attendance.timesheet"
    _description = "Timesheet"

    @api.model
    def _days(self, people, date_from, date_to):
        """The days of people that the user may read, by one statement.

        :param list people: ids of subscribers
        :param date date_from: the first day
        :param date date_to: the last day
        :return: ``{subscriber id: {date: TimesheetDay}}``, with an entry for each of
            ``people``
        """
        days = self.env["spp.attendance.day"]
        days.flush_model()
        query = days._search(
            [
                ("subscriber_id", "in", list(people)),
                ("date", ">=", date_from),
                ("date", "<=", date_to),
            ],
            order="id",
        )
        names = [SQL.identifier(query.table, name) for name in TimesheetDay._fields]
        found = {person: {} for person in people}
        for row in self.env.execute_query(query.select(*names)):
            day = TimesheetDay(*row)
            found[day.subscriber_id][day.date] = day
        return found
