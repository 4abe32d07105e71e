"""What became of the scans of a reading, in numbers."""

from __future__ import annotations

from typing import NamedTuple


class Counts(NamedTuple):
    """How many scans the terminal sent, how many of them were new, and what became of
    the new ones. Scans that waited from before and have found their person meanwhile
    are among the matched as well, so the parts may be more than ``new``.
    """

    read: int = 0
    new: int = 0
    matched: int = 0
    duplicate: int = 0
    unmatched: int = 0
    rejected: int = 0
