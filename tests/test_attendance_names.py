"""Names and their parts, without Odoo."""

import pytest
from engine.names import NameParts, compose, is_same_name, split, words

AMINA = NameParts("Okafor", "Amina", "Grace")


@pytest.mark.parametrize(
    ("order", "name"),
    [
        ("family_given", "Okafor, Amina Grace"),
        ("family_given_plain", "Okafor Amina Grace"),
        ("given_family", "Amina Grace Okafor"),
    ],
)
def test_there_and_back(order, name):
    assert compose(AMINA, order) == name
    assert split(name, order) == AMINA


@pytest.mark.parametrize(
    "order", ["family_given", "family_given_plain", "given_family"]
)
@pytest.mark.parametrize(
    "name",
    [
        "Madonna",
        "van der Berg, Jan Peter",
        "van der Berg Jan",
        "Okafor , Amina",
        "Okafor,Amina",
        "Okafor,  Amina",
        ", Amina",
        "Okafor, ",
        "Amina  Okafor",
        "a, b, c d e",
        "",
        " ",
    ],
)
def test_the_parts_always_give_the_name(order, name):
    assert compose(split(name, order), order) == name
    known = NameParts("van der Berg", "Jan", "Peter")
    assert compose(split(name, order, known), order) == name


def test_one_word_is_a_family_name():
    for order in ("family_given", "family_given_plain", "given_family"):
        assert split("Madonna", order) == NameParts("Madonna")


def test_without_a_family_name():
    assert compose(NameParts(given="Amina", additional="Grace"), "family_given") == (
        "Amina Grace"
    )
    assert compose(NameParts(), "family_given") == ""


@pytest.mark.parametrize(
    ("order", "name"),
    [
        ("family_given_plain", "van der Berg Jan Pieter"),
        ("given_family", "Jan Pieter van der Berg"),
    ],
)
def test_parts_that_are_in_it_still_are_kept(order, name):
    known = NameParts("van der Berg", "Jan", "Peter")
    assert split(name, order, known) == NameParts("van der Berg", "Jan", "Pieter")


def test_a_double_given_name_is_kept():
    known = NameParts("Okafor", "Amina Grace", "")
    assert split("Okafor, Amina Grace", "family_given", known) == known
    assert split("Obi, Amina Grace Joy", "family_given", known) == NameParts(
        "Obi", "Amina Grace", "Joy"
    )


@pytest.mark.parametrize(
    ("typed", "registered"),
    [
        ("Okafor, Amina Grace", "Okafor, Amina Grace"),
        ("amina OKAFOR", "Okafor, Amina Grace"),
        ("  Grace   Amina ", "Okafor, Amina Grace"),
        ("Séan O\u2019Brien", "O'Brien, Sean"),
        ("obrien sean", "O'Brien, Séan"),
        ("Jean-Pierre N'Diaye", "N\u2019Diaye, Jean Pierre"),
        ("Lukasz Zolc", "Żółć, Łukasz"),
        ("Strasse Soren", "Straße, Søren"),
        ("Ipek ISIK", "Iş\u0131k, İpek"),
        ("احمد علي", "أحمد علي"),
        ("محمـد علي", "مُحَمَّد علي"),
        ("शर्मा राम", "राम, शर्मा"),
        ("\uff21\uff4d\uff49\uff4e\uff41 Okafor", "Okafor, Amina"),
        ("Amina\u200f Okafor", "Okafor, Amina"),
        ("Madonna", "madonna."),
        ("Ali Ali", "Ali, Ali"),
        ("Amina Okafor", "Okafor, Amina 2"),
    ],
)
def test_the_same_name(typed, registered):
    assert is_same_name(typed, registered)


@pytest.mark.parametrize(
    ("typed", "registered"),
    [
        ("", "Okafor, Amina"),
        ("", ""),
        ("Amina", ""),
        ("Amina", "Okafor, Amina"),
        ("Ali", "Ali, Ali"),
        ("A Okafor", "Okafor, Amina"),
        ("Amina Okafo", "Okafor, Amina"),
        ("Amina Amina", "Okafor, Amina"),
        ("Amina Okafor Sow", "Okafor, Amina"),
        ("रम शर्मा", "राम, शर्मा"),
        ("- '", "Okafor, Amina"),
        ("- '", "- '"),
    ],
)
def test_another_name(typed, registered):
    assert not is_same_name(typed, registered)


def test_words_of_a_name():
    assert words("N\u2019Diaye, Jean-Pierre Jean") == {"ndiaye", "jean", "pierre"}
