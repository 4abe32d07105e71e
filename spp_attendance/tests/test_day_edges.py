"""The edge cases of a day, each from its readings to the row that people see.

Numbers are those of the table of edge cases; what is only arithmetic is tested with the
engine (``tests/test_attendance_day.py``).
"""

from datetime import date, datetime

from freezegun import freeze_time

from odoo.tests import tagged

from ..engine.day import Leave
from ..engine.hours import to_hours
from ..engine.shift_rules import minute_of
from .common_day import DayCase

#: A Tuesday.
DAY = "2026-09-01"


@tagged("post_install", "-at_install")
@freeze_time("2026-09-20 09:00:00")
class TestDayEdges(DayCase):
    def hours(self, day):
        return tuple(
            to_hours(minutes)
            for minutes in (
                day.working_minutes,
                day.overtime_minutes,
                day.extra_overtime_minutes,
            )
        )

    def night_shift(self, date_from=DAY, **values):
        shift = self.new_shift(
            "Night", start=22, end=6, overtime_start=6, extra_start=8, **values
        )
        self.assign(shift, date_from, subscriber_id=self.worker.id)
        return shift

    def test_01_a_night_belongs_to_the_day_on_which_it_begins(self):
        self.night_shift()
        self.read(DAY, "21:55 in", "30:05 out")
        self.compute()
        day = self.day(DAY)
        self.assertEqual(day.status_code, "Present-OnTime")
        self.assertEqual(day.gross_minutes, 490)
        self.assertFalse(self.day("2026-09-02").first_check_in)

    def test_01_a_night_at_the_end_of_the_year(self):
        self.worker.work_from = "2025-12-01"
        self.night_shift("2025-12-01")
        self.read("2025-12-31", "22:00 in", "30:00 out")
        self.compute()
        self.assertEqual(self.day("2025-12-31").gross_minutes, 480)
        self.assertFalse(self.day("2026-01-01").first_check_in)

    def test_02_a_checkout_after_midnight_is_of_the_same_day(self):
        self.read(DAY, "08:00 in", "24:00 out")
        self.read("2026-09-02", "08:00 in", "26:00 out")
        self.compute()
        first, second = self.day(DAY), self.day("2026-09-02")
        self.assertEqual(self.hours(first), (8.25, 2.0, 5.0))
        self.assertTrue(first.snacks_eligible and first.night_bill_eligible)
        self.assertEqual(self.hours(second), (8.25, 2.0, 7.0))

    def test_03_an_early_in_begins_the_next_day(self):
        # Readings until 16:00 may be of the night that has ended at 06:00, and those
        # from 12:00 on of the next one.
        self.night_shift(opens_before=10)
        self.read(DAY, "22:00 in", "30:00 out", "37:00 in")
        self.read("2026-09-02", "30:00 out")
        self.compute()
        self.assertEqual(self.day(DAY).gross_minutes, 480)
        later = self.day("2026-09-02")
        self.assertEqual(later.first_check_in, datetime(2026, 9, 2, 10))
        self.assertEqual(later.last_check_out, datetime(2026, 9, 3, 3))

    def test_04_readings_that_are_repeated(self):
        self.read(DAY, "08:00:10 in", "08:00:50 in", "17:00 out")
        self.compute()
        day = self.day(DAY)
        self.assertEqual((day.scan_count, day.duplicate_count), (2, 1))
        self.assertEqual(self.hours(day), (8.25, 0.0, 0.0))

    def test_05_a_log_that_is_delivered_again(self):
        self.read(DAY, "08:00 in", "17:00 out")
        self.compute()
        before = self.day(DAY).read()
        outcomes = self.read(DAY, "08:00 in", "17:00 out")
        self.compute(since=DAY)
        self.assertEqual([o.status for o in outcomes], ["duplicate"] * 2)
        self.assertEqual(self.day(DAY).read(), before)

    def test_06_one_reading(self):
        self.read(DAY, "08:03 in")
        self.compute()
        day = self.day(DAY)
        self.assertEqual(day.status_code, "Present-Considered")
        self.assertTrue(day.missing_out)
        self.assertFalse(day.last_check_out)
        self.assertEqual(self.hours(day), (0.0, 0.0, 0.0))

    def test_06_a_forgotten_out_that_the_shift_closes(self):
        self.assign(
            self.new_shift("Closing", missing_out="auto_out"),
            DAY,
            subscriber_id=self.worker.id,
        )
        self.read(DAY, "08:00 in")
        self.compute()
        day = self.day(DAY)
        self.assertTrue(day.is_auto_out)
        self.assertEqual(self.hours(day), (8.25, 0.0, 0.0))

    def test_07_an_out_alone(self):
        self.read(DAY, "17:00 out")
        self.compute()
        day = self.day(DAY)
        self.assertEqual(day.status_code, "Present-Late")
        self.assertTrue(day.missing_in and day.needs_review)
        self.assertEqual(self.hours(day), (0.0, 0.0, 0.0))

    def test_08_in_in_out_out(self):
        self.read(DAY, "08:00 in", "12:00 in", "13:00 out", "17:00 out")
        self.compute()
        self.assertEqual(self.day(DAY).gross_minutes, 540)
        self.assign(
            self.new_shift("Pairs", hours_mode="pairs"),
            DAY,
            subscriber_id=self.worker.id,
        )
        self.compute()
        self.assertEqual(self.day(DAY).working_minutes, 300)

    def test_09_readings_that_dont_say_which_way(self):
        self.read(DAY, "08:00", "12:00", "13:00", "17:30")
        self.compute()
        self.assertEqual(self.hours(self.day(DAY)), (8.25, 0.5, 0.0))

    def test_10_a_reading_that_comes_late(self):
        self.compute(since=DAY)
        self.assertEqual(self.day(DAY).status_code, "Absent")
        self.read(DAY, "17:30 out")
        self.compute()
        self.assertEqual(self.day(DAY).status_code, "Present-Late")
        self.read(DAY, "08:00 in")
        self.compute()
        day = self.day(DAY)
        self.assertEqual(day.status_code, "Present-OnTime")
        self.assertEqual(self.hours(day), (8.25, 0.5, 0.0))

    def test_10_a_record_that_is_corrected_or_voided(self):
        self.read(DAY, "08:00 in", "17:30 out")
        self.compute()
        records = self.env["spp.attendance.record"].search(
            [("subscriber_id", "=", self.worker.id)], order="date_time"
        )
        records[0].write({"local_time": "08:10:00"})
        self.compute()
        self.assertEqual(self.day(DAY).status_code, "Present-Late")
        records[0].write({"local_date": "2026-09-02"})
        self.compute()
        self.assertTrue(self.day(DAY).missing_in)
        self.assertTrue(self.day("2026-09-02").missing_out)
        records._void("Read by mistake")
        self.compute()
        self.assertEqual(
            (self.day(DAY) + self.day("2026-09-02")).mapped("status"),
            ["absent", "absent"],
        )

    def test_12_nights_in_which_clocks_change(self):
        """An hour shorter in spring, an hour longer in autumn; limits are wall time."""
        site = self.env["spp.attendance.location"].create(
            {
                "name": "Dublin",
                "tz": "Europe/Dublin",
                "company_id": self.company.id,
            }
        )
        self.worker.write({"location_id": site.id, "work_from": "2025-09-01"})
        self.night_shift("2025-09-01")
        nights = {"2025-10-25": 540, "2026-03-28": 420, "2026-04-11": 480}
        instants = {
            "2025-10-25": ("2025-10-25T22:00+01:00", "2025-10-26T06:00+00:00"),
            "2026-03-28": ("2026-03-28T22:00+00:00", "2026-03-29T06:00+01:00"),
            "2026-04-11": ("2026-04-11T22:00+01:00", "2026-04-12T06:00+01:00"),
        }
        for came, went in instants.values():
            self.ingest(
                self.item("W-1", came, scan_type="in", location_id=site.id),
                self.item("W-1", went, scan_type="out", location_id=site.id),
                user=self.manager,
            )
        self.compute()
        for on, minutes in nights.items():
            with self.subTest(on):
                day = self.day(on)
                self.assertEqual(day.status, "on_time")
                self.assertEqual(day.gross_minutes, minutes)
                self.assertEqual((day.early_exit_minutes, day.overtime_minutes), (0, 0))

    def test_14_readings_in_another_zone(self):
        self.ingest(
            self.item("W-1", "2026-09-01T08:00+03:00", scan_type="in"),
            self.item(
                "W-1",
                "2026-09-01T20:15:00",  # 17:30 in Nairobi
                scan_type="out",
                location_id=self.closed_site.id,
            ),
            user=self.manager,
        )
        self.compute()
        day = self.day(DAY)
        self.assertEqual(day.tz, "Africa/Nairobi")
        self.assertEqual(self.hours(day), (8.25, 0.5, 0.0))

    def test_15_readings_on_a_day_of_leave(self):
        self.read(DAY, "09:00 in", "12:00 out")
        sick = {(self.worker.id, date(2026, 9, 1)): [Leave("Sick", "LS")]}
        with self.leaves(sick):
            self.compute()
        day = self.day(DAY)
        self.assertEqual(
            (day.status, day.status_code, day.abbreviation),
            ("leave", "Leave-Sick", "LS"),
        )
        self.assertTrue(day.has_conflict and day.needs_review)
        self.assertEqual(day.gross_minutes, 180)
        self.assertEqual(day.expected_minutes, 0)

    def test_16_half_a_day_of_leave(self):
        noon, five = (
            minute_of(date(2026, 9, 1), minutes, "Africa/Nairobi")
            for minutes in (12 * 60, 17 * 60)
        )
        half = Leave("Casual", "LC", 50, noon, five)
        self.read(DAY, "08:00 in", "12:00 out")
        with self.leaves({(self.worker.id, date(2026, 9, 1)): [half]}):
            self.compute()
        day = self.day(DAY)
        self.assertEqual(day.status_code, "Present-OnTime")
        self.assertEqual((day.leave_code, day.leave_hundredths), ("Casual", 50))
        self.assertEqual((day.early_exit_minutes, day.expected_minutes), (0, 240))

    def test_16_a_morning_of_leave(self):
        eight, noon = (
            minute_of(date(2026, 9, 1), minutes, "Africa/Nairobi")
            for minutes in (8 * 60, 12 * 60)
        )
        half = Leave("Casual", "LC", 50, eight, noon)
        self.read(DAY, "12:07 in", "17:00 out")
        with self.leaves({(self.worker.id, date(2026, 9, 1)): [half]}):
            self.compute()
        day = self.day(DAY)
        self.assertEqual((day.status_code, day.late_minutes), ("Present-Late", 7))
        self.assertEqual((day.leave_hundredths, day.expected_minutes), (50, 240))

    def test_17_work_on_a_day_off(self):
        friday = "2026-09-04"
        self.read(friday, "08:00 in", "12:00 out")
        self.compute(since=friday)
        day = self.day(friday)
        self.assertEqual((day.day_type, day.status), ("weekend", "on_time"))
        self.assertEqual(self.hours(day), (0.0, 4.0, 0.0))
        self.read("2026-09-11", "09:00 in", "12:00 out")
        self.assign(
            self.new_shift("Bands", holiday_work="bands"),
            "2026-09-05",
            subscriber_id=self.worker.id,
        )
        self.compute()
        self.assertEqual(self.hours(self.day("2026-09-11")), (3.0, 0.0, 0.0))
        self.assertEqual(self.day("2026-09-11").status, "late")

    def test_19_a_leave_that_is_taken_back(self):
        with self.leaves({(self.worker.id, date(2026, 9, 1)): [Leave("Sick", "LS")]}):
            self.compute(since=DAY)
            self.assertEqual(self.day(DAY).status_code, "Leave-Sick")
        self.compute(since=DAY)
        self.assertEqual(self.day(DAY).status_code, "Absent")

    def test_20_a_holiday_that_is_added_later(self):
        self.compute(since=DAY)
        with self.holidays(DAY):
            self.compute(since=DAY)
            day = self.day(DAY)
            self.assertEqual((day.status, day.day_type), ("holiday", "holiday"))
        self.compute(since=DAY)
        self.assertEqual((day.status, day.day_type), ("absent", "working"))

    def test_21_who_has_joined_or_left(self):
        self.worker.write({"work_from": "2026-09-02", "work_to": "2026-09-07"})
        self.compute(since="2026-08-30", until="2026-09-10")
        self.assertEqual(
            self.days.search(
                [("subscriber_id", "=", self.worker.id)], order="date"
            ).mapped(lambda day: day.date.day),
            [2, 3, 4, 5, 6, 7],
        )

    def test_22_nobody_is_absent_before_the_day_is_over(self):
        with freeze_time("2026-09-01 05:01:00"):  # 08:01 in Nairobi
            self.compute(since=DAY)
            self.assertFalse(self.day(DAY))
        with freeze_time("2026-09-01 23:59:00"):
            self.compute(since=DAY)
            self.assertFalse(self.day(DAY))
        with freeze_time("2026-09-02 00:00:00"):  # its window closes at 03:00
            self.compute(since=DAY)
            self.assertEqual(self.day(DAY).status_code, "Absent")

    def test_23_a_shift_that_was_another_one(self):
        self.read(DAY, "08:20 in", "17:00 out")
        self.read("2026-09-02", "08:20 in", "17:00 out")
        self.compute()
        self.assertEqual(self.day(DAY).status, "late")
        self.assign(
            self.new_shift("Later", start=8.5), DAY, subscriber_id=self.worker.id
        )
        self.compute()
        self.assertEqual(self.day(DAY).status, "on_time")
        self.assertEqual(self.day("2026-09-02").status, "on_time")

    def test_24_on_the_minute(self):
        cases = {
            "2026-09-01": ("08:00:59", "on_time"),
            "2026-09-02": ("08:05:00", "considered"),
            "2026-09-03": ("08:05:59", "considered"),
            "2026-09-05": ("08:06:00", "late"),
        }
        for day, (time, _status) in cases.items():
            self.read(day, f"{time} in", "20:00 out")
        self.compute()
        self.assertEqual(
            {day: self.day(day).status for day in cases},
            {day: status for day, (_time, status) in cases.items()},
        )
        self.assertTrue(self.day(DAY).snacks_eligible)
        self.assertFalse(self.day(DAY).night_bill_eligible)

    def test_26_rules_that_change_leave_past_days_alone(self):
        self.read(DAY, "08:20 in", "17:00 out")
        self.compute()
        self.assign(self.new_shift("Later", start=8.5), "2026-09-10")
        self.read(DAY, "16:00 out")  # whatever comes later
        self.read("2026-09-10", "08:20 in", "17:00 out")
        self.compute(since=DAY)
        self.assertEqual(self.day(DAY).status, "late")
        self.assertEqual(self.day("2026-09-10").status, "on_time")

    def test_staff_have_no_overtime(self):
        self._new_worker("W-2", level_of_work="staff")
        self.read(DAY, "08:00 in", "24:00 out", person="W-2")
        self.compute()
        day = self.days.search([("person_identifier", "=", "W-2")])
        self.assertEqual(self.hours(day), (8.25, 0.0, 0.0))
        self.assertFalse(day.snacks_eligible or day.night_bill_eligible)
