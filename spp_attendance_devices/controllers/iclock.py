from odoo import http
from odoo.http import request

from ..terminal_http import answer, terminal_route


class IclockController(http.Controller):
    """ZKTeco's terminals that send by themselves. Each address answers with a slash or
    with ``.aspx`` at its end as well: what is asked for differs by firmware."""

    @terminal_route("/iclock/<string:page>")
    def call(self, page):
        """Take what a terminal sends, or tell it what to do."""
        httprequest = request.httprequest
        status, text = self.env["spp.attendance.device"]._adms(
            page.lower().removesuffix(".aspx"),
            httprequest.method,
            httprequest.query_string,
            request.dispatcher.read_body(),
            httprequest.remote_addr or "",
        )
        return answer(text, status)
