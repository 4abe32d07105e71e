from odoo import http

from odoo.addons.spp_oauth.api import api_route

from ..api.corrections import (
    CorrectionIn,
    CorrectionOut,
    CorrectionPage,
    CorrectionQuery,
    CorrectionReject,
)

_BASE = "/api/attendance/corrections"
_ONE = f"{_BASE}/<uuid:correction_uuid>"
_READ = {"methods": ["GET"], "scope": "attendance:read", "readonly": True}
_DO = {
    "methods": ["POST"],
    "scope": "attendance:write",
    "status": 200,
    "response": CorrectionOut,
    "errors": [404, 409],
    "tags": ["Corrections"],
}


class AttendanceCorrectionController(http.Controller):
    @api_route(
        _BASE,
        query=CorrectionQuery,
        response=CorrectionPage,
        tags=["Corrections"],
        **_READ,
    )
    def list_corrections(self, query):
        """List requests to fix days, the newest first.

        Those that the caller may see: one's own, those of the departments that one
        heads, or everybody's.
        """
        return self.env["spp.attendance.correction"]._api_list(query)

    @api_route(
        _BASE,
        methods=["POST"],
        scope="attendance:write",
        body=CorrectionIn,
        response=CorrectionOut,
        status=201,
        errors=[409],
        tags=["Corrections"],
    )
    def create_correction(self, body):
        """Ask for a fix of a day.

        409 when another request for that day is still to be decided; 422 when the day
        can't be so, or is locked.
        """
        return self.env["spp.attendance.correction"]._api_add(body)

    @api_route(
        _ONE,
        response=CorrectionOut,
        errors=[404],
        tags=["Corrections"],
        **_READ,
    )
    def read_correction(self, correction_uuid):
        """Get a request."""
        return self.env["spp.attendance.correction"]._api_get(correction_uuid)

    @api_route(f"{_ONE}/approve", **_DO)
    def approve_correction(self, correction_uuid):
        """Approve a request: the day is decided as was asked.

        For the head of the person's department, or one above, and for managers; of
        their own requests somebody else decides. 409 when it is not to be decided.
        """
        return self.env["spp.attendance.correction"]._api_approve(correction_uuid)

    @api_route(f"{_ONE}/reject", body=CorrectionReject, **_DO)
    def reject_correction(self, correction_uuid, body):
        """Refuse a request, and say why. For those who may approve it."""
        return self.env["spp.attendance.correction"]._api_reject(correction_uuid, body)

    @api_route(f"{_ONE}/cancel", **_DO)
    def cancel_correction(self, correction_uuid):
        """Take a request back, if it isn't decided yet.

        For whoever asked, the person whose day it is, and managers.
        """
        return self.env["spp.attendance.correction"]._api_cancel(correction_uuid)
