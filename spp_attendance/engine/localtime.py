"""Wall-clock time to instants and back, for any zone and on any night of the year.

Instants are naive ``datetime`` in UTC, as Odoo stores them; local times are naive
``datetime`` on the wall of some IANA zone. Seconds are the smallest unit: fractions are
cut off, as terminals and the database do.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

#: Shortest accepted text: ``2026-09-01 08:00`` (a date alone is no instant).
_MIN_LENGTH = 16


class LocalTimeError(ValueError):
    """A date, time or zone that can't be read; the message says what is wrong."""


@cache
def zone(name: str) -> ZoneInfo:
    """The zone of an IANA name such as ``Africa/Nairobi``.

    :raises LocalTimeError: when no such zone is known
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise LocalTimeError(f"Unknown time zone {name!r}") from error


def parse(text: str) -> datetime:
    """Read an ISO 8601 date and time, with or without an offset.

    Date and time are parted by ``T`` or a blank. Without an offset the result is naive:
    a time on a wall somewhere.

    :raises LocalTimeError: when the text is no date with a time of day
    """
    if len(text) < _MIN_LENGTH or text[10] not in "T ":
        raise LocalTimeError(
            f"{text[:40]!r} is no date with a time; write 2026-09-01T08:00:00,"
            " with an offset such as +03:00 if it isn't local time"
        )
    try:
        value = datetime.fromisoformat(text)
    except ValueError as error:
        raise LocalTimeError(f"{text[:40]!r} is no valid date and time") from error
    if not 1900 <= value.year <= 2200:  # also keeps zone arithmetic inside datetime
        raise LocalTimeError(f"{text[:40]!r} is not between the years 1900 and 2200")
    return value.replace(microsecond=0) if value.microsecond else value


def to_utc(local: datetime, tz_name: str) -> datetime:
    """The instant at which the wall clock of a zone showed ``local``.

    An hour that happens twice (clocks set back) means its first pass. An hour that
    never happens (clocks set forward) is moved forward by the gap, as a clock that
    nobody set would have shown it. Never raises for a valid zone.

    :param local: naive wall-clock time; its ``fold`` is ignored
    :param tz_name: IANA name
    :return: naive UTC
    """
    # With fold=0 zoneinfo takes the offset from before the transition: the first pass
    # of a doubled hour, and in a gap the shift forward that we want.
    aware = local.replace(tzinfo=zone(tz_name), fold=0)
    return (local - aware.utcoffset()).replace(fold=0)  # type: ignore[operator]


def to_local(instant: datetime, tz_name: str) -> datetime:
    """What the wall clock of a zone shows at an instant.

    :param instant: naive UTC
    :return: naive local time
    """
    aware = instant.replace(tzinfo=UTC).astimezone(zone(tz_name))
    return aware.replace(tzinfo=None, fold=0)


def place(value: datetime, tz_name: str) -> tuple[datetime, datetime]:
    """The instant and the local time of what came in.

    :param value: aware: that instant, shown on the wall of ``tz_name``; naive: that
        time on the wall
    :return: ``(naive UTC, naive local)``; in a skipped hour the local time is the one
        that clocks really showed
    """
    if value.tzinfo is not None:
        instant = value.astimezone(UTC).replace(tzinfo=None)
        return instant, to_local(instant, tz_name)
    instant = to_utc(value, tz_name)
    return instant, to_local(instant, tz_name)


def offset_iso(instant: datetime, tz_name: str) -> str:
    """An instant as ISO 8601 local time with offset, ``2026-09-01T08:00:00+03:00``."""
    return instant.replace(tzinfo=UTC).astimezone(zone(tz_name)).isoformat()


def parse_time_of_day(text: str) -> str:
    """Normalise a typed time of day to ``HH:MM:SS``.

    Accepts ``8``, ``830``, ``8:30``, ``08:30:15``, ``8.30`` and ``8h30``, so that a
    time can be entered without leaving the number keys.

    :raises LocalTimeError: when it is no time of day
    """
    parts = text.strip().lower().replace("h", ":").replace(".", ":").split(":")
    if len(parts) == 1 and len(parts[0]) in (3, 4):
        parts = [parts[0][:-2], parts[0][-2:]]
    parts = [parts[0], *(part or "0" for part in parts[1:])] + ["0"] * (3 - len(parts))
    if len(parts) == 3 and all(p.isascii() and p.isdigit() for p in parts):
        hours, minutes, seconds = (int(part) for part in parts)
        if hours < 24 and minutes < 60 and seconds < 60:
            return f"{hours:02}:{minutes:02}:{seconds:02}"
    raise LocalTimeError(f"{text!r} is no time of day; write it as 08:30 or 08:30:15")


def is_far_future(instant: datetime, now: datetime) -> bool:
    """Whether an instant can't be a fact yet, clocks that run fast allowed for.

    Both are naive UTC. One day covers every zone and a terminal set to the wrong one.
    """
    return instant > now + timedelta(days=1)
