from odoo import fields, models


class SppAttendanceDayPerson(models.Model):
    """Somebody of whom days are kept, and until when they are decided.

    Whoever computes days of a person changes this row first: of two who do so at the
    same time the later one has to begin again, and then sees what the other one saw.
    """

    _name = "spp.attendance.day.person"
    _description = "Whose Days Are Kept"
    _log_access = False

    subscriber_id = fields.Many2one(
        "spp.attendance.subscriber", required=True, readonly=True, ondelete="cascade"
    )
    version = fields.Integer(required=True, readonly=True, default=0, aggregator=None)
    settled_until = fields.Date(
        required=True, readonly=True, help="All days up to this one are decided."
    )
    settle_at = fields.Datetime(
        readonly=True, help="When another day has to be looked at, whatever happens."
    )

    _subscriber_unique = models.Constraint("UNIQUE (subscriber_id)")
    _settle_at_idx = models.Index("(settle_at)")
