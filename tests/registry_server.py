"""A registry of people on loopback, with faults on demand.

It speaks DCI as OpenSPP's registries do (``POST /oauth2/client/token``, ``POST
/registry/sync/search?page=&limit=``) and plain JSON with each kind of paging (``GET
/people/<kind>``). Run as a program it serves made-up people until it is killed, and
writes its address as its first line.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import gzip
import json
import ssl
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

#: Who may ask, by Basic or for a token.
CLIENT = ("programme", "registry-secret-7F3A")
TOKEN_PATH = "/oauth2/client/token"
SEARCH_PATH = "/registry/sync/search"
#: A mark that pages by cursor begin with, so that it is no number.
_MARK = "after:"


def person(number: int, **changes: Any) -> dict[str, Any]:
    """Somebody as a DCI registry tells of them."""
    return {
        "identifier": [
            {"name": "HOUSEHOLD", "identifier": f"H-{number // 4:06}"},
            {"name": "NATIONAL_ID", "identifier": f"P-{number:06}"},
        ],
        "familyName": f"Okafor{number % 977}",
        "givenName": f"Amina{number % 383}",
        "sex": "Female" if number % 2 else "Male",
        "birthDate": f"19{number % 60 + 40}-03-0{number % 9 + 1}",
        "email": f"p{number}@example.org",
        "phoneNumbers": [{"phone": f"+254700{number:06}", "country": "KE"}],
    } | changes


def people(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [person(number) for number in range(start, start + count)]


@dataclass(frozen=True)
class Seen:
    """A request as it arrived; `body` is parsed when it is JSON."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any


class Registry:
    """What is served, and what went on.

    :ivar people: who is in it; may be changed while it runs
    :ivar faults: what happens to the next requests for data, one each: a name of one of
        :class:`_Handler`'s ``fault_`` methods, with its arguments
    :ivar seen: all requests
    :ivar cap: most people a page, whatever is asked for
    :ivar ignores_paging: everything comes each time
    :ivar token_uses: after how many requests a token expires; None: never
    :ivar open_to_all: no credentials are needed
    """

    def __init__(self, people: list[dict[str, Any]]) -> None:
        self.people = people
        self.faults: deque[tuple[str, tuple[Any, ...]]] = deque()
        self.seen: list[Seen] = []
        self.cap: int | None = None
        self.ignores_paging = False
        self.token_uses: int | None = None
        self.open_to_all = False
        self.url = ""
        self.released = threading.Event()
        self._tokens: dict[str, int] = {}
        self._issued = 0
        self._lock = threading.Lock()

    def fail(self, fault: str, *arguments: Any, times: int = 1) -> None:
        """Have the next requests for data fail in a way."""
        self.faults.extend([(fault, arguments)] * times)

    def issue(self) -> str:
        """A new token."""
        with self._lock:
            self._issued += 1
            token = f"token-{self._issued:04}-of-registry"
            self._tokens[token] = 0
            return token

    def accepts(self, authorization: str) -> bool:
        """Whether credentials are valid, and one use less of them."""
        if self.open_to_all:
            return True
        kind, _, value = authorization.partition(" ")
        if kind == "Basic":
            return base64.b64decode(value).decode() == ":".join(CLIENT)
        with self._lock:
            if kind != "Bearer" or value not in self._tokens:
                return False
            self._tokens[value] += 1
            return self.token_uses is None or self._tokens[value] <= self.token_uses

    def requests(self, path: str) -> list[Seen]:
        return [seen for seen in self.seen if seen.path == path]

    def take(self, start: int, limit: int) -> list[dict[str, Any]]:
        if self.ignores_paging:
            return self.people
        return self.people[start : start + min(limit, self.cap or limit)]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One packet an answer, so that none waits for the other.
    wbufsize = -1
    registry: Registry

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def _handle(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        parts = urlsplit(self.path)
        try:
            body: Any = json.loads(raw) if raw else None
        except ValueError:
            body = raw.decode()
        seen = Seen(
            self.command,
            parts.path,
            dict(parse_qsl(parts.query)),
            dict(self.headers.items()),
            body,
        )
        self.registry.seen.append(seen)
        if parts.path == TOKEN_PATH:
            self._token(seen)
        elif not self.registry.accepts(self.headers.get("Authorization", "")):
            self._answer({"error": "invalid_token"}, 401)
        elif self.registry.faults:
            name, arguments = self.registry.faults.popleft()
            # A client that gave up is what some of them are for.
            with contextlib.suppress(OSError):
                getattr(self, f"fault_{name}")(seen, *arguments)
        else:
            self._answer(self._data(seen))

    def _answer(
        self, data: Any, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        self._raw(json.dumps(data).encode(), status, headers)

    def _raw(
        self,
        content: bytes,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        length: int | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(content) if length is None else length),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    # ------------------------------------------------------------------- data

    def _token(self, seen: Seen) -> None:
        body = seen.body
        if isinstance(body, str):
            body = dict(parse_qsl(body))
        if (body.get("client_id"), body.get("client_secret")) != CLIENT:
            self._answer({"error": "invalid_client"}, 401)
        else:
            token = self.registry.issue()
            self._answer({"access_token": token, "token_type": "Bearer"})

    def _data(self, seen: Seen) -> Any:
        if seen.path == SEARCH_PATH:
            return self._search(seen)
        kind = seen.path.removeprefix("/people/")
        query = seen.query
        limit = int(query.get("limit") or 100)
        registry = self.registry
        if kind == "all":
            return registry.people
        if kind == "page":
            start = (int(query.get("page") or 1) - 1) * (registry.cap or limit)
            return {
                "data": registry.take(start, limit),
                "total": len(registry.people),
            }
        if kind == "offset":
            return {"data": registry.take(int(query["offset"]), limit)}
        start = int(query.get("cursor", "").removeprefix(_MARK) or 0)
        rows = registry.take(start, limit)
        end = start + len(rows)
        mark = f"{_MARK}{end}" if end < len(registry.people) else None
        if kind == "cursor":
            return {"data": rows, "next": mark}
        link = f"{seen.path}?cursor={mark}&limit={limit}" if mark else None
        return {"data": rows, "links": {"next": link}}

    def _search(self, seen: Seen) -> Any:
        request = seen.body["message"]["search_request"][0]
        page, limit = int(seen.query.get("page", 1)), int(seen.query.get("limit", 30))
        criteria = request["search_criteria"]
        registry = self.registry
        rows = registry.take((page - 1) * (registry.cap or limit), limit)
        for item in criteria["query"]:
            wanted = item["expression1"]
            rows = [
                row
                for row in rows
                if row.get(wanted["attribute_name"], "") >= wanted["attribute_value"]
            ]
        response = {
            "reference_id": request["reference_id"],
            "status": "succ",
            "data": {
                "reg_record_type": "person",
                "reg_type": criteria["reg_type"],
                "reg_records": rows,
            },
        }
        return {
            "header": {"action": "search", "status": "succ"},
            "message": {
                "transaction_id": seen.body["message"]["transaction_id"],
                # One that found nobody leaves it out.
                "search_response": [response] if rows else [],
            },
            "pagination": {"total": len(registry.people), "page": page},
        }

    # ----------------------------------------------------------------- faults

    def fault_status(
        self, _seen: Seen, status: int, headers: Mapping[str, str] | None = None
    ) -> None:
        """A status, such as 500, or 503 with Retry-After."""
        self._answer({"error": "out of order"}, status, headers)

    def fault_silent(self, _seen: Seen) -> None:
        """No answer until the client is gone or the test is over."""
        self.registry.released.wait(60)
        self.close_connection = True

    def fault_drip(self, seen: Seen, part: str = "body") -> None:
        """A byte now and then, for ever: of the headers or of the body."""
        if part == "body":
            self._raw(b"[", length=1_000_000)
        else:
            self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not self.registry.released.wait(0.02):
            self.wfile.write(b" ")
            self.wfile.flush()
        self.close_connection = True

    def fault_text(
        self, _seen: Seen, content: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        """Whatever a test wants to see answered, with status 200."""
        self._raw(content, headers=headers)

    def fault_json(self, _seen: Seen, data: Any) -> None:
        self._answer(data)

    def fault_truncated(self, seen: Seen) -> None:
        """Half of the answer, then the connection ends."""
        content = json.dumps(self._data(seen)).encode()
        self._raw(content[: len(content) // 2], length=len(content))
        self.close_connection = True

    def fault_truncated_chunks(self, _seen: Seen) -> None:
        """The same of an answer that doesn't say how long it is."""
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"20\r\n[")
        self.close_connection = True

    def fault_hang_up(self, _seen: Seen) -> None:
        """No answer, and the connection ends."""
        self.close_connection = True

    def fault_no_http(self, _seen: Seen) -> None:
        self.wfile.write(b"220 mail.example.org ESMTP\r\n")
        self.close_connection = True

    def fault_huge(
        self,
        _seen: Seen,
        size: int,
        start: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """An answer without end, that doesn't say how long it is."""
        self.send_response(200)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(start)
        for _ in range(size // 65536):
            self.wfile.write(b" " * 65536)
        self.close_connection = True

    def fault_gzip(self, seen: Seen) -> None:
        """The right answer, compressed."""
        content = gzip.compress(json.dumps(self._data(seen)).encode())
        self._raw(content, headers={"Content-Encoding": "gzip"})

    def fault_redirect(self, _seen: Seen, url: str, status: int = 302) -> None:
        self._raw(b"", status, {"Location": url})

    def fault_rejects(self, seen: Seen, reason: str) -> None:
        """DCI's way to refuse, with status 200."""
        self._answer(
            {
                "header": {"status": "rjct", "status_reason_code": "rjct.reg_type"},
                "message": {
                    "search_response": [
                        {
                            "status": "rjct",
                            "status_reason_code": "rjct.reg_type.invalid",
                            "status_reason_message": reason,
                        }
                    ]
                },
            }
        )


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is what some tests are about."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


@contextlib.contextmanager
def serving(
    everybody: list[dict[str, Any]] | None = None,
    *,
    context: ssl.SSLContext | None = None,
    prepare: Callable[[Registry], None] = lambda _registry: None,
) -> Iterator[Registry]:
    """A registry on a free port of loopback inside the block.

    :param everybody: who is in it; default: 25 made-up people
    :param context: for https
    """
    registry = Registry(people(25) if everybody is None else everybody)
    prepare(registry)
    handler = type("Handler", (_Handler,), {"registry": registry})
    server = _Server(("127.0.0.1", 0), handler)
    scheme = "http"
    if context:
        scheme = "https"
        server.socket = context.wrap_socket(server.socket, server_side=True)
    registry.url = f"{scheme}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        registry.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


def main() -> None:
    """Serve until killed, or until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=1000)
    options = parser.parse_args()
    with serving(people(options.people)) as registry:
        sys.stdout.write(f"{registry.url}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
