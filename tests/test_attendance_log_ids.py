"""Ids of logs, without Odoo."""

from uuid import RFC_4122, UUID, uuid4

import pytest
from engine.log_ids import head, record_id, record_id_in, to_uuid

REGISTER = "0f8fad5b-d9cb-469f-a165-70867728950e"


def test_there_and_back():
    log = to_uuid(REGISTER, 4711)
    assert log == "0f8fad5b-d9cb-869f-a165-000000001267"
    assert record_id(log) == record_id(log.upper()) == 4711
    assert record_id_in(REGISTER, log) == record_id_in(REGISTER.upper(), log) == 4711


@pytest.mark.parametrize("number", [0, 1, 2**31 - 1, 2**48 - 1])
def test_is_a_uuid_of_version_8(number):
    parsed = UUID(to_uuid(str(uuid4()), number))
    assert (parsed.version, parsed.variant) == (8, RFC_4122)
    assert parsed.int & (1 << 48) - 1 == number


@pytest.mark.parametrize("number", [-1, 2**48])
def test_number_that_does_not_fit(number):
    with pytest.raises(ValueError, match="no number of a record"):
        to_uuid(REGISTER, number)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4711",
        REGISTER,  # of version 4
        "0f8fad5b-d9cb-869f-a165-00000000126",
        "0f8fad5b-d9cb-869f-a165-00000000126g",
        "0f8fad5bd9cb869fa165000000001267",
        "{0f8fad5b-d9cb-869f-a165-000000001267}",
        "0f8fad5b-d9cb-869f-a165-000000001267\n",
    ],
)
def test_no_id_of_a_log(text):
    assert record_id(text) is None
    assert record_id_in(REGISTER, text) is None


def test_of_another_register():
    assert record_id_in(str(uuid4()), to_uuid(REGISTER, 1)) is None


@pytest.mark.parametrize("register", ["", "register 7", "ffffffff-" * 4])
def test_register_whose_uuid_is_none(register):
    log = to_uuid(register, 7)
    assert UUID(log).version == 8
    assert record_id_in(register, log) == 7
    assert head(register) != head(REGISTER)
