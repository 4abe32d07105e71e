import logging
from threading import Thread

from odoo.exceptions import AccessError
from odoo.fields import Date
from odoo.tests import new_test_user, tagged

from ..api import Outcome, Refused
from ..quiet import quiet_sql
from ..references import BatchRefused
from .common import AttendanceCase


@tagged("post_install", "-at_install")
class TestUpsert(AttendanceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.registrar = new_test_user(
            cls.env,
            login="test-attendance-registrar",
            groups="spp_attendance.spp_attendance_group_api_registry",
            company_id=cls.company.id,
            company_ids=[(6, 0, cls.company.ids)],
        )
        cls.nutrition = cls.env["spp.attendance.department"].create(
            {"name": "Nutrition", "code": "NUTR", "company_id": cls.company.id}
        )
        cls.tag = cls.env["res.partner.category"].create({"name": "Pilot"})

    def upsert(self, *items, user=None, **kwargs):
        model = (
            self.env["spp.attendance.subscriber"]
            .with_user(user or self.registrar)
            .with_context(allowed_company_ids=self.company.ids)
        )
        return model._upsert(list(items), **kwargs)

    def person(self, outcome):
        return self.env["spp.attendance.subscriber"].browse(outcome.id)

    def statuses(self, *items):
        return [outcome.status for outcome in self.upsert(*items)]

    def test_new_and_known(self):
        item = {
            "person_identifier": "U-1",
            "family_name": "Haile",
            "given_name": "Selam",
            "gender": "female",
            "email": "selam@example.org",
            "phone": "1",
            "mobile": "2",
            "department": "NUTR",
            "designation": "Nurse",
            "level_of_work": "staff",
            "work_from": "2026-02-01",
            "location": self.hall.id,
            "tz": "Africa/Nairobi",
            "tags": ["Pilot"],
        }
        [outcome] = self.upsert(item)
        person = self.person(outcome)
        self.assertEqual(outcome, Outcome(0, "created", person.id))
        self.assertRecordValues(
            person,
            [
                {
                    "name": "Haile, Selam",
                    "gender": "female",
                    "email": "selam@example.org",
                    "phone": "1",
                    "mobile": "2",
                    "department_id": self.nutrition.id,
                    "designation": "Nurse",
                    "level_of_work": "staff",
                    "work_from": Date.to_date("2026-02-01"),
                    "location_id": self.hall.id,
                    "tz": "Africa/Nairobi",
                    "category_id": self.tag.ids,
                    "company_id": self.company.id,
                }
            ],
        )
        self.assertEqual(self.upsert(item), [Outcome(0, "unchanged", person.id)])
        [outcome] = self.upsert(
            {"person_identifier": "U-1", "given_name": "Ruth", "phone": None}
        )
        self.assertEqual(outcome, Outcome(0, "updated", person.id))
        self.assertEqual(person.name, "Haile, Ruth")
        self.assertFalse(person.phone)
        self.assertEqual(person.mobile, "2", "what is left out stays")
        [outcome] = self.upsert({"person_identifier": "U-1", "work_to": "2026-01-31"})
        self.assertEqual(
            (outcome.status, outcome.code, outcome.reason),
            ("rejected", "invalid", "work_to: It is before work_from."),
        )

    def test_one_bad_item_costs_one_item(self):
        outcomes = self.upsert(
            {"person_identifier": "U-1", "name": "One"},
            {"person_identifier": "U-2", "department": "NOWHERE"},
            {"person_identifier": "U-3", "gender": "unknown"},
            {"name": "Without identifier"},
            {"person_identifier": "U-4", "tz": "Mars/Olympus"},
            {"person_identifier": "U-5", "tags": ["No such tag"]},
            {"person_identifier": "U-6", "colour": "red"},
            "nonsense",
            Refused(reason="line: broken"),
            {"person_identifier": "U-1", "name": "Again"},
            {"person_identifier": "U-7", "name": "Seven"},
            # A zone to computers, but none to Odoo.
            {"person_identifier": "U-8", "tz": "Factory"},
        )
        self.assertEqual(
            [(outcome.status, outcome.code) for outcome in outcomes],
            [
                ("created", None),
                ("rejected", "unknown_department"),
                ("rejected", "invalid"),
                ("rejected", "invalid"),
                ("rejected", "invalid"),
                ("rejected", "unknown_tag"),
                ("rejected", "invalid"),
                ("rejected", "invalid"),
                ("rejected", "invalid"),
                ("rejected", "repeated"),
                ("created", None),
                ("rejected", "invalid"),
            ],
        )
        self.assertEqual([o.index for o in outcomes], list(range(12)))
        self.assertEqual(self.person(outcomes[0]).name, "One")

    def test_what_the_database_refuses_is_found(self):
        hidden = self.env["ir.rule"].create(
            {
                "name": "Some are hidden",
                "model_id": self.env["ir.model"]._get_id("spp.attendance.subscriber"),
                "domain_force": "[('person_identifier', '!=', 'T-2')]",
            }
        )
        self.assertTrue(hidden)
        outcomes = self.upsert(
            *({"person_identifier": f"U-{n}", "name": f"Name {n}"} for n in range(9)),
            {"person_identifier": "T-2", "name": "Hidden"},
            {"person_identifier": "T-1", "designation": "Nurse"},
        )
        self.assertEqual({o.status for o in outcomes[:9]}, {"created"})
        self.assertEqual(
            (outcomes[9].status, outcomes[9].code), ("rejected", "conflict")
        )
        self.assertEqual(outcomes[10].status, "updated")
        self.assertEqual(self.joseph.name, "Mwangi, Joseph")

    def test_all_or_nothing(self):
        with self.assertRaises(BatchRefused) as refused, self.env.cr.savepoint():
            self.upsert(
                {"person_identifier": "U-1"},
                {"person_identifier": "U-2", "location": "NOWHERE"},
                atomic=True,
            )
        self.assertEqual(refused.exception.outcomes[1].status, "rejected")
        self.assertFalse(
            self.env["spp.attendance.subscriber"].search(
                [("person_identifier", "=", "U-1")]
            )
        )

    def test_archived_and_former(self):
        self.grace.active = False
        outcomes = self.upsert(
            {"person_identifier": "T-3", "designation": "Nurse"},
            {"person_identifier": "T-1", "active": False},
        )
        self.assertEqual([o.id for o in outcomes], [self.grace.id, self.amina.id])
        self.assertFalse((self.grace + self.amina).filtered("active"))
        self.upsert({"person_identifier": "T-1", "active": True})
        self.assertTrue(self.amina.active)
        self.amina._merge(self.joseph)
        outcomes = self.upsert(
            {"person_identifier": "T-2", "designation": "Clerk"},
            {"person_identifier": "T-1", "designation": "Nurse"},
        )
        self.assertEqual(
            [(o.status, o.id) for o in outcomes],
            [("updated", self.amina.id), ("rejected", None)],
        )

    def test_other_companies_are_left_alone(self):
        [outcome] = self.upsert({"person_identifier": "T-1", "name": "Obi, Amina"})
        self.assertEqual(outcome.id, self.amina.id)
        self.assertEqual(self.stranger.name, "Sow")

    def test_who_may(self):
        item = {"person_identifier": "U-1", "name": "One"}
        for user in (self.api_user, self.internal, self.participant):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.upsert(item, user=user)
        [outcome] = self.upsert(item, user=self.officer)
        self.assertEqual(outcome.status, "created")

    def test_what_is_kept_out_of_the_log_is_a_thread_s_own(self):
        logger = logging.getLogger("odoo.sql_db")

        def complain(text):
            logger.error(text)

        with self.assertLogs(logger) as heard:
            with quiet_sql():
                with quiet_sql():
                    complain("twice quiet")
                complain("still quiet")
                # another thread has its own say
                other = Thread(target=complain, args=("elsewhere",))
                other.start()
                other.join()
            complain("loud again")
        self.assertEqual(
            [record.message for record in heard.records], ["elsewhere", "loud again"]
        )

    def test_statements_grow_with_the_rows_written_and_no_faster(self):
        def batch(prefix, count, **values):
            return [
                {
                    "person_identifier": f"{prefix}-{number}",
                    "family_name": f"Family {number}",
                    "given_name": "Given",
                    **values,
                }
                for number in range(count)
            ]

        def statements(items):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            self.upsert(*items)
            self.env.flush_all()
            return self.cr.sql_log_count - before

        statements(batch("W", 2))
        few, many = statements(batch("A", 10)), statements(batch("B", 100))
        self.assertLessEqual(many, few + 4, "new")
        few, many = statements(batch("A", 10)), statements(batch("B", 100))
        self.assertEqual(many, few, "unchanged")
        few = statements(batch("A", 10, designation="Nurse"))
        many = statements(batch("B", 100, designation="Nurse"))
        self.assertLessEqual(many, few + 4, "changed alike")
