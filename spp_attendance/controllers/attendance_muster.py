from odoo import http

from odoo.addons.spp_oauth.api import api_route

from ..api.muster import MusterOut, MusterQuery

_PATH = "/api/attendance/registers/<uuid:register_uuid>/muster"


class AttendanceMusterController(http.Controller):
    @api_route(
        [_PATH, f"{_PATH}/"],
        methods=["GET"],
        scope="attendance:read",
        query=MusterQuery,
        response=MusterOut,
        readonly=True,
        errors=[404, 422],
        tags=["Registers"],
    )
    def read_muster(self, register_uuid, query):
        """Tell for how many days each person of a register was there.

        Everybody who was enrolled on one of the days, by name; with 0 who has no marks.
        A day goes from the first entry to the last exit, on the clock of the register's
        place. With both it is half a day or a whole one, by the hours between; an entry
        or an exit alone is nothing. Where marks say no more than present, a day so
        marked is a whole one. Rights are those of the register and its logs.
        """
        return self.env["spp.attendance.register"]._api_muster(register_uuid, query)
