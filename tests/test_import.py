"""Imports over real HTTP from a registry that fails, by workers that are killed."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterator

import psycopg2
import pytest
from odoo_session import Session
from processes import kill_workers, wait_until
from registry_server import (
    CLIENT,
    SEARCH_PATH,
    TOKEN_PATH,
    Registry,
    people,
    person,
    serving,
)

RUN = "spp.attendance.import"
SOURCE = "spp.attendance.import.source"
COUNTS = ("read", "created", "updated", "unchanged", "rejected")
FIELDS = {
    "person_identifier": "identifier[name=NATIONAL_ID].identifier",
    "family_name": "familyName",
    "given_name": "givenName",
    "gender": "sex",
    "email": "email",
    "phone": "phoneNumbers.0.phone",
}


class Programme:
    """An Odoo that imports from a registry."""

    def __init__(self, running, registry: Registry) -> None:
        self.running = running
        self.url = running.url
        self.registry = registry
        self.session = Session(running.connection)
        self.session.call(
            "res.company", "write", [1], {"attendance_import_hosts": registry.url}
        )

    def source(self, **vals: object) -> int:
        (source,) = self.session.call(
            SOURCE,
            "create",
            [
                {
                    "name": "Registry",
                    "kind": "dci",
                    "url": self.registry.url + SEARCH_PATH,
                    "auth": "fetched",
                    "auth_url": self.registry.url + TOKEN_PATH,
                    "auth_user": CLIENT[0],
                    "secret_input": CLIENT[1],
                    "page_size": 100,
                    "mapping_ids": [
                        (0, 0, {"field_name": name, "path": path})
                        for name, path in FIELDS.items()
                    ],
                    **vals,
                }
            ],
        )
        return source

    def start(self, source: int, button: str = "action_import") -> int:
        return self.session.call(SOURCE, button, [source])["res_id"]

    def read(self, run: int) -> dict:
        fields = ["state", "error_code", "error_message", "attempts", "total"]
        fields += [f"{name}_count" for name in (*COUNTS, "page")]
        return self.session.call(RUN, "read", [run], fields)[0]

    def counts(self, run: int) -> dict[str, int]:
        row = self.read(run)
        return {name: row[f"{name}_count"] for name in COUNTS if row[f"{name}_count"]}

    def wait(self, run: int, *states: str) -> dict:
        wait_until(lambda: self.read(run)["state"] in states)
        return self.read(run)

    def people(self) -> list[tuple]:
        rows = self.running.query(
            "SELECT person_identifier, family_name, given_name, gender, p.email,"
            "       p.phone, p.name"
            "  FROM spp_attendance_subscriber s JOIN res_partner p ON p.id = partner_id"
            " WHERE person_identifier LIKE 'P-%' ORDER BY person_identifier"
        )
        return [tuple(line.split("|")) for line in rows.splitlines()]


@pytest.fixture
def registry() -> Iterator[Registry]:
    with serving(people(450)) as registry:
        yield registry


@pytest.fixture(scope="module")
def servers(start_server):
    """Servers by their number of workers, one of each for the file."""
    started = {}

    def get(workers: int = 0):
        if workers not in started:
            started[workers] = start_server(workers=workers)
        return started[workers]

    return get


@pytest.fixture
def programme(servers, registry) -> Programme:
    running = servers()
    forget_people(running)
    return Programme(running, registry)


def forget_people(running) -> None:
    running.query(
        "DELETE FROM spp_attendance_import_source;"
        "DELETE FROM spp_attendance_subscriber WHERE person_identifier LIKE 'P-%'"
        " RETURNING id"
    )


def test_people_come_page_by_page_and_later_what_has_changed(programme) -> None:
    registry = programme.registry
    source = programme.source(is_delta=True, delta_attribute="last_change")
    dry = programme.start(source, "action_dry_run")
    assert programme.wait(dry, "done", "failed", "waiting")["state"] == "done"
    assert programme.counts(dry) == {"read": 450, "created": 450}
    assert programme.people() == []

    run = programme.start(source)
    programme.wait(run, "done", "failed", "waiting")
    assert programme.counts(run) == {"read": 450, "created": 450}
    found = programme.people()
    assert len(found) == 450
    assert found[1][:4] == ("P-000001", "Okafor1", "Amina1", "female")
    searches = registry.requests(SEARCH_PATH)
    assert {seen.query["page"] for seen in searches} >= {"1", "2", "3", "4", "5"}
    assert criteria(searches[-1]) == []

    # One moved, one is new, one has lost the number, and of one there is no news.
    now = {"last_change": "2999-01-01T00:00:00Z"}
    registry.people = [
        person(1, familyName="Moved", **now),
        person(900, **now),
        person(901, identifier=[], **now),
        person(2, familyName="Old"),
        person(3, **now),
    ]
    run = programme.start(source)
    programme.wait(run, "done", "failed", "waiting")
    assert programme.counts(run) == {
        "read": 4,
        "created": 1,
        "updated": 1,
        "unchanged": 1,
        "rejected": 1,
    }
    (criterion,) = criteria(registry.requests(SEARCH_PATH)[-1])
    assert criterion["expression1"]["attribute_name"] == "last_change"
    rejected = programme.session.http.get(
        f"{programme.url}/attendance/imports/{run}/rejected.csv", timeout=30
    )
    assert "Identifier" in rejected.text.splitlines()[1]


def criteria(seen) -> list:
    """What a registry was asked for."""
    return seen.body["message"]["search_request"][0]["search_criteria"]["query"]


class FromPage:
    """The faults of a registry of which a page can't be had, while `page` says so."""

    def __init__(self, registry: Registry, fault: tuple) -> None:
        self.registry, self.fault = registry, fault
        self.page: str | None = None
        registry.faults = self

    def __bool__(self) -> bool:
        return self.registry.seen[-1].query.get("page") == self.page

    def popleft(self) -> tuple[str, tuple]:
        name, *arguments = self.fault
        return name, tuple(arguments)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (("status", 500), "server_error"),
        (("status", 503, {"Retry-After": "3000"}), "server_error"),
        (("text", b"<html>Bad gateway</html>"), "bad_answer"),
        (("truncated",), "unreachable"),
        (("silent",), "timeout"),
    ],
    ids=["500", "busy", "malformed", "truncated", "silent"],
)
def test_a_fault_in_mid_run_is_waited_for(programme, fault, code) -> None:
    registry = programme.registry
    faults = FromPage(registry, fault)
    faults.page = "3"
    source = programme.source(timeout=1, deadline=2)
    run = programme.start(source)
    row = programme.wait(run, "waiting", "failed", "done")
    assert (row["state"], row["error_code"]) == ("waiting", code)
    assert row["error_message"]
    assert row["created_count"] == 200
    assert len(programme.people()) == 200

    # What passes: it goes on after what was written.
    faults.page = None
    programme.session.call(RUN, "action_resume", [run])
    row = programme.wait(run, "failed", "done")
    assert (row["state"], row["created_count"]) == ("done", 450)
    asked = Counter(seen.query["page"] for seen in registry.requests(SEARCH_PATH))
    assert (asked["1"], asked["2"]) == (1, 1)
    assert len(programme.people()) == 450


def test_a_token_that_expires_in_mid_run_is_fetched_anew(programme) -> None:
    programme.registry.token_uses = 2
    run = programme.start(programme.source())
    row = programme.wait(run, "waiting", "failed", "done")
    assert (row["state"], row["created_count"]) == ("done", 450)
    assert len(programme.registry.requests(TOKEN_PATH)) >= 3


@pytest.mark.parametrize(
    "redirect",
    ["http://169.254.169.254/latest/meta-data", "http://localhost:1/"],
    ids=["metadata", "inward"],
)
def test_nobody_is_led_inward(programme, redirect) -> None:
    registry = programme.registry
    registry.fail("redirect", redirect, 307, times=10)
    run = programme.start(programme.source())
    row = programme.wait(run, "waiting", "failed", "done")
    assert (row["state"], row["error_code"]) == ("failed", "forbidden_address")
    assert "allow" in row["error_message"]


def test_cancelled_and_resumed(programme) -> None:
    registry = programme.registry
    faults = FromPage(registry, ("silent",))
    faults.page = "3"
    run = programme.start(programme.source(timeout=20, deadline=20))
    wait_until(lambda: programme.read(run)["created_count"] == 200)
    programme.session.call(RUN, "action_cancel", [run])
    assert programme.read(run)["state"] == "cancelled"
    faults.page = None
    registry.released.set()
    programme.session.call(RUN, "action_resume", [run])
    row = programme.wait(run, "waiting", "failed", "done")
    assert (row["state"], row["created_count"]) == ("done", 450)


def test_slow_registries_keep_nothing_else_waiting(programme) -> None:
    """Both lanes wait for their registries; terminals and mail have their turn."""
    registry, running = programme.registry, programme.running
    registry.fail("silent", times=20)
    source = {"timeout": 300, "deadline": 300}
    runs = [programme.start(programme.source(**source)) for _ in range(2)]
    wait_until(lambda: len(registry.requests(SEARCH_PATH)) >= len(runs))
    others = "cron_name LIKE '%poll, lane%' OR cron_name = 'Mail: Email Queue Manager'"
    due = running.query(
        "UPDATE ir_cron SET lastcall = '2020-01-01',"
        "       nextcall = now() AT TIME ZONE 'UTC' - interval '1 minute'"
        f" WHERE {others} RETURNING id"
    )
    assert len(due.split()) == 3
    with database(running, "postgres") as connection, connection.cursor() as cursor:
        cursor.execute("NOTIFY cron_trigger, %s", [running.server.database])
        connection.commit()
    late = f"SELECT count(*) FROM ir_cron WHERE lastcall < '2021-01-01' AND ({others})"
    wait_until(lambda: running.query(late) == "0")
    assert {programme.read(run)["state"] for run in runs} == {"running"}
    assert len(registry.requests(SEARCH_PATH)) == len(runs)
    registry.faults.clear()
    registry.released.set()
    for run in runs:
        programme.wait(run, "done", "failed", "waiting")


def test_killed_workers_lose_and_double_nothing(servers, registry) -> None:
    """kill -9 in mid-run: it goes on by itself, to the state it has undisturbed."""
    registry.people = people(3_000)
    registry.people[7] = person(7, familyName=None, identifier=[])
    registry.people[2_500] = registry.people[20]
    running = servers(2)
    programme = Programme(running, registry)
    source = programme.source()
    run = programme.start(source)
    assert programme.wait(run, "waiting", "failed", "done")["state"] == "done"
    undisturbed = programme.people(), programme.counts(run)
    assert len(undisturbed[0]) == 2_998
    asked = Counter(seen.query["page"] for seen in registry.requests(SEARCH_PATH))
    # Both lanes were called, and one did it: but for where a pass ended, no page was
    # asked for twice.
    assert max(asked.values()) <= 2

    forget_people(running)
    run = programme.start(programme.source())
    wait_until(lambda: programme.read(run)["read_count"] >= 500)
    with database(running) as connection, connection.cursor() as cursor:
        # The worker is held up in the middle of a chunk.
        cursor.execute("LOCK TABLE spp_attendance_subscriber IN EXCLUSIVE MODE")
        wait_until(lambda: masters(running))
        before = running.query(
            f"SELECT read_count FROM spp_attendance_import WHERE id = {run}"
        )
        assert 500 <= int(before) < 3_000
        for master in masters(running):
            kill_workers(master)
        connection.rollback()
    wait_until(running.answers)
    assert programme.read(run)["state"] == "running"
    # As time passes the dead worker's lease runs out, and somebody looks what is due.
    running.query(
        "UPDATE spp_attendance_import SET lease_until = now() AT TIME ZONE 'UTC'"
        " RETURNING id"
    )
    wait_until(lambda: programme.read(run)["state"] != "running", 180)
    assert programme.read(run)["state"] == "done"
    assert (programme.people(), programme.counts(run)) == undisturbed
    lines = running.query(
        f"SELECT count(*) FROM spp_attendance_import_line WHERE import_id = {run}"
    )
    assert int(lines) == undisturbed[1]["rejected"]


def masters(running) -> set[int]:
    """Odoo processes of which a worker waits for the lock on people."""
    names = running.query(
        "SELECT application_name FROM pg_stat_activity"
        " WHERE wait_event_type = 'Lock' AND datname = current_database()"
        "   AND query ILIKE '%INSERT INTO \"spp_attendance_subscriber\"%'"
    )
    return {int(name.split("-")[1]) for name in names.split()}


@contextlib.contextmanager
def database(running, name: str = "") -> Iterator:
    env = {**os.environ, **running.server.server.env()}
    connection = psycopg2.connect(
        dbname=name or running.server.database,
        host=env["PGHOST"],
        port=env["PGPORT"],
        user=env["PGUSER"],
    )
    try:
        yield connection
    finally:
        connection.close()
