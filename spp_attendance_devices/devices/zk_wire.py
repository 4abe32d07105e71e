"""ZKTeco's packets over TCP and UDP: one goes out, whole ones come in.

A packet is four little-endian uint16 (command, checksum, session, reply id) and data.
Over TCP an 8-byte top (two magic words, uint32 length) goes before it. Over UDP a
datagram is a packet: it may be lost, come twice or late, so what is not answered is
sent again, and only what carries the reply id of the last request is an answer.
"""

from __future__ import annotations

import errno
import socket
import struct
import time
from abc import ABC, abstractmethod
from typing import Final

from . import net
from .adapter import DeviceConfig
from .errors import DeviceProtocolError

HEADER: Final = struct.Struct("<4H")
_TOP: Final = struct.Struct("<HHI")
_MAGIC: Final = (0x5050, 0x7D82)
#: A terminal with 500,000 records of 40 bytes stays well below this.
MAX_BYTES: Final = 64 * 1024 * 1024
#: How long to wait for an answer to each try of a datagram, in parts of the timeout.
_PAUSES: Final = (1 / 16, 1 / 8, 1 / 4, 9 / 16)


class Wire(ABC):
    """A connection with a timeout per operation, a deadline and a limit of size.

    :raises DeviceForbiddenAddress: where terminals may not be
    :raises DeviceProtocolError: when what comes is no packet
    :raises OSError: as sockets do; ``TimeoutError`` also at the deadline
    """

    #: Data that one chunk of a buffer may hold.
    max_chunk: int
    _kind: socket.SocketKind

    def __init__(self, config: DeviceConfig, until: float) -> None:
        self._timeout = config.timeout
        self._until = until
        self._received = 0
        self._socket = net.connect(
            config.host,
            config.port,
            timeout=config.timeout,
            until=until,
            networks=config.networks,
            kind=self._kind,
        )

    def allow(self, seconds: float) -> None:
        """Grant a few more seconds, for saying goodbye."""
        self._until = time.monotonic() + seconds

    def settimeout(self, seconds: float) -> None:
        """As a socket has it, for libraries that take this for one."""
        self._timeout = seconds

    def close(self) -> None:
        self._socket.close()

    @abstractmethod
    def send(self, packet: bytes) -> None:
        """Send a request."""

    @abstractmethod
    def receive(self) -> bytes:
        """The next packet that answers the last request."""

    def _patience(self, most: float) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("deadline")
        return min(most, left)

    def _count(self, size: int) -> None:
        self._received += size
        if self._received > MAX_BYTES:
            raise DeviceProtocolError("the terminal sent more than 64 MiB")


class Stream(Wire):
    """Over TCP."""

    max_chunk = 0xFFC0
    _kind = socket.SOCK_STREAM

    def send(self, packet: bytes) -> None:
        self._socket.settimeout(self._patience(self._timeout))
        self._socket.sendall(_TOP.pack(*_MAGIC, len(packet)) + packet)

    def receive(self) -> bytes:
        *magic, length = _TOP.unpack(self._exactly(_TOP.size))
        if tuple(magic) != _MAGIC or length < HEADER.size:
            raise DeviceProtocolError("this is not ZKTeco's protocol")
        self._count(length)
        return self._exactly(length)

    def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            self._socket.settimeout(self._patience(self._timeout))
            piece = self._socket.recv(min(size - len(data), 1 << 20))
            if not piece:
                raise ConnectionResetError(errno.ECONNRESET, "closed by the terminal")
            data += piece
        return bytes(data)


class Datagrams(Wire):
    """Over UDP. A chunk is what one datagram holds: of several, nobody could tell
    whether they came in order."""

    max_chunk = 1024
    _kind = socket.SOCK_DGRAM

    def send(self, packet: bytes) -> None:
        self._last = packet
        self._socket.settimeout(self._patience(self._timeout))
        self._socket.send(packet)

    def receive(self) -> bytes:
        for attempt, part in enumerate(_PAUSES):
            if attempt:
                self.send(self._last)
            packet = self._answer(time.monotonic() + self._timeout * part)
            if packet:
                return packet
        raise TimeoutError("no answer")

    def _answer(self, until: float) -> bytes:
        """The next answer, b"" when none comes in time."""
        wanted = HEADER.unpack_from(self._last)[3]
        while (left := until - time.monotonic()) > 0:
            self._socket.settimeout(self._patience(left))
            try:
                packet = self._socket.recv(0xFFFF)
            except TimeoutError:
                continue
            if len(packet) < HEADER.size:
                raise DeviceProtocolError("this is not ZKTeco's protocol")
            self._count(len(packet))
            if HEADER.unpack_from(packet)[3] == wanted:
                return packet
        return b""


def connect(config: DeviceConfig, until: float) -> Wire:
    """A wire by the transport of ``config``."""
    kind = Datagrams if config.transport == "udp" else Stream
    return kind(config, until)
