"""Clients that sign what they say instead of telling a secret: RFC 7523."""

import time
from collections.abc import Callable, Collection
from typing import Any, TypeGuard

from authlib.oauth2.rfc6749 import InvalidClientError, OAuth2Request
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from joserfc import jws, jwt
from joserfc.errors import BadSignatureError, JoseError
from joserfc.jwk import KeySet

from . import keys
from .tokens import LEEWAY

METHOD = "private_key_jwt"

#: Seconds that an assertion may be good for, from now on: as long as Authlib's clients
#: have it. Until then its identifier is kept, so that nobody uses it a second time.
MAX_LIFETIME = 3600

MAX_LENGTH = 8192
MAX_JTI_LENGTH = 255


class ClientAssertion(JWTBearerClientAssertion):
    """Authenticate a client by a JWT that it signed.

    Whatever is wrong, the answer is the same and tells nothing: nobody has shown
    to be the client.
    """

    CLIENT_AUTH_METHOD = METHOD

    def __init__(
        self,
        audiences: Collection[str],
        use: Callable[[str, str, int], bool],
    ) -> None:
        """
        :param audiences: what this server may be called in the `aud` of an assertion
        :param use: note down that a client used an identifier, which is good until a
            time in seconds since 1970; False if it was used before
        """
        super().__init__(validate_jti=True, leeway=LEEWAY)
        self._audiences = list(audiences)
        self._use = use

    def __call__(self, query_client: Callable, request: OAuth2Request) -> Any:
        try:
            return super().__call__(query_client, request)
        except InvalidClientError:
            request.client = None
            return None

    def extract_assertion(self, assertion: str) -> tuple[dict, dict]:
        return _extract(assertion)

    def resolve_client_public_key(self, client: Any) -> KeySet:
        # every key is given its thumbprint as kid where it has none
        return KeySet([keys.load_public_key(jwk) for jwk in client.public_keys])

    def process_assertion_claims(self, assertion: str, key_set: KeySet) -> dict:
        claims = self._verify_signature(assertion, key_set)
        self.verify_claims(claims)
        return claims

    def verify_claims(self, claims: dict) -> None:
        # An audience beside ours would let another server use the assertion here.
        audience = claims.get("aud")
        if isinstance(audience, list) and len(audience) != 1:
            raise InvalidClientError()
        expires_at = claims.get("exp")
        limit = time.time() + MAX_LIFETIME + LEEWAY
        if not isinstance(expires_at, int | float) or expires_at > limit:
            raise InvalidClientError()
        return super().verify_claims(claims)

    def get_audiences(self) -> list[str]:
        return self._audiences

    def validate_jti(self, claims: dict, jti: str) -> bool:
        if not _is_text(jti) or not 0 < len(jti) <= MAX_JTI_LENGTH:
            return False
        return self._use(claims["sub"], jti, int(claims["exp"]) + LEEWAY)

    @staticmethod
    def _verify_signature(assertion: str, key_set: KeySet) -> dict:
        try:
            headers = jws.extract_compact(assertion.encode()).headers()
            fitting = [key for key in key_set if key.alg == headers.get("alg")]
            # Keys in PEM have no kid that the client could know of: all are tried.
            named = [key for key in fitting if key.kid == headers.get("kid")]
            for key in named or fitting:
                try:
                    return jwt.decode(assertion, key, algorithms=[key.alg]).claims
                except BadSignatureError:
                    continue
        except JoseError as exc:
            raise InvalidClientError() from exc
        raise InvalidClientError()


def subject_of(assertion: str) -> str | None:
    """Whom an assertion speaks for, before anything of it is proven."""
    try:
        _headers, claims = _extract(assertion)
    except InvalidClientError:
        return None
    return claims.get("sub")


def _extract(assertion: str) -> tuple[dict, dict]:
    if len(assertion) > MAX_LENGTH or not assertion.isascii():
        raise InvalidClientError()
    try:
        headers, claims = JWTBearerClientAssertion().extract_assertion(assertion)
    except (ValueError, RecursionError) as exc:
        raise InvalidClientError() from exc
    if not _is_text(claims.get("sub")):
        raise InvalidClientError()
    return headers, claims


def _is_text(value: object) -> TypeGuard[str]:
    """Whether it is a text that a database takes: JSON holds half characters, too."""
    if not isinstance(value, str) or "\0" in value:
        return False
    return not any("\ud800" <= character <= "\udfff" for character in value)
