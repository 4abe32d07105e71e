import json
from contextlib import contextmanager
from datetime import timedelta
from unittest.mock import patch

from odoo import fields
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from .. import background
from ..live import MESSAGE, Item
from ..models import spp_attendance_live as module
from ..models.spp_attendance_live import publish
from ..models.spp_attendance_live_channel import KEPT
from .common import AttendanceCase, RealCase

HALF = timedelta(seconds=30)


class LiveCase(AttendanceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.live = cls.env["spp.attendance.live"]
        cls.queue = cls.env["spp.attendance.live.queue"]
        # Who listens elsewhere, in a database that people use, is not of this test.
        cls.env["spp.attendance.live.channel"].search([("id", ">", 0)]).unlink()
        cls.queue.search([("id", ">", 0)]).unlink()

    def listen(self, user, companies=None):
        channels = self.env["spp.attendance.live.channel"]
        return channels._open(user, companies or user.company_ids)

    def told(self, status=False):
        """What is told now: ``{channel id: events}``."""
        sent = {}
        statuses = {}

        def send(_bus, target, kind, message):
            self.assertEqual(kind, MESSAGE)
            # As it is after the database.
            events = json.loads(json.dumps(message))["events"]
            is_status = events[0]["type"] == "system_status"
            group = statuses if is_status else sent
            self.assertNotIn(target.id, group)  # one message each
            group[target.id] = events

        with patch.object(type(self.env["bus.bus"]), "_sendone", send):
            self.more = self.live._publish()
            self.assertFalse(statuses)  # it has others wait
            if self.more.is_status_due:
                self.assertTrue(self.live._publish_status())
        return statuses if status else sent

    @staticmethod
    def ids(events):
        return [event["data"]["id"] for event in events]


@tagged("post_install", "-at_install")
class TestLive(LiveCase):
    def test_who_is_told_what(self):
        """Each sees what he may read, which is for his rules to say."""
        head = self._new_user("head", "head")
        self.joseph.department_id = self.env["spp.attendance.department"].create(
            {"name": "Field", "head_id": head.id, "company_id": self.company.id}
        )
        foreigner = self._new_user("foreigner", "manager")
        foreigner.write(
            {
                "company_id": self.other_company.id,
                "company_ids": [Command.set(self.other_company.ids)],
            }
        )
        users = {
            "manager": self.manager,
            "officer": self.officer,
            "head": head,
            "participant": self.participant,
            "app": self.api_user,
            "internal": self.internal,
            "foreigner": foreigner,
        }
        channels = {role: self.listen(user).id for role, user in users.items()}
        open_, closed, own = (
            outcome.id
            for outcome in self.ingest(
                self.item("T-1", location="HALL"),
                self.item("T-2", location="CLOSED"),
                self.item("T-4"),
            )
        )
        foreign = (
            self.env["spp.attendance.record"]
            .create({"subscriber_id": self.stranger.id, "local_date": "2026-09-01"})
            .id
        )
        told = self.told()
        seen = {role: self.ids(told.get(id_, ())) for role, id_ in channels.items()}
        self.assertEqual(
            seen,
            {
                "manager": [open_, closed, own],
                "officer": [open_, own],
                "head": [closed],
                "participant": [own],
                "app": [open_, closed, own],
                "internal": [],
                "foreigner": [foreign],
            },
        )
        self.assertFalse(self.queue.search_count([("id", ">", 0)]))
        self.assertFalse(self.told())

    def test_what_is_told_of_a_record(self):
        channel = self.listen(self.manager)
        [outcome] = self.ingest(
            self.item(location="HALL", external_id="secret-of-the-sender")
        )
        [event] = self.told()[channel.id]
        record = self.records_of(self.manager).browse(outcome.id)
        [out] = record._api_read()
        self.assertEqual(event["type"], "record_updated")
        self.assertEqual(event["employee_id"], "T-1")
        self.assertNotIn("machine_id", event)
        self.assertTrue(event["timestamp"].endswith("Z"))
        self.assertEqual(event["data"], json.loads(out.model_dump_json(by_alias=True)))
        self.assertIsNone(event["data"]["external_id"])

    def test_changes_are_told(self):
        [outcome] = self.ingest(self.item())
        record = self.env["spp.attendance.record"].browse(outcome.id)
        channel = self.listen(self.manager)
        self.told()
        record._void("Entered twice")
        [event] = self.told()[channel.id]
        self.assertTrue(event["data"]["voided"])
        self.assertEqual(event["data"]["void_reason"], "Entered twice")
        record._restore()
        record.description = "There"
        [event] = self.told()[channel.id]  # twice changed, told as it is
        self.assertFalse(event["data"]["voided"])
        self.assertEqual(event["data"]["description"], "There")

    def test_what_was_seen_once_and_is_no_longer(self):
        channel = self.listen(self.officer)
        [outcome] = self.ingest(self.item(location="HALL"))
        self.env["spp.attendance.record"].browse(
            outcome.id
        ).location_id = self.closed_site
        self.assertNotIn(channel.id, self.told())

    def test_rights_are_those_of_the_moment(self):
        channel = self.listen(self.officer)
        self.ingest(self.item(location="HALL"))
        self.assertEqual(len(self.told()[channel.id]), 1)
        self.hall.officer_ids = self.manager
        self.ingest(self.item("T-2", location="HALL"))
        self.assertNotIn(channel.id, self.told())
        self.officer.group_ids += self.env.ref(
            "spp_attendance.spp_attendance_group_manager"
        )
        self.ingest(self.item("T-3", location="HALL"))
        self.assertEqual(len(self.told()[channel.id]), 1)
        self.officer.group_ids = self.env.ref("base.group_user")
        self.ingest(self.item("T-1", "2026-09-02T08:00:00", location="HALL"))
        self.assertNotIn(channel.id, self.told())

    def test_a_rule_that_is_changed_counts_at_once(self):
        channel = self.listen(self.manager)
        self.ingest(self.item())
        self.assertIn(channel.id, self.told())
        self.env["ir.rule"].create(
            {
                "name": "None of Joseph's",
                "model_id": self.env["ir.model"]._get_id("spp.attendance.record"),
                "domain_force": f"[('subscriber_id', '!=', {self.joseph.id})]",
            }
        )
        outcomes = self.ingest(self.item("T-2"), self.item("T-3"))
        self.assertEqual(self.ids(self.told()[channel.id]), [outcomes[1].id])

    def test_companies_that_are_looked_at(self):
        self.manager.company_ids += self.other_company
        both = self.listen(self.manager)
        one = self.listen(self.manager, self.company)
        other = self.listen(self.manager, self.other_company)
        self.assertEqual(len(both | one | other), 3)
        [outcome] = self.ingest(self.item())
        foreign = self.env["spp.attendance.record"].create(
            {"subscriber_id": self.stranger.id, "local_date": "2026-09-01"}
        )
        told = self.told()
        self.assertEqual(self.ids(told[both.id]), [outcome.id, foreign.id])
        self.assertEqual(self.ids(told[one.id]), [outcome.id])
        self.assertEqual(self.ids(told[other.id]), [foreign.id])
        # To look at no company would mean all of them.
        self.manager.company_ids = self.company
        self.ingest(self.item("T-2"))
        self.assertEqual(set(self.told()), {both.id, one.id})

    def test_a_register_is_for_those_who_see_it(self):
        register = self.env["spp.attendance.register"].create(
            {
                "name": "Works",
                "date_start": "2026-09-01",
                "company_id": self.company.id,
                "staff_ids": [Command.create({"user_id": self.manager.id})],
                "attendee_ids": [
                    Command.create(
                        {
                            "subscriber_id": self.participant_subscriber.id,
                            "interval_ids": [
                                Command.create({"start_at": "2026-09-01 00:00:00"})
                            ],
                        }
                    )
                ],
            }
        )
        staff, oneself = self.listen(self.manager), self.listen(self.participant)
        self.ingest(self.item("T-4", register=register.number), user=self.manager)
        told = self.told()
        [event] = told[staff.id]
        self.assertEqual(event["data"]["register"]["id"], register.id)
        [event] = told[oneself.id]
        self.assertIsNone(event["data"]["register"])
        self.assertEqual(event["data"]["person_identifier"], "T-4")

    # ------------------------------------------------------------------ queue

    def test_nothing_is_kept_for_nobody(self):
        self.ingest(self.item())
        self.assertFalse(self.queue.search_count([("id", ">", 0)]))
        channel = self.listen(self.manager)
        channel.seen_at -= KEPT + timedelta(minutes=1)
        self.env.flush_all()
        self.ingest(self.item("T-2"))
        self.live._announce_status()
        self.assertFalse(self.queue.search_count([("id", ">", 0)]))

    def test_who_comes_back_in_time_has_missed_nothing(self):
        channel = self.listen(self.manager)
        self.env["bus.bus"].create({"channel": "x", "message": "{}"})
        channel.seen_at -= KEPT - timedelta(minutes=2)
        self.env.flush_all()
        self.ingest(self.item("T-2"))
        self.assertIn(channel.id, self.told())
        kept_after = channel.kept_after
        self.assertEqual(self.listen(self.manager), channel)
        self.assertEqual(channel.kept_after, kept_after)

    def test_who_comes_back_late_was_told_nothing_meanwhile(self):
        channel = self.listen(self.manager)
        kept_after = channel.kept_after
        newest = self.env["bus.bus"].create({"channel": "x", "message": "{}"}).id
        channel.seen_at -= KEPT - timedelta(seconds=30)
        self.env.flush_all()
        self.assertEqual(self.listen(self.manager), channel)
        self.assertGreater(newest, kept_after)
        # Later than the last message, though it is that which was told last.
        kept_after = channel.kept_after
        self.assertGreater(kept_after, newest)
        # Another one that comes then was away just as long.
        self.env["bus.bus"].create({"channel": "x", "message": "{}"})
        self.assertEqual(self.listen(self.manager).kept_after, kept_after)

    def test_who_comes_while_others_listen_writes_nothing(self):
        channel = self.listen(self.manager)
        with patch.object(fields.Datetime, "now", lambda: channel.seen_at + HALF):
            before = channel.seen_at
            self.assertEqual(self.listen(self.manager), channel)
            self.assertEqual(channel.seen_at, before)
        with patch.object(fields.Datetime, "now", lambda: before + 3 * HALF):
            self.assertEqual(self.listen(self.manager), channel)
            self.assertEqual(channel.seen_at, before + 3 * HALF)

    def test_who_is_gone_is_told_nothing(self):
        self.listen(self.manager)
        self.manager.active = False
        self.ingest(self.item())
        self.assertFalse(self.told())
        self.assertFalse(self.told(status=True))

    def test_an_import_is_not_told(self):
        self.listen(self.manager)
        self.ingest(self.item(), source="import")
        self.ingest({"person_identifier": "nobody", "date_time": "2026-09-01"})
        self.assertFalse(self.queue.search_count([("id", ">", 0)]))

    def test_a_transaction_is_one_row_and_one_thread(self):
        self.listen(self.manager)
        self.env.cr.postcommit.clear()
        with patch.object(background, "soon") as soon:
            self.ingest(*(self.item(f"T-{n}") for n in (1, 2, 3)))
            self.env.cr.postcommit.run()
        self.assertEqual(len(self.queue.search([("id", ">", 0)])), 1)
        soon.assert_called_once_with(self.env.cr.dbname, "live", publish)

    def test_what_was_deleted_or_uninstalled_meanwhile(self):
        channel = self.listen(self.manager)
        [outcome] = self.ingest(self.item())
        self.live._announce("spp.attendance.record", [2**31 - 1])
        self.live._announce("spp.gone", [1])
        self.assertEqual(self.ids(self.told()[channel.id]), [outcome.id])

    def test_one_kind_that_fails_silences_no_other(self):
        channel = self.listen(self.manager)
        [outcome] = self.ingest(self.item())
        self.live._announce("spp.attendance.location", self.hall.ids)

        def fail(records, _what):
            records.env.cr.execute("SELECT 1 / 0")

        locations = type(self.env["spp.attendance.location"])
        with (
            mute_logger("odoo.sql_db"),
            patch.object(locations, "_live_items", fail, create=True),
            self.assertLogs(module.__name__, "ERROR") as log,
        ):
            told = self.told()
        self.assertEqual(self.ids(told[channel.id]), [outcome.id])
        self.assertEqual(
            [record.getMessage() for record in log.records],
            ["spp.attendance.location can't be told live: DivisionByZero"],
        )

    def test_of_very_many_the_last(self):
        manager, participant = (
            self.listen(self.manager),
            self.listen(self.participant),
        )
        outcomes = self.ingest(
            self.item("T-4"), *(self.item(f"T-{n}") for n in (1, 2, 3))
        )
        ids = [outcome.id for outcome in outcomes]
        with patch.object(module, "MOST", 2):
            told = self.told()
        *events, more = told[manager.id]
        self.assertEqual(self.ids(events), ids[2:])
        self.assertEqual(more["type"], "error_occurred")
        self.assertEqual((more["data"]["code"], more["data"]["count"]), ("too_many", 2))
        # Of what he may read nothing is left out.
        self.assertEqual(self.ids(told[participant.id]), ids[:1])
        self.assertTrue(self.more.is_much)
        self.assertFalse(self.more.is_more)

    def test_much_is_taken_bit_by_bit(self):
        channel = self.listen(self.manager)
        ids = [
            outcome.id
            for day in (1, 2, 3)
            for outcome in self.ingest(
                *(self.item(f"T-{n}", f"2026-09-0{day}T08:00:00") for n in (1, 2))
            )
        ]
        with patch.object(module, "_CLAIM", 3):
            self.assertEqual(self.ids(self.told()[channel.id]), ids[:4])
            self.assertTrue(self.more.is_more)
            self.assertEqual(self.ids(self.told()[channel.id]), ids[4:])
            self.assertFalse(self.more.is_more)

    # ----------------------------------------------------------------- status

    def status(self):
        return {
            channel: [event["data"] for event in events]
            for channel, events in self.told(status=True).items()
        }

    def test_the_status(self):
        channel = self.listen(self.manager)
        told = self.told(status=True)
        [event] = told[channel.id]
        self.assertEqual(event["type"], "system_status")
        self.assertIn("status", event["data"])
        self.assertFalse(self.status())  # told a moment ago
        channel.status_at -= timedelta(seconds=29)
        self.env.flush_all()
        self.assertEqual(set(self.status()), {channel.id})
        self.assertFalse(self.status())
        self.live._announce_status()
        self.live._announce_status()
        self.assertEqual(len(self.status()[channel.id]), 1)
        self.assertFalse(self.status())

    def test_who_comes_anew_is_told_the_status(self):
        channel = self.listen(self.manager)
        self.status()
        self.listen(self.manager)
        self.assertFalse(self.status())  # others need not hear it again
        channel.status_at += timedelta(minutes=1)
        self.env.flush_all()
        channel._ask_status()
        self.assertFalse(self.status())  # of a moment ago
        channel.status_at -= timedelta(minutes=1, seconds=2)
        self.env.flush_all()
        channel._ask_status()
        self.assertEqual(set(self.status()), {channel.id})

    def test_hundreds_who_come_share_a_status(self):
        channel = self.listen(self.manager)
        again = self.listen(self._new_user("second-manager", "manager"))
        with patch.object(
            type(self.live), "_system_status", autospec=True, return_value={}
        ) as count:
            told = [self.live._status_of(each) for each in (channel, again, channel)]
            self.assertEqual({one["type"] for one in told}, {"system_status"})
            self.assertEqual(count.call_count, 1)
            with patch.object(module, "_STATUS_KEPT", -1):
                self.env.registry.clear_cache()
                self.live._status_of(channel)
                self.live._status_of(channel)
            self.assertEqual(count.call_count, 3)

    def test_nobody_listens_to_the_status(self):
        channel = self.listen(self.manager)
        channel.seen_at -= timedelta(minutes=10)
        self.live._announce_status()
        self.assertFalse(self.status())

    def test_one_status_for_all_who_see_the_same(self):
        again = self._new_user("second-manager", "manager")
        channels = self.listen(self.manager) + self.listen(again)
        calls = []
        origin = type(self.live)._system_status

        def count(live, health):
            calls.append(live.env.uid)
            return origin(live, health)

        with patch.object(type(self.live), "_system_status", count):
            told = self.status()
        self.assertEqual(set(told), set(channels.ids))
        self.assertEqual(len(calls), 1)

    # ------------------------------------------------------------- statements

    @contextmanager
    def statements(self):
        """What the database is asked meanwhile."""
        made = []
        cursor = type(self.env.cr)
        execute = cursor.execute

        def note(cr, query, *args, **kwargs):
            made.append(str(query)[:500])
            return execute(cr, query, *args, **kwargs)

        with patch.object(cursor, "execute", note):
            yield made

    def test_statements_do_not_depend_on_who_listens(self):
        """Nor on how much there is to tell."""
        # Not on how slow the machine is, either: what was compiled stays so.
        self.startPatcher(patch.object(module, "_RULES_KEPT", 3600))
        self.startPatcher(patch.object(module, "_DUE", timedelta(hours=1)))
        statements = []
        # All at first: a new user empties Odoo's caches, and what is in them of others
        # is asked for again once their environments are collected as garbage.
        users = [self._new_user(f"listener-{n}", "officer") for n in range(30)]
        start = fields.Datetime.to_datetime("2026-09-01 08:00:00")
        for listeners, number in ((1, 1), (2, 3), (30, 300)):
            for user in users[:listeners]:
                self.listen(user)
            self.told()
            self.env.invalidate_all()
            self.ingest(
                *(
                    self.item(
                        f"T-{1 + n % 3}",
                        (start + timedelta(days=listeners, minutes=n)).isoformat(),
                        location="HALL",
                    )
                    for n in range(number)
                )
            )
            self.told()  # compiles the rules of those who are new
            self.ingest(
                *(
                    self.item(
                        f"T-{1 + n % 3}",
                        (start + timedelta(days=50 + listeners, minutes=n)).isoformat(),
                        location="HALL",
                    )
                    for n in range(number)
                )
            )
            self.env.flush_all()
            self.env.invalidate_all()
            with self.statements() as made:
                told = self.told()
            statements.append(made)
            self.assertEqual(
                [len(events) for events in told.values()], [number] * listeners
            )
        for made in statements[1:]:
            self.assertEqual(len(made), len(statements[0]), "\n".join(made))

    # ----------------------------------------------------------------- health

    def checks(self):
        self.env.flush_all()
        return {check.name: check for check in self.env["spp.oauth.health"]._checks()}

    def test_health(self):
        self.assertEqual(self.checks()["live_feed_waiting"].value, 0)
        self.assertEqual(self.checks()["live_feed_late"].value, 0)
        self.listen(self.manager)
        self.ingest(self.item())
        self.assertEqual(self.checks()["live_feed_waiting"].value, 1)
        self.assertTrue(self.checks()["live_feed_late"].ok)
        self.queue.search([("id", ">", 0)]).at -= timedelta(minutes=6)
        check = self.checks()["live_feed_late"]
        self.assertFalse(check.ok)
        self.assertGreaterEqual(check.value, 360)
        self.assertFalse(check.critical)
        metrics = {family.name for family in self.env["spp.oauth.metrics"]._families()}
        self.assertLessEqual(
            {"spp_live_feed_waiting", "spp_live_feed_late_seconds"}, metrics
        )

    # ------------------------------------------------------------- uninstall

    def test_items_have_what_events_need(self):
        [item] = (
            self.env["spp.attendance.record"]
            .create({"subscriber_id": self.amina.id, "local_date": "2026-09-01"})
            ._live_items("")
        )
        self.assertIsInstance(item, Item)
        self.assertEqual(item.guarded, {})


@tagged("post_install", "-at_install")
class TestLiveConcurrency(RealCase):
    """With real transactions: what one commits, another one tells."""

    def setUp(self):
        super().setUp()
        with self.transaction() as env:
            self.person_id = self.make(
                env,
                "spp.attendance.subscriber",
                {"person_identifier": "R-1", "company_id": self.company_id},
            ).id
            user = self.make(
                env,
                "res.users",
                {
                    "name": "Listener",
                    "login": "test-attendance-listener",
                    "company_id": self.company_id,
                    "company_ids": [Command.set([self.company_id])],
                    "group_ids": [
                        Command.set(
                            env.ref("spp_attendance.spp_attendance_group_manager").ids
                        )
                    ],
                },
            )
            channel = env["spp.attendance.live.channel"]._open(user, user.company_ids)
            self.channel_id = channel.id
        self.addCleanup(self._forget)

    def _forget(self):
        with self.transaction() as env:
            env.cr.execute(
                "DELETE FROM bus_bus WHERE channel LIKE %s",
                [f'%"spp.attendance.live.channel",{self.channel_id}]'],
            )
            env.cr.execute("DELETE FROM spp_attendance_live_queue")

    def _record(self, env, day):
        return (
            env["spp.attendance.record"]
            .create({"subscriber_id": self.person_id, "local_date": f"2026-09-0{day}"})
            .id
        )

    def events(self):
        """What was told, message by message."""
        with self.registry.cursor() as cr:
            cr.execute(
                "SELECT message FROM bus_bus WHERE channel LIKE %s ORDER BY id",
                [f'%"spp.attendance.live.channel",{self.channel_id}]'],
            )
            messages = [json.loads(message) for (message,) in cr.fetchall()]
        self.assertEqual({message["type"] for message in messages} - {MESSAGE}, set())
        return [message["payload"]["events"] for message in messages]

    def told(self):
        """Ids of the records that were told of, message by message."""
        told = [
            [
                event["data"]["id"]
                for event in group
                if event["type"] == "record_updated"
            ]
            for group in self.events()
        ]
        return [ids for ids in told if ids]

    def statuses(self):
        """How often the status was told."""
        types = [event["type"] for group in self.events() for event in group]
        return types.count("system_status")

    def waiting(self):
        with self.transaction() as env:
            return env["spp.attendance.live.queue"].search_count([("id", ">", 0)])

    def leave(self):
        """Have what waits be of half a minute ago."""
        with self.transaction() as env:
            env.cr.execute(
                "UPDATE spp_attendance_live_queue SET at = at - interval '30 seconds'"
            )

    def record_three(self):
        with self.transaction() as env:
            for day in (1, 2, 3):
                self._record(env, day)

    def tell_by_schedule(self):
        with self.transaction() as env:
            env["spp.attendance.live"]._cron_publish()

    def test_who_commits_late_is_told_late_but_told(self):
        with self.transaction() as late_env:
            late = self._record(late_env, 1)
            with self.transaction() as env:
                early = self._record(env, 2)
            publish(self.registry)
            self.assertEqual(self.told(), [[early]])
            self.assertEqual(self.waiting(), 0)
        self.assertEqual(self.waiting(), 1)
        publish(self.registry)
        self.assertEqual(self.told(), [[early], [late]])

    def test_what_is_rolled_back_is_not_told(self):
        with self.transaction() as env:
            self._record(env, 1)
            env.cr.rollback()
        publish(self.registry)
        self.assertEqual(self.told(), [])

    def test_one_at_a_time_and_none_waits(self):
        """Ids of messages are in the order in which they can be read."""
        with self.transaction() as env:
            record = self._record(env, 1)
        with (
            self.transaction() as teller,
            patch.object(background, "soon") as soon,
        ):
            teller.cr.execute("SELECT pg_advisory_xact_lock(%s)", [module._LOCK])
            self.assertEqual(publish(self.registry), module._BUSY)
            soon.assert_called_once_with(self.registry.db_name, "live", publish)
            # Somebody looks after it every minute in any case.
            self.leave()
            self.tell_by_schedule()
            soon.assert_called_once()
        self.assertEqual(self.told(), [])
        self.assertIsNone(publish(self.registry))
        self.assertEqual(self.told(), [[record]])

    @contextmanager
    def looking(self, meanwhile):
        """Do something, once, while a status is looked at."""
        live = type(self.env["spp.attendance.live"])
        origin = live._system_status
        todo = [meanwhile]

        def look(model, health):
            if todo:
                todo.pop()()
            return origin(model, health)

        with patch.object(live, "_system_status", look):
            yield
        self.assertFalse(todo)

    def test_nobody_waits_for_a_status(self):
        """Neither to tell, nor does it come twice if somebody else tells it first."""
        told = []

        def tell():
            with self.transaction() as env:
                told.append(self._record(env, 1))
            self.assertIsNone(publish(self.registry))
            self.assertEqual(self.told(), [told])
            self.assertEqual(self.statuses(), 1)

        with self.looking(tell):
            self.assertIsNone(publish(self.registry))
        self.assertEqual(self.statuses(), 1)

    def test_a_status_that_another_keeps_from_being_told_comes_later(self):
        with self.transaction() as teller, patch.object(background, "soon") as soon:

            def lock():
                teller.cr.execute("SELECT pg_advisory_xact_lock(%s)", [module._LOCK])

            with self.looking(lock):
                self.assertEqual(publish(self.registry), module._BUSY)
            soon.assert_called_once_with(self.registry.db_name, "live", publish)
        self.assertEqual(self.statuses(), 0)
        self.assertIsNone(publish(self.registry))
        self.assertEqual(self.statuses(), 1)

    def test_who_takes_long_to_tell_rests_long_but_not_too_long(self):
        self.record_three()
        with patch.object(module, "MOST", 2), patch.object(module, "_REST", 1e9):
            self.assertEqual(publish(self.registry), module._LONGEST_BREATH)

    def test_what_nobody_tells_is_told_by_schedule(self):
        with self.transaction() as env:
            record = self._record(env, 1)
        self.tell_by_schedule()
        self.assertEqual(self.told(), [])  # who committed it may be at it
        self.leave()
        self.tell_by_schedule()
        self.assertEqual(self.told(), [[record]])
        self.assertEqual(self.waiting(), 0)

    def test_a_server_that_stops_leaves_the_rest(self):
        with self.transaction() as env:
            record = self._record(env, 1)
        with patch.object(background, "is_stopping", return_value=True):
            publish(self.registry)
        self.assertEqual(self.waiting(), 1)
        publish(self.registry)
        self.assertEqual(self.told(), [[record]])

    def test_a_fault_loses_nothing(self):
        with self.transaction() as env:
            record = self._record(env, 1)
        with (
            patch.object(
                type(self.env["bus.bus"]), "_sendone", side_effect=ConnectionError
            ),
            self.assertRaises(ConnectionError),
        ):
            publish(self.registry)
        self.assertEqual(self.waiting(), 1)
        self.assertIsNone(publish(self.registry))
        self.assertEqual(self.told(), [[record]])

    def test_the_lock_goes_with_who_had_it(self):
        with (
            patch.object(
                type(self.env["spp.attendance.live"]),
                "_publish",
                side_effect=ConnectionError,
            ),
            self.assertRaises(ConnectionError),
        ):
            publish(self.registry)
        with self.transaction() as env:
            env.cr.execute("SELECT pg_try_advisory_xact_lock(%s)", [module._LOCK])
            self.assertEqual(env.cr.fetchone(), (True,))

    def test_there_is_a_rest_after_very_much(self):
        self.record_three()
        with patch.object(module, "MOST", 2), patch.object(module, "_REST", 0):
            self.assertEqual(publish(self.registry), module._BREATH)
        self.assertIsNone(publish(self.registry))
        self.assertEqual([len(ids) for ids in self.told()], [2])
