"""The overview of days and the list of who was late, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from chromium import chromium, signed_in
from odoo_session import Session
from playwright.sync_api import Page, expect

LOGIN = "days@example.org"

#: Two days, Monday to Thursday, that are over everywhere, the later one last.
DAYS = sorted(
    [
        day
        for day in (date.today() - timedelta(days=days) for days in range(3, 10))
        if day.weekday() < 4
    ][:2]
)


@pytest.fixture(scope="module")
def password(server) -> str:
    """Of an officer, who sees two workers; one was late once and stayed long once."""
    session = Session(server.connection)

    def create(model: str, *rows: dict) -> list[int]:
        return session.call(f"spp.attendance.{model}", "create", list(rows))

    password = session.add_user(LOGIN, "officer")
    [hall] = create("location", {"name": "Works", "tz": "UTC"})
    people = create(
        "subscriber",
        *(
            {
                "person_identifier": f"DF-{number}",
                "name": f"Worker {number}",
                "location_id": hall,
                "level_of_work": "worker",
                "work_from": str(DAYS[0]),
                "work_to": str(DAYS[1]),
            }
            for number in (1, 2)
        ),
    )
    times = {
        (0, 0): ("08:20:00", "17:00:00"),
        (0, 1): ("07:55:00", "20:30:00"),
        (1, 0): ("07:55:00", "17:00:00"),
        (1, 1): ("07:55:00", "17:00:00"),
    }
    create(
        "record",
        *(
            {
                "subscriber_id": people[person],
                "local_date": str(DAYS[day]),
                "local_time": at,
                "location_id": hall,
                "scan_type": kind,
            }
            for (person, day), both in times.items()
            for at, kind in zip(both, ("in", "out"), strict=True)
        ),
    )
    return password


@pytest.fixture
def page(server, password) -> Iterator[Page]:
    """The overview of an officer; the page must raise no error."""
    path = "/odoo/attendance-days-overview"
    with (
        chromium() as browser,
        signed_in(
            browser, server.url, LOGIN, password, path, ".spp_day_overview"
        ) as page,
    ):
        # Days are computed in the background.
        for _attempt in range(30):
            page.locator("select[name=period]").select_option("week")
            page.locator("select[name=period]").select_option("days_30")
            card = page.locator("[data-card=eligible]", has_text="1 and 0")
            try:
                expect(card).to_be_visible(timeout=1000)
                break
            except AssertionError:
                continue
        yield page


def test_the_figures_open_what_is_behind_them(page: Page) -> None:
    for name, value in (
        ("present", "4 of 4 days, 2 people"),
        ("late", "25% of the days present, 0:20 on average"),
        ("overtime", "3:30"),
        ("eligible", "1 and 0"),
    ):
        expect(page.locator(f"[data-card={name}]")).to_contain_text(value)
    expect(page.locator("[data-chart=presence] canvas")).to_be_visible()
    page.locator("[data-card=late]").click()
    row = page.locator(".o_data_row")
    expect(row).to_contain_text("Late by 0:20")
    page.locator(".o_breadcrumb .breadcrumb-item a").first.click()
    page.locator("[data-card=eligible]").click()
    expect(row).to_contain_text("20:30")
    expect(row.locator("td[name=snacks] .fa-check")).to_be_visible()
    expect(row.locator("td[name=night_bills] .fa-check")).to_have_count(0)


def test_who_was_late_is_followed_up(page: Page) -> None:
    page.locator("[data-card=late]").click()
    row = page.locator(".o_data_row")
    row.locator("input[type=checkbox]").check()
    page.get_by_role("button", name="Follow Up", exact=True).click()
    dialog = page.locator(".modal")
    expect(dialog).to_contain_text("Late by 0:20")
    dialog.get_by_role("button", name="Follow Up", exact=True).click()
    expect(dialog).to_have_count(0)
    expect(row.locator("td[name=follow_up_state]")).to_contain_text("To Do")
    expect(row.locator("td[name=follow_up_deadline]")).to_contain_text("Tomorrow")


def test_nothing_is_cut_off_on_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.reload()
    page.wait_for_selector(".spp_charts canvas")
    content = page.locator(".spp_day_overview")
    assert content.evaluate("element => element.scrollWidth <= element.clientWidth")
