"""What must not get in, tried over real HTTP, each time from an address of its own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import time
import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from joserfc import jwt
from joserfc.jwk import RSAKey
from oauth_admin import (
    INTROSPECT,
    METADATA,
    RECORDS,
    REVOKE,
    TOKEN,
    WHOAMI,
    Caller,
    Client,
    OAuthAdmin,
    assert_json_error,
    assert_oauth_error,
    bearer,
    elsewhere,
)
from processes import wait_until

SCOPES = ("attendance:read", "attendance:write")
STRANGER = RSAKey.generate_key(2048, auto_kid=True)
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
HOUR = 3600

Sign = Callable[[bytes], bytes]
#: Changes to a header or to claims; None takes a member away.
Changes = dict[str, Any]


@pytest.fixture(scope="module")
def admin(server) -> OAuthAdmin:
    return OAuthAdmin(server)


@pytest.fixture(scope="module")
def client(admin: OAuthAdmin) -> Client:
    return admin.new_client(*SCOPES)


def b64(data: bytes | str) -> str:
    raw = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def changed(values: dict, changes: Changes) -> dict:
    return {k: v for k, v in {**values, **changes}.items() if v is not None}


def by_nobody(_data: bytes) -> bytes:
    return b""


def by_secret(secret: bytes) -> Sign:
    """HS256, with whatever the attacker hopes the server takes for the key."""
    return lambda data: hmac.digest(secret, data, hashlib.sha256)


def by_key(key: RSAKey) -> Sign:
    return lambda data: key.private_key.sign(data, padding.PKCS1v15(), SHA256())


by_stranger = by_key(STRANGER)


class Forger:
    """Somebody with a good token who makes others of it.

    :ivar key: the server's own private key, so that a token is refused for nothing but
        what a test did to it
    """

    def __init__(self, admin: OAuthAdmin, client: Client) -> None:
        self.admin = admin
        self.key = admin.signing_key()
        self.token = admin.token(client, "attendance:read")
        seen = jwt.decode(self.token, self.key)
        self.header, self.claims = seen.header, seen.claims

    def forge(
        self,
        header: Changes | None = None,
        claims: Changes | None = None,
        sign: Sign | None = None,
    ) -> str:
        parts = [
            b64(json.dumps(changed(self.header, header or {}))),
            b64(json.dumps(changed(self.claims, claims or {}))),
        ]
        signature = (sign or by_key(self.key))(".".join(parts).encode())
        return ".".join([*parts, b64(signature)])

    def public_pem(self) -> bytes:
        return self.key.as_pem(private=False)

    def public_jwk(self) -> dict:
        (jwk,) = (
            jwk
            for jwk in requests.get(f"{self.admin.url}/oauth2/jwks", timeout=60).json()[
                "keys"
            ]
            if jwk["kid"] == self.header["kid"]
        )
        return jwk


@pytest.fixture
def forger(admin: OAuthAdmin, client: Client) -> Forger:
    """With the key that signs at that moment."""
    return Forger(admin, client)


def assert_refused(answer: requests.Response) -> None:
    """As a token that is not, or no longer, good."""
    assert_json_error(answer, 401, "invalid_token")
    challenge = answer.headers["WWW-Authenticate"]
    assert challenge.startswith("Bearer ")
    assert 'error="invalid_token"' in challenge


def test_what_is_forged_well_gets_in(admin: OAuthAdmin, forger: Forger) -> None:
    """So it is their fault alone that the others below are refused for."""
    assert admin.status(forger.forge()) == 200
    assert admin.status(forger.forge(claims={"jti": uuid.uuid4().hex})) == 200


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", None])
def test_a_token_that_nobody_signed(
    admin: OAuthAdmin, forger: Forger, alg: str | None
) -> None:
    address = elsewhere()
    unsigned = forger.forge({"alg": alg}, sign=by_nobody)
    for token in (
        unsigned,
        unsigned.rstrip("."),
        forger.forge({"alg": alg}),
        forger.forge({"alg": alg, "kid": None}, sign=by_nobody),
    ):
        assert_refused(admin.get(token, address=address))


def test_a_public_key_is_no_shared_secret(admin: OAuthAdmin, forger: Forger) -> None:
    address = elsewhere()
    pem, jwk = forger.public_pem(), forger.public_jwk()
    modulus = jwk["n"]
    for secret in (
        pem,
        pem.strip(),
        json.dumps(jwk).encode(),
        json.dumps(jwk, separators=(",", ":"), sort_keys=True).encode(),
        modulus.encode(),
        base64.urlsafe_b64decode(modulus + "=="),
        b"",
    ):
        token = forger.forge({"alg": "HS256"}, sign=by_secret(secret))
        assert_refused(admin.get(token, address=address))


def test_another_algorithm_with_the_right_key(
    admin: OAuthAdmin, forger: Forger
) -> None:
    address = elsewhere()
    private = forger.key.private_key

    def ps256(data: bytes) -> bytes:
        pss = padding.PSS(padding.MGF1(SHA256()), SHA256.digest_size)
        return private.sign(data, pss, SHA256())

    def rs512(data: bytes) -> bytes:
        return private.sign(data, padding.PKCS1v15(), SHA512())

    for alg, sign in (("PS256", ps256), ("RS512", rs512), ("RS256", rs512)):
        token = forger.forge({"alg": alg}, sign=sign)
        assert_refused(admin.get(token, address=address))


@pytest.mark.parametrize(
    "kid",
    [STRANGER.kid, "A" * 43, "../../dev/null", "' OR 1=1 --", 7, ["a"], {}, "", None],
)
def test_a_key_that_nobody_knows(admin: OAuthAdmin, forger: Forger, kid) -> None:
    address = elsewhere()
    for token in (
        forger.forge({"kid": kid}, sign=by_stranger),
        forger.forge({"kid": kid}),
    ):
        assert_refused(admin.get(token, address=address))


def test_a_key_that_the_token_brings_along(admin: OAuthAdmin, forger: Forger) -> None:
    address = elsewhere()
    public = STRANGER.as_dict(private=False)
    for header in (
        {"jwk": public},
        {"jwk": public, "kid": STRANGER.kid},
        {"jku": f"{admin.url}/oauth2/jwks", "kid": STRANGER.kid},
        {"x5u": f"{admin.url}/oauth2/jwks", "kid": STRANGER.kid},
        {"x5c": ["AAAA"], "kid": None},
        {},
    ):
        token = forger.forge(header, sign=by_stranger)
        assert_refused(admin.get(token, address=address))


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"typ": None},
        {"typ": "logout+jwt"},
        {"crit": ["exp"], "exp": 1},
        {"crit": ["unheard-of"], "unheard-of": True},
    ],
    ids=json.dumps,
)
def test_another_kind_of_token(
    admin: OAuthAdmin, forger: Forger, header: Changes
) -> None:
    assert_refused(admin.get(forger.forge(header), address=elsewhere()))


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://elsewhere.example"},
        {"aud": ["https://elsewhere.example"]},
        {"aud": []},
        {"aud": None},
        {"iss": "https://elsewhere.example"},
        {"iss": None},
        {"sub": None},
        {"jti": None},
        {"client_id": None},
        {"client_id": "f" * 24},
        {"client_id": 1},
        {"client_id": ["a"]},
        {"client_id": "a\0b"},
        {"scope": None},
        {"scope": ["attendance:read"]},
        {"exp": None},
        {"exp": "2999-01-01"},
        {"exp": True},
        {"iat": None},
    ],
    ids=json.dumps,
)
def test_claims_that_are_wrong(
    admin: OAuthAdmin, forger: Forger, claims: Changes
) -> None:
    assert_refused(admin.get(forger.forge(claims=claims), address=elsewhere()))


@pytest.mark.parametrize(
    ("iat", "nbf", "exp"),
    [
        (-2 * HOUR, None, -HOUR),  # expired
        (-HOUR, None, -31),  # expired, by more than clocks may differ
        (HOUR, None, 2 * HOUR),  # not yet issued
        (0, HOUR, 2 * HOUR),  # not yet valid
    ],
)
def test_a_token_of_another_time(
    admin: OAuthAdmin, forger: Forger, iat: int, nbf: int | None, exp: int
) -> None:
    now = int(time.time())
    claims = {"iat": now + iat, "exp": now + exp, "nbf": nbf and now + nbf}
    assert_refused(admin.get(forger.forge(claims=claims), address=elsewhere()))


def test_a_token_with_something_missing_or_too_much(
    admin: OAuthAdmin, forger: Forger
) -> None:
    good = forger.token
    head, body, signature = good.split(".")
    wider = b64(json.dumps({**forger.claims, "scope": "attendance:write"}))
    first = "A" if signature[0] != "A" else "B"
    bad = [
        good[:-1],
        good[:-40],
        good[: len(good) // 2],
        f"{head}.{body}.",
        f"{head}.{body}",
        f"{head}..{signature}",
        f".{body}.{signature}",
        "..",
        ".",
        f"{good}.{signature}",
        f"{good}.x.y",
        f"{head}.{wider}.{signature}",
        f"{head}.{body}.{first}{signature[1:]}",
        f"{head}.{b64('[]')}.{signature}",
        f"{head}.{b64('no json')}.{signature}",
        f"{b64('[]')}.{body}.{signature}",
        f"{good}{'A' * 8000}",
        "rubbish",
    ]
    for number, token in enumerate(bad):
        if number % 9 == 0:
            address = elsewhere()
        assert_refused(admin.get(token, address=address))
    assert admin.status(good) == 200


def test_a_token_gives_no_more_than_its_client_has(admin: OAuthAdmin) -> None:
    reader = admin.new_client("attendance:read")
    forger = Forger(admin, reader)
    token = forger.forge(claims={"scope": " ".join(SCOPES)})
    assert admin.status(token, RECORDS) == 200
    answer = Caller().post(
        admin.url + RECORDS, json={"records": []}, headers=bearer(token)
    )
    assert_json_error(answer, 403, "insufficient_scope")
    answer = Caller().post(
        admin.url + TOKEN,
        data={"grant_type": "client_credentials", "scope": "attendance:write"},
        auth=reader.pair,
    )
    assert_oauth_error(answer, 400, "invalid_scope")


def raw(admin: OAuthAdmin, *headers: tuple[str, str]) -> tuple[int, dict]:
    """A read with exactly these headers, from an address of its own."""
    connection = http.client.HTTPConnection(
        urlsplit(admin.url).netloc, timeout=60, source_address=(elsewhere(), 0)
    )
    try:
        connection.putrequest("GET", WHOAMI)
        for name, value in headers:
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_a_doubled_or_strange_header(admin: OAuthAdmin, client: Client) -> None:
    good = f"Bearer {admin.token(client)}"
    basic = b64(":".join(client.pair))
    name = "Authorization"
    assert raw(admin, (name, good))[0] == 200
    for headers in (
        [(name, good), (name, good)],
        [(name, good), (name, "Bearer rubbish")],
        [(name, "Bearer rubbish"), (name, good)],
        [(name, f"Basic {basic}"), (name, good)],
        [(name, good), (name, "")],
        [(name, "")],
        [(name, f"{good}, {good}")],
        [(name, f"{good},{good}")],
        [(name, f"{good} {good}")],
        [(name, good.replace(" ", ""))],
        [(name, good.removeprefix("Bearer "))],
        [(name, f"Basic {basic}")],
        [(name, good.replace("Bearer", "Token"))],
        [(name, f"{good}\u00e9")],
        [("X-Authorization", good)],
        [("Cookie", f"access_token={good}")],
        [],
    ):
        status, answer = raw(admin, *headers)
        assert status == 401, headers
        assert answer["error"]["code"] in ("invalid_token", "unauthorized")


def test_a_token_in_the_wrong_place(admin: OAuthAdmin) -> None:
    token = admin.token(admin.new_client(*SCOPES))
    caller = Caller(elsewhere())
    url = admin.url + RECORDS
    answer = caller.get(url, params={"access_token": token})
    assert_json_error(answer, 401, "unauthorized")
    for headers in ({}, {"Content-Type": "application/x-www-form-urlencoded"}):
        answer = caller.post(url, data={"access_token": token}, headers=headers)
        assert_json_error(answer, 401, "unauthorized")
    answer = caller.post(url, json={"access_token": token, "records": []})
    assert_json_error(answer, 401, "unauthorized")
    # Beside the right place it is refused too: it would be in logs by then.
    answer = caller.get(url, params={"access_token": token}, headers=bearer(token))
    assert_json_error(answer, 400, "invalid_request")


def test_credentials_in_the_wrong_place(admin: OAuthAdmin) -> None:
    client = admin.new_client(*SCOPES)
    client_id, secret = client.pair
    fields = {
        "grant_type": "client_credentials",
        "client_id": client_id,
        "client_secret": secret,
    }
    caller = Caller(elsewhere())
    url = admin.url + TOKEN
    assert_oauth_error(caller.post(url, params=fields), 400, "invalid_request")
    answer = caller.post(url, data=fields, auth=client.pair)
    assert_oauth_error(answer, 400, "invalid_request")
    answer = caller.post(url, data=[*fields.items(), ("client_id", "another")])
    assert_oauth_error(answer, 400, "invalid_request")
    answer = caller.post(url, data={**fields, "grant_type": "password"})
    assert_oauth_error(answer, 400, "unsupported_grant_type")


def test_a_wrong_secret(admin: OAuthAdmin, client: Client) -> None:
    caller = Caller(elsewhere())
    for pair in (
        (client.client_id, "wrong"),
        (client.client_id, client.secret[:-1]),
        (client.client_id, client.secret + "A"),
        (client.client_id, client.secret[:8]),
        (client.client_id, ""),
        ("f" * 24, client.secret),
        ("a\0b", client.secret),
        ("\u00e9\u4e2d", "x" * 5000),
    ):
        answer = caller.post(
            admin.url + TOKEN,
            data={"grant_type": "client_credentials"},
            auth=tuple(word.encode() for word in pair),
        )
        assert_oauth_error(answer, 401, "invalid_client")
        assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def revoke_in_backend(admin: OAuthAdmin, client: Client) -> None:
    call = admin.session.call
    found = call("spp.oauth.token", "search", [("client_id", "=", client.row)])
    call("spp.oauth.token", "action_revoke", found)


def revoke_all(admin: OAuthAdmin, client: Client) -> None:
    admin.session.call("spp.oauth.client", "action_revoke_tokens", [client.row])


def archive(admin: OAuthAdmin, client: Client) -> None:
    admin.write(client, active=False)


def expire(admin: OAuthAdmin, client: Client) -> None:
    admin.write(client, expires_at="2026-01-01 00:00:00")


def shut_out(admin: OAuthAdmin, client: Client) -> None:
    admin.write(client, allowed_networks="192.0.2.0/24")


@pytest.mark.parametrize(
    ("act", "is_gone"),
    [
        (revoke_in_backend, False),
        (revoke_all, False),
        (archive, True),
        (expire, True),
        (OAuthAdmin.archive_user, True),
        (shut_out, True),
    ],
)
def test_what_ends_the_life_of_a_token(
    admin: OAuthAdmin, act: Callable[[OAuthAdmin, Client], None], is_gone: bool
) -> None:
    client = admin.new_client(*SCOPES)
    token = admin.token(client)
    assert admin.status(token) == 200
    act(admin, client)
    assert_refused(admin.get(token))
    answer = Caller().post(
        admin.url + TOKEN, data={"grant_type": "client_credentials"}, auth=client.pair
    )
    if is_gone:
        assert_oauth_error(answer, 401, "invalid_client")
    else:
        assert admin.status(answer.json()["access_token"]) == 200


def test_a_scope_that_is_taken_away(admin: OAuthAdmin) -> None:
    client = admin.new_client(*SCOPES)
    token = admin.token(client)
    (scope,) = admin.session.call(
        "spp.oauth.scope", "search", [("name", "=", "attendance:read")]
    )
    admin.write(client, scope_ids=[(3, scope)])
    assert_json_error(admin.get(token, RECORDS), 403, "insufficient_scope")


def test_only_ones_own_tokens_are_told_and_revoked(
    admin: OAuthAdmin, client: Client
) -> None:
    other = admin.new_client("attendance:read")
    token = admin.token(client)
    caller = Caller(elsewhere())
    data = {"token": token}
    answer = caller.post(admin.url + INTROSPECT, data=data, auth=other.pair)
    assert answer.json() == {"active": False}
    answer = caller.post(admin.url + REVOKE, data=data, auth=other.pair)
    assert answer.status_code in (200, 400)
    assert admin.status(token) == 200
    for path in (INTROSPECT, REVOKE):
        answer = caller.post(admin.url + path, data=data)
        assert_oauth_error(answer, 401, "invalid_client")
        answer = caller.post(
            admin.url + path, data=data, auth=(client.client_id, "wrong")
        )
        assert_oauth_error(answer, 401, "invalid_client")
    for rubbish in ("rubbish", "a.b.c", "a\0b"):
        data = {"token": rubbish}
        answer = caller.post(admin.url + INTROSPECT, data=data, auth=client.pair)
        assert answer.json() == {"active": False}
        # RFC 7009 2.2: what is no token is as good as revoked
        answer = caller.post(admin.url + REVOKE, data=data, auth=client.pair)
        assert answer.status_code == 200


def test_a_key_that_is_rotated(admin: OAuthAdmin, client: Client) -> None:
    old = Forger(admin, client)
    admin.rotate_key()
    new = Forger(admin, client)
    assert new.header["kid"] != old.header["kid"]
    assert admin.status(new.token) == 200
    assert admin.status(old.token) == 200
    jwks = requests.get(f"{admin.url}/oauth2/jwks", timeout=60).json()["keys"]
    assert {new.header["kid"], old.header["kid"]} <= {jwk["kid"] for jwk in jwks}
    # What it signed with is gone, whoever reads the database from now on.
    sql = "FROM spp_oauth_key WHERE kid = :'kid'"
    kid = old.header["kid"]
    assert admin.running.query(f"SELECT coalesce(private_pem, '') {sql}", kid=kid) == ""

    # Its last token has expired, as time passes.
    admin.running.query(
        "UPDATE spp_oauth_key SET verifies_until = now() AT TIME ZONE 'UTC'"
        " - interval '1 minute' WHERE kid = :'kid'",
        kid=kid,
    )
    admin.run_key_cron()
    assert_refused(admin.get(old.token, address=elsewhere()))
    assert admin.status(new.token) == 200
    jwks = requests.get(f"{admin.url}/oauth2/jwks", timeout=60).json()["keys"]
    assert kid not in {jwk["kid"] for jwk in jwks}


@pytest.fixture(scope="module")
def signer(admin: OAuthAdmin) -> Client:
    """A client that signs in with the key `STRANGER`."""
    public = STRANGER.as_pem(private=False).decode()
    return admin.new_client(*SCOPES, auth_method="private_key_jwt", public_keys=public)


class Asker:
    """Somebody who asks for tokens by assertions."""

    def __init__(self, admin: OAuthAdmin, signer: Client) -> None:
        self.url = admin.url + TOKEN
        self.client_id = signer.client_id
        self.caller = Caller(elsewhere())

    def assertion(
        self, sign: Sign = by_stranger, alg: str = "RS256", **claims: Any
    ) -> str:
        now = int(time.time())
        usual = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.url,
            "jti": uuid.uuid4().hex,
            "iat": now,
            "exp": now + 60,
        }
        header = {"alg": alg, "typ": "JWT", "kid": STRANGER.kid}
        parts = [b64(json.dumps(header)), b64(json.dumps(changed(usual, claims)))]
        return ".".join([*parts, b64(sign(".".join(parts).encode()))])

    def ask(self, assertion: str, **fields: str) -> requests.Response:
        return self.caller.post(
            self.url,
            data={
                "grant_type": "client_credentials",
                "client_assertion_type": ASSERTION_TYPE,
                "client_assertion": assertion,
                **fields,
            },
        )


@pytest.fixture
def asker(admin: OAuthAdmin, signer: Client) -> Asker:
    return Asker(admin, signer)


def test_an_assertion_is_good_once(admin: OAuthAdmin, asker: Asker) -> None:
    assertion = asker.assertion()
    answer = asker.ask(assertion)
    assert answer.status_code == 200, answer.text
    assert admin.status(answer.json()["access_token"]) == 200
    assert_oauth_error(asker.ask(assertion), 401, "invalid_client")

    # Eight at once: one gets in.
    assertion = asker.assertion()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(asker.ask, [assertion] * 8))
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses[200] == 1, statuses
    # The server may say that it was too busy to tell; it may not let two in.
    assert set(statuses) <= {200, 401, 429, 503}


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://elsewhere.example/token"},
        {"aud": None},
        {"iss": "f" * 24},
        {"sub": "f" * 24},
        {"exp": 1},
        {"exp": None},
        {"jti": None},
        {"jti": 7},
        {"nbf": 4_000_000_000},
        {"iat": 4_000_000_000, "exp": 4_000_000_060},
    ],
    ids=json.dumps,
)
def test_an_assertion_that_is_wrong(asker: Asker, claims: Changes) -> None:
    assert_oauth_error(asker.ask(asker.assertion(**claims)), 401, "invalid_client")


def test_an_assertion_that_somebody_else_signed(
    admin: OAuthAdmin, asker: Asker, client: Client
) -> None:
    pem = STRANGER.as_pem(private=False)
    for alg, sign in (
        ("none", by_nobody),
        ("HS256", by_secret(pem)),
        ("HS256", by_secret(b"")),
        ("RS256", by_key(RSAKey.generate_key(2048))),
        ("RS256", by_key(admin.signing_key())),
    ):
        answer = asker.ask(asker.assertion(sign, alg))
        assert_oauth_error(answer, 401, "invalid_client")
    # One who has a secret cannot come with a key, and the other way round.
    mine = Asker(admin, client)
    assert_oauth_error(mine.ask(mine.assertion()), 401, "invalid_client")
    answer = asker.caller.post(
        asker.url,
        data={"grant_type": "client_credentials"},
        auth=(asker.client_id, "anything"),
    )
    assert_oauth_error(answer, 401, "invalid_client")
    # Nor with both at once.
    answer = asker.ask(asker.assertion(), client_secret="anything")
    assert answer.status_code in (400, 401)


@pytest.fixture(scope="module")
def person(admin: OAuthAdmin) -> str:
    """Identifier of somebody whose attendance is recorded below."""
    admin.session.call(
        "spp.attendance.subscriber",
        "create",
        [{"person_identifier": "P001", "name": "One"}],
    )
    return "P001"


class Recorder:
    """A client that records attendance with an idempotency key."""

    def __init__(self, admin: OAuthAdmin, client: Client) -> None:
        self.app = Caller()
        self.app.headers.update(bearer(admin.token(client)))
        self.url = admin.url + RECORDS

    def post(self, key: str, *items: dict, **params: str) -> requests.Response:
        return self.app.post(
            self.url,
            json={"records": list(items)},
            headers={"Idempotency-Key": key},
            params=params,
        )


def test_an_idempotency_key_that_is_replayed(
    admin: OAuthAdmin, client: Client, person: str
) -> None:
    item = {"person_identifier": person, "date_time": "2026-09-01T08:00:00+00:00"}
    other = {**item, "date_time": "2026-09-02T08:00:00+00:00"}
    recorder = Recorder(admin, client)
    first = recorder.post("one", item)
    assert first.status_code == 200, first.text
    assert first.json()["results"][0]["status"] == "created"
    assert "Idempotency-Replayed" not in first.headers

    # Done anew it would be a duplicate.
    again = recorder.post("one", item)
    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["Idempotency-Replayed"] == "true"
    assert_json_error(recorder.post("one", other), 422, "idempotency_key_reused")
    for bad in ("", "x" * 256, "a b", "\u00e9".encode()):
        answer = recorder.post(bad, other)
        assert answer.status_code == 400, (bad, answer.text)
    assert admin.count("spp_attendance_record", "true") == 1

    # The key is its client's own.
    result = Recorder(admin, admin.new_client(*SCOPES)).post("one", item)
    assert result.json()["results"][0]["status"] == "duplicate"
    assert "Idempotency-Replayed" not in result.headers

    # A refusal is not kept: what was wrong can be put right under the same key.
    assert recorder.post("two", {}).status_code == 422
    assert recorder.post("two", other).json()["results"][0]["status"] == "created"


def test_an_idempotency_key_twice_at_once(
    admin: OAuthAdmin, client: Client, person: str
) -> None:
    recorder = Recorder(admin, client)
    before = admin.count("spp_attendance_record", "true")
    for day in (1, 2):
        item = {"person_identifier": person, "date_time": f"2026-10-0{day}T08:00:00Z"}
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(recorder.post, [f"at-{day}"] * 8, [item] * 8))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.text for answer in answers}) == 1
        assert answers[0].json()["results"][0]["status"] == "created"
        replayed = [a for a in answers if a.headers.get("Idempotency-Replayed")]
        assert len(replayed) == 7
    assert admin.count("spp_attendance_record", "true") == before + 2


def test_a_network_that_is_not_the_clients(admin: OAuthAdmin) -> None:
    client = admin.new_client(*SCOPES, allowed_networks="127.9.0.0/16, ::1")
    token = admin.token(client, address="127.9.1.2")
    assert admin.status(token, address="127.9.255.254") == 200
    outside = elsewhere()
    assert_refused(admin.get(token, address=outside))
    caller = Caller(outside)
    # A header says nothing here: no proxy is in front.
    for spoof in ({}, {"X-Forwarded-For": "127.9.1.2"}, {"Forwarded": "for=127.9.1.2"}):
        assert_refused(
            caller.get(admin.url + WHOAMI, headers={**bearer(token), **spoof})
        )
        answer = caller.post(
            admin.url + TOKEN,
            data={"grant_type": "client_credentials"},
            auth=client.pair,
            headers=spoof,
        )
        assert_oauth_error(answer, 401, "invalid_client")
    assert admin.status(token, address="127.9.1.2") == 200


def assert_told_to_wait(answer: requests.Response) -> None:
    assert answer.status_code == 429, answer.text
    assert answer.headers["Content-Type"].startswith("application/json")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert answer.json()["error"]


def test_more_requests_than_agreed(admin: OAuthAdmin) -> None:
    client, other = admin.new_client(*SCOPES), admin.new_client(*SCOPES)
    admin.write(client, rate_limit=5)
    token = admin.token(client)
    # The request for the token was the first; a new minute may begin, but not two.
    answers = [admin.get(token) for _number in range(11)]
    assert {answer.status_code for answer in answers} == {200, 429}
    assert [answer.status_code for answer in answers[:4]] == [200] * 4
    refusal = next(answer for answer in answers if answer.status_code == 429)
    assert_told_to_wait(refusal)
    assert_json_error(refusal, 429, "too_many_requests")
    assert admin.status(admin.token(other)) == 200
    admin.write(client, rate_limit=1000)
    assert admin.status(token) == 200


def ask(caller: Caller, admin: OAuthAdmin, *pair: str) -> requests.Response:
    return caller.post(
        admin.url + TOKEN, data={"grant_type": "client_credentials"}, auth=pair
    )


def test_guessing_a_secret_is_slowed_down(admin: OAuthAdmin, client: Client) -> None:
    victim = admin.new_client(*SCOPES)
    address = elsewhere()
    caller = Caller(address)
    for _number in range(10):
        answer = ask(caller, admin, victim.client_id, "wrong")
        assert_oauth_error(answer, 401, "invalid_client")
    for secret in ("wrong", victim.secret):
        assert_told_to_wait(ask(caller, admin, victim.client_id, secret))
    for path in (INTROSPECT, REVOKE):
        answer = caller.post(admin.url + path, data={"token": "x"}, auth=victim.pair)
        assert_told_to_wait(answer)
    answer = caller.post(
        f"{admin.url}/auth/token",
        json={"client_id": victim.client_id, "client_secret": victim.secret},
    )
    assert_told_to_wait(answer)
    # Others from there are served, and so is the victim from where it is.
    assert ask(caller, admin, *client.pair).status_code == 200
    assert ask(Caller(), admin, *victim.pair).status_code == 200
    # One line of it, however often.
    where = f"address = '{address}' AND kind = "
    assert admin.count("spp_oauth_event", f"{where} 'throttled'") == 1
    assert admin.count("spp_oauth_event", f"{where} 'refused'") == 10


def test_guessing_clients_is_slowed_down(admin: OAuthAdmin, client: Client) -> None:
    admin.set_parameter("spp_oauth.max_failures_address", 15)
    try:
        caller = Caller(elsewhere())
        for number in range(15):
            answer = ask(caller, admin, f"{number:024}", "wrong")
            assert_oauth_error(answer, 401, "invalid_client")
        assert_told_to_wait(ask(caller, admin, *client.pair))
        assert ask(Caller(), admin, *client.pair).status_code == 200
    finally:
        admin.set_parameter("spp_oauth.max_failures_address", 100)
    assert ask(caller, admin, *client.pair).status_code == 200


def test_guessing_tokens_is_slowed_down(admin: OAuthAdmin, client: Client) -> None:
    address = elsewhere()
    caller = Caller(address)
    seen: list[requests.Response] = []

    def is_told_to_wait() -> bool:
        for _number in range(20):
            seen.append(caller.get(admin.url + WHOAMI, headers=bearer("a.b.c")))
            assert seen[-1].status_code in (401, 429)
        return seen[-1].status_code == 429

    wait_until(is_told_to_wait)
    assert_told_to_wait(seen[-1])
    assert len(seen) > 10
    # Whoever has a good one, from there too, isn't kept waiting.
    assert admin.status(admin.token(client), address=address) == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api", 404),
        ("GET", "/api/", 404),
        ("GET", "/api/nothing", 404),
        ("POST", "/api/attendance/nothing/at/all", 404),
        ("GET", "/api/%00", 404),
        ("GET", "/api/%FF%FE", 404),
        ("PUT", RECORDS, 405),
        ("DELETE", WHOAMI, 405),
        ("BREW", WHOAMI, 405),
        ("GET", "/oauth2/nothing", 404),
        ("GET", TOKEN, 405),
        ("PUT", TOKEN, 405),
        ("DELETE", INTROSPECT, 405),
        ("GET", REVOKE, 405),
        ("POST", METADATA, 405),
        ("POST", "/oauth2/jwks", 405),
        ("GET", "/auth/token", 405),
    ],
)
def test_where_there_is_nothing_the_answer_is_json(
    admin: OAuthAdmin, client: Client, method: str, path: str, status: int
) -> None:
    headers = {**bearer(admin.token(client)), "Accept": "text/html"}
    answer = Caller().request(method, admin.url + path, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json()["error"]
    assert answer.headers["X-Request-Id"]
    assert "<" not in answer.text
    if status == 405:
        assert answer.headers["Allow"]


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"data": b"{"}, 400),
        ({"data": b""}, 400),
        ({"data": b"\xff\xfe"}, 400),
        ({"data": b'{"records": "\\u0000"}'}, 400),
        ({"data": b"[]"}, 422),
        ({"data": b"[" * 100_000}, 400),
        ({"data": b" " * 9_000_000}, 413),
        ({"data": iter([b" " * 9_000_000])}, 413),
        ({"data": b"{}", "headers": {"Content-Type": "text/xml"}}, 415),
        ({"data": b"{}", "headers": {"Content-Type": ""}}, 415),
        ({"json": {}, "headers": {"Accept": "text/html"}}, 406),
        ({"json": {"records": []}, "params": {"surprise": "1"}}, 400),
    ],
)
def test_what_cannot_be_read_is_answered_in_json(
    admin: OAuthAdmin, client: Client, options: dict, status: int
) -> None:
    headers = {
        "Content-Type": "application/json",
        **bearer(admin.token(client)),
        **options.pop("headers", {}),
    }
    answer = Caller().post(admin.url + RECORDS, headers=headers, **options)
    assert answer.status_code == status, answer.text
    assert_json_error(answer, status, answer.json()["error"]["code"])


@pytest.mark.parametrize("path", [TOKEN, INTROSPECT, REVOKE])
@pytest.mark.parametrize(
    "options",
    [
        {"data": b""},
        {"data": b"\xff=\xfe&&&=%zz"},
        {"json": {"grant_type": "client_credentials"}},
        {"data": b"a" * 200_000},
        {"files": {"token": "x"}},
        {"headers": {"Content-Type": "application/x-www-form-urlencoded; charset=x"}},
        {"headers": {"Authorization": "Basic !!!"}},
        {"headers": {"Authorization": "Basic /////w=="}},
        {"headers": {"Authorization": "Digest x"}},
    ],
    ids=range(9),
)
def test_what_cannot_be_read_by_the_server_is_answered_in_json(
    admin: OAuthAdmin, path: str, options: dict
) -> None:
    answer = Caller(elsewhere()).post(admin.url + path, **options)
    assert 400 <= answer.status_code < 500, answer.text
    assert_oauth_error(answer, answer.status_code, answer.json()["error"])


def test_no_secret_is_in_log_or_table(admin: OAuthAdmin, client: Client) -> None:
    """After all of the above, but for what somebody put into an address."""
    token = admin.token(client)
    caller = Caller(elsewhere())
    ask(caller, admin, client.client_id, f"{client.secret}x")
    caller.get(admin.url + WHOAMI, headers=bearer(f"{token}x"))
    signature = token.rpartition(".")[2]
    wait_until(
        lambda: admin.count(
            "spp_oauth_event", "reason ILIKE '%token%' AND kind = 'refused'"
        )
    )
    tables = admin.running.query(
        "SELECT table_name FROM information_schema.tables"
        " WHERE table_name LIKE 'spp\\_oauth\\_%' AND table_type = 'BASE TABLE'"
    ).split()
    assert "spp_oauth_event" in tables
    rows = "\n".join(admin.running.query(f"TABLE {table}") for table in tables)
    log = admin.running.server.log.read_text()
    for secret in (client.secret, client.secret[8:], token, signature):
        assert secret not in rows
        assert secret not in log
