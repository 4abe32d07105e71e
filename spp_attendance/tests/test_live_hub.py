import json
import time
from contextlib import nullcontext
from unittest.mock import Mock, patch

from odoo.tests import TransactionCase, new_test_user, tagged

from odoo.addons.bus.models.bus import ImDispatch, channel_with_db
from odoo.addons.bus.websocket import CloseCode, ConnectionState

from .. import live_hub
from ..live import CLOSED, MESSAGE


class Socket:
    """What the dispatcher and the hub know of one of Odoo's sockets. Its thread is not
    there: it sends when it is told to."""

    def __init__(self):
        self.state = ConnectionState.OPEN
        self.closes = []
        self.frames = []
        self.is_asleep = False
        self._channels = set()

    def subscribe(self, channels, _last):
        self._channels = channels

    def trigger_notification_dispatching(self):
        if not self.is_asleep:
            self._dispatch_bus_notifications()

    def _dispatch_bus_notifications(self):
        """What Odoo does: not what is tested here."""
        self.frames.append("read by itself")

    def _send(self, text):
        self.frames.append(json.loads(text))

    def close(self, code, reason=None):
        self.closes.append((code, reason))
        if not self.is_asleep:
            self.state = ConnectionState.CLOSING

    @property
    def told(self):
        """What was told, without the frames it came in."""
        return [
            message["message"]["payload"]["n"]
            for frame in self.frames
            for message in frame
        ]


@tagged("post_install", "-at_install")
class TestLiveHub(TransactionCase):
    def setUp(self):
        super().setUp()
        self.bus = self.env["bus.bus"]
        channels = self.env["spp.attendance.live.channel"]
        users = [new_test_user(self.env, login=f"test-hub-{n}") for n in (1, 2)]
        self.here, self.there = (
            channels._open(user, user.company_ids) for user in users
        )
        self.last = self.bus._bus_last_id()
        self.dispatch = ImDispatch()
        self.calls = []
        # A thread would see what is committed; this is what would be.
        self.registry_of_test = Mock()
        self.registry_of_test.cursor = lambda: nullcontext(self.env.cr)
        for patched in (
            patch.object(live_hub, "_state", live_hub._State()),
            patch.object(live_hub, "dispatch", self.dispatch),
            patch.object(ImDispatch, "start", lambda _self: None),
            patch.object(
                live_hub.background, "soon", lambda *call: self.calls.append(call)
            ),
        ):
            self.startPatcher(patched)

    def join(self, channel, last=None, expires_in=60, jti="a" * 32):
        socket = Socket()
        listener = live_hub.Listener(1, jti, int(time.time()) + expires_in, "::1")
        key = channel_with_db(self.env.cr.dbname, channel)
        dbname = self.env.cr.dbname
        live_hub.join(
            dbname, socket, key, listener, self.last if last is None else last
        )
        self.work()
        return socket

    def send(self, channel, number):
        self.bus._sendone(channel, MESSAGE, {"n": number})
        self.env.cr.precommit.run()
        for socket in self.dispatch._channels_to_ws.get(
            channel_with_db(self.env.cr.dbname, channel), ()
        ):
            socket.trigger_notification_dispatching()
        return self.bus._bus_last_id()

    def work(self):
        """What the thread does that was asked for, if it was."""
        calls, self.calls[:] = self.calls[:], []
        for _dbname, _name, work in calls[:1]:
            work(self.registry_of_test)
        return bool(calls)

    def test_each_is_told_what_its_channel_is_told(self):
        mine, same, other = (self.join(c) for c in (self.here, self.here, self.there))
        self.send(self.here, 1)
        self.send(self.there, 2)
        self.send(self.here, 3)
        self.work()
        self.assertEqual((mine.told, same.told, other.told), ([1, 3], [1, 3], [2]))
        # What comes at once comes in one frame.
        self.assertEqual(len(mine.frames), 1)
        self.send(self.here, 4)
        self.work()
        self.assertEqual((mine.told, other.told), ([1, 3, 4], [2]))

    def test_hundreds_are_told_by_one_statement(self):
        sockets = [self.join(self.here) for _number in range(200)]
        self.send(self.here, 1)
        with self.assertQueryCount(1):
            self.work()
        self.assertEqual([socket.told for socket in sockets], [[1]] * 200)

    def test_who_comes_back_goes_on_from_his_last(self):
        present = self.join(self.here)
        ids = [self.send(self.here, number) for number in (1, 2, 3)]
        self.work()
        back = self.join(self.here, last=ids[0])
        self.assertEqual(back.told, [2, 3])
        self.assertEqual(present.told, [1, 2, 3])
        new = self.join(self.here, last=ids[2])
        self.assertEqual(new.told, [])

    def test_what_comes_while_a_socket_is_busy_waits_in_order(self):
        socket = self.join(self.here)
        socket.is_asleep = True
        for number in (1, 2):
            self.send(self.here, number)
            self.work()
        self.assertEqual(socket.told, [])
        socket.is_asleep = False
        self.send(self.here, 3)
        self.work()
        self.assertEqual(socket.told, [1, 2, 3])

    def test_who_is_too_slow_is_sent_away(self):
        slow, quick = self.join(self.here), self.join(self.here)
        slow.is_asleep = True
        with patch.object(live_hub, "MOST_WAITING", 1):
            self.send(self.here, 1)
            self.work()
            self.assertFalse(slow.closes, "one frame may always wait")
            for number in (2, 3, 4):
                self.send(self.here, number)
                self.work()
        # Its thread hangs: to be told again and again would hold up all others.
        self.assertEqual(slow.closes, [(CloseCode.TRY_LATER, "Too slow.")])
        self.assertEqual(slow.state, ConnectionState.OPEN)
        self.assertFalse(slow._dispatch_bus_notifications.__self__._waiting)
        self.assertFalse(quick.closes)
        self.assertEqual(quick.told, [1, 2, 3, 4])

    def test_more_than_is_read_at_once(self):
        present, back = self.join(self.here), self.join(self.there)
        ids = [self.send(self.here, number) for number in range(5)]
        with patch.object(live_hub, "_MOST_READ", 2):
            self.work()
            late = self.join(self.here, last=ids[1])
        self.assertEqual(present.told, [0, 1, 2, 3, 4])
        self.assertEqual(late.told, [2, 3, 4])
        self.assertEqual(back.told, [])

    def test_what_nobody_was_called_for_is_found(self):
        """The dispatcher hears nothing while it has no connection."""
        socket = self.join(self.here)
        self.bus._sendone(self.here, MESSAGE, {"n": 1})
        self.env.cr.precommit.run()
        live_hub.look(self.env.cr.dbname)
        self.work()
        self.assertEqual(socket.told, [1])
        socket.state = ConnectionState.CLOSED
        live_hub.look(self.env.cr.dbname)
        self.assertFalse(self.work(), "nobody listens")

    def test_a_token_that_ends_is_told_nothing_more(self):
        socket = self.join(self.here)
        other = self.join(self.here, jti="b" * 32)
        socket.is_asleep = True
        self.send(self.here, 1)
        self.work()
        [mine] = [
            listener
            for listener in live_hub.listeners(self.env.cr.dbname)
            if listener.jti == "a" * 32
        ]
        live_hub.end(self.env.cr.dbname, mine, "Why.")
        socket.is_asleep = False
        socket.trigger_notification_dispatching()
        self.assertEqual(socket.closes, [(CLOSED, "Why.")])
        self.assertEqual(socket.frames, [])
        self.assertEqual(other.told, [1])
        self.assertFalse(other.closes)

    def test_an_expired_token_is_told_nothing_more(self):
        socket = self.join(self.here, expires_in=-1)
        self.send(self.here, 1)
        self.work()
        self.assertEqual(socket.frames, [])
        self.assertEqual(socket.closes, [(CLOSED, "The token has expired.")])

    def test_closed_sockets_are_forgotten_with_their_channels(self):
        gone, stays = self.join(self.here), self.join(self.there)
        gone.state = ConnectionState.CLOSED
        feeds = live_hub._state.of(self.env.cr.dbname).open_feeds()
        self.assertEqual([feed.socket for feed in feeds], [stays])
        self.send(self.here, 1)
        self.assertFalse(self.work(), "nobody listens to that")

    def test_a_token_that_is_renewed_takes_the_place_of_the_former(self):
        socket = self.join(self.here)
        listener = live_hub.Listener(1, "b" * 32, int(time.time()) + 60, "::1")
        key = channel_with_db(self.env.cr.dbname, self.here)
        socket.is_asleep = True
        self.send(self.here, 1)
        self.work()
        # What is on its way is neither lost nor told twice.
        live_hub.join(self.env.cr.dbname, socket, key, listener, self.last)
        socket.is_asleep = False
        self.send(self.here, 2)
        self.work()
        self.assertEqual(live_hub.listeners(self.env.cr.dbname), {listener})
        self.assertEqual(socket.told, [1, 2])

    def test_a_socket_that_leaves_reads_by_itself(self):
        socket = self.join(self.here)
        live_hub.leave(self.env.cr.dbname, socket)
        self.assertFalse(live_hub.listeners(self.env.cr.dbname))
        socket.trigger_notification_dispatching()
        self.assertEqual(socket.frames, ["read by itself"])
        live_hub.leave(self.env.cr.dbname, socket)  # who never listened may, too
