from contextlib import contextmanager
from datetime import datetime, time

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import SQL

from ..acting import ACTOR, SENT, acting, acting_at, acting_uuid
from ..engine import localtime
from ..enrolment import Enrol, EnrolStaff
from ..review import APPROVED, PENDING, STEPS, ReviewRefused

#: The last moment of a day, as far as DIGIT's milliseconds tell.
_LAST = time(23, 59, 59, 999000)
_LAST_SECOND = time(23, 59, 59)
#: Rows of a register that can be given with it.
_NESTED = ("staff_ids", "attendee_ids")


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
    _lasting_fields = frozenset({"uuid", "number", "company_id"})

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
    active = fields.Boolean(default=True, copy=False, tracking=True)
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
    # Whoever handles a register goes by its clock, also where they don't see the place.
    tz = fields.Char("Time Zone", compute="_compute_tz", compute_sudo=True)
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

    @api.depends("start_at", "end_at", "tz")
    def _compute_dates(self):
        for register in self:
            start, end, tz = register.start_at, register.end_at, register.tz
            register.date_start = start and localtime.to_local(start, tz).date()
            register.date_end = end and localtime.to_local(end, tz).date()

    def _with_instants(self, vals):
        """Values in which days that are given have become instants.

        In another place, with a clock of its own, whole days stay the days they are.
        """
        vals = dict(vals)
        if self and "location_id" in vals:
            vals = {**self._whole_days(), **vals}
        place = self.location_id.browse(vals.get("location_id", self.location_id.id))
        company = self.company_id or self.company_id.browse(vals.get("company_id"))
        place_sudo = place.sudo()  # as for the field `tz`
        tz = place_sudo.tz or (company or self.env.company).attendance_tz
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

    def _whole_days(self):
        """First and last day, of a register that begins and ends with a day."""
        self.ensure_one()
        days = {}
        start = localtime.to_local(self.start_at, self.tz)
        end = self.end_at and localtime.to_local(self.end_at, self.tz)
        if start.time() == time.min:
            days["date_start"] = start.date()
        if end and end.time() >= _LAST_SECOND:
            days["date_end"] = end.date()
        return days

    @contextmanager
    def _keeping_days(self):
        """Around a change of clocks: what are whole days stays the days they are."""
        days = {register: register._whole_days() for register in self}
        yield
        for register, vals in days.items():
            if vals:
                register.write(vals)

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
            now=acting_at(self.env),
        )

    @api.model
    def _search_is_mine(self, operator, value):
        if operator != "in":
            return NotImplemented
        actor = acting(self.env)
        if actor and actor.opens_all:
            return Domain.TRUE
        return Domain("id", "in", self._mine_sql())

    @api.depends(
        "staff_ids.user_uuid", "staff_ids.enrolled_at", "staff_ids.unenrolled_at"
    )
    @api.depends_context("uid", ACTOR, SENT)
    def _compute_is_mine(self):
        actor = acting(self.env)
        opens_all = bool(actor and actor.opens_all)
        mine = set()
        if not opens_all:
            mine = {row[0] for row in self.env.execute_query(self._mine_sql())}
        for register in self:
            register.is_mine = opens_all or register._origin.id in mine

    # ------------------------------------------------------------------- CRUD

    @api.model_create_multi
    def create(self, vals_list):
        vals_list = [self._with_instants(vals) for vals in vals_list]
        # Whoever makes it is on its staff before anybody else is put there.
        nested = [
            {name: vals.pop(name) for name in _NESTED if name in vals}
            for vals in vals_list
        ]
        self._number(vals_list)
        registers = super().create(vals_list)
        registers._enrol_first_staff()
        for register, vals in zip(registers, nested, strict=True):
            if vals:
                register.write(vals)
        return registers

    def _enrol_first_staff(self):
        """Have who makes a register on its staff, from now on."""
        registers = self.filtered(
            # A setting, that anybody goes by.
            lambda register: register.company_id.sudo().attendance_register_first_staff
        )
        if self.env.su or not registers:
            return
        actor = acting(self.env)
        # Nobody is on the staff yet who could take anybody on.
        staff_sudo = self.env["spp.attendance.register.staff"].sudo()
        staff_sudo._enrol(
            [
                EnrolStaff(
                    register.id,
                    acting_uuid(self.env),
                    name=actor.name if actor else self.env.user.name,
                    is_first=True,
                )
                for register in registers
            ]
        )

    def write(self, vals):
        if "review_status" in vals:
            changed = self.filtered(
                lambda register: (
                    (register.review_status or False)
                    != (vals["review_status"] or False)
                )
            )
            changed._check_review(vals["review_status"])
        if {"date_start", "date_end", "location_id"}.isdisjoint(vals):
            return super().write(vals)
        for register in self:
            super(SppAttendanceRegister, register).write(register._with_instants(vals))
        return True

    def copy_data(self, default=None):
        default = dict(default or {})
        copies = super().copy_data(default)
        for register, vals in zip(self, copies, strict=True):
            # Days beat the instants that are copied, but not those that are given.
            for day, at in (("date_start", "start_at"), ("date_end", "end_at")):
                if day in default and at not in default:
                    del vals[at]
            if "name" not in default:
                vals["name"] = self.env._("%(name)s (copy)", name=register.name)
        return copies

    @api.ondelete(at_uninstall=False)
    def _unlink_except_marked(self):
        self.env["spp.attendance.record"].flush_model(["register_id"])
        marked = self.env.execute_query(
            SQL(
                """
                SELECT number FROM spp_attendance_register g
                 WHERE id = ANY(%s) AND EXISTS (
                       SELECT FROM spp_attendance_record WHERE register_id = g.id)
              ORDER BY id LIMIT 1
                """,
                self.ids,
            )
        )
        if marked:
            raise UserError(
                self.env._(
                    "Attendance was marked in register %(number)s, and stays."
                    " Deactivate the register instead: nothing more can be marked in"
                    " it then.",
                    number=marked[0][0],
                )
            )

    @api.model
    def _number(self, vals_list):
        """Number new registers, and have those that are reviewed await it."""
        # Nobody needs a right to sequences to make a register.
        sequence_sudo = self.env.ref(
            "spp_attendance.spp_attendance_register_sequence"
        ).sudo()
        for vals in vals_list:
            company = self.env["res.company"].browse(vals.get("company_id"))
            company_sudo = (company or self.env.company).sudo()  # settings
            today = self.with_company(company_sudo)._local_today()
            first = int(company_sudo.attendance_fiscal_month)
            year = today.year - (today.month < first)
            name = str(year) if first == 1 else f"{year}-{(year + 1) % 100:02}"
            count = sequence_sudo.next_by_id()
            vals["number"] = f"WR/{name}/{today:%m}/{today:%d}/{count}"
            if company_sudo.attendance_register_review and not self.env.su:
                vals["review_status"] = PENDING

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

    # ----------------------------------------------------------------- review

    def _set_review(self, status):
        """Take a step of the review: DIGIT's words, or any word of another system.

        :raises ReviewRefused: when it is not for who acts to take, or too late
        :raises AccessError: when who acts isn't on the staff
        """
        self.check_access("write")
        self._check_review(status)
        self.write({"review_status": status})

    def _check_review(self, status):
        """
        :raises ReviewRefused: see ``_set_review``
        """
        reviewed = self.filtered(
            # A setting, that anybody goes by.
            lambda register: register.company_id.sudo().attendance_register_review
        )
        if self.env.su or not reviewed:
            return
        if done := reviewed.filtered(lambda r: r.review_status == APPROVED)[:1]:
            raise ReviewRefused(
                "ATTENDANCE_REGISTER_REVIEW_STATUS_APPROVED",
                self.env._(
                    "Register %(number)s is approved already.", number=done.number
                ),
            )
        if status not in STEPS:
            return
        may = {
            row[0]
            for row in self.env.execute_query(
                SQL(
                    "%s AND staff_type = ANY(%s)", self._mine_sql(), list(STEPS[status])
                )
            )
        }
        for register in reviewed:
            if register.id not in may:
                raise ReviewRefused(
                    "INVALID_REGISTER_MODIFY",
                    self.env._(
                        "Register %(number)s: only its approvers approve it, and only"
                        " they and its editors submit it for approval.",
                        number=register.number,
                    ),
                )

    def _reopen_review(self):
        """Have approved registers reviewed again.

        :raises AccessError: for who is no attendance manager
        """
        self.check_access("write")
        if acting(self.env) or not self.env.user.has_group(
            "spp_attendance.spp_attendance_group_manager"
        ):
            raise AccessError(
                self.env._("Only an attendance manager may reopen what is approved.")
            )
        # Past the rule that what is approved stays so.
        registers_sudo = self.sudo()
        registers_sudo.write({"review_status": PENDING})

    # -------------------------------------------------------------- lifecycle

    def _deactivate(self):
        """Let nothing more be marked; who looks for it still finds it."""
        self.write({"active": False})

    def _delete(self):
        """Deactivate, and have apps no longer find it. What was marked stays."""
        self.write({"active": False, "is_deleted": True})

    def _copy_to(self, vals, staff=True, attendees=True):
        """Go on with a register in another period, without its attendance.

        :param dict vals: what differs, with ``date_start`` and ``date_end`` or the
            instants
        :param bool staff: take its staff over, each in the role they have now
        :param bool attendees: enrol who is enrolled, from the beginning of the copy on;
            who was enrolled to the end of a register that is over counts too
        :return: the copy
        :raises AccessError: when who acts isn't on the staff
        :raises UserError: when the other period is over already
        """
        self.ensure_one()
        self.check_access("write")
        register = self.copy({"name": self.name, **vals})
        now = fields.Datetime.now()
        if (staff or attendees) and register.end_at and register.end_at < now:
            raise UserError(
                self.env._("The new period is over already: nobody can be enrolled.")
            )
        if staff:
            register._take_staff(self.staff_ids.filtered("is_current"))
        if attendees:
            until = min(self.end_at or now, now)
            register._take_attendees(
                self.attendee_ids.filtered(
                    lambda row: (
                        row.subscriber_id.active
                        and row.enrolled_at
                        and not (row.unenrolled_at and row.unenrolled_at < until)
                    )
                )
            )
        return register

    def _take_staff(self, staff):
        me = acting_uuid(self.env)
        # Who copies need not be on the staff of what is new before those are who were.
        staff_sudo = self.env["spp.attendance.register.staff"].sudo()
        staff_sudo._enrol(
            [
                EnrolStaff(self.id, row.user_uuid, row.staff_type, row.name)
                for row in staff
            ]
        )
        for row in staff.filtered(lambda row: row.user_uuid == me):
            # Whoever copies is its first staff, in no particular role.
            own_sudo = self.staff_ids.sudo().filtered(lambda new: new.user_uuid == me)
            own_sudo.staff_type = row.staff_type

    def _take_attendees(self, attendees):
        attendees._enrol(
            [
                Enrol(
                    self.id,
                    row.subscriber_id.id,
                    start_at=self.start_at,
                    tag=row.tag or None,
                    details=row.additional_details or None,
                )
                for row in attendees
            ]
        )
