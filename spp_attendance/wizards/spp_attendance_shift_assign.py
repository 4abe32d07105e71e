from odoo import api, fields, models
from odoo.exceptions import UserError

from odoo.addons.spp_oauth.tools.notices import CLOSE, notice


class SppAttendanceShiftAssign(models.TransientModel):
    """Say by which shift many people work from a date on, or a whole unit or place."""

    _name = "spp.attendance.shift.assign"
    _description = "Assign a Shift"
    _inherit = ["spp.attendance.choice.mixin"]

    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )
    by = fields.Selection(
        selection_add=[("company", "Everybody without another shift")],
        ondelete={"company": "cascade"},
    )
    shift_id = fields.Many2one(
        "spp.attendance.shift",
        check_company=True,
        help="Empty: no shift of their own any more.",
    )
    date_from = fields.Date(
        "First Day",
        required=True,
        default=lambda self: self.env["spp.attendance.day"]._now_date(),
    )
    is_whole = fields.Boolean(
        "Keep Up With Changes",
        default=True,
        help="People who join the department or location later get the shift, people"
        " who leave lose it. Otherwise it is assigned to each person there now.",
    )
    replaces_later = fields.Boolean(
        "Replace Later Assignments",
        help="Assignments that begin after this date are removed.",
    )

    def _choice_domain(self):
        if self.by == "company":
            return [("level_of_work", "!=", False)]
        return super()._choice_domain()

    def action_assign(self):
        """Make the assignments, or change those that begin on the same date.

        :raises UserError: when nobody is chosen
        """
        self.ensure_one()
        targets = self._targets()
        if not targets:
            raise UserError(
                self.env._("Nobody is chosen. Choose who works this shift.")
            )
        name, ids = targets
        assignments = self.env["spp.attendance.shift.assignment"]
        general = [
            (other, "=", False)
            for other in ("subscriber_id", "department_id", "location_id")
            if other != name
        ]
        own = [("company_id", "=", self.company_id.id), *general]
        if name:
            own.append((name, "in", ids))
        if self.replaces_later:
            assignments.search([*own, ("date_from", ">", self.date_from)]).unlink()
        known = assignments.search([*own, ("date_from", "=", self.date_from)])
        changed = known.filtered(lambda row: row.shift_id != self.shift_id)
        changed.write({"shift_id": self.shift_id.id})
        values = {
            "company_id": self.company_id.id,
            "shift_id": self.shift_id.id,
            "date_from": self.date_from,
        }
        if name:
            have = set(known[name].ids)
            assignments.create(
                [{**values, name: target} for target in ids if target not in have]
            )
        elif not known:
            assignments.create(values)
        if name == "subscriber_id":
            message = self.env._("Assigned to people: %s.", len(ids))
        else:
            message = self.env._("Assigned.")
        return notice("success", message, CLOSE)

    def _targets(self):
        """What the assignments are of: the name of a field, and ids; no name for the
        company, and nothing when nobody is chosen."""
        if self.by == "company":
            return False, []
        if self.is_whole and self.by in ("department", "location"):
            name = f"{self.by}_id"
            return (name, self[name].ids) if self[name] else None
        people = self.env["spp.attendance.subscriber"].search(self._people_domain())
        return ("subscriber_id", people.ids) if people else None

    @api.onchange("by")
    def _onchange_by(self):
        self.is_whole = True
