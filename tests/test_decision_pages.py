"""A shift that changes from a date, and a correction that is approved, in a browser."""

from __future__ import annotations

from chromium import signed_in
from odoo_session import Session
from playwright.sync_api import Browser, expect

SHIFT = "spp.attendance.shift"
CORRECTIONS = "/odoo/action-spp_attendance.spp_attendance_correction_action"
#: Long over, whenever this runs: a Monday.
DAY = "2025-01-06"


def test_a_shift_changes_from_a_date(server, admin: Session, browser: Browser) -> None:
    [shift] = admin.call(SHIFT, "create", [{"name": "Early"}])
    [crew] = admin.call("spp.attendance.department", "create", [{"name": "Crew"}])
    admin.call(
        "spp.attendance.shift.assignment",
        "create",
        [{"department_id": crew, "shift_id": shift, "date_from": DAY}],
    )
    login = "shift-manager@example.org"
    password = admin.add_user(login, "manager")
    path = f"/odoo/action-spp_attendance.spp_attendance_shift_action/{shift}"
    with signed_in(browser, server.url, login, password, path, ".o_form_view") as page:
        page.get_by_role("button", name="Change from a Date").click()
        expect(page.get_by_text("A new version, not used yet.")).to_be_visible()
        page.locator("[name=late_grace] input").fill("20")
        page.get_by_role("button", name="Put in Force").click()
        page.get_by_role("dialog").get_by_role("button", name="Ok").click()
        expect(page.get_by_role("button", name="Put in Force")).to_have_count(0)
    [version] = admin.call(SHIFT, "search_read", [("previous_id", "=", shift)])
    assert (version["late_grace"], version["is_draft"]) == (20, False)
    [assigned] = admin.call(
        "spp.attendance.shift.assignment",
        "search_read",
        [("shift_id", "=", version["id"])],
    )
    assert assigned["department_id"][0] == crew
    assert assigned["date_from"] == version["takes_over_on"]


def test_times_of_a_shift_are_one_line_on_a_phone(
    server, admin: Session, browser: Browser
) -> None:
    admin.call(SHIFT, "create", [{"name": "Pocket"}])
    login = "shift-phone@example.org"
    password = admin.add_user(login, "manager")
    path = "/odoo/action-spp_attendance.spp_attendance_shift_action"
    with signed_in(
        browser, server.url, login, password, "/odoo", ".o_main_navbar"
    ) as page:
        page.set_viewport_size({"width": 360, "height": 740})
        page.goto(server.url + path)
        card = page.locator(".o_kanban_record", has_text="Pocket")
        start, end = (
            card.locator(f".o_field_widget[name={name}]").bounding_box()
            for name in ("start", "end")
        )
        assert start and end
        assert start["y"] == end["y"]


def test_a_correction_is_asked_for_and_approved(
    server, admin: Session, browser: Browser
) -> None:
    [worker] = admin.call(
        "spp.attendance.subscriber",
        "create",
        [
            {
                "person_identifier": "ASK-1",
                "name": "Otieno, Ann",
                "level_of_work": "worker",
                "work_from": DAY,
                "work_to": DAY,
            }
        ],
    )
    [request] = admin.call(
        "spp.attendance.correction",
        "create",
        [
            {
                "subscriber_id": worker,
                "date": DAY,
                "kind": "missing_punch",
                "check_in": "08:00",
                "check_out": "17:00",
                "reason": "The terminal was down",
            }
        ],
    )
    admin.call("spp.attendance.correction", "action_submit", [request])
    login = "correction-manager@example.org"
    password = admin.add_user(login, "manager")
    with signed_in(
        browser, server.url, login, password, CORRECTIONS, ".o_list_view"
    ) as page:
        row = page.locator(".o_data_row", has_text="Otieno, Ann")
        row.locator("td[name=reason]").click()
        page.get_by_role("button", name="Approve").click()
        expect(
            page.locator(".o_statusbar_status .o_arrow_button_current")
        ).to_have_text("Approved")
        expect(page.locator(".o_field_widget[name=day_check_out]")).to_contain_text(
            "17:00"
        )
        page.goto(server.url + CORRECTIONS)
        expect(page.get_by_text("Nothing to decide")).to_be_visible()
    [day] = admin.call(
        "spp.attendance.day",
        "search_read",
        [("subscriber_id", "=", worker), ("date", "=", DAY)],
    )
    assert (day["status"], day["is_edited"]) == ("on_time", True)
