"""When a terminal that failed is tried again.

Pure arithmetic over what the database keeps of a terminal, so that all workers and
nodes judge alike. Moments may be naive or aware, but alike; random numbers come from
the caller.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple

#: So many transient faults in a row open the circuit.
THRESHOLD: Final = 5
#: While it is closed: wait after the first fault, doubled with each one.
FIRST_RETRY: Final = timedelta(seconds=30)
#: While it is open: wait before the first trial, doubled with each one that fails.
FIRST_PAUSE: Final = timedelta(minutes=5)
LONGEST_PAUSE: Final = timedelta(minutes=60)
#: Waits vary by so much either way, or all that failed together would come back so.
JITTER: Final = 0.2

#: A number from 0 to 1, as ``random.random``.
Random = Callable[[], float]


class Circuit(NamedTuple):
    """``failures`` counts faults in a row. ``retry_at`` is when an open circuit may be
    tried, None while it waits for a person (and whenever it is not open)."""

    state: Literal["closed", "open", "half_open"] = "closed"
    failures: int = 0
    retry_at: datetime | None = None


def after_fault(
    circuit: Circuit,
    now: datetime,
    interval: timedelta,
    random: Random,
    transient: bool = True,
    opens: bool = True,
) -> tuple[Circuit, datetime]:
    """The circuit after one more fault, and when the terminal is due again.

    :param interval: between good polls; nobody waits longer while the circuit is closed
    :param transient: trying again can help. Else the circuit opens at once, until a
        person acts: each try could make it worse.
    :param opens: False for a fault of a terminal that answers, only not well: what it
        sends is wanted still
    :return: an open circuit that waits for a person is due when it is closed
    """
    failures = circuit.failures + 1
    waits_for_person = circuit.state == "open" and circuit.retry_at is None
    if not transient or waits_for_person:
        return Circuit("open", failures), now + interval
    if opens and (circuit.state != "closed" or failures >= THRESHOLD):
        # Also of an open one, which somebody tested by hand: no trial sooner for it.
        pause = _doubled(FIRST_PAUSE, failures - THRESHOLD, LONGEST_PAUSE)
        retry_at = now + min(_jittered(pause, random), LONGEST_PAUSE)
        return Circuit("open", failures, retry_at), retry_at
    wait = _jittered(_doubled(FIRST_RETRY, failures - 1, interval), random)
    return Circuit("closed", failures), now + min(wait, interval)


def _doubled(wait: timedelta, times: int, most: timedelta) -> timedelta:
    # Beyond some doublings every wait is the longest one, and the number too big.
    return min(wait * 2 ** min(max(times, 0), 16), most)


def _jittered(wait: timedelta, random: Random) -> timedelta:
    return wait * (1 + JITTER * (2 * random() - 1))
