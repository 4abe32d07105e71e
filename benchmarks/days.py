"""Days of 5,000 people and 1.1 million readings, beside one statement of SQL."""

from __future__ import annotations

import datetime
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from _suite.shell import step

from . import day_data
from .measure import MB, Figure, Memory
from .place import Place

#: How much longer than the one statement a full backfill may take.
MAX_RATIO = 2.5
MAX_STATEMENTS = 12
#: People whose days are done in a piece, and of whom a day is dirty.
PIECE = 100
DIRTY = 10_000


class Stage:
    """The people and their readings in a place's database.

    :param people: how many; `SPP_BENCH_PEOPLE` for a smaller trial
    """

    def __init__(self, place: Place, people: int) -> None:
        self.place = place
        self.first = datetime.date.fromisoformat(day_data.FIRST)
        self.last = datetime.date.fromisoformat(day_data.LAST)
        with place.environment() as env:
            company = env["res.company"].search([], order="id", limit=1)
            locations = env["spp.attendance.location"].create(
                [{"name": zone, "code": zone, "tz": zone} for zone in day_data.ZONES]
            )
            departments = env["spp.attendance.department"].create(
                [{"name": name} for name in ("Days", "Nights")]
            )
            night = env["spp.attendance.shift"].create(
                {
                    "name": "Night",
                    "start": 22,
                    "end": 6,
                    "overtime_start": 6,
                    "extra_start": 8,
                }
            )
            env["spp.attendance.shift.assignment"].create(
                {
                    "shift_id": night.id,
                    "department_id": departments[1].id,
                    "date_from": "1970-01-01",
                }
            )
            self.names = {
                "company": company.id,
                "people": people,
                "locations": locations.ids,
                "departments": departments.ids,
                "first": self.first,
                "last": self.last,
            }
        with step(f"readings of {people:,} people"), place.connection() as connection:
            day_data.fill(connection, **self.names)
        with place.environment() as env:
            env["spp.attendance.day.queue"]._add_people()
            env.cr.execute("DELETE FROM spp_attendance_day_queue")
            env.cr.execute("UPDATE spp_attendance_day_person SET settle_at = NULL")
            env.cr.execute(
                "SELECT subscriber_id FROM spp_attendance_day_person ORDER BY 1"
            )
            self.people = [person for (person,) in env.cr.fetchall()]
        place.databases.query("VACUUM ANALYZE", place.database)

    def empty(self) -> None:
        sql = "TRUNCATE spp_attendance_day CASCADE"
        self.place.databases.query(sql, self.place.database)

    def ours(self) -> int:
        """The backfill, as its lane does it: a transaction for each piece."""
        with self.place.environment() as env:
            run = env["spp.attendance.day.run"].create(
                {"date_from": self.first, "date_to": self.last}
            )
            run.action_start()
            run_id = run.id
        while True:
            with self.place.environment() as env:
                run = env["spp.attendance.day.run"].browse(run_id)
                run._step()
                if run.state == "done":
                    return run.changed_count

    def baseline(self) -> int:
        """The one statement."""
        from odoo.addons.spp_attendance.days import _COLUMNS

        keys = ("subscriber_id", "date", "computed", "override")
        names = [name for name, _kind in _COLUMNS if name not in keys]
        sql = day_data.BASELINE
        for word, form in (
            ("set", "{0} = EXCLUDED.{0}"),
            ("old", "d.{0}"),
            ("new", "EXCLUDED.{0}"),
        ):
            text = ", ".join(form.format(name) for name in names)
            sql = sql.replace(f"%({word})s", text)
        with self.place.connection() as connection, connection.cursor() as cr:
            # As good as a plan can be: PostgreSQL knows nothing of what it makes.
            cr.execute("SET enable_nestloop = off")
            cr.execute("SET work_mem = '256MB'")
            cr.execute(sql, {**self.names, "now": datetime.datetime.now()})
            found = cr.rowcount
            connection.commit()
        return found

    def stored(self) -> str:
        """A digest of all days, but for what differs by their making."""
        return self.place.databases.query(
            "SELECT count(*), sum(hashtextextended((to_jsonb(d) - '{id,create_date,"
            "write_date,override,computed,is_locked,edited_by,edited_at,notes}'::text[]"
            ")::text, 0)) FROM spp_attendance_day d",
            self.place.database,
        )

    def claim(self, rows: list[tuple[Any, ...]]) -> tuple[int, int]:
        """Queue what is dirty and compute it; statements, and how many days it was."""
        with self.place.environment() as env:
            env.cr.execute(
                "INSERT INTO spp_attendance_day_queue (person, date_from, date_to)"
                " SELECT * FROM unnest(%s::int[], %s::date[], %s::date[])",
                [list(column) for column in zip(*rows, strict=True)],
            )
        statements = 0
        done = 1
        while done:
            with self.place.environment() as env:
                before = env.cr.sql_log_count
                done = env["spp.attendance.day.queue"]._work()
                statements += env.cr.sql_log_count - before
        return statements, len(rows)


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    done = work()
    return time.perf_counter() - started, done


def run(place: Place) -> list[Figure]:
    """Measure in this process; each round anew, both sides one after the other."""
    stage = Stage(place, int(os.environ.get("SPP_BENCH_PEOPLE", day_data.PEOPLE)))
    seconds: dict[str, list[float]] = {"ours": [], "sql": [], "again": [], "sql2": []}
    digest = None
    growth = 0.0
    for number in range(1, place.rounds + 1):
        with step(f"round {number} of {place.rounds}"):
            stage.empty()
            took, days = _timed(stage.baseline)
            seconds["sql"].append(took)
            digest = stage.stored()
            seconds["sql2"].append(_timed(stage.baseline)[0])
            stage.empty()
            memory = Memory([os.getpid()])
            took, ours = _timed(stage.ours)
            growth = max(growth, memory.growth())
            seconds["ours"].append(took)
            assert ours == days, (ours, days)
            assert stage.stored() == digest, "other days than the one statement finds"
            seconds["again"].append(_timed(stage.ours)[0])
    pairs = zip(seconds["ours"], seconds["sql"], strict=True)
    took, beside = sorted(pairs, key=lambda pair: pair[0] / pair[1])[place.rounds // 2]
    again = sorted(seconds["again"])[place.rounds // 2]
    day = datetime.date(2026, 3, 2)
    rows = [
        (person, day + datetime.timedelta(days=number), None)
        for number in range(DIRTY // min(DIRTY, len(stage.people)))
        for person in stage.people
    ]
    rows = [(person, on, on) for person, on, _until in rows][:DIRTY]
    took_dirty, (statements, dirty) = _timed(partial(stage.claim, rows))
    _one, (few, _days) = _timed(partial(stage.claim, rows[:1]))
    took_one, _found = _timed(partial(stage.claim, rows[1:2]))
    return [
        Figure(
            "days",
            f"backfill of {days:,} days, beside one statement with its insert",
            days / took,
            "days/s",
            days / beside,
            min_ratio=1 / MAX_RATIO,
            details={"seconds": seconds},
        ),
        Figure("days", "the same again, nothing changed", days / again, "days/s"),
        Figure(
            "days",
            "growth of memory in a full backfill",
            growth,
            "MB",
            max_value=150,
            details={"unit": MB},
        ),
        Figure(
            "days",
            f"{dirty:,} dirty days",
            dirty / took_dirty,
            "days/s",
            details={"seconds": took_dirty},
        ),
        Figure(
            "days",
            "SQL statements for 1,000 dirty days",
            statements / dirty * 1_000,
            "statements",
            max_value=MAX_STATEMENTS,
        ),
        Figure(
            "days",
            "SQL statements from the queue to one day, the look for more included",
            few,
            "statements",
            max_value=MAX_STATEMENTS + 3,
        ),
        Figure("days", "from the queue to one day", took_one * 1_000, "ms"),
    ]
