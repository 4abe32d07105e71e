from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, TransactionCase, new_test_user

from ..oauth import secrets


class TestNewClient(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.scope, cls.default_scope = cls.env["spp.oauth.scope"].create(
            [
                {"name": "wizard:read", "description": "Read"},
                {"name": "wizard:write", "description": "Write", "is_default": True},
            ]
        )
        cls.admin = new_test_user(
            cls.env, "oauth_admin", groups="spp_oauth.spp_oauth_group_admin"
        )

    def test_wizard(self):
        role = self.env["spp.oauth.role"].create(
            {"name": "R", "description": "Limited"}
        )
        form = Form(self.env["spp.oauth.client.new"].with_user(self.admin))
        self.assertIn(self.default_scope, form.scope_ids[:])
        form.name = "Registry"
        form.purpose = "Tells us who is registered"
        form.scope_ids.clear()
        form.scope_ids.add(self.scope)
        form.role_id = role
        self.assertEqual(form.role_description, "Limited")
        form.expires_at = "2099-01-01 00:00:00"
        action = form.save().action_create()

        client = self.env["spp.oauth.client"].search([("name", "=", "Registry")])
        self.assertEqual(client.purpose, "Tells us who is registered")
        self.assertEqual(client.scope_ids, self.scope)
        self.assertEqual(client.role_id, role)
        self.assertEqual(client.company_id, self.env.company)
        self.assertEqual(client.rate_limit, 600)
        self.assertEqual(
            client.expires_at, fields.Datetime.to_datetime("2099-01-01 00:00:00")
        )
        self.assertShownOnce(action, client)

    def test_a_name_and_nothing_else(self):
        form = Form(self.env["spp.oauth.client.new"].with_user(self.admin))
        form.name = "Quick"
        form.save().action_create()
        client = self.env["spp.oauth.client"].search([("name", "=", "Quick")])
        self.assertIn(self.default_scope, client.scope_ids)
        self.assertFalse(client.role_id)
        self.assertFalse(client.expires_at)

    def test_companies_of_others_are_not_offered(self):
        other = self.env["res.company"].create({"name": "Others"})
        wizard = self.env["spp.oauth.client.new"].with_user(self.admin)
        with self.assertRaises(AccessError):
            wizard.create(
                {
                    "name": "X",
                    "company_id": other.id,
                    "scope_ids": self.scope.ids,
                }
            ).action_create()

    def test_rotation(self):
        client, old = self.env["spp.oauth.client"]._new_client("A", ["wizard:read"])
        for overlap, hours in (("1", 1), ("24", 24), ("168", 168), ("0", 0)):
            before = client.secret_hint
            action = client.with_user(self.admin).action_rotate_secret()
            form = Form(
                self.env[action["res_model"]]
                .with_user(self.admin)
                .with_context(**action["context"])
            )
            self.assertEqual(form.overlap, "24")
            self.assertEqual(form.secret_hint, before)
            form.overlap = overlap
            action = form.save().action_rotate()
            self.assertNotEqual(action["context"]["default_secret"], old)
            self.assertShownOnce(action, client)
            if hours:
                self.assertEqual(client.previous_secret_hint, before)
                self.assertEqual(
                    client.previous_secret_expires_at,
                    fields.Datetime.add(client.secret_created_at, hours=hours),
                )
        self.assertFalse(client.has_previous_secret)

    def test_archived_client_gets_no_secret(self):
        client, _secret = self.env["spp.oauth.client"]._new_client("A", [])
        client.active = False
        rotation = self.env["spp.oauth.client.rotate"].with_user(self.admin)
        rotation = rotation.create({"client_id": client.id})
        with self.assertRaises(UserError):
            rotation.action_rotate()

    def assertShownOnce(self, action, client):
        dialog = Form(
            self.env[action["res_model"]]
            .with_user(self.admin)
            .with_context(**action["context"])
        )
        client_sudo = client.sudo()
        slot = (client_sudo.secret_hint, client_sudo.secret_hash)
        self.assertEqual(dialog.client_id, client.client_id)
        self.assertTrue(secrets.verify_secret(dialog.secret, [slot]))
        command = f"curl -s -u '{client.client_id}:{dialog.secret}'"
        self.assertIn(command, dialog.curl)
        self.assertIn(f"{client.get_base_url()}/oauth2/token", dialog.curl)
        columns = self.env["spp.oauth.client.secret"]._fields
        stored = {name for name, field in columns.items() if field.column_type}
        self.assertFalse(
            {"client_id", "secret", "curl"}
            & {name for name in stored if columns[name].store}
        )
