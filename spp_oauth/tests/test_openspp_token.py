import json

from odoo.tests import tagged

from .common import OAuthCase


@tagged("post_install", "-at_install")
class TestOpenSppToken(OAuthCase):
    def ask(self, body, content_type=None, path="/auth/token"):
        if not isinstance(body, str | bytes):
            body = json.dumps(body)
        headers = {"Content-Type": content_type}  # None: no such header
        return self.opener.post(
            self.base_url() + path, data=body, headers=headers, timeout=12
        )

    def own(self, **changes):
        return {
            "client_id": self.client.client_id,
            "client_secret": self.secret,
            **changes,
        }

    def assertRefused(self, response, status, error, description):
        self.assertEqual(response.status_code, status, response.text)
        self.assertEqual(
            response.json(), {"error": error, "error_description": description}
        )
        self.assertNotIn("Set-Cookie", response.headers)
        self.assertEqual(response.headers["Cache-Control"], "no-store")

    def test_token_without_a_content_type(self):
        response = self.ask(self.own())
        self.assertEqual(response.status_code, 200, response.text)
        self.assertNotIn("Content-Type", response.request.headers)
        self.assertEqual(
            response.headers["Content-Type"], "application/json; charset=utf-8"
        )
        self.assertNotIn("Set-Cookie", response.headers)
        body = response.json()
        self.assertEqual(body.keys(), {"access_token", "token_type", "expires_in"})
        self.assertEqual(body["token_type"], "Bearer")
        self.assertEqual(body["expires_in"], 600)
        whoami = self.call("/api/oauth/whoami", body["access_token"])
        self.assertEqual(whoami.json()["scopes"], ["probe:read", "probe:write"])
        event = self.env["spp.oauth.event"].search([], limit=1)
        self.assertEqual((event.kind, event.client_id), ("issued", self.client))

    def test_any_content_type_and_what_else_is_sent(self):
        for content_type in (
            "application/json",
            "text/plain",
            "application/x-www-form-urlencoded",
            "rubbish",
        ):
            body = self.own(grant_type="whatever", scope=["x"], more={})
            self.assertEqual(self.ask(body, content_type).status_code, 200)
        response = self.ask(self.own(), path="/auth/token?whatever=1")
        self.assertEqual(response.status_code, 200)

    def test_chunked(self):
        raw = json.dumps(self.own()).encode()
        response = self.ask_chunks([raw[:10], raw[10:]])
        self.assertEqual(response.status_code, 200, response.text)

    def ask_chunks(self, chunks):
        url = f"{self.base_url()}/auth/token"
        return self.opener.post(url, data=iter(chunks), timeout=12)

    def test_what_is_no_json(self):
        for body in ("{", "client_id=a&client_secret=b", b"\xff\xfe", "[" * 5000):
            self.assertRefused(
                self.ask(body), 400, "Bad Request", "data must be in JSON format."
            )

    def test_what_is_missing(self):
        for body in (
            "",
            " ",
            {},
            [],
            [1, 2],
            None,
            5,
            "a string",
            {"client_id": "x"},
            {"client_secret": "x"},
            {"client_id": "", "client_secret": "x"},
            {"client_id": None, "client_secret": "x"},
        ):
            text = body if body in ("", " ") else json.dumps(body)
            self.assertRefused(
                self.ask(text),
                400,
                "Bad Request",
                "client_id and client_secret are required.",
            )

    def test_basic_is_not_looked_at(self):
        response = self.opener.post(
            f"{self.base_url()}/auth/token",
            auth=(self.client.client_id, self.secret),
            timeout=12,
        )
        self.assertEqual(response.status_code, 400)

    def test_wrong(self):
        for body in (
            self.own(client_secret="wrong"),
            self.own(client_id="nobody"),
            self.own(client_id=5),
            self.own(client_secret={"a": 1}),
            self.own(client_id="a\0b"),
            self.own(client_id="\ud800"),
            self.own(client_secret="\ud800"),
        ):
            self.assertRefused(
                self.ask(body), 401, "Unauthorized", "Invalid client id or secret."
            )
        event = self.env["spp.oauth.event"].search([], limit=1)
        self.assertEqual(event.kind, "refused")

    def test_too_often(self):
        for _attempt in range(10):
            self.ask(self.own(client_secret="wrong"))
        response = self.ask(self.own())
        self.assertEqual(response.status_code, 429)
        self.assertEqual(response.json()["error"], "Too Many Requests")
        self.assertTrue(1 <= int(response.headers["Retry-After"]) <= 60)

    def test_other_verbs(self):
        response = self.url_open("/auth/token")
        self.assertEqual(response.status_code, 405)
        self.assertEqual(response.json()["error"], "Method Not Allowed")

    def test_big_body(self):
        response = self.ask("x" * 100_000)
        self.assertEqual(response.status_code, 413)
        self.assertEqual(response.headers["Content-Type"], "application/json")
