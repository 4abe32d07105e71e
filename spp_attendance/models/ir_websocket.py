import time

from odoo import api, models

from odoo.addons.bus.models.bus import channel_with_db
from odoo.addons.bus.websocket import CloseCode, WebsocketConnectionHandler, wsrequest
from odoo.addons.spp_oauth.oauth.errors import InvalidToken, RateLimited
from odoo.addons.spp_oauth.tools import deferred

from .. import live_hub, live_sockets
from ..api import LiveOut
from ..live import (
    CLOSED,
    COMPANIES,
    MESSAGE,
    SCOPE,
    STATUS_EVERY,
    SUBSCRIPTION,
    TOKEN,
    event,
)

_ENDPOINT = "/websocket"
_CLIENT = "/spp_attendance/static/lib/live/attendance-live.js"


class IrWebsocket(models.AbstractModel):
    _inherit = "ir.websocket"

    def _build_bus_channel_list(self, channels):
        # Nothing of ours is a channel by that name, a token least of all.
        wanted = [name for name in channels if name.startswith(SUBSCRIPTION)]
        others = [name for name in channels if name not in wanted]
        channels = super()._build_bus_channel_list(others)
        if not self.env.user._is_public():
            for name in wanted:
                if name.startswith(COMPANIES) or name == SUBSCRIPTION:
                    channels.append(self._live_channel_of_page(name))
        return channels

    def _subscribe(self, og_data):
        tokens = [
            name.removeprefix(TOKEN)
            for name in og_data["channels"]
            if isinstance(name, str) and name.startswith(TOKEN)
        ]
        if not tokens:
            live_hub.leave(self.env.cr.dbname, wsrequest.ws)
            return super()._subscribe(og_data)
        return self._live_subscribe(tokens[-1], og_data.get("last"))

    def _live_channel_of_page(self, name):
        """The channel of a page of the backend; the session says whose."""
        user = self.env.user
        ids = {
            int(text)
            for text in name.removeprefix(COMPANIES).split(",")
            if text.isdecimal()
        }
        companies = user.company_ids.filtered(
            lambda company: not ids or company.id in ids
        )
        channel_sudo = self._live_open(user, companies)
        channel_sudo._ask_status()
        return channel_sudo

    def _live_open(self, user, companies):
        """Open the channel of a user, and have this process look after its sockets."""
        # nobody has rights on channels
        channels_sudo = self.env["spp.attendance.live.channel"].sudo()
        channel_sudo = channels_sudo._open(user, companies)
        live_sockets.look_after(self.env.cr.dbname)
        return channel_sudo

    def _live_subscribe(self, token, last):
        """Have the socket listen to what its token's client may see, to nothing else.

        Every id that it gets is then one of ours, and these are in the order in which
        they become visible: a client's last one is where to go on from.

        :param str token: an access token
        :param last: the id that the client had last, if it had any
        """
        started = time.perf_counter()
        websocket = wsrequest.ws
        address = wsrequest.httprequest.remote_addr or ""
        try:
            grant = self._live_grant(token, address)
        except InvalidToken as exc:
            return live_hub.close(websocket, CLOSED, str(exc))
        except RateLimited as exc:
            return live_hub.close(
                websocket, CloseCode.TRY_LATER, f"Try again in {exc.retry_after} s."
            )
        # a client's user cannot read itself, nor can the public one
        user_sudo = self.env["res.users"].sudo().browse(grant.user_id)
        channel_sudo = self._live_open(user_sudo, user_sudo.company_ids)
        last, missed = self._live_start(last, channel_sudo.kept_after)
        self._live_greet(channel_sudo, last, missed)
        dbname = self.env.cr.dbname
        listener = live_hub.Listener(
            grant.client_id, grant.jti, grant.expires_at, address
        )
        live_hub.join(
            dbname, websocket, channel_with_db(dbname, channel_sudo), listener, last
        )
        deferred.count_request(
            dbname,
            client_id=grant.client_id,
            address=address,
            route=_ENDPOINT,
            method="GET",
            status=101,
            seconds=time.perf_counter() - started,
        )
        return None

    def _live_grant(self, token, address):
        """What a token is good for; who is turned away stands in the audit log.

        :raises InvalidToken: when it is not good, or not for this
        :raises RateLimited: to who called, or was turned away, too often
        """
        try:
            server = self.env["spp.oauth.server"]
            grant = server._authenticate(token, address)
            if SCOPE not in grant.scopes:
                # who is turned away has no rights to read who they are
                client_sudo = self.env["spp.oauth.client"].sudo()
                client_sudo = client_sudo.browse(grant.client_id)
                raise InvalidToken(
                    f"The token lacks the scope {SCOPE}.",
                    reason="insufficient_scope",
                    client_id=grant.client_id,
                    client_identifier=client_sudo.client_id,
                    jti=grant.jti,
                )
            if grant.expires_at <= time.time():
                raise InvalidToken("The token has expired.", reason="expired_token")
        except InvalidToken as exc:
            server._note_refusal(exc, address, _ENDPOINT)
            raise
        return grant

    def _live_start(self, last, kept_after):
        """Where a client goes on from, and whether there was more that is gone.

        :param last: what it had last, by its own word
        :param int kept_after: since when its channel was told of all there was
        """
        self.env.cr.execute("SELECT min(id), max(id) FROM bus_bus")
        oldest, newest = (found or 0 for found in self.env.cr.fetchone())
        newest = max(newest, kept_after)
        if not isinstance(last, int) or isinstance(last, bool) or last <= 0:
            return newest, False
        if last > newest:  # of another database, or all is gone
            return newest, True
        return last, last < kept_after or last < oldest - 1

    def _live_greet(self, channel_sudo, last, missed):
        """Tell a client, and no other one, the status, and first of all if it has to
        read what it missed.

        Right away: what it did not miss comes after that.
        """
        events = []
        if missed:
            data = {
                "code": "missed",
                "message": "You were away for long: read what has happened since.",
            }
            events.append(event("error_occurred", data))
        live_sudo = channel_sudo.env["spp.attendance.live"]
        events.append(live_sudo._status_of(channel_sudo))
        message = {"type": MESSAGE, "payload": {"events": events}}
        wsrequest.ws._send([{"id": last, "message": message}])

    @api.model
    def _api_live(self, address):
        """How to listen, for the current user.

        What happens from now on is kept for the user, for an hour.

        :param str address: that this server is called at, such as
            ``https://odoo.example.org/``
        :rtype: LiveOut
        """
        user = self.env.user
        channel_sudo = self._live_open(user, user.company_ids)
        last_id, _missed = self._live_start(0, channel_sudo.kept_after)
        version = WebsocketConnectionHandler._VERSION
        base = address.rstrip("/")
        return LiveOut(
            websocket_url=f"ws{base.removeprefix('http')}/websocket?version={version}",
            version=version,
            subscription=TOKEN,
            last_id=last_id,
            client_url=base + _CLIENT,
            status_every=STATUS_EVERY,
        )
