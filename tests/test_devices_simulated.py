"""The simulated make: deterministic, and able to show every fault."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from devices import DeviceConfig, ReadRequest
from devices.adapter import Reading
from devices.errors import (
    DeviceAuthFailed,
    DeviceBusy,
    DeviceDisconnected,
    DeviceTimeout,
    DeviceUnreachable,
    InvalidConfig,
)
from devices.simulated import SimulatedAdapter

MORNING = datetime(2026, 11, 2, 6, tzinfo=UTC)


def adapter(**options: object) -> SimulatedAdapter:
    return SimulatedAdapter(DeviceConfig(tz="Africa/Nairobi", options=options))


def simulated(now: datetime, **options: object) -> Reading:
    return adapter(**options).read_scans(ReadRequest(now))


def test_same_seed_same_scans() -> None:
    assert simulated(MORNING) == simulated(MORNING)
    assert simulated(MORNING, seed="a") != simulated(MORNING, seed="b")


def test_log_only_grows() -> None:
    later = MORNING + timedelta(minutes=30)
    before, after = simulated(MORNING).scans, simulated(later).scans
    assert after[: len(before)] == before
    assert len(after) > len(before)


def test_cursor_gives_what_is_new() -> None:
    """Read every hour, all through midnight: each scan once."""
    device, cursor, seen = adapter(days=2), None, []
    for minutes in range(0, 24 * 60, 60):
        now = MORNING + timedelta(minutes=minutes)
        reading = device.read_scans(ReadRequest(now, cursor))
        cursor = reading.cursor
        seen += reading.scans
    assert seen[-200:] == device.read_scans(ReadRequest(now)).scans[-200:]
    assert len({scan.timestamp_raw for scan in seen}) == len(seen)
    full = device.read_scans(ReadRequest(now, cursor, full=True))
    assert len(full.scans) > 1000


def test_pages() -> None:
    device, cursor, seen, more = adapter(scans=50), None, [], True
    while more:
        reading = device.read_scans(ReadRequest(MORNING, cursor, limit=20))
        cursor, more = reading.cursor, reading.more
        seen += reading.scans
        if more:
            known = reading.scans[-1].local_time - timedelta(hours=3)
            assert reading.complete_until == known.replace(tzinfo=UTC)
    assert seen == device.read_scans(ReadRequest(MORNING)).scans
    assert len(seen) == 50


def test_a_fixed_number_of_scans() -> None:
    scans = simulated(MORNING, scans=500, people=["1", "2"]).scans
    assert len({scan.timestamp_raw for scan in scans}) == 500
    assert {scan.local_time.date() for scan in scans} == {date(2026, 11, 1)}
    assert [scan.user_code for scan in scans[:4]] == ["1", "2", "1", "2"]
    assert [scan.scan_type for scan in scans[:4]] == ["in", "in", "out", "out"]
    # The next day holds others, and the cursor doesn't hide them.
    first = adapter(scans=5).read_scans(ReadRequest(MORNING))
    tomorrow = ReadRequest(MORNING + timedelta(days=1), first.cursor)
    assert len(adapter(scans=5).read_scans(tomorrow).scans) == 5
    assert simulated(MORNING, scans=0).scans == []


def test_scans_are_local_and_past() -> None:
    scans = simulated(MORNING, days=2, per_minute=2).scans
    assert all(scan.local_time <= datetime(2026, 11, 2, 9) for scan in scans)
    assert {scan.local_time.date() for scan in scans} == {
        date(2026, 11, 1),
        date(2026, 11, 2),
    }


def test_people_alternate() -> None:
    scans = [s for s in simulated(MORNING).scans if s.user_code == "P-0001"]
    assert [s.scan_type for s in scans][:4] == ["in", "out", "in", "out"]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("offline", DeviceUnreachable),
        ("refuse_auth", DeviceAuthFailed),
        ("timeout", DeviceTimeout),
        ("close_mid", DeviceDisconnected),
        ("busy", DeviceBusy),
    ],
)
def test_failures(fault: str, error: type) -> None:
    device = adapter(fault=fault)
    for talk in (
        lambda: device.read_scans(ReadRequest(MORNING)),
        lambda: device.test(MORNING),
        device.read_users,
    ):
        with pytest.raises(error):
            talk()


def test_oddities() -> None:
    good = simulated(MORNING).scans
    assert simulated(MORNING, fault="empty").scans == []
    assert len(simulated(MORNING, fault="duplicates").scans) == 2 * len(good)
    assert simulated(MORNING, fault="bad_date").scans[0].local_time is None
    assert simulated(MORNING, fault="bad_date").scans[1:] == good
    assert simulated(MORNING, fault="future").scans[0].local_time.year == 2099
    assert simulated(MORNING, fault="unmatched").scans[0].user_code == "UNKNOWN-demo"
    mixed = simulated(MORNING, fault="out_of_order").scans
    assert mixed != good
    assert sorted(mixed, key=lambda scan: scan.timestamp_raw) == good


@pytest.mark.parametrize("fault", ["wrong_count", "partial"])
def test_incomplete(fault: str) -> None:
    reading = simulated(MORNING, fault=fault)
    assert not reading.complete
    assert reading.detail
    good = simulated(MORNING).scans
    assert reading.scans == good[: len(reading.scans)]


def test_after_an_empty_log_all_is_there() -> None:
    cursor = simulated(MORNING, fault="empty").cursor
    again = adapter().read_scans(ReadRequest(MORNING, cursor))
    assert again.scans == simulated(MORNING).scans


def test_a_fast_clock() -> None:
    reading = simulated(MORNING, fault="clock_drift")
    assert reading.info.clock_drift == 600
    assert max(scan.local_time for scan in reading.scans) > datetime(2026, 11, 2, 9)


def test_latency_beyond_the_timeout() -> None:
    config = DeviceConfig(timeout=0.01, deadline=1, options={"latency_s": 5})
    with pytest.raises(DeviceTimeout):
        SimulatedAdapter(config).test(MORNING)


def test_users() -> None:
    assert [user.code for user in adapter(people=["a", "b"]).read_users()] == ["a", "b"]


@pytest.mark.parametrize(
    "options",
    [
        {"people": "P-1"},
        {"people": [1]},
        {"per_minute": 61},
        {"per_minute": True},
        {"days": 0},
        {"days": 1.5},
        {"scans": -1},
        {"scans": 86_401},
        {"scans": True},
        {"latency_s": 61},
        {"fault": "flood"},
        {"colour": "red"},
    ],
)
def test_bad_options(options: dict) -> None:
    with pytest.raises(InvalidConfig):
        adapter(**options)


def test_nobody_enrolled() -> None:
    assert simulated(MORNING, people=[]).scans == []
    assert simulated(MORNING, people=[], scans=5).scans == []
