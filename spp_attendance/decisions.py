"""What somebody decides of a day: from what is typed to what the engine takes.

No ORM here but for errors' texts, which callers translate by their codes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

from .engine import localtime
from .engine.shift_rules import from_minute, to_minute

#: Values that are minutes, with their names in the engine.
MINUTES = {
    "net_minutes": "net",
    "working_minutes": "working",
    "overtime_minutes": "overtime",
    "extra_overtime_minutes": "extra_overtime",
}
FLAGS = ("snacks_eligible", "night_bill_eligible")
TIMES = ("check_in", "check_out")
#: All that can be decided of a day, and what is noted beside it.
VALUES = frozenset({"status", "is_forgiven", "notes", *TIMES, *MINUTES, *FLAGS})

_MOST_MINUTES = 48 * 60
_NEAR = 12 * 60


class DecisionError(ValueError):
    """A decision that can't be; ``code`` says why.

    :ivar dict given: what a message says of it
    """

    def __init__(self, code: str, **given: Any) -> None:
        super().__init__(code)
        self.code = code
        self.given = given


class Span(NamedTuple):
    """The day that is decided.

    :param since: the minute (UTC, since 1970) from which readings belong to it
    :param until: the minute until which
    :param check_in: the minute at which somebody came, as it is by the records
    :param check_out: the minute at which somebody went
    """

    day: date
    tz: str
    since: int
    until: int
    check_in: int | None = None
    check_out: int | None = None


def to_override(values: Mapping[str, Any], span: Span) -> dict[str, Any]:
    """What was decided, as JSON of an engine's ``Override``.

    :param values: see ``spp.attendance.day._decide``
    :raises DecisionError: when something can't be so
    """
    unknown = sorted(values.keys() - VALUES)
    if unknown:
        raise DecisionError("unknown", names=", ".join(unknown))
    found: dict[str, Any] = {}
    status = values.get("status")
    if status:
        found["status"] = status
    found.update(_times(values, span, is_away=status == "absent"))
    for name, ours in MINUTES.items():
        minutes = values.get(name)
        if minutes is None:
            continue
        if isinstance(minutes, bool) or not isinstance(minutes, int):
            raise DecisionError("minutes", name=name)
        if not 0 <= minutes <= _MOST_MINUTES:
            raise DecisionError("minutes", name=name)
        found[ours] = minutes
    for name in FLAGS:
        if values.get(name) is not None:
            found[name] = bool(values[name])
    if values.get("is_forgiven"):
        found["is_forgiven"] = True
    return found


def _times(values: Mapping[str, Any], span: Span, is_away: bool) -> dict[str, Any]:
    """When somebody came and went, as it is decided."""
    given = {name: values[name] or None for name in TIMES if name in values}
    if is_away:
        if any(given.values()):
            raise DecisionError("away")
        # Who was away has no hours, whatever was read.
        return {"is_time_set": True}
    if not given:
        return {}
    check_in = (
        _minute(given["check_in"], span, None)
        if given.get("check_in")
        else None
        if "check_in" in given
        else span.check_in
    )
    if given.get("check_out"):
        check_out = _minute(given["check_out"], span, check_in)
        if check_in is None:
            if span.check_in is not None:
                raise DecisionError("no_check_in")
            # Nobody knows when they came: a day with an out alone, as one that is read.
            return {"check_out": check_out}
        if check_out <= check_in:
            raise DecisionError("order")
    elif "check_out" not in given:
        if "check_in" in given and check_in is not None:
            # What comes in later is still understood.
            if span.check_out is not None and span.check_out <= check_in:
                raise DecisionError("order")
            return {"check_in": check_in}
        check_out = None
    else:
        check_out = None
    if "check_in" not in given and check_out is not None:
        return {"check_out": check_out}
    found: dict[str, Any] = {"is_time_set": True}
    if check_in is not None:
        found["check_in"] = check_in
    if check_out is not None:
        found["check_out"] = check_out
    return found


def _minute(value: Any, span: Span, after: int | None) -> int:
    """The minute that is meant by an instant, a local time, or a time of day.

    :param after: when somebody came: a time of day is the first one after it
    """
    if isinstance(value, datetime):
        instant, _local = localtime.place(value, span.tz)
        minute = to_minute(instant)
        if not span.since - _NEAR <= minute < span.until + _NEAR:
            raise DecisionError("far")
        return minute
    if isinstance(value, time):
        value = value.strftime("%H:%M")
    try:
        hours, minutes, _seconds = localtime.parse_time_of_day(str(value)).split(":")
    except localtime.LocalTimeError as error:
        raise DecisionError("time", text=str(value)[:40]) from error
    clock = timedelta(hours=int(hours), minutes=int(minutes))
    midnight = datetime(span.day.year, span.day.month, span.day.day)
    candidates = [
        to_minute(localtime.to_utc(midnight + clock + timedelta(days=day), span.tz))
        for day in (-1, 0, 1)
    ]
    within = [at for at in candidates if span.since <= at < span.until]
    if after is not None:
        within = [at for at in within if at > after]
        if not within:
            raise DecisionError("order")
    if not within:
        raise DecisionError(
            "outside",
            text=str(value)[:40],
            since=localtime.to_local(from_minute(span.since), span.tz),
            until=localtime.to_local(from_minute(span.until), span.tz),
        )
    return within[0]


def to_values(override: Mapping[str, Any] | None) -> dict[str, Any]:
    """What was decided, as values that decide the same again.

    :param override: as a day keeps it
    :return: as ``spp.attendance.day._decide`` takes it; instants are aware
    """
    if not override:
        return {}
    found = {
        name: override[name]
        for name in ("status", "is_forgiven", *FLAGS)
        if override.get(name) is not None
    }
    for name, theirs in MINUTES.items():
        if override.get(theirs) is not None:
            found[name] = override[theirs]
    if found.get("status") == "absent":
        return found  # that there are no times follows from it
    for name in TIMES:
        minute = override.get(name)
        if minute is not None:
            found[name] = from_minute(minute).replace(tzinfo=UTC)
        elif override.get("is_time_set"):
            found[name] = None
    return found
