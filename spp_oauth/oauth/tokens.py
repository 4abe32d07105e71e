"""Access tokens: JSON Web Tokens as RFC 9068 profiles them."""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from uuid import uuid4

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, InvalidKeyIdError, JoseError
from joserfc.jwk import GuestProtocol, RSAKey
from joserfc.jwt import JWTClaimsRegistry

from .errors import InvalidToken
from .keys import ALGORITHM

TYPE = "at+jwt"

# How far the clocks of two machines may be apart, in seconds.
LEEWAY = 30

# A token of ours has about 900 characters; longer input is not worth parsing.
MAX_LENGTH = 4096


@dataclass(frozen=True)
class AccessToken:
    """What a verified token says. Times are seconds since 1970, UTC."""

    jti: str
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


def issue(
    key: RSAKey,
    authority: Authority,
    *,
    client_id: str,
    subject: str,
    scopes: Iterable[str],
    lifetime: int,
    now: int | None = None,
) -> str:
    """Sign an access token.

    :param key: a private key that has a `kid`
    :param lifetime: seconds until it expires
    :param now: the time of issue in seconds since 1970; default: the clock
    """
    issued_at = int(time.time()) if now is None else now
    claims = {
        "iss": authority.issuer,
        "aud": authority.audience,
        "sub": subject,
        "client_id": client_id,
        "scope": " ".join(sorted(scopes)),
        "jti": uuid4().hex,
        "iat": issued_at,
        "exp": issued_at + lifetime,
    }
    header = {"alg": ALGORITHM, "typ": TYPE, "kid": key.kid}
    return jwt.encode(header, claims, key, algorithms=[ALGORITHM])


def verify(
    token: str,
    keys: Mapping[str, RSAKey],
    authority: Authority,
    *,
    now: int | None = None,
) -> AccessToken:
    """Check a token and return what it says.

    The algorithm, the type, the issuer and the audience are demanded, not taken
    from the token; a key is found by the `kid` alone, never guessed.

    :param keys: the public keys by `kid`
    :param now: the time in seconds since 1970; default: the clock
    :raises InvalidToken: for whatever is wrong with it
    """
    if len(token) > MAX_LENGTH:
        raise InvalidToken("The token is too long.")
    try:
        decoded = jwt.decode(token, _key_finder(keys), algorithms=[ALGORITHM])
        if decoded.header.get("typ") != TYPE:
            raise ValueError("wrong type")
        claims = decoded.claims
        _rules(authority, now).validate(claims)
        if not isinstance(claims["client_id"], str) or not isinstance(
            claims["scope"], str
        ):
            raise ValueError("not a string")
    except ExpiredTokenError as exc:
        raise InvalidToken("The token has expired.") from exc
    except (JoseError, ValueError, TypeError) as exc:
        raise InvalidToken("The token is not valid.") from exc
    return AccessToken(
        jti=claims["jti"],
        subject=claims["sub"],
        client_id=claims["client_id"],
        scopes=frozenset(claims["scope"].split()),
        issued_at=int(claims["iat"]),
        expires_at=int(claims["exp"]),
    )


def _key_finder(keys: Mapping[str, RSAKey]) -> Callable[[GuestProtocol], RSAKey]:
    def find(token: GuestProtocol) -> RSAKey:
        kid = token.headers().get("kid")
        try:
            return keys[kid]
        except (KeyError, TypeError) as exc:
            raise InvalidKeyIdError("unknown kid") from exc

    return find


def _rules(authority: Authority, now: int | None) -> JWTClaimsRegistry:
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
