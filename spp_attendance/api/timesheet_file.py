"""Shapes of the month timesheet as a file."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from .common import Identifier
from .days import DayFilters


class TimesheetFileQuery(DayFilters):
    """Whose month it is: by the filters of the timesheet, and by some more."""

    month: Annotated[
        str, StringConstraints(pattern=r"^(19|20|21)\d\d-(0[1-9]|1[0-2])$")
    ] = Field(description="Year and month.", examples=["2026-11"])
    shift: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = Field(
        None, description="Who has a day by this shift in the month: its id."
    )
    search: Identifier | None = Field(
        None, description="A part of the name or of the identifier."
    )
    company: list[Annotated[int, Field(ge=1, le=2**31 - 1)]] | None = Field(
        None,
        max_length=100,
        description="Ids of companies, for a caller of several; may be given"
        " repeatedly.",
    )
