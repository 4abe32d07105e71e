import logging
from unittest.mock import Mock, patch

from odoo.tests import TransactionCase, tagged

from odoo.addons.bus.websocket import ConnectionState

from .. import live_hub, live_sockets
from ..live import CLOSED, SUBSCRIPTION, TOKEN
from .common import AttendanceCase
from .common_api import ApiCase


class Socket:
    """What Odoo's dispatcher knows of a socket, as far as it matters here."""

    def __init__(self, state=ConnectionState.OPEN):
        self.state = state
        self.closed = None

    def close(self, code, reason=None):
        self.closed = (code, reason)


@tagged("post_install", "-at_install")
class TestLiveChannels(AttendanceCase):
    def channels_of(self, user, *wanted):
        """What a page of the backend listens to, of that which is ours."""
        websocket = self.env(user=user, context={})["ir.websocket"]
        # Odoo asks the request for its session.
        request = Mock()
        request.session.uid = user.id
        with patch("odoo.addons.bus.models.ir_websocket.request", request):
            channels = websocket._build_bus_channel_list(list(wanted))
        names = [name for name in channels if isinstance(name, str)]
        self.assertFalse([name for name in names if name.startswith(SUBSCRIPTION)])
        return [
            channel
            for channel in channels
            if getattr(channel, "_name", "") == "spp.attendance.live.channel"
        ]

    def test_a_page_gets_the_channel_of_its_user(self):
        user = self.officer
        (channel,) = self.channels_of(user, "spp_attendance_live", "another")
        self.assertEqual(channel.user_id, user)
        self.assertEqual(channel._companies(), user.company_ids)
        of_company = f"spp_attendance_live:companies={self.company.id}"
        self.assertEqual(self.channels_of(user, of_company), [channel])

    def test_companies_are_those_of_the_user(self):
        other = self.env["res.company"].create({"name": "Other"})
        wanted = f"spp_attendance_live:companies={other.id}"
        (channel,) = self.channels_of(self.officer, wanted)
        self.assertFalse(channel._companies())

    def test_a_token_is_no_channel_of_a_page(self):
        self.assertEqual(self.channels_of(self.officer, f"{TOKEN}abc.def.ghi"), [])

    def test_nobody_gets_nothing(self):
        public = self.env.ref("base.public_user")
        self.assertEqual(self.channels_of(public, "spp_attendance_live"), [])


@tagged("post_install", "-at_install")
class TestLiveStart(TransactionCase):
    def setUp(self):
        super().setUp()
        bus = self.env["bus.bus"]
        rows = bus.create([{"channel": "x", "message": "{}"} for _ in range(3)])
        self.first, _second, self.newest = rows.ids
        self.env.cr.execute("DELETE FROM bus_bus WHERE id < %s", [self.first])
        self.start = self.env["ir.websocket"]._live_start

    def test_who_is_new_begins_now(self):
        for last in (0, None, -1, True, "7", 1.5):
            self.assertEqual(self.start(last, self.newest), (self.newest, False))

    def test_who_comes_back_goes_on(self):
        for last in (self.newest, self.first, self.first - 1):
            self.assertEqual(self.start(last, self.first - 1), (last, False))

    def test_who_was_away_for_long_missed_something(self):
        self.assertEqual(self.start(self.first, self.newest), (self.first, True))
        self.assertEqual(self.start(self.newest, self.newest), (self.newest, False))
        # Nothing was told of anything meanwhile: that doesn't mean nothing happened.
        later = self.newest + 1
        self.assertEqual(self.start(self.newest, later), (self.newest, True))
        self.assertEqual(self.start(0, later), (later, False))
        self.assertEqual(self.start(later, later), (later, False))
        gone = self.first - 2
        if gone > 0:
            self.assertEqual(self.start(gone, 0), (gone, True))
        self.assertEqual(self.start(self.newest + 1, 0), (self.newest, True))


@tagged("post_install", "-at_install")
class TestLiveWatch(ApiCase):
    SCOPES = ("attendance:events", "attendance:read")

    def setUp(self):
        super().setUp()
        self.channel = self.env["spp.attendance.live.channel"]._open(
            self.client.user_id, self.client.user_id.company_ids
        )
        access, _row = self.env["spp.oauth.server"]._inspect(self.token)
        self.listener = live_hub.Listener(
            self.client.id, access.jti, access.expires_at, "127.0.0.1"
        )
        self.socket = Socket()
        self.key = (self.env.cr.dbname, self.channel._name, self.channel.id)
        self.startPatcher(patch.object(live_hub, "_state", live_hub._State()))
        hub = live_hub._state.of(self.env.cr.dbname)
        hub._channels = {self.key}  # as if it was subscribed
        hub.feeds[self.socket] = live_hub._Feed(self.socket, self.key, self.listener, 0)

    def watch(self):
        def run(_registry, func):
            return func(self.env)

        with (
            patch.object(live_sockets.dispatch, "_channels_to_ws", {self.key: set()}),
            patch.object(live_hub, "dispatch"),
            patch.object(live_sockets, "run_in_transaction", run),
        ):
            return live_sockets.watch(self.env.registry)

    def assertEnds(self, why):
        with self.assertLogs(live_sockets.__name__, logging.INFO) as logs:
            self.assertTrue(self.watch())
        self.assertEqual(self.socket.closed, (CLOSED, why))
        self.assertNotIn(self.token, "".join(logs.output))

    def test_a_good_token_goes_on(self):
        self.assertTrue(self.watch())
        self.assertIsNone(self.socket.closed)

    def test_a_revoked_one_ends(self):
        self.env["spp.oauth.token"].search([("jti", "=", self.listener.jti)]).write(
            {"revoked_at": "2026-01-01"}
        )
        self.assertEnds("The token was revoked.")

    def test_one_of_an_archived_client_ends(self):
        self.client.active = False
        self.assertEnds("The client of this token is no longer active.")

    def test_one_of_a_deleted_client_ends(self):
        self.env["spp.oauth.token"].search([("jti", "=", self.listener.jti)]).unlink()
        self.assertEnds("The client of this token is no longer active.")

    def test_one_of_an_expired_client_ends(self):
        self.client.expires_at = "2026-01-01"
        self.assertEnds("The client of this token has expired.")

    def test_one_that_lost_the_scope_ends(self):
        self.client.scope_ids = self.client.scope_ids.filtered(
            lambda scope: scope.name != "attendance:events"
        )
        self.assertEnds("The token lacks the scope attendance:events.")

    def test_one_of_a_withdrawn_key_ends(self):
        token = self.env["spp.oauth.token"].search([("jti", "=", self.listener.jti)])
        keys = self.env["spp.oauth.key"].search([("kid", "=", token.kid)])
        keys.verifies_until = "2026-01-01"
        self.assertEnds("The token has expired.")

    def test_one_from_elsewhere_ends(self):
        self.client.allowed_networks = "192.0.2.0/24"
        self.assertEnds("This client may not call from here.")

    def test_one_that_closes_already_is_left_alone(self):
        self.socket.state = ConnectionState.CLOSING
        self.client.active = False
        self.assertTrue(self.watch())
        self.assertIsNone(self.socket.closed)

    def test_that_somebody_listens_is_noted(self):
        self.channel.seen_at = "2026-01-01"
        self.watch()
        self.channel.invalidate_recordset()
        seen_at = self.channel.seen_at
        self.assertGreater(str(seen_at), "2026-01-02")
        self.watch()
        self.channel.invalidate_recordset()
        self.assertEqual(self.channel.seen_at, seen_at)  # once a minute does

    def test_without_sockets_there_is_nothing_to_look_after(self):
        self.key = (self.env.cr.dbname, "broadcast")
        self.assertFalse(self.watch())

    def test_how_to_listen(self):
        live = self._call("GET", "/live").json()
        self.assertIn("/websocket?version=", live["websocket_url"])
        self.assertTrue(live["websocket_url"].startswith("ws"))
        self.assertEqual(live["subscription"], TOKEN)
        self.assertEqual(self.url_open(live["client_url"]).status_code, 200)
        other = self._token("attendance:read")
        self.assertEqual(self._call("GET", "/live", token=other).status_code, 403)
