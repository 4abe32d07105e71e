"""A guarded pyzk conversation; runs in a child process (``python -m``).

pyzk 0.9 does the talking (handshake, communication key, buffered reads); everything
known to go wrong in it is fenced off here:

* the host never reaches a shell: no ping, and no second connection before the first
  (many terminals allow only one);
* a reply that arrives in pieces is put together before it parses it;
* its endless loop on a connection that the terminal closed: a read of nothing raises;
* its timeout counts per read: each one gets at most what is left of the deadline;
* its decoders (quadratic, and one impossible date loses the log): not used, see
  :mod:`.zk_codec`;
* the terminal is enabled again whatever happens.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import socket
import struct
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from zk import ZK, const
from zk.exception import ZKErrorResponse

from . import net, zk_codec
from .adapter import DeviceConfig, DeviceInfo, Reading, ReadRequest
from .errors import (
    DeviceAuthFailed,
    DeviceDataError,
    DeviceDisconnected,
    DeviceError,
    DeviceIncomplete,
    DeviceNameUnknown,
    DeviceProtocolError,
    DeviceRefused,
    DeviceTimeout,
    DeviceUnreachable,
)

#: A terminal with 500,000 records of 40 bytes stays well below this.
MAX_BYTES = 64 * 1024 * 1024
#: Kept back from the deadline for re-enabling the terminal and hanging up.
GOODBYE = 2.0

# Private names of pyzk that the guards rely on. Another release must not silently
# run without them.
for _name in ("_ZK__create_socket", "_ZK__recieve_raw_data", "_ZK__decode_time"):
    if not hasattr(ZK, _name):
        raise ImportError(f"this release of pyzk has no {_name}")


class _Frames:
    """Where in the stream of packets the last byte was.

    A packet is an 8-byte top (two magic words, length), an 8-byte header that begins
    with the command, and data.
    """

    _HEAD = struct.Struct("<HHIH6x")
    _MAGIC = (const.MACHINE_PREPARE_DATA_1, const.MACHINE_PREPARE_DATA_2)

    def __init__(self) -> None:
        self._head = b""
        self._left = 0
        self._bulk = False

    @property
    def torn(self) -> bool:
        """In the middle of a packet that pyzk expects whole (all but bulk data)."""
        return bool(self._head) or (self._left > 0 and not self._bulk)

    def feed(self, data: bytes) -> None:
        while data:
            if self._left:
                taken = min(self._left, len(data))
                self._left -= taken
            else:
                taken = self._HEAD.size - len(self._head)
                self._head += data[:taken]
                if len(self._head) == self._HEAD.size:
                    *magic, length, command = self._HEAD.unpack(self._head)
                    if tuple(magic) != self._MAGIC:
                        raise DeviceProtocolError("this is not ZKTeco's protocol")
                    self._head = b""
                    self._left = length - 8
                    self._bulk = command == const.CMD_DATA
            data = data[taken:]


class _Connection:
    """The few socket methods that pyzk uses, with a deadline and a size limit."""

    def __init__(self, config: DeviceConfig, until: float) -> None:
        self._timeout = config.timeout
        self._until = until
        self._received = 0
        self._frames = _Frames()
        self._socket = net.connect(
            config.host,
            config.port,
            timeout=config.timeout,
            until=until,
            networks=config.networks,
        )

    def _patience(self) -> float:
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError("deadline")
        return min(self._timeout, left)

    def allow(self, seconds: float) -> None:
        """Grant a few more seconds, for saying goodbye."""
        self._until = time.monotonic() + seconds

    def send(self, data: bytes) -> int:
        self._socket.settimeout(self._patience())
        self._socket.sendall(data)
        return len(data)

    def recv(self, size: int) -> bytes:
        """What has arrived, but no torn head and no torn short packet: pyzk parses
        what one read gave it, however little the network delivered."""
        data = self._recv_some(size)
        while len(data) < size and self._frames.torn:
            data += self._recv_some(size - len(data))
        return data

    def _recv_some(self, size: int) -> bytes:
        self._socket.settimeout(self._patience())
        data = self._socket.recv(size)
        if not data:
            raise ConnectionResetError(errno.ECONNRESET, "closed by the terminal")
        self._received += len(data)
        if self._received > MAX_BYTES:
            raise DeviceProtocolError("the terminal sent more than 64 MiB")
        self._frames.feed(data)
        return data

    def settimeout(self, seconds: float) -> None:
        self._timeout = seconds

    def close(self) -> None:
        self._socket.close()


class _GuardedZK(ZK):
    """pyzk with our connection in place of its own sockets."""

    def __init__(self, config: DeviceConfig, until: float) -> None:
        super().__init__(
            config.host,
            port=config.port,
            timeout=config.timeout,
            password=int(config.password or 0),
            ommit_ping=True,
            encoding=config.encoding,
        )
        self._ZK__sock.close()  # a UDP socket that it opens in any case
        self._config = config
        self._until = until
        self.helper = self

    def test_tcp(self) -> int:
        """Stands in for the probe that would open a connection of its own."""
        return 0

    def _ZK__create_socket(self) -> None:
        self._ZK__sock = _Connection(self._config, self._until)

    def hang_up(self) -> None:
        """Say goodbye and close, whatever state the conversation is in."""
        connection = self._ZK__sock
        if self.is_connect:
            connection.allow(GOODBYE / 2)
            _quietly(self.disconnect)
        connection.close()

    def enable_in_any_case(self) -> None:
        """Let people punch again, also when the read failed half-way."""
        self._ZK__sock.allow(GOODBYE / 2)
        _quietly(self.enable_device)


def _quietly(call: Any) -> None:
    # Only for goodbyes: the conversation's outcome is already known.
    try:
        call()
    except Exception:  # noqa: BLE001  pyzk raises nearly anything here
        return


def classify(error: Exception) -> DeviceError:
    """The project's error for whatever pyzk or the network raised."""
    chain = [error]
    while chain[-1].__context__ is not None and len(chain) < 8:
        chain.append(chain[-1].__context__)  # type: ignore[arg-type]
    # pyzk re-raises network errors as text: the original is the context.
    for fault in chain:
        detail = f"{type(fault).__name__}: {fault}"[:200]
        match fault:
            case DeviceError():
                return fault
            case socket.gaierror():
                return DeviceNameUnknown(detail)
            case TimeoutError():
                return DeviceTimeout(detail)
            case ConnectionRefusedError():
                return DeviceRefused(detail)
            case ConnectionError():
                return DeviceDisconnected(detail)
            case OSError():
                return DeviceUnreachable(detail)
    detail = f"{type(error).__name__}: {error}"[:200]
    if isinstance(error, ZKErrorResponse) and "Unauthenticated" in str(error):
        return DeviceAuthFailed(detail)
    if isinstance(error, ValueError) and not isinstance(error, struct.error):
        return DeviceDataError(detail)
    return DeviceProtocolError(detail)


@contextlib.contextmanager
def _talking(config: DeviceConfig) -> Iterator[_GuardedZK]:
    until = time.monotonic() + max(config.deadline - GOODBYE, GOODBYE)
    terminal = _GuardedZK(config, until)
    try:
        terminal.connect()
        yield terminal
    except Exception as error:
        raise classify(error) from error
    finally:
        terminal.hang_up()


def test(config: DeviceConfig) -> DeviceInfo:
    """Ask a terminal who it is.

    :raises DeviceError: whatever goes wrong
    """
    with _talking(config) as terminal:
        return _info(terminal, config)


def read(config: DeviceConfig, request: ReadRequest) -> Reading:
    """Read a terminal's log; what the request's cursor covers is left out.

    :raises DeviceError: whatever goes wrong
    """
    with _talking(config) as terminal:
        try:
            _ask(terminal.disable_device)
            info = _info(terminal, config)
            blob, layout, codes = _read_log(terminal, config)
            if not layout.exact and layout.stride < 40:
                # The short layouts carry nothing by which to tell good rows from bad.
                blob, layout, codes = _read_log(terminal, config)
        finally:
            terminal.enable_in_any_case()
        info = dataclasses.replace(info, records=terminal.records)
    detail = f"{terminal.records} records counted, {layout.rows} sent"
    if not layout.exact and layout.stride < 40:
        raise DeviceIncomplete(detail)
    digest = hashlib.sha256(blob + repr(sorted(codes.items())).encode()).hexdigest()
    known = (request.cursor or {}).get("digest")
    unchanged = layout.exact and digest == known and not request.full
    return Reading(
        info,
        []
        if unchanged
        else list(zk_codec.decode_log(blob, layout, codes, config.encoding)),
        complete=layout.exact,
        detail="" if layout.exact else detail,
        cursor={"digest": digest},
    )


def _read_log(
    terminal: _GuardedZK, config: DeviceConfig
) -> tuple[bytes, zk_codec.Layout, dict[int, str]]:
    terminal.read_sizes()
    if terminal.records <= 0:
        return b"", zk_codec.Layout(40, 0, True), {}
    blob, _size = terminal.read_with_buffer(const.CMD_ATTLOG_RRQ)
    layout = zk_codec.find_layout(blob, terminal.records)
    codes: dict[int, str] = {}
    if layout.stride == 8 and terminal.users:
        users, _size = terminal.read_with_buffer(const.CMD_USERTEMP_RRQ, const.FCT_USER)
        codes = zk_codec.decode_users(users, terminal.users, config.encoding)
    return blob, layout, codes


def _info(terminal: _GuardedZK, config: DeviceConfig) -> DeviceInfo:
    """Who the terminal is. A terminal may decline any single question."""
    terminal.read_sizes()
    return DeviceInfo(
        serial=_ask(terminal.get_serialnumber) or "",
        model=_ask(terminal.get_device_name) or "",
        firmware=_ask(terminal.get_firmware_version) or "",
        users=terminal.users,
        records=terminal.records,
        capacity=terminal.rec_cap,
        clock_drift=_clock_drift(terminal, config),
    )


def _ask(question: Any) -> Any:
    try:
        return question()
    except (ZKErrorResponse, ValueError):
        return None  # refused, or an answer that is no text


def _clock_drift(terminal: _GuardedZK, config: DeviceConfig) -> int | None:
    shown = _ask(terminal.get_time)  # None also for a clock that shows 31 February
    if shown is None:
        return None
    return round((shown - config.local(datetime.now(UTC))).total_seconds())
