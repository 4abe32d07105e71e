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
    card = fields.Char(string="Card Number")
    valid_from = fields.Date(help="First day on which the badge is this person's.")
    valid_to = fields.Date(
        string="Valid Until", help="Last day on which the badge is this person's."
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
        matters = not {"device_id", "code", "subscriber_id"}.isdisjoint(vals)
        if matters and not self.env.context.get("spp_match_later"):
            self._match_scans()
        return result

    def _reassign(self, people):
        """Give badges to other people, and turn what waits for them into records once.

        :param dict people: id of the person by that of the assignment
        """
        if not self:
            return
        for person_id, numbers in _by_value(people).items():
            badges = self.browse(numbers).with_context(spp_match_later=True)
            badges.write({"subscriber_id": person_id})
        self._match_scans()

    def _match_scans(self):
        """Turn the badges' waiting scans into records."""
        for device, badges in self.grouped("device_id").items():
            # Of many at once all that waits on their terminal is looked through.
            code = badges.code if len(badges) == 1 else None
            self.env["spp.attendance.scan"]._match(device, code)


def _by_value(mapping):
    keys = {}
    for key, value in mapping.items():
        keys.setdefault(value, []).append(key)
    return keys
