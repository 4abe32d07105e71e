from odoo import api, models

from odoo.addons.spp_attendance.engine import localtime
from odoo.addons.spp_attendance.live import Item


class SppAttendanceScan(models.Model):
    """What the live feed tells of scans, to whoever may read them."""

    _inherit = "spp.attendance.scan"

    @api.model
    def _announce_new(self, device, first_id):
        """Have clients told of scans that were just received, and what became of them.

        :param device: one terminal
        :param int first_id: the lowest id of its new scans, None if there are none
        """
        if not first_id:
            return
        self.flush_model()
        self.env.cr.execute(
            "SELECT id FROM spp_attendance_scan WHERE device_id = %s AND id >= %s"
            " ORDER BY id",
            (device.id, first_id),
        )
        ids = [id_ for (id_,) in self.env.cr.fetchall()]
        self.env["spp.attendance.live"]._announce(self._name, ids)

    def _live_items(self, _what):
        self.subscriber_id.fetch(["person_identifier", "name"])
        self.device_id.fetch(["name", "tz", "location_id"])
        self.device_id.location_id.fetch(["code", "name"])
        return [scan._live_item() for scan in self]

    def _live_item(self):
        device, person = self.device_id, self.subscriber_id
        employee = person.person_identifier if person else None
        location = device.location_id._api_as_reference()
        data = {
            "id": self.id,
            "employee": employee,
            "employee_name": person.name if person else None,
            "badge": self.user_code or None,
            "machine": device.id,
            "machine_name": device.name,
            "location": location.model_dump(mode="json") if location else None,
            "scan_time": (
                localtime.offset_iso(self.scan_time, device.tz)
                if self.scan_time
                else None
            ),
            "local_time_raw": self.local_time_raw,
            "scan_type": self.scan_type,
            "state": self.state,
            "reason": self.reason_code or None,
            "is_processed": self.state != "unmatched",
            "raw_data": self.raw or {},
            "record_id": self.record_id.id or None,
            "received_at": self.record_id._api_instant(self.received_at),
        }
        about = {"machine_id": device.id, "employee_id": employee}
        return Item(self.id, "scan_received", data, about)
