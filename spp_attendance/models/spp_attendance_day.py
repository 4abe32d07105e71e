from odoo import api, fields, models

from ..engine.statuses import PRESENT

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
        "spp.attendance.department", readonly=True, ondelete="restrict", index=True
    )
    location_id = fields.Many2one(
        "spp.attendance.location", readonly=True, ondelete="restrict", index=True
    )
    level_of_work = fields.Selection(
        [("worker", "Worker"), ("staff", "Staff")], readonly=True
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
    window_from = fields.Datetime(readonly=True, help="From when records are its.")
    window_until = fields.Datetime(readonly=True, help="Until when records are its.")
    status = fields.Selection(STATUSES, readonly=True)
    status_code = fields.Char(readonly=True, help="As in files and for programs.")
    abbreviation = fields.Char(readonly=True)
    day_type = fields.Selection(
        [("working", "Working Day"), ("weekend", "Weekend"), ("holiday", "Holiday")],
        required=True,
        readonly=True,
    )
    leave_code = fields.Char("Leave", readonly=True)
    leave_hundredths = fields.Integer(readonly=True, aggregator=None)
    expected_minutes = fields.Integer(readonly=True)
    first_check_in = fields.Datetime("Check-In", readonly=True)
    last_check_out = fields.Datetime("Check-Out", readonly=True)
    gross_minutes = fields.Integer(readonly=True)
    break_minutes = fields.Integer(readonly=True)
    net_minutes = fields.Integer(readonly=True)
    working_minutes = fields.Integer(readonly=True)
    overtime_minutes = fields.Integer(readonly=True)
    extra_overtime_minutes = fields.Integer(readonly=True)
    late_minutes = fields.Integer(readonly=True)
    early_exit_minutes = fields.Integer(readonly=True)
    snacks_eligible = fields.Boolean("Snacks", readonly=True)
    night_bill_eligible = fields.Boolean("Night Bill", readonly=True)
    scan_count = fields.Integer("Readings", readonly=True)
    duplicate_count = fields.Integer("Repeated", readonly=True)
    outside_count = fields.Integer("Outside the Window", readonly=True)
    missing_in = fields.Boolean(readonly=True)
    missing_out = fields.Boolean(readonly=True)
    is_auto_out = fields.Boolean("Closed by the Shift", readonly=True)
    has_conflict = fields.Boolean("Contradiction", readonly=True)
    is_doubtful = fields.Boolean(
        "Doubtful",
        readonly=True,
        help="Decided though a terminal had not reported for long.",
    )
    is_closed = fields.Boolean("Decided", readonly=True)
    needs_review = fields.Boolean(readonly=True)

    override = fields.Json(readonly=True, help="What somebody decided.")
    computed = fields.Json(readonly=True, help="What it is by the records.")
    differs = fields.Boolean(
        "Differs", readonly=True, help="Not what it is by the records."
    )
    is_locked = fields.Boolean("Locked", readonly=True)
    is_edited = fields.Boolean("Edited", readonly=True)
    edited_by = fields.Many2one("res.users", readonly=True, ondelete="set null")
    edited_at = fields.Datetime(readonly=True)
    notes = fields.Text()

    _subscriber_date_unique = models.Constraint(
        "UNIQUE (subscriber_id, date)",
        "There is a day of this person and date already.",
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

    @api.model
    def _now_date(self):
        """Today, by the company's clock."""
        return self.env["spp.attendance.record"]._now_local().date()

    @property
    def _is_present(self):
        return self.status in PRESENT

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
