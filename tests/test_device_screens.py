"""Setting up terminals and looking after them, in a real browser."""

from __future__ import annotations

import time
from datetime import datetime

from chromium import FIRST_PAGE, signed_in
from odoo_session import Session
from playwright.sync_api import Browser, Locator, Page, expect
from zk_terminal import ZkTerminal

TERMINALS = "/odoo/attendance-terminals"
DEVICE = "spp.attendance.device"


class KnownPort(ZkTerminal):
    """At the port of its make, where it is looked for; at an address of its own."""

    host = "127.0.0.87"


def wizard(page: Page) -> Locator:
    return page.locator(".modal .o_form_view")


def press(page: Page, name: str) -> None:
    page.locator(".modal").get_by_role("button", name=name, exact=True).click()


def until_read(admin: Session, device: int) -> None:
    """Wait until a lane has read a terminal: it is due again minutes later."""
    until = time.monotonic() + FIRST_PAGE / 1000
    read = [
        ("id", "=", device),
        ("synced_until", "!=", False),
        ("lease_until", "=", False),
    ]
    while not admin.call(DEVICE, "search_count", read):
        assert time.monotonic() < until
        time.sleep(0.5)


def test_from_an_address_to_a_terminal_that_answers(
    server, admin: Session, browser: Browser
) -> None:
    [location] = admin.call(
        "spp.attendance.location",
        "create",
        [{"name": "Gate", "code": "GATE", "tz": "Africa/Nairobi"}],
    )
    [company] = admin.call("res.company", "search", [], limit=1)
    admin.call(
        "res.company",
        "write",
        [company],
        {"attendance_terminal_networks": "127.0.0.0/8"},
    )
    password = admin.add_user("terminal-admin", "admin")
    terminal = KnownPort(port=4370, comm_key=4711, serial="ZK-SCREEN")
    terminal.tz = "Africa/Nairobi"
    with (
        terminal,
        signed_in(browser, server.url, "terminal-admin", password, TERMINALS) as page,
    ):
        terminal.add("7731", datetime(2026, 11, 2, 8))
        expect(page.locator(".o_nocontent_help")).to_contain_text("No terminals yet")
        page.get_by_role("button", name="Set Up a Terminal").click()
        form = wizard(page)

        # Nobody is there.
        form.locator("[name=host] input").fill("127.0.0.88")
        press(page, "Look for It")
        expect(form.locator(".alert:visible")).to_contain_text("There is a machine")
        expect(form.locator(".o_data_row").first).to_contain_text("port is closed")

        # Somebody is, and wants a key.
        form.locator("[name=host] input").fill(terminal.host)
        press(page, "Look for It")
        key = form.locator("[name=secret_input] input")
        expect(key).to_be_visible()
        expect(form.locator("[name=port] input")).to_have_value("4370")
        press(page, "Test Connection")
        expect(form.locator(".alert-danger")).to_contain_text("refused the key")
        key.fill("4711")
        press(page, "Test Connection")
        expect(form.locator("[name=serial]")).to_have_text("ZK-SCREEN")
        expect(form.locator("[name=record_count]")).to_have_text("1")
        form.locator("[name=name] input").fill("Main Door")
        form.locator("[name=location_id] input").fill("Gate")
        page.locator(".o-autocomplete--dropdown-item", has_text="Gate").first.click()
        # The terminal shows the time of the location, so its clock is right there.
        expect(form.locator("[name=clock_note]")).to_have_text("Right")
        press(page, "Create Terminal")

        # The terminal is open; what is wrong with it is told, and what to do.
        ribbon = page.locator(".o_widget_web_ribbon")
        expect(ribbon.filter(has_text="Healthy")).to_have_count(1)
        [device] = admin.call(
            DEVICE,
            "search_read",
            [["name", "=", "Main Door"]],
            ["location_id", "serial", "tz", "secret_set"],
        )
        assert device["location_id"][0] == location
        assert device["serial"] == "ZK-SCREEN"
        assert device["tz"] == "Africa/Nairobi"
        assert device["secret_set"]
        until_read(admin, device["id"])
        of_badge = [("device_id", "=", device["id"]), ("user_code", "=", "7731")]
        assert admin.call("spp.attendance.scan", "search_count", of_badge) == 1
        test = page.get_by_role("button", name="Test Connection", exact=True)
        told = page.locator(".o_notification")
        test.click()
        expect(told.filter(has_text="ZK-SCREEN")).to_be_visible()
        terminal.fault = "refuse_auth"
        page.locator(".o_notification_close").first.click()
        test.click()
        expect(told.filter(has_text="refused the key")).to_be_visible()
        banner = page.locator("[name=fault]")
        expect(banner).to_contain_text("Enter it again")
        expect(banner).to_contain_text("left alone until")
        expect(page.get_by_role("button", name="Try Again")).to_be_visible()

    # Who may only look at terminals sees the same, and no way to change anything.
    password = admin.add_user("terminal-officer", "officer")
    with signed_in(
        browser, server.url, "terminal-officer", password, TERMINALS
    ) as page:
        expect(page.get_by_role("button", name="Set Up a Terminal")).to_have_count(0)
        card = page.locator(".o_kanban_record", has_text="Main Door")
        expect(card).to_contain_text("refused the key")
        card.click()
        expect(page.locator("[name=fault]")).to_contain_text("left alone until")
        for name in ("Try Again", "Test Connection", "Read Now", "Set Clock"):
            expect(page.get_by_role("button", name=name)).to_have_count(0)
