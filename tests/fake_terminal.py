"""What the fakes of all makes have in common, so that one test drives them alike.

A fake listens on loopback at a free port, speaks its maker's protocol over real sockets
and uses nothing of the code under test but the shape of :class:`DeviceConfig`::

    with LineTerminal() as terminal:
        terminal.add("17", datetime(2026, 11, 2, 8, 0))
        adapter = get_adapter(terminal.make)(terminal.config())
        terminal.fault = "close_mid"  # from the next conversation on, "" to end it

Times are naive and in the terminal's zone, ``tz``.
"""

from __future__ import annotations

import socketserver
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import datetime
from types import TracebackType
from typing import Any, ClassVar, Self

from devices.adapter import DeviceConfig

#: Faults that every make knows by the same name, where its protocol has them.
SHARED_FAULTS = frozenset(
    {
        "silent",  # accepts the connection and never answers
        "close_mid",  # hangs up in the middle of its log
        "stall_mid",  # sends half of its log and then nothing, holding the line
        "garbage",  # answers with what is no protocol at all
        "refuse_auth",  # refuses every secret
        "busy",  # answers that it has no time
        "wrong_count",  # says that it holds more than it sends
        "bad_date",  # its log begins with a scan on 31 February
        "future",  # its log begins with a scan in 2099
    }
)

#: Badge code, local time, and a word of ``devices.scan_types``.
Row = tuple[str, datetime, str]


class FakeTerminal(ABC):
    """One terminal (or the server that speaks for some), as a context manager."""

    #: Key of the adapter that reads it.
    make: ClassVar[str]
    #: Every fault that it can be told to have; those of SHARED_FAULTS mean the same
    #: for all.
    FAULTS: ClassVar[frozenset[str]]

    #: May be changed at any time, as may ``serial``: another terminal at the address.
    fault: str = ""
    host: str = "127.0.0.1"
    port: int = 0
    serial: str = ""
    #: What lets a client in, "" when anybody may; and a text of the same form that
    #: does not.
    secret: str = ""
    wrong_secret: str = "424242"
    #: IANA zone of its clock.
    tz: str = "UTC"
    #: How many times somebody connected to it (or logged in) so far.
    conversations: int = 0

    #: What answers, in a thread of its own; and whether it is about to end.
    _server: socketserver.BaseServer
    _thread: threading.Thread
    _closing: threading.Event

    def __enter__(self) -> Self:
        """Listen at ``host`` and ``port``."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Hang up on everybody and close; no thread of it is left."""
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._hang_up()
        self._server.server_close()  # waits for the conversations as well

    def _hang_up(self) -> None:  # noqa: B027  there may be nothing to do
        """End conversations that would not end by themselves; most do."""

    @abstractmethod
    def extend(self, rows: Iterable[Row]) -> None:
        """Record many scans, all at once for whoever reads."""

    def add(self, code: str, moment: datetime, kind: str = "in") -> None:
        """Record one scan, as if somebody had just held up a badge."""
        self.extend([(code, moment, kind)])

    @abstractmethod
    def held(self) -> set[tuple[str, str]]:
        """What is in its log: badge code and local time, ISO to the second. Without
        what a fault adds to it."""

    @abstractmethod
    def values(self) -> dict[str, Any]:
        """ORM values of a terminal that reaches it: ``adapter, host, port, tz``,
        ``secret_input``, ``username``, ``tls…``, ``options`` as far as it needs them;
        no name, location or company."""

    def config(self, **over: Any) -> DeviceConfig:
        """Settings that reach it, with the right secret."""
        settings = {
            "host": self.host,
            "port": self.port,
            "password": self.secret,
            "networks": ("127.0.0.0/8",),
            "timeout": 5.0,
            "deadline": 30.0,
            "tz": self.tz,
            **self._settings(),
        }
        return DeviceConfig(**{**settings, **over})

    def _settings(self) -> dict[str, Any]:
        """What else this make needs to be reached (username, tls, options)."""
        return {}


def iso_second(moment: datetime) -> str:
    """A local time as :meth:`FakeTerminal.held` writes it."""
    return moment.replace(tzinfo=None, microsecond=0).isoformat()
