from odoo import http

from odoo.addons.spp_oauth.api import api_route

from ..api.timesheet_file import TimesheetFileQuery
from ..workbook import CONTENT_TYPE


class AttendanceTimesheetFileController(http.Controller):
    @api_route(
        "/api/attendance/timesheet.xlsx",
        methods=["GET"],
        scope="attendance:read",
        query=TimesheetFileQuery,
        produces=[CONTENT_TYPE],
        readonly=True,
        tags=["Days"],
    )
    def xlsx_timesheet(self, query):
        """Get a month of people as a workbook for Excel.

        A line a person and a column a day, by name: a sheet of statuses, one of hours,
        two of overtime and one of times, each with the totals of the person.
        """
        return self.env["spp.attendance.timesheet"]._api_xlsx(query)
