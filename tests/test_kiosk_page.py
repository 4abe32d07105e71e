"""The kiosk's page in a real browser: both modes, and without a network.

The browser keeps its profile in a folder, as a tablet does; the server is really
stopped where there is to be no network.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from chromium import FIRST_PAGE
from kiosk_page import (
    CODE,
    PHONE,
    SENDS_MARKS,
    TABLET,
    Kiosk,
    answer,
    go_on,
    mark,
    open_page,
    overflows,
    small_targets,
    tablet,
    wait_until_kept,
    waiting,
)
from odoo_session import Session
from playwright.sync_api import (
    BrowserContext,
    Page,
    Playwright,
    expect,
)
from processes import wait_until

PIN = "4711"
#: Nobody types these, so whoever reads them has them from the registry.
SECRETS = ("Wanjiku", "Grace")
#: How wrong the tablet's clock is, in milliseconds.
WRONG = 2 * 3600 * 1000 + 13 * 60 * 1000
#: Two clocks are compared over a network: seconds by which that may go wrong.
SLACK = 10

widths = pytest.mark.parametrize("size", [PHONE, TABLET], ids=["phone", "tablet"])


@pytest.fixture(scope="module")
def admin(server) -> Session:
    session = Session(server.connection)
    people = [
        {"person_identifier": f"K-{n:02}", "name": f"Person No{n:02}"}
        for n in range(30)
    ]
    people[0]["badge"] = "BADGE-00"
    people += [
        {
            "person_identifier": "K-100",
            "family_name": "Öztürk",
            "given_name": "Amína",
            "additional_name": "Wanjiku Grace",
            "badge": "BADGE-100",
            "pin_input": PIN,
        }
    ]
    session.call("spp.attendance.subscriber", "create", people)
    return session


@widths
def test_people_mark_themselves(
    playwright: Playwright, make_kiosk, tmp_path: Path, size: dict
) -> None:
    kiosk = make_kiosk(identification="both")
    heard: list[str] = []
    with tablet(playwright, tmp_path, size) as context:
        context.on(
            "response",
            lambda response: (
                heard.append(response.text())
                if "/kiosk/" in response.url and "/files/" not in response.url
                else None
            ),
        )
        page = open_page(context, kiosk.url)
        expect(page.locator("#badge")).to_be_focused()
        expect(page.locator("#network")).to_have_text("Connected")
        assert not overflows(page)
        assert not small_targets(page)

        # Without accents, in another order, and not all of the names.
        mark(page, "K-100", "OZTURK amina")
        answer(page, "noted", "Noted: present")
        expect(page.locator("#outcome-typed")).to_contain_text("OZTURK amina")
        go_on(page)
        expect(page.get_by_label("Your number")).to_have_value("")

        # A reader types wherever it is, and Enter; then one tap.
        page.locator("#day").click()
        page.keyboard.type("BADGE-00")
        page.keyboard.press("Enter")
        expect(page.locator("#present")).to_be_focused()
        page.get_by_role("button", name="Absent", exact=True).click()
        answer(page, "noted", "Noted: absent")
        # The next one doesn't wait for the former to tap.
        page.keyboard.type("BADGE-nobody")
        page.keyboard.press("Enter")
        expect(page.locator("#outcome")).to_be_hidden()
        page.keyboard.press("Enter")
        answer(page, "refused", "Not noted")

        # What isn't right is said alike, and can be typed again.
        page.get_by_role("button", name="Try Again").click()
        expect(page.locator("#badge")).to_have_value("BADGE-nobody")
        page.locator("#badge").fill("")
        mark(page, "K-nobody", "Amína Öztürk")
        answer(page, "refused", "Not noted")
        unknown = page.locator("#outcome-text").inner_text()
        go_on(page)
        mark(page, "K-100", "Somebody Else")
        answer(page, "refused", "Not noted")
        assert page.locator("#outcome-text").inner_text() == unknown
        go_on(page)

        # What is missing is asked for.
        page.get_by_label("Your number").fill("K-100")
        page.get_by_role("button", name="Present", exact=True).click()
        expect(page.get_by_label("Your name")).to_be_focused()
        expect(page.locator("#message")).to_have_text("Type your name as well.")
        page.get_by_role("button", name="Waiting: 0").click()
        expect(page.locator("#waiting-text")).to_contain_text("Nothing waits")
        expect(page.locator("#opens-offline")).to_contain_text("also opens")

    found = [(r["person_identifier"], r["category"]) for r in kiosk.records()]
    assert found == [("K-100", "present"), ("K-00", "absent")]
    assert kiosk.refusals() == ["unknown", "unknown", "name_mismatch"]
    assert len(heard) > 5
    assert not [text for text in heard if any(secret in text for secret in SECRETS)]


def test_a_pin_is_asked_for_and_not_kept(
    playwright: Playwright, make_kiosk, tmp_path: Path
) -> None:
    kiosk = make_kiosk(identification="both", require_pin=True)
    with tablet(playwright, tmp_path, PHONE) as context:
        page = open_page(context, kiosk.url)
        page.keyboard.type("BADGE-100")
        page.keyboard.press("Enter")
        expect(page.get_by_label("Your PIN")).to_be_focused()
        page.keyboard.type("0000")
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
        answer(page, "refused", "Not noted")
        page.get_by_role("button", name="Try Again").click()
        expect(page.get_by_label("Your PIN")).to_have_value("")
        page.get_by_label("Your PIN").fill(PIN)
        page.get_by_role("button", name="Present", exact=True).click()
        answer(page, "noted", "Noted: present")
        assert waiting(page) == []
    assert [record["person_identifier"] for record in kiosk.records()] == ["K-100"]
    assert kiosk.refusals() == ["wrong_pin"]


def test_several_types_are_asked_for(
    playwright: Playwright, admin: Session, make_kiosk, tmp_path: Path
) -> None:
    types = admin.call(
        "spp.attendance.type", "create", [{"name": "Training"}, {"name": "Food"}]
    )
    kiosk = make_kiosk(type_ids=[(6, 0, types)])
    with tablet(playwright, tmp_path, PHONE) as context:
        page = open_page(context, kiosk.url)
        mark(page, "K-01", "Person No01")
        expect(page.locator("#message")).to_have_text("Say what it is for first.")
        page.get_by_label("Food").check()
        assert not overflows(page)
        assert not small_targets(page)
        page.get_by_role("button", name="Present", exact=True).click()
        answer(page, "noted", "Noted: present")
    [found] = admin.call(
        "spp.attendance.record",
        "search_read",
        [("kiosk_id", "=", kiosk.id)],
        ["type_id"],
    )
    assert found["type_id"][0] == types[1]


@widths
def test_an_attendant_marks_who_is_on_the_list(
    playwright: Playwright, admin: Session, make_kiosk, tmp_path: Path, size: dict
) -> None:
    kiosk = make_kiosk(mode="attendant", attendant_code_input=CODE)
    people = admin.call(
        "spp.attendance.subscriber",
        "search",
        [("person_identifier", "in", ["K-03", "K-04", "K-05", "K-100"])],
    )
    with tablet(playwright, tmp_path, size) as context:
        context.clock.install()
        page = open_page(context, kiosk.url)
        page.get_by_label("Attendants' code").fill("wrong code")
        page.get_by_role("button", name="Show the List").click()
        expect(page.locator("#open-list .message")).to_contain_text("isn't the code")
        page.get_by_label("Attendants' code").fill(CODE)
        page.get_by_label("Your name").fill("Wairimu")
        page.keyboard.press("Enter")
        expect(page.locator("#nobody")).to_be_visible()
        assert not overflows(page)

        admin.call(
            "spp.attendance.subscriber", "write", people, {"location_id": kiosk.place}
        )
        page.get_by_role("button", name="Load Again").click()
        expect(page.locator(".person")).to_have_count(4)
        expect(page.locator("#marked")).to_have_text("0 of 4 marked")
        assert not overflows(page)
        assert not small_targets(page)
        page.get_by_label("Find").fill("ozturk")
        expect(page.locator(".person:visible")).to_have_count(1)
        page.get_by_label("Find").fill("")

        # Whoever is slow can still undo it.
        page.clock.pause_at(page.evaluate("Date.now()") / 1000 + 60)
        page.get_by_role("button", name="Present: Person No03").click()
        page.get_by_role("button", name="Present: Person No04").click()
        row = page.locator(".person", has_text="K-04")
        row.get_by_role("button", name="Undo").click()
        page.get_by_role("button", name="Absent: Person No04").click()
        expect(page.locator("#marked")).to_have_text("2 of 4 marked")
        page.clock.resume()
        page.clock.fast_forward(20_000)
        expect(row).to_have_attribute("data-state", "sent")
        wait_until(lambda: len(kiosk.records()) == 2)

        # The list outlives a reload, and the code isn't kept.
        page.reload()
        expect(page.locator("#marked")).to_have_text("2 of 4 marked")
        page.get_by_role("button", name="Load Again").click()
        expect(page.get_by_label("Attendants' code")).to_be_focused()
        page.get_by_role("button", name="Close", exact=True).click()
        expect(page.locator("#marked")).to_have_text("2 of 4 marked")
        assert CODE not in json.dumps(context.storage_state(indexed_db=True))
    found = {r["person_identifier"]: r["category"] for r in kiosk.records()}
    assert found == {"K-03": "present", "K-04": "absent"}


@pytest.mark.parametrize("wrong", [0, WRONG], ids=["right_clock", "wrong_clock"])
def test_twenty_marks_without_a_server_arrive_once_with_their_time(
    playwright: Playwright, server, make_kiosk, tmp_path: Path, wrong: int
) -> None:
    kiosk = make_kiosk()
    url = kiosk.url
    clock = f"const own = Date.now.bind(Date); Date.now = () => own() + {wrong};"
    made: list[tuple[float, float]] = []

    def mark_some(page: Page, numbers: range) -> None:
        for number in numbers:
            before = time.time()
            category = "Present" if number % 2 else "Absent"
            mark(page, f"K-{number:02}", f"Person No{number:02}", category)
            answer(page, "kept", f"Kept: {category.lower()}")
            made.append((before, time.time()))
            go_on(page)

    with tablet(playwright, tmp_path, PHONE) as context:
        context.add_init_script(clock)
        page = open_page(context, url)
        wait_until_kept(page)
        server.server.stop()
        mark_some(page, range(7))
        expect(page.locator("#network")).to_contain_text("No network")
        page.reload()
        page.wait_for_selector("#work:not([hidden])")
        expect(page.get_by_role("button", name="Waiting: 7")).to_be_visible()
        mark_some(page, range(7, 13))
        page.get_by_role("button", name="Waiting: 13").click()
        expect(page.locator("#waiting-list li")).to_have_count(13)
        expect(page.locator("#waiting-list")).not_to_contain_text("No07")
        expect(page.locator("#opens-offline")).to_contain_text("also opens without")

    # The tablet is switched off and on again; still nobody answers.
    with tablet(playwright, tmp_path, PHONE) as context:
        context.add_init_script(clock)
        page = open_page(context, url)
        expect(page.get_by_role("button", name="Waiting: 13")).to_be_visible()
        mark_some(page, range(13, 20))
        kept = waiting(page)
        assert len(kept) == 20

        sent = come_back(server, kiosk, context, page)
    arrived_once(kiosk, kept, made, sent, wrong)


def arrived_once(
    kiosk: Kiosk,
    kept: list[dict],
    made: list[tuple[float, float]],
    sent: list[dict],
    wrong: int = 0,
) -> None:
    """Expect the marks of 20 people as they lay on the tablet, each once.

    :param made: seconds between which each mark was made, by a clock that is right
    :param wrong: how far ahead the tablet's clock was, in milliseconds
    """
    records = kiosk.records()
    assert [r["person_identifier"] for r in records] == [f"K-{n:02}" for n in range(20)]
    assert [r["external_id"] for r in records] == [m["uuid"] for m in kept]
    assert [r["category"] for r in records] == ["absent", "present"] * 10
    assert {r["source"] for r in records} == {"kiosk"}
    for record, held, (before, after) in zip(records, kept, made, strict=True):
        instant = datetime.fromisoformat(record["date_time"]).replace(tzinfo=UTC)
        assert instant.timestamp() == (held["at"] + held["offset"]) // 1000
        assert before - SLACK <= instant.timestamp() <= after + SLACK
        assert abs(held["offset"] + wrong) < SLACK * 1000

    # Once more, a third time: the same is said, and nothing becomes of it.
    again = kiosk.call("marks", sent[-1])
    assert len(again["outcomes"]) == 20
    assert {outcome["status"] for outcome in again["outcomes"]} == {"again"}
    assert kiosk.records() == records
    assert kiosk.refusals() == []


def come_back(server, kiosk: Kiosk, context: BrowserContext, page: Page) -> list[dict]:
    """Start the server, lose its first answer, and wait until nothing waits.

    :return: what was sent, each time
    """
    sent: list[dict] = []
    page.on(
        "request",
        lambda request: (
            sent.append(request.post_data_json)
            if request.url.endswith("/api/marks")
            else None
        ),
    )
    context.route(SENDS_MARKS, lambda route: (route.fetch(), route.abort()), times=1)
    server.connection = server.server.start()
    kiosk.admin = Session(server.connection)
    expect(page.get_by_role("button", name="Waiting: 0")).to_be_visible(
        timeout=FIRST_PAGE
    )
    assert len(sent) == 2
    return sent


def test_an_attendant_marks_twenty_people_without_a_server(
    playwright: Playwright, server, admin: Session, make_kiosk, tmp_path: Path
) -> None:
    kiosk = make_kiosk(mode="attendant", attendant_code_input=CODE)
    identifiers = [f"K-{n:02}" for n in range(20)]
    people = admin.call(
        "spp.attendance.subscriber",
        "search",
        [("person_identifier", "in", identifiers)],
    )
    admin.call(
        "spp.attendance.subscriber", "write", people, {"location_id": kiosk.place}
    )
    made: list[tuple[float, float]] = []

    def tap_some(page: Page, numbers: range) -> None:
        for number in numbers:
            before = time.time()
            category = "Present" if number % 2 else "Absent"
            page.get_by_role("button", name=f"{category}: Person No{number:02}").click()
            expect(page.locator("#marked")).to_have_text(f"{number + 1} of 20 marked")
            made.append((before, time.time()))

    with tablet(playwright, tmp_path, TABLET) as context:
        page = open_page(context, kiosk.url)
        page.get_by_label("Attendants' code").fill(CODE)
        page.keyboard.press("Enter")
        expect(page.locator(".person")).to_have_count(20)
        wait_until_kept(page)
        server.server.stop()
        tap_some(page, range(8))
        page.reload()
        expect(page.locator("#marked")).to_have_text("8 of 20 marked")
        expect(page.get_by_role("button", name="Waiting: 8")).to_be_visible()
        tap_some(page, range(8, 14))

    # The tablet is switched off and on again; still nobody answers.
    with tablet(playwright, tmp_path, TABLET) as context:
        page = open_page(context, kiosk.url)
        expect(page.locator("#marked")).to_have_text("14 of 20 marked")
        tap_some(page, range(14, 20))
        wait_until(lambda: len(waiting(page)) == 20)
        kept = waiting(page)
        # None of them can be undone any more.
        expect(page.get_by_role("button", name="Undo")).to_have_count(0)
        sent = come_back(server, kiosk, context, page)
    arrived_once(kiosk, kept, made, sent)


def test_marks_wait_for_the_new_link(
    playwright: Playwright, make_kiosk, tmp_path: Path
) -> None:
    kiosk = make_kiosk()
    old = kiosk.url
    with tablet(playwright, tmp_path, TABLET) as context:
        page = open_page(context, old)
        wait_until_kept(page)
        context.set_offline(True)
        mark(page, "K-20", "Person No20")
        answer(page, "kept", "Kept: present")
        go_on(page)
        kiosk.renew()
        assert kiosk.url != old
        context.set_offline(False)
        expect(page.locator("#expired")).to_contain_text("Waiting here: 1")
        expect(page.locator("#work")).to_be_hidden()
        expect(page.locator("#network")).to_have_text("This link no longer works")
        assert not overflows(page)
        # Also at the old address, which the server doesn't know any more.
        page.reload()
        expect(page.locator("#expired")).to_contain_text("Waiting here: 1")
        assert len(waiting(page)) == 1

        page.goto(kiosk.url)
        wait_until(lambda: kiosk.records())
        expect(page.get_by_role("button", name="Waiting: 0")).to_be_visible()
        # Whoever has the old address on their home screen comes to the new one.
        page.goto(old)
        page.wait_for_url(kiosk.url)
        page.wait_for_selector("#work:not([hidden])")
    [record] = kiosk.records()
    assert record["person_identifier"] == "K-20"


def test_a_tablet_takes_the_new_link_by_itself(
    playwright: Playwright, admin: Session, make_kiosk, tmp_path: Path
) -> None:
    kiosk = make_kiosk()
    old = kiosk.url
    with tablet(playwright, tmp_path, TABLET) as context:
        page = open_page(context, old)
        wait_until_kept(page)
        [wizard] = admin.call(
            "spp.attendance.kiosk.renew",
            "create",
            [{"kiosk_id": kiosk.id, "former": "keep", "keep_days": 3}],
        )
        admin.call("spp.attendance.kiosk.renew", "action_renew", [wizard])
        page.reload()
        page.wait_for_url(kiosk.url)
        wait_until_kept(page)
        assert kiosk.url != old


def test_languages_directions_and_contrast(
    playwright: Playwright, admin: Session, make_kiosk, tmp_path: Path
) -> None:
    langs = [
        admin.call("res.lang", "search", [("code", "=", code)], context=every)[0]
        for every in ({"active_test": False},)
        for code in ("en_US", "ar_001")
    ]
    admin.call("res.lang", "write", langs, {"active": True})
    kiosk = make_kiosk(lang_ids=[(6, 0, langs)])
    with tablet(playwright, tmp_path, PHONE) as context:
        page = open_page(context, kiosk.url)
        root = page.locator("html")
        expect(root).to_have_attribute("dir", "ltr")
        page.locator("[data-language=ar-001]").click()
        expect(root).to_have_attribute("dir", "rtl")
        expect(root).to_have_attribute("lang", "ar-001")
        assert not overflows(page)
        assert not small_targets(page)
        page.locator("#contrast").click()
        expect(root).to_have_attribute("data-contrast", "high")
        page.reload()
        expect(root).to_have_attribute("dir", "rtl")
        expect(root).to_have_attribute("data-contrast", "high")


def test_the_log_holds_no_token(server, make_kiosk) -> None:
    kiosk = make_kiosk()
    token = kiosk.token
    assert requests.get(kiosk.url, timeout=60).ok
    assert requests.get(f"{kiosk.url}/manifest.webmanifest", timeout=60).ok
    assert requests.get(f"{kiosk.url}/elsewhere", timeout=60).status_code == 404
    kiosk.call("hello", {"pending": 0})
    log = server.server.log
    wait_until(lambda: "/kiosk/attendance/api/hello" in log.read_text())
    assert "GET /kiosk/attendance/<string:token> 200" in log.read_text()
    assert token not in log.read_text()
