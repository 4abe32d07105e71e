"""Backfills of days, in a real browser: followed while they run, and cancelled."""

from __future__ import annotations

from datetime import date, timedelta

from chromium import signed_in
from odoo_session import Session
from playwright.sync_api import Browser, Locator, Page, expect

BACKFILLS = "/odoo/action-spp_attendance.spp_attendance_day_run_action"
RUN = "spp.attendance.day.run"
#: Long over, whenever this runs.
FIRST = date(2000, 1, 1)
PEOPLE = 40


def progress(page: Page, state: str) -> Locator:
    return page.locator(f".spp_run_progress[data-state={state}]")


def test_a_backfill_is_followed(server, admin: Session, browser: Browser) -> None:
    people = admin.call(
        "spp.attendance.subscriber",
        "create",
        [
            {
                "person_identifier": f"FILL-{number}",
                "name": f"Fill {number}",
                "level_of_work": "worker",
                "work_from": str(FIRST),
            }
            for number in range(PEOPLE)
        ],
    )
    # The one is done at once, the other is never done within this test.
    short, long = admin.call(
        RUN,
        "create",
        [
            {
                "date_from": str(FIRST),
                "date_to": str(FIRST + timedelta(days=days)),
                "subscriber_ids": [(6, 0, people)],
            }
            for days in (4, 9000)
        ],
    )
    login = "backfill-manager@example.org"
    password = admin.add_user(login, "manager")
    path = f"{BACKFILLS}/{short}"
    with signed_in(browser, server.url, login, password, path, ".o_form_view") as page:
        page.get_by_role("button", name="Start", exact=True).click()
        # Nobody reads the page again from here on: it follows by itself.
        expect(progress(page, "done")).to_contain_text(f"the days of {PEOPLE} people")
        days = progress(page, "done").locator("[data-figure=changed_count] dd")
        expect(days).to_have_text(str(PEOPLE * 5))

        page.goto(f"{server.url}{BACKFILLS}/{long}")
        page.get_by_role("button", name="Start", exact=True).click()
        expect(progress(page, "running")).to_contain_text(f"of {PEOPLE} people")
        # Also while a piece is being computed.
        page.get_by_role("button", name="Cancel", exact=True).click()
        expect(progress(page, "cancelled")).to_contain_text("What was computed stays")
        expect(page.get_by_role("button", name="Go On")).to_be_visible()

        admin.call(RUN, "action_start", [long])
        page.goto(server.url + BACKFILLS)
        row = page.locator(".o_data_row").first
        expect(row.locator("td[name=state]")).to_have_text("Running")
        row.get_by_role("checkbox").check()
        admin.call(RUN, "action_cancel", [long])
        expect(row.locator("td[name=state]")).to_have_text("Cancelled")
        # What was ticked still is.
        expect(row.get_by_role("checkbox")).to_be_checked()
