import uuid

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import format_date

from odoo.addons.spp_oauth.api import ApiResult, Conflict

from ..api.corrections import CorrectionOut, CorrectionPage, CorrectionPerson
from ..decisions import MINUTES, TIMES
from ..engine import localtime
from ..engine.statuses import NAMES
from .spp_attendance_day import STATUSES as DAY_STATUSES

_ACTIVITY = "spp_attendance.mail_activity_type_correction"
#: What may be asked for; leave and holidays have ways of their own.
STATUSES = [
    ("on_time", "On Time"),
    ("considered", "Considered"),
    ("late", "Late"),
    ("absent", "Absent"),
]
_CODES = {NAMES[status].code: status for status, _label in STATUSES}


class CorrectionRefused(UserError):
    """Something can't be done with a request in the state that it has."""


class SppAttendanceCorrection(models.Model):
    """A request to fix somebody's day, and who decided it.

    The person asks, or somebody for them; the head of the department decides, nearest
    first, else a manager, and nobody of their own. What is approved is decided of the
    day; what was computed is kept beside it.
    """

    _name = "spp.attendance.correction"
    _description = "Attendance Correction"
    _inherit = ["mail.thread", "mail.activity.mixin", "spp.attendance.api.mixin"]
    _order = "date desc, id desc"
    _rec_name = "date"
    _check_company_auto = True

    #: What the system alone sets, and what is asked for.
    _system_fields = frozenset(
        {
            "uuid",
            "state",
            "company_id",
            "department_id",
            "submitted_at",
            "decided_by",
            "decided_at",
            "decision_note",
        }
    )
    _asked_fields = frozenset(
        {
            "subscriber_id",
            "date",
            "kind",
            "check_in",
            "check_out",
            "status",
            "reason",
            "attachment_ids",
        }
    )

    uuid = fields.Char(
        "UUID",
        required=True,
        readonly=True,
        copy=False,
        default=lambda self: str(uuid.uuid4()),
    )
    subscriber_id = fields.Many2one(
        "spp.attendance.subscriber",
        string="Person",
        required=True,
        ondelete="restrict",
        default=lambda self: self._default_subscriber(),
        domain="[('level_of_work', '!=', False)]",
        tracking=True,
    )
    company_id = fields.Many2one(
        related="subscriber_id.company_id", store=True, index=True
    )
    department_id = fields.Many2one(
        related="subscriber_id.department_id", store=True, index="btree_not_null"
    )
    date = fields.Date(required=True, tracking=True)
    kind = fields.Selection(
        [
            ("missing_punch", "Missing Check-In or Check-Out"),
            ("wrong_time", "Wrong Time"),
            ("forgive", "Excuse a Late Arrival"),
            ("status", "Another Status"),
        ],
        string="What Is Wrong",
        required=True,
        default="missing_punch",
        tracking=True,
    )
    check_in = fields.Char(
        "Check-In",
        size=8,
        help="By the clock there, such as 08:00. Empty: as recorded.",
    )
    check_out = fields.Char(
        "Check-Out",
        size=8,
        help="By the clock there, such as 17:30. A time after midnight is the next"
        " morning. Empty: as recorded.",
    )
    status = fields.Selection(STATUSES, string="Requested Status")
    reason = fields.Text(required=True)
    attachment_ids = fields.Many2many(
        "ir.attachment", string="Evidence", copy=False, help="A photo, a letter…"
    )
    state = fields.Selection(
        [
            ("draft", "Draft"),
            ("submitted", "To Be Decided"),
            ("approved", "Approved"),
            ("refused", "Refused"),
            ("cancelled", "Cancelled"),
        ],
        required=True,
        readonly=True,
        copy=False,
        default="draft",
        tracking=True,
        index=True,
    )
    create_uid = fields.Many2one("res.users", string="Requested By", readonly=True)
    submitted_at = fields.Datetime("Requested At", readonly=True, copy=False)
    decided_by = fields.Many2one("res.users", readonly=True, copy=False)
    decided_at = fields.Datetime(readonly=True, copy=False)
    decision_note = fields.Text("Answer", readonly=True, copy=False)
    may_judge = fields.Boolean(
        "For Me to Decide", compute="_compute_may_judge", search="_search_may_judge"
    )
    may_cancel = fields.Boolean("Mine to Cancel", compute="_compute_may_cancel")
    day_id = fields.Many2one("spp.attendance.day", compute="_compute_day_id")
    day_status = fields.Selection(
        DAY_STATUSES, string="Status Now", compute="_compute_day_times"
    )
    day_check_in = fields.Char("Check-In Now", compute="_compute_day_times")
    day_check_out = fields.Char("Check-Out Now", compute="_compute_day_times")

    _uuid_unique = models.UniqueIndex("(uuid)", "The UUID must be unique.")
    _open_unique = models.UniqueIndex(
        "(subscriber_id, date) WHERE state = 'submitted'",
        "Another request for this day is still to be decided.",
    )
    _subscriber_date_idx = models.Index("(subscriber_id, date, id)")
    _create_date_idx = models.Index("(company_id, create_date, id)")
    _write_date_idx = models.Index("(company_id, write_date, id)")

    # ----------------------------------------------------------------- fields

    @api.model
    def _default_subscriber(self):
        """The user, if days are kept of him."""
        people = self.env["spp.attendance.subscriber"]
        if not people.has_access("read"):
            return people
        return people.search(
            [
                ("partner_id", "=", self.env.user.partner_id.id),
                ("level_of_work", "!=", False),
            ],
            limit=1,
        )

    @api.depends("subscriber_id", "date", "kind")
    @api.depends_context("lang")
    def _compute_display_name(self):
        labels = dict(self._fields["kind"]._description_selection(self.env))
        for correction in self:
            parts = (
                correction.subscriber_id.display_name,
                correction.date and fields.Date.to_string(correction.date),
                labels.get(correction.kind),
            )
            correction.display_name = " · ".join(filter(None, parts))

    @api.depends("state", "subscriber_id", "department_id.head_user_ids")
    @api.depends_context("uid")
    def _compute_may_judge(self):
        for correction in self:
            correction.may_judge = (
                correction.state == "submitted" and correction._is_judge()
            )

    @api.model
    def _search_may_judge(self, operator, value):
        if operator != "in":
            return NotImplemented
        user = self.env.user
        domain = Domain("state", "=", "submitted")
        if not user.has_group("spp_attendance.spp_attendance_group_admin"):
            domain &= Domain("create_uid", "!=", user.id) & Domain(
                "subscriber_id.partner_id", "!=", user.partner_id.id
            )
        if not user.has_group("spp_attendance.spp_attendance_group_manager"):
            domain &= Domain("department_id.head_user_ids", "in", user.ids)
        return domain if True in value else ~domain

    @api.depends("state", "subscriber_id")
    @api.depends_context("uid")
    def _compute_may_cancel(self):
        for correction in self:
            correction.may_cancel = (
                correction.state in ("draft", "submitted") and correction._is_owner()
            )

    @api.depends("subscriber_id", "date")
    def _compute_day_id(self):
        days = self.env["spp.attendance.day"].search(
            [
                ("subscriber_id", "in", self.subscriber_id.ids),
                ("date", "in", list({row.date for row in self if row.date})),
            ]
        )
        found = {(day.subscriber_id.id, day.date): day for day in days}
        for correction in self:
            key = correction.subscriber_id._origin.id, correction.date
            correction.day_id = found.get(key)

    @api.depends("day_id")
    def _compute_day_times(self):
        for correction in self:
            day = correction.day_id
            correction.day_status = day.status
            correction.day_check_in = day._clock("first_check_in")
            correction.day_check_out = day._clock("last_check_out")

    @api.constrains("kind", "check_in", "check_out", "status")
    def _check_asked(self):
        for correction in self:
            if correction.kind in ("missing_punch", "wrong_time"):
                if not (correction.check_in or correction.check_out):
                    raise ValidationError(
                        self.env._("Enter a check-in or a check-out.")
                    )
            elif correction.kind == "status" and not correction.status:
                raise ValidationError(self.env._("Say which status it should be."))

    @api.onchange("check_in", "check_out")
    def _onchange_times(self):
        """Complete what is typed; what is wrong stays there, for saving to refuse."""
        for name in TIMES:
            if self[name]:
                try:
                    self[name] = self._parse_time(self[name])
                except ValidationError:
                    continue

    @api.model
    def _parse_time(self, text):
        """What somebody typed, such as 830, as HH:MM.

        :raises ValidationError: when it is no time of day
        """
        try:
            return localtime.parse_time_of_day(text)[:5]
        except localtime.LocalTimeError as error:
            raise ValidationError(
                self.env._(
                    "“%(text)s” is not a time of day. Write it as 08:30.",
                    text=text[:40],
                )
            ) from error

    # ------------------------------------------------------------------- CRUD

    @api.model_create_multi
    def create(self, vals_list):
        if not self.env.su:
            # Said outright, for a default of the context would do it, too.
            begun = dict.fromkeys(
                self._system_fields - {"uuid", "company_id", "department_id"}, False
            )
            vals_list = [
                {
                    **{k: v for k, v in vals.items() if k not in self._system_fields},
                    **begun,
                    "state": "draft",
                    "uuid": str(uuid.uuid4()),
                }
                for vals in vals_list
            ]
        corrections = super().create([self._with_times(vals) for vals in vals_list])
        corrections._claim_attachments()
        return corrections

    def write(self, vals):
        if not self.env.su:
            if self._system_fields & vals.keys():
                raise AccessError(
                    self.env._("Use the buttons to approve or refuse a request.")
                )
            if self._asked_fields & vals.keys() and any(
                correction.state != "draft" for correction in self
            ):
                raise UserError(
                    self.env._("A request that was sent can't be changed. Cancel it.")
                )
            if self._asked_fields & vals.keys() and not all(
                correction._is_owner() for correction in self
            ):
                raise AccessError(
                    self.env._("Only the one who asks can change a request.")
                )
        result = super().write(self._with_times(vals))
        if "attachment_ids" in vals:
            self._claim_attachments()
        # What a request becomes must be within the rules, as what it was.
        if "subscriber_id" in vals:
            self.check_access("write")
        return result

    def _with_times(self, vals):
        times = {name: self._parse_time(vals[name]) for name in TIMES if vals.get(name)}
        return {**vals, **times}

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise UserError(self.env._("A request can't be deleted. Cancel it."))

    def _claim_attachments(self):
        """Tie files that were uploaded for a request to it: who sees it sees them."""
        for correction in self:
            loose = correction.attachment_ids.filtered(
                lambda file: not file.res_id and file.create_uid == self.env.user
            )
            if loose:  # who may not upload files may still ask
                loose.write({"res_model": self._name, "res_id": correction.id})

    # ------------------------------------------------------------------- who

    def _is_own(self):
        """Whether it is the user's own request: of him, or made by him."""
        self.ensure_one()
        user = self.env.user
        # Whose it is may be told to whoever asks whether it is his.
        person_sudo = self.sudo().subscriber_id
        return self.create_uid == user or person_sudo.partner_id == user.partner_id

    def _is_owner(self):
        """Whether the user may take the request back."""
        return (
            self.env.su
            or self._is_own()
            or self.env.user.has_group("spp_attendance.spp_attendance_group_manager")
        )

    def _is_judge(self):
        """Whether the user decides this request, if it is to be decided."""
        self.ensure_one()
        if self.env.su:
            return True
        user = self.env.user
        # Who heads the department is looked up as the system: the user has no need to
        # see it.
        request_sudo = self.sudo()
        if request_sudo.company_id not in self.env.companies:
            return False
        if self._is_own() and not user.has_group(
            "spp_attendance.spp_attendance_group_admin"
        ):
            return False
        if user.has_group("spp_attendance.spp_attendance_group_manager"):
            return True
        return (
            user.has_group("spp_attendance.spp_attendance_group_head")
            and user in request_sudo.department_id.head_user_ids
        )

    def _check_may_judge(self):
        """
        :raises AccessError: when the user may not decide one of these requests
        :raises CorrectionRefused: when one of them isn't to be decided
        """
        self.check_access("read")
        for correction in self:
            if not correction._is_judge():
                raise AccessError(
                    self.env._("You can't decide your own request. Ask somebody else.")
                    if correction._is_own()
                    else self.env._(
                        "Only the head of the department or a manager decides this."
                    )
                )
            if correction.state != "submitted":
                raise CorrectionRefused(
                    self.env._(
                        "This request is not waiting for a decision: %(request)s.",
                        request=correction.display_name,
                    )
                )

    def _judges(self):
        """The users to be told of a request: the nearest head, else managers."""
        self.ensure_one()
        # As the system: who asks need not see who heads departments.
        request_sudo = self.sudo()
        excluded = request_sudo.create_uid | request_sudo.subscriber_id.user_ids
        department = request_sudo.department_id
        while department:
            head = department.head_id
            if head.active and head not in excluded:
                return head
            department = department.parent_id
        group = self.env.ref("spp_attendance.spp_attendance_group_manager")
        admins = self.env.ref("spp_attendance.spp_attendance_group_admin")
        managers = (
            self.env["res.users"]
            .sudo()
            .search(  # as above
                [
                    ("all_group_ids", "in", group.ids),
                    ("company_ids", "in", request_sudo.company_id.ids),
                    ("share", "=", False),
                    ("id", "not in", excluded.ids),
                ]
            )
        )
        return managers.filtered(lambda user: admins not in user.all_group_ids) or (
            managers
        )

    # --------------------------------------------------------------- actions

    def action_submit(self):
        """Ask for the decision."""
        self.check_access("write")
        for correction in self:
            if correction.state != "draft":
                raise CorrectionRefused(
                    self.env._(
                        "This request was sent already: %(request)s.",
                        request=correction.display_name,
                    )
                )
            correction._check_possible()
            correction._check_only()
        # Who may write a request may send it; states are written here alone.
        corrections_sudo = self.sudo()
        corrections_sudo.write(
            {"state": "submitted", "submitted_at": fields.Datetime.now()}
        )
        corrections_sudo.flush_recordset()
        for correction_sudo in corrections_sudo:
            for judge in correction_sudo._judges():
                correction_sudo.activity_schedule(_ACTIVITY, user_id=judge.id)
        return True

    def _check_only(self):
        """
        :raises CorrectionRefused: when another request for the day is open
        """
        # Somebody else's request for the same day counts, too.
        others_sudo = self.sudo().search_count(
            [
                ("subscriber_id", "=", self.subscriber_id.id),
                ("date", "=", self.date),
                ("state", "=", "submitted"),
                ("id", "!=", self.id),
            ]
        )
        if others_sudo:
            raise CorrectionRefused(
                self.env._("Another request for this day is still to be decided.")
            )

    def _check_possible(self):
        """
        :raises UserError: when the day can't be decided so
        """
        days = self.env["spp.attendance.day"]
        days._check_kept(self.subscriber_id)
        day_sudo = self._day_sudo()
        day_sudo._check_unlocked()
        # A day that isn't computed yet may still turn out to be late.
        if self.kind == "forgive" and day_sudo.status not in (False, "late"):
            raise UserError(
                self.env._(
                    "There is no late arrival to be excused on %(date)s.",
                    date=format_date(self.env, self.date),
                )
            )
        days._override_of(self.subscriber_id, self.date, self._values(), day_sudo)

    def _day_sudo(self):
        # Who may ask for a decision of a day may have all of it looked at.
        return (
            self.env["spp.attendance.day"]
            .sudo()
            .search(
                [
                    ("subscriber_id", "=", self.subscriber_id.id),
                    ("date", "=", self.date),
                ]
            )
        )

    def _values(self):
        """What is to be decided of the day, with what was decided before."""
        day_sudo = self._day_sudo()
        values = day_sudo._decided_values() if day_sudo else {}
        if self.kind == "forgive":
            values["is_forgiven"] = True
        elif self.kind == "status":
            values["status"] = self.status
            if self.status == "absent":
                for name in TIMES:
                    values.pop(name, None)
        else:
            # Hours follow from the times, and who came was not absent.
            for name in MINUTES:
                values.pop(name, None)
            if values.get("status") == "absent":
                for name in ("status", *TIMES):
                    values.pop(name, None)
            for name in TIMES:
                if self[name]:
                    values[name] = self[name]
        return values

    def action_approve(self):
        """Decide the days as was asked."""
        self._check_may_judge()
        for correction in self:
            correction._decide(True)
        return True

    def action_refuse(self):
        """Ask why, and refuse."""
        self._check_may_judge()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Refuse"),
            "res_model": "spp.attendance.correction.refuse",
            "view_mode": "form",
            "target": "new",
            "context": {"default_correction_ids": self.ids},
        }

    def _refuse(self, note):
        """Refuse these requests.

        :param str note: why, for whoever asked
        """
        if not (note or "").strip():
            raise UserError(self.env._("Say why: a reason is required."))
        self._check_may_judge()
        for correction in self:
            correction._decide(False, note.strip())

    def _decide(self, is_approved, note=None):
        """Decide one request, which may be decided by the user."""
        self.ensure_one()
        if is_approved:
            self.env["spp.attendance.day"]._decide(
                self.subscriber_id, self.date, self._values(), self.reason, self
            )
        # Who decides need not write what was asked.
        correction_sudo = self.sudo()
        correction_sudo.write(
            {
                "state": "approved" if is_approved else "refused",
                "decided_by": self.env.uid,
                "decided_at": fields.Datetime.now(),
                "decision_note": note,
            }
        )
        correction_sudo.activity_unlink([_ACTIVITY])
        asked = correction_sudo.create_uid.partner_id
        asked |= correction_sudo.subscriber_id.partner_id
        body = (
            self.env._("Your request was approved.")
            if is_approved
            else self.env._("Your request was refused: %(why)s", why=note)
        )
        correction_sudo.message_post(
            body=body,
            author_id=self.env.user.partner_id.id,
            partner_ids=(asked - self.env.user.partner_id).ids,
            subtype_xmlid="mail.mt_comment",
        )

    def action_cancel(self):
        """Take back what isn't decided yet."""
        self.check_access("read")
        for correction in self:
            if not correction._is_owner():
                raise AccessError(
                    self.env._("Only the one who asked can cancel a request.")
                )
            if correction.state not in ("draft", "submitted"):
                raise CorrectionRefused(
                    self.env._("This request was decided and can't be changed.")
                )
        # Who may take a request back need not write it.
        corrections_sudo = self.sudo()
        corrections_sudo.state = "cancelled"
        corrections_sudo.activity_unlink([_ACTIVITY])
        return True

    @api.model
    def _merge_people(self, target, sources):
        """Of requests for the same day that are to be decided one stays."""
        corrections = self.search(
            [
                ("subscriber_id", "in", (target + sources).ids),
                ("state", "=", "submitted"),
            ]
        )
        for same in corrections.grouped("date").values():
            stays = same.sorted(lambda row: (row.subscriber_id != target, row.id))[:1]
            surplus = same - stays
            surplus.state = "cancelled"
            surplus.activity_unlink([_ACTIVITY])
        corrections.flush_recordset()

    # ------------------------------------------------------------ native API

    _API_PATH = "corrections"
    _API_PAGE = CorrectionPage
    _API_INACTIVE = None
    _API_SORTS = {"created_at": "create_date", "updated_at": "write_date"}
    _API_FIELDS = (
        "uuid",
        "subscriber_id",
        "department_id",
        "date",
        "kind",
        "check_in",
        "check_out",
        "status",
        "reason",
        "state",
        "submitted_at",
        "decided_by",
        "decided_at",
        "decision_note",
        "create_uid",
        "create_date",
        "write_date",
    )

    @api.model
    def _api_key_domain(self, reference):
        return Domain("uuid", "=", str(reference))

    @api.model
    def _api_domain(self, query):
        domain = Domain.TRUE
        if query.employee_id:
            people = self.env["spp.attendance.subscriber"]
            ids = people._api_identified([query.employee_id])
            domain &= Domain("subscriber_id", "in", ids)
        if query.department:
            departments = self.env["spp.attendance.department"]
            domain &= Domain(
                "department_id",
                "in",
                departments._api_referred(query.department, below=True),
            )
        if query.date_from:
            domain &= Domain("date", ">=", query.date_from)
        if query.date_to:
            domain &= Domain("date", "<=", query.date_to)
        if query.state:
            domain &= Domain("state", "in", query.state)
        if query.to_decide is not None:
            domain &= Domain("may_judge", "=", query.to_decide)
        return domain

    @api.model
    def _api_add(self, body):
        """Ask for a correction, and send the request.

        :raises Conflict: when another one for the day is to be decided
        """
        people = self.env["spp.attendance.subscriber"]
        if body.employee_id is None:
            person = self._default_subscriber()
        else:
            found = people._by_identifier([body.employee_id])
            person = found.get(body.employee_id, people)
        if len(person) != 1:
            self._api_refuse("employee_id", self.env._("No such person."))
        correction = self.create(
            {
                "subscriber_id": person.id,
                "date": body.date,
                "kind": body.kind,
                "check_in": body.check_in,
                "check_out": body.check_out,
                "status": _CODES.get(body.status),
                "reason": body.reason,
            }
        )
        self._api_do(correction.action_submit)
        made = correction._api_read()[0]
        return ApiResult(
            made,
            status=201,
            headers={"Location": f"/api/attendance/corrections/{made.uuid}"},
        )

    @api.model
    def _api_approve(self, reference):
        correction = self._api_find(reference)
        self._api_do(correction.action_approve)
        return correction._api_read()[0]

    @api.model
    def _api_reject(self, reference, body):
        correction = self._api_find(reference)
        self._api_do(lambda: correction._refuse(body.reason))
        return correction._api_read()[0]

    @api.model
    def _api_cancel(self, reference):
        correction = self._api_find(reference)
        self._api_do(correction.action_cancel)
        return correction._api_read()[0]

    @api.model
    def _api_do(self, action):
        """
        :raises Conflict: when the state of a request stands in the way
        """
        try:
            action()
        except CorrectionRefused as refused:
            raise Conflict(str(refused)) from refused

    def _api_read(self):
        self.subscriber_id.fetch(["person_identifier", "name"])
        # Who asked and who decided is told to whoever may see the request.
        users_sudo = (self.create_uid | self.decided_by).sudo()
        users_sudo.fetch(["partner_id"])
        self.department_id.fetch(["code", "name"])

        def instant(value):
            return self._api_instant(value) if value else None

        return [
            CorrectionOut.model_construct(
                uuid=row.uuid,
                employee=CorrectionPerson.model_construct(
                    employee_id=row.subscriber_id.person_identifier,
                    employee_name=row.subscriber_id.name,
                ),
                department=row.department_id._api_as_reference(),
                date=row.date,
                kind=row.kind,
                check_in=row.check_in or None,
                check_out=row.check_out or None,
                status=NAMES[row.status].code if row.status else None,
                reason=row.reason,
                state=row.state,
                requested_by=row.create_uid.sudo().name,  # see users_sudo
                requested_at=instant(row.submitted_at),
                decided_by=row.decided_by.sudo().name or None,  # see users_sudo
                decided_at=instant(row.decided_at),
                decision_note=row.decision_note or None,
                created_at=instant(row.create_date),
                updated_at=instant(row.write_date),
            )
            for row in self
        ]
