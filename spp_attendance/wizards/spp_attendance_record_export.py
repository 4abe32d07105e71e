from urllib.parse import urlencode

from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..api.sheets import SheetQuery


class SppAttendanceRecordExport(models.TransientModel):
    """The plain sheet for who works in the backend: what the API's route gives him."""

    _name = "spp.attendance.record.export"
    _description = "Export Attendance Sheet"

    date_from = fields.Date(
        "From", default=lambda self: fields.Date.context_today(self).replace(day=1)
    )
    date_to = fields.Date("To", default=lambda self: fields.Date.context_today(self))
    company_id = fields.Many2one(
        "res.company",
        required=True,
        readonly=True,
        default=lambda self: self.env.company,
        ondelete="cascade",
    )
    type_id = fields.Many2one("spp.attendance.type", check_company=True)
    location_id = fields.Many2one("spp.attendance.location", check_company=True)
    format = fields.Selection(
        [("csv", "CSV"), ("xlsx", "Excel (XLSX)")], required=True, default="csv"
    )
    record_count = fields.Integer("Records", compute="_compute_record_count")

    @api.depends("date_from", "date_to", "company_id", "type_id", "location_id")
    def _compute_record_count(self):
        for export in self:
            export.record_count = self.env["spp.attendance.record"].search_count(
                export._domain()
            )

    @api.constrains("date_from", "date_to")
    def _check_range(self):
        for export in self:
            if (
                export.date_from
                and export.date_to
                and (export.date_from > export.date_to)
            ):
                raise ValidationError(
                    self.env._("The first day must not be after the last one.")
                )

    def _domain(self):
        query = SheetQuery.model_validate(self._parameters())
        return self.env["spp.attendance.sheet"]._domain(query)

    def _parameters(self):
        """Query parameters of the route, those that are given."""
        given = {
            "date_from": self.date_from and fields.Date.to_string(self.date_from),
            "date_to": self.date_to and fields.Date.to_string(self.date_to),
            "type": self.type_id and str(self.type_id.id),
            "location": self.location_id and str(self.location_id.id),
            "company": self.company_id.ids,
        }
        return {name: value for name, value in given.items() if value}

    def action_export(self):
        self.check_access("read")
        self.ensure_one()
        return {
            "type": "ir.actions.act_url",
            "url": f"/api/attendance/records.{self.format}?"
            + urlencode(self._parameters(), doseq=True),
            "target": "new",
            "close": True,
        }
