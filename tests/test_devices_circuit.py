"""When a terminal that failed is tried again: arithmetic alone."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from devices.circuit import FIRST_RETRY, LONGEST_PAUSE, THRESHOLD, Circuit, after_fault

NOW = datetime(2026, 9, 1, 8)
INTERVAL = timedelta(minutes=5)


def middle() -> float:
    """Neither early nor late."""
    return 0.5


def faults(count: int, circuit: Circuit | None = None, **over) -> Circuit:
    circuit = circuit or Circuit()
    for _number in range(count):
        circuit, _due = after_fault(circuit, NOW, INTERVAL, middle, **over)
    return circuit


def waits(count: int, interval: timedelta = INTERVAL) -> list[float]:
    """Seconds until the next try, after each of so many faults in a row."""
    circuit, result = Circuit(), []
    for _number in range(count):
        circuit, due = after_fault(circuit, NOW, interval, middle)
        result.append((due - NOW).total_seconds())
    return result


def test_waits_double_and_then_the_circuit_opens() -> None:
    assert waits(11) == [30, 60, 120, 240, 300, 600, 1200, 2400, 3600, 3600, 3600]
    assert faults(THRESHOLD - 1) == Circuit("closed", THRESHOLD - 1)
    opened = faults(THRESHOLD)
    assert opened == Circuit("open", THRESHOLD, NOW + timedelta(minutes=5))


def test_nobody_waits_longer_than_for_the_next_poll_while_it_is_closed() -> None:
    assert waits(4, timedelta(minutes=1)) == [30, 60, 60, 60]


def test_a_trial_that_fails_opens_it_for_longer() -> None:
    trial = faults(THRESHOLD)._replace(state="half_open", retry_at=None)
    again, due = after_fault(trial, NOW, INTERVAL, middle)
    assert again == Circuit("open", THRESHOLD + 1, NOW + timedelta(minutes=10))
    assert due == again.retry_at


def test_what_only_a_person_can_end_opens_it_at_once_and_for_good() -> None:
    opened = faults(1, transient=False)
    assert opened == Circuit("open", 1, None)
    # Nor is it tried again because a test by hand found the network down.
    assert faults(3, opened) == Circuit("open", 4, None)


def test_a_terminal_that_answers_is_never_left_alone() -> None:
    circuit = faults(50, opens=False)
    assert circuit == Circuit("closed", 50)
    trial = faults(THRESHOLD)._replace(state="half_open", retry_at=None)
    assert faults(1, trial, opens=False).state == "closed"


@pytest.mark.parametrize("drawn", [0.0, 0.25, 0.999])
def test_waits_vary_within_bounds(drawn: float) -> None:
    _circuit, due = after_fault(Circuit(), NOW, INTERVAL, lambda: drawn)
    assert 0.8 * FIRST_RETRY <= due - NOW <= 1.2 * FIRST_RETRY
    _circuit, due = after_fault(
        Circuit("half_open", 10_000), NOW, INTERVAL, lambda: drawn
    )
    assert 0.8 * LONGEST_PAUSE <= due - NOW <= LONGEST_PAUSE
    _circuit, due = after_fault(Circuit("closed", 4), NOW, INTERVAL, lambda: drawn)
    assert due - NOW > timedelta(minutes=3)
