"""Shapes of what is kept: types, locations and departments."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    model_validator,
)

from .common import Identifier, Reference, Text
from .lists import drop_null_defaults

Name = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=256, pattern=r"^[^\x00]*$", strip_whitespace=True
    ),
]
Line = Annotated[str, StringConstraints(max_length=256, pattern=r"^[^\x00]*$")]
CountryCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
StateCode = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9-]{1,8}$")]
#: One of the twelve that screens show.
Color = Annotated[StrictInt, Field(ge=0, le=11)]


class Patch(BaseModel):
    """Values to be changed; what is left out stays as it is, null empties."""

    model_config = ConfigDict(
        extra="forbid",
        str_strip_whitespace=True,
        json_schema_extra=drop_null_defaults,
    )

    @model_validator(mode="before")
    @classmethod
    def _check_any(cls, values: Any) -> Any:
        needed = any(field.is_required() for field in cls.model_fields.values())
        if values == {} and not needed:
            raise ValueError("nothing is to be changed")
        return values


class TypePatch(Patch):
    """What to change of a type."""

    name: Name = Field(default=None)
    code: Identifier | None = Field(None, examples=["TRAINING"])
    description: Text | None = None
    color: Color = Field(default=None)
    active: StrictBool = Field(
        default=None, description="False archives it: it is offered no longer."
    )


class TypeIn(TypePatch):
    """A new type."""

    name: Name = Field(examples=["Training"])


class DepartmentPatch(TypePatch):
    """What to change of a department."""

    parent: StrictInt | Identifier | None = Field(
        None, description="The department that it is part of: its id, code or name."
    )


class DepartmentIn(DepartmentPatch):
    """A new department."""

    name: Name = Field(examples=["Nutrition"])


class LocationPatch(TypePatch):
    """What to change of a location."""

    parent: StrictInt | Identifier | None = Field(
        None, description="The location that it is part of: its id, code or name."
    )
    tz: Name = Field(
        default=None,
        description="IANA zone of its clock; by default the company's.",
        examples=["Africa/Nairobi"],
    )
    street: Line | None = None
    street2: Line | None = None
    zip: Line | None = None
    city: Line | None = None
    country: CountryCode | None = Field(
        None, description="ISO 3166-1 alpha-2.", examples=["KE"]
    )
    state: StateCode | None = Field(
        None, description="Its code within the country, which is then needed, too."
    )
    latitude: float | None = Field(
        None, ge=-90, le=90, allow_inf_nan=False, description="Degrees north."
    )
    longitude: float | None = Field(
        None, ge=-180, le=180, allow_inf_nan=False, description="Degrees east."
    )

    @model_validator(mode="after")
    def _check_place(self) -> LocationPatch:
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("give latitude and longitude, or neither")
        if self.state and not self.country:
            raise ValueError("give the country of the state, too")
        return self


class LocationIn(LocationPatch):
    """A new location."""

    name: Name = Field(examples=["Hall A"])


class TypeOut(BaseModel):
    """A type as apps read it."""

    id: int
    code: str | None
    name: str
    description: str | None
    color: int
    active: bool
    created_at: str = Field(description="UTC, ISO 8601.")
    updated_at: str = Field(description="UTC, ISO 8601.")


class DepartmentOut(TypeOut):
    """A department as apps read it."""

    full_name: str = Field(description="With those that it is part of.")
    parent: Reference | None


class LocationOut(DepartmentOut):
    """A location as apps read it."""

    tz: str
    street: str | None
    street2: str | None
    zip: str | None
    city: str | None
    state: str | None
    country: str | None
    latitude: float | None
    longitude: float | None


_NEXT = Field(description="Cursor of the following page, null on the last one.")


class TypePage(BaseModel):
    """A page of types."""

    items: list[TypeOut]
    next: str | None = _NEXT


class DepartmentPage(BaseModel):
    """A page of departments."""

    items: list[DepartmentOut]
    next: str | None = _NEXT


class LocationPage(BaseModel):
    """A page of locations."""

    items: list[LocationOut]
    next: str | None = _NEXT
