from freezegun import freeze_time
from psycopg2.errors import UniqueViolation

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command, Date
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from ..days import Computation
from ..engine.hours import to_hours
from .common_day import DayCase

#: A Tuesday.
DAY = "2026-09-01"
#: From the source that the presets follow: in, out, hours by either, and the bands.
SOURCE = (
    ("08:00", "17:30", 8.25, 8.5, 0.5, 0.0),
    ("08:00", "18:00", 8.25, 9.0, 1.0, 0.0),
    ("08:30", "17:00", 7.75, 7.5, 0.0, 0.0),
    ("08:45", "19:30", 7.5, 9.75, 2.0, 0.5),
    ("08:00", "18:30", 8.25, 9.5, 1.5, 0.0),
    ("08:20", "16:45", 7.67, 7.42, 0.0, 0.0),
    ("08:10", "20:00", 8.08, 10.83, 2.0, 1.0),
    ("08:25", "17:15", 7.83, 7.83, 0.25, 0.0),
    ("08:00", "24:00", 8.25, 15.0, 2.0, 5.0),
    ("08:00", "26:00", 8.25, 17.0, 2.0, 7.0),
)


@tagged("post_install", "-at_install")
@freeze_time("2026-09-20 09:00:00")
class TestShift(DayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.assignments = cls.env["spp.attendance.shift.assignment"]
        cls.shifts = cls.env["spp.attendance.shift"].with_context(
            allowed_company_ids=cls.company.ids
        )
        cls.default = cls.assignments.search(
            [("company_id", "=", cls.company.id), ("subscriber_id", "=", False)]
        ).shift_id.with_env(cls.shifts.env)

    def work(self, *days, person="W-1"):
        for day in days:
            self.read(day, "08:03 in", "17:30 out", person=person)
        self.compute()

    # ------------------------------------------------------------- presets

    def test_nothing_is_given_to_another_company(self):
        assignment = self.assign(self.new_shift("Ours"), "2026-09-07")
        shift = self.new_shift("Also ours")
        shift.calendar_id = shift.calendar_id.copy({"company_id": False})
        period = self.env["spp.attendance.payroll.period"].create(
            {
                "company_id": self.company.id,
                "date_from": "2026-08-01",
                "date_to": "2026-08-31",
            }
        )
        run = self.env["spp.attendance.day.run"].create(
            {
                "company_id": self.company.id,
                "date_from": "2026-08-01",
                "date_to": "2026-08-31",
            }
        )
        theirs = self.env["spp.attendance.shift"].search(
            [("company_id", "=", self.other_company.id)], limit=1
        )
        for record, values in (
            (assignment, {"shift_id": theirs.id}),
            (shift, {}),
            (period, {}),
            (run, {}),
        ):
            own = record.with_user(self.manager).with_context(
                allowed_company_ids=self.company.ids
            )
            with self.subTest(record._name), self.assertRaises(AccessError):
                own.write({"company_id": self.other_company.id, **values})

    def test_hours_that_are_no_number_of_hours(self):
        """JSON of apps may say Infinity and NaN."""
        shifts = self.shifts.with_user(self.manager)
        shift = self.new_shift("Ours").with_env(shifts.env)
        for name in ("opens_before", "closes_after", "start", "end", "standard_hours"):
            for value in (float("inf"), float("-inf"), float("nan"), 1e308, "NaN", "x"):
                with self.subTest(name=name, value=value):
                    with self.assertRaisesRegex(ValidationError, "number of hours"):
                        shift.write({name: value})
                    with self.assertRaisesRegex(ValidationError, "number of hours"):
                        shifts.create({"name": "Odd", name: value})

    def test_the_ten_rows_of_the_source_by_both_presets(self):
        factory = self.new_shift("Factory", **self.preset("factory_60"))
        other = self._new_worker("W-2")
        self.assign(factory, "2026-08-01", subscriber_id=other.id)
        days = [
            f"2026-08-{number:02d}" for number in (3, 4, 5, 6, 9, 10, 11, 12, 17, 19)
        ]
        for day, (came, went, *_figures) in zip(days, SOURCE, strict=True):
            for person in ("W-1", "W-2"):
                self.read(day, f"{came} in", f"{went} out", person=person)
        self.compute()
        for on, row in zip(days, SOURCE, strict=True):
            *_times, seed, total, overtime, extra = row
            for person, working in ((self.worker, seed), (other, total)):
                with self.subTest(row=row, person=person.person_identifier):
                    day = self.day(on, person)
                    self.assertEqual(to_hours(day.working_minutes), working)
                    self.assertEqual(to_hours(day.overtime_minutes), overtime)
                    self.assertEqual(to_hours(day.extra_overtime_minutes), extra)
                    self.assertEqual(day.snacks_eligible, extra >= 1)
                    self.assertEqual(day.night_bill_eligible, extra >= 5)

    def preset(self, name):
        return self.shifts._preset_values(name)

    def test_a_preset_fills_in_the_form(self):
        with Form(self.shifts.with_user(self.manager)) as form:
            form.name = "Guards"
            form.late_grace = 59
            form.preset = "night"
        shift = form.save()
        self.assertEqual((shift.start, shift.end, shift.late_grace), (22, 6, 5))
        rules = shift._rules()
        self.assertTrue(rules.is_night)
        self.assertEqual((rules.overtime_start, rules.extra_start), (1800, 1920))

    def test_what_is_shipped_is_the_preset_seed(self):
        fresh = self.new_shift("Fresh")
        self.assertEqual(
            self.new_shift("Seed", **self.preset("seed"))._rules(), fresh._rules()
        )
        self.assertEqual(self.default._rules(), fresh._rules())
        self.assertEqual(
            self.default._settings()["weekend_days"], [5], "Friday, of Sunday's weeks"
        )

    # ------------------------------------------------------------- examples

    def test_the_form_tells_what_a_day_gives(self):
        with Form(self.shifts) as form:
            form.name = "Try"
            self.assertEqual((form.try_in, form.try_out), (8.0, 17.5))
            self.assertEqual(self.first_row(form), "08:00|17:30|On Time|8.25|0.5|0.0||")
            form.hours_mode = "total"
            form.break_minutes = 60
            self.assertEqual(self.first_row(form), "08:00|17:30|On Time|8.5|0.5|0.0||")
            form.try_in, form.try_out = 8.5, 0.0
            self.assertEqual(
                self.first_row(form), "08:30|00:00 +1|Late|14.5|2.0|5.0|✓|✓"
            )
            # However little is filled in yet.
            form.try_in = form.try_out = form.start = form.end = 0
            form.start, form.end = 22.0, 6.0
            self.assertEqual((form.try_in, form.try_out), (22.0, 6.5))

    @staticmethod
    def first_row(form):
        row = form.example.split("<tbody>")[1].split("</tr>")[0]
        cells = row.split("<td>")[1:]
        return "|".join(
            "✓" if "fa-check" in cell else cell.replace("</td>", "") for cell in cells
        )

    # ------------------------------------------------------------- versions

    def test_overtime_that_would_never_come_is_refused(self):
        for values in ({"overtime_start": 7}, {"extra_start": 16}):
            with self.subTest(values), self.assertRaises(ValidationError):
                self.new_shift("Mistaken", **values)
        self.new_shift("Without", has_overtime=False, has_extra=False, extra_start=16)
        # Without the first band the second begins when it says.
        values = {"start": 6, "end": 14, "has_overtime": False, "extra_start": 14}
        self.assertEqual(self.new_shift("One", **values)._rules().extra_start, 840)
        with self.assertRaises(ValidationError):
            self.new_shift("Mistaken", **{**values, "extra_start": 5})
        early = self.new_shift("Early overtime", overtime_start=16)
        with self.assertRaises(ValidationError):
            early.extra_start = 15

    def test_a_shift_of_a_whole_day(self):
        shift = self.new_shift(
            "Guard", start=8, end=8, overtime_start=8, extra_start=10, closes_after=4
        )
        self.assign(shift, "2026-09-01", subscriber_id=self.worker.id)
        self.read("2026-09-01", "08:00 in", "33:00 out")
        self.compute()
        day = self.day("2026-09-01")
        self.assertEqual((day.gross_minutes, day.working_minutes), (1500, 1395))
        self.assertEqual((day.overtime_minutes, day.extra_overtime_minutes), (60, 0))

    def test_rules_by_which_somebody_worked_stay(self):
        self.default.late_grace = 3  # nobody has yet
        self.assertFalse(self.default.has_days)
        self.work(DAY)
        self.env.invalidate_all()
        self.assertTrue(self.default.has_days)
        with self.assertRaises(UserError):
            self.default.late_grace = 10
        self.default.name = "Another name"
        with self.assertRaises(UserError):
            self.default.unlink()

    def test_a_version_counts_from_its_date_on(self):
        self.work(DAY, "2026-09-02", "2026-09-03")
        self.assertEqual(self.day(DAY).status, "considered")
        self.default.code = "DAY"
        action = self.default.with_user(self.manager).action_change_from()
        version = self.shifts.browse(action["res_id"]).with_user(self.manager)
        self.assertEqual(version.takes_over_on, Date.to_date("2026-09-21"))
        self.assertEqual(
            self.default.action_change_from()["res_id"], version.id, "not another one"
        )
        version.late_grace = 0
        version.takes_over_on = "2026-09-02"
        self.compute(since=DAY, until="2026-09-03")
        self.assertEqual(self.day("2026-09-02").status, "considered")

        version.action_put_in_force()
        self.compute(since=DAY, until="2026-09-03")
        self.assertEqual(
            [self.day(day).status for day in (DAY, "2026-09-02", "2026-09-03")],
            ["considered", "late", "late"],
        )
        self.assertEqual(self.day(DAY).shift_id, self.default)
        self.assertEqual(self.day("2026-09-02").shift_id, version)
        self.assertEqual((version.code, self.default.code), ("DAY", False))
        self.assertFalse(self.default.active)
        with self.assertRaises(UserError):
            version.action_put_in_force()
        # What was before stays so, though the rules are looked up again.
        self.env["spp.attendance.day.queue"]._enqueue_days(
            self.worker.ids, Date.to_date(DAY), Date.to_date(DAY), is_anew=True
        )
        self.compute()
        self.assertEqual(self.day(DAY).shift_id, self.default)

    def test_a_version_takes_over_wherever_the_one_before_was_assigned(self):
        department = self.env["spp.attendance.department"].create(
            {"name": "Sewing", "company_id": self.company.id}
        )
        old, other = self.new_shift("Old"), self.new_shift("Other")
        self.assign(old, "2026-01-01", department_id=department.id)
        self.assign(old, "2026-01-01", location_id=self.hall.id)
        self.assign(other, "2026-03-01", location_id=self.hall.id)
        self.assign(old, "2026-10-01", subscriber_id=self.worker.id)
        version = old._new_version(Date.to_date("2026-09-10"), {"late_grace": 0})
        version._take_over()
        self.assertEqual(
            [
                (row.date_from.isoformat(), row._target())
                for row in version.assignment_ids.sorted("date_from")
            ],
            [("2026-09-10", department), ("2026-10-01", self.worker)],
        )
        self.assertEqual(len(old.assignment_ids), 2)

    def test_a_version_of_the_future_changes_nothing_today(self):
        self.work("2026-09-17")
        version = self.default._new_version(
            Date.to_date("2026-10-01"), {"late_grace": 0}
        )
        version._take_over()
        self.assertTrue(self.default.active)
        self.compute(since="2026-09-17")
        self.assertEqual(self.day("2026-09-17").shift_id, self.default)
        self.assertEqual(self.worker.shift_id, self.default)
        with freeze_time("2026-10-02 09:00:00"):
            self.env.invalidate_all()
            self.assertEqual(self.worker.shift_id, version)

    def test_what_is_worked_by_is_not_archived(self):
        with self.assertRaises(UserError):
            self.default.active = False
        unused = self.new_shift("Unused")
        unused.active = False
        planned = self.new_shift("Planned")
        self.assign(planned, "2027-01-01", subscriber_id=self.worker.id)
        with self.assertRaises(UserError):
            planned.active = False
        over = self.new_shift("Over")
        self.assign(over, "2026-01-01", subscriber_id=self.worker.id)
        self.assign(unused, "2026-02-01", subscriber_id=self.worker.id)
        over.active = False
        self.assertFalse(over.active)

    # ---------------------------------------------------------- assignments

    def test_the_nearest_assignment_counts(self):
        departments = self.env["spp.attendance.department"]
        upper = departments.create({"name": "Up", "company_id": self.company.id})
        lower = departments.create(
            {"name": "Low", "company_id": self.company.id, "parent_id": upper.id}
        )
        site = self.env["spp.attendance.location"].create(
            {
                "name": "Room",
                "company_id": self.company.id,
                "parent_id": self.hall.id,
                "tz": "Africa/Nairobi",
            }
        )
        self.worker.write({"department_id": lower.id, "location_id": site.id})
        today = Date.to_date("2026-09-20")
        expected = self.default
        self.assertShift(expected, today)
        for name, target in (
            ("location", {"location_id": self.hall.id}),
            ("nearer location", {"location_id": site.id}),
            ("department", {"department_id": upper.id}),
            ("nearer department", {"department_id": lower.id}),
            ("person", {"subscriber_id": self.worker.id}),
        ):
            shift = self.new_shift(name)
            self.assign(shift, "2026-09-10", **target)
            # One that is yet to begin, and one that is over, say nothing.
            self.assign(self.default, "2026-09-21", **target)
            self.assign(self.default, "2026-09-01", **target)
            with self.subTest(name):
                self.assertShift(shift, today)
                self.assertShift(self.default, Date.to_date("2026-08-31"))
                ended = self.assignments.create(
                    {
                        "company_id": self.company.id,
                        "date_from": "2026-09-15",
                        **target,
                    }
                )
                self.assertShift(expected, today)
                ended.unlink()
            expected = shift

    def assertShift(self, shift, day):
        """What is told of one is what the engine computes by."""
        found = self.assignments._shifts_of(self.worker.ids, day)
        self.assertEqual(found, {self.worker.id: shift.id})
        self.queue._add_people()
        computation = Computation(self.env)
        computation.people = computation._find_people(self.worker.ids)
        computation.assigned = computation._find_assigned()
        computation.shifts = computation._find_shifts()
        self.assertEqual(computation.shift_of(computation.people[0], day).id, shift.id)

    def test_an_assignment_ends_when_another_one_begins(self):
        first = self.assign(self.default, "2026-01-01", subscriber_id=self.worker.id)
        self.assertEqual(first.whom, self.worker.display_name)
        self.assertFalse(first.date_to)
        second = self.assign(self.default, "2026-03-01", subscriber_id=self.worker.id)
        self.assertEqual(first.date_to, Date.to_date("2026-02-28"))
        second.unlink()
        self.assertFalse(first.date_to)
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaises(UniqueViolation),
            self.env.cr.savepoint(),
        ):
            self.assign(self.default, "2026-01-01", subscriber_id=self.worker.id)

    def test_a_company_always_has_a_shift(self):
        first = self.default.assignment_ids
        self.assertEqual(len(first), 1)
        self.assertEqual(first.whom, "Everybody")
        for change in (
            first.unlink,
            lambda: first.write({"date_from": "2026-09-01"}),
            lambda: first.write({"subscriber_id": self.worker.id}),
        ):
            with self.assertRaises(UserError), self.env.cr.savepoint():
                change()
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            first.shift_id = False
        first.shift_id = self.new_shift("Other")
        later = self.assign(self.default, "2026-09-01")
        later.unlink()

    def test_what_was_assigned_since_then_is_computed_anew(self):
        self.work(DAY)
        strict = self.new_shift("Strict", late_grace=0)
        self.assign(strict, "2026-08-15", subscriber_id=self.worker.id)
        self.compute()
        self.assertEqual(self.day(DAY).status, "late")
        self.assertEqual(self.day(DAY).shift_id, strict)

    # -------------------------------------------------------------- wizard

    def wizard(self, **values):
        return (
            self.env["spp.attendance.shift.assign"]
            .with_user(self.manager)
            .with_context(allowed_company_ids=self.company.ids)
            .create(values)
        )

    def test_many_people_at_once(self):
        shift, other = self.new_shift("New"), self.new_shift("Another")
        people = self.worker + self._new_worker("W-2") + self._new_worker("W-3")
        known = self.assign(other, "2026-09-20", subscriber_id=people[1].id)
        planned = self.assign(other, "2026-12-01", subscriber_id=people[2].id)
        wizard = self.wizard(
            subscriber_ids=[Command.set(people.ids)], shift_id=shift.id
        )
        self.assertEqual(wizard.people_count, 3)
        wizard.action_assign()
        self.assertEqual(people.shift_id, shift)
        self.assertEqual(known.shift_id, shift)
        self.assertTrue(planned.exists())
        self.assertEqual(planned.shift_id, other)
        self.wizard(
            subscriber_ids=[Command.set(people.ids)], replaces_later=True
        ).action_assign()
        self.env.invalidate_all()
        self.assertEqual(people.shift_id, self.default, "none of their own any more")
        self.assertFalse(planned.exists())

    def test_a_department_or_those_who_are_in_it_now(self):
        department = self.env["spp.attendance.department"].create(
            {"name": "Sewing", "company_id": self.company.id}
        )
        self.worker.department_id = department
        shift = self.new_shift("New")
        values = {
            "by": "department",
            "department_id": department.id,
            "shift_id": shift.id,
            "date_from": "2026-09-01",
        }
        self.wizard(**values).action_assign()
        self.assertEqual(shift.assignment_ids.department_id, department)
        self.wizard(**values, is_whole=False).action_assign()
        self.assertEqual(shift.assignment_ids.subscriber_id, self.worker)
        self.wizard(
            by="company", shift_id=shift.id, date_from="2026-09-01"
        ).action_assign()
        self.env.invalidate_all()
        self.assertEqual(self._new_worker("W-9").shift_id, shift)

    def test_nobody_is_chosen(self):
        with self.assertRaises(UserError):
            self.wizard(shift_id=self.default.id).action_assign()
        with self.assertRaises(UserError):
            self.wizard(by="location", shift_id=self.default.id).action_assign()

    def test_statements_do_not_depend_on_how_many(self):
        shift = self.new_shift("New")
        counts = []
        for size in (1, 2, 60):  # the first one fills caches
            people = self.env["spp.attendance.subscriber"].create(
                [
                    {
                        "person_identifier": f"Many-{size}-{number}",
                        "family_name": "Many",
                        "company_id": self.company.id,
                        "level_of_work": "worker",
                    }
                    for number in range(size)
                ]
            )
            wizard = self.wizard(
                subscriber_ids=[Command.set(people.ids)], shift_id=shift.id
            )
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            wizard.action_assign()
            self.env.flush_all()
            counts.append(self.cr.sql_log_count - before)
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            self.assertEqual(people.shift_id, shift)
            counts.append(self.cr.sql_log_count - before)
        self.assertEqual(counts[2:4], counts[4:])

    def test_only_managers_assign(self):
        self.assertTrue(self.worker.with_user(self.manager).action_assign_shift())
        with self.assertRaises(AccessError):
            self.worker.with_user(self.officer).action_assign_shift()

    # --------------------------------------------------------------- people

    def test_people_by_shift(self):
        shift = self.new_shift("New")
        people = self.env["spp.attendance.subscriber"].with_context(
            allowed_company_ids=self.company.ids
        )
        other = self._new_worker("W-2")
        self.assign(shift, "2026-09-01", subscriber_id=other.id)
        own = [("company_id", "=", self.company.id)]
        self.assertEqual(people.search([("shift_id", "=", shift.id), *own]), other)
        self.assertEqual(
            people.search([("shift_id", "in", self.default.ids), *own]), self.worker
        )
        self.assertEqual(people.search([("shift_id.name", "=", "New"), *own]), other)
        without = people.search([("shift_id", "=", False), *own])
        self.assertIn(self.amina, without)
        self.assertNotIn(other, without)
        self.assertFalse(self.amina.shift_id)
        self.assertEqual(shift.with_env(people.env).people_count, 1)
        action = shift.with_env(people.env).action_open_people()
        self.assertEqual(people.search(action["domain"]), other)

    def test_an_officer_sees_by_which_shift_somebody_works(self):
        person = self.worker.with_user(self.officer).with_context(
            allowed_company_ids=self.company.ids
        )
        self.assertEqual(person.shift_id.name, self.default.name)
