"""The sheet of a register in a real browser: keys, many people, a phone, a bad link."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
from chromium import chromium, signed_in
from odoo_session import Session
from playwright.sync_api import Browser, Page, expect

MONTH = "2026-01"
DASH = "\N{EN DASH}"
MARK = "**/mark_sheet"
OFFICER = "sheet-officer@example.org"
MANAGER = "sheet-manager@example.org"
#: A hurry is nobody's here: the machine may be busy.


@dataclass
class Programme:
    """A server with registers of January 2026, an officer on the staff of each."""

    admin: Session
    url: str
    browser: Browser
    passwords: dict[str, str]
    hall: int
    made: int = 0

    def register(self, people: int, **vals: object) -> Register:
        self.made += 1
        ids = self.admin.call(
            "spp.attendance.subscriber",
            "create",
            [
                {
                    "person_identifier": f"G{self.made}-{number:03}",
                    "name": f"Person {number:03}",
                }
                for number in range(1, people + 1)
            ],
        )
        [officer] = self.admin.call("res.users", "search", [("login", "=", OFFICER)])
        since = {"start_at": "2025-12-31 21:00:00"}
        [register] = self.admin.call(
            "spp.attendance.register",
            "create",
            [
                {
                    "name": f"Sheet {self.made}",
                    "location_id": self.hall,
                    "date_start": f"{MONTH}-01",
                    "date_end": f"{MONTH}-31",
                    "staff_ids": [
                        (0, 0, {"user_id": officer, "enrolled_at": since["start_at"]})
                    ],
                    "attendee_ids": [
                        (
                            0,
                            0,
                            {
                                "subscriber_id": person,
                                "tag": f"Team {'AB'[index % 2]}",
                                "interval_ids": [(0, 0, since)],
                            },
                        )
                        for index, person in enumerate(ids)
                    ],
                    **vals,
                }
            ],
        )
        return Register(self.admin, self.made, register)

    @contextmanager
    def open(
        self, register: Register, login: str = OFFICER, ready: str = ".o_spp_cell"
    ) -> Iterator[Page]:
        path = f"/odoo/register-sheet/{register.id}"
        password = self.passwords[login]
        with signed_in(self.browser, self.url, login, password, path, ready) as page:
            yield page


@dataclass
class Register:
    admin: Session
    number: int
    id: int

    def records(self, *fields: str, **values: object) -> list[tuple]:
        """Records of the register, by person and time."""
        rows = self.admin.call(
            "spp.attendance.record",
            "search_read",
            [
                ("register_id", "=", self.id),
                *((name, "=", value) for name, value in values.items()),
            ],
            list(fields),
            order="subscriber_id, date_time, id",
        )
        return [tuple(row[name] for name in fields) for row in rows]


@pytest.fixture(scope="module")
def programme(server, admin) -> Iterator[Programme]:
    [company] = admin.call("res.company", "search", [])
    admin.call("res.company", "write", [company], {"attendance_tz": "Africa/Nairobi"})
    [hall] = admin.call(
        "spp.attendance.location", "create", [{"name": "Hall", "tz": "Africa/Nairobi"}]
    )
    passwords = {
        login: admin.add_user(login, role, tz="Africa/Nairobi")
        for login, role in ((OFFICER, "officer"), (MANAGER, "manager"))
    }
    with chromium() as browser:
        yield Programme(admin, server.url, browser, passwords, hall)


def cell(page: Page, register: Register, person: int, day: int):
    """The cell of a person and a day of the period shown."""
    row = page.locator(f"[data-person='G{register.number}-{person:03}']")
    heads = page.locator(".o_spp_sheet_date")
    dates = heads.evaluate_all("heads => heads.map((head) => head.dataset.date)")
    return row.locator(".o_spp_cell").nth(dates.index(f"{MONTH}-{day:02}"))


def saved(page: Page) -> None:
    """Wait until the server has answered for all marks."""
    page.wait_for_function(
        "!Object.keys(localStorage).some("
        "(key) => key.startsWith('spp_attendance.sheet/'))"
    )
    expect(page.locator(".o_spp_status_saved")).to_be_visible()


def choose(page: Page, person: int, day: int) -> None:
    """Go to a cell without marking it: by its day, then along the rows."""
    page.locator(".o_spp_sheet_scroll").focus()
    page.keyboard.press("Control+Home")
    page.locator(f".o_spp_sheet_date[data-date='{MONTH}-{day:02}']").click()
    for _step in range(person - 1):
        page.keyboard.press("ArrowDown")


def test_days_are_marked_with_the_keyboard(programme: Programme) -> None:
    register = programme.register(5)
    with programme.open(register) as page:
        page.get_by_role("button", name="Month").click()
        expect(page.locator(".o_spp_sheet_date")).to_have_count(31)
        choose(page, 1, 15)
        keyboard = page.keyboard
        # Present and absent go on to the next person.
        for key in ("p", "p", "a", "P"):
            keyboard.press(key)
        # Space goes round: present, absent, nothing, present.
        for _press in range(4):
            keyboard.press("Space")
        keyboard.press("ArrowLeft")
        keyboard.press("Enter")
        keyboard.press("Enter")
        keyboard.press("ArrowUp")
        keyboard.press("p")
        keyboard.press("ArrowUp")
        keyboard.press("Delete")
        saved(page)
        shown = [cell(page, register, person, 15) for person in range(1, 6)]
        for found, text in zip(shown, "✓✓✗✓✓", strict=True):
            expect(found).to_have_text(text)
        expect(cell(page, register, 5, 14)).to_have_text("✗")
        expect(cell(page, register, 4, 14)).to_have_text("")
        # What others mark shows after a reload.
        page.locator(".o_spp_sheet_reload").click()
        expect(cell(page, register, 3, 15)).to_have_text("✗")
        expect(page.locator(".o_spp_sheet_refusals")).to_have_count(0)
    assert register.records("category", local_date=f"{MONTH}-15") == [
        ("present",),
        ("present",),
        ("absent",),
        ("present",),
        ("present",),
    ]
    assert register.records("category", "local_time", local_date=f"{MONTH}-14") == [
        ("absent", "08:00:00")
    ]


def test_a_click_marks_and_the_rest_is_one_more(programme: Programme) -> None:
    register = programme.register(30)
    with programme.open(register) as page:
        cell(page, register, 2, 31).click()
        cell(page, register, 2, 31).click()
        expect(cell(page, register, 2, 31)).to_have_text("✗")
        page.locator(".o_spp_sheet_tag").select_option("Team B")
        expect(page.locator(".o_spp_sheet_person")).to_have_count(15)
        page.get_by_role("button", name="Rest Present").click()
        expect(page.locator(".modal-body")).to_contain_text("14 people")
        page.get_by_role("button", name="Mark Them").click()
        saved(page)
        expect(page.locator(".o_spp_sheet_date").last).to_contain_text("14")
        page.locator(".o_spp_sheet_tag").select_option("")
        page.get_by_placeholder("Name or identifier").fill("person 03")
        expect(page.locator(".o_spp_sheet_person")).to_have_count(1)
    assert len(register.records("id", category="present")) == 14
    assert len(register.records("id", category="absent")) == 1


def test_entry_and_exit_are_typed(programme: Programme) -> None:
    register = programme.register(6, mark_mode="entry_exit", entry_time="07:30")
    with programme.open(register) as page:
        choose(page, 1, 30)
        keyboard = page.keyboard
        keyboard.type("8-17")
        keyboard.press("Enter")
        keyboard.type("915-")
        keyboard.press("Enter")
        keyboard.press("e")
        keyboard.press("x")
        keyboard.press("ArrowDown")
        keyboard.press("p")
        keyboard.press("a")
        keyboard.type("-16:45")
        keyboard.press("Enter")
        saved(page)
        texts = ["08:00-17:00", "09:15", "07:30-17:00", "07:30-17:00", "✗", "-16:45"]
        for person, text in enumerate(texts, 1):
            expect(cell(page, register, person, 30)).to_have_text(
                text.replace("-", DASH)
            )
        # What is no time is not taken.
        choose(page, 1, 30)
        keyboard.type("99")
        keyboard.press("Enter")
        expect(page.locator(".o_spp_sheet_edit")).to_have_class(
            "o_spp_sheet_edit is-invalid"
        )
        keyboard.press("Escape")
        # Shown whole, it is taken whole.
        keyboard.press("Enter")
        expect(page.locator(".o_spp_sheet_edit")).to_have_value(f"08:00{DASH}17:00")
        page.locator(".o_spp_sheet_edit").fill("-17")
        keyboard.press("Enter")
        saved(page)
        expect(cell(page, register, 1, 30)).to_have_text(f"{DASH}17:00")
    assert register.records("scan_type", "local_time", local_date=f"{MONTH}-30") == [
        ("out", "17:00:00"),
        ("in", "09:15:00"),
        ("in", "07:30:00"),
        ("out", "17:00:00"),
        ("in", "07:30:00"),
        ("out", "17:00:00"),
        ("none", "07:30:00"),
        ("out", "16:45:00"),
    ]


def test_five_hundred_people_and_a_month(programme: Programme) -> None:
    register = programme.register(500)
    with programme.open(register) as page:
        page.set_viewport_size({"width": 1920, "height": 1080})
        page.get_by_role("button", name="Month").click()
        expect(page.locator(".o_spp_sheet_date")).to_have_count(31)
        cells = page.locator(".o_spp_cell")
        assert 0 < cells.count() <= 3000
        page.locator(".o_spp_sheet_scroll").focus()
        page.keyboard.press("Control+End")
        page.keyboard.press("p")
        last = cell(page, register, 500, 31)
        expect(last).to_have_text("✓")
        assert 0 < cells.count() <= 3000
        for _page in range(5):
            page.keyboard.press("PageUp")
        expect(page.locator(".o_spp_active")).to_be_in_viewport()
        page.locator(".o_spp_sheet_scroll").evaluate("it => (it.scrollTop = 250 * 34)")
        expect(cell(page, register, 255, 31)).to_be_in_viewport()
        assert 0 < cells.count() <= 3000
        page.get_by_role("button", name="Rest Absent").click()
        page.get_by_role("button", name="Mark Them").click()
        saved(page)
    assert len(register.records("id", category="absent")) == 499
    assert len(register.records("id", category="present")) == 1


def test_what_is_marked_on_a_bad_link_is_kept_and_sent_once(
    programme: Programme,
) -> None:
    register = programme.register(4)
    with programme.open(register) as page:
        page.route(MARK, lambda route: route.abort())
        choose(page, 1, 30)
        page.keyboard.press("p")
        page.keyboard.press("a")
        expect(page.locator(".o_spp_status_kept")).to_contain_text("2 kept here")
        expect(page.locator(".o_spp_cell.o_spp_kept")).to_have_count(2)
        assert register.records("id") == []
        # They are there after the page was loaded anew.
        page.reload()
        expect(page.locator(".o_spp_cell.o_spp_kept")).to_have_count(2)
        expect(cell(page, register, 2, 30)).to_have_text("✗")
        # The server gets them, and its answer is lost: they are sent again.
        page.unroute(MARK)
        lost = []

        def lose(route) -> None:
            lost.append(route.fetch().status)
            route.abort()

        page.route(MARK, lose, times=1)
        page.get_by_role("button", name="Send Now").click()
        expect(page.locator(".o_spp_sheet_refusals")).to_have_count(0)
        saved(page)
        assert lost == [200]
        # Without the sheet they are sent, too, as soon as there is a page.
        page.route(MARK, lambda route: route.abort())
        choose(page, 3, 30)
        page.keyboard.press("p")
        expect(page.locator(".o_spp_status_kept")).to_contain_text("1 kept here")
        page.unroute(MARK)
        with page.expect_response(MARK):
            page.goto(f"{programme.url}/odoo")
    assert register.records("category") == [("present",), ("absent",), ("present",)]


def test_a_full_browser_and_a_session_that_is_over(programme: Programme) -> None:
    register = programme.register(3)
    with programme.open(register) as page:
        page.route(MARK, lambda route: route.abort())
        page.evaluate(
            """() => {
                const setItem = Storage.prototype.setItem;
                Storage.prototype.setItem = function (key, value) {
                    if (window.isFull && key.startsWith("spp_attendance")) {
                        throw new DOMException("full", "QuotaExceededError");
                    }
                    return setItem.call(this, key, value);
                };
                window.isFull = true;
            }"""
        )
        choose(page, 1, 30)
        page.keyboard.press("p")
        kept = page.locator(".o_spp_status_kept")
        expect(kept).to_contain_text("Keep this page open")
        # As soon as there is room it is kept.
        page.evaluate("window.isFull = false")
        page.keyboard.press("a")
        expect(kept).to_contain_text("2 kept here")
        page.unroute(MARK)
        page.context.clear_cookies()
        page.get_by_role("button", name="Send Now").click()
        expect(kept).to_contain_text("log in again")
        page.get_by_role("button", name="Log In").click()
        page.fill("input[name=login]", OFFICER)
        page.fill("input[name=password]", programme.passwords[OFFICER])
        page.keyboard.press("Enter")
        saved(page)
    assert register.records("category") == [("present",), ("absent",)]


def test_what_is_refused_says_why(programme: Programme) -> None:
    register = programme.register(2)
    with programme.open(register) as page:
        choose(page, 1, 30)
        staff = "spp.attendance.register.staff"
        own = [("register_id", "=", register.id), ("user_id.login", "=", OFFICER)]
        ids = programme.admin.call(staff, "search", own)
        ended = {"unenrolled_at": "2026-01-02 00:00:00"}
        programme.admin.call(staff, "write", ids, ended)
        page.keyboard.press("p")
        refusals = page.locator(".o_spp_sheet_refusals")
        expect(refusals).to_contain_text("Person 001")
        expect(page.locator(".o_spp_cell.o_spp_refused")).to_have_count(1)
        page.get_by_role("button", name="I Have Seen It").click()
        expect(refusals).to_have_count(0)
        expect(page.locator(".o_spp_sheet_scroll")).to_be_focused()
        expect(cell(page, register, 1, 30)).to_have_text("")
    assert register.records("id") == []


def test_a_manager_who_is_not_staff_looks_or_joins(programme: Programme) -> None:
    register = programme.register(2, date_end=False)
    with programme.open(register, MANAGER) as page:
        expect(page.locator(".o_spp_sheet_problem")).to_contain_text("not on the staff")
        expect(page.get_by_role("button", name="Rest Present")).to_have_count(0)
        chosen = page.locator(".o_spp_active")
        chosen.click()
        page.keyboard.press("p")
        expect(chosen).to_have_text("")
        expect(page.locator(".o_spp_sheet_status")).to_have_count(0)
        assert register.records("id") == []
        # With one click they are staff, and go on where they are.
        page.get_by_role("button", name="Add Me to the Staff").click()
        expect(page.locator(".o_spp_sheet_problem")).to_have_count(0)
        page.keyboard.press("p")
        saved(page)
    assert register.records("category") == [("present",)]


def test_one_day_on_a_phone(programme: Programme) -> None:
    register = programme.register(40)
    with programme.open(register) as page:
        page.set_viewport_size({"width": 360, "height": 740})
        card = page.locator(f"[data-person='G{register.number}-002']")
        day = page.locator(".o_spp_sheet_day")
        expect(day).to_contain_text("Jan")
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 360
        card.get_by_role("button", name="Present").click()
        expect(card.get_by_role("button", name="Present")).to_have_attribute(
            "aria-pressed", "true"
        )
        saved(page)
        first = day.inner_text().splitlines()[0]
        page.get_by_role("button", name="Day before").click()
        expect(day).not_to_contain_text(first)
        page.route(MARK, lambda route: route.abort())
        card.get_by_role("button", name="Absent").click()
        expect(card).to_contain_text("kept here")
        page.unroute(MARK)
        page.get_by_role("button", name="Send Now").click()
        saved(page)
        assert page.locator(".o_spp_card").count() < 40
    assert sorted(register.records("category")) == [("absent",), ("present",)]


def test_it_is_printed(programme: Programme) -> None:
    register = programme.register(3)
    with programme.open(register) as page:
        with page.expect_download() as download:
            page.get_by_role("button", name="Print").click()
        assert download.value.path().read_bytes().startswith(b"%PDF")
