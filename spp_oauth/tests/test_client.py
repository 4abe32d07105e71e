from datetime import timedelta

import psycopg2.errors

from odoo import fields
from odoo.exceptions import AccessDenied, AccessError, UserError, ValidationError
from odoo.tests import TransactionCase, new_test_user
from odoo.tools import mute_logger


class TestClient(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.read_group, cls.write_group = cls.env["res.groups"].create(
            [{"name": "Readers"}, {"name": "Writers"}]
        )
        cls.read, cls.write = cls.env["spp.oauth.scope"].create(
            [
                {
                    "name": "record:read",
                    "description": "Read things",
                    "group_ids": cls.read_group.ids,
                },
                {
                    "name": "record:write",
                    "description": "Write things",
                    "group_ids": (cls.read_group + cls.write_group).ids,
                },
            ]
        )
        cls.service_group = cls.env.ref("spp_oauth.spp_oauth_group_service")
        cls.model = cls.env["spp.oauth.client"]
        cls.client, cls.secret = cls.model._new_client("App", ["record:read"])
        cls.admin = new_test_user(
            cls.env, "oauth_admin", groups="spp_oauth.spp_oauth_group_admin"
        )

    def test_new_client(self):
        user = self.client.user_id
        self.assertEqual(user.login, f"oauth-{self.client.client_id}")
        self.assertEqual(user.group_ids, self.service_group + self.read_group)
        self.assertEqual(user.company_ids, self.env.company)
        self.assertEqual(self.client.company_id, self.env.company)
        self.assertTrue(user.share, "it is no internal user")
        self.assertEqual(self.client.token_lifetime, 600)
        self.assertNotIn(self.secret, self.client.sudo().secret_hash)

    def test_unknown_scope(self):
        with self.assertRaises(UserError):
            self.model._new_client("App", ["record:read", "record:burn"])

    def test_scopes_give_and_take_groups(self):
        by_hand = self.env["res.groups"].create({"name": "By hand"})
        self.client.user_id.group_ids += by_hand
        client = self.client.with_user(self.admin)
        client.scope_ids += self.write
        user = self.client.user_id
        always = self.service_group + by_hand
        self.assertEqual(user.group_ids, always + self.read_group + self.write_group)
        client.scope_ids -= self.write
        self.assertEqual(user.group_ids, always + self.read_group)
        client.scope_ids = False
        self.assertEqual(user.group_ids, always)

    def test_service_users_follow_when_a_scope_changes(self):
        self.client.active = False
        self.read.group_ids = self.write_group
        expected = self.service_group + self.write_group
        self.assertEqual(self.client.user_id.group_ids, expected)

    def test_administrator_of_the_api_alone_may(self):
        client, secret = self.model.with_user(self.admin)._new_client(
            "Mine", ["record:read"], token_lifetime=120
        )
        self.assertEqual(client.env.user, self.admin)
        self.assertEqual(client.name, "Mine")
        self.assertEqual(client.token_lifetime, 120)
        self.assertTrue(secret)

    def test_not_for_a_company_of_others(self):
        company = self.env["res.company"].create({"name": "Others"})
        with self.assertRaises(AccessError):
            self.model.with_user(self.admin)._new_client(
                "X", ["record:read"], company_id=company.id
            )

    def test_clients_of_other_companies_are_invisible(self):
        company = self.env["res.company"].create({"name": "Others"})
        theirs, _secret = self.model._new_client("T", [], company_id=company.id)
        found = self.model.with_user(self.admin).search([])
        self.assertIn(self.client, found)
        self.assertNotIn(theirs, found)
        with self.assertRaises(AccessError):
            theirs.with_user(self.admin).action_new_secret()

    def test_identity_is_fixed(self):
        root = self.env.ref("base.user_admin")
        client = self.client.with_user(self.admin)
        for vals in (
            {"user_id": root.id},
            {"client_id": "other"},
            {"company_id": self.env.company.id},
            {"secret_hash": "x"},
        ):
            with self.subTest(vals), self.assertRaises(AccessError):
                client.write(vals)
        with self.assertRaises(AccessError):
            client.create({"name": "X", "client_id": "x", "user_id": root.id})
        with self.assertRaises(AccessError):
            client.unlink()
        with self.assertRaises(AccessError):
            self.read.with_user(self.admin).group_ids = root.group_ids

    def test_token_lifetime(self):
        for lifetime in (0, 59, 86401, -600):
            with (
                self.subTest(lifetime),
                mute_logger("odoo.sql_db"),
                self.assertRaises(psycopg2.errors.CheckViolation),
                self.cr.savepoint(),
            ):
                self.client.token_lifetime = lifetime
                self.client.flush_recordset()
        for lifetime in (60, 86400):
            self.client.token_lifetime = lifetime
            self.client.flush_recordset()

    def test_acting_as_an_existing_user(self):
        person = new_test_user(self.env, "a_person", groups="base.group_user")
        groups = person.group_ids
        client, _secret = self.model._new_client(
            "Script", ["record:write"], user_id=person.id
        )
        twin, _secret = self.model._new_client("Twin", [], user_id=person.id)
        self.assertEqual((client + twin).user_id, person)
        client.scope_ids = self.read
        client.scope_ids = False
        self.assertEqual(person.group_ids, groups)
        with self.assertRaises(AccessError):
            self.model.with_user(self.admin)._new_client("X", [], user_id=person.id)

    def test_service_user_cannot_log_in(self):
        user = self.client.user_id
        user.password = "a password that somebody set"
        credential = {
            "type": "password",
            "login": user.login,
            "password": "a password that somebody set",
        }
        for active in (True, False):
            self.client.active = active
            with self.assertRaises(AccessDenied):
                user.with_user(user)._check_credentials(
                    credential, {"interactive": True}
                )

    def test_api_key_of_a_service_user_does_not_log_in(self):
        user = self.client.user_id
        expiration = fields.Datetime.now() + timedelta(days=1)
        key = (
            self.env["res.users.apikeys"]
            .with_user(user)
            .sudo()
            ._generate("rpc", "by hand", expiration)
        )
        credential = {"type": "password", "login": user.login, "password": key}
        with self.assertRaises(AccessDenied):
            user.with_user(user)._check_credentials(credential, {"interactive": False})

    def test_other_users_log_in_as_before(self):
        credential = {
            "type": "password",
            "login": "oauth_admin",
            "password": "oauth_admin",
        }
        info = self.admin.with_user(self.admin)._check_credentials(
            credential, {"interactive": True}
        )
        self.assertEqual(info["uid"], self.admin.id)

    def test_changes_are_kept_in_the_chatter(self):
        client, _secret = self.model._new_client("Watched", ["record:read"])
        self.cr.flush()  # so that the creation is logged before the secret
        client.with_user(self.admin).action_new_secret()
        message = client.message_ids[0]
        self.assertIn("new secret", message.body)
        self.assertEqual(message.author_id, self.admin.partner_id)

    def test_scope_names(self):
        for name in ("Thing:read", "thing read", 'thing"', "thïng"):
            with self.subTest(name), self.assertRaises(ValidationError):
                self.env["spp.oauth.scope"].create({"name": name, "description": "x"})
