from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain

from odoo.addons.spp_oauth.tools.notices import CLOSE, notice


class SppAttendanceEventExpect(models.TransientModel):
    """Choose who is expected at an event."""

    _name = "spp.attendance.event.expect"
    _description = "Add Expected People"
    _inherit = ["spp.attendance.choice.mixin"]

    event_id = fields.Many2one("spp.attendance.event", required=True)
    company_id = fields.Many2one(
        "res.company", default=lambda self: self.env.company, readonly=True
    )
    by = fields.Selection(
        selection_add=[("event", "An earlier event")], ondelete={"event": "cascade"}
    )
    source_event_id = fields.Many2one("spp.attendance.event", string="Earlier Event")

    @api.depends("source_event_id")
    def _compute_people_count(self):
        return super()._compute_people_count()

    def _people_domain(self):
        company = Domain("company_id", "=", self.event_id.company_id.id)
        return company & self._choice_domain()

    def _choice_domain(self):
        if self.by == "event" and self.source_event_id:
            expected = self.source_event_id.line_ids.filtered("is_expected")
            return Domain("id", "in", expected.subscriber_id.ids)
        return super()._choice_domain()

    def action_expect(self):
        self.ensure_one()
        people = self.env["spp.attendance.subscriber"].search(self._people_domain())
        if not people:
            raise UserError(self.env._("Nobody is chosen. Choose who is expected."))
        added = self.event_id._expect(people)
        message = self.env._(
            "%(added)s people were added, %(known)s were expected already.",
            added=added,
            known=len(people) - added,
        )
        return notice("success", message, CLOSE)
