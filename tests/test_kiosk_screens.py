"""Kiosks, and the marks that wait for an officer, in a real browser."""

from __future__ import annotations

import time
from uuid import uuid4

import pytest
import requests
from chromium import signed_in
from odoo_session import Session
from playwright.sync_api import Browser, Locator, Page, expect

KIOSKS = "/odoo/attendance-kiosks"
MARKS = "/odoo/attendance-kiosk-marks"
PEOPLE = "/odoo/attendance-people"
REFUSAL = "spp.attendance.kiosk.refusal"
RECORD = "spp.attendance.record"


@pytest.fixture(scope="module")
def location(admin: Session) -> int:
    [location] = admin.call(
        "spp.attendance.location",
        "create",
        [{"name": "Gate", "code": "GATE", "tz": "Africa/Nairobi"}],
    )
    return location


def dialog(page: Page, title: str) -> Locator:
    shown = page.get_by_role("dialog").filter(has_text=title)
    expect(shown).to_be_visible()
    return shown


def choose(field: Locator, text: str) -> None:
    """Type into a field that leads to another record, and take the one of this name."""
    field.locator("input").fill(text)
    page = field.page
    page.locator(".o-autocomplete--dropdown-item", has_text=text).first.click()


def send(link: str, *typed: tuple[str, str]) -> None:
    """Marks as the page behind a link sends them: identifiers and names."""
    base, _slash, token = link.rpartition("/")
    now = int(time.time() * 1000)
    marks = [
        {
            "uuid": str(uuid4()),
            "category": "present",
            "at": now - 1000 * number,
            "offset": 0,
            "identifier": identifier,
            "name": name,
        }
        for number, (identifier, name) in enumerate(typed)
    ]
    answer = requests.post(
        f"{base}/api/marks",
        json={"sent_at": now, "marks": marks, "offset": 0, "pending": len(marks)},
        headers={"X-Kiosk-Token": token},
        timeout=60,
    )
    assert answer.status_code == 200, answer.text


def test_a_kiosk_is_set_up_and_its_waiting_marks_are_decided(
    server, admin: Session, browser: Browser, location: int
) -> None:
    admin.call(
        "spp.attendance.subscriber",
        "create",
        [
            {"person_identifier": "K-1", "name": "Okafor, Amina"},
            {"person_identifier": "K-2", "name": "Mwangi, Joseph"},
        ],
    )
    password = admin.add_user("kiosk-admin", "admin")
    with signed_in(browser, server.url, "kiosk-admin", password, KIOSKS) as page:
        page.get_by_role("button", name="New", exact=True).click()
        form = page.locator(".o_form_view")
        form.locator("[name=name] input").fill("Main Door")
        choose(form.locator("[name=location_id]"), "Gate")

        # What doesn't apply isn't there.
        expect(form.locator("[name=attendant_code_input]")).to_have_count(0)
        form.get_by_label("Attendant", exact=True).click()
        expect(form.locator("[name=attendant_code_input]")).to_be_visible()
        expect(form.locator("[name=require_pin]")).to_have_count(0)
        form.get_by_label("Self-service", exact=True).click()

        for name in ("unknown_policy", "mismatch_policy"):
            form.locator(f"[name={name}] input").click()
            option = page.locator(".o_select_menu_item")
            option.filter(has_text="Let an officer decide").click()
        page.get_by_role("button", name="Save manually").click()
        page.get_by_role("button", name="Show Link").click()
        shown = dialog(page, "Link of the Kiosk")
        link = shown.locator("[name=link]").inner_text().strip()
        source = shown.get_by_role("img").first.get_attribute("src")
        assert source.startswith("data:image/png")
        assert requests.get(link, timeout=60).status_code == 200
        with page.expect_download() as download:
            shown.get_by_role("button", name="Print Card").click()
        assert download.value.path().read_bytes().startswith(b"%PDF")
        shown.get_by_role("button", name="Close").last.click()

        # Another link, and the former one is of no use any more.
        page.get_by_role("button", name="Renew Link").click()
        renewal = dialog(page, "The Former Link")
        renewal.get_by_label("ends now", exact=False).click()
        renewal.get_by_role("button", name="Renew Link").click()
        shown = dialog(page, "Link of the Kiosk")
        renewed = shown.locator("[name=link]").inner_text().strip()
        assert renewed != link
        assert requests.get(link, timeout=60).status_code == 401

    send(renewed, ("K-1", "Amina Okafor"), ("K-2", "Joe"), ("K-9", "Nekesa Wafula"))
    waiting = [("state", "=", "queued")]
    assert admin.call(REFUSAL, "search_count", waiting) == 2

    password = admin.add_user("kiosk-officer", "officer")
    with signed_in(browser, server.url, "kiosk-officer", password, MARKS) as page:
        rows = page.locator(".o_data_row")
        expect(rows).to_have_count(2)
        page.locator("thead .o_list_record_selector input").click()
        page.locator(".o_control_panel").get_by_role("button", name="Decide").click()
        whose = dialog(page, "Whose Mark Is It?")
        expect(whose).to_contain_text("1 more after this")
        decided = set()
        for number in range(2):
            expect(whose.locator("[name=next_count]")).to_have_count(1 - number)
            typed = whose.locator("[name=identifier]").inner_text().strip()
            if typed == "K-2":
                # Who has the identifier is proposed.
                expect(whose.get_by_label("Mwangi, Joseph")).to_be_checked()
            else:
                whose.get_by_label("Somebody new").click()
                name = whose.locator("[name=new_name] input")
                expect(name).to_have_value("Nekesa Wafula")
                name.fill("Wafula, Nekesa")
            decided.add(typed)
            whose.get_by_role("button", name="Record Attendance").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.locator(".o_nocontent_help")).to_contain_text("No kiosk mark waits")
        assert decided == {"K-2", "K-9"}

    records = admin.call(
        RECORD,
        "search_read",
        [("source", "=", "kiosk")],
        ["person_identifier", "claimed_name"],
        order="person_identifier",
    )
    assert [(row["person_identifier"], row["claimed_name"]) for row in records] == [
        ("K-1", "Amina Okafor"),
        ("K-2", "Joe"),
        ("K-9", "Nekesa Wafula"),
    ]


def test_badge_cards_are_printed_for_the_chosen(
    server, admin: Session, browser: Browser
) -> None:
    admin.call(
        "spp.attendance.subscriber",
        "create",
        [{"person_identifier": "C-1", "name": "Diallo, Grace"}],
    )
    password = admin.add_user("card-officer", "officer")
    with signed_in(browser, server.url, "card-officer", password, PEOPLE) as page:
        line = page.locator(".o_data_row", has_text="C-1")
        line.locator(".o_list_record_selector input").click()
        page.locator(".o_control_panel").get_by_role("button", name="Print").click()
        with page.expect_download() as download:
            page.get_by_role("menuitem", name="Badge Cards").click()
        assert download.value.path().read_bytes().startswith(b"%PDF")
    [person] = admin.call(
        "spp.attendance.subscriber",
        "search_read",
        [("person_identifier", "=", "C-1")],
        ["badge"],
    )
    assert len(person["badge"]) == 12, "who has no badge gets one"
