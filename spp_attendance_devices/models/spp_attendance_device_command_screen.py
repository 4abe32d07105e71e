from datetime import time

from odoo import api, fields, models
from odoo.tools.misc import format_date, format_datetime

#: Whole days begin and end so.
_FIRST, _LAST = time.min, time(23, 59, 59)


class SppAttendanceDeviceCommand(models.Model):
    """How a command reads on a screen."""

    _inherit = "spp.attendance.device.command"

    period = fields.Char(
        compute="_compute_period",
        help="As the terminal's own clock shows it.",
    )

    @api.depends("start", "end")
    @api.depends_context("lang")
    def _compute_period(self):
        for command in self:
            command.period = command._describe_period()

    def _describe_period(self):
        start, end = self.start, self.end
        if not (start and end):
            return False
        whole = start.time() == _FIRST and end.time() == _LAST
        if whole and start.date() == end.date():
            return self._describe_moment(start, True)
        return self.env._(
            "%(start)s to %(end)s",
            start=self._describe_moment(start, start.time() == _FIRST),
            end=self._describe_moment(end, whole),
        )

    def _describe_moment(self, moment, is_day):
        if is_day:
            return format_date(self.env, moment.date(), date_format="short")
        return format_datetime(self.env, moment, tz="UTC", dt_format="short")
