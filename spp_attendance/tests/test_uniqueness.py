from freezegun import freeze_time

from odoo.exceptions import ValidationError
from odoo.tests import tagged

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
