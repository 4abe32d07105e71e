"""Which path is proposed for which field: registries of different standards."""

from __future__ import annotations

import pytest
from engine.suggestion import suggest

PEOPLE = {
    "person_identifier": "Identifier",
    "name": "Name",
    "family_name": "Family Name",
    "given_name": "Given Name",
    "additional_name": "Additional Name",
    "gender": "Gender",
    "email": "Email",
    "phone": "Phone",
    "mobile": "Mobile",
    "department": "Department",
    "designation": "Designation",
    "level_of_work": "Level of Work",
    "work_from": "Works From",
    "work_to": "Works Until",
    "location": "Home Location",
    "badge": "Badge",
}


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        # DCI, as OpenSPP serves it.
        (
            [
                "identifier.0.name",
                "identifier.0.identifier",
                "birthDate",
                "givenName",
                "familyName",
                "sex",
                "birthPlace",
                "email",
                "phoneNumbers.0.phone",
                "phoneNumbers.0.country",
            ],
            {
                "person_identifier": "identifier.0.identifier",
                "family_name": "familyName",
                "given_name": "givenName",
                "gender": "sex",
                "email": "email",
                "phone": "phoneNumbers.0.phone",
            },
        ),
        # FHIR.
        (
            [
                "id",
                "identifier.0.value",
                "name.0.family",
                "name.0.given.0",
                "name.0.text",
                "gender",
            ],
            {
                "person_identifier": "identifier.0.value",
                "family_name": "name.0.family",
                "given_name": "name.0.given.0",
                "gender": "gender",
            },
        ),
        # A staff list with units that have a code, an id and a name of their own.
        (
            [
                "department.id",
                "department.name",
                "employee.id",
                "employee.name",
                "employee.jobTitle",
                "employee.mobile_phone",
                "site.name",
                "badge_no",
                "Badge Number",
            ],
            {
                "person_identifier": "employee.id",
                "name": "employee.name",
                "mobile": "employee.mobile_phone",
                "department": "department.id",
                "designation": "employee.jobTitle",
                "location": "site.name",
                "badge": "Badge Number",
            },
        ),
        # Sheets in other languages, and ours.
        (
            ["Matricule", "Nom de famille", "Prénom", "Sexe", "Téléphone", "Courriel"],
            {
                "person_identifier": "Matricule",
                "family_name": "Nom de famille",
                "given_name": "Prénom",
                "gender": "Sexe",
                "email": "Courriel",
                "phone": "Téléphone",
            },
        ),
        (
            ["Cédula", "Apellidos", "Nombres", "Género", "Móvil"],
            {
                "person_identifier": "Cédula",
                "family_name": "Apellidos",
                "given_name": "Nombres",
                "gender": "Género",
                "mobile": "Móvil",
            },
        ),
        (
            list(PEOPLE.values()),
            {name: label for name, label in PEOPLE.items() if name != "name"},
        ),
        # Nothing that looks like anything.
        (["a", "b.0.c", "0", "x[name=UIN].y"], {}),
        ([], {}),
    ],
)
def test_paths_of_a_registry_find_their_fields(paths, expected) -> None:
    assert suggest(PEOPLE, paths) == expected


def test_what_several_people_share_identifies_nobody() -> None:
    paths = ["identifier", "uin"]
    rows = [{"identifier": "KE", "uin": "1"}, {"identifier": "KE", "uin": "2"}]
    assert suggest(PEOPLE, paths)["person_identifier"] == "identifier"
    assert suggest(PEOPLE, paths, rows)["person_identifier"] == "uin"


def test_a_list_may_name_somebody_twice() -> None:
    rows = [{"Staff No": text} for text in ("7", "8", "8", "9", "10")]
    fields = {"person_identifier": "Identifier"}
    assert suggest(fields, ["Staff No"], rows) == {"person_identifier": "Staff No"}


def test_a_field_of_another_addon_is_found_by_what_it_is_called() -> None:
    fields = {"policy": "Leave Policy", "days": "Days"}
    assert suggest(fields, ["leave_policy", "days"]) == {
        "policy": "leave_policy",
        "days": "days",
    }
