"""Wall-clock arithmetic of the attendance engine."""

from datetime import UTC, datetime, timedelta

import pytest
from engine.localtime import (
    LocalTimeError,
    is_far_future,
    offset_iso,
    parse,
    parse_time_of_day,
    place,
    to_local,
    to_utc,
    zone,
)

ZONES = [
    "Africa/Nairobi",
    "Africa/Casablanca",
    "America/Sao_Paulo",
    "America/St_Johns",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Europe/Berlin",
    "Pacific/Apia",
]


@pytest.mark.parametrize("name", ZONES)
def test_every_half_hour_of_a_year_goes_there_and_back(name):
    instant = datetime(2026, 1, 1)
    while instant < datetime(2027, 1, 1):
        local = to_local(instant, name)
        back = to_utc(local, name)
        # In a doubled hour the second pass comes back as the first.
        assert back == instant or (to_local(back, name) == local and back < instant)
        instant += timedelta(minutes=30)


def test_a_doubled_hour_takes_its_first_pass():
    # 25 October 2026: 03:00 summer time becomes 02:00 winter time.
    assert to_utc(datetime(2026, 10, 25, 2, 30), "Europe/Berlin") == datetime(
        2026, 10, 25, 0, 30
    )


def test_a_skipped_hour_shifts_forward():
    # 29 March 2026: 02:00 becomes 03:00, so 02:30 was 03:30 on a clock that was set.
    instant, local = place(datetime(2026, 3, 29, 2, 30), "Europe/Berlin")
    assert instant == datetime(2026, 3, 29, 1, 30)
    assert local == datetime(2026, 3, 29, 3, 30)


def test_an_offset_makes_an_instant_whatever_the_zone():
    value = parse("2026-09-01T23:30:00+00:00")
    assert place(value, "Africa/Nairobi") == (
        datetime(2026, 9, 1, 23, 30),
        datetime(2026, 9, 2, 2, 30),
    )


def test_no_offset_is_a_time_on_the_wall():
    assert place(parse("2026-09-01 08:00:00"), "Asia/Kathmandu") == (
        datetime(2026, 9, 1, 2, 15),
        datetime(2026, 9, 1, 8, 0),
    )


def test_output_carries_the_offset_of_that_day():
    assert (
        offset_iso(datetime(2026, 7, 1, 6), "Europe/Berlin")
        == "2026-07-01T08:00:00+02:00"
    )
    assert (
        offset_iso(datetime(2026, 12, 1, 7), "Europe/Berlin")
        == "2026-12-01T08:00:00+01:00"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-09-01T08:00", datetime(2026, 9, 1, 8)),
        ("2026-09-01 08:00:30", datetime(2026, 9, 1, 8, 0, 30)),
        ("2026-09-01T08:00:30.999", datetime(2026, 9, 1, 8, 0, 30)),
        ("2026-09-01T08:00:00Z", datetime(2026, 9, 1, 8, tzinfo=UTC)),
    ],
)
def test_parse(text, expected):
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-09-01",
        "20260901T080000",
        "2026-02-31T08:00:00",
        "2026-09-01T25:00:00",
        "2026-09-01T08:00:00+25:00",
        "2026-09-01T08:00:00 Mars/Olympus",
        "0001-01-01T00:00:00+14:00",
        "tomorrow at eight",
    ],
)
def test_parse_refuses(text):
    with pytest.raises(LocalTimeError):
        parse(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("8", "08:00:00"),
        ("830", "08:30:00"),
        ("0830", "08:30:00"),
        ("8:3", "08:03:00"),
        (" 8.30 ", "08:30:00"),
        ("8h30", "08:30:00"),
        ("8h", "08:00:00"),
        ("23:59:59", "23:59:59"),
    ],
)
def test_parse_time_of_day(text, expected):
    assert parse_time_of_day(text) == expected


@pytest.mark.parametrize("text", ["", "24:00", "8:60", "noon", "1:2:3:4", "83000", "٨"])
def test_parse_time_of_day_refuses(text):
    with pytest.raises(LocalTimeError):
        parse_time_of_day(text)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "\0"])
def test_unknown_zone(name):
    with pytest.raises(LocalTimeError):
        zone(name)


def test_a_day_ahead_is_too_far():
    now = datetime(2026, 9, 1)
    assert not is_far_future(now + timedelta(hours=24), now)
    assert is_far_future(now + timedelta(hours=24, seconds=1), now)
