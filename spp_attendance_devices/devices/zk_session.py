"""Guarded conversations with ZKTeco terminals; they run in a child process.

pyzk 0.9 does the talking (handshake, communication key, questions); everything known
to go wrong in it is fenced off here:

* the host never reaches a shell: no ping, and no second connection before the first
  (many terminals allow only one);
* its reading from sockets is not used (endless on a connection that was closed, short
  replies torn, long datagrams cut off), :mod:`.zk_wire` gives it whole packets;
* nor are its transfers of logs: :mod:`.zk_log`;
* nor its decoders (quadratic, and one impossible date loses the log):
  :mod:`.zk_codec`;
* the terminal is enabled again whatever happens.
"""

from __future__ import annotations

import contextlib
import struct
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from zk import ZK, const
from zk.exception import ZKErrorConnection, ZKErrorResponse

from . import net, zk_wire
from .adapter import DeviceConfig, DeviceInfo
from .errors import (
    DeviceAuthFailed,
    DeviceBusy,
    DeviceDataError,
    DeviceError,
    DeviceProtocolError,
)

#: Kept back from the deadline for re-enabling the terminal and hanging up, seconds.
GOODBYE = 3.0
#: Begins a transfer: the terminal collects what is asked for in a buffer.
PREPARE_BUFFER = 1503
READ_BUFFER = 1504

_GOOD = (const.CMD_ACK_OK, const.CMD_PREPARE_DATA, const.CMD_DATA)
_Answer = TypeVar("_Answer")

# Private names of pyzk that the guards rely on. Another release must not silently
# run without them.
for _name in ("create_socket", "create_header", "send_command", "decode_time"):
    if not hasattr(ZK, f"_ZK__{_name}"):
        raise ImportError(f"this release of pyzk has no {_name}")


class Terminal(ZK):
    """pyzk on a wire of ours."""

    def __init__(self, config: DeviceConfig) -> None:
        super().__init__(
            config.host,
            port=config.port,
            timeout=config.timeout,
            password=int(config.password or 0),
            force_udp=config.transport == "udp",
            ommit_ping=True,
            encoding=config.encoding,
        )
        self._ZK__sock.close()  # a UDP socket that it opens in any case
        self._config = config
        kept = min(GOODBYE, config.deadline / 2)
        self._until = time.monotonic() + config.deadline - kept
        self._goodbye = kept / 3
        self.helper = self

    def test_tcp(self) -> int:
        """Stands in for the probe that would open a connection of its own."""
        return 0

    @property
    def wire(self) -> zk_wire.Wire:
        return self._ZK__sock

    def ask(self, command: int, data: bytes = b"") -> tuple[int, bytes]:
        """Send a command; the code and the data of the first packet that answers."""
        self._ZK__send_command(command, data)
        return self._ZK__response, self._ZK__data

    def more(self) -> tuple[int, bytes]:
        """The code and the data of a further packet of the same answer."""
        packet = self.wire.receive()
        return zk_wire.HEADER.unpack_from(packet)[0], packet[zk_wire.HEADER.size :]

    def hang_up(self) -> None:
        """Say goodbye and close, whatever state the conversation is in. A terminal
        that was locked is enabled, by a new connection if this one is of no use."""
        if not isinstance(self._ZK__sock, zk_wire.Wire):
            return  # never connected
        locked = self.is_connect and not self.is_enabled
        if locked:
            self.wire.allow(self._goodbye)
            _quietly(self.enable_device)
        if self.is_connect:
            self.wire.allow(self._goodbye)
            _quietly(self.disconnect)
        self.wire.close()
        if locked and not self.is_enabled:
            self._until = time.monotonic() + self._goodbye
            _quietly(self._enable_anew)

    def _enable_anew(self) -> None:
        try:
            self.connect()
            self.enable_device()
            self.disconnect()
        finally:
            self.wire.close()

    # Instead of pyzk's own

    def _ZK__create_socket(self) -> None:
        self._ZK__sock = zk_wire.connect(self._config, self._until)

    def _ZK__send_command(
        self, command: int, command_string: bytes = b"", response_size: int = 8
    ) -> dict[str, Any]:
        del response_size  # packets say their length
        if command not in (const.CMD_CONNECT, const.CMD_AUTH) and not self.is_connect:
            raise ZKErrorConnection("instance are not connected.")
        self.wire.send(
            self._ZK__create_header(
                command, command_string, self._ZK__session_id, self._ZK__reply_id
            )
        )
        packet = self.wire.receive()
        self._ZK__header = zk_wire.HEADER.unpack_from(packet)
        self._ZK__response = self._ZK__header[0]
        self._ZK__reply_id = self._ZK__header[3]
        self._ZK__data = packet[zk_wire.HEADER.size :]
        return {"status": self._ZK__response in _GOOD, "code": self._ZK__response}


def _quietly(call: Callable[[], Any]) -> None:
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
        match fault:
            case DeviceError():
                return fault
            case OSError():
                return net.classify(fault)
    detail = f"{type(error).__name__}: {error}"[:200]
    if isinstance(error, ZKErrorResponse):
        if "Unauthenticated" in str(error):
            return DeviceAuthFailed(detail)
        if "Can't connect" in str(error):
            # It knows the protocol, and has no session to spare.
            return DeviceBusy(detail)
    if isinstance(error, ValueError) and not isinstance(error, struct.error):
        return DeviceDataError(detail)
    return DeviceProtocolError(detail)


@contextlib.contextmanager
def talking(config: DeviceConfig) -> Iterator[Terminal]:
    """A connection to the terminal, which ends well before the deadline.

    :raises DeviceError: whatever goes wrong, also inside the block
    """
    terminal = Terminal(config)
    try:
        terminal.connect()
        yield terminal
    except Exception as error:
        raise classify(error) from error
    finally:
        terminal.hang_up()


def lock(terminal: Terminal) -> bool:
    """Keep people from punching until the end of the conversation; whether the terminal
    can."""
    # Also when the answer is lost, it may be locked by now.
    terminal.is_enabled = False
    return bool(permitted(terminal.disable_device))


def permitted(question: Callable[[], _Answer]) -> _Answer | None:
    """The answer to a question that a terminal may decline; None when it does."""
    try:
        return question()
    except (ZKErrorResponse, ValueError):
        return None  # refused, or an answer that is no text


def about(terminal: Terminal, config: DeviceConfig) -> DeviceInfo:
    """Who the terminal is. It may decline any single question."""
    terminal.read_sizes()
    return DeviceInfo(
        serial=permitted(terminal.get_serialnumber) or "",
        model=permitted(terminal.get_device_name) or "",
        firmware=permitted(terminal.get_firmware_version) or "",
        users=terminal.users,
        records=terminal.records,
        capacity=terminal.rec_cap,
        clock_drift=_clock_drift(terminal, config),
    )


def _clock_drift(terminal: Terminal, config: DeviceConfig) -> int | None:
    # None also for a clock that shows 31 February.
    shown = permitted(terminal.get_time)
    if shown is None:
        return None
    # It cuts its seconds off: half of one on average.
    middle = shown + timedelta(milliseconds=500)
    return round((middle - config.local(datetime.now(UTC))).total_seconds())


def set_clock(config: DeviceConfig, now: datetime) -> DeviceInfo:
    """Set the terminal's clock, and see what it shows then.

    :param now: the aware moment of the call
    :raises DeviceError: whatever goes wrong
    """
    called = time.monotonic()
    with talking(config) as terminal:
        passed = timedelta(seconds=time.monotonic() - called)
        # Seconds are all that it can be told.
        nearest = (now + passed + timedelta(milliseconds=500)).replace(microsecond=0)
        terminal.set_time(config.local(nearest))
        return about(terminal, config)


def speaks(config: DeviceConfig) -> bool:
    """Whether this protocol is spoken at the address; no key is tried.

    :raises DeviceError: when nothing answers
    """
    packet = b"\xe8\x03\x17\xfc\0\0\0\0"  # connect, as everybody begins
    try:
        wire = zk_wire.connect(config, time.monotonic() + config.deadline)
        with contextlib.closing(wire):
            wire.send(packet)
            code, *_rest = zk_wire.HEADER.unpack_from(wire.receive())
    except DeviceProtocolError:
        return False
    except OSError as error:
        raise classify(error) from error
    return code in (const.CMD_ACK_OK, const.CMD_ACK_UNAUTH, const.CMD_ACK_ERROR)
