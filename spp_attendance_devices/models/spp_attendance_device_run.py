from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

DEFAULT_DAYS = 14


class SppAttendanceDeviceRun(models.Model):
    """One conversation with a terminal: how it went and what came of it.

    Written by whoever held the lease, in the transaction of what was read. Kept for
    some weeks, to show how a terminal has been.
    """

    _name = "spp.attendance.device.run"
    _description = "Conversation with a Terminal"
    _order = "started_at desc, id desc"
    _rec_name = "started_at"

    device_id = fields.Many2one(
        "spp.attendance.device",
        string="Terminal",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True, ondelete="restrict"
    )
    kind = fields.Selection(
        [
            ("poll", "Reading"),
            ("test", "Test"),
            ("acknowledge", "Acknowledgement"),
            ("users", "Reading of people"),
            ("clock", "Setting of the clock"),
            ("push", "Setting of where it sends"),
        ],
        required=True,
        readonly=True,
    )
    started_at = fields.Datetime(string="Started", required=True, readonly=True)
    ended_at = fields.Datetime(string="Ended", required=True, readonly=True)
    duration_ms = fields.Integer(
        string="Duration (ms)", readonly=True, aggregator="avg"
    )
    read_count = fields.Integer(string="Read", readonly=True)
    new_count = fields.Integer(string="New", readonly=True)
    matched_count = fields.Integer(string="Matched", readonly=True)
    duplicate_count = fields.Integer(string="Duplicates", readonly=True)
    unmatched_count = fields.Integer(string="Unmatched", readonly=True)
    rejected_count = fields.Integer(string="Rejected", readonly=True)
    # "ok", or the code of the fault
    result = fields.Char(required=True, readonly=True)
    error_class = fields.Char(string="Fault", readonly=True)
    detail = fields.Char(string="Technical Detail", readonly=True)
    clock_drift = fields.Integer(
        string="Clock Drift (s)", readonly=True, aggregator="avg"
    )

    _started_index = models.Index("(started_at)")

    @api.autovacuum
    def _gc_runs(self):
        params_sudo = self.env["ir.config_parameter"].sudo()  # the system's setting
        value = params_sudo.get_param("spp_attendance_devices.run_days") or ""
        days = int(value) if value.isdigit() else DEFAULT_DAYS
        self.flush_model()
        # There may be very many, and nothing hangs on them.
        self.env.cr.execute(
            SQL(
                "DELETE FROM spp_attendance_device_run WHERE started_at < %s",
                fields.Datetime.now() - timedelta(days=days),
            )
        )
        self.invalidate_model(flush=False)
