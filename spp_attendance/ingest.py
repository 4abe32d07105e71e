"""The one way in: from a batch of facts to records, in a fixed number of statements.

Used through ``spp.attendance.record._ingest``. Nothing here bypasses who may do what:
people, types, locations and registers are found as the user, registers are marked by
their rules alone, and what was inserted is held against his create rules before anybody
can see it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

from odoo import fields
from odoo.api import Environment
from odoo.fields import Domain
from odoo.tools import SQL

from .api import FACTS, Fact, Outcome, RecordIn, Refused
from .engine.localtime import LocalTimeError, is_far_future, parse, place, zone
from .engine.register_rules import RefusalCode, RegisterFound, handling_refusal, refusal
from .engine.scan_types import DIRECTIONS
from .references import Found, Rejection, find_references, resolve
from .registers import find_intervals, find_registers, reason

#: What differs from row to row: column, PostgreSQL type, and whether its text comes
#: from outside and may hold any character.
_COLUMNS = (
    ("subscriber_id", "int4", False),
    ("date_time", "timestamp", False),
    ("local_date", "date", False),
    ("local_time", "varchar", False),
    ("local_time_raw", "varchar", True),
    ("tz", "varchar", True),
    ("category", "varchar", False),
    ("scan_type", "varchar", False),
    ("direction", "varchar", False),
    ("type_id", "int4", False),
    ("location_id", "int4", False),
    ("register_id", "int4", False),
    ("description", "text", True),
    ("url", "varchar", True),
    ("external_id", "varchar", True),
    ("external_digest", "varchar", False),
)


def _array_literal(values: Iterable[Any], escape: bool) -> str:
    """A PostgreSQL array literal, to be passed as one parameter.

    psycopg2 adapts a list element by element, which costs more than all else here.
    """
    if escape:
        values = (
            value and value.replace("\\", "\\\\").replace('"', '\\"')
            for value in values
        )
    texts = ("NULL" if value is None else f'"{value}"' for value in values)
    return "{" + ",".join(texts) + "}"


class Ingest:
    """One batch on its way into the database.

    :param env: environment of the user and company in whose name it is done
    :param source: a value of ``spp.attendance.record.source``
    :param origin: whose external ids these are, such as ``device/7``
    """

    def __init__(self, env: Environment, source: str, origin: str | None) -> None:
        self.env = env
        self.model = env["spp.attendance.record"]
        self.company = env.company
        self.source = source
        self.origin = origin or f"user/{env.uid}"
        self.now = fields.Datetime.now()
        extra = self.model._ingest_columns()
        self.columns = (
            *_COLUMNS,
            *(
                (name, pg_type, pg_type in ("varchar", "text", "jsonb"))
                for name, (pg_type, _get) in extra.items()
            ),
        )
        self.getters = [get for _pg_type, get in extra.values()]

    def run(
        self, batch: Sequence[RecordIn | Refused | dict[str, Any]]
    ) -> list[Outcome]:
        """Write what can be written and tell what became of each item.

        :raises AccessError: when the user may not create records at all
        :raises psycopg2.errors.SerializationFailure: when another transaction wrote the
            same facts meanwhile: the caller's transaction is to be run again
        """
        self.model.browse().check_access("create")
        items = (
            FACTS.validate_python(batch)
            if any(isinstance(item, dict) for item in batch)
            else batch
        )
        valid = [item for item in items if not isinstance(item, Refused)]
        self.company_tz = self.model._lock_rules(self.company.ids)[self.company.id]
        self.people = self._find_people(valid)
        self.types = find_references(
            self.env, "spp.attendance.type", {item.type for item in valid}
        )
        self.locations = find_references(
            self.env, "spp.attendance.location", {item.location for item in valid}, "tz"
        )
        self.registers = find_registers(self.env, (i.register_ref for i in valid))
        self.intervals = find_intervals(self.env, self._pairs(valid))
        outcomes: list[Outcome] = [None] * len(items)  # type: ignore[list-item]
        rows: list[tuple[Any, ...]] = []
        indexes: list[int] = []
        for index, item in enumerate(items):
            try:
                rows.append(self._row(item))
                indexes.append(index)
            except Rejection as rejection:
                outcomes[index] = Outcome(
                    index, "rejected", None, str(rejection), rejection.code
                )
        if rows:
            for index, outcome in zip(indexes, self._insert(rows), strict=True):
                outcomes[index] = Outcome(index, *outcome)
            self._announce(outcomes)
            self._have_days_computed(outcomes)
        return outcomes

    def _have_days_computed(self, outcomes: Sequence[Outcome]) -> None:
        created = [o.id for o in outcomes if o.status == "created"]
        if created:
            self.env["spp.attendance.day.queue"]._enqueue_records(created)

    def _announce(self, outcomes: Sequence[Outcome]) -> None:
        """Have the live feed tell of what is new; not of history that is imported."""
        if self.source != "import":
            created = [o.id for o in outcomes if o.status == "created"]
            self.env["spp.attendance.live"]._announce(self.model._name, created)

    # ------------------------------------------------------------ resolving

    def _find_people(self, items: Sequence[RecordIn]) -> dict[int | str, Found]:
        """Subscribers the user may see, by id and identifier, former ones included."""
        ids = {
            item.subscriber_id
            for item in items
            if isinstance(item, Fact) and item.subscriber_id
        }
        identifiers = {item.person_identifier for item in items} - {None}
        model = self.env["spp.attendance.subscriber"]
        rows = model._find_people(identifiers, ids, ("tz",))
        people: dict[int | str, Found] = {}
        for person_id, _identifier, former, tz in rows:
            people.update(dict.fromkeys(former, Found(person_id, tz)))
        # Whoever bears an identifier now is meant, not who bore it once.
        for person_id, identifier, _former, tz in rows:
            people[person_id] = people[identifier] = Found(person_id, tz)
        return people

    def _pairs(self, items: Sequence[RecordIn]) -> Iterable[tuple[int, int]]:
        """Who is to be marked on which register."""
        if not self.registers:
            return
        for item in items:
            register = self.registers.get(item.register_ref)  # type: ignore[arg-type]
            person = self.people.get(self._reference(item))
            if register and person:
                yield register.id, person.id  # type: ignore[misc]

    @staticmethod
    def _reference(item: RecordIn) -> int | str:
        """Whom an item is about."""
        person = item.subscriber_id if isinstance(item, Fact) else None
        return person or item.person_identifier  # type: ignore[return-value]

    def _register(self, item: RecordIn) -> RegisterFound | None:
        """The register of an item, if it is of one.

        :raises Rejection: when the user sees no such register, or may not mark it
        """
        if item.register_ref is None:
            return None
        register = self.registers.get(item.register_ref)
        # The system itself is above the rules: it restores, moves and demonstrates.
        if register is None or not self.env.su:
            self._refuse_if(handling_refusal(register), register, item)
        return register

    def _refuse_if(
        self,
        code: RefusalCode | None,
        register: RegisterFound | None,
        item: RecordIn,
    ) -> None:
        if code:
            name = register.number if register else item.register_ref
            raise Rejection(code, reason(self.env, code, name))

    def _row(self, item: RecordIn | Refused) -> tuple[Any, ...]:
        """The values of ``columns`` for an item.

        :raises Rejection: when it can't be a record
        """
        if isinstance(item, Refused):
            raise Rejection("invalid", item.reason)
        tz = raw = log_type = None
        scan_type = "none"
        extra = [None] * len(self.getters)
        if isinstance(item, Fact):
            tz, raw, scan_type = item.tz, item.local_time_raw, item.scan_type
            log_type = item.log_type
            extra = [get(item) for get in self.getters]
        register = self._register(item)
        reference = self._reference(item)
        person = self.people.get(reference)
        if person is None:
            raise Rejection(
                "unknown_person",
                f"No active person here has the identifier {reference!r}.",
            )
        type_id = resolve("type", self.types, item.type).id
        location = resolve("location", self.locations, item.location)
        if register:
            type_id = type_id or register.type_id
            if location.id is None:
                location = Found(register.location_id, register.tz)
        tz = tz or location.tz or person.tz or self.company_tz
        try:
            zone(tz)
            value = item.date_time
            if isinstance(value, str):
                value = parse(value)
                if value.tzinfo is None:
                    raw = item.date_time
            instant, local = place(value, tz)
        except LocalTimeError as error:
            raise Rejection("invalid_date_time", str(error)) from error
        if register:
            # Its dates bound it, be they to come or not.
            if not self.env.su:
                enrolled = self.intervals.get((register.id, person.id), ())  # type: ignore[arg-type]
                self._refuse_if(refusal(register, instant, enrolled), register, item)
        elif is_far_future(instant, self.now):
            raise Rejection(
                "in_the_future",
                f"{item.date_time} is more than a day ahead; check date and offset.",
            )
        external_id = digest = None
        if item.external_id is not None:
            external_id = item.external_id
            content = (
                person.id,
                instant,
                item.category,
                scan_type,
                item.type,
                item.location,
                item.description,
                item.url,
                # As it was before there were registers, for what was sent then.
                *((register.id, log_type) if register else ()),
            )
            digest = blake2b(repr(content).encode(), digest_size=8).hexdigest()
        date, _, time = str(local.replace(microsecond=0)).partition(" ")
        return (
            person.id,
            instant,
            date,
            time,
            raw,
            tz,
            item.category,
            scan_type,
            DIRECTIONS[scan_type],
            type_id,
            location.id,
            register.id if register else None,
            item.description,
            item.url,
            external_id,
            digest,
            *extra,
        )

    # ------------------------------------------------------------ inserting

    def _insert(self, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Insert rows; for each ``(status, id, reason, code)``."""
        self.model.flush_model()
        cr = self.env.cr
        cr.execute(
            "SELECT nextval('spp_attendance_record_id_seq')"
            "  FROM generate_series(1, %s)",
            [len(rows)],
        )
        ids = [new_id for (new_id,) in cr.fetchall()]
        self.arrays = dict(
            zip(
                (column for column, _type, _escape in self.columns),
                (
                    _array_literal(values, escape)
                    for values, (_column, _type, escape) in zip(
                        zip(*rows, strict=True), self.columns, strict=True
                    )
                ),
                strict=True,
            )
        )
        columns = [SQL.identifier(column) for column, _type, _escape in self.columns]
        # Sorted, so that batches which overlap wait for each other and don't deadlock.
        # Not logged on failure: a serialization failure here is no error, it is how two
        # senders of one fact find out, and the transaction is run again.
        statement = SQL(
            """
            INSERT INTO spp_attendance_record (
                id, create_uid, create_date, write_uid, write_date, active,
                company_id, source, origin, %(columns)s, uniqueness_key)
            SELECT r.id, %(uid)s, %(now)s, %(uid)s, %(now)s, TRUE,
                   c.id, %(source)s, %(origin)s, %(values)s, %(key)s
              FROM %(rows)s
              JOIN res_company c ON c.id = %(company)s
          ORDER BY r.subscriber_id, r.id
            ON CONFLICT DO NOTHING
         RETURNING id
            """,
            columns=SQL(", ").join(columns),
            values=SQL(", ").join(SQL("r.%s", column) for column in columns),
            uid=self.env.uid,
            now=self.now,
            source=self.source,
            origin=self.origin,
            key=self.model._uniqueness_key_sql("r", "c"),
            rows=self._rows_sql(ids),
            company=self.company.id,
        )
        cr.execute(statement, log_exceptions=False)
        created = {new_id for (new_id,) in cr.fetchall()}
        self.model.invalidate_model(flush=False)
        forbidden = self._forbidden(created)
        existing = self._existing(ids, created) if len(created) < len(ids) else {}
        if forbidden:
            cr.execute(
                "DELETE FROM spp_attendance_record WHERE id = ANY(%s)",
                [list(forbidden)],
            )
        return [self._outcome(new_id, created, existing, forbidden) for new_id in ids]

    def _rows_sql(self, ids: list[int]) -> SQL:
        """The rows as a table ``r`` with the columns of a record."""
        arrays = [
            SQL("%s::int4[]", _array_literal(ids, escape=False)),
            *(
                SQL(f"%s::{pg_type}[]", self.arrays[column])  # pylint: disable=sql-injection
                for column, pg_type, _escape in self.columns
            ),
        ]
        names = ["id", *(column for column, _type, _escape in self.columns)]
        return SQL(
            "unnest(%s) AS r(%s)",
            SQL(", ").join(arrays),
            SQL(", ").join(SQL.identifier(name) for name in names),
        )

    def _forbidden(self, created: set[int]) -> set[int]:
        """Those of the new records that the user's rules don't let him create."""
        allowed = self.env["ir.rule"]._compute_domain(self.model._name, "create")
        if self.env.su or allowed.is_true() or not created:
            return set()
        # As superuser, because the rule itself is the condition: read rules mixed into
        # it would hide what is to be judged.
        unrestricted_sudo = self.model.sudo().with_context(active_test=False)
        query = unrestricted_sudo._search(Domain("id", "in", list(created)) & allowed)
        rows = self.env.execute_query(
            SQL(
                "SELECT unnest(%s::int4[]) EXCEPT %s",
                _array_literal(created, escape=False),
                query.subselect(),
            )
        )
        return {record_id for (record_id,) in rows}

    def _existing(
        self, ids: list[int], created: set[int]
    ) -> dict[int, tuple[int | None, bool | None, int | None]]:
        """Which records stood in the way of rows that were not inserted.

        :return: by pre-drawn id: the record with the same external id and whether its
            content is the same, and the record with the same uniqueness key
        """
        skipped = [new_id for new_id in ids if new_id not in created]
        rows = self.env.execute_query(
            SQL(
                """
                SELECT r.id, e.id, e.external_digest = r.external_digest, k.id
                  FROM %(rows)s
                  JOIN res_company c ON c.id = %(company)s
             LEFT JOIN spp_attendance_record e
                    ON e.company_id = c.id AND e.origin = %(origin)s
                   AND e.external_id = r.external_id
             LEFT JOIN spp_attendance_record k
                    ON k.subscriber_id = r.subscriber_id
                   AND k.uniqueness_key = %(key)s
                 WHERE r.id = ANY(%(skipped)s::int4[])
                """,
                rows=self._rows_sql(ids),
                company=self.company.id,
                origin=self.origin,
                key=self.model._uniqueness_key_sql("r", "c"),
                skipped=_array_literal(skipped, escape=False),
            )
        )
        return {new_id: tuple(match) for new_id, *match in rows}

    @staticmethod
    def _outcome(
        new_id: int,
        created: set[int],
        existing: dict[int, tuple[int | None, bool | None, int | None]],
        forbidden: set[int],
    ) -> tuple[Any, ...]:
        by_external_id, same_content, by_key = existing.get(new_id, (None, None, None))
        record_id = by_external_id or by_key or new_id
        if record_id in forbidden:
            return (
                "rejected",
                None,
                "You may not record attendance at this location.",
                "forbidden",
            )
        if new_id in created:
            return ("created", new_id, None, None)
        if by_external_id and not same_content:
            return (
                "rejected",
                None,
                f"external_id was used before, with other content, for record"
                f" {by_external_id}.",
                "external_id_conflict",
            )
        if record_id == new_id:  # a unique index of another addon
            return ("rejected", None, "It contradicts another record.", "conflict")
        return ("duplicate", record_id, None, None)
