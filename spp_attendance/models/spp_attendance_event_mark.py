from odoo import fields, models


class SppAttendanceEventMark(models.Model):
    """One save of marks at an event: what it takes to undo it."""

    _name = "spp.attendance.event.mark"
    _description = "Saved Marks of an Attendance Event"
    _order = "id desc"
    _rec_name = "create_date"

    event_id = fields.Many2one(
        "spp.attendance.event",
        required=True,
        ondelete="cascade",
        index=True,
        readonly=True,
    )
    # {record id: [mark before, mark after]}, a mark being "present", "absent" or null.
    entries = fields.Json(readonly=True)
    mark_count = fields.Integer("Marks", readonly=True)
    problem = fields.Text(readonly=True, help="Who could not be marked, and why.")
    is_undone = fields.Boolean("Undone", readonly=True)
    create_uid = fields.Many2one("res.users", string="By", readonly=True)
    create_date = fields.Datetime(string="When", readonly=True)
