from datetime import timedelta
from unittest.mock import patch

from psycopg2.errors import LockNotAvailable

from odoo.exceptions import ConcurrencyError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.spp_attendance.tests.common import RealCase
from odoo.addons.spp_oauth.tools.retry import run_in_transaction

from ..models import spp_attendance_scan_match
from .common import MORNING, DeviceCase, reading, scan


@tagged("post_install", "-at_install")
class TestDuplicates(DeviceCase):
    """Somebody who is scanned twice within moments was there once."""

    def seconds(self, *offsets, punch=0, code="T-1", device=None):
        self.store(
            *(scan(code, MORNING + timedelta(seconds=at), punch) for at in offsets),
            device=device,
        )

    def states(self, device=None):
        return self.scans_of(device).sorted("scan_time").mapped("state")

    def test_a_chain_swallows_no_more_than_the_window(self):
        self.seconds(0, 40, 80, 120)
        self.assertEqual(
            self.states(), ["matched", "duplicate", "matched", "duplicate"]
        )
        first, same, third, last = self.scans_of().sorted("scan_time")
        self.assertEqual(same.duplicate_of_id, first)
        self.assertEqual(last.duplicate_of_id, third)
        self.assertEqual(same.reason_code, "same_scan")
        self.assertEqual(same.subscriber_id, self.amina)
        self.assertFalse(same.record_id)

    def test_across_polls_and_terminals_whatever_comes_first(self):
        other = self.new_device()
        self.seconds(30)
        self.seconds(0, device=other)
        self.seconds(90, device=other)
        self.assertEqual(self.states(other), ["duplicate", "duplicate"])
        self.assertEqual(self.scans_of(other).duplicate_of_id, self.scans_of())

    def test_who_comes_and_goes_is_seen_twice(self):
        self.seconds(0, punch=0)
        self.seconds(10, punch=1)
        self.assertEqual(self.states(), ["matched", "matched"])
        self.seconds(20, punch=255)
        self.assertEqual(self.states()[-1], "duplicate")
        # Of the nearest one.
        self.assertEqual(
            self.scans_of().sorted("scan_time")[-1].duplicate_of_id,
            self.scans_of().sorted("scan_time")[1],
        )

    def test_the_policy_says_the_direction(self):
        self.device.direction_policy = "in"
        way_out = self.new_device(direction_policy="out")
        self.seconds(0, punch=1)
        self.seconds(10, punch=0)
        self.seconds(20, punch=0, device=way_out)
        self.assertEqual(self.states(), ["matched", "duplicate"])
        self.assertEqual(self.states(way_out), ["matched"])
        records = (self.scans_of() | self.scans_of(way_out)).record_id
        self.assertEqual(records.sorted("date_time").mapped("direction"), ["in", "out"])

    def test_others_are_others(self):
        self.seconds(0)
        self.seconds(5, code="T-2")
        self.assertEqual(self.states(), ["matched", "matched"])

    def test_nobody_wants_it(self):
        self.company.attendance_scan_window = 0
        self.seconds(0, 1, 2)
        self.assertEqual(self.states(), ["matched"] * 3)

    def test_what_was_voided_stands_in_nobodys_way(self):
        self.seconds(0)
        self.scans_of().record_id._void("A test of the reader")
        self.seconds(20)
        self.assertEqual(self.states(), ["matched", "matched"])

    def test_repeats_of_what_was_refused_count_themselves(self):
        register = self.env["spp.attendance.register"].create(
            {
                "name": "Road works",
                "company_id": self.company.id,
                "date_start": "2026-09-02",
            }
        )
        self.device.with_user(self.admin).register_id = register
        self.seconds(0, 20)
        self.assertEqual(self.states(), ["rejected", "rejected"])
        self.assertEqual(set(self.scans_of().mapped("reason_code")), {"refused"})

    def test_counts(self):
        take = self.env["spp.attendance.scan"]._take
        rows = [
            scan("T-1"),
            scan("T-1", MORNING + timedelta(seconds=10)),
            scan("X-1"),
            scan("X-2"),
            scan("T-1", None),
            scan("T-1"),
        ]
        counts = take(self.device, iter(rows), 0)
        self.assertEqual(counts, (6, 5, 1, 1, 2, 1))
        self.assertEqual(take(self.device, rows, 0), (6, 0, 0, 0, 0, 0))
        # Who waited and is known now is among the matched, and not among the new.
        self.joseph.badge = "X-1"
        counts = take(self.device, [*rows, scan("T-3")], 0)
        self.assertEqual(counts, (7, 1, 2, 0, 0, 0))

    def test_statements_do_not_grow_with_the_scans(self):
        take = self.env["spp.attendance.scan"]._take
        counted = []
        for day, count in ((0, 20), (1, 400)):
            rows = [
                scan(
                    f"T-{1 + number % 2}",
                    MORNING + timedelta(days=day, seconds=45 * number),
                )
                for number in range(count)
            ]
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            counts = take(self.device, rows, 0)
            self.assertEqual(counts.matched + counts.duplicate, count)
            counted.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(counted[1], counted[0] + 1)


@tagged("post_install", "-at_install")
class TestDuplicatesAtOnce(RealCase):
    """Somebody passes two terminals in a moment, and two workers store it at once."""

    emptied = (
        "spp_attendance_scan",
        *RealCase.emptied,
        "spp_attendance_device_run",
    )

    def setUp(self):
        super().setUp()
        with self.transaction() as env:
            self.make(
                env,
                "spp.attendance.subscriber",
                {"person_identifier": "T-1", "company_id": self.company_id},
            )
            devices = self.make(
                env,
                "spp.attendance.device",
                *(
                    {
                        "name": f"Door {number}",
                        "adapter": "simulated",
                        "company_id": self.company_id,
                        "enabled": False,
                    }
                    for number in range(2)
                ),
            )
            self.first_id, self.second_id = devices.ids

    def store(self, env, device_id, seconds=0):
        device = env["spp.attendance.device"].browse(device_id)
        token = device._claim_for_test().token
        moment = MORNING + timedelta(seconds=seconds)
        device._store(token, reading(scan("T-1", moment)))

    def states(self):
        with self.transaction() as env:
            scans = env["spp.attendance.scan"].search(
                [("company_id", "=", self.company_id)], order="scan_time"
            )
            return scans.mapped("state")

    def test_what_was_not_seen_is_not_missed(self):
        with self.transaction() as late:
            late["spp.attendance.device"].search_count([])  # takes its snapshot
            with self.transaction() as early:
                self.store(early, self.first_id)
            with self.assertRaises(ConcurrencyError):
                self.store(late, self.second_id, seconds=20)
            late.cr.rollback()
        run_in_transaction(
            self.registry, lambda env: self.store(env, self.second_id, seconds=20)
        )
        self.assertEqual(self.states(), ["matched", "duplicate"])

    def test_who_comes_later_waits(self):
        with self.transaction() as early, self.transaction() as late:
            self.store(early, self.first_id)
            late.cr.execute("SET LOCAL lock_timeout = '50ms'")
            with mute_logger("odoo.sql_db"), self.assertRaises(LockNotAvailable):
                self.store(late, self.second_id, seconds=20)
            late.cr.rollback()
            early.cr.commit()
            self.store(late, self.second_id, seconds=20)
        self.assertEqual(self.states(), ["matched", "duplicate"])

    def test_very_many_people_take_one_lock(self):
        with patch.object(spp_attendance_scan_match, "_PERSON_LOCKS", 0):
            self.test_who_comes_later_waits()

    def test_what_is_apart_needs_no_second_try(self):
        with self.transaction() as late:
            late["spp.attendance.device"].search_count([])
            with self.transaction() as early:
                self.store(early, self.first_id)
            self.store(late, self.second_id, seconds=3600)
        self.assertEqual(self.states(), ["matched", "matched"])
