from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

#: A process that has added nothing for so long has ended, or can begin anew.
IDLE = timedelta(days=1)


class SppOauthMetric(models.Model):
    """Counters of answered requests: the sum over all rows is what a scrape shows.

    A row for each worker process, so that none waits for another one; those of
    processes that ended become rows of no process, which changes no sum.
    """

    _name = "spp.oauth.metric"
    _description = "API Metric"
    _order = "route, method, status, bound_ms"
    _rec_name = "route"
    _log_access = False

    route = fields.Char(required=True, readonly=True)
    method = fields.Char(required=True, readonly=True)
    status = fields.Integer(required=True, readonly=True)
    bound_ms = fields.Integer(
        "At Most (ms)",
        required=True,
        readonly=True,
        help="The requests that took no longer, but longer than the bound before.",
    )
    worker = fields.Char(required=True, readonly=True)
    requests = fields.Float(required=True, readonly=True, digits=(20, 0))
    seconds = fields.Float(required=True, readonly=True)
    last_at = fields.Datetime("Last Request", required=True, readonly=True)

    _worker_unique = models.UniqueIndex(
        "(route, method, status, bound_ms, worker)", "This was counted before."
    )

    @api.model
    def _add(self, metrics, worker):
        """Add what a process has counted.

        :param metrics: (route, method, status, upper bound): (requests, seconds)
        :param str worker: who counted it
        """
        if not metrics:
            return
        rows = [(*key, *values) for key, values in sorted(metrics.items())]
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO spp_oauth_metric AS m (
                    route, method, status, bound_ms, requests, seconds, worker,
                    last_at)
                SELECT r.*, %(worker)s, %(now)s
                  FROM unnest(%(columns)s) AS r
                    %(add)s
                """,
                worker=worker,
                now=fields.Datetime.now(),
                columns=SQL(
                    "%s::varchar[], %s::varchar[], %s::int[], %s::int[],"
                    " %s::numeric[], %s::float8[]",
                    *map(list, zip(*rows, strict=True)),
                ),
                add=self._sql_add(),
            ),
            log_exceptions=False,
        )
        self.invalidate_model(flush=False)

    @api.model
    def _sql_add(self):
        return SQL(
            """
            ON CONFLICT (route, method, status, bound_ms, worker) DO UPDATE
               SET requests = m.requests + excluded.requests,
                   seconds = m.seconds + excluded.seconds,
                   last_at = greatest(m.last_at, excluded.last_at)
            """
        )

    @api.autovacuum
    def _gc_metric(self):
        """Add up what processes counted that have ended."""
        self.env.cr.execute(
            SQL(
                """
                WITH past AS (
                    DELETE FROM spp_oauth_metric
                     WHERE last_at < %(until)s AND worker <> ''
                 RETURNING *)
                INSERT INTO spp_oauth_metric AS m (
                    route, method, status, bound_ms, requests, seconds, worker,
                    last_at)
                SELECT route, method, status, bound_ms, sum(requests),
                       sum(seconds), '', max(last_at)
                  FROM past
              GROUP BY route, method, status, bound_ms
                    %(add)s
                """,
                until=fields.Datetime.now() - IDLE,
                add=self._sql_add(),
            )
        )
        self.invalidate_model(flush=False)
