"""Paths into rows, and rows as items, without Odoo."""

from __future__ import annotations

import ast
import datetime
import sys
from pathlib import Path
from typing import Any

import pytest
from registry.errors import BY_CODE, InvalidConfig, RegistryError
from registry.mapping import (
    FAULT,
    FieldMap,
    RowError,
    as_text,
    map_row,
    parse_values,
    storable,
)
from registry.paths import MISSING, find, get, paths_of
from registry_server import person

ROW = {
    "identifier": [
        {"name": "HOUSEHOLD", "identifier": "H-1"},
        {"name": "NATIONAL_ID", "identifier": 12345},
        {"name": "http://example.org/id", "identifier": "U-1"},
    ],
    "name": {"family": "Okafor", "given": ["Amina", "Grace"]},
    "phones": [],
    "email": None,
    "No. of Card": "C-7",
    "a[b]": 1,
    "matrix": [[1, 2], [3]],
    "7": "seven",
}


# ---------------------------------------------------------------------- paths


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("identifier.0.identifier", "H-1"),
        ("identifier[name=NATIONAL_ID].identifier", 12345),
        ("identifier[identifier=12345].name", "NATIONAL_ID"),
        ("identifier[name=http://example.org/id].identifier", "U-1"),
        ("name.family", "Okafor"),
        ("name.given.1", "Grace"),
        ("matrix.0.1", 2),
        ("No. of Card", "C-7"),
        ("a[b]", 1),
        ("7", "seven"),
        ("email", None),
        # A list that has no such entry says so; about a key that isn't there nothing
        # is said.
        ("phones.0.phone", None),
        ("identifier.9.identifier", None),
        ("identifier[name=PASSPORT].identifier", None),
        ("email.address", None),
        ("identifier.first", None),
        ("nothing", MISSING),
        ("name.middle", MISSING),
        ("name.family.first", MISSING),
        ("name[x=y]", MISSING),
        ("name.0", MISSING),
    ],
)
def test_what_is_at_a_path(path: str, value: Any) -> None:
    assert find(ROW, path) == value
    assert get(ROW, path) == (None if value is MISSING else value)


def test_the_empty_path_is_all_of_it() -> None:
    assert get([1], "") == [1]


@pytest.mark.parametrize("path", [".", "a.", ".a", "a..b", "a[", "a[b]", "a[b=c", "a]"])
def test_paths_that_are_none(path: str) -> None:
    with pytest.raises(InvalidConfig):
        find({}, path)


def test_paths_of_rows() -> None:
    found = paths_of([person(1), {"badge": "B", FAULT: "shifted", "email": "x"}])
    assert found == [
        "identifier[name=HOUSEHOLD].identifier",
        "identifier.0.name",
        "identifier.0.identifier",
        "identifier[name=NATIONAL_ID].identifier",
        "identifier.1.name",
        "identifier.1.identifier",
        "familyName",
        "givenName",
        "sex",
        "birthDate",
        "email",
        "phoneNumbers.0.phone",
        "phoneNumbers.0.country",
        "badge",
    ]
    for path in found[:-1]:
        assert find(person(1), path) is not MISSING, path


def test_each_path_that_is_offered_leads_somewhere() -> None:
    found = paths_of([ROW])
    assert "No. of Card" in found
    assert all(get(ROW, path) is not None for path in found if path != "email")


def test_paths_of_something_huge_end() -> None:
    deep: dict[str, Any] = {}
    for _ in range(100):
        deep = {"a": deep, "b": 1}
    wide = {f"key{number}": number for number in range(10_000)}
    assert len(paths_of([deep, wide])) <= 300
    assert paths_of(["text", 1, None]) == []


# -------------------------------------------------------------------- mapping


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("  Amina ", "Amina"),
        ("  ", None),
        ("\N{NO-BREAK SPACE}", None),
        ("", None),
        (None, None),
        (0, "0"),
        (12345, "12345"),
        (12345.0, "12345"),
        (1e15, "1000000000000000"),
        (1.5, "1.5"),
        (float("nan"), None),
        (float("inf"), None),
        (True, "true"),
        (False, "false"),
        (datetime.date(2026, 11, 22), "2026-11-22"),
        (datetime.datetime(2026, 11, 22), "2026-11-22"),
        (datetime.datetime(2026, 11, 22, 8, 30), "2026-11-22 08:30:00"),
        (datetime.time(8, 30), "08:30:00"),
        (["Amina", None, "Grace"], "Amina Grace"),
        ([], None),
    ],
)
def test_values_as_text(value: Any, text: str | None) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize("text", ["A\0na", "A\ud800na"])
def test_what_no_database_takes_is_no_value(text: str) -> None:
    with pytest.raises(RowError, match="name: "):
        as_text(text, "name")
    with pytest.raises(RowError):
        as_text([text])
    assert storable(text) == "A\ufffdna"


def test_an_object_is_no_value() -> None:
    with pytest.raises(RowError, match="family_name: "):
        map_row(ROW, [FieldMap("family_name", "name")])
    with pytest.raises(RowError):
        map_row(ROW, [FieldMap("family_name", "identifier")])


def test_a_row_becomes_an_item() -> None:
    maps = [
        FieldMap("person_identifier", "identifier[name=NATIONAL_ID].identifier"),
        FieldMap("name", "name.given + name.family"),
        FieldMap("email", "email"),
        FieldMap("phone", "phones.0.phone"),
        FieldMap("mobile", "mobile"),
        FieldMap("badge", "No. of Card"),
        FieldMap("department", "", default="NUTR"),
        FieldMap("designation", "post", default="Worker"),
    ]
    assert map_row(ROW, maps) == {
        "person_identifier": "12345",
        "name": "Amina Grace Okafor",
        "email": None,
        "phone": None,
        "badge": "C-7",
        "department": "NUTR",
        "designation": "Worker",
    }


def test_joining_passes_over_what_is_not_there() -> None:
    maps = [FieldMap("name", "a + b + c")]
    assert map_row({"a": "x", "b": " ", "c": "z"}, maps) == {"name": "x z"}
    assert map_row({"c": "z"}, maps) == {"name": "z"}
    assert map_row({"a": ""}, maps) == {"name": None}
    assert map_row({}, maps) == {}


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("F", "female"),
        ("Female", "female"),
        (2, "female"),
        (2.0, "female"),
        ("2", "female"),
        ("Femme", "female"),
        ("mujer", "female"),
        ("m", "male"),
        ("MALE", "male"),
        (1, "male"),
        ("hombre", "male"),
        ("other", "other"),
        ("X", "other"),
        (0, None),
        (9, None),
        ("Unknown", None),
        ("", None),
        ("martian", "martian"),
    ],
)
def test_gender(said: Any, meant: str | None) -> None:
    assert map_row({"sex": said}, [FieldMap("gender", "sex")]) == {"gender": meant}


def test_values_of_a_field() -> None:
    values = parse_values("K = female\n  M=male\n\nNutrition Unit = NUTR\nnone =\n")
    assert values == {
        "K": "female",
        "M": "male",
        "Nutrition Unit": "NUTR",
        "none": "",
    }
    gender = FieldMap("gender", "sex", values)
    assert map_row({"sex": "k"}, [gender]) == {"gender": "female"}
    assert map_row({"sex": "None"}, [gender]) == {"gender": None}
    assert map_row({"sex": "f"}, [gender]) == {"gender": "female"}
    unit = FieldMap("department", "unit", values, default="HQ")
    assert map_row({"unit": "nutrition unit"}, [unit]) == {"department": "NUTR"}
    assert map_row({"unit": "none"}, [unit]) == {"department": "HQ"}
    assert map_row({"unit": "Other"}, [unit]) == {"department": "Other"}


@pytest.mark.parametrize("text", ["female", "a b", "= x"])
def test_values_that_are_none(text: str) -> None:
    with pytest.raises(InvalidConfig):
        parse_values(text)


def test_level_of_work_ignores_case() -> None:
    assert map_row({"l": "Staff"}, [FieldMap("level_of_work", "l")]) == {
        "level_of_work": "staff"
    }


def test_a_row_that_is_at_fault() -> None:
    with pytest.raises(RowError, match="shifted"):
        map_row({"a": "x", FAULT: "shifted"}, [FieldMap("name", "a")])


# --------------------------------------------------------------- the package


def test_each_error_has_a_code_and_a_hint() -> None:
    assert len(BY_CODE) == len(RegistryError.__subclasses__()) + 1
    for code, error in BY_CODE.items():
        assert error.code == code
        assert error("").args[0] == error.hint
        assert error("detail").detail == "detail"


def test_nothing_of_odoo_is_needed() -> None:
    package = Path(sys.modules["registry"].__file__ or "").parent
    files = list(package.glob("*.py"))
    assert len(files) > 5
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in getattr(node, "names", ())]
            names.append(getattr(node, "module", None) or "")
            assert not [name for name in names if name.startswith("odoo")], file
