from odoo import api, fields, models


class SppAttendanceDeviceUser(models.Model):
    """Which badge on a terminal is whom, where the code is not the identifier."""

    _name = "spp.attendance.device.user"
    _description = "Badge on a Terminal"
    _order = "device_id, code, id"
    _rec_name = "code"
    _check_company_auto = True

    device_id = fields.Many2one(
        "spp.attendance.device",
        string="Terminal",
        required=True,
        index=True,
        ondelete="cascade",
        check_company=True,
    )
    company_id = fields.Many2one(
        related="device_id.company_id", store=True, index=True, precompute=True
    )
    code = fields.Char(
        string="Badge",
        required=True,
        help="The person's number on the terminal, with its leading zeros.",
    )
    subscriber_id = fields.Many2one(
        "spp.attendance.subscriber",
        string="Person",
        required=True,
        index=True,
        ondelete="restrict",
        check_company=True,
    )

    _badge_unique = models.Constraint(
        "UNIQUE (device_id, code)",
        "This badge is assigned already. Change that assignment instead.",
    )

    @api.model_create_multi
    def create(self, vals_list):
        badges = super().create(vals_list)
        badges._match_scans()
        return badges

    def write(self, vals):
        result = super().write(vals)
        if "device_id" in vals:
            # Rules judge where it was; nobody moves it to where he has no say.
            self.check_access("write")
        if not {"device_id", "code", "subscriber_id"}.isdisjoint(vals):
            self._match_scans()
        return result

    def _match_scans(self):
        """Turn the badge's waiting scans into records."""
        for badge in self:
            self.env["spp.attendance.scan"]._match(badge.device_id, badge.code)
