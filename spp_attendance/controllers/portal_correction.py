from odoo import http
from odoo.exceptions import AccessError, UserError
from odoo.http import request

from odoo.addons.portal.controllers.portal import CustomerPortal

_PATH = "/my/attendance/corrections"


class AttendanceCorrectionPortal(CustomerPortal):
    @http.route(
        _PATH, type="http", auth="user", methods=["GET"], website=True, readonly=True
    )
    def my_corrections(self, **_kwargs):
        values = self._prepare_portal_layout_values()
        values |= request.env["spp.attendance.correction"]._portal_list()
        values["page_name"] = "attendance_corrections"
        return request.render("spp_attendance.portal_my_corrections", values)

    @http.route(
        f"{_PATH}/new",
        type="http",
        auth="user",
        methods=["GET", "POST"],
        website=True,
    )
    def ask(self, **given):
        # A file is no answer, and no text of the database holds a NUL.
        given = {
            name: value.replace("\0", "")
            for name, value in given.items()
            if isinstance(value, str)
        }
        corrections = request.env["spp.attendance.correction"]
        values = self._prepare_portal_layout_values()
        if request.httprequest.method == "POST":
            files = request.httprequest.files.getlist("evidence")
            try:
                # All or nothing: what can't be sent isn't kept as a draft.
                with request.env.cr.savepoint():
                    corrections._portal_ask(given, files)
                return request.redirect(_PATH)
            except (UserError, AccessError) as error:
                values["error"] = str(error.args[0])
        values |= corrections._portal_form(given)
        values["page_name"] = "attendance_corrections"
        return request.render("spp_attendance.portal_ask_correction", values)

    @http.route(
        f"{_PATH}/<uuid:correction_uuid>/cancel",
        type="http",
        auth="user",
        methods=["POST"],
        website=True,
    )
    def cancel(self, correction_uuid, **_kwargs):
        request.env["spp.attendance.correction"]._portal_cancel(str(correction_uuid))
        return request.redirect(_PATH)
