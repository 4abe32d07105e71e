from odoo import api, fields, models
from odoo.exceptions import ValidationError

#: A terminal counts as gone that has not called for so many of its delays, or for so
#: many seconds, whichever is longer (reference/devices.md 2.5).
MISSED_CALLS = 3
MISSED_SECONDS = 120


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
    _push_serial_unique = models.UniqueIndex(
        "(serial) WHERE mode = 'push' AND active AND serial IS NOT NULL",
        "Another terminal with this serial number sends by itself already.",
    )
    _push_token_unique = models.UniqueIndex(
        "(push_token_hash) WHERE push_token_hash IS NOT NULL",
        "Another terminal has this address.",
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

    def _validate_connection(self):
        # One that pushes may have no address that this server could reach.
        if self.mode == "push" and not self.host:
            return
        super()._validate_connection()

    @api.model
    def _cron_reconcile(self):
        """Check that nothing is missing of what terminals have pushed."""
