"""Why a caller is turned away."""


class InvalidToken(Exception):
    """The access token is not (or no longer) acceptable.

    The text may be shown to the caller: it is plain ASCII without quotes, as
    RFC 6750 3 demands of an `error_description`, and tells nothing secret.
    """

    def __init__(
        self,
        message: str = "The token is not valid.",
        *,
        reason: str = "invalid_token",
        client_id: int | None = None,
        client_identifier: str | None = None,
        jti: str | None = None,
    ) -> None:
        """
        :param reason: a code for the audit log
        :param client_id: the record id of the client, if the token is truly its own
        :param client_identifier: what that client calls itself
        :param jti: the identifier of the token
        """
        super().__init__(message)
        self.reason = reason
        self.client_id = client_id
        self.client_identifier = client_identifier
        self.jti = jti


class UnknownKey(InvalidToken):
    """The key that signed the token is not among those that were looked at."""

    def __init__(self, kid: str) -> None:
        super().__init__(reason="unknown_key")
        self.kid = kid


class RateLimited(Exception):
    """Too many requests, or too many failures; later ones may succeed."""

    def __init__(self, retry_after: int) -> None:
        """
        :param retry_after: seconds until it is worth trying again, at least 1
        """
        super().__init__("Too many requests.")
        self.retry_after = max(1, retry_after)


class LockedKey(Exception):
    """The signing key is encrypted, and the passphrase is missing or wrong."""
