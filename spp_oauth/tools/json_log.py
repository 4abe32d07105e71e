"""One line a request, and on demand the whole log as JSON, one object a line."""

import logging

_access_logger = logging.getLogger("odoo.addons.spp_oauth.access")


def log_access(*, request_id, method, route, status, seconds, client_id=None):
    """Log a request that was answered, without anything personal.

    :param str request_id: as in the answer
    :param str method: the HTTP method
    :param str route: the template of the route, never the path
    :param int status: the HTTP status
    :param float seconds: how long it took
    :param client_id: id of the `spp.oauth.client`; None for whoever is none
    """
    access = {
        "request_id": request_id,
        "method": method,
        "route": route,
        "status": status,
        "seconds": round(seconds, 4),
        "client_id": client_id,
    }
    _access_logger.info(
        "%s %s %s in %.4f s (client %s, request %s)",
        method,
        route,
        status,
        seconds,
        client_id,
        request_id,
        extra={"spp_access": access},
    )
