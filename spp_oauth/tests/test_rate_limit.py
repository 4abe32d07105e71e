from unittest.mock import patch

from freezegun import freeze_time

from odoo.tests import tagged

from ..tools import deferred
from .common import OAuthCase

WHOAMI = "/api/oauth/whoami"
NOW = "2026-03-10 12:00:20"


@tagged("post_install", "-at_install")
class TestRateLimit(OAuthCase):
    """A client may make so many requests a minute, whoever answers them."""

    def setUp(self):
        super().setUp()
        deferred.clear(self.env.cr.dbname)
        self.addCleanup(deferred.clear, self.env.cr.dbname)
        self.client.rate_limit = 3
        self.env["spp.oauth.usage"].search([]).unlink()
        self.token = self.issue(lifetime=3600)

    def issue(self, client=None, **options):
        with freeze_time(NOW):
            return super().issue(client, **options)

    def ask(self, token=None):
        return self.call(WHOAMI, token or self.token)

    def assertLimited(self, response, wait):
        error = self.assertError(response, 429, "too_many_requests")
        self.assertEqual(response.headers["Retry-After"], str(wait))
        return error

    @freeze_time(NOW)
    def test_one_too_many(self):
        for _number in range(3):
            self.assertEqual(self.ask().status_code, 200)
        self.assertLimited(self.ask(), 40)
        self.assertLimited(self.ask(), 40)

    def test_a_new_minute(self):
        with freeze_time(NOW):
            for _number in range(3):
                self.ask()
            self.assertLimited(self.ask(), 40)
        with freeze_time("2026-03-10 12:00:59"):
            self.assertLimited(self.ask(), 1)
        with freeze_time("2026-03-10 12:01:00"):
            self.assertEqual(self.ask().status_code, 200)

    @freeze_time(NOW)
    def test_what_other_workers_have_written_counts(self):
        with patch.object(deferred, "_state", deferred._State()):
            self.ask()
            self.ask()
            deferred.flush(self.registry)
        self.assertEqual(self.ask().status_code, 200)
        self.assertLimited(self.ask(), 40)

    def test_what_others_write_is_known_a_second_later(self):
        with freeze_time(NOW) as clock:
            self.assertEqual(self.ask().status_code, 200)
            with patch.object(deferred, "_state", deferred._State()):
                self.ask()
                self.ask()
                deferred.flush(self.registry)
            self.assertEqual(self.ask().status_code, 200)
            clock.tick(1)
            self.assertLimited(self.ask(), 39)

    @freeze_time(NOW)
    def test_what_is_written_counts_once(self):
        self.ask()
        self.ask()
        deferred.flush(self.registry)
        self.assertEqual(self.ask().status_code, 200)
        self.assertLimited(self.ask(), 40)

    @freeze_time(NOW)
    def test_clients_are_counted_apart(self):
        other, _secret = self.env["spp.oauth.client"]._new_client(
            "Other", ["probe:read"]
        )
        for _number in range(4):
            last = self.ask()
        self.assertLimited(last, 40)
        self.assertEqual(self.ask(self.issue(other)).status_code, 200)

    @freeze_time(NOW)
    def test_errors_count_and_refusals_do_not(self):
        self.assertError(
            self.call("/api/oauth/probe/fault/user", method="POST"),
            422,
            "validation_failed",
        )
        for _number in range(4):
            self.assertError(self.ask("not.a.token"), 401, "invalid_token")
        self.assertEqual(self.ask().status_code, 200)
        self.assertEqual(self.ask().status_code, 200)
        self.assertLimited(self.ask(), 40)
        deferred.flush(self.registry)
        usage = self.env["spp.oauth.usage"].search([])
        self.assertEqual(usage.requests, 3)
        self.assertEqual(usage.last_address, "127.0.0.1")

    @freeze_time(NOW)
    def test_last_used(self):
        self.ask()
        deferred.flush(self.registry)
        self.client.invalidate_recordset()
        self.assertEqual(str(self.client.last_used_at), NOW)
        self.assertEqual(self.client.last_used_address, "127.0.0.1")
        self.assertEqual(self.client.request_count_day, 1)
