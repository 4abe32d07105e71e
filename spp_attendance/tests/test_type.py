from psycopg2.errors import UniqueViolation

from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import AttendanceCase
from .test_location import csv_rows


@tagged("post_install", "-at_install")
class TestType(AttendanceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = (
            cls.env["spp.attendance.type"]
            .with_user(cls.manager)
            .with_context(allowed_company_ids=cls.company.ids)
        )

    def test_a_name_and_a_code_are_there_once_a_company(self):
        own = {"name": "Own", "code": "OWN-TEST", "company_id": self.company.id}
        self.model.create(own)
        for values in (
            {**own, "code": False},
            {**own, "name": "Another"},
            {"name": "Workshop"},
        ):
            with (
                self.subTest(values),
                self.assertRaises(UniqueViolation),
                mute_logger("odoo.sql_db"),
                self.env.cr.savepoint(),
            ):
                self.model.create(values)
        # Of another company, or shared by all, the same words are something else.
        self.env["spp.attendance.type"].create(
            [{**own, "company_id": self.other_company.id}, {**own, "company_id": False}]
        )

    def test_many_are_edited_at_once(self):
        types = self.model.create([{"name": f"Kind {n}"} for n in range(3)])
        types.write({"color": 4, "description": "By hand", "active": False})
        self.assertEqual(set(types.mapped("color")), {4})
        self.assertFalse(self.model.search([("id", "in", types.ids)]))

    def test_import(self):
        result = self.model.load(
            ["name", "code", "description", "color"],
            [
                ["Vaccination", "TEST-VAC", "Twice", "5"],
                ["Harvest", "TEST-HARV", "", ""],
            ],
        )
        self.assertFalse(result["messages"])
        vaccination, harvest = self.model.browse(result["ids"])
        self.assertEqual(vaccination.color, 5)
        self.assertEqual(harvest.description, False)
        # The same again names the row, and nothing of it is kept.
        with mute_logger("odoo.sql_db"):
            result = self.model.load(
                ["name", "code"], [["Sowing", "TEST-SOW"], ["Vaccination", "X"]]
            )
        self.assertFalse(result["ids"])
        [message] = result["messages"]
        self.assertIn("exists already", message["message"])
        self.assertFalse(self.model.search([("code", "=", "TEST-SOW")]))

    def test_the_import_template_can_be_imported(self):
        [template] = self.model.get_import_templates()
        header, *rows = csv_rows(template["template"])
        for row in rows:
            row[header.index("name")] += " (test)"
            row[header.index("code")] += "-TEST"
        result = self.model.load(header, rows)
        self.assertFalse(result["messages"])
        self.assertEqual(len(result["ids"]), len(rows))

    def test_an_officer_imports_none(self):
        with self.assertRaises(AccessError):
            self.model.with_user(self.officer).create({"name": "Mine"})
        result = self.model.with_user(self.officer).load(["name"], [["Mine"]])
        self.assertFalse(result["ids"])

    def test_a_shared_type_is_not_for_one_company_s_app(self):
        app = self.env["res.users"].create(
            {
                "name": "Registry",
                "login": "test-attendance-registry",
                "company_id": self.company.id,
                "company_ids": self.company.ids,
                "group_ids": self.env.ref(
                    "spp_attendance.spp_attendance_group_api_registry"
                ).ids,
            }
        )
        own = self.model.create({"name": "Own", "company_id": self.company.id})
        as_app = self.model.with_user(app)
        own.with_user(app).write({"description": "By an app"})
        self.assertIn(self.training, as_app.search([]))
        with self.assertRaises(AccessError):
            self.training.with_env(as_app.env).write({"description": "By an app"})
        with self.assertRaises(AccessError):
            as_app.create({"name": "For all"})
