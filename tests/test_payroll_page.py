"""Payroll periods and the muster of a register, in a real browser."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from chromium import chromium, signed_in
from odoo_session import Session
from playwright.sync_api import Browser, expect

MANAGER = "payroll-manager@example.org"
OFFICER = "muster-officer@example.org"
#: Long over, whenever this runs. The first is a Monday.
DAYS = ("2025-01-06", "2025-01-07")
#: Seconds until what was recorded is a day; the machine may be busy.
PATIENCE = 60


@dataclass
class Works:
    """A server with a worker who has two days, and a manager and an officer."""

    admin: Session
    url: str
    browser: Browser
    passwords: dict[str, str]
    hall: int
    worker: int

    def record(self, **values: object) -> None:
        for day in DAYS:
            for clock, kind in (("08:00", "in"), ("17:30", "out")):
                self.admin.call(
                    "spp.attendance.record",
                    "create",
                    [
                        {
                            "subscriber_id": self.worker,
                            "local_date": day,
                            "local_time": clock,
                            "scan_type": kind,
                            **values,
                        }
                    ],
                )

    def wait_for_days(self, **values: object) -> None:
        domain = [("subscriber_id", "=", self.worker)]
        domain += [(name, "=", value) for name, value in values.items()]
        deadline = time.monotonic() + PATIENCE
        while not self.admin.call("spp.attendance.day", "search_count", domain):
            assert time.monotonic() < deadline, f"no such day: {domain}"
            time.sleep(0.1)


@pytest.fixture(scope="module")
def works(server, admin) -> Iterator[Works]:
    [company] = admin.call("res.company", "search", [])
    admin.call("res.company", "write", [company], {"attendance_tz": "Africa/Nairobi"})
    [hall] = admin.call(
        "spp.attendance.location", "create", [{"name": "Yard", "tz": "Africa/Nairobi"}]
    )
    [worker] = admin.call(
        "spp.attendance.subscriber",
        "create",
        [
            {
                "person_identifier": "PAY-1",
                "name": "Achieng, Mary",
                "level_of_work": "worker",
                "work_from": DAYS[0],
                "work_to": DAYS[1],
            }
        ],
    )
    passwords = {
        login: admin.add_user(login, role, tz="Africa/Nairobi")
        for login, role in ((MANAGER, "manager"), (OFFICER, "officer"))
    }
    with chromium() as browser:
        yield Works(admin, server.url, browser, passwords, hall, worker)


def test_a_period_is_closed_and_what_changes_is_shown(works: Works) -> None:
    works.record()
    works.wait_for_days(date=DAYS[1], overtime_minutes=30, is_closed=True)
    [period] = works.admin.call(
        "spp.attendance.payroll.period",
        "create",
        [{"date_from": DAYS[0], "date_to": DAYS[1]}],
    )
    path = f"/odoo/attendance-payroll/{period}"
    with signed_in(
        works.browser,
        works.url,
        MANAGER,
        works.passwords[MANAGER],
        path,
        ".o_form_view",
    ) as page:
        hours = page.locator(".o_field_widget[name=hours]")
        expect(hours).to_have_text("16.50")
        page.get_by_role("button", name="Close…").click()
        page.get_by_role("button", name="Close the Period").click()
        expect(
            page.locator(".o_statusbar_status .o_arrow_button_current")
        ).to_have_text("Closed")
        # Somebody finds a record that was forgotten.
        [late] = works.admin.call(
            "spp.attendance.record",
            "search",
            [
                ("subscriber_id", "=", works.worker),
                ("local_date", "=", DAYS[1]),
                ("scan_type", "=", "out"),
            ],
        )
        works.admin.call(
            "spp.attendance.record", "write", [late], {"local_time": "18:30"}
        )
        works.wait_for_days(date=DAYS[1], overtime_minutes=90)
        page.reload()
        expect(hours).to_have_text("16.50")
        page.get_by_role("button", name="Show the differences").click()
        row = page.locator(".o_data_row")
        expect(row).to_have_count(1)
        expect(row.locator("[name=overtime_change]")).to_have_text("1.00")
        row.locator("[name=person_name]").click()
        changed = page.locator(".o_data_row.text-warning")
        expect(changed).to_have_count(1)
        expect(changed.locator("[name=overtime_hours_now]")).to_have_text("1.50")
    action = works.admin.call("spp.attendance.payroll.period", "action_xlsx", [period])
    answer = works.admin.http.get(works.url + action["url"], timeout=60)
    assert answer.status_code == 200
    assert answer.content.startswith(b"PK")


def test_the_muster_of_a_register(works: Works) -> None:
    [officer] = works.admin.call("res.users", "search", [("login", "=", OFFICER)])
    since = "2024-12-31 21:00:00"
    [register] = works.admin.call(
        "spp.attendance.register",
        "create",
        [
            {
                "name": "Drains",
                "location_id": works.hall,
                "mark_mode": "entry_exit",
                "date_start": "2025-01-01",
                "date_end": "2025-01-31",
                "staff_ids": [(0, 0, {"user_id": officer, "enrolled_at": since})],
                "attendee_ids": [
                    (
                        0,
                        0,
                        {
                            "subscriber_id": works.worker,
                            "interval_ids": [(0, 0, {"start_at": since})],
                        },
                    )
                ],
            }
        ],
    )
    works.record(register_id=register, type_id=False)
    path = f"/odoo/action-spp_attendance.spp_attendance_register_action/{register}"
    password = works.passwords[OFFICER]
    with signed_in(
        works.browser, works.url, OFFICER, password, path, ".o_form_view"
    ) as page:
        page.get_by_role("button", name="Muster").click()
        row = page.locator("[data-person='PAY-1']")
        expect(page.locator(".o_spp_sheet_period")).to_have_text("January 2025")
        expect(row.locator(".o_spp_cell")).to_have_count(31)
        expect(row.locator(".o_spp_sheet_totals")).to_have_text("2")
        expect(row.locator(".o_spp_muster_2")).to_have_count(2)
        # Back to a week, of the day that is chosen with the keyboard.
        page.locator(".o_spp_sheet_scroll").focus()
        for _step in range(6):
            page.keyboard.press("ArrowRight")
        page.get_by_role("button", name="Week").click()
        expect(row.locator(".o_spp_cell")).to_have_count(7)
        expect(row.get_by_text("08:00–17:30")).to_have_count(2)  # noqa: RUF001
        page.locator("input[type=search]").fill("nobody")
        expect(page.get_by_text("Nobody matches the filter.")).to_be_visible()
