import json
import time

from joserfc import jwt
from psycopg2.errors import SerializationFailure

from odoo import SUPERUSER_ID, api
from odoo.tests import TransactionCase, tagged

from ..oauth import keys, secrets
from .common import OAuthCase

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@tagged("post_install", "-at_install")
class TestPrivateKeyJwt(OAuthCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pair = keys.generate()
        cls.client.write(
            {
                "auth_method": "private_key_jwt",
                "public_keys": json.dumps(cls.pair.public_jwk),
            }
        )

    def assertion(self, pair=None, **claims):
        pair = pair or self.pair
        now = int(time.time())
        claims = {
            "iss": self.client.client_id,
            "sub": self.client.client_id,
            "aud": self.env["spp.oauth.server"]._authority().issuer,
            "jti": secrets.new_client_id(),
            "iat": now,
            "exp": now + 300,
            **claims,
        }
        key = keys.load_private(pair.private_pem, pair.kid, pair.algorithm)
        header = {"alg": pair.algorithm, "typ": "JWT", "kid": pair.kid}
        return jwt.encode(header, claims, key, algorithms=[pair.algorithm])

    def ask(self, assertion, **form):
        return self.ask_token(
            client_assertion_type=ASSERTION_TYPE, client_assertion=assertion, **form
        )

    def assertRefused(self, response, reason):
        self.assertEqual(response.status_code, 401, response.text)
        self.assertEqual(response.json()["error"], "invalid_client")
        event = self.env["spp.oauth.event"].search([], limit=1)
        self.assertEqual((event.kind, event.reason), ("refused", reason))
        self.assertEqual(event.client_identifier, self.client.client_id)

    def test_token(self):
        response = self.ask(self.assertion(), scope="probe:read")
        self.assertEqual(response.status_code, 200, response.text)
        self.assertEqual(response.json()["scope"], "probe:read")
        whoami = self.call("/api/oauth/whoami", response.json()["access_token"])
        self.assertEqual(whoami.json()["client_id"], self.client.client_id)

    def test_the_token_endpoint_as_audience(self):
        document = self.url_open("/.well-known/oauth-authorization-server").json()
        assertion = self.assertion(aud=document["token_endpoint"])
        self.assertEqual(self.ask(assertion).status_code, 200)

    def test_es256_in_pem(self):
        pair = keys.generate("ES256")
        pem = keys.load_public_key(pair.public_jwk).as_pem(private=False).decode()
        self.client.public_keys = pem
        self.assertEqual(self.ask(self.assertion(pair)).status_code, 200)

    def test_replay(self):
        assertion = self.assertion()
        self.assertEqual(self.ask(assertion).status_code, 200)
        self.assertRefused(self.ask(assertion), "replayed_assertion")

    def test_the_same_identifier_of_another_client(self):
        other, _secret = self.env["spp.oauth.client"]._new_client(
            "Other",
            ["probe:read"],
            auth_method="private_key_jwt",
            public_keys=json.dumps(self.pair.public_jwk),
        )
        own = other.client_id
        first, second = (
            self.assertion(jti="same"),
            self.assertion(jti="same", iss=own, sub=own),
        )
        self.assertEqual(self.ask(first).status_code, 200)
        self.assertEqual(self.ask(second).status_code, 200)

    def test_refusals(self):
        now = int(time.time())
        for assertion in (
            self.assertion(keys.generate()),
            self.assertion(aud="https://other.example"),
            self.assertion(exp=now - 60),
            self.assertion(exp=now + 7200),
            self.assertion(iss="other"),
        ):
            self.assertRefused(self.ask(assertion), "wrong_assertion")
        self.assertEqual(
            self.env["spp.oauth.assertion"].search_count([]), 0, "none was used"
        )

    def test_a_secret_does_not_do(self):
        response = self.ask_token((self.client.client_id, self.secret))
        self.assertRefused(response, "wrong_secret")

    def test_an_assertion_does_not_do_for_who_has_a_secret(self):
        self.client.auth_method = "client_secret"
        self.assertRefused(self.ask(self.assertion()), "wrong_assertion")
        response = self.ask_token((self.client.client_id, self.secret))
        self.assertEqual(response.status_code, 200)

    def test_archived(self):
        self.client.active = False
        self.assertRefused(self.ask(self.assertion()), "archived_client")

    def test_revocation_and_introspection(self):
        token = self.ask(self.assertion()).json()["access_token"]

        def post(path):
            return self.url_open(
                path,
                data={
                    "token": token,
                    "client_assertion_type": ASSERTION_TYPE,
                    "client_assertion": self.assertion(),
                },
            )

        self.assertTrue(post("/oauth2/introspect").json()["active"])
        self.assertEqual(post("/oauth2/revoke").status_code, 200)
        self.assertFalse(post("/oauth2/introspect").json()["active"])


class TestAssertion(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.model = cls.env["spp.oauth.assertion"]
        cls.client, _secret = cls.env["spp.oauth.client"]._new_client("App", [])

    def test_once(self):
        until = int(time.time()) + 300
        self.assertTrue(self.model._use(self.client.id, "a", until))
        self.assertFalse(self.model._use(self.client.id, "a", until))
        self.assertTrue(self.model._use(self.client.id, "b", until))

    def test_kept_until_it_has_expired(self):
        now = int(time.time())
        self.model._use(self.client.id, "old", now - 10)
        self.model._use(self.client.id, "new", now + 300)
        self.assertEqual(self.model._gc_assertions(), (1, False))
        self.assertEqual(self.model.search([]).mapped("jti"), ["new"])


class TestTwoWorkers(TransactionCase):
    """One assertion on two workers: two connections, each with its own snapshot."""

    def connect(self):
        cr = self.registry.cursor()
        self.addCleanup(cr.close)
        cr.execute("SELECT 1")  # from here on it sees what there was by now
        return api.Environment(cr, SUPERUSER_ID, {})

    def setUp(self):
        super().setUp()
        env = self.connect()
        issuer = env["ir.config_parameter"].get_param("spp_oauth.issuer")
        client, _secret = env["spp.oauth.client"]._new_client("Two workers", [])
        self.client_id = client.id
        self.addCleanup(self.remove, client.id, client.user_id.id, issuer)
        env.cr.commit()

    def remove(self, client_id, user_id, issuer):
        env = self.connect()
        env["ir.config_parameter"].set_param("spp_oauth.issuer", issuer)
        partner = env["res.users"].browse(user_id).partner_id
        env["spp.oauth.client"].browse(client_id).unlink()
        env["res.users"].browse(user_id).unlink()
        partner.unlink()
        env.cr.commit()

    def use(self, env):
        until = int(time.time()) + 300
        return env["spp.oauth.assertion"]._use(self.client_id, "once", until)

    def test_the_second_one_is_refused(self):
        first, second = self.connect(), self.connect()
        self.assertTrue(self.use(first))
        first.cr.commit()
        # Odoo runs a request again that fails like this
        with self.assertRaises(SerializationFailure):
            self.use(second)
        self.assertFalse(self.use(self.connect()))
