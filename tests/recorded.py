"""Conversations with terminals as they were recorded, played again.

``python tests/recorded.py`` records them anew, one file for each make in
``tests/fixtures/devices``, from the fakes of this folder: nothing here was recorded
from a physical terminal. What the terminal sent is kept verbatim; of what the client
sent only how much, since a nonce or a proof differs each time.
"""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

FIXTURES = Path(__file__).parent / "fixtures" / "devices"
#: When they were recorded.
NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
#: Of all that were recorded, cut to the digits that a communication key may have.
SECRET = "1111111111111111"
SECRETS = {"zkteco": SECRET[:6]}

#: Who spoke, and what ("terminal") or how many bytes ("client").
Turns = list[list[Any]]


def encode(data: bytes) -> str:
    try:
        text = data.decode()
        if all(sign.isprintable() or sign in "\r\n" for sign in text):
            return "text:" + text
    except UnicodeDecodeError:
        pass
    return "base64:" + base64.b64encode(data).decode()


def decode(written: str) -> bytes:
    kind, _colon, text = written.partition(":")
    return text.encode() if kind == "text" else base64.b64decode(text)


@contextlib.contextmanager
def _serving(handle: Callable[[socket.socket, int], None]) -> Iterator[int]:
    """A server on loopback; gives its port. Each connection, with its number from 0
    on, is handled in a thread of its own."""
    threads: list[threading.Thread] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def one(connection: socket.socket, number: int) -> None:
            connection.settimeout(20)
            with connection, contextlib.suppress(OSError):
                handle(connection, number)

        def accept() -> None:
            for number in range(1000):
                try:
                    connection, _address = listener.accept()
                except OSError:
                    return
                thread = threading.Thread(target=one, args=(connection, number))
                threads.append(thread)
                thread.start()

        acceptor = threading.Thread(target=accept)
        acceptor.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            acceptor.join()
            for thread in threads:
                thread.join()


@contextlib.contextmanager
def recording(host: str, port: int, into: list[Turns]) -> Iterator[int]:
    """A port that leads to a terminal and notes what passes."""

    def handle(client: socket.socket, _number: int) -> None:
        turns: Turns = []
        into.append(turns)
        lock = threading.Lock()

        def note(who: str, data: bytes) -> None:
            with lock:
                if turns and turns[-1][0] == who:
                    turns[-1][1] += data
                else:
                    turns.append([who, data])

        def carry(who: str, source: socket.socket, sink: socket.socket) -> None:
            with contextlib.suppress(OSError):
                while data := source.recv(65536):
                    note(who, data)
                    sink.sendall(data)
                sink.shutdown(socket.SHUT_WR)

        with socket.create_connection((host, port), 20) as terminal:
            there = threading.Thread(target=carry, args=("client", client, terminal))
            there.start()
            carry("terminal", terminal, client)
            there.join()

    with _serving(handle) as own:
        yield own


@contextlib.contextmanager
def playing(conversations: list[Turns]) -> Iterator[int]:
    """A port where a terminal says again what it said, each time that it has heard as
    much as it had then."""

    def handle(client: socket.socket, number: int) -> None:
        for who, what in conversations[number]:
            if who == "terminal":
                client.sendall(decode(what))
                continue
            left = what
            while left:
                data = client.recv(left)
                if not data:
                    return
                left -= len(data)

    with _serving(handle) as own:
        yield own


def read(make: str, port: int, settings: dict[str, Any]) -> dict[str, Any]:
    """What an adapter makes of the terminal at a port, as it is written down."""
    from devices import DeviceConfig, ReadRequest
    from devices.table import get_adapter

    config = DeviceConfig(
        **{
            **settings,
            "password": SECRETS.get(make, SECRET),
            "host": "127.0.0.1",
            "port": port,
            "networks": ("127.0.0.0/8",),
            "timeout": 10,
            "deadline": 30,
        }
    )
    # The proof in a recording is for the nonce of then.
    with mock.patch("secrets.token_hex", lambda size: "ab" * size):
        reading = get_adapter(make)(config).read_scans(ReadRequest(NOW))
    return {
        "serial": reading.info.serial,
        "records": reading.info.records,
        "complete": reading.complete,
        "cursor": reading.cursor,
        "scans": [
            [
                scan.user_code,
                scan.timestamp_raw,
                scan.local_time and scan.local_time.isoformat(),
                scan.scan_type,
                scan.number,
            ]
            for scan in reading.scans
        ],
    }


def record() -> None:
    """Write all recordings anew."""
    from test_devices_contract import PLAIN

    for name, build in PLAIN.items():
        conversations: list[Turns] = []
        with build() as terminal:
            terminal.secret = SECRETS.get(terminal.make, SECRET)
            terminal.extend(
                (
                    str(1 + row % 3),
                    NOW.replace(tzinfo=None) - timedelta(minutes=40 - row),
                    ("in", "out", "break_start", "break_end")[row % 4],
                )
                for row in range(30)
            )
            settings = {
                key: value
                for key, value in vars_of(terminal.config()).items()
                if key in ("username", "transport", "tls", "tz", "options")
            }
            with recording(terminal.host, terminal.port, conversations) as port:
                result = read(terminal.make, port, settings)
        written = {
            "make": terminal.make,
            "settings": settings,
            "conversations": [
                [
                    [who, len(what) if who == "client" else encode(what)]
                    for who, what in turns
                ]
                for turns in conversations
            ],
            "reading": result,
        }
        folder = FIXTURES / terminal.make
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{name}.json"
        path.write_text(json.dumps(written, indent=1, ensure_ascii=False) + "\n")


def vars_of(config: Any) -> dict[str, Any]:
    return {name: getattr(config, name) for name in config.__slots__}


if __name__ == "__main__":
    root = Path(__file__).resolve().parents[1]
    sys.path[:0] = [str(Path(__file__).parent), str(root / "spp_attendance_devices")]
    sys.path[:0] = [str(root / "spp_attendance")]
    record()
