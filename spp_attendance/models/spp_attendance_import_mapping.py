from odoo import api, fields, models
from odoo.exceptions import ValidationError

from ..registry import FieldMap, InvalidConfig, RowError, map_row, parse_values
from ..registry.mapping import JOIN
from ..registry.paths import parse


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

    def _label(self):
        return dict(self._selection_field_name()).get(self.field_name, self.field_name)

    @api.depends("field_name", "path", "values", "default_value", "source_id.sample")
    def _compute_samples(self):
        for mapping in self:
            rows = list(mapping.source_id.sample or [])[:3]
            texts = [mapping._sample_of(row) for row in rows] + [False] * 3
            mapping.sample_1, mapping.sample_2, mapping.sample_3 = texts[:3]

    def _sample_of(self, row):
        """What a row would give, or why it gives nothing."""
        if not self.field_name:
            return False
        try:
            return map_row(row, [self._field_map()]).get(self.field_name) or False
        except (InvalidConfig, RowError) as error:
            # Not to be taken for a value; and the field is named on the same line.
            return "⚠ " + str(error).removeprefix(f"{self.field_name}: ")

    @api.constrains("path", "values")
    def _check_path(self):
        for mapping in self:
            try:
                for path in (mapping.path or "").split(JOIN):
                    parse(path.strip())
                parse_values(mapping.values)
            except InvalidConfig as error:
                raise ValidationError(
                    self.env._(
                        "%(field)s: %(reason)s",
                        field=mapping._label(),
                        reason=error.detail,
                    )
                ) from error

    @api.model_create_multi
    def create(self, vals_list):
        mappings = super().create(vals_list)
        mappings.source_id._follow_change()
        return mappings

    def write(self, vals):
        before = self._config()
        sources = self.source_id
        result = super().write(vals)
        if "source_id" in vals:
            # Rules judge where it was; nobody moves it to where they have no say.
            self.check_access("write")
        if self._config() != before:
            (sources + self.source_id)._follow_change()
        return result

    def unlink(self):
        sources = self.source_id
        result = super().unlink()
        sources._follow_change()
        return result

    def _field_map(self):
        return FieldMap(
            self.field_name,
            self.path or "",
            parse_values(self.values),
            self.default_value or None,
        )

    def _config(self):
        """These as JSON, for an import to keep: see ``importing.map_rows``."""
        return [
            {
                "field": mapping.field_name,
                "path": mapping.path or "",
                "values": parse_values(mapping.values),
                "default": mapping.default_value or None,
                "if_blank": mapping.if_blank,
            }
            for mapping in self
            if mapping.path or mapping.default_value
        ]
