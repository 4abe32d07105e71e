from unittest.mock import patch

from odoo.tests import tagged
from odoo.tools import mute_logger

from ..oauth import tokens
from .common import OAuthCase


@tagged("post_install", "-at_install")
class TestTokenEndpoint(OAuthCase):
    def assertRefused(self, response, status, code):
        self.assertEqual(response.status_code, status, response.text)
        self.assertEqual(response.headers["Content-Type"], "application/json")
        self.assertEqual(response.headers["Cache-Control"], "no-store")
        self.assertNotIn("Set-Cookie", response.headers)
        self.assertLessEqual(response.json().keys(), {"error", "error_description"})
        self.assertEqual(response.json()["error"], code)

    def test_both_ways_to_authenticate(self):
        own = self.client.client_id, self.secret
        by_basic = self.ask_token(own)
        by_post = self.ask_token(client_id=own[0], client_secret=own[1])
        for response in (by_basic, by_post):
            self.assertEqual(response.status_code, 200)
            self.assertEqual(response.headers["Cache-Control"], "no-store")
            self.assertEqual(response.headers["Pragma"], "no-cache")
            self.assertNotIn("Set-Cookie", response.headers)
            body = response.json()
            self.assertEqual(body["token_type"], "Bearer")
            self.assertEqual(body["expires_in"], 600)
            self.assertEqual(body["scope"], "probe:read probe:write")
            whoami = self.call("/api/oauth/whoami", body["access_token"])
            self.assertEqual(whoami.status_code, 200)

    def test_narrower_scope_and_lifetime_of_the_client(self):
        self.client.token_lifetime = 60
        body = self.ask_token(
            (self.client.client_id, self.secret), scope="probe:read"
        ).json()
        self.assertEqual(body["scope"], "probe:read")
        self.assertEqual(body["expires_in"], 60)
        access = tokens.verify(
            body["access_token"],
            self.env["spp.oauth.key"]._verification_keys(),
            self.env["spp.oauth.server"]._authority(),
        )
        self.assertEqual(access.scopes, {"probe:read"})
        self.assertEqual(access.expires_at - access.issued_at, 60)

    def test_wrong_secret_and_unknown_client_look_alike(self):
        wrong = self.ask_token((self.client.client_id, "wrong"))
        unknown = self.ask_token(("nobody", "wrong"))
        for response in (wrong, unknown):
            self.assertRefused(response, 401, "invalid_client")
            challenge = response.headers["WWW-Authenticate"]
            self.assertEqual(challenge, 'Basic realm="oauth2"')
        self.assertEqual(wrong.content, unknown.content)

    def test_refusals(self):
        own = self.client.client_id, self.secret
        self.env["spp.oauth.scope"].create({"name": "other", "description": "Other"})
        self.assertRefused(self.ask_token(own, scope="none"), 400, "invalid_scope")
        self.assertRefused(self.ask_token(own, scope="other"), 400, "invalid_scope")
        self.assertRefused(
            self.ask_token(own, grant_type="password"), 400, "unsupported_grant_type"
        )
        self.assertRefused(self.ask_token(own, grant_type=""), 400, "invalid_request")
        self.assertRefused(
            self.ask_token(own, client_secret=self.secret), 400, "invalid_request"
        )
        self.assertRefused(self.ask_token(), 401, "invalid_client")
        self.assertRefused(
            self.ask_token(client_id="a\0b", client_secret="c"), 401, "invalid_client"
        )

    def test_archived_client_or_user(self):
        own = self.client.client_id, self.secret
        self.client.active = False
        self.assertRefused(self.ask_token(own), 401, "invalid_client")
        self.client.active = True
        self.assertEqual(self.ask_token(own).status_code, 200)
        self.client.user_id.active = False
        self.assertRefused(self.ask_token(own), 401, "invalid_client")

    def test_a_new_secret_replaces_the_old_one(self):
        new = self.client._renew_secret()
        old_one = self.ask_token((self.client.client_id, self.secret))
        self.assertRefused(old_one, 401, "invalid_client")
        self.assertEqual(self.ask_token((self.client.client_id, new)).status_code, 200)

    def test_client_without_a_secret(self):
        self.client.sudo().secret_hash = False
        for secret in ("", "False", "x"):
            response = self.ask_token((self.client.client_id, secret))
            self.assertRefused(response, 401, "invalid_client")

    def test_json_is_not_a_form(self):
        response = self.url_open(
            "/oauth2/token", json={"grant_type": "client_credentials"}
        )
        self.assertRefused(response, 400, "invalid_request")

    def test_secrets_in_the_address_are_refused(self):
        response = self.url_open(
            f"/oauth2/token?client_id={self.client.client_id}",
            data={"grant_type": "client_credentials", "client_secret": self.secret},
        )
        self.assertRefused(response, 400, "invalid_request")

    def test_big_form(self):
        response = self.ask_token(filler="x" * 100_000)
        self.assertRefused(response, 413, "payload_too_large")

    def test_bug(self):
        model = type(self.env["spp.oauth.server"])
        with (
            patch.object(model, "_sign", side_effect=ZeroDivisionError("a secret")),
            mute_logger("odoo.addons.spp_oauth.api.dispatcher"),
        ):
            response = self.ask_token((self.client.client_id, self.secret))
        self.assertRefused(response, 500, "server_error")
        self.assertNotIn("a secret", response.text)

    def test_other_verbs_and_paths(self):
        self.assertError(self.url_open("/oauth2/token"), 405, "method_not_allowed")
        response = self.url_open("/oauth2/token", method="DELETE")
        self.assertError(response, 405, "method_not_allowed")
        self.assertIn("POST", response.headers["Allow"])
        self.assertError(self.url_open("/oauth2/nothing"), 404, "not_found")

    def test_jwks(self):
        response = self.url_open("/oauth2/jwks")
        self.assertEqual(response.status_code, 200)
        [key] = response.json()["keys"]
        self.assertEqual(
            key.keys(), {"kty", "n", "e", "kid", "alg", "use"}, "nothing private"
        )
        self.assertEqual(key["kid"], self.env["spp.oauth.key"].search([]).kid)
