"""A cell of a register's sheet: what is recorded of somebody on one day, in short.

A sheet says of a day either present or absent, or when somebody came and when they left
(``entry_exit``). There may be more records than a cell can show: the earliest entry
and the latest exit are shown, and who came at all was present.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, NamedTuple

Mode = Literal["day", "entry_exit"]
Mark = Literal["present", "absent"]


class Seen(NamedTuple):
    """A record as a sheet sees it.

    :ivar local: naive time on the register's clock
    :ivar changed: when it was written last, naive UTC
    """

    id: int
    local: datetime
    category: Mark
    direction: str | None
    changed: datetime


class Cell(NamedTuple):
    """What a cell shows; times are ``HH:MM``."""

    mark: Mark | None = None
    entry: str | None = None
    exit: str | None = None


class Make(NamedTuple):
    """A record that has to be made; without a time at the usual one.

    :ivar slot: tells the records that one mark makes from each other
    """

    slot: Literal["day", "in", "out"]
    category: Mark
    time: str | None


@dataclass
class Plan:
    """What turns a cell into what is wanted.

    :ivar void: ids of records
    :ivar categories: by id of a record
    :ivar times: ``HH:MM`` by id of a record
    """

    void: list[int] = field(default_factory=list)
    categories: dict[int, Mark] = field(default_factory=dict)
    times: dict[int, str] = field(default_factory=dict)
    make: list[Make] = field(default_factory=list)


def _time(seen: Seen) -> str:
    return f"{seen.local:%H:%M}"


def _shown(
    mode: Mode, records: Iterable[Seen]
) -> tuple[list[Seen], Seen | None, Seen | None]:
    """The records that stand for the mark, the entry and the exit."""
    records = sorted(records, key=lambda seen: (seen.local, seen.id))
    if mode == "day":
        return records, None, None
    came = [seen for seen in records if seen.category == "present"]
    entries = [seen for seen in came if seen.direction == "in"]
    exits = [seen for seen in came if seen.direction == "out"]
    marks = [seen for seen in records if not seen.direction]
    return marks, (entries or [None])[0], (exits or [None])[-1]


def read(mode: Mode, records: Iterable[Seen]) -> Cell:
    """What the records of somebody's day come to."""
    marks, entry, exit_ = _shown(mode, records)
    categories = {seen.category for seen in marks}
    mark: Mark | None = None
    if categories:
        mark = "present" if "present" in categories else "absent"
    return Cell(mark, entry and _time(entry), exit_ and _time(exit_))


def version(records: Sequence[Seen]) -> str:
    """A text that is another one after any change; empty without records."""
    if not records:
        return ""
    changed = max(seen.changed for seen in records)
    return f"{len(records)}.{max(seen.id for seen in records)}.{changed.isoformat()}"


def plan(mode: Mode, records: Sequence[Seen], wanted: Cell) -> Plan:
    """How the cell becomes as it is wanted.

    One record is corrected rather than replaced, so that its history stays; those that
    say otherwise are voided. What is not shown is left alone, but for a day's mark: it
    stands for all that is recorded.
    """
    result = Plan()
    marks, entry, exit_ = _shown(mode, records)
    now = read(mode, records)
    if wanted.mark != now.mark:
        _plan_mark(result, marks, wanted.mark)
    for slot, shown, time in (("in", entry, wanted.entry), ("out", exit_, wanted.exit)):
        if mode == "day" or time == (shown and _time(shown)):
            continue
        if time is None:
            result.void.append(shown.id)  # type: ignore[union-attr]
        elif shown:
            result.times[shown.id] = time
        else:
            result.make.append(Make(slot, "present", time))  # type: ignore[arg-type]
    return result


def _plan_mark(result: Plan, marks: Sequence[Seen], wanted: Mark | None) -> None:
    """Keep one record that may say it, and void all others."""
    kept = None
    if wanted:
        kept = next((seen for seen in marks if not seen.direction), None)
        if kept is None:
            result.make.append(Make("day", wanted, None))
        elif kept.category != wanted:
            result.categories[kept.id] = wanted
    result.void += [seen.id for seen in marks if seen is not kept]
