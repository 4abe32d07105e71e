"""Every addon speaks French and Spanish, whole sentences and their placeholders.

Arabic is partial by intent: the page of a kiosk, which whoever comes reads, and nothing
of what the office works with.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import polib
import pytest

from _suite.paths import ADDONS, ROOT

LANGUAGES = ["es", "fr"]
#: What Python's % fills in: %(name)s, %s, %d; and what scripts and sources do: {name}.
PLACEHOLDER = re.compile(r"%(?:\(\w+\))?[a-z]|\{\w+\}", re.ASCII)
#: Languages in which only the page of a kiosk is written, and where its words are.
KIOSK_LANGUAGES = ["ar"]
KIOSK_PAGE = Path("spp_attendance", "models", "spp_attendance_kiosk_page.py")
#: Words that stay as they are. Odoo's exporter and oca-checks-po leave these empty, so
#: any other empty translation is one that was forgotten.
SAME_EVERYWHERE = {
    "%(name)s (%(time)s)",
    "%(reason)s.",
    "%s h",
    "%s min",
    "%s s",
    "-----BEGIN CERTIFICATE-----",
    "08:00",
    "08:30",
    "10",
    "10.0.0.0/8\n192.168.1.0/24",
    "10.0.0.0/8\n192.168.1.20",
    "11",
    "12",
    "17:30",
    "ADMS",
    "API",
    "Avatar",
    "Avatar 1024",
    "Avatar 128",
    "Avatar 256",
    "Avatar 512",
    "ES256",
    "Excel",
    "F = female",
    "GET",
    "ID",
    "JSON",
    "P-0001\nP-0002",
    "POST",
    "RS256",
    "RS256 (RSA)",
    "SUPERUSER",
    "TCP",
    "Terminal",
    "Total",
    "UDP",
    "URL",
    "UUID",
    "http",
    "http://10.0.0.2:8069",
    "https",
    "https://registry.example.org/oauth2/client/token",
    "https://registry.example.org/registry/sync/search",
    "registry.example.org\n*.example.net\nhttp://10.0.0.5:8080",
    '{"X-Api-Version": "2"}',
}
SAME = {
    "es": SAME_EVERYWHERE
    | {
        "%(field)s: %(reason)s",
        "%s d",
        "Color",
        "Cursor",
        "Error",
        "Firmware",
        "Firmware %(firmware)s.",
        "No",
        "PIN",
        "Pres.",
        "Roles",
        "Token",
        "Tokens",
        "no",
    },
    "fr": SAME_EVERYWHERE
    | {
        "Abs.",
        "Absent",
        "Audience",
        "Badge",
        "Badge %s",
        "Badges",
        "Circuit",
        "Client",
        "Clients",
        "Code",
        "Configuration",
        "Contact",
        "Contradiction",
        "Correction",
        "Corrections",
        "Date",
        "Description",
        "Identification",
        "Image",
        "Image 1024",
        "Image 128",
        "Image 256",
        "Image 512",
        "Instant",
        "Messages",
        "Mode",
        "Note",
        "Notes",
        "Pages",
        "Participant",
        "Port",
        "Protection",
        "Route",
        "Secret",
        "Source",
        "Stats",
        "Test",
        "Transport",
        "Type",
        "Types",
        "Version",
        "absent",
        "minutes",
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


@pytest.mark.parametrize("language", LANGUAGES)
def test_sheets_of_a_workbook_have_names_of_their_own(language):
    # Excel refuses two of the same name, in whatever case, and names beyond 31 letters.
    path = ROOT / "spp_attendance" / "timesheet_file.py"
    call = r'(?:_grid\(\s*book,|add_worksheet\()\s*self\.env\._\("([^"]+)"'
    titles = re.findall(call, path.read_text(encoding="utf-8"))
    assert len(titles) == 6
    translated = translation("spp_attendance", language)
    names = {translated[title].msgstr[:31].casefold() for title in titles}
    assert len(names) == len(titles)


@each_catalogue
def test_the_header_names_the_language(addon, language):
    path = ROOT / addon / "i18n" / f"{language}.po"
    metadata = polib.pofile(str(path)).metadata
    assert metadata["Language"] == language
    assert metadata["Content-Transfer-Encoding"] == "8bit"
    assert metadata["Plural-Forms"].startswith("nplurals=2;")


def texts_of_the_kiosk_page() -> set[str]:
    """All that the file of the page has translated, read from its source."""
    tree = ast.parse((ROOT / KIOSK_PAGE).read_text(encoding="utf-8"))
    texts = {
        call.args[0].value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and call.func.attr == "_"
        and isinstance(call.args[0], ast.Constant)
    }
    [page_texts] = [
        function
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef) and function.name == "_page_texts"
    ]
    [answer] = [node for node in page_texts.body if isinstance(node, ast.Return)]
    assert isinstance(answer.value, ast.Dict)
    # Nothing that people read goes without being translated.
    assert all(isinstance(value, ast.Call) for value in answer.value.values)
    assert len(answer.value.values) > 50
    return texts


@pytest.mark.parametrize("language", KIOSK_LANGUAGES)
def test_the_kiosk_page_is_whole_in_more_languages(language):
    translated = translation("spp_attendance", language)
    assert translated.keys() == texts_of_the_kiosk_page()
    assert translated.keys() <= template("spp_attendance").keys()
    for msgid, entry in translated.items():
        assert entry.msgstr.strip(), msgid
        assert entry.msgstr != msgid
        assert not entry.fuzzy, msgid
        wanted = sorted(PLACEHOLDER.findall(msgid))
        assert sorted(PLACEHOLDER.findall(entry.msgstr)) == wanted, msgid
        # Only the page: elsewhere the same words stay English, like all around them.
        assert {Path(path).name for path, _line in entry.occurrences} == {
            KIOSK_PAGE.name
        }
    path = ROOT / "spp_attendance" / "i18n" / f"{language}.po"
    assert polib.pofile(str(path)).metadata["Language"] == language


def test_the_template_of_the_kiosk_page_has_no_words_of_its_own():
    source = ROOT / "spp_attendance" / "views" / "spp_attendance_kiosk_page.xml"
    page = source.read_text(encoding="utf-8")
    body = re.sub(r"<!--.*?-->", "", page, flags=re.DOTALL)
    assert not re.findall(r">[^<>]*\w[^<>]*<", body)
    assert not re.findall(r'\s(?:alt|title|placeholder|aria-label)="', body)


@pytest.mark.parametrize("addon", ADDONS)
def test_each_catalogue_is_looked_at(addon):
    found = {path.stem for path in (ROOT / addon / "i18n").glob("*.po")}
    partial = set(KIOSK_LANGUAGES) if addon == "spp_attendance" else set()
    assert found == set(LANGUAGES) | partial
