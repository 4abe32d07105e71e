from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, tagged

from ..merge import Merge
from .common import AttendanceCase


@tagged("post_install", "-at_install")
class TestMerge(AttendanceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.records = cls.env["spp.attendance.record"]
        #: Both of them on the first day, each alone on another.
        cls.kept, cls.moved, cls.surplus, cls.own, cls.voided = cls.records.create(
            [
                {
                    "subscriber_id": person.id,
                    "local_date": f"2026-09-{day:02}",
                    "local_time": "08:00",
                    "category": category,
                }
                for person, day, category in (
                    (cls.amina, 1, "present"),
                    (cls.joseph, 2, "present"),
                    (cls.joseph, 1, "absent"),
                    (cls.amina, 3, "present"),
                    (cls.joseph, 4, "present"),
                )
            ]
        )
        cls.voided._void("Entered by mistake")

    def merge(self, target, sources, user=None):
        target = target.with_user(user or self.manager).with_context(
            allowed_company_ids=self.company.ids
        )
        target._merge(sources.with_env(target.env))
        self.env.invalidate_all()

    def test_all_attendance_is_one_s_own(self):
        everything = self.records.with_context(active_test=False)
        before = everything.search_count([])
        self.joseph.write({"gender": "male", "designation": "Nurse"})
        self.amina.gender = "female"
        self.merge(self.amina, self.joseph)
        self.assertFalse(self.joseph.exists())
        self.assertEqual(everything.search_count([]), before)
        mine = everything.search([("subscriber_id", "=", self.amina.id)])
        self.assertEqual(
            mine, self.kept + self.moved + self.surplus + self.own + self.voided
        )
        self.assertEqual(mine.filtered("active"), self.kept + self.moved + self.own)
        self.assertEqual(self.voided.void_reason, "Entered by mistake")
        self.assertIn(f"record {self.kept.id} of T-1", self.surplus.void_reason)
        self.assertIn("T-2", self.surplus.void_reason)
        self.assertEqual(self.amina.gender, "female")
        self.assertEqual(self.amina.designation, "Nurse")

    def test_instants_stay_as_they_are(self):
        self.amina.tz = "Asia/Tokyo"
        values = self.moved.read(["date_time", "local_date", "local_time", "tz"])
        self.merge(self.amina, self.joseph)
        self.assertEqual(
            self.moved.read(["date_time", "local_date", "local_time", "tz"]), values
        )

    def test_it_is_told_whose_a_record_was(self):
        self.merge(self.amina, self.joseph)
        [change] = self.moved.change_ids
        self.assertRecordValues(
            change,
            [
                {
                    "kind": "corrected",
                    "field": "subscriber_id",
                    "old_value": "[T-2] Mwangi, Joseph",
                    "new_value": "[T-1] Okafor, Amina",
                    "create_uid": self.manager.id,
                }
            ],
        )
        self.assertFalse(self.own.change_ids)
        self.assertEqual(self.moved.write_uid, self.manager)

    def test_the_former_identifier_leads_to_who_is_left(self):
        self.merge(self.amina, self.joseph + self.grace)
        model = self.env["spp.attendance.subscriber"].with_company(self.company)
        self.assertEqual(
            model._by_identifier(["T-1", "T-2", "T-3"]),
            dict.fromkeys(("T-1", "T-2", "T-3"), self.amina),
        )
        self.assertEqual(
            self.amina.alias_ids.mapped("person_identifier"), ["T-2", "T-3"]
        )
        [outcome] = self.ingest(self.item("T-3", "2026-09-20T08:00:00"))
        self.assertEqual(outcome.status, "created")
        record = self.records.browse(outcome.id)
        self.assertEqual(record.subscriber_id, self.amina)

    def test_former_identifiers_move_on(self):
        self.merge(self.joseph, self.grace)
        self.merge(self.amina, self.joseph)
        self.assertEqual(
            self.amina.alias_ids.mapped("person_identifier"), ["T-2", "T-3"]
        )

    def test_a_former_identifier_is_not_given_again(self):
        self.merge(self.amina, self.joseph)
        savepoint = self.env.cr.savepoint
        with self.assertRaisesRegex(ValidationError, "former identifier"), savepoint():
            self.grace.person_identifier = "T-2"
        with self.assertRaisesRegex(ValidationError, "former identifier"), savepoint():
            self.env["spp.attendance.subscriber"].create(
                {"person_identifier": "T-2", "company_id": self.company.id}
            )
        with self.assertRaisesRegex(ValidationError, "identifier now"), savepoint():
            self.env["spp.attendance.subscriber.alias"].create(
                {"subscriber_id": self.amina.id, "person_identifier": "T-3"}
            )
        self.env["spp.attendance.subscriber"].create(
            {"person_identifier": "T-2", "company_id": self.other_company.id}
        )

    def test_contacts_become_one(self):
        contact = self.joseph.partner_id
        contact.write({"phone": "+254 700 000002", "email": "j@example.org"})
        child = self.env["res.partner"].create(
            {"name": "Mother", "parent_id": contact.id}
        )
        self.amina.email = "a@example.org"
        self.merge(self.amina, self.joseph + self.grace)
        self.assertFalse(contact.exists())
        self.assertEqual(child.parent_id, self.amina.partner_id)
        self.assertEqual(self.amina.phone, "+254 700 000002")
        self.assertEqual(self.amina.email, "a@example.org")
        self.assertEqual(self.amina.name, "Okafor, Amina")

    def test_what_hangs_on_somebody_moves_too(self):
        activity = self.env["mail.activity"].create(
            {
                "res_model_id": self.env["ir.model"]._get_id(self.joseph._name),
                "res_id": self.joseph.id,
                "summary": "Visit",
            }
        )
        attachment = self.env["ir.attachment"].create(
            {"name": "card", "res_model": self.joseph._name, "res_id": self.joseph.id}
        )
        self.merge(self.amina, self.joseph)
        self.assertEqual(activity.res_id, self.amina.id)
        self.assertEqual(attachment.res_id, self.amina.id)

    def test_one_line_an_event(self):
        both, one = self.env["spp.attendance.event"].create(
            [
                {
                    "name": name,
                    "company_id": self.company.id,
                    "line_ids": [
                        Command.create(
                            {"subscriber_id": person.id, "is_expected": expected}
                        )
                        for person, expected in people
                    ],
                }
                for name, people in (
                    ("Both", ((self.amina, False), (self.joseph, True))),
                    ("One", ((self.joseph, True),)),
                )
            ]
        )
        self.merge(self.amina, self.joseph)
        self.assertEqual(both.line_ids.subscriber_id, self.amina)
        self.assertTrue(both.line_ids.is_expected)
        self.assertEqual(len(both.line_ids), 1)
        self.assertEqual(one.line_ids.subscriber_id, self.amina)

    def test_an_archived_one_too(self):
        self.joseph.active = False
        self.merge(self.amina, self.joseph)
        self.assertEqual(self.moved.subscriber_id, self.amina)

    def test_among_the_others_the_first_stays(self):
        third, later = self.records.create(
            [
                {
                    "subscriber_id": person.id,
                    "local_date": "2026-09-10",
                    "local_time": "08:00",
                }
                for person in (self.grace, self.joseph)
            ]
        )
        self.merge(self.amina, self.joseph + self.grace)
        self.assertTrue(third.active)
        self.assertFalse(later.active)
        self.assertIn(f"record {third.id} ", later.void_reason)

    def test_managers_merge(self):
        for user in (self.officer, self.internal, self.api_user):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.merge(self.amina, self.joseph, user=user)
        self.assertTrue(self.joseph.exists())

    def test_companies_are_not_mixed(self):
        with self.assertRaisesRegex(UserError, "different companies"):
            self.amina._merge(self.stranger)

    def test_conflicts_are_listed_beforehand(self):
        people = (self.amina + self.joseph).with_user(self.manager)
        people = people.with_context(allowed_company_ids=self.company.ids)
        action = people.action_merge()
        wizard_model = people.env[action["res_model"]].with_context(**action["context"])
        form = Form(wizard_model)
        form.target_id = self.amina
        self.assertEqual(form.moved_count, 3)
        self.assertEqual(form.conflict_count, 1)
        wizard = form.save()
        self.assertEqual(wizard.conflict_ids, self.surplus)
        self.assertEqual(
            Merge(self.amina, self.joseph).conflicts(), [(self.surplus, self.kept)]
        )
        self.assertEqual(wizard.action_merge()["res_id"], self.amina.id)
        self.assertFalse(self.joseph.exists())

    def test_one_alone_is_not_merged(self):
        wizard = self.env["spp.attendance.subscriber.merge"].create(
            {"subscriber_ids": self.amina.ids, "target_id": self.amina.id}
        )
        with self.assertRaises(UserError):
            wizard.action_merge()

    def test_the_cost_does_not_grow_with_the_records(self):
        def statements(source, count):
            self.records.create(
                [
                    {
                        "subscriber_id": source.id,
                        "local_date": f"2026-08-{day:02}",
                        "local_time": "07:00",
                    }
                    for day in range(1, count + 1)
                ]
            )
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            self.merge(self.amina, source)
            return self.cr.sql_log_count - before

        first = statements(self.joseph, 1)
        self.assertLessEqual(statements(self.grace, 20), first + 3)


@tagged("post_install", "-at_install")
class TestContactMerge(AttendanceCase):
    def setUp(self):
        super().setUp()
        self.wizard = self.env["base.partner.merge.automatic.wizard"].create({})

    def test_two_participants_become_one(self):
        kept, surplus = self.env["spp.attendance.record"].create(
            [
                {
                    "subscriber_id": person.id,
                    "local_date": "2026-09-01",
                    "local_time": "08:00",
                }
                for person in (self.joseph, self.amina)
            ]
        )
        people = self.amina + self.joseph
        self.wizard._merge(people.partner_id.ids, self.joseph.partner_id)
        self.env.invalidate_all()
        self.assertEqual(people.exists(), self.joseph)
        self.assertEqual((kept + surplus).subscriber_id, self.joseph)
        self.assertFalse(surplus.active)
        self.assertEqual(self.joseph.alias_ids.person_identifier, "T-1")

    def test_two_participants_become_a_plain_contact_s(self):
        contact = self.env["res.partner"].create({"name": "Okafor, Amina"})
        people = self.amina + self.joseph
        self.wizard._merge((people.partner_id + contact).ids, contact)
        self.env.invalidate_all()
        [person] = people.exists()
        self.assertEqual(person.partner_id, contact)
        self.assertEqual(contact.company_id, self.company)

    def test_who_merges_contacts_need_not_merge_people(self):
        user = self._new_user("contacts")
        user.group_ids += self.env.ref("base.group_partner_manager")
        people = self.amina + self.joseph
        with self.assertRaises(AccessError):
            self.wizard.with_user(user)._merge(
                people.partner_id.ids, self.amina.partner_id
            )
        self.assertEqual(people.exists(), people)

    def test_a_participant_is_merged_with_a_plain_contact(self):
        record = self.env["spp.attendance.record"].create(
            {"subscriber_id": self.amina.id}
        )
        contact = self.env["res.partner"].create({"name": "Obi, Amina"})
        self.wizard._merge((self.amina.partner_id + contact).ids, contact)
        self.env.invalidate_all()
        self.assertEqual(self.amina.partner_id, contact)
        self.assertEqual(contact.company_id, self.company)
        self.assertEqual(self.amina.family_name, "Obi")
        self.assertTrue(record.exists())

    def test_a_participant_does_not_change_company(self):
        contact = self.env["res.partner"].create(
            {"name": "Theirs", "company_id": self.other_company.id}
        )
        with self.assertRaisesRegex(UserError, "another company"):
            self.wizard._merge((self.amina.partner_id + contact).ids, contact)
