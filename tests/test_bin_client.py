"""`bin/client` makes clients that work, beside a running server."""

import json
import os
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import requests
from conftest import Running

from _suite import client
from _suite.paths import ROOT, state_dir
from _suite.serve import Server

WHOAMI = "/api/oauth/whoami"
RECORDS = "/api/attendance/records"


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["old"],
        ["new"],
        ["new", " "],
        ["new", "App", "--role", "r", "--user", "u"],
        ["new", "App", "--rate-limit", "0"],
        ["new", "App", "--rate-limit", "many"],
        ["new", "App", "--colour", "red"],
    ],
)
def test_wrong_words_end_with_usage(words, capsys):
    with pytest.raises(SystemExit) as caught:
        client.parse(words)
    assert caught.value.code == 2
    printed = capsys.readouterr()
    assert not printed.out
    assert "usage: bin/client" in printed.err


def test_defaults():
    assert client.parse(["new", "App"]) == {
        "command": "new",
        "name": "App",
        "scope": "attendance:read attendance:write",
        "role": None,
        "user": None,
        "locations": [],
        "company": None,
        "rate_limit": None,
        "trusted_gateway": False,
        "database": None,
    }


@pytest.fixture(scope="module")
def run(server: Running) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `bin/client new` on the database of the running server."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [ROOT / "bin/client", "new", *words, "--database", server.server.database],
            env=os.environ | {"SPP_CLUSTER": "test", "SPP_STATE": str(state_dir())},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return run


def new(run: Callable[..., Any], *words: str) -> dict[str, Any]:
    done = run(*words)
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)  # and nothing beside it
    assert facts["client_secret"] not in done.stderr
    return facts


def token(facts: dict[str, Any], **form: str) -> dict[str, str]:
    """The header of a request with a token of a client."""
    answer = requests.post(
        facts["token_url"],
        data={"grant_type": "client_credentials", **form},
        auth=(facts["client_id"], facts["client_secret"]),
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def test_default_client_reads_and_writes(server: Running, run: Any) -> None:
    facts = new(run, "Field app")
    assert facts["scope"] == "attendance:read attendance:write"
    assert facts["token_url"] == f"{server.url}/oauth2/token"
    headers = token(facts)
    me = requests.get(server.url + WHOAMI, headers=headers, timeout=60).json()
    assert me["name"] == "Field app"
    assert me["user"] == facts["user"] == f"oauth-{facts['client_id']}"
    answer = requests.get(server.url + RECORDS, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text
    item = {"person_identifier": "nobody", "date_time": "2026-09-01T08:00:00"}
    answer = requests.post(
        server.url + RECORDS, json={"records": [item]}, headers=headers, timeout=60
    )
    assert answer.json()["results"][0]["code"] == "unknown_person"


def test_only_the_scopes_that_were_asked_for(server: Running, run: Any) -> None:
    facts = new(run, "Reader", "--scope", "attendance:read", "--rate-limit", "3")
    headers = token(facts)
    statuses = [
        requests.post(
            server.url + RECORDS, json={"records": []}, headers=headers, timeout=60
        ).status_code
        for _number in range(2)
    ]
    assert statuses == [403, 403]
    row = server.query(
        "SELECT rate_limit FROM spp_oauth_client WHERE client_id = :'id'",
        id=facts["client_id"],
    )
    assert row == "3"


def test_acting_as_a_user(server: Running, run: Any) -> None:
    facts = new(run, "Script", "--user", "admin", "--scope", "metrics:read")
    me = requests.get(server.url + WHOAMI, headers=token(facts), timeout=60).json()
    assert me["user"] == facts["user"] == "admin"
    # and this person still comes in as before
    answer = requests.post(
        f"{server.url}/web/session/authenticate",
        json={
            "params": {
                "db": server.server.database,
                "login": "admin",
                "password": server.connection.password,
            }
        },
        timeout=60,
    )
    assert answer.json()["result"]["uid"]


def test_gateway(run: Any) -> None:
    facts = new(run, "Gate", "--trusted-gateway", "--scope", "digit:gateway")
    assert facts["trusted_gateway"] is True
    assert token(facts)


def test_officer(server: Running, run: Any) -> None:
    role = "spp_attendance.spp_oauth_role_officer"
    company = "SELECT id FROM res_company ORDER BY id LIMIT 1"
    server.query(
        "INSERT INTO spp_attendance_location (name, complete_name, code, tz, active,"
        f" company_id) VALUES ('Hall', 'Hall', 'HALL-1', 'UTC', true, ({company}))"
    )
    facts = new(run, "Gate", "--role", role, "--location", "HALL-1")
    assert facts["role"] == "Officer at chosen locations"
    headers = token(facts)
    answer = requests.get(server.url + RECORDS, headers=headers, timeout=60)
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--role", "emperor"], "There is no role 'emperor'. There are: Officer"),
        (["--role", "base.main_company"], "There is no role 'base.main_company'"),
        (["--role", "Officer at chosen locations"], "Choose the locations"),
        (["--location", "nowhere"], "There is no location 'nowhere'"),
        (["--user", "nobody"], "There is no active user 'nobody'."),
        (["--company", "Nowhere"], "There is no company 'Nowhere'"),
        (["--scope", "attendance:burn"], "There is no scope attendance:burn."),
        (["--scope", "digit:gateway"], "Only trusted gateways"),
    ],
)
def test_what_cannot_be_is_said(
    server: Running, run: Any, words: list[str], message: str
) -> None:
    before = server.query("SELECT count(*) FROM spp_oauth_client")
    done = run("App", *words)
    assert done.returncode == 1
    assert not done.stdout
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert server.query("SELECT count(*) FROM spp_oauth_client") == before


def test_no_database() -> None:
    done = subprocess.run(
        [ROOT / "bin/client", "new", "App", "--database", "spp_there_is_none"],
        env=os.environ | {"SPP_CLUSTER": "test", "SPP_STATE": str(state_dir())},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 1
    assert not done.stdout
    assert "there is no database spp_there_is_none" in done.stderr


def test_tokens_come_from_where_the_server_is(server: Running) -> None:
    """The last test here: another address than before, as with another `SPP_PORT`."""
    old = server.server
    old.stop()
    moved = Server(
        state=old.state,
        database=old.database,
        port=0,
        demo=False,
        volatile=True,
        cluster_state=state_dir(),
        tools=old.tools,
    )
    try:
        url = moved.start().url
        assert url != server.url
        address = f"{url}/.well-known/oauth-authorization-server"
        metadata = requests.get(address, timeout=30).json()
    finally:
        moved.stop()
    assert metadata["issuer"] == url
    assert metadata["token_endpoint"] == f"{url}/oauth2/token"
