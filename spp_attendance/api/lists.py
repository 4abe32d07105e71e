"""What all lists have in common: pages, and what was changed since."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
)

from .common import Identifier


def _refuse_number(value: Any) -> Any:
    # Pydantic would take it for a Unix time.
    if isinstance(value, str) and "-" not in value[1:]:
        raise ValueError("write an instant as 2026-09-01T05:00:00Z")
    return value


def _to_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC).replace(tzinfo=None)
    except OverflowError as error:
        raise ValueError("this is not an instant that can be told") from error


#: An instant in a query string, with its offset; naive UTC once it is read.
Instant = Annotated[
    AwareDatetime, BeforeValidator(_refuse_number), AfterValidator(_to_utc)
]


class ListQuery(BaseModel):
    """What every list takes; all filters that are given must hold."""

    model_config = ConfigDict(extra="forbid")

    updated_since: Instant | None = Field(
        None,
        description="Created or changed at this instant or later, such as"
        " `2026-09-01T05:00:00Z`. Begin a few minutes before the last that you have"
        " seen: what takes long to store appears late.",
    )
    limit: int = Field(100, ge=1, le=1_000)
    cursor: str | None = Field(
        None, max_length=1_000, description="The `next` of the page before."
    )


class RegistryQuery(ListQuery):
    """What lists of the things that are kept take."""

    include_archived: bool = Field(
        False, description="Also those that are used no longer."
    )


class TypeQuery(RegistryQuery):
    """Filters of a list of types."""

    code: Identifier | None = None
    name: Identifier | None = Field(None, description="A part of the name.")
    sort: Literal["name", "-name", "updated_at", "-updated_at"] = "name"


class DepartmentQuery(TypeQuery):
    """Filters of a list of departments."""

    parent: Identifier | None = Field(
        None, description="Part of this one, directly: its id, code or name."
    )


class LocationQuery(DepartmentQuery):
    """Filters of a list of locations."""


class SubscriberQuery(RegistryQuery):
    """Filters of a list of people."""

    person_identifier: list[Identifier] | None = Field(
        None,
        max_length=100,
        description="These people; may be given repeatedly. What somebody was known"
        " as before is found, too.",
    )
    name: Identifier | None = Field(None, description="A part of the name.")
    department: Identifier | None = Field(
        None, description="Of this department or one below it: its id, code or name."
    )
    location: Identifier | None = Field(
        None, description="At home here or below: the location's id, code or name."
    )
    gender: Literal["female", "male", "other"] | None = None
    level_of_work: Literal["worker", "staff"] | None = None
    sort: Literal[
        "person_identifier",
        "-person_identifier",
        "name",
        "-name",
        "updated_at",
        "-updated_at",
    ] = "person_identifier"


def drop_null_defaults(schema: dict[str, JsonValue]) -> None:
    """Of a schema for PATCH: what is left out stays as it is, and is not null."""
    for value in schema.get("properties", {}).values():
        if "default" in value and value["default"] is None:
            del value["default"]
