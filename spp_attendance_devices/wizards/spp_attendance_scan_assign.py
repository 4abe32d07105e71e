from odoo import api, fields, models

from odoo.addons.spp_oauth.tools.notices import CLOSE, notice

from ..suggestions import Wanted, explain, suggest


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
    valid_from = fields.Date(
        string="From",
        help="First day on which the badge is this person's. Empty: from the first scan"
        " on; whoever has the badge now loses it.",
    )
    is_everywhere = fields.Boolean(
        string="On All Terminals",
        help="The badge is this person's on all terminals of the company, as far as"
        " these have no assignment of their own.",
    )
    suggestion = fields.Char(compute="_compute_suggestion")
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

    @api.model
    def default_get(self, fields):
        defaults = super().default_get(fields)
        if "subscriber_id" in fields and not defaults.get("subscriber_id"):
            suggestion = self.new(defaults)._suggest()
            if suggestion and not suggestion.archived:
                defaults["subscriber_id"] = suggestion.person_id
        return defaults

    @api.depends("device_id", "user_code")
    @api.depends_context("lang", "uid")
    def _compute_suggestion(self):
        for wizard in self:
            suggestion = wizard._suggest()
            wizard.suggestion = suggestion and explain(self.env, suggestion)

    def _suggest(self):
        device = self.device_id._origin
        if not device or not self.user_code:
            return None
        wanted = Wanted(self.user_code, "", device.id, device.company_id.id)
        return suggest(self.env, [wanted]).get(wanted)

    def action_assign(self):
        self.ensure_one()
        waiting = self.scan_count
        vals = {
            "code": self.user_code,
            "subscriber_id": self.subscriber_id.id,
            "valid_from": self.valid_from,
        }
        if not self.is_everywhere:
            vals["device_id"] = self.device_id.id
        badges = self.env["spp.attendance.device.user"]
        badges.with_company(self.company_id)._assign([vals])
        # Some may be of days before, and wait on.
        self.invalidate_recordset(["scan_count"])
        waiting -= self.scan_count
        return notice(
            "success",
            self.env._(
                "Badge %(badge)s is %(person)s. %(count)s scans were processed.",
                badge=self.user_code,
                person=self.subscriber_id.display_name,
                count=waiting,
            ),
            CLOSE,
        )
