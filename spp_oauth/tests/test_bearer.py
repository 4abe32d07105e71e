import base64
import hmac
import json
import time
from datetime import timedelta

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from odoo import fields
from odoo.tests import TransactionCase, new_test_user, tagged

from ..oauth import keys, tokens
from ..tools import deferred
from .common import OAuthCase


@tagged("post_install", "-at_install")
class TestBearer(OAuthCase):
    def assertUnauthorized(self, response):
        self.assertError(response, 401, "invalid_token")
        challenge = response.headers["WWW-Authenticate"]
        self.assertIn('Bearer realm="api", error="invalid_token"', challenge)

    def test_without_a_token(self):
        response = self.call("/api/oauth/whoami", "")
        self.assertError(response, 401, "unauthorized")
        challenge = response.headers["WWW-Authenticate"]
        self.assertEqual(challenge, 'Bearer realm="api"', "RFC 6750 3.1: no error")

    def test_whoami(self):
        response = self.call("/api/oauth/whoami", self.issue(scopes=["probe:read"]))
        self.assertEqual(response.status_code, 200)
        self.assertNotIn("Set-Cookie", response.headers)
        self.assertEqual(
            response.json(),
            {
                "client_id": self.client.client_id,
                "name": "Probe",
                "user": f"oauth-{self.client.client_id}",
                "company": self.env.company.name,
                "scopes": ["probe:read"],
            },
        )

    def test_the_request_is_the_service_users(self):
        self.client.user_id.tz = "Asia/Kathmandu"
        response = self.call("/api/oauth/probe/user")
        self.assertEqual(
            response.json()["name"],
            f"{self.client.user_id.login} {self.env.company.name} False"
            f" {self.client.id} {self.client.id} Asia/Kathmandu",
        )

    def test_bad_tokens(self):
        now = int(time.time())
        authority = self.env["spp.oauth.server"]._authority()
        other = keys.generate()
        good = self.issue()
        head, claims, signature = good.split(".")
        for why, token in {
            "expired": self.issue(now=now - 600 - 60),
            "not yet issued": self.issue(now=now + 60),
            "other issuer": self.issue(
                authority=tokens.Authority("https://x", authority.audience)
            ),
            "other audience": self.issue(
                authority=tokens.Authority(authority.issuer, "https://x")
            ),
            "other key": self.issue(key=keys.load_private(other.private_pem, "k")),
            "forged kid": self.issue(
                key=keys.load_private(
                    other.private_pem, self.env["spp.oauth.key"]._signing_key().kid
                )
            ),
            "unknown client": self.issue(client_id="nobody"),
            "tampered": f"{head}.{claims}x.{signature}",
            "unsigned": f"{head}.{claims}.",
            "truncated": good[:-10],
            "rubbish": "rubbish",
        }.items():
            with self.subTest(why):
                self.assertUnauthorized(self.call("/api/oauth/whoami", token))

    def test_clock_skew(self):
        token = self.issue(now=int(time.time()) - 600 - 15)
        self.assertEqual(self.call("/api/oauth/whoami", token).status_code, 200)

    def test_other_headers(self):
        token = self.issue()
        for header in (
            f"Basic {token}",
            "Bearer",
            "Bearer ",
            f"Bearer {token}, Bearer {token}",
            f"Bearer {token} {token}",
            f"Token {token}",
        ):
            response = self.url_open(
                "/api/oauth/whoami", headers={"Authorization": header}
            )
            self.assertUnauthorized(response)
        response = self.url_open(
            "/api/oauth/whoami", headers={"Authorization": f"bEARER  {token}"}
        )
        self.assertEqual(response.status_code, 200)

    def test_token_in_the_address(self):
        response = self.url_open(f"/api/oauth/whoami?access_token={self.issue()}")
        self.assertError(response, 401, "unauthorized")

    def test_archived_client_or_user_is_refused_at_once(self):
        token = self.issue()
        self.assertEqual(self.call("/api/oauth/whoami", token).status_code, 200)
        self.client.active = False
        self.assertUnauthorized(self.call("/api/oauth/whoami", token))
        self.client.active = True
        self.client.user_id.active = False
        self.assertUnauthorized(self.call("/api/oauth/whoami", token))

    def test_missing_scope(self):
        token = self.issue(scopes=["probe:read"])
        response = self.call(
            "/api/oauth/probe/items", token, json={"items": []}, method="POST"
        )
        self.assertError(response, 403, "insufficient_scope")
        self.assertEqual(
            response.headers["WWW-Authenticate"],
            'Bearer realm="api", error="insufficient_scope", scope="probe:write"',
        )

    def test_scope_taken_away_after_the_token_was_issued(self):
        token = self.issue()
        path = "/api/oauth/probe/items/1"
        self.assertEqual(self.call(path, token).status_code, 200)
        self.client.scope_ids -= self.scopes[0]
        self.assertError(self.call(path, token), 403, "insufficient_scope")

    def test_scope_that_the_client_never_had(self):
        self.client.scope_ids -= self.scopes[0]
        token = self.issue(scopes=["probe:read"])
        response = self.call("/api/oauth/probe/items/1", token)
        self.assertError(response, 403, "insufficient_scope")

    def test_a_token_beats_a_session(self):
        new_test_user(self.env, "oauth_someone", groups="base.group_system")
        self.authenticate("oauth_someone", "oauth_someone")
        response = self.call("/api/oauth/probe/user")
        self.assertIn(self.client.user_id.login, response.json()["name"])

    def test_each_client_stays_in_its_company(self):
        company = self.env["res.company"].create({"name": "Other Company"})
        client, _secret = self.env["spp.oauth.client"]._new_client(
            "Elsewhere", ["probe:read"], company_id=company.id
        )
        response = self.call("/api/oauth/probe/user", self.issue(client))
        self.assertIn(" Other Company ", response.json()["name"])
        self.assertEqual(client.user_id.company_ids, company)


@tagged("post_install", "-at_install")
class TestMidLife(OAuthCase):
    """A token that was good, and the request after something happened."""

    def setUp(self):
        super().setUp()
        deferred.clear(self.env.cr.dbname)
        answer = self.ask_token((self.client.client_id, self.secret)).json()
        self.token = answer["access_token"]
        self.assertEqual(self.whoami().status_code, 200)
        self.addCleanup(self.env.registry.clear_cache, "stable")

    def whoami(self, token=None):
        return self.call("/api/oauth/whoami", token or self.token)

    def assertRefused(self, message, reason):
        error = self.assertError(self.whoami(), 401, "invalid_token")
        self.assertEqual(error["message"], message)
        deferred.flush(self.env.registry)
        event = self.env["spp.oauth.event"].search([], limit=1)
        self.assertEqual((event.kind, event.reason), ("refused", reason))
        self.assertEqual(event.client_id, self.client)
        jti = self.env["spp.oauth.token"].search([], limit=1).jti
        self.assertEqual(event.token_jti, jti)

    def test_revoked(self):
        self.env["spp.oauth.token"].search([], limit=1).action_revoke()
        self.assertRefused("The token was revoked.", "revoked_token")

    def test_client_archived(self):
        self.client.active = False
        message = "The client of this token is no longer active."
        self.assertRefused(message, "archived_client")
        self.client.active = True
        self.assertEqual(self.whoami().status_code, 200)

    def test_service_user_archived(self):
        self.client.user_id.active = False
        message = "The client of this token is no longer active."
        self.assertRefused(message, "archived_user")

    def test_client_expired(self):
        self.client.expires_at = fields.Datetime.now() + timedelta(hours=1)
        self.assertEqual(self.whoami().status_code, 200)
        self.client.expires_at = fields.Datetime.now() - timedelta(seconds=1)
        self.assertRefused("The client of this token has expired.", "expired_client")

    def test_networks(self):
        self.client.allowed_networks = "127.0.0.0/8"
        self.assertEqual(self.whoami().status_code, 200)
        self.client.allowed_networks = "192.0.2.0/24"
        self.assertRefused("This client may not call from here.", "wrong_network")

    def test_key_rotated(self):
        self.env["spp.oauth.key"]._rotate()
        self.assertEqual(self.whoami().status_code, 200)
        own = self.client.client_id, self.secret
        new = self.ask_token(own).json()["access_token"]
        self.assertEqual(self.whoami(new).status_code, 200)

    def test_key_withdrawn(self):
        # the key is looked for on a connection of its own, which within a test must
        # not be a read-write one inside of a read-only one
        self.set_registry_readonly_mode(False)
        self.addCleanup(self.set_registry_readonly_mode, True)
        retired = self.env["spp.oauth.key"]._rotate()
        self.assertEqual(self.whoami().status_code, 200)
        retired.action_withdraw()
        self.assertError(self.whoami(), 401, "invalid_token")

    def test_rate_limit(self):
        self.client.rate_limit = 5
        for _request in range(20):
            response = self.whoami()
            if response.status_code != 200:
                break
        self.assertError(response, 429, "too_many_requests")
        self.assertTrue(1 <= int(response.headers["Retry-After"]) <= 60)

    def test_who_is_throttled_does_not_fill_the_audit_log(self):
        config = self.env["ir.config_parameter"]
        config.set_param("spp_oauth.max_failures_address", "3")
        for _request in range(3):
            self.assertError(
                self.call("/api/oauth/whoami", "a.b.c"), 401, "invalid_token"
            )
        deferred.flush(self.env.registry)
        # the line on it is written on a connection of its own, as above
        self.set_registry_readonly_mode(False)
        self.addCleanup(self.set_registry_readonly_mode, True)
        for _request in range(3):
            self.assertError(
                self.call("/api/oauth/whoami", "a.b.c"), 429, "too_many_requests"
            )
        deferred.flush(self.env.registry)
        # within a test, the line on the throttling goes with the refused request
        events = self.env["spp.oauth.event"]
        self.assertEqual(events.search_count([("kind", "=", "refused")]), 3)

    def test_a_secret_rolls(self):
        self.client._renew_secret()
        self.assertEqual(self.whoami().status_code, 200, "its tokens stay good")


@tagged("post_install", "-at_install")
class TestForgery(OAuthCase):
    """Tokens that somebody made who does not have the signing key."""

    def setUp(self):
        super().setUp()
        key = self.env["spp.oauth.key"]._ensure_key()
        self.public = json.loads(key.public_jwk)
        self.private = self.env["spp.oauth.key"]._signing_key()
        authority = self.env["spp.oauth.server"]._authority()
        now = int(time.time())
        self.claims = {
            "iss": authority.issuer,
            "aud": authority.audience,
            "sub": self.client.client_id,
            "client_id": self.client.client_id,
            "scope": "probe:read",
            "jti": "forged",
            "iat": now,
            "exp": now + 600,
        }
        self.header = {"alg": "RS256", "typ": "at+jwt", "kid": key.kid}

    def encode(self, part):
        raw = json.dumps(part).encode()
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    def sign(self, header=(), **claims):
        """A token with a good signature of our own key."""
        text = ".".join(
            self.encode({**mine, **dict(changes)})
            for mine, changes in ((self.header, header), (self.claims, claims))
        )
        signature = self.private.private_key.sign(text.encode(), PKCS1v15(), SHA256())
        encoded = base64.urlsafe_b64encode(signature).rstrip(b"=").decode()
        return f"{text}.{encoded}"

    def assertRefused(self, token):
        response = self.call("/api/oauth/whoami", token)
        self.assertError(response, 401, "invalid_token")

    def test_the_hand_made_token_is_otherwise_good(self):
        response = self.call("/api/oauth/whoami", self.sign())
        self.assertEqual(response.status_code, 200)

    def test_algorithm_none(self):
        for alg in ("none", "None", "NONE"):
            header = self.encode({**self.header, "alg": alg})
            self.assertRefused(f"{header}.{self.encode(self.claims)}.")

    def test_hs256_with_the_public_key(self):
        pem = keys.load_public_key(self.public).as_pem(private=False)
        for secret in (pem, pem.strip(), json.dumps(self.public).encode()):
            header = self.encode({**self.header, "alg": "HS256"})
            text = f"{header}.{self.encode(self.claims)}"
            mac = hmac.new(secret, text.encode(), "sha256").digest()
            signature = base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
            self.assertRefused(f"{text}.{signature}")

    def test_headers(self):
        for header in (
            {"typ": "JWT"},
            {"typ": None},
            {"alg": "RS512"},
            {"alg": "ES256"},
            {"kid": None},
            {"kid": "x"},
            {"kid": "A" * 43},
            {"crit": ["exp"]},
        ):
            with self.subTest(header):
                self.assertRefused(self.sign(header))

    def test_claims(self):
        now = int(time.time())
        for claims in (
            {"iss": "https://other.example"},
            {"aud": "https://other.example"},
            {"aud": ["https://other.example"]},
            {"exp": now - 60},
            {"exp": None},
            {"nbf": now + 60},
            {"iat": now + 60},
            {"client_id": "nobody"},
            {"client_id": "a\0b"},
            {"jti": None},
            {"scope": None},
        ):
            with self.subTest(claims):
                self.assertRefused(self.sign(**claims))

    def test_an_id_token_or_an_assertion_of_ours_is_no_access_token(self):
        self.assertRefused(self.sign({"typ": "JWT"}, token_use="id"))

    def test_in_a_query_or_a_body(self):
        token = self.sign()
        response = self.url_open(f"/api/oauth/whoami?access_token={token}")
        self.assertEqual(response.status_code, 401)
        response = self.url_open(
            "/api/oauth/probe/fault/none", data={"access_token": token}
        )
        self.assertEqual(response.status_code, 401)


class TestVerificationCost(TransactionCase):
    def test_one_query(self):
        self.env["spp.oauth.scope"].create({"name": "cost", "description": "Cost"})
        model = self.env["spp.oauth.server"]
        client, _secret = self.env["spp.oauth.client"]._new_client("Cost", ["cost"])
        found = model._find_client(client.client_id)
        token, _access = model._issue(found, frozenset(["cost"]))
        model._authenticate(token)  # the keys and parameters are cached from now on
        self.env.invalidate_all()
        with self.assertQueryCount(1):
            grant = model._authenticate(token)
        self.assertEqual(grant.client_id, client.id)
        self.assertEqual(grant.user_id, client.user_id.id)
        self.assertEqual(grant.scopes, {"cost"})
