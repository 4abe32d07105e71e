from odoo import api, fields, models
from odoo.tools.misc import format_datetime


class SppAttendanceDeviceCommand(models.Model):
    """How a command reads on a screen."""

    _inherit = "spp.attendance.device.command"

    period = fields.Char(
        string="Of the Time",
        compute="_compute_period",
        help="As the terminal's own clock shows it.",
    )

    @api.depends("start", "end")
    @api.depends_context("lang")
    def _compute_period(self):
        def shown(moment):
            return format_datetime(self.env, moment, tz="UTC", dt_format="short")

        for command in self:
            if command.start and command.end:
                command.period = self.env._(
                    "%(start)s to %(end)s",
                    start=shown(command.start),
                    end=shown(command.end),
                )
            else:
                command.period = False
