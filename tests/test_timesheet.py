"""The month timesheet in a real browser: keys, many people, a decision, files."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import openpyxl
import pytest
from chromium import chromium, signed_in
from odoo_session import Session
from playwright.sync_api import Browser, Page, expect

MONTH = "2026-01"
PEOPLE = 120
MANAGER = "timesheet-manager@example.org"
HEAD = "timesheet-head@example.org"
READY = ".o_spp_timesheet_bar"


@dataclass
class Works:
    """A server with people who work in January 2026, all of them or nobody present."""

    admin: Session
    url: str
    browser: Browser
    passwords: dict[str, str]

    @contextmanager
    def open(self, login: str = MANAGER) -> Iterator[Page]:
        with signed_in(
            self.browser,
            self.url,
            login,
            self.passwords[login],
            "/odoo/attendance-timesheet",
            READY,
        ) as page:
            page.locator(".o_spp_timesheet_month input").fill(MONTH)
            expect(page.locator(".o_spp_sheet_scroll")).to_have_attribute(
                "aria-label", "January 2026"
            )
            page.locator(".o_spp_sheet_scroll").focus()
            yield page


@pytest.fixture(scope="module")
def works(server, admin) -> Iterator[Works]:
    [company] = admin.call("res.company", "search", [])
    admin.call("res.company", "write", [company], {"attendance_tz": "Africa/Nairobi"})
    passwords = {
        login: admin.add_user(login, role, tz="Africa/Nairobi")
        for login, role in ((MANAGER, "manager"), (HEAD, "head"))
    }
    [head] = admin.call("res.users", "search", [("login", "=", HEAD)])
    [sewing] = admin.call(
        "spp.attendance.department", "create", [{"name": "Sewing", "head_id": head}]
    )
    admin.call(
        "spp.attendance.subscriber",
        "create",
        [
            {
                "person_identifier": f"M-{number:03}",
                "name": f"Person {number:03}",
                "level_of_work": "worker",
                "work_from": f"{MONTH}-01",
                "department_id": sewing if number <= 3 else False,
            }
            for number in range(1, PEOPLE + 1)
        ],
    )
    with chromium() as browser:
        yield Works(admin, server.url, browser, passwords)


def cell(page: Page, person: int, day: int):
    row = page.locator(f"[data-person='M-{person:03}']")
    return row.locator(".o_spp_cell").nth(day - 1)


def active(page: Page):
    return page.locator(".o_spp_cell.o_spp_active")


def total(page: Page, person: int, name: str):
    return page.locator(f"[data-person='M-{person:03}'] [data-total={name}]")


def test_a_cell_is_decided_with_the_keyboard(works: Works) -> None:
    with works.open() as page:
        keyboard = page.keyboard
        keyboard.press("Control+Home")
        for _step in range(4):  # Monday the fifth
            keyboard.press("ArrowRight")
        keyboard.press("ArrowDown")
        expect(active(page)).to_have_attribute("id", "o_spp_cell_1_4")
        keyboard.press("Enter")
        dialog = page.locator(".o_spp_day_dialog")
        dialog.locator("[name=check_in]").fill("08:00")
        dialog.locator("[name=check_out]").fill("17:30")
        # Nobody decides without saying why.
        keyboard.press("Enter")
        expect(dialog.locator(".alert-danger")).to_contain_text("Enter a reason")
        dialog.locator("[name=reason]").fill("The reader was broken")
        keyboard.press("Enter")
        expect(dialog).to_have_count(0)
        expect(cell(page, 2, 5)).to_contain_text("P")
        expect(total(page, 2, "present")).to_have_text("1")
        expect(total(page, 2, "hours")).to_have_text("8:15")
        expect(total(page, 2, "overtime")).to_have_text("0:30")
        expect(page.locator(".o_spp_sheet_foot [data-total=present]")).to_contain_text(
            "1"
        )
        expect(page.locator(".o_spp_timesheet_chosen")).to_contain_text(
            "On Time · 08:00 \N{EN DASH} 17:30"
        )
        # Keys go on where they were, and what was decided can be taken back.
        keyboard.press("F2")
        expect(page.locator(".o_spp_day_decided")).to_contain_text(
            "The reader was broken"
        )
        dialog.locator("[name=reason]").fill("It was not")
        page.locator(".o_spp_day_take_back").click()
        expect(dialog).to_have_count(0)
        expect(total(page, 2, "present")).to_have_text("")
    changes = works.admin.call(
        "spp.attendance.day.change",
        "search_read",
        [("date", "=", f"{MONTH}-05")],
        ["kind", "reason"],
        order="id",
    )
    assert [(change["kind"], change["reason"]) for change in changes] == [
        ("decided", "The reader was broken"),
        ("taken_back", "It was not"),
    ]


def test_many_people_are_moved_through_and_found(works: Works) -> None:
    with works.open() as page:
        keyboard = page.keyboard
        keyboard.press("Control+End")
        expect(active(page)).to_have_attribute("id", f"o_spp_cell_{PEOPLE - 1}_30")
        expect(active(page)).to_be_in_viewport()
        # Of all those rows a screenful is there.
        assert page.locator(".o_spp_sheet_person").count() < PEOPLE / 2
        keyboard.press("PageUp")
        keyboard.press("Home")
        expect(active(page)).to_have_attribute("aria-label", re.compile("^Person"))
        expect(active(page)).to_be_in_viewport()
        keyboard.press("Control+Home")
        expect(active(page)).to_have_attribute("id", "o_spp_cell_0_0")
        keyboard.type("m-11")
        search = page.locator(".o_spp_sheet_search")
        expect(search).to_be_focused()
        expect(search).to_have_value("m-11")
        expect(page.locator(".o_spp_sheet_person")).to_have_count(10)
        keyboard.press("Enter")
        expect(page.locator(".o_spp_sheet_scroll")).to_be_focused()
        with page.expect_download() as download:
            page.locator(".o_spp_timesheet_xlsx").click()
        book = openpyxl.load_workbook(io.BytesIO(download.value.path().read_bytes()))
        rows = [row[0].value for row in book["Status"].iter_rows(min_row=3)]
        assert rows == [f"M-{number}" for number in range(110, 120)]
        keyboard.press("Escape")
        page.locator(".o_spp_sheet_scroll").focus()
        keyboard.press("Escape")
        expect(search).to_have_value("")
        page.locator(".o_spp_timesheet_level").select_option("staff")
        expect(page.locator(".o_spp_sheet_nobody")).to_contain_text("Nobody matches")


def test_a_head_looks_and_asks(works: Works) -> None:
    with works.open(HEAD) as page:
        expect(page.locator(".o_spp_sheet_person")).to_have_count(3)
        page.keyboard.press("Control+Home")
        page.keyboard.press("Enter")
        expect(page.locator(".o_spp_day_problem")).to_contain_text("correction")
        expect(page.locator(".o_spp_day_save")).to_have_count(0)
        page.keyboard.press("Escape")
        expect(page.locator(".o_spp_day_dialog")).to_have_count(0)
