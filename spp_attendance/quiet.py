"""Statements that may fail, without a word in the log: their caller says what follows.

Odoo's `mute_logger` silences a logger for all threads, and two of them that leave it in
another order than they came leave it as it was not.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_quiet: ContextVar[bool] = ContextVar("spp_attendance_quiet", default=False)


def _is_heard(_record: logging.LogRecord) -> bool:
    return not _quiet.get()


logging.getLogger("odoo.sql_db").addFilter(_is_heard)


@contextmanager
def quiet_sql() -> Iterator[None]:
    """Keep what this thread's statements complain about out of the log meanwhile."""
    token = _quiet.set(True)
    try:
        yield
    finally:
        _quiet.reset(token)
