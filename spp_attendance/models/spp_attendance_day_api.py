from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.fields import Domain
from odoo.tools import SQL

from odoo.addons.spp_oauth.api import ApiResult, BadRequest, Conflict, Cursor

from ..api.days import (
    DECIDED,
    DayOut,
    DayPage,
    DepartmentStatisticsOut,
    RecomputeOut,
    ScanOut,
    StatisticsOut,
    SummaryList,
    SummaryOut,
    TimesheetDayOut,
    TimesheetOut,
    TimesheetPage,
)
from ..decisions import FLAGS
from ..engine import localtime
from ..engine.day import readings
from ..engine.hours import to_hours
from ..engine.shift_rules import bounds
from ..engine.statuses import NAMES, PRESENT
from ..live import Item

_BASE = "/api/attendance/daily-attendance"
_EPOCH = datetime(1970, 1, 1)

_LEVELS = {"worker": "Worker", "staff": "Staff"}
#: As front ends call what a reading is: somebody goes in to a break, and out of it.
_SCANS = {
    "in": "IN",
    "out": "OUT",
    "break_start": "BREAK_IN",
    "break_end": "BREAK_OUT",
    "overtime_in": "OVERTIME_IN",
    "overtime_out": "OVERTIME_OUT",
}
#: What can be decided; leave is asked for.
_STATUSES = {name.code: status for status, name in NAMES.items() if status != "leave"}
#: Of a body, what a decision calls it.
_TIMES = {"first_check_in": "check_in", "last_check_out": "check_out"}
_HOURS = {
    "total_working_hours": "net_minutes",
    "working_hours": "working_minutes",
    "overtime_hours": "overtime_minutes",
    "extra_overtime_hours": "extra_overtime_minutes",
}
_REASON = "Entered through the API."


class _Head(NamedTuple):
    """Who somebody is, above a day or a month."""

    id: int
    employee_id: str
    employee_name: str
    department: str | None
    designation: str | None
    level_of_work: str | None

    def values(self):
        """As the summary and the timesheet have it."""
        return {
            "employee_id": self.employee_id,
            "employee_name": self.employee_name or "",
            "department": self.department or None,
            "designation": self.designation or None,
            "level_of_work": _LEVELS.get(self.level_of_work),
        }


class _Row(NamedTuple):
    """A day as it is told, durations in minutes; instants are naive UTC."""

    id: int
    subscriber_id: int
    date: date
    tz: str
    shift_id: int
    status_code: str | None
    first_check_in: datetime | None
    last_check_out: datetime | None
    working_minutes: int
    overtime_minutes: int
    extra_overtime_minutes: int
    scan_count: int

    def clock(self, instant):
        """``HH:MM`` by the clock of the day's zone."""
        return instant and _clock(instant, self.tz)


@lru_cache(maxsize=65_536)  # many come at the same minute
def _clock(instant, tz):
    return f"{localtime.to_local(instant, tz):%H:%M}"


class SppAttendanceDayApi(models.Model):
    """What the native API and the live feed do with days.

    The number of statements depends on neither people nor days.
    """

    _name = "spp.attendance.day"
    _inherit = ["spp.attendance.day", "spp.attendance.api.mixin"]

    _API_PATH = "daily-attendance"
    _API_PAGE = DayPage
    _API_FIELDS = (
        "subscriber_id",
        "department_id",
        "location_id",
        "level_of_work",
        "date",
        "tz",
        "shift_id",
        "status_code",
        "day_type",
        "leave_code",
        "first_check_in",
        "last_check_out",
        "net_minutes",
        "working_minutes",
        "expected_minutes",
        "overtime_minutes",
        "extra_overtime_minutes",
        "snacks_eligible",
        "night_bill_eligible",
        "late_minutes",
        "early_exit_minutes",
        "scan_count",
        "missing_in",
        "missing_out",
        "needs_review",
        "is_closed",
        "is_locked",
        "is_edited",
        "edited_by",
        "edited_at",
        "differs",
        "override",
        "computed",
        "notes",
        "create_date",
        "write_date",
    )
    _API_SORTS = {"date": "date", "updated_at": "write_date"}
    _API_INACTIVE = None

    # ------------------------------------------------------- one day, of all

    @api.model
    def _api_summary(self, query):
        """The day of all people that the user may see, ordered by identifier.

        :param api.days.SummaryQuery query: the day, and filters
        :rtype: SummaryList
        """
        heads = self._api_heads(query, query.date, query.date)
        rows = self._api_rows(
            Domain("subscriber_id", "in", list(heads)) & Domain("date", "=", query.date)
        )
        of = {row.subscriber_id: row for row in rows}
        scans = self._api_scans(rows)
        found = []
        for person_id, head in heads.items():
            row = of.get(person_id)
            found.append(
                self._api_summary_of(
                    head, query.date, row, scans.get(row.id, ()) if row else ()
                )
            )
        return SummaryList.model_construct(found)

    @api.model
    def _api_summary_of(self, head, day, row, scans):
        """Somebody's day, as the summary and the live feed tell it.

        :param row: None while nothing is known of the day
        :param scans: of ``_api_scans``
        :rtype: SummaryOut
        """
        return SummaryOut.model_construct(
            **head.values(),
            date=day.isoformat(),
            status=row and row.status_code,
            check_in=row and row.clock(row.first_check_in),
            check_out=row and row.clock(row.last_check_out),
            working_hours=to_hours(row.working_minutes if row else 0),
            overtime=to_hours(row.overtime_minutes if row else 0),
            extra_overtime=to_hours(row.extra_overtime_minutes if row else 0),
            attendance_count=row.scan_count if row else 0,
            scans=list(scans),
        )

    def _live_items(self, _what):
        """What the live feed tells of days, to whoever may read them."""
        rows = self._api_rows(Domain("id", "in", self.ids))
        heads = self._api_heads_of(
            Domain("id", "in", list({row.subscriber_id for row in rows}))
        )
        scans = self._api_scans(rows)
        items = []
        for row in rows:
            head = heads[row.subscriber_id]
            out = self._api_summary_of(head, row.date, row, scans.get(row.id, ()))
            about = {"employee_id": head.employee_id}
            items.append(
                Item(row.id, "attendance_updated", out.model_dump(mode="json"), about)
            )
        return items

    # --------------------------------------------------------------- a month

    @api.model
    def _api_timesheet(self, query):
        """A page of timesheets, ordered by identifier.

        :param api.days.TimesheetQuery query: the month, filters, page size, cursor
        :rtype: TimesheetPage
        """
        first = query.first_day
        last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        after = None
        if query.cursor:
            after = Cursor.decode(query.cursor, str, int)
        heads = self._api_heads(query, first, last, after, query.limit + 1)
        following = None
        if len(heads) > query.limit:
            heads.popitem()
            end = next(reversed(heads.values()))
            following = Cursor.encode(end.employee_id, end.id)
        of = defaultdict(dict)
        for row in self._api_rows(
            Domain("subscriber_id", "in", list(heads))
            & Domain("date", ">=", first)
            & Domain("date", "<=", last)
        ):
            of[row.subscriber_id][row.date] = row
        dates = [first + timedelta(days=number) for number in range(last.day)]
        return TimesheetPage.model_construct(
            items=[
                TimesheetOut.model_construct(
                    **head.values(),
                    days=[
                        self._api_timesheet_day(day, of[person_id].get(day))
                        for day in dates
                    ],
                )
                for person_id, head in heads.items()
            ],
            next=following,
        )

    @api.model
    def _api_timesheet_day(self, day, row):
        return TimesheetDayOut.model_construct(
            day=day.day,
            date=day.isoformat(),
            status=row and row.status_code,
            checkIn=row and row.clock(row.first_check_in),
            checkOut=row and row.clock(row.last_check_out),
            workingHours=to_hours(row.working_minutes if row else 0),
            overtime=to_hours(row.overtime_minutes if row else 0),
            extraOvertime=to_hours(row.extra_overtime_minutes if row else 0),
        )

    # --------------------------------------------------------------- reading

    @api.model
    def _api_people_domain(self, query, date_from, date_to):
        """Domain of people who fit all filters and work on some of the days, or of whom
        there is a day."""
        people = self.env["spp.attendance.subscriber"]
        works = (
            Domain("active", "=", True)
            & Domain("level_of_work", "!=", False)
            & (Domain("work_to", "=", False) | Domain("work_to", ">=", date_from))
            & (
                Domain("work_from", "<=", date_to)
                | Domain("work_from", "=", False)
                # As days are kept: since somebody was registered.
                & Domain("create_date", "<", date_to + timedelta(days=1))
            )
        )
        has_days = Domain.custom(
            to_sql=lambda _model, alias, _query: SQL(
                "EXISTS (SELECT FROM spp_attendance_day AS kept"
                " WHERE kept.subscriber_id = %s AND kept.date BETWEEN %s AND %s)",
                SQL.identifier(alias, "id"),
                date_from,
                date_to,
            )
        )
        domain = works | has_days
        if query.employee_id:
            named = people._api_identified(query.employee_id)
            domain &= Domain("id", "in", named)
        for name in ("department", "location"):
            if reference := getattr(query, name):
                units = self.env[f"spp.attendance.{name}"]
                ids = units._api_referred(reference, below=True)
                domain &= Domain(f"{name}_id", "in", ids)
        if query.level_of_work:
            domain &= Domain("level_of_work", "=", query.level_of_work)
        return domain

    @api.model
    def _api_heads(self, query, date_from, date_to, after=None, limit=None):
        """Who is on a list, by identifier.

        :param tuple after: identifier and id of who came last on the page before
        :return: ``{subscriber id: _Head}``, in order
        """
        domain = self._api_people_domain(query, date_from, date_to)
        if after:
            domain &= Domain.custom(
                to_sql=lambda model, alias, found: SQL(
                    "(%s, %s) > (%s, %s)",
                    model._field_to_sql(alias, "person_identifier", found),
                    SQL.identifier(alias, "id"),
                    *after,
                )
            )
        return self._api_heads_of(domain, limit)

    @api.model
    def _api_heads_of(self, domain, limit=None):
        people = self.env["spp.attendance.subscriber"].with_context(active_test=False)
        found = people._search(domain)
        if found.is_empty():
            return {}
        columns = self._api_head_columns(people, found)
        found.order = SQL("%s, %s", columns[1], columns[0])
        found.limit = limit
        rows = self.env.execute_query(found.select(*columns))
        return {row[0]: _Head(*row) for row in rows}

    @api.model
    def _api_head_columns(self, people, found):
        """SQL of what is in a ``_Head``."""
        alias = found.table
        units, unit = people._fields["department_id"].join(people, alias, found)
        return [
            SQL.identifier(alias, "id"),
            people._field_to_sql(alias, "person_identifier", found),
            people._field_to_sql(alias, "name", found),
            units._field_to_sql(unit, "name", found),
            people._field_to_sql(alias, "designation", found),
            people._field_to_sql(alias, "level_of_work", found),
        ]

    @api.model
    def _api_rows(self, domain):
        """Days that the user may read.

        :return: list of :class:`_Row`, by date
        """
        self.flush_model()
        found = self._search(domain, order="date, id")
        if found.is_empty():
            return []
        columns = [SQL.identifier(found.table, name) for name in _Row._fields]
        return [_Row(*row) for row in self.env.execute_query(found.select(*columns))]

    @api.model
    def _api_scans(self, rows):
        """The readings of days that the user may read.

        Who may see a day may see when somebody came and went on it, though not where,
        nor the record itself, which has rules of its own.

        :param list rows: of ``_api_rows``
        :return: ``{day id: list of ScanOut}``
        """
        if not rows:
            return {}
        self.env["spp.attendance.record"].flush_model(
            ["subscriber_id", "date_time", "scan_type", "category", "active"]
        )
        marks = defaultdict(list)
        for day_id, second, scan_type in self.env.execute_query(
            SQL(
                """
                SELECT d.id, extract(epoch FROM r.date_time)::int8, r.scan_type
                  FROM spp_attendance_day d
                  JOIN spp_attendance_record r
                    ON r.subscriber_id = d.subscriber_id AND r.active
                   AND r.category = 'present'
                   AND r.date_time >= d.window_from AND r.date_time < d.window_until
                 WHERE d.id = ANY(%s)
                """,
                [row.id for row in rows],
            )
        ):
            marks[day_id].append((second, scan_type, False))
        shifts = self.env["spp.attendance.shift"].browse(
            {row.shift_id for row in rows if row.id in marks}
        )
        rules = {shift.id: shift._rules() for shift in shifts}
        found = {}
        for row in rows:
            if own := marks.get(row.id):
                shift = rules[row.shift_id]
                counted = readings(own, shift, bounds(shift, row.date, row.tz))
                found[row.id] = [
                    ScanOut.model_construct(
                        time=row.clock(_EPOCH + timedelta(seconds=second)),
                        type=_SCANS[kind],
                    )
                    for second, kind in counted
                ]
        return found

    # ------------------------------------------------------------ statistics

    @api.model
    def _api_statistics(self, query):
        """Figures of a day or several, of people and days that the user may see.

        :param api.days.StatisticsQuery query: the days, and filters
        :rtype: StatisticsOut
        """
        until = (
            query.date
            or query.date_to
            or max(self._now_date(), query.date_from or date.min)
        )
        since = query.date or query.date_from or until
        if (until - since).days >= 400:
            raise BadRequest("That are too many days at once.")
        people = self.env["spp.attendance.subscriber"].with_context(active_test=False)
        who = people._search(self._api_people_domain(query, since, until))
        self.flush_model()
        days = self._search(Domain("date", ">=", since) & Domain("date", "<=", until))
        sums = defaultdict(lambda: defaultdict(int))
        working = set()
        if not who.is_empty():
            for unit, name, status, count, dates in self._api_count(people, who, days):
                sums[unit, name][status] += count
                if status in _COUNTED:
                    working.update(dates)
        departments = [
            DepartmentStatisticsOut.model_construct(
                name=name,
                total=found[_TOTAL],
                present=sum(found[status] for status in PRESENT),
                absent=found["absent"],
                leave=found["leave"],
            )
            for (_unit, name), found in sorted(
                sums.items(),
                key=lambda item: (item[0][1] is None, item[0][1], item[0][0]),
            )
        ]
        total, present, absent, leave = (
            sum(getattr(department, name) for department in departments)
            for name in ("total", "present", "absent", "leave")
        )
        expected = total * len(working)
        return StatisticsOut.model_construct(
            date_from=since.isoformat(),
            date_to=until.isoformat(),
            total_employees=total,
            present_today=present,
            absent_today=absent,
            leave_today=leave,
            late_today=sum(found["late"] for found in sums.values()),
            attendance_rate=round(100 * present / expected, 2) if expected else 0.0,
            department_stats=departments,
        )

    @api.model
    def _api_count(self, people, who, days):
        """By one statement, how many people and days there are.

        :return: rows of ``(department id, its name, status or _TOTAL, count, dates)``
        """
        units, unit = people._fields["department_id"].join(people, who.table, who)
        persons = who.select(
            SQL("%s AS person", SQL.identifier(who.table, "id")),
            SQL("%s AS unit", SQL.identifier(unit, "id")),
            SQL("%s AS name", units._field_to_sql(unit, "name", who)),
        )
        if days.is_empty():
            seen = SQL("SELECT 0 AS person, NULL::date AS date, '' AS status LIMIT 0")
        else:
            seen = days.select(
                SQL("%s AS person", SQL.identifier(days.table, "subscriber_id")),
                SQL.identifier(days.table, "date"),
                SQL.identifier(days.table, "status"),
            )
        return self.env.execute_query(
            SQL(
                """
                WITH persons AS MATERIALIZED (%s), seen AS (%s)
                SELECT unit, name, %s, count(*), NULL::date[]
                  FROM persons GROUP BY unit, name
             UNION ALL
                SELECT unit, name, status, count(*), array_agg(DISTINCT date)
                  FROM seen JOIN persons USING (person)
                 WHERE status IS NOT NULL
              GROUP BY unit, name, status
                """,
                persons,
                seen,
                _TOTAL,
            )
        )

    # ------------------------------------------------------------------ days

    @api.model
    def _api_domain(self, query):
        domain = Domain.TRUE
        people = self.env["spp.attendance.subscriber"]
        for identifiers in (query.employee_id, query.employee):
            if identifiers:
                ids = people._api_identified(identifiers)
                domain &= Domain("subscriber_id", "in", ids)
        for name, operator, value in (
            ("date", "=", query.date),
            ("date", ">=", query.date_from),
            ("date", "<=", query.date_to),
            ("status_code", "in", query.status),
            ("level_of_work", "=", query.level_of_work),
        ):
            if value:
                domain &= Domain(name, operator, value)
        for name in ("department", "location"):
            if reference := getattr(query, name):
                units = self.env[f"spp.attendance.{name}"]
                ids = units._api_referred(reference, below=True)
                domain &= Domain(f"{name}_id", "in", ids)
        for name in (
            "snacks_eligible",
            "night_bill_eligible",
            "needs_review",
            "is_edited",
            "is_locked",
        ):
            if (value := getattr(query, name)) is not None:
                domain &= Domain(name, "=", value)
        return domain

    def _api_read(self):
        """Days as ``DayOut``."""
        self.subscriber_id.fetch(["person_identifier", "name"])
        self.department_id.fetch(["code", "name"])
        # The home of somebody whose days one sees, though all else of it is hidden.
        places_sudo = self.location_id.sudo()
        places_sudo.fetch(["code", "name"])
        self.shift_id.fetch(["name"])
        # Who decided of a day is part of it; of other users nothing is told.
        deciders_sudo = self.edited_by.sudo()
        return [
            DayOut.model_construct(
                id=day.id,
                employee=day.subscriber_id.person_identifier,
                employee_name=day.subscriber_id.name or "",
                department=day.department_id._api_as_reference(),
                location=places_sudo.browse(day.location_id.id)._api_as_reference(),
                level_of_work=day.level_of_work or None,
                date=day.date.isoformat(),
                tz=day.tz,
                status=day.status_code or None,
                day_type=day.day_type,
                leave=day.leave_code or None,
                first_check_in=day._api_moment(day.first_check_in),
                last_check_out=day._api_moment(day.last_check_out),
                total_working_hours=to_hours(day.net_minutes),
                working_hours=to_hours(day.working_minutes),
                expected_hours=to_hours(day.expected_minutes),
                overtime_hours=to_hours(day.overtime_minutes),
                extra_overtime_hours=to_hours(day.extra_overtime_minutes),
                snacks_eligible=day.snacks_eligible,
                night_bill_eligible=day.night_bill_eligible,
                late_minutes=day.late_minutes,
                early_exit_minutes=day.early_exit_minutes,
                attendance_count=day.scan_count,
                missing_in=day.missing_in,
                missing_out=day.missing_out,
                needs_review=day.needs_review,
                is_closed=day.is_closed,
                is_locked=day.is_locked,
                is_edited=day.is_edited,
                edited_by=deciders_sudo.browse(day.edited_by.id).name or None,
                edited_at=self._api_instant(day.edited_at) if day.edited_at else None,
                differs=day.differs,
                shift=day.shift_id.name,
                notes=day.notes or None,
                created_at=self._api_instant(day.create_date),
                updated_at=self._api_instant(day.write_date),
            )
            for day in self
        ]

    def _api_moment(self, instant):
        return localtime.offset_iso(instant, self.tz) if instant else None

    # ------------------------------------------------------------- decisions

    @api.model
    def _api_add(self, body):
        """Decide a day of which nothing is known.

        :param api.days.DayIn body: whose and which day, and what it is
        :return: it, with status 201 and its address
        :raises Conflict: when there is one of this person and date
        """
        person = self._api_person(body.employee)
        self._check_may_decide(person)
        # Whether there is one, nobody may be misled about.
        day_sudo = self.sudo().search(
            [("subscriber_id", "=", person.id), ("date", "=", body.date)]
        )
        if day_sudo:
            raise Conflict(
                f"There is a day of this person and date already: {day_sudo.id}."
            )
        values = self._api_decision(body, DECIDED)
        day = self._decide(person, body.date, values, body.reason or _REASON)
        return ApiResult(
            day._api_read()[0], status=201, headers={"Location": f"{_BASE}/{day.id}"}
        )

    @api.model
    def _api_person(self, identifier):
        people = self.env["spp.attendance.subscriber"]
        found = people.browse(people._api_identified([identifier]))
        found = found.filtered(lambda person: person.company_id == self.env.company)
        if len(found) != 1:
            self._api_refuse("employee", "Nobody is known by this identifier.")
        return found

    @api.model
    def _api_put(self, day_id, body):
        """Decide a day: all that is decided of it, and nothing of before.

        :param api.days.DayPut body: what the day is; what is just as it is by the
            records is not decided, nor what follows from what was decided of it
        """
        day = self._api_decidable(day_id)
        person = day.subscriber_id
        if body.employee not in (None, person.person_identifier) and (
            person._api_identified([body.employee]) != person.ids
        ):
            self._api_refuse("employee", "Whose day it is can't be changed.")
        if body.date not in (None, day.date):
            self._api_refuse("date", "Which day it is can't be changed.")
        if body.status not in (None, day.status_code, *_STATUSES):
            self._api_refuse("status", "This can't be decided of a day.")
        plain, shown = day._api_plain(), day._api_shown()
        decided = day._decided_values()
        given = self._api_decision(body, DECIDED, plain)
        values = {
            name: value
            for name, value in given.items()
            if not day._api_is_plain(name, value, plain)
            and (name in decided or not day._api_is_plain(name, value, shown))
        }
        if decided.get("is_forgiven") and given.get("status") == day.status:
            values["is_forgiven"] = True  # which is why it is so
        return day._api_settle(values, body.reason)

    @api.model
    def _api_patch(self, reference, body):
        """Decide something of a day, beside what is decided of it."""
        day = self._api_decidable(reference)
        given = self._api_decision(body, body.model_fields_set & DECIDED)
        for name in body.model_fields_set & DECIDED:
            if getattr(body, name) is None:
                given[_TIMES.get(name) or _HOURS.get(name) or name] = None
        values = {**day._decided_values(), **given}
        if set(body.model_fields_set) <= {"notes", "reason"}:
            values = {}
            if "notes" not in body.model_fields_set:
                return day._api_read()[0]
        if "notes" in body.model_fields_set:
            values["notes"] = body.notes or False
        kept = {
            name: value
            for name, value in values.items()
            if value is not None or name in ("check_in", "check_out")
        }
        return day._api_settle(kept, body.reason)

    @api.model
    def _api_take_back(self, day_id, query):
        """Take back what was decided of a day, and compute it again.

        Nothing is lost: records stay, and the day is what it is by them.

        :return: the day; nothing (204) when nothing is known of it any more
        """
        day = self._api_decidable(day_id)
        if day.override:
            return day._api_settle({}, query.reason)
        self.env["spp.attendance.day.queue"]._compute_now(
            day.subscriber_id.ids, day.date, day.date
        )
        return day._api_result()

    @api.model
    def _api_decidable(self, day_id):
        """
        :raises NotFound: when the user may not see a day
        :raises AccessError: when he may not decide it
        :raises Conflict: when it is locked
        """
        day = self._api_find(day_id)
        self._check_may_decide(day.subscriber_id)
        if day.is_locked:
            raise Conflict("The day is locked.")
        return day

    def _api_settle(self, values, reason):
        """Decide this day, if there is anything to be decided or taken back.

        :return: as ``_api_result``
        """
        if not values and not self.override:
            return self._api_read()[0]
        self._decide(self.subscriber_id, self.date, values, reason or _REASON)
        return self._api_result()

    def _api_result(self):
        """This day as it is now; 204 if there is none any more."""
        self.invalidate_recordset()
        day = self.exists()
        return day._api_read()[0] if day else ApiResult(None, status=204)

    @api.model
    def _api_decision(self, body, names, plain=None):
        """What a body decides, as ``_decide`` takes it; what is null is left out."""
        values = {}
        for name in names:
            value = getattr(body, name)
            if value is None:
                continue
            if name == "status":
                value = _STATUSES.get(value, value)
            elif name in _TIMES:
                name, value = _TIMES[name], self._api_time(name, value)
            elif name in _HOURS:
                name, value = _HOURS[name], round(value * 60)
            values[name] = value
        if getattr(body, "notes", None) is not None:
            values["notes"] = body.notes
        if plain is not None:
            # Null, in the place of a time that was read, says that there is none.
            for name, theirs in _TIMES.items():
                if name in body.model_fields_set and getattr(body, name) is None:
                    values[theirs] = None
        return values

    @api.model
    def _api_time(self, name, text):
        """An instant, or a time of day as it is written."""
        if len(text) == 5:
            return text
        try:
            return localtime.parse(text)
        except localtime.LocalTimeError as error:
            self._api_refuse(name, str(error))

    def _api_plain(self):
        """What this day is by the records, as ``_decide`` calls it.

        Beside them, ``status`` also by its code, for leave.
        """
        if not (self.override and self.computed):
            return self._api_shown()
        return self._api_with_times(self.computed)

    def _api_shown(self):
        """What this day is, whatever was decided, as ``_decide`` calls it."""
        names = ("status", *_TIMES, *_HOURS.values(), *FLAGS)
        return self._api_with_times({name: self[name] for name in names})

    @api.model
    def _api_with_times(self, figures):
        """Figures by column, with times by their names in ``_decide`` beside them."""
        found = dict(figures)
        for name, theirs in _TIMES.items():
            instant = figures.get(name)
            if isinstance(instant, str):
                instant = fields.Datetime.to_datetime(instant.replace("T", " "))
            found[theirs] = instant or None
        return found

    def _api_is_plain(self, name, value, plain):
        """Whether what is given is just what this day is by the records."""
        if name == "status" and value == self.status_code:
            return True  # a kind of leave, sent back as it was read
        if name not in ("check_in", "check_out"):
            return name in plain and (plain[name] or False) == (value or False)
        instant = plain[name]
        if value is None or instant is None:
            return value is instant
        local = localtime.to_local(instant, self.tz)
        if isinstance(value, str):
            return value == f"{local:%H:%M}"
        if value.tzinfo:
            value = localtime.to_local(
                value.astimezone(UTC).replace(tzinfo=None), self.tz
            )
        return value.replace(second=0) == local.replace(second=0)

    # ------------------------------------------------------------- recompute

    @api.model
    def _api_recompute(self, body):
        """Have days computed again, in the background.

        :param api.days.RecomputeIn body: which days, and whose
        :return: how many there are, with status 202
        :raises AccessError: when the user may not decide days
        """
        if not self._may_decide():
            raise AccessError(
                self.env._("Only users who may edit days can recompute them.")
            )
        people = self.env["spp.attendance.subscriber"].with_context(active_test=False)
        domain = Domain("level_of_work", "!=", False)
        if body.employees:
            domain &= Domain("id", "in", self._api_recomputed(body.employees))
        for name in ("department", "location"):
            if reference := getattr(body, name):
                units = self.env[f"spp.attendance.{name}"]
                found = units._api_refer(reference, name)
                domain &= Domain(f"{name}_id", "child_of", found)
        ids = list(people._search(domain).get_result_ids())
        self.env["spp.attendance.day.queue"]._enqueue_days(
            ids, body.date_from, body.date_to, is_anew=body.with_rules
        )
        days = (body.date_to - body.date_from).days + 1
        return ApiResult(
            RecomputeOut.model_construct(people=len(ids), days=len(ids) * days),
            status=202,
        )

    @api.model
    def _api_recomputed(self, identifiers):
        """Ids of people, all of whom must be known, archived ones too.

        :raises Unprocessable: when somebody isn't
        """
        people = self.env["spp.attendance.subscriber"].with_context(active_test=False)
        known = set()
        for _id, identifier, former in people._find_people(identifiers):
            known.update((identifier, *former))
        unknown = [name for name in dict.fromkeys(identifiers) if name not in known]
        if unknown:
            named = ", ".join(unknown[:5]) + (", …" if unknown[5:] else "")
            self._api_refuse("employees", f"Nobody is known by: {named}.")
        return people._api_identified(identifiers)


#: Beside statuses: people, whatever their day is.
_TOTAL = "total"
#: Of a day on which anybody was expected, or came.
_COUNTED = PRESENT | {"absent", "leave"}
