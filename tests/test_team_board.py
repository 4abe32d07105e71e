"""The team's day and one's own in a real browser, as they change."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from chromium import chromium, signed_in
from noon import NOON
from odoo_session import Session
from playwright.sync_api import Browser, expect

TEAM = "/odoo/team-today"
OWN = "/odoo/my-attendance"
LOGIN = "team-{}@example.org"


class Office:
    """A head with a department, and a worker who has a login."""

    def __init__(self, running) -> None:
        self.session = Session(running.connection)
        self.passwords = {
            role: self.session.add_user(LOGIN.format(role), role)
            for role in ("head", "participant")
        }
        call = self.session.call
        call("res.company", "write", [1], {"attendance_tz": NOON})
        users = {
            role: call("res.users", "search", [("login", "=", LOGIN.format(role))])[0]
            for role in self.passwords
        }
        self.place = self.create("location", name="Mill", tz=NOON)
        squad = self.create("department", name="Weavers", head_id=users["head"])
        partner = call("res.users", "read", [users["participant"]], ["partner_id"])
        works = {
            "department_id": squad,
            "location_id": self.place,
            "level_of_work": "worker",
        }
        self.people = {
            "TB-1": self.create(
                "subscriber",
                person_identifier="TB-1",
                partner_id=partner[0]["partner_id"][0],
                **works,
            ),
            "TB-2": self.create(
                "subscriber", person_identifier="TB-2", name="Wanjiru", **works
            ),
        }
        # Every day is one on which they work, so that the test has no weekend.
        calendar = call(
            "resource.calendar",
            "create",
            [
                {
                    "name": "All days",
                    "attendance_ids": [
                        (0, 0, {"name": str(day), "dayofweek": str(day), **hours})
                        for day in range(7)
                        for hours in ({"hour_from": 8, "hour_to": 17},)
                    ],
                }
            ],
        )[0]
        shift = self.create("shift", name="Every day", calendar_id=calendar)
        self.create(
            "shift.assignment",
            shift_id=shift,
            department_id=squad,
            date_from=str(self.now.date() - timedelta(days=3)),
        )

    @property
    def now(self) -> datetime:
        return datetime.now(ZoneInfo(NOON))

    def create(self, model: str, **vals) -> int:
        [found] = self.session.call(f"spp.attendance.{model}", "create", [vals])
        return found

    def read(self, person: str, time: str, scan_type: str) -> None:
        self.create(
            "record",
            subscriber_id=self.people[person],
            location_id=self.place,
            local_date=str(self.now.date()),
            local_time=time,
            scan_type=scan_type,
        )


@pytest.fixture(scope="module")
def office(server) -> Office:
    server.expect(r"odoo\.sql_db", r'(?s)bad query: .*"mail_presence".*serialize.*')
    return Office(server)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


def test_team_and_own_day_follow_what_is_read(browser, server, office) -> None:
    def opened(role, path, ready):
        login, password = LOGIN.format(role), office.passwords[role]
        return signed_in(browser, server.url, login, password, path, ready)

    with (
        opened("head", TEAM, ".spp_team_person") as team,
        opened("participant", OWN, ".spp_my_page") as own,
    ):
        expect(team.locator(".spp_team_link")).to_contain_text("Live")
        row = team.locator("[data-person='TB-1']")
        expect(row).to_have_attribute("data-state", "missing")
        expect(own.locator(".spp_my_now")).to_have_text("Not checked in yet")

        office.read("TB-1", "08:20:00", "in")
        expect(row).to_have_attribute("data-state", "inside")
        expect(row).to_contain_text("Late")
        expect(row).to_contain_text("08:20")
        expect(own.locator(".spp_my_now")).to_have_text("At work since 08:20")

        office.read("TB-1", "10:30:00", "out")
        expect(row).to_have_attribute("data-state", "gone")
        expect(row).to_contain_text("2:10")
        expect(own.locator(".spp_my_running")).to_have_text("2:10")

        # Only those who are missing, then by what is typed.
        team.locator("[data-chip=missing]").click()
        expect(team.locator(".spp_team_person")).to_have_count(1)
        expect(team.locator("[data-person='TB-2']")).to_be_visible()
        team.locator("[data-chip=missing]").click()
        team.locator(".spp_team_search").fill("wanj")
        expect(team.locator(".spp_team_person")).to_have_count(1)
        team.locator(".spp_team_search").fill("nobody")
        team.get_by_role("button", name="Show everybody").click()
        expect(team.locator(".spp_team_person")).to_have_count(2)

        # The day opens from its row, and one's own asks for a correction.
        row.get_by_role("button").first.click()
        expect(team.locator(".o_form_view")).to_be_visible()
        own.locator(".spp_my_ask").click()
        expect(own.locator(".o_form_view")).to_be_visible()
