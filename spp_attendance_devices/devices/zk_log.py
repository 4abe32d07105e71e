"""What a ZKTeco terminal holds: its log, its users, and how much of it is new.

A terminal collects its whole log in a buffer when asked for it, of which any part can
be read. As a log only grows, its beginning is known by the first and the last records
that were read before: when they still are where they were, only what follows is
fetched. All of it is fetched when they are not, when less is there than before, and
whenever a full reading is asked for.
"""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import NamedTuple

from zk import const

from . import zk_codec
from .adapter import (
    Acknowledged,
    Cursor,
    DeviceConfig,
    Reading,
    ReadRequest,
    ScanData,
    UserData,
)
from .errors import DeviceDataError, DeviceIncomplete, DeviceProtocolError
from .zk_session import (
    PREPARE_BUFFER,
    READ_BUFFER,
    Terminal,
    about,
    lock,
    permitted,
    talking,
)
from .zk_wire import MAX_BYTES, Datagrams

#: Records at either end of the known part by which it is told to be the same. No two
#: logs share them: they hold the times of many people's punches.
_WITNESSES = 24
_HEADER = struct.Struct("<I")
#: How often a part of a buffer is asked for that does not come whole.
_TRIES = 3


class Known(NamedTuple):
    """What was read before: ``rows`` records of ``stride`` bytes at the log's
    beginning, and the digests of the first and of the last of them. ``whole`` is the
    digest of all, "" when they were not read at once. ``codes`` is the digest of whom
    slots stood for, ``since`` the row from which on they do (8-byte records only)."""

    serial: str
    stride: int
    rows: int
    head: str
    tail: str
    whole: str = ""
    codes: str = ""
    since: int = 0

    @classmethod
    def of(cls, cursor: Cursor | None) -> Known | None:
        """From a stored cursor; None when it is none of this make."""
        try:
            return cls(**(cursor or {}))
        except TypeError:
            return None


class _Log(NamedTuple):
    """Records without header: ``body`` holds those from row ``skipped`` on, ``tail``
    the last of all. ``exact`` when the terminal's counter agrees."""

    stride: int
    skipped: int
    body: bytes
    tail: bytes
    exact: bool

    @property
    def rows(self) -> int:
        return self.skipped + len(self.body) // self.stride


class _Scans:
    """Scans that are decoded each time they are gone through."""

    def __init__(
        self, body: bytes, stride: int, codes: Mapping[int, str], encoding: str
    ) -> None:
        self._words = (body, stride, codes, encoding)
        self._count = len(body) // stride

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[ScanData]:
        return zk_codec.decode_log(*self._words)


def read(config: DeviceConfig, request: ReadRequest) -> Reading:
    """Read a terminal's log; what the request's cursor covers is left out.

    :raises DeviceError: whatever goes wrong
    """
    known = Known.of(request.cursor)
    with talking(config) as terminal:
        lock(terminal)
        info = about(terminal, config)
        if known and known.serial != info.serial:
            known = None
        log = _read_log(terminal, None if request.full else known)
        codes = _codes(terminal, config) if log.stride == 8 and log.body else None
    info = dataclasses.replace(info, records=terminal.records)
    detail = f"{terminal.records} records counted, {log.rows} sent"
    if not log.exact and log.stride < 40:
        # The short layouts carry nothing by which to tell good rows from bad.
        raise DeviceIncomplete(detail)
    cursor = _cursor(known, info.serial, log, codes)
    body = log.body
    if not log.skipped:
        # What was read under other slots cannot be told again by those of now.
        body = body[cursor.since * log.stride :]
    return Reading(
        info,
        _Scans(body, log.stride, codes or {}, config.encoding),
        complete=log.exact,
        detail="" if log.exact else detail,
        cursor=cursor._asdict(),
    )


def clear(config: DeviceConfig, cursor: Cursor) -> Acknowledged:
    """Empty the log, if it holds exactly what ``cursor`` covers.

    :raises DeviceError: whatever goes wrong; then it may be empty or not, which the
        next reading finds out
    """
    known = Known.of(cursor)
    if known is None or known.rows == 0:
        return Acknowledged()
    if not known.whole:
        return Acknowledged(detail="it is emptied after its log was next read in full")
    with talking(config) as terminal:
        if not lock(terminal):
            # What somebody punches between the last look and the end would be lost.
            return Acknowledged(detail="it cannot be locked, so it is not emptied")
        if (permitted(terminal.get_serialnumber) or "") != known.serial:
            return Acknowledged(detail="another terminal answers; nothing was emptied")
        terminal.read_sizes()
        log = _read_log(terminal, None)
        if not log.exact or _digest(log.body) != known.whole:
            return Acknowledged(
                detail=f"{known.rows} records are stored, {log.rows} are there"
            )
        terminal.clear_attendance()
        terminal.read_sizes()
        if terminal.records:
            raise DeviceDataError(f"{terminal.records} records after it was emptied")
    empty = _cursor(None, known.serial, _Log(known.stride, 0, b"", b"", True), None)
    return Acknowledged(cleared=known.rows, cursor=empty._asdict())


def users(config: DeviceConfig) -> list[UserData]:
    """Whom the terminal knows.

    :raises DeviceError: whatever goes wrong
    """
    with talking(config) as terminal:
        return [user for _slot, user in _users(terminal, config)]


def _users(terminal: Terminal, config: DeviceConfig) -> Iterator[tuple[int, UserData]]:
    terminal.read_sizes()
    if terminal.users <= 0:
        return iter(())
    blob = _Buffer(terminal, const.CMD_USERTEMP_RRQ, const.FCT_USER).all()
    return zk_codec.decode_users(blob, terminal.users, config.encoding)


def _codes(terminal: Terminal, config: DeviceConfig) -> dict[int, str]:
    return {slot: user.code for slot, user in _users(terminal, config)}


def _cursor(
    known: Known | None, serial: str, log: _Log, codes: Mapping[int, str] | None
) -> Known:
    """What is known after a reading."""
    tail = _digest(log.tail)
    if known and log.skipped:
        cursor = known._replace(rows=log.rows, tail=tail)
        if log.body:
            cursor = cursor._replace(whole="")
    else:
        head = _digest(log.body[: _WITNESSES * log.stride])
        whole = _digest(log.body)
        cursor = Known(serial, log.stride, log.rows, head, tail, whole)
        if known and _begins(log, known):
            cursor = cursor._replace(codes=known.codes, since=known.since)
        else:
            known = None
    if codes is not None:
        digest = _digest(repr(sorted(codes.items())).encode())
        changed = known and digest != known.codes
        cursor = cursor._replace(
            codes=digest, since=known.rows if known and changed else cursor.since
        )
    return cursor


def _begins(log: _Log, known: Known) -> bool:
    """Whether a log that was read in full begins with what was known before."""
    if log.stride != known.stride or log.rows < known.rows:
        return False
    size, few = known.rows * known.stride, _WITNESSES * known.stride
    first = log.body[: min(few, size)]
    last = log.body[max(size - few, 0) : size]
    return (_digest(first), _digest(last)) == (known.head, known.tail)


def _digest(data: bytes) -> str:
    return sha256(data).hexdigest()


def _read_log(terminal: Terminal, known: Known | None) -> _Log:
    """The log, without what is known. A second look is taken at one that disagrees
    with the counter."""
    log = _fetch(terminal, known)
    if not log.exact:
        terminal.read_sizes()
        log = _fetch(terminal, None)
    return log


def _fetch(terminal: Terminal, known: Known | None) -> _Log:
    if terminal.records <= 0:
        return _Log(40, 0, b"", b"", True)
    buffer = _Buffer(terminal, const.CMD_ATTLOG_RRQ)
    log = known and _what_follows(buffer, known, terminal.records)
    if log:
        buffer.free()
    else:
        blob = buffer.all()
        layout = zk_codec.find_layout(blob, terminal.records)
        if not layout.exact:
            # Somebody may have punched before it was locked.
            terminal.read_sizes()
            layout = zk_codec.find_layout(blob, terminal.records)
        body = blob[_HEADER.size :][: layout.rows * layout.stride]
        tail = body[-_WITNESSES * layout.stride :]
        log = _Log(layout.stride, 0, body, tail, layout.exact)
    if zk_codec.misread(log.body, log.stride):
        raise DeviceDataError(f"{log.stride} bytes a record make no sense")
    return log


def _what_follows(buffer: _Buffer, known: Known, records: int) -> _Log | None:
    """What follows the known part of a log; None unless it surely begins with it."""
    few, start = _WITNESSES * known.stride, known.rows * known.stride
    size = records * known.stride
    if known.rows < _WITNESSES or size < start or buffer.size != _HEADER.size + size:
        return None
    head = buffer.part(0, _HEADER.size + few)
    rest = buffer.part(_HEADER.size + start - few, size - start + few)
    if (
        head[: _HEADER.size] != _HEADER.pack(size)
        or _digest(head[_HEADER.size :]) != known.head
        or _digest(rest[:few]) != known.tail
        or len(rest) != size - start + few
    ):
        return None
    return _Log(known.stride, known.rows, rest[few:], rest[-few:], True)


class _Buffer:
    """What a terminal collected to be fetched, from its announcement to its release.

    :raises DeviceProtocolError: when it does not collect what is asked for
    """

    def __init__(self, terminal: Terminal, command: int, fct: int = 0) -> None:
        self._terminal = terminal
        #: What came at once, in the place of an announcement.
        self._data: bytes | None = None
        words = struct.pack("<bhii", 1, command, fct, 0)
        code, data = terminal.ask(PREPARE_BUFFER, words)
        if code == const.CMD_ACK_OK and len(data) >= 5:
            (self.size,) = _HEADER.unpack_from(data, 1)
            if self.size > MAX_BYTES:
                raise DeviceProtocolError("the terminal announces more than 64 MiB")
        elif code in (const.CMD_DATA, const.CMD_PREPARE_DATA):
            self._data = self._answer(code, data)
            self.size = len(self._data)
        else:
            raise DeviceProtocolError(f"command {command} was answered with {code}")

    def all(self) -> bytes:
        """All of it, or what comes of it."""
        data = self.part(0, self.size)
        self.free()
        return data

    def part(self, start: int, size: int) -> bytes:
        """``size`` bytes from ``start`` on; less when the terminal sends less."""
        if self._data is not None:
            return self._data[start : start + size]
        data = bytearray()
        while len(data) < size:
            want = min(self._terminal.wire.max_chunk, size - len(data))
            chunk = self._chunk(start + len(data), want)
            data += chunk
            if len(chunk) < want:
                break
        return bytes(data)

    def free(self) -> None:
        """Let the terminal forget it."""
        if self._data is None:
            permitted(self._terminal.free_data)

    def _chunk(self, start: int, size: int) -> bytes:
        chunk = b""
        for _attempt in range(_TRIES):
            words = struct.pack("<ii", start, size)
            chunk = self._answer(*self._terminal.ask(READ_BUFFER, words), size)
            if len(chunk) == size:
                break
        return chunk[:size]

    def _answer(self, code: int, data: bytes, size: int = 0) -> bytes:
        """The data of an answer: one packet, or an announcement, packets and an end.

        :param size: when it is known. Datagrams come in any order: then it is the
            size that says when all is there.
        """
        unordered = isinstance(self._terminal.wire, Datagrams)
        if code == const.CMD_DATA:
            return data
        if code == const.CMD_PREPARE_DATA and len(data) >= _HEADER.size:
            size = size or _HEADER.unpack_from(data)[0]
        elif not (unordered and code == const.CMD_ACK_OK):
            return b""
        parts = bytearray()
        while True:
            code, data = self._terminal.more()
            if code == const.CMD_DATA:
                parts += data
                if unordered and len(parts) >= size:
                    return bytes(parts)
            elif code == const.CMD_ACK_OK and not unordered:
                return bytes(parts)
            elif code not in (const.CMD_ACK_OK, const.CMD_PREPARE_DATA):
                return b""
