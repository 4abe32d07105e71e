"""Signing keys: RSA, as PEM for the owner and as JWK for everybody else."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from joserfc.jwk import RSAKey

ALGORITHM = "RS256"
KEY_SIZE = 2048


@dataclass(frozen=True)
class KeyPair:
    """A fresh signing key.

    :param kid: its RFC 7638 thumbprint
    :param private_pem: PKCS #8, unencrypted
    :param public_jwk: RFC 7517, with `kid`, `alg` and `use`
    """

    kid: str
    private_pem: str = field(repr=False)
    public_jwk: dict[str, Any]


def generate() -> KeyPair:
    """Make an RSA key of 2048 bits."""
    key = RSAKey.generate_key(KEY_SIZE, private=True, auto_kid=False)
    kid = key.thumbprint()
    return KeyPair(
        kid=kid,
        private_pem=key.as_pem(private=True).decode(),
        public_jwk={
            **key.as_dict(private=False),
            "kid": kid,
            "alg": ALGORITHM,
            "use": "sig",
        },
    )


def load_private(private_pem: str, kid: str) -> RSAKey:
    """The key that signs.

    :raises ValueError: when the text is no private RSA key in PEM
    """
    key = RSAKey.import_key(private_pem, {"kid": kid, "alg": ALGORITHM, "use": "sig"})
    if not key.is_private:
        raise ValueError("This is not a private key.")
    return key


def load_public(public_jwks: Iterable[dict[str, Any]]) -> dict[str, RSAKey]:
    """The keys that verify, by their `kid`."""
    return {jwk["kid"]: RSAKey.import_key(jwk) for jwk in public_jwks}
