"""A conversation with a BioStar 2 server: who asks, and what its answers mean.

The server hands out a session at login and forgets it when it likes. Then there is one
new login and the request is made once more; never a third time, because two programs
with one operator would end each other's sessions for ever.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Final, Self

from . import biostar_codec as codec
from .adapter import DeviceConfig
from .errors import (
    DeviceAuthFailed,
    DeviceBusy,
    DeviceError,
    DevicePermission,
    DeviceProtocolError,
    DeviceTimeout,
    InvalidConfig,
)
from .http import Answer, HttpClient

#: Bytes of one answer: a page of events has as many rows as it takes.
MAX_BODY: Final = 32 * 1024 * 1024
#: Users on a page, and how many of them are read at most.
USERS_PAGE, MAX_USERS = 200, 200_000

_HEADER = "bs-session-id"
_OK, _DEVICE_TIMEOUT, _LOGIN_REQUIRED, _LOGIN_FAILED = "0", "4", "10", "11"
_NO_PERMISSION, _BAD_PARAMETERS = "20", "30"


class Refused(DeviceProtocolError):
    """The server does not take what it was asked (code 30)."""


class Session:
    """Logged in while it is open; a context manager.

    :raises DeviceAuthFailed: when the operator's name and password are not taken; they
        are tried once
    """

    def __init__(self, config: DeviceConfig) -> None:
        if not (config.username and config.password):
            raise InvalidConfig("BioStar needs an operator's name and password")
        self._config = config
        self._http = HttpClient(config, max_body=MAX_BODY)
        self._renewed = False
        self._began = time.monotonic()
        self._date: tuple[datetime, float] | None = None

    def __enter__(self) -> Self:
        try:
            self._login()
        except BaseException:
            self._http.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._http:
            # A server that fell silent would be waited for once more.
            if error is None:
                with contextlib.suppress(DeviceError):
                    self._http.request("POST", "/api/logout", json={})

    def spent(self) -> float:
        """What part of the deadline is over, from 0 to 1."""
        return (time.monotonic() - self._began) / self._config.deadline

    def clock_drift(self, now: datetime) -> int | None:
        """The server's clock minus ours in seconds, by the date of an answer.

        :param now: the moment (aware) when the conversation began
        """
        if not self._date:
            return None
        theirs, heard = self._date
        ours = now + timedelta(seconds=heard - self._began)
        # The date has whole seconds, and was on its way for a while.
        drift = (theirs - ours).total_seconds() + 0.5
        return round(drift) if abs(drift) >= 2 else 0

    def readers(self) -> list[codec.Reader]:
        """The readers that the operator may see."""
        return codec.readers(self.call("GET", "/api/devices"))

    def event_codes(self) -> list[int]:
        """The codes of events that this installation knows."""
        rows = codec.rows(self.call("GET", "/api/event_types"), "EventTypeCollection")
        codes = (codec.number(codec.text(row, "code")) for row in rows)
        return [code for code in codes if code is not None]

    def events(self, query: Mapping[str, Any]) -> list[dict[str, Any]]:
        """The rows that a query (:func:`.biostar_codec.query`) finds.

        :raises Refused: when the server does not know a column of it
        """
        answer = self.call("POST", "/api/events/search", dict(query))
        return codec.rows(answer, "EventCollection")

    def user_count(self) -> int | None:
        """How many people the server knows, None when the operator may not know."""
        with contextlib.suppress(DevicePermission, Refused):
            return codec.number(codec.text(self._users(0, 1), "total"))
        return None

    def users(self) -> list[dict[str, Any]]:
        """All people that the server knows. A page goes on after what came, however
        little that was; who comes twice because others were added meanwhile counts
        once.

        :raises DeviceProtocolError: when there is no end of them
        """
        found: dict[str, dict[str, Any]] = {}
        offset = 0
        while offset < MAX_USERS:
            rows = codec.rows({"Users": self._users(offset, USERS_PAGE)}, "Users")
            if not rows:
                return list(found.values())
            offset += len(rows)
            found.update({codec.text(row, "user_id"): row for row in rows})
        raise DeviceProtocolError(f"more than {MAX_USERS} people")

    def _users(self, offset: int, limit: int) -> dict[str, Any]:
        page = f"limit={limit}&offset={offset}&order_by=user_id:false"
        answer = self.call("GET", f"/api/users?group_id=1&{page}")
        found = answer.get("UserCollection")
        return found if isinstance(found, dict) else {}

    def call(
        self, method: str, path: str, json: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Ask within the session; the answer is an object that says that all is well.

        :raises DeviceError: for anything else
        """
        answer = self._ask(method, path, json)
        if _expired(answer):
            if self._renewed:
                raise DeviceBusy(
                    "the session was ended twice; does another program use this"
                    " operator?"
                )
            self._renewed = True
            self._login()
            answer = self._ask(method, path, json)
            if _expired(answer):
                raise DeviceBusy(
                    "the session ended as soon as it began; does another program use"
                    " this operator?"
                )
        return _judge(answer)

    def _ask(self, method: str, path: str, json: Mapping[str, Any] | None) -> Answer:
        answer = self._http.request(method, path, json=json)
        with contextlib.suppress(ValueError):
            date = parsedate_to_datetime(answer.headers.get("date", ""))
            date = date if date.tzinfo else date.replace(tzinfo=UTC)
            self._date = date, time.monotonic()
        return answer

    def _login(self) -> None:
        who = {"login_id": self._config.username, "password": self._config.password}
        self._http.headers.pop(_HEADER, None)
        answer = self._ask("POST", "/api/login", {"User": who})
        code = said(answer)
        if code in (_LOGIN_REQUIRED, _LOGIN_FAILED) or (
            answer.status in (401, 403) and code is not None
        ):
            raise DeviceAuthFailed(f"code {code or 'none'}, status {answer.status}")
        _judge(answer)
        session = answer.headers.get(_HEADER, "")
        if not (session.isascii() and session.isalnum() and len(session) <= 200):
            raise DeviceProtocolError("let the operator in without a session")
        self._http.headers[_HEADER] = session


def looks_like_biostar(config: DeviceConfig) -> bool:
    """Whether what answers refuses a stranger the way BioStar does."""
    with HttpClient(config) as http:
        try:
            return bool(said(http.request("GET", "/api/devices")))
        except DeviceProtocolError:
            return False


def said(answer: Answer) -> str | None:
    """The code in an answer, "" when it says none, None when it is no object at all."""
    try:
        body = answer.json()
    except DeviceProtocolError:
        return None
    return codec.text(body, "Response", "code") if isinstance(body, dict) else None


def _expired(answer: Answer) -> bool:
    code = said(answer)
    return code == _LOGIN_REQUIRED or (answer.status == 401 and not code)


def _judge(answer: Answer) -> dict[str, Any]:
    """The object in an answer that went well. Its code says so, not its status.

    The messages are not quoted: they may repeat what was sent.
    """
    code = said(answer)
    where = f"code {code or 'none'}, status {answer.status}"
    if code == _NO_PERMISSION or (answer.status == 403 and not code):
        raise DevicePermission(where)
    if code is None:
        raise DeviceProtocolError(f"no JSON object, status {answer.status}")
    if code == _DEVICE_TIMEOUT:
        raise DeviceTimeout(f"a reader did not answer the server ({where})")
    if code == _BAD_PARAMETERS:
        raise Refused(where)
    if code != _OK and (code or answer.status >= 300):
        raise DeviceProtocolError(where)
    return answer.json()
