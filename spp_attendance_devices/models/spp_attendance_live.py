from odoo import api, models


class SppAttendanceLive(models.AbstractModel):
    _inherit = "spp.attendance.live"

    @api.model
    def _status_key(self):
        rules = self._rules("spp.attendance.device")
        return (*super()._status_key(), rules and rules.key)

    @api.model
    def _system_status(self, health):
        devices = self.env["spp.attendance.device"]
        if not devices.has_access("read"):
            return super()._system_status(health)
        return devices._api_system_status(health).model_dump(mode="json")
