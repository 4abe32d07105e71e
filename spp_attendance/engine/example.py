"""What a shift gives, told by examples, for whoever makes one."""

from __future__ import annotations

from datetime import date
from typing import Final, NamedTuple

from .day import Day, Mark, compute_day
from .shift_rules import ShiftRules, bounds

#: A Monday without anything special, in a zone whose clocks never change.
_DAY: Final = date(2024, 1, 15)
_ZONE: Final = "UTC"


class Example(NamedTuple):
    """Somebody's times, in minutes after midnight, and the day that they come to."""

    check_in: int
    check_out: int
    day: Day


def example(rules: ShiftRules, check_in: int, check_out: int) -> Example:
    """The working day of somebody who earns overtime.

    :param check_in: minutes after the midnight with which the day begins
    :param check_out: the same; a time before ``check_in`` is one of the day after
    """
    if check_out <= check_in:
        check_out += 1440
    at = bounds(rules, _DAY, _ZONE)
    midnight = at.starts - rules.start
    marks = (
        Mark((midnight + check_in) * 60, "in"),
        Mark((midnight + check_out) * 60, "out"),
    )
    return Example(check_in, check_out, compute_day(marks, rules, at, is_closed=True))


def examples(rules: ShiftRules) -> list[Example]:
    """A plain day, one with a late arrival, and long ones that earn something."""
    times = [
        (rules.start, rules.end),
        (rules.start + rules.late_grace + 1, rules.end),
        (rules.start, rules.extra_start),
        (rules.start, rules.extra_start + rules.snacks_from),
        (rules.start, rules.extra_start + rules.night_bill_from),
    ]
    found: dict[tuple[int, int], Example] = {}
    for came, went in times:
        if came < went < came + 1440:
            found.setdefault((came, went), example(rules, came, went))
    return list(found.values())
