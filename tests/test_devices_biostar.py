"""BioStar 2 over real sockets: the adapter against the server of ``biostar_server``."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import biostar_server
import pytest
import terminal_reading
from biostar_server import DENIED, DOOR, DURESS, PASSED, TNA_KEYS, BiostarServer, Reader
from certificates import certificate
from devices import DeviceConfig, ReadRequest
from devices import biostar_codec as codec
from devices.adapter import Reading, ScanData
from devices.biostar import BiostarAdapter, Options
from devices.biostar_session import Session
from devices.errors import (
    DeviceAuthFailed,
    DeviceBusy,
    DeviceDataError,
    DeviceDisconnected,
    DeviceError,
    DeviceForbiddenAddress,
    DevicePermission,
    DeviceProtocolError,
    DeviceRefused,
    DeviceTimeout,
    DeviceTlsError,
    InvalidConfig,
)
from devices.isolated import Isolated
from fake_terminal import iso_second
from terminal_reading import adapter, in_child, who

#: In the middle of a month, a few days after the events.
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
START = datetime(2026, 11, 20, 6)


@pytest.fixture
def server() -> Iterator[BiostarServer]:
    with BiostarServer(clock=lambda: NOW) as server:
        yield server


fill = partial(terminal_reading.fill, start=START)
read = partial(terminal_reading.read, now=NOW)
read_on = partial(terminal_reading.read_on, now=NOW)


# Codes and rows


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        (4097, "passed"),
        (4107, "passed"),
        (4352, "failed"),
        (4609, "duress"),
        (4865, "passed"),
        (5120, "failed"),
        (5377, "duress"),
        (5632, "passed"),
        (5888, "failed"),
        (6401, "denied"),
        (6656, "failed"),
        (8192, None),
        (20480, None),
        (0, None),
    ],
)
def test_verdicts(code: int, verdict: str | None) -> None:
    assert codec.verdict(code) == verdict


def test_methods() -> None:
    assert codec.METHODS[4102] == "card"
    assert codec.METHODS[4615] == "card+PIN"  # under duress
    assert codec.METHODS[4867] == codec.METHODS[5379] == "face"
    assert all(codec.verdict(code) in ("passed", "duress") for code in codec.METHODS)


ROW = {
    "id": "7",
    "index": "12",
    "datetime": "2026-11-20T06:00:00.00Z",
    "server_datetime": "2026-11-20T06:00:02.00Z",
    "timezone": {"half": "0", "hour": "5", "negative": "0"},
    "user_id": {"user_id": "0017", "name": "Amina", "photo_exists": "true"},
    "user_id_name": "0017(Amina)",
    "device_id": {"id": "541", "name": "Gate"},
    "event_type_id": {"code": "4102"},
    "door_id": [{"id": "3", "name": "Amina's door"}],
    "tna_key": "1",
    "is_dst": "0",
    "temperature": "36.6",
    "hint": "Amina",
}


def test_scan() -> None:
    scan = codec.scan(ROW, codec.TNA_KEYS, denied=False)
    assert scan == ScanData(
        user_code="0017",
        timestamp_raw="2026-11-20T06:00:00.00Z",
        local_time=datetime(2026, 11, 20, 6, tzinfo=UTC),
        scan_type="in",
        punch=1,
        verify=4102,
        raw=scan.raw,
        number="541:12",
    )
    kept = json.dumps(scan.raw)
    assert "Amina" not in kept
    assert "36.6" not in kept
    assert scan.raw["method"] == "card"
    assert scan.raw["doors"] == "3"
    assert scan.raw["timezone"] == "0/5/0"


def test_odd_rows() -> None:
    def scan(**odd: Any) -> ScanData | None:
        return codec.scan({**ROW, **odd}, codec.TNA_KEYS, denied=False)

    assert scan(user_id="17").user_code == "17"
    assert scan(user_id="").user_code == ""
    assert scan(user_id=None).user_code == ""
    assert scan(user_id=["17"]).user_code == ""
    assert scan(index=None).number == "541:id7"
    assert scan(index="", id="").number == ""
    assert scan(tna_key="").scan_type == "none"
    assert scan(tna_key="16").scan_type == "none"
    assert scan(tna_key="-1").punch is None
    assert scan(event_type_id="") is None
    assert scan(event_type_id={"code": "x"}) is None
    assert scan(device_id="", door_id="", timezone="").number == ":12"
    for bad in ("2026-02-31T08:00:00.00Z", "", None, 5, "0001-01-01T00:00:00+14:00"):
        assert scan(datetime=bad).local_time is None
    naive = scan(datetime="2026-11-20T06:00:00")
    assert naive.local_time == datetime(2026, 11, 20, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    "collection", [None, "", [], {}, {"rows": ""}, {"rows": []}, {"rows": None}]
)
def test_no_rows(collection: Any) -> None:
    assert codec.rows({"EventCollection": collection}, "EventCollection") == []


@pytest.mark.parametrize("rows", ["x", {"a": 1}, [1], [{}, None]])
def test_rows_that_are_none(rows: Any) -> None:
    with pytest.raises(DeviceProtocolError):
        codec.rows({"EventCollection": {"rows": rows}}, "EventCollection")


def test_months() -> None:
    found = list(codec.months(datetime(2025, 12, 31, 23, tzinfo=UTC), NOW))
    assert [name for name, _start, _end in found][:2] == ["2025-12", "2026-01"]
    assert len(found) == 12
    assert found[0][1:] == (
        datetime(2025, 12, 31, 23, tzinfo=UTC),
        datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC),
    )
    assert found[-1][2] == NOW


# Settings


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"readers": "541"}, "readers must be a list"),
        ({"readers": ["gate"]}, "readers must be a list"),
        ({"readers": [True]}, "readers must be a list"),
        ({"readers": [1.5]}, "readers must be a list"),
        ({"tna_keys": {"1": "inwards"}}, "tna_keys must say"),
        ({"tna_keys": ["in"]}, "tna_keys must say"),
        ({"tna_keys": {"F1": "in"}}, "tna_keys must say"),
        ({"denied": "no"}, "denied must be"),
        ({"overlap_hours": -1}, "overlap_hours must be a number from 0 to 168"),
        ({"overlap_hours": True}, "overlap_hours must"),
        ({"history_days": 0}, "history_days must be a number from 1"),
    ],
)
def test_wrong_options(options: dict[str, Any], says: str) -> None:
    config = DeviceConfig("192.0.2.1", 443, "a", "b", options=options)
    with pytest.raises(InvalidConfig, match=says):
        BiostarAdapter(config)


def test_options() -> None:
    options = Options.parse(
        {"readers": [541, "542", "541"], "tna_keys": {9: "out"}, "overlap_hours": 0.5}
    )
    assert options.readers == ("541", "542")
    assert options.tna_keys == {"9": "out"}
    assert options.overlap == timedelta(minutes=30)
    assert options.history == timedelta(days=31)
    assert Options.parse({}).readers == ()


def test_certificate_settings_are_checked() -> None:
    with pytest.raises(InvalidConfig, match="fingerprint"):
        BiostarAdapter(DeviceConfig("192.0.2.1", 443, tls="pinned"))


def test_no_operator(server: BiostarServer) -> None:
    with pytest.raises(InvalidConfig, match="operator"):
        BiostarAdapter(server.config(password="")).test(NOW)
    assert server.conversations == 0


# Reading


def test_everything_once(server: BiostarServer) -> None:
    fill(server, 2300)
    reading = read(server)
    assert who(reading) == [
        (str(1 + row % 50), (START + timedelta(seconds=13 * row)).isoformat())
        for row in range(2300)
    ]
    assert set(who(reading)) == server.held()
    assert reading.complete
    assert not reading.more
    assert reading.complete_until == NOW
    assert reading.info.serial == server.serial
    assert len({scan.number for scan in reading.scans}) == 2300
    assert not server.sessions, "logged out"
    assert server.conversations == 1


def test_in_a_child() -> None:
    with BiostarServer(clock=lambda: NOW) as server:
        fill(server, 30)
        reading = read(server, by=in_child)
        assert set(who(reading)) == server.held()
        assert reading.info.firmware == "1.8.2"


def test_kinds_and_zone() -> None:
    with BiostarServer(clock=lambda: NOW) as server:
        server.tz = "Asia/Colombo"
        kinds = list(TNA_KEYS)
        for hour, kind in enumerate(kinds):
            server.add("7", START + timedelta(hours=hour), kind)
        reading = read(server)
        assert [scan.scan_type for scan in reading.scans] == kinds
        first = reading.scans[0]
        assert first.local_time == datetime(2026, 11, 20, 0, 30, tzinfo=UTC)
        config = server.config()
        assert config.local(first.local_time) == START


def test_nobody(server: BiostarServer) -> None:
    for _form in range(4):  # an empty list is said in several ways
        reading = read(server)
        assert list(reading.scans) == []
        assert reading.complete


def test_what_counts(server: BiostarServer) -> None:
    server.record("1", START)
    server.record("2", START, code=DURESS)
    server.record("3", START, code=DENIED)
    server.record("4", START, code=DOOR)
    server.record("", START, code=5123)  # an unknown finger
    server.record("", START, code=PASSED)
    scans = read(server).scans
    assert {(s.user_code, s.flag) for s in scans} == {
        ("1", ""),
        ("2", "duress"),
        ("", ""),
    }
    scans = read(server, options={"denied": True}).scans
    assert {scan.user_code for scan in scans} == {"1", "2", "3", ""}


def test_second_reading_brings_only_the_last_hours(server: BiostarServer) -> None:
    fill(server, 50)
    server.add("9", NOW.replace(tzinfo=None) - timedelta(minutes=30))
    first = read(server)
    asked = len(server.searches)
    server.add("9", NOW.replace(tzinfo=None) + timedelta(minutes=1))
    later = NOW + timedelta(minutes=5)
    second = read(server, first.cursor, now=later)
    assert [code for code, _when in who(second)] == ["9", "9"]
    assert len(server.searches) - asked == 5  # three by number, two by time
    assert who(read(server, first.cursor, now=later, full=True))[:50] == who(first)[:50]


@pytest.mark.parametrize("limit", [1, 2, 7, 10, 99])
def test_limit(server: BiostarServer, limit: int) -> None:
    fill(server, 20)
    server.extend((str(code), START, "in") for code in range(100, 110))  # one second
    server.extend(("1", START + timedelta(hours=1), "in") for _twice in range(2))
    readings = read_on(server, limit=limit)
    assert set(who(*readings)) == server.held()
    numbers = [scan.number for reading in readings for scan in reading.scans]
    assert len(numbers) == len(set(numbers)) == 32, "none twice"
    assert all(len(reading.scans) <= limit for reading in readings)
    starts = [reading.complete_until for reading in readings[:-1]]
    assert starts == sorted(starts)
    assert all(start <= NOW for start in starts)


def test_limit_with_an_impossible_date(server: BiostarServer) -> None:
    fill(server, 10)
    server.fault = "bad_date"
    readings = read_on(server, limit=1)
    scans = [scan for reading in readings for scan in reading.scans]
    assert len(scans) == 11
    assert [s.timestamp_raw for s in scans if not s.local_time] == [
        "2026-02-31T08:00:00.00Z"
    ]


def test_a_second_with_more_events_than_a_page(server: BiostarServer) -> None:
    server.extend((str(code), START, "in") for code in range(2500))
    fill(server, 10, start=START + timedelta(hours=1))
    reading = read(server)
    assert set(who(reading)) == server.held()
    assert len(reading.scans) == 2510
    assert max(query["limit"] for query in server.searches) == 4000


def test_pages_shorter_than_asked_for(server: BiostarServer) -> None:
    server.fault = "page_cap"
    fill(server, 60)
    assert set(who(read(server))) == server.held()
    server.add("9", NOW.replace(tzinfo=None))
    assert set(who(*read_on(server, limit=10))) == server.held()


def test_stops_in_time(server: BiostarServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server too slow for the deadline is read in parts, each of a page."""
    fill(server, 2500)
    monkeypatch.setattr(Session, "spent", lambda _session: 0.9)
    readings = read_on(server)
    assert set(who(*readings)) == server.held()
    assert [len(reading.scans) for reading in readings][:3] == [1000, 999, 501]


def test_a_whole_reading_that_was_interrupted_goes_on(server: BiostarServer) -> None:
    fill(server, 30)
    first = read(server, limit=10)
    second = read(server, first.cursor, limit=100, full=True)
    assert len(first.scans) + len(second.scans) == 30
    assert not second.more
    third = read(server, second.cursor, limit=10, full=True)
    assert len(third.scans) == 10
    assert third.more
    assert third.complete_until == NOW, "what was known before is still known"


def test_another_server_is_read_from_the_beginning(server: BiostarServer) -> None:
    fill(server, 30)
    cursor = read(server).cursor
    server.serial = "999"
    reading = read(server, cursor)
    assert len(reading.scans) == 30
    assert reading.info.serial == "999"


def test_an_unknown_cursor_is_none(server: BiostarServer) -> None:
    fill(server, 3)
    assert len(read(server, {"rows": 3, "digest": "x"}).scans) == 3


def test_the_far_future_hides_nothing(server: BiostarServer) -> None:
    fill(server, 5)
    server.fault = "future"
    first = read(server)
    assert len(first.scans) == 6
    assert first.scans[-1].local_time.year == 2099
    server.add("9", NOW.replace(tzinfo=None) - timedelta(minutes=1))
    assert [code for code, _when in who(read(server, first.cursor))] == ["9"]


def test_clock_of_the_server(server: BiostarServer) -> None:
    assert read(server).info.clock_drift == 0
    server.fault = "clock_jump"
    assert 3540 <= adapter(server).test(NOW).clock_drift <= 3600


# Late arrivals


def test_late_within_the_last_hours(server: BiostarServer) -> None:
    first = read(server)
    server.fault = "late_arrival"
    server.add("5", NOW.replace(tzinfo=None) - timedelta(hours=1))
    second = read(server, first.cursor)
    assert list(second.scans) == []
    server.fault = ""
    third = read(server, second.cursor, now=NOW + timedelta(minutes=5))
    assert set(who(third)) == server.held()


def test_late_by_weeks_and_across_months(server: BiostarServer) -> None:
    other = server.add_reader("541930002")
    fill(server, 40, start=datetime(2026, 10, 25, 6))
    fill(server, 40)
    first = read(server)
    assert first.cursor["ids"] == {"2026-10": 40, "2026-11": 40}
    server.reconnect(other, up=False)
    when = [datetime(2026, 10, 31, 23, 59), datetime(2026, 11, 1), START]
    for moment in when:
        server.record("late", moment, reader=other)
    second = read(server, first.cursor)
    server.reconnect(other)
    third = read(server, second.cursor)
    assert who(third) == [("late", moment.isoformat()) for moment in when]
    assert list(read(server, third.cursor).scans) == []


def test_late_in_parts(server: BiostarServer) -> None:
    first = read(server)
    fill(server, 30)
    readings = read_on(server, first.cursor, limit=7)
    assert set(who(*readings)) == server.held()
    assert [len(reading.scans) for reading in readings] == [7, 7, 7, 7, 2]


def test_numbers_that_start_anew_each_month(server: BiostarServer) -> None:
    fill(server, 40, start=datetime(2026, 10, 31, 23, 53))  # a few of them in November
    before = datetime(2026, 11, 1, 0, 5, tzinfo=UTC)
    first = read(server, now=before)
    assert first.cursor["ids"] == {"2026-10": 33, "2026-11": 7}
    server.add("9", datetime(2026, 11, 1, 0, 1))  # number 8, long before the window
    later = before + timedelta(hours=9)
    second = read(server, first.cursor, now=later, options={"overlap_hours": 0})
    assert who(second) == [("9", "2026-11-01T00:01:00")]


def test_a_server_without_numbers(server: BiostarServer) -> None:
    server.fault = "no_id"
    fill(server, 10)
    first = read(server)
    assert len(first.scans) == 10
    assert first.cursor["ids"] is None
    fill(server, 5, start=START + timedelta(days=1))
    second = read(server, first.cursor)
    assert list(second.scans) == [], "older than the last hours"
    assert set(who(read(server, second.cursor, full=True))) == server.held()


def test_late_while_it_is_being_read(
    server: BiostarServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An event that arrives behind the walk gets a lower number than one before it."""
    fill(server, 10)
    first = read(server)
    plain, calls = server.search, []

    def search(query: dict[str, Any]) -> Any:
        calls.append(query)
        if len(calls) == 1:
            server.add("late", START + timedelta(days=1))
            server.add("new", NOW.replace(tzinfo=None))
        return plain(query)

    monkeypatch.setattr(server, "search", search)
    assert {code for code, _when in who(read(server, first.cursor))} == {"late", "new"}


@pytest.mark.parametrize("seed", range(6))
def test_nothing_is_lost_whatever_order_it_comes_in(
    server: BiostarServer, seed: int
) -> None:
    """With no overlap at all, so that numbers alone have to find what is late."""
    draw = random.Random(seed)
    readers = [server.readers[0], *(server.add_reader(f"60{n}") for n in range(3))]
    now, cursor, stored, person = NOW - timedelta(days=6), None, set(), 0
    for _round in range(25):
        now += timedelta(minutes=draw.randrange(1, 400))
        for reader in readers[1:]:
            server.reconnect(reader, draw.random() < 0.6)
        for _event in range(draw.randrange(6)):
            person += 1
            ago = timedelta(seconds=draw.randrange(60, 1_000_000))
            moment = (now - draw.choice([timedelta(), ago])).replace(tzinfo=None)
            server.record(str(person), moment, reader=draw.choice(readers))
        words = {"now": now, "limit": draw.choice([1, 3, 1000])}
        reading = read(server, cursor, options={"overlap_hours": 0}, **words)
        stored.update(who(reading))
        cursor = json.loads(json.dumps(reading.cursor))
    for reader in readers:
        server.reconnect(reader)
    for _last in range(2):
        for reading in read_on(server, cursor, now=now, options={"overlap_hours": 0}):
            stored.update(who(reading))
            cursor = reading.cursor
    assert stored == server.held()


# Several readers


def test_only_some_readers(server: BiostarServer) -> None:
    other = server.add_reader("541930002")
    fill(server, 5)
    server.record("other", START, reader=other)
    assert len(read(server).scans) == 6
    reading = read(server, options={"readers": [541930002]})
    assert [code for code, _when in who(reading)] == ["other"]
    assert reading.info.serial == "541930002"
    assert read(server).info.serial == ""
    assert read(server).info.model == "BioStar 2, 2 readers"


def test_unknown_reader(server: BiostarServer) -> None:
    fill(server, 5)
    lonely = adapter(server, options={"readers": [server.serial, 7]})
    with pytest.raises(InvalidConfig, match="no reader 7"):
        lonely.test(NOW)
    reading = lonely.read_scans(ReadRequest(NOW))
    assert len(reading.scans) == 5, "the others are read all the same"
    assert reading.complete_until == NOW - timedelta(days=31)


def test_a_reader_that_is_cut_off_holds_back(server: BiostarServer) -> None:
    other: Reader = server.add_reader("541930002")
    minute = timedelta(minutes=1)
    cursor, reading = None, None
    found = []
    for step, up in enumerate([True, False, False, True, True]):
        server.reconnect(other, up)
        reading = read(server, cursor, now=NOW + step * minute)
        cursor = reading.cursor
        found.append((reading.complete_until, reading.detail))
    away = "not connected: 541930002"
    # When it is back, it may still be sending what it kept.
    assert found == [
        (NOW, ""),
        (NOW, away),
        (NOW, away),
        (NOW, ""),
        (NOW + 4 * minute, ""),
    ]


def test_a_reader_that_stays_away_holds_back_until_it_is_back(
    server: BiostarServer,
) -> None:
    server.add_reader("541930002", up=False)
    first = read(server)
    assert first.complete_until == NOW - timedelta(days=31)
    second = read(server, first.cursor, now=NOW + timedelta(hours=24))
    assert second.complete_until == NOW - timedelta(days=31)
    third = read(server, second.cursor, now=NOW + timedelta(days=90))
    assert third.complete_until == NOW - timedelta(days=31)
    assert third.detail == "not connected: 541930002"


def test_a_new_reader_does_not_turn_back_what_is_complete(
    server: BiostarServer,
) -> None:
    first = read(server)
    server.add_reader("541930002", up=False)
    second = read(server, first.cursor, now=NOW + timedelta(hours=1))
    assert second.complete_until == NOW


# Sessions


@pytest.mark.parametrize("fault", ["session_lost", "session_code"])
def test_a_lost_session_is_renewed_once(server: BiostarServer, fault: str) -> None:
    fill(server, 2500)
    server.fault = fault
    reading = read(server)
    assert set(who(reading)) == server.held()
    assert server.requests.count("POST /api/login") == 2


def test_a_session_that_never_holds_is_no_loop(server: BiostarServer) -> None:
    server.fault = "session_never"
    with pytest.raises(DeviceBusy, match="another program"):
        read(server)
    assert server.requests == [
        "POST /api/login",
        "GET /api/devices",
        "POST /api/login",
        "GET /api/devices",
    ]


def test_sessions_that_end_again_and_again(
    server: BiostarServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(server, 10)
    plain = server.search

    def search(query: dict[str, Any]) -> Any:
        server.expire_sessions()
        return plain(query)

    monkeypatch.setattr(server, "search", search)
    with pytest.raises(DeviceBusy, match="ended twice"):
        read(server)
    assert server.conversations == 2


def test_wrong_password_is_tried_once(server: BiostarServer) -> None:
    config = server.config(password=server.wrong_secret)
    with pytest.raises(DeviceAuthFailed) as caught:
        BiostarAdapter(config).read_scans(ReadRequest(NOW))
    assert type(caught.value) is DeviceAuthFailed
    assert server.requests == ["POST /api/login"]


# Faults

MATRIX: dict[str, type[DeviceError] | None] = {
    "silent": DeviceTimeout,
    "close_mid": DeviceDisconnected,
    "stall_mid": DeviceTimeout,
    "garbage": DeviceProtocolError,
    "refuse_auth": DeviceAuthFailed,
    "busy": DeviceBusy,
    "bad_date": None,
    "future": None,
    "session_lost": None,
    "session_code": None,
    "session_never": DeviceBusy,
    "permission": DevicePermission,
    "code_in_200": DeviceProtocolError,
    "device_timeout": DeviceTimeout,
    "xml_page": DeviceProtocolError,
    "redirect": DeviceProtocolError,
    "page_cap": None,
    "newest_first": DeviceProtocolError,
    "no_range": DeviceProtocolError,
    "no_id": None,
    "late_arrival": None,
    "clock_jump": None,
    "drip": DeviceTimeout,
}


def test_the_matrix_is_whole() -> None:
    assert set(MATRIX) == BiostarServer.FAULTS


@pytest.mark.parametrize("fault", sorted(MATRIX))
def test_fault(fault: str) -> None:
    """With each fault after a good reading: what it is called; and afterwards nothing
    is lost, and the secret was in no error."""
    with BiostarServer(clock=lambda: NOW) as server:
        fill(server, 20)
        stored = set(who(good := read(server)))
        server.fault = fault
        now = NOW.replace(tzinfo=None)
        server.extend(
            (str(n), now - timedelta(minutes=30 - n), "in") for n in range(20)
        )
        server.add("old", START + timedelta(days=1))
        waits = fault in ("silent", "stall_mid", "drip")
        config = server.config(**({"timeout": 0.5, "deadline": 1.0} if waits else {}))
        cursor = good.cursor
        try:
            reading = BiostarAdapter(config).read_scans(ReadRequest(NOW, cursor))
        except DeviceError as error:
            assert MATRIX[fault] is not None, repr(error)
            assert type(error).code == MATRIX[fault].code
            assert server.secret not in str(error) + repr(error) + error.detail
        else:
            assert MATRIX[fault] is None
            stored.update(_known(reading))
            cursor = reading.cursor
        server.fault = ""
        for full in (False, True):
            reading = read(server, cursor, full=full)
            cursor = reading.cursor
            stored.update(_known(reading))
            if fault not in ("no_id",):  # numbers are asked for again once a day
                assert stored == server.held()
        assert stored == server.held()


def _known(reading: Reading) -> set[tuple[str, str]]:
    """Without what a fault added."""
    return {
        (scan.user_code, iso_second(scan.local_time))
        for scan in reading.scans
        if scan.local_time and scan.local_time.year == 2026
    }


def test_drip_is_stopped_at_the_deadline(server: BiostarServer) -> None:
    server.fault = "drip"
    config = server.config(timeout=1.0, deadline=1.0)
    with pytest.raises(DeviceTimeout):
        Isolated(BiostarAdapter, config).read_scans(ReadRequest(NOW))


def test_nothing_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = DeviceConfig("127.0.0.1", port, "a", "b", networks=("127.0.0.1",))
    with pytest.raises(DeviceRefused):
        BiostarAdapter(config).test(NOW)


def test_forbidden_address(server: BiostarServer) -> None:
    config = server.config(networks=())
    with pytest.raises(DeviceForbiddenAddress):
        BiostarAdapter(config).test(NOW)
    assert server.requests == []


# Certificates


def test_certificates(server: BiostarServer) -> None:
    for trusted in (
        {"tls": "pinned", "tls_fingerprint": certificate().fingerprint.upper()},
        {"tls": "ca", "tls_ca": certificate().pem},
        {"tls": "unverified"},
    ):
        assert BiostarAdapter(server.config(**trusted)).test(NOW).serial
    asked = len(server.requests)
    for foreign in (
        {"tls": "pinned", "tls_fingerprint": "ab" * 32},
        {"tls": "system"},
    ):
        with pytest.raises(DeviceTlsError):
            BiostarAdapter(server.config(**foreign)).test(NOW)
    assert len(server.requests) == asked, "no password went to a stranger"


def test_without_encryption() -> None:
    with BiostarServer(secure=False, clock=lambda: NOW) as server:
        fill(server, 3)
        assert server.config().tls == "none"
        assert set(who(read(server))) == server.held()


# Test connection, people, probe


def test_test(server: BiostarServer) -> None:
    fill(server, 60)
    info = adapter(server).test(NOW)
    assert info.serial == server.serial
    assert info.users == 50
    assert info.clock_drift == 0
    assert "GET /api/event_types" in server.requests
    assert not server.sessions


def test_test_without_the_right_to_search(server: BiostarServer) -> None:
    server.fault = "permission"
    with pytest.raises(DevicePermission):
        adapter(server).test(NOW)


def test_event_codes_of_something_else(
    server: BiostarServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(biostar_server, "EVENT_TYPES", {1: "START", 20480: "DOOR"})
    with pytest.raises(DeviceDataError, match="event codes"):
        adapter(server).test(NOW)


def test_people(server: BiostarServer) -> None:
    assert adapter(server).read_users() == []
    server.names = {f"{number:04}": f"Name {number}" for number in range(450)}
    users = adapter(server).read_users()
    assert len(users) == 450
    assert users[7] == ("0007", "Name 7", "000007")
    assert server.requests.count("GET /api/users") == 1 + 4


def test_probe(server: BiostarServer) -> None:
    config = server.config(username="", password="", tls="none")
    assert BiostarAdapter.probe(config) == "BioStar 2"
    assert Isolated(BiostarAdapter, config).probe() == "BioStar 2"
    assert server.conversations == 0
    for fault in ("xml_page", "garbage", "redirect"):
        server.fault = fault
        assert BiostarAdapter.probe(config) is None


def test_probe_of_another_web_server() -> None:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(401)
            self.end_headers()
            self.wfile.write(b'{"error": "who are you?"}')

        def log_message(self, *_words: object) -> None:
            """Silent."""

    with HTTPServer(("127.0.0.1", 0), Page) as web:
        thread = Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            config = DeviceConfig(
                "127.0.0.1",
                web.server_address[1],
                networks=("127.0.0.1",),
                tls="none",
                timeout=2,
            )
            # It has no TLS either, which is what is tried.
            assert BiostarAdapter.probe(config) is None
        finally:
            web.shutdown()
            thread.join()


def test_the_password_shows_nowhere(server: BiostarServer) -> None:
    config = server.config()
    assert server.secret not in repr(config)
    assert server.secret not in repr(vars(BiostarAdapter(config)))
    fill(server, 2)
    assert server.secret not in json.dumps(read(server).cursor)
