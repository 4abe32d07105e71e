"""Who is there at this moment, and who should be: what screens show of days.

A day that is going on, and of which nothing was read yet, is not kept anywhere: what is
planned of it is looked up by the same rules by which it will be computed. The number of
statements depends on neither people nor days.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Any, NamedTuple

from odoo import fields
from odoo.api import Environment
from odoo.fields import Domain
from odoo.tools import SQL

from .days import Computation, Person, Shift
from .engine.day import Day, Mark, Override, compute_day
from .engine.localtime import to_local
from .engine.shift_rules import Bounds, from_minute, to_minute
from .engine.statuses import DayType


class DayRow(NamedTuple):
    """A day as these screens show it; instants in naive UTC, durations in minutes."""

    id: int
    subscriber_id: int
    date: date
    shift_id: int
    tz: str
    window_from: datetime
    window_until: datetime
    status: str | None
    abbreviation: str | None
    day_type: DayType
    leave_code: str | None
    expected_minutes: int
    first_check_in: datetime | None
    last_check_out: datetime | None
    break_minutes: int
    net_minutes: int
    overtime_minutes: int
    extra_overtime_minutes: int
    late_minutes: int
    early_exit_minutes: int
    missing_in: bool
    missing_out: bool
    needs_review: bool
    is_closed: bool
    is_locked: bool
    is_edited: bool
    override: dict[str, Any] | None


class Now(NamedTuple):
    """A day that is going on.

    :param is_inside: whether the person came and has not gone
    :param minutes: worked, had the person gone at this moment
    """

    is_inside: bool
    minutes: int


class Planned(NamedTuple):
    """What is planned of somebody's day."""

    shift: Shift
    at: Bounds
    day_type: DayType


def day_rows(env: Environment, domain: Domain) -> list[DayRow]:
    """Days that the user may read, by one statement."""
    days = env["spp.attendance.day"]
    query = days._search(domain, order="date, id")
    names = [days._field_to_sql(query.table, name, query) for name in DayRow._fields]
    return [DayRow(*row) for row in env.execute_query(query.select(*names))]


def clock(instant: datetime | None, tz: str, day: date) -> str | None:
    """A time of a day, ``08:05``; with the days that it is after it, ``01:30 +1``."""
    if not instant:
        return None
    local = to_local(instant, tz)
    days = (local.date() - day).days
    return f"{local:%H:%M}" + (f" {days:+d}" if days else "")


def clock_of_minute(minute: int, tz: str, day: date) -> str:
    """As :func:`clock`, of a minute since 1970."""
    return clock(from_minute(minute), tz, day) or ""


class Plan(Computation):
    """What is planned of people's days, and how far those are that go on.

    Reads as the system, as days are computed: whoever asks may see the people.

    :param people: ids of subscribers
    :param dates: the days that are asked for
    """

    def __init__(
        self, env: Environment, people: Iterable[int], dates: Collection[date]
    ) -> None:
        super().__init__(env)
        self.people = self._find_people(list(people))
        self.by_id: dict[int, Person] = {person.id: person for person in self.people}
        self.targets = {person.id: set(dates) for person in self.people}
        self.assigned = self._find_assigned()
        self.shifts = self._find_shifts()
        self.holidays = self._find_holidays()

    def of(self, person_id: int, day: date) -> Planned | None:
        """What is planned; None if nobody said by which shift the person works, or of
        somebody who doesn't work then."""
        person = self.by_id.get(person_id)
        if (
            not person
            or (person.work_from and day < person.work_from)
            or (person.work_to and day > person.work_to)
        ):
            return None
        shift = self.shift_of(person, day)
        if not shift:
            return None
        day_type: DayType = "working" if shift.works_on(day) else "weekend"
        if (person.company_id, person.location_id, day) in self.holidays:
            day_type = "holiday"
        at = self.bounds_of(shift, self.tz_of(person_id, shift), day)
        return Planned(shift, at, day_type)

    def tz_of(self, person_id: int, shift: Shift) -> str:
        return shift.tz or self.by_id[person_id].tz

    def bounds_of_row(self, row: DayRow) -> Bounds | None:
        """The instants of a day that exists, by the shift that it keeps."""
        shift = self.shifts.get(row.shift_id)
        return shift and self.bounds_of(shift, row.tz, row.date)

    def going_on(self, rows: Iterable[DayRow]) -> dict[int, Now]:
        """How far days are, of those that go on: ``{id of a day: Now}``.

        Of a day that is locked, and of one whose times were set, it is what it says.
        """
        wanted = {
            row.id: row
            for row in rows
            if not row.is_closed
            and not row.is_locked
            and row.first_check_in
            and row.window_from <= self.now < row.window_until
        }
        marks = self._marks_of_days(list(wanted))
        found = {}
        for row_id, row in wanted.items():
            shift, person = self.shifts.get(row.shift_id), self.by_id[row.subscriber_id]
            if shift:
                found[row_id] = self._now_of(row, shift, person, marks[row_id])
        return found

    def _marks_of_days(self, ids: list[int]) -> dict[int, list[Mark]]:
        found: dict[int, list[Mark]] = defaultdict(list)
        if not ids:
            return found
        for row_id, second, scan_type, is_absent in self.env.execute_query(
            SQL(
                """
                SELECT d.id, extract(epoch FROM r.date_time)::int8, r.scan_type,
                       r.category = 'absent'
                  FROM spp_attendance_day d
                  JOIN spp_attendance_record r
                    ON r.subscriber_id = d.subscriber_id AND r.active
                   AND r.date_time >= d.window_from AND r.date_time < d.window_until
                 WHERE d.id = ANY(%s)
                """,
                ids,
            )
        ):
            found[row_id].append(Mark(second, scan_type, is_absent))
        return found

    def _now_of(
        self, row: DayRow, shift: Shift, person: Person, marks: list[Mark]
    ) -> Now:
        at = self.bounds_of(shift, row.tz, row.date)
        inside = [mark for mark in marks if at.opens <= mark.second // 60 < at.closes]

        def computed(more: list[Mark], is_closed: bool) -> Day:
            return compute_day(
                [*inside, *more],
                shift.rules,
                at,
                day_type=row.day_type,
                override=Override(**row.override) if row.override else None,
                earns_overtime=shift.is_overtime_for_all or person.level == "worker",
                is_closed=is_closed,
            )

        # Who would be missed, if the day ended now, is there.
        ended = computed([], True)
        is_inside = ended.missing_out or ended.is_auto_out
        if not is_inside:
            return Now(False, row.net_minutes)
        leaving = Mark(to_minute(self.now) * 60, "out")
        return Now(True, computed([leaving], False).net)


def day_values(row: DayRow, going_on: dict[int, Now]) -> dict[str, Any]:
    """What a screen shows of a day, as JSON.

    :return: ``date``, ``day_id``, ``status``, ``abbreviation``, ``day_type``,
        ``leave``, ``check_in`` and ``check_out`` (local, see :func:`clock`),
        ``minutes`` (worked, up to now if the day goes on), ``is_inside`` (None if the
        day doesn't go on), and of minutes ``break``, ``expected``, ``overtime``,
        ``late``, ``early``; flags
    """
    now = going_on.get(row.id)
    return {
        "date": fields.Date.to_string(row.date),
        "day_id": row.id,
        "status": row.status,
        "abbreviation": row.abbreviation,
        "day_type": row.day_type,
        "leave": row.leave_code,
        "check_in": clock(row.first_check_in, row.tz, row.date),
        "check_out": clock(row.last_check_out, row.tz, row.date),
        "minutes": now.minutes if now else row.net_minutes,
        "is_inside": now.is_inside if now else None,
        "break": row.break_minutes,
        "expected": row.expected_minutes,
        "overtime": row.overtime_minutes,
        "extra_overtime": row.extra_overtime_minutes,
        "late": row.late_minutes,
        "early": row.early_exit_minutes,
        "missing_in": row.missing_in,
        "missing_out": row.missing_out,
        "needs_review": row.needs_review,
        "is_closed": row.is_closed,
        "is_locked": row.is_locked,
        "is_edited": row.is_edited,
    }
