from contextlib import contextmanager
from datetime import date

from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import Form, tagged

from .common_register import RegisterCase


@tagged("post_install", "-at_install")
@freeze_time("2026-09-10 12:00:00")
class TestRegisterWizards(RegisterCase):
    def setUp(self):
        super().setUp()
        self.register = self.new_register(location_id=self.hall.id)

    @contextmanager
    def refuses(self, pattern):
        """What is refused in such words, and undone as by a request."""
        with self.assertRaises(UserError) as caught:
            yield
        self.assertRegex(str(caught.exception), pattern)

    def wizard(self, action, user=None, register=None, **vals):
        model = f"spp.attendance.register.{action}"
        return self.model_as(user or self.officer, model).create(
            {"register_id": (register or self.register).id, **vals}
        )

    def enrolled(self, register=None):
        attendees = (register or self.register).sudo().attendee_ids
        return attendees.filtered(lambda a: not a.unenrolled_at).subscriber_id

    # ------------------------------------------------------------------ enrol

    def test_enrol_by_department_location_tag_and_other_register(self):
        unit = self.env["spp.attendance.department"].create(
            {"name": "Works", "company_id": self.company.id}
        )
        tag = self.env["res.partner.category"].create({"name": "Diggers"})
        self.amina.department_id = unit
        self.joseph.location_id = self.closed_site
        self.grace.category_id = tag
        other = self.new_register(name="Other")
        self.enrol(other, self.participant_subscriber)
        for vals, person in (
            ({"by": "department", "department_id": unit.id}, self.amina),
            ({"by": "location", "location_id": self.closed_site.id}, self.joseph),
            ({"by": "tag", "category_id": tag.id}, self.grace),
            (
                {"by": "register", "source_register_id": other.id},
                self.participant_subscriber,
            ),
        ):
            with self.subTest(**vals):
                before = self.enrolled()
                wizard = self.wizard("enrol", **vals)
                self.assertEqual(wizard.people_count, 1)
                wizard.action_enrol()
                self.assertEqual(self.enrolled() - before, person)

    def test_enrol_by_saved_filter(self):
        saved = self.env["ir.filters"].create(
            {
                "name": "Amina",
                "model_id": "spp.attendance.subscriber",
                "domain": "[('given_name', '=', 'Amina')]",
            }
        )
        wizard = self.wizard("enrol", by="filter", filter_id=saved.id)
        wizard.action_enrol()
        self.assertEqual(self.enrolled(), self.amina)

    def test_enrol_a_pasted_list(self):
        wizard = self.wizard(
            "enrol", by="identifiers", identifiers="T-1\r\n T-2;T-1,\tT-3\n", tag="A"
        )
        self.assertFalse(wizard.unknown)
        self.assertEqual(wizard.people_count, 3)
        message = wizard.action_enrol()["params"]["message"]
        self.assertEqual(message, "Enrolled: 3. Enrolled before: 0.")
        self.assertEqual(self.enrolled(), self.amina + self.joseph + self.grace)
        self.assertEqual(set(self.register.attendee_ids.mapped("tag")), {"A"})
        message = wizard.action_enrol()["params"]["message"]
        self.assertEqual(message, "Enrolled: 0. Enrolled before: 3.")

    def test_unknown_identifiers_are_told_and_nobody_is_enrolled(self):
        wizard = self.wizard(
            "enrol", by="identifiers", identifiers="T-1\nNOPE-1\nNOPE-2"
        )
        self.assertEqual(wizard.unknown, "NOPE-1, NOPE-2")
        with self.refuses("NOPE-1, NOPE-2"):
            wizard.action_enrol()
        self.assertFalse(self.enrolled())

    def test_identifiers_are_those_of_the_registers_company(self):
        # T-1 is somebody else's in the other company.
        user = self.manager
        user.company_ids += self.other_company
        register = self.new_register(user)
        wizard = (
            self.model_as(user, "spp.attendance.register.enrol")
            .with_context(allowed_company_ids=[self.other_company.id, self.company.id])
            .create(
                {
                    "register_id": register.id,
                    "by": "identifiers",
                    "identifiers": "T-1",
                }
            )
        )
        wizard.action_enrol()
        self.assertEqual(self.enrolled(register), self.amina)

    def test_nobody_chosen(self):
        with self.refuses("Nobody is chosen"):
            self.wizard("enrol", by="people").action_enrol()

    def test_enrol_for_whole_days_of_the_registers_clock(self):
        wizard = self.wizard(
            "enrol",
            by="people",
            subscriber_ids=[Command.set(self.amina.ids)],
            date_from="2026-09-12",
            date_to="2026-09-20",
        )
        wizard.action_enrol()
        [(start, end)] = self.intervals_of(self.register, self.amina)
        self.assertEqual(start, self.at("11 21:00"))
        self.assertEqual(end, self.at("20 20:59:59.999"))

    def test_enrolled_from_today_or_the_first_day(self):
        for start, expected in (
            ("2026-09-01", date(2026, 9, 10)),
            ("2026-09-20", date(2026, 9, 20)),
        ):
            register = self.new_register(date_start=start)
            form = Form(
                self.model_as(
                    self.officer, "spp.attendance.register.enrol"
                ).with_context(default_register_id=register.id)
            )
            self.assertEqual(form.date_from, expected)

    def test_dates_outside_are_refused_for_all(self):
        wizard = self.wizard(
            "enrol",
            by="people",
            subscriber_ids=[Command.set((self.amina + self.joseph).ids)],
            date_from="2026-10-02",
        )
        with self.refuses("2026-09-01 to 2026-09-30"):
            wizard.action_enrol()
        with (
            freeze_time("2026-10-05 12:00:00"),
            self.refuses("is over"),
        ):
            wizard.action_enrol()
        self.assertFalse(self.enrolled())

    def test_who_left_this_morning_comes_back_today(self):
        self.enrol(self.register, self.amina, start_at=self.at("01 06:00"))
        self.unenrol(self.register, self.amina, end_at=self.at("10 08:00"))
        wizard = self.wizard(
            "enrol", by="people", subscriber_ids=[Command.set(self.amina.ids)]
        )
        message = wizard.action_enrol()["params"]["message"]
        self.assertEqual(message, "Enrolled: 1. Enrolled before: 0.")
        self.assertEqual(
            self.intervals_of(self.register, self.amina),
            [
                (self.at("01 06:00"), self.at("10 08:00")),
                (self.at("10 12:00"), False),
            ],
        )

    def test_only_staff_and_managers_enrol(self):
        other = self._new_user("other-officer", "officer")
        vals = {
            "register_id": self.register.id,
            "by": "people",
            "subscriber_ids": [Command.set(self.amina.ids)],
            "date_from": "2026-09-10",
        }
        with self.assertRaises(AccessError):
            self.model_as(other, "spp.attendance.register.enrol").create(vals)
        wizard = self.model_as(self.officer, "spp.attendance.register.enrol").create(
            vals
        )
        self.register.staff_ids.sudo().unenrolled_at = self.at("10 12:00")
        with self.assertRaises(AccessError):
            wizard.action_enrol()
        self.wizard(
            "enrol",
            user=self.manager,
            by="people",
            subscriber_ids=[Command.set(self.amina.ids)],
        ).action_enrol()
        self.assertEqual(self.enrolled(), self.amina)

    # --------------------------------------------------------------- de-enrol

    def unenrol_wizard(self, attendees, **vals):
        return (
            self.model_as(self.officer, "spp.attendance.register.unenrol")
            .with_context(default_attendee_ids=attendees.ids)
            .create(vals)
        )

    def test_unenrol_now_or_at_the_end_of_a_day(self):
        self.enrol(self.register, self.amina, self.joseph)
        amina, joseph = self.register.attendee_ids.sorted("id")
        wizard = self.unenrol_wizard(amina)
        self.assertEqual(wizard.attendee_count, 1)
        wizard.action_unenrol()
        self.assertEqual(amina.unenrolled_at, self.at("10 12:00"))
        self.unenrol_wizard(joseph, when="day", last_day="2026-09-15").action_unenrol()
        self.assertEqual(joseph.unenrolled_at, self.at("15 20:59:59.999"))

    def test_unenrol_all_or_nobody(self):
        self.enrol(self.register, self.amina, self.joseph)
        amina = self.register.attendee_ids.sorted("id")[0]
        self.unenrol_wizard(amina).action_unenrol()
        with self.refuses("Amina: not enrolled"):
            self.unenrol_wizard(self.register.attendee_ids).action_unenrol()
        for day, reason in (
            ("2026-10-02", "not one of the register's"),
            ("2026-09-05", "only after that day"),
        ):
            with self.refuses(f"Joseph: .*{reason}"):
                self.unenrol_wizard(
                    self.register.attendee_ids - amina, when="day", last_day=day
                ).action_unenrol()

    # ------------------------------------------------------------------- copy

    def test_copy_goes_on_in_the_next_month(self):
        self.enrol(
            self.register,
            self.amina,
            self.joseph,
            tag="A",
            start_at=self.at("01 06:00"),
        )
        self.unenrol(self.register, self.joseph, end_at=self.at("08 12:00"))
        self.mark(self.register, self.amina)
        form = Form(
            self.model_as(self.officer, "spp.attendance.register.copy").with_context(
                default_register_id=self.register.id
            )
        )
        self.assertEqual(form.name, "Drainage works")
        self.assertEqual(form.date_start, date(2026, 10, 1))
        self.assertEqual(form.date_end, date(2026, 10, 31))
        action = form.save().action_copy()
        copy = self.model_as(self.officer).browse(action["res_id"])
        self.assertTrue(copy.is_mine)
        self.assertNotEqual(copy.number, self.register.number)
        self.assertEqual(copy.attendee_ids.subscriber_id, self.amina)
        self.assertEqual(copy.attendee_ids.tag, "A")
        self.assertEqual(copy.record_count, 0)
        self.assertEqual((copy.enrolled_count, copy.attendee_count), (1, 0))

    def test_copy_periods(self):
        next_end = self.env["spp.attendance.register.copy"]._next_end
        for start, end, new, expected in (
            ("2026-01-01", "2026-01-31", "2026-02-01", "2026-02-28"),
            ("2026-01-01", "2026-03-31", "2026-04-01", "2026-06-30"),
            ("2026-01-05", "2026-01-11", "2026-01-12", "2026-01-18"),
            ("2026-01-01", "2026-01-31", "2026-02-03", "2026-03-05"),
            ("2026-01-01", "2026-01-01", "2026-01-02", "2026-01-02"),
        ):
            days = map(date.fromisoformat, (start, end, new))
            self.assertEqual(next_end(*days), date.fromisoformat(expected))

    def test_copy_without_end_staff_and_people(self):
        self.enrol(self.register, self.amina)
        self.register.date_end = False
        wizard = self.wizard("copy", with_staff=False, with_attendees=False)
        self.assertEqual(wizard.date_start, date(2026, 9, 10))
        self.assertFalse(wizard.date_end)
        copy = self.model_as(self.manager).browse(wizard.action_copy()["res_id"])
        self.assertFalse(copy.attendee_ids)

    # ------------------------------------------------------------------ staff

    def change_staff(self, registers, user=None, **vals):
        self.model_as(
            user or self.officer, "spp.attendance.register.staffing"
        ).with_context(default_register_ids=registers.ids).create(vals).action_change()

    def test_one_goes_and_another_one_comes(self):
        second = self.new_register(name="Second")
        both = self.register + second
        other = self._new_user("other-officer", "officer")
        self.enrol_staff(second, other.attendance_uuid)
        wizard = self.model_as(self.officer, "spp.attendance.register.staffing").create(
            {"register_ids": [Command.set(both.ids)]}
        )
        self.assertEqual(wizard.leaving_ids, self.officer + other)
        self.change_staff(
            both,
            leaving_id=self.officer.id,
            joining_id=other.id,
            staff_type="APPROVER",
        )
        for register in both:
            current = register.sudo().staff_ids.filtered("is_current")
            self.assertEqual(current.user_id, other)
        self.assertFalse(self.model_as(self.officer).search([("id", "in", both.ids)]))
        self.assertEqual(len(self.model_as(other).search([("id", "in", both.ids)])), 2)

    def test_staff_is_changed_everywhere_or_nowhere(self):
        past = self.new_register(date_start="2026-08-01", date_end="2026-08-31")
        stranger = self.env["res.users"].create(
            {
                "name": "Elsewhere",
                "login": "test-attendance-elsewhere",
                "company_id": self.other_company.id,
                "company_ids": [Command.set(self.other_company.ids)],
            }
        )
        for vals, reason in (
            ({}, "Choose whose"),
            ({"joining_id": self.manager.id}, "it is over"),
            ({"joining_id": stranger.id}, "does not work"),
            ({"leaving_id": self.manager.id}, "on the staff of none"),
        ):
            with self.refuses(reason):
                self.change_staff(self.register + past, **vals)

    def test_a_manager_joins_with_one_click(self):
        register = self.register.with_user(self.manager)
        self.assertFalse(register.is_mine)
        register.action_join()
        self.assertTrue(register.is_mine)
        # Somebody else has to take an officer on.
        other = self._new_user("other-officer", "officer")
        with self.assertRaises(AccessError):
            self.register.with_user(other).action_join()
        past = self.new_register(date_start="2026-08-01", date_end="2026-08-31")
        with self.refuses("is over"):
            past.with_user(self.manager).action_join()

    # ----------------------------------------------------------------- review

    def test_review_by_buttons(self):
        register = self.register
        self.assertFalse(register.may_submit or register.may_approve)
        self.company.attendance_register_review = True
        self.assertFalse(register.may_submit or register.may_approve)
        register.staff_ids.staff_type = "EDITOR"
        register.invalidate_recordset()
        self.assertTrue(register.may_submit)
        self.assertFalse(register.may_approve)
        register.action_submit()
        self.assertFalse(register.may_submit)
        with self.assertRaises(UserError):
            register.action_approve()
        approved = register.with_user(self.manager)
        approved.action_join()
        self.assertTrue(approved.may_approve)
        self.assertEqual(register.review_label, "To be approved")
        approved.action_send_back()
        self.assertEqual(register.review_label, "Sent back")
        self.assertTrue(register.may_submit)
        register.action_submit()
        approved.action_approve()
        self.assertEqual(register.review_status, "APPROVED")
        self.assertEqual(register.review_label, "Approved")
        self.assertFalse(approved.may_approve or approved.may_submit)

    # ------------------------------------------------------------ what is seen

    def test_what_a_register_shows(self):
        register = self.register
        self.enrol(register, self.amina, self.joseph)
        self.mark(register, self.amina, day=10)
        register.invalidate_recordset()
        self.assertEqual(register.enrolled_count, 2)
        self.assertEqual(register.record_count, 1)
        self.assertEqual(register.staff_names, self.officer.name)
        self.assertIn(register.number, register.display_name)
        amina = self.model_as(self.officer, self.amina._name).browse(self.amina.id)
        sheet = register.action_open_sheet()
        self.assertEqual(sheet["tag"], "spp_attendance.register_sheet")
        self.assertEqual(sheet["params"], {"register_id": register.id})
        for action, count in (
            (register.action_open_attendees(), 2),
            (register.action_open_records(), 1),
            (amina.action_open_registers(), 1),
        ):
            found = self.model_as(self.officer, action["res_model"]).search(
                action["domain"]
            )
            self.assertEqual(len(found), count)
        self.assertEqual(amina.register_count, 1)

    def test_a_new_register_in_the_form(self):
        """Days chosen in the form count, not the instant it began with."""
        form = Form(self.model_as(self.officer))
        form.name = "By hand"
        self.assertEqual(form.date_start, date(2026, 9, 10))
        form.location_id = self.hall
        form.date_start = "2026-09-14"
        form.date_end = "2026-09-20"
        register = form.save()
        self.assertEqual(register.start_at, self.at("13 21:00"))
        self.assertEqual(register.end_at, self.at("20 20:59:59.999"))
        self.assertEqual(register.staff_ids.user_id, self.officer)
        with Form(register) as form, form.staff_ids.new() as line:
            line.user_id = self.manager
            line.staff_type = "EDITOR"
        self.assertEqual(register.staff_ids.user_id, self.officer + self.manager)
        with Form(register) as form, form.staff_ids.edit(1) as line:
            line.staff_type = "APPROVER"
            line.unenrolled_at = "2026-09-18 12:00:00"
        self.assertEqual(register.staff_ids[1].staff_type, "APPROVER")
        self.assertTrue(register.with_user(self.manager).is_mine)

    def test_usual_times_as_people_type_them(self):
        with Form(self.register) as form:
            form.mark_mode = "entry_exit"
            form.entry_time = "730"
            self.assertEqual(form.entry_time, "07:30:00")
            form.exit_time = "16:30"
        self.assertEqual(self.register.exit_time, "16:30:00")
        with self.refuses("not a time of day"):
            self.register.entry_time = "early"

    def test_days_by_register(self):
        """Who comes and goes twice a day was there on one day."""
        self.enrol(self.register, self.amina, self.joseph, start_at=self.at("01 06:00"))
        for hour, scan_type in ((8, "in"), (12, "out"), (13, "in"), (17, "out")):
            self.env["spp.attendance.record"].create(
                {
                    "subscriber_id": self.amina.id,
                    "register_id": self.register.id,
                    "local_date": "2026-09-03",
                    "local_time": f"{hour:02}:00",
                    "scan_type": scan_type,
                }
            )
        self.mark(self.register, self.joseph)
        self.mark(self.register, self.amina, day=4).category = "absent"
        report = self.model_as(self.officer, "spp.attendance.report")
        self.assertEqual(
            report._read_group(
                [("register_id", "=", self.register.id)],
                ["register_id"],
                ["days_present:count_distinct", "days_absent:count_distinct"],
            ),
            [(self.register, 2, 1)],
        )
