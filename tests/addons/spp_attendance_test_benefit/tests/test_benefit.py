from odoo.tests import tagged

from odoo.addons.spp_attendance.tests.common import AttendanceCase


@tagged("post_install", "-at_install")
class TestBenefit(AttendanceCase):
    """What a module that pays by attendance gets from ours."""

    def benefit(self, user=None, **values):
        env = self.records_of(user or self.manager).env
        return env["spp.attendance.test.benefit"].create(
            {
                "date_from": "2026-09-01",
                "date_to": "2026-09-30",
                "daily_amount": 10,
                **values,
            }
        )

    def test_amounts(self):
        self.ingest(
            *(self.item("T-1", f"2026-09-0{day}T08:00:00") for day in (1, 2, 3)),
            self.item("T-1", "2026-09-04T08:00:00", category="absent"),
            self.item("T-2", "2026-09-01T08:00:00"),
            self.item("T-2", "2026-09-02T08:00:00", category="absent"),
            self.item("T-2", "2026-10-01T08:00:00"),
        )
        people = self.amina + self.joseph + self.grace
        benefit = self.benefit(minimum_rate=0.75)
        people = people.with_env(benefit.env)
        self.assertEqual(benefit._entitlements(people), {self.amina.id: 30})
        benefit.minimum_rate = 0
        self.assertEqual(
            benefit._entitlements(people), {self.amina.id: 30, self.joseph.id: 10}
        )

    def test_only_the_place_and_kind_that_count(self):
        self.ingest(
            self.item("T-1", "2026-09-01T08:00:00", location="HALL", type="TRN-TEST"),
            self.item("T-1", "2026-09-02T08:00:00", location="CLOSED", type="TRN-TEST"),
            self.item("T-1", "2026-09-03T08:00:00", location="HALL"),
        )
        benefit = self.benefit(
            type_ids=self.training.ids, location_ids=self.hall.ids, minimum_rate=0.5
        )
        amounts = benefit._entitlements(self.amina.with_env(benefit.env))
        self.assertEqual(amounts, {self.amina.id: 10})

    def test_the_number_of_people_costs_no_statement(self):
        people = self.amina.create(
            [
                {"person_identifier": f"B-{number}", "company_id": self.company.id}
                for number in range(80)
            ]
        )
        self.ingest(*(self.item(f"B-{number}") for number in range(80)))
        benefit = self.benefit(location_ids=self.hall.ids, type_ids=self.training.ids)
        counts = []
        for some in (people[:1], people[:1], people):
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            benefit._entitlements(some.with_env(benefit.env))
            counts.append(self.cr.sql_log_count - before)
        self.assertEqual(counts[1], counts[2])  # the first learned the rules
        self.assertLessEqual(counts[2], 6)
