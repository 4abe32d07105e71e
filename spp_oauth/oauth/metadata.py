"""What the server says of itself: RFC 8414."""

from collections.abc import Iterable
from typing import Any

from .grants import AUTH_METHODS, ClientCredentialsGrant
from .keys import ALGORITHMS

TOKEN_PATH = "/oauth2/token"
INTROSPECTION_PATH = "/oauth2/introspect"
REVOCATION_PATH = "/oauth2/revoke"
JWKS_PATH = "/oauth2/jwks"
METADATA_PATH = "/.well-known/oauth-authorization-server"


def describe(issuer: str, base_url: str, scopes: Iterable[str]) -> dict[str, Any]:
    """The metadata of an authorization server.

    :param issuer: who signs the tokens
    :param base_url: where the endpoints are, without a slash at its end
    """
    authentication = {
        "auth_methods_supported": AUTH_METHODS,
        "auth_signing_alg_values_supported": list(ALGORITHMS),
    }
    return {
        "issuer": issuer,
        "token_endpoint": base_url + TOKEN_PATH,
        "introspection_endpoint": base_url + INTROSPECTION_PATH,
        "revocation_endpoint": base_url + REVOCATION_PATH,
        "jwks_uri": base_url + JWKS_PATH,
        "scopes_supported": sorted(scopes),
        # nobody logs in here; the list is required, and not to be empty
        "response_types_supported": ["none"],
        "grant_types_supported": [ClientCredentialsGrant.GRANT_TYPE],
        **{
            f"{endpoint}_endpoint_{name}": values
            for endpoint in ("token", "introspection", "revocation")
            for name, values in authentication.items()
        },
    }
