from odoo import fields, models


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
