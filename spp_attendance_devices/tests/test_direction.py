from datetime import datetime, timedelta

from odoo.tests import tagged

from ..scan_rules import types_of_day
from .common import MORNING, DeviceCase, scan


@tagged("post_install", "-at_install")
class TestDirection(DeviceCase):
    """Which way people went, by the policy of the terminal."""

    def at(self, *hours, code="T-1", punch=255, day=0, device=None):
        midnight = MORNING.replace(hour=0) + timedelta(days=day)
        self.store(
            *(scan(code, midnight + timedelta(hours=hour), punch) for hour in hours),
            device=device,
        )

    def types(self, device=None):
        records = self.env["spp.attendance.record"].search(
            [("origin", "=", f"device/{(device or self.device).id}")],
            order="subscriber_id, date_time",
        )
        return [record.scan_type for record in records]

    def changes(self):
        return self.env["spp.attendance.record.change"].search(
            [("record_id.origin", "=", f"device/{self.device.id}")]
        )

    def test_rules(self):
        self.assertEqual(types_of_day("alternate", 3), ["in", "out", "in"])
        self.assertEqual(
            [types_of_day("first_last", count) for count in range(5)],
            [
                [],
                ["in"],
                ["in", "out"],
                ["in", "none", "out"],
                ["in", "none", "none", "out"],
            ],
        )

    def test_all_in_and_all_out(self):
        self.device.direction_policy = "in"
        self.at(8, punch=1)
        self.device.direction_policy = "out"
        self.at(9, punch=0)
        self.assertEqual(self.types(), ["in", "out"])
        # What was read stays as it was read.
        self.assertEqual(
            self.scans_of().sorted("scan_time").mapped("scan_type"), ["out", "in"]
        )

    def test_alternating(self):
        self.device.direction_policy = "alternate"
        self.at(8, 12, 13, 17)
        self.at(8, code="T-2")
        self.at(9, day=1)
        self.assertEqual(self.types(), ["in", "out", "in", "out", "in", "in"])
        self.assertFalse(self.changes())

    def test_a_late_scan_changes_those_after_it(self):
        self.device.direction_policy = "alternate"
        self.at(8, 17)
        self.at(12)
        self.assertEqual(self.types(), ["in", "out", "in"])
        [change] = self.changes()
        self.assertEqual(
            (change.field, change.old_value, change.new_value),
            ("scan_type", "out", "in"),
        )
        self.assertEqual(change.create_uid, self.device.user_id)
        self.assertEqual(change.record_id.direction, "in")

    def test_first_in_last_out(self):
        self.device.direction_policy = "first_last"
        self.at(8)
        self.assertEqual(self.types(), ["in"])
        self.at(12)
        self.assertEqual(self.types(), ["in", "out"])
        self.at(17)
        self.assertEqual(self.types(), ["in", "none", "out"])
        self.at(7)
        self.assertEqual(self.types(), ["in", "none", "none", "out"])
        self.at(9, 18)
        self.assertEqual(self.types(), ["in", "none", "none", "none", "none", "out"])

    def test_a_day_is_the_terminals_own(self):
        self.device.write({"direction_policy": "alternate", "tz": "Pacific/Auckland"})
        self.store(
            scan(moment=datetime(2026, 9, 1, 23, 30)),
            scan(moment=datetime(2026, 9, 2, 0, 30)),
        )
        self.assertEqual(self.types(), ["in", "in"])

    def test_what_people_decided_stays(self):
        self.device.direction_policy = "alternate"
        self.at(8, 12, 17)
        records = self.scans_of().record_id.sorted("date_time")
        records[1].with_user(self.officer).scan_type = "overtime_out"
        records[2].with_user(self.officer)._void("A visitor's")
        self.at(10)
        self.assertEqual(self.types(), ["in", "out", "overtime_out"])
        self.assertEqual(records[2].scan_type, "in")

    def test_what_would_be_another_ones_twin_stays(self):
        self.company.attendance_unique_time = False
        self.device.direction_policy = "first_last"
        self.at(8, 10, 12)
        self.at(17)
        self.assertEqual(self.types(), ["in", "none", "out", "out"])

    def test_what_a_register_holds_fast_stays(self):
        self.device.direction_policy = "alternate"
        self.at(8, 17)
        records = self.scans_of().record_id.sorted("date_time")
        register = self.env["spp.attendance.register"].create(
            {
                "name": "Road works",
                "company_id": self.company.id,
                "date_start": "2026-09-01",
            }
        )
        records[1].sudo().register_id = register
        self.at(12)
        self.assertEqual(self.types(), ["in", "out", "out"])

    def test_statements_do_not_grow_with_the_days(self):
        self.device.direction_policy = "alternate"
        counted = []
        for first, count in ((0, 3), (100, 60)):
            days = range(first, first + count)
            evenings = [
                scan("T-1", datetime(2025, 1, 1, 17) + timedelta(days=day))
                for day in days
            ]
            self.env["spp.attendance.scan"]._take(self.device, evenings, 0)
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.env["spp.attendance.scan"]._take(
                self.device,
                [
                    row._replace(
                        local_time=row.local_time - timedelta(hours=9),
                        timestamp_raw=str(row.local_time - timedelta(hours=9)),
                    )
                    for row in evenings
                ],
                0,
            )
            counted.append(self.env.cr.sql_log_count - before)
        self.assertEqual(self.types(), ["in", "out"] * 63)
        self.assertLessEqual(counted[1], counted[0] + 2)
