from odoo import api, fields, models


class SppAttendanceRecordChange(models.Model):
    """Who changed what of a record, and when: one row a field, never rewritten.

    Written by ``spp.attendance.record`` alone; seen by whoever sees the record.
    """

    _name = "spp.attendance.record.change"
    _description = "Attendance Record Change"
    _order = "id desc"
    _rec_name = "kind"

    record_id = fields.Many2one(
        "spp.attendance.record",
        required=True,
        ondelete="cascade",
        index=True,
        readonly=True,
    )
    kind = fields.Selection(
        [
            ("corrected", "Corrected"),
            ("voided", "Voided"),
            ("restored", "Restored"),
        ],
        required=True,
        readonly=True,
    )
    field = fields.Char(readonly=True, help="Technical name of what was changed.")
    field_label = fields.Char(string="What", compute="_compute_field_label")
    old_value = fields.Text(string="Before", readonly=True)
    new_value = fields.Text(string="After", readonly=True)
    create_uid = fields.Many2one("res.users", string="By", readonly=True)
    create_date = fields.Datetime(string="When", readonly=True)

    @api.depends("field")
    @api.depends_context("lang")
    def _compute_field_label(self):
        of_record = self.env["spp.attendance.record"]._fields
        for change in self:
            field = of_record.get(change.field)
            change.field_label = field and field._description_string(self.env)
