import json
import logging
from datetime import timedelta
from functools import partial

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import SQL, config

from odoo.addons.base.models.res_partner import _tz_get
from odoo.addons.spp_attendance.enrolment import EnrolStaff, UnenrolStaff
from odoo.addons.spp_oauth.tools.retry import run_in_transaction

from .. import polling
from ..devices import ADAPTERS, DeviceConfig, DeviceError, DeviceInfo, get_adapter
from ..devices.adapter import validate_comm_key
from ..devices.errors import (
    DeviceIncomplete,
    DeviceReplaced,
    InternalFault,
    InvalidConfig,
    UnsupportedDevice,
)
from ..devices.host import validate_host, validate_port
from ..hints import hints

_logger = logging.getLogger(__name__)

#: A lease outlives the conversation's deadline by this, for storing the outcome.
LEASE_MARGIN = timedelta(seconds=30)
#: A person waits for a test, so it gives up sooner than a poll.
TEST_DEADLINE = 20
DEFAULT_PARALLEL = 8
MIN_DEADLINE = 5


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
        {"user_id", "lease_token", "lease_until", "poll_results"}
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
    needs_comm_key = fields.Boolean(compute="_compute_capabilities")
    comm_key = fields.Char(groups=fields.NO_ACCESS, copy=False, prefetch=False)
    comm_key_input = fields.Char(
        string="Communication Key",
        compute="_compute_comm_key_input",
        inverse="_inverse_comm_key_input",
        groups="spp_attendance.spp_attendance_group_admin",
        copy=False,
        help="The number under Comm. > PC Connection on the terminal; 0 for none. "
        "It can be replaced here, but never read.",
    )
    comm_key_set = fields.Boolean(
        string="Key Stored", compute="_compute_comm_key_set", compute_sudo=True
    )
    options = fields.Text(
        help="Settings of the simulated make, as a JSON object: people, per_minute, "
        "days, seed, fault."
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
            ("unhealthy", "Unhealthy"),
            ("disabled", "Disabled"),
        ],
        compute="_compute_health",
        store=True,
        tracking=True,
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
    clock_drift = fields.Integer(
        string="Clock Drift (s)",
        readonly=True,
        copy=False,
        aggregator=None,
        help="Terminal minus server; positive when the terminal is fast.",
    )
    last_digest = fields.Char(readonly=True, copy=False)
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
            device.networked = bool(adapter and adapter.capabilities.networked)
            device.needs_comm_key = bool(
                adapter and adapter.capabilities.secret == "comm_key"
            )

    def _compute_comm_key_input(self):
        # What was stored is never shown.
        self.comm_key_input = False

    def _inverse_comm_key_input(self):
        for device in self:
            key = (device.comm_key_input or "").strip()
            try:
                number = validate_comm_key(key)
            except InvalidConfig:
                raise ValidationError(
                    self.env._(
                        "The communication key is a number from 0 to 999999. "
                        "It is shown under Comm. > PC Connection on the terminal."
                    )
                ) from None
            # By a statement of its own, which isn't logged when it fails: another
            # worker may have written the row meanwhile.
            self.env.cr.execute(
                SQL(
                    "UPDATE spp_attendance_device SET comm_key = %s WHERE id = %s",
                    str(number) if number else None,
                    device.id,
                ),
                log_exceptions=False,
            )
        # Nor does it come back with the answer to the request that brought it.
        self.invalidate_recordset(
            ["comm_key", "comm_key_input", "comm_key_set"], flush=False
        )

    @api.depends("comm_key")
    def _compute_comm_key_set(self):
        for device in self:
            device.comm_key_set = bool(device.comm_key)

    @api.depends("location_id")
    def _compute_tz(self):
        for device in self:
            company = device.company_id or self.env.company
            device.tz = device.location_id.tz or device.tz or company.attendance_tz

    @api.depends("enabled", "failure_count", "last_success_at")
    def _compute_health(self):
        for device in self:
            if not device.enabled:
                device.health = "disabled"
            elif device.failure_count:
                device.health = "unhealthy"
            else:
                device.health = "healthy" if device.last_success_at else "never"

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
            vals = {"last_digest": False, **vals}
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
        self.write({"serial": False, "last_digest": False})
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
            secret = self.sudo().comm_key or ""  # read only to be handed to the adapter
        try:
            options = json.loads(self.options or "{}")
        except (ValueError, RecursionError) as error:
            raise InvalidConfig(f"the options are not JSON ({error})") from error
        if not isinstance(options, dict):
            raise InvalidConfig("the options must be a JSON object")
        longest = min(self.deadline, deadline or self.deadline)
        return DeviceConfig(
            host=self.host or "",
            port=self.port,
            password=secret,
            timeout=min(self.timeout, longest),
            deadline=longest,
            tz=self.tz,
            encoding=self.encoding,
            options=options,
        )

    # ---------------------------------------------------------------- lease

    @api.model
    def _claim_due(self, limit=None):
        """Take the leases of terminals that are due, for whoever calls.

        The first statement of a fresh transaction that is committed at once, and run
        again on a serialization failure.

        :param int limit: at most so many; default the parallelism
        :return: list of :class:`polling.Claim`
        """
        return self._take_leases(
            SQL(
                "active AND enabled"
                " AND next_poll_at <= clock_timestamp() AT TIME ZONE 'UTC'"
            ),
            limit or self._parallelism(),
            deadline=self._longest_reading(),
        )

    @api.model
    def _longest_reading(self):
        """Seconds that one reading may take under the watchdog of scheduled actions.

        It ends a worker after ``limit_time_real_cron`` for a whole pass, in which both
        lanes may come one after the other. None without a watchdog.
        """
        limit = config["limit_time_real_cron"]
        if limit < 0:
            limit = config["limit_time_real"]
        return max(limit // 2 - 30, MIN_DEADLINE) if limit else None

    def _claim_for_test(self):
        """Take this terminal's lease, switched off or not; None when it is taken."""
        self.ensure_one()
        claims = self._take_leases(
            SQL("id = %s", self.id), 1, deadline=TEST_DEADLINE, is_poll=False
        )
        return claims[0] if claims else None

    @api.model
    def _take_leases(self, condition, limit, deadline=None, is_poll=True):
        self.flush_model()
        # The database's clock, so that the clocks of several servers don't matter.
        # Materialized: as a subquery it might run once a row, and pass the limit.
        self.env.cr.execute(
            SQL(
                """
                WITH free AS MATERIALIZED (
                    SELECT id
                      FROM spp_attendance_device
                     WHERE %(condition)s
                       AND (lease_until IS NULL OR lease_until
                            < clock_timestamp() AT TIME ZONE 'UTC')
                  ORDER BY next_poll_at, id
                     LIMIT %(limit)s
                       FOR NO KEY UPDATE SKIP LOCKED)
                UPDATE spp_attendance_device d
                   SET lease_token = gen_random_uuid()::text,
                       lease_until = clock_timestamp() AT TIME ZONE 'UTC'
                           + LEAST(d.deadline, %(deadline)s) * interval '1 second'
                           + %(margin)s
                  FROM free
                 WHERE d.id = free.id
             RETURNING d.id, d.lease_token
                """,
                deadline=deadline,
                margin=LEASE_MARGIN,
                condition=condition,
                limit=limit,
            ),
            # Losing the race for a row is no error: the caller tries again.
            log_exceptions=False,
        )
        tokens = dict(self.env.cr.fetchall())
        self.invalidate_model(["lease_token", "lease_until"], flush=False)
        claims = []
        for device in self.browse(tokens).sorted("id"):
            token = tokens[device.id]
            try:
                claims.append(
                    polling.Claim(
                        device.id,
                        token,
                        device._adapter_class(),
                        device._config(deadline=deadline),
                        device.last_digest or "",
                    )
                )
            except DeviceError as error:
                # Stored before the settings were checked, or its make is gone.
                device._store(token, error, is_poll=is_poll)
        return claims

    @api.model
    def _parallelism(self):
        # The system's setting, not the caller's business data.
        params_sudo = self.env["ir.config_parameter"].sudo()
        value = params_sudo.get_param("spp_attendance_devices.parallel_polls") or ""
        return max(int(value), 1) if value.isdigit() else DEFAULT_PARALLEL

    def _hold_lease(self, token):
        """Whether the lease is still ours; if so it stays so in this transaction."""
        self.ensure_one()
        self.env.cr.execute(
            SQL(
                "SELECT 1 FROM spp_attendance_device WHERE id = %s AND lease_token = %s"
                " FOR NO KEY UPDATE",
                self.id,
                token,
            ),
            log_exceptions=False,
        )
        return bool(self.env.cr.rowcount)

    # -------------------------------------------------------------- polling

    @api.model
    def _cron_poll(self):
        """Read terminals until none is due; one of several lanes that share the work.

        Terminals are read with no transaction open: ``_commit_progress`` ends the
        scheduled action's own, and nothing in between uses its cursor.
        """
        cron = self.env["ir.cron"]
        left = cron._commit_progress()
        while left > 0:
            claims = run_in_transaction(
                self.env, lambda env: env[self._name]._claim_due()
            )
            if not claims:
                break
            self._poll(claims)
            left = cron._commit_progress(len(claims), remaining=self._count_due())
        cron._commit_progress(remaining=0 if left > 0 else self._count_due())

    @api.model
    def _count_due(self):
        now = fields.Datetime.now()
        return self.search_count(
            [
                ("enabled", "=", True),
                ("next_poll_at", "<=", now),
                "|",
                ("lease_until", "=", False),
                ("lease_until", "<", now),
            ]
        )

    @api.model
    def _poll(self, claims):
        """Read claimed terminals at once, store each in a transaction of its own."""
        for claim, outcome in polling.read_all(claims):
            try:
                run_in_transaction(
                    self.env, partial(self._store_in, claim=claim, outcome=outcome)
                )
            except Exception:
                # The scans stay on the terminal. Other terminals must not suffer.
                _logger.exception("Terminal %s: storing failed", claim.device_id)
                fault = InternalFault("storing failed")
                run_in_transaction(
                    self.env, partial(self._store_in, claim=claim, outcome=fault)
                )

    @api.model
    def _store_in(self, env, claim, outcome, is_poll=True):
        """``_store`` for the terminal of a claim, in an environment of its own."""
        device = env[self._name].browse(claim.device_id)
        return device._store(claim.token, outcome, is_poll=is_poll)

    def _store(self, token, outcome, is_poll=True):
        """Store what a conversation gave: scans, health and lease in one transaction.

        Does nothing when the lease was lost meanwhile: somebody else reads the terminal
        now, and what was read here is still on it.

        :param str token: of the lease
        :param outcome: Reading, DeviceInfo or DeviceError
        :param bool is_poll: count it; somebody's test of the connection is no poll
        :return: the outcome, or the fault found in it
        """
        self.ensure_one()
        if not self._hold_lease(token):
            _logger.info("Terminal %s: the lease was lost", self.id)
            return outcome
        info = outcome if isinstance(outcome, DeviceInfo) else None
        if not isinstance(outcome, (DeviceError, DeviceInfo)):
            info = outcome.info
        if info and self.serial and info.serial and info.serial != self.serial:
            outcome = DeviceReplaced(f"{info.serial} instead of {self.serial}")
        vals = self._prepare_lease_vals()
        if isinstance(outcome, DeviceError):
            vals.update(self._prepare_failure_vals(outcome))
            if is_poll:
                vals.update(self._prepare_poll_vals(outcome.code))
            self.write(vals)
            return outcome
        vals.update(self._prepare_info_vals(info))
        fault = None
        if not isinstance(outcome, DeviceInfo):
            vals["last_digest"] = outcome.digest if outcome.complete else False
            if not outcome.complete:
                fault = DeviceIncomplete(outcome.detail)
            self._store_scans(outcome)
        vals.update(
            self._prepare_failure_vals(fault) if fault else self._prepare_success_vals()
        )
        if is_poll:
            vals.update(self._prepare_poll_vals(fault.code if fault else "ok"))
        self.write(vals)
        return fault or outcome

    def _store_scans(self, reading):
        Scan = self.env["spp.attendance.scan"]
        if not reading.unchanged:
            Scan._store(self, reading.scans)
        # Also those of earlier readings, whose person may be known by now.
        Scan._match(self)

    def _prepare_lease_vals(self):
        now = fields.Datetime.now()
        return {
            "lease_token": False,
            "lease_until": False,
            "next_poll_at": now + timedelta(minutes=self.poll_interval),
        }

    def _prepare_poll_vals(self, result):
        # On the row whose lease is held, in the transaction of what was read: each
        # poll is counted once.
        known = self.poll_results or {}
        return {"poll_results": {**known, result: known.get(result, 0) + 1}}

    def _prepare_info_vals(self, info):
        return {
            "serial": info.serial or self.serial,
            "model": info.model or self.model,
            "firmware": info.firmware or self.firmware,
            "record_count": info.records or 0,
            "clock_drift": info.clock_drift or 0,
        }

    def _prepare_success_vals(self):
        return {
            "last_success_at": fields.Datetime.now(),
            "failure_count": 0,
            "error_code": False,
            "error_detail": False,
        }

    def _prepare_failure_vals(self, fault):
        return {
            "last_error_at": fields.Datetime.now(),
            "failure_count": self.failure_count + 1,
            "error_code": fault.code,
            "error_detail": fault.detail,
        }
