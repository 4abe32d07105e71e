import hashlib
import secrets
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ..devices import DeviceError, hikvision_push
from ..push_log import PREFIX

_TOKEN_BYTES = 32
#: Two units that share an address are told of so often.
_UNIT_NOTED_EVERY = timedelta(days=1)
#: What a call needs to know of its terminal, in one statement.
_KNOWN = (
    "active",
    "adapter",
    "company_id",
    "enabled",
    "health",
    "last_contact_at",
    "options",
    "push_networks",
    "push_refused_at",
    "push_unit",
    "push_unit_at",
    "tz",
    "user_id",
)


def _digest(token):
    """What a token is looked up by: of no use to who reads it."""
    return hashlib.sha256(token.encode()).hexdigest()


class SppAttendanceDevice(models.Model):
    """Hikvision's terminals that send each event as it happens.

    They say nothing that would prove who they are; the address that they send to is a
    secret of each, of which only the digest is kept.
    """

    _inherit = "spp.attendance.device"

    push_unit = fields.Char(
        string="Sends As",
        readonly=True,
        copy=False,
        help="Hardware address (MAC) of the unit that sends.",
    )
    push_unit_at = fields.Datetime(string="Sends As Since", readonly=True, copy=False)

    # ---------------------------------------------------------------- calls

    @api.model
    def _isapi(self, token, content_type, body, address):
        """Answer a call, of whoever it may be.

        What a terminal is told is no more than whether to send it again: all that
        makes no sense is taken, and kept as scans that count for nothing.

        :param str token: the last part of the path
        :param str content_type: as it was sent, "" without one
        :param bytes body: as it came
        :param str address: where it comes from
        :return: HTTP status and text
        """
        # Nobody is logged in: which terminal it is, its address says.
        device_sudo = self.sudo()._find_by_token(token)
        if not device_sudo:
            return 404, "Not found"
        if why := device_sudo._refuse_event(address):
            device_sudo._note_refusal(why, address)
            return 403, "Refused"
        device_sudo = device_sudo.with_user(device_sudo.user_id).sudo()
        options = device_sudo._config(secret="").options
        posted = hikvision_push.parse(body, content_type, device_sudo.tz, options)
        if posted.scans:
            device_sudo._take_pushed(posted.scans)
        device_sudo._note_units(posted.units)
        device_sudo._note_contact()
        return 200, "OK"

    @api.model
    def _find_by_token(self, token):
        """The terminal that sends to an address, switched on or not."""
        domain = [("push_token_hash", "=", _digest(token)), ("mode", "=", "push")]
        devices = self.with_context(active_test=False)
        device = devices.search_fetch(domain, _KNOWN, limit=1)
        return device.filtered(lambda dev: dev.push_kind == "isapi")

    def _refuse_event(self, address):
        """Why a call of this terminal is refused, as ``push_refused_for``; None when
        it isn't."""
        if not (self.active and self.enabled):
            return "disabled"
        return None if self._may_call_from(address) else "address"

    def _note_units(self, units):
        """Say on the terminal that another unit sends in its name, once a day at
        most. What that sends counts: units are replaced, and scans are not lost."""
        if not units or self.push_unit in units:
            return
        if self.push_unit and not self._is_due(self.push_unit_at, _UNIT_NOTED_EVERY):
            return
        [unit, *_others] = sorted(units)
        before = self.push_unit
        if not self._note(
            SQL("push_unit = %s, push_unit_at = %s", unit, fields.Datetime.now())
        ):
            return  # a call at the same time does it
        self.invalidate_recordset(["push_unit", "push_unit_at"], flush=False)
        if before:
            self._message_log(
                body=self.env._(
                    "Another unit sends to the address of this terminal: %(unit)s,"
                    " and not %(before)s any more. If it was not replaced, give it an"
                    " address of its own.",
                    unit=unit,
                    before=before,
                )
            )

    # -------------------------------------------------------------- address

    def action_send_here(self):
        """Have the terminal send its scans by itself, or say how to set it up so."""
        self.ensure_one()
        self.check_access("write")
        return self.env["spp.attendance.device.push.setup"]._open(self)

    @api.model
    def _new_push_token(self):
        return secrets.token_urlsafe(_TOKEN_BYTES)

    @api.model
    def _push_path(self, token):
        return f"{PREFIX}{token}"

    def _send_to(self, address):
        """Tell the terminal to send its scans to an address.

        :param str address: a URL, of which the terminal keeps the secret
        :return: None, or a DeviceError
        """
        outcome = self._converse("push", address)
        return outcome if isinstance(outcome, DeviceError) else None

    def _take_push_token(self, token):
        """From now on the terminal sends by itself, to the address with this token; an
        address that it had before ends.

        :raises AccessError: for who may not change the terminal
        """
        self.check_access("write")
        if self.mode != "push":
            self.mode = "push"
        # Nobody may read or write a token's digest; who may change the terminal may
        # replace it.
        self.sudo().write({"push_token_hash": _digest(token), "push_unit": False})
        # Also where only the digest changed, which is not tracked.
        self._message_log(body=self.env._("It was given a new address to send to."))
