from collections import defaultdict
from datetime import timedelta

from odoo import fields
from odoo.tests import new_test_user, tagged

from ..devices.errors import DeviceAuthFailed, DeviceTimeout
from .common import MORNING, scan
from .test_push_health import PushCase


class LiveDeviceCase(PushCase):
    """The manager listens."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.feed = cls.env["spp.attendance.live"]
        cls.channel = cls.listen(cls.manager)
        cls.env.flush_all()
        cls.feed._take()

    @classmethod
    def listen(cls, user):
        channels = cls.env["spp.attendance.live.channel"]
        return channels._open(user, user.company_ids)

    def told(self, *types):
        """What everybody was told since one last asked: ``{channel: events}``, of some
        types alone."""
        self.env.flush_all()
        announced, _is_more = self.feed._take()
        announced.pop((self.feed._name, ""), None)
        told, _is_much = self.feed._tell_each(self.feed._channels(), announced)
        return defaultdict(
            list,
            {
                channel: [event for event in events if event["type"] in types]
                for channel, events in told.items()
            },
        )

    def events(self, *types):
        return self.told(*types)[self.channel]


@tagged("post_install", "-at_install")
class TestLiveTerminals(LiveDeviceCase):
    TYPES = ("machine_connected", "machine_disconnected", "error_occurred")

    def types(self):
        return [event["type"] for event in self.events(*self.TYPES)]

    def test_one_that_comes_and_goes(self):
        self.calls()
        [event] = self.events(*self.TYPES)
        self.assertEqual(event["type"], "machine_connected")
        self.assertEqual(event["machine_id"], self.pushing.id)
        self.assertEqual(event["data"]["name"], "PUSH-1")
        self.assertTrue(event["data"]["is_connected"])
        self.assertNotIn("config", event["data"])
        self.calls()
        self.assertFalse(self.types(), "it is there still")
        self.calls(ago=timedelta(minutes=3))
        [event] = self.events(*self.TYPES)
        self.assertEqual(event["type"], "machine_disconnected")
        self.assertFalse(event["data"]["is_connected"])
        self.calls(ago=timedelta(minutes=4))
        self.assertFalse(self.types())

    def test_one_that_nobody_has_heard_of_is_no_news(self):
        self.new_pushing()
        self.new_device()
        self.assertFalse(self.types())

    def test_switched_off_it_is_gone(self):
        self.calls()
        self.types()
        self.pushing.enabled = False
        self.assertEqual(self.types(), ["machine_disconnected"])

    def test_a_reading_that_fails(self):
        self.store(scan())
        self.assertEqual(self.types(), ["machine_connected"])
        self.device._store(self.lease(), DeviceTimeout("no answer"))
        gone, fault = sorted(self.events(*self.TYPES), key=lambda ev: ev["type"])[::-1]
        self.assertEqual(gone["type"], "machine_disconnected")
        self.assertEqual(fault["type"], "error_occurred")
        self.assertEqual(fault["machine_id"], self.device.id)
        self.assertEqual(fault["data"]["code"], "timeout")
        self.assertIn("did not answer in time", fault["data"]["message"])
        self.assertTrue(fault["data"]["at"])
        self.device._store(self.lease(), DeviceTimeout("no answer"))
        self.assertFalse(self.types(), "the same again is no news")
        self.device._store(self.lease(), DeviceAuthFailed("refused"))
        self.assertEqual(self.types(), ["error_occurred"])
        self.store(scan())
        self.assertEqual(self.types(), ["machine_connected"])
        self.device._store(self.lease(), DeviceTimeout("no answer"))
        self.assertEqual(
            sorted(self.types()), ["error_occurred", "machine_disconnected"]
        )

    def test_a_fault_that_is_over_is_not_told(self):
        self.device._store(self.lease(), DeviceTimeout("no answer"))
        self.store(scan())
        self.assertEqual(self.types(), ["machine_connected"])

    def test_only_who_may_see_it(self):
        stranger = self.listen(
            new_test_user(
                self.env,
                login="test-live-stranger",
                groups="base.group_user,spp_attendance.spp_attendance_group_officer",
                company_id=self.other_company.id,
                company_ids=[(6, 0, self.other_company.ids)],
            )
        )
        participant = self.listen(self.participant)
        self.calls()
        told = self.told(*self.TYPES)
        self.assertTrue(told[self.channel])
        self.assertFalse(told[stranger])
        self.assertFalse(told[participant])

    def test_the_status_is_told_at_once(self):
        def is_due():
            self.env.flush_all()
            announced, _is_more = self.feed._take()
            return (self.feed._name, "") in announced

        self.assertFalse(is_due())
        self.calls()
        self.assertTrue(is_due())
        self.calls()
        self.assertFalse(is_due())


@tagged("post_install", "-at_install")
class TestLiveScans(LiveDeviceCase):
    def scans_told(self):
        return self.events("scan_received")

    def test_what_was_read_is_told_once(self):
        self.store(scan(), scan("nobody"))
        known, unknown = self.scans_told()
        row = self.scans_of()[0]
        self.assertEqual(known["machine_id"], self.device.id)
        self.assertEqual(known["employee_id"], "T-1")
        self.assertEqual(
            {**known["data"], "received_at": "now"},
            {
                "id": row.id,
                "employee": "T-1",
                "employee_name": self.amina.name,
                "badge": "T-1",
                "machine": self.device.id,
                "machine_name": "Door",
                "location": {"id": self.hall.id, "code": "HALL", "name": "Hall"},
                "scan_time": "2026-09-01T08:00:00+03:00",
                "local_time_raw": "2026-09-01 08:00:00",
                "scan_type": "in",
                "state": "matched",
                "reason": None,
                "is_processed": True,
                "raw_data": {"punch": 0, "verify": 1},
                "record_id": row.record_id.id,
                "received_at": "now",
            },
        )
        self.assertNotIn("employee_id", unknown)
        self.assertEqual(unknown["data"]["badge"], "nobody")
        self.assertEqual(unknown["data"]["state"], "unmatched")
        self.assertFalse(unknown["data"]["is_processed"])
        self.store(scan(), scan("nobody"), scan(moment=MORNING + timedelta(hours=8)))
        [news] = self.scans_told()
        self.assertEqual(news["data"]["scan_time"], "2026-09-01T16:00:00+03:00")

    def test_an_impossible_day_is_told_as_such(self):
        self.store(scan(moment=None))
        [event] = self.scans_told()
        self.assertIsNone(event["data"]["scan_time"])
        self.assertEqual(event["data"]["reason"], "bad_date")
        self.assertTrue(event["data"]["is_processed"])

    def test_what_was_pushed_is_told_when_it_is_matched(self):
        self.pushing._take_pushed([scan(), scan("nobody")])
        self.assertFalse(self.scans_told())
        self.env["spp.attendance.scan.queue"]._work(self.pushing.id)
        known, unknown = self.scans_told()
        self.assertEqual(known["data"]["state"], "matched")
        self.assertEqual(known["employee_id"], "T-1")
        self.assertEqual(unknown["data"]["state"], "unmatched")
        self.pushing._take_pushed([scan(), scan("nobody")])
        self.env["spp.attendance.scan.queue"]._work(self.pushing.id)
        self.assertFalse(self.scans_told())

    def test_where_nobody_listens_nothing_waits(self):
        self.channel.seen_at = fields.Datetime.now() - timedelta(hours=2)
        self.env.flush_all()
        self.store(scan())
        self.assertFalse(
            self.env["spp.attendance.live.queue"].search_count([], limit=1)
        )

    def test_statements_do_not_depend_on_how_many_are_told(self):
        def statements(count, day):
            start = MORNING + timedelta(days=day)
            self.store(
                *(scan(moment=start + timedelta(minutes=m)) for m in range(count))
            )
            rows = self.scans_of()[-count:]
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.assertEqual(len(rows._live_items("")), count)
            return self.env.cr.sql_log_count - before

        self.assertEqual(statements(20, 1), statements(2, 2))
