from datetime import UTC, datetime, time

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from ..acting import acting, acting_uuid
from ..engine import localtime

#: The last moment of a day, as far as DIGIT's milliseconds tell.
_LAST = time(23, 59, 59, 999000)


class SppAttendanceRegister(models.Model):
    """A dated sheet of some service: who is enrolled from when to when, who may mark.

    It begins and ends at instants; who types dates means from the first moment of the
    one to the last of the other, by the clock of the register's place.
    """

    _name = "spp.attendance.register"
    _description = "Attendance Register"
    _inherit = ["mail.thread", "spp.attendance.audited.mixin"]
    _order = "write_date desc, id"
    _rec_names_search = ("number", "name", "reference")
    _check_company_auto = True

    name = fields.Char(required=True, size=256, tracking=True)
    number = fields.Char(required=True, readonly=True, copy=False, default="/")
    company_id = fields.Many2one(
        "res.company",
        required=True,
        readonly=True,
        default=lambda self: self.env.company,
        index=True,
    )
    # A register that is not active takes no attendance, and can still be looked at.
    active = fields.Boolean(default=True, tracking=True)
    is_deleted = fields.Boolean(
        "Deleted", readonly=True, copy=False, help="Apps no longer find it."
    )
    service_code = fields.Char(
        size=64, tracking=True, help="The kind of service, such as WORKS-CONTRACT."
    )
    reference = fields.Char(
        size=256, tracking=True, help="What it is for: a contract, a project, a course."
    )
    campaign_number = fields.Char(size=256)
    location_id = fields.Many2one(
        "spp.attendance.location",
        ondelete="restrict",
        check_company=True,
        index="btree_not_null",
        tracking=True,
    )
    locality_code = fields.Char(
        size=256,
        compute="_compute_locality_code",
        store=True,
        readonly=False,
        help="Code of the place, as DIGIT knows it: of the location, if there is one.",
    )
    type_id = fields.Many2one(
        "spp.attendance.type",
        ondelete="restrict",
        check_company=True,
        index="btree_not_null",
        help="Of the attendance that is marked here.",
    )
    tz = fields.Char("Time Zone", compute="_compute_tz")
    start_at = fields.Datetime(
        "Starts At",
        required=True,
        default=lambda self: self._first_moment(self._local_today()),
        tracking=True,
    )
    end_at = fields.Datetime("Ends At", tracking=True, help="Empty: it has no end.")
    # Days on the clock of its place. Given instead of the instants, they set these;
    # as inverses they would come too late for what a register must have.
    date_start = fields.Date(
        "First Day", compute="_compute_dates", store=True, readonly=False
    )
    date_end = fields.Date(
        "Last Day",
        compute="_compute_dates",
        store=True,
        readonly=False,
        help="Empty: it has no end.",
    )
    # Any word that another system has for it is kept.
    review_status = fields.Char(size=64, tracking=True, copy=False)
    mark_mode = fields.Selection(
        [("day", "Present or absent"), ("entry_exit", "Entry and exit")],
        "Marked as",
        required=True,
        default="day",
    )
    entry_time = fields.Char("Usual Entry", required=True, size=8, default="08:00:00")
    exit_time = fields.Char("Usual Exit", required=True, size=8, default="17:00:00")
    staff_ids = fields.One2many("spp.attendance.register.staff", "register_id")
    attendee_ids = fields.One2many("spp.attendance.register.attendee", "register_id")
    record_ids = fields.One2many("spp.attendance.record", "register_id")
    attendee_count = fields.Integer("Enrolled", compute="_compute_attendee_count")
    is_mine = fields.Boolean(
        compute="_compute_is_mine",
        search="_search_is_mine",
        help="Who acts is on its staff now.",
    )

    _uuid_unique = models.UniqueIndex("(uuid)", "The UUID must be unique.")
    _number_unique = models.UniqueIndex("(number)", "The number must be unique.")
    _interval = models.Constraint(
        "CHECK (end_at >= start_at)", "A register can't end before it starts."
    )
    _company_reference_idx = models.Index("(company_id, reference, service_code)")
    _company_write_date_idx = models.Index("(company_id, write_date DESC, id)")

    # ------------------------------------------------------------------ dates

    @api.depends("location_id.code")
    def _compute_locality_code(self):
        for register in self:
            # What another system calls the place stays, if no place here bears it.
            if register.location_id:
                register.locality_code = register.location_id.code

    @api.depends("location_id.tz", "company_id.attendance_tz")
    def _compute_tz(self):
        for register in self:
            register.tz = register.location_id.tz or register.company_id.attendance_tz

    @api.depends("start_at", "end_at")
    def _compute_dates(self):
        for register in self:
            start, end, tz = register.start_at, register.end_at, register.tz
            register.date_start = start and localtime.to_local(start, tz).date()
            register.date_end = end and localtime.to_local(end, tz).date()

    def _with_instants(self, vals):
        """Values in which days that are given have become instants."""
        vals = dict(vals)
        place = self.location_id.browse(vals.get("location_id", self.location_id.id))
        tz = place.tz or (self.company_id or self.env.company).attendance_tz
        for name, moment, at in (
            ("date_start", time.min, "start_at"),
            ("date_end", _LAST, "end_at"),
        ):
            if name not in vals:
                continue
            day = fields.Date.to_date(vals.pop(name))
            if at not in vals and (day or at == "end_at"):
                local = day and datetime.combine(day, moment)
                vals[at] = local and localtime.to_utc(local, tz)
        return vals

    def _first_moment(self, day):
        tz = self.tz or self.env.company.attendance_tz
        return localtime.to_utc(datetime.combine(day, time.min), tz)

    # ------------------------------------------------------------------ staff

    @api.model
    def _mine_sql(self):
        """SELECT of the registers on whose staff the one who acts is now."""
        self.env["spp.attendance.register.staff"].flush_model()
        return SQL(
            """
            SELECT register_id FROM spp_attendance_register_staff
             WHERE user_uuid = %(uuid)s
               AND enrolled_at <= %(now)s
               AND (unenrolled_at IS NULL OR unenrolled_at > %(now)s)
            """,
            uuid=acting_uuid(self.env),
            # The wall clock's: who was made staff in this transaction is staff.
            now=datetime.now(UTC).replace(tzinfo=None),
        )

    @api.model
    def _search_is_mine(self, operator, value):
        if operator != "in":
            return NotImplemented
        actor = acting(self.env)
        if actor and actor.opens_all:
            return Domain.TRUE
        return Domain("id", "in", self._mine_sql())

    def _compute_is_mine(self):
        mine = self._filtered_access_mine()
        for register in self:
            register.is_mine = register in mine

    def _filtered_access_mine(self):
        ids = {row[0] for row in self.env.execute_query(self._mine_sql())}
        return self.filtered(lambda register: register.id in ids)

    # ------------------------------------------------------------------- CRUD

    @api.model_create_multi
    def create(self, vals_list):
        vals_list = [self._with_instants(vals) for vals in vals_list]
        for vals in vals_list:
            vals["number"] = self._next_number()
        registers = super().create(vals_list)
        registers._enrol_first_staff()
        return registers

    def _enrol_first_staff(self):
        """Have who makes a register on its staff, from now on."""
        company_sudo = self.company_id.sudo()  # a setting, that anybody goes by
        if not self.env.su and any(
            company_sudo.mapped("attendance_register_first_staff")
        ):
            actor = acting(self.env)
            # Nobody is on the staff yet who could take him on.
            staff_sudo = self.env["spp.attendance.register.staff"].sudo()
            staff_sudo.create(
                [
                    {
                        "register_id": register.id,
                        "user_id": False if actor else self.env.uid,
                        "user_uuid": acting_uuid(self.env),
                        "name": actor.name if actor else self.env.user.name,
                    }
                    for register in self
                    if register.company_id.sudo().attendance_register_first_staff
                ]
            )

    def write(self, vals):
        if {"date_start", "date_end"}.isdisjoint(vals):
            return super().write(vals)
        for register in self:
            super(SppAttendanceRegister, register).write(register._with_instants(vals))
        return True

    @api.model
    def _next_number(self):
        # Nobody needs a right to sequences to make a register.
        sequence_sudo = self.env["ir.sequence"].sudo()
        today = self._local_today()
        first = int(self.env.company.attendance_fiscal_month)
        year = today.year - (today.month < first)
        name = str(year) if first == 1 else f"{year}-{(year + 1) % 100:02}"
        count = sequence_sudo.next_by_code("spp.attendance.register")
        return f"WR/{name}/{today:%m}/{today:%d}/{count}"

    @api.model
    def _local_today(self):
        tz = self.env.company.attendance_tz
        return localtime.to_local(fields.Datetime.now(), tz).date()

    def _compute_attendee_count(self):
        counts = dict(
            self.env["spp.attendance.register.attendee"]._read_group(
                [("register_id", "in", self.ids), ("is_enrolled", "=", True)],
                ["register_id"],
                ["__count"],
            )
        )
        for register in self:
            register.attendee_count = counts.get(register, 0)
