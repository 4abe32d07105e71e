from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import SQL, format_date

from odoo.addons.spp_oauth.tools.retry import TRANSIENT, run_in_transaction

from ..days import MOST_AT_ONCE, MOST_DAYS

STATES = [
    ("draft", "Draft"),
    ("running", "Running"),
    ("done", "Done"),
    ("failed", "Failed"),
    ("cancelled", "Cancelled"),
]

#: Of the advisory lock of whoever does a piece.
_LOCK = 4_190_905


class SppAttendanceDayRun(models.Model):
    """Days of a range and of some people, computed piece by piece.

    For history that was imported, people whose days begin long ago, or rules that are
    to count for the past. How far it has come is written with the days of each piece,
    so that whatever ends it, it goes on from there.
    """

    _name = "spp.attendance.day.run"
    _description = "Backfill of Days"
    _order = "id desc"
    _check_company_auto = True

    #: What the buttons and the worker alone set.
    _system_fields = frozenset(
        {
            "state",
            "total",
            "done_count",
            "changed_count",
            "at_date",
            "at_person",
            "user_id",
            "started_at",
            "ended_at",
            "error",
        }
    )

    company_id = fields.Many2one(
        "res.company",
        required=True,
        index=True,
        default=lambda self: self.env.company,
        ondelete="cascade",
    )
    state = fields.Selection(
        STATES, required=True, default="draft", readonly=True, copy=False
    )
    date_from = fields.Date("First Day", required=True)
    date_to = fields.Date(
        "Last Day",
        required=True,
        default=lambda self: self.env["spp.attendance.day"]._now_date(),
    )
    department_ids = fields.Many2many(
        "spp.attendance.department",
        "spp_attendance_day_run_department_rel",
        string="Departments",
        check_company=True,
        help="With those below them.",
    )
    location_ids = fields.Many2many(
        "spp.attendance.location",
        "spp_attendance_day_run_location_rel",
        string="Home Locations",
        check_company=True,
        help="With those that are part of them.",
    )
    subscriber_ids = fields.Many2many(
        "spp.attendance.subscriber",
        "spp_attendance_day_run_subscriber_rel",
        string="People",
        check_company=True,
        help="Nobody, no department and no location: everybody with a level of work.",
    )
    is_anew = fields.Boolean(
        "Use Current Rules",
        help="Shifts, working days and time zones are looked up again. Otherwise days"
        " that exist keep the rules by which they were computed.",
    )
    total = fields.Integer("People in All", readonly=True, copy=False, aggregator=None)
    done_count = fields.Integer(
        "People Done", readonly=True, copy=False, aggregator=None
    )
    changed_count = fields.Integer("Days Changed", readonly=True, copy=False)
    # Up to where it has come: the first day of the piece, and the last person of it.
    at_date = fields.Date("Day Reached", readonly=True, copy=False)
    at_person = fields.Integer(
        "Person Reached (ID)", readonly=True, copy=False, aggregator=None
    )
    progress = fields.Float(compute="_compute_progress")
    user_id = fields.Many2one(
        "res.users", string="Started By", readonly=True, copy=False
    )
    started_at = fields.Datetime(readonly=True, copy=False)
    ended_at = fields.Datetime(readonly=True, copy=False)
    error = fields.Char(readonly=True, copy=False)

    _dates = models.Constraint(
        "CHECK (date_to >= date_from)", "The last day is before the first day."
    )
    _running_idx = models.Index("(id) WHERE state = 'running'")

    @api.depends("date_from", "date_to")
    def _compute_display_name(self):
        for run in self:
            days = (run.date_from, run.date_to)
            run.display_name = all(days) and " - ".join(
                format_date(self.env, day) for day in days
            )

    @api.depends("state", "done_count", "total", "at_date", "date_from", "date_to")
    def _compute_progress(self):
        for run in self:
            run.progress = 0
            if run.state == "done":
                run.progress = 100
            elif run.at_date and run.total and run.date_from and run.date_to:
                days = (run.date_to - run.date_from).days + 1
                before = (run.at_date - run.date_from).days
                piece = min(MOST_DAYS, days - before)
                done = before + piece * run.done_count / run.total
                run.progress = min(100 * done / days, 99)

    @api.constrains("date_from", "date_to")
    def _check_dates(self):
        for run in self:
            if run.date_from.year < 1970:
                raise ValidationError(self.env._("There are no days before 1970."))

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su:
            # Said outright, for a default of the context would do it, too.
            begun = {**dict.fromkeys(self._system_fields, False), "state": "draft"}
            vals_list = [{**vals, **begun} for vals in vals_list]
        return super().create(vals_list)

    def write(self, vals):
        if self._system_fields & vals.keys() and not self.env.su:
            raise AccessError(
                self.env._("Use the buttons to start or cancel a backfill.")
            )
        asked = {"date_from", "date_to", "department_ids", "location_ids"}
        asked |= {"subscriber_ids", "is_anew", "company_id"}
        if not asked.isdisjoint(vals) and any(run.state != "draft" for run in self):
            raise UserError(
                self.env._("A started backfill can't be changed. Make another one.")
            )
        res = super().write(vals)
        # What it becomes must be within the rules, as what it was.
        if "company_id" in vals:
            self.check_access("write")
        return res

    @api.ondelete(at_uninstall=False)
    def _unlink_except_running(self):
        if any(run.state == "running" for run in self):
            raise UserError(self.env._("Cancel the backfill before you delete it."))

    # ----------------------------------------------------------------- buttons

    def action_start(self):
        """Have it done, or have one that failed or was cancelled go on."""
        self.check_access("write")
        for run in self:
            if run.state in ("running", "done"):
                continue
            run_sudo = run.sudo()  # who may write it may start it
            run_sudo.write(
                {
                    "state": "running",
                    "error": False,
                    "ended_at": False,
                    "user_id": self.env.uid,
                    "started_at": run.started_at or fields.Datetime.now(),
                    "at_date": run.at_date or run.date_from,
                    "total": self.env["spp.attendance.subscriber"]
                    .with_context(active_test=False)
                    .search_count(run._people_domain()),
                }
            )
        # Whoever may start one need not see what is scheduled.
        lane_sudo = self.env.ref("spp_attendance.ir_cron_day_run").sudo()
        lane_sudo._trigger()
        return True

    def action_cancel(self):
        self.check_access("write")
        self._lock()
        running = self.filtered(lambda run: run.state == "running")
        running_sudo = running.sudo()  # who may write it may cancel it
        running_sudo.write({"state": "cancelled", "ended_at": fields.Datetime.now()})
        return True

    def action_open_days(self):
        """The days of the range and the people."""
        self.ensure_one()
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "spp_attendance.spp_attendance_day_action"
        )
        domain = [
            ("date", ">=", self.date_from),
            ("date", "<=", self.date_to),
            ("company_id", "=", self.company_id.id),
        ]
        if self.subscriber_ids:
            domain.append(("subscriber_id", "in", self.subscriber_ids.ids))
        if self.department_ids:
            domain.append(
                ("subscriber_id.department_id", "child_of", self.department_ids.ids)
            )
        if self.location_ids:
            domain.append(
                ("subscriber_id.location_id", "child_of", self.location_ids.ids)
            )
        return {**action, "domain": domain, "context": {}}

    # ------------------------------------------------------------------ worker

    def _people_domain(self):
        """Of whom days are computed: those who are named in all the ways there are."""
        self.ensure_one()
        domain = Domain("company_id", "=", self.company_id.id)
        domain &= Domain("level_of_work", "!=", False)
        if self.subscriber_ids:
            domain &= Domain("id", "in", self.subscriber_ids.ids)
        if self.department_ids:
            domain &= Domain("department_id", "child_of", self.department_ids.ids)
        if self.location_ids:
            domain &= Domain("location_id", "child_of", self.location_ids.ids)
        return domain

    @api.model
    def _cron_run(self):
        """Do what was started, piece by piece, for as long as there is time."""
        cron = self.env["ir.cron"]
        left = cron._commit_progress()
        done = 1
        while left > 0 and done:
            done = work(self.env.registry)
            left = cron._commit_progress(done)
        if done and (lane := cron.browse(self.env.context.get("cron_id"))):
            lane._trigger()

    @api.model
    def _take(self):
        """The oldest that is running, if nobody else does a piece of any.

        It isn't locked before its piece is done, so that cancelling needn't wait: who
        cancels it meanwhile makes this transaction fail, see ``_lock``.
        """
        self.env.cr.execute(
            SQL(
                """
                SELECT id FROM spp_attendance_day_run
                 WHERE state = 'running' AND (SELECT pg_try_advisory_xact_lock(%s))
              ORDER BY id LIMIT 1
                """,
                _LOCK,
            )
        )
        return self.browse(run_id for (run_id,) in self.env.cr.fetchall())

    def _lock(self):
        """Have them for this transaction, which fails if somebody changed them."""
        self.env.cr.execute(
            SQL(
                "SELECT FROM spp_attendance_day_run WHERE id IN %s FOR NO KEY UPDATE",
                tuple(self.ids),
            ),
            log_exceptions=False,
        )

    def _step(self):
        """Compute the next piece, and write how far that is.

        In the name of the system: a day is the same whoever has it computed.
        """
        self.ensure_one()
        until = min(self.date_to, self.at_date + timedelta(days=MOST_DAYS - 1))
        days = (until - self.at_date).days + 1
        people = (
            self.env["spp.attendance.subscriber"]
            .with_context(active_test=False)
            .search(
                self._people_domain() & Domain("id", ">", self.at_person or 0),
                order="id",
                limit=max(1, MOST_AT_ONCE // days),
            )
        )
        if people:
            changed = self.env["spp.attendance.day.queue"]._compute_now(
                people.ids, self.at_date, until, is_anew=self.is_anew
            )
            self._lock()
            self.write(
                {
                    "at_person": people[-1].id,
                    "done_count": self.done_count + len(people),
                    "changed_count": self.changed_count + len(changed),
                }
            )
        elif until < self.date_to:
            self.write(
                {
                    "at_date": until + timedelta(days=1),
                    "at_person": 0,
                    "done_count": 0,
                }
            )
        else:
            self.write({"state": "done", "ended_at": fields.Datetime.now()})

    def _fail(self, error):
        running = self.filtered(lambda run: run.state == "running")
        running.write(
            {"state": "failed", "error": error, "ended_at": fields.Datetime.now()}
        )


def work(registry):
    """Do one piece, in a transaction of its own.

    :return: whether there was one
    """
    name = SppAttendanceDayRun._name
    taken = []

    def step(env):
        run = env[name]._take()
        taken[:] = run.ids
        if run:
            run._step()
        return bool(run)

    try:
        return run_in_transaction(registry, step)
    except TRANSIENT:
        return True  # somebody else computes these people: once more
    except Exception as error:
        if not taken:
            raise
        # An exception's text may hold the data.
        kind = type(error).__name__
        run_in_transaction(registry, lambda env: env[name].browse(taken)._fail(kind))
        return True
