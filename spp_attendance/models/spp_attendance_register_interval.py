from odoo import api, fields, models
from odoo.exceptions import UserError


class SppAttendanceRegisterInterval(models.Model):
    """From when to when somebody is enrolled. No two of an attendee overlap."""

    _name = "spp.attendance.register.interval"
    _description = "Register Enrolment"
    _order = "attendee_id, start_at, id"

    # The ranges below are no index for who asks for an attendee's own.
    attendee_id = fields.Many2one(
        "spp.attendance.register.attendee",
        required=True,
        ondelete="cascade",
        index=True,
    )
    company_id = fields.Many2one(related="attendee_id.company_id", store=True)
    start_at = fields.Datetime("Enrolled", required=True)
    end_at = fields.Datetime("De-enrolled", help="Empty: still enrolled.")

    _order_of_ends = models.Constraint(
        "CHECK (end_at >= start_at)", "Nobody is de-enrolled before being enrolled."
    )
    # As ranges of numbers, for which PostgreSQL needs no extension.
    _no_overlap = models.Constraint(
        "EXCLUDE USING gist (int4range(attendee_id, attendee_id, '[]') WITH &&,"
        " tsrange(start_at, end_at) WITH &&)",
        "This person is enrolled in the register at that time already.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        intervals = super().create(vals_list)
        intervals.attendee_id._touch()
        return intervals

    def write(self, vals):
        lasting = vals.keys() & {"attendee_id", "company_id"}
        if not self.env.su and any(
            interval[name].id != vals[name] for interval in self for name in lasting
        ):
            raise UserError(self.env._("An enrolment stays with its person."))
        result = super().write(vals)
        self.attendee_id._touch()
        return result

    def unlink(self):
        attendees = self.attendee_id
        result = super().unlink()
        attendees._touch()
        return result
