"""Every addon speaks French and Spanish, whole sentences and their placeholders."""

from __future__ import annotations

import re
from pathlib import Path

import polib
import pytest

from _suite.paths import ADDONS, ROOT

LANGUAGES = ["es", "fr"]
#: What Python's % fills in: %(name)s, %s, %d.
PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[a-z]", re.ASCII)
#: Words that stay as they are. Odoo's exporter and oca-checks-po leave these empty, so
#: any other empty translation is one that was forgotten.
SAME_EVERYWHERE = {
    "08:30",
    "API",
    "Avatar",
    "Avatar 1024",
    "Avatar 128",
    "Avatar 256",
    "Avatar 512",
    "ES256",
    "ID",
    "RS256",
    "RS256 (RSA)",
    "Terminal",
    "Total",
    "URL",
    "UUID",
    '{"people": ["P-0001"], "per_minute": 1}',
}
SAME = {
    "es": SAME_EVERYWHERE
    | {
        "Color",
        "Firmware",
        "Firmware %(firmware)s.",
        "Host",
        "Roles",
        "Tokens",
    },
    "fr": SAME_EVERYWHERE
    | {
        "Absent",
        "Audience",
        "Badge",
        "Badges",
        "Client",
        "Clients",
        "Code",
        "Configuration",
        "Contact",
        "Date",
        "Description",
        "Image",
        "Image 1024",
        "Image 128",
        "Image 256",
        "Image 512",
        "Instant",
        "Messages",
        "Notes",
        "Options",
        "Participant",
        "Port",
        "Protection",
        "Route",
        "Secret",
        "Source",
        "Stats",
        "Type",
        "Types",
    },
}

each_catalogue = pytest.mark.parametrize(
    ("addon", "language"), [(a, lang) for a in ADDONS for lang in LANGUAGES]
)


def terms(path: Path) -> dict[str, polib.POEntry]:
    """The entries of a catalogue that are in use, by their English text."""
    return {
        entry.msgid: entry for entry in polib.pofile(str(path)) if not entry.obsolete
    }


def template(addon: str) -> dict[str, polib.POEntry]:
    return terms(ROOT / addon / "i18n" / f"{addon}.pot")


def translation(addon: str, language: str) -> dict[str, polib.POEntry]:
    return terms(ROOT / addon / "i18n" / f"{language}.po")


@pytest.mark.parametrize("addon", ADDONS)
def test_the_template_holds_the_menus(addon):
    assert template(addon)
    menus = (ROOT / addon / "views" / f"{addon}_menus.xml").read_text(encoding="utf-8")
    names = set(re.findall(r'\bname="([^"]+)"', menus))
    assert names
    assert names <= template(addon).keys()


@each_catalogue
def test_nothing_is_left_in_english(addon, language):
    translated = translation(addon, language)
    assert translated.keys() == template(addon).keys()
    empty = {msgid for msgid, entry in translated.items() if not entry.msgstr.strip()}
    assert empty <= SAME[language]
    assert not [msgid for msgid, entry in translated.items() if entry.fuzzy]


@each_catalogue
def test_placeholders_are_kept(addon, language):
    for msgid, entry in translation(addon, language).items():
        if entry.msgstr:
            wanted = sorted(PLACEHOLDER.findall(msgid))
            assert sorted(PLACEHOLDER.findall(entry.msgstr)) == wanted, msgid


@each_catalogue
def test_the_header_names_the_language(addon, language):
    path = ROOT / addon / "i18n" / f"{language}.po"
    metadata = polib.pofile(str(path)).metadata
    assert metadata["Language"] == language
    assert metadata["Content-Transfer-Encoding"] == "8bit"
    assert metadata["Plural-Forms"].startswith("nplurals=2;")
