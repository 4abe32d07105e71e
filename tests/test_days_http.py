"""Days over real HTTP: from readings to what front ends show, moments later."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests
from live_client import Listener
from oauth_admin import Client, OAuthAdmin, bearer
from processes import wait_until

BASE = "/api/attendance"
#: The example of the workforce API, to the letter.
ENTRY = (
    '{"employee_id":"EMP001","employee_name":"Ahmed Khan","department":"Sewing",'
    '"designation":"Senior Tailor","level_of_work":"Worker","date":"2024-01-15",'
    '"status":"Present-OnTime","check_in":"08:00","check_out":"17:30",'
    '"working_hours":8.25,"overtime":0.5,"extra_overtime":0.0,"attendance_count":2,'
    '"scans":[{"time":"08:00","type":"IN"},{"time":"17:30","type":"OUT"}]}'
)
DAY = (
    '{"day":15,"date":"2024-01-15","status":"Present-OnTime","checkIn":"08:00",'
    '"checkOut":"17:30","workingHours":8.25,"overtime":0.5,"extraOvertime":0.0}'
)


class Factory:
    """The one of the example: a worker of a department, and apps of all kinds."""

    def __init__(self, running: Any) -> None:
        self.admin = OAuthAdmin(running)
        self.url = running.url
        self.app = self.admin.token(
            self.client("attendance:write", "attendance:read", "registry:write")
        )
        self.call("POST", "/departments", {"name": "Sewing"})
        self.call(
            "POST",
            "/subscribers",
            {
                "person_identifier": "EMP001",
                "name": "Ahmed Khan",
                "department": "Sewing",
                "designation": "Senior Tailor",
                "level_of_work": "worker",
                "tz": "Africa/Nairobi",
            },
        )

    def client(self, *scopes: str) -> Client:
        return self.admin.new_client(*scopes)

    def ask(
        self, method: str, path: str, body: Any = None, token: str = ""
    ) -> requests.Response:
        return requests.request(
            method,
            f"{self.url}{BASE}{path}",
            json=body,
            headers=bearer(token or self.app),
            timeout=60,
        )

    def call(self, method: str, path: str, body: Any = None, token: str = "") -> Any:
        answer = self.ask(method, path, body, token)
        assert answer.ok, answer.text
        return answer.json() if answer.content else None

    def read(self, *times: str) -> None:
        """Readings of the example's day."""
        items = [
            {
                "person_identifier": "EMP001",
                "date_time": f"2024-01-15T{time}:00+03:00",
            }
            for time in times
        ]
        self.call("POST", "/records", {"records": items})

    def summary(self, slash: str = "") -> str:
        path = f"/daily-attendance/summary{slash}?date=2024-01-15"
        answer = self.ask("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.text


@pytest.fixture(scope="module")
def factory(start_server: Callable[..., Any]) -> Factory:
    return Factory(start_server())


def test_the_example_to_the_letter(factory: Factory) -> None:
    """Readings become a day by themselves, and whoever listens is told."""
    listener = Listener(
        factory.url, factory.admin.token(factory.client("attendance:events"))
    )
    wait_until(lambda: listener.of_type("system_status"))
    # The last one first: the order doesn't matter.
    factory.read("17:30")
    factory.read("08:00")
    wait_until(lambda: factory.summary() == f"[{ENTRY}]", seconds=15)
    assert factory.summary("/") == f"[{ENTRY}]"
    month = factory.ask("GET", "/timesheet/?month=2024-01")
    assert DAY in month.text
    [sheet] = month.json()["items"]
    assert [day["day"] for day in sheet["days"]] == list(range(1, 32))

    wait_until(lambda: "Present-OnTime" in str(listener.of_type("attendance_updated")))
    wait_until(
        lambda: (
            listener.of_type("attendance_updated")[-1]["data"]["attendance_count"] == 2
        )
    )
    event = listener.of_type("attendance_updated")[-1]
    assert set(event) == {"type", "data", "employee_id", "timestamp"}
    assert event["employee_id"] == "EMP001"
    assert [event["data"]] == json.loads(f"[{ENTRY}]")
    assert len(listener.of_type("record_updated")) == 2
    listener.close()


def test_who_may_decide_does_and_takes_it_back(factory: Factory) -> None:
    factory.read("08:00", "17:30")
    wait_until(lambda: "Present-OnTime" in factory.summary(), seconds=15)
    [day] = factory.call("GET", "/daily-attendance/?date=2024-01-15")["items"]
    path = f"/daily-attendance/{day['id']}/"
    # To record is not to decide.
    assert factory.ask("PUT", path, {"status": "Absent"}).status_code == 403
    scopes = ("attendance:read", "days:write")
    clerk = factory.admin.token(factory.client(*scopes))
    body = {"employee": "EMP001", "date": "2024-01-15", "status": "Absent"}
    answer = factory.ask("POST", "/daily-attendance/", body, clerk)
    assert answer.status_code == 409
    changed = factory.call("PUT", path, {**day, "status": "Absent"}, clerk)
    assert (changed["status"], changed["is_edited"]) == ("Absent", True)
    assert '"status":"Absent"' in factory.summary()
    back = factory.call("DELETE", path, token=clerk)
    assert (back["status"], back["is_edited"]) == ("Present-OnTime", False)
    assert factory.summary() == f"[{ENTRY}]"
    figures = factory.call("GET", "/statistics/?date=2024-01-15")
    assert figures["present_today"] == figures["total_employees"] == 1
    assert figures["attendance_rate"] == 100.0


@pytest.mark.parametrize("query", ["", "?date=", "?date=2024-02-30", "?date=x"])
def test_a_summary_of_no_day(factory: Factory, query: str) -> None:
    assert factory.ask("GET", f"/daily-attendance/summary/{query}").status_code == 400
