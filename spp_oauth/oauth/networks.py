"""Where a client may call from."""

import functools
import ipaddress

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def contains(networks: str, address: str | None) -> bool:
    """Whether an address is in one of these networks.

    :param networks: addresses and networks, separated by commas, as an
        administrator wrote them and as they were checked then
    :param address: IPv4 or IPv6; None, or what is no address, is in no network
    """
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return False
    # an IPv4 caller on a socket that takes both kinds
    if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    return any(ip in network for network in _parse(networks))


@functools.lru_cache(maxsize=256)
def _parse(networks: str) -> tuple[Network, ...]:
    return tuple(
        ipaddress.ip_network(part.strip(), strict=False)
        for part in networks.split(",")
        if part.strip()
    )
