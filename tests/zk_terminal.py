"""A ZKTeco terminal for tests, on loopback, over TCP or UDP, well or badly.

Nothing here uses the code under test: layouts and checksums are written a second time,
from the protocol. See :class:`fake_terminal.FakeTerminal` for how it is used; beside
the faults that all fakes share it knows:

    drip         sends every answer in pieces of a few bytes
    odd_layout   its log has records of 23 bytes
    no_lock      does not let itself be locked while it is read
    keeps_log    says that it emptied its log, and does not
    cut_direct   sends 1 KB at most of what it sends without announcing it
    clock_jump   its clock shows an hour more
    endless      sends data packets for ever

and over UDP (``ZkTerminal(transport="udp")``):

    lose         one datagram of its answers in five is lost
    duplicate    every datagram comes twice, and once more after the next answer
    reorder      the datagrams of an answer come in reverse
"""

from __future__ import annotations

import socketserver
import struct
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any, ClassVar, Literal
from zoneinfo import ZoneInfo

from fake_terminal import (
    SHARED_FAULTS,
    Conversation,
    FakeTerminal,
    HangUp,
    iso_second,
)

UDP_FAULTS = frozenset({"lose", "duplicate", "reorder"})

_TOP = struct.Struct("<HHI")
_HEAD = struct.Struct("<4H")
_MAGIC = (0x5050, 0x7D82)

CONNECT, EXIT, ENABLE, DISABLE = 1000, 1001, 1002, 1003
VERSION, AUTH, OPTION, SIZES, TIME, SET_TIME = 1100, 1102, 11, 50, 201, 202
PREPARE_BUFFER, READ_CHUNK, FREE_BUFFER = 1503, 1504, 1502
PREPARE_DATA, DATA, OK, ERROR, UNAUTHORISED = 1500, 1501, 2000, 2001, 2005
ATTLOG, USERS, CLEAR = 13, 9, 15

#: The punch byte of each word.
PUNCHES = {
    "in": 0,
    "out": 1,
    "break_start": 2,
    "break_end": 3,
    "overtime_in": 4,
    "overtime_out": 5,
    "none": 255,
}
#: Data in one datagram.
DATAGRAM = 1024


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


def unpack_time(packed: int) -> datetime:
    """The moment of :func:`pack_time`, for days that exist."""
    days, seconds = divmod(packed, 86400)
    months, day = divmod(days, 31)
    midnight = datetime(2000 + months // 12, months % 12 + 1, day + 1)
    return midnight + timedelta(seconds=seconds)


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


class ZkTerminal(FakeTerminal):
    """:param layout: bytes of a log record: 8, 16, 40 or more
    :param clock: gives the time on its display; default the host's
    :param direct_bytes: up to so many bytes are sent without being announced
    """

    make: ClassVar[str] = "zkteco"
    FAULTS: ClassVar[frozenset[str]] = SHARED_FAULTS | {
        "drip",
        "odd_layout",
        "no_lock",
        "keeps_log",
        "cut_direct",
        "clock_jump",
        "endless",
    }
    OTHER_FAULTS: ClassVar[frozenset[str]] = UDP_FAULTS

    def __init__(
        self,
        *,
        port: int = 0,
        comm_key: int = 0,
        layout: int = 40,
        serial: str = "ZK0000000001",
        clock: Callable[[], datetime] | None = None,
        fault: str = "",
        transport: Literal["tcp", "udp"] = "tcp",
        direct_bytes: int = 1024,
    ) -> None:
        if transport == "tcp":
            super().__init__(port, _Conversation)
        else:
            super().__init__(port, _Datagram, server=_UdpServer)
        self.secret = str(comm_key or "")
        self.layout = layout
        self.serial = serial
        self.clock = clock or (
            lambda: datetime.now(ZoneInfo(self.tz)).replace(tzinfo=None)
        )
        self.fault = fault
        self.transport = transport
        self.direct_bytes = direct_bytes
        self.enabled = True
        self.commands: list[int] = []
        self.bad_checksums = 0
        #: Called with each command before it is answered.
        self.on_command: Callable[[int], None] = lambda _command: None
        #: Bytes of logs and of users that were sent.
        self.sent = 0
        self._log: list[Punch] = []
        self._slots: dict[str, int] = {}
        #: Slots of those who are gone.
        self._left: dict[str, int] = {}
        self._people: dict[str, tuple[str, int]] = {}

    # What the test does with it

    @property
    def comm_key(self) -> int:
        return int(self.secret or 0)

    @property
    def connections(self) -> int:
        return self.conversations

    def extend(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Record many ``(code, local time, word or punch byte[, verify byte])``."""
        punches = [
            Punch(
                code,
                pack_time(*moment.timetuple()[:6]),
                PUNCHES.get(kind, kind),
                *verify,
            )
            for code, moment, kind, *verify in rows
        ]
        with self._lock:
            self._log.extend(punches)
            for punch in punches:
                self._slots.setdefault(punch.code, len(self._slots) + 1)

    def enrol(self, code: str, name: str = "", card: int = 0) -> None:
        """Somebody whom it knows; it notes a password of theirs as well."""
        with self._lock:
            self._slots.setdefault(code, len(self._slots) + 1)
            self._people[code] = (name, card)

    def rename(self, code: str, other: str) -> None:
        """Give somebody's slot to another."""
        with self._lock:
            slot = self._slots.pop(code)
            self._slots[other] = self._left[code] = slot

    def erase(self) -> None:
        """Lose the log."""
        with self._lock:
            self._log.clear()

    def __len__(self) -> int:
        with self._lock:
            return len(self._log)

    def held(self) -> set[tuple[str, str]]:
        with self._lock:
            rows = list(self._log)
        return {(row.code, iso_second(unpack_time(row.packed))) for row in rows}

    def _settings(self) -> dict[str, Any]:
        return {"transport": self.transport}

    # What the conversation asks

    @property
    def records(self) -> int:
        return len(self._rows()) + (self.fault == "wrong_count")

    @property
    def users(self) -> int:
        with self._lock:
            return len(self._slots)

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
        slot = self._slots.get(row.code) or self._left.get(row.code, 0)
        if self.fault == "odd_layout":
            return struct.pack("<II15x", slot, row.packed)
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
        users = []
        for code, slot in slots:
            name, card = self._people.get(code, ("", 0))
            words = (slot, 0, b"pw9753", name.encode())
            if self.layout == 40:
                user = struct.pack("<HB8s24sIx7sx24s", *words, card, b"", code.encode())
            else:
                user = struct.pack("<HB5s8sIxBhI", *words, card, 0, 0, int(code))
            users.append(user)
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

    def shown(self) -> datetime:
        jump = timedelta(hours=self.fault == "clock_jump")
        return self.clock() + jump

    def set_clock(self, packed: int) -> None:
        ahead = unpack_time(packed) - self.clock()
        before = self.clock
        self.clock = lambda: before() + ahead


class _Session:
    """What one client is told: a packet in, packets out."""

    def __init__(self, terminal: ZkTerminal) -> None:
        terminal.conversations += 1
        self.terminal = terminal
        self.number = 0x1000 + terminal.conversations % 0xE000
        self.welcome = False
        self.blob = b""
        #: Whether the answer is of log or user data.
        self.bulk = False

    def answer(self, packet: bytes) -> list[bytes]:
        command, given, session, reply_id = _HEAD.unpack_from(packet)
        data = packet[_HEAD.size :]
        expected = checksum(_HEAD.pack(command, 0, session, reply_id) + data)
        terminal = self.terminal
        if (given - expected) % 0xFFFF:
            terminal.bad_checksums += 1
        terminal.commands.append(command)
        terminal.on_command(command)
        self.bulk = False
        return [
            self.packet(code, reply_id, words)
            for code, words in self.words(command, data)
        ]

    def packet(self, code: int, reply_id: int, data: bytes) -> bytes:
        head = _HEAD.pack(code, 0, self.number, reply_id)
        return _HEAD.pack(code, checksum(head + data), self.number, reply_id) + data

    def words(self, command: int, data: bytes) -> list[tuple[int, bytes]]:
        terminal = self.terminal
        if command in (CONNECT, AUTH):
            return [(self.admit(command, data), b"")]
        if not self.welcome:
            return [(UNAUTHORISED, b"")]
        answer = b""
        if command == DISABLE and terminal.fault == "no_lock":
            return [(ERROR, b"")]
        if command in (ENABLE, DISABLE):
            terminal.enabled = command == ENABLE
        elif command == VERSION:
            answer = b"Ver 6.60 Nov 2026\0"
        elif command == OPTION:
            name = data.split(b"\0")[0].decode()
            value = terminal.option(name)
            if value is None:
                return [(ERROR, b"")]
            answer = f"{name}={value}\0".encode()
        elif command == SIZES:
            answer = terminal.sizes()
        elif command == TIME:
            answer = struct.pack("<I", pack_time(*terminal.shown().timetuple()[:6]))
        elif command == SET_TIME:
            terminal.set_clock(*struct.unpack("<I", data))
        elif command == CLEAR:
            if terminal.fault != "keeps_log":
                terminal.erase()
        elif command == PREPARE_BUFFER:
            return self.prepare(data)
        elif command == READ_CHUNK:
            return self.chunk(*struct.unpack("<ii", data))
        elif command == FREE_BUFFER:
            self.blob = b""
        elif command != EXIT:
            return [(ERROR, b"")]
        return [(OK, answer)]

    def admit(self, command: int, data: bytes) -> int:
        terminal = self.terminal
        if terminal.fault == "busy":
            return ERROR
        if command == CONNECT:
            refused = terminal.fault == "refuse_auth"
            self.welcome = not terminal.comm_key and not refused
        else:
            expected = scramble_key(terminal.comm_key, self.number)
            self.welcome = data == expected and terminal.fault != "refuse_auth"
        return OK if self.welcome else UNAUTHORISED

    def prepare(self, data: bytes) -> list[tuple[int, bytes]]:
        _one, command, _fct, _ext = struct.unpack("<bhii", data)
        terminal = self.terminal
        self.blob = {ATTLOG: terminal.log_blob, USERS: terminal.user_blob}[command]()
        if len(self.blob) > terminal.direct_bytes:
            return [(OK, b"\0" + struct.pack("<I", len(self.blob)))]
        self.bulk = True
        cut = 1024 if terminal.fault == "cut_direct" else len(self.blob)
        return [(DATA, self.blob[:cut])]

    def chunk(self, start: int, size: int) -> list[tuple[int, bytes]]:
        self.bulk = True
        part = self.blob[start : start + size]
        self.terminal.sent += len(part)
        step = DATAGRAM if self.terminal.transport == "udp" else max(len(part), 1)
        return [
            (PREPARE_DATA, struct.pack("<II", len(part), 0)),
            *((DATA, part[at : at + step]) for at in range(0, len(part), step)),
            (OK, b""),
        ]


class _Conversation(Conversation):
    """One client's connection: frames in, frames out."""

    def setup(self) -> None:
        super().setup()
        self.session = _Session(self.terminal)

    def handle(self) -> None:
        while True:
            self.converse()

    def converse(self) -> None:
        *magic, length = _TOP.unpack(self.exactly(_TOP.size))
        if tuple(magic) != _MAGIC:
            raise HangUp
        packet = self.exactly(length)
        terminal, fault = self.terminal, self.terminal.fault
        if fault == "silent":
            terminal.wait_for_end()
            raise HangUp
        if fault == "garbage":
            self.request.sendall(b"\xff\0<html>it works</html>" * 3)
            raise HangUp
        packets = self.session.answer(packet)
        data = b"".join(_TOP.pack(*_MAGIC, len(one)) + one for one in packets)
        if self.session.bulk and fault in ("close_mid", "stall_mid"):
            self.request.sendall(data[: len(data) // 2])
            terminal.reached_middle.set()
            if fault == "stall_mid":
                terminal.wait_for_end()
            raise HangUp
        while self.session.bulk and fault == "endless":
            # Between the announcement and the end.
            self.request.sendall(data[: _TOP.size + len(packets[0])])
            more = self.session.packet(DATA, 0, bytes(60_000))
            data = _TOP.pack(*_MAGIC, len(more)) + more
            packets = [more]
        self.send(data)
        if _HEAD.unpack_from(packet)[0] == EXIT:
            raise HangUp

    def exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            data += self.receive(size - len(data))
        return data

    def send(self, data: bytes) -> None:
        if self.terminal.fault == "drip" and len(data) < 200_000:
            for start in range(0, len(data), 7):
                self.request.sendall(data[start : start + 7])
        else:
            self.request.sendall(data)


class _UdpServer(socketserver.UDPServer):
    allow_reuse_address = True
    max_packet_size = 0xFFFF
    terminal: ZkTerminal

    def __init__(self, *words: Any) -> None:
        super().__init__(*words)
        self.sessions: dict[Any, _Session] = {}
        #: Clients that get no further answer.
        self.mute: set[Any] = set()
        self.luck = Random(7)
        #: The last datagram sent, by client.
        self.last: dict[Any, bytes] = {}


class _Datagram(socketserver.BaseRequestHandler):
    """One datagram in, datagrams out."""

    server: _UdpServer

    def handle(self) -> None:
        server, client = self.server, self.client_address
        terminal, fault = server.terminal, server.terminal.fault
        packet, _socket = self.request
        command = _HEAD.unpack_from(packet)[0]
        if command == CONNECT:
            server.sessions[client] = _Session(terminal)
            server.mute.discard(client)
        if fault == "silent" or client in server.mute:
            return
        if fault == "garbage":
            self.send(b"nope")
            return
        session = server.sessions[client]
        packets = session.answer(packet)
        if session.bulk and fault in ("close_mid", "stall_mid"):
            packets = packets[: len(packets) // 2]
            server.mute.add(client)
            terminal.reached_middle.set()
        if fault == "reorder":
            packets.reverse()
        late = server.last.get(client)
        if fault == "duplicate":
            packets = [copy for one in packets for copy in (one, one)]
            packets += [late] if late else []
        for one in packets:
            if fault != "lose" or server.luck.random() > 0.2:
                self.send(one)
        server.last[client] = packets[-1] if packets else b""

    def send(self, packet: bytes) -> None:
        self.request[1].sendto(packet, self.client_address)


class _Written(ZkTerminal):
    """Its log is written down for the wire once: what is measured is the client."""

    def __init__(self, **words: Any) -> None:
        super().__init__(**words)
        self._written: tuple[int, bytes] = (-1, b"")

    def log_blob(self) -> bytes:
        if self._written[0] != len(self):
            self._written = (len(self), super().log_blob())
        return self._written[1]


def main() -> None:
    """A terminal in a process of its own: says its port, and takes a number of scans
    a line, until there are no more lines. Nobody scans twice in a second."""
    start = datetime(2026, 1, 5, 6)
    with _Written() as terminal:
        sys.stdout.write(f"{terminal.port}\n")
        sys.stdout.flush()
        for line in sys.stdin:
            held = len(terminal)
            terminal.extend(
                (f"B{row % 500:03}", start + timedelta(seconds=7 * row), "in")
                for row in range(held, held + int(line))
            )
            terminal.log_blob()
            sys.stdout.write(f"{len(terminal)}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
