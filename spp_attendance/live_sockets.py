"""The sockets of this process that listen to the live feed.

Odoo's dispatcher knows them by channel. A socket with a token has two: the channel
record, which is told of things, and one of its own beside it, whose key says whose
token it is, until when, and from where.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from functools import partial
from typing import NamedTuple, Self

from odoo import fields
from odoo.tools import SQL

from odoo.addons.bus.models.bus import dispatch
from odoo.addons.bus.websocket import ConnectionState
from odoo.addons.spp_oauth.tools.retry import run_in_transaction

from . import background
from .live import CLOSED, SCOPE

_logger = logging.getLogger(__name__)

CHANNEL = "spp.attendance.live.channel"
#: Seconds between two looks at tokens: what is revoked is told no longer after that.
EVERY = 15
#: Seconds until it is written down anew that somebody listens to a channel.
SEEN_EVERY = 60
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

    @property
    def key(self) -> str:
        """What stands in the key of its channel on the bus."""
        return ":".join(map(str, self))

    @classmethod
    def parse(cls, key: str) -> Self:
        """The listener of a key."""
        client_id, jti, expires_at, address = key.split(":", 3)
        return cls(int(client_id), jti, int(expires_at), address)


def listener_of(channels) -> Listener | None:
    """With whose token a socket listens.

    :param channels: of the socket, as keys of the bus
    :return: None for a page of the backend, and for who doesn't listen to us
    """
    for channel in channels:
        if isinstance(channel, tuple) and len(channel) == 4 and channel[1] == CHANNEL:
            return Listener.parse(channel[3])
    return None


def is_over(channels) -> bool:
    """Whether a socket listens with a token that has expired."""
    listener = listener_of(channels)
    return bool(listener and listener.expires_at <= time.time())


def look_after(dbname: str) -> None:
    """Have this process look after its sockets, for as long as it has any of ours."""
    background.again(dbname, "live_sockets", EVERY, watch)


def watch(registry):
    """Close what is listened to with a token that is good no longer.

    And note down that somebody listens to the others, for announcements to be made, and
    have the status told if it is time.

    :return: whether there are any
    """
    channel_ids, sockets = _sockets(registry.db_name)
    if not channel_ids or CHANNEL not in registry:  # the addon was uninstalled
        return False
    ended = run_in_transaction(registry, partial(_find_ended, listeners=sockets))
    for listener, why in ended.items():
        _logger.info("Live feed of client %s ends: %s", listener.client_id, why)
        for socket in sockets[listener]:
            close(socket, CLOSED, why)
    run_in_transaction(registry, partial(_note_seen, channel_ids=channel_ids))
    return True


def close(socket, code, reason):
    """Have a socket closed by its own thread.

    :param int code: of the closing frame
    :param str reason: in plain words, of which the frame takes the first 123
    """
    if socket.state is ConnectionState.OPEN:
        with suppress(OSError):  # it was closed at this moment
            socket.close(code, reason[:_MAX_REASON])


def _sockets(dbname):
    """Ids of the channels that are listened to here, and sockets by listener."""
    channel_ids, sockets = set(), {}
    for key, found in dispatch._channels_to_ws.copy().items():
        if key[:2] == (dbname, CHANNEL):
            channel_ids.add(key[2])
            if listener := listener_of([key]):
                sockets[listener] = found.copy()
    return channel_ids, sockets


def _find_ended(env, listeners):
    """Why it is over for some listeners."""
    ended = env["spp.oauth.server"]._find_ended(
        ((listener.jti, listener.address) for listener in listeners), SCOPE
    )
    return {
        listener: ended[listener.jti, listener.address]
        for listener in listeners
        if (listener.jti, listener.address) in ended
    }


def _note_seen(env, channel_ids):
    now = fields.Datetime.now()
    env.cr.execute(
        SQL(
            """
            UPDATE spp_attendance_live_channel SET seen_at = %(now)s
             WHERE id IN (SELECT id FROM spp_attendance_live_channel
                           WHERE id = ANY(%(ids)s)
                             AND seen_at <= %(now)s - %(every)s * INTERVAL '1 second'
                             FOR UPDATE SKIP LOCKED)
            """,
            now=now,
            ids=list(channel_ids),
            every=SEEN_EVERY,
        ),
        log_exceptions=False,
    )
    env["spp.attendance.live"]._wake_after_commit()
