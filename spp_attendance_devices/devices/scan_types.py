"""Vendors' in/out codes in the suite's own words.

The byte is unreliable on many terminals (255 or 0 for everything), so it is kept
raw beside the normalised word and never part of a scan's identity.
"""

from __future__ import annotations

from typing import Final, Literal

ScanType = Literal[
    "in",
    "out",
    "break_start",
    "break_end",
    "overtime_in",
    "overtime_out",
    "none",
]

SCAN_TYPES: Final[tuple[ScanType, ...]] = (
    "in",
    "out",
    "break_start",
    "break_end",
    "overtime_in",
    "overtime_out",
    "none",
)

#: ZKTeco punch byte. 255 means undefined; unknown values read as "none" too.
ZKTECO: Final[dict[int, ScanType]] = {
    0: "in",
    1: "out",
    2: "break_start",
    3: "break_end",
    4: "overtime_in",
    5: "overtime_out",
}


def from_zkteco(punch: int) -> ScanType:
    """The scan type of a ZKTeco punch byte (0..255)."""
    return ZKTECO.get(punch, "none")
