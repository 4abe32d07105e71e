"""Shapes of the days' routes: the day's summary, timesheets, figures, and days."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    RootModel,
    StrictBool,
    StrictInt,
    StringConstraints,
    model_validator,
)

from odoo.addons.spp_oauth.api import BadRequest, FieldProblem

from .common import YEARS, Day, Identifier, Reference, Text
from .lists import ListQuery, drop_null_defaults
from .registry import Patch

#: Most days of one person that are looked at at once.
MOST_DAYS = 400

DayStatus = Literal[
    "Present-OnTime",
    "Present-Considered",
    "Present-Late",
    "Absent",
    "Holiday",
    "Weekend",
]
Level = Literal["Worker", "Staff"]
LevelOfWork = Literal["worker", "staff"]
ScanName = Literal["IN", "OUT", "BREAK_IN", "BREAK_OUT", "OVERTIME_IN", "OVERTIME_OUT"]
Clock = Annotated[str, StringConstraints(pattern=r"^\d{2}:\d{2}$")]
_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")

_HEAD = {
    "employee_id": "EMP001",
    "employee_name": "Ahmed Khan",
    "department": "Sewing",
    "designation": "Senior Tailor",
    "level_of_work": "Worker",
}


def bad_parameter(name: str, message: str) -> BadRequest:
    """What is answered where a date or month is missing, or is none.

    Front ends of this API expect 400 there, and not 422 as elsewhere.
    """
    return BadRequest(
        "The query string is not acceptable.", fields=[FieldProblem(name, message)]
    )


def _read_day(value: Any) -> Any:
    try:
        found = date.fromisoformat(value) if len(value) == 10 else None
    except (TypeError, ValueError):
        found = None
    return found if found and found.year in YEARS else _no_day()


def _no_day() -> date:
    raise bad_parameter("date", "Write a date as 2024-01-15.")


_SummaryDay = Annotated[date, BeforeValidator(_read_day)]


class DayFilters(BaseModel):
    """Which people are meant; all filters that are given must hold."""

    model_config = ConfigDict(extra="forbid")

    employee_id: list[Identifier] | None = Field(
        None, max_length=100, description="These people; may be given repeatedly."
    )
    department: Identifier | None = Field(
        None, description="Of this department or one below it: its id, code or name."
    )
    location: Identifier | None = Field(
        None, description="At home here or below: the location's id, code or name."
    )
    level_of_work: LevelOfWork | None = None

    @model_validator(mode="before")
    @classmethod
    def _read_level(cls, values: Any) -> Any:
        # Answers have it with a capital, and who repeats that means the same.
        if isinstance(values, dict) and values.get("level_of_work") in (
            "Worker",
            "Staff",
        ):
            return {**values, "level_of_work": values["level_of_work"].lower()}
        return values


class SummaryQuery(DayFilters):
    """Which day is summed up, and of whom."""

    date: _SummaryDay = Field(examples=["2024-01-15"])

    @model_validator(mode="before")
    @classmethod
    def _check_date(cls, values: Any) -> Any:
        if isinstance(values, dict) and not values.get("date"):
            raise bad_parameter("date", "Say of which day: date=2024-01-15.")
        return values


class ScanOut(BaseModel):
    """One reading of a day."""

    time: Clock
    type: ScanName


class SummaryOut(BaseModel):
    """Somebody's day."""

    employee_id: str
    employee_name: str
    department: str | None
    designation: str | None
    level_of_work: Level | None
    date: str = Field(json_schema_extra={"format": "date"})
    status: str | None = Field(
        description="`Present-OnTime`, `Present-Considered`, `Present-Late`, `Absent`,"
        " `Leave-…`, `Holiday` or `Weekend`; null while nothing is known."
    )
    check_in: Clock | None
    check_out: Clock | None
    working_hours: float
    overtime: float
    extra_overtime: float
    attendance_count: int = Field(description="Readings, without repeated ones.")
    scans: list[ScanOut] = Field(description="In order of time.")


class SummaryList(RootModel[list[SummaryOut]]):
    """The day of all people that the caller may see, by `employee_id`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                [
                    {
                        **_HEAD,
                        "date": "2024-01-15",
                        "status": "Present-OnTime",
                        "check_in": "08:00",
                        "check_out": "17:30",
                        "working_hours": 8.25,
                        "overtime": 0.5,
                        "extra_overtime": 0.0,
                        "attendance_count": 2,
                        "scans": [
                            {"time": "08:00", "type": "IN"},
                            {"time": "17:30", "type": "OUT"},
                        ],
                    }
                ]
            ]
        }
    )


class TimesheetQuery(DayFilters):
    """Which month, and of whom."""

    month: Annotated[str, StringConstraints(pattern=r"^(\d{4}-\d{2}|\d{1,2})$")] = (
        Field(
            description="`2024-01`; or the number of the month, beside `year`.",
            examples=["2024-01"],
        )
    )
    year: int | None = Field(None, ge=1900, le=2200)
    limit: int = Field(100, ge=1, le=1_000)
    cursor: str | None = Field(
        None, max_length=1_000, description="The `next` of the page before."
    )

    @model_validator(mode="before")
    @classmethod
    def _check_month(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        text, year = values.get("month"), values.get("year")
        if not text:
            raise bad_parameter("month", "Say which month: month=2024-01.")
        if year is not None and re.fullmatch("[0-9]{1,2}", text):
            text = f"{year}-{int(text):02}"
        elif year is not None:
            raise bad_parameter("year", "Give year=2024&month=1, or month=2024-01.")
        match = _MONTH.fullmatch(text)
        if not match or not (
            1900 <= int(match[1]) <= 2200 and 1 <= int(match[2]) <= 12
        ):
            raise bad_parameter("month", "Write a month as 2024-01.")
        return values

    @property
    def first_day(self) -> date:
        year, month = (
            (self.year, self.month) if self.year is not None else self.month.split("-")
        )
        return date(int(year), int(month), 1)


class TimesheetDayOut(BaseModel):
    """A day on somebody's timesheet."""

    day: int
    date: str = Field(json_schema_extra={"format": "date"})
    status: str | None
    checkIn: Clock | None
    checkOut: Clock | None
    workingHours: float
    overtime: float
    extraOvertime: float


class TimesheetOut(BaseModel):
    """Somebody's month, with every day of it."""

    employee_id: str
    employee_name: str
    department: str | None
    designation: str | None
    level_of_work: Level | None
    days: list[TimesheetDayOut]


class TimesheetPage(BaseModel):
    """A page of timesheets, by `employee_id`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {
                            **_HEAD,
                            "days": [
                                {
                                    "day": 1,
                                    "date": "2024-01-01",
                                    "status": "Present-OnTime",
                                    "checkIn": "08:00",
                                    "checkOut": "17:30",
                                    "workingHours": 8.25,
                                    "overtime": 0.5,
                                    "extraOvertime": 0.0,
                                }
                            ],
                        }
                    ],
                    "next": None,
                }
            ]
        }
    )

    items: list[TimesheetOut]
    next: str | None = Field(
        description="Cursor of the following page, null on the last one."
    )


class _Range(BaseModel):
    @model_validator(mode="after")
    def _check_range(self) -> Self:
        since, until = self.date_from, self.date_to  # type: ignore[attr-defined]
        for day in (since, until, getattr(self, "date", None)):
            if day and day.year not in YEARS:
                raise ValueError("a date must be from 1900 to 2200")
        if since and until:
            if since > until:
                raise ValueError("the first day must not be after the last one")
            if (until - since).days >= MOST_DAYS:
                raise ValueError(f"no more than {MOST_DAYS} days at once")
        return self


class StatisticsQuery(DayFilters, _Range):
    """Of which days the figures are, and of whom; of today unless told otherwise."""

    date: Day | None = Field(None, description="This day alone.")
    date_from: Day | None = Field(
        None, alias="from", description="First day, inclusive; by default the last one."
    )
    date_to: Day | None = Field(
        None, alias="to", description="Last day, inclusive; by default today."
    )

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if self.date and (self.date_from or self.date_to):
            raise ValueError("either date, or from and to")
        return self


class DepartmentStatisticsOut(BaseModel):
    """The figures of a department, without those below it."""

    name: str | None = Field(description="Null: those who belong to none.")
    total: int
    present: int
    absent: int
    leave: int


class StatisticsOut(BaseModel):
    """How many there were of each, among people whom the caller may see.

    Of several days, days of people are counted.
    """

    model_config = ConfigDict(
        serialize_by_alias=True,
        json_schema_extra={
            "examples": [
                {
                    "from": "2024-01-15",
                    "to": "2024-01-15",
                    "total_employees": 4,
                    "present_today": 3,
                    "absent_today": 1,
                    "leave_today": 0,
                    "late_today": 1,
                    "attendance_rate": 75.0,
                    "department_stats": [
                        {
                            "name": "Sewing",
                            "total": 4,
                            "present": 3,
                            "absent": 1,
                            "leave": 0,
                        }
                    ],
                }
            ]
        },
    )

    date_from: str = Field(
        serialization_alias="from", json_schema_extra={"format": "date"}
    )
    date_to: str = Field(serialization_alias="to", json_schema_extra={"format": "date"})
    total_employees: int
    present_today: int = Field(description="Late ones, too.")
    absent_today: int
    leave_today: int
    late_today: int
    attendance_rate: float = Field(
        description="Percent of all who were there; of several days, of those on which"
        " anybody was expected. 0 when there is none."
    )
    department_stats: list[DepartmentStatisticsOut]


#: As settings have them: a number, and no text that looks like one.
DayHours = Annotated[float, Field(strict=True, ge=0, le=48, allow_inf_nan=False)]
#: When somebody came or went: read later, for its zone is the day's.
Moment = Annotated[
    str,
    StringConstraints(
        max_length=40,
        pattern=r"^(\d{2}:\d{2}|\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}[^\x00]{0,24})$",
    ),
]
_MOMENT = (
    "An instant with its offset, such as `2024-01-15T08:00:00+03:00`, or without one a"
    " time on the clock of the day's zone; `08:00` alone is of that day."
)


class _Decision(BaseModel):
    """What can be decided of a day; what is left out is as it is by the records."""

    status: DayStatus | None = None
    first_check_in: Moment | None = Field(None, description=_MOMENT)
    last_check_out: Moment | None = Field(None, description=_MOMENT)
    total_working_hours: DayHours | None = Field(
        None, description="Without breaks, overtime included."
    )
    working_hours: DayHours | None = Field(
        None, description="As the shift counts them."
    )
    overtime_hours: DayHours | None = None
    extra_overtime_hours: DayHours | None = None
    snacks_eligible: StrictBool | None = None
    night_bill_eligible: StrictBool | None = None
    is_forgiven: StrictBool | None = Field(
        None, description="A late arrival counts as considered."
    )
    notes: Text | None = None
    reason: Text | None = Field(
        None, description="Why, for whoever asks later.", examples=["Forgot the badge"]
    )


#: What of a body says what a day is.
DECIDED = frozenset(_Decision.model_fields) - {"reason", "notes"}


class DayIn(_Decision):
    """A day of which nothing is known yet."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    employee: Identifier = Field(description="Person identifier.", examples=["EMP001"])
    date: Day = Field(examples=["2024-01-15"])

    @model_validator(mode="after")
    def _check_any(self) -> Self:
        if all(getattr(self, name) is None for name in DECIDED):
            raise ValueError("say what the day is, such as its status")
        return self


class DayPut(_Decision):
    """All that is decided of a day.

    What is given just as it is by the records is not decided, so that a day can be
    sent back as it was read, with one thing changed. What else a day has is not read.
    """

    model_config = ConfigDict(extra="ignore", str_strip_whitespace=True)

    status: Annotated[str, StringConstraints(max_length=64)] | None = None
    employee: Identifier | None = Field(None, description="It can't be changed.")
    date: Day | None = Field(None, description="It can't be changed.")


class DayPatch(_Decision, Patch):
    """What to decide of a day, beside what is decided of it.

    Of `first_check_in` and `last_check_out`, null means that there is none; of all else
    that it is as by the records.
    """

    model_config = ConfigDict(json_schema_extra=drop_null_defaults)


class DayOut(BaseModel):
    """A day as apps read it."""

    id: int
    employee: str
    employee_name: str
    department: Reference | None
    location: Reference | None
    level_of_work: LevelOfWork | None
    date: str = Field(json_schema_extra={"format": "date"})
    tz: str = Field(description="IANA zone of its times.")
    status: str | None
    day_type: Literal["working", "weekend", "holiday"]
    leave: str | None = Field(description="Its kind, if the day or a part of it is.")
    first_check_in: str | None = Field(description="ISO 8601 with offset.")
    last_check_out: str | None = Field(description="ISO 8601 with offset.")
    total_working_hours: float = Field(description="Without breaks, overtime included.")
    working_hours: float = Field(description="As the shift counts them.")
    expected_hours: float
    overtime_hours: float
    extra_overtime_hours: float
    snacks_eligible: bool
    night_bill_eligible: bool
    late_minutes: int
    early_exit_minutes: int
    attendance_count: int
    missing_in: bool
    missing_out: bool
    needs_review: bool
    is_closed: bool = Field(description="Nothing more is expected of it.")
    is_locked: bool
    is_edited: bool = Field(description="Somebody has decided of it.")
    edited_by: str | None
    edited_at: str | None = Field(description="UTC, ISO 8601.")
    differs: bool = Field(description="It is not as it is by the records.")
    shift: str
    notes: str | None
    created_at: str = Field(description="UTC, ISO 8601.")
    updated_at: str = Field(description="UTC, ISO 8601.")


class DayPage(BaseModel):
    """A page of days."""

    items: list[DayOut]
    next: str | None = Field(
        description="Cursor of the following page, null on the last one."
    )


class DayQuery(ListQuery, _Range):
    """Filters of a list of days."""

    employee_id: list[Identifier] | None = Field(
        None, max_length=100, description="Of these people; may be given repeatedly."
    )
    employee: list[Identifier] | None = Field(
        None, max_length=100, description="The same, as a day calls it."
    )
    date: Day | None = Field(None, description="This day alone.")
    date_from: Day | None = Field(None, description="First day, inclusive.")
    date_to: Day | None = Field(None, description="Last day, inclusive.")
    status: list[Identifier] | None = Field(
        None, max_length=20, description="Any of these, such as `Present-Late`."
    )
    department: Identifier | None = Field(
        None, description="Of this department or one below it: its id, code or name."
    )
    location: Identifier | None = Field(
        None, description="At home here or below: the location's id, code or name."
    )
    level_of_work: LevelOfWork | None = None
    snacks_eligible: bool | None = None
    night_bill_eligible: bool | None = None
    needs_review: bool | None = None
    is_edited: bool | None = None
    is_locked: bool | None = None
    sort: Literal["date", "-date", "updated_at", "-updated_at"] = "-date"


class DayDeleteQuery(BaseModel):
    """Why."""

    model_config = ConfigDict(extra="forbid")

    reason: Text | None = None


class RecomputeIn(_Range):
    """Which days are to be computed again."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    date_from: Day = Field(examples=["2024-01-01"])
    date_to: Day = Field(examples=["2024-01-31"])
    employees: list[Identifier] | None = Field(
        None, min_length=1, max_length=1_000, description="Person identifiers."
    )
    department: StrictInt | Identifier | None = Field(
        None, description="And of those below it: its id, code or name."
    )
    location: StrictInt | Identifier | None = Field(
        None, description="And of those below it: its id, code or name."
    )
    with_rules: StrictBool = Field(
        False,
        description="Also by which shift people worked is looked up again. Otherwise"
        " past days keep the rules that were in force.",
    )


class RecomputeOut(BaseModel):
    """What waits to be computed now."""

    people: int
    days: int = Field(description="At most.")
