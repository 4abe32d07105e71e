import io
from datetime import date

from lxml import html

from odoo import Command
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import freeze_time, tagged
from odoo.tools import mute_logger
from odoo.tools.pdf import PdfFileReader

from .common import AttendanceCase

REPORT = "spp_attendance.spp_attendance_sheet_report"


@tagged("post_install", "-at_install")
class TestSheetPrint(AttendanceCase):
    """The sheet of people and days."""

    def sheet(self, user=None, **values):
        sheets = self.records_of(user or self.manager).env["spp.attendance.sheet.print"]
        return sheets.create(
            {
                "date_from": "2026-09-07",
                "date_to": "2026-09-13",
                "company_id": self.company.id,
                **values,
            }
        )

    def printed(self, sheet):
        content, _kind = self.env["ir.actions.report"]._render_qweb_html(
            REPORT, sheet.ids
        )
        return html.fromstring(content)

    def test_marks_and_sums(self):
        self.ingest(
            self.item("T-1", "2026-09-07T08:00:00", location="HALL"),
            self.item("T-1", "2026-09-08T08:00:00", category="absent", location="HALL"),
            self.item("T-2", "2026-09-08T07:00:00", category="absent", location="HALL"),
            self.item("T-2", "2026-09-08T09:00:00", location="HALL"),
            self.item("T-3", "2026-09-08T09:00:00", location="CLOSED"),
            self.item("T-1", "2026-09-14T09:00:00", location="HALL"),
        )
        days, [rows] = self.sheet(location_id=self.hall.id)._pages()
        self.assertEqual(days, [date(2026, 9, day) for day in range(7, 12)])
        self.assertEqual(
            [
                (row["person"], list(row["marks"].values())[:2], row["present"])
                for row in rows
            ],
            [
                (self.joseph, [None, "present"], 1),
                (self.amina, ["present", "absent"], 1),
            ],
        )

    def test_who_is_at_home_there_is_on_it_too(self):
        self.grace.location_id = self.hall
        sheet = self.sheet(location_id=self.hall.id, has_weekend=True, content="blank")
        days, [[row]] = sheet._pages()
        self.assertEqual((row["person"], len(days)), (self.grace, 7))
        chosen = self.sheet(subscriber_ids=self.amina.ids)
        self.assertEqual(chosen._people(), self.amina)

    def test_pages_are_numbered_and_hold_twenty(self):
        people = self.amina.create(
            [
                {
                    "person_identifier": f"S-{number}",
                    "name": "A name that is far too long for the column it stands in",
                    "company_id": self.company.id,
                }
                for number in range(45)
            ]
        )
        sheet = self.sheet(
            subscriber_ids=people.ids,
            date_to="2026-10-07",
            has_weekend=True,
            has_signature=True,
        )
        page = self.printed(sheet)
        text = " ".join(page.text_content().split())
        for number in (1, 2, 3):
            self.assertIn(f"Page {number} of 3", text)
        self.assertEqual(
            [
                len(part.xpath(".//tbody/tr"))
                for part in page.xpath("//div[contains(@class, 'o_spp_sheet_page')]")
            ],
            [20, 20, 5],
        )

    def test_pdf(self):
        """What is a page of ours is one page of paper, also when it is full."""
        people = self.amina.create(
            [
                {"person_identifier": f"S-{number}", "company_id": self.company.id}
                for number in range(25)
            ]
        )
        sheet = self.sheet(subscriber_ids=people.ids)
        report = self.env["ir.actions.report"].with_context(force_report_rendering=True)
        # Debian's program says that it can't repeat heads, which ours doesn't need.
        quiet = mute_logger("odoo.addons.base.models.ir_actions_report")
        with self.allow_pdf_render(), quiet:
            content, kind = report._render_qweb_pdf(REPORT, sheet.ids)
        self.assertEqual(kind, "pdf")
        pages = PdfFileReader(io.BytesIO(content)).pages
        self.assertEqual(len(pages), 2)
        _left, _bottom, width, height = map(float, pages[0].mediabox)
        self.assertGreater(width, height)

    def test_statements_do_not_grow(self):
        people = self.amina.create(
            [
                {"person_identifier": f"S-{number}", "company_id": self.company.id}
                for number in range(30)
            ]
        )
        counts = []
        for some in (people[:2], people[:2], people):
            sheet = self.sheet(subscriber_ids=some.ids)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            sheet._pages()
            counts.append(self.cr.sql_log_count - before)
        self.assertEqual(counts[1], counts[2])  # the first learned the rules

    def test_refusals(self):
        for dates in (
            {"date_to": "2026-09-06"},
            {"date_to": "2026-10-08"},
        ):
            with self.subTest(dates=dates), self.assertRaises(ValidationError):
                self.sheet(**dates)
        with self.assertRaises(UserError) as caught:
            self.sheet(location_id=self.hall.id).action_print()
        self.assertIn("Nobody belongs on this sheet", str(caught.exception))

    def test_roles(self):
        self.ingest(
            self.item("T-1", "2026-09-07T08:00:00", location="HALL"),
            self.item("T-2", "2026-09-07T08:00:00", location="CLOSED"),
        )
        self.assertEqual(self.sheet(self.officer)._people(), self.amina)
        self.assertEqual(self.sheet()._people(), self.amina + self.joseph)
        for user in (self.participant, self.internal):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.sheet(user)

    def test_it_opens_with_this_week(self):
        with freeze_time("2026-09-10 10:00:00"):
            sheet = self.env["spp.attendance.sheet.print"].create({})
        self.assertEqual(
            (sheet.date_from, sheet.date_to), (date(2026, 9, 7), date(2026, 9, 11))
        )

    def test_action(self):
        sheet = self.sheet(subscriber_ids=self.amina.ids)
        action = sheet.action_print()
        self.assertEqual(
            action["report_name"], "spp_attendance.report_attendance_sheet"
        )

    def test_of_an_event(self):
        """On a Sunday, with those on its list and what is recorded of them."""
        self.ingest(self.item("T-1", "2026-09-13T08:00:00", location="HALL"))
        env = self.records_of(self.officer).env
        event = env["spp.attendance.event"].create(
            {
                "name": "Harvest feast",
                "local_date": "2026-09-13",
                "location_id": self.hall.id,
                "company_id": self.company.id,
                "line_ids": [
                    Command.create({"subscriber_id": person.id})
                    for person in (self.amina, self.grace)
                ],
            }
        )
        sheets = env["spp.attendance.sheet.print"]
        context = sheets._open_for_event(event)["context"]
        sheet = sheets.with_context(**context).create({})
        [day], [rows] = sheet._pages()
        self.assertEqual(day, date(2026, 9, 13))
        self.assertEqual(
            [(row["person"], row["marks"][day]) for row in rows],
            [(self.grace, None), (self.amina, "present")],
        )
        text = self.printed(sheet).text_content()
        self.assertIn("Harvest feast", text)
        self.assertIn("Signature", text)
