"""The line protocol over real sockets: the adapter against a fake reader, and against
``bin/line-reader`` as a process of its own."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import terminal_reading
from certificates import certificate
from devices import DeviceConfig, ReadRequest, line_session
from devices.adapter import Reading
from devices.certificate import shown_fingerprint
from devices.errors import (
    DeviceAuthFailed,
    DeviceBusy,
    DeviceDisconnected,
    DeviceError,
    DeviceForbiddenAddress,
    DeviceLocked,
    DeviceProtocolError,
    DeviceRefused,
    DeviceTimeout,
    DeviceTlsError,
    InvalidConfig,
    UnsupportedDevice,
)
from devices.isolated import Isolated
from devices.lines import LinesAdapter, decode_row, decode_time
from line_terminal import LineTerminal
from terminal_reading import adapter, fill

ROOT = Path(__file__).resolve().parents[1]
PROTOCOL = ROOT / "spp_attendance_devices/readme/PROTOCOL.md"
NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
START = datetime(2026, 11, 2, 6)


def filled(count: int = 10, **settings) -> LineTerminal:
    terminal = LineTerminal(**settings)
    fill(terminal, count, START)
    return terminal


@pytest.fixture
def terminal() -> Iterator[LineTerminal]:
    with filled() as terminal:
        yield terminal


read = partial(terminal_reading.read, now=NOW)


def got(reading: Reading) -> set[tuple[str, str]]:
    return {(scan.user_code, scan.timestamp_raw[:19]) for scan in reading.scans}


# The way things should go


def test_reads_all_then_only_what_is_new(terminal: LineTerminal) -> None:
    first = read(terminal)
    assert got(first) == terminal.held()
    assert first.complete
    assert first.acknowledge
    assert first.cursor == {"log": terminal.log_name, "seq": 10}
    assert read(terminal, first.cursor).scans == []
    terminal.add("0042", START + timedelta(hours=1), "break_start")
    [scan] = read(terminal, first.cursor).scans
    assert (scan.user_code, scan.number) == ("0042", "11")
    assert scan.scan_type == "break_start"
    assert scan.raw == {"dir": "break_out", "method": "card"}
    assert len(read(terminal, first.cursor, full=True).scans) == 11


@pytest.mark.parametrize("page", [3, 1_000_000])
def test_pages(page: int) -> None:
    """Asked for 4 at a time; the reader may send fewer than it was asked for."""
    with filled(10, page=page) as terminal:
        cursor, seen, more, known = None, [], True, []
        while more:
            reading = read(terminal, cursor, limit=4)
            cursor, more = reading.cursor, reading.more
            seen += reading.scans
            known.append(reading.complete_until)
        assert [scan.number for scan in seen] == [str(n) for n in range(1, 11)]
        assert known[-1] is None
        assert known[0] == seen[min(page, 4) - 1].local_time.replace(tzinfo=UTC)


def test_acknowledges_and_empties(terminal: LineTerminal) -> None:
    cursor = read(terminal).cursor
    device = adapter(terminal)
    assert device.acknowledge(cursor, NOW, clear=False).cleared is None
    assert terminal.acked == 10
    assert len(terminal.held()) == 10
    terminal.add("late", START + timedelta(hours=1))
    assert device.acknowledge(cursor, NOW, clear=True).cleared == 10
    assert {code for code, _time in terminal.held()} == {"late"}
    # Replays are harmless, and so is a log of which the beginning is gone.
    assert device.acknowledge(cursor, NOW, clear=True).cleared == 0
    again = read(terminal, cursor, full=True)
    assert [scan.user_code for scan in again.scans] == ["late"]
    assert again.detail == ""
    assert read(terminal, again.cursor).acknowledge  # number 11 is not yet


def test_nothing_to_acknowledge_twice(terminal: LineTerminal) -> None:
    cursor = read(terminal).cursor
    adapter(terminal).acknowledge(cursor, NOW, clear=False)
    assert not read(terminal, cursor).acknowledge


def test_a_lost_acknowledgement_is_sent_again(terminal: LineTerminal) -> None:
    cursor = read(terminal).cursor
    terminal.fault = "lost_ack"
    with pytest.raises(DeviceDisconnected):
        adapter(terminal).acknowledge(cursor, NOW, clear=False)
    terminal.fault = ""
    assert read(terminal, cursor).acknowledge


def test_an_acknowledgement_is_for_one_log(terminal: LineTerminal) -> None:
    cursor = read(terminal).cursor
    terminal.begin_again()
    terminal.add("1", START)
    assert "began again" in adapter(terminal).acknowledge(cursor, NOW, True).detail
    assert terminal.acked == 0
    assert len(terminal.held()) == 1


def test_a_reader_that_keeps_its_log(terminal: LineTerminal) -> None:
    terminal.fault = "keeps_log"
    done = adapter(terminal).acknowledge(
        {"log": terminal.log_name, "seq": 3}, NOW, True
    )
    assert done.cleared is None
    assert done.detail


@pytest.mark.parametrize(
    ("shown", "offset", "drift"),
    [
        (datetime(2026, 11, 2, 12, 1), "", 60),
        (datetime(2026, 11, 2, 12), "+03:00", 0),
        (datetime(2026, 11, 2, 9), "Z", 0),
        (datetime(2026, 11, 2, 9), "+03:00", -3 * 3600),
    ],
)
def test_clock(shown: datetime, offset: str, drift: int) -> None:
    with LineTerminal(clock=lambda: shown, offset=offset) as terminal:
        terminal.add("1", START)
        device = adapter(terminal, tz="Africa/Nairobi")
        info = device.test(NOW)
        assert info.serial == "LINE-1"
        assert info.capacity == 100_000
        assert info.clock_drift == pytest.approx(drift, abs=1)
        assert device.set_clock(NOW).clock_drift == pytest.approx(0, abs=1)
        moment = device.read_scans(ReadRequest(NOW)).scans[0].local_time
        assert (moment.tzinfo is None) == (offset == "")


# Who is there


def test_the_key_is_never_sent(terminal: LineTerminal) -> None:
    read(terminal)
    assert terminal.secret.encode() not in terminal.heard
    assert terminal.secret not in repr(terminal.config())


def test_nothing_asked_of_an_impostor(terminal: LineTerminal) -> None:
    terminal.fault = "impostor"
    with pytest.raises(DeviceAuthFailed):
        read(terminal)
    assert terminal.requests == []


def test_proofs_of_the_specification() -> None:
    text = PROTOCOL.read_text()
    nonces = re.findall(r"`([0-9a-f]{32})`", text)
    for role in ("server", "reader"):
        [written] = re.findall(rf"^    {role}  ([0-9a-f]{{64}})$", text, re.MULTILINE)
        said = line_session.proof("correct horse battery", role, "GATE-1", *nonces)
        assert said == written


@pytest.mark.parametrize("key", ["short", "fifteen letters"])
def test_short_keys_are_refused_unquoted(key: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        LinesAdapter(DeviceConfig("gate", 4371, password=key))
    assert key not in str(caught.value)


def test_without_a_key_nobody_is_called(terminal: LineTerminal) -> None:
    with pytest.raises(InvalidConfig):
        read(terminal, password="")
    assert terminal.conversations == 0


def test_addresses_outside_are_not_called(terminal: LineTerminal) -> None:
    for networks in ((), ("10.0.0.0/8",)):
        with pytest.raises(DeviceForbiddenAddress):
            read(terminal, networks=networks)
    assert terminal.conversations == 0


# Under TLS


@pytest.fixture
def secured() -> Iterator[LineTerminal]:
    with filled(tls=certificate().context) as terminal:
        yield terminal


def test_tls(secured: LineTerminal) -> None:
    digest = certificate().fingerprint
    for over in (
        {"tls": "unverified"},
        {"tls": "ca", "tls_ca": certificate().pem},
        {"tls": "pinned", "tls_fingerprint": digest},
        {"tls": "pinned", "tls_fingerprint": digest.upper()},
    ):
        assert got(read(secured, **over)) == secured.held()
    secured.heard.clear()
    for over in ({"tls": "system"}, {"tls": "pinned", "tls_fingerprint": "0" * 64}):
        with pytest.raises(DeviceTlsError):
            read(secured, **over)
    assert not secured.heard  # not a byte inside TLS


def test_the_certificate_is_shown_before_anything_is_sent(
    secured: LineTerminal,
) -> None:
    secured.heard.clear()
    # Whatever is said of how it is checked.
    for way in ("none", "system", "unverified"):
        shown = shown_fingerprint(secured.config(tls=way))
        assert shown == certificate().fingerprint
    assert not secured.heard
    with pytest.raises(DeviceForbiddenAddress):
        shown_fingerprint(secured.config(networks=("10.0.0.0/8",)))


def test_no_certificate_is_shown_in_clear(terminal: LineTerminal) -> None:
    with pytest.raises(DeviceProtocolError):
        shown_fingerprint(terminal.config())


def test_tls_where_there_is_none(terminal: LineTerminal) -> None:
    with pytest.raises(DeviceProtocolError):
        read(terminal, tls="unverified")


def test_in_clear_where_there_is_tls(secured: LineTerminal) -> None:
    with pytest.raises(DeviceError):
        read(secured, tls="none", timeout=0.3)


@pytest.mark.parametrize(
    "over", [{"tls": "pinned", "tls_fingerprint": "12"}, {"tls": "ca", "tls_ca": "x"}]
)
def test_bad_tls_settings(over: dict) -> None:
    with pytest.raises(InvalidConfig):
        LinesAdapter(DeviceConfig("gate", 4371, **over))


# Faults


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("silent", DeviceTimeout),
        ("garbage", DeviceProtocolError),
        ("refuse_auth", DeviceAuthFailed),
        ("busy", DeviceBusy),
        ("locked", DeviceLocked),
        ("new_version", DeviceProtocolError),
        ("drip", DeviceTimeout),
    ],
)
def test_nothing_comes(terminal: LineTerminal, fault: str, error: type) -> None:
    terminal.fault = fault
    with pytest.raises(error):
        read(terminal, timeout=0.4, deadline=1)
    terminal.fault = ""
    assert got(read(terminal)) == terminal.held()


@pytest.mark.parametrize(
    ("fault", "kept"),
    [
        ("close_mid", 5),
        ("stall_mid", 5),
        ("cut_line", 9),
        ("long_line", 5),
        ("no_end", 10),
        ("wrong_count", 10),
        ("no_progress", 0),
    ],
)
def test_what_came_is_kept_but_not_moved_past(
    terminal: LineTerminal, fault: str, kept: int
) -> None:
    terminal.fault = fault
    # short only for what is waited for: all else may take its time
    reading = read(terminal, timeout=0.4 if fault == "stall_mid" else 10)
    assert not reading.complete
    assert reading.detail
    assert reading.cursor is None
    assert not reading.acknowledge
    assert got(reading) <= terminal.held()
    assert len(reading.scans) == kept


@pytest.mark.parametrize("fault", ["bad_date", "no_user", "control_chars", "bad_line"])
def test_one_bad_row_holds_up_nothing(terminal: LineTerminal, fault: str) -> None:
    terminal.fault = fault
    reading = read(terminal)
    assert reading.complete
    bad, *good = reading.scans
    assert bad.user_code == "" or bad.local_time is None
    assert {(scan.user_code, scan.timestamp_raw) for scan in good} == terminal.held()
    json.dumps(bad._replace(local_time=None), ensure_ascii=False).encode()
    assert "\0" not in "".join(map(str, bad))
    assert "Jo" not in str(bad)


def test_gaps_are_told_once(terminal: LineTerminal) -> None:
    terminal.fault = "gap"
    reading = read(terminal)
    assert reading.complete
    assert reading.detail == "1 of the numbers 1 to 10 were not sent"
    assert read(terminal, reading.cursor).detail == ""
    assert read(terminal, reading.cursor, full=True).detail == ""


@pytest.mark.parametrize("refilled", [3, 20])
def test_a_log_that_began_again(terminal: LineTerminal, refilled: int) -> None:
    """Told by its name, also when it grew past where the old one was."""
    cursor = read(terminal).cursor
    terminal.begin_again()
    terminal.extend(
        ("9", START + timedelta(hours=1, seconds=row), "in") for row in range(refilled)
    )
    reading = read(terminal, cursor)
    assert got(reading) == terminal.held()
    assert "began again" in reading.detail
    assert reading.cursor == {"log": terminal.log_name, "seq": refilled}


def test_numbers_that_fall_under_one_name(terminal: LineTerminal) -> None:
    cursor = read(terminal).cursor
    terminal.fault = "numbers_fall"
    reading = read(terminal, cursor)
    assert [scan.number for scan in reading.scans] == ["1", "2"]
    assert reading.detail == "the last number fell from 10 to 2"


def test_replays(terminal: LineTerminal) -> None:
    cursor = read(terminal).cursor
    terminal.fault = "replays"
    reading = read(terminal, cursor)
    assert reading.complete
    assert got(reading) == terminal.held()


@pytest.mark.parametrize("cursor", [{}, {"until": "2026"}, {"log": 1, "seq": "x"}])
def test_a_cursor_of_another_make(terminal: LineTerminal, cursor: dict) -> None:
    assert got(read(terminal, cursor)) == terminal.held()


# Rows


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"user": " 0042 "}, "0042"),
        ({"user": 42}, "42"),
        ({"user": True}, ""),
        ({"user": 1.5}, ""),
        ({"user": None}, ""),
        ({"user": ["1"]}, ""),
        ({"user": "9" * 64}, "9" * 64),
        ({"user": "9" * 65}, ""),
        ({"user": "a\nb"}, ""),
        ({}, ""),
    ],
)
def test_badges(row: dict, code: str) -> None:
    assert decode_row(b"", row).user_code == code


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-02T08:00:00", datetime(2026, 11, 2, 8)),
        ("2026-11-02 08:00:00.75", datetime(2026, 11, 2, 8)),
        ("2026-11-02T08:00:00Z", datetime(2026, 11, 2, 8, tzinfo=UTC)),
        ("2026-11-02T11:00:00+03:00", datetime(2026, 11, 2, 8, tzinfo=UTC)),
        ("2026-02-31T08:00:00", None),
        ("2026-11-02T25:00:00", None),
        ("2026-11-02", None),
        ("2026-W45-1", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("", None),
        (1793600000, None),
        (None, None),
    ],
)
def test_times(text: object, moment: datetime | None) -> None:
    raw, decoded = decode_time(text)
    assert raw == (text if isinstance(text, str) else "")
    assert decoded == moment


@pytest.mark.parametrize(
    "line", [b"[1]", b"7", b"\xff", b"[" * 60_000, b'{"a":' + b"1" * 5_000 + b"}"]
)
def test_lines_that_are_no_object(line: bytes) -> None:
    assert line_session.parse(line) is None
    scan = decode_row(line, None)
    assert scan == decode_row(line, None) != decode_row(line + b" ", None)
    assert scan.user_code == ""


def test_an_endless_line_ends(terminal: LineTerminal) -> None:
    """Nothing of it piles up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = threading.Event()

        def pour() -> None:
            connection, _address = listener.accept()
            with connection, contextlib.suppress(OSError):
                while not done.is_set():
                    connection.sendall(b"x" * 65536)

        thread = threading.Thread(target=pour)
        thread.start()
        with pytest.raises(DeviceProtocolError):
            read(terminal, port=listener.getsockname()[1])
        done.set()
        thread.join()


# The reader to build on


class Reader:
    """``bin/line-reader`` as a process."""

    def __init__(self, folder: Path, *args: str) -> None:
        self.log = folder / "scans.log"
        key = folder / "key"
        key.write_text("a shared key of sixteen\n")
        self.process = subprocess.Popen(
            [
                *(sys.executable, ROOT / "bin/line-reader", "--key-file", key),
                *("--host", "127.0.0.1", "--port", "0", "--device", "DOOR", *args),
                self.log,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        said = self.process.stdout.readline()
        self.config = DeviceConfig(
            "127.0.0.1",
            int(said.rpartition(" ")[2]),
            password="a shared key of sixteen",
            networks=("127.0.0.0/8",),
            timeout=5,
            deadline=20,
        )

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.process.kill()
        self.process.communicate()

    def type(self, text: str) -> str:
        """What the reader confirms."""
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def adapter(self) -> Isolated:
        return Isolated(LinesAdapter, self.config)

    def read(self, cursor=None, limit=20_000) -> Reading:
        return self.adapter().read_scans(
            ReadRequest(datetime.now(UTC), cursor, False, limit)
        )


def add(log: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / "bin/line-reader", *args, log],
        capture_output=True,
        text=True,
        check=False,
    )


def test_line_reader(tmp_path: Path) -> None:
    assert add(tmp_path / "scans.log", "--add", "0042", "--dir", "in").stdout == (
        "1 0042\n"
    )
    with Reader(tmp_path) as reader:
        assert reader.type("7 out") == "2 7"
        assert add(reader.log, "--add", "8").stdout == "3 8\n"
        now = datetime.now(UTC)
        info = reader.adapter().test(now)
        assert (info.serial, info.records) == ("DOOR", 3)
        assert info.clock_drift == pytest.approx(0, abs=1)
        assert reader.adapter().probe() == "DOOR line-reader"
        first = reader.read(limit=2)
        assert [(s.user_code, s.scan_type) for s in first.scans] == [
            ("0042", "in"),
            ("7", "out"),
        ]
        assert first.more
        second = reader.read(first.cursor)
        assert [scan.user_code for scan in second.scans] == ["8"]
        assert second.acknowledge
        assert all(abs(now - s.local_time).total_seconds() < 600 for s in first.scans)
        assert reader.adapter().acknowledge(second.cursor, now, False).cleared is None
        assert not reader.read(second.cursor).acknowledge
        assert reader.adapter().acknowledge(second.cursor, now, True).cleared == 3
        # Numbers go on where they were.
        assert reader.type("9") == "4 9"
        assert [scan.number for scan in reader.read(second.cursor).scans] == ["4"]
        assert reader.adapter().acknowledge(second.cursor, now, True).cleared == 0
        with pytest.raises(UnsupportedDevice):
            reader.adapter().set_clock(now)


def test_line_reader_survives_kill(tmp_path: Path) -> None:
    """Killed at any moment, it keeps what it confirmed, and its numbers."""
    confirmed: list[str] = []
    cursor = None
    for round_number in range(3):
        with Reader(tmp_path) as reader:
            for number in range(5):
                confirmed.append(reader.type(f"{round_number}{number}"))
            # Written to while it is killed.
            reader.process.stdin.write("x\n" * 200)
            reader.process.stdin.flush()
            reader.process.send_signal(signal.SIGKILL)
            confirmed += reader.process.communicate()[0].splitlines()
        with reader.log.open("ab") as log:
            log.write(b'{"seq":9999,"us')  # what half a write leaves
    with Reader(tmp_path) as reader:
        reading = reader.read(cursor)
        assert reading.complete
        assert reading.detail == ""
        held = {f"{scan.number} {scan.user_code}" for scan in reading.scans}
        assert set(confirmed) <= held
        assert [int(scan.number) for scan in reading.scans] == [
            *range(1, len(reading.scans) + 1)
        ]


def test_line_reader_keeps_strangers_out(tmp_path: Path) -> None:
    with Reader(tmp_path) as reader:
        reader.type("7")
        stranger = LinesAdapter(
            DeviceConfig(
                reader.config.host,
                reader.config.port,
                password="another key of sixteen",
                networks=("127.0.0.0/8",),
            )
        )
        with pytest.raises(DeviceAuthFailed):
            stranger.read_scans(ReadRequest(NOW))
        address = (reader.config.host, reader.config.port)
        for rubbish in (b"GET / HTTP/1.1\r\n\r\n", b"\xff\n", b"{}\n", b"[1]\n", b""):
            with socket.create_connection(address, 5) as connection:
                assert connection.recv(4096).startswith(b'{"hello"')
                connection.sendall(rubbish)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(4096):
                    pass
        with socket.create_connection(address, 5) as connection:
            connection.recv(4096)
            with pytest.raises(DeviceBusy):
                LinesAdapter(reader.config).test(NOW)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(4096):
                pass
        # Hung up on, the reader is there for the next one.
        assert len(reader.read().scans) == 1


def test_line_reader_under_tls(tmp_path: Path) -> None:
    chain = tmp_path / "both.pem"
    chain.write_text(certificate().key + certificate().pem)
    with Reader(tmp_path, "--cert", str(chain)) as reader:
        reader.type("7")
        secured = dataclasses.replace(reader.config, tls="unverified")
        assert len(LinesAdapter(secured).read_scans(ReadRequest(NOW)).scans) == 1
        in_clear = dataclasses.replace(reader.config, timeout=0.3)
        with pytest.raises(DeviceError):
            LinesAdapter(in_clear).test(NOW)


@pytest.mark.parametrize(
    "args", [["--add", ""], ["--add", "x" * 65], ["--add", "1", "--dir", "up"], []]
)
def test_line_reader_refuses(tmp_path: Path, args: list[str]) -> None:
    done = add(tmp_path / "log", *args)
    assert done.returncode == 2
    assert done.stderr


def test_line_reader_refuses_short_keys(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("short")
    done = add(tmp_path / "log", "--key-file", str(key))
    assert done.returncode == 2
    assert "short" not in done.stderr.replace("shorter", "")


def test_refused_where_nobody_listens(terminal: LineTerminal) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(DeviceRefused):
        read(terminal, port=port)
