"""Shapes that every route of the API shares."""

from typing import Generic, TypeVar

from pydantic import BaseModel, Field

T = TypeVar("T")


class ErrorField(BaseModel):
    """One thing that is wrong with one field of the request."""

    field: str = Field(description="Dotted path, such as `records.3.date_time`.")
    message: str


class ErrorBody(BaseModel):
    code: str = Field(description="Stable word for programs, such as `not_found`.")
    message: str = Field(description="Sentence for people; its wording may change.")
    fields: list[ErrorField] = []
    request_id: str = Field(description="Also in the server's log.")


class ErrorEnvelope(BaseModel):
    """The body of every answer with status 400 or above."""

    error: ErrorBody


class Page(BaseModel, Generic[T]):
    """One page of a list; `next` is the cursor of the following one or null."""

    items: list[T]
    next: str | None = None
