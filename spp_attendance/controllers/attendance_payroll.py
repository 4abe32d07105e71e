from odoo import http

from odoo.addons.spp_oauth.api import api_route

from ..api.payroll import PayrollFileQuery, PayrollPage, PayrollQuery
from ..workbook import CONTENT_TYPE
from .attendance_sheet import CSV

_READ = {
    "methods": ["GET"],
    "scope": "attendance:read",
    "readonly": True,
    "tags": ["Payroll"],
    "errors": [404],
}


class AttendancePayrollController(http.Controller):
    @api_route(
        ["/api/attendance/payroll", "/api/attendance/payroll/"],
        query=PayrollQuery,
        response=PayrollPage,
        **_READ,
    )
    def list_payroll(self, query):
        """Get what people have in some days: days by status, hours, leave.

        Days that are in a closed payroll period count as they did when it was closed;
        `differences` says what has changed since. People by identifier; those without
        any day are left out. For managers and apps.
        """
        return self.env["spp.attendance.payroll"]._api_list(query)

    @api_route(
        "/api/attendance/payroll.csv", query=PayrollFileQuery, produces=[CSV], **_READ
    )
    def csv_payroll(self, query):
        """Get the same as CSV, one line a person.

        Hours and days of leave with a decimal point; one column a kind of leave. A text
        that a spreadsheet would take for a formula has an apostrophe before it.
        """
        return self.env["spp.attendance.payroll"]._api_csv(query)

    @api_route(
        "/api/attendance/payroll.xlsx",
        query=PayrollFileQuery,
        produces=[CONTENT_TYPE],
        **_READ,
    )
    def xlsx_payroll(self, query):
        """Get the same as a workbook for Excel, with a page of what changed since."""
        return self.env["spp.attendance.payroll"]._api_xlsx(query)
