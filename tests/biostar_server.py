"""A BioStar 2 server for tests: HTTPS on loopback, with a self-signed certificate.

It speaks for one reader or more, whose ``serial`` is that of the first::

    with BiostarServer() as server:
        server.add("17", datetime(2026, 11, 2, 8, 0))
        ... read server.host, server.port with server.config() ...
        server.fault = "session_lost"

Beside the faults of all makes (``fake_terminal.SHARED_FAULTS``) it can be told:

    session_lost    every other session ends after two requests, by status 401
    session_code    the same, by status 200 and code 10
    session_never   every session has ended as soon as it began
    permission      the operator may not search for events
    code_in_200     a search fails with status 200 and code 1
    device_timeout  a search fails with code 4
    xml_page        answers with an XML page that it calls JSON
    redirect        answers with a redirect
    page_cap        sends seven rows a page, whatever it is asked for
    newest_first    sorts as it likes
    no_range        ignores from when on events are asked for
    no_id           knows no column "id"
    late_arrival    what is recorded waits on the reader, until the fault is over
    clock_jump      its clock is an hour ahead
    drip            sends every answer in pieces of a few bytes

Times that go in and out of it are naive and in its zone, ``tz``. Nothing here uses the
code under test.
"""

from __future__ import annotations

import email.utils
import itertools
import json
import secrets
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from certificates import certificate
from devices.adapter import DeviceConfig
from fake_terminal import (
    SHARED_FAULTS,
    FakeServer,
    FakeTerminal,
    HttpConversation,
    Row,
    iso_second,
)

#: A card at the reader, a card with duress, access denied, a door that opens.
PASSED, DURESS, DENIED, DOOR = 4102, 4614, 6402, 20480
EVENT_TYPES = {PASSED: "VERIFY_SUCCESS_CARD", 4865: "IDENTIFY_SUCCESS_FINGERPRINT"}

TNA_KEYS = {
    "none": "0",
    "in": "1",
    "out": "2",
    "break_start": "3",
    "break_end": "4",
    "overtime_in": "5",
    "overtime_out": "6",
}
_OPTIONS = {"tna_keys": {key: word for word, key in TNA_KEYS.items() if key != "0"}}


@dataclass(eq=False)
class Reader:
    """One reader: what it recorded while it was ``up`` is on the server."""

    id: str
    up: bool = True
    firmware: str = "1.8.2"
    numbers: itertools.count = field(default_factory=lambda: itertools.count(1))


@dataclass(eq=False)
class Event:
    """One row of the server's log; ``id`` when it arrived there."""

    reader: Reader
    index: int
    moment: datetime  # aware, UTC
    code: int
    user: str
    tna_key: str
    id: int | None = None
    received: datetime | None = None


class BiostarServer(FakeTerminal):
    """The server. ``username`` and ``secret`` are its operator's.

    :param clock: gives its time (aware), by default the host's
    :param secure: with TLS, by ``certificates.certificate()``
    """

    make = "biostar"
    FAULTS = (SHARED_FAULTS - {"wrong_count"}).union(
        {
            "session_lost",
            "session_code",
            "session_never",
            "permission",
            "code_in_200",
            "device_timeout",
            "xml_page",
            "redirect",
            "page_cap",
            "newest_first",
            "no_range",
            "no_id",
            "late_arrival",
            "clock_jump",
            "drip",
        }
    )

    def __init__(
        self,
        *,
        port: int = 0,
        serial: str = "541930001",
        secure: bool = True,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        tls = certificate().context if secure else None
        super().__init__(port, _Conversation, server=_Server, tls=tls)
        self.clock = clock
        self.username = "attendance"
        self.secret = "Open, Sesame 1"
        self.wrong_secret = "Open, Barley 1"
        self.readers = [Reader(serial)]
        #: What was asked, in order: method and path; and the bodies of searches.
        self.requests: list[str] = []
        self.searches: list[dict[str, Any]] = []
        #: Sessions that nobody ended.
        self.sessions: dict[str, int] = {}
        self.names: dict[str, str] = {}
        self._empties = itertools.cycle([{"rows": []}, {"rows": ""}, {}])
        self._events: list[Event] = []
        self._waiting: list[Event] = []
        self._tables: Counter[str] = Counter()

    # What the test does with it

    @property
    def serial(self) -> str:
        return self.readers[0].id

    @serial.setter
    def serial(self, serial: str) -> None:
        self.readers[0].id = serial

    def _changed(self) -> None:
        self.readers[0].up = self.fault != "late_arrival"
        self._arrive()

    def extend(self, rows: Iterable[Row]) -> None:
        with self._lock:
            for code, moment, kind in rows:
                self.record(code, moment, tna_key=TNA_KEYS[kind])

    def record(
        self,
        user: str,
        moment: datetime,
        *,
        code: int = PASSED,
        tna_key: str = "0",
        reader: Reader | None = None,
    ) -> Event:
        """Record an event of any kind (``code``), on the first reader or another."""
        reader = reader or self.readers[0]
        zone = ZoneInfo(self.tz)
        utc = moment.replace(tzinfo=zone).astimezone(UTC)
        with self._lock:
            event = Event(reader, next(reader.numbers), utc, code, user, tna_key)
            self._waiting.append(event)
            self._arrive()
        return event

    def add_reader(self, number: str, up: bool = True) -> Reader:
        reader = Reader(number, up)
        self.readers.append(reader)
        return reader

    def reconnect(self, reader: Reader, up: bool = True) -> None:
        """Connect a reader, which sends what it recorded meanwhile, or cut it off."""
        with self._lock:
            reader.up = up
            self._arrive()

    def held(self) -> set[tuple[str, str]]:
        zone = ZoneInfo(self.tz)
        with self._lock:
            return {
                (event.user, iso_second(event.moment.astimezone(zone)))
                for event in [*self._events, *self._waiting]
                if event.code in (PASSED, DURESS)
            }

    def values(self) -> dict[str, Any]:
        return {**super().values(), "options": json.dumps(_OPTIONS)}

    def config(self, **over: Any) -> DeviceConfig:
        """``options`` are added to those that it needs."""
        return super().config(
            **{**over, "options": {**_OPTIONS, **over.get("options", {})}}
        )

    def _settings(self) -> dict[str, Any]:
        return {
            "username": self.username,
            "tls": "pinned" if self.tls else "none",
            "tls_fingerprint": certificate().fingerprint if self.tls else "",
            "options": _OPTIONS,
        }

    def expire_sessions(self) -> None:
        with self._lock:
            self.sessions.clear()

    # What the conversation asks

    def _arrive(self) -> None:
        """Take over from the readers that are connected, into one table a month."""
        arriving = [event for event in self._waiting if event.reader.up]
        self._waiting = [event for event in self._waiting if not event.reader.up]
        for event in arriving:
            table = f"{event.moment:%Y-%m}"
            self._tables[table] += 1
            event.id, event.received = self._tables[table], self.now()
            self._events.append(event)

    def now(self) -> datetime:
        ahead = timedelta(hours=1 if self.fault == "clock_jump" else 0)
        return self.clock() + ahead

    def login(self, given: Any) -> str | None:
        """A new session, None for an operator that is none."""
        right = given == {"login_id": self.username, "password": self.secret}
        with self._lock:
            self.conversations += 1
            if not right or self.fault == "refuse_auth":
                return None
            session = secrets.token_hex(16)
            doomed = self.fault in ("session_lost", "session_code")
            never = self.fault == "session_never"
            # Every other one: an odd number of sessions began before.
            self._began = getattr(self, "_began", 0) + 1
            left = 0 if never else 2 if doomed and self._began % 2 else 1_000_000
            self.sessions[session] = left
            return session

    def admit(self, session: str) -> bool:
        with self._lock:
            if self.sessions.get(session, 0) < 1:
                self.sessions.pop(session, None)
                return False
            self.sessions[session] -= 1
            return True

    def logout(self, session: str) -> None:
        with self._lock:
            self.sessions.pop(session, None)

    def search(self, query: dict[str, Any]) -> list[dict[str, Any]] | None:
        """Rows that meet a query, None when it has a column that is not known."""
        with self._lock:
            self.searches.append(query)
            events = list(self._events)
        by_id = query["orders"][0]["column"] == "id"
        for condition in query["conditions"]:
            values = condition["values"]
            match condition["column"], condition["operator"]:
                case "datetime", 3:
                    low, high = map(datetime.fromisoformat, values)
                    if self.fault == "no_range":
                        low = datetime(2000, 1, 1, tzinfo=UTC)
                    events = [e for e in events if low <= e.moment <= high]
                    far = datetime(2099, 1, 1, 8, tzinfo=UTC)
                    if self.fault == "future" and low <= far <= high:
                        events.append(self._odd(far))
                case "id", 5 if self.fault != "no_id":
                    events = [e for e in events if e.id > int(values[0])]
                case "device_id.id", 2:
                    events = [e for e in events if e.reader.id in values]
                case _:
                    return None
        if self.fault != "newest_first":
            for order in reversed(query.get("orders", [])):
                key = {
                    "datetime": lambda event: event.moment,
                    "id": lambda event: event.id,
                }[order["column"]]
                if order["column"] == "id" and self.fault == "no_id":
                    return None
                events.sort(key=key, reverse=order["descending"])
        else:
            events.sort(key=lambda event: event.moment, reverse=True)
        limit = min(query["limit"], 7 if self.fault == "page_cap" else 1_000_000)
        rows = [self._row(event) for event in events[:limit]]
        if self.fault == "bad_date" and not by_id:
            bad = self._row(self._odd(datetime(2026, 2, 28, 8, tzinfo=UTC)))
            rows = [{**bad, "datetime": "2026-02-31T08:00:00.00Z"}, *rows][:limit]
        return rows

    def _odd(self, moment: datetime) -> Event:
        return Event(self.readers[0], 999_999, moment, PASSED, "1", "1", 999_999)

    def _row(self, event: Event) -> dict[str, Any]:
        def iso(when: datetime) -> str:
            return f"{when:%Y-%m-%dT%H:%M:%S}.00Z"

        user = {
            "user_id": event.user,
            "name": self.names.get(event.user, f"Person {event.user}"),
            "photo_exists": "false",
        }
        return {
            "id": str(event.id),
            "index": str(event.index),
            "datetime": iso(event.moment),
            "server_datetime": iso(event.received or event.moment),
            "timezone": {"half": "0", "hour": "5", "negative": "0"},
            "user_id_name": f"{event.user}({user['name']})",
            "user_id": user if event.user else "",
            "device_id": {"id": event.reader.id, "name": f"Reader {event.reader.id}"},
            "event_type_id": {"code": str(event.code)},
            "door_id": [{"id": "3", "name": "Gate"}],
            "tna_key": event.tna_key,
            "is_dst": "0",
            "temperature": "36.6",
        }

    def people(self) -> list[dict[str, Any]]:
        """Users in the order of their ids, cards as newer versions list them."""
        with self._lock:
            codes = sorted({e.user for e in self._events if e.user} | set(self.names))
        return [
            {
                "user_id": code,
                "name": self.names.get(code, f"Person {code}"),
                "photo_exists": "false",
                "card_count": "1",
                "cards": [{"id": str(place), "card_id": f"00{code}"}],
            }
            for place, code in enumerate(codes)
        ]

    def devices(self) -> list[dict[str, Any]]:
        return [
            {
                "id": reader.id,
                "name": f"Reader {reader.id}",
                "status": "1" if reader.up else "0",
                "device_type_id": {"id": "9"},
                "version": {"firmware": reader.firmware},
                "lan": {"ip": "192.0.2.7"},
            }
            for reader in self.readers
        ]

    def collection(self, rows: list[Any], **more: Any) -> dict[str, Any]:
        """Rows as the server says them; of none, it says so in three ways."""
        return {"rows": rows, **more} if rows else {**next(self._empties), **more}


class _Server(FakeServer):
    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.terminal.fault == "silent":
            self.terminal.wait_for_end()
        else:
            super().finish_request(request, client_address)


class _Conversation(HttpConversation):
    def date_time_string(self, timestamp: float | None = None) -> str:
        return email.utils.format_datetime(self.terminal.now(), usegmt=True)

    def do_GET(self) -> None:
        self.answer({})

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        self.answer(json.loads(body) if body else {})

    def answer(self, body: dict[str, Any]) -> None:
        fake, path = self.terminal, urlsplit(self.path)
        fake.requests.append(f"{self.command} {path.path}")
        match fake.fault:
            case "silent":
                fake.wait_for_end()
                self.close_connection = True
            case "garbage":
                self.wfile.write(b"\x00\x17SSH-2.0-nothing like HTTP\r\n\r\n")
                self.close_connection = True
            case "busy":
                self.say(503, {"Response": {"code": "1", "message": "Busy"}})
            case "redirect":
                self.say(302, {}, Location="https://192.0.2.1/api")
            case "xml_page":
                page = b'<?xml version="1.0"?><html><body>Error</body></html>'
                self.send(200, page, {})
            case _:
                self.serve(path.path, parse_qs(path.query), body)

    def serve(self, path: str, words: dict[str, list[str]], body: Any) -> None:
        fake = self.terminal
        session = self.headers.get("bs-session-id", "")
        if path == "/api/login":
            made = fake.login(body.get("User"))
            if made:
                user = {"user_id": "9", "login_id": fake.username}
                self.ok({"User": user}, **{"bs-session-id": made})
            else:
                self.refuse(401, "11", "Login failed")
        elif path == "/api/logout":
            fake.logout(session)
            self.ok({})
        elif not fake.admit(session):
            status = 200 if fake.fault == "session_code" else 401
            self.refuse(status, "10", "Login required")
        elif path == "/api/devices":
            self.ok({"DeviceCollection": fake.collection(fake.devices())})
        elif path == "/api/event_types":
            types = [{"code": str(c), "name": n} for c, n in EVENT_TYPES.items()]
            self.ok({"EventTypeCollection": fake.collection(types)})
        elif path == "/api/users":
            people = fake.people()
            start, size = int(words["offset"][0]), int(words["limit"][0])
            page = people[start : start + size]
            total = str(len(people))
            self.ok({"UserCollection": fake.collection(page, total=total)})
        elif path == "/api/events/search":
            self.search(body)
        else:
            self.refuse(404, "65", "Not found")

    def search(self, body: dict[str, Any]) -> None:
        match self.terminal.fault:
            case "permission":
                return self.refuse(403, "20", "Permission denied")
            case "code_in_200":
                return self.refuse(200, "1", "General failure")
            case "device_timeout":
                return self.refuse(400, "4", "Device timeout")
        rows = self.terminal.search(body["Query"])
        if rows is None:
            return self.refuse(400, "30", "Invalid parameters")
        return self.ok({"EventCollection": self.terminal.collection(rows)})

    def ok(self, body: dict[str, Any], **headers: str) -> None:
        done = {"code": "0", "link": "https://support.test", "message": "Success"}
        self.say(200, {**body, "Response": done}, **headers)

    def refuse(self, status: int, code: str, message: str) -> None:
        self.say(status, {"Response": {"code": code, "message": message}})

    def say(self, status: int, body: dict[str, Any], **headers: str) -> None:
        self.send(status, json.dumps(body).encode(), headers)

    def send(self, status: int, data: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        fault = self.terminal.fault
        searching = self.path == "/api/events/search"
        if fault in ("close_mid", "stall_mid") and searching:
            self.wfile.write(data[: len(data) // 2])
            self.terminal.reached_middle.set()
            if fault == "stall_mid":
                self.terminal.wait_for_end()
            self.close_connection = True
        elif fault == "drip" and self.path != "/api/logout":
            for start in range(0, len(data), 16):
                self.wfile.write(data[start : start + 16])
                if self.terminal._closing.wait(0.3):
                    break
        else:
            self.wfile.write(data)
