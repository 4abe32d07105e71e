"""What an import can bring in, and what one that runs is made of: plain values.

A *target* is where rows end: people here, and whatever other addons add through
``spp.attendance.import.source._import_targets``.

Nothing here uses a cursor, so that none is held while a registry is slow.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import datetime
from typing import Any, NamedTuple

from .api import Outcome
from .registry import Cursor, FieldMap, Page, RegistryError, RowError, Source, map_row
from .registry.errors import ServerError, Unreachable

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
    :ivar repeats: of those that say the same again, by index, which was the first
    """

    outcomes: list[Outcome]
    changes: Mapping[int, str] = {}
    repeats: Mapping[int, int] = {}


class Target(NamedTuple):
    """Where the rows of an import end.

    ``run(env, rows, dry_run=...)`` writes rows, each a dict of field name to text or
    None, as the user and in the company of ``env``, in constantly many statements, and
    answers a :class:`Result`. It must have no effect outside of the transaction: a dry
    run is the same call, rolled back.

    :ivar label: for people, in their language
    :ivar fields: by the name that a row uses; the first one is by what people know rows
    :ivar more_keys: names of fields that tell rows apart, beside the first
    """

    label: str
    fields: Mapping[str, TargetField]
    run: Callable[..., Result]
    more_keys: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Name of the field by which people know rows."""
        return next(iter(self.fields))

    def identify(self, row: Mapping[str, Any]) -> tuple[Any, ...]:
        """What a row is about: of two that are about the same the last one counts."""
        return tuple(row.get(name) for name in (self.key, *self.more_keys))


class Position(NamedTuple):
    """Where an import goes on: so many rows into the page that begins at a cursor."""

    page: Cursor | None = None
    row: int = 0

    @classmethod
    def load(cls, stored: Mapping[str, Any] | None) -> Position:
        """From what :meth:`dump` gave; nothing is the beginning."""
        return cls(stored["page"], stored["row"]) if stored else cls()

    def dump(self) -> dict[str, Any]:
        """As JSON."""
        return {"page": self.page, "row": self.row}


class Claim(NamedTuple):
    """A run that nobody else works on until its lease ends.

    :ivar uid: in whose name it is done
    :ivar context: of the environment in which it is
    """

    run_id: int
    token: str
    uid: int
    context: dict[str, Any]
    position: Position


class Chunk(NamedTuple):
    """Rows that are written in one transaction.

    :ivar numbers: of each row, counted from 1, as the source counts
    :ivar after: where it goes on once they are written
    :ivar is_last: nothing comes after them
    :ivar told_at: see :class:`registry.Page`
    """

    rows: list[dict[str, Any]]
    numbers: list[int]
    after: Position
    is_last: bool
    total: int | None
    told_at: datetime | None

    @classmethod
    def of(cls, page: Page, position: Position, size: int) -> Chunk:
        """The chunk of a page that begins at a position in it."""
        end = position.row + size
        whole = end >= len(page.rows)
        # After the last page its own end is where nothing is left.
        ended = whole and page.next_cursor is None
        after = Position(position.page, min(end, len(page.rows)))
        if whole and not ended:
            after = Position(page.next_cursor)
        part = slice(position.row, end)
        rows, numbers = page.rows[part], page.numbers[part]
        return cls(rows, numbers, after, ended, page.total, page.told_at)


class Reader:
    """Fetches pages in a thread of its own, one ahead of whoever writes them.

    To be used as a context: at its end nobody waits for a registry that is slow.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="import")
        self._asked: Future[Page] | None = None
        self._cursor: Cursor | None = None

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        if self._asked:
            self._asked.cancel()
        # The thread itself closes what it may still be reading; a process that ends
        # closes all by itself.
        with contextlib.suppress(RuntimeError):
            self._pool.submit(self._source.close)
        self._pool.shutdown(wait=False)

    def ask(self, cursor: Cursor | None) -> None:
        """Begin to fetch the page that begins at a cursor, unless that has begun.

        :raises RegistryError: the process is about to end
        """
        if not self._asked or cursor != self._cursor:
            self._cursor = cursor
            try:
                self._asked = self._pool.submit(self._source.page, cursor)
            except RuntimeError:
                # Somebody else goes on where this process stopped.
                raise Unreachable("The server is being stopped.") from None

    def page(self, seconds: float) -> Page | None:
        """The page that was asked for; None: it isn't there after so many seconds.

        :raises RegistryError: it can't be had
        """
        if not self._asked:
            raise ValueError("no page was asked for")
        wait([self._asked], seconds)
        return self._asked.result() if self._asked.done() else None


def map_rows(
    rows: Sequence[Mapping[str, Any]], mapping: Sequence[Mapping[str, Any]]
) -> tuple[dict[int, dict[str, Any]], dict[int, str]]:
    """Rows as items of a target.

    :param mapping: as ``spp.attendance.import.mapping._config`` gives it
    :return: items and, of rows that can't be any, the reasons; both by index
    """
    maps = [
        FieldMap(entry["field"], entry["path"], entry["values"], entry["default"])
        for entry in mapping
    ]
    kept = {entry["field"] for entry in mapping if entry["if_blank"] == "keep"}
    items: dict[int, dict[str, Any]] = {}
    refused: dict[int, str] = {}
    for index, row in enumerate(rows):
        try:
            item = map_row(row, maps)
        except RowError as error:
            refused[index] = str(error)
            continue
        items[index] = {
            name: value
            for name, value in item.items()
            if value is not None or name not in kept
        }
    return items, refused


def waiting_time(error: RegistryError) -> float | None:
    """Seconds that a registry asks to be left alone, if it does."""
    return error.retry_after if isinstance(error, ServerError) else None
