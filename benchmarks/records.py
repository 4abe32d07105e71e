"""The records that both ways of recording are measured with, and their baseline."""

from __future__ import annotations

import gc
import random
from collections.abc import Callable
from datetime import date, timedelta
from functools import partial
from typing import Any

from psycopg2.extras import execute_values

from _suite.shell import step

from .measure import best, rounds
from .place import Place

PEOPLE = 5_000
DAYS = 20
BATCH = PEOPLE
TOTAL = PEOPLE * DAYS
TYPES = ("BENCH-TRAINING", "BENCH-WORK")
LOCATIONS = tuple(f"BENCH-{number}" for number in range(1, 6))
FIRST_DAY = date(2026, 6, 1)
PAGE_SIZES = (100, 1_000, 5_000)
SEED = 20_260_601
SCOPES = ["attendance:read", "attendance:write"]

Item = dict[str, Any]


def batches() -> list[list[Item]]:
    """100,000 records as an app sends them, 20 days of 5,000 people, a day a batch.

    The people of a day come in any order, at any time of theirs; half the times bear
    an offset, half the items have an external id and a description.
    """
    chance = random.Random(SEED)
    found = []
    for day in range(DAYS):
        people = list(range(PEOPLE))
        chance.shuffle(people)
        found.append([_item(chance, day, person) for person in people])
    return found


def _item(chance: random.Random, day: int, person: int) -> Item:
    second = chance.randrange(6 * 3600, 19 * 3600)
    time = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
    offset = "+03:00" if chance.random() < 0.5 else ""
    item: Item = {
        "person_identifier": f"BENCH-{person:05}",
        "date_time": f"{FIRST_DAY + timedelta(days=day)}T{time}{offset}",
        "category": "present" if chance.random() < 0.9 else "absent",
        "type": chance.choice(TYPES),
        "location": chance.choice(LOCATIONS),
    }
    if chance.random() < 0.5:
        item["external_id"] = f"visit/{day}/{person}"
        item["description"] = f"Session {day} of the programme, seat {person % 60}"
    return item


def _leave_to_others(_registry: object) -> None:
    """Instead of computing days at once."""


class Stage:
    """People, types, locations and an API client in a place's database."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.batches = batches()
        with step(f"registering {PEOPLE:,} people"), place.environment() as env:
            for model, codes in (
                ("spp.attendance.type", TYPES),
                ("spp.attendance.location", LOCATIONS),
            ):
                env[model].create([{"name": code, "code": code} for code in codes])
            env["spp.attendance.subscriber"].create(
                [
                    {
                        "person_identifier": f"BENCH-{n:05}",
                        "name": f"Person {n}",
                        # So that each record has a day queued, which is part of it.
                        "level_of_work": "worker",
                    }
                    for n in range(PEOPLE)
                ]
            )
            client, self.secret = env["spp.oauth.client"]._new_client(
                name="Benchmark", scopes=SCOPES
            )
            self.client_id = client.client_id
            self.user_id = client.user_id.id
            self.context = {"spp_oauth_client_id": client.id}
        # What is queued is computed by other processes, and not on our clock.
        from odoo.addons.spp_attendance.models import spp_attendance_day_queue

        spp_attendance_day_queue.work = _leave_to_others
        # A database in use has been analysed long ago.
        place.databases.query("ANALYZE", place.database)

    def empty(self) -> None:
        """Begin anew, so that each turn of each side meets the same table."""
        # In the order in which who computes days takes them, or both may wait.
        sql = "TRUNCATE spp_attendance_day_queue, spp_attendance_record CASCADE"
        self.place.databases.query(sql, self.place.database)

    def ingest(self, batch: list[Item]) -> int:
        """Record a batch as the API's service user; return the number of statements.

        :raises AssertionError: an item did not become a record
        """
        with self.place.environment(self.user_id, **self.context) as env:
            model = env["spp.attendance.record"]
            before = env.cr.sql_log_count
            outcomes = model._ingest(batch)
            statements = env.cr.sql_log_count - before
        assert all(outcome.status == "created" for outcome in outcomes)
        return statements

    def ingest_all(self) -> int:
        """Record all batches, a transaction each; return the number of items."""
        for batch in self.batches:
            self.ingest(batch)
        return TOTAL


class Baseline:
    """What PostgreSQL takes by `execute_values` of the rows that a stage stored.

    Made when a stage has stored them: all columns but the id, which the table gives,
    in the order in which they lie in the table.
    """

    def __init__(self, stage: Stage) -> None:
        self._place = stage.place
        with stage.place.connection() as connection, connection.cursor() as cr:
            cr.execute(
                "SELECT column_name FROM information_schema.columns"
                " WHERE table_name = 'spp_attendance_record'"
                " AND column_name NOT IN ('id', 'feed_xid')"
                " ORDER BY ordinal_position"
            )
            self._columns = ", ".join(name for (name,) in cr.fetchall())
            cr.execute(f"SELECT {self._columns} FROM spp_attendance_record")
            rows = cr.fetchall()
        assert len(rows) == TOTAL, len(rows)
        self._batches = [rows[at : at + BATCH] for at in range(0, TOTAL, BATCH)]
        self.digest = self.stored()

    def insert_all(self, page_size: int) -> int:
        """Insert all rows, a commit a batch; return their number."""
        sql = f"INSERT INTO spp_attendance_record ({self._columns}) VALUES %s"
        with self._place.connection() as connection, connection.cursor() as cr:
            for batch in self._batches:
                execute_values(cr, sql, batch, page_size=page_size)
                connection.commit()
        return TOTAL

    def stored(self) -> str:
        """A digest of the content of the table, but for what differs by its making."""
        return self._place.databases.query(
            "SELECT count(*), sum(hashtextextended((to_jsonb(r) - '{id,create_date,"
            "write_date,feed_xid}'::text[])::text, 0)) FROM spp_attendance_record r",
            self._place.database,
        )


def compare(
    stage: Stage, ours: dict[str, Callable[[], int]]
) -> tuple[dict[str, list[float]], tuple[str, float]]:
    """Rates of our sides beside the baseline, all taking turns on an empty table.

    :param ours: name → what stores all the records and returns their number
    :return: name → rates of its turns, for our sides and each page size of the
        baseline; and the name and the median rate of the baseline's best
    :raises AssertionError: a side did not store what the others did
    """
    stage.empty()
    stage.ingest_all()
    baseline = Baseline(stage)
    theirs = {
        f"execute_values, pages of {size:,}": partial(baseline.insert_all, size)
        for size in PAGE_SIZES
    }

    def check(name: str) -> None:
        assert baseline.stored() == baseline.digest, f"{name} stored something else"

    # What exists by now is no garbage, for either side.
    gc.collect()
    gc.freeze()
    rates = rounds(
        {**ours, **theirs}, stage.place.rounds, before=stage.empty, after=check
    )
    return rates, best({name: rates[name] for name in theirs})
