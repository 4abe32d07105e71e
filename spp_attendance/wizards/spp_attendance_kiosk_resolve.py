from odoo import api, fields, models
from odoo.exceptions import UserError


class SppAttendanceKioskResolve(models.TransientModel):
    """Asks whose marks of a kiosk are, one typed identity after the other.

    Marks with which the same was typed belong to the same person, so an answer is for
    all of them. It is the officer who answers: nobody is chosen because of a name
    alone.
    """

    _name = "spp.attendance.kiosk.resolve"
    _description = "Decide on Kiosk Marks"
    _check_company_auto = True

    refusal_ids = fields.Many2many(
        "spp.attendance.kiosk.refusal",
        "spp_attendance_kiosk_resolve_refusal_rel",
        string="Marks",
        required=True,
        readonly=True,
    )
    next_ids = fields.Many2many(
        "spp.attendance.kiosk.refusal",
        "spp_attendance_kiosk_resolve_next_rel",
        string="After These",
        readonly=True,
    )
    next_count = fields.Integer(compute="_compute_next_count")
    company_id = fields.Many2one(
        "res.company",
        required=True,
        readonly=True,
        default=lambda self: self.env.company,
    )
    identifier = fields.Char(string="Identifier as Typed", readonly=True)
    claimed_name = fields.Char(string="Name as Typed", readonly=True)
    badge = fields.Char(readonly=True)
    code = fields.Selection(related="refusal_ids.code")
    candidate_ids = fields.Many2many(
        "spp.attendance.subscriber", string="Likely People", readonly=True
    )
    answer = fields.Selection(
        [
            ("known", "Somebody who is registered"),
            ("new", "Somebody new, to be registered"),
        ],
        string="Whose Is It?",
        required=True,
        default="known",
    )
    subscriber_id = fields.Many2one(
        "spp.attendance.subscriber", string="Person", check_company=True
    )
    new_identifier = fields.Char(string="Identifier")
    new_name = fields.Char(string="Name")
    new_location_id = fields.Many2one(
        "spp.attendance.location", string="Home Location", check_company=True
    )

    @api.depends("next_ids")
    def _compute_next_count(self):
        for wizard in self:
            wizard.next_count = len(wizard.next_ids.grouped(self._typed))

    @api.model
    def _typed(self, refusal):
        """What makes marks those of the same person."""
        return (
            refusal.company_id.id,
            refusal.person_identifier,
            refusal.claimed_name,
            refusal.badge,
        )

    @api.model
    def _open_for(self, refusals):
        """The action that asks about the first identity, and then about the others.

        :param refusals: marks of kiosks; those that were decided on are left out
        :raises UserError: when that is all of them
        """
        waiting = refusals._undecided()
        if not waiting:
            raise UserError(self.env._("All of these marks have been decided on."))
        asked = next(iter(waiting.grouped(self._typed).values()))
        first = asked[0]
        candidates, certain = first._candidates()
        wizard = self.create(
            {
                "refusal_ids": asked.ids,
                "next_ids": (waiting - asked).ids,
                "company_id": first.company_id.id,
                "identifier": first.person_identifier,
                "claimed_name": first.claimed_name,
                "badge": first.badge,
                "candidate_ids": candidates.ids,
                "subscriber_id": certain.id,
                "new_identifier": first.person_identifier,
                "new_name": first.claimed_name,
                "new_location_id": first.location_id.id,
            }
        )
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Whose Mark Is It?"),
            "res_model": self._name,
            "res_id": wizard.id,
            "view_mode": "form",
            "target": "new",
        }

    def action_accept(self):
        self.ensure_one()
        self.refusal_ids._accept(self._person())
        return self._ask_next()

    def action_dismiss(self):
        self.ensure_one()
        self.refusal_ids._dismiss()
        return self._ask_next()

    def action_skip(self):
        self.ensure_one()
        return self._ask_next()

    def _ask_next(self):
        # Somebody else may have decided meanwhile.
        if waiting := self.next_ids._undecided():
            return self._open_for(waiting)
        return {"type": "ir.actions.client", "tag": "soft_reload"}

    def _person(self):
        """Who was chosen, or who is registered now.

        :raises UserError: when the answer is not complete
        """
        if self.answer == "known":
            if not self.subscriber_id:
                raise UserError(self.env._("Choose the person whose mark it is."))
            return self.subscriber_id
        if not self.new_identifier or not self.new_name:
            raise UserError(self.env._("Somebody new needs an identifier and a name."))
        return self.env["spp.attendance.subscriber"].create(
            {
                "person_identifier": self.new_identifier.strip(),
                "name": self.new_name,
                "badge": self.badge,
                "location_id": self.new_location_id.id,
                "company_id": self.company_id.id,
            }
        )
