from datetime import datetime

from freezegun import freeze_time
from psycopg2.errors import UniqueViolation

from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged
from odoo.tests.common import warmup
from odoo.tools import mute_logger

from .common import AttendanceCase


@tagged("post_install", "-at_install")
@freeze_time("2026-09-10 12:00:00")
class TestChange(AttendanceCase):
    """Corrections: what becomes of the instant, and who changed what."""

    def _record(self, person=None, **values):
        return self.records_of(self.officer).create(
            {
                "subscriber_id": (person or self.amina).id,
                "local_date": "2026-09-01",
                "local_time": "08:00",
                "location_id": self.hall.id,
                **values,
            }
        )

    def _sent(self, date_time, **values):
        (outcome,) = self.ingest(self.item(date_time=date_time, **values))
        return self.records_of(self.manager).browse(outcome.id)

    def _told(self, record):
        return [
            (change.kind, change.field, change.old_value, change.new_value)
            for change in record.change_ids.sorted("id")
        ]

    def test_each_correction_is_told(self):
        record = self._record()
        record.write({"category": "absent", "type_id": self.training.id, "url": False})
        record.local_time = "9:15"
        self.assertEqual(
            self._told(record),
            [
                ("corrected", "category", "present", "absent"),
                ("corrected", "type_id", False, "Workshop"),
                ("corrected", "local_time", "08:00:00", "09:15:00"),
            ],
        )
        change = record.change_ids.sorted("id")[0]
        self.assertEqual(change.create_uid, self.officer)
        self.assertEqual(change.field_label, "Category")
        self.assertEqual((change.before, change.after), ("Present", "Absent"))

    def test_voiding_and_restoring_are_told(self):
        record = self._record()
        record._void("wrong person")
        self.assertFalse(record.uniqueness_key)
        record.action_restore()
        self.assertTrue(record.active)
        self.assertFalse(record.void_reason)
        self.assertTrue(record.uniqueness_key)
        self.assertEqual(
            self._told(record),
            [
                ("voided", False, False, "wrong person"),
                ("restored", False, "wrong person", False),
            ],
        )

    def test_what_lost_its_place_is_not_restored(self):
        record = self._record()
        record._void("entered twice")
        self._record()
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(UniqueViolation),
            self.env.cr.savepoint(),
        ):
            record.action_restore()

    def test_voiding_again_keeps_the_first_reason(self):
        records = self._record() + self._record(self.joseph)
        records[0]._void("first")
        wizard = Form.from_action(records.env, records.action_void())
        self.assertEqual(wizard.record_count, 1)
        wizard.reason = "second"
        wizard.save().action_void()
        self.assertEqual(records.mapped("void_reason"), ["first", "second"])

    def test_another_reason_is_told(self):
        record = self._record()
        record._void("first")
        record.void_reason = "second"
        self.assertEqual(
            self._told(record)[1:], [("corrected", "void_reason", "first", "second")]
        )

    def test_nobody_writes_history(self):
        record = self._record()
        record.category = "absent"
        for user in (self.officer, self.manager, self.admin, self.api_user):
            change = record.change_ids.with_user(user)
            with self.subTest(user.login):
                self.assertTrue(change.has_access("read"))
                for operation in ("write", "create", "unlink"):
                    self.assertFalse(change.has_access(operation))

    def test_history_is_seen_by_whoever_sees_the_record(self):
        department = self.env["spp.attendance.department"].create(
            {"name": "Field", "company_id": self.company.id}
        )
        self.joseph.department_id = department
        head = self._new_user("head", "head")
        department.head_id = head
        records = (
            self.env["spp.attendance.record"]
            .with_context(allowed_company_ids=[self.company.id, self.other_company.id])
            .create(
                [
                    {
                        "subscriber_id": person.id,
                        "location_id": location and location.id,
                        "local_date": date,
                    }
                    for date, person, location in (
                        ("2026-09-02", self.amina, self.hall),
                        ("2026-09-03", self.amina, None),
                        ("2026-09-02", self.joseph, self.closed_site),
                        ("2026-09-02", self.participant_subscriber, self.closed_site),
                        ("2026-09-02", self.stranger, self.other_hall),
                    )
                ]
            )
        )
        records.category = "absent"
        records[0]._void("voided ones too")
        self.env.flush_all()
        for user in (
            self.participant,
            head,
            self.officer,
            self.manager,
            self.api_user,
        ):
            with self.subTest(user.login):
                seen = self.records_of(user).with_context(active_test=False)
                seen = seen.search([("id", "in", records.ids)])
                changes = self.env["spp.attendance.record.change"].with_user(user)
                changes = changes.with_context(allowed_company_ids=self.company.ids)
                found = changes.search([("record_id", "in", records.ids)])
                self.assertTrue(seen)
                self.assertEqual(set(found.record_id.ids), set(seen.ids))
        with self.assertRaises(AccessError):
            self.env["spp.attendance.record.change"].with_user(self.internal).search([])

    def test_what_was_observed_keeps_its_instant(self):
        """A record that was sent doesn't move in time when its place is corrected."""
        record = self._sent("2026-09-01T05:00:00Z", location="HALL")
        record.location_id = self.closed_site
        self.assertEqual(record.date_time, datetime(2026, 9, 1, 5))
        self.assertEqual(record.tz, "Asia/Kathmandu")
        self.assertEqual(record.local_time, "10:45:00")
        self.assertEqual(
            [name for _kind, name, _old, _new in self._told(record)],
            ["local_time", "tz", "location_id"],
        )

    def test_the_form_shows_where_the_clock_goes(self):
        record = self._sent("2026-09-01T05:00:00Z", location="HALL")
        with Form(record) as form:
            form.location_id = self.closed_site
            self.assertEqual(form.tz, "Asia/Kathmandu")
            self.assertEqual(form.local_time, "10:45:00")
        self.assertEqual(record.date_time, datetime(2026, 9, 1, 5))

    def test_a_terminal_goes_by_its_own_clock(self):
        (outcome,) = self.ingest(
            {
                "subscriber_id": self.amina.id,
                "date_time": datetime(2026, 9, 1, 8),
                "tz": "Asia/Tokyo",
                "local_time_raw": "2026/09/01 8:00",
                "location_id": self.hall.id,
            },
            source="device",
        )
        record = self.records_of(self.manager).browse(outcome.id)
        record.location_id = self.closed_site
        self.assertEqual(record.tz, "Asia/Tokyo")
        self.assertEqual(record.local_time, "08:00:00")
        self.assertEqual(record.local_time_raw, "2026/09/01 8:00")
        # An expressly corrected time is another matter; what came in is kept below.
        record.local_time = "09:00"
        self.assertEqual(record.tz, "Asia/Tokyo")
        self.assertEqual(record.date_time, datetime(2026, 9, 1, 0))
        self.assertFalse(record.local_time_raw)
        self.assertIn(
            ("corrected", "local_time_raw", "2026/09/01 8:00", False),
            self._told(record),
        )

    def test_the_second_pass_of_an_hour_stays(self):
        """Clocks set back: what was read in the second pass stays there."""
        self.hall.tz = "Europe/Berlin"
        record = self._sent("2025-10-26T01:30:00Z", location="HALL")
        self.assertEqual(record.local_time, "02:30:00")
        record.write({"local_date": "2025-10-26", "local_time": "02:30"})
        self.assertEqual(record.date_time, datetime(2025, 10, 26, 1, 30))
        self.assertFalse(record.change_ids)

    def test_many_are_written_at_once(self):
        people = self.amina, self.joseph, self.grace
        records = self._record()
        for person in people[1:]:
            records += self._record(person)
        values = {
            record: {"local_time": f"1{number}:00", "description": f"No. {number}"}
            for number, record in enumerate(records)
        }
        self.records_of(self.officer)._write_each(values)
        self.assertEqual(
            records.mapped("local_time"), ["10:00:00", "11:00:00", "12:00:00"]
        )
        self.assertEqual(records[2].uniqueness_key, "2026-09-01|12:00:00")
        self.assertEqual(len(records.change_ids), 6)

    def test_two_may_change_places(self):
        first, second = self._record(), self._record(local_time="09:00")
        self.records_of(self.officer)._write_each(
            {first: {"local_time": "09:00"}, second: {"local_time": "08:00"}}
        )
        self.assertEqual(first.uniqueness_key, "2026-09-01|09:00:00")
        self.assertEqual(second.uniqueness_key, "2026-09-01|08:00:00")

    def test_writing_many_obeys_the_rules(self):
        mine = self._record()
        closed = self.records_of(self.manager).create(
            {"subscriber_id": self.joseph.id, "location_id": self.closed_site.id}
        )
        records = self.records_of(self.officer)
        with self.assertRaises(AccessError):
            records._write_each(
                {mine: {"category": "absent"}, closed: {"category": "absent"}}
            )

    def test_a_correction_ends_where_one_may_record(self):
        record = self._record()
        (outcome,) = self.ingest(
            self.item("T-2", location="HALL", tz="UTC"), source="device"
        )
        read = record.browse(outcome.id)
        for values in (
            {"location_id": self.closed_site.id},
            {"subscriber_id": self.stranger.id},
        ):
            for of_officer in (record, read):
                with (
                    self.subTest(values=values, source=of_officer.source),
                    self.assertRaises(AccessError),
                    self.env.cr.savepoint(),
                ):
                    of_officer.write(values)

    @warmup
    def test_writing_many_costs_what_writing_few_costs(self):
        people = self.env["spp.attendance.subscriber"].create(
            [
                {
                    "person_identifier": f"C-{number}",
                    "name": f"C {number}",
                    "company_id": self.company.id,
                }
                for number in range(60)
            ]
        )
        records = self.records_of(self.manager)
        outcomes = self.ingest(
            *(self.item(person.person_identifier, location="HALL") for person in people)
        )

        def statements(ids):
            self.env.flush_all()
            self.env.invalidate_all()
            start = self.env.cr.sql_log_count
            records._write_each(
                {
                    record: {
                        "local_time": f"09:00:{number:02}",
                        "location_id": self.closed_site.id,
                        "description": str(number),
                    }
                    for number, record in enumerate(records.browse(ids))
                }
            )
            self.env.flush_all()
            return self.env.cr.sql_log_count - start

        ids = [outcome.id for outcome in outcomes]
        statements(ids[:5])
        self.assertEqual(statements(ids[5:10]), statements(ids[10:]))

    def test_nobody_deletes_at_all(self):
        record = self._record()
        with self.assertRaisesRegex(UserError, "Void the record"):
            record.sudo().unlink()

    def test_evidence_is_seen_with_the_record(self):
        record = self._record()
        files = record.env["ir.attachment"]
        # As the widget uploads it for a record that isn't saved yet.
        file = files.create(
            {"name": "sheet.txt", "raw": b"signed", "res_model": record._name}
        )
        of_manager = file.with_user(self.manager)
        with self.assertRaises(AccessError):
            of_manager.check_access("read")
        record.attachment_ids = file
        self.assertEqual((file.res_model, file.res_id), (record._name, record.id))
        of_manager.check_access("read")
        self.assertEqual(
            self._told(record), [("corrected", "attachment_ids", False, "sheet.txt")]
        )
        other = self.records_of(self.officer).create(
            {"subscriber_id": self.joseph.id, "attachment_ids": [(6, 0, file.ids)]}
        )
        self.assertEqual(file.res_id, record.id)
        self.assertEqual(other.attachment_ids, file)

    def test_who_submitted_it_is_kept_verbatim(self):
        (outcome,) = self.ingest(
            {
                "person_identifier": "T-1",
                "date_time": "2026-09-01T08:00:00",
                "submitted_by": 'An "officer" \\ of theirs',
                "submitted_datetime": "2026-09-01 8 Uhr",
                "submission_source": "Tablet 7",
            }
        )
        record = self.env["spp.attendance.record"].browse(outcome.id)
        self.assertRecordValues(
            record,
            [
                {
                    "submitted_by": 'An "officer" \\ of theirs',
                    "submitted_datetime": "2026-09-01 8 Uhr",
                    "submission_source": "Tablet 7",
                }
            ],
        )
        with self.assertRaises(AccessError):
            record.with_user(self.officer).submitted_by = "somebody else"
