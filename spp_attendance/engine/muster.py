"""How much of a day somebody who is on a register was there: nothing, half, or all.

The rule is that of DIGIT's muster roll: who came and went has half a day at least, and
a whole one by the hours between. Unlike there an exit without an entry is nothing, not
a fault, and a day goes from the first entry to the last exit, whatever was edited last.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from .day import Day

NOTHING: Final = 0
HALF: Final = 1
FULL: Final = 2


class MusterRules(NamedTuple):
    """From when on a day is a whole one.

    :param half_minutes: with ``rounds_up``, whoever was there for longer has it all
    :param full_minutes: without, who was there for so long, inclusive
    """

    half_minutes: int = 240
    full_minutes: int = 480
    rounds_up: bool = False


def half_days(day: Day, rules: MusterRules) -> int:
    """What a day counts, in half days: 0, 1 or 2."""
    if day.check_in is None or day.check_out is None or day.gross <= 0:
        return NOTHING
    if rules.rounds_up:
        return FULL if day.gross > rules.half_minutes else HALF
    return FULL if day.gross >= rules.full_minutes else HALF
