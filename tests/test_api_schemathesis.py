"""The running server answers as its OpenAPI document says, to whatever is asked."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import requests
from oauth_admin import Client, OAuthAdmin

CONFIG = Path(__file__).parent / "schemathesis.toml"
DOCUMENT = "/api/attendance/openapi.json"


@pytest.fixture(scope="module")
def admin(server) -> OAuthAdmin:
    admin = OAuthAdmin(server)
    for model, vals in (
        (
            "spp.attendance.subscriber",
            {
                "person_identifier": "P-0001",
                "name": "A",
                "level_of_work": "worker",
                "work_from": "2026-01-01",
            },
        ),
        ("spp.attendance.type", {"code": "TRAINING", "name": "Training"}),
        ("spp.attendance.location", {"code": "HALL-A", "name": "Hall A"}),
        ("spp.attendance.department", {"code": "NUTR", "name": "Nutrition"}),
        ("spp.attendance.device", {"name": "Gate", "adapter": "simulated"}),
    ):
        admin.session.call(model, "create", [vals])
    # Nobody is called at the addresses that are made up.
    companies = admin.session.call("res.company", "search", [])
    networks = {"attendance_terminal_networks": "127.0.0.1/32"}
    admin.session.call("res.company", "write", companies, networks)
    # The template of the database may be old: its scheduled actions would be late, and
    # the server, rightly, not in order (503).
    admin.running.query(
        "UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'UTC' + interval '1 hour'"
        " RETURNING id"
    )
    # Codes and identifiers of others are tried as well, and Odoo logs the refusal.
    admin.running.expect(r"odoo\.sql_db", r"(?s)bad query: .*unique constraint.*")
    # It fails on purpose, hundreds of times a minute.
    for name in ("max_failures_client", "max_failures_address"):
        admin.set_parameter(f"spp_oauth.{name}", 1_000_000)
    return admin


def add_register(admin: OAuthAdmin, client: Client) -> None:
    """A register of the client's, with the uuids of the dictionaries."""
    call = admin.session.call
    (app, _name) = admin.read(client, "user_id")["user_id"]
    people = call("spp.attendance.subscriber", "search", [], limit=1)
    (register,) = call("spp.attendance.register", "create", [{"name": "Register"}])
    staff = [{"register_id": register, "user_id": app}]
    call("spp.attendance.register.staff", "create", staff)
    attendees = [{"register_id": register, "subscriber_id": people[0]}]
    (attendee,) = call("spp.attendance.register.attendee", "create", attendees)
    interval = {"attendee_id": attendee, "start_at": "2026-09-01 00:00:00"}
    call("spp.attendance.register.interval", "create", [interval])
    dictionaries = tomllib.loads(CONFIG.read_text())["dictionaries"]
    for name, table, column, condition in (
        ("registers", "spp_attendance_register", "uuid", f"id = {register}"),
        ("attendees", "spp_attendance_register_attendee", "uuid", f"id = {attendee}"),
        # Whose permission it ends is not the client's own.
        (
            "staff",
            "spp_attendance_register_staff",
            "uuid",
            f"register_id = {register} AND user_id <> {app}",
        ),
        ("users", "res_users", "attendance_uuid", "login = 'admin'"),
    ):
        [value] = dictionaries[name]["values"]
        changed = admin.running.query(
            f"UPDATE {table} SET {column} = '{value}' WHERE {condition} RETURNING id"
        )
        assert changed.strip(), name


def add_day(admin: OAuthAdmin, token: str) -> None:
    """A day with the id of the dictionary."""
    [number] = tomllib.loads(CONFIG.read_text())["dictionaries"]["days"]["values"]
    body = {"employee": "P-0001", "date": "2026-09-01", "status": "Absent"}
    answer = requests.post(
        f"{admin.url}/api/attendance/daily-attendance",
        json=body,
        headers={"Authorization": f"Bearer {token}"},
        timeout=60,
    )
    assert answer.status_code == 201, answer.text
    admin.running.query(
        f"UPDATE spp_attendance_day SET id = {number}"
        f" WHERE id = {answer.json()['id']} RETURNING id"
    )


def test_the_server_does_as_the_document_says(
    admin: OAuthAdmin, tmp_path: Path
) -> None:
    document = requests.get(admin.url + DOCUMENT, timeout=30).json()
    schemes = document["components"]["securitySchemes"]
    scopes = schemes["oauth2"]["flows"]["clientCredentials"]["scopes"]
    client = admin.new_client(*scopes)
    add_register(admin, client)
    add_day(admin, admin.token(client))
    pair = base64.b64encode(":".join(client.pair).encode()).decode()
    run = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            f"--config-file={CONFIG}",
            "run",
            "--continue-on-failure",
            "--checks=all",
            admin.url + DOCUMENT,
        ],
        capture_output=True,
        check=False,
        cwd=tmp_path,
        env={
            **os.environ,
            "NO_COLOR": "1",
            "SPP_TEST_TOKEN": admin.token(client),
            "SPP_TEST_CLIENT": pair,
        },
        text=True,
        timeout=900,
    )
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr

    # Schemathesis leaves out the address that it has the document from.
    operations = sum(map(len, document["paths"].values())) - 1
    assert f"Tested: {operations}\n" in run.stdout
    generated = int(re.search(r"(\d+) generated", run.stdout)[1])
    assert generated > 30 * operations
    # Not all was refused.
    assert admin.count("spp_attendance_record", "TRUE") > 0
