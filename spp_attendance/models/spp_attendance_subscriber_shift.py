from odoo import api, fields, models
from odoo.fields import Domain


class SppAttendanceSubscriber(models.Model):
    """By which shift people work."""

    _inherit = "spp.attendance.subscriber"

    shift_id = fields.Many2one(
        "spp.attendance.shift",
        string="Shift Today",
        compute="_compute_shift_id",
        search="_search_shift_id",
        help="By an assignment of one's own, else of the department, else of the home"
        " location, else of the company.",
    )

    @api.depends("department_id", "location_id", "company_id")
    def _compute_shift_id(self):
        assignments = self.env["spp.attendance.shift.assignment"]
        today = self.env["spp.attendance.day"]._now_date()
        people = self._origin
        found = assignments._shifts_of(people.ids, today) if people else {}
        for person in self:
            person.shift_id = person.level_of_work and found.get(person._origin.id)

    @api.model
    def _search_shift_id(self, operator, value):
        if operator not in ("in", "any"):
            return NotImplemented
        shifts = self.env["spp.attendance.shift"]
        if operator == "any":
            wanted = set(shifts.with_context(active_test=False).search(value).ids)
        else:
            wanted = {shift_id or None for shift_id in value}
        assignments = self.env["spp.attendance.shift.assignment"]
        today = self.env["spp.attendance.day"]._now_date()
        found = assignments._shifts_of(None, today)
        working = Domain("level_of_work", "!=", False)
        people = Domain(
            "id", "in", [person for person, shift in found.items() if shift in wanted]
        )
        if None in wanted:
            return (working & people) | ~working
        return working & people

    def action_assign_shift(self):
        """Say by which shift these people work, and from when."""
        self.env["spp.attendance.shift.assignment"].check_access("create")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Assign a Shift"),
            "res_model": "spp.attendance.shift.assign",
            "view_mode": "form",
            "target": "new",
            "context": {"default_subscriber_ids": self.ids},
        }
