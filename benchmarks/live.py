"""The live feed: how soon a record is told, what listening costs, and whom it slows."""

from __future__ import annotations

import base64
import itertools
import json
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from statistics import median, quantiles
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import websocket

from _suite.shell import step

from . import ingest, ingest_http
from .measure import Figure, Memory, family
from .place import Place
from .records import SCOPES, TOTAL, Stage, compare

SCOPE = "attendance:events"
CLIENTS = 50
SOCKETS = 500
#: Milliseconds from sending a record to its being told.
MAX_DELAY = 300
#: What `SOCKETS` may cost, in MB.
MAX_MEMORY = 300
RECORDS = 40
#: Seconds between two records.
PACE = 0.2
LOCATIONS = 10
UNLIMITED = 1_000_000
LATE = 120
TIMEOUT = 60
#: What a server is called in the table → its worker processes.
SHAPES = {"threaded": 0, "2 workers behind nginx": 2}


def run(place: Place) -> list[Figure]:
    """Measure delay and memory against each shape of the server, then recording."""
    stage = LiveStage(place)
    figures = []
    for shape, workers in SHAPES.items():
        with place.serving(workers) as server:
            figures.append(_delay(stage, server.url, shape, place.rounds))
            if workers:
                # The shape for many: an event loop in one process has all sockets.
                figures.append(_memory(stage, server, shape))
    return figures + _recording(place, stage)


class LiveStage(Stage):
    """Apps that listen: half of them are told everything, half of one place alone."""

    def __init__(self, place: Place) -> None:
        super().__init__(place)
        self._numbers = itertools.count()
        with step(f"making {CLIENTS} apps"), place.environment() as env:
            places = env["spp.attendance.location"].create(
                [{"name": f"L{n}", "code": f"LIVE-{n}"} for n in range(LOCATIONS)]
            )
            officer = env.ref("spp_attendance.spp_oauth_role_officer")
            make = env["spp.oauth.client"]._new_client
            self.apps = []
            for number in range(CLIENTS):
                spot = number % LOCATIONS if number % 2 else None
                vals: dict[str, Any] = {"token_lifetime": 86_400}
                if spot is not None:
                    vals |= {
                        "role_id": officer.id,
                        "attendance_location_ids": [(6, 0, places[spot].ids)],
                    }
                client, secret = make(f"App {number}", [SCOPE], **vals)
                self.apps.append((client.client_id, secret, spot))
            writer, secret = make("Writer", SCOPES, rate_limit=UNLIMITED)
            self.writer = (writer.client_id, secret)

    def empty(self) -> None:
        """Begin anew once all is told of what was recorded before."""
        end = time.monotonic() + LATE
        query = "SELECT count(*) FROM spp_attendance_live_queue"
        while int(self.place.databases.query(query, self.place.database)):
            assert time.monotonic() < end, "not told"
            time.sleep(0.1)
        super().empty()

    def record(self) -> tuple[int, dict[str, Any]]:
        """A record that was not there before, and the number of its place."""
        number = next(self._numbers)
        minute, second = divmod(number, 60)
        spot = number % LOCATIONS
        return spot, {
            "person_identifier": f"BENCH-{number % 5000:05}",
            "date_time": f"2025-01-01T{minute // 60:02}:{minute % 60:02}:{second:02}",
            "location": f"LIVE-{spot}",
            "external_id": f"live/{number}",
        }


class Listeners:
    """Sockets that are subscribed, and a thread that notes what each is told when."""

    def __init__(self, url: str, stage: LiveStage, count: int) -> None:
        tokens = [_token(url, *app[:2], SCOPE) for app in stage.apps]
        live = _get(url, "/api/attendance/live", tokens[0])
        self.sockets: list[websocket.WebSocket] = []
        self.spots: list[int | None] = []
        #: Record id → when it came to which socket.
        self.told: dict[int, dict[int, float]] = {}
        self._over = False
        for number in range(count):
            connection = websocket.create_connection(
                live["websocket_url"], timeout=TIMEOUT
            )
            channel = live["subscription"] + tokens[number % CLIENTS]
            message = {"channels": [channel], "last": live["last_id"]}
            connection.send(json.dumps({"event_name": "subscribe", "data": message}))
            # It is told the status: then it is listening. One after the other, as
            # clients come that wait at random before they connect again.
            assert connection.recv(), "a socket was closed"
            self.sockets.append(connection)
            self.spots.append(stage.apps[number % CLIENTS][2])
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def wanted(self, spot: int) -> set[int]:
        """Numbers of the sockets that are to be told of what happens at a place."""
        return {n for n, mine in enumerate(self.spots) if mine in (None, spot)}

    def close(self) -> None:
        """Go away without a word, as programs do."""
        self._over = True
        self._thread.join()
        for connection in self.sockets:
            connection.shutdown()

    def _read(self) -> None:
        numbers = {c.sock.fileno(): n for n, c in enumerate(self.sockets)}
        poll = select.poll()
        for fileno in numbers:
            poll.register(fileno, select.POLLIN)
        while not self._over:
            for fileno, _event in poll.poll(200):
                number = numbers[fileno]
                text = self.sockets[number].recv()
                now = time.perf_counter()
                assert text, "a socket was closed"
                for message in json.loads(text):
                    for event in message["message"]["payload"]["events"]:
                        if event["type"] == "record_updated":
                            record = event["data"]["id"]
                            self.told.setdefault(record, {})[number] = now


@contextmanager
def _listening(url: str, stage: LiveStage, count: int) -> Iterator[Listeners]:
    with step(f"opening {count} sockets"):
        listeners = Listeners(url, stage, count)
    try:
        yield listeners
    finally:
        listeners.close()


def _delay(stage: LiveStage, url: str, shape: str, turns: int) -> Figure:
    """From when a record is sent, so before it is committed, to when it is told."""
    stage.empty()
    token = _token(url, *stage.writer, "attendance:write")
    with _listening(url, stage, CLIENTS) as listeners:
        _tell(stage, url, token, listeners, 3)  # fills caches
        delays = [
            delay
            for _turn in range(turns)
            for delay in _tell(stage, url, token, listeners, RECORDS)
        ]
    return Figure(
        "live",
        f"from a record to {CLIENTS} clients of different rights, median, {shape}",
        median(delays),
        "ms",
        max_value=MAX_DELAY,
        details={
            "percentile_90": quantiles(delays, n=10)[-1],
            "most": max(delays),
            "count": len(delays),
        },
    )


def _tell(
    stage: LiveStage, url: str, token: str, listeners: Listeners, count: int
) -> list[float]:
    """Record one by one; return the milliseconds after which each client was told.

    :raises AssertionError: somebody is told too much, or nothing
    """
    begun: dict[int, float] = {}
    wanted: dict[int, set[int]] = {}
    for _number in range(count):
        spot, item = stage.record()
        started = time.perf_counter()
        [result] = _post(url, token, [item])
        assert result["status"] == "created", result
        begun[result["id"]], wanted[result["id"]] = started, listeners.wanted(spot)
        time.sleep(PACE)
    end = time.monotonic() + LATE
    while any(
        wanted[record] - listeners.told.get(record, {}).keys() for record in begun
    ):
        assert time.monotonic() < end, "not told"
        time.sleep(0.05)
    for record, clients in wanted.items():
        assert listeners.told[record].keys() == clients, "told too much"
    return [
        (moment - begun[record]) * 1000
        for record in begun
        for moment in listeners.told[record].values()
    ]


def _memory(stage: LiveStage, server: Any, shape: str) -> Figure:
    """What all processes grow by, together, while `SOCKETS` are told of records."""
    stage.empty()
    token = _token(server.url, *stage.writer, "attendance:write")
    with _listening(server.url, stage, CLIENTS) as listeners:
        _tell(stage, server.url, token, listeners, 3)  # fills caches
    memory = Memory(pid for parent in server.pids for pid in family(parent))
    started = time.perf_counter()
    with _listening(server.url, stage, SOCKETS) as listeners:
        opened = time.perf_counter() - started
        delays = _tell(stage, server.url, token, listeners, 10)
        growth = sum(peak - memory.start[pid] for pid, peak in memory.peaks().items())
    return Figure(
        "live",
        f"growth of memory by {SOCKETS} clients that are told, {shape}",
        growth,
        "MB",
        max_value=MAX_MEMORY,
        details={"opening_s": opened, "median_delay_ms": median(delays)},
    )


def _recording(place: Place, stage: LiveStage) -> list[Figure]:
    """Rates of recording while `CLIENTS` listen, beside the same baseline as ever."""
    with ExitStack() as stack:
        server = stack.enter_context(place.serving(0))
        stack.enter_context(_listening(server.url, stage, CLIENTS))
        bodies = [json.dumps({"records": batch}).encode() for batch in stage.batches]
        client = ingest_http.Client(server.url, stage)
        few = ({"records": batch[: ingest_http.FEW]} for batch in stage.batches)
        client.send(json.dumps(body).encode() for body in few)
        sides: dict[str, Callable[[], int]] = {
            "HTTP": partial(client.send, bodies),
            "_ingest": stage.ingest_all,
        }
        rates, (name, baseline) = compare(stage, sides)
    return [
        Figure(
            "live",
            f"{what} of {TOTAL:,} records while {CLIENTS} clients are told",
            median(rates[side]),
            "records/s",
            baseline,
            min_ratio=min_ratio,
            details={"rounds": rates[side], "baseline": name},
        )
        for side, what, min_ratio in (
            ("HTTP", "POST, threaded,", ingest_http.MIN_RATIO),
            ("_ingest", "_ingest", ingest.MIN_RATIO),
        )
    ]


def _token(url: str, client_id: str, secret: str, scope: str) -> str:
    pair = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    form = urlencode({"grant_type": "client_credentials", "scope": scope}).encode()
    headers = {"Authorization": f"Basic {pair}"}
    return _ask(Request(f"{url}/oauth2/token", form, headers))["access_token"]


def _get(url: str, path: str, token: str) -> Any:
    return _ask(Request(url + path, headers={"Authorization": f"Bearer {token}"}))


def _post(url: str, token: str, items: list[dict[str, Any]]) -> Any:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    body = json.dumps({"records": items}).encode()
    return _ask(Request(url + ingest_http.PATH, body, headers))["results"]


def _ask(request: Request) -> Any:
    with urlopen(request, timeout=TIMEOUT) as response:
        return json.load(response)
