from freezegun import freeze_time

from odoo import fields
from odoo.fields import Domain
from odoo.tests import tagged
from odoo.tools import SQL

from .common import AttendanceCase


@tagged("post_install", "-at_install")
@freeze_time("2026-09-10 12:00:00")
class TestRecordSearch(AttendanceCase):
    def test_a_date_is_found_wherever_on_earth_it_was(self):
        """A search by local date is helped along by instants, and misses nothing."""
        model = self.env["spp.attendance.record"]
        days = [f"2026-09-0{day}" for day in range(1, 6)]
        records = model.create(
            [
                {
                    "subscriber_id": person.id,
                    "tz": tz,
                    "local_date": day,
                    "local_time": time,
                }
                for person, tz in (
                    (self.amina, "Pacific/Kiritimati"),
                    (self.joseph, "Etc/GMT+12"),
                )
                for day in days
                for time in ("00:00:00", "23:59:59")
            ]
        )
        day = fields.Date.to_date("2026-09-03")
        for operator, holds in (
            (">=", day.__le__),
            (">", day.__lt__),
            ("<=", day.__ge__),
            ("<", day.__gt__),
            ("=", day.__eq__),
            ("!=", day.__ne__),
        ):
            for value in (day, "2026-09-03"):
                condition = Domain("local_date", operator, value)
                expected = records.filtered(lambda r, holds=holds: holds(r.local_date))
                with self.subTest(operator=operator, value=value):
                    mine = Domain("id", "in", records.ids)
                    self.assertEqual(model.search(mine & condition), expected)
                    self.assertEqual(
                        model.search(mine & ~condition), records - expected
                    )
        self.assertEqual(
            model.search_count(
                [("id", "in", records.ids), ("local_date", ">", "today -1000d")]
            ),
            len(records),
        )

    def test_what_has_changed_since_is_found_by_index(self):
        changed = Domain("write_date", ">=", "2026-09-01")
        query = self.records_of(self.api_user)._search(
            changed, order="write_date, id", limit=100
        )
        self.fill_records()
        # As with millions of them.
        self.env.cr.execute(
            "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off"
        )
        plan = self.env.execute_query(SQL("EXPLAIN %s", query.select()))
        self.assertIn(
            "spp_attendance_record_company_write_date_idx",
            "\n".join(line for (line,) in plan),
        )
