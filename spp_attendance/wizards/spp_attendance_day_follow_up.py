from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import format_date


class SppAttendanceDayFollowUp(models.TransientModel):
    """Ask somebody to find out why people were late, away, or not read.

    Each person gets one activity, which lists the days it is about.
    """

    _name = "spp.attendance.day.follow.up"
    _description = "Follow Up on Days"

    day_ids = fields.Many2many(
        "spp.attendance.day", string="Days", required=True, readonly=True
    )
    day_count = fields.Integer("Days to Ask About", compute="_compute_counts")
    people_count = fields.Integer("People", compute="_compute_counts")
    is_asked = fields.Boolean("Some Have a Follow-up", compute="_compute_counts")
    user_id = fields.Many2one(
        "res.users",
        string="Who Asks",
        required=True,
        default=lambda self: self.env.user,
        domain="[('share', '=', False), ('company_ids', 'in', allowed_company_ids)]",
    )
    date_deadline = fields.Date(
        "Due Date", required=True, default=lambda self: self._default_deadline()
    )
    note = fields.Char()

    @api.model
    def _default_deadline(self):
        return self._activity_type()._get_date_deadline()

    @api.model
    def _activity_type(self):
        """The type of activity that says somebody asks about days."""
        return self.env.ref("spp_attendance.mail_activity_type_day")

    @api.depends("day_ids")
    def _compute_counts(self):
        for wizard in self:
            wizard.day_count = len(wizard.day_ids)
            wizard.people_count = len(wizard.day_ids.subscriber_id)
            wizard.is_asked = any(
                day.follow_up_state == "open" for day in wizard.day_ids
            )

    def action_follow_up(self):
        """Make the activities; days that somebody asks about already are left out."""
        self.ensure_one()
        days = self.day_ids.filtered(lambda day: day.follow_up_state != "open")
        days.check_access("read")
        self._check_user(days)
        model_id = self.env["ir.model"]._get_id("spp.attendance.subscriber")
        by_person = days.sorted("date").grouped("subscriber_id")
        # A head may not write on people, but may have them asked about their days,
        # which he reads: that was checked above.
        activities_sudo = (
            self.env["mail.activity"]
            .sudo()
            .create(
                [
                    {
                        "activity_type_id": self._activity_type().id,
                        "summary": self._summary(own),
                        "note": self._note(own),
                        "user_id": self.user_id.id,
                        "date_deadline": self.date_deadline,
                        "res_model_id": model_id,
                        "res_id": person.id,
                    }
                    for person, own in by_person.items()
                ]
            )
        )
        self._tie(
            [
                (day.id, activity_sudo.id)
                for activity_sudo, own in zip(
                    activities_sudo, by_person.values(), strict=True
                )
                for day in own
            ]
        )
        return {"type": "ir.actions.act_window_close"}

    def _check_user(self, days):
        """Nobody learns from a follow-up of days that he may not see."""
        user = self.user_id
        as_user = days.with_user(user).with_context(
            allowed_company_ids=user.company_ids.ids
        )
        if not as_user.has_access("read"):
            raise UserError(
                self.env._(
                    "%s may not see these days. Choose somebody who may.",
                    user.display_name,
                )
            )

    def _tie(self, pairs):
        """Note which activity is about which day: ``(day id, activity id)``.

        The days themselves are not touched: who computes one needn't begin again.
        """
        if not pairs:
            return
        self.env.flush_all()
        days, activities = zip(*pairs, strict=True)
        self.env.cr.execute(
            """
            INSERT INTO spp_attendance_day_activity_rel (day_id, activity_id)
            SELECT * FROM unnest(%s::int4[], %s::int4[])
            """,
            [list(days), list(activities)],
        )
        self.env["spp.attendance.day"].invalidate_model(flush=False)

    @staticmethod
    def _line(day):
        date = format_date(day.env, day.date, date_format="EEE d MMM")
        return f"{date}: {day.issue}" if day.issue else date

    def _summary(self, days):
        if len(days) == 1:
            return self._line(days)
        return self.env._("%s days to ask about", len(days))

    def _note(self, days):
        lines = Markup("").join(Markup("<li>%s</li>") % self._line(day) for day in days)
        note = Markup("<p>%s</p>") % self.note if self.note else Markup("")
        return note + Markup("<ul>%s</ul>") % lines
