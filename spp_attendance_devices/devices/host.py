"""What may stand in a terminal's address field."""

from __future__ import annotations

import contextlib
import ipaddress
import re

from .errors import InvalidConfig

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)
_MAX_NAME = 253


def validate_host(host: str) -> str:
    """Return ``host`` when it is an IPv4 or IPv6 address or an RFC 1123 host name.

    Checked before the value reaches any library: one of them hands the address to a
    shell. Internationalised names have to be given in their ASCII form.

    :raises InvalidConfig: for anything else (blanks, shell metacharacters, URLs,
        ports, half an address such as ``10.0.0``).
    """
    # A zone id (fe80::1%eth0) may hold any character: not accepted.
    if "%" not in host:
        with contextlib.suppress(ValueError):
            return str(ipaddress.ip_address(host))
    labels = host.split(".")
    if (
        0 < len(host) <= _MAX_NAME
        and all(_LABEL.fullmatch(label) for label in labels)
        and not labels[-1].isdigit()  # a mistyped IPv4 address, not a name
    ):
        return host.lower()
    raise InvalidConfig("the host is neither an IP address nor a host name")


def validate_port(port: int) -> int:
    """Return ``port`` when it is a TCP port number.

    :raises InvalidConfig: outside 1..65535.
    """
    if not 1 <= port <= 65535:
        raise InvalidConfig("the port must be between 1 and 65535")
    return port
