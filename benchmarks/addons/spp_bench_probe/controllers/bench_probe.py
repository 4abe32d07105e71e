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

    @route(
        "/bench/insert",
        type="http",
        auth="none",
        methods=["POST"],
        csrf=False,
        save_session=False,
        readonly=False,
    )
    def insert(self):
        # into a table that the benchmark makes
        self.env.cr.execute(
            "INSERT INTO bench_row (line) VALUES (%s)",
            [request.httprequest.get_data(as_text=True)],
        )
        return request.make_response("OK: 1", [("Content-Type", "text/plain")])
