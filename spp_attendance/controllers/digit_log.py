from odoo import http

from ..dialects import digit_route

_WRITE = {"scope": "attendance:write"}


class DigitLogController(http.Controller):
    """Logs of registers, in the dialect of DIGIT's apps."""

    @digit_route("/attendance/log/v1/_create", **_WRITE)
    def create_logs(self, body):
        return self.env["spp.attendance.digit"]._create_logs(body)

    @digit_route("/attendance/log/v1/_update", **_WRITE)
    def update_logs(self, body):
        return self.env["spp.attendance.digit"]._update_logs(body)

    @digit_route("/attendance/log/v1/_search", scope="attendance:read", readonly=True)
    def search_logs(self, body):
        return self.env["spp.attendance.digit"]._search_logs(body)

    @digit_route("/attendance/log/v1/bulk/_create", **_WRITE)
    def queue_new_logs(self, body):
        return self.env["spp.attendance.digit"]._queue_logs("create", body)

    @digit_route("/attendance/log/v1/bulk/_update", **_WRITE)
    def queue_changed_logs(self, body):
        return self.env["spp.attendance.digit"]._queue_logs("update", body)
