from odoo import http
from odoo.http import request

from .. import push_log
from ..terminal_http import answer, terminal_route

push_log.install()

#: An event brings pictures of the face, as large as the camera makes them.
_MAX_BODY = 16 * 1024 * 1024


class HikvisionPushController(http.Controller):
    """Hikvision's terminals that send by themselves."""

    @terminal_route(
        f"{push_log.PREFIX}<string:token>", methods=["POST"], max_body=_MAX_BODY
    )
    def event(self, token):
        """Take what a terminal sends."""
        httprequest = request.httprequest
        status, text = self.env["spp.attendance.device"]._isapi(
            token,
            httprequest.headers.get("Content-Type", ""),
            request.dispatcher.read_body(),
            httprequest.remote_addr or "",
        )
        return answer(text, status)
