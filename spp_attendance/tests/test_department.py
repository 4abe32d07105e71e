from psycopg2.errors import UniqueViolation

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import AttendanceCase


@tagged("post_install", "-at_install")
class TestDepartment(AttendanceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = cls.env["spp.attendance.department"]
        cls.top_head = cls._new_user("top-head", "head")
        cls.head = cls._new_user("head", "head")
        cls.health = cls.model.create(
            {
                "name": "Health",
                "code": "HLTH",
                "company_id": cls.company.id,
                "head_id": cls.top_head.id,
            }
        )
        cls.nutrition = cls.model.create(
            {
                "name": "Nutrition",
                "parent_id": cls.health.id,
                "company_id": cls.company.id,
                "head_id": cls.head.id,
            }
        )
        cls.amina.department_id = cls.nutrition
        cls.joseph.department_id = cls.health

    def seen_by(self, user, model="spp.attendance.subscriber"):
        return (
            self.env[model]
            .with_user(user)
            .with_context(allowed_company_ids=self.company.ids)
        )

    def test_a_tree(self):
        self.assertEqual(self.nutrition.display_name, "Health / Nutrition")
        self.health.name = "Health Services"
        self.assertEqual(self.nutrition.complete_name, "Health Services / Nutrition")
        with self.assertRaises(UserError):
            self.health.parent_id = self.nutrition
        self.assertEqual(self.health.subscriber_count, 2, "those below included")
        self.assertEqual(self.nutrition.subscriber_count, 1)
        action = self.health.action_open_subscribers()
        people = self.env[action["res_model"]].search(action["domain"])
        self.assertEqual(people, self.amina + self.joseph)

    def test_heads_are_kept_downwards(self):
        self.assertEqual(self.nutrition.head_user_ids, self.head + self.top_head)
        self.assertEqual(self.health.head_user_ids, self.top_head)
        self.health.head_id = False
        self.assertEqual(self.nutrition.head_user_ids, self.head)
        self.nutrition.parent_id = False
        self.health.head_id = self.top_head
        self.assertEqual(self.nutrition.head_user_ids, self.head)

    def test_a_head_sees_his_people_and_those_below(self):
        own = self.amina + self.joseph
        self.assertEqual(self.seen_by(self.top_head).search([]), own)
        self.assertEqual(self.seen_by(self.head).search([]), self.amina)
        self.assertEqual(
            self.seen_by(self.head).browse(self.amina.id).name, "Okafor, Amina"
        )
        with self.assertRaises(AccessError):
            self.seen_by(self.head).browse(self.amina.id).designation = "Nurse"
        self.nutrition.head_id = False
        self.assertFalse(self.seen_by(self.head).search([]))

    def test_who_may_change_departments(self):
        def nutrition(user):
            return self.seen_by(user, self.model._name).browse(self.nutrition.id)

        nutrition(self.manager).write({"name": "Food"})
        for user in (self.head, self.officer, self.api_user):
            with self.subTest(user.login), self.assertRaises(AccessError):
                nutrition(user).write({"name": "Mine"})
        with self.assertRaises(AccessError):
            nutrition(self.internal).read(["name"])

    def test_what_moves_away_is_out_of_sight_at_once(self):
        """Also further down, and before the transaction ends."""
        crew = self.model.create({"name": "Crew", "parent_id": self.nutrition.id})
        self.grace.department_id = crew
        heads_people = self.seen_by(self.head)
        self.assertEqual(heads_people.search([]), self.amina + self.grace)
        self.nutrition.head_id = False
        self.assertFalse(heads_people.search([]))
        self.nutrition.head_id = self.head
        self.assertEqual(heads_people.search([]), self.amina + self.grace)
        crew.parent_id = self.health
        self.assertEqual(heads_people.search([]), self.amina)

    def test_departments_are_a_company_s_own(self):
        other = self.model.create(
            {"name": "Health", "code": "HLTH", "company_id": self.other_company.id}
        )
        self.assertNotIn(other, self.seen_by(self.manager, self.model._name).search([]))
        with self.assertRaises(UserError):
            self.amina.department_id = other
        with self.assertRaises(UserError):
            self.nutrition.parent_id = other

    def test_a_code_is_used_once_a_company(self):
        with mute_logger("odoo.sql_db"), self.assertRaises(UniqueViolation):
            self.nutrition.code = "HLTH"
            self.env.flush_all()

    def test_departments_are_imported(self):
        manager = self.seen_by(self.manager, self.model._name)
        result = manager.load(
            ["name", "code", "parent_id"], [["Clinics", "CLN", "Health"]]
        )
        self.assertEqual(result["messages"], [])
        clinics = manager.browse(result["ids"])
        self.assertEqual(clinics.complete_name, "Health / Clinics")
        self.assertEqual(clinics.head_user_ids, self.top_head)
