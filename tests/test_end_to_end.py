"""The main job: a terminal's scans become attendance that an OAuth app reads.

The terminal speaks ZKTeco's own protocol on loopback, Odoo's real scheduled action
polls it with real pyzk, and the app is Authlib's OAuth2Session over real HTTP.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import psycopg2
import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session
from joserfc import jwt
from joserfc.jwk import RSAKey
from odoo_session import Session
from processes import kill_workers, wait_until
from zk_terminal import ZkTerminal

RECORDS = "/api/attendance/records"
COMM_KEY = 4711
PEOPLE = [f"E{number:03}" for number in range(1, 51)]
STRANGERS = PEOPLE[-3:]
ZONE = "Africa/Nairobi"
FIRST_DAY = datetime(2026, 9, 1, 8)
DEADLINE = 20


class Office:
    """A field office: Odoo with 47 registered people, an app, and a terminal."""

    def __init__(self, running, terminal: ZkTerminal) -> None:
        self.running = running
        self.url = running.url
        self.terminal = terminal
        self.session = Session(running.connection)
        # The terminal is on this machine, where terminals are not looked for else.
        companies = self.session.call("res.company", "search", [])
        self.session.call(
            "res.company",
            "write",
            companies,
            {"attendance_terminal_networks": "127.0.0.0/8"},
        )
        (self.location,) = self.session.call(
            "spp.attendance.location",
            "create",
            [{"name": "Gate", "code": "GATE", "tz": ZONE}],
        )
        self.register(person for person in PEOPLE if person not in STRANGERS)
        (self.device,) = self.session.call(
            "spp.attendance.device",
            "create",
            [
                {
                    "name": "Gate",
                    "adapter": "zkteco",
                    "host": terminal.host,
                    "port": terminal.port,
                    "secret_input": str(COMM_KEY),
                    "tz": ZONE,
                    "location_id": self.location,
                    "timeout": 5,
                    "deadline": DEADLINE,
                    # Polled when a test says so, and not in between.
                    "poll_interval": 1440,
                    "enabled": False,
                }
            ],
        )

    def register(self, people) -> list[int]:
        return self.session.call(
            "spp.attendance.subscriber",
            "create",
            [{"person_identifier": person, "name": person} for person in people],
        )

    def read_device(self) -> dict:
        fields = [
            "enabled",
            "health",
            "error_code",
            "failure_count",
            "last_success_at",
            "last_error_at",
            "next_poll_at",
            "unmatched_count",
            "record_count",
        ]
        return self.session.call(
            "spp.attendance.device", "read", [self.device], fields
        )[0]

    def poll(self) -> dict:
        """Let the scheduled action poll the terminal; the terminal as it is then."""
        self.start_poll()
        wait_until(self.poll_is_over)
        return self.read_device()

    def start_poll(self) -> None:
        if not self.read_device()["enabled"]:
            self.session.call(
                "spp.attendance.device", "write", [self.device], {"enabled": True}
            )
        self.session.call("spp.attendance.device", "action_poll_now", [self.device])

    def poll_is_over(self) -> bool:
        return self.count("next_poll_at > now() AT TIME ZONE 'UTC'", "device") == 1

    def count(self, condition: str, table: str) -> int:
        return int(
            self.running.query(
                f"SELECT count(*) FROM spp_attendance_{table} WHERE {condition}"
            ).strip()
        )

    def token(self, scope: str) -> OAuth2Session:
        """An app with a token of its own."""
        connection = self.running.connection
        app = OAuth2Session(connection.client_id, connection.client_secret, scope=scope)
        app.fetch_token(
            f"{self.url}/oauth2/token", grant_type="client_credentials", timeout=30
        )
        return app

    def read(self, **params: object) -> list[dict]:
        """All records, page by page, as the app sees them."""
        app = self.token("attendance:read")
        items, cursor = [], None
        while True:
            page = app.get(
                self.url + RECORDS,
                params={**params, "limit": 300, "cursor": cursor},
                timeout=60,
            )
            assert page.status_code == 200, page.text
            items += page.json()["items"]
            cursor = page.json()["next"]
            if cursor is None:
                return items


def punches(count: int, start: datetime = FIRST_DAY) -> list[tuple]:
    """``count`` scans of the 50 people in turn, no two of one person the same."""
    return [
        (
            PEOPLE[number % 50],
            start + timedelta(hours=number // 50 * 3, seconds=number % 50),
            number // 50 % 2,
            1,
        )
        for number in range(count)
    ]


def facts(scans: list[tuple]) -> Counter:
    """What the scans say, as (person, local time, direction)."""
    return Counter(
        (person, moment.isoformat(), "out" if punch else "in")
        for person, moment, punch, _verify in scans
    )


def seen(items: list[dict]) -> Counter:
    return Counter(
        (item["person_identifier"], item["date_time"][:19], item["direction"])
        for item in items
    )


def known(scans: list[tuple]) -> list[tuple]:
    return [scan for scan in scans if scan[0] not in STRANGERS]


def in_nairobi() -> datetime:
    return datetime.utcnow() + timedelta(hours=3)


@pytest.fixture
def office(start_server, request) -> Iterator[Office]:
    running = start_server(**getattr(request, "param", {}))
    with ZkTerminal(comm_key=COMM_KEY, clock=in_nairobi) as terminal:
        yield Office(running, terminal)


def test_scans_of_a_terminal_are_read_by_an_app(office: Office) -> None:
    terminal = office.terminal
    scans = punches(1000)
    terminal.extend(scans)

    # 1,000 scans of 50 people, 3 of whom the registry doesn't know.
    device = office.poll()
    assert device["health"] == "healthy"
    assert device["record_count"] == 1000
    assert device["unmatched_count"] == 60
    items = office.read()
    assert seen(items) == facts(known(scans))
    assert {item["location"]["code"] for item in items} == {"GATE"}
    assert {item["source"] for item in items} == {"device"}
    assert items[0]["date_time"].endswith("+03:00")
    known_ids = {item["id"] for item in items}

    # A second poll adds nothing.
    office.poll()
    assert {item["id"] for item in office.read()} == known_ids
    assert office.count("TRUE", "scan") == 1000

    # Five late scans, of a day before everything else: only these are added.
    late = punches(5, FIRST_DAY - timedelta(days=1))
    terminal.extend(late)
    office.poll()
    added = [item for item in office.read() if item["id"] not in known_ids]
    assert seen(added) == facts(late)

    # The terminal hangs in the middle: in time the poll ends, and nothing is half done.
    more = punches(100, FIRST_DAY + timedelta(days=30))
    terminal.extend(more)
    terminal.fault = "stall_mid"
    device = office.poll()
    assert device["health"] == "degraded"
    assert device["error_code"] == "timeout"
    assert office.count("TRUE", "scan") == 1005
    assert len(office.read()) == len(known_ids) + 5

    # The next good poll completes.
    terminal.fault = ""
    device = office.poll()
    assert device["health"] == "healthy"
    assert office.count("TRUE", "scan") == 1105
    assert seen(office.read()) == facts(known(scans + late + more))

    # Somebody is registered later, by the number on the badge.
    registered, assigned = STRANGERS[:2]
    office.register([registered])
    office.poll()
    assert seen(office.read(person_identifier=registered)) == facts(
        [scan for scan in scans + more if scan[0] == registered]
    )

    # An officer says whose another badge is: all its scans become records at once.
    (person,) = office.register(["E999"])
    (wizard,) = office.session.call(
        "spp.attendance.scan.assign",
        "create",
        [
            {
                "device_id": office.device,
                "user_code": assigned,
                "subscriber_id": person,
            }
        ],
    )
    office.session.call("spp.attendance.scan.assign", "action_assign", [wizard])
    assert seen(office.read(person_identifier="E999")) == facts(
        [("E999", *scan[1:]) for scan in scans + more if scan[0] == assigned]
    )


@pytest.mark.parametrize("office", [{"workers": 2}], indirect=True)
def test_a_killed_worker_loses_and_doubles_nothing(office: Office) -> None:
    scans = punches(500)
    office.terminal.extend(scans)
    with office_database(office) as connection, connection.cursor() as cursor:
        # The poll reads everything and is then held up before it can store it.
        cursor.execute("LOCK TABLE spp_attendance_scan IN EXCLUSIVE MODE")
        office.start_poll()
        wait_until(lambda: masters(office))
        assert office.terminal.connections >= 1
        for master in masters(office):
            kill_workers(master)
        connection.rollback()
    assert office.count("TRUE", "scan") == 0
    wait_until(office.running.answers)
    # As time passes the dead worker's lease runs out.
    office.running.query(
        "UPDATE spp_attendance_device SET lease_until = now() AT TIME ZONE 'UTC'"
        " RETURNING id"
    )
    device = office.poll()
    assert device["health"] == "healthy"
    assert office.count("TRUE", "scan") == 500
    assert seen(office.read()) == facts(known(scans))


def masters(office: Office) -> set[int]:
    """Odoo processes of which a worker waits for the lock on the scans.

    Odoo names the connections of all its workers after the process that forked them.
    """
    names = office.running.query(
        "SELECT application_name FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
        "   AND query ILIKE '%spp_attendance_scan%'"
    )
    return {int(name.split("-")[1]) for name in names.split()}


@contextlib.contextmanager
def office_database(office: Office) -> Iterator:
    server = office.running.server
    env = {**os.environ, **server.server.env()}
    connection = psycopg2.connect(
        dbname=server.database,
        host=env["PGHOST"],
        port=env["PGPORT"],
        user=env["PGUSER"],
    )
    try:
        yield connection
    finally:
        connection.close()


@pytest.mark.parametrize(
    "office",
    [{}, {"workers": 2}, {"replica": True}],
    indirect=True,
    ids=["threaded", "prefork", "replica"],
)
def test_eight_at_once_make_one_record(office: Office) -> None:
    """The same fact from eight clients, with an external id and without."""
    for item in (
        {"external_id": "once", "date_time": "2026-09-01T08:00:00+03:00"},
        {"date_time": "2026-09-01T09:00:00+03:00"},
    ):
        apps = [office.token("attendance:write") for _number in range(8)]

        def post(app, item=item):
            return app.post(
                office.url + RECORDS,
                json={"records": [{"person_identifier": PEOPLE[0], **item}]},
                timeout=60,
            )

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(post, apps))
        assert [answer.status_code for answer in answers] == [200] * 8
        results = [answer.json()["results"][0] for answer in answers]
        assert Counter(result["status"] for result in results) == {
            "created": 1,
            "duplicate": 7,
        }
        assert len({result["id"] for result in results}) == 1
    assert len(office.read()) == 2


def signing_key(office: Office) -> RSAKey:
    """The signing key, as only who holds the database can have it."""
    return RSAKey.import_key(
        office.running.query("SELECT private_pem FROM spp_oauth_key")
    )


def test_bad_requests_get_clear_answers(office: Office) -> None:
    url = office.url + RECORDS
    connection = office.running.connection
    app = office.token("attendance:read attendance:write")
    token = app.token["access_token"]
    head, body, signature = token.split(".")
    bearer = {"Authorization": f"Bearer {token}"}

    wrong = requests.post(
        f"{office.url}/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=(connection.client_id, "wrong"),
        timeout=30,
    )
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")

    # As the server itself signed it, an hour ago and for ten minutes.
    key = signing_key(office)
    claims = jwt.decode(token, key).claims
    claims |= {"iat": claims["iat"] - 3600, "exp": claims["exp"] - 3600}
    header = jwt.decode(token, key).header
    expired = jwt.encode(header, claims, key)
    fresh = jwt.encode(header, {**claims, "exp": claims["exp"] + 3600}, key)
    answer = requests.get(url, headers={"Authorization": f"Bearer {fresh}"}, timeout=30)
    assert answer.status_code == 200  # so it is the time that is refused below

    tampered = f"{head}.{body}.{signature[::-1]}"
    for bad in (expired, tampered, f"{head}.{body}.", "rubbish"):
        answer = requests.get(
            url, headers={"Authorization": f"Bearer {bad}"}, timeout=30
        )
        assert answer.status_code == 401
        assert "invalid_token" in answer.headers["WWW-Authenticate"]
        assert answer.json()["error"]["message"]
    assert requests.get(url, timeout=30).status_code == 401

    reader = office.token("attendance:read")
    answer = reader.post(url, json={"records": [{}]}, timeout=30)
    assert answer.status_code == 403
    assert "insufficient_scope" in answer.headers["WWW-Authenticate"]

    big = requests.post(
        url,
        data=b" " * 20_000_000,
        headers={**bearer, "Content-Type": "application/json"},
        timeout=60,
    )
    assert big.status_code == 413
    assert big.json()["error"]["request_id"]

    for content, status in ((b"{", 400), (b"[]", 422), (b'{"records": 1}', 422)):
        answer = requests.post(
            url,
            data=content,
            headers={**bearer, "Content-Type": "application/json"},
            timeout=30,
        )
        assert answer.status_code == status, answer.text
        assert answer.json()["error"]["message"]
        assert "Traceback" not in answer.text

    # Twice the same in a form: the person is told, and the server finds no fault.
    office.running.expect("odoo.http", "The operation cannot be completed: This p.*")
    (person,) = office.register(["F001"])
    vals = {"subscriber_id": person, "local_date": "2026-09-01", "local_time": "8"}
    office.session.call("spp.attendance.record", "create", [vals])
    with pytest.raises(AssertionError, match="already has such a record"):
        office.session.call("spp.attendance.record", "create", [vals])

    # Plain curl, as in the README.
    shown = subprocess.run(
        ["bash", "-c", connection.curl()],
        capture_output=True,
        check=True,
        text=True,
        timeout=60,
    )
    (item,) = json.loads(shown.stdout)["items"]
    assert (item["person_identifier"], item["time"]) == ("F001", "08:00:00")
