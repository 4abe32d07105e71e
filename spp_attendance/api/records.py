"""Shapes of the records' routes."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    StrictInt,
    WrapValidator,
    model_validator,
)

from ..engine.scan_types import ScanType
from .batch import MAX_STREAM, BatchDone, BatchError, refuse_item
from .common import (
    Category,
    DateTimeText,
    Day,
    Identifier,
    Reference,
    RegisterReference,
    Text,
    Url,
)
from .facts import RecordIn
from .lists import ListQuery
from .registry import Line, Patch

#: Most records in one request: one transaction, a few seconds of work.
MAX_BATCH = 5_000


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
        list[Annotated[RecordIn, WrapValidator(refuse_item)]],
        Field(min_length=1, max_length=MAX_BATCH),
    ]


class RecordStreamIn(BaseModel):
    """Facts to record, of which many are answered line by line."""

    model_config = RecordBatchIn.model_config

    records: Annotated[
        list[Annotated[RecordIn, WrapValidator(refuse_item)]],
        Field(min_length=1, max_length=MAX_STREAM),
    ]


class RecordPatch(Patch):
    """What was wrong about a record; who changed what is kept."""

    date_time: DateTimeText = Field(
        default=None,
        description="ISO 8601. With an offset an instant; without one the local time.",
        examples=["2026-09-01T08:30:00+03:00"],
    )
    category: Category = Field(default=None)
    type: StrictInt | Identifier | None = Field(
        None, description="Attendance type: its id, code or name."
    )
    location: StrictInt | Identifier | None = Field(
        None, description="Location: its id, code or name."
    )
    description: Text | None = None
    url: Url | None = None


class VoidIn(BaseModel):
    """Why a record is to count no longer."""

    model_config = ConfigDict(
        extra="forbid",
        str_strip_whitespace=True,
        json_schema_extra={"examples": [{"reason": "Recorded for the wrong person"}]},
    )

    reason: Line = Field(min_length=1)


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


class RecordLine(RootModel[RecordResult | BatchDone | BatchError]):
    """A line of an answer: what became of an item, or the last one."""


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
    # Not named as it is in JSON: pydantic's models have a method of that name.
    register_ref: RegisterReference | None = Field(
        serialization_alias="register",
        description="The register it was marked on, if the caller may see that.",
    )
    description: str | None
    url: str | None
    source: str
    external_id: str | None = Field(
        description="The sender's id; shown to the sender only."
    )
    submitted_by: str | None = Field(
        description="Who submitted it, in the sender's words."
    )
    submitted_datetime: str | None = Field(description="When, as the sender wrote it.")
    submission_source: str | None = Field(description="From where, likewise.")
    voided: bool
    void_reason: str | None
    created_at: str = Field(description="UTC, ISO 8601.")
    updated_at: str = Field(description="UTC, ISO 8601.")


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
                            "register": None,
                            "description": None,
                            "url": None,
                            "source": "api",
                            "external_id": "app-1-000017",
                            "submitted_by": None,
                            "submitted_datetime": None,
                            "submission_source": None,
                            "voided": False,
                            "void_reason": None,
                            "created_at": "2026-09-01T05:00:02Z",
                            "updated_at": "2026-09-01T05:00:02Z",
                        }
                    ],
                    "next": "WyItZGF0ZV90aW1lIiwiMjAyNi0wOS0wMVQwNTowMDowMCIsNDcxMV0",
                }
            ]
        }
    )

    items: list[RecordOut]
    next: str | None = Field(
        description="Cursor of the following page, null on the last one."
    )


class RecordFilters(BaseModel):
    """Which records are meant; all filters that are given must hold."""

    model_config = ConfigDict(extra="forbid")

    # More would not fit into an address: servers cut off at 8 or 64 KiB.
    person_identifier: list[Identifier] | None = Field(
        None,
        max_length=100,
        description="Of these people; may be given repeatedly. What somebody was known"
        " as before is found, too.",
    )
    date_from: Day | None = Field(None, description="First local date, inclusive.")
    date_to: Day | None = Field(None, description="Last local date, inclusive.")
    category: Category | None = None
    type: Identifier | None = Field(None, description="Id, code or name.")
    location: Identifier | None = Field(
        None, description="This location or one below it: its id, code or name."
    )
    register_ref: Identifier | None = Field(
        None, alias="register", description="Marked on it: its id, uuid or number."
    )

    @model_validator(mode="after")
    def _check_range(self) -> Self:
        if self.date_from and self.date_to and self.date_from > self.date_to:
            raise ValueError("date_from must not be after date_to")
        return self


class RecordQuery(RecordFilters, ListQuery):
    """Filters of a list of records."""

    external_id: list[Identifier] | None = Field(
        None,
        max_length=100,
        description="The caller's own ids; may be given repeatedly.",
    )
    include_voided: bool = Field(False, description="Also those that don't count.")
    sort: Literal["date_time", "-date_time", "updated_at", "-updated_at"] = "-date_time"
