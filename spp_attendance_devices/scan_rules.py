"""What scans say together: which of them are the same, and which way people went.

Pure: moments are naive UTC, or any other values that can be compared and subtracted.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Final, Literal, NamedTuple

from odoo.addons.spp_attendance.engine.scan_types import DIRECTIONS, Direction, ScanType

Policy = Literal["terminal", "in", "out", "alternate", "first_last"]

#: Policies for which a scan says its direction only together with others of the day.
BY_ORDER: Final[frozenset[str]] = frozenset({"alternate", "first_last"})


class Sighting(NamedTuple):
    """An accepted scan of somebody."""

    moment: datetime
    direction: Direction | None
    scan_id: int


class Sightings:
    """The accepted scans of one person, to be compared with.

    A scan that was found to be the same as another is never added: so a person who
    stays in front of a reader is seen once a window, and not once for ever.
    """

    _moment = attrgetter("moment")

    def __init__(self) -> None:
        self._known: list[Sighting] = []

    def add(self, sighting: Sighting) -> None:
        insort(self._known, sighting, key=self._moment)

    def find(
        self, moment: datetime, direction: Direction | None, window: timedelta
    ) -> Sighting | None:
        """The nearest sighting within ``window`` before or after ``moment`` that does
        not contradict ``direction``; None: nobody's direction is contradicted by it.
        """
        first = bisect_left(self._known, moment - window, key=self._moment)
        near = []
        for sighting in self._known[first:]:
            if sighting.moment > moment + window:
                break
            if None in (direction, sighting.direction) or (
                direction == sighting.direction
            ):
                near.append(sighting)
        return min(near, key=lambda one: abs(one.moment - moment), default=None)


def direction_of(policy: Policy, scan_type: ScanType) -> Direction | None:
    """Which way somebody went, as far as one scan alone tells."""
    if policy in BY_ORDER:
        return None
    return DIRECTIONS[type_of(policy, scan_type)]


def type_of(policy: Policy, scan_type: ScanType) -> ScanType:
    """The type of a record, where the policy does not go by the order of scans."""
    if policy == "in" or policy == "out":
        return policy
    return scan_type


def types_of_day(policy: Policy, count: int) -> Sequence[ScanType]:
    """The types of somebody's records of one day at one terminal, in order of time.

    :param policy: one of ``BY_ORDER``
    """
    if policy == "alternate":
        return ["out" if position % 2 else "in" for position in range(count)]
    return ["in", *["none"] * (count - 2), *["out"] * (count > 1)][:count]
