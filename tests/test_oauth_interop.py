"""Programs that others wrote get tokens, use them and check them, over real HTTP."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc6749 import MissingAuthorizationError, ResourceProtector
from authlib.oauth2.rfc6750 import InsufficientScopeError
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from joserfc.jwt import JWTClaimsRegistry
from oauth_admin import (
    INTROSPECT,
    METADATA,
    RECORDS,
    REVOKE,
    TOKEN,
    WHOAMI,
    Client,
    OAuthAdmin,
    assert_json_error,
)
from oauthlib.oauth2 import BackendApplicationClient
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session as RequestsOAuth2Session

SCOPES = ("attendance:read", "attendance:write")


@pytest.fixture(scope="module")
def admin(server) -> OAuthAdmin:
    return OAuthAdmin(server)


@pytest.fixture(scope="module")
def client(admin: OAuthAdmin) -> Client:
    return admin.new_client(*SCOPES)


@pytest.fixture(scope="module")
def metadata(admin: OAuthAdmin) -> dict[str, Any]:
    """All that a program has to be told is where the server is."""
    answer = requests.get(admin.url + METADATA, timeout=60)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    return answer.json()


@pytest.fixture
def plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both libraries insist on TLS, which ends in front of Odoo."""
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")


def app_of(client: Client, **options: Any) -> OAuth2Session:
    """A program that Authlib makes."""
    app = OAuth2Session(client.client_id, client.secret, **options)
    app.default_timeout = 60
    return app


@pytest.mark.usefixtures("plain_http")
def test_the_metadata_describe_a_server(admin: OAuthAdmin, metadata: dict) -> None:
    AuthorizationServerMetadata(metadata).validate()
    assert metadata["issuer"] == admin.url
    assert metadata["token_endpoint"] == admin.url + TOKEN
    assert metadata["grant_types_supported"] == ["client_credentials"]
    assert set(metadata["token_endpoint_auth_methods_supported"]) == {
        "client_secret_basic",
        "client_secret_post",
        "private_key_jwt",
    }
    assert set(SCOPES) <= set(metadata["scopes_supported"])
    for name in ("introspection_endpoint", "revocation_endpoint", "jwks_uri"):
        assert metadata[name].startswith(f"{admin.url}/")


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlib_gets_uses_and_revokes_a_token(
    admin: OAuthAdmin, client: Client, metadata: dict, method: str
) -> None:
    app = app_of(client, scope="attendance:read", token_endpoint_auth_method=method)
    token = app.fetch_token(
        metadata["token_endpoint"], grant_type="client_credentials", timeout=60
    )
    assert token["token_type"] == "Bearer"
    assert token["scope"] == "attendance:read"
    assert token["expires_in"] == 600

    answer = app.get(admin.url + RECORDS, timeout=60)
    assert (answer.status_code, answer.json()["items"]) == (200, [])
    answer = app.post(admin.url + RECORDS, json={"records": []}, timeout=60)
    assert_json_error(answer, 403, "insufficient_scope")
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]

    access = token["access_token"]
    told = app.introspect_token(
        metadata["introspection_endpoint"],
        token=access,
        token_type_hint="access_token",
        timeout=60,
    ).json()
    assert told["active"] is True
    assert told["client_id"] == client.client_id
    assert told["scope"] == "attendance:read"
    assert told["exp"] - told["iat"] == 600
    assert told["iss"] == metadata["issuer"]

    answer = app.revoke_token(
        metadata["revocation_endpoint"],
        token=access,
        token_type_hint="access_token",
        timeout=60,
    )
    assert answer.status_code == 200
    assert_json_error(admin.get(access), 401, "invalid_token")
    told = app.introspect_token(
        metadata["introspection_endpoint"], token=access, timeout=60
    )
    assert told.json() == {"active": False}


@pytest.mark.parametrize(
    ("algorithm", "key", "as_pem"),
    [
        ("RS256", RSAKey.generate_key(2048, auto_kid=True), True),
        ("RS256", RSAKey.generate_key(2048, auto_kid=True), False),
        ("ES256", ECKey.generate_key("P-256", auto_kid=True), True),
        ("ES256", ECKey.generate_key("P-256", auto_kid=True), False),
    ],
    ids=["RS256-PEM", "RS256-JWKS", "ES256-PEM", "ES256-JWKS"],
)
def test_authlib_signs_in_with_a_key(
    admin: OAuthAdmin, metadata: dict, algorithm: str, key: RSAKey | ECKey, as_pem: bool
) -> None:
    public = (
        key.as_pem(private=False).decode()
        if as_pem
        else json.dumps({"keys": [key.as_dict(private=False)]})
    )
    client = admin.new_client(
        *SCOPES, auth_method="private_key_jwt", public_keys=public
    )
    app = OAuth2Session(
        client.client_id, key, token_endpoint_auth_method="private_key_jwt"
    )
    app.register_client_auth_method(
        PrivateKeyJWT(metadata["token_endpoint"], alg=algorithm)
    )
    token = app.fetch_token(
        metadata["token_endpoint"], grant_type="client_credentials", timeout=60
    )
    assert set(token["scope"].split()) == set(SCOPES)
    assert app.get(admin.url + RECORDS, timeout=60).status_code == 200

    told = app.introspect_token(
        metadata["introspection_endpoint"], token=token["access_token"], timeout=60
    )
    assert told.json()["client_id"] == client.client_id


@pytest.mark.usefixtures("plain_http")
@pytest.mark.parametrize("in_body", [False, True], ids=["basic", "post"])
def test_requests_oauthlib_gets_uses_and_revokes_a_token(
    admin: OAuthAdmin, client: Client, metadata: dict, in_body: bool
) -> None:
    client_id, secret = client.pair
    library = BackendApplicationClient(client_id, scope=list(SCOPES))
    app = RequestsOAuth2Session(client=library)
    how = (
        {"client_secret": secret, "include_client_id": True}
        if in_body
        else {"auth": HTTPBasicAuth(client_id, secret)}
    )
    token = app.fetch_token(metadata["token_endpoint"], timeout=60, **how)
    assert set(token["scope"]) == set(SCOPES)
    assert app.get(admin.url + WHOAMI, timeout=60).json()["client_id"] == client_id
    answer = app.post(
        admin.url + RECORDS,
        json={"records": [{"person_identifier": "?", "date_time": "2026-09-01"}]},
        timeout=60,
    )
    # It was let in, and read what is wrong.
    assert answer.json()["results"][0]["code"] == "unknown_person"

    url, headers, body = library.prepare_token_revocation_request(
        metadata["revocation_endpoint"], token["access_token"]
    )
    answer = requests.post(url, body, headers=headers, auth=client.pair, timeout=60)
    assert answer.status_code == 200
    assert app.get(admin.url + WHOAMI, timeout=60).status_code == 401


def curl(*words: str) -> subprocess.CompletedProcess[str]:
    """Plain curl: what it printed, headers first."""
    return subprocess.run(
        ["curl", "--silent", "--show-error", "--include", "--max-time", "60", *words],
        capture_output=True,
        check=True,
        text=True,
    )


def parts(shown: str) -> list[tuple[int, str]]:
    """Status and body of each answer that curl printed."""
    found = []
    while shown:
        head, _, shown = shown.partition("\n\n")
        lines = head.splitlines()
        (length,) = (
            int(line.split(":")[1])
            for line in lines
            if line.lower().startswith("content-length:")
        )
        found.append((int(lines[0].split()[1]), shown[:length]))
        shown = shown[length:]
    return found


def answers_of(*words: str) -> list[tuple[int, str]]:
    return parts(curl(*words).stdout.replace("\r\n", "\n"))


def answer_of(*words: str) -> tuple[int, dict]:
    ((status, body),) = answers_of(*words)
    return status, json.loads(body or "null")


@pytest.mark.parametrize("in_body", [False, True], ids=["basic", "post"])
def test_curl_does_all_of_it(admin: OAuthAdmin, client: Client, in_body: bool) -> None:
    url, (client_id, secret) = admin.url, client.pair
    who = ["--user", f"{client_id}:{secret}"]
    if in_body:
        who = ["-d", f"client_id={client_id}", "-d", f"client_secret={secret}"]
    status, token = answer_of(
        *who, "-d", "grant_type=client_credentials", f"{url}/oauth2/token"
    )
    assert status == 200, token
    access = token["access_token"]
    header = ["-H", f"Authorization: Bearer {access}"]
    assert answer_of(*header, url + RECORDS) == (200, {"items": [], "next": None})

    status, told = answer_of(*who, "-d", f"token={access}", url + INTROSPECT)
    assert (status, told["active"]) == (200, True)
    ((status, _),) = answers_of(*who, "-d", f"token={access}", url + REVOKE)
    assert status == 200
    status, told = answer_of(*who, "-d", f"token={access}", url + INTROSPECT)
    assert (status, told) == (200, {"active": False})
    status, refusal = answer_of(*header, url + RECORDS)
    assert (status, refusal["error"]["code"]) == (401, "invalid_token")


def test_a_get_with_a_body_leaves_the_connection_usable(
    admin: OAuthAdmin, client: Client
) -> None:
    """The body of a GET is not taken for the next request."""
    header = ["-H", f"Authorization: Bearer {admin.token(client)}"]
    body = ["-H", "Content-Type: application/json", "-d", '{"person_ids": ["E001"]}']
    one = [*header, "-X", "GET", *body, admin.url + RECORDS]
    two = [*header, "--silent", "--include", admin.url + RECORDS]
    answers = answers_of(*one, "--next", *two)
    assert [status for status, _body in answers] == [200, 200], answers


def test_openspp_dialect_asks_for_a_token_without_content_type(
    admin: OAuthAdmin, client: Client
) -> None:
    """As the peer's own client does; it needs status 200 and `access_token`."""
    url, (client_id, secret) = f"{admin.url}/auth/token", client.pair
    plain = ["-H", "Content-Type:"]

    def ask(*words: str, **body: str) -> tuple[int, dict]:
        return answer_of(*words, "-d", json.dumps(body), url)

    for words in (plain, ["-H", "Content-Type: application/json"], []):
        status, token = ask(*words, client_id=client_id, client_secret=secret)
        assert status == 200, token
        assert token["token_type"] == "Bearer"
        assert admin.status(token["access_token"], RECORDS) == 200
    assert ask(*plain, client_id=client_id, client_secret="wrong") == (
        401,
        {
            "error": "Unauthorized",
            "error_description": "Invalid client id or secret.",
        },
    )
    assert ask(*plain, client_id=client_id) == (
        400,
        {
            "error": "Bad Request",
            "error_description": "client_id and client_secret are required.",
        },
    )
    assert answer_of(*plain, "-d", "{", url) == (
        400,
        {
            "error": "Bad Request",
            "error_description": "data must be in JSON format.",
        },
    )


def test_a_token_is_verified_outside_with_public_facts_only(
    admin: OAuthAdmin, client: Client, metadata: dict
) -> None:
    token = admin.token(client, "attendance:read")
    keys = KeySet.import_key_set(requests.get(metadata["jwks_uri"], timeout=60).json())
    assert not any(key.is_private for key in keys)
    seen = jwt.decode(token, keys, algorithms=["RS256"])
    assert seen.header["typ"] == "at+jwt"
    assert seen.header["kid"] in {key.kid for key in keys}
    JWTClaimsRegistry(
        iss={"essential": True, "value": metadata["issuer"]},
        client_id={"essential": True, "value": client.client_id},
        scope={"essential": True, "value": "attendance:read"},
        **{name: {"essential": True} for name in ("aud", "sub", "jti", "iat", "exp")},
    ).validate(seen.claims)
    assert seen.claims["exp"] - seen.claims["iat"] == 600


class ResourceElsewhere(JWTBearerTokenValidator):
    """Authlib's resource server, which knows the metadata of ours and nothing else."""

    def __init__(self, metadata: dict, audience: str) -> None:
        super().__init__(metadata["issuer"], audience)
        self._jwks_uri = metadata["jwks_uri"]

    def get_jwks(self) -> KeySet:
        return KeySet.import_key_set(requests.get(self._jwks_uri, timeout=60).json())


class Incoming:
    """A request at that resource server, as Authlib wants to see it."""

    def __init__(self, **headers: str) -> None:
        self.headers = headers


def test_a_resource_server_elsewhere_takes_our_tokens(
    admin: OAuthAdmin, client: Client, metadata: dict
) -> None:
    token = admin.token(client, "attendance:read")
    audience = jwt.decode(token, admin.signing_key()).claims["aud"]
    protector = ResourceProtector()
    protector.register_token_validator(ResourceElsewhere(metadata, audience))
    incoming = Incoming(Authorization=f"Bearer {token}")
    seen = protector.validate_request(["attendance:read"], incoming)
    assert seen["client_id"] == client.client_id
    with pytest.raises(InsufficientScopeError):
        protector.validate_request(["attendance:write"], incoming)
    with pytest.raises(MissingAuthorizationError):
        protector.validate_request(["attendance:read"], Incoming())
