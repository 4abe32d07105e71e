from odoo import http

from ..dialects import openspp_route


class OpenSppAttendanceController(http.Controller):
    """Attendance in the dialect of OpenSPP's apps."""

    @openspp_route(
        "/attendances", methods=["POST"], scope="attendance:write", body=True
    )
    def create_attendances(self, query, body):
        return self.env["spp.attendance.openspp"]._create_attendances(query, body)

    @openspp_route("/attendances", methods=["PUT"], scope="attendance:write", body=True)
    def update_attendances(self, query, body):
        return self.env["spp.attendance.openspp"]._update_attendances(body)

    @openspp_route("/attendances", methods=["DELETE"], scope="attendance:write")
    def delete_attendances(self, query):
        return self.env["spp.attendance.openspp"]._delete_attendances(query)

    @openspp_route("/attendances", methods=["GET"], scope="attendance:read", body=True)
    def list_attendances(self, query, body):
        return self.env["spp.attendance.openspp"]._list_attendances(query, body)

    @openspp_route(
        "/attendances/search", methods=["POST"], scope="attendance:read", body=True
    )
    def search_attendances(self, query, body):
        """The same list, where something on the way drops the body of a GET."""
        return self.env["spp.attendance.openspp"]._list_attendances(query, body)

    @openspp_route(
        "/attendance/<string:person_id>", methods=["GET"], scope="attendance:read"
    )
    def read_attendance(self, person_id, query):
        return self.env["spp.attendance.openspp"]._read_attendance(person_id, query)

    @openspp_route("/attendance/types", methods=["GET"], scope="attendance:read")
    def list_types(self, query):
        return self.env["spp.attendance.openspp"]._list_types()

    @openspp_route("/attendance/locations", methods=["GET"], scope="attendance:read")
    def list_locations(self, query):
        return self.env["spp.attendance.openspp"]._list_locations()
