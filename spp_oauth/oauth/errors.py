"""Why a caller is turned away."""


class InvalidToken(Exception):
    """The access token is not (or no longer) acceptable.

    The text may be shown to the caller: it is plain ASCII without quotes, as
    RFC 6750 3 demands of an `error_description`, and tells nothing secret.
    """


class RateLimited(Exception):
    """Too many requests, or too many failures; later ones may succeed."""

    def __init__(self, retry_after: int) -> None:
        """
        :param retry_after: seconds until it is worth trying again, at least 1
        """
        super().__init__("Too many requests.")
        self.retry_after = max(1, retry_after)
