"""Which path of what a registry sends is likely to be which field of ours.

A first guess for a person who then looks at the values beside each: what registries
call a thing in English, French and Spanish, and the standards they follow (DCI, FHIR,
vCard). Nothing of this decides what is imported.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence

#: What each field is called elsewhere, the likeliest first; as `_words` leaves it.
SYNONYMS: Mapping[str, Sequence[str]] = {
    "person_identifier": (
        "personidentifier",
        "identifier",
        "identifiant",
        "identificador",
        "personid",
        "individualid",
        "beneficiaryid",
        "registrationid",
        "registrationnumber",
        "employeeid",
        "employeenumber",
        "employeeno",
        "staffid",
        "staffnumber",
        "staffno",
        "nationalid",
        "idnumber",
        "idno",
        "uin",
        "vid",
        "nin",
        "matricule",
        "cedula",
        "dni",
        "number",
        "code",
        "id",
    ),
    "family_name": (
        "familyname",
        "surname",
        "lastname",
        "nomdefamille",
        "apellidos",
        "apellido",
        "sn",
        "family",
        "last",
    ),
    "given_name": (
        "givenname",
        "firstname",
        "forename",
        "prenom",
        "nombredepila",
        "nombres",
        "given",
        "first",
    ),
    "additional_name": (
        "additionalname",
        "middlename",
        "secondname",
        "othername",
        "deuxiemeprenom",
        "segundonombre",
        "middle",
    ),
    "name": (
        "name",
        "fullname",
        "displayname",
        "nomcomplet",
        "nombrecompleto",
        "nom",
        "nombre",
        "formatted",
        "text",
    ),
    "gender": ("gender", "sex", "sexe", "genre", "sexo", "genero"),
    "email": (
        "email",
        "emailaddress",
        "mail",
        "courriel",
        "correo",
        "correoelectronico",
    ),
    "mobile": (
        "mobile",
        "mobilephone",
        "mobilenumber",
        "cellphone",
        "cell",
        "portable",
        "movil",
        "celular",
        "phone2",
    ),
    "phone": (
        "phone",
        "phonenumber",
        "telephone",
        "tel",
        "telefono",
        "phone1",
        "contactnumber",
    ),
    "department": (
        "department",
        "dept",
        "departement",
        "departamento",
        "unit",
        "organizationunit",
        "orgunit",
        "section",
    ),
    "designation": (
        "designation",
        "jobtitle",
        "position",
        "occupation",
        "role",
        "fonction",
        "poste",
        "cargo",
        "title",
    ),
    "level_of_work": ("levelofwork", "worklevel", "level", "niveau", "nivel", "grade"),
    "work_from": ("workfrom", "worksfrom", "hiredate", "hiredon", "joined"),
    "work_to": ("workto", "worksuntil", "workuntil", "lastday"),
    "location": (
        "location",
        "homelocation",
        "site",
        "facility",
        "centre",
        "center",
        "lieu",
        "lugar",
        "village",
        "ward",
        "district",
    ),
    "badge": (
        "badge",
        "badgenumber",
        "badgecode",
        "badgeid",
        "badgeno",
        "card",
        "cardnumber",
        "qrcode",
        "rfid",
        "barcode",
    ),
}

#: Leaves that say nothing without what they are of: ``department.name``.
_VAGUE = frozenset(
    {"id", "code", "name", "value", "number", "text", "label", "display"}
)
#: One path a field, but not these together: the parts of a name make up the whole.
_PARTS = ("family_name", "given_name")

_KNOWN = frozenset(name for names in SYNONYMS.values() for name in names)

_INDEX = re.compile(r"^\d+$")
_CHOICE = re.compile(r"\[[^]]*\]")


def suggest(
    fields: Mapping[str, str],
    paths: Sequence[str],
    rows: Sequence[Mapping[str, object]] = (),
) -> dict[str, str]:
    """The likeliest path of each field, of those that have one.

    :param fields: what is looked for: what people call each field, by its name
    :param paths: where there is something in what the registry sent
    :param rows: the values there of the first rows, by path; an identifier that
        many rows have in common is none
    """
    shared = {
        path
        for path in paths
        if len(known := [str(row[path]) for row in rows if row.get(path)]) > 1
        # Some may well be in a list twice.
        and 4 * len(set(known)) < 3 * len(known)
    }
    scored = [
        (score, place, name, path)
        for name, label in fields.items()
        for place, path in enumerate(paths)
        if not (name == "person_identifier" and path in shared)
        and (score := _score(_names_of(name, label), path)) is not None
    ]
    chosen: dict[str, str] = {}
    taken: set[str] = set()
    for _score_of, _place, name, path in sorted(scored):
        if name not in chosen and path not in taken:
            chosen[name] = path
            taken.add(path)
    if all(part in chosen for part in _PARTS):
        chosen.pop("name", None)
    # In the order in which the fields were asked for.
    return {name: chosen[name] for name in fields if name in chosen}


def _names_of(name: str, label: str) -> list[str]:
    own = [_words(name), _words(label)]
    return list(dict.fromkeys([*own, *SYNONYMS.get(name, ())]))


def _score(names: Sequence[str], path: str) -> tuple[int, int, int] | None:
    """How well a path fits, the least the best: how it matches, synonym, depth."""
    parts = [
        _words(part)
        for part in _CHOICE.sub("", path).split(".")
        if not _INDEX.match(part)
    ]
    if not parts:
        return None
    leaf, parent = parts[-1], parts[-2] if len(parts) > 1 else ""
    for kind, spelling in enumerate(_spellings(leaf, parent)):
        for form in (spelling, spelling.removesuffix("s")):
            if form and form in names:
                return kind, names.index(form), path.count(".")
    return None


def _spellings(leaf: str, parent: str) -> list[str]:
    """What a path may be called, the best first; a blank is nothing's name."""
    if leaf not in _VAGUE:
        return [leaf, parent + leaf]
    # What a vague leaf is of says more: `employee.department.name`. But if that says
    # nothing, as in `person.name`, the leaf stands for itself.
    own = "" if parent in _KNOWN or parent.removesuffix("s") in _KNOWN else leaf
    return ["", parent, parent + leaf, own]


def _words(text: str) -> str:
    """Letters and digits alone, lower-case, without accents."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in decomposed if c.isalnum())
