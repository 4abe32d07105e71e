"""From facts and rules to days: what is read, computed and written for some people.

Used through ``spp.attendance.day.queue``, in a transaction whose first statement has
claimed the people. The number of statements doesn't depend on how many people and days
there are. Works past the ORM and as the system: a day is the same whoever asks for it.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from odoo import fields
from odoo.api import Environment
from odoo.tools import SQL

from .engine import localtime
from .engine.day import WHOLE, Day, Leave, Mark, Override, compute_day
from .engine.shift_rules import Bounds, ShiftRules, bounds, edge, to_minute
from .engine.statuses import NAMES, DayType, leave_code

_DAY = timedelta(days=1)
_DAY_SECONDS = 24 * 3600
#: Minutes after which it is asked again whether terminals have reported.
_LOOK_AGAIN = 5
#: Most days of one person that are computed in one transaction, most of all people, and
#: fewest of each where there are many: what came in a moment ago waits for as long.
MOST_DAYS = 400
MOST_AT_ONCE = 10_000
_FEWEST_DAYS = 14
#: Between which days are computed. Who has no last day of work is often given one of
#: the year 9999.
_FIRST_DAY = date(1900, 1, 1)
_LAST_DAY = date(2200, 12, 31)

#: What is computed: columns of a day, with their types, in the order of the fields of
#: ``engine.day.Day`` from ``check_in`` on.
_FIGURES = (
    ("first_check_in", "timestamp"),
    ("last_check_out", "timestamp"),
    ("gross_minutes", "int4"),
    ("break_minutes", "int4"),
    ("net_minutes", "int4"),
    ("working_minutes", "int4"),
    ("overtime_minutes", "int4"),
    ("extra_overtime_minutes", "int4"),
    ("late_minutes", "int4"),
    ("early_exit_minutes", "int4"),
    ("snacks_eligible", "bool"),
    ("night_bill_eligible", "bool"),
    ("scan_count", "int4"),
    ("duplicate_count", "int4"),
    ("missing_in", "bool"),
    ("missing_out", "bool"),
    ("is_auto_out", "bool"),
    ("has_conflict", "bool"),
)


class Person(NamedTuple):
    """Whose days are computed."""

    id: int
    company_id: int
    department_id: int | None
    location_id: int | None
    level: str
    tz: str
    work_from: date | None
    work_to: date | None
    departments: Sequence[int]
    locations: Sequence[int]
    settled_until: date
    gaps: Sequence[tuple[date, date]]


class Shift(NamedTuple):
    """A shift, as days are computed by it."""

    id: int
    rules: ShiftRules
    tz: str | None
    pattern: Sequence[bool]
    standard: int
    is_overtime_for_all: bool

    def works_on(self, day: date) -> bool:
        """Whether a date is a working day of it; weeks alternate as in Odoo."""
        week = (day.toordinal() - 1) // 7 % 2
        return self.pattern[7 * week + day.weekday()]


class Assigned(NamedTuple):
    """From when on somebody works by which shift; None: by no one's own."""

    date_from: date
    shift_id: int | None


class Kept(NamedTuple):
    """A day that exists, as far as another computation of it depends on it."""

    id: int
    shift_id: int
    tz: str
    day_type: DayType
    is_locked: bool
    override: dict[str, Any] | None
    figures: dict[str, Any] | None
    is_closed: bool
    level: str
    department_id: int | None
    location_id: int | None


class Claim:
    """What is to be computed of one person.

    :ivar seconds: of records, in their order
    :ivar turns: moments from whose days on all is computed anew
    :ivar ranges: the first and the last day, None for all up to today and beyond
    :ivar anew: those of the ranges for which rules are looked up again
    """

    __slots__ = ("anew", "ranges", "seconds", "turns")

    def __init__(self) -> None:
        self.seconds: list[int] = []
        self.turns: list[int] = []
        self.ranges: list[tuple[date, date | None]] = []
        self.anew: list[tuple[date, date | None]] = []


class Window(NamedTuple):
    """A day of somebody, by the shift that counts on it.

    :param since: the minute from which readings belong to it
    :param until: the minute from which they belong to the next one
    """

    shift: Shift
    tz: str
    at: Bounds
    since: int
    until: int


class Found(NamedTuple):
    """What is to be written of all people.

    :param rows: values of ``_COLUMNS``
    :param locked: days that must not change, what they would be, whether they are over
    :param gone: ids of days that are none any more
    :param settled: people, until when their days are decided, and when to look again
    """

    rows: list[tuple[Any, ...]]
    locked: list[tuple[Kept, Day, bool]]
    gone: list[int]
    settled: list[tuple[int, date, int | None]]


class Timeline:
    """The days of one person, one after the other."""

    def __init__(self, computation: Computation, person: Person) -> None:
        self.computation = computation
        self.person = person
        self.claim = computation.claims[person.id]
        self.marks = computation.marks.get(person.id, [])
        self._seconds = [mark[0] for mark in self.marks]
        self._known: dict[date, tuple[Shift, str, Bounds] | None] = {}
        self._edges: dict[date, int | None] = {}

    def kept(self, day: date) -> Kept | None:
        return self.computation.kept.get((self.person.id, day))

    def is_anew(self, day: date) -> bool:
        """Whether the rules of a day are looked up again."""
        return bool(self.claim.anew) and _within(day, self.claim.anew)

    def person_on(self, day: date) -> Person:
        """The person as on a day: one that exists is of where they were then."""
        person, kept = self.person, self.kept(day)
        if kept is None or self.is_anew(day):
            return person
        was = kept.level, kept.department_id, kept.location_id
        if was == (person.level, person.department_id, person.location_id):
            return person
        level, department_id, location_id = was
        return person._replace(
            level=level, department_id=department_id, location_id=location_id
        )

    def _rules(self, day: date) -> tuple[Shift, str, Bounds] | None:
        """The shift that counts on a day: a day that exists keeps its own."""
        if day not in self._known:
            computation, kept = self.computation, self.kept(day)
            if kept and not self.is_anew(day):
                shift, tz = computation.shifts.get(kept.shift_id), kept.tz
            else:
                shift = computation.shift_of(self.person, day)
                tz = (shift and shift.tz) or self.person.tz
            self._known[day] = shift and (
                shift,
                tz,
                computation.bounds_of(shift, tz, day),
            )
        return self._known[day]

    def _edge(self, day: date) -> int | None:
        """The minute with which a day begins for readings."""
        if day not in self._edges:
            before, after = self._rules(day - _DAY), self._rules(day)
            if after is None:
                self._edges[day] = before and before[2].closes
            elif before is None:
                self._edges[day] = after[2].opens
            else:
                opens, closes = after[2].opens, before[2].closes
                marks: Sequence[Any] = ()
                if opens < closes:
                    first = bisect_left(self._seconds, opens * 60)
                    last = bisect_left(self._seconds, closes * 60, first)
                    marks = [mark[:2] for mark in self.marks[first:last]]
                self._edges[day] = edge(before[2], after[2], marks)
        return self._edges[day]

    def window(self, day: date) -> Window | None:
        """A day, None if nobody said by which shift the person works on it."""
        rules = self._rules(day)
        if rules is None:
            return None
        return Window(*rules, self._edge(day), self._edge(day + _DAY))  # type: ignore[arg-type]

    def concerns(self, day: date, window: Window) -> bool:
        """Whether what is claimed is about a day, or may be."""
        if _within(day, self.claim.ranges):
            return True
        since = min(window.since, window.at.opens) * 60
        until = max(window.until, window.at.closes) * 60
        seconds = self.claim.seconds
        first = bisect_left(seconds, since)
        return first < len(seconds) and seconds[first] < until

    def marks_within(self, window: Window) -> list[Mark]:
        """The records of a day."""
        first = bisect_left(self._seconds, window.since * 60)
        return self.marks[first : bisect_left(self._seconds, window.until * 60, first)]


def _within(day: date, ranges: Iterable[tuple[date, date | None]]) -> bool:
    return any(
        since <= day and (until is None or day <= until) for since, until in ranges
    )


def _array(values: Iterable[Any], kind: str) -> str:
    """A PostgreSQL array literal, to be passed as one parameter."""
    if kind != "varchar":
        return "{" + ",".join(map(str, values)).replace("None", "NULL") + "}"
    quoted = _Quoted({None: "NULL"})
    return "{" + ",".join([quoted[value] for value in values]) + "}"


class _Quoted(dict[str | None, str]):
    """Words as they stand in an array literal; of those in a column few differ."""

    def __missing__(self, word: str) -> str:
        escaped = word.replace("\\", "\\\\").replace('"', '\\"')
        found = self[word] = f'"{escaped}"'
        return found


def _json_array(values: Iterable[Any]) -> list[str | None]:
    return [None if value is None else json.dumps(value) for value in values]


class Computation:
    """The days of some people, computed and written.

    :param env: of the transaction that has claimed the people
    :param overrides: what somebody decides of days at this moment, None to take back
        what somebody decided; as JSON has an :class:`.engine.day.Override`
    """

    def __init__(
        self,
        env: Environment,
        *,
        overrides: dict[tuple[int, date], dict[str, Any] | None] | None = None,
    ) -> None:
        self.env = env(su=True)  # a day is the same whoever asks for it
        self.overrides = overrides or {}
        self.kept: dict[tuple[int, date], Kept] = {}
        self.now = fields.Datetime.now()
        self.now_minute = to_minute(self.now)
        self._bounds: dict[tuple[int, str, date], Bounds] = {}
        self._today: dict[str, date] = {}

    # ------------------------------------------------------------------- run

    def run(self, claimed: Sequence[tuple[Any, ...]]) -> list[int]:
        """Compute what was claimed.

        :param claimed: rows of ``(person, second, date_from, date_to, is_anew)``
        :return: ids of the days that are new or have changed
        """
        claims: dict[int, Claim] = defaultdict(Claim)
        for person_id, second, date_from, date_to, is_anew in claimed:
            claim = claims[person_id]
            if second is not None:
                (claim.turns if is_anew else claim.seconds).append(second)
            elif date_from is not None and date_from <= _LAST_DAY:
                # Only so far are there a day before and a day after each.
                date_from = max(date_from, _FIRST_DAY)
                date_to = date_to and min(date_to, _LAST_DAY)
                claim.ranges.append((date_from, date_to))
                if is_anew:
                    claim.anew.append((date_from, date_to))
        for claim in claims.values():
            claim.seconds.sort()
        self.claims = claims
        self.people = self._find_people(list(claims))
        for person in self.people:
            self._begin_on_days(person, claims[person.id])
        self._leave_the_rest()
        self.assigned = self._find_assigned()
        self.shifts = self._find_shifts()
        self.targets = {
            person.id: self._candidates(person, claims[person.id])
            for person in self.people
        }
        self.kept = self._find_kept()
        self._add_later_days()
        self._add_days_around()
        self.marks = self._find_marks()
        self.leaves = self._find_leaves()
        self.holidays = self._find_holidays()
        self.complete: dict[int, Any] | None = None
        found = Found([], [], [], [])
        for person in self.people:
            self._compute_person(person, found)
        changed = self._write(found.rows)
        self._write_locked(found.locked)
        self._delete(found.gone)
        self._settle(found.settled)
        self.env["spp.attendance.live"]._announce("spp.attendance.day", changed)
        return changed

    # --------------------------------------------------------------- reading

    def _find_people(self, ids: list[int]) -> list[Person]:
        rows = self.env.execute_query(
            SQL(
                """
                SELECT s.id, s.company_id, s.department_id, s.location_id,
                       s.level_of_work,
                       COALESCE(l.tz, NULLIF(o.tz, ''), c.attendance_tz),
                       COALESCE(s.work_from, p.kept_from,
                                LEAST(s.create_date::date, p.settled_until + 1)),
                       CASE WHEN s.active THEN s.work_to
                            ELSE LEAST(s.work_to, p.settled_until) END,
                       d.parent_path, l.parent_path, p.settled_until, p.gaps
                  FROM spp_attendance_subscriber s
                  JOIN res_partner o ON o.id = s.partner_id
                  JOIN res_company c ON c.id = s.company_id
                  JOIN spp_attendance_day_person p ON p.subscriber_id = s.id
             LEFT JOIN spp_attendance_location l ON l.id = s.location_id
             LEFT JOIN spp_attendance_department d ON d.id = s.department_id
                 WHERE s.id = ANY(%s) AND s.level_of_work IS NOT NULL
              ORDER BY s.id
                """,
                ids,
            )
        )

        def nearest_first(path: str | None) -> list[int]:
            return [int(part) for part in reversed((path or "").split("/")) if part]

        return [
            Person(
                *row[:8],
                nearest_first(row[8]),
                nearest_first(row[9]),
                row[10],
                [
                    (date.fromisoformat(since), date.fromisoformat(until))
                    for since, until in row[11] or ()
                ],
            )
            for row in rows
        ]

    def _find_assigned(self) -> dict[tuple[str, int], list[Assigned]]:
        """What was said of shifts, the last first, by what it was said of."""
        found: dict[tuple[str, int], list[Assigned]] = defaultdict(list)
        for (
            person_id,
            department_id,
            location_id,
            company_id,
            day,
            shift_id,
        ) in self.env.execute_query(
            SQL(
                """
                    SELECT subscriber_id, department_id, location_id, company_id,
                           date_from, shift_id
                      FROM spp_attendance_shift_assignment
                     WHERE company_id = ANY(%s)
                       AND (subscriber_id IS NULL OR subscriber_id = ANY(%s))
                  ORDER BY date_from DESC, id DESC
                    """,
                list({person.company_id for person in self.people}),
                [person.id for person in self.people],
            )
        ):
            if person_id:
                key = ("person", person_id)
            elif department_id:
                key = ("department", department_id)
            elif location_id:
                key = ("location", location_id)
            else:
                key = ("company", company_id)
            found[key].append(Assigned(day, shift_id))
        return found

    def _find_shifts(self) -> dict[int, Shift]:
        companies = list({person.company_id for person in self.people})
        model = self.env["spp.attendance.shift"].with_context(active_test=False)
        shifts = model.search([("company_id", "in", companies)])
        patterns = shifts._patterns(shifts.calendar_id)
        return {
            shift.id: Shift(
                shift.id,
                shift._rules(),
                shift.tz or None,
                patterns[shift.calendar_id.id],
                round(shift.standard_hours * 60),
                shift.overtime_level == "all",
            )
            for shift in shifts
        }

    def _begin_on_days(self, person: Person, claim: Claim) -> None:
        """Make moments the days that they are on, where the person is."""
        for second in claim.turns:
            instant = datetime(1970, 1, 1) + timedelta(seconds=second)
            since = localtime.to_local(instant, person.tz).date()
            claim.ranges.append((since, None))
            claim.anew.append((since, None))

    def _leave_the_rest(self) -> None:
        """Cut ranges that are long, and leave what is beyond to another transaction."""
        rest: list[tuple[int, date, date | None, bool]] = []
        share = MOST_AT_ONCE // max(1, len(self.people))
        most = min(MOST_DAYS, max(_FEWEST_DAYS, share))
        for person in self.people:
            claim, today = self.claims[person.id], self.today(person)
            for ranges in (claim.ranges, claim.anew):
                for number, (since, until) in enumerate(ranges):
                    last = since + (most - 1) * _DAY
                    if (until or today) > last:
                        ranges[number] = since, last
                        is_anew = ranges is claim.anew
                        rest.append((person.id, last + _DAY, until, is_anew))
        queue = self.env["spp.attendance.day.queue"]
        queue._enqueue_ranges(rest)
        queue._enqueue_seconds(self._seconds_left(most))

    def _seconds_left(self, most: int) -> list[tuple[int, int]]:
        """Cut what came in of many days of one person: ``(person, second)``, one a day,
        of those that are for another transaction."""
        left = []
        for person in self.people:
            seconds = self.claims[person.id].seconds
            if len(seconds) <= most:
                continue
            days = sorted({second // _DAY_SECONDS for second in seconds})
            if len(days) > most:
                left += [(person.id, day * _DAY_SECONDS) for day in days[most:]]
                del seconds[bisect_left(seconds, days[most] * _DAY_SECONDS) :]
        return left

    def _candidates(self, person: Person, claim: Claim) -> set[date]:
        """The days that may be concerned."""
        found: set[date] = set()
        for second in claim.seconds:
            day = date.fromordinal(719_163 + second // _DAY_SECONDS)
            found.update(day + number * _DAY for number in (-2, -1, 0, 1))
        today = self.today(person)
        for since, until in claim.ranges:
            # What is to come has days only if they exist, such as leave.
            end = until or max(since, today)
            for number in range((end - since).days + 1):
                found.add(since + number * _DAY)
        return found

    def today(self, person: Person) -> date:
        """The date where somebody is."""
        found = self._today.get(person.tz)
        if found is None:
            local = localtime.to_local(self.now, person.tz)
            found = self._today[person.tz] = local.date()
        return found

    def _stretches(self, person: Person) -> list[tuple[date, date]]:
        """The days that may be concerned, as first and last days of stretches.

        Between stretches is more than a week, of which nothing need be read: what came
        in of long ago may be computed together with what is of today. From where all is
        concerned that exists on, it is one.
        """
        found: list[tuple[date, date]] = []
        ranges = self.claims[person.id].ranges
        all_from = min(
            (since for since, until in ranges if until is None), default=None
        )
        first = last = None
        for day in sorted(self.targets[person.id]):
            if first is None:
                first = day
            elif day - last > 7 * _DAY and (all_from is None or day <= all_from):  # type: ignore[operator]
                found.append((first, last))  # type: ignore[arg-type]
                first = day
            last = day
        if first is not None:
            found.append((first, last))  # type: ignore[arg-type]
        return found

    def _find_kept(self) -> dict[tuple[int, date], Kept]:
        """Days that exist, and two days around them: their neighbours may change."""
        spans: list[tuple[int, date, date | None]] = []
        for person in self.people:
            stretches = self._stretches(person)
            spans += [
                (person.id, first - 2 * _DAY, last + 2 * _DAY)
                for first, last in stretches
            ]
            ranges = self.claims[person.id].ranges
            if stretches and any(until is None for _since, until in ranges):
                spans[-1] = *spans[-1][:2], None
        rows = self.env.execute_query(
            SQL(
                """
                SELECT d.subscriber_id, d.date, d.id, d.shift_id, d.tz, d.day_type,
                       d.is_locked, d.override,
                       CASE WHEN d.is_locked THEN to_jsonb(d) END, d.is_closed,
                       d.level_of_work, d.department_id, d.location_id
                  FROM unnest(%s::int4[], %s::date[], %s::date[]) AS span (
                           person, since, until)
                  JOIN spp_attendance_day d
                    ON d.subscriber_id = span.person AND d.date >= span.since
                   AND (span.until IS NULL OR d.date <= span.until)
                """,
                *(list(column) for column in zip(*spans, strict=True)),
            )
            if spans
            else SQL("SELECT WHERE FALSE")
        )
        return {(row[0], row[1]): Kept(*row[2:]) for row in rows}

    def _add_later_days(self) -> None:
        """To what reaches up to today belongs what exists beyond, such as leave."""
        for (person_id, day), _kept in self.kept.items():
            ranges = self.claims[person_id].ranges
            if any(until is None and since <= day for since, until in ranges):
                self.targets[person_id].add(day)

    def _add_days_around(self) -> None:
        """Where a day begins by other rules, the one before ends, and so on."""
        for person in self.people:
            claim, targets = self.claims[person.id], self.targets[person.id]
            around = {since - _DAY for since, _until in claim.anew}
            around.update(until + _DAY for _since, until in claim.anew if until)
            for day in around:
                if (person.id, day) in self.kept and not _within(day, claim.ranges):
                    claim.ranges.append((day, day))
                    targets.add(day)

    def _find_marks(self) -> dict[int, list[Mark]]:
        """The records of people within the windows of their days, in order of time."""
        spans = []
        for person in self.people:
            for lower, upper in self._stretches(person):
                spans.append(
                    (
                        person.id,
                        datetime(lower.year, lower.month, lower.day) - 2 * _DAY,
                        datetime(upper.year, upper.month, upper.day) + 4 * _DAY,
                    )
                )
        found: dict[int, list[Mark]] = defaultdict(list)
        if not spans:
            return found
        self.env.cr.execute(
            SQL(
                """
                SELECT r.subscriber_id, extract(epoch FROM r.date_time)::int8,
                       r.scan_type, r.category = 'absent'
                  FROM unnest(%s::int4[], %s::timestamp[], %s::timestamp[]) AS span (
                           person, since, until)
                  JOIN spp_attendance_record r
                    ON r.subscriber_id = span.person AND r.active
                   AND r.date_time >= span.since AND r.date_time < span.until
              ORDER BY r.subscriber_id, r.date_time
                """,
                *(list(column) for column in zip(*spans, strict=True)),
            )
        )
        for person_id, second, scan_type, is_absent in self.env.cr.fetchall():
            found[person_id].append((second, scan_type, is_absent))  # type: ignore[arg-type]
        return found

    def _span(self) -> tuple[date, date] | None:
        days = [day for found in self.targets.values() for day in found]
        return (min(days), max(days)) if days else None

    def _find_leaves(self) -> dict[tuple[int, date], list[Leave]]:
        span = self._span()
        people = [person.id for person in self.people]
        return self.env["spp.attendance.day"]._leaves(people, *span) if span else {}

    def _find_holidays(self) -> dict[tuple[int, int | None, date], str]:
        span = self._span()
        places = {(person.company_id, person.location_id) for person in self.people}
        company_of = {person.id: person.company_id for person in self.people}
        places.update(
            (company_of[person_id], kept.location_id)
            for (person_id, _day), kept in self.kept.items()
        )
        return self.env["spp.attendance.day"]._holidays(places, *span) if span else {}

    # ------------------------------------------------------------- resolving

    def shift_of(self, person: Person, day: date) -> Shift | None:
        """By which shift somebody works on a date, after what is said now."""
        for key in (
            ("person", person.id),
            *(("department", number) for number in person.departments),
            *(("location", number) for number in person.locations),
            ("company", person.company_id),
        ):
            for assigned in self.assigned.get(key, ()):
                if assigned.date_from <= day:
                    if assigned.shift_id:
                        return self.shifts[assigned.shift_id]
                    break
        return None

    def bounds_of(self, shift: Shift, tz: str, day: date) -> Bounds:
        key = shift.id, tz, day
        found = self._bounds.get(key)
        if found is None:
            found = self._bounds[key] = bounds(shift.rules, day, tz)
        return found

    def _is_complete(self, person: Person, edge_minute: int) -> tuple[bool, bool]:
        """Whether all is known that happened before, and whether that is doubtful."""
        if self.now_minute < edge_minute:
            return False, False
        if person.location_id is None:
            return True, False
        if self.complete is None:
            where = {person.location_id for person in self.people}
            where.update(kept.location_id for kept in self.kept.values())
            places = self.env["spp.attendance.location"].browse(filter(None, where))
            self.complete = {
                place_id: (
                    to_minute(min(known.until, self.now)),
                    known.doubtful_from and to_minute(known.doubtful_from),
                )
                for place_id, known in places._complete_until().items()
            }
        until, doubtful_from = self.complete[person.location_id]
        is_doubtful = doubtful_from is not None and doubtful_from < edge_minute
        return until >= edge_minute, is_doubtful

    # ------------------------------------------------------------- computing

    def _compute_person(self, person: Person, found: Found) -> None:
        """Compute what is claimed of a person."""
        timeline = Timeline(self, person)
        today = self.today(person)
        closed: dict[date, bool] = {}
        for day in sorted(self.targets[person.id]):
            window = timeline.window(day)
            if window is None or not timeline.concerns(day, window):
                continue
            is_closed, is_doubtful = self._is_complete(
                timeline.person_on(day), window.until
            )
            kept = timeline.kept(day)
            if kept and kept.is_closed and window.until <= self.now_minute:
                is_closed = True  # what was decided is so, whoever falls silent later
            closed[day] = is_closed
            self._compute_one(
                timeline, day, window, today, is_closed, is_doubtful, found
            )
        self._note_settled(timeline, closed, found)

    def _compute_one(
        self,
        timeline: Timeline,
        day: date,
        window: Window,
        today: date,
        is_closed: bool,
        is_doubtful: bool,
        found: Found,
    ) -> None:
        """Compute one day; what becomes of it goes into ``found``."""
        person, kept = timeline.person_on(day), timeline.kept(day)
        own = timeline.marks_within(window)
        opens, closes = window.at.opens * 60, window.at.closes * 60
        inside = own
        if own and not (opens <= own[0][0] and own[-1][0] < closes):
            inside = [mark for mark in own if opens <= mark[0] < closes]
        leaves = self.leaves.get((person.id, day), ())
        override = kept.override if kept else None
        override = self.overrides.get((person.id, day), override)
        is_held = bool(own or leaves or override or (kept and kept.is_locked))
        is_enrolled = (person.work_from is None or person.work_from <= day) and (
            person.work_to is None or day <= person.work_to
        )
        if person.gaps and _within(day, person.gaps):
            is_enrolled = False  # nobody was absent while no days of them were kept
        if not is_held and (not is_enrolled or day > today):
            if kept:
                found.gone.append(kept.id)
            return
        shift = window.shift

        def computed(decided: Override | None = None) -> Day:
            return compute_day(
                inside,
                shift.rules,
                window.at,
                day_type=self._day_type(timeline, shift, day),
                leaves=leaves,
                override=decided,
                earns_overtime=shift.is_overtime_for_all or person.level == "worker",
                is_closed=is_closed,
            )

        plain = computed()
        if kept and kept.is_locked:
            found.locked.append((kept, plain, is_closed))
            return
        effective = computed(Override(**override)) if override else plain
        if effective.status is None and not own and not override:
            if kept:
                found.gone.append(kept.id)
            return
        found.rows.append(
            self._row(
                person,
                day,
                window,
                effective,
                plain if override else None,
                override,
                leaves,
                is_closed,
                is_doubtful and is_closed,
                len(own) - len(inside),
            )
        )

    def _day_type(self, timeline: Timeline, shift: Shift, day: date) -> DayType:
        person, kept = timeline.person_on(day), timeline.kept(day)
        if (person.company_id, person.location_id, day) in self.holidays:
            return "holiday"
        if kept and kept.day_type != "holiday" and not timeline.is_anew(day):
            return kept.day_type
        return "working" if shift.works_on(day) else "weekend"

    def _row(
        self,
        person: Person,
        day: date,
        window: Window,
        effective: Day,
        computed: Day | None,
        override: dict[str, Any] | None,
        leaves: Sequence[Leave],
        is_closed: bool,
        is_doubtful: bool,
        outside: int,
    ) -> tuple[Any, ...]:
        """Values of ``_COLUMNS``."""
        status = effective.status
        code = abbreviation = None
        if status == "leave" and leaves:
            code = leave_code(leaves[0].code)
            abbreviation = leaves[0].abbreviation
        elif status is not None:
            code, abbreviation = NAMES[status]
        expected = 0
        if effective.day_type == "working":
            expected = window.shift.standard * (WHOLE - effective.leave_hundredths)
            expected //= WHOLE
        return (
            person.id,
            person.company_id,
            person.department_id,
            person.location_id,
            person.level,
            day,
            window.shift.id,
            window.tz,
            window.since,
            window.until,
            status,
            code,
            abbreviation,
            effective.day_type,
            effective.leave,
            effective.leave_hundredths,
            expected,
            is_closed,
            is_doubtful,
            outside,
            effective.missing_in or effective.has_conflict or outside > 0,
            computed is not None and computed != effective,
            computed and _figures(computed),
            override or None,
            bool(override),
            *effective[4:],
        )

    def _note_settled(
        self, timeline: Timeline, closed: dict[date, bool], found: Found
    ) -> None:
        """Until when the days of a person are decided, and when to look again."""
        person = timeline.person
        if not timeline.claim.ranges:
            return
        day = person.settled_until
        # Not beyond the last day of work: that of somebody who is archived is this one.
        while closed.get(day + _DAY) and (
            person.work_to is None or day < person.work_to
        ):
            day += _DAY
        following = day + _DAY
        at = None
        if person.work_to is None or following <= person.work_to:
            window = timeline.window(following)
            if window is not None:
                edges = (window.since, window.until)
                at = next(
                    (minute for minute in edges if minute > self.now_minute),
                    self.now_minute + _LOOK_AGAIN,
                )
        found.settled.append((person.id, day, at))

    # --------------------------------------------------------------- writing

    def _write(self, rows: list[tuple[Any, ...]]) -> list[int]:
        """Write days, those that are as they were excepted; the ids of the others."""
        if not rows:
            return []
        columns = list(zip(*rows, strict=True))
        arrays, values = [], []
        for (name, kind), column in zip(_COLUMNS, columns, strict=True):
            if kind == "jsonb":
                arrays.append(SQL("%s::jsonb[]", _json_array(column)))
                values.append(SQL("r.%s", SQL.identifier(name)))
            elif kind == "timestamp":
                arrays.append(SQL("%s::int8[]", _array(column, kind)))
                values.append(
                    SQL(
                        "to_timestamp(r.%s * 60) AT TIME ZONE 'UTC'",
                        SQL.identifier(name),
                    )
                )
            else:
                arrays.append(SQL(f"%s::{kind}[]", _array(column, kind)))  # pylint: disable=sql-injection
                values.append(SQL("r.%s", SQL.identifier(name)))
        names = [SQL.identifier(name) for name, _kind in _COLUMNS]
        changing = [
            SQL.identifier(name)
            for name, _kind in _COLUMNS
            if name not in ("subscriber_id", "date")
        ]
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO spp_attendance_day AS d (
                    create_uid, create_date, write_uid, write_date, %(names)s)
                SELECT 1, %(now)s, 1, %(now)s, %(values)s
                  FROM unnest(%(arrays)s) AS r(%(names)s)
              ORDER BY r.subscriber_id, r.date
           ON CONFLICT (subscriber_id, date) DO UPDATE
                   SET write_uid = 1, write_date = EXCLUDED.write_date, %(set)s
                 WHERE (%(old)s) IS DISTINCT FROM (%(new)s)
             RETURNING d.id
                """,
                now=self.now,
                names=SQL(", ").join(names),
                values=SQL(", ").join(values),
                arrays=SQL(", ").join(arrays),
                set=SQL(", ").join(
                    SQL("%s = EXCLUDED.%s", name, name) for name in changing
                ),
                old=SQL(", ").join(SQL("d.%s", name) for name in changing),
                new=SQL(", ").join(SQL("EXCLUDED.%s", name) for name in changing),
            ),
            log_exceptions=False,
        )
        self.env["spp.attendance.day"].invalidate_model(flush=False)
        return [row_id for (row_id,) in self.env.cr.fetchall()]

    def _write_locked(self, locked: list[tuple[Kept, Day, bool]]) -> None:
        """Keep beside days that must not change what they would be now."""
        if not locked:
            return
        rows = []
        for kept, day, is_closed in locked:
            figures = _figures(day)
            stored = kept.figures or {}
            differs = any(stored.get(name) != value for name, value in figures.items())
            rows.append((kept.id, differs, json.dumps(figures), is_closed))
        ids, differs, figures, closed = zip(*rows, strict=True)
        self.env.cr.execute(
            SQL(
                """
                UPDATE spp_attendance_day d
                   SET differs = r.differs, computed = r.computed,
                       is_closed = r.is_closed, write_date = %(now)s
                  FROM unnest(%(ids)s::int4[], %(differs)s::bool[],
                              %(computed)s::jsonb[], %(closed)s::bool[])
                           AS r(id, differs, computed, is_closed)
                 WHERE d.id = r.id
                   AND (d.differs, d.computed, d.is_closed)
                       IS DISTINCT FROM (r.differs, r.computed, r.is_closed)
                """,
                now=self.now,
                ids=list(ids),
                differs=list(differs),
                computed=list(figures),
                closed=list(closed),
            ),
            log_exceptions=False,
        )

    def _delete(self, gone: list[int]) -> None:
        if gone:
            self.env.cr.execute(
                "DELETE FROM spp_attendance_day WHERE id = ANY(%s)", [gone]
            )

    def _settle(self, settled: list[tuple[int, date, int | None]]) -> None:
        if not settled:
            return
        people, days, instants = zip(*settled, strict=True)
        self.env.cr.execute(
            SQL(
                """
                UPDATE spp_attendance_day_person p
                   SET settled_until = r.settled_until,
                       settle_at = to_timestamp(r.at * 60) AT TIME ZONE 'UTC'
                  FROM unnest(%s::int4[], %s::date[], %s::int8[])
                           AS r(person, settled_until, at)
                 WHERE p.subscriber_id = r.person
                """,
                list(people),
                list(days),
                list(instants),
            ),
            log_exceptions=False,
        )


def window_of(env: Environment, person_id: int, day: date) -> Window | None:
    """The window of somebody's day, whether it exists or not.

    None if no days of the person are kept, or nobody said by which shift they work.
    """
    computation = Computation(env)
    claim = Claim()
    claim.ranges.append((day, day))
    computation.claims = {person_id: claim}
    computation.people = computation._find_people([person_id])
    if not computation.people:
        return None
    computation.assigned = computation._find_assigned()
    computation.shifts = computation._find_shifts()
    computation.targets = {person_id: {day}}
    computation.kept = computation._find_kept()
    computation.marks = computation._find_marks()
    return Timeline(computation, computation.people[0]).window(day)


def _figures(day: Day) -> dict[str, Any]:
    """What a day was computed as, by column, as JSON has it."""
    found: dict[str, Any] = {"status": day.status}
    for (name, kind), value in zip(_FIGURES, day[4:], strict=True):
        if kind == "timestamp" and value is not None:
            value = (datetime(1970, 1, 1) + timedelta(minutes=value)).isoformat()
        found[name] = value
    return found


#: What is written of a day: columns and their types.
_COLUMNS = (
    ("subscriber_id", "int4"),
    ("company_id", "int4"),
    ("department_id", "int4"),
    ("location_id", "int4"),
    ("level_of_work", "varchar"),
    ("date", "date"),
    ("shift_id", "int4"),
    ("tz", "varchar"),
    ("window_from", "timestamp"),
    ("window_until", "timestamp"),
    ("status", "varchar"),
    ("status_code", "varchar"),
    ("abbreviation", "varchar"),
    ("day_type", "varchar"),
    ("leave_code", "varchar"),
    ("leave_hundredths", "int4"),
    ("expected_minutes", "int4"),
    ("is_closed", "bool"),
    ("is_doubtful", "bool"),
    ("outside_count", "int4"),
    ("needs_review", "bool"),
    ("differs", "bool"),
    ("computed", "jsonb"),
    ("override", "jsonb"),
    ("is_edited", "bool"),
    *_FIGURES,
)
