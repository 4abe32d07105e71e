"""Turn HTTP into validated models and back, and every error into JSON."""

import functools
import logging
import re
import time
import typing
from uuid import uuid4

import pydantic
import pydantic_core
import werkzeug.exceptions
from pydantic import BaseModel
from werkzeug.datastructures import MultiDict
from werkzeug.routing import Rule

from odoo.exceptions import AccessError
from odoo.http import Dispatcher, Request, Response

from ..tools import deferred
from ..tools.json_log import log_access
from .errors import (
    ApiError,
    BadRequest,
    FieldProblem,
    InsufficientScope,
    NotAcceptable,
    PayloadTooLarge,
    UnsupportedMediaType,
    is_fault,
    phrase,
    to_api_error,
    validation_error,
)
from .negotiation import is_acceptable, is_known, make_etag
from .route import JSON, NDJSON, ApiResult
from .schemas import ErrorBody, ErrorEnvelope, ErrorField

_logger = logging.getLogger(__name__)

# An escaped NUL is valid JSON, but no PostgreSQL text can hold it.
_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")

_JSON_HEADERS = {"Content-Type": "application/json", "Cache-Control": "no-store"}

#: What a page of another origin may send, and read of an answer.
_CORS_REQUEST_HEADERS = (
    "Accept, Accept-Language, Authorization, Content-Type, Idempotency-Key,"
    " If-None-Match"
)
_CORS_RESPONSE_HEADERS = (
    "ETag, Idempotency-Replayed, Location, Retry-After, WWW-Authenticate, X-Request-Id"
)
_CORS_MAX_AGE = "3600"


class ApiResponse(Response._wrapped__):
    """An answer that reports when it is sent.

    A request that Odoo retries makes several; only the one that is sent counts.
    """

    default_mimetype = None
    on_send: typing.Callable[["ApiResponse"], typing.Any] | None = None

    def get_wsgi_response(self, environ: dict[str, typing.Any]) -> tuple:
        on_send, self.on_send = self.on_send, None
        if on_send:
            on_send(self)
        return super().get_wsgi_response(environ)


class Call:
    """What is known of a request from its first moment to its last.

    A request has two dispatchers: one by its address, which is all there is for an
    error, and one by its route.
    """

    __slots__ = ("allowed_origin", "body", "request_id", "route", "started")

    def __init__(self) -> None:
        self.request_id = uuid4().hex
        self.started = time.perf_counter()
        # the template of the route
        self.route = "unmatched"
        # for the header Access-Control-Allow-Origin
        self.allowed_origin: str | None = None
        # kept for when the request is retried, and let go when it is answered
        self.body: bytes | None = None


class SppApiDispatcher(Dispatcher):
    """Serve the routes that `api_route` declares.

    Nothing here is kept between requests: Odoo makes its dispatchers anew for each.
    """

    routing_type = "spp_api"
    mimetypes = ("application/json",)

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        first = getattr(request, "dispatcher", None)
        self.call = first.call if isinstance(first, SppApiDispatcher) else Call()

    @property
    def request_id(self) -> str:
        """The id of this request, in its answer and in the log."""
        return self.call.request_id

    @classmethod
    def is_compatible_with(cls, request: Request) -> bool:
        # a wrong content type is answered in `dispatch`, where it becomes JSON
        return True

    def answer_options(self, allow: typing.Iterable[str]) -> typing.NoReturn:
        """Say what can be done at an address, before anybody has to say who asks.

        :param allow: the methods of all routes at this address
        """
        methods = ", ".join(sorted(allow))
        headers = {"Allow": methods}
        asks = "Access-Control-Request-Method" in self.request.httprequest.headers
        if asks and self.call.allowed_origin:
            headers |= {
                "Access-Control-Allow-Methods": methods,
                "Access-Control-Allow-Headers": _CORS_REQUEST_HEADERS,
                "Access-Control-Max-Age": _CORS_MAX_AGE,
            }
        response = ApiResponse(status=204, headers=headers)
        response.on_send = self._finish
        werkzeug.exceptions.abort(response)

    def pre_dispatch(self, rule: Rule, args: dict[str, typing.Any]) -> None:
        routing = rule.endpoint.routing
        scope = routing.get("scope")
        if scope and scope not in self.request.spp_oauth_scopes:
            raise InsufficientScope(scope)
        if produces := routing.get("produces"):
            accept = self.request.httprequest.headers.get("Accept")
            if not is_acceptable(accept, produces):
                raise NotAcceptable(f"This answers as {' or '.join(produces)} only.")
        return super().pre_dispatch(rule, args)

    def dispatch(
        self, endpoint: typing.Callable, args: dict[str, typing.Any]
    ) -> ApiResponse:
        routing = endpoint.routing
        params = dict(args)
        if (query := self._read_query(routing.get("query"))) is not None:
            params["query"] = query
        body = self._read_body(routing.get("body"), routing.get("consumes", (JSON,)))
        if body is not None:
            params["body"] = body
        self.request.params = params
        del params, query, body
        try:
            if routing.get("idempotent"):
                return self._dispatch_once(endpoint)
            return self._dispatch_endpoint(endpoint)
        finally:
            # A request is in cycles, which are freed much later: not its items too.
            self.request.params = {}

    def post_dispatch(self, response: ApiResponse) -> None:
        # Not as Odoo does: no answer sets a cookie, and no session is saved.
        response.on_send = self._finish

    def handle_error(self, exc: Exception) -> ApiResponse:
        error = to_api_error(exc)
        self._log(exc, error)
        # Odoo logs the exception once more; this class has said it all
        exc.loglevel = logging.DEBUG
        response = self._error_response(error)
        response.on_send = self._finish
        return response

    def read_body(self, *, for_form: bool = False) -> bytes:
        """The body as it came, of any media type and however it was sent.

        :param for_form: leave it to werkzeug as well, whose parser wants to read it
        :raises PayloadTooLarge: when it is larger than the route accepts
        :raises BadRequest: when it ends too early, or is not sent as HTTP wants it
        """
        if self.call.body is not None:
            return self.call.body
        httprequest = self.request.httprequest
        limit = httprequest.max_content_length
        if httprequest.content_length is None:
            # A chunked body announces no length, and werkzeug cuts it off at the
            # limit without a word: one more byte tells whether there was more.
            httprequest.max_content_length = limit + 1
        try:
            raw = httprequest.get_data(cache=for_form)
        except OSError as exc:  # such as chunks that are none
            raise BadRequest("The body cannot be read.") from exc
        if len(raw) > limit:
            raise PayloadTooLarge(f"The body is larger than {limit} bytes.")
        self.call.body = raw
        return raw

    def _dispatch_endpoint(self, endpoint: typing.Callable) -> ApiResponse:
        result = self.request.registry["ir.http"]._dispatch(endpoint)
        return self._respond(result, endpoint.routing)

    def _dispatch_once(self, endpoint: typing.Callable) -> ApiResponse:
        """Call the endpoint, unless this client has been answered for this already."""
        httprequest = self.request.httprequest
        key = httprequest.headers.get("Idempotency-Key")
        if key is None:
            return self._dispatch_endpoint(endpoint)
        store = self.request.env["spp.oauth.idempotency"]
        body = self.read_body() if endpoint.routing.get("body") else b""
        entry, answer = store._claim(
            key,
            (
                httprequest.method.encode(),
                httprequest.path.encode(),
                httprequest.query_string,
                body,
            ),
        )
        if answer:
            headers = {**answer.headers, "Idempotency-Replayed": "true"}
            return ApiResponse(answer.body, status=answer.status, headers=headers)
        response = self._dispatch_endpoint(endpoint)
        store._remember(entry, response)
        return response

    def _read_query(self, model: type[BaseModel] | None) -> BaseModel | None:
        args = self.request.httprequest.args
        if model is None:
            if args:
                _refuse_unknown(args, {})
            return None
        return parse_query(args, model)

    def _read_body(
        self, model: type[BaseModel] | None, consumes: typing.Collection[str] = (JSON,)
    ) -> BaseModel | None:
        if model is None:
            return None
        mimetype = self.request.httprequest.mimetype
        if mimetype.endswith("+json"):
            mimetype = JSON
        if mimetype not in consumes:
            raise UnsupportedMediaType(f"The body must be {' or '.join(consumes)}.")
        raw = self.read_body()
        if b"\\u0000" in raw and _ESCAPED_NUL.search(raw):
            raise BadRequest("The body contains a NUL character.")
        try:
            if mimetype == NDJSON:
                return model.model_validate(_read_lines(raw, model))
            return model.model_validate_json(raw)
        except pydantic.ValidationError as exc:
            raise validation_error(exc) from exc

    def _respond(
        self, result: typing.Any, routing: typing.Mapping[str, typing.Any]
    ) -> ApiResponse:
        if isinstance(result, Response):
            response = ApiResponse.force_type(getattr(result, "_wrapped__", result))
            if response.is_sequence:
                # Odoo counts characters where bytes are meant
                response.headers.remove("Content-Length")
            return response
        if not isinstance(result, ApiResult):
            result = ApiResult(result)
        if result.model is None:
            return ApiResponse(
                status=result.status or 204, headers=dict(result.headers)
            )
        body = result.model.model_dump_json(by_alias=True).encode()
        status = result.status or routing.get("status", 200)
        headers = {**_JSON_HEADERS, **result.headers}
        if routing.get("etag") and status == 200:
            headers |= {"ETag": make_etag(body), "Cache-Control": "private, no-cache"}
            known = self.request.httprequest.headers.get("If-None-Match")
            if is_known(known, headers["ETag"]):
                del headers["Content-Type"]
                return ApiResponse(status=304, headers=headers)
        return ApiResponse(body, status=status, headers=headers)

    def _error_response(self, error: ApiError) -> ApiResponse:
        envelope = ErrorEnvelope(
            error=ErrorBody(
                code=error.error,
                message=error.description,
                fields=[ErrorField(field=f, message=m) for f, m in error.fields],
                request_id=self.request_id,
            )
        )
        return self._json_error(envelope.model_dump_json(), error)

    def _json_error(self, text: str, error: ApiError) -> ApiResponse:
        headers = [*_JSON_HEADERS.items(), *error.extra_headers]
        return ApiResponse(text, status=error.code, headers=headers)

    def _finish(self, response: ApiResponse) -> ApiResponse:
        """The last that is done to any answer, right before it is sent."""
        call, request = self.call, self.request
        call.body = None
        headers = response.headers
        headers.remove("Set-Cookie")
        headers.setdefault("Cache-Control", "no-store")
        headers["X-Request-Id"] = call.request_id
        headers["X-Content-Type-Options"] = "nosniff"
        headers.add("Vary", "Origin")
        if call.allowed_origin:
            headers["Access-Control-Allow-Origin"] = call.allowed_origin
            headers["Access-Control-Expose-Headers"] = _CORS_RESPONSE_HEADERS
        method = request.httprequest.method
        client_id = getattr(request, "spp_oauth_client_id", None)
        seconds = time.perf_counter() - call.started
        deferred.count_request(
            request.db,
            client_id=client_id,
            address=request.httprequest.remote_addr,
            route=call.route,
            method=method,
            status=response.status_code,
            seconds=seconds,
        )
        log_access(
            request_id=call.request_id,
            method=method,
            route=call.route,
            status=response.status_code,
            seconds=seconds,
            client_id=client_id,
        )
        return response

    def _log(self, exc: Exception, error: ApiError) -> None:
        # AccessError says which model and rule; other messages may name people
        detail = str(exc) if isinstance(exc, AccessError) else type(exc).__name__
        fault = is_fault(exc)
        _logger.log(
            logging.ERROR if fault else logging.INFO,
            "%s %s answered %s %s (request %s): %s",
            self.request.httprequest.method,
            self.call.route,  # not the path, which may name a person
            error.code,
            error.error,
            self.request_id,
            detail,
            exc_info=exc if fault else None,
        )


class SppOAuthDispatcher(SppApiDispatcher):
    """Serve the OAuth endpoints: forms come in, errors are as RFC 6749 5.2 says."""

    routing_type = "spp_oauth"
    mimetypes = ("application/x-www-form-urlencoded",)

    def dispatch(
        self, endpoint: typing.Callable, args: dict[str, typing.Any]
    ) -> ApiResponse:
        # werkzeug's parser would not miss the end of a chunked body
        self.read_body(for_form=True)
        return super().dispatch(endpoint, args)

    def _read_query(self, model: type[BaseModel] | None) -> None:
        # RFC 6749 2.3.1: credentials must not be in the URL, where logs keep them
        if self.request.httprequest.args:
            raise BadRequest("Parameters belong in the body, not in the address.")

    def _error_response(self, error: ApiError) -> ApiResponse:
        code = "server_error" if error.code >= 500 else error.error
        body = OAuthError(error=code, error_description=error.description)
        return self._json_error(body.model_dump_json(), error)


class SppOpenSppTokenDispatcher(SppApiDispatcher):
    """Serve `/auth/token`: JSON comes in, errors are as OpenSPP's apps know them."""

    routing_type = "spp_openspp_token"

    def _read_query(self, model: type[BaseModel] | None) -> None:
        # OpenSPP ignores what it does not know, and so some of its apps send it
        return None

    def _error_response(self, error: ApiError) -> ApiResponse:
        body = OAuthError(error=phrase(error.code), error_description=error.description)
        return self._json_error(body.model_dump_json(), error)


class OAuthError(BaseModel):
    """The error body of RFC 6749 5.2."""

    error: str
    error_description: str


def parse_query(args: MultiDict, model: type[BaseModel]) -> BaseModel:
    """The query string as a model.

    :raises BadRequest: for parameters that are unknown, repeated or hold a NUL
    :raises ApiError: 422 for values that the model refuses
    """
    lists = _parameters(model)
    _refuse_unknown(args, lists)
    problems = [
        FieldProblem(name, "This parameter may be given only once.")
        for name, values in args.lists()
        if len(values) > 1 and not lists[name]
    ]
    problems += [
        FieldProblem(name, "This parameter contains a NUL character.")
        for name, values in args.lists()
        if any("\0" in value for value in values)
    ]
    if problems:
        raise BadRequest("The query string is not acceptable.", fields=problems)
    data = {name: values if lists[name] else values[0] for name, values in args.lists()}
    try:
        return model.model_validate(data)
    except pydantic.ValidationError as exc:
        raise validation_error(exc) from exc


def _read_lines(raw: bytes, model: type[BaseModel]) -> dict[str, list[typing.Any]]:
    """NDJSON as values of the one field of a model; empty lines count for nothing.

    A line that is no JSON stands there as the text that it is, so that a model can
    refuse the one item.
    """
    [name] = model.model_fields
    return {name: [_read_line(line) for line in raw.splitlines() if line.strip()]}


def _read_line(line: bytes) -> typing.Any:
    try:
        return pydantic_core.from_json(line)
    except ValueError:
        return line


def _refuse_unknown(args: MultiDict, known: typing.Container[str]) -> None:
    if unknown := [name for name in args if name not in known]:
        raise BadRequest(
            "There are unknown parameters in the query string.",
            fields=[FieldProblem(name, "Unknown parameter.") for name in unknown],
        )


@functools.cache
def _parameters(model: type[BaseModel]) -> dict[str, bool]:
    """The parameters of a query model, and whether each takes several values."""
    return {
        field.alias or name: _is_list(field.annotation)
        for name, field in model.model_fields.items()
    }


def _is_list(annotation: typing.Any) -> bool:
    if typing.get_origin(annotation) in (list, tuple, set, frozenset):
        return True
    return any(_is_list(arg) for arg in typing.get_args(annotation))
