from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from .common import AttendanceCase

READ, WRITE, CREATE = "read", "write", "create"

#: Role to what it may do, model by model, with the rows of its own company. Nobody may
#: delete; the first column is how many of the rows made below it sees.
MATRIX = {
    "spp.attendance.subscriber": {
        "internal": (0, ()),
        "participant": (1, (READ,)),
        "api": (4, (READ,)),
        "officer": (4, (READ, WRITE, CREATE)),
        "manager": (4, (READ, WRITE, CREATE)),
        "admin": (4, (READ, WRITE, CREATE)),
    },
    "spp.attendance.record": {
        "internal": (0, ()),
        "participant": (1, (READ,)),
        "api": (3, (READ, CREATE)),
        "officer": (2, (READ, WRITE, CREATE)),
        "manager": (3, (READ, WRITE, CREATE)),
        "admin": (3, (READ, WRITE, CREATE)),
    },
    "spp.attendance.location": {
        "internal": (0, ()),
        "participant": (2, (READ,)),
        "api": (2, (READ,)),
        "officer": (1, (READ,)),
        "manager": (2, (READ, WRITE, CREATE, "unlink")),
        "admin": (2, (READ, WRITE, CREATE, "unlink")),
    },
    "spp.attendance.type": {
        "internal": (0, ()),
        "participant": (1, (READ,)),
        "api": (1, (READ,)),
        "officer": (1, (READ,)),
        "manager": (1, (READ, WRITE, CREATE, "unlink")),
        "admin": (1, (READ, WRITE, CREATE, "unlink")),
    },
}


@tagged("post_install", "-at_install")
class TestAccess(AttendanceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        records = cls.env["spp.attendance.record"]
        cls.rows = {
            "spp.attendance.subscriber": cls.amina
            + cls.joseph
            + cls.grace
            + cls.participant_subscriber,
            "spp.attendance.location": cls.hall + cls.closed_site,
            "spp.attendance.type": cls.training,
            "spp.attendance.record": records.create(
                [
                    {"subscriber_id": cls.amina.id, "location_id": cls.hall.id},
                    {"subscriber_id": cls.amina.id, "location_id": cls.closed_site.id},
                    {"subscriber_id": cls.participant_subscriber.id},
                ]
            ),
        }
        cls.foreign_type = cls.env["spp.attendance.type"].create(
            {"name": "Foreign", "company_id": cls.other_company.id}
        )
        cls.foreign_rows = {
            "spp.attendance.subscriber": cls.stranger,
            "spp.attendance.location": cls.other_hall,
            "spp.attendance.type": cls.foreign_type,
            "spp.attendance.record": records.create(
                {"subscriber_id": cls.stranger.id, "location_id": cls.other_hall.id}
            ),
        }
        cls.users = {
            "internal": cls.internal,
            "participant": cls.participant,
            "api": cls.api_user,
            "officer": cls.officer,
            "manager": cls.manager,
            "admin": cls.admin,
        }

    def _as(self, role, records):
        user = self.users[role]
        return records.with_user(user).with_context(
            allowed_company_ids=user.company_ids.ids
        )

    def test_matrix(self):
        for model, roles in MATRIX.items():
            self.assertEqual(set(roles), set(self.users))
            for role, (visible, operations) in roles.items():
                rows = self._as(role, self.rows[model])
                for operation in (READ, WRITE, CREATE, "unlink"):
                    with self.subTest(model=model, role=role, operation=operation):
                        self.assertEqual(
                            rows.browse().has_access(operation),
                            operation in operations,
                        )
                with self.subTest(model=model, role=role):
                    seen = rows._filtered_access(READ)
                    self.assertEqual(len(seen), visible)
                    if visible:
                        found = rows.search([("id", "in", rows.ids)])
                        self.assertEqual(len(found), visible)

    def test_other_companies_are_out_of_sight(self):
        for model, foreign in self.foreign_rows.items():
            for role in self.users:
                with self.subTest(model=model, role=role):
                    rows = self._as(role, foreign)
                    self.assertFalse(rows._filtered_access(READ))
                    if rows.browse().has_access(READ):
                        self.assertFalse(rows.search([("id", "in", rows.ids)]))
                        with self.assertRaises(AccessError):
                            rows.read(["display_name"])

    def test_nothing_is_moved_to_a_company_of_others(self):
        own_type = self.env["spp.attendance.type"].create(
            {"name": "Own", "company_id": self.company.id}
        )
        for role, record in (
            ("officer", self.grace),
            ("manager", self.grace),
            ("officer", self.grace.partner_id),
            ("manager", self.closed_site),
            ("manager", own_type),
        ):
            with (
                self.subTest(role=role, model=record._name),
                self.assertRaises(AccessError),
                self.env.cr.savepoint(),
            ):
                self._as(role, record).write({"company_id": self.other_company.id})

    def test_an_officer_of_both_companies_sees_both(self):
        self.officer.company_ids += self.other_company
        records = self._as("officer", self.foreign_rows["spp.attendance.record"])
        self.assertEqual(len(records._filtered_access(READ)), 1)

    def test_participants_are_private_contacts(self):
        partners = (self.amina + self.joseph + self.participant_subscriber).partner_id
        for role, visible in (
            ("internal", self.env["res.partner"]),
            ("participant", self.participant.partner_id),
            ("api", partners),
            ("officer", partners),
            ("manager", partners),
        ):
            with self.subTest(role):
                seen = self._as(role, partners).search([("id", "in", partners.ids)])
                self.assertEqual(set(seen.ids), set(visible.ids))

    def test_what_belongs_to_a_participant_is_as_private(self):
        home = self.env["res.partner"].create(
            {"name": "Home", "parent_id": self.amina.partner_id.id, "type": "other"}
        )
        account = self.env["res.partner.bank"].create(
            {"acc_number": "TEST 17", "partner_id": self.amina.partner_id.id}
        )
        for record in (home, account):
            for role, visible in (("internal", 0), ("officer", 1)):
                with self.subTest(model=record._name, role=role):
                    seen = self._as(role, record)._filtered_access(READ)
                    self.assertEqual(len(seen), visible)

    def test_who_manages_contacts_needs_no_role_here(self):
        user = self._new_user("contacts")
        user.group_ids += self.env.ref("base.group_partner_manager")
        contact = self.env["res.partner"].create({"name": "A supplier"})
        contact.with_user(user).with_context(
            allowed_company_ids=self.company.ids
        ).company_id = self.company
        self.assertEqual(contact.company_id, self.company)

    def test_other_contacts_are_none_of_an_app_s_business(self):
        contact = self.env["res.partner"].create({"name": "A supplier"})
        self.assertFalse(self._as("api", contact).search([("id", "=", contact.id)]))
        self.assertTrue(self._as("internal", contact).search([("id", "=", contact.id)]))

    def test_a_colleague_who_takes_part_stays_a_colleague(self):
        self.manager.partner_id.company_id = self.company
        self.env["spp.attendance.subscriber"].create(
            {
                "person_identifier": "T-20",
                "partner_id": self.manager.partner_id.id,
                "company_id": self.company.id,
            }
        )
        self.assertTrue(
            self._as("internal", self.manager.partner_id)._filtered_access(READ)
        )

    def test_no_hidden_way_in(self):
        """An officer can neither read nor write what is at a closed location."""
        closed = self.rows["spp.attendance.record"].filtered(
            lambda record: record.location_id == self.closed_site
        )
        as_officer = self._as("officer", closed)
        with self.assertRaises(AccessError):
            as_officer.read(["description"])
        with self.assertRaises(AccessError):
            as_officer.write({"description": "mine"})
        with self.assertRaises(AccessError):
            as_officer.create(
                {"subscriber_id": self.joseph.id, "location_id": self.closed_site.id}
            )

    def test_a_branch_does_not_see_its_parent_s_participants(self):
        branch = self.env["res.company"].create(
            {"name": "Branch", "parent_id": self.company.id}
        )
        officer = new_test_user(
            self.env,
            login="test-attendance-branch",
            groups="base.group_user,spp_attendance.spp_attendance_group_officer",
            company_id=branch.id,
            company_ids=[(6, 0, branch.ids)],
        )
        contact = self.env["res.partner"].create(
            {"name": "Plain", "company_id": self.company.id}
        )
        seen = (
            (self.amina.partner_id + contact)
            .with_user(officer)
            .with_context(allowed_company_ids=branch.ids)
            ._filtered_access(READ)
        )
        self.assertEqual(seen.ids, contact.ids)

    def test_an_officer_changes_no_other_contacts(self):
        contact = self.env["res.partner"].create(
            {"name": "A supplier", "company_id": self.company.id}
        )
        account = new_test_user(
            self.env, login="test-attendance-customer", groups="base.group_portal"
        )
        self._as("officer", self.amina.partner_id).write({"phone": "123"})
        self.assertEqual(self.amina.phone, "123")
        for partner in (contact, account.partner_id, self.company.partner_id):
            with self.subTest(partner.name), self.assertRaises(AccessError):
                self._as("officer", partner).write({"email": "mine@example.org"})
            with self.subTest(partner.name), self.assertRaises(AccessError):
                # Nor by making a participant of it, which would hide it from others.
                self._as("officer", self.amina).create(
                    {
                        "person_identifier": "T-30",
                        "partner_id": partner.id,
                        "email": "mine@example.org",
                    }
                )
        self.officer.group_ids += self.env.ref("base.group_partner_manager")
        self._as("officer", contact).write({"email": "office@example.org"})
        self.assertEqual(contact.email, "office@example.org")
