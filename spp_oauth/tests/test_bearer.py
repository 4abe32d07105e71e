import time

from odoo.tests import TransactionCase, new_test_user, tagged

from ..oauth import keys, tokens
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


class TestVerificationCost(TransactionCase):
    def test_one_query(self):
        self.env["spp.oauth.scope"].create({"name": "cost", "description": "Cost"})
        model = self.env["spp.oauth.server"]
        client, _secret = self.env["spp.oauth.client"]._new_client("Cost", ["cost"])
        token = model._sign(model._find_client(client.client_id), frozenset(["cost"]))
        model._authenticate(token)  # the keys and parameters are cached from now on
        self.env.invalidate_all()
        with self.assertQueryCount(1):
            grant = model._authenticate(token)
        self.assertEqual(grant.client_id, client.id)
        self.assertEqual(grant.user_id, client.user_id.id)
        self.assertEqual(grant.scopes, {"cost"})
