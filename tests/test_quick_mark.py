"""Fifty people marked at one event in a real browser, with the keyboard and a badge."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from chromium import chromium, signed_in
from odoo_session import Session
from playwright.sync_api import Page, expect

PEOPLE = 50
#: A hurry is nobody's here: the machine may be busy.


@pytest.fixture
def event(admin: Session) -> tuple[int, str, str]:
    """An event at which fifty people are expected; login and password of an officer."""
    login = "quick@example.org"
    password = admin.add_user(login, "officer", tz="Africa/Nairobi")
    people = admin.call(
        "spp.attendance.subscriber",
        "create",
        [
            {"person_identifier": f"Q-{number:02}", "name": f"Person {number:02}"}
            for number in range(1, PEOPLE + 2)
        ],
    )
    [hall] = admin.call(
        "spp.attendance.location", "create", [{"name": "Hall", "tz": "Africa/Nairobi"}]
    )
    [event_id] = admin.call(
        "spp.attendance.event",
        "create",
        [
            {
                "name": "Distribution",
                "location_id": hall,
                "local_date": "2026-01-15",
                "local_time": "08:30",
                "line_ids": [
                    (0, 0, {"subscriber_id": person}) for person in people[:PEOPLE]
                ],
            }
        ],
    )
    return event_id, login, password


@pytest.fixture
def page(server, event) -> Iterator[Page]:
    event_id, login, password = event
    path = f"/odoo/attendance-events/{event_id}"
    with (
        chromium() as browser,
        signed_in(browser, server.url, login, password, path, ".o_spp_marks") as page,
    ):
        yield page


def test_fifty_are_marked_with_one_save_and_undone_at_once(
    admin: Session, event: tuple[int, str, str], page: Page
) -> None:
    keyboard = page.keyboard
    scan = page.locator(".o_spp_marks_scan input")

    def counts(everybody: int, present: int, absent: int, unmarked: int) -> None:
        badges = page.locator(".o_spp_marks .o_spp_marks_count")
        expect(badges).to_have_text(
            [str(number) for number in (everybody, present, absent, unmarked)]
        )

    def count_records(*domain: object) -> int:
        return admin.call(
            "spp.attendance.record",
            "search_count",
            [("person_identifier", "=like", "Q-%"), *domain],
        )

    expect(scan).to_be_focused()
    counts(50, 0, 0, 50)
    # A badge reader types an identifier and Enter, one right after the other.
    for number in range(1, 41):
        keyboard.type(f"Q-{number:02}")
        keyboard.press("Enter")
    counts(50, 40, 0, 10)
    # A name does as well, and who wasn't expected is welcome.
    keyboard.type("person 41")
    keyboard.press("Enter")
    counts(50, 41, 0, 9)
    keyboard.type("Q-51")
    keyboard.press("Enter")
    counts(51, 42, 0, 9)
    expect(page.locator("[data-row=Q-51]")).to_contain_text("Not expected")
    keyboard.type("Q-99")
    keyboard.press("Enter")
    expect(page.locator(".o_notification")).to_contain_text("Q-99")
    # From the box to the list: Q-01 was absent after all, Q-02's mark is taken away.
    keyboard.press("ArrowDown")
    expect(page.locator("[data-row=Q-01]")).to_be_focused()
    keyboard.press("a")
    expect(page.locator("[data-row=Q-02]")).to_be_focused()
    keyboard.press("Delete")
    counts(51, 40, 1, 10)
    keyboard.press("Alt+m")
    counts(51, 40, 11, 0)
    assert count_records() == 0

    keyboard.press("Alt+g")
    expect(page.get_by_role("button", name="Undo Last Save")).to_be_visible()
    counts(51, 40, 11, 0)
    expect(page.locator(".o_stat_text")).to_contain_text(re.compile("39.*of.*50"))
    assert count_records() == 51
    assert count_records(("category", "=", "absent")) == 11
    saves = [("event_id", "=", event[0])]
    assert admin.call("spp.attendance.event.mark", "search_count", saves) == 1

    # One more save, by mouse, and two undos. The buttons wait for the save before.
    expect(page.get_by_role("button", name="Save Marks")).to_be_enabled()
    page.locator("[data-row=Q-03]").get_by_role("button", name="Absent").click()
    counts(51, 39, 12, 0)
    keyboard.press("Alt+g")
    expect(page.locator(".o_stat_text")).to_contain_text(re.compile("38.*of.*50"))
    undo = page.get_by_role("button", name="Undo Last Save")
    expect(undo).to_be_enabled()
    keyboard.press("Alt+z")
    counts(51, 40, 11, 0)
    expect(page.locator(".o_stat_text")).to_contain_text(re.compile("39.*of.*50"))
    expect(undo).to_be_enabled()
    keyboard.press("Alt+z")
    counts(50, 0, 0, 50)
    assert count_records() == 0
    voided = admin.call(
        "spp.attendance.record",
        "search_count",
        [("person_identifier", "=like", "Q-%"), ("active", "=", False)],
    )
    assert voided == 51
