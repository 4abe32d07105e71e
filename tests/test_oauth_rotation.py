"""Keys and secrets change under load, and what is taken away is gone on every worker.

The server has two worker processes, each with caches of its own, behind nginx.
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta

import pytest
import requests
from joserfc import jws
from oauth_admin import (
    RECORDS,
    TOKEN,
    WHOAMI,
    Caller,
    Client,
    OAuthAdmin,
    assert_json_error,
    assert_oauth_error,
    bearer,
    elsewhere,
)
from processes import wait_until

SCOPES = ("attendance:read", "attendance:write")
PERSON = "P001"
THREADS = 8
REQUESTS = 2000
WORKERS = 2
#: Requests of a thread with one token.
TOKEN_USES = 25
FIRST = datetime(2026, 1, 1)


@pytest.fixture(scope="module")
def admin(start_server) -> OAuthAdmin:
    return OAuthAdmin(start_server(workers=WORKERS))


class Load:
    """Programs that all act for one client, and what came of their requests."""

    def __init__(self, admin: OAuthAdmin, client: Client) -> None:
        self.url = admin.url
        self.client = client
        #: Number of a request → what is done at that moment, while the others go on.
        self.steps: dict[int, Callable[[], None]] = {}
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.failures: list[str] = []
        self.kids: Counter[str] = Counter()
        self.secrets: Counter[str] = Counter()
        self._numbers = itertools.count(1)
        self._lock = threading.Lock()
        self._step = threading.Lock()

    def run(self) -> None:
        with ThreadPoolExecutor(THREADS) as pool:
            for done in [pool.submit(self._program, n) for n in range(THREADS)]:
                done.result()

    def _program(self, number: int) -> None:
        """Every other program learns of a new secret late: when all is over."""
        caller = Caller()
        client = self.client
        for uses in itertools.count():
            if uses % TOKEN_USES == 0:
                if number % 2 == 0:
                    client = self.client
                caller.headers.update(bearer(self._token(caller, client)))
            with self._lock:
                request = next(self._numbers)
            if request > REQUESTS:
                return
            if step := self.steps.get(request):
                with self._step:
                    step()
            self._ask(caller, request)

    def _token(self, caller: Caller, client: Client) -> str:
        answer = caller.post(
            self.url + TOKEN,
            data={"grant_type": "client_credentials"},
            auth=client.pair,
        )
        self._note("token", answer)
        token = answer.json()["access_token"]
        kid = jws.extract_compact(token.encode()).headers()["kid"]
        with self._lock:
            self.kids[kid] += 1
            self.secrets[client.secret] += 1
        return token

    def _ask(self, caller: Caller, request: int) -> None:
        if request % 10:
            path = WHOAMI if request % 2 else f"{RECORDS}?limit=5"
            answer = caller.get(self.url + path)
            return self._note("read", answer)
        moment = FIRST + timedelta(minutes=request)
        item = {"person_identifier": PERSON, "date_time": f"{moment.isoformat()}Z"}
        answer = caller.post(
            self.url + RECORDS,
            json={"records": [item]},
            headers={"Idempotency-Key": f"request-{request}"},
        )
        return self._note("write", answer)

    def _note(self, what: str, answer: requests.Response) -> None:
        with self._lock:
            self.statuses[what, answer.status_code] += 1
            if answer.status_code != 200:
                self.failures.append(f"{answer.status_code} {answer.text[:300]}")


def test_keys_and_a_secret_change_under_load(admin: OAuthAdmin) -> None:
    admin.session.call(
        "spp.attendance.subscriber",
        "create",
        [{"person_identifier": PERSON, "name": PERSON}],
    )
    old = admin.new_client(*SCOPES)
    load = Load(admin, old)

    def roll() -> None:
        load.client = admin.new_secret(old, overlap_hours=1)

    load.steps = {500: admin.rotate_key, 1000: roll, 1500: admin.rotate_key}
    load.run()

    assert not load.failures, load.failures[:10]
    assert load.statuses["read", 200] == REQUESTS * 9 // 10
    assert load.statuses["write", 200] == REQUESTS // 10
    assert admin.count("spp_attendance_record", "true") == REQUESTS // 10
    # All of it has really been in use.
    assert len(load.kids) == 3, load.kids
    assert set(load.secrets) == {old.secret, load.client.secret}
    asked = sum(load.statuses.values())
    wait_until(lambda: requests_counted(admin, old) == asked)
    assert workers_of(admin, old) == WORKERS

    # The overlap ends, everywhere at once.
    admin.session.call("spp.oauth.client", "action_end_previous_secret", [old.row])
    for _number in range(8):
        assert_oauth_error(ask(admin, old), 401, "invalid_client")
        assert ask(admin, load.client).status_code == 200


def ask(admin: OAuthAdmin, client: Client) -> requests.Response:
    return Caller(elsewhere()).post(
        admin.url + TOKEN, data={"grant_type": "client_credentials"}, auth=client.pair
    )


def requests_counted(admin: OAuthAdmin, client: Client) -> int:
    sql = "SELECT coalesce(sum(requests), 0) FROM spp_oauth_usage WHERE client_id ="
    return int(admin.running.query(f"{sql} {client.row}"))


def workers_of(admin: OAuthAdmin, client: Client) -> int:
    sql = "SELECT count(DISTINCT worker) FROM spp_oauth_usage WHERE client_id ="
    return int(admin.running.query(f"{sql} {client.row}"))


def ask_all_workers(admin: OAuthAdmin, token: str) -> list[requests.Response]:
    """Answers to so many requests at once that each worker has its share."""

    def get(address: str) -> requests.Response:
        return admin.get(token, address=address)

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(get, [elsewhere() for _number in range(40)]))


def warm(admin: OAuthAdmin, client: Client, token: str) -> None:
    """Have every worker know the token."""

    def is_warm() -> bool:
        assert {a.status_code for a in ask_all_workers(admin, token)} == {200}
        with suppress(AssertionError):
            wait_until(lambda: workers_of(admin, client) == WORKERS, 3)
        return workers_of(admin, client) == WORKERS

    wait_until(is_warm)


def revoke_by_client(admin: OAuthAdmin, client: Client, token: str) -> None:
    answer = Caller().post(
        f"{admin.url}/oauth2/revoke", data={"token": token}, auth=client.pair
    )
    assert answer.status_code == 200


def revoke_in_backend(admin: OAuthAdmin, client: Client, _token: str) -> None:
    admin.session.call("spp.oauth.client", "action_revoke_tokens", [client.row])


def archive(admin: OAuthAdmin, client: Client, _token: str) -> None:
    admin.write(client, active=False)


def archive_user(admin: OAuthAdmin, client: Client, _token: str) -> None:
    admin.archive_user(client)


def expire(admin: OAuthAdmin, client: Client, _token: str) -> None:
    admin.write(client, expires_at="2026-01-01 00:00:00")


def shut_out(admin: OAuthAdmin, client: Client, _token: str) -> None:
    admin.write(client, allowed_networks="192.0.2.0/24")


def withdraw_key(admin: OAuthAdmin, _client: Client, _token: str) -> None:
    (old,) = admin.session.call("spp.oauth.key", "search", [("state", "=", "active")])
    admin.rotate_key()
    admin.session.call("spp.oauth.key", "action_withdraw", [old])


@pytest.mark.parametrize(
    "act",
    [
        revoke_by_client,
        revoke_in_backend,
        archive,
        archive_user,
        expire,
        shut_out,
        withdraw_key,
    ],
)
def test_what_is_taken_away_is_gone_on_every_worker(
    admin: OAuthAdmin, act: Callable[[OAuthAdmin, Client, str], None]
) -> None:
    client = admin.new_client(*SCOPES)
    token = admin.token(client)
    warm(admin, client, token)
    act(admin, client, token)
    for answer in ask_all_workers(admin, token):
        assert_json_error(answer, 401, "invalid_token")


def test_a_key_that_was_just_made_is_known_to_every_worker(admin: OAuthAdmin) -> None:
    client = admin.new_client(*SCOPES)
    old = admin.token(client)
    warm(admin, client, old)
    for _number in range(3):
        admin.rotate_key()
        new = admin.token(client)
        for token in (new, old):
            answers = ask_all_workers(admin, token)
            assert {answer.status_code for answer in answers} == {200}


def test_the_proxy_alone_says_where_a_caller_is(admin: OAuthAdmin) -> None:
    client = admin.new_client(*SCOPES, allowed_networks="127.9.0.0/16")
    token = admin.token(client, address="127.9.0.1")
    assert admin.status(token, address="127.9.0.2") == 200
    spoof = {"X-Forwarded-For": "127.9.0.1", "X-Real-IP": "127.9.0.1"}
    caller = Caller(elsewhere())
    answer = caller.get(admin.url + WHOAMI, headers={**bearer(token), **spoof})
    assert_json_error(answer, 401, "invalid_token")
    answer = caller.post(
        admin.url + TOKEN,
        data={"grant_type": "client_credentials"},
        auth=client.pair,
        headers=spoof,
    )
    assert_oauth_error(answer, 401, "invalid_client")
