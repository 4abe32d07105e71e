"""One conversation in the line protocol: connect, prove the key both ways, ask.

The protocol is specified in the addon's ``readme/PROTOCOL.md``.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import re
import secrets
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from typing import Any, Final, Self

from . import net, tls
from .adapter import DeviceConfig
from .errors import (
    DeviceAuthFailed,
    DeviceBusy,
    DeviceDisconnected,
    DeviceError,
    DeviceLocked,
    DeviceProtocolError,
    DeviceTimeout,
    DeviceTlsError,
    InvalidConfig,
    UnsupportedDevice,
)

NAME: Final = "attendance-lines"
VERSION: Final = 1
#: Bytes of a line with its line feed.
MAX_LINE: Final = 64 * 1024
MIN_KEY: Final = 16
_NONCE: Final = re.compile(r"[0-9a-f]{32,128}")
#: What a reader says when it will not.
_ERRORS: Final[Mapping[str, type[DeviceError]]] = {
    "auth": DeviceAuthFailed,
    "locked": DeviceLocked,
    "busy": DeviceBusy,
    "unsupported": UnsupportedDevice,
}


class LineSession:
    """A conversation with a reader that has proven to have the key.

    ``hello`` and ``welcome`` are what it said of itself, unchecked but for the
    device's id.
    """

    def __init__(self, line: Line, hello: Mapping[str, Any], device: str) -> None:
        self._line = line
        self.hello = hello
        self.device = device
        self.welcome: Mapping[str, Any] = {}

    def greet(self, key: str) -> None:
        """Prove the key, and have it proven."""
        theirs = self.hello.get("nonce")
        if not (isinstance(theirs, str) and _NONCE.fullmatch(theirs)):
            raise DeviceProtocolError("the reader's nonce is not 32 to 128 hex digits")
        ours = secrets.token_hex(16)
        nonces = (self.device, theirs, ours)
        self.welcome = self.ask(
            {
                "hello": NAME,
                "version": VERSION,
                "nonce": ours,
                "proof": proof(key, "server", *nonces),
            }
        )
        theirs_proof = self.welcome.get("proof")
        expected = proof(key, "reader", *nonces)
        if not (
            isinstance(theirs_proof, str)
            and hmac.compare_digest(theirs_proof.encode(), expected.encode())
        ):
            raise DeviceAuthFailed("the reader does not prove that it has the key")

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Send one line and return the one that answers it.

        :raises DeviceError: also when it is a refusal
        """
        self.send(request)
        answer = parse(self.receive())
        if answer is None:
            raise DeviceProtocolError("the answer is not a JSON object")
        refuse(answer)
        return answer

    def send(self, request: Mapping[str, Any]) -> None:
        self._line.send(json.dumps(request).encode() + b"\n")

    def receive(self) -> bytes:
        """The next line, without its end."""
        return self._line.receive()


class Line:
    """A connected socket in lines, until the deadline."""

    def __init__(self, config: DeviceConfig) -> None:
        # What came in time is still to be handed over.
        self._until = time.monotonic() + config.deadline - min(2, config.deadline / 10)
        self._timeout = config.timeout
        self._pending = bytearray()
        connection = net.connect(
            config.host,
            config.port,
            timeout=config.timeout,
            until=self._until,
            networks=config.networks,
        )
        try:
            self._socket = _secure(connection, config)
        except BaseException:
            connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._wait()
        self._socket.sendall(data)

    def receive(self) -> bytes:
        """The next line that is not blank; half a line is none.

        :raises DeviceDisconnected: when the connection ends first
        """
        while True:
            end = self._pending.find(b"\n")
            if (end if end >= 0 else len(self._pending)) >= MAX_LINE:
                raise DeviceProtocolError("a line is longer than 64 KiB")
            if end >= 0:
                line = bytes(self._pending[:end]).strip()
                del self._pending[: end + 1]
                if line:
                    return line
                continue
            self._wait()
            more = self._socket.recv(MAX_LINE)
            if not more:
                raise DeviceDisconnected("the reader hung up")
            self._pending += more

    def _wait(self) -> None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise DeviceTimeout("stopped at the deadline")
        self._socket.settimeout(min(self._timeout, left))


@contextlib.contextmanager
def meet(config: DeviceConfig) -> Iterator[LineSession]:
    """A connection to a reader that said hello, but proved nothing yet.

    :raises DeviceError: whatever goes wrong, also inside the block
    """
    try:
        with Line(config) as line:
            hello = parse(line.receive())
            if hello is None or hello.get("hello") != NAME:
                refuse(hello or {})
                raise DeviceProtocolError("no reader of this protocol answers")
            if hello.get("version") != VERSION:
                raise DeviceProtocolError(
                    f"version {clean(hello.get('version'), 20)} of the protocol, not 1"
                )
            device = hello.get("device")
            if not (isinstance(device, str) and device == clean(device, 64) != ""):
                raise DeviceProtocolError("the reader's id is not 1 to 64 characters")
            yield LineSession(line, hello, device)
    except (OSError, ssl.SSLError) as error:
        raise net.classify(error) from error


@contextlib.contextmanager
def converse(config: DeviceConfig) -> Iterator[LineSession]:
    """A conversation with a reader that has proven the key.

    :raises DeviceError: whatever goes wrong, also inside the block
    """
    if not config.password:
        raise InvalidConfig("the shared key is missing")
    with meet(config) as session:
        session.greet(config.password)
        yield session


def proof(key: str, role: str, device: str, theirs: str, ours: str) -> str:
    """What only somebody with the key can say: of this role, to these nonces (the
    reader's first)."""
    words = "\n".join((f"{NAME}/{VERSION}", role, device, theirs, ours))
    return hmac.new(key.encode(), words.encode(), hashlib.sha256).hexdigest()


def parse(line: bytes) -> dict[str, Any] | None:
    """The JSON object that a line holds, None when it holds none."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def refuse(answer: Mapping[str, Any]) -> None:
    """Raise the error that a reader's answer stands for, if it does."""
    if "error" in answer:
        code = clean(answer["error"], 40)
        detail = clean(answer.get("detail"), 100)
        raise _ERRORS.get(code, DeviceProtocolError)(
            f"the reader says: {code} {detail}".rstrip()
        )


def clean(value: Any, length: int) -> str:
    """A short text of printable characters, whatever was sent."""
    if value is None or isinstance(value, (dict, list)):
        return ""
    text = str(value)[:length]
    # NUL and lone halves of a character can't be stored.
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text).strip()


def _secure(connection: socket.socket, config: DeviceConfig) -> socket.socket:
    """The connection under TLS, the certificate checked before anything is sent."""
    if config.tls == "none":
        return connection
    secured = tls.context(config).wrap_socket(connection, server_hostname=config.host)
    if config.tls == "pinned":
        shown = hashlib.sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()
        if not hmac.compare_digest(shown, tls.fingerprint(config.tls_fingerprint)):
            secured.close()
            raise DeviceTlsError(f"its certificate's fingerprint is {shown}")
    return secured
