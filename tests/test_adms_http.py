"""Terminals that push by ADMS, over real HTTP: what they hear, what is stored, and what
is left of it when something fails in the middle."""

from __future__ import annotations

import http.client
import itertools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from adms_terminal import FIRMWARE, FORM, AdmsTerminal, Firmware
from odoo_session import Session
from processes import wait_until

DEVICE = "spp.attendance.device"
COMMAND = "spp.attendance.device.command"
ZONE = "Africa/Nairobi"
MORNING = datetime(2026, 11, 2, 8)
#: What a row may be that the database refuses; no test may find it in the log.
SECRET_BADGE = "99887766"

numbers = itertools.count(1)


class Site:
    """Terminals on one server, and what the database has of theirs."""

    def __init__(self, server, admin: Session) -> None:
        self.server = server
        self.admin = admin

    def terminal(
        self, firmware: Firmware = FIRMWARE["stamps"], known: bool = True, **vals
    ) -> AdmsTerminal:
        key = vals.get("push_key_input", "")
        serial = f"ZK{next(numbers):010d}"
        terminal = AdmsTerminal(self.server.url, serial, firmware, tz=ZONE, key=key)
        if known:
            self.set_up(terminal, **vals)
        return terminal

    def set_up(self, terminal: AdmsTerminal, **vals) -> int:
        [number] = self.admin.call(
            DEVICE,
            "create",
            [
                {
                    "name": terminal.serial,
                    "adapter": "zkteco",
                    "mode": "push",
                    "serial": terminal.serial,
                    "tz": terminal.tz,
                    **vals,
                }
            ],
        )
        return number

    def device(self, terminal: AdmsTerminal, *names: str) -> dict:
        domain = [("serial", "=", terminal.serial)]
        [found] = self.admin.call(DEVICE, "search_read", domain, list(names))
        return found

    def stamp(self, terminal: AdmsTerminal) -> str:
        """How far it got, "" when nowhere."""
        return self.server.query(
            "SELECT coalesce(push_stamps ->> 'ATTLOG', '') FROM spp_attendance_device"
            " WHERE serial = :'serial'",
            serial=terminal.serial,
        ).strip()

    def stored(self, terminal: AdmsTerminal) -> list[tuple[str, str]]:
        """Badge and local time of each scan, as :meth:`AdmsTerminal.held` has them."""
        rows = self.admin.call(
            "spp.attendance.scan",
            "search_read",
            [("device_id.serial", "=", terminal.serial), ("user_code", "!=", "")],
            ["user_code", "local_time_raw"],
        )
        return sorted(
            (row["user_code"], row["local_time_raw"].replace(" ", "T")) for row in rows
        )

    @contextmanager
    def refusing(self, table: str, event: str, when: str = "TRUE") -> Iterator[None]:
        """The database fails as rows are written, or, ``DEFERRED``, at the commit."""
        deferred = event.startswith("DEFERRED ")
        event = event.removeprefix("DEFERRED ")
        kind, timing, late = (
            ("CONSTRAINT TRIGGER", "AFTER", "DEFERRABLE INITIALLY DEFERRED")
            if deferred
            else ("TRIGGER", "BEFORE", "")
        )
        self.server.query(
            f"""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
                $$BEGIN RAISE EXCEPTION 'no room for %', NEW; END$$;
            CREATE {kind} refuse {timing} {event} ON {table} {late}
               FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION refuse();
            """
        )
        try:
            yield
        finally:
            self.server.query(f"DROP TRIGGER refuse ON {table}; DROP FUNCTION refuse()")


@pytest.fixture(scope="module")
def site(start_server: Callable, server, admin: Session) -> Site:
    return Site(server, admin)


def fill(terminal: AdmsTerminal, count: int, code: str = "7731", hour: int = 0) -> None:
    start = MORNING + timedelta(hours=hour)
    terminal.extend(
        (code, start + timedelta(seconds=number), ("in", "out")[number % 2])
        for number in range(count)
    )


@pytest.mark.parametrize("name", FIRMWARE)
def test_each_firmware_is_understood(site: Site, name: str) -> None:
    terminal = site.terminal(FIRMWARE[name])
    terminal.enrol("7731", "阿米娜" if name == "gbk" else "Amina")
    terminal.photograph("7731", MORNING)
    assert terminal.connect()
    fill(terminal, 250)  # in batches
    assert terminal.sync() == 250
    terminal.add("7732", MORNING + timedelta(hours=1), "out")  # and as it happens
    assert terminal.sync() == 1
    assert site.stored(terminal) == sorted(terminal.held())
    assert terminal.ping()
    assert terminal.poll(tell=True) == 0
    device = site.device(terminal, "health", "last_contact_at", "firmware")
    assert device["health"] == "healthy"
    assert device["firmware"].startswith("Ver 8")
    # It starts anew and is told where it stopped; what it sends again is known.
    assert terminal.connect()
    terminal.forget_stamps()
    assert terminal.sync() == 251
    assert len(site.stored(terminal)) == 251


def test_a_scan_becomes_attendance_by_itself(site: Site) -> None:
    [company] = site.admin.call("res.company", "search", [], limit=1)
    [person] = site.admin.call(
        "spp.attendance.subscriber",
        "create",
        [{"person_identifier": "P-1", "given_name": "Amina", "company_id": company}],
    )
    terminal = site.terminal()
    assert terminal.connect()
    terminal.add("P-1", MORNING)
    mine = [("subscriber_id", "=", person)]
    records = ("spp.attendance.record", "search_read", mine)
    # By a thread that follows the commit.
    with site.server.without_action("ir_cron_match"):
        assert terminal.sync() == 1
        wait_until(lambda: site.admin.call(*records, ["date_time"]))
    [record] = site.admin.call(*records, ["date_time", "scan_type", "create_uid"])
    assert record["date_time"] == "2026-11-02 05:00:00"
    assert record["scan_type"] == "in"
    assert record["create_uid"] == site.device(terminal, "user_id")["user_id"]


#: Where the database fails, and whether rows were written by then.
FAULTS = {
    "in the middle of the rows": (
        "spp_attendance_scan",
        "INSERT",
        f"NEW.user_code = '{SECRET_BADGE}'",
    ),
    "at the stamp, after the rows": (
        "spp_attendance_device",
        "UPDATE",
        "NEW.push_stamps IS NOT NULL",
    ),
    "at the queue, after the rows": ("spp_attendance_scan_queue", "INSERT", "TRUE"),
    "at the commit, after everything": (
        "spp_attendance_scan",
        "DEFERRED INSERT",
        "TRUE",
    ),
}


@pytest.mark.parametrize("where", FAULTS)
def test_when_the_database_fails_the_missing_rows_come_again(
    site: Site, where: str
) -> None:
    """Nothing is acknowledged that is not committed, and no stamp goes ahead of its
    rows."""
    site.server.expect(
        r"odoo\.addons\.spp_attendance_devices\.terminal_http",
        r"/iclock/<string:page> answered 500 \(request \w+\): RaiseException\s*",
    )
    terminal = site.terminal()
    assert terminal.connect()
    fill(terminal, 100)
    assert terminal.sync() == 100
    before = site.stored(terminal)
    assert site.stamp(terminal) == "100"
    fill(terminal, 30, hour=1)
    terminal.add(SECRET_BADGE, MORNING + timedelta(hours=2))
    fill(terminal, 30, hour=3)
    with site.refusing(*FAULTS[where]):
        assert terminal.sync() == 0
        assert terminal.answer.status == 500
        assert "room" not in terminal.answer.text
    assert site.stored(terminal) == before
    assert site.stamp(terminal) == "100"
    # The stamp says where to go on: it starts anew, and what was missing comes.
    assert terminal.connect()
    assert terminal.waiting == 61
    assert terminal.sync() == 61
    assert site.stored(terminal) == sorted(terminal.held())
    assert site.stamp(terminal) == "161"
    assert SECRET_BADGE not in site.server.server.log.read_text()


def test_an_answer_that_is_lost_doubles_nothing(site: Site) -> None:
    terminal = site.terminal()
    assert terminal.connect()
    fill(terminal, 150)
    terminal.fault = "lose_answer"
    assert terminal.sync() == 0
    assert len(site.stored(terminal)) == 100  # its first batch
    terminal.fault = ""
    assert terminal.sync() == 150
    assert site.stored(terminal) == sorted(terminal.held())


def test_half_an_upload_is_none(site: Site) -> None:
    terminal = site.terminal()
    assert terminal.connect()
    fill(terminal, 100)
    terminal.fault = "cut_body"
    assert terminal.sync() == 0
    terminal.fault = ""
    assert site.stored(terminal) == []
    assert site.stamp(terminal) == ""
    assert terminal.sync() == 100
    assert site.stored(terminal) == sorted(terminal.held())


def test_the_same_rows_sent_twice_at_once_are_stored_once(site: Site) -> None:
    terminal = site.terminal()
    assert terminal.connect()
    fill(terminal, 100)
    taken = []

    def send() -> None:
        twin = AdmsTerminal(site.server.url, terminal.serial, terminal.firmware)
        taken.append(twin.send(terminal._log, 100))

    threads = [threading.Thread(target=send) for _number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert taken == [True] * 4
    assert site.stored(terminal) == sorted(terminal.held())


def post(site: Site, path: str, body, **headers: str) -> tuple[int, str]:
    address = site.server.url.removeprefix("http://")
    connection = http.client.HTTPConnection(address, timeout=60)
    try:
        connection.request(
            "POST", path, body, headers, encode_chunked=not isinstance(body, bytes)
        )
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "kind",
    [
        FORM,
        f"{FORM}; charset=gbk",
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "application/json",
        "application/push",
        "nonsense",
        "",
    ],
)
def test_a_body_is_read_whatever_it_calls_itself(site: Site, kind: str) -> None:
    terminal = site.terminal()
    path = f"/iclock/cdata?SN={terminal.serial}&table=ATTLOG&Stamp=1"
    headers = {"Content-Type": kind} if kind else {}
    # The last one is what a form has, too.
    lines = ("7731\t2026-11-02 08:00:00\t0\t1", "a=b&c\t2026-11-02 08:01:00\t1\t1")
    body = "\n".join(lines).encode()
    assert post(site, path, body, **headers) == (200, "OK: 2")
    assert [code for code, _time in site.stored(terminal)] == ["7731", "a=b&c"]


def test_a_body_of_untold_length(site: Site) -> None:
    terminal = site.terminal()
    path = f"/iclock/cdata?SN={terminal.serial}&table=ATTLOG&Stamp=1"
    chunks = iter([b"7731\t2026-11-02 08:", b"00:00\t0\t1\n"])
    headers = {"Transfer-Encoding": "chunked"}
    assert post(site, path, chunks, **headers) == (200, "OK: 1")
    assert len(site.stored(terminal)) == 1


def test_what_is_too_large_is_refused(site: Site) -> None:
    terminal = site.terminal()
    path = f"/iclock/cdata?SN={terminal.serial}&table=ATTLOG&Stamp=1"
    for headers in ({}, {"Content-Type": FORM}):
        status, _text = post(site, path, b"7731\t" * 1_000_000, **headers)
        assert status == 413
    assert site.stored(terminal) == []
    assert site.stamp(terminal) == ""


def test_addresses_that_are_none_are_answered_in_plain_text(site: Site) -> None:
    terminal = site.terminal()
    query = f"?SN={terminal.serial}"
    for path, status in (
        (f"/iclock/registry{query}", 404),
        (f"/iclock/cdata/more{query}", 404),
        ("/iclock/", 404),
        ("/iclock/cdata", 403),
    ):
        got, text = post(site, path, b"")
        assert got == status, path
        assert "<" not in text


def test_a_terminal_that_nobody_knows_keeps_its_scans_until_it_is_set_up(
    site: Site,
) -> None:
    terminal = site.terminal(known=False)
    fill(terminal, 10)
    with terminal.running():
        waits = [("serial", "=", terminal.serial)]
        pending = ("spp.attendance.device.pending", "search_read", waits, ["address"])
        wait_until(lambda: site.admin.call(*pending))
        assert site.admin.call(*pending)[0]["address"] == "127.0.0.1"
        assert terminal.waiting == 10
        site.set_up(terminal)
        assert not site.admin.call(*pending)
        wait_until(lambda: terminal.waiting == 0)
    assert site.stored(terminal) == sorted(terminal.held())


def test_one_that_says_its_key(site: Site) -> None:
    terminal = site.terminal(push_key_input="s3same-open")
    fill(terminal, 1)
    assert terminal.sync() == 0  # it has not said it yet
    assert terminal.answer.status == 403
    terminal.key = "an0ther-one"
    assert not terminal.connect()
    terminal.key = "s3same-open"
    assert terminal.connect()
    assert terminal.sync() == 1
    log = site.server.server.log.read_text()
    for key in ("s3same-open", "an0ther-one"):
        assert key not in log


def test_an_address_that_it_may_not_have(site: Site) -> None:
    terminal = site.terminal(push_networks="10.0.0.0/8")
    fill(terminal, 1)
    assert not terminal.connect()
    assert terminal.sync() == 0
    assert "127.0.0.1" in site.device(terminal, "push_refusal")["push_refusal"]
    number = site.device(terminal)["id"]
    site.admin.call(DEVICE, "write", [number], {"push_networks": "127.0.0.0/8"})
    assert terminal.connect()
    assert terminal.sync() == 1


def test_it_does_what_it_is_asked_and_says_so(site: Site) -> None:
    terminal = site.terminal()
    assert terminal.connect()
    fill(terminal, 20)
    assert terminal.sync() == 20
    # Scans that it holds and never sent.
    fill(terminal, 5, code="7732", hour=1)
    terminal._acknowledged = 25
    number = site.device(terminal)["id"]
    day = {"start": "2026-11-02 00:00:00", "end": "2026-11-02 23:59:59"}
    asked = site.admin.call(
        COMMAND,
        "create",
        [
            {"device_id": number, "kind": "verify", **day},
            {"device_id": number, "kind": "upload", **day},
            {"device_id": number, "kind": "info"},
            {"device_id": number, "kind": "clock"},
            {"device_id": number, "kind": "reboot"},
        ],
    )
    assert terminal.poll() == 5
    told = site.admin.call(COMMAND, "read", asked, ["kind", "state", "counted"])
    assert {row["state"] for row in told} == {"done"}
    assert told[0]["counted"] == 25
    assert site.stored(terminal) == sorted(terminal.held())
    assert site.device(terminal, "model")["model"] == "SpeedFace V5L"
    assert terminal.restarts == 1
    assert terminal.settings["TimeZone"] == "3"
    assert terminal.poll() == 0


def test_what_it_cannot_do_has_failed(site: Site) -> None:
    terminal = site.terminal()
    assert terminal.connect()
    number = site.device(terminal)["id"]
    [asked] = site.admin.call(
        COMMAND, "create", [{"device_id": number, "kind": "info"}]
    )
    terminal.fault = "refuse"
    assert terminal.poll() == 1
    [told] = site.admin.call(COMMAND, "read", [asked], ["state", "code", "detail"])
    assert (told["state"], told["code"]) == ("failed", -1002)
    assert told["detail"] == "not supported"
