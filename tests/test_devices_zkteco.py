"""ZKTeco over real sockets: guarded pyzk against the terminal of ``zk_terminal``, by
TCP and by UDP; where something goes wrong, or is big, in a child process as always."""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from devices import DeviceConfig, UserData, isolated, zk_wire
from devices.adapter import Acknowledged, Reading
from devices.errors import (
    DeviceAuthFailed,
    DeviceBusy,
    DeviceDataError,
    DeviceDisconnected,
    DeviceError,
    DeviceForbiddenAddress,
    DeviceIncomplete,
    DeviceNameUnknown,
    DeviceProtocolError,
    DeviceRefused,
    DeviceTimeout,
    InternalFault,
    InvalidConfig,
)
from devices.isolated import Isolated
from devices.zkteco import ZktecoAdapter
from terminal_reading import adapter, in_child, read, who
from zk_terminal import (
    CLEAR,
    CONNECT,
    DISABLE,
    ENABLE,
    EXIT,
    UDP_FAULTS,
    ZkTerminal,
    checksum,
    scramble_key,
)

START = datetime(2026, 11, 2, 6)
SECRET = "424242"
#: Small enough for one answer, and not.
FEW, MANY = 3, 4000
#: Where the answer never comes.
HASTY = {"timeout": 0.5, "deadline": 4}
#: What each fault of a reading becomes, by TCP and by UDP.
FATAL: dict[str, tuple[type[DeviceError], type[DeviceError]]] = {
    "silent": (DeviceTimeout, DeviceTimeout),
    "close_mid": (DeviceDisconnected, DeviceTimeout),
    "stall_mid": (DeviceTimeout, DeviceTimeout),
    "garbage": (DeviceProtocolError, DeviceProtocolError),
    "refuse_auth": (DeviceAuthFailed, DeviceAuthFailed),
    "busy": (DeviceBusy, DeviceBusy),
    "odd_layout": (DeviceDataError, DeviceDataError),
}


def fill(terminal: ZkTerminal, count: int, since: int = 0) -> None:
    terminal.extend(
        (str(1 + row % 50), START + timedelta(seconds=13 * row), row % 6, 1)
        for row in range(since, since + count)
    )


def codes(reading: Reading) -> list[str]:
    return [scan.user_code for scan in reading.scans]


def scans(reading: Reading) -> set[tuple[str, str]]:
    return set(who(reading))


def children() -> set[int]:
    """Living child processes of this one."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            _name, _paren, rest = stat.read_text().rpartition(")")
        except OSError:
            continue
        if int(rest.split()[1]) == os.getpid():
            found.add(int(stat.parent.name))
    return found


@pytest.fixture(autouse=True)
def no_child_is_left() -> Iterator[None]:
    before = children()
    yield
    assert children() <= before


@pytest.fixture(params=["tcp", "udp"])
def transport(request: pytest.FixtureRequest) -> Any:
    return request.param


# The fake itself, held against published samples


def test_checksum_of_a_known_packet() -> None:
    assert checksum(bytes.fromhex("e803000000000000")) == 0xFC17


def test_key_scrambling_of_a_known_key() -> None:
    from zk.base import make_commkey

    for key, session in ((1, 0x1001), (1234, 7), (999999, 65535)):
        assert scramble_key(key, session) == make_commkey(key, session)


# Reading


@pytest.mark.parametrize(
    ("layout", "count"),
    [(layout, count) for layout in (8, 16, 40, 49) for count in (1, 3000)] + [(40, 0)],
)
def test_layouts(layout: int, count: int, transport: Any) -> None:
    with ZkTerminal(layout=layout, transport=transport) as terminal:
        fill(terminal, count)
        reading = read(terminal)
        assert codes(reading) == [str(1 + row % 50) for row in range(count)]
        assert [scan.local_time for scan in reading.scans] == [
            START + timedelta(seconds=13 * row) for row in range(count)
        ]
    assert reading.complete
    assert not reading.acknowledge
    assert terminal.bad_checksums == 0


def test_one_connection_and_the_terminal_locked_meanwhile(transport: Any) -> None:
    with ZkTerminal(transport=transport) as terminal:
        fill(terminal, 10)
        read(terminal)
    assert terminal.conversations == 1
    commands = terminal.commands
    assert commands.index(DISABLE) < commands.index(1503) < commands.index(ENABLE)
    assert commands[-1] == EXIT
    assert terminal.enabled


@pytest.mark.parametrize("layout", [8, 16, 40, 49])
def test_only_what_is_new(layout: int, transport: Any) -> None:
    with ZkTerminal(layout=layout, transport=transport) as terminal:
        fill(terminal, MANY)
        first = read(terminal)
        whole = terminal.sent
        again = read(terminal, first.cursor)
        assert (len(again.scans), again.complete) == (0, True)
        assert again.cursor == first.cursor
        fill(terminal, 10, MANY)
        third = read(terminal, again.cursor)
        assert codes(third) == [str(1 + row % 50) for row in range(MANY, MANY + 10)]
        assert third.info.records == MANY + 10
        # Some hundred bytes to recognise it by, and whom slots stand for.
        assert terminal.sent - whole < 20_000
        fill(terminal, 1, MANY + 10)
        assert len(read(terminal, third.cursor).scans) == 1
        assert len(read(terminal, first.cursor).scans) == 11
        full = read(terminal, third.cursor, full=True)
        assert (len(full.scans), full.complete) == (MANY + 11, True)


@pytest.mark.parametrize("count", [1, 23, 24, 25])
def test_only_what_is_new_of_small_logs(count: int) -> None:
    with ZkTerminal() as terminal:
        fill(terminal, count)
        first = read(terminal)
        fill(terminal, 2, count)
        second = read(terminal, first.cursor)
        # Below what a log is recognised by, all of it is as cheap.
        assert len(second.scans) in (2, count + 2)
        assert scans(first) | scans(second) == terminal.held()
        fill(terminal, 1, count + 2)
        assert scans(read(terminal, second.cursor)) <= terminal.held()


def test_a_cleared_log_is_read_from_its_beginning() -> None:
    with ZkTerminal() as terminal:
        fill(terminal, 200)
        cursor = read(terminal).cursor
        for count in (150, 200, 300):
            terminal.erase()
            fill(terminal, count, 1000)
            assert scans(read(terminal, cursor)) == terminal.held()
        terminal.erase()
        reading = read(terminal, cursor)
        assert (len(reading.scans), reading.complete) == (0, True)


def test_a_log_that_lost_its_oldest_is_read_from_its_beginning() -> None:
    with ZkTerminal() as terminal:
        fill(terminal, 200)
        cursor = read(terminal).cursor
        terminal.erase()
        fill(terminal, 200, 20)
        assert scans(read(terminal, cursor)) == terminal.held()


def test_another_terminal_is_read_from_its_beginning() -> None:
    with ZkTerminal() as terminal:
        fill(terminal, 200)
        cursor = read(terminal).cursor
        terminal.serial = "ZK0000000002"
        reading = read(terminal, cursor)
        assert (len(reading.scans), reading.info.serial) == (200, "ZK0000000002")


@pytest.mark.parametrize("cursor", [{}, {"digest": "d1"}, {"number": 5, "time": ""}])
def test_cursors_of_others_are_ignored(cursor: dict[str, Any]) -> None:
    with ZkTerminal() as terminal:
        fill(terminal, 5)
        assert len(read(terminal, cursor).scans) == 5


def test_a_slot_that_changed_hands_does_not_change_the_past() -> None:
    with ZkTerminal(layout=8) as terminal:
        fill(terminal, 100)
        first = read(terminal)
        terminal.rename("17", "1017")
        terminal.add("1017", START + timedelta(days=1))
        second = read(terminal, first.cursor)
        assert codes(second) == ["1017"]
        full = read(terminal, second.cursor, full=True)
        assert codes(full) == ["1017"]
        terminal.add("1", START + timedelta(days=2))
        assert codes(read(terminal, full.cursor, full=True)) == ["1017", "1"]


def test_late_clock_and_early_clock_hide_nothing() -> None:
    """A log is not sorted: its clock went wrong and right again."""
    with ZkTerminal() as terminal:
        fill(terminal, 50)
        terminal.add("1", datetime(2099, 1, 1, 8))
        first = read(terminal)
        terminal.add("1", datetime(2000, 1, 1, 8))
        terminal.add("2", START + timedelta(days=1))
        second = read(terminal, first.cursor)
        assert [scan.timestamp_raw for scan in second.scans] == [
            "2000-01-01 08:00:00",
            "2026-11-03 06:00:00",
        ]


def test_hundred_thousand_records(transport: Any) -> None:
    with ZkTerminal(transport=transport, layout=40 if transport == "tcp" else 8) as (
        terminal
    ):
        fill(terminal, 100_000)
        reading = read(terminal, by=in_child, deadline=120)
        assert len(reading.scans) == 100_000
        assert Counter(codes(reading)) == {str(code): 2000 for code in range(1, 51)}
    assert reading.complete


# Test connection, users, clock


def test_info(transport: Any) -> None:
    def clock() -> datetime:
        return datetime.now(ZoneInfo("Asia/Kathmandu")).replace(tzinfo=None) + (
            timedelta(seconds=90)
        )

    with ZkTerminal(clock=clock, serial="ABC123", transport=transport) as terminal:
        terminal.tz = "Asia/Kathmandu"
        fill(terminal, 10)
        info = in_child(terminal, tz="Asia/Kathmandu").test(datetime.now(UTC))
    assert (info.serial, info.model, info.users, info.records, info.capacity) == (
        "ABC123",
        "TestClock 40",
        10,
        10,
        100_000,
    )
    assert info.firmware == "Ver 6.60 Nov 2026"
    assert info.clock_drift is not None
    assert 88 <= info.clock_drift <= 92
    assert DISABLE not in terminal.commands


def test_comm_key(transport: Any) -> None:
    with ZkTerminal(comm_key=123456, transport=transport) as terminal:
        fill(terminal, 5)
        assert len(read(terminal).scans) == 5
        for wrong in ("", "0", "123457"):
            with pytest.raises(DeviceAuthFailed) as caught:
                read(terminal, password=wrong)
            assert "12345" not in f"{caught.value} {caught.value.detail}"


def test_key_given_that_is_not_asked_for() -> None:
    with ZkTerminal() as terminal:
        fill(terminal, 5)
        assert len(read(terminal, password="5").scans) == 5


@pytest.mark.parametrize("layout", [8, 40])
@pytest.mark.parametrize("count", [0, 500])
def test_users(layout: int, count: int, transport: Any) -> None:
    with ZkTerminal(layout=layout, transport=transport) as terminal:
        for number in range(count):
            terminal.enrol(str(100 + number), f"N{number}", 5000 * (number % 2))
        users = in_child(terminal).read_users()
    assert users == [
        UserData(str(100 + n), f"N{n}", "5000" if n % 2 else "") for n in range(count)
    ]
    assert "pw9753" not in repr(users)
    assert DISABLE not in terminal.commands


def test_set_clock(transport: Any) -> None:
    with ZkTerminal(transport=transport, clock=lambda: datetime(2020, 1, 1)) as (
        terminal
    ):
        terminal.tz = "Africa/Nairobi"
        fill(terminal, 5)
        now = datetime.now(UTC)
        info = in_child(terminal, tz="Africa/Nairobi").set_clock(now)
        shown = terminal.clock()
    behind = shown - now.astimezone(ZoneInfo("Africa/Nairobi")).replace(tzinfo=None)
    assert timedelta(seconds=-1) < behind < timedelta(seconds=30)
    assert info.serial == terminal.serial


# Emptying its log


def test_emptied_after_it_was_read() -> None:
    with ZkTerminal() as terminal:
        fill(terminal, 300)
        reading = read(terminal, by=in_child)
        done = in_child(terminal).acknowledge(reading.cursor, datetime.now(UTC), True)
        assert (done.cleared, done.detail, len(terminal)) == (300, "", 0)
        assert terminal.enabled
        fill(terminal, 3, 300)
        after = read(terminal, done.cursor)
        assert codes(after) == ["1", "2", "3"]
        again = adapter(terminal).acknowledge(after.cursor, datetime.now(UTC), True)
        assert again.cleared == 3


def test_not_emptied_unless_asked_to() -> None:
    with ZkTerminal() as terminal:
        fill(terminal, 30)
        cursor = read(terminal).cursor
        done = adapter(terminal).acknowledge(cursor, datetime.now(UTC), False)
        assert done == Acknowledged()
        assert len(terminal) == 30


def test_not_emptied_when_somebody_punched_since() -> None:
    with ZkTerminal() as terminal:
        fill(terminal, 300)
        reading = read(terminal)
        fill(terminal, 1, 300)
        done = adapter(terminal).acknowledge(reading.cursor, datetime.now(UTC), True)
        assert done.cleared is None
        assert done.detail == "300 records are stored, 301 are there"
        assert CLEAR not in terminal.commands


def test_not_emptied_when_it_was_read_in_parts() -> None:
    with ZkTerminal() as terminal:
        fill(terminal, 300)
        first = read(terminal)
        fill(terminal, 1, 300)
        second = read(terminal, first.cursor)
        done = adapter(terminal).acknowledge(second.cursor, datetime.now(UTC), True)
        assert done.cleared is None
        assert "read in full" in done.detail
        full = read(terminal, second.cursor, full=True)
        done = adapter(terminal).acknowledge(full.cursor, datetime.now(UTC), True)
        assert done.cleared == 301


def test_another_terminal_is_not_emptied() -> None:
    with ZkTerminal() as terminal:
        fill(terminal, 30)
        cursor = read(terminal).cursor
        terminal.serial = "ZK0000000002"
        done = adapter(terminal).acknowledge(cursor, datetime.now(UTC), True)
        assert done.cleared is None
        assert len(terminal) == 30


def test_not_emptied_when_somebody_can_punch_meanwhile() -> None:
    with ZkTerminal(fault="no_lock") as terminal:
        fill(terminal, 30)
        reading = read(terminal)
        assert reading.complete
        terminal.on_command = lambda command: (
            fill(terminal, 1, 30) if command == CLEAR else None
        )
        done = adapter(terminal).acknowledge(reading.cursor, datetime.now(UTC), True)
        assert done.cleared is None
        assert "lock" in done.detail
        assert len(terminal) == 30


def test_log_that_stays_although_it_was_emptied() -> None:
    with ZkTerminal(fault="keeps_log") as terminal:
        fill(terminal, 30)
        cursor = read(terminal).cursor
        with pytest.raises(DeviceDataError):
            adapter(terminal).acknowledge(cursor, datetime.now(UTC), True)
        assert terminal.enabled


@pytest.mark.parametrize("fault", ["close_mid", "stall_mid", "wrong_count"])
def test_not_emptied_when_the_second_look_fails(fault: str) -> None:
    with ZkTerminal() as terminal:
        fill(terminal, MANY)
        cursor = read(terminal).cursor
        terminal.fault = fault
        try:
            done = in_child(terminal, **HASTY).acknowledge(
                cursor, datetime.now(UTC), True
            )
        except DeviceError:
            pass
        else:
            assert done.cleared is None
        assert CLEAR not in terminal.commands
        assert len(terminal) == MANY
        assert terminal.enabled


# Looking for it


def test_probe(transport: Any) -> None:
    with ZkTerminal(comm_key=7, transport=transport) as terminal:
        assert in_child(terminal, password="").probe() == ""
        assert terminal.commands == [CONNECT]


def test_probe_of_another_make() -> None:
    with ZkTerminal(fault="garbage") as terminal:
        assert in_child(terminal).probe() is None


def test_probe_of_nobody() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    config = DeviceConfig("127.0.0.1", port, networks=("127.0.0.0/8",))
    with pytest.raises(DeviceRefused):
        Isolated(ZktecoAdapter, config).probe()


# Faults


@pytest.mark.parametrize(
    ("fault", "count"),
    [(fault, FEW) for fault in FATAL] + [("close_mid", MANY), ("stall_mid", MANY)],
)
def test_a_fault_loses_nothing(fault: str, count: int, transport: Any) -> None:
    """After each fault: told as what it is, nothing read, nobody locked out, and the
    next reading has it all."""
    with ZkTerminal(comm_key=77, transport=transport) as terminal:
        fill(terminal, count)
        first = read(terminal)
        fill(terminal, count, count)
        # So that its log has to be transferred.
        terminal.fault = fault
        hasty = HASTY if fault in ("silent", "close_mid", "stall_mid") else {}
        with pytest.raises(FATAL[fault][transport == "udp"]):
            read(terminal, first.cursor, full=True, by=in_child, **hasty)
        assert terminal.reached_middle.is_set() == fault.endswith("_mid")
        assert terminal.enabled
        terminal.fault = ""
        second = read(terminal, first.cursor)
        assert scans(first) | scans(second) == terminal.held()
        assert second.complete


@pytest.mark.parametrize("fault", sorted(UDP_FAULTS))
@pytest.mark.parametrize("count", [FEW, 1000])
def test_datagrams_that_go_astray(fault: str, count: int) -> None:
    with ZkTerminal(transport="udp", fault=fault, comm_key=77) as terminal:
        fill(terminal, count)
        reading = read(terminal, timeout=1.6)
        assert codes(reading) == [str(1 + row % 50) for row in range(count)]
        assert reading.complete
        assert terminal.enabled


def test_a_long_datagram_is_not_cut_off() -> None:
    with ZkTerminal(transport="udp", direct_bytes=60_000) as terminal:
        fill(terminal, 1000)
        assert len(read(terminal).scans) == 1000


def test_an_answer_that_the_terminal_cuts_off(transport: Any) -> None:
    with ZkTerminal(
        transport=transport, direct_bytes=60_000, fault="cut_direct"
    ) as terminal:
        fill(terminal, 50)
        reading = read(terminal)
        assert not reading.complete
        assert len(reading.scans) == 25
        assert reading.detail == "50 records counted, 25 sent"


def test_reply_in_pieces() -> None:
    with ZkTerminal(fault="drip", comm_key=77) as terminal:
        fill(terminal, 300)
        assert len(read(terminal).scans) == 300


def test_endless_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zk_wire, "MAX_BYTES", 1 << 20)
    with ZkTerminal(fault="endless") as terminal:
        fill(terminal, MANY)
        with pytest.raises(DeviceProtocolError, match="64 MiB"):
            read(terminal)


def test_closed_port(transport: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    config = DeviceConfig(
        "127.0.0.1", port, transport=transport, networks=("127.0.0.0/8",)
    )
    with pytest.raises(DeviceRefused):
        Isolated(ZktecoAdapter, config).test(datetime.now(UTC))


def test_unknown_name() -> None:
    config = DeviceConfig("no-such-terminal.invalid", 4370, deadline=15)
    with pytest.raises(DeviceNameUnknown):
        Isolated(ZktecoAdapter, config).test(datetime.now(UTC))


def test_address_that_is_not_for_terminals() -> None:
    with ZkTerminal() as terminal:
        for networks in ((), ("10.0.0.0/8",)):
            with pytest.raises(DeviceForbiddenAddress):
                adapter(terminal, networks=networks).test(datetime.now(UTC))
        assert terminal.conversations == 0


def test_deadline_beats_a_patient_timeout(transport: Any) -> None:
    with ZkTerminal(fault="stall_mid", transport=transport) as terminal:
        fill(terminal, MANY)
        with pytest.raises(DeviceTimeout):
            read(terminal, by=in_child, timeout=1.5, deadline=1.5)


@pytest.mark.parametrize("layout", [8, 16, 40])
def test_impossible_date_costs_only_itself(layout: int) -> None:
    with ZkTerminal(fault="bad_date", layout=layout) as terminal:
        fill(terminal, 10)
        reading = read(terminal)
        assert reading.complete
        assert [s.local_time is None for s in reading.scans] == [True] + [False] * 10
        assert next(iter(reading.scans)).timestamp_raw == "2026-02-31 08:00:00"


def test_far_future_is_kept_as_it_is() -> None:
    with ZkTerminal(fault="future") as terminal:
        fill(terminal, 10)
        reading = read(terminal)
        assert next(iter(reading.scans)).timestamp_raw == "2099-01-01 08:00:00"
        assert len(reading.scans) == 11


def test_clock_that_jumps() -> None:
    with ZkTerminal(fault="clock_jump") as terminal:
        fill(terminal, 3)
        drift = read(terminal).info.clock_drift
        assert drift is not None
        assert 3595 < drift < 3605


def test_wrong_count_is_flagged_and_rows_kept(transport: Any) -> None:
    with ZkTerminal(fault="wrong_count", transport=transport) as terminal:
        fill(terminal, 10)
        reading = read(terminal)
        assert not reading.complete
        assert len(reading.scans) == 10
        assert reading.detail == "11 records counted, 10 sent"
        # All that came, again and again, until it counts right.
        assert len(read(terminal, reading.cursor).scans) == 10


@pytest.mark.parametrize("layout", [8, 16])
def test_wrong_count_in_a_layout_that_cannot_tell(layout: int) -> None:
    with ZkTerminal(fault="wrong_count", layout=layout) as terminal:
        fill(terminal, 10)
        with pytest.raises(DeviceIncomplete):
            read(terminal)
        assert terminal.enabled


@pytest.mark.parametrize("layout", [8, 16, 40])
def test_punch_between_counting_and_reading(layout: int) -> None:
    with ZkTerminal(layout=layout) as terminal:
        fill(terminal, 100)
        terminal.on_command = lambda command: (
            fill(terminal, 1, len(terminal))
            if command == 1503 and len(terminal) < 102
            else None
        )
        reading = read(terminal)
        assert reading.complete
        assert len(reading.scans) == 101
        assert scans(read(terminal, reading.cursor)) <= terminal.held()


def test_settings_that_cannot_be(tmp_path: Path) -> None:
    target = tmp_path / "touched"
    for host in (f"127.0.0.1; touch {target}", f"$(touch {target})"):
        with pytest.raises(InvalidConfig):
            Isolated(ZktecoAdapter, DeviceConfig(host, 4370)).test(datetime.now(UTC))
    for key in ("1000000", "-1", "12a", "١٢"):
        with pytest.raises(InvalidConfig) as caught:
            ZktecoAdapter(DeviceConfig("gate", 4370, password=key))
        assert key not in str(caught.value)
    assert not target.exists()


# Isolation


def test_key_is_not_on_a_command_line() -> None:
    with ZkTerminal(fault="stall_mid", comm_key=int(SECRET)) as terminal:
        fill(terminal, MANY)
        caught: list[DeviceError] = []

        def run() -> None:
            try:
                read(terminal, by=in_child, timeout=1.5, deadline=15)
            except DeviceError as error:
                caught.append(error)

        before = children()
        thread = threading.Thread(target=run)
        thread.start()
        assert terminal.reached_middle.wait(20)
        born = children() - before
        assert born
        for pid in born:
            for name in ("cmdline", "environ"):
                assert (
                    SECRET.encode()
                    not in (Path("/proc") / str(pid) / name).read_bytes()
                )
        thread.join()
    assert isinstance(caught[0], DeviceTimeout)


def test_environment_of_the_child_has_no_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGPASSWORD", "hush")
    assert "PGPASSWORD" not in isolated._child_env()


def spinning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    """A child of our own, in the place of the conversation."""
    package = tmp_path / "devices"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "child.py").write_text(body)
    monkeypatch.setattr(isolated, "_PACKAGE_PARENT", tmp_path)


def test_child_that_spins_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spinning(tmp_path, monkeypatch, "while True: pass")
    with pytest.raises(DeviceTimeout):
        isolated.run_child({}, 1)


def test_child_that_leaves_a_child_is_killed_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid_file = tmp_path / "pid"
    body = (
        "import subprocess, sys\n"
        "loop = [sys.executable, '-c', 'while True: pass']\n"
        "child = subprocess.Popen(loop)\n"
        f"open({str(pid_file)!r}, 'w').write(str(child.pid))\n"
        "child.wait()\n"
    )
    spinning(tmp_path, monkeypatch, body)
    with pytest.raises(DeviceTimeout):
        isolated.run_child({}, 2)
    try:
        handle = os.pidfd_open(int(pid_file.read_text()))
    except ProcessLookupError:
        return
    try:
        # Dead, whoever has to bury it; a moment later if it was in the middle.
        assert select.select([handle], [], [], 20)[0]
    finally:
        os.close(handle)


def test_child_that_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spinning(tmp_path, monkeypatch, "raise SystemExit(3)")
    with pytest.raises(DeviceProtocolError, match="status 3"):
        isolated.run_child({}, 20)


def test_child_that_complains_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolated, "MAX_ANSWER", 1 << 20)
    body = "import sys\nwhile True: sys.stderr.write('no! ' * 1000)"
    spinning(tmp_path, monkeypatch, body)
    with pytest.raises((DeviceProtocolError, DeviceTimeout)) as caught:
        isolated.run_child({}, 20)
    assert len(caught.value.detail) < 300


def test_child_that_answers_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolated, "MAX_ANSWER", 1 << 20)
    spinning(tmp_path, monkeypatch, "while True: print('[]' * 1000)")
    with pytest.raises(DeviceProtocolError):
        isolated.run_child({}, 20)


def test_no_room_for_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolated.sys, "executable", "/nonexistent/python")
    with pytest.raises(InternalFault):
        isolated.run_child({}, 20)


def test_child_is_ours_wherever_odoo_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spinning(tmp_path, monkeypatch, "print('{\"end\": {}}')")
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "devices").mkdir(parents=True)
    (elsewhere / "devices" / "__init__.py").write_text("raise SystemExit(4)")
    monkeypatch.chdir(elsewhere)
    rows, end = isolated.run_child({}, 20)
    assert (len(rows), end) == (0, {})


@pytest.mark.parametrize("end", ['{"end": {}}', '{"end"', ""])
def test_answer_cut_short_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    row = ["1", "2026-11-02 08:00:00", None, "in", None, None, {}, "", "", ""]
    text = f"{json.dumps(row)}\n{end}"
    spinning(tmp_path, monkeypatch, f"import sys; sys.stdout.write({text!r})")
    with pytest.raises(DeviceProtocolError):
        isolated.run_child({}, 20)


def test_memory_of_the_child_is_bounded() -> None:
    code = (
        "import resource, io, json, sys\n"
        "from devices import child\n"
        "child.converse = lambda request, out: bytearray(2 * child.MEMORY)\n"
        "sys.stdin = io.StringIO(json.dumps({'deadline': 20}))\n"
        "child.main()\n"
    )
    parent = Path(sys.modules["devices"].__file__ or "").parent.parent
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=parent, capture_output=True, check=False
    )
    last = json.loads(done.stdout.splitlines()[-1])
    assert last["error"] == {"code": "internal", "detail": "MemoryError"}


def test_worker_is_idle_while_a_terminal_stalls() -> None:
    with ZkTerminal(fault="stall_mid") as terminal:
        fill(terminal, MANY)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with pytest.raises(DeviceTimeout):
            read(terminal, by=in_child, timeout=2, deadline=4)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    # It waited for two seconds and more, without turning in a loop.
    assert spent < 1


def test_scans_are_gone_through_again() -> None:
    with ZkTerminal() as terminal:
        fill(terminal, 100)
        reading = read(terminal, by=in_child)
    assert list(reading.scans) == list(reading.scans)


def test_orphan_ends_itself() -> None:
    """The worker is killed during a read: its child must not stay behind."""
    code = (
        "import sys\n"
        "from datetime import datetime, UTC\n"
        "from devices import DeviceConfig, ReadRequest\n"
        "from devices.isolated import Isolated\n"
        "from devices.zkteco import ZktecoAdapter\n"
        "config = DeviceConfig('127.0.0.1', int(sys.argv[1]), timeout=3, deadline=3,\n"
        "                      networks=('127.0.0.0/8',))\n"
        "Isolated(ZktecoAdapter, config).read_scans(ReadRequest(datetime.now(UTC)))\n"
    )
    with ZkTerminal(fault="stall_mid") as terminal:
        fill(terminal, MANY)
        parent = Path(sys.modules["devices"].__file__ or "").parent.parent
        with subprocess.Popen(
            [sys.executable, "-c", code, str(terminal.port)], cwd=parent
        ) as worker:
            assert terminal.reached_middle.wait(20)
            [child] = [
                int(pid)
                for pid in Path(f"/proc/{worker.pid}/task/{worker.pid}/children")
                .read_text()
                .split()
            ]
            worker.send_signal(signal.SIGKILL)
        # Its own alarm comes a second after the deadline.
        handle = os.pidfd_open(child)
        try:
            ready, _, _ = select.select([handle], [], [], 20)
        finally:
            os.close(handle)
        assert ready
