from odoo import api, fields, models

from ..feed import add_feed_column


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
    company_id = fields.Many2one(
        related="record_id.company_id", store=True, index=True, readonly=True
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
    # As stored in the record; names as they were then.
    old_value = fields.Text(readonly=True)
    new_value = fields.Text(readonly=True)
    before = fields.Text(compute="_compute_texts")
    after = fields.Text(compute="_compute_texts")
    create_uid = fields.Many2one("res.users", string="By", readonly=True)
    create_date = fields.Datetime(string="When", readonly=True)

    @api.depends("field")
    @api.depends_context("lang")
    def _compute_field_label(self):
        of_record = self.env["spp.attendance.record"]._fields
        for change in self:
            field = of_record.get(change.field)
            change.field_label = field and field._description_string(self.env)

    @api.depends("field", "old_value", "new_value")
    @api.depends_context("lang")
    def _compute_texts(self):
        of_record = self.env["spp.attendance.record"]._fields
        for change in self:
            field = of_record.get(change.field)
            labels = {}
            if field and field.type == "selection" and change.field != "tz":
                labels = dict(field._description_selection(self.env))
            change.before = labels.get(change.old_value, change.old_value)
            change.after = labels.get(change.new_value, change.new_value)

    def init(self):
        add_feed_column(self)
