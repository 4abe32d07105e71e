from odoo import http
from odoo.http import Response, request

from odoo.addons.spp_oauth.api import JSON, NDJSON, api_route

from ..api import (
    RecordBatchIn,
    RecordBatchOut,
    RecordLine,
    RecordOut,
    RecordPage,
    RecordPatch,
    RecordQuery,
    RecordStreamIn,
    VoidIn,
)

#: 5,000 records with long descriptions still fit; a runaway body doesn't.
MAX_BODY = 8 * 1024 * 1024
#: The same for 10,000.
MAX_STREAM_BODY = 2 * MAX_BODY


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
        "/api/attendance/records/batch",
        methods=["POST"],
        scope="attendance:write",
        body=RecordStreamIn,
        consumes=[JSON, NDJSON],
        response=RecordLine,
        produces=[NDJSON],
        max_body=MAX_STREAM_BODY,
        idempotent=False,
        tags=["Records"],
    )
    def stream_records(self, body):
        """Record many facts, answered line by line.

        Up to 10,000 items, as JSON or one a line (`application/x-ndjson`). The answer
        has a line for each, in their order, as soon as it is stored for good; a
        thousand are stored at a time. The last line says `"done": true` and how many
        there were of each status. An answer that ends without it was cut off, or ends
        with an `error`: send all of it again. What has an `external_id` and was stored
        is then told as a duplicate, with the id that it has.
        """
        records = self.env["spp.attendance.record"]
        lines = records._api_batch(body, request.dispatcher.request_id)
        return Response(lines, content_type=NDJSON)

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

    @api_route(
        "/api/attendance/records/<int:record_id>",
        methods=["GET"],
        scope="attendance:read",
        response=RecordOut,
        readonly=True,
        etag=True,
        tags=["Records"],
    )
    def read_record(self, record_id):
        """Get a record, void or not."""
        return self.env["spp.attendance.record"]._api_get(record_id)

    @api_route(
        "/api/attendance/records/<int:record_id>",
        methods=["PATCH"],
        scope="attendance:write",
        body=RecordPatch,
        response=RecordOut,
        tags=["Records"],
    )
    def change_record(self, record_id, body):
        """Correct a record.

        What is left out stays as it is; `null` empties. Who corrected what, and when,
        is kept. A record of another person is not this one corrected: void it.
        """
        return self.env["spp.attendance.record"]._api_patch(record_id, body)

    @api_route(
        "/api/attendance/records/<int:record_id>/void",
        methods=["POST"],
        scope="attendance:write",
        body=VoidIn,
        response=RecordOut,
        tags=["Records"],
    )
    def void_record(self, record_id, body):
        """Void a record that should not be there.

        It leaves every list and makes place for the right one; nothing is deleted. Of
        a record that is void already the first reason stands.
        """
        return self.env["spp.attendance.record"]._api_void(record_id, body)

    @api_route(
        "/api/attendance/records/<int:record_id>/restore",
        methods=["POST"],
        scope="attendance:write",
        response=RecordOut,
        tags=["Records"],
    )
    def restore_record(self, record_id):
        """Make a void record count again.

        A conflict (409) when another one has taken its place.
        """
        return self.env["spp.attendance.record"]._api_restore(record_id)
