"""People from a registry, by identifier: whoever is new is registered, others changed.

Used through ``spp.attendance.subscriber._upsert``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from psycopg2 import IntegrityError

from odoo.api import Environment
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command, Domain
from odoo.models import BaseModel

from .api import PEOPLE, Outcome, PersonIn, Refused
from .quiet import quiet_sql
from .references import Found, Rejection, find_references, resolve

#: Fields of an item that are a field of the subscriber, by the same name.
_PLAIN = (
    "name",
    "family_name",
    "given_name",
    "additional_name",
    "gender",
    "email",
    "phone",
    "mobile",
    "designation",
    "level_of_work",
    "work_from",
    "work_to",
    "tz",
    "badge",
    "active",
)


class _Change(NamedTuple):
    """What an item comes to: whom to change, if anybody, and to what."""

    index: int
    values: dict[str, Any]
    person_id: int | None = None


class Upsert:
    """One batch of people on its way into the registry.

    :param env: environment of the user and company in whose name it is done
    :ivar changes: what the last batch changed, by index: (field, old, new), references
        as records, their new value as an id
    :ivar repeats: of its items that name somebody again, by index, which was the first
    """

    changes: dict[int, list[tuple[str, Any, Any]]]
    repeats: dict[int, int]

    def __init__(self, env: Environment) -> None:
        self.env = env
        # A message on each contact would cost more than all else, and tell nobody more
        # than the registry itself does.
        self.model = env["spp.attendance.subscriber"].with_context(
            active_test=False, tracking_disable=True
        )

    def run(
        self, batch: Sequence[PersonIn | Refused | dict[str, Any]]
    ) -> list[Outcome]:
        """Write what can be written and tell what became of each item.

        :raises AccessError: when the user may not register people at all
        """
        self.model.browse().check_access("create")
        self.model.browse().check_access("write")
        items = (
            PEOPLE.validate_python(batch)
            if any(isinstance(item, dict) for item in batch)
            else batch
        )
        valid = [item for item in items if not isinstance(item, Refused)]
        people = self._find_people(valid)
        self.departments = find_references(
            self.env, "spp.attendance.department", {item.department for item in valid}
        )
        self.locations = find_references(
            self.env, "spp.attendance.location", {item.location for item in valid}
        )
        self.tags = self._find_tags(valid)
        self.zones = self.model._zones()
        outcomes: dict[int, Outcome] = {}
        self.changes = {}
        self.repeats = {}
        new: list[_Change] = []
        known: list[_Change] = []
        first: dict[int | str, int] = {}
        for index, item in enumerate(items):
            try:
                values = self._values(item)
                identifier = item.person_identifier
                person = people.get(identifier)
                # Two identifiers may be one person's since people were merged.
                before = first.setdefault(person.id if person else identifier, index)
                if before != index:
                    self.repeats[index] = before
                    raise Rejection(
                        "repeated", f"Item {before} of this batch is the same person."
                    )
                if not person:
                    values.update(
                        person_identifier=identifier, company_id=self.env.company.id
                    )
                    new.append(_Change(index, values))
                elif values := self._difference(person, values):
                    # What they were, before anything is written.
                    self.changes[index] = [
                        (name, person[name], value) for name, value in values.items()
                    ]
                    known.append(_Change(index, values, person.id))
                else:
                    outcomes[index] = Outcome(index, "unchanged", person.id)
            except Rejection as rejection:
                outcomes[index] = Outcome(
                    index, "rejected", None, str(rejection), rejection.code
                )
        self._isolate(self._create, new, outcomes)
        self._isolate(self._write, known, outcomes)
        return [outcomes[index] for index in range(len(items))]

    def describe(self) -> dict[int, str]:
        """The changes of the last batch in words, by index; a line for each field."""
        model = self.model
        labels = model.fields_get(attributes=["string"])
        # Names of what was referred to, all at once.
        referred: dict[str, set[int]] = defaultdict(set)
        for changes in self.changes.values():
            for name, old, new in changes:
                if isinstance(old, BaseModel):
                    referred[name].update(old.ids, self._ids(new))
        names: dict[str, dict[int, str]] = {}
        for name, ids in referred.items():
            # As Odoo shows references: their names to whoever may read the field.
            records_sudo = model[name].browse(ids).sudo().exists()
            names[name] = {record.id: record.display_name for record in records_sudo}

        nothing = self.env._("nothing")

        def say(name: str, value: Any) -> str:
            field = model._fields[name]
            if name in names:
                known = names[name]
                ids = sorted(self._ids(value))
                return ", ".join(known.get(number, "") for number in ids) or nothing
            if field.type == "selection":
                value = dict(field._description_selection(self.env)).get(value, value)
            return nothing if value in (None, False, "") else str(value)

        return {
            index: "\n".join(
                f"{labels[name]['string']}: {say(name, old)} → {say(name, new)}"
                for name, old, new in changes
            )
            for index, changes in self.changes.items()
        }

    @staticmethod
    def _ids(value: Any) -> list[int]:
        """Ids in a reference: a record's, or as values of a write have them."""
        if isinstance(value, BaseModel):
            return value.ids
        if isinstance(value, list):
            return [number for command in value for number in command[2]]
        return [value] if value else []

    # ------------------------------------------------------------ resolving

    def _find_people(self, items: Sequence[PersonIn]) -> dict[str, BaseModel]:
        """People the user may see, by present and former identifier, archived too."""
        rows = self.model._find_people({item.person_identifier for item in items})
        people = self.model.browse([row[0] for row in rows])
        by_id = dict(zip(people.ids, people, strict=True))
        found: dict[str, BaseModel] = {}
        for person_id, _identifier, former in rows:
            found.update(dict.fromkeys(former, by_id[person_id]))
        found.update({identifier: by_id[i] for i, identifier, _former in rows})
        return found

    def _find_tags(self, items: Sequence[PersonIn]) -> dict[Any, Found]:
        names = {name for item in items for name in item.tags or ()}
        if not names:
            return {}
        tags = self.env["res.partner.category"].search_fetch(
            Domain("name", "in", list(names)), ["name"]
        )
        return {tag.name: Found(tag.id) for tag in tags}

    def _values(self, item: PersonIn | Refused) -> dict[str, Any]:
        """What an item says, as values of a subscriber.

        :raises Rejection: when it can't be a person
        """
        if isinstance(item, Refused):
            raise Rejection("invalid", item.reason)
        given = item.model_fields_set
        values = {
            name: False if (value := getattr(item, name)) in (None, "") else value
            for name in _PLAIN
            if name in given
        }
        if values.get("tz") and values["tz"] not in self.zones:
            raise Rejection("invalid", f"tz: Unknown time zone {values['tz']!r}")
        if "department" in given:
            values["department_id"] = (
                resolve("department", self.departments, item.department).id or False
            )
        if "location" in given:
            values["location_id"] = (
                resolve("location", self.locations, item.location).id or False
            )
        if "tags" in given:
            tags = [resolve("tag", self.tags, name).id for name in item.tags or ()]
            values["category_id"] = [Command.set(sorted(tags))]
        return values

    @staticmethod
    def _difference(person: BaseModel, values: dict[str, Any]) -> dict[str, Any]:
        """Those values that are not a person's already."""
        changed = {}
        for name, value in values.items():
            known = person[name]
            if name == "category_id":
                same = sorted(known.ids) == value[0][2]
            elif isinstance(known, BaseModel):
                same = known.id == value
            else:
                same = known == value
            if not same:
                changed[name] = value
        return changed

    # -------------------------------------------------------------- writing

    def _isolate(
        self,
        write: Callable[[list[_Change]], list[Outcome]],
        changes: list[_Change],
        outcomes: dict[int, Outcome],
    ) -> None:
        """Write all changes, without those that can't be: they are found by halving."""
        if not changes:
            return
        try:
            with quiet_sql(), self.env.cr.savepoint():
                done = write(changes)
                self.env.flush_all()
        except (AccessError, UserError, IntegrityError) as error:
            self.env.invalidate_all(flush=False)
            if len(changes) == 1:
                [change] = changes
                outcomes[change.index] = self._refusal(change, error)
                return
            middle = len(changes) // 2
            self._isolate(write, changes[:middle], outcomes)
            self._isolate(write, changes[middle:], outcomes)
        else:
            outcomes.update({outcome.index: outcome for outcome in done})

    def _create(self, changes: list[_Change]) -> list[Outcome]:
        people = self.model.create([change.values for change in changes])
        return [
            Outcome(change.index, "created", person.id)
            for change, person in zip(changes, people, strict=True)
        ]

    def _write(self, changes: list[_Change]) -> list[Outcome]:
        alike: dict[str, list[_Change]] = defaultdict(list)
        for change in changes:
            alike[repr(sorted(change.values.items()))].append(change)
        ids = [change.person_id for change in changes]
        for group in alike.values():
            people = self.model.browse([change.person_id for change in group])
            people.with_prefetch(ids).write(group[0].values)
        return [Outcome(c.index, "updated", c.person_id) for c in changes]

    def _refusal(self, change: _Change, error: Exception) -> Outcome:
        if isinstance(error, AccessError):
            code, reason = "forbidden", "You may not register or change this person."
        elif isinstance(error, UserError):
            code, reason = "invalid", str(error)
        elif (error.diag.constraint_name or "").endswith("_work_dates"):
            code, reason = "invalid", "work_to: It is before work_from."
        else:
            code = "conflict"
            reason = "Somebody you don't see, or registered just now, bears it already."
        return Outcome(change.index, "rejected", None, reason, code)
