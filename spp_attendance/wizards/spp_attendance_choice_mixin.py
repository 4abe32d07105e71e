from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools.safe_eval import datetime, safe_eval


class SppAttendanceChoiceMixin(models.AbstractModel):
    """Many people, chosen by hand, by filter, unit, place or tag.

    A model adds its own ``company_id``, whose people can be chosen.
    """

    _name = "spp.attendance.choice.mixin"
    _description = "Choice of People"
    _check_company_auto = True

    by = fields.Selection(
        [
            ("people", "Chosen people"),
            ("filter", "A saved filter"),
            ("department", "A department"),
            ("location", "A home location"),
            ("tag", "A tag"),
        ],
        string="Add",
        required=True,
        default="people",
    )
    subscriber_ids = fields.Many2many("spp.attendance.subscriber", string="People")
    filter_id = fields.Many2one(
        "ir.filters",
        string="Saved Filter",
        domain="[('model_id', '=', 'spp.attendance.subscriber'),"
        " ('user_ids', 'in', [uid, False])]",
    )
    department_id = fields.Many2one("spp.attendance.department", check_company=True)
    location_id = fields.Many2one("spp.attendance.location", check_company=True)
    category_id = fields.Many2one("res.partner.category", string="Tag")
    people_count = fields.Integer(compute="_compute_people_count")

    @api.depends(
        "by",
        "subscriber_ids",
        "filter_id",
        "department_id",
        "location_id",
        "category_id",
    )
    def _compute_people_count(self):
        people = self.env["spp.attendance.subscriber"]
        for choice in self:
            choice.people_count = people.search_count(choice._people_domain())

    def _people_domain(self):
        """Domain of the people who are chosen; of nobody while nothing is."""
        self.ensure_one()
        return Domain("company_id", "=", self.company_id.id) & self._choice_domain()

    def _choice_domain(self):
        """Domain of what is chosen, whatever the company."""
        if self.by == "people":
            return Domain("id", "in", self.subscriber_ids.ids)
        if self.by == "filter" and self.filter_id:
            # The same names as in the search bar, where the filter was saved.
            context = {
                "uid": self.env.uid,
                "context_today": lambda: fields.Date.context_today(self),
                "datetime": datetime,
            }
            return Domain(safe_eval(self.filter_id.domain, context))
        if self.by == "department" and self.department_id:
            return Domain("department_id", "child_of", self.department_id.id)
        if self.by == "location" and self.location_id:
            return Domain("location_id", "child_of", self.location_id.id)
        if self.by == "tag" and self.category_id:
            return Domain("category_id", "child_of", self.category_id.id)
        return Domain.FALSE
