"""What a day can be called: the codes that front ends know, and their abbreviations."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Status = Literal[
    "on_time", "considered", "late", "absent", "leave", "holiday", "weekend"
]
#: What kind of day it is, whoever came or didn't.
DayType = Literal["working", "weekend", "holiday"]


class Name(NamedTuple):
    """How a status is written.

    :param code: in APIs and files, ``Present-OnTime``
    :param abbreviation: in a cell of a timesheet; no two are alike
    """

    code: str
    abbreviation: str


NAMES: Final[dict[Status, Name]] = {
    "on_time": Name("Present-OnTime", "P"),
    "considered": Name("Present-Considered", "PC"),
    "late": Name("Present-Late", "L"),
    "absent": Name("Absent", "A"),
    "leave": Name("Leave", "LV"),  # each kind of leave has its own: see ``leave_code``
    "holiday": Name("Holiday", "H"),
    "weekend": Name("Weekend", "W"),
}
#: Those of somebody who was there.
PRESENT: Final[frozenset[Status]] = frozenset({"on_time", "considered", "late"})


def leave_code(kind: str) -> str:
    """The code of a day of leave: ``Leave-Sick`` of ``Sick``."""
    return f"{NAMES['leave'].code}-{kind}"
