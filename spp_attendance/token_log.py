"""Keep links that are secrets out of the log."""

import logging
import re
import threading

HIDDEN = "***"


class TokenLog(logging.Filter):
    """Hides what follows a prefix in the path of an address.

    :param str prefix: such as ``/kiosk/attendance/``
    :param str but: a regular expression of what may follow it and is no token
    """

    def __init__(self, prefix, but=""):
        super().__init__()
        self._prefix = prefix
        refused = f"(?!{but})" if but else ""
        self._token = re.compile(rf"({re.escape(prefix)}){refused}[^/\s?#\"']+")

    def hide(self, text):
        """A text with no token in it."""
        return self._token.sub(rf"\1{HIDDEN}", text)

    def filter(self, record):
        message = record.getMessage()
        if self._prefix in message:
            record.msg, record.args = self.hide(message), ()
        return True

    def install(self):
        """Hide tokens in what werkzeug logs: one line a request, with its address."""
        logging.getLogger("werkzeug").addFilter(self)

    def hide_address(self):
        """Hide the token in what Odoo says this thread is doing, when it lists
        threads."""
        thread = threading.current_thread()
        if url := getattr(thread, "url", None):
            thread.url = self.hide(url)
