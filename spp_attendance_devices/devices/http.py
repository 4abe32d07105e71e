"""HTTP(S) to a terminal, or to the server that speaks for some.

Other than a browser: connects only where terminals may be, follows no redirect, uses
no proxy, reads no more than it was told to, and raises nothing but
:class:`~.errors.DeviceError`.
"""

from __future__ import annotations

import hashlib
import http.client
import json as jsonlib
import re
import secrets
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple, Protocol, Self

import requests
from requests.adapters import HTTPAdapter
from requests.utils import parse_dict_header
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from . import net, tls
from .adapter import DeviceConfig
from .errors import (
    DeviceBusy,
    DeviceDisconnected,
    DeviceError,
    DeviceNameUnknown,
    DeviceProtocolError,
    DeviceRefused,
    DeviceTimeout,
    DeviceTlsError,
    DeviceUnreachable,
)

#: Bytes of one answer. A page of scans has a few hundred kilobytes at most.
MAX_BODY: Final = 8 * 1024 * 1024
_CHUNK: Final = 64 * 1024
_HALF: Final = re.compile("[\ud800-\udfff]")


class Answer(NamedTuple):
    """What came back: never a redirect (3xx) nor 503."""

    status: int
    #: Names in lower case; of a header that came several times, the values are joined
    #: by a line break.
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON.

        :raises DeviceProtocolError: when it is none
        """
        return parse_json(self.body)

    def xml(self) -> Any:
        """The body as an lxml element.

        :raises DeviceProtocolError: when it is no XML
        """
        return parse_xml(self.body)


class Auth(Protocol):
    """Who asks. One object for one conversation."""

    def header(self, method: str, path: str) -> str:
        """The value of ``Authorization``, "" to send none."""

    def again(self, answer: Answer) -> bool:
        """Hear every answer; whether to ask again, with the :meth:`header` of then.

        :raises DeviceError: when there is no use in going on
        """


class HttpClient:
    """One conversation with one server; a context manager.

    ``headers`` go with every request and may be changed between them. The deadline
    of the settings counts from here.
    """

    def __init__(
        self,
        config: DeviceConfig,
        auth: Auth | None = None,
        headers: Mapping[str, str] | None = None,
        max_body: int = MAX_BODY,
    ) -> None:
        self._config = config
        self._auth = auth
        self._max_body = max_body
        self._until = time.monotonic() + config.deadline
        self._answered = False
        self._session = requests.Session()
        self._session.trust_env = False  # no proxies, no .netrc
        # Of an answer that nobody packed, the size is known before it is in memory.
        self._session.headers.update({"Accept-Encoding": "identity"})
        self._session.headers.update(headers or {})
        self._session.adapters.clear()
        scheme = "http" if config.tls == "none" else "https"
        self._session.mount(f"{scheme}://", _Adapter(config, self._until))
        host = f"[{config.host}]" if ":" in config.host else config.host
        self._base = f"{scheme}://{host}:{config.port}"

    @property
    def headers(self) -> Any:
        """The headers of every request, as a mapping that may be changed."""
        return self._session.headers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        self._session.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Ask once (twice where the server wants to know who asks).

        :param path: with its query, beginning with a slash
        :param json: sent as JSON; ``data`` is sent as it is, its type in ``headers``
        :return: the answer, also when its status says that something is wrong
        :raises DeviceProtocolError: for redirects, answers that are too long or no HTTP
        :raises DeviceBusy: for 503
        :raises DeviceError: as whatever else went wrong is called
        """
        while True:
            sent: dict[str, str | bytes] = {**(headers or {})}
            who = self._auth.header(method, path) if self._auth else ""
            if who:
                # Names of people who write otherwise than in Latin letters.
                sent["Authorization"] = who.encode()
            answer = self._send(method, path, json, data, sent)
            if not (self._auth and self._auth.again(answer)):
                return answer

    def _send(
        self,
        method: str,
        path: str,
        json: Any,
        data: bytes | None,
        headers: Mapping[str, str | bytes],
    ) -> Answer:
        try:
            return self._exchange(method, path, json, data, headers)
        except _HungUpUnheard:
            # A terminal may close a kept connection just when the next request is on
            # its way. Nothing that is asked here does harm when asked twice.
            return self._exchange(method, path, json, data, headers)

    def _exchange(
        self,
        method: str,
        path: str,
        json: Any,
        data: bytes | None,
        headers: Mapping[str, str | bytes],
    ) -> Answer:
        left = self._until - time.monotonic()
        if left <= 0:
            raise DeviceTimeout("the deadline passed")
        try:
            with self._session.request(
                method,
                self._base + path,
                json=json,
                data=data,
                headers=headers,
                timeout=min(self._config.timeout, left),
                allow_redirects=False,
                stream=True,
            ) as response:
                answer = Answer(
                    response.status_code, _headers(response), self._body(response)
                )
        # A DeviceError comes through the libraries as it is.
        except (requests.RequestException, OSError, http.client.HTTPException) as error:
            fault = _classify(error)
            if self._answered and _unheard(error):
                raise _HungUpUnheard(fault.detail) from None
            # Not "from error": its text has the address with all that is in it.
            raise fault from None
        self._answered = True
        if 300 <= answer.status < 400:
            raise DeviceProtocolError(
                f"answers with a redirect (status {answer.status}), which is not"
                " followed; check port and HTTPS"
            )
        if answer.status == 503:
            raise DeviceBusy("status 503")
        return answer

    def _body(self, response: requests.Response) -> bytes:
        body = bytearray()
        for chunk in response.iter_content(_CHUNK):
            body += chunk
            if len(body) > self._max_body:
                raise DeviceProtocolError(
                    f"the answer has more than {self._max_body} bytes"
                )
            if time.monotonic() > self._until:
                raise DeviceTimeout("the deadline passed in the middle of an answer")
        return bytes(body)


# Connections


class _HungUpUnheard(DeviceDisconnected):
    """The connection was closed before any answer to this request."""


class _Adapter(HTTPAdapter):
    """Connects through :func:`.net.connect`, and checks certificates as told."""

    def __init__(self, config: DeviceConfig, until: float) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)
        self._pool = _pool(config, until)

    def get_connection_with_tls_context(self, *_request: Any, **_ways: Any) -> Any:
        return self._pool

    def cert_verify(self, *_request: Any) -> None:
        """Done by the context."""

    def close(self) -> None:
        self._pool.close()


def _pool(config: DeviceConfig, until: float) -> HTTPConnectionPool:
    """Where connections to this one server come from."""

    def new_connection(connection: HTTPConnection) -> socket.socket:
        try:
            return net.connect(
                config.host,
                config.port,
                timeout=config.timeout,
                until=until,
                networks=config.networks,
            )
        except OSError as error:
            # Said here, where it is plain that there is no connection yet.
            raise _classify(error, connected=False) from None

    if config.tls == "none":

        class Plain(HTTPConnection):
            _new_conn = new_connection

        pool = HTTPConnectionPool(config.host, config.port, maxsize=1)
        pool.ConnectionCls = Plain
    else:

        class Secured(HTTPSConnection):
            _new_conn = new_connection

            def connect(self) -> None:
                HTTPSConnection.connect(self)
                # "Unverified" was somebody's choice: no warning at each request.
                self.is_verified = True

        pinned = config.tls == "pinned"
        pool = HTTPSConnectionPool(
            config.host,
            config.port,
            maxsize=1,
            ssl_context=tls.context(config),
            assert_fingerprint=(
                tls.fingerprint(config.tls_fingerprint) if pinned else None
            ),
        )
        pool.ConnectionCls = Secured
    return pool


def _headers(response: requests.Response) -> dict[str, str]:
    headers = response.raw.headers
    return {name.lower(): "\n".join(headers.getlist(name)) for name in headers}


# Errors


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and all that it came from: libraries wrap several deep."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [*one.args, one.__context__, one.__cause__]
        waiting.append(getattr(one, "reason", None))


def _classify(error: BaseException, *, connected: bool = True) -> DeviceError:
    """What a fault of a library or of the system is called here."""
    chain = list(_chain(error))

    def any_of(*kinds: type[BaseException]) -> BaseException | None:
        return next((one for one in chain if isinstance(one, kinds)), None)

    if found := any_of(ssl.SSLCertVerificationError):
        return DeviceTlsError(str(getattr(found, "verify_message", "")))
    if any_of(ssl.SSLEOFError, ssl.SSLZeroReturnError):
        return DeviceDisconnected("hung up during the TLS handshake")
    if any_of(TimeoutError, requests.Timeout):
        return DeviceTimeout("no answer in time" if connected else "no connection")
    if found := any_of(ssl.SSLError):
        reason = getattr(found, "reason", None) or "unknown"
        return DeviceProtocolError(f"does not speak TLS as expected ({reason})")
    if found := any_of(requests.exceptions.SSLError):
        found_text = re.search(r'got "([0-9a-f]+)"', str(found))
        got = f"; its SHA-256 is {found_text[1]}" if found_text else ""
        return DeviceTlsError(f"another certificate than the pinned one{got}")
    if any_of(socket.gaierror):
        return DeviceNameUnknown("the name does not resolve")
    if not connected and any_of(ConnectionRefusedError):
        return DeviceRefused("connection refused")
    if connected and any_of(
        ConnectionError,
        http.client.RemoteDisconnected,
        http.client.IncompleteRead,
        requests.exceptions.ChunkedEncodingError,
    ):
        return DeviceDisconnected("hung up in the middle")
    if found := any_of(http.client.HTTPException):
        return DeviceProtocolError(f"no HTTP: {type(found).__name__}")
    if found := any_of(OSError) if not connected else None:
        return DeviceUnreachable(getattr(found, "strerror", None) or "no route")
    if any_of(requests.ConnectionError):
        return DeviceDisconnected("the connection broke")
    return DeviceProtocolError(f"no HTTP: {type(error).__name__}")


def _unheard(error: BaseException) -> bool:
    kinds = (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError)
    return any(isinstance(one, kinds) for one in _chain(error))


# Bodies


def parse_json(body: bytes) -> Any:
    """JSON of a terminal: strict but for raw control characters in texts, which some
    firmware sends, and bytes that are no UTF-8, which become U+FFFD.

    :raises DeviceProtocolError: when it is none; the text is not quoted, it may be
        about somebody
    """
    try:
        return jsonlib.loads(
            body.decode("utf-8-sig", "replace"),
            strict=False,
            object_pairs_hook=_storable,
            parse_constant=_no_constant,
        )
    except (ValueError, RecursionError):
        raise DeviceProtocolError(f"no JSON in {len(body)} bytes") from None


def _storable(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose texts a database takes: no NUL, no half of a character."""
    return {
        name: _HALF.sub("\ufffd", value.replace("\0", ""))
        if isinstance(value, str)
        else value
        for name, value in pairs
    }


def _no_constant(name: str) -> None:
    raise ValueError(name)


def parse_xml(body: bytes) -> Any:
    """XML as an lxml element. Entities and outside references are left alone.

    :raises DeviceProtocolError: when it is none
    """
    from lxml import etree  # most makes speak JSON only

    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        root = None
    if root is None:
        raise DeviceProtocolError(f"no XML in {len(body)} bytes")
    return root


def find_text(root: Any, name: str) -> str:
    """Text of the first element called so in any namespace, "" without one."""
    for element in root.iter(f"{{*}}{name}"):
        return (element.text or "").strip()
    return ""


# Digest


class Digest:
    """HTTP digest (RFC 7616: MD5 or SHA-256, ``qop=auth`` or none), as :class:`Auth`.

    Terminals lock an account after a few wrong passwords, so a password is tried once:
    when it was refused, that is the end of the conversation. One that was accepted
    before is tried once more with a new nonce, since some firmware takes each nonce
    only a time or two and not all of it says ``stale``. Basic is never used.

    :param judge: hears every 401, and whether a password had been sent; may raise
    """

    def __init__(
        self,
        username: str,
        password: str,
        judge: Callable[[Answer, bool], None] | None = None,
    ) -> None:
        self._username = username
        self._password = password
        self._judge = judge
        self._challenge: dict[str, str] = {}
        self._count = 0
        #: A password was sent with the request that is being answered.
        self._sent = False
        #: The password was accepted before, in this conversation.
        self._accepted = False
        #: Times in a row that it was refused.
        self._refusals = 0

    def header(self, method: str, path: str, cnonce: str = "") -> str:
        challenge = self._challenge
        self._sent = bool(challenge)
        if not challenge:
            return ""
        self._count += 1
        count = f"{self._count:08x}"
        cnonce = cnonce or secrets.token_hex(8)
        algorithm = challenge.get("algorithm", "MD5")
        digest = _HASHES[algorithm.upper()]
        realm, nonce = challenge.get("realm", ""), challenge["nonce"]
        who = digest(f"{self._username}:{realm}:{self._password}")
        what = digest(f"{method}:{path}")
        words = {
            "username": self._username.replace("\\", "\\\\").replace('"', '\\"'),
            "realm": realm,
            "nonce": nonce,
            "uri": path,
        }
        bare = {"algorithm": algorithm} if "algorithm" in challenge else {}
        if "qop" in challenge:
            proof = digest(f"{who}:{nonce}:{count}:{cnonce}:auth:{what}")
            words["cnonce"] = cnonce
            bare |= {"qop": "auth", "nc": count}
        else:
            proof = digest(f"{who}:{nonce}:{what}")
        words["response"] = proof
        if "opaque" in challenge:
            words["opaque"] = challenge["opaque"]
        quoted = [f'{name}="{value}"' for name, value in words.items()]
        return "Digest " + ", ".join(
            [*quoted, *(f"{name}={value}" for name, value in bare.items())]
        )

    def again(self, answer: Answer) -> bool:
        if answer.status != 401:
            self._accepted |= self._sent
            self._refusals = 0
            return False
        if self._judge:
            self._judge(answer, self._sent)
        self._challenge = read_challenge(answer.headers.get("www-authenticate", ""))
        self._count = 0
        if not self._sent:
            return True
        self._refusals += 1
        stale = self._challenge.get("stale", "").lower() == "true"
        return self._refusals == 1 and (stale or self._accepted)


def _hash(name: str) -> Any:
    return lambda text: hashlib.new(
        name, text.encode(), usedforsecurity=False
    ).hexdigest()


_HASHES: Final = {"MD5": _hash("md5"), "SHA-256": _hash("sha256")}


def read_challenge(header: str) -> dict[str, str]:
    """The first digest challenge that can be met, from ``WWW-Authenticate`` (values of
    several such headers are lines).

    :raises DeviceProtocolError: when there is none; nothing weaker is used instead
    """
    for _before, text in re.findall(
        r"(^|,\s*)digest\s+(.*?)(?=,\s*basic\s|$)", header, re.IGNORECASE | re.MULTILINE
    ):
        challenge = {
            name.lower(): value or "" for name, value in parse_dict_header(text).items()
        }
        ways = [way.strip().lower() for way in challenge.get("qop", "auth").split(",")]
        if (
            challenge.get("nonce")
            and challenge.get("algorithm", "MD5").upper() in _HASHES
            and "auth" in ways
        ):
            return challenge
    raise DeviceProtocolError(
        "asks for a password, but not by digest; it is sent in no other way"
    )
