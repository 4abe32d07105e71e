from odoo import fields, models


class SppAttendanceSubscriber(models.Model):
    """The registers that a person is on."""

    _inherit = "spp.attendance.subscriber"

    attendee_ids = fields.One2many(
        "spp.attendance.register.attendee", "subscriber_id", "On Registers"
    )
    register_count = fields.Integer("Registers", compute="_compute_register_count")

    def _compute_register_count(self):
        counts = dict(
            self.env["spp.attendance.register.attendee"]._read_group(
                [("subscriber_id", "in", self.ids), ("is_enrolled", "=", True)],
                ["subscriber_id"],
                ["__count"],
            )
        )
        for subscriber in self:
            subscriber.register_count = counts.get(subscriber._origin, 0)

    def action_open_registers(self):
        """The registers that somebody is or was on, with from when to when."""
        self.check_access("read")
        self.ensure_one()
        name = self.env._("Registers of %(person)s", person=self.name)
        return {
            **self.env["ir.actions.act_window"]._for_xml_id(
                "spp_attendance.spp_attendance_register_attendee_action"
            ),
            "name": name,
            "display_name": name,
            "domain": [("subscriber_id", "=", self.id)],
            "context": {"default_subscriber_id": self.id},
        }
