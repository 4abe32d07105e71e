"""The endpoints of RFC 6749, 7662 and 7009, by Authlib, over a few small ports.

A web framework makes an `OAuthRequest` and gets an `OAuthResponse`; a `Store` knows
clients and tokens. Neither is known here by more than its type.
"""

import functools
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    ClientMixin,
    InvalidClientError,
    InvalidRequestError,
    OAuth2Error,
    OAuth2Request,
)
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6749.util import extract_basic_authorization

from . import assertions
from .endpoints import Introspection, IssuedToken, Revocation
from .grants import ClientCredentialsGrant

REALM = "oauth2"

_BASIC = re.compile(r"basic +[a-z0-9+/]+=*", re.IGNORECASE)

TOKEN = "token"
INTROSPECTION = Introspection.ENDPOINT_NAME
REVOCATION = Revocation.ENDPOINT_NAME

#: How a client authenticates, and what that is called at the endpoints.
CLIENT_SECRET = "client_secret"
PRIVATE_KEY_JWT = assertions.METHOD
_METHODS = {
    CLIENT_SECRET: {"client_secret_basic", "client_secret_post"},
    PRIVATE_KEY_JWT: {assertions.METHOD},
}


@dataclass(frozen=True)
class Client(ClientMixin):
    """An OAuth client, known or not.

    :param check_secret: whether a secret is its own; False for an unknown
        client, after the same time
    :param token_lifetime: seconds that a token of it lives
    :param auth_method: the one way in which it authenticates
    :param public_keys: JWKs that its assertions may be signed with
    """

    client_id: str
    check_secret: Callable[[str], bool] = field(repr=False)
    scopes: frozenset[str] = frozenset()
    token_lifetime: int = 0
    auth_method: str = CLIENT_SECRET
    public_keys: tuple[dict[str, Any], ...] = ()

    def get_client_id(self) -> str:
        return self.client_id

    def check_client_secret(self, client_secret: str) -> bool:
        return self.check_secret(client_secret)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in _METHODS[self.auth_method]

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == ClientCredentialsGrant.GRANT_TYPE


@dataclass(frozen=True)
class Store:
    """What the server asks and tells the database.

    :param find_client: the client of an identifier; for an unknown one, a client
        that no secret and no assertion fits
    :param issue: a new access token of a client for these scopes
    :param use_assertion: note down that a client used the identifier of an
        assertion, which is good until a time in seconds since 1970; False if it was
        used before
    :param find_token: the token of a text, if it is good now
    :param may_introspect: whether a client may know of a token of another one
    :param describe: what RFC 7662 2.2 says of a token
    :param revoke: see to it that a token is no longer good
    """

    find_client: Callable[[str], Client]
    issue: Callable[[Client, frozenset[str]], str]
    use_assertion: Callable[[str, str, int], bool]
    find_token: Callable[[str], IssuedToken | None]
    may_introspect: Callable[[Client, IssuedToken], bool]
    describe: Callable[[IssuedToken], dict[str, Any]]
    revoke: Callable[[IssuedToken], None]


@dataclass(frozen=True)
class OAuthResponse:
    """What to answer: a status, a JSON object and headers."""

    status: int
    body: dict[str, Any] = field(repr=False)
    headers: list[tuple[str, str]]


class OAuthRequest(OAuth2Request):
    """A POST to one of the endpoints.

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
        self.has_basic = (authorization or "").lower().startswith("basic ")
        self.basic_id = None
        if authorization:
            readable, self.basic_id = _read_basic(authorization)
            if readable:
                self.headers = {"Authorization": authorization}

    @property
    def form(self) -> dict[str, str]:
        return self._form

    @functools.cached_property
    def claimed_client_id(self) -> str | None:
        """Who the caller says to be, proven or not."""
        if self.basic_id:
            return self.basic_id
        return self.form.get("client_id") or self.assertion_subject

    @functools.cached_property
    def assertion_subject(self) -> str | None:
        """Whom the client assertion speaks for; nothing of it is proven yet."""
        return assertions.subject_of(self.form.get("client_assertion", ""))

    def check(self) -> None:
        """
        :raises InvalidRequestError: for what RFC 6749 2.3 and 3.2 forbid
        """
        for name, values in self.values.items():
            if len(values) > 1:
                raise InvalidRequestError(f"A parameter is repeated: {_ascii(name)}")
        ways = (
            self.has_basic,
            "client_secret" in self.form,
            "client_assertion" in self.form,
        )
        if sum(ways) > 1:
            raise InvalidRequestError("Use one way to authenticate, not two.")
        named = self.form.get("client_id")
        others = {self.basic_id, self.assertion_subject} - {None, named}
        if named and others:
            raise InvalidRequestError("Two clients are named.")


class Server(AuthorizationServer):
    """Authenticate clients, issue tokens to them, look into these and revoke them."""

    def __init__(self, store: Store, audiences: Collection[str] = ()) -> None:
        """
        :param audiences: what clients may call this server in their assertions
        """
        super().__init__()
        self.query_client = store.find_client
        self._issue = store.issue
        self.register_grant(ClientCredentialsGrant)
        self.register_token_generator("default", self._make_token)
        self.register_endpoint(
            Introspection(store.find_token, store.may_introspect, store.describe)
        )
        self.register_endpoint(Revocation(store.find_token, store.revoke))
        self.register_client_auth_method(
            assertions.METHOD,
            assertions.ClientAssertion(audiences, store.use_assertion),
        )

    def respond(self, endpoint: str, request: OAuthRequest) -> OAuthResponse:
        """Answer a request; errors are answers too (RFC 6749 5.2).

        :param endpoint: TOKEN, INTROSPECTION or REVOCATION
        """
        try:
            request.check()
            if endpoint == TOKEN and not request.payload.grant_type:
                raise InvalidRequestError("Missing parameter: grant_type")
        except OAuth2Error as error:
            return self.handle_error_response(request, error)
        if endpoint == TOKEN:
            return self.create_token_response(request)
        return self.create_endpoint_response(endpoint, request)

    def authenticate_client(
        self, request: OAuthRequest, methods: list[str], endpoint: str = TOKEN
    ) -> Client:
        try:
            return super().authenticate_client(request, methods, endpoint)
        except InvalidClientError as exc:
            raise InvalidClientError(
                "The client is unknown, or did not show that it is who it says.",
                status_code=401,
            ) from exc

    def create_oauth2_request(self, request: OAuthRequest) -> OAuthRequest:
        return request

    def handle_response(
        self, status: int, body: dict[str, Any], headers: list[tuple[str, str]]
    ) -> OAuthResponse:
        # RFC 7617 demands a realm, and RFC 6749 puts the error in the body only
        challenge = f'Basic realm="{REALM}"'
        headers = [
            (name, challenge if name == "WWW-Authenticate" else value)
            for name, value in headers
        ]
        return OAuthResponse(status, body, headers)

    def save_token(self, token: dict[str, Any], request: OAuthRequest) -> None:
        """The store has done so, when it issued the token."""

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """Nobody listens."""

    def _make_token(
        self, grant_type: str, client: Client, scope: str | None, **options: object
    ) -> dict[str, Any]:
        scopes = frozenset((scope or "").split()) or client.scopes
        return {
            "access_token": self._issue(client, scopes),
            "token_type": "Bearer",
            "expires_in": client.token_lifetime,
            "scope": " ".join(sorted(scopes)),
        }


def unavailable(
    status: int, description: str, retry_after: int | None = None
) -> OAuthResponse:
    """What to answer when it is not the client's fault, or it asks too often.

    :param retry_after: seconds until it is worth trying again
    """
    headers = [
        ("Content-Type", "application/json"),
        ("Cache-Control", "no-store"),
        ("Pragma", "no-cache"),
    ]
    if retry_after is not None:
        headers.append(("Retry-After", str(retry_after)))
    body = {"error": "temporarily_unavailable", "error_description": description}
    return OAuthResponse(status, body, headers)


def _read_basic(authorization: str) -> tuple[bool, str | None]:
    """Whether Authlib can parse the header, and whom it names.

    It crashes on bytes that are no UTF-8, and skips what is not of Base64, such as
    the comma between two headers that were joined.
    """
    if not _BASIC.fullmatch(authorization):
        return False, None
    try:
        client_id, _secret = extract_basic_authorization(
            {"Authorization": authorization}
        )
    except ValueError:
        return False, None
    return True, client_id


def _ascii(text: str) -> str:
    """The text in the characters that RFC 6749 allows in a description."""
    printable = text.encode("ascii", "replace").decode()[:80]
    return "".join(c if c.isprintable() and c not in '"\\' else "?" for c in printable)
