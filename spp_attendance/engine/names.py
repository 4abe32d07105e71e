"""A person's name from its parts, and the parts of a name, in the order of a programme.

Free of Odoo.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

#: "Okafor, Amina Grace", "Okafor Amina Grace" or "Amina Grace Okafor".
NameOrder = Literal["family_given", "family_given_plain", "given_family"]


class NameParts(NamedTuple):
    """The parts of a name, each empty when there is none."""

    family: str = ""
    given: str = ""
    additional: str = ""


#: Of somebody whose name has not been split before.
UNKNOWN = NameParts()


def compose(parts: NameParts, order: NameOrder) -> str:
    """The full name, empty when all parts are."""
    first_names = " ".join(filter(None, (parts.given, parts.additional)))
    if order == "given_family":
        return " ".join(filter(None, (first_names, parts.family)))
    separator = ", " if order == "family_given" else " "
    return separator.join(filter(None, (parts.family, first_names)))


def split(name: str, order: NameOrder, known: NameParts = UNKNOWN) -> NameParts:
    """The parts of a full name, such that :func:`compose` gives the name again.

    :param known: the parts before somebody changed the name. Those that are in it
        still are kept, for where "van der Berg" ends can't be seen.
    :return: parts; a name that can't be split is a family name
    """
    if compose(known, order) == name:
        return known
    family, first_names = _split_family(name, order, known.family)
    given, additional = _split_off(first_names, known.given)
    parts = NameParts(family, given, additional)
    return parts if compose(parts, order) == name else NameParts(name)


def _split_family(name: str, order: NameOrder, known: str) -> tuple[str, str]:
    """Family name and first names."""
    if order == "family_given":
        family, _comma, first_names = name.partition(", ")
        return family, first_names
    if order == "family_given_plain":
        return _split_off(name, known)
    if known and name.endswith(f" {known}"):
        return known, name.removesuffix(f" {known}")
    first_names, _blank, family = name.rpartition(" ")
    return family, first_names


def _split_off(text: str, known: str) -> tuple[str, str]:
    """What is known or else the first word, and the rest."""
    if known and f"{text} ".startswith(f"{known} "):
        return known, text[len(known) + 1 :]
    first, _blank, rest = text.partition(" ")
    return first, rest
