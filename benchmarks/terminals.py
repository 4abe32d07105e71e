"""200 terminals with 500 new scans each, polled and stored by a server's own lanes.

Terminals are simulated, and each keeps its lane waiting for a second: so the network
alone needs as long as all of them one after the other, over those asked at once. Beside
that and what PostgreSQL takes of the very rows that were stored, the larger counts.
"""

from __future__ import annotations

import json
import time
from functools import partial
from statistics import median

from psycopg2.extras import execute_values

from _suite.shell import step

from .measure import Figure, rounds
from .place import Place

#: 1.5 times the larger of the two limits.
MIN_RATIO = 1 / 1.5
TERMINALS = 200
SCANS = 500
TOTAL = TERMINALS * SCANS
LATENCY = 1
#: Of each terminal; nobody uses two.
PEOPLE = 20
#: Rows of scheduled actions that poll, each of which asks so many at once.
LANES = 2
PAGE_SIZES = (100, 1_000, 5_000)
#: What a poll stores, what is referred to first; and the order in which a scan comes
#: with its attendance.
TABLES = {"spp_attendance_record": "id", "spp_attendance_scan": "record_id"}
#: Seconds after which something must be wrong.
PATIENCE = 300


def run(place: Place) -> list[Figure]:
    """Measure a server with workers; as the service users of the terminals."""
    stage = Stage(place)
    with place.serving(workers=2):
        stage.empty()
        stage.poll()  # fills what Odoo caches, and shows what is stored
        baseline = Baseline(place)
        sides = {
            "polled": stage.poll,
            **{
                f"execute_values, pages of {size:,}": partial(baseline.insert, size)
                for size in PAGE_SIZES
            },
        }
        rates = rounds(
            sides, place.rounds, before=stage.empty, after=lambda _side: stage.check()
        )
        asked_at_once = LANES * stage.parallel
    network = LATENCY * TERMINALS / asked_at_once
    insert = TOTAL / max(median(rates[side]) for side in sides if side != "polled")
    return [
        Figure(
            "terminals",
            f"{TERMINALS} terminals x {SCANS} new scans, {LATENCY} s latency each,"
            f" {asked_at_once} at once",
            median(rates["polled"]),
            "scans/s",
            TOTAL / max(network, insert),
            min_ratio=MIN_RATIO,
            details={
                "rounds": rates,
                "network_s": network,
                "insert_s": insert,
                "polled_s": TOTAL / median(rates["polled"]),
            },
        )
    ]


class Stage:
    """Terminals, and the people who use them, in a place's database."""

    def __init__(self, place: Place) -> None:
        self.place = place
        with step(f"setting up {TERMINALS} terminals"), place.environment() as env:
            codes = [
                [f"B{number:03}{person:02}" for person in range(PEOPLE)]
                for number in range(TERMINALS)
            ]
            env["spp.attendance.subscriber"].create(
                [
                    {"person_identifier": code, "name": f"Person {code}"}
                    for people in codes
                    for code in people
                ]
            )
            location = env["spp.attendance.location"].create({"name": "Bench"})
            devices = env["spp.attendance.device"]
            devices.create(
                [
                    {
                        "name": f"Terminal {number}",
                        "adapter": "simulated",
                        "location_id": location.id,
                        "poll_interval": 1440,
                        "enabled": False,
                        "options": json.dumps(
                            {
                                "people": people,
                                "scans": SCANS,
                                "latency_s": LATENCY,
                                "seed": f"bench {number}",
                            }
                        ),
                    }
                    for number, people in enumerate(codes)
                ]
            )
            self.parallel = devices._parallelism()
        place.databases.query("ANALYZE", place.database)

    def empty(self) -> None:
        """Begin anew: terminals that nobody has read, and empty tables."""
        self.place.databases.query(
            f"TRUNCATE {', '.join(TABLES)}, spp_attendance_device_run CASCADE;"
            "UPDATE spp_attendance_device SET enabled = FALSE, sync_cursor = NULL,"
            " full_read_at = NULL, last_success_at = NULL, synced_until = NULL;",
            self.place.database,
        )
        # Autovacuum would choose its moment.
        self.place.databases.query(
            "VACUUM ANALYZE spp_attendance_device", self.place.database
        )

    def poll(self) -> int:
        """Let both lanes read all terminals; return the number of scans.

        :raises AssertionError: it takes far too long
        """
        end = time.monotonic() + PATIENCE
        with self.place.connection() as connection, connection.cursor() as cr:
            connection.autocommit = True
            cr.execute(
                "UPDATE spp_attendance_device"
                " SET enabled = TRUE, next_poll_at = now() AT TIME ZONE 'UTC'"
            )
            cr.execute(
                "UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'UTC'"
                " WHERE id IN (SELECT res_id FROM ir_model_data"
                "  WHERE module = 'spp_attendance_devices'"
                "    AND name LIKE 'ir_cron_poll_%')"
            )
            self._wake_workers()
            # The row of a terminal is written in the transaction of its scans.
            waiting = (
                "SELECT count(*) FROM spp_attendance_device"
                " WHERE last_success_at IS NULL OR lease_token IS NOT NULL"
            )
            while cr.execute(waiting) or cr.fetchone()[0]:
                assert time.monotonic() < end, "terminals are not read"
                time.sleep(0.05)
        return TOTAL

    def _wake_workers(self) -> None:
        with self.place.connection("postgres") as connection:
            connection.autocommit = True
            with connection.cursor() as cr:
                cr.execute(
                    "SELECT pg_notify('cron_trigger', %s)", [self.place.database]
                )

    def check(self) -> None:
        """
        :raises AssertionError: a side did not store each scan as attendance
        """
        found = self.place.databases.query(
            "SELECT count(DISTINCT record_id) FROM spp_attendance_scan"
            " WHERE state = 'matched'",
            self.place.database,
        )
        assert int(found) == TOTAL, found


class Baseline:
    """What PostgreSQL takes by `execute_values` of the rows that are stored now."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._tables: list[tuple[str, list[tuple]]] = []
        with place.connection() as connection, connection.cursor() as cr:
            for table, order in TABLES.items():
                # Types that Python has no own ones for go as text.
                cr.execute(
                    "SELECT column_name, udt_name IN ('jsonb', 'xid8')"
                    "  FROM information_schema.columns"
                    " WHERE table_name = %s AND column_name <> 'feed_xid'"
                    "   AND is_generated = 'NEVER' ORDER BY ordinal_position",
                    [table],
                )
                columns = cr.fetchall()
                wanted = ", ".join(
                    f"{name}::text" if as_text else name for name, as_text in columns
                )
                names = ", ".join(name for name, _as_text in columns)
                cr.execute(f"SELECT {wanted} FROM {table} ORDER BY {order}")
                rows = cr.fetchall()
                assert len(rows) == TOTAL, (table, len(rows))
                self._tables.append((f"INSERT INTO {table} ({names}) VALUES %s", rows))

    def insert(self, page_size: int) -> int:
        """Insert all rows, a commit a terminal; return the number of scans."""
        with self._place.connection() as connection, connection.cursor() as cr:
            for start in range(0, TOTAL, SCANS):
                for sql, rows in self._tables:
                    part = rows[start : start + SCANS]
                    execute_values(cr, sql, part, page_size=page_size)
                connection.commit()
        return TOTAL
