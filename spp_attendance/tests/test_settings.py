from lxml import html

from odoo.exceptions import AccessError, ValidationError
from odoo.tests import Form, new_test_user, tagged

from ..wizards import spp_attendance_settings
from .common import AttendanceCase


@tagged("post_install", "-at_install")
class TestSettings(AttendanceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.settings = (
            cls.env["spp.attendance.settings"]
            .with_user(cls.admin)
            .with_context(allowed_company_ids=cls.company.ids)
        )

    def _chosen(self, *parts):
        """The page of an administrator, saved with a rule of these parts."""
        return self.settings.create(
            {
                f"attendance_unique_{part}": part in parts
                for part in ("date", "time", "type", "location")
            }
        )

    def _records(self, *outcomes):
        return self.env["spp.attendance.record"].browse([o.id for o in outcomes])

    def test_it_shows_what_the_company_has(self):
        self.company.attendance_tz = "Asia/Kathmandu"
        page = Form(self.settings)
        self.assertEqual(page.attendance_tz, "Asia/Kathmandu")
        self.assertTrue(page.attendance_unique_date)
        self.assertTrue(page.attendance_unique_time)
        self.assertFalse(page.attendance_unique_type)

    def test_saving_it_needs_no_rights_on_companies(self):
        self.assertFalse(self.admin.has_group("base.group_system"))
        with self.assertRaises(AccessError):
            self.company.with_user(self.admin).attendance_tz = "Asia/Kathmandu"
        page = Form(self.settings)
        page.attendance_tz = "Asia/Kathmandu"
        page.attendance_unique_type = True
        page.save().execute()
        self.assertEqual(self.company.attendance_tz, "Asia/Kathmandu")
        self.assertTrue(self.company.attendance_unique_type)

    def test_it_is_for_administrators_of_the_company(self):
        for user in (self.manager, self.officer, self.api_user, self.internal):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.settings.with_user(user).create({})
        with self.assertRaises(AccessError):
            self.settings.create({"company_id": self.other_company.id})
        foreign = self.env["spp.attendance.settings"].create(
            {"company_id": self.other_company.id, "attendance_tz": "Asia/Tokyo"}
        )
        for name in ("execute", "cancel", "action_check"):
            with self.subTest(name), self.assertRaises(AccessError):
                getattr(foreign.with_env(self.settings.env), name)()

    def test_nobody_else_learns_what_is_set(self):
        for user in (self.manager, self.internal, self.participant):
            with self.assertRaises(AccessError):
                self.settings.with_user(user).default_get(["attendance_tz"])

    def test_the_company_is_the_current_one(self):
        both = new_test_user(
            self.env,
            login="test-attendance-both",
            groups="base.group_user,spp_attendance.spp_attendance_group_admin",
            company_id=self.company.id,
            company_ids=[(6, 0, (self.company + self.other_company).ids)],
        )
        settings = self.settings.with_user(both).with_company(self.other_company)
        settings.create({"attendance_tz": "Asia/Tokyo"}).execute()
        self.assertEqual(self.other_company.attendance_tz, "Asia/Tokyo")
        self.assertEqual(self.company.attendance_tz, "Africa/Nairobi")

    def test_a_switch_that_goes_takes_the_finer_ones_along(self):
        page = Form(self.settings)
        page.attendance_unique_type = True
        page.attendance_unique_location = True
        page.attendance_unique_time = False
        self.assertFalse(page.attendance_unique_type)
        self.assertFalse(page.attendance_unique_location)
        page.attendance_unique_date = False
        settings = page.save()
        self.assertFalse(any(settings._unique_rule().values()))

    def test_a_finer_switch_needs_the_one_before(self):
        with self.assertRaises(ValidationError):
            self._chosen("date", "type").execute()

    def test_the_rule_in_words_follows_the_switches(self):
        page = Form(self.settings)
        page.attendance_unique_date = False
        refused = {}
        texts = set()
        for part in (None, "date", "time", "type", "location"):
            if part:
                page[f"attendance_unique_{part}"] = True
            text = page.unique_explanation
            lines = [line.text_content() for line in html.fromstring(text).iter("li")]
            refused[part] = sum("refused" in line for line in lines)
            texts.add(text)
        self.assertEqual(
            refused, {None: 0, "date": 4, "time": 3, "type": 2, "location": 1}
        )
        self.assertEqual(len(texts), 5)

    def test_the_words_say_what_happens(self):
        """Each line of the explanation, entered for real under each rule."""
        base = self.item(type="TRN-TEST", location="HALL")
        cases = (
            base,
            {**base, "date_time": "2026-09-01T09:00:00"},
            {**base, "type": None},
            {**base, "location": None},
        )
        parts = ("date", "time", "type", "location")
        for number in range(5):
            with (
                self.subTest(parts[:number]),
                self.env.cr.savepoint() as savepoint,
            ):
                settings = self._chosen(*parts[:number])
                settings.execute()
                explained = html.fromstring(settings.unique_explanation)
                told = ["refused" in li.text_content() for li in explained.iter("li")]
                self.ingest(base)
                happened = []
                for case in cases:
                    (outcome,) = self.ingest(case)
                    happened.append(outcome.status == "duplicate")
                    if outcome.status == "created":
                        self._records(outcome)._void("another case is next")
                self.assertEqual(happened, told)
                savepoint.rollback()
                self.env.invalidate_all()

    def test_check_changes_nothing(self):
        self.ingest(self.item(), self.item(date_time="2026-09-01T09:00:00"))
        settings = self._chosen("date")
        action = settings.action_check()
        self.assertEqual(action["res_model"], "spp.attendance.conflict")
        self.assertTrue(self.company.attendance_unique_time)
        conflict = self.env[action["res_model"]].search(action["domain"])
        self.assertRecordValues(
            conflict,
            [
                {
                    "person_identifier": "T-1",
                    "subscriber_id": self.amina.id,
                    "record_count": 2,
                }
            ],
        )
        self.assertEqual(str(conflict.local_date), "2026-09-01")
        found = conflict.action_open_records()
        self.assertEqual(
            self.env["spp.attendance.record"].search(found["domain"]),
            conflict.record_ids,
        )

    def test_check_tells_when_nothing_conflicts(self):
        self.ingest(self.item(), self.item("T-2"))
        action = self._chosen("date").action_check()
        self.assertEqual(action["params"]["type"], "success")
        self.assertTrue(self.company.attendance_unique_time)

    def test_other_companies_records_don_t_conflict(self):
        self.other_company.attendance_unique_time = False
        self.other_company.attendance_unique_date = False
        stranger = {
            "subscriber_id": self.stranger.id,
            "date_time": "2026-09-01T08:00:00",
        }
        model = self.env["spp.attendance.record"].with_company(self.other_company)
        model._ingest([stranger, stranger])
        self.assertEqual(self._chosen("date").action_check()["tag"][:7], "display")

    def test_saving_lists_the_conflicts_and_changes_nothing(self):
        self.ingest(self.item(), self.item(date_time="2026-09-01T09:00:00"))
        settings = self._chosen("date")
        settings.attendance_tz = "Asia/Tokyo"
        action = settings.execute()
        self.assertEqual(action["res_model"], "spp.attendance.conflict")
        self.assertTrue(self.company.attendance_unique_time)
        self.assertEqual(self.company.attendance_tz, "Africa/Nairobi")

    def test_conflicts_are_resolved_and_the_rule_applied(self):
        outcomes = self.ingest(
            self.item(),
            self.item(date_time="2026-09-01T09:00:00"),
            self.item(date_time="2026-09-01T10:00:00"),
            self.item("T-2", "2026-09-02T08:00:00"),
            self.item("T-2", "2026-09-02T09:00:00"),
            self.item("T-3"),
        )
        records = self._records(*outcomes)
        action = self._chosen("date").execute()
        conflicts = self.settings.env[action["res_model"]].search(action["domain"])
        self.assertEqual(conflicts.mapped("record_count"), [3, 2])
        on_screen = conflicts.with_context(**action["context"])
        # One is resolved: the rule still can't be applied.
        wizard = Form.from_action(self.settings.env, on_screen[0].action_void()).save()
        self.assertEqual(wizard.surplus_count, 2)
        wizard.reason = "Scanned three times"
        wizard.action_void()
        self.assertEqual(
            records.mapped("active"), [True, False, False, True, True, True]
        )
        self.assertEqual(records[1].void_reason, "Scanned three times")
        again = on_screen.browse().action_apply()
        self.assertEqual(again["res_model"], "spp.attendance.conflict")
        left = self.settings.env[again["res_model"]].search(again["domain"])
        self.assertEqual(left.subscriber_id, self.joseph)
        # The other is resolved by hand.
        records[4]._void("On another day")
        self.assertEqual(on_screen.browse().action_check()["params"]["type"], "success")
        on_screen.browse().action_apply()
        self.assertFalse(self.company.attendance_unique_time)
        self.assertEqual(
            [record.uniqueness_key for record in records],
            ["2026-09-01", False, False, "2026-09-02", False, "2026-09-01"],
        )

    def test_the_list_of_another_company_is_out_of_reach(self):
        foreign = self.env["spp.attendance.settings"].create(
            {"company_id": self.other_company.id}
        )
        conflict_model = self.settings.env["spp.attendance.conflict"].with_context(
            attendance_settings_id=foreign.id
        )
        for name in ("action_check", "action_apply"):
            with self.subTest(name), self.assertRaises(AccessError):
                getattr(conflict_model, name)()

    def test_a_long_list_says_that_it_is_cut(self):
        self.patch(spp_attendance_settings, "_MAX_LISTED", 1)
        self.ingest(
            self.item(),
            self.item(date_time="2026-09-01T09:00:00"),
            self.item("T-2"),
            self.item("T-2", "2026-09-01T09:00:00"),
        )
        settings = self._chosen("date")
        action = settings.execute()
        self.assertIn("the first 1 of 2", action["name"])
        self.assertEqual(len(self.env[action["res_model"]].search(action["domain"])), 1)

    def test_a_check_costs_the_same_however_many_conflict(self):
        settings = self._chosen("date")
        self.ingest(self.item(), self.item(date_time="2026-09-01T09:00:00"))
        settings.action_check()

        def statements():
            before = self.env.cr.sql_log_count
            settings.action_check()
            self.env.flush_all()
            return self.env.cr.sql_log_count - before

        few = statements()
        self.ingest(
            *(
                self.item(person, f"2026-08-{day:02}T0{hour}:00:00")
                for person in ("T-1", "T-2", "T-3")
                for day in range(1, 21)
                for hour in (8, 9)
            )
        )
        self.assertLessEqual(statements(), few)
        self.assertEqual(settings.conflict_count, 61)
