"""Shapes of the payroll's routes."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .common import Day, Identifier

#: A year, and the days that weeks need to be whole.
MAX_DAYS = 372


class _Wanted(BaseModel):
    """The days, and of whom."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    date_from: Day | None = Field(None, alias="from", description="The first day.")
    date_to: Day | None = Field(None, alias="to", description="The last day.")
    period: int | None = Field(
        None,
        ge=1,
        le=2**31 - 1,
        description="Id of a payroll period, instead of days: its people, as it was"
        " closed or, while it is open, as it is now.",
    )
    department: Identifier | None = Field(
        None, description="Of this department or one below it: its id, code or name."
    )
    location: Identifier | None = Field(
        None, description="At home here or below: the location's id, code or name."
    )
    employee_id: list[Identifier] | None = Field(
        None,
        max_length=100,
        description="These people, by their identifiers; may be given repeatedly.",
    )

    @model_validator(mode="after")
    def _check_days(self) -> Self:
        days = (self.date_from, self.date_to)
        if self.period is not None:
            if any(days):
                raise ValueError("give a period or days, not both")
            return self
        if self.date_from is None or self.date_to is None:
            raise ValueError("give from and to, such as from=2026-09-01&to=2026-09-30")
        if not 0 <= (self.date_to - self.date_from).days < MAX_DAYS:
            raise ValueError(f"to must be after from, by less than {MAX_DAYS} days")
        return self


class PayrollFileQuery(_Wanted):
    """What goes into a payroll file."""


class PayrollQuery(_Wanted):
    """Filters of a list of what people have in some days."""

    limit: int = Field(500, ge=1, le=5_000)
    cursor: str | None = Field(
        None, max_length=1_000, description="The `next` of the page before."
    )


class PayrollFigures(BaseModel):
    """What days come to; hours with two decimals, days of leave with parts of days."""

    days: dict[str, int] = Field(
        description="Days by status, such as `Present-Late`; days of leave as `Leave`."
    )
    days_present: int
    working_hours: float
    net_hours: float = Field(description="Presence without breaks.")
    expected_hours: float
    overtime: float
    extra_overtime: float
    late_hours: float
    snacks: int
    night_bills: int
    leave_days: float


class PayrollOut(PayrollFigures):
    """What somebody's days come to."""

    employee_id: str
    employee_name: str
    department: str | None
    location: str | None
    level_of_work: str | None
    state: Literal["open", "closed", "partly"] = Field(
        description="Whether these days are closed. Days that are count as they did"
        " when they were closed, whatever changed since."
    )
    leave: dict[str, float] = Field(description="Days of leave by kind.")
    undecided_days: int = Field(description="Days that may change by themselves.")
    days_to_look_at: int = Field(
        description="With a missing reading, a contradiction, or the like."
    )
    differences: PayrollFigures | None = Field(
        description="What it would be more today (less when negative) than when it was"
        " closed; null without a difference."
    )


class PayrollPage(BaseModel):
    """A page of what people have, by identifier."""

    date_from: str = Field(alias="from")
    date_to: str = Field(alias="to")
    items: list[PayrollOut]
    next: str | None

    model_config = ConfigDict(populate_by_name=True)
