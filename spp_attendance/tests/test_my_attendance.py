from freezegun import freeze_time
from lxml import html

from odoo.exceptions import UserError
from odoo.tests import HttpCase, tagged

from .common_day import DayCase

#: A Thursday, 13:00 in Nairobi; the shipped shift goes from 08:00 to 17:00.
TODAY = "2026-09-10"


class OwnCase(DayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.own = cls.participant_subscriber
        cls.own.write(
            {
                "level_of_work": "worker",
                "location_id": cls.hall.id,
                "work_from": "2026-09-08",
            }
        )

    def come(self):
        """Late and longer, on time and shorter, and today, when it isn't over."""
        self.read("2026-09-08", "08:30 in", "18:45 out", person="T-4")
        self.read("2026-09-09", "07:58 in", "15:00 out", person="T-4")
        self.read(TODAY, "08:04 in", person="T-4")
        self.compute()

    def mine(self, user=None):
        return self.records_of(user or self.participant).env[
            "spp.attendance.my.attendance"
        ]


@tagged("post_install", "-at_install")
@freeze_time(f"{TODAY} 10:00:00")
class TestMyAttendance(OwnCase):
    def test_today_has_the_hours_up_to_now(self):
        self.come()
        own = self.mine().get_overview()
        self.assertEqual(
            (own["person"]["identifier"], own["today"], own["current"]),
            ("T-4", TODAY, TODAY),
        )
        today = own["days"][TODAY]
        self.assertEqual(
            (today["status"], today["check_in"], today["is_inside"], today["minutes"]),
            ("considered", "08:04", True, 296),
        )

    def test_days_to_come_are_as_they_are_planned(self):
        days = self.mine().get_overview()["days"]
        tomorrow, later = days["2026-09-11"], days["2026-09-12"]
        self.assertEqual(
            (tomorrow["day_type"], tomorrow["is_planned"]), ("weekend", False)
        )
        self.assertEqual(
            (later["is_planned"], later["from"], later["to"], later["expected"]),
            (True, "08:00", "17:00", 480),
        )

    def test_the_balance_is_of_days_that_are_over(self):
        self.come()
        own = self.mine().get_overview()
        # Of the 8th 10:15 less 0:45, of the 9th 7:02 less 0:45; today isn't over.
        self.assertEqual(
            own["balance"]["month"],
            {"minutes": 570 + 377, "expected": 960, "days": 2},
        )
        self.assertEqual(
            own["balance"]["all"],
            {"minutes": 947, "expected": 960, "days": 2, "since": "2026-09-08"},
        )
        self.assertEqual(
            own["balance"]["counts"], {"late": 1, "on_time": 1, "considered": 1}
        )
        earlier = self.mine().get_overview("2026-08")["balance"]
        self.assertEqual(earlier["month"]["days"], 0)
        self.assertEqual(earlier["all"], own["balance"]["all"])

    def test_a_night_that_goes_on_is_the_day_of_now(self):
        night = self.new_shift("Night", start=22.0, end=6.0)
        self.assign(night, "2026-09-01", subscriber_id=self.own.id)
        with freeze_time("2026-09-10 23:30:00"):  # 02:30 of the 11th in Nairobi
            self.read(TODAY, "21:55 in", person="T-4")
            self.compute()
            own = self.mine().get_overview()
            self.assertEqual((own["today"], own["current"]), ("2026-09-11", TODAY))
            self.assertEqual(own["days"][TODAY]["minutes"], 275)
            self.assertTrue(own["days"][TODAY]["is_inside"])

    def test_what_is_no_month_is_this_one(self):
        for month in (False, "x", "2026-99", "0001-01", "9999-12"):
            with self.subTest(month):
                self.assertEqual(self.mine().get_overview(month)["month"], "2026-09-01")
        for month in (5, ["2026-09"], True):
            with self.subTest(month), self.assertRaisesRegex(UserError, "2026-11"):
                self.mine().get_overview(month)
        for day in (5, "x", False):
            with self.subTest(day), self.assertRaisesRegex(UserError, "2026-11-23"):
                self.mine().get_records(day)
        found = self.mine().get_overview("2026-02")
        self.assertEqual(found["month"], "2026-02-01")
        # Whole weeks of the month, and those around today.
        self.assertLessEqual({"2026-01-26", "2026-03-06", TODAY}, set(found["days"]))

    def test_what_was_read_of_a_day(self):
        self.come()
        self.assertEqual(
            [
                (record["time"], record["scan_type"])
                for record in self.mine().get_records("2026-09-08")
            ],
            [("08:30", "in"), ("18:45", "out")],
        )
        self.assertEqual(self.mine().get_records("2026-09-06"), [])

    def test_only_oneself(self):
        self.come()
        for user in (self.manager, self.internal):
            with self.subTest(user=user.login):
                self.assertEqual(self.mine(user).get_overview(), {"person": None})
                self.assertEqual(self.mine(user).get_records("2026-09-08"), [])
        self.own.level_of_work = False
        self.assertEqual(self.mine().get_overview(), {"person": None})

    def test_a_manager_who_works_here_sees_himself(self):
        self.come()
        self.manager.partner_id.company_id = self.company
        self._new_worker("W-9", partner_id=self.manager.partner_id.id)
        own = self.mine(self.manager).get_overview()
        self.assertEqual(own["person"]["identifier"], "W-9")
        self.assertEqual(own["balance"]["all"]["days"], 0)

    def test_more_days_cost_the_same(self):
        def count():
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.mine().get_overview()
            return self.env.cr.sql_log_count - before

        self.read("2026-09-08", "08:30 in", "18:45 out", person="T-4")
        self.read(TODAY, "08:04 in", person="T-4")
        self.compute()
        count()
        few = count()
        for day in range(1, 8):
            self.read(f"2026-09-0{day}", "08:00 in", "17:00 out", person="T-4")
        self.compute()
        self.assertTrue(self.day("2026-09-01", self.own))
        self.assertEqual(count(), few)


@tagged("post_install", "-at_install")
class TestPortalDays(HttpCase, OwnCase):
    """The page of a participant who is no internal user."""

    def page(self, url):
        self.participant.password = self.participant.login
        self.authenticate(self.participant.login, self.participant.login)
        with freeze_time(f"{TODAY} 10:00:00"):
            response = self.url_open(url)
        self.assertEqual(response.status_code, 200, response.text[:500])
        return html.fromstring(response.content)

    @staticmethod
    def text(node):
        return " ".join(node.text_content().split()).replace("\N{EN DASH}", "-")

    def test_days_hours_and_balance(self):
        with freeze_time(f"{TODAY} 10:00:00"):
            self.come()
        page = self.page("/my/attendance?month=2026-09")
        rows = {
            row.get("data-date"): self.text(row)
            for row in page.xpath(
                "//table[contains(@class, 'o_spp_portal_days')]/tbody/tr"
            )
        }
        self.assertIn("L Late 08:30 - 18:45 9:30 0:30", rows["2026-09-08"])
        self.assertIn("P On Time 07:58 - 15:00 6:17", rows["2026-09-09"])
        self.assertIn("-0:13", self.text(page))
        [link] = page.xpath("//tr[@data-date='2026-09-08']//a")
        self.assertEqual(
            link.get("href"), "/my/attendance/corrections/new?date=2026-09-08"
        )
        # What was read is there as well.
        self.assertIn("Readings", self.text(page))

    def test_who_does_not_work_here_has_records_only(self):
        self.own.level_of_work = False
        self.ingest(self.item("T-4", "2026-09-08T08:00:00"))
        page = self.page("/my/attendance?month=2026-09")
        self.assertFalse(page.xpath("//table[contains(@class, 'o_spp_portal_days')]"))
        self.assertIn("1 Days present", self.text(page))
