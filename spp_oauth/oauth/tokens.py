"""Access tokens: JSON Web Tokens as RFC 9068 profiles them."""

import functools
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import uuid4

from joserfc import jws, jwt
from joserfc.errors import ExpiredTokenError, InvalidClaimError, JoseError
from joserfc.jwt import JWTClaimsRegistry

from .errors import InvalidToken, UnknownKey
from .keys import Key, is_kid

TYPE = "at+jwt"

# How far the clocks of two machines may be apart, in seconds.
LEEWAY = 30

# A token of ours has about 900 characters; longer input is not worth parsing.
MAX_LENGTH = 4096


# Tokens whose signature a process remembers to be good; some thousand bytes each.
MAX_DECODED = 4096


@dataclass(frozen=True)
class AccessToken:
    """What a token says. Times are seconds since 1970, UTC.

    :param kid: the key that signed it
    """

    jti: str
    kid: str
    subject: str
    client_id: str
    scopes: frozenset[str]
    issued_at: int
    expires_at: int


@dataclass(frozen=True)
class Authority:
    """Who issues tokens and whom they are for: both are pinned on verification."""

    issuer: str
    audience: str


class _Decoded(NamedTuple):
    key: Key
    header: Mapping[str, Any]
    claims: Mapping[str, Any]


_decoded: dict[str, _Decoded] = {}


def make(
    key: Key,
    *,
    client_id: str,
    subject: str,
    scopes: Iterable[str],
    lifetime: int,
    now: int | None = None,
) -> AccessToken:
    """What a new token is to say.

    :param key: a private key that has a `kid`
    :param lifetime: seconds until it expires
    :param now: the time of issue in seconds since 1970; default: the clock
    """
    issued_at = int(time.time()) if now is None else now
    return AccessToken(
        jti=uuid4().hex,
        kid=key.kid,
        subject=subject,
        client_id=client_id,
        scopes=frozenset(scopes),
        issued_at=issued_at,
        expires_at=issued_at + lifetime,
    )


def sign(key: Key, authority: Authority, access: AccessToken) -> str:
    """The token that says this, signed."""
    claims = {
        "iss": authority.issuer,
        "aud": authority.audience,
        "sub": access.subject,
        "client_id": access.client_id,
        "scope": " ".join(sorted(access.scopes)),
        "jti": access.jti,
        "iat": access.issued_at,
        "exp": access.expires_at,
    }
    header = {"alg": key.alg, "typ": TYPE, "kid": access.kid}
    return jwt.encode(header, claims, key, algorithms=[key.alg])


def issue(
    key: Key,
    authority: Authority,
    *,
    client_id: str,
    subject: str,
    scopes: Iterable[str],
    lifetime: int,
    now: int | None = None,
) -> str:
    """Make a token and sign it; the parameters are those of `make`."""
    access = make(
        key,
        client_id=client_id,
        subject=subject,
        scopes=scopes,
        lifetime=lifetime,
        now=now,
    )
    return sign(key, authority, access)


def verify(
    token: str,
    keys: Mapping[str, Key],
    authority: Authority,
    *,
    now: int | None = None,
) -> AccessToken:
    """Check a token and return what it says.

    The type, the issuer and the audience are demanded, not taken from the token;
    a key is found by the `kid` alone, never guessed, and verifies signatures of
    its own algorithm and no other.

    :param keys: the public keys by `kid`, each with its `alg`
    :param now: the time in seconds since 1970; default: the clock
    :raises UnknownKey: for a `kid` that might well be one of ours
    :raises InvalidToken: for whatever else is wrong with it
    """
    if len(token) > MAX_LENGTH:
        raise InvalidToken("The token is too long.")
    try:
        decoded = _decode(token, keys)
        claims = decoded.claims
        if decoded.header.get("typ") != TYPE:
            raise InvalidToken(reason="wrong_type")
        _rules(authority, now).validate(claims)
        if not isinstance(claims["client_id"], str) or not isinstance(
            claims["scope"], str
        ):
            raise InvalidToken(reason="wrong_claim")
    except ExpiredTokenError as exc:
        raise InvalidToken("The token has expired.", reason="expired_token") from exc
    except InvalidClaimError as exc:
        raise InvalidToken(reason=f"wrong_{exc.claim}") from exc
    except (JoseError, ValueError, TypeError, RecursionError) as exc:
        raise InvalidToken() from exc
    return AccessToken(
        jti=claims["jti"],
        kid=decoded.key.kid,
        subject=claims["sub"],
        client_id=claims["client_id"],
        scopes=frozenset(claims["scope"].split()),
        issued_at=int(claims["iat"]),
        expires_at=int(claims["exp"]),
    )


def _find_key(token: str, keys: Mapping[str, Key]) -> Key:
    headers = jws.extract_compact(token.encode()).headers()
    kid = headers.get("kid")
    if not is_kid(kid):
        raise InvalidToken(reason="unknown_key")
    key = keys.get(kid)
    if key is None:
        raise UnknownKey(kid)
    if headers.get("alg") != key.alg:
        raise InvalidToken(reason="wrong_algorithm")
    return key


def _decode(token: str, keys: Mapping[str, Key]) -> _Decoded:
    """What is in a token that one of these keys signed.

    A client sends the same token for minutes, and a good signature stays good: it is
    computed once a process. What time and people change is checked each time.
    """
    known = _decoded.get(token)
    if known and keys.get(known.key.kid) is known.key:
        return known
    key = _find_key(token, keys)
    parts = jwt.decode(token, key, algorithms=[key.alg])
    if len(_decoded) >= MAX_DECODED:
        _decoded.clear()
    decoded = _decoded[token] = _Decoded(key, parts.header, parts.claims)
    return decoded


def _rules(authority: Authority, now: int | None) -> JWTClaimsRegistry:
    return _current_rules(authority) if now is None else _make_rules(authority, now)


def _make_rules(authority: Authority, now: int | None) -> JWTClaimsRegistry:
    present = {"essential": True}
    return JWTClaimsRegistry(
        now=now,
        leeway=LEEWAY,
        iss={"essential": True, "value": authority.issuer},
        aud={"essential": True, "value": authority.audience},
        sub=present,
        client_id=present,
        scope={"essential": True, "allow_blank": True},
        jti=present,
        iat=present,
        exp=present,
    )


@functools.lru_cache(maxsize=16)
def _current_rules(authority: Authority) -> JWTClaimsRegistry:
    """The rules that ask the clock themselves; nothing in them changes."""
    return _make_rules(authority, None)
