from odoo import models

from odoo.addons.spp_attendance.live import Item


class SppAttendanceDevice(models.Model):
    """What the live feed tells of terminals."""

    _inherit = "spp.attendance.device"

    def _live_items(self, what):
        return [
            Item(
                device.id, what, out.model_dump(mode="json"), {"machine_id": device.id}
            )
            for device, out in zip(self, self._api_read(), strict=True)
        ]
