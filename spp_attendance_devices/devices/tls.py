"""How the certificate of a terminal that speaks HTTPS is checked.

Most of them sign their own: then its fingerprint is pinned, or the authority that
signed it given.
"""

from __future__ import annotations

import re
import ssl
from typing import TYPE_CHECKING

from .errors import InvalidConfig

if TYPE_CHECKING:
    from .adapter import DeviceConfig

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


def fingerprint(text: str) -> str:
    """A SHA-256 fingerprint in 64 hex digits, from any usual way to write it.

    :raises InvalidConfig: for anything else
    """
    digits = re.sub(r"[\s:-]", "", text).lower()
    if not _FINGERPRINT.fullmatch(digits):
        raise InvalidConfig(
            "the fingerprint must be the SHA-256 of the certificate: 64 hex digits"
        )
    return digits


def context(config: DeviceConfig) -> ssl.SSLContext:
    """What a connection is secured with; not for ``tls="none"``.

    A pinned certificate is compared after the handshake, so nothing else about it
    matters: not who signed it, nor for which name or how long.

    :raises InvalidConfig: when the authority's certificate is none
    """
    if config.tls in ("pinned", "unverified"):
        unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        unverified.check_hostname = False
        unverified.verify_mode = ssl.CERT_NONE
        return unverified
    if config.tls == "system":
        import certifi  # beside what the operating system trusts, which may be nothing

        known = ssl.create_default_context()
        known.load_verify_locations(certifi.where())
        return known
    try:
        if not config.tls_ca.strip():
            raise ssl.SSLError("nothing given")
        return ssl.create_default_context(cadata=config.tls_ca)
    except (ssl.SSLError, ValueError):
        raise InvalidConfig(
            "the authority's certificate is not in PEM form (-----BEGIN …)"
        ) from None


def validate(config: DeviceConfig) -> None:
    """Check the settings of the certificate without any I/O.

    :raises InvalidConfig: naming what is wrong
    """
    if config.tls == "pinned":
        fingerprint(config.tls_fingerprint)
    elif config.tls == "ca":
        context(config)
    elif config.tls not in ("none", "system", "unverified"):
        raise InvalidConfig("no such way to check a certificate")
