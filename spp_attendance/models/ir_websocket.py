from odoo import models

from ..live import COMPANIES, SUBSCRIPTION


class IrWebsocket(models.AbstractModel):
    _inherit = "ir.websocket"

    def _build_bus_channel_list(self, channels):
        wanted = [name for name in channels if name.startswith(SUBSCRIPTION)]
        others = [name for name in channels if name not in wanted]
        channels = super()._build_bus_channel_list(others)
        if not self.env.user._is_public():
            for name in wanted:
                if not name.startswith(COMPANIES) and name != SUBSCRIPTION:
                    continue
                ids = {
                    int(text)
                    for text in name.removeprefix(COMPANIES).split(",")
                    if text.isdigit()
                }
                companies = self.env.user.company_ids.filtered(
                    lambda company, ids=ids: not ids or company.id in ids
                )
                feed_sudo = self.env["spp.attendance.live.channel"].sudo()
                channel, _was_kept = feed_sudo._open(self.env.user, companies)
                channels.append(channel)
        return channels
