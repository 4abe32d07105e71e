"""A program that listens to the live feed, and all that it was told."""

from __future__ import annotations

import json
import struct
import threading
from typing import Any

import requests
import websocket
from oauth_admin import bearer

LIVE = "/api/attendance/live"
TOKEN = "spp_attendance_live:token="
#: A socket's thread looks so often whether it is to end, in seconds.
TICK = 1


def ask(url: str, token: str) -> dict[str, Any]:
    """How to listen, as the server tells it."""
    answer = requests.get(url + LIVE, headers=bearer(token), timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()


class Listener:
    """A socket that is subscribed, and read until it is closed.

    :param url: of the server
    :param token: to subscribe with; None leaves that to the test
    :param last: the id to go on after; None: what the server says
    """

    def __init__(self, url: str, token: str | None, last: int | None = None) -> None:
        self.frames: list[list[dict[str, Any]]] = []
        #: Code and reason of the server's closing frame.
        self.closed: tuple[int, str] | None = None
        self.is_over = False
        live = ask(url, token) if token and last is None else {}
        address = url.replace("http", "ws", 1) + "/websocket"
        self.socket = websocket.create_connection(
            live.get("websocket_url", address), timeout=60
        )
        self.socket.settimeout(TICK)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        if token:
            self.subscribe(TOKEN + token, last=live.get("last_id", last))

    def subscribe(self, *channels: str, last: int = 0) -> None:
        data = {"channels": channels, "last": last}
        self.socket.send(json.dumps({"event_name": "subscribe", "data": data}))

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [message for frame in list(self.frames) for message in frame]

    @property
    def last_id(self) -> int:
        return max(message["id"] for message in self.messages)

    @property
    def events(self) -> list[dict[str, Any]]:
        """All that it was told, in order."""
        return [
            event
            for message in self.messages
            for event in message["message"]["payload"]["events"]
        ]

    def of_type(self, *types: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] in types]

    @property
    def records(self) -> list[int]:
        """Ids of the records that it was told of, in order."""
        return [event["data"]["id"] for event in self.of_type("record_updated")]

    def close(self) -> None:
        """Go away without a word, as a program that is killed."""
        self.is_over = True
        self._thread.join()
        self.socket.shutdown()

    def _read(self) -> None:
        while not self.is_over:
            try:
                opcode, data = self.socket.recv_data()
            except websocket.WebSocketTimeoutException:
                continue
            except (websocket.WebSocketException, OSError):
                break
            if opcode == websocket.ABNF.OPCODE_CLOSE:
                (code,) = struct.unpack("!H", data[:2])
                self.closed = (code, data[2:].decode())
                break
            self.frames.append(json.loads(data))
        self.is_over = True
