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
        responses={207: RecordBatchOut, 422: RecordBatchOut},
        max_body=MAX_BODY,
        tags=["Records"],
    )
    def create_records(self, body):
        """Record what happened.

        Items stand for themselves: one that is rejected, because the person is not
        known for instance, costs the sender none of the others. `results` are in the
        order of the items. The status is 200 when all were recorded or were there
        already, 207 when some were rejected, 422 when all were.
        """
        return self.env["spp.attendance.record"]._api_create(body)

    @api_route(
        "/api/attendance/records",
        methods=["GET"],
        scope="attendance:read",
        query=RecordQuery,
        response=RecordPage,
        readonly=True,
        tags=["Records"],
    )
    def list_records(self, query):
        """List records, newest first.

        Those that the caller may see and that fit all filters. To go on, repeat the
        request with `cursor` set to the `next` of the answer.
        """
        return self.env["spp.attendance.record"]._api_list(query)
