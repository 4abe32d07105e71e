"""Names and their parts, without Odoo."""

import pytest
from engine.names import NameParts, compose, split

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
