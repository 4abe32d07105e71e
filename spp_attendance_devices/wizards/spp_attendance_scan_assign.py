from odoo import api, fields, models


class SppAttendanceScanAssign(models.TransientModel):
    """Whose badge is it? The answer turns all its waiting scans into records."""

    _name = "spp.attendance.scan.assign"
    _description = "Assign Badge"
    _check_company_auto = True

    device_id = fields.Many2one(
        "spp.attendance.device", string="Terminal", required=True, readonly=True
    )
    company_id = fields.Many2one(related="device_id.company_id")
    user_code = fields.Char(string="Badge", required=True, readonly=True)
    subscriber_id = fields.Many2one(
        "spp.attendance.subscriber", string="Person", required=True, check_company=True
    )
    scan_count = fields.Integer(string="Waiting Scans", compute="_compute_scan_count")

    @api.depends("device_id", "user_code")
    def _compute_scan_count(self):
        for wizard in self:
            wizard.scan_count = self.env["spp.attendance.scan"].search_count(
                [
                    ("device_id", "=", wizard.device_id.id),
                    ("user_code", "=", wizard.user_code),
                    ("state", "=", "unmatched"),
                ]
            )

    def action_assign(self):
        self.ensure_one()
        waiting = self.scan_count
        badges = self.env["spp.attendance.device.user"]
        badge = badges.search(
            [("device_id", "=", self.device_id.id), ("code", "=", self.user_code)]
        )
        if badge:
            badge.subscriber_id = self.subscriber_id
        else:
            badges.create(
                {
                    "device_id": self.device_id.id,
                    "code": self.user_code,
                    "subscriber_id": self.subscriber_id.id,
                }
            )
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._(
                    "Badge %(badge)s is %(person)s. %(count)s scans were processed.",
                    badge=self.user_code,
                    person=self.subscriber_id.display_name,
                    count=waiting,
                ),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }
