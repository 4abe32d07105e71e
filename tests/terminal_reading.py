"""How tests read a fake terminal, whatever its make."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from devices import ReadRequest
from devices.adapter import BaseMachineAdapter, Reading
from devices.isolated import Isolated
from devices.table import get_adapter
from fake_terminal import FakeTerminal, iso_second


def fill(terminal: FakeTerminal, count: int, start: datetime) -> None:
    """Fifty people, one after the other; nobody scans twice in a second."""
    terminal.extend(
        (str(1 + row % 50), start + timedelta(seconds=13 * row), "in")
        for row in range(count)
    )


def adapter(terminal: FakeTerminal, **over: Any) -> BaseMachineAdapter:
    """What reads it; ``over`` are settings of its :meth:`FakeTerminal.config`."""
    return get_adapter(terminal.make)(terminal.config(**over))


def in_child(terminal: FakeTerminal, **over: Any) -> Isolated:
    """The adapter as the fleet has it."""
    kind = get_adapter(terminal.make)
    assert kind.capabilities.isolated
    return Isolated(kind, terminal.config(**over))


def read(
    terminal: FakeTerminal,
    cursor: Any = None,
    full: bool = False,
    limit: int = 20_000,
    *,
    now: datetime | None = None,
    by: Callable[..., BaseMachineAdapter | Isolated] = adapter,
    **over: Any,
) -> Reading:
    request = ReadRequest(now or datetime.now(UTC), cursor, full, limit)
    return by(terminal, **over).read_scans(request)


def read_on(terminal: FakeTerminal, cursor: Any = None, **words: Any) -> list[Reading]:
    """Readings until there is no more, the cursor kept as the database does."""
    readings = []
    while True:
        reading = read(terminal, cursor, **words)
        readings.append(reading)
        assert reading.complete
        if not reading.more:
            return readings
        cursor = json.loads(json.dumps(reading.cursor))
        words.pop("full", None)
        assert len(readings) < 500


def who(*readings: Reading) -> list[tuple[str, str]]:
    """Badge codes and times as they came, "" where there is no moment."""
    return [
        (scan.user_code, iso_second(scan.local_time) if scan.local_time else "")
        for reading in readings
        for scan in reading.scans
    ]
