"""Connections to terminals: which addresses may be reached, and for how long.

The host of a terminal is typed in by somebody and used by the server. So a name is
judged by the address that was in fact connected to: one that resolves inward, at once
or at the second look, is closed before a byte is sent.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
import time
from collections.abc import Iterable

from .errors import (
    DeviceDisconnected,
    DeviceError,
    DeviceForbiddenAddress,
    DeviceNameUnknown,
    DeviceProtocolError,
    DeviceRefused,
    DeviceTimeout,
    DeviceTlsError,
    DeviceUnreachable,
    InvalidConfig,
)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def parse_networks(networks: Iterable[str]) -> list[Network]:
    """Networks from their CIDR texts; a single address stands for itself.

    :raises InvalidConfig: naming the first that is none
    """
    parsed: list[Network] = []
    for text in networks:
        try:
            parsed.append(ipaddress.ip_network(text.strip(), strict=False))
        except ValueError:
            raise InvalidConfig(
                f"“{text}” is not a network such as 10.0.0.0/8"
            ) from None
    return parsed


def check_address(address: str, networks: Iterable[str] = ()) -> None:
    """Refuse an IP address that terminals may not have.

    :param networks: those that may be reached (CIDR); none: every address that is
        neither loopback nor link-local, multicast, unspecified or reserved
    :raises DeviceForbiddenAddress: for all others
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    listed = parse_networks(networks)
    if listed:
        allowed = any(ip in network for network in listed)
    else:
        allowed = not (
            ip.is_loopback
            or ip.is_link_local
            or ip.is_multicast
            or ip.is_unspecified
            or ip.is_reserved
        )
    if not allowed:
        raise DeviceForbiddenAddress(f"{ip} is in no network of terminals")


def connect(
    host: str,
    port: int,
    *,
    timeout: float,
    until: float,
    networks: Iterable[str] = (),
    kind: socket.SocketKind = socket.SOCK_STREAM,
) -> socket.socket:
    """A socket connected to an address that may be reached.

    :param timeout: seconds for one attempt
    :param until: the ``time.monotonic()`` at which the conversation must be over
    :raises DeviceForbiddenAddress: when the name stands for an address that may not
    :raises OSError: as sockets do, also ``socket.gaierror``
    """
    networks = tuple(networks)
    failure: OSError | None = None
    for family, _kind, _proto, _name, address in socket.getaddrinfo(
        host, port, type=kind
    ):
        check_address(str(address[0]), networks)
        left = until - time.monotonic()
        if left <= 0:
            raise DeviceTimeout("the deadline passed while connecting")
        connection = socket.socket(family, kind)
        try:
            connection.settimeout(min(timeout, left))
            connection.connect(address)
            if kind == socket.SOCK_STREAM:
                # Else what is sent in two parts waits 40 ms for an acknowledgement.
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            connection.close()
            failure = error
        else:
            return connection
    raise failure or OSError("the name has no address")


def classify(error: OSError) -> DeviceError:
    """The project's error for what a socket raised."""
    detail = f"{type(error).__name__}: {error}"[:200]
    match error:
        case ssl.SSLCertVerificationError():
            return DeviceTlsError(detail)
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return DeviceDisconnected(detail)
        case ssl.SSLError():
            return DeviceProtocolError(f"no TLS is spoken there: {detail}")
        case socket.gaierror():
            return DeviceNameUnknown(detail)
        case TimeoutError():
            return DeviceTimeout(detail)
        case ConnectionRefusedError():
            return DeviceRefused(detail)
        case ConnectionError():
            return DeviceDisconnected(detail)
    return DeviceUnreachable(detail)
