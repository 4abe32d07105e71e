"""Hands messages on to the sockets of apps, read once for all sockets of a process.

Odoo has each socket read the bus by itself, on a connection to the database of its own.
Of some hundreds that are told of one record at the same moment most would wait for a
connection, or be sent away. What apps are told differs by channel alone, so one thread
reads it, and each socket sends what it was handed, in its own thread.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Collection
from contextlib import suppress
from typing import Any, NamedTuple

from odoo.addons.bus.models.bus import dispatch, json_dump
from odoo.addons.bus.websocket import CloseCode, ConnectionState

from . import background
from .live import CLOSED

#: A channel as the bus knows it: database, model, id.
Channel = tuple[str, str, int]
#: Frames that wait for a slow client before it is sent away. It comes back with the id
#: of its last message.
MOST_WAITING = 1000
#: Bytes of what a closing frame can say.
_MAX_REASON = 123


class Listener(NamedTuple):
    """Whose token a socket listens with.

    :param client_id: record id of the API client
    :param expires_at: in seconds since 1970
    :param address: that it was opened from
    """

    client_id: int
    jti: str
    expires_at: int
    address: str


class _Feed:
    """One socket: what it listens to, how far it was told, and what it is to send."""

    def __init__(
        self, socket: Any, channel: Channel, listener: Listener, last: int
    ) -> None:
        self.socket = socket
        self.channel = channel
        self.listener = listener
        self.position = last
        self.waiting: deque[str] = deque()

    def give(self, messages: list[tuple[int, str]]) -> None:
        """Have the socket send what it was not told yet, in one frame.

        :param messages: of its channel, in order: ids, and texts of the bus
        """
        new = [message for message in messages if message[0] > self.position]
        if not new:
            return
        self.position = new[-1][0]
        texts = (f'{{"id":{number},"message":{text}}}' for number, text in new)
        self.waiting.append(f"[{','.join(texts)}]")
        if len(self.waiting) > MOST_WAITING:
            close(self.socket, CloseCode.TRY_LATER, "Too slow.")
        else:
            self.socket.trigger_notification_dispatching()

    def send(self) -> None:
        """Send what waits. Stands in the place of the socket's own reading of the bus,
        and runs in its thread."""
        self.socket._waiting_for_dispatch = False
        if self.listener.expires_at <= time.time():
            self.waiting.clear()
            close(self.socket, CLOSED, "The token has expired.")
        while self.waiting:
            self.socket._send(self.waiting.popleft())


class _Hub:
    """The sockets of apps in one database. To Odoo's dispatcher it is one socket."""

    def __init__(self, dbname: str) -> None:
        self.dbname = dbname
        self.lock = threading.Lock()
        self.feeds: dict[Any, _Feed] = {}
        self._channels: set[Channel] = set()

    # ------------------------------------------------- as the dispatcher sees it

    def subscribe(self, channels: set[Channel], _last: int) -> None:
        self._channels = channels

    def trigger_notification_dispatching(self) -> None:
        background.soon(self.dbname, "live_hub", self.hand_on)

    # ------------------------------------------------------------------ sockets

    def join(self, feed: _Feed) -> None:
        with self.lock:
            self.feeds[feed.socket] = feed
            self._follow()
        self.trigger_notification_dispatching()

    def leave(self, socket: Any) -> None:
        with self.lock:
            if self.feeds.pop(socket, None):
                self._follow()

    def open_feeds(self) -> list[_Feed]:
        """Those whose sockets are open; the others are forgotten."""
        with self.lock:
            gone = [s for s in self.feeds if s.state is not ConnectionState.OPEN]
            for socket in gone:
                del self.feeds[socket]
            if gone:
                self._follow()
            return list(self.feeds.values())

    def _follow(self) -> None:
        """Be called for what somebody listens to, and for nothing else."""
        wanted = {feed.channel for feed in self.feeds.values()}
        if wanted != self._channels:
            dispatch.subscribe(wanted, 0, self.dbname, self)

    # ----------------------------------------------------------------- messages

    def hand_on(self, registry: Any) -> None:
        """Read what is new, and hand it to the sockets that listen to it."""
        feeds = self.open_feeds()
        since: dict[Channel, int] = {}
        for feed in feeds:
            known = since.get(feed.channel, feed.position)
            since[feed.channel] = min(known, feed.position)
        messages = _read(registry, since) if since else {}
        for feed in feeds:
            if feed.channel in messages:
                feed.give(messages[feed.channel])


def _read(
    registry: Any, since: dict[Channel, int]
) -> dict[Channel, list[tuple[int, str]]]:
    """Messages of channels after an id each, as the bus has them."""
    names = {json_dump(channel): channel for channel in since}
    # Not from a hot standby, which may not have yet what was just told of.
    with registry.cursor() as cr:
        cr.execute(
            """
            SELECT m.id, m.channel, m.message
              FROM bus_bus m
              JOIN unnest(%s::varchar[], %s::int[]) AS c (name, since)
                ON c.name = m.channel AND m.id > c.since
             WHERE m.id > %s
          ORDER BY m.id
            """,
            (list(names), list(since.values()), min(since.values())),
        )
        rows = cr.fetchall()
    found: dict[Channel, list[tuple[int, str]]] = {}
    for number, name, text in rows:
        found.setdefault(names[name], []).append((number, text))
    return found


class _State:
    """All that one process holds; a process that is forked off gets a new one."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.hubs: dict[str, _Hub] = {}

    def of(self, dbname: str) -> _Hub:
        with self.lock:
            return self.hubs.setdefault(dbname, _Hub(dbname))


_state = _State()


def _after_fork() -> None:
    global _state
    _state = _State()


os.register_at_fork(after_in_child=_after_fork)


def join(
    dbname: str, socket: Any, channel: Channel, listener: Listener, last: int
) -> None:
    """Have a socket told what comes on a channel, and nothing else from now on.

    :param socket: one of Odoo's, in whose thread this is
    :param int last: the id of the message that it goes on from
    """
    feed = _Feed(socket, channel, listener, last)
    socket._dispatch_bus_notifications = feed.send
    dispatch.subscribe((), 0, dbname, socket)
    _state.of(dbname).join(feed)


def leave(dbname: str, socket: Any) -> None:
    """Have a socket read the bus by itself again, as Odoo has it."""
    _state.of(dbname).leave(socket)
    with suppress(AttributeError):
        del socket._dispatch_bus_notifications


def sockets(dbname: str) -> dict[Listener, Collection[Any]]:
    """The open sockets of apps in this process, by whose token they listen with."""
    found: dict[Listener, list[Any]] = {}
    for feed in _state.of(dbname).open_feeds():
        found.setdefault(feed.listener, []).append(feed.socket)
    return found


def close(socket: Any, code: int, reason: str) -> None:
    """Have a socket closed by its own thread.

    :param int code: of the closing frame
    :param str reason: in plain words, of which the frame takes the first 123
    """
    if socket.state is ConnectionState.OPEN:
        with suppress(OSError):  # it was closed at this moment
            socket.close(code, reason[:_MAX_REASON])
