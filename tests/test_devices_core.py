"""The pure core of the terminals: settings, codecs, errors, the table of makes."""

from __future__ import annotations

import ast
import configparser
import json
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from devices import ADAPTERS, DeviceConfig, ReadRequest, get_adapter
from devices.adapter import (
    BaseMachineAdapter,
    Capabilities,
    DeviceInfo,
    Reading,
    validate_comm_key,
)
from devices.errors import (
    BY_CODE,
    DeviceError,
    DeviceProtocolError,
    InvalidConfig,
    UnsupportedDevice,
    from_code,
)
from devices.host import validate_host, validate_port
from devices.scan_types import SCAN_TYPES, from_zkteco
from devices.zkteco import ZktecoAdapter
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
    assert "246810" not in repr(DeviceConfig("gate", 4370, "246810"))


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


# The table, and the contract of every make


def test_unknown_make() -> None:
    with pytest.raises(UnsupportedDevice):
        get_adapter("sundial")


def fake_runner(module: str, request: dict, deadline: float) -> tuple[list, dict]:
    """Answers as the child of a ZKTeco conversation does, without one."""
    json.dumps(request)  # goes over a pipe
    assert deadline == request["deadline"]
    end = {
        "info": {"serial": "S", "records": 3},
        "complete": True,
        "detail": "",
        "digest": "d",
        "unchanged": False,
    }
    rows = [
        ["7", "2026-11-02 08:00:00", 0, 1],
        ["8", "2026-02-31 08:00:00", 1, 1],
        ["", "2099-01-01 00:00:00", 255, 15],
    ]
    return ([{"rows": rows}] if request["verb"] == "read" else []), end


def make(key: str) -> BaseMachineAdapter:
    config = DeviceConfig("127.0.0.1", 4370, options={})
    if key == "zkteco":
        return ZktecoAdapter(config, runner=fake_runner)
    return ADAPTERS[key](config)


@pytest.mark.parametrize("key", ADAPTERS)
class TestContract:
    def test_describes_itself(self, key: str) -> None:
        adapter = get_adapter(key)
        assert adapter.key == key
        assert adapter.label
        assert isinstance(adapter.capabilities, Capabilities)
        with pytest.raises(AttributeError):
            adapter.capabilities.networked = False  # type: ignore[misc]

    def test_test(self, key: str) -> None:
        assert isinstance(make(key).test(datetime.now(UTC)), DeviceInfo)

    def test_reading(self, key: str) -> None:
        now = datetime(2026, 11, 2, 9, tzinfo=UTC)
        reading = make(key).read_scans(ReadRequest(now))
        assert isinstance(reading, Reading)
        assert reading.complete
        assert reading.scans
        for scan in reading.scans:
            assert len(scan.timestamp_raw) == 19
            assert scan.local_time is None or scan.local_time.tzinfo is None
            assert scan.scan_type in SCAN_TYPES
            json.dumps(dict(scan.raw))

    @pytest.mark.parametrize("timeout", [0, -1, 61])
    def test_bad_timeout(self, key: str, timeout: int) -> None:
        config = DeviceConfig("127.0.0.1", 4370, timeout=timeout, deadline=60)
        with pytest.raises(InvalidConfig):
            get_adapter(key)(config)

    def test_bad_host(self, key: str) -> None:
        adapter = get_adapter(key)
        config = DeviceConfig("127.0.0.1; id", 4370)
        if adapter.capabilities.networked:
            with pytest.raises(InvalidConfig):
                adapter(config)
        else:
            adapter(config)


# The simulated make


def simulated(now: datetime, **options: object) -> Reading:
    config = DeviceConfig(tz="Africa/Nairobi", options=options)
    return get_adapter("simulated")(config).read_scans(ReadRequest(now))


MORNING = datetime(2026, 11, 2, 6, tzinfo=UTC)


def test_same_seed_same_scans() -> None:
    assert simulated(MORNING) == simulated(MORNING)
    assert simulated(MORNING, seed="a") != simulated(MORNING, seed="b")


def test_log_only_grows() -> None:
    later = datetime(2026, 11, 2, 6, 30, tzinfo=UTC)
    before, after = simulated(MORNING).scans, simulated(later).scans
    assert after[: len(before)] == before
    assert len(after) > len(before)


def test_scans_are_local_and_past() -> None:
    scans = simulated(MORNING, days=2, per_minute=2).scans
    assert all(scan.local_time <= datetime(2026, 11, 2, 9) for scan in scans)
    assert {scan.local_time.date() for scan in scans} == {
        date(2026, 11, 1),
        date(2026, 11, 2),
    }


def test_people_alternate() -> None:
    scans = [s for s in simulated(MORNING).scans if s.user_code == "P-0001"]
    assert [s.scan_type for s in scans][:4] == ["in", "out", "in", "out"]


@pytest.mark.parametrize("fault", ["offline", "refuse_auth", "timeout", "close_mid"])
def test_failures(fault: str) -> None:
    with pytest.raises(DeviceError):
        simulated(MORNING, fault=fault)


def test_oddities() -> None:
    good = simulated(MORNING).scans
    assert simulated(MORNING, fault="empty").scans == []
    assert len(simulated(MORNING, fault="duplicates").scans) == 2 * len(good)
    assert simulated(MORNING, fault="bad_date").scans[0].local_time is None
    assert simulated(MORNING, fault="bad_date").scans[1:] == good
    assert simulated(MORNING, fault="future").scans[0].local_time.year == 2099
    assert not simulated(MORNING, fault="wrong_count").complete


@pytest.mark.parametrize(
    "options",
    [
        {"people": "P-1"},
        {"people": [1]},
        {"per_minute": 61},
        {"per_minute": True},
        {"days": 0},
        {"days": 1.5},
        {"fault": "flood"},
        {"colour": "red"},
    ],
)
def test_bad_options(options: dict) -> None:
    with pytest.raises(InvalidConfig):
        simulated(MORNING, **options)


def test_nobody_enrolled() -> None:
    assert simulated(MORNING, people=[]).scans == []


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
    """Only the child needs pyzk; the worker stays free of it."""
    code = "import sys, devices; sys.exit('zk' in sys.modules)"
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
