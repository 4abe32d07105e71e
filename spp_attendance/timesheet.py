"""A month of people, as the grid, the print and the workbook show it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from odoo.tools import remove_accents

from .engine.statuses import NAMES, PRESENT

#: By their places in a cell.
STATUS_KEYS = list(NAMES)
#: Of a cell that is shown: what is so of its day, as bits.
FLAGS = (
    "is_edited",
    "is_locked",
    "needs_review",
    "differs",
    "missing_in",
    "missing_out",
    "snacks_eligible",
    "night_bill_eligible",
    "is_closed",
)


class Cell(NamedTuple):
    """A day as the grid shows it, in the order in which it is told.

    :ivar day: of the month
    :ivar status: its place among ``STATUS_KEYS``, None while nothing is known
    :ivar check_in: in minutes after the midnight with which the day begins, by the
        clock of the day's own zone; before it, they are negative
    :ivar hours: minutes of work, without overtime where the shift counts it apart
    :ivar leave: hundredths of a day
    :ivar flags: bits, by ``FLAGS``
    """

    day: int
    id: int
    status: int | None
    abbreviation: str | None
    check_in: int | None
    check_out: int | None
    hours: int
    overtime: int
    extra: int
    late: int
    early: int
    leave: int
    flags: int


class Totals(NamedTuple):
    """What the days of a month come to; leave in hundredths of a day, else minutes."""

    present: int = 0
    late: int = 0
    absent: int = 0
    leave: int = 0
    off: int = 0
    hours: int = 0
    overtime: int = 0
    extra: int = 0


def totals(cells: Iterable[Cell]) -> Totals:
    """The totals of days.

    Who was there is present, late or not; a half day of leave counts as half a day
    beside whatever the other half was.
    """
    count: dict[str, int] = defaultdict(int)
    for cell in cells:
        status = None if cell.status is None else STATUS_KEYS[cell.status]
        count["present"] += status in PRESENT
        count["late"] += status == "late"
        count["absent"] += status == "absent"
        count["off"] += status in ("weekend", "holiday")
        count["leave"] += cell.leave
        count["hours"] += cell.hours
        count["overtime"] += cell.overtime
        count["extra"] += cell.extra
    return Totals(**count)


class Person(NamedTuple):
    """Somebody on a timesheet."""

    id: int
    name: str
    identifier: str
    level: str | None
    department: str
    work_from: date | None
    work_to: date | None

    def is_like(self, text: str) -> bool:
        """Whether what was typed is part of the name or the identifier."""
        text = plain(text)
        return text in plain(self.name) or text in plain(self.identifier)


def plain(text: str) -> str:
    """A text as it is searched and sorted: without accents, of no case."""
    return remove_accents(text).casefold()
