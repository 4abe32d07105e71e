from collections import defaultdict
from datetime import UTC, datetime, time, timedelta

from psycopg2.errors import UniqueViolation
from pydantic import ValidationError as SchemaError

from odoo import fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL

from ..api import Fact
from ..api.common import YEARS
from ..api.register_sheet import SHEET_MARKS
from ..engine import localtime
from ..engine.register_cells import Seen, plan, read, version
from ..registers import RegisterRefused, find_intervals
from ..rpc_args import read_date

#: Days that are shown at once.
MAX_DAYS = 31
_SECOND = timedelta(seconds=1)


class SppAttendanceRegister(models.Model):
    """The sheet of a register: people and days, to be looked at and to be marked.

    Its days are those of the register's own clock.
    """

    # A file a subject: all that registers can do would be too long for one.
    _inherit = "spp.attendance.register"  # pylint: disable=consider-merging-classes-inherited

    # ---------------------------------------------------------------- reading

    def get_sheet(self, date_from=None, date_to=None):
        """The sheet of a period of at most 31 days, both ends included.

        :param str date_from: first day; without one it is this week, or the first or
            last week of a register that doesn't run now
        :raises UserError: when these are no dates
        :return: dict of ``register``, ``date_from``, ``date_to``, ``today``,
            ``can_mark``, ``problem`` (why it can't be marked), ``can_join`` (whether
            the user may make themselves staff), ``people``
            (``[id, name, identifier, tag, [[first day, last day], ..]]``, by name: days
            on which they can be marked) and ``cells`` (``[person id, day, mark, entry,
            exit, version]`` of those that say something)
        """
        self.check_access("read")
        self.ensure_one()
        first, last = self._sheet_period(date_from, date_to)
        problem = self._sheet_problem()
        today = self._sheet_today()
        return {
            "register": {
                "id": self.id,
                "name": self.name,
                "number": self.number,
                "mode": self.mark_mode,
                "entry": self.entry_time[:5],
                "exit": self.exit_time[:5],
                "first_day": str(self._sheet_day(self.start_at)),
                "last_day": self.end_at and str(self._sheet_day(self.end_at)),
                "is_mine": self.is_mine,
            },
            "date_from": str(first),
            "date_to": str(last),
            "today": str(today),
            "can_mark": not problem,
            "problem": problem,
            "can_join": self._sheet_can_join(),
            "people": [
                [
                    person.id,
                    person.name or "",
                    person.person_identifier,
                    tag,
                    [[str(start), str(end)] for start, end in spans],
                ]
                for person, tag, spans in self._sheet_people(first, last)
            ],
            "cells": [
                [person_id, str(day), *read(self.mark_mode, seen), version(seen)]
                for (person_id, day), seen in self._sheet_records(first, last).items()
            ],
        }

    def _sheet_day(self, instant):
        return localtime.to_local(instant, self.tz).date()

    def _sheet_today(self):
        return self._sheet_day(fields.Datetime.now())

    def _sheet_period(self, date_from, date_to):
        first = read_date(self.env, date_from)
        last = read_date(self.env, date_to) or first
        if not first:
            day = max(self._sheet_today(), self._sheet_day(self.start_at))
            if self.end_at:
                day = min(day, self._sheet_day(self.end_at))
            lang = self.env["res.lang"]._get_data(code=self.env.lang or "en_US")
            week_start = int(lang.week_start or 1)
            first = day - timedelta(days=(day.isoweekday() - week_start) % 7)
            return first, first + timedelta(days=6)
        is_near = first.year in YEARS and last.year in YEARS
        if not is_near or not 0 <= (last - first).days < MAX_DAYS:
            raise UserError(
                self.env._("A sheet shows 1 to %(limit)s days.", limit=MAX_DAYS)
            )
        return first, last

    def _sheet_problem(self):
        """Why nobody, or not this user, can mark it, in words."""
        if self.is_deleted:
            return self.env._("This register is deleted: it takes no more attendance.")
        if not self.active:
            return self.env._("This register is inactive: it takes no attendance.")
        if not self.is_mine:
            return self.env._(
                "You are not on the staff of this register: you can look at its sheet,"
                " but not mark it."
            )
        return False

    def _sheet_can_join(self):
        is_over = self.end_at and self.end_at < fields.Datetime.now()
        return (
            self.active
            and not (self.is_deleted or self.is_mine or is_over)
            and self.has_access("write")
        )

    def _sheet_intervals(self, person_ids):
        """``{person id: [(start, end)]}`` of enrolments, within the register."""
        found = find_intervals(self.env, ((self.id, person) for person in person_ids))
        result = {}
        for (_register, person_id), intervals in found.items():
            within = [
                (
                    max(start, self.start_at),
                    min(filter(None, (end, self.end_at)), default=datetime.max),
                )
                for start, end in intervals
            ]
            result[person_id] = sorted(
                (start, end) for start, end in within if start <= end
            )
        return result

    def _sheet_people(self, first, last):
        """``[(person, tag, [(first day, last day)])]`` by name, of who is on it then.

        Who is enrolled for a moment of a day can be marked that day.
        """
        attendees = self.env["spp.attendance.register.attendee"].search_fetch(
            [("register_id", "=", self.id)], ["subscriber_id", "tag"]
        )
        attendees.subscriber_id.fetch(["name", "person_identifier"])
        intervals = self._sheet_intervals(attendees.subscriber_id.ids)
        result = []
        for attendee in attendees:
            person = attendee.subscriber_id
            spans = [
                (
                    max(self._sheet_day(start), first),
                    last if end == datetime.max else min(self._sheet_day(end), last),
                )
                for start, end in intervals.get(person.id, ())
            ]
            spans = [span for span in spans if span[0] <= span[1]]
            if spans:
                result.append((person, attendee.tag or "", spans))
        return sorted(
            result, key=lambda row: ((row[0].name or "").casefold(), row[0].id)
        )

    def _sheet_records(self, first, last, person_ids=None):
        """``{(person id, day): [Seen]}`` of what counts, as the user may see it."""
        day_before, day_after = first, last + timedelta(days=1)
        domain = (
            Domain("register_id", "=", self.id)
            & Domain("date_time", ">=", self._first_moment(day_before))
            & Domain("date_time", "<", self._first_moment(day_after))
        )
        if person_ids is not None:
            domain &= Domain("subscriber_id", "in", list(person_ids))
        records = self.env["spp.attendance.record"]
        query = records._search(domain, order="date_time, id")
        columns = (
            "id",
            "subscriber_id",
            "date_time",
            "category",
            "direction",
            "write_date",
        )
        # A month of five hundred people are many rows to be made records of.
        rows = self.env.execute_query(
            query.select(*(SQL.identifier(records._table, name) for name in columns))
        )
        result = defaultdict(list)
        for record_id, person_id, instant, category, direction, changed in rows:
            local = localtime.to_local(instant, self.tz)
            result[person_id, local.date()].append(
                Seen(record_id, local, category, direction, changed)
            )
        return dict(result)

    # ---------------------------------------------------------------- marking

    def mark_sheet(self, marks):
        """Make cells of the sheet say what is wanted.

        The same marks may be sent again, after an answer that was lost: what was done
        is not done twice. A cell that somebody else has changed meanwhile is refused.

        :param list marks: up to 500 dicts, see ``api.register_sheet.SheetMark``
        :return: for each a dict of ``uuid``, ``status`` (done or refused), ``code`` and
            ``reason`` of a refusal, and ``cell``: mark, entry, exit, version as they
            are now
        :raises UserError: when that are no marks
        :raises AccessError: when the user has nothing to do with registers
        """
        self.browse().check_access("read")
        self.ensure_one()
        try:
            marks = SHEET_MARKS.validate_python(marks)
        except SchemaError as error:
            # What was sent is not sent back.
            [first, *_] = error.errors(include_url=False, include_input=False)
            raise UserError(
                self.env._(
                    "These are no marks of a sheet: %(error)s", error=first["msg"]
                )
            ) from error
        if not marks:
            return []
        if not self.has_access("read"):
            return [self._sheet_answer_stranger(mark) for mark in marks]
        period = (min(mark.date for mark in marks), max(mark.date for mark in marks))
        people = {mark.person for mark in marks}
        before = self._sheet_records(*period, people)
        refusals, plans, cells = {}, {}, set()
        for index, mark in enumerate(marks):
            key = (mark.person, mark.date)
            seen = before.get(key, [])
            if key in cells:
                refusals[index] = ("repeated", self.env._("Send one mark of a day."))
            elif read(self.mark_mode, seen) != mark.cell:
                refusal = self._sheet_refusal(mark, seen)
                if refusal:
                    refusals[index] = refusal
                else:
                    plans[index] = plan(self.mark_mode, seen, mark.cell)
            cells.add(key)
        self._sheet_claim({marks[index].person for index in plans})
        self._sheet_change(marks, plans, refusals)
        self._sheet_make(marks, plans, refusals)
        after = self._sheet_records(*period, people)
        answers = []
        for index, mark in enumerate(marks):
            seen = after.get((mark.person, mark.date), [])
            cell = read(self.mark_mode, seen)
            if index not in refusals and cell != mark.cell:
                # Sent again after somebody undid it.
                refusals[index] = self._sheet_changed()
            code, reason = refusals.get(index, (None, None))
            answers.append(
                {
                    "uuid": mark.uuid,
                    "status": "refused" if code else "done",
                    "code": code,
                    "reason": reason,
                    "cell": [*cell, version(seen)],
                }
            )
        return answers

    def _sheet_answer_stranger(self, mark):
        """What is said to who was on the staff, perhaps, when they marked it."""
        return {
            "uuid": mark.uuid,
            "status": "refused",
            "code": "not_register_staff",
            "reason": self.env._("You are not on the staff of this register now."),
            "cell": [None, None, None, ""],
        }

    def _sheet_changed(self):
        return "changed", self.env._("Somebody else has marked this day meanwhile.")

    def _sheet_claim(self, person_ids):
        """Let the slower one of two who mark the same people at once begin anew.

        Neither sees what the other one is making; their rows are written, as they are,
        for PostgreSQL to see that both were at it.
        """
        if not person_ids:
            return
        self.env.cr.execute(
            SQL(
                """
                WITH mine AS (
                    SELECT id
                      FROM spp_attendance_register_attendee
                     WHERE register_id = %(register)s
                       AND subscriber_id = ANY(%(people)s)
                     ORDER BY id
                       FOR NO KEY UPDATE
                )
                UPDATE spp_attendance_register_attendee attendee
                   SET tag = attendee.tag
                  FROM mine
                 WHERE attendee.id = mine.id
                """,
                register=self.id,
                people=list(person_ids),
            ),
            log_exceptions=False,
        )

    def _sheet_refusal(self, mark, seen):
        """Why a cell can't become as a mark wants it: ``(code, reason)`` or None.

        What the register's rules say is theirs.
        """
        if mark.version != version(seen):
            return self._sheet_changed()
        if mark.date > self._sheet_today():
            return "in_the_future", self.env._("This day has not come yet.")
        if self.mark_mode == "day" and (mark.entry or mark.exit):
            return "no_times", self.env._(
                "This register is marked as present or absent now, without times."
            )
        return None

    def _sheet_change(self, marks, plans, refusals):
        """Correct and void records, all at once where nothing is refused."""
        changes = {
            index: self._sheet_values(marks[index], todo)
            for index, todo in plans.items()
            if todo.void or todo.categories or todo.times
        }
        if not changes:
            return
        records = self.env["spp.attendance.record"]
        together = {
            records.browse(record_id): vals
            for change in changes.values()
            for record_id, vals in change.items()
        }
        try:
            with self.env.cr.savepoint():
                records._write_each(together)
        except (UserError, UniqueViolation):
            for index, change in changes.items():
                refusal = self._sheet_change_one(change)
                if refusal:
                    refusals[index] = refusal

    def _sheet_values(self, mark, todo):
        """Values to write by id of a record."""
        void = {
            "active": False,
            "void_reason": self.env._("Taken away in the sheet of %s", self.number),
        }
        return {
            **dict.fromkeys(todo.void, void),
            **{key: {"category": value} for key, value in todo.categories.items()},
            **{
                key: {"date_time": self._sheet_instant(mark.date, value)}
                for key, value in todo.times.items()
            },
        }

    def _sheet_change_one(self, change):
        records = self.env["spp.attendance.record"]
        try:
            with self.env.cr.savepoint():
                records._write_each(
                    {records.browse(key): vals for key, vals in change.items()}
                )
        except UniqueViolation:
            return "conflict", self.env._("The same is recorded already.")
        except RegisterRefused as error:
            return next(iter(error.refusals.values()))
        except UserError as error:
            return "refused", str(error)
        return None

    def _sheet_make(self, marks, plans, refusals):
        """Record what isn't yet."""
        todo = [
            (index, make)
            for index, wanted in plans.items()
            if index not in refusals
            for make in wanted.make
        ]
        if not todo:
            return
        days = {marks[index].person for index, make in todo if not make.time}
        enrolled = self._sheet_intervals(days)
        facts = [
            Fact(
                subscriber_id=marks[index].person,
                date_time=self._sheet_instant(
                    marks[index].date, make.time, enrolled.get(marks[index].person, ())
                ).replace(tzinfo=UTC),
                tz=self.tz,
                category=make.category,
                scan_type="none" if make.slot == "day" else make.slot,
                register=self.number,
                external_id=f"{marks[index].uuid}/{make.slot}",
            )
            for index, make in todo
        ]
        # It may be sent while another company is looked at.
        records = self.env["spp.attendance.record"].with_company(self.company_id)
        outcomes = records._ingest(facts, source="manual")
        for (index, _make), outcome in zip(todo, outcomes, strict=True):
            if outcome.status == "rejected":
                refusals[index] = (outcome.code, outcome.reason)

    def _sheet_instant(self, day, clock=None, enrolled=()):
        """The instant of a mark, in UTC.

        A day is marked at the usual time of entry, or as near to it as the person is
        enrolled: who came on the register at noon was there in the afternoon.

        :param str clock: the time on the register's clock, if it is known
        :param enrolled: pairs of instants between which the person is enrolled
        """
        local = time.fromisoformat(clock or self.entry_time)
        usual = localtime.to_utc(datetime.combine(day, local), self.tz)
        first = self._first_moment(day)
        last = self._first_moment(day + timedelta(days=1)) - _SECOND
        near = []
        for start, end in enrolled:
            start, end = max(start, first), min(end, last)
            if start > end:
                continue
            if start.microsecond:  # records of people are kept to the second
                start = min(start.replace(microsecond=0) + _SECOND, end)
            near.append(min(max(usual, start), end))
        return min(near, key=lambda instant: abs(instant - usual), default=usual)

    # --------------------------------------------------------------- printing

    def action_print_sheet(self, date_from, date_to, person_ids=False):
        """The sheet on paper, of a period and of all people on it or of some.

        :return: the action that prints it
        """
        self.check_access("read")
        self.ensure_one()
        first, last = self._sheet_period(date_from, date_to)
        wanted = set(person_ids) if person_ids else None
        people = [
            person
            for person, _tag, _spans in self._sheet_people(first, last)
            if wanted is None or person.id in wanted
        ]
        if not people:
            raise UserError(self.env._("Nobody is enrolled in this period."))
        report = self.env.ref("spp_attendance.spp_attendance_register_sheet_report")
        data = {
            "register_id": self.id,
            "date_from": str(first),
            "date_to": str(last),
            "person_ids": sorted(wanted) if wanted else False,
        }
        return report.report_action(self, data=data, config=False)
