"""Turn HTTP into validated models and back, and every error into JSON."""

import functools
import logging
import re
import typing
from uuid import uuid4

import pydantic
from pydantic import BaseModel
from werkzeug.datastructures import MultiDict
from werkzeug.routing import Rule

from odoo.exceptions import AccessError
from odoo.http import Dispatcher, HTTPRequest, Request, Response

from .errors import (
    ApiError,
    BadRequest,
    FieldProblem,
    InsufficientScope,
    PayloadTooLarge,
    UnsupportedMediaType,
    phrase,
    to_api_error,
    validation_error,
)
from .route import ApiResult
from .schemas import ErrorBody, ErrorEnvelope, ErrorField

_logger = logging.getLogger(__name__)

# An escaped NUL is valid JSON, but no PostgreSQL text can hold it.
_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")

_JSON_HEADERS = {
    "Content-Type": "application/json",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
}


class SppApiDispatcher(Dispatcher):
    """Serve the routes that `api_route` declares.

    Nothing here is kept between requests: Odoo makes one dispatcher a request.
    """

    routing_type = "spp_api"
    mimetypes = ("application/json",)

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.request_id = uuid4().hex

    @classmethod
    def is_compatible_with(cls, request: Request) -> bool:
        # a wrong content type is answered in `dispatch`, where it becomes JSON
        return True

    def pre_dispatch(self, rule: Rule, args: dict[str, typing.Any]) -> None:
        scope = rule.endpoint.routing.get("scope")
        if scope and scope not in self.request.spp_oauth_scopes:
            raise InsufficientScope(scope)
        return super().pre_dispatch(rule, args)

    def dispatch(
        self, endpoint: typing.Callable, args: dict[str, typing.Any]
    ) -> Response:
        routing = endpoint.routing
        if self.request.httprequest.method == "OPTIONS":
            # werkzeug matches it on every route; it must not run the endpoint
            allow = ", ".join(["OPTIONS", *routing["methods"]])
            return Response(status=204, headers={"Allow": allow})
        params = dict(args)
        if (query := self._read_query(routing.get("query"))) is not None:
            params["query"] = query
        if (body := self._read_body(routing.get("body"))) is not None:
            params["body"] = body
        self.request.params = params
        try:
            result = self.request.registry["ir.http"]._dispatch(endpoint)
        finally:
            # A request is in cycles, which are freed much later: not its items too.
            self.request.params = {}
        return self._respond(result)

    def handle_error(self, exc: Exception) -> Response:
        error = to_api_error(exc)
        self._log(exc, error)
        # Odoo logs the exception once more; this class has said it all
        exc.loglevel = logging.DEBUG
        return self._error_response(error)

    def _read_query(self, model: type[BaseModel] | None) -> BaseModel | None:
        args = self.request.httprequest.args
        if model is None:
            _refuse_unknown(args, {})
            return None
        return parse_query(args, model)

    def _read_body(self, model: type[BaseModel] | None) -> BaseModel | None:
        if model is None:
            return None
        httprequest = self.request.httprequest
        mimetype = httprequest.mimetype
        if mimetype != "application/json" and not mimetype.endswith("+json"):
            raise UnsupportedMediaType("The body must be application/json.")
        raw = self._raw_body(httprequest)
        if b"\\u0000" in raw and _ESCAPED_NUL.search(raw):
            raise BadRequest("The body contains a NUL character.")
        try:
            return model.model_validate_json(raw)
        except pydantic.ValidationError as exc:
            raise validation_error(exc) from exc

    @staticmethod
    def _raw_body(httprequest: HTTPRequest) -> bytes:
        if httprequest.content_length is not None:
            return httprequest.get_data()
        # A chunked body announces no length, and werkzeug cuts it off at the limit
        # without a word: one more byte tells whether there was more.
        limit = httprequest.max_content_length
        httprequest.max_content_length = limit + 1
        raw = httprequest.get_data()
        if len(raw) > limit:
            raise PayloadTooLarge(f"The body is larger than {limit} bytes.")
        return raw

    def _respond(self, result: typing.Any) -> Response:
        if isinstance(result, Response):
            return result
        if not isinstance(result, ApiResult):
            result = ApiResult(result, status=200 if result is not None else 204)
        if result.model is None:
            return Response(status=result.status, headers=dict(result.headers))
        return Response(
            result.model.model_dump_json(by_alias=True),
            status=result.status,
            headers={**_JSON_HEADERS, **result.headers},
        )

    def _error_response(self, error: ApiError) -> Response:
        envelope = ErrorEnvelope(
            error=ErrorBody(
                code=error.error,
                message=error.description,
                fields=[ErrorField(field=f, message=m) for f, m in error.fields],
                request_id=self.request_id,
            )
        )
        return self._json_error(envelope.model_dump_json(), error)

    def _json_error(self, text: str, error: ApiError) -> Response:
        headers = [*_JSON_HEADERS.items(), *error.extra_headers]
        return Response(text, status=error.code, headers=headers)

    def _log(self, exc: Exception, error: ApiError) -> None:
        httprequest = self.request.httprequest
        # AccessError says which model and rule; other messages may name people
        detail = str(exc) if isinstance(exc, AccessError) else type(exc).__name__
        server_fault = error.code == 500
        _logger.log(
            logging.ERROR if server_fault else logging.INFO,
            "%s %r answered %s %s (request %s): %s",
            httprequest.method,
            httprequest.path,
            error.code,
            error.error,
            self.request_id,
            detail,
            exc_info=exc if server_fault else None,
        )


class SppOAuthDispatcher(SppApiDispatcher):
    """Serve the OAuth endpoints: forms come in, errors are as RFC 6749 5.2 says."""

    routing_type = "spp_oauth"
    mimetypes = ("application/x-www-form-urlencoded",)

    def _read_query(self, model: type[BaseModel] | None) -> None:
        # RFC 6749 2.3.1: credentials must not be in the URL, where logs keep them
        if self.request.httprequest.args:
            raise BadRequest("Parameters belong in the body, not in the address.")

    def _error_response(self, error: ApiError) -> Response:
        code = "server_error" if error.code >= 500 else error.error
        body = OAuthError(error=code, error_description=error.description)
        return self._json_error(body.model_dump_json(), error)


class SppOpenSppTokenDispatcher(SppApiDispatcher):
    """Serve `/auth/token`: JSON comes in, errors are as OpenSPP's apps know them."""

    routing_type = "spp_openspp_token"

    def _error_response(self, error: ApiError) -> Response:
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
