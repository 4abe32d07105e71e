from datetime import UTC, datetime, timedelta, timezone

import psycopg2

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import MORNING, DeviceCase, scan


def _exact(code, moment, number):
    """A scan of a terminal that says the offset and numbers its events."""
    return scan(code, moment, raw=moment.isoformat())._replace(number=number)


@tagged("post_install", "-at_install")
class TestScan(DeviceCase):
    def test_kept_as_received(self):
        self.store(scan("T-1", punch=255))
        self.assertRecordValues(
            self.scans_of(),
            [
                {
                    "user_code": "T-1",
                    "local_time_raw": "2026-09-01 08:00:00",
                    "scan_time": datetime(2026, 9, 1, 5),
                    "scan_type": "none",
                    "raw": {"punch": 255, "verify": 1},
                    "state": "matched",
                    "company_id": self.company.id,
                }
            ],
        )

    def test_becomes_attendance_of_the_terminal(self):
        self.device.type_id = self.training
        self.store(scan(punch=1))
        record = self.scans_of().record_id
        self.assertRecordValues(
            record,
            [
                {
                    "subscriber_id": self.amina.id,
                    "date_time": datetime(2026, 9, 1, 5),
                    "tz": "Africa/Nairobi",
                    "local_time_raw": "2026-09-01 08:00:00",
                    "scan_type": "out",
                    "location_id": self.hall.id,
                    "type_id": self.training.id,
                    "source": "device",
                    "origin": f"device/{self.device.id}",
                    "create_uid": self.device.user_id.id,
                }
            ],
        )

    def test_a_location_of_few_officers_has_a_terminal_like_any_other(self):
        self.hall.officer_ids = self.admin
        self.store(scan())
        self.assertEqual(self.scans_of().record_id.location_id, self.hall)

    def test_number_and_offset_are_not_part_of_what_makes_a_scan(self):
        nairobi, dubai = (timezone(timedelta(hours=hours)) for hours in (3, 4))
        moment = MORNING.replace(tzinfo=nairobi)
        shown_anew = moment.astimezone(dubai)
        self.store(_exact("T-1", moment, "7"))
        self.store(_exact("T-1", shown_anew, "1"), _exact("T-1", moment, ""))
        self.assertEqual(self.scans_of().mapped("number"), ["7"])
        self.assertEqual(self.scans_of().scan_time, datetime(2026, 9, 1, 5))

    def test_without_a_badge_the_number_tells_scans_apart(self):
        moment = MORNING.replace(tzinfo=UTC)
        self.store(*(_exact("", moment, number) for number in ("7", "8", "8")))
        self.assertEqual(self.scans_of().mapped("number"), ["7", "8"])

    def test_direction_is_not_part_of_what_makes_a_scan(self):
        self.store(scan(punch=0), scan(punch=1))
        self.store(scan(punch=255))
        self.assertEqual(len(self.scans_of()), 1)

    def test_another_terminal_is_another_scan_of_the_same_attendance(self):
        other = self.new_device()
        self.store(scan())
        self.store(scan(), device=other)
        twin = self.scans_of(other)
        self.assertEqual((twin.state, twin.reason_code), ("duplicate", "same_scan"))
        self.assertEqual(twin.duplicate_of_id, self.scans_of())
        self.assertFalse(twin.record_id)

    def test_what_cannot_be_right_is_kept_and_hides_nothing(self):
        self.store(
            scan(moment=datetime(2099, 1, 1, 8)),
            scan(moment=None),
            scan(moment=datetime(2000, 1, 1)),
            scan(code=""),
            scan("T-2"),
        )
        self.store(scan("T-2", MORNING + timedelta(hours=1)))
        found = {
            (row.user_code or "", row.local_time_raw): (row.state, row.reason_code)
            for row in self.scans_of()
        }
        self.assertEqual(
            found,
            {
                ("T-1", "2099-01-01 08:00:00"): ("rejected", "future"),
                ("T-1", "2026-02-31 08:00:00"): ("rejected", "bad_date"),
                ("T-1", "2000-01-01 00:00:00"): ("rejected", "too_old"),
                ("", "2026-09-01 08:00:00"): ("rejected", "no_code"),
                ("T-2", "2026-09-01 08:00:00"): ("matched", False),
                ("T-2", "2026-09-01 09:00:00"): ("matched", False),
            },
        )
        self.assertEqual(
            self.env["spp.attendance.record"].search_count(
                [("origin", "=", f"device/{self.device.id}")]
            ),
            2,
        )

    def test_a_fast_clock_is_believed_up_to_a_day(self):
        now = fields.Datetime.now().replace(microsecond=0)
        self.store(scan(moment=now + timedelta(hours=20)))
        self.assertEqual(self.scans_of().state, "matched")

    def test_nights_when_clocks_change(self):
        self.device.tz = "Europe/Paris"
        skipped = datetime(2026, 3, 29, 2, 30)
        doubled = datetime(2025, 10, 26, 2, 30)
        self.store(scan(moment=skipped), scan("T-2", doubled))
        self.assertEqual(
            self.scans_of().sorted("scan_time").mapped("scan_time"),
            [datetime(2025, 10, 26, 0, 30), datetime(2026, 3, 29, 1, 30)],
        )
        self.assertEqual(
            self.scans_of().sorted("scan_time").mapped("local_time_raw"),
            ["2025-10-26 02:30:00", "2026-03-29 02:30:00"],
        )

    def test_person_of_another_company_is_nobody_here(self):
        self.stranger.person_identifier = "S-9"
        self.store(scan("S-9"))
        self.assertEqual(self.scans_of().state, "unmatched")

    def test_person_who_is_registered_later(self):
        self.store(scan("T-77"))
        self.assertEqual(self.scans_of().state, "unmatched")
        self.env["spp.attendance.subscriber"].create(
            {
                "person_identifier": "T-77",
                "family_name": "Late",
                "company_id": self.company.id,
            }
        )
        self.store()
        self.assertEqual(self.scans_of().state, "matched")

    def test_whose_badge_it_is(self):
        """The terminal's own assignment, else identifier, badge, former identifier."""
        self.joseph.badge = "4711"
        self.env["spp.attendance.subscriber.alias"].create(
            [
                {"subscriber_id": self.grace.id, "person_identifier": code}
                for code in ("4711", "4712")
            ]
        )
        self.stranger.badge = "4713"
        self.store(scan("4711"), scan("4712"), scan("4713"))
        self.assertRecordValues(
            self.scans_of().sorted("user_code"),
            [
                {"user_code": "4711", "subscriber_id": self.joseph.id},
                {"user_code": "4712", "subscriber_id": self.grace.id},
                {"user_code": "4713", "subscriber_id": False},
            ],
        )
        later = MORNING + timedelta(hours=1)
        self.grace.alias_ids.unlink()
        self.amina.person_identifier = "4711"
        self.store(scan("4711", later))
        self.assertEqual(self.scans_of().sorted("id")[-1].subscriber_id, self.amina)
        self.env["spp.attendance.device.user"].create(
            {
                "device_id": self.device.id,
                "code": "4711",
                "subscriber_id": self.grace.id,
            }
        )
        self.store(scan("4711", later + timedelta(hours=1)))
        self.assertEqual(self.scans_of().sorted("id")[-1].subscriber_id, self.grace)

    def test_archived_person_waits(self):
        self.amina.active = False
        self.store(scan())
        self.assertEqual(self.scans_of().state, "unmatched")

    def test_refused_as_attendance_and_tried_again(self):
        location_rule = self.env.ref(
            "spp_attendance.spp_attendance_record_rule_company"
        )
        location_rule.domain_force = [(0, "=", 1)]
        self.store(scan())
        refused = self.scans_of()
        self.assertEqual((refused.state, refused.reason_code), ("rejected", "refused"))
        self.assertTrue(refused.reason)
        location_rule.domain_force = "[('company_id', 'in', company_ids)]"
        with self.assertRaises(AccessError):
            refused.with_user(self.internal).action_retry()
        refused.with_user(self.officer).action_retry()
        self.assertEqual(refused.state, "matched")
        self.assertFalse(refused.reason)

    def test_append_only(self):
        self.store(scan())
        row = self.scans_of()
        for values in (
            {"user_code": "T-2"},
            {"scan_time": "2026-01-01 00:00:00"},
            {"local_time_raw": "x"},
            {"raw": {}},
            {"device_id": self.new_device().id},
        ):
            with self.assertRaises(UserError):
                row.write(values)
        with self.assertRaises(UserError):
            row.unlink()
        for user in (self.officer, self.manager, self.admin):
            with self.assertRaises(AccessError):
                row.with_user(user).write({"state": "unmatched"})
            with self.assertRaises(AccessError):
                row.with_user(user).unlink()

    @mute_logger("odoo.sql_db")
    def test_the_database_guards_it(self):
        self.store(scan())
        row = self.scans_of()
        with self.assertRaises(psycopg2.errors.UniqueViolation):
            self.env["spp.attendance.scan"].create(
                {**row.copy_data()[0], "state": "unmatched"}
            )
            self.env.flush_all()

    def test_known_scans_use_up_no_ids(self):
        def last_id():
            self.env.cr.execute("SELECT last_value FROM spp_attendance_scan_id_seq")
            return self.env.cr.fetchone()[0]

        self.store(scan())
        before = last_id()
        for _poll in range(3):
            self.store(scan())
        self.assertEqual(last_id(), before)
