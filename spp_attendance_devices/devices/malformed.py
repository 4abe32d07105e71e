"""What a terminal sent and nobody understands, kept as a scan that counts for nothing.

A terminal that pushes repeats what is refused, and everything behind it: so what makes
no sense is taken, and shown to somebody.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from .adapter import ScanData

#: So much of it is kept.
KEPT: Final = 200


def malformed(text: str) -> ScanData:
    """A scan of nobody at no time. Its number is made of the text: the same text sent
    again is the same scan."""
    number = sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
    kept = text[:KEPT]
    return ScanData("", "", None, "none", None, None, {"line": kept}, number)


def is_malformed(scan: ScanData) -> bool:
    """Whether it is one of :func:`malformed`."""
    return not scan.user_code and not scan.timestamp_raw and "line" in scan.raw
