from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command

from ..merge import Merge


class SppAttendanceSubscriberMerge(models.TransientModel):
    """Says beforehand what merging people will do to their attendance."""

    _name = "spp.attendance.subscriber.merge"
    _description = "Merge People"

    subscriber_ids = fields.Many2many(
        "spp.attendance.subscriber", string="People", required=True
    )
    target_id = fields.Many2one(
        "spp.attendance.subscriber",
        string="Keep",
        required=True,
        compute="_compute_target_id",
        store=True,
        readonly=False,
        domain="[('id', 'in', subscriber_ids)]",
        help="Who stays, with this identifier. Those of the others go on finding them.",
    )
    moved_count = fields.Integer("Records that move", compute="_compute_conflicts")
    conflict_count = fields.Integer("Records to void", compute="_compute_conflicts")
    conflict_ids = fields.Many2many(
        "spp.attendance.record", string="Conflicts", compute="_compute_conflicts"
    )

    @api.depends("subscriber_ids")
    def _compute_target_id(self):
        for wizard in self:
            people = wizard.subscriber_ids._origin
            if wizard.target_id not in people:
                # Whom most is known of; of equals who has been here longest.
                wizard.target_id = people.sorted(
                    lambda person: (-person.record_count, person.id)
                )[:1]

    @api.depends("subscriber_ids", "target_id")
    def _compute_conflicts(self):
        for wizard in self:
            target = wizard.target_id._origin
            sources = wizard.subscriber_ids._origin - target
            if not (target and sources):
                wizard.moved_count = wizard.conflict_count = 0
                wizard.conflict_ids = False
                continue
            conflicts = Merge(target, sources).conflicts()
            wizard.moved_count = (
                self.env["spp.attendance.record"]
                .with_context(active_test=False)
                .search_count([("subscriber_id", "in", sources.ids)])
            )
            wizard.conflict_count = len(conflicts)
            wizard.conflict_ids = [
                Command.set([surplus.id for surplus, _stays in conflicts])
            ]

    def action_merge(self):
        self.ensure_one()
        if len(self.subscriber_ids) < 2 or self.target_id not in self.subscriber_ids:
            raise UserError(
                self.env._("Choose two people or more, and who of them stays.")
            )
        target = self.target_id
        target._merge(self.subscriber_ids - target)
        return {
            "type": "ir.actions.act_window",
            "res_model": target._name,
            "res_id": target.id,
            "view_mode": "form",
        }
