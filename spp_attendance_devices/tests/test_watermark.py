from datetime import UTC, datetime, timedelta

from odoo import fields
from odoo.tests import tagged

from ..devices import DeviceInfo
from ..devices.errors import DeviceTimeout
from .common import DeviceCase, scan


@tagged("post_install", "-at_install")
class TestWatermark(DeviceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.room = cls.env["spp.attendance.location"].create(
            {"name": "Room", "parent_id": cls.hall.id, "company_id": cls.company.id}
        )
        cls.now = fields.Datetime.now()
        cls.inner = cls.new_device(name="Inner", location_id=cls.room.id)

    def ago(self, **delta):
        return self.now - timedelta(**delta)

    def known(self, location=None):
        location = location or self.hall
        return location._complete_until()[location.id]

    def test_the_terminal_read_longest_ago_decides(self):
        self.device.synced_until = self.ago(minutes=1)
        self.inner.synced_until = self.ago(minutes=9)
        self.assertEqual(self.known(), (self.ago(minutes=9), None))
        self.assertEqual(self.known(self.room), (self.ago(minutes=9), None))
        self.device.synced_until = self.ago(minutes=12)
        self.assertEqual(self.known(), (self.ago(minutes=12), None))
        self.assertEqual(self.known(self.room), (self.ago(minutes=9), None))

    def test_nobody_is_absent_before_the_terminals_were_read(self):
        self.company.attendance_silent_hours = 720
        # Two days ago, or three: Fridays are free. Its window closed at 3 in the
        # morning of the day after, in Nairobi.
        midnight = self.now.replace(hour=0, minute=0, second=0, microsecond=0)
        on = midnight - timedelta(days=2)
        on -= timedelta(days=on.weekday() == 4)
        closes = on + timedelta(days=1)
        worker = self.env["spp.attendance.subscriber"].create(
            {
                "person_identifier": "W-1",
                "family_name": "W-1",
                "company_id": self.company.id,
                "location_id": self.hall.id,
                "level_of_work": "worker",
                "work_from": on.date(),
            }
        )
        queue = self.env["spp.attendance.day.queue"]

        def status():
            queue._enqueue_days(worker.ids, on.date(), on.date())
            self.env.flush_all()
            while queue._work():
                pass
            self.env.invalidate_all()
            day = self.env["spp.attendance.day"].search(
                [("subscriber_id", "=", worker.id), ("date", "=", on.date())]
            )
            return day.status, day.is_doubtful

        self.device.synced_until = closes
        self.inner.synced_until = closes - timedelta(minutes=1)
        self.assertEqual(status(), (False, False))
        self.inner.synced_until = closes
        self.assertEqual(status(), ("absent", False))

    def test_elsewhere_nothing_is_waited_for(self):
        self.device.synced_until = self.ago(minutes=9)
        self.assertGreaterEqual(self.known(self.closed_site).until, self.now)

    def test_of_what_is_switched_off_nothing_is_expected(self):
        self.device.synced_until = self.ago(minutes=1)
        self.inner.synced_until = self.ago(hours=9)
        self.inner.enabled = False
        self.assertEqual(self.known().until, self.ago(minutes=1))
        self.inner.write({"enabled": True, "active": False})
        self.assertEqual(self.known().until, self.ago(minutes=1))

    def test_what_was_never_read_counts_from_when_it_was_set_up(self):
        self.device.synced_until = self.ago(minutes=1)
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE spp_attendance_device SET create_date = %s WHERE id = %s",
            [self.ago(hours=2), self.inner.id],
        )
        self.assertEqual(self.known().until, self.ago(hours=2))

    def test_what_is_silent_for_long_holds_nothing_back_but_is_said(self):
        self.company.attendance_silent_hours = 24
        self.device.synced_until = self.ago(minutes=1)
        self.inner.synced_until = self.ago(hours=25)
        self.assertEqual(self.known(), (self.ago(minutes=1), self.ago(hours=25)))
        self.company.attendance_silent_hours = 48
        self.assertEqual(self.known(), (self.ago(hours=25), None))
        self.company.attendance_silent_hours = 1
        self.device.synced_until = self.ago(hours=2)
        known = self.known()
        self.assertGreaterEqual(known.until, self.now)
        self.assertEqual(known.doubtful_from, self.ago(hours=25))

    def test_rules_hide_terminals_not_what_they_saw(self):
        self.inner.synced_until = self.device.synced_until = self.ago(minutes=9)
        known = self.hall.with_user(self.officer)._complete_until()
        self.assertEqual(known[self.hall.id].until, self.ago(minutes=9))

    def test_statements_do_not_depend_on_the_number_of_places(self):
        places = self.env["spp.attendance.location"].create(
            [
                {"name": f"Place {number}", "company_id": self.company.id}
                for number in range(10)
            ]
        )
        for place in places:
            self.new_device(location_id=place.id)
        self.env.flush_all()
        with self.assertQueryCount(1):
            places._complete_until()
        with self.assertQueryCount(1):
            places[:1]._complete_until()

    # ------------------------------------------------- what a reading says

    def read(self, **values):
        before = fields.Datetime.now()
        self.store(scan(), **values)
        return before

    def assertAbout(self, moment):
        off = self.device.synced_until - moment
        self.assertLessEqual(timedelta(0), off)
        self.assertLess(off, timedelta(seconds=30))

    def test_a_complete_reading_moves_it_to_its_own_start(self):
        self.assertAbout(self.read())

    def test_a_slow_clock_holds_it_back_and_a_fast_one_does_not(self):
        begun = self.read(info=DeviceInfo(clock_drift=-3600))
        self.assertAbout(begun - timedelta(hours=1))
        self.assertAbout(self.read(info=DeviceInfo(clock_drift=3600)))

    def test_up_to_where_the_adapter_vouches(self):
        until = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)
        self.read(complete_until=until)
        self.assertEqual(self.device.synced_until, until.replace(tzinfo=None))

    def test_it_stays_where_not_all_was_read(self):
        self.read()
        before = self.device.synced_until = self.ago(hours=1)
        self.read(complete=False)
        self.assertEqual(self.device.synced_until, before)
        self.device._store(self.lease(), DeviceTimeout("no answer"))
        self.assertEqual(self.device.synced_until, before)
        self.read(more=True)
        self.assertEqual(self.device.synced_until, before)
