"""What the rows of an import say, for the targets that they end at."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from odoo.api import Environment
from odoo.models import BaseModel

from .references import Rejection


def read_person(
    env: Environment, people: Mapping[str, BaseModel], identifier: str
) -> BaseModel:
    """Whom a row is about.

    :param people: those that were found, by identifier
    :raises Rejection: when it is none of them
    """
    if person := people.get(identifier):
        return person
    raise Rejection(
        "unknown_person",
        env._(
            "Nobody here has the identifier “%(identifier)s”.", identifier=identifier
        ),
    )


def read_date(env: Environment, text: str | None) -> date | None:
    """The day that a row says, None where it says none.

    :raises Rejection: when it is no date
    """
    if not text:
        return None
    try:
        # A sheet may have a time of day behind it.
        return date.fromisoformat(text.strip()[:10])
    except ValueError:
        raise Rejection(
            "invalid_date",
            env._("“%(date)s” is no date such as 2026-09-01.", date=text),
        ) from None
