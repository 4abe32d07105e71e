"""The rules of a shift, and the instants that they come to on a date.

Times of day are minutes after the local midnight with which the day begins; they go
beyond 1440 for a shift that ends on the morning after. Instants are whole minutes (a
reading's: whole seconds) since 1970 in UTC: numbers, because hundreds of thousands of
days are computed in one go, and a ``datetime`` costs four times as much.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from .localtime import to_utc

BreakKind = Literal["none", "fixed", "window"]
HoursMode = Literal["regular", "total", "pairs", "gross"]
RoundingMode = Literal["nearest", "down", "up"]
HolidayWork = Literal["overtime", "bands"]
MissingOut = Literal["flag", "auto_out"]
OutOnly = Literal["late", "considered", "on_time", "absent"]

_EPOCH: Final = datetime(1970, 1, 1)
_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ShiftRules:
    """What a day is measured by. The defaults are those of the shipped shift.

    :param start: from when somebody is late, and work counts
    :param end: until when regular work counts; after ``start``
    :param opens_before: minutes before ``start`` at which the day's window opens
    :param closes_after: minutes after ``end`` at which it closes
    :param late_grace: minutes after ``start`` that are considered, inclusive
    :param early_grace: minutes before ``end`` at which leaving is not early, inclusive
    :param break_kind: whether nothing is deducted, ``break_minutes``, or what the
        presence has in common with ``break_from`` to ``break_until``
    :param break_after: who was there for no longer keeps all; of ``fixed`` only
    :param hours_mode: what counts as working hours: ``regular`` (within the shift,
        without overtime), ``total`` (all but the break), ``pairs`` (from each in to
        the out after it, without another break) or ``gross``
    :param counts_early_arrival: whether ``regular`` begins before ``start``
    :param rounding: minutes to whose multiples hours are rounded last, 0 for none
    :param overtime_start: of the first band, which ends where the second begins
    :param extra_start: of the second band, which is open
    :param has_overtime: whether the first band is calculated
    :param has_extra: whether the second band is calculated
    :param snacks_from: minutes of extra overtime that earn snacks, inclusive
    :param night_bill_from: minutes of extra overtime that earn a night bill, inclusive
    :param holiday_work: whether all work on a day off is overtime, or goes by the bands
    :param missing_out: what closes a day whose last out is missing: nothing (it is
        flagged), or the end of the shift
    :param out_only: the status of a day of which nothing but an out is known
    :param trusts_types: whether what was pressed at the terminal counts; if not, the
        first reading is the in and the last one the out
    :param duplicate_seconds: readings that follow one of the same kind within so many
        are the same one
    """

    start: int = 480
    end: int = 1020
    opens_before: int = 300
    closes_after: int = 600
    late_grace: int = 5
    early_grace: int = 0
    break_kind: BreakKind = "fixed"
    break_minutes: int = 45
    break_after: int = 360
    break_from: int = 780
    break_until: int = 840
    hours_mode: HoursMode = "regular"
    counts_early_arrival: bool = False
    rounding: int = 0
    rounding_mode: RoundingMode = "nearest"
    overtime_start: int = 1020
    extra_start: int = 1140
    has_overtime: bool = True
    has_extra: bool = True
    snacks_from: int = 60
    night_bill_from: int = 300
    holiday_work: HolidayWork = "overtime"
    missing_out: MissingOut = "flag"
    out_only: OutOnly = "late"
    trusts_types: bool = True
    duplicate_seconds: int = 60

    @property
    def is_night(self) -> bool:
        """Whether the shift ends on the day after."""
        return self.end > 1440


def to_minute(instant: datetime) -> int:
    """The minute that a naive UTC instant lies in."""
    return (instant - _EPOCH) // _MINUTE


def from_minute(minute: int) -> datetime:
    """When a minute begins, in naive UTC."""
    return _EPOCH + minute * _MINUTE


class Bounds(NamedTuple):
    """The instants of a shift on one date; see :class:`ShiftRules` for what they are.

    Durations between them are real: a night in which clocks change is an hour longer
    or shorter.
    """

    opens: int
    starts: int
    ends: int
    closes: int
    breaks_from: int
    breaks_until: int
    overtime_starts: int
    extra_starts: int


def minute_of(day: date, minutes: int, tz: str) -> int:
    """The minute at which the wall clock of a zone shows a time of a day.

    :param minutes: after midnight; below 0 for the day before
    """
    midnight = datetime(day.year, day.month, day.day)
    return to_minute(to_utc(midnight + timedelta(minutes=minutes), tz))


@lru_cache(maxsize=16_384)
def bounds(rules: ShiftRules, day: date, tz: str) -> Bounds:
    """The instants of a shift that begins on ``day``, by the wall clock of ``tz``."""
    return Bounds(
        *(
            minute_of(day, minutes, tz)
            for minutes in (
                rules.start - rules.opens_before,
                rules.start,
                rules.end,
                rules.end + rules.closes_after,
                rules.break_from,
                rules.break_until,
                rules.overtime_start,
                rules.extra_start,
            )
        )
    )


def edge(before: Bounds, after: Bounds, marks: Iterable[tuple[int, str]] = ()) -> int:
    """The minute from which readings belong to the later of two consecutive days.

    Where one window closes before the next one opens, each day has half of the gap;
    what lies there is outside of both windows. Where they overlap, the middle between
    the end of one shift and the start of the next parts them, but an ``in`` begins the
    later day, and an ``out`` that comes first still ends the earlier one.

    :param before: of the earlier day
    :param after: of the later day
    :param marks: second and scan type of readings, in any order; those in the overlap
        count
    """
    opens, closes = after.opens, before.closes
    middle = (before.ends + after.starts) // 2
    if opens >= closes:
        return min(max(middle, closes), opens)
    overlap = sorted(
        (minute, kind)
        for second, kind in marks
        if opens <= (minute := second // 60) < closes
    )
    found = min(
        [
            min(max(middle, opens), closes),
            *(minute for minute, kind in overlap if kind == "in"),
        ]
    )
    for minute, kind in overlap:
        if minute >= found:
            if kind != "out":
                break
            found = minute + 1
    return found
