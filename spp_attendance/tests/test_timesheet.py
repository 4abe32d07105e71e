from datetime import date, timedelta
from io import BytesIO

from freezegun import freeze_time
from lxml import html

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged

from ..api.timesheet_file import TimesheetFileQuery
from ..engine.day import Leave
from ..models.spp_attendance_day import STATUSES
from ..timesheet import STATUS_KEYS, Cell, totals
from .common_day import DayCase

MONTH = "2026-09"
TUESDAY, WEDNESDAY, THURSDAY = "2026-09-01", "2026-09-02", "2026-09-03"
REPORT = "spp_attendance.spp_attendance_timesheet_report"


@tagged("post_install", "-at_install")
@freeze_time("2026-09-04 12:00:00")
class TestTimesheet(DayCase):
    """A month of people: who is on it, what its cells say, and what is decided."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.head = cls._new_user("head", "head")
        departments = cls.env["spp.attendance.department"]
        cls.sewing = departments.create(
            {"name": "Sewing", "company_id": cls.company.id, "head_id": cls.head.id}
        )
        cls.line = departments.create(
            {
                "name": "Line 1",
                "company_id": cls.company.id,
                "parent_id": cls.sewing.id,
            }
        )
        cls.worker.write({"department_id": cls.line.id, "family_name": "Ünsal, Zoé"})
        cls.worker.name = "Ünsal, Zoé"
        cls.other = cls._new_worker(
            "W-2", family_name="Abebe, Sara", level_of_work="staff"
        )

    def sheet(self, user=None):
        user = user or self.manager
        return (
            self.env["spp.attendance.timesheet"]
            .with_user(user)
            .with_context(allowed_company_ids=user.company_ids.ids)
        )

    def month(self, user=None, month=MONTH, **filters):
        return self.sheet(user).get_month(month, filters)

    def names(self, user=None, month=MONTH, **filters):
        return [row[2] for row in self.month(user, month, **filters)["people"]]

    def cells(self, person=None, user=None):
        """``{day: Cell}``"""
        person = person or self.worker
        for row in self.month(user)["people"]:
            if row[0] == person.id:
                return {cell[0]: Cell(*cell) for cell in row[-1]}
        return None

    def fill(self):
        self.read(TUESDAY, "07:58 in", "17:30 out")
        self.read(WEDNESDAY, "08:20 in", "17:00 out")
        self.compute(self.worker + self.other, TUESDAY, THURSDAY)

    # ---------------------------------------------------------------- reading

    def test_cells_are_days_by_the_clock_of_the_place(self):
        self.fill()
        data = self.month()
        self.assertEqual((data["month"], data["today"]), (MONTH, "2026-09-04"))
        self.assertEqual([row[2] for row in data["people"]], ["W-2", "W-1"])
        cells = self.cells()
        # Today is a Friday, on which nobody has to work.
        self.assertEqual(sorted(cells), [1, 2, 3, 4])
        self.assertEqual(
            [cells[day].abbreviation for day in (1, 2, 3, 4)], list("PLAW")
        )
        first = cells[1]
        self.assertEqual((first.check_in, first.check_out), (7 * 60 + 58, 17 * 60 + 30))
        self.assertEqual((first.hours, first.overtime), (8 * 60 + 15, 30))
        self.assertEqual(first.id, self.day(TUESDAY).id)
        self.assertEqual(cells[2].late, 20)
        self.assertIsNone(cells[3].check_in)

    def test_the_night_after_and_the_clock_that_is_set_back(self):
        """Minutes go on after midnight, by the clock that the wall shows."""
        self.worker.tz = "Africa/Nairobi"
        self.read(TUESDAY, "08:00 in", "25:10 out")
        self.compute(since=TUESDAY)
        cell = self.cells()[1]
        self.assertEqual((cell.check_in, cell.check_out), (480, 25 * 60 + 10))
        # 01:30 UTC on 25 October 2026: Berlin's clock went back half an hour ago.
        zone = "Europe/Berlin"
        told = [25, 1, 0, "P", -60, 90, 0, 0, 0, 0, 0, 0, 0]
        [cell] = self.sheet()._local_cells([told], [zone], date(2026, 10, 1))
        self.assertEqual((cell.check_in, cell.check_out), (60, 150))

    def test_statuses_are_told_by_their_places(self):
        self.assertEqual(STATUS_KEYS, [key for key, _label in STATUSES])

    def test_totals(self):
        self.fill()
        half = {
            (self.worker.id, date(2026, 9, 3)): [Leave("CASUAL", "CL", hundredths=100)]
        }
        with self.leaves(half):
            self.compute(since=THURSDAY)
        total = totals(self.cells().values())
        self.assertEqual((total.present, total.late, total.absent), (2, 1, 0))
        self.assertEqual(total.leave, 100)
        self.assertEqual(total.overtime, 30)

    def test_the_number_of_statements_is_the_same_for_all(self):
        def statements():
            self.env.invalidate_all()
            model = self.sheet()
            before = self.cr.sql_log_count
            data = model.get_month(MONTH, {})
            return len(data["people"]), self.cr.sql_log_count - before

        self.fill()
        statements()
        few, first = statements()
        people = self.env["spp.attendance.subscriber"].concat(
            *(self._new_worker(f"N-{number}") for number in range(40))
        )
        self.compute(people, TUESDAY, THURSDAY)
        many, second = statements()
        self.assertEqual((few, many), (2, 42))
        self.assertEqual(first, second)
        self.assertLessEqual(second, 4)

    # -------------------------------------------------------------- who is on it

    def test_filters(self):
        self.fill()
        night = self.new_shift("Night")
        self.assign(night, WEDNESDAY, subscriber_id=self.other.id)
        self.compute()
        self.assertEqual(self.names(), ["W-2", "W-1"])
        self.assertEqual(self.names(department_id=self.sewing.id), ["W-1"])
        self.assertEqual(self.names(location_id=self.hall.id), ["W-2", "W-1"])
        self.assertEqual(self.names(location_id=self.closed_site.id), [])
        gone = self.env["spp.attendance.department"].create({"name": "Gone"})
        gone.unlink()
        self.assertEqual(self.names(department_id=gone.id), [])
        self.assertEqual(self.names(level="staff"), ["W-2"])
        self.assertEqual(self.names(shift_id=night.id), ["W-2"])
        self.assertEqual(self.names(search="unsal, zoe"), ["W-1"])
        self.assertEqual(self.names(search="w-2"), ["W-2"])
        self.assertEqual(self.names(search="nobody"), [])

    def test_who_works_in_the_month_or_did(self):
        self.fill()
        self.worker.work_to = WEDNESDAY
        self.other.work_from = "2026-10-01"
        self.compute()
        [row] = [row for row in self.month()["people"] if row[2] == "W-1"]
        self.assertEqual(row[5:7], [False, WEDNESDAY])
        self.assertIn("W-2", self.names(month="2026-10"))
        self.assertNotIn("W-1", self.names(month="2026-10"))
        # Whose days there are is on it, archived or not.
        self.worker.active = False
        self.assertIn("W-1", self.names())
        # Who has no level has no days, and is on no sheet.
        self.assertNotIn("T-1", self.names())

    def test_each_sees_whom_they_may_see(self):
        self.fill()
        self.assertEqual(self.names(self.officer), ["W-2", "W-1"])
        self.assertEqual(self.names(self.head), ["W-1"])
        self.assertFalse(self.month(self.head)["can_decide"])
        self.assertTrue(self.month(self.manager)["can_decide"])
        with self.assertRaises(AccessError):
            self.month(self.internal)
        with self.assertRaises(AccessError):
            self.sheet(self.head).get_day(self.other.id, TUESDAY)
        stranger = self._new_worker(
            "S-1", company_id=self.other_company.id, location_id=False
        )
        self.assertNotIn("S-1", self.names())
        with self.assertRaises(AccessError):
            self.sheet().get_day(stranger.id, TUESDAY)

    def test_what_is_no_month(self):
        for month in ("2026-13", "soon", "2026-09-01"):
            with self.subTest(month=month), self.assertRaises(UserError):
                self.month(month=month)
        self.assertEqual(self.month(month=None)["month"], MONTH)

    # --------------------------------------------------------------- deciding

    def test_a_cell_is_decided_and_taken_back(self):
        self.fill()
        model = self.sheet()
        before = model.get_day(self.worker.id, WEDNESDAY)
        self.assertEqual((before["check_in"], before["check_out"]), ("08:20", "17:00"))
        self.assertEqual(before["readings"][0][:2], ["08:20", "In"])
        self.assertEqual(before["decided"], {})
        values = {"check_in": "08:00"}
        rows = model.decide(self.worker.id, WEDNESDAY, values, "Gate was shut")
        [cell] = [Cell(*row) for row in rows if row[0] == 2]
        self.assertEqual((cell.abbreviation, cell.check_in), ("P", 480))
        self.assertEqual([row[0] for row in rows], [1, 2, 3, 4])
        after = model.get_day(self.worker.id, WEDNESDAY)
        self.assertEqual(after["status"], "on_time")
        self.assertEqual(after["computed"]["status"], "late")
        self.assertEqual(after["computed"]["check_in"], "08:20")
        self.assertEqual(after["decided"]["check_in"], "08:00")
        self.assertEqual(after["edited_by"], self.manager.name)
        self.assertEqual(after["reason"], "Gate was shut")
        self.assertIn("is_edited", after["flags"])
        model.decide(self.worker.id, WEDNESDAY, {}, "It was open")
        self.assertEqual(self.cells()[2].abbreviation, "L")

    def test_who_may_not_decide_is_told_why(self):
        self.fill()
        for user in (self.head, self.officer):
            with self.subTest(user=user.login):
                day = self.sheet(user).get_day(self.worker.id, TUESDAY)
                self.assertFalse(day["can_decide"])
                self.assertIn("correction", day["problem"])
                with self.assertRaises(AccessError):
                    self.sheet(user).decide(
                        self.worker.id, TUESDAY, {"status": "absent"}, "No"
                    )
        with self.assertRaises(UserError):
            self.sheet().decide(self.worker.id, TUESDAY, {"status": "absent"}, " ")
        with self.assertRaises(UserError):
            self.sheet().decide(self.worker.id, TUESDAY, {"net_minutes": 600}, "More")
        future = self.sheet().get_day(self.worker.id, "2026-09-20")
        self.assertEqual((future["id"], future["can_decide"]), (False, False))
        self.day(TUESDAY).is_locked = True
        locked = self.sheet().get_day(self.worker.id, TUESDAY)
        self.assertIn("locked", locked["problem"])

    def test_what_is_no_date_or_id(self):
        sheet = self.sheet()
        for call in (
            lambda: sheet.get_day(self.worker.id, 5),
            lambda: sheet.get_day(self.worker.id, None),
            lambda: sheet.get_day("x", TUESDAY),
            lambda: sheet.get_day(None, TUESDAY),
            lambda: sheet.decide(self.worker.id, "x", {}, "No"),
            lambda: sheet.get_month(5),
            lambda: sheet.get_month(MONTH, {"department_id": "x"}),
            lambda: sheet.get_month(MONTH, [5]),
        ):
            with self.assertRaisesRegex(
                UserError, "Write it as|such as|Give a number|Say whose|by their names"
            ):
                call()

    # ------------------------------------------------------------------ files

    def workbook(self, user=None, **query):
        from openpyxl import load_workbook

        response = self.sheet(user)._api_xlsx(TimesheetFileQuery(month=MONTH, **query))
        content = b"".join(response.response)
        self.assertEqual(len(content), int(response.headers["Content-Length"]))
        return load_workbook(BytesIO(content))

    def test_a_workbook(self):
        self.fill()
        self.worker.name = '=HYPERLINK("http://evil")'
        book = self.workbook()
        self.assertEqual(
            book.sheetnames,
            ["Status", "Hours", "Overtime", "Extra Overtime", "Times", "Legend"],
        )
        page = book["Status"]
        [row] = [row for row in page.iter_rows() if row[0].value == "W-1"]
        self.assertEqual(row[1].value, '=HYPERLINK("http://evil")')
        self.assertEqual(row[1].data_type, "s")
        self.assertEqual([cell.value for cell in row[4:7]], ["P", "L", "A"])
        # Present, late, absent, leave, free, hours, overtime, extra.
        self.assertEqual([cell.value for cell in row[34:39]], [2, 1, 1, 0, 1])
        self.assertEqual(row[40].value, 0.5)
        [row] = [row for row in book["Hours"].iter_rows() if row[0].value == "W-1"]
        self.assertEqual(row[4].value, 8.25)
        [row] = [row for row in book["Times"].iter_rows() if row[0].value == "W-1"]
        self.assertEqual(row[4].value, "07:58 - 17:30")

    def test_a_workbook_of_some(self):
        self.fill()

        def people(user=None, **query):
            rows = self.workbook(user, **query)["Status"].iter_rows(min_row=3)
            return [row[0].value for row in rows]

        self.assertEqual(people(department="Sewing"), ["W-1"])
        self.assertEqual(people(department="Nothing"), [])
        self.assertEqual(people(level_of_work="staff"), ["W-2"])
        self.assertEqual(people(search="abebe"), ["W-2"])
        self.assertEqual(people(employee_id=["W-2"], level_of_work="Staff"), ["W-2"])
        self.assertEqual(people(employee_id=["NOBODY"]), [])
        self.assertEqual(people(self.head), ["W-1"])
        self.assertEqual(people(company=[self.other_company.id]), [])

    def printed(self, user=None, **filters):
        user = user or self.manager
        action = self.sheet(user).action_print(MONTH, filters)
        report = self.env.ref(REPORT).with_env(self.sheet(user).env)
        text, _kind = report._render_qweb_html(REPORT, [], data=action["data"])
        return html.fromstring(text)

    def test_print(self):
        self.fill()
        page = self.printed()
        rows = page.xpath("//table[contains(@class, 'o_spp_grid')]/tbody/tr")
        texts = [[cell.text_content().strip() for cell in row] for row in rows]
        self.assertEqual([row[1] for row in texts], ["W-2", "W-1"])
        self.assertEqual(len(texts[1]), 3 + 30 + 7)
        self.assertEqual(texts[1][3:8], ["P", "L", "A", "W", ""])
        self.assertEqual(texts[1][33:], ["2", "1", "1", "0", "16:10", "0:30", ""])
        legend = page.xpath("//span[contains(@class, 'o_spp_key')]")
        self.assertEqual([key.text_content() for key in legend], list("PLAW"))

    def test_print_of_some(self):
        self.fill()
        for user, filters, wanted in (
            (self.head, {}, ["W-1"]),
            (self.manager, {"level": "staff"}, ["W-2"]),
        ):
            with self.subTest(user=user.login):
                page = self.printed(user, **filters)
                found = page.xpath("//tbody/tr/td[2]")
                self.assertEqual([cell.text_content() for cell in found], wanted)
        with self.assertRaises(UserError):
            self.printed(search="nobody")

    def test_who_comes_next_month_has_a_page_of_another_length(self):
        first, last = self.sheet()._month("2026-02")
        self.assertEqual(last - first, timedelta(days=27))
