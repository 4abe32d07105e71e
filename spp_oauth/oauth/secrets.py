"""Client identifiers and secrets: made here, stored only as hashes."""

import secrets

from passlib.context import CryptContext

# A secret has 256 random bits, so that no number of rounds makes guessing it
# harder than impossible; these bound what a flood of wrong guesses costs us.
_CONTEXT = CryptContext(["pbkdf2_sha512"], pbkdf2_sha512__rounds=20_000)

_MAX_LENGTH = 256


def new_client_id() -> str:
    """A public identifier: 24 hexadecimal digits."""
    return secrets.token_hex(12)


def new_secret() -> str:
    """A secret of 43 characters that need no escaping in a URL or a shell."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """PBKDF2-SHA512 with a random salt, in passlib's format."""
    return _CONTEXT.hash(secret)


def verify_secret(secret: str, hashed: str | None) -> bool:
    """Whether it is the secret of this hash, in constant time.

    :param hashed: None where there is no such client: the answer is False and
        costs the same time, so that it does not tell which clients exist
    """
    if len(secret) > _MAX_LENGTH:
        return False
    if not hashed:
        _CONTEXT.dummy_verify()
        return False
    return _CONTEXT.verify(secret, hashed)
