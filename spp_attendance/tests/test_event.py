from datetime import date, datetime

from freezegun import freeze_time

from odoo import Command
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged
from odoo.tests.common import warmup

from .common import AttendanceCase


@tagged("post_install", "-at_install")
@freeze_time("2026-09-10 12:00:00")
class TestEvent(AttendanceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env = cls.env(
            context={**cls.env.context, "allowed_company_ids": cls.company.ids}
        )
        cls.people = cls.amina + cls.joseph + cls.grace
        cls.event = cls._new_event(cls.people)

    @classmethod
    def _new_event(cls, people, **values):
        return (
            cls.env["spp.attendance.event"]
            .with_user(cls.officer)
            .create(
                {
                    "name": "Distribution",
                    "type_id": cls.training.id,
                    "location_id": cls.hall.id,
                    "local_date": "2026-09-09",
                    "local_time": "08:30",
                    "line_ids": [
                        Command.create({"subscriber_id": person.id})
                        for person in people
                    ],
                    **values,
                }
            )
        )

    def _line(self, person, event=None):
        return (event or self.event).line_ids.filtered(
            lambda line: line.subscriber_id == person
        )

    def _mark(self, event=None, **marks):
        """Save marks as the form does, all in one write."""
        event = event or self.event
        event.write(
            {
                "line_ids": [
                    Command.update(
                        self._line(getattr(self, name), event).id, {"mark": mark}
                    )
                    for name, mark in marks.items()
                ]
            }
        )

    def _marks(self, event=None):
        event = event or self.event
        event.invalidate_recordset()
        event.line_ids.invalidate_recordset()
        return [line.mark for line in event.line_ids]

    def _all_records(self):
        return (
            self.env["spp.attendance.record"]
            .with_context(active_test=False)
            .search([("subscriber_id", "in", self.people.ids)], order="id")
        )

    def test_events_of_one_name_are_told_apart_by_date(self):
        self.assertEqual(self.event.display_name, "Distribution · 2026-09-09")
        next_week = self._new_event(self.people, local_date="2026-09-16")
        self.assertEqual(next_week.display_name, "Distribution · 2026-09-16")
        self.assertFalse(self.env["spp.attendance.event"].new().display_name)

    def test_marks_become_records(self):
        self._mark(amina="present", joseph="absent")
        self.assertEqual(self._marks(), ["present", "absent", False])
        self.assertRecordValues(
            self._all_records(),
            [
                {
                    "subscriber_id": person.id,
                    "category": category,
                    "date_time": datetime(2026, 9, 9, 5, 30),
                    "local_date": date(2026, 9, 9),
                    "local_time": "08:30:00",
                    "tz": "Africa/Nairobi",
                    "type_id": self.training.id,
                    "location_id": self.hall.id,
                    "source": "manual",
                    "create_uid": self.officer.id,
                }
                for person, category in (
                    (self.amina, "present"),
                    (self.joseph, "absent"),
                )
            ],
        )
        self.assertRecordValues(
            self.event,
            [
                {
                    "expected_count": 3,
                    "came_count": 1,
                    "absent_count": 1,
                    "unmarked_count": 1,
                    "extra_count": 0,
                    "came_share": 1 / 3,
                }
            ],
        )
        self.assertEqual(len(self.event.mark_ids), 1)

    def test_a_changed_mark_corrects_the_record_and_is_told(self):
        self._mark(amina="absent")
        self._mark(amina="present")
        record = self._all_records()
        self.assertEqual(record.category, "present")
        self.assertRecordValues(
            record.change_ids,
            [
                {
                    "field": "category",
                    "old_value": "absent",
                    "new_value": "present",
                    "create_uid": self.officer.id,
                }
            ],
        )

    def test_a_mark_taken_away_voids(self):
        self._mark(amina="present")
        self._mark(amina=False)
        self.assertEqual(self._marks(), [False] * 3)
        record = self._all_records()
        self.assertFalse(record.active)
        self.assertIn("Distribution", record.void_reason)

    def test_the_same_mark_again_is_no_save(self):
        self._mark(amina="present")
        self._mark(amina="present")
        self.assertEqual(len(self.event.mark_ids), 1)
        self.assertFalse(self._all_records().change_ids)

    def test_one_undo_restores_all(self):
        self._mark(amina="present", joseph="absent")
        self._mark(amina="absent", joseph=False, grace="present")
        self.assertEqual(self._marks(), ["absent", False, "present"])
        notice = self.event.action_undo_marks()
        self.assertEqual(notice["params"]["type"], "success")
        self.assertEqual(self._marks(), ["present", "absent", False])
        self.event.action_undo_marks()
        self.assertEqual(self._marks(), [False] * 3)
        self.assertFalse(self._all_records().filtered("active"))
        with self.assertRaisesRegex(UserError, "nothing to undo"):
            self.event.action_undo_marks()

    def test_undo_takes_back_no_other_save_than_the_one_that_was_seen(self):
        self._mark(amina="present")
        seen = self.event.last_mark_id
        self._mark(joseph="present")
        with self.assertRaisesRegex(UserError, "meanwhile"):
            self.event.with_context(undo_mark_id=seen.id).action_undo_marks()
        latest = self.event.last_mark_id
        self.event.with_context(undo_mark_id=latest.id).action_undo_marks()
        self.assertEqual(self.event.last_mark_id, seen)

    def test_undo_leaves_what_was_changed_since(self):
        self._mark(amina="present", joseph="present")
        of_amina = self._all_records().filtered(lambda r: r.subscriber_id == self.amina)
        of_amina._void("was somebody else")
        notice = self.event.action_undo_marks()
        self.assertIn("changed them: 1", notice["params"]["message"])
        self.assertEqual(of_amina.void_reason, "was somebody else")

    def test_undo_takes_those_off_the_list_who_came_with_the_save(self):
        visitor = self.participant_subscriber
        self.event.write(
            {
                "line_ids": [
                    Command.create(
                        {
                            "subscriber_id": visitor.id,
                            "is_expected": False,
                            "mark": "present",
                        }
                    )
                ]
            }
        )
        self.assertEqual(self._marks(), [False, False, False, "present"])
        self.assertEqual(self.event.extra_count, 1)
        self.assertEqual(self.event.came_share, 0)
        self.event.action_undo_marks()
        self.assertEqual(self.event.line_ids.subscriber_id, self.people)

    def test_what_others_record_counts(self):
        """A terminal, an app, a place within: whoever recorded it, he came."""
        corner = self.env["spp.attendance.location"].create(
            {
                "name": "Corner",
                "code": "CORNER",
                "parent_id": self.hall.id,
                "tz": "Africa/Nairobi",
                "company_id": self.company.id,
            }
        )
        self.ingest(
            self.item(
                "T-1", "2026-09-09T06:00:00", type="TRN-TEST", location=corner.id
            ),
            # Another type, another place, another date: not of this event.
            self.item("T-2", "2026-09-09T08:00:00", location="HALL"),
            self.item("T-2", "2026-09-09T09:00:00", type="TRN-TEST"),
            self.item("T-2", "2026-09-08T08:00:00", type="TRN-TEST", location="HALL"),
        )
        self.assertEqual(self._marks(), ["present", False, False])
        wide = self._new_event(self.people, type_id=False, location_id=False)
        self.assertEqual(self._marks(wide), ["present", "present", False])

    def test_events_that_count_the_same_records_are_named(self):
        same_day = self._new_event(self.amina, location_id=False)
        for values in (
            {"local_date": "2026-09-08"},
            {"location_id": self.closed_site.id},
            {"type_id": self.env["spp.attendance.type"].create({"name": "Own"}).id},
        ):
            event = self._new_event(self.amina).with_user(self.manager)
            with self.subTest(values):
                self.assertEqual(event.overlapping_ids, self.event + same_day)
                event.write(values)
                self.assertNotIn(self.event, event.overlapping_ids)
            event.active = False

    def test_present_beats_absent(self):
        self._mark(amina="absent")
        self.ingest(
            self.item("T-1", "2026-09-09T10:00:00", type="TRN-TEST", location="HALL")
        )
        self.assertEqual(self._marks()[0], "present")
        # Marked absent again, both say so.
        self._mark(amina="absent")
        self.assertEqual(self._all_records().mapped("category"), ["absent", "absent"])
        self.event.action_undo_marks()
        self.assertEqual(self._all_records().mapped("category"), ["absent", "present"])

    def test_who_can_t_be_marked_keeps_nobody_else_from_it(self):
        self.ingest(self.item("T-1", "2026-09-09T08:30:00"))  # the same date and time
        self.grace.active = False
        self._mark(amina="present", joseph="present", grace="present")
        self.assertEqual(self._marks(), [False, "present", False])
        problems = self.event.problem.split("\n")
        self.assertEqual(len(problems), 2)
        self.assertIn("[T-3]", problems[0])
        self.assertIn("counts as the same", problems[1])
        self._mark(joseph="absent")
        self.assertFalse(self.event.problem)

    def test_what_one_may_not_correct_keeps_nobody_else_from_it(self):
        # Who heads a department sees where his people were, and changes nothing there.
        self.officer.group_ids += self.env.ref(
            "spp_attendance.spp_attendance_group_head"
        )
        self.amina.department_id = self.env["spp.attendance.department"].create(
            {"name": "Field", "head_id": self.officer.id}
        )
        anywhere = self._new_event(self.people, location_id=False, type_id=False)
        self.ingest(self.item("T-1", "2026-09-09T10:00:00", location="CLOSED"))
        self._mark(anywhere, amina="absent", joseph="absent", grace=False)
        self.assertEqual(self._marks(anywhere), ["present", "absent", False])
        self.assertEqual(
            anywhere.problem,
            f"{self.amina.display_name}: You may not correct the attendance that there"
            " is, at another location.",
        )
        anywhere.action_undo_marks()
        self.assertEqual(self._marks(anywhere), ["present", False, False])

    def test_an_event_tells_nothing_of_closed_locations(self):
        """Anybody can make one, of any day and of whomever."""
        self.ingest(self.item("T-1", "2026-09-09T10:00:00", location="CLOSED"))
        spying = self._new_event(self.amina, location_id=False, type_id=False)
        report = self.env["spp.attendance.event.report"].search(
            [("event_id", "=", spying.id)]
        )
        for user, mark in ((self.officer, False), (self.manager, "present")):
            with self.subTest(user.login):
                self.env.invalidate_all()
                line = self._line(self.amina, spying.with_user(user))
                self.assertEqual(line.mark, mark)
                self.assertEqual(bool(line.record_id), bool(mark))
                self.assertEqual(line.event_id.came_count, bool(mark))
                self.assertEqual(report.with_user(user).mark, mark)
        # 10:00 at the closed site, by its clock, is the moment of these marks.
        spying.local_time = "10:00"
        self._mark(spying, amina="absent")
        self.assertEqual(
            spying.problem,
            f"{self.amina.display_name} has attendance already that counts as the"
            " same, at a location where you don't work.",
        )

    def test_a_line_can_be_marked_by_itself(self):
        self.event.line_ids.mark = "present"
        self.assertEqual(self._marks(), ["present"] * 3)
        self.assertEqual(len(self.event.mark_ids), 1)

    def test_marks_come_with_a_new_event(self):
        event = self._new_event(
            self.joseph,
            name="Other",
            local_time="10:00",
            line_ids=[
                Command.create({"subscriber_id": self.amina.id, "mark": "present"}),
                Command.create({"subscriber_id": self.joseph.id, "mark": "absent"}),
                Command.create({"subscriber_id": self.grace.id}),
            ],
        )
        self.assertEqual(self._marks(event), ["present", "absent", False])

    @warmup
    def test_fifty_marks_cost_what_five_cost(self):
        people = self.env["spp.attendance.subscriber"].create(
            [
                {
                    "person_identifier": f"M-{n}",
                    "name": f"M {n}",
                    "company_id": self.company.id,
                }
                for n in range(60)
            ]
        )

        def statements(event, mark):
            self.env.flush_all()
            self.env.invalidate_all()
            marks = [Command.update(id_, {"mark": mark}) for id_ in event.line_ids.ids]
            start = self.env.cr.sql_log_count
            event.write({"line_ids": marks})
            self.env.flush_all()
            return self.env.cr.sql_log_count - start

        first = self._new_event(people[55:], local_time="07:00")
        few = self._new_event(people[:5], local_time="09:00")
        many = self._new_event(people[5:55], local_time="09:00")
        for mark in ("present", "absent", False):
            with self.subTest(mark):
                statements(first, mark)  # what is cached for good
                self.assertEqual(statements(few, mark), statements(many, mark))

    def test_lists_count_in_one_statement(self):
        events = self.event
        for hour in range(10, 20):
            events += self._new_event(self.people, local_time=f"{hour}:00")
        self.env.flush_all()
        self.env.invalidate_all()
        events.mapped("name")
        events.line_ids.mapped("is_expected")
        self.event.with_prefetch().came_share  # noqa: B018 - what the user may see
        with self.assertQueryCount(1):
            events.mapped("came_share")

    def test_expected_people_are_added_in_many_ways(self):
        event = self._new_event(self.grace)
        department = self.env["spp.attendance.department"].create(
            {"name": "Field", "company_id": self.company.id}
        )
        tag = self.env["res.partner.category"].create({"name": "Elder"})
        self.amina.write(
            {
                "department_id": department.id,
                "location_id": self.hall.id,
                "category_id": tag.ids,
            }
        )
        saved = self.env["ir.filters"].create(
            {
                "name": "Aminas",
                "model_id": "spp.attendance.subscriber",
                "domain": "[('given_name', '=', 'Amina'),"
                " ('create_date', '>=', context_today().strftime('%Y-%m-%d'))]",
                "user_ids": [],
            }
        )
        self.env.cr.execute(
            "UPDATE spp_attendance_subscriber SET create_date = '2026-09-10'"
            " WHERE id = %s",
            [self.amina.id],
        )
        earlier = self._new_event(self.amina, name="Earlier")
        for by, values in (
            ("people", {"subscriber_ids": self.amina.ids}),
            ("filter", {"filter_id": saved.id}),
            ("department", {"department_id": department.id}),
            ("location", {"location_id": self.hall.id}),
            ("tag", {"category_id": tag.id}),
            ("event", {"source_event_id": earlier.id}),
        ):
            with self.subTest(by):
                wizard = (
                    self.env["spp.attendance.event.expect"]
                    .with_user(self.officer)
                    .create({"event_id": event.id, "by": by, **values})
                )
                self.assertEqual(wizard.people_count, 1)
                wizard.action_expect()
                self.assertEqual(event.line_ids.subscriber_id, self.grace + self.amina)
                self._line(self.amina, event).unlink()
        with self.assertRaisesRegex(UserError, "Nobody is chosen"):
            self.env["spp.attendance.event.expect"].create(
                {"event_id": event.id, "by": "people"}
            ).action_expect()

    def test_expecting_again_changes_nothing(self):
        self.assertEqual(self.event._expect(self.people), 0)
        self._line(self.amina).is_expected = False
        self.assertEqual(self.event._expect(self.people), 1)
        self.assertEqual(len(self.event.line_ids), 3)

    def test_a_copy_expects_the_same_people(self):
        self._line(self.grace).is_expected = False
        copy = self.event.copy()
        self.assertEqual(copy.line_ids.subscriber_id, self.amina + self.joseph)
        self.assertFalse(copy.mark_ids)

    def test_a_badge_means_somebody_of_the_company(self):
        self.assertEqual(self.event.find_person("T-2")["id"], self.joseph.id)
        self.grace.badge = "04A2"
        self.joseph.badge = "T-1"  # nobody's badge is another one's identifier
        self.assertEqual(self.event.find_person("04A2")["id"], self.grace.id)
        self.assertEqual(self.event.find_person("T-1")["id"], self.amina.id)
        self.assertEqual(self.event.find_person("nobody"), {})
        stranger = self.event.with_user(self.internal)
        with self.assertRaises(AccessError):
            stranger.find_person("T-2")

    def test_pivot(self):
        self._mark(amina="present", joseph="absent")
        report = self.env["spp.attendance.event.report"].with_user(self.officer)
        [values] = report._read_group(
            [("event_id", "=", self.event.id)],
            [],
            [
                "expected:sum",
                "came:sum",
                "absent:sum",
                "unmarked:sum",
                "came_share:avg",
            ],
        )
        self.assertEqual(values[:4], (3, 1, 1, 1))
        self.assertAlmostEqual(values[4], 1 / 3)

    def test_officers_see_events_at_their_locations(self):
        closed = (
            self.env["spp.attendance.event"]
            .with_user(self.manager)
            .create(
                {
                    "name": "Closed",
                    "location_id": self.closed_site.id,
                    "company_id": self.company.id,
                    "line_ids": [Command.create({"subscriber_id": self.amina.id})],
                }
            )
        )
        for model in ("event", "event.line", "event.report"):
            with self.subTest(model):
                of_officer = self.env[f"spp.attendance.{model}"].with_user(self.officer)
                field = "id" if model == "event" else "event_id"
                self.assertFalse(of_officer.search([(field, "=", closed.id)]))
                self.assertTrue(of_officer.search([(field, "=", self.event.id)]))
        with self.assertRaises(AccessError):
            closed.with_user(self.officer).line_ids.mark = "present"
        with self.assertRaises(AccessError):
            self.event.with_user(self.officer).unlink()

    def test_times_are_typed_as_in_records(self):
        with Form(self.env["spp.attendance.event"].with_user(self.officer)) as form:
            form.name = "Typed"
            form.local_time = "915"
            self.assertEqual(form.local_time, "09:15:00")
        with self.assertRaises(ValidationError):
            form.record.local_time = "noon"

    def test_an_event_ahead_can_t_be_marked_yet(self):
        event = self._new_event(self.amina, local_date="2026-09-20")
        self._mark(event, amina="present")
        self.assertIn("ahead", event.problem)
        self.assertFalse(self._all_records())
