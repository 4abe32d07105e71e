"""Declare a route of the API."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from odoo.http import route

DEFAULT_MAX_BODY = 1024 * 1024


@dataclass(frozen=True)
class ApiResult:
    """A response with another status than 200, or with headers of its own."""

    model: BaseModel | None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def api_route(
    path: str | Sequence[str],
    *,
    methods: Sequence[str],
    scope: str | None = None,
    body: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    response: type[BaseModel] | None = None,
    readonly: bool = False,
    auth: str = "oauth",
    max_body: int = DEFAULT_MAX_BODY,
) -> Callable[[Callable], Callable]:
    """Route JSON requests to a controller method.

    The method gets `body` and `query` as validated models, beside the arguments
    of its path, and returns a model, an `ApiResult`, or None for 204.

    :param scope: the scope that the token must have; None lets any token pass
    :param body: the model of the JSON body; without one the body is not read
    :param query: the model of the query string; fields that are lists take a
        parameter repeatedly, and parameters that it does not know are refused
    :param response: the model of the answer with status 200
    :param readonly: the route truly writes nothing; it may be served by a replica
    :param auth: "oauth", or "public" for what needs no token
    :param max_body: the largest body accepted, in bytes
    """
    if scope and auth != "oauth":
        raise ValueError("A scope can only be demanded of a token.")
    routing: dict[str, Any] = {
        "type": "spp_api",
        "auth": auth,
        "methods": list(methods),
        "readonly": readonly,
        "save_session": False,
        "max_content_length": max_body,
        "scope": scope,
        "body": body,
        "query": query,
        "response": response,
    }
    return route(path, **routing)
