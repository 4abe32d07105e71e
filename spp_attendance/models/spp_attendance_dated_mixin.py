from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..engine import localtime


class SppAttendanceDatedMixin(models.AbstractModel):
    """Something of a type, at a place, on a date and at a time of that place.

    A model adds its own ``company_id``, and ``tz``: the zone that date and time are of.
    Times come in as people type them, and are stored as HH:MM:SS.
    """

    _name = "spp.attendance.dated.mixin"
    _description = "Dated Attendance"
    _check_company_auto = True

    #: What a new time of day is taken from now: to the minute.
    _TIME_NOW = "%H:%M:00"

    def _default_local_date(self):
        return self._now_local().date()

    def _default_local_time(self):
        return self._now_local().strftime(self._TIME_NOW)

    type_id = fields.Many2one(
        "spp.attendance.type",
        ondelete="restrict",
        check_company=True,
        index="btree_not_null",
    )
    location_id = fields.Many2one(
        "spp.attendance.location",
        ondelete="restrict",
        check_company=True,
        index="btree_not_null",
    )
    local_date = fields.Date(
        string="Date", required=True, default=lambda self: self._default_local_date()
    )
    local_time = fields.Char(
        string="Time",
        required=True,
        size=8,
        default=lambda self: self._default_local_time(),
    )
    description = fields.Text()

    _local_time_form = models.Constraint(
        "CHECK (local_time ~ '^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$')",
        "The time must be written as 08:30:00.",
    )

    @api.onchange("local_time")
    def _onchange_local_time(self):
        """Complete what is typed, or say at once what is wrong with it.

        What is wrong stays there, for saving to refuse: an error raised here would put
        the former time back, and a form that is being saved would be saved with that.
        """
        if self.local_time:
            try:
                self.local_time = self._parse_time_of_day(self.local_time)
            except ValidationError as error:
                return {"warning": {"type": "notification", "message": str(error)}}
        return None

    @api.model
    def _parse_time_of_day(self, text):
        """What somebody typed, such as 830 or 8:30, as HH:MM:SS.

        :raises ValidationError: when it is no time of day
        """
        try:
            return localtime.parse_time_of_day(text)
        except localtime.LocalTimeError as error:
            raise ValidationError(
                self.env._(
                    "“%(text)s” is not a time of day. Write it as 08:30 or 08:30:15.",
                    text=text,
                )
            ) from error

    @api.model
    def _now_local(self, tz=None):
        """The time it is now, naive, in a zone or else in the company's."""
        return localtime.to_local(
            fields.Datetime.now(), tz or self.env.company.attendance_tz
        )
