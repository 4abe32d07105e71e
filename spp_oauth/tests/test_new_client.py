from odoo.tests import Form, TransactionCase, new_test_user

from ..oauth import secrets


class TestNewClient(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.scope = cls.env["spp.oauth.scope"].create(
            {"name": "wizard:read", "description": "Read"}
        )
        cls.admin = new_test_user(
            cls.env, "oauth_admin", groups="spp_oauth.spp_oauth_group_admin"
        )

    def test_wizard(self):
        form = Form(self.env["spp.oauth.client.new"].with_user(self.admin))
        form.name = "Registry"
        form.scope_ids.add(self.scope)
        action = form.save().action_create()

        client = self.env["spp.oauth.client"].search([("name", "=", "Registry")])
        self.assertEqual(client.scope_ids, self.scope)
        self.assertEqual(client.company_id, self.env.company)
        self.assertShownOnce(action, client)

    def test_new_secret(self):
        client, secret = self.env["spp.oauth.client"]._new_client("A", ["wizard:read"])
        action = client.with_user(self.admin).action_new_secret()
        self.assertNotEqual(action["context"]["default_secret"], secret)
        self.assertShownOnce(action, client)

    def assertShownOnce(self, action, client):
        dialog = Form(
            self.env[action["res_model"]]
            .with_user(self.admin)
            .with_context(**action["context"])
        )
        self.assertEqual(dialog.client_id, client.client_id)
        slot = (secrets.hint(dialog.secret), client.sudo().secret_hash)
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
