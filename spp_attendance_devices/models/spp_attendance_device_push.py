import json
import logging
from datetime import timedelta

from psycopg2.errors import SerializationFailure

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL, format_datetime

from ..devices.errors import DeviceError
from ..devices.net import check_address

_logger = logging.getLogger(__name__)

#: That it has called is written down so often, that a call was refused so often.
NOTED_EVERY = timedelta(seconds=30)
REFUSAL_NOTED_EVERY = timedelta(minutes=1)
#: Of a terminal that calls again, it is shown so long that a call was refused.
REFUSAL_SHOWN = timedelta(days=1)


class SppAttendanceDevice(models.Model):
    """Terminals that send what they read by themselves."""

    _inherit = "spp.attendance.device"

    mode = fields.Selection(
        [("poll", "Is read by this server"), ("push", "Sends by itself")],
        string="How Scans Arrive",
        required=True,
        default="poll",
        tracking=True,
    )
    serial = fields.Char(readonly=False, tracking=True)
    push_networks = fields.Text(
        string="May Send From",
        tracking=True,
        help="Addresses or networks, such as 10.0.0.0/8, one a line. Empty: those of"
        " the company's terminals, or anywhere if there are none.",
    )
    push_key_hash = fields.Char(
        groups=fields.NO_ACCESS, readonly=True, copy=False, prefetch=False
    )
    push_token_hash = fields.Char(
        groups=fields.NO_ACCESS, readonly=True, copy=False, prefetch=False
    )
    push_delay = fields.Integer(
        string="Calls Every (s)",
        default=10,
        required=True,
        help="How often the terminal asks whether there is something to do.",
    )
    push_stamps = fields.Json(
        readonly=True,
        copy=False,
        groups=fields.NO_ACCESS,
        prefetch=False,
        help="Up to where it has sent each of its tables, in its own words.",
    )
    push_address = fields.Char(
        string="Calls From",
        readonly=True,
        copy=False,
        help="From which address it last introduced itself.",
    )
    push_refused_at = fields.Datetime(string="Last Refused", readonly=True, copy=False)
    push_refused_for = fields.Selection(
        [
            ("address", "Address not allowed"),
            ("key", "Wrong or missing key"),
            ("disabled", "Switched off"),
            ("dialect", "Speaks another dialect"),
        ],
        string="Refused For",
        readonly=True,
        copy=False,
    )
    push_refused_from = fields.Char(string="Refused At", readonly=True, copy=False)
    push_refusal = fields.Char(string="Refused Call", compute="_compute_push_refusal")
    last_contact_at = fields.Datetime(string="Last Call", readonly=True, copy=False)
    reconciled_at = fields.Datetime(
        string="Last Checked",
        readonly=True,
        copy=False,
        help="When all that the terminal holds was last known to be here.",
    )
    gap_count = fields.Integer(
        string="Scans Fetched Later",
        readonly=True,
        copy=False,
        aggregator=None,
        help="Scans that the terminal had not sent by itself, found by checks.",
    )
    command_ids = fields.One2many(
        "spp.attendance.device.command", "device_id", string="Commands"
    )

    _push_delay_range = models.Constraint(
        "CHECK (push_delay BETWEEN 2 AND 60)",
        "A terminal can call every 2 seconds at most and every 60 seconds at least.",
    )
    _push_serial_index = models.Index("(serial) WHERE mode = 'push'")
    _push_serial_unique = models.UniqueIndex(
        "(serial) WHERE mode = 'push' AND active AND serial IS NOT NULL",
        "Another terminal with this serial number sends by itself already.",
    )
    _push_token_unique = models.UniqueIndex(
        "(push_token_hash) WHERE push_token_hash IS NOT NULL",
        "Another terminal has this address.",
    )

    @api.depends(
        "push_refused_at", "push_refused_for", "push_refused_from", "last_contact_at"
    )
    @api.depends_context("lang", "tz")
    def _compute_push_refusal(self):
        for device in self:
            is_news = device._is_shut_out() or not device._is_due(
                device.push_refused_at, REFUSAL_SHOWN
            )
            device.push_refusal = is_news and device._describe_refusal()

    def _describe_refusal(self):
        """Why a call of this terminal was last refused, in words."""
        if not self.push_refused_at:
            return False
        when = format_datetime(self.env, self.push_refused_at, dt_format="short")
        where = {"address": self.push_refused_from or "?", "when": when}
        if self.push_refused_for == "address":
            return self.env._(
                "It called from %(address)s, which is not in the networks that it may"
                " send from (%(when)s). If that is where it is, an administrator can"
                " add it under “May Send From”.",
                **where,
            )
        if self.push_refused_for == "key":
            return self.env._(
                "It called from %(address)s without the right push key (%(when)s). If"
                " the key is right on the terminal, restart it there.",
                **where,
            )
        if self.push_refused_for == "dialect":
            return self.env._(
                "It called from %(address)s in a dialect for access control (%(when)s)."
                " Choose the attendance push (T&A PUSH) on the terminal.",
                **where,
            )
        return self.env._(
            "It called from %(address)s while it was switched off here (%(when)s).",
            **where,
        )

    @api.constrains("mode", "adapter", "serial")
    def _check_mode(self):
        for device in self:
            if device.mode != "push":
                continue
            if not device.push_kind:
                raise ValidationError(
                    self.env._("Terminals of this make don't send by themselves.")
                )
            if device.push_kind == "adms" and not device.serial:
                raise ValidationError(
                    self.env._(
                        "Enter the serial number: it is all by which the terminal says"
                        " who it is. It is shown under System Info."
                    )
                )

    def _is_reached(self):
        # One that pushes may have no address that this server could reach.
        return self.mode != "push" or bool(self.host)

    # ----------------------------------------------------------------- CRUD

    @api.model_create_multi
    def create(self, vals_list):
        devices = super().create(vals_list)
        devices._forget_pending()
        return devices

    def write(self, vals):
        result = super().write(vals)
        if not {"mode", "serial", "active"}.isdisjoint(vals):
            self._forget_pending()
        return result

    def _forget_pending(self):
        """Take terminals off the list of those that nobody has set up."""
        serials = [
            device.serial
            for device in self
            if device.mode == "push" and device.active and device.serial
        ]
        if serials:
            # Whoever sets up a terminal decides that it is known.
            pending_sudo = self.env["spp.attendance.device.pending"].sudo()
            pending_sudo.search([("serial", "in", serials)]).unlink()

    # ---------------------------------------------------------------- calls

    def _may_call_from(self, address):
        """Whether this terminal may send from an address.

        :param str address: IP address, "" where it isn't known
        """
        networks = (self.push_networks or "").split() or self._networks()
        if not networks:
            return True
        try:
            check_address(address, networks)
        except (DeviceError, ValueError):
            return False
        return True

    def _take_pushed(self, scans):
        """Store what this terminal has sent, as its service user; it is matched once
        this is committed. What is known already has no effect.

        :param scans: ScanData in the terminal's order
        :return: how many are new
        """
        device_sudo = self._as_itself()
        queue = device_sudo.env["spp.attendance.scan.queue"]
        scans_sudo = device_sudo.env["spp.attendance.scan"]
        new, _rejected, _first_id = scans_sudo._store(
            device_sudo, scans, following=queue._append_sql(device_sudo)
        )
        if new:
            queue._wake_after_commit()
        return new

    def _as_itself(self):
        """This terminal in the environment of its service user, for its own row and
        what it has sent: the service user need not have rights to write these."""
        context = {**self.env.context, "allowed_company_ids": self.company_id.ids}
        # At once: each environment more is looked for in every change of environment.
        return self.with_env(self.env(user=self.user_id.id, context=context, su=True))

    def _note_contact(self, stamps=None):
        """Write down that this terminal has called, and up to where it has sent.

        Not through the ORM: it happens all the time. A call alone is noted now and
        then, and never waits for whoever has the terminal's row. Stamps go with the
        rows that they cover, or not at all.

        :param dict stamps: those that are new, by table
        """
        self.ensure_one()
        now = fields.Datetime.now()
        is_due = self._is_due(self.last_contact_at, NOTED_EVERY)
        if not (stamps or is_due):
            return
        self.flush_recordset()
        if stamps:
            self.env.cr.execute(
                SQL(
                    """
                    UPDATE spp_attendance_device
                       SET push_stamps = COALESCE(push_stamps, '{}') || %s::jsonb,
                           last_contact_at = %s, last_success_at = %s
                     WHERE id = %s
                    """,
                    json.dumps(stamps),
                    now,
                    now,
                    self.id,
                ),
                log_exceptions=False,
            )
        elif not self._note(
            SQL("last_contact_at = %s, last_success_at = %s", now, now)
        ):
            return
        self.invalidate_recordset(
            ["push_stamps", "last_contact_at", "last_success_at"], flush=False
        )
        if self.health not in ("healthy", "degraded"):
            self._refresh_health()  # to call makes no difference to the others

    def _note_refusal(self, why, address):
        """Have administrators see that a call was refused.

        :param str why: as ``push_refused_for``
        """
        self.ensure_one()
        if not self._is_due(self.push_refused_at, REFUSAL_NOTED_EVERY):
            return
        _logger.info("Terminal %s: a call was refused (%s)", self.id, why)
        self._note(
            SQL(
                "push_refused_at = %s, push_refused_for = %s, push_refused_from = %s",
                fields.Datetime.now(),
                why,
                address,
            )
        )
        self.invalidate_recordset(
            ["push_refused_at", "push_refused_for", "push_refused_from"], flush=False
        )

    @api.model
    def _is_due(self, moment, every):
        return not moment or fields.Datetime.now() - moment >= every

    def _note(self, assignments):
        """Set columns of this terminal's row, unless somebody else has it just now.

        :return: whether they were set
        """
        self.flush_recordset()
        try:
            with self.env.cr.savepoint(flush=False):
                self.env.cr.execute(
                    SQL(
                        """
                        UPDATE spp_attendance_device SET %s
                         WHERE id = (SELECT id FROM spp_attendance_device
                                      WHERE id = %s FOR NO KEY UPDATE SKIP LOCKED)
                        """,
                        assignments,
                        self.id,
                    ),
                    log_exceptions=False,
                )
                return bool(self.env.cr.rowcount)
        except SerializationFailure:
            return False  # somebody had it a moment ago
