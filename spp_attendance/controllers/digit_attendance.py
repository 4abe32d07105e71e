from odoo import http

from ..dialects import digit_route

_READ = {"scope": "attendance:read", "readonly": True}
_WRITE = {"scope": "attendance:write"}


class DigitAttendanceController(http.Controller):
    """Registers, their staff and attendees, in the dialect of DIGIT's apps."""

    @digit_route("/attendance/v1/_create", **_WRITE)
    def create_registers(self, body):
        return self.env["spp.attendance.digit"]._create_registers(body)

    @digit_route("/attendance/v1/_update", **_WRITE)
    def update_registers(self, body):
        return self.env["spp.attendance.digit"]._update_registers(body)

    @digit_route("/attendance/v1/_search", **_READ)
    def search_registers(self, body):
        return self.env["spp.attendance.digit"]._search_registers(body)

    @digit_route("/attendance/v1/_delete", **_WRITE)
    def delete_registers(self, body):
        return self.env["spp.attendance.digit"]._delete_registers(body)

    @digit_route("/attendance/staff/v1/_create", **_WRITE)
    def create_staff(self, body):
        return self.env["spp.attendance.digit"]._create_staff(body)

    @digit_route("/attendance/staff/v1/_delete", **_WRITE)
    def delete_staff(self, body):
        return self.env["spp.attendance.digit"]._delete_staff(body)

    @digit_route("/attendance/staff/v1/_search", **_READ)
    def search_staff(self, body):
        return self.env["spp.attendance.digit"]._search_staff(body)

    @digit_route("/attendance/attendee/v1/_create", **_WRITE)
    def create_attendees(self, body):
        return self.env["spp.attendance.digit"]._create_attendees(body)

    @digit_route("/attendance/attendee/v1/_delete", **_WRITE)
    def delete_attendees(self, body):
        return self.env["spp.attendance.digit"]._delete_attendees(body)

    @digit_route("/attendance/attendee/v1/_updateTag", **_WRITE)
    def update_tags(self, body):
        return self.env["spp.attendance.digit"]._update_tags(body)

    @digit_route("/attendance/attendee/v1/_search", **_READ)
    def search_attendees(self, body):
        return self.env["spp.attendance.digit"]._search_attendees(body)
