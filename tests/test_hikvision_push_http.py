"""Hikvision terminals that send by themselves, over real HTTP: told where to send by
the dialog, believed by their address alone, and heard whatever firmware they have."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from hikvision_terminal import BODIES, HikvisionTerminal, Host, encode
from odoo_session import Session
from processes import wait_until

DEVICE = "spp.attendance.device"
SETUP = "spp.attendance.device.push.setup"
START = datetime(2026, 11, 2, 8)
PREFIX = "/attendance-devices/hikvision/"


class Gate:
    """A terminal that the server can read, and that sends to it."""

    def __init__(self, running: Any, admin: Session, terminal: Any) -> None:
        self.running, self.admin, self.terminal = running, admin, terminal
        companies = admin.call("res.company", "search", [])
        networks = {"attendance_terminal_networks": "127.0.0.0/8"}
        admin.call("res.company", "write", companies, networks)
        values = {"name": "Gate", "enabled": True, "poll_interval": 1440}
        vals = {**values, **terminal.values(), "mode": "push"}
        [self.id] = admin.call(DEVICE, "create", [vals])

    def set_up(self, step: str) -> dict[str, Any]:
        """Go through the dialog to one of its two ends."""
        vals = {"device_id": self.id, "server": self.running.url}
        [wizard] = self.admin.call(SETUP, "create", [vals])
        return self.admin.call(SETUP, step, [wizard])

    def read(self, *names: str) -> dict[str, Any]:
        return self.admin.call(DEVICE, "read", [self.id], list(names))[0]

    def count(self, condition: str = "true") -> int:
        where = f"device_id = {self.id} AND {condition}"
        sql = f"SELECT count(*) FROM spp_attendance_scan WHERE {where}"
        return int(self.running.query(sql))

    def happens(self, count: int) -> list[dict[str, Any]]:
        """So many people come; what the terminal would send of them."""
        before = len(self.terminal.events())
        for number in range(before, before + count):
            moment = START + timedelta(minutes=number)
            self.terminal.add(f"H{number:03}", moment)
        return [self.terminal.alert(e) for e in self.terminal.events()[before:]]


@pytest.fixture
def gate(server, admin: Session, request: pytest.FixtureRequest) -> Iterator[Gate]:
    with HikvisionTerminal(serial=request.node.name) as terminal:
        gate = Gate(server, admin, terminal)
        action = gate.set_up("action_register")
        assert action["params"]["type"] == "success", action
        yield gate


def test_told_where_to_send_it_sends_and_nothing_comes_twice(gate: Gate) -> None:
    url = urlsplit(gate.running.url)
    host = gate.terminal.hosts[0]
    assert host[:3] == ("HTTP", url.hostname, url.port)
    assert host.url.startswith(PREFIX)
    assert gate.terminal.hosts[1] == Host()
    assert gate.read("push_token_set", "mode") == {
        "id": gate.id,
        "push_token_set": True,
        "mode": "push",
    }
    alerts = gate.happens(len(BODIES))
    people = [
        {"person_identifier": event.code, "name": event.code}
        for event in gate.terminal.events()
    ]
    gate.admin.call("spp.attendance.subscriber", "create", people)
    # Nobody waits for a scheduled action.
    with gate.running.without_action("ir_cron_match"):
        for alert, body in zip(alerts, BODIES, strict=True):
            assert gate.terminal.send(alert, body) == 200, body
        assert gate.count() == len(BODIES)
        wait_until(lambda: gate.count("state = 'matched'") == len(BODIES))
    # It starts anew and sends its whole log once more, in another way.
    for event, body in zip(gate.terminal.events(), reversed(BODIES), strict=True):
        assert gate.terminal.send(gate.terminal.alert(event, live=False), body) == 200
    assert gate.count() == len(BODIES)
    # What it did not send is found when it is read, and only that.
    gate.happens(2)
    gate.admin.call(DEVICE, "action_poll_now", [gate.id])
    wait_until(lambda: gate.count() > len(BODIES), 60)
    wait_until(lambda: gate.read("lease_until")["lease_until"] is False, 60)
    assert gate.count() == len(BODIES) + 2


def test_a_quiet_terminal_is_there(gate: Gate) -> None:
    assert not gate.read("last_contact_at")["last_contact_at"]
    assert gate.terminal.send(gate.terminal.beat(), "xml") == 200
    assert gate.read("last_contact_at")["last_contact_at"]
    assert gate.count() == 0


def test_what_the_database_does_not_take_is_sent_again(gate: Gate) -> None:
    first, second, third = gate.happens(3)
    assert gate.terminal.send(first) == 200
    gate.running.expect(
        "odoo.addons.spp_attendance_devices.terminal_http",
        r".* answered 500 .*: RaiseException\s*",
    )
    gate.running.query(
        """
        CREATE FUNCTION test_no_room() RETURNS trigger LANGUAGE plpgsql
            AS $$ BEGIN RAISE EXCEPTION 'no room for %', NEW; END $$;
        CREATE TRIGGER test_no_room BEFORE INSERT ON spp_attendance_scan
            FOR EACH ROW EXECUTE FUNCTION test_no_room()
        """
    )
    try:
        assert gate.terminal.send(second) == 500
        assert gate.count() == 1
    finally:
        gate.running.query("DROP FUNCTION test_no_room() CASCADE")
    for alert in (first, second, third):
        assert gate.terminal.send(alert) == 200
    assert gate.count() == 3


def test_large_pictures_cost_no_event(gate: Gate) -> None:
    [alert] = gate.happens(1)
    body, kind = encode(alert, "multipart")
    end = body.rindex(b"\r\n--")
    body = body[:end] + b"\xff\xd8" * 3 * 1024 * 1024 + body[end:]
    assert gate.terminal.post(body, kind) == 200
    assert gate.count("state <> 'rejected'") == 1


def test_many_at_once_and_the_same(gate: Gate) -> None:
    alerts = gate.happens(20)
    with ThreadPoolExecutor(8) as threads:
        sent = threads.map(gate.terminal.send, alerts * 3)
        assert set(sent) == {200}
    assert gate.count() == 20


def test_bodies_that_call_themselves_something_else(gate: Gate) -> None:
    kinds = (
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "text/html; charset=nonsense",
        "x" * 200,
    )
    for alert, kind in zip(gate.happens(len(kinds)), kinds, strict=True):
        body, _kind = encode(alert, "json")
        assert gate.terminal.post(body, kind) == 200, kind
    assert gate.count("state <> 'rejected'") == len(kinds)
    assert gate.terminal.post(b"\x00 no event at all") == 200
    assert gate.count("reason_code = 'malformed'") == 1


def call(gate: Gate, method: str, url: str, body: Any = None, **options: Any) -> int:
    address = urlsplit(gate.running.url)
    client = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
    try:
        client.request(method, url, body, **options)
        return client.getresponse().status
    finally:
        client.close()


def test_the_address_is_all_there_is_and_nobody_reads_it(gate: Gate) -> None:
    url = gate.terminal.hosts[0].url
    token = url.rpartition("/")[2]
    [alert] = gate.happens(1)
    body, kind = encode(alert, "json")
    headers = {"Content-Type": kind}
    assert call(gate, "POST", f"{url}x", body, headers=headers) == 404
    assert call(gate, "POST", PREFIX, body, headers=headers) == 404
    assert call(gate, "GET", url) == 405
    assert call(gate, "POST", url, b" " * (16 * 1024 * 1024 + 1)) == 413
    assert gate.count() == 0
    assert call(gate, "POST", f"{url}/?a=b", body, headers=headers) == 200
    pieces = iter([body[:10], body[10:]])
    assert call(gate, "POST", url, pieces, encode_chunked=True) == 200
    assert gate.count() == 1
    # Another address ends this one.
    shown = gate.set_up("action_show")["context"]["default_address"]
    assert gate.terminal.send(alert) == 404
    path = urlsplit(shown).path
    assert call(gate, "POST", path, body, headers=headers) == 200
    gate.admin.call(DEVICE, "write", [gate.id], {"enabled": False})
    assert call(gate, "POST", path, body, headers=headers) == 403
    log = gate.running.server.log.read_text(errors="replace")
    assert f"{PREFIX}<string:token>" in log
    for secret in (token, path.rpartition("/")[2]):
        assert secret not in log
