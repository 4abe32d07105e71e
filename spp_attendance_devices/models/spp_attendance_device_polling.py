import logging
import random
import time
from datetime import UTC, datetime, timedelta
from functools import partial

from odoo import api, fields, models
from odoo.tools import SQL, config

from odoo.addons.spp_oauth.tools.retry import run_in_transaction

from .. import polling
from ..devices import DeviceError, DeviceInfo
from ..devices.adapter import Acknowledged, Reading
from ..devices.circuit import Circuit, after_fault
from ..devices.errors import (
    DeviceAuthFailed,
    DeviceBusy,
    DeviceIncomplete,
    DevicePermission,
    DeviceReplaced,
    InternalFault,
)

_logger = logging.getLogger(__name__)

#: A lease outlives the conversation's deadline by this, for storing the outcome.
LEASE_MARGIN = timedelta(seconds=30)
#: What is held is made to last again so often (s): what waits for a thread, or to be
#: stored, must not be read by somebody else meanwhile.
RENEW_EVERY = 10
#: A person waits for these, so they give up sooner than a poll (s).
PATIENCE = {"test": 20, "clock": 20, "push": 20, "users": 60}
DEFAULT_PARALLEL = 8
MIN_DEADLINE = 5
#: How long a lane goes on to claim terminals in one run (s).
LANE_SECONDS = 60
#: All that a terminal holds is read again so often.
FULL_EVERY = timedelta(days=1)


class SppAttendanceDevice(models.Model):
    """Who talks to a terminal, when, and what comes of it."""

    _inherit = "spp.attendance.device"

    # ---------------------------------------------------------------- lease

    @api.model
    def _claim_due(self, limit=None, elapsed=0):
        """Take the leases of terminals that are due, for whoever calls.

        The first statement of a fresh transaction that is committed at once, and run
        again on a serialization failure.

        :param int limit: at most so many; default the parallelism
        :param float elapsed: seconds that the lane has been at work already
        :return: list of :class:`polling.Claim`
        """
        longest = self._longest_reading()
        return self._take_leases(
            SQL(
                "active AND enabled"
                # One that pushes is read, too, where it can be: once a day.
                " AND (mode = 'poll' OR host <> '')"
                " AND next_poll_at <= clock_timestamp() AT TIME ZONE 'UTC'"
                " AND (circuit <> 'open'"
                " OR retry_at <= clock_timestamp() AT TIME ZONE 'UTC')"
            ),
            limit or self._parallelism(),
            deadline=longest and max(longest - int(elapsed), MIN_DEADLINE),
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

    def _claim_for_test(self, kind="test"):
        """Take this terminal's lease, switched off or not; None when it is taken."""
        self.ensure_one()
        claims = self._take_leases(
            SQL("id = %s", self.id), 1, deadline=PATIENCE[kind], kind=kind
        )
        return claims[0] if claims else None

    @api.model
    def _take_leases(self, condition, limit, deadline=None, kind="poll"):
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
                           + %(margin)s,
                       circuit = CASE WHEN %(is_poll)s AND d.circuit = 'open'
                                      THEN 'half_open' ELSE d.circuit END
                  FROM free
                 WHERE d.id = free.id
             RETURNING d.id, d.lease_token
                """,
                deadline=deadline,
                margin=LEASE_MARGIN,
                condition=condition,
                limit=limit,
                is_poll=kind == "poll",
            ),
            # Losing the race for a row is no error: the caller tries again.
            log_exceptions=False,
        )
        tokens = dict(self.env.cr.fetchall())
        self.invalidate_model(["lease_token", "lease_until", "circuit"], flush=False)
        claims = []
        for device in self.browse(tokens).sorted("id"):
            token = tokens[device.id]
            try:
                claims.append(device._claim(token, kind, deadline))
            except DeviceError as error:
                # Stored before the settings were checked, or its make is gone.
                device._store(token, error, kind)
        return claims

    def _claim(self, token, kind, deadline=None):
        device_sudo = self.sudo()  # the cursor goes to the adapter and nowhere else
        cursor = device_sudo.sync_cursor or None
        return polling.Claim(
            self.id,
            token,
            self._adapter_class(),
            self._config(deadline=deadline),
            cursor,
            kind,
            full=not cursor or self._is_whole_reading_due(),
        )

    def _is_whole_reading_due(self):
        if self.mode == "push":
            return True  # what is new is sent: it is read to see what was not
        last = self.full_read_at
        if last and fields.Datetime.now() - last < FULL_EVERY:
            return False
        # One that fails each time must not keep what is new from being read.
        return self.failure_count % 2 == 0

    @api.model
    def _parallelism(self):
        # The system's setting, not the caller's business data.
        params_sudo = self.env["ir.config_parameter"].sudo()
        value = params_sudo.get_param("spp_attendance_devices.parallel_polls") or ""
        return max(int(value), 1) if value.isdigit() else DEFAULT_PARALLEL

    def _hold_lease(self, token):
        """Whether the lease is still ours; if so it stays so in this transaction."""
        self.ensure_one()
        self.flush_recordset(["lease_token"])
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

    @api.model
    def _renew_leases(self, claims):
        """Have the leases last as if their conversations began now."""
        self.env.cr.execute(
            SQL(
                """
                UPDATE spp_attendance_device d
                   SET lease_until = clock_timestamp() AT TIME ZONE 'UTC'
                           + held.deadline * interval '1 second' + %s
                  FROM unnest(%s::int[], %s::varchar[], %s::float[])
                           AS held (id, token, deadline)
                 WHERE d.id = held.id AND d.lease_token = held.token
                """,
                LEASE_MARGIN,
                [claim.device_id for claim in claims],
                [claim.token for claim in claims],
                [claim.config.deadline for claim in claims],
            ),
            log_exceptions=False,
        )
        self.invalidate_model(["lease_until"], flush=False)

    # -------------------------------------------------------------- polling

    @api.model
    def _cron_poll(self):
        """Read terminals until none is due; one of several lanes that share the work.

        Terminals are read with no transaction open: ``_commit_progress`` ends the
        scheduled action's own, and nothing in between uses its cursor.
        """
        cron = self.env["ir.cron"]
        # A second run in the same pass would outlast the watchdog: it is made in
        # another pass.
        if cron._commit_progress() <= 0:
            cron._commit_progress(remaining=self._count_due())
            return
        size = self._parallelism()
        patience = min(LANE_SECONDS, (self._longest_reading() or LANE_SECONDS) / 4)
        cron._commit_progress()
        begun = renewed = time.monotonic()
        done = 0
        with polling.Pool(size) as pool:
            while True:
                now = time.monotonic()
                if pool.free and now - begun < patience:
                    self._fill(pool, now - begun)
                if not len(pool):
                    break
                if now - renewed >= RENEW_EVERY:
                    renewed = now
                    run_in_transaction(
                        self.env, partial(self._renew_in, claims=pool.claims)
                    )
                if talk := pool.next(timeout=1):
                    if claim := self._finish(talk):
                        pool.add(claim)
                    cron._commit_progress(1)
                    done += 1
        # What has fallen due since a run that found nothing is for the next one: Odoo
        # warns of a run that leaves something and has done nothing.
        cron._commit_progress(remaining=self._count_due() if done else 0)

    @api.model
    def _fill(self, pool, elapsed):
        claims = run_in_transaction(
            self.env,
            lambda env: env[self._name]._claim_due(pool.free, elapsed),
        )
        for claim in claims:
            pool.add(claim)

    @api.model
    def _count_due(self):
        now = fields.Datetime.now()
        return self.search_count(
            [
                ("enabled", "=", True),
                ("next_poll_at", "<=", now),
                "|",
                ("mode", "=", "poll"),
                ("host", "not in", (False, "")),
                "|",
                ("circuit", "!=", "open"),
                ("retry_at", "<=", now),
                "|",
                ("lease_until", "=", False),
                ("lease_until", "<", now),
            ]
        )

    @api.model
    def _finish(self, talk):
        """Store what a conversation gave, in a transaction of its own.

        :return: the claim of the conversation that follows on the same lease, or None
        """
        try:
            return run_in_transaction(self.env, partial(self._store_in, talk=talk))
        except Exception:
            # The scans stay on the terminal. Other terminals must not suffer.
            _logger.exception("Terminal %s: storing failed", talk.claim.device_id)
            fault = talk._replace(outcome=InternalFault("storing failed"))
            return run_in_transaction(self.env, partial(self._store_in, talk=fault))

    @api.model
    def _store_in(self, env, talk):
        """``_store`` and what follows, in an environment of its own."""
        claim = talk.claim
        device = env[self._name].browse(claim.device_id).exists()
        if not device or not device._hold_lease(claim.token):
            _logger.info("Terminal %s: the lease was lost", claim.device_id)
            return None
        outcome = device._store_talk(talk)
        following = device._following(claim, outcome)
        if following is None:
            device._give_back_lease()
        else:
            env[self._name]._renew_leases([following])
        return following

    @api.model
    def _renew_in(self, env, claims):
        env[self._name]._renew_leases(claims)

    def _following(self, claim, outcome):
        """What is still wanted of the terminal, now that ``outcome`` is stored.

        The lease is kept for it: nobody else may empty the log in between.
        """
        can = claim.adapter.capabilities
        if isinstance(outcome, Reading):
            clear = self.clear_after_read and can.clear and self.record_count > 0
            if outcome.acknowledge or (clear and not outcome.more):
                return claim._replace(
                    kind="acknowledge",
                    cursor=outcome.cursor,
                    clear=bool(clear and not outcome.more),
                )
        if isinstance(outcome, (Reading, Acknowledged)) and self._is_clock_set():
            return claim._replace(kind="clock")
        return None

    # ----------------------------------------------------- one conversation

    def _converse(self, kind, address=""):
        """Talk to this terminal now, for somebody who waits for it.

        The caller has checked that they may. The lease is taken and given back in
        transactions of their own, so none of it is undone with the caller's. That is
        committed before: it would see nothing of what comes.

        :param str kind: "test", "users", "clock" or "push"
        :param str address: of "push": where the terminal is to send its scans
        :return: DeviceInfo, or of "users" a list of UserData, or a DeviceError;
            DeviceBusy when somebody talks to the terminal already
        """
        self.ensure_one()
        self._end_transaction()
        claim = run_in_transaction(
            self.env, lambda env: env[self._name].browse(self.id)._claim_for_test(kind)
        )
        if claim is None:
            return DeviceBusy("it is being read at this moment")
        talk = polling.talk(claim._replace(address=address))
        return run_in_transaction(self.env, partial(self._store_and_end, talk=talk))

    @api.model
    def _store_and_end(self, env, talk):
        device = env[self._name].browse(talk.claim.device_id).exists()
        if not device or not device._hold_lease(talk.claim.token):
            return talk.outcome
        outcome = device._store_talk(talk)
        device._give_back_lease()
        return outcome

    # -------------------------------------------------------------- storing

    def _store(self, token, outcome, kind="poll"):
        """Store what a conversation gave, and give the lease back.

        Does nothing when the lease was lost meanwhile: somebody else reads the terminal
        now, and what was read here is still on it.

        :param str token: of the lease
        :param outcome: as :data:`polling.Outcome`
        :param str kind: as :data:`polling.Kind`
        :return: the outcome, or the fault found in it
        """
        self.ensure_one()
        if not self._hold_lease(token):
            _logger.info("Terminal %s: the lease was lost", self.id)
            return outcome
        now = datetime.now(UTC)
        claim = polling.Claim(self.id, token, None, None, kind=kind, full=True)
        outcome = self._store_talk(polling.Talk(claim, outcome, now, now))
        self._give_back_lease()
        return outcome

    def _give_back_lease(self):
        self.write({"lease_token": False, "lease_until": False})

    def _store_talk(self, talk):
        """Scans, cursor, health and run log in one transaction; the lease is held.

        :return: the outcome, or the fault found in it
        """
        claim, outcome = talk.claim, talk.outcome
        info = getattr(outcome, "info", outcome)
        info = info if isinstance(info, DeviceInfo) else None
        if info and self.serial and info.serial and info.serial != self.serial:
            outcome = DeviceReplaced(f"{info.serial} instead of {self.serial}")
            info = None  # it is of another terminal
        vals, fault, counts = self._prepare_info_vals(info), None, None
        if isinstance(outcome, DeviceError):
            fault = outcome
        elif isinstance(outcome, Reading):
            drift, begun = outcome.info.clock_drift or 0, fields.Datetime.now()
            counts = self.env["spp.attendance.scan"]._take(self, outcome.scans, drift)
            if outcome.complete:
                vals.update(self._prepare_cursor_vals(talk))
                vals.update(self._prepare_check_vals(talk, begun))
            else:
                fault = DeviceIncomplete(outcome.detail)
        elif isinstance(outcome, Acknowledged):
            vals.update(self._prepare_acknowledged_vals(outcome))
        elif isinstance(outcome, list):
            vals["user_count"] = len(outcome)
        vals.update(self._prepare_outcome_vals(claim.kind, outcome, fault))
        if claim.kind == "poll":
            # On the row whose lease is held, in the transaction of what was read: each
            # poll is counted once.
            known, result = self.poll_results or {}, fault.code if fault else "ok"
            vals["poll_results"] = {**known, result: known.get(result, 0) + 1}
        if claim.kind == "clock" and not fault:
            self._note_clock(self.clock_drift)
        self.write(vals)
        self._log_run(talk, outcome, fault, counts)
        return fault or outcome

    def _prepare_info_vals(self, info):
        """What a terminal says of itself; what it does not say stays as it was."""
        if info is None:
            return {}
        vals = {
            "serial": info.serial or None,
            "model": info.model or None,
            "firmware": info.firmware or None,
            "user_count": info.users,
            "record_count": info.records,
            "record_capacity": info.capacity,
            "clock_drift": info.clock_drift,
        }
        return {name: value for name, value in vals.items() if value is not None}

    def _prepare_cursor_vals(self, talk):
        reading = talk.outcome
        vals = {"sync_cursor": dict(reading.cursor) if reading.cursor else False}
        if talk.claim.full:
            vals["full_read_at"] = fields.Datetime.now()
        if reading.complete_until or not reading.more:
            until = min(talk.started_at, reading.complete_until or talk.started_at)
            # What is scanned now on a slow terminal is dated before now.
            until += timedelta(seconds=min(reading.info.clock_drift or 0, 0))
            vals["synced_until"] = until.astimezone(UTC).replace(tzinfo=None)
        return vals

    def _prepare_acknowledged_vals(self, outcome):
        vals = {}
        if outcome.cursor is not None:
            vals["sync_cursor"] = dict(outcome.cursor)
        if outcome.cleared is not None:
            vals["record_count"] = 0
            self._note_cleared(outcome.cleared)
        return vals

    def _prepare_outcome_vals(self, kind, outcome, fault):
        """When it is tried again, and what is wrong."""
        now = fields.Datetime.now()
        interval = timedelta(minutes=self.poll_interval)
        if self.mode == "push":
            interval = FULL_EVERY
        if fault is None:
            vals = {
                "last_success_at": now,
                "failure_count": 0,
                "circuit": "closed",
                "retry_at": False,
                "error_code": False,
                "error_detail": False,
            }
            if kind == "poll":
                vals["next_poll_at"] = now if outcome.more else now + interval
            elif self.circuit != "closed":
                vals["next_poll_at"] = now
            return vals
        if not self._is_about_terminal(kind, fault):
            return {}
        circuit, due = after_fault(
            Circuit(self.circuit, self.failure_count, self.retry_at or None),
            now,
            interval,
            random.random,
            transient=fault.transient,
            # It answers, and what it sends is wanted still.
            opens=not isinstance(fault, DeviceIncomplete),
        )
        return {
            "last_error_at": now,
            "failure_count": circuit.failures,
            "circuit": circuit.state,
            "retry_at": circuit.retry_at or False,
            "next_poll_at": due,
            "error_code": fault.code,
            "error_detail": fault.detail,
        }

    @api.model
    def _is_about_terminal(self, kind, fault):
        """Whether a fault says how the terminal is.

        That its clock may not be set, or its people not be read, must not keep its
        scans from being read.
        """
        if kind in ("poll", "test") or fault.transient:
            return True
        refused = isinstance(fault, DeviceAuthFailed)
        return refused and not isinstance(fault, DevicePermission)

    def _log_run(self, talk, outcome, fault, counts):
        started, ended = talk.started_at, talk.ended_at
        vals = {
            "device_id": self.id,
            "company_id": self.company_id.id,
            "kind": talk.claim.kind,
            "started_at": started.replace(tzinfo=None),
            "ended_at": ended.replace(tzinfo=None),
            "duration_ms": int((ended - started).total_seconds() * 1000),
            "result": fault.code if fault else "ok",
            "error_class": type(fault).__name__ if fault else False,
            "detail": (fault or outcome).detail
            if hasattr(fault or outcome, "detail")
            else False,
            "clock_drift": self.clock_drift,
        }
        if counts:
            vals.update(
                {f"{name}_count": number for name, number in counts._asdict().items()}
            )
        return self.env["spp.attendance.device.run"].create(vals)
