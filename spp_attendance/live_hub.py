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
from contextlib import suppress
from typing import Any, NamedTuple

from odoo.addons.bus.models.bus import dispatch, json_dump
from odoo.addons.bus.websocket import CloseCode, ConnectionState

from . import background
from .live import CLOSED

#: A channel as the bus knows it: database, model, id.
Channel = tuple[str, str, int]
#: Characters that wait for a slow client before it is sent away. It comes back with the
#: id of its last message.
MOST_WAITING = 16 * 2**20
#: Messages that are read at once: who was away may have many to come.
_MOST_READ = 1000
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
        self.is_over = False
        self._waiting: deque[str] = deque()
        # Characters; each is counted by one thread only.
        self._given = 0
        self._sent = 0

    def give(self, frame: str, last: int) -> None:
        """Have the socket send what it was not told yet.

        :param int last: the id of the last message in it
        """
        if self.is_over:
            return
        # One frame is always let through, or there would be no way past it.
        size = self._given - self._sent
        if size and size + len(frame) > MOST_WAITING:
            self.end(CloseCode.TRY_LATER, "Too slow.")
            return
        self.position = last
        self._given += len(frame)
        self._waiting.append(frame)
        self.socket.trigger_notification_dispatching()

    def send(self) -> None:
        """Send what waits. Stands in the place of the socket's own reading of the bus,
        and runs in its thread."""
        self.socket._waiting_for_dispatch = False
        if self.listener.expires_at <= time.time():
            self.end(CLOSED, "The token has expired.")
        with suppress(IndexError):  # it may end meanwhile
            while self._waiting:
                frame = self._waiting.popleft()
                self.socket._send(frame)
                self._sent += len(frame)

    def end(self, code: int, reason: str) -> None:
        """Tell nothing more, and have the socket closed, once.

        Its thread may hang in a frame that the client doesn't take: nothing more is
        kept for it then.
        """
        if not self.is_over:
            self.is_over = True
            self._waiting.clear()
            close(self.socket, code, reason)


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

    def join(self, feed: _Feed) -> bool:
        """
        :return: whether it is told by this feed; not if it goes on with another token
        """
        with self.lock:
            known = self.feeds.get(feed.socket)
            if known and known.channel == feed.channel:
                # What was sent is known better here than there.
                known.listener = feed.listener
                return False
            self.feeds[feed.socket] = feed
            self._follow()
        self.trigger_notification_dispatching()
        return True

    def leave(self, socket: Any) -> None:
        with self.lock:
            if self.feeds.pop(socket, None):
                self._follow()

    def open_feeds(self) -> list[_Feed]:
        """Those whose sockets are open; the others are forgotten."""
        with self.lock:
            gone = [
                socket
                for socket, feed in self.feeds.items()
                if feed.is_over or socket.state is not ConnectionState.OPEN
            ]
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
        is_more = True
        while is_more:
            feeds = self.open_feeds()
            since: dict[Channel, int] = {}
            for feed in feeds:
                known = since.get(feed.channel, feed.position)
                since[feed.channel] = min(known, feed.position)
            rows = _read(registry, since) if since else []
            is_more = len(rows) == _MOST_READ
            messages: dict[Channel, list[tuple[int, str]]] = {}
            for number, channel, text in rows:
                messages.setdefault(channel, []).append((number, text))
            frames: dict[tuple[Channel, int], str] = {}  # most are told the same
            for feed in feeds:
                told = messages.get(feed.channel)
                if told and told[-1][0] > feed.position:
                    key = feed.channel, feed.position
                    if key not in frames:
                        frames[key] = _frame(told, feed.position)
                    feed.give(frames[key], told[-1][0])


def _frame(messages: list[tuple[int, str]], position: int) -> str:
    """What is sent of the messages of a channel to who was told those up to one."""
    texts = (
        f'{{"id":{number},"message":{text}}}'
        for number, text in messages
        if number > position
    )
    return f"[{','.join(texts)}]"


def _read(registry: Any, since: dict[Channel, int]) -> list[tuple[int, Channel, str]]:
    """Messages of channels after an id each, as the bus has them, in order."""
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
             LIMIT %s
            """,
            (list(names), list(since.values()), min(since.values()), _MOST_READ),
        )
        return [(number, names[name], text) for number, name, text in cr.fetchall()]


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
    if _state.of(dbname).join(feed):
        socket._dispatch_bus_notifications = feed.send
        dispatch.subscribe((), 0, dbname, socket)


def leave(dbname: str, socket: Any) -> None:
    """Have a socket read the bus by itself again, as Odoo has it."""
    _state.of(dbname).leave(socket)
    with suppress(AttributeError):
        del socket._dispatch_bus_notifications


def listeners(dbname: str) -> set[Listener]:
    """With whose tokens sockets of apps are open in this process."""
    return {feed.listener for feed in _state.of(dbname).open_feeds()}


def end(dbname: str, listener: Listener, reason: str) -> None:
    """Tell who listens with a token nothing more: it is not good any longer."""
    for feed in _state.of(dbname).open_feeds():
        if feed.listener == listener:
            feed.end(CLOSED, reason)


def look(dbname: str) -> None:
    """Have it looked whether there is something new.

    The dispatcher tells so at once; but not what happened while it had no connection to
    the database.
    """
    hub = _state.of(dbname)
    if hub.open_feeds():
        hub.trigger_notification_dispatching()


def close(socket: Any, code: int, reason: str) -> None:
    """Have a socket closed by its own thread.

    :param int code: of the closing frame
    :param str reason: in plain words, of which the frame takes the first 123
    """
    if socket.state is ConnectionState.OPEN:
        with suppress(OSError):  # it was closed at this moment
            socket.close(code, reason[:_MAX_REASON])
