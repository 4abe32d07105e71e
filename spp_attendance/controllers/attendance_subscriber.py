from odoo import http
from odoo.http import Response, request

from odoo.addons.spp_oauth.api import JSON, NDJSON, api_route

from ..api import (
    PersonIn,
    SubscriberBatchLine,
    SubscriberOut,
    SubscriberPage,
    SubscriberPatch,
    SubscriberQuery,
    SubscriberStreamIn,
)

#: 10,000 people with all that can be said of them.
MAX_BODY = 16 * 1024 * 1024


class AttendanceSubscriberController(http.Controller):
    @api_route(
        "/api/attendance/subscribers",
        methods=["GET"],
        scope="attendance:read",
        query=SubscriberQuery,
        response=SubscriberPage,
        readonly=True,
        tags=["People"],
    )
    def list_subscribers(self, query):
        """List people."""
        return self.env["spp.attendance.subscriber"]._api_list(query)

    @api_route(
        "/api/attendance/subscribers/<subscriber:reference>",
        methods=["GET"],
        scope="attendance:read",
        response=SubscriberOut,
        readonly=True,
        etag=True,
        tags=["People"],
    )
    def read_subscriber(self, reference):
        """Get a person, by UUID or identifier.

        An identifier with a slash in it can't stand in an address, nor can `batch`:
        look the person up in the list, and use the UUID.
        """
        return self.env["spp.attendance.subscriber"]._api_get(reference)

    @api_route(
        "/api/attendance/subscribers",
        methods=["POST"],
        scope="registry:write",
        body=PersonIn,
        response=SubscriberOut,
        status=201,
        tags=["People"],
    )
    def create_subscriber(self, body):
        """Register a person.

        Somebody else of this identifier is a conflict (409).
        """
        return self.env["spp.attendance.subscriber"]._api_add(body)

    @api_route(
        "/api/attendance/subscribers/<subscriber:reference>",
        methods=["PATCH"],
        scope="registry:write",
        body=SubscriberPatch,
        response=SubscriberOut,
        tags=["People"],
    )
    def change_subscriber(self, reference, body):
        """Change a person, or archive.

        What is left out stays as it is; `null` empties.
        """
        return self.env["spp.attendance.subscriber"]._api_patch(reference, body)

    @api_route(
        "/api/attendance/subscribers/batch",
        methods=["POST"],
        scope="registry:write",
        body=SubscriberStreamIn,
        consumes=[JSON, NDJSON],
        response=SubscriberBatchLine,
        produces=[NDJSON],
        max_body=MAX_BODY,
        idempotent=False,
        tags=["People"],
    )
    def upsert_subscribers(self, body):
        """Register many people, or bring them up to date.

        By identifier: who is new is registered, of whom there is already what the item
        says is changed, and what it doesn't mention stays. It goes as with
        `POST /api/attendance/records/batch`.
        """
        people = self.env["spp.attendance.subscriber"]
        lines = people._api_batch(body, request.dispatcher.request_id)
        return Response(lines, content_type=NDJSON)
