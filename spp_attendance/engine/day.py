"""A day of somebody's work, from what was read of it: one pure function.

The same function serves a reading that came in a second ago, a year that is computed
anew, and a day that a form wants to know in advance. Nothing in it depends on the order
in which readings arrived. Instants and durations are whole minutes; see
:mod:`.shift_rules`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from .scan_types import DIRECTIONS, Direction, ScanType
from .shift_rules import Bounds, ShiftRules
from .statuses import DayType, Status

#: Hundredths of a day that is somebody's leave from its beginning to its end.
WHOLE: Final = 100

_Stretch = tuple[int, int]


class Mark(NamedTuple):
    """One record, as far as a day depends on it.

    :param second: since 1970 in UTC
    :param is_absent: whether it says that somebody was not there
    """

    second: int
    scan_type: ScanType
    is_absent: bool = False


class Leave(NamedTuple):
    """A leave that somebody has on a day.

    :param code: of its kind, ``Sick``
    :param abbreviation: in a timesheet, ``LS``
    :param hundredths: of the day that it takes, 100 for all of it
    :param away_from: the minute from which somebody may be away; None for the whole day
    :param away_until: the minute until which
    """

    code: str
    abbreviation: str
    hundredths: int = WHOLE
    away_from: int | None = None
    away_until: int | None = None


class Override(NamedTuple):
    """What a person decided of a day, in the place of what was read.

    None leaves a thing as it is computed. Hours follow from the times, unless they are
    given too.

    :param is_time_set: whether ``check_in`` and ``check_out`` replace both, so that
        None means that there is none
    :param is_forgiven: whether a late arrival counts as considered
    """

    status: Status | None = None
    check_in: int | None = None
    check_out: int | None = None
    is_time_set: bool = False
    is_forgiven: bool = False
    net: int | None = None
    working: int | None = None
    overtime: int | None = None
    extra_overtime: int | None = None
    snacks_eligible: bool | None = None
    night_bill_eligible: bool | None = None


class Day(NamedTuple):
    """What a day comes to.

    :param status: None as long as nothing is known of the day
    :param day_type: what kind of day it is, whoever was there
    :param leave: kind of the leave that the day is, or is partly
    :param leave_hundredths: of the day that are leave
    :param check_in: when somebody came, None when that isn't known
    :param check_out: when somebody went, after ``check_in``; without that only when
        somebody decided it
    :param gross: from check-in to check-out
    :param break_minutes: deducted from it
    :param net: without the break
    :param working: the hours as the shift counts them (``hours_mode``)
    :param overtime: in the first band
    :param extra_overtime: in the second band
    :param late: after the start of the shift
    :param early_exit: before its end
    :param count: of the readings, without those that repeat another one
    :param duplicates: readings that repeat another one
    :param missing_in: somebody went who never came
    :param missing_out: somebody came who never went, and the day is over
    :param is_auto_out: ``check_out`` is the end of the shift, for lack of a reading
    :param has_conflict: somebody was there on a day of leave, or is said to have been
        absent and was there
    """

    status: Status | None
    day_type: DayType
    leave: str | None
    leave_hundredths: int
    check_in: int | None
    check_out: int | None
    gross: int
    break_minutes: int
    net: int
    working: int
    overtime: int
    extra_overtime: int
    late: int
    early_exit: int
    snacks_eligible: bool
    night_bill_eligible: bool
    count: int
    duplicates: int
    missing_in: bool
    missing_out: bool
    is_auto_out: bool
    has_conflict: bool


class _Times(NamedTuple):
    """When somebody came and went.

    :param last_out: the last reading that isn't an in, whether somebody came or not
    :param stretches: from each in to the out after it
    :param is_inside: whether the last in has no out
    """

    check_in: int | None
    check_out: int | None
    last_out: int | None
    stretches: Sequence[_Stretch]
    is_inside: bool
    count: int
    duplicates: int


class _Hours(NamedTuple):
    gross: int
    break_minutes: int
    net: int
    working: int
    overtime: int
    extra_overtime: int


_NOTHING: Final = _Times(None, None, None, (), False, 0, 0)
_NO_HOURS: Final = _Hours(0, 0, 0, 0, 0, 0)


def _times(marks: Sequence[Mark], rules: ShiftRules) -> _Times:
    """What readings, in their order, say of coming and going.

    Somebody came with the first reading that isn't an out, and went with the last one
    that isn't an in. However those in between are understood, that is so: one reading
    more never makes a day shorter.
    """
    ways, came, last, went = _course(marks, rules)
    kept = _kept(marks, ways, rules.duplicate_seconds, went)
    stretches, is_inside = _stretches(marks, ways, kept)
    return _Times(
        None if came is None else marks[came][0] // 60,
        None if went is None else marks[went][0] // 60,
        None if last is None else marks[last][0] // 60,
        stretches,
        is_inside,
        len(kept),
        len(marks) - len(kept),
    )


def _course(
    marks: Sequence[Mark], rules: ShiftRules
) -> tuple[list[Direction | None], int | None, int | None, int | None]:
    """Which way each reading is, and the numbers of those that say when somebody came,
    of the last one that isn't an in, and of that with which somebody went."""
    if rules.trusts_types:
        ways = [DIRECTIONS[mark[1]] for mark in marks]
    else:
        ways = [None] * len(marks)
    numbers = range(len(marks))
    came = next((number for number in numbers if ways[number] != "out"), None)
    last = next((n for n in reversed(numbers) if ways[n] != "in"), None)
    went = None
    if came is not None and last is not None:
        near = rules.duplicate_seconds
        went = last if marks[last][0] > marks[came][0] + near else None
    return ways, came, last, went


def readings(
    marks: Iterable[Mark], rules: ShiftRules, at: Bounds
) -> list[tuple[int, ScanType]]:
    """The readings that a day counts, in their order: each with its second and kind.

    One that doesn't say which way somebody went is the other way than the one before.

    :param marks: all records of the day, in any order; tuples of that shape will do
    :param rules: of the shift that was in force
    :param at: the instants of it on that date
    """
    opens, closes = at.opens * 60, at.closes * 60
    present = sorted(m for m in marks if not m[2] and opens <= m[0] < closes)
    ways, _came, _last, went = _course(present, rules)
    found: list[tuple[int, ScanType]] = []
    way: Direction = "out"
    for number in _kept(present, ways, rules.duplicate_seconds, went):
        second, kind, _is_absent = present[number]
        way = DIRECTIONS[kind] or ("out" if way == "in" else "in")
        found.append((second, way if kind == "none" else kind))
    return found


def _kept(
    marks: Sequence[Mark], ways: Sequence[str | None], near: int, went: int | None
) -> list[int]:
    """Which readings are not there for the second time.

    Of those that repeat one another the first counts, but when somebody went the last.
    """
    kept: list[int] = []
    for number, mark in enumerate(marks):
        if kept:
            last = kept[-1]
            way, former = ways[number], ways[last]
            if mark[0] - marks[last][0] <= near and (
                way == former or way is None or former is None
            ):
                if number == went:
                    kept[-1] = number
                continue
        kept.append(number)
    return kept


def _stretches(
    marks: Sequence[Mark], ways: Sequence[str | None], kept: Sequence[int]
) -> tuple[list[_Stretch], bool]:
    """The stretches from each in to the out after it, and whether one is open.

    A reading that doesn't say which way somebody went is the other way than the one
    before it; one that says the same way again is passed over.
    """
    stretches = []
    since = None
    for number in kept:
        way = ways[number]
        if since is None:
            if way != "out":
                since = marks[number][0] // 60
        elif way != "in":
            stretches.append((since, marks[number][0] // 60))
            since = None
    return stretches, since is not None


def _common(since: int, until: int, lower: int, upper: int) -> int:
    """What two stretches have in common."""
    return max(0, min(until, upper) - max(since, lower))


def _break(since: int, until: int, rules: ShiftRules, at: Bounds) -> int:
    """What is deducted from a presence."""
    kind = rules.break_kind
    if kind == "none" or rules.hours_mode == "pairs":
        return 0
    if kind == "window":
        return _common(since, until, at.breaks_from, at.breaks_until)
    gross = until - since
    return min(gross, rules.break_minutes) if gross > rules.break_after else 0


def rounded(minutes: int, rules: ShiftRules) -> int:
    """A duration as the shift rounds it; the middle goes up."""
    step = rules.rounding
    if step <= 1:
        return minutes
    if rules.rounding_mode == "down":
        return minutes // step * step
    if rules.rounding_mode == "up":
        return -(-minutes // step) * step
    return (minutes * 2 + step) // (step * 2) * step


def _hours(
    times: _Times, rules: ShiftRules, at: Bounds, is_off: bool, earns_overtime: bool
) -> _Hours:
    """How long somebody worked.

    :param is_off: whether all work of the day is overtime
    """
    since, until = times.check_in, times.check_out
    if since is None or until is None:
        return _NO_HOURS
    gross = until - since
    pause = _break(since, until, rules, at)
    stretches: Sequence[_Stretch] = ((since, until),)
    net = gross - pause
    if rules.hours_mode == "pairs":
        stretches = times.stretches
        net = sum(end - start for start, end in stretches)
    overtime = extra = 0
    if earns_overtime:
        for start, end in stretches:
            if rules.has_overtime:
                overtime += _common(start, end, at.overtime_starts, at.extra_starts)
            if rules.has_extra:
                extra += max(0, end - max(start, at.extra_starts))
        if is_off and rules.has_overtime:
            overtime = max(0, net - extra)
    if rules.hours_mode == "regular":
        start = since if rules.counts_early_arrival else max(since, at.starts)
        working = max(0, min(until, at.ends) - start - pause)
        if is_off and earns_overtime and rules.has_overtime:
            working = 0
    else:
        working = gross if rules.hours_mode == "gross" else net
    if rules.rounding > 1:
        net, working, overtime, extra = (
            rounded(minutes, rules) for minutes in (net, working, overtime, extra)
        )
    return _Hours(gross, pause, net, working, overtime, extra)


def _shifted(at: Bounds, leaves: Sequence[Leave]) -> Bounds:
    """The shift of somebody who is away for a part of it."""
    starts, ends = at.starts, at.ends
    for leave in leaves:
        if leave.away_from is None or leave.away_until is None:
            continue
        if leave.away_from <= starts < leave.away_until:
            starts = leave.away_until
        if leave.away_from < ends <= leave.away_until:
            ends = leave.away_from
    return at._replace(starts=min(starts, ends), ends=ends)


def _arrival(check_in: int, rules: ShiftRules, starts: int) -> Status:
    late = check_in - starts
    if late <= 0:
        return "on_time"
    return "considered" if late <= rules.late_grace else "late"


def compute_day(
    marks: Iterable[Mark],
    rules: ShiftRules,
    at: Bounds,
    *,
    day_type: DayType = "working",
    leaves: Sequence[Leave] = (),
    override: Override | None = None,
    earns_overtime: bool = True,
    is_closed: bool = False,
) -> Day:
    """What a day comes to.

    :param marks: all records of the day, in any order; tuples of that shape will do
    :param rules: of the shift that was in force
    :param at: the instants of it on that date
    :param day_type: whether it is a working day
    :param leaves: that were approved for the day
    :param override: what somebody decided
    :param earns_overtime: whether the bands apply, as to workers and not to staff
    :param is_closed: whether nothing more is to come: the window has closed, and
        whatever reads there has reported
    """
    present = sorted(marks)
    said_absent = False
    if any(mark[2] for mark in present):
        said_absent = True
        present = [mark for mark in present if not mark[2]]
    times = _times(present, rules) if present else _NOTHING
    if override is not None:
        times = _set_times(times, override)
    hundredths = min(WHOLE, sum(leave.hundredths for leave in leaves)) if leaves else 0
    shift = _shifted(at, leaves) if 0 < hundredths < WHOLE else at
    check_in, check_out = times.check_in, times.check_out
    is_auto_out = (
        is_closed
        and check_in is not None
        and check_out is None
        and rules.missing_out == "auto_out"
        and check_in < shift.ends
        and not (override is not None and override.is_time_set)
    )
    if is_auto_out:
        check_out = shift.ends
        times = times._replace(
            check_out=check_out,
            stretches=(*times.stretches, (check_in, check_out)),  # type: ignore[arg-type]
            is_inside=False,
        )
    is_off = day_type != "working" and rules.holiday_work == "overtime"
    hours = _hours(times, rules, at, is_off, earns_overtime)
    was_there = check_in is not None or check_out is not None or times.count > 0
    late = early = 0
    status: Status | None
    if hundredths >= WHOLE:
        status = "leave"
    elif check_in is not None:
        status = "on_time" if is_off else _arrival(check_in, rules, shift.starts)
        if not is_off:
            late = max(0, check_in - shift.starts)
            if check_out is not None and not times.is_inside:
                early = shift.ends - check_out
                early = early if early > rules.early_grace else 0
    elif was_there:
        status = rules.out_only
    elif day_type != "working":
        status = day_type
    else:
        status = "absent" if is_closed or said_absent else None
    extra = hours.extra_overtime
    day = Day(
        status,
        day_type,
        leaves[0].code if leaves else None,
        hundredths,
        check_in,
        check_out,
        *hours,
        late,
        early,
        earns_overtime and extra >= rules.snacks_from,
        earns_overtime and extra >= rules.night_bill_from,
        times.count,
        times.duplicates,
        check_in is None and was_there,
        is_closed and check_in is not None and (check_out is None or times.is_inside),
        is_auto_out,
        was_there and (hundredths >= WHOLE or said_absent),
    )
    return day if override is None else _decided(day, override)


def _set_times(times: _Times, override: Override) -> _Times:
    """The times as somebody set them, instead of those that were read."""
    check_in, check_out = override.check_in, override.check_out
    if not override.is_time_set:
        check_in = times.check_in if check_in is None else check_in
        check_out = times.last_out if check_out is None else check_out
    if (check_in, check_out) == (times.check_in, times.check_out):
        return times
    if check_in is None:
        check_out = override.check_out
    elif check_out is not None and check_out <= check_in:
        check_out = None
    return times._replace(
        check_in=check_in,
        check_out=check_out,
        stretches=(
            () if check_in is None or check_out is None else ((check_in, check_out),)
        ),
        is_inside=check_in is not None and check_out is None,
    )


def _decided(day: Day, override: Override) -> Day:
    """A day with what somebody decided of it beside its times."""
    given = {
        name: value
        for name in (
            "status",
            "net",
            "working",
            "overtime",
            "extra_overtime",
            "snacks_eligible",
            "night_bill_eligible",
        )
        if (value := getattr(override, name)) is not None
    }
    if override.is_forgiven and given.get("status", day.status) == "late":
        given["status"] = "considered"
    if "status" in given:
        # Who says what the day was has looked at it.
        given.update(missing_in=False)
    return day._replace(**given)
