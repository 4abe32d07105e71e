from typing import NamedTuple

from odoo import api, models
from odoo.tools import SQL

from ..api.health import Health, HealthItem
from ..oauth.errors import LockedKey

#: A scheduled action may wait so long, in seconds, before something is wrong: one that
#: runs keeps its time until it ends, and may run for `limit_time_real_cron`.
CRON_LATE = 15 * 60


class HealthCheck(NamedTuple):
    """One thing that was looked at.

    :param name: in snake case; also names the metric `spp_<name>_<unit>`
    :param ok: whether all is well
    :param value: what was measured; None for what is no number
    :param unit: of the value, such as "seconds"; empty for a count
    :param description: one sentence, in English as it is for machines' keepers
    :param critical: without it the server cannot do its work: a load balancer is
        told to go elsewhere. What is out of order outside, or waits for people, is not
    """

    name: str
    ok: bool
    value: float | None
    unit: str
    description: str
    critical: bool = True


class SppOauthHealth(models.AbstractModel):
    """What a load balancer and a monitor ask: is everything in order here?

    Anybody may ask, often, and without a token: a check is one cheap query that only
    reads, and tells counts and ages, but no names.
    """

    _name = "spp.oauth.health"
    _description = "Health of the Server"

    @api.model
    def _checks(self):
        """All checks; addons add theirs to what `super` returns.

        :rtype: list[HealthCheck]
        """
        return [
            self._check_database(),
            self._check_cron(),
            self._check_signing_key(),
        ]

    @api.model
    def _api_health(self):
        """The checks, and what follows from them.

        :rtype: odoo.addons.spp_oauth.api.health.Health
        """
        checks = self._checks()
        failing = [check for check in checks if not check.ok]
        status = "degraded" if failing else "ok"
        if any(check.critical for check in failing):
            status = "failing"
        return Health(
            status=status,
            failing=[check.name for check in failing],
            checks=[HealthItem(**check._asdict()) for check in checks],
        )

    @api.model
    def _measure(self, query):
        """The one number that a query gives.

        Past the caller's rights, who is anybody: nothing but the number leaves.
        """
        [(value,)] = self.env.execute_query(query)
        return value

    @api.model
    def _check_database(self):
        self._measure(SQL("SELECT 1"))  # without an answer there is none from us either
        return HealthCheck("database", True, None, "", "The database answers.")

    @api.model
    def _check_cron(self):
        late = self._measure(
            SQL(
                """
                SELECT COALESCE(EXTRACT(EPOCH FROM
                           now() AT TIME ZONE 'UTC' - min(nextcall)), 0)::int
                  FROM ir_cron
                 WHERE active AND nextcall <= now() AT TIME ZONE 'UTC'
                """
            )
        )
        return HealthCheck(
            "cron_late",
            late < CRON_LATE,
            late,
            "seconds",
            "How long the scheduled action that waits longest has waited.",
            # all servers share it: to turn to another one would not help
            critical=False,
        )

    @api.model
    def _check_signing_key(self):
        kid = self._measure(
            SQL("SELECT max(kid) FROM spp_oauth_key WHERE state = 'active'")
        )
        try:
            usable = bool(kid and self.env["spp.oauth.key"]._private_key(kid))
        except LockedKey:
            usable = False
        return HealthCheck(
            "signing_key",
            usable,
            None,
            "",
            "There is a key that can sign access tokens.",
            # the first who asks for a token has one made, as on a neutralized copy
            critical=bool(kid),
        )
