"""Hikvision's words (ISAPI) in ours: events, answers that refuse, times. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from .adapter import ScanData
from .errors import (
    DeviceBusy,
    DeviceError,
    DevicePermission,
    DeviceProtocolError,
    UnsupportedDevice,
)
from .scan_types import ScanType

#: ``attendanceStatus``, sent where the terminal's attendance mode is on.
STATUS: Final[Mapping[str, ScanType]] = {
    "checkin": "in",
    "checkout": "out",
    "breakout": "break_start",
    "breakin": "break_end",
    "overtimein": "overtime_in",
    "overtimeout": "overtime_out",
}
#: Minor codes (of major 5) of somebody who was let in: card, fingerprint, face, number
#: and password, and what can be combined of them.
PASSES: Final = frozenset(
    {1, 2, 38, 40, 43, 46, 54, 57, 60, 63, 66, 69, 72, 75, 77, 104}
)
#: Of somebody who was not, and of doors and buttons.
FAILS: Final = frozenset({6, 8, 9, 21, 22, 23, 24, 27, 39, 76})
#: What is kept of an event beside who and when: no name, no picture.
KEPT: Final = (
    "major",
    "minor",
    "attendanceStatus",
    "currentVerifyMode",
    "cardReaderNo",
    "doorNo",
    "label",
    "userType",
)
_CODE_LENGTH: Final = 64
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")


class BadParameters(DeviceProtocolError):
    """The request's content is not to this firmware's liking."""


def text(value: Any, length: int = _CODE_LENGTH) -> str:
    """A text or a number as a text without control characters or outer blanks; "" for
    anything else."""
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        return ""
    return _CONTROL.sub("", str(value)).strip()[:length]


def whole(value: Any) -> int | None:
    """A number from 0 on, also where it is sent as a text."""
    digits = text(value, 20)
    return int(digits) if digits.isascii() and digits.isdigit() else None


def decode_time(value: Any) -> datetime | None:
    """A moment from ISO 8601: aware where an offset was sent. None when it is none, or
    at the ends of the calendar, where other zones' times do not exist."""
    try:
        moment = datetime.fromisoformat(text(value, 40)).replace(microsecond=0)
    except ValueError:
        return None
    return moment if 1 < moment.year < 9999 else None


def event_codes(options: Mapping[str, Any]) -> tuple[frozenset[int], frozenset[int]]:
    """Minor codes of somebody who was let in, and of what is none, with those that the
    settings of a terminal add."""
    passes = PASSES | set(options.get("passes", ()))
    return passes, (FAILS - passes) | set(options.get("fails", ()))


def is_scan(
    row: Mapping[str, Any], passes: frozenset[int], fails: frozenset[int]
) -> bool:
    """Whether somebody was let in, and it was not a door, an alarm or a stranger.

    Codes differ between models: one that is in neither set counts when the event says
    whose it was.
    """
    if whole(row.get("major")) not in (5, None):
        return False
    minor = whole(row.get("minor"))
    return minor in passes or (minor not in fails and bool(_code(row)))


def _code(row: Mapping[str, Any]) -> str:
    code = text(row.get("employeeNoString"), _CODE_LENGTH + 1)
    if not code:  # older firmware
        number = whole(row.get("employeeNo"))
        code = str(number) if number else ""
    # One that had to be cut would be another person's.
    return "" if len(code) > _CODE_LENGTH or "\ufffd" in code else code


def decode_row(row: Mapping[str, Any]) -> ScanData:
    """One event as a scan. What is missing or unusable is left empty."""
    number = whole(row.get("serialNo"))
    card = text(row.get("cardNo"))
    status = text(row.get("attendanceStatus")).lower()
    return ScanData(
        user_code=_code(row) or card,
        timestamp_raw=text(row.get("time")),
        local_time=decode_time(row.get("time")),
        scan_type=STATUS.get(status, "none"),
        punch=None,
        verify=whole(row.get("minor")),
        raw={
            name: value[:_CODE_LENGTH] if isinstance(value, str) else value
            for name in KEPT
            if isinstance(value := row.get(name), (str, int))
        },
        number=str(number) if number else "",
        card=card,
    )


def rows_of(found: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    """The rows of a page: absent, one object or a list of them."""
    rows = found.get(name) or []
    rows = [rows] if isinstance(rows, Mapping) else rows
    if not isinstance(rows, list):
        raise DeviceProtocolError(f"{name} is no list")
    return [row for row in rows if isinstance(row, Mapping)]


def refusal(status: int, words: Mapping[str, Any]) -> DeviceError | None:
    """What a ResponseStatus ({} without one) says is wrong, None when nothing is."""
    code = whole(words.get("statusCode"))
    reason = text(words.get("subStatusCode") or words.get("statusString"))
    detail = f"status {status}, code {code}, {reason}"
    lowered = reason.lower()
    if status == 200 and (not words or code in (0, 1)):
        return None
    if code == 2 or "busy" in lowered:
        return DeviceBusy(detail)
    if status == 403 or "privilege" in lowered or "permission" in lowered:
        return DevicePermission(detail)
    if code == 4 or "notsupport" in lowered:
        return UnsupportedDevice(detail)
    if code == 6:
        return BadParameters(detail)
    return DeviceProtocolError(detail)
