import uuid
from datetime import date, datetime

from lxml import html

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import freeze_time, tagged

from .common import AttendanceCase

NOW = "2026-09-10 10:00:00"
WEEK = ("2026-09-07", "2026-09-13")
REPORT = "spp_attendance.spp_attendance_register_sheet_report"


class SheetCase(AttendanceCase):
    """A register of a month, at a place on Nairobi's clock, with two people on it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        clock = freeze_time(NOW)
        clock.start()
        cls.addClassCleanup(clock.stop)
        cls.register = cls.env["spp.attendance.register"].create(
            {
                "name": "Road works",
                "company_id": cls.company.id,
                "location_id": cls.hall.id,
                "date_start": "2026-09-01",
                "date_end": "2026-09-30",
                "attendee_ids": [
                    Command.create(
                        {
                            "subscriber_id": person.id,
                            "tag": tag,
                            "interval_ids": [
                                Command.create({"start_at": start, "end_at": end})
                            ],
                        }
                    )
                    for person, tag, start, end in (
                        (cls.amina, "A", "2026-08-31 21:00:00", False),
                        # From Tuesday noon to the end of Wednesday, in Nairobi.
                        (
                            cls.joseph,
                            False,
                            "2026-09-08 09:00:00",
                            "2026-09-09 20:59:59",
                        ),
                    )
                ],
                "staff_ids": [
                    Command.create(
                        {
                            "user_id": cls.officer.id,
                            "enrolled_at": "2026-09-01 00:00:00",
                        }
                    )
                ],
            }
        )
        cls.records = cls.env["spp.attendance.record"].with_context(active_test=False)

    def sheet(self, user=None, period=WEEK):
        return self.as_user(user).get_sheet(*period)

    def as_user(self, user=None):
        user = user or self.officer
        return self.register.with_user(user).with_context(
            allowed_company_ids=user.company_ids.ids
        )

    def mark(self, person, day, mark=None, user=None, **values):
        [answer] = self.send(self.item_of(person, day, mark, **values), user=user)
        return answer

    def send(self, *marks, user=None):
        return self.as_user(user).mark_sheet(list(marks))

    def item_of(self, person, day, mark=None, **values):
        return {
            "uuid": str(uuid.uuid4()),
            "person": person.id,
            "date": f"2026-09-{day:02}",
            "version": self.cell(person, day)[3],
            "mark": mark,
            **values,
        }

    def cell(self, person, day):
        """``[mark, entry, exit, version]``"""
        wanted = [person.id, f"2026-09-{day:02}"]
        cells = self.sheet(self.manager, ("2026-09-01", "2026-09-30"))["cells"]
        return next((c[2:] for c in cells if c[:2] == wanted), [None, None, None, ""])

    def records_of_register(self):
        return self.records.search([("register_id", "=", self.register.id)], order="id")


@tagged("post_install", "-at_install")
class TestRegisterSheet(SheetCase):
    """What the sheet of a register shows, and what becomes of marks."""

    # ---------------------------------------------------------------- reading

    def test_people_and_the_days_they_can_be_marked(self):
        sheet = self.sheet()
        self.assertEqual(
            [row[1:] for row in sheet["people"]],
            [
                ["Mwangi, Joseph", "T-2", "", [["2026-09-08", "2026-09-09"]]],
                ["Okafor, Amina", "T-1", "A", [["2026-09-07", "2026-09-13"]]],
            ],
        )
        self.assertEqual(
            (sheet["today"], sheet["can_mark"], sheet["problem"]),
            ("2026-09-10", True, False),
        )
        self.assertEqual(
            (sheet["register"]["first_day"], sheet["register"]["last_day"]),
            ("2026-09-01", "2026-09-30"),
        )

    def test_who_was_not_enrolled_then_is_not_on_it(self):
        people = self.sheet(period=("2026-09-10", "2026-09-20"))["people"]
        self.assertEqual([row[2] for row in people], ["T-1"])
        self.assertEqual(self.sheet(period=("2026-10-01", "2026-10-02"))["people"], [])

    def test_it_opens_with_this_week_or_the_nearest(self):
        def shown():
            sheet = self.sheet(period=())
            return sheet["date_from"], sheet["date_to"]

        self.env["res.lang"]._get_data(code="en_US")
        self.env["res.lang"].search([("code", "=", "en_US")]).week_start = "1"
        self.assertEqual(shown(), WEEK)
        self.register.write({"date_start": "2026-09-16"})
        self.assertEqual(shown(), ("2026-09-14", "2026-09-20"))
        self.register.write({"date_start": "2026-09-01", "date_end": "2026-09-04"})
        self.assertEqual(shown(), ("2026-08-31", "2026-09-06"))

    def test_the_day_is_that_of_the_registers_clock(self):
        """At 23:30 in UTC it is the next day in Nairobi."""
        self.register.end_at = False
        with freeze_time("2026-09-10 23:30:00"):
            self.assertEqual(self.sheet()["today"], "2026-09-11")

    def test_a_period_has_a_month_at_most(self):
        for period in (("2026-09-01", "2026-10-02"), ("2026-09-02", "2026-09-01")):
            with self.subTest(period=period), self.assertRaises(UserError):
                self.sheet(period=period)

    def test_what_came_in_otherwise_shows(self):
        self.ingest(
            self.item("T-1", "2026-09-07T08:00:00", register=self.register.id),
            user=self.officer,
        )
        self.assertEqual(self.cell(self.amina, 7)[:3], ["present", None, None])

    def test_statements_do_not_grow(self):
        def count():
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            self.sheet()
            return self.cr.sql_log_count - before

        count()
        before = count()
        people = self.amina.create(
            [
                {"person_identifier": f"S-{number}", "company_id": self.company.id}
                for number in range(30)
            ]
        )
        self.register.attendee_ids = [
            Command.create(
                {
                    "subscriber_id": person.id,
                    "interval_ids": [Command.create({"start_at": NOW})],
                }
            )
            for person in people
        ]
        self.send(*(self.item_of(person, 10, "present") for person in people[:10]))
        self.assertEqual(count(), before)

    # ---------------------------------------------------------------- marking

    def test_a_mark_is_a_record_of_the_register(self):
        answer = self.mark(self.amina, 7, "present")
        self.assertEqual(answer["status"], "done")
        record = self.records_of_register()
        self.assertEqual(
            (
                record.subscriber_id,
                record.category,
                record.local_date,
                record.local_time,
                record.location_id,
                record.source,
                record.create_uid,
            ),
            (
                self.amina,
                "present",
                date(2026, 9, 7),
                "08:00:00",
                self.hall,
                "manual",
                self.officer,
            ),
        )
        self.assertEqual(answer["cell"], self.cell(self.amina, 7))

    def test_a_mark_is_corrected_and_taken_away(self):
        self.mark(self.amina, 7, "present")
        self.mark(self.amina, 7, "absent")
        record = self.records_of_register()
        self.assertEqual((record.category, record.active), ("absent", True))
        answer = self.mark(self.amina, 7)
        self.assertEqual(answer["cell"], [None, None, None, ""])
        self.assertFalse(record.active)
        self.assertIn(self.register.number, record.void_reason)
        self.mark(self.amina, 7, "present")
        self.assertEqual(self.records_of_register().mapped("active"), [False, True])

    def test_who_came_on_it_at_noon_is_marked_in_the_afternoon(self):
        self.assertEqual(self.mark(self.joseph, 8, "present")["status"], "done")
        self.assertEqual(self.records_of_register().local_time, "12:00:00")

    def test_sent_again_it_is_done_once(self):
        mark = self.item_of(self.amina, 7, "present")
        [first], [second] = self.send(mark), self.send(mark)
        self.assertEqual(first, second)
        self.assertEqual(len(self.records_of_register()), 1)
        self.mark(self.amina, 7)
        [late] = self.send(mark)
        self.assertEqual((late["status"], late["code"]), ("refused", "changed"))
        self.assertEqual(len(self.records_of_register()), 1)

    def test_who_comes_second_is_told(self):
        mine = self.item_of(self.amina, 7, "absent")
        self.mark(self.amina, 7, "present")
        [answer] = self.send(mine)
        self.assertEqual((answer["status"], answer["code"]), ("refused", "changed"))
        self.assertEqual(answer["cell"][0], "present")

    def test_good_ones_are_done_beside_refused_ones(self):
        self.mark(self.amina, 8, "present")
        answers = self.send(
            self.item_of(self.amina, 7, "present"),
            self.item_of(self.joseph, 7, "present"),
            self.item_of(self.amina, 8, "absent"),
            self.item_of(self.amina, 11, "present"),
            self.item_of(self.grace, 8, "present"),
            {**self.item_of(self.amina, 7, "absent")},
        )
        self.assertEqual(
            [(answer["status"], answer["code"]) for answer in answers],
            [
                ("done", None),
                ("refused", "not_enrolled_then"),
                ("done", None),
                ("refused", "in_the_future"),
                ("refused", "not_enrolled"),
                ("refused", "repeated"),
            ],
        )
        self.assertTrue(all(a["reason"] for a in answers if a["code"]))

    def test_a_correction_that_is_refused_costs_no_other(self):
        self.mark(self.amina, 8, "present")
        self.mark(self.joseph, 8, "present")
        attendee = self.register.attendee_ids.filtered(
            lambda row: row.subscriber_id == self.joseph
        )
        marks = [
            self.item_of(self.amina, 8, "absent"),
            self.item_of(self.joseph, 8, "absent"),
        ]
        attendee.interval_ids.start_at = datetime(2026, 9, 9)
        refused = self.send(*marks)
        self.assertEqual(
            [(answer["status"], answer["code"]) for answer in refused],
            [("done", None), ("refused", "not_enrolled_then")],
        )
        self.assertEqual(self.cell(self.amina, 8)[0], "absent")
        self.assertEqual(self.cell(self.joseph, 8)[0], "present")

    def test_a_batch_is_a_fixed_number_of_statements(self):
        people = self.amina.create(
            [
                {"person_identifier": f"S-{number}", "company_id": self.company.id}
                for number in range(24)
            ]
        )
        self.register.attendee_ids = [
            Command.create(
                {
                    "subscriber_id": person.id,
                    "interval_ids": [Command.create({"start_at": "2026-09-02"})],
                }
            )
            for person in people
        ]

        def count(some, day, mark):
            marks = [self.item_of(person, day, mark) for person in some]
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            answers = self.send(*marks)
            self.assertEqual({answer["status"] for answer in answers}, {"done"})
            return self.cr.sql_log_count - before

        count(people[:2], 3, "present")
        for mark in ("present", "absent", None):
            with self.subTest(mark=mark):
                few = count(people[:2], 4, mark)
                many = count(people[2:], 4, mark)
                self.assertLessEqual(many, few + 2)

    # ------------------------------------------------------------ entry, exit

    def test_entry_and_exit(self):
        self.register.mark_mode = "entry_exit"
        answer = self.mark(self.amina, 7, entry="08:05", exit="16:30")
        self.assertEqual(answer["cell"][:3], [None, "08:05", "16:30"])
        records = self.records_of_register()
        self.assertEqual(
            records.mapped(lambda record: (record.scan_type, record.local_time)),
            [("in", "08:05:00"), ("out", "16:30:00")],
        )
        self.mark(self.amina, 7, entry="07:55", exit="16:30")
        self.assertEqual(records[0].local_time, "07:55:00")
        answer = self.mark(self.amina, 7, exit="16:30")
        self.assertEqual(answer["cell"][:3], [None, None, "16:30"])
        self.assertEqual(records.mapped("active"), [False, True])
        answer = self.mark(self.amina, 7, "absent")
        self.assertEqual(answer["cell"][:3], ["absent", None, None])

    def test_a_time_outside_of_the_enrolment_is_refused(self):
        self.register.mark_mode = "entry_exit"
        answer = self.mark(self.joseph, 8, entry="08:00", exit="16:00")
        self.assertEqual(
            (answer["status"], answer["code"], answer["cell"][:3]),
            ("refused", "not_enrolled_then", [None, None, "16:00"]),
        )

    def test_times_are_not_for_a_register_of_days(self):
        answer = self.mark(self.amina, 7, entry="08:00")
        self.assertEqual((answer["status"], answer["code"]), ("refused", "no_times"))

    # ------------------------------------------------------------------- who

    def test_a_manager_who_is_not_staff_looks_but_does_not_mark(self):
        sheet = self.sheet(self.manager)
        self.assertFalse(sheet["can_mark"])
        self.assertIn("staff", sheet["problem"])
        answer = self.mark(self.amina, 7, "present", user=self.manager)
        self.assertEqual(
            (answer["status"], answer["code"]), ("refused", "not_register_staff")
        )
        self.assertFalse(self.records_of_register())

    def test_a_manager_joins_the_staff_unless_it_takes_no_more(self):
        self.assertFalse(self.sheet()["can_join"])  # is one of them
        self.assertTrue(self.sheet(self.manager)["can_join"])
        with freeze_time("2026-10-02"):
            self.assertFalse(self.sheet(self.manager)["can_join"])
        self.register.active = False
        self.assertFalse(self.sheet(self.manager)["can_join"])
        self.register.active = True
        self.as_user(self.manager).action_join()
        self.assertFalse(self.sheet(self.manager)["can_join"])
        answer = self.mark(self.amina, 7, "present", user=self.manager)
        self.assertEqual(answer["status"], "done")

    def test_no_other_role_gets_in(self):
        other = self._new_user("other-officer", "officer")
        for user in (other, self.internal, self.participant):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.sheet(user)
        mark = self.item_of(self.amina, 7, "present")
        for user in (self.internal, self.participant):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.send(mark, user=user)
        self.mark(self.amina, 7, "absent")
        [answer] = self.send(mark, user=other)
        self.assertEqual(
            (answer["code"], answer["cell"]),
            ("not_register_staff", [None, None, None, ""]),
        )

    def test_an_inactive_register_is_only_looked_at(self):
        mark = self.item_of(self.amina, 7, "present")
        self.register.active = False
        sheet = self.sheet()
        self.assertFalse(sheet["can_mark"])
        self.assertIn("inactive", sheet["problem"])
        [answer] = self.send(mark)
        self.assertEqual(answer["code"], "register_inactive")

    # --------------------------------------------------------------- printing

    def test_it_is_printed_by_pages(self):
        people = self.amina.create(
            [
                {"person_identifier": f"S-{number}", "company_id": self.company.id}
                for number in range(25)
            ]
        )
        self.register.attendee_ids = [
            Command.create(
                {
                    "subscriber_id": person.id,
                    "interval_ids": [Command.create({"start_at": "2026-09-02"})],
                }
            )
            for person in people
        ]
        self.mark(self.amina, 7, "present")
        action = self.as_user().action_print_sheet(*WEEK)
        report = self.as_user().env["report.spp_attendance.report_register_sheet"]
        values = report._get_report_values([], action["data"])
        [sheet] = values["sheets"]
        self.assertEqual([len(rows) for rows in sheet["pages"]], [20, 7])
        rows = {row["identifier"]: row for page in sheet["pages"] for row in page}
        self.assertEqual((rows["T-1"]["present"], rows["T-2"]["present"]), (1, 0))
        self.assertEqual(
            [cell["is_open"] for cell in rows["T-2"]["cells"]],
            [False, True, True, False, False, False, False],
        )
        content, _kind = self.env["ir.actions.report"]._render_qweb_html(
            REPORT, self.register.ids, data=action["data"]
        )
        text = " ".join(html.fromstring(content).text_content().split())
        for part in ("Road works", "Page 2 of 2", "Kept by", self.register.number):
            self.assertIn(part, text)

    def test_some_are_printed_and_nobody_is_not(self):
        action = self.as_user().action_print_sheet(*WEEK, self.amina.ids)
        report = self.env["report.spp_attendance.report_register_sheet"]
        [sheet] = report._get_report_values([], action["data"])["sheets"]
        [[row]] = sheet["pages"]
        self.assertEqual(row["identifier"], "T-1")
        with self.assertRaises(UserError):
            self.as_user().action_print_sheet("2026-10-01", "2026-10-07")

    def test_who_may_not_see_it_does_not_print_it(self):
        data = self.as_user().action_print_sheet(*WEEK)["data"]
        other = self._new_user("other-officer", "officer")
        for user in (other, self.internal, self.participant):
            report = self.as_user(user).env[
                "report.spp_attendance.report_register_sheet"
            ]
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                report._get_report_values([], data)

    def test_what_is_no_mark_is_told(self):
        good = self.item_of(self.amina, 7, "present")
        for bad in (
            {"mark": "late"},
            {"mark": "absent", "entry": "08:00"},
            {"entry": "25:00"},
            {"date": "yesterday"},
            {"uuid": "'; --"},
            {"person": "1"},
        ):
            with self.subTest(**bad), self.assertRaises(UserError):
                self.send({**good, **bad})
        with self.assertRaises(UserError):
            self.send(*[good] * 501)
        with self.assertRaises(UserError) as refused:
            self.as_user().mark_sheet("a secret")
        self.assertNotIn("a secret", str(refused.exception))
