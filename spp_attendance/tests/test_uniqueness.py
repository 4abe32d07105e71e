from freezegun import freeze_time
from psycopg2.errors import UniqueViolation

from odoo.exceptions import ValidationError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from .common import AttendanceCase


@tagged("post_install", "-at_install")
@freeze_time("2026-09-10 12:00:00")
class TestUniqueness(AttendanceCase):
    def _set_rule(self, *parts):
        self.company.write(
            {
                f"attendance_unique_{part}": part in parts
                for part in ("date", "time", "type", "location")
            }
        )

    def test_parts_need_the_one_before(self):
        for parts in (["time"], ["date", "type"], ["date", "time", "location"]):
            with self.subTest(parts), self.assertRaises(ValidationError):
                self._set_rule(*parts)

    def test_each_rule(self):
        base = self.item(type="TRN-TEST", location="HALL")
        same = {
            "no rule": ([], ["created"] * 5),
            "date": (["date"], ["duplicate"] * 5),
            "time": (
                ["date", "time"],
                ["duplicate", "created", "duplicate", "duplicate", "duplicate"],
            ),
            "type": (
                ["date", "time", "type"],
                ["duplicate", "created", "created", "duplicate", "duplicate"],
            ),
            "location": (
                ["date", "time", "type", "location"],
                ["duplicate", "created", "created", "created", "duplicate"],
            ),
        }
        for name, (parts, expected) in same.items():
            with self.subTest(name), self.env.cr.savepoint() as savepoint:
                self._set_rule(*parts)
                self.ingest(base)
                outcomes = self.ingest(
                    base,
                    {**base, "date_time": "2026-09-01T09:00:00"},
                    {**base, "type": None},
                    {**base, "location": None},
                    {**base, "category": "absent"},
                )
                self.assertEqual([o.status for o in outcomes], expected)
                savepoint.rollback()
                self.env.invalidate_all()

    def test_missing_type_and_location_are_values(self):
        self._set_rule("date", "time", "type", "location")
        outcomes = self.ingest(self.item(), self.item(), self.item(type="TRN-TEST"))
        self.assertEqual(
            [o.status for o in outcomes], ["created", "duplicate", "created"]
        )

    def test_a_change_rewrites_the_keys(self):
        (outcome,) = self.ingest(self.item(type="TRN-TEST"))
        record = self.env["spp.attendance.record"].browse(outcome.id)
        self._set_rule("date", "time", "type")
        self.assertEqual(
            record.uniqueness_key, f"2026-09-01|08:00:00|{self.training.id}"
        )
        self._set_rule()
        self.assertFalse(record.uniqueness_key)

    def test_a_change_that_data_contradicts_is_refused_with_who(self):
        first, second = self.ingest(
            self.item(), self.item(date_time="2026-09-01T09:00:00")
        )
        records = self.env["spp.attendance.record"].browse([first.id, second.id])
        with (
            self.assertRaisesRegex(ValidationError, r"T-1 \(2026-09-01, 2 times\)"),
            self.env.cr.savepoint(),
        ):
            self._set_rule("date")
        self.assertTrue(self.company.attendance_unique_time)
        self.assertEqual(records[0].uniqueness_key, "2026-09-01|08:00:00")
        # Once the surplus is voided it goes through.
        records[1]._void("entered twice")
        self._set_rule("date")
        self.assertEqual(records[0].uniqueness_key, "2026-09-01")

    def test_a_company_s_rule_is_its_own(self):
        self.other_company.write(
            {"attendance_unique_date": False, "attendance_unique_time": False}
        )
        stranger = {
            "subscriber_id": self.stranger.id,
            "date_time": "2026-09-01T08:00:00",
        }
        model = self.env["spp.attendance.record"].with_company(self.other_company)
        self.assertEqual(
            [o.status for o in model._ingest([stranger, stranger])], ["created"] * 2
        )
        self.assertEqual(
            [o.status for o in self.ingest(self.item(), self.item())],
            ["created", "duplicate"],
        )

    def _refused(self, act):
        with (
            self.assertRaises(UniqueViolation) as caught,
            mute_logger("odoo.sql_db"),
            self.env.cr.savepoint(),
        ):
            act()
            self.env.flush_all()
        name = caught.exception.diag.constraint_name
        self.assertEqual(name, "spp_attendance_record_subscriber_key_unique")

    def test_every_way_in_obeys(self):
        """Form, import, correction, restoring and ingest, each under each rule."""
        first = {
            "subscriber_id": self.amina.id,
            "local_date": "2026-09-01",
            "local_time": "08:00:00",
            "type_id": self.training.id,
            "location_id": self.hall.id,
        }
        # What differs from the first in what only a finer rule looks at.
        others = {
            "date": {"local_time": "09:00:00"},
            "time": {"type_id": False},
            "type": {"location_id": False},
            "location": {},
        }
        parts = ("date", "time", "type", "location")
        model = self.records_of(self.officer)
        for number, part in enumerate(parts, start=1):
            with (
                self.subTest(rule=parts[:number]),
                self.env.cr.savepoint() as savepoint,
            ):
                self._set_rule(*parts[:number])
                model.create(first)
                twin = {**first, **others[part]}

                form = Form(model)
                for name, value in twin.items():
                    if name.endswith("_id"):
                        value = model[name].browse(value)
                    form[name] = value
                self._refused(form.save)

                columns = {
                    "subscriber_id": "T-1",
                    "local_date": twin["local_date"],
                    "local_time": twin["local_time"],
                    "type_id": "Workshop" if twin["type_id"] else "",
                    "location_id": "Hall" if twin["location_id"] else "",
                }
                with mute_logger("odoo.sql_db"):
                    result = model.load([*columns], [[*columns.values()]])
                self.assertFalse(result["ids"])
                self.assertIn("already has such", result["messages"][0]["message"])

                elsewhere = model.create({**twin, "local_date": "2026-09-05"})
                self._refused(lambda r=elsewhere: r.write({"local_date": "2026-09-01"}))
                self._refused(
                    lambda r=elsewhere: model._write_each(
                        {r: {"local_date": "2026-09-01"}}
                    )
                )

                elsewhere._void("Next in its place")
                again = model.create({**twin, "local_date": "2026-09-05"})
                self._refused(elsewhere._restore)
                again._void("Free again")
                elsewhere._restore()

                (outcome,) = self.ingest(
                    self.item(
                        date_time=f"2026-09-01T{twin['local_time']}",
                        type=twin["type_id"] or None,
                        location=twin["location_id"] or None,
                    )
                )
                self.assertEqual(outcome.status, "duplicate")
                savepoint.rollback()
                self.env.invalidate_all()

    def test_the_database_holds_even_what_bypasses_all_code(self):
        (outcome,) = self.ingest(self.item())
        (other,) = self.ingest(self.item(date_time="2026-09-01T09:00:00"))
        record = self.env["spp.attendance.record"].browse(outcome.id)
        self._refused(
            lambda: self.env.cr.execute(
                "UPDATE spp_attendance_record SET uniqueness_key = %s WHERE id = %s",
                [record.uniqueness_key, other.id],
            )
        )

    def test_scans_are_no_conflict_of_any_rule(self):
        self._set_rule()
        scans = [
            {
                "subscriber_id": self.amina.id,
                "date_time": f"2026-09-01T{hour:02}:00:00",
                "scan_type": scan_type,
            }
            for hour, scan_type in ((8, "in"), (12, "out"), (13, "in"), (17, "out"))
        ]
        self.assertEqual([o.status for o in self.ingest(*scans)], ["created"] * 4)
        self._set_rule("date")
        self.assertEqual(self.ingest(scans[3])[0].status, "duplicate")
        self.assertEqual(self.ingest(self.item())[0].status, "created")

    def test_a_conflict_names_ten_and_counts_the_rest(self):
        self.ingest(
            *(
                self.item(date_time=f"2026-08-{day:02}T{hour}:00:00")
                for day in range(1, 13)
                for hour in ("08", "09")
            )
        )
        with self.assertRaisesRegex(
            ValidationError, r"12 existing groups .*2026-08-10, 2 times\) …"
        ):
            self._set_rule("date")
