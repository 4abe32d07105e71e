"""Shapes of the native REST dialect, and of the items that ``_ingest`` takes.

``RecordIn`` is both what an app posts and what ``_ingest`` works on: one definition of
a valid fact. Free of Odoo, so that OpenAPI can be generated from it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    StringConstraints,
    TypeAdapter,
    ValidationError,
    WrapValidator,
    model_validator,
)

from ..engine.scan_types import ScanType

#: Most records in one request: one transaction, a few seconds of work.
MAX_BATCH = 5_000

# PostgreSQL stores no NUL, so text that holds one is refused here, item by item.
Identifier = Annotated[
    str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00]*$")
]
Text = Annotated[str, StringConstraints(max_length=4_000, pattern=r"^[^\x00]*$")]
Url = Annotated[
    str, StringConstraints(max_length=2_000, pattern=r"^https?://[^\s\x00]+$")
]
Category = Literal["present", "absent"]


DateTimeText = Annotated[str, StringConstraints(max_length=40, pattern=r"^[^\x00]*$")]


def _refuse_odd_date(value: Any) -> Any:
    # Pydantic would take 0 for a Unix time, and a date with a time as well.
    if isinstance(value, str) and not _DATE.fullmatch(value):
        raise ValueError("write a date as 2026-09-01")
    return value


_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
#: A date in a query string.
Day = Annotated[date, BeforeValidator(_refuse_odd_date)]


class Outcome(NamedTuple):
    """What became of one item of a batch.

    ``id`` is the record's, for a duplicate that of the record which was there first;
    ``reason`` says why an item was rejected, ``code`` the same for programs.
    """

    index: int
    status: Literal["created", "duplicate", "rejected"]
    id: int | None = None
    reason: str | None = None
    code: str | None = None


class RecordIn(BaseModel):
    """One fact: somebody was present or absent at an instant."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    person_identifier: Identifier = Field(examples=["P-0001"])
    date_time: DateTimeText = Field(
        description="ISO 8601. With an offset an instant; without one the local time at"
        " the location (else of the person, else of the company).",
        examples=["2026-09-01T08:00:00+03:00"],
    )
    category: Category = "present"
    type: StrictInt | Identifier | None = Field(
        None,
        description="Attendance type: its id, code or name.",
        examples=["TRAINING"],
    )
    location: StrictInt | Identifier | None = Field(
        None, description="Location: its id, code or name.", examples=["HALL-A"]
    )
    description: Text | None = None
    url: Url | None = Field(None, examples=["https://example.org/evidence/17"])
    external_id: Identifier | None = Field(
        None,
        description="The sender's own id of this fact. Sent again it answers with the"
        " first record, so a retry is safe.",
    )


class Fact(RecordIn):
    """A ``RecordIn`` from inside the suite (a terminal, a kiosk, an import).

    Its person, type and location are ids that the caller has resolved already, and it
    may say what only the suite knows: how it was read, and in which zone.
    """

    person_identifier: Identifier | None = None
    subscriber_id: int | None = None
    date_time: datetime | DateTimeText
    tz: str | None = Field(None, description="Zone of the terminal that read it.")
    local_time_raw: str | None = Field(None, description="Local time, verbatim.")
    scan_type: ScanType = "none"
    type: StrictInt | Identifier | None = Field(
        None, validation_alias=AliasChoices("type", "type_id")
    )
    location: StrictInt | Identifier | None = Field(
        None, validation_alias=AliasChoices("location", "location_id")
    )

    @model_validator(mode="after")
    def _check_person(self) -> Fact:
        if not (self.person_identifier or self.subscriber_id):
            raise ValueError("person_identifier or subscriber_id is required")
        return self


class Refused(BaseModel):
    """Stands in a batch for an item that is no valid ``RecordIn``."""

    reason: str


def _refuse_item(value: Any, handler: Callable[[Any], RecordIn]) -> RecordIn | Refused:
    # One bad item must not cost the sender the others.
    try:
        return handler(value)
    except ValidationError as error:
        return Refused(
            reason="; ".join(
                f"{'.'.join(map(str, detail['loc'][:1])) or 'item'}: {detail['msg']}"
                for detail in error.errors(include_url=False, include_input=False)
            )
        )


#: Validates what ``_ingest`` is given as plain dicts, item by item.
FACTS: TypeAdapter[list[Fact | Refused]] = TypeAdapter(
    list[Annotated[Fact, WrapValidator(_refuse_item)]]
)


class RecordBatchIn(BaseModel):
    """Facts to record; one that is wrong is rejected by itself."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "records": [
                        {
                            "person_identifier": "P-0001",
                            "date_time": "2026-09-01T08:00:00+03:00",
                            "type": "TRAINING",
                            "location": "HALL-A",
                            "external_id": "app-1-000017",
                        },
                        {
                            "person_identifier": "P-0002",
                            "date_time": "2026-09-01T08:00:00+03:00",
                            "category": "absent",
                            "description": "Ill",
                        },
                    ]
                }
            ]
        },
    )

    records: Annotated[
        list[Annotated[RecordIn, WrapValidator(_refuse_item)]],
        Field(min_length=1, max_length=MAX_BATCH),
    ]


class RecordResult(BaseModel):
    """What became of one item."""

    index: int = Field(description="Of the item, from 0.")
    status: Literal["created", "duplicate", "rejected"]
    id: int | None = Field(
        None,
        description="Of the record; of a duplicate the one that was there first.",
    )
    reason: str | None = Field(None, description="Why it was rejected, for people.")
    code: str | None = Field(None, description="The same for programs.")


class RecordBatchOut(BaseModel):
    """What became of each item, in the order of the items."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "results": [
                        {
                            "index": 0,
                            "status": "created",
                            "id": 4711,
                            "reason": None,
                            "code": None,
                        },
                        {
                            "index": 1,
                            "status": "duplicate",
                            "id": 4242,
                            "reason": None,
                            "code": None,
                        },
                    ]
                }
            ]
        }
    )

    results: list[RecordResult]


class Reference(BaseModel):
    """A type or a location."""

    id: int
    code: str | None
    name: str


class RecordOut(BaseModel):
    """One record as apps read it."""

    id: int
    person_identifier: str
    person_name: str
    date_time: str = Field(description="Local time with offset, ISO 8601.")
    date: date
    time: str = Field(description="Local time of day, HH:MM:SS.")
    tz: str = Field(description="IANA zone of the local time.")
    category: Category
    scan_type: ScanType
    direction: Literal["in", "out"] | None
    type: Reference | None
    location: Reference | None
    description: str | None
    url: str | None
    source: str
    external_id: str | None = Field(
        description="The sender's id; shown to the sender only."
    )


class RecordPage(BaseModel):
    """A page of records."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {
                            "id": 4711,
                            "person_identifier": "P-0001",
                            "person_name": "Amina Odhiambo",
                            "date_time": "2026-09-01T08:00:00+03:00",
                            "date": "2026-09-01",
                            "time": "08:00:00",
                            "tz": "Africa/Nairobi",
                            "category": "present",
                            "scan_type": "none",
                            "direction": None,
                            "type": {"id": 1, "code": "TRAINING", "name": "Training"},
                            "location": {"id": 1, "code": "HALL-A", "name": "Hall A"},
                            "description": None,
                            "url": None,
                            "source": "api",
                            "external_id": "app-1-000017",
                        }
                    ],
                    "next": "WyIyMDI2LTA5LTAxVDA1OjAwOjAwIiw0NzExXQ",
                }
            ]
        }
    )

    items: list[RecordOut]
    next: str | None = Field(
        description="Cursor of the following page, null on the last one."
    )


class RecordQuery(BaseModel):
    """Filters of a list of records; all that are given must hold."""

    model_config = ConfigDict(extra="forbid")

    # More would not fit into an address: servers cut off at 8 or 64 KiB.
    person_identifier: list[Identifier] | None = Field(
        None, max_length=100, description="Of these people; may be given repeatedly."
    )
    date_from: Day | None = Field(None, description="First local date, inclusive.")
    date_to: Day | None = Field(None, description="Last local date, inclusive.")
    type: Identifier | None = Field(None, description="Id, code or name.")
    location: Identifier | None = Field(None, description="Id, code or name.")
    limit: int = Field(100, ge=1, le=1_000)
    cursor: str | None = Field(
        None, max_length=200, description="The `next` of the page before."
    )

    @model_validator(mode="after")
    def _check_range(self) -> RecordQuery:
        if self.date_from and self.date_to and self.date_from > self.date_to:
            raise ValueError("date_from must not be after date_to")
        return self
