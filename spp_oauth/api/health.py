"""The answer to the question whether all is well."""

from typing import Literal

from pydantic import BaseModel, Field


class HealthItem(BaseModel):
    """One thing that was looked at."""

    name: str = Field(examples=["cron_late"])
    ok: bool
    value: float | None = Field(description="What was measured.", examples=[12])
    unit: str = Field(description="Of the value; empty for a count.")
    description: str
    critical: bool = Field(
        description="Whether the server cannot do its work without it."
    )


class Health(BaseModel):
    """All that was looked at; never names or secrets."""

    status: Literal["ok", "degraded", "failing"] = Field(
        description="`degraded`: something needs attention, but requests are served."
        " `failing`, with status 503: send requests elsewhere."
    )
    failing: list[str] = Field(description="Names of the checks that are not ok.")
    checks: list[HealthItem]
