from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL


class SppAttendanceScan(models.Model):
    """A raw reading, kept as the terminal gave it.

    Append-only: what was read never changes, only what became of it. A scan that
    can't be right (31 February, the year 2099) is kept too, as rejected; there is no
    newest timestamp that it could falsify, because what is new is found by the unique
    index alone.
    """

    _name = "spp.attendance.scan"
    _description = "Terminal Scan"
    _order = "scan_time DESC NULLS LAST, id DESC"
    _rec_name = "user_code"

    _mutable_fields = frozenset(
        {
            "state",
            "reason_code",
            "reason",
            "subscriber_id",
            "record_id",
            "duplicate_of_id",
        }
    )

    device_id = fields.Many2one(
        "spp.attendance.device",
        string="Terminal",
        required=True,
        readonly=True,
        ondelete="restrict",
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True, ondelete="restrict"
    )
    user_code = fields.Char(string="Badge", readonly=True)
    local_time_raw = fields.Char(
        string="Time on the Terminal",
        required=True,
        readonly=True,
        help="Local time, verbatim as the terminal gave it.",
    )
    scan_time = fields.Datetime(
        string="Time", readonly=True, index=True, help="Empty for an impossible date."
    )
    local_date = fields.Date(
        string="Day", readonly=True, help="Local day where the terminal is."
    )
    scan_type = fields.Selection(
        [
            ("in", "In"),
            ("out", "Out"),
            ("break_start", "Break start"),
            ("break_end", "Break end"),
            ("overtime_in", "Overtime in"),
            ("overtime_out", "Overtime out"),
            ("none", "None"),
        ],
        required=True,
        readonly=True,
    )
    raw = fields.Json(string="Raw Data", readonly=True)
    number = fields.Char(
        string="Event Number", readonly=True, help="The terminal's own, if it has one."
    )
    card = fields.Char(string="Card Number", readonly=True)
    flag = fields.Selection(
        [("duress", "Under duress"), ("clock", "Clock was off")], readonly=True
    )
    clock_drift = fields.Integer(
        string="Clock Drift (s)",
        readonly=True,
        aggregator=None,
        help="Terminal minus server when the scan was read.",
    )
    scan_uid = fields.Char(string="Unique Id", required=True, readonly=True)
    received_at = fields.Datetime(string="Received", required=True, readonly=True)
    state = fields.Selection(
        [
            ("unmatched", "Unmatched"),
            ("matched", "Matched"),
            ("duplicate", "Duplicate"),
            ("rejected", "Rejected"),
        ],
        string="Status",
        required=True,
        readonly=True,
    )
    reason_code = fields.Selection(
        [
            ("no_code", "No badge number"),
            ("malformed", "Not understood"),
            ("bad_code", "Not a badge number"),
            ("bad_date", "Impossible date"),
            ("too_old", "Before 2010"),
            ("future", "In the future"),
            ("refused", "Refused as attendance"),
            ("same_scan", "Within moments of another scan"),
        ],
        string="Reason",
        readonly=True,
    )
    reason = fields.Char(string="Details", readonly=True)
    subscriber_id = fields.Many2one(
        "spp.attendance.subscriber",
        string="Person",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
    )
    record_id = fields.Many2one(
        "spp.attendance.record",
        string="Attendance",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
    )

    duplicate_of_id = fields.Many2one(
        "spp.attendance.scan",
        string="Same As",
        readonly=True,
        index="btree_not_null",
        ondelete="restrict",
    )

    _scan_unique = models.Constraint(
        "UNIQUE (device_id, scan_uid)", "This scan was received before."
    )
    _waiting_index = models.Index("(device_id, user_code) WHERE state = 'unmatched'")

    # ----------------------------------------------------------------- CRUD

    def write(self, vals):
        if not self._mutable_fields.issuperset(vals):
            raise UserError(self.env._("What a terminal has read can't be changed."))
        return super().write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_always(self):
        raise UserError(self.env._("Scans are kept; they can't be deleted."))

    # -------------------------------------------------------------- actions

    def action_assign(self):
        """Say whose badge it is; its other waiting scans follow."""
        self.ensure_one()
        return self._action_assign(self.device_id, self.user_code)

    @api.model
    def _action_assign(self, device, user_code):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Assign Badge"),
            "res_model": "spp.attendance.scan.assign",
            "view_mode": "form",
            "target": "new",
            "context": {
                "default_device_id": device.id,
                "default_user_code": user_code,
            },
        }

    def action_retry(self):
        """Try to record refused scans again, after what was wrong was put right."""
        if not self.env.user.has_group("spp_attendance.spp_attendance_group_officer"):
            raise AccessError(self.env._("Only officers may do this."))
        self.check_access("read")
        again = self.filtered(lambda scan: scan.reason_code == "refused")
        self.flush_model()
        # Not through the ORM: nobody has rights to write a scan.
        self.env.cr.execute(
            SQL(
                """
                UPDATE spp_attendance_scan
                   SET state = 'unmatched', reason_code = NULL, reason = NULL,
                       subscriber_id = NULL,
                       write_uid = %s, write_date = %s
                 WHERE id = ANY(%s)
                """,
                self.env.uid,
                fields.Datetime.now(),
                again.ids,
            ),
            log_exceptions=False,
        )
        self.invalidate_model(flush=False)
        for device in again.device_id:
            self._match(device)
        return True
