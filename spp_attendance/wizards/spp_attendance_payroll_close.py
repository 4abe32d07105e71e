from odoo import api, fields, models


class SppAttendancePayrollClose(models.TransientModel):
    """Show what is to be looked at before a payroll period is closed."""

    _name = "spp.attendance.payroll.close"
    _description = "Close a Payroll Period"

    period_id = fields.Many2one(
        "spp.attendance.payroll.period",
        required=True,
        readonly=True,
        ondelete="cascade",
    )
    is_over = fields.Boolean(related="period_id.is_over")
    people_count = fields.Integer("People", compute="_compute_problems")
    open_days = fields.Integer(
        "Days Not Final",
        compute="_compute_problems",
        help="Readings may still come in: the day isn't over, or a terminal has not"
        " reported.",
    )
    waiting_count = fields.Integer(
        "People with Days Not Final",
        compute="_compute_problems",
        help="Up to the last day of the period: somebody has a day that isn't over,"
        " a terminal that has not reported, days that are being computed at this"
        " moment, or has no days yet.",
    )
    doubts = fields.Integer(
        "Days to Review",
        compute="_compute_problems",
        help="Days with a missing check-in or check-out, a contradiction, or readings"
        " outside the day.",
    )
    corrections = fields.Integer(
        "Undecided Requests",
        compute="_compute_problems",
        help="Corrections that nobody has approved or refused yet.",
    )
    elsewhere_count = fields.Integer(
        "People in Another Closed Period", compute="_compute_problems"
    )
    elsewhere_names = fields.Char("Who They Are", compute="_compute_problems")
    has_doubts = fields.Boolean("Something to Review", compute="_compute_problems")
    accepts_doubts = fields.Boolean("Close It Anyway")
    leaves_out = fields.Boolean(
        "Leave Them Out",
        help="They have been paid for these days, or some of them.",
    )

    @api.depends("period_id")
    def _compute_problems(self):
        for wizard in self:
            problems = wizard.period_id._problems()
            wizard.people_count = problems.people
            wizard.open_days = problems.open_days
            wizard.waiting_count = problems.waiting
            wizard.doubts = problems.doubts
            wizard.corrections = problems.corrections
            wizard.elsewhere_count = len(problems.elsewhere)
            wizard.elsewhere_names = wizard.period_id._names(problems.elsewhere)
            wizard.has_doubts = bool(
                problems.open_days
                or problems.waiting
                or problems.doubts
                or problems.corrections
            )

    def action_open_doubts(self):
        """The days that somebody has to look at."""
        self.check_access("read")
        return self.period_id.action_open_doubts()

    def action_close(self):
        self.check_access("write")
        self.period_id._close(
            accepts_doubts=self.accepts_doubts, leaves_out=self.leaves_out
        )
        return {"type": "ir.actions.act_window_close"}
