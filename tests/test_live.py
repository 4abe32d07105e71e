"""The live feed over real sockets: everybody is told their own, and nothing else."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import requests
from joserfc import jwt
from live_client import LIVE, TOKEN, Listener, ask
from oauth_admin import Client, OAuthAdmin, assert_json_error, bearer, elsewhere
from processes import wait_until
from second_node import SecondNode

EVENTS = "attendance:events"
RECORDS = "/api/attendance/records"
REFUSED = 4401
OFFICER = "spp_oauth_role_officer"

numbers = itertools.count(1)


class Programme:
    """A server with people, places and an app that records."""

    def __init__(self, running: Any) -> None:
        self.running = running
        self.url = running.url
        self.admin = OAuthAdmin(running)
        self.tokens: list[str] = []
        self.listeners: list[Listener] = []
        self.writer = self.token(
            self.client("attendance:read", "attendance:write", "registry:write")
        )
        self.add_people(self.writer)

    def client(self, *scopes: str, **vals: Any) -> Client:
        return self.admin.new_client(*scopes, **vals)

    def token(self, client: Client) -> str:
        self.tokens.append(self.admin.token(client))
        return self.tokens[-1]

    def listen(self, token: str, **options: Any) -> Listener:
        """Somebody who is subscribed: the status tells so."""
        (listener,) = self.listen_all([token], **options)
        return listener

    def listen_all(self, tokens: Sequence[str], **options: Any) -> list[Listener]:
        options.setdefault("url", self.url)
        listeners = [Listener(token=token, **options) for token in tokens]
        self.listeners += listeners
        for listener in listeners:
            wait_until(lambda x=listener: x.of_type("system_status") or x.is_over)
            assert not listener.is_over, listener.closed
        return listeners

    def add_people(self, token: str) -> None:
        for number in range(3):
            person = {"person_identifier": f"L-{number}", "family_name": "Diallo"}
            self.post("/api/attendance/subscribers", person, token)

    def add_place(self, code: str, parent: str | None = None, token: str = "") -> int:
        item = {"code": code, "name": code}
        if parent:
            item["parent"] = parent
        answer = self.post("/api/attendance/locations", item, token or self.writer)
        return answer["id"]

    def record(
        self, *places: str | None, token: str = "", url: str = ""
    ) -> dict[str | None, int]:
        """A record at each of some places; their ids."""
        items = []
        for place in places:
            number = next(numbers)
            items.append(
                {
                    "person_identifier": f"L-{number % 3}",
                    "date_time": f"2026-09-01T{number // 3600 % 24:02}:"
                    f"{number // 60 % 60:02}:{number % 60:02}Z",
                    "location": place,
                }
            )
        answer = self.post(RECORDS, {"records": items}, token or self.writer, url)
        results = answer["results"]
        assert {result["status"] for result in results} == {"created"}
        return {
            place: result["id"] for place, result in zip(places, results, strict=True)
        }

    def post(self, path: str, body: Any, token: str, url: str = "") -> Any:
        answer = requests.post(
            (url or self.url) + path, json=body, headers=bearer(token), timeout=60
        )
        assert answer.ok, answer.text
        return answer.json()

    def visible(self, token: str) -> set[int]:
        """Ids of the records that the API gives somebody."""
        answer = requests.get(
            f"{self.url}{RECORDS}?limit=1000", headers=bearer(token), timeout=60
        )
        return {item["id"] for item in answer.json()["items"]}

    def role(self, name: str) -> int:
        return self.admin.session.call(
            "ir.model.data", "check_object_reference", "spp_attendance", name
        )[1]

    def officer(self, *places: int, scopes: Sequence[str] = (EVENTS,)) -> Client:
        return self.client(
            *scopes,
            role_id=self.role(OFFICER),
            attendance_location_ids=[(6, 0, places)],
        )

    def end(self) -> None:
        for listener in self.listeners:
            listener.close()
        log = self.running.server.log.read_text(errors="replace")
        assert self.tokens
        for token in self.tokens:
            # Neither is what is secret of it: its signature.
            assert token.rpartition(".")[2] not in log
            assert token not in log


@pytest.fixture(scope="module")
def programme(start_server) -> Iterator[Programme]:
    programme = Programme(start_server())
    yield programme
    programme.end()


def told_all(listeners: Sequence[Listener], wanted: Sequence[set[int]]) -> None:
    """Wait until everybody was told what they are to be told; and nothing else."""
    wait_until(
        lambda: all(
            ids <= set(listener.records)
            for listener, ids in zip(listeners, wanted, strict=True)
        )
    )
    for listener, ids in zip(listeners, wanted, strict=True):
        assert sorted(listener.records) == sorted(ids)  # each of them once


def test_fifty_clients_see_exactly_their_own(programme: Programme) -> None:
    places = [f"HALL-{number}" for number in range(40)]
    areas = [f"AREA-{number}" for number in range(4)]
    area_of = {place: areas[number % 4] for number, place in enumerate(places)}
    ids = {area: programme.add_place(area) for area in areas}
    ids |= {place: programme.add_place(place, area_of[place]) for place in places}
    session = programme.admin.session
    (company,) = session.call("res.company", "create", [{"name": "Elsewhere"}])
    (me,) = session.call("res.users", "search", [("login", "=", "admin")])
    session.call("res.users", "write", [me], {"company_ids": [(4, company)]})
    scopes = session.call(
        "spp.oauth.scope",
        "search",
        [("name", "in", [EVENTS, "attendance:write", "registry:write"])],
    )
    foreign_clients = []
    for number in range(3):
        vals = {"name": f"F{number}", "scope_ids": [(6, 0, scopes)]}
        (wizard,) = session.call(
            "spp.oauth.client.new", "create", [{**vals, "company_id": company}]
        )
        action = session.call("spp.oauth.client.new", "action_create", [wizard])
        context = action["context"]
        foreign_clients.append(
            Client(0, context["default_client_id"], context["default_secret"])
        )
    local = [programme.officer(ids[place]) for place in places]
    of_areas = [programme.officer(ids[area]) for area in areas]
    of_all = [programme.client(EVENTS) for _ in range(3)]
    foreign = [programme.token(client) for client in foreign_clients]
    tokens = [programme.token(client) for client in [*local, *of_areas, *of_all]]
    tokens += foreign
    assert len(tokens) == 50
    programme.add_people(foreign[0])
    listeners = programme.listen_all(tokens)

    wanted: list[set[int]] = [set() for _ in listeners]
    for _ in range(2):
        made = programme.record(*places)
        of_nowhere = programme.record(None)
        abroad = programme.record(None, token=foreign[0])
        for number, place in enumerate(places):
            wanted[number].add(made[place])
            wanted[40 + areas.index(area_of[place])].add(made[place])
        # A record without a place is for those who see all of the company.
        for number in range(44, 47):
            wanted[number] |= {*made.values(), *of_nowhere.values()}
        for number in range(47, 50):
            wanted[number] |= set(abroad.values())
    wait_until(lambda: all(listener.records for listener in listeners))
    told_all(listeners, wanted)
    assert all(len(listener.records) >= 2 for listener in listeners)
    # One message for each batch, not one for each record.
    of_batches = [
        message
        for message in listeners[44].messages
        if any(
            event["type"] == "record_updated"
            for event in message["message"]["payload"]["events"]
        )
    ]
    assert len(of_batches) < len(listeners[44].records)

    # Rights are those of the moment: a client that is moved sees the other place.
    programme.admin.write(local[0], attendance_location_ids=[(6, 0, [ids["HALL-1"]])])
    time.sleep(11)  # for so long a process may know rights by heart
    made = programme.record("HALL-0", "HALL-1")
    wanted[0].add(made["HALL-1"])
    wanted[1].add(made["HALL-1"])
    told_all(listeners[:2], wanted[:2])
    for listener in listeners:
        listener.close()


def test_an_event_is_what_front_ends_expect(programme: Programme) -> None:
    token = programme.token(programme.client(EVENTS, "attendance:read"))
    listener = programme.listen(token)
    made = programme.record(None)
    wait_until(lambda: listener.records)
    (event,) = listener.of_type("record_updated")
    assert set(event) == {"type", "data", "employee_id", "timestamp"}
    assert event["data"]["id"] == made[None]
    assert event["employee_id"] == event["data"]["person_identifier"]
    seen = requests.get(
        f"{programme.url}{RECORDS}/{made[None]}", headers=bearer(token), timeout=60
    ).json()
    assert set(event["data"]) <= set(seen)
    (status, *_) = listener.of_type("system_status")
    assert status["data"]["status"]
    programme.post(
        f"{RECORDS}/{made[None]}/void", {"reason": "A mistake"}, programme.writer
    )
    wait_until(lambda: len(listener.records) == 2)
    assert listener.events[-1]["data"]["voided"]


def test_what_is_asked_for_by_name_is_not_given(programme: Programme) -> None:
    """An anonymous socket, whatever it asks for, is told nothing."""
    token = programme.token(programme.client(EVENTS))
    listener = programme.listen(token)
    channel = programme.running.query("SELECT max(id) FROM spp_attendance_live_channel")
    database = programme.running.server.database
    stranger = Listener(programme.url, None)
    stranger.subscribe(
        "spp_attendance_live",
        "spp_attendance_live:companies=1",
        f"spp.attendance.live.channel,{channel}",
        f'["{database}","spp.attendance.live.channel",{channel}]',
    )
    for _ in range(3):
        programme.record(None)
    wait_until(lambda: len(listener.records) == 3)
    assert not stranger.messages
    assert not stranger.is_over
    stranger.close()


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("nonsense", "The token is not valid."),
        ("scope", f"The token lacks the scope {EVENTS}."),
        ("revoked", "The token was revoked."),
        ("network", "This client may not call from here."),
    ],
)
def test_a_bad_token_closes_the_socket(
    programme: Programme, kind: str, reason: str
) -> None:
    scope = "attendance:read" if kind == "scope" else EVENTS
    client = programme.client(scope)
    token = programme.token(client)
    if kind == "nonsense":
        token = token[:-3] + "AAA"
    if kind == "revoked":
        revoke(programme, client, token)
    if kind == "network":
        programme.admin.write(client, allowed_networks=elsewhere())
    # Whose a token is that we did not sign, nobody knows.
    whose = "IS NULL" if kind == "nonsense" else f"= {client.row}"
    condition = f"endpoint = '/websocket' AND client_id {whose}"
    events = programme.admin.count("spp_oauth_event", condition)
    listener = Listener(programme.url, token, last=0)
    wait_until(lambda: listener.closed)
    assert listener.closed == (REFUSED, reason)
    assert not listener.messages
    # It is written a second later.
    wait_until(
        lambda: programme.admin.count("spp_oauth_event", condition) == events + 1
    )
    status = requests.get(
        programme.url + LIVE, headers=bearer(token), timeout=60
    ).status_code
    assert status == (403 if kind == "scope" else 401)


def test_who_tries_on_and_on_is_slowed_down(programme: Programme) -> None:
    client = programme.client("attendance:read")
    token = programme.token(client)
    codes = []

    def come() -> int:
        listener = Listener(programme.url, token, last=0)
        wait_until(lambda: listener.closed)
        codes.append(listener.closed[0])
        return codes[-1]

    # Ten within a minute are one too many; they are written a second later.
    wait_until(lambda: come() != REFUSED)
    assert codes[-1] == 1013
    assert len(codes) > 10
    throttled = f"kind = 'throttled' AND client_id = {client.row}"
    assert programme.admin.count("spp_oauth_event", throttled) == 1


def test_how_to_listen_is_told_to_who_may(programme: Programme) -> None:
    token = programme.token(programme.client(EVENTS))
    live = ask(programme.url, token)
    assert live["websocket_url"].startswith(programme.url.replace("http", "ws", 1))
    script = requests.get(live["client_url"], timeout=60)
    assert script.status_code == 200
    assert "AttendanceLive" in script.text
    without = requests.get(programme.url + LIVE, timeout=60)
    assert_json_error(without, 401, "unauthorized")


def revoke(programme: Programme, client: Client, token: str) -> None:
    answer = requests.post(
        f"{programme.url}/oauth2/revoke",
        data={"token": token},
        auth=client.pair,
        timeout=60,
    )
    assert answer.status_code == 200


def test_what_is_taken_back_ends_within_a_minute(programme: Programme) -> None:
    clients = [programme.client(EVENTS) for _ in range(5)]
    tokens = [programme.token(client) for client in clients]
    tokens.append(programme.token(clients[0]))
    listeners = programme.listen_all(tokens)
    revoked, archived, without_user, without_scope, untouched, sibling = listeners
    revoke(programme, clients[0], tokens[0])
    programme.admin.write(clients[1], active=False)
    programme.admin.archive_user(clients[2])
    programme.admin.write(clients[3], scope_ids=[(5,)])
    gone = [revoked, archived, without_user, without_scope]
    wait_until(lambda: all(listener.closed for listener in gone), seconds=60)
    assert [listener.closed for listener in gone] == [
        (REFUSED, "The token was revoked."),
        (REFUSED, "The client of this token is no longer active."),
        (REFUSED, "The client of this token is no longer active."),
        (REFUSED, f"The token lacks the scope {EVENTS}."),
    ]
    made = programme.record(None)
    told_all([untouched, sibling], [set(made.values())] * 2)
    assert not any(listener.records for listener in gone)


def test_a_token_that_expires_is_told_nothing_more(programme: Programme) -> None:
    key = programme.admin.signing_key()
    client = programme.client(EVENTS)
    seen = jwt.decode(programme.token(client), key)
    expires = int(time.time()) + 25
    token = jwt.encode(seen.header, {**seen.claims, "exp": expires}, key)
    programme.tokens.append(token)
    # What the row of a token says that was issued so.
    programme.running.query(
        f"UPDATE spp_oauth_token SET expires_at = to_timestamp({expires})"
        f" AT TIME ZONE 'UTC' WHERE jti = '{seen.claims['jti']}'"
    )
    listener = programme.listen(token)
    untouched = programme.listen(programme.token(programme.client(EVENTS)))
    before = programme.record(None)
    told_all([listener, untouched], [set(before.values())] * 2)
    wait_until(lambda: time.time() > expires)
    after = programme.record(None)
    told_all([untouched], [{*before.values(), *after.values()}])
    wait_until(lambda: listener.closed, seconds=60)
    assert listener.closed == (REFUSED, "The token has expired.")
    assert listener.records == list(before.values())


def test_a_token_is_renewed_over_the_same_socket(programme: Programme) -> None:
    client = programme.client(EVENTS)
    old, new = programme.token(client), programme.token(client)
    listener = programme.listen(old)
    before = programme.record(None)
    wait_until(lambda: listener.records)
    listener.subscribe(TOKEN + new, last=listener.last_id)
    revoke(programme, client, old)
    witness = programme.listen(programme.token(client))
    witness_revoked = programme.listen(programme.token(client))
    revoke(programme, client, programme.tokens[-1])
    # When that one is closed, all of this process have been looked at since.
    wait_until(lambda: witness_revoked.closed, seconds=60)
    after = programme.record(None)
    told_all([listener], [{*before.values(), *after.values()}])
    told_all([witness], [set(after.values())])


def test_who_comes_back_is_told_what_was_missed(programme: Programme) -> None:
    token = programme.token(programme.client(EVENTS))
    listener = programme.listen(token)
    first = programme.record(None)
    wait_until(lambda: listener.records)
    listener.close()
    missed = [programme.record(None)[None] for _ in range(5)]
    again = programme.listen(token, last=listener.last_id)
    wait_until(lambda: len(again.records) >= 5)
    assert again.records == missed
    assert first[None] not in again.records
    assert not again.of_type("error_occurred")


def test_who_was_away_for_long_is_told_so_first(programme: Programme) -> None:
    client = programme.client(EVENTS)
    token = programme.token(client)
    listener = programme.listen(token)
    programme.record(None)
    wait_until(lambda: listener.records)
    last = listener.last_id
    other = programme.listen(token)
    listener.close()
    other.close()
    programme.running.query(
        "UPDATE spp_attendance_live_channel"
        " SET seen_at = seen_at - INTERVAL '2 hours' WHERE user_id = ("
        f"SELECT user_id FROM spp_oauth_client WHERE id = {client.row})"
    )
    # As the script does: to ask how to listen is not to have been there.
    ask(programme.url, token)
    again = programme.listen(token, last=last)
    assert again.events[0]["type"] == "error_occurred"
    assert again.events[0]["data"]["code"] == "missed"
    made = programme.record(None)
    told_all([again], [set(made.values())])


def test_many_come_back_at_once(programme: Programme) -> None:
    """Clients of one user, all in the same moment: each of them is let in."""
    token = programme.token(programme.client(EVENTS))
    listeners: list[Listener] = []

    def come() -> None:
        listeners.append(Listener(programme.url, token, last=1))

    threads = [threading.Thread(target=come) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    programme.listeners += listeners
    wait_until(lambda: all(found.of_type("system_status") for found in listeners))
    made = programme.record(None)
    wait_until(lambda: all(made[None] in listener.records for listener in listeners))


def test_clients_of_a_node_that_is_restarted_catch_up(start_server) -> None:
    """Two nodes, one of them in the production shape: nobody misses anything."""
    running = start_server(workers=2)
    # Odoo's own, of the process that has the sockets.
    running.expect(r"py\.warnings", r"(?s).*Queue\(0\) now equivalent.*")
    programme = Programme(running)
    node = SecondNode(programme.running)
    node.start()
    try:
        tokens = [programme.token(programme.client(EVENTS)) for _ in range(6)]
        here = programme.listen_all(tokens[:3])
        there = programme.listen_all(tokens[3:], url=node.url)
        made = [
            programme.record(None)[None],
            programme.record(None, url=node.url)[None],
        ]
        told_all([*here, *there], [set(made)] * 6)
        node.stop()
        wait_until(lambda: all(listener.is_over for listener in there))
        meanwhile = [programme.record(None)[None] for _ in range(5)]
        told_all(here, [{*made, *meanwhile}] * 3)
        node.start()
        back = [
            programme.listen(token, url=node.url, last=listener.last_id)
            for token, listener in zip(tokens[3:], there, strict=True)
        ]
        wait_until(lambda: all(len(listener.records) >= 5 for listener in back))
        assert [listener.records for listener in back] == [meanwhile] * 3
        later = programme.record(None, url=node.url)[None]
        told_all(back, [{*meanwhile, later}] * 3)
        told_all(here, [{*made, *meanwhile, later}] * 3)
        # What is taken back at one node ends at the others as well.
        programme.admin.session.call(
            "spp.oauth.token",
            "action_revoke",
            programme.admin.session.call(
                "spp.oauth.token", "search", [("state", "=", "valid")]
            ),
        )
        wait_until(
            lambda: all(listener.closed for listener in [*here, *back]), seconds=60
        )
        codes = {listener.closed[0] for listener in [*here, *back]}
        assert codes == {REFUSED}
        programme.end()
    finally:
        node.stop()
    node.check()
