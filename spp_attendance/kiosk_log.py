"""Keep the links of kiosks out of the log: whoever has one is the kiosk."""

import logging
import re
import threading

HIDDEN = "***"

# What follows the prefix, but for addresses that hold no token.
_TOKEN = re.compile(r"(/kiosk/attendance/)(?!api/|files/|worker\.js)[^/\s?#\"']+")


def hide(text):
    """A text with no token in it."""
    return _TOKEN.sub(rf"\1{HIDDEN}", text)


class _Filter(logging.Filter):
    def filter(self, record):
        message = record.getMessage()
        if "/kiosk/attendance/" in message:
            record.msg, record.args = hide(message), ()
        return True


_filter = _Filter()


def install():
    """Hide tokens in what werkzeug logs: one line a request, with its address."""
    logging.getLogger("werkzeug").addFilter(_filter)


def hide_address():
    """Hide the token in what Odoo says this thread is doing, when it lists threads."""
    thread = threading.current_thread()
    if url := getattr(thread, "url", None):
        thread.url = hide(url)
