from unittest.mock import patch

from prometheus_client.parser import text_string_to_metric_families

from odoo.tests import HttpCase, tagged

from odoo.addons.spp_oauth.models.spp_oauth_health import HealthCheck
from odoo.addons.spp_oauth.tools import deferred

HEALTH = "/api/attendance/health"
METRICS = "/api/attendance/metrics"
# what a Prometheus of today sends
ACCEPT = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


@tagged("post_install", "-at_install")
class TestOperations(HttpCase):
    def setUp(self):
        super().setUp()
        deferred.clear(self.env.cr.dbname)
        self.addCleanup(deferred.clear, self.env.cr.dbname)

    def check_with(self, *checks):
        health = type(self.env["spp.oauth.health"])
        with patch.object(health, "_checks", lambda self: list(checks)):
            return self.url_open(HEALTH)

    def token(self, *scopes):
        client, secret = self.env["spp.oauth.client"]._new_client("Monitor", scopes)
        response = self.url_open(
            "/oauth2/token",
            data={
                "grant_type": "client_credentials",
                "client_id": client.client_id,
                "client_secret": secret,
            },
        )
        self.assertEqual(response.status_code, 200, response.text)
        return response.json()["access_token"]

    def scrape(self, token, **headers):
        return self.url_open(
            METRICS, headers={"Authorization": f"Bearer {token}", **headers}
        )

    def test_health(self):
        response = self.check_with(HealthCheck("one", True, 1, "", "Fine."))
        self.assertEqual(response.status_code, 200)
        self.assertEqual(response.headers["Cache-Control"], "no-store")
        self.assertNotIn("Set-Cookie", response.headers)
        self.assertEqual(
            response.json(),
            {
                "status": "ok",
                "failing": [],
                "checks": [
                    {
                        "name": "one",
                        "ok": True,
                        "value": 1,
                        "unit": "",
                        "description": "Fine.",
                        "critical": True,
                    }
                ],
            },
        )

    def test_what_needs_attention_is_no_reason_to_go_elsewhere(self):
        response = self.check_with(
            HealthCheck("minor", False, 1, "", "Look.", critical=False)
        )
        self.assertEqual(response.status_code, 200)
        self.assertEqual(response.json()["status"], "degraded")
        self.assertEqual(response.json()["failing"], ["minor"])

    def test_what_does_not_work(self):
        response = self.check_with(HealthCheck("major", False, 1, "", "Broken."))
        self.assertEqual(response.status_code, 503)
        self.assertEqual(response.headers["Cache-Control"], "no-store")
        self.assertEqual(response.json()["status"], "failing")
        self.assertEqual(response.json()["failing"], ["major"])

    def test_the_true_checks(self):
        response = self.url_open(HEALTH)
        names = {check["name"] for check in response.json()["checks"]}
        self.assertTrue(names.issuperset({"database", "cron_late", "signing_key"}))

    def test_metrics(self):
        token = self.token("metrics:read")
        self.scrape(token)
        self.url_open("/api/attendance/nowhere")
        deferred.flush(self.registry)
        response = self.scrape(token, Accept=ACCEPT)
        self.assertEqual(response.status_code, 200, response.text)
        self.assertEqual(
            response.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8"
        )
        self.assertEqual(response.headers["Cache-Control"], "no-store")
        counts = {
            tuple(sample.labels[label] for label in ("route", "method", "status")): (
                sample.value
            )
            for family in text_string_to_metric_families(response.text)
            for sample in family.samples
            if sample.name == "spp_api_requests_total"
        }
        self.assertEqual(counts[METRICS, "GET", "200"], 1)
        self.assertEqual(counts["/oauth2/token", "POST", "200"], 1)
        self.assertEqual(counts["unmatched", "GET", "404"], 1)

    def test_who_may_read_metrics(self):
        self.assertEqual(self.url_open(METRICS).status_code, 401)
        response = self.scrape(self.token("attendance:read"))
        self.assertEqual(response.status_code, 403)
        self.assertEqual(response.json()["error"]["code"], "insufficient_scope")
