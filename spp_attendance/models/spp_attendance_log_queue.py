import json
import logging
from datetime import UTC, datetime, timedelta
from functools import partial

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL, format_datetime
from odoo.tools.constants import GC_UNLINK_LIMIT

from odoo.addons.spp_oauth.tools.retry import TRANSIENT, run_in_transaction

from ..acting import SENT, Actor, Sent, acting, as_actor
from ..api import digit_log

_logger = logging.getLogger(__name__)

#: Most logs in one transaction.
CHUNK = 1_000
_LANES = (
    "spp_attendance.ir_cron_log_queue_1",
    "spp_attendance.ir_cron_log_queue_2",
)
#: Faults after which a log is given up that waiting might have helped.
_PATIENCE = 8
_FIRST_WAIT = 30
_LONGEST_WAIT = 3600
#: What failed is kept for so many days: it names people.
_KEEP_DAYS = 60


class SppAttendanceLogQueue(models.Model):
    """A register's log that was sent in bulk and is not recorded yet, or couldn't be.

    A worker takes what waits, records it and removes it here, in one transaction: when
    it is cut short everything is as before, and the next worker takes it. What breaks
    a register's rules stays, with the reason, until somebody decides.
    """

    _name = "spp.attendance.log.queue"
    _description = "Log Sent in Bulk"
    _order = "id desc"

    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True, ondelete="restrict"
    )
    user_id = fields.Many2one(
        "res.users", string="In the Name of", readonly=True, ondelete="set null"
    )
    origin = fields.Char(readonly=True, help="Whose client references these are.")
    # For whom a trusted gateway spoke, if one did; see ``acting.Actor``.
    actor_uuid = fields.Char(string="Acting", readonly=True)
    actor_name = fields.Char(string="Name of Who Acts", readonly=True)
    actor_opens_all = fields.Boolean(readonly=True)
    kind = fields.Selection(
        [("create", "New log"), ("update", "Correction")],
        required=True,
        readonly=True,
    )
    log = fields.Json(readonly=True, help="As it was sent.")
    individual = fields.Char(string="Person", readonly=True, help="As it was sent.")
    register = fields.Char(readonly=True, help="As it was sent.")
    register_id = fields.Many2one(
        "spp.attendance.register",
        string="Register Found",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
    )
    subscriber_id = fields.Many2one(
        "spp.attendance.subscriber",
        string="Person Found",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
    )
    log_type = fields.Char(string="Type", readonly=True)
    logged_at = fields.Datetime(string="Instant", readonly=True)
    state = fields.Selection(
        [("queued", "Waiting"), ("failed", "Failed"), ("dismissed", "Dismissed")],
        string="Status",
        required=True,
        readonly=True,
        default="queued",
    )
    attempts = fields.Integer(string="Faults", readonly=True, aggregator=None)
    next_attempt_at = fields.Datetime(string="Next Attempt", readonly=True)
    code = fields.Char(readonly=True, help="Why it failed, for programs.")
    reason = fields.Char(readonly=True, help="The same as apps are told it.")
    why = fields.Char(string="Why Not Recorded", compute="_compute_why")
    resolved_by = fields.Many2one(
        "res.users", string="Dismissed by", readonly=True, ondelete="set null"
    )

    _due_idx = models.Index("(id) WHERE state = 'queued'")

    @api.depends("subscriber_id", "individual", "log_type", "logged_at")
    def _compute_display_name(self):
        for row in self:
            person = row.subscriber_id.display_name or row.individual
            time = row.logged_at and format_datetime(self.env, row.logged_at)
            parts = filter(None, (person, row.log_type, time))
            row.display_name = " · ".join(parts) or self.env._("Log %s", row.id)

    @api.depends("code", "reason")
    @api.depends_context("lang")
    def _compute_why(self):
        texts = {
            "UNAUTHORISED_USER": self.env._(
                "Who sent it is not on the staff of the register."
            ),
            "ATTENDANCE_LOG": self.env._("There is no such log to correct."),
            "REGISTER_NOT_FOUND": self.env._("The register was deleted."),
            "INACTIVE_REGISTER": self.env._("The register is not active."),
            "INVALID_TENANTID": self.env._("The register is another tenant's."),
            "INVALID_ATTENDANCE_TIME": self.env._(
                "The register doesn't cover that time."
            ),
            "UNENROLLED_ATTENDEES": self.env._(
                "The person is not enrolled in the register."
            ),
            "INELIGIBLE_ATTENDEES": self.env._(
                "The person was not enrolled at that time."
            ),
            "CLIENT_REFERENCE_ID": self.env._("Its reference is that of another log."),
            "NO_USER": self.env._("Who sent it may not use the system any more."),
            "FORBIDDEN": self.env._("Who sent it has no right to."),
            "INTERNAL": self.env._(
                "Something went wrong again and again; see the log."
            ),
        }
        for row in self:
            row.why = texts.get(row.code, row.reason)

    # ---------------------------------------------------------------- queueing

    @api.model
    def _enqueue(self, kind, logs, companies):
        """Keep logs to be recorded soon, in the name of who sends them.

        :param str kind: a value of the field
        :param list logs: what was sent, of whatever shape
        :param dict companies: ids by tenant: whose managers are told of a log; of
            another tenant's, those of the current company
        """
        actor = acting(self.env)
        own = self.env.company.id
        rows = []
        for number, log in enumerate(logs):
            told = digit_log.described(log)
            company_id = companies.get(told.pop("tenant"), own)
            rows.append({"n": number, "log": log, "company_id": company_id, **told})
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO spp_attendance_log_queue (
                    create_uid, create_date, write_uid, write_date, state, attempts,
                    next_attempt_at, company_id, user_id, origin, actor_uuid,
                    actor_name, actor_opens_all, kind,
                    log, individual, register, log_type, logged_at)
                SELECT %(uid)s, %(now)s, %(uid)s, %(now)s, 'queued', 0,
                       %(now)s, r.company_id, %(uid)s, %(origin)s, %(actor_uuid)s,
                       %(actor_name)s, %(opens_all)s, %(kind)s,
                       r.log, r.individual, r.register, r.log_type, r.logged_at
                  FROM jsonb_to_recordset(%(rows)s::jsonb) AS r(
                       n int4, log jsonb, company_id int4, individual varchar,
                       register varchar, log_type varchar, logged_at timestamp)
              ORDER BY r.n
                """,
                uid=self.env.uid,
                now=fields.Datetime.now(),
                origin=self.env["spp.attendance.record"]._api_origin(),
                actor_uuid=actor and actor.uuid,
                actor_name=actor and actor.name,
                opens_all=bool(actor and actor.opens_all),
                kind=kind,
                rows=json.dumps(rows),
            )
        )
        self.env["ir.cron"]._wake(*_LANES)

    # ------------------------------------------------------------------ worker

    @api.model
    def _cron_work(self):
        """Record what waits; one of several lanes."""
        cron = self.env["ir.cron"]
        left = cron._commit_progress()
        while left > 0 and (count := self._work()):
            left = cron._commit_progress(count)
        remaining = self._count_due() if left <= 0 else 0
        if remaining and (lane := cron.browse(self.env.context.get("cron_id"))):
            # As in an import: others get their turn, and then it goes on at once.
            lane._trigger()
        cron._commit_progress(remaining=remaining)

    @api.model
    def _work(self):
        """Record one chunk of what waits, in a transaction of its own.

        :return: how many logs were dealt with
        """
        claimed = []

        def work(env):
            model = env[self._name]
            claimed[:] = model._claim()
            if claimed:
                model.browse(claimed)._settle()

        try:
            run_in_transaction(self.env, work)
        except Exception as error:
            if not claimed:
                if isinstance(error, TRANSIENT):
                    return 0  # others are at it
                raise
            if not isinstance(error, (*TRANSIENT, UserError)):
                _logger.exception("Logs that were sent in bulk could not be recorded")
            run_in_transaction(self.env, partial(self._postpone, claimed, error))
        return len(claimed)

    @api.model
    def _claim(self):
        """Take what waits of one sender, until the transaction ends.

        The first statement of a fresh transaction, which is run again on a
        serialization failure. A log with which something went wrong comes alone, so
        that it doesn't keep the others.

        :return: ids, in the order in which they came
        """
        self.env.cr.execute(
            SQL(
                """
                WITH first AS MATERIALIZED (
                    SELECT *
                      FROM spp_attendance_log_queue
                     WHERE state = 'queued'
                       AND next_attempt_at <= clock_timestamp() AT TIME ZONE 'UTC'
                  ORDER BY id
                     LIMIT 1
                       FOR NO KEY UPDATE SKIP LOCKED)
                SELECT q.id
                  FROM spp_attendance_log_queue q, first f
                 WHERE q.state = 'queued'
                   AND (q.id = f.id OR (f.attempts = 0 AND q.attempts = 0))
                   AND (q.company_id, q.user_id, q.origin, q.kind, q.actor_uuid,
                        q.actor_name, q.actor_opens_all)
                       IS NOT DISTINCT FROM
                       (f.company_id, f.user_id, f.origin, f.kind, f.actor_uuid,
                        f.actor_name, f.actor_opens_all)
              ORDER BY q.id
                 LIMIT %s
                   FOR NO KEY UPDATE OF q SKIP LOCKED
                """,
                CHUNK,
            ),
            # Losing the race for a row is no error: it is tried again.
            log_exceptions=False,
        )
        return [row_id for (row_id,) in self.env.cr.fetchall()]

    def _settle(self):
        """Record these, which are of one sender, and forget those that are recorded."""
        first = self[0]
        env = first._sender_env()
        if env is None:
            refusals = [
                ("NO_USER", "Who sent it may not use this database any more.")
            ] * len(self)
        else:
            refusals = self._record(env)
        failed = {
            row.id: refusal
            for row, refusal in zip(self, refusals, strict=True)
            if refusal
        }
        self._fail(failed)
        self.browse([row_id for row_id in self.ids if row_id not in failed]).unlink()

    def _record(self, env):
        """Record these as their sender.

        Who may not use the system any more writes nothing. But who was on the staff of
        a register when the logs were accepted need not be so still: how long they wait
        is not the sender's doing. Who has become staff since is good, too.

        :return: for each, code and message of why it can't be recorded, or None
        """
        refusals = dict(zip(self, self._take(env), strict=True))
        late = self.filtered(
            lambda row: refusals[row] and refusals[row][0] == "UNAUTHORISED_USER"
        )
        for sent_at, rows in late.grouped("create_date").items():
            then = env(context={**env.context, SENT: Sent(sent_at)})
            refusals.update(zip(rows, rows._take(then), strict=True))
        return list(refusals.values())

    def _take(self, env):
        first = self[0]
        return env["spp.attendance.digit"]._take_logs(
            first.kind, [row.log for row in self], first.origin
        )

    def _sender_env(self):
        """The environment of who sent this, or None when the user's time is over."""
        user, company = self.user_id, self.company_id
        if not user.active or company not in user.company_ids:
            return None
        env = self.env(
            user=user.id, su=False, context={"allowed_company_ids": company.ids}
        )
        if self.actor_uuid:
            actor = Actor(self.actor_uuid, self.actor_name, self.actor_opens_all)
            env = as_actor(env, actor)
        return env

    @api.model
    def _fail(self, refusals):
        """Keep logs that can't be recorded, and say of whom and where they are.

        :param dict refusals: by id, ``(code, reason)``
        """
        if not refusals:
            return
        self.flush_model()
        self.env.cr.execute(
            SQL(
                """
                UPDATE spp_attendance_log_queue q
                   SET state = 'failed', code = f.code, reason = f.reason,
                       write_date = %(now)s,
                       register_id = (
                           SELECT r.id FROM spp_attendance_register r
                            WHERE r.uuid = q.register
                              AND r.company_id = q.company_id),
                       subscriber_id = (
                           SELECT s.id FROM spp_attendance_subscriber s
                            WHERE (s.uuid = q.individual
                                   OR s.person_identifier = q.individual)
                              AND s.company_id = q.company_id
                         ORDER BY s.uuid = q.individual DESC
                            LIMIT 1)
                  FROM unnest(%(ids)s::int4[], %(codes)s::varchar[],
                              %(reasons)s::varchar[]) AS f(id, code, reason)
                 WHERE q.id = f.id
                """,
                now=fields.Datetime.now(),
                ids=list(refusals),
                codes=[code for code, _reason in refusals.values()],
                reasons=[reason for _code, reason in refusals.values()],
            )
        )
        self.invalidate_model(flush=False)

    @api.model
    def _postpone(self, ids, error, env):
        """Try logs again later with which something went wrong, each by itself."""
        now = datetime.now(UTC).replace(tzinfo=None)
        rows = env[self._name].browse(ids).exists()
        is_final = len(rows) == 1 and isinstance(error, UserError)
        for attempts, alike in rows.grouped("attempts").items():
            if is_final:
                alike._fail({alike.id: ("FORBIDDEN", str(error))})
            elif attempts >= _PATIENCE:
                reason = ("INTERNAL", type(error).__name__)
                alike._fail(dict.fromkeys(alike.ids, reason))
            else:
                # Of many it need not be the fault of each.
                wait = len(alike) == 1 and _FIRST_WAIT * 2**attempts
                alike.write(
                    {
                        "attempts": attempts + 1,
                        "next_attempt_at": now
                        + timedelta(seconds=min(wait, _LONGEST_WAIT)),
                    }
                )

    @api.model
    def _count_due(self):
        return self.search_count(
            [
                ("state", "=", "queued"),
                ("next_attempt_at", "<=", fields.Datetime.now()),
            ],
            limit=CHUNK,
        )

    # ----------------------------------------------------------------- deciding

    def action_try_again(self):
        """Have what failed recorded after all: its reason may be gone."""
        self._check_decision()
        self._of_system().write(
            {
                "state": "queued",
                "attempts": 0,
                "next_attempt_at": fields.Datetime.now(),
                "code": False,
                "reason": False,
                "resolved_by": False,
            }
        )
        self.env["ir.cron"]._wake(*_LANES)
        return True

    def action_dismiss(self):
        """Say that nothing is to be made of these."""
        self._check_decision()
        self._of_system().write({"state": "dismissed", "resolved_by": self.env.uid})
        return True

    def _of_system(self):
        # Nobody may change what an app has sent; managers decide on it.
        return self.sudo()

    def _check_decision(self):
        self.check_access("read")
        if not self.env.su and not self.env.user.has_group(
            "spp_attendance.spp_attendance_group_manager"
        ):
            raise AccessError(self.env._("Only managers decide on what failed."))
        # Not to be decided on while a worker has it; the request is run again if one
        # was faster.
        self.env.cr.execute(
            SQL(
                "SELECT 1 FROM spp_attendance_log_queue WHERE id = ANY(%s)"
                " ORDER BY id FOR NO KEY UPDATE",
                self.ids,
            ),
            log_exceptions=False,
        )
        if any(row.state == "queued" for row in self):
            raise UserError(self.env._("This log waits already to be recorded."))

    # ----------------------------------------------------------------- cleaning

    @api.autovacuum
    def _gc_failed(self):
        """Forget what failed long ago: it names people."""
        limit = fields.Datetime.now() - timedelta(days=_KEEP_DAYS)
        old = self.search(
            [("state", "!=", "queued"), ("write_date", "<", limit)],
            limit=GC_UNLINK_LIMIT,
        )
        old.unlink()
        return len(old), len(old) == GC_UNLINK_LIMIT
