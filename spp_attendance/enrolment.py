"""Onto registers and off them: people, who are enrolled there, and staff.

Used through ``_enrol`` and ``_unenrol`` of ``spp.attendance.register.attendee`` and of
``spp.attendance.register.staff``. Everything is done as the user, in a number of
statements that does not depend on how many are enrolled. What the database keeps apart,
two intervals of one person or of one of the staff, needs no look beforehand: what would
overlap is not inserted, and was so already.

To be called in a transaction that is run again on a serialization failure, as HTTP
requests are: of two that enrol one person at once, one has to begin anew.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from odoo import fields
from odoo.api import Environment
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.models import BaseModel
from odoo.tools import SQL

from .acting import acting, acting_uuid


def holds_now() -> Domain:
    """Of rows with ``enrolled_at`` and ``unenrolled_at``: those that hold now."""
    now = fields.Datetime.now()
    return Domain("enrolled_at", "<=", now) & (
        Domain("unenrolled_at", "=", False) | Domain("unenrolled_at", ">", now)
    )


class Enrol(NamedTuple):
    """Somebody to be enrolled; instants are naive UTC.

    :ivar start_at: default now, or when the last enrolment ends, if that is later
    :ivar end_at: empty: without end
    :ivar tag: empty: as it is
    :ivar details: what another system says of it; empty: as it is
    """

    register_id: int
    subscriber_id: int
    start_at: datetime | None = None
    end_at: datetime | None = None
    tag: str | None = None
    details: dict[str, Any] | None = None


class Unenrol(NamedTuple):
    """Somebody to be de-enrolled.

    :ivar end_at: naive UTC; default now, or when the enrolment starts, if it is later
    """

    register_id: int
    subscriber_id: int
    end_at: datetime | None = None


class Enrolled(NamedTuple):
    """What became of one of them.

    :ivar code: why it was not done; None when it was
    :ivar attendee_id: the person's row on the register, if there is one
    """

    code: str | None
    attendee_id: int | None


class EnrolStaff(NamedTuple):
    """Somebody to become staff of a register.

    :ivar user_uuid: ``res.users.attendance_uuid``, or that of somebody a gateway knows
    :ivar name: of somebody who is no user here
    :ivar start_at: naive UTC; default now
    :ivar is_first: makes the register, which may be one of the past
    """

    register_id: int
    user_uuid: str
    staff_type: str = "OWNER"
    name: str | None = None
    start_at: datetime | None = None
    details: dict[str, Any] | None = None
    is_first: bool = False


class UnenrolStaff(NamedTuple):
    """Somebody whose permission ends now."""

    register_id: int
    user_uuid: str


class EnrolledStaff(NamedTuple):
    """What became of one of them.

    :ivar code: why it was not done; None when it was
    :ivar staff_id: the row that was made or ended, or stands in the way
    """

    code: str | None
    staff_id: int | None


class _Rows:
    """What attendees and staff have in common: rows of registers that one handles."""

    def __init__(self, env: Environment, model_name: str) -> None:
        self.env = env
        self.model = env[model_name]
        self.now = fields.Datetime.now()

    def _open(self, register_ids: Collection[int], *operations: str) -> BaseModel:
        """The registers, once it is sure that who acts may handle them.

        :raises AccessError: when that is not so
        """
        for operation in operations:
            self.model.browse().check_access(operation)
        registers = self.env["spp.attendance.register"].browse(sorted(register_ids))
        registers.check_access("write")
        self.env.flush_all()
        return registers

    def _stamp(self) -> dict[str, Any]:
        return {
            "by": acting_uuid(self.env),
            "uid": self.env.uid,
            # As the ORM has it: when the transaction began.
            "at": self.env.cr.now(),
        }

    def _query(self, query: SQL) -> list[tuple[Any, ...]]:
        # Not logged: that somebody else was faster is a reason to try again.
        self.env.cr.execute(query, log_exceptions=False)
        return self.env.cr.fetchall()


def _json(details: dict[str, Any] | None) -> str | None:
    return None if details is None else json.dumps(details)


class AttendeeRows(_Rows):
    """People of registers."""

    def __init__(self, env: Environment) -> None:
        super().__init__(env, "spp.attendance.register.attendee")

    def enrol(self, items: Sequence[Enrol]) -> list[Enrolled]:
        """Enrol those who can be.

        :raises AccessError: when somebody's register isn't handled by who acts
        :raises UserError: when somebody is no active person of the register's company
        """
        if not items:
            return []
        registers = self._open({i.register_id for i in items}, "create", "write")
        self._check_people(items, registers)
        attendees = self._known(items)
        starts: dict[int, datetime] = {}
        codes: list[str | None] = []
        for index, item in enumerate(items):
            code, start = self._begin(
                item, registers.browse(item.register_id), attendees
            )
            codes.append(code)
            if start:
                starts[index] = start
        new = {
            (items[index].register_id, items[index].subscriber_id)
            for index in starts
            if (items[index].register_id, items[index].subscriber_id) not in attendees
        }
        attendees.update(self._add(sorted(new)))
        inserted = self._add_intervals(
            [
                (index, self._attendee_id(attendees, items[index]), start)
                for index, start in starts.items()
            ],
            items,
        )
        for index in starts.keys() - inserted:
            codes[index] = "enrolled"
        self._tell(
            {
                self._attendee_id(attendees, items[index]): items[index]
                for index in inserted
            }
        )
        return [
            Enrolled(code, self._attendee_id(attendees, item))
            for code, item in zip(codes, items, strict=True)
        ]

    def unenrol(self, items: Sequence[Unenrol]) -> list[Enrolled]:
        """De-enrol those who are enrolled without an end.

        :raises AccessError: when somebody's register isn't handled by who acts
        """
        if not items:
            return []
        registers = self._open({i.register_id for i in items}, "write")
        attendees = self._known(items)
        ends: dict[int, datetime] = {}
        outcomes = []
        for item in items:
            attendee_id = self._attendee_id(attendees, item)
            code, end = self._finish(
                item, registers.browse(item.register_id), attendees, ends
            )
            if end and attendee_id:
                ends[attendee_id] = end
            outcomes.append(Enrolled(code, attendee_id))
        if ends:
            ordered = sorted(ends.items())
            self._query(
                SQL(
                    """
                    UPDATE spp_attendance_register_interval i
                       SET end_at = new.end_at, write_uid = %(uid)s, write_date = %(at)s
                      FROM unnest(%(ids)s::int[], %(ends)s::timestamp[])
                           AS new(attendee_id, end_at)
                     WHERE i.attendee_id = new.attendee_id AND i.end_at IS NULL
                 RETURNING i.id
                    """,
                    ids=[attendee_id for attendee_id, _end in ordered],
                    ends=[end for _attendee_id, end in ordered],
                    **self._stamp(),
                )
            )
            self._tell(dict.fromkeys(ends))
        return outcomes

    # ------------------------------------------------------------- the rules

    def _begin(
        self,
        item: Enrol,
        register: BaseModel,
        attendees: dict[tuple[int, int], tuple[int, Any, Any]],
    ) -> tuple[str | None, datetime | None]:
        """Why somebody can't be enrolled, or from when on."""
        opens, closes = register.start_at, register.end_at
        if closes and closes < self.now:
            return "ended", None
        _id, last_start, last_end = attendees.get(
            (item.register_id, item.subscriber_id), (None, None, None)
        )
        if item.start_at:
            start = item.start_at
            if start < opens or (closes and start > closes):
                return "outside", None
        elif last_start and not last_end:
            return "enrolled", None
        else:
            start = max(self.now, last_end or self.now)
            if closes and start > closes:
                return "outside", None
        end = item.end_at
        if end and (end < start or end < opens or (closes and end > closes)):
            return "outside", None
        return None, start

    def _finish(
        self,
        item: Unenrol,
        register: BaseModel,
        attendees: dict[tuple[int, int], tuple[int, Any, Any]],
        ended: Collection[int],
    ) -> tuple[str | None, datetime | None]:
        """Why somebody can't be de-enrolled, or from when on."""
        opens, closes = register.start_at, register.end_at
        end = item.end_at
        if end and (end < opens or (closes and end > closes)):
            return "outside", None
        attendee_id, start, known_end = attendees.get(
            (item.register_id, item.subscriber_id), (None, None, None)
        )
        if not start or known_end or attendee_id in ended:
            return "not_enrolled", None
        if end and end < start:
            return "before_start", None
        return None, end or max(self.now, start)

    def _check_people(self, items: Sequence[Enrol], registers: BaseModel) -> None:
        people = self.env["spp.attendance.subscriber"].search_fetch(
            [("id", "in", [item.subscriber_id for item in items])], ["company_id"]
        )
        companies = {person.id: person.company_id.id for person in people}
        for item in items:
            company = registers.browse(item.register_id).company_id
            if companies.get(item.subscriber_id) != company.id:
                raise UserError(
                    self.env._(
                        "Only active people of %(company)s can be enrolled in its"
                        " registers; person %(id)s is none of them.",
                        company=company.sudo().name,  # that of a register one handles
                        id=item.subscriber_id,
                    )
                )

    # ------------------------------------------------------------- the rows

    @staticmethod
    def _attendee_id(
        attendees: dict[tuple[int, int], tuple[int, Any, Any]], item: Enrol | Unenrol
    ) -> int | None:
        found = attendees.get((item.register_id, item.subscriber_id))
        return found and found[0]

    def _known(
        self, items: Sequence[Enrol | Unenrol]
    ) -> dict[tuple[int, int], tuple[int, Any, Any]]:
        """Of each (register, person): its row, start and end of the last enrolment."""
        pairs = {(item.register_id, item.subscriber_id) for item in items}
        rows = self._query(
            SQL(
                """
                SELECT a.register_id, a.subscriber_id, a.id, last.start_at, last.end_at
                  FROM spp_attendance_register_attendee a
                  JOIN unnest(%s::int[], %s::int[]) AS pair(register_id, subscriber_id)
                       USING (register_id, subscriber_id)
                  LEFT JOIN LATERAL (
                       SELECT start_at, end_at FROM spp_attendance_register_interval i
                        WHERE i.attendee_id = a.id
                     ORDER BY start_at DESC, id DESC LIMIT 1) AS last ON TRUE
                """,
                [register_id for register_id, _person in pairs],
                [person for _register_id, person in pairs],
            )
        )
        return {(row[0], row[1]): row[2:] for row in rows}

    def _add(
        self, pairs: Sequence[tuple[int, int]]
    ) -> dict[tuple[int, int], tuple[int, Any, Any]]:
        """Rows for those who were never on the register."""
        if not pairs:
            return {}
        rows = self._query(
            SQL(
                """
                INSERT INTO spp_attendance_register_attendee (
                       register_id, subscriber_id, company_id, uuid, created_by,
                       modified_by, create_uid, create_date, write_uid, write_date)
                SELECT r.id, new.subscriber_id, r.company_id, new.uuid, %(by)s, %(by)s,
                       %(uid)s, %(at)s, %(uid)s, %(at)s
                  FROM unnest(%(registers)s::int[], %(people)s::int[],
                              %(uuids)s::varchar[])
                       AS new(register_id, subscriber_id, uuid)
                  JOIN spp_attendance_register r ON r.id = new.register_id
              ORDER BY r.id, new.subscriber_id
           ON CONFLICT (register_id, subscriber_id) DO NOTHING
             RETURNING register_id, subscriber_id, id
                """,
                registers=[register_id for register_id, _person in pairs],
                people=[person for _register_id, person in pairs],
                uuids=[str(uuid.uuid4()) for _pair in pairs],
                **self._stamp(),
            )
        )
        return {(row[0], row[1]): (row[2], None, None) for row in rows}

    def _add_intervals(
        self, wanted: Sequence[tuple[int, int | None, datetime]], items: Sequence[Enrol]
    ) -> set[int]:
        """Enrolments, unless somebody is enrolled then.

        :param wanted: index of the item, attendee, start
        :return: indexes of those that were made
        """
        if not wanted:
            return set()
        wanted = sorted(wanted, key=lambda row: (row[1], row[0]))
        # Drawn beforehand, for what is returned has no order.
        [[ids]] = self._query(
            SQL(
                "SELECT array_agg(nextval('spp_attendance_register_interval_id_seq'))"
                " FROM generate_series(1, %s)",
                len(wanted),
            )
        )
        rows = self._query(
            SQL(
                """
                INSERT INTO spp_attendance_register_interval (
                       id, attendee_id, company_id, start_at, end_at,
                       create_uid, create_date, write_uid, write_date)
                SELECT new.id, a.id, a.company_id, new.start_at, new.end_at,
                       %(uid)s, %(at)s, %(uid)s, %(at)s
                  FROM unnest(%(ids)s::int[], %(attendees)s::int[],
                              %(starts)s::timestamp[], %(ends)s::timestamp[])
                       AS new(id, attendee_id, start_at, end_at)
                  JOIN spp_attendance_register_attendee a ON a.id = new.attendee_id
              ORDER BY new.id
           ON CONFLICT DO NOTHING
             RETURNING id
                """,
                ids=ids,
                attendees=[attendee_id for _index, attendee_id, _start in wanted],
                starts=[start for _index, _attendee_id, start in wanted],
                ends=[items[index].end_at for index, _id, _start in wanted],
                **self._stamp(),
            )
        )
        made = {row[0] for row in rows}
        return {
            row[0] for row, new_id in zip(wanted, ids, strict=True) if new_id in made
        }

    def _tell(self, items: dict[int, Enrol | None]) -> None:
        """Have attendees say what their last enrolment is, and what is new of them.

        :param items: by attendee, with a tag and details for who is enrolled
        """
        if items:
            ordered = sorted(items)
            new = [items[attendee_id] for attendee_id in ordered]
            self._query(
                SQL(
                    """
                    UPDATE spp_attendance_register_attendee a
                       SET enrolled_at = last.start_at, unenrolled_at = last.end_at,
                           tag = COALESCE(new.tag, a.tag),
                           additional_details = COALESCE(
                               new.details::jsonb, a.additional_details),
                           modified_by = %(by)s,
                           write_uid = %(uid)s, write_date = %(at)s
                      FROM unnest(%(ids)s::int[], %(tags)s::varchar[],
                                  %(details)s::text[]) AS new(id, tag, details)
                     CROSS JOIN LATERAL (
                           SELECT start_at, end_at
                             FROM spp_attendance_register_interval i
                            WHERE i.attendee_id = new.id
                         ORDER BY start_at DESC, id DESC LIMIT 1) AS last
                     WHERE a.id = new.id
                 RETURNING a.id
                    """,
                    ids=ordered,
                    tags=[item and item.tag for item in new],
                    details=[item and _json(item.details) for item in new],
                    **self._stamp(),
                )
            )
        self.env.invalidate_all(flush=False)


class StaffRows(_Rows):
    """Staff of registers."""

    def __init__(self, env: Environment) -> None:
        super().__init__(env, "spp.attendance.register.staff")

    def enrol(self, items: Sequence[EnrolStaff]) -> list[EnrolledStaff]:
        """Give those a permission who can have one.

        :raises AccessError: when somebody's register isn't handled by who acts
        """
        if not items:
            return []
        registers = self._open({i.register_id for i in items}, "create")
        users = self._users(items, registers)
        known = self._known(items)
        codes: list[str | None] = []
        starts: dict[int, datetime] = {}
        for index, item in enumerate(items):
            register = registers.browse(item.register_id)
            last_id, last_end = known.get(
                (item.register_id, item.user_uuid), (None, None)
            )
            code = None
            ended = register.end_at and register.end_at < self.now
            if ended and not item.is_first:
                code = "ended"
            elif not self._is_known(item, register, users):
                code = "unknown_user"
            elif last_id and not item.start_at and not self._is_over(last_end):
                code = "enrolled"
            else:
                starts[index] = item.start_at or max(self.now, last_end or self.now)
            codes.append(code)
        made = self._add(starts, items, registers, users)
        outcomes = []
        for index, (code, item) in enumerate(zip(codes, items, strict=True)):
            if index in starts and index not in made:
                code = "enrolled"
            last_id, _end = known.get((item.register_id, item.user_uuid), (None, None))
            outcomes.append(EnrolledStaff(code, made.get(index, last_id)))
        self.env.invalidate_all(flush=False)
        return outcomes

    def unenrol(self, items: Sequence[UnenrolStaff]) -> list[EnrolledStaff]:
        """End permissions, now or as soon as they begin.

        :raises AccessError: when somebody's register isn't handled by who acts
        """
        if not items:
            return []
        self._open({i.register_id for i in items}, "write")
        known = self._known(items)
        ended: set[int] = set()
        outcomes = []
        for item in items:
            staff_id, end = known.get((item.register_id, item.user_uuid), (None, None))
            code = None
            if staff_id is None:
                code = "never"
            elif self._is_over(end) or staff_id in ended:
                code = "already"
            else:
                ended.add(staff_id)
            outcomes.append(EnrolledStaff(code, staff_id))
        if ended:
            self._query(
                SQL(
                    """
                    UPDATE spp_attendance_register_staff
                       SET unenrolled_at = GREATEST(enrolled_at, %(now)s),
                           modified_by = %(by)s,
                           write_uid = %(uid)s, write_date = %(at)s
                     WHERE id = ANY(%(ids)s)
                 RETURNING id
                    """,
                    now=self.now,
                    ids=sorted(ended),
                    **self._stamp(),
                )
            )
            self.env.invalidate_all(flush=False)
        return outcomes

    def _is_over(self, end: datetime | None) -> bool:
        return bool(end and end <= self.now)

    def _users(
        self, items: Sequence[EnrolStaff], registers: BaseModel
    ) -> dict[int, dict[str, int]]:
        """By company, which users these are."""
        uuids = {item.user_uuid for item in items}
        return {
            company.id: self.env["res.users"]
            .with_company(company)
            ._find_by_attendance_uuid(uuids)
            for company in registers.company_id
        }

    def _is_known(
        self, item: EnrolStaff, register: BaseModel, users: dict[int, dict[str, int]]
    ) -> bool:
        if self.env.su or item.user_uuid in users[register.company_id.id]:
            return True
        actor = acting(self.env)
        if not actor:
            return False
        company_sudo = register.company_id.sudo()  # a setting, that anybody goes by
        return (
            item.user_uuid == actor.uuid or company_sudo.attendance_digit_create_unknown
        )

    def _known(
        self, items: Sequence[EnrolStaff | UnenrolStaff]
    ) -> dict[tuple[int, str], tuple[int, Any]]:
        """Of each (register, uuid): its last row and when that ends."""
        pairs = {(item.register_id, item.user_uuid) for item in items}
        rows = self._query(
            SQL(
                """
                SELECT DISTINCT ON (s.register_id, s.user_uuid)
                       s.register_id, s.user_uuid, s.id, s.unenrolled_at
                  FROM spp_attendance_register_staff s
                  JOIN unnest(%s::int[], %s::varchar[]) AS pair(register_id, user_uuid)
                       USING (register_id, user_uuid)
              ORDER BY s.register_id, s.user_uuid, s.enrolled_at DESC, s.id DESC
                """,
                [register_id for register_id, _uuid in pairs],
                [user_uuid for _register_id, user_uuid in pairs],
            )
        )
        return {(row[0], row[1]): row[2:] for row in rows}

    def _add(
        self,
        starts: dict[int, datetime],
        items: Sequence[EnrolStaff],
        registers: BaseModel,
        users: dict[int, dict[str, int]],
    ) -> dict[int, int]:
        """Permissions, unless somebody has one then: ``{index: id}`` of those made."""
        if not starts:
            return {}
        order = sorted(
            starts, key=lambda i: (items[i].register_id, items[i].user_uuid, i)
        )
        [[ids]] = self._query(
            SQL(
                "SELECT array_agg(nextval('spp_attendance_register_staff_id_seq'))"
                " FROM generate_series(1, %s)",
                len(order),
            )
        )
        wanted = [items[index] for index in order]
        rows = self._query(
            SQL(
                """
                INSERT INTO spp_attendance_register_staff (
                       id, register_id, company_id, uuid, user_uuid, user_id, name,
                       staff_type, enrolled_at, additional_details, created_by,
                       modified_by, create_uid, create_date, write_uid, write_date)
                SELECT new.id, r.id, r.company_id, new.uuid, new.user_uuid, u.id,
                       COALESCE(p.name, new.name), new.staff_type, new.enrolled_at,
                       new.details::jsonb, %(by)s, %(by)s,
                       %(uid)s, %(at)s, %(uid)s, %(at)s
                  FROM unnest(%(ids)s::int[], %(registers)s::int[],
                              %(uuids)s::varchar[], %(user_uuids)s::varchar[],
                              %(users)s::int[], %(names)s::varchar[],
                              %(types)s::varchar[], %(starts)s::timestamp[],
                              %(details)s::text[])
                       AS new(id, register_id, uuid, user_uuid, user_id, name,
                              staff_type, enrolled_at, details)
                  JOIN spp_attendance_register r ON r.id = new.register_id
                  LEFT JOIN res_users u ON u.id = new.user_id
                  LEFT JOIN res_partner p ON p.id = u.partner_id
              ORDER BY new.id
           ON CONFLICT DO NOTHING
             RETURNING id
                """,
                ids=ids,
                registers=[item.register_id for item in wanted],
                uuids=[str(uuid.uuid4()) for _item in wanted],
                user_uuids=[item.user_uuid for item in wanted],
                users=[
                    users[registers.browse(item.register_id).company_id.id].get(
                        item.user_uuid
                    )
                    for item in wanted
                ],
                names=[item.name for item in wanted],
                types=[item.staff_type for item in wanted],
                starts=[starts[index] for index in order],
                details=[_json(item.details) for item in wanted],
                **self._stamp(),
            )
        )
        made = {row[0] for row in rows}
        return {
            index: new_id
            for index, new_id in zip(order, ids, strict=True)
            if new_id in made
        }
