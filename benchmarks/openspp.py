"""1,000 time cards in OpenSPP's dialect, beside one by one through the ORM.

The latter is what the app does that the dialect comes from: a search for each card, and
a record for each.
"""

from __future__ import annotations

import http.client
import json
import random
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from .measure import Figure, rounds
from .place import Place
from .records import FIRST_DAY, LOCATIONS, SEED, TYPES, Stage

MIN_RATIO = 15
CARDS = 1_000
PEOPLE = 100
#: Small enough to show what a request costs in statements, whatever its size.
FEW = 10
PATH = "/attendances"

#: Who came: identifier, local date and time, id of the type, id of the location.
Card = tuple[str, str, int, int]


def run(place: Place) -> list[Figure]:
    """Measure one client of a threaded server, and this process."""
    stage = Stage(place)
    with place.environment() as env:
        types, locations = (
            env[model].search([("code", "in", codes)]).ids
            for model, codes in (
                ("spp.attendance.type", TYPES),
                ("spp.attendance.location", LOCATIONS),
            )
        )
    cards = _cards(types, locations)
    stage.empty()
    _statements(stage, cards[:FEW])  # fills what Odoo caches
    stage.empty()
    few = _statements(stage, cards[:FEW])
    stage.empty()
    many = _statements(stage, cards)
    expected = _stored(place)
    with place.serving(0) as server:
        client = Client(server.url, stage)
        sides: dict[str, Callable[[], int]] = {
            "POST": partial(client.post, cards),
            "one by one": partial(_one_by_one, stage, cards),
        }

        def check(name: str) -> None:
            assert _stored(place) == expected, f"{name} stored something else"

        stage.empty()
        for side in sides.values():  # a turn of each that doesn't count
            side()
            stage.empty()
        rates = rounds(sides, place.rounds, before=stage.empty, after=check)
    return [
        Figure(
            "openspp",
            f"POST /attendances of {CARDS:,} cards, threaded",
            median(rates["POST"]),
            "cards/s",
            median(rates["one by one"]),
            min_ratio=MIN_RATIO,
            details={"rounds": rates},
        ),
        Figure(
            "openspp",
            f"SQL statements for {CARDS:,} cards, beside {FEW}",
            many,
            "statements",
            few,
            max_value=few,
        ),
    ]


def _cards(types: list[int], locations: list[int]) -> list[Card]:
    """100 people on 10 days each, at any time of the day and in any order."""
    chance = random.Random(SEED)
    found = []
    for number in range(CARDS):
        day = FIRST_DAY + timedelta(days=number // PEOPLE)
        second = chance.randrange(6 * 3600, 19 * 3600)
        time = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
        found.append(
            (
                f"BENCH-{number % PEOPLE:05}",
                f"{day} {time}",
                chance.choice(types),
                chance.choice(locations),
            )
        )
    chance.shuffle(found)
    return found


def _submission(cards: list[Card]) -> dict[str, Any]:
    records: dict[str, list[dict[str, Any]]] = {}
    for person, date_time, type_id, location_id in cards:
        records.setdefault(person, []).append(
            {
                "date_time": date_time,
                "attendance_type": type_id,
                "attendance_location": location_id,
            }
        )
    return {
        "submitted_by": "benchmark",
        "submitted_datetime": "2026-06-30 18:00:00",
        "records": [
            {"person_id": person, "time_card": time_card}
            for person, time_card in records.items()
        ],
    }


class Client:
    """An app with one connection, which it keeps, and a token that it got before."""

    def __init__(self, url: str, stage: Stage) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=600)
        own = {"client_id": stage.client_id, "client_secret": stage.secret}
        answer = self._post("/auth/token", own, {})
        self._headers = {"Authorization": f"Bearer {answer['access_token']}"}

    def post(self, cards: list[Card]) -> int:
        """Record cards in one request; return their number.

        :raises AssertionError: the server refuses something
        """
        self._post(PATH, _submission(cards), self._headers)
        return len(cards)

    def _post(self, path: str, body: Any, headers: dict[str, str]) -> Any:
        self._connection.request("POST", path, json.dumps(body), headers)
        response = self._connection.getresponse()
        answer = response.read()
        assert response.status == http.client.OK, (response.status, answer[:500])
        return json.loads(answer)


def _statements(stage: Stage, cards: list[Card]) -> int:
    """Record cards in this process; return the number of statements."""
    with stage.place.environment(stage.user_id, **stage.context) as env:
        before = env.cr.sql_log_count
        env["spp.attendance.openspp"]._create_attendances({}, _submission(cards))
        return env.cr.sql_log_count - before


def _one_by_one(stage: Stage, cards: list[Card]) -> int:
    """Look for each person, and make each record, by itself; return their number."""
    with stage.place.environment(stage.user_id, **stage.context) as env:
        people, records = env["spp.attendance.subscriber"], env["spp.attendance.record"]
        for identifier, date_time, type_id, location_id in cards:
            person = people.search([("person_identifier", "=", identifier)])
            local_date, _, local_time = date_time.partition(" ")
            records.create(
                {
                    "subscriber_id": person.id,
                    "local_date": local_date,
                    "local_time": local_time,
                    "type_id": type_id,
                    "location_id": location_id,
                }
            )
    return len(cards)


def _stored(place: Place) -> str:
    """A digest of what both sides know of a record."""
    return place.databases.query(
        "SELECT count(*), sum(hashtextextended(concat_ws('|', subscriber_id, date_time,"
        " local_date, local_time, tz, category, type_id, location_id, company_id,"
        " uniqueness_key), 0)) FROM spp_attendance_record",
        place.database,
    )
