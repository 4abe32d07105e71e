from collections import Counter

from odoo import api, fields, models

from ..api import DepartmentOut, DepartmentPage


class SppAttendanceDepartment(models.Model):
    """A unit that people belong to, in a tree. Its head sees what is below him."""

    _name = "spp.attendance.department"
    _description = "Department"
    _inherit = ["spp.attendance.api.tree.mixin"]
    _RULE_FIELDS = ("head_user_ids",)

    parent_id = fields.Many2one(
        "spp.attendance.department",
        string="Part of",
        ondelete="restrict",
        index="btree_not_null",
        check_company=True,
    )
    head_id = fields.Many2one(
        "res.users",
        index="btree_not_null",
        check_company=True,
        domain="[('share', '=', False), ('company_ids', 'in', company_id)]",
        help="Sees the people of this department and of those below it, and their"
        " attendance.",
    )
    # Kept, so that a record rule is one look at a table and no walk up the tree.
    head_user_ids = fields.Many2many(
        "res.users",
        "spp_attendance_department_head_rel",
        "department_id",
        "user_id",
        string="Heads",
        compute="_compute_head_user_ids",
        recursive=True,
        store=True,
        help="The head of this department and those of the departments above it.",
    )
    subscriber_ids = fields.One2many(
        "spp.attendance.subscriber", "department_id", string="People"
    )
    subscriber_count = fields.Integer(
        string="Number of People",
        compute="_compute_subscriber_count",
        help="Those of the departments below included.",
    )

    _code_unique = models.UniqueIndex(
        "(company_id, code) WHERE code IS NOT NULL",
        "A department with this code exists already. Choose another code.",
    )

    @api.depends("head_id", "parent_id.head_user_ids")
    def _compute_head_user_ids(self):
        for department in self:
            department.head_user_ids = (
                department.head_id | department.parent_id.head_user_ids
            )

    def _compute_subscriber_count(self):
        counts = Counter()
        for department, count in self.env["spp.attendance.subscriber"]._read_group(
            [("department_id", "child_of", self.ids)], ["department_id"], ["__count"]
        ):
            for ancestor_id in map(int, department.parent_path.split("/")[:-1]):
                counts[ancestor_id] += count
        for department in self:
            department.subscriber_count = counts[department._origin.id]

    def write(self, vals):
        if "parent_id" in vals:
            self.env["spp.attendance.day.queue"]._enqueue_members(self)
        return super().write(vals)

    def action_open_subscribers(self):
        """The people of these departments and of those below."""
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "spp_attendance.spp_attendance_subscriber_action"
        )
        action["domain"] = [("department_id", "child_of", self.ids)]
        action["context"] = {"default_department_id": self[:1].id}
        return action

    # ------------------------------------------------------------ native API

    _API_PATH = "departments"
    _API_PAGE = DepartmentPage
    _API_FIELDS = (
        "name",
        "complete_name",
        "code",
        "description",
        "color",
        "parent_id",
        "active",
        "create_date",
        "write_date",
    )

    def _api_read(self):
        self.parent_id.fetch(["code", "name"])
        return [
            DepartmentOut.model_construct(
                **record._api_registry_values(),
                full_name=record.complete_name,
                parent=record.parent_id._api_as_reference(),
            )
            for record in self
        ]
