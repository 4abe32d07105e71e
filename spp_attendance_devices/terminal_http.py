"""How terminals that send by themselves are heard: bytes in, a line of text out.

They are simple HTTP clients: a body of theirs may call itself a form and be none, and
of an answer they look at the status and, if at anything, its first word.
"""

import logging
from http import HTTPStatus

import psycopg2

from odoo.http import Response, route

from odoo.addons.spp_attendance.quiet import quiet_sql
from odoo.addons.spp_oauth.api import SppApiDispatcher
from odoo.addons.spp_oauth.tools.retry import TRANSIENT

_logger = logging.getLogger(__name__)

#: Days of a busy terminal fit in; none sends more at a time.
MAX_BODY = 4 * 1024 * 1024
_HEADERS = {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}


def terminal_route(path, *, methods=("GET", "POST"), max_body=MAX_BODY):
    """Route requests of terminals to a controller method.

    The method reads the body, as it came, by ``request.dispatcher.read_body()``, and
    returns an :func:`answer`. What it did is committed before a byte of that is sent.

    :param str path: with the arguments of the method
    :param int max_body: bytes; a terminal that sends more sends it for ever
    """
    return route(
        path,
        type="spp_terminal",
        auth="public",
        methods=list(methods),
        readonly=False,
        save_session=False,
        max_content_length=max_body,
    )


def answer(text, status=200, headers=()):
    """A plain text for a terminal.

    :param int status: of HTTP
    :param headers: further ones, as pairs
    """
    return Response(text, status=status, headers=[*_HEADERS.items(), *headers])


class TerminalDispatcher(SppApiDispatcher):
    """Serve terminals. Nothing of what they send stands in the log."""

    routing_type = "spp_terminal"
    mimetypes = ("text/plain",)

    @staticmethod
    def serves(path):
        return path.startswith(("/iclock/", "/attendance-devices/"))

    def dispatch(self, endpoint, args):
        # Also for werkzeug, which looks for files when Odoo begins again: whatever it
        # takes the body for, it has to find one.
        self.read_body(for_form=True)
        self.request.params = dict(args)
        # A statement that fails quotes what was to be stored: `_log` says enough.
        with quiet_sql():
            response = self._dispatch_endpoint(endpoint)
            self.request.env.flush_all()
        return response

    def _error_response(self, error):
        # What is not stored is to be sent again, and no fault of the terminal's: Odoo
        # has a word for people when the database refuses a row. error.code is what is
        # sent.
        if error.code in (HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY):
            error.code = HTTPStatus.INTERNAL_SERVER_ERROR.value
        response = answer(f"{error.description}\n", error.code, error.extra_headers)
        return self._respond(response, {})

    def _log(self, exc, error):
        fault = exc if isinstance(exc, psycopg2.Error) else exc.__cause__
        if not isinstance(fault, psycopg2.Error) or isinstance(fault, TRANSIENT):
            super()._log(exc, error)
            return
        # Its text would quote what was to be stored.
        _logger.error(
            "%s answered %s (request %s): %s",
            self.call.route,
            error.code,
            self.request_id,
            type(fault).__name__,
        )
