import logging
from datetime import timedelta
from functools import partial

from odoo import api, fields, models
from odoo.tools import SQL, config

from odoo.addons.spp_oauth.tools.retry import run_in_transaction

from .. import polling
from ..devices import DeviceError, DeviceInfo
from ..devices.errors import DeviceIncomplete, DeviceReplaced, InternalFault

_logger = logging.getLogger(__name__)

#: A lease outlives the conversation's deadline by this, for storing the outcome.
LEASE_MARGIN = timedelta(seconds=30)
#: A person waits for a test, so it gives up sooner than a poll.
TEST_DEADLINE = 20
DEFAULT_PARALLEL = 8
MIN_DEADLINE = 5


class SppAttendanceDevice(models.Model):
    """Who talks to a terminal, when, and what comes of it."""

    _inherit = "spp.attendance.device"

    # ---------------------------------------------------------------- lease

    @api.model
    def _claim_due(self, limit=None):
        """Take the leases of terminals that are due, for whoever calls.

        The first statement of a fresh transaction that is committed at once, and run
        again on a serialization failure.

        :param int limit: at most so many; default the parallelism
        :return: list of :class:`polling.Claim`
        """
        return self._take_leases(
            SQL(
                "active AND enabled"
                " AND next_poll_at <= clock_timestamp() AT TIME ZONE 'UTC'"
            ),
            limit or self._parallelism(),
            deadline=self._longest_reading(),
        )

    @api.model
    def _longest_reading(self):
        """Seconds that one reading may take under the watchdog of scheduled actions.

        It ends a worker after ``limit_time_real_cron`` for a whole pass, in which both
        lanes may come one after the other. None without a watchdog.
        """
        limit = config["limit_time_real_cron"]
        if limit < 0:
            limit = config["limit_time_real"]
        return max(limit // 2 - 30, MIN_DEADLINE) if limit else None

    def _claim_for_test(self):
        """Take this terminal's lease, switched off or not; None when it is taken."""
        self.ensure_one()
        claims = self._take_leases(
            SQL("id = %s", self.id), 1, deadline=TEST_DEADLINE, is_poll=False
        )
        return claims[0] if claims else None

    @api.model
    def _take_leases(self, condition, limit, deadline=None, is_poll=True):
        self.flush_model()
        # The database's clock, so that the clocks of several servers don't matter.
        # Materialized: as a subquery it might run once a row, and pass the limit.
        self.env.cr.execute(
            SQL(
                """
                WITH free AS MATERIALIZED (
                    SELECT id
                      FROM spp_attendance_device
                     WHERE %(condition)s
                       AND (lease_until IS NULL OR lease_until
                            < clock_timestamp() AT TIME ZONE 'UTC')
                  ORDER BY next_poll_at, id
                     LIMIT %(limit)s
                       FOR NO KEY UPDATE SKIP LOCKED)
                UPDATE spp_attendance_device d
                   SET lease_token = gen_random_uuid()::text,
                       lease_until = clock_timestamp() AT TIME ZONE 'UTC'
                           + LEAST(d.deadline, %(deadline)s) * interval '1 second'
                           + %(margin)s
                  FROM free
                 WHERE d.id = free.id
             RETURNING d.id, d.lease_token
                """,
                deadline=deadline,
                margin=LEASE_MARGIN,
                condition=condition,
                limit=limit,
            ),
            # Losing the race for a row is no error: the caller tries again.
            log_exceptions=False,
        )
        tokens = dict(self.env.cr.fetchall())
        self.invalidate_model(["lease_token", "lease_until"], flush=False)
        claims = []
        for device in self.browse(tokens).sorted("id"):
            token = tokens[device.id]
            try:
                claims.append(
                    polling.Claim(
                        device.id,
                        token,
                        device._adapter_class(),
                        device._config(deadline=deadline),
                        device.sudo().sync_cursor,
                    )
                )
            except DeviceError as error:
                # Stored before the settings were checked, or its make is gone.
                device._store(token, error, is_poll=is_poll)
        return claims

    @api.model
    def _parallelism(self):
        # The system's setting, not the caller's business data.
        params_sudo = self.env["ir.config_parameter"].sudo()
        value = params_sudo.get_param("spp_attendance_devices.parallel_polls") or ""
        return max(int(value), 1) if value.isdigit() else DEFAULT_PARALLEL

    def _hold_lease(self, token):
        """Whether the lease is still ours; if so it stays so in this transaction."""
        self.ensure_one()
        self.env.cr.execute(
            SQL(
                "SELECT 1 FROM spp_attendance_device WHERE id = %s AND lease_token = %s"
                " FOR NO KEY UPDATE",
                self.id,
                token,
            ),
            log_exceptions=False,
        )
        return bool(self.env.cr.rowcount)

    # -------------------------------------------------------------- polling

    @api.model
    def _cron_poll(self):
        """Read terminals until none is due; one of several lanes that share the work.

        Terminals are read with no transaction open: ``_commit_progress`` ends the
        scheduled action's own, and nothing in between uses its cursor.
        """
        cron = self.env["ir.cron"]
        left = cron._commit_progress()
        while left > 0:
            claims = run_in_transaction(
                self.env, lambda env: env[self._name]._claim_due()
            )
            if not claims:
                break
            self._poll(claims)
            left = cron._commit_progress(len(claims), remaining=self._count_due())
        cron._commit_progress(remaining=0 if left > 0 else self._count_due())

    @api.model
    def _count_due(self):
        now = fields.Datetime.now()
        return self.search_count(
            [
                ("enabled", "=", True),
                ("next_poll_at", "<=", now),
                "|",
                ("lease_until", "=", False),
                ("lease_until", "<", now),
            ]
        )

    @api.model
    def _poll(self, claims):
        """Read claimed terminals at once, store each in a transaction of its own."""
        for claim, outcome in polling.read_all(claims):
            try:
                run_in_transaction(
                    self.env, partial(self._store_in, claim=claim, outcome=outcome)
                )
            except Exception:
                # The scans stay on the terminal. Other terminals must not suffer.
                _logger.exception("Terminal %s: storing failed", claim.device_id)
                fault = InternalFault("storing failed")
                run_in_transaction(
                    self.env, partial(self._store_in, claim=claim, outcome=fault)
                )

    @api.model
    def _store_in(self, env, claim, outcome, is_poll=True):
        """``_store`` for the terminal of a claim, in an environment of its own."""
        device = env[self._name].browse(claim.device_id)
        return device._store(claim.token, outcome, is_poll=is_poll)

    def _store(self, token, outcome, is_poll=True):
        """Store what a conversation gave: scans, health and lease in one transaction.

        Does nothing when the lease was lost meanwhile: somebody else reads the terminal
        now, and what was read here is still on it.

        :param str token: of the lease
        :param outcome: Reading, DeviceInfo or DeviceError
        :param bool is_poll: count it; somebody's test of the connection is no poll
        :return: the outcome, or the fault found in it
        """
        self.ensure_one()
        if not self._hold_lease(token):
            _logger.info("Terminal %s: the lease was lost", self.id)
            return outcome
        info = outcome if isinstance(outcome, DeviceInfo) else None
        if not isinstance(outcome, (DeviceError, DeviceInfo)):
            info = outcome.info
        if info and self.serial and info.serial and info.serial != self.serial:
            outcome = DeviceReplaced(f"{info.serial} instead of {self.serial}")
        vals = self._prepare_lease_vals()
        if isinstance(outcome, DeviceError):
            vals.update(self._prepare_failure_vals(outcome))
            if is_poll:
                vals.update(self._prepare_poll_vals(outcome.code))
            self.write(vals)
            return outcome
        vals.update(self._prepare_info_vals(info))
        fault = None
        if not isinstance(outcome, DeviceInfo):
            if outcome.complete:
                vals["sync_cursor"] = outcome.cursor
            if not outcome.complete:
                fault = DeviceIncomplete(outcome.detail)
            self._store_scans(outcome)
        vals.update(
            self._prepare_failure_vals(fault) if fault else self._prepare_success_vals()
        )
        if is_poll:
            vals.update(self._prepare_poll_vals(fault.code if fault else "ok"))
        self.write(vals)
        return fault or outcome

    def _store_scans(self, reading):
        Scan = self.env["spp.attendance.scan"]
        Scan._store(self, reading.scans)
        # Also those of earlier readings, whose person may be known by now.
        Scan._match(self)

    def _prepare_lease_vals(self):
        now = fields.Datetime.now()
        return {
            "lease_token": False,
            "lease_until": False,
            "next_poll_at": now + timedelta(minutes=self.poll_interval),
        }

    def _prepare_poll_vals(self, result):
        # On the row whose lease is held, in the transaction of what was read: each
        # poll is counted once.
        known = self.poll_results or {}
        return {"poll_results": {**known, result: known.get(result, 0) + 1}}

    def _prepare_info_vals(self, info):
        return {
            "serial": info.serial or self.serial,
            "model": info.model or self.model,
            "firmware": info.firmware or self.firmware,
            "record_count": info.records or 0,
            "clock_drift": info.clock_drift or 0,
        }

    def _prepare_success_vals(self):
        return {
            "last_success_at": fields.Datetime.now(),
            "failure_count": 0,
            "error_code": False,
            "error_detail": False,
        }

    def _prepare_failure_vals(self, fault):
        return {
            "last_error_at": fields.Datetime.now(),
            "failure_count": self.failure_count + 1,
            "error_code": fault.code,
            "error_detail": fault.detail,
        }
