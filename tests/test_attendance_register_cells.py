"""Cells of a register's sheet: what records come to, and what changes them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from engine.register_cells import Cell, Make, Seen, plan, read, version

WRITTEN = datetime(2026, 9, 7, 18)


def seen(record_id: int, time: str, category: str = "present", direction=None) -> Seen:
    local = datetime.fromisoformat(f"2026-09-07 {time}")
    return Seen(record_id, local, category, direction, WRITTEN)


CAME = seen(1, "08:00")
MISSED = seen(2, "08:00", "absent")
IN, OUT = seen(3, "08:05", "present", "in"), seen(4, "16:30", "present", "out")
LUNCH = [seen(5, "12:00", "present", "out"), seen(6, "13:00", "present", "in")]


@pytest.mark.parametrize(
    ("mode", "records", "cell"),
    [
        ("day", [], Cell()),
        ("day", [CAME], Cell("present")),
        ("day", [MISSED], Cell("absent")),
        ("day", [MISSED, CAME], Cell("present")),
        ("day", [IN, OUT], Cell("present")),
        ("entry_exit", [OUT, *LUNCH, IN], Cell(None, "08:05", "16:30")),
        ("entry_exit", [OUT], Cell(None, None, "16:30")),
        ("entry_exit", [MISSED], Cell("absent")),
        ("entry_exit", [CAME, IN], Cell("present", "08:05")),
    ],
)
def test_read(mode, records, cell) -> None:
    assert read(mode, records) == cell


def test_a_version_differs_after_any_change() -> None:
    later = CAME._replace(changed=WRITTEN + timedelta(microseconds=1))
    versions = [version(records) for records in ([], [CAME], [later], [CAME, IN])]
    assert len(set(versions)) == 4
    assert versions[0] == ""


@pytest.mark.parametrize(
    ("mode", "records", "wanted", "result"),
    [
        ("day", [], Cell("absent"), {"make": [Make("day", "absent", None)]}),
        ("day", [CAME], Cell("absent"), {"categories": {1: "absent"}}),
        ("day", [CAME], Cell("present"), {}),
        ("day", [CAME], Cell(), {"void": [1]}),
        ("day", [CAME, IN, OUT], Cell(), {"void": [1, 3, 4]}),
        (
            "day",
            [CAME, IN, OUT],
            Cell("absent"),
            {"categories": {1: "absent"}, "void": [3, 4]},
        ),
        (
            "day",
            [IN, OUT],
            Cell("absent"),
            {"make": [Make("day", "absent", None)], "void": [3, 4]},
        ),
        (
            "entry_exit",
            [],
            Cell(None, "08:00", "17:00"),
            {"make": [Make("in", "present", "08:00"), Make("out", "present", "17:00")]},
        ),
        (
            "entry_exit",
            [IN, *LUNCH, OUT],
            Cell(None, "07:55", "16:30"),
            {"times": {3: "07:55"}},
        ),
        ("entry_exit", [IN, OUT], Cell(None, "08:05"), {"void": [4]}),
        (
            "entry_exit",
            [MISSED],
            Cell(None, "08:00"),
            {"void": [2], "make": [Make("in", "present", "08:00")]},
        ),
        (
            "entry_exit",
            [IN, OUT],
            Cell("absent"),
            {"void": [3, 4], "make": [Make("day", "absent", None)]},
        ),
    ],
)
def test_plan(mode, records, wanted, result) -> None:
    found = plan(mode, records, wanted)
    empty = {"void": [], "categories": {}, "times": {}, "make": []}
    assert vars(found) == {**empty, **result}
