from odoo import api, fields, models
from odoo.fields import Domain


class SppAttendanceRegisterAttendee(models.Model):
    """Somebody on a register: one row a person, however often enrolled anew.

    When is said by the intervals; ``enrolled_at`` and ``unenrolled_at`` are those of
    the last one.
    """

    _name = "spp.attendance.register.attendee"
    _description = "Register Attendee"
    _inherit = ["spp.attendance.audited.mixin"]
    _order = "register_id, id"
    _rec_name = "subscriber_id"
    _check_company_auto = True

    register_id = fields.Many2one(
        "spp.attendance.register", required=True, ondelete="cascade"
    )
    company_id = fields.Many2one(related="register_id.company_id", store=True)
    subscriber_id = fields.Many2one(
        "spp.attendance.subscriber",
        "Person",
        required=True,
        ondelete="restrict",
        index=True,
        check_company=True,
    )
    tag = fields.Char(size=64, index="btree_not_null", help="A team, a group, a shift.")
    interval_ids = fields.One2many(
        "spp.attendance.register.interval", "attendee_id", "Enrolments"
    )
    enrolled_at = fields.Datetime(
        "Enrolled", compute="_compute_interval", store=True, readonly=True
    )
    unenrolled_at = fields.Datetime(
        "De-enrolled", compute="_compute_interval", store=True, readonly=True
    )
    is_enrolled = fields.Boolean(
        "Enrolled Now", compute="_compute_is_enrolled", search="_search_is_enrolled"
    )

    _uuid_unique = models.UniqueIndex("(uuid)", "The UUID must be unique.")
    _person_unique = models.UniqueIndex(
        "(register_id, subscriber_id)", "This person is on the register already."
    )

    @api.depends("interval_ids.start_at", "interval_ids.end_at")
    def _compute_interval(self):
        for attendee in self:
            last = attendee.interval_ids.sorted("start_at")[-1:]
            attendee.enrolled_at = last.start_at
            attendee.unenrolled_at = last.end_at

    @api.depends("enrolled_at", "unenrolled_at")
    def _compute_is_enrolled(self):
        now = fields.Datetime.now()
        for attendee in self:
            start, end = attendee.enrolled_at, attendee.unenrolled_at
            attendee.is_enrolled = bool(
                start and start <= now and (not end or end > now)
            )

    @api.model
    def _search_is_enrolled(self, operator, value):
        if operator != "in":
            return NotImplemented
        now = fields.Datetime.now()
        return Domain("enrolled_at", "<=", now) & (
            Domain("unenrolled_at", "=", False) | Domain("unenrolled_at", ">", now)
        )
