"""Shapes of the records' routes."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, WrapValidator, model_validator

from ..engine.scan_types import ScanType
from .common import Category, Day, Identifier, Reference
from .facts import RecordIn, refuse_item

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
