"""What a token costs: to verify it, and on the way to a route that does no more."""

from __future__ import annotations

import gc
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from statistics import median
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import RSAKey
from joserfc.util import urlsafe_b64decode

from .measure import Figure, middle, rounds
from .place import Place

MIN_RATIO = 0.80
#: CPU time of one verification that is not the RSA operation itself.
MAX_MICROSECONDS = 500
MAX_QUERIES = 1
SCOPE = "attendance:read"
#: Verifications in a turn.
TOKENS = 500
#: Requests in a turn, and turns in a round: short ones, because what else a machine has
#: to do comes and goes.
REQUESTS = 250
TURNS = 8
CONNECTIONS = 2
UNLIMITED = 1_000_000
OURS = "/api/bench/ours"
BARE = "/bench/bare"
#: Of the body that both answer with.
END = b'"x"}'
#: What a server is called in the table → its worker processes.
SHAPES = {"threaded": 0, "2 workers behind nginx": 2}
ADDRESS = "127.0.0.1"


def run(place: Place) -> list[Figure]:
    """Measure verification in this process, then the way through a real server."""
    place.install_probe()
    token = _token(place)
    return [*_verification(place, token), *_routes(place, token)]


def _token(place: Place) -> str:
    """A token of a client that no limit of requests concerns."""
    with place.environment() as env:
        client, secret = env["spp.oauth.client"]._new_client(
            "Benchmark", [SCOPE], rate_limit=UNLIMITED, token_lifetime=86_400
        )
        form = {
            "grant_type": ["client_credentials"],
            "client_id": [client.client_id],
            "client_secret": [secret],
        }
        answer, _client = env["spp.oauth.server"]._token_response(form, None, ADDRESS)
        assert answer.status == 200, answer.body
        return answer.body["access_token"]


def _verification(place: Place, token: str) -> list[Figure]:
    """Ours beside the bare RSA operation on the same token, both in CPU time."""
    from odoo.addons.spp_oauth.oauth import tokens

    with place.environment() as env:
        key = env["spp.oauth.key"]._signing_key()
        server = env["spp.oauth.server"]

        def verify() -> None:
            tokens._decoded.clear()  # as if it was seen for the first time
            server._authenticate(token, ADDRESS)

        verify()  # fills what Odoo caches
        before = env.cr.sql_log_count
        verify()
        queries = env.cr.sql_log_count - before
        times: dict[str, list[float]] = {"ours": [], "rsa": []}
        sides = {"ours": verify, "rsa": _bare_rsa(key, token)}
        gc.collect()
        gc.freeze()
        for _turn in range(place.rounds):
            for name, work in sides.items():
                times[name].append(_microseconds(work))
    ours, rsa = median(times["ours"]), median(times["rsa"])
    return [
        Figure(
            "oauth",
            "SQL queries to verify a token",
            queries,
            "queries",
            max_value=MAX_QUERIES,
        ),
        Figure(
            "oauth",
            f"CPU time to verify a token beside its RSA operation ({rsa:,.0f} µs)",
            ours - rsa,
            "µs",
            max_value=MAX_MICROSECONDS,
            details={"rounds": times},
        ),
    ]


def _microseconds(work: Callable[[], object]) -> float:
    """CPU time that one call of `work` takes; what it waits for doesn't count."""
    started = time.thread_time()
    for _token in range(TOKENS):
        work()
    return (time.thread_time() - started) / TOKENS * 1e6


def _bare_rsa(key: RSAKey, token: str) -> Callable[[], None]:
    head, body, signature = token.encode().split(b".")
    return partial(
        key.public_key.verify,
        urlsafe_b64decode(signature),
        b"%s.%s" % (head, body),
        PKCS1v15(),
        SHA256(),
    )


def _routes(place: Place, token: str) -> list[Figure]:
    """Requests a second of both routes, in turns, against each shape of the server."""
    figures = []
    for shape, workers in SHAPES.items():
        with ExitStack() as stack:
            server = stack.enter_context(place.serving(workers))
            pool = stack.enter_context(ThreadPoolExecutor(CONNECTIONS))
            sides = {
                path: partial(_ask_often, pool, server.url, path, token)
                for path in (OURS, BARE)
            }
            for work in sides.values():
                work()  # loads code and fills caches in each worker
            rates = rounds(
                sides,
                place.rounds * TURNS,
                before=lambda: None,
                after=lambda _side: None,
            )
            ours, bare = middle(rates[OURS], rates[BARE])
            figures.append(
                Figure(
                    "oauth",
                    f"trivial read with a token, {shape}",
                    ours,
                    "requests/s",
                    bare,
                    min_ratio=MIN_RATIO,
                    details={"rounds": rates, "baseline": BARE},
                )
            )
    return figures


def _ask_often(pool: ThreadPoolExecutor, url: str, path: str, token: str) -> int:
    """Ask from several connections at once, each its share; return how many answers.

    :raises AssertionError: an answer was no success
    """
    parts = urlsplit(url)
    place = (parts.hostname, parts.port)
    lines = [f"GET {path} HTTP/1.1", f"Host: {parts.netloc}", "Connection: close"]
    if path == OURS:
        lines.append(f"Authorization: Bearer {token}")
    request = "\r\n".join([*lines, "", ""]).encode()
    work = partial(_ask, place, request)
    return sum(pool.map(work, [REQUESTS // CONNECTIONS] * CONNECTIONS))


def _ask(place: tuple[str, int], request: bytes, count: int) -> int:
    for _number in range(count):
        # Bare sockets: what the asking costs is taken from what is measured.
        with socket.create_connection(place, timeout=60) as connection:
            connection.sendall(request)
            answer = connection.recv(4096)
            # It has to be over before the server closes: werkzeug lingers for 10 ms.
            while not answer.endswith(END):
                chunk = connection.recv(4096)
                assert chunk, answer
                answer += chunk
        assert answer.split(b" ", 2)[1] == b"200", answer
    return count
