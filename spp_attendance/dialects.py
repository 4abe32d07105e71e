"""Other systems' words on the wire: how their apps send, and how they are refused.

A dialect has an envelope of its own for errors and nothing else: what is asked is done
by the same methods as for the native API.
"""

import json
import re
import tempfile
from http import HTTPStatus

from odoo.http import Response, route

from odoo.addons.spp_oauth.api import SppApiDispatcher

from .api import digit
from .api.openspp import read_object

#: 5,000 records with long descriptions still fit; a runaway body doesn't.
MAX_BODY = 8 * 1024 * 1024
#: As much of an answer is kept in memory, the rest in a file.
_SPOOL = 1024 * 1024
_BLOCK = 64 * 1024

_OPENSPP_PATH = re.compile(
    r"/(attendances|subscribers)(/.*)?|/(attendance|subscriber)/.*"
)
_DIGIT_PATH = re.compile(r"/attendance/([a-z-]+/)?v1/.*")
_JSON_HEADERS = {"Content-Type": "application/json; charset=utf-8"}


class Spooled:
    """JSON that is sent in full or visibly cut off, whatever its length.

    It is written before the first byte is sent, so that its length is known and the
    transaction it is read in is over, however slow the one who receives it.
    """

    def __init__(self, pieces):
        """
        :param pieces: iterable of texts, or of functions that are given the file of
            bytes to write into
        """
        self.file = tempfile.SpooledTemporaryFile(max_size=_SPOOL)  # noqa: SIM115
        for piece in pieces:
            if callable(piece):
                piece(self.file)
            else:
                self.file.write(piece.encode())
        self.length = self.file.tell()
        self.file.seek(0)

    def __iter__(self):
        while block := self.file.read(_BLOCK):
            yield block

    def close(self):
        self.file.close()


class JsonRows:
    """The rows of one statement, JSON texts, as items of an array.

    As a file that PostgreSQL copies into: it takes one statement and one row of memory,
    however many there are.
    """

    def __init__(self, cr, statement, tell=None):
        """
        :param SQL statement: with one column of JSON, as `json` or `text`
        :param tell: function that is given what a row holds and returns the item to
            write, where the row is not the item itself
        """
        self.cr = cr
        self.statement = statement
        self.tell = tell
        self.file = None
        self.glue = b""

    def __call__(self, file):
        self.file = file
        statement = self.cr.mogrify(self.statement).decode()
        # No JSON text holds these characters, so that none is ever quoted.
        options = r"FORMAT csv, DELIMITER E'\x02', QUOTE E'\x01'"
        self.cr.copy_expert(f"COPY ({statement}) TO STDOUT ({options})", self)

    def write(self, row):  # pylint: disable=method-required-super
        row = row.rstrip(b"\n")
        if self.tell:
            row = json.dumps(self.tell(json.loads(row)), ensure_ascii=False).encode()
        self.file.write(self.glue + row)
        self.glue = b","


class OpenSppDispatcher(SppApiDispatcher):
    """Serve apps that were written for OpenSPP's attendance.

    They send JSON as whatever they like, also with GET, and parameters that nobody
    knows; they take a status of 200, 400 or 401.
    """

    routing_type = "spp_openspp"

    @staticmethod
    def serves(path):
        return bool(_OPENSPP_PATH.fullmatch(path))

    def _read_query(self, model):
        return self.request.httprequest.args

    def _read_body(self, model, consumes=()):
        return read_object(self.read_body()) if model else None

    def _respond(self, result, routing):
        headers = {"Content-Type": "application/json; charset=utf-8"}
        if isinstance(result, Spooled):
            headers["Content-Length"] = str(result.length)
            result = Response(result, headers=headers, direct_passthrough=True)
        elif isinstance(result, dict):
            result = Response(json.dumps(result, ensure_ascii=False), headers=headers)
        return super()._respond(result, routing)

    def _error_response(self, error):
        # error.code is what is sent, too
        if error.code == HTTPStatus.UNPROCESSABLE_ENTITY:
            error.code = HTTPStatus.BAD_REQUEST.value
        unauthorized = error.code == HTTPStatus.UNAUTHORIZED
        message = "Unauthorized" if unauthorized else error.description
        body = {"error": {"code": error.code, "message": message}}
        response = self._json_error(json.dumps(body, ensure_ascii=False), error)
        response.headers["Content-Type"] = "application/json; charset=utf-8"
        return response


def openspp_route(path, *, methods, scope, body=False):
    """Route requests of OpenSPP's apps to a controller method.

    The method gets the query string as a `MultiDict`, beside the arguments of its path,
    and returns a dict or `Spooled`.

    :param scope: the scope that the token's client must have
    :param bool body: the method also gets the JSON object that comes along
    """
    reads = scope == "attendance:read"
    return route(
        path,
        type=OpenSppDispatcher.routing_type,
        auth="oauth",
        methods=methods,
        scope=scope,
        body=body,
        readonly=reads,
        idempotent=not reads,
        # they know nothing of X-CSRF-Token
        sessions=False,
        save_session=False,
        max_content_length=MAX_BODY,
    )


class DigitDispatcher(SppApiDispatcher):
    """Serve apps that were written for DIGIT's attendance service.

    They send all they say as a POST, may send the token in the body, and take a status
    of 200 or 400, with a list of what is wrong.
    """

    routing_type = "spp_digit"

    def __init__(self, request):
        super().__init__(request)
        self.faults = None
        self.cause = None

    @staticmethod
    def serves(path):
        return bool(_DIGIT_PATH.fullmatch(path))

    def read_token(self):
        """The token that the body says it comes with, or None."""
        return digit.read_token(self.read_body())

    def _read_query(self, model):
        return None  # with the body

    def _read_body(self, model, consumes=()):
        request = self.request
        # A person has all scopes, and speaks for nobody else.
        trusted = bool(
            request.spp_oauth_client_id and "digit:gateway" in request.spp_oauth_scopes
        )
        args = request.httprequest.args
        return digit.read_request(self.read_body(), args, trusted)

    def _respond(self, result, routing):
        if isinstance(result, Spooled):
            headers = {**_JSON_HEADERS, "Content-Length": str(result.length)}
            result = Response(result, headers=headers, direct_passthrough=True)
        elif isinstance(result, digit.Answer):
            text = json.dumps(result.content, ensure_ascii=False)
            result = Response(text, headers=_JSON_HEADERS, status=result.status)
        return super()._respond(result, routing)

    def handle_error(self, exc):
        self.cause = type(exc).__name__
        if isinstance(exc, digit.Refusal):
            self.faults = exc.faults
        return super().handle_error(exc)

    def _error_response(self, error):
        # All that is wrong with a request is 400 with them. error.code is what is sent
        if error.code in (HTTPStatus.UNPROCESSABLE_ENTITY, HTTPStatus.CONFLICT):
            error.code = HTTPStatus.BAD_REQUEST.value
        body = digit.errors_out(self.faults or [self._fault(error)])
        response = self._json_error(json.dumps(body, ensure_ascii=False), error)
        response.headers["Content-Type"] = _JSON_HEADERS["Content-Type"]
        return response

    def _fault(self, error):
        """What is told of an error that no rule of the attendance service is about."""
        code, message = error.error.upper(), error.description
        if error.code == HTTPStatus.UNAUTHORIZED:
            code = "InvalidAccessTokenException"
        elif error.code == HTTPStatus.INTERNAL_SERVER_ERROR:
            code = self.cause
            message = "An unhandled exception occurred on the server"
        return digit.Fault(code, message)


def digit_route(path, *, scope, readonly=False):
    """Route requests of DIGIT's apps to a controller method.

    The method gets a `digit.Request` as ``body`` and returns a `digit.Answer` or
    `Spooled`.

    :param scope: the scope that the token's client must have
    :param bool readonly: the route truly writes nothing
    """
    return route(
        path,
        type=DigitDispatcher.routing_type,
        auth="oauth",
        methods=["POST"],
        scope=scope,
        body=True,
        readonly=readonly,
        idempotent=not readonly,
        # they know nothing of X-CSRF-Token
        sessions=False,
        save_session=False,
        max_content_length=MAX_BODY,
    )
