"""Client identifiers and secrets: made here, stored only as hashes.

A secret begins with a hint, which is stored in clear: it tells people which
secret they have at hand, and the server which hash to compare. So there is one
hash to compute, be it that a client has one secret, two or none.
"""

import secrets
from collections.abc import Iterable

from passlib.context import CryptContext

# A secret has 256 random bits beside its hint, so that no number of rounds makes
# guessing it harder than impossible; these bound what a flood of wrong guesses
# costs us.
#
# When a row breaks a rule of the database, PostgreSQL and Odoo log the first 64
# characters of each of its columns: the salt is so long that nothing of the hash is
# among them.
_CONTEXT = CryptContext(
    ["pbkdf2_sha512"], pbkdf2_sha512__rounds=20_000, pbkdf2_sha512__salt_size=32
)

_HINT_LENGTH = 8
_MAX_LENGTH = 256

# a hint and a hash; what is not in use is empty, as the ORM has it
Slot = tuple[str | bool | None, str | bool | None]


def new_client_id() -> str:
    """A public identifier: 24 hexadecimal digits."""
    return secrets.token_hex(12)


def new_secret() -> str:
    """A secret of 51 characters that need no escaping in a URL or a shell."""
    return secrets.token_urlsafe(6) + secrets.token_urlsafe(32)


def hint(secret: str) -> str:
    """The part of a secret that is no secret: its first 8 characters."""
    return secret[:_HINT_LENGTH]


def hash_secret(secret: str) -> str:
    """PBKDF2-SHA512 with a random salt, in passlib's format."""
    return _CONTEXT.hash(secret)


def verify_secret(secret: str, slots: Iterable[Slot]) -> bool:
    """Whether it is one of these secrets, at the cost of exactly one hash.

    :param slots: the hint and the hash of each secret that is good now; none
        where there is no such client, which must not cost less time than a
        wrong secret does. Empty values stand for a slot that is not in use.
    """
    # HMAC does not tell a key from the same one with NULs behind it
    if len(secret) > _MAX_LENGTH or "\0" in secret:
        return False  # whoever the client is
    claimed = hint(secret)
    hashed = next((hashed for own, hashed in slots if hashed and own == claimed), None)
    if not hashed:
        _CONTEXT.dummy_verify()
        return False
    return _CONTEXT.verify(secret, hashed)
