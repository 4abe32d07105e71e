from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

#: Minutes are kept so long, then only days, and these so long.
KEEP_MINUTES = timedelta(days=2)
KEEP_DAYS = timedelta(days=400)


class SppOauthUsage(models.Model):
    """How often a client called in a minute, as one worker process counted it.

    A row for each process: none waits for another one, or makes it fail. Minutes of
    the past become one row a client and day, of no process.
    """

    _name = "spp.oauth.usage"
    _description = "API Usage"
    _order = "minute desc, id desc"
    _rec_name = "client_id"
    _log_access = False

    client_id = fields.Many2one(
        "spp.oauth.client", required=True, readonly=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="cascade"
    )
    minute = fields.Datetime(
        "Time",
        required=True,
        readonly=True,
        index=True,
        help="Start of the minute, or of the day for what is older than two days.",
    )
    worker = fields.Char(required=True, readonly=True)
    requests = fields.Integer(required=True, readonly=True)
    last_at = fields.Datetime("Last Request", required=True, readonly=True)
    last_address = fields.Char(readonly=True)

    _worker_unique = models.UniqueIndex(
        "(client_id, minute, worker)", "This minute was counted before."
    )

    @api.model
    def _add(self, usage, worker):
        """Add what a process has counted; clients that are gone meanwhile are not.

        :param usage: (client id, minute): (requests, last at, last address)
        :param str worker: who counted it
        """
        if not usage:
            return
        rows = [(*key, *values) for key, values in sorted(usage.items())]
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO spp_oauth_usage AS u (
                    client_id, company_id, minute, worker, requests, last_at,
                    last_address)
                SELECT c.id, c.company_id, r.minute, %(worker)s, r.requests,
                       r.last_at, r.last_address
                  FROM unnest(%(columns)s) AS r (
                           client_id, minute, requests, last_at, last_address)
                  JOIN spp_oauth_client c ON c.id = r.client_id
                    %(add)s
                """,
                worker=worker,
                columns=SQL(
                    "%s::int[], %s::timestamp[], %s::int[], %s::timestamp[],"
                    " %s::varchar[]",
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
            ON CONFLICT (client_id, minute, worker) DO UPDATE
               SET requests = u.requests + excluded.requests,
                   last_address = CASE WHEN excluded.last_at >= u.last_at
                                       THEN excluded.last_address
                                       ELSE u.last_address END,
                   last_at = greatest(u.last_at, excluded.last_at)
            """
        )

    @api.autovacuum
    def _gc_usage(self):
        """Make days of the minutes of the past, and drop the days long past."""
        today = fields.Datetime.now().replace(hour=0, minute=0, second=0)
        self.env.cr.execute(
            SQL(
                "DELETE FROM spp_oauth_usage WHERE minute < %s",
                today - KEEP_DAYS,
            )
        )
        self.env.cr.execute(
            SQL(
                """
                WITH past AS (
                    DELETE FROM spp_oauth_usage
                     WHERE minute < %(until)s AND worker <> ''
                 RETURNING client_id, company_id, minute, requests, last_at,
                           last_address)
                INSERT INTO spp_oauth_usage AS u (
                    client_id, company_id, minute, worker, requests, last_at,
                    last_address)
                SELECT client_id, company_id, date_trunc('day', minute), '',
                       sum(requests), max(last_at),
                       (array_agg(last_address ORDER BY last_at DESC))[1]
                  FROM past
              GROUP BY client_id, company_id, date_trunc('day', minute)
                    %(add)s
                """,
                until=today - KEEP_MINUTES,
                add=self._sql_add(),
            )
        )
        self.invalidate_model(flush=False)
