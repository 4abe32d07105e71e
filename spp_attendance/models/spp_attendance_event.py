from odoo import api, fields, models

from odoo.addons.base.models.res_partner import _tz_get


class SppAttendanceEvent(models.Model):
    """An occasion, with the people who are expected at it.

    Attendance is not tied to it. A record counts here when it says that somebody on the
    list was present or absent on that date, at that location (or within it) and for
    that type, whoever recorded it: a terminal, an app, or the marks of this form.
    """

    _name = "spp.attendance.event"
    _description = "Attendance Event"
    _order = "local_date desc, local_time desc, id desc"
    _check_company_auto = True

    def _default_local_date(self):
        return self.env["spp.attendance.record"]._now_local().date()

    def _default_local_time(self):
        return self.env["spp.attendance.record"]._now_local().strftime("%H:00:00")

    name = fields.Char(required=True)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company",
        required=True,
        default=lambda self: self.env.company,
        index=True,
    )
    type_id = fields.Many2one(
        "spp.attendance.type",
        ondelete="restrict",
        check_company=True,
        index="btree_not_null",
    )
    location_id = fields.Many2one(
        "spp.attendance.location",
        ondelete="restrict",
        check_company=True,
        index="btree_not_null",
    )
    local_date = fields.Date(
        string="Date", required=True, default=lambda self: self._default_local_date()
    )
    local_time = fields.Char(
        string="Time",
        required=True,
        size=8,
        default=lambda self: self._default_local_time(),
        help="When it begins, and the time of what is marked here. Type 830 or 8:30.",
    )
    tz = fields.Selection(
        _tz_get, string="Time Zone", compute="_compute_tz", compute_sudo=True
    )
    description = fields.Text()
    line_ids = fields.One2many("spp.attendance.event.line", "event_id", string="People")
    mark_ids = fields.One2many(
        "spp.attendance.event.mark", "event_id", string="Saves", readonly=True
    )
    expected_count = fields.Integer("Expected", compute="_compute_counts")
    came_count = fields.Integer(
        "Came", compute="_compute_counts", help="Of those who were expected."
    )
    absent_count = fields.Integer("Absent", compute="_compute_counts")
    unmarked_count = fields.Integer("Not Marked", compute="_compute_counts")
    extra_count = fields.Integer(
        "Came Unexpected", compute="_compute_counts", help="Came without being expected."
    )
    came_share = fields.Float("Share", compute="_compute_counts")

    _local_time_form = models.Constraint(
        "CHECK (local_time ~ '^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$')",
        "The time must be written as 08:30:00.",
    )
    _company_date_idx = models.Index("(company_id, local_date)")

    @api.depends("location_id.tz", "company_id.attendance_tz")
    def _compute_tz(self):
        for event in self:
            event.tz = event.location_id.tz or event.company_id.attendance_tz

    def _compute_counts(self):
        self.expected_count = self.came_count = self.absent_count = 0
        self.unmarked_count = self.extra_count = self.came_share = 0
