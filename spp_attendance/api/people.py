"""Items that ``spp.attendance.subscriber._upsert`` takes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    TypeAdapter,
    WrapValidator,
)

from .batch import Refused, refuse_item
from .common import Day, Identifier

Name = Annotated[str, StringConstraints(max_length=256, pattern=r"^[^\x00]*$")]


class PersonIn(BaseModel):
    """Somebody as a registry knows him. Left out: stays as it is; null: emptied."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    person_identifier: Identifier = Field(
        description="Number by which terminals, apps and registries know this person.",
        examples=["P-0001"],
    )
    name: Name | None = Field(
        None,
        description="Full name; its parts, when they are given, count more.",
        examples=["Okafor, Amina"],
    )
    family_name: Name | None = Field(None, examples=["Okafor"])
    given_name: Name | None = Field(None, examples=["Amina"])
    additional_name: Name | None = None
    gender: Literal["female", "male", "other"] | None = None
    email: Name | None = None
    phone: Name | None = None
    mobile: Name | None = None
    department: StrictInt | Identifier | None = Field(
        None, description="Department: its id, code or name.", examples=["NUTR"]
    )
    designation: Name | None = None
    level_of_work: Literal["worker", "staff"] | None = None
    work_from: Day | None = Field(
        None, description="The first day of work; nobody is absent before."
    )
    work_to: Day | None = Field(
        None, description="The last day of work; nobody is absent after it."
    )
    location: StrictInt | Identifier | None = Field(
        None, description="Home location: its id, code or name.", examples=["HALL-A"]
    )
    tz: Name | None = Field(
        None, description="Time zone by its IANA name.", examples=["Africa/Nairobi"]
    )
    badge: Name | None = Field(
        None,
        description="What a card, QR code or reader gives for this person. At a kiosk"
        " it counts without a name: nothing that others know, then.",
        examples=["04A2B9C1"],
    )
    tags: list[Identifier] | None = Field(
        None, description="Names of tags, which must exist.", max_length=50
    )
    active: StrictBool = Field(True, description="False archives.")


#: Validates what ``_upsert`` is given as plain dicts, item by item.
PEOPLE: TypeAdapter[list[PersonIn | Refused]] = TypeAdapter(
    list[Annotated[PersonIn, WrapValidator(refuse_item)]]
)
