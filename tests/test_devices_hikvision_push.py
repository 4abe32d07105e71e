"""What Hikvision terminals send by themselves, in all the ways that firmware has; and
telling a terminal over real sockets where to send it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from devices.errors import (
    DeviceAuthFailed,
    DeviceProtocolError,
    InvalidConfig,
    UnsupportedDevice,
)
from devices.hikvision_push import MAX_EVENTS, MAX_TEXT, Posted, parse
from devices.malformed import is_malformed
from hikvision_terminal import BODIES, HikvisionTerminal, Host, encode
from terminal_reading import adapter, in_child, read

MORNING = datetime(2026, 11, 20, 8, 0, 5)
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ADDRESS = "http://10.0.0.2:8069/attendance-devices/hikvision/new-secret"


@pytest.fixture
def terminal() -> Iterator[HikvisionTerminal]:
    with HikvisionTerminal(clock=lambda: NOW) as terminal:
        yield terminal


def heard(body: bytes, kind: str = "", **options: Any) -> Posted:
    return parse(body, kind, "Asia/Kolkata", options)


def alert(terminal: HikvisionTerminal, **words: Any) -> dict[str, Any]:
    """The notification of somebody at the door, with other words in its event."""
    terminal.add("0017", MORNING, "break_end")
    found = terminal.alert(terminal.events()[-1])
    found["AccessControllerEvent"] |= words
    return found


# What is sent


@pytest.mark.parametrize("body", BODIES)
def test_pushed_is_the_same_as_read(terminal: HikvisionTerminal, body: str) -> None:
    terminal.tz = "Asia/Kolkata"
    sent = alert(terminal)
    (scan,) = heard(*encode(sent, body)).scans
    (known,) = read(terminal, now=NOW).scans
    assert scan == known
    assert (scan.user_code, scan.scan_type) == ("0017", "break_end")
    assert scan.timestamp_raw == "2026-11-20T08:00:05+05:30"


@pytest.mark.parametrize("body", BODIES)
def test_a_beat_is_no_scan(terminal: HikvisionTerminal, body: str) -> None:
    posted = heard(*encode(terminal.beat(), body))
    assert posted == Posted(units={terminal.mac})


def test_no_name_and_no_picture_is_kept(terminal: HikvisionTerminal) -> None:
    for body in BODIES:
        (scan,) = heard(*encode(alert(terminal, name="Amina"), body)).scans
        assert "Amina" not in repr(scan)
        assert "a face" not in repr(scan)


def test_a_time_without_an_offset_is_the_terminals(terminal: HikvisionTerminal) -> None:
    sent = {**alert(terminal), "dateTime": "2026-11-20T08:00:05"}
    (scan,) = heard(*encode(sent, "json")).scans
    assert scan.local_time == datetime.fromisoformat("2026-11-20T08:00:05+05:30")
    assert scan.timestamp_raw == "2026-11-20T08:00:05"


@pytest.mark.parametrize("body", ["json", "xml"])
@pytest.mark.parametrize(
    ("words", "count"),
    [
        ({"subEventType": 76}, 0),  # a face that nobody knows
        ({"subEventType": 21, "employeeNoString": ""}, 0),  # the door opened
        ({"majorEventType": 3}, 0),  # somebody changed a setting
        ({"subEventType": 1234}, 1),  # an unknown way in, of somebody
        ({"subEventType": 1234, "employeeNoString": ""}, 0),
    ],
)
def test_who_was_let_in(
    terminal: HikvisionTerminal, words: dict[str, Any], count: int, body: str
) -> None:
    assert len(heard(*encode(alert(terminal, **words), body)).scans) == count


def test_codes_of_the_terminals_settings_count(terminal: HikvisionTerminal) -> None:
    sent = encode(alert(terminal, subEventType=76), "json")
    assert len(heard(*sent, passes=[76]).scans) == 1
    sent = encode(alert(terminal, subEventType=1234), "json")
    assert len(heard(*sent).scans) == 1
    assert not heard(*sent, fails=[1234]).scans


def test_several_at_once_wrapped_or_not(terminal: HikvisionTerminal) -> None:
    sent = [alert(terminal), {"EventNotificationAlert": alert(terminal)}]
    posted = heard(json.dumps(sent).encode())
    assert [scan.number for scan in posted.scans] == ["1001", "1002"]


def test_alarms_of_other_kinds_are_no_scans() -> None:
    sent = {"eventType": "VMD", "eventState": "active", "macAddress": "aa:bb"}
    assert heard(json.dumps(sent).encode()) == Posted(units={"AA:BB"})


@pytest.mark.parametrize("kind", ["", "application/json", "multipart/form-data"])
@pytest.mark.parametrize("body", [b"", b" \r\n", b"\xef\xbb\xbf"])
def test_an_empty_body_says_nothing(body: bytes, kind: str) -> None:
    assert heard(body, kind) == Posted()


@pytest.mark.parametrize(
    "body",
    [
        b"hello",
        b"\x00\x01\x02",
        b"{",
        b"[" * 100_000,
        b"7",
        b"[7]",
        b'{"a": 1}',
        b'{"eventType": "AccessControllerEvent"}',
        b'{"eventType": "x", "AccessControllerEvent": [1]}',
        b'{"EventNotificationAlert": "x"}',
        b"<a>",
        b"<html><body>no</body></html>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b"[%s]" % b",".join([b'{"eventType": "x"}'] * (MAX_EVENTS + 1)),
    ],
)
def test_what_nobody_understands_is_kept_once(body: bytes) -> None:
    posted, again = heard(body), heard(body)
    (scan,) = posted.scans
    assert is_malformed(scan)
    assert scan.raw["line"] == body.decode()[:200]
    assert posted == again


def test_a_bad_part_does_not_cost_the_good_one(terminal: HikvisionTerminal) -> None:
    good, kind = encode(alert(terminal), "multipart")
    bad = b'--MIME_boundary\r\nContent-Disposition: name="event_log"\r\n\r\n(no)\r\n'
    broken, scan = heard(bad + good, kind).scans
    assert is_malformed(broken)
    assert broken.raw == {"line": "(no)"}
    assert scan.user_code == "0017"


def test_a_part_without_headers_is_read(terminal: HikvisionTerminal) -> None:
    text, _kind = encode(alert(terminal), "json")
    body = b"--b\r\n%s\r\n--b--" % text
    assert len(heard(body, "multipart/mixed; boundary=b").scans) == 1


@pytest.mark.parametrize(
    "kind",
    ["multipart/form-data; boundary=other", "multipart/form-data", "text/plain", ""],
)
def test_parts_are_found_whatever_their_header_says(
    terminal: HikvisionTerminal, kind: str
) -> None:
    body, _kind = encode(alert(terminal), "multipart")
    assert [scan.user_code for scan in heard(body, kind).scans] == ["0017"]
    body, _kind = encode(alert(terminal), "json")
    assert [scan.user_code for scan in heard(body, kind).scans] == ["0017"]
    assert [is_malformed(scan) for scan in heard(b"no parts", kind).scans] == [True]


def test_a_text_that_no_terminal_sends_is_not_parsed(
    terminal: HikvisionTerminal,
) -> None:
    text, _kind = encode(alert(terminal), "json")
    longest = text + b" " * (MAX_TEXT - len(text) - 1) + b"\n"
    assert not is_malformed(heard(longest).scans[0])
    huge = b'{"eventType": "heartBeat", "a": "%s"}' % (b"x" * MAX_TEXT)
    (scan,) = heard(huge).scans
    assert is_malformed(scan)


def test_what_is_kept_of_an_event_has_an_end(terminal: HikvisionTerminal) -> None:
    (scan,) = heard(*encode(alert(terminal, label="x" * 5_000), "json")).scans
    assert scan.raw["label"] == "x" * 64


def test_a_body_that_broke_off_is_kept_as_such(terminal: HikvisionTerminal) -> None:
    body, kind = encode(alert(terminal), "multipart")
    (scan,) = heard(body[: body.index(b"employeeNo")], kind).scans
    assert is_malformed(scan)


def test_entities_are_left_alone() -> None:
    body = (
        b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
        b"<EventNotificationAlert><eventType>heartBeat</eventType>"
        b"<macAddress>&e;</macAddress></EventNotificationAlert>"
    )
    assert heard(body) == Posted()


def test_a_code_that_is_no_text_is_nobodys(terminal: HikvisionTerminal) -> None:
    sent = alert(terminal, employeeNoString={"$ne": 1}, subEventType=75)
    (scan,) = heard(*encode(sent, "json")).scans
    assert scan.user_code == ""
    assert not is_malformed(scan)


# Telling a terminal where to send


@pytest.mark.parametrize("by", [adapter, in_child])
def test_it_is_told_where_to_send(terminal: HikvisionTerminal, by: Any) -> None:
    info = by(terminal).set_push(ADDRESS)
    path = "/attendance-devices/hikvision/new-secret"
    assert terminal.hosts == [
        Host("HTTP", "10.0.0.2", 8069, path, "JSON", True),
        Host(),
    ]
    assert info.serial == terminal.serial


def test_a_place_that_is_taken_is_left_alone(terminal: HikvisionTerminal) -> None:
    other = Host("HTTP", "10.9.9.9", 80, "/theirs", "XML")
    terminal.hosts[0] = other
    adapter(terminal).set_push("https://attendance.example/attendance-devices/x")
    assert terminal.hosts[0] == other
    assert terminal.hosts[1][:4] == (
        "HTTPS",
        "attendance.example",
        443,
        "/attendance-devices/x",
    )
    terminal.hosts[1] = other
    with pytest.raises(UnsupportedDevice, match="in use"):
        adapter(terminal).set_push(ADDRESS)
    assert terminal.hosts == [other, other]


def test_a_new_secret_takes_the_place_of_the_old(terminal: HikvisionTerminal) -> None:
    for secret in ("old-secret", "new-secret"):
        adapter(terminal).set_push(ADDRESS.replace("new-secret", secret))
    assert terminal.hosts[0].url.endswith("/new-secret")
    assert terminal.hosts[1] == Host()
    # Of another server of the same kind, it is somebody else's.
    adapter(terminal).set_push(ADDRESS.replace("10.0.0.2", "10.0.0.3"))
    assert [host.address for host in terminal.hosts] == ["10.0.0.2", "10.0.0.3"]


@pytest.mark.parametrize(("fault", "data"), [("no_beats", "JSON"), ("only_xml", "XML")])
def test_simple_firmware_is_asked_for_less(
    terminal: HikvisionTerminal, fault: str, data: str
) -> None:
    terminal.fault = fault
    adapter(terminal).set_push(ADDRESS)
    assert (terminal.hosts[0].data, terminal.hosts[0].beats) == (data, False)


def test_it_is_looked_whether_the_address_stays(terminal: HikvisionTerminal) -> None:
    terminal.fault = "forgetful"
    with pytest.raises(DeviceProtocolError, match="did not keep"):
        adapter(terminal).set_push(ADDRESS)


def test_a_refused_password_is_tried_once(terminal: HikvisionTerminal) -> None:
    terminal.fault = "refuse_auth"
    with pytest.raises(DeviceAuthFailed):
        adapter(terminal).set_push(ADDRESS)
    assert terminal.refused == 1


@pytest.mark.parametrize(
    "address", ["", "ftp://a/secret", "http://a:b/secret", "//a/secret", "http://a"]
)
def test_what_is_no_address_is_not_sent(
    terminal: HikvisionTerminal, address: str
) -> None:
    with pytest.raises(InvalidConfig) as caught:
        adapter(terminal).set_push(address)
    assert "secret" not in str(caught.value)
    assert terminal.hosts == [Host(), Host()]


# What is sent arrives


def test_the_fake_sends_what_its_log_holds(terminal: HikvisionTerminal) -> None:
    """Of both faces of the fake, so that they stay the same."""
    terminal.add("1", MORNING)
    terminal.add("2", MORNING + timedelta(seconds=7))
    sent = [
        heard(*encode(terminal.alert(event), "xml")).scans[0]
        for event in terminal.events()
    ]
    assert sent == list(read(terminal, now=NOW).scans)
