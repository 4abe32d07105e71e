"""A person's name from its parts, the parts of a name, and whether two names are one.

Free of Odoo.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
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


#: What joins the letters around it: apostrophes in all their shapes, the stroke that
#: lengthens Arabic words, and signs that nobody sees.
_JOINING = re.compile(
    "['`\\u00b4\\u02b9-\\u02bf\\u02c8\\u02ca\\u02cb\\u0640"
    "\\u2018-\\u201b\\u2032\\u2035\\u05f3\\uff07"
    "\\u00ad\\u200b-\\u200f\\u202a-\\u202e\\u2060\\u2066-\\u2069\\ufeff]"
)
#: Letters with a stroke or joined to another, which Unicode doesn't take apart.
_PLAIN_LETTERS = str.maketrans(
    {
        "\u00e6": "ae",
        "\u0153": "oe",
        "\u00f8": "o",
        "\u0142": "l",
        "\u0111": "d",
        "\u00f0": "d",
        "\u0127": "h",
        "\u0131": "i",
        "\u0167": "t",
        "\u00fe": "th",
    }
)


def word_list(name: str) -> list[str]:
    """The words of a name as they are compared: no case, no accents, no punctuation."""
    text = unicodedata.normalize("NFKD", _JOINING.sub("", name).casefold()).casefold()
    letters = (
        # The signs of vowels, as in Devanagari, are no accents: they make the word.
        char if unicodedata.category(char)[0] in "LMN" else " "
        for char in text
        if not unicodedata.combining(char)
    )
    return "".join(letters).translate(_PLAIN_LETTERS).split()


def words(name: str) -> frozenset[str]:
    """The different words of a name, as they are compared."""
    return frozenset(word_list(name))


def is_same_name(typed: str, registered: str) -> bool:
    """Whether somebody typed a name that is registered.

    In any order, with or without accents, and second names may be left out; but each
    word that was typed must be one of the name, and one alone is not enough, unless
    the name has no more.
    """
    given, known = Counter(word_list(typed)), Counter(word_list(registered))
    return bool(given) and given <= known and given.total() >= min(2, known.total())
