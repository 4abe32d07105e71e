"""A scan that a terminal pushes (ADMS), beside a bare route that inserts one row.

Both are answered when they are committed. What is pushed is matched meanwhile, by the
same processes.
"""

from __future__ import annotations

import itertools
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import datetime, timedelta
from functools import partial
from urllib.parse import urlsplit

from _suite.shell import step

from .measure import Figure, middle, rounds
from .place import Place

MIN_RATIO = 0.5
TERMINALS = 20
PEOPLE = 200
#: Requests in a turn, and turns in a round: short ones, because what else a machine has
#: to do comes and goes.
REQUESTS = 250
TURNS = 8
CONNECTIONS = 2
FIRST = datetime(2026, 6, 1, 6)
BARE = "/bench/insert"
#: What a server is called in the table → its worker processes.
SHAPES = {"threaded": 0, "2 workers behind nginx": 2}
#: Seconds after which something must be wrong.
PATIENCE = 120
TIMEOUT = 60


def run(place: Place) -> list[Figure]:
    """Measure against each shape of the server."""
    place.install_probe()
    stage = Stage(place)
    figures = []
    for shape, workers in SHAPES.items():
        with ExitStack() as stack:
            server = stack.enter_context(place.serving(workers))
            pool = stack.enter_context(ThreadPoolExecutor(CONNECTIONS))
            netloc = urlsplit(server.url).netloc
            sides = {
                "push": partial(_post_often, pool, netloc, stage.pushed),
                BARE: partial(_post_often, pool, netloc, stage.bare),
            }
            for work in sides.values():
                work()  # loads code and fills caches in each worker
            stage.check()
            rates = rounds(
                sides,
                place.rounds * TURNS,
                before=lambda: None,
                after=lambda _side: stage.check(),
            )
        ours, bare = middle(rates["push"], rates[BARE])
        figures.append(
            Figure(
                "push",
                f"ADMS push of one scan, {shape}",
                ours,
                "pushes/s",
                bare,
                min_ratio=MIN_RATIO,
                details={"rounds": rates, "baseline": BARE},
            )
        )
    return figures


class Stage:
    """Terminals that push, people whose badges they read, and a table for the bare
    route."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._numbers = itertools.count()
        self._sent = {"push": 0, "bare": 0}
        with step(f"setting up {TERMINALS} terminals"), place.environment() as env:
            env["spp.attendance.subscriber"].create(
                [
                    {"person_identifier": f"{n}", "name": f"Person {n}"}
                    for n in range(1, PEOPLE + 1)
                ]
            )
            location = env["spp.attendance.location"].create({"name": "Bench"})
            env["spp.attendance.device"].create(
                [
                    {
                        "name": f"Terminal {number}",
                        "adapter": "zkteco",
                        "mode": "push",
                        "serial": f"BENCH{number:04}",
                        "location_id": location.id,
                    }
                    for number in range(TERMINALS)
                ]
            )
        place.databases.query(
            "CREATE TABLE bench_row (id serial PRIMARY KEY, line text)", place.database
        )
        place.databases.query("ANALYZE", place.database)

    def pushed(self) -> tuple[str, bytes]:
        """Path and body of one push: a scan that was not there before."""
        number = next(self._numbers)
        self._sent["push"] += 1
        serial = f"BENCH{number % TERMINALS:04}"
        path = f"/iclock/cdata?SN={serial}&table=ATTLOG&Stamp=9999"
        return path, self._line(number)

    def bare(self) -> tuple[str, bytes]:
        """The same line for the bare route."""
        self._sent["bare"] += 1
        return BARE, self._line(next(self._numbers))

    def _line(self, number: int) -> bytes:
        # Far enough apart that nobody's scans are duplicates.
        moment = FIRST + timedelta(seconds=number)
        return f"{number % PEOPLE + 1}\t{moment}\t0\t1\t0\t0\t0\n".encode()

    def check(self) -> None:
        """Wait until what was pushed is matched.

        :raises AssertionError: something that was acknowledged is not there, or was not
            matched
        """
        end = time.monotonic() + PATIENCE
        while self._count("spp_attendance_scan_queue") or self._count(
            "spp_attendance_scan WHERE state = 'unmatched'"
        ):
            assert time.monotonic() < end, "scans are not matched"
            time.sleep(0.1)
        assert self._count("spp_attendance_scan") == self._sent["push"]
        assert self._count("bench_row") == self._sent["bare"]

    def _count(self, what: str) -> int:
        return int(
            self.place.databases.query(
                f"SELECT count(*) FROM {what}", self.place.database
            )
        )


def _post_often(
    pool: ThreadPoolExecutor, netloc: str, make: Callable[[], tuple[str, bytes]]
) -> int:
    """Post from several connections at once, each its share; return how many answers.

    :raises AssertionError: something was not acknowledged
    """
    requests = [_request(netloc, *make()) for _number in range(REQUESTS)]
    shares = (requests[at::CONNECTIONS] for at in range(CONNECTIONS))
    return sum(pool.map(partial(_send, netloc), shares))


def _request(netloc: str, path: str, body: bytes) -> bytes:
    lines = (
        f"POST {path} HTTP/1.1",
        f"Host: {netloc}",
        "User-Agent: iClock Proxy/1.09",
        "Connection: close",
        "Content-Type: text/plain",
        f"Content-Length: {len(body)}",
        "",
        "",
    )
    return "\r\n".join(lines).encode() + body


def _send(netloc: str, requests: list[bytes]) -> int:
    host, _colon, port = netloc.partition(":")
    for request in requests:
        # Bare sockets, one a request, as terminals do.
        with socket.create_connection((host, int(port)), timeout=TIMEOUT) as connection:
            connection.sendall(request)
            answer = b"".join(_whole(connection))
        assert answer.split(b" ", 2)[1] == b"200", answer
        assert b"OK: 1" in answer, answer
    return len(requests)


def _whole(connection: socket.socket) -> Iterator[bytes]:
    """An answer up to its end; the server's closing of the connection takes longer."""
    answer = b""
    while True:
        chunk = connection.recv(4096)
        answer += chunk
        yield chunk
        head, blank, body = answer.partition(b"\r\n\r\n")
        if not chunk:
            return
        if blank:
            (length,) = (
                int(line.partition(b":")[2])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length:")
            )
            if len(body) >= length:
                return
