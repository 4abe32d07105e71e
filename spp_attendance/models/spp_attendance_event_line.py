from odoo import fields, models

from .spp_attendance_record import CATEGORIES


class SppAttendanceEventLine(models.Model):
    """Somebody on the list of an event, expected or not."""

    _name = "spp.attendance.event.line"
    _description = "Person of an Attendance Event"
    _order = "event_id desc, id"
    _rec_name = "subscriber_id"
    _check_company_auto = True

    event_id = fields.Many2one(
        "spp.attendance.event", required=True, ondelete="cascade", index=True
    )
    company_id = fields.Many2one(related="event_id.company_id")
    subscriber_id = fields.Many2one(
        "spp.attendance.subscriber",
        string="Person",
        required=True,
        ondelete="restrict",
        check_company=True,
        index=True,
    )
    person_identifier = fields.Char(
        related="subscriber_id.person_identifier", string="Identifier"
    )
    is_expected = fields.Boolean("Expected", default=True)
    mark = fields.Selection(CATEGORIES, compute="_compute_mark")
    record_id = fields.Many2one("spp.attendance.record", compute="_compute_mark")

    _event_subscriber_unique = models.Constraint(
        "UNIQUE (event_id, subscriber_id)",
        "This person is on the list of the event already.",
    )

    def _compute_mark(self):
        self.mark = self.record_id = False
