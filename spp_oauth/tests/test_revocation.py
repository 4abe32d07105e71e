from odoo.tests import tagged

from .common import OAuthCase


@tagged("post_install", "-at_install")
class TestRevocation(OAuthCase):
    def revoke(self, token, secret=None, **form):
        return self.opener.post(
            f"{self.base_url()}/oauth2/revoke",
            data={"token": token, **form},
            auth=(self.client.client_id, secret or self.secret),
            timeout=12,
        )

    def ask(self):
        answer = self.ask_token((self.client.client_id, self.secret)).json()
        return answer["access_token"]

    def test_own_token(self):
        token, other = self.ask(), self.ask()
        self.assertEqual(self.call("/api/oauth/whoami", token).status_code, 200)
        response = self.revoke(token, token_type_hint="access_token")
        self.assertEqual(response.status_code, 200)
        self.assertEqual(response.headers["Cache-Control"], "no-store")
        response = self.call("/api/oauth/whoami", token)
        error = self.assertError(response, 401, "invalid_token")
        self.assertEqual(error["message"], "The token was revoked.")
        self.assertEqual(self.call("/api/oauth/whoami", other).status_code, 200)
        row = self.env["spp.oauth.token"].search([("revoked_at", "!=", False)])
        self.assertEqual(row.client_id, self.client)
        self.assertFalse(row.revoked_by_id, "the client did")
        event = self.env["spp.oauth.event"].search([("kind", "=", "revoked")])
        self.assertEqual(event.reason, "by_client")
        self.assertEqual(event.token_jti, row.jti)
        self.assertEqual(event.client_id, self.client)

    def test_again(self):
        token = self.ask()
        self.assertEqual(self.revoke(token).status_code, 200)
        self.assertEqual(self.revoke(token).status_code, 200)
        events = self.env["spp.oauth.event"].search([("kind", "=", "revoked")])
        self.assertEqual(len(events), 1)

    def test_token_without_a_row(self):
        token = self.issue()
        self.assertEqual(self.revoke(token).status_code, 200)
        self.assertError(self.call("/api/oauth/whoami", token), 401, "invalid_token")

    def test_what_is_no_token(self):
        for text in ("rubbish", "a.b.c", self.issue(now=1_000_000_000)):
            response = self.revoke(text)
            self.assertEqual(response.status_code, 200)
            self.assertEqual(response.json(), {})

    def test_token_of_another_client(self):
        other, _secret = self.env["spp.oauth.client"]._new_client(
            "Other", ["probe:read"]
        )
        token = self.issue(other)
        response = self.revoke(token)
        self.assertEqual(response.status_code, 400)
        self.assertEqual(response.json()["error"], "invalid_grant")
        self.assertEqual(self.call("/api/oauth/whoami", token).status_code, 200)

    def test_refusals(self):
        token = self.ask()
        response = self.revoke(token, "wrong")
        self.assertEqual(response.status_code, 401)
        self.assertEqual(response.json()["error"], "invalid_client")
        self.assertEqual(self.revoke("").status_code, 400)
        self.assertEqual(self.call("/api/oauth/whoami", token).status_code, 200)
