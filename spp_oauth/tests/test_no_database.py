from unittest.mock import patch

from odoo.http import RegistryError, Request
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from .. import hooks


@tagged("post_install", "-at_install")
class TestNoDatabase(HttpCase):
    """A load balancer and a program can tell that the database is out of reach."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # a runner that imports addons by itself has Odoo skip this
        hooks.post_load()

    def ask(self, path, **options):
        with (
            patch.object(Request, "_serve_db", side_effect=RegistryError("gone")),
            mute_logger("odoo.http"),
        ):
            return self.url_open(path, **options)

    def assertUnavailable(self, response):
        self.assertEqual(response.status_code, 503, response.text)
        self.assertEqual(response.headers["Content-Type"], "application/json")
        self.assertEqual(response.headers["Retry-After"], "10")
        self.assertEqual(response.headers["Cache-Control"], "no-store")
        return response.json()["error"]

    def test_the_api(self):
        for path in ("/api/oauth/whoami", "/api/attendance/health", "/api/nowhere"):
            error = self.assertUnavailable(self.ask(path))
            self.assertEqual(error["code"], "service_unavailable")
            self.assertEqual(error["message"], "The database does not answer.")

    def test_tokens(self):
        response = self.ask("/oauth2/token", data={"grant_type": "client_credentials"})
        self.assertEqual(self.assertUnavailable(response), "server_error")

    def test_all_else_is_as_ever(self):
        response = self.ask("/nowhere")
        self.assertEqual(response.status_code, 404)
        self.assertIn("text/html", response.headers["Content-Type"])
