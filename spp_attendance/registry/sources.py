"""Where rows come from, page by page, such that one can go on after any page."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Literal
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

from .errors import (
    BadAnswer,
    ForbiddenAddress,
    InvalidConfig,
    Refused,
    RegistryError,
    ServerError,
)
from .mapping import is_storable
from .paths import get
from .transport import Answer, Request, Transport, origin_of

#: Where to go on: plain JSON, so that it can be stored. None is the beginning.
Cursor = dict[str, Any]
Paging = Literal["none", "page", "offset", "cursor", "link"]
AuthKind = Literal["none", "basic", "bearer", "fetched"]

#: Tries of one page, and the longest wait in between (s). A registry that wants more
#: time is asked again by whoever runs the import.
ATTEMPTS: Final = 3
LONGEST_WAIT: Final = 20.0
#: Pages after which it is taken that a registry never ends.
MAX_PAGES: Final = 100_000


@dataclass(frozen=True)
class Page:
    """Some rows.

    :ivar rows: as the source calls things
    :ivar numbers: of each row, counted from 1; in a file the number of its line
    :ivar next_cursor: where the next page begins; None: this was the last one
    :ivar total: rows in all, if the source says it; it may be wrong
    :ivar told_at: when that was, by the source's own clock (UTC), if it says it
    """

    rows: list[dict[str, Any]]
    numbers: list[int]
    next_cursor: Cursor | None = None
    total: int | None = None
    told_at: datetime | None = None


class Source(ABC):
    """Something that has rows. One thread at a time may use it."""

    @abstractmethod
    def page(self, cursor: Cursor | None = None) -> Page:
        """The page that begins at `cursor`. The last page may be empty.

        :raises RegistryError: any of the tree; nothing else is raised
        """

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """Give back what it holds open."""


@dataclass(frozen=True)
class Auth:
    """How a registry knows who asks.

    :ivar user: user name or client id
    :ivar secret: password, client secret or the token itself
    :ivar url: where a token is fetched
    :ivar body: what is sent there, with ``{client_id}`` and ``{client_secret}``; empty:
        the client credentials of OAuth
    :ivar token_path: where the token is in the answer; empty: it is all of it
    """

    kind: AuthKind = "none"
    user: str = ""
    secret: str = field(default="", repr=False)
    url: str = ""
    format: Literal["json", "form"] = "json"
    body: str = field(default="", repr=False)
    token_path: str = "access_token"


@dataclass(frozen=True)
class HttpConfig:
    """What to ask, and where in the answer the rows are.

    Address, headers and body may hold ``{page}``, ``{limit}``, ``{offset}``,
    ``{cursor}``, ``{since}``, ``{now}`` (ISO 8601 in UTC; ``since`` may be empty) and
    ``{uuid}`` (a new one each). A parameter of the address that has nothing after it
    once these are filled in is left out.

    :ivar delta_body: the body when only what has changed is asked for; empty: the same
    :ivar next_path: for paging ``cursor`` and ``link``; empty with ``link``: the
        answer's ``Link`` header
    :ivar rows_path: empty: the answer is the list
    """

    url: str
    method: Literal["GET", "POST"] = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: str = field(default="", repr=False)
    delta_body: str = field(default="", repr=False)
    paging: Paging = "none"
    page_size: int = 1000
    first_page: int = 1
    next_path: str = ""
    rows_path: str = ""
    total_path: str = ""
    auth: Auth = Auth()


_PLACEHOLDER: Final = re.compile(r"\{([a-z_]+)\}")
#: What the templates of a kind of paging must hold.
_NEEDED: Final = {"page": "{page}", "offset": "{offset}", "cursor": "{cursor}"}
_AUTH_BODIES: Final = {
    "json": '{"client_id": "{client_id}", "client_secret": "{client_secret}",'
    ' "grant_type": "client_credentials"}',
    "form": "grant_type=client_credentials&client_id={client_id}"
    "&client_secret={client_secret}",
}
_TYPES: Final = {
    "json": "application/json",
    "form": "application/x-www-form-urlencoded",
}


class HttpSource(Source):
    """Rows of any web address that answers with JSON.

    :param since: only what has changed since then, if the templates ask so (UTC)
    :param now: what ``{now}`` says (UTC); default: the time of each request
    :param sleep: how to wait between tries
    :raises InvalidConfig: templates and kind of paging don't fit
    """

    def __init__(
        self,
        config: HttpConfig,
        transport: Transport,
        *,
        since: datetime | None = None,
        now: datetime | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.config = config
        self._transport = transport
        self._since = since
        self._now = now
        self._sleep = sleep
        self._token: str | None = None
        self._check()

    def _check(self) -> None:
        config = self.config
        origin_of(_PLACEHOLDER.sub("0", config.url))
        needed = _NEEDED.get(config.paging)
        templates = (config.url, config.body, *config.headers.values())
        if needed and not any(needed in template for template in templates):
            raise InvalidConfig(f"Neither address nor body holds {needed}.")
        if config.paging == "cursor" and not config.next_path:
            raise InvalidConfig("The path of the mark for the next page is missing.")
        if config.auth.kind == "fetched":
            origin_of(config.auth.url)

    # ------------------------------------------------------------------ pages

    def page(self, cursor: Cursor | None = None) -> Page:
        at = cursor or {}
        request = self._request(at)
        data, answer = self._ask(request)
        rows = self._rows(data)
        digest = _digest(rows)
        read = int(at.get("read", 0))
        # A registry that ignores what page it is asked for would never end, nor would
        # one that begins anew after its last page.
        if rows and digest in (at.get("digest"), at.get("first")):
            rows = []
        next_at = self._next(at, data, answer, request) if rows else None
        if next_at is not None:
            next_at |= {"read": read + len(rows), "digest": digest}
            next_at["first"] = at.get("first", digest)
            next_at["pages"] = int(at.get("pages", 0)) + 1
            if next_at["pages"] >= MAX_PAGES:
                raise BadAnswer(f"There is no end after {MAX_PAGES} pages.")
        numbers = list(range(read + 1, read + len(rows) + 1))
        told_at = _moment(answer.headers.get("date", ""))
        return Page(rows, numbers, next_at, self._total(data), told_at)

    def _next(
        self, at: Cursor, data: Any, answer: Answer, request: Request
    ) -> Cursor | None:
        """Where the next page begins; that one may turn out to be empty.

        A page with fewer rows than were asked for is not the last one: registries cap
        the size of a page without saying so.
        """
        config = self.config
        match config.paging:
            case "page":
                return {"page": int(at.get("page", config.first_page)) + 1}
            case "offset":
                rows = len(self._rows(data))
                return {"offset": int(at.get("offset", 0)) + rows}
            case "cursor":
                mark = get(data, config.next_path)
                if mark in (None, "", False) or mark == at.get("cursor"):
                    return None
                if not isinstance(mark, str | int) or not is_storable(str(mark)):
                    raise BadAnswer("The mark for the next page is no single value.")
                return {"cursor": mark}
            case "link":
                return self._next_link(at, data, answer, request)
        return None

    def _next_link(
        self, at: Cursor, data: Any, answer: Answer, request: Request
    ) -> Cursor | None:
        if self.config.next_path:
            link = get(data, self.config.next_path)
        else:
            link = _linked(answer.headers.get("link", ""))
        if not link:
            return None
        if not isinstance(link, str):
            raise BadAnswer("The address of the next page is no text.")
        try:
            url = urljoin(request.url, link)
            same = origin_of(url) == origin_of(request.url)
            if not is_storable(url):
                raise ValueError
        except (ValueError, InvalidConfig):
            raise BadAnswer("The address of the next page is not valid.") from None
        if not same:
            # It would get the credentials.
            raise ForbiddenAddress("The next page is on another host.")
        return None if url == request.url else {"url": url}

    def _rows(self, data: Any) -> list[dict[str, Any]]:
        path = self.config.rows_path
        rows = get(data, path) if path else data
        if not isinstance(rows, list):
            where = f"At {path}" if path else "In the answer"
            raise BadAnswer(f"{where} there is no list.")
        if not all(isinstance(row, dict) for row in rows):
            raise BadAnswer("The list holds something other than objects.")
        return rows

    def _total(self, data: Any) -> int | None:
        total = get(data, self.config.total_path) if self.config.total_path else None
        if isinstance(total, str) and total.isascii() and total.isdigit():
            total = int(total)
        return total if type(total) is int and total >= 0 else None

    # --------------------------------------------------------------- requests

    def _request(self, at: Cursor) -> Request:
        config = self.config
        values = {
            "page": at.get("page", config.first_page),
            "limit": config.page_size,
            "offset": at.get("offset", 0),
            "cursor": at.get("cursor", ""),
            "since": _iso(self._since) if self._since else "",
            "now": _iso(self._now or datetime.now(UTC)),
        }
        body = config.delta_body if self._since and config.delta_body else config.body
        url = at.get("url") or _without_empty(
            config.url, lambda text: _filled(text, values, lambda t: quote(t, safe=""))
        )
        headers = {
            name: _filled(value, values, lambda text: text)
            for name, value in config.headers.items()
        }
        if config.method == "POST":
            headers = {"Content-Type": "application/json"} | headers
        content = _filled(body, values, _in_json).encode() if body else None
        return Request(config.method, url, headers, content)

    def _ask(self, request: Request) -> tuple[Any, Answer]:
        """The JSON that a request is answered with, after some tries."""
        retrying = Retrying(
            stop=stop_after_attempt(ATTEMPTS),
            wait=_wait,
            retry=retry_if_exception(_worth_a_try),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(self._ask_once, request)
        except RegistryError as error:
            # What a registry says may repeat what it was told.
            error.detail = self._redacted(error.detail)
            error.args = (self._redacted(str(error)),)
            raise

    def _ask_once(self, request: Request) -> tuple[Any, Answer]:
        known = self._token
        try:
            answer = self._transport.send(self._signed(request))
        except Refused as error:
            if self.config.auth.kind != "fetched" or error.status != 401 or not known:
                raise
            # It may have expired in the meantime; one that is new has not.
            self._token = None
            answer = self._transport.send(self._signed(request))
        data = _json(answer)
        self._verify(data)
        return data, answer

    def _verify(self, data: Any) -> None:
        """Hook: whether an answer with status 200 says that all is well."""

    def _signed(self, request: Request) -> Request:
        auth = self.config.auth
        match auth.kind:
            case "none":
                return request
            case "basic":
                pair = f"{auth.user}:{auth.secret}".encode()
                value = f"Basic {base64.b64encode(pair).decode()}"
            case "bearer":
                value = _bearer(auth.secret)
            case _:
                self._token = self._token or self._fetch_token()
                value = _bearer(self._token)
        headers = {**request.headers, "Authorization": value}
        return Request(request.method, request.url, headers, request.body)

    def _fetch_token(self) -> str:
        auth = self.config.auth
        body = _filled(
            auth.body or _AUTH_BODIES[auth.format],
            {"client_id": auth.user, "client_secret": auth.secret},
            _in_json if auth.format == "json" else lambda text: quote(text, safe=""),
        )
        answer = self._transport.send(
            Request(
                "POST",
                auth.url,
                {"Content-Type": _TYPES[auth.format]},
                body.encode(),
                same_origin=True,
            )
        )
        if auth.token_path:
            token = get(_json(answer), auth.token_path)
        else:
            token = answer.body.decode("utf-8", "replace").strip().strip('"')
        if not isinstance(token, str) or not token.strip():
            raise BadAnswer("The answer to the sign-in holds no token.")
        return token.strip()

    def _redacted(self, text: str) -> str:
        for secret in (self.config.auth.secret, self._token):
            if secret:
                text = text.replace(secret, "***")
        return text


# --------------------------------------------------------------------- helpers


def _worth_a_try(error: BaseException) -> bool:
    if isinstance(error, ServerError) and (error.retry_after or 0) > LONGEST_WAIT:
        return False
    return isinstance(error, RegistryError) and error.transient


_jitter = wait_random_exponential(multiplier=1, max=LONGEST_WAIT)


def _wait(state: RetryCallState) -> float:
    """Seconds until the next try: what the registry asks for, else ever longer."""
    error = state.outcome.exception() if state.outcome else None
    asked = error.retry_after if isinstance(error, ServerError) else None
    return asked if asked is not None else _jitter(state)


def _json(answer: Answer) -> Any:
    def refuse(constant: str) -> None:
        raise ValueError

    try:
        return json.loads(answer.body, parse_constant=refuse)
    except (ValueError, RecursionError):
        # The original error quotes the answer.
        kind = answer.headers.get("content-type", "").partition(";")[0].strip()[:60]
        raise BadAnswer(f"The answer is not JSON ({kind or 'no type'}).") from None


def _filled(
    template: str, values: Mapping[str, Any], escape: Callable[[str], str]
) -> str:
    """A template with its placeholders; what is none of them stays as it is."""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name == "uuid":
            return str(uuid.uuid4())
        return escape(str(values[name])) if name in values else match[0]

    return _PLACEHOLDER.sub(value, template)


def _without_empty(url: str, fill: Callable[[str], str]) -> str:
    """A URL filled in, without parameters of which only their name would be left."""
    parts = urlsplit(url)
    kept = []
    for parameter in filter(None, parts.query.split("&")):
        filled = fill(parameter)
        if not (filled.endswith("=") and not parameter.endswith("=")):
            kept.append(filled)
    return urlunsplit(
        (parts.scheme, parts.netloc, fill(parts.path), "&".join(kept), "")
    )


def _in_json(text: str) -> str:
    return json.dumps(text)[1:-1]


def _iso(moment: datetime) -> str:
    """ISO 8601 with a Z; a naive one is UTC."""
    if moment.tzinfo:
        moment = moment.astimezone(UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(text: str) -> datetime | None:
    """The time of a ``Date`` header; None where that is none, or no clock's."""
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment if moment.year >= 2000 else None


def _bearer(token: str) -> str:
    """Registries and people write the word before it, or don't."""
    kind, _, rest = token.strip().partition(" ")
    return f"Bearer {(rest if kind.lower() == 'bearer' else token).strip()}"


def _digest(rows: list[dict[str, Any]]) -> str:
    text = json.dumps(rows, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _linked(header: str) -> str | None:
    """The address of the next page in a ``Link`` header (RFC 8288)."""
    for match in re.finditer(r"<([^>]*)>([^<]*)", header):
        if re.search(r';\s*rel\s*=\s*"?([^";]*\s)?next\b', match[2], re.IGNORECASE):
            return match[1]
    return None
