"""Rows of a registry or a file, as items: which path gives which field, and how."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final

from .errors import InvalidConfig
from .paths import MISSING, find

#: Key under which a row tells why it can't be used at all (see :func:`map_row`).
FAULT: Final = "__fault__"
#: Separates paths whose values are joined by a blank.
JOIN: Final = " + "

_NOT_STORABLE: Final = re.compile(r"[\x00\ud800-\udfff]")
#: Words for a gender → ours. The numbers are those of ISO/IEC 5218.
_GENDERS: Final[dict[str, str | None]] = {
    word: gender
    for gender, words in (
        ("female", "2 f w female woman girl femme féminin feminin femenino mujer أنثى"),
        ("male", "1 m male man boy homme masculin masculino hombre ذكر"),
        ("other", "o x other non-binary diverse autre otro"),
        (None, "0 9 u unknown n/a"),
    )
    for word in words.split()
}


class RowError(ValueError):
    """A row that can't be an item; the text says why and is shown to people."""


@dataclass(frozen=True)
class FieldMap:
    """Where the value of a field comes from.

    :ivar field: name in the item, such as ``person_identifier``
    :ivar path: see :mod:`.paths`; several joined by `` + ``; empty: always the default
    :ivar values: text in the row, ignoring case → text in the item
    :ivar default: taken when the row has nothing there
    """

    field: str
    path: str
    values: Mapping[str, str] = dataclasses.field(default_factory=dict)
    default: str | None = None


def map_row(row: Mapping[str, Any], maps: Iterable[FieldMap]) -> dict[str, str | None]:
    """A row as an item: texts without blanks around them, None where there is nothing.

    A field about which the row says nothing (its key isn't there) is left out, so that
    an import doesn't empty what another source filled.

    :raises RowError: the row can't be used, or a value is no single value
    :raises InvalidConfig: a path is not well formed
    """
    if FAULT in row:
        raise RowError(str(row[FAULT]))
    item: dict[str, str | None] = {}
    for entry in maps:
        texts = []
        said = False
        for path in filter(None, (part.strip() for part in entry.path.split(JOIN))):
            value = find(row, path)
            if value is not MISSING:
                said = True
                if text := as_text(value, entry.field):
                    texts.append(text)
        text = " ".join(texts) or None
        if text is not None:
            text = _translate(entry, text)
        if text is None:
            text = entry.default or None
        if said or text is not None:
            item[entry.field] = text
    return item


def _translate(entry: FieldMap, text: str) -> str | None:
    key = text.casefold()
    for said, meant in entry.values.items():
        if said.casefold() == key:
            return meant.strip() or None
    if entry.field == "gender":
        # What isn't known stays as it is, so that the refusal can name it.
        return _GENDERS.get(key, text)
    return key if entry.field == "level_of_work" else text


def as_text(value: Any, name: str = "value") -> str | None:
    """A single value as text: 12345.0 is "12345", a day is its ISO form, blank is None.

    :param name: how the field is called in the error
    :raises RowError: it is an object, or a list of such, or no database takes it
    """
    match value:
        case None:
            return None
        case str():
            if not is_storable(value):
                raise RowError(f"{name}: There is a character that can't be stored.")
            return value.strip() or None
        case bool():
            return "true" if value else "false"
        case float():
            if not math.isfinite(value):
                return None
            return str(int(value)) if value.is_integer() else repr(value)
        case int():
            return str(value)
        case datetime():
            if value.time() == time():
                return value.date().isoformat()
            return value.isoformat(sep=" ")
        case date() | time():
            return value.isoformat()
        case list():
            texts = [as_text(part, name) for part in value]
            return " ".join(filter(None, texts)) or None
        case _:
            raise RowError(f"{name}: There is an object where one value is expected.")


def is_storable(text: str) -> bool:
    """Whether a database takes a text: JSON can hold a NUL and half of a character."""
    return not _NOT_STORABLE.search(text)


def storable(text: str) -> str:
    """A text to be looked at, with marks in the place of what can't be stored."""
    return _NOT_STORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def parse_values(text: str) -> dict[str, str]:
    """``said = meant`` a line, as people type it.

    :raises InvalidConfig: a line has no ``=``
    """
    values = {}
    for line in filter(None, map(str.strip, (text or "").splitlines())):
        said, equals, meant = line.partition("=")
        if not equals or not said.strip():
            raise InvalidConfig(f"{line!r} is not of the form: said = meant")
        values[said.strip()] = meant.strip()
    return values
