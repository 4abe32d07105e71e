"""An officer at work in a real browser, with the keyboard alone."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from chromium import chromium, signed_in
from odoo_session import Session
from playwright.sync_api import Page, expect


@pytest.fixture
def officer(server) -> tuple[str, str]:
    """Login and password of an officer, in an office with a few people."""
    session = Session(server.connection)
    login = "officer@example.org"
    password = session.add_user(login, "officer", tz="Africa/Nairobi")
    session.call(
        "spp.attendance.subscriber",
        "create",
        [
            {"person_identifier": f"K-{number}", "name": f"Person {number}"}
            for number in range(1, 6)
        ],
    )
    session.call("spp.attendance.type", "create", [{"name": "Training"}])
    session.call(
        "spp.attendance.location", "create", [{"name": "Hall", "tz": "Africa/Nairobi"}]
    )
    return login, password


@pytest.fixture
def page(server, officer) -> Iterator[Page]:
    login, password = officer
    path, ready = "/odoo/attendance-records", ".o_list_view, .o_view_nocontent"
    with (
        chromium() as browser,
        signed_in(browser, server.url, login, password, path, ready) as page,
    ):
        yield page


def test_a_record_is_entered_and_found(page: Page, server) -> None:
    keyboard = page.keyboard
    server.expect(r"odoo\.http", r"“99:99” is not a time of day\..*\s*")

    def field(name: str):
        return page.locator(f".o_field_widget[name={name}] input").first

    def pick(name: str, text: str) -> None:
        expect(field(name)).to_be_focused()
        keyboard.type(text)
        option = page.locator(".o-autocomplete--dropdown-item", has_text=text).first
        expect(option).to_be_visible()
        keyboard.press("Enter")
        expect(option).to_be_hidden()
        keyboard.press("Tab")

    def enter(name: str, text: str) -> None:
        expect(field(name)).to_be_focused()
        keyboard.press("Control+a")
        keyboard.type(text)
        keyboard.press("Tab")

    keyboard.press("Alt+c")
    pick("subscriber_id", "K-3")
    enter("local_date", "09/01/2026")
    # Saved while it is being typed, what is no time is refused, and stays there.
    keyboard.press("Control+a")
    keyboard.type("99:99")
    keyboard.press("Alt+s")
    expect(page.locator(".modal")).to_contain_text("“99:99” is not a time of day")
    keyboard.press("Escape")
    expect(page.locator(".modal")).to_be_hidden()
    expect(field("local_time")).to_have_value("99:99")
    expect(page).to_have_url(re.compile(r"/attendance-records/new$"))
    field("local_time").focus()
    enter("local_time", "830")
    keyboard.press("ArrowRight")  # from Present to Absent
    keyboard.press("Tab")
    pick("type_id", "Training")
    pick("location_id", "Hall")
    keyboard.type("Ill")
    keyboard.press("Tab")
    enter("url", "https://example.org/note")
    keyboard.press("Alt+s")
    page.wait_for_url(re.compile(r"/attendance-records/\d+$"))

    # Back to the list, and to the record by the person's identifier.
    page.goto(page.url.rpartition("/")[0])
    page.wait_for_selector(".o_list_view")
    expect(page.locator(".o_searchview_input")).to_be_focused()
    keyboard.type("K-3")
    # What Enter takes is offered a moment after the typing.
    offer = page.locator(".o_searchview_autocomplete .dropdown-item", has_text="K-3")
    expect(offer.first).to_be_visible()
    keyboard.press("Enter")
    expect(page.locator(".o_facet_value")).to_have_text("K-3")
    row = page.locator(".o_data_row")
    expect(row).to_have_count(1)
    for text in ("08:30:00", "[K-3] Person 3", "Absent", "Training", "Hall"):
        expect(row).to_contain_text(text)
