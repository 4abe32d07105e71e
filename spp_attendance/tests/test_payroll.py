import csv
import io
from datetime import date

import psycopg2

from odoo.exceptions import AccessError, UserError
from odoo.tests import freeze_time, tagged

from ..api.payroll import PayrollFileQuery, PayrollQuery
from ..engine.day import Leave
from .common_api import ApiCase
from .common_day import DayCase

#: Saturday noon in Nairobi: the week before is over.
NOW = "2026-09-12 09:00:00"
#: From Monday on. The shipped shift is free on Fridays only.
WEEK = ("2026-09-07", "2026-09-10")


class PayrollCase(DayCase):
    """Two workers, of two departments, and four days in Nairobi that are over."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        clock = freeze_time(NOW)
        clock.start()
        cls.addClassCleanup(clock.stop)
        departments = cls.env["spp.attendance.department"]
        cls.works = departments.create(
            {"name": "Works", "company_id": cls.company.id, "code": "WORKS"}
        )
        cls.roads = departments.create(
            {"name": "Roads", "company_id": cls.company.id, "parent_id": cls.works.id}
        )
        cls.office = departments.create(
            {"name": "Office", "company_id": cls.company.id}
        )
        cls.worker.write({"department_id": cls.roads.id, "work_from": WEEK[0]})
        cls.clerk = cls._new_worker(
            "W-2", department_id=cls.office.id, work_from=WEEK[0]
        )

    def fill(self):
        """Work of the first two days: late on the second, long on the first."""
        self.read("2026-09-07", "07:55 in", "20:30 out")
        self.read("2026-09-08", "08:20 in", "17:00 out")
        for day in ("2026-09-07", "2026-09-08", "2026-09-09", "2026-09-10"):
            self.read(day, "08:00 in", "17:00 out", person="W-2")
        self.compute(self.worker | self.clerk, *WEEK)

    def period(self, user=None, **values):
        periods = self.records_of(user or self.manager).env[
            "spp.attendance.payroll.period"
        ]
        return periods.create(
            {
                "date_from": WEEK[0],
                "date_to": WEEK[1],
                "company_id": self.company.id,
                **values,
            }
        )

    def people(self, period):
        """The rows of a period, by identifier."""
        rows = period._figures().search([("period_id", "=", period.id)])
        return {row.person_identifier: row for row in rows}

    def lines(self, period):
        lines = self.env["spp.attendance.payroll.line"]
        return lines.search([("period_id", "=", period.id)])

    def payees(self, user=None, **query):
        payroll = self.records_of(user or self.manager).env["spp.attendance.payroll"]
        return {
            payee.identifier: payee
            for payee in payroll._payees(PayrollQuery.model_validate(query))
        }


@tagged("post_install", "-at_install")
class TestPayroll(PayrollCase):
    """Periods: live while they are open, kept once they are closed."""

    def test_an_open_period_is_live(self):
        self.fill()
        period = self.period()
        own = self.people(period)["W-1"]
        self.assertRecordValues(
            own,
            [
                {
                    "state": "open",
                    "present_days": 2,
                    "on_time_days": 1,
                    "late_days": 1,
                    "absent_days": 2,
                    "overtime_hours": 2.0,
                    "extra_overtime_hours": 1.5,
                    "snacks_count": 1,
                    "night_bill_count": 0,
                    "differs": False,
                    "doubts": 0,
                }
            ],
        )
        # 08:00 to 17:00 less 45 minutes, and 08:20 to 17:00 less as many.
        self.assertAlmostEqual(own.hours, 8.25 + 495 / 60 - 20 / 60)
        self.assertEqual(period.people_count, 2)
        self.assertEqual(period.present_days, 6)
        self.read("2026-09-09", "08:00 in", "17:00 out")
        self.compute()
        self.assertEqual(self.people(period)["W-1"].absent_days, 1)
        self.assertEqual(period.present_days, 7)

    def test_a_month_is_called_so(self):
        names = [
            self.period(date_from=first, date_to=last).name
            for first, last in (
                ("2026-09-01", "2026-09-30"),
                ("2026-09-01", "2026-09-29"),
                # There is no month after it.
                ("9999-12-01", "9999-12-31"),
            )
        ]
        self.assertEqual(names[0], "September 2026")
        self.assertIn("09/29/2026", names[1])
        self.assertEqual(names[2], "December 9999")

    def test_leave_by_kind(self):
        self.read("2026-09-08", "08:00 in", "12:00 out")
        leaves = {
            (self.worker.id, date(2026, 9, 7)): [Leave("Sick", "LS")],
            (self.worker.id, date(2026, 9, 8)): [Leave("Casual", "LC", 50)],
        }
        with self.leaves(leaves):
            self.compute(self.worker | self.clerk, *WEEK)
        period = self.period()
        own = self.people(period)["W-1"]
        self.assertEqual(own.leave_days, 1)
        self.assertEqual(own.leave_total, 1.5)
        self.assertEqual(own.leave_text, "Casual 0.5, Sick 1")
        payee = self.payees(**{"from": WEEK[0], "to": WEEK[1]})["W-1"]
        self.assertEqual(payee.leave, {"Sick": 100, "Casual": 50})
        period._close()
        line = self.lines(period).filtered(
            lambda line: line.subscriber_id == self.worker
        )
        self.assertEqual(line.leave, {"Sick": 100, "Casual": 50})
        # The leave is withdrawn: that is a change although no hour is.
        self.compute(None, *WEEK)
        self.assertTrue(self.people(period)["W-1"].differs)
        self.assertEqual(self.people(period)["W-1"].leave_total, 1.5)

    def test_a_department_has_those_below_it(self):
        self.fill()
        self.assertEqual(
            set(self.people(self.period(department_id=self.works.id))), {"W-1"}
        )
        self.assertEqual(
            set(self.people(self.period(department_id=self.office.id))), {"W-2"}
        )
        self.assertEqual(
            set(self.people(self.period(location_id=self.closed_site.id))), set()
        )
        here = self.period(location_id=self.hall.id, department_id=self.works.id)
        self.assertEqual(set(self.people(here)), {"W-1"})
        self.assertEqual(here.name, "09/07/2026 - 09/10/2026 · Works · Hall")

    def test_what_is_closed_stays_as_it_was(self):
        self.fill()
        period = self.period()
        period._close()
        self.assertEqual((period.state, period.closed_by), ("closed", self.manager))
        before = self.people(period)["W-1"].hours
        self.assertEqual(period.changed_count, 0)
        # A device that was offline reports, and a day that was late is one more.
        self.read("2026-09-09", "08:00 in", "17:30 out")
        self.compute()
        own = self.people(period)["W-1"]
        self.assertEqual((own.present_days, own.absent_days), (2, 2))
        self.assertEqual(own.hours, before)
        self.assertTrue(own.differs)
        self.assertEqual((own.present_change, own.absent_change), (1, -1))
        self.assertEqual((own.hours_change, own.overtime_change), (8.25, 0.5))
        self.assertFalse(self.people(period)["W-2"].differs)
        self.assertEqual(period.changed_count, 1)
        self.assertEqual(period.present_days, 6)

    def test_differences_by_day(self):
        self.fill()
        period = self.period()
        period._close()
        self.read("2026-09-09", "08:00 in", "17:30 out")
        self.compute()
        action = period._open_days(
            period.env["spp.attendance.subscriber"].browse(self.worker.id)
        )
        days = period.env[action["res_model"]].with_context(**action["context"])
        found = days.search(action["domain"])
        self.assertEqual(
            found.mapped("date"), [date(2026, 9, day) for day in (7, 8, 9, 10)]
        )
        changed = found.filtered("differs")
        self.assertRecordValues(
            changed,
            [
                {
                    "date": date(2026, 9, 9),
                    "status": "absent",
                    "status_now": "on_time",
                    "hours": 0.0,
                    "hours_now": 8.25,
                    "overtime_hours_now": 0.5,
                }
            ],
        )
        # Read one by one, as a form or an export does, without the context.
        self.env.invalidate_all()
        again = period.env[action["res_model"]].browse(changed.id)
        self.assertEqual(again.status_now, "on_time")

    def test_who_comes_in_later_is_a_difference(self):
        self.fill()
        period = self.period()
        period._close()
        late = self._new_worker("W-3", work_from=WEEK[0])
        self.read(WEEK[0], "08:00 in", "17:00 out", person="W-3")
        self.compute(late, *WEEK)
        self.assertEqual(period.changed_count, 1)
        own = self.people(period)["W-3"]
        self.assertEqual((own.present_days, own.present_change), (0, 1))

    def test_the_database_keeps_lines(self):
        self.fill()
        period = self.period()
        period._close()
        for statement in (
            "UPDATE spp_attendance_payroll_line SET late_days = 9",
            "UPDATE spp_attendance_payroll_line SET days = '[]'",
            "UPDATE spp_attendance_payroll_line SET is_void = TRUE, late_days = 9",
            "DELETE FROM spp_attendance_payroll_line",
            "TRUNCATE spp_attendance_payroll_line",
        ):
            with (
                self.subTest(statement),
                self.assertRaises(psycopg2.Error),
                self.env.cr.savepoint(flush=False),
            ):
                self.env.cr.execute(statement, log_exceptions=False)
        with self.assertRaises(UserError):
            period.date_to = "2026-09-09"
        with self.assertRaises(UserError):
            period.unlink()
        with self.assertRaises(AccessError):
            period.state = "open"

    def test_what_has_to_be_looked_at(self):
        self.fill()
        self.read("2026-09-10", "17:00 out")
        self.compute()
        period = self.period()
        self.assertEqual(self.people(period)["W-1"].doubts, 1)
        with self.assertRaises(UserError):
            period._close()
        self.assertEqual(period.state, "open")
        action = period.action_open_doubts()
        days = self.env[action["res_model"]].search(action["domain"])
        self.assertEqual(days.mapped("date"), [date(2026, 9, 10)])
        wizards = period.env["spp.attendance.payroll.close"]
        wizard = wizards.create({"period_id": period.id})
        self.assertEqual((wizard.doubts, wizard.has_doubts), (1, True))
        wizard.accepts_doubts = True
        wizard.action_close()
        self.assertEqual(period.state, "closed")
        self.assertIn("To review: 1 days", period.message_ids[:2].mapped("body")[0])

    def test_days_that_are_not_decided(self):
        self.fill()
        self.read("2026-09-12", "08:00 in")
        self.compute()
        period = self.period(date_to="2026-09-12")
        problems = period._problems()
        self.assertEqual((problems.open_days, problems.waiting), (1, 2))
        with self.assertRaises(UserError):
            period._close()
        tomorrow = self.period(date_from="2026-09-13", date_to="2026-09-30")
        with self.assertRaisesRegex(UserError, "isn't over"):
            tomorrow._close(accepts_doubts=True)

    def test_what_waits_to_be_computed(self):
        self.fill()
        period = self.period()
        self.assertEqual(period._problems().waiting, 0)
        self.read("2026-09-09", "08:00 in")
        self.assertEqual(period._problems().waiting, 1)

    def test_who_has_no_days_yet(self):
        """They work here, and would be left out without anybody being told."""
        self.fill()
        period = self.period()
        self.assertEqual(period._problems().waiting, 0)
        late = self._new_worker("W-3", work_from="2026-09-09")
        self.env.flush_all()
        self.assertEqual(period._problems().waiting, 1)
        with self.assertRaises(UserError):
            period._close()
        self.queue._enqueue_due()
        self.compute()
        self.assertEqual(period._problems().waiting, 0)
        # A day of them is missing: what was imported since was not computed.
        self.day("2026-09-09", late).unlink()
        self.assertEqual(period._problems().waiting, 1)
        late.work_from = "2026-09-10"
        self.compute()
        self.assertEqual(period._problems().waiting, 0)
        for values in (
            {"work_from": "2026-09-11"},
            {"work_to": "2026-09-06"},
            {"level_of_work": False},
            {"active": False},
            {"company_id": self.other_company.id, "location_id": False},
        ):
            self._new_worker(f"X-{values}"[:60], **values)
        self.env.flush_all()
        self.assertEqual(period._problems().waiting, 0)
        elsewhere = self.period(department_id=self.works.id)
        self._new_worker("W-4", department_id=self.office.id)
        self.env.flush_all()
        self.assertEqual(elsewhere._problems().waiting, 0)
        self.assertEqual(period._problems().waiting, 1)

    def test_who_was_archived_meanwhile_has_no_days(self):
        self.fill()
        self.worker.active = False
        self.env.flush_all()
        with freeze_time("2026-09-20 09:00:00"):
            self.worker.active = True
            self.queue._enqueue_due()
            self.compute()
        with freeze_time("2026-09-30 09:00:00"):
            self.queue._enqueue_due()
            self.compute()
            period = self.period(date_to="2026-09-25", department_id=self.works.id)
            self.assertEqual(period._problems().waiting, 0)
            self.day("2026-09-22").unlink()
            self.assertEqual(period._problems().waiting, 1)

    def test_nobody_is_closed_twice(self):
        self.fill()
        self.period(department_id=self.works.id)._close()
        month = self.period(date_from="2026-09-10", date_to="2026-09-11")
        with self.assertRaisesRegex(UserError, "W-1"):
            month._close(accepts_doubts=True)
        month._close(accepts_doubts=True, leaves_out=True)
        self.assertEqual(self.lines(month).subscriber_id, self.clerk)
        # Who was left out is no difference either.
        self.assertEqual(set(self.people(month)), {"W-2"})
        line = self.lines(month)
        with (
            self.assertRaises(psycopg2.errors.ExclusionViolation),
            self.env.cr.savepoint(flush=False),
        ):
            self.env.cr.execute(
                """
                INSERT INTO spp_attendance_payroll_line (period_id, company_id,
                    subscriber_id, person_key, date_from, date_to, is_void)
                SELECT period_id, company_id, subscriber_id, person_key,
                       '2026-09-11', '2026-09-20', FALSE
                  FROM spp_attendance_payroll_line WHERE id = %s
                """,
                [line.id],
                log_exceptions=False,
            )

    def test_nothing_to_close(self):
        period = self.period(location_id=self.closed_site.id)
        with self.assertRaisesRegex(UserError, "nothing to close"):
            period._close(accepts_doubts=True)

    def test_reopening(self):
        self.fill()
        period = self.period()
        period._close()
        with self.assertRaises(AccessError):
            period._reopen("A terminal was offline")
        mine = period.with_user(self.admin)
        wizard = mine.env["spp.attendance.payroll.reopen"].create(
            {"period_id": mine.id, "reason": "A terminal was offline"}
        )
        wizard.action_reopen()
        self.assertEqual((period.state, period.closed_by.id), ("open", False))
        self.assertIn("A terminal was offline", period.message_ids[0].body)
        self.assertEqual(set(self.lines(period).mapped("is_void")), {True})
        self.read("2026-09-09", "08:00 in", "17:00 out")
        self.compute()
        self.assertEqual(self.people(period)["W-1"].present_days, 3)
        period._close()
        self.assertEqual(len(self.lines(period)), 4)
        self.assertEqual(self.people(period)["W-1"].present_days, 3)
        with self.assertRaises(UserError):
            period._close()

    def test_nothing_begins_closed(self):
        periods = self.period().with_context(
            default_state="closed", default_closed_by=self.officer.id
        )
        dates = {"date_from": "2026-10-01", "date_to": "2026-10-31"}
        for values in ({}, {"state": "closed", "closed_by": self.officer.id}):
            made = periods.create({**dates, **values})
            self.assertEqual(made.state, "open")
            self.assertFalse(made.closed_by)

    def test_only_managers(self):
        self.fill()
        for user in (self.officer, self.participant, self.internal, self.api_user):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.period(user)
        with self.assertRaises(AccessError):
            self.payees(self.officer, **{"from": WEEK[0], "to": WEEK[1]})
        self.assertEqual(
            set(self.payees(self.api_user, **{"from": WEEK[0], "to": WEEK[1]})),
            {"W-1", "W-2"},
        )

    def test_two_who_turn_out_to_be_one(self):
        self.fill()
        period = self.period()
        period._close()
        self.worker._merge(self.clerk)
        self.compute(self.worker, *WEEK)
        rows = self.people(period)
        self.assertEqual(set(rows), {"W-1"})
        # They were paid for six days, and have four.
        self.assertEqual(
            (rows["W-1"].present_days, rows["W-1"].present_change), (6, -2)
        )

    def test_days_that_are_partly_closed(self):
        self.fill()
        self.period(date_to="2026-09-08")._close()
        self.read("2026-09-08", "07:00 in")  # no longer late
        self.read("2026-09-09", "08:00 in", "17:00 out")
        self.compute()
        payee = self.payees(**{"from": WEEK[0], "to": WEEK[1]})["W-1"]
        self.assertEqual(payee.state, "partly")
        self.assertEqual(payee.figures["late_days"], 1)
        self.assertEqual(payee.figures["on_time_days"], 2)
        self.assertEqual(payee.changes["late_days"], -1)
        self.assertEqual(payee.changes["on_time_days"], 1)
        self.assertNotIn("absent_days", payee.changes)
        closed = self.payees(**{"from": WEEK[0], "to": "2026-09-08"})["W-1"]
        self.assertEqual(closed.state, "closed")
        self.assertEqual(
            self.payees(**{"from": WEEK[1], "to": WEEK[1]})["W-1"].state, "open"
        )

    def test_files(self):
        self.worker.write({"family_name": "=1+1"})
        self.fill()
        period = self.period()
        period._close()
        self.read("2026-09-09", "08:00 in", "17:30 out")
        self.compute()
        payroll = period.env["spp.attendance.payroll"]
        query = PayrollFileQuery(period=period.id)
        text = b"".join(payroll._api_csv(query).response).decode()
        rows = {row["Employee_ID"]: row for row in csv.DictReader(io.StringIO(text))}
        own = rows["W-1"]
        self.assertEqual(own["Name"], "'=1+1")
        self.assertEqual(own["Level"], "Worker")  # as JSON has it
        self.assertEqual(own["Working_Hours"], "16.17")
        self.assertEqual((own["Days_Present"], own["Days_Absent"]), ("2", "2"))
        self.assertEqual(own["State"], "closed")
        book = b"".join(payroll._api_xlsx(query).response)
        sheets = self.workbook(book)
        self.assertEqual(list(sheets), ["Payroll", "Changed Since"])
        self.assertEqual(len(sheets["Payroll"]), 3)
        self.assertEqual(len(sheets["Changed Since"]), 2)
        self.assertEqual(sheets["Payroll"][1][1], "=1+1")
        self.assertEqual(sheets["Payroll"][1][4], "Worker")

    def workbook(self, content):
        """Cells of a workbook, by sheet."""
        from openpyxl import load_workbook

        book = load_workbook(io.BytesIO(content))
        return {
            page.title: [[cell.value for cell in row] for row in page.iter_rows()]
            for page in book
        }

    def test_statements_do_not_grow(self):
        self.fill()
        count = {}
        for number in (1, 2, 20):  # the first one warms up
            more = [self._new_worker(f"{number}-{n}") for n in range(number)]
            self.compute(self.worker.browse([one.id for one in more]), *WEEK)
            period = self.period(date_from="2026-08-20", date_to=WEEK[1])
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            period.read(["people_count", "hours"])
            self.people(period)
            self.payees(**{"from": WEEK[0], "to": WEEK[1]})
            period._close(accepts_doubts=True, leaves_out=True)
            self.env.flush_all()
            count[number] = self.env.cr.sql_log_count - before
            period.with_user(self.admin)._reopen("Again")
        self.assertEqual(count[2], count[20])


@tagged("post_install", "-at_install")
class TestPayrollApi(ApiCase, PayrollCase):
    def test_list(self):
        self.fill()
        self.env.flush_all()
        params = f"from={WEEK[0]}&to={WEEK[1]}"
        body = self._ok("GET", "/payroll/", params=params)
        self.assertEqual((body["from"], body["to"]), WEEK)
        own = body["items"][0]
        self.assertEqual(own["employee_id"], "W-1")
        self.assertEqual(own["department"], "Roads")
        self.assertEqual(own["level_of_work"], "Worker")
        self.assertEqual(own["days"]["Present-OnTime"], 1)
        self.assertEqual(own["days"]["Absent"], 2)
        self.assertEqual(own["days_present"], 2)
        self.assertEqual(own["working_hours"], 16.17)
        self.assertEqual((own["overtime"], own["extra_overtime"]), (2.0, 1.5))
        self.assertEqual((own["snacks"], own["night_bills"]), (1, 0))
        self.assertEqual((own["state"], own["differences"]), ("open", None))
        first = self._ok("GET", "/payroll", params=f"{params}&limit=1")
        second = self._ok(
            "GET", "/payroll", params=f"{params}&limit=1&cursor={first['next']}"
        )
        self.assertEqual(first["items"] + second["items"], body["items"])
        self.assertIsNone(second["next"])
        some = self._ok("GET", "/payroll", params=f"{params}&department=WORKS")
        self.assertEqual([row["employee_id"] for row in some["items"]], ["W-1"])

    def test_a_closed_period(self):
        self.fill()
        period = self.period()
        period._close()
        self.read("2026-09-09", "08:00 in", "17:30 out")
        self.compute()
        self.env.flush_all()
        for params in (f"period={period.id}", f"from={WEEK[0]}&to={WEEK[1]}"):
            with self.subTest(params):
                own = self._ok("GET", "/payroll/", params=params)["items"][0]
                self.assertEqual(own["state"], "closed")
                self.assertEqual(own["working_hours"], 16.17)
                self.assertEqual(own["differences"]["working_hours"], 8.25)
                self.assertEqual(own["differences"]["days"]["Absent"], -1)

    def test_what_is_refused(self):
        for params, status in (
            ("", 422),
            ("from=2026-09-01", 422),
            ("from=2026-09-02&to=2026-09-01", 422),
            ("from=2020-09-02&to=2026-09-01", 422),
            ("period=1&from=2026-09-01&to=2026-09-02", 422),
            ("period=999999", 404),
        ):
            with self.subTest(params):
                answer = self._call("GET", "/payroll/", params=params)
                self.assertIn(answer.status_code, (status, 400 if status == 422 else 0))

    def test_csv(self):
        self.fill()
        self.env.flush_all()
        answer = self._call(
            "GET", "/payroll.csv", params=f"from={WEEK[0]}&to={WEEK[1]}"
        )
        self.assertEqual(answer.status_code, 200)
        self.assertEqual(len(answer.text.splitlines()), 3)
        self.assertEqual(answer.headers["Content-Length"], str(len(answer.content)))
