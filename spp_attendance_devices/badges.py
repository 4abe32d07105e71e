"""Whose badge is whose on which terminal, imported as a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from odoo.api import Environment
from odoo.fields import Domain
from odoo.models import BaseModel

from odoo.addons.spp_attendance.api import Outcome
from odoo.addons.spp_attendance.importing import Result
from odoo.addons.spp_attendance.references import Rejection


class _Badge(NamedTuple):
    """A row of which everything was found."""

    index: int
    device: BaseModel
    code: str
    person_id: int


def import_badges(
    env: Environment, rows: Sequence[dict[str, Any]], *, dry_run: bool
) -> Result:
    """Assign badges to people: the target "badges" of imports.

    As the user, through the assignments themselves: what waits on a terminal for a
    badge becomes attendance. A terminal is named by its name or its serial number, a
    person by identifier, also a former one.

    :param rows: ``code``, ``terminal`` and ``person_identifier``
    :param dry_run: tell what was changed
    :raises AccessError: when the user may not assign badges
    """
    assignments = env["spp.attendance.device.user"]
    for operation in ("create", "write"):
        assignments.check_access(operation)
    terminals = _find_terminals(env, {row["terminal"] for row in rows})
    people = env["spp.attendance.subscriber"].with_context(active_test=False)
    found = people._find_people({row["person_identifier"] for row in rows})
    # What somebody bears now beats what somebody else bore once.
    by_identifier = {name: number for number, _name, former in found for name in former}
    by_identifier |= {name: number for number, name, _former in found}
    outcomes: dict[int, Outcome] = {}
    badges: dict[tuple[int, str], _Badge] = {}
    for index, row in enumerate(rows):
        try:
            device = _terminal(env, terminals, row["terminal"])
            person_id = by_identifier.get(row["person_identifier"])
            if not person_id:
                raise Rejection(
                    "unknown_person",
                    env._(
                        "Nobody here has the identifier “%(identifier)s”.",
                        identifier=row["person_identifier"],
                    ),
                )
            key = (device.id, row["code"])
            if key in badges:
                raise Rejection(
                    "repeated",
                    env._("The badge is in the list before, for the same terminal."),
                )
            badges[key] = _Badge(index, device, row["code"], person_id)
        except Rejection as rejection:
            outcomes[index] = Outcome(
                index, "rejected", None, str(rejection), rejection.code
            )
    changes = _write(env, badges, outcomes)
    return Result(
        [outcomes[index] for index in range(len(rows))],
        _describe(env, changes) if dry_run else {},
    )


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
    env: Environment, terminals: dict[str, BaseModel], name: str
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
    env: Environment,
    badges: dict[tuple[int, str], _Badge],
    outcomes: dict[int, Outcome],
) -> dict[int, tuple[int, int]]:
    """Assign what isn't assigned so already.

    :param outcomes: what became of each, added to
    :return: of those that were somebody else's: by index, whose and whose now
    """
    assignments = env["spp.attendance.device.user"]
    known = assignments.search_fetch(
        Domain("device_id", "in", [device_id for device_id, _code in badges])
        & Domain("code", "in", [code for _device_id, code in badges]),
        ["device_id", "code", "subscriber_id"],
    )
    by_key = {(record.device_id.id, record.code): record for record in known}
    changes: dict[int, tuple[int, int]] = {}
    new, taken = [], assignments
    for key, badge in badges.items():
        record = by_key.get(key)
        if not record:
            new.append(badge)
            continue
        before = record.subscriber_id.id
        same = before == badge.person_id
        outcomes[badge.index] = Outcome(
            badge.index, "unchanged" if same else "updated", record.id
        )
        if not same:
            changes[badge.index] = (before, badge.person_id)
            taken |= record
    people = {record.id: badges[key].person_id for key, record in by_key.items()}
    taken._reassign({record.id: people[record.id] for record in taken})
    created = assignments.create(
        [
            {
                "device_id": badge.device.id,
                "code": badge.code,
                "subscriber_id": badge.person_id,
            }
            for badge in new
        ]
    )
    for badge, record in zip(new, created, strict=True):
        outcomes[badge.index] = Outcome(badge.index, "created", record.id)
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
