"""What a reading says about coming and going.

The seven scan types are the ones terminals of every make can be mapped to; a direction
follows from each (a break that ends is somebody coming in).
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
Direction = Literal["in", "out"]

DIRECTIONS: Final[dict[str, Direction | None]] = {
    "in": "in",
    "out": "out",
    "break_start": "out",
    "break_end": "in",
    "overtime_in": "in",
    "overtime_out": "out",
    "none": None,
}
