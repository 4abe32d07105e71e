from odoo import api, fields, models


class SppAttendanceDeviceCommand(models.Model):
    """Something that a terminal which pushes is asked to do when it next calls.

    Handed out again when no answer came: only what does no harm twice is asked.
    """

    _name = "spp.attendance.device.command"
    _description = "Command to a Terminal"
    _order = "id desc"
    _rec_name = "kind"

    device_id = fields.Many2one(
        "spp.attendance.device",
        string="Terminal",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(
        related="device_id.company_id", store=True, index=True, readonly=True
    )
    kind = fields.Selection(
        [
            ("upload", "Send scans again"),
            ("clock", "Set the clock"),
            ("info", "Tell about itself"),
            ("verify", "Count scans"),
            ("reboot", "Restart"),
        ],
        string="Command",
        required=True,
        readonly=True,
    )
    start = fields.Datetime(string="From", readonly=True, help="In its own zone.")
    end = fields.Datetime(string="Until", readonly=True, help="In its own zone.")
    state = fields.Selection(
        [
            ("pending", "Waiting"),
            ("sent", "Handed Out"),
            ("done", "Done"),
            ("failed", "Failed"),
        ],
        string="Status",
        required=True,
        readonly=True,
        default="pending",
        index=True,
    )
    sent_at = fields.Datetime(string="Handed Out At", readonly=True)
    attempts = fields.Integer(string="Times Handed Out", readonly=True, aggregator=None)
    answered_at = fields.Datetime(string="Answered", readonly=True)
    code = fields.Integer(
        string="Answer Code",
        readonly=True,
        aggregator=None,
        help="As the terminal gave it: 0 and above is good.",
    )
    counted = fields.Integer(string="Scans Counted", readonly=True, aggregator=None)
    detail = fields.Char(string="Details", readonly=True)

    @api.model
    def _queue(self, device, kind, start=None, end=None):
        """Have a terminal asked for something when it next calls.

        What waits already is not asked twice.

        :param device: one terminal that pushes
        :param start, end: naive, in the terminal's zone
        :return: the command
        """
        same = self.search(
            [
                ("device_id", "=", device.id),
                ("kind", "=", kind),
                ("start", "=", start or False),
                ("end", "=", end or False),
                ("state", "in", ("pending", "sent")),
            ],
            limit=1,
        )
        return same or self.create(
            {"device_id": device.id, "kind": kind, "start": start, "end": end}
        )
