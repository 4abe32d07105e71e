"""ZKTeco over real sockets: real pyzk against the terminal of ``zk_terminal``."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from devices import DeviceConfig, ReadRequest, isolated
from devices.adapter import DeviceInfo, Reading
from devices.errors import (
    DeviceAuthFailed,
    DeviceDisconnected,
    DeviceError,
    DeviceIncomplete,
    DeviceNameUnknown,
    DeviceProtocolError,
    DeviceRefused,
    DeviceTimeout,
    InvalidConfig,
)
from devices.zkteco import ZktecoAdapter
from zk_terminal import DISABLE, ENABLE, EXIT, ZkTerminal, checksum, scramble_key

START = datetime(2026, 11, 2, 6)


def fill(terminal: ZkTerminal, count: int) -> None:
    terminal.extend(
        (str(1 + row % 50), START + timedelta(seconds=13 * row), row % 6, 1)
        for row in range(count)
    )


def adapter(terminal: ZkTerminal, key: str = "", **settings: float) -> ZktecoAdapter:
    settings = {"timeout": 5, "deadline": 30, **settings}
    return ZktecoAdapter(DeviceConfig(terminal.host, terminal.port, key, **settings))


def read(terminal: ZkTerminal, key: str = "", known: str = "", **settings) -> Reading:
    request = ReadRequest(datetime.now(UTC), known)
    return adapter(terminal, key, **settings).read_scans(request)


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


# The fake itself, held against published samples


def test_checksum_of_a_known_packet() -> None:
    assert checksum(bytes.fromhex("e803000000000000")) == 0xFC17


def test_key_scrambling_of_a_known_key() -> None:
    from zk.base import make_commkey

    for key, session in ((1, 0x1001), (1234, 7), (999999, 65535)):
        assert scramble_key(key, session) == make_commkey(key, session)


# Reading


def test_five_thousand_records() -> None:
    with ZkTerminal() as terminal:
        fill(terminal, 5000)
        reading = read(terminal)
    assert len(reading.scans) == 5000
    assert reading.complete
    assert Counter(s.user_code for s in reading.scans) == {
        str(code): 100 for code in range(1, 51)
    }
    assert [s.local_time for s in reading.scans] == [
        START + timedelta(seconds=13 * row) for row in range(5000)
    ]
    assert terminal.bad_checksums == 0
    assert terminal.enabled


@pytest.mark.parametrize("layout", [8, 16, 40, 49])
@pytest.mark.parametrize("count", [0, 1, 3, 3000])
def test_layouts(layout: int, count: int) -> None:
    with ZkTerminal(layout=layout) as terminal:
        fill(terminal, count)
        reading = read(terminal)
    assert [s.user_code for s in reading.scans] == [
        str(1 + row % 50) for row in range(count)
    ]
    assert reading.complete


def test_one_connection_and_the_terminal_locked_meanwhile() -> None:
    with ZkTerminal() as terminal:
        fill(terminal, 10)
        read(terminal)
    assert terminal.connections == 1
    commands = terminal.commands
    assert commands.index(DISABLE) < commands.index(1503) < commands.index(ENABLE)
    assert commands[-1] == EXIT


def test_second_reading_is_recognised() -> None:
    with ZkTerminal() as terminal:
        fill(terminal, 2000)
        first = read(terminal)
        again = read(terminal, known=first.digest)
        assert again.unchanged
        assert again.scans == []
        terminal.add("1", START + timedelta(days=1))
        third = read(terminal, known=first.digest)
    assert not third.unchanged
    assert len(third.scans) == 2001


def test_reply_in_pieces() -> None:
    with ZkTerminal(fault="drip", comm_key=77) as terminal:
        fill(terminal, 300)
        assert len(read(terminal, "77").scans) == 300


def test_hundred_thousand_records() -> None:
    with ZkTerminal() as terminal:
        fill(terminal, 100_000)
        reading = read(terminal, deadline=120)
    assert len(reading.scans) == 100_000
    assert reading.complete


# Test connection


def test_info() -> None:
    def clock() -> datetime:
        return datetime.now() + timedelta(seconds=90)

    with ZkTerminal(clock=clock, serial="ABC123") as terminal:
        fill(terminal, 10)
        zone = os.environ.get("TZ") or "UTC"
        config = DeviceConfig(terminal.host, terminal.port, tz=zone)
        info = ZktecoAdapter(config).test(datetime.now(UTC))
    assert isinstance(info, DeviceInfo)
    assert (info.serial, info.model, info.users, info.records, info.capacity) == (
        "ABC123",
        "TestClock 40",
        10,
        10,
        100_000,
    )
    assert 88 <= info.clock_drift <= 91
    assert DISABLE not in terminal.commands


def test_comm_key() -> None:
    with ZkTerminal(comm_key=123456) as terminal:
        fill(terminal, 5)
        assert len(read(terminal, "123456").scans) == 5
        for wrong in ("", "0", "123457"):
            with pytest.raises(DeviceAuthFailed) as caught:
                read(terminal, wrong)
            assert "12345" not in str(caught.value)


def test_key_given_that_is_not_asked_for() -> None:
    with ZkTerminal() as terminal:
        fill(terminal, 5)
        assert len(read(terminal, "5").scans) == 5


def test_refused_in_any_case() -> None:
    with ZkTerminal(fault="refuse_auth") as terminal, pytest.raises(DeviceAuthFailed):
        adapter(terminal).test(datetime.now(UTC))


# Faults


def test_closed_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(DeviceRefused):
        ZktecoAdapter(DeviceConfig("127.0.0.1", port)).test(datetime.now(UTC))


def test_unknown_name() -> None:
    config = DeviceConfig("no-such-terminal.invalid", 4370, deadline=15)
    with pytest.raises(DeviceNameUnknown):
        ZktecoAdapter(config).test(datetime.now(UTC))


def test_silent_host() -> None:
    with ZkTerminal(fault="silent") as terminal, pytest.raises(DeviceTimeout):
        adapter(terminal, timeout=1, deadline=6).test(datetime.now(UTC))


def test_another_protocol() -> None:
    def greet(server: socket.socket) -> None:
        peer, _address = server.accept()
        with peer:
            peer.recv(100)
            peer.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=greet, args=(server,))
        thread.start()
        config = DeviceConfig("127.0.0.1", server.getsockname()[1], timeout=5)
        with pytest.raises(DeviceProtocolError):
            ZktecoAdapter(config).test(datetime.now(UTC))
        thread.join()


@pytest.mark.parametrize("count", [3, 5000])
def test_hangs_up_in_the_middle(count: int) -> None:
    with ZkTerminal(fault="close_mid") as terminal:
        fill(terminal, count)
        with pytest.raises(DeviceDisconnected):
            read(terminal)
        assert terminal.reached_middle.is_set()
        terminal.fault = ""
        assert len(read(terminal).scans) == count


@pytest.mark.parametrize("count", [3, 5000])
def test_stalls_in_the_middle(count: int) -> None:
    with ZkTerminal(fault="stall_mid") as terminal:
        fill(terminal, count)
        with pytest.raises(DeviceTimeout):
            read(terminal, timeout=1, deadline=8)
        assert terminal.reached_middle.is_set()
        terminal.fault = ""
        assert len(read(terminal).scans) == count


def test_deadline_beats_a_patient_timeout() -> None:
    with ZkTerminal(fault="stall_mid") as terminal:
        fill(terminal, 5000)
        with pytest.raises(DeviceTimeout):
            read(terminal, timeout=5, deadline=5)


def test_impossible_date_costs_only_itself() -> None:
    with ZkTerminal(fault="bad_date") as terminal:
        fill(terminal, 10)
        reading = read(terminal)
    assert reading.complete
    assert [s.local_time is None for s in reading.scans] == [True] + [False] * 10
    assert reading.scans[0].timestamp_raw == "2026-02-31 08:00:00"


def test_far_future_is_kept_as_it_is() -> None:
    with ZkTerminal(fault="future") as terminal:
        fill(terminal, 10)
        reading = read(terminal)
    assert reading.scans[0].timestamp_raw == "2099-01-01 08:00:00"
    assert len(reading.scans) == 11


def test_wrong_count_is_flagged_and_rows_kept() -> None:
    with ZkTerminal(fault="wrong_count") as terminal:
        fill(terminal, 10)
        reading = read(terminal)
    assert not reading.complete
    assert len(reading.scans) == 10
    assert reading.detail == "11 records counted, 10 sent"


@pytest.mark.parametrize("layout", [8, 16])
def test_wrong_count_in_a_layout_that_cannot_tell(layout: int) -> None:
    with ZkTerminal(fault="wrong_count", layout=layout) as terminal:
        fill(terminal, 10)
        with pytest.raises(DeviceIncomplete):
            read(terminal)
        assert terminal.enabled
        assert terminal.commands.count(DISABLE) == 1


# Isolation


def test_no_shell(tmp_path: Path) -> None:
    target = tmp_path / "touched"
    for host in (f"127.0.0.1; touch {target}", f"$(touch {target})"):
        with pytest.raises(InvalidConfig):
            ZktecoAdapter(DeviceConfig(host, 4370))
    assert not target.exists()


def test_key_is_not_on_a_command_line() -> None:
    with ZkTerminal(fault="stall_mid", comm_key=424242) as terminal:
        fill(terminal, 5000)
        caught: list[DeviceError] = []

        def run() -> None:
            try:
                read(terminal, "424242", timeout=2, deadline=8)
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
                assert b"424242" not in (Path("/proc") / str(pid) / name).read_bytes()
        thread.join()
    assert isinstance(caught[0], DeviceTimeout)


def test_environment_of_the_child_has_no_secrets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGPASSWORD", "hush")
    assert "PGPASSWORD" not in isolated._child_env()


def spinning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> str:
    """A child module of our own, in the place of the conversation."""
    package = tmp_path / "devices"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "spin.py").write_text(body)
    monkeypatch.setattr(isolated, "_PACKAGE_PARENT", tmp_path)
    return "spin"


def test_child_that_spins_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = spinning(tmp_path, monkeypatch, "while True: pass")
    with pytest.raises(DeviceTimeout):
        isolated.run_isolated(module, {}, 1)


def test_child_that_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = spinning(tmp_path, monkeypatch, "raise SystemExit(3)")
    with pytest.raises(DeviceProtocolError, match="status 3"):
        isolated.run_isolated(module, {}, 20)


def test_child_is_ours_wherever_odoo_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = spinning(tmp_path, monkeypatch, "print('{\"end\": {}}')")
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "devices").mkdir(parents=True)
    (elsewhere / "devices" / "__init__.py").write_text("raise SystemExit(4)")
    monkeypatch.chdir(elsewhere)
    assert isolated.run_isolated(module, {}, 20) == ([], {})


def test_answer_cut_short_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = 'import sys; sys.stdout.write(\'{"rows": []}\\n{"end": {}}\')'
    module = spinning(tmp_path, monkeypatch, body)
    with pytest.raises(DeviceProtocolError):
        isolated.run_isolated(module, {}, 20)


def test_orphan_ends_itself() -> None:
    """The worker is killed during a read: its child must not stay behind."""
    code = (
        "import sys\n"
        "from datetime import datetime, UTC\n"
        "from devices import DeviceConfig, ReadRequest, get_adapter\n"
        "config = DeviceConfig('127.0.0.1', int(sys.argv[1]), timeout=3, deadline=3)\n"
        "get_adapter('zkteco')(config).read_scans(ReadRequest(datetime.now(UTC)))\n"
    )
    with ZkTerminal(fault="stall_mid") as terminal:
        fill(terminal, 5000)
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
            import select

            ready, _, _ = select.select([handle], [], [], 20)
        finally:
            os.close(handle)
        assert ready
