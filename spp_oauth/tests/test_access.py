from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import TransactionCase, new_test_user

MODELS = (
    "spp.oauth.client",
    "spp.oauth.client.new",
    "spp.oauth.client.secret",
    "spp.oauth.key",
    "spp.oauth.scope",
)
SECRETS = (("spp.oauth.client", "secret_hash"), ("spp.oauth.key", "private_pem"))


class TestAccess(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["spp.oauth.scope"].create(
            {"name": "access:read", "description": "Read"}
        )
        cls.client, _secret = cls.env["spp.oauth.client"]._new_client(
            "A", ["access:read"]
        )
        cls.strangers = {
            "internal": new_test_user(cls.env, "o_internal", "base.group_user"),
            "portal": new_test_user(cls.env, "o_portal", "base.group_portal"),
            "settings": new_test_user(cls.env, "o_erp", "base.group_erp_manager"),
            "service": cls.client.user_id,
            "public": cls.env.ref("base.public_user"),
        }
        cls.system = new_test_user(cls.env, "o_system", "base.group_system")

    def test_others_see_nothing(self):
        for role, user in self.strangers.items():
            for model in MODELS:
                records = self.env[model].with_user(user)
                for operation in ("read", "write", "create", "unlink"):
                    with self.subTest(f"{role} {operation} {model}"):
                        self.assertFalse(records.has_access(operation))
                with self.assertRaises(AccessError):
                    records.search([])

    def test_others_make_nothing(self):
        for role, user in self.strangers.items():
            with self.subTest(role):
                with self.assertRaises(AccessError):
                    self.client.with_user(user).action_new_secret()
                with self.assertRaises(AccessError):
                    self.client.with_user(user)._new_client("B", ["access:read"])
                with self.assertRaises(AccessError):
                    self.env["spp.oauth.client.new"].with_user(user).create(
                        {"name": "B", "scope_ids": self.client.scope_ids.ids}
                    )

    def test_system_administrators_administer(self):
        self.assertTrue(self.system.has_group("spp_oauth.spp_oauth_group_admin"))
        client = self.client.with_user(self.system)
        client.name = "Renamed"
        self.assertEqual(client.name, "Renamed")

    def test_secrets_are_beyond_administrators(self):
        for model, name in SECRETS:
            with self.subTest(f"{model}.{name}"):
                field = self.env[model]._fields[name]
                self.assertEqual(field.groups, fields.NO_ACCESS)
                self.assertFalse(field.copy)
                self.assertFalse(field.prefetch)
                records = self.env[model].with_user(self.system).search([])
                self.assertTrue(records)
                self.assertNotIn(name, records.fields_get())
                self.assertNotIn(name, records.read()[0])
                for call in (
                    lambda r=records, n=name: r.read([n]),
                    lambda r=records, n=name: r.export_data([n]),
                    lambda r=records, n=name: r.search([(n, "like", "a")]),
                    lambda r=records, n=name: r[0][n],
                ):
                    with self.assertRaises(AccessError):
                        call()

    def test_keys_are_only_read(self):
        key = self.env["spp.oauth.key"].with_user(self.system).search([], limit=1)
        for operation in ("write", "create", "unlink"):
            self.assertFalse(key.has_access(operation))
