from odoo import api, fields, models


class SppAttendanceImportMapping(models.Model):
    """Where one field's value is in a row of a source."""

    _name = "spp.attendance.import.mapping"
    _description = "Field of an Attendance Import"
    _order = "source_id, sequence, id"
    _rec_name = "field_name"

    source_id = fields.Many2one(
        "spp.attendance.import.source", required=True, index=True, ondelete="cascade"
    )
    company_id = fields.Many2one(
        related="source_id.company_id", store=True, index=True, precompute=True
    )
    sequence = fields.Integer(default=10)
    field_name = fields.Selection(
        selection="_selection_field_name", string="Field", required=True
    )
    path = fields.Char(
        help="Where it is in a row: the name of a column, or a path such as"
        " identifier.0.value or identifier[name=NATIONAL_ID].identifier. Several,"
        " joined by “ + ”, are put together with blanks."
    )
    values = fields.Text(
        string="Replace Values",
        help="A line for each, such as F = female.",
    )
    default_value = fields.Char(string="If Nothing Comes")
    if_blank = fields.Selection(
        [("keep", "Keep what is there"), ("clear", "Empty it")],
        string="If Still Blank",
        required=True,
        default="keep",
    )
    sample_1 = fields.Char(compute="_compute_samples")
    sample_2 = fields.Char(compute="_compute_samples")
    sample_3 = fields.Char(compute="_compute_samples")

    _field_unique = models.Constraint(
        "UNIQUE (source_id, field_name)", "Each field can be filled once."
    )

    @api.model
    def _selection_field_name(self):
        labels = {}
        for target in (
            self.env["spp.attendance.import.source"]._import_targets().values()
        ):
            for name, field in target.fields.items():
                labels.setdefault(name, field.label)
        return list(labels.items())

    @api.depends("path", "values", "default_value", "source_id.sample")
    def _compute_samples(self):
        for mapping in self:
            mapping.sample_1 = mapping.sample_2 = mapping.sample_3 = False
