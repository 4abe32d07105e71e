from odoo import api, models
from odoo.tools import SQL

from odoo.addons.spp_oauth.models.spp_oauth_health import CRON_LATE, HealthCheck

#: Anybody may ask, so what may be very many is counted no further.
MOST_SCANS = 10_000


class SppOauthHealth(models.AbstractModel):
    _inherit = "spp.oauth.health"

    @api.model
    def _checks(self):
        # none of them says that the server cannot do its work
        [(scans, overdue, failing, offline, waiting, pushed)] = self.env.execute_query(
            SQL(
                """
                SELECT (SELECT count(*)
                          FROM (SELECT FROM spp_attendance_scan
                                 WHERE state = 'unmatched' LIMIT %(most)s) AS few),
                       (SELECT count(*) FROM spp_attendance_device
                         WHERE active AND enabled
                           AND (mode = 'poll' OR host <> '')
                           AND (circuit <> 'open' OR retry_at IS NOT NULL)
                           AND GREATEST(next_poll_at, retry_at)
                               < now() AT TIME ZONE 'UTC'
                                 - %(late)s * interval '1 second'),
                       (SELECT count(*) FROM spp_attendance_device
                         WHERE active AND enabled AND failure_count > 0),
                       (SELECT count(*) FROM spp_attendance_device
                         WHERE active AND health = 'offline'),
                       (SELECT count(*) FROM spp_attendance_device
                         WHERE active AND enabled AND circuit = 'open'
                           AND retry_at IS NULL),
                       (SELECT count(*)
                          FROM spp_attendance_scan_queue q
                          JOIN spp_attendance_scan s ON s.id = q.first_id
                         WHERE s.received_at < now() AT TIME ZONE 'UTC'
                               - %(late)s * interval '1 second')
                """,
                most=MOST_SCANS,
                late=CRON_LATE,
            )
        )
        return [
            *super()._checks(),
            HealthCheck(
                "unmatched_scans",
                True,
                scans,
                "",
                f"Scans that wait for somebody to say whose they are; {MOST_SCANS}"
                " stands for that many or more.",
                critical=False,
            ),
            HealthCheck(
                "overdue_polls",
                not overdue,
                overdue,
                "",
                f"Terminals that should have been read {CRON_LATE // 60} minutes ago.",
                critical=False,
            ),
            HealthCheck(
                "failing_terminals",
                not failing,
                failing,
                "",
                "Terminals whose last conversation failed.",
                critical=False,
            ),
            HealthCheck(
                "offline_terminals",
                not offline,
                offline,
                "",
                "Terminals that gave no good answer, or did not call, for as long as"
                " they may.",
                critical=False,
            ),
            HealthCheck(
                "waiting_terminals",
                not waiting,
                waiting,
                "",
                "Terminals that are left alone until somebody repairs their settings.",
                critical=False,
            ),
            HealthCheck(
                "late_matching",
                not pushed,
                pushed,
                "",
                "Times that a terminal sent scans which were not matched"
                f" {CRON_LATE // 60} minutes later.",
                critical=False,
            ),
        ]
