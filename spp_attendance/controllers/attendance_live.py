from odoo import http
from odoo.http import request

from odoo.addons.spp_oauth.api import api_route

from ..api import LiveOut
from ..live import SCOPE


class AttendanceLiveController(http.Controller):
    @api_route(
        "/api/attendance/live",
        methods=["GET"],
        scope=SCOPE,
        sessions=False,
        response=LiveOut,
        tags=["Live"],
    )
    def live(self):
        """Tell how to be told of what happens, as it happens.

        Over a WebSocket, opened without credentials but with some `Origin`, as browsers
        do. The first message that it is sent is

            {"event_name": "subscribe",
             "data": {"channels": ["<subscription><access token>"], "last": <last_id>}}

        A frame is an array of messages `{"id": 1, "message": {"type":
        "spp_attendance_live", "payload": {"events": [...]}}}`, and an event is

            {"type": "scan_received", "data": {...}, "machine_id": 1,
             "employee_id": "P-0001", "timestamp": "2026-09-01T08:00:00.000Z"}

        `machine_id`, and `employee_id`, which is a person identifier, are there where
        there is one. By `type`, `data` is

        - `attendance_updated`: a day that is new or has changed, as
          `GET /api/attendance/daily-attendance/summary` tells it;
        - `record_updated`: a record that is new, was changed or voided, as
          `GET /api/attendance/records/{record_id}` tells it;
        - `scan_received`: what a terminal read, and what became of it: `id`,
          `employee`, `employee_name`, `badge`, `machine`, `machine_name`, `location`,
          `scan_time`, `local_time_raw`, `scan_type`, `state`, `reason`,
          `is_processed`, `raw_data`, `record_id`, `received_at`;
        - `machine_connected`, `machine_disconnected`: the terminal, as
          `GET /api/attendance/machines/{machine_id}` tells it, without `config`;
        - `error_occurred`: a `code` and a `message`. They are of a terminal if there is
          a `machine_id`; otherwise `missed` and `too_many` say that not all was told,
          and lists are to be read;
        - `system_status`: how terminals and server are, on change and every
          `status_every` seconds.

        Who listens is told what the client may read at that moment. The socket is
        closed with code 4401 when the token is not good, expires or is revoked; 1013
        says to try again later. Before a token expires, subscribe with the next one
        over the same socket. Who comes back within an hour goes on after `last`, the
        highest `id` that came; who comes later is told `missed` first.

        The script at `client_url` does all of this, and hands a page one event after
        the other.
        """
        return self.env["ir.websocket"]._api_live(request.httprequest.url_root)
