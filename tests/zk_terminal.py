"""A ZKTeco terminal for tests: a TCP server on loopback that speaks the real protocol.

Usable as a context manager; the port is free for the taking unless one is given::

    with ZkTerminal(comm_key=1234) as terminal:
        terminal.add("17", datetime(2026, 11, 2, 8, 0))
        ... poll terminal.host, terminal.port ...
        terminal.fault = "close_mid"

It can be told to misbehave (``fault``, changed at any time):

    close_mid    hangs up in the middle of the log
    stall_mid    sends half of the log and then nothing, holding the connection
    silent       accepts the connection and never answers
    refuse_auth  refuses every communication key
    wrong_count  its counter says one more than the log holds
    bad_date     the log begins with a punch on 31 February
    future       the log begins with a punch in 2099
    drip         sends every answer in pieces of a few bytes

Times are the terminal's local wall-clock time (naive). Nothing here uses the code
under test: layouts and checksums are written a second time, from the protocol.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

FAULTS = (
    "close_mid",
    "stall_mid",
    "silent",
    "refuse_auth",
    "wrong_count",
    "bad_date",
    "future",
    "drip",
)

_TOP = struct.Struct("<HHI")
_HEAD = struct.Struct("<4H")
_MAGIC = (0x5050, 0x7D82)

CONNECT, EXIT, ENABLE, DISABLE = 1000, 1001, 1002, 1003
VERSION, AUTH, OPTION, SIZES, TIME = 1100, 1102, 11, 50, 201
PREPARE_BUFFER, READ_CHUNK, FREE_BUFFER = 1503, 1504, 1502
PREPARE_DATA, DATA, OK, ERROR, UNAUTHORISED = 1500, 1501, 2000, 2001, 2005
ATTLOG, USERS = 13, 9

#: Blobs up to this size are answered at once, bigger ones are read in chunks.
DIRECT_BYTES = 1024


@dataclass(frozen=True)
class Punch:
    """One record of the log; ``packed`` is the time in the terminal's own encoding."""

    code: str
    packed: int
    punch: int = 0
    verify: int = 1


def pack_time(
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0
) -> int:
    """ZKTeco's 32-bit time; days up to 31 in every month can be written."""
    days = ((year - 2000) * 12 + month - 1) * 31 + day - 1
    return days * 86400 + (hour * 60 + minute) * 60 + second


def scramble_key(key: int, session: int, ticks: int = 50) -> bytes:
    """The four bytes that a client sends for a communication key."""
    reversed_bits = int(f"{key:032b}"[::-1], 2)
    mixed = ((reversed_bits + session) & 0xFFFFFFFF).to_bytes(4, "little")
    _, b1, b2, b3 = (left ^ right for left, right in zip(mixed, b"ZKSO", strict=True))
    # The 16-bit halves change places; the third byte is the ticks themselves.
    return bytes((b2 ^ ticks, b3 ^ ticks, ticks, b1 ^ ticks))


def checksum(packet: bytes) -> int:
    """Ones' complement sum of the packet with its checksum field zero."""
    total = 0
    for offset in range(0, len(packet), 2):
        total += int.from_bytes(packet[offset : offset + 2], "little")
    return 0xFFFF - total % 0xFFFF


class ZkTerminal:
    """The terminal. ``layout`` is the size of a log record: 8, 16, 40 or more.

    :param clock: gives the time on the terminal's display; default the host's.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        comm_key: int = 0,
        layout: int = 40,
        serial: str = "ZK0000000001",
        clock: Callable[[], datetime] = datetime.now,
        fault: str = "",
    ) -> None:
        self.host = "127.0.0.1"
        self.comm_key = comm_key
        self.layout = layout
        self.serial = serial
        self.clock = clock
        self.fault = fault
        self.enabled = True
        self.connections = 0
        self.commands: list[int] = []
        self.bad_checksums = 0
        #: Set when half of a log was sent to a client under a ``*_mid`` fault.
        self.reached_middle = threading.Event()
        self._lock = threading.Lock()
        self._log: list[Punch] = []
        self._slots: dict[str, int] = {}
        self._closing = threading.Event()
        self._server = _Server((self.host, port), _Conversation, self)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()  # waits for the conversations as well

    # What the test does with it

    def add(self, code: str, moment: datetime, punch: int = 0, verify: int = 1) -> None:
        """Record one punch, as if somebody had just put a finger on it."""
        self.extend([(code, moment, punch, verify)])

    def extend(self, punches: Iterable[tuple[str, datetime, int, int]]) -> None:
        """Record many ``(code, local time, punch, verify)``."""
        rows = [
            Punch(code, pack_time(*moment.timetuple()[:6]), punch, verify)
            for code, moment, punch, verify in punches
        ]
        with self._lock:
            self._log.extend(rows)
            for row in rows:
                self._slots.setdefault(row.code, len(self._slots) + 1)

    def __len__(self) -> int:
        with self._lock:
            return len(self._log)

    # What the conversation asks

    @property
    def records(self) -> int:
        return len(self._rows()) + (self.fault == "wrong_count")

    @property
    def users(self) -> int:
        with self._lock:
            return len(self._slots)

    def wait_for_end(self) -> None:
        """Block until the terminal is switched off (a stalled conversation)."""
        self._closing.wait()

    def _rows(self) -> list[Punch]:
        with self._lock:
            rows = list(self._log)
        if self.fault == "bad_date":
            return [Punch("1", pack_time(2026, 2, 31, 8)), *rows]
        if self.fault == "future":
            return [Punch("1", pack_time(2099, 1, 1, 8)), *rows]
        return rows

    def log_blob(self) -> bytes:
        body = b"".join(self._record(row) for row in self._rows())
        return struct.pack("<I", len(body)) + body

    def _record(self, row: Punch) -> bytes:
        slot = self._slots.get(row.code, 0)
        if self.layout == 8:
            return struct.pack("<HBIB", slot, row.verify, row.packed, row.punch)
        if self.layout == 16:
            return struct.pack(
                "<IIBB2sI", int(row.code), row.packed, row.verify, row.punch, b"", 0
            )
        record = struct.pack(
            "<H24sBIB", slot, row.code.encode(), row.verify, row.packed, row.punch
        )
        return record.ljust(self.layout, b"\0")

    def user_blob(self) -> bytes:
        with self._lock:
            slots = list(self._slots.items())
        if self.layout == 40:
            users = [
                struct.pack(
                    "<HB8s24sIx7sx24s", slot, 0, b"", b"", 0, b"", code.encode()
                )
                for code, slot in slots
            ]
        else:
            users = [
                struct.pack("<HB5s8sIxBhI", slot, 0, b"", b"", 0, 0, 0, int(code))
                for code, slot in slots
            ]
        body = b"".join(users)
        return struct.pack("<I", len(body)) + body

    def sizes(self) -> bytes:
        fields = [0] * 20
        fields[4], fields[8] = self.users, self.records
        fields[15], fields[16] = 3000, 100000
        fields[18], fields[19] = 3000 - fields[4], 100000 - fields[8]
        return struct.pack("<20i", *fields)

    def option(self, name: str) -> str | None:
        return {
            "~SerialNumber": self.serial,
            "~DeviceName": "TestClock 40",
            "~Platform": "ZMM220_TFT",
        }.get(name)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = False

    def __init__(
        self,
        address: tuple[str, int],
        handler: type[socketserver.BaseRequestHandler],
        terminal: ZkTerminal,
    ) -> None:
        self.terminal = terminal
        super().__init__(address, handler)


class _HangUp(Exception):
    """The conversation is over."""


class _Conversation(socketserver.BaseRequestHandler):
    """One client's connection: frames in, frames out."""

    def setup(self) -> None:
        self.terminal: ZkTerminal = self.server.terminal
        self.terminal.connections += 1
        self.session = 0x1000 + self.terminal.connections
        self.welcome = False
        self.blob = b""
        self.request.settimeout(0.1)
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def handle(self) -> None:
        with contextlib.suppress(_HangUp, ConnectionError):
            while True:
                self.answer(*self.receive())

    def receive(self) -> tuple[int, int, bytes]:
        magic_1, magic_2, length = _TOP.unpack(self.exactly(_TOP.size))
        if (magic_1, magic_2) != _MAGIC:
            raise _HangUp
        packet = self.exactly(length)
        command, given, session, reply_id = _HEAD.unpack_from(packet)
        data = packet[_HEAD.size :]
        expected = checksum(_HEAD.pack(command, 0, session, reply_id) + data)
        if (given - expected) % 0xFFFF:
            self.terminal.bad_checksums += 1
        self.terminal.commands.append(command)
        return command, reply_id, data

    def exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            try:
                more = self.request.recv(size - len(data))
            except TimeoutError:
                if self.terminal._closing.is_set():
                    raise _HangUp from None
                continue
            if not more:
                raise _HangUp
            data += more
        return data

    def frame(self, command: int, reply_id: int, data: bytes = b"") -> bytes:
        head = _HEAD.pack(command, 0, self.session, reply_id)
        head = _HEAD.pack(command, checksum(head + data), self.session, reply_id)
        return _TOP.pack(*_MAGIC, len(head) + len(data)) + head + data

    def send(self, data: bytes) -> None:
        self.request.settimeout(None)
        if self.terminal.fault == "drip" and len(data) < 200_000:
            for start in range(0, len(data), 7):
                self.request.sendall(data[start : start + 7])
        else:
            self.request.sendall(data)
        self.request.settimeout(0.1)

    def reply(self, command: int, reply_id: int, data: bytes = b"") -> None:
        self.send(self.frame(command, reply_id, data))

    def answer(self, command: int, reply_id: int, data: bytes) -> None:
        terminal = self.terminal
        if terminal.fault == "silent":
            terminal.wait_for_end()
            raise _HangUp
        if command in (CONNECT, AUTH):
            self.admit(command, reply_id, data)
        elif not self.welcome:
            self.reply(UNAUTHORISED, reply_id)
        elif command == EXIT:
            self.reply(OK, reply_id)
            raise _HangUp
        elif command in (ENABLE, DISABLE):
            terminal.enabled = command == ENABLE
            self.reply(OK, reply_id)
        elif command == VERSION:
            self.reply(OK, reply_id, b"Ver 6.60 Nov 2026\0")
        elif command == OPTION:
            name = data.split(b"\0")[0].decode()
            value = terminal.option(name)
            if value is None:
                self.reply(ERROR, reply_id)
            else:
                self.reply(OK, reply_id, f"{name}={value}\0".encode())
        elif command == SIZES:
            self.reply(OK, reply_id, terminal.sizes())
        elif command == TIME:
            now = pack_time(*terminal.clock().timetuple()[:6])
            self.reply(OK, reply_id, struct.pack("<I", now))
        elif command == PREPARE_BUFFER:
            self.prepare(reply_id, data)
        elif command == READ_CHUNK:
            self.chunk(reply_id, *struct.unpack("<ii", data))
        elif command == FREE_BUFFER:
            self.blob = b""
            self.reply(OK, reply_id)
        else:
            self.reply(ERROR, reply_id)

    def admit(self, command: int, reply_id: int, data: bytes) -> None:
        terminal = self.terminal
        if command == CONNECT:
            refused = terminal.fault == "refuse_auth"
            self.welcome = not terminal.comm_key and not refused
        else:
            expected = scramble_key(terminal.comm_key, self.session)
            self.welcome = data == expected and terminal.fault != "refuse_auth"
        self.reply(OK if self.welcome else UNAUTHORISED, reply_id)

    def prepare(self, reply_id: int, data: bytes) -> None:
        _one, command, _fct, _ext = struct.unpack("<bhii", data)
        self.blob = {
            ATTLOG: self.terminal.log_blob,
            USERS: self.terminal.user_blob,
        }[command]()
        if len(self.blob) <= DIRECT_BYTES:
            self.deliver(self.frame(DATA, reply_id, self.blob))
        else:
            self.reply(OK, reply_id, b"\0" + struct.pack("<I", len(self.blob)))

    def chunk(self, reply_id: int, start: int, size: int) -> None:
        part = self.blob[start : start + size]
        self.deliver(
            self.frame(PREPARE_DATA, reply_id, struct.pack("<II", len(part), 0))
            + self.frame(DATA, reply_id, part)
            + self.frame(OK, reply_id)
        )

    def deliver(self, data: bytes) -> None:
        """Send log or user data, or half of it when told to misbehave."""
        fault = self.terminal.fault
        if fault not in ("close_mid", "stall_mid"):
            self.send(data)
            return
        self.send(data[: len(data) // 2])
        self.terminal.reached_middle.set()
        if fault == "stall_mid":
            self.terminal.wait_for_end()
        raise _HangUp
