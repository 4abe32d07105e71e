"""The pure core of the terminals: settings, codecs, errors, the table of makes."""

from __future__ import annotations

import ast
import configparser
import subprocess
import sys
from pathlib import Path

import pytest
from devices import DeviceConfig
from devices.adapter import Capabilities, validate_comm_key
from devices.errors import (
    BY_CODE,
    DeviceProtocolError,
    InvalidConfig,
    UnsupportedDevice,
    from_code,
)
from devices.host import validate_host, validate_port
from devices.scan_types import SCAN_TYPES, from_zkteco
from devices.table import ADAPTERS, get_adapter
from engine.scan_types import DIRECTIONS

PACKAGE = Path(sys.modules["devices"].__file__ or "").parent


# Host, port, key


@pytest.mark.parametrize(
    ("host", "normal"),
    [
        ("192.168.1.201", "192.168.1.201"),
        ("::1", "::1"),
        ("Terminal-1.Example.org", "terminal-1.example.org"),
        ("gate", "gate"),
        ("4ever.example", "4ever.example"),
    ],
)
def test_host_accepted(host: str, normal: str) -> None:
    assert validate_host(host) == normal


@pytest.mark.parametrize(
    "host",
    [
        "",
        " ",
        "127.0.0.1; touch x",
        "$(touch x)",
        "`id`",
        "a|b",
        "a&b",
        "a\nb",
        "127.0.0.1\n",
        "host name",
        "-oProxyCommand=x",
        "a_b",
        "http://gate",
        "gate:4370",
        "gate/..",
        "10.0.0",
        "999.1.1.1",
        "gate..example",
        "gate.",
        "fe80::1%eth0;id",
        "zürich.example",
        "a" * 64,
        ".".join(["a" * 60] * 5),
    ],
)
def test_host_refused(host: str) -> None:
    with pytest.raises(InvalidConfig):
        validate_host(host)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_port_refused(port: int) -> None:
    with pytest.raises(InvalidConfig):
        validate_port(port)


@pytest.mark.parametrize(
    ("key", "number"), [("", 0), ("0", 0), ("0042", 42), ("999999", 999999)]
)
def test_comm_key_accepted(key: str, number: int) -> None:
    assert validate_comm_key(key) == number


@pytest.mark.parametrize("key", ["1000000", "-1", "12a", "1.5", "٣", " 1"])
def test_comm_key_refused_without_quoting_it(key: str) -> None:
    with pytest.raises(InvalidConfig) as caught:
        validate_comm_key(key)
    assert key not in str(caught.value).replace("999999", "").replace("0", "")


def test_password_is_not_in_repr() -> None:
    assert "246810" not in repr(DeviceConfig("gate", 4370, password="246810"))


# Errors


def test_every_error_has_its_own_code_and_hint() -> None:
    assert len(BY_CODE) == len({cls.hint for cls in BY_CODE.values()})
    for code, cls in BY_CODE.items():
        assert cls.code == code
        assert cls.hint.endswith(".")


def test_unknown_code_is_a_protocol_error() -> None:
    assert type(from_code("from the future", "x")) is DeviceProtocolError


# Scan types


def test_zkteco_punches() -> None:
    assert [from_zkteco(punch) for punch in (*range(6), 6, 255)] == [
        "in",
        "out",
        "break_start",
        "break_end",
        "overtime_in",
        "overtime_out",
        "none",
        "none",
    ]
    assert {from_zkteco(punch) for punch in range(256)} == set(SCAN_TYPES)


def test_terminals_and_attendance_speak_the_same_words() -> None:
    # Each pure core has its own list, since neither may import the other.
    assert set(SCAN_TYPES) == set(DIRECTIONS)


# The table of makes; what they do is in test_devices_contract


def test_unknown_make() -> None:
    with pytest.raises(UnsupportedDevice):
        get_adapter("sundial")


@pytest.mark.parametrize("key", ADAPTERS)
class TestTable:
    def test_describes_itself(self, key: str) -> None:
        adapter = get_adapter(key)
        assert adapter.key == key
        assert adapter.label
        assert isinstance(adapter.capabilities, Capabilities)
        with pytest.raises(AttributeError):
            adapter.capabilities.networked = False  # type: ignore[misc]

    def test_can_be_found(self, key: str) -> None:
        can = get_adapter(key).capabilities
        assert bool(can.known_ports) == can.networked
        if can.networked:
            assert can.default_port in can.known_ports
            assert can.secret != "none"

    @pytest.mark.parametrize("timeout", [0, -1, 61])
    def test_bad_timeout(self, key: str, timeout: int) -> None:
        config = DeviceConfig("127.0.0.1", 4370, timeout=timeout, deadline=60)
        with pytest.raises(InvalidConfig):
            get_adapter(key)(config)

    @pytest.mark.parametrize(
        "over", [{"host": "127.0.0.1; id"}, {"port": 0}, {"networks": ("ten",)}]
    )
    def test_bad_address(self, key: str, over: dict) -> None:
        adapter = get_adapter(key)
        config = DeviceConfig(**{"host": "gate", "port": 4370, **over})
        if adapter.capabilities.networked:
            with pytest.raises(InvalidConfig):
                adapter.validate(config)
        else:
            adapter.validate(config)


# The package


def test_nothing_imports_odoo() -> None:
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            assert not [n for n in names if n.split(".")[0] == "odoo"], path


def test_importing_does_not_load_the_vendor_library() -> None:
    """Only children need them: they start faster with nothing that they don't need."""
    code = (
        "import sys, devices.table;"
        "sys.exit(bool({'zk', 'requests'} & set(sys.modules)))"
    )
    subprocess.run(
        [sys.executable, "-c", code], cwd=PACKAGE.parent, check=True, timeout=60
    )


# Lanes


def test_what_waits_for_others_can_never_take_every_cron_thread() -> None:
    root = PACKAGE.parents[1]
    polling, importing = (
        (root / path).read_text().count(call)
        for path, call in (
            ("spp_attendance_devices/data/ir_cron_data.xml", "_cron_poll()"),
            ("spp_attendance/data/ir_cron_import_data.xml", "_cron_import()"),
        )
    )
    assert min(polling, importing) >= 2
    conf = configparser.RawConfigParser()
    conf.read(root / "odoo.conf")
    assert polling + importing < conf.getint("options", "max_cron_threads")
