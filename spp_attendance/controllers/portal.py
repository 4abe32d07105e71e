from odoo import http
from odoo.http import request

from odoo.addons.portal.controllers.portal import CustomerPortal, pager


class AttendancePortal(CustomerPortal):
    @http.route(
        ["/my/attendance", "/my/attendance/page/<int:page>"],
        type="http",
        auth="user",
        methods=["GET"],
        website=True,
        readonly=True,
    )
    def my_attendance(self, page=1, month=None, **_kwargs):
        values = self._prepare_portal_layout_values()
        values |= request.env["spp.attendance.portal"]._month(month, page)
        values["page_name"] = "attendance"
        if values["subscriber"]:
            values["pager"] = pager(
                "/my/attendance",
                values["total"],
                values["page"],
                values["page_size"],
                url_args={"month": f"{values['month']:%Y-%m}"},
            )
        return request.render("spp_attendance.portal_my_attendance", values)
