"""Shapes of the plain sheet."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .common import Category, Day, Identifier


class SheetQuery(BaseModel):
    """Filters of the plain sheet; all that are given must hold."""

    model_config = ConfigDict(extra="forbid")

    person_identifier: list[Identifier] | None = Field(
        None, max_length=100, description="Of these people; may be given repeatedly."
    )
    date_from: Day | None = Field(None, description="First local date, inclusive.")
    date_to: Day | None = Field(None, description="Last local date, inclusive.")
    category: Category | None = None
    type: Identifier | None = Field(None, description="Id, code or name.")
    location: Identifier | None = Field(
        None, description="This location or one below it: its id, code or name."
    )
    company: list[int] | None = Field(
        None,
        max_length=100,
        description="Ids of companies, for a caller of several; may be given"
        " repeatedly.",
    )

    @model_validator(mode="after")
    def _check_range(self) -> SheetQuery:
        if self.date_from and self.date_to and self.date_from > self.date_to:
            raise ValueError("date_from must not be after date_to")
        return self
