from datetime import UTC, date, datetime

from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from .common_day import DayCase

DAY = "2026-09-01"  # a Tuesday
AT_UTC = "2026-09-01 %s:00"


@tagged("post_install", "-at_install")
@freeze_time("2026-09-03 12:00:00")
class TestDayDecide(DayCase):
    """What is decided of a day stands, and what was read of it is kept beside it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.head = cls._new_user("head", "head")
        cls.department = cls.env["spp.attendance.department"].create(
            {"name": "Sewing", "company_id": cls.company.id, "head_id": cls.head.id}
        )
        cls.worker.department_id = cls.department

    def decide(self, values, user=None, day=DAY, person=None, reason="Forgot"):
        days = self.days.with_user(user or self.manager).with_context(
            allowed_company_ids=self.company.ids
        )
        person = (person or self.worker).with_env(days.env)
        return days._decide(person, date.fromisoformat(day), values, reason)

    def changes(self):
        return self.env["spp.attendance.day.change"].search(
            [("subscriber_id", "=", self.worker.id)]
        )

    def setUp(self):
        super().setUp()
        self.read(DAY, "08:20 in", "17:30 out")
        self.compute()

    def test_times_replace_what_was_read(self):
        day = self.decide({"check_in": "08:00", "check_out": "18:30"})
        self.assertEqual(str(day.first_check_in), AT_UTC % "05:00")
        self.assertEqual(str(day.last_check_out), AT_UTC % "15:30")
        self.assertEqual(day.status, "on_time")
        self.assertEqual(day.overtime_minutes, 90)
        self.assertEqual(day.computed["status"], "late")
        self.assertEqual(day.computed["overtime_minutes"], 30)
        self.assertTrue(day.differs)
        self.assertTrue(day.is_edited)
        self.assertEqual(day.edited_by, self.manager)
        self.assertEqual(str(day.edited_at), "2026-09-03 12:00:00")

    def test_one_time_leaves_the_other_to_the_records(self):
        day = self.decide({"check_in": "08:00"})
        self.assertEqual(str(day.last_check_out), AT_UTC % "14:30")
        self.read(DAY, "19:10 out")
        self.compute()
        self.assertEqual(str(day.last_check_out), AT_UTC % "16:10")
        self.assertEqual(str(day.first_check_in), AT_UTC % "05:00")
        day = self.decide({"check_out": "17:00"})
        self.assertEqual(str(day.first_check_in), AT_UTC % "05:20", "as computed")
        self.assertEqual(str(day.last_check_out), AT_UTC % "14:00")

    def test_a_time_is_within_the_day_and_after_check_in(self):
        day = self.decide({"check_in": "08:00", "check_out": "02:00"})
        self.assertEqual(str(day.last_check_out), "2026-09-01 23:00:00")
        self.assertEqual(day.extra_overtime_minutes, 7 * 60)
        for values, message in (
            ({"check_in": "18:00", "check_out": "09:00"}, "after check-in"),
            ({"check_in": "17:45"}, "after check-in"),
            ({"check_in": "25:00"}, "not a time of day"),
            ({"check_in": None, "check_out": "09:00"}, "check-out needs a check-in"),
            ({"check_in": datetime(2026, 9, 3, 8)}, "too far"),
            ({"status": "absent", "check_in": "08:00"}, "absent"),
            ({"status": "ill"}, "no status"),
            ({"late_minutes": 3}, "can't be set"),
            ({"net_minutes": -1}, "whole minutes"),
            ({"net_minutes": 7.5}, "whole minutes"),
        ):
            with (
                self.subTest(values=values),
                self.assertRaisesRegex(UserError, message),
            ):
                self.decide(values)
        self.assertEqual(len(self.changes()), 1)

    def test_an_out_where_no_in_was_read(self):
        """It is as if the out alone had been read: somebody has to look at it."""
        day = self.decide({"check_out": "17:30"}, day="2026-09-02")
        self.assertEqual(str(day.last_check_out), "2026-09-02 14:30:00")
        self.assertFalse(day.first_check_in)
        self.assertEqual((day.status, day.net_minutes), ("late", 0))
        self.assertTrue(day.missing_in and day.needs_review)
        self.read("2026-09-02", "08:00 in")
        self.compute()
        day = self.day("2026-09-02")
        self.assertEqual((day.status, day.gross_minutes), ("on_time", 570))
        self.assertFalse(day.missing_in or day.needs_review)

    def test_instants_and_local_times(self):
        day = self.decide(
            {
                "check_in": datetime(2026, 9, 1, 8, 0),
                "check_out": datetime(2026, 9, 1, 15, 0, tzinfo=UTC),
            }
        )
        self.assertEqual(str(day.first_check_in), AT_UTC % "05:00")
        self.assertEqual(str(day.last_check_out), AT_UTC % "15:00")

    def test_nothing_instead_of_a_time(self):
        day = self.decide({"check_out": None})
        self.assertFalse(day.last_check_out)
        self.assertEqual(str(day.first_check_in), AT_UTC % "05:20")
        self.assertTrue(day.missing_out)
        self.assertEqual(day.net_minutes, 0)

    def test_absent_has_no_hours(self):
        day = self.decide({"status": "absent"})
        self.assertEqual((day.status, day.abbreviation), ("absent", "A"))
        self.assertFalse(day.first_check_in or day.last_check_out)
        self.assertEqual(day.net_minutes + day.overtime_minutes, 0)

    def test_forgiven_late_arrival(self):
        day = self.decide({"is_forgiven": True})
        self.assertEqual(day.status, "considered")
        self.assertEqual(day.late_minutes, 20)

    def test_figures(self):
        day = self.decide(
            {
                "net_minutes": 400,
                "working_minutes": 390,
                "overtime_minutes": 10,
                "extra_overtime_minutes": 5,
                "snacks_eligible": True,
                "night_bill_eligible": False,
                "notes": "Helped out",
            }
        )
        self.assertEqual((day.net_minutes, day.working_minutes), (400, 390))
        self.assertEqual((day.overtime_minutes, day.extra_overtime_minutes), (10, 5))
        self.assertTrue(day.snacks_eligible)
        self.assertEqual(day.notes, "Helped out")

    def test_a_day_that_does_not_exist_is_made(self):
        self.assertFalse(self.day("2026-09-03"))
        day = self.decide({"status": "on_time"}, day="2026-09-03")
        self.assertEqual(day, self.day("2026-09-03"))
        self.assertEqual(day.status, "on_time")
        self.assertFalse(self.decide(None, day="2026-09-03"), "nothing is known again")
        kinds = self.changes().mapped("kind")
        self.assertEqual(kinds, ["taken_back", "decided"])

    def test_decided_again_and_taken_back(self):
        day = self.decide({"check_in": "08:00", "is_forgiven": True})
        again = day._decided_values()
        self.assertEqual(
            again,
            {"check_in": datetime(2026, 9, 1, 5, tzinfo=UTC), "is_forgiven": True},
        )
        day = self.decide({**again, "check_out": "18:00"})
        self.assertEqual(str(day.first_check_in), AT_UTC % "05:00")
        self.assertEqual(str(day.last_check_out), AT_UTC % "15:00")
        same = self.decide(day._decided_values())
        self.assertEqual(same._decided_values(), day._decided_values())
        day = self.decide(None)
        self.assertEqual((day.status, day.overtime_minutes), ("late", 30))
        self.assertFalse(day.is_edited or day.differs or day.edited_by)
        self.assertFalse(day.override or day.computed)

    def test_notes_alone_leave_what_was_decided(self):
        self.decide({"check_in": "08:00"})
        day = self.decide({"notes": "Checked"})
        self.assertEqual(day.status, "on_time")
        self.assertEqual(day.notes, "Checked")

    def test_later_records_do_not_change_what_was_decided(self):
        self.decide({"status": "considered", "check_in": "08:04", "check_out": "17:00"})
        self.read(DAY, "20:00 out")
        self.compute()
        day = self.day(DAY)
        self.assertEqual(str(day.last_check_out), AT_UTC % "14:00")
        self.assertEqual(day.computed["last_check_out"], "2026-09-01T17:00:00")
        self.assertTrue(day.differs)

    def test_who_when_and_why(self):
        self.decide({"check_in": "08:00"}, reason="Terminal was down")
        change = self.changes()
        self.assertEqual(change.create_uid, self.manager)
        self.assertEqual(change.reason, "Terminal was down")
        self.assertEqual(change.company_id, self.company)
        lines = change.summary.splitlines()
        self.assertIn("Status: Late → On Time", lines)
        self.assertIn("First Check-In: 08:20 → 08:00", lines)
        for reason in (None, "", "  "):
            with self.assertRaisesRegex(UserError, "reason"):
                self.decide({"check_in": "08:00"}, reason=reason)

    def test_who_may(self):
        for user in (
            self.officer,
            self.head,
            self.participant,
            self.api_user,
            self.internal,
        ):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.decide({"status": "on_time"}, user=user)
        for user in (self.manager, self.admin):
            self.decide({"status": "on_time"}, user=user)

    def test_not_in_another_company(self):
        self.stranger.level_of_work = "worker"
        with self.assertRaises(AccessError):
            self.decide({"status": "on_time"}, person=self.stranger)
        both = self.manager
        both.company_ids += self.other_company
        with self.assertRaises(AccessError):
            self.decide({"status": "on_time"}, user=both, person=self.stranger)

    def test_nobody_decides_his_own_day(self):
        for user in (self.manager, self.admin):
            self.env["spp.attendance.subscriber"].create(
                {
                    "person_identifier": f"OWN-{user.id}",
                    "partner_id": user.partner_id.id,
                    "company_id": self.company.id,
                    "level_of_work": "staff",
                }
            )
        people = self.env["spp.attendance.subscriber"]
        own = people.search([("partner_id", "=", self.manager.partner_id.id)])
        with self.assertRaisesRegex(AccessError, "own day"):
            self.decide({"status": "on_time"}, person=own)
        own = people.search([("partner_id", "=", self.admin.partner_id.id)])
        self.assertTrue(self.decide({"status": "on_time"}, user=self.admin, person=own))

    def test_of_whom_and_of_which_days(self):
        with self.assertRaisesRegex(UserError, "level of work"):
            self.decide({"status": "on_time"}, person=self.amina)
        with self.assertRaisesRegex(UserError, "begun"):
            self.decide({"status": "on_time"}, day="2026-09-04")

    def test_what_was_decided_stays_with_its_company(self):
        person = self._new_worker("W-9")
        day = self.decide({"check_in": "08:00", "check_out": "17:30"}, person=person)
        partner = person.partner_id
        with self.assertRaises(UserError):
            partner.company_id = self.other_company
        self.decide(None, person=person)
        day.action_lock()
        with self.assertRaises(UserError):
            partner.company_id = self.other_company
        day.action_unlock()
        partner.company_id = self.other_company
        self.assertEqual(person.company_id, self.other_company)
        self.assertFalse(self.day(DAY, person))
