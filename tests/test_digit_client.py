"""Apps that were written for DIGIT: they go on working.

One marks attendance in the field; another, like DIGIT's muster roll, reads it and works
out who was there for how long. They do nothing but what such apps do, over real HTTP.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import requests
from held_up import held_up, inserting
from oauth_admin import OAuthAdmin, bearer
from processes import kill_workers, wait_until

TENANT = "pb.amritsar"
SCOPES = ("attendance:read", "attendance:write", "registry:write")
DAY = timedelta(days=1)
#: Where DIGIT's musters are counted.
MUSTER_ZONE = ZoneInfo("Asia/Kolkata")
HALF_DAY_HOURS, FULL_DAY_HOURS = 4, 8
BULK = 1_000


def ms(instant: datetime) -> int:
    return round(instant.timestamp() * 1000)


#: Some day in the middle of all registers here, at half past eight in India.
TODAY = datetime.now(UTC).replace(hour=3, minute=0, second=0, microsecond=0)
START, END = ms(TODAY - 20 * DAY), ms(TODAY + 20 * DAY)


class App:
    """A client of a running server that speaks DIGIT's dialect."""

    def __init__(self, running: Any) -> None:
        self.running, self.url = running, running.url
        self.admin = OAuthAdmin(running)
        company = self.admin.session.call("res.company", "search", [], limit=1)
        self.admin.session.call(
            "res.company", "write", company, {"attendance_tenant_code": TENANT}
        )
        self.token = self.admin.token(self.admin.new_client(*SCOPES))
        self.people = 0
        self.contracts = 0

    def ask(self, path: str, body: dict[str, Any], **params: Any) -> requests.Response:
        """They send the token along in the body, as DIGIT's gateway wants it."""
        info = {"apiId": "Rainmaker", "ver": ".01", "msgId": "1", "ts": 5}
        return requests.post(
            f"{self.url}/attendance/{path}",
            json={"RequestInfo": {**info, "authToken": self.token}, **body},
            params=params,
            timeout=120,
        )

    def call(self, path: str, body: dict[str, Any], **params: Any) -> dict[str, Any]:
        answer = self.ask(path, body, **params)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert found["ResponseInfo"]["status"] == "successful"
        assert found["ResponseInfo"]["apiId"] == "Rainmaker"
        return found

    def refused(self, path: str, body: dict[str, Any]) -> str:
        """The code of the one error of an answer."""
        answer = self.ask(path, body)
        assert answer.status_code == 400, answer.text
        [error] = answer.json()["Errors"]
        return error["code"]

    def individuals(self, count: int) -> list[str]:
        """New people, by their UUIDs."""
        first = self.people
        self.people += count
        found = []
        for number in range(first, self.people):
            answer = requests.post(
                f"{self.url}/api/attendance/subscribers",
                json={
                    "person_identifier": f"IND-{number}",
                    "family_name": "Kaur",
                    "given_name": f"N{number}",
                },
                headers=bearer(self.token),
                timeout=60,
            )
            assert answer.status_code == 201, answer.text
            found.append(answer.json()["uuid"])
        return found

    def register(self, **values: Any) -> dict[str, Any]:
        self.contracts += 1
        [register] = self.call(
            "v1/_create",
            {
                "attendanceRegister": [
                    {
                        "tenantId": TENANT,
                        "name": "Class IV works",
                        "referenceId": f"CON-{self.contracts}",
                        "serviceCode": "WORKS-CONTRACT",
                        "startDate": START,
                        "endDate": END,
                        **values,
                    }
                ]
            },
        )["attendanceRegister"]
        return register

    def enrol(self, register: dict[str, Any], individuals: list[str]) -> list[dict]:
        return self.call(
            "attendee/v1/_create",
            {
                "attendees": [
                    {
                        "tenantId": TENANT,
                        "registerId": register["id"],
                        "individualId": individual,
                        "enrollmentDate": START,
                    }
                    for individual in individuals
                ]
            },
        )["attendees"]

    def mark(self, *logs: dict[str, Any]) -> list[dict[str, Any]]:
        return self.call("log/v1/_create", {"attendance": list(logs)})["attendance"]

    def logs(self, register: dict[str, Any], **params: Any) -> list[dict[str, Any]]:
        return self.call(
            "log/v1/_search",
            {},
            tenantId=TENANT,
            registerId=register["id"],
            **params,
        )["attendance"]

    def registers(self, **params: Any) -> list[dict[str, Any]]:
        found = self.call("v1/_search", {}, tenantId=TENANT, **params)
        return found["attendanceRegister"]


def log(
    register: dict[str, Any], individual: str, instant: datetime, kind: str, **more: Any
) -> dict[str, Any]:
    return {
        "tenantId": TENANT,
        "registerId": register["id"],
        "individualId": individual,
        "time": ms(instant),
        "type": kind,
        **more,
    }


def muster(app: App, register_id: str) -> dict[str, float]:
    """Days that each person of a register was there, as the muster roll counts them."""
    [register] = app.registers(ids=register_id, status="ACTIVE")
    people = {attendee["individualId"]: attendee for attendee in register["attendees"]}
    assert len(people) == len(register["attendees"])  # it falls over otherwise
    found = app.call(
        "log/v1/_search",
        {},
        tenantId=TENANT,
        registerId=register_id,
        fromTime=register["startDate"],
        toTime=register["endDate"] + 24 * 3600 * 1000 - 1,
        status="ACTIVE",
    )["attendance"]
    times: dict[tuple[str, Any], dict[str, datetime]] = defaultdict(dict)
    for entry in found:
        local = datetime.fromtimestamp(entry["time"] / 1000, MUSTER_ZONE)
        day = times[entry["individualId"], local.date()]
        day.setdefault(entry["type"].upper(), local)  # the first one that is listed
    total = dict.fromkeys(people, 0.0)
    for (individual, _day), marks in times.items():
        hours = 0.0
        if {"ENTRY", "EXIT"} <= marks.keys():
            hours = (marks["EXIT"] - marks["ENTRY"]).total_seconds() // 3600
        if hours >= FULL_DAY_HOURS:
            total[individual] += 1
        elif hours >= HALF_DAY_HOURS:
            total[individual] += 0.5
    return total


@pytest.fixture(scope="module")
def app(server: Any) -> App:
    return App(server)


def test_life_of_a_register(app: App) -> None:
    amina, joseph, grace = app.individuals(3)
    register = app.register(additionalDetails={"contractId": "WO/1", "n": [1, None]})
    assert register["registerNumber"].startswith("WR/")
    assert register["status"] == "ACTIVE"
    [owner] = register["staff"]
    assert owner["staffType"] == "OWNER"
    contract = {"referenceId": register["referenceId"], "serviceCode": "WORKS-CONTRACT"}
    again = {"tenantId": TENANT, "name": "x", "startDate": START, **contract}
    code = app.refused("v1/_create", {"attendanceRegister": [again]})
    assert code == "REGISTER_ALREADY_EXISTS"

    # Somebody of the backend helps, and then doesn't any more.
    user = app.admin.session.call(
        "res.users", "search_read", [("login", "=", "admin")], ["attendance_uuid"]
    )[0]["attendance_uuid"]
    staff = {"tenantId": TENANT, "registerId": register["id"], "userId": user}
    [helper] = app.call(
        "staff/v1/_create", {"staff": [{**staff, "staffType": "editor"}]}
    )["staff"]
    assert helper["staffType"] == "EDITOR"
    [gone] = app.call("staff/v1/_delete", {"staff": [staff]})["staff"]
    assert gone["id"] == helper["id"]
    assert gone["denrollmentDate"] >= gone["enrollmentDate"]

    # People come, are grouped, go, and come again.
    attendees = app.enrol(register, [amina, joseph])
    tagged = app.call(
        "attendee/v1/_updateTag",
        {
            "attendees": [
                {"id": attendees[0]["id"], "tenantId": TENANT, "tag": "team 1"}
            ]
        },
    )["attendees"]
    assert tagged[0]["tag"] == "team 1"
    leaving = {"tenantId": TENANT, "registerId": register["id"], "individualId": joseph}
    left = ms(TODAY - 5 * DAY)
    app.call(
        "attendee/v1/_delete", {"attendees": [{**leaving, "denrollmentDate": left}]}
    )
    back = ms(TODAY - 2 * DAY)
    app.call(
        "attendee/v1/_create", {"attendees": [{**leaving, "enrollmentDate": back}]}
    )
    [seen] = app.registers(ids=register["id"])
    rows = {row["individualId"]: row for row in seen["attendees"]}
    assert len(seen["attendees"]) == len(rows) == 2
    assert rows[joseph]["enrollmentDate"] == back
    assert rows[joseph]["denrollmentDate"] is None
    assert len(rows[joseph]["additionalDetails"]["enrolments"]) == 1

    # They are marked, in each of their intervals and not between.
    first = TODAY - 10 * DAY
    entry, _exit = app.mark(
        log(register, joseph, first, "ENTRY"),
        log(register, joseph, first + timedelta(hours=9), "EXIT"),
    )
    for individual, instant, code in (
        (joseph, TODAY - 3 * DAY, "INELIGIBLE_ATTENDEES"),
        (grace, first, "UNENROLLED_ATTENDEES"),
        (amina, TODAY - 40 * DAY, "INVALID_ATTENDANCE_TIME"),
    ):
        bad = {"attendance": [log(register, individual, instant, "ENTRY")]}
        assert app.refused("log/v1/_create", bad) == code
    late = {**entry, "time": entry["time"] + 3_600_000}
    [corrected] = app.call("log/v1/_update", {"attendance": [late]})["attendance"]
    assert corrected["id"] == entry["id"]
    cancelled = {**corrected, "status": "INACTIVE"}
    app.call("log/v1/_update", {"attendance": [cancelled]})
    assert [found["type"] for found in app.logs(register, status="ACTIVE")] == ["EXIT"]
    assert len(app.logs(register)) == 2

    # It is put to rest: nothing is marked any more, and then it is gone.
    [resting] = app.call(
        "v1/_update", {"attendanceRegister": [{**seen, "status": "INACTIVE"}]}
    )["attendanceRegister"]
    assert resting["status"] == "INACTIVE"
    assert resting["registerNumber"] == register["registerNumber"]
    more = {"attendance": [log(register, amina, first, "ENTRY")]}
    assert app.refused("log/v1/_create", more) == "INACTIVE_REGISTER"
    app.call("v1/_update", {"attendanceRegister": [{**seen, "status": "ACTIVE"}]})
    app.mark(log(register, amina, first, "ENTRY"))
    one = {"id": register["id"], "tenantId": TENANT}
    app.call("v1/_delete", {"attendanceRegister": [one]})
    assert app.registers(referenceId=register["referenceId"]) == []


def test_muster_roll(app: App) -> None:
    people = app.individuals(4)
    register = app.register()
    app.enrol(register, people)
    whole, half, short, nobody = people
    for number in range(5):
        entry = TODAY - number * DAY
        app.mark(
            *(
                one
                for individual, hours in ((whole, 9), (half, 5), (short, 1))
                for one in (
                    log(register, individual, entry, "ENTRY"),
                    log(register, individual, entry + timedelta(hours=hours), "EXIT"),
                )
            )
        )
    app.mark(log(register, whole, TODAY - 9 * DAY, "ENTRY"))  # and never left
    assert muster(app, register["id"]) == {whole: 5.0, half: 2.5, short: 0, nobody: 0}
    # An entry that is corrected counts as corrected.
    [entry] = [
        found
        for found in app.logs(register, individualIds=half, status="ACTIVE")
        if found["time"] == ms(TODAY) and found["type"] == "ENTRY"
    ]
    earlier = {**entry, "time": ms(TODAY - timedelta(hours=4))}
    app.call("log/v1/_update", {"attendance": [earlier]})
    assert muster(app, register["id"])[half] == 3.0
    # Which musters somebody sees follows from the registers that are theirs.
    mine = app.registers(status="ACTIVE", limit=100)
    assert register["id"] in [found["id"] for found in mine]
    stranger = App(app.running)
    assert stranger.registers(status="ACTIVE", limit=100) == []
    search = {"attendance": {"tenantId": TENANT, "registerId": register["id"]}}
    assert stranger.refused("log/v1/_search", search) == "UNAUTHORISED_USER"


def test_two_enrolments_at_once(app: App) -> None:
    people = app.individuals(8)
    register = app.register()
    for individual in people:
        entry = {
            "tenantId": TENANT,
            "registerId": register["id"],
            "individualId": individual,
        }
        answers = at_once(
            lambda entry=entry: app.ask("attendee/v1/_create", {"attendees": [entry]})
        )
        assert sorted(answer.status_code for answer in answers) == [200, 400]
        [refused] = [answer for answer in answers if answer.status_code == 400]
        assert refused.json()["Errors"][0]["code"] == "INDIVIDUAL_ID"
    [found] = app.registers(ids=register["id"])
    assert sorted(row["individualId"] for row in found["attendees"]) == sorted(people)


def test_two_registers_for_one_contract_at_once(app: App) -> None:
    for number in range(8):
        item = {
            "tenantId": TENANT,
            "name": "Class IV works",
            "referenceId": f"TWIN-{number}",
            "serviceCode": "WORKS-CONTRACT",
            "startDate": START,
        }
        answers = at_once(
            lambda item=item: app.ask("v1/_create", {"attendanceRegister": [item]})
        )
        assert sorted(answer.status_code for answer in answers) == [200, 400]
        [refused] = [answer for answer in answers if answer.status_code == 400]
        assert refused.json()["Errors"][0]["code"] == "REGISTER_ALREADY_EXISTS"
        assert len(app.registers(referenceId=item["referenceId"])) == 1


def test_one_log_twice_at_once(app: App) -> None:
    people = app.individuals(8)
    register = app.register()
    app.enrol(register, people)
    for individual in people:
        reference = f"ref-{individual}"
        one = log(register, individual, TODAY, "ENTRY", clientReferenceId=reference)
        answers = at_once(
            lambda one=one: app.ask("log/v1/_create", {"attendance": [one]})
        )
        assert [answer.status_code for answer in answers] == [200, 200]
        ids = {answer.json()["attendance"][0]["id"] for answer in answers}
        assert len(ids) == 1
    assert len(app.logs(register)) == len(people)


def at_once(call: Callable[[], requests.Response]) -> list[requests.Response]:
    """The answers to a call that two make at the same moment."""
    ready = threading.Barrier(2)

    def make(_number: int) -> requests.Response:
        ready.wait(30)
        return call()

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(make, range(2)))


def test_bulk(app: App) -> None:
    """Accepted at once and recorded soon; what can't be is listed with its reason."""
    member, stranger = app.individuals(2)
    register = app.register()
    app.enrol(register, [member])
    logs = bulk_of(register, member, 50)
    logs.append(log(register, stranger, TODAY, "ENTRY"))
    answer = app.ask("log/v1/bulk/_create", {"attendance": logs})
    assert answer.status_code == 202, answer.text
    assert answer.json()["status"] == "successful"
    wait_until(lambda: not waiting(app))
    assert len(app.logs(register)) == 50
    [failed] = app.admin.session.call(
        "spp.attendance.log.queue",
        "search_read",
        [("state", "=", "failed"), ("register", "=", register["id"])],
        ["code", "individual"],
    )
    assert failed["code"] == "UNENROLLED_ATTENDEES"
    assert failed["individual"] == stranger
    app.enrol(register, [stranger])
    app.admin.session.call(
        "spp.attendance.log.queue", "action_try_again", [failed["id"]]
    )
    wait_until(lambda: len(app.logs(register)) == 51)
    cancelled = [{**found, "status": "INACTIVE"} for found in app.logs(register)]
    answer = app.ask("log/v1/bulk/_update", {"attendance": cancelled})
    assert answer.status_code == 202, answer.text
    wait_until(lambda: not app.logs(register, status="ACTIVE"))


def test_worker_that_is_killed_in_bulk(start_server: Callable) -> None:
    """Another one does what it had begun: all, and nothing twice."""
    app = App(start_server(workers=2))
    [member] = app.individuals(1)
    register = app.register()
    app.enrol(register, [member])
    logs = bulk_of(register, member, BULK)
    held = logs[BULK // 2]
    app.mark(held)
    with (
        # Of two lanes that begin at one moment each takes a share, and who gets which
        # is chance: one is to have all when it is killed.
        app.running.without_action("ir_cron_log_queue_2"),
        held_up(app.running, held["clientReferenceId"]),
    ):
        answer = app.ask("log/v1/bulk/_create", {"attendance": logs})
        assert answer.status_code == 202, answer.text
        wait_until(lambda: inserting(app.running))
        for master in inserting(app.running):
            kill_workers(master)
        assert waiting(app) == BULK
        assert stored(app) == 1
    wait_until(lambda: not waiting(app))
    assert stored(app) == BULK
    found = app.logs(register)
    assert len({one["clientReferenceId"] for one in found}) == len(found) == BULK
    assert app.admin.count("spp_attendance_log_queue", "TRUE") == 0


def bulk_of(register: dict[str, Any], individual: str, count: int) -> list[dict]:
    return [
        log(
            register,
            individual,
            TODAY - timedelta(seconds=number),
            ("ENTRY", "EXIT")[number % 2],
            clientReferenceId=f"{register['id']}/{number}",
        )
        for number in range(count)
    ]


def waiting(app: App) -> int:
    return app.admin.count("spp_attendance_log_queue", "state = 'queued'")


def stored(app: App) -> int:
    return app.admin.count("spp_attendance_record", "TRUE")
