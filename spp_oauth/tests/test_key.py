import os
from datetime import timedelta
from unittest.mock import patch

from freezegun import freeze_time
from joserfc import jws

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import TransactionCase, new_test_user
from odoo.tools import config, mute_logger

from ..models.spp_oauth_key import PASSPHRASE_OPTION, PASSPHRASE_VARIABLE
from ..oauth import keys, tokens
from ..oauth.errors import InvalidToken, LockedKey

KEY_LOG = "odoo.addons.spp_oauth.models.spp_oauth_key"
SERVER_LOG = "odoo.addons.spp_oauth.models.spp_oauth_server"


def jwt_header(token):
    return jws.extract_compact(token.encode()).headers()


class KeyCase(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = cls.env["spp.oauth.key"]
        cls.clients = cls.env["spp.oauth.client"]
        cls.server = cls.env["spp.oauth.server"]
        cls.client, cls.secret = cls.clients._new_client("App", [])

    def setUp(self):
        super().setUp()
        self.startPatcher(patch.dict(os.environ))
        os.environ.pop(PASSPHRASE_VARIABLE, None)
        # what one test has made must not be known to the next one
        self.addCleanup(self.env.registry.clear_cache, "stable")

    def sign(self):
        client = self.server._find_client(self.client.client_id)
        token, _access = self.server._issue(client, frozenset())
        return token

    def assertAccepted(self, token):
        self.assertEqual(self.server._authenticate(token).client_id, self.client.id)

    def assertRefused(self, token, reason):
        with self.assertRaises(InvalidToken) as info:
            self.server._authenticate(token)
        self.assertEqual(info.exception.reason, reason)

    def ask(self):
        form = {
            "grant_type": ["client_credentials"],
            "client_id": [self.client.client_id],
            "client_secret": [self.secret],
        }
        answer, _client_id = self.server._token_response(form, None, "192.0.2.1")
        return answer


class TestKey(KeyCase):
    def test_made_at_install(self):
        key = self.model.search([])
        self.assertEqual(len(key), 1)
        self.assertEqual(key.state, "active")
        self.assertEqual(key.algorithm, "RS256")
        self.assertEqual(self.model._ensure_key(), key)

    def test_tokens_are_of_this_database_alone(self):
        get_param = self.env["ir.config_parameter"].get_param
        authority = self.server._authority()
        self.assertEqual(authority.audience, f"urn:uuid:{get_param('database.uuid')}")
        token = self.sign()
        self.env["ir.config_parameter"].set_param("database.uuid", "that of a copy")
        self.assertRefused(token, "wrong_aud")

    def test_the_issuer_is_an_address(self):
        set_param = self.env["ir.config_parameter"].set_param
        set_param("spp_oauth.issuer", False)
        set_param("web.base.url", "https://odoo.example")
        self.assertEqual(self.server._authority().issuer, "https://odoo.example")
        self.assertEqual(self.server._base_url(), "https://odoo.example")
        set_param("spp_oauth.issuer", "https://issuer.example/")
        self.assertEqual(self.server._authority().issuer, "https://issuer.example/")
        self.assertEqual(self.server._base_url(), "https://issuer.example")
        set_param("spp_oauth.issuer", "urn:example:issuer")
        self.assertEqual(self.server._base_url(), "https://odoo.example")

    def test_issuer_and_audience_can_be_set(self):
        token = self.sign()
        set_param = self.env["ir.config_parameter"].set_param
        set_param("spp_oauth.issuer", "https://issuer.example")
        set_param("spp_oauth.audience", "https://api.example")
        self.assertEqual(
            self.server._authority(),
            tokens.Authority("https://issuer.example", "https://api.example"),
        )
        self.assertRefused(token, "wrong_iss")
        self.assertAccepted(self.sign())

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
        self.assertAccepted(self.sign())


class TestRotation(KeyCase):
    def test_the_new_key_signs_and_both_verify(self):
        old = self.model._ensure_key()
        before = self.sign()
        self.assertEqual(self.model._rotate(), old)
        new = self.model._ensure_key()
        self.assertNotEqual(new, old)
        after = self.sign()
        self.assertEqual(self.model._signing_key().kid, new.kid)
        self.assertAccepted(before)
        self.assertAccepted(after)
        self.assertEqual(
            [jwk["kid"] for jwk in self.model._public_jwks()], [new.kid, old.kid]
        )

    def test_a_retired_key_has_no_private_half(self):
        old = self.model._ensure_key()
        self.assertTrue(old.sudo().private_pem)
        self.model._rotate()
        self.assertEqual(old.state, "retired")
        self.assertFalse(old.sudo().private_pem)

    def test_it_verifies_until_its_last_token_has_expired(self):
        self.clients.with_context(active_test=False).search([]).token_lifetime = 600
        start = fields.Datetime.now()
        self.client.token_lifetime = 86400
        with freeze_time(start):
            long_lived = self.sign()
            self.client.token_lifetime = 600
            old = self.model._ensure_key()
        with freeze_time(start + timedelta(hours=1)):
            self.model._rotate()
        # the long token outlives what clients get now
        self.assertGreaterEqual(old.verifies_until, start + timedelta(days=1))
        self.assertLess(old.verifies_until, start + timedelta(days=1, minutes=10))
        with freeze_time(start + timedelta(hours=23)):
            self.assertAccepted(long_lived)
        with freeze_time(old.verifies_until + timedelta(seconds=1)):
            self.assertNotIn(old.kid, str(self.model._public_jwks()))
            self.model._cron_rotate()
            self.assertFalse(old.exists())

    def test_requests_in_flight_may_still_sign_with_it(self):
        self.clients.with_context(active_test=False).search([]).token_lifetime = 600
        start = fields.Datetime.now()
        old = self.model._ensure_key()
        with freeze_time(start):
            self.model._rotate()
        self.assertGreaterEqual(old.verifies_until, start + timedelta(seconds=930))

    def test_button(self):
        admin = new_test_user(self.env, "k_admin", "spp_oauth.spp_oauth_group_admin")
        old = self.model._ensure_key()
        action = old.with_user(admin).action_rotate()
        self.assertEqual(old.state, "retired")
        self.assertIn("old one are good until", action["params"]["message"])
        event = self.env["spp.oauth.event"].search([], limit=1)
        self.assertEqual((event.kind, event.reason), ("key", "rotated"))
        self.assertEqual(event.user_id, admin)

    def test_a_key_that_became_known_is_withdrawn(self):
        admin = new_test_user(self.env, "k_admin", "spp_oauth.spp_oauth_group_admin")
        old = self.model._ensure_key()
        token = self.sign()
        with self.assertRaises(UserError):
            old.with_user(admin).action_withdraw()
        old.with_user(admin).action_rotate()
        self.assertAccepted(token)
        old.with_user(admin).action_withdraw()
        self.assertRefused(token, "withdrawn_key")
        self.assertNotIn(old.kid, str(self.model._public_jwks()))
        event = self.env["spp.oauth.event"].search([], limit=1)
        self.assertEqual((event.kind, event.reason), ("key", "withdrawn"))
        self.model._cron_rotate()
        self.assertFalse(old.exists())

    def test_a_withdrawn_key_is_refused_even_where_it_is_cached(self):
        token = self.sign()
        old = self.model._ensure_key()
        self.model._rotate()
        cached = dict(self.model._verification_keys())
        old.verifies_until = fields.Datetime.now()
        with patch.object(type(self.model), "_verification_keys", lambda self: cached):
            self.assertRefused(token, "withdrawn_key")

    def test_a_key_that_the_cache_does_not_know(self):
        self.model._verification_keys()  # is cached from now on
        pair = keys.generate()
        new_key = keys.load_private(pair.private_pem, pair.kid)
        token = tokens.issue(
            new_key,
            self.server._authority(),
            client_id=self.client.client_id,
            subject=self.client.client_id,
            scopes=[],
            lifetime=600,
        )
        self.assertRefused(token, "unknown_key")
        # somebody else rotates: neither the cache nor this transaction sees it
        asked = self.on_primary(keys.load_public_key(pair.public_jwk))
        self.assertAccepted(token)
        self.assertEqual(asked, [pair.kid, pair.kid], "by the cache, by the database")

    def test_a_key_that_is_gone_but_cached(self):
        token = self.sign()
        old = self.model._rotate()
        cached = dict(self.model._verification_keys())
        old.unlink()
        self.patch(type(self.model), "_verification_keys", lambda self: cached)
        asked = self.on_primary(None)
        self.assertRefused(token, "withdrawn_key")
        self.assertEqual(asked, [jwt_header(token)["kid"]])

    def test_looking_on_the_primary_corrects_the_cache(self):
        # this connection is another one, so that it knows what is committed only
        [committed] = self.model.search([])
        known = self.model._verification_keys()
        known.clear()
        found = self.model._find_new_key(committed.kid)
        self.assertEqual(found.kid, committed.kid)
        self.assertEqual(list(known), [committed.kid])
        self.model._rotate()
        new_kid = self.model._ensure_key().kid
        known = self.model._verification_keys()
        self.assertIn(new_kid, known)
        self.assertIsNone(self.model._find_new_key(new_kid), "it is not committed")
        self.assertNotIn(new_kid, known)

    def on_primary(self, key):
        """What the primary database answers; and what it was asked for."""
        asked = []

        def find_new_key(self, kid):
            asked.append(kid)
            return key

        self.patch(type(self.model), "_find_new_key", find_new_key)
        return asked

    def test_others_do_not_rotate(self):
        key = self.model._ensure_key()
        for login, group in (
            ("k_user", "base.group_user"),
            ("k_portal", "base.group_portal"),
        ):
            user = new_test_user(self.env, login, group)
            for action in ("action_rotate", "action_withdraw"):
                with self.assertRaises(AccessError):
                    getattr(key.with_user(user), action)()
        self.assertEqual(key.state, "active")

    def test_only_one_signs(self):
        pair = keys.generate()
        with (
            mute_logger("odoo.sql_db"),
            self.assertRaisesRegex(Exception, "active_unique"),
            self.cr.savepoint(),
        ):
            self.model.create(
                {
                    "kid": pair.kid,
                    "algorithm": "RS256",
                    "public_jwk": "{}",
                    "private_pem": pair.private_pem,
                }
            )


class TestSchedule(KeyCase):
    def setUp(self):
        super().setUp()
        self.key = self.model._ensure_key()
        self.set_param = self.env["ir.config_parameter"].set_param

    def run_after(self, days):
        with freeze_time(self.key.activated_at + timedelta(days=days)):
            self.model._cron_rotate()
        return self.key.exists() and self.key.state

    def test_it_is_scheduled(self):
        cron = self.env.ref("spp_oauth.ir_cron_spp_oauth_key_rotate")
        self.assertEqual(cron.code, "model._cron_rotate()")
        self.assertEqual(cron.model_id.model, "spp.oauth.key")
        self.assertTrue(cron.active)

    def test_every_ninety_days(self):
        self.assertEqual(self.run_after(89), "active")
        self.assertEqual(self.run_after(90), "retired")
        event = self.env["spp.oauth.event"].search([], limit=1)
        self.assertEqual((event.kind, event.reason), ("key", "rotated"))

    def test_as_often_as_set(self):
        self.set_param("spp_oauth.key_rotation_days", "7")
        self.assertEqual(self.run_after(6), "active")
        self.assertEqual(self.run_after(8), "retired")

    def test_never(self):
        self.set_param("spp_oauth.key_rotation_days", "0")
        self.assertEqual(self.run_after(4000), "active")

    def test_nonsense_counts_as_not_set(self):
        self.set_param("spp_oauth.key_rotation_days", "soon")
        self.assertEqual(self.run_after(89), "active")
        self.assertEqual(self.run_after(90), "retired")

    def test_retired_keys_go(self):
        self.assertEqual(self.run_after(90), "retired")
        self.assertFalse(self.run_after(92))
        self.assertEqual(len(self.model.search([])), 1)


class TestAlgorithm(KeyCase):
    def test_es256_by_setting(self):
        before = self.sign()
        set_param = self.env["ir.config_parameter"].set_param
        set_param("spp_oauth.signing_algorithm", "ES256")
        self.assertEqual(self.model._ensure_key().algorithm, "RS256", "for new keys")
        self.model._rotate()
        key = self.model._ensure_key()
        self.assertEqual(key.algorithm, "ES256")
        self.assertAccepted(self.sign())
        self.assertAccepted(before)
        self.assertEqual(
            [jwk["alg"] for jwk in self.model._public_jwks()], ["ES256", "RS256"]
        )

    def test_nothing_else_by_setting(self):
        self.env["ir.config_parameter"].set_param("spp_oauth.signing_algorithm", "none")
        self.model._rotate()
        self.assertEqual(self.model._ensure_key().algorithm, "RS256")


class TestPassphrase(KeyCase):
    def forget(self):
        """As a process does that starts anew."""
        self.env.registry.clear_cache("stable")

    def test_new_keys_are_encrypted(self):
        with patch.dict(os.environ, {PASSPHRASE_VARIABLE: "open sesame"}):
            self.model._rotate()
            key = self.model._ensure_key()
            self.assertTrue(key.is_encrypted)
            self.assertIn("ENCRYPTED", key.sudo().private_pem)
            self.assertAccepted(self.sign())

    def test_from_the_configuration_file(self):
        with patch.dict(config.options, {PASSPHRASE_OPTION: "open sesame"}):
            self.model._rotate()
            self.assertTrue(self.model._ensure_key().is_encrypted)
            self.assertAccepted(self.sign())

    def test_an_existing_key_is_encrypted_once_there_is_a_passphrase(self):
        key = self.model._ensure_key()
        self.assertFalse(key.is_encrypted)
        kid = key.kid
        with patch.dict(os.environ, {PASSPHRASE_VARIABLE: "open sesame"}):
            self.assertAccepted(self.sign())
            self.assertTrue(key.is_encrypted)
            self.assertIn("ENCRYPTED", key.sudo().private_pem)
            self.assertEqual(self.model._signing_key().kid, kid)
            self.forget()
            self.assertAccepted(self.sign())

    def test_the_schedule_encrypts_as_well(self):
        with patch.dict(os.environ, {PASSPHRASE_VARIABLE: "open sesame"}):
            self.model._cron_rotate()
            self.assertTrue(self.model._ensure_key().is_encrypted)

    def test_a_new_key_is_not_worse_protected(self):
        with patch.dict(os.environ, {PASSPHRASE_VARIABLE: "open sesame"}):
            self.model._rotate()
        key = self.model._ensure_key()
        with self.assertRaisesRegex(UserError, PASSPHRASE_VARIABLE):
            key.action_rotate()
        with (
            freeze_time(key.activated_at + timedelta(days=100)),
            self.assertLogs(KEY_LOG, "ERROR") as logs,
        ):
            self.model._cron_rotate()
        self.assertIn(PASSPHRASE_VARIABLE, logs.output[0])
        self.assertEqual(key.state, "active")

    def test_another_passphrase_is_for_new_keys(self):
        with patch.dict(os.environ, {PASSPHRASE_VARIABLE: "open sesame"}):
            self.model._rotate()
        with patch.dict(os.environ, {PASSPHRASE_VARIABLE: "another"}):
            self.model._rotate()
            self.assertAccepted(self.sign())

    def test_without_the_passphrase_nothing_is_signed(self):
        with patch.dict(os.environ, {PASSPHRASE_VARIABLE: "open sesame"}):
            before = self.sign()
        for passphrase in (None, "", "wrong"):
            self.forget()
            with patch.dict(os.environ, {PASSPHRASE_VARIABLE: passphrase or ""}):
                with self.assertRaises(LockedKey):
                    self.model._signing_key()
                with self.assertLogs(SERVER_LOG, "ERROR") as logs:
                    answer = self.ask()
                self.assertEqual(answer.status, 503)
                self.assertEqual(answer.body["error"], "temporarily_unavailable")
                # others are accepted as before
                self.assertAccepted(before)
            [message] = logs.output
            self.assertIn(PASSPHRASE_VARIABLE, message)
            self.assertIn(PASSPHRASE_OPTION, message)
            self.assertNotIn("Traceback", message)
            self.assertNotIn("open sesame", message)
            self.assertNotIn("wrong", message)
        self.forget()
        with patch.dict(os.environ, {PASSPHRASE_VARIABLE: "open sesame"}):
            self.assertEqual(self.ask().status, 200)
