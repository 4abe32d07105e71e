"""Shapes of the muster of a register."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .common import YEARS, Day, RegisterReference

#: A year, and the days that weeks need to be whole.
MAX_DAYS = 372


class MusterQuery(BaseModel):
    """The days of a muster."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    date_from: Day | None = Field(
        None, alias="from", description="The first day; else that of the register."
    )
    date_to: Day | None = Field(
        None,
        alias="to",
        description="The last day; else that of the register, or today where it has"
        " none yet. At most a year after the first.",
    )

    @model_validator(mode="after")
    def _check_days(self) -> Self:
        for day in (self.date_from, self.date_to):
            if day and day.year not in YEARS:
                raise ValueError("a date must be from 1900 to 2200")
        if self.date_from and self.date_to:
            days = (self.date_to - self.date_from).days
            if not 0 <= days < MAX_DAYS:
                raise ValueError(f"to must be after from, by less than {MAX_DAYS} days")
        return self


class MusterDay(BaseModel):
    """A day on which something was marked."""

    date: str
    attendance: float = Field(description="1, 0.5 or 0 days.")
    entry: str | None = Field(description="`HH:MM` where the register is.")
    exit: str | None
    hours: float = Field(description="Between both, with two decimals.")
    mark: str | None = Field(
        description="`present` or `absent`, where no times were marked."
    )


class MusterPerson(BaseModel):
    """What somebody's days come to."""

    person_identifier: str
    uuid: str
    name: str
    tag: str | None
    total: float = Field(description="Days, in halves.")
    full_days: int
    half_days: int
    days: list[MusterDay]


class MusterOut(BaseModel):
    """How many days each person of a register was there."""

    register_: RegisterReference = Field(alias="register")
    date_from: str = Field(alias="from")
    date_to: str = Field(alias="to")
    tz: str
    half_day_hours: float
    full_day_hours: float
    rounds_up: bool = Field(
        description="Whether more than `half_day_hours` are a whole day already; else"
        " `full_day_hours` are."
    )
    total: float
    items: list[MusterPerson]

    model_config = ConfigDict(populate_by_name=True)
