"""The OpenAPI 3.1 document of routes, made from what `api_route` was told.

A pure function: operations go in, a JSON object comes out. Whatever a route can
answer is in it, with the headers that matter and an example of each error.
"""

import inspect
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, RootModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema
from werkzeug.routing.rules import parse_converter_args

from .errors import REALM
from .route import JSON, NDJSON
from .schemas import ErrorEnvelope

FORM = "application/x-www-form-urlencoded"
TOKEN_PATH = "/oauth2/token"

_SCHEMA_REF = "#/components/schemas/{model}"

# Ids are 4-byte integers in Odoo: nothing is found above.
_MAX_ID = 2**31 - 1

_PLACEHOLDER = re.compile(
    r"<(?:(?P<converter>[a-zA-Z_]\w*)(?:\((?P<args>.*?)\))?:)?(?P<name>[a-zA-Z_]\w*)>"
)


class OpenApiDocument(RootModel[dict[str, Any]]):
    """An OpenAPI 3.1 document."""


@dataclass(frozen=True)
class Operation:
    """One method of one path.

    :param path: as werkzeug knows it, such as `/api/things/<int:number>`
    :param method: such as `GET`
    :param name: the `operationId`, unique in a document
    :param routing: what `api_route` keeps; beside that `error`, the
        model of the errors
    :param description: for people, CommonMark
    """

    path: str
    method: str
    name: str
    routing: Mapping[str, Any]
    description: str = ""

    @property
    def is_public(self) -> bool:
        return self.routing["auth"] != "oauth"

    @property
    def is_safe(self) -> bool:
        return self.method in ("GET", "HEAD")

    @property
    def error(self) -> type[BaseModel]:
        return self.routing.get("error", ErrorEnvelope)

    @property
    def consumes(self) -> tuple[str, ...]:
        return self.routing.get("consumes", (JSON,))

    def errors(self) -> list[int]:
        """The statuses of all errors that this can answer, in order.

        Not 405: it says that an operation does not exist.
        """
        routing = self.routing
        statuses = {400, 500, 503, *routing.get("errors", ())}
        if not self.is_public:
            statuses |= {401, 403, 429}
        if routing.get("produces"):
            statuses.add(406)
        if routing.get("query"):
            statuses.add(422)
        if routing.get("body"):
            statuses.add(413)
            if JSON in self.consumes:
                statuses |= {415, 422}
        if not self.is_safe and not self.is_public:
            statuses.add(409)  # the database refuses what must be unique
        if routing.get("idempotent"):
            statuses.add(422)
        if _PLACEHOLDER.search(self.path):
            statuses.add(404)
        return sorted(statuses)

    def answers(self) -> dict[int, type[BaseModel] | None]:
        """The statuses that are no errors of ours, with what is in their body."""
        routing = self.routing
        return {
            routing.get("status", 200): routing.get("response"),
            **routing.get("responses", {}),
        }


def document(
    operations: Iterable[Operation],
    *,
    title: str,
    version: str,
    description: str,
    scopes: Mapping[str, str],
    tags: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Any]:
    """The document of these operations.

    It names no host: paths begin at the root of the server it comes from.

    :param scopes: every scope that an operation may demand, and what it is for
    :param tags: what stands under a tag, in the order in which to show them
    :raises ValueError: when two operations have one name
    """
    operations = sorted(operations, key=lambda op: (op.path, op.method))
    names = Counter(operation.name for operation in operations)
    if twice := sorted(name for name, count in names.items() if count > 1):
        raise ValueError(f"Operations with one name: {', '.join(twice)}")
    builder = _Builder(operations)
    demanded = {op.routing["scope"] for op in operations if op.routing.get("scope")}
    used = {tag for op in operations for tag in op.routing.get("tags", ())}
    more = dict.fromkeys(sorted(used - tags.keys()))
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": version,
            "description": inspect.cleandoc(description),
            "license": {"name": "LGPL-3.0", "identifier": "LGPL-3.0-only"},
        },
        "tags": [
            {"name": name, "description": text} if text else {"name": name}
            for name, text in {**tags, **more}.items()
            if name in used
        ],
        "paths": builder.paths(),
        "components": {
            "schemas": builder.schemas(),
            "responses": builder.error_responses(),
            "headers": _HEADERS,
            "parameters": _PARAMETERS,
            "securitySchemes": _security_schemes(
                {name: scopes.get(name, name) for name in sorted(demanded)}
            ),
        },
    }


class _Schemas(GenerateJsonSchema):
    """Without titles of fields, which say the names once more."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


class _Builder:
    """The parts of one document, whose schemas are made in one go."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.operations = operations
        modes: dict[tuple[type[BaseModel], str], None] = {}
        for operation in operations:
            for name in ("body", "query"):
                if model := operation.routing.get(name):
                    modes[model, "validation"] = None
            for model in (*operation.answers().values(), operation.error):
                if model:
                    modes[model, "serialization"] = None
        self._refs, defs = models_json_schema(
            list(modes), ref_template=_SCHEMA_REF, schema_generator=_Schemas
        )
        self._schemas = defs.get("$defs", {})
        for operation in operations:
            if operation.routing.get("body") and FORM in operation.consumes:
                form = self._schemas[
                    self._name(operation.routing["body"], "validation")
                ]
                form["properties"] = {
                    name: _without_null(value)
                    for name, value in form["properties"].items()
                }

    def schemas(self) -> dict[str, Any]:
        """All schemas, less those that are query strings only: see parameters."""
        queries, others = set(), set()
        for operation in self.operations:
            routing = operation.routing
            if model := routing.get("query"):
                queries.add(self._name(model, "validation"))
            if model := routing.get("body"):
                others.add(self._name(model, "validation"))
            for model in filter(None, operation.answers().values()):
                others.add(self._name(model, "serialization"))
        return {
            name: schema
            for name, schema in sorted(self._schemas.items())
            if name not in queries - others
        }

    def error_responses(self) -> dict[str, Any]:
        used = {
            (operation.error, status)
            for operation in self.operations
            for status in operation.errors()
        }
        return {
            _error_name(model, status): self._error_response(model, status)
            for model, status in sorted(used, key=lambda u: (u[0].__name__, u[1]))
        }

    def paths(self) -> dict[str, Any]:
        paths: dict[str, Any] = {}
        for operation in self.operations:
            template = _PLACEHOLDER.sub(r"{\g<name>}", operation.path)
            item = paths.setdefault(template, {})
            item[operation.method.lower()] = self._operation(operation)
        return paths

    def _operation(self, operation: Operation) -> dict[str, Any]:
        routing = operation.routing
        made: dict[str, Any] = {
            "operationId": operation.name,
            "summary": routing.get("summary") or operation.name,
        }
        if operation.description:
            made["description"] = operation.description
        if routing.get("tags"):
            made["tags"] = list(routing["tags"])
        if parameters := [*_path_parameters(operation.path), *self._others(operation)]:
            made["parameters"] = parameters
        if model := routing.get("body"):
            content = self._content(model, "validation")
            made["requestBody"] = {
                "required": True,
                "content": {
                    media_type: _LINES if media_type == NDJSON else content
                    for media_type in operation.consumes
                },
            }
        made["responses"] = dict(
            sorted({**self._answers(operation), **self._errors(operation)}.items())
        )
        made["security"] = _security(operation)
        return made

    def _others(self, operation: Operation) -> Iterator[dict[str, Any]]:
        if query := operation.routing.get("query"):
            yield from self._query_parameters(query)
        if operation.routing.get("etag") and operation.is_safe:
            yield _parameter("IfNoneMatch")
        if operation.routing.get("idempotent"):
            yield _parameter("IdempotencyKey")

    def _query_parameters(self, model: type[BaseModel]) -> Iterator[dict[str, Any]]:
        schema = self._schemas[self._name(model, "validation")]
        required = schema.get("required", ())
        for name, value in schema.get("properties", {}).items():
            value = _without_null(value)
            parameter = {"name": name, "in": "query", "required": name in required}
            if text := value.pop("description", None):
                parameter["description"] = text
            value.pop("title", None)
            yield {**parameter, "schema": value}

    def _answers(self, operation: Operation) -> dict[str, Any]:
        routing = operation.routing
        headers = _headers("X-Request-Id")
        if routing.get("idempotent"):
            headers |= _headers("Idempotency-Replayed")
        if routing.get("etag") and operation.is_safe:
            headers |= _headers("ETag")
        answers = {}
        for status, model in operation.answers().items():
            answer = {"description": _phrase(status), "headers": headers}
            produces = routing.get("produces", (JSON,))
            if model:
                content = self._content(model, "serialization")
                answer["content"] = dict.fromkeys(produces, content)
            elif status != 204 and produces:
                answer["content"] = {
                    p: {"schema": {"type": "string"}} for p in produces
                }
            answers[str(status)] = answer
        if routing.get("etag") and operation.is_safe:
            answers["304"] = {"description": _phrase(304), "headers": headers}
        return answers

    def _errors(self, operation: Operation) -> dict[str, Any]:
        model, answers = operation.error, operation.answers()
        errors = {}
        for status in operation.errors():
            ref = {"$ref": f"#/components/responses/{_error_name(model, status)}"}
            if answer := answers.get(status):
                ref = self._either(answer, model, status)
            errors[str(status)] = ref
        return errors

    def _either(
        self, answer: type[BaseModel], error: type[BaseModel], status: int
    ) -> dict[str, Any]:
        """One status that is an answer of the route or an error of ours."""
        response = self._error_response(error, status)
        content = self._content(answer, "serialization")
        schemas = [content["schema"], response["content"][JSON]["schema"]]
        examples = {"error": {"value": response["content"][JSON]["example"]}}
        if "example" in content:
            examples = {"answer": {"value": content["example"]}, **examples}
        response["content"] = {
            JSON: {"schema": {"anyOf": schemas}, "examples": examples}
        }
        return response

    def _error_response(self, model: type[BaseModel], status: int) -> dict[str, Any]:
        names = ["X-Request-Id"]
        if status in (401, 403):
            names.append("WWW-Authenticate")
        if status in (429, 503):
            names.append("Retry-After")
        code, message, fields = _ERROR_EXAMPLES.get(
            status, (_phrase(status).lower().replace(" ", "_"), _phrase(status), {})
        )
        if model is ErrorEnvelope:
            example: dict[str, Any] = {
                "error": {
                    "code": code,
                    "message": message,
                    "fields": [{"field": f, "message": m} for f, m in fields.items()],
                    "request_id": "5f0c6e0a9d8b4c7e8a1f2b3c4d5e6f70",
                }
            }
        else:
            code, message = _OAUTH_EXAMPLES.get(status, (code, message))
            example = {"error": code, "error_description": message}
        return {
            "description": _phrase(status),
            "headers": _headers(*names),
            "content": {
                JSON: {**self._content(model, "serialization"), "example": example}
            },
        }

    def _content(self, model: type[BaseModel], mode: str) -> dict[str, Any]:
        content: dict[str, Any] = {"schema": self._refs[model, mode]}
        if examples := self._schemas[self._name(model, mode)].get("examples"):
            content["example"] = examples[0]
        return content

    def _name(self, model: type[BaseModel], mode: str) -> str:
        return self._refs[model, mode]["$ref"].rpartition("/")[2]


def _path_parameters(path: str) -> Iterator[dict[str, Any]]:
    for match in _PLACEHOLDER.finditer(path):
        yield {
            "name": match["name"],
            "in": "path",
            "required": True,
            "schema": _converter_schema(
                match["converter"] or "default", match["args"] or ""
            ),
        }


def _converter_schema(converter: str, arguments: str) -> dict[str, Any]:
    """The schema of what one of werkzeug's or Odoo's converters takes."""
    values, options = parse_converter_args(arguments)
    if converter in ("int", "model"):
        return {
            "type": "integer",
            "minimum": options.get("min") or 0,
            "maximum": options.get("max") or _MAX_ID,
        }
    if converter == "float":
        return {"type": "number", "minimum": 0}
    if converter == "uuid":
        return {"type": "string", "format": "uuid"}
    if converter == "any":
        return {"type": "string", "enum": list(values)}
    exact = options.get("length")
    schema = {"type": "string", "minLength": exact or options.get("minlength", 1)}
    if longest := exact or options.get("maxlength"):
        schema["maxLength"] = longest
    return schema


def _without_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a parameter that is left out where JSON would say null."""
    kept = {k: v for k, v in schema.items() if not (k == "default" and v is None)}
    if choices := kept.get("anyOf"):
        choices = [choice for choice in choices if choice != {"type": "null"}]
        if len(choices) == 1:
            del kept["anyOf"]
            return {**kept, **choices[0]}
        kept["anyOf"] = choices
    return kept


def _security(operation: Operation) -> list[dict[str, list[str]]]:
    """Ways to say who calls; each entry is one that is enough."""
    if "security" in operation.routing:
        return operation.routing["security"]
    if operation.is_public:
        return []
    scope = operation.routing.get("scope")
    ways: list[dict[str, list[str]]] = [
        {"oauth2": [scope] if scope else []},
        {"userKey": []},
    ]
    if operation.routing.get("sessions"):
        session: dict[str, list[str]] = {"session": []}
        ways.append(session if operation.is_safe else {**session, "csrfToken": []})
    return ways


def _security_schemes(scopes: Mapping[str, str]) -> dict[str, Any]:
    return {
        # First, because Swagger UI sets the focus to it and scrolls there.
        "userKey": {
            "type": "http",
            "scheme": "bearer",
            "description": "A person: an API key from the preferences of the user."
            " What it may do are the rights of the user.",
        },
        "oauth2": {
            "type": "oauth2",
            "description": "An app: an access token for its client id and secret.",
            "flows": {
                "clientCredentials": {"tokenUrl": TOKEN_PATH, "scopes": dict(scopes)}
            },
        },
        "session": {
            "type": "apiKey",
            "in": "cookie",
            "name": "session_id",
            "description": "A person who is logged in with this browser. A token"
            " beats the cookie.",
        },
        "csrfToken": {
            "type": "apiKey",
            "in": "header",
            "name": "X-CSRF-Token",
            "description": "Beside the cookie, for requests that change something.",
        },
        "client": {
            "type": "http",
            "scheme": "basic",
            "description": "Client id and client secret, each form-urlencoded first"
            " (RFC 6749, 2.3.1).",
        },
    }


#: What no schema of JSON describes: several values of it, one a line.
_LINES: Mapping[str, Any] = {
    "schema": {"type": "string", "description": "One item a line."}
}


def _parameter(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/parameters/{name}"}


def _headers(*names: str) -> dict[str, Any]:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase


def _error_name(model: type[BaseModel], status: int) -> str:
    prefix = "" if model is ErrorEnvelope else "OAuth"
    return prefix + re.sub(r"\W", "", _phrase(status).title())


#: By status: the code for programs, the message, and what is wrong with which field.
_ERROR_EXAMPLES: Mapping[int, tuple[str, str, Mapping[str, str]]] = {
    400: (
        "invalid_request",
        "There are unknown parameters in the query string.",
        {"colour": "Unknown parameter."},
    ),
    401: ("invalid_token", "The token has expired.", {}),
    403: (
        "insufficient_scope",
        "This needs a token with the scope metrics:read.",
        {},
    ),
    404: ("not_found", "This does not exist, or no longer.", {}),
    406: ("not_acceptable", "This is answered as application/json only.", {}),
    409: ("conflict", "This external id was used before.", {}),
    413: ("payload_too_large", "The body is larger than 1048576 bytes.", {}),
    415: ("unsupported_media_type", "The body must be application/json.", {}),
    422: (
        "validation_failed",
        "The request does not have the right shape or content.",
        {"limit": "Input should be less than or equal to 1000"},
    ),
    429: ("too_many_requests", "Too many requests; try again later.", {}),
    500: ("internal_error", "Something went wrong on the server.", {}),
    503: ("service_unavailable", "Too many changes at once; try again.", {}),
}

# Where RFC 6749 and its relatives have words of their own.
_OAUTH_EXAMPLES = {
    400: ("invalid_request", "Missing parameter: grant_type"),
    401: ("invalid_client", "The client or its secret is wrong."),
    413: ("invalid_request", "The body is larger than 65536 bytes."),
    429: ("temporarily_unavailable", "Too many failures; try again later."),
    500: ("server_error", "Something went wrong on the server."),
    503: ("temporarily_unavailable", "The server cannot sign tokens at present."),
}

_HEADERS: Mapping[str, Any] = {
    "X-Request-Id": {
        "description": "Names this request in the server's log.",
        "schema": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
    },
    "ETag": {
        "description": "Changes when the answer does; for `If-None-Match`.",
        "schema": {"type": "string"},
    },
    "Idempotency-Replayed": {
        "description": "The answer is that of an earlier request with this key.",
        "schema": {"type": "string", "const": "true"},
    },
    "Retry-After": {
        "description": "Seconds until it is worth trying again.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "WWW-Authenticate": {
        "description": f'RFC 6750, such as `Bearer realm="{REALM}"`.',
        "schema": {"type": "string"},
    },
}

_PARAMETERS: Mapping[str, Any] = {
    "IfNoneMatch": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The `ETag` of an answer that the caller still has: 304 says"
        " that it holds.",
        "schema": {"type": "string"},
    },
    # No example: Swagger UI would send it with every request, as if it were one.
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "A value of the caller's own, such as a UUID. For 24 hours the"
        " same request with the same key has one effect and one answer.",
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": 255,
            "pattern": "^[!-~]+$",
        },
    },
}
