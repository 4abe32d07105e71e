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

import contextlib
import socket
import socketserver
import ssl
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable
from datetime import datetime
from http.server import BaseHTTPRequestHandler
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


class HangUp(Exception):
    """The conversation is over."""


class FakeServer(socketserver.ThreadingTCPServer):
    """Listens for one fake, in clear or under its TLS; each conversation has a thread,
    that ends with the server."""

    allow_reuse_address = True
    daemon_threads = False
    request_queue_size = 64
    terminal: FakeTerminal

    def __init__(self, *words: Any) -> None:
        self._open: set[socket.socket] = set()
        self._guard = threading.Lock()
        super().__init__(*words)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guard:
            self._open.add(request)
        super().process_request(request, client_address)

    def finish_request(self, request: Any, client_address: Any) -> None:
        tls = self.terminal.tls
        if not tls:
            super().finish_request(request, client_address)
            return
        # A duplicate shares the connection, so that hanging up reaches it.
        with tls.wrap_socket(request.dup(), server_side=True) as secured:
            super().finish_request(secured, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._guard:
            self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that break off, and hanging up on them, are what faults are about."""

    def server_close(self) -> None:
        """Hang up on everybody, and wait for the conversations."""
        with self._guard:
            for request in self._open:
                with contextlib.suppress(OSError):
                    request.shutdown(socket.SHUT_RDWR)
        super().server_close()


class Conversation(socketserver.BaseRequestHandler):
    """One client's connection."""

    def setup(self) -> None:
        self.terminal: Any = self.server.terminal
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().setup()

    def receive(self, size: int) -> bytes:
        """What came, up to ``size`` bytes."""
        data = self.request.recv(size)
        if not data:
            raise HangUp
        return data


class HttpConversation(Conversation, BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None:
        """Tests read what they want to know from the terminal."""


class FakeTerminal(ABC):
    """One terminal (or the server that speaks for some), as a context manager."""

    #: Key of the adapter that reads it.
    make: ClassVar[str]
    #: Every fault that it can be told to have; those of SHARED_FAULTS mean the same
    #: for all.
    FAULTS: ClassVar[frozenset[str]]
    #: Faults that are no terminal's own, for tests that ask for them.
    OTHER_FAULTS: ClassVar[frozenset[str]] = frozenset()

    host: str = "127.0.0.1"
    port: int = 0
    #: May be changed at any time: another terminal at the address.
    serial: str = ""
    #: What lets a client in, "" when anybody may; and a text of the same form that
    #: does not.
    secret: str = ""
    wrong_secret: str = "424242"
    #: IANA zone of its clock.
    tz: str = "UTC"
    #: How many times somebody connected to it (or logged in) so far.
    conversations: int = 0

    def __init__(
        self,
        port: int,
        handler: type[socketserver.BaseRequestHandler],
        *,
        server: type[socketserver.BaseServer] = FakeServer,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """A port of 0 is any that is free; ``tls`` is a server's context."""
        self.tls = tls
        #: Set when half of a log was sent under a ``*_mid`` fault, by some makes.
        self.reached_middle = threading.Event()
        self._fault = ""
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._server: Any = server((self.host, port), handler)
        self._server.terminal = self
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}
        )

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
        self._server.server_close()

    @property
    def fault(self) -> str:
        """May be changed at any time."""
        return self._fault

    @fault.setter
    def fault(self, fault: str) -> None:
        assert fault in {"", *self.FAULTS, *self.OTHER_FAULTS}, fault
        with self._lock:
            self._fault = fault
            self._changed()

    def _changed(self) -> None:  # noqa: B027  there may be nothing to do
        """What else happens as a fault begins or ends."""

    def wait_for_end(self) -> None:
        """Block until the terminal is switched off (a stalled conversation)."""
        self._closing.wait()

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

    def values(self) -> dict[str, Any]:
        """ORM values of a terminal that reaches it: ``adapter, host, port, tz``,
        ``secret_input``, ``username``, ``tls…``, ``options`` as far as it needs them;
        no name, location or company."""
        return {
            "adapter": self.make,
            "host": self.host,
            "port": self.port,
            "tz": self.tz,
            "secret_input": self.secret,
            **self._settings(),
        }

    def config(self, **over: Any) -> DeviceConfig:
        """Settings that reach it, with the right secret."""
        settings = {
            "host": self.host,
            "port": self.port,
            "password": self.secret,
            "networks": ("127.0.0.0/8",),
            "timeout": 10.0,
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
