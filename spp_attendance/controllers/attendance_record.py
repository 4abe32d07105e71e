from odoo import http

from odoo.addons.spp_oauth.api import api_route

from ..api import RecordBatchIn, RecordBatchOut, RecordPage, RecordQuery

#: 5,000 records with long descriptions still fit; a runaway body doesn't.
MAX_BODY = 8 * 1024 * 1024


class AttendanceRecordController(http.Controller):
    @api_route(
        "/api/attendance/records",
        methods=["POST"],
        scope="attendance:write",
        body=RecordBatchIn,
        response=RecordBatchOut,
        max_body=MAX_BODY,
    )
    def create_records(self, body):
        return self.env["spp.attendance.record"]._api_create(body)

    @api_route(
        "/api/attendance/records",
        methods=["GET"],
        scope="attendance:read",
        query=RecordQuery,
        response=RecordPage,
        readonly=True,
    )
    def list_records(self, query):
        return self.env["spp.attendance.record"]._api_list(query)
