"""Access tokens: what is issued, and that nothing else is accepted."""

import base64
import hmac
import json
import time

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from joserfc import jws
from joserfc.jwk import RSAKey
from oauth import keys, tokens
from oauth.errors import InvalidToken, UnknownKey

NOW = 1_800_000_000
AUTHORITY = tokens.Authority("https://issuer.example", "https://api.example")
CLAIMS = {
    "iss": AUTHORITY.issuer,
    "aud": AUTHORITY.audience,
    "sub": "c1",
    "client_id": "c1",
    "scope": "a:read",
    "jti": "j1",
    "iat": NOW,
    "exp": NOW + 600,
}


@pytest.fixture(scope="module")
def pair() -> keys.KeyPair:
    return keys.generate()


@pytest.fixture(scope="module")
def private(pair: keys.KeyPair) -> RSAKey:
    return keys.load_private(pair.private_pem, pair.kid)


@pytest.fixture(scope="module")
def public(pair: keys.KeyPair) -> dict[str, RSAKey]:
    return keys.load_public([pair.public_jwk])


def issue(private: RSAKey, **options: object) -> str:
    options = {
        "client_id": "c1",
        "subject": "c1",
        "scopes": ["b:write", "a:read"],
        "lifetime": 600,
        "now": NOW,
        **options,
    }
    return tokens.issue(private, AUTHORITY, **options)


def sign(private: RSAKey, claims: dict, **header: object) -> str:
    """A token with a good signature, whatever its header says."""
    header = {"alg": "RS256", "typ": "at+jwt", "kid": private.kid, **header}
    header = {name: value for name, value in header.items() if value is not None}
    text = f"{encode(header)}.{encode(claims)}"
    algorithm = SHA512() if header["alg"] == "RS512" else SHA256()
    signature = private.private_key.sign(text.encode(), PKCS1v15(), algorithm)
    return f"{text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def encode(part: object) -> str:
    raw = json.dumps(part).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def refused(token: str, public: dict[str, RSAKey], now: int = NOW) -> str:
    with pytest.raises(InvalidToken) as info:
        tokens.verify(token, public, AUTHORITY, now=now)
    return str(info.value)


def test_round_trip(private, public):
    access = tokens.verify(issue(private), public, AUTHORITY, now=NOW)
    assert access.client_id == access.subject == "c1"
    assert access.scopes == {"a:read", "b:write"}
    assert (access.issued_at, access.expires_at) == (NOW, NOW + 600)


def test_shape_is_rfc_9068(private):
    header, claims = (
        json.loads(base64.urlsafe_b64decode(part + "=="))
        for part in issue(private).split(".")[:2]
    )
    assert header == {"alg": "RS256", "typ": "at+jwt", "kid": private.kid}
    assert claims.pop("jti")
    assert claims == {
        "iss": AUTHORITY.issuer,
        "aud": AUTHORITY.audience,
        "sub": "c1",
        "client_id": "c1",
        "scope": "a:read b:write",
        "iat": NOW,
        "exp": NOW + 600,
    }


def test_every_token_has_an_identifier_of_its_own(private, public):
    identifiers = {
        tokens.verify(issue(private), public, AUTHORITY, now=NOW).jti for _ in range(20)
    }
    assert len(identifiers) == 20


def test_no_scopes(private, public):
    token = issue(private, scopes=[])
    assert tokens.verify(token, public, AUTHORITY, now=NOW).scopes == frozenset()


@pytest.mark.parametrize(
    ("now", "accepted"),
    [
        (NOW - 30, True),  # our clock may be behind the issuer's
        (NOW - 31, False),
        (NOW + 600, True),
        (NOW + 629, True),  # and ahead of it
        (NOW + 630, False),
        (NOW + 10**8, False),
    ],
)
def test_lifetime_with_thirty_seconds_of_skew(private, public, now, accepted):
    if accepted:
        assert tokens.verify(issue(private), public, AUTHORITY, now=now)
    else:
        refused(issue(private), public, now)


def test_expiry_is_told(private, public):
    assert refused(issue(private), public, NOW + 700) == "The token has expired."


@pytest.mark.parametrize("claim", sorted(CLAIMS))
def test_every_claim_is_demanded(private, public, claim):
    claims = {name: value for name, value in CLAIMS.items() if name != claim}
    refused(sign(private, claims), public)


@pytest.mark.parametrize(
    ("claim", "value"),
    [
        ("iss", "https://other.example"),
        ("iss", ""),
        ("aud", "https://other.example"),
        ("aud", ["https://other.example"]),
        ("exp", str(NOW + 600)),
        ("exp", None),
        ("iat", NOW + 31),
        ("nbf", NOW + 31),
        ("client_id", 7),
        ("client_id", ""),
        ("scope", ["a:read"]),
        ("sub", ["c1"]),
        ("jti", 1),
    ],
)
def test_claims_are_checked(private, public, claim, value):
    refused(sign(private, {**CLAIMS, claim: value}), public)


def test_the_hand_made_token_is_otherwise_good(private, public):
    assert tokens.verify(sign(private, CLAIMS), public, AUTHORITY, now=NOW)


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"typ": None},
        {"typ": 5},
        {"kid": "unknown"},
        {"kid": None},
        {"kid": ["a"]},
        {"alg": "RS512"},
        {"alg": ["RS256"]},
        {"crit": ["exp"]},
    ],
    ids=str,
)
def test_headers_are_checked(private, public, header):
    refused(sign(private, CLAIMS, **header), public)


@pytest.mark.parametrize("alg", ["none", "None", "nOnE", "HS256", "RS256", None, 1])
def test_unsigned(private, public, alg):
    header = {"alg": alg, "typ": "at+jwt", "kid": private.kid}
    refused(f"{encode(header)}.{encode(CLAIMS)}.", public)


def test_symmetric_signature_made_with_the_public_key(private, public, pair):
    for secret in (
        public[pair.kid].as_pem(private=False),
        json.dumps(pair.public_jwk).encode(),
    ):
        header = {"alg": "HS256", "typ": "at+jwt", "kid": pair.kid}
        text = f"{encode(header)}.{encode(CLAIMS)}"
        mac = hmac.new(secret, text.encode(), "sha256").digest()
        signature = base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
        refused(f"{text}.{signature}", public)


def test_another_key_that_claims_our_kid(public, pair):
    other = keys.generate()
    forger = keys.load_private(other.private_pem, pair.kid)
    refused(issue(forger), public)


def test_key_inside_the_token_is_not_believed(public, pair):
    other = keys.generate()
    forger = keys.load_private(other.private_pem, other.kid)
    refused(sign(forger, CLAIMS, jwk=other.public_jwk), public)
    refused(sign(forger, CLAIMS, jwk=other.public_jwk, kid=pair.kid), public)


def test_tampered(private, public):
    header, claims, signature = issue(private).split(".")
    more = encode({**CLAIMS, "scope": "a:read b:write admin"})
    refused(f"{header}.{more}.{signature}", public)
    refused(f"{header}.{claims}.{signature[::-1]}", public)
    refused(f"{header}.{claims}.{signature[:-4]}", public)


@pytest.mark.parametrize(
    "token",
    ["", ".", "..", "a.b.c", "a.b.c.d.e", "é.é.é", "\0", "x" * 5000, " . . "],
    ids=repr,
)
def test_rubbish(public, token):
    refused(token, public)


@pytest.fixture(scope="module")
def curve() -> keys.KeyPair:
    return keys.generate("ES256")


def test_es256(curve, pair):
    key = keys.load_private(curve.private_pem, curve.kid, "ES256")
    both = keys.load_public([pair.public_jwk, curve.public_jwk])
    token = issue(key)
    header = json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))
    assert header == {"alg": "ES256", "typ": "at+jwt", "kid": curve.kid}
    access = tokens.verify(token, both, AUTHORITY, now=NOW)
    assert (access.kid, access.client_id) == (curve.kid, "c1")


def test_a_key_verifies_its_own_algorithm_only(private, pair, curve):
    both = keys.load_public([pair.public_jwk, curve.public_jwk])
    curve_key = keys.load_private(curve.private_pem, curve.kid, "ES256")
    for header in (
        {"alg": "ES256", "typ": "at+jwt", "kid": pair.kid},
        {"alg": "RS256", "typ": "at+jwt", "kid": curve.kid},
    ):
        forger = curve_key if header["alg"] == "ES256" else private
        token = jws.serialize_compact(
            header,
            json.dumps(CLAIMS),
            type(forger).import_key(forger.as_pem(private=True)),
            algorithms=["RS256", "ES256"],
        )
        with pytest.raises(InvalidToken) as info:
            tokens.verify(token, both, AUTHORITY, now=NOW)
        assert info.value.reason == "wrong_algorithm"


def test_unknown_kids_are_told_apart(public):
    stranger = keys.generate()
    key = keys.load_private(stranger.private_pem, stranger.kid)
    with pytest.raises(UnknownKey) as info:
        tokens.verify(issue(key), public, AUTHORITY, now=NOW)
    assert info.value.kid == stranger.kid
    # what cannot be ours is not worth a look into the database
    for kid in ("k", "", "a" * 44, "' OR 1=1"):
        key = keys.load_private(stranger.private_pem, kid)
        with pytest.raises(InvalidToken) as info:
            tokens.verify(issue(key), public, AUTHORITY, now=NOW)
        assert type(info.value) is InvalidToken


@pytest.mark.parametrize(
    ("claims", "header", "now", "reason"),
    [
        ({}, {}, NOW + 700, "expired_token"),
        ({"iss": "x"}, {}, NOW, "wrong_iss"),
        ({"aud": "x"}, {}, NOW, "wrong_aud"),
        ({"nbf": NOW + 31}, {}, NOW, "wrong_nbf"),
        ({"scope": 5}, {}, NOW, "wrong_claim"),
        ({}, {"typ": "JWT"}, NOW, "wrong_type"),
        ({}, {"kid": "x"}, NOW, "unknown_key"),
        ({"jti": None}, {}, NOW, "invalid_token"),
    ],
)
def test_reasons_for_the_audit_log(private, public, claims, header, now, reason):
    with pytest.raises(InvalidToken) as info:
        tokens.verify(
            sign(private, {**CLAIMS, **claims}, **header), public, AUTHORITY, now=now
        )
    assert info.value.reason == reason


def test_not_before_has_thirty_seconds_of_skew_as_well(private, public):
    token = sign(private, {**CLAIMS, "nbf": NOW + 30})
    assert tokens.verify(token, public, AUTHORITY, now=NOW)


@pytest.mark.parametrize("deep", ["[" * 2900, '{"a":' * 580])
def test_nested_without_end(public, deep):
    header = base64.urlsafe_b64encode(deep.encode()).rstrip(b"=").decode()
    assert len(header) < tokens.MAX_LENGTH
    refused(f"{header}.e30.e30", public)


def test_the_clock_is_asked_each_time(private, public, monkeypatch):
    token = issue(private)
    monkeypatch.setattr(time, "time", lambda: NOW + 0.9)
    assert tokens.verify(token, public, AUTHORITY)
    monkeypatch.setattr(time, "time", lambda: NOW + 630.0)
    with pytest.raises(InvalidToken):
        tokens.verify(token, public, AUTHORITY)


def test_what_is_signed_is_known_before(private, public):
    access = tokens.make(
        private, client_id="c1", subject="s", scopes=["b", "a"], lifetime=60, now=NOW
    )
    token = tokens.sign(private, AUTHORITY, access)
    assert tokens.verify(token, public, AUTHORITY, now=NOW) == access


def test_no_keys_at_all(private):
    refused(issue(private), {})


def test_messages_fit_into_a_header(private, public):
    messages = [
        refused("", public),
        refused("x" * 5000, public),
        refused(issue(private), public, NOW + 700),
    ]
    for message in messages:
        assert message.isascii() and message.isprintable() and '"' not in message


def test_a_public_key_cannot_sign(public, pair):
    pem = public[pair.kid].as_pem(private=False).decode()
    with pytest.raises(ValueError, match="not a private key"):
        keys.load_private(pem, pair.kid)


def test_a_good_signature_is_remembered_for_its_key_alone(private, public, pair):
    token = issue(private)
    tokens.verify(token, public, AUTHORITY, now=NOW)
    with pytest.raises(UnknownKey):
        tokens.verify(token, {}, AUTHORITY, now=NOW)
    other = keys.load_public([keys.generate().public_jwk]).values()
    assert refused(token, {pair.kid: next(iter(other))})
    assert refused(token, public, now=NOW + 631) == "The token has expired."
    assert refused(token[:-6] + "AAAAAA", public)


def test_what_is_remembered_has_an_end(private, public, monkeypatch):
    monkeypatch.setattr(tokens, "MAX_DECODED", 3)
    for _token in range(10):
        tokens.verify(issue(private), public, AUTHORITY, now=NOW)
        assert len(tokens._decoded) <= 3
