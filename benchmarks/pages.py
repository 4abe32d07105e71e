"""One person's page out of millions of records, and the last page of a long list."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from typing import TYPE_CHECKING

from _suite.shell import step

from .generate import generate, register
from .measure import Figure
from .place import Place
from .records import Stage

if TYPE_CHECKING:
    from odoo.api import Environment

#: The same number of records a person in both, so that the pages are alike.
EACH = 250
FEW = 50_000
MANY = 5_000_000
LIMIT = 100
#: Pages of different people in a turn.
PAGES = 200
MIN_RATIO = 1 / 1.3
MIN_RATIO_LAST = 1 / 1.5


def run(place: Place) -> list[Figure]:
    """Measure in this process, as the service user of an API client."""
    from odoo.modules.registry import Registry
    from odoo.sql_db import close_db

    stage = Stage(place)
    small = f"{place.database}_small"
    # A copy, so that the two can take turns: what else runs here disturbs both alike.
    Registry.delete(place.database)
    close_db(place.database)
    place.databases.clone(place.database, small)
    try:
        for database, count in ((small, FEW), (place.database, MANY)):
            with step(f"{count:,} records in {database}"):
                _fill(place, database, count)
        sides = {
            name: Reader(stage, Registry(database))
            for name, database in (("few", small), ("many", place.database))
        }
        return _measure(place, sides["few"], sides["many"])
    finally:
        Registry.delete(small)
        close_db(small)
        place.databases.drop(small)
        place.registry = Registry(place.database)


def _fill(place: Place, database: str, count: int) -> None:
    with place.connection(database) as connection:
        register(connection, count // EACH)
        generate(connection, count)
        connection.commit()
    place.databases.query("VACUUM ANALYZE", database)


class Reader:
    """Reads pages of one database as a service user, a transaction each."""

    def __init__(self, stage: Stage, registry: object) -> None:
        self._stage = stage
        self._registry = registry
        with self.environment() as env:
            people = env["spp.attendance.subscriber"].search(
                [("person_identifier", "like", "GEN-")], limit=PAGES
            )
            self.people = people.mapped("person_identifier")
            self.last_cursor = self._cursor_of_the_last_page(env)

    @contextmanager
    def environment(self) -> Iterator[Environment]:
        from odoo.api import Environment

        with self._registry.cursor() as cr:
            yield Environment(cr, self._stage.user_id, self._stage.context)

    def _cursor_of_the_last_page(self, env: Environment) -> str:
        from odoo.addons.spp_oauth.api import Cursor

        records = env["spp.attendance.record"].search(
            [], order="date_time, id", limit=LIMIT + 1
        )
        before = records[-1]
        return Cursor.encode(
            "-date_time", before._api_sort_value("date_time"), before.id
        )

    def person(self, number: int) -> int:
        """Read the first page of a person; return the number of statements."""
        return self._read(person_identifier=[self.people[number % len(self.people)]])

    def first(self) -> int:
        """Read the first page of all."""
        return self._read()

    def last(self) -> int:
        """Read the last page of all."""
        return self._read(cursor=self.last_cursor)

    def _read(self, **query: object) -> int:
        from odoo.addons.spp_attendance.api import RecordQuery

        with self.environment() as env:
            before = env.cr.sql_log_count
            page = env["spp.attendance.record"]._api_list(
                RecordQuery(limit=LIMIT, **query)
            )
            assert len(page.items) == LIMIT, len(page.items)
            return env.cr.sql_log_count - before


def _measure(place: Place, few: Reader, many: Reader) -> list[Figure]:
    rates: dict[str, list[float]] = {"few": [], "many": [], "first": [], "last": []}
    statements: dict[str, set[int]] = {name: set() for name in rates}
    for number in range(-1, place.rounds):
        seconds = dict.fromkeys(rates, 0.0)
        # One page after the other, so that they share whatever else goes on here.
        for page in range(PAGES):
            for name, read in (
                ("few", lambda: few.person(page)),  # noqa: B023 - called at once
                ("many", lambda: many.person(page)),  # noqa: B023
                ("first", many.first),
                ("last", many.last),
            ):
                started = time.perf_counter()
                count = read()
                seconds[name] += time.perf_counter() - started
                statements[name].add(count)
        if number < 0:  # what is cached is, and what was to be read once has been
            statements = {name: set() for name in rates}
            continue
        for name, total in seconds.items():
            rates[name].append(PAGES / total)
    return [
        Figure(
            "pages",
            f"a person's page out of {MANY:,} records, beside {FEW:,}",
            median(rates["many"]),
            "pages/s",
            median(rates["few"]),
            min_ratio=MIN_RATIO,
            details={"rounds": rates},
        ),
        Figure(
            "pages",
            "SQL statements of that, beside those out of few",
            max(statements["many"]),
            "statements",
            max(statements["few"]),
            max_value=min(statements["few"]),
        ),
        Figure(
            "pages",
            f"last page out of {MANY:,} records, beside the first",
            median(rates["last"]),
            "pages/s",
            median(rates["first"]),
            min_ratio=MIN_RATIO_LAST,
            details={"statements": sorted(statements["last"] | statements["first"])},
        ),
    ]
