"""Client identifiers and secrets."""

import pytest
from oauth import secrets

FIRST, SECOND = secrets.new_secret(), secrets.new_secret()
SLOTS = [
    (secrets.hint(FIRST), secrets.hash_secret(FIRST)),
    (secrets.hint(SECOND), secrets.hash_secret(SECOND)),
]
UNUSED = [(None, None), (False, False)]


def test_secret_is_random_hashed_and_url_safe():
    assert FIRST != SECOND
    assert len(FIRST) == 51
    assert FIRST.replace("-", "").replace("_", "").isalnum()
    hashed = secrets.hash_secret(FIRST)
    assert FIRST not in hashed and hashed.startswith("$pbkdf2-sha512$")
    assert hashed != secrets.hash_secret(FIRST)


def test_the_database_says_nothing_of_a_hash_in_its_complaints():
    # of each column 64 characters at most
    hashed = secrets.hash_secret(FIRST)
    salted, _dollar, digest = hashed.rpartition("$")
    assert len(digest) == 86 and len(salted) >= 64


def test_the_hint_leaves_256_bits():
    assert secrets.hint(FIRST) == FIRST[:8]
    assert len(FIRST[8:]) * 6 >= 256


def test_each_secret_fits_its_own_slot():
    assert secrets.verify_secret(FIRST, SLOTS)
    assert secrets.verify_secret(SECOND, SLOTS)
    assert secrets.verify_secret(FIRST, SLOTS[:1])
    assert secrets.verify_secret(FIRST, iter([*UNUSED, *SLOTS]))
    assert not secrets.verify_secret(SECOND, SLOTS[:1])
    assert not secrets.verify_secret(secrets.hint(FIRST) + SECOND[8:], SLOTS)


@pytest.mark.parametrize("slots", [[], UNUSED, [("", None)], [("x", "")]])
@pytest.mark.parametrize("secret", ["", "x", "None", "False", FIRST, "é" * 20, "a\0b"])
def test_nothing_fits_where_there_is_no_secret(secret, slots):
    assert not secrets.verify_secret(secret, slots)


@pytest.mark.parametrize(
    "secret", ["", "x", FIRST + "x", FIRST[:-1], FIRST.swapcase(), FIRST + "\0", "é"]
)
def test_wrong_secrets(secret):
    assert not secrets.verify_secret(secret, SLOTS)


def test_endless_secrets_cost_nothing(hashes):
    assert not secrets.verify_secret(FIRST + "x" * 10_000, SLOTS)
    assert hashes == []


@pytest.mark.parametrize(
    ("secret", "slots"),
    [
        (FIRST, SLOTS),
        (SECOND, SLOTS),
        (FIRST, SLOTS[:1]),
        (secrets.new_secret(), SLOTS),
        (FIRST[:8] + SECOND[8:], SLOTS),
        (FIRST, []),
        (FIRST, UNUSED),
        ("", []),
    ],
    ids=["first", "second", "only", "wrong", "right hint", "unknown", "unused", "none"],
)
def test_every_answer_costs_exactly_one_hash(hashes, secret, slots):
    secrets.verify_secret(secret, slots)
    assert len(hashes) == 1


@pytest.fixture
def hashes(monkeypatch) -> list[str]:
    """The hashes that were computed, all of the same number of rounds."""
    context = secrets._CONTEXT
    handler = context.handler()
    computed = []
    original = handler._calc_checksum

    def spy(self, secret):
        assert self.rounds == 20_000
        computed.append(self.name)
        return original(self, secret)

    context.dummy_verify()  # which makes the hash that it compares with, once
    monkeypatch.setattr(handler, "_calc_checksum", spy)
    return computed


def test_client_identifiers():
    first, second = secrets.new_client_id(), secrets.new_client_id()
    assert first != second
    assert len(first) == 24 and int(first, 16) >= 0
