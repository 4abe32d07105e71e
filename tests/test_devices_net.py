"""Which addresses terminals may have, and connections that go nowhere else."""

from __future__ import annotations

import socket
import time
from typing import Any

import pytest
from devices import net
from devices.errors import DeviceForbiddenAddress, DeviceTimeout, InvalidConfig

LOOPBACK = ("127.0.0.0/8",)


@pytest.mark.parametrize(
    "address",
    ["192.168.1.201", "10.0.0.7", "172.16.9.9", "203.0.113.5", "fd00::17", "8.8.8.8"],
)
def test_addresses_that_terminals_may_have(address: str) -> None:
    net.check_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "::1",
        "::ffff:127.0.0.1",
        "169.254.169.254",
        "fe80::1",
        "fe80::1%eth0",
        "::ffff:169.254.169.254",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "ff02::1",
        "240.0.0.1",
        "255.255.255.255",
    ],
)
def test_addresses_that_terminals_may_not_have(address: str) -> None:
    with pytest.raises(DeviceForbiddenAddress):
        net.check_address(address)


def test_only_listed_networks() -> None:
    networks = ("10.20.0.0/16", "192.168.7.9", "127.0.0.0/8", "fd00::/8")
    for address in ("10.20.3.4", "192.168.7.9", "127.0.0.1", "::ffff:10.20.3.4"):
        net.check_address(address, networks)
    net.check_address("fd00::17", networks)
    for address in ("10.21.0.1", "192.168.7.10", "8.8.8.8", "169.254.169.254", "::1"):
        with pytest.raises(DeviceForbiddenAddress):
            net.check_address(address, networks)


@pytest.mark.parametrize("text", ["", "gate", "10.0.0.0/33", "10.0.0", "10.0.0.0/8;"])
def test_networks_that_are_none(text: str) -> None:
    with pytest.raises(InvalidConfig):
        net.parse_networks([text])


def connect(host: str, port: int, **words: Any) -> socket.socket:
    settings = {"timeout": 5, "until": time.monotonic() + 10, "networks": LOOPBACK}
    return net.connect(host, port, **{**settings, **words})


@pytest.fixture
def server() -> Any:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def test_connects(server: socket.socket) -> None:
    with connect("127.0.0.1", server.getsockname()[1]) as connection:
        peer, _address = server.accept()
        with peer:
            connection.sendall(b"hello")
            assert peer.recv(5) == b"hello"


def test_datagrams_of_others_are_not_heard() -> None:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as terminal,
        socket.socket(type=socket.SOCK_DGRAM) as stranger,
    ):
        terminal.bind(("127.0.0.1", 0))
        port = terminal.getsockname()[1]
        with connect("127.0.0.1", port, kind=socket.SOCK_DGRAM) as connection:
            stranger.sendto(b"mine", connection.getsockname())
            terminal.sendto(b"yours", connection.getsockname())
            assert connection.recv(10) == b"yours"


def test_nothing_is_sent_where_it_may_not(server: socket.socket) -> None:
    server.settimeout(0)
    for networks in ((), ("10.0.0.0/8",)):
        with pytest.raises(DeviceForbiddenAddress):
            connect("127.0.0.1", server.getsockname()[1], networks=networks)
    # Not even a connection was made.
    with pytest.raises(BlockingIOError):
        server.accept()


def test_a_name_is_judged_by_what_it_stands_for(
    server: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is looked up once: what was judged is what is connected to."""
    port = server.getsockname()[1]
    asked: list[str] = []

    def look_up(host: str, *_words: Any, **_more: Any) -> list[Any]:
        asked.append(host)
        address = "10.0.0.7" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    asked.append("before")
    with pytest.raises(DeviceForbiddenAddress):
        connect("gate.example", port, networks=())
    assert asked == ["before", "gate.example"]


def test_the_next_address_of_a_name_is_tried(
    server: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = server.getsockname()[1]
    rows = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
        for address in ("127.0.0.2", "127.0.0.1")
    ]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_words, **_more: rows)
    with connect("gate.example", port) as connection:
        assert connection.getpeername() == ("127.0.0.1", port)


def test_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        connect("127.0.0.1", port)


def test_too_late(server: socket.socket) -> None:
    with pytest.raises(DeviceTimeout):
        connect("127.0.0.1", server.getsockname()[1], until=time.monotonic() - 1)
