"""Which days are computed, when, and by which rules; those of a day: see edges."""

import logging
from datetime import UTC, date, datetime
from unittest.mock import patch

from freezegun import freeze_time

from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tests import tagged

from .. import days
from ..completeness import Completeness
from ..models import spp_attendance_day_queue as queue_module
from .common_day import DayCase

#: A Tuesday.
DAY = "2026-09-01"


@tagged("post_install", "-at_install")
@freeze_time("2026-09-20 09:00:00")
class TestDay(DayCase):
    def due(self):
        """What the scheduled action does."""
        self.env.flush_all()
        self.queue._enqueue_due()
        self.compute()

    def kept(self, person=None):
        self.env.invalidate_all()
        return self.env["spp.attendance.day.person"].search(
            [("subscriber_id", "=", (person or self.worker).id)]
        )

    def statuses(self, *days, person=None):
        return [self.day(day, person).status for day in days]

    # ----------------------------------------------------------------- absence

    def test_absences_are_found_without_a_record(self):
        """Once the window of the day has closed: at 03:00 of the morning after."""
        self.due()
        self.assertEqual(self.kept().settled_until, date(2026, 9, 19))
        self.assertEqual(self.statuses("2026-09-19", "2026-09-20"), ["absent", False])
        self.assertEqual(self.kept().settle_at, datetime(2026, 9, 21, 0, 0))
        with freeze_time("2026-09-20 23:59:00"):
            self.due()
            self.assertFalse(self.day("2026-09-20"))
        with freeze_time("2026-09-21 00:00:00"):
            self.due()
            self.assertEqual(self.day("2026-09-20").status, "absent")
            self.assertTrue(self.day("2026-09-20").is_closed)
        self.assertEqual(self.kept().settled_until, date(2026, 9, 20))

    def test_no_more_than_five_weeks_are_looked_back(self):
        self.worker.work_from = "2020-01-01"
        self.due()
        first = self.days.search(
            [("subscriber_id", "=", self.worker.id)], order="date", limit=1
        )
        self.assertEqual(first.date, date(2026, 8, 16))

    def test_nobody_is_absent_before_the_terminals_have_told(self):
        complete = datetime(2026, 9, 20, 23, 0)

        def complete_until(places):
            return {place.id: Completeness(complete) for place in places}

        place_class = self.registry["spp.attendance.location"]
        self.enterContext(patch.object(place_class, "_complete_until", complete_until))
        self.due()
        with freeze_time("2026-09-21 05:00:00"):
            self.due()
            self.assertFalse(self.day("2026-09-20"))
            self.assertEqual(self.kept().settled_until, date(2026, 9, 19))
            self.assertEqual(
                self.kept().settle_at, datetime(2026, 9, 21, 5, 5), "asked again"
            )
        complete = datetime(2026, 9, 21, 5, 4)
        with freeze_time("2026-09-21 05:05:00"):
            self.due()
            self.assertEqual(self.day("2026-09-20").status, "absent")
            self.assertFalse(self.day("2026-09-20").is_doubtful)

    def test_who_is_not_waited_for_any_more_makes_it_doubtful(self):
        def complete_until(places):
            now = datetime.now(UTC).replace(tzinfo=None)
            return {
                place.id: Completeness(now, datetime(2026, 9, 18)) for place in places
            }

        place_class = self.registry["spp.attendance.location"]
        self.enterContext(patch.object(place_class, "_complete_until", complete_until))
        self.due()
        self.assertFalse(self.day("2026-09-16").is_doubtful)
        self.assertTrue(self.day("2026-09-19").is_doubtful)
        self.assertEqual(self.day("2026-09-19").status, "absent")

    def test_a_record_that_comes_after_the_day_is_decided(self):
        self.due()
        self.assertEqual(self.day(DAY).status, "absent")
        self.read(DAY, "07:58 in", "17:30 out")
        self.compute()
        day = self.day(DAY)
        self.assertEqual(day.status, "on_time")
        self.assertEqual((day.working_minutes, day.overtime_minutes), (495, 30))

    def test_a_record_that_is_moved_to_another_day(self):
        outcomes = self.read(DAY, "07:58 in")
        self.compute()
        record = self.env["spp.attendance.record"].browse(outcomes[0].id)
        record.local_date = "2026-09-02"
        self.compute()
        self.assertEqual(self.statuses(DAY, "2026-09-02"), ["absent", "on_time"])

    def test_a_record_that_is_moved_to_somebody_else(self):
        other = self._new_worker("W-2")
        outcomes = self.read(DAY, "07:58 in")
        self.compute()
        record = self.env["spp.attendance.record"].browse(outcomes[0].id)
        record.subscriber_id = other
        self.compute()
        self.assertEqual(self.day(DAY).status, "absent")
        self.assertEqual(self.day(DAY, other).status, "on_time")

    # ------------------------------------------------------------------ people

    def test_of_whom_no_level_is_known_no_days_are_kept(self):
        self.amina.location_id = self.hall
        self.read(DAY, "07:58 in", person="T-1")
        self.due()
        self.assertFalse(self.days.search([("subscriber_id", "=", self.amina.id)]))
        self.assertFalse(self.kept(self.amina))

    def test_who_becomes_a_worker_was_not_absent_before(self):
        self.amina.write({"level_of_work": "worker", "location_id": self.hall.id})
        self.due()
        self.assertFalse(self.days.search([("subscriber_id", "=", self.amina.id)]))
        with freeze_time("2026-09-21 09:00:00"):
            self.due()
        found = self.days.search([("subscriber_id", "=", self.amina.id)])
        self.assertEqual(found.mapped("date"), [date(2026, 9, 20)])

    def test_who_is_no_worker_any_more_is_left_alone(self):
        self.due()
        before = self.days.search_count([("subscriber_id", "=", self.worker.id)])
        self.worker.level_of_work = False
        with freeze_time("2026-09-25 09:00:00"):
            self.due()
            self.assertFalse(self.kept().settle_at, "not looked at again")
        with freeze_time("2026-10-10 09:00:00"):
            self.worker.level_of_work = "staff"
            self.due()
        with freeze_time("2026-10-12 09:00:00"):
            self.due()
        domain = Domain("subscriber_id", "=", self.worker.id)
        self.assertEqual(
            self.days.search(
                domain & Domain("date", ">", "2026-09-19"), order="date"
            ).mapped("date"),
            [date(2026, 10, 10), date(2026, 10, 11)],
        )
        self.assertEqual(self.days.search_count(domain), before + 2)

    def test_the_level_of_past_days_stays(self):
        self.read(DAY, "08:00 in", "18:00 out")
        self.compute()
        self.worker.level_of_work = "staff"
        self.read("2026-09-20", "08:00 in", "11:00 out")
        self.compute()
        self.assertEqual(self.day(DAY).level_of_work, "worker")
        self.assertEqual(self.day(DAY).overtime_minutes, 60)
        self.assertEqual(self.day("2026-09-20").level_of_work, "staff")

    def test_who_is_archived_is_not_absent_nor_when_back(self):
        self.due()
        self.worker.active = False
        with freeze_time("2026-09-25 09:00:00"):
            self.due()
            self.assertFalse(self.day("2026-09-22"))
            self.worker.active = True
            self.due()
        with freeze_time("2026-09-26 09:00:00"):
            self.due()
        self.assertEqual(
            self.statuses("2026-09-19", "2026-09-23", "2026-09-25"),
            ["absent", False, "weekend"],
        )

    def test_who_has_never_come_can_be_deleted(self):
        self.due()
        self.assertTrue(self.day(DAY))
        self.worker.unlink()
        self.assertFalse(self.worker.exists())

    def test_dates_of_employment_that_change(self):
        self.due()
        self.assertEqual(self.day("2026-08-20").status, "absent")
        self.worker.work_from = "2026-09-01"
        self.compute()
        self.assertFalse(self.day("2026-08-20"))
        self.assertEqual(self.day("2026-09-02").status, "absent")
        self.worker.write({"work_from": "2026-08-25", "work_to": "2026-09-10"})
        self.compute()
        self.assertEqual(
            self.statuses("2026-08-24", "2026-08-26", "2026-09-10", "2026-09-13"),
            [False, "absent", "absent", False],
        )
        self.worker.write({"work_from": "2010-01-01", "work_to": False})
        self.compute()
        self.assertFalse(self.day("2026-08-01"), "that is what a backfill is for")
        self.assertEqual(self.day("2026-09-13").status, "absent")

    def test_people_are_changed_by_as_many_statements_as_one(self):
        people = self.worker
        for number in range(20):
            people += self._new_worker(f"W-2{number}")
        self.due()
        department = self.env["spp.attendance.department"].create(
            {"name": "Yard", "company_id": self.company.id}
        )
        self.env.flush_all()
        counts = []
        for some in (people[:2], people[2:]):
            some.mapped("work_from")
            before = self.env.cr.sql_log_count
            some.write({"department_id": department.id, "work_from": "2026-08-20"})
            self.env.flush_all()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(*counts)

    def test_people_who_are_one(self):
        other = self._new_worker("W-2", work_from="2026-08-20")
        self.read(DAY, "07:58 in", "12:00 out")
        self.read(DAY, "12:30 in", "18:00 out", person="W-2")
        self.read("2026-09-02", "08:03 in", "17:00 out", person="W-2")
        self.due()
        self.assertEqual(self.statuses(DAY, "2026-09-02"), ["on_time", "absent"])
        self.day("2026-09-03", other).is_locked = True
        self.worker._merge(other)
        self.compute()
        day = self.day(DAY)
        self.assertEqual(day.gross_minutes, 10 * 60 + 2)
        self.assertEqual(day.scan_count, 4)
        self.assertEqual(
            self.statuses("2026-09-02", "2026-09-03"), ["considered", "absent"]
        )
        self.assertTrue(self.day("2026-09-03").is_locked)
        self.assertEqual(len(self.kept()), 1)
        self.assertFalse(other.exists())

    def test_who_takes_over_the_days_of_somebody(self):
        """The one who stays has had none: he was no worker so far as anybody knew."""
        other = self._new_worker("W-2")
        self.read(DAY, "07:58 in", "17:00 out", person="W-2")
        self.due()
        self.amina._merge(other)
        self.due()
        self.assertEqual(self.amina.level_of_work, "worker")
        self.assertEqual(
            self.statuses(DAY, "2026-09-02", person=self.amina), ["on_time", "absent"]
        )

    def test_shifts_of_people_who_are_one(self):
        night = self.new_shift("Night", start=22, end=6)
        other = self._new_worker("W-2")
        self.assign(night, "2026-09-01", subscriber_id=other.id)
        self.assign(night, "2026-09-05", subscriber_id=self.amina.id)
        self.worker._merge(other)
        own = self.env["spp.attendance.shift.assignment"].search(
            [("subscriber_id", "=", self.worker.id)]
        )
        self.assertEqual(own.date_from, date(2026, 9, 1))
        self.worker._merge(self.amina)
        self.assertEqual(own.exists(), own)
        self.assertEqual(len(own.search([("subscriber_id", "=", self.worker.id)])), 1)

    def test_who_moves_to_another_company_takes_no_days_along(self):
        self.due()
        self.worker.location_id = False
        self.worker.company_id = self.other_company
        self.assertFalse(self.days.search([("subscriber_id", "=", self.worker.id)]))

    # ------------------------------------------------------- rules that change

    def test_a_clock_that_is_set_anew(self):
        self.read("2026-09-15", "08:00 in", "17:00 out")
        self.read("2026-09-20", "08:00 in")
        self.compute()
        self.hall.tz = "Africa/Accra"
        self.compute()
        self.assertEqual(self.day("2026-09-15").tz, "Africa/Nairobi")
        today = self.day("2026-09-20")
        self.assertEqual(today.tz, "Africa/Accra")
        self.assertEqual(today.status, "on_time")
        self.assertEqual(today.gross_minutes, 0)

    def test_the_clock_of_a_company(self):
        self.worker.location_id = False
        self.compute()
        self.read("2026-09-20", "08:00 in")
        self.compute()
        self.company.attendance_tz = "Asia/Dhaka"
        self.compute()
        self.assertEqual(self.day("2026-09-20").tz, "Asia/Dhaka")
        self.assertEqual(self.day("2026-09-20").status, "late")

    def test_the_clock_of_a_person(self):
        self.worker.location_id = False
        self.read("2026-09-20", "08:00 in")
        self.compute()
        self.worker.partner_id.tz = "Asia/Dhaka"
        self.compute()
        self.assertEqual(self.day("2026-09-20").tz, "Asia/Dhaka")

    def test_today_is_that_of_the_person(self):
        """In New York it is still the day before."""
        self.worker.write({"location_id": False, "tz": "America/New_York"})
        self.compute()
        night = self.new_shift("Late", start=12, end=20)
        department = self.env["spp.attendance.department"].create(
            {"name": "Yard", "company_id": self.company.id}
        )
        self.assign(night, "2026-09-01", department_id=department.id)
        self.ingest(self.item("W-1", "2026-09-19T11:00:00-04:00"))
        with freeze_time("2026-09-20 02:00:00"):
            self.compute()
            self.assertEqual(self.day("2026-09-19").status, "late")
            self.worker.department_id = department
            self.compute()
        self.assertEqual(self.day("2026-09-19").status, "on_time")

    def test_a_department_that_is_moved(self):
        departments = self.env["spp.attendance.department"]
        parent, yard = departments.create(
            [
                {"name": name, "company_id": self.company.id}
                for name in ("Works", "Yard")
            ]
        )
        late = self.new_shift("Late", start=12, end=20)
        self.assign(late, "2026-08-01", department_id=parent.id)
        self.worker.department_id = yard
        self.read("2026-09-15", "11:00 in")
        self.read("2026-09-20", "11:00 in")
        self.compute()
        yard.parent_id = parent
        self.compute()
        self.assertEqual(self.statuses("2026-09-15", "2026-09-20"), ["late", "on_time"])

    def test_a_location_that_is_moved(self):
        parent = self.hall.create(
            {"name": "Site", "company_id": self.company.id, "tz": self.hall.tz}
        )
        late = self.new_shift("Late", start=12, end=20)
        self.assign(late, "2026-08-01", location_id=parent.id)
        self.read("2026-09-20", "11:00 in")
        self.compute()
        self.hall.parent_id = parent
        self.compute()
        self.assertEqual(self.day("2026-09-20").status, "on_time")

    def test_weekdays_that_change_leave_past_days_alone(self):
        self.due()
        self.assertEqual(
            self.statuses("2026-09-11", "2026-09-18"), ["weekend", "weekend"]
        )
        shift = self.day("2026-09-11").shift_id
        shift.calendar_id.attendance_ids.filtered(
            lambda line: line.dayofweek == "5"
        ).dayofweek = "4"
        self.queue._enqueue_days(self.worker.ids, date(2026, 9, 10))
        self.compute()
        self.assertEqual(
            self.statuses("2026-09-11", "2026-09-12"), ["weekend", "absent"]
        )
        with freeze_time("2026-09-30 09:00:00"):
            self.due()
        self.assertEqual(
            self.statuses("2026-09-25", "2026-09-26"), ["absent", "weekend"]
        )

    def test_leave_to_come_goes_by_the_shift_to_come(self):
        leave = {(self.worker.id, date(2026, 10, 5)): [days.Leave("Sick", "LS")]}
        with self.leaves(leave):
            self.compute(since="2026-10-05")
            self.assertEqual(self.day("2026-10-05").status_code, "Leave-Sick")
            late = self.new_shift("Late", start=12, end=20)
            self.assign(late, "2026-10-01", subscriber_id=self.worker.id)
            self.compute()
            self.assertEqual(self.day("2026-10-05").shift_id, late)

    def test_a_shift_by_which_somebody_worked_stays(self):
        self.read(DAY, "08:00 in")
        self.compute()
        with self.assertRaises(UserError):
            self.day(DAY).shift_id.start = 9

    # ------------------------------------------------------- decided and locked

    def test_a_locked_day_keeps_its_values_and_shows_the_difference(self):
        self.read(DAY, "08:00 in", "17:00 out")
        self.compute()
        self.day(DAY).is_locked = True
        self.env.flush_all()
        self.read(DAY, "19:00 out")
        self.compute()
        day = self.day(DAY)
        self.assertEqual(day.overtime_minutes, 0)
        self.assertTrue(day.differs)
        self.assertEqual(day.computed["overtime_minutes"], 120)

    def test_a_locked_day_that_is_as_it_was_differs_in_nothing(self):
        self.read(DAY, "08:00 in", "17:00 out")
        self.compute()
        self.day(DAY).is_locked = True
        self.compute(since=DAY)
        self.assertFalse(self.day(DAY).differs)

    def test_what_was_decided_stands(self):
        self.read(DAY, "08:20 in", "17:00 out")
        self.compute()
        self.queue._compute_now(
            self.worker.ids,
            date(2026, 9, 1),
            date(2026, 9, 1),
            overrides={(self.worker.id, date(2026, 9, 1)): {"is_forgiven": True}},
        )
        self.env.invalidate_all()
        self.assertEqual(self.day(DAY).status, "considered")
        self.read(DAY, "18:00 out")
        self.compute()
        day = self.day(DAY)
        self.assertEqual((day.status, day.overtime_minutes), ("considered", 60))
        self.assertEqual(day.computed["status"], "late")
        self.assertTrue(day.differs)

    # ------------------------------------------------------------------- lanes

    def test_nothing_is_written_where_nothing_changes(self):
        self.read(DAY, "08:00 in", "17:00 out")
        self.compute(since="2026-08-31", until="2026-09-02")
        with freeze_time("2026-09-20 10:00:00"):
            self.assertEqual(
                self.queue._compute_now(
                    self.worker.ids, date(2026, 8, 31), date(2026, 9, 2)
                ),
                [],
            )

    def test_a_long_range_is_computed_in_pieces(self):
        self.worker.work_from = "2023-01-01"
        self.patch(days, "MOST_DAYS", 20)
        self.compute(since="2026-06-01", until="2026-09-10")
        self.assertEqual(
            self.days.search_count(
                [
                    ("subscriber_id", "=", self.worker.id),
                    ("date", ">=", "2026-06-01"),
                    ("date", "<=", "2026-09-10"),
                ]
            ),
            102,
        )

    def test_statements_of_one_reading(self):
        """From what a reader said to its day: what comes in, and what is computed."""
        self.due()
        self.read(DAY, "08:00 in")
        self.compute()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        self.read(DAY, "17:00 out")
        recorded = self.env.cr.sql_log_count - before
        before = self.env.cr.sql_log_count
        self.assertEqual(self.queue._work(), 1)
        computed = self.env.cr.sql_log_count - before
        self.assertLessEqual(computed, 12, f"{recorded} to record it")
        self.assertEqual(self.day(DAY).overtime_minutes, 0)
        self.assertEqual(self.day(DAY).gross_minutes, 540)

    def test_statements_do_not_depend_on_how_much_there_is(self):
        people = self.worker
        for number in range(2, 40):
            people += self._new_worker(f"W-{number}")
        self.due()
        counts = []
        for some, last in ((people[:2], 2), (people, 12)):
            for on in range(1, last):
                for person in some:
                    self.read(
                        f"2026-09-{on:02d}",
                        f"08:{last:02d} in",
                        f"17:{last:02d} out",
                        person=person.person_identifier,
                    )
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.assertEqual(self.queue._work(), len(some))
            counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(*counts)
        self.assertLess(counts[0], 12)

    def test_who_can_not_be_computed_stops_nobody(self):
        other = self._new_worker("W-2")
        self.due()
        self.read(DAY, "08:00 in")
        self.read(DAY, "08:00 in", person="W-2")
        self.env.flush_all()
        failing = {self.worker.id}

        class Failing(days.Timeline):
            def marks_within(self, window):
                if self.person.id in failing:
                    raise ZeroDivisionError
                return super().marks_within(window)

        self.patch(days, "Timeline", Failing)

        def run(_registry, func):
            with self.env.cr.savepoint():
                return func(self.env)

        self.patch(queue_module, "run_in_transaction", run)
        # Odoo's tests call something else INFO.
        with self.assertLogs(queue_module.__name__, logging.INFO) as logs:
            self.assertEqual(queue_module.work_some(self.registry), 2)
        self.assertEqual([r.levelname for r in logs.records], ["INFO", "WARNING"])
        for line in logs.output:
            self.assertIn("ZeroDivisionError", line)
        self.assertIn(str(self.worker.id), logs.output[1])
        self.env.invalidate_all()
        self.assertEqual(self.day(DAY, other).status, "on_time")
        self.assertEqual(self.day(DAY).status, "absent")
        kept = self.kept()
        self.assertEqual((kept.failures, kept.error), (1, "ZeroDivisionError"))
        self.assertEqual(kept.held_until, datetime(2026, 9, 20, 9, 1))
        self.assertEqual(self.queue._work(), 0, "left alone")
        with freeze_time("2026-09-20 09:01:00"):
            with self.assertLogs(queue_module.__name__, "WARNING"):
                queue_module.work_some(self.registry)
            kept = self.kept()
            self.assertEqual(kept.held_until, datetime(2026, 9, 20, 9, 3))
        failing.clear()
        with freeze_time("2026-09-20 09:03:00"):
            self.assertEqual(queue_module.work_some(self.registry), 1)
        self.env.invalidate_all()
        self.assertEqual(self.day(DAY).status, "on_time")
        self.assertFalse(self.kept().error)

    def test_rows_of_nobody_go(self):
        gone = self._new_worker("W-2")
        self.due()
        gone_id = gone.id
        gone.unlink()
        self.queue._enqueue_days([gone_id, self.amina.id], date(2026, 9, 1))
        self.env.flush_all()
        self.assertEqual(self.queue._work(), 0)
        self.queue._enqueue_due()
        self.assertFalse(
            self.queue.search([("person", "in", [gone_id, self.amina.id])])
        )

    def test_readings_before_people_are_known(self):
        """Whoever is new is computed although nobody has begun with them yet."""
        self.read(DAY, "08:00 in")
        self.assertFalse(self.kept())
        self.compute()
        self.assertEqual(self.day(DAY).status, "on_time")

    def test_a_far_day_is_no_harm(self):
        """Before there was a shift there are no days."""
        self.ingest(
            self.item("W-1", "1900-01-01T08:00:00"),
            self.item("W-1", "1971-01-01T08:00:00"),
        )
        self.compute()
        self.assertEqual(self.statuses("1900-01-01", "1971-01-01"), [False, "on_time"])

    def test_days_are_told_live(self):
        said = []
        self.patch(
            self.registry["spp.attendance.live"],
            "_announce",
            lambda _live, model, ids, what="": said.append((model, len(list(ids)))),
        )
        self.read(DAY, "08:00 in")
        self.queue._enqueue_days(self.worker.ids, date(2026, 9, 1), date(2026, 9, 1))
        self.compute()
        self.assertIn(("spp.attendance.day", 1), said)

    def test_words_that_others_choose(self):
        """The code of a leave is up to whoever keeps leaves."""
        word = 'Sick, "half" {a\\b}'
        leave = {(self.worker.id, date(2026, 9, 1)): [days.Leave(word, "L,S")]}
        with self.leaves(leave):
            self.compute(since=DAY)
        self.assertEqual(self.day(DAY).leave_code, word)
        self.assertEqual(self.day(DAY).abbreviation, "L,S")
