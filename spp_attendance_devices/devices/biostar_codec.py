"""What BioStar 2 calls things: events, who and when in them, queries for them.

Nothing here talks to anybody. All scalars come as texts, empty lists as lists, as ""
or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

from .adapter import Flag, ScanData
from .errors import DeviceProtocolError
from .scan_types import ScanType

#: What became of who stood at the reader, by the main byte of the event's code.
Verdict = Literal["passed", "duress", "failed", "denied"]
VERDICTS: Final[Mapping[int, Verdict]] = {
    0x10: "passed",  # verified: said who, and proved it
    0x11: "failed",
    0x12: "duress",
    0x13: "passed",  # identified among all
    0x14: "failed",
    0x15: "duress",
    0x16: "passed",  # two people together
    0x17: "failed",
    0x18: "failed",
    0x19: "denied",  # recognised, but has no access here or now
    0x1A: "failed",  # a finger that is none
}

#: How somebody was recognised, by the other byte; kept with the scan, decides nothing.
_VERIFIED: Final = (
    "",
    "id+PIN",
    "id+finger",
    "id+finger+PIN",
    "id+face",
    "id+face+PIN",
    "card",
    "card+PIN",
    "card+finger",
    "card+finger+PIN",
    "card+face",
    "card+face+PIN",
)
_IDENTIFIED: Final = ("", "finger", "finger+PIN", "face", "face+PIN")
METHODS: Final[Mapping[int, str]] = {
    main * 256 + sub: name
    for mains, names in (((0x10, 0x12), _VERIFIED), ((0x13, 0x15), _IDENTIFIED))
    for main in mains
    for sub, name in enumerate(names)
    if name
}

#: Time and attendance keys as BioStar numbers them unless it is set up otherwise.
TNA_KEYS: Final[Mapping[str, ScanType]] = {
    "1": "in",
    "2": "out",
    "3": "break_start",
    "4": "break_end",
}

#: Operators of a query's conditions. "Contains" of several values is "one of them".
_CONTAINS, _BETWEEN, _GREATER = 2, 3, 5


class Reader(NamedTuple):
    """One reader of a BioStar server; ``connected`` as the server sees it."""

    id: str
    name: str
    connected: bool
    firmware: str


def verdict(code: int) -> Verdict | None:
    """What an event's code says of somebody at a reader, None when nothing."""
    return VERDICTS.get(code >> 8)


# Rows


def rows(answer: Mapping[str, Any], collection: str) -> list[dict[str, Any]]:
    """The rows of a collection, whichever way it says that it has none.

    :raises DeviceProtocolError: when they are no objects
    """
    found = answer.get(collection) or {}
    found = found.get("rows") if isinstance(found, dict) else None
    if not found:
        return []
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise DeviceProtocolError(f"{collection} does not hold rows")
    return found


def text(row: Mapping[str, Any], *path: str) -> str:
    """A scalar in a row as text, "" when it or any object on the way is not there."""
    value: Any = row
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return "" if value is None or isinstance(value, (dict, list)) else str(value)


def number(words: str) -> int | None:
    """A number that came as text, None when it is none."""
    short = words.isascii() and words.isdigit() and len(words) < 19
    return int(words) if short else None


def moment(row: Mapping[str, Any]) -> datetime | None:
    """When the event was (aware), None when there is no such moment."""
    try:
        found = datetime.fromisoformat(text(row, "datetime"))
        # Always UTC, whether it says so or not.
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def key(row: Mapping[str, Any]) -> str:
    """What tells one event from all others of the server.

    The server's own number of it starts anew each month, that of the reader when its
    log is cleared; neither does so within a second.
    """
    return f"{event_number(row)}|{text(row, 'datetime')}"


def event_number(row: Mapping[str, Any]) -> str:
    """The reader and its number of the event; without one, the server's number."""
    reader, index = text(row, "device_id", "id"), text(row, "index")
    if not index:
        given = text(row, "id")
        index = f"id{given}" if given else ""
    return f"{reader}:{index}" if index else ""


def scan(
    row: Mapping[str, Any], tna_keys: Mapping[str, ScanType], denied: bool
) -> ScanData | None:
    """The scan that an event is, None when it is none.

    Somebody who passed without being named is a scan without a code: the reader knew
    them, so it is for a person to find out.

    :param denied: who was recognised and not let in counts too
    """
    code = number(text(row, "event_type_id", "code")) or 0
    found = verdict(code)
    if found not in ("passed", "duress") and not (denied and found == "denied"):
        return None
    pressed = text(row, "tna_key")
    flag: Flag = "duress" if found == "duress" else ""
    return ScanData(
        user_code=_user(row),
        timestamp_raw=text(row, "datetime"),
        local_time=moment(row),
        scan_type=tna_keys.get(pressed, "none"),
        punch=number(pressed),
        verify=code,
        raw=_raw(row, code),
        number=event_number(row),
        flag=flag,
    )


def _user(row: Mapping[str, Any]) -> str:
    whom = row.get("user_id")
    return (text(row, "user_id", "user_id") or text({"user": whom}, "user")).strip()


def _raw(row: Mapping[str, Any], code: int) -> dict[str, Any]:
    """What is kept of a row. Named one by one: rows also hold names, whether there is
    a photo, and body temperatures."""
    kept = {
        "id": text(row, "id"),
        "index": text(row, "index"),
        "event": str(code),
        "method": METHODS.get(code, ""),
        "reader": text(row, "device_id", "id"),
        "reader_name": text(row, "device_id", "name"),
        "tna_key": text(row, "tna_key"),
        "server_datetime": text(row, "server_datetime"),
        "is_dst": text(row, "is_dst"),
    }
    zone = row.get("timezone")
    if isinstance(zone, dict):
        offset = {name: text(zone, name) for name in ("negative", "hour", "half")}
        kept["timezone"] = "{negative}/{hour}/{half}".format_map(offset)
    doors = row.get("door_id")
    if isinstance(doors, list):
        kept["doors"] = ",".join(
            filter(None, (text({"d": d}, "d", "id") for d in doors))
        )
    return {name: value for name, value in kept.items() if value}


def readers(answer: Mapping[str, Any]) -> list[Reader]:
    """The readers in the answer to ``/api/devices``. Status 1 is connected; 0 is not,
    and 2 is connected in a way that its events do not come through."""
    return [
        Reader(
            text(row, "id"),
            text(row, "name"),
            text(row, "status") == "1",
            text(row, "version", "firmware"),
        )
        for row in rows(answer, "DeviceCollection")
        if text(row, "id")
    ]


# Queries


def stamp(when: datetime) -> str:
    """An aware moment as BioStar writes it, down to the second."""
    return f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.00Z"


def query(
    limit: int,
    between: tuple[datetime, datetime],
    *,
    after_id: int | None = None,
    only: Iterable[str] = (),
    order: str = "datetime",
    descending: bool = False,
) -> dict[str, Any]:
    """The body of a search for events, both ends of ``between`` (aware) included.

    :param only: ids of the readers whose events are wanted, none for all
    """
    conditions = [_condition("datetime", _BETWEEN, *map(stamp, between))]
    if after_id is not None:
        conditions.append(_condition("id", _GREATER, str(after_id)))
    if only := list(only):
        conditions.append(_condition("device_id.id", _CONTAINS, *only))
    return {
        "Query": {
            "limit": limit,
            "conditions": conditions,
            "orders": [{"column": order, "descending": descending}],
        }
    }


def _condition(column: str, operator: int, *values: str) -> dict[str, Any]:
    return {"column": column, "operator": operator, "values": list(values)}


def months(start: datetime, end: datetime) -> Iterator[tuple[str, datetime, datetime]]:
    """The months (UTC) between two aware moments: their name (``2026-11``), and the
    part of them that is between, to the second."""
    start, end = start.astimezone(UTC), end.astimezone(UTC)
    while start <= end:
        first = start.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        following = (first + timedelta(days=32)).replace(day=1)
        yield f"{start:%Y-%m}", start, min(end, following - timedelta(seconds=1))
        start = following
