from datetime import datetime, time, timedelta
from typing import NamedTuple

from odoo import api, fields, models
from odoo.fields import Domain

from ..engine.localtime import to_utc
from ..presence import Plan, clock_of_minute, day_rows, day_values
from ..rpc_args import need_date, read_date, read_id

#: More people than anybody looks through; whoever has more chooses some.
MOST = 5_000


class TeamPerson(NamedTuple):
    """Somebody, as a team's board shows him."""

    id: int
    person_identifier: str
    name: str
    designation: str | None
    department_id: int | None
    phone: str | None
    mobile: str | None


class SppAttendanceTeamBoard(models.AbstractModel):
    """Everybody of a date: who is there, who was, who is missing."""

    _name = "spp.attendance.team.board"
    _description = "Team Today"

    @api.model
    @api.readonly
    def get_board(self, day=False, department_id=False, location_id=False):
        """Everybody of whom days are kept and whom the user may see, on one day.

        The number of statements depends on neither people nor days.

        :param str day: ISO 8601; by default today, where the company is
        :param department_id: only of this department and those below it
        :param location_id: only of this home location and what is part of it
        :return: ``day``, ``today``, ``is_today``, ``now`` and ``ends_at`` (UTC, as
            Odoo writes it: when another day begins), ``people``: see ``_board_rows``,
            ``more`` (people who are left out because they are too many), ``shifts``
            and ``departments`` (names by id), ``statuses`` (labels)
        :raises AccessError: for who may read no days
        """
        self.env["spp.attendance.day"].check_access("read")
        today = self.env["spp.attendance.day"]._now_date()
        day = read_date(self.env, day) or today
        chosen = self._chosen(department_id, location_id)
        people, rows, more = self._board_rows(day, chosen)
        statuses = self.env["spp.attendance.day"]._fields["status"]
        departments = self.env["spp.attendance.department"].browse(
            {person.department_id for person in people if person.department_id}
        )
        shifts = self.env["spp.attendance.shift"].browse(
            {row["shift_id"] for row in rows if row["shift_id"]}
        )
        midnight = datetime.combine(today + timedelta(days=1), time())
        ends_at = to_utc(midnight, self.env.company.attendance_tz)
        return {
            "day": fields.Date.to_string(day),
            "today": fields.Date.to_string(today),
            "is_today": day == today,
            "now": fields.Datetime.to_string(fields.Datetime.now()),
            "ends_at": fields.Datetime.to_string(ends_at),
            "people": rows,
            "more": more,
            "shifts": {shift.id: shift.name for shift in shifts},
            "departments": {place.id: place.display_name for place in departments},
            "statuses": dict(statuses._description_selection(self.env)),
        }

    @api.model
    @api.readonly
    def get_people(self, day, identifiers, department_id=False, location_id=False):
        """Some people's rows of a board, of whom something has changed.

        :param str day: ISO 8601
        :param list identifiers: of people; whom the user may not see is left out
        :return: as ``people`` of ``get_board``
        """
        self.env["spp.attendance.day"].check_access("read")
        chosen = self._chosen(department_id, location_id)
        chosen &= Domain("person_identifier", "in", list(identifiers)[:MOST])
        return self._board_rows(need_date(self.env, day), chosen)[1]

    @api.model
    def _chosen(self, department_id, location_id):
        """Domain on people of a department and of a home location, with those below."""
        chosen = Domain.TRUE
        if department := read_id(self.env, department_id):
            chosen &= Domain("department_id", "child_of", department)
        if location := read_id(self.env, location_id):
            chosen &= Domain("location_id", "child_of", location)
        return chosen

    @api.model
    def _board_rows(self, day, chosen):
        """
        :param Domain chosen: on people
        :return: people, their rows and how many are left out. A row is what
            :func:`..presence.day_values` says of a day that exists, and of all
            ``id``, ``identifier``, ``name``, ``designation``, ``department_id``,
            ``phone``, ``shift_id``, ``from`` and ``to`` (local), ``starts`` and
            ``late_after`` (minutes since 1970, UTC)
        """
        rows = {
            row.subscriber_id: row
            for row in day_rows(
                self.env,
                Domain("date", "=", day) & Domain("subscriber_id", "any", chosen),
            )
        }
        people, more = self._people(day, chosen, list(rows))
        plan = Plan(self.env, [person.id for person in people], [day])
        going_on = plan.going_on(
            row for person_id, row in rows.items() if person_id in plan.by_id
        )
        return (
            people,
            [
                self._board_row(person, day, rows.get(person.id), plan, going_on)
                for person in people
            ],
            more,
        )

    @api.model
    def _people(self, day, chosen, present):
        """Who works on a day, and who has one, by two statements at most."""
        works = (
            Domain("active", "=", True)
            & Domain("level_of_work", "!=", False)
            & (Domain("work_from", "=", False) | Domain("work_from", "<=", day))
            & (Domain("work_to", "=", False) | Domain("work_to", ">=", day))
        )
        model = self.env["spp.attendance.subscriber"].with_context(active_test=False)
        query = model._search(
            chosen & (works | Domain("id", "in", present)),
            order="person_identifier, id",
            limit=MOST + 1,
        )
        names = (
            model._field_to_sql(query.table, name, query) for name in TeamPerson._fields
        )
        people = [
            TeamPerson(*row) for row in self.env.execute_query(query.select(*names))
        ]
        more = 0
        if len(people) > MOST:
            query.limit = None
            more = len(query) - MOST
        return people[:MOST], more

    @api.model
    def _board_row(self, person, day, row, plan, going_on):
        values = {
            "id": person.id,
            "identifier": person.person_identifier,
            "name": person.name or person.person_identifier,
            "designation": person.designation,
            "department_id": person.department_id,
            "phone": person.phone or person.mobile,
            "day_id": False,
            "status": None,
            "shift_id": False,
        }
        if row:
            shift, at, tz = (
                plan.shifts.get(row.shift_id),
                plan.bounds_of_row(row),
                row.tz,
            )
            values.update(day_values(row, going_on))
        else:
            planned = plan.of(person.id, day)
            if not planned:
                return values
            shift, at = planned.shift, planned.at
            tz = plan.tz_of(person.id, shift)
            values["day_type"] = planned.day_type
        if shift and at:
            values.update(
                {
                    "shift_id": shift.id,
                    "from": clock_of_minute(at.starts, tz, day),
                    "to": clock_of_minute(at.ends, tz, day),
                    "starts": at.starts,
                    "late_after": at.starts + shift.rules.late_grace,
                    "ends": at.ends,
                }
            )
        return values
