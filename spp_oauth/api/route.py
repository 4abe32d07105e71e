"""Declare a route of the API."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from odoo.http import SAFE_HTTP_METHODS, route

JSON = "application/json"
NDJSON = "application/x-ndjson"

DEFAULT_MAX_BODY = 1024 * 1024

_NOTHING: Mapping = MappingProxyType({})


@dataclass(frozen=True)
class ApiResult:
    """A response with another status than the route's, or with headers of its own."""

    model: BaseModel | None
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def api_route(
    path: str | Sequence[str],
    *,
    methods: Sequence[str],
    scope: str | None = None,
    body: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    response: type[BaseModel] | None = None,
    status: int | None = None,
    responses: Mapping[int, type[BaseModel]] = _NOTHING,
    errors: Sequence[int] = (),
    readonly: bool = False,
    auth: str = "oauth",
    sessions: bool = True,
    max_body: int = DEFAULT_MAX_BODY,
    consumes: Sequence[str] = (JSON,),
    produces: Sequence[str] = (JSON,),
    etag: bool = False,
    idempotent: bool | None = None,
    summary: str | None = None,
    tags: Sequence[str] = (),
) -> Callable[[Callable], Callable]:
    """Route JSON requests to a controller method.

    The method gets `body` and `query` as validated models, beside the arguments
    of its path, and returns a model, an `ApiResult`, an `odoo.http.Response`, or
    None for 204. What is said here is kept in `endpoint.routing`, where the
    dispatcher and the generator of the OpenAPI document find it.

    :param scope: the scope that the token must have; None lets any token pass
    :param body: the model of the JSON body; without one the body is not read
    :param query: the model of the query string; fields that are lists take a
        parameter repeatedly, and parameters that it does not know are refused
    :param response: the model of the answer when all goes well
    :param status: the status of that answer; by default 200, or 204 when a route
        that changes something has nothing to say
    :param responses: further answers, by status, for the documentation
    :param errors: statuses of errors that are this route's own, such as 404 or
        409, for the documentation
    :param readonly: the route truly writes nothing; it may be served by a replica
    :param auth: "oauth", or "public" for what needs no token
    :param sessions: a person who is logged in needs no token; never for dialects
        whose clients know nothing of `X-CSRF-Token`
    :param max_body: the largest body accepted, in bytes
    :param consumes: the media types of the body; as NDJSON, one item a line, a body
        can come whose model has one field, which is a list
    :param produces: the media types of the answer, best first; a request that
        accepts none of them is refused
    :param etag: answer `GET` with an `ETag`, and `If-None-Match` with 304
    :param idempotent: obey `Idempotency-Key`; by default every route does that
        changes something for a caller who is known. It must do all it does in the
        request's own transaction
    :param summary: one line for the documentation; by default the first line of
        the method's docstring
    :param tags: what the documentation groups the route under
    """
    if scope and auth != "oauth":
        raise ValueError("A scope can only be demanded of a token.")
    writes = not readonly and not set(SAFE_HTTP_METHODS).issuperset(methods)
    if idempotent is None:
        idempotent = writes and auth == "oauth"
    elif idempotent and (not writes or auth != "oauth"):
        raise ValueError("Idempotency keys are for callers who change something.")
    if status is None:
        status = 204 if writes and response is None else 200
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
        "status": status,
        "responses": dict(responses),
        "errors": tuple(errors),
        "sessions": sessions and auth == "oauth",
        "consumes": tuple(consumes),
        "produces": tuple(produces),
        "etag": etag,
        "idempotent": idempotent,
        "tags": tuple(tags),
    }

    def decorate(endpoint: Callable) -> Callable:
        lines = (endpoint.__doc__ or "").strip().splitlines()
        title = summary or (lines[0].rstrip(".") if lines else None)
        return route(path, **routing, summary=title)(endpoint)

    return decorate
