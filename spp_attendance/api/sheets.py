"""Shapes of the plain sheet."""

from __future__ import annotations

from pydantic import Field

from .records import RecordFilters


class SheetQuery(RecordFilters):
    """Filters of the plain sheet."""

    company: list[int] | None = Field(
        None,
        max_length=100,
        description="Ids of companies, for a caller of several; may be given"
        " repeatedly.",
    )
