from odoo import api, fields, models
from odoo.exceptions import UserError


class SppAttendanceConflict(models.TransientModel):
    """Records of one person that a rule somebody has chosen would make the same."""

    _name = "spp.attendance.conflict"
    _description = "Conflicting Attendance Records"
    _order = "local_date, person_identifier, id"

    settings_id = fields.Many2one(
        "spp.attendance.settings", required=True, ondelete="cascade", index=True
    )
    subscriber_id = fields.Many2one(
        "spp.attendance.subscriber",
        string="Person",
        required=True,
        ondelete="cascade",
    )
    person_identifier = fields.Char("Identifier", required=True)
    local_date = fields.Date("Date", required=True)
    record_ids = fields.Many2many(
        "spp.attendance.record",
        "spp_attendance_conflict_record_rel",
        "conflict_id",
        "record_id",
        string="Records",
    )
    record_count = fields.Integer("Number of Records")

    @api.model
    def _of(self, settings):
        return self.search([("settings_id", "=", settings.id)])

    def _surplus(self):
        """All their records that are still valid, but the one entered first of each."""
        surplus = self.env["spp.attendance.record"]
        for conflict in self:
            surplus += conflict.record_ids.sorted("id")[1:]
        return surplus

    def action_open_records(self):
        """The records that conflict, as they are now."""
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "spp_attendance.spp_attendance_record_action"
        )
        action["domain"] = [("id", "in", self.record_ids.ids)]
        action["context"] = {}
        return action

    def action_void(self):
        """Ask for the reason for which all but the first records are voided."""
        self.check_access("write")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Void All but the First"),
            "res_model": "spp.attendance.conflict.void",
            "view_mode": "form",
            "target": "new",
            "context": {"default_conflict_ids": self.ids},
        }

    def _settings(self):
        """The settings that the list on screen is about."""
        settings = (
            self.env["spp.attendance.settings"]
            .browse(self.env.context.get("attendance_settings_id"))
            .exists()
        )
        if not settings:
            raise UserError(
                self.env._("This list is no longer current. Open the settings again.")
            )
        settings.check_access("write")
        return settings

    def action_check(self):
        """Look again, after records were corrected or voided one by one."""
        return self._settings().action_check()

    def action_apply(self):
        """Save the settings with the rule that the list is about."""
        return self._settings().execute()
