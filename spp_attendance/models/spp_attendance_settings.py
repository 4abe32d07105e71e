from odoo import api, fields, models

from odoo.addons.base.models.res_partner import _tz_get


class SppAttendanceSettings(models.TransientModel):
    """The settings of the current company, for who administers attendance.

    Odoo's own settings page is for who administers the whole database. A field here
    that has the name of a field of ``res.company`` is a setting: it shows what the
    company has, and saving the page sets it.
    """

    _name = "spp.attendance.settings"
    _description = "Attendance Settings"
    _rec_name = "company_id"

    company_id = fields.Many2one(
        "res.company",
        required=True,
        readonly=True,
        default=lambda self: self.env.company,
        ondelete="cascade",
    )
    attendance_tz = fields.Selection(_tz_get, string="Time Zone", required=True)
    attendance_unique_date = fields.Boolean("Same Date")
    attendance_unique_time = fields.Boolean("Same Time")
    attendance_unique_type = fields.Boolean("Same Type")
    attendance_unique_location = fields.Boolean("Same Location")

    attendance_absences_in_row = fields.Integer("Absences in a Row", required=True)

    @api.model
    def default_get(self, fields_list):
        values = super().default_get(fields_list)
        names = self._setting_names() & set(fields_list)
        if names:
            # Who may administer attendance need not be one who may see all that a
            # company is; these fields are his.
            company_sudo = self.env.company.sudo()
            [settings] = company_sudo.read(sorted(names), load=None)
            values.update((name, settings[name]) for name in names)
        return values

    @api.model
    def _setting_names(self):
        """Names of the fields that are settings of the company."""
        company_fields = self.env["res.company"]._fields
        return {
            name
            for name in self._fields
            if name.startswith("attendance_") and name in company_fields
        }

    def _changes(self):
        """What saving the page would change: ``{field name: value}``."""
        company_sudo = self.company_id.sudo()  # see ``default_get``
        return {
            name: self[name]
            for name in self._setting_names()
            if self[name] != company_sudo[name]
        }

    def execute(self):
        """Save the page, and show it as it is now."""
        self.check_access("write")
        self.ensure_one()
        changes = self._changes()
        if changes:
            # No right of his own on companies: an administrator of attendance sets what
            # is about attendance, and the rules on this model say for which company.
            company_sudo = self.company_id.sudo()
            company_sudo.write(changes)
        return {"type": "ir.actions.client", "tag": "reload"}

    def cancel(self):
        """Show the page as it was."""
        self.check_access("read")
        return self._action_settings()

    @api.model
    def _action_settings(self):
        return self.env["ir.actions.act_window"]._for_xml_id(
            "spp_attendance.spp_attendance_settings_action"
        )
