"""How a kiosk's page and the server keep in touch."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from .kiosk import Milliseconds

_FAR = 7_258_118_400_000


class HelloIn(BaseModel):
    """How the tablet is."""

    model_config = ConfigDict(extra="ignore")

    offset: Annotated[int | None, Field(ge=-_FAR, le=_FAR)] = Field(
        None, description="Milliseconds that its clock is slow; null if not measured."
    )
    pending: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        0, description="How many marks wait on it."
    )


class HelloOut(BaseModel):
    """What the tablet has to know."""

    now: Milliseconds = Field(description="The server's clock, since 1970 in UTC.")
    token: str = Field(description="Of the link to use from now on.")
    issued: int = Field(description="When that was made, in milliseconds since 1970.")
    version: str = Field(description="Of the page: another one is to be loaded.")
