from odoo import http

from ..dialects import openspp_route


class OpenSppSubscriberController(http.Controller):
    """People in the dialect of OpenSPP's apps."""

    @openspp_route("/subscribers", methods=["GET"], scope="attendance:read")
    def list_subscribers(self, query):
        return self.env["spp.attendance.openspp"]._list_subscribers(query)

    @openspp_route(
        "/subscriber/<string:person_id>", methods=["GET"], scope="attendance:read"
    )
    def read_subscriber(self, person_id, query):
        return self.env["spp.attendance.openspp"]._read_subscriber(person_id)
