"""What screens and apps give by RPC, read or refused in words."""

from __future__ import annotations

from datetime import date
from typing import Any

from odoo.exceptions import UserError
from odoo.fields import Date


def read_date(env: Any, value: Any) -> date | None:
    """A date that was given; None when there is none.

    :param value: ISO 8601, maybe with a time behind it, which isn't read; a date of
        Python's; or nothing
    :raises UserError: when it is anything else
    """
    if value is None or value is False or value == "":
        return None
    try:
        if isinstance(value, date | str):
            return Date.to_date(value)
        problem = None
    except ValueError as error:
        problem = error
    raise UserError(
        env._(
            "“%(value)s” is not a date. Write it as 2026-11-23.",
            value=str(value)[:40],
        )
    ) from problem


def need_date(env: Any, value: Any) -> date:
    """As :func:`read_date`, where there must be one."""
    found = read_date(env, value)
    if found is None:
        raise UserError(env._("Say which day it is, such as 2026-11-23."))
    return found


def read_id(env: Any, value: Any) -> int | None:
    """An id of a record that was given; None when there is none.

    :param value: an integer, also as text; or nothing
    :raises UserError: when it is anything else
    """
    if value is None or value is False or value == "":
        return None
    if isinstance(value, int | str) and not isinstance(value, bool):
        try:
            found = int(value)
        except ValueError:
            found = -1
        if 0 <= found < 2**31:
            return found or None
    raise UserError(
        env._(
            "“%(value)s” is not the ID of a record. Give a number.",
            value=str(value)[:40],
        )
    )
