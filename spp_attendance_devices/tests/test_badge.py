from datetime import UTC, datetime, timedelta
from unittest.mock import patch

from psycopg2.errors import ExclusionViolation

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from ..devices import DeviceInfo
from ..models import spp_attendance_scan_match
from .common import MORNING, DeviceCase, scan, scans


@tagged("post_install", "-at_install")
class TestBadge(DeviceCase):
    def setUp(self):
        super().setUp()
        self.store(*scans(20, "4711"), scan("4712"), scan("T-1"))

    def badges(self, user=None):
        return (
            self.env["spp.attendance.scan.badge"]
            .with_user(user or self.officer)
            .search([("device_id", "=", self.device.id)])
        )

    def assign(self, badge, person, user=None):
        action = badge.action_assign()
        form = Form(
            self.env[action["res_model"]]
            .with_user(user or self.officer)
            .with_context(**action["context"])
        )
        form.subscriber_id = person
        return form.save().action_assign()

    def test_unmatched_badges(self):
        self.assertRecordValues(
            self.badges().sorted("user_code"),
            [
                {
                    "user_code": "4711",
                    "scan_count": 20,
                    "last_time": MORNING + timedelta(minutes=19, hours=-3),
                },
                {
                    "user_code": "4712",
                    "scan_count": 1,
                    "last_time": MORNING - timedelta(hours=3),
                },
            ],
        )

    def test_assigning_makes_records_of_all_earlier_scans(self):
        badge = self.badges().filtered(lambda b: b.user_code == "4711")
        answer = self.assign(badge, self.joseph)
        self.assertIn("20", answer["params"]["message"])
        rows = self.scans_of().filtered(lambda s: s.user_code == "4711")
        self.assertEqual(set(rows.mapped("state")), {"matched"})
        self.assertEqual(rows.subscriber_id, self.joseph)
        self.assertEqual(len(rows.record_id), 20)
        self.assertEqual(rows.record_id.create_uid, self.device.user_id)
        self.env.invalidate_all()
        self.assertEqual(self.badges().mapped("user_code"), ["4712"])

    def test_later_scans_follow(self):
        self.assign(self.badges()[0], self.joseph)
        code = self.device.device_user_ids.code
        self.store(scan(code, MORNING + timedelta(days=1)))
        self.assertFalse(
            self.scans_of().filtered(
                lambda s: s.user_code == code and s.state != "matched"
            )
        )

    def test_from_a_scan(self):
        row = self.scans_of().filtered(lambda s: s.user_code == "4712")
        self.assign(row.with_user(self.officer), self.grace)
        self.assertEqual(row.state, "matched")
        self.assertEqual(row.subscriber_id, self.grace)

    def test_assigned_again(self):
        badge = self.badges().filtered(lambda b: b.user_code == "4711")
        action = badge.action_assign()
        self.assign(badge, self.joseph)
        wizard = (
            self.env["spp.attendance.scan.assign"]
            .with_user(self.officer)
            .with_context(**action["context"])
            .create({"subscriber_id": self.grace.id})
        )
        wizard.action_assign()
        self.assertEqual(self.device.device_user_ids.subscriber_id, self.grace)
        # What was recorded stays as it is.
        rows = self.scans_of().filtered(lambda s: s.user_code == "4711")
        self.assertEqual(rows.subscriber_id, self.joseph)

    def test_the_map_beats_the_identifier(self):
        self.env["spp.attendance.device.user"].create(
            {
                "device_id": self.device.id,
                "code": "T-2",
                "subscriber_id": self.grace.id,
            }
        )
        self.store(scan("T-2"))
        row = self.scans_of().filtered(lambda s: s.user_code == "T-2")
        self.assertEqual(row.subscriber_id, self.grace)

    def test_the_map_alone_is_enough(self):
        self.env["spp.attendance.device.user"].with_user(self.officer).create(
            {
                "device_id": self.device.id,
                "code": "4712",
                "subscriber_id": self.grace.id,
            }
        )
        row = self.scans_of().filtered(lambda s: s.user_code == "4712")
        self.assertEqual(row.state, "matched")

    def test_many_scans_go_in_batches(self):
        badge = self.badges().filtered(lambda b: b.user_code == "4711")
        with patch.object(spp_attendance_scan_match, "MATCH_BATCH", 7):
            self.assign(badge, self.joseph)
        rows = self.scans_of().filtered(lambda s: s.user_code == "4711")
        self.assertEqual(set(rows.mapped("state")), {"matched"})

    def test_person_of_another_company(self):
        with self.assertRaises(UserError):
            self.env["spp.attendance.device.user"].create(
                {
                    "device_id": self.device.id,
                    "code": "4711",
                    "subscriber_id": self.stranger.id,
                }
            )

    def test_only_officers(self):
        context = self.badges()[0].action_assign()["context"]
        for user in (self.internal, self.participant):
            with self.assertRaises(AccessError):
                self.env["spp.attendance.scan.assign"].with_user(user).with_context(
                    **context
                ).create({"subscriber_id": self.grace.id})

    def test_badges_and_scans_follow_who_is_merged(self):
        badge = self.badges().filtered(lambda b: b.user_code == "4711")
        self.assign(badge, self.joseph)
        self.assertEqual(len(self.scans_of().record_id), 21)
        self.amina._merge(self.joseph)
        self.assertEqual(self.scans_of().subscriber_id, self.amina)
        self.assertEqual(self.scans_of().record_id.subscriber_id, self.amina)
        assigned = self.env["spp.attendance.device.user"].search([])
        self.assertEqual(assigned.subscriber_id, self.amina)
        later = MORNING + timedelta(days=1)
        self.store(scan("4711", later), scan("T-2", later + timedelta(minutes=2)))
        rows = self.scans_of().filtered(
            lambda row: row.record_id.local_date == later.date()
        )
        self.assertEqual(rows.mapped("state"), ["matched", "matched"])
        self.assertEqual(rows.subscriber_id, self.amina)


@tagged("post_install", "-at_install")
class TestBadgeDays(DeviceCase):
    """Badges are given back and handed on; without a terminal they hold everywhere."""

    def assign(self, person, first=None, last=None, device=None, code="B-1"):
        vals = {
            "code": code,
            "subscriber_id": person.id,
            "valid_from": first,
            "valid_to": last,
        }
        if device is not False:
            vals["device_id"] = (device or self.device).id
        return self.env["spp.attendance.device.user"]._assign([vals])

    def days(self):
        return [
            (badge.subscriber_id, badge.valid_from, badge.valid_to)
            for badge in self.env["spp.attendance.device.user"].search(
                [("code", "=", "B-1")], order="valid_from NULLS FIRST"
            )
        ]

    def scanned(self, *moments, code="B-1", device=None):
        """Who was there at these moments."""
        self.store(*(scan(code, moment) for moment in moments), device=device)
        rows = self.scans_of(device).filtered(lambda row: row.user_code == code)
        return [row.subscriber_id for row in rows.sorted("scan_time")]

    def test_from_a_day_on(self):
        day = MORNING.date()
        self.assign(self.amina)
        self.assign(self.joseph, first=day)
        self.assertEqual(
            self.days(),
            [
                (self.amina, False, day - timedelta(days=1)),
                (self.joseph, day, False),
            ],
        )
        people = self.scanned(MORNING - timedelta(days=1), MORNING)
        self.assertEqual(people, [self.amina, self.joseph])

    def test_before_another_it_ends_where_that_begins(self):
        day = MORNING.date()
        self.assign(self.amina, first=day)
        self.assign(self.joseph, first=day - timedelta(days=10))
        self.assertEqual(
            self.days()[0],
            (self.joseph, day - timedelta(days=10), day - timedelta(days=1)),
        )

    def test_on_the_day_on_which_another_begins(self):
        day = MORNING.date()
        self.assign(self.amina, first=day)
        self.assign(self.joseph, first=day)
        self.assertEqual(self.days(), [(self.joseph, day, False)])

    def test_within_another_the_rest_of_its_days_follow(self):
        day = MORNING.date()
        self.assign(self.amina, first=day, last=day + timedelta(days=9))
        self.assign(self.joseph, first=day + timedelta(days=4))
        self.assertEqual(
            self.days(),
            [
                (self.amina, day, day + timedelta(days=3)),
                (self.joseph, day + timedelta(days=4), day + timedelta(days=9)),
            ],
        )

    def test_without_a_day_after_one_that_has_ended(self):
        day = MORNING.date()
        self.assign(self.amina, last=day)
        self.assign(self.joseph)
        self.assertEqual(
            self.days(),
            [
                (self.amina, False, day),
                (self.joseph, day + timedelta(days=1), False),
            ],
        )

    def test_without_a_day_who_has_it_loses_it(self):
        self.assign(self.amina)
        last = MORNING.date() + timedelta(days=3650)
        self.assign(self.joseph, last=last)
        self.assertEqual(self.days(), [(self.joseph, False, last)])

    def test_what_is_in_anothers_way_is_said(self):
        day = MORNING.date()
        self.assign(self.amina, first=day)
        with self.assertRaises(UserError):
            self.assign(self.joseph, first=day - timedelta(days=5), last=day)
        with self.assertRaises(UserError):
            self.assign(self.joseph, first=day, last=day - timedelta(days=1))
        self.assertEqual(self.days(), [(self.amina, day, False)])

    def test_a_badge_that_was_given_back_is_nobodys(self):
        last = MORNING.date() - timedelta(days=1)
        # Not even theirs whose identifier it happens to be.
        self.assign(self.joseph, last=last, code="T-1")
        self.assertFalse(self.scanned(MORNING, code="T-1")[0])

    def test_a_terminals_own_goes_before_that_of_all(self):
        other = self.new_device(name="Gate")
        self.assign(self.amina, device=False)
        self.assign(self.joseph, device=other)
        self.assertEqual(self.scanned(MORNING), [self.amina])
        later = MORNING + timedelta(hours=1)
        self.assertEqual(self.scanned(later, device=other), [self.joseph])

    def test_the_day_is_the_terminals(self):
        """An aware moment late in the evening is of the next day in Nairobi."""
        day = MORNING.date()
        self.device.tz = "Africa/Nairobi"
        self.assign(self.amina, last=day)
        self.assign(self.joseph, first=day + timedelta(days=1))
        evening = datetime(day.year, day.month, day.day, 20, 59, 59, tzinfo=UTC)
        night = evening + timedelta(seconds=1)
        people = self.scanned(evening, night)
        self.assertEqual(people, [self.amina, self.joseph])
        rows = self.scans_of().sorted("scan_time")
        self.assertEqual(
            rows.mapped("scan_time"),
            [moment.replace(tzinfo=None) for moment in (evening, night)],
        )
        self.assertEqual(rows.mapped("local_date"), [day, day + timedelta(days=1)])

    def test_the_database_allows_no_two_on_one_day(self):
        badges = self.env["spp.attendance.device.user"]
        vals = {
            "device_id": self.device.id,
            "code": "B-1",
            "subscriber_id": self.amina.id,
            "valid_to": "2026-09-10",
        }
        badges.create(vals)
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(ExclusionViolation),
            self.env.cr.savepoint(),
        ):
            badges.create({**vals, "valid_from": "2026-09-10", "valid_to": False})
        badges.create({**vals, "valid_from": "2026-09-11", "valid_to": False})
        badges.create({**vals, "device_id": False})


@tagged("post_install", "-at_install")
class TestFlags(DeviceCase):
    def test_duress_and_wrong_clocks_are_flagged(self):
        self.company.attendance_drift_limit = 60
        duress = scan("T-1")._replace(flag="duress")
        self.store(duress, scan("T-2"), info=DeviceInfo(clock_drift=60))
        self.assertEqual(self.scans_of().mapped("flag"), ["duress", False])
        later = MORNING + timedelta(hours=1)
        self.store(
            duress._replace(timestamp_raw=str(later), local_time=later),
            scan("T-2", later),
            info=DeviceInfo(clock_drift=-61),
        )
        # What somebody was made to do matters more.
        rows = self.scans_of().sorted("id")[2:]
        self.assertEqual(rows.mapped("flag"), ["duress", "clock"])
        self.assertEqual(set(rows.mapped("clock_drift")), {-61})
