"""What an import can bring in, and what one that runs is made of: plain values.

A *target* is where rows end: people here, and whatever other addons add through
``spp.attendance.import.source._import_targets``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from odoo.api import Environment

from .api import Outcome

#: Most rows in one transaction.
CHUNK = 1_000


class TargetField(NamedTuple):
    """Something that a row can say.

    :ivar label: for people, in their language
    :ivar required: a row without it is nothing
    """

    label: str
    required: bool = False


class Result(NamedTuple):
    """What became of the rows of a chunk.

    :ivar outcomes: one an item, in their order
    :ivar changes: in words, by index, what was changed; of a dry run only
    """

    outcomes: list[Outcome]
    changes: Mapping[int, str] = {}


class Target(NamedTuple):
    """Where the rows of an import end.

    ``run(env, rows, dry_run=...)`` writes rows, each a dict of field name to value, as
    the user and in the company of ``env``, in constantly many statements, and answers a
    :class:`Result`. It must have no effect outside of the transaction: a dry run is the
    same call, rolled back.

    :ivar label: for people, in their language
    :ivar fields: by the name that a row uses; the first one tells rows apart
    """

    label: str
    fields: Mapping[str, TargetField]
    run: Callable[..., Result]

    @property
    def key(self) -> str:
        """Name of the field that tells rows apart."""
        return next(iter(self.fields))


class Claim(NamedTuple):
    """A run that nobody else works on until its lease ends.

    It holds what a conversation with the registry needs, as plain values, so that no
    transaction is open while the registry is slow.
    """

    run_id: int
    token: str
    source: Any
    mapping: tuple[Any, ...]
    cursor: Any
    uid: int
    context: dict[str, Any]


#: A row, by what the registry calls things, on its way: (number, values).
Row = tuple[int, dict[str, Any]]

__all__ = ["CHUNK", "Claim", "Environment", "Result", "Row", "Target", "TargetField"]
