from datetime import timedelta
from urllib.parse import urlsplit

from odoo import api, fields, models

#: A page that is open says so every 20 seconds; so long without is no hiccup.
ONLINE = timedelta(minutes=5)
#: Seconds that a tablet's clock may be off before somebody should look at it.
CLOCK_TOLERANCE = 120
#: Where browsers take a page without https for a safe one.
LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")


class SppAttendanceKiosk(models.Model):
    """What the screens of a kiosk show, and the buttons on them."""

    _inherit = "spp.attendance.kiosk"

    health = fields.Selection(
        [
            ("never", "Never opened"),
            ("online", "Online"),
            ("offline", "Not connected"),
        ],
        string="Tablet",
        compute="_compute_health",
        help="Online: the page was open and connected in the last five minutes.",
    )
    is_clock_off = fields.Boolean(compute="_compute_clock")
    clock = fields.Char(
        compute="_compute_clock",
        help="How far the clock of the tablet was off when it was last seen.",
    )
    address_kind = fields.Selection(
        [("secure", "https"), ("local", "Only on This Computer"), ("plain", "http")],
        compute="_compute_address_kind",
        help="What the address of the server allows tablets to do.",
    )

    @api.depends("last_seen_at")
    def _compute_health(self):
        since = fields.Datetime.now() - ONLINE
        for kiosk in self:
            if not kiosk.last_seen_at:
                kiosk.health = "never"
            else:
                kiosk.health = "online" if kiosk.last_seen_at >= since else "offline"

    @api.depends("last_offset_seconds")
    @api.depends_context("lang")
    def _compute_clock(self):
        for kiosk in self:
            kiosk.is_clock_off = abs(kiosk.last_offset_seconds) > CLOCK_TOLERANCE
            kiosk.clock = kiosk._clock_text()

    def _clock_text(self):
        seconds = abs(self.last_offset_seconds)
        if seconds <= CLOCK_TOLERANCE:
            return self.env._("right")
        hours, minutes = divmod(round(seconds / 60), 60)
        # Server minus tablet: what is positive is missing on the tablet.
        if self.last_offset_seconds > 0:
            return self.env._("%(hours)s h %(min)s min slow", hours=hours, min=minutes)
        return self.env._("%(hours)s h %(min)s min fast", hours=hours, min=minutes)

    def _compute_address_kind(self):
        for kiosk in self:
            address = urlsplit(kiosk.get_base_url())
            if address.scheme == "https":
                kiosk.address_kind = "secure"
            elif address.hostname in LOCAL_HOSTS:
                kiosk.address_kind = "local"
            else:
                kiosk.address_kind = "plain"

    # -------------------------------------------------------------- actions

    def action_show_link(self):
        self.ensure_one()
        wizard = self.env["spp.attendance.kiosk.link"].create({"kiosk_id": self.id})
        return self._open_dialog(wizard, self.env._("Link of the Kiosk"))

    def action_renew_link(self):
        self.ensure_one()
        wizard = self.env["spp.attendance.kiosk.renew"].create({"kiosk_id": self.id})
        return self._open_dialog(wizard, self.env._("Renew the Link"))

    @api.model
    def _open_dialog(self, wizard, name):
        return {
            "type": "ir.actions.act_window",
            "name": name,
            "res_model": wizard._name,
            "res_id": wizard.id,
            "view_mode": "form",
            "target": "new",
        }

    def action_open_records(self):
        return self._open_rows("spp_attendance.spp_attendance_record_action", {})

    def action_open_refusals(self):
        # What waits, if there is something; else what was.
        context = {"search_default_queued": 1} if self.queued_count else {}
        return self._open_rows(
            "spp_attendance.spp_attendance_kiosk_refusal_action", context
        )

    def _open_rows(self, name, context):
        self.ensure_one()
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(name)
        return {
            **action,
            "domain": [("kiosk_id", "=", self.id)],
            "context": context,
        }
