"""What an administrator of API access does in the backend, and callers from anywhere.

The whole of 127.0.0.0/8 is this machine, so that a caller may have an address of its
own on it: limits and networks are tested with real ones.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import Any

import requests
from joserfc.jwk import RSAKey
from odoo_session import Session
from requests.adapters import HTTPAdapter

RECORDS = "/api/attendance/records"
WHOAMI = "/api/oauth/whoami"
TOKEN = "/oauth2/token"
INTROSPECT = "/oauth2/introspect"
REVOKE = "/oauth2/revoke"
METADATA = "/.well-known/oauth-authorization-server"

#: Requests a minute that no test reaches.
UNLIMITED = 1_000_000


_numbers = itertools.count(1)


def elsewhere() -> str:
    """An address that nobody has called from yet: nothing is held against it."""
    number = next(_numbers)
    return f"127.10.{number // 250}.{number % 250 + 1}"


class Caller(requests.Session):
    """Somebody who calls from an address of this machine."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        super().__init__()
        self.mount("http://", _From(address))

    def request(self, method: str, url: str, **options: Any) -> requests.Response:
        return super().request(method, url, **{"timeout": 60, **options})


class _From(HTTPAdapter):
    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__(pool_maxsize=32)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, source_address=(self._address, 0), **options)


@dataclass(frozen=True)
class Client:
    """An API client: its row, and what was shown of it once."""

    row: int
    client_id: str
    secret: str = field(repr=False)

    @property
    def pair(self) -> tuple[str, str]:
        return self.client_id, self.secret


class OAuthAdmin:
    """The administrator of a running server, logged in."""

    def __init__(self, running: Any) -> None:
        self.running = running
        self.url = running.url
        self.session = Session(running.connection)
        self.demo = Client(0, *_demo(running))

    def new_client(self, *scopes: str, **vals: Any) -> Client:
        """A client by the wizard, then with other values for its fields."""
        call = self.session.call
        found = call("spp.oauth.scope", "search", [("name", "in", scopes)])
        (wizard,) = call(
            "spp.oauth.client.new",
            "create",
            [{"name": "App", "scope_ids": [(6, 0, found)]}],
        )
        client = self._shown(call("spp.oauth.client.new", "action_create", [wizard]))
        self.write(client, rate_limit=UNLIMITED, **vals)
        return client

    def write(self, client: Client, **vals: Any) -> None:
        self.session.call("spp.oauth.client", "write", [client.row], vals)

    def read(self, client: Client, *names: str) -> dict[str, Any]:
        return self.session.call("spp.oauth.client", "read", [client.row], names)[0]

    def new_secret(self, client: Client, overlap_hours: int) -> Client:
        """The client with a new secret; the old one goes on for so many hours."""
        vals = {"client_id": client.row, "overlap": str(overlap_hours)}
        call = self.session.call
        (wizard,) = call("spp.oauth.client.rotate", "create", [vals])
        return self._shown(call("spp.oauth.client.rotate", "action_rotate", [wizard]))

    def archive_user(self, client: Client) -> None:
        (user, _name) = self.read(client, "user_id")["user_id"]
        self.session.call("res.users", "write", [user], {"active": False})

    def set_parameter(self, key: str, value: object) -> None:
        self.session.call("ir.config_parameter", "set_param", key, str(value))

    def rotate_key(self) -> None:
        self.session.call("spp.oauth.key", "action_rotate", [])

    def run_key_cron(self) -> None:
        """What the schedule does with the keys, now."""
        found = self.session.call(
            "ir.cron", "search", [("model_id.model", "=", "spp.oauth.key")]
        )
        assert len(found) == 1
        self.session.call("ir.cron", "method_direct_trigger", found)

    def token(self, client: Client, scope: str | None = None, **options: Any) -> str:
        """An access token; `options` are those of `Caller`."""
        answer = Caller(**options).post(
            self.url + TOKEN,
            data={"grant_type": "client_credentials", "scope": scope},
            auth=client.pair,
        )
        assert answer.status_code == 200, answer.text
        return answer.json()["access_token"]

    def get(self, token: str, path: str = WHOAMI, **options: Any) -> requests.Response:
        """A read with a token; `options` are those of `Caller`."""
        return Caller(**options).get(self.url + path, headers=bearer(token))

    def status(self, token: str, path: str = WHOAMI, **options: Any) -> int:
        return self.get(token, path, **options).status_code

    def signing_key(self) -> RSAKey:
        """The key that signs, as only who holds the database can have it."""
        pem = self.running.query(
            "SELECT private_pem FROM spp_oauth_key WHERE state = 'active'"
            " ORDER BY id DESC LIMIT 1"
        )
        return RSAKey.import_key(pem)

    def count(self, table: str, condition: str) -> int:
        return int(
            self.running.query(f"SELECT count(*) FROM {table} WHERE {condition}")
        )

    def _shown(self, action: dict[str, Any]) -> Client:
        context = action["context"]
        client_id = context["default_client_id"]
        (row,) = self.session.call(
            "spp.oauth.client", "search", [("client_id", "=", client_id)]
        )
        return Client(row, client_id, context["default_secret"])


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def assert_json_error(answer: requests.Response, status: int, code: str) -> dict:
    """The answer is the API's envelope; its inside."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert "Set-Cookie" not in answer.headers
    error = answer.json()["error"]
    assert error["code"] == code, error
    assert error["message"]
    assert error["request_id"]
    assert "Traceback" not in answer.text
    return error


def assert_oauth_error(answer: requests.Response, status: int, code: str) -> None:
    """The answer is an error as RFC 6749 5.2 describes it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert "no-store" in answer.headers["Cache-Control"]
    body = json.loads(answer.text)
    assert body["error"] == code, body
    assert set(body) <= {"error", "error_description", "error_uri"}
    assert "Traceback" not in answer.text


def _demo(running: Any) -> tuple[str, str]:
    return running.connection.client_id, running.connection.client_secret
