"""Shapes of the registers' routes."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StrictBool,
    StrictInt,
    StringConstraints,
    WithJsonSchema,
    WrapValidator,
    model_validator,
)

from .batch import refuse_item
from .common import Category, DateTimeText, Day, Identifier, Reference, Text, Url
from .lists import ListQuery
from .records import MAX_BATCH, RecordQuery
from .registry import Line, Name, Patch

#: Most people that are enrolled or de-enrolled in one request.
MAX_ATTENDEES = 5_000
#: Most users that become staff in one request.
MAX_STAFF = 500
#: Most characters of JSON that are kept of a thing without being looked into.
MAX_DETAILS = 32_768

_YEARS = range(1900, 2201)


def _read_moment(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or "-" not in value[1:]:
        raise ValueError("write an instant as 2026-09-01T05:00:00Z")
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError("write the offset of an instant, as in 2026-09-01T05:00:00Z")
    if moment.year not in _YEARS:
        raise ValueError("write an instant between the years 1900 and 2200")
    milliseconds = moment.microsecond // 1_000
    return (
        moment.replace(microsecond=milliseconds * 1_000)
        .astimezone(UTC)
        .replace(tzinfo=None)
    )


#: An instant in a body, with its offset; naive UTC with milliseconds once it is read.
Moment = Annotated[
    datetime,
    BeforeValidator(_read_moment),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


def _check_year(value: date) -> date:
    if value.year not in _YEARS:
        raise ValueError("write a date between the years 1900 and 2200")
    return value


_Date = Annotated[Day, AfterValidator(_check_year)]


def _check_details(value: dict[str, Any]) -> dict[str, Any]:
    try:
        text = json.dumps(value, allow_nan=False)
    except ValueError as error:
        raise ValueError("numbers that are none can't be kept") from error
    if len(text) > MAX_DETAILS:
        raise ValueError(f"at most {MAX_DETAILS} characters of JSON are kept")
    return value


#: Whatever another system says of a thing; kept as given.
Details = Annotated[dict[str, JsonValue], AfterValidator(_check_details)]
Code = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=64, pattern=r"^[^\x00]*$", strip_whitespace=True
    ),
]
Clock = Annotated[
    str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$")
]
MarkMode = Literal["day", "entry_exit"]
StaffType = Literal["OWNER", "EDITOR", "APPROVER"]


class _Dated(Patch):
    """Something that lasts from one instant to another."""

    @model_validator(mode="after")
    def _check_ends(self) -> Self:
        start = getattr(self, "start_at", None)
        end = getattr(self, "end_at", None)
        if start and end and end < start:
            raise ValueError("end_at must not be before start_at")
        return self


class RegisterPatch(_Dated):
    """What to change of a register."""

    name: Name = Field(default=None)
    reference: Line | None = Field(
        None,
        description="What it is for: a contract, a project, a course.",
        examples=["CONTRACT-17"],
    )
    service_code: Code | None = Field(
        None, description="The kind of service.", examples=["WORKS-CONTRACT"]
    )
    campaign_number: Line | None = None
    location: StrictInt | Identifier | None = Field(
        None,
        description="Location: its id, code or name. Its clock is the register's.",
        examples=["HALL-A"],
    )
    locality_code: Line | None = Field(
        None, description="What other systems call the place; by default its code."
    )
    type: StrictInt | Identifier | None = Field(
        None,
        description="Attendance type of what is marked here: its id, code or name.",
        examples=["TRAINING"],
    )
    start_at: Moment = Field(
        default=None, description="With its offset. By default the beginning of today."
    )
    end_at: Moment | None = Field(
        None, description="With its offset; null or left out: it has no end."
    )
    date_start: _Date = Field(
        default=None,
        description="Instead of `start_at`: from the first moment of this day where the"
        " register is.",
        examples=["2026-09-01"],
    )
    date_end: _Date | None = Field(
        None,
        description="Instead of `end_at`: to the last moment of this day.",
        examples=["2026-09-30"],
    )
    active: StrictBool = Field(
        default=None, description="False: it takes no attendance, and can be read."
    )
    mark_mode: MarkMode = Field(
        default=None, description="Present or absent, or when people come and go."
    )
    entry_time: Clock = Field(
        default=None, description="When people come, usually.", examples=["08:00"]
    )
    exit_time: Clock = Field(
        default=None, description="When they go.", examples=["17:00"]
    )
    additional_details: Details | None = Field(
        None, description="Whatever you want to keep with it, as you gave it."
    )

    @model_validator(mode="after")
    def _check_days(self) -> Self:
        for instant, day in (("start_at", "date_start"), ("end_at", "date_end")):
            if self.model_fields_set >= {instant, day}:
                raise ValueError(f"give {instant} or {day}, not both")
        if self.date_start and self.date_end and self.date_end < self.date_start:
            raise ValueError("date_end must not be before date_start")
        return self


class RegisterIn(RegisterPatch):
    """A new register."""

    name: Name = Field(examples=["Masons, block 4"])


class ReviewIn(BaseModel):
    """How far the review of a register has come."""

    model_config = ConfigDict(
        extra="forbid",
        str_strip_whitespace=True,
        json_schema_extra={"examples": [{"status": "PENDINGFORAPPROVAL"}]},
    )

    status: Code = Field(
        description="`PENDINGFORAPPROVAL`, `APPROVED`, or another system's word."
    )


class RegisterOut(BaseModel):
    """A register as apps read it."""

    id: int
    uuid: str
    number: str
    name: str
    reference: str | None
    service_code: str | None
    campaign_number: str | None
    location: Reference | None
    locality_code: str | None
    type: Reference | None
    tz: str = Field(description="IANA zone of its clock.")
    start_at: str = Field(description="Local time with offset, ISO 8601.")
    end_at: str | None = Field(description="Likewise; null: it has no end.")
    date_start: date
    date_end: date | None
    active: bool
    review_status: str | None
    mark_mode: MarkMode
    entry_time: str
    exit_time: str
    attendee_count: int = Field(description="How many people are enrolled now.")
    mine: bool = Field(
        description="The caller is on its staff now, and may change and mark it."
    )
    additional_details: dict[str, JsonValue] | None
    created_by: str | None = Field(description="Attendance UUID of who made it.")
    updated_by: str | None = Field(description="Of who changed it last.")
    created_at: str = Field(description="UTC, ISO 8601.")
    updated_at: str = Field(description="UTC, ISO 8601.")


class RegisterQuery(ListQuery):
    """Filters of a list of registers."""

    number: list[Identifier] | None = Field(
        None, max_length=100, description="These; may be given repeatedly."
    )
    name: Identifier | None = Field(None, description="A part of the name.")
    reference: Line | None = Field(None, description="What they are for.")
    service_code: Code | None = None
    campaign_number: Line | None = None
    location: Identifier | None = Field(
        None, description="Here or below: the location's id, code or name."
    )
    type: Identifier | None = Field(None, description="Id, code or name.")
    review_status: Code | None = None
    active: bool | None = Field(
        None, description="Those that take attendance, or the others; else all."
    )
    mine: bool | None = Field(
        None, description="Those on whose staff the caller is now, or the others."
    )
    person_identifier: list[Identifier] | None = Field(
        None,
        max_length=100,
        description="On which one of these people is or was enrolled; may be given"
        " repeatedly.",
    )
    date_from: Day | None = Field(
        None, description="They run on this local date or later."
    )
    date_to: Day | None = Field(None, description="On this one or earlier.")
    sort: Literal[
        "updated_at",
        "-updated_at",
        "start_at",
        "-start_at",
        "name",
        "-name",
        "number",
        "-number",
    ] = "-updated_at"

    @model_validator(mode="after")
    def _check_range(self) -> Self:
        if self.date_from and self.date_to and self.date_from > self.date_to:
            raise ValueError("date_from must not be after date_to")
        return self


_NEXT = Field(description="Cursor of the following page, null on the last one.")


class RegisterPage(BaseModel):
    """A page of registers."""

    items: list[RegisterOut]
    next: str | None = _NEXT


# ------------------------------------------------------------------- attendees


class AttendeeIn(BaseModel):
    """Somebody to be enrolled."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    person_identifier: Identifier = Field(examples=["P-0001"])
    start_at: Moment | None = Field(
        None, description="From when, with its offset; by default from now on."
    )
    end_at: Moment | None = Field(None, description="Until when, if it is known.")
    tag: Code | None = Field(
        None, description="A team, a group, a shift.", examples=["Team A"]
    )
    additional_details: Details | None = None

    @model_validator(mode="after")
    def _check_ends(self) -> Self:
        if self.start_at and self.end_at and self.end_at < self.start_at:
            raise ValueError("end_at must not be before start_at")
        return self


class AttendeesIn(BaseModel):
    """People to be enrolled; one who can't be is rejected alone."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "attendees": [
                        {"person_identifier": "P-0001", "tag": "Team A"},
                        {
                            "person_identifier": "P-0002",
                            "start_at": "2026-09-01T00:00:00+03:00",
                        },
                    ]
                }
            ]
        },
    )

    attendees: Annotated[
        list[Annotated[AttendeeIn, WrapValidator(refuse_item)]],
        Field(min_length=1, max_length=MAX_ATTENDEES),
    ]


class LeaverIn(BaseModel):
    """Somebody to be de-enrolled."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    person_identifier: Identifier = Field(examples=["P-0001"])
    end_at: Moment | None = Field(
        None, description="When the enrolment ends, with its offset; by default now."
    )


class LeaversIn(BaseModel):
    """People to be de-enrolled; one who can't be is rejected alone."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"attendees": [{"person_identifier": "P-0001"}]}]
        },
    )

    attendees: Annotated[
        list[Annotated[LeaverIn, WrapValidator(refuse_item)]],
        Field(min_length=1, max_length=MAX_ATTENDEES),
    ]


class AttendeePatch(Patch):
    """What to change of somebody on a register, beside when."""

    tag: Code | None = Field(None, examples=["Team A"])
    additional_details: Details | None = None


class EnrolmentOut(BaseModel):
    """From when to when somebody is enrolled."""

    start_at: str = Field(description="Local time with offset, ISO 8601.")
    end_at: str | None


class AttendeeOut(BaseModel):
    """Somebody on a register, as apps read it: one row a person."""

    uuid: str
    person_identifier: str
    person_name: str
    person_uuid: str
    tag: str | None
    start_at: str | None = Field(
        description="Of the last enrolment; local time with offset, ISO 8601."
    )
    end_at: str | None = Field(description="Likewise; null: it has no end.")
    enrolled: bool = Field(description="Now.")
    enrolments: list[EnrolmentOut] = Field(description="All, the earliest first.")
    additional_details: dict[str, JsonValue] | None
    created_at: str = Field(description="UTC, ISO 8601.")
    updated_at: str = Field(description="UTC, ISO 8601.")


class AttendeeQuery(ListQuery):
    """Filters of a list of who is or was enrolled."""

    person_identifier: list[Identifier] | None = Field(
        None, max_length=100, description="These people; may be given repeatedly."
    )
    tag: list[Code] | None = Field(
        None, max_length=100, description="Of one of these; may be given repeatedly."
    )
    enrolled: bool | None = Field(
        None, description="Who is enrolled now, or who is not; else all."
    )
    sort: Literal[
        "person_identifier", "-person_identifier", "updated_at", "-updated_at"
    ] = "person_identifier"


class AttendeePage(BaseModel):
    """A page of who is or was enrolled."""

    items: list[AttendeeOut]
    next: str | None = _NEXT


class _Result(BaseModel):
    index: int = Field(description="Of the item, from 0.")
    uuid: str | None = Field(None, description="Of the row on the register.")
    reason: str | None = Field(None, description="Why it was rejected, for people.")
    code: str | None = Field(None, description="The same for programs.")


class AttendeeResult(_Result):
    """What became of one item."""

    status: Literal["enrolled", "duplicate", "rejected"]


class AttendeesOut(BaseModel):
    """What became of each item, in the order of the items."""

    results: list[AttendeeResult]


class LeaverResult(_Result):
    """What became of one item."""

    status: Literal["unenrolled", "duplicate", "rejected"]


class LeaversOut(BaseModel):
    """What became of each item, in the order of the items."""

    results: list[LeaverResult]


# ----------------------------------------------------------------------- staff


class StaffIn(BaseModel):
    """A user who is to handle and mark a register."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    user_uuid: Identifier = Field(
        description="The user's attendance UUID: see `GET /api/attendance/me`.",
        examples=["7c0f4d0e-5f6b-4c1e-9a57-2f3f2f0a9d11"],
    )
    staff_type: StaffType = "OWNER"
    start_at: Moment | None = Field(
        None, description="From when, with its offset; by default from now on."
    )
    additional_details: Details | None = None


class StaffListIn(BaseModel):
    """Users who are to be staff; one who can't be is rejected alone."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "staff": [
                        {
                            "user_uuid": "7c0f4d0e-5f6b-4c1e-9a57-2f3f2f0a9d11",
                            "staff_type": "EDITOR",
                        }
                    ]
                }
            ]
        },
    )

    staff: Annotated[
        list[Annotated[StaffIn, WrapValidator(refuse_item)]],
        Field(min_length=1, max_length=MAX_STAFF),
    ]


class StaffPatch(_Dated):
    """What to change of somebody's permission."""

    staff_type: StaffType = Field(default=None)
    start_at: Moment = Field(default=None)
    end_at: Moment | None = Field(None, description="Null: without end.")
    additional_details: Details | None = None


class StaffOut(BaseModel):
    """Somebody on the staff of a register, as apps read it."""

    uuid: str
    user_uuid: str
    name: str | None
    staff_type: StaffType
    start_at: str = Field(description="Local time with offset, ISO 8601.")
    end_at: str | None = Field(description="Likewise; null: without end.")
    current: bool = Field(description="Now.")
    additional_details: dict[str, JsonValue] | None
    created_at: str = Field(description="UTC, ISO 8601.")
    updated_at: str = Field(description="UTC, ISO 8601.")


class StaffQuery(ListQuery):
    """Filters of the list of a register's staff."""

    user_uuid: list[Identifier] | None = Field(
        None, max_length=100, description="These users; may be given repeatedly."
    )
    staff_type: StaffType | None = None
    current: bool | None = Field(
        None, description="Who is staff now, or who is not; else all."
    )
    sort: Literal["start_at", "-start_at", "updated_at", "-updated_at"] = "start_at"


class StaffPage(BaseModel):
    """A page of a register's staff."""

    items: list[StaffOut]
    next: str | None = _NEXT


class StaffResult(_Result):
    """What became of one item."""

    status: Literal["enrolled", "duplicate", "rejected"]


class StaffListOut(BaseModel):
    """What became of each item, in the order of the items."""

    results: list[StaffResult]


# ------------------------------------------------------------------------ logs


class LogIn(BaseModel):
    """One mark on a register: a record that is tied to it."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    person_identifier: Identifier = Field(examples=["P-0001"])
    date_time: DateTimeText = Field(
        description="ISO 8601. With an offset an instant; without one the local time at"
        " the location.",
        examples=["2026-09-01T08:00:00+03:00"],
    )
    category: Category = "present"
    direction: Literal["in", "out"] | None = Field(
        None, description="Somebody comes or goes. None: was there, or was not."
    )
    type: StrictInt | Identifier | None = Field(
        None, description="Its id, code or name; by default the register's."
    )
    location: StrictInt | Identifier | None = Field(
        None, description="Its id, code or name; by default the register's."
    )
    description: Text | None = None
    url: Url | None = None
    external_id: Identifier | None = Field(
        None,
        description="The sender's own id of this fact. Sent again it answers with the"
        " first record, so a retry is safe.",
    )


class LogsIn(BaseModel):
    """Marks on a register; one that is wrong is rejected by itself."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "logs": [
                        {
                            "person_identifier": "P-0001",
                            "date_time": "2026-09-01T08:00:00+03:00",
                            "direction": "in",
                            "external_id": "app-1-000018",
                        }
                    ]
                }
            ]
        },
    )

    logs: Annotated[
        list[Annotated[LogIn, WrapValidator(refuse_item)]],
        Field(min_length=1, max_length=MAX_BATCH),
    ]


class LogQuery(RecordQuery):
    """Filters of a list of the records of a register."""

    #: It stands in the address.
    register_ref: ClassVar[None] = None


# -------------------------------------------------------------------------- me


class CompanyOut(BaseModel):
    """Whose registers these are."""

    id: int
    name: str
    tenant: str | None = Field(description="Its code in DIGIT's dialect.")


class MeOut(BaseModel):
    """Who calls, as the staff of registers is known."""

    uuid: str = Field(description="The attendance UUID: `user_uuid` of staff.")
    name: str
    company: CompanyOut
