from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import Form, tagged

from .common_day import DayCase

MONDAY, TUESDAY = "2026-09-07", "2026-09-08"


@freeze_time("2026-09-20 12:00:00")
class DayFiguresCase(DayCase):
    """Two days of a worker, one who is late and then away, and one of the staff."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.head = cls._new_user("head", "head")
        cls.sewing, cls.office = cls.env["spp.attendance.department"].create(
            [
                {
                    "name": "Sewing",
                    "company_id": cls.company.id,
                    "head_id": cls.head.id,
                },
                {"name": "Office", "company_id": cls.company.id},
            ]
        )
        cls.cutting = cls.env["spp.attendance.department"].create(
            {
                "name": "Cutting",
                "company_id": cls.company.id,
                "parent_id": cls.sewing.id,
            }
        )
        cls.long, cls.late, cls.staff = (
            cls._new_worker(
                identifier,
                work_from=MONDAY,
                work_to=TUESDAY,
                department_id=department.id,
                level_of_work=level,
            )
            for identifier, department, level in (
                ("R-1", cls.sewing, "worker"),
                ("R-2", cls.cutting, "worker"),
                ("R-3", cls.office, "staff"),
            )
        )
        cls.worker.level_of_work = False

    def setUp(self):
        super().setUp()
        self.read(MONDAY, "08:00 in", "20:30 out", person="R-1")
        self.read(TUESDAY, "08:03 in", "24:10 out", person="R-1")
        self.read(MONDAY, "08:20 in", "16:30 out", person="R-2")
        self.read(MONDAY, "08:00 in", "17:00 out", person="R-3")
        self.read(TUESDAY, "08:00 in", person="R-3")
        self.people = self.long + self.late + self.staff
        self.compute(self.people, MONDAY, TUESDAY)

    def as_user(self, user, model):
        return self.records_of(user).env[model]

    def statements(self, run):
        """How many statements something takes, with nothing in the cache."""
        self.env.invalidate_all()
        before = self.cr.sql_log_count
        run()
        return self.cr.sql_log_count - before

    def many_more(self):
        """A hundred people more, each of a department of their own, with two days."""
        departments = self.env["spp.attendance.department"].create(
            [{"name": f"Line {n}", "company_id": self.company.id} for n in range(100)]
        )
        people = self.env["spp.attendance.subscriber"].create(
            [
                {
                    "person_identifier": f"M-{n}",
                    "family_name": f"Many {n}",
                    "company_id": self.company.id,
                    "location_id": self.hall.id,
                    "department_id": department.id,
                    "level_of_work": "worker",
                    "work_from": MONDAY,
                    "work_to": TUESDAY,
                }
                for n, department in enumerate(departments)
            ]
        )
        self.ingest(
            *(
                self.item(f"M-{n}", f"{MONDAY}T{time}", scan_type=kind)
                for n in range(100)
                for time, kind in (("08:30", "in"), ("20:30", "out"))
            )
        )
        self.compute(people, MONDAY, TUESDAY)


@tagged("post_install", "-at_install")
class TestDayReport(DayFiguresCase):
    def groups(self, user, groupby, *aggregates):
        return self.as_user(user, "spp.attendance.day.report")._read_group(
            [("subscriber_id", "in", self.people.ids)], groupby, aggregates
        )

    def test_hours_statuses_and_allowances_add_up(self):
        [found] = self.groups(
            self.manager,
            [],
            "__count",
            "people:count_distinct",
            "days_present:sum",
            "days_on_time:sum",
            "days_considered:sum",
            "days_late:sum",
            "days_absent:sum",
            "overtime_hours:sum",
            "extra_overtime_hours:sum",
            "snacks:sum",
            "night_bills:sum",
            "missing_punches:sum",
            "minutes_late:avg",
        )
        self.assertEqual(found[:11], (6, 3, 5, 3, 1, 1, 1, 4.0, 1.5 + 5 + 1 / 6, 2, 1))
        self.assertEqual(found[11:], (1, 20.0))

    def test_who_is_on_leave_or_has_the_day_off_lowers_no_rate(self):
        self.assertEqual(self.day(TUESDAY, self.late).status, "absent")
        [(present, late)] = self.groups(
            self.manager, [], "present_rate:avg", "late_rate:avg"
        )
        self.assertAlmostEqual(present, 500 / 6)
        self.assertAlmostEqual(late, 100 / 5)
        with self.holidays(TUESDAY):
            self.queue._enqueue_days(self.late.ids, self.day(TUESDAY, self.late).date)
            self.compute()
        self.assertEqual(self.day(TUESDAY, self.late).status, "holiday")
        [(present,)] = self.groups(self.manager, [], "present_rate:avg")
        self.assertEqual(present, 100)

    def test_the_balance_is_of_hours_present_against_the_expected(self):
        rows = self.groups(
            self.manager,
            ["subscriber_id"],
            "net_hours:sum",
            "expected_hours:sum",
            "balance_hours:sum",
        )
        for person, net, expected, balance in rows:
            with self.subTest(person=person.person_identifier):
                self.assertEqual(expected, 16.0)
                self.assertAlmostEqual(balance, net - expected)
        hours = {person: net for person, net, *_rest in rows}
        self.assertAlmostEqual(hours[self.late.with_env(rows[0][0].env)], 7 + 25 / 60)

    def test_each_role_counts_the_days_that_it_sees(self):
        for user, people in (
            (self.officer, self.people),
            (self.manager, self.people),
            (self.head, self.long + self.late),
        ):
            with self.subTest(user=user.login):
                seen = [person for (person,) in self.groups(user, ["subscriber_id"])]
                self.assertEqual({p.id for p in seen}, set(people.ids))
        for user in (self.internal, self.participant, self.api_user):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.groups(user, [], "__count")

    def test_a_row_is_its_day(self):
        day = self.day(TUESDAY, self.long)
        row = self.as_user(self.officer, "spp.attendance.day.report").browse(day.id)
        self.assertEqual(row.check_in_time, "08:03")
        self.assertEqual(row.check_out_time, "00:10 +1")
        self.assertEqual(row.action_open_day()["res_id"], day.id)

    def test_who_gets_something_on_a_date(self):
        eligible = self.as_user(self.head, "spp.attendance.day.report").search(
            [("date", "=", TUESDAY), "|", ("snacks", "=", 1), ("night_bills", "=", 1)]
        )
        self.assertEqual(eligible.subscriber_id.ids, self.long.ids)
        self.assertEqual((eligible.snacks, eligible.night_bills), (1, 1))

    def test_the_list_to_be_signed_has_a_page_a_date_and_department(self):
        rows = self.as_user(self.manager, "spp.attendance.day.report").search(
            [("subscriber_id", "in", self.people.ids)]
        )
        pages = rows._eligible_pages()
        self.assertEqual(
            [(str(page["date"]), page["department"].name) for page in pages],
            [(MONDAY, "Sewing"), (TUESDAY, "Sewing")],
        )
        html = (
            self.as_user(self.head, "ir.actions.report")
            ._render_qweb_html("spp_attendance.report_day_eligible", rows.ids)[0]
            .decode()
        )
        self.assertIn("R-1", html)
        self.assertIn("00:10 +1", html)
        self.assertNotIn("R-2", html)

    def test_the_list_costs_the_same_for_more(self):
        rows = self.as_user(self.manager, "spp.attendance.day.report")
        names = ["date", "subscriber_id", "department_id", "designation", "snacks"]
        names += ["check_out_time", "extra_overtime_hours"]

        def read():
            rows.search_read([("date", "=", MONDAY)], names)

        self.statements(read)
        few = self.statements(read)
        self.many_more()
        self.assertEqual(self.statements(read), few)


@tagged("post_install", "-at_install")
class TestDayOverview(DayFiguresCase):
    def overview(self, user=None, date_from=MONDAY, date_to=TUESDAY, **filters):
        return self.as_user(
            user or self.manager, "spp.attendance.day.overview"
        ).get_overview(date_from, date_to, **filters)

    def test_what_is_no_date_or_id(self):
        for call in (
            lambda: self.overview(date_from=5),
            lambda: self.overview(date_to="x"),
            lambda: self.overview(date_to=False),
            lambda: self.overview(department_id="x"),
            lambda: self.overview(shift_id=[1]),
        ):
            with self.assertRaisesRegex(UserError, "2026-11-23|Give a number"):
                call()

    def test_it_counts_what_the_analysis_counts(self):
        names = {
            "days": "__count",
            "late": "days_late:sum",
            "absent": "days_absent:sum",
            "snacks": "snacks:sum",
            "night_bills": "night_bills:sum",
            "missing": "missing_punches:sum",
            "people": "people:count_distinct",
        }
        hours = {
            "net": "net_hours:sum",
            "balance": "balance_hours:sum",
            "overtime": "overtime_hours:sum",
            "extra": "extra_overtime_hours:sum",
        }
        for user in (self.manager, self.officer, self.head):
            for filters in ({}, {"department_id": self.sewing.id}):
                with self.subTest(user=user.login, **filters):
                    data = self.overview(user, **filters)
                    report = self.as_user(user, "spp.attendance.day.report")
                    [counted] = report._read_group(
                        data["domain"], [], [*names.values(), *hours.values()]
                    )
                    self.assertEqual(
                        [data["totals"][name] for name in names],
                        list(counted[: len(names)]),
                    )
                    for name, value in zip(hours, counted[len(names) :], strict=True):
                        self.assertAlmostEqual(data["totals"][name] / 60, value)
        self.assertEqual(data["totals"]["people"], 2)

    def test_each_day_has_its_bar(self):
        data = self.overview(date_from="2026-09-05", date_to="2026-09-09")
        self.assertEqual(data["unit"], "day")
        self.assertEqual(
            [
                (bucket["key"], bucket["on_time"], bucket["late"], bucket["absent"])
                for bucket in data["buckets"]
            ],
            [
                ("2026-09-05", 0, 0, 0),
                ("2026-09-06", 0, 0, 0),
                (MONDAY, 2, 1, 0),
                (TUESDAY, 1, 0, 1),
                ("2026-09-09", 0, 0, 0),
            ],
        )

    def test_long_periods_have_bars_of_weeks_and_months_that_end_with_them(self):
        weeks = self.overview(date_from="2026-08-01", date_to="2026-09-30")
        self.assertEqual(weeks["unit"], "week")
        first, last = weeks["buckets"][0], weeks["buckets"][-1]
        self.assertEqual(
            (first["key"], first["date_from"]), ("2026-07-27", "2026-08-01")
        )
        self.assertEqual((last["key"], last["date_to"]), ("2026-09-28", "2026-09-30"))
        [with_days] = [bucket for bucket in weeks["buckets"] if bucket["days"]]
        self.assertEqual((with_days["key"], with_days["days"]), (MONDAY, 6))
        months = self.overview(date_from="2025-01-15", date_to="2026-09-30")
        self.assertEqual(months["unit"], "month")
        self.assertEqual(len(months["buckets"]), 21)
        self.assertEqual(months["buckets"][-1]["days"], 6)

    def test_departments_and_people_are_named(self):
        data = self.overview()
        departments = {group["name"]: group["days"] for group in data["departments"]}
        self.assertEqual(departments, {"Sewing": 2, "Sewing / Cutting": 2, "Office": 2})
        names = {
            measure: [group["key"] for group in groups]
            for measure, groups in data["people"].items()
        }
        self.assertEqual(
            names,
            {
                "late": [self.late.id],
                "absent": [self.late.id],
                "overtime": [self.long.id],
            },
        )

    def test_it_filters(self):
        for filters, days in (
            ({"department_id": self.sewing.id}, 4),
            ({"department_id": self.cutting.id}, 2),
            ({"location_id": self.hall.id}, 6),
            ({"location_id": self.closed_site.id}, 0),
            ({"level_of_work": "staff"}, 2),
            ({"shift_id": self.day(MONDAY, self.long).shift_id.id}, 6),
            ({"date_to": MONDAY}, 3),
        ):
            with self.subTest(**filters):
                data = self.overview(**filters)
                self.assertEqual(data["totals"]["days"], days)
                self.assertEqual(
                    self.as_user(self.manager, "spp.attendance.day").search_count(
                        data["domain"]
                    ),
                    days,
                )

    def test_a_head_counts_his_departments_and_others_nothing(self):
        self.assertEqual(self.overview(self.head)["totals"]["people"], 2)
        for user in (self.internal, self.participant, self.api_user):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.overview(user)

    def test_it_costs_the_same_for_more(self):
        for user in (self.manager, self.head):
            self.statements(lambda user=user: self.overview(user))
        few = self.statements(self.overview)
        few_of_head = self.statements(lambda: self.overview(self.head))
        self.many_more()
        self.assertEqual(self.statements(self.overview), few)
        self.assertEqual(self.statements(lambda: self.overview(self.head)), few_of_head)
        self.assertLessEqual(few, 12)


@tagged("post_install", "-at_install")
class TestDayIssue(DayFiguresCase):
    def days_of(self, user, domain=()):
        return self.as_user(user, "spp.attendance.day").search(
            [("subscriber_id", "in", self.people.ids), *domain]
        )

    def follow_up(self, user, days, who=None, **values):
        action = days.action_follow_up()
        wizard = self.as_user(user, action["res_model"]).with_context(
            **action["context"]
        )
        with Form(wizard) as form:
            form.user_id = who or user
            form.date_deadline = "2026-09-22"
            for name, value in values.items():
                setattr(form, name, value)
        return form.record.action_follow_up()

    def test_what_happened_is_said(self):
        for person, on, issue in (
            (self.late, MONDAY, "Late by 0:20 · Left 0:30 early"),
            (self.late, TUESDAY, "Absent"),
            (self.staff, TUESDAY, "No check-out"),
            (self.long, MONDAY, False),
        ):
            with self.subTest(person=person.person_identifier, on=on):
                self.assertEqual(self.day(on, person).issue, issue)

    def test_the_filters_of_the_list(self):
        view = self.env.ref("spp_attendance.spp_attendance_day_issue_action")
        self.assertIn("search_default_missing", view.context)
        for domain, people in (
            ([("status", "=", "late")], self.late),
            ([("status", "=", "absent")], self.late),
            (
                ["|", ("missing_in", "=", True), ("missing_out", "=", True)],
                self.staff,
            ),
            ([("early_exit_minutes", ">", 0)], self.late),
        ):
            with self.subTest(domain=domain):
                found = self.days_of(self.officer, domain)
                self.assertEqual(found.subscriber_id.ids, people.ids)

    def test_each_person_gets_one_follow_up_with_all_days(self):
        days = self.days_of(self.officer, [("status", "in", ("late", "absent"))])
        days += self.days_of(self.officer, [("missing_out", "=", True)])
        self.follow_up(self.officer, days, note="Was the bus late?")
        self.assertEqual(set(days.mapped("follow_up_state")), {"open"})
        late = days.filtered(lambda day: day.subscriber_id.id == self.late.id)
        [activity] = late.sudo().follow_up_ids
        self.assertEqual(activity.res_id, self.late.id)
        self.assertEqual(activity.user_id, self.officer)
        self.assertIn("Was the bus late?", activity.note)
        self.assertIn("Late by 0:20", activity.note)
        self.assertIn("Absent", activity.note)
        self.assertEqual(len(days.sudo().follow_up_ids), 2)
        self.assertEqual(str(late[0].follow_up_deadline), "2026-09-22")

    def test_follow_ups_are_searched(self):
        late = self.days_of(self.officer, [("status", "=", "late")])
        absent = self.days_of(self.officer, [("status", "=", "absent")])
        self.follow_up(self.officer, late)
        self.follow_up(self.officer, absent, who=self.manager)
        late.action_follow_up_done()

        def found(*leaf):
            return self.days_of(self.head, [leaf])

        self.assertEqual(late.follow_up_state, "done")
        self.assertEqual(late.follow_up_user_id, self.officer)
        self.assertFalse(late.follow_up_deadline)
        self.assertEqual(found("follow_up_state", "=", "done").ids, late.ids)
        self.assertEqual(found("follow_up_state", "=", "open").ids, absent.ids)
        self.assertEqual(
            found("follow_up_state", "!=", "none").ids, (absent + late).ids
        )
        self.assertEqual(len(found("follow_up_state", "=", "none")), 2)
        self.assertEqual(
            found("follow_up_user_id", "=", self.manager.id).ids, absent.ids
        )
        self.assertFalse(found("follow_up_user_id", "=", self.officer.id))
        self.assertEqual(found("follow_up_deadline", "<", "2026-09-23").ids, absent.ids)
        self.assertFalse(found("follow_up_deadline", "<", "2026-09-22"))

    def test_a_head_asks_people_whom_he_may_not_change(self):
        days = self.days_of(self.head, [("status", "=", "late")])
        with self.assertRaises(AccessError):
            days.subscriber_id.write({"designation": "mine"})
        self.follow_up(self.head, days)
        self.assertEqual(days.follow_up_user_id, self.head)
        days.action_follow_up_done()
        self.assertEqual(days.follow_up_state, "done")

    def test_what_somebody_asks_already_is_left_out(self):
        late = self.days_of(self.officer, [("status", "=", "late")])
        self.follow_up(self.officer, late)
        both = late + self.days_of(self.officer, [("status", "=", "absent")])
        self.follow_up(self.manager, both.with_user(self.manager))
        self.env.invalidate_all()
        self.assertEqual(len(late.sudo().follow_up_ids), 1)
        self.assertEqual(both[1].follow_up_user_id, self.manager)

    def test_nobody_learns_of_days_that_are_not_his(self):
        days = self.days_of(self.officer, [("missing_out", "=", True)])
        for user in (self.head, self.internal):
            with self.subTest(user=user.login), self.assertRaises(UserError):
                self.follow_up(self.officer, days, who=user)
        wizard = self.as_user(self.head, "spp.attendance.day.follow.up")
        with self.assertRaises(AccessError):
            wizard.create(
                {"day_ids": [Command.set(days.ids)], "user_id": self.head.id}
            ).action_follow_up()
        with self.assertRaises(AccessError):
            days.with_user(self.head).action_follow_up()

    def test_a_follow_up_is_of_some_day(self):
        with self.assertRaises(UserError):
            self.days.action_follow_up()

    def test_a_participant_sees_his_days_without_who_asks(self):
        self.participant_subscriber.write(
            {"level_of_work": "worker", "work_from": MONDAY, "work_to": MONDAY}
        )
        self.compute(self.participant_subscriber, MONDAY)
        mine = self.as_user(self.participant, "spp.attendance.day").search([])
        self.assertEqual(mine.issue, "Absent")
        with self.assertRaises(AccessError):
            mine.read(["follow_up_ids"])

    def test_a_day_that_is_none_any_more_takes_its_tie_along(self):
        days = self.days_of(self.officer, [("status", "=", "absent")])
        self.follow_up(self.officer, days)
        self.late.work_to = MONDAY
        self.compute(self.late, MONDAY, TUESDAY)
        self.assertFalse(self.day(TUESDAY, self.late))
        self.assertTrue(self.late.activity_ids)

    def test_the_list_costs_the_same_for_more(self):
        names = ["issue", "check_in_time", "follow_up_state", "follow_up_user_id"]

        def read():
            self.as_user(self.manager, "spp.attendance.day").search_read(
                [("date", "=", MONDAY), ("status", "=", "late")],
                [*names, "subscriber_id", "department_id", "follow_up_deadline"],
            )

        self.follow_up(
            self.officer, self.days_of(self.officer, [("status", "=", "late")])
        )
        self.statements(read)
        few = self.statements(read)
        self.many_more()
        lot = self.as_user(self.manager, "spp.attendance.day").search(
            [("date", "=", MONDAY), ("status", "=", "late")]
        )
        self.assertEqual(len(lot), 101)
        self.follow_up(self.manager, lot)
        self.assertEqual(self.statements(read), few)
