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

from .api.openspp import read_object

#: 5,000 records with long descriptions still fit; a runaway body doesn't.
MAX_BODY = 8 * 1024 * 1024
#: As much of an answer is kept in memory, the rest in a file.
_SPOOL = 1024 * 1024
_BLOCK = 64 * 1024

_OPENSPP_PATH = re.compile(
    r"/(attendances|subscribers)(/.*)?|/(attendance|subscriber)/.*"
)


class Spooled:
    """JSON that is sent in full or visibly cut off, whatever its length.

    It is written before the first byte is sent, so that its length is known and the
    transaction it is read in is over, however slow the one who receives it.
    """

    def __init__(self, pieces):
        """
        :param pieces: iterable of texts
        """
        self.file = tempfile.SpooledTemporaryFile(max_size=_SPOOL)  # noqa: SIM115
        for piece in pieces:
            self.file.write(piece.encode())
        self.length = self.file.tell()
        self.file.seek(0)

    def __iter__(self):
        while block := self.file.read(_BLOCK):
            yield block

    def close(self):
        self.file.close()


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
