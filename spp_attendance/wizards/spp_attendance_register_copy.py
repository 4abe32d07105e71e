from datetime import timedelta

from dateutil.relativedelta import relativedelta

from odoo import api, fields, models


class SppAttendanceRegisterCopy(models.TransientModel):
    """Go on with a register in a new period: without its attendance."""

    _name = "spp.attendance.register.copy"
    _description = "Copy a Register to a New Period"

    register_id = fields.Many2one("spp.attendance.register", required=True)
    name = fields.Char(
        required=True,
        size=256,
        compute="_compute_name",
        compute_sudo=False,
        store=True,
        precompute=True,
        readonly=False,
    )
    date_start = fields.Date(
        "First Day",
        required=True,
        compute="_compute_date_start",
        compute_sudo=False,
        store=True,
        precompute=True,
        readonly=False,
    )
    date_end = fields.Date(
        "Last Day",
        compute="_compute_date_end",
        compute_sudo=False,
        store=True,
        precompute=True,
        readonly=False,
        help="Empty: it has no end.",
    )
    with_staff = fields.Boolean("The Same Staff", default=True)
    with_attendees = fields.Boolean("Who Is Enrolled Now", default=True)

    @api.constrains("register_id")
    def _check_register_id(self):
        # What is shown of it is for who may see it. Constraints are the system's.
        self.register_id.sudo(False).check_access("read")

    @api.depends("register_id")
    def _compute_name(self):
        for wizard in self:
            wizard.name = wizard.register_id.name

    @api.depends("register_id")
    def _compute_date_start(self):
        for wizard in self:
            register = wizard.register_id
            end = register.date_end
            wizard.date_start = end + timedelta(days=1) if end else register._today()

    @api.depends("register_id", "date_start")
    def _compute_date_end(self):
        for wizard in self:
            register, start = wizard.register_id, wizard.date_start
            wizard.date_end = (
                start
                and register.date_end
                and self._next_end(register.date_start, register.date_end, start)
            )

    @api.model
    def _next_end(self, old_start, old_end, start):
        """The last day of a period as long as another: whole months stay months."""
        after = old_end + timedelta(days=1)
        if old_start.day == after.day == start.day == 1:
            months = (after.year - old_start.year) * 12 + after.month - old_start.month
            return start + relativedelta(months=months, days=-1)
        return start + (old_end - old_start)

    def action_copy(self):
        """Make the copy and open it."""
        self.ensure_one()
        register = self.register_id._copy_to(
            {
                "name": self.name,
                "date_start": self.date_start,
                "date_end": self.date_end,
            },
            staff=self.with_staff,
            attendees=self.with_attendees,
        )
        return {
            "type": "ir.actions.act_window",
            "res_model": "spp.attendance.register",
            "res_id": register.id,
            "views": [(False, "form")],
        }
