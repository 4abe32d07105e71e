from odoo import fields, models


class SppAttendanceLiveQueue(models.Model):
    """What was committed and clients are to be told of.

    Append-only: whoever commits something adds a row, and who tells takes rows away.
    """

    _name = "spp.attendance.live.queue"
    _description = "Waiting to Be Told Live"
    _order = "id"
    _log_access = False

    model = fields.Char(required=True, readonly=True)
    what = fields.Char(readonly=True, help="What became of the rows, if it matters.")
    res_ids = fields.Json(string="Rows", required=True, readonly=True)
    at = fields.Datetime(string="Announced", required=True, readonly=True)
