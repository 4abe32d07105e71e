"""What the sheet of a register sends."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StrictInt,
    StringConstraints,
    TypeAdapter,
    model_validator,
)

from ..engine.register_cells import Cell

Clock = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]


class SheetMark(BaseModel):
    """What a cell of the sheet shall say.

    It is the whole cell and not a step, so that sending it twice is harmless.
    """

    model_config = ConfigDict(extra="forbid")

    uuid: Annotated[str, StringConstraints(pattern=r"^[0-9a-f-]{32,36}$")]
    person: StrictInt
    date: date
    version: str = Field("", description="Of the cell, as the sheet knew it.")
    mark: Literal["present", "absent"] | None = None
    entry: Clock | None = None
    exit: Clock | None = None

    @model_validator(mode="after")
    def _check_mark(self) -> SheetMark:
        if self.mark == "absent" and (self.entry or self.exit):
            raise ValueError("nobody is absent and has been there")
        return self

    @property
    def cell(self) -> Cell:
        """What the cell shall be."""
        return Cell(self.mark, self.entry, self.exit)


#: As many are taken in one call.
MAX_MARKS = 500
SHEET_MARKS: TypeAdapter[list[SheetMark]] = TypeAdapter(
    Annotated[list[SheetMark], Field(max_length=MAX_MARKS)]
)
