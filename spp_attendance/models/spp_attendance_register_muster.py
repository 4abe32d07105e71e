from bisect import bisect_left, bisect_right
from collections import defaultdict
from datetime import UTC, timedelta
from typing import NamedTuple

from dateutil.relativedelta import relativedelta

from odoo import models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL

from odoo.addons.spp_oauth.api import FieldProblem, Unprocessable

from ..api import RegisterReference
from ..api.muster import MAX_DAYS, MusterDay, MusterOut, MusterPerson
from ..engine import localtime
from ..engine.day import Mark, compute_day
from ..engine.hours import to_hours
from ..engine.muster import FULL, HALF, MusterRules, half_days
from ..engine.shift_rules import ShiftRules, bounds, edge, from_minute
from ..rpc_args import read_date

_DAY = timedelta(days=1)
_SCAN_TYPES = {"in", "out", "break_start", "break_end", "overtime_in", "overtime_out"}


class Mustered(NamedTuple):
    """A day of somebody on a register.

    :ivar halves: 0, 1 or 2 half days
    :ivar entry: ``HH:MM`` on the register's clock
    :ivar minutes: between entry and exit
    :ivar mark: ``present`` or ``absent``, where no times were marked
    """

    halves: int
    entry: str | None
    exit: str | None
    minutes: int
    mark: str | None


class SppAttendanceMuster(models.Model):
    """The muster of a register: for how many days each person was there.

    By the same function as the days of workers, from the marks of the register alone
    and by its clock. An entry with an exit is half a day or a whole one; one of both
    alone is nothing. Where marks say no more than present, that is a whole day.
    """

    # A file a subject: all that registers can do would be too long for one.
    _inherit = "spp.attendance.register"  # pylint: disable=consider-merging-classes-inherited

    # ---------------------------------------------------------------- computing

    def _muster(self, first, last):
        """The muster of some days, as the user may see marks.

        The number of statements depends neither on people nor on days.

        :return: ``[(subscriber, tag, [(first day, last day)], {date: Mustered})]`` of
            whoever was enrolled on one of the days, by name
        """
        self.ensure_one()
        people = self._sheet_people(first, last)
        days = [first + _DAY * number for number in range((last - first).days + 1)]
        frame = self._muster_frame(days)
        opens = from_minute(min(at.opens for _rules, at in frame.values()))
        closes = from_minute(max(at.closes for _rules, at in frame.values()))
        marks = self._muster_marks(opens, closes)
        rules = self._muster_rules()
        found = []
        for person, tag, spans in people:
            own = marks.get(person.id)
            cells = self._muster_person(own, days, frame, rules) if own else {}
            found.append((person, tag, spans, cells))
        return found

    def _muster_rules(self):
        """From when on a day is a whole one.

        :rtype: MusterRules
        """
        company_sudo = self.company_id.sudo()  # settings, that anybody goes by
        return MusterRules(
            round(company_sudo.attendance_muster_half_hours * 60),
            round(company_sudo.attendance_muster_full_hours * 60),
            company_sudo.attendance_muster_rounds_up,
        )

    def _muster_frame(self, days):
        """The shift that counts where the register is, on days and those around them.

        :return: ``{date: (ShiftRules, Bounds)}``
        """
        # Whoever handles a register goes by its shift, also where they don't see it.
        place_sudo = self.location_id.sudo()
        path = [int(part) for part in (place_sudo.parent_path or "").split("/") if part]
        assignments_sudo = self.env["spp.attendance.shift.assignment"].sudo()
        assigned_sudo = assignments_sudo.search(
            Domain("company_id", "=", self.company_id.id)
            & Domain("subscriber_id", "=", False)
            & Domain("department_id", "=", False)
            & Domain("location_id", "in", [*path, False])
            & Domain("date_from", "<=", days[-1] + _DAY),
            order="date_from desc, id desc",
        )
        by_place = defaultdict(list)
        for assignment_sudo in assigned_sudo:
            by_place[assignment_sudo.location_id.id].append(assignment_sudo)
        rules = {False: ShiftRules()}
        frame = {}
        for day in (days[0] - _DAY, *days, days[-1] + _DAY):
            shift_sudo = self._muster_shift(by_place, path, day)
            if shift_sudo.id not in rules:
                rules[shift_sudo.id] = shift_sudo._rules()
            found = rules[shift_sudo.id]
            frame[day] = found, bounds(found, day, self.tz)
        return frame

    def _muster_shift(self, by_place, path, day):
        """The shift of the place or of the nearest above it, else of the company."""
        for place_id in (*reversed(path), False):
            for assignment_sudo in by_place.get(place_id, ()):
                if assignment_sudo.date_from <= day:
                    if assignment_sudo.shift_id:
                        return assignment_sudo.shift_id
                    break
        return self.env["spp.attendance.shift"].sudo()

    def _muster_marks(self, opens, closes):
        """``{person id: [Mark]}`` in their order, as the user may see records."""
        records = self.env["spp.attendance.record"]
        query = records._search(
            Domain("register_id", "=", self.id)
            & Domain("date_time", ">=", opens)
            & Domain("date_time", "<", closes),
            order="date_time, id",
        )
        names = ("subscriber_id", "date_time", "scan_type", "direction", "category")
        rows = self.env.execute_query(
            query.select(*(SQL.identifier(records._table, name) for name in names))
        )
        found = defaultdict(list)
        for person_id, instant, scan_type, direction, category in rows:
            kind = scan_type if scan_type in _SCAN_TYPES else direction or "none"
            second = int(instant.replace(tzinfo=UTC).timestamp())
            found[person_id].append(Mark(second, kind, category == "absent"))
        return found

    def _muster_person(self, marks, days, frame, rules):
        """``{date: Mustered}`` of the days of a person on which there are marks.

        :param list marks: in their order
        """
        edges = [
            self._muster_edge(frame, day, marks) for day in (*days, days[-1] + _DAY)
        ]
        seconds = [mark.second for mark in marks]
        cells = {}
        start = bisect_left(seconds, edges[0] * 60)
        while start < len(marks):
            index = bisect_right(edges, seconds[start] // 60) - 1
            if index >= len(days):
                break
            end = bisect_left(seconds, edges[index + 1] * 60, start)
            day = days[index]
            shift, at = frame[day]
            own = [
                mark
                for mark in marks[start:end]
                if at.opens * 60 <= mark.second < at.closes * 60
            ]
            if own:
                cells[day] = self._muster_day(own, shift, at, rules)
            start = max(end, start + 1)
        return cells

    def _muster_edge(self, frame, day, marks):
        """The minute from which marks belong to a day and no longer to the one before.

        Where windows overlap, an entry begins the later day.
        """
        before, after = frame[day - _DAY][1], frame[day][1]
        if after.opens >= before.closes:
            return edge(before, after)
        return edge(before, after, [(mark.second, mark.scan_type) for mark in marks])

    def _muster_day(self, marks, shift, at, rules):
        timed = marks
        if self.mark_mode == "day":
            # Who was marked present was so at the usual time, or whenever the sheet
            # was sent: that is no entry, and two of them are no exit.
            timed = [mark for mark in marks if mark.scan_type != "none"]
        day = compute_day(timed, shift, at, earns_overtime=False)
        halves = half_days(day, rules)
        word = None
        if day.check_in is None and not (timed and day.count):
            is_absent = all(mark.is_absent for mark in marks)
            word = "absent" if is_absent else "present"
        elif any(mark not in timed and not mark.is_absent for mark in marks):
            word = "present"
        if word == "present":
            halves = max(halves, FULL)
        exit_ = day.check_out
        if exit_ is None and day.missing_in:
            exit_ = max(mark.second for mark in timed) // 60
        return Mustered(
            halves,
            self._muster_clock(day.check_in),
            self._muster_clock(exit_),
            day.gross,
            word,
        )

    def _muster_clock(self, minute):
        if minute is None:
            return None
        return f"{localtime.to_local(from_minute(minute), self.tz):%H:%M}"

    # ------------------------------------------------------------------- screen

    def get_muster(self, date_from=None, date_to=None):
        """The muster of at most 31 days, both ends included.

        :param str date_from: first day; without one it is this month, or the first or
            last month of a register that doesn't run now
        :return: dict of ``register``, ``date_from``, ``date_to``, ``today``, ``rules``
            (in words), ``people`` (``[id, name, identifier, tag, [[first day, last
            day], ..], half days]``, by name) and ``cells`` (``[person id, day, half
            days, entry, exit, minutes, mark]`` of days with marks)
        """
        self.check_access("read")
        self.ensure_one()
        first, last = self._muster_period(date_from, date_to)
        found = self._muster(first, last)
        return {
            "register": {
                "id": self.id,
                "name": self.name,
                "number": self.number,
                "tz": self.tz,
                "first_day": str(self._sheet_day(self.start_at)),
                "last_day": self.end_at and str(self._sheet_day(self.end_at)),
            },
            "date_from": str(first),
            "date_to": str(last),
            "today": str(self._sheet_today()),
            "rules": self._muster_words(),
            "people": [
                [
                    person.id,
                    person.name or "",
                    person.person_identifier,
                    tag,
                    [[str(start), str(end)] for start, end in spans],
                    sum(cell.halves for cell in cells.values()),
                ]
                for person, tag, spans, cells in found
            ],
            "cells": [
                [person.id, str(day), *cell]
                for person, _tag, _spans, cells in found
                for day, cell in cells.items()
            ],
        }

    def _muster_period(self, date_from, date_to):
        if read_date(self.env, date_from):
            return self._sheet_period(date_from, date_to)
        day = max(self._sheet_today(), self._sheet_day(self.start_at))
        if self.end_at:
            day = min(day, self._sheet_day(self.end_at))
        first = day.replace(day=1)
        return first, first + relativedelta(months=1, days=-1)

    def _muster_words(self):
        """From when on a day is a whole one, in words."""
        rules = self._muster_rules()
        if rules.rounds_up:
            words = self.env._(
                "Entry and exit: half a day, and a whole one when more than %(hours)s"
                " hours are between them. One of both alone counts nothing.",
                hours=f"{to_hours(rules.half_minutes):g}",
            )
        else:
            words = self.env._(
                "Entry and exit: half a day, and a whole one when %(hours)s hours or"
                " more are between them. One of both alone counts nothing.",
                hours=f"{to_hours(rules.full_minutes):g}",
            )
        if self.mark_mode == "day":
            words = f"{self.env._('Marked present: a whole day.')} {words}"
        return words

    def action_open_muster(self):
        """For how many days each person was there."""
        self.check_access("read")
        self.ensure_one()
        return {
            "type": "ir.actions.client",
            "tag": "spp_attendance.register_muster",
            "name": self.name,
            "params": {"register_id": self.id},
        }

    def action_print_muster(self, date_from, date_to):
        """The report of the muster of a period of at most 31 days."""
        self.check_access("read")
        self.ensure_one()
        first, last = self._muster_period(date_from, date_to)
        if not self._sheet_people(first, last):
            raise UserError(self.env._("Nobody is enrolled in this period."))
        report = self.env.ref("spp_attendance.spp_attendance_register_muster_report")
        data = {
            "register_id": self.id,
            "date_from": str(first),
            "date_to": str(last),
        }
        return report.report_action(self, data=data, config=False)

    # ---------------------------------------------------------------------- API

    def _api_muster(self, reference, query):
        """The muster of a register, as apps read it.

        :raises NotFound: when there is no such register for the user
        :raises Unprocessable: when the register has not begun, or too many days
        """
        register = self._api_find(reference)
        first = query.date_from or register._sheet_day(register.start_at)
        last = query.date_to
        if last is None:
            last = max(first, register._sheet_today())
            if register.end_at:
                last = min(last, register._sheet_day(register.end_at))
                last = max(first, last)
        if not 0 <= (last - first).days < MAX_DAYS:
            raise Unprocessable(
                "A muster is of 1 to 372 days: give from and to.",
                fields=[FieldProblem("to", "must be after from, by less than a year")],
            )
        rules = register._muster_rules()
        items = [
            register._api_mustered(person, tag, cells)
            for person, tag, _spans, cells in register._muster(first, last)
        ]
        return MusterOut.model_construct(
            register_=RegisterReference.model_construct(
                id=register.id,
                uuid=register.uuid,
                number=register.number,
                name=register.name,
            ),
            date_from=str(first),
            date_to=str(last),
            tz=register.tz,
            half_day_hours=to_hours(rules.half_minutes),
            full_day_hours=to_hours(rules.full_minutes),
            rounds_up=rules.rounds_up,
            total=sum(item.total for item in items),
            items=items,
        )

    def _api_mustered(self, person, tag, cells):
        halves = [cell.halves for cell in cells.values()]
        return MusterPerson.model_construct(
            person_identifier=person.person_identifier,
            uuid=person.uuid,
            name=person.name or "",
            tag=tag or None,
            total=sum(halves) / 2,
            full_days=halves.count(FULL),
            half_days=halves.count(HALF),
            days=[
                MusterDay.model_construct(
                    date=str(day),
                    attendance=cell.halves / 2,
                    entry=cell.entry,
                    exit=cell.exit,
                    hours=to_hours(cell.minutes),
                    mark=cell.mark,
                )
                for day, cell in sorted(cells.items())
            ],
        )
