"""From minutes to what people read: hours with two decimals, and hours and minutes."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache


@lru_cache(maxsize=4_096)
def to_hours(minutes: int) -> float:
    """Hours of two decimals, the middle away from zero: 8.25 of 495."""
    hours = Decimal(minutes) / 60
    return float(hours.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP))


def to_clock(minutes: int) -> str:
    """Hours and minutes: ``8:15`` of 495, ``-0:30`` of -30."""
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else ''}{hours}:{rest:02d}"
