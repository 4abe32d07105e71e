"""Shapes of the people's routes."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    StrictBool,
    StrictInt,
    StringConstraints,
    WrapValidator,
)

from .batch import MAX_STREAM, BatchDone, BatchError, refuse_item
from .common import Day, Identifier, Reference
from .people import PersonIn
from .registry import Line, Name, Patch

Gender = Literal["female", "male", "other"]
LevelOfWork = Literal["worker", "staff"]
Email = Annotated[
    str, StringConstraints(max_length=254, pattern=r"^[^\s@\x00]+@[^\s@\x00]+$")
]


class SubscriberPatch(Patch):
    """What to change of a person."""

    person_identifier: Identifier = Field(default=None, examples=["P-0001"])
    name: Name = Field(
        default=None,
        description="The full name. Where any part is given as well, the parts count.",
    )
    family_name: Line | None = Field(None, examples=["Okafor"])
    given_name: Line | None = Field(None, examples=["Amina"])
    additional_name: Line | None = Field(None, examples=["Grace"])
    gender: Gender | None = None
    email: Email | None = None
    phone: Line | None = None
    mobile: Line | None = None
    department: StrictInt | Identifier | None = Field(
        None, description="Its id, code or name."
    )
    designation: Line | None = Field(None, examples=["Trainee"])
    level_of_work: LevelOfWork | None = None
    work_from: Day | None = Field(
        None, description="The first day of work; nobody is absent before."
    )
    work_to: Day | None = Field(
        None, description="The last day of work; nobody is absent after it."
    )
    location: StrictInt | Identifier | None = Field(
        None, description="At home here: the location's id, code or name."
    )
    tz: Name | None = Field(
        None, description="IANA zone, of a person without a location."
    )
    badge: Line | None = Field(
        None,
        description="What a card, QR code or reader gives for this person. At a kiosk"
        " it counts without a name: nothing that others know, then.",
        examples=["04A2B9C1"],
    )
    tags: Annotated[list[Name], Field(max_length=50)] = Field(
        default=None, description="Names of tags that there are; all of the person's."
    )
    active: StrictBool = Field(
        default=None, description="False archives: nothing more can be recorded."
    )


class SubscriberOut(BaseModel):
    """A person as apps read it."""

    uuid: str
    person_identifier: str
    name: str
    family_name: str | None
    given_name: str | None
    additional_name: str | None
    gender: Gender | None
    email: str | None
    phone: str | None
    mobile: str | None
    department: Reference | None
    designation: str | None
    level_of_work: LevelOfWork | None
    work_from: date | None
    work_to: date | None
    location: Reference | None
    tz: str | None
    badge: str | None
    tags: list[str]
    active: bool
    created_at: str = Field(description="UTC, ISO 8601.")
    updated_at: str = Field(description="UTC, ISO 8601.")


class SubscriberPage(BaseModel):
    """A page of people."""

    items: list[SubscriberOut]
    next: str | None = Field(
        description="Cursor of the following page, null on the last one."
    )


class SubscriberStreamIn(BaseModel):
    """People to be registered or brought up to date, by their identifiers."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "subscribers": [
                        {
                            "person_identifier": "P-0001",
                            "family_name": "Okafor",
                            "given_name": "Amina",
                            "location": "HALL-A",
                        }
                    ]
                }
            ]
        },
    )

    subscribers: Annotated[
        list[Annotated[PersonIn, WrapValidator(refuse_item)]],
        Field(min_length=1, max_length=MAX_STREAM),
    ]


class SubscriberLine(BaseModel):
    """What became of one person."""

    index: int = Field(description="Of the item, from 0.")
    status: Literal["created", "updated", "unchanged", "rejected"]
    person_identifier: str | None
    reason: str | None = Field(None, description="Why it was rejected, for people.")
    code: str | None = Field(None, description="The same for programs.")


class SubscriberBatchLine(RootModel[SubscriberLine | BatchDone | BatchError]):
    """A line of an answer: what became of a person, or the last one."""
