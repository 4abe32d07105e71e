"""The port that every make of terminal implements, and what crosses it.

An adapter is made for one conversation from a :class:`DeviceConfig`, does its I/O,
and gives back plain values. It keeps no state between conversations, never touches
the ORM and may run in any thread. Times of a terminal are local and naive; turning
them into UTC is the caller's business, who knows the terminal's time zone rules.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal, NamedTuple
from zoneinfo import ZoneInfo

from .errors import InvalidConfig
from .host import validate_host, validate_port
from .scan_types import ScanType


class ScanData(NamedTuple):
    """One reading of one badge. A NamedTuple because a log holds 100,000 of them.

    ``timestamp_raw`` is the terminal's local wall-clock time as it gave it
    (``YYYY-MM-DD HH:MM:SS``, also for days that do not exist); ``local_time`` the
    same as a naive datetime, None when there is no such moment. ``punch`` and
    ``verify`` are the vendor's raw codes, ``raw`` everything kept for later.
    """

    user_code: str
    timestamp_raw: str
    local_time: datetime | None
    scan_type: ScanType
    punch: int | None
    verify: int | None
    raw: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a make can do; decides which settings the form shows."""

    networked: bool = True
    secret: Literal["none", "comm_key"] = "none"
    default_port: int = 0
    # The log is always sent whole: what is new is found by the database.
    whole_log: bool = True


@dataclass(frozen=True, slots=True)
class DeviceConfig:
    """Where the terminal is and how patient to be.

    ``timeout`` (seconds) bounds one network operation, ``deadline`` (seconds) the
    whole conversation. ``tz`` is the IANA zone of the terminal's clock. The password
    never shows in ``repr``.
    """

    host: str = ""
    port: int = 0
    password: str = field(default="", repr=False)
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
    """``now`` is the aware moment of the call. ``known_digest`` is the digest of the
    last reading that was stored: an adapter may answer "unchanged" without rows."""

    now: datetime
    known_digest: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """The outcome of :meth:`BaseMachineAdapter.read_scans`.

    ``complete`` is False when the terminal's own counter disagrees with what it sent;
    the rows are sound but there may be more. ``digest`` names the content (empty:
    unknown); ``unchanged`` says that it equals the request's and rows were left out.
    """

    info: DeviceInfo
    scans: list[ScanData]
    complete: bool = True
    detail: str = ""
    digest: str = ""
    unchanged: bool = False


class BaseMachineAdapter(ABC):
    """One make of terminal.

    Both verbs return within ``config.deadline`` seconds (plus a moment to clean up)
    and raise only :class:`~.errors.DeviceError`.
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
        if not 0 < config.timeout <= config.deadline:
            raise InvalidConfig("the timeout must be positive and within the deadline")
        if cls.capabilities.secret == "comm_key":
            validate_comm_key(config.password)
        cls._validate_options(config.options)

    @classmethod
    def _validate_options(cls, options: Mapping[str, Any]) -> None:
        """Check the settings of this make alone; those of other makes are ignored.

        :raises InvalidConfig: naming the option
        """
        del options  # most makes have none

    @abstractmethod
    def test(self, now: datetime) -> DeviceInfo:
        """Talk to the terminal and ask who it is. ``now`` is aware."""

    @abstractmethod
    def read_scans(self, request: ReadRequest) -> Reading:
        """Read what the terminal holds, in the terminal's order."""


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
