"""One guarded HTTP exchange: which hosts, which addresses, how long, how much.

``requests`` follows proxies, redirects and pools of its own; here a socket is opened to
an address that was checked, and nothing is sent over any other. So a name that resolves
inward, at once or at the second look (DNS rebinding), gets nothing.
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import os
import re
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Final, NamedTuple
from urllib.parse import urljoin, urlsplit

from .errors import (
    BadAnswer,
    ForbiddenAddress,
    InvalidConfig,
    Refused,
    RegistryError,
    RegistryTimeout,
    ServerError,
    TooBig,
    Unreachable,
    Untrusted,
)

MB: Final = 2**20
#: Host and port → the addresses it has, as texts.
Resolver = Callable[[str, int], list[str]]

_PORTS: Final = {"http": 80, "https": 443}
_REDIRECTS: Final = {301, 302, 303, 307, 308}
#: Those after which a request goes on as it was.
_SAME_METHOD: Final = {307, 308}
#: Headers that may go to another origin than the one they were meant for.
_HARMLESS: Final = {"accept", "accept-encoding", "content-type", "user-agent"}
_NO_HTTP: Final = (http.client.BadStatusLine, http.client.LineTooLong)
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")
#: Of old: an IPv4 address after zeros.
_COMPATIBLE: Final = ipaddress.ip_network("::/96")

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


class Origin(NamedTuple):
    """Scheme, host (lower case, no brackets) and port."""

    scheme: str
    host: str
    port: int

    @property
    def netloc(self) -> str:
        """Host and, unless it is the usual one, port as in a ``Host`` header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}"


def origin_of(url: str) -> Origin:
    """Where a URL leads.

    :raises InvalidConfig: it is no absolute http(s) URL, or holds a password
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        ascii_host = host.rstrip(".").encode("idna").decode() if host else ""
    except ValueError:
        raise InvalidConfig("This is not a valid address.") from None
    if parts.scheme not in _PORTS or not ascii_host:
        raise InvalidConfig("An address starts with https:// and names a host.")
    if parts.username is not None or parts.password is not None:
        raise InvalidConfig("An address must hold no user name and no password.")
    return Origin(parts.scheme, ascii_host.lower(), port or _PORTS[parts.scheme])


@dataclass(frozen=True)
class Policy:
    """Which origins may be asked; an empty one allows nothing.

    Entries: ``registry.example.org`` (https), ``registry.example.org:8443``,
    ``*.example.org`` (its subdomains, https), ``http://10.0.0.5:8080``. A host in a
    private network is reached only if it is listed itself, not by a wildcard, and one
    with a link-local address only if that very address is listed.
    """

    origins: frozenset[Origin] = frozenset()
    wildcards: frozenset[Origin] = frozenset()

    @classmethod
    def parse(cls, entries: str | Iterable[str]) -> Policy:
        """A policy from entries, or from a text with one a line.

        :raises InvalidConfig: an entry is not well formed
        """
        if isinstance(entries, str):
            entries = re.split(r"[\s,;]+", entries)
        origins, wildcards = set(), set()
        for entry in filter(None, map(str.strip, entries)):
            url = entry if "://" in entry else f"https://{entry}"
            try:
                origin = origin_of(url.replace("://*.", "://", 1))
            except InvalidConfig as error:
                raise InvalidConfig(f"{entry}: {error}") from None
            path = urlsplit(url).path
            if path not in ("", "/") or "?" in url or "#" in url or "*" in origin.host:
                raise InvalidConfig(f"{entry}: Name a host, such as *.example.org")
            (wildcards if "://*." in url else origins).add(origin)
        return cls(frozenset(origins), frozenset(wildcards))

    def check(self, url: str) -> Origin:
        """The origin of a URL that may be asked.

        :raises InvalidConfig: it is not a valid URL
        :raises ForbiddenAddress: it is not listed
        """
        origin = origin_of(url)
        if origin in self.origins:
            return origin
        for wildcard in self.wildcards:
            same = origin._replace(host=wildcard.host) == wildcard
            if same and origin.host.endswith(f".{wildcard.host}"):
                return origin
        raise ForbiddenAddress(f"{origin} is not on the list of allowed hosts.")

    def allows(self, origin: Origin, address: str, *, private: bool) -> bool:
        """Whether an address may be connected to for `origin`.

        :param private: False: not if it is in a private network, whatever is listed
        """
        ip = _unwrapped(ipaddress.ip_address(address.partition("%")[0]))
        if ip.is_global and not (
            ip.is_multicast or ip.is_reserved or getattr(ip, "is_site_local", False)
        ):
            return True
        if not private or origin not in self.origins:
            return False
        if ip.is_link_local or ip.is_unspecified or ip.is_multicast:
            return str(ip) == origin.host
        return True


def _unwrapped(ip: IPAddress) -> IPAddress:
    """The IPv4 address that an IPv6 one leads to, if it does."""
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64 or (ip in _COMPATIBLE and int(ip) > 1):
            return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        return ip.ipv4_mapped or ip.sixtofour or (ip.teredo or (None, None))[1] or ip
    return ip


@dataclass(frozen=True)
class Limits:
    """Seconds, and bytes after decompression.

    :ivar total: for everything, redirects and a server that drips included
    """

    connect: float = 10.0
    read: float = 30.0
    total: float = 120.0
    body: int = 50 * MB
    redirects: int = 3


@dataclass(frozen=True)
class Request:
    """What is sent.

    :ivar same_origin: a redirect elsewhere is refused, since the body holds a secret
    """

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    same_origin: bool = False


@dataclass(frozen=True)
class Answer:
    """What came: headers by lower-case name, body decompressed."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host, as the system knows them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


class _Deadline:
    """Ends the socket in use when the time is over, wherever it is being waited for.

    Timeouts of a socket start anew with each byte; this one does not.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._end_socket)
        self._timer.daemon = True
        self.over = False

    def __enter__(self) -> _Deadline:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._watch(None)

    def left(self) -> float:
        """Seconds left.

        :raises RegistryTimeout: none
        """
        left = self._end - time.monotonic()
        if self.over or left <= 0:
            raise RegistryTimeout("The answer was not complete in time.")
        return left

    def watch(self, sock: socket.socket) -> None:
        """From now on it is this socket that ends.

        A copy is kept, because TLS takes the descriptor out of the socket.
        """
        self._watch(socket.socket(fileno=os.dup(sock.fileno())))
        self.left()

    def _watch(self, sock: socket.socket | None) -> None:
        with self._lock:
            if self._socket:
                self._socket.close()
            self._socket = sock

    def _end_socket(self) -> None:
        with self._lock:
            self.over = True
            if self._socket:
                with contextlib.suppress(OSError):
                    self._socket.shutdown(socket.SHUT_RDWR)


class Transport:
    """Sends requests within a policy and limits.

    :param resolver: how names become addresses
    :param context: for TLS; default: the system's authorities
    """

    def __init__(
        self,
        policy: Policy,
        limits: Limits = Limits(),
        *,
        resolver: Resolver = resolve,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.policy = policy
        self.limits = limits
        self._resolver = resolver
        self._tls = context

    def send(self, request: Request) -> Answer:
        """The answer to a request, with status 2xx.

        :raises RegistryError: any of the tree; nothing else is raised
        """
        first = origin = self.policy.check(request.url)
        url, headers = request.url, dict(request.headers)
        with _Deadline(self.limits.total) as deadline:
            for _ in range(self.limits.redirects + 1):
                answer = self._exchange(
                    request.method, url, headers, request.body, deadline, first
                )
                if answer.status not in _REDIRECTS:
                    _raise_for_status(answer)
                    return answer
                if request.method != "GET" and answer.status not in _SAME_METHOD:
                    raise BadAnswer(
                        f"{origin} redirects with HTTP {answer.status}, after which "
                        f"{request.method} would become GET."
                    )
                if not (location := answer.headers.get("location")):
                    raise BadAnswer(f"{origin} redirects to nowhere.")
                url, origin, before = _joined(url, location), None, origin
                origin = self.policy.check(url)
                if origin != before:
                    if request.same_origin:
                        raise ForbiddenAddress(
                            f"A redirect to {origin} would give the secret away."
                        )
                    headers = {
                        name: value
                        for name, value in headers.items()
                        if name.lower() in _HARMLESS
                    }
        raise BadAnswer(f"{first} redirects more than {self.limits.redirects} times.")

    def _exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        deadline: _Deadline,
        first: Origin,
    ) -> Answer:
        """One request and its answer, whatever the status."""
        origin = self.policy.check(url)
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        _check_texts(target, headers)
        # A redirect doesn't open the private network, except where one was already.
        private = origin[1:] == first[1:]
        try:
            with contextlib.closing(self._connect(origin, private, deadline)) as sock:
                # It has its socket: it must not open one of its own.
                connection = http.client.HTTPConnection(origin.host, origin.port)
                connection.auto_open = 0
                connection.sock = sock
                connection.request(
                    method,
                    target,
                    body,
                    {
                        "Accept": "application/json",
                        "User-Agent": "attendance-suite",
                        **headers,
                        "Accept-Encoding": "gzip",
                        "Connection": "close",
                        "Host": origin.netloc,
                    },
                )
                with connection.getresponse() as response:
                    answer = self._read(response, origin)
        except RegistryError:
            deadline.left()
            raise
        except ssl.SSLCertVerificationError as error:
            raise Untrusted(f"{origin}: {error.verify_message}") from None
        except TimeoutError:
            raise RegistryTimeout(f"{origin} did not answer in time.") from None
        except (OSError, http.client.HTTPException) as error:
            deadline.left()
            if isinstance(error, _NO_HTTP) and not isinstance(error, ConnectionError):
                raise BadAnswer(f"{origin} does not speak HTTP.") from None
            # Their texts may quote what was sent or received.
            reason = type(error).__name__
            raise Unreachable(f"{origin}: the connection failed ({reason}).") from None
        deadline.left()
        return answer

    def _connect(
        self, origin: Origin, private: bool, deadline: _Deadline
    ) -> socket.socket:
        """A socket to an address of `origin` that the policy allows."""
        try:
            addresses = self._resolver(origin.host, origin.port)
        except (OSError, UnicodeError):
            raise Unreachable(f"The name {origin.host} is not known.") from None
        allowed = [
            address
            for address in addresses
            if self.policy.allows(origin, address, private=private)
        ]
        if not allowed:
            raise ForbiddenAddress(f"{origin} is inside a private network.")
        problem: OSError | None = None
        for address in allowed:
            wait = min(self.limits.connect, deadline.left())
            try:
                sock = socket.create_connection((address, origin.port), wait)
            except OSError as error:
                problem = error
                continue
            try:
                deadline.watch(sock)
                sock.settimeout(self.limits.read)
                if origin.scheme == "https":
                    context = self._tls or ssl.create_default_context()
                    return context.wrap_socket(sock, server_hostname=origin.host)
            except BaseException:
                sock.close()
                raise
            return sock
        if isinstance(problem, TimeoutError):
            raise Unreachable(f"{origin} can't be reached in time.")
        raise Unreachable(f"{origin} can't be reached.")

    def _read(self, response: http.client.HTTPResponse, origin: Origin) -> Answer:
        """All of an answer.

        :raises TooBig: more than the limit once it is decompressed
        :raises Unreachable: it ends before its end
        """
        headers = {name.lower(): value for name, value in response.getheaders()}
        encoding = headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("identity", "gzip", ""):
            raise BadAnswer(f"{origin} answers with the unknown encoding {encoding}.")
        gzip = encoding == "gzip"
        too_big = TooBig(
            f"{origin} answers with more than {self.limits.body // MB or 1} MB."
        )
        if response.length is not None and response.length > self.limits.body:
            raise too_big
        unpack = zlib.decompressobj(zlib.MAX_WBITS | 16)
        body = bytearray()
        came = 0
        while chunk := response.read1(65536):
            came += len(chunk)
            if gzip:
                try:
                    chunk = unpack.decompress(chunk, self.limits.body + 1 - len(body))
                except zlib.error:
                    raise BadAnswer(f"{origin} answers with broken gzip.") from None
            body += chunk
            # What comes after the end of gzip is unpacked to nothing, yet kept.
            if max(len(body), came) > self.limits.body or unpack.unconsumed_tail:
                raise too_big
        if response.length or (gzip and not unpack.eof):
            raise Unreachable(f"{origin} hung up in the middle of its answer.")
        return Answer(response.status, headers, bytes(body))


def _check_texts(target: str, headers: Mapping[str, str]) -> None:
    """
    :raises InvalidConfig: they can't be sent; which, without saying what they hold
    """
    if not target.isascii() or re.search(r"[\x00-\x20\x7f]", target):
        raise InvalidConfig("The address holds characters that must be escaped.")
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            raise InvalidConfig(f"{name!r} can't be the name of a header.")
        if not value.isprintable() or not value.isascii():
            raise InvalidConfig(f"The header {name} holds characters it can't hold.")


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        raise BadAnswer("A redirect leads to what is no address.") from None


def _raise_for_status(answer: Answer) -> None:
    """
    :raises RegistryError: of the kind that a status other than 2xx stands for
    """
    status = answer.status
    if 200 <= status < 300:
        return
    told = f"HTTP {status}"
    with contextlib.suppress(ValueError):
        told = f"{told} {HTTPStatus(status).phrase}"
    if status in (401, 403):
        raise Refused(told, status)
    if status >= 500 or status in (408, 425, 429):
        raise ServerError(told, _retry_after(answer.headers.get("retry-after", "")))
    raise BadAnswer(told)


def _retry_after(text: str) -> float | None:
    """Seconds, from seconds or a date."""
    if text.isascii() and text.strip().isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None
