from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..devices.errors import InvalidConfig
from ..devices.net import parse_networks


class ResCompany(models.Model):
    _inherit = "res.company"

    attendance_scan_window = fields.Integer(
        "Same Scan Within (s)",
        default=60,
        required=True,
        help="A person who is scanned again within so many seconds, the same way and at"
        " whatever terminal, was there once. 0: every scan counts.",
    )
    attendance_drift_limit = fields.Integer(
        "Clock Off by (s)",
        default=60,
        required=True,
        help="Scans are flagged while the terminal's clock is off by more.",
    )
    attendance_silent_hours = fields.Integer(
        "Silent for (h)",
        default=24,
        required=True,
        help="A terminal that was not read for so long holds nothing back any more:"
        " days are decided without it, and flagged.",
    )
    attendance_terminal_networks = fields.Text(
        "Networks of Terminals",
        help="Networks that terminals may be in, such as 10.0.0.0/8, one a line. Empty:"
        " every address but those of this server itself and other special ones.",
    )

    @api.constrains(
        "attendance_scan_window", "attendance_drift_limit", "attendance_silent_hours"
    )
    def _check_attendance_terminal_times(self):
        for company_sudo in self.sudo():  # whoever may set it may have it checked
            if not 0 <= company_sudo.attendance_scan_window <= 3600:
                raise ValidationError(
                    self.env._(
                        "The same scan again: choose from 0 to 3600 seconds, which is"
                        " an hour."
                    )
                )
            if not 1 <= company_sudo.attendance_drift_limit <= 3600:
                raise ValidationError(
                    self.env._("Wrong clocks: choose from 1 to 3600 seconds.")
                )
            if not 1 <= company_sudo.attendance_silent_hours <= 720:
                raise ValidationError(
                    self.env._(
                        "Silent terminals: choose from 1 to 720 hours, which is 30"
                        " days."
                    )
                )

    @api.constrains("attendance_terminal_networks")
    def _check_attendance_terminal_networks(self):
        for company_sudo in self.sudo():  # whoever may set it may have it checked
            lines = (company_sudo.attendance_terminal_networks or "").split()
            for line in lines:
                try:
                    parse_networks([line])
                except InvalidConfig as error:
                    raise ValidationError(
                        self.env._(
                            "Networks of terminals: “%(line)s” is none. Write one a"
                            " line, such as 10.0.0.0/8 or 192.168.1.20.",
                            line=line,
                        )
                    ) from error
