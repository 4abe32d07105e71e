from unittest.mock import patch

from prometheus_client.parser import text_string_to_metric_families

from odoo.exceptions import AccessError
from odoo.tests import new_test_user, tagged

from ..models.spp_oauth_health import HealthCheck
from .test_deferred import DeferredCase

ROUTE = "/api/oauth/whoami"


@tagged("post_install", "-at_install")
class TestMetrics(DeferredCase):
    def exposition(self):
        self.flush()
        return self.env["spp.oauth.metrics"]._exposition()

    def samples(self):
        """Values by name and values of labels in the labels' order of names."""
        return {
            (sample.name, *dict(sorted(sample.labels.items())).values()): sample.value
            for family in text_string_to_metric_families(self.exposition())
            for sample in family.samples
        }

    def test_requests_of_all_workers(self):
        self.count()
        self.flush()
        with self.another_worker():
            self.count()
            self.count(method="POST", status=422)
            samples = self.samples()
        name = "spp_api_requests_total"
        self.assertEqual(samples[name, "GET", ROUTE, "200"], 2)
        self.assertEqual(samples[name, "POST", ROUTE, "422"], 1)

    def test_latencies(self):
        for seconds in (0.001, 0.005, 0.3, 60):
            self.count(seconds=seconds)
        self.count(seconds=0.3, status=404)
        samples = self.samples()
        name = "spp_api_request_duration_seconds"

        def bucket(bound):
            return samples[f"{name}_bucket", bound, "GET", ROUTE]

        self.assertEqual(bucket("0.005"), 2)
        self.assertEqual(bucket("0.25"), 2)
        self.assertEqual(bucket("0.5"), 4)
        self.assertEqual(bucket("10.0"), 4)
        self.assertEqual(bucket("+Inf"), 5)
        self.assertEqual(samples[f"{name}_count", "GET", ROUTE], 5)
        self.assertAlmostEqual(samples[f"{name}_sum", "GET", ROUTE], 60.606)

    def test_merging_changes_nothing(self):
        self.count()
        with self.another_worker():
            self.count()
            self.flush()
        before = self.exposition()
        self.env.cr.execute("UPDATE spp_oauth_metric SET last_at = '2020-01-01'")
        self.env["spp.oauth.metric"]._gc_metric()
        self.assertEqual(self.metrics().requests, 2)
        self.assertEqual(self.requests_of(self.exposition()), self.requests_of(before))

    def requests_of(self, text):
        return [line for line in text.splitlines() if line.startswith("spp_api")]

    def test_health_is_in_it(self):
        checks = [
            HealthCheck("queue", True, 12, "", "What waits."),
            HealthCheck("delay", False, 1.5, "seconds", "How long."),
            HealthCheck("plain", True, None, "", "No number."),
        ]
        health = type(self.env["spp.oauth.health"])
        with patch.object(health, "_checks", lambda self: checks):
            samples = self.samples()
        self.assertEqual(samples["spp_queue",], 12)
        self.assertEqual(samples["spp_delay_seconds",], 1.5)
        self.assertEqual(samples["spp_health_ok", "queue"], 1)
        self.assertEqual(samples["spp_health_ok", "delay"], 0)
        self.assertNotIn(("spp_plain",), samples)

    def test_nothing_of_this_process_is_in_it(self):
        text = self.exposition()
        self.assertNotIn("python_", text)
        self.assertNotIn("_created", text)

    def test_who_may_read_it(self):
        group = "spp_oauth.spp_oauth_group_admin"
        admin = new_test_user(self.env, "metrics_admin", groups=group)
        user = new_test_user(self.env, "metrics_user", groups="base.group_user")
        metrics = self.env["spp.oauth.metrics"]
        self.assertTrue(metrics.with_user(admin)._exposition())
        with self.assertRaises(AccessError):
            metrics.with_user(user)._exposition()
        service = self.client.user_id
        with self.assertRaises(AccessError):
            metrics.with_user(service)._exposition()
        token = {"spp_oauth_client_id": self.client.id}
        self.assertTrue(metrics.with_user(service).with_context(**token)._exposition())
