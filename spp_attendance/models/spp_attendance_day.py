from datetime import datetime

from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError

from .. import days as computing
from ..decisions import DecisionError, Span, to_override, to_values
from ..engine import localtime
from ..engine.shift_rules import to_minute
from ..engine.statuses import PRESENT
from .spp_attendance_day_change import TOLD

STATUSES = [
    ("on_time", "On Time"),
    ("considered", "Considered"),
    ("late", "Late"),
    ("absent", "Absent"),
    ("leave", "Leave"),
    ("holiday", "Holiday"),
    ("weekend", "Weekend"),
]


class SppAttendanceDay(models.Model):
    """One day of somebody's work: what the records of it come to by a shift.

    Computed by lanes from the queue of days, never by the ORM: see ``days``. What
    somebody decides is kept beside what was computed, and stands.
    """

    _name = "spp.attendance.day"
    _description = "Attendance Day"
    _order = "date desc, subscriber_id, id"
    _check_company_auto = True

    subscriber_id = fields.Many2one(
        "spp.attendance.subscriber",
        string="Person",
        required=True,
        readonly=True,
        ondelete="restrict",
    )
    person_identifier = fields.Char(
        related="subscriber_id.person_identifier", string="Identifier"
    )
    company_id = fields.Many2one("res.company", required=True, readonly=True)
    department_id = fields.Many2one(
        "spp.attendance.department", readonly=True, ondelete="restrict"
    )
    location_id = fields.Many2one(
        "spp.attendance.location", readonly=True, ondelete="restrict", index=True
    )
    level_of_work = fields.Selection(
        [("worker", "Worker"), ("staff", "Staff")], "Level of Work", readonly=True
    )
    date = fields.Date(required=True, readonly=True)
    shift_id = fields.Many2one(
        "spp.attendance.shift",
        required=True,
        readonly=True,
        ondelete="restrict",
        index=True,
    )
    tz = fields.Char("Time Zone", required=True, readonly=True)
    window_from = fields.Datetime(
        "Day Opens", readonly=True, help="Records from then on belong to this day."
    )
    window_until = fields.Datetime(
        "Day Closes", readonly=True, help="Records before then belong to this day."
    )
    status = fields.Selection(STATUSES, readonly=True)
    status_code = fields.Char(readonly=True, help="As files and the API have it.")
    abbreviation = fields.Char(readonly=True)
    day_type = fields.Selection(
        [("working", "Working Day"), ("weekend", "Weekend"), ("holiday", "Holiday")],
        "Kind of Day",
        required=True,
        readonly=True,
    )
    leave_code = fields.Char("Leave", readonly=True)
    leave_hundredths = fields.Integer(
        "Leave (Hundredths of a Day)", readonly=True, aggregator=None
    )
    expected_minutes = fields.Integer("Minutes Expected", readonly=True)
    first_check_in = fields.Datetime("First Check-In", readonly=True)
    last_check_out = fields.Datetime("Last Check-Out", readonly=True)
    gross_minutes = fields.Integer("Minutes from In to Out", readonly=True)
    break_minutes = fields.Integer("Minutes of Break", readonly=True)
    net_minutes = fields.Integer("Minutes Present", readonly=True)
    working_minutes = fields.Integer("Minutes of Work", readonly=True)
    overtime_minutes = fields.Integer("Minutes of Overtime", readonly=True)
    extra_overtime_minutes = fields.Integer("Minutes of Extra Overtime", readonly=True)
    late_minutes = fields.Integer("Minutes Late", readonly=True)
    early_exit_minutes = fields.Integer("Minutes Left Early", readonly=True)
    snacks_eligible = fields.Boolean("Snacks", readonly=True)
    night_bill_eligible = fields.Boolean("Night Bill", readonly=True)
    scan_count = fields.Integer("Readings", readonly=True)
    duplicate_count = fields.Integer("Repeated Readings", readonly=True)
    outside_count = fields.Integer("Readings Outside the Day", readonly=True)
    missing_in = fields.Boolean("Missing Check-In", readonly=True)
    missing_out = fields.Boolean("Missing Check-Out", readonly=True)
    is_auto_out = fields.Boolean("Automatic Check-Out", readonly=True)
    has_conflict = fields.Boolean("Contradiction", readonly=True)
    is_doubtful = fields.Boolean(
        "Doubtful",
        readonly=True,
        help="Made final though a terminal had not reported for a long time.",
    )
    is_closed = fields.Boolean(
        "Final", readonly=True, help="No more readings are expected for this day."
    )
    needs_review = fields.Boolean(readonly=True)

    override = fields.Json("Edits", readonly=True, help="What somebody edited.")
    computed = fields.Json(
        "From the Records", readonly=True, help="What the day is by its records."
    )
    differs = fields.Boolean(
        "Differs from the Records",
        readonly=True,
        help="Edited or locked, and no longer what its records say.",
    )
    is_locked = fields.Boolean("Locked", readonly=True)
    is_edited = fields.Boolean("Edited", readonly=True)
    edited_by = fields.Many2one("res.users", readonly=True, ondelete="set null")
    edited_at = fields.Datetime(readonly=True)
    notes = fields.Text()

    # As the clock of the day showed them, wherever somebody looks from.
    local_check_in = fields.Char("Check-In", compute="_compute_local_times")
    local_check_out = fields.Char("Check-Out", compute="_compute_local_times")
    record_ids = fields.Many2many(
        "spp.attendance.record", string="Records", compute="_compute_record_ids"
    )
    change_ids = fields.Many2many(
        "spp.attendance.day.change", string="Changes", compute="_compute_of_the_day"
    )
    correction_ids = fields.Many2many(
        "spp.attendance.correction", string="Requests", compute="_compute_of_the_day"
    )
    comparison = fields.Html(
        "Compared With the Records", compute="_compute_comparison", sanitize=False
    )
    may_decide = fields.Boolean("Editable by Me", compute="_compute_may_decide")

    _subscriber_date_unique = models.Constraint(
        "UNIQUE (subscriber_id, date)",
        "This person has a day of this date already.",
    )
    _company_date_idx = models.Index("(company_id, date, id)")
    _date_status_idx = models.Index("(date, status)")
    _department_date_idx = models.Index("(department_id, date)")

    @api.depends("subscriber_id", "date", "status")
    def _compute_display_name(self):
        labels = dict(self._fields["status"]._description_selection(self.env))
        for day in self:
            parts = (
                day.subscriber_id.display_name,
                day.date and fields.Date.to_string(day.date),
                labels.get(day.status),
            )
            day.display_name = " · ".join(filter(None, parts))

    @api.depends("first_check_in", "last_check_out", "tz")
    def _compute_local_times(self):
        for day in self:
            day.local_check_in = day._clock("first_check_in")
            day.local_check_out = day._clock("last_check_out")

    @api.depends("subscriber_id", "window_from", "window_until")
    def _compute_record_ids(self):
        records = self.env["spp.attendance.record"]
        for day in self:
            day.record_ids = records.search(
                [
                    ("subscriber_id", "=", day.subscriber_id.id),
                    ("date_time", ">=", day.window_from),
                    ("date_time", "<", day.window_until),
                ],
                order="date_time, id",
            )

    @api.depends("subscriber_id", "date")
    def _compute_of_the_day(self):
        changes = self.env["spp.attendance.day.change"]
        corrections = self.env["spp.attendance.correction"]
        for day in self:
            domain = [
                ("subscriber_id", "=", day.subscriber_id.id),
                ("date", "=", day.date),
            ]
            day.change_ids = changes.search(domain)
            day.correction_ids = (
                corrections.search(domain)
                if corrections.has_access("read")
                else corrections
            )

    @api.depends("computed", *(name for name in TOLD if name != "notes"))
    @api.depends_context("lang")
    def _compute_comparison(self):
        """What it is by the records, beside what it is."""
        change = self.env["spp.attendance.day.change"]
        labels = change._labels()
        row = Markup("<tr><th>%s</th><td>%s</td><td>%s</td></tr>")
        marked = Markup(
            "<tr class='table-warning'><th>%s</th><td>%s</td><td>%s</td></tr>"
        )
        for day in self:
            if not day.computed:
                day.comparison = False
                continue
            told = change.new({"date": day.date, "tz": day.tz})
            lines = []
            for name in TOLD:
                if name == "notes":
                    continue
                before = told._text(name, day.computed.get(name))
                after = told._text(name, day._told()[name])
                lines.append(
                    (row if before == after else marked) % (labels[name], before, after)
                )
            day.comparison = Markup(
                "<table class='table table-sm w-auto'><thead><tr><th/><th>%s</th>"
                "<th>%s</th></tr></thead><tbody>%s</tbody></table>"
            ) % (
                self.env._("From the records"),
                self.env._("As it is now"),
                Markup().join(lines),
            )

    @api.depends("subscriber_id")
    @api.depends_context("uid")
    def _compute_may_decide(self):
        is_manager = self._may_decide()
        is_admin = self.env.user.has_group("spp_attendance.spp_attendance_group_admin")
        for day in self:
            is_own = day.subscriber_id.partner_id == self.env.user.partner_id
            day.may_decide = is_manager and (is_admin or not is_own)

    @api.model
    def _now_date(self):
        """Today, by the company's clock."""
        # Also for who takes part, who sees no companies: what time it is is no secret.
        records_sudo = self.env["spp.attendance.record"].sudo()
        return records_sudo._now_local().date()

    @property
    def _is_present(self):
        return self.status in PRESENT

    # ------------------------------------------------------------- decisions

    @api.model
    def _decide(self, subscriber, date, values, reason, correction=None):
        """Decide what somebody's day was, in the place of what was read of it.

        The whole of what is decided: what ``values`` doesn't name is as it is computed,
        also if somebody decided it before. To add to what was decided, pass
        ``{**day._decided_values(), **values}``.

        :param subscriber: whose day, one person
        :param date: the day, a ``datetime.date``; not in the future
        :param values: dict of what is decided, None or empty to take all of it back:

            - ``status``: one of ``STATUSES``; who is ``absent`` has no times
            - ``check_in``, ``check_out``: an aware ``datetime``; a naive one, in the
              day's zone; or a time of day such as ``"17:30"`` within the day, the one
              after ``check_in`` for ``check_out``. None: there is none
            - ``is_forgiven``: whether a late arrival counts as considered
            - ``net_minutes``, ``working_minutes``, ``overtime_minutes``,
              ``extra_overtime_minutes``: else they follow from the times
            - ``snacks_eligible``, ``night_bill_eligible``: booleans, None as computed
            - ``notes``: text kept beside the day; alone it changes nothing else
        :param str reason: why, for whoever asks later
        :param correction: the ``spp.attendance.correction`` that is approved by this
        :return: the day; empty if there is none any more, as nothing is known of it
        :raises AccessError: when the user may not decide this day
        :raises UserError: when the day is locked, no reason is given, or it can't be so
        """
        subscriber.ensure_one()
        reason = (reason or "").strip()
        if not reason:
            raise UserError(self.env._("Enter a reason."))
        self._check_may_decide(subscriber, correction)
        self._check_kept(subscriber)
        # Who may decide of a day may decide of all of it, whatever he may write.
        day_sudo = self.sudo().search(
            [("subscriber_id", "=", subscriber.id), ("date", "=", date)]
        )
        day_sudo._check_unlocked()
        values = dict(values or {})
        before = day_sudo._told()
        if set(values) == {"notes"} and day_sudo:
            self._touch_people(subscriber)
            day_sudo.notes = values["notes"]
        else:
            override = self._override_of(subscriber, date, values, day_sudo)
            self.env["spp.attendance.day.queue"]._compute_now(
                subscriber.ids,
                date,
                date,
                overrides={(subscriber.id, date): override or None},
            )
            day_sudo = self.sudo().search(
                [("subscriber_id", "=", subscriber.id), ("date", "=", date)]
            )
            noted = {"notes": values["notes"]} if "notes" in values else {}
            day_sudo.write(
                {
                    "edited_by": self.env.uid if override else False,
                    "edited_at": fields.Datetime.now() if override else False,
                    **noted,
                }
            )
        self._log_changes(
            "decided" if values else "taken_back",
            reason,
            [(subscriber, date, day_sudo.tz, before, day_sudo._told())],
            correction,
        )
        return self.browse(day_sudo.id)

    def _decided_values(self):
        """What was decided of this day, as ``_decide`` takes it; without notes."""
        self.ensure_one()
        return to_values(self.override)

    @api.model
    def _check_kept(self, subscriber):
        """
        :raises UserError: when no days are kept of a person
        """
        if not subscriber.level_of_work:
            raise UserError(
                self.env._(
                    "No days are kept for %(person)s. Choose a level of work first.",
                    person=subscriber.display_name,
                )
            )

    @api.model
    def _check_may_decide(self, subscriber, correction=None):
        """
        :raises AccessError: when the user may not decide days of a person
        """
        if self.env.su:
            return
        user = self.env.user
        is_admin = user.has_group("spp_attendance.spp_attendance_group_admin")
        if correction:
            correction._check_may_judge()
        elif not self._may_decide():
            raise AccessError(
                self.env._("Only attendance managers edit days. Ask for a correction.")
            )
        subscriber.check_access("read")
        if subscriber.company_id not in self.env.companies:
            raise AccessError(
                self.env._(
                    "%(person)s belongs to a company that you aren't working in now.",
                    person=subscriber.display_name,
                )
            )
        if subscriber.partner_id == user.partner_id and not is_admin:
            raise AccessError(
                self.env._("You can't edit your own day. Ask somebody else.")
            )

    @api.model
    def _may_decide(self):
        """Whether the user may decide days at all, their own excepted."""
        return self.env.su or any(
            self.env.user.has_group(f"spp_attendance.spp_attendance_group_{role}")
            for role in ("manager", "api_days")
        )

    def _check_unlocked(self):
        """
        :raises UserError: when one of these days is locked
        """
        if locked := self.filtered("is_locked"):
            raise UserError(
                self.env._(
                    "The day is locked and stays as it is: %(days)s. A manager can"
                    " unlock it.",
                    days=", ".join(locked[:5].mapped("display_name")),
                )
            )

    @api.model
    def _override_of(self, subscriber, date, values, day_sudo):
        """What is decided, as JSON of an engine's Override; empty if nothing is."""
        if not date.min.year < date.year < date.max.year:
            # At either end of the calendar there is no day before it, or after it.
            raise UserError(
                self.env._(
                    "No shift is assigned to %(person)s on this day.",
                    person=subscriber.display_name,
                )
            )
        values = {name: value for name, value in values.items() if name != "notes"}
        if not values:
            return {}
        labels = dict(self._fields["status"]._description_selection(self.env))
        if values.get("status") and values["status"] not in labels:
            raise UserError(
                self.env._("There is no status “%(status)s”.", status=values["status"])
            )
        self.env.flush_all()
        self.env["spp.attendance.day.queue"]._add_people()
        window = computing.window_of(self.env, subscriber.id, date)
        if window is None:
            raise UserError(
                self.env._(
                    "No shift is assigned to %(person)s on this day.",
                    person=subscriber.display_name,
                )
            )
        today = localtime.to_local(fields.Datetime.now(), window.tz).date()
        if date > today:
            raise UserError(self.env._("A day can't be edited before it has begun."))
        told = (day_sudo.override and day_sudo.computed) or day_sudo._told() or {}
        came, went = (
            to_minute(datetime.fromisoformat(told[name])) if told.get(name) else None
            for name in ("first_check_in", "last_check_out")
        )
        try:
            return to_override(
                values, Span(date, window.tz, window.since, window.until, came, went)
            )
        except DecisionError as error:
            raise UserError(self._decision_message(error)) from error

    def _decision_message(self, error):
        """Why a decision can't be, in the user's words."""
        given = error.given
        if error.code == "outside":
            given = {
                **given,
                "since": given["since"].strftime("%Y-%m-%d %H:%M"),
                "until": given["until"].strftime("%Y-%m-%d %H:%M"),
            }
        return {
            "unknown": lambda: self.env._(
                "This can't be set for a day: %(names)s.", **given
            ),
            "minutes": lambda: self.env._(
                "“%(name)s” must be whole minutes, from 0 to 2880.", **given
            ),
            "away": lambda: self.env._(
                "An absent person has no check-in or check-out."
            ),
            "no_check_in": lambda: self.env._(
                "A check-out needs a check-in. Enter the check-in as well, or leave it"
                " as recorded."
            ),
            "order": lambda: self.env._("Check-out must be after check-in."),
            "far": lambda: self.env._("This time is too far from the day."),
            "time": lambda: self.env._(
                "“%(text)s” is not a time of day. Write it as 08:30.", **given
            ),
            "outside": lambda: self.env._(
                "%(text)s is outside this day, which is from %(since)s to"
                " %(until)s. Add the date, or enter another time.",
                **given,
            ),
        }[error.code]()

    def _clock(self, name):
        """An instant of this day by its own clock, ``17:30``; False if there is none.

        With the date where that is another day's.
        """
        if not self[name]:
            return False
        local = localtime.to_local(self[name], self.tz)
        is_same_day = local.date() == self.date
        return local.strftime("%H:%M" if is_same_day else "%Y-%m-%d %H:%M")

    def _told(self):
        """What a change tells of this day; None of no day."""
        if not self:
            return None
        self.ensure_one()
        return {
            name: self[name].isoformat()
            if self._fields[name].type == "datetime" and self[name]
            else self[name]
            for name in TOLD
        }

    @api.model
    def _log_changes(self, kind, reason, changes, correction=None):
        """Keep who changed days.

        :param list changes: of ``(subscriber, date, tz, before, after)``
        """
        # Nobody writes this by himself, so nobody has the right to.
        self.env["spp.attendance.day.change"].sudo().create(
            [
                {
                    "subscriber_id": subscriber.id,
                    "company_id": subscriber.company_id.id,
                    "date": date,
                    "tz": tz,
                    "kind": kind,
                    "reason": reason,
                    "before": before,
                    "after": after,
                    "correction_id": correction and correction.id,
                }
                for subscriber, date, tz, before, after in changes
            ]
        )

    @api.model
    def _touch_people(self, subscribers):
        """Have whoever computes days of these people at this moment begin again."""
        self.env.cr.execute(
            """
            UPDATE spp_attendance_day_person p SET version = version + 1
              FROM (SELECT id FROM spp_attendance_day_person
                     WHERE subscriber_id = ANY(%s)
                  ORDER BY subscriber_id FOR NO KEY UPDATE) AS mine
             WHERE p.id = mine.id
            """,
            [subscribers.ids],
            log_exceptions=False,
        )

    # --------------------------------------------------------------- actions

    def action_decide(self):
        """Open what is decided of this day."""
        self.check_access("read")
        self.ensure_one()
        self._check_may_decide(self.subscriber_id)
        self._check_unlocked()
        return {
            "type": "ir.actions.act_window",
            "name": self.display_name,
            "res_model": "spp.attendance.day.edit",
            "view_mode": "form",
            "target": "new",
            "context": {
                "default_subscriber_id": self.subscriber_id.id,
                "default_date": fields.Date.to_string(self.date),
            },
        }

    def action_ask_correction(self):
        """Open a new request to fix this day."""
        self.check_access("read")
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Ask for a Correction"),
            "res_model": "spp.attendance.correction",
            "view_mode": "form",
            "views": [(False, "form")],
            "target": "current",
            "context": {
                "default_subscriber_id": self.subscriber_id.id,
                "default_date": fields.Date.to_string(self.date),
                "default_kind": "forgive" if self.status == "late" else "missing_punch",
            },
        }

    def action_lock(self):
        """Keep these days as they are, whatever comes in."""
        self._set_locked(True)
        return True

    def action_unlock(self):
        """Let these days follow the records again."""
        self._set_locked(False)
        return True

    def _set_locked(self, is_locked):
        self.check_access("read")
        for subscriber in self.subscriber_id:
            self._check_may_decide(subscriber)
        days = self.filtered(lambda day: day.is_locked != is_locked)
        if not days:
            return
        # Whoever computes one of them meanwhile would not see it.
        self._touch_people(days.subscriber_id)
        # Who may decide days may lock them; nothing of them is written by hand.
        days.sudo().is_locked = is_locked
        self._log_changes(
            "locked" if is_locked else "unlocked",
            False,
            [
                (day.subscriber_id, day.date, day.tz, told, told)
                for day in days
                for told in [day._told()]
            ],
        )
        days.flush_recordset()
        queue = self.env["spp.attendance.day.queue"]
        for date, same in days.grouped("date").items():
            queue._enqueue_days(same.subscriber_id.ids, date, date)

    def action_recompute(self):
        """Compute these days anew, by the rules that are set now."""
        self.check_access("read")
        if not self._may_decide():
            raise AccessError(
                self.env._("Only attendance managers can recompute days.")
            )
        queue = self.env["spp.attendance.day.queue"]
        if len(self) == 1:
            queue._compute_now(
                self.subscriber_id.ids, self.date, self.date, is_anew=True
            )
            return True
        for date, same in self.grouped("date").items():
            queue._enqueue_days(same.subscriber_id.ids, date, date, is_anew=True)
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._("The days are being computed."),
            },
        }

    # ----------------------------------------------- what other addons add

    @api.model
    def _leaves(self, people, date_from, date_to):
        """Leave that was approved; whoever keeps it adds it.

        :param list people: ids of subscribers
        :return: ``{(id, date): list of engine.day.Leave}``
        """
        return {}

    @api.model
    def _holidays(self, places, date_from, date_to):
        """Days on which nobody works; whoever keeps them adds them.

        :param set places: ``(company id, location id or None)``
        :return: ``{(company id, location id or None, date): name}``
        """
        return {}

    # ----------------------------------------------------- people who change

    @api.model
    def _drop_undecided(self, people, company_id=None):
        """Remove the days of people on which nothing says something but the rules.

        Those with records, and those that somebody has decided or locked, stay.

        :param company_id: but not those of this company
        """
        if not people:
            return
        self.flush_model()
        self.env.cr.execute(
            """
            DELETE FROM spp_attendance_day
             WHERE subscriber_id = ANY(%s) AND company_id IS DISTINCT FROM %s
               AND scan_count = 0 AND override IS NULL
               AND NOT COALESCE(is_locked, FALSE)
            """,
            [people.ids, company_id or None],
        )
        self.invalidate_model(flush=False)

    @api.model
    def _merge_people(self, target, sources):
        """Of people who become one, leave one day a date, and have it computed.

        What somebody has decided or locked goes first, then what is the target's own.
        """
        self.flush_model()
        self.env["spp.attendance.record"].flush_model()
        everybody = (target + sources).ids
        names = {"target": target.id, "sources": sources.ids, "people": everybody}
        cr = self.env.cr
        # Who computes days of one of them has to be done, or begins again.
        cr.execute(
            "SELECT id FROM spp_attendance_day_person WHERE subscriber_id = ANY(%s)"
            " ORDER BY subscriber_id FOR UPDATE",
            [everybody],
            log_exceptions=False,
        )
        # Before the records are the target's: of when they were is all that counts.
        cr.execute(
            """
            INSERT INTO spp_attendance_day_queue (person, at)
            SELECT %(target)s, date_time FROM spp_attendance_record
             WHERE subscriber_id = ANY(%(sources)s)
             UNION ALL
            SELECT %(target)s, at FROM spp_attendance_day_queue
             WHERE person = ANY(%(sources)s) AND at IS NOT NULL
            """,
            names,
        )
        cr.execute(
            """
            INSERT INTO spp_attendance_day_queue (person, date_from, date_to)
            SELECT %(target)s, date, date FROM spp_attendance_day
             WHERE subscriber_id = ANY(%(sources)s)
            """,
            names,
        )
        cr.execute(
            "DELETE FROM spp_attendance_day_queue WHERE person = ANY(%(sources)s)",
            names,
        )
        cr.execute(
            """
            DELETE FROM spp_attendance_day
             WHERE id IN (
                SELECT id
                  FROM (SELECT id, row_number() OVER (
                                   PARTITION BY date
                                   ORDER BY COALESCE(is_locked, FALSE) DESC,
                                            override IS NOT NULL DESC,
                                            subscriber_id <> %(target)s, id) AS place
                          FROM spp_attendance_day
                         WHERE subscriber_id = ANY(%(people)s)) AS days
                 WHERE place > 1)
            """,
            names,
        )
        # While days of one of them were kept, none were missing.
        cr.execute(
            """
            UPDATE spp_attendance_day_person p
               SET kept_from = LEAST(p.kept_from, other.first),
                   gaps = (SELECT jsonb_agg(gap)
                             FROM jsonb_array_elements(p.gaps) AS gap
                            WHERE (gap ->> 1)::date < other.first)
              FROM (SELECT min(kept_from) AS first
                      FROM spp_attendance_day_person
                     WHERE subscriber_id = ANY(%(sources)s)) AS other
             WHERE p.subscriber_id = %(target)s AND other.first IS NOT NULL
            """,
            names,
        )
        # From the one whose days are kept for the longest, all that follows is known.
        cr.execute(
            """
            DELETE FROM spp_attendance_day_person
             WHERE id IN (
                SELECT id
                  FROM (SELECT id, row_number() OVER (
                                   ORDER BY subscriber_id <> %(target)s, id) AS place
                          FROM spp_attendance_day_person
                         WHERE subscriber_id = ANY(%(people)s)) AS people
                 WHERE place > 1)
            """,
            names,
        )
        self.invalidate_model(flush=False)
        self.env["spp.attendance.day.queue"]._wake_after_commit()
