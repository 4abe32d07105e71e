"""Why a token is refused."""


class InvalidToken(Exception):
    """The access token is not (or no longer) acceptable.

    The text may be shown to the caller: it is plain ASCII without quotes, as
    RFC 6750 3 demands of an `error_description`, and tells nothing secret.
    """
