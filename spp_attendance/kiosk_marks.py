"""From the marks of a kiosk to records, or to lines in the log of what was refused.

Used through ``spp.attendance.kiosk._take_marks``. Here it is decided whose a mark is;
what a record may be is decided by ``_ingest``, and who may be registered by
``_upsert``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any, NamedTuple

from odoo import fields
from odoo.fields import Domain
from odoo.models import BaseModel
from odoo.tools import SQL

from odoo.addons.spp_oauth.api import TooManyRequests

from .api import MarkIn, MarkOutcome
from .engine.localtime import to_local
from .engine.names import is_same_name, word_list

#: Who is refused, or registers people, more often than this within so many seconds,
#: has to wait.
MAX_REFUSALS = 20
REFUSAL_WINDOW = 60
#: After so many wrong PINs within so many minutes a person's PIN isn't looked at.
MAX_WRONG_PINS = 5
PIN_WINDOW = timedelta(minutes=5)
#: So many PINs are looked at in a request: each takes up to a second, on purpose, and
#: the tablet doesn't wait for ever. What is left it sends at once again.
MAX_PIN_CHECKS = 10
#: What is nobody's guess once it is known whose the mark is, and so isn't held against
#: a tablet that was long offline.
_NO_GUESS = ("not_offered", "too_old", "rejected")

_REFUSAL_COLUMNS = {
    "uuid": "varchar",
    "date_time": "timestamp",
    "local_date": "date",
    "local_time": "varchar",
    "tablet_time": "varchar",
    "person_identifier": "varchar",
    "claimed_name": "varchar",
    "badge": "varchar",
    "attendant": "varchar",
    "category": "varchar",
    "type_id": "int4",
    "code": "varchar",
    "reason": "varchar",
    "state": "varchar",
    "subscriber_id": "int4",
}


class _Mark(NamedTuple):
    """A mark with its times, naive: ``date_time`` in UTC, ``local`` at the kiosk."""

    given: MarkIn
    uuid: str
    date_time: datetime
    local: datetime


class _Refusal(Exception):
    """A mark that doesn't become a record now."""

    def __init__(
        self,
        code: str,
        *,
        queue: bool = False,
        person: BaseModel | None = None,
        reason: str | None = None,
    ) -> None:
        super().__init__(code)
        self.code = code
        self.state = "queued" if queue else "refused"
        self.person = person
        self.reason = reason


class KioskMarks:
    """The marks of one request.

    :param kiosk: acting as its service user
    :param sent_at: the tablet's clock as it sent them, milliseconds since 1970
    :param received_at: the server's clock then, milliseconds since 1970
    """

    def __init__(self, kiosk: BaseModel, sent_at: int, received_at: int) -> None:
        self.env = kiosk.env
        self.kiosk = kiosk
        self.sent_at = sent_at
        self.received_at = received_at
        self.now = fields.Datetime.now()
        self.tz = kiosk.location_id.tz
        self.refused: list[tuple[_Mark, _Refusal]] = []
        self.pin_checks = 0

    def run(self, given: Sequence[MarkIn]) -> list[MarkOutcome]:
        """Record or log them.

        :return: one outcome a mark, in order; none for those that were not looked at
        :raises TooManyRequests: when too many were refused of late
        """
        self.guesses = self._count_guesses()
        marks = [self._place(mark) for mark in given]
        done = self._find_done(marks)
        fresh = {mark.uuid: mark for mark in marks if mark.uuid not in done}
        accepted: list[tuple[_Mark, BaseModel]] = []
        unknown: list[_Mark] = []
        if fresh:
            self._find(fresh.values())
            for mark in fresh.values():
                if self.guesses > MAX_REFUSALS or self.pin_checks >= MAX_PIN_CHECKS:
                    break
                try:
                    person = self._judge(mark.given, mark.date_time)
                    if person:
                        accepted.append((mark, person))
                    else:
                        self.guesses += 1
                        unknown.append(mark)
                    done[mark.uuid] = "noted"
                except _Refusal as refusal:
                    self._refuse(mark, refusal)
            accepted += self._register(unknown)
            self._record(accepted)
            self._log()
            done.update((mark.uuid, self._said(r.state)) for mark, r in self.refused)
        return [
            MarkOutcome.model_construct(
                uuid=mark.uuid,
                status=done[mark.uuid],
                time=mark.local.strftime("%H:%M"),
                message=done[mark.uuid],
            )
            for mark in marks
            if mark.uuid in done
        ]

    # ------------------------------------------------------------- resolving

    def _place(self, given: MarkIn) -> _Mark:
        instant = given.instant(self.sent_at, self.received_at)
        date_time = instant.astimezone(UTC).replace(tzinfo=None)
        local = to_local(date_time, self.tz)
        return _Mark(given, str(given.uuid), date_time, local)

    def _count_guesses(self) -> int:
        """How many marks were refused, or registered somebody, within the last minute.

        :raises TooManyRequests: when that is too many
        """
        since = self.now - timedelta(seconds=REFUSAL_WINDOW)
        rows = self.env.execute_query(
            SQL(
                """
                (SELECT create_date FROM spp_attendance_kiosk_refusal
                  WHERE kiosk_id = %(kiosk)s AND create_date > %(since)s
                    AND (subscriber_id IS NULL OR code <> ALL(%(no_guess)s))
               ORDER BY create_date DESC LIMIT %(limit)s)
              UNION ALL
                 SELECT create_date
                   FROM (SELECT create_date, create_uid FROM spp_attendance_subscriber
                       ORDER BY id DESC LIMIT %(newest)s) AS newest
                  WHERE create_uid = %(uid)s AND create_date > %(since)s
               ORDER BY create_date DESC LIMIT %(limit)s
                """,
                kiosk=self.kiosk.id,
                since=since,
                no_guess=list(_NO_GUESS),
                limit=MAX_REFUSALS + 1,
                # Of a minute, when nothing is imported besides; there is no index.
                newest=20 * MAX_REFUSALS,
                uid=self.env.uid,
            )
        )
        if len(rows) > MAX_REFUSALS:
            wait = rows[-1][0] - since
            raise TooManyRequests(max(1, ceil(wait.total_seconds())))
        return len(rows)

    def _find_done(self, marks: list[_Mark]) -> dict[str, str]:
        """What was said of marks that came before, by their uuid."""
        uuids = [mark.uuid for mark in marks]
        records = self.env["spp.attendance.record"].with_context(active_test=False)
        recorded = records.search_fetch(
            Domain("company_id", "=", self.kiosk.company_id.id)
            & Domain("origin", "=", self.kiosk._mark_origin())
            & Domain("external_id", "in", uuids),
            ["external_id"],
        )
        logged = self.env["spp.attendance.kiosk.refusal"].search_fetch(
            Domain("kiosk_id", "=", self.kiosk.id) & Domain("uuid", "in", uuids),
            ["uuid", "state"],
        )
        done = {line.uuid: self._said(line.state, again=True) for line in logged}
        done.update((record.external_id, "again") for record in recorded)
        return done

    @staticmethod
    def _said(state: str, *, again: bool = False) -> str:
        """What the page is told of a mark that is in the log."""
        if state == "refused":
            return "refused"
        return "again" if again else "noted"

    def _find(self, marks: Sequence[_Mark]) -> None:
        """Find all that the marks speak of, archived people too."""
        company = Domain("company_id", "=", self.kiosk.company_id.id)
        people = self.env["spp.attendance.subscriber"].with_context(active_test=False)
        given = [mark.given for mark in marks]
        self.by_identifier = people._by_identifier(
            {mark.identifier for mark in given if not mark.badge}
        )
        self.by_badge = people._by_badge({mark.badge for mark in given})
        uuids = [str(mark.person) for mark in given if mark.person]
        listed = people.search_fetch(company & Domain("uuid", "in", uuids), ["uuid"])
        self.by_uuid = {person.uuid: person for person in listed}
        types = self.env["spp.attendance.type"].search(
            Domain("id", "in", [mark.type for mark in given if mark.type])
            & Domain("company_id", "in", [self.kiosk.company_id.id, False])
        )
        self.types = set(types.ids)
        self.offered = self.kiosk.type_ids.ids
        found = people.union(*self.by_identifier.values(), *self.by_badge.values())
        found |= listed
        found.fetch(["active", "partner_id"])
        found.partner_id.fetch(["name"])
        self.hashes: dict[int, str] = {}
        self.wrong_pins: Counter[int] = Counter()
        if self.kiosk.require_pin:
            self.pin_context = self.env["res.users"]._crypt_context()
            # Nobody may read them; they are only compared.
            found_sudo = found.sudo()
            found_sudo.fetch(["pin_hash"])
            self.hashes = {p.id: p.pin_hash for p in found_sudo if p.pin_hash}
            self.wrong_pins.update(dict(self._count_wrong_pins(found)))

    def _count_wrong_pins(self, people: BaseModel) -> list[tuple[int, int]]:
        return self.env.execute_query(
            SQL(
                "SELECT subscriber_id, count(*) FROM spp_attendance_kiosk_refusal"
                " WHERE kiosk_id = %s AND create_date > %s AND code = 'wrong_pin'"
                "   AND subscriber_id = ANY(%s)"
                " GROUP BY subscriber_id",
                self.kiosk.id,
                self.now - PIN_WINDOW,
                people.ids,
            )
        )

    # --------------------------------------------------------------- judging

    def _judge(self, mark: MarkIn, date_time: datetime) -> BaseModel | None:
        """Whose a mark is; None for somebody who is to be registered.

        :raises _Refusal: when it isn't to be recorded now
        """
        person = self._identify(mark)
        is_new = person is None
        if mark.person is None:
            if self.kiosk.require_pin and not mark.pin:
                # Said of anybody, or it would tell who is known.
                raise _Refusal("incomplete", person=person)
            # Whoever isn't known costs as much time as who is.
            is_right_pin = self._check_pin(mark, person)
        if not is_new:
            if not person.active:
                queue = self.kiosk.unknown_policy != "refuse"
                raise _Refusal("archived", queue=queue, person=person)
            queue = self.kiosk.mismatch_policy == "queue"
            if mark.person is None:
                if not mark.badge and not is_same_name(mark.name, person.name or ""):
                    raise _Refusal("name_mismatch", queue=queue, person=person)
                if self.kiosk.require_pin:
                    self._demand_pin(person, is_right_pin, queue)
        elif (
            self.kiosk.unknown_policy != "create"
            or not mark.identifier
            or not word_list(mark.name or "")
        ):
            queue = self.kiosk.unknown_policy != "refuse"
            raise _Refusal("unknown", queue=queue)
        if date_time < self.now - timedelta(days=self.kiosk.max_age_days):
            raise _Refusal("too_old", queue=True, person=person)
        if not self._is_offered(mark):
            raise _Refusal("not_offered", queue=True, person=person)
        return person

    def _identify(self, mark: MarkIn) -> BaseModel | None:
        """Who is meant, None for who is not known.

        :raises _Refusal: when nobody is meant, or in a way that this kiosk doesn't know
        """
        ways = self.kiosk.identification
        if bool(mark.person) != (self.kiosk.mode == "attendant"):
            # An attendant's list is had with a code; without it nobody marks there.
            raise _Refusal("not_offered", queue=True)
        if mark.person:
            person = self.by_uuid.get(str(mark.person))
        elif mark.badge:
            if ways == "identifier_name":
                raise _Refusal("not_offered", queue=True)
            person = self.by_badge.get(mark.badge)
        elif mark.identifier and mark.name:
            if ways == "badge":
                raise _Refusal("not_offered", queue=True)
            person = self.by_identifier.get(mark.identifier)
        else:
            raise _Refusal("incomplete")
        return person

    def _check_pin(self, mark: MarkIn, person: BaseModel | None) -> bool:
        """Whether the PIN is the person's; takes as long if there is no such person."""
        if not self.kiosk.require_pin or not mark.pin:
            return False
        self.pin_checks += 1
        pin_hash = self.hashes.get(person.id) if person else None
        if not pin_hash or self.wrong_pins[person.id] >= MAX_WRONG_PINS:
            self.pin_context.hash(mark.pin)
            return False
        return self.pin_context.verify(mark.pin, pin_hash)

    def _demand_pin(self, person: BaseModel, is_right: bool, queue: bool) -> None:
        """Refuse a wrong PIN; as a wrong name is, or it would tell that that is right.

        :raises _Refusal: also when there is no PIN, or its guesses are used up
        """
        if self.wrong_pins[person.id] >= MAX_WRONG_PINS:
            raise _Refusal("pin_locked", queue=queue, person=person)
        if person.id not in self.hashes:
            raise _Refusal("no_pin", queue=queue, person=person)
        if not is_right:
            self.wrong_pins[person.id] += 1
            raise _Refusal("wrong_pin", queue=queue, person=person)

    def _type_id(self, mark: MarkIn) -> int | None:
        """The type of a mark, None for none."""
        if mark.type is None and len(self.offered) == 1:
            return self.offered[0]
        return mark.type

    def _is_offered(self, mark: MarkIn) -> bool:
        """Whether the kiosk takes marks of that type.

        An attendant marks who is expected, and so for the types of events too.
        """
        if mark.type is None:
            return len(self.offered) <= 1
        return mark.type in (self.types if mark.person else self.offered)

    # --------------------------------------------------------------- writing

    def _register(self, marks: list[_Mark]) -> list[tuple[_Mark, BaseModel]]:
        """Register who is not known yet; the first mark of somebody gives the name."""
        first: dict[str, _Mark] = {}
        for mark in marks:
            first.setdefault(mark.given.identifier, mark)
        if not first:
            return []
        people = self.env["spp.attendance.subscriber"]
        outcomes = people._upsert(
            [
                {"person_identifier": identifier, "name": mark.given.name}
                for identifier, mark in first.items()
            ]
        )
        by_identifier = dict(zip(first, outcomes, strict=True))
        accepted = []
        for mark in marks:
            outcome = by_identifier[mark.given.identifier]
            name = first[mark.given.identifier].given.name
            if outcome.status == "rejected":
                # "conflict": another kiosk has just registered them.
                queue = outcome.code == "conflict"
                refusal = _Refusal("rejected", queue=queue, reason=outcome.reason)
                self._refuse(mark, refusal)
                continue
            person = people.browse(outcome.id)
            if mark.given.name != name and not is_same_name(mark.given.name, name):
                queue = self.kiosk.mismatch_policy == "queue"
                self._refuse(
                    mark, _Refusal("name_mismatch", queue=queue, person=person)
                )
                continue
            accepted.append((mark, person))
        return accepted

    def _record(self, accepted: list[tuple[_Mark, BaseModel]]) -> None:
        if not accepted:
            return
        facts = [
            self.kiosk._fact(
                person,
                uuid=mark.uuid,
                date_time=mark.date_time,
                category=mark.given.category,
                type_id=self._type_id(mark.given),
                tablet_time=mark.given.tablet_time(),
                claimed_name=mark.given.name,
                attendant=mark.given.attendant,
            )
            for mark, person in accepted
        ]
        for (mark, person), outcome in zip(
            accepted, self.kiosk._ingest(facts), strict=True
        ):
            if outcome.status == "rejected":
                # What is not the clock's fault is none of who marked: an archived
                # location, say. Somebody has to see to it, and nothing is lost.
                refusal = _Refusal(
                    "rejected",
                    queue=outcome.code != "in_the_future",
                    person=person,
                    reason=outcome.reason,
                )
                self._refuse(mark, refusal)

    def _refuse(self, mark: _Mark, refusal: _Refusal) -> None:
        self.guesses += not refusal.person or refusal.code not in _NO_GUESS
        self.refused.append((mark, refusal))

    def _log(self) -> None:
        """Write down what was refused: at once, and though nobody has the right to."""
        if not self.refused:
            return
        rows = [self._refusal_row(mark, refusal) for mark, refusal in self.refused]
        names = SQL(", ").join(map(SQL.identifier, _REFUSAL_COLUMNS))
        refusals = self.env["spp.attendance.kiosk.refusal"]
        refusals.flush_model()
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO spp_attendance_kiosk_refusal (
                    kiosk_id, company_id, location_id, tz, create_uid, create_date,
                    write_uid, write_date, %(names)s)
                SELECT %(kiosk)s, %(company)s, %(location)s, %(tz)s, %(uid)s, %(now)s,
                       %(uid)s, %(now)s, %(names)s
                  FROM unnest(%(arrays)s) WITH ORDINALITY AS r(%(names)s, position)
              ORDER BY position
                    ON CONFLICT DO NOTHING
                """,
                names=names,
                kiosk=self.kiosk.id,
                company=self.kiosk.company_id.id,
                location=self.kiosk.location_id.id,
                tz=self.tz,
                uid=self.env.uid,
                now=self.now,
                arrays=SQL(", ").join(
                    SQL(f"%s::{pg_type}[]", list(column))  # pylint: disable=sql-injection
                    for pg_type, column in zip(
                        _REFUSAL_COLUMNS.values(), zip(*rows, strict=True), strict=True
                    )
                ),
            ),
            # The same mark may come twice at once: the transaction is run again.
            log_exceptions=False,
        )
        refusals.invalidate_model(flush=False)

    def _refusal_row(self, mark: _Mark, refusal: _Refusal) -> tuple[Any, ...]:
        """Values of ``_REFUSAL_COLUMNS``."""
        given = mark.given
        type_id = self._type_id(given)
        return (
            mark.uuid,
            mark.date_time,
            mark.local.date(),
            mark.local.strftime("%H:%M:%S"),
            given.tablet_time(),
            given.identifier,
            given.name,
            given.badge,
            given.attendant,
            given.category,
            type_id if type_id in self.types or type_id in self.offered else None,
            refusal.code,
            refusal.reason,
            refusal.state,
            refusal.person.id if refusal.person else None,
        )
