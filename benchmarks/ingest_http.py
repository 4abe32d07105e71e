"""The same records through HTTP with an OAuth token, and what the workers need."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterable
from contextlib import ExitStack
from functools import partial
from statistics import median
from urllib.parse import urlencode, urlsplit

from .measure import Figure, Memory, family
from .place import Place
from .records import BATCH, SCOPES, TOTAL, Stage, compare

MIN_RATIO = 0.45
MAX_GROWTH = 150
FEW = 100
PATH = "/api/attendance/records"
#: What a server is called in the table → its worker processes.
SHAPES = {"threaded": 0, "2 workers behind nginx": 2}


class Client:
    """One app with one connection, which it keeps."""

    def __init__(self, url: str, stage: Stage) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=600)
        pair = f"{stage.client_id}:{stage.secret}".encode()
        self._credentials = f"Basic {base64.b64encode(pair).decode()}"

    def send(self, bodies: Iterable[bytes]) -> int:
        """Get a token and post batches, one after the other.

        :return: how many records were created
        :raises AssertionError: the server refuses something
        """
        bearer = self.bearer()
        answers = (
            self._post(PATH, body, "application/json", bearer) for body in bodies
        )
        return sum(answer.count(b'"created"') for answer in answers)

    def bearer(self) -> str:
        """Get a token; return the header that bears it."""
        form = {"grant_type": "client_credentials", "scope": " ".join(SCOPES)}
        answer = self._post(
            "/oauth2/token",
            urlencode(form).encode(),
            "application/x-www-form-urlencoded",
            self._credentials,
        )
        return f"Bearer {json.loads(answer)['access_token']}"

    def _post(self, path: str, body: bytes, mimetype: str, authorization: str) -> bytes:
        headers = {"Content-Type": mimetype, "Authorization": authorization}
        self._connection.request("POST", path, body, headers)
        response = self._connection.getresponse()
        answer = response.read()
        assert response.status == http.client.OK, (response.status, answer[:500])
        return answer


def run(place: Place) -> list[Figure]:
    """Measure one client against each shape of the server."""
    stage = Stage(place)
    bodies = [_body(batch) for batch in stage.batches]
    with ExitStack() as servers:
        sides, memories, growths = {}, {}, {}
        for shape, workers in SHAPES.items():
            server = servers.enter_context(place.serving(workers))
            client = Client(server.url, stage)
            # Small ones, several: each worker has its code loaded and its caches full,
            # but none has seen a large batch yet.
            client.send(_body(batch[:FEW]) for batch in stage.batches)
            stage.empty()
            memories[shape] = Memory(family(server.pids[0]))
            growths[shape] = []
            sides[shape] = partial(
                _turn, client, bodies, memories[shape], growths[shape]
            )
        rates, (name, baseline) = compare(stage, sides)
        figures = [
            Figure(
                "ingest_http",
                f"POST of {TOTAL:,} records, {BATCH:,} a request, {shape}",
                median(rates[shape]),
                "records/s",
                baseline,
                min_ratio=MIN_RATIO,
                details={"rounds": rates, "baseline": name},
            )
            for shape in SHAPES
        ]
        return figures + [
            Figure(
                "ingest_http",
                f"growth of a worker's memory meanwhile, {shape}",
                memory.growth(),
                "MB",
                max_value=MAX_GROWTH,
                details={
                    "start": memory.start,
                    "peak": memory.peaks(),
                    "growth_after_each_turn": growths[shape],
                },
            )
            for shape, memory in memories.items()
        ]


def _turn(
    client: Client, bodies: list[bytes], memory: Memory, growths: list[float]
) -> int:
    created = client.send(bodies)
    growths.append(memory.growth())
    return created


def _body(batch: list[dict[str, object]]) -> bytes:
    return json.dumps({"records": batch}).encode()
