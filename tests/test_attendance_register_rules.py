"""When a register may be marked, by every rule of its own; no database is needed."""

from datetime import datetime, timedelta

import pytest
from engine.register_rules import (
    RegisterFound,
    handling_refusal,
    refusal,
    within,
)

START = datetime(2026, 9, 1)
END = datetime(2026, 9, 30, 23, 59, 59, 999000)
NOON = datetime(2026, 9, 2, 12)
TICK = timedelta(milliseconds=1)
ALWAYS = [(START, None)]
REGISTER = RegisterFound(1, "u-1", "WR/1", START, END, active=True, is_staff=True)


def test_somebody_enrolled_is_marked() -> None:
    assert refusal(REGISTER, NOON, ALWAYS) is None
    assert handling_refusal(REGISTER) is None


@pytest.mark.parametrize(
    ("register", "instant", "intervals", "code"),
    [
        (None, NOON, ALWAYS, "unknown_register"),
        (REGISTER._replace(is_staff=False), NOON, ALWAYS, "not_register_staff"),
        (REGISTER._replace(active=False), NOON, ALWAYS, "register_inactive"),
        (REGISTER, START - TICK, ALWAYS, "outside_register"),
        (REGISTER, END + TICK, ALWAYS, "outside_register"),
        (REGISTER, NOON, [], "not_enrolled"),
        (REGISTER, NOON, [(NOON + TICK, None)], "not_enrolled_then"),
        (REGISTER, NOON, [(START, NOON - TICK)], "not_enrolled_then"),
    ],
)
def test_each_rule(register, instant, intervals, code) -> None:
    assert refusal(register, instant, intervals) == code


def test_what_concerns_the_register_alone() -> None:
    assert handling_refusal(None) == "unknown_register"
    assert handling_refusal(REGISTER._replace(is_staff=False)) == "not_register_staff"
    assert handling_refusal(REGISTER._replace(active=False)) == "register_inactive"


def test_the_first_of_several_reasons_is_given() -> None:
    """One is put right after the other; the next reason comes to light."""
    wrong = REGISTER._replace(is_staff=False, active=False)
    instant = END + TICK
    assert refusal(wrong, instant, []) == "not_register_staff"
    wrong = wrong._replace(is_staff=True)
    assert refusal(wrong, instant, []) == "register_inactive"
    wrong = wrong._replace(active=True)
    assert refusal(wrong, instant, []) == "outside_register"
    assert refusal(wrong, END, []) == "not_enrolled"
    assert refusal(wrong, END, [(START, NOON)]) == "not_enrolled_then"


def test_both_ends_are_included() -> None:
    for instant in (START, END):
        assert refusal(REGISTER, instant, ALWAYS) is None
    for instant in (START, NOON):
        assert refusal(REGISTER, instant, [(START, NOON)]) is None
    assert within(NOON, NOON, NOON)


def test_without_an_end_it_goes_on() -> None:
    endless = REGISTER._replace(end_at=None)
    assert refusal(endless, datetime(2199, 1, 1), ALWAYS) is None
    assert refusal(endless, START - TICK, ALWAYS) == "outside_register"


def test_any_of_several_enrolments_will_do() -> None:
    intervals = [(NOON + 2 * TICK, None), (START, NOON)]
    assert refusal(REGISTER, NOON, intervals) is None
    assert refusal(REGISTER, NOON + TICK, intervals) == "not_enrolled_then"
    assert refusal(REGISTER, NOON + 2 * TICK, intervals) is None
