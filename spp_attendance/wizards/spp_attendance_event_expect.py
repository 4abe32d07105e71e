from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools.safe_eval import datetime, safe_eval


class SppAttendanceEventExpect(models.TransientModel):
    """Choose who is expected at an event: by hand, by filter, unit, place or tag."""

    _name = "spp.attendance.event.expect"
    _description = "Add Expected People"
    _check_company_auto = True

    event_id = fields.Many2one("spp.attendance.event", required=True)
    company_id = fields.Many2one(
        "res.company", default=lambda self: self.env.company, readonly=True
    )
    by = fields.Selection(
        [
            ("people", "Chosen people"),
            ("filter", "A saved filter"),
            ("department", "A department"),
            ("location", "A home location"),
            ("tag", "A tag"),
            ("event", "An earlier event"),
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
    source_event_id = fields.Many2one("spp.attendance.event", string="Earlier Event")
    people_count = fields.Integer(compute="_compute_people_count")

    @api.depends(
        "by",
        "subscriber_ids",
        "filter_id",
        "department_id",
        "location_id",
        "category_id",
        "source_event_id",
    )
    def _compute_people_count(self):
        people = self.env["spp.attendance.subscriber"]
        for wizard in self:
            wizard.people_count = people.search_count(wizard._people_domain())

    def _people_domain(self):
        """Domain of the people who are chosen; of nobody while nothing is."""
        self.ensure_one()
        company = Domain("company_id", "=", self.event_id.company_id.id)
        chosen = Domain.FALSE
        if self.by == "people":
            chosen = Domain("id", "in", self.subscriber_ids.ids)
        elif self.by == "filter" and self.filter_id:
            # The same names as in the search bar, where the filter was saved.
            context = {
                "uid": self.env.uid,
                "context_today": lambda: fields.Date.context_today(self),
                "datetime": datetime,
            }
            chosen = Domain(safe_eval(self.filter_id.domain, context))
        elif self.by == "department" and self.department_id:
            chosen = Domain("department_id", "child_of", self.department_id.id)
        elif self.by == "location" and self.location_id:
            chosen = Domain("location_id", "child_of", self.location_id.id)
        elif self.by == "tag" and self.category_id:
            chosen = Domain("category_id", "child_of", self.category_id.id)
        elif self.by == "event" and self.source_event_id:
            expected = self.source_event_id.line_ids.filtered("is_expected")
            chosen = Domain("id", "in", expected.subscriber_id.ids)
        return company & chosen

    def action_expect(self):
        self.ensure_one()
        people = self.env["spp.attendance.subscriber"].search(self._people_domain())
        if not people:
            raise UserError(self.env._("Nobody is chosen. Choose who is expected."))
        added = self.event_id._expect(people)
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": self.env._(
                    "%(added)s people were added, %(known)s were expected already.",
                    added=added,
                    known=len(people) - added,
                ),
                "next": {"type": "ir.actions.act_window_close"},
            },
        }
