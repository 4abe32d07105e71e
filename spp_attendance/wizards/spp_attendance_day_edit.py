from odoo import api, fields, models
from odoo.exceptions import UserError

from ..decisions import MINUTES, TIMES
from ..models.spp_attendance_day import STATUSES


class SppAttendanceDayEdit(models.TransientModel):
    """Decide what one person's day was, beginning with what it is."""

    _name = "spp.attendance.day.edit"
    _description = "Edit a Day"

    subscriber_id = fields.Many2one(
        "spp.attendance.subscriber",
        string="Person",
        required=True,
        domain="[('level_of_work', '!=', False)]",
    )
    date = fields.Date(
        required=True, default=lambda self: self.env["spp.attendance.day"]._now_date()
    )
    status = fields.Selection(STATUSES, help="Empty: follows from the times.")
    is_forgiven = fields.Boolean(
        "Excuse the Late Arrival", help="Counts as Considered instead of Late."
    )
    is_time_set = fields.Boolean("Set the Times")
    check_in = fields.Char(
        "Check-In", size=16, help="By the clock there, such as 08:00."
    )
    check_out = fields.Char(
        "Check-Out",
        size=16,
        help="Such as 17:30. A time after midnight is the next morning.",
    )
    is_hours_set = fields.Boolean("Set the Hours")
    net_hours = fields.Float("Hours Present", help="Without the break.")
    working_hours = fields.Float()
    overtime_hours = fields.Float("Overtime")
    extra_overtime_hours = fields.Float("Extra Overtime")
    snacks = fields.Selection([("yes", "Yes"), ("no", "No")])
    night_bill = fields.Selection([("yes", "Yes"), ("no", "No")])
    notes = fields.Text()
    reason = fields.Char(required=True)

    @api.model
    def default_get(self, fields):
        """Begin with the day as it is."""
        values = super().default_get(fields)
        day = self.env["spp.attendance.day"].search(
            [
                ("subscriber_id", "=", values.get("subscriber_id")),
                ("date", "=", values.get("date")),
            ],
            limit=1,
        )
        if not day:
            return values
        decided = day._decided_values()
        flags = {True: "yes", False: "no", None: False}
        found = {
            "status": decided.get("status"),
            "is_forgiven": decided.get("is_forgiven"),
            "is_time_set": any(name in decided for name in TIMES),
            "check_in": day._clock("first_check_in"),
            "check_out": day._clock("last_check_out"),
            "is_hours_set": any(name in decided for name in MINUTES),
            "snacks": flags[decided.get("snacks_eligible")],
            "night_bill": flags[decided.get("night_bill_eligible")],
            "notes": day.notes,
            **{name.replace("_minutes", "_hours"): day[name] / 60 for name in MINUTES},
        }
        return {
            **{name: value for name, value in found.items() if name in fields},
            **values,
        }

    def _values(self):
        """What is decided, as ``spp.attendance.day._decide`` takes it."""
        values = {"notes": self.notes}
        if self.status:
            values["status"] = self.status
        if self.is_forgiven:
            values["is_forgiven"] = True
        if self.is_time_set and self.status != "absent":
            values |= {name: self._time(self[name]) for name in TIMES}
        if self.is_hours_set:
            values |= {
                name: round(self[name.replace("_minutes", "_hours")] * 60)
                for name in MINUTES
            }
        if self.snacks:
            values["snacks_eligible"] = self.snacks == "yes"
        if self.night_bill:
            values["night_bill_eligible"] = self.night_bill == "yes"
        return values

    def _time(self, text):
        """What was typed: a time of day, or with its date."""
        text = (text or "").strip()
        if len(text) <= 8:
            return text or None
        try:
            return fields.Datetime.to_datetime(f"{text}:00"[:19])
        except ValueError as error:
            raise UserError(
                self.env._("“%(text)s” is not a time. Write it as 17:30.", text=text)
            ) from error

    def action_decide(self):
        self.ensure_one()
        self.env["spp.attendance.day"]._decide(
            self.subscriber_id, self.date, self._values(), self.reason
        )
        return {"type": "ir.actions.act_window_close"}

    def action_take_back(self):
        self.ensure_one()
        self.env["spp.attendance.day"]._decide(
            self.subscriber_id, self.date, None, self.reason
        )
        return {"type": "ir.actions.act_window_close"}
