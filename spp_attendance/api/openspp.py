"""The dialect of OpenSPP's attendance apps: what they say, and what they are told.

Free of Odoo and of the database. Every text here is one that apps exist for, to the
letter, unless it says that theirs answered with a fault there. Dates and times are
those on the wall where somebody attended: without a zone, to the second.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from pydantic_core import from_json
from werkzeug.exceptions import BadRequest

from ..engine.localtime import LocalTimeError, place

DATE_FORMAT: Final = "%Y-%m-%d"
DATE_TIME_FORMAT: Final = "%Y-%m-%d %H:%M:%S"
CATEGORIES: Final = ("present", "absent")
DEFAULT_LIMIT: Final = 30

DUPLICATE: Final = (
    "An attendance record is already exists."
    " Please check the date, time, type, location."
)
UNKNOWN_PERSON: Final = "person_id does not exist."
NOTHING_TO_DELETE: Final = "Attendance list does not exist."
#: Theirs answered with a fault to a time that it could not read.
BAD_DATE_TIME: Final = "date_time must be in the format YYYY-MM-DD HH:MM:SS."

#: What the database can hold as an id; a larger one is nobody's.
_MAX_ID: Final = 2**31 - 1
#: An id that nothing has.
_NO_ID: Final = 0
_INTEGER = re.compile(r"\s*[+-]?[0-9]+\s*", re.ASCII)
# An escaped NUL is valid JSON, but no PostgreSQL text can hold it.
_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_URL = re.compile(r"https?://\S+")
_TRUE: Final = frozenset({"true", "1", "t", "y", "yes"})


class Refusal(BadRequest):
    """A request that is refused, with the sentence for it: status 400."""


# ------------------------------------------------------------------- reading


def read_object(raw: bytes) -> dict[str, Any]:
    """The JSON object of a body; an empty body is an empty object.

    Its texts can all be stored: half a character or a NUL is refused.

    :raises Refusal: when it is none
    """
    if not raw.strip():
        return {}
    try:
        data = from_json(raw, allow_inf_nan=False)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise Refusal("data must be in JSON format.")
    if b"\\u0000" in raw and _ESCAPED_NUL.search(raw):
        raise Refusal("The request contains a NUL character.")
    return data


def require(data: Mapping[str, Any], names: Iterable[str], of: str = "") -> None:
    """Refuse an object that lacks some fields; null is no value.

    :param of: what the object is, where the sentence is to say so
    :raises Refusal: naming all that are missing
    """
    missing = [name for name in names if data.get(name) is None]
    if missing:
        whose = f" for {of}" if of else ""
        raise Refusal(f"Missing required fields{whose}: {', '.join(missing)}")


@dataclass(frozen=True)
class Submission:
    """Who submits records, when by his own account, from where; and the records."""

    submitted_by: str
    submitted_datetime: str
    submission_source: str
    records: list[dict[str, Any]]

    @property
    def origin(self) -> dict[str, str]:
        """The fields of a record that say where it comes from."""
        return {
            "submitted_by": self.submitted_by,
            "submitted_datetime": self.submitted_datetime,
            "submission_source": self.submission_source,
        }


def read_submission(data: Mapping[str, Any]) -> Submission:
    """The envelope of what is created or updated.

    :raises Refusal: when something is missing or of another shape
    """
    require(data, ("records", "submitted_by", "submitted_datetime"))
    return Submission(
        submitted_by=_text(data, "submitted_by"),
        submitted_datetime=_text(data, "submitted_datetime"),
        submission_source=_text(data, "submission_source"),
        records=_objects(data["records"], "records"),
    )


def read_person(record: Mapping[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """The identifier and the time cards of a record to be created.

    :raises Refusal: when something is missing or of another shape
    """
    require(record, ("person_id", "time_card"))
    return _text(record, "person_id"), _objects(record["time_card"], "time_card")


def read_card(card: Mapping[str, Any]) -> dict[str, Any]:
    """A time card to be created, as fields of a fact: see `card_changes`.

    :raises Refusal: when something is missing or can't be read
    """
    require(card, ("date_time",), "time_card")
    return {"category": CATEGORIES[0], **card_changes(card)}


def read_update(record: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    """The id of a record to be updated, and its time card.

    :raises Refusal: when something is missing, of another shape, or no record's id
    """
    require(record, ("id", "time_card"), "records")
    record_id = _integer(record["id"])
    if record_id is None:
        raise Refusal("id must be an integer.")
    card = record["time_card"]
    if not isinstance(card, dict):
        raise Refusal("time_card must be an object.")
    if record_id == _NO_ID:
        raise unknown_record(record["id"])
    return record_id, card


def unknown_record(number: int | str) -> Refusal:
    """What is said to the id of a record that does not exist, as it was sent."""
    return Refusal(f"Attendance ID {number} does not exist.")


def card_changes(card: Mapping[str, Any]) -> dict[str, Any]:
    """What a time card says, as fields of a fact; of what it doesn't mention, nothing.

    `date_time` becomes a naive local `datetime`, with `local_time_raw` as it came;
    `type` and `location` become ids, of which 0 is nobody's, or None for none.

    :raises Refusal: when something can't be read
    """
    values: dict[str, Any] = {}
    if "date_time" in card:
        text = card["date_time"]
        local = parse_date_time(text)
        if local is None:
            raise Refusal(BAD_DATE_TIME)
        values |= {"date_time": local, "local_time_raw": text}
    if "attendance_category" in card:
        values["category"] = _category(card["attendance_category"])
    if "attendance_type" in card:
        values["type"] = reference(card["attendance_type"], "Attendance Type")
    if "attendance_location" in card:
        value = card["attendance_location"]
        values["location"] = reference(value, "Attendance Location")
    if "attendance_description" in card:
        values["description"] = _text(card, "attendance_description") or None
    if "attendance_external_url" in card:
        values["url"] = _url(card)
    return values


def parse_date_time(text: Any) -> datetime | None:
    """A local date and time as the dialect writes it; None for anything else."""
    try:
        value = datetime.strptime(text, DATE_TIME_FORMAT)
    except (TypeError, ValueError):
        return None
    return value if 1900 <= value.year <= 2200 else None


def reference(value: Any, what: str) -> int | None:
    """The id of a type or location; None when there is none, 0 for one that none has.

    :param what: as the sentence calls it
    :raises Refusal: when it is no integer
    """
    if not value:
        return None
    number = _integer(value)
    if number is None:
        raise Refusal(f"{what} must be an integer.")
    return number


def unknown_reference(what: str, available: Sequence[tuple[int, str]]) -> Refusal:
    """What is said to the id of a type or location that does not exist.

    :param what: as the sentence calls it
    :param available: id and name of those that exist
    """
    message = f"{what} does not exist."
    if available:
        known = ", ".join(f"{number} for {name}" for number, name in available)
        message += f" Available {what}s: {known}."
    return Refusal(message)


def read_ids(repeated: Iterable[str]) -> list[int]:
    """The ids of comma-separated lists.

    :param repeated: values of the query parameter
    :raises Refusal: when one is none, or there are none
    """
    text = ",".join(repeated)
    if not text.strip():
        raise Refusal(NOTHING_TO_DELETE)
    numbers = [_integer(part) for part in text.split(",")]
    if None in numbers:
        raise Refusal("ids must be a list of integers.")
    return [number for number in numbers if number]


def read_person_ids(data: Mapping[str, Any], repeated: Iterable[str]) -> list[str]:
    """The identifiers that are asked for, each once; empty: everybody is.

    :param data: the body
    :param repeated: values of the query parameter, each of which may be several
    :raises Refusal: when the body's are no list
    """
    given = data.get("person_ids") or []
    if not isinstance(given, list):
        raise Refusal("person_ids must be a list.")
    asked = [_text({"person_ids": value}, "person_ids") for value in given]
    for value in repeated:
        asked += (part.strip() for part in value.split(",") if part.strip())
    return list(dict.fromkeys(asked))


class Paging(NamedTuple):
    """Which part of a list is asked for.

    :ivar page: from 1
    :ivar last_id: only what comes after; None counts in pages
    """

    page: int
    limit: int
    last_id: int | None = None

    @property
    def offset(self) -> int:
        """How many to leave out; what comes after an id begins right there."""
        if self.last_id is not None:
            return 0
        return min((self.page - 1) * self.limit, 2**62)

    @property
    def at_most(self) -> int:
        """How many to read: as many as asked for, and as a database can count."""
        return min(self.limit, 2**62)

    def described(self, total: int, **more: Any) -> dict[str, Any]:
        """What the answer says of its page.

        :param total: how many there are
        :param more: further keys
        """
        return {
            "page": self.page,
            "limit": self.limit,
            "total_records": total,
            "total_pages": -(-total // self.limit),
            **more,
        }


def read_paging(query: Mapping[str, str], *, by_id: bool) -> Paging:
    """Page, limit, and the id after which to go on.

    :param by_id: whether this list knows `last_id`
    :raises Refusal: when one is no (positive) integer
    """
    try:
        page = int(query.get("page", 1))
        limit = int(query.get("limit", DEFAULT_LIMIT))
    except ValueError:
        raise Refusal("Page and limit must be integers.") from None
    if page < 1 or limit < 1:
        raise Refusal("Page and limit must be positive integers.")
    last_id = query.get("last_id") if by_id else None
    if not last_id:
        return Paging(page, limit)
    if not _INTEGER.fullmatch(last_id) or len(last_id) > 4_000:
        raise Refusal("last_id must be an integer.")
    return Paging(page, limit, max(0, min(int(last_id), _MAX_ID)))


def read_dates(query: Mapping[str, str]) -> tuple[date, date] | None:
    """The first and last local date; None unless both are given.

    :raises Refusal: when one is no date, or they are the wrong way round
    """
    first, last = query.get("from_date"), query.get("to_date")
    if not (first and last):
        return None
    try:
        dates = (
            datetime.strptime(first, DATE_FORMAT).date(),
            datetime.strptime(last, DATE_FORMAT).date(),
        )
    except ValueError:
        raise Refusal("FromDate and ToDate must be in the format YYYY-MM-DD.") from None
    if dates[0] > dates[1]:
        raise Refusal("FromDate must be less than or equal to ToDate.")
    return dates


def is_true(text: str | None) -> bool:
    """Whether a parameter of the query is meant to be true."""
    return (text or "").strip().lower() in _TRUE


def _integer(value: Any) -> int | None:
    """A number, written as such or as a text; None when it is none, 0 for no id."""
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        # Python refuses to read thousands of digits, and no id has them.
        value = int(value) if len(value) < 100 else _NO_ID
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 < value <= _MAX_ID else _NO_ID


def _text(data: Mapping[str, Any], name: str) -> str:
    """A text, or a number as one; nothing is an empty text."""
    value = data.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Refusal(f"{name} must be a string.")
    return str(value)


def _url(card: Mapping[str, Any]) -> str | None:
    url = _text(card, "attendance_external_url").strip()
    # Theirs stored anything; here a click on it must not run anything.
    if url and not _URL.fullmatch(url):
        raise Refusal("attendance_external_url must begin with http:// or https://.")
    return url or None


def _objects(value: Any, name: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
        raise Refusal(f"{name} must be a list of objects.")
    return value


def _category(value: Any) -> str:
    category = value.lower() if isinstance(value, str) else None
    if category not in CATEGORIES:
        raise Refusal(
            f"Invalid category. Allowed categories are {', '.join(CATEGORIES)}."
        )
    return category


# ----------------------------------------------------------------- answering


class Row(NamedTuple):
    """A record with what the dialect tells of it, as the database has it."""

    id: int
    local_date: date
    local_time: str
    local_time_raw: str | None
    tz: str
    category: str
    type_id: int | None
    type_name: str | None
    type_description: str | None
    location_id: int | None
    location_name: str | None
    location_description: str | None
    description: str | None
    url: str | None
    submitted_by: str | None
    submitted_datetime: str | None
    submission_source: str | None


def record_out(row: Row) -> dict[str, Any]:
    """A record as the dialect shows it."""
    day, time = as_it_came(row.local_date, row.local_time, row.local_time_raw, row.tz)
    return {
        "id": row.id,
        "date": day,
        "time": time,
        "attendance_type": reference_out(
            row.type_id, row.type_name, row.type_description
        ),
        "attendance_location": reference_out(
            row.location_id, row.location_name, row.location_description
        ),
        "attendance_description": row.description or "",
        "attendance_external_url": row.url or "",
        "submitted_by": row.submitted_by or "",
        "submitted_datetime": row.submitted_datetime or "",
        "submission_source": row.submission_source or "",
        "attendance_category": row.category,
    }


def as_it_came(day: date, time: str, raw: str | None, tz: str) -> tuple[str, str]:
    """Date and time as texts: those that came in, where the clocks skipped them.

    :param day: the local date that is stored, with `time`
    :param raw: the local time as it came in, in whatever format
    :param tz: of both
    """
    stored = (day.isoformat(), time)
    if raw is None or raw == " ".join(stored):
        return stored
    came = parse_date_time(raw)
    if came is None or came == datetime.fromisoformat(" ".join(stored)):
        return stored
    try:
        _instant, local = place(came, tz)
    except LocalTimeError:
        return stored
    if str(local) != " ".join(stored):
        return stored  # the record has been corrected since
    return came.date().isoformat(), came.time().isoformat()


def reference_out(
    number: int | None, name: str | None, description: str | None
) -> dict[str, Any]:
    """A type or location; nothing when there is none."""
    if not number:
        return {}
    return {"id": number, "name": name, "description": description or False}


def person_out(
    person_id: str, days: Iterable[str], records: list[dict[str, Any]]
) -> dict[str, Any]:
    """Somebody's attendance, without the page of it.

    :param days: the dates on which he was present, any number of times
    """
    dates = sorted(set(days))
    return {
        "person_id": person_id,
        "dates_present": dates,
        "number_of_days_present": len(dates),
        "attendance_list": records,
    }


def subscriber_out(
    identifier: str,
    name: str | None,
    family_name: str | None,
    given_name: str | None,
    additional_name: str | None,
    email: str | None,
    phone: str | None,
    mobile: str | None,
) -> dict[str, Any]:
    """A person as the dialect shows one: what is empty is false."""
    given = " ".join(filter(None, (given_name, additional_name)))
    return {
        "id": identifier,
        "person_id": identifier,
        "name": ", ".join(filter(None, (family_name, given))) or name or False,
        "family_name": family_name or False,
        "given_name": given_name or False,
        "email": email or False,
        "phone": phone or False,
        "mobile": mobile or False,
    }
