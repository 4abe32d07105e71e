"""One line a request, and on demand the whole log as JSON, one object a line."""

import json
import logging
import os
import re
from datetime import UTC, datetime

from odoo.http import request
from odoo.tools import config

_access_logger = logging.getLogger("odoo.addons.spp_oauth.access")

_COLOURS = re.compile(r"\x1b\[[\d;]*m")


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


class JsonFormatter(logging.Formatter):
    """A record as one JSON object on one line.

    `time` (UTC, ISO 8601), `level`, `logger`, `db`, `pid`, `message`; and where there
    are any: `request_id`, the fields of `log_access`, `perf` (queries, seconds in them
    and beside them) and `exception`.
    """

    def format(self, record):
        message = record.getMessage()
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(
                timespec="milliseconds"
            ),
            # levelname may have got colours from another handler
            "level": logging.getLevelName(record.levelno),
            "logger": record.name,
            "db": getattr(record, "dbname", None),
            "pid": record.process,
            "message": _COLOURS.sub("", message),
        }
        if request_id := _request_id():
            entry["request_id"] = request_id
        entry.update(getattr(record, "spp_access", {}))
        if perf := getattr(record, "perf_info", ""):
            entry["perf"] = _COLOURS.sub("", perf)
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            entry["stack"] = self.formatStack(record.stack_info)
        return json.dumps(entry, default=str)


def _request_id():
    if not request:
        return None
    return getattr(getattr(request, "dispatcher", None), "request_id", None)


def wanted():
    """Whether the environment or odoo.conf asks for a log in JSON."""
    value = os.environ.get("SPP_LOG_JSON") or str(config.get("spp_log_json") or "")
    return value.strip().lower() in {"1", "true", "yes", "on"}


def install():
    """Have whatever writes the log of this process write JSON."""
    for handler in logging.getLogger().handlers:
        handler.setFormatter(JsonFormatter())
