"""Parts of which the shapes of the native REST dialect are made."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, StringConstraints

# PostgreSQL stores no NUL, so text that holds one is refused here, item by item.
Identifier = Annotated[
    str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00]*$")
]
Text = Annotated[str, StringConstraints(max_length=4_000, pattern=r"^[^\x00]*$")]
Url = Annotated[
    str, StringConstraints(max_length=2_000, pattern=r"^https?://[^\s\x00]+$")
]
#: ISO 8601, read later: a bad one costs an item, not the request.
DateTimeText = Annotated[str, StringConstraints(max_length=40, pattern=r"^[^\x00]*$")]
Category = Literal["present", "absent"]


def _refuse_odd_date(value: Any) -> Any:
    # Pydantic would take 0 for a Unix time, and a date with a time as well.
    if isinstance(value, date) or (isinstance(value, str) and _DATE.fullmatch(value)):
        return value
    raise ValueError("write a date as 2026-09-01")


_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
#: A date in a query string or a body.
Day = Annotated[date, BeforeValidator(_refuse_odd_date)]


#: Between these a day has one before it and one after it, by any clock.
YEARS = range(1900, 2201)


class Reference(BaseModel):
    """Names a type, a location or a department."""

    id: int
    code: str | None
    name: str


class RegisterReference(BaseModel):
    """Names a register."""

    id: int
    uuid: str
    number: str
    name: str
