"""What the references in an item of a batch stand for, and why it can't be taken."""

from __future__ import annotations

from typing import Any, NamedTuple

from odoo.api import Environment
from odoo.exceptions import UserError
from odoo.fields import Domain

from .api import Outcome


class Found(NamedTuple):
    """What a reference stands for."""

    id: int | None
    tz: str | None = None


class Rejection(Exception):
    """Why one item can't be taken: a code for programs, a text for people."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class BatchRefused(UserError):
    """An atomic batch in which an item was rejected: nothing of it may be kept.

    :ivar outcomes: one :class:`Outcome` an item
    """

    def __init__(self, message: str, outcomes: list[Outcome]) -> None:
        super().__init__(message)
        self.outcomes = outcomes


#: No reference was given.
NOTHING = Found(None)
#: A name that several records bear.
_AMBIGUOUS = Found(None)


def find_references(
    env: Environment, model_name: str, references: set[Any], *fields: str
) -> dict[Any, Found]:
    """Types, locations or departments by id, code or name, as the user, in one query.

    A code beats a name, and what is the company's own beats what all companies share.

    :param fields: what to tell of them besides the id
    """
    references.discard(None)
    if not references:
        return {}
    names = [ref for ref in references if isinstance(ref, str)]
    model = env[model_name]
    query = model._search(
        Domain("company_id", "in", [env.company.id, False])
        & (
            Domain("id", "in", [ref for ref in references if ref not in names])
            | Domain("code", "in", names)
            | Domain("name", "in", names)
        )
    )
    if query.is_empty():
        return {}
    columns = ("company_id", "code", "name", "id", *fields)
    rows = env.execute_query(
        query.select(*(model._field_to_sql(query.table, c, query) for c in columns))
    )
    # From the weakest to the strongest claim on a name, later ones overwriting.
    rows.sort(key=lambda row: row[0] is not None)
    found: dict[Any, Found] = {}
    by_name: dict[str, int | None] = {}
    for company_id, _code, name, *values in rows:
        ambiguous = name in by_name and by_name[name] == company_id
        found[name] = _AMBIGUOUS if ambiguous else Found(*values)
        by_name[name] = company_id
    for _company_id, code, _name, *values in rows:
        if code:
            found[code] = Found(*values)
        found[values[0]] = Found(*values)
    return found


def resolve(kind: str, found: dict[Any, Found], reference: int | str | None) -> Found:
    """What was found for a reference.

    :param kind: what it refers to, for the reason
    :raises Rejection: when nothing was, or too much
    """
    if reference is None:
        return NOTHING
    match = found.get(reference)
    if match is None:
        raise Rejection(f"unknown_{kind}", f"There is no {kind} {reference!r} here.")
    if match is _AMBIGUOUS:
        raise Rejection(
            f"ambiguous_{kind}",
            f"Several {kind}s are named {reference!r}; use the code or id.",
        )
    return match
