from math import isfinite

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Command
from odoo.tools import SQL

from odoo.addons.base.models.res_partner import _tz_get

from ..engine.shift_rules import ShiftRules

_DAY = 24 * 60
#: Of hours: more is a mistake, and no minute.
_MOST_HOURS = 1_000


class SppAttendanceShift(models.Model):
    """The rules by which days are measured: times, breaks, overtime, eligibility.

    What was in force stays as it was: rules change by a new version, from a date. Who
    works by which shift, and from when, is said by assignments.

    Times are hours of the clock where the shift is worked. A time that isn't after the
    start of the shift is one of the day after.
    """

    _name = "spp.attendance.shift"
    _description = "Shift"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "name, id"
    _check_company_auto = True

    name = fields.Char(required=True, tracking=True)
    code = fields.Char(size=64, copy=False)
    active = fields.Boolean(default=True, tracking=True)
    company_id = fields.Many2one(
        "res.company",
        required=True,
        index=True,
        default=lambda self: self.env.company,
        ondelete="cascade",
    )
    color = fields.Integer()
    tz = fields.Selection(
        _tz_get,
        string="Time Zone",
        help="Of the times below. Empty: that of the person's home location, else of"
        " the person, else of the company.",
    )
    calendar_id = fields.Many2one(
        "resource.calendar",
        string="Working Days",
        required=True,
        check_company=True,
        ondelete="restrict",
        default=lambda self: self._default_calendar(),
        index=True,
        help="The weekdays on which people work. Only its days count, not its hours.",
    )
    standard_hours = fields.Float(
        required=True,
        default=8.0,
        help="Hours expected of a full day, for the balance.",
    )

    start = fields.Float("Start Time", required=True, default=8.0, tracking=True)
    end = fields.Float("End Time", required=True, default=17.0, tracking=True)
    opens_before = fields.Float(
        "Day Opens Before the Shift",
        required=True,
        default=5.0,
        help="Readings from so many hours before the shift on belong to its day.",
    )
    closes_after = fields.Float(
        "Day Closes After the Shift",
        required=True,
        default=10.0,
        help="Readings until so many hours after the shift belong to its day. Whoever"
        " has none by then is absent.",
    )
    late_grace = fields.Integer(
        "Late Arrival Grace",
        required=True,
        default=5,
        tracking=True,
        aggregator=None,
        help="Arriving up to so many minutes after the start is Considered, not Late.",
    )
    early_grace = fields.Integer(
        "Early Leaving Grace",
        required=True,
        default=0,
        tracking=True,
        aggregator=None,
        help="Leaving up to so many minutes before the end is not early.",
    )

    break_kind = fields.Selection(
        [
            ("none", "No break"),
            ("fixed", "A number of minutes"),
            ("window", "Between two times"),
        ],
        string="Break",
        required=True,
        default="fixed",
        tracking=True,
    )
    break_minutes = fields.Integer(
        "Minutes of Break", default=45, required=True, tracking=True, aggregator=None
    )
    break_after = fields.Integer(
        "Break If Longer Than",
        default=360,
        required=True,
        aggregator=None,
        help="No break is taken off for so many minutes of presence or less.",
    )
    break_from = fields.Float("Break Start", default=13.0, required=True)
    break_until = fields.Float("Break End", default=14.0, required=True)

    hours_mode = fields.Selection(
        [
            ("regular", "Within the shift, overtime apart"),
            ("total", "From in to out, without the break"),
            ("pairs", "Each stretch from in to out"),
            ("gross", "From in to out, with the break"),
        ],
        string="Working Hours",
        required=True,
        default="regular",
        tracking=True,
    )
    counts_early_arrival = fields.Boolean(
        "Early Arrival Counts", help="Hours before the start of the shift count, too."
    )
    rounding = fields.Integer(
        default=0,
        required=True,
        aggregator=None,
        help="All hours of a day are rounded to so many minutes. 0: not rounded.",
    )
    rounding_mode = fields.Selection(
        [("nearest", "To the nearest"), ("down", "Down"), ("up", "Up")],
        required=True,
        default="nearest",
    )

    has_overtime = fields.Boolean("Overtime", default=True, tracking=True)
    overtime_start = fields.Float(
        "Overtime From", required=True, default=17.0, tracking=True
    )
    has_extra = fields.Boolean("Extra Overtime", default=True, tracking=True)
    extra_start = fields.Float(
        "Extra Overtime From", required=True, default=19.0, tracking=True
    )
    snacks_from = fields.Integer(
        required=True,
        default=60,
        tracking=True,
        aggregator=None,
        help="Minutes of extra overtime.",
    )
    night_bill_from = fields.Integer(
        required=True,
        default=300,
        tracking=True,
        aggregator=None,
        help="Minutes of extra overtime.",
    )
    overtime_level = fields.Selection(
        [("worker", "Workers"), ("all", "Everybody")],
        string="Overtime For",
        required=True,
        default="worker",
    )
    holiday_work = fields.Selection(
        [
            ("overtime", "All of it is overtime"),
            ("bands", "Like on a working day"),
        ],
        string="Work on Days Off",
        required=True,
        default="overtime",
        tracking=True,
    )
    missing_out = fields.Selection(
        [
            ("flag", "Flag the day"),
            ("auto_out", "Take the end of the shift"),
        ],
        string="If the Check-Out Is Missing",
        required=True,
        default="flag",
        tracking=True,
    )
    out_only = fields.Selection(
        [
            ("late", "Late"),
            ("considered", "Considered"),
            ("on_time", "On time"),
            ("absent", "Absent"),
        ],
        string="If the Check-In Is Missing",
        required=True,
        default="late",
        tracking=True,
    )
    trusts_types = fields.Boolean(
        "In and Out as Recorded",
        default=True,
        help="Otherwise the first reading of a day is the check-in, the last one the"
        " check-out.",
    )
    duplicate_seconds = fields.Integer(
        "Ignore Repeats Within",
        default=60,
        required=True,
        aggregator=None,
        help="Readings of the same kind within so many seconds count as one.",
    )
    assignment_ids = fields.One2many(
        "spp.attendance.shift.assignment", "shift_id", string="Assignments"
    )
    previous_id = fields.Many2one(
        "spp.attendance.shift",
        string="Previous Version",
        readonly=True,
        copy=False,
        check_company=True,
        ondelete="set null",
        index="btree_not_null",
    )
    next_ids = fields.One2many(
        "spp.attendance.shift", "previous_id", string="Later Versions"
    )
    is_draft = fields.Boolean(
        "Not in Force Yet",
        readonly=True,
        copy=False,
        help="A new version that somebody is still working on.",
    )
    takes_over_on = fields.Date(
        "In Force From",
        copy=False,
        help="From this date on it replaces the previous version.",
    )

    _code_unique = models.UniqueIndex(
        "(company_id, code) WHERE code IS NOT NULL",
        "Another shift of this company has this code.",
    )
    _times_of_day = models.Constraint(
        'CHECK (start >= 0 AND start < 24 AND "end" >= 0 AND "end" <= 24'
        " AND break_from >= 0 AND break_from <= 24"
        " AND break_until >= 0 AND break_until <= 24"
        " AND overtime_start >= 0 AND overtime_start <= 24"
        " AND extra_start >= 0 AND extra_start <= 24)",
        "Times of day must be between 00:00 and 24:00.",
    )
    _positive = models.Constraint(
        "CHECK (opens_before >= 0 AND closes_after >= 0 AND late_grace >= 0"
        " AND early_grace >= 0 AND break_minutes >= 0 AND break_after >= 0"
        " AND snacks_from > 0 AND night_bill_from > 0 AND standard_hours > 0"
        " AND duplicate_seconds >= 0 AND rounding >= 0)",
        "Durations can't be negative. Standard hours, and the minutes for snacks and"
        " night bills, must be above 0.",
    )

    #: What the days that were computed by a shift follow from.
    _RULES = frozenset(
        {
            "tz",
            "calendar_id",
            "start",
            "end",
            "opens_before",
            "closes_after",
            "late_grace",
            "early_grace",
            "break_kind",
            "break_minutes",
            "break_after",
            "break_from",
            "break_until",
            "hours_mode",
            "counts_early_arrival",
            "rounding",
            "rounding_mode",
            "has_overtime",
            "overtime_start",
            "has_extra",
            "extra_start",
            "snacks_from",
            "night_bill_from",
            "overtime_level",
            "holiday_work",
            "missing_out",
            "out_only",
            "trusts_types",
            "duplicate_seconds",
        }
    )

    def _default_calendar(self):
        return self._calendar_of({4})  # only Fridays are free

    @api.model
    def _calendar_of(self, weekend):
        """A calendar of the company with these days off, made if there is none.

        :param set weekend: weekdays as Python numbers them: Monday is 0
        """
        wanted = tuple(day not in weekend for day in range(7)) * 2
        # What a company works by is for whoever may make its shifts.
        calendars_sudo = self.env["resource.calendar"].sudo()
        own_sudo = calendars_sudo.search(
            [
                ("company_id", "=", self.env.company.id),
                ("attendance_ids", "!=", False),
                ("flexible_hours", "=", False),
            ],
            order="id",
        )
        patterns = self._patterns(own_sudo)
        for calendar_sudo in own_sudo:
            if patterns[calendar_sudo.id] == wanted:
                return calendar_sudo.sudo(False)
        names = dict(
            self.env["resource.calendar.attendance"]
            ._fields["dayofweek"]
            ._description_selection(self.env)
        )
        free = ", ".join(names[str(day)] for day in sorted(weekend))
        made_sudo = calendars_sudo.create(
            {
                "name": self.env._("Days off: %s", free or self.env._("none")),
                "company_id": self.env.company.id,
                "attendance_ids": [
                    Command.create(
                        {
                            "name": names[str(day)],
                            "dayofweek": str(day),
                            "day_period": "full_day",
                            "hour_from": 8,
                            "hour_to": 17,
                        }
                    )
                    for day in range(7)
                    if day not in weekend
                ],
            }
        )
        return made_sudo.sudo(False)

    @api.model
    def _patterns(self, calendars):
        """On which days of two weeks people work by calendars.

        :return: ``{id: 14 truth values}``, from the Monday of a first week on; see
            ``resource.calendar.attendance.get_week_type``
        """
        # Weekdays are no secret, and needn't be shown to those who work by them.
        lines_sudo = self.env["resource.calendar.attendance"].sudo()
        found = {calendar.id: [False] * 14 for calendar in calendars}
        for line_sudo in lines_sudo.search_fetch(
            [
                ("calendar_id", "in", calendars.ids),
                ("display_type", "=", False),
                ("day_period", "!=", "lunch"),
            ],
            ["calendar_id", "dayofweek", "week_type"],
        ):
            days = found[line_sudo.calendar_id.id]
            for week in (0, 1):
                if line_sudo.week_type in (False, str(week)):
                    days[7 * week + int(line_sudo.dayofweek)] = True
        return {calendar_id: tuple(days) for calendar_id, days in found.items()}

    @api.constrains("start", "end", "opens_before", "closes_after")
    def _check_window(self):
        for shift in self:
            rules = shift._rules()
            if rules.end - rules.start > _DAY:
                raise ValidationError(self.env._("A shift is no longer than a day."))
            window = rules.end + rules.closes_after - rules.start + rules.opens_before
            if window > 2 * _DAY:
                raise ValidationError(
                    self.env._("The window of a day is no longer than two days.")
                )

    @api.constrains(
        "start", "end", "has_overtime", "overtime_start", "has_extra", "extra_start"
    )
    def _check_bands(self):
        for shift in self:
            # Taken for a time of the day after, it would silently never come.
            if wrong := shift._band_out_of_order():
                raise ValidationError(wrong[1])

    def _band_out_of_order(self):
        """The band that begins before what it follows, if one does.

        A time before the start of the shift is one of the day after. So late a band
        begins for a shift of the night alone; half a day after the shift is a mistake.

        :return: the name of its field and what to say of it, or None
        """
        rules = self._rules()
        if self.has_overtime and rules.overtime_start - rules.end >= _DAY // 2:
            return "overtime_start", self.env._("Overtime begins before the shift.")
        if not self.has_extra:
            return None
        if not self.has_overtime:
            if rules.extra_start - rules.end < _DAY // 2:
                return None
            return "extra_start", self.env._("Extra overtime begins before the shift.")
        if 0 <= rules.extra_start - rules.overtime_start < _DAY // 2:
            return None
        return "extra_start", self.env._("Extra overtime begins before overtime.")

    def _rules(self):
        """The rules as the engine takes them.

        :rtype: ShiftRules
        """
        self.ensure_one()

        def minute(hours):
            return round(hours * 60)

        def after(hours, earliest):
            found = minute(hours)
            return found if found >= earliest else found + _DAY

        start = minute(self.start)
        end = after(self.end, start + 1)
        # Overtime from when a shift of a whole day began is from when it ends.
        overtime_start = after(self.overtime_start, start + (end - start == _DAY))
        break_from = after(self.break_from, start)
        return ShiftRules(
            start=start,
            end=end,
            opens_before=minute(self.opens_before),
            closes_after=minute(self.closes_after),
            late_grace=self.late_grace,
            early_grace=self.early_grace,
            break_kind=self.break_kind,
            break_minutes=self.break_minutes,
            break_after=self.break_after,
            break_from=break_from,
            break_until=after(self.break_until, break_from),
            hours_mode=self.hours_mode,
            counts_early_arrival=self.counts_early_arrival,
            rounding=self.rounding,
            rounding_mode=self.rounding_mode,
            overtime_start=overtime_start,
            extra_start=after(
                self.extra_start, overtime_start if self.has_overtime else start
            ),
            has_overtime=self.has_overtime,
            has_extra=self.has_extra,
            snacks_from=self.snacks_from,
            night_bill_from=self.night_bill_from,
            holiday_work=self.holiday_work,
            missing_out=self.missing_out,
            out_only=self.out_only,
            trusts_types=self.trusts_types,
            duplicate_seconds=self.duplicate_seconds,
        )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_hours(vals)
        return super().create(vals_list)

    @api.model
    def _check_hours(self, vals):
        """Infinity and what is no number, which would be no minute of a day.

        :raises ValidationError: when one of the hours is
        """
        for name, value in vals.items():
            field = self._fields.get(name)
            if field is None or field.type != "float":
                continue
            try:
                hours = float(value or 0)
                is_fit = isfinite(hours) and abs(hours) <= _MOST_HOURS
            except (TypeError, ValueError, OverflowError):
                is_fit = False
            if not is_fit:
                raise ValidationError(
                    self.env._(
                        "%(field)s: enter a number of hours.",
                        field=field._description_string(self.env),
                    )
                )

    def write(self, vals):
        self._check_hours(vals)
        changed = self._RULES.intersection(vals)
        if changed and self._in_force():
            raise UserError(
                self.env._(
                    "People have worked by this shift, so its rules can't be changed."
                    " Use “Change from a Date” to make a new version."
                )
            )
        if "active" in vals and not vals["active"]:
            self._check_nobody_works()
        res = super().write(vals)
        # What it becomes must be within the rules, as what it was.
        if "company_id" in vals:
            self.check_access("write")
        if changed:
            # A lane may compute the first day by what the rules were a moment ago,
            # which is not seen here: then it is computed once more.
            queue = self.env["spp.attendance.day.queue"]
            queue._enqueue_assignments(self.assignment_ids, is_anew=False)
        return res

    def _check_nobody_works(self):
        today = self.env["spp.attendance.day"]._now_date()
        if assignments := self._assigned_from(today):
            raise UserError(
                self.env._(
                    "This shift is still assigned to: %(whom)s. Assign another one to"
                    " them first.",
                    whom=", ".join(assignments[:5].mapped("display_name")),
                )
            )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        if used := self._in_force():
            raise UserError(
                self.env._(
                    "People have worked by “%(shift)s”. Archive it instead.",
                    shift=used[0].display_name,
                )
            )
        if assigned := self.assignment_ids.shift_id:
            raise UserError(
                self.env._(
                    "“%(shift)s” is assigned. Remove its assignments first.",
                    shift=assigned[0].display_name,
                )
            )

    def _in_force(self):
        """Those of these shifts by which somebody has worked, whoever asks."""
        self.env["spp.attendance.day"].flush_model(["shift_id"])
        rows = self.env.execute_query(
            SQL(
                """
                SELECT shift FROM unnest(%s::int4[]) AS shift
                 WHERE EXISTS (SELECT FROM spp_attendance_day WHERE shift_id = shift)
                """,
                self.ids,
            )
        )
        return self.browse([shift_id for (shift_id,) in rows])

    # -------------------------------------------------------------- versions

    def _new_version(self, date_from, values=None):
        """Make a version of this shift that differs, without putting it in force.

        :param date date_from: from when on it is to be worked by
        :param dict values: of what is different
        """
        self.ensure_one()
        return self.copy(
            {
                **(values or {}),
                "previous_id": self.id,
                "takes_over_on": date_from,
                "is_draft": True,
            }
        )

    def _take_over(self):
        """Have whoever works by the version before work by this one, from its date on.

        What was before that date stays as it was. A version by which nobody works any
        more is archived, and its code is this one's then.
        """
        self.ensure_one()
        previous, day = self.previous_id, self.takes_over_on
        assignments = previous.assignment_ids
        following = assignments._following()
        later = assignments.filtered(lambda row: row.date_from >= day)
        later.write({"shift_id": self.id})
        assignments.create(
            [
                {
                    "company_id": row.company_id.id,
                    "subscriber_id": row.subscriber_id.id,
                    "department_id": row.department_id.id,
                    "location_id": row.location_id.id,
                    "shift_id": self.id,
                    "date_from": day,
                }
                for row in assignments - later
                if following[row] is None or following[row] > day
            ]
        )
        self.is_draft = False
        if code := previous.code:
            previous.code = False
            previous.flush_recordset(["code"])
            self.code = code
        if not previous._assigned_from(self.env["spp.attendance.day"]._now_date()):
            previous.active = False

    def _assigned_from(self, day):
        """The assignments by which these are worked by on a day or after it."""
        following = self.assignment_ids._following()
        return self.assignment_ids.filtered(
            lambda row: following[row] is None or following[row] > day
        )

    @api.depends("name", "previous_id", "takes_over_on")
    def _compute_display_name(self):
        for shift in self:
            shift.display_name = shift.name
            if shift.previous_id and shift.takes_over_on:
                shift.display_name = self.env._(
                    "%(name)s (from %(date)s)",
                    name=shift.name,
                    date=fields.Date.to_string(shift.takes_over_on),
                )
