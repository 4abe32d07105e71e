"""Shapes of the routes of corrections."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from .common import Day, Identifier, Reference, Text
from .lists import ListQuery

Kind = Literal["missing_punch", "wrong_time", "forgive", "status"]
State = Literal["draft", "submitted", "approved", "refused", "cancelled"]
Code = Literal["Present-OnTime", "Present-Considered", "Present-Late", "Absent"]
Clock = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Reason = Annotated[
    str,
    StringConstraints(
        min_length=1, max_length=4_000, pattern=r"^[^\x00]*$", strip_whitespace=True
    ),
]


class CorrectionQuery(ListQuery):
    """Filters of a list of corrections."""

    employee_id: Identifier | None = None
    department: Identifier | None = Field(
        None, description="Of this department or one below it: its id, code or name."
    )
    date_from: Day | None = Field(None, description="Of days from this one on.")
    date_to: Day | None = Field(None, description="Of days up to this one.")
    state: list[State] | None = Field(
        None, max_length=5, description="May be given repeatedly."
    )
    to_decide: bool | None = Field(
        None, description="Those that the caller decides, or the others."
    )
    sort: Literal["created_at", "-created_at", "updated_at", "-updated_at"] = (
        "-created_at"
    )


class CorrectionIn(BaseModel):
    """A request to fix a day."""

    model_config = ConfigDict(extra="forbid")

    employee_id: Identifier | None = Field(
        None, description="Whose day; left out: the caller's own.", examples=["EMP001"]
    )
    date: Day = Field(examples=["2026-09-01"])
    kind: Kind = Field(examples=["missing_punch"])
    check_in: Clock | None = Field(
        None,
        description="Local time; left out: as it was read.",
        examples=["08:00"],
    )
    check_out: Clock | None = Field(
        None,
        description="Local time, of the next morning where it must be.",
        examples=["17:30"],
    )
    status: Code | None = Field(None, description="Needed where `kind` is `status`.")
    reason: Reason = Field(examples=["The terminal was out of order."])

    @model_validator(mode="after")
    def _check_asked(self) -> CorrectionIn:
        if self.kind == "status":
            if self.status is None:
                raise ValueError("say which status it should be")
        elif self.kind != "forgive" and not (self.check_in or self.check_out):
            raise ValueError("give check_in, check_out, or both")
        return self


class CorrectionReject(BaseModel):
    """Why a request is refused."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason = Field(examples=["The gate's camera shows otherwise."])


class CorrectionPerson(BaseModel):
    """Whose day it is."""

    employee_id: str
    employee_name: str


class CorrectionOut(BaseModel):
    """A request as apps read it."""

    uuid: str
    employee: CorrectionPerson
    department: Reference | None
    date: date
    kind: Kind
    check_in: str | None
    check_out: str | None
    status: Code | None = Field(description="That is asked for.")
    reason: Text
    state: State
    requested_by: str
    requested_at: str | None = Field(description="UTC, ISO 8601.")
    decided_by: str | None
    decided_at: str | None = Field(description="UTC, ISO 8601.")
    decision_note: str | None
    created_at: str = Field(description="UTC, ISO 8601.")
    updated_at: str = Field(description="UTC, ISO 8601.")


class CorrectionPage(BaseModel):
    """A page of corrections."""

    items: list[CorrectionOut]
    next: str | None = Field(
        description="Cursor of the following page, null on the last one."
    )
