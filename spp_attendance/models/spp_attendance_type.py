from odoo import api, fields, models

from ..api import TypeOut, TypePage


class SppAttendanceType(models.Model):
    _name = "spp.attendance.type"
    _description = "Attendance Type"
    _inherit = ["spp.attendance.api.mixin"]
    _order = "name, id"
    _check_company_auto = True
    _rec_names_search = ["name", "code"]

    name = fields.Char(required=True)
    code = fields.Char(
        help="Short name by which other systems refer to this type.",
        copy=False,
    )
    description = fields.Text()
    color = fields.Integer()
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company",
        help="Empty: all companies may use it.",
        index="btree_not_null",
    )

    _name_unique = models.UniqueIndex(
        "(COALESCE(company_id, 0), name)",
        "An attendance type with this name exists already. Rename one of them.",
    )
    _code_unique = models.UniqueIndex(
        "(COALESCE(company_id, 0), code) WHERE code IS NOT NULL",
        "An attendance type with this code exists already. Choose another code.",
    )

    def write(self, vals):
        res = super().write(vals)
        if "company_id" in vals:
            # The rules were held against what it was; now against what it has become.
            self.check_access("write")
        return res

    @api.model
    def get_import_templates(self):
        return [
            {
                "label": self.env._("Import Template for Types"),
                "template": "/spp_attendance/static/csv/attendance_types.csv",
            }
        ]

    # ------------------------------------------------------------ native API

    _API_PATH = "types"
    _API_PAGE = TypePage
    _API_FIELDS = (
        "name",
        "code",
        "description",
        "color",
        "active",
        "create_date",
        "write_date",
    )

    @api.model
    def _api_add(self, body):
        # What one app adds is its own company's.
        own = self.with_context(default_company_id=self.env.company.id)
        return super(SppAttendanceType, own)._api_add(body)

    def _api_read(self):
        return [
            TypeOut.model_construct(**record._api_registry_values()) for record in self
        ]
