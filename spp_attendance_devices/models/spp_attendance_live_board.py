from odoo import api, models
from odoo.fields import Domain

from odoo.addons.spp_attendance.models.spp_attendance_live_board import LINES

SCAN = "scan_received"
#: What a board shows of a terminal, of all that the live feed tells.
_SHOWN = {"id", "name", "health", "location", "type", "fault", "unmatched_scans"}

#: A board begins with some of so many scans: there may be millions, and none of today.
_LOOKED_AT = 10_000


class SppAttendanceLiveBoard(models.AbstractModel):
    """Terminals and their scans, for those who may see them."""

    _inherit = "spp.attendance.live.board"

    @api.model
    @api.readonly
    def get_board(self, location_id=False, type_id=False):
        """See the method that this extends.

        :return: furthermore ``machines``, all terminals, or ``None`` for who sees none
        """
        board = super().get_board(location_id, type_id)
        return {**board, "machines": self._machines()}

    @api.model
    def _machines(self):
        devices = self.env["spp.attendance.device"]
        if not devices.has_access("read"):
            return None
        return [
            out.model_dump(mode="json", include=_SHOWN)
            for out in devices.search(Domain.TRUE)._api_read()
        ]

    @api.model
    def _last_events(self, location_ids, type_id, since):
        events = super()._last_events(location_ids, type_id, since)
        scans = self.env["spp.attendance.scan"]
        if not scans.has_access("read"):
            return events
        # Only the id of the last one that anybody sees.
        scans_sudo = scans.sudo()
        newest = scans_sudo.search(Domain.TRUE, order="id desc", limit=1).id
        last = scans.search(
            Domain("id", ">", newest - _LOOKED_AT)
            & Domain("device_id", "any", self._shown(location_ids, type_id))
            & Domain("received_at", ">=", since),
            order="id desc",
            limit=LINES,
        )
        # As in the live feed: who may see a scan may know whose and where it is.
        last_sudo = last.sudo()
        events += self._as_events(last_sudo)
        return sorted(events, key=_arrived, reverse=True)


def _arrived(event):
    data = event["data"]
    return data["received_at"] if event["type"] == SCAN else data["updated_at"]
