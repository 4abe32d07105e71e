from typing import NamedTuple

from dateutil.relativedelta import relativedelta
from psycopg2.errors import ExclusionViolation

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import SQL, format_date

from ..payroll import NAMES_OF_FIGURES, kept_json, prepare
from .spp_attendance_payroll_person import PERIODS

#: As long as a year, and the days that weeks need to be whole.
MAX_DAYS = 372
#: People who are named where a period can't be closed.
_MAX_NAMED = 5


class Problems(NamedTuple):
    """What is to be looked at before a period is closed.

    :ivar open_days: days that may still change by themselves
    :ivar waiting: people whose days are not decided up to the last one, or of whom
        days are missing, whether or not they have others
    :ivar doubts: days with a missing reading, a contradiction and the like
    :ivar corrections: requests that nobody has decided
    :ivar elsewhere: ids of people who are in another closed period of these days
    """

    people: int
    open_days: int
    waiting: int
    doubts: int
    corrections: int
    elsewhere: list[int]


class SppAttendancePayrollPeriod(models.Model):
    """The days by which some people are paid: live until closed, and then kept.

    Whoever is at home in the department or the location belongs to it, or in one below.
    """

    _name = "spp.attendance.payroll.period"
    _description = "Payroll Period"
    _inherit = ["mail.thread"]
    _order = "date_from desc, id desc"
    _check_company_auto = True

    name = fields.Char(
        required=True,
        compute="_compute_name",
        store=True,
        readonly=False,
        precompute=True,
        tracking=True,
    )
    company_id = fields.Many2one(
        "res.company",
        required=True,
        index=True,
        default=lambda self: self.env.company,
    )
    department_id = fields.Many2one(
        "spp.attendance.department",
        check_company=True,
        ondelete="restrict",
        index="btree_not_null",
        tracking=True,
        help="With those below it. Empty: everybody.",
    )
    location_id = fields.Many2one(
        "spp.attendance.location",
        check_company=True,
        ondelete="restrict",
        index="btree_not_null",
        tracking=True,
        help="Home location of the people, with those below it. Empty: everywhere.",
    )
    date_from = fields.Date(
        "First Day",
        required=True,
        tracking=True,
        default=lambda self: self._default_date_from(),
    )
    date_to = fields.Date(
        "Last Day",
        required=True,
        tracking=True,
        default=lambda self: (
            self._default_date_from() + relativedelta(months=1, days=-1)
        ),
    )
    state = fields.Selection(
        [("open", "Open"), ("closed", "Closed")],
        required=True,
        readonly=True,
        default="open",
        copy=False,
        tracking=True,
    )
    closed_by = fields.Many2one(
        "res.users", readonly=True, copy=False, ondelete="set null"
    )
    closed_at = fields.Datetime(readonly=True, copy=False)
    is_over = fields.Boolean("Last Day Is Over", compute="_compute_is_over")
    people_count = fields.Integer("People", compute="_compute_figures")
    changed_count = fields.Integer("Changed Since", compute="_compute_figures")
    open_days = fields.Integer("Days Not Final", compute="_compute_figures")
    doubts = fields.Integer("Days to Review", compute="_compute_figures")
    present_days = fields.Integer("Days Present", compute="_compute_figures")
    absent_days = fields.Integer("Days Absent", compute="_compute_figures")
    leave_total = fields.Float(
        "Days of Leave", compute="_compute_figures", digits=(16, 2)
    )
    hours = fields.Float("Working Hours", compute="_compute_figures", digits=(16, 2))
    overtime_hours = fields.Float(
        "Overtime", compute="_compute_figures", digits=(16, 2)
    )
    extra_overtime_hours = fields.Float(
        "Extra Overtime", compute="_compute_figures", digits=(16, 2)
    )
    snacks_count = fields.Integer("Snacks", compute="_compute_figures")
    night_bill_count = fields.Integer("Night Bills", compute="_compute_figures")

    _dates = models.Constraint(
        f"CHECK (date_to >= date_from AND date_to - date_from < {MAX_DAYS})",
        "A period has at least one day, and at most a year.",
    )

    def _default_date_from(self):
        today = self.env["spp.attendance.day"]._now_date()
        return today.replace(day=1) - relativedelta(months=1)

    # ------------------------------------------------------------------ fields

    @api.depends("date_from", "date_to", "department_id", "location_id")
    def _compute_name(self):
        for period in self:
            first, last = period.date_from, period.date_to
            if not first or not last:
                period.name = period.name or False
                continue
            if first.day == 1 and last == first + relativedelta(day=31):
                when = format_date(self.env, first, date_format="LLLL y")
            else:
                when = f"{format_date(self.env, first)} - {format_date(self.env, last)}"
            parts = (when, period.department_id.name, period.location_id.name)
            period.name = " · ".join(filter(None, parts))

    @api.depends("date_to")
    def _compute_is_over(self):
        today = self.env["spp.attendance.day"]._now_date()
        for period in self:
            period.is_over = bool(period.date_to and period.date_to < today)

    @api.depends("state", "date_from", "date_to", "department_id", "location_id")
    def _compute_figures(self):
        names = {
            "open_days": "open_days:sum",
            "doubts": "doubts:sum",
            "present_days": "present_days:sum",
            "absent_days": "absent_days:sum",
            "leave_total": "leave_total:sum",
            "hours": "hours:sum",
            "overtime_hours": "overtime_hours:sum",
            "extra_overtime_hours": "extra_overtime_hours:sum",
            "snacks_count": "snacks_count:sum",
            "night_bill_count": "night_bill_count:sum",
        }
        ids = self._origin.ids
        people = self.env["spp.attendance.payroll.person"].with_context(
            **{PERIODS: ids or [0]}
        )
        groups = people._read_group(
            Domain("period_id", "in", ids),
            ["period_id", "differs"],
            ["__count", *names.values()],
        )
        found = {}
        for period, differs, count, *sums in groups:
            values = found.setdefault(period.id, dict.fromkeys(names, 0))
            for name, amount in zip(names, sums, strict=True):
                values[name] += amount or 0
            values["people_count"] = values.get("people_count", 0) + count
            if differs:
                values["changed_count"] = count
        for period in self:
            values = found.get(period._origin.id, {})
            for name in (*names, "people_count", "changed_count"):
                period[name] = values.get(name, 0)

    # -------------------------------------------------------------------- CRUD

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su:
            # Said outright, for a default of the context would do it, too.
            begun = {"state": "open", "closed_by": False, "closed_at": False}
            vals_list = [{**vals, **begun} for vals in vals_list]
        return super().create(vals_list)

    def write(self, vals):
        lasting = {"company_id", "department_id", "location_id", "date_from", "date_to"}
        if lasting.intersection(vals) and "closed" in self.mapped("state"):
            raise UserError(
                self.env._(
                    "A closed period can't be changed. An administrator can reopen it."
                )
            )
        if {"state", "closed_by", "closed_at"}.intersection(vals) and not self.env.su:
            raise AccessError(
                self.env._("Use the buttons to close or reopen a period.")
            )
        res = super().write(vals)
        # What it becomes must be within the rules, as what it was.
        if "company_id" in vals:
            self.check_access("write")
        return res

    @api.ondelete(at_uninstall=False)
    def _unlink_except_closed(self):
        lines = self.env["spp.attendance.payroll.line"].search_count(
            [("period_id", "in", self.ids)], limit=1
        )
        if lines:
            raise UserError(
                self.env._(
                    "What people were paid by is kept: a period that was closed once"
                    " can't be deleted."
                )
            )

    @api.constrains("department_id", "location_id", "company_id")
    def _check_place(self):
        for period in self:
            for place in (period.department_id, period.location_id):
                if place and place.company_id not in (False, period.company_id):
                    raise ValidationError(
                        self.env._(
                            "“%s” belongs to another company.", place.display_name
                        )
                    )

    # ----------------------------------------------------------------- closing

    def _figures(self):
        """The rows of its people; see ``spp.attendance.payroll.person``."""
        people = self.env["spp.attendance.payroll.person"]
        return people.with_context(**{PERIODS: self.ids})

    def _problems(self):
        """What is to be looked at before this period is closed.

        :rtype: Problems
        """
        self.ensure_one()
        self.env.flush_all()
        [row] = self.env.execute_query(
            SQL(
                """
                WITH members AS (%(members)s),
                days AS (
                    SELECT count(*) FILTER (WHERE NOT d.is_closed) AS open_days,
                           count(*) FILTER (WHERE d.needs_review OR d.missing_in
                                                  OR d.missing_out) AS doubts
                      FROM members m
                      JOIN spp_attendance_day d ON d.subscriber_id = m.subscriber_id
                       AND d.date BETWEEN %(date_from)s AND %(date_to)s)
                SELECT (SELECT count(*) FROM members),
                       (SELECT open_days FROM days),
                       (SELECT count(*) FROM (%(waiting)s) waiting),
                       (SELECT doubts FROM days),
                       (SELECT array_agg(DISTINCT l.subscriber_id)
                          FROM spp_attendance_payroll_line l
                          JOIN members m ON m.subscriber_id = l.subscriber_id
                         WHERE NOT l.is_void AND l.period_id <> %(period)s
                           AND l.date_from <= %(date_to)s
                           AND l.date_to >= %(date_from)s)
                """,
                members=self._figures()._members_sql(),
                waiting=self._waiting_sql(),
                date_from=self.date_from,
                date_to=self.date_to,
                period=self.id,
            )
        )
        people, open_days, waiting, doubts, elsewhere = row
        return Problems(
            people,
            open_days,
            waiting,
            doubts,
            self._open_corrections(),
            elsewhere or [],
        )

    def _waiting_sql(self):
        """SELECT of who belongs here and doesn't have all of their days yet.

        Those who work within the period, since when it is said or else since their days
        are kept, and of whom a day is missing or not decided up to its end; and those
        of whom something waits to be computed.
        """
        return SQL(
            """
            SELECT s.id
              FROM (%(people)s) m
              JOIN spp_attendance_subscriber s ON s.id = m.subscriber_id
         LEFT JOIN spp_attendance_day_person y ON y.subscriber_id = s.id
        CROSS JOIN LATERAL (
                   SELECT GREATEST(%(date_from)s, COALESCE(
                              s.work_from, y.kept_from, s.create_date::date)) AS since,
                          LEAST(%(date_to)s, s.work_to) AS until) AS span
             WHERE s.level_of_work IS NOT NULL AND s.active
               AND span.since <= span.until
               AND (y.id IS NULL OR y.settled_until < span.until
                    OR (SELECT count(*) FROM spp_attendance_day d
                         WHERE d.subscriber_id = s.id
                           AND d.date BETWEEN span.since AND span.until)
                       < span.until - span.since + 1 - COALESCE((
                           SELECT sum(LEAST((gap ->> 1)::date, span.until)
                                      - GREATEST((gap ->> 0)::date, span.since) + 1)
                             FROM jsonb_array_elements(y.gaps) AS gap
                            WHERE (gap ->> 0)::date <= span.until
                              AND (gap ->> 1)::date >= span.since), 0))
             UNION
            SELECT m.subscriber_id
              FROM (%(people)s) m
              JOIN spp_attendance_day_queue q ON q.person = m.subscriber_id
            """,
            people=self._figures()._candidates_sql(),
            date_from=self.date_from,
            date_to=self.date_to,
        )

    def _open_corrections(self):
        """How many requests of its people and days nobody has decided."""
        if "spp.attendance.correction" not in self.env:
            return 0
        corrections = self.env["spp.attendance.correction"]
        return corrections.search_count(
            [
                ("state", "=", "submitted"),
                ("company_id", "=", self.company_id.id),
                ("date", ">=", self.date_from),
                ("date", "<=", self.date_to),
                (
                    "subscriber_id",
                    "in",
                    SQL(
                        "SELECT subscriber_id FROM (%s) members",
                        self._figures()._members_sql(),
                    ),
                ),
            ]
        )

    def _close(self, accepts_doubts=False, leaves_out=False):
        """Keep what everybody's days come to, as it is now.

        :param bool accepts_doubts: close it although there is something to look at
        :param bool leaves_out: leave out who is in another closed period of these days
        :raises UserError: when it can't be closed, or shouldn't
        """
        self.ensure_one()
        self.check_access("write")
        self._check_manager()
        if self.date_to > self.env["spp.attendance.day"]._now_date():
            raise UserError(
                self.env._("The period isn't over: it can be closed on its last day.")
            )
        # Of two who close it at once, one is told that it is closed.
        self.env.cr.execute(
            "SELECT state FROM spp_attendance_payroll_period WHERE id = %s FOR UPDATE",
            [self.id],
            log_exceptions=False,
        )
        if self.env.cr.fetchall() != [("open",)]:
            raise UserError(self.env._("This period is closed already."))
        problems = self._problems()
        if problems.elsewhere and not leaves_out:
            raise UserError(
                self.env._(
                    "%(count)s people are in another closed period of these days:"
                    " %(names)s. Change the days of this one, or leave them out.",
                    count=len(problems.elsewhere),
                    names=self._names(problems.elsewhere),
                )
            )
        if not accepts_doubts and (
            problems.open_days
            or problems.waiting
            or problems.doubts
            or problems.corrections
        ):
            raise UserError(
                self.env._(
                    "Review this first: days that are not final, that have a missing"
                    " check-in or check-out or a contradiction, or requests that nobody"
                    " has decided."
                )
            )
        try:
            with self.env.cr.savepoint(flush=False):
                count = self._keep(problems.elsewhere)
        except ExclusionViolation as error:
            raise UserError(
                self.env._(
                    "Somebody else has just closed a period of the same days with some"
                    " of the same people. Look at this one again."
                )
            ) from error
        if not count:
            raise UserError(
                self.env._("Nobody has days in this period: there is nothing to close.")
            )
        self._set_state("closed")
        self.message_post(
            body=self.env._(
                "Closed with %(people)s people. Not final: %(open)s days. To review:"
                " %(doubts)s days. Undecided: %(corrections)s requests. Left out:"
                " %(left_out)s people.",
                people=count,
                open=problems.open_days,
                doubts=problems.doubts,
                corrections=problems.corrections,
                left_out=len(problems.elsewhere),
            )
        )

    def _check_manager(self):
        if not self.env.user.has_group("spp_attendance.spp_attendance_group_manager"):
            raise AccessError(self.env._("Only a manager can close a period."))

    def _names(self, ids):
        people = self.env["spp.attendance.subscriber"].browse(ids[:_MAX_NAMED])
        names = ", ".join(people.mapped("display_name"))
        return names if len(ids) <= _MAX_NAMED else f"{names}, …"

    def _keep(self, left_out):
        """Write the lines of the people; how many.

        :param list left_out: ids of people who get none
        """
        names = SQL(", ").join(map(SQL.identifier, NAMES_OF_FIGURES))
        prepare(self.env.cr)
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO spp_attendance_payroll_line (
                    period_id, company_id, date_from, date_to, is_void, subscriber_id,
                    person_key, person_identifier, person_name, department_id,
                    location_id, level_of_work, %(names)s, leave, open_days, doubts,
                    days)
                SELECT f.period_id, f.company_id, f.date_from, f.date_to, FALSE, s.id,
                       s.id, s.person_identifier, c.name, s.department_id,
                       s.location_id, s.level_of_work, %(figures)s, f.leave,
                       f.open_days, f.doubts, kept.days
                  FROM (%(of_people)s) f
                  JOIN spp_attendance_subscriber s ON s.id = f.subscriber_id
                  JOIN res_partner c ON c.id = s.partner_id
            CROSS JOIN LATERAL (%(days)s) kept
                 WHERE f.period_id = %(period)s AND s.id <> ALL(%(left_out)s)
              ORDER BY s.id
                """,
                names=names,
                figures=SQL(", ").join(
                    SQL.identifier("f", name) for name in NAMES_OF_FIGURES
                ),
                of_people=self._figures()._figures_sql(),
                days=kept_json(
                    "d",
                    SQL(
                        "d.subscriber_id = f.subscriber_id"
                        " AND d.date BETWEEN f.date_from AND f.date_to"
                    ),
                ),
                period=self.id,
                left_out=left_out,
            ),
            log_exceptions=False,
        )
        count = self.env.cr.rowcount
        self.env["spp.attendance.payroll.line"].invalidate_model(flush=False)
        self.invalidate_recordset(flush=False)
        return count

    def _set_state(self, state):
        """Note that it is closed, or open again; tracked as any change."""
        is_closed = state == "closed"
        # Nobody writes these by himself; who may close or reopen was asked before.
        period_sudo = self.sudo()
        period_sudo.write(
            {
                "state": state,
                "closed_by": is_closed and self.env.uid,
                "closed_at": is_closed and fields.Datetime.now(),
            }
        )

    def _reopen(self, reason):
        """Make it live again; what it was closed with stays, and counts no more.

        :raises AccessError: unless who does it is an administrator
        """
        self.ensure_one()
        self.check_access("write")
        if not self.env.user.has_group("spp_attendance.spp_attendance_group_admin"):
            raise AccessError(self.env._("Only an administrator can reopen a period."))
        self.env.cr.execute(
            "SELECT state FROM spp_attendance_payroll_period WHERE id = %s FOR UPDATE",
            [self.id],
            log_exceptions=False,
        )
        if self.env.cr.fetchall() != [("closed",)]:
            raise UserError(self.env._("This period is open."))
        # Nobody has the right to write lines: they are voided here, and only here.
        self.env.cr.execute(
            "UPDATE spp_attendance_payroll_line SET is_void = TRUE"
            " WHERE period_id = %s AND NOT is_void",
            [self.id],
            log_exceptions=False,
        )
        self.env["spp.attendance.payroll.line"].invalidate_model(flush=False)
        self._set_state("open")
        self.message_post(body=self.env._("Reopened: %(reason)s", reason=reason))

    # ----------------------------------------------------------------- buttons

    def action_close(self):
        """Ask what is to be looked at, then close."""
        return self._ask("spp_attendance.spp_attendance_payroll_close_action")

    def action_reopen(self):
        """Ask why, then reopen."""
        return self._ask("spp_attendance.spp_attendance_payroll_reopen_action")

    def _ask(self, action):
        self.ensure_one()
        self.check_access("write")
        return {
            **self.env["ir.actions.act_window"]._for_xml_id(action),
            "context": {"default_period_id": self.id},
        }

    def action_open_people(self):
        """What each person has in it."""
        return self._open_list(
            "spp_attendance.spp_attendance_payroll_person_action", self.name
        )

    def action_open_changes(self):
        """Who would have something else today."""
        return self._open_list(
            "spp_attendance.spp_attendance_payroll_change_action",
            self.env._("%(period)s: changed since", period=self.name),
            {"search_default_differs": 1},
        )

    def _open_list(self, xml_id, name, context=None):
        self.ensure_one()
        self.check_access("read")
        return {
            **self.env["ir.actions.act_window"]._for_xml_id(xml_id),
            "name": name,
            "display_name": name,
            "domain": [("period_id", "=", self.id)],
            "context": {PERIODS: self.ids, **(context or {})},
        }

    def action_open_doubts(self):
        """The days that somebody has to look at."""
        doubtful = (
            Domain("is_closed", "=", False)
            | Domain("needs_review", "=", True)
            | Domain("missing_in", "=", True)
            | Domain("missing_out", "=", True)
        )
        return self._open_days(domain=doubtful)

    def _open_days(self, person=None, domain=Domain.TRUE):
        """Days of the period: of one person beside what was closed, else as they are.

        :param person: a subscriber
        """
        self.ensure_one()
        self.check_access("read")
        if person and self.state == "closed":
            action = self._open_list(
                "spp_attendance.spp_attendance_payroll_day_action", person.display_name
            )
            action["domain"].append(("subscriber_id", "=", person.id))
            return action
        domain &= Domain("date", ">=", self.date_from)
        domain &= Domain("date", "<=", self.date_to)
        if person:
            domain &= Domain("subscriber_id", "=", person.id)
        else:
            self.env.flush_all()
            rows = self.env.execute_query(self._figures()._members_sql())
            domain &= Domain("subscriber_id", "in", [row[1] for row in rows])
        name = person.display_name if person else self.name
        return {
            "type": "ir.actions.act_window",
            "name": name,
            "res_model": "spp.attendance.day",
            "views": [(False, "list"), (False, "form")],
            "domain": list(domain),
            "context": {"create": False},
        }

    def action_xlsx(self):
        """Download it as a workbook."""
        return self._download("xlsx")

    def action_csv(self):
        """Download it as CSV."""
        return self._download("csv")

    def _download(self, kind):
        self.ensure_one()
        self.check_access("read")
        return {
            "type": "ir.actions.act_url",
            "url": f"/api/attendance/payroll.{kind}?period={self.id}",
            "target": "new",
        }
