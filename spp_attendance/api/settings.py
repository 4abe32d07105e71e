"""Shapes of the settings of days."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from .lists import drop_null_defaults
from .registry import Patch

Time = Annotated[
    str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9](:00)?$")
]
Hours = Annotated[float, Field(strict=True, ge=0, le=24, allow_inf_nan=False)]
SomeHours = Annotated[float, Field(strict=True, ge=0.02, le=24, allow_inf_nan=False)]
Weekday = Annotated[int, Field(strict=True, ge=0, le=6)]
_WEEKEND = "Weekdays on which nobody works; 0 is Sunday, 6 is Saturday."


class SettingsOut(BaseModel):
    """The rules by which a company's days are computed; those of its default shift."""

    standard_working_hours: float = Field(description="A full day's.", examples=[8.0])
    lunch_break_duration: float = Field(
        description="Hours that are deducted from a day.", examples=[0.75]
    )
    safe_entry_time: str = Field(
        description="Who arrives until then is on time.", examples=["08:00"]
    )
    late_entry_time: str = Field(
        description="Who arrives after it is late; between the two, considered.",
        examples=["08:05"],
    )
    safe_exit_time: str = Field(
        description="The end of the shift; of the next day, if not after its start.",
        examples=["17:00"],
    )
    overtime_start_time: str = Field(examples=["17:00"])
    extra_overtime_start_time: str = Field(examples=["19:00"])
    snacks_eligibility_hours: float = Field(
        description="Hours of extra overtime that earn snacks.", examples=[1.0]
    )
    night_bill_eligibility_hours: float = Field(
        description="Hours of extra overtime that earn a night bill.", examples=[5.0]
    )
    weekend_days: list[int] = Field(description=_WEEKEND, examples=[[5]])
    auto_calculate_overtime: bool
    auto_calculate_extra_overtime: bool
    auto_update_leave_balance: bool


class SettingsPatch(Patch):
    """What to change of the settings."""

    standard_working_hours: SomeHours = Field(default=None)
    lunch_break_duration: Hours = Field(default=None)
    safe_entry_time: Time = Field(default=None)
    late_entry_time: Time = Field(default=None)
    safe_exit_time: Time = Field(default=None)
    overtime_start_time: Time = Field(default=None)
    extra_overtime_start_time: Time = Field(default=None)
    snacks_eligibility_hours: SomeHours = Field(default=None)
    night_bill_eligibility_hours: SomeHours = Field(default=None)
    weekend_days: list[Weekday] = Field(
        default=None, max_length=7, description=_WEEKEND
    )
    auto_calculate_overtime: StrictBool = Field(default=None)
    auto_calculate_extra_overtime: StrictBool = Field(default=None)
    auto_update_leave_balance: StrictBool = Field(default=None)


class SettingsIn(BaseModel):
    """All settings, as they are to be from today on."""

    model_config = ConfigDict(extra="forbid", json_schema_extra=drop_null_defaults)

    standard_working_hours: SomeHours = Field(examples=[8.0])
    lunch_break_duration: Hours = Field(examples=[0.75])
    safe_entry_time: Time = Field(examples=["08:00"])
    late_entry_time: Time = Field(examples=["08:05"])
    safe_exit_time: Time = Field(examples=["17:00"])
    overtime_start_time: Time = Field(examples=["17:00"])
    extra_overtime_start_time: Time = Field(examples=["19:00"])
    snacks_eligibility_hours: SomeHours = Field(examples=[1.0])
    night_bill_eligibility_hours: SomeHours = Field(examples=[5.0])
    weekend_days: list[Weekday] = Field(
        max_length=7, description=_WEEKEND, examples=[[5]]
    )
    auto_calculate_overtime: StrictBool = True
    auto_calculate_extra_overtime: StrictBool = True
    auto_update_leave_balance: StrictBool = True
