"""The programme dashboard, absentees and a person's history in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from chromium import chromium, signed_in
from odoo_session import Session
from playwright.sync_api import Locator, Page, expect

LOGIN = "insight@example.org"

#: Three mornings in a row that end yesterday.
DAYS = [date.today() - timedelta(days=days) for days in (3, 2, 1)]


@pytest.fixture(scope="module")
def programme(server) -> dict[str, Any]:
    """Ids of what a small programme has; one of its four people stays away.

    And the password of its officer.
    """
    session = Session(server.connection)

    def create(model: str, *rows: dict) -> list[int]:
        return session.call(f"spp.attendance.{model}", "create", list(rows))

    password = session.add_user(LOGIN, "officer")
    [district] = create("location", {"name": "North District", "tz": "UTC"})
    hall, empty = create(
        "location",
        {"name": "Hall", "tz": "UTC", "parent_id": district},
        {"name": "Empty Hall", "tz": "UTC"},
    )
    [training] = create("type", {"name": "Training"})
    people = create(
        "subscriber",
        *(
            {"person_identifier": f"D-{number}", "name": f"Person {number}"}
            for number in range(1, 5)
        ),
    )
    create(
        "record",
        *(
            {
                "subscriber_id": person,
                "local_date": str(day),
                "local_time": "08:00:00",
                "location_id": hall,
                "type_id": training,
                "category": "absent" if person == people[3] else "present",
            }
            for person in people
            for day in DAYS
        ),
    )
    create(
        "event",
        {
            "name": "Training day",
            "local_date": str(DAYS[0]),
            "location_id": hall,
            "line_ids": [(0, 0, {"subscriber_id": person}) for person in people],
        },
    )
    return {
        "password": password,
        "person": people[0],
        "absentee": people[3],
        "empty": empty,
    }


@pytest.fixture
def page(server, programme) -> Iterator[Page]:
    """The dashboard of an officer; the page must raise no error."""
    password, path = programme["password"], "/odoo/attendance-dashboard"
    with (
        chromium() as browser,
        signed_in(browser, server.url, LOGIN, password, path, ".spp_cards") as page,
    ):
        yield page


def card(page: Page, name: str) -> Locator:
    return page.locator(f"[data-card={name}]")


def pick(filter_: Locator, text: str) -> None:
    """Choose a location or type in one of the filters."""
    filter_.locator("input").fill(text)
    items = filter_.page.locator(".o-autocomplete--dropdown-item", has_text=text)
    items.first.click()


def test_the_cards_and_charts_say_what_happened(page: Page) -> None:
    for name, value, detail in (
        ("people", "3", "came at least once"),
        ("records", "12", "9 present, 3 absent"),
        ("rate", "75%", "of all records"),
        ("expected", "75%", "3 of 4 at 1 events"),
        ("absentees", "1", "1 without a follow-up"),
    ):
        expect(card(page, name)).to_contain_text(value)
        expect(card(page, name)).to_contain_text(detail)
    areas = page.locator(".spp_panel", has_text="by area").locator(".spp_bar")
    expect(areas).to_have_text(["North District3", "North District / Hall3"])
    page.get_by_role("button", name="Times present").click()
    expect(areas).to_have_text(["North District9", "North District / Hall9"])
    expect(page.locator("canvas")).to_be_visible()


def test_each_card_opens_its_list_and_the_way_back_keeps_the_filter(page: Page) -> None:
    pick(page.locator(".spp_area"), "North District / Hall")
    expect(card(page, "people")).to_contain_text("3")
    for name, rows, count in (
        ("people", ".o_group_header", 3),
        ("records", ".o_data_row", 12),
        ("expected", ".o_data_row", 1),
        ("absentees", ".o_data_row", 1),
    ):
        card(page, name).click()
        expect(page.locator(f".o_list_view {rows}")).to_have_count(count)
        page.locator(".o_breadcrumb .breadcrumb-item a").first.click()
        expect(page.locator(".spp_area input")).to_have_value("North District / Hall")
    card(page, "rate").click()
    expect(page.locator(".o_pivot_view")).to_be_visible()


def test_a_period_without_attendance_says_what_to_do(page: Page) -> None:
    pick(page.locator(".spp_area"), "Empty Hall")
    expect(page.locator(".spp_dashboard_empty")).to_contain_text("No attendance")
    page.get_by_role("button", name="Record attendance").press("Enter")
    expect(page.locator(".o_list_view")).to_be_visible()


def test_nothing_is_cut_off_on_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.reload()
    page.wait_for_selector(".spp_charts canvas")
    content = page.locator(".spp_dashboard")
    assert content.evaluate("element => element.scrollWidth <= element.clientWidth")


def test_the_absentees_are_followed_up(page: Page) -> None:
    card(page, "absentees").click()
    row = page.locator(".o_data_row")
    expect(row).to_contain_text("Person 4")
    row.locator("input[type=checkbox]").check()
    page.get_by_role("button", name="Follow Up").click()
    dialog = page.locator(".modal")
    expect(dialog).to_contain_text("Follow up on absence")
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(dialog).to_have_count(0)
    expect(row.locator("td[name=follow_up_deadline]")).to_contain_text("In 2 days")
    row.locator("[name=subscriber_id]").click()
    expect(page.locator(".o_form_view")).to_contain_text("Find out why")


def test_the_year_of_a_person(page: Page, server, programme) -> None:
    # For the page it is the day on which these tests began, though it may have ended.
    today = datetime.combine(DAYS[-1] + timedelta(days=1), time(12))
    page.clock.set_fixed_time(today)
    page.goto(f"{server.url}/odoo/attendance-people/{programme['person']}")
    history = page.locator(".spp_history")
    expect(history.locator("[data-figure=present] dd")).to_have_text("3")
    expect(history.locator("[data-figure=absent] dd")).to_have_text("0")
    expect(history.locator("[data-figure=rate] dd")).to_have_text("100%")
    expect(history.locator(".spp_heat_map .spp_present_1")).to_have_count(3)
    location = history.locator(".spp_pick").last
    pick(location, "Empty Hall")
    expect(history.locator("[data-figure=present] dd")).to_have_text("0")
    expect(history.locator("[data-figure=rate] dd")).not_to_contain_text("%")
    location.locator("input").fill("")
    page.keyboard.press("Tab")
    expect(history.locator("[data-figure=present] dd")).to_have_text("3")

    # Today is in the tab order; from there the arrows go to the day before.
    history.locator(".spp_heat_map [tabindex='0']").focus()
    page.keyboard.press("ArrowUp")
    expect(history.locator(f"[data-date='{DAYS[-1]}']")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".o_list_view .o_data_row")).to_have_count(1)


def test_the_history_opens_as_list_and_calendar(page: Page, server, programme) -> None:
    page.goto(f"{server.url}/odoo/attendance-people/{programme['absentee']}")
    history = page.locator(".spp_history")
    expect(history.locator(".spp_heat_map .spp_absent")).to_have_count(3)
    history.get_by_role("button", name="Calendar").click()
    expect(page.locator(".o_calendar_view")).to_be_visible()
    page.locator(".o_breadcrumb .breadcrumb-item a").last.click()
    history.get_by_role("button", name="List").click()
    expect(page.locator(".o_list_view .o_data_row")).to_have_count(3)
