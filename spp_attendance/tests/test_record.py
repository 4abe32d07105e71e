from datetime import date, datetime

from freezegun import freeze_time
from psycopg2.errors import CheckViolation, UniqueViolation

from odoo.exceptions import AccessError, ValidationError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from .common import AttendanceCase


@tagged("post_install", "-at_install")
@freeze_time("2026-09-10 12:34:56")
class TestRecord(AttendanceCase):
    def _form(self, user=None):
        return Form(self.records_of(user or self.officer))

    def test_an_officer_enters_and_finds_a_record(self):
        with self._form() as form:
            form.subscriber_id = self.amina
            form.local_date = "2026-09-01"
            form.local_time = "830"
            form.category = "absent"
            form.type_id = self.training
            form.location_id = self.hall
            form.description = "Ill"
            form.url = "https://example.org/note"
            self.assertEqual(form.local_time, "08:30:00")
            self.assertEqual(form.tz, "Africa/Nairobi")
        record = form.record
        self.assertEqual(record.date_time, datetime(2026, 9, 1, 5, 30))
        self.assertEqual(record.source, "manual")
        self.assertEqual(record.create_uid, self.officer)
        found = self.records_of(self.officer).search(
            [("person_identifier", "=", "T-1")]
        )
        self.assertEqual(found, record)

    def test_a_time_that_is_none_is_told_and_refused(self):
        form = self._form()
        form.subscriber_id = self.amina
        with self.assertLogs("odoo.tests.form.onchange", "WARNING") as told:
            form.local_time = "99:99"
        self.assertIn("“99:99” is not a time of day", told.output[0])
        # It stays, so that saving can't take the former time instead.
        self.assertEqual(form.local_time, "99:99")
        with self.assertRaisesRegex(ValidationError, "99:99"):
            form.save()
        form.local_time = "830"
        self.assertEqual(form.save().local_time, "08:30:00")

    def test_now_is_the_default(self):
        with self._form() as form:
            form.subscriber_id = self.amina
            self.assertEqual(form.local_date, date(2026, 9, 10))
            self.assertEqual(form.local_time, "15:34:00")
        self.assertEqual(form.record.date_time, datetime(2026, 9, 10, 12, 34))

    def test_the_clock_of_the_location_counts(self):
        record = self.records_of(self.manager).create(
            {
                "subscriber_id": self.amina.id,
                "local_date": "2026-09-01",
                "local_time": "08:00",
                "location_id": self.closed_site.id,
            }
        )
        self.assertEqual(record.date_time, datetime(2026, 9, 1, 2, 15))
        # Moved to the hall, it was still eight o'clock.
        record.location_id = self.hall
        self.assertEqual(record.local_time, "08:00:00")
        self.assertEqual(record.date_time, datetime(2026, 9, 1, 5))
        self.assertEqual(record.tz, "Africa/Nairobi")

    def test_an_instant_brings_its_local_time(self):
        record = self.env["spp.attendance.record"].create(
            {
                "subscriber_id": self.amina.id,
                "date_time": "2026-09-01 22:00:00",
                "location_id": self.hall.id,
            }
        )
        self.assertEqual(record.local_date, date(2026, 9, 2))
        self.assertEqual(record.local_time, "01:00:00")

    def test_what_is_no_time_is_explained(self):
        with self.assertRaisesRegex(ValidationError, "08:30"):
            self.records_of(self.officer).create(
                {"subscriber_id": self.amina.id, "local_time": "half past"}
            )

    def test_the_url_is_a_web_address(self):
        with self.assertRaises(ValidationError):
            self.records_of(self.officer).create(
                {"subscriber_id": self.amina.id, "url": "javascript:alert(1)"}
            )

    def test_the_same_twice_is_refused(self):
        vals = {
            "subscriber_id": self.amina.id,
            "local_date": "2026-09-01",
            "local_time": "08:00",
        }
        records = self.records_of(self.officer)
        first = records.create(vals)
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(UniqueViolation),
            self.env.cr.savepoint(),
        ):
            records.create(vals)
        other = records.create({**vals, "local_time": "08:01"})
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(UniqueViolation),
            self.env.cr.savepoint(),
        ):
            other.local_time = "08:00"
        first._void("wrong day")
        other.local_time = "08:00"
        self.assertEqual(other.uniqueness_key, "2026-09-01|08:00:00")

    def test_voiding_needs_a_reason_and_keeps_the_record(self):
        record = self.records_of(self.officer).create({"subscriber_id": self.amina.id})
        wizard = Form.from_action(record.env, record.action_void())
        wizard.reason = "Entered twice"
        wizard.save().action_void()
        self.assertFalse(record.active)
        self.assertEqual(record.void_reason, "Entered twice")
        self.assertFalse(
            self.records_of(self.officer).search(
                [("subscriber_id", "=", self.amina.id)]
            )
        )

    def test_a_blank_is_no_reason(self):
        record = self.records_of(self.officer).create({"subscriber_id": self.amina.id})
        for reason in ({}, {"void_reason": ""}, {"void_reason": " "}):
            with (
                self.subTest(reason),
                mute_logger("odoo.sql_db"),
                self.assertRaises(CheckViolation),
                self.env.cr.savepoint(),
            ):
                record.write({"active": False, **reason})

    def test_what_only_the_system_sets(self):
        """An officer can neither forge where a record comes from nor evade the rule."""
        records = self.records_of(self.officer)
        record = records.create({"subscriber_id": self.amina.id})
        for vals in (
            {"source": "device"},
            {"origin": "device/1"},
            {"external_id": "17"},
            {"external_digest": "17"},
            {"local_time_raw": "08:00"},
            {"uniqueness_key": False},
            {"direction": "in"},
            {"company_id": self.other_company.id},
        ):
            with self.subTest(vals), self.assertRaises(AccessError):
                record.write(vals)
            with self.subTest(vals), self.assertRaises(AccessError):
                records.create({"subscriber_id": self.joseph.id, **vals})
        forged = records.with_context(default_source="api", default_external_id="17")
        self.assertRecordValues(
            forged.create({"subscriber_id": self.joseph.id}),
            [{"source": "manual", "external_id": False}],
        )

    def test_another_zone_is_another_instant(self):
        record = self.records_of(self.officer).create(
            {
                "subscriber_id": self.amina.id,
                "local_date": "2026-09-01",
                "local_time": "08:00",
            }
        )
        record.tz = "Asia/Tokyo"
        self.assertEqual(record.local_time, "08:00:00")
        self.assertEqual(record.date_time, datetime(2026, 8, 31, 23))

    def test_nobody_deletes(self):
        record = self.env["spp.attendance.record"].create(
            {"subscriber_id": self.amina.id}
        )
        for user in (self.officer, self.manager, self.admin, self.api_user):
            with self.subTest(user.login), self.assertRaises(AccessError):
                record.with_user(user).unlink()

    def test_the_name_says_who_when_and_what(self):
        record = self.env["spp.attendance.record"].create(
            {"subscriber_id": self.amina.id, "local_date": "2026-09-01"}
        )
        self.assertEqual(
            record.display_name, "[T-1] Okafor, Amina · 2026-09-01 · 15:34 · Present"
        )
        self.assertFalse(self.env["spp.attendance.record"].new().display_name)

    def test_what_was_voided_by_mistake_comes_back_without_the_reason(self):
        record = self.records_of(self.officer).create({"subscriber_id": self.amina.id})
        record._void("wrong person")
        record.active = True
        self.assertFalse(record.void_reason)
        self.assertTrue(record.uniqueness_key)

    def test_impossible_times_are_explained(self):
        records = self.records_of(self.officer)
        for vals in (
            {"tz": "Mars/Olympus"},
            {"date_time": "junk"},
            {"date_time": "0001-01-01 00:00:00", "tz": "America/New_York"},
            {"local_date": "2026-02-31"},
            {"local_date": "2026-09-12"},
        ):
            with self.subTest(vals), self.assertRaises(ValidationError):
                records.create({"subscriber_id": self.amina.id, **vals})
