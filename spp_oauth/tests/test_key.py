from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import TransactionCase

from ..oauth import tokens
from ..oauth.errors import InvalidToken


class TestKey(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = cls.env["spp.oauth.key"]
        cls.clients = cls.env["spp.oauth.client"]
        cls.server = cls.env["spp.oauth.server"]
        cls.client, cls.secret = cls.clients._new_client("App", [])

    def sign(self):
        return self.server._sign(
            self.server._find_client(self.client.client_id), frozenset()
        )

    def test_made_at_install(self):
        self.assertEqual(len(self.model.search([])), 1)
        self.assertEqual(self.model._ensure_key(), self.model.search([]))

    def test_the_newest_key_signs_and_all_verify(self):
        before = self.sign()
        key = self.model._generate()
        after = self.sign()
        self.assertEqual(self.model._signing_key().kid, key.kid)
        for token in (before, after):
            self.assertEqual(self.server._authenticate(token).client_id, self.client.id)
        self.assertEqual(len(self.model._public_jwks()), 2)

    def test_a_key_that_is_gone_verifies_nothing(self):
        token = self.sign()
        self.model._generate()
        self.model.search([])[-1].unlink()
        with self.assertRaises(InvalidToken):
            self.server._authenticate(token)

    def test_tokens_are_of_this_database_alone(self):
        uuid = self.env["ir.config_parameter"].get_param("database.uuid")
        authority = self.server._authority()
        expected = f"urn:uuid:{uuid}"
        self.assertEqual(authority, tokens.Authority(expected, expected))

    def test_issuer_and_audience_can_be_set(self):
        token = self.sign()
        set_param = self.env["ir.config_parameter"].set_param
        set_param("spp_oauth.issuer", "https://issuer.example")
        set_param("spp_oauth.audience", "https://api.example")
        self.assertEqual(
            self.server._authority(),
            tokens.Authority("https://issuer.example", "https://api.example"),
        )
        with self.assertRaises(InvalidToken):
            self.server._authenticate(token)
        self.assertTrue(self.server._authenticate(self.sign()))

    def test_neutralized_copy(self):
        token = self.sign()
        for query in get_neutralization_queries(["spp_oauth"]):
            self.cr.execute(query)
        self.env.invalidate_all()
        self.env.registry.clear_cache("stable")
        self.assertFalse(self.client.active)
        self.assertFalse(self.client.sudo().secret_hash)
        with self.assertRaises(InvalidToken):
            self.server._authenticate(token)
        # a client made on the copy works there, with a key of the copy
        self.client, _secret = self.clients._new_client("Copy", [])
        self.assertTrue(self.server._authenticate(self.sign()))
