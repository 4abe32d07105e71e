from markupsafe import Markup

from odoo import api, fields, models

from odoo.addons.base.models.res_partner import _tz_get
from odoo.addons.spp_oauth.tools.notices import notice

from ..models.res_company import NAME_ORDERS

#: Conflicts listed at once. Who has more of them will not go through them one by one.
_MAX_LISTED = 1000


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
    unique_explanation = fields.Html(
        compute="_compute_unique_explanation", sanitize=False
    )

    conflict_count = fields.Integer(readonly=True)
    attendance_name_order = fields.Selection(NAME_ORDERS, required=True)
    attendance_absences_in_row = fields.Integer("Absences in a Row", required=True)
    attendance_sheet_enabled = fields.Boolean("Keep the Sheet as a File")
    attendance_sheet_node = fields.Char("Server")
    attendance_import_hosts = fields.Text("Hosts for Imports")
    attendance_register_first_staff = fields.Boolean("Who Makes One Is Its First Staff")
    attendance_register_review = fields.Boolean("Registers Are Reviewed")
    attendance_fiscal_month = fields.Selection(
        [
            ("1", "January"),
            ("2", "February"),
            ("3", "March"),
            ("4", "April"),
            ("5", "May"),
            ("6", "June"),
            ("7", "July"),
            ("8", "August"),
            ("9", "September"),
            ("10", "October"),
            ("11", "November"),
            ("12", "December"),
        ],
        "Fiscal Year Begins In",
        required=True,
    )
    attendance_muster_half_hours = fields.Float("Half Day", required=True)
    attendance_muster_full_hours = fields.Float("Whole Day", required=True)
    attendance_muster_rounds_up = fields.Boolean("More than Half Is Whole")
    attendance_tenant_code = fields.Char("Tenant", size=64)
    attendance_digit_status = fields.Selection(
        [("200", "200, as DIGIT's service"), ("202", "202, as its contract says")],
        "Status of a Write",
        required=True,
    )
    attendance_digit_open_roles = fields.Char("Roles That See All Registers")
    attendance_digit_create_unknown = fields.Boolean("Gateways Bring Unknown People")
    sheet_id = fields.Many2one("spp.attendance.sheet", compute="_compute_sheet_id")
    sheet_status = fields.Char(related="sheet_id.status")
    sheet_error = fields.Char(related="sheet_id.last_error")

    @api.model
    def default_get(self, fields):
        self.check_access("create")
        values = super().default_get(fields)
        names = self._setting_names() & set(fields)
        if names:
            # Who may administer attendance need not be one who may see all that a
            # company is; these fields are his.
            company_sudo = self.env.company.sudo()
            [settings] = company_sudo.read(sorted(names), load=None)
            values.update((name, settings[name]) for name in names)
        return values

    @api.depends("company_id")
    def _compute_sheet_id(self):
        sheets = self.env["spp.attendance.sheet"].search(
            [("company_id", "in", self.company_id.ids)]
        )
        by_company = {sheet.company_id: sheet for sheet in sheets}
        for settings in self:
            settings.sheet_id = by_company.get(settings.company_id)

    def action_rewrite_sheet(self):
        """Have the file on the server written anew."""
        self.check_access("read")
        return self.sheet_id.action_rewrite()

    def _unique_rule(self):
        """The rule chosen on the page, as ``res.company`` takes it."""
        names = self.env["res.company"]._attendance_unique_fields
        return {name: self[name] for name in names}

    @api.depends(
        "attendance_unique_date",
        "attendance_unique_time",
        "attendance_unique_type",
        "attendance_unique_location",
    )
    def _compute_unique_explanation(self):
        for settings in self:
            settings.unique_explanation = settings._explain_rule()

    def _explain_rule(self):
        """What the rule chosen on the page means, in words, as HTML."""
        parts = sum(self._unique_rule().values())
        meaning = (
            self.env._(
                "Nothing that is entered is refused: a person may have any number of"
                " records, even of the same moment."
            ),
            self.env._(
                "A person has one record a day, whatever its time, type or location."
            ),
            self.env._(
                "A person has one record at the same date and time, whatever its type"
                " or location."
            ),
            self.env._(
                "A person has one record at the same date and time for each type,"
                " whatever the location."
            ),
            self.env._(
                "A person has one record at the same date and time for each type and"
                " location."
            ),
        )[parts]
        again = (
            self.env._("the very same again:"),
            self.env._("09:00 on the same day:"),
            self.env._("08:00, but a distribution:"),
            self.env._("08:00, a training, but in the school:"),
        )
        # The first is refused by any rule. Each of the others differs in one thing, and
        # is a record of its own once that thing belongs to the rule.
        lines = Markup().join(
            Markup("<li>{} {}</li>").format(
                case, self._verdict(parts == 0 or 0 < case_number < parts)
            )
            for case_number, case in enumerate(again)
        )
        return Markup("<p>{}</p><p>{}</p><ul>{}</ul><p>{}</p>").format(
            meaning,
            self.env._(
                "Say Amina is recorded at 08:00, at a training in the hall. What is"
                " entered for her after that:"
            ),
            lines,
            self.env._(
                "No type and no location count as values like any other. Scans that say"
                " IN or OUT are always kept, and voided records stand in nobody's way."
            ),
        )

    def _verdict(self, kept):
        if kept:
            return Markup("<b class='text-success'>{}</b>").format(
                self.env._("recorded")
            )
        return Markup("<b class='text-danger'>{}</b>").format(self.env._("refused"))

    @api.onchange("attendance_unique_date")
    def _onchange_unique_date(self):
        if not self.attendance_unique_date:
            self.attendance_unique_time = False

    @api.onchange("attendance_unique_date", "attendance_unique_time")
    def _onchange_unique_time(self):
        if not self.attendance_unique_time:
            self.attendance_unique_type = False

    @api.onchange(
        "attendance_unique_date", "attendance_unique_time", "attendance_unique_type"
    )
    def _onchange_unique_type(self):
        if not self.attendance_unique_type:
            self.attendance_unique_location = False

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
        """Save the page, or list the records that stand in the way of its rule."""
        self.check_access("write")
        self.ensure_one()
        changes = self._changes()
        if (
            not changes.keys().isdisjoint(self._unique_rule())
            and self._list_conflicts()
        ):
            return self._action_conflicts()
        if changes:
            # No right of his own on companies: an administrator of attendance sets what
            # is about attendance, and the rules on this model say for which company.
            company_sudo = self.company_id.sudo()
            company_sudo.write(changes)
        # The page as it is now, and nothing of the way that led here.
        return {**self._action_settings(), "target": "main"}

    def action_check(self):
        """Tell what the rule on the page would do to existing records; change nothing.

        The page itself is not saved by this.
        """
        self.check_access("write")
        self.ensure_one()
        if self._list_conflicts():
            return self._action_conflicts()
        return notice(
            "success",
            self.env._(
                "No two existing records would be the same. Save to apply the rule."
            ),
            title=self.env._("No conflicts"),
        )

    def _list_conflicts(self):
        """Find anew what conflicts with the rule on the page.

        :return: how many conflicts there are; at most ``_MAX_LISTED`` are listed
        """
        company_sudo = self.company_id.sudo()  # see ``execute``
        conflicts = company_sudo._find_attendance_conflicts(
            self._unique_rule(), limit=_MAX_LISTED
        )
        conflict_model = self.env["spp.attendance.conflict"]
        conflict_model._of(self).unlink()
        conflict_model.create(
            [
                {
                    "settings_id": self.id,
                    "subscriber_id": conflict.subscriber_id,
                    "person_identifier": conflict.person_identifier,
                    "local_date": conflict.local_date,
                    "record_ids": conflict.record_ids,
                    "record_count": len(conflict.record_ids),
                }
                for conflict in conflicts
            ]
        )
        self.conflict_count = conflicts[0].total if conflicts else 0
        return self.conflict_count

    def _action_conflicts(self):
        listed = min(self.conflict_count, _MAX_LISTED)
        name = (
            self.env._("Conflicts: %(count)s", count=listed)
            if listed == self.conflict_count
            else self.env._(
                "Conflicts: the first %(listed)s of %(count)s",
                listed=listed,
                count=self.conflict_count,
            )
        )
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "spp_attendance.spp_attendance_conflict_action"
        )
        # Without its id it has no address to come back to, where nothing would say
        # which settings it is about.
        del action["id"]
        return {
            **action,
            "name": name,
            "display_name": name,
            "domain": [("settings_id", "=", self.id)],
            "context": {"attendance_settings_id": self.id},
        }

    def cancel(self):
        """Show the page as it was."""
        self.check_access("read")
        return self._action_settings()

    @api.model
    def _action_settings(self):
        return self.env["ir.actions.act_window"]._for_xml_id(
            "spp_attendance.spp_attendance_settings_action"
        )
