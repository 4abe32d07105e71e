import re
from datetime import date, datetime, timedelta
from functools import partial
from typing import NamedTuple

from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.tools import SQL

from .. import timesheet_file
from ..engine import localtime
from ..rpc_args import need_date, read_id
from ..timesheet import FLAGS, STATUS_KEYS, Cell, Person, plain
from ..workbook import CONTENT_TYPE

#: Clocks are set forward and back at full quarters of an hour.
_QUARTER = 15


def _text(_env, value):
    return str(value)


#: By which a screen can ask for less.
_FILTERS = {
    "department_id": read_id,
    "location_id": read_id,
    "shift_id": read_id,
    "level": _text,
    "search": _text,
}
_MONTH = re.compile(r"(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])")
_DURATIONS = (
    "working_minutes",
    "net_minutes",
    "break_minutes",
    "overtime_minutes",
    "extra_overtime_minutes",
    "late_minutes",
    "early_exit_minutes",
    "expected_minutes",
)
#: People; more would keep the program that makes the PDF busy for minutes.
MAX_PRINTED = 1000


class TimesheetDay(NamedTuple):
    """A day as timesheets show it; instants in naive UTC, durations in minutes."""

    id: int
    subscriber_id: int
    date: object
    tz: str
    status: str | None
    status_code: str | None
    abbreviation: str | None
    day_type: str
    leave_code: str | None
    leave_hundredths: int
    first_check_in: object
    last_check_out: object
    working_minutes: int
    net_minutes: int
    overtime_minutes: int
    extra_overtime_minutes: int
    expected_minutes: int
    late_minutes: int
    early_exit_minutes: int
    snacks_eligible: bool
    night_bill_eligible: bool
    scan_count: int
    missing_in: bool
    missing_out: bool
    needs_review: bool
    is_locked: bool
    is_edited: bool
    differs: bool


def _clock(instant, on, tz):
    """A time of day in a zone, and by how many days it is off a date."""
    local = localtime.to_local(instant, tz)
    days = (local.date() - on).days
    return local.strftime("%H:%M") + (f"{days:+}" if days else "")


def _offset(tz, first, day, minute):
    """What a clock is ahead of UTC, in minutes.

    :param date first: of a month
    :param int day: of that month
    :param int minute: of UTC, after the midnight of that day
    """
    start = datetime(first.year, first.month, day)
    instant = start + timedelta(minutes=minute)
    ahead = localtime.to_local(instant, tz) - instant
    return round(ahead.total_seconds() / 60)


class SppAttendanceTimesheet(models.AbstractModel):
    """Days of many people at once, read past the ORM but by its rules."""

    _name = "spp.attendance.timesheet"
    _description = "Timesheet"

    # ------------------------------------------------------------------- days

    @api.model
    def _days(self, people, date_from, date_to):
        """The days of people that the user may read, by one statement.

        :param list people: ids of subscribers
        :param date date_from: the first day
        :param date date_to: the last day
        :return: ``{subscriber id: {date: TimesheetDay}}``, with an entry for each of
            ``people``
        """
        query = self._days_query(people, date_from, date_to)
        names = [SQL.identifier(query.table, name) for name in TimesheetDay._fields]
        found = {person: {} for person in people}
        for row in self.env.execute_query(query.select(*names)):
            day = TimesheetDay(*row)
            found[day.subscriber_id][day.date] = day
        return found

    @api.model
    def _days_query(self, people, date_from, date_to):
        days = self.env["spp.attendance.day"]
        days.flush_model()
        return days._search(
            Domain("subscriber_id", "in", list(people))
            & Domain("date", ">=", date_from)
            & Domain("date", "<=", date_to),
            order="id",
        )

    @api.model
    def _cells(self, people, date_from, date_to):
        """As ``_days``, for a month at most, and only what a grid shows of them.

        By one statement that makes one row a person: a month of thousands of people
        is read in a moment.

        :return: ``{subscriber id: list of Cell}``, by date
        """
        query = self._days_query(people, date_from, date_to)
        flags = SQL(" | ").join(
            SQL(
                "CASE WHEN %s THEN %s ELSE 0 END",
                SQL.identifier(query.table, name),
                1 << bit,
            )
            for bit, name in enumerate(FLAGS)
        )
        day = SQL.identifier(query.table)
        rows = query.select(
            SQL("%s.subscriber_id", day),
            SQL("%s.date", day),
            SQL("%s.tz", day),
            SQL(
                """
                json_build_array(
                    extract(day FROM %(day)s.date)::int, %(day)s.id,
                    array_position(%(statuses)s::varchar[], %(day)s.status) - 1,
                    %(day)s.abbreviation,
                    (extract(epoch FROM %(day)s.first_check_in - %(day)s.date)
                     / 60)::int,
                    (extract(epoch FROM %(day)s.last_check_out - %(day)s.date)
                     / 60)::int,
                    COALESCE(%(day)s.working_minutes, 0),
                    COALESCE(%(day)s.overtime_minutes, 0),
                    COALESCE(%(day)s.extra_overtime_minutes, 0),
                    COALESCE(%(day)s.late_minutes, 0),
                    COALESCE(%(day)s.early_exit_minutes, 0),
                    COALESCE(%(day)s.leave_hundredths, 0), %(flags)s) AS cell
                """,
                day=day,
                statuses=STATUS_KEYS,
                flags=flags,
            ),
        )
        found = {person: [] for person in people}
        for person, zones, cells in self.env.execute_query(
            SQL(
                """
                SELECT subscriber_id, array_agg(tz ORDER BY date),
                       json_agg(cell ORDER BY date)
                  FROM (%s) AS days GROUP BY subscriber_id
                """,
                rows,
            )
        ):
            found[person] = self._local_cells(cells, zones, date_from)
        return found

    @api.model
    def _local_cells(self, cells, zones, date_from):
        """Cells by the clocks of their days; they come with minutes of UTC.

        :param list cells: values of ``Cell``
        :param list zones: of each of them
        """
        found = []
        offsets = self.env.cr.cache.setdefault("spp_attendance.offsets", {})
        first = date_from.replace(day=1)
        for cell, tz in zip(cells, zones, strict=True):
            for place in (4, 5):
                if (minute := cell[place]) is not None:
                    key = tz, first, cell[0], minute // _QUARTER
                    if key not in offsets:
                        offsets[key] = _offset(tz, first, cell[0], minute)
                    cell[place] = minute + offsets[key]
            found.append(Cell(*cell))
        return found

    # ------------------------------------------------------------------ people

    @api.model
    def _people(self, date_from, date_to, **filters):
        """Whose days are kept in a period, by name, by one statement.

        Who works then, and whoever has days then though they left or were archived.

        :param filters: see ``_people_domain``; ``search``: part of a name or identifier
        :return: list of :class:`Person`
        """
        text = (filters.pop("search", None) or "").strip()
        model = self.env["spp.attendance.subscriber"].with_context(active_test=False)
        model.env.flush_all()
        query = model._search(self._people_domain(date_from, date_to, **filters))
        department = query.left_join(
            query.table,
            "department_id",
            self.env["spp.attendance.department"]._table,
            "id",
            "timesheet_department",
        )
        contact = query.join(
            query.table, "partner_id", self.env["res.partner"]._table, "id", "contact"
        )
        columns = [
            SQL.identifier(query.table, "id"),
            SQL("COALESCE(%s, '')", SQL.identifier(contact, "name")),
            SQL.identifier(query.table, "person_identifier"),
            SQL.identifier(query.table, "level_of_work"),
            SQL("COALESCE(%s, '')", SQL.identifier(department, "complete_name")),
            SQL.identifier(query.table, "work_from"),
            SQL.identifier(query.table, "work_to"),
        ]
        people = [
            Person(*row) for row in self.env.execute_query(query.select(*columns))
        ]
        if text:
            people = [person for person in people if person.is_like(text)]
        return sorted(people, key=lambda person: (plain(person.name), person.id))

    @api.model
    def _people_domain(
        self,
        date_from,
        date_to,
        department_id=None,
        location_id=None,
        level=None,
        shift_id=None,
        company_ids=None,
        person_ids=None,
    ):
        """Domain on subscribers, archived ones too, whose days are kept in a period.

        :param department_id: in it and in what is part of it, as it is now
        :param location_id: at home there and in what is part of it
        :param level: ``worker`` or ``staff``
        :param shift_id: who has a day by this shift in the period
        :param person_ids: those of them
        """
        model = self.env["spp.attendance.subscriber"]
        period = Domain("date", ">=", date_from) & Domain("date", "<=", date_to)
        days = self.env["spp.attendance.day"]
        works = (
            Domain("active", "=", True)
            & Domain("level_of_work", "!=", False)
            & (Domain("work_from", "=", False) | Domain("work_from", "<=", date_to))
            & (Domain("work_to", "=", False) | Domain("work_to", ">=", date_from))
        )
        if shift_id:
            period &= Domain("shift_id", "=", shift_id)
            works = Domain.FALSE
        of_days = days._search(period).subselect("subscriber_id")
        domain = works | Domain("id", "in", of_days)
        for field, ids in (
            ("department_id", department_id),
            ("location_id", location_id),
        ):
            if ids is not None:
                tree = self.env[model._fields[field].comodel_name]
                found = tree.browse(ids).exists()
                domain &= (
                    Domain(field, "child_of", found.ids) if found else Domain.FALSE
                )
        if level:
            domain &= Domain("level_of_work", "=", level)
        if company_ids:
            domain &= Domain("company_id", "in", company_ids)
        if person_ids is not None:
            domain &= Domain("id", "in", person_ids)
        return domain

    # ------------------------------------------------------------------ months

    @api.model
    def _month(self, month):
        """The first and the last day of a month.

        :param str month: ``2026-11``, or nothing for this one
        :raises UserError: it is none
        """
        if not month:
            first = self.env["spp.attendance.day"]._now_date().replace(day=1)
        elif _MONTH.fullmatch(str(month)):
            first = date.fromisoformat(f"{month}-01")
        else:
            raise UserError(
                self.env._(
                    "“%(month)s” is not a month. Write it as 2026-11.",
                    month=str(month)[:40],
                )
            )
        return first, first + relativedelta(months=1, days=-1)

    @api.model
    def _page(self, month=None, **filters):
        """The people of a month and their days.

        The number of statements depends on neither.

        :param filters: see ``_people``
        :return: ``(first day, last day, list of Person, {id: list of Cell})``
        """
        self.env["spp.attendance.day"].check_access("read")
        self.env["spp.attendance.subscriber"].check_access("read")
        first, last = self._month(month)
        people = self._people(first, last, **filters)
        cells = self._cells([person.id for person in people], first, last)
        return first, last, people, cells

    @api.model
    @api.readonly
    def get_month(self, month=None, filters=None):
        """A month of the people whom the user may see, for the grid.

        :param str month: ``2026-11``; without one it is this month
        :param dict filters: ``department_id``, ``location_id``, ``level``, ``shift_id``
        :return: dict of ``month``, ``today`` (ISO 8601), ``statuses`` (``[key, label]``
            each), ``flags`` (names of the bits), ``can_decide`` and ``people``:
            ``[id, name, identifier, level, department, first day, last day, cells]``,
            where the days are those between which somebody works, if they begin or end
            within the month, and cells are those of ``Cell``
        :raises AccessError: for who may read no days
        """
        first, last, people, cells = self._page(month, **self._filters(filters))
        labels = self.env["spp.attendance.day"]._fields["status"]
        return {
            "month": first.strftime("%Y-%m"),
            "today": fields.Date.to_string(self.env["spp.attendance.day"]._now_date()),
            "statuses": labels._description_selection(self.env),
            "flags": FLAGS,
            "can_decide": self.env["spp.attendance.day"]._may_decide(),
            "people": [
                [
                    person.id,
                    person.name,
                    person.identifier,
                    person.level or "",
                    person.department,
                    person.work_from
                    and first < person.work_from
                    and str(person.work_from),
                    person.work_to and person.work_to < last and str(person.work_to),
                    cells[person.id],
                ]
                for person in people
            ],
        }

    @api.model
    def _filters(self, filters):
        """Those filters of a request that say something.

        :raises UserError: when one of them isn't what it should be
        """
        if filters and not isinstance(filters, dict):
            raise UserError(self.env._("Give filters by their names."))
        given = {name: value for name, value in (filters or {}).items() if value}
        return {
            name: read(self.env, given[name])
            for name, read in _FILTERS.items()
            if name in given
        }

    # --------------------------------------------------------------- one cell

    @api.model
    @api.readonly
    def get_day(self, person_id, date):
        """All that is to be seen and decided of one cell.

        Times are ``HH:MM`` by the clock of the day's zone, ``+1`` behind those of the
        day after; durations are minutes.

        :param int person_id: of a subscriber
        :param str date: ISO 8601
        :return: dict of ``id`` (of the day, False if there is none), ``person``,
            ``date``, ``tz``, ``shift``, ``status``, ``check_in``, ``check_out``, the
            durations, the ``flags`` that are set, ``computed`` (``status``,
            ``check_in``, ``check_out`` by the records), ``decided`` (what somebody
            decided of it, as ``decide`` takes it), ``edited_by``, ``edited_at``,
            ``reason``, ``notes``, ``readings`` (``[time, kind, where]``),
            ``can_decide`` and ``problem`` (why it can't be decided, in words)
        :raises AccessError: for who may not see the person
        """
        person = self._person(person_id)
        on = need_date(self.env, date)
        days = self.env["spp.attendance.day"]
        day = days.search([("subscriber_id", "=", person.id), ("date", "=", on)])
        tz = day.tz or self.env.company.attendance_tz
        labels = dict(days._fields["status"]._description_selection(self.env))

        def clock(instant):
            return instant and _clock(instant, on, tz)

        told = (day.override and day.computed) or day._told() or {}
        read = {
            name: clock(instant and datetime.fromisoformat(instant))
            for name, instant in (
                ("check_in", told.get("first_check_in")),
                ("check_out", told.get("last_check_out")),
            )
        }
        decided = day._decided_values() if day else {}
        change = self.env["spp.attendance.day.change"].search(
            [("subscriber_id", "=", person.id), ("date", "=", on)], limit=1
        )
        problem = self._problem(person, day, on)
        return {
            "id": day.id,
            "person": person.name or person.person_identifier,
            "identifier": person.person_identifier,
            "date": fields.Date.to_string(on),
            "tz": tz,
            "shift": day.shift_id.display_name or "",
            "status": day.status,
            "status_name": labels.get(day.status, ""),
            "abbreviation": day.abbreviation or "",
            "check_in": clock(day.first_check_in),
            "check_out": clock(day.last_check_out),
            **{name: day[name] for name in _DURATIONS},
            "flags": [name for name in FLAGS if day[name]],
            "computed": {
                **read,
                "status": told.get("status"),
                "status_name": labels.get(told.get("status"), ""),
            },
            "decided": {
                name: clock(value) if isinstance(value, datetime) else value
                for name, value in decided.items()
            },
            "edited_by": day.edited_by.name or "",
            "edited_at": day.edited_at,
            "reason": (day.is_edited and change.reason) or "",
            "notes": day.notes or "",
            "readings": self._readings(day, clock),
            "can_decide": not problem,
            "problem": problem,
        }

    @api.model
    def _person(self, person_id):
        """Who is meant, whom the user may see.

        :raises UserError: when it is no id
        :raises AccessError: for who may not see the person
        """
        people = self.env["spp.attendance.subscriber"]
        person = people.browse(read_id(self.env, person_id))
        if not person:
            raise UserError(self.env._("Say whose day it is."))
        person.check_access("read")
        return person

    @api.model
    def _problem(self, person, day, on):
        """Why this user can't decide this day, in words; False if they can."""
        days = self.env["spp.attendance.day"]
        if on > days._now_date() and not day:
            return self.env._("This day has not come yet.")
        if not days._may_decide():
            return self.env._(
                "Only attendance managers edit days. Ask for a correction."
            )
        if day.is_locked:
            return self.env._("This day is locked.")
        try:
            days._check_may_decide(person)
        except AccessError as error:
            return str(error)
        return False

    @api.model
    def _readings(self, day, clock):
        """What was recorded within a day, as far as the user may see it."""
        if not day.window_from or not day.window_until:
            return []
        records = self.env["spp.attendance.record"].search(
            [
                ("subscriber_id", "=", day.subscriber_id.id),
                ("date_time", ">=", day.window_from),
                ("date_time", "<", day.window_until),
            ],
            order="date_time, id",
        )
        kinds = dict(records._fields["scan_type"]._description_selection(self.env))
        sources = dict(records._fields["source"]._description_selection(self.env))
        marks = dict(records._fields["category"]._description_selection(self.env))
        return [
            [
                clock(record.date_time),
                marks["absent"]
                if record.category == "absent"
                else kinds[record.scan_type]
                if record.scan_type not in (False, "none")
                else "",
                " · ".join(
                    filter(
                        None,
                        (record.location_id.display_name, sources.get(record.source)),
                    )
                ),
            ]
            for record in records
        ]

    @api.model
    def decide(self, person_id, date, values, reason):
        """Decide what a cell's day was; see ``spp.attendance.day._decide``.

        :param int person_id: of a subscriber
        :param str date: ISO 8601
        :param dict values: of which times are ``HH:MM``; empty to take it all back
        :param str reason: why
        :return: cells of the person's month: what is decided of a day may change the
            one beside it
        """
        person = self._person(person_id)
        on = need_date(self.env, date)
        known = {"status", "check_in", "check_out", "is_forgiven", "notes"}
        if unknown := sorted(set(values or {}) - known):
            raise UserError(
                self.env._(
                    "This can't be set for a day: %(names)s.", names=", ".join(unknown)
                )
            )
        self.env["spp.attendance.day"]._decide(person, on, values, reason)
        first, last = self._month(on.strftime("%Y-%m"))
        return self._cells([person.id], first, last)[person.id]

    # ------------------------------------------------------------------- files

    @api.model
    def _api_xlsx(self, query):
        """The month as a workbook, as the user may see it.

        :param api.TimesheetFileQuery query: filters
        :return: a response with ``Content-Length``
        """
        first, last, people, cells = self._page(
            query.month, **self._api_file_filters(query)
        )
        labels = self.env["spp.attendance.day"]._fields["status"]
        book = timesheet_file.Book(
            first, last, dict(labels._description_selection(self.env)), self.env
        )
        return self.env["spp.attendance.sheet"]._spooled(
            partial(book.write_to, people, cells),
            CONTENT_TYPE,
            f"timesheet-{first:%Y-%m}.xlsx",
        )

    @api.model
    def _api_file_filters(self, query):
        filters = {
            "level": query.level_of_work,
            "shift_id": query.shift,
            "search": query.search,
            "company_ids": query.company,
        }
        if query.employee_id:
            people = self.env["spp.attendance.subscriber"]
            filters["person_ids"] = people._api_identified(query.employee_id)
        for name in ("department", "location"):
            if reference := getattr(query, name):
                model = self.env[f"spp.attendance.{name}"]
                filters[f"{name}_id"] = model._api_referred(reference)
        return filters

    @api.model
    def action_print(self, month=None, filters=None):
        """The month on paper, of the people whom the filters leave.

        :return: the action that prints it
        :raises UserError: nobody is left, or more than a PDF can be made of
        """
        first, _last, people, _cells = self._page(month, **self._filters(filters))
        if not people:
            raise UserError(self.env._("There is nobody on this timesheet."))
        if len(people) > MAX_PRINTED:
            raise UserError(
                self.env._(
                    "%(count)s people are too many to be printed at once; %(most)s are"
                    " possible. Choose a department, or take the Excel file.",
                    count=len(people),
                    most=MAX_PRINTED,
                )
            )
        report = self.env.ref("spp_attendance.spp_attendance_timesheet_report")
        data = {
            "month": first.strftime("%Y-%m"),
            "filters": self._filters(filters),
            "company_ids": self.env.companies.ids,
        }
        return report.report_action(None, data=data, config=False)
