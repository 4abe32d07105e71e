from odoo.tests import tagged

from .common import OAuthCase

ITEMS = "/api/oauth/probe/items"
HERE = "https://app.example.com"
ELSEWHERE = "https://example.net"


@tagged("post_install", "-at_install")
class TestCors(OAuthCase):
    def allow(self, origins):
        parameters = self.env["ir.config_parameter"]
        parameters.set_param("spp_oauth.cors_origins", origins)

    def preflight(self, path, origin=HERE, method="POST", token=""):
        headers = {"Origin": origin, "Access-Control-Request-Method": method}
        return self.call(path, token, headers, method="OPTIONS")

    def assertAllowed(self, response, origin=HERE):
        self.assertEqual(response.headers["Access-Control-Allow-Origin"], origin)
        self.assertNotIn("Access-Control-Allow-Credentials", response.headers)
        self.assertIn("Origin", response.headers["Vary"])

    def assertNotAllowed(self, response):
        for name in response.headers:
            self.assertFalse(name.lower().startswith("access-control"), name)
        self.assertIn("Origin", response.headers["Vary"], "for caches")

    def test_nobody_by_default(self):
        response = self.preflight(ITEMS)
        self.assertEqual(response.status_code, 204)
        self.assertNotAllowed(response)
        self.assertNotAllowed(self.call(ITEMS, headers={"Origin": HERE}))

    def test_only_who_is_on_the_list(self):
        self.allow(f" {HERE} ,https://other.example.com")
        for origin in (HERE, "https://other.example.com"):
            response = self.call(ITEMS, headers={"Origin": origin})
            self.assertEqual(response.status_code, 200)
            self.assertAllowed(response, origin)
            self.assertAllowed(self.preflight(ITEMS, origin), origin)
        for origin in (
            ELSEWHERE,
            "null",
            "http://app.example.com",
            f"{HERE}.example.net",
            f"{HERE}:8443",
            "https://APP.example.com",
        ):
            with self.subTest(origin):
                response = self.call(ITEMS, headers={"Origin": origin})
                self.assertEqual(response.status_code, 200)
                self.assertNotAllowed(response)
                self.assertNotAllowed(self.preflight(ITEMS, origin))

    def test_everybody(self):
        self.allow("*")
        response = self.call(ITEMS, headers={"Origin": ELSEWHERE})
        self.assertAllowed(response, "*")

    def test_no_origin_no_word(self):
        self.allow(HERE)
        self.assertNotAllowed(self.call(ITEMS))

    def test_preflight(self):
        self.allow(HERE)
        response = self.preflight(ITEMS)
        self.assertEqual((response.status_code, response.content), (204, b""))
        self.assertAllowed(response)
        methods = "GET, HEAD, OPTIONS, POST"
        self.assertEqual(response.headers["Access-Control-Allow-Methods"], methods)
        allowed = response.headers["Access-Control-Allow-Headers"].split(", ")
        for name in ("Authorization", "Content-Type", "Idempotency-Key"):
            self.assertIn(name, allowed)
        self.assertNotIn("X-CSRF-Token", allowed, "sessions are for our own pages")
        self.assertEqual(response.headers["Access-Control-Max-Age"], "3600")
        self.assertNotIn("Set-Cookie", response.headers)
        self.assertNotIn("Content-Type", response.headers)
        self.assertEqual(len(response.headers["X-Request-Id"]), 32)

    def test_options_says_all_that_can_be_done(self):
        for token in ("", "rubbish", None):
            response = self.call(ITEMS, token, method="OPTIONS")
            self.assertEqual(response.status_code, 204)
            self.assertEqual(response.headers["Allow"], "GET, HEAD, OPTIONS, POST")
        response = self.call("/oauth2/token", "", method="OPTIONS")
        self.assertEqual(response.headers["Allow"], "OPTIONS, POST")
        response = self.call("/api/oauth/none", "", method="OPTIONS")
        self.assertError(response, 404, "not_found")

    def test_errors_can_be_read_too(self):
        self.allow(HERE)
        origin = {"Origin": HERE}
        for status, response in (
            (401, self.call(ITEMS, "", origin)),
            (404, self.call("/api/none", None, origin)),
            (405, self.call(ITEMS, None, origin, method="PUT")),
            (415, self.call(ITEMS, None, origin, method="POST")),
            (404, self.call("/oauth2/none", "", origin, method="POST")),
        ):
            with self.subTest(status):
                self.assertEqual(response.status_code, status)
                self.assertAllowed(response)
                exposed = response.headers["Access-Control-Expose-Headers"]
                self.assertIn("X-Request-Id", exposed.split(", "))
