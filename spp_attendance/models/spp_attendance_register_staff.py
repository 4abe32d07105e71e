from odoo import api, fields, models
from odoo.exceptions import UserError

from ..enrolment import StaffRows, holds_now


class SppAttendanceRegisterStaff(models.Model):
    """Who may handle and mark a register, from when to when.

    Known by a uuid: it is a user's here, or of somebody only a gateway knows.
    """

    _name = "spp.attendance.register.staff"
    _description = "Register Staff"
    _inherit = ["spp.attendance.audited.mixin"]
    _order = "register_id, id"
    _check_company_auto = True
    _lasting_fields = frozenset(
        {"uuid", "register_id", "company_id", "user_id", "user_uuid", "name"}
    )

    register_id = fields.Many2one(
        "spp.attendance.register", required=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="register_id.company_id", store=True)
    # Who was deleted was on the staff all the same.
    user_id = fields.Many2one(
        "res.users", ondelete="set null", index=True, check_company=True
    )
    user_uuid = fields.Char(
        "User UUID",
        compute="_compute_user_uuid",
        store=True,
        precompute=True,
        readonly=False,
        required=True,
    )
    name = fields.Char(compute="_compute_name", store=True, readonly=False)
    staff_type = fields.Selection(
        [("OWNER", "Owner"), ("EDITOR", "Editor"), ("APPROVER", "Approver")],
        "Role",
        required=True,
        default="OWNER",
    )
    enrolled_at = fields.Datetime(
        "From", required=True, default=lambda self: fields.Datetime.now()
    )
    unenrolled_at = fields.Datetime("Until", help="Empty: without end.")
    is_current = fields.Boolean(
        compute="_compute_is_current", search="_search_is_current"
    )

    _uuid_unique = models.UniqueIndex("(uuid)", "The UUID must be unique.")
    _order_of_ends = models.Constraint(
        "CHECK (unenrolled_at >= enrolled_at)",
        "A permission can't end before it begins.",
    )
    _no_overlap = models.Constraint(
        "EXCLUDE USING gist (int4range(register_id, register_id, '[]') WITH &&,"
        " int8range(hashtextextended(user_uuid, 0), hashtextextended(user_uuid, 0),"
        " '[]') WITH &&, tsrange(enrolled_at, unenrolled_at) WITH &&)",
        "This user is on the staff of the register at that time already.",
    )
    _user_uuid_idx = models.Index("(user_uuid, register_id)")

    @api.depends("user_id.attendance_uuid")
    def _compute_user_uuid(self):
        for staff in self:
            if staff.user_id:
                # Who may make somebody staff need not be one who reads users.
                user_sudo = staff.user_id.sudo()
                staff.user_uuid = user_sudo.attendance_uuid

    @api.depends("user_id")
    def _compute_name(self):
        for staff in self:
            if staff.user_id:
                user_sudo = staff.user_id.sudo()  # as above
                staff.name = user_sudo.name

    @api.depends("enrolled_at", "unenrolled_at")
    def _compute_is_current(self):
        now = self.filtered_domain(holds_now())
        for row in self:
            row.is_current = row in now

    @api.model
    def _search_is_current(self, operator, value):
        if operator != "in":
            return NotImplemented
        return holds_now()

    @api.model_create_multi
    def create(self, vals_list):
        # A context, too, can say of which register and who.
        vals_list = [self._add_missing_default_values(vals) for vals in vals_list]
        registers = self.env["spp.attendance.register"].browse(
            {vals["register_id"] for vals in vals_list if vals.get("register_id")}
        )
        # Before, for by the row itself the register would be theirs.
        registers.check_access("write")
        return super().create(self._identified(vals_list))

    @api.model
    def _identified(self, vals_list):
        """Values with the user of each uuid, and the uuid of each user."""
        registers = self.env["spp.attendance.register"]
        companies = [
            registers.browse(vals.get("register_id")).company_id for vals in vals_list
        ]
        uuids = {vals.get("user_uuid") for vals in vals_list}
        users = {
            company: self.env["res.users"]
            .with_company(company)
            ._find_by_attendance_uuid(uuids)
            for company in set(companies)
        }
        identified = []
        for vals, company in zip(vals_list, companies, strict=True):
            vals = dict(vals)
            if vals.get("user_id"):
                vals.pop("user_uuid", None)
            elif found := users[company].get(vals.get("user_uuid")):
                vals["user_id"] = found
            elif not self.env.su:
                raise UserError(
                    self.env._("Staff of a register are users of its company.")
                )
            identified.append(vals)
        return identified

    # -------------------------------------------------------------- enrolment

    @api.model
    def _enrol(self, items):
        """Give people a permission for registers, from now on or from a date on.

        As the user, in a number of statements that doesn't depend on how many. To be
        called in a transaction that is run again on a serialization failure.

        :param list items: ``enrolment.EnrolStaff``
        :return: one ``enrolment.EnrolledStaff`` an item, in order. Its code is None, or
            "ended" (the register is over), "enrolled" (is on the staff, or then),
            "unknown_user" (no user of the company; only behind a gateway, and if the
            company allows it, others are taken too)
        :raises AccessError: when who acts isn't on the staff of a register
        """
        return StaffRows(self.env).enrol(items)

    @api.model
    def _unenrol(self, items):
        """End permissions now, or when they begin if that is later.

        :param list items: ``enrolment.UnenrolStaff``
        :return: one ``enrolment.EnrolledStaff`` an item, in order. Its code is None, or
            "never" (was never on the staff), "already" (isn't any more)
        :raises AccessError: when who acts isn't on the staff of a register
        """
        return StaffRows(self.env).unenrol(items)
