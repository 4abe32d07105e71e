"""The token endpoint of RFC 6749, by Authlib, over three small ports.

A web framework makes a `TokenRequest` and gets a `TokenResponse`; a store says
which `Client` has an identifier; a signer makes the token. None of them is
known here by more than its type.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    ClientMixin,
    InvalidRequestError,
    OAuth2Error,
    OAuth2Request,
)
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6749.util import extract_basic_authorization

from .grants import ClientCredentialsGrant

REALM = "oauth2"


@dataclass(frozen=True)
class Client(ClientMixin):
    """An OAuth client, known or not.

    :param check_secret: whether a secret is its own; False for an unknown
        client, after the same time
    :param token_lifetime: seconds that a token of it lives
    """

    client_id: str
    check_secret: Callable[[str], bool] = field(repr=False)
    scopes: frozenset[str] = frozenset()
    token_lifetime: int = 0

    def get_client_id(self) -> str:
        return self.client_id

    def check_client_secret(self, client_secret: str) -> bool:
        return self.check_secret(client_secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return True

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == ClientCredentialsGrant.GRANT_TYPE


@dataclass(frozen=True)
class TokenResponse:
    """What to answer: a status, a JSON object and headers."""

    status: int
    body: dict[str, Any] = field(repr=False)
    headers: list[tuple[str, str]]


class TokenRequest(OAuth2Request):
    """A POST to the token endpoint.

    :param form: the parameters of the body, each with all its values
    :param authorization: the Authorization header, if there is one
    """

    def __init__(
        self, form: Mapping[str, Sequence[str]], authorization: str | None
    ) -> None:
        # Authlib refuses plain HTTP. TLS ends at the proxy, and whether there is
        # one is not for this process to see, so it is given an address that passes.
        super().__init__("POST", "https://localhost/oauth2/token")
        self.values = form
        # RFC 6749 3.2: parameters without a value count as omitted
        self._form = {name: values[0] for name, values in form.items() if values[0]}
        self.payload = BasicOAuth2Payload(self._form)
        if authorization and _is_readable(authorization):
            self.headers = {"Authorization": authorization}
        self.has_basic = (authorization or "").lower().startswith("basic ")

    @property
    def form(self) -> dict[str, str]:
        return self._form

    def check(self) -> None:
        """
        :raises InvalidRequestError: for what RFC 6749 2.3 and 3.2 forbid
        """
        for name, values in self.values.items():
            if len(values) > 1:
                raise InvalidRequestError(f"A parameter is repeated: {_ascii(name)}")
        if self.has_basic and "client_secret" in self.form:
            raise InvalidRequestError("Use one way to authenticate, not two.")
        if not self.payload.grant_type:
            raise InvalidRequestError("Missing parameter: grant_type")


class TokenServer(AuthorizationServer):
    """Authenticate clients and issue tokens to them."""

    def __init__(
        self,
        find_client: Callable[[str], Client],
        sign: Callable[[Client, frozenset[str]], str],
    ) -> None:
        """
        :param find_client: the client of an identifier; for an unknown one, a
            client that no secret fits
        :param sign: the access token of a client for these scopes
        """
        super().__init__()
        self.query_client = find_client
        self._sign = sign
        self.register_grant(ClientCredentialsGrant)
        self.register_token_generator("default", self._make_token)

    def respond(self, request: TokenRequest) -> TokenResponse:
        """Answer a request; errors are answers too (RFC 6749 5.2)."""
        try:
            request.check()
        except OAuth2Error as error:
            return self.handle_error_response(request, error)
        return self.create_token_response(request)

    def create_oauth2_request(self, request: TokenRequest) -> TokenRequest:
        return request

    def handle_response(
        self, status: int, body: dict[str, Any], headers: list[tuple[str, str]]
    ) -> TokenResponse:
        # RFC 7617 demands a realm, and RFC 6749 puts the error in the body only
        challenge = f'Basic realm="{REALM}"'
        headers = [
            (name, challenge if name == "WWW-Authenticate" else value)
            for name, value in headers
        ]
        return TokenResponse(status, body, headers)

    def save_token(self, token: dict[str, Any], request: TokenRequest) -> None:
        """Tokens verify by their signature; none is stored."""

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens."""

    def _make_token(
        self, grant_type: str, client: Client, scope: str | None, **options: object
    ) -> dict[str, Any]:
        scopes = frozenset((scope or "").split()) or client.scopes
        return {
            "access_token": self._sign(client, scopes),
            "token_type": "Bearer",
            "expires_in": client.token_lifetime,
            "scope": " ".join(sorted(scopes)),
        }


def _is_readable(authorization: str) -> bool:
    """Whether Authlib can parse the header: it crashes on bytes that are no UTF-8."""
    try:
        extract_basic_authorization({"Authorization": authorization})
    except ValueError:
        return False
    return True


def _ascii(text: str) -> str:
    """The text in the characters that RFC 6749 allows in a description."""
    printable = text.encode("ascii", "replace").decode()[:80]
    return "".join(c if c.isprintable() and c not in '"\\' else "?" for c in printable)
