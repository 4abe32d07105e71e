import hashlib
from urllib.parse import urlsplit

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..devices.errors import InvalidConfig
from ..devices.net import parse_networks

#: What a terminal takes for the key of its push service.
_LONGEST_KEY = 64
#: By which a terminal would reach itself.
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


def hash_key(text):
    """A push key as it is stored and compared."""
    return hashlib.sha256(text.encode()).hexdigest()


class SppAttendanceDevice(models.Model):
    """What people see and set of a terminal that sends by itself."""

    _inherit = "spp.attendance.device"

    push_key_input = fields.Char(
        string="Push Key",
        compute="_compute_push_key_input",
        inverse="_inverse_push_key_input",
        copy=False,
        groups="spp_attendance.spp_attendance_group_admin,"
        "spp_attendance_devices.spp_attendance_device_group_api_manage",
        help="What the terminal says when it begins, if it was given a key"
        " (pushcommkey). It can be replaced here, but never read.",
    )
    push_key_set = fields.Boolean(
        string="Push Key Stored", compute="_compute_push_key_set", compute_sudo=True
    )
    push_token_set = fields.Boolean(
        string="Has an Address", compute="_compute_push_token_set", compute_sudo=True
    )
    push_server = fields.Text(
        string="Enter on the Terminal", compute="_compute_push_server"
    )

    # ------------------------------------------------------------ computed

    def _compute_push_key_input(self):
        # What was stored is never shown.
        self.push_key_input = False

    def _inverse_push_key_input(self):
        for device in self:
            text = (device.push_key_input or "").strip()
            if len(text) > _LONGEST_KEY or not text.isprintable():
                raise ValidationError(
                    self.env._(
                        "The push key has %s characters at most, and no line breaks.",
                        _LONGEST_KEY,
                    )
                )
            device_sudo = device.sudo()  # nobody else may write it
            device_sudo.write(
                {
                    "push_key_hash": hash_key(text) if text else False,
                    # Where it called from has not said this one yet.
                    "push_address": False,
                }
            )
        # Nor does it come back with the answer to the request that brought it.
        self.invalidate_recordset(["push_key_input"], flush=False)

    @api.depends("push_key_hash")
    def _compute_push_key_set(self):
        for device in self:
            device.push_key_set = bool(device.push_key_hash)

    @api.depends("push_token_hash")
    def _compute_push_token_set(self):
        for device in self:
            device.push_token_set = bool(device.push_token_hash)

    @api.depends("push_kind")
    @api.depends_context("lang")
    def _compute_push_server(self):
        for device in self:
            is_adms = device.push_kind == "adms"
            device.push_server = device._describe_server() if is_adms else False

    @api.model
    def _describe_server(self):
        """What a terminal that speaks ADMS is told about this server, in words."""
        address = urlsplit(self.get_base_url())
        is_secure = address.scheme == "https"
        lines = [
            self.env._("Server address: %(host)s", host=address.hostname),
            self.env._(
                "Server port: %(port)s",
                port=address.port or (443 if is_secure else 80),
            ),
            self.env._("HTTPS: on") if is_secure else self.env._("HTTPS: off"),
        ]
        if address.hostname in _LOCAL_HOSTS:
            lines.append(
                self.env._(
                    "This is the server's address for itself: enter the one under which"
                    " the terminal reaches it."
                )
            )
        return "\n".join(lines)

    # ---------------------------------------------------------- constrains

    @api.constrains("push_networks")
    def _check_push_networks(self):
        for device in self:
            for line in (device.push_networks or "").split():
                try:
                    parse_networks([line])
                except InvalidConfig as error:
                    raise ValidationError(
                        self.env._(
                            "May Send From: “%(line)s” is no network. Write one a line,"
                            " such as 10.0.0.0/8 or 192.168.1.20.",
                            line=line,
                        )
                    ) from error

    # The database checks the next two as well; but its error quotes the row.

    @api.constrains("push_delay")
    def _check_push_delay(self):
        for device in self:
            self._check_delay(device.push_delay)

    @api.model
    def _check_delay(self, seconds):
        if not 2 <= seconds <= 60:
            raise ValidationError(
                self.env._(
                    "A terminal can call every 2 seconds at most and every 60 seconds"
                    " at least."
                )
            )

    @api.model
    def _check_serials_free(self, senders, known):
        """
        :param senders: serial numbers of terminals that are to send by themselves
        :param known: the terminals that they are of, as far as they are there already
        :raises ValidationError: when two would send as one, of whatever companies
        """
        serials = [serial for serial in senders if serial]
        devices_sudo = self.sudo()  # whether there is any, not whose it is
        others = [
            ("serial", "in", serials),
            ("mode", "=", "push"),
            ("id", "not in", known.ids),
        ]
        if len(serials) > len(set(serials)) or (
            serials and devices_sudo.search_count(others, limit=1)
        ):
            raise ValidationError(
                self.env._(
                    "Another terminal with this serial number sends by itself already."
                )
            )

    # ----------------------------------------------------------------- CRUD

    @api.model_create_multi
    def create(self, vals_list):
        senders = [
            vals.get("serial")
            for vals in vals_list
            if vals.get("mode") == "push" and vals.get("active", True)
        ]
        self._check_serials_free(senders, self.browse())
        for vals in vals_list:
            if "push_delay" in vals:
                self._check_delay(vals["push_delay"])
        return super().create(vals_list)

    def write(self, vals):
        if not {"active", "mode", "serial"}.isdisjoint(vals):
            senders = [
                vals.get("serial", device.serial)
                for device in self
                if vals.get("mode", device.mode) == "push"
                and vals.get("active", device.active)
            ]
            self._check_serials_free(senders, self)
        return super().write(vals)

    # -------------------------------------------------------------- actions

    def action_ask(self):
        """Choose what the terminal is to do when it next calls."""
        self.ensure_one()
        self.check_access("write")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Ask the Terminal"),
            "res_model": "spp.attendance.device.ask",
            "views": [(False, "form")],
            "target": "new",
            "context": {"default_device_id": self.id},
        }
