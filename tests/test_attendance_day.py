"""The day engine: what readings and rules come to, without a database."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random

import pytest
from engine.day import Day, Leave, Mark, Override, compute_day
from engine.muster import FULL, HALF, NOTHING, MusterRules, half_days
from engine.shift_rules import Bounds, ShiftRules, bounds, edge, minute_of
from hypothesis import given
from hypothesis import strategies as st

TZ = "Africa/Nairobi"
DATE = date(2024, 1, 15)
SEED = ShiftRules()
FACTORY = ShiftRules(hours_mode="total", break_minutes=60)
#: Zones whose clocks change, on nights and by amounts of their own.
CHANGING = {
    "Europe/Paris": (date(2026, 3, 29), date(2026, 10, 25)),
    "America/New_York": (date(2026, 3, 8), date(2026, 11, 1)),
    "America/Santiago": (date(2026, 9, 6), date(2026, 4, 5)),
    "Australia/Sydney": (date(2026, 10, 4), date(2026, 4, 5)),
    "Australia/Lord_Howe": (date(2026, 10, 4), date(2026, 4, 5)),
    "Africa/Cairo": (date(2026, 4, 24), date(2026, 10, 30)),
    "Asia/Beirut": (date(2026, 3, 29), date(2026, 10, 25)),
    "Europe/London": (date(2026, 3, 29), date(2026, 10, 25)),
}


def second(text: str, day: date = DATE, tz: str = TZ) -> int:
    """The second of ``08:00``, ``08:00:59``, or ``+02:00`` on the day after."""
    after = text.startswith("+")
    hours, minutes, *seconds = map(int, text.lstrip("+").split(":"))
    minute = minute_of(day, hours * 60 + minutes + 1440 * after, tz)
    return minute * 60 + (seconds[0] if seconds else 0)


def minute(text: str, day: date = DATE, tz: str = TZ) -> int:
    return second(text, day, tz) // 60


def marks(*texts: str) -> list[Mark]:
    """``in 08:00``, ``out +02:00``, ``none 12:00``, ``absent 08:00``."""
    found = []
    for text in texts:
        kind, time = text.split()
        if kind == "absent":
            found.append(Mark(second(time), "none", True))
        else:
            found.append(Mark(second(time), kind))  # type: ignore[arg-type]
    return found


def day(*texts: str, rules: ShiftRules = SEED, **more: object) -> Day:
    at = bounds(rules, DATE, TZ)
    return compute_day(marks(*texts), rules, at, **more)  # type: ignore[arg-type]


# ------------------------------------------------------- the two shipped presets


@pytest.mark.parametrize(
    ("came", "went", "seed", "factory", "overtime", "extra"),
    [
        ("08:00", "17:30", 495, 510, 30, 0),
        ("08:00", "18:00", 495, 540, 60, 0),
        ("08:30", "17:00", 465, 450, 0, 0),
        ("08:45", "19:30", 450, 585, 120, 30),
        ("08:00", "18:30", 495, 570, 90, 0),
        ("08:20", "16:45", 460, 445, 0, 0),
        ("08:10", "20:00", 485, 650, 120, 60),
        ("08:25", "17:15", 470, 470, 15, 0),
        ("08:00", "+00:00", 495, 900, 120, 300),
        ("08:00", "+02:00", 495, 1020, 120, 420),
    ],
)
def test_the_ten_rows_of_the_source(
    came: str, went: str, seed: int, factory: int, overtime: int, extra: int
) -> None:
    for rules, working in ((SEED, seed), (FACTORY, factory)):
        found = day(f"in {came}", f"out {went}", rules=rules)
        assert found.working == working
        assert (found.overtime, found.extra_overtime) == (overtime, extra)
        assert found.snacks_eligible == (extra >= 60)
        assert found.night_bill_eligible == (extra >= 300)


def test_the_example() -> None:
    found = day("in 08:00", "out 17:30")
    assert found.status == "on_time"
    assert (found.gross, found.break_minutes, found.net) == (570, 45, 525)
    assert (found.working, found.overtime, found.extra_overtime) == (495, 30, 0)
    assert found.count == 2


# -------------------------------------------------------------------- thresholds


@pytest.mark.parametrize(
    ("came", "status", "late"),
    [
        ("07:10", "on_time", 0),
        ("08:00", "on_time", 0),
        ("08:00:59", "on_time", 0),
        ("08:01", "considered", 1),
        ("08:05", "considered", 5),
        ("08:05:59", "considered", 5),
        ("08:06", "late", 6),
    ],
)
def test_whoever_comes_is_there_at_once(came: str, status: str, late: int) -> None:
    found = day(f"in {came}")
    assert (found.status, found.late) == (status, late)
    assert (found.check_out, found.net, found.missing_out) == (None, 0, False)
    found = day(f"in {came}", is_closed=True)
    assert (found.status, found.missing_out) == (status, True)


@pytest.mark.parametrize(
    ("went", "overtime", "extra", "snacks", "night_bill"),
    [
        ("17:00", 0, 0, False, False),
        ("17:00:59", 0, 0, False, False),
        ("17:01", 1, 0, False, False),
        ("19:00", 120, 0, False, False),
        ("19:59", 120, 59, False, False),
        ("20:00", 120, 60, True, False),
        ("23:59", 120, 299, True, False),
        ("+00:00", 120, 300, True, True),
    ],
)
def test_overtime_begins_and_ends_on_the_minute(
    went: str, overtime: int, extra: int, snacks: bool, night_bill: bool
) -> None:
    texts = ("in 08:00", f"out {went}")
    found = day(*texts)
    assert (found.overtime, found.extra_overtime) == (overtime, extra)
    assert (found.snacks_eligible, found.night_bill_eligible) == (snacks, night_bill)
    staff = day(*texts, earns_overtime=False)
    assert (staff.overtime, staff.extra_overtime) == (0, 0)
    assert not (staff.snacks_eligible or staff.night_bill_eligible)
    assert staff.working == found.working


def test_leaving_early() -> None:
    assert day("in 08:00", "out 16:45").early_exit == 15
    rules = ShiftRules(early_grace=15)
    assert day("in 08:00", "out 16:45", rules=rules).early_exit == 0
    assert day("in 08:00", "out 16:44", rules=rules).early_exit == 16


def test_who_is_there_for_short_keeps_the_break() -> None:
    assert day("in 08:00", "out 14:00").working == 360
    assert day("in 08:00", "out 14:01").working == 361 - 45


def test_a_break_that_is_a_window() -> None:
    rules = ShiftRules(break_kind="window")
    assert day("in 08:00", "out 17:00", rules=rules).break_minutes == 60
    assert day("in 13:30", "out 17:00", rules=rules).break_minutes == 30
    assert day("in 08:00", "out 12:00", rules=rules).break_minutes == 0
    none = ShiftRules(break_kind="none")
    assert day("in 08:00", "out 17:00", rules=none).net == 540


@pytest.mark.parametrize(
    ("mode", "working"),
    [("regular", 435), ("total", 495), ("pairs", 480), ("gross", 540)],
)
def test_the_ways_to_count_hours(mode: str, working: int) -> None:
    rules = ShiftRules(hours_mode=mode)  # type: ignore[arg-type]
    found = day("in 09:00", "out 12:00", "in 13:00", "out 18:00", rules=rules)
    assert found.working == working


def test_an_early_arrival() -> None:
    texts = ("in 07:00", "out 17:00")
    assert day(*texts).working == 540 - 45
    assert day(*texts, rules=ShiftRules(counts_early_arrival=True)).working == 600 - 45


@pytest.mark.parametrize(
    ("mode", "expected"), [("nearest", 450), ("down", 450), ("up", 465)]
)
def test_hours_are_rounded_last(mode: str, expected: int) -> None:
    rules = ShiftRules(
        rounding=15,
        rounding_mode=mode,  # type: ignore[arg-type]
        hours_mode="gross",
    )
    found = day("in 08:00", "out 15:37", rules=rules)
    assert (found.gross, found.working) == (457, expected)
    middle = day("in 08:00:00", "out 15:38", rules=rules)
    assert middle.working == (465 if mode != "down" else 450)


# --------------------------------------------------------- what is read, and missing


def test_an_out_without_an_in() -> None:
    found = day("out 17:30")
    assert (found.status, found.check_in, found.check_out) == ("late", None, None)
    assert found.missing_in
    assert found.net == found.overtime == 0
    assert day("out 17:30", rules=ShiftRules(out_only="absent")).status == "absent"


def test_repeated_readings() -> None:
    found = day("in 08:00:00", "in 08:00:40", "out 17:00:00", "out 17:00:50")
    assert (found.count, found.duplicates) == (2, 2)
    assert found.gross == 540
    assert day("none 08:00:00", "none 08:00:40", is_closed=True).missing_out
    # which way somebody went makes a difference
    assert day("in 08:00:00", "out 08:00:40").count == 2


def test_readings_that_say_the_same_again() -> None:
    texts = ("in 08:00", "in 09:00", "out 16:00", "out 17:00")
    assert day(*texts).gross == 540
    pairs = day(*texts, rules=ShiftRules(hours_mode="pairs"))
    assert pairs.working == 480


def test_readings_that_dont_say_which_way() -> None:
    texts = ("none 08:00", "none 12:00", "none 13:00", "none 17:00")
    assert day(*texts).gross == 540
    assert day(*texts, rules=ShiftRules(hours_mode="pairs")).working == 480


def test_the_first_is_the_in_and_the_last_the_out_whatever_was_pressed() -> None:
    texts = ("out 08:00", "in 17:00")
    assert day(*texts).gross == 0
    rules = ShiftRules(trusts_types=False)
    found = day(*texts, rules=rules, is_closed=True)
    assert (found.gross, found.missing_in, found.missing_out) == (540, False, False)


def test_who_came_back_and_never_went() -> None:
    texts = ("in 08:00", "break_start 12:00", "break_end 13:00")
    found = day(*texts, is_closed=True)
    assert found.missing_out
    assert found.check_out == minute("12:00")
    assert found.early_exit == 0
    assert not day(*texts).missing_out


def test_a_day_that_is_closed_by_the_shift() -> None:
    rules = ShiftRules(missing_out="auto_out")
    open_day = day("in 08:00", rules=rules)
    assert (open_day.check_out, open_day.is_auto_out) == (None, False)
    closed = day("in 08:00", rules=rules, is_closed=True)
    assert closed.check_out == minute("17:00")
    assert closed.is_auto_out
    assert not closed.missing_out
    assert closed.working == 495
    # after the end of the shift there is nothing to close it with
    assert day("in 18:00", rules=rules, is_closed=True).missing_out


def test_absence_is_known_when_the_day_is_over() -> None:
    assert day().status is None
    assert day(is_closed=True).status == "absent"
    assert day("absent 09:00").status == "absent"


def test_who_is_said_to_be_absent_and_was_there() -> None:
    found = day("absent 09:00", "in 08:00", "out 17:00")
    assert found.status == "on_time"
    assert found.has_conflict
    assert found.count == 2


# ----------------------------------------------------------------- days off, leave


def test_a_day_off_is_known_before_it_begins() -> None:
    assert day(day_type="weekend").status == "weekend"
    assert day(day_type="holiday").status == "holiday"


def test_work_on_a_day_off() -> None:
    texts = ("in 09:00", "out 20:00")
    found = day(*texts, day_type="holiday")
    assert (found.status, found.day_type, found.late) == ("on_time", "holiday", 0)
    assert (found.working, found.net) == (0, 615)
    assert (found.overtime, found.extra_overtime) == (555, 60)
    assert found.snacks_eligible
    bands = day(*texts, day_type="weekend", rules=ShiftRules(holiday_work="bands"))
    assert (bands.status, bands.overtime, bands.working) == ("late", 120, 435)
    staff = day(*texts, day_type="holiday", earns_overtime=False)
    assert (staff.working, staff.overtime) == (435, 0)


def test_leave() -> None:
    sick = Leave("Sick", "LS")
    found = day(leaves=[sick])
    assert (found.status, found.leave, found.leave_hundredths) == ("leave", "Sick", 100)
    assert not found.has_conflict
    worked = day("in 09:00", "out 12:00", leaves=[sick])
    assert (worked.status, worked.net, worked.has_conflict) == ("leave", 180, True)
    assert (worked.late, worked.early_exit) == (0, 0)


def test_half_a_day_of_leave() -> None:
    noon = minute("12:30")
    morning = Leave("Casual", "LC", 50, minute("08:00"), noon)
    afternoon = Leave("Casual", "LC", 50, noon, minute("17:00"))
    assert day("in 12:30", "out 17:00", leaves=[morning]).status == "on_time"
    assert day("in 12:36", "out 17:00", leaves=[morning]).late == 6
    found = day("in 08:00", "out 12:30", leaves=[afternoon])
    assert (found.status, found.early_exit, found.leave) == ("on_time", 0, "Casual")
    assert found.leave_hundredths == 50
    assert day(leaves=[afternoon], is_closed=True).status == "absent"
    assert day(leaves=[afternoon, morning]).status == "leave"


# ------------------------------------------------------------------------ decisions


def test_a_time_that_was_forgotten() -> None:
    found = day("in 08:00", override=Override(check_out=minute("17:30")))
    assert (found.working, found.overtime, found.missing_out) == (495, 30, False)
    found = day("out 17:30", override=Override(check_in=minute("08:00")))
    assert (found.status, found.gross, found.missing_in) == ("on_time", 570, False)
    both = Override(
        check_in=minute("08:00"), check_out=minute("17:30"), is_time_set=True
    )
    found = day("out 17:30", override=both)
    assert (found.status, found.missing_in, found.gross) == ("on_time", False, 570)


def test_an_out_that_was_forgotten_without_an_in() -> None:
    out = Override(check_out=minute("17:30"))
    found = day(override=out, is_closed=True)
    assert (found.status, found.check_in, found.check_out) == (
        "late",
        None,
        minute("17:30"),
    )
    assert (found.missing_in, found.missing_out, found.net) == (True, False, 0)
    absent = ShiftRules(out_only="absent")
    assert day(override=out, is_closed=True, rules=absent).status == "absent"
    # Whoever is read to have come later than that hasn't gone yet.
    assert day("in 18:00", override=out).check_out is None
    assert day("in 08:00", override=out).gross == 570
    assert day("out 17:10", override=out).check_out == minute("17:30")
    assert day("out 17:10").check_out is None


def test_lateness_that_is_forgiven() -> None:
    forgiven = Override(is_forgiven=True)
    found = day("in 09:00", "out 17:00", override=forgiven)
    assert (found.status, found.late) == ("considered", 60)
    assert day("in 07:00", override=forgiven).status == "on_time"
    assert day(is_closed=True, override=forgiven).status == "absent"


def test_what_somebody_decides_stands() -> None:
    override = Override(status="absent", overtime=5, snacks_eligible=True)
    found = day("in 08:00", "out 17:30", override=override)
    assert (found.status, found.overtime, found.snacks_eligible) == ("absent", 5, True)
    assert found.working == 495
    nothing = day("in 08:00", "out 17:30", override=Override(is_time_set=True))
    assert (nothing.check_in, nothing.gross) == (None, 0)


# -------------------------------------------------------------------------- windows


def night(**more: int) -> ShiftRules:
    return ShiftRules(
        **{
            "start": 1320,
            "end": 1800,
            "overtime_start": 1800,
            "extra_start": 1920,
            "closes_after": 600,
            **more,
        }
    )


def of(rules: ShiftRules, number: int = 0) -> Bounds:
    return bounds(rules, DATE + timedelta(days=number), TZ)


def test_the_windows_of_the_shipped_shift_meet_at_three() -> None:
    assert edge(of(SEED), of(SEED, 1)) == minute("+03:00")


def test_an_evening_before_a_free_day_is_not_cut() -> None:
    wide = ShiftRules(closes_after=1200)
    assert edge(of(wide), of(SEED, 1)) == minute("+03:00")


def test_where_windows_overlap_the_middle_parts_them() -> None:
    early = ShiftRules(opens_before=600)  # from 22:00 of the day before
    assert edge(of(SEED), of(early, 1)) == minute("+00:30")


def test_an_in_begins_the_next_day_and_an_out_ends_the_last() -> None:
    early = ShiftRules(opens_before=600)
    days = of(SEED), of(early, 1)
    assert edge(*days, [(second("23:00"), "in")]) == minute("23:00")
    assert edge(*days, [(second("23:00"), "none")]) == minute("+00:30")
    late_out = [(second("+01:30"), "out")]
    assert edge(*days, late_out) == minute("+01:31")
    assert edge(*days, [*late_out, (second("+02:00"), "in")]) == minute("+01:31")
    assert edge(*days, [(second("+01:00"), "in"), *late_out]) == minute("+00:30")
    # what is outside of the overlap has no say
    assert edge(*days, [(second("20:00"), "in")]) == minute("+00:30")


def test_a_gap_between_windows_is_halved() -> None:
    narrow = ShiftRules(opens_before=60, closes_after=60)
    assert edge(of(narrow), of(narrow, 1)) == minute("+00:30")


def test_a_night_shift_is_of_the_day_on_which_it_begins() -> None:
    new_year = date(2026, 12, 31)
    at = bounds(night(), new_year, TZ)
    came, went = second("22:00", new_year), second("+06:00", new_year)
    assert at.opens * 60 <= came < went < at.closes * 60
    found = compute_day([Mark(came, "in"), Mark(went, "out")], night(), at)
    assert (found.status, found.gross) == ("on_time", 480)


@pytest.mark.parametrize("tz", CHANGING)
def test_nights_in_which_clocks_change(tz: str) -> None:
    forward, back = CHANGING[tz]
    for changed, sign in ((forward, -1), (back, 1)):
        first = changed - timedelta(days=1)
        at = bounds(night(), first, tz)
        shift = 30 if tz == "Australia/Lord_Howe" else 60
        assert at.ends - at.starts == 480 + sign * shift
        found = compute_day(
            [Mark(at.starts * 60, "in"), Mark(at.ends * 60, "out")], night(), at
        )
        assert found.gross == 480 + sign * shift
        assert (found.late, found.early_exit, found.overtime) == (0, 0, 0)
        # the wall clock says when overtime begins, on each side of the change
        usual = bounds(SEED, changed, tz)
        assert usual.extra_starts - usual.ends == 120


# ----------------------------------------------------------------------- properties

KINDS = st.sampled_from(
    [
        "in",
        "out",
        "break_start",
        "break_end",
        "overtime_in",
        "overtime_out",
        "none",
    ]
)
MODES = st.sampled_from(["regular", "total", "pairs", "gross"])
WINDOW = bounds(SEED, DATE, TZ)
SECONDS = st.integers(WINDOW.opens * 60, WINDOW.closes * 60 - 1)
MARKS = st.builds(Mark, SECONDS, KINDS, st.just(False))
ANY_MARKS = st.builds(Mark, SECONDS, KINDS, st.booleans())
SHIFTS = st.builds(
    ShiftRules,
    hours_mode=MODES,
    break_kind=st.sampled_from(["none", "fixed", "window"]),
    missing_out=st.sampled_from(["flag", "auto_out"]),
    trusts_types=st.booleans(),
    rounding=st.sampled_from([0, 5, 15]),
)


@given(st.lists(ANY_MARKS, max_size=8), SHIFTS, st.booleans(), st.randoms())
def test_the_order_of_arrival_makes_no_difference(
    found: list[Mark], rules: ShiftRules, is_closed: bool, random: Random
) -> None:
    expected = compute_day(found, rules, WINDOW, is_closed=is_closed)
    shuffled = random.sample(found, len(found))
    assert compute_day(shuffled, rules, WINDOW, is_closed=is_closed) == expected


@given(st.lists(MARKS, min_size=1, max_size=8), SHIFTS, st.data())
def test_a_reading_that_comes_again_changes_nothing(
    found: list[Mark], rules: ShiftRules, data: st.DataObject
) -> None:
    again = data.draw(st.sampled_from(found))
    once = compute_day(found, rules, WINDOW, is_closed=True)
    twice = compute_day([*found, again], rules, WINDOW, is_closed=True)
    assert twice._replace(duplicates=once.duplicates) == once


@given(st.lists(MARKS, max_size=8), MARKS, SHIFTS)
def test_one_reading_more_makes_no_day_shorter(
    found: list[Mark], more: Mark, rules: ShiftRules
) -> None:
    before = compute_day(found, rules, WINDOW).gross
    assert compute_day([*found, more], rules, WINDOW).gross >= before


@given(st.lists(MARKS, max_size=8), SHIFTS, st.booleans())
def test_the_figures_of_a_day_fit_together(
    found: list[Mark], rules: ShiftRules, is_closed: bool
) -> None:
    at = compute_day(found, rules, WINDOW, is_closed=is_closed)
    assert at.count + at.duplicates == len(found)
    assert 0 <= at.break_minutes <= at.gross
    assert min(at[6:14]) >= 0
    assert (at.status is None) == (not found and not is_closed)
    if at.check_out is not None:
        assert at.check_in is not None
        assert at.gross == at.check_out - at.check_in
    if not rules.rounding:
        assert at.working <= at.gross
        assert at.overtime + at.extra_overtime <= at.gross
    if at.night_bill_eligible:
        assert at.snacks_eligible


# ---------------------------------------------------------------------------- muster


@pytest.mark.parametrize(
    ("went", "by_hours", "rounded_up"),
    [
        ("08:00", NOTHING, NOTHING),
        ("09:00", HALF, HALF),
        ("12:00", HALF, HALF),
        ("12:01", HALF, FULL),
        ("15:59", HALF, FULL),
        ("16:00", FULL, FULL),
    ],
)
def test_what_a_day_counts_on_a_muster(
    went: str, by_hours: int, rounded_up: int
) -> None:
    found = day("in 08:00", f"out {went}")
    assert half_days(found, MusterRules()) == by_hours
    assert half_days(found, MusterRules(rounds_up=True)) == rounded_up


def test_an_exit_without_an_entry_is_nothing() -> None:
    assert half_days(day("out 16:00"), MusterRules()) == NOTHING
    assert half_days(day("in 08:00"), MusterRules()) == NOTHING
