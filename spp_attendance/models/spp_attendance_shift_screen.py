from markupsafe import Markup

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..engine.example import example, examples
from ..engine.hours import to_hours

#: What a shift can begin as; what isn't said is as it is by default.
PRESETS = {
    "seed": {},
    "factory_60": {"hours_mode": "total", "break_minutes": 60},
    "night": {
        "start": 22.0,
        "end": 6.0,
        "opens_before": 4.0,
        "closes_after": 6.0,
        "overtime_start": 6.0,
        "extra_start": 8.0,
    },
}


class SppAttendanceShift(models.Model):
    """What the form of a shift shows and does."""

    _inherit = "spp.attendance.shift"

    preset = fields.Selection(
        [
            ("seed", "Hours of the shift, overtime apart, 45 minutes' break"),
            ("factory_60", "All hours from in to out, 60 minutes' break"),
            ("night", "Night, 22:00 to 06:00"),
        ],
        string="Template",
        store=False,
        help="Fills in the rules below. You can change all of them.",
    )
    has_days = fields.Boolean("Used by Days", compute="_compute_has_days")
    people_count = fields.Integer(
        "People Today",
        compute="_compute_people_count",
        help="People who work this shift today.",
    )
    try_in = fields.Float("Example Check-In", compute="_compute_try", readonly=False)
    try_out = fields.Float("Example Check-Out", compute="_compute_try", readonly=False)
    example = fields.Html(compute="_compute_example", sanitize=False)

    @api.onchange("preset")
    def _onchange_preset(self):
        if self.preset in PRESETS:
            self.update(self._preset_values(self.preset))

    @api.model
    def _preset_values(self, preset):
        """Values of all rules as a preset has them, but the days and the time zone."""
        names = sorted(self._RULES - {"calendar_id", "tz"})
        values = dict.fromkeys(names, False) | self.default_get(names)
        return values | PRESETS[preset]

    def _compute_has_days(self):
        used = self._origin._in_force()
        for shift in self:
            shift.has_days = shift._origin in used

    def _compute_people_count(self):
        counts = {}
        assignments = self.env["spp.attendance.shift.assignment"]
        people = self.env["spp.attendance.subscriber"]._search(
            [("level_of_work", "!=", False)]
        )
        today = self.env["spp.attendance.day"]._now_date()
        for shift_id in assignments._shifts_of(people, today).values():
            counts[shift_id] = counts.get(shift_id, 0) + 1
        for shift in self:
            shift.people_count = counts.get(shift._origin.id, 0)

    @api.depends("start", "end")
    def _compute_try(self):
        for shift in self:
            shift.try_in = shift.start
            shift.try_out = (shift.end + 0.5) % 24

    @api.depends(lambda self: (*sorted(self._RULES), "try_in", "try_out"))
    def _compute_example(self):
        for shift in self:
            shift.example = shift._example_table()

    def _example_table(self):
        """A table of what some days by this shift come to."""
        self.ensure_one()
        rules = self._rules()
        rows = [
            example(rules, round(self.try_in * 60), round(self.try_out * 60)),
            *examples(rules),
        ]
        labels = dict(
            self.env["spp.attendance.day"]
            ._fields["status"]
            ._description_selection(self.env)
        )
        yes = Markup('<i class="fa fa-check" title="{0}" aria-label="{0}"/>').format(
            self.env._("Yes")
        )
        titles = (
            self.env._("In"),
            self.env._("Out"),
            self.env._("Status"),
            self.env._("Hours"),
            self.env._("Overtime"),
            self.env._("Extra"),
            self.env._("Snacks"),
            self.env._("Night Bill"),
        )
        head = Markup().join(Markup("<th>{}</th>").format(title) for title in titles)
        body = Markup()
        for number, (came, went, day) in enumerate(rows):
            cells = (
                _clock(came),
                _clock(went),
                labels.get(day.status, ""),
                to_hours(day.working),
                to_hours(day.overtime),
                to_hours(day.extra_overtime),
                yes if day.snacks_eligible else "",
                yes if day.night_bill_eligible else "",
            )
            body += Markup('<tr class="{}">{}</tr>').format(
                "" if number else "fw-bold",
                Markup().join(Markup("<td>{}</td>").format(cell) for cell in cells),
            )
        return Markup(
            '<table class="table table-sm mb-0"><thead><tr>{}</tr></thead>'
            "<tbody>{}</tbody></table>"
        ).format(head, body)

    # ---------------------------------------------------------------- actions

    def action_change_from(self):
        """Begin a version of this shift that differs from a date on."""
        self.ensure_one()
        today = self.env["spp.attendance.day"]._now_date()
        pending = self.next_ids.filtered("is_draft")[:1]
        version = pending or self._new_version(fields.Date.add(today, days=1))
        return version._open()

    def action_put_in_force(self):
        """Have a version that was begun take the place of the one before it."""
        self.ensure_one()
        if not (self.is_draft and self.previous_id and self.takes_over_on):
            raise UserError(self.env._("Choose the date from which it is in force."))
        self._take_over()
        return self._open()

    def action_open_people(self):
        """Open who works by this shift today."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "spp_attendance.spp_attendance_subscriber_action"
        )
        return {
            **action,
            "name": self.display_name,
            "domain": [
                ("shift_id", "in", self.ids),
                ("level_of_work", "!=", False),
            ],
            "context": {},
        }

    def action_open_assignments(self):
        """Open the assignments of this shift."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "spp_attendance.spp_attendance_shift_assignment_action"
        )
        return {
            **action,
            "domain": [("shift_id", "in", self.ids)],
            "context": {"default_shift_id": self.id},
        }

    def _open(self):
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": self.id,
            "view_mode": "form",
            "views": [(False, "form")],
        }


def _clock(minutes):
    """A time of day, ``00:20+1`` of one on the day after."""
    days, minute = divmod(minutes, 1440)
    return f"{minute // 60:02d}:{minute % 60:02d}" + (f" +{days}" if days else "")
