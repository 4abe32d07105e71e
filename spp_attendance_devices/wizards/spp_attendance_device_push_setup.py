from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from odoo.addons.spp_oauth.tools.notices import RELOAD, notice

from ..devices.errors import InvalidConfig
from ..devices.hikvision_hosts import Target

#: By which a terminal would reach itself.
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


class SppAttendanceDevicePushSetup(models.TransientModel):
    """Has a terminal send its scans by itself, or shows what to enter on it.

    The address is a secret. It is in the dialog's context and nowhere else: what is
    kept of it with the terminal is its digest.
    """

    _name = "spp.attendance.device.push.setup"
    _description = "Send Scans Here"

    device_id = fields.Many2one(
        "spp.attendance.device",
        string="Terminal",
        required=True,
        readonly=True,
        ondelete="cascade",
    )
    server = fields.Char(
        string="This Server",
        required=True,
        default=lambda self: self.get_base_url(),
        help="Under which address the terminal reaches this server, such as"
        " http://10.0.0.2:8069.",
    )
    can_register = fields.Boolean(compute="_compute_can_register")
    has_address = fields.Boolean(related="device_id.push_token_set")
    is_local = fields.Boolean(compute="_compute_is_local")
    fault = fields.Char(store=False, readonly=True)
    fault_detail = fields.Char(string="Technical Detail", store=False, readonly=True)

    address = fields.Char(store=False, readonly=True)
    protocol = fields.Char(compute="_compute_parts")
    server_host = fields.Char(string="Server Address", compute="_compute_parts")
    server_port = fields.Char(string="Port", compute="_compute_parts")
    path = fields.Char(string="URL", compute="_compute_parts")

    @api.depends("device_id")
    def _compute_can_register(self):
        for wizard in self:
            device = wizard.device_id
            wizard.can_register = bool(device.has_push_setup and device.host)

    @api.depends("server")
    def _compute_is_local(self):
        for wizard in self:
            try:
                host = urlsplit(wizard.server or "").hostname
            except ValueError:
                host = None
            wizard.is_local = host in _LOCAL_HOSTS

    @api.depends("address")
    def _compute_parts(self):
        for wizard in self:
            target = Target.parse(wizard.address) if wizard.address else None
            wizard.protocol = target and target.protocol
            wizard.server_host = target and target.host
            wizard.server_port = target and str(target.port)
            wizard.path = target and target.path

    @api.model
    def _open(self, device, **shown):
        """The dialog, in which ``shown`` are further values."""
        device.ensure_one()
        values = {"device_id": device.id, **shown}
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Send Scans Here"),
            "res_model": self._name,
            "views": [(False, "form")],
            "target": "new",
            "context": {f"default_{name}": value for name, value in values.items()},
        }

    def action_register(self):
        """Tell the terminal where to send, and believe what comes from then on."""
        device, token, address = self._prepare()
        fault = device._send_to(address)
        if fault:
            # It goes on as before.
            return self._open(
                device,
                server=self.server,
                fault=device._hint(fault.code),
                fault_detail=fault.detail,
            )
        device._take_push_token(token)
        return notice(
            "success",
            self.env._(
                "The terminal sends its scans here from now on. The form shows when it"
                " has called."
            ),
            RELOAD,
        )

    def action_show(self):
        """Make an address and show it, to be entered on the terminal by hand."""
        device, token, address = self._prepare()
        device._take_push_token(token)
        return self._open(device, server=self.server, address=address)

    def _prepare(self):
        """The terminal, a new token and the address that holds it.

        :raises AccessError: for who may not change the terminal
        :raises ValidationError: when the server's address is none
        """
        self.ensure_one()
        device = self.device_id
        device.check_access("write")
        token = device._new_push_token()
        address = f"{(self.server or '').strip().rstrip('/')}{device._push_path(token)}"
        try:
            Target.parse(address)
        except InvalidConfig:
            raise ValidationError(
                self.env._(
                    "“%(server)s” is no address of a server. Enter it with its"
                    " protocol, such as http://10.0.0.2:8069.",
                    server=self.server or "",
                )
            ) from None
        return device, token, address
