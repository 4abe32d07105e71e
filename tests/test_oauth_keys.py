"""Signing keys, and the public keys that clients show."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from joserfc.jwk import ECKey, RSAKey
from oauth import keys
from oauth.errors import LockedKey

PASSPHRASE = "correct horse"


@pytest.fixture(scope="module", params=keys.ALGORITHMS)
def algorithm(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def pair(algorithm) -> keys.KeyPair:
    return keys.generate(algorithm)


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def public_pem(key) -> str:
    public = key.public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def private_pem(key, passphrase: bytes | None = None) -> str:
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()


def public_jwk(key, **more) -> dict:
    key_class = RSAKey if isinstance(key, rsa.RSAPrivateKey) else ECKey
    return {**key_class.import_key(public_pem(key)).as_dict(private=False), **more}


def test_key_material(pair, algorithm):
    assert pair.algorithm == algorithm
    assert pair.public_jwk["alg"] == algorithm and pair.public_jwk["use"] == "sig"
    assert keys.load_public_key(pair.public_jwk).thumbprint() == pair.kid
    assert not {"d", "p", "q", "dp", "dq", "qi"} & pair.public_jwk.keys()
    assert pair.private_pem not in repr(pair)
    assert not pair.is_encrypted and not keys.is_encrypted(pair.private_pem)
    private = keys.load_private(pair.private_pem, pair.kid, algorithm)
    assert (private.kid, private.alg) == (pair.kid, algorithm)


def test_size():
    assert keys.load_public_key(keys.generate().public_jwk).raw_value.key_size == 2048
    assert keys.generate("ES256").public_jwk["crv"] == "P-256"


@pytest.mark.parametrize("algorithm", ["HS256", "none", "RS512", ""])
def test_other_algorithms_make_no_key(algorithm):
    with pytest.raises(ValueError, match="RS256, ES256"):
        keys.generate(algorithm)


def test_a_passphrase_locks_a_new_key(algorithm):
    pair = keys.generate(algorithm, PASSPHRASE)
    assert pair.is_encrypted and keys.is_encrypted(pair.private_pem)
    assert keys.load_private(pair.private_pem, pair.kid, algorithm, PASSPHRASE)
    for wrong in (None, "", "wrong"):
        with pytest.raises(LockedKey) as info:
            keys.load_private(pair.private_pem, pair.kid, algorithm, wrong)
        assert "correct horse" not in str(info.value)
        assert "passphrase" in str(info.value)


def test_a_key_can_be_locked_later(pair):
    locked = keys.encrypt(pair.private_pem, pair.algorithm, PASSPHRASE)
    assert keys.is_encrypted(locked)
    again = keys.load_private(locked, pair.kid, pair.algorithm, PASSPHRASE)
    before = keys.load_private(pair.private_pem, pair.kid, pair.algorithm)
    assert again.as_dict(private=True) == before.as_dict(private=True)


def test_plain_keys_do_not_mind_a_passphrase(pair):
    assert keys.load_private(pair.private_pem, pair.kid, pair.algorithm, PASSPHRASE)


def test_a_key_is_of_its_algorithm(pair):
    [other] = set(keys.ALGORITHMS) - {pair.algorithm}
    with pytest.raises(ValueError, match=f"no key for {other}"):
        keys.load_private(pair.private_pem, pair.kid, other)


@pytest.mark.parametrize("text", ["", "x", "-----BEGIN PRIVATE KEY-----"])
def test_what_is_no_private_key(text):
    with pytest.raises(ValueError):
        keys.load_private(text, "k")


def test_what_a_kid_looks_like(pair):
    assert keys.is_kid(pair.kid)
    for other in (None, 1, "", "a" * 42, "a" * 44, "a" * 42 + "\n", "ä" * 43, ["a"]):
        assert not keys.is_kid(other)


def test_pem(rsa_key, ec_key):
    [first] = keys.parse_public_keys(public_pem(rsa_key))
    assert first.keys() == {"kty", "n", "e", "alg"} and first["alg"] == "RS256"
    [second] = keys.parse_public_keys(f"\n {public_pem(ec_key)} \n")
    assert second.keys() == {"kty", "crv", "x", "y", "alg"}
    assert second["alg"] == "ES256"
    both = keys.parse_public_keys(public_pem(rsa_key) + public_pem(ec_key))
    assert both == [first, second]


def test_pkcs1(rsa_key):
    pem = rsa_key.public_key().public_bytes(Encoding.PEM, PublicFormat.PKCS1).decode()
    assert "RSA PUBLIC KEY" in pem
    assert keys.parse_public_keys(pem) == keys.parse_public_keys(public_pem(rsa_key))


def test_jwk_and_jwk_set(rsa_key, ec_key):
    jwks = [
        public_jwk(rsa_key, kid="one", use="sig", key_ops=["verify"], x5t="x"),
        public_jwk(ec_key, alg="ES256"),
    ]
    parsed = keys.parse_public_keys(json.dumps({"keys": jwks}))
    assert [jwk["alg"] for jwk in parsed] == ["RS256", "ES256"]
    assert parsed[0]["kid"] == "one" and "kid" not in parsed[1]
    assert "x5t" not in parsed[0] and "key_ops" not in parsed[0]
    assert keys.parse_public_keys(json.dumps(jwks[0])) == parsed[:1]


def test_private_keys_are_refused(rsa_key, ec_key, algorithm):
    texts = [
        private_pem(rsa_key),
        private_pem(ec_key),
        private_pem(rsa_key, b"x"),
        public_pem(rsa_key) + private_pem(ec_key),
        rsa_key.private_bytes(
            Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
        ).decode(),
        json.dumps(RSAKey.import_key(private_pem(rsa_key)).as_dict(private=True)),
        json.dumps(ECKey.import_key(private_pem(ec_key)).as_dict(private=True)),
    ]
    for text in texts:
        with pytest.raises(ValueError, match="private key"):
            keys.parse_public_keys(text)


def test_what_is_no_public_key(rsa_key, ec_key):
    small = rsa.generate_private_key(65537, 1024)
    other_curve = ec.generate_private_key(ec.SECP384R1())
    jwk = public_jwk(rsa_key)
    pem = public_pem(rsa_key)
    for text, why in {
        "": "neither PEM nor JSON",
        "hello": "neither PEM nor JSON",
        "[" * 5000: "neither PEM nor JSON",
        "[]": "no JWK Set",
        "null": "no JWK Set",
        '{"keys": 5}': "no JWK Set",
        '{"keys": [5]}': "no JWK Set",
        '{"keys": []}': "no key here",
        "{}": "Only RSA keys",
        '{"kty": []}': "Only RSA keys",
        '{"kty": "oct", "k": "c2VjcmV0"}': "shared secret",
        public_pem(small): "between 2048 and 8192",
        public_pem(other_curve): "P-256",
        public_pem(ed25519.Ed25519PrivateKey.generate()): "Only RSA keys",
        json.dumps({**jwk, "use": "enc"}): "not for signatures",
        json.dumps({**jwk, "alg": "PS256"}): "another algorithm",
        json.dumps({**jwk, "alg": "HS256"}): "another algorithm",
        json.dumps({**public_jwk(ec_key), "alg": "RS256"}): "another algorithm",
        json.dumps({**jwk, "n": 5}): "cannot be read",
        json.dumps({"kty": "RSA"}): "cannot be read",
        json.dumps({**public_jwk(ec_key), "x": "AAAA"}): "cannot be read",
        json.dumps({**jwk, "kid": ""}): "A kid is a text",
        json.dumps({**jwk, "kid": 5}): "A kid is a text",
        json.dumps({**jwk, "kid": "x" * 200}): "A kid is a text",
        json.dumps({"keys": [{**jwk, "kid": "a"}] * 2}): "same kid",
        json.dumps({"keys": [jwk] * 11}): "more than 10",
        pem[:-30]: "not PEM",
        pem.replace("MII", "AAA", 1): "cannot be read",
        pem + "rubbish": "not PEM",
        pem.replace("PUBLIC KEY", "CERTIFICATE REQUEST"): "not a public key but",
    }.items():
        with pytest.raises(ValueError, match=why):
            keys.parse_public_keys(text)
