"""A day that doesn't end while tests run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

#: A zone in which it was about noon when the tests began, for what ends with the day.
#: The sign is POSIX's: west of Greenwich.
NOON: Final = f"Etc/GMT{datetime.now(UTC).hour - 12:+d}"
