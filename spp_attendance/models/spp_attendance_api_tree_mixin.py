from odoo import api, fields, models
from odoo.fields import Domain


class SppAttendanceApiTreeMixin(models.AbstractModel):
    """What a company keeps in a tree, such as its locations and its departments.

    A model adds its own ``parent_id``.
    """

    _name = "spp.attendance.api.tree.mixin"
    _description = "Tree of a Company"
    _inherit = ["spp.attendance.api.mixin"]
    _order = "complete_name, id"
    _parent_store = True
    _rec_name = "complete_name"
    _rec_names_search = ["complete_name", "code"]
    _check_company_auto = True

    #: Stored many2many fields that record rules ask for.
    _RULE_FIELDS = ()

    name = fields.Char(required=True)
    complete_name = fields.Char(
        string="Full Name",
        compute="_compute_complete_name",
        recursive=True,
        store=True,
    )
    code = fields.Char(
        copy=False,
        help="Short name by which other systems refer to this.",
    )
    description = fields.Text()
    color = fields.Integer()
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company",
        required=True,
        default=lambda self: self.env.company,
        index=True,
    )
    parent_path = fields.Char(index=True)

    @api.depends("name", "parent_id.complete_name")
    def _compute_complete_name(self):
        for record in self:
            parent = record.parent_id.complete_name
            record.complete_name = (
                f"{parent} / {record.name}" if parent else record.name
            )

    @api.model_create_multi
    def create(self, vals_list):
        records = super().create(vals_list)
        self._flush_rules()
        return records

    def write(self, vals):
        res = super().write(vals)
        self._flush_rules()
        if "company_id" in vals:
            # The rules were held against what it was; now against what it has become.
            self.check_access("write")
        return res

    @api.model
    def _flush_rules(self):
        """Let record rules see who may what from now on.

        A search waits for what its columns have pending, not for a many2many.
        """
        self.flush_model(self._RULE_FIELDS)

    # ------------------------------------------------------------ native API

    _API_SORTS = {"name": "complete_name", "updated_at": "write_date"}
    _API_REFERENCES = {"parent": "parent_id"}

    @api.model
    def _api_domain(self, query):
        domain = super()._api_domain(query)
        if query.parent:
            parents = self._api_referred(query.parent)
            domain &= Domain("parent_id", "in", parents)
        return domain
