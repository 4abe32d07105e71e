"""Registers as ``_ingest`` and forms need them: found at once, and why they refuse."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from odoo.api import Environment
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL

from .engine.register_rules import Interval, RefusalCode, RegisterFound

#: ``(register id, subscriber id)``
Pair = tuple[int, int]


class RegisterRefused(UserError):
    """Records that a register's rules don't allow; nothing of the change may be kept.

    :ivar refusals: ``{record id: (code, reason)}`` of all that were refused
    """

    def __init__(
        self, message: str, refusals: dict[int, tuple[RefusalCode, str]]
    ) -> None:
        super().__init__(message)
        self.refusals = refusals


def find_registers(
    env: Environment,
    references: Iterable[int | str | None],
    company_ids: Iterable[int] | None = None,
) -> dict[int | str, RegisterFound]:
    """Registers by id, uuid or number, as the user, in one query.

    Those that are not active are found, those that were deleted are not.

    :param company_ids: default the current company
    :return: by reference, as it was given; what the user may not see is not there
    """
    wanted = {reference for reference in references if reference is not None}
    if not wanted:
        return {}
    texts = [ref for ref in wanted if isinstance(ref, str)]
    ids = [ref for ref in wanted if not isinstance(ref, str)]
    ids += [int(text) for text in texts if text.isascii() and text.isdigit()]
    model = env["spp.attendance.register"].with_context(active_test=False)
    query = model._search(
        Domain("company_id", "in", list(company_ids or env.company.ids))
        & Domain("is_deleted", "=", False)
        & (
            Domain("id", "in", ids)
            | Domain("uuid", "in", texts)
            | Domain("number", "in", texts)
        )
    )
    if query.is_empty():
        return {}
    table = query.table
    places = env["spp.attendance.location"]
    place = query.left_join(table, "location_id", places._table, "id", "location_id")
    names = ("id", "uuid", "number", "start_at", "end_at", "active")
    rows = env.execute_query(
        query.select(
            *(model._field_to_sql(table, name, query) for name in names),
            SQL("%s IN (%s)", SQL.identifier(table, "id"), model._mine_sql()),
            model._field_to_sql(table, "location_id", query),
            model._field_to_sql(table, "type_id", query),
            # Who may mark a register may know the clock that it goes by.
            SQL.identifier(place, "tz", to_flush=places._fields["tz"]),
        )
    )
    found: dict[int | str, RegisterFound] = {}
    for row in rows:
        register = RegisterFound(*row)
        found[str(register.id)] = found[register.id] = register
    for register in list(found.values()):
        found[register.uuid] = found[register.number] = register
    return {reference: found[reference] for reference in wanted & found.keys()}


def find_intervals(
    env: Environment, pairs: Iterable[Pair]
) -> dict[Pair, list[Interval]]:
    """When people are enrolled in registers, in one query.

    Of registers that the user has found: it asks no rules again.

    :return: in no order; who was never enrolled is not there
    """
    pairs = list(set(pairs))
    if not pairs:
        return {}
    env["spp.attendance.register.attendee"].flush_model(
        ["register_id", "subscriber_id"]
    )
    env["spp.attendance.register.interval"].flush_model()
    rows = env.execute_query(
        SQL(
            """
            SELECT a.register_id, a.subscriber_id, i.start_at, i.end_at
              FROM unnest(%s::int4[], %s::int4[]) AS p(register_id, subscriber_id)
              JOIN spp_attendance_register_attendee a
                ON a.register_id = p.register_id
               AND a.subscriber_id = p.subscriber_id
              JOIN spp_attendance_register_interval i ON i.attendee_id = a.id
            """,
            *map(list, zip(*pairs, strict=True)),
        )
    )
    intervals: dict[Pair, list[Interval]] = defaultdict(list)
    for register_id, subscriber_id, start_at, end_at in rows:
        intervals[register_id, subscriber_id].append((start_at, end_at))
    return dict(intervals)


def reason(env: Environment, code: RefusalCode, reference: Any) -> str:
    """A refusal in words, in the user's language.

    :param reference: what the register is called, by who named it
    """
    match code:
        case "unknown_register":
            text = env._("There is no register %(register)s here.", register=reference)
        case "not_register_staff":
            text = env._(
                "You are not on the staff of register %(register)s now.",
                register=reference,
            )
        case "register_inactive":
            text = env._(
                "Register %(register)s is not active: it takes no attendance.",
                register=reference,
            )
        case "outside_register":
            text = env._(
                "The time is not between start and end of register %(register)s.",
                register=reference,
            )
        case "not_enrolled":
            text = env._(
                "This person is not enrolled in register %(register)s.",
                register=reference,
            )
        case _:
            text = env._(
                "This person was not enrolled in register %(register)s at that time.",
                register=reference,
            )
    return text
