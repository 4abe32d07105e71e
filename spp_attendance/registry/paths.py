"""Paths into JSON: ``identifier.0.value``, ``identifier[name=NATIONAL_ID].identifier``.

Names and numbers are separated by dots; a number picks from a list, ``[key=value]``
picks the first entry of a list whose key has that value. A whole key that contains such
characters itself, as the heading of a column may, is found as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from .errors import InvalidConfig

_STEP = re.compile(
    r"(?:^|\.)(?P<name>[^.\[\]]+)|\[(?P<key>[^\[\]=]+)=(?P<value>[^\[\]]*)\]"
)
#: Keys by which the entries of a list are usually told apart, best first.
_TELLING: Final = (
    "name",
    "type",
    "identifier_type",
    "id_type",
    "system",
    "use",
    "kind",
)
_MAX_PATHS: Final = 300
_MAX_DEPTH: Final = 8


class _Missing:
    """The type of :data:`MISSING`."""

    def __repr__(self) -> str:
        return "MISSING"


#: What :func:`find` gives for a key that nothing is said about.
MISSING: Final = _Missing()


class _Pick(NamedTuple):
    """The entry of a list whose `key` is `value`."""

    key: str
    value: str


@lru_cache(maxsize=1024)
def parse(path: str) -> tuple[str | _Pick, ...]:
    """The steps of a path; an empty one has none.

    :raises InvalidConfig: it is not well formed
    """
    steps: list[str | _Pick] = []
    position = 0
    while position < len(path):
        match = _STEP.match(path, position)
        if not match or path.startswith("."):
            raise InvalidConfig(f"The path {path!r} is not well formed.")
        if match["name"] is not None:
            steps.append(match["name"].strip())
        else:
            steps.append(_Pick(match["key"].strip(), match["value"].strip()))
        position = match.end()
    return tuple(steps)


def find(data: Any, path: str) -> Any:
    """The value at `path`.

    :return: :data:`MISSING` when an object on the way lacks the key; None when what is
        there is null, or a list has no such entry
    :raises InvalidConfig: the path is not well formed
    """
    if isinstance(data, Mapping) and path in data:
        return data[path]
    value = data
    for step in parse(path):
        if value is None:
            return None
        if isinstance(step, _Pick):
            value = _pick(value, step)
        elif isinstance(value, Mapping):
            value = value.get(step, MISSING)
        elif isinstance(value, list):
            index = int(step) if step.isascii() and step.isdigit() else len(value)
            value = value[index] if index < len(value) else None
        else:
            return MISSING
        if value is MISSING:
            return MISSING
    return value


def get(data: Any, path: str) -> Any:
    """The value at `path`, None when there is none.

    :raises InvalidConfig: the path is not well formed
    """
    value = find(data, path)
    return None if value is MISSING else value


def _pick(value: Any, wanted: _Pick) -> Any:
    if not isinstance(value, list):
        return MISSING
    for entry in value:
        if isinstance(entry, Mapping) and str(entry.get(wanted.key)) == wanted.value:
            return entry
    return None


def paths_of(sample: Iterable[Any]) -> list[str]:
    """Paths to all single values in some rows, in the order in which they appear.

    Entries of a list that have a telling key are offered by it before their number:
    the order of a list is seldom a promise.
    """
    found: dict[str, None] = {}
    for row in sample:
        if isinstance(row, Mapping):
            for key, value in row.items():
                if key.startswith("__"):
                    continue
                # The heading of a column is a path as it stands.
                plain = not isinstance(value, Mapping | list)
                if plain or _is_plain(key):
                    found.update(dict.fromkeys(_walk(value, key, 1)))
        if len(found) > _MAX_PATHS:
            break
    return list(found)[:_MAX_PATHS]


def _is_plain(key: str) -> bool:
    return bool(key) and not set(key) & set(".[]=")


def _walk(value: Any, path: str, depth: int) -> Iterator[str]:
    if depth > _MAX_DEPTH:
        return
    if isinstance(value, Mapping):
        for key, child in value.items():
            if _is_plain(key):
                yield from _walk(child, f"{path}.{key}", depth + 1)
    elif isinstance(value, list):
        yield from _walk_list(value, path, depth)
    else:
        yield path


def _walk_list(entries: list[Any], path: str, depth: int) -> Iterator[str]:
    for index, entry in enumerate(entries[:5]):
        if isinstance(entry, Mapping):
            for key in _TELLING:
                told = entry.get(key)
                if isinstance(told, str) and told and not set(told) & set("[]"):
                    for deeper in _walk(entry, f"{path}[{key}={told}]", depth + 1):
                        if not deeper.endswith(f"].{key}"):
                            yield deeper
                    break
        yield from _walk(entry, f"{path}.{index}", depth + 1)
