from datetime import date

from freezegun import freeze_time
from psycopg2.errors import UniqueViolation

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common_day import DayCase

DAY = "2026-09-01"


class CorrectionCase(DayCase):
    """A worker who takes part himself, of a department with a head."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.head = cls._new_user("head", "head")
        cls.top = cls._new_user("top", "head")
        cls.other_head = cls._new_user("other-head", "head")
        departments = cls.env["spp.attendance.department"].with_context(
            allowed_company_ids=cls.company.ids
        )
        cls.works = departments.create({"name": "Works", "head_id": cls.top.id})
        cls.sewing = departments.create(
            {"name": "Sewing", "head_id": cls.head.id, "parent_id": cls.works.id}
        )
        cls.office = departments.create(
            {"name": "Office", "head_id": cls.other_head.id}
        )
        cls.participant_subscriber.write(
            {
                "level_of_work": "worker",
                "location_id": cls.hall.id,
                "department_id": cls.sewing.id,
                "work_from": "2026-08-01",
            }
        )
        cls.person = cls.participant_subscriber

    def corrections_of(self, user):
        return (
            self.env["spp.attendance.correction"]
            .with_user(user)
            .with_context(allowed_company_ids=user.company_ids.ids)
        )

    def ask(self, user=None, person=None, is_sent=True, **values):
        corrections = self.corrections_of(user or self.participant)
        correction = corrections.create(
            {
                "subscriber_id": (person or self.person).id,
                "date": DAY,
                "kind": "missing_punch",
                "check_out": "17:30",
                "reason": "The gate was closed",
                **values,
            }
        )
        if is_sent:
            correction.action_submit()
        return correction

    def as_user(self, correction, user):
        return self.corrections_of(user).browse(correction.id)

    def day_of(self, person=None, on=DAY):
        self.env.invalidate_all()
        return self.day(on, person or self.person)


@tagged("post_install", "-at_install")
@freeze_time("2026-09-03 12:00:00")
class TestCorrection(CorrectionCase):
    def setUp(self):
        super().setUp()
        self.read(DAY, "08:20 in", person=self.person.person_identifier)
        self.compute()

    def test_asked_approved_and_told(self):
        correction = self.ask()
        self.assertEqual(correction.state, "submitted")
        self.assertEqual(str(correction.submitted_at), "2026-09-03 12:00:00")
        self.assertEqual(
            correction.sudo().activity_ids.user_id, self.head, "the nearest head"
        )
        before = self.day_of()
        self.assertTrue(before.missing_out)
        self.as_user(correction, self.head).action_approve()
        day = self.day_of()
        self.assertEqual(str(day.last_check_out), "2026-09-01 14:30:00")
        self.assertEqual(str(day.first_check_in), "2026-09-01 05:20:00", "as read")
        self.assertEqual((day.status, day.overtime_minutes), ("late", 30))
        self.assertEqual(day.edited_by, self.head)
        self.assertFalse(day.computed["last_check_out"], "what was computed is kept")
        correction.invalidate_recordset()
        self.assertEqual(correction.state, "approved")
        self.assertEqual(correction.decided_by, self.head)
        self.assertEqual(str(correction.decided_at), "2026-09-03 12:00:00")
        self.assertFalse(correction.sudo().activity_ids)
        change = self.env["spp.attendance.day.change"].search(
            [("subscriber_id", "=", self.person.id)]
        )
        self.assertEqual(change.correction_id.id, correction.id)
        self.assertEqual(change.create_uid, self.head)
        self.assertEqual(change.reason, "The gate was closed")
        told = correction.sudo().message_ids.filtered(
            lambda message: "approved" in (message.body or "")
        )
        self.assertIn(self.participant.partner_id, told.partner_ids)
        self.assertEqual(told.author_id, self.head.partner_id)

    def test_refused_with_a_reason(self):
        correction = self.as_user(self.ask(), self.head)
        with self.assertRaisesRegex(UserError, "reason"):
            correction._refuse(" ")
        action = correction.action_refuse()
        wizard = (
            self.env[action["res_model"]]
            .with_user(self.head)
            .with_context(allowed_company_ids=self.company.ids, **action["context"])
            .create({"reason": "The camera shows otherwise"})
        )
        wizard.action_refuse()
        self.assertEqual(correction.state, "refused")
        self.assertEqual(correction.decision_note, "The camera shows otherwise")
        self.assertFalse(self.day_of().is_edited)
        with self.assertRaisesRegex(UserError, "not waiting for a decision"):
            correction.action_approve()

    def test_what_each_kind_decides(self):
        for values, expected in (
            ({"kind": "forgive", "check_out": False}, ("considered", False)),
            (
                {"kind": "wrong_time", "check_in": "0758", "check_out": "17"},
                ("on_time", "2026-09-01 14:00:00"),
            ),
            (
                {"kind": "status", "status": "absent", "check_out": False},
                ("absent", False),
            ),
            ({"check_in": "8:04"}, ("considered", "2026-09-01 14:30:00")),
        ):
            with self.subTest(values=values):
                self.as_user(self.ask(**values), self.head).action_approve()
                day = self.day_of()
                self.assertEqual(day.status, expected[0])
                self.assertEqual(str(day.last_check_out), str(expected[1]))

    def test_nobody_is_excused_who_was_not_late(self):
        self.as_user(self.ask(kind="forgive"), self.head).action_approve()
        who = self.person.person_identifier
        self.read("2026-09-02", "07:55 in", "17:00 out", person=who)
        self.compute()
        for on, status in ((DAY, "considered"), ("2026-09-02", "on_time")):
            self.assertEqual(self.day_of(on=on).status, status)
            with (
                self.subTest(on=on),
                self.assertRaisesRegex(UserError, "no late arrival to be excused"),
            ):
                self.ask(kind="forgive", check_out=False, date=on)
        # Of today nothing is known yet.
        self.assertFalse(self.day_of(on="2026-09-03").status)
        self.ask(kind="forgive", check_out=False, date="2026-09-03")

    def test_adds_to_what_was_decided(self):
        self.as_user(self.ask(), self.head).action_approve()
        self.as_user(self.ask(kind="forgive"), self.head).action_approve()
        day = self.day_of()
        self.assertEqual(day.status, "considered")
        self.assertEqual(str(day.last_check_out), "2026-09-01 14:30:00")

    def test_what_must_be_said(self):
        for values in (
            {"check_out": False},
            {"kind": "status"},
            {"check_out": "25:00"},
            {"kind": "wrong_time", "check_out": "half past"},
        ):
            with self.subTest(values=values), self.assertRaises(ValidationError):
                self.ask(**values)
        for values, message in (
            ({"date": "2026-09-04"}, "begun"),
            ({"check_out": "08:10"}, "after check-in"),
            ({"check_in": "17:00", "check_out": "12:00"}, "after check-in"),
            ({"person": self.amina, "user": self.manager}, "level of work"),
        ):
            with (
                self.subTest(values=values),
                self.assertRaisesRegex(UserError, message),
            ):
                self.ask(**values)

    def test_locked_day(self):
        correction = self.ask()
        self.day_of().with_user(self.manager).with_context(
            allowed_company_ids=self.company.ids
        ).action_lock()
        with self.assertRaisesRegex(UserError, "locked"):
            self.as_user(correction, self.head).action_approve()
        self.assertEqual(correction.state, "submitted")
        with self.assertRaisesRegex(UserError, "locked"):
            self.ask(person=self.person, date=DAY, kind="forgive", is_sent=True)

    def test_one_open_request_a_day(self):
        first = self.ask()
        with self.assertRaisesRegex(UserError, "still to be decided"):
            self.ask(user=self.officer, kind="forgive")
        self.ask(date="2026-09-02", check_in="08:00")
        first.action_cancel()
        second = self.ask()
        # Two who ask at the same time don't see each other; the database does.
        third = self.ask(is_sent=False)
        with self.assertRaises(UniqueViolation), mute_logger("odoo.sql_db"):
            third.sudo().state = "submitted"
            third.flush_recordset()
        self.assertEqual(second.state, "submitted")

    def test_who_may_ask(self):
        other = self.worker
        for user, person in (
            (self.participant, other),
            (self.head, other),
            (self.other_head, self.person),
            (self.internal, self.person),
            (self.manager, self.stranger),
        ):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.ask(user=user, person=person)
        for user in (self.officer, self.manager, self.head, self.api_user):
            with self.subTest(user=user.login):
                self.ask(user=user).action_cancel()

    def test_an_officer_asks_at_his_locations_only(self):
        self.person.location_id = self.closed_site
        with self.assertRaises(AccessError):
            self.ask(user=self.officer)
        self.closed_site.officer_ids += self.officer
        self.ask(user=self.officer)

    def test_who_may_decide(self):
        correction = self.ask()
        for user in (self.officer, self.participant, self.other_head, self.api_user):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.as_user(correction, user).action_approve()
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.as_user(correction, user)._refuse("No")
        for user, is_judge in (
            (self.head, True),
            (self.top, True),
            (self.manager, True),
            (self.admin, True),
            (self.officer, False),
            (self.participant, False),
        ):
            with self.subTest(user=user.login):
                mine = self.corrections_of(user)
                found = mine.search([("may_judge", "=", True)])
                self.assertEqual(self.as_user(correction, user) in found, is_judge)
                self.assertEqual(self.as_user(correction, user).may_judge, is_judge)
        self.as_user(correction, self.top).action_approve()
        self.assertEqual(correction.state, "approved")

    def test_nobody_decides_his_own(self):
        asked = self.ask(user=self.manager)
        with self.assertRaisesRegex(AccessError, "own"):
            asked.action_approve()
        asked.action_cancel()
        self.head.group_ids += self.env.ref(
            "spp_attendance.spp_attendance_group_participant"
        )
        own = self.env["spp.attendance.subscriber"].create(
            {
                "person_identifier": "HEAD",
                "partner_id": self.head.partner_id.id,
                "company_id": self.company.id,
                "department_id": self.sewing.id,
                "level_of_work": "staff",
                "work_from": "2026-08-01",
            }
        )
        asked = self.ask(user=self.head, person=own, check_in="08:00")
        self.assertEqual(asked.sudo().activity_ids.user_id, self.top, "the next head")
        with self.assertRaisesRegex(AccessError, "own"):
            asked.action_approve()
        self.as_user(asked, self.top).action_approve()
        self.assertEqual(self.day_of(own).status, "on_time")

    def test_without_a_head_managers_are_asked(self):
        self.person.department_id = False
        correction = self.ask()
        self.assertIn(self.manager, correction.sudo().activity_ids.user_id)
        self.assertNotIn(self.officer, correction.sudo().activity_ids.user_id)
        with self.assertRaises(AccessError):
            self.as_user(correction, self.head).action_approve()

    def test_nobody_begins_with_a_decision(self):
        forged = {
            "state": "approved",
            "decided_by": self.manager.id,
            "decision_note": "All right",
        }
        corrections = self.corrections_of(self.participant)
        asked = {
            "subscriber_id": self.person.id,
            "date": DAY,
            "kind": "forgive",
            "reason": "The bus was late",
        }
        for made in (
            corrections.create({**asked, **forged}),
            corrections.with_context(
                **{f"default_{name}": value for name, value in forged.items()}
            ).create(asked),
        ):
            self.assertEqual(made.state, "draft")
            self.assertFalse(made.decided_by)
            self.assertFalse(made.decision_note)

    def test_a_draft_stays_with_whom_one_may_ask_for(self):
        draft = self.ask(is_sent=False)
        with self.assertRaises(AccessError):
            draft.subscriber_id = self.worker.id

    def test_days_without_a_day_before_or_after(self):
        for day in ("0001-01-01", "9999-12-31"):
            with self.subTest(day), self.assertRaises(UserError):
                self.ask(date=day)

    def test_what_was_sent_stays(self):
        correction = self.ask(is_sent=False)
        correction.reason = "Rather this"
        for user in (self.participant, self.manager):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.as_user(correction, user).write({"state": "approved"})
        made = self.ask(state="approved", decided_by=self.manager.id, is_sent=False)
        self.assertEqual((made.state, made.decided_by.id), ("draft", False))
        correction.action_submit()
        with self.assertRaises(UserError):
            correction.reason = "Or that"
        with self.assertRaises(UserError):
            correction.action_submit()
        with self.assertRaises(AccessError):
            correction.unlink()
        with self.assertRaises(AccessError):
            self.as_user(correction, self.head).action_cancel()
        correction.action_cancel()
        with self.assertRaises(UserError):
            correction.action_cancel()

    def test_two_companies(self):
        correction = self.ask()
        self.manager.company_ids += self.other_company
        elsewhere = (
            self.env["spp.attendance.correction"]
            .with_user(self.manager)
            .with_context(allowed_company_ids=self.other_company.ids)
        )
        self.assertNotIn(correction.id, elsewhere.search([]).ids)
        with self.assertRaises(AccessError):
            elsewhere.browse(correction.id).action_approve()

    def test_merge(self):
        twin = self._new_worker("TWIN", department_id=self.sewing.id)
        first = self.ask()
        second = self.ask(user=self.manager, person=twin, check_in="08:00")
        self.person._merge(twin)
        self.assertEqual(first.state, "submitted")
        self.assertEqual(second.state, "cancelled")
        self.assertEqual(second.subscriber_id, self.person)

    def test_a_missing_out_where_no_in_was_read(self):
        correction = self.ask(date="2026-09-02", check_in=False, check_out="17:30")
        correction.with_user(self.manager).with_context(
            allowed_company_ids=self.company.ids
        ).action_approve()
        day = self.day("2026-09-02", self.person)
        self.assertEqual((day.local_check_out, day.missing_in), ("17:30", True))

    def test_evidence_is_seen_by_who_sees_the_request(self):
        attachment = (
            self.env["ir.attachment"]
            .with_user(self.officer)
            .with_context(allowed_company_ids=self.company.ids)
            .create({"name": "letter.txt", "raw": b"Dear head"})
        )
        correction = self.ask(
            user=self.officer, attachment_ids=[Command.set(attachment.ids)]
        )
        self.assertEqual(attachment.res_id, correction.id)
        attachment.invalidate_recordset()
        self.assertEqual(attachment.with_user(self.head).raw, b"Dear head")
        with self.assertRaises(AccessError):
            attachment.with_user(self.other_head).check_access("read")


@tagged("post_install", "-at_install")
@freeze_time("2026-09-03 12:00:00")
class TestDayScreen(CorrectionCase):
    """What the day's form and its buttons do, for each role."""

    def setUp(self):
        super().setUp()
        self.read(DAY, "08:20 in", "17:30 out", person="W-1")
        self.compute()
        self.worker.department_id = self.sewing

    def as_day(self, user):
        return (
            self.day(DAY)
            .with_user(user)
            .with_context(allowed_company_ids=self.company.ids)
        )

    def wizard(self, **values):
        action = self.as_day(self.manager).action_decide()
        wizard = (
            self.env[action["res_model"]]
            .with_user(self.manager)
            .with_context(allowed_company_ids=self.company.ids, **action["context"])
        )
        return wizard.create({"reason": "Seen", **values})

    def test_decide_begins_with_the_day(self):
        wizard = self.wizard()
        self.assertEqual((wizard.check_in, wizard.check_out), ("08:20", "17:30"))
        self.assertFalse(wizard.status or wizard.is_time_set or wizard.is_hours_set)
        wizard.write(
            {
                "is_time_set": True,
                "check_in": "08:00",
                "night_bill": "yes",
                "notes": "Drove",
            }
        )
        wizard.action_decide()
        day = self.day(DAY)
        self.assertEqual((day.status, day.night_bill_eligible), ("on_time", True))
        again = self.wizard()
        self.assertTrue(again.is_time_set)
        self.assertEqual(again.check_in, "08:00")
        self.assertEqual((again.night_bill, again.snacks), ("yes", False))
        self.assertEqual(again.notes, "Drove")
        self.assertIn("08:20", day.comparison)
        self.assertEqual(day.change_ids.reason, "Seen")
        again.action_take_back()
        self.assertFalse(self.day(DAY).is_edited)

    def test_hours_and_next_morning(self):
        wizard = self.wizard(is_hours_set=True, overtime_hours=1.5, working_hours=8.25)
        wizard.action_decide()
        day = self.day(DAY)
        self.assertEqual((day.overtime_minutes, day.working_minutes), (90, 495))
        self.wizard(is_time_set=True, check_out="02:30").action_decide()
        self.assertEqual(self.day(DAY).local_check_out, "2026-09-02 02:30")
        again = self.wizard()
        self.assertEqual(again.check_out, "2026-09-02 02:30")
        again.action_decide()
        self.assertEqual(self.day(DAY).local_check_out, "2026-09-02 02:30")

    def test_records_of_the_day(self):
        self.read(DAY, "26:30 out", "27:30 out", person="W-1")
        self.compute()
        day = self.as_day(self.manager)
        self.assertEqual(
            day.record_ids.mapped("local_time"), ["08:20:00", "17:30:00", "02:30:00"]
        )

    def test_lock_keeps_and_tells_the_difference(self):
        self.as_day(self.manager).action_lock()
        self.read(DAY, "20:00 out", person="W-1")
        self.compute()
        day = self.day(DAY)
        self.assertEqual(day.local_check_out, "17:30")
        self.assertTrue(day.differs)
        self.assertIn("20:00", day.comparison)
        with self.assertRaisesRegex(UserError, "locked"):
            self.as_day(self.manager).action_decide()
        self.as_day(self.manager).action_unlock()
        self.compute()
        day = self.day(DAY)
        self.assertEqual((day.local_check_out, day.differs), ("20:00", False))
        self.assertEqual(day.change_ids.mapped("kind"), ["unlocked", "locked"])

    def test_compute_anew_by_the_rules_of_now(self):
        shift = self.new_shift("Late start", start=9)
        self.assertEqual(self.day(DAY).status, "late")
        self.assign(shift, "2026-08-01", subscriber_id=self.worker.id)
        self.as_day(self.manager).action_recompute()
        self.env.invalidate_all()
        self.assertEqual(self.day(DAY).status, "on_time")

    def test_who_may(self):
        for user, error in (
            (self.officer, AccessError),
            (self.head, AccessError),
            (self.participant, AccessError),
        ):
            for name in ("action_decide", "action_lock", "action_recompute"):
                with self.subTest(user=user.login, name=name), self.assertRaises(error):
                    getattr(self.as_day(user), name)()
            self.assertFalse(user != self.participant and self.as_day(user).may_decide)
        self.assertTrue(self.as_day(self.manager).may_decide)
        with self.assertRaises(AccessError):
            self.as_day(self.manager).write({"status": "on_time"})

    def test_ask_from_the_day(self):
        action = self.as_day(self.head).action_ask_correction()
        correction = (
            self.corrections_of(self.head)
            .with_context(**action["context"])
            .create({"reason": "Bus broke down"})
        )
        self.assertEqual(correction.subscriber_id, self.worker)
        self.assertEqual(correction.date, date(2026, 9, 1))
        self.assertEqual(correction.kind, "forgive")
        self.assertEqual(correction.day_status, "late")
