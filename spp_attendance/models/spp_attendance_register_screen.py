from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.fields import Domain

from ..acting import acting_uuid
from ..engine import localtime
from ..enrolment import EnrolStaff
from ..review import APPROVED, PENDING, STEPS

#: What an approver has sent back to be corrected.
_SENT_BACK = "SENT_BACK"


class SppAttendanceRegister(models.Model):
    """What people see of a register and what its buttons do."""

    _inherit = "spp.attendance.register"

    is_reviewed = fields.Boolean(related="company_id.attendance_register_review")
    may_submit = fields.Boolean(compute="_compute_may_review")
    may_approve = fields.Boolean(compute="_compute_may_review")
    enrolled_count = fields.Integer(
        "On the Register",
        compute="_compute_enrolled_count",
        help="Whose enrolment is not over, also before the first day.",
    )
    staff_names = fields.Char("Staff Now", compute="_compute_staff_names")
    record_count = fields.Integer("Marks", compute="_compute_record_count")
    review_label = fields.Char("Review", compute="_compute_review_label")

    @api.depends_context("uid")
    @api.depends("staff_ids.is_current", "review_status", "is_reviewed")
    def _compute_may_review(self):
        groups = self.env["spp.attendance.register.staff"]._read_group(
            [
                ("register_id", "in", self.ids),
                ("user_uuid", "=", acting_uuid(self.env)),
                ("is_current", "=", True),
            ],
            ["register_id"],
            ["staff_type:array_agg"],
        )
        roles = {register: set(types) for register, types in groups}
        for register in self:
            mine = roles.get(register._origin, set())
            status = register.review_status
            is_open = register.is_reviewed and status != APPROVED
            register.may_submit = (
                is_open and status != PENDING and bool(mine & STEPS[PENDING])
            )
            register.may_approve = is_open and bool(mine & STEPS[APPROVED])

    @api.depends("review_status")
    @api.depends_context("lang")
    def _compute_review_label(self):
        texts = {
            PENDING: self.env._("To be approved"),
            APPROVED: self.env._("Approved"),
            _SENT_BACK: self.env._("Sent back"),
        }
        for register in self:
            # Any other word is another system's own.
            status = register.review_status
            register.review_label = texts.get(status, status)

    @api.depends("name", "number")
    def _compute_display_name(self):
        """The same sheet comes every month: its number tells one from the next."""
        for register in self:
            numbered = register.number if register._origin else None
            register.display_name = register.name and " · ".join(
                filter(None, (register.name, numbered))
            )

    @api.depends("attendee_ids.unenrolled_at")
    def _compute_enrolled_count(self):
        groups = self.env["spp.attendance.register.attendee"]._read_group(
            Domain("register_id", "in", self.ids)
            & Domain("enrolled_at", "!=", False)
            & (
                Domain("unenrolled_at", "=", False)
                | Domain("unenrolled_at", ">", fields.Datetime.now())
            ),
            ["register_id"],
            ["__count"],
        )
        counts = {register.id: count for register, count in groups}
        for register in self:
            register.enrolled_count = counts.get(register._origin.id, 0)

    @api.depends("staff_ids.name", "staff_ids.is_current")
    def _compute_staff_names(self):
        for register in self:
            current = register.staff_ids.filtered("is_current")
            register.staff_names = ", ".join(
                sorted({staff.name or staff.user_uuid for staff in current})
            )

    def _compute_record_count(self):
        groups = self.env["spp.attendance.record"]._read_group(
            [("register_id", "in", self.ids)], ["register_id"], ["__count"]
        )
        counts = {register.id: count for register, count in groups}
        for register in self:
            register.record_count = counts.get(register._origin.id, 0)

    # ------------------------------------------------------------------ times

    @api.model_create_multi
    def create(self, vals_list):
        return super().create([self._with_times(vals) for vals in vals_list])

    def write(self, vals):
        return super().write(self._with_times(vals))

    @api.model
    def _with_times(self, vals):
        """Values in which times are as people type them, such as 830, as HH:MM:SS."""
        parse = self.env["spp.attendance.record"]._parse_time_of_day
        times = {
            name: parse(vals[name])
            for name in ("entry_time", "exit_time")
            if vals.get(name)
        }
        return {**vals, **times}

    @api.onchange("entry_time", "exit_time")
    def _onchange_times(self):
        """Complete what is typed, or say at once what is wrong with it."""
        for name in ("entry_time", "exit_time"):
            try:
                self.update(self._with_times({name: self[name]}))
            except ValidationError as error:
                return {"warning": {"type": "notification", "message": str(error)}}
        return None

    # ------------------------------------------------------------------- days

    def _today(self):
        """Today's date on the register's clock."""
        tz = self.tz or self.env.company.attendance_tz
        return localtime.to_local(fields.Datetime.now(), tz).date()

    def _day_start(self, day):
        """The first instant of a day in the register, naive UTC."""
        self.ensure_one()
        if day == self.date_start:
            return self.start_at
        return self._with_instants({"date_start": day})["start_at"]

    def _day_end(self, day):
        """The last instant of a day in the register, naive UTC."""
        self.ensure_one()
        if day == self.date_end:
            return self.end_at
        return self._with_instants({"date_end": day})["end_at"]

    # ---------------------------------------------------------------- buttons

    def action_open_sheet(self):
        """The grid of people and days, to be marked."""
        self.check_access("read")
        self.ensure_one()
        return {
            "type": "ir.actions.client",
            "tag": "spp_attendance.register_sheet",
            "name": self.name,
            "params": {"register_id": self.id},
        }

    def action_open_attendees(self):
        """All who are or were enrolled."""
        self.check_access("read")
        self.ensure_one()
        return {
            **self.env["ir.actions.act_window"]._for_xml_id(
                "spp_attendance.spp_attendance_register_attendee_action"
            ),
            "name": self.name,
            "display_name": self.name,
            "domain": list(Domain("register_id", "=", self.id)),
            "context": {"default_register_id": self.id},
        }

    def action_open_records(self):
        """The attendance that was marked in it."""
        self.check_access("read")
        self.ensure_one()
        return {
            **self.env["ir.actions.act_window"]._for_xml_id(
                "spp_attendance.spp_attendance_record_action"
            ),
            "name": self.name,
            "display_name": self.name,
            "domain": list(Domain("register_id", "=", self.id)),
            "context": {"create": False},
        }

    def action_join(self):
        """Have a manager on the staff, in whatever role there is.

        :raises UserError: when a register is over
        """
        self.check_access("write")
        outcomes = self.env["spp.attendance.register.staff"]._enrol(
            [
                EnrolStaff(register.id, acting_uuid(self.env), "APPROVER")
                for register in self
            ]
        )
        for register, outcome in zip(self, outcomes, strict=True):
            if outcome.code == "ended":
                raise UserError(
                    self.env._(
                        "“%(register)s” is over: it takes no more staff. Set a later"
                        " last day first.",
                        register=register.name,
                    )
                )
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def action_submit(self):
        """Have it approved."""
        self.check_access("write")
        self._set_review(PENDING)
        return True

    def action_approve(self):
        """Approve it as it is."""
        self.check_access("write")
        self._set_review(APPROVED)
        return True

    def action_send_back(self):
        """Have it corrected before it is approved."""
        self.check_access("write")
        self._set_review(_SENT_BACK)
        return True

    def action_reopen(self):
        """Have what is approved reviewed again."""
        self._reopen_review()
        return True
