"""What the API answers when it cannot do what was asked.

One tree of exceptions, one function that turns any exception into a member of
it. Routes raise them, or Odoo's own exceptions; none catches any.

    ApiError (400)
    ├── BadRequest 400         ├── Conflict 409
    ├── Unauthorized 401       ├── PayloadTooLarge 413
    ├── Forbidden 403          ├── UnsupportedMediaType 415
    │   └── InsufficientScope  ├── Unprocessable 422
    ├── NotFound 404           ├── TooManyRequests 429
    └── NotAcceptable 406      └── Unavailable 503
"""

from collections.abc import Iterable
from http import HTTPStatus
from typing import NamedTuple

import psycopg2.errors
import pydantic
from psycopg2.pool import PoolError
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from odoo.exceptions import (
    AccessDenied,
    AccessError,
    LockError,
    MissingError,
    RedirectWarning,
    UserError,
)
from odoo.http import SessionExpiredException

from ..tools.retry import TRANSIENT

REALM = "api"

# A body of 5,000 bad records would otherwise be answered with 5,000 complaints.
MAX_FIELD_PROBLEMS = 100

_CODES = {
    400: "invalid_request",
    401: "unauthorized",
    404: "not_found",
    413: "payload_too_large",
    422: "validation_failed",
    500: "internal_error",
}


class FieldProblem(NamedTuple):
    """What is wrong with one field: its dotted path and a sentence."""

    field: str
    message: str


class ApiError(HTTPException):
    """A refusal, with its HTTP status, a code for programs and a message."""

    code = 400

    def __init__(
        self,
        message: str,
        *,
        error: str | None = None,
        fields: Iterable[FieldProblem] = (),
        headers: Iterable[tuple[str, str]] = (),
        status: int | None = None,
    ) -> None:
        """
        :param message: a sentence for people, without personal data
        :param error: the code for programs; the default follows from the status
        :param fields: what is wrong with which field of the request
        :param headers: additional response headers
        :param status: the HTTP status, where it is not the one of the class
        """
        super().__init__(message)
        if status:
            self.code = status
        self.error = error or _code_of(self.code)
        self.fields = list(fields)
        self.extra_headers = list(headers)


class BadRequest(ApiError):
    """The request cannot be understood."""


class Unauthorized(ApiError):
    """No token, or one that is not (or no longer) valid."""

    code = 401

    def __init__(self, message: str, *, token_given: bool = True) -> None:
        """
        :param message: why, for people
        :param token_given: False when the request had no token at all; RFC 6750
            (3.1) wants no error code in the challenge then
        """
        challenge = f'Bearer realm="{REALM}"'
        if token_given:
            challenge += f', error="invalid_token", error_description="{message}"'
        super().__init__(
            message,
            error="invalid_token" if token_given else None,
            headers=[("WWW-Authenticate", challenge)],
        )


class Forbidden(ApiError):
    """The caller is known and may not do this."""

    code = 403


class InsufficientScope(Forbidden):
    """The token lacks the scope that the route demands."""

    def __init__(self, scope: str) -> None:
        super().__init__(
            f"This needs a token with the scope {scope}.",
            error="insufficient_scope",
            headers=[
                (
                    "WWW-Authenticate",
                    f'Bearer realm="{REALM}", error="insufficient_scope",'
                    f' scope="{scope}"',
                )
            ],
        )


class NotFound(ApiError):
    """There is no such thing, or the caller may not know of it."""

    code = 404


class NotAcceptable(ApiError):
    """The answer is in no format that the caller accepts."""

    code = 406


class Conflict(ApiError):
    """The request contradicts what is stored."""

    code = 409


class PayloadTooLarge(ApiError):
    """The body is larger than the route accepts."""

    code = 413


class UnsupportedMediaType(ApiError):
    """The body is not in a format that the route reads."""

    code = 415


class Unprocessable(ApiError):
    """The request was understood; its content is not acceptable."""

    code = 422


class TooManyRequests(ApiError):
    """The caller has asked, or failed, too often of late."""

    code = 429

    def __init__(self, retry_after: int) -> None:
        """
        :param retry_after: seconds until it makes sense to try again
        """
        super().__init__(
            "Too many requests; try again later.",
            headers=[("Retry-After", str(retry_after))],
        )


class Unavailable(ApiError):
    """Not now; the same request may well succeed a moment later."""

    code = 503


def validation_error(exc: pydantic.ValidationError) -> ApiError:
    """The answer to a body or query that does not fit its model.

    :return: 400 when the body is no JSON at all, else 422, with one entry a field
    """
    problems = exc.errors(include_url=False, include_context=False, include_input=False)
    if problems[0]["type"] == "json_invalid":
        return BadRequest(
            "The body is not valid JSON.",
            error="invalid_json",
            fields=[FieldProblem("body", problems[0]["msg"])],
        )
    message = "The request does not have the right shape or content."
    if len(problems) > MAX_FIELD_PROBLEMS:
        message += f" The first {MAX_FIELD_PROBLEMS} of {len(problems)} faults follow."
    return Unprocessable(
        message,
        fields=[
            FieldProblem(
                ".".join(map(str, problem["loc"])) or "body",
                problem["msg"].removeprefix("Value error, "),
            )
            for problem in problems[:MAX_FIELD_PROBLEMS]
        ],
    )


def to_api_error(exc: Exception) -> ApiError:
    """What the API answers to an exception, whatever it is.

    Only messages that were written for users are passed on; those of access
    errors name groups and records, so they stay in the log.
    """
    if isinstance(exc, ApiError):
        return exc
    if isinstance(exc, HTTPException) and exc.code:
        return _from_http_exception(exc)
    if isinstance(exc, AccessDenied | SessionExpiredException):
        return Unauthorized("The access was denied.")
    if isinstance(exc, AccessError):
        return Forbidden("You may not do this.")
    if isinstance(exc, MissingError):
        return NotFound("This does not exist, or no longer.")
    if isinstance(exc, LockError):
        return Conflict(str(exc))
    if isinstance(exc, UserError | RedirectWarning):
        unique = psycopg2.errors.UniqueViolation, psycopg2.errors.ExclusionViolation
        # Odoo raises ValidationError from the database's own complaint
        error_class = Conflict if isinstance(exc.__cause__, unique) else Unprocessable
        return error_class(str(exc.args[0]))
    if isinstance(exc, TRANSIENT):
        return Unavailable(
            "Too many changes at once; try again.", headers=[("Retry-After", "1")]
        )
    if isinstance(exc, psycopg2.OperationalError | psycopg2.InterfaceError | PoolError):
        return Unavailable(
            "The database is not available.", headers=[("Retry-After", "5")]
        )
    return ApiError("Something went wrong on the server.", status=500)


def is_fault(exc: Exception) -> bool:
    """Whether somebody should look into it: a bug, or a database that fails."""
    if isinstance(exc, (ApiError, *TRANSIENT)):
        return False
    return to_api_error(exc).code >= 500


def phrase(status: int) -> str:
    """What HTTP calls a status, such as "Not Found"."""
    return HTTPStatus(status).phrase if status in _STATUSES else "Error"


def _from_http_exception(exc: HTTPException) -> ApiError:
    messages = {
        404: "There is nothing at this address.",
        405: "This cannot be done at this address.",
    }
    headers = [
        (name, value)
        for name, value in exc.get_headers()
        if name.lower() not in {"allow", "content-type", "content-length"}
    ]
    if isinstance(exc, MethodNotAllowed) and exc.valid_methods:
        headers.append(("Allow", ", ".join(sorted(exc.valid_methods))))
    message = messages.get(exc.code) or exc.description or phrase(exc.code)
    return ApiError(message, status=exc.code, headers=headers)


_STATUSES = {status.value for status in HTTPStatus}


def _code_of(status: int) -> str:
    if status in _CODES:
        return _CODES[status]
    return phrase(status).lower().replace(" ", "_")
