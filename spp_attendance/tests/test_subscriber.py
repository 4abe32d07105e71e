import csv
from unittest.mock import patch

from psycopg2.errors import ForeignKeyViolation, UniqueViolation

from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tests import Form, tagged
from odoo.tools import SQL, file_open, mute_logger

from .common import AttendanceCase


@tagged("post_install", "-at_install")
class TestSubscriber(AttendanceCase):
    def test_person_and_contact_are_one(self):
        self.assertEqual(self.amina.name, "Okafor, Amina")
        self.assertEqual(self.amina.partner_id.name, "Okafor, Amina")
        self.assertEqual(self.amina.partner_id.company_id, self.company)
        self.amina.partner_id.name = "Amina O."
        self.assertEqual(self.amina.display_name, "[T-1] Amina O.")
        self.assertEqual(self.parts(self.amina), ("Amina O.", False, False))
        self.amina.write(
            {"family_name": "Okafor", "given_name": "Aminata", "additional_name": "Joy"}
        )
        self.assertEqual(self.amina.partner_id.name, "Okafor, Aminata Joy")
        self.assertEqual(self.amina.display_name, "[T-1] Okafor, Aminata Joy")

    def test_a_contact_that_is_renamed_has_its_parts(self):
        self.amina.partner_id.name = "Obi, Amina Grace"
        self.assertEqual(self.parts(self.amina), ("Obi", "Amina", "Grace"))
        self.amina.name = "Obi, Grace"
        self.assertEqual(self.parts(self.amina), ("Obi", "Grace", False))
        self.assertEqual(self.amina.partner_id.name, "Obi, Grace")

    def test_parts_count_more_than_the_full_name(self):
        self.amina.write({"name": "Somebody else", "given_name": " Aminata "})
        self.assertEqual(self.amina.name, "Okafor, Aminata")

    def test_nobody_is_without_a_name(self):
        self.amina.write({"family_name": False, "given_name": ""})
        self.assertEqual(self.amina.name, "Okafor, Amina")
        self.assertEqual(self.parts(self.amina), ("Okafor", "Amina", False))

    def test_who_is_registered_by_full_name_has_parts(self):
        person = self.env["spp.attendance.subscriber"].create(
            {
                "person_identifier": "T-20",
                "name": " Haile, Selam Ruth ",
                "company_id": self.company.id,
            }
        )
        self.assertEqual(self.parts(person), ("Haile", "Selam", "Ruth"))
        self.assertEqual(person.name, "Haile, Selam Ruth")

    def test_names_follow_the_order_of_the_company(self):
        self.amina.additional_name = "Grace"
        child = self.env["res.partner"].create(
            {"name": "Desk", "type": "other", "parent_id": self.amina.partner_id.id}
        )
        stranger = self.stranger.name
        for order, name in (
            ("given_family", "Amina Grace Okafor"),
            ("family_given_plain", "Okafor Amina Grace"),
            ("family_given", "Okafor, Amina Grace"),
        ):
            self.company.attendance_name_order = order
            self.assertEqual(self.amina.name, name)
            self.assertEqual(self.amina.partner_id.complete_name, name)
            self.assertEqual(child.complete_name, f"{name}, Desk")
            self.assertEqual(self.amina.display_name, f"[T-1] {name}")
            self.assertEqual(self.parts(self.amina), ("Okafor", "Amina", "Grace"))
            person = self.env["spp.attendance.subscriber"].create(
                {
                    "person_identifier": f"T-{order}",
                    "name": name,
                    "company_id": self.company.id,
                }
            )
            self.assertEqual(self.parts(person), ("Okafor", "Amina", "Grace"))
        self.assertEqual(self.stranger.name, stranger)

    def test_a_new_order_is_written_set_based(self):
        self.env["spp.attendance.subscriber"].create(
            [
                {
                    "person_identifier": f"N-{number}",
                    "family_name": "Family",
                    "given_name": f"Given {number}",
                    "company_id": self.company.id,
                }
                for number in range(300)
            ]
        )
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.cr.sql_log_count
        self.company.attendance_name_order = "given_family"
        self.env.flush_all()
        self.assertLess(self.cr.sql_log_count - before, 30)

    def test_the_form_keeps_name_and_parts_together(self):
        form = Form(
            self.amina.with_user(self.officer).with_context(
                allowed_company_ids=self.company.ids
            )
        )
        form.additional_name = "Grace"
        self.assertEqual(form.name, "Okafor, Amina Grace")
        form.name = "Obi, Amina"
        self.assertEqual(
            (form.family_name, form.given_name, form.additional_name),
            ("Obi", "Amina", False),
        )
        form.save()
        self.assertEqual(self.amina.partner_id.name, "Obi, Amina")

    @staticmethod
    def parts(person):
        return person.family_name, person.given_name, person.additional_name

    def test_an_officer_registers_somebody(self):
        form = Form(
            self.env["spp.attendance.subscriber"]
            .with_user(self.officer)
            .with_context(allowed_company_ids=self.company.ids)
        )
        form.person_identifier = "T-9"
        form.family_name = "Haile"
        form.given_name = "Selam"
        form.location_id = self.hall
        self.assertEqual(form.name, "Haile, Selam")
        subscriber = form.save()
        self.assertEqual(subscriber.company_id, self.company)
        self.assertEqual(subscriber.partner_id.company_id, self.company)
        self.assertTrue(subscriber.uuid)

    def test_the_zone_is_not_that_of_who_registers(self):
        model = self.env["spp.attendance.subscriber"].with_context(tz="Asia/Tokyo")
        contact = self.env["res.partner"].create({"name": "Old", "tz": "Asia/Dhaka"})
        new, known = model.create(
            [
                {"person_identifier": "T-13", "company_id": self.company.id},
                {
                    "person_identifier": "T-14",
                    "company_id": self.company.id,
                    "partner_id": contact.id,
                },
            ]
        )
        self.assertFalse(new.tz)
        self.assertEqual(known.tz, "Asia/Dhaka")

    def test_without_a_name_the_identifier_serves(self):
        subscriber = self.env["spp.attendance.subscriber"].create(
            {"person_identifier": "T-10", "company_id": self.company.id}
        )
        self.assertEqual(subscriber.name, "T-10")

    def test_an_identifier_is_used_once_a_company(self):
        self.assertEqual(self.stranger.person_identifier, "T-1")
        with mute_logger("odoo.sql_db"), self.assertRaises(UniqueViolation):
            self.joseph.person_identifier = "T-1"
            self.env.flush_all()

    def test_a_contact_is_a_subscriber_once(self):
        with mute_logger("odoo.sql_db"), self.assertRaises(UniqueViolation):
            self.env["spp.attendance.subscriber"].create(
                {"person_identifier": "T-11", "partner_id": self.amina.partner_id.id}
            )

    def test_blanks_around_an_identifier_are_refused(self):
        with self.assertRaises(ValidationError):
            self.amina.person_identifier = "T-1 "
        for nothing in ("", " "):
            with self.subTest(nothing), self.assertRaises(ValidationError):
                self.amina.person_identifier = nothing

    def test_a_uuid_is_for_good(self):
        with self.assertRaises(UserError):
            self.amina.uuid = "mine"
        self.amina.write({"uuid": self.amina.uuid, "gender": "female"})
        self.assertEqual(self.amina.gender, "female")

    def test_an_existing_contact_takes_the_company(self):
        contact = self.env["res.partner"].create({"name": "Old contact"})
        self.env["spp.attendance.subscriber"].create(
            {
                "person_identifier": "T-12",
                "partner_id": contact.id,
                "company_id": self.company.id,
            }
        )
        self.assertEqual(contact.company_id, self.company)

    def test_a_participant_has_a_company(self):
        with self.assertRaises(ValidationError):
            self.amina.partner_id.company_id = False

    def test_a_contact_with_attendance_stays(self):
        self.env["spp.attendance.record"].create({"subscriber_id": self.amina.id})
        self.env.flush_all()
        with mute_logger("odoo.sql_db"), self.assertRaises(ForeignKeyViolation):
            self.amina.partner_id.unlink()

    def test_the_contact_leads_to_the_attendance(self):
        record = self.env["spp.attendance.record"].create(
            {"subscriber_id": self.amina.id}
        )
        self.assertEqual(self.amina.record_count, 1)
        action = self.amina.partner_id.action_open_attendance_records()
        self.assertEqual(self.env[action["res_model"]].search(action["domain"]), record)

    def test_found_by_identifier_and_name(self):
        model = self.env["spp.attendance.subscriber"].with_company(self.company)
        company = [("company_id", "=", self.company.id)]
        for text in ("T-1", "okafor"):
            found = model.name_search(text, domain=company)
            self.assertEqual([i for i, _name in found], self.amina.ids, text)

    def test_location_tree(self):
        room = self.env["spp.attendance.location"].create(
            {"name": "Room", "parent_id": self.hall.id, "company_id": self.company.id}
        )
        self.assertEqual(room.display_name, "Hall / Room")
        with self.assertRaises(UserError):
            self.hall.parent_id = room

    def test_attendance_stays_with_its_company(self):
        self.env["spp.attendance.record"].create({"subscriber_id": self.amina.id})
        for record in (self.amina, self.amina.partner_id):
            with self.subTest(record._name), self.assertRaises(UserError):
                record.company_id = self.other_company
        self.joseph.company_id = self.other_company
        self.assertEqual(self.joseph.partner_id.company_id, self.other_company)

    def test_a_person_keeps_the_contact(self):
        contact = self.env["res.partner"].create({"name": "Somebody else"})
        with self.assertRaises(UserError):
            self.amina.partner_id = contact

    def test_what_is_known_of_somebody_shows_on_both(self):
        tag = self.env["res.partner.category"].create({"name": "Pilot"})
        self.amina.write(
            {
                "email": "amina@example.org",
                "phone": "+254 700 000001",
                "mobile": "+254 700 000002",
                "gender": "female",
                "designation": "Trainee",
                "level_of_work": "worker",
                "category_id": [Command.link(tag.id)],
            }
        )
        contact = self.amina.partner_id
        self.assertEqual(contact.email, "amina@example.org")
        self.assertEqual(contact.phone, "+254 700 000001")
        self.assertEqual(contact.category_id, tag)
        contact.email = "a@example.org"
        self.assertEqual(self.amina.email, "a@example.org")

    def test_people_are_found_by_identifier_in_one_query(self):
        model = (
            self.env["spp.attendance.subscriber"]
            .with_user(self.officer)
            .with_context(allowed_company_ids=self.company.ids)
        )
        self.grace.active = False
        self.env.flush_all()
        model._by_identifier(["T-1"])  # rules and metadata are known from here on
        with self.assertQueryCount(1):
            found = model._by_identifier(["T-1", "T-2", "T-3", "T-99", False, ""])
        self.assertEqual(
            found, {"T-1": self.amina, "T-2": self.joseph}, "active, own company"
        )
        self.assertEqual(model._by_identifier([]), {})

    def test_the_index_serves_identifiers(self):
        model = self.env["spp.attendance.subscriber"].with_company(self.company)
        self.env.flush_all()
        self.cr.execute(
            """
            WITH contacts AS (
                INSERT INTO res_partner (name, type, company_id)
                SELECT 'N-' || n, 'contact', %(company)s FROM generate_series(1, 3000) n
             RETURNING id, name), people AS (
                INSERT INTO spp_attendance_subscriber (
                    partner_id, person_identifier, uuid, company_id, active)
                SELECT id, name, gen_random_uuid(), %(company)s, TRUE FROM contacts
             RETURNING id, person_identifier)
            INSERT INTO spp_attendance_subscriber_alias (
                subscriber_id, company_id, person_identifier)
            SELECT id, %(company)s, 'F-' || person_identifier FROM people
            """,
            {"company": self.company.id},
        )
        # Of a table with no rows any index is as good as another.
        self.cr.execute(
            "ANALYZE spp_attendance_subscriber, spp_attendance_subscriber_alias"
        )
        self.cr.execute("SET LOCAL enable_seqscan = off")
        statements = []
        with patch.object(
            type(self.env), "execute_query", lambda env, query: statements.append(query)
        ):
            model._find_people(["T-1"])
        self.cr.execute(SQL("EXPLAIN %s", statements[0]))
        plan = "\n".join(line for (line,) in self.cr.fetchall())
        self.assertIn("spp_attendance_subscriber_person_identifier_unique", plan)
        self.assertIn("spp_attendance_subscriber_alias_person_identifier_unique", plan)

    def test_people_are_imported(self):
        model = (
            self.env["spp.attendance.subscriber"]
            .with_user(self.officer)
            .with_context(allowed_company_ids=self.company.ids)
        )
        self.env["spp.attendance.department"].create(
            {"name": "Nutrition", "code": "NUTR", "company_id": self.company.id}
        )
        [template] = model.get_import_templates()
        with file_open(template["template"].lstrip("/")) as file:
            header, *rows = csv.reader(file)
        self.assertTrue(set(header) <= model._fields.keys())
        self.assertTrue(rows)
        result = model.load(
            [
                "person_identifier",
                "family_name",
                "given_name",
                "department_id",
                "location_id",
            ],
            [
                ["I-1", "Haile", "Selam", "Nutrition", "Hall"],
                ["I-2", "Bah", "Ali", "NUTR", "HALL"],
            ],
        )
        self.assertEqual(result["messages"], [])
        people = model.browse(result["ids"])
        self.assertEqual(people.mapped("name"), ["Haile, Selam", "Bah, Ali"])
        self.assertEqual(people.department_id.name, "Nutrition")
        self.assertEqual(people.location_id, self.hall)
        with mute_logger("odoo.sql_db"):
            result = model.load(
                ["person_identifier", "family_name"],
                [["I-3", "Diop"], ["I-1", "Twice"]],
            )
        self.assertFalse(result["ids"])
        self.assertIn("identifier", result["messages"][0]["message"])

    def test_an_existing_contact_is_registered_by_its_reference(self):
        officer = {"user": self.officer, "company": self.company}
        contacts = self.env["res.partner"].create(
            [
                {"name": "Haile, Selam", "ref": "REG-7"},
                {"name": "REG-8"},
                {"name": "One", "ref": "REG-9"},
                {"name": "Two", "ref": "REG-9"},
            ]
        )
        form = Form(self.register_wizard(**officer))
        for identifier, expected in (
            ("REG-8", False),
            ("REG-9", False),
            ("REG-7", contacts[0]),
        ):
            form.person_identifier = identifier
            self.assertEqual(form.partner_id.id or False, expected and expected.id)
        person = self.env["spp.attendance.subscriber"].browse(
            form.save().action_register()["res_id"]
        )
        self.assertEqual(person.partner_id, contacts[0])
        self.assertEqual(person.company_id, self.company)
        self.assertEqual(contacts[0].company_id, self.company)
        self.assertEqual(self.parts(person), ("Haile", "Selam", False))

    def test_who_is_registered_keeps_what_is_known_of_the_contact(self):
        contact = self.env["res.partner"].create(
            {
                "name": "Haile, Selam",
                "lang": "en_US",
                "tz": "Asia/Dhaka",
                "comment": "Known since 2019",
                "type": "other",
            }
        )
        known = contact.read()[0]
        person = self.env["spp.attendance.subscriber"].create(
            {
                "person_identifier": "T-30",
                "partner_id": contact.id,
                "company_id": self.company.id,
            }
        )
        self.assertEqual(person.tz, "Asia/Dhaka")
        now = contact.read()[0]
        changed = {name for name in known if known[name] != now[name]}
        self.assertLessEqual(
            changed,
            {
                "company_id",
                "attendance_subscriber_ids",
                "currency_id",
                "display_name",
                "write_date",
            },
        )

    def test_an_officer_renames_who_has_a_bank_account(self):
        bank = self.env["res.partner.bank"].create(
            {"acc_number": "KE-1", "partner_id": self.amina.partner_id.id}
        )
        self.assertEqual(bank.acc_holder_name, "Okafor, Amina")
        self.amina.with_user(self.officer).with_context(
            allowed_company_ids=self.company.ids
        ).given_name = "Aminata"
        self.assertEqual(self.amina.partner_id.name, "Okafor, Aminata")
        self.assertEqual(bank.acc_holder_name, "Okafor, Aminata")

    def test_a_contact_of_another_company_is_not_registered(self):
        contact = self.env["res.partner"].create(
            {"name": "Theirs", "company_id": self.other_company.id}
        )
        wizard = self.register_wizard(self.env.user, self.company).create(
            {"person_identifier": "REG-1", "partner_id": contact.id}
        )
        with self.assertRaises(UserError):
            wizard.action_register()

    def register_wizard(self, user, company):
        return (
            self.env["spp.attendance.subscriber.register"]
            .with_user(user)
            .with_context(allowed_company_ids=company.ids)
        )
