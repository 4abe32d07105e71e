"""The token endpoint: RFC 6749 without a web framework or a database."""

import base64
from collections.abc import Sequence

import pytest
from oauth import secrets, tokens
from oauth.endpoints import IssuedToken
from oauth.server import (
    INTROSPECTION,
    REVOCATION,
    TOKEN,
    Client,
    OAuthRequest,
    OAuthResponse,
    Server,
    Store,
    unavailable,
)

CLIENT_ID = "c1"
SECRET = secrets.new_secret()
HASHED = secrets.hash_secret(SECRET)
SCOPES = frozenset({"a:read", "a:write"})

GRANT = {"grant_type": "client_credentials"}


def find_client(client_id: str) -> Client:
    known = client_id == CLIENT_ID
    slots = [(secrets.hint(SECRET), HASHED)] if known else []
    return Client(
        client_id,
        lambda secret: secrets.verify_secret(secret, slots),
        SCOPES if known else frozenset(),
        600 if known else 0,
    )


def issue(client: Client, scopes: frozenset[str]) -> str:
    return f"token of {client.client_id} for {' '.join(sorted(scopes))}"


def access(client_id: str) -> tokens.AccessToken:
    return tokens.AccessToken(
        jti=f"jti of {client_id}",
        kid="k",
        subject=client_id,
        client_id=client_id,
        scopes=SCOPES,
        issued_at=1,
        expires_at=601,
    )


TOKENS = {
    client_id: IssuedToken(access(client_id), frozenset({"a:read"}))
    for client_id in (CLIENT_ID, "c2", "c3")
}


def make_store(revoked: list[str]) -> Store:
    """Tokens are called like their clients; c1 may look into those of c2."""
    return Store(
        find_client=find_client,
        issue=issue,
        use_assertion=lambda client_id, jti, expires_at: True,
        find_token=TOKENS.get,
        may_introspect=lambda client, token: token.access.client_id == "c2",
        describe=lambda token: {"jti": token.access.jti},
        revoke=lambda token: revoked.append(token.access.jti),
    )


def basic(client_id: str = CLIENT_ID, secret: str = SECRET) -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


def ask(
    form: dict[str, str | Sequence[str]],
    authorization: str | None = None,
    endpoint: str = TOKEN,
    revoked: list[str] | None = None,
) -> OAuthResponse:
    lists = {k: [v] if isinstance(v, str) else list(v) for k, v in form.items()}
    server = Server(make_store([] if revoked is None else revoked))
    return server.respond(endpoint, OAuthRequest(lists, authorization))


def error(response: OAuthResponse) -> tuple[int, str]:
    assert response.body.keys() <= {"error", "error_description"}
    assert ("Cache-Control", "no-store") in response.headers
    description = response.body.get("error_description", "")
    assert all(32 <= ord(c) < 127 and c not in '"\\' for c in description)
    return response.status, response.body["error"]


def by_post(client_id: str = CLIENT_ID, secret: str = SECRET) -> dict[str, str]:
    return {"client_id": client_id, "client_secret": secret}


@pytest.mark.parametrize(
    ("form", "authorization"),
    [(GRANT, basic()), ({**GRANT, **by_post()}, None)],
    ids=["client_secret_basic", "client_secret_post"],
)
def test_token(form, authorization):
    response = ask(form, authorization)
    assert response.status == 200
    assert response.body == {
        "access_token": "token of c1 for a:read a:write",
        "token_type": "Bearer",
        "expires_in": 600,
        "scope": "a:read a:write",
    }
    headers = dict(response.headers)
    assert headers["Content-Type"] == "application/json"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Pragma"] == "no-cache"


def test_basic_with_the_client_id_repeated_in_the_body():
    assert ask({**GRANT, "client_id": CLIENT_ID}, basic()).status == 200


def test_unknown_parameters_are_ignored():
    assert ask({**GRANT, "resource": "x"}, basic()).status == 200


def test_scheme_is_case_insensitive():
    assert ask(GRANT, basic().replace("Basic", "bASIC")).status == 200


def test_narrower_scope():
    response = ask({**GRANT, "scope": "a:read"}, basic())
    assert response.body["scope"] == "a:read"
    assert response.body["access_token"] == "token of c1 for a:read"


@pytest.mark.parametrize("scope", ["", " "])
def test_empty_scope_counts_as_omitted(scope):
    response = ask({**GRANT, "scope": scope}, basic())
    assert response.status == 200
    assert response.body["scope"] == "a:read a:write"


@pytest.mark.parametrize("scope", ["b:read", "a:read b:read", "A:READ", 'a"b', "ä"])
def test_scope_that_the_client_does_not_have(scope):
    assert error(ask({**GRANT, "scope": scope}, basic())) == (400, "invalid_scope")


def test_wrong_secret_by_basic():
    response = ask(GRANT, basic(secret="wrong"))
    assert error(response) == (401, "invalid_client")
    assert dict(response.headers)["WWW-Authenticate"] == 'Basic realm="oauth2"'


def test_wrong_secret_by_post():
    assert error(ask({**GRANT, **by_post(secret="wrong")})) == (401, "invalid_client")


@pytest.mark.parametrize("way", ["basic", "post"])
def test_an_unknown_client_looks_exactly_like_a_wrong_secret(way):
    if way == "basic":
        unknown, wrong = ask(GRANT, basic("c2")), ask(GRANT, basic(secret="wrong"))
    else:
        unknown = ask({**GRANT, **by_post("c2")})
        wrong = ask({**GRANT, **by_post(secret="wrong")})
    assert unknown == wrong


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic ",
        "Basic ?",
        "Basic é",
        "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(),
        "Basic " + base64.b64encode(b"no-colon").decode(),
        "Basic " + base64.b64encode(b":").decode(),
        "Basic " + base64.b64encode(b"c1:").decode(),
        "Basic " + base64.b64encode(b"c1:" + b"x" * 10_000).decode(),
        "Bearer abc",
        f"{basic()}, {basic()}",
        f"{basic()},Basic abc",
        basic().replace("Basic ", "Basic"),
        basic().replace("Basic ", "Basic \t"),
        basic() + "\0",
    ],
    ids=repr,
)
def test_no_usable_credentials(authorization):
    assert error(ask(GRANT, authorization)) == (401, "invalid_client")


def test_two_ways_at_once():
    response = ask({**GRANT, **by_post()}, basic())
    assert error(response) == (400, "invalid_request")


@pytest.mark.parametrize("name", ["grant_type", "scope", "client_secret", 'ä"\\\n'])
def test_repeated_parameter(name):
    response = ask({**GRANT, **by_post(), name: ["a", "b"]})
    assert error(response) == (400, "invalid_request")


@pytest.mark.parametrize("form", [{}, {"grant_type": ""}])
def test_missing_grant_type(form):
    assert error(ask(form, basic())) == (400, "invalid_request")


@pytest.mark.parametrize(
    "grant_type",
    ["password", "authorization_code", "refresh_token", "CLIENT_CREDENTIALS", 'ä"\\'],
)
def test_unsupported_grant(grant_type):
    response = ask({"grant_type": grant_type}, basic())
    assert error(response) == (400, "unsupported_grant_type")


def test_secrets_are_not_in_any_repr():
    request = OAuthRequest({k: [v] for k, v in by_post().items()}, None)
    response = ask(GRANT, basic())
    for text in (repr(request), repr(response), repr(find_client(CLIENT_ID))):
        assert SECRET not in text
        assert response.body["access_token"] not in text


def test_one_client_only():
    response = ask({**GRANT, "client_id": "c2"}, basic())
    assert error(response) == (400, "invalid_request")


def test_introspection_of_an_own_token():
    response = ask({"token": CLIENT_ID}, basic(), INTROSPECTION)
    assert response.status == 200
    assert response.body == {"active": True, "jti": "jti of c1"}
    assert ("Cache-Control", "no-store") in response.headers


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense"])
def test_hints_change_nothing(hint):
    form = {"token": CLIENT_ID, "token_type_hint": hint}
    assert ask(form, basic(), INTROSPECTION).body["active"]
    revoked = []
    assert ask(form, basic(), REVOCATION, revoked).status == 200
    assert revoked == ["jti of c1"]


def test_introspection_of_a_token_of_another_client():
    assert ask({"token": "c2"}, basic(), INTROSPECTION).body["active"]
    for token in ("c3", "nobody", "x" * 10_000):
        response = ask({"token": token}, basic(), INTROSPECTION)
        assert (response.status, response.body) == (200, {"active": False})


def test_revocation_of_an_own_token():
    revoked = []
    response = ask({"token": CLIENT_ID}, basic(), REVOCATION, revoked)
    assert (response.status, response.body) == (200, {})
    assert revoked == ["jti of c1"]


def test_revocation_of_a_token_of_another_client():
    revoked = []
    response = ask({"token": "c2"}, basic(), REVOCATION, revoked)
    assert error(response) == (400, "invalid_grant")
    assert revoked == []


def test_revocation_of_what_is_no_token_is_no_error():
    response = ask({"token": "nobody"}, basic(), REVOCATION)
    assert (response.status, response.body) == (200, {})


@pytest.mark.parametrize("endpoint", [INTROSPECTION, REVOCATION])
@pytest.mark.parametrize(
    ("form", "authorization", "expected"),
    [
        ({"token": CLIENT_ID}, None, (401, "invalid_client")),
        ({"token": CLIENT_ID}, basic(secret="x"), (401, "invalid_client")),
        ({"token": CLIENT_ID}, basic("c2"), (401, "invalid_client")),
        ({"token": CLIENT_ID, **by_post(secret="x")}, None, (401, "invalid_client")),
        ({}, basic(), (400, "invalid_request")),
        ({"token": ""}, basic(), (400, "invalid_request")),
        ({"token": [CLIENT_ID, "c2"]}, basic(), (400, "invalid_request")),
    ],
)
def test_who_may_not_ask_about_tokens(endpoint, form, authorization, expected):
    revoked = []
    response = ask(form, authorization, endpoint, revoked)
    assert error(response) == expected
    assert revoked == []
    has_challenge = "WWW-Authenticate" in dict(response.headers)
    assert has_challenge == (response.status == 401)


def test_introspection_by_post():
    response = ask({"token": CLIENT_ID, **by_post()}, None, INTROSPECTION)
    assert response.body["active"]


@pytest.mark.parametrize(
    ("form", "authorization", "claimed"),
    [
        ({}, None, None),
        ({}, basic("c9"), "c9"),
        ({"client_id": "c8"}, None, "c8"),
        ({"client_id": "c8"}, basic("c9"), "c9"),
        ({"client_id": "c8"}, "Basic ?", "c8"),
        ({"client_assertion": "a.b.c"}, None, None),
    ],
)
def test_who_a_caller_says_to_be(form, authorization, claimed):
    lists = {name: [value] for name, value in form.items()}
    assert OAuthRequest(lists, authorization).claimed_client_id == claimed


def test_unavailable():
    response = unavailable(429, "Too many requests.", 7)
    assert error(response) == (429, "temporarily_unavailable")
    assert ("Retry-After", "7") in response.headers
    assert "Retry-After" not in dict(unavailable(503, "Not now.").headers)
