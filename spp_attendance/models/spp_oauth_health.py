from odoo import api, models
from odoo.tools import SQL

from odoo.addons.spp_oauth.models.spp_oauth_health import HealthCheck

#: Anybody may ask, so what may be very many is counted no further.
MOST_UNTOLD = 10_000
#: A scheduled action looks after what is untold every minute: something is wrong with
#: what has waited for so many seconds.
LIVE_LATE = 5 * 60


class SppOauthHealth(models.AbstractModel):
    _inherit = "spp.oauth.health"

    @api.model
    def _checks(self):
        return [
            *super()._checks(),
            self._check_attendance_sheets(),
            *self._check_live_feed(),
        ]

    @api.model
    def _check_attendance_sheets(self):
        failing = self._measure(
            SQL(
                """
                SELECT count(*)
                  FROM spp_attendance_sheet
                 WHERE enabled
                   AND (last_error IS NOT NULL
                        OR COALESCE(last_checked, write_date)
                           < now() AT TIME ZONE 'UTC' - interval '5 minutes')
                """
            )
        )
        return HealthCheck(
            "attendance_sheets_failing",
            not failing,
            failing,
            "",
            "Sheets on the disk of a server that can't be written, or aren't.",
            # nothing is lost, and another server could do no better
            critical=False,
        )

    @api.model
    def _check_live_feed(self):
        [(waiting, late)] = self.env.execute_query(
            SQL(
                """
                SELECT count(*),
                       COALESCE(EXTRACT(EPOCH FROM
                           now() AT TIME ZONE 'UTC' - min(at)), 0)::int
                  FROM (SELECT at FROM spp_attendance_live_queue
                      ORDER BY id LIMIT %s) AS few
                """,
                MOST_UNTOLD,
            )
        )
        return [
            HealthCheck(
                "live_feed_waiting",
                True,
                waiting,
                "",
                "Transactions that live clients have not been told of;"
                f" {MOST_UNTOLD} stands for that many or more.",
                critical=False,
            ),
            HealthCheck(
                "live_feed_late",
                late < LIVE_LATE,
                late,
                "seconds",
                "For how long live clients have not been told of something.",
                # nothing is lost: clients catch up, and can read the lists meanwhile
                critical=False,
            ),
        ]
