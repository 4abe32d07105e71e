from lxml import html

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import HttpCase, tagged

from ..engine import localtime
from .common import AttendanceCase


@tagged("post_install", "-at_install")
class TestPortalAccess(AttendanceCase):
    """Logins for chosen people."""

    def open_for(self, people, user=None):
        env = self.records_of(user or self.manager).env
        access = env["spp.attendance.portal.access"]
        return access.browse(access._open_for(people.with_env(env))["res_id"])

    def states(self, access):
        return {line.subscriber_id: line.state for line in access.line_ids}

    def test_nobody_of_another_company_is_told_of(self):
        self.stranger.email = "sow@example.org"
        access = self.open_for(self.stranger.browse())
        with self.assertRaises(AccessError):
            access.line_ids.create(
                {"access_id": access.id, "subscriber_id": self.stranger.id}
            ).read(["email"])

    def test_who_gets_one_and_who_does_not(self):
        grace_too, zuri, sita = self.amina.create(
            [
                {
                    "person_identifier": identifier,
                    "company_id": self.company.id,
                    "email": email,
                }
                for identifier, email in (
                    ("T-5", "Grace@example.org"),
                    ("T-6", self.manager.login),
                    ("T-7", "no address"),
                )
            ]
        )
        zuri.email = "zuri@example.org"
        self.manager.login = "zuri@example.org"
        self.amina.email = "Amina Okafor <Amina@Example.org>"
        self.grace.email = "grace@example.org"
        former = self.participant.copy(
            {
                "login": "former@example.org",
                "partner_id": self.joseph.partner_id.id,
                "active": False,
            }
        )
        people = (
            self.amina
            + self.joseph
            + self.grace
            + grace_too
            + zuri
            + sita
            + self.participant_subscriber
        )
        access = self.open_for(people)
        refused = {
            self.joseph: "archived",
            self.grace: "shared",
            grace_too: "shared",
            zuri: "taken",
            sita: "no_email",
            self.participant_subscriber: "member",
        }
        self.assertEqual(self.states(access), {self.amina: "ready", **refused})
        self.assertEqual((access.grantable_count, access.refused_count), (1, 5))

        mails = self.env["mail.mail"].sudo().search([])
        access.action_grant()

        self.assertEqual(self.states(access), {self.amina: "invited", **refused})
        self.assertEqual((access.grantable_count, access.invited_count), (0, 1))
        user = self.amina.partner_id.user_ids
        self.assertEqual(user.login, "amina@example.org")
        self.assertTrue(user._is_portal())
        self.assertEqual(user.company_ids, self.company)
        self.assertEqual(
            user.group_ids,
            self.env.ref("base.group_portal")
            + self.env.ref("spp_attendance.spp_attendance_group_participant"),
        )
        self.assertFalse(former.active)
        mail = self.env["mail.mail"].sudo().search([]) - mails
        self.assertEqual(len(mail), 1)
        self.assertEqual(mail.recipient_ids, self.amina.partner_id)
        self.assertIn("signup", mail.body_html)
        # Once more changes nothing.
        access.action_grant()
        self.assertEqual(self.env["mail.mail"].sudo().search([]) - mails, mail)

    def test_who_has_a_login_gets_the_page(self):
        self.joseph.partner_id.user_ids = self.env["res.users"]
        user = self.env["res.users"].create(
            {
                "login": "joseph@example.org",
                "partner_id": self.joseph.partner_id.id,
                "company_id": self.company.id,
                "company_ids": self.company.ids,
                "group_ids": self.env.ref("base.group_portal").ids,
            }
        )
        access = self.open_for(self.joseph)
        self.assertEqual(access.line_ids.state, "joining")
        mails = self.env["mail.mail"].sudo().search([])
        access.action_grant()
        self.assertTrue(
            user.has_group("spp_attendance.spp_attendance_group_participant")
        )
        self.assertEqual(access.line_ids.state, "invited")
        self.assertEqual(self.env["mail.mail"].sudo().search([]), mails)

    def test_only_managers_and_only_their_own_people(self):
        with self.assertRaises(AccessError):
            self.open_for(self.amina, self.officer)
        access = self.open_for(self.stranger)
        with self.assertRaises(AccessError):
            access.action_grant()


@tagged("post_install", "-at_install")
class TestPortalPage(HttpCase, AttendanceCase):
    """The page with one's own attendance."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.participant.password = cls.participant.login
        cls.participant_subscriber.name = "Zawadi Otieno"
        cls.user_items = [
            cls.item(
                "T-4",
                f"2026-09-{day:02}T08:15:00",
                category="absent" if day == 7 else "present",
                location="HALL",
                type="TRN-TEST",
            )
            for day in range(1, 26)
        ]

    def page(self, url="/my/attendance", user=None):
        login = (user or self.participant).login
        self.authenticate(login, login)
        response = self.url_open(url)
        self.assertEqual(response.status_code, 200, response.text[:500])
        return html.fromstring(response.content)

    @staticmethod
    def text(node):
        return " ".join(node.text_content().split())

    def test_month(self):
        self.ingest(*self.user_items, self.item("T-1", "2026-09-01T08:00:00"))
        page = self.page("/my/attendance?month=2026-09")
        text = self.text(page)
        for part in (
            "Zawadi Otieno",
            "September 2026",
            "24 Days present",
            "1 Days absent",
            "96 % Of them present",
        ):
            self.assertIn(part, text.replace("\xa0", " "))
        rows = page.xpath("//table[contains(@class, 'o_portal_my_doc_table')]/tbody/tr")
        self.assertEqual(len(rows), 20)
        self.assertIn("Hall", self.text(rows[0]))
        [second] = {link.get("href") for link in page.xpath("//a[text()='2']")}
        self.assertEqual(second, "/my/attendance/page/2?month=2026-09")
        for url in (second, "/my/attendance/page/99?month=2026-09"):
            rows = self.page(url).xpath(
                "//table[contains(@class, 'o_portal_my_doc_table')]/tbody/tr"
            )
            self.assertEqual(len(rows), 5, url)

    def test_other_months_are_within_reach(self):
        self.ingest(self.item("T-4", "2026-09-01T08:00:00"))
        page = self.page("/my/attendance?month=2026-08")
        self.assertIn("No attendance in this month", self.text(page))
        self.assertEqual(
            {
                link.get("href")
                for link in page.xpath("//a[contains(@href, 'month=2026-09')]")
            },
            {"/my/attendance?month=2026-09"},
        )
        self.assertEqual(page.xpath("//a[contains(@href, 'month=2026-07')]"), [])
        # What is no month is this one.
        zone = self.company.attendance_tz
        today = f"{localtime.to_local(fields.Datetime.now(), zone):%B %Y}"
        for month in ("2026-99", "0001-01", "9999-12"):
            with self.subTest(month):
                page = self.page(f"/my/attendance?month={month}")
                self.assertIn(today, self.text(page))
        for month in ("0001-02", "9999-11"):
            with self.subTest(month):
                self.page(f"/my/attendance?month={month}")

    def test_nothing_yet(self):
        text = self.text(self.page())
        self.assertIn("What is recorded of you will be shown here.", text)

    def test_whose_attendance_is_not_kept(self):
        for user in (self.internal, self.manager):
            with self.subTest(user=user.login):
                user.password = user.login
                text = self.text(self.page(user=user))
                self.assertIn("Nobody keeps your attendance here", text)

    def test_home(self):
        links = self.page("/my/home").xpath("//a[@href='/my/attendance']")
        self.assertTrue(links)
        self.assertIn("My Attendance", self.text(links[0]))
        self.internal.password = self.internal.login
        page = self.page("/my/home", self.internal)
        self.assertEqual(page.xpath("//a[@href='/my/attendance']"), [])
