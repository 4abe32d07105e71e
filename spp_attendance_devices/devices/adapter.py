"""The port that every make of terminal implements, and what crosses it.

An adapter is made for one conversation from a :class:`DeviceConfig`, does its I/O,
and gives back plain values. It keeps no state between conversations, never touches
the ORM and may run in any thread or process. What it has to remember, it gives back
as a cursor, which is stored in the transaction of the rows that it covers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from . import tls
from .errors import InvalidConfig, UnsupportedDevice
from .host import validate_host, validate_port
from .net import parse_networks
from .scan_types import ScanType

#: What a reader notes on a scan beside who, when and which way.
Flag = Literal["", "duress"]
#: How a secret is called on the terminal, and which texts can be one.
Secret = Literal["none", "comm_key", "password", "shared_key"]
#: In which dialect a make sends scans by itself; "" for one that does not.
Push = Literal["", "adms", "isapi"]
#: What an adapter remembers between readings: a JSON object of its own making.
Cursor = Mapping[str, Any]


class ScanData(NamedTuple):
    """One reading of one badge. A NamedTuple because a log holds 100,000 of them.

    ``timestamp_raw`` is the time as the terminal gave it, verbatim (``YYYY-MM-DD
    HH:MM:SS`` where it came packed, also for days that do not exist). ``local_time``
    is naive where the terminal says its wall-clock time only, aware where it says the
    offset, and None when there is no such moment. ``number`` is the vendor's own
    number of the event, "" where there is none: it tells scans without a badge apart,
    for all others badge and time are what makes them the same. ``punch`` and
    ``verify`` are the vendor's raw codes, ``raw`` everything kept for later: no name,
    no photo, no template.
    """

    user_code: str
    timestamp_raw: str
    local_time: datetime | None
    scan_type: ScanType
    punch: int | None
    verify: int | None
    raw: Mapping[str, Any]
    number: str = ""
    card: str = ""
    flag: Flag = ""


class Scans(Protocol):
    """Scans in the terminal's order: any number, gone through as often as needed."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[ScanData]: ...


class UserData(NamedTuple):
    """Somebody whom a terminal knows. ``name`` is shown once and never stored."""

    code: str
    name: str
    card: str


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a make can do; decides which settings and buttons the form shows."""

    networked: bool = True
    #: In a child process under a hard deadline; else in the caller's thread.
    isolated: bool = False
    secret: Secret = "none"
    username: bool = False
    default_port: int = 0
    #: Ports at which the setup wizard looks for this make.
    known_ports: tuple[int, ...] = ()
    #: Can be reached by TCP or UDP, at the user's choice.
    udp: bool = False
    #: Speaks HTTP(S): the form asks how the certificate is checked.
    tls: bool = False
    #: Verbs beyond test and read_scans.
    users: bool = False
    clock: bool = False
    clear: bool = False
    #: In which dialect it sends scans by itself, and whether it can be told from here
    #: where to.
    push: Push = ""
    push_setup: bool = False
    #: Names of the settings of its own, given as a JSON object.
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DeviceConfig:
    """Where the terminal is and how patient to be.

    ``timeout`` (seconds) bounds one network operation, ``deadline`` (seconds) the
    whole conversation. ``tz`` is the IANA zone of the terminal's clock. ``tls`` is
    "none" (plain HTTP), "system" (known authorities), "ca" (``tls_ca``, PEM), "pinned"
    (``tls_fingerprint``, SHA-256 of the certificate in hex) or "unverified".
    ``networks`` are the networks (CIDR) that may be reached; empty: all but loopback,
    link-local and other special ones. The password never shows in ``repr``.
    """

    host: str = ""
    port: int = 0
    username: str = ""
    password: str = field(default="", repr=False)
    transport: Literal["tcp", "udp"] = "tcp"
    tls: Literal["none", "system", "ca", "pinned", "unverified"] = "none"
    tls_ca: str = ""
    tls_fingerprint: str = ""
    networks: tuple[str, ...] = ()
    timeout: float = 10.0
    deadline: float = 60.0
    tz: str = "UTC"
    encoding: str = "utf-8"
    options: Mapping[str, Any] = field(default_factory=dict)

    def local(self, moment: datetime) -> datetime:
        """The terminal's correct wall-clock time (naive) at an aware ``moment``."""
        return moment.astimezone(ZoneInfo(self.tz)).replace(tzinfo=None)


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """What a terminal says of itself; None and "" where it does not say.

    ``clock_drift`` is terminal minus server in seconds, both in the terminal's zone.
    """

    serial: str = ""
    model: str = ""
    firmware: str = ""
    users: int | None = None
    records: int | None = None
    capacity: int | None = None
    clock_drift: int | None = None


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """``now`` is the aware moment of the call. ``cursor`` is that of the last reading
    that was stored, None when there is none: what came before it need not be sent
    again. ``full`` asks for everything the terminal holds, whatever the cursor says;
    ``limit`` is how many scans one reading may hold where the make can be asked for
    less than all."""

    now: datetime
    cursor: Cursor | None = None
    full: bool = False
    limit: int = 20_000


@dataclass(frozen=True, slots=True)
class Reading:
    """The outcome of :meth:`BaseMachineAdapter.read_scans`.

    ``complete`` is False when not all came that the terminal should have sent, for the
    reason in ``detail``; the rows are sound and kept, but the cursor does not move.
    ``more`` says that the limit was reached: the cursor moves, and the terminal is
    read again at once. ``complete_until`` (aware) is up to when nobody can have been
    at the terminal without being in the rows or before the cursor; None stands for
    the moment of the request. ``acknowledge``: after the rows are committed, the
    terminal waits to be told so.
    """

    info: DeviceInfo
    scans: Scans
    complete: bool = True
    detail: str = ""
    cursor: Cursor | None = None
    more: bool = False
    complete_until: datetime | None = None
    acknowledge: bool = False


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The outcome of :meth:`BaseMachineAdapter.acknowledge`. ``cleared`` is how many
    scans the terminal's log lost, None when it keeps its log; ``cursor`` replaces the
    stored one unless it is None; ``detail`` says why it was not cleared."""

    cleared: int | None = None
    cursor: Cursor | None = None
    detail: str = ""


class BaseMachineAdapter(ABC):
    """One make of terminal.

    Each verb returns within ``config.deadline`` seconds and raises only
    :class:`~.errors.DeviceError`. A make whose I/O can hang whatever it tries is
    ``isolated``: then its conversations run in a child process that is killed at the
    deadline, and its methods need not care.
    """

    key: ClassVar[str]
    label: ClassVar[str]
    capabilities: ClassVar[Capabilities] = Capabilities()

    def __init__(self, config: DeviceConfig) -> None:
        self.validate(config)
        self.config = config

    @classmethod
    def validate(cls, config: DeviceConfig) -> None:
        """Check the settings without any I/O.

        :raises InvalidConfig: naming what is wrong, never quoting a secret.
        """
        if cls.capabilities.networked:
            validate_host(config.host)
            validate_port(config.port)
            parse_networks(config.networks)
        if not 0 < config.timeout <= config.deadline:
            raise InvalidConfig("the timeout must be positive and within the deadline")
        if cls.capabilities.secret == "comm_key":
            validate_comm_key(config.password)
        if cls.capabilities.tls:
            tls.validate(config)
        cls.validate_options(config.options)

    @classmethod
    def validate_options(cls, options: Mapping[str, Any]) -> None:
        """Check the settings of this make alone.

        :raises InvalidConfig: naming the option
        """
        known = cls.capabilities.options
        if unknown := sorted(set(options).difference(known)):
            # One that is misspelt must not seem to be in force.
            raise InvalidConfig(
                f"unknown options: {', '.join(unknown)}; known are: {', '.join(known)}"
                if known
                else f"unknown options: {', '.join(unknown)}; this make has none"
            )
        cls._validate_options(options)

    @classmethod
    def _validate_options(cls, options: Mapping[str, Any]) -> None:
        """Check the settings of this make alone, all of which it knows.

        :raises InvalidConfig: naming the option
        """
        del options  # most makes have none

    @abstractmethod
    def test(self, now: datetime) -> DeviceInfo:
        """Talk to the terminal and ask who it is, checking also the right to read its
        scans. ``now`` is aware."""

    @abstractmethod
    def read_scans(self, request: ReadRequest) -> Reading:
        """Read what the terminal holds, in the terminal's order."""

    def acknowledge(self, cursor: Cursor, now: datetime, clear: bool) -> Acknowledged:
        """Tell the terminal what is stored for good: all that ``cursor`` covers.

        :param clear: empty the terminal's log, if all of it is covered and nothing
            came since
        """
        del cursor, now, clear
        return Acknowledged()

    def read_users(self) -> list[UserData]:
        """Whom the terminal knows (capability ``users``)."""
        raise UnsupportedDevice("this make does not tell its users")

    def set_clock(self, now: datetime) -> DeviceInfo:
        """Set the terminal's clock to ``now`` (aware; capability ``clock``), and tell
        what it shows then."""
        del now
        raise UnsupportedDevice("this make's clock is not set from here")

    def set_push(self, address: str) -> DeviceInfo:
        """Have the terminal send its scans to an address by itself (capability
        ``push_setup``), and tell who it is.

        :param address: a URL, which is a secret: whoever has it can send scans
        """
        del address
        raise UnsupportedDevice("this make is not told from here where to send")

    @classmethod
    def probe(cls, config: DeviceConfig) -> str | None:
        """Whether what answers at the address is of this make, without any secret.

        :return: what it says of itself ("" when nothing), None when it is another make
        :raises DeviceError: when nothing answers
        """
        del config
        return None


def validate_comm_key(key: str) -> int:
    """The ZKTeco communication key as a number; "" means none and gives 0.

    :raises InvalidConfig: unless it is an integer in 0..999999. The message does not
        repeat the key.
    """
    if not key:
        return 0
    if not (key.isascii() and key.isdigit() and len(key) <= 6):
        raise InvalidConfig("the communication key must be a number from 0 to 999999")
    return int(key)
