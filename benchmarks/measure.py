"""Figures, verdicts and what they were measured on; needs neither Odoo nor a database.

Rates are in items a second, memory is in MB of 2**20 bytes.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from _suite.shell import step, write_atomic

MB = 2**20
#: What Linux takes as "forget the peak" (proc(5), clear_refs).
RESET_PEAK = "5"
HEADINGS = ("name", "what", "ours", "baseline", "ratio", "demanded", "ok?")


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    :ivar name: of the benchmark
    :ivar value: ours, in `unit`
    :ivar baseline: the same of what it is compared with
    :ivar min_ratio: what `value / baseline` must reach
    :ivar max_value: what `value` must not exceed
    :ivar details: whatever else is worth keeping, such as the rounds
    """

    name: str
    what: str
    value: float
    unit: str
    baseline: float | None = None
    min_ratio: float | None = None
    max_value: float | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """Ours beside the baseline; None without one."""
        return self.value / self.baseline if self.baseline else None

    @property
    def ok(self) -> bool:
        """Whether all is reached that is demanded; a missing ratio is no success."""
        if self.min_ratio is not None and (self.ratio or 0) < self.min_ratio:
            return False
        return self.max_value is None or self.value <= self.max_value

    def row(self) -> tuple[str, ...]:
        """Texts under `HEADINGS`."""
        demands = []
        if self.min_ratio is not None:
            demands.append(f">= {self.min_ratio:.2f}")
        if self.max_value is not None:
            demands.append(f"<= {self.max_value:,.0f} {self.unit}")
        return (
            self.name,
            self.what,
            f"{self.value:,.0f} {self.unit}",
            "" if self.baseline is None else f"{self.baseline:,.0f} {self.unit}",
            "" if self.ratio is None else f"{self.ratio:.2f}",
            ", ".join(demands),
            ("yes" if self.ok else "NO") if demands else "",
        )


def table(figures: Iterable[Figure]) -> str:
    """Figures under their headings, in columns."""
    rows = [HEADINGS, *(figure.row() for figure in figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        for row in rows
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines) + "\n"


def save(path: Path, facts: Mapping[str, Any], figures: Iterable[Figure]) -> None:
    """Write figures, and on what they were measured, as JSON."""
    results = [
        {**asdict(figure), "ratio": figure.ratio, "ok": figure.ok} for figure in figures
    ]
    text = json.dumps({"facts": dict(facts), "figures": results}, indent=2)
    write_atomic(path, text + "\n")


def rounds(
    sides: Mapping[str, Callable[[], int]],
    count: int,
    *,
    before: Callable[[], None],
    after: Callable[[str], None],
) -> dict[str, list[float]]:
    """Rates of several sides that take turns, so that all see the same noise.

    :param sides: name → what does the work once and returns how many items it did
    :param count: how often each side has its turn
    :param before: run before each turn, off the clock
    :param after: run after each turn with the name of the side, off the clock
    :return: name → items a second in each of its turns
    """
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(1, count + 1):
        with step(f"round {number} of {count}"):
            for name, work in sides.items():
                before()
                started = time.perf_counter()
                done = work()
                rates[name].append(done / (time.perf_counter() - started))
                after(name)
    return rates


def middle(ours: Sequence[float], baseline: Sequence[float]) -> tuple[float, float]:
    """The two rates of the round that stands for all.

    What disturbs a round disturbs the next one too, so that two in succession are
    compared, and of these comparisons the one in the middle counts.

    :param ours: a rate a round
    :param baseline: likewise, in the same rounds
    """
    turns = zip(ours, baseline, strict=True)
    ranked = sorted(turns, key=lambda turn: turn[0] / turn[1])
    return ranked[len(ranked) // 2]


def best(rates: Mapping[str, Sequence[float]]) -> tuple[str, float]:
    """The side with the highest median, and that median.

    :raises ValueError: there are no sides
    """
    medians = {name: median(values) for name, values in rates.items()}
    name = max(medians, key=lambda side: medians[side])
    return name, medians[name]


class Memory:
    """How far the resident memory of some processes rises above what it is now.

    :raises OSError: a process is gone, or belongs to somebody else
    """

    def __init__(self, pids: Iterable[int], proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self.start: dict[int, float] = {}
        for pid in pids:
            (proc / str(pid) / "clear_refs").write_text(RESET_PEAK)
            self.start[pid] = self._read(pid, "VmRSS")

    def peaks(self) -> dict[int, float]:
        """Process id → the most MB it has had at any moment since the start."""
        return {pid: self._read(pid, "VmHWM") for pid in self.start}

    def growth(self) -> float:
        """MB by which that process rose which rose most."""
        return max(peak - self.start[pid] for pid, peak in self.peaks().items())

    def _read(self, pid: int, name: str) -> float:
        """A line of the process's status that is in kB, as MB."""
        status = (self._proc / str(pid) / "status").read_text()
        (line,) = (row for row in status.splitlines() if row.startswith(f"{name}:"))
        return int(line.split()[1]) * 1024 / MB


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    found = [pid]
    for parent in found:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            found += map(int, children.read_text().split())
    return found


def machine() -> dict[str, Any]:
    """The size of this machine, and the Python that runs here."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "cores": len(os.sched_getaffinity(0)),
        "memory_mb": pages // MB,
        "load_before": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }
