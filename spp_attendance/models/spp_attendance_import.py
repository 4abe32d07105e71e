import logging
import time
from collections import Counter
from datetime import datetime, timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL
from odoo.tools.constants import GC_UNLINK_LIMIT

from odoo.addons.spp_oauth.tools.retry import TRANSIENT, run_in_transaction

from ..importing import (
    CHUNK,
    Chunk,
    Claim,
    Position,
    map_rows,
    waiting_time,
)
from ..registry import InvalidConfig, RegistryError

_logger = logging.getLogger(__name__)

#: How long a worker that says nothing more is waited for. It says so every
#: ``_HEARTBEAT`` seconds while the registry is slow, and with each chunk.
_LEASE = timedelta(seconds=120)
_HEARTBEAT = 20
#: Faults in a row after which a run is given up, where waiting may help.
_PATIENCE = 8
#: The same where it helps seldom: an answer that was cut off or garbled on its way.
_PATIENCE_BY_CODE = {"bad_answer": 3}
_FIRST_WAIT = 30
_LONGEST_WAIT = 3600
_LANES = ("spp_attendance.ir_cron_import_1", "spp_attendance.ir_cron_import_2")
_AT_WORK = ("queued", "running", "waiting")
#: Lines of ended runs are kept for so many days: they name people.
_KEEP_DAYS = 60
_STATUSES = ("created", "updated", "unchanged", "rejected")


class SppAttendanceImport(models.Model):
    """One import: what it was asked, how far it has got and what became of the rows.

    A worker that holds its lease fetches page after page and writes each in chunks. A
    chunk's rows, their lines, the counts and the cursor are one transaction: whenever
    it is cut short, another worker goes on after the last chunk that is there.
    """

    _name = "spp.attendance.import"
    _description = "Attendance Import"
    _order = "id desc"
    _rec_name = "source_id"
    _check_company_auto = True

    source_id = fields.Many2one(
        "spp.attendance.import.source",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
        check_company=True,
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True, ondelete="restrict"
    )
    user_id = fields.Many2one(
        "res.users",
        string="In the Name of",
        required=True,
        readonly=True,
        ondelete="restrict",
    )
    target = fields.Selection(
        selection="_selection_target", string="Brings In", required=True, readonly=True
    )
    is_dry_run = fields.Boolean(string="Dry Run", readonly=True)
    since = fields.Datetime(
        string="Changed Since", readonly=True, help="Empty: everything was asked for."
    )
    state = fields.Selection(
        [
            ("queued", "Queued"),
            ("running", "Running"),
            ("waiting", "Waiting to Try Again"),
            ("done", "Done"),
            ("failed", "Failed"),
            ("cancelled", "Cancelled"),
        ],
        string="Status",
        required=True,
        readonly=True,
        default="queued",
    )
    config = fields.Json(
        readonly=True, help="The source's settings as they were, without the secret."
    )
    cursor = fields.Json(
        groups=fields.NO_ACCESS,
        readonly=True,
        help="A registry's link to the next page may open more than that page.",
    )
    page_count = fields.Integer(string="Pages", readonly=True)
    read_count = fields.Integer(string="Rows", readonly=True)
    created_count = fields.Integer(string="Created", readonly=True)
    updated_count = fields.Integer(string="Changed", readonly=True)
    unchanged_count = fields.Integer(string="Unchanged", readonly=True)
    rejected_count = fields.Integer(string="Rejected", readonly=True)
    total = fields.Integer(
        readonly=True, help="How many rows the source says it has; 0: it doesn't say."
    )
    progress = fields.Float(
        compute="_compute_progress",
        string="Progress (%)",
        aggregator=None,
        help="0 as long as the source doesn't say how many rows it has.",
    )
    attempts = fields.Integer(string="Faults in a Row", readonly=True, aggregator=None)
    next_attempt_at = fields.Datetime(string="Next Attempt", readonly=True)
    error_code = fields.Char(string="Fault", readonly=True)
    error_detail = fields.Char(string="Technical Detail", readonly=True)
    lease_until = fields.Datetime(readonly=True)
    lease_token = fields.Char(groups=fields.NO_ACCESS, readonly=True, prefetch=False)
    started_at = fields.Datetime(string="Started", readonly=True)
    asked_at = fields.Datetime(
        string="Changes Until",
        readonly=True,
        help="When it began, or earlier where the registry's clock is slow: what"
        " changes after that is for the next import.",
    )
    finished_at = fields.Datetime(string="Ended", readonly=True)
    line_ids = fields.One2many(
        "spp.attendance.import.line", "import_id", string="Lines", readonly=True
    )

    _one_at_work = models.UniqueIndex(
        "(source_id) WHERE state IN ('queued', 'running', 'waiting')",
        "An import from this source is at work already.",
    )
    _due_index = models.Index(
        "(next_attempt_at) WHERE state IN ('queued', 'running', 'waiting')"
    )

    @api.model
    def _selection_target(self):
        return self.env["spp.attendance.import.source"]._selection_target()

    @api.depends("state", "total", "read_count")
    def _compute_progress(self):
        for run in self:
            if run.state == "done":
                run.progress = 100
            elif run.total:
                run.progress = min(100 * run.read_count / run.total, 100)
            else:
                run.progress = 0

    # ------------------------------------------------------------------ actions

    def action_cancel(self):
        """Stop; what was written stays."""
        # Who may change the source may stop what it does; runs themselves are nobody's
        # to write.
        self.source_id.check_access("write")
        self._lock()
        self._refuse_unless(_AT_WORK, self.env._("This import has ended already."))
        self.sudo().write(
            {
                "state": "cancelled",
                "lease_token": False,
                "lease_until": False,
                "finished_at": fields.Datetime.now(),
            }
        )
        return True

    def action_resume(self):
        """Go on where an import failed, was cancelled or waits."""
        self.source_id.check_access("write")
        self._lock()
        self._refuse_unless(
            ("failed", "cancelled", "waiting"),
            self.env._("Only an import that stopped can be resumed."),
        )
        for run in self:
            run.source_id._check_idle(run)
        self.sudo().write(  # see ``action_cancel``
            {
                "state": "queued",
                "attempts": 0,
                "next_attempt_at": fields.Datetime.now(),
                "error_code": False,
                "error_detail": False,
                "finished_at": False,
            }
        )
        self._wake()
        return True

    def _lock(self):
        """Keep a worker from storing how far it has got, for the moment.

        Where it was faster the request is run again, which is no error to be logged.
        """
        self.env.cr.execute(
            SQL(
                "SELECT 1 FROM spp_attendance_import WHERE id = ANY(%s)"
                " ORDER BY id FOR NO KEY UPDATE",
                self.ids,
            ),
            log_exceptions=False,
        )

    def _is_at_work(self):
        return self.state in _AT_WORK

    def _refuse_unless(self, states, message):
        # A list shows what was, and buttons are pressed twice.
        if any(run.state not in states for run in self):
            raise UserError(message)

    @api.model
    def _wake(self):
        """Call whichever lane is free."""
        # Scheduled actions are the system's; whoever may import may have it done.
        for name in _LANES:
            self.env.ref(name).sudo()._trigger()

    # -------------------------------------------------------------------- lease

    @api.model
    def _claim(self):
        """Take the lease of one import that is due, for whoever calls.

        The first statement of a fresh transaction that is committed at once, and run
        again on a serialization failure.

        :return: :class:`importing.Claim`, or None when nothing is due
        """
        # The database's clock, so that the clocks of several servers don't matter. A
        # lease that ended by itself is that of a worker that died: a row that kills
        # each of them must not do so for ever.
        self.env.cr.execute(
            SQL(
                """
                WITH free AS MATERIALIZED (
                    SELECT id, lease_until
                      FROM spp_attendance_import
                     WHERE state IN %(states)s
                       AND next_attempt_at <= clock_timestamp() AT TIME ZONE 'UTC'
                       AND (lease_until IS NULL OR lease_until
                            < clock_timestamp() AT TIME ZONE 'UTC')
                  ORDER BY next_attempt_at, id
                     LIMIT 1
                       FOR NO KEY UPDATE SKIP LOCKED)
                UPDATE spp_attendance_import i
                   SET state = 'running',
                       lease_token = gen_random_uuid()::text,
                       lease_until = clock_timestamp() AT TIME ZONE 'UTC' + %(lease)s,
                       started_at = COALESCE(
                           i.started_at,
                           date_trunc('second', clock_timestamp() AT TIME ZONE 'UTC')),
                       attempts = COALESCE(i.attempts, 0)
                           + (free.lease_until IS NOT NULL)::int
                  FROM free
                 WHERE i.id = free.id
             RETURNING i.id, i.lease_token
                """,
                states=_AT_WORK,
                lease=_LEASE,
            ),
            # Losing the race for a row is no error: the caller tries again.
            log_exceptions=False,
        )
        row = self.env.cr.fetchone()
        if not row:
            return None
        run_id, token = row
        self.invalidate_model(flush=False)
        run = self.browse(run_id)
        return Claim(
            run_id,
            token,
            uid=run.user_id.id,
            context={
                "allowed_company_ids": run.company_id.ids,
                "lang": run.user_id.lang,
                "tz": run.user_id.tz,
                "tracking_disable": True,
            },
            position=Position.load(run.cursor),
        )

    def _renew(self, token):
        """Whether the lease is still ours; if so it lasts on from now."""
        self.env.cr.execute(
            SQL(
                "UPDATE spp_attendance_import"
                "   SET lease_until = clock_timestamp() AT TIME ZONE 'UTC' + %s"
                " WHERE id = %s AND lease_token = %s AND state = 'running'",
                _LEASE,
                self.id,
                token,
            ),
            log_exceptions=False,
        )
        return bool(self.env.cr.rowcount)

    def _is_held(self, token):
        """Whether the lease is ours, as this transaction sees it.

        It takes no lock, so that cancelling needn't wait for a chunk: whoever changed
        the import meanwhile makes this transaction's own write of it fail, and it is
        run again.
        """
        self.env.cr.execute(
            SQL(
                "SELECT 1 FROM spp_attendance_import"
                " WHERE id = %s AND lease_token = %s AND state = 'running'",
                self.id,
                token,
            )
        )
        return bool(self.env.cr.rowcount)

    # ------------------------------------------------------------------- worker

    @api.model
    def _cron_import(self):
        """Start what is due and work on imports; one of several lanes.

        Pages are fetched with no transaction open: ``_commit_progress`` ends the
        scheduled action's own, and nothing in between uses its cursor.
        """
        cron = self.env["ir.cron"]
        left = cron._commit_progress()
        self._in_transaction(lambda model: model._start_due())
        while left > 0:
            claim = self._in_transaction(lambda model: model._claim())
            if not claim:
                break
            left = self._work(claim, left)
        # What others work on at this moment may look as if it were due.
        remaining = self._count_due() if left <= 0 else 0
        if remaining and (lane := cron.browse(self.env.context.get("cron_id"))):
            # Other scheduled actions get their turn, and then it goes on at once: by
            # itself Odoo would look again after a minute.
            lane._trigger()
        cron._commit_progress(remaining=remaining)

    @api.model
    def _start_due(self):
        self.env["spp.attendance.import.source"]._start_due()

    @api.model
    def _in_transaction(self, func, **kwargs):
        """``func(model)`` in a transaction of its own."""
        return run_in_transaction(self.env, lambda env: func(env[self._name]), **kwargs)

    @api.model
    def _count_due(self):
        now = fields.Datetime.now()
        return self.search_count(
            [
                ("state", "in", _AT_WORK),
                ("next_attempt_at", "<=", now),
                "|",
                ("lease_until", "=", False),
                ("lease_until", "<", now),
            ]
        )

    @api.model
    def _work(self, claim, left):
        """Work on a claimed import until it ends, stops or the time is up.

        :param float left: seconds of this pass
        :return: seconds that are left of this pass
        """

        def of_claim(func, *args):
            return self._in_transaction(
                lambda model: getattr(model.browse(claim.run_id), func)(
                    claim.token, *args
                )
            )

        cron = self.env["ir.cron"]
        try:
            reader = of_claim("_prepare")
            if reader is None:
                return cron._commit_progress(1)
            with reader:
                return self._copy(claim, reader, left)
        except RegistryError as error:
            _logger.info("Import %s: %s (%s)", claim.run_id, error.code, error.detail)
            of_claim(
                "_stop",
                error.code,
                error.detail,
                error.transient,
                waiting_time(error),
            )
        except TRANSIENT as error:
            of_claim("_stop", "busy", type(error).__name__, True)
        except (AccessError, UserError) as error:
            of_claim("_stop", "forbidden", str(error))
        except Exception as error:
            # What was written stays, and other imports must not suffer.
            _logger.exception("Import %s failed", claim.run_id)
            of_claim("_stop", "internal", type(error).__name__)
        return cron._commit_progress(1)

    @api.model
    def _copy(self, claim, reader, left):
        """Write page after page, the next one being fetched meanwhile."""
        cron = self.env["ir.cron"]
        position = claim.position
        spent = 0.0
        while True:
            reader.ask(position.page)
            page = self._wait(claim, reader)
            if page is None:
                return cron._commit_progress(1)
            if page.next_cursor is not None and left > spent:
                # Not where the time will be up: it would be asked for once more.
                reader.ask(page.next_cursor)
            began = time.monotonic()
            is_whole = False
            while not is_whole:
                chunk = Chunk.of(page, position, CHUNK)
                if not self._in_transaction(
                    lambda model, chunk=chunk: model.browse(claim.run_id)._store(
                        claim.token, chunk
                    ),
                    uid=claim.uid,
                    context=claim.context,
                ):
                    _logger.info("Import %s: the lease was lost", claim.run_id)
                    return cron._commit_progress(1)
                left = cron._commit_progress(len(chunk.rows) or 1, remaining=1)
                if chunk.is_last:
                    return left
                if left <= 0:
                    self._in_transaction(
                        lambda model: model.browse(claim.run_id)._release(claim.token)
                    )
                    return left
                position = chunk.after
                is_whole = not position.row
            spent = time.monotonic() - began

    @api.model
    def _wait(self, claim, reader):
        """The page that was asked for; None when the import is ours no more."""
        while (page := reader.page(_HEARTBEAT)) is None:
            if not self._in_transaction(
                lambda model: model.browse(claim.run_id)._renew(claim.token)
            ):
                return None
        return page

    def _prepare(self, token):
        """What reads the source, as plain values.

        :return: :class:`importing.Reader`; None when the import was ended instead
        :raises RegistryError: when the settings can't be right
        """
        if not self._is_held(token):
            return None
        source = self.source_id
        if self.attempts > _PATIENCE:
            self._end(token, "failed", "crashed")
        elif not source._may_run(self.user_id):
            self._end(token, "failed", "no_user")
        elif self.target not in source._import_targets():
            raise InvalidConfig("Nothing here takes what it brings in.")
        elif not source._is_same_place(self.config):
            self._end(token, "failed", "changed")
        else:
            return source._reader(self.config, self.since)
        return None

    def _store(self, token, chunk):
        """Write a chunk and how far the import has got.

        In the name and the company of the import, but for its own rows.

        :param importing.Chunk chunk: rows, as they came
        :return: whether the lease was still ours; nothing is written otherwise
        """
        if not self._is_held(token):
            return False
        # The import and its lines are kept by the system, whoever it is done for.
        run_sudo = self.sudo()
        if not run_sudo.source_id._may_run(run_sudo.user_id):
            # Rights may end in the middle of it.
            run_sudo._end(token, "failed", "no_user")
            return False
        source = self.env["spp.attendance.import.source"]
        target = source._import_targets()[run_sudo.target]
        items, refused = map_rows(chunk.rows, run_sudo.config["mapping"])
        self._refuse_incomplete(target, items, refused)
        rows = list(items.values())
        counts = Counter(rejected=len(refused))
        again = 0
        if run_sudo.is_dry_run:
            result = self._try_out(target, rows)
        else:
            self._supersede(target, rows)
            if run_sudo.since and not run_sudo.cursor:
                taken = self._try_again(target)
                counts.update(taken)
                again = len(taken)
            result = target.run(self.env, rows, dry_run=False)
        counts.update(outcome.status for outcome in result.outcomes)
        lines = self._prepare_refused(chunk, refused)
        lines += self._prepare_lines(target, chunk, items, result)
        run_sudo._add_lines(lines)
        if not run_sudo.cursor:
            told_at = chunk.told_at and chunk.told_at.replace(tzinfo=None)
            run_sudo.asked_at = min(told_at or datetime.max, run_sudo.started_at)
        vals = {
            # Nobody needs it after the end.
            "cursor": False if chunk.is_last else chunk.after.dump(),
            "page_count": run_sudo.page_count + (chunk.is_last or not chunk.after.row),
            "read_count": run_sudo.read_count + len(chunk.rows) + again,
            "total": chunk.total or run_sudo.total,
            "attempts": 0,
            "error_code": False,
            "error_detail": False,
            **{
                f"{status}_count": run_sudo[f"{status}_count"] + counts[status]
                for status in _STATUSES
            },
        }
        # "duplicate" is what another addon's target may say of what is there already.
        vals["unchanged_count"] += counts["duplicate"]
        self.env.flush_all()
        # First of all a statement that isn't logged when somebody was faster.
        run_sudo._renew(token)
        run_sudo.write(vals)
        if chunk.is_last:
            run_sudo._end(token, "done")
        return True

    def _try_out(self, target, items):
        """What :meth:`_store` would write, rolled back; its outcomes are kept.

        Who came in an earlier chunk already is there when the import is not a dry run:
        so those are written first.
        """
        lines_sudo = self.env["spp.attendance.import.line"].sudo()  # see ``_store``
        earlier_sudo = lines_sudo.search_fetch(
            [
                ("import_id", "=", self.id),
                ("status", "in", ("created", "updated")),
                ("person_identifier", "in", [item.get(target.key) for item in items]),
            ],
            ["values"],
            order="row_number, id",
        )
        before = earlier_sudo.mapped("values")
        savepoint = self.env.cr.savepoint()
        try:
            for rows in _apart(before, target.identify):
                target.run(self.env, rows, dry_run=True)
            result = target.run(self.env, items, dry_run=True)
            self.env.flush_all()
        finally:
            savepoint.close(rollback=True)
        return result

    def _find_open(self, domain=(), limit=CHUNK):
        """Rows of the source that were rejected and of which nothing came since."""
        # As in ``_store``: lines are kept by the system.
        return (
            self.env["spp.attendance.import.line"]
            .sudo()
            .search(
                [
                    ("import_id.source_id", "=", self.sudo().source_id.id),
                    ("is_open", "=", True),
                    *domain,
                ],
                order="write_date, id",
                limit=limit,
            )
        )

    def _supersede(self, target, items):
        """Rows that were rejected before are done with where they come anew."""
        anew = {target.identify(item) for item in items}
        keys = list({item.get(target.key) for item in items} - {None})
        lines = self._find_open([("person_identifier", "in", keys)], limit=None)
        lines.filtered(
            lambda row: target.identify(row["values"]) in anew
        ).is_open = False

    def _forget_open(self):
        """Forget what earlier imports rejected: this one has asked for everything."""
        lines = self._find_open([("import_id", "!=", self.id)], limit=None)
        lines.is_open = False

    def _try_again(self, target):
        """Try rows again that an earlier import rejected.

        A registry that is asked for what has changed doesn't tell of them a second
        time, though what stood against them here may have gone. Those that have been
        waiting longest come first, so many in each import.

        :return: what became of those that aren't rejected any more
        """
        lines_sudo = self._find_open()
        if not lines_sudo:
            return []
        result = target.run(self.env, lines_sudo.mapped("values"), dry_run=False)
        taken = []
        for line_sudo, outcome in zip(lines_sudo, result.outcomes, strict=True):
            is_open = outcome.status == "rejected"
            line_sudo.write({"is_open": is_open})
            if not is_open:
                taken.append(outcome.status)
        return taken

    @api.model
    def _refuse_incomplete(self, target, items, refused):
        """Move items that lack what they can't do without to the refused ones."""
        for name, field in target.fields.items():
            if field.required:
                for index in [i for i, item in items.items() if not item.get(name)]:
                    del items[index]
                    refused[index] = self.env._(
                        "%(field)s: The row has none.", field=field.label
                    )

    @api.model
    def _prepare_refused(self, chunk, refused):
        return [
            {
                "row_number": chunk.numbers[index],
                "status": "rejected",
                "code": "invalid",
                "reason": reason,
            }
            for index, reason in refused.items()
        ]

    def _prepare_lines(self, target, chunk, items, result):
        """What was rejected; of a dry run, also what would be changed."""
        shown = {"rejected"}
        if self.sudo().is_dry_run:
            shown |= {"created", "updated"}
        is_kept = self.sudo().config["is_delta"] and not self.sudo().is_dry_run
        # Of somebody who comes twice the last word counts.
        last = {
            target.identify(item): place for place, item in enumerate(items.values())
        }
        numbers = [chunk.numbers[index] for index in items]
        # A person knows rows, not items of a batch.
        reasons = {
            place: self.env._(
                "Row %(row)s is about the same person. Keep one of them.",
                row=numbers[first],
            )
            for place, first in result.repeats.items()
        }
        return [
            {
                "row_number": numbers[place],
                "person_identifier": item.get(target.key),
                "status": outcome.status,
                "code": outcome.code,
                "reason": reasons.get(place, outcome.reason),
                "values": item,
                "changes": result.changes.get(place),
                "is_open": (
                    is_kept
                    and last[target.identify(item)] == place
                    and outcome.code != "repeated"
                ),
            }
            for place, (item, outcome) in enumerate(
                zip(items.values(), result.outcomes, strict=True)
            )
            if outcome.status in shown
        ]

    def _add_lines(self, lines):
        common = {"import_id": self.id, "company_id": self.company_id.id}
        self.env["spp.attendance.import.line"].create(
            [
                {**common, **line}
                for line in sorted(lines, key=lambda line: line["row_number"])
            ]
        )

    # ------------------------------------------------------------------- ending

    def _release(self, token):
        """Let the next worker go on: this one has had its time."""
        if self._is_held(token):
            self.write(
                {
                    "lease_token": False,
                    "lease_until": False,
                    "next_attempt_at": fields.Datetime.now(),
                }
            )

    def _stop(self, token, code, detail, transient=False, wait=None):
        """Wait for the next attempt after a fault, or give up.

        :param str code: of the fault
        :param str detail: for the technical line, without secrets
        :param bool transient: waiting may help
        :param float wait: seconds, when the registry itself said how long
        """
        if not self._is_held(token):
            return
        attempts = self.attempts + 1
        patience = _PATIENCE_BY_CODE.get(code, _PATIENCE if transient else 0)
        if attempts > patience:
            self._end(token, "failed", code, detail, attempts)
            return
        backoff = _FIRST_WAIT * 2 ** (attempts - 1)
        seconds = min(max(backoff, wait or 0), _LONGEST_WAIT)
        self.write(
            {
                "state": "waiting",
                "lease_token": False,
                "lease_until": False,
                "attempts": attempts,
                "next_attempt_at": fields.Datetime.now() + timedelta(seconds=seconds),
                "error_code": code,
                "error_detail": detail,
            }
        )

    def _end(self, token, state, code=False, detail=False, attempts=0):
        """The end of an import, good or bad, and whoever has to know is told."""
        if not self._is_held(token):
            return
        self.write(
            {
                "state": state,
                "lease_token": False,
                "lease_until": False,
                "attempts": attempts,
                "error_code": code,
                "error_detail": detail,
                "finished_at": fields.Datetime.now(),
            }
        )
        if state == "done":
            self.source_id._import_done(self)
        else:
            self.source_id._import_failed(self)

    # ----------------------------------------------------------------- cleaning

    @api.autovacuum
    def _gc_lines(self):
        """Forget rows of imports that ended long ago, and samples of sources."""
        now = fields.Datetime.now()
        sources = self.env["spp.attendance.import.source"]
        sources.with_context(active_test=False).search(
            [("sample_at", "<", now - timedelta(days=1))]
        ).write({"sample": False, "sample_at": False})
        lines = self.env["spp.attendance.import.line"].search(
            [
                ("import_id.state", "not in", _AT_WORK),
                ("import_id.finished_at", "<", now - timedelta(days=_KEEP_DAYS)),
                ("is_open", "=", False),
            ],
            limit=GC_UNLINK_LIMIT,
        )
        lines.unlink()
        return len(lines), len(lines) == GC_UNLINK_LIMIT


def _apart(rows, identify):
    """Rows in batches in which no two are about the same, in their order."""
    batches, seen = [], Counter()
    for row in rows:
        key = identify(row)
        number = seen[key]
        seen[key] += 1
        if number == len(batches):
            batches.append([])
        batches[number].append(row)
    return batches
