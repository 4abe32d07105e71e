import io

from lxml import html

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger
from odoo.tools.pdf import PdfFileReader

from ..engine.badges import ALPHABET, LENGTH, new_badge
from ..models.spp_attendance_subscriber import MAX_CARDS
from ..qr import data_uri, png
from .common import AttendanceCase

REPORT = "spp_attendance.spp_attendance_badge_report"


@tagged("post_install", "-at_install")
class TestBadgeCard(AttendanceCase):
    """Cards with a code, for kiosks and readers."""

    def as_user(self, records, user):
        return records.with_user(user).with_context(
            allowed_company_ids=user.company_ids.ids
        )

    def printed(self, people):
        content, _kind = self.env["ir.actions.report"]._render_qweb_html(
            REPORT, people.ids
        )
        return html.fromstring(content)

    def crowd(self, count):
        return self.amina.create(
            [
                {
                    "person_identifier": f"S-{number}",
                    "name": "A name that is much too long for the card that it is on",
                    "company_id": self.company.id,
                }
                for number in range(count)
            ]
        )

    def test_the_code_is_the_badge(self):
        """Not the identifier, which others know; printing by itself changes nothing."""
        self.amina.badge = "04:A3:1F"
        page = self.printed(self.amina + self.joseph)
        images = page.xpath("//img/@src")
        self.assertEqual(images, [data_uri("04:A3:1F")])
        self.assertFalse(self.joseph.badge)
        text = " ".join(page.text_content().split())
        for part in ("Okafor, Amina", "T-1", "04:A3:1F", "Mwangi, Joseph", "North"):
            self.assertIn(part, text)

    def test_who_has_no_badge_gets_one(self):
        self.amina.badge = "04:A3:1F"
        people = self.as_user(self.amina + self.joseph + self.grace, self.officer)
        action = people.action_print_badges()
        self.assertEqual(action["context"]["active_ids"], people.ids)
        self.assertEqual(self.amina.badge, "04:A3:1F")
        given = {self.joseph.badge, self.grace.badge}
        self.assertEqual(len(given), 2)
        for badge in given:
            self.assertRegex(badge, f"^[{ALPHABET}]{{{LENGTH}}}$")
        people.action_print_badges()
        self.assertEqual({self.joseph.badge, self.grace.badge}, given)
        self.assertEqual(
            self.printed(self.joseph).xpath("//img/@src"), [data_uri(self.joseph.badge)]
        )

    def test_only_who_may_change_people_gives_badges(self):
        head = self._new_user("card-head", "head")
        self.amina.department_id = self.env["spp.attendance.department"].create(
            {"name": "Unit", "company_id": self.company.id, "head_id": head.id}
        )
        for user, person in (
            (head, self.amina),
            (self.participant, self.amina),
            (self.api_user, self.amina),
            (self.officer, self.stranger),
        ):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.as_user(person, user).action_print_badges()
            self.assertFalse(person.badge)
        # Who has a badge is printed for whoever may see them.
        self.amina.badge = "04A2"
        self.assertTrue(self.as_user(self.amina, head).action_print_badges())

    def test_badges_differ(self):
        badges = {new_badge() for _number in range(1000)}
        self.assertEqual(len(badges), 1000)
        self.assertEqual(set("".join(badges)), set(ALPHABET))

    def test_statements_of_giving_do_not_grow(self):
        people = self.crowd(42)
        counts = []
        for some in (people[:1], people[1:3], people[3:]):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            self.as_user(some, self.officer)._give_badges()
            counts.append(self.cr.sql_log_count - before)
        self.assertEqual(counts[1], counts[2])  # the first learned the rules

    def test_an_image_is_made_of_any_text(self):
        for text in ("1", "Ω — ٣", "x" * 500):
            with self.subTest(text=text[:3]):
                self.assertEqual(png(text)[:8], b"\x89PNG\r\n\x1a\n")

    def test_pdf(self):
        """Ten cards are one page of paper, in portrait; long names break nothing."""
        report = self.env["ir.actions.report"].with_context(force_report_rendering=True)
        # Debian's program tells of what it can't do, which these cards don't need.
        quiet = mute_logger("odoo.addons.base.models.ir_actions_report")
        people = self.crowd(11)
        for count, pages in ((1, 1), (10, 1), (11, 2)):
            with self.subTest(count=count), self.allow_pdf_render(), quiet:
                content, kind = report._render_qweb_pdf(REPORT, people[:count].ids)
                self.assertEqual(kind, "pdf")
                printed = PdfFileReader(io.BytesIO(content)).pages
                self.assertEqual(len(printed), pages)
                _left, _bottom, width, height = map(float, printed[0].mediabox)
                self.assertLess(width, height)

    def test_statements_do_not_grow(self):
        people = self.crowd(30)
        values = self.env["report.spp_attendance.report_badge_card"]
        counts = []
        for some in (people[:2], people[:2], people):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            pages = values._get_report_values(some.ids)["pages"]
            counts.append(self.cr.sql_log_count - before)
            self.assertTrue(all(card["person"].name for page in pages for card in page))
            self.assertTrue(pages[0][0]["person"].company_id.name)
        self.assertEqual(counts[1], counts[2])  # the first learned the rules

    def test_too_many_are_refused(self):
        with self.assertRaises(UserError):
            self.env["report.spp_attendance.report_badge_card"]._get_report_values(
                list(range(1, MAX_CARDS + 2))
            )

    def test_roles(self):
        values = self.env["report.spp_attendance.report_badge_card"]
        officer = values.with_user(self.officer).with_context(
            allowed_company_ids=self.company.ids
        )
        self.amina.badge = "04A2"
        [[card]] = officer._get_report_values(self.amina.ids)["pages"]
        self.assertEqual(card["code"], "04A2")
        for user, person in (
            (self.officer, self.stranger),
            (self.participant, self.amina),
            (self.internal, self.amina),
        ):
            denied = values.with_user(user).with_context(
                allowed_company_ids=self.company.ids
            )
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                denied._get_report_values(person.ids)
