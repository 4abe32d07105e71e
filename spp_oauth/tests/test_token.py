from datetime import timedelta

from freezegun import freeze_time

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import TransactionCase, new_test_user

from ..oauth.errors import InvalidToken


class TestToken(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["spp.oauth.scope"].create({"name": "t:read", "description": "Read"})
        cls.model = cls.env["spp.oauth.token"]
        cls.server = cls.env["spp.oauth.server"]
        cls.client, _secret = cls.env["spp.oauth.client"]._new_client("App", ["t:read"])
        cls.admin = new_test_user(cls.env, "t_admin", "spp_oauth.spp_oauth_group_admin")

    def issue(self, client=None):
        found = self.server._find_client((client or self.client).client_id)
        text, access = self.server._issue(found, found.scopes)
        return text, self.model.search([("jti", "=", access.jti)])

    def assertRefused(self, text):
        with self.assertRaises(InvalidToken) as info:
            self.server._authenticate(text)
        self.assertEqual(info.exception.reason, "revoked_token")
        self.assertEqual(str(info.exception), "The token was revoked.")
        self.assertEqual(info.exception.client_id, self.client.id)

    def test_what_is_kept_of_a_token(self):
        text, token = self.issue()
        self.assertEqual(token.client_id, self.client)
        self.assertEqual(token.company_id, self.env.company)
        self.assertEqual(token.scope, "t:read")
        self.assertEqual(token.kid, self.env["spp.oauth.key"]._ensure_key().kid)
        self.assertEqual(token.expires_at - token.issued_at, timedelta(seconds=600))
        self.assertEqual(token.state, "valid")
        self.assertNotIn(text, str(token.read()))

    def test_revoke(self):
        text, token = self.issue()
        other_text, _other = self.issue()
        self.assertTrue(self.server._authenticate(text))
        token.with_user(self.admin).action_revoke()
        self.assertRefused(text)
        self.assertTrue(self.server._authenticate(other_text))
        self.assertEqual(token.state, "revoked")
        self.assertEqual(token.revoked_by_id, self.admin)
        event = self.env["spp.oauth.event"].search([("kind", "=", "revoked")])
        self.assertEqual(event.token_jti, token.jti)
        self.assertEqual(event.client_id, self.client)
        self.assertEqual(event.user_id, self.admin)

    def test_revoking_again_changes_nothing(self):
        _text, token = self.issue()
        with freeze_time(fields.Datetime.now() - timedelta(minutes=1)):
            token.action_revoke()
        first = token.revoked_at
        token.with_user(self.admin).action_revoke()
        self.assertEqual(token.revoked_at, first)
        self.assertEqual(token.revoked_by_id, self.env.user)

    def test_many_at_once(self):
        texts, found = zip(*(self.issue() for _number in range(3)), strict=True)
        self.model.concat(*found).with_user(self.admin).action_revoke()
        for text in texts:
            self.assertRefused(text)

    def test_a_token_that_is_not_known_is_good(self):
        text, token = self.issue()  # as on a replica that lags behind
        token.unlink()
        self.assertTrue(self.server._authenticate(text))

    def test_state(self):
        _text, good = self.issue()
        _text, revoked = self.issue()
        revoked.action_revoke()
        _text, expired = self.issue()
        expired.expires_at = fields.Datetime.now() - timedelta(seconds=1)
        own = [("client_id", "=", self.client.id)]
        for state, token in (
            ("valid", good),
            ("revoked", revoked),
            ("expired", expired),
        ):
            self.assertEqual(token.state, state)
            found = self.model.search([*own, ("state", "=", state)])
            self.assertEqual(found, token)
            others = self.model.search([*own, ("state", "!=", state)])
            self.assertEqual(others, good + revoked + expired - token)
        found = self.model.search([*own, ("state", "in", ["valid", "revoked"])])
        self.assertEqual(found, good + revoked)

    def test_expired_rows_go(self):
        _text, token = self.issue()
        _text, old = self.issue()
        old.expires_at = fields.Datetime.now() - timedelta(hours=2)
        self.assertEqual(self.model._gc_tokens(), (1, False))
        self.assertFalse(old.exists())
        self.assertTrue(token.exists())

    def test_tokens_are_only_read_and_revoked(self):
        _text, token = self.issue()
        token = token.with_user(self.admin)
        self.assertEqual(token.scope, "t:read")
        for operation in ("write", "create", "unlink"):
            self.assertFalse(token.has_access(operation))
        with self.assertRaises(AccessError):
            token.revoked_at = False

    def test_not_for_others(self):
        _text, token = self.issue()
        for login, group in (
            ("t_user", "base.group_user"),
            ("t_portal", "base.group_portal"),
        ):
            user = new_test_user(self.env, login, group)
            with self.assertRaises(AccessError):
                token.with_user(user).read()
            with self.assertRaises(AccessError):
                token.with_user(user).action_revoke()
        with self.assertRaises(AccessError):
            token.with_user(self.client.user_id).action_revoke()
        self.assertFalse(token.revoked_at)

    def test_not_for_administrators_of_other_companies(self):
        company = self.env["res.company"].create({"name": "Others"})
        theirs, _secret = self.env["spp.oauth.client"]._new_client(
            "Theirs", [], company_id=company.id
        )
        _text, token = self.issue(theirs)
        self.assertNotIn(token, self.model.with_user(self.admin).search([]))
        with self.assertRaises(AccessError):
            token.with_user(self.admin).action_revoke()
