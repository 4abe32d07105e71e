import csv

from psycopg2.errors import CheckViolation, ForeignKeyViolation, UniqueViolation

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, tagged
from odoo.tools import file_open, mute_logger

from .common import AttendanceCase


def csv_rows(path):
    """Rows of a file of ours, the header first, by the path that browsers use."""
    with file_open(path.lstrip("/"), "r") as file:
        return list(csv.reader(file))


@tagged("post_install", "-at_install")
class TestLocation(AttendanceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = (
            cls.env["spp.attendance.location"]
            .with_user(cls.manager)
            .with_context(allowed_company_ids=cls.company.ids)
        )
        cls.district = cls.model.create({"name": "District"})
        cls.village = cls.model.create(
            {"name": "Village", "parent_id": cls.district.id}
        )
        cls.school = cls.model.create({"name": "School", "parent_id": cls.village.id})
        cls.second_officer = cls._new_user("second-officer", "officer")

    def _seen(self, user):
        places = self.district + self.village + self.school
        return (
            self.model.with_user(user)
            .search([("id", "in", places.ids)])
            .with_env(self.model.env)
        )

    # -------------------------------------------------------------------- tree

    def test_the_full_name_follows_the_tree(self):
        self.assertEqual(self.school.complete_name, "District / Village / School")
        self.district.name = "North"
        self.assertEqual(self.school.complete_name, "North / Village / School")
        self.village.parent_id = False
        self.assertEqual(self.school.complete_name, "Village / School")

    def test_a_location_is_no_part_of_itself(self):
        with self.assertRaises(UserError), self.env.cr.savepoint():
            self.district.parent_id = self.school

    def test_a_tree_is_of_one_company(self):
        with self.assertRaises(UserError), self.env.cr.savepoint():
            self.other_hall.parent_id = self.district

    # ---------------------------------------------------------------- officers

    def test_open_to_all_while_nobody_is_named(self):
        self.assertEqual(len(self._seen(self.officer)), 3)
        self.assertFalse(self.school.access_user_ids)

    def test_an_officer_works_below_his_location_too(self):
        self.village.officer_ids = self.officer
        self.assertEqual(
            self._seen(self.officer), self.district + self.village + self.school
        )
        self.assertEqual(self._seen(self.second_officer), self.district)
        self.assertEqual(self.school.access_user_ids, self.officer)

    def test_officers_add_up_on_the_way_down(self):
        self.district.officer_ids = self.officer
        self.school.officer_ids = self.second_officer
        self.assertEqual(len(self._seen(self.officer)), 3)
        self.assertEqual(self._seen(self.second_officer), self.school)

    def test_who_may_follows_the_tree_and_the_officers(self):
        self.district.officer_ids = self.officer
        self.village.parent_id = False
        self.assertFalse(self.school.access_user_ids)
        self.village.parent_id = self.district
        self.assertEqual(self.school.access_user_ids, self.officer)
        self.district.officer_ids = False
        self.assertFalse(self.school.access_user_ids)

    def test_it_stays_closed_when_its_officer_leaves(self):
        self.village.officer_ids = self.officer
        self.officer.active = False
        self.assertEqual(self._seen(self.second_officer), self.district)
        self.school.name = "High school"
        self.district.tz = "Asia/Tokyo"
        self.school.parent_id = self.district
        self.school.parent_id = self.village
        self.assertEqual(self._seen(self.second_officer), self.district)

    def test_it_is_not_opened_by_deleting_its_officer(self):
        self.village.officer_ids = self.second_officer
        with mute_logger("odoo.sql_db"), self.assertRaises(ForeignKeyViolation):
            self.second_officer.unlink()

    def test_an_archived_location_keeps_its_records_to_its_officers(self):
        self.village.officer_ids = self.officer
        (closed,) = self.ingest(self.item(location=self.school.id))
        (opened,) = self.ingest(self.item("T-2", location=self.district.id))
        (self.district + self.village + self.school).active = False
        model = self.env["spp.attendance.record"]
        for user, expected in (
            (self.officer, [closed.id, opened.id]),
            (self.second_officer, [opened.id]),
        ):
            with self.subTest(user.login):
                records = model.browse([closed.id, opened.id])
                records = records.with_env(self.records_of(user).env)
                self.assertEqual(records._filtered_access("read").ids, expected)
                found = records.search([("id", "in", records.ids)], order="id")
                self.assertEqual(found.ids, expected)

    def test_records_follow_their_location(self):
        self.village.officer_ids = self.officer
        (outcome,) = self.ingest(self.item(location=self.school.id))
        record = self.env["spp.attendance.record"].browse(outcome.id)
        for user, may in ((self.officer, True), (self.second_officer, False)):
            with self.subTest(user.login):
                found = self.records_of(user).search([("id", "=", record.id)])
                self.assertEqual(bool(found), may)
                as_user = record.with_env(self.records_of(user).env)
                self.assertEqual(as_user.has_access("write"), may)
                (outcome,) = self.ingest(
                    self.item("T-2", location=self.school.id), user=user
                )
                self.assertEqual(
                    outcome.status, "created" if may else "rejected", outcome.reason
                )

    def test_a_service_works_below_its_location_too(self):
        role = self.env.ref("spp_attendance.spp_oauth_role_officer")
        client, _secret = self.env["spp.oauth.client"]._new_client(
            "Gate",
            ["attendance:read", "attendance:write"],
            company_id=self.company.id,
            role_id=role.id,
            attendance_location_ids=self.village.ids,
        )
        user = client.user_id
        self.assertEqual(self._seen(user), self.village + self.school)
        client.attendance_location_ids = self.school
        self.assertEqual(self._seen(user), self.school)

    # --------------------------------------------------------- address, numbers

    def test_coordinates_are_on_earth(self):
        self.school.write({"latitude": -90, "longitude": 180})
        for values in (
            {"latitude": 90.5},
            {"latitude": -91},
            {"longitude": 181},
            {"longitude": -180.1},
        ):
            with (
                self.subTest(values),
                self.assertRaises(CheckViolation),
                mute_logger("odoo.sql_db"),
                self.env.cr.savepoint(),
            ):
                self.school.write(values)
                self.env.flush_all()

    def test_a_state_is_in_its_country(self):
        state = self.env["res.country.state"].search([], limit=1)
        elsewhere = self.env["res.country"].search(
            [("id", "!=", state.country_id.id)], limit=1
        )
        form = Form(self.school)
        form.state_id = state
        self.assertEqual(form.country_id, state.country_id)
        form.country_id = elsewhere
        self.assertFalse(form.state_id)
        with self.assertRaises(ValidationError):
            self.school.write({"state_id": state.id, "country_id": elsewhere.id})

    def test_a_code_is_there_once(self):
        for code, model in (("HALL", self.model), ("HALL", self.other_hall)):
            with (
                self.subTest(model),
                self.assertRaises(UniqueViolation),
                mute_logger("odoo.sql_db"),
                self.env.cr.savepoint(),
            ):
                model.create({"name": "Other", "code": code, **self._of(model)})

    def _of(self, model):
        company = model.company_id if model else self.company
        return {"company_id": company.id}

    # --------------------------------------------------------- bulk and import

    def test_many_are_edited_at_once(self):
        places = self.district + self.village + self.school
        places.write(
            {"tz": "Asia/Tokyo", "color": 3, "officer_ids": [(6, 0, self.officer.ids)]}
        )
        self.assertEqual(set(places.mapped("tz")), {"Asia/Tokyo"})
        self.assertEqual(self.school.access_user_ids, self.officer)
        places.write({"active": False})
        self.assertFalse(self.model.search([("id", "in", places.ids)]))

    def test_import(self):
        result = self.model.load(
            ["name", "parent_id", "code", "tz", "country_id", "latitude", "longitude"],
            [
                ["Import area", "", "IMP", "Africa/Nairobi", "Kenya", "", ""],
                # a row further up is a parent already
                ["Import hall", "Import area", "IMP-H", "", "", "1.019089", "35.002"],
                ["Annex", "Import area / Import hall", "IMP-A", "", "", "", ""],
            ],
        )
        self.assertFalse(result["messages"])
        area, hall, annex = self.model.browse(result["ids"])
        self.assertEqual(annex.complete_name, "Import area / Import hall / Annex")
        self.assertEqual(area.country_id, self.env.ref("base.ke"))
        self.assertAlmostEqual(hall.latitude, 1.019089, 6)
        self.assertEqual(annex.company_id, self.company)
        self.assertEqual(annex.tz, "Africa/Nairobi")

    def test_an_import_with_a_mistake_keeps_nothing(self):
        for column, value, error in (
            ("tz", "Mars/Olympus", "Mars/Olympus"),
            ("parent_id", "Nowhere at all", "Nowhere at all"),
            ("latitude", "95", "latitude"),
        ):
            with self.subTest(column), mute_logger("odoo.sql_db"):
                result = self.model.load(
                    ["name", "code", column],
                    [["Good", "IMP-G", ""], ["Bad", "IMP-B", value]],
                )
                self.assertFalse(result["ids"])
                self.assertIn(error, result["messages"][0]["message"])
                self.assertFalse(self.model.search([("code", "=like", "IMP-_")]))

    def test_the_import_template_can_be_imported(self):
        [template] = self.model.get_import_templates()
        header, *rows = csv_rows(template["template"])
        for row in rows:
            row[header.index("code")] += "-TEST"
            for column in ("name", "parent_id"):
                if row[header.index(column)]:
                    row[header.index(column)] += " (test)"
        result = self.model.load(header, rows)
        self.assertFalse(result["messages"])
        self.assertEqual(len(result["ids"]), len(rows))

    def test_only_managers_keep_locations(self):
        for user in (self.officer, self.api_user):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.model.with_user(user).create({"name": "Mine"})
