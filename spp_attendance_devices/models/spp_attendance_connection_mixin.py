import json

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from odoo.addons.base.models.res_partner import _tz_get

from ..devices import Capabilities, DeviceConfig, tls
from ..devices.adapter import validate_comm_key
from ..devices.certificate import shown_fingerprint
from ..devices.errors import InvalidConfig, UnsupportedDevice
from ..devices.host import validate_host, validate_port
from ..devices.line_session import MIN_KEY
from ..devices.table import ADAPTERS, get_adapter
from ..hints import hints, makes, option_help


class SppAttendanceConnectionMixin(models.AbstractModel):
    """How a terminal is reached: what a terminal keeps and its setup asks for.

    A model adds its own ``company_id``, whose networks of terminals count.
    """

    _name = "spp.attendance.connection.mixin"
    _description = "Connection to a Terminal"
    _inherit = "spp.attendance.credential.mixin"

    adapter = fields.Selection(
        selection="_selection_adapter",
        string="Make",
        required=True,
        default="zkteco",
    )
    host = fields.Char(
        string="Address", help="IP address or host name, without port or protocol."
    )
    port = fields.Integer(
        compute="_compute_port", store=True, readonly=False, precompute=True
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
    push_kind = fields.Selection(
        [("adms", "ADMS"), ("isapi", "Hikvision event push")],
        string="Push Dialect",
        compute="_compute_capabilities",
    )
    has_push_setup = fields.Boolean(compute="_compute_capabilities")
    username = fields.Char(string="User Name", copy=False)
    secret_input = fields.Char(groups="spp_attendance.spp_attendance_group_admin")
    transport = fields.Selection(
        [("tcp", "TCP"), ("udp", "UDP")], required=True, default="tcp"
    )
    tls = fields.Selection(
        [
            ("none", "No encryption"),
            ("system", "TLS, certificate of a known authority"),
            ("ca", "TLS, certificate of this authority"),
            ("pinned", "TLS, this certificate alone"),
            ("unverified", "TLS, certificate not checked"),
        ],
        string="Encryption",
        compute="_compute_tls",
        store=True,
        readonly=False,
        precompute=True,
        required=True,
    )
    tls_ca = fields.Text(
        string="Authority", help="Certificate of the authority, as PEM."
    )
    tls_fingerprint = fields.Char(
        string="Fingerprint",
        help="SHA-256 of the terminal's certificate, in hexadecimal digits.",
    )
    options = fields.Text(
        string="Settings of the Make",
        compute="_compute_options",
        store=True,
        readonly=False,
        precompute=True,
        help="Of this make alone, as a JSON object.",
    )
    options_help = fields.Text(compute="_compute_options_help")
    encoding = fields.Char(
        default="utf-8",
        required=True,
        help="Of the texts that the terminal sends, such as names.",
    )
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
        help="Longest time for a whole reading; after it the reading is stopped. "
        "Scheduled actions have a limit of their own, which may come first.",
    )
    tz = fields.Selection(
        _tz_get,
        string="Time Zone",
        compute="_compute_tz",
        store=True,
        readonly=False,
        required=True,
        precompute=True,
        help="Zone of the terminal's own clock.",
    )

    @api.model
    def _end_transaction(self):
        """Commit what was done so far: none is open while a terminal may be slow."""
        self.env.cr.commit()  # pylint: disable=invalid-commit

    # ------------------------------------------------------------ computed

    @api.model
    def _selection_adapter(self):
        texts = makes(self.env)
        return [
            (key, texts.get(key, cls.label)) for key, cls in self._adapters().items()
        ]

    @api.model
    def _adapters(self):
        """The makes that can be chosen. An addon with another make extends it."""
        return ADAPTERS

    def _capabilities(self):
        adapter = self._adapters().get(self.adapter)
        return adapter.capabilities if adapter else Capabilities(networked=False)

    @api.depends("adapter")
    def _compute_port(self):
        for device in self:
            device.port = device._capabilities().default_port

    @api.depends("adapter")
    def _compute_options(self):
        self.options = False  # they were another make's

    @api.depends("adapter")
    def _compute_tls(self):
        for device in self:
            can = device._capabilities()
            is_secure = can.tls and can.default_port in (443, 8443)
            device.tls = "system" if is_secure else "none"

    @api.depends("adapter")
    def _compute_capabilities(self):
        for device in self:
            can = device._capabilities()
            device.networked = can.networked
            device.secret_kind = can.secret
            device.has_username = can.username
            device.has_udp = can.udp
            device.has_tls = can.tls
            device.has_users = can.users
            device.has_clock = can.clock
            device.has_clear = can.clear
            device.has_options = bool(can.options)
            device.push_kind = can.push or False
            device.has_push_setup = can.push_setup

    def _clean_secret(self, text):
        text = super()._clean_secret(text)
        if self.secret_kind == "comm_key":
            return self._comm_key(text)
        if self.secret_kind == "shared_key" and 0 < len(text) < MIN_KEY:
            raise ValidationError(
                self.env._("The shared key needs %s characters or more.", MIN_KEY)
            )
        return text

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

    @api.depends("adapter")
    @api.depends_context("lang")
    def _compute_options_help(self):
        texts = option_help(self.env)
        for device in self:
            device.options_help = texts.get(device.adapter, False)

    @api.depends("location_id")
    def _compute_tz(self):
        for device in self:
            company = device.company_id or self.env.company
            # Whoever sets up a terminal need not see all that a company is.
            default = company.sudo().attendance_tz
            device.tz = device.location_id.tz or device.tz or default

    @api.model
    def _hint(self, code):
        texts = hints(self.env)
        return texts.get(code, texts["error"]) if code else False

    # -------------------------------------------------------------- checks

    def _is_reached(self):
        """Whether this server connects to the terminal, by an address that it needs
        for that."""
        return True

    def _validate_connection(self):
        """
        :raises ValidationError: when the terminal can't be reached so, in words
        """
        self.ensure_one()
        try:
            adapter = self._adapter_class()
            if not self._is_reached():
                adapter.validate_options(self._checked_config().options)
                return
            if adapter.capabilities.networked:
                self._check_address()
            config = self._checked_config()
            if adapter.capabilities.tls:
                self._check_certificate(config)
            adapter.validate(config)
        except InvalidConfig as error:
            raise ValidationError(
                self.env._(
                    "The settings of the terminal are not valid: %(reason)s.",
                    reason=error.detail,
                )
            ) from error
        except UnsupportedDevice as error:
            raise ValidationError(self._hint(error.code)) from error

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

    def _checked_config(self):
        """The settings without the secret, whose only fault can be the JSON."""
        try:
            return self._config(secret="")
        except InvalidConfig as error:
            raise ValidationError(
                self.env._(
                    "“Settings of the Make” are not valid: they must be a JSON object,"
                    " in braces, with names and texts in double quotes, such as"
                    ' {"name": "value"}. Technical detail: %(reason)s.',
                    reason=error.detail,
                )
            ) from error

    def _check_certificate(self, config):
        texts = {
            "pinned": self.env._(
                "The fingerprint of a certificate is 64 hexadecimal digits: its"
                " SHA-256, with or without colons."
            ),
            "ca": self.env._(
                "The authority is its certificate as PEM: the lines from"
                " “BEGIN CERTIFICATE” to “END CERTIFICATE”."
            ),
        }
        try:
            tls.validate(config)
        except InvalidConfig as error:
            raise ValidationError(texts.get(self.tls) or error.detail) from error

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
        return DeviceConfig(
            host=self.host or "",
            port=self.port,
            username=self.username or "",
            password=secret,
            transport=self.transport,
            tls=self.tls,
            tls_ca=self.tls_ca or "",
            tls_fingerprint=self.tls_fingerprint or "",
            networks=self._networks(),
            timeout=min(self.timeout, longest),
            deadline=longest,
            tz=self.tz,
            encoding=self.encoding,
            options=options,
        )

    def _shown_fingerprint(self):
        """Of the certificate at the terminal's address now; a person compares it.

        :raises DeviceError: when nothing there speaks TLS
        """
        config = self._config(secret="", deadline=10)
        self._end_transaction()
        return shown_fingerprint(config)

    def _networks(self):
        """Those in which the company's terminals may be."""
        # Whoever has a terminal read need not see the company's settings.
        company_sudo = self.company_id.sudo()
        return tuple((company_sudo.attendance_terminal_networks or "").split())
