"""Batches that are answered line by line, over real HTTP, whatever goes wrong."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import requests
from held_up import held_up, inserting
from oauth_admin import OAuthAdmin, bearer
from processes import kill_workers, wait_until

RECORDS = "/api/attendance/records/batch"
PEOPLE = "/api/attendance/subscribers/batch"
NDJSON = "application/x-ndjson"
COUNT = 10_000
#: Where the tests hold a batch up: in its fourth chunk.
HELD = 3_500
FIRST = datetime(2026, 8, 1)


class App:
    """A client that sends batches to a running server."""

    def __init__(self, running) -> None:
        self.running = running
        self.admin = OAuthAdmin(running)
        client = self.admin.new_client(
            "attendance:read", "attendance:write", "registry:write"
        )
        self.headers = bearer(self.admin.token(client)) | {"Content-Type": NDJSON}
        last = self.send(PEOPLE, people(100))[-1]
        assert last == {"done": True, "total": 100, "counts": {"created": 100}}

    def open(self, path: str, items: list[dict]) -> requests.Response:
        """Send a batch; the answer is still to be read."""
        body = "\n".join(map(json.dumps, items)).encode()
        answer = requests.post(
            self.running.url + path,
            data=body,
            headers=self.headers,
            stream=True,
            timeout=300,
        )
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"] == NDJSON
        return answer

    def send(self, path: str, items: list[dict]) -> list[dict]:
        """Send a batch; its lines, as far as they came."""
        with self.open(path, items) as answer:
            return read(answer)

    def stored(self) -> int:
        return self.admin.count("spp_attendance_record", "TRUE")

    def at_work(self) -> int:
        """How many other sessions are in a transaction."""
        return self.admin.count(
            "pg_stat_activity",
            "datname = current_database() AND xact_start IS NOT NULL"
            " AND pid <> pg_backend_pid()",
        )


def people(count: int) -> list[dict]:
    return [
        {"person_identifier": f"B-{n}", "family_name": "Sow", "given_name": f"N{n}"}
        for n in range(count)
    ]


_batches = itertools.count(1)


def facts(count: int = COUNT) -> list[dict]:
    """Facts of 100 people, other ones each time."""
    batch = next(_batches)
    start = FIRST + timedelta(minutes=batch)
    return [
        {
            "person_identifier": f"B-{n % 100}",
            "date_time": (start + timedelta(hours=n // 100)).isoformat(),
            "external_id": f"{batch}-{n}",
            "description": "x" * 200,
        }
        for n in range(count)
    ]


def read(answer: requests.Response) -> list[dict]:
    """The whole lines of an answer, which may have been cut off."""
    text = b""
    with contextlib.suppress(requests.RequestException):
        for part in answer.iter_content(None):
            text += part
    return [json.loads(line) for line in text.split(b"\n")[:-1]]


def is_done(lines: list[dict]) -> bool:
    return bool(lines) and lines[-1].get("done", False)


@pytest.fixture(scope="module")
def threaded(start_server: Callable) -> App:
    return App(start_server())


@pytest.fixture(scope="module")
def prefork(start_server: Callable) -> App:
    return App(start_server(workers=2))


@pytest.fixture(params=["threaded", "prefork"])
def app(request, start_server: Callable) -> App:
    """``start_server`` is asked for by name, which marks the tests as end to end."""
    return request.getfixturevalue(request.param)


def test_ten_thousand_are_recorded_once(app: App) -> None:
    items = facts()
    before = app.stored()
    lines = app.send(RECORDS, items)
    assert lines[-1] == {"done": True, "total": COUNT, "counts": {"created": COUNT}}
    assert [line["index"] for line in lines[:-1]] == list(range(COUNT))
    assert app.stored() == before + COUNT
    again = app.send(RECORDS, items)
    assert again[-1]["counts"] == {"duplicate": COUNT}
    assert [a["id"] for a in again[:-1]] == [line["id"] for line in lines[:-1]]
    assert app.stored() == before + COUNT


def test_people_are_registered_once(app: App) -> None:
    everybody = people(2_500)
    counts = Counter(app.send(PEOPLE, everybody)[-1]["counts"])
    # The first hundred are there since the beginning.
    assert counts["created"] in (2_400, 0)
    assert counts["created"] + counts["unchanged"] == 2_500
    again = app.send(PEOPLE, everybody)
    assert again[-1] == {"done": True, "total": 2_500, "counts": {"unchanged": 2_500}}


def test_who_goes_away_leaves_nothing_open(app: App) -> None:
    items = facts()
    assert is_done(app.send(RECORDS, [items[HELD]]))
    before = app.stored()
    with held_up(app.running, items[HELD]["external_id"]):
        answer = app.open(RECORDS, items)
        wait_until(lambda: inserting(app.running))
        answer.raw.close()
        answer.close()
    wait_until(lambda: not app.at_work())
    stored = app.stored() - before
    assert stored >= 3_000 - 1
    lines = app.send(RECORDS, items)
    assert is_done(lines)
    assert app.stored() == before + COUNT - 1


def test_a_killed_worker_is_noticed_and_nothing_is_doubled(prefork: App) -> None:
    app = prefork
    items = facts()
    assert is_done(app.send(RECORDS, [items[HELD]]))
    before = app.stored()
    with held_up(app.running, items[HELD]["external_id"]):
        answer = app.open(RECORDS, items)
        wait_until(lambda: inserting(app.running))
        for master in inserting(app.running):
            kill_workers(master)
        lines = read(answer)
    assert not is_done(lines)
    # What was told is stored, to the last line, and no chunk is there by half.
    assert {line["status"] for line in lines} <= {"created"}
    wait_until(lambda: not app.at_work())
    assert app.stored() - before == 3_000
    assert len(lines) <= 3_000

    wait_until(lambda: answers(app))
    again = app.send(RECORDS, items)
    assert is_done(again)
    assert again[-1]["counts"] == {"duplicate": 3_001, "created": 6_999}
    assert app.stored() == before + COUNT - 1
    told = {line["index"]: line["id"] for line in lines}
    assert told.items() <= {a["index"]: a["id"] for a in again[:-1]}.items()


def test_a_server_does_not_grow_with_batches(threaded: App) -> None:
    sizes = []
    for _ in range(5):
        assert is_done(threaded.send(RECORDS, facts()))
        sizes.append(resident(threaded.running.server.pids[0]))
    # The first one fills caches and buffers.
    assert sizes[-1] - sizes[1] < 32, sizes


def answers(app: App) -> bool:
    with contextlib.suppress(requests.RequestException):
        url = f"{app.running.url}/api/attendance/records?limit=1"
        return requests.get(url, headers=app.headers, timeout=60).status_code == 200
    return False


def resident(pid: int) -> int:
    """Memory of a process in MiB."""
    text = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in text.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) // 1024
