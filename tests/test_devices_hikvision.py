"""Hikvision over real sockets: the adapter against the terminal of
``hikvision_terminal``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import terminal_reading
from certificates import certificate
from devices import ReadRequest
from devices import hikvision_codec as codec
from devices.adapter import UserData
from devices.errors import (
    DeviceAuthFailed,
    DeviceBusy,
    DeviceDisconnected,
    DeviceError,
    DeviceLocked,
    DevicePermission,
    DeviceProtocolError,
    DeviceTimeout,
    InvalidConfig,
    UnsupportedDevice,
)
from devices.hikvision import HikvisionAdapter
from fake_terminal import iso_second
from hikvision_terminal import HikvisionTerminal
from terminal_reading import adapter, in_child, who

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
START = datetime(2026, 11, 20, 6)


@pytest.fixture
def terminal() -> Iterator[HikvisionTerminal]:
    with HikvisionTerminal(clock=lambda: NOW) as terminal:
        yield terminal


fill = partial(terminal_reading.fill, start=START)
read = partial(terminal_reading.read, now=NOW)
read_on = partial(terminal_reading.read_on, now=NOW)


# What it says


def test_what_it_says_of_itself(terminal: HikvisionTerminal) -> None:
    fill(terminal, 120)
    terminal.clock = lambda: NOW + timedelta(minutes=3)
    info = adapter(terminal).test(NOW)
    assert (info.serial, info.model) == (terminal.serial, "DS-K1T342MWX")
    assert (info.firmware, info.users, info.records) == ("V3.16.1", 50, 120)
    assert 175 <= info.clock_drift <= 180
    # One row is enough to know that events may be read.
    assert [search["maxResults"] for search in terminal.searches] == [1]


def test_a_scan_as_it_is_kept(terminal: HikvisionTerminal) -> None:
    terminal.tz = "Asia/Kolkata"
    terminal.add("0017", datetime(2026, 11, 20, 8, 0, 5), "break_end")
    (scan,) = read(terminal).scans
    assert scan.user_code == "0017"
    assert scan.timestamp_raw == "2026-11-20T08:00:05+05:30"
    assert scan.local_time == datetime.fromisoformat(scan.timestamp_raw)
    assert (scan.scan_type, scan.verify, scan.number) == ("break_end", 75, "1001")
    assert scan.raw["attendanceStatus"] == "breakIn"
    assert not {"name", "pictureURL"} & set(scan.raw)


def test_searches_say_the_offset(terminal: HikvisionTerminal) -> None:
    terminal.tz = "Asia/Kolkata"
    fill(terminal, 40)
    read(terminal)
    first, second = terminal.searches
    assert first["startTime"] == "1970-01-02T00:00:00+05:30"
    assert first["searchID"] == second["searchID"]
    assert [s["searchResultPosition"] for s in terminal.searches] == [0, 30]
    read(terminal)
    assert terminal.searches[-1]["searchID"] != first["searchID"]


def test_what_is_no_scan(terminal: HikvisionTerminal) -> None:
    for minor in (9, 21, 22, 27, 39, 76):
        terminal.add_event(minor, START, code="5" if minor == 76 else "")
    terminal.add_event(104, START, code="5")  # number and password
    terminal.add_event(999, START, code="6")  # unknown, but somebody's
    terminal.add_event(998, START)
    assert [code for code, _time in who(read(terminal))] == ["5", "6"]
    options = {"fails": [999], "passes": [76]}
    own = read(terminal, options=options)
    assert [code for code, _time in who(own)] == ["5", "5"]


# Pages and cursors


@pytest.mark.parametrize("fault", ["", "page_cap", "single_object", "hang_up"])
def test_pages(terminal: HikvisionTerminal, fault: str) -> None:
    fill(terminal, 91)
    terminal.fault = fault
    reading = read(terminal)
    assert reading.complete
    assert not reading.more
    assert len(reading.scans) == 91
    assert set(who(reading)) == terminal.held()


def test_only_what_is_new(terminal: HikvisionTerminal) -> None:
    fill(terminal, 91)
    cursor = read(terminal).cursor
    before = len(terminal.searches)
    terminal.add("7", NOW.replace(tzinfo=None) - timedelta(minutes=1))
    reading = read(terminal, cursor)
    # The last known one shows that the log is the same.
    assert [scan.number for scan in reading.scans] == ["1091", "1092"]
    assert len(terminal.searches) == before + 1


def test_a_clock_that_was_set_back_hides_nothing(terminal: HikvisionTerminal) -> None:
    fill(terminal, 40)
    cursor = read(terminal).cursor
    for year in (1971, 2015, 2098):
        terminal.add("7", datetime(year, 5, 5))
    reading = read(terminal, cursor)
    assert {("7", f"{year}-05-05T00:00:00") for year in (1971, 2015, 2098)} <= set(
        who(reading)
    )
    # One dated far ahead is no place to go on from.
    terminal.add("8", START)
    assert ("8", iso_second(START)) in who(read(terminal, reading.cursor))


@pytest.mark.parametrize("fault", ["no_numbers", "any_number"])
def test_by_time_where_there_is_no_search_by_number(
    terminal: HikvisionTerminal, fault: str
) -> None:
    terminal.fault = fault
    fill(terminal, 100)
    first = read(terminal)
    second = read(terminal, first.cursor)
    assert second.cursor["by"] == "time"
    terminal.add("7", NOW.replace(tzinfo=None) - timedelta(minutes=1))
    third = read(terminal, second.cursor)
    assert [scan.user_code for scan in third.scans] == ["7"]
    start, end = (terminal.searches[-1][n] for n in ("startTime", "endTime"))
    assert start == "2026-11-22T11:50:00+00:00"
    assert end == "2026-11-22T12:15:00+00:00"
    # Nothing new forgets nothing.
    fourth = read(terminal, {**third.cursor, "time": "2026-11-22T13:00:00+00:00"})
    assert fourth.cursor["serial_no"] == third.cursor["serial_no"]
    # Its clock was set: what it recorded meanwhile may be anywhere.
    terminal.add("8", START)
    terminal.clock = lambda: NOW + timedelta(minutes=9)
    assert ("8", iso_second(START)) in who(read(terminal, third.cursor))


@pytest.mark.parametrize("fault", ["", "no_numbers"])
def test_numbers_that_begin_again(terminal: HikvisionTerminal, fault: str) -> None:
    terminal.fault = fault
    fill(terminal, 100)
    cursor = read_on(terminal, read_on(terminal)[-1].cursor)[-1].cursor
    terminal.wipe()
    fill(terminal, 35)
    terminal.add("7", NOW.replace(tzinfo=None) - timedelta(minutes=1))
    readings = read_on(terminal, cursor)
    assert "began again" in readings[0].detail
    assert set(who(*readings)) == terminal.held()
    assert readings[-1].cursor["serial_no"] == 36


def test_a_wiped_log_that_is_empty(terminal: HikvisionTerminal) -> None:
    fill(terminal, 10)
    cursor = read(terminal).cursor
    terminal.wipe()
    reading = read(terminal, cursor)
    assert reading.complete
    assert reading.scans == []
    assert reading.cursor["serial_no"] == 0


@pytest.mark.parametrize("limit", [1, 7, 30, 50])
@pytest.mark.parametrize("fault", ["", "page_cap"])
def test_a_long_log_in_readings(
    terminal: HikvisionTerminal, limit: int, fault: str
) -> None:
    fill(terminal, 70)
    terminal.page = 10
    terminal.fault = fault
    readings = read_on(terminal, limit=limit)
    assert len(readings) > 1
    assert set(who(*readings)) == terminal.held()
    # What is known grows; only the last reading knows all.
    known = [reading.complete_until for reading in readings]
    assert known[-1] is None
    assert known[:-1] == sorted(known[:-1])
    newest = readings[0].scans[-1].local_time
    assert known[0] == newest
    # And then it is as if it had been one.
    terminal.add("7", NOW.replace(tzinfo=None))
    assert len(read(terminal, readings[-1].cursor).scans) == 2


def test_a_full_reading_in_parts_takes_nothing_back(
    terminal: HikvisionTerminal,
) -> None:
    fill(terminal, 70)
    cursor = read(terminal).cursor
    later = NOW + timedelta(days=1)
    part = read(terminal, cursor, full=True, limit=30, now=later)
    assert part.more
    assert part.complete_until == NOW
    rest = read_on(terminal, part.cursor, now=later)
    assert set(who(part, *rest)) == terminal.held()
    assert rest[-1].cursor["time"] == later.isoformat()


def test_a_ring_that_overwrote_in_the_middle(terminal: HikvisionTerminal) -> None:
    fill(terminal, 100)
    part = read(terminal, limit=30)
    terminal.drop_oldest(20)
    terminal.add("7", NOW.replace(tzinfo=None))
    rest = read_on(terminal, part.cursor)
    assert "changed in the middle" in rest[0].detail
    assert set(who(part, *rest)) >= terminal.held()


def test_more_that_comes_during_a_walk(terminal: HikvisionTerminal) -> None:
    fill(terminal, 70)
    readings = [read(terminal, limit=30)]
    terminal.add("7", START - timedelta(days=3))  # its clock was set back
    readings += read_on(terminal, readings[-1].cursor)
    assert set(who(*readings)) == terminal.held()


def test_slow_terminals_are_read_in_parts(
    terminal: HikvisionTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(terminal, 70)
    session = "devices.hikvision.Session.elapsed"
    monkeypatch.setattr(session, property(lambda self: 1e6))
    readings = read_on(terminal)
    assert len(readings) == 3
    assert set(who(*readings)) == terminal.held()


# Faults


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("refuse_auth", DeviceAuthFailed),
        ("lockout", DeviceLocked),
        ("no_rights", DevicePermission),
        ("busy", DeviceBusy),
        ("xml_page", DeviceProtocolError),
        ("garbage", DeviceProtocolError),
        ("basic", DeviceProtocolError),
        ("redirect", DeviceProtocolError),
        ("flood", DeviceProtocolError),
        ("close_mid", DeviceDisconnected),
        ("stall_mid", DeviceTimeout),
        ("silent", DeviceTimeout),
    ],
)
def test_faults(
    terminal: HikvisionTerminal, fault: str, error: type[DeviceError]
) -> None:
    fill(terminal, 40)
    terminal.fault = fault
    with pytest.raises(DeviceError) as caught:
        # short only for what is waited for: all else may take its time
        read(terminal, timeout=0.5 if error is DeviceTimeout else 10)
    assert type(caught.value) is error
    terminal.fault = ""
    assert set(who(read(terminal))) == terminal.held()


def test_a_refused_password_is_tried_once(terminal: HikvisionTerminal) -> None:
    with pytest.raises(DeviceAuthFailed, match="4 tries left") as caught:
        read(terminal, password=terminal.wrong_secret)
    assert terminal.attempts == terminal.refused == 1
    assert not caught.value.transient
    for text in (*terminal.heard, str(caught.value)):
        assert terminal.wrong_secret not in text


def test_a_locked_terminal_is_not_tried_at_all(terminal: HikvisionTerminal) -> None:
    terminal.fault = "lockout"
    with pytest.raises(DeviceLocked, match="1795"):
        adapter(terminal).test(NOW)
    assert terminal.attempts == 0


def test_a_password_changed_in_the_middle(terminal: HikvisionTerminal) -> None:
    fill(terminal, 70)
    found = terminal.found

    def change(condition: dict[str, Any]) -> list[dict[str, Any]]:
        terminal.secret = "changed"
        return found(condition)

    settings = terminal.config()
    terminal.found = change
    with pytest.raises(DeviceAuthFailed):
        HikvisionAdapter(settings).read_scans(ReadRequest(NOW))
    assert terminal.refused == 1


@pytest.mark.parametrize("fault", ["stale_nonce", "silent_nonce"])
def test_nonces_that_are_good_once(terminal: HikvisionTerminal, fault: str) -> None:
    fill(terminal, 91)
    terminal.fault = fault
    assert set(who(read(terminal))) == terminal.held()
    assert terminal.refused == 0


@pytest.mark.parametrize("fault", ["control_chars", "narrow"])
def test_odd_ways(terminal: HikvisionTerminal, fault: str) -> None:
    fill(terminal, 91)
    terminal.fault = fault
    reading = read(terminal)
    assert set(who(reading)) == terminal.held()
    assert adapter(terminal).test(NOW).records == 91
    terminal.add("7", NOW.replace(tzinfo=None))
    assert who(read(terminal, reading.cursor))[-1][0] == "7"


@pytest.mark.parametrize("fault", ["wrong_count", "same_page"])
def test_incomplete(terminal: HikvisionTerminal, fault: str) -> None:
    fill(terminal, 91)
    terminal.fault = fault
    reading = read(terminal)
    assert not reading.complete
    assert reading.cursor is None
    assert reading.detail
    assert set(who(reading)) <= terminal.held()


@pytest.mark.parametrize(
    ("fault", "kept"),
    [("close_mid", 30), ("stall_mid", 30), ("busy", 60), ("garbage", 60)],
)
def test_a_fault_in_the_middle_keeps_what_came(
    terminal: HikvisionTerminal, fault: str, kept: int
) -> None:
    fill(terminal, 91)
    found = terminal.found

    def then(condition: dict[str, Any]) -> list[dict[str, Any]]:
        if condition["searchResultPosition"]:
            terminal.fault = fault
        return found(condition)

    terminal.found = then
    reading = read(terminal, timeout=0.5 if fault == "stall_mid" else 10)
    assert not reading.complete
    assert reading.cursor is None
    assert len(reading.scans) == kept
    assert set(who(reading)) <= terminal.held()


@pytest.mark.parametrize("fault", ["bad_date", "future"])
def test_odd_times(terminal: HikvisionTerminal, fault: str) -> None:
    fill(terminal, 40)
    terminal.fault = fault
    reading = read(terminal)
    assert reading.complete
    assert len(reading.scans) == 41
    assert reading.cursor["serial_no"] == 1040
    terminal.add("7", START)
    assert ("7", iso_second(START)) in who(read(terminal, reading.cursor))


# People, clock, probe


def test_people(terminal: HikvisionTerminal) -> None:
    terminal.people += [{"employeeNo": str(n), "name": f"P {n}"} for n in range(1, 66)]
    terminal.cards += [{"employeeNo": "2", "cardNo": "0012345"}]
    users = adapter(terminal).read_users()
    assert len(users) == 65
    assert users[1] == UserData("2", "P 2", "0012345")


def test_clock(terminal: HikvisionTerminal) -> None:
    terminal.tz = "Asia/Kolkata"
    terminal.clock = lambda: NOW - timedelta(hours=3)
    drift = adapter(terminal).test(NOW).clock_drift
    assert -10801 <= drift <= -10795
    now = datetime.now(UTC)
    info = adapter(terminal).set_clock(now)
    assert -3 <= info.clock_drift <= 3
    (said,) = terminal.clock_sets
    assert said["timeMode"] == "manual"
    assert said["localTime"].endswith("+05:30")
    assert said["timeZone"] == "CST-0:00:00"


def test_a_clock_that_follows_a_time_server(terminal: HikvisionTerminal) -> None:
    terminal.fault = "ntp"
    with pytest.raises(UnsupportedDevice, match="time server"):
        adapter(terminal).set_clock(NOW)
    assert terminal.clock_sets == []


def test_probe(terminal: HikvisionTerminal) -> None:
    settings = terminal.config(username="", password="")
    assert HikvisionAdapter.probe(settings) == ""
    assert terminal.attempts == 0
    for fault in ("garbage", "redirect"):
        terminal.fault = fault
        assert HikvisionAdapter.probe(settings) is None


def test_in_a_child_over_tls() -> None:
    with HikvisionTerminal(tls=certificate().context, clock=lambda: NOW) as terminal:
        fill(terminal, 40)
        child = in_child(terminal)
        reading = child.read_scans(ReadRequest(NOW))
        assert set(who(reading)) == terminal.held()
        assert child.probe() == ""
        terminal.fault = "refuse_auth"
        with pytest.raises(DeviceAuthFailed):
            child.test(NOW)


def test_names_of_any_alphabet() -> None:
    with HikvisionTerminal(clock=lambda: NOW, secret="пароль 密码") as terminal:
        terminal.username = "Олег"
        fill(terminal, 3)
        assert set(who(read(terminal))) == terminal.held()


# Settings and words


@pytest.mark.parametrize(
    "options",
    [{"page": 0}, {"page": "x"}, {"page": True}, {"passes": 1}, {"fails": ["x"]}],
)
def test_options_refused(terminal: HikvisionTerminal, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidConfig, match=next(iter(options))):
        adapter(terminal, options=options)


@pytest.mark.parametrize(
    ("status", "words", "error"),
    [
        (200, {}, None),
        (200, {"statusCode": 1}, None),
        (200, {"statusCode": 2}, DeviceBusy),
        (400, {"statusCode": "2", "subStatusCode": "deviceBusy"}, DeviceBusy),
        (403, {}, DevicePermission),
        (400, {"statusCode": 4, "subStatusCode": "lowPrivilege"}, DevicePermission),
        (400, {"statusCode": 4, "subStatusCode": "notSupport"}, UnsupportedDevice),
        (400, {"statusCode": 6, "subStatusCode": "badParameters"}, codec.BadParameters),
        (404, {}, DeviceProtocolError),
        (500, {"statusCode": 3}, DeviceProtocolError),
    ],
)
def test_refusals(
    status: int, words: dict[str, Any], error: type[DeviceError] | None
) -> None:
    fault = codec.refusal(status, words)
    assert (type(fault) if fault else None) is error


@pytest.mark.parametrize(
    ("row", "code", "number"),
    [
        ({"employeeNoString": " 0017 "}, "0017", ""),
        ({"employeeNo": 17, "serialNo": 5}, "17", "5"),
        ({"employeeNo": 0, "cardNo": "99"}, "99", ""),
        ({"employeeNoString": "x" * 65}, "", ""),
        ({"employeeNoString": "a\x00b", "serialNo": "7"}, "ab", "7"),
        ({"employeeNoString": ["a"], "serialNo": True}, "", ""),
    ],
)
def test_odd_rows(row: dict[str, Any], code: str, number: str) -> None:
    scan = codec.decode_row({"time": "2026-11-20T08:00:00+05:30", **row})
    assert (scan.user_code, scan.number) == (code, number)
    assert scan.timestamp_raw == "2026-11-20T08:00:00+05:30"


@pytest.mark.parametrize(
    "time", ["2026-02-31T08:00:00+00:00", "", "x", None, 5, "0001-01-01T00:00:00+14:00"]
)
def test_no_such_moment(time: Any) -> None:
    assert codec.decode_row({"employeeNoString": "1", "time": time}).local_time is None
