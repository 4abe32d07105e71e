from odoo.exceptions import AccessError
from odoo.tests import tagged

from .common import AttendanceCase


@tagged("post_install", "-at_install")
class TestReport(AttendanceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        locations = cls.env["spp.attendance.location"]
        cls.district = locations.create(
            {"name": "District", "company_id": cls.company.id}
        )
        cls.hall.parent_id = cls.district
        cls.store = locations.create(
            {
                "name": "Store",
                "company_id": cls.company.id,
                "parent_id": cls.district.id,
            }
        )

        def record(person, day, location=None, category="present", kind=None):
            return {
                "subscriber_id": person.id,
                "local_date": day,
                "local_time": "08:00:00",
                "location_id": location and location.id,
                "category": category,
                "type_id": kind and kind.id,
            }

        cls.records = cls.env["spp.attendance.record"].create(
            [
                record(cls.amina, "2026-06-01", cls.hall, kind=cls.training),
                record(cls.amina, "2026-06-02", cls.store),
                record(cls.amina, "2026-08-03", cls.hall, "absent"),
                record(cls.joseph, "2026-06-01", cls.hall),
                record(cls.joseph, "2026-08-03", cls.closed_site),
                record(cls.grace, "2026-08-03", category="absent"),
                record(cls.participant_subscriber, "2026-06-03", cls.store),
                record(cls.stranger, "2026-06-01", cls.other_hall),
            ]
        )
        cls.voided = cls.env["spp.attendance.record"].create(
            record(cls.grace, "2026-06-01", cls.hall)
        )
        cls.voided._void("a mistake")

    def report_of(self, user):
        return self.records_of(user).env["spp.attendance.report"]

    def dashboard(self, user=None, **kwargs):
        kwargs = {"date_from": "2026-06-01", "date_to": "2026-08-31", **kwargs}
        return self.report_of(user or self.manager).get_dashboard(**kwargs)

    @staticmethod
    def people(groups):
        return {group["name"]: group["people"] for group in groups}

    def test_a_location_is_in_its_areas(self):
        self.assertEqual(self.hall.area_ids, self.hall + self.district)
        self.assertEqual(self.district.area_ids, self.district)
        self.hall.parent_id = self.store
        self.assertEqual(self.hall.area_ids, self.hall + self.store + self.district)

    def test_each_role_counts_the_records_that_it_sees(self):
        records = self.env["spp.attendance.record"]
        for user in (self.officer, self.manager, self.admin):
            with self.subTest(user=user.login):
                seen = self.records_of(user).search([("company_id", "!=", False)])
                counted = self.report_of(user).search([("company_id", "!=", False)])
                self.assertEqual(set(counted.ids), set(seen.ids))
                self.assertTrue(seen)
        both = records.search([("company_id", "in", self.env.companies.ids)])
        counted = self.env["spp.attendance.report"].search(
            [("company_id", "in", self.env.companies.ids)]
        )
        self.assertEqual(set(counted.ids), set(both.ids))
        self.assertNotIn(self.voided.id, counted.ids)

    def test_the_latest_of_a_day_comes_first(self):
        early = self.env["spp.attendance.record"].create(
            {
                "subscriber_id": self.amina.id,
                "local_date": "2026-06-01",
                "local_time": "07:00:00",
                "location_id": self.hall.id,
            }
        )
        of_the_day = self.report_of(self.manager).search(
            [("local_date", "=", "2026-06-01"), ("location_id", "=", self.hall.id)]
        )
        self.assertEqual(of_the_day[-1].id, early.id)
        self.assertEqual(len(of_the_day), 3)

    def test_other_roles_have_no_report(self):
        for user in (self.internal, self.participant, self.api_user):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.dashboard(user)

    def test_people_count_once_in_each_area(self):
        grouped = {
            area.name: (people, present, absent)
            for area, people, present, absent in self.report_of(
                self.manager
            )._read_group(
                [],
                ["area_ids"],
                ["people_reached:count_distinct", "present:sum", "absent:sum"],
            )
        }
        self.assertEqual(
            grouped,
            {
                "District": (3, 4, 1),
                "Hall": (2, 2, 1),
                "Store": (2, 2, 0),
                "Closed site": (1, 1, 0),
                False: (0, 0, 1),
            },
        )

    def test_the_dashboard_counts_people_and_records(self):
        data = self.dashboard()
        self.assertEqual(data["totals"], {"people": 3, "present": 5, "absent": 2})
        self.assertEqual(
            [(month["key"], month["people"]) for month in data["months"]],
            [("2026-06-01", 3), ("2026-07-01", 0), ("2026-08-01", 1)],
        )
        self.assertEqual(self.people(data["types"]), {"No type": 3, "Workshop": 1})
        self.assertEqual(
            self.people(data["areas"]),
            {
                "District": 3,
                "District / Hall": 2,
                "District / Store": 2,
                "Closed site": 1,
                "No location": 0,
            },
        )
        self.assertEqual(
            self.records_of(self.manager).search_count(data["domain"]),
            data["totals"]["present"] + data["totals"]["absent"],
        )

    def test_the_dashboard_shows_an_officer_his_locations(self):
        data = self.dashboard(self.officer)
        self.assertEqual(data["totals"], {"people": 3, "present": 4, "absent": 2})
        self.assertNotIn("Closed site", self.people(data["areas"]))

    def test_the_dashboard_counts_what_the_analysis_counts(self):
        for user in (self.manager, self.officer):
            with self.subTest(user=user.login):
                report = self.report_of(user)
                data = self.dashboard(user)
                for groups, groupby in (("types", "type_id"), ("areas", "area_ids")):
                    self.assertEqual(
                        {
                            group["key"]: (
                                group["people"],
                                group["present"],
                                group["absent"],
                            )
                            for group in data[groups]
                        },
                        {
                            key.id: tuple(counts)
                            for key, *counts in report._read_group(
                                data["domain"],
                                [groupby],
                                [
                                    "people_reached:count_distinct",
                                    "present:sum",
                                    "absent:sum",
                                ],
                            )
                        },
                    )

    def test_the_dashboard_filters(self):
        self.assertEqual(
            self.dashboard(date_to="2026-06-01")["totals"]["people"],
            2,
        )
        self.assertEqual(
            self.dashboard(area_id=self.district.id)["totals"],
            {"people": 3, "present": 4, "absent": 1},
        )
        self.assertEqual(
            self.dashboard(type_id=self.training.id)["totals"],
            {"people": 1, "present": 1, "absent": 0},
        )
        nothing = self.dashboard(date_from="2020-01-01", date_to="2020-12-31")
        self.assertEqual(nothing["totals"], {"people": 0, "present": 0, "absent": 0})
        self.assertEqual(nothing["months"], [])

    def test_the_dashboard_knows_how_many_of_the_expected_came(self):
        self.env["spp.attendance.event"].create(
            {
                "name": "Distribution",
                "company_id": self.company.id,
                "local_date": "2026-06-01",
                "location_id": self.hall.id,
                "line_ids": [
                    (0, 0, {"subscriber_id": person.id})
                    for person in (self.amina, self.joseph, self.grace)
                ],
            }
        )
        expected = self.dashboard()["expected"]
        self.assertEqual(
            (expected["events"], expected["expected"], expected["came"]), (1, 3, 2)
        )
        elsewhere = self.dashboard(area_id=self.store.id)["expected"]
        self.assertEqual((elsewhere["events"], elsewhere["expected"]), (0, 0))

    def test_the_dashboard_costs_the_same_for_more(self):
        def statements():
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            self.dashboard()
            return self.cr.sql_log_count - before

        statements()
        few = statements()
        locations = self.env["spp.attendance.location"].create(
            [
                {
                    "name": f"Site {number}",
                    "company_id": self.company.id,
                    "parent_id": self.district.id,
                }
                for number in range(20)
            ]
        )
        self.env["spp.attendance.record"].create(
            [
                {
                    "subscriber_id": self.grace.id,
                    "local_date": "2026-07-01",
                    "local_time": f"10:{number:02}:00",
                    "location_id": location.id,
                }
                for number, location in enumerate(locations)
            ]
        )
        self.assertEqual(statements(), few)

    def test_the_history_of_a_person(self):
        def history(**kwargs):
            return self.report_of(self.manager).get_history(
                self.amina.id, "2026-01-01", "2026-12-31", **kwargs
            )

        data = history()
        self.assertEqual((data["present_days"], data["absent_days"]), (2, 1))
        self.assertAlmostEqual(data["rate"], 2 / 3)
        self.assertEqual(
            data["days"],
            {"2026-06-01": [1, 0], "2026-06-02": [1, 0], "2026-08-03": [0, 1]},
        )
        self.assertEqual(self.records_of(self.manager).search_count(data["domain"]), 3)
        self.assertEqual(
            list(history(type_id=self.training.id)["days"]), ["2026-06-01"]
        )
        at_store = history(location_id=self.store.id)
        self.assertEqual((at_store["present_days"], at_store["rate"]), (1, 1.0))
        self.assertEqual(history(location_id=self.closed_site.id)["rate"], None)

    def test_the_history_of_another_company_is_out_of_sight(self):
        with self.assertRaises(AccessError):
            self.report_of(self.manager).get_history(
                self.stranger.id, "2026-01-01", "2026-12-31"
            )

    def test_a_row_opens_its_record(self):
        row = self.report_of(self.officer).browse(self.records[0].id)
        action = row.action_open_record()
        self.assertEqual(action["res_model"], "spp.attendance.record")
        self.assertEqual(action["res_id"], self.records[0].id)
