"""When a register may be marked: the one definition, for every way in.

Instants are naive ``datetime`` in UTC, to whatever fraction of a second they are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

RefusalCode = Literal[
    "unknown_register",
    "not_register_staff",
    "register_inactive",
    "outside_register",
    "not_enrolled",
    "not_enrolled_then",
]
#: From when to when, both included; without an end it goes on.
Interval = tuple[datetime, datetime | None]


class RegisterFound(NamedTuple):
    """A register as far as marking it goes.

    :ivar end_at: None: it has no end
    :ivar is_staff: who acts is on its staff now
    :ivar tz: IANA name of the zone of its place, None when it is at none
    """

    id: int
    uuid: str
    number: str
    start_at: datetime
    end_at: datetime | None
    active: bool
    is_staff: bool
    location_id: int | None = None
    type_id: int | None = None
    tz: str | None = None


def within(instant: datetime, start: datetime, end: datetime | None) -> bool:
    """Whether an instant lies between two, both of which are included."""
    return start <= instant and (end is None or instant <= end)


def handling_refusal(register: RegisterFound | None) -> RefusalCode | None:
    """Why who acts may mark nobody on a register, whenever; None: it may be done."""
    if register is None:
        return "unknown_register"
    if not register.is_staff:
        return "not_register_staff"
    if not register.active:
        return "register_inactive"
    return None


def refusal(
    register: RegisterFound | None, instant: datetime, intervals: Sequence[Interval]
) -> RefusalCode | None:
    """Why somebody may not be marked on a register at an instant; None: it may be done.

    The first reason in the order in which DIGIT gives them.

    :param register: None: there is none that who acts could see
    :param intervals: in which the person is enrolled there, in any order
    """
    code = handling_refusal(register)
    if code or register is None:
        return code
    if not within(instant, register.start_at, register.end_at):
        return "outside_register"
    if not intervals:
        return "not_enrolled"
    if not any(within(instant, start, end) for start, end in intervals):
        return "not_enrolled_then"
    return None
