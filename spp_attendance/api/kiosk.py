"""What a kiosk's page sends, and what it is told.

The page is public and often offline, so what it sends is taken leniently: a mark that
could never be stored would stand before all others of the tablet. And it is told of
nothing but what was typed: not whether somebody is known.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from .common import Category

#: Most marks in a request.
MAX_MARKS = 50

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Milliseconds since 1970 until the year 2200, and so the longest way that a tablet's
#: clock can be off.
_LAST = 7_258_118_400_000


def _short(length: int) -> BeforeValidator:
    """Cut text to a length; without what PostgreSQL can't store. Empty is nothing."""

    def clean(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return value.replace("\x00", "").strip()[:length].strip() or None

    return BeforeValidator(clean)


Typed = Annotated[str | None, _short(128)]
Milliseconds = Annotated[int, Field(ge=0, le=_LAST)]


class MarkIn(BaseModel):
    """One mark, as it was made on the tablet.

    Whom it speaks of is ``identifier`` and ``name`` as typed, or ``badge``, or
    ``person``: somebody of the list that an attendant has fetched.
    """

    model_config = ConfigDict(extra="ignore")

    uuid: UUID = Field(description="Made by the tablet, once for each mark.")
    category: Category
    at: Milliseconds = Field(description="The tablet's clock, since 1970 in UTC.")
    offset: Annotated[int | None, Field(ge=-_LAST, le=_LAST)] = Field(
        None,
        description="Milliseconds that the tablet's clock was slow when it was last"
        " compared with the server's; null if it never was.",
    )
    identifier: Typed = None
    name: Annotated[str | None, _short(256)] = None
    badge: Typed = None
    pin: Annotated[str | None, _short(8)] = None
    person: UUID | None = Field(None, description="Of the attendant's list.")
    type: int | None = Field(None, description="Id of the type that was chosen.")
    attendant: Typed = Field(None, description="Who marked, as they call themselves.")

    def instant(self, sent_at: int, received_at: int) -> datetime:
        """The moment at which it was made, to the second.

        :param sent_at: the tablet's clock as it sent this, milliseconds since 1970
        :param received_at: the server's clock then, milliseconds since 1970
        :return: aware, in UTC
        """
        offset = received_at - sent_at if self.offset is None else self.offset
        return (_EPOCH + timedelta(milliseconds=self.at + offset)).replace(
            microsecond=0
        )

    def tablet_time(self) -> str:
        """What the tablet's own clock said, ``2026-09-01T05:00:00.123Z``."""
        own = _EPOCH + timedelta(milliseconds=self.at)
        return own.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class MarksIn(BaseModel):
    """Marks that wait on a tablet, in the order in which they were made."""

    model_config = ConfigDict(extra="ignore")

    sent_at: Milliseconds = Field(description="The tablet's clock as it sends this.")
    marks: Annotated[list[MarkIn], Field(min_length=1, max_length=MAX_MARKS)]
    offset: Annotated[int | None, Field(ge=-_LAST, le=_LAST)] = None
    pending: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        0, description="How many marks wait on the tablet, these included."
    )


class MarkOutcome(BaseModel):
    """What became of a mark.

    ``refused`` is said of a mark however often it is sent; ``noted`` the first time,
    and ``again`` when a mark that was noted is sent once more. All are final: the
    tablet forgets the mark. A mark without an outcome was not looked at, because too
    many before it were refused or had a PIN; the tablet keeps it and sends it later.
    """

    uuid: str
    status: Literal["noted", "refused", "again"]
    time: str = Field(description="Local time at the kiosk, HH:MM.")
    message: Literal["noted", "refused", "again"] = Field(
        description="Key of the text that is shown."
    )


class MarksOut(BaseModel):
    """One outcome a mark that was looked at, in the same order."""

    outcomes: list[MarkOutcome]


class ExpectedIn(BaseModel):
    """Who wants to see whom to expect."""

    code: Annotated[str | None, _short(128)] = Field(
        description="The attendants' code of this kiosk."
    )


class ExpectedPerson(BaseModel):
    """Somebody on the attendant's list."""

    uuid: str
    name: str
    identifier: str
    event: str | None = Field(description="Name of the event they are expected at.")
    type: int | None = Field(description="Id of that event's type.")


class ExpectedOut(BaseModel):
    """The attendant's list of today."""

    people: list[ExpectedPerson]
