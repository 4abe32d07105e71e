from odoo import fields, models


class SppAttendanceDevicePending(models.Model):
    """A terminal that calls and that nobody has set up: somebody has to decide.

    Its serial number is all that is known of it, and no more than a claim: nothing of
    what it sends is taken. It keeps its scans until it is known.
    """

    _name = "spp.attendance.device.pending"
    _description = "Unknown Terminal"
    _order = "last_seen_at desc, id desc"
    _rec_name = "serial"
    _log_access = False

    serial = fields.Char(string="Serial Number", required=True, readonly=True)
    address = fields.Char(readonly=True, help="From where it called last.")
    firmware = fields.Char(readonly=True)
    first_seen_at = fields.Datetime(string="First Seen", required=True, readonly=True)
    last_seen_at = fields.Datetime(string="Last Seen", required=True, readonly=True)
    calls = fields.Integer(readonly=True, aggregator=None)

    _serial_unique = models.Constraint("UNIQUE (serial)", "It is known to be unknown.")
