from odoo import http

from odoo.addons.spp_oauth.api import api_route

from ..api.sheets import SheetQuery
from ..workbook import CONTENT_TYPE

CSV = "text/csv"


class AttendanceSheetController(http.Controller):
    @api_route(
        "/api/attendance/records.csv",
        methods=["GET"],
        scope="attendance:read",
        query=SheetQuery,
        produces=[CSV],
        readonly=True,
        tags=["Records"],
    )
    def csv_sheet(self, query):
        """Get the plain sheet, oldest first, as it is now.

        One line a record that the caller may see and that fits all filters, below the
        heading `Timestamp,Employee_ID,Name,Status`: ISO 8601 local time with offset,
        and `Present` or `Absent`. A text that a spreadsheet would take for a formula
        has an apostrophe before it. `Content-Length` tells whether all of it arrived.
        """
        return self.env["spp.attendance.sheet"]._api_csv(query)

    @api_route(
        "/api/attendance/records.xlsx",
        methods=["GET"],
        scope="attendance:read",
        query=SheetQuery,
        produces=[CONTENT_TYPE],
        readonly=True,
        errors=[422],
        tags=["Records"],
    )
    def xlsx_sheet(self, query):
        """Get the plain sheet as a workbook for Excel, oldest first.

        422 when it has more rows than a workbook takes.
        """
        return self.env["spp.attendance.sheet"]._api_xlsx(query)
