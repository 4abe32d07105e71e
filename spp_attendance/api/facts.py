"""Items that ``spp.attendance.record._ingest`` takes, and what becomes of them.

``RecordIn`` is both what an app posts and what ``_ingest`` works on: one definition of
a valid fact. Free of Odoo, so that OpenAPI can be generated from it.
"""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    StrictInt,
    TypeAdapter,
    WrapValidator,
    model_validator,
)

from ..engine.scan_types import ScanType
from .batch import Refused, refuse_item
from .common import Category, DateTimeText, Identifier, Text, Url

#: A NUL in JSON, which PostgreSQL stores no more than in text.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


def _check_json(value: dict[str, Any] | None) -> dict[str, Any] | None:
    """Refuse what is no JSON that PostgreSQL stores."""
    if value is not None:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
        text.encode()  # half of a surrogate pair is a ValueError, too
        if _NUL.search(text):
            raise ValueError("it holds a NUL character")
    return value


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
    # Not named as it is in JSON: pydantic's models have a method of that name.
    register_ref: StrictInt | Identifier | None = Field(
        None,
        alias="register",
        description="The register it is marked on: its id, uuid or number. Type and"
        " location are the register's unless others are given.",
        examples=["WR/2026-27/09/01/000017"],
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

    Its person, type, location and register are ids that the caller has resolved
    already, and it may say what only the suite knows: how it was read, in which zone.
    """

    person_identifier: Identifier | None = None
    subscriber_id: int | None = None
    date_time: datetime | DateTimeText
    tz: str | None = Field(None, description="Zone of the terminal that read it.")
    local_time_raw: str | None = Field(None, description="Local time, verbatim.")
    scan_type: ScanType = "none"
    submitted_by: Text | None = Field(None, description="A user of the sender's.")
    submitted_datetime: Text | None = Field(None, description="Verbatim.")
    submission_source: Text | None = Field(None, description="An app of the sender's.")
    kiosk_id: int | None = Field(None, description="Where it was marked.")
    claimed_name: Text | None = Field(None, description="Name as typed there.")
    log_type: Text | None = Field(
        None, description="What a log of a register says it is, verbatim."
    )
    log_details: Annotated[dict[str, Any] | None, AfterValidator(_check_json)] = Field(
        None, description="What else it says of itself, as given."
    )
    columns: dict[str, Any] = Field(
        default_factory=dict,
        description="Values of columns that other addons add (``_ingest_columns``).",
    )
    type: StrictInt | Identifier | None = Field(
        None, validation_alias=AliasChoices("type", "type_id")
    )
    location: StrictInt | Identifier | None = Field(
        None, validation_alias=AliasChoices("location", "location_id")
    )
    register_ref: StrictInt | Identifier | None = Field(
        None, validation_alias=AliasChoices("register", "register_id")
    )

    @model_validator(mode="after")
    def _check_person(self) -> Fact:
        if not (self.person_identifier or self.subscriber_id):
            raise ValueError("person_identifier or subscriber_id is required")
        return self


#: Validates what ``_ingest`` is given as plain dicts, item by item.
FACTS: TypeAdapter[list[Fact | Refused]] = TypeAdapter(
    list[Annotated[Fact, WrapValidator(refuse_item)]]
)
