"""What the server says of itself, judged by Authlib."""

from authlib.oauth2 import rfc7009, rfc7662, rfc8414
from oauth import metadata

ISSUER = "https://issuer.example"


def test_valid():
    document = metadata.describe(ISSUER, ISSUER, ["b:read", "a:read"])
    server = rfc8414.AuthorizationServerMetadata(document)
    server.validate()
    assert document["issuer"] == ISSUER
    assert document["scopes_supported"] == ["a:read", "b:read"]
    assert document["grant_types_supported"] == ["client_credentials"]
    assert document["token_endpoint"] == f"{ISSUER}/oauth2/token"
    assert document["jwks_uri"] == f"{ISSUER}/oauth2/jwks"
    for endpoint in ("token", "introspection", "revocation"):
        assert document[f"{endpoint}_endpoint"].startswith(f"{ISSUER}/oauth2/")
        assert document[f"{endpoint}_endpoint_auth_methods_supported"] == [
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
        ]
        name = f"{endpoint}_endpoint_auth_signing_alg_values_supported"
        assert document[name] == ["RS256", "ES256"]
    assert document.keys() <= set(server.REGISTRY_KEYS)


def test_endpoints_are_those_that_authlib_registers():
    assert rfc7662.IntrospectionEndpoint.ENDPOINT_NAME == "introspection"
    assert rfc7009.RevocationEndpoint.ENDPOINT_NAME == "revocation"
