"""What is said of people and shifts later, and what becomes of days that exist."""

from datetime import date, datetime
from unittest.mock import patch

from freezegun import freeze_time

from odoo.tests import tagged

from .. import days, hooks
from ..completeness import Completeness
from ..models import spp_attendance_day_queue as queue_module
from .common_day import DayCase

#: A Tuesday.
DAY = "2026-09-01"


@tagged("post_install", "-at_install")
@freeze_time("2026-09-20 09:00:00")
class TestDayChanges(DayCase):
    def due(self):
        """What the scheduled action does."""
        self.env.flush_all()
        self.queue._enqueue_due()
        self.compute()

    def waiting(self):
        self.env.flush_all()
        return self.env.execute_query(
            days.SQL(
                "SELECT date_from, date_to, is_anew FROM spp_attendance_day_queue"
                " WHERE person = %s ORDER BY id",
                self.worker.id,
            )
        )

    def test_who_is_archived_is_not_absent_however_often_it_is_computed(self):
        self.due()
        self.worker.active = False
        self.due()
        with freeze_time("2026-09-30 09:00:00"):
            for _time in range(3):
                self.compute(since="2026-09-20", until="2026-09-29")
            self.assertEqual(self.day("2026-09-19").status, "absent")
            self.assertFalse(self.day("2026-09-22"))

    def test_who_begins_earlier_than_was_said(self):
        person = self._new_worker("W-2", work_from="2026-10-05")
        self.due()
        person.work_from = "2026-09-20"
        self.due()
        with freeze_time("2026-09-24 09:00:00"):
            self.due()
            self.assertEqual(self.day("2026-09-22", person).status, "absent")

    def test_who_begins_at_a_day_that_is_not_known_any_more(self):
        person = self._new_worker("W-2", work_from="2026-10-05")
        self.due()
        person.work_from = False
        self.due()
        with freeze_time("2026-09-24 09:00:00"):
            self.due()
            self.assertEqual(self.day("2026-09-22", person).status, "absent")

    def test_another_shift_of_the_far_future(self):
        """Days to come are none yet, however long until the next assignment."""
        self.due()
        shift = self.new_shift("Late", start=12, end=20)
        self.assign(shift, "2090-01-01", subscriber_id=self.worker.id)
        self.compute()
        self.assign(shift, "2026-09-10", subscriber_id=self.worker.id)
        self.assertEqual(self.waiting()[-1], (date(2026, 9, 10), None, True))
        self.assign(
            self.new_shift("Later", start=13, end=20),
            "2026-09-05",
            subscriber_id=self.worker.id,
        )
        self.assertEqual(self.waiting()[-1], (date(2026, 9, 5), date(2026, 9, 9), True))

    def test_who_works_until_the_end_of_the_calendar(self):
        """As other systems say that somebody's work has no end."""
        self.worker.work_to = "2026-09-05"
        self.compute()
        self.worker.work_to = "9999-12-31"
        self.assign(self.new_shift("Last"), "9999-12-31", subscriber_id=self.worker.id)
        self.read("2026-09-08", "08:00 in", "17:00 out")
        self.compute()
        self.assertEqual(self.day("2026-09-08").status, "on_time")
        self.worker.write({"work_from": "0001-01-01", "work_to": False})
        self.read("2026-09-09", "08:20 in", "17:00 out")
        self.compute()
        self.assertEqual(self.day("2026-09-09").status, "late")

    def test_the_day_before_another_shift_ends_when_that_begins(self):
        night = self.new_shift(
            "Night",
            start=22,
            end=6,
            opens_before=4,
            closes_after=6,
            overtime_start=6,
            extra_start=8,
        )
        self.assign(night, "2026-08-01", subscriber_id=self.worker.id)
        self.read(DAY, "22:00 in", "30:05 out", "31:55 in", "41:05 out")
        self.due()
        self.assertTrue(self.day(DAY).missing_out)
        self.assign(
            self.new_shift("By day"),
            "2026-09-02",
            subscriber_id=self.worker.id,
        )
        self.compute()
        before, after = self.day(DAY), self.day("2026-09-02")
        self.assertEqual(before.window_until, after.window_from)
        self.assertFalse(before.missing_out)
        self.assertEqual(after.status, "on_time")

    def test_what_comes_late_of_who_became_something_else(self):
        """A past day stays that of a worker, there, however often it is computed."""
        self.read(DAY, "08:00 in")
        self.due()
        was = self.worker.department_id
        yard = self.env["spp.attendance.department"].create(
            {"name": "Yard", "company_id": self.company.id}
        )
        self.worker.write(
            {
                "level_of_work": "staff",
                "department_id": yard.id,
                "location_id": False,
            }
        )
        self.compute()
        self.read(DAY, "18:00 out")
        self.compute()
        day = self.day(DAY)
        self.assertEqual(day.overtime_minutes, 60)
        self.assertEqual(day.level_of_work, "worker")
        self.assertEqual(day.department_id, was)
        self.assertEqual(day.location_id, self.hall)

    def test_what_is_decided_stays_so_when_a_terminal_falls_silent(self):
        self.due()
        self.assertEqual(self.day(DAY).status, "absent")

        def complete_until(places):
            return {place.id: Completeness(datetime(2026, 8, 1)) for place in places}

        place_class = self.registry["spp.attendance.location"]
        self.enterContext(patch.object(place_class, "_complete_until", complete_until))
        self.compute(since=DAY)
        self.assertEqual(self.day(DAY).status, "absent")
        self.assertTrue(self.day(DAY).is_closed)

    def test_rules_that_change_before_anybody_worked_by_them(self):
        """Whoever computed a day by them at the same moment isn't seen."""
        late = self.new_shift("Late", start=12, end=20)
        self.assign(late, "2026-09-20", subscriber_id=self.worker.id)
        self.compute()
        self.assertEqual(self.waiting(), [])
        late.start = 13
        self.assertEqual(self.waiting(), [(date(2026, 9, 20), None, False)])

    def test_a_day_that_is_locked_is_over_when_it_is(self):
        self.read("2026-09-20", "08:00 in")
        self.compute()
        self.day("2026-09-20").action_lock()
        self.compute()
        self.assertFalse(self.day("2026-09-20").is_closed)
        with freeze_time("2026-09-21 09:00:00"):
            self.due()
        self.assertTrue(self.day("2026-09-20").is_closed)

    def test_much_history_of_one_is_computed_in_pieces(self):
        self.due()
        self.patch(days, "MOST_DAYS", 14)
        for day in range(1, 19):
            self.read(f"2026-08-{day:02d}", "08:00 in", "17:00 out")
        self.assertEqual(len(self.waiting()), 36)
        self.env.flush_all()
        self.queue._work()
        self.assertTrue(self.waiting(), "left to another transaction")
        self.compute()
        found = self.days.search(
            [("subscriber_id", "=", self.worker.id), ("date", "<=", "2026-08-18")]
        )
        self.assertEqual(set(found.mapped("status")), {"on_time"})
        self.assertEqual(len(found), 18)

    def test_statements_do_not_depend_on_where_long_ranges_begin(self):
        people = self.worker
        for number in range(12):
            people += self._new_worker(f"W-2{number}", work_from=date(2026, 8, 20))
        self.due()
        self.patch(days, "MOST_DAYS", 5)
        counts = []
        for some in (people[:1], people[1:3], people[3:]):
            for number, person in enumerate(some):
                self.queue._enqueue_days(person.ids, date(2026, 8, 20 + number))
            self.env.flush_all()
            before = self.env.cr.sql_log_count
            self.assertEqual(self.queue._work(some.ids), len(some))
            counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(*counts[1:])  # the first one fills caches

    def test_statements_do_not_depend_on_how_many_are_locked(self):
        people = self.worker
        for number in range(12):
            people += self._new_worker(f"W-2{number}")
        self.due()
        counts = []
        for some in (people[:1], people[1:3], people[3:]):
            days_ = self.days.search(
                [("subscriber_id", "in", some.ids), ("date", "=", DAY)]
            )
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            days_.with_user(self.manager).with_context(
                allowed_company_ids=self.company.ids
            ).action_lock()
            self.env.flush_all()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(*counts[1:])  # the first one fills caches

    def test_a_company_that_is_archived_has_a_shift_when_it_is_back(self):
        company = self.env["res.company"].create({"name": "Resting"})
        company.active = False
        assignments = self.env["spp.attendance.shift.assignment"]
        of_it = [("company_id", "=", company.id)]
        self.env.cr.execute(
            "DELETE FROM spp_attendance_shift_assignment WHERE company_id = %s",
            [company.id],
        )
        self.env.invalidate_all()
        hooks.post_init_hook(self.env)
        self.assertEqual(assignments.search_count(of_it), 1)

    def test_of_who_can_not_be_computed_nothing_piles_up(self):
        self.due()
        with freeze_time("2026-09-21 09:00:00"):
            self.queue._hold(self.worker.id, "ValueError")
            self.queue._enqueue_due()
            self.assertFalse(self.waiting(), "left alone for a while")
        with freeze_time("2026-09-21 09:05:00"):
            self.queue._enqueue_due()
            self.assertTrue(self.waiting())

    def test_much_history_of_many_is_computed_in_pieces(self):
        """However many they are, no more days than that at once."""
        people = self.worker
        for number in range(9):
            people += self._new_worker(f"W-2{number}")
        self.due()
        self.patch(days, "MOST_AT_ONCE", 40)
        self.patch(days, "_FEWEST_DAYS", 2)
        dates = [f"2026-08-{day:02d}" for day in range(1, 19)]
        for person in people:
            for day in dates:
                self.read(day, "08:00 in", "17:00 out", person=person.person_identifier)
        self.env.flush_all()
        written, marks = [], []

        class Counting(days.Computation):
            def _write(self, rows):
                written.append(len(rows))
                marks.append(sum(map(len, self.marks.values())))
                return super()._write(rows)

        self.patch(queue_module, "Computation", Counting)
        self.compute()
        # Of ten people, four days each; those around them are looked at as well.
        self.assertGreaterEqual(len(written), 18 / 4)
        self.assertLessEqual(max(written), 10 * (4 + 3))
        self.assertLessEqual(max(marks), 10 * 2 * (4 + 3 + 6))
        found = self.days.search(
            [("subscriber_id", "in", people.ids), ("date", "in", dates)]
        )
        self.assertEqual(len(found), 10 * 18)
        self.assertEqual(set(found.mapped("status")), {"on_time"})

    def test_what_is_far_apart_is_read_apart(self):
        """Of long ago and of today: nothing of the time between is in memory."""
        for day in range(1, 31):
            self.read(f"2026-08-{day:02d}", "08:00 in", "17:00 out")
        self.due()
        seen = []

        class Looking(days.Computation):
            def _write(self, rows):
                seen.append((len(self.kept), sum(map(len, self.marks.values()))))
                return super()._write(rows)

        self.patch(queue_module, "Computation", Looking)
        self.read("2026-08-02", "18:00 out")
        self.read("2026-09-20", "08:30 in")
        self.queue._enqueue_days(self.worker.ids, date(2026, 9, 20))
        self.compute()
        [(kept, marks)] = seen
        self.assertLess(kept, 12)
        self.assertLess(marks, 20)
        self.assertEqual(self.day("2026-08-02").overtime_minutes, 60)
        self.assertEqual(self.day("2026-08-03").status, "on_time")
        self.assertEqual(self.day("2026-09-20").status, "late")
        # All that is of long ago, up to what there is: nothing is left out.
        seen.clear()
        self.read("2026-09-05", "08:00 in")
        self.queue._enqueue_days(self.worker.ids, date(2026, 8, 20))
        self.compute()
        self.assertGreaterEqual(seen[0][0], 30)

    # ------------------------------------------------------- no days were kept

    def test_nobody_was_absent_while_archived(self):
        """However long they are said to work, and however often it is computed."""
        self.due()
        self.worker.active = False
        self.env.flush_all()
        with freeze_time("2026-10-20 09:00:00"):
            self.due()
            self.worker.active = True
            self.due()
            self.read("2026-10-01", "08:00 in", "17:00 out")
            self.compute(since="2026-08-20", until="2026-10-20")
        with freeze_time("2026-10-25 09:00:00"):
            self.due()
            self.compute(since="2026-08-20", until="2026-10-25")
        self.assertEqual(self.day(DAY).status, "absent")
        self.assertEqual(self.day("2026-09-19").status, "absent")
        self.assertFalse(self.day("2026-09-20"))
        self.assertFalse(self.day("2026-10-19"))
        self.assertEqual(self.day("2026-10-01").status, "on_time")
        self.assertEqual(self.day("2026-10-20").status, "absent")
        self.assertEqual(self.day("2026-10-24").status, "absent")

    def test_nobody_was_absent_without_a_level_of_work(self):
        self.due()
        self.worker.level_of_work = False
        self.env.flush_all()
        with freeze_time("2026-10-20 09:00:00"):
            self.due()
            self.worker.level_of_work = "staff"
            self.due()
        with freeze_time("2026-11-20 09:00:00"):
            self.due()
            self.worker.active = False
            self.env.flush_all()
        with freeze_time("2026-11-30 09:00:00"):
            self.worker.active = True
            self.due()
        with freeze_time("2026-12-01 09:00:00"):
            self.due()
            self.compute(since="2026-08-20", until="2026-12-01")
        for day, status in (
            ("2026-09-19", "absent"),
            ("2026-09-20", False),
            ("2026-10-19", False),
            ("2026-10-20", "absent"),
            ("2026-11-19", "absent"),
            ("2026-11-21", False),
            ("2026-11-30", "absent"),
        ):
            self.assertEqual(self.day(day).status, status, day)

    def test_what_was_undecided_when_somebody_was_archived(self):
        """A terminal was silent: what is before is decided when it has reported."""
        silent = datetime(2026, 9, 16)

        def complete_until(places):
            return {place.id: Completeness(silent) for place in places}

        place_class = self.registry["spp.attendance.location"]
        with patch.object(place_class, "_complete_until", complete_until):
            self.due()
            self.worker.active = False
            self.env.flush_all()
            with freeze_time("2026-09-22 09:00:00"):
                self.worker.active = True
                self.due()
        self.assertFalse(self.day("2026-09-17"))
        with freeze_time("2026-09-24 09:00:00"):
            self.due()
        self.assertEqual(self.day("2026-09-17").status, "absent")
        self.assertEqual(self.day("2026-09-19").status, "absent")
        self.assertFalse(self.day("2026-09-20"))
        self.assertFalse(self.day("2026-09-21"))
        self.assertEqual(self.day("2026-09-22").status, "absent")

    def test_nobody_was_absent_before_their_days_were_kept(self):
        """Unless somebody says since when they work."""
        with freeze_time("2026-03-02 09:00:00"):
            person = self._new_worker("W-2", work_from=False, level_of_work=False)
            self.env.flush_all()
            # The clock of the database is another one.
            self.env.cr.execute(
                "UPDATE spp_attendance_subscriber SET create_date = '2026-03-02'"
                " WHERE id = %s",
                [person.id],
            )
        person.level_of_work = "worker"
        self.due()
        self.read("2026-06-03", "08:00 in", "17:00 out", person="W-2")
        with freeze_time("2026-09-24 09:00:00"):
            self.due()
            self.compute(person, "2026-06-01", "2026-09-23")
            days_ = self.days.search([("subscriber_id", "=", person.id)], order="date")
            self.assertEqual(
                days_.mapped("date"),
                [date(2026, 6, 3), *(date(2026, 9, day) for day in range(20, 25))][:5],
            )
            person.work_from = "2026-06-01"
            self.compute(person, "2026-06-01", "2026-06-05")
        self.assertEqual(self.day("2026-06-02", person).status, "absent")

    def test_of_two_who_are_one_what_was_kept_of_either_counts(self):
        self.due()
        self.worker.active = False
        self.env.flush_all()
        with freeze_time("2026-10-01 09:00:00"):
            twin = self._new_worker("W-2", work_from="2026-10-01")
            self.due()
        with freeze_time("2026-10-20 09:00:00"):
            self.due()
            self.worker.active = True
            self.due()
            self.assertEqual(self.day("2026-10-05", twin).status, "absent")
            self.worker._merge(twin)
            self.due()
            self.assertEqual(self.day("2026-10-05").status, "absent")

    # ---------------------------------------------------------------- weekdays

    def test_other_weekdays_of_a_calendar(self):
        """From today on they are other ones, and what was before stays as it was."""
        shift = self.new_shift("Own days")
        self.assign(shift, "2026-08-01", subscriber_id=self.worker.id)
        self.due()
        sunday = shift.calendar_id.attendance_ids.filtered(
            lambda line: line.dayofweek == "6"
        )
        self.assertTrue(sunday)
        self.read("2026-09-20", "08:00 in")  # a Sunday
        self.compute()
        self.assertEqual(self.day("2026-09-20").day_type, "working")
        sunday.unlink()
        self.assertEqual(self.waiting(), [(None, None, True)])
        self.compute()
        self.assertEqual(self.day("2026-09-20").day_type, "weekend")
        self.compute(since="2026-09-13")
        self.assertEqual(self.day("2026-09-13").status, "absent")
        monday = shift.calendar_id.attendance_ids.filtered(
            lambda line: line.dayofweek == "0"
        )[:1]
        monday.hour_from += 0.5
        self.assertEqual(self.waiting(), [], "hours don't count")
        monday.copy({"dayofweek": "6"})
        self.assertEqual(len(self.waiting()), 1)
        self.compute()
        self.assertEqual(self.day("2026-09-20").day_type, "working")
        monday.copy({"dayofweek": "6"})
        self.assertEqual(self.waiting(), [], "Sunday is one already")

    def test_statements_do_not_depend_on_how_many_work_by_a_calendar(self):
        shift = self.new_shift("Own days")
        calendar = shift.calendar_id.copy()
        shift.calendar_id = calendar
        counts = []
        for number in range(3):
            for more in range(1 + 5 * number):
                person = self._new_worker(f"W-{number}-{more}")
                self.assign(shift, "2026-09-20", subscriber_id=person.id)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            calendar.attendance_ids.write(
                {"dayofweek": str(number)}  # all on one day
            )
            self.env.flush_all()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(*counts[1:])  # the first one fills caches
