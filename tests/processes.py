"""Waiting for what other processes do, and ending them."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path


def wait_until(check: Callable[[], object], seconds: float = 90) -> None:
    """Wait for something to become true; fail when it doesn't."""
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, f"not true within {seconds} s"
        time.sleep(0.05)


def kill_workers(master: int) -> None:
    """Kill -9 all workers of an Odoo, which starts new ones by itself."""
    workers = [
        int(pid)
        for pid in os.listdir("/proc")
        if pid.isdigit()
        and _parent(pid) == master
        and b"gevent" not in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    ]
    assert len(workers) >= 5  # two for HTTP, three for scheduled actions
    for worker in workers:
        os.kill(worker, signal.SIGKILL)


def _parent(pid: str) -> int | None:
    try:
        # The name of the program, in brackets, may hold blanks.
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except FileNotFoundError:
        return None
