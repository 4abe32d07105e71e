"""What Hikvision terminals send by themselves (ISAPI event notification), in our words.

An event comes as JSON or as XML, alone or as one part of a multipart body whose others
are pictures: those are dropped unread. Firmware labels all this as it likes, so that
what a body is, is told by how it begins. An event becomes the same scan as the one that
the terminal's log is searched for. No I/O.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from zoneinfo import ZoneInfo

from . import hikvision_codec as codec
from .adapter import ScanData
from .errors import DeviceProtocolError
from .http import parse_json, parse_xml
from .malformed import malformed

#: Parts of one body: an event and the pictures of a face.
MAX_PARTS: Final = 32
#: Events of one body.
MAX_EVENTS: Final = 1_000
#: Bytes of one text, which grows tenfold as it is parsed.
MAX_TEXT: Final = 4 * 1024 * 1024
_EVENT: Final = "AccessControllerEvent"
_BOUNDARY: Final = re.compile(r'boundary="?([^";,]{1,200})"?', re.IGNORECASE)
#: How a body of parts begins.
_FIRST_LINE: Final = re.compile(rb"\s*(--[^\r\n]{1,200})\r?\n")
#: Firmware ends lines with CRLF or with LF.
_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
#: What a part with an event is called.
_NAMED: Final = re.compile(rb'name="?(event_log|AccessControllerEvent)\b')
#: How JSON and XML begin, also after a byte order mark.
_BEGIN: Final = (b"{", b"[", b"<")
_MARK: Final = b"\xef\xbb\xbf"


@dataclass(slots=True)
class Posted:
    """What one body says.

    ``scans`` are of people who were let in, in the order of the body, with
    :func:`~.malformed.malformed` ones in place of what nobody understands. ``units``
    are the hardware addresses (MAC) that the senders give themselves, upper case.
    Beats, doors and alarms are no scans.
    """

    scans: list[ScanData] = field(default_factory=list)
    units: set[str] = field(default_factory=set)


def parse(
    body: bytes, content_type: str, tz: str, options: Mapping[str, Any]
) -> Posted:
    """Read the body of one request.

    :param content_type: the request's header, "" without one
    :param tz: IANA zone of the terminal's clock: some firmware leaves the offset out
    :param options: the settings of the make, whose event codes count here, too
    """
    posted = Posted()
    zone = ZoneInfo(tz)
    passes, fails = codec.event_codes(options)
    for text in _texts(body, content_type):
        try:
            alerts = list(_alerts(text))
        except DeviceProtocolError:
            posted.scans.append(malformed(text.decode("utf-8", "replace")))
            continue
        for alert in alerts:
            if unit := codec.text(alert.get("macAddress"), 40).upper():
                posted.units.add(unit)
            row = _row(alert)
            if row and codec.is_scan(row, passes, fails):
                posted.scans.append(_scan(row, zone))
    return posted


def _texts(body: bytes, content_type: str) -> Iterator[bytes]:
    """What is meant to be read of a body: not its pictures, and nothing of an empty
    one, with which some firmware tries an address."""
    delimiter = _delimiter(body, content_type)
    if not delimiter:
        if text := body.removeprefix(_MARK).strip():
            yield text
        return
    parts = body.split(delimiter, MAX_PARTS + 1)
    for part in parts[1 : MAX_PARTS + 1]:
        head, content = _halves(part)
        text = content.removeprefix(_MARK).strip()
        if text.startswith(_BEGIN) or (text and _NAMED.search(head)):
            yield text


def _delimiter(body: bytes, content_type: str) -> bytes:
    """What stands before each part, b"" where there are none: as the header says, or,
    where it says nothing or something else, as the body begins."""
    if content_type.lower().lstrip().startswith("multipart/"):
        found = _BOUNDARY.search(content_type)
        told = b"--" + found[1].strip().encode() if found else b""
        if told and told in body:
            return told
    begin = _FIRST_LINE.match(body)
    return begin[1] if begin else b""


def _halves(part: bytes) -> tuple[bytes, bytes]:
    """Headers of a part, if there are any, and its content."""
    if part.lstrip().startswith(_BEGIN):
        return b"", part
    end = _HEAD_END.search(part)
    return (part[: end.start()], part[end.end() :]) if end else (part, b"")


def _alerts(text: bytes) -> Iterator[Mapping[str, Any]]:
    """The notifications in a text: one, wrapped or not, or a list of them.

    :raises DeviceProtocolError: when it is neither JSON nor XML, or no notification
    """
    if len(text) > MAX_TEXT:
        raise DeviceProtocolError(f"{len(text)} bytes that are no picture")
    found = _mapping(parse_xml(text)) if text.startswith(b"<") else parse_json(text)
    rows = found if isinstance(found, list) else [found]
    if len(rows) > MAX_EVENTS:
        raise DeviceProtocolError(f"{len(rows)} events at once")
    for row in rows:
        if isinstance(row, Mapping):
            row = row.get("EventNotificationAlert", row)
        if not isinstance(row, Mapping):
            raise DeviceProtocolError("no event")
        event = row.get(_EVENT)
        is_alert = "eventType" in row or "majorEventType" in row
        if event is None and (not is_alert or row.get("eventType") == _EVENT):
            raise DeviceProtocolError("no event")
        if event is not None and not isinstance(event, Mapping):
            raise DeviceProtocolError("an event without anything in it")
        yield row


def _row(alert: Mapping[str, Any]) -> dict[str, Any]:
    """An event as a row of the log, {} when the notification is of something else."""
    event = alert.get(_EVENT) or (alert if "majorEventType" in alert else {})
    if not event:
        return {}
    return {
        **event,
        "major": event.get("majorEventType"),
        "minor": event.get("subEventType"),
        "time": alert.get("dateTime") or event.get("dateTime"),
    }


def _scan(row: Mapping[str, Any], zone: ZoneInfo) -> ScanData:
    scan = codec.decode_row(row)
    moment = scan.local_time
    if moment and moment.tzinfo is None:
        # The log says the offset: it must be the same moment there.
        scan = scan._replace(local_time=moment.replace(tzinfo=zone))
    return scan


def _mapping(root: Any) -> dict[str, Any]:
    """An element's children by their local names: texts, or the same of theirs."""
    found: dict[str, Any] = {}
    for child in root.iterchildren("{*}*"):
        name = child.tag.rpartition("}")[2]
        if name == _EVENT:
            found[name] = _mapping(child)
        else:
            text = (child.text or "").strip()
            # Numbers as JSON has them; never of who it was.
            code = codec.whole(text) if name in _NUMBERS else None
            found[name] = text if code is None else code
    return found


_NUMBERS: Final = frozenset(
    {"majorEventType", "subEventType", "cardReaderNo", "doorNo", "serialNo"}
)
