import hashlib
import secrets
import uuid
from datetime import UTC, timedelta
from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import SQL, consteq

from odoo.addons.spp_oauth.api import Conflict, Forbidden, TooManyRequests
from odoo.addons.spp_oauth.oauth.errors import RateLimited
from odoo.addons.spp_oauth.tools.retry import run_in_transaction

from ..kiosk_marks import KioskMarks

_TOKEN_BYTES = 32
_MIN_CODE = 6
#: More than anybody marks one by one, and than a tablet shows without a pause.
_MAX_EXPECTED = 2000
#: PostgreSQL's integers.
_MAX_INT = 2_147_483_647
#: A page that is open says so every 20 seconds; so long without is no hiccup.
_ONLINE = timedelta(minutes=5)
#: Seconds that a tablet's clock may be off before somebody should look at it.
_CLOCK_TOLERANCE = 120
#: Where browsers take a page without https for a safe one.
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


def _digest(token):
    """What a token is looked up by: of no use to who reads it."""
    return hashlib.sha256(token.encode()).hexdigest()


class SppAttendanceKiosk(models.Model):
    """A tablet at a door: where it is, whom it believes, and the link that opens it.

    Whoever has the link is the kiosk. It acts as a service user of its own, and says
    nothing of what the registry knows.
    """

    _name = "spp.attendance.kiosk"
    _description = "Attendance Kiosk"
    _inherit = ["spp.attendance.actor.mixin", "mail.thread"]
    _order = "name, id"
    _check_company_auto = True

    # Who it acts as, and by what tablets know it.
    _identity_fields = frozenset({"user_id", "uuid"})
    _acting_fields = frozenset({"name", "active", "company_id", "unknown_policy"})
    _login_prefix = "kiosk"

    name = fields.Char(required=True, tracking=True)
    active = fields.Boolean(default=True, tracking=True)
    company_id = fields.Many2one(
        "res.company",
        required=True,
        default=lambda self: self.env.company,
        index=True,
        ondelete="restrict",
    )
    location_id = fields.Many2one(
        "spp.attendance.location",
        required=True,
        check_company=True,
        ondelete="restrict",
        index=True,
        tracking=True,
        help="Where the tablet is. Marks that still wait on it are recorded where the"
        " kiosk is when they arrive: connect it before you move it.",
    )
    type_ids = fields.Many2many(
        "spp.attendance.type",
        "spp_attendance_kiosk_type_rel",
        "kiosk_id",
        "type_id",
        string="Attendance Types",
        check_company=True,
        help="None: records have no type. One: all are of that type. Several: the page"
        " asks.",
    )
    mode = fields.Selection(
        [("self", "Self-service"), ("attendant", "Attendant")],
        required=True,
        default="self",
        tracking=True,
        help="Self-service: people mark themselves. Attendant: a worker fetches the"
        " list of expected people and marks them.",
    )
    identification = fields.Selection(
        [
            ("identifier_name", "Identifier and name"),
            ("badge", "Badge"),
            ("both", "Either"),
        ],
        required=True,
        default="identifier_name",
        tracking=True,
        help="How people say who they are. A badge is a card, a QR code or a number"
        " that a reader types; it counts without a name. An identifier is no badge:"
        " cards with random badges are printed from the list of people.",
    )
    require_pin = fields.Boolean(
        string="Ask for a PIN",
        tracking=True,
        help="People also type the PIN that they were given.",
    )
    unknown_policy = fields.Selection(
        [
            ("refuse", "Refuse"),
            ("queue", "Let an officer decide"),
            ("create", "Register them"),
        ],
        string="Unknown Person",
        required=True,
        default="refuse",
        tracking=True,
    )
    mismatch_policy = fields.Selection(
        [("refuse", "Refuse"), ("queue", "Let an officer decide")],
        string="Name That Doesn't Match",
        required=True,
        default="refuse",
        tracking=True,
    )
    lang_ids = fields.Many2many(
        "res.lang",
        "spp_attendance_kiosk_lang_rel",
        "kiosk_id",
        "lang_id",
        string="Languages",
        help="That people may choose from. None: the one of the company.",
    )
    attendant_code = fields.Char(groups=fields.NO_ACCESS, copy=False, prefetch=False)
    attendant_code_input = fields.Char(
        string="Attendants' Code",
        compute="_compute_attendant_code_input",
        inverse="_inverse_attendant_code_input",
        groups="spp_attendance.spp_attendance_group_admin",
        copy=False,
        help="What an attendant types to fetch the list. 6 characters or more. It can"
        " be replaced here, but never read.",
    )
    attendant_code_set = fields.Boolean(
        string="Code Stored", compute="_compute_attendant_code_set", compute_sudo=True
    )
    max_age_days = fields.Integer(
        string="Marks Count for (days)",
        required=True,
        default=30,
        aggregator=None,
        help="Marks that a tablet sends later than this are left to an officer.",
    )
    rotate_days = fields.Integer(
        string="New Link Every (days)",
        required=True,
        default=0,
        aggregator=None,
        help="0: only when somebody renews it. Tablets that are in use take the new"
        " link by themselves.",
    )
    uuid = fields.Char(
        string="UUID",
        required=True,
        readonly=True,
        copy=False,
        default=lambda self: str(uuid.uuid4()),
        help="By this a tablet knows the kiosk, whatever its link.",
    )
    token = fields.Char(groups=fields.NO_ACCESS, copy=False, prefetch=False)
    token_digest = fields.Char(groups=fields.NO_ACCESS, copy=False, prefetch=False)
    previous_token = fields.Char(groups=fields.NO_ACCESS, copy=False, prefetch=False)
    previous_digest = fields.Char(groups=fields.NO_ACCESS, copy=False, prefetch=False)
    previous_until = fields.Datetime(string="Old Link Ends", readonly=True, copy=False)
    rotated_at = fields.Datetime(string="Link Made", readonly=True, copy=False)
    last_seen_at = fields.Datetime(string="Last Seen", readonly=True, copy=False)
    last_offset_seconds = fields.Integer(
        string="Clock Is Slow by (s)",
        readonly=True,
        copy=False,
        aggregator=None,
        help="Server minus tablet; negative when the tablet is fast. Marks are"
        " corrected by it.",
    )
    pending_count = fields.Integer(
        string="Waiting on the Tablet",
        readonly=True,
        copy=False,
        aggregator=None,
        help="Marks that the tablet had not sent yet when it was last seen.",
    )
    record_count = fields.Integer(
        string="Attendance Records", compute="_compute_record_count"
    )
    queued_count = fields.Integer(
        string="Marks to Decide", compute="_compute_queued_count"
    )
    health = fields.Selection(
        [
            ("never", "Never opened"),
            ("online", "Online"),
            ("offline", "Not connected"),
        ],
        string="Tablet",
        compute="_compute_health",
        help="Online: the page was open and connected in the last five minutes.",
    )
    is_clock_off = fields.Boolean(compute="_compute_clock")
    clock = fields.Char(
        compute="_compute_clock",
        help="How far the clock of the tablet was off when it was last seen.",
    )
    address_kind = fields.Selection(
        [("secure", "https"), ("local", "Only on This Computer"), ("plain", "http")],
        compute="_compute_address_kind",
        help="What the address of the server allows tablets to do.",
    )

    _uuid_unique = models.Constraint("UNIQUE (uuid)", "The UUID must be unique.")
    _user_unique = models.UniqueIndex(
        "(user_id)", "Each kiosk needs a service user of its own."
    )
    _token_unique = models.UniqueIndex(
        "(token_digest) WHERE token_digest IS NOT NULL", "Each kiosk has its own link."
    )
    _previous_digest_idx = models.Index(
        "(previous_digest) WHERE previous_digest IS NOT NULL"
    )
    _max_age_range = models.Constraint(
        "CHECK (max_age_days BETWEEN 1 AND 3650)",
        "Marks can count for 1 to 3650 days.",
    )
    _rotate_range = models.Constraint(
        "CHECK (rotate_days BETWEEN 0 AND 3650)",
        "A link can be renewed every 1 to 3650 days; 0 means by hand.",
    )

    # ------------------------------------------------------------- computed

    def _compute_attendant_code_input(self):
        # What was stored is never shown.
        self.attendant_code_input = False

    def _inverse_attendant_code_input(self):
        context = self.env["res.users"]._crypt_context()
        for kiosk in self:
            code = (kiosk.attendant_code_input or "").strip()
            if code and len(code) < _MIN_CODE:
                raise ValidationError(
                    self.env._(
                        "The attendants' code needs %(count)s characters or more.",
                        count=_MIN_CODE,
                    )
                )
            # Nobody may read it, but who may change the kiosk may replace it.
            kiosk_sudo = kiosk.sudo()
            kiosk_sudo.attendant_code = context.hash(code) if code else False
        # Nor does it come back with the answer to the request that brought it.
        self.invalidate_recordset(["attendant_code_input"], flush=False)

    @api.depends("attendant_code")
    def _compute_attendant_code_set(self):
        for kiosk in self:
            kiosk.attendant_code_set = bool(kiosk.attendant_code)

    def _compute_record_count(self):
        counts = dict(
            self.env["spp.attendance.record"]._read_group(
                [("kiosk_id", "in", self.ids)], ["kiosk_id"], ["__count"]
            )
        )
        for kiosk in self:
            kiosk.record_count = counts.get(kiosk._origin, 0)

    def _compute_queued_count(self):
        counts = dict(
            self.env["spp.attendance.kiosk.refusal"]._read_group(
                [("kiosk_id", "in", self.ids), ("state", "=", "queued")],
                ["kiosk_id"],
                ["__count"],
            )
        )
        for kiosk in self:
            kiosk.queued_count = counts.get(kiosk._origin, 0)

    @api.depends("last_seen_at")
    def _compute_health(self):
        since = fields.Datetime.now() - _ONLINE
        for kiosk in self:
            if not kiosk.last_seen_at:
                kiosk.health = "never"
            else:
                kiosk.health = "online" if kiosk.last_seen_at >= since else "offline"

    @api.depends("last_offset_seconds")
    @api.depends_context("lang")
    def _compute_clock(self):
        for kiosk in self:
            kiosk.is_clock_off = abs(kiosk.last_offset_seconds) > _CLOCK_TOLERANCE
            kiosk.clock = kiosk._clock_text()

    def _clock_text(self):
        seconds = abs(self.last_offset_seconds)
        if seconds <= _CLOCK_TOLERANCE:
            return self.env._("right")
        hours, minutes = divmod(round(seconds / 60), 60)
        # Server minus tablet: what is positive is missing on the tablet.
        if self.last_offset_seconds > 0:
            return self.env._("%(hours)s h %(min)s min slow", hours=hours, min=minutes)
        return self.env._("%(hours)s h %(min)s min fast", hours=hours, min=minutes)

    def _compute_address_kind(self):
        for kiosk in self:
            address = urlsplit(kiosk.get_base_url())
            if address.scheme == "https":
                kiosk.address_kind = "secure"
            elif address.hostname in _LOCAL_HOSTS:
                kiosk.address_kind = "local"
            else:
                kiosk.address_kind = "plain"

    # ----------------------------------------------------------- constrains

    @api.constrains("unknown_policy", "require_pin")
    def _check_new_people(self):
        for kiosk in self:
            if kiosk.require_pin and kiosk.unknown_policy == "create":
                raise ValidationError(
                    self.env._(
                        "Somebody new has no PIN yet. Either ask for a PIN, or register"
                        " unknown people."
                    )
                )

    @api.constrains("max_age_days", "rotate_days")
    def _check_days(self):
        # The database checks the same; but its error quotes the row, with the token.
        for kiosk in self:
            if not 1 <= kiosk.max_age_days <= 3650:
                raise ValidationError(self.env._("Marks can count for 1 to 3650 days."))
            if not 0 <= kiosk.rotate_days <= 3650:
                raise ValidationError(
                    self.env._(
                        "A link can be renewed every 1 to 3650 days; 0 means by hand."
                    )
                )

    @api.constrains("company_id")
    def _check_company_id(self):
        for name in ("spp.attendance.record", "spp.attendance.kiosk.refusal"):
            # Also what the user doesn't see: it would be in the wrong company.
            rows_sudo = self.env[name].sudo().with_context(active_test=False)
            for kiosk, company in rows_sudo._read_group(
                [("kiosk_id", "in", self.ids)], ["kiosk_id", "company_id"]
            ):
                if kiosk.company_id != company:
                    raise ValidationError(
                        self.env._(
                            "“%(kiosk)s” has attendance, which stays with its company."
                            " Archive it and set up a new kiosk.",
                            kiosk=kiosk.name,
                        )
                    )

    # ----------------------------------------------------------------- CRUD

    @api.model_create_multi
    def create(self, vals_list):
        kiosks = super().create(vals_list)
        for kiosk_sudo in kiosks.sudo():  # nobody may write a token
            kiosk_sudo.write(self._new_token_vals())
        kiosks._check_attendants()
        return kiosks

    def write(self, vals):
        result = super().write(vals)
        if not {"mode", "attendant_code_input"}.isdisjoint(vals):
            self._check_attendants()
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_used(self):
        for name in ("spp.attendance.record", "spp.attendance.kiosk.refusal"):
            rows_sudo = self.env[name].sudo().with_context(active_test=False)
            if rows_sudo.search_count([("kiosk_id", "in", self.ids)], limit=1):
                raise UserError(
                    self.env._("A kiosk with attendance can't be deleted. Archive it.")
                )

    def _check_attendants(self):
        # No constraint: it would be checked before the code is stored.
        for kiosk in self:
            if kiosk.mode == "attendant" and not kiosk.attendant_code_set:
                raise ValidationError(
                    self.env._(
                        "Attendants need a code: “%(kiosk)s” has none yet.",
                        kiosk=kiosk.name,
                    )
                )

    def _acting_groups(self):
        groups = self.env.ref("spp_attendance.spp_attendance_group_kiosk")
        if self.unknown_policy == "create":
            groups |= self.env.ref("spp_attendance.spp_attendance_group_api_registry")
        return groups

    # ----------------------------------------------------------------- link

    @api.model
    def _new_token_vals(self):
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        return {
            "token": token,
            "token_digest": _digest(token),
            "rotated_at": fields.Datetime.now(),
        }

    @api.model
    def _find_by_token(self, token):
        """The kiosk of a link, acting as its service user in its company.

        :param str token: what the link holds, the present one or a former one that
            goes on for a while
        :return: the kiosk, or an empty recordset
        """
        digest = _digest(token)
        # Who calls isn't known before; nothing but the kiosk is read like this.
        kiosks_sudo = self.sudo().with_context(active_test=True)
        kiosk_sudo = kiosks_sudo.search(
            Domain("token_digest", "=", digest)
            | (
                Domain("previous_digest", "=", digest)
                & Domain("previous_until", ">", fields.Datetime.now())
            ),
            limit=1,
        )
        known = (kiosk_sudo.token or "", kiosk_sudo.previous_token or "")
        if any(consteq(token.encode(), each.encode()) for each in known):
            return kiosk_sudo._acting()
        return self.browse()

    def _newer_token(self, token):
        """The token that a tablet has to use from now on, None when it has it.

        :param str token: what the tablet used
        """
        self.ensure_one()
        current = self.sudo().token  # told to who holds the former one
        return None if consteq(token.encode(), current.encode()) else current

    def _acting(self):
        """This kiosk as it sees itself: as its service user, in its company."""
        return self.with_user(self.user_id).with_context(
            allowed_company_ids=self.company_id.ids
        )

    def _link(self):
        """The address that opens the page, for managers; that they saw it is noted.

        :raises AccessError: for who is no manager
        :raises UserError: when there is no link
        """
        self.ensure_one()
        self.check_access("read")
        if not self.env.su and not self.env.user.has_group(
            "spp_attendance.spp_attendance_group_manager"
        ):
            raise AccessError(
                self.env._("Only an attendance manager may see the link of a kiosk.")
            )
        token = self.sudo().token  # for managers, who can read no such field
        if not token:
            raise UserError(self.env._("This kiosk has no link. Renew it first."))
        note = self.env._("The link was shown.")
        if self.env.cr.readonly:
            author = self.env.user.partner_id.id
            run_in_transaction(
                self.env,
                lambda env: env[self._name].browse(self.id)._note(note, author),
            )
        else:
            self._note(note)
        return f"{self.get_base_url()}/kiosk/attendance/{token}"

    def _note(self, body, author_id=None):
        """Keep what somebody did with the link in the history of the kiosk."""
        # Managers may not change a kiosk, but it is noted what they do.
        for kiosk_sudo in self.sudo():
            kiosk_sudo._message_log(
                body=body, author_id=author_id or self.env.user.partner_id.id
            )

    def _renew(self, keep_days):
        """Make a new link.

        :param int keep_days: how long the old one goes on; 0 ends it now
        :raises AccessError: for who may not change the kiosk
        """
        self.check_access("write")
        # A tablet may note at the same time that it is here. It is here that this then
        # fails, to be run again: the log quotes what is written below, with the tokens.
        self.env.cr.execute(
            SQL(
                "SELECT id FROM spp_attendance_kiosk WHERE id = ANY(%s)"
                " ORDER BY id FOR UPDATE",
                self.ids,
            ),
            log_exceptions=False,
        )
        until = fields.Datetime.now() + timedelta(days=keep_days)
        # Nobody may read or write a token; who may change the kiosk may replace it.
        for kiosk_sudo in self.sudo():
            kept = keep_days > 0 and kiosk_sudo.token
            kiosk_sudo.write(
                {
                    "previous_token": kept and kiosk_sudo.token,
                    "previous_digest": kept and kiosk_sudo.token_digest,
                    "previous_until": kept and until,
                    **self._new_token_vals(),
                }
            )
        if keep_days > 0:
            self._note(
                self.env._(
                    "The link was renewed; the old one goes on for %(days)s days.",
                    days=keep_days,
                )
            )
        else:
            self._note(self.env._("The link was renewed; the old one has ended."))

    @api.model
    def _cron_rotate_tokens(self):
        # Tablets that are in use change their kiosks all the time.
        run_in_transaction(self.env, lambda env: env[self._name]._rotate_tokens())

    @api.model
    def _rotate_tokens(self):
        """Renew the links that are due. The old one goes on until the next time."""
        now = fields.Datetime.now()
        due = self.search([("rotate_days", ">", 0)]).filtered(
            lambda kiosk: (
                not kiosk.rotated_at
                or kiosk.rotated_at + timedelta(days=kiosk.rotate_days) <= now
            )
        )
        for days, kiosks in due.grouped("rotate_days").items():
            kiosks._renew(days)

    # -------------------------------------------------------------- actions

    def action_show_link(self):
        self.ensure_one()
        wizard = self.env["spp.attendance.kiosk.link"].create({"kiosk_id": self.id})
        return self._open_dialog(wizard, self.env._("Link of the Kiosk"))

    def action_renew_link(self):
        self.ensure_one()
        wizard = self.env["spp.attendance.kiosk.renew"].create({"kiosk_id": self.id})
        return self._open_dialog(wizard, self.env._("Renew the Link"))

    @api.model
    def _open_dialog(self, wizard, name):
        return {
            "type": "ir.actions.act_window",
            "name": name,
            "res_model": wizard._name,
            "res_id": wizard.id,
            "view_mode": "form",
            "target": "new",
        }

    def action_open_records(self):
        return self._open_rows("spp_attendance.spp_attendance_record_action", {})

    def action_open_refusals(self):
        # What waits, if there is something; else what was.
        context = {"search_default_queued": 1} if self.queued_count else {}
        return self._open_rows(
            "spp_attendance.spp_attendance_kiosk_refusal_action", context
        )

    def _open_rows(self, name, context):
        self.ensure_one()
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(name)
        return {
            **action,
            "domain": [("kiosk_id", "=", self.id)],
            "context": context,
        }

    # -------------------------------------------------------------- service

    def _mark_origin(self):
        """Whose external ids those of this kiosk's marks are."""
        return f"kiosk/{self.id}"

    def _seen(self, offset, pending):
        """Note that the tablet was here.

        :param int offset: milliseconds that its clock is slow; None if not measured
        :param int pending: how many marks wait on it
        """
        self.ensure_one()
        seconds = None
        if offset is not None:
            seconds = max(-_MAX_INT, min(_MAX_INT, round(offset / 1000)))
        self._touch(
            SQL(
                "last_offset_seconds = COALESCE(%s, last_offset_seconds),"
                " pending_count = %s",
                seconds,
                max(0, min(_MAX_INT, pending)),
            )
        )

    def _touch(self, *assignments):
        """Note by a statement of its own that the tablet was here.

        Not through the ORM: a kiosk has no rights to change itself. Of two requests of
        a kiosk at once one fails by it, and is run again when the other is done; so
        nobody is faster than the count of what was refused.
        """
        self.flush_recordset()
        self.env.cr.execute(
            SQL(
                "UPDATE spp_attendance_kiosk SET %s WHERE id = %s",
                SQL(", ").join(
                    [SQL("last_seen_at = %s", fields.Datetime.now()), *assignments]
                ),
                self.id,
            ),
            log_exceptions=False,
        )
        self.invalidate_recordset(
            ["last_seen_at", "last_offset_seconds", "pending_count"], flush=False
        )

    def _take_marks(self, marks, sent_at, received_at):
        """Record what was marked, or log why it can't be.

        In a number of statements that doesn't depend on how many there are. To be
        called in a transaction that is run again on a serialization failure.

        :param list marks: at most 50 ``api.MarkIn``
        :param int sent_at: the tablet's clock as it sent them, milliseconds since 1970
        :param int received_at: the server's clock then, milliseconds since 1970
        :return: one ``api.MarkOutcome`` a mark, in order, but none for a mark that was
            not looked at because too many before it were refused, or had a PIN: it has
            to be sent again
        :raises TooManyRequests: when too many were refused of late
        """
        self.ensure_one()
        kiosk = self._acting()
        kiosk._touch()
        return KioskMarks(kiosk, sent_at, received_at).run(marks)

    def _fact(
        self,
        person,
        *,
        uuid,
        date_time,
        category,
        type_id,
        tablet_time,
        claimed_name,
        attendant,
        location_id=None,
        tz=None,
    ):
        """A mark of this kiosk as ``_ingest`` takes it, whoever decides on it.

        :param datetime date_time: naive, in UTC
        """
        return {
            "subscriber_id": person.id,
            "date_time": date_time.replace(tzinfo=UTC),
            "tz": tz or self.location_id.tz,
            "category": category,
            "type_id": type_id or None,
            "location_id": location_id or self.location_id.id,
            "external_id": uuid,
            "submitted_by": attendant or None,
            "submitted_datetime": tablet_time or None,
            "kiosk_id": self.id,
            "claimed_name": claimed_name or None,
        }

    def _ingest(self, facts, atomic=False):
        """Record facts of this kiosk, as the current user.

        :return: one ``api.Outcome`` a fact
        """
        records = self.env["spp.attendance.record"].with_context(
            allowed_company_ids=self.company_id.ids
        )
        return records._ingest(
            facts, source="kiosk", origin=self._mark_origin(), atomic=atomic
        )

    def _expected_people(self, attendant_code):
        """Whom to expect today: for who knows the attendants' code.

        Those expected at today's events here, and at places that this is part of; or,
        when there are none, everybody who is at home here.

        :param str attendant_code: as typed
        :return: list of dicts with uuid, name, identifier, event (its name or None)
            and type (id of the event's or None), by name
        :raises Forbidden: on a wrong code, or when this kiosk has no attendants
        :raises TooManyRequests: after too many wrong codes
        :raises Conflict: when they are too many for a list
        """
        self.ensure_one()
        kiosk = self._acting()
        kiosk._check_attendant(attendant_code)
        today = kiosk.env["spp.attendance.event"]._now_local(kiosk.location_id.tz)
        lines = kiosk.env["spp.attendance.event.line"].search_fetch(
            Domain("event_id.local_date", "=", today.date())
            & Domain("event_id.active", "=", True)
            & Domain("event_id.company_id", "=", kiosk.company_id.id)
            & Domain("event_id.location_id", "in", kiosk.location_id.area_ids.ids)
            & Domain("is_expected", "=", True)
            & Domain("subscriber_id.active", "=", True),
            ["event_id", "subscriber_id"],
        )
        lines = lines.sorted(lambda line: (line.event_id.local_time, line.id))
        # Of several events of a day the first one.
        events = {}
        for line in lines:
            events.setdefault(line.subscriber_id, line.event_id)
        people = lines.subscriber_id
        if not people:
            people = people.search(
                Domain("company_id", "=", kiosk.company_id.id)
                & Domain("location_id", "child_of", kiosk.location_id.id),
                limit=_MAX_EXPECTED + 1,
            )
        if len(people) > _MAX_EXPECTED:
            raise Conflict(
                f"More than {_MAX_EXPECTED} people are too many for one list: enter an"
                " event of today with those who are expected."
            )
        people.fetch(["uuid", "name", "person_identifier"])
        no_event = kiosk.env["spp.attendance.event"]
        return [
            {
                "uuid": person.uuid,
                "name": person.name or "",
                "identifier": person.person_identifier,
                "event": events.get(person, no_event).name or None,
                "type": events.get(person, no_event).type_id.id or None,
            }
            for person in people.sorted(lambda person: (person.name or "", person.id))
        ]

    def _check_attendant(self, code):
        """Check the attendants' code.

        :raises Forbidden: when it is wrong, or there is none
        :raises TooManyRequests: after too many wrong ones
        """
        origin = self._mark_origin()
        try:
            # Held against the kiosk, from wherever they come.
            self.env["spp.oauth.event"]._check_throttle(origin, origin)
        except RateLimited as limited:
            raise TooManyRequests(limited.retry_after) from limited
        stored = self.sudo().attendant_code  # nobody may read it; it is only compared
        if self.mode == "attendant" and stored:
            if self.env["res.users"]._crypt_context().verify(code or "", stored):
                return
            company_id = self.company_id.id
            # In a transaction of its own: the one of the request is rolled back.
            run_in_transaction(
                self.env,
                lambda env: env["spp.oauth.event"]._log(
                    "refused",
                    reason="wrong_attendant_code",
                    client_identifier=origin,
                    address=origin,
                    company_id=company_id,
                ),
            )
        raise Forbidden("That is not the attendants' code of this kiosk.")
