"""Shapes of batches: what is refused item by item, and the lines of an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, Field, ValidationError

#: Most items in a batch that is answered line by line.
MAX_STREAM = 10_000


class Outcome(NamedTuple):
    """What became of one item of a batch.

    ``id`` is the record's, for a duplicate that of the record which was there first;
    ``reason`` says why an item was rejected, ``code`` the same for programs.
    """

    index: int
    status: Literal["created", "duplicate", "updated", "unchanged", "rejected"]
    id: int | None = None
    reason: str | None = None
    code: str | None = None


class Refused(BaseModel):
    """Stands in a batch for an item that is not what it should be."""

    reason: str


def refuse_item(value: Any, handler: Callable[[Any], BaseModel]) -> BaseModel:
    """Validate an item, or have a ``Refused`` in its place.

    One bad item must not cost the sender the others.
    """
    if isinstance(value, bytes):
        return Refused(reason="item: The line is not valid JSON.")
    try:
        return handler(value)
    except ValidationError as error:
        return Refused(
            reason="; ".join(
                f"{'.'.join(map(str, detail['loc'][:1])) or 'item'}: {detail['msg']}"
                for detail in error.errors(include_url=False, include_input=False)
            )
        )


class BatchFault(BaseModel):
    """Why a batch ended early."""

    code: str
    message: str
    request_id: str | None


class BatchError(BaseModel):
    """The last line when a batch could not be finished: what follows the lines before
    it was not stored. Send all of it again; what is there already is not doubled."""

    error: BatchFault


class BatchDone(BaseModel):
    """The last line of a batch. An answer without it was cut off."""

    done: Literal[True]
    total: int
    counts: dict[str, int] = Field(description="How many items, by status.")
