"""Reads are served by a hot standby: nothing that is noted down makes a write of them.

It is a simulated one: the same database, reached by connections that refuse to write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import requests
from oauth_admin import (
    INTROSPECT,
    METADATA,
    RECORDS,
    REVOKE,
    WHOAMI,
    Caller,
    Client,
    OAuthAdmin,
    assert_json_error,
    bearer,
    elsewhere,
)
from processes import wait_until

SCOPES = ("attendance:read", "attendance:write", "metrics:read")
HEALTH = "/api/attendance/health"
PRIVATE = (WHOAMI, RECORDS, "/api/attendance/metrics")
PUBLIC = (
    METADATA,
    "/oauth2/jwks",
    HEALTH,
    "/api/attendance/openapi.json",
    "/api/attendance/docs",
)


@pytest.fixture(scope="module")
def admin(start_server) -> Iterator[OAuthAdmin]:
    running = start_server(replica=True)
    yield OAuthAdmin(running)
    running.stop()
    # Else the rest of this file would have proved nothing.
    log = running.server.log.read_text()
    assert re.search(r"ConnectionPool\(read-only;.*\): Closed [1-9]", log)


@pytest.fixture(scope="module")
def client(admin: OAuthAdmin) -> Client:
    return admin.new_client(*SCOPES)


@pytest.fixture(autouse=True)
def no_read_becomes_a_write(admin: OAuthAdmin):
    """Odoo says so when a request that reads has to be done again to write."""
    yield
    log = admin.running.server.log.read_text()
    assert "read-only transaction" not in log
    assert "retrying with a read/write cursor" not in log


def counted(admin: OAuthAdmin, client: Client) -> int:
    sql = "SELECT coalesce(sum(requests), 0) FROM spp_oauth_usage WHERE client_id ="
    return int(admin.running.query(f"{sql} {client.row}"))


def refused(admin: OAuthAdmin, address: str) -> int:
    return admin.count("spp_oauth_event", f"kind = 'refused' AND address = '{address}'")


def test_reads_are_counted(admin: OAuthAdmin, client: Client) -> None:
    token = admin.token(client)
    wait_until(lambda: counted(admin, client) >= 1)
    before = counted(admin, client)
    for path in (*PRIVATE, *PUBLIC):
        answer = admin.get(token, path)
        # Scheduled actions may be late: a server begins with them after a minute.
        good = {200, 503} if path == HEALTH else {200}
        assert answer.status_code in good, (path, answer.text)
    wait_until(lambda: counted(admin, client) == before + len(PRIVATE))
    used = admin.read(client, "last_used_at", "last_used_address", "request_count_day")
    assert used["last_used_at"]
    assert used["last_used_address"] == "127.0.0.1"
    assert used["request_count_day"] == before + len(PRIVATE)


def test_refusals_are_noted_down(admin: OAuthAdmin, client: Client) -> None:
    address = elsewhere()
    caller = Caller(address)
    token = admin.token(client, "attendance:write")
    for headers, status in (
        (bearer("rubbish"), 401),
        (bearer("a.b.c"), 401),
        (bearer(f"{token}x"), 401),
        ({"Authorization": "Basic eA=="}, 401),
        (bearer(token), 403),
        ({}, 401),
    ):
        answer = caller.get(admin.url + RECORDS, headers=headers)
        assert_json_error(answer, status, answer.json()["error"]["code"])
    wait_until(lambda: refused(admin, address) >= 4)


def test_a_flood_of_refusals_is_slowed_down(admin: OAuthAdmin) -> None:
    caller = Caller(elsewhere())

    def is_told_to_wait() -> bool:
        for _number in range(20):
            answer = caller.get(admin.url + RECORDS, headers=bearer("a.b.c"))
        return answer.status_code == 429

    wait_until(is_told_to_wait)


def test_more_requests_than_agreed(admin: OAuthAdmin) -> None:
    client = admin.new_client(*SCOPES)
    admin.write(client, rate_limit=5)
    token = admin.token(client)
    statuses = {admin.status(token) for _number in range(11)}
    assert statuses == {200, 429}


def test_what_ends_the_life_of_a_token_does_so_here(admin: OAuthAdmin) -> None:
    client = admin.new_client(*SCOPES)
    token = admin.token(client)
    assert admin.status(token) == 200
    revoked = requests.post(
        admin.url + REVOKE, data={"token": token}, auth=client.pair, timeout=60
    )
    assert revoked.status_code == 200
    assert admin.status(token, address=elsewhere()) == 401
    token = admin.token(client)
    admin.write(client, active=False)
    assert admin.status(token, address=elsewhere()) == 401


def test_a_key_that_was_just_made_is_known(admin: OAuthAdmin, client: Client) -> None:
    old = admin.token(client)
    for _number in range(3):
        admin.rotate_key()
        new = admin.token(client)
        assert admin.status(new) == 200
        assert admin.status(old) == 200
        told = requests.post(
            admin.url + INTROSPECT, data={"token": new}, auth=client.pair, timeout=60
        )
        assert told.json()["active"] is True


def test_people_read_here_too(admin: OAuthAdmin) -> None:
    """With their session, as the pages of the backend do."""
    for path in (RECORDS, "/api/attendance/metrics"):
        answer = admin.session.http.get(admin.url + path, timeout=60)
        assert answer.status_code == 200, answer.text
