"""Twenty terminals with faults at random and workers killed at random: `bin/soak`.

A real server with workers reads fakes of all makes over real sockets, while people go
on scanning. In between terminals misbehave, workers are killed in the middle of
whatever they do, and leases end early, as after a pause of the whole machine. Then the
faults stop, and what is stored must be what the terminals hold.

Time passes more quickly than on a clock: terminals are due every other second, and no
fault has to be waited out.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg2
from biostar_server import BiostarServer
from fake_terminal import FakeTerminal, iso_second
from hikvision_terminal import HikvisionTerminal
from line_terminal import LineTerminal
from odoo_session import Session
from zk_terminal import ZkTerminal

from _suite import toolchain
from _suite.database import Databases
from _suite.paths import state_dir
from _suite.serve import Server
from _suite.shell import SetupError, say

MAKES: tuple[Callable[..., FakeTerminal], ...] = (
    ZkTerminal,
    HikvisionTerminal,
    BiostarServer,
    LineTerminal,
)
TERMINALS = 20
#: Every so many terminals one is spared all faults: it must not notice the others'.
SPARED = 4
#: Of a conversation, in seconds. One that stalls holds up its lane for that long.
TIMEOUT = 3
DEADLINE = 8
#: Seconds between any two of these, on average.
SCAN_EVERY = 0.05
FAULT_EVERY = 0.3
KILL_EVERY = 5.0
DUE_EVERY = 1.5
#: By now every terminal that is well must have been read, with all its scans.
SETTLE = 60
#: Until all have been read once, however bad they are.
PATIENCE = 180
#: What the server said in the last run.
LOG = state_dir() / "soak.log"

#: Faults after which a terminal truly does not hold what it held, or never sent it.
LOSES: dict[str, frozenset[str]] = {
    # It says that there never was such a scan; that it is another one, by its number.
    "lines": frozenset({"gap", "numbers_fall"}),
}


@dataclass
class Report:
    """What happened, and what is wrong: nothing may be."""

    seed: int
    seconds: float
    terminals: Counter = field(default_factory=Counter)
    scans: int = 0
    stored: int = 0
    records: int = 0
    faults: Counter = field(default_factory=Counter)
    kills: Counter = field(default_factory=Counter)
    leases_ended: int = 0
    results: Counter = field(default_factory=Counter)
    settled: float = 0.0
    idle: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        def counted(counter: Counter) -> str:
            return ", ".join(f"{name} {count}" for name, count in counter.most_common())

        lines = [
            f"seed {self.seed}, {self.seconds:.0f} s of faults",
            f"terminals:      {counted(self.terminals)}",
            f"scans held:     {self.scans}, stored {self.stored}",
            f"attendance:     {self.records} records",
            f"faults:         {counted(self.faults)}",
            f"workers killed: {counted(self.kills)}; leases that ended early:"
            f" {self.leases_ended}",
            f"conversations:  {counted(self.results)}",
            f"all was stored {self.settled:.1f} s after the faults had ended;"
            f" processor of the idle server: {self.idle:.0%}",
        ]
        verdict = [f"  ! {line}" for line in self.wrong] or [
            "none lost, none doubled, no cursor ahead of its rows"
        ]
        return "\n".join([*lines, *verdict])


class Soak:
    """A server and its terminals.

    :param seconds: how long terminals misbehave
    :param seed: of all that is random
    """

    def __init__(self, seconds: float, seed: int) -> None:
        self.report = Report(seed, seconds)
        self._random = random.Random(seed)
        self._resources = contextlib.ExitStack()
        self._scanned: set[tuple[str, datetime]] = set()
        #: By the id of its row.
        self.terminals: dict[int, FakeTerminal] = {}
        self.spared: set[int] = set()
        #: Terminals that numbered their scans anew.
        self._renumbered: set[int] = set()
        self._children: set[int] = set()

    def run(self) -> Report:
        """Do all of it; whatever was started is over afterwards."""
        with self._resources:
            say("starting the server")
            self._start()
            say(f"{len(self.terminals)} terminals misbehave")
            self._misbehave()
            say("no faults any more")
            self._settle()
            self._judge()
        return self.report

    # ------------------------------------------------------------------ set-up

    def _start(self) -> None:
        folder = Path(self._resources.enter_context(tempfile.TemporaryDirectory()))
        self.server = Server(
            state=folder,
            database=f"spp_test_{os.getpid()}_soak",
            port=0,
            workers=2,
            demo=False,
            volatile=True,
            cluster_state=state_dir(),
            tools=toolchain.ensure(dev=True),
        )
        self._resources.callback(self._stop)
        session = Session(self.server.start())
        self._connection = self._connect(self.server.database)
        self._notifier = self._connect("postgres")
        self._new_terminals(session)

    def _stop(self) -> None:
        for name in ("_connection", "_notifier"):
            if connection := getattr(self, name, None):
                connection.close()
        tools, cluster = self.server.tools, self.server.server
        self.server.stop()
        with contextlib.suppress(FileNotFoundError):
            shutil.copy(self.server.log, LOG)
        with cluster.running():
            databases = Databases(tools, cluster, self.server.state / "data")
            databases.drop(self.server.database)

    def _connect(self, database: str) -> psycopg2.extensions.connection:
        env = {**os.environ, **self.server.server.env()}
        connection = psycopg2.connect(
            dbname=database,
            host=env["PGHOST"],
            port=env["PGPORT"],
            user=env["PGUSER"],
        )
        connection.autocommit = True
        return connection

    def _new_terminals(self, session: Session) -> None:
        call = session.call
        companies = call("res.company", "search", [])
        networks = {
            "attendance_terminal_networks": "127.0.0.0/8",
            # Each scan is a record of its own.
            "attendance_scan_window": 0,
        }
        call("res.company", "write", companies, networks)
        fakes = [self._resources.enter_context(make()) for make in self._makes()]
        for number, fake in enumerate(fakes):
            fake.serial = f"SOAK{number:04}"
        rows = call(
            "spp.attendance.device",
            "create",
            [
                {
                    "name": f"Terminal {number}",
                    "timeout": TIMEOUT,
                    "deadline": DEADLINE,
                    "poll_interval": 1440,
                    **fake.values(),
                }
                for number, fake in enumerate(fakes)
            ],
        )
        self.terminals = dict(zip(rows, fakes, strict=True))
        # As many of them as there are makes, at least one of each.
        self.spared = set(rows[: len(MAKES)]) | set(self._also_spared(rows))
        self._people = {
            row: [f"{number + 1:03}{person:02}" for person in range(10)]
            for number, row in enumerate(rows)
        }
        known = [code for codes in self._people.values() for code in codes[:7]]
        call(
            "spp.attendance.subscriber",
            "create",
            [{"person_identifier": code, "name": f"Person {code}"} for code in known],
        )
        self._known = set(known)
        self.report.terminals = Counter(fake.make for fake in fakes)

    def _makes(self) -> list[Callable[..., FakeTerminal]]:
        return [MAKES[number % len(MAKES)] for number in range(TERMINALS)]

    def _also_spared(self, rows: list[int]) -> list[int]:
        return rows[::SPARED]

    # ------------------------------------------------------------------ faults

    def _misbehave(self) -> None:
        end = time.monotonic() + self.report.seconds
        acts: list[tuple[Callable[[], None], float]] = [
            (self._scan, SCAN_EVERY),
            (self._misbehave_once, FAULT_EVERY),
            (self._kill_worker, KILL_EVERY),
            (self._pass_time, DUE_EVERY),
            (self._check_cursors, DUE_EVERY),
        ]
        due = [time.monotonic() + pause for _act, pause in acts]
        while (now := time.monotonic()) < end:
            for number, (act, pause) in enumerate(acts):
                if now >= due[number]:
                    act()
                    due[number] = now + pause * self._random.uniform(0.5, 1.5)
            self._children |= _talking(self.server.pids[0])
            time.sleep(0.02)

    def _scan(self) -> None:
        """Some people come by, somewhere."""
        self._scan_at(self._random.choice(list(self.terminals)))

    def _scan_at(self, row: int) -> None:
        moment = datetime.now(UTC).replace(microsecond=0, tzinfo=None)
        people = self._random.sample(self._people[row], self._random.randint(1, 6))
        # Nobody twice in one second: that would be the same scan.
        new = {(code, moment) for code in people} - self._scanned
        self._scanned |= new
        rows = [
            (code, moment, self._random.choice(("in", "out")))
            for code, _ in sorted(new)
        ]
        self.terminals[row].extend(rows)

    def _misbehave_once(self) -> None:
        """A terminal gets a fault, or is well again."""
        row = self._random.choice([r for r in self.terminals if r not in self.spared])
        terminal = self.terminals[row]
        if terminal.fault and self._random.random() < 0.5:
            terminal.fault = ""
            return
        faults = terminal.FAULTS - LOSES.get(terminal.make, frozenset())
        self._set_fault(row, self._random.choice(sorted(faults)))

    def _set_fault(self, row: int, fault: str) -> None:
        self.terminals[row].fault = fault
        self.report.faults[fault] += 1
        if fault == "numbers_fall":
            self._renumbered.add(row)

    def _kill_worker(self) -> None:
        """Kill a worker in the middle of whatever it does; most often one of those for
        scheduled actions, which talk to terminals."""
        cron, web = self._workers()
        kind, pids = ("cron", cron) if self._random.random() < 0.8 else ("http", web)
        if not pids:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._random.choice(pids), signal.SIGKILL)
            self.report.kills[kind] += 1
        if kind == "cron":
            # As time passes the dead worker's leases end. Others', too: as after a
            # pause of the machine somebody goes on whose lease is another's by now.
            self.report.leases_ended += self._execute(
                "UPDATE spp_attendance_device"
                "   SET lease_until = now() AT TIME ZONE 'UTC'"
                " WHERE lease_until > now() AT TIME ZONE 'UTC'"
            )

    def _workers(self) -> tuple[list[int], list[int]]:
        """Process ids of workers: for scheduled actions, and for HTTP.

        The former close the socket at which the others listen.
        """
        master = self.server.pids[0]
        listening = {
            target for target in _sockets(master) if target in _listening_sockets()
        }
        cron, web = [], []
        for pid in _children(master):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
                if b"gevent" not in command.split(b"\0"):
                    (web if listening & _sockets(pid) else cron).append(pid)
        return cron, web

    def _pass_time(self) -> None:
        """All are due, and a person has seen to those that wait for one."""
        self._execute(
            """
            UPDATE spp_attendance_device
               SET next_poll_at = now() AT TIME ZONE 'UTC',
                   retry_at = CASE WHEN circuit = 'closed' THEN retry_at
                                   ELSE now() AT TIME ZONE 'UTC' END
             WHERE lease_until IS NULL OR lease_until < now() AT TIME ZONE 'UTC'
            """
        )
        self._execute(
            "UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'UTC' WHERE id IN"
            " (SELECT res_id FROM ir_model_data WHERE module = 'spp_attendance_devices'"
            "  AND name LIKE 'ir_cron_poll_%')"
        )
        with self._notifier.cursor() as cr:
            cr.execute("SELECT pg_notify('cron_trigger', %s)", [self.server.database])

    def _execute(self, sql: str) -> int:
        """Run a statement for as long as others hold its rows; how many it changed."""
        while True:
            with self._connection.cursor() as cr:
                try:
                    cr.execute(sql)
                except psycopg2.errors.DeadlockDetected:
                    continue
                return cr.rowcount

    def _rows(self, sql: str, *values: Any) -> list[tuple]:
        with self._connection.cursor() as cr:
            cr.execute(sql, values)
            return cr.fetchall()

    # --------------------------------------------------------------- judgement

    def _check_cursors(self) -> None:
        """At no moment a cursor is ahead of the rows that it covers."""
        for row, cursor, count, last in self._rows(
            """
            SELECT d.id, d.sync_cursor, count(s.id),
                   max(NULLIF(s.number, '')::numeric)
                       FILTER (WHERE s.number ~ '^[0-9]+$')
              FROM spp_attendance_device d
         LEFT JOIN spp_attendance_scan s ON s.device_id = d.id
             WHERE d.sync_cursor IS NOT NULL
          GROUP BY d.id
            """
        ):
            covered = (cursor or {}).get("rows", 0)
            if covered > count:
                self._wrong(row, f"its cursor covers {covered} rows of {count}")
            numbered = (cursor or {}).get("seq", (cursor or {}).get("serial_no"))
            # A scan keeps the number that it came with first.
            if row in self._renumbered:
                continue
            if isinstance(numbered, int) and numbered > (last or 0):
                self._wrong(row, f"its cursor is at {numbered}, its rows at {last}")

    def _settle(self) -> None:
        """No faults any more: in time all is stored."""
        started = time.monotonic()
        for terminal in self.terminals.values():
            terminal.fault = ""
        # Conversations with whom was bad end by their deadline, dead workers' never.
        self._execute(
            "UPDATE spp_attendance_device"
            " SET circuit = 'closed', failure_count = 0, retry_at = NULL"
        )
        due = 0.0
        while time.monotonic() < started + SETTLE:
            if time.monotonic() >= due:
                self._execute(
                    "UPDATE spp_attendance_device SET lease_until = NULL WHERE"
                    f" lease_until < now() AT TIME ZONE 'UTC' + interval '{DEADLINE} s'"
                )
                self._pass_time()
                due = time.monotonic() + DUE_EVERY
            if self._missing() == 0:
                break
            self._children |= _talking(self.server.pids[0])
            time.sleep(0.2)
        self.report.settled = time.monotonic() - started

    def _held(self, row: int) -> set[tuple[str, str]]:
        return self.terminals[row].held()

    def _stored(self) -> dict[int, list[tuple[str, str]]]:
        """Badge and moment of all that is stored, but for what faults made up."""
        stored: dict[int, list[tuple[str, str]]] = {row: [] for row in self.terminals}
        for row, code, moment in self._rows(
            "SELECT device_id, user_code, scan_time FROM spp_attendance_scan"
            " WHERE scan_time BETWEEN %s AND %s",
            min((moment for _code, moment in self._scanned), default=None),
            max((moment for _code, moment in self._scanned), default=None),
        ):
            stored[row].append((code, iso_second(moment)))
        return stored

    def _missing(self) -> int:
        stored = self._stored()
        return sum(len(self._held(row) - set(stored[row])) for row in self.terminals)

    def _judge(self) -> None:
        report = self.report
        stored = self._stored()
        for row in self.terminals:
            held, found = self._held(row), Counter(stored[row])
            if lost := held - found.keys():
                self._wrong(row, f"{len(lost)} scans lost, such as {min(lost)}")
            if doubled := [scan for scan, count in found.items() if count > 1]:
                self._wrong(row, f"{len(doubled)} doubled, such as {min(doubled)}")
            if other := found.keys() - held:
                self._wrong(row, f"{len(other)} it never had, such as {min(other)}")
            report.scans += len(held)
            report.stored += sum(found.values())
        self._check_cursors()
        self._judge_records(stored)
        for row, result, count in self._rows(
            "SELECT device_id, result, count(*) FROM spp_attendance_device_run"
            " GROUP BY device_id, result"
        ):
            report.results[result] += count
            if row in self.spared and result != "ok":
                self._wrong(row, f"was spared all faults, but ended {count}: {result}")
        self._judge_processes()

    def _judge_records(self, stored: dict[int, list[tuple[str, str]]]) -> None:
        """Each scan of somebody who is known is one record."""
        expected = Counter(
            scan
            for scans in stored.values()
            for scan in set(scans)
            if scan[0] in self._known
        )
        found = Counter(
            (code, iso_second(moment))
            for code, moment in self._rows(
                "SELECT s.person_identifier, r.date_time FROM spp_attendance_record r"
                " JOIN spp_attendance_subscriber s ON s.id = r.subscriber_id"
                " WHERE r.active"
            )
        )
        self.report.records = sum(found.values())
        if found != expected:
            missing, more = expected - found, found - expected
            self.report.wrong.append(
                f"attendance: {sum(missing.values())} records missing,"
                f" {sum(more.values())} too many"
            )

    def _judge_processes(self) -> None:
        """Nothing goes on in the background: no child, and no busy loop."""
        self._wait(lambda: not _talking(self.server.pids[0]))
        if left := [pid for pid in self._children if _is_child(pid)]:
            self.report.wrong.append(f"{len(left)} conversations never ended")
        pids = [self.server.pids[0], *_children(self.server.pids[0])]
        self.report.idle = _processor_share(pids, 3)
        if self.report.idle > 0.2:
            self.report.wrong.append(
                f"the server is not idle: {self.report.idle:.0%} of a processor"
            )

    def _wait(self, check: Callable[[], object]) -> None:
        end = time.monotonic() + DEADLINE + 5
        while not check() and time.monotonic() < end:
            time.sleep(0.1)

    def _wrong(self, row: int, what: str) -> None:
        make = self.terminals[row].make
        self.report.wrong.append(f"terminal {row} ({make}): {what}")


class Matrix(Soak):
    """Each fault of each make at a terminal of its own, for two conversations at least.

    Nobody kills workers, so that it is the fault alone that is judged.
    """

    def __init__(self) -> None:
        super().__init__(0, seed=0)
        #: Of a terminal: what is wrong with it, if it is not spared.
        self._faults = [
            (make, fault)
            for make in MAKES
            for fault in sorted(make.FAULTS - LOSES.get(make.make, frozenset()))
        ]

    def _makes(self) -> list[Callable[..., FakeTerminal]]:
        return [*MAKES, *(make for make, _fault in self._faults)]

    def _also_spared(self, rows: list[int]) -> list[int]:
        return []

    def _misbehave(self) -> None:
        self._everybody_scans()
        # What was read before is what a fault might spoil.
        self._until_read(1)
        misbehaving = list(self.terminals)[len(MAKES) :]
        for row, (_make, fault) in zip(misbehaving, self._faults, strict=True):
            self._set_fault(row, fault)
        for _time in range(2):
            self._everybody_scans()
            self._until_read(1)
            self._check_cursors()

    def _everybody_scans(self) -> None:
        for row in self.terminals:
            self._scan_at(row)

    def _until_read(self, times: int) -> None:
        """Wait until all have been talked to so often from now on.

        :raises AssertionError: it takes far too long
        """
        before = self._runs()
        started = time.monotonic()
        due = 0.0
        while any(self._runs()[row] - before[row] < times for row in self.terminals):
            assert time.monotonic() < started + PATIENCE, "terminals are not read"
            if time.monotonic() >= due:
                self._pass_time()
                due = time.monotonic() + DUE_EVERY
            self._children |= _talking(self.server.pids[0])
            time.sleep(0.2)

    def _runs(self) -> Counter:
        return Counter(
            dict(
                self._rows(
                    "SELECT device_id, count(*) FROM spp_attendance_device_run"
                    " WHERE kind = 'poll' GROUP BY device_id"
                )
            )
        )


# -------------------------------------------------------------------- processes


def _children(pid: int) -> list[int]:
    found: list[int] = []
    # The process may end at any moment, and so may any of its threads.
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                found += map(int, path.read_text().split())
    return found


def _family(pid: int) -> Iterator[int]:
    for child in _children(pid):
        yield child
        yield from _family(child)


def _is_child(pid: int) -> bool:
    """Whether a process is one that talks to a terminal."""
    try:
        return b"devices.child" in Path(f"/proc/{pid}/cmdline").read_bytes().split(
            b"\0"
        )
    except (FileNotFoundError, ProcessLookupError):
        return False


def _talking(master: int) -> set[int]:
    """Processes below Odoo's that talk to terminals now."""
    return {pid for pid in _family(master) if _is_child(pid)}


def _sockets(pid: int) -> set[str]:
    found = set()
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for path in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found.add(os.readlink(path))
    return {target for target in found if target.startswith("socket:")}


def _listening_sockets() -> set[str]:
    rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return {f"socket:[{row.split()[9]}]" for row in rows if row.split()[3] == "0A"}


def _processor_share(pids: Sequence[int], seconds: float) -> float:
    """Of one processor, what these processes take together."""
    before, started = _ticks(pids), time.monotonic()
    time.sleep(seconds)
    passed = time.monotonic() - started
    return (_ticks(pids) - before) / os.sysconf("SC_CLK_TCK") / passed


def _ticks(pids: Sequence[int]) -> int:
    total = 0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(stat[11]) + int(stat[12])
    return total


def main(words: Sequence[str] | None = None) -> int:
    """What `bin/soak` does; 1 when something is wrong."""
    parser = argparse.ArgumentParser(
        prog="bin/soak",
        description="Twenty terminals of all makes, with faults at random and workers"
        " killed at random; at the end what is stored must be what they hold.",
    )
    parser.add_argument(
        "--seconds", type=float, default=300, help="of faults (default 300)"
    )
    parser.add_argument(
        "--seed", type=int, help="to have the same again, as far as time allows"
    )
    parser.add_argument(
        "--each",
        action="store_true",
        help="each fault of each make at a terminal of its own instead",
    )
    options = parser.parse_args(words)
    # So that an end by `kill` or by a closed terminal cleans up like Ctrl-C.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(130))
    if options.each:
        report = Matrix().run()
    else:
        seed = random.randrange(1_000_000) if options.seed is None else options.seed
        say(f"seed {seed}")
        report = Soak(options.seconds, seed).run()
    sys.stdout.write(f"\n{report}\n")
    return 1 if report.wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SetupError as problem:
        sys.exit(str(problem))
    except KeyboardInterrupt:
        sys.exit(130)
