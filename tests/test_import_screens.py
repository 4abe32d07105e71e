"""The import as people see it: from a registry or a sheet, and when it goes wrong."""

from __future__ import annotations

import csv
import io
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import openpyxl
import pytest
from chromium import signed_in
from odoo_session import Session
from playwright.sync_api import Browser, Locator, Page, expect
from registry_server import CLIENT, SEARCH_PATH, TOKEN_PATH, Registry, people, serving

SOURCES = "/odoo/attendance-import-sources"
NEW = f"{SOURCES}/new"
SOURCE = "spp.attendance.import.source"
SUBSCRIBER = "spp.attendance.subscriber"
HEADINGS = ["Beneficiary ID", "Surname", "First name", "Sex", "Unit"]
ROWS = [
    ["S-1", "Adongo", "Beatrice", "F", ""],
    ["S-2", "Barasa", "Collins", "M", "=WATER"],
    ["S-3", "Chebet", "Sharon", "F", ""],
]


@pytest.fixture(scope="module")
def manager(server, admin: Session, browser: Browser) -> Iterator[Page]:
    """A manager's page. Each test goes where it needs to be."""
    login = "manager@example.org"
    password = admin.add_user(login, "manager")
    people_list = "/odoo/attendance-people"
    with signed_in(browser, server.url, login, password, people_list) as page:
        page.set_viewport_size({"width": 1400, "height": 1400})
        yield page


class Gate:
    """Lets a registry answer up to a row; the rest waits until it is opened."""

    def __init__(self, registry: Registry, closed_from: int) -> None:
        self.opened = threading.Event()
        self._take = registry.take
        self._closed_from = closed_from
        registry.take = self.take

    def take(self, start: int, limit: int) -> list[dict[str, object]]:
        if start >= self._closed_from:
            self.opened.wait(60)
        return self._take(start, limit)


@pytest.fixture
def registry(admin: Session) -> Iterator[Registry]:
    """A registry of 400 people, which imports may ask."""
    with serving(people(400)) as registry:
        allow(admin, registry.url)
        yield registry


def allow(admin: Session, hosts: str) -> None:
    admin.call("res.company", "write", [1], {"attendance_import_hosts": hosts})


@pytest.fixture
def add_source(admin: Session) -> Callable[..., int]:
    """A function that makes a source of a registry, ready to import from."""

    def add_source(registry: Registry, **vals: object) -> int:
        paths = {
            "person_identifier": "identifier[name=NATIONAL_ID].identifier",
            "family_name": "familyName",
            "given_name": "givenName",
        }
        [source] = admin.call(
            SOURCE,
            "create",
            [
                {
                    "name": "Registry",
                    "url": registry.url + SEARCH_PATH,
                    "auth_url": registry.url + TOKEN_PATH,
                    "auth_user": CLIENT[0],
                    "secret_input": CLIENT[1],
                    "page_size": 100,
                    "mapping_ids": [
                        (0, 0, {"field_name": name, "path": path})
                        for name, path in paths.items()
                    ],
                    **vals,
                }
            ],
        )
        return source

    return add_source


def tab_to(page: Page, target: Locator) -> None:
    """Come to something with the keyboard alone."""
    for _ in range(60):
        if target.evaluate("element => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{target} can't be reached with Tab")


def field(page: Page, name: str) -> Locator:
    return page.locator(f".o_form_view .o_field_widget[name={name}] input").first


def button(page: Page, name: str) -> Locator:
    # Before the text some have an icon, which is a letter of a font.
    return page.get_by_role("button", name=re.compile(rf"(^|\W){name}$")).first


def mapped(page: Page, label: str) -> Locator:
    """The line of a field among the fields of a source."""
    cell = page.get_by_role("cell", name=label, exact=True)
    return page.locator("[name=mapping_ids] .o_data_row").filter(has=cell)


def values(page: Page, label: str) -> list[str]:
    cells = mapped(page, label).locator("td[name^=sample_]")
    return [text.strip() for text in cells.all_text_contents()]


def expect_values(page: Page, label: str, *texts: str) -> None:
    cells = mapped(page, label).locator("td[name^=sample_]")
    expect(cells).to_have_text(list(texts))


def progress(page: Page, state: str) -> Locator:
    return page.locator(f".spp_run_progress[data-state={state}]")


def expect_counts(page: Page, **counts: int) -> None:
    for name, count in counts.items():
        figure = page.locator(f"[data-figure={name}_count] dd")
        expect(figure).to_have_text(str(count))


def confirm(page: Page, name: str) -> None:
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name=name, exact=True).click()
    expect(dialog).to_have_count(0)


def come_back(page: Page) -> None:
    """From an import to its source."""
    page.locator(".breadcrumb a, .o_breadcrumb a").last.click()
    expect(page.locator(".spp_steps")).to_be_visible()


def count(admin: Session, prefix: str) -> int:
    domain = [("person_identifier", "=like", f"{prefix}%")]
    return admin.call(SUBSCRIBER, "search_count", domain)


def test_from_a_registry_with_the_keyboard(
    admin: Session, manager: Page, server, registry: Registry
) -> None:
    page, keyboard = manager, manager.keyboard
    page.goto(f"{server.url}/odoo/attendance-people")
    page.locator(".o_cp_action_menus button").click()
    page.get_by_role("menuitem", name="Import from a registry").click()
    expect(page.locator(".o_view_nocontent")).to_contain_text("Nothing to import from")

    keyboard.press("Alt+c")
    expect(field(page, "name")).to_be_focused()
    keyboard.type("National Registry")
    for name, text in (
        ("url", registry.url + SEARCH_PATH),
        ("page_size", "100"),
        ("auth_url", registry.url + TOKEN_PATH),
        ("auth_user", CLIENT[0]),
        ("secret_input", CLIENT[1]),
    ):
        tab_to(page, field(page, name))
        keyboard.press("Control+a")
        keyboard.type(text)
    tab_to(page, button(page, "Fetch Sample"))
    keyboard.press("Enter")
    expect(page.locator(".spp_steps")).to_contain_text("20 rows, fetched")
    expect(field(page, "secret_input")).to_have_value("")
    expect(page.locator(".spp_steps")).to_contain_text("One is stored")

    tab_to(page, button(page, "Suggest Fields"))
    keyboard.press("Enter")
    # Not the household, which several have in common.
    expect_values(page, "Identifier", "P-000000", "P-000001", "P-000002")
    expect_values(page, "Gender", "male", "female", "male")

    # What stands beside a path follows while it is typed.
    mapped(page, "Family Name").locator("td[name=path]").click()
    path = page.locator(".o_selected_row td[name=path] input")
    expect(path).to_have_value("familyName")
    offered = page.locator(".o_selected_row datalist option[value=givenName]")
    expect(offered).to_have_attribute("label", "Amina0")
    path.press("Control+a")
    keyboard.type("givenName")
    row = page.locator(".o_selected_row td[name^=sample_]")
    expect(row).to_have_text(["Amina0", "Amina1", "Amina2"])
    expect(path).to_be_focused()
    keyboard.type("s")
    expect(row).to_have_text(["", "", ""])
    path.press("Control+a")
    keyboard.type("familyName")
    expect(row).to_have_text(["Okafor0", "Okafor1", "Okafor2"])

    tab_to(page, button(page, "Dry Run"))
    keyboard.press("Enter")
    expect(progress(page, "done")).to_be_visible()
    expect_counts(page, created=400, updated=0, unchanged=0, rejected=0)
    expect(page.locator(".alert-info")).to_contain_text("nothing of it is kept")
    expect(page.locator("[name=example_ids] .o_data_row")).to_have_count(20)
    assert count(admin, "P-") == 0
    come_back(page)
    expect(page.locator("[name=step_try]")).to_contain_text("400 would be created")

    gate = Gate(registry, 200)
    tab_to(page, button(page, "Import Now"))
    keyboard.press("Enter")
    confirm(page, "Import Now")
    bar = page.get_by_role("progressbar", name="Progress of the import")
    expect(bar).to_have_attribute("aria-valuenow", "50")
    expect(page.get_by_role("status").filter(has_text="rows")).to_contain_text(
        "200 of 400 rows (50%)"
    )
    assert count(admin, "P-") == 200
    gate.opened.set()
    expect(progress(page, "done")).to_be_visible()
    expect_counts(page, created=400)
    # The form knows it too.
    expect(button(page, "Cancel")).to_have_count(0)
    assert count(admin, "P-") == 400


def test_it_is_stopped_and_goes_on(
    admin: Session, manager: Page, server, registry: Registry, add_source
) -> None:
    page = manager
    registry.people = people(300, start=5000)
    gate = Gate(registry, 100)
    source = add_source(registry)
    page.goto(f"{server.url}{SOURCES}/{source}")
    button(page, "Import Now").click()
    confirm(page, "Import Now")
    expect_counts(page, created=100)
    button(page, "Cancel").click()
    confirm(page, "Stop")
    expect(progress(page, "cancelled")).to_contain_text("Cancelled after 100 rows")
    assert count(admin, "P-005") == 100
    gate.opened.set()
    button(page, "Resume").click()
    expect(progress(page, "done")).to_be_visible()
    expect_counts(page, created=300)
    assert count(admin, "P-005") == 300


def sheet(folder: Path, kind: str) -> Path:
    """The same people as CSV, as a spreadsheet with semicolons saves it, or XLSX."""
    path = folder / f"people.{kind}"
    if kind == "csv":
        text = io.StringIO()
        csv.writer(text, delimiter=";").writerows([HEADINGS, *ROWS])
        path.write_text(text.getvalue(), encoding="utf-8-sig")
    else:
        book = openpyxl.Workbook()
        for row in [HEADINGS, *ROWS]:
            book.active.append(row)
        # A text, not a formula.
        book.active["E3"].data_type = "s"
        book.save(path)
    return path


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_from_a_sheet(
    admin: Session, manager: Page, server, tmp_path: Path, kind: str
) -> None:
    page = manager
    page.goto(server.url + NEW)
    field(page, "name").fill(f"Sheet {kind}")
    page.get_by_label("File (CSV or Excel)").check()
    expect(page.locator("[name=step_sign_in]")).to_have_count(0)
    page.locator("[name=file] input[type=file]").set_input_files(sheet(tmp_path, kind))
    expect(page.locator(".o_form_view .o_field_binary input[type=text]")).to_have_value(
        f"people.{kind}"
    )
    button(page, "Fetch Sample").click()
    expect(page.locator(".spp_steps")).to_contain_text("3 rows, fetched")
    button(page, "Suggest Fields").click()
    expect_values(page, "Identifier", "S-1", "S-2", "S-3")
    expect_values(page, "Department", "", "=WATER", "")
    known = count(admin, "S-")
    button(page, "Import Now").click()
    confirm(page, "Import Now")
    expect(progress(page, "done")).to_be_visible()
    # The second time they are known.
    name = "unchanged" if known else "created"
    expect_counts(page, **{name: 2}, rejected=1)
    assert count(admin, "S-") == 2
    expect(page.locator("[name=example_ids] .o_data_row")).to_contain_text("=WATER")

    with page.expect_download() as download:
        button(page, "Download Rejected Rows").click()
    assert re.fullmatch(r"rejected-\d+\.csv", download.value.suggested_filename)
    text = Path(download.value.path()).read_text(encoding="utf-8")
    [row] = csv.DictReader(io.StringIO(text))
    assert row["Identifier"] == "S-2"
    assert row["Department"] == "'=WATER"
    assert "WATER" in row["Reason"]


def test_only_what_applies_is_asked_for(manager: Page, server) -> None:
    page = manager
    page.goto(server.url + NEW)
    web = {"url", "page_size", "auth", "schedule", "is_delta"}
    fetched = {"auth_url", "auth_user", "secret_input"}
    json = {"method", "paging", "rows_path", "total_path"}
    wanted = {
        "Registry (DCI)": web | fetched | {"reg_type"},
        "Other Web Address (JSON)": web | fetched | json,
        "File (CSV or Excel)": {"file"},
    }
    for label, names in wanted.items():
        page.get_by_label(label).check()
        for name in set().union(*wanted.values()):
            shown = page.locator(f".spp_steps .o_field_widget[name={name}]")
            expect(shown).to_have_count(1 if name in names else 0)
    # Where most addresses that answer in JSON are read, a registry is posted to.
    page.get_by_label("Other Web Address (JSON)").check()
    expect(field(page, "method")).to_have_value("GET")
    page.get_by_label("User and password").check()
    expect(page.get_by_role("textbox", name=re.compile("^Password"))).to_be_visible()
    expect(page.locator("[name=auth_url]")).to_have_count(0)
    page.get_by_label("None", exact=True).check()
    expect(page.locator("[name=secret_input]")).to_have_count(0)


def expect_alert(page: Page, text: str) -> None:
    """What is told in words, and stays."""
    button(page, "Fetch Sample").click()
    expect(page.locator("[name=step_fields] .alert-danger")).to_contain_text(text)


def test_what_went_wrong_is_told_with_what_to_do(
    admin: Session, manager: Page, server, registry: Registry, add_source
) -> None:
    page = manager
    source = add_source(registry, secret_input="wrong", timeout=1)
    page.goto(f"{server.url}{SOURCES}/{source}")
    expect_alert(page, "refused the credentials. Check user name and secret")
    field(page, "secret_input").fill(CLIENT[1])
    allow(admin, "registry.example.org")
    expect_alert(page, "not allowed. An administrator can allow it in the settings")
    allow(admin, registry.url)
    registry.fail("silent", times=9)
    expect_alert(page, "did not answer in time")
    registry.faults.clear()
    registry.fail("text", b"<html>")
    expect_alert(page, "not what was expected")
    button(page, "Fetch Sample").click()
    expect(page.locator(".spp_steps")).to_contain_text("20 rows, fetched")
    expect(page.locator("[name=step_fields] .alert-danger")).to_have_count(0)


def test_a_fault_in_an_import_is_told_on_its_form(
    manager: Page, server, registry: Registry, add_source
) -> None:
    page = manager
    source = add_source(registry, auth_user="nobody")
    page.goto(f"{server.url}{SOURCES}/{source}")
    button(page, "Import Now").click()
    confirm(page, "Import Now")
    expect(progress(page, "failed")).to_be_visible()
    expect(page.locator(".alert-danger")).to_contain_text("refused the credentials")
    expect(button(page, "Resume")).to_be_visible()


def test_an_officer_sees_none_of_it(server, admin: Session, browser: Browser) -> None:
    login = "officer@example.org"
    password = admin.add_user(login, "officer")
    path = "/odoo/attendance-people"
    with signed_in(browser, server.url, login, password, path) as page:
        expect(page.locator(".o_menu_sections")).to_contain_text("People")
        expect(page.locator(".o_menu_sections")).not_to_contain_text("Configuration")
        menu = page.locator(".o_cp_action_menus button")
        if menu.count():
            menu.first.click()
            expect(page.get_by_role("menuitem").first).to_be_visible()
        expect(page.locator(".spp_import_from_registry")).to_have_count(0)
