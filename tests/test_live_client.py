"""The shipped script in a real browser, in a page of another origin."""

from __future__ import annotations

import http.server
import itertools
import json
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from chromium import PATIENCE
from oauth_admin import Client, OAuthAdmin, bearer
from playwright.sync_api import Browser, Page, Route, WebSocketRoute

EVENTS = "attendance:events"
RECORDS = "/api/attendance/records"

#: A front end as there are many: it knows nothing of Odoo but where the script is.
PAGE = """<!doctype html>
<meta charset="utf-8">
<title>Front end</title>
<script src="{server}/spp_attendance/static/lib/live/attendance-live.js"></script>
<script>
const seen = {{ scans: [], days: [], updates: [], machines: [], errors: [],
               statuses: [], unknown: [], opened: 0, closed: [], failed: [],
               asked: 0 }};
let tokens = {tokens};
function getToken() {{
    seen.asked += 1;
    return tokens.length > 1 ? tokens.shift() : tokens[0];
}}
const socket = new AttendanceLive({{ url: "{server}", {how} }});
socket.onopen = () => {{ seen.opened += 1; }};
socket.onclose = (event) => {{ seen.closed.push(event.code); }};
socket.onerror = (event) => {{ seen.failed.push(event.message); }};
socket.onmessage = (event) => {{
    const data = JSON.parse(event.data);
    switch (data.type) {{
        case 'scan_received': seen.scans.push(data.data); break;
        case 'attendance_updated': seen.days.push(data.data); break;
        case 'record_updated': seen.updates.push(data); break;
        case 'machine_connected':
        case 'machine_disconnected': seen.machines.push(data.machine_id); break;
        case 'error_occurred': seen.errors.push(data.data); break;
        case 'system_status': seen.statuses.push(data.data); break;
        default: seen.unknown.push(data.type);
    }}
}};
</script>
"""

numbers = itertools.count(1)


class _Quiet(http.server.BaseHTTPRequestHandler):
    page: bytes = b""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(self.page)

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""


class FrontEnd:
    """Pages of another origin, in Chromium, and the server that they listen to."""

    def __init__(self, running: Any, browser: Browser) -> None:
        self.running = running
        self.admin = OAuthAdmin(running)
        self.browser = browser
        self.handler = type("Handler", (_Quiet,), {})
        self.web = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self.handler)
        self.origin = f"http://127.0.0.1:{self.web.server_port}"
        threading.Thread(target=self.web.serve_forever, daemon=True).start()
        self.admin.set_parameter("spp_oauth.cors_origins", self.origin)
        writer = self.admin.new_client("attendance:write", "registry:write")
        self.writer = self.admin.token(writer)
        person = {"person_identifier": "J-1", "family_name": "Sesay"}
        self.post("/api/attendance/subscribers", person)

    def post(self, path: str, body: Any) -> Any:
        answer = requests.post(
            self.running.url + path, json=body, headers=bearer(self.writer), timeout=60
        )
        assert answer.ok, answer.text
        return answer.json()

    def record(self) -> int:
        minute = next(numbers)
        item = {"person_identifier": "J-1", "date_time": f"2026-09-02T08:{minute:02}Z"}
        return self.post(RECORDS, {"records": [item]})["results"][0]["id"]

    def open(
        self,
        *tokens: str,
        renews: bool = True,
        meet: Callable[[WebSocketRoute], None] | None = None,
        answer: Callable[[Route], None] | None = None,
    ) -> Page:
        """A page that begins to listen, with these tokens one after the other.

        :param meet: gets its sockets on their way, `answer` its question how to listen
        """
        how = "getToken" if renews else "token: tokens[0]"
        page = PAGE.format(
            server=self.running.url, tokens=json.dumps(list(tokens)), how=how
        )
        self.handler.page = page.encode()
        tab = self.browser.new_page()
        tab.set_default_timeout(2 * PATIENCE)
        if meet:
            tab.route_web_socket("**/websocket*", meet)
        if answer:
            tab.route("**/api/attendance/live", answer)
        tab.goto(self.origin)
        return tab

    def revoke(self, client: Client, token: str) -> None:
        answer = requests.post(
            f"{self.running.url}/oauth2/revoke",
            data={"token": token},
            auth=client.pair,
            timeout=60,
        )
        assert answer.status_code == 200


@pytest.fixture(scope="module")
def front_end(start_server, browser: Browser) -> Iterator[FrontEnd]:
    front_end = FrontEnd(start_server(), browser)
    yield front_end
    front_end.web.shutdown()
    front_end.web.server_close()


def seen(page: Page, name: str) -> Any:
    return page.evaluate(f"seen.{name}")


def test_a_plain_switch_by_type_runs_unchanged(front_end: FrontEnd) -> None:
    client = front_end.admin.new_client(EVENTS)
    page = front_end.open(front_end.admin.token(client))
    page.wait_for_function("seen.statuses.length")
    made = [front_end.record() for _ in range(3)]
    page.wait_for_function("seen.updates.length == 3")
    updates = seen(page, "updates")
    assert [update["data"]["id"] for update in updates] == made
    assert {update["employee_id"] for update in updates} == {"J-1"}
    assert all(update["timestamp"].endswith("Z") for update in updates)
    assert seen(page, "opened") == 1
    assert seen(page, "unknown") == []
    assert seen(page, "failed") == []
    page.evaluate("socket.close()")
    assert seen(page, "closed") == [1000]
    assert page.evaluate("socket.readyState") == 3
    page.close()


def test_listeners_beside_the_handlers_are_told_too(front_end: FrontEnd) -> None:
    client = front_end.admin.new_client(EVENTS)
    page = front_end.open(front_end.admin.token(client))
    page.evaluate(
        "window.beside = [];"
        "socket.addEventListener('message', (event) => {"
        "    beside.push(JSON.parse(event.data).type);"
        "    throw new Error('of the page');"
        "});"
    )
    page.wait_for_function("seen.statuses.length")
    front_end.record()
    front_end.record()
    page.wait_for_function(
        "beside.filter((type) => type == 'record_updated').length == 2"
    )
    assert len(seen(page, "updates")) == 2
    page.close()


def test_a_connection_that_is_lost_is_made_again(front_end: FrontEnd) -> None:
    client = front_end.admin.new_client(EVENTS)
    sockets: list[WebSocketRoute] = []

    def pass_on(socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    page = front_end.open(front_end.admin.token(client), meet=pass_on)
    page.wait_for_function("seen.statuses.length")
    first = front_end.record()
    page.wait_for_function("seen.updates.length == 1")
    sockets[0].close(code=1012, reason="Restart")
    page.wait_for_function("seen.closed.length")
    missed = [front_end.record() for _ in range(2)]
    page.wait_for_function("seen.updates.length >= 3")
    assert [update["data"]["id"] for update in seen(page, "updates")] == [
        first,
        *missed,
    ]
    assert seen(page, "closed") == [1012]
    assert seen(page, "opened") == 2
    assert seen(page, "failed") == ["Restart"]
    page.close()


def test_a_connection_that_is_silent_is_made_again(front_end: FrontEnd) -> None:
    client = front_end.admin.new_client(EVENTS)
    sockets: list[WebSocketRoute] = []

    def keep_quiet_once(socket: WebSocketRoute) -> None:
        if sockets:
            socket.connect_to_server()
        sockets.append(socket)

    def be_impatient(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "status_every": 3})

    page = front_end.open(
        front_end.admin.token(client), meet=keep_quiet_once, answer=be_impatient
    )
    page.wait_for_function("seen.statuses.length")
    assert seen(page, "failed")[0] == "Nothing was heard of the server."
    assert len(sockets) >= 2
    page.close()


def test_a_revoked_token_is_replaced(front_end: FrontEnd) -> None:
    client = front_end.admin.new_client(EVENTS)
    old, new = front_end.admin.token(client), front_end.admin.token(client)
    page = front_end.open(old, new)
    page.wait_for_function("seen.statuses.length")
    first = front_end.record()
    page.wait_for_function("seen.updates.length == 1")
    front_end.revoke(client, old)
    page.wait_for_function("seen.closed.length")
    missed = front_end.record()
    page.wait_for_function("seen.opened == 2")
    page.wait_for_function("seen.updates.length == 2")
    ids = [update["data"]["id"] for update in seen(page, "updates")]
    assert ids == [first, missed]
    assert seen(page, "closed") == [4401]
    assert seen(page, "failed") == ["The token was revoked."]
    page.close()


def test_without_another_token_it_ends(front_end: FrontEnd) -> None:
    client = front_end.admin.new_client("attendance:read")
    page = front_end.open(front_end.admin.token(client), renews=False)
    page.wait_for_function("seen.closed.length")
    assert seen(page, "closed") == [4401]
    assert page.evaluate("socket.readyState") == 3
    assert seen(page, "failed") == ["Answered with 403."]
    assert seen(page, "opened") == 0
    page.close()


def test_bad_tokens_without_end_are_not_asked_for(front_end: FrontEnd) -> None:
    client = front_end.admin.new_client("attendance:read")
    page = front_end.open(front_end.admin.token(client))
    page.wait_for_function("socket.readyState == 3")
    assert seen(page, "asked") == 3
    assert seen(page, "closed") == [4401]
    page.close()
