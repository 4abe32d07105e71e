"""100,000 records of a ZKTeco terminal, pulled and stored, beside plain pyzk.

The terminal is that of the tests, in a process of its own on loopback. Ours is a poll
as lanes do it: lease, conversation in a child process, scans in the database, cursor
and run, each committed. The plain way is ``get_attendance()`` and, as Odoo's addons for
terminals do it, a ``create()`` for each in one transaction; what a bare INSERT for each
makes of it is measured as well. Nobody's badges are known, so that all store scans and
nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from statistics import median
from typing import Any

from _suite.paths import ROOT

from .measure import Figure, Memory, rounds
from .place import Place

MIN_RATIO = 5
RECORDS = 100_000
FEW = 20_000
NEW = 10
#: MB by which the peak may be higher: what the allocator keeps in pieces.
MAX_GROWTH = 30
TERMINAL = ROOT / "tests" / "zk_terminal.py"


def run(place: Place) -> list[Figure]:
    """Measure in this process, as the service user of the terminal."""
    with terminal() as (port, record):
        stage = Stage(place, port)
        pid = os.getpid()
        record(FEW)
        stage.empty()
        stage.poll()  # fills what Odoo caches
        stage.empty()
        few = Memory([pid])
        stage.poll()
        few_peak = few.peaks()[pid]
        record(RECORDS - FEW)
        stage.empty()
        many = Memory([pid])
        stage.poll()
        many_peak = many.peaks()[pid]
        again = [timed(stage.poll) for _turn in range(place.rounds)]
        daily = timed(partial(stage.poll, full=True))
        rates = rounds(
            {
                "poll": stage.poll,
                "pyzk and create()": stage.pull_and_create,
                "pyzk and INSERT": stage.pull_and_insert,
            },
            place.rounds,
            before=stage.empty,
            after=lambda _side: stage.check(RECORDS),
        )
        stage.empty()
        stage.poll()
        record(NEW)
        new = timed(stage.poll)
        stage.check(RECORDS + NEW)
    first = RECORDS / median(rates["poll"])
    return [
        Figure(
            "zk",
            f"{RECORDS:,} records of a ZKTeco terminal, pulled and stored",
            median(rates["poll"]),
            "records/s",
            median(rates["pyzk and create()"]),
            min_ratio=MIN_RATIO,
            details={"rounds": rates},
        ),
        Figure(
            "zk",
            "the same beside pyzk and a bare INSERT for each",
            median(rates["poll"]),
            "records/s",
            median(rates["pyzk and INSERT"]),
        ),
        Figure(
            "zk",
            "a second pull with nothing new, beside the first",
            1000 * median(again),
            "ms",
            1000 * first,
            max_value=1000 * first / 4,
            details={"rounds": again},
        ),
        Figure(
            "zk",
            f"a pull with {NEW} new of {RECORDS:,}",
            1000 * new,
            "ms",
            1000 * first,
        ),
        Figure(
            "zk",
            "a pull of all with nothing new, as once a day",
            1000 * daily,
            "ms",
            1000 * first,
        ),
        Figure(
            "zk",
            f"growth of the peak of memory, {RECORDS:,} records beside {FEW:,}",
            max(0.0, many_peak - few_peak),
            "MB",
            max_value=MAX_GROWTH,
            details={"peak_mb": {FEW: few_peak, RECORDS: many_peak}},
        ),
    ]


def timed(work: Callable[[], int]) -> float:
    """Seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@contextlib.contextmanager
def terminal() -> Iterator[tuple[int, Callable[[int], None]]]:
    """A terminal's port, and what has it record scans, inside the block."""
    process = subprocess.Popen(
        [sys.executable, TERMINAL],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "spp_attendance_devices")},
    )

    def record(count: int) -> None:
        process.stdin.write(f"{count}\n")
        process.stdin.flush()
        process.stdout.readline()

    try:
        yield int(process.stdout.readline()), record
    finally:
        process.stdin.close()  # at which it ends
        process.wait(30)


class Stage:
    """The terminal in a place's database."""

    def __init__(self, place: Place, port: int) -> None:
        self.place = place
        self._port = port
        with place.environment() as env:
            env.company.attendance_terminal_networks = "127.0.0.0/8"
            self._company_id = env.company.id
            location = env["spp.attendance.location"].create({"name": "Bench"})
            device = env["spp.attendance.device"].create(
                {
                    "name": "Gate",
                    "adapter": "zkteco",
                    "host": "127.0.0.1",
                    "port": port,
                    "location_id": location.id,
                    "tz": "Africa/Nairobi",
                }
            )
            self._device_id = device.id

    def empty(self) -> None:
        """Begin anew: a terminal that nobody has read, and empty tables."""
        self.place.databases.query(
            "TRUNCATE spp_attendance_scan, spp_attendance_device_run CASCADE;"
            "UPDATE spp_attendance_device SET sync_cursor = NULL, full_read_at = NULL;",
            self.place.database,
        )
        self.place.databases.query(
            "VACUUM ANALYZE spp_attendance_device, spp_attendance_scan",
            self.place.database,
        )

    def poll(self, full: bool = False) -> int:
        """Read the terminal as a lane does; how many records it holds.

        :raises AssertionError: it was not read
        """
        from odoo.addons.spp_attendance_devices import polling

        with self.place.environment() as env:
            device = env["spp.attendance.device"].browse(self._device_id)
            device.next_poll_at = env.cr.now()
            if full:
                device.full_read_at = False
        with self.place.environment() as env:
            [claim] = env["spp.attendance.device"]._claim_due()
        talk = polling.talk(claim)
        with self.place.environment() as env:
            env["spp.attendance.device"]._store_in(env, talk)
            device = env["spp.attendance.device"].browse(self._device_id)
            assert not device.error_code, (device.error_code, device.error_detail)
        return RECORDS

    def pull_and_create(self) -> int:
        """All records by plain pyzk, the ORM's ``create()`` for each."""
        records = self._pull()
        with self.place.environment() as env:
            scans = env["spp.attendance.scan"]
            for values in map(self._values, records):
                scans.create(values)
        return len(records)

    def pull_and_insert(self) -> int:
        """All records by plain pyzk, an INSERT for each."""
        records = self._pull()
        with self.place.connection() as database, database, database.cursor() as cr:
            for values in map(self._values, records):
                cr.execute(
                    f"INSERT INTO spp_attendance_scan ({', '.join(values)})"
                    f" VALUES ({', '.join(['%s'] * len(values))})"
                    " ON CONFLICT (device_id, scan_uid) DO NOTHING",
                    list(values.values()),
                )
        return len(records)

    def _pull(self) -> list[Any]:
        from zk import ZK

        terminal = ZK("127.0.0.1", port=self._port, timeout=30, ommit_ping=True)
        terminal.connect()
        records = terminal.get_attendance()
        terminal.disconnect()
        return records

    def _values(self, record: Any) -> dict[str, Any]:
        text = f"{record.user_id}|{record.timestamp}"
        return {
            "device_id": self._device_id,
            "company_id": self._company_id,
            "scan_uid": hashlib.sha256(text.encode()).hexdigest(),
            "user_code": record.user_id,
            "local_time_raw": str(record.timestamp),
            "scan_time": record.timestamp,
            "local_date": record.timestamp.date(),
            "scan_type": "in",
            "state": "unmatched",
            "received_at": record.timestamp,
        }

    def check(self, count: int) -> None:
        """
        :raises AssertionError: not each record was stored, and once
        """
        found = self.place.databases.query(
            "SELECT count(*), count(DISTINCT (user_code, local_time_raw))"
            " FROM spp_attendance_scan WHERE state = 'unmatched'",
            self.place.database,
        )
        assert found.split("|") == [str(count)] * 2, found
