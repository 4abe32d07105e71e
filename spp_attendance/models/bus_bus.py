from odoo import api, models

from .. import live_sockets


class BusBus(models.Model):
    _inherit = "bus.bus"

    @api.model
    def _poll(self, channels, last=0, ignore_ids=None):
        if live_sockets.is_over(channels):
            return []  # the socket is closed within seconds
        return super()._poll(channels, last, ignore_ids)
