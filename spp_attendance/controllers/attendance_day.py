from odoo import http

from odoo.addons.spp_oauth.api import api_route

from ..api.days import (
    DayDeleteQuery,
    DayIn,
    DayOut,
    DayPage,
    DayPatch,
    DayPut,
    DayQuery,
    RecomputeIn,
    RecomputeOut,
    StatisticsOut,
    StatisticsQuery,
    SummaryList,
    SummaryQuery,
    TimesheetPage,
    TimesheetQuery,
)

_BASE = "/api/attendance/daily-attendance"
_ONE = f"{_BASE}/<int:day_id>"
_READ = {
    "methods": ["GET"],
    "scope": "attendance:read",
    "readonly": True,
    "tags": ["Days"],
}
_DECIDE = {"scope": "days:write", "tags": ["Days"]}


class AttendanceDayController(http.Controller):
    """Days of work. Each address answers with a slash at its end as well."""

    @api_route(_BASE, query=DayQuery, response=DayPage, **_READ)
    def list_days(self, query):
        """List days, the last ones first.

        Those that the caller may see and that fit all filters. Hours have two
        decimals; `working_hours` is what the shift calls so, `total_working_hours` all
        but breaks.
        """
        return self.env["spp.attendance.day"]._api_list(query)

    @api_route(
        _BASE, methods=["POST"], body=DayIn, response=DayOut, status=201, **_DECIDE
    )
    def create_day(self, body):
        """Say what a day was of which nothing is known.

        A conflict (409) when there is one of this person and date: change that. What is
        left out follows from what is given. Who said so, and when, is kept.
        """
        return self.env["spp.attendance.day"]._api_add(body)

    @api_route(_ONE, response=DayOut, etag=True, **_READ)
    def read_day(self, day_id):
        """Get a day."""
        return self.env["spp.attendance.day"]._api_get(day_id)

    @api_route(
        _ONE,
        methods=["PUT"],
        body=DayPut,
        response=DayOut,
        responses={204: None},
        **_DECIDE,
    )
    def replace_day(self, day_id, body):
        """Say what a day was, in the place of all that was said of it before.

        What is left out, or given as it is by the records, is as it is by them, now and
        after later records. So a day can be sent back as it was read with one thing
        changed. Conflict (409): it is locked. 204: nothing is known of it any more.
        """
        return self.env["spp.attendance.day"]._api_put(day_id, body)

    @api_route(
        _ONE,
        methods=["PATCH"],
        body=DayPatch,
        response=DayOut,
        responses={204: None},
        **_DECIDE,
    )
    def change_day(self, day_id, body):
        """Say something of a day, beside what was said of it before.

        Conflict (409): it is locked. 204: nothing is known of it any more.
        """
        return self.env["spp.attendance.day"]._api_patch(day_id, body)

    @api_route(
        _ONE,
        methods=["DELETE"],
        query=DayDeleteQuery,
        response=DayOut,
        responses={204: None},
        **_DECIDE,
    )
    def delete_day(self, day_id, query):
        """Take back what was said of a day, and compute it again.

        No record is lost: the answer is the day as it is by them, or 204 if nothing is
        known of it. Conflict (409): it is locked.
        """
        return self.env["spp.attendance.day"]._api_take_back(day_id, query)

    @api_route(f"{_BASE}/summary", query=SummaryQuery, response=SummaryList, **_READ)
    def summarize_day(self, query):
        """Sum up a day.

        A list with an entry for each person that the caller may see and who works on
        that day, also if nothing is known of it yet. Times are those of the clock
        where the person works. Without a `date`, or with one that is none: 400.
        """
        return self.env["spp.attendance.day"]._api_summary(query)

    @api_route(
        f"{_BASE}/recompute",
        methods=["POST"],
        body=RecomputeIn,
        response=RecomputeOut,
        status=202,
        **_DECIDE,
    )
    def recompute_days(self, body):
        """Have days computed again from their records.

        In the background, within moments for few of them. What was decided stays, and
        so do days that are locked. Without `employees`, `department` and `location`:
        of everybody.
        """
        return self.env["spp.attendance.day"]._api_recompute(body)

    @api_route(
        "/api/attendance/timesheet",
        query=TimesheetQuery,
        response=TimesheetPage,
        **_READ,
    )
    def read_timesheet(self, query):
        """Get timesheets of a month.

        One a person, with every day of the month; of days that are none `status` is
        null. Without a `month`, or with one that is none: 400.
        """
        return self.env["spp.attendance.day"]._api_timesheet(query)

    @api_route(
        "/api/attendance/statistics",
        query=StatisticsQuery,
        response=StatisticsOut,
        **_READ,
    )
    def read_statistics(self, query):
        """Get figures of a day, or of several.

        Of today unless told otherwise, and of people and days that the caller may see.
        """
        return self.env["spp.attendance.day"]._api_statistics(query)
