"""Which certificate a terminal shows, so that a person can say: this one alone."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace

from . import net, tls
from .adapter import DeviceConfig
from .errors import DeviceProtocolError


def shown_fingerprint(config: DeviceConfig) -> str:
    """The SHA-256 fingerprint (64 hex digits) of the certificate at an address now.

    Nothing is sent but the handshake: no name, no secret. Takes ``config.timeout``
    seconds at most for connecting and as long again for the handshake.

    :raises DeviceError: when nothing there speaks TLS
    """
    until = time.monotonic() + config.deadline
    try:
        with (
            net.connect(
                config.host,
                config.port,
                timeout=config.timeout,
                until=until,
                networks=config.networks,
            ) as connection,
            tls.context(replace(config, tls="unverified")).wrap_socket(
                connection, server_hostname=config.host
            ) as secured,
        ):
            certificate = secured.getpeercert(binary_form=True)
    except OSError as error:
        raise net.classify(error) from error
    if not certificate:
        raise DeviceProtocolError("it shows no certificate")
    return hashlib.sha256(certificate).hexdigest()
