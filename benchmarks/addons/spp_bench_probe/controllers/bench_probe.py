from pydantic import BaseModel

from odoo import http
from odoo.http import request, route

from odoo.addons.spp_oauth.api import api_route


class Answer(BaseModel):
    """What both routes answer."""

    company: str


class BenchProbeController(http.Controller):
    @api_route(
        "/api/bench/ours",
        methods=["GET"],
        scope="attendance:read",
        response=Answer,
        readonly=True,
    )
    def ours(self):
        # its one query is the one that finds the client
        return Answer(company="x")

    @route("/bench/bare", type="http", auth="none", methods=["GET"], readonly=True)
    def bare(self):
        self.env.cr.execute("SELECT name FROM res_company WHERE id = %s", [1])
        self.env.cr.fetchall()
        return request.make_json_response({"company": "x"})
