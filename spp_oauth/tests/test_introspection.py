from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from .common import OAuthCase


@tagged("post_install", "-at_install")
class TestIntrospection(OAuthCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other, cls.other_secret = cls.env["spp.oauth.client"]._new_client(
            "Other", ["probe:read"]
        )

    def introspect(self, token, client=None, secret=None, **form):
        auth = ((client or self.client).client_id, secret or self.secret)
        return self.opener.post(
            f"{self.base_url()}/oauth2/introspect",
            data={"token": token, **form},
            auth=auth,
            timeout=12,
        )

    def assertInactive(self, response):
        self.assertEqual(response.status_code, 200)
        self.assertEqual(response.json(), {"active": False})

    def ask(self):
        return self.ask_token((self.client.client_id, self.secret)).json()

    def test_own_token(self):
        token = self.ask()["access_token"]
        response = self.introspect(token, token_type_hint="access_token")
        self.assertEqual(response.status_code, 200)
        self.assertEqual(response.headers["Content-Type"], "application/json")
        self.assertEqual(response.headers["Cache-Control"], "no-store")
        body = response.json()
        authority = self.env["spp.oauth.server"]._authority()
        row = self.env["spp.oauth.token"].search([], limit=1)
        self.assertEqual(body.pop("exp") - body.pop("iat"), 600)
        self.assertEqual(
            body,
            {
                "active": True,
                "scope": "probe:read probe:write",
                "client_id": self.client.client_id,
                "token_type": "Bearer",
                "sub": self.client.client_id,
                "aud": authority.audience,
                "iss": authority.issuer,
                "jti": row.jti,
            },
        )

    def test_scopes_that_are_left(self):
        token = self.ask()["access_token"]
        self.client.scope_ids -= self.scopes[1]
        self.assertEqual(self.introspect(token).json()["scope"], "probe:read")

    def test_tokens_of_others_are_none_of_its_business(self):
        token = self.ask()["access_token"]
        self.assertInactive(self.introspect(token, self.other, self.other_secret))

    def test_trusted_gateway(self):
        token = self.ask()["access_token"]
        self.other.is_trusted_gateway = True
        response = self.introspect(token, self.other, self.other_secret)
        self.assertEqual(response.json()["client_id"], self.client.client_id)

    def test_trusted_gateway_of_another_company(self):
        company = self.env["res.company"].create({"name": "Elsewhere"})
        gateway, secret = self.env["spp.oauth.client"]._new_client(
            "Gateway", ["probe:read"], company_id=company.id, is_trusted_gateway=True
        )
        token = self.ask()["access_token"]
        self.assertInactive(self.introspect(token, gateway, secret))

    def test_tokens_that_are_not_good(self):
        token = self.ask()["access_token"]
        self.other.is_trusted_gateway = True

        def look():
            return self.introspect(token, self.other, self.other_secret)

        self.assertTrue(look().json()["active"])
        self.client.active = False
        self.assertInactive(look())
        self.client.active = True
        self.client.user_id.active = False
        self.assertInactive(look())
        self.client.user_id.active = True
        self.client.expires_at = fields.Datetime.now() - timedelta(seconds=1)
        self.assertInactive(look())
        self.client.expires_at = False
        self.assertTrue(look().json()["active"])
        self.env["spp.oauth.token"].search([], limit=1).action_revoke()
        self.assertInactive(look())
        self.assertInactive(self.introspect(self.issue(now=1_000_000_000)))
        self.assertInactive(self.introspect("rubbish"))
        self.assertInactive(self.introspect("x" * 20_000))

    def test_the_network_of_the_client_does_not_matter_here(self):
        # who asks is another program, which got the token from this client
        token = self.ask()["access_token"]
        self.client.allowed_networks = "192.0.2.1"
        self.other.is_trusted_gateway = True
        response = self.introspect(token, self.other, self.other_secret)
        self.assertTrue(response.json()["active"])

    def test_refusals(self):
        token = self.ask()["access_token"]
        response = self.introspect(token, secret="wrong")
        self.assertEqual(response.status_code, 401)
        self.assertEqual(response.json()["error"], "invalid_client")
        self.assertIn("Basic", response.headers["WWW-Authenticate"])
        event = self.env["spp.oauth.event"].search([], limit=1)
        self.assertEqual((event.kind, event.reason), ("refused", "wrong_secret"))
        self.assertEqual(event.endpoint, "/oauth2/introspect")
        response = self.introspect("")
        self.assertEqual(response.status_code, 400)
        self.assertEqual(response.json()["error"], "invalid_request")
        response = self.url_open(f"/oauth2/introspect?token={token}", data={"a": "b"})
        self.assertEqual(response.status_code, 400)
        response = self.call("/oauth2/introspect", token, data={"token": token})
        self.assertEqual(response.status_code, 401, "a token does not do")
