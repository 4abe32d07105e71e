from odoo import http
from odoo.http import Response

from odoo.addons.spp_oauth.api import ApiResult, api_route
from odoo.addons.spp_oauth.api.health import Health

_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class AttendanceOperationsController(http.Controller):
    @api_route(
        "/api/attendance/health",
        methods=["GET"],
        auth="public",
        response=Health,
        responses={503: Health},
        readonly=True,
        tags=["Operations"],
    )
    def health(self):
        """Tell whether the server is in order, for load balancers and monitors.

        503 when it cannot do its work, with the same body.
        """
        health = self.env["spp.oauth.health"]._api_health()
        return ApiResult(health, status=503 if health.status == "failing" else 200)

    @api_route(
        "/api/attendance/metrics",
        methods=["GET"],
        scope="metrics:read",
        produces=["text/plain"],
        readonly=True,
        tags=["Operations"],
    )
    def metrics(self):
        """Tell what was counted, for Prometheus.

        Requests, their latencies, depths of queues and results of polls, of the whole
        server and as of the last second.
        """
        text = self.env["spp.oauth.metrics"]._exposition()
        return Response(text, content_type=_METRICS_TYPE)
