from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.spp_oauth.tools.notices import CLOSE, notice

from ..enrolment import Unenrol

#: Names that a message lists; who has more of them will not read them all.
_MAX_NAMED = 10


class SppAttendanceRegisterUnenrol(models.TransientModel):
    """De-enrol people who are on registers: all who are chosen, or nobody."""

    _name = "spp.attendance.register.unenrol"
    _description = "De-enrol People"

    attendee_ids = fields.Many2many(
        "spp.attendance.register.attendee",
        # The name that it would have by itself is too long.
        relation="spp_attendance_register_unenrol_rel",
        string="People",
        required=True,
    )
    when = fields.Selection(
        [("now", "Now"), ("day", "At the end of a day")],
        string="De-enrol",
        required=True,
        default="now",
    )
    last_day = fields.Date(default=lambda self: fields.Date.context_today(self))
    attendee_count = fields.Integer("People Chosen", compute="_compute_attendee_count")

    @api.depends("attendee_ids")
    def _compute_attendee_count(self):
        for wizard in self:
            wizard.attendee_count = len(wizard.attendee_ids)

    def action_unenrol(self):
        """De-enrol those who are chosen.

        :raises UserError: when one of them can't be: then nobody is
        """
        self.ensure_one()
        chosen = self.attendee_ids
        day = self.last_day if self.when == "day" else None
        outcomes = chosen._unenrol(
            [
                Unenrol(
                    attendee.register_id.id,
                    attendee.subscriber_id.id,
                    day and attendee.register_id._day_end(day),
                )
                for attendee in chosen
            ]
        )
        reasons = {
            "not_enrolled": self.env._("not enrolled, or de-enrolled before"),
            "outside": self.env._("that day is not one of the register's"),
            "before_start": self.env._("enrolled only after that day"),
        }
        problems = [
            f"{attendee.subscriber_id.display_name}: {reasons[outcome.code]}"
            for attendee, outcome in zip(chosen, outcomes, strict=True)
            if outcome.code
        ]
        if problems:
            more = len(problems) - _MAX_NAMED
            if more > 0:
                problems = problems[:_MAX_NAMED]
                problems.append(self.env._("and %(count)s more", count=more))
            raise UserError(
                self.env._(
                    "Nobody has been de-enrolled, for some can't be:\n%(problems)s",
                    problems="\n".join(problems),
                )
            )
        message = self.env._("De-enrolled: %(count)s.", count=len(chosen))
        return notice("success", message, CLOSE)
