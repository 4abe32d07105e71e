from odoo import api, fields, models
from odoo.exceptions import UserError

from ..engine import hours, localtime


class SppAttendanceDayIssue(models.Model):
    """What somebody should ask about: who was late, stayed away or forgot to read.

    Who asks is an activity on the person, tied to the days that it is about.
    """

    _inherit = "spp.attendance.day"

    check_in_time = fields.Char(
        "In", compute="_compute_clock_times", help="By the clock of the day's place."
    )
    check_out_time = fields.Char(
        "Out", compute="_compute_clock_times", help="By the clock of the day's place."
    )
    issue = fields.Char("What Happened", compute="_compute_issue")
    follow_up_ids = fields.Many2many(
        "mail.activity",
        "spp_attendance_day_activity_rel",
        "day_id",
        "activity_id",
        string="Follow-ups",
        readonly=True,
        copy=False,
        context={"active_test": False},
        groups="spp_attendance.spp_attendance_group_officer,"
        "spp_attendance.spp_attendance_group_head",
    )
    # Who may see the day may know who looks after it, though the activity isn't theirs.
    follow_up_state = fields.Selection(
        [("none", "Not Followed Up"), ("open", "To Do"), ("done", "Done")],
        string="Follow-up",
        compute="_compute_follow_up",
        compute_sudo=True,
        search="_search_follow_up_state",
    )
    follow_up_user_id = fields.Many2one(
        "res.users",
        string="Followed Up By",
        compute="_compute_follow_up",
        compute_sudo=True,
        search="_search_follow_up_user_id",
    )
    follow_up_deadline = fields.Date(
        "Follow-up Due",
        compute="_compute_follow_up",
        compute_sudo=True,
        search="_search_follow_up_deadline",
    )

    @api.depends("date", "tz", "first_check_in", "last_check_out")
    def _compute_clock_times(self):
        for day in self:
            day.check_in_time = day._clock_time(day.first_check_in)
            day.check_out_time = day._clock_time(day.last_check_out)

    def _clock_time(self, instant):
        """An instant by the clock of the day's place: ``00:30 +1`` a day later."""
        if not instant or not self.tz:
            return False
        local = localtime.to_local(instant, self.tz)
        days = (local.date() - self.date).days
        return f"{local:%H:%M}" + (f" {days:+d}" if days else "")

    @api.depends(
        "status",
        "late_minutes",
        "early_exit_minutes",
        "missing_in",
        "missing_out",
        "has_conflict",
        "outside_count",
        "is_doubtful",
    )
    def _compute_issue(self):
        for day in self:
            day.issue = " · ".join(day._issues()) or False

    def _issues(self):
        """What is to be asked about a day, the worst first, in the user's language."""
        found = []
        if self.status == "absent":
            found.append(self.env._("Absent"))
        if self.status == "late" and self.late_minutes:
            found.append(self.env._("Late by %s", hours.to_clock(self.late_minutes)))
        elif self.status == "late" and not self.missing_in:
            found.append(self.env._("Late"))
        if self.missing_in:
            found.append(self.env._("No check-in"))
        if self.missing_out:
            found.append(self.env._("No check-out"))
        if self.early_exit_minutes:
            found.append(
                self.env._("Left %s early", hours.to_clock(self.early_exit_minutes))
            )
        if self.has_conflict:
            found.append(self.env._("Contradicting records"))
        if self.outside_count:
            found.append(self.env._("Readings outside the day"))
        if self.is_doubtful:
            found.append(self.env._("A terminal had not reported"))
        return found

    @api.depends("follow_up_ids.active", "follow_up_ids.user_id")
    def _compute_follow_up(self):
        for day in self:
            asked = day.follow_up_ids
            open_ones = asked.filtered("active").sorted("date_deadline")
            shown = (open_ones or asked)[:1]
            day.follow_up_state = "open" if open_ones else ("done" if asked else "none")
            day.follow_up_user_id = shown.user_id
            day.follow_up_deadline = open_ones[:1].date_deadline

    # An activity is looked at past its own rules: the day's have to do.
    @api.model
    def _search_follow_up_state(self, operator, value):
        if operator != "in":
            return NotImplemented
        is_open = fields.Domain("follow_up_ids", "any!", [("active", "=", True)])
        is_asked = fields.Domain(
            "follow_up_ids", "any!", [("active", "in", (True, False))]
        )
        states = {"none": ~is_asked, "open": is_open, "done": is_asked & ~is_open}
        return fields.Domain.OR(
            domain for state, domain in states.items() if state in value
        )

    @api.model
    def _search_follow_up_user_id(self, operator, value):
        return self._search_open_follow_up("user_id", operator, value)

    @api.model
    def _search_follow_up_deadline(self, operator, value):
        return self._search_open_follow_up("date_deadline", operator, value)

    def _search_open_follow_up(self, name, operator, value):
        if operator in ("not in", "!=", "not any"):
            return NotImplemented
        return [
            ("follow_up_ids", "any!", [("active", "=", True), (name, operator, value)])
        ]

    # ---------------------------------------------------------------- actions

    def action_follow_up(self):
        """Ask who looks after these days, and until when."""
        self.check_access("read")
        if not self:
            raise UserError(self.env._("Choose at least one day."))
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Follow Up"),
            "res_model": "spp.attendance.day.follow.up",
            "view_mode": "form",
            "views": [(False, "form")],
            "target": "new",
            "context": {"default_day_ids": self.ids},
        }

    def action_follow_up_done(self):
        """Close the follow-ups of these days; the days stay what they are."""
        self.check_access("read")
        self.follow_up_ids.filtered("active").action_done()
        return True

    def action_open_day(self):
        self.check_access("read")
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "view_mode": "form",
            "views": [(False, "form")],
            "res_id": self.id,
        }
