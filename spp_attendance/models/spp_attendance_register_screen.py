from odoo import models
from odoo.fields import Domain


class SppAttendanceRegister(models.Model):
    """What the buttons of a register do."""

    _inherit = "spp.attendance.register"

    def action_open_sheet(self):
        """The grid of people and days, to be marked."""
        self.check_access("read")
        self.ensure_one()
        return {
            "type": "ir.actions.client",
            "tag": "spp_attendance.register_sheet",
            "name": self.display_name,
            "params": {"register_id": self.id},
        }

    def action_open_attendees(self):
        """All who are or were enrolled."""
        self.check_access("read")
        self.ensure_one()
        return {
            **self.env["ir.actions.act_window"]._for_xml_id(
                "spp_attendance.spp_attendance_register_attendee_action"
            ),
            "domain": list(Domain("register_id", "=", self.id)),
            "context": {"default_register_id": self.id},
        }
