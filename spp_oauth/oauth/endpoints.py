"""What clients may do with tokens that exist: RFC 7662 and RFC 7009."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc6749 import (
    ClientMixin,
    InvalidRequestError,
    OAuth2Request,
    TokenMixin,
)
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7662 import IntrospectionEndpoint

from .grants import AUTH_METHODS
from .tokens import AccessToken


@dataclass(frozen=True)
class IssuedToken(TokenMixin):
    """A token of ours that is good now.

    :param access: what it says
    :param scopes: what is left of its scopes: a client may have lost some
    """

    access: AccessToken
    scopes: frozenset[str]

    def check_client(self, client: ClientMixin) -> bool:
        return self.access.client_id == client.get_client_id()

    def is_expired(self) -> bool:
        return False

    def is_revoked(self) -> bool:
        return False


class Introspection(IntrospectionEndpoint):
    """Say what a token is good for, to whom it concerns."""

    CLIENT_AUTH_METHODS = AUTH_METHODS

    def __init__(
        self,
        find_token: Callable[[str], IssuedToken | None],
        may_introspect: Callable[[ClientMixin, IssuedToken], bool],
        describe: Callable[[IssuedToken], dict[str, Any]],
    ) -> None:
        """
        :param find_token: the token of a text, if it is good now
        :param may_introspect: whether a client may know of a token that is not its
            own
        :param describe: what to say of a token
        """
        super().__init__()
        self._find_token = find_token
        self._may_introspect = may_introspect
        self.introspect_token = describe

    def check_params(self, request: OAuth2Request, client: ClientMixin) -> None:
        _check_token_given(request)

    def query_token(self, token_string: str, token_type_hint: str | None) -> Any:
        return self._find_token(token_string)

    def check_permission(
        self, token: IssuedToken, client: ClientMixin, request: OAuth2Request
    ) -> bool:
        return token.check_client(client) or self._may_introspect(client, token)


class Revocation(RevocationEndpoint):
    """Take back a token, at the wish of the client that it was issued to."""

    CLIENT_AUTH_METHODS = AUTH_METHODS

    def __init__(
        self,
        find_token: Callable[[str], IssuedToken | None],
        revoke: Callable[[IssuedToken], None],
    ) -> None:
        """
        :param find_token: the token of a text, if it is good now
        :param revoke: see to it that it no longer is
        """
        super().__init__()
        self._find_token = find_token
        self._revoke = revoke

    def check_params(self, request: OAuth2Request, client: ClientMixin) -> None:
        _check_token_given(request)

    def query_token(self, token_string: str, token_type_hint: str | None) -> Any:
        return self._find_token(token_string)

    def revoke_token(self, token: IssuedToken, request: OAuth2Request) -> None:
        self._revoke(token)


def _check_token_given(request: OAuth2Request) -> None:
    # The hint may be ignored, says either RFC: there is one type of token.
    if "token" not in request.form:
        raise InvalidRequestError("Missing parameter: token")
