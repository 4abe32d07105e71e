from psycopg2.errors import ForeignKeyViolation, UniqueViolation

from odoo.exceptions import UserError, ValidationError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from .common import AttendanceCase


@tagged("post_install", "-at_install")
class TestSubscriber(AttendanceCase):
    def test_person_and_contact_are_one(self):
        self.assertEqual(self.amina.name, "Okafor, Amina")
        self.assertEqual(self.amina.partner_id.name, "Okafor, Amina")
        self.assertEqual(self.amina.partner_id.company_id, self.company)
        self.amina.partner_id.name = "Amina O."
        self.assertEqual(self.amina.display_name, "[T-1] Amina O.")
        self.amina.write({"given_name": "Aminata", "additional_name": "Joy"})
        self.assertEqual(self.amina.partner_id.name, "Okafor, Aminata Joy")

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

    def test_two_participants_are_never_merged(self):
        merge = self.env["base.partner.merge.automatic.wizard"].create({})
        people = self.amina + self.joseph
        with self.assertRaisesRegex(UserError, "2 of these contacts"):
            merge._merge(people.partner_id.ids, self.amina.partner_id)
        self.assertEqual(people.exists(), people)

    def test_a_participant_is_merged_with_a_plain_contact(self):
        merge = self.env["base.partner.merge.automatic.wizard"].create({})
        record = self.env["spp.attendance.record"].create(
            {"subscriber_id": self.amina.id}
        )
        contact = self.env["res.partner"].create({"name": "The same person"})
        merge._merge((self.amina.partner_id + contact).ids, contact)
        self.env.invalidate_all()
        self.assertEqual(self.amina.partner_id, contact)
        self.assertEqual(contact.company_id, self.company)
        self.assertTrue(record.exists())

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
