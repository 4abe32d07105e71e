from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError
from odoo.tools import format_datetime

from odoo.addons.base.models.res_partner import _tz_get
from odoo.addons.spp_attendance.enrolment import EnrolStaff, UnenrolStaff
from odoo.addons.spp_oauth.tools.notices import RELOAD, notice

from ..devices import DeviceError
from ..devices.errors import DeviceBusy
from ..hints import titles

#: A log that is this full (%) may soon overwrite its oldest scans, or take none.
FULL = 80
#: A clock that is off by less (s) is as good as any: answers take their time.
CLOCK_OFF = 5
#: Colours of cards by health, as Odoo numbers them.
_COLORS = {"healthy": 10, "degraded": 2, "offline": 1, "never": 4, "disabled": 0}
#: Settings by which a terminal is reached: whoever changes one has repaired something.
CONNECTION = frozenset(
    {
        "adapter",
        "host",
        "port",
        "username",
        "secret_input",
        "tls",
        "tls_ca",
        "tls_fingerprint",
        "transport",
        "options",
    }
)


class SppAttendanceDevice(models.Model):
    """A terminal: where it is, how to talk to it, and how it has been.

    Whoever talks to a terminal holds its lease: most of them take one session at a
    time. The lease is taken and given back in transactions of their own, and none is
    open in between, while the terminal may be slow.
    """

    _name = "spp.attendance.device"
    _description = "Attendance Terminal"
    _inherit = [
        "spp.attendance.actor.mixin",
        "spp.attendance.connection.mixin",
        "mail.thread",
    ]
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
    adapter = fields.Selection(tracking=True)
    host = fields.Char(tracking=True)
    port = fields.Integer(tracking=True)
    username = fields.Char(tracking=True)
    transport = fields.Selection(tracking=True)
    tls = fields.Selection(tracking=True)
    tz = fields.Selection(tracking=True)
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
        help="After a complete reading, of what is stored by then. A ZKTeco terminal "
        "only when a second look shows nothing new.",
    )
    correct_clock = fields.Boolean(
        tracking=True,
        help="Set the terminal's clock when it is off by more than a few seconds.",
    )
    responsible_id = fields.Many2one(
        "res.users",
        ondelete="set null",
        tracking=True,
        help="Is asked to act when the terminal has been offline for long.",
    )
    offline_after = fields.Integer(
        string="Offline After (min)",
        default=30,
        required=True,
        help="Without a good answer or a call for so long, it counts as offline, and"
        " somebody is asked to look after it. One that calls every few seconds counts"
        " as offline sooner.",
    )
    enabled = fields.Boolean(
        default=True,
        tracking=True,
        help="Switched off, it is not read, and what it sends is refused.",
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
    error_code = fields.Selection(
        selection="_selection_error_code", string="Fault", readonly=True, copy=False
    )
    error_detail = fields.Char(string="Technical Detail", readonly=True, copy=False)
    error_message = fields.Char(string="What to Do", compute="_compute_error_message")
    retry_note = fields.Char(
        string="When It Is Tried Again", compute="_compute_retry_note"
    )
    warnings = fields.Text(compute="_compute_warnings")
    health_color = fields.Integer(compute="_compute_health_color")
    serial = fields.Char(string="Serial Number", readonly=True, copy=False)
    model = fields.Char(readonly=True, copy=False)
    firmware = fields.Char(readonly=True, copy=False)
    record_count = fields.Integer(
        string="Scans on the Terminal", readonly=True, copy=False
    )
    record_capacity = fields.Integer(
        string="Room for Scans", readonly=True, copy=False, aggregator=None
    )
    fill_level = fields.Integer(
        string="Log Full (%)",
        compute="_compute_fill_level",
        help="How much of the room for scans is taken; 0 when the terminal does not"
        " say.",
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
    run_count = fields.Integer(
        string="Number of Conversations", compute="_compute_run_count"
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
    def _selection_error_code(self):
        return list(titles(self.env).items())

    @api.depends("error_code")
    @api.depends_context("lang")
    def _compute_error_message(self):
        for device in self:
            device.error_message = device._hint(device.error_code)

    @api.depends("error_code", "circuit", "retry_at", "enabled", "next_poll_at")
    @api.depends_context("lang", "tz")
    def _compute_retry_note(self):
        for device in self:
            device.retry_note = device._describe_retry()

    def _describe_retry(self):
        """When a terminal that had a fault is tried again, in words."""
        if not self.error_code:
            return False
        if not self.enabled:
            return self.env._("It is switched off, so it is not tried again.")
        if self.circuit == "open" and not self.retry_at:
            return self.env._(
                "It is left alone until somebody acts: it is tried again as soon as"
                " an administrator changes its connection, tests it with success, or"
                " presses Try Again."
            )
        moment = self.retry_at if self.circuit == "open" else self.next_poll_at
        if not moment or moment <= fields.Datetime.now():
            return self.env._("It is tried again within a minute.")
        when = format_datetime(self.env, moment, dt_format="short")
        if self.circuit == "open":
            return self.env._(
                "It failed %(count)s times in a row, so it is left alone for a while"
                " and tried again at %(when)s.",
                count=self.failure_count,
                when=when,
            )
        return self.env._("It is tried again at %(when)s.", when=when)

    @api.depends(
        "clock_drift",
        "record_count",
        "record_capacity",
        "company_id",
        "mode",
        "health",
        "last_contact_at",
        "push_refused_at",
    )
    @api.depends_context("lang", "tz")
    def _compute_warnings(self):
        for device in self:
            lines = [
                device._describe_silence(),
                device._describe_drift(),
                device._describe_fill(),
            ]
            device.warnings = "\n".join(filter(None, lines))

    def _describe_drift(self):
        company_sudo = self.company_id.sudo()  # officers see no settings of companies
        if abs(self.clock_drift) <= company_sudo.attendance_drift_limit:
            return False
        off = self._duration(abs(self.clock_drift))
        if self.clock_drift > 0:
            text = self.env._(
                "Its clock is %(off)s fast, and its scans are flagged.", off=off
            )
        else:
            text = self.env._(
                "Its clock is %(off)s slow, and its scans are flagged.", off=off
            )
        if self.has_clock:
            advice = self.env._(
                "Press Set Clock, or check the time zone if it is off by whole hours."
            )
        else:
            advice = self.env._(
                "Set it on the terminal, or check the time zone if it is off by whole"
                " hours."
            )
        return f"{text} {advice}"

    @api.model
    def _duration(self, seconds):
        """A length of time as people say it, to two units."""
        minutes, seconds = divmod(seconds, 60)
        hours, minutes = divmod(minutes, 60)
        days, hours = divmod(hours, 24)
        units = (
            (days, self.env._("%s d", days)),
            (hours, self.env._("%s h", hours)),
            (minutes, self.env._("%s min", minutes)),
            (seconds, self.env._("%s s", seconds)),
        )
        texts = [text for number, text in units if number]
        return " ".join(texts[:2]) or units[-1][1]

    def _describe_fill(self):
        if self.fill_level <= FULL:
            return False
        if self.clear_after_read:
            advice = self.env._("It is emptied after a complete reading.")
        elif self.has_clear:
            advice = self.env._(
                "Let it be emptied after complete readings (Empty Its Log), or empty"
                " it on the terminal once everything is read."
            )
        else:
            advice = self.env._(
                "Empty it on the terminal once everything is read, before scans are"
                " lost."
            )
        text = self.env._("Its log is %(level)s %% full.", level=self.fill_level)
        return f"{text} {advice}"

    @api.depends("record_count", "record_capacity")
    def _compute_fill_level(self):
        for device in self:
            room = device.record_capacity
            device.fill_level = (
                min(100 * device.record_count // room, 100) if room else 0
            )

    @api.depends("health")
    def _compute_health_color(self):
        for device in self:
            device.health_color = _COLORS.get(device.health, 0)

    def _compute_run_count(self):
        counts = dict(
            self.env["spp.attendance.device.run"]._read_group(
                [("device_id", "in", self.ids)], ["device_id"], ["__count"]
            )
        )
        for device in self:
            device.run_count = counts.get(device._origin, 0)

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

    @api.constrains(
        "adapter", "host", "port", "options", "tls", "tls_ca", "tls_fingerprint"
    )
    def _check_config(self):
        for device in self:
            device._validate_connection()

    @api.constrains("tz")
    def _check_tz(self):
        # A computed selection takes any value over RPC, and each poll would fail.
        zones = {name for name, _label in _tz_get(self)}
        for device in self:
            if device.tz not in zones:
                raise ValidationError(
                    self.env._("There is no time zone “%(name)s”.", name=device.tz)
                )

    @api.constrains("timeout", "deadline", "poll_interval", "offline_after")
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
            if not 1 <= device.offline_after <= 10080:
                raise ValidationError(
                    self.env._(
                        "Offline After: choose from 1 to 10080 minutes, which is a"
                        " week."
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
        if vals.get("host") and "secret_input" not in vals:
            self._check_secret_stays(vals["host"])
        if not CONNECTION.isdisjoint(vals):
            vals = {**self._prepare_closed_vals(), **vals}
        moves = "register_id" in vals
        before = {device: device.register_id for device in self if moves}
        result = super().write(vals)
        if moves:
            self._follow_registers(before)
        return result

    def _check_secret_stays(self, host):
        """Nobody reads a secret by having it sent to an address of their own.

        :raises ValidationError: when one is stored that was meant for another address
        """
        for device_sudo in self.sudo():  # whether there is one, not what it is
            if device_sudo.secret and device_sudo.host != host:
                raise ValidationError(
                    self.env._(
                        "“%(device)s” has a key or password stored, which is for its"
                        " old address alone. Enter it again with the new address.",
                        device=device_sudo.name,
                    )
                )

    @api.ondelete(at_uninstall=False)
    def _unlink_except_with_scans(self):
        # Whether there is any matters, not who may see it.
        scans_sudo = self.env["spp.attendance.scan"].sudo()
        if scans_sudo.search_count([("device_id", "in", self.ids)], limit=1):
            raise UserError(
                self.env._("A terminal with scans can't be deleted. Archive it.")
            )

    @api.ondelete(at_uninstall=False)
    def _unlink_from_staff(self):
        self._leave_registers({device: device.register_id for device in self})

    @api.model
    def _prepare_closed_vals(self):
        """Of a terminal that is tried again at once, whatever was before."""
        return {
            "circuit": "closed",
            "retry_at": False,
            "failure_count": 0,
            "next_poll_at": fields.Datetime.now(),
        }

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
        outcome = self._converse("test")
        if isinstance(outcome, DeviceError):
            return self._notify_fault(outcome)
        return self._notify("success", self._describe(outcome))

    def action_set_clock(self):
        """Set the terminal's clock to the server's time."""
        self.ensure_one()
        self.check_access("write")
        outcome = self._converse("clock")
        if isinstance(outcome, DeviceError):
            return self._notify_fault(outcome)
        off = outcome.clock_drift
        if off is None or abs(off) < CLOCK_OFF:
            return self._notify("success", self.env._("Its clock is right now."))
        return self._notify(
            "warning",
            self.env._(
                "It took the time, and is off by %(off)s still. Check its time zone"
                " and whether something else sets its clock.",
                off=self._duration(abs(off)),
            ),
        )

    def action_show_certificate(self):
        """Tell the fingerprint of the certificate that is shown now."""
        self.ensure_one()
        self.check_access("write")
        try:
            seen = self._shown_fingerprint()
        except DeviceError as error:
            return self._notify_fault(error)
        message = self.env._(
            "The certificate there has the SHA-256 fingerprint %(fingerprint)s. If it"
            " is the terminal's, choose “this certificate alone” and enter it.",
            fingerprint=seen,
        )
        action = self._notify("info", message)
        action["params"]["sticky"] = True
        return action

    def action_read_people(self):
        """Show whom the terminal knows, so that many badges are assigned at once."""
        self.ensure_one()
        self.check_access("read")
        return self.env["spp.attendance.device.people"]._open(self)

    def _notify_fault(self, fault):
        if isinstance(fault, DeviceBusy):
            return self._notify(
                "info",
                self.env._(
                    "The terminal is being read at this moment, or another program"
                    " talks to it. Try again in a minute."
                ),
            )
        return self._notify("danger", self._hint(fault.code))

    def action_poll_now(self):
        """Let the next free worker read these terminals.

        Not those that wait for a person, whom each trial might lock out: they have to
        say that they put right what was wrong (:meth:`action_try_again`).
        """
        self.check_access("write")
        on = self.filtered(lambda device: device.enabled and device.active)
        remote = on.filtered(lambda d: d.mode == "push" and not d.host)
        waiting = (on - remote).filtered(
            lambda d: d.circuit == "open" and not d.retry_at
        )
        due = on - remote - waiting
        said = self._describe_unread(self - on, remote, waiting)
        if not due:
            return self._notify("warning", " ".join(said))
        now = fields.Datetime.now()
        (on - remote).write({"next_poll_at": now})
        due.filtered("retry_at").write({"retry_at": now})
        self.env["ir.cron"]._wake("spp_attendance_devices.ir_cron_poll_1")
        if len(self) == 1:
            promise = self.env._("The terminal is read within a minute.")
        else:
            promise = self.env._("Terminals read within a minute: %s.", len(due))
        return self._notify("info", " ".join([promise, *said]))

    def _describe_unread(self, off, remote, waiting):
        """Why terminals are not read now, in words, of each kind."""
        said = []
        if off:
            said.append(self.env._("What is switched off is not read."))
        if remote:
            said.append(
                self.env._(
                    "What sends by itself is read only where its address is known."
                    " Enter the address first."
                )
            )
        if waiting:
            said.append(
                self.env._(
                    "Nothing is read before what is wrong is put right. Then choose"
                    " “Try Again”."
                )
            )
        return said

    def action_try_again(self):
        """Read terminals again that were left alone because of their faults."""
        self.check_access("write")
        self.write(self._prepare_closed_vals())
        return self.action_poll_now()

    def action_accept_serial(self):
        """Take the unit that answers now for this terminal."""
        self.check_access("write")
        self.write({"serial": False, **self._prepare_closed_vals()})
        return self.action_poll_now()

    def action_open_runs(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "spp_attendance_devices.spp_attendance_device_run_action"
        )
        action["domain"] = [("device_id", "=", self.id)]
        action["context"] = {}
        return action

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
        return notice(kind, message, RELOAD)

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
