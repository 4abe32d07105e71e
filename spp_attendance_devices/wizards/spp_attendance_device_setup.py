from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from .. import polling
from ..devices import DeviceError
from ..devices.discovery import discover

#: Seconds that looking at an address may take: a person waits for it.
PATIENCE = 8
TEST_DEADLINE = 20
#: Faults of an address, whatever the port.
_OF_THE_ADDRESS = frozenset({"dns", "unreachable", "forbidden"})


class SppAttendanceDeviceSetup(models.TransientModel):
    """From an address to a terminal that works, a step at a time.

    Nothing is kept of it: what is found becomes a terminal at the end, and the secret
    goes there.
    """

    _name = "spp.attendance.device.setup"
    _description = "Set Up a Terminal"
    _inherit = ["spp.attendance.connection.mixin"]
    _rec_name = "host"
    _check_company_auto = True

    company_id = fields.Many2one(
        "res.company",
        required=True,
        readonly=True,
        default=lambda self: self.env.company,
        ondelete="cascade",
    )
    step = fields.Selection(
        [("find", "Find"), ("connect", "Connect"), ("place", "Place")],
        required=True,
        readonly=True,
        default="find",
    )
    source = fields.Selection(
        [
            ("network", "A terminal on the network, which this server reads"),
            ("push", "One that sends by itself (ADMS, cloud server, event push)"),
            ("simulated", "A simulated one, to see how things work"),
        ],
        string="What",
        required=True,
        default="network",
    )
    timeout = fields.Integer(default=5)
    deadline = fields.Integer(default=TEST_DEADLINE)
    found_ids = fields.One2many(
        "spp.attendance.device.setup.found", "setup_id", string="What Answered"
    )
    search_note = fields.Char(readonly=True)
    fault = fields.Char(readonly=True)
    fault_detail = fields.Char(string="Technical Detail", readonly=True)
    seen_fingerprint = fields.Char(
        readonly=True, help="SHA-256 of the certificate that is shown there."
    )

    pending_id = fields.Many2one(
        "spp.attendance.device.pending",
        string="Called Already",
        ondelete="set null",
        help="Terminals that call and are not known.",
    )
    push_makes = fields.Json(compute="_compute_push_makes")
    push_server = fields.Text(
        string="Enter on the Terminal", compute="_compute_push_server"
    )
    serial = fields.Char(string="Serial Number")
    model = fields.Char(readonly=True)
    firmware = fields.Char(readonly=True)
    record_count = fields.Integer(string="Scans on the Terminal", readonly=True)
    record_capacity = fields.Integer(string="Room for Scans", readonly=True)
    user_count = fields.Integer(string="People on the Terminal", readonly=True)
    tells_clock = fields.Boolean(readonly=True)
    tested_drift = fields.Integer(readonly=True)
    tested_tz = fields.Char(readonly=True)
    tested_at = fields.Datetime(readonly=True)
    clock_drift = fields.Integer(
        string="Clock Drift (s)", compute="_compute_clock_drift"
    )
    clock_note = fields.Char(string="Clock", compute="_compute_clock_drift")
    is_clock_off = fields.Boolean(compute="_compute_clock_drift")
    known_note = fields.Char(compute="_compute_known_note")

    name = fields.Char(string="Terminal")
    location_id = fields.Many2one("spp.attendance.location", check_company=True)

    @api.model
    def _adapters(self):
        return self.env["spp.attendance.device"]._adapters()

    def _compute_push_makes(self):
        self.push_makes = self._push_makes()

    @api.model
    def _push_makes(self):
        """The makes that send by themselves."""
        return [key for key, make in self._adapters().items() if make.capabilities.push]

    def _compute_push_server(self):
        self.push_server = self.env["spp.attendance.device"]._describe_server()

    @api.depends("tz", "tested_tz", "tested_drift", "tells_clock", "company_id")
    @api.depends_context("lang")
    def _compute_clock_drift(self):
        devices = self.env["spp.attendance.device"]
        for setup in self:
            setup.clock_drift = setup._drift()
            company_sudo = setup.company_id.sudo()  # no rights on settings needed
            off = abs(setup.clock_drift)
            setup.is_clock_off = off > company_sudo.attendance_drift_limit
            length = devices._duration(off)
            if not setup.tells_clock:
                setup.clock_note = self.env._("It does not tell its time.")
            elif setup.clock_drift > 0:
                setup.clock_note = self.env._("%(length)s fast", length=length)
            elif setup.clock_drift:
                setup.clock_note = self.env._("%(length)s slow", length=length)
            else:
                setup.clock_note = self.env._("Right")

    def _drift(self):
        """How far the clock is off in the zone that is chosen now.

        It was read as that of the zone at the time of the test.
        """
        if not self.tells_clock or not self.tested_tz or not self.tz:
            return 0
        moment = self.tested_at.replace(tzinfo=UTC)
        was = moment.astimezone(ZoneInfo(self.tested_tz)).utcoffset()
        now = moment.astimezone(ZoneInfo(self.tz)).utcoffset()
        return self.tested_drift + int((was - now).total_seconds())

    @api.depends("serial", "company_id")
    @api.depends_context("lang")
    def _compute_known_note(self):
        devices = self.env["spp.attendance.device"].with_context(active_test=False)
        known = devices.search(
            [
                ("serial", "in", list(filter(None, self.mapped("serial")))),
                ("company_id", "in", self.company_id.ids),
            ]
        ).grouped(lambda device: (device.company_id, device.serial))
        for setup in self:
            device = known.get((setup.company_id, setup.serial), devices)[:1]
            setup.known_note = bool(device) and self.env._(
                "This unit is set up already, as “%(device)s”. Two that read the same"
                " unit get in each other's way.",
                device=device.display_name,
            )

    @api.onchange("pending_id")
    def _onchange_pending_id(self):
        if self.pending_id:
            self.serial = self.pending_id.serial

    # -------------------------------------------------------------- actions

    @api.model
    def _open_for(self, pending):
        """Set up a terminal that calls already."""
        setup = self.create(
            {
                "source": "push",
                "adapter": self._make_that_calls(),
                "pending_id": pending.id,
                "serial": pending.serial,
                "firmware": pending.firmware,
                "step": "place",
            }
        )
        return setup._again()

    @api.model
    def _make_that_calls(self):
        """The make whose terminals call without having been set up."""
        callers = (
            key
            for key, make in self._adapters().items()
            if make.capabilities.push == "adms"
        )
        return next(callers)

    def action_find(self):
        """Look at the ports that makes use, and list what is there."""
        self.ensure_one()
        self.check_access("write")
        if self.source == "simulated":
            self.adapter = "simulated"
            return self._go("connect")
        if self.source == "push":
            if not self._capabilities().push:
                self.adapter = self._make_that_calls()
            return self._go("place")
        self._check_host()
        self._end_transaction()
        found = discover(
            self.host, list(self._adapters().values()), self._networks(), PATIENCE
        )
        self.found_ids.unlink()
        codes = {one.error for one in found}
        if len(codes) == 1 and codes <= _OF_THE_ADDRESS:
            self.search_note = self._hint(codes.pop())
            return self._again()
        self.found_ids.create([self._found_vals(one) for one in found])
        answered = self.found_ids.filtered("answers")
        self.search_note = False if answered else self._describe_nothing(found)
        if len(answered) == 1:
            # Nothing to choose from.
            return answered.action_choose()
        return self._again()

    def _check_host(self):
        # The port is not known yet; any will do for the check of the address.
        self.port = self.port or 1
        self._check_address()

    def _found_vals(self, found):
        texts = {
            "refused": self.env._("The port is closed."),
            "timeout": self.env._("No answer."),
        }
        if found.is_it:
            says = found.says or self.env._("It answers.")
        elif not found.error or found.error == "protocol":
            says = self.env._("Something else answers.")
        else:
            says = texts.get(found.error) or self._hint(found.error)
        return {
            "setup_id": self.id,
            "adapter": found.make,
            "port": found.port,
            "transport": found.transport,
            "tls": found.tls,
            "says": says,
            "answers": found.is_it,
        }

    def _describe_nothing(self, found):
        codes = {one.error for one in found}
        if codes & {"refused", "", "protocol"}:
            return self.env._(
                "There is a machine at this address, but it answers as none of the"
                " makes does at their usual ports. If its port was changed, enter make"
                " and port yourself."
            )
        return self.env._(
            "Nothing answers at this address. Check the terminal's power, its cable"
            " and the address that it shows in its network menu."
        )

    def action_by_hand(self):
        """Skip the search: make and port are known."""
        self.ensure_one()
        self.check_access("write")
        self._check_host()
        if not self.networked:
            self.adapter = self.default_get(["adapter"])["adapter"]
        self.port = self._capabilities().default_port
        return self._go("connect")

    def action_back(self):
        self.ensure_one()
        self.check_access("write")
        was_tested = self.step == "place" and self.source != "push"
        return self._go("connect" if was_tested else "find")

    def action_test(self):
        """Talk to the terminal; go on when it answers as it should."""
        self.ensure_one()
        self.check_access("write")
        self._validate_connection()
        claim = polling.Claim(
            0,
            "",
            self._adapter_class(),
            self._config(deadline=TEST_DEADLINE),
            kind="test",
        )
        self._end_transaction()
        outcome = polling.talk(claim).outcome
        if isinstance(outcome, DeviceError):
            self.write(
                {
                    "fault": self._hint(outcome.code),
                    "fault_detail": outcome.detail,
                    "seen_fingerprint": outcome.code == "tls"
                    and self._see_certificate(),
                }
            )
            return self._again()
        self.write(self._prepare_info_vals(outcome))
        return self._go("place")

    def action_trust(self):
        """Take the certificate that was seen for the terminal's, and no other."""
        self.ensure_one()
        self.check_access("write")
        if not self.seen_fingerprint:
            raise ValidationError(self.env._("Test the connection first."))
        self.write({"tls": "pinned", "tls_fingerprint": self.seen_fingerprint})
        return self.action_test()

    def _see_certificate(self):
        try:
            return self._shown_fingerprint()
        except DeviceError:
            return False

    def _prepare_info_vals(self, info):
        return {
            "fault": False,
            "fault_detail": False,
            "serial": info.serial,
            "model": info.model,
            "firmware": info.firmware,
            "record_count": info.records or 0,
            "record_capacity": info.capacity or 0,
            "user_count": info.users or 0,
            "tells_clock": info.clock_drift is not None,
            "tested_drift": info.clock_drift or 0,
            "tested_tz": self.tz,
            "tested_at": datetime.now(UTC).replace(tzinfo=None, microsecond=0),
        }

    def action_create_device(self):
        """Make a terminal of it, which is read or may send from now on, and open it."""
        self.ensure_one()
        self.check_access("write")
        devices = self.env["spp.attendance.device"]
        if self.source == "push":
            device = devices.create(self._prepare_push_vals())
        else:
            if not self.tested_at:
                raise ValidationError(self.env._("Test the connection first."))
            device = devices.create(self._prepare_device_vals())
            # Nobody needs it here any more.
            self.secret_input = False
            device.action_poll_now()
        return {
            "type": "ir.actions.act_window",
            "res_model": device._name,
            "res_id": device.id,
            "views": [(False, "form")],
            "target": "main",
        }

    def _prepare_push_vals(self):
        return {
            "mode": "push",
            "adapter": self.adapter,
            "host": False,
            "serial": (self.serial or "").strip(),
            "firmware": self.firmware,
            "name": self.name or self.serial,
            "company_id": self.company_id.id,
            "location_id": self.location_id.id,
            "tz": self.tz,
        }

    def _prepare_device_vals(self):
        secret = self.sudo().secret  # goes where it belongs, and is seen nowhere
        names = (
            "adapter",
            "host",
            "port",
            "username",
            "transport",
            "tls",
            "tls_ca",
            "tls_fingerprint",
            "options",
            "encoding",
            "tz",
            "serial",
            "model",
            "firmware",
            "record_count",
            "record_capacity",
            "user_count",
            "clock_drift",
        )
        return {
            **{name: self[name] for name in names},
            "name": self.name or self.model or self.host,
            "company_id": self.company_id.id,
            "location_id": self.location_id.id,
            "last_success_at": self.tested_at,
            **({"secret_input": secret} if secret else {}),
        }

    def _go(self, step):
        self.write(
            {
                "step": step,
                "fault": False,
                "fault_detail": False,
                "seen_fingerprint": False,
            }
        )
        return self._again()

    def _again(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Set Up a Terminal"),
            "res_model": self._name,
            "res_id": self.id,
            "views": [(False, "form")],
            "target": "new",
        }


class SppAttendanceDeviceSetupFound(models.TransientModel):
    """What is at one port of the address."""

    _name = "spp.attendance.device.setup.found"
    _description = "What Answered at an Address"
    _order = "answers desc, id"

    setup_id = fields.Many2one(
        "spp.attendance.device.setup", required=True, index=True, ondelete="cascade"
    )
    adapter = fields.Selection(
        selection="_selection_adapter", string="Make", required=True, readonly=True
    )
    port = fields.Integer(readonly=True)
    transport = fields.Selection(
        [("tcp", "TCP"), ("udp", "UDP")], required=True, readonly=True
    )
    tls = fields.Char(readonly=True)
    says = fields.Char(string="What It Says", readonly=True)
    answers = fields.Boolean(readonly=True)

    @api.model
    def _selection_adapter(self):
        return self.env["spp.attendance.device"]._selection_adapter()

    def action_choose(self):
        """Go on with this one."""
        self.ensure_one()
        self.check_access("read")
        setup = self.setup_id
        setup.write(
            {
                "adapter": self.adapter,
                "port": self.port,
                "transport": self.transport,
                "tls": self.tls,
            }
        )
        if self.tls != "none" and (seen := setup._see_certificate()):
            # Most sign their own: whoever enters a password now means this one.
            setup.write({"tls": "pinned", "tls_fingerprint": seen})
        return setup._go("connect")
