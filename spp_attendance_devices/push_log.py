"""Keep the addresses of terminals that push out of the log: whoever has one can send
scans."""

from odoo.addons.spp_attendance.token_log import TokenLog

#: What follows it is a secret.
PREFIX = "/attendance-devices/hikvision/"
_log = TokenLog(PREFIX)

install = _log.install
hide_address = _log.hide_address
