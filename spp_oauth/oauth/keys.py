"""Keys: ours, which sign tokens, and the public ones that clients show us.

Ours are PEM for the owner and JWK for everybody else.
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from .errors import LockedKey

Key = RSAKey | ECKey

RS256 = "RS256"
ES256 = "ES256"

#: What tokens and assertions may be signed with; each has one kind of key.
ALGORITHMS = (RS256, ES256)
DEFAULT_ALGORITHM = RS256

RSA_SIZE = 2048
MAX_RSA_SIZE = 8192
CURVE = "P-256"

# A client has one key, or two while it changes them. Each costs us a verification.
MAX_PUBLIC_KEYS = 10
MAX_KID_LENGTH = 128

_KID = re.compile(r"[A-Za-z0-9_-]{43}")
_PEM_BLOCK = re.compile(
    r"-----BEGIN ([A-Z0-9 ]+)-----[A-Za-z0-9+/=\s]+-----END \1-----"
)
_PEM_PUBLIC = ("PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE")
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


@dataclass(frozen=True)
class KeyPair:
    """A fresh signing key.

    :param kid: its RFC 7638 thumbprint
    :param algorithm: what it signs with
    :param private_pem: PKCS #8
    :param is_encrypted: whether it takes a passphrase to use `private_pem`
    :param public_jwk: RFC 7517, with `kid`, `alg` and `use`
    """

    kid: str
    algorithm: str
    private_pem: str = field(repr=False)
    is_encrypted: bool
    public_jwk: dict[str, Any]


def generate(
    algorithm: str = DEFAULT_ALGORITHM, passphrase: str | None = None
) -> KeyPair:
    """Make a key: RSA of 2048 bits for RS256, P-256 for ES256.

    :param passphrase: encrypt the private half with it
    :raises ValueError: for another algorithm
    """
    key: Key
    if algorithm == RS256:
        key = RSAKey.generate_key(RSA_SIZE, private=True, auto_kid=False)
    elif algorithm == ES256:
        key = ECKey.generate_key(CURVE, private=True, auto_kid=False)
    else:
        raise ValueError(f"Keys sign with one of {', '.join(ALGORITHMS)}.")
    kid = key.thumbprint()
    return KeyPair(
        kid=kid,
        algorithm=algorithm,
        private_pem=_private_pem(key, passphrase),
        is_encrypted=bool(passphrase),
        public_jwk={
            **key.as_dict(private=False),
            "kid": kid,
            "alg": algorithm,
            "use": "sig",
        },
    )


def load_private(
    private_pem: str,
    kid: str,
    algorithm: str = DEFAULT_ALGORITHM,
    passphrase: str | None = None,
) -> Key:
    """The key that signs.

    :param passphrase: what an encrypted key was encrypted with; plain keys do not
        need it
    :raises LockedKey: when the key is encrypted, and not with this passphrase
    :raises ValueError: when the text is no private key of this algorithm in PEM
    """
    encrypted = is_encrypted(private_pem)
    if encrypted and not passphrase:
        raise LockedKey("The private key is encrypted and there is no passphrase.")
    try:
        key = _class_of(algorithm).import_key(
            private_pem,
            {"kid": kid, "alg": algorithm, "use": "sig"},
            passphrase if encrypted else None,
        )
    except JoseError as exc:
        raise ValueError(f"This is no key for {algorithm}.") from exc
    except ValueError as exc:
        if encrypted:
            raise LockedKey("The passphrase is not the private key's.") from exc
        raise
    if not key.is_private:
        raise ValueError("This is not a private key.")
    return key


def encrypt(private_pem: str, algorithm: str, passphrase: str) -> str:
    """The same private key, as PEM that takes a passphrase to use.

    :raises ValueError: when the text is no plain private key of this algorithm
    """
    return _private_pem(load_private(private_pem, "", algorithm), passphrase)


def is_encrypted(private_pem: str) -> bool:
    """Whether it takes a passphrase to use this private key."""
    return "ENCRYPTED" in private_pem


def is_kid(text: object) -> bool:
    """Whether this could be the `kid` of a key of ours: a thumbprint by SHA-256."""
    return isinstance(text, str) and _KID.fullmatch(text) is not None


def load_public(public_jwks: Iterable[dict[str, Any]]) -> dict[str, Key]:
    """The keys that verify, by their `kid`."""
    return {jwk["kid"]: load_public_key(jwk) for jwk in public_jwks}


def load_public_key(jwk: dict[str, Any]) -> Key:
    """The key of a JWK that has an `alg`."""
    return _class_of(jwk["alg"]).import_key(jwk)


def parse_public_keys(text: str) -> list[dict[str, Any]]:
    """The public keys that a client gives us, as JWKs that have an `alg`.

    Keys in PEM have no `kid`, nor need those of a JWK Set have one.

    :param text: a JWK Set, one JWK, or one or more keys or certificates in PEM
    :raises ValueError: with a sentence for people, for whatever is not a public
        key for RS256 or ES256, and for private keys above all
    """
    text = text.strip()
    jwks = _jwks_of_pem(text) if text.startswith("-----") else _jwks_of_json(text)
    if not jwks:
        raise ValueError("There is no key here.")
    if len(jwks) > MAX_PUBLIC_KEYS:
        raise ValueError(f"There are more than {MAX_PUBLIC_KEYS} keys.")
    kids = [jwk["kid"] for jwk in jwks if "kid" in jwk]
    if len(kids) != len(set(kids)):
        raise ValueError("Two keys have the same kid.")
    return jwks


def _jwks_of_pem(text: str) -> list[dict[str, Any]]:
    blocks = list(_PEM_BLOCK.finditer(text))
    if not blocks or _PEM_BLOCK.sub("", text).strip():
        raise ValueError("This is not PEM: a part of it is missing or damaged.")
    return [_jwk_of_block(block[0], block[1]) for block in blocks]


def _jwk_of_block(pem: str, label: str) -> dict[str, Any]:
    if "PRIVATE" in label:
        raise ValueError("This is a private key. It must stay with the client.")
    if label not in _PEM_PUBLIC:
        raise ValueError(f"This is not a public key but: {label}")
    for key_class in (RSAKey, ECKey):
        try:
            key = key_class.import_key(pem)
        except JoseError:
            continue  # of the other kind, or of none of the two
        except (ValueError, TypeError, UnsupportedAlgorithm) as exc:
            raise ValueError("A key in PEM cannot be read.") from exc
        return _checked(key.as_dict(private=False))
    raise ValueError("Only RSA keys, and elliptic curve keys on P-256, are accepted.")


def _jwks_of_json(text: str) -> list[dict[str, Any]]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise ValueError("This is neither PEM nor JSON.") from exc
    jwks = data.get("keys", [data]) if isinstance(data, dict) else None
    if not isinstance(jwks, list) or not all(isinstance(jwk, dict) for jwk in jwks):
        raise ValueError("This is JSON, but no JWK Set.")
    return [_checked(jwk) for jwk in jwks]


def _checked(jwk: dict[str, Any]) -> dict[str, Any]:
    """The JWK reduced to what verification needs.

    :raises ValueError: for what is no public key of ours
    """
    if jwk.get("kty") == "oct":
        raise ValueError("This is a shared secret, not a public key.")
    if _PRIVATE_MEMBERS & jwk.keys():
        raise ValueError("This is a private key. It must stay with the client.")
    if jwk.get("use", "sig") != "sig":
        raise ValueError("A key is not for signatures.")
    algorithm = {"RSA": RS256, "EC": ES256}.get(str(jwk.get("kty")))
    if not algorithm or (algorithm == ES256 and jwk.get("crv") != CURVE):
        raise ValueError(
            "Only RSA keys, and elliptic curve keys on P-256, are accepted."
        )
    if jwk.get("alg", algorithm) != algorithm:
        raise ValueError(f"A key is for another algorithm than {algorithm}.")
    members = ("kty", "n", "e") if algorithm == RS256 else ("kty", "crv", "x", "y")
    result = {name: jwk[name] for name in members if name in jwk}
    try:
        key = _class_of(algorithm).import_key(result)
    except (JoseError, ValueError, TypeError) as exc:
        raise ValueError("A key cannot be read.") from exc
    if algorithm == RS256 and not RSA_SIZE <= key.raw_value.key_size <= MAX_RSA_SIZE:
        raise ValueError(
            f"RSA keys must have between {RSA_SIZE} and {MAX_RSA_SIZE} bits."
        )
    result["alg"] = algorithm
    if "kid" in jwk:
        kid = jwk["kid"]
        if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID_LENGTH:
            raise ValueError(f"A kid is a text of at most {MAX_KID_LENGTH} characters.")
        result["kid"] = kid
    return result


def _private_pem(key: Key, passphrase: str | None) -> str:
    return key.as_pem(private=True, password=passphrase or None).decode()


def _class_of(algorithm: str) -> type[RSAKey] | type[ECKey]:
    return ECKey if algorithm == ES256 else RSAKey
