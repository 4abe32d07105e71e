from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from odoo.addons.spp_oauth.tools.notices import CLOSE, notice

#: Commands about the scans of a time.
_OF_A_TIME = ("upload", "verify")
#: Days that are asked for at once: a terminal sends them in one go.
LONGEST = 93


class SppAttendanceDeviceAsk(models.TransientModel):
    """What a terminal that sends by itself is asked to do when it next calls."""

    _name = "spp.attendance.device.ask"
    _description = "Ask a Terminal"
    _rec_name = "kind"

    device_id = fields.Many2one(
        "spp.attendance.device",
        string="Terminal",
        required=True,
        readonly=True,
        ondelete="cascade",
    )
    kind = fields.Selection(
        selection="_selection_kind", string="Command", required=True, default="info"
    )
    first_day = fields.Date(
        string="From",
        default=lambda self: fields.Date.context_today(self) - timedelta(days=7),
    )
    last_day = fields.Date(
        string="Until", default=lambda self: fields.Date.context_today(self)
    )

    @api.model
    def _selection_kind(self):
        commands = self.env["spp.attendance.device.command"]
        return commands._fields["kind"]._description_selection(self.env)

    @api.constrains("kind", "first_day", "last_day")
    def _check_days(self):
        for wizard in self:
            if wizard.kind not in _OF_A_TIME:
                continue
            if not (wizard.first_day and wizard.last_day):
                raise ValidationError(self.env._("Enter the first and the last day."))
            days = (wizard.last_day - wizard.first_day).days + 1
            if not 1 <= days <= LONGEST:
                raise ValidationError(
                    self.env._(
                        "Choose from 1 to %s days, the last one not before the first.",
                        LONGEST,
                    )
                )

    def action_ask(self):
        """Queue the command; the terminal fetches it."""
        self.ensure_one()
        self.check_access("write")
        device = self.device_id
        device.check_access("write")
        if device.mode != "push" or device.push_kind != "adms":
            raise UserError(
                self.env._("“%s” takes no commands: it does not call.", device.name)
            )
        self.env["spp.attendance.device.command"]._queue(
            device, self.kind, *self._times()
        )
        return notice(
            "info",
            self.env._(
                "“%s” is asked when it next calls. Its answer shows under Commands.",
                device.name,
            ),
            CLOSE,
        )

    def _times(self):
        """First and last second that are asked for, in the terminal's zone."""
        if self.kind not in _OF_A_TIME:
            return None, None
        start = fields.Datetime.to_datetime(self.first_day)
        end = fields.Datetime.to_datetime(self.last_day)
        return start, end + timedelta(days=1, seconds=-1)
