"""What answers at an address: every make's known ports, tried at once.

No secret is sent, so nothing can be locked; each make asks in its own way, in a process
of its own. Ways to the same port are tried one after the other: many terminals talk to
one at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple

from .adapter import BaseMachineAdapter, DeviceConfig
from .errors import (
    DeviceBusy,
    DeviceError,
    DeviceForbiddenAddress,
    DeviceNameUnknown,
)
from .host import validate_host
from .isolated import Isolated
from .net import parse_networks

#: Ports where nobody begins in clear.
_TLS_PORTS: Final = frozenset({443, 8443})
#: Ports where nobody begins with TLS.
_PLAIN_PORTS: Final = frozenset({80, 8080})
#: There is no point in another way when the first says this.
_FINAL: Final = (DeviceBusy, DeviceForbiddenAddress, DeviceNameUnknown)


class Found(NamedTuple):
    """What one make's probe of one port gave.

    ``says`` is what answered, in the make's own words, "" when it says nothing, None
    when it is not of this make. ``error`` is the code of a ``DeviceError``: "refused"
    for a closed port; "" when something answered.
    """

    make: str
    port: int
    transport: str
    tls: str
    says: str | None
    error: str

    @property
    def is_it(self) -> bool:
        """Whether a terminal of this make answers there."""
        return self.says is not None


def discover(
    host: str,
    makes: Iterable[type[BaseMachineAdapter]],
    networks: Iterable[str] = (),
    timeout: float = 10.0,
) -> list[Found]:
    """Look for terminals of the ``makes`` at their known ports of ``host``.

    :param networks: those that may be reached (CIDR), see ``DeviceConfig``
    :param timeout: seconds for all of it; what has not answered by then did not
    :return: one for each make and port, those that answered as their make first
    :raises InvalidConfig: for what is no host or no network
    """
    host, networks = validate_host(host), tuple(networks)
    parse_networks(networks)
    places = [(make, port) for make in makes for port in make.capabilities.known_ports]
    if not places:
        return []
    with ThreadPoolExecutor(len(places), thread_name_prefix="discovery") as pool:
        found = list(
            pool.map(lambda place: _look(*place, host, networks, timeout), places)
        )
    return sorted(found, key=lambda one: (not one.is_it, bool(one.error)))


def _look(
    make: type[BaseMachineAdapter],
    port: int,
    host: str,
    networks: tuple[str, ...],
    timeout: float,
) -> Found:
    """The first way to a port that leads to this make, else the first that led to
    anything, else the first."""
    ways = list(_ways(make, port))
    share = timeout / len(ways)
    tried: list[Found] = []
    for way in ways:
        config = DeviceConfig(
            host=host,
            port=port,
            networks=networks,
            timeout=share * 0.8,  # so that silence is told before the process is ended
            deadline=share,
            **way,
        )
        says, error = None, ""
        try:
            isolated = make.capabilities.isolated
            says = Isolated(make, config).probe() if isolated else make.probe(config)
        except DeviceError as fault:
            error = fault.code
            final = isinstance(fault, _FINAL)
        else:
            final = says is not None
        found = Found(make.key, port, config.transport, config.tls, says, error)
        if final:
            return found
        tried.append(found)
    return min(tried, key=lambda one: bool(one.error))


def _ways(make: type[BaseMachineAdapter], port: int) -> Iterator[dict[str, Any]]:
    can = make.capabilities
    if port not in _TLS_PORTS or not can.tls:
        yield {"transport": "tcp", "tls": "none"}
    if can.tls and port not in _PLAIN_PORTS:
        yield {"transport": "tcp", "tls": "unverified"}
    if can.udp:
        yield {"transport": "udp", "tls": "none"}
