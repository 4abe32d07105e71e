"""What the API answers while its database is out of reach."""

from functools import wraps

from odoo.http import Request

from ..api import Unavailable
from ..models.ir_http import IrHttp


def install():
    """Have Odoo answer 503 in JSON where it would say in HTML that nothing is there.

    Without a database Odoo knows no route but those of its server-wide modules, and
    a 404 would tell a program that its record is gone, a load balancer nothing at all.
    """
    serve_nodb = Request._serve_nodb
    if hasattr(serve_nodb, "__wrapped__"):
        return

    @wraps(serve_nodb)
    def _serve_nodb(self):
        dispatcher_class = IrHttp._spp_api_dispatcher(self.httprequest.path)
        if not dispatcher_class:
            return serve_nodb(self)
        error = Unavailable(
            "The database does not answer.", headers=[("Retry-After", "10")]
        )
        return dispatcher_class(self)._error_response(error)

    Request._serve_nodb = _serve_nodb
