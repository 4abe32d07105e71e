"""Who is enrolled in which register, imported as a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from odoo.api import Environment
from odoo.models import BaseModel

from .api import Outcome
from .enrolment import Enrol, Unenrol
from .import_rows import read_date, read_person
from .importing import Result, Target, TargetField
from .references import Rejection
from .registers import find_registers


class _Row(NamedTuple):
    """A row of which everything was found; instants are naive UTC."""

    index: int
    register: BaseModel
    person: BaseModel
    start_at: datetime | None
    end_at: datetime | None
    tag: str | None

    @property
    def key(self) -> tuple[int, int]:
        return self.register.id, self.person.id


def attendees_target(env: Environment) -> Target:
    """The target "register attendees" of imports."""
    return Target(
        env._("People on Registers"),
        {
            "person_identifier": TargetField(env._("Identifier"), True),
            "register": TargetField(env._("Register"), True),
            "tag": TargetField(env._("Tag on the Register")),
            "date_from": TargetField(env._("Enrolled From")),
            "date_to": TargetField(env._("Enrolled Until")),
        },
        import_attendees,
        ("register",),
    )


def import_attendees(
    env: Environment, rows: Sequence[Mapping[str, Any]], *, dry_run: bool
) -> Result:
    """Enrol people, or say until when they are: see :class:`importing.Target`.

    As the user. A register is named by its number, id or uuid, a person by identifier,
    also a former one. Days are on the register's clock: from the first moment of the
    one to the last of the other. Who comes again with the same is left alone; who is
    enrolled and now has a last day is de-enrolled then.

    :param rows: ``person_identifier`` and ``register``; ``tag``, ``date_from`` and
        ``date_to`` (ISO 8601), if they are given
    :raises AccessError: when the user may not change one of the registers
    """
    found = find_registers(env, {row["register"] for row in rows})
    registers = env["spp.attendance.register"].browse(
        [register.id for register in found.values()]
    )
    people = env["spp.attendance.subscriber"]._by_identifier(
        [row["person_identifier"] for row in rows]
    )
    outcomes: dict[int, Outcome] = {}
    items: dict[tuple[int, int], _Row] = {}
    repeats: dict[int, int] = {}
    for index, row in enumerate(rows):
        try:
            item = _read(env, index, row, found, registers, people)
            if item.key in items:
                repeats[index] = items[item.key].index
                raise Rejection(
                    "repeated", env._("The list has this person in the register twice.")
                )
            items[item.key] = item
        except Rejection as rejection:
            outcomes[index] = Outcome(
                index, "rejected", None, str(rejection), rejection.code
            )
    changes = _write(env, items, outcomes)
    return Result(
        [outcomes[index] for index in range(len(rows))],
        changes if dry_run else {},
        repeats,
    )


def _read(
    env: Environment,
    index: int,
    row: Mapping[str, Any],
    found: Mapping[int | str, Any],
    registers: BaseModel,
    people: Mapping[str, BaseModel],
) -> _Row:
    """What a row says.

    :raises Rejection: when something in it is not known here, or no date
    """
    register_found = found.get(row["register"])
    if not register_found:
        raise Rejection(
            "unknown_register",
            env._("There is no register %(register)s here.", register=row["register"]),
        )
    person = read_person(env, people, row["person_identifier"])
    # With the others, so that all are read at once.
    register = registers.browse(register_found.id).with_prefetch(registers.ids)
    first, last = (read_date(env, row.get(name)) for name in ("date_from", "date_to"))
    return _Row(
        index,
        register,
        person,
        first and register._day_start(first),
        last and register._day_end(last),
        row.get("tag") or None,
    )


def _write(
    env: Environment,
    items: Mapping[tuple[int, int], _Row],
    outcomes: dict[int, Outcome],
) -> dict[int, str]:
    """Enrol and de-enrol what isn't so already.

    :param outcomes: what became of each, added to
    :return: in words, by index, what was changed of those that were there
    """
    attendees = env["spp.attendance.register.attendee"]
    known = {
        (attendee.register_id.id, attendee.subscriber_id.id): attendee
        for attendee in attendees.search_fetch(
            [
                ("register_id", "in", [register_id for register_id, _id in items]),
                ("subscriber_id", "in", [person_id for _id, person_id in items]),
            ],
            ["register_id", "subscriber_id", "tag", "enrolled_at", "unenrolled_at"],
        )
    }
    ending, starting = [], []
    changes: dict[int, str] = {}
    for key, item in items.items():
        attendee = known.get(key)
        is_open = attendee and attendee.enrolled_at and not attendee.unenrolled_at
        if item.end_at and is_open:
            ending.append(item)
        elif item.end_at and attendee and attendee.unenrolled_at == item.end_at:
            outcomes[item.index] = Outcome(item.index, "unchanged", attendee.id)
        else:
            starting.append(item)
    ended = attendees._unenrol(
        [Unenrol(*item.key, item.end_at) for item in ending] if ending else []
    )
    started = attendees._enrol(
        [Enrol(*item.key, item.start_at, item.end_at, item.tag) for item in starting]
    )
    for item, enrolled in zip([*ending, *starting], [*ended, *started], strict=True):
        status = _status(enrolled.code, was_there=item.key in known)
        outcomes[item.index] = Outcome(
            item.index,
            status,
            enrolled.attendee_id,
            _reason(env, item, enrolled.code) if status == "rejected" else None,
            _CODES[enrolled.code] if status == "rejected" else None,
        )
        if status == "updated":
            changes[item.index] = (
                env._("de-enrolled") if item in ending else env._("enrolled again")
            )
    _tag(env, items, known, outcomes, changes)
    return changes


#: What _enrol and _unenrol answer, as the rules of registers name it elsewhere.
_CODES = {
    "ended": "register_ended",
    "outside": "outside_register",
    "before_start": "outside_enrolment",
    "not_enrolled": "not_enrolled",
}


def _status(code: str | None, *, was_there: bool) -> str:
    if code is None:
        return "updated" if was_there else "created"
    return "unchanged" if code == "enrolled" else "rejected"


def _reason(env: Environment, item: _Row, code: str) -> str:
    register = item.register
    if code == "ended":
        return env._("The register is over: nobody can be enrolled any more.")
    if code == "outside":
        return env._(
            "The register runs from %(start)s to %(end)s.",
            start=register.date_start,
            end=register.date_end or "…",
        )
    return env._("The person was enrolled only after that day.")


def _tag(
    env: Environment,
    items: Mapping[tuple[int, int], _Row],
    known: Mapping[tuple[int, int], BaseModel],
    outcomes: dict[int, Outcome],
    changes: dict[int, str],
) -> None:
    """Change the tags of those who were there."""
    for key, attendee in known.items():
        item = items.get(key)
        outcome = item and outcomes[item.index]
        if not outcome or outcome.status != "unchanged":
            continue
        if item.tag and item.tag != attendee.tag:
            former = attendee.tag or env._("no tag")
            changes[item.index] = f"{former} → {item.tag}"
            attendee.tag = item.tag
            outcomes[item.index] = outcome._replace(status="updated")
