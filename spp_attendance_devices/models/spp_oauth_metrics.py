from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from odoo import api, models
from odoo.tools import SQL


class SppOauthMetrics(models.AbstractModel):
    _inherit = "spp.oauth.metrics"

    @api.model
    def _families(self):
        return [*super()._families(), self._poll_family(), self._terminal_family()]

    @api.model
    def _poll_family(self):
        polls = CounterMetricFamily(
            "spp_device_polls",
            "Polls of terminals by how they ended: ok, or the code of the fault.",
            labels=["result"],
        )
        # those of archived terminals too: a counter never goes down
        rows = self.env.execute_query(
            SQL(
                """
                SELECT result.key, sum(result.value::bigint)
                  FROM spp_attendance_device d, jsonb_each_text(d.poll_results) result
              GROUP BY result.key
              ORDER BY result.key
                """
            )
        )
        for result, count in rows:
            polls.add_metric([result], int(count))
        return polls

    @api.model
    def _terminal_family(self):
        terminals = GaugeMetricFamily(
            "spp_device_terminals",
            "Terminals by their health and by whether they are left alone for faults.",
            labels=["health", "circuit"],
        )
        rows = self.env.execute_query(
            SQL(
                """
                SELECT health, circuit, count(*)
                  FROM spp_attendance_device
                 WHERE active
              GROUP BY health, circuit
              ORDER BY health, circuit
                """
            )
        )
        for health, circuit, count in rows:
            terminals.add_metric([health or "never", circuit], count)
        return terminals
