"""Keep what lets a terminal send out of the log: whoever has it can send scans."""

import re

from odoo.addons.spp_attendance.token_log import TokenLog

#: What follows it is a secret.
PREFIX = "/attendance-devices/hikvision/"


class _KeyLog(TokenLog):
    """Hides the key that a terminal says as it begins, in the query of its call."""

    def __init__(self):
        super().__init__("/iclock/")
        self._token = re.compile(r"([?&]pushcommkey=)[^&\s]*", re.IGNORECASE)


_logs = (TokenLog(PREFIX), _KeyLog())


def install():
    """Hide secrets in what werkzeug logs: one line a request, with its address."""
    for log in _logs:
        log.install()


def hide_address():
    """Hide them in what Odoo says this thread is doing, when it lists threads."""
    for log in _logs:
        log.hide_address()
