from collections import defaultdict

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)

from odoo import api, models
from odoo.exceptions import AccessError
from odoo.tools import SQL

from ..tools.deferred import BOUNDS_MS, NO_BOUND


class _Collector:
    """What `prometheus_client` wants to have: it asks for no more than this."""

    def __init__(self, families):
        self.families = families

    def collect(self):
        return self.families


class SppOauthMetrics(models.AbstractModel):
    """What has been counted in the database, in the format of Prometheus.

    All comes from the database, so that any worker of any machine tells the same.
    """

    _name = "spp.oauth.metrics"
    _description = "Metrics of the Server"

    @api.model
    def _exposition(self):
        """The metrics as text, in version 0.0.4 of the format.

        :rtype: str
        :raises AccessError: for people who don't administer API access; of a client
            the route asks for the scope
        """
        self._check_may_read()
        # of its own: what else counts in this process is nobody's business here
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Collector(self._families()))
        return generate_latest(registry).decode()

    @api.model
    def _check_may_read(self):
        user = self.env.user
        is_client = self.env.context.get("spp_oauth_client_id")
        if not is_client and not user.has_group("spp_oauth.spp_oauth_group_admin"):
            raise AccessError(
                self.env._("Only administrators of API access may read metrics.")
            )

    @api.model
    def _families(self):
        """The metrics; addons add theirs to what `super` returns.

        :rtype: list[prometheus_client.Metric]
        """
        return [*self._request_families(), *self._health_families()]

    @api.model
    def _request_families(self):
        requests = CounterMetricFamily(
            "spp_api_requests",
            "Requests that were answered, by template of the route.",
            labels=["route", "method", "status"],
        )
        latency = HistogramMetricFamily(
            "spp_api_request_duration_seconds",
            "How long requests took.",
            labels=["route", "method"],
        )
        buckets = defaultdict(lambda: defaultdict(int))
        seconds = defaultdict(float)
        # Past the caller's rights: counts of the whole server, and nothing of its data.
        rows = self.env.execute_query(
            SQL(
                """
                SELECT route, method, status, bound_ms, sum(requests), sum(seconds)
                  FROM spp_oauth_metric
              GROUP BY route, method, status, bound_ms
              ORDER BY route, method, status, bound_ms
                """
            )
        )
        totals = defaultdict(int)
        for route, method, status, bound, count, duration in rows:
            totals[route, method, str(status)] += int(count)
            buckets[route, method][bound] += int(count)
            seconds[route, method] += duration
        for labels, total in totals.items():
            requests.add_metric(labels, total)
        for labels, counts in buckets.items():
            latency.add_metric(labels, _cumulate(counts), seconds[labels])
        return [requests, latency]

    @api.model
    def _health_families(self):
        checks = self.env["spp.oauth.health"]._checks()
        healthy = GaugeMetricFamily(
            "spp_health_ok", "Whether a check of the health is ok.", labels=["check"]
        )
        for check in checks:
            healthy.add_metric([check.name], int(check.ok))
        return [
            healthy,
            *(
                GaugeMetricFamily(
                    "_".join(filter(None, ["spp", check.name, check.unit])),
                    check.description,
                    value=check.value,
                )
                for check in checks
                if check.value is not None
            ),
        ]


def _cumulate(counts):
    """Buckets as Prometheus has them: each with all that were faster."""
    total, result = 0, []
    for bound in (*BOUNDS_MS, NO_BOUND):
        total += counts[bound]
        result.append(("+Inf" if bound == NO_BOUND else str(bound / 1000), total))
    return result
