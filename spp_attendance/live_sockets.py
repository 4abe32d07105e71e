"""Looks after the sockets of this process that listen to the live feed.

Pages of the backend read the bus as Odoo has it; apps are handed what is theirs by the
hub. Odoo's dispatcher knows the channels of both.
"""

from __future__ import annotations

import logging
from functools import partial

from odoo import fields
from odoo.tools import SQL

from odoo.addons.bus.models.bus import dispatch
from odoo.addons.spp_oauth.tools.retry import run_in_transaction

from . import background, live_hub
from .live import SCOPE

_logger = logging.getLogger(__name__)

CHANNEL = "spp.attendance.live.channel"
#: Seconds between two looks at tokens: what is revoked is told no longer after that.
EVERY = 15
#: Seconds until it is written down anew that somebody listens to a channel.
SEEN_EVERY = 60


def look_after(dbname: str) -> None:
    """Have this process look after its sockets, for as long as it has any of ours."""
    background.again(dbname, "live_sockets", EVERY, watch)


def watch(registry):
    """Close what is listened to with a token that is good no longer.

    And note down that somebody listens to the others, for announcements to be made, and
    have the status told if it is time; and have what came unnoticed handed on.

    :return: whether there are any
    """
    dbname = registry.db_name
    listeners = live_hub.listeners(dbname)
    channel_ids = _channel_ids(dbname)
    if not channel_ids or CHANNEL not in registry:  # the addon was uninstalled
        return False
    ended = run_in_transaction(registry, partial(_find_ended, listeners=listeners))
    for listener, why in ended.items():
        _logger.info("Live feed of client %s ends: %s", listener.client_id, why)
        live_hub.end(dbname, listener, why)
    run_in_transaction(registry, partial(_note_seen, channel_ids=channel_ids))
    live_hub.look(dbname)
    return True


def _channel_ids(dbname):
    """Ids of the channels that are listened to here, by apps and by pages."""
    return {
        key[2] for key in list(dispatch._channels_to_ws) if key[:2] == (dbname, CHANNEL)
    }


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
