"""Up to when all is known that happened at a location."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


class Completeness(NamedTuple):
    """Moments are naive UTC, like Odoo's.

    :param until: whoever was there before is in the records; nobody may be called
        absent for a time after it
    :param doubtful_from: from when on something there has been silent for so long that
        it holds ``until`` back no more, None when nothing is: days that reach beyond
        it are decided, and flagged
    """

    until: datetime
    doubtful_from: datetime | None = None
