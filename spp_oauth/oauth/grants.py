"""The grants that the token endpoint knows."""

from authlib.oauth2.rfc6749 import InvalidScopeError, grants

#: How clients may say who they are, at every endpoint.
AUTH_METHODS = ["client_secret_basic", "client_secret_post", "private_key_jwt"]


class ClientCredentialsGrant(grants.ClientCredentialsGrant):
    """RFC 6749 4.4: a client asks for a token in its own name."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS

    def validate_requested_scope(self) -> None:
        """
        :raises InvalidScopeError: for a scope that the client does not have;
            whether it exists makes no difference
        """
        requested = set((self.request.payload.scope or "").split())
        if not requested <= self.request.client.scopes:
            raise InvalidScopeError()
