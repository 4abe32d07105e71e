from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ..devices import adms

#: What got no answer for so long is handed out again, so many times in all.
ANSWERED_WITHIN = timedelta(minutes=10)
ATTEMPTS = 3
#: How long one that is done or has failed can be looked up.
KEPT = timedelta(days=90)


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

    _open_index = models.Index("(device_id, id) WHERE state IN ('pending', 'sent')")

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

    @api.model
    def _hand_out(self, device):
        """Give a terminal that asks what it is to do, in the order of asking.

        What it got and did not answer it gets again; at last it has failed.

        :param device: one terminal
        :return: list of (id, kind, start, end)
        """
        self.flush_model()
        now = fields.Datetime.now()
        self.env.cr.execute(
            SQL(
                """
                WITH due AS MATERIALIZED (
                    SELECT id, state = 'sent' AND attempts >= %(attempts)s AS given_up
                      FROM spp_attendance_device_command
                     WHERE device_id = %(device)s AND state IN ('pending', 'sent')
                       AND (state = 'pending' OR sent_at < %(patience)s)
                  ORDER BY id
                     LIMIT %(limit)s
                       FOR NO KEY UPDATE SKIP LOCKED)
                UPDATE spp_attendance_device_command c
                   SET state = CASE WHEN given_up THEN 'failed' ELSE 'sent' END,
                       sent_at = CASE WHEN given_up THEN sent_at ELSE %(now)s END,
                       attempts = COALESCE(attempts, 0)
                           + CASE WHEN given_up THEN 0 ELSE 1 END,
                       detail = CASE WHEN given_up THEN 'no answer' END,
                       write_date = %(now)s
                  FROM due
                 WHERE c.id = due.id
             RETURNING c.id, c.kind, c.start, c."end", c.state
                """,
                attempts=ATTEMPTS,
                device=device.id,
                patience=now - ANSWERED_WITHIN,
                limit=adms.MAX_COMMANDS,
                now=now,
            ),
            # Of two calls of one terminal at once, one begins again.
            log_exceptions=False,
        )
        rows = sorted(self.env.cr.fetchall())
        if rows:
            self.invalidate_model(flush=False)
        for row in rows:
            if row[4] == "failed":
                device._check_answered(self.browse(row[0]))
        return [row[:4] for row in rows if row[4] == "sent"]

    @api.model
    def _take_answers(self, device, results):
        """Write down how commands went; an answer to what nobody asked is passed over.

        :param device: the terminal that tells
        :param results: :class:`adms.Result`
        :return: list of (command, result)
        """
        by_id = {int(res.id): res for res in results if _is_id(res.id)}
        commands = self.search(
            [
                ("id", "in", list(by_id)),
                ("device_id", "=", device.id),
                ("state", "!=", "done"),
                ("sent_at", "!=", False),
            ]
        )
        for command in commands:
            result = by_id[command.id]
            command.write(
                {
                    "state": "done" if result.ok else "failed",
                    "answered_at": fields.Datetime.now(),
                    "code": result.code,
                    "counted": result.counted,
                    "detail": result.reason or False,
                }
            )
        return [(command, by_id[command.id]) for command in commands]

    @api.autovacuum
    def _gc_settled(self):
        self.flush_model()
        # There may be very many, and nothing hangs on them.
        self.env.cr.execute(
            SQL(
                "DELETE FROM spp_attendance_device_command"
                " WHERE state IN ('done', 'failed') AND write_date < %s",
                fields.Datetime.now() - KEPT,
            )
        )
        self.invalidate_model(flush=False)


def _is_id(text):
    return text.isascii() and text.isdigit() and int(text) < 2**31
