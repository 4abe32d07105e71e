"""Where a Hikvision terminal sends its events: its list of HTTP hosts, of which most
models have one or two. One that is somebody else's is never taken."""

from __future__ import annotations

import contextlib
import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

from . import hikvision_codec as codec
from .errors import DeviceProtocolError, InvalidConfig, UnsupportedDevice
from .http import find_text

if TYPE_CHECKING:
    from .hikvision import Session

HOSTS: Final = "/ISAPI/Event/notification/httpHosts"
#: Seconds between two signs of life, where firmware can be told.
HEART_BEAT: Final = 30
#: What firmware shows in place of an address that nobody has entered.
_EMPTY: Final = frozenset({"", "0.0.0.0", "::", "0:0:0:0:0:0:0:0"})
#: What is asked for, the best first: some firmware knows no heart beat, some no JSON.
_WAYS: Final = (("JSON", True), ("JSON", False), ("XML", False))


@dataclass(frozen=True, slots=True)
class Target:
    """An address, taken apart as the terminal wants it."""

    protocol: str
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, address: str) -> Self:
        """
        :raises InvalidConfig: for what is no URL; it is not repeated
        """
        with contextlib.suppress(ValueError):
            url = urlsplit(address)
            protocol = url.scheme.upper()
            port = url.port or {"HTTP": 80, "HTTPS": 443}.get(protocol, 0)
            if url.hostname and port and url.path:
                return cls(protocol, url.hostname, port, url.path)
        raise InvalidConfig("the address to send to is no http or https address")

    def is_near(self, host: Any) -> bool:
        """Whether an entry leads to this server and the same place on it, with another
        secret at its end or with this one."""
        place = self.path.rpartition("/")[0]
        there = find_text(host, "url").rpartition("/")[0]
        return self._is_at(host) and there.endswith(place)

    def is_kept(self, host: Any) -> bool:
        """Whether an entry is this address."""
        return self._is_at(host) and find_text(host, "url").endswith(self.path)

    def _is_at(self, host: Any) -> bool:
        port = codec.whole(find_text(host, "portNo"))
        return (_address(host), port) == (self.host, self.port)

    def entry(self, number: str, space: str, data: str, beats: bool) -> Any:
        """The entry to send, in the terminal's own XML namespace."""
        from lxml import etree

        kind, name = "hostname", "hostName"
        with contextlib.suppress(ValueError):
            version = ipaddress.ip_address(self.host).version
            kind = "ipaddress"
            name = "ipAddress" if version == 4 else "ipv6Address"
        # Without prefixes, for which some firmware is too simple.
        names = {None: space[1:-1]} if space else None
        root = etree.Element(f"{space}HttpHostNotification", nsmap=names)
        for tag, text in (
            ("id", number),
            ("url", self.path),
            ("protocolType", self.protocol),
            ("parameterFormatType", data),
            ("addressingFormatType", kind),
            (name, self.host),
            ("portNo", str(self.port)),
            ("httpAuthenticationMethod", "none"),
        ):
            etree.SubElement(root, space + tag).text = text
        if beats:
            events = etree.SubElement(root, f"{space}SubscribeEvent")
            etree.SubElement(events, f"{space}heartbeat").text = str(HEART_BEAT)
            etree.SubElement(events, f"{space}eventMode").text = "all"
        return root


def register(session: Session, address: str) -> None:
    """Enter an address into a place that is free or was ours, and look whether it
    stays.

    :raises UnsupportedDevice: when all places are somebody else's
    :raises DeviceProtocolError: when the terminal takes it and does not keep it
    """
    target = Target.parse(address)
    root = session.xml("GET", HOSTS)
    hosts = list(root.iter("{*}HttpHostNotification"))
    host = next(filter(target.is_near, hosts), None)
    if host is None:
        host = next((host for host in hosts if _address(host) in _EMPTY), None)
    if host is None and hosts:
        raise UnsupportedDevice(
            f"all its {len(hosts)} addresses for events are in use: clear one there"
        )
    number = codec.text(find_text(host, "id")) if host is not None else ""
    space, brace, _name = root.tag.rpartition("}")
    _put(session, target, number or "1", space + brace)
    hosts = session.xml("GET", HOSTS).iter("{*}HttpHostNotification")
    if not any(map(target.is_kept, hosts)):
        raise DeviceProtocolError("it did not keep the address to send to")


def _put(session: Session, target: Target, number: str, space: str) -> None:
    fault: Exception | None = None
    for data, beats in _WAYS:
        try:
            session.put_xml(
                f"{HOSTS}/{number}", target.entry(number, space, data, beats)
            )
        except (DeviceProtocolError, UnsupportedDevice) as error:
            fault = fault or error
        else:
            return
    if fault:
        raise fault


def _address(host: Any) -> str:
    for name in ("hostName", "ipAddress", "ipv6Address"):
        if (text := find_text(host, name).lower()) not in _EMPTY:
            return text
    return ""
