"""`records.csv` of a million records, beside `COPY` of the same columns."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from statistics import median
from urllib.parse import urlsplit

from _suite.shell import step

from .generate import generate, register
from .ingest_http import Client
from .measure import Figure, Memory, family, rounds
from .place import Place
from .records import Stage

PEOPLE = 20_000
TOTAL = 1_000_000
MIN_RATIO = 1 / 3
#: MB that a worker may need beyond what it had after a small sheet: buffers, no rows.
MAX_GROWTH = 30
PATH = "/api/attendance/records.csv"
CHUNK = 2**20
SHAPES = {"threaded": 0, "2 workers behind nginx": 2}
COPY = """
    COPY (SELECT r.local_date, r.local_time, r.tz, s.person_identifier, p.name,
                 r.category
            FROM spp_attendance_record r
            JOIN spp_attendance_subscriber s ON s.id = r.subscriber_id
            JOIN res_partner p ON p.id = s.partner_id
           WHERE r.active) TO STDOUT (FORMAT csv)
"""


class _Counter:
    """Takes what is written to it and counts the lines."""

    def __init__(self) -> None:
        self.lines = 0

    def write(self, data: bytes) -> int:
        self.lines += data.count(b"\n")
        return len(data)


def run(place: Place) -> list[Figure]:
    """Measure one client that downloads the whole sheet from each shape of server."""
    stage = Stage(place)
    with step(f"generating {TOTAL:,} records"), place.connection() as connection:
        register(connection, PEOPLE)
        generate(connection, TOTAL)
        connection.commit()
    place.databases.query("VACUUM ANALYZE", place.database)
    figures = []
    for shape, workers in SHAPES.items():
        with place.serving(workers) as server:
            bearer = Client(server.url, stage).bearer()
            ours = _download(server.url, bearer)
            for _number in range(4 * max(1, workers)):  # each worker has its code
                _get(server.url, bearer, f"{PATH}?date_to=2000-01-01")
            memory = Memory(family(server.pids[0]))
            sides = {"csv": ours, "copy": lambda: _copy(place)}
            rates = rounds(
                sides, place.rounds, before=lambda: None, after=lambda _name: None
            )
            growth = memory.growth()
        figures += [
            Figure(
                "csv",
                f"records.csv of {TOTAL:,} records, {shape}",
                median(rates["csv"]),
                "records/s",
                median(rates["copy"]),
                min_ratio=MIN_RATIO,
                details={"rounds": rates},
            ),
            Figure(
                "csv",
                f"growth of a worker's memory meanwhile, {shape}",
                growth,
                "MB",
                max_value=MAX_GROWTH,
            ),
        ]
    return figures


def _download(url: str, bearer: str) -> Callable[[], int]:
    def work() -> int:
        lines = _get(url, bearer, PATH) - 1
        assert lines == TOTAL, lines
        return lines

    return work


def _get(url: str, bearer: str, path: str) -> int:
    """Number of lines of an answer, which is read in pieces.

    :raises AssertionError: it is no success, or shorter than it says
    """
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=600)
    connection.request("GET", path, headers={"Authorization": bearer})
    response = connection.getresponse()
    assert response.status == http.client.OK, response.read(500)
    left = int(response.getheader("Content-Length", ""))
    counter = _Counter()
    while chunk := response.read(CHUNK):
        counter.write(chunk)
        left -= len(chunk)
    connection.close()
    assert not left, f"{left} bytes are missing"
    return counter.lines


def _copy(place: Place) -> int:
    counter = _Counter()
    with place.connection() as connection, connection.cursor() as cr:
        cr.copy_expert(COPY, counter, CHUNK)
    assert counter.lines == TOTAL, counter.lines
    return counter.lines
