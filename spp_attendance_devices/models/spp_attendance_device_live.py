from odoo import models

from odoo.addons.spp_attendance.live import Item

CONNECTED = "machine_connected"
DISCONNECTED = "machine_disconnected"
FAULT = "error_occurred"


class SppAttendanceDevice(models.Model):
    """What the live feed tells of terminals: that one comes, goes, or has a fault."""

    _inherit = "spp.attendance.device"

    # -------------------------------------------------------------- noticing

    def _compute_field_value(self, field):
        if field.compute != "_compute_health":
            return super()._compute_field_value(field)
        known = self.filtered("id")  # not what is being typed into a form
        before = known.filtered("is_connected")
        result = super()._compute_field_value(field)
        now = known.filtered("is_connected")
        self._announce_each({CONNECTED: now - before, DISCONNECTED: before - now})
        return result

    def write(self, vals):
        code = vals.get("error_code")
        # The same one again is no news.
        faulty = self.filtered(lambda device: code and device.error_code != code)
        result = super().write(vals)
        self._announce_each({FAULT: faulty})
        return result

    def _announce_each(self, news):
        """
        :param dict news: what became of terminals: ``{type of event: terminals}``
        """
        live = self.env["spp.attendance.live"]
        news = {what: devices for what, devices in news.items() if devices}
        for what, devices in news.items():
            live._announce(self._name, devices.ids, what)
        if news:
            live._announce_status()

    # --------------------------------------------------------------- telling

    def _live_items(self, what):
        """
        :param str what: type of the event
        """
        if what == FAULT:
            # Texts for apps are English; it may be over by now.
            devices = self.with_context(lang="en_US").filtered("error_code")
            told = [device._api_fault().model_dump(mode="json") for device in devices]
        else:
            devices = self
            told = [
                out.model_dump(mode="json", exclude={"config"})
                for out in self._api_read()
            ]
        return [
            Item(device.id, what, data, {"machine_id": device.id})
            for device, data in zip(devices, told, strict=True)
        ]
