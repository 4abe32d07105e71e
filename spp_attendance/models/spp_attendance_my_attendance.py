from datetime import date, datetime, timedelta

from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from ..engine.localtime import to_local
from ..presence import Plan, clock, clock_of_minute, day_rows, day_values
from ..rpc_args import need_date

_WEEK = timedelta(days=7)


class SppAttendanceMyAttendance(models.AbstractModel):
    """What somebody is shown of his own days, read as himself.

    Who may see more than himself sees himself only here.
    """

    _name = "spp.attendance.my.attendance"
    _description = "My Attendance"

    @api.model
    @api.readonly
    def get_overview(self, month=False):
        """One's own days of a month and of this week, and the balance of hours.

        The number of statements depends on neither days nor records.

        :param str month: as ``2026-11``; by default, and for any other text, the
            current month where the person is
        :raises UserError: when the month isn't even a text
        :return: ``person`` (``id``, ``name``, ``identifier``), or ``None`` for somebody
            of whom no days are kept: then there is nothing else. ``today`` (ISO 8601),
            ``now`` (UTC, as Odoo writes it), ``month``, ``days``: by date those of the
            month and of the weeks that it and today are in, as
            :func:`..presence.day_values` has them, with what is planned as ``shift``,
            ``from``, ``to`` and ``planned``; ``current``: the date of the day that goes
            on, ``balance``: see ``_balance``; ``statuses``: labels
        """
        if month and not isinstance(month, str):
            raise UserError(
                self.env._(
                    "“%(month)s” is not a month. Write it as 2026-11.",
                    month=str(month)[:40],
                )
            )
        person = self._person()
        if not person:
            return {"person": None}
        today = self._today(person)
        first = self._first_day(month, today)
        last = first + relativedelta(months=1, days=-1)
        days, current = self._days(person, first - _WEEK, last + _WEEK)
        statuses = self.env["spp.attendance.day"]._fields["status"]
        return {
            "person": {
                "id": person.id,
                "name": person.name,
                "identifier": person.person_identifier,
            },
            "today": fields.Date.to_string(today),
            "now": fields.Datetime.to_string(fields.Datetime.now()),
            "month": fields.Date.to_string(first),
            "days": {values["date"]: values for values in days},
            "current": fields.Date.to_string(current),
            "balance": self._balance(person, first, last),
            "statuses": dict(statuses._description_selection(self.env)),
        }

    @api.model
    @api.readonly
    def get_records(self, day):
        """What was read of one's own day.

        :param str day: ISO 8601
        :return: list of ``id``, ``time`` (local, see :func:`..presence.clock`),
            ``scan_type``, ``category``, ``location``, in order of time
        """
        person, day = self._person(), need_date(self.env, day)
        rows = person and day_rows(
            self.env,
            Domain("subscriber_id", "=", person.id) & Domain("date", "=", day),
        )
        return self._records(rows[0]) if rows else []

    # ------------------------------------------------------------------ person

    @api.model
    def _person(self):
        """Oneself; nobody if no days are kept of oneself."""
        people = self.env["spp.attendance.subscriber"]
        if not people.has_access("read"):
            return people
        return people.search(
            [
                ("partner_id", "=", self.env.user.partner_id.id),
                ("level_of_work", "!=", False),
            ],
            limit=1,
        )

    @api.model
    def _today(self, person):
        """Today, where the person is."""
        tz = person.location_id.tz or person.tz or person.company_id.attendance_tz
        return to_local(fields.Datetime.now(), tz).date()

    @api.model
    def _first_day(self, month, today):
        try:
            first = datetime.strptime(month or "", "%Y-%m").date()
        except ValueError:
            return today.replace(day=1)
        # At either end of the calendar there is no month to turn to.
        is_near = date.min.replace(year=2) < first < date.max.replace(year=9998)
        return first if is_near else today.replace(day=1)

    # -------------------------------------------------------------------- days

    @api.model
    def _days(self, person, date_from, date_to):
        """Days of a period and of the weeks around today.

        Those that aren't kept are as they are planned.

        :return: values by date, and the date of the day that goes on
        """
        today = self._today(person)
        spans = [(today - _WEEK, today + _WEEK), (date_from, date_to)]
        own = Domain("subscriber_id", "=", person.id)
        rows = day_rows(
            self.env,
            own
            & Domain.OR(
                Domain("date", ">=", since) & Domain("date", "<=", until)
                for since, until in spans
            ),
        )
        wanted = sorted(
            {
                since + timedelta(days=number)
                for since, until in spans
                for number in range((until - since).days + 1)
            }
        )
        plan = Plan(self.env, person.ids, wanted)
        going_on = plan.going_on(rows)
        by_date = {row.date: row for row in rows}
        current = next(
            (row.date for row in rows if row.id in going_on and row.date != today),
            today,
        )
        return [
            self._day(person, day, by_date.get(day), plan, going_on) for day in wanted
        ], current

    @api.model
    def _day(self, person, day, row, plan, going_on):
        """A day, with what is planned of it."""
        if row:
            values = day_values(row, going_on)
            shift, at, tz = (
                plan.shifts.get(row.shift_id),
                plan.bounds_of_row(row),
                row.tz,
            )
        else:
            planned = plan.of(person.id, day)
            shift, at = (planned.shift, planned.at) if planned else (None, None)
            tz = planned and plan.tz_of(person.id, planned.shift)
            values = {
                "date": fields.Date.to_string(day),
                "day_id": False,
                "status": None,
                "abbreviation": None,
                "day_type": planned and planned.day_type,
                "expected": 0,
            }
            if planned and planned.day_type == "working":
                values["expected"] = shift.standard
        values["from"] = at and clock_of_minute(at.starts, tz, day)
        values["to"] = at and clock_of_minute(at.ends, tz, day)
        values["is_planned"] = bool(shift) and values["day_type"] == "working"
        return values

    @api.model
    def _balance(self, person, first, last):
        """What somebody worked more, or less, than was expected: of days that are over.

        :return: ``month`` and ``all``, each ``minutes`` (worked), ``expected``,
            ``days``; ``all`` with ``since``, a date or ``None``; and ``counts``: days
            of the month by status
        """
        days = self.env["spp.attendance.day"]
        own = Domain("subscriber_id", "=", person.id)
        over = own & Domain("is_closed", "=", True)
        within = Domain("date", ">=", first) & Domain("date", "<=", last)
        aggregates = ["net_minutes:sum", "expected_minutes:sum", "__count"]
        [month] = days._read_group(over & within, aggregates=aggregates)
        [(*so_far, since)] = days._read_group(
            over, aggregates=[*aggregates, "date:min"]
        )
        names = ("minutes", "expected", "days")
        return {
            "month": dict(zip(names, (value or 0 for value in month), strict=True)),
            "all": {
                **dict(zip(names, (value or 0 for value in so_far), strict=True)),
                "since": fields.Date.to_string(since) or None,
            },
            "counts": dict(
                days._read_group(
                    own & within & Domain("status", "!=", False),
                    ["status"],
                    ["__count"],
                )
            ),
        }

    @api.model
    def _records(self, row):
        """What was read of a day, as the user may see it."""
        records = self.env["spp.attendance.record"].search(
            [
                ("subscriber_id", "=", row.subscriber_id),
                ("date_time", ">=", row.window_from),
                ("date_time", "<", row.window_until),
            ],
            order="date_time, id",
        )
        return [
            {
                "id": record.id,
                "time": clock(record.date_time, row.tz, row.date),
                "scan_type": record.scan_type,
                "category": record.category,
                "location": record.location_id.name or "",
            }
            for record in records
        ]
