from odoo import api, fields, models
from odoo.exceptions import UserError

from ..enrolment import EnrolStaff, UnenrolStaff


class SppAttendanceRegisterStaffing(models.TransientModel):
    """Change the staff of many registers at once: one goes, another one comes."""

    _name = "spp.attendance.register.staffing"
    _description = "Change Staff"

    register_ids = fields.Many2many(
        "spp.attendance.register", string="Registers", required=True
    )
    leaving_id = fields.Many2one("res.users", "Ends")
    joining_id = fields.Many2one("res.users", "Begins")
    staff_type = fields.Selection(
        selection=lambda self: (
            self.env["spp.attendance.register.staff"]
            ._fields["staff_type"]
            ._description_selection(self.env)
        ),
        string="As",
        required=True,
        default="EDITOR",
    )
    leaving_ids = fields.Many2many(
        "res.users", compute="_compute_leaving_ids", string="Staff Now"
    )

    @api.depends("register_ids")
    def _compute_leaving_ids(self):
        for wizard in self:
            staff = wizard.register_ids.staff_ids.filtered("is_current")
            wizard.leaving_ids = staff.user_id

    def action_change(self):
        """End the one's permission and give the other one theirs, from now on.

        :raises UserError: when that can't be done in all registers: then in none
        """
        self.ensure_one()
        staff = self.env["spp.attendance.register.staff"]
        joining_sudo = self.joining_id.sudo()  # to name them by their uuid, no more
        leaving_sudo = self.leaving_id.sudo()
        if not joining_sudo and not leaving_sudo:
            raise UserError(self.env._("Choose whose permission ends or begins."))
        # Who gives up their own place must bring in the other one first.
        if joining_sudo:
            self._take_on(staff, joining_sudo)
        if leaving_sudo:
            outcomes = staff._unenrol(
                [
                    UnenrolStaff(register.id, leaving_sudo.attendance_uuid)
                    for register in self.register_ids
                ]
            )
            if all(outcome.code for outcome in outcomes):
                raise UserError(
                    self.env._(
                        "%(user)s is on the staff of none of them.",
                        user=leaving_sudo.name,
                    )
                )
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def _take_on(self, staff, user_sudo):
        outcomes = staff._enrol(
            [
                EnrolStaff(register.id, user_sudo.attendance_uuid, self.staff_type)
                for register in self.register_ids
            ]
        )
        refused = [
            f"{register.display_name}: {self._reason(outcome.code)}"
            for register, outcome in zip(self.register_ids, outcomes, strict=True)
            if outcome.code not in (None, "enrolled")
        ]
        if refused:
            raise UserError(
                self.env._(
                    "Nothing has been changed, for %(user)s can't be staff"
                    " everywhere:\n%(problems)s",
                    user=user_sudo.name,
                    problems="\n".join(refused),
                )
            )

    def _reason(self, code):
        return {
            "ended": self.env._("it is over"),
            "unknown_user": self.env._("does not work for this company"),
        }[code]
