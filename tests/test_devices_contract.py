"""One contract for all makes: over real sockets against their fakes, and over recorded
conversations. Each verb goes once through the child process in which conversations are
had, and so does all that goes wrong; starting one for every question would only take
time."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import recorded
from biostar_server import BiostarServer
from certificates import certificate
from devices import DeviceConfig, discovery
from devices.adapter import BaseMachineAdapter, Reading, ScanData
from devices.discovery import discover
from devices.errors import (
    DeviceAuthFailed,
    DeviceBusy,
    DeviceDataError,
    DeviceError,
    DeviceForbiddenAddress,
    DeviceProtocolError,
    DeviceRefused,
    DeviceTimeout,
    DeviceUnreachable,
    InvalidConfig,
    UnsupportedDevice,
)
from devices.scan_types import SCAN_TYPES
from devices.table import ADAPTERS, get_adapter
from fake_terminal import FakeTerminal, iso_second
from hikvision_terminal import HikvisionTerminal
from line_terminal import LineTerminal
from terminal_reading import adapter, in_child, read
from zk_terminal import ZkTerminal

#: How each make is met.
FAKES: dict[str, Callable[[], FakeTerminal]] = {
    "zkteco-tcp": lambda: ZkTerminal(comm_key=1234),
    "zkteco-udp": lambda: ZkTerminal(comm_key=1234, transport="udp"),
    "biostar": BiostarServer,
    "hikvision": HikvisionTerminal,
    "lines": LineTerminal,
}
#: The same without TLS: what can be recorded and played again.
PLAIN: dict[str, Callable[[], FakeTerminal]] = {
    "zkteco": FAKES["zkteco-tcp"],
    "biostar": lambda: BiostarServer(secure=False),
    # What its clock shows is stored with the cursor.
    "hikvision": lambda: HikvisionTerminal(clock=lambda: recorded.NOW),
    "lines": LineTerminal,
}
NOW = datetime.now(UTC).replace(microsecond=0)
START = (NOW - timedelta(hours=20)).replace(tzinfo=None)
#: Where the answer never comes.
HASTY = {"timeout": 0.5, "deadline": 4}
#: Faults after which that is so, by one transport or another.
WAITED_FOR = ("silent", "close_mid", "stall_mid")


def fill(terminal: FakeTerminal, count: int = 40, start: datetime = START) -> None:
    terminal.extend(
        (
            str(1 + row % 7),
            start + timedelta(seconds=61 * row),
            "out" if row % 2 else "in",
        )
        for row in range(count)
    )


@pytest.fixture(params=FAKES)
def empty(request: pytest.FixtureRequest) -> Iterator[FakeTerminal]:
    with FAKES[request.param]() as terminal:
        yield terminal


@pytest.fixture
def terminal(empty: FakeTerminal) -> FakeTerminal:
    fill(empty)
    return empty


def place(terminal: FakeTerminal, scan: ScanData) -> tuple[str, str]:
    """A scan as the fake's ``held`` tells it."""
    moment = scan.local_time
    if moment and moment.tzinfo:
        moment = moment.astimezone(ZoneInfo(terminal.tz))
    return scan.user_code, iso_second(moment) if moment else ""


def got(terminal: FakeTerminal, reading: Reading) -> list[tuple[str, str]]:
    return [place(terminal, scan) for scan in reading.scans]


def children() -> set[int]:
    """Processes of conversations that are alive."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
            parent = (path.parent / "stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if b"devices.child" in words and parent == Path("/proc/self").resolve().name:
            found.add(int(path.parent.name))
    return found


# Good days


def test_test(terminal: FakeTerminal) -> None:
    info = in_child(terminal).test(datetime.now(UTC))
    assert info.serial == terminal.serial
    assert info.clock_drift is None or abs(info.clock_drift) <= 2


def test_reads_everything_in_order(terminal: FakeTerminal) -> None:
    reading = read(terminal, by=in_child)
    assert reading.complete
    rows = got(terminal, reading)
    assert sorted(rows) == sorted(terminal.held())
    assert [time for _code, time in rows] == sorted(time for _code, time in rows)
    assert len(reading.scans) == 40
    for scan in reading.scans:
        assert scan.scan_type in SCAN_TYPES
        assert scan.timestamp_raw
        json.dumps(dict(scan.raw))
    assert list(reading.scans) == list(reading.scans)  # as often as needed


def test_directions(empty: FakeTerminal) -> None:
    kinds = [kind for kind in SCAN_TYPES if kind != "none"]
    for number, kind in enumerate(kinds):
        empty.add("7", START + timedelta(minutes=number), kind)
    read_kinds = [scan.scan_type for scan in read(empty).scans]
    assert read_kinds == kinds


def test_an_empty_log(empty: FakeTerminal) -> None:
    reading = read(empty)
    assert reading.complete
    assert list(reading.scans) == []
    empty.add("1", START)
    assert got(empty, read(empty, reading.cursor)) == [("1", iso_second(START))]


def test_cursor(terminal: FakeTerminal) -> None:
    """Nothing after it is missed, and it is plain JSON."""
    cursor = json.loads(json.dumps(read(terminal).cursor))
    before = terminal.held()
    again = read(terminal, cursor)
    assert again.complete
    assert set(got(terminal, again)) <= before
    fill(terminal, 5, START + timedelta(hours=2))
    later = read(terminal, json.loads(json.dumps(again.cursor)))
    assert set(got(terminal, later)) >= terminal.held() - before
    everything = read(terminal, later.cursor, full=True)
    assert set(got(terminal, everything)) == terminal.held()


def test_a_scan_that_is_older_than_the_cursor(terminal: FakeTerminal) -> None:
    """The clock was wrong for a while: the newest time is no cursor."""
    terminal.add("3", START + timedelta(hours=3))
    cursor = read(terminal).cursor
    terminal.add("4", START + timedelta(hours=1))
    seen = set(got(terminal, read(terminal, cursor)))
    assert ("4", iso_second(START + timedelta(hours=1))) in seen


def test_pages(terminal: FakeTerminal) -> None:
    cursor, seen, more, pages = None, set(), True, 0
    while more:
        reading = read(terminal, cursor, limit=15)
        assert reading.complete
        seen |= set(got(terminal, reading))
        cursor, more, pages = reading.cursor, reading.more, pages + 1
        assert pages < 20
    assert seen == terminal.held()


def test_cursor_of_another_make(terminal: FakeTerminal) -> None:
    for cursor in ({}, {"something": "else"}):
        assert set(got(terminal, read(terminal, cursor))) == terminal.held()


def test_another_terminal_at_the_address(terminal: FakeTerminal) -> None:
    terminal.serial = "31415926"
    assert adapter(terminal).test(datetime.now(UTC)).serial == "31415926"
    assert read(terminal).info.serial == "31415926"


def test_acknowledge(terminal: FakeTerminal) -> None:
    """What is not to be cleared stays; what is, goes when all of it is stored."""
    held = terminal.held()
    reading = read(terminal)
    now = datetime.now(UTC)
    in_child(terminal).acknowledge(reading.cursor, now, False)
    assert terminal.held() == held
    if get_adapter(terminal.make).capabilities.clear:
        done = in_child(terminal).acknowledge(reading.cursor, now, True)
        assert done.cleared == 40
        assert terminal.held() == set()
        cursor = done.cursor or reading.cursor
        terminal.add("5", START + timedelta(hours=4))
        after = read(terminal, cursor)
        assert after.complete
        assert set(got(terminal, after)) == terminal.held()


def test_other_verbs(terminal: FakeTerminal) -> None:
    can = get_adapter(terminal.make).capabilities
    device = in_child(terminal)
    if can.users:
        codes = {user.code for user in device.read_users()}
        assert codes >= {code for code, _time in terminal.held()}
    else:
        with pytest.raises(UnsupportedDevice):
            device.read_users()
    if can.clock:
        assert abs(device.set_clock(datetime.now(UTC)).clock_drift) <= 2
    else:
        with pytest.raises(UnsupportedDevice):
            device.set_clock(datetime.now(UTC))


def test_probe(empty: FakeTerminal) -> None:
    """Each make knows its own, and no other."""
    stranger = {"password": "", "username": ""}
    assert in_child(empty, **stranger).probe() is not None
    config = empty.config(**stranger, **HASTY)
    for key, kind in ADAPTERS.items():
        if kind.capabilities.networked and key != empty.make:
            try:
                assert kind.probe(config) is None
            except DeviceError as error:
                assert error.transient, repr(error)


# Bad days


EXPECTED: dict[str, tuple[type[DeviceError], ...]] = {
    "silent": (DeviceTimeout,),
    "garbage": (DeviceProtocolError, DeviceDataError),
    "refuse_auth": (DeviceAuthFailed,),
    "busy": (DeviceBusy,),
    "close_mid": (DeviceUnreachable, DeviceTimeout, DeviceDataError),
    "stall_mid": (DeviceTimeout, DeviceDataError),
    "wrong_count": (DeviceDataError,),
}


@pytest.mark.parametrize("fault", EXPECTED)
def test_faults(terminal: FakeTerminal, fault: str) -> None:
    """Classified, or kept as incomplete; afterwards all is as if it had not been."""
    if fault not in terminal.FAULTS:
        assert fault == "wrong_count"  # not every protocol counts
        return
    cursor = read(terminal).cursor
    fill(terminal, 200, START + timedelta(hours=1))
    terminal.fault = fault
    patience = HASTY if fault in WAITED_FOR else {}
    try:
        reading = read(terminal, cursor, by=partial(in_child, **patience))
    except EXPECTED[fault] as error:
        assert terminal.secret not in str(error) + error.detail
    else:
        assert fault in ("close_mid", "stall_mid", "wrong_count")
        assert set(got(terminal, reading)) <= terminal.held()
        if reading.complete:  # it may say too much of what was never asked for
            assert set(got(terminal, read(terminal, full=True))) == terminal.held()
        else:
            assert reading.detail
    terminal.fault = ""
    assert not children()
    after = read(terminal, cursor)
    assert after.complete
    assert set(got(terminal, after)) >= {
        row
        for row in terminal.held()
        if row[1] >= iso_second(START + timedelta(hours=1))
    }
    assert set(got(terminal, read(terminal, full=True))) == terminal.held()


@pytest.mark.parametrize("fault", ["bad_date", "future"])
def test_odd_times_hide_nothing(terminal: FakeTerminal, fault: str) -> None:
    terminal.fault = fault
    reading = read(terminal)
    assert reading.complete
    odd = [
        scan
        for scan in reading.scans
        if scan.local_time is None or scan.local_time.year == 2099
    ]
    # A server that is asked for a span of time may have nothing odd to send.
    assert len(odd) == len(reading.scans) - 40 <= 1
    assert set(got(terminal, reading)) >= terminal.held()
    terminal.add("6", START + timedelta(hours=5))
    seen = set(got(terminal, read(terminal, reading.cursor)))
    assert ("6", iso_second(START + timedelta(hours=5))) in seen


def test_wrong_secret(terminal: FakeTerminal) -> None:
    with pytest.raises(DeviceAuthFailed) as caught:
        adapter(terminal, password=terminal.wrong_secret).test(datetime.now(UTC))
    assert not caught.value.transient
    assert terminal.wrong_secret not in str(caught.value) + caught.value.detail


def test_nobody_there(empty: FakeTerminal) -> None:
    with pytest.raises((DeviceRefused, DeviceTimeout)):
        adapter(empty, port=1, **HASTY).test(datetime.now(UTC))


def test_the_deadline_is_the_end(terminal: FakeTerminal) -> None:
    """Though each single wait could be longer."""
    terminal.fault = "silent"
    with pytest.raises(DeviceTimeout):
        in_child(terminal, timeout=0.8, deadline=0.8).test(datetime.now(UTC))
    assert not children()


def test_the_secret_shows_nowhere(terminal: FakeTerminal) -> None:
    config = terminal.config()
    assert terminal.secret
    assert terminal.secret not in repr(config)
    assert terminal.secret not in repr(adapter(terminal))


def test_outside_the_networks(terminal: FakeTerminal) -> None:
    before = terminal.conversations
    with pytest.raises(DeviceForbiddenAddress):
        adapter(terminal, networks=("10.0.0.0/8",)).test(datetime.now(UTC))
    assert terminal.conversations == before


# Recorded


@pytest.mark.parametrize(
    "path", sorted(recorded.FIXTURES.glob("*/*.json")), ids=lambda path: path.stem
)
def test_recorded(path: Path) -> None:
    fixture = json.loads(path.read_text())
    with recorded.playing(fixture["conversations"]) as port:
        again = recorded.read(fixture["make"], port, fixture["settings"])
    assert again == fixture["reading"]
    assert len(again["scans"]) == 30


def test_every_make_is_recorded() -> None:
    networked = {key for key, kind in ADAPTERS.items() if kind.capabilities.networked}
    assert {
        path.parent.name for path in recorded.FIXTURES.glob("*/*.json")
    } == networked


# Discovery


class Here:
    """Stands in for the child process of a probe."""

    def __init__(self, kind: type[BaseMachineAdapter], config: DeviceConfig) -> None:
        self._kind, self._config = kind, config

    def probe(self) -> str | None:
        return self._kind.probe(self._config)


def look(monkeypatch: pytest.MonkeyPatch, *ports: int, timeout: float = 2.5):
    """What is found when every make is known by these ports."""
    kinds = [kind for kind in ADAPTERS.values() if kind.capabilities.networked]
    for kind in kinds:
        can = dataclasses.replace(kind.capabilities, known_ports=ports)
        monkeypatch.setattr(kind, "capabilities", can)
    return discover("127.0.0.1", kinds, ("127.0.0.0/8",), timeout)


def test_discovery(empty: FakeTerminal, monkeypatch: pytest.MonkeyPatch) -> None:
    config = empty.config()
    # What ports of other makes say by their number.
    usual = "_PLAIN_PORTS" if config.tls == "none" else "_TLS_PORTS"
    monkeypatch.setattr(discovery, usual, frozenset({empty.port}))
    monkeypatch.setattr(discovery, "Isolated", Here)
    found = look(monkeypatch, empty.port)
    assert [one.make for one in found if one.is_it] == [empty.make]
    assert found[0].is_it
    assert found[0].transport == config.transport
    assert (found[0].tls == "none") == (config.tls == "none")


def test_discovery_tries_all_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    with LineTerminal(tls=certificate().context) as terminal:
        [lines] = [
            one
            for one in look(monkeypatch, terminal.port, timeout=6)
            if one.make == terminal.make
        ]
    assert lines.says == "LINE-1 Testline"
    assert lines.tls == "unverified"


def test_discovery_where_nothing_is(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {one.error for one in look(monkeypatch, 1, timeout=4)} <= {
        "refused",
        "timeout",
    }


def test_discovery_of_silence_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    with LineTerminal() as terminal:
        terminal.fault = "silent"
        found = look(monkeypatch, terminal.port, timeout=2)
        assert not any(one.is_it for one in found)
    assert not children()


def test_discovery_goes_only_where_it_may() -> None:
    with LineTerminal() as terminal:
        kinds = [kind for kind in ADAPTERS.values() if kind.capabilities.networked]
        assert {one.error for one in discover("127.0.0.1", kinds)} == {"forbidden"}
        assert terminal.conversations == 0
    assert discover("127.0.0.1", []) == []
    for host in ("a b", "127.0.0.1; id"):
        with pytest.raises(InvalidConfig):
            discover(host, kinds)
