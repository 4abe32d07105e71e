from odoo import http

from odoo.addons.spp_oauth.api import api_route

from ..api import SettingsIn, SettingsOut, SettingsPatch

_PATHS = ["/api/attendance/settings/", "/api/attendance/settings"]


class AttendanceSettingsController(http.Controller):
    @api_route(
        _PATHS,
        methods=["GET"],
        scope="attendance:read",
        response=SettingsOut,
        readonly=True,
        etag=True,
        errors=[404],
        tags=["Settings"],
    )
    def read_settings(self):
        """Get the rules by which the company's days are computed.

        They are those of its default shift, as it is today. Departments, locations and
        people can have other shifts.
        """
        return self.env["spp.attendance.shift"]._api_settings()

    @api_route(
        _PATHS,
        methods=["PUT"],
        scope="attendance:settings",
        body=SettingsIn,
        response=SettingsOut,
        errors=[404],
        tags=["Settings"],
    )
    def replace_settings(self, body):
        """Set the rules by which the company's days are computed, from today on.

        Makes a new version of the default shift. Days before today stay as they were.
        """
        return self.env["spp.attendance.shift"]._api_change_settings(body)

    @api_route(
        _PATHS,
        methods=["PATCH"],
        scope="attendance:settings",
        body=SettingsPatch,
        response=SettingsOut,
        errors=[404],
        tags=["Settings"],
    )
    def change_settings(self, body):
        """Change some of the rules by which the company's days are computed.

        As with `PUT`; what is left out stays as it is.
        """
        return self.env["spp.attendance.shift"]._api_change_settings(body)
