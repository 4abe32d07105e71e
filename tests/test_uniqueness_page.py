"""An attendance administrator changes the uniqueness rule in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from chromium import chromium, signed_in
from odoo_session import Session
from playwright.sync_api import Page, expect

#: Hours at which each of three people was recorded on one day.
CAME = (("8", "9", "10"), ("8", "9"), ("8",))


@pytest.fixture
def session(server) -> Session:
    """The superuser's, with three people of whom two came twice on one day."""
    session = Session(server.connection)
    ids = session.call(
        "spp.attendance.subscriber",
        "create",
        [
            {"person_identifier": f"U-{number}", "name": f"Person {number}"}
            for number in range(1, 4)
        ],
    )
    session.call(
        "spp.attendance.record",
        "create",
        [
            {"subscriber_id": person, "local_date": "2026-09-01", "local_time": time}
            for person, times in zip(ids, CAME, strict=True)
            for time in times
        ],
    )
    return session


@pytest.fixture
def page(server, session) -> Iterator[Page]:
    """The settings page of somebody who administers attendance and nothing else."""
    login, path = "rules@example.org", "/odoo/attendance-settings"
    password = session.add_user(login, "admin")
    ready = "[name=unique_explanation]"
    with (
        chromium() as browser,
        signed_in(browser, server.url, login, password, path, ready) as page,
    ):
        yield page


def test_a_rule_is_explained_checked_and_applied(page: Page, session: Session) -> None:
    def switch(part: str):
        return page.locator(f"[name=attendance_unique_{part}] input")

    def rule() -> list[bool]:
        names = [
            f"attendance_unique_{part}" for part in ("date", "time", "type", "location")
        ]
        [company] = session.call("res.company", "search_read", [], names, limit=1)
        return [company[name] for name in names]

    def valid() -> int:
        domain = [("person_identifier", "like", "U-")]
        return session.call("spp.attendance.record", "search_count", domain)

    explanation = page.locator("[name=unique_explanation]")
    expect(explanation).to_contain_text("at the same date and time")
    expect(explanation.locator("li", has_text="09:00")).to_contain_text("recorded")
    expect(switch("location")).to_be_disabled()
    switch("type").click()
    expect(switch("location")).to_be_enabled()
    switch("location").click()
    expect(explanation).to_contain_text("for each type and location")

    # The coarse switch takes the finer ones along, and the words follow.
    switch("time").click()
    expect(explanation).to_contain_text("one record a day")
    expect(explanation.locator("li", has_text="09:00")).to_contain_text("refused")
    for part in ("type", "location"):
        expect(switch(part)).not_to_be_checked()
        expect(switch(part)).to_be_disabled()

    # Checking changes nothing.
    page.get_by_role("button", name="Check existing records").click()
    rows = page.locator(".o_data_row")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("U-1")
    assert rule() == [True, True, False, False]

    # One is looked into, both are resolved.
    rows.first.get_by_role("button", name="Records").click()
    expect(page.locator(".o_data_row")).to_have_count(3)
    page.locator(".breadcrumb a", has_text="Conflicts").click()
    expect(rows).to_have_count(2)
    page.locator("thead .o_list_record_selector input").click()
    page.locator(".o_control_panel").get_by_role("button", name="Void All but").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("[name=surplus_count]")).to_have_text("3")
    dialog.locator("[name=reason] input").fill("Signed twice")
    dialog.get_by_role("button", name="Void", exact=True).click()
    expect(page.get_by_text("No conflicts are left here")).to_be_visible()
    assert valid() == 3
    assert rule() == [True, True, False, False]

    page.get_by_role("button", name="Apply the Rule").click()
    expect(explanation).to_contain_text("one record a day")
    assert rule() == [True, False, False, False]
    voided = session.call(
        "spp.attendance.record",
        "search_count",
        [("void_reason", "=", "Signed twice"), ("active", "=", False)],
    )
    assert voided == 3
