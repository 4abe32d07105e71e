"""Whose badge is whose on which terminal, imported as a list."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from odoo.api import Environment
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.models import BaseModel

from odoo.addons.spp_attendance.api import Outcome
from odoo.addons.spp_attendance.import_rows import read_date, read_person
from odoo.addons.spp_attendance.importing import Result
from odoo.addons.spp_attendance.references import Rejection


class _Badge(NamedTuple):
    """A row of which everything was found; ``device`` empty: all terminals."""

    index: int
    device: BaseModel
    code: str
    person_id: int
    first: date | None
    last: date | None

    def values(self) -> dict[str, Any]:
        """Of an assignment that says the same."""
        return {
            "device_id": self.device.id,
            "code": self.code,
            "subscriber_id": self.person_id,
            "valid_from": self.first,
            "valid_to": self.last,
        }


def import_badges(
    env: Environment, rows: Sequence[Mapping[str, Any]], *, dry_run: bool
) -> Result:
    """Assign badges to people: the target "badges" of imports.

    As the user, through the assignments themselves: what waits on a terminal for a
    badge becomes attendance. A terminal is named by its name or its serial number, a
    person by identifier, also a former one. Without a terminal the badge is theirs on
    all of the company's. Days as ``_assign`` of the assignments takes them.

    :param rows: ``code`` and ``person_identifier``; ``terminal``, ``valid_from`` and
        ``valid_to`` (ISO 8601), if they are given
    :param dry_run: tell what was changed
    :raises AccessError: when the user may not assign badges
    """
    assignments = env["spp.attendance.device.user"]
    for operation in ("create", "write"):
        assignments.check_access(operation)
    terminals = _find_terminals(env, {row.get("terminal") or "" for row in rows})
    people = env["spp.attendance.subscriber"].with_context(active_test=False)
    by_identifier = people._by_identifier(row["person_identifier"] for row in rows)
    outcomes: dict[int, Outcome] = {}
    badges: dict[tuple[int, str, date | None], _Badge] = {}
    for index, row in enumerate(rows):
        try:
            badge = _read(env, index, row, terminals, by_identifier)
            key = (badge.device.id, badge.code, badge.first)
            if key in badges:
                raise Rejection(
                    "repeated",
                    env._("The badge is in the list before, for the same terminal."),
                )
            badges[key] = badge
        except Rejection as rejection:
            outcomes[index] = _rejected(index, rejection)
    changes = _write(env, list(badges.values()), outcomes)
    return Result(
        [outcomes[index] for index in range(len(rows))],
        _describe(env, changes) if dry_run else {},
    )


def _rejected(index: int, rejection: Rejection) -> Outcome:
    return Outcome(index, "rejected", None, str(rejection), rejection.code)


def _read(
    env: Environment,
    index: int,
    row: Mapping[str, Any],
    terminals: Mapping[str, BaseModel],
    people: Mapping[str, BaseModel],
) -> _Badge:
    """What a row says.

    :raises Rejection: when something in it is not known here, or no date
    """
    name = row.get("terminal")
    device = _terminal(env, terminals, name) if name else env["spp.attendance.device"]
    person = read_person(env, people, row["person_identifier"])
    first, last = (read_date(env, row.get(day)) for day in ("valid_from", "valid_to"))
    return _Badge(index, device, row["code"], person.id, first, last)


def _find_terminals(env: Environment, names: set[str]) -> dict[str, BaseModel]:
    """Terminals by name and serial number; several where it isn't clear which."""
    devices = env["spp.attendance.device"]
    found = devices.search_fetch(
        Domain("company_id", "=", env.company.id)
        & (Domain("name", "in", list(names)) | Domain("serial", "in", list(names))),
        ["name", "serial"],
    )
    terminals: dict[str, BaseModel] = {}
    for device in found:
        for name in {device.name, device.serial} - {False}:
            terminals[name] = terminals.get(name, devices) | device
    return terminals


def _terminal(
    env: Environment, terminals: Mapping[str, BaseModel], name: str
) -> BaseModel:
    device = terminals.get(name)
    if not device:
        raise Rejection(
            "unknown_terminal",
            env._("There is no terminal “%(name)s” here.", name=name),
        )
    if len(device) > 1:
        raise Rejection(
            "ambiguous_terminal",
            env._(
                "Several terminals are named “%(name)s”; use the serial number.",
                name=name,
            ),
        )
    return device


def _write(
    env: Environment, badges: Sequence[_Badge], outcomes: dict[int, Outcome]
) -> dict[int, tuple[int, int]]:
    """Assign what isn't assigned so already.

    :param outcomes: what became of each, added to
    :return: of those that were somebody else's: by index, whose and whose now
    """
    # Of one badge one after the other, in order of time; of all others at once.
    rounds: defaultdict[int, list[_Badge]] = defaultdict(list)
    seen: defaultdict[tuple[int, str], int] = defaultdict(int)
    for badge in sorted(badges, key=lambda one: one.first or date.min):
        key = (badge.device.id, badge.code)
        rounds[seen[key]].append(badge)
        seen[key] += 1
    changes: dict[int, tuple[int, int]] = {}
    for some in rounds.values():
        changes |= _write_round(env, some, outcomes)
    return changes


def _write_round(
    env: Environment, badges: Sequence[_Badge], outcomes: dict[int, Outcome]
) -> dict[int, tuple[int, int]]:
    assignments = env["spp.attendance.device.user"]
    changes: dict[int, tuple[int, int]] = {}
    wanted: dict[int, str] = {}
    known = assignments._of_same_badges([badge.values() for badge in badges])
    good = []
    for badge, same in zip(badges, known, strict=True):
        try:
            held, _values, last = same._follow(badge.values())
        except UserError as error:
            rejection = Rejection("overlap", str(error))
            outcomes[badge.index] = _rejected(badge.index, rejection)
            continue
        before = held.subscriber_id.id
        if before == badge.person_id and badge.last in (None, held.valid_to):
            outcomes[badge.index] = Outcome(badge.index, "unchanged", held.id)
            continue
        if before and before != badge.person_id:
            changes[badge.index] = (before, badge.person_id)
        wanted[badge.index] = "updated" if held and not last else "created"
        good.append(badge)
    records = assignments._assign([badge.values() for badge in good])
    for badge, record in zip(good, records, strict=True):
        outcomes[badge.index] = Outcome(badge.index, wanted[badge.index], record.id)
    return changes


def _describe(env: Environment, changes: dict[int, tuple[int, int]]) -> dict[int, str]:
    people = env["spp.attendance.subscriber"].browse(
        {number for pair in changes.values() for number in pair}
    )
    # As Odoo shows references: their names to whoever may read the assignment.
    names = {person.id: person.display_name for person in people.sudo()}
    return {
        index: f"{names[before]} → {names[after]}"
        for index, (before, after) in changes.items()
    }
