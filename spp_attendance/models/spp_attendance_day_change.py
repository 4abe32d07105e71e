from datetime import datetime

from odoo import api, fields, models

from ..engine import hours, localtime

#: What is told of a day before and after, in this order: fields of a day.
TOLD = (
    "status",
    "first_check_in",
    "last_check_out",
    "net_minutes",
    "working_minutes",
    "overtime_minutes",
    "extra_overtime_minutes",
    "snacks_eligible",
    "night_bill_eligible",
    "notes",
)


class SppAttendanceDayChange(models.Model):
    """Who decided what of a day, when and why: one row a decision, never rewritten.

    Of a person and a date, not of a day's row: a day that nothing is known of any more
    has none, and what was decided of it is still told. Written by
    ``spp.attendance.day`` alone; seen by whoever sees the days of the person.
    """

    _name = "spp.attendance.day.change"
    _description = "Attendance Day Change"
    _order = "id desc"
    _rec_name = "reason"

    subscriber_id = fields.Many2one(
        "spp.attendance.subscriber",
        string="Person",
        required=True,
        readonly=True,
        ondelete="restrict",
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True
    )
    date = fields.Date(required=True, readonly=True)
    tz = fields.Char("Time Zone", readonly=True)
    kind = fields.Selection(
        [
            ("decided", "Edited"),
            ("taken_back", "Edits Undone"),
            ("locked", "Locked"),
            ("unlocked", "Unlocked"),
        ],
        required=True,
        readonly=True,
    )
    reason = fields.Text(readonly=True)
    correction_id = fields.Many2one(
        "spp.attendance.correction",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
    )
    before = fields.Json(readonly=True, help="What the day was. Empty: nothing.")
    after = fields.Json(readonly=True, help="What the day became. Empty: nothing.")
    summary = fields.Text("What Changed", compute="_compute_summary")
    create_uid = fields.Many2one("res.users", string="By", readonly=True)
    create_date = fields.Datetime(string="When", readonly=True)

    _subscriber_date_idx = models.Index("(subscriber_id, date, id)")

    @api.depends("before", "after")
    @api.depends_context("lang")
    def _compute_summary(self):
        labels = self._labels()
        for change in self:
            before, after = change.before or {}, change.after or {}
            change.summary = "\n".join(
                f"{labels[name]}: {change._text(name, before.get(name))}"
                f" → {change._text(name, after.get(name))}"
                for name in TOLD
                if (before.get(name) or None) != (after.get(name) or None)
            )

    @api.model
    def _labels(self):
        """What is told, by name: durations are shown as hours, not as minutes."""
        days = self.env["spp.attendance.day"]
        return {
            name: days._fields[name]._description_string(self.env) for name in TOLD
        } | {
            "net_minutes": self.env._("Hours Present"),
            "working_minutes": self.env._("Working Hours"),
            "overtime_minutes": self.env._("Overtime"),
            "extra_overtime_minutes": self.env._("Extra Overtime"),
        }

    def _text(self, name, value):
        """A value as people read it, in the user's language and the day's zone."""
        field = self.env["spp.attendance.day"]._fields[name]
        if field.type == "boolean":
            return self.env._("yes") if value else self.env._("no")
        if value in (None, False, ""):
            return "0:00" if field.type == "integer" else "-"
        if field.type == "selection":
            return dict(field._description_selection(self.env)).get(value, value)
        if field.type == "datetime":
            instant = datetime.fromisoformat(value)
            if self.tz:
                instant = localtime.to_local(instant, self.tz)
            is_same_day = instant.date() == self.date
            return instant.strftime("%H:%M" if is_same_day else "%Y-%m-%d %H:%M")
        if field.type == "integer":
            return hours.to_clock(value)
        return value
