"""private_key_jwt: RFC 7523 without a web framework or a database."""

import base64
import hmac
import json
import time

import pytest
from joserfc import jws, jwt
from joserfc.jwk import OctKey
from oauth import assertions, keys, secrets
from oauth.server import (
    INTROSPECTION,
    PRIVATE_KEY_JWT,
    TOKEN,
    Client,
    OAuthRequest,
    OAuthResponse,
    Server,
    Store,
)

ISSUER = "https://issuer.example"
AUDIENCES = [ISSUER, f"{ISSUER}/oauth2/token"]
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
NOW = int(time.time())


@pytest.fixture(autouse=True)
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """It stays as late as it was when these tests were collected."""
    monkeypatch.setattr(time, "time", lambda: float(NOW))


@pytest.fixture(scope="module", params=keys.ALGORITHMS)
def pair(request) -> keys.KeyPair:
    return keys.generate(request.param)


@pytest.fixture(scope="module")
def other() -> keys.KeyPair:
    return keys.generate()


def private_key(pair: keys.KeyPair) -> keys.Key:
    return keys.load_private(pair.private_pem, pair.kid, pair.algorithm)


def claims(**changes: object) -> dict:
    result = {
        "iss": "c1",
        "sub": "c1",
        "aud": ISSUER,
        "jti": secrets.new_client_id(),
        "iat": NOW,
        "exp": NOW + 300,
        **changes,
    }
    return {name: value for name, value in result.items() if value is not None}


def assertion(pair: keys.KeyPair, header: dict | None = None, **changes: object) -> str:
    header = {"alg": pair.algorithm, "typ": "JWT", **(header or {})}
    key = type(private_key(pair)).import_key(pair.private_pem)
    return jwt.encode(header, claims(**changes), key, algorithms=[header["alg"]])


class Bench:
    """A server with the client c1, whose keys these are."""

    def __init__(self, *public_jwks: dict, auth_method: str = PRIVATE_KEY_JWT) -> None:
        self.used: set[tuple[str, str]] = set()
        self.until: list[int] = []
        self.client = Client(
            "c1",
            lambda secret: secret == "s3cret",
            frozenset({"a:read"}),
            600,
            auth_method=auth_method,
            public_keys=public_jwks,
        )
        self.unknown = Client("c2", lambda secret: False)

    def ask(
        self, assertion: str | None = None, endpoint: str = TOKEN, **form: str
    ) -> OAuthResponse:
        form.setdefault("grant_type", "client_credentials")
        if assertion is not None:
            form.setdefault("client_assertion_type", ASSERTION_TYPE)
            form["client_assertion"] = assertion
        store = Store(
            find_client=lambda name: self.client if name == "c1" else self.unknown,
            issue=lambda client, scopes: "token",
            use_assertion=self._use,
            find_token=lambda token: None,
            may_introspect=lambda client, token: False,
            describe=lambda token: {},
            revoke=lambda token: None,
        )
        request = OAuthRequest({name: [value] for name, value in form.items()}, None)
        response = Server(store, AUDIENCES).respond(endpoint, request)
        self.authenticated = request.client
        return response

    def _use(self, client_id: str, jti: str, expires_at: int) -> bool:
        self.until.append(expires_at)
        if (client_id, jti) in self.used:
            return False
        self.used.add((client_id, jti))
        return True

    def refuses(self, assertion: str, **form: str) -> None:
        response = self.ask(assertion, **form)
        assert (response.status, response.body["error"]) == (401, "invalid_client")
        assert response.body == self.ask("a.b.c").body, "all look alike"
        assert self.authenticated is None


def registered(pair: keys.KeyPair, kid: str | None = None) -> dict:
    jwk = {name: v for name, v in pair.public_jwk.items() if name not in ("kid", "use")}
    return {**jwk, "kid": kid} if kid else jwk


@pytest.mark.parametrize("audience", [*AUDIENCES, [ISSUER]])
def test_token(pair, audience):
    bench = Bench(registered(pair))
    response = bench.ask(assertion(pair, aud=audience))
    assert response.status == 200, response.body
    assert response.body["access_token"] == "token"
    assert bench.authenticated.client_id == "c1"
    assert bench.until == [NOW + 300 + 30]


def test_introspection(pair):
    response = Bench(registered(pair)).ask(
        assertion(pair), INTROSPECTION, token="x", grant_type=""
    )
    assert (response.status, response.body) == (200, {"active": False})


def test_the_client_may_be_named_beside_it(pair):
    bench = Bench(registered(pair))
    assert bench.ask(assertion(pair), client_id="c1").status == 200
    response = bench.ask(assertion(pair), client_id="c2")
    assert (response.status, response.body["error"]) == (400, "invalid_request")


def test_a_secret_beside_it_is_one_too_many(pair):
    response = Bench(registered(pair)).ask(
        assertion(pair), client_id="c1", client_secret="s3cret"
    )
    assert (response.status, response.body["error"]) == (400, "invalid_request")


def test_replay(pair):
    bench = Bench(registered(pair))
    text = assertion(pair)
    assert bench.ask(text).status == 200
    bench.refuses(text)


def test_the_one_way_of_a_client(pair):
    by_secret = Bench(registered(pair), auth_method="client_secret")
    by_secret.refuses(assertion(pair))
    assert by_secret.ask(client_id="c1", client_secret="s3cret").status == 200
    by_key = Bench(registered(pair))
    response = by_key.ask(client_id="c1", client_secret="s3cret")
    assert (response.status, response.body["error"]) == (401, "invalid_client")


def test_which_key(pair, other):
    newer = keys.generate(pair.algorithm)
    bench = Bench(registered(pair, "old"), registered(newer, "new"), registered(other))
    assert bench.ask(assertion(pair, {"kid": "old"})).status == 200
    assert bench.ask(assertion(newer, {"kid": "new"})).status == 200
    assert bench.ask(assertion(newer)).status == 200, "without a kid all are tried"
    assert bench.ask(assertion(other, {"kid": "mine"})).status == 200, "keys of PEM"
    bench.refuses(assertion(pair, {"kid": "new"}))


def test_other_keys(pair, other):
    Bench(registered(pair)).refuses(assertion(other))
    Bench().refuses(assertion(pair))
    Bench(registered(pair)).refuses(assertion(other, {"jwk": other.public_jwk}))


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "c2"},
        {"iss": None},
        {"sub": "c2"},
        {"sub": None},
        {"sub": ["c1"]},
        {"sub": 5},
        {"aud": None},
        {"aud": "https://other.example"},
        {"aud": [ISSUER, "https://other.example"]},
        {"aud": []},
        {"aud": {}},
        {"exp": None},
        {"exp": NOW - 31},
        {"exp": NOW + assertions.MAX_LIFETIME + 120},
        {"exp": str(NOW + 300)},
        {"exp": True},
        {"exp": [NOW]},
        {"nbf": NOW + 120},
        {"iat": NOW + 120},
        {"jti": None},
        {"jti": ""},
        {"jti": 5},
        {"jti": "x" * 256},
        {"jti": "a\0b"},
    ],
    ids=str,
)
def test_claims(pair, changes):
    bench = Bench(registered(pair))
    bench.refuses(assertion(pair, **changes))
    assert not bench.used


def test_unknown_client(pair):
    Bench(registered(pair)).refuses(assertion(pair, sub="nobody", iss="nobody"))


def encode(part: object) -> str:
    raw = json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@pytest.mark.parametrize("alg", ["none", "None", "HS256", None, 5])
def test_unsigned(pair, alg):
    text = f"{encode({'alg': alg})}.{encode(claims())}."
    Bench(registered(pair)).refuses(text)


def test_symmetric_signature_made_with_the_public_key(pair):
    public = keys.load_public_key(pair.public_jwk).as_pem(private=False)
    text = f"{encode({'alg': 'HS256', 'typ': 'JWT'})}.{encode(claims())}"
    mac = hmac.new(public, text.encode(), "sha256").digest()
    signature = base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
    Bench(registered(pair)).refuses(f"{text}.{signature}")
    secret = OctKey.import_key("s3cret-s3cret-s3cret-s3cret-s3cret")
    Bench(registered(pair)).refuses(
        jwt.encode({"alg": "HS256"}, claims(), secret, algorithms=["HS256"])
    )


def test_signature_of_the_other_algorithm(pair):
    _header, body, signature = assertion(pair).split(".")
    [wrong] = set(keys.ALGORITHMS) - {pair.algorithm}
    Bench(registered(pair)).refuses(f"{encode({'alg': wrong})}.{body}.{signature}")


@pytest.mark.parametrize(
    "text",
    [
        "x",
        ".",
        "..",
        "a.b.c.d.e",
        "é.é.é",
        "x" * 9000,
        f"{encode([])}.{encode(claims())}.x",
        f"{encode({'alg': 'RS256'})}.{encode([1])}.x",
        f"{encode({'alg': 'RS256'})}.e30.x",
        base64.urlsafe_b64encode(b"[" * 5000).decode().rstrip("=") + ".e30.x",
        encode({"alg": "RS256"})
        + "."
        + base64.urlsafe_b64encode(b"[" * 5000).decode().rstrip("=")
        + ".x",
    ],
    ids=lambda text: text[:20],
)
def test_rubbish(pair, text):
    Bench(registered(pair)).refuses(text)


def test_another_type_of_assertion(pair):
    for kind in ("", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"):
        Bench(registered(pair)).refuses(assertion(pair), client_assertion_type=kind)


def test_tampered(pair):
    header, _body, signature = assertion(pair).split(".")
    text = f"{header}.{encode(claims(jti='forged'))}.{signature}"
    bench = Bench(registered(pair))
    bench.refuses(text)
    assert not bench.used


@pytest.mark.parametrize("text", ["\ud800", "a\udfff", "a\0b"])
def test_what_no_database_can_hold(pair, text):
    def signed(**changes: str) -> str:
        header = {"alg": pair.algorithm}
        payload = json.dumps(claims(**changes))  # which escapes it, as anybody may
        return jws.serialize_compact(header, payload, private_key(pair))

    bench = Bench(registered(pair))
    assert bench.ask(signed()).status == 200
    bench.refuses(signed(jti=text))
    assert bench.until[1:] == []
    bench.refuses(signed(sub=text, iss=text))
    assert assertions.subject_of(signed(sub=text)) is None


def test_who_speaks_is_read_before_it_is_proven(pair):
    assert assertions.subject_of(assertion(pair)) == "c1"
    assert assertions.subject_of(assertion(pair, sub=5)) is None
    for rubbish in ("", "x", "a.b.c", "é", "x" * 10_000):
        assert assertions.subject_of(rubbish) is None
