"""The live board in a real browser, as those see it who may see something."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from chromium import chromium, signed_in
from noon import NOON
from odoo_session import Session
from playwright.sync_api import Browser, Locator, Page, expect
from processes import wait_until

PATH = "/odoo/attendance-live"
READY = ".spp_live"
BOARD = "/web/dataset/call_kw/spp.attendance.live.board/get_board"


class Office(NamedTuple):
    """What the office has: an administrator, ids, and the password of each role."""

    session: Session
    ids: dict[str, int]
    passwords: dict[str, str]

    def create(self, model: str, **vals: Any) -> int:
        [found] = self.session.call(f"spp.attendance.{model}", "create", [vals])
        return found

    def mark(self, person: str, place: str, **vals: Any) -> int:
        """Somebody is present today, at a time of his own."""
        now = datetime.now(ZoneInfo(NOON))
        return self.create(
            "record",
            subscriber_id=self.ids[person],
            location_id=self.ids[place],
            local_date=str(now.date()),
            **{"local_time": now.strftime("%H:%M:%S"), **vals},
        )

    def add_person(self, number: int, **vals: Any) -> None:
        identifier = f"L-{number}"
        self.ids[identifier] = self.create(
            "subscriber", person_identifier=identifier, name=f"Person {number}", **vals
        )


@pytest.fixture(scope="module")
def office(server) -> Office:
    """Two places, an officer of one of them, a head of a department, a manager."""
    # Odoo notes who is there when a page comes and when one goes, at the same time.
    server.expect(r"odoo\.sql_db", r'(?s)bad query: .*"mail_presence".*serialize.*')
    session = Session(server.connection)
    passwords = {
        role: session.add_user(f"live-{role}@example.org", role)
        for role in ("officer", "head", "manager")
    }
    office = Office(session, {}, passwords)
    session.call("res.company", "write", [1], {"attendance_tz": NOON})
    users = {
        role: session.call(
            "res.users", "search", [("login", "=like", f"live-{role}@%")]
        )[0]
        for role in passwords
    }
    ids = office.ids
    ids["hall"] = office.create("location", name="Hall", tz=NOON)
    ids["depot"] = office.create(
        "location", name="Depot", tz=NOON, officer_ids=[(6, 0, [users["manager"]])]
    )
    ids["room"] = office.create("location", name="Room", tz=NOON, parent_id=ids["hall"])
    ids["training"] = office.create("type", name="Training")
    ids["kitchen"] = office.create("department", name="Kitchen", head_id=users["head"])
    for number in range(1, 40):
        in_kitchen = {"department_id": ids["kitchen"]} if number % 2 == 0 else {}
        office.add_person(number, **in_kitchen)
    return office


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@contextmanager
def board_of(role: str, browser: Browser, server, office: Office) -> Iterator[Page]:
    """Somebody's board, when it listens."""
    login, password = f"live-{role}@example.org", office.passwords[role]
    with signed_in(browser, server.url, login, password, PATH, READY) as page:
        expect(page.locator(".spp_live_link")).to_contain_text("Live")
        yield page


@pytest.fixture
def page(browser: Browser, server, office: Office) -> Iterator[Page]:
    """The board of a manager."""
    with board_of("manager", browser, server, office) as page:
        yield page


def card(page: Page, name: str) -> Locator:
    return page.locator(f"[data-card={name}] .spp_card_value")


def line(page: Page, key: str, number: int) -> Locator:
    return page.locator(f"[data-line={key}-{number}]")


def readings(page: Page) -> int:
    """How often the page has asked the server for a board."""
    urls = page.evaluate(
        "performance.getEntriesByType('resource').map(({name}) => name)"
    )
    return sum(url.endswith(BOARD) for url in urls)


def number_of(page: Page, name: str) -> int:
    return int(card(page, name).inner_text().replace(",", ""))


def test_each_role_sees_its_own_as_it_arrives(browser, server, office) -> None:
    with ExitStack() as stack:
        pages = {
            role: stack.enter_context(board_of(role, browser, server, office))
            for role in ("officer", "head", "manager")
        }
        before = {role: number_of(page, "records") for role, page in pages.items()}
        hall = office.mark("L-1", "hall")  # not of the kitchen
        depot = office.mark("L-2", "depot")  # of the kitchen; not the officer's place
        seen = {"officer": [hall], "head": [depot], "manager": [hall, depot]}
        for role, page in pages.items():
            for record in seen[role]:
                expect(line(page, "record", record)).to_be_visible()
            expect(card(page, "records")).to_have_text(
                str(before[role] + len(seen[role]))
            )
            for record in {hall, depot} - set(seen[role]):
                expect(line(page, "record", record)).to_have_count(0)
        # Who may see no terminals has no room for them.
        expect(pages["head"].locator("[data-card=terminals]")).to_have_count(0)
        expect(pages["officer"].locator("[data-card=terminals]")).to_have_count(1)


def test_numbers_follow_what_happens_without_asking(browser, server, office) -> None:
    # The day's first at a place has its full name looked up.
    training = {"type_id": office.ids["training"]}
    known = office.mark("L-3", "hall", **training)
    with board_of("manager", browser, server, office) as page:
        expect(line(page, "record", known)).to_be_visible()
        follow_numbers(page, office, training)


def follow_numbers(page: Page, office: Office, training: dict[str, int]) -> None:
    # It is read once more when it begins to listen.
    heard = office.mark("L-2", "hall")
    expect(line(page, "record", heard)).to_be_visible()
    wait_until(lambda: readings(page) >= 2)
    read = readings(page)
    present, absent = number_of(page, "present"), number_of(page, "absent")
    first = office.mark("L-1", "hall", **training)
    second = office.mark("L-4", "hall", category="absent")
    expect(card(page, "present")).to_have_text(str(present + 1))
    expect(card(page, "absent")).to_have_text(str(absent + 1))
    expect(line(page, "record", first)).to_contain_text(
        "Hall · Training · Entered here"
    )
    expect(page.locator(".spp_live_lines li").first).to_contain_text("Person 4")
    # A correction moves it from one number to the other.
    office.session.call(
        "spp.attendance.record", "write", [second], {"category": "present"}
    )
    expect(card(page, "present")).to_have_text(str(present + 2))
    expect(card(page, "absent")).to_have_text(str(absent))
    types = page.locator(".spp_panel", has_text="Today by type").locator(".spp_bar")
    expect(types.filter(has_text="Training")).to_contain_text("2")
    # For those who listen to the page, in few words.
    expect(page.locator(".visually-hidden[role=status]")).to_contain_text(
        "Last: Person 4"
    )
    assert readings(page) == read


def test_the_board_stands_still_and_goes_on(page: Page, office) -> None:
    before = number_of(page, "records")
    pause = page.locator(".spp_live_pause")
    pause.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".spp_live_link")).to_contain_text("Paused")
    record = office.mark("L-5", "hall")
    expect(pause).to_have_text("Go on (1 new)")
    expect(card(page, "records")).to_have_text(str(before))
    expect(line(page, "record", record)).to_have_count(0)
    page.keyboard.press("Enter")
    expect(line(page, "record", record)).to_be_visible()
    expect(card(page, "records")).to_have_text(str(before + 1))


def test_a_filter_holds_for_what_arrives(page: Page, office) -> None:
    outside = office.mark("L-10", "depot")
    expect(line(page, "record", outside)).to_be_visible()
    page.locator(".spp_area input").fill("Hall")
    page.locator(".o-autocomplete--dropdown-item", has_text="Hall").first.click()
    expect(line(page, "record", outside)).to_have_count(0)
    before = number_of(page, "records")
    elsewhere = office.mark("L-6", "depot")
    inside = office.mark("L-7", "room")
    expect(line(page, "record", inside)).to_be_visible()
    expect(line(page, "record", elsewhere)).to_have_count(0)
    expect(card(page, "records")).to_have_text(str(before + 1))
    # Who looks at a record and comes back finds the filter.
    line(page, "record", inside).click()
    expect(page.locator(".o_form_view")).to_contain_text("Person 7")
    page.locator(".o_breadcrumb .breadcrumb-item a").first.click()
    expect(page.locator(".spp_area input")).to_have_value("Hall")
    expect(line(page, "record", inside)).to_be_visible()
    # And it listens still.
    after = office.mark("L-8", "room")
    expect(line(page, "record", after)).to_be_visible()


def test_who_was_cut_off_misses_nothing(page: Page, office) -> None:
    before = number_of(page, "records")
    page.evaluate("window.dispatchEvent(new Event('offline'))")
    expect(page.locator(".spp_live_link")).to_contain_text("Connecting")
    record = office.mark("L-9", "hall")
    expect(line(page, "record", record)).to_have_count(0)
    page.evaluate("window.dispatchEvent(new Event('online'))")
    expect(line(page, "record", record)).to_be_visible()
    expect(card(page, "records")).to_have_text(str(before + 1))
    expect(page.locator(".spp_live_link")).to_contain_text("Live")


def test_a_bulk_is_counted_whole(page: Page, office) -> None:
    before = number_of(page, "records")
    today = str(datetime.now(ZoneInfo(NOON)).date())
    people = [office.ids[f"L-{number}"] for number in range(10, 40)]
    office.session.call(
        "spp.attendance.record",
        "create",
        [
            {
                "subscriber_id": person,
                "location_id": office.ids["hall"],
                "local_date": today,
                "local_time": f"00:{minute:02}:00",
            }
            for person in people
            for minute in range(30)
        ],
    )
    expect(card(page, "records")).to_have_text(f"{before + 900:,}")
    expect(page.locator(".spp_live_lines li")).to_have_count(50)


def test_scans_and_terminals_are_followed(page: Page, office, server) -> None:
    machine = office.create(
        "device",
        name="Front Door",
        adapter="simulated",
        location_id=office.ids["hall"],
        tz="UTC",
        options='{"scans": 6, "people": ["L-1", "L-2"], "fault": "unmatched"}',
    )
    row = page.locator(f"[data-machine='{machine}']")
    office.session.call("spp.attendance.device", "action_poll_now", [machine])
    expect(row).to_contain_text("Healthy")
    scans = office.session.call(
        "spp.attendance.scan", "search_read", [("device_id", "=", machine)], ["state"]
    )
    waiting = [scan["id"] for scan in scans if scan["state"] == "unmatched"]
    assert waiting
    expect(card(page, "unmatched")).to_have_text(str(len(waiting)))
    expect(line(page, "scan", max(waiting))).to_contain_text("Unmatched")
    expect(line(page, "machine", machine)).to_contain_text("Connected")


def test_nothing_is_cut_off_on_a_phone(page: Page, office) -> None:
    office.mark("L-9", "room")
    page.set_viewport_size({"width": 360, "height": 740})
    expect(page.locator(".spp_live_line").first).to_be_visible()
    content = page.locator(READY)
    wait_until(
        lambda: content.evaluate(
            "element => element.scrollWidth <= element.clientWidth"
        )
    )
