import json
from datetime import timedelta
from functools import partial

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL

from odoo.addons.base.models.res_partner import _tz_get
from odoo.addons.spp_attendance.enrolment import EnrolStaff, UnenrolStaff
from odoo.addons.spp_oauth.tools.retry import run_in_transaction

from .. import polling
from ..devices import Capabilities, DeviceConfig, DeviceError
from ..devices.adapter import validate_comm_key
from ..devices.errors import InvalidConfig, UnsupportedDevice
from ..devices.host import validate_host, validate_port
from ..devices.table import ADAPTERS, get_adapter
from ..hints import hints


class SppAttendanceDevice(models.Model):
    """A terminal: where it is, how to talk to it, and how it has been.

    Whoever talks to a terminal holds its lease: most of them take one session at a
    time. The lease is taken and given back in transactions of their own, and none is
    open in between, while the terminal may be slow.
    """

    _name = "spp.attendance.device"
    _description = "Attendance Terminal"
    _inherit = ["spp.attendance.actor.mixin", "mail.thread"]
    _order = "name, id"
    _check_company_auto = True

    # Who the terminal acts as: whoever could change it could act as any user.
    _identity_fields = frozenset(
        {"user_id", "lease_token", "lease_until", "poll_results", "sync_cursor"}
    )
    _login_prefix = "terminal"

    def _default_next_poll_at(self):
        return fields.Datetime.now()

    name = fields.Char(required=True, tracking=True)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company",
        required=True,
        default=lambda self: self.env.company,
        index=True,
        ondelete="restrict",
    )
    adapter = fields.Selection(
        selection="_selection_adapter",
        string="Make",
        required=True,
        default="zkteco",
        tracking=True,
    )
    host = fields.Char(
        help="IP address or host name, without port or protocol.", tracking=True
    )
    port = fields.Integer(
        compute="_compute_port",
        store=True,
        readonly=False,
        precompute=True,
        tracking=True,
    )
    networked = fields.Boolean(compute="_compute_capabilities")
    secret_kind = fields.Selection(
        [
            ("none", "None"),
            ("comm_key", "Communication key"),
            ("password", "Password"),
            ("shared_key", "Shared key"),
        ],
        compute="_compute_capabilities",
    )
    has_username = fields.Boolean(compute="_compute_capabilities")
    has_udp = fields.Boolean(compute="_compute_capabilities")
    has_tls = fields.Boolean(compute="_compute_capabilities")
    has_users = fields.Boolean(compute="_compute_capabilities")
    has_clock = fields.Boolean(compute="_compute_capabilities")
    has_clear = fields.Boolean(compute="_compute_capabilities")
    has_options = fields.Boolean(compute="_compute_capabilities")
    username = fields.Char(string="User Name", copy=False, tracking=True)
    secret = fields.Char(
        "Stored Secret", groups=fields.NO_ACCESS, copy=False, prefetch=False
    )
    secret_input = fields.Char(
        string="Secret",
        compute="_compute_secret_input",
        inverse="_inverse_secret_input",
        groups="spp_attendance.spp_attendance_group_admin",
        copy=False,
        help="It can be replaced here, but never read.",
    )
    secret_set = fields.Boolean(
        string="Secret Stored", compute="_compute_secret_set", compute_sudo=True
    )
    transport = fields.Selection(
        [("tcp", "TCP"), ("udp", "UDP")], required=True, default="tcp", tracking=True
    )
    tls = fields.Selection(
        [
            ("none", "No encryption (HTTP)"),
            ("system", "HTTPS, certificate of a known authority"),
            ("ca", "HTTPS, certificate of this authority"),
            ("pinned", "HTTPS, this certificate alone"),
            ("unverified", "HTTPS, certificate not checked"),
        ],
        string="Encryption",
        required=True,
        default="none",
        tracking=True,
    )
    tls_ca = fields.Text(
        string="Authority", help="Certificate of the authority, as PEM."
    )
    tls_fingerprint = fields.Char(
        string="Fingerprint",
        help="SHA-256 of the terminal's certificate, in hexadecimal digits.",
    )
    options = fields.Text(
        string="Settings of the Make", help="Of this make alone, as a JSON object."
    )
    encoding = fields.Char(default="utf-8", required=True)
    timeout = fields.Integer(
        string="Timeout (s)",
        default=10,
        required=True,
        help="Longest wait for a single answer.",
    )
    deadline = fields.Integer(
        string="Deadline (s)",
        default=60,
        required=True,
        help="Longest time for a whole reading; after it the reading is stopped.",
    )
    location_id = fields.Many2one(
        "spp.attendance.location",
        check_company=True,
        index="btree_not_null",
        ondelete="restrict",
        tracking=True,
    )
    type_id = fields.Many2one(
        "spp.attendance.type",
        string="Attendance Type",
        check_company=True,
        ondelete="restrict",
        help="Type of the attendance recorded from this terminal.",
    )
    register_id = fields.Many2one(
        "spp.attendance.register",
        string="Marks This Register",
        check_company=True,
        copy=False,
        index="btree_not_null",
        ondelete="restrict",
        tracking=True,
        help="What is scanned here is marked on it, and held against its rules: only of"
        " people who are enrolled, between its start and end. Until another is chosen"
        " the terminal is on its staff.",
    )
    tz = fields.Selection(
        _tz_get,
        string="Time Zone",
        compute="_compute_tz",
        store=True,
        readonly=False,
        required=True,
        precompute=True,
        tracking=True,
        help="Zone of the terminal's own clock.",
    )
    direction_policy = fields.Selection(
        [
            ("terminal", "As the terminal says"),
            ("in", "All in"),
            ("out", "All out"),
            ("alternate", "Alternating in and out"),
            ("first_last", "First of the day in, last out"),
        ],
        string="Direction",
        required=True,
        default="terminal",
        tracking=True,
        help="Which way people went who were scanned here.",
    )
    clear_after_read = fields.Boolean(
        string="Empty Its Log",
        tracking=True,
        help="After a reading that is complete and stored, when a second one shows "
        "nothing new.",
    )
    correct_clock = fields.Boolean(
        tracking=True,
        help="Set the terminal's clock when it is off by more than a few seconds.",
    )
    responsible_id = fields.Many2one(
        "res.users",
        string="Responsible",
        ondelete="set null",
        tracking=True,
        help="Is asked to act when the terminal has been offline for long.",
    )
    offline_after = fields.Integer(
        string="Offline After (min)",
        default=30,
        required=True,
        help="Without a good answer for so long, it counts as offline.",
    )
    enabled = fields.Boolean(
        default=True, tracking=True, help="Switched off, it is not polled."
    )
    poll_interval = fields.Integer(
        string="Poll Every (min)", default=5, required=True, tracking=True
    )
    next_poll_at = fields.Datetime(
        string="Next Poll",
        default=lambda self: self._default_next_poll_at(),
        copy=False,
        readonly=True,
    )
    lease_until = fields.Datetime(readonly=True, copy=False)
    lease_token = fields.Char(
        groups=fields.NO_ACCESS, readonly=True, copy=False, prefetch=False
    )
    health = fields.Selection(
        [
            ("never", "Never seen"),
            ("healthy", "Healthy"),
            ("degraded", "Degraded"),
            ("offline", "Offline"),
            ("disabled", "Disabled"),
        ],
        compute="_compute_health",
        store=True,
        tracking=True,
    )
    circuit = fields.Selection(
        [("closed", "Closed"), ("open", "Open"), ("half_open", "Trying")],
        required=True,
        default="closed",
        readonly=True,
        copy=False,
        help="Open after many faults in a row, or one that only a person can end: the "
        "terminal is left alone until then.",
    )
    retry_at = fields.Datetime(
        string="Tried Again At",
        readonly=True,
        copy=False,
        help="Empty while it waits for a person.",
    )
    synced_until = fields.Datetime(
        string="Complete Until",
        readonly=True,
        copy=False,
        help="Whoever was here before then is known.",
    )
    last_success_at = fields.Datetime(
        string="Last Good Answer", readonly=True, copy=False
    )
    last_error_at = fields.Datetime(string="Last Fault", readonly=True, copy=False)
    failure_count = fields.Integer(
        string="Faults in a Row", readonly=True, copy=False, aggregator=None
    )
    poll_results = fields.Json(
        readonly=True,
        copy=False,
        help="How many polls ended in each way: ok, or the code of the fault.",
    )
    error_code = fields.Char(string="Fault", readonly=True, copy=False)
    error_detail = fields.Char(string="Technical Detail", readonly=True, copy=False)
    error_message = fields.Char(string="What to Do", compute="_compute_error_message")
    serial = fields.Char(string="Serial Number", readonly=True, copy=False)
    model = fields.Char(readonly=True, copy=False)
    firmware = fields.Char(readonly=True, copy=False)
    record_count = fields.Integer(
        string="Scans on the Terminal", readonly=True, copy=False
    )
    record_capacity = fields.Integer(
        string="Room for Scans", readonly=True, copy=False, aggregator=None
    )
    user_count = fields.Integer(
        string="People on the Terminal", readonly=True, copy=False, aggregator=None
    )
    clock_drift = fields.Integer(
        string="Clock Drift (s)",
        readonly=True,
        copy=False,
        aggregator=None,
        help="Terminal minus server; positive when the terminal is fast.",
    )
    sync_cursor = fields.Json(
        readonly=True, copy=False, groups=fields.NO_ACCESS, prefetch=False
    )
    full_read_at = fields.Datetime(
        string="Last Whole Reading", readonly=True, copy=False
    )
    run_ids = fields.One2many(
        "spp.attendance.device.run", "device_id", string="Conversations"
    )
    device_user_ids = fields.One2many(
        "spp.attendance.device.user", "device_id", string="Badges"
    )
    scan_count = fields.Integer(string="Scans", compute="_compute_scan_count")
    unmatched_count = fields.Integer(
        string="Unmatched Scans", compute="_compute_unmatched_count"
    )

    _poll_interval_range = models.Constraint(
        "CHECK (poll_interval BETWEEN 1 AND 1440)",
        "A terminal can be polled every minute at most and once a day at least.",
    )
    _deadline_range = models.Constraint(
        "CHECK (deadline BETWEEN 5 AND 600)",
        "The deadline must be between 5 and 600 seconds.",
    )
    _timeout_range = models.Constraint(
        "CHECK (timeout BETWEEN 1 AND deadline)",
        "The timeout must be at least one second and within the deadline.",
    )
    _user_unique = models.UniqueIndex(
        "(user_id)", "Each terminal needs a service user of its own."
    )
    _due_index = models.Index("(next_poll_at) WHERE enabled AND active")

    # ------------------------------------------------------------ computed

    @api.model
    def _selection_adapter(self):
        return [(key, cls.label) for key, cls in self._adapters().items()]

    @api.model
    def _adapters(self):
        """The makes that can be chosen. An addon with another make extends it."""
        return ADAPTERS

    @api.depends("adapter")
    def _compute_port(self):
        for device in self:
            adapter = self._adapters().get(device.adapter)
            device.port = adapter.capabilities.default_port if adapter else 0

    @api.depends("adapter")
    def _compute_capabilities(self):
        for device in self:
            adapter = self._adapters().get(device.adapter)
            can = adapter.capabilities if adapter else Capabilities(networked=False)
            device.networked = can.networked
            device.secret_kind = can.secret
            device.has_username = can.username
            device.has_udp = can.udp
            device.has_tls = can.tls
            device.has_users = can.users
            device.has_clock = can.clock
            device.has_clear = can.clear
            device.has_options = can.options

    def _compute_secret_input(self):
        # What was stored is never shown.
        self.secret_input = False

    def _inverse_secret_input(self):
        for device in self:
            secret = (device.secret_input or "").strip()
            if device.secret_kind == "comm_key":
                secret = self._comm_key(secret)
            # By a statement of its own, which isn't logged when it fails: another
            # worker may have written the row meanwhile.
            self.env.cr.execute(
                SQL(
                    "UPDATE spp_attendance_device SET secret = %s WHERE id = %s",
                    secret or None,
                    device.id,
                ),
                log_exceptions=False,
            )
        # Nor does it come back with the answer to the request that brought it.
        self.invalidate_recordset(["secret", "secret_input", "secret_set"], flush=False)

    @api.model
    def _comm_key(self, text):
        try:
            number = validate_comm_key(text)
        except InvalidConfig:
            raise ValidationError(
                self.env._(
                    "The communication key is a number from 0 to 999999. "
                    "It is shown under Comm. > PC Connection on the terminal."
                )
            ) from None
        return str(number) if number else ""

    @api.depends("secret")
    def _compute_secret_set(self):
        for device in self:
            device.secret_set = bool(device.secret)

    @api.depends("location_id")
    def _compute_tz(self):
        for device in self:
            company = device.company_id or self.env.company
            device.tz = device.location_id.tz or device.tz or company.attendance_tz

    @api.depends("enabled", "failure_count", "last_success_at", "offline_after")
    def _compute_health(self):
        # Stored, though it depends on the time: whoever stores a conversation, or
        # watches over the fleet, has it computed again.
        now = fields.Datetime.now()
        for device in self:
            patience = timedelta(minutes=device.offline_after)
            if not device.enabled:
                device.health = "disabled"
            elif not device.last_success_at:
                device.health = "never"
            elif now - device.last_success_at >= patience:
                device.health = "offline"
            else:
                device.health = "degraded" if device.failure_count else "healthy"

    @api.depends("error_code")
    @api.depends_context("lang")
    def _compute_error_message(self):
        for device in self:
            device.error_message = device._hint(device.error_code)

    @api.model
    def _hint(self, code):
        texts = hints(self.env)
        return texts.get(code, texts["error"]) if code else False

    def _compute_scan_count(self):
        counts = self._count_scans([])
        for device in self:
            device.scan_count = counts.get(device._origin, 0)

    def _compute_unmatched_count(self):
        counts = self._count_scans([("state", "=", "unmatched")])
        for device in self:
            device.unmatched_count = counts.get(device._origin, 0)

    def _count_scans(self, domain):
        return dict(
            self.env["spp.attendance.scan"]._read_group(
                [("device_id", "in", self.ids), *domain], ["device_id"], ["__count"]
            )
        )

    # ----------------------------------------------------------- constrains

    @api.constrains("adapter", "host", "port", "options")
    def _check_config(self):
        for device in self:
            try:
                adapter = device._adapter_class()
                if adapter.capabilities.networked:
                    device._check_address()
                adapter.validate(device._config(secret=""))
            except InvalidConfig as error:
                raise ValidationError(
                    self.env._(
                        "The settings of “%(device)s” are not valid: %(reason)s.",
                        device=device.name,
                        reason=error.detail,
                    )
                ) from error
            except UnsupportedDevice as error:
                raise ValidationError(self._hint(error.code)) from error

    @api.constrains("tz")
    def _check_tz(self):
        # A computed selection takes any value over RPC, and each poll would fail.
        zones = {name for name, _label in _tz_get(self)}
        for device in self:
            if device.tz not in zones:
                raise ValidationError(
                    self.env._("There is no time zone “%(name)s”.", name=device.tz)
                )

    def _check_address(self):
        try:
            validate_host(self.host or "")
        except InvalidConfig as error:
            raise ValidationError(
                self.env._(
                    "“%(host)s” is neither an IP address nor a host name. Enter it "
                    "without protocol, port or blanks.",
                    host=self.host or "",
                )
            ) from error
        try:
            validate_port(self.port)
        except InvalidConfig as error:
            raise ValidationError(
                self.env._("The port must be between 1 and 65535.")
            ) from error

    @api.constrains("timeout", "deadline", "poll_interval")
    def _check_times(self):
        # The database checks the same; but its error quotes the row, with the key.
        for device in self:
            if not 5 <= device.deadline <= 600:
                raise ValidationError(
                    self.env._("The deadline must be between 5 and 600 seconds.")
                )
            if not 1 <= device.timeout <= device.deadline:
                raise ValidationError(
                    self.env._(
                        "The timeout must be at least one second and within the"
                        " deadline."
                    )
                )
            if not 1 <= device.poll_interval <= 1440:
                raise ValidationError(
                    self.env._(
                        "A terminal can be polled every minute at most and once a day"
                        " at least."
                    )
                )

    @api.constrains("encoding")
    def _check_encoding(self):
        for device in self:
            try:
                "".encode(device.encoding)
            except (LookupError, ValueError) as error:
                raise ValidationError(
                    self.env._(
                        "There is no text encoding “%(name)s”. Try utf-8.",
                        name=device.encoding,
                    )
                ) from error

    @api.constrains("company_id")
    def _check_company_id(self):
        scanned = self.env["spp.attendance.scan"]._read_group(
            [("device_id", "in", self.ids)], ["device_id", "company_id"]
        )
        for device, company in scanned:
            if device.company_id != company:
                raise ValidationError(
                    self.env._(
                        "“%(device)s” has scans, which stay with their company. "
                        "Archive it and set up a new terminal.",
                        device=device.name,
                    )
                )

    # ----------------------------------------------------------------- CRUD

    @api.model_create_multi
    def create(self, vals_list):
        devices = super().create(vals_list)
        devices._follow_registers({})
        return devices

    def write(self, vals):
        if not {"adapter", "host", "port"}.isdisjoint(vals):
            # Another unit may answer now: read it in full.
            vals = {"sync_cursor": False, **vals}
        if "register_id" not in vals:
            return super().write(vals)
        before = {device: device.register_id for device in self}
        result = super().write(vals)
        self._follow_registers(before)
        return result

    @api.ondelete(at_uninstall=False)
    def _unlink_except_with_scans(self):
        if self.env["spp.attendance.scan"].search_count(
            [("device_id", "in", self.ids)], limit=1
        ):
            raise UserError(
                self.env._("A terminal with scans can't be deleted. Archive it.")
            )

    @api.ondelete(at_uninstall=False)
    def _unlink_from_staff(self):
        self._leave_registers({device: device.register_id for device in self})

    def _follow_registers(self, before):
        """Have terminals on the staff of the registers that they mark, and no other.

        :param dict before: ``{device: register}`` that it marked before
        :raises UserError: when a register takes no staff any more
        """
        moved = self.filtered(
            lambda dev: dev.register_id != before.get(dev, dev.register_id.browse())
        )
        moved._leave_registers(before)
        bound = moved.filtered("register_id")
        outcomes = self.env["spp.attendance.register.staff"]._enrol(
            [
                EnrolStaff(device.register_id.id, device._uuid_sudo(), "EDITOR")
                for device in bound
            ]
        )
        for device, outcome in zip(bound, outcomes, strict=True):
            if outcome.code not in (None, "enrolled"):
                raise UserError(
                    self.env._(
                        "“%(device)s” can't mark register %(register)s: the register is"
                        " over, or the terminal is archived.",
                        device=device.name,
                        register=device.register_id.number,
                    )
                )

    def _leave_registers(self, registers):
        """End the permission of terminals for registers, as far as they have one."""
        self.env["spp.attendance.register.staff"]._unenrol(
            [
                UnenrolStaff(registers[device].id, device._uuid_sudo())
                for device in self
                if registers.get(device)
            ]
        )

    def _uuid_sudo(self):
        """By which the staff of registers know the terminal's user."""
        user_sudo = self.user_id.sudo()  # who sets up a terminal need not see users
        return user_sudo.attendance_uuid

    def _acting_groups(self):
        return self.env.ref("spp_attendance.spp_attendance_group_api")

    # -------------------------------------------------------------- actions

    def action_test_connection(self):
        """Talk to the terminal and tell, in words, how it went."""
        self.ensure_one()
        self.check_access("write")
        claim = run_in_transaction(
            self.env, lambda env: env[self._name].browse(self.id)._claim_for_test()
        )
        if claim is None:
            return self._notify(
                "info",
                self.env._(
                    "The terminal is being read at this moment. Try again soon."
                ),
            )
        outcome = polling.test(claim)
        outcome = run_in_transaction(
            self.env,
            partial(self._store_in, claim=claim, outcome=outcome, is_poll=False),
        )
        if isinstance(outcome, DeviceError):
            return self._notify("danger", self._hint(outcome.code))
        return self._notify("success", self._describe(outcome))

    def action_poll_now(self):
        """Let the next free worker read these terminals."""
        self.check_access("write")
        self.write({"next_poll_at": fields.Datetime.now()})
        # Crons and their triggers are the system's; whoever configures a terminal may
        # have it read.
        cron_sudo = self.env.ref("spp_attendance_devices.ir_cron_poll_1").sudo()
        pending = (
            self.env["ir.cron.trigger"]
            .sudo()
            .search_count(
                [
                    ("cron_id", "=", cron_sudo.id),
                    ("call_at", "<=", fields.Datetime.now()),
                ],
                limit=1,
            )
        )
        if not pending:
            cron_sudo._trigger()
        return self._notify("info", self.env._("The terminal is read within a minute."))

    def action_accept_serial(self):
        """Take the unit that answers now for this terminal."""
        self.check_access("write")
        self.write({"serial": False, "sync_cursor": False})
        return self.action_poll_now()

    def action_open_scans(self):
        return self._open_scans({})

    def action_open_unmatched(self):
        return self._open_scans({"search_default_unmatched": 1})

    def _open_scans(self, context):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "spp_attendance_devices.spp_attendance_scan_action"
        )
        action["domain"] = [("device_id", "=", self.id)]
        action["context"] = context
        return action

    @api.model
    def _notify(self, kind, message):
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": kind,
                "message": message,
                "sticky": kind == "danger",
                "next": {"type": "ir.actions.client", "tag": "soft_reload"},
            },
        }

    @api.model
    def _describe(self, info):
        facts = [
            self.env._("Connected."),
            info.model and self.env._("Model %(model)s.", model=info.model),
            info.serial and self.env._("Serial number %(serial)s.", serial=info.serial),
            info.firmware
            and self.env._("Firmware %(firmware)s.", firmware=info.firmware),
            info.records is not None
            and self.env._("%(count)s scans held.", count=info.records),
            info.clock_drift is not None
            and self.env._("Clock drift %(drift)s s.", drift=info.clock_drift),
        ]
        return " ".join(filter(None, facts))

    # --------------------------------------------------------- conversation

    def _adapter_class(self):
        """The class for this terminal's make.

        :raises UnsupportedDevice: when there is none
        """
        self.ensure_one()
        adapters = self._adapters()
        return adapters.get(self.adapter) or get_adapter(self.adapter)

    def _config(self, secret=None, deadline=None):
        """The settings as the plain value that adapters take.

        :param str secret: instead of the stored key
        :param int deadline: seconds, when shorter than the terminal's
        :raises InvalidConfig: when the options are no JSON object
        """
        self.ensure_one()
        if secret is None:
            secret = self.sudo().secret or ""  # read only to be handed to the adapter
        try:
            options = json.loads(self.options or "{}")
        except (ValueError, RecursionError) as error:
            raise InvalidConfig(f"the options are not JSON ({error})") from error
        if not isinstance(options, dict):
            raise InvalidConfig("the options must be a JSON object")
        longest = min(self.deadline, deadline or self.deadline)
        # Whoever has the terminal read need not see the company's settings.
        company_sudo = self.company_id.sudo()
        return DeviceConfig(
            host=self.host or "",
            port=self.port,
            username=self.username or "",
            password=secret,
            transport=self.transport,
            tls=self.tls,
            tls_ca=self.tls_ca or "",
            tls_fingerprint=self.tls_fingerprint or "",
            networks=tuple((company_sudo.attendance_terminal_networks or "").split()),
            timeout=min(self.timeout, longest),
            deadline=longest,
            tz=self.tz,
            encoding=self.encoding,
            options=options,
        )
