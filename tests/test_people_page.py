"""What is done to several people at once, in a real browser."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from chromium import signed_in
from odoo_session import Session
from playwright.sync_api import Browser, Locator, Page, expect

PEOPLE = "/odoo/attendance-people"
SUBSCRIBER = "spp.attendance.subscriber"
RECORD = "spp.attendance.record"


@pytest.fixture(scope="module")
def manager(server, admin: Session, browser: Browser) -> Iterator[Page]:
    """A manager's page. Each test goes where it needs to be."""
    login = "manager@example.org"
    password = admin.add_user(login, "manager")
    with signed_in(browser, server.url, login, password, PEOPLE) as page:
        yield page


@pytest.fixture
def register(admin: Session) -> Callable[..., list[int]]:
    """A function that registers people: by identifier, what else is known of them."""

    def register(people: dict[str, dict[str, object]]) -> list[int]:
        return admin.call(
            SUBSCRIBER,
            "create",
            [
                {"person_identifier": identifier, "name": f"Person {identifier}"} | vals
                for identifier, vals in people.items()
            ],
        )

    return register


@pytest.fixture
def open_list(server) -> Callable[[Page, str], None]:
    """A function that opens a list that is there already."""

    def open_list(page: Page, path: str) -> None:
        page.goto(server.url + path)
        page.wait_for_selector(".o_list_view .o_data_row")

    return open_list


def row(page: Page, text: str) -> Locator:
    """The line of the list with a cell of just this text."""
    cell = page.get_by_role("cell", name=text, exact=True)
    return page.locator(".o_data_row").filter(has=cell)


def select(page: Page, *texts: str) -> None:
    for text in texts:
        row(page, text).locator(".o_list_record_selector input").click()
    expect(page.locator(".o_selection_box")).to_contain_text(f"{len(texts)} selected")


def enter(page: Page, line: str, name: str, text: str) -> Locator:
    """Type into a column of a line, of which there is one in edition at a time."""
    row(page, line).locator(f"td[name={name}]").click()
    field = page.locator(f".o_selected_row td[name={name}]").locator("input, textarea")
    field.fill(text)
    return field


def update(page: Page, count: int) -> None:
    """Answer that so many records are to be changed, and wait until they are.

    The list shows what was typed before the server has it.
    """
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(f"{count} records")
    with page.expect_response("**/web_save"):
        dialog.get_by_role("button", name="Update").click()
    expect(dialog).to_have_count(0)


def test_the_selected_are_changed_and_nobody_else(
    admin: Session, manager: Page, register, open_list
) -> None:
    old, new = admin.call(
        "spp.attendance.department", "create", [{"name": "Clinic"}, {"name": "School"}]
    )
    known = {"department_id": old, "designation": "Nurse"}
    people = register({f"B-{number}": known for number in range(1, 6)})
    chosen = [people[0], people[1], people[3]]

    def having(name: str, value: object) -> list[int]:
        return admin.call(SUBSCRIBER, "search", [(name, "=", value)], order="id")

    open_list(manager, PEOPLE)
    select(manager, "B-1", "B-2", "B-4")
    enter(manager, "B-2", "department_id", "School")
    manager.locator(".o-autocomplete--dropdown-item", has_text="School").first.click()
    expect(manager.get_by_role("dialog")).to_contain_text("School")
    assert having("department_id", old) == people
    update(manager, 3)
    assert having("department_id", new) == chosen
    assert having("department_id", old) == [people[2], people[4]]

    # They stay selected, for the next change; who thinks better of it changes nobody.
    designation = row(manager, "B-4").locator("td[name=designation]")
    enter(manager, "B-2", "designation", "Teacher").press("Tab")
    manager.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(designation).to_have_text("Nurse")
    assert having("designation", "Teacher") == []
    enter(manager, "B-2", "designation", "Teacher").press("Tab")
    update(manager, 3)
    expect(designation).to_have_text("Teacher")
    assert having("designation", "Teacher") == chosen
    assert having("designation", "Nurse") == [people[2], people[4]]


@pytest.mark.parametrize(
    ("model", "path", "name"),
    [
        ("spp.attendance.location", "/odoo/attendance-locations", "city"),
        ("spp.attendance.type", "/odoo/attendance-types", "description"),
    ],
)
def test_locations_and_types_are_changed_at_once(
    admin: Session, manager: Page, open_list, model: str, path: str, name: str
) -> None:
    ids = admin.call(
        model, "create", [{"name": f"Old {number}"} for number in range(1, 4)]
    )
    open_list(manager, path)
    select(manager, "Old 1", "Old 3")
    enter(manager, "Old 1", name, "Kisumu").press("Tab")
    update(manager, 2)
    expect(row(manager, "Old 3").locator(f"td[name={name}]")).to_have_text("Kisumu")
    assert admin.call(model, "search", [(name, "=", "Kisumu")]) == [ids[0], ids[2]]


def test_names_are_written_in_the_order_of_the_settings(
    server, admin: Session, browser: Browser, register, open_list
) -> None:
    amina = {"family_name": "Okafor", "given_name": "Amina", "additional_name": "Grace"}
    register({"N-1": amina, "N-2": {"name": "van der Berg, Jan"}})
    login = "settings@example.org"
    password = admin.add_user(login, "admin")

    def expect_names(*names: str) -> None:
        open_list(page, PEOPLE)
        for number, name in enumerate(names, 1):
            cell = row(page, f"N-{number}").locator("td[name=name]")
            expect(cell).to_have_text(name)

    with signed_in(browser, server.url, login, password, PEOPLE) as page:
        expect_names("Okafor, Amina Grace", "van der Berg, Jan")
        page.goto(f"{server.url}/odoo/attendance-settings")
        order = page.locator("[name=attendance_name_order]")
        expect(order.get_by_role("radio").first).to_be_checked()
        order.get_by_label("Amina Grace Okafor", exact=True).click()
        with page.expect_response("**/spp.attendance.settings/execute"):
            page.get_by_role("button", name="Save", exact=True).click()
        expect_names("Amina Grace Okafor", "Jan van der Berg")

        page.get_by_role("button", name="New", exact=True).click()
        for name, text in {"person_identifier": "N-3", **amina}.items():
            page.locator(f".o_form_view [name={name}] input").fill(text)
        page.keyboard.press("Tab")
        written = page.locator(".o_form_view [name=name] input")
        expect(written).to_have_value("Amina Grace Okafor")
        page.get_by_role("button", name="Save manually").click()
        page.wait_for_url(re.compile(r"/attendance-people/\d+$"))
    new = [("person_identifier", "=", "N-3"), ("name", "=", "Amina Grace Okafor")]
    assert admin.call(SUBSCRIBER, "search_count", new) == 1


def test_who_has_an_address_gets_a_login(
    server, admin: Session, manager: Page, register, open_list
) -> None:
    # Nothing takes the invitation from the queue: none leaves, and it can be counted.
    server.query(
        "UPDATE ir_cron SET active = false WHERE id = (SELECT res_id FROM ir_model_data"
        " WHERE module = 'mail' AND name = 'ir_cron_mail_scheduler_action')"
    )
    amina, grace, jan = register(
        {
            "P-1": {"email": "amina@example.org"},
            "P-2": {},
            "P-3": {"email": "jan@example.org"},
        }
    )
    contacts = [
        person["partner_id"][0]
        for person in admin.call(
            SUBSCRIBER, "read", [amina, grace, jan], ["partner_id"]
        )
    ]
    participant = admin.call(
        "ir.model.data",
        "check_object_reference",
        "spp_attendance",
        "spp_attendance_group_participant",
    )[1]

    def participants() -> list[tuple[str, int]]:
        """Login and contact of who has the page."""
        users = admin.call(
            "res.users",
            "search_read",
            [("group_ids", "in", [participant])],
            ["login", "partner_id"],
        )
        return [(user["login"], user["partner_id"][0]) for user in users]

    def invitations() -> list[dict[str, object]]:
        domain = [("recipient_ids", "in", contacts)]
        names = ["state", "recipient_ids"]
        return admin.call("mail.mail", "search_read", domain, names)

    def expect_lines(*lines: tuple[str, ...]) -> None:
        """Person, e-mail address and result of each."""
        expect(dialog.locator(".o_data_row")).to_have_text(
            [re.compile(r"\s*".join(map(re.escape, line))) for line in lines]
        )

    open_list(manager, PEOPLE)
    select(manager, "P-1", "P-2")
    manager.get_by_role("button", name="Actions").click()
    manager.get_by_role("menuitem", name="Give Portal Access").click()
    dialog = manager.get_by_role("dialog")
    refused = ("[P-2] Person P-2", "No valid e-mail address")
    invited = ("[P-1] Person P-1", "amina@example.org")
    expect_lines((*invited, "Will be invited"), refused)
    expect(dialog).to_contain_text("People who can't get access: 1.")
    assert participants() == []
    assert invitations() == []

    dialog.get_by_role("button", name="Give Access", exact=True).click()
    expect_lines((*invited, "Has access now"), refused)
    expect(dialog).to_contain_text("People who have access now: 1.")
    assert participants() == [("amina@example.org", contacts[0])]
    users = [("partner_id", "in", contacts)]
    assert admin.call("res.users", "search_count", users) == 1
    [invitation] = invitations()
    assert invitation["state"] == "outgoing"
    assert invitation["recipient_ids"] == contacts[:1]
    dialog.get_by_role("button", name="Close").last.click()
    expect(dialog).to_have_count(0)


def test_two_become_one_with_the_records_of_both(
    admin: Session, manager: Page, register, open_list
) -> None:
    stays, goes, bystander = register({"M-1": {}, "M-2": {}, "M-3": {}})
    days = {stays: (1, 2, 4), goes: (1, 3), bystander: (1,)}
    admin.call(
        RECORD,
        "create",
        [
            {
                "subscriber_id": person,
                "local_date": f"2026-03-0{day}",
                "local_time": "08:00",
            }
            for person in days
            for day in days[person]
        ],
    )

    def found(person: int, active: bool = True) -> list[int]:
        """On which days of the month somebody has records, valid ones or voided."""
        domain = [("subscriber_id", "=", person), ("active", "=", active)]
        records = admin.call(
            RECORD, "search_read", domain, ["local_date"], order="local_date"
        )
        return [int(record["local_date"][-2:]) for record in records]

    open_list(manager, PEOPLE)
    select(manager, "M-1", "M-2")
    manager.get_by_role("button", name="Merge", exact=True).click()
    dialog = manager.get_by_role("dialog")
    expect(dialog.locator("[name=target_id] input")).to_have_value("[M-1] Person M-1")
    expect(dialog.locator("[name=moved_count]")).to_have_text("2")
    expect(dialog.locator("[name=conflict_count]")).to_have_text("1")
    expect(dialog).to_contain_text("They will be voided")
    conflicts = dialog.locator("[name=conflict_ids] .o_data_row")
    expect(conflicts).to_have_count(1)
    expect(conflicts).to_contain_text(re.compile(r"\[M-2\].*Mar 1.*08:00:00"))
    # Nothing has happened so far.
    assert (found(stays), found(goes)) == ([1, 2, 4], [1, 3])

    dialog.get_by_role("button", name="Merge", exact=True).click()
    expect(manager.locator("[name=person_identifier] input")).to_have_value("M-1")
    expect(manager.locator("[name=alias_ids]")).to_contain_text("M-2")
    assert (found(stays), found(stays, active=False)) == ([1, 2, 3, 4], [1])
    assert found(bystander) == [1]
    left = [("person_identifier", "=like", "M-%")]
    assert admin.call(SUBSCRIBER, "search", left, order="id") == [stays, bystander]
    # No record of whoever it was is lost.
    people = [("subscriber_id", "in", [stays, goes, bystander])]
    everything = [*people, ("active", "in", [True, False])]
    assert admin.call(RECORD, "search_count", everything) == 6
