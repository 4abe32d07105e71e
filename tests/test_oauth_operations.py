"""Counting under two worker processes: usage, rate limits, metrics, health and the log.

Each worker counts for itself and writes once a second, so what they say together must
be right whichever of them answers.
"""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from joserfc.jwk import RSAKey
from oauth_admin import (
    RECORDS,
    WHOAMI,
    Caller,
    Client,
    OAuthAdmin,
    bearer,
    elsewhere,
)
from processes import wait_until
from prometheus_client.parser import text_string_to_metric_families

HEALTH = "/api/attendance/health"
METRICS = "/api/attendance/metrics"
BURST = 300
THREADS = 8
LEVELS = {"DEBUG", "INFO"}
THIS_MINUTE = "minute = date_trunc('minute', now() AT TIME ZONE 'UTC')"


class Operations(OAuthAdmin):
    """The administrator of a server with two workers that logs in JSON."""

    def burst(self, token: str, count: int, path: str = WHOAMI) -> Counter[int]:
        """Statuses of so many requests, several at a time."""

        def get(_number: int) -> int:
            return requests.get(
                self.url + path, headers=bearer(token), timeout=60
            ).status_code

        with ThreadPoolExecutor(THREADS) as pool:
            return Counter(pool.map(get, range(count)))

    def written(self, client: Client, when: str = "true") -> int:
        """Requests of a client, for its tokens too, that are written down."""
        return int(
            self.running.query(
                "SELECT coalesce(sum(requests), 0) FROM spp_oauth_usage"
                f" WHERE client_id = {client.row} AND {when}"
            )
        )

    def in_use(self, **vals: object) -> tuple[Client, str]:
        """A client that may read, and its token, which is counted already."""
        client = self.new_client("attendance:read")
        self.write(client, **vals)
        token = self.token(client)
        wait_until(lambda: self.written(client) == 1)
        return client, token

    def workers(self, client: Client) -> int:
        """How many processes have answered a client."""
        return int(
            self.running.query(
                "SELECT count(DISTINCT worker) FROM spp_oauth_usage"
                f" WHERE client_id = {client.row}"
            )
        )

    def minute(self) -> str:
        return self.running.query("SELECT date_trunc('minute', now())")

    def counted(self, token: str) -> dict[tuple[str, ...], float]:
        """Requests by route, method and status, as a monitor scrapes them."""
        answer = self.get(token, METRICS)
        assert answer.status_code == 200, answer.text
        return {
            tuple(sample.labels[name] for name in ("route", "method", "status")): (
                sample.value
            )
            for family in text_string_to_metric_families(answer.text)
            for sample in family.samples
            if sample.name == "spp_api_requests_total"
        }

    def log(self) -> list[dict]:
        """What was logged since the addon was loaded: nothing but JSON."""
        lines = self.running.server.log.read_text().splitlines()
        first = next(i for i, line in enumerate(lines) if line.startswith("{"))
        # each process writes what it begins with before it loads the addon
        text = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \d+ INFO ")
        return [json.loads(line) for line in lines[first:] if not text.match(line)]


@pytest.fixture(scope="module")
def operations(start_server: Callable) -> Iterator[Operations]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "SPP_LOG_JSON", "1")
        running = start_server(workers=2)
    operations = Operations(running)
    yield operations
    # The server's own check of the log reads text only.
    bad = [entry for entry in operations.log() if entry["level"] not in LEVELS]
    assert not bad, bad


def test_a_burst_is_counted_exactly(operations: Operations) -> None:
    client, token = operations.in_use()
    # more than once, should one worker have been too quick for the other
    for total in range(BURST, 20 * BURST, BURST):
        assert operations.burst(token, BURST) == {200: BURST}
        wait_until(lambda: operations.written(client) > total)  # noqa: B023
        if operations.workers(client) == 2:
            break
    assert operations.workers(client) == 2
    assert operations.written(client) == total + 1
    values = operations.read(client, "request_count_day")
    assert values["request_count_day"] == total + 1


def test_when_and_from_where_it_was_last_used(operations: Operations) -> None:
    client = operations.new_client("attendance:read")
    names = ("last_used_at", "last_used_address")
    assert list(map(operations.read(client, *names).get, names)) == [False, False]
    address = elsewhere()
    token = operations.token(client, address=address)
    assert operations.get(token, address=address).status_code == 200
    wait_until(lambda: operations.written(client) == 2)
    values = operations.read(client, *names)
    assert values["last_used_at"]
    assert values["last_used_address"] == address


def test_the_rate_is_one_for_all_workers(operations: Operations) -> None:
    limit = 12
    client, token = operations.in_use(rate_limit=limit)

    def attempt() -> bool:
        """Each request after the ones before were written; within one minute."""
        minute, total = operations.minute(), operations.written(client)
        left = limit - operations.written(client, THIS_MINUTE)
        answers = []
        for _number in range(left + 8):
            answers.append(operations.get(token))
            due = total + sum(answer.status_code == 200 for answer in answers)
            wait_until(lambda: operations.written(client) == due)  # noqa: B023
        if operations.minute() != minute:
            return False
        statuses = [answer.status_code for answer in answers]
        assert statuses == [200] * left + [429] * 8
        for answer in answers[left:]:
            assert answer.json()["error"]["code"] == "too_many_requests"
            assert 1 <= int(answer.headers["Retry-After"]) <= 60
        return True

    # a minute that ends in between proves nothing
    assert any(attempt() for _number in range(3))


def test_a_burst_goes_beyond_the_rate_by_little(operations: Operations) -> None:
    limit = 20
    for _number in range(3):
        # each time another client: a burst that runs into the next minute has used
        # that minute's requests up
        _client, token = operations.in_use(rate_limit=limit)
        minute = operations.minute()
        statuses = operations.burst(token, BURST)
        if operations.minute() == minute:
            break
    else:
        pytest.fail("no burst began and ended in one minute")
    assert set(statuses) == {200, 429}
    # no worker goes beyond by itself, and before it has heard of the other there are
    # two; the request for the token may have been in this minute
    assert limit - 1 <= statuses[200] <= 2 * limit


def test_metrics_are_those_of_all_workers(operations: Operations) -> None:
    monitor = operations.token(operations.new_client("metrics:read"))
    _client, token = operations.in_use()
    # what no other test here does
    assert operations.burst(token, BURST, RECORDS) == {200: BURST}
    assert operations.burst(token, 10, METRICS) == {403: 10}
    for number in range(5):
        assert operations.status(token, f"/api/attendance/person/{number}") == 404
    due = {
        (RECORDS, "GET", "200"): BURST,
        (METRICS, "GET", "403"): 10,
        ("unmatched", "GET", "404"): 5,
    }

    def told() -> dict[tuple[str, ...], float]:
        counted = operations.counted(monitor)
        return {series: counted.get(series, 0) for series in due}

    wait_until(lambda: told() == due)
    # whoever answers
    assert [told() for _number in range(10)] == [due] * 10


def test_health_is_for_everybody(operations: Operations) -> None:
    answer = Caller().get(operations.url + HEALTH)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers
    checks = {check["name"]: check for check in answer.json()["checks"]}
    assert {"database", "cron_late", "signing_key"} <= checks.keys()
    assert {"unmatched_scans", "overdue_polls", "failing_terminals"} <= checks.keys()


def test_health_of_a_server_that_does_not_work(operations: Operations) -> None:
    locked = RSAKey.generate_key(2048).as_pem(private=True, password="lost").decode()
    change = (
        "UPDATE spp_oauth_key k SET kid = :'kid', private_pem = :'pem', is_encrypted ="
        " (:'locked')::boolean FROM spp_oauth_key old"
        " WHERE k.id = old.id AND k.state = 'active'"
        " RETURNING old.kid || ' ' || old.private_pem"
    )
    query = operations.running.query
    kid, pem = query(change, kid="locked", pem=locked, locked="true").split(" ", 1)
    try:
        # whichever worker answers
        answers = [Caller().get(operations.url + HEALTH) for _number in range(10)]
    finally:
        query(change, kid=kid, pem=pem, locked="false")
    for answer in answers:
        assert answer.status_code == 503, answer.text
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.json()["status"] == "failing"
        assert "signing_key" in answer.json()["failing"]
    assert Caller().get(operations.url + HEALTH).status_code == 200


def test_the_log_is_json(operations: Operations) -> None:
    client, token = operations.in_use()
    answers = [operations.get(token) for _number in range(20)]
    ids = {answer.headers["X-Request-Id"] for answer in answers}
    access = {
        entry["request_id"]: entry
        for entry in operations.log()
        if entry["logger"] == "odoo.addons.spp_oauth.access"
    }
    assert len(ids) == len(answers)
    assert ids <= access.keys()
    for answer in answers:
        entry = access[answer.headers["X-Request-Id"]]
        assert entry["route"] == WHOAMI
        assert entry["method"] == "GET"
        assert entry["status"] == 200
        assert entry["client_id"] == client.row
        assert entry["db"] == operations.running.server.database
        assert entry["time"].endswith("+00:00")
        assert token not in entry["message"]


def test_what_was_counted_is_written_before_the_server_stops(
    operations: Operations,
) -> None:
    client, token = operations.in_use()
    assert operations.burst(token, 40) == {200: 40}
    server = operations.running.server
    server.stop()
    with server.server.running():
        assert operations.written(client) == 41
