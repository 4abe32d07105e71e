"""Apps that were written for OpenSPP: they go on working, habits and all.

One records attendance; the other asks for it, cycle by cycle, to find out who came
often enough. Both do nothing but what such apps do, over real HTTP.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pytest
import requests
from odoo_session import Session

from _suite.serve import Connection

PEOPLE = [f"REG-{number:04}" for number in range(1, 301)]
FIRST_DAY = date(2026, 6, 1)
DAYS_REQUIRED = 10
EXISTS = (
    "An attendance record is already exists."
    " Please check the date, time, type, location."
)


@dataclass
class AttendanceServer:
    """Where attendance is, and how these apps get at it: paths and credentials."""

    url: str
    client_id: str
    client_secret: str
    timeout: int = 120

    def token(self) -> str:
        """They send JSON and don't say so, and want a status of exactly 200."""
        answer = requests.post(
            f"{self.url}/auth/token",
            data=json.dumps(
                {
                    "client_id": self.client_id,
                    "client_secret": self.client_secret,
                    "grant_type": "client_credentials",
                }
            ),
            timeout=self.timeout,
        )
        assert "Content-Type" not in answer.request.headers
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]

    def call(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        """The answer to a request; they take 200 and nothing else."""
        answer = self.ask(method, path, body, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ask(
        self, method: str, path: str, body: Any = None, **params: Any
    ) -> requests.Response:
        return requests.request(
            method,
            self.url + path,
            data=None if body is None else json.dumps(body),
            params=params,
            headers={"Authorization": f"Bearer {self.token()}"},
            timeout=self.timeout,
        )


@dataclass
class Recorder(AttendanceServer):
    """The app that records who came."""

    def submission(self, records: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "submitted_by": "field-app-7",
            "submitted_datetime": "2026-06-30 18:00:00",
            "submission_source": "ocr",
            "records": records,
        }

    def record(self, cards: dict[str, list[dict[str, Any]]], **params: Any) -> Any:
        records = [{"person_id": p, "time_card": c} for p, c in cards.items()]
        return self.call("POST", "/attendances", self.submission(records), **params)

    def correct(self, changes: dict[int, dict[str, Any]]) -> Any:
        records = [{"id": number, "time_card": c} for number, c in changes.items()]
        return self.call("PUT", "/attendances", self.submission(records))

    def delete(self, numbers: list[int]) -> Any:
        return self.call("DELETE", "/attendances", ids=",".join(map(str, numbers)))


@dataclass
class Compliance(AttendanceServer):
    """The app that keeps a copy of attendance and tells who came often enough."""

    rows: dict[int, dict[str, Any]] = field(default_factory=dict)
    types: dict[int, tuple[str, Any]] = field(default_factory=dict)
    locations: dict[int, tuple[str, Any]] = field(default_factory=dict)
    state: dict[str, str] = field(default_factory=dict)

    def import_choices(self) -> None:
        for path, known in (
            ("/attendance/types", self.types),
            ("/attendance/locations", self.locations),
        ):
            for entry in self.call("GET", path)["records"]:
                assert isinstance(entry["id"], int)
                assert entry["description"] is False or entry["description"]
                known[entry["id"]] = (entry["name"], entry["description"])

    def check(self, registrants: list[str], **filters: Any) -> None:
        """One call for all registrants, with a body on GET; it never pages."""
        answer = self.call(
            "GET",
            "/attendances",
            {"person_ids": registrants},
            limit=max(len(registrants), 30),
            **filters,
        )
        days = {}
        listed = set()
        for person in answer["records"]:
            days[person["person_id"]] = person["number_of_days_present"]
            for row in person["attendance_list"]:
                listed.add(row["id"])
                self.rows[row["id"]] = self._local(person["person_id"], row)
        for number in self.rows.keys() - listed:
            del self.rows[number]
        self.state = {
            person: "enrolled"
            if days.get(person, 0) >= DAYS_REQUIRED
            else "non_compliant"
            for person in registrants
        }

    def _local(self, person: str, row: dict[str, Any]) -> dict[str, Any]:
        assert isinstance(row["id"], int)
        return {
            "person": person,
            "date": date.fromisoformat(row["date"]),
            "time": row["time"],
            "type": self.types[row["attendance_type"]["id"]][0]
            if row["attendance_type"]
            else None,
            "location": self.locations[row["attendance_location"]["id"]][0]
            if row["attendance_location"]
            else None,
            "description": row["attendance_description"],
            "url": row["attendance_external_url"],
            "by": row["submitted_by"],
            "when": row["submitted_datetime"],
            "source": row["submission_source"],
        }


class Programme:
    """A server with 300 people, and both apps."""

    def __init__(self, running: Any) -> None:
        self.running = running
        connection: Connection = running.connection
        self.session = Session(connection)
        call = self.session.call
        (self.training,) = call(
            "spp.attendance.type",
            "create",
            [{"name": "Cash for work", "description": "Half a day"}],
        )
        (self.site,) = call(
            "spp.attendance.location",
            "create",
            [{"name": "Dam site", "code": "DAM", "tz": "Africa/Nairobi"}],
        )
        call(
            "spp.attendance.subscriber",
            "create",
            [
                {
                    "person_identifier": person,
                    "family_name": f"Family {person}",
                    "given_name": "Given",
                }
                for person in PEOPLE
            ],
        )
        known = (running.url, connection.client_id, connection.client_secret)
        self.recorder, self.compliance = Recorder(*known), Compliance(*known)

    def cards(self, days: int, **more: Any) -> list[dict[str, Any]]:
        return [
            {
                "date_time": f"{FIRST_DAY + timedelta(days=day)} 07:30:00",
                "attendance_type": self.training,
                "attendance_location": str(self.site),
                **more,
            }
            for day in range(days)
        ]

    def stored(self, condition: str = "active") -> int:
        sql = f"SELECT count(*) FROM spp_attendance_record WHERE {condition}"
        return int(self.running.query(sql))


@pytest.fixture(scope="module", params=[0, 2], ids=["threaded", "prefork"])
def served(start_server, request) -> Iterator[Programme]:
    running = start_server(workers=request.param)
    yield Programme(running)
    running.stop()


@pytest.fixture
def programme(served: Programme) -> Programme:
    """One in which nobody has come yet."""
    served.running.query("TRUNCATE spp_attendance_record RESTART IDENTITY CASCADE")
    return served


def test_a_cycle_of_the_compliance_client(programme: Programme) -> None:
    recorder, compliance = programme.recorder, programme.compliance
    compliance.import_choices()
    assert compliance.types[programme.training] == ("Cash for work", "Half a day")
    assert compliance.locations[programme.site] == ("Dam site", False)

    # Of 300 registrants 200 come on 12 days, 50 on 9, and 50 never.
    often, seldom, never = PEOPLE[:200], PEOPLE[200:250], PEOPLE[250:]
    answer = recorder.record(
        {person: programme.cards(12) for person in often}
        | {person: programme.cards(9) for person in seldom}
    )
    assert answer["person_ids"] == often + seldom
    assert programme.stored() == 200 * 12 + 50 * 9

    compliance.check([*PEOPLE, "NOT-REGISTERED-THERE"])
    assert Counter(compliance.state.values()) == {"enrolled": 200, "non_compliant": 101}
    assert {compliance.state[person] for person in often} == {"enrolled"}
    assert len(compliance.rows) == 200 * 12 + 50 * 9
    first = min(compliance.rows)
    assert compliance.rows[first] == {
        "person": often[0],
        "date": FIRST_DAY,
        "time": "07:30:00",
        "type": "Cash for work",
        "location": "Dam site",
        "description": "",
        "url": "",
        "by": "field-app-7",
        "when": "2026-06-30 18:00:00",
        "source": "ocr",
    }

    # A later check finds the same rows under the same ids, changed or not.
    before = set(compliance.rows)
    recorder.correct({first: {"attendance_description": "came late"}})
    compliance.check(PEOPLE)
    assert set(compliance.rows) == before
    assert compliance.rows[first]["description"] == "came late"

    # What is deleted there leaves the copy, and may cost somebody his place.
    mine = [n for n, row in compliance.rows.items() if row["person"] == often[0]]
    recorder.delete(mine[:3])
    compliance.check(PEOPLE)
    assert compliance.state[often[0]] == "non_compliant"
    assert set(compliance.rows) == before - set(mine[:3])
    assert programme.stored("NOT active") == 3

    # Who never came comes after all, and absences don't count as presence.
    recorder.record({never[0]: programme.cards(10)})
    recorder.record({never[1]: programme.cards(12, attendance_category="absent")})
    compliance.check(PEOPLE)
    assert compliance.state[never[0]] == "enrolled"
    assert compliance.state[never[1]] == "non_compliant"

    # A cycle is some days, one kind of attendance, one place.
    filters = {
        "attendance_type": programme.training,
        "attendance_location": programme.site,
    }
    end = FIRST_DAY + timedelta(days=9)
    compliance.check(PEOPLE, from_date=FIRST_DAY, to_date=end, **filters)
    assert Counter(compliance.state.values()) == {"enrolled": 200, "non_compliant": 100}
    compliance.check(
        PEOPLE, from_date=FIRST_DAY, to_date=end - timedelta(days=1), **filters
    )
    assert set(compliance.state.values()) == {"non_compliant"}


def test_who_is_not_let_in_gets_json(programme: Programme) -> None:
    url = programme.recorder.url
    wrong = AttendanceServer(url, programme.recorder.client_id, "wrong")
    answer = requests.post(
        f"{url}/auth/token",
        data=json.dumps({"client_id": wrong.client_id, "client_secret": "wrong"}),
        timeout=30,
    )
    assert answer.status_code == 401
    assert answer.json() == {
        "error": "Unauthorized",
        "error_description": "Invalid client id or secret.",
    }
    for headers in ({}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer x"}):
        for method in ("GET", "POST", "PUT", "DELETE"):
            answer = requests.request(
                method, f"{url}/attendances", headers=headers, data="{", timeout=30
            )
            assert answer.status_code == 401
            assert answer.json() == {"error": {"code": 401, "message": "Unauthorized"}}
            assert "Set-Cookie" not in answer.headers
    answer = programme.recorder.ask("PATCH", "/attendances")
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, 405)


def test_a_large_answer_is_whole(programme: Programme) -> None:
    """Thousands in one call: with a length, so that a cut answer would be noticed."""
    recorder = programme.recorder
    recorder.record(
        {p: programme.cards(20, attendance_description="é" * 100) for p in PEOPLE}
    )
    for method, path in (("GET", "/attendances"), ("POST", "/attendances/search")):
        answer = recorder.ask(method, path, {"person_ids": PEOPLE}, limit=5000)
        assert answer.status_code == 200
        assert int(answer.headers["Content-Length"]) == len(answer.content) > 2_000_000
        records = answer.json()["records"]
        assert [record["person_id"] for record in records] == PEOPLE
        assert {len(record["attendance_list"]) for record in records} == {20}
        assert answer.json()["pagination"]["limit"] == 5000


def test_both_generations_list_everybody_once(programme: Programme) -> None:
    """Clients of 17 count pages; those of 19 go on after an id."""
    for path in ("/attendances", "/subscribers"):
        first = programme.recorder.call("GET", path, limit=70)
        total = first["pagination"]["total_pages"]
        by_page = [
            record["person_id"]
            for page in range(1, total + 1)
            for record in programme.recorder.call("GET", path, limit=70, page=page)[
                "records"
            ]
        ]
        by_id, last_id = [], 0
        while last_id is not None:
            answer = programme.recorder.call("GET", path, limit=70, last_id=last_id)
            by_id += [record["person_id"] for record in answer["records"]]
            last_id = answer["pagination"]["last_id"]
        assert by_page == by_id == PEOPLE


def test_eight_at_once_make_one_record(programme: Programme) -> None:
    """Equal requests in the same moment: one is done, the others are refused."""
    recorder = programme.recorder
    body = recorder.submission(
        [{"person_id": PEOPLE[0], "time_card": programme.cards(3)}]
    )

    def post(_number: int) -> requests.Response:
        return recorder.ask("POST", "/attendances", body)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(post, range(8)))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 400: 7}
    for answer in answers:
        if answer.status_code == 400:
            assert answer.json() == {"error": {"code": 400, "message": EXISTS}}
    assert programme.stored() == 3


def test_one_bad_record_refuses_all(programme: Programme) -> None:
    recorder = programme.recorder
    recorder.record({PEOPLE[0]: programme.cards(5)})
    [rows] = [
        person["attendance_list"]
        for person in recorder.call("GET", "/attendances", person_ids=PEOPLE[0])[
            "records"
        ]
    ]
    for changes, message in (
        ({10**6: {}}, f"Attendance ID {10**6} does not exist."),
        # the second would become the third's twin
        (
            {rows[1]["id"]: {"date_time": f"{rows[2]['date']} {rows[2]['time']}"}},
            EXISTS,
        ),
    ):
        records = {rows[0]["id"]: {"attendance_description": "x"}, **changes}
        answer = recorder.ask(
            "PUT",
            "/attendances",
            recorder.submission(
                [{"id": number, "time_card": card} for number, card in records.items()]
            ),
        )
        assert answer.status_code == 400
        assert answer.json()["error"]["message"] == message
    again = recorder.call("GET", f"/attendance/{PEOPLE[0]}")
    assert again["attendance_list"] == rows


def test_reads_are_served_by_a_replica(start_server) -> None:
    """What reads writes nothing, and what writes does so at once: no second attempt."""
    running = start_server(replica=True)
    programme = Programme(running)
    programme.recorder.record({PEOPLE[0]: programme.cards(10)})
    programme.compliance.import_choices()
    programme.compliance.check(PEOPLE)
    assert Counter(programme.compliance.state.values())["enrolled"] == 1
    for method, path in (
        ("GET", f"/attendance/{PEOPLE[0]}"),
        ("GET", "/subscribers"),
        ("GET", f"/subscriber/{PEOPLE[0]}"),
        ("POST", "/attendances/search"),
    ):
        programme.recorder.call(method, path)
    number = min(programme.compliance.rows)
    programme.recorder.correct({number: {"attendance_category": "absent"}})
    programme.recorder.delete([number])
    running.stop()
    log = running.server.log.read_text()
    assert "read-only transaction" not in log
    assert "retrying with a read/write cursor" not in log
