from odoo import api, fields, models
from odoo.exceptions import ValidationError


class SppAttendanceSubscriberAlias(models.Model):
    """An identifier by which somebody was known before he was merged with himself.

    Terminals and registries go on using it, so it goes on finding the person.
    """

    _name = "spp.attendance.subscriber.alias"
    _description = "Former Identifier"
    _order = "person_identifier, id"
    _rec_name = "person_identifier"

    subscriber_id = fields.Many2one(
        "spp.attendance.subscriber",
        string="Person",
        required=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(
        related="subscriber_id.company_id", store=True, precompute=True
    )
    person_identifier = fields.Char(string="Former Identifier", required=True)

    _person_identifier_unique = models.Constraint(
        "UNIQUE (company_id, person_identifier)",
        "This identifier leads to another person already.",
    )

    @api.constrains("person_identifier", "company_id")
    def _check_person_identifier(self):
        """Nobody else bears it now.

        Two transactions at once may slip past this; then who bears it now is meant.
        """
        # Also people that the user may not see.
        subscribers_sudo = self.env["spp.attendance.subscriber"].sudo()
        taken = subscribers_sudo.with_context(active_test=False).search_fetch(
            [
                ("company_id", "in", self.company_id.ids),
                ("person_identifier", "in", self.mapped("person_identifier")),
            ],
            ["company_id", "person_identifier"],
        )
        bearers = {(s.company_id, s.person_identifier) for s in taken}
        for alias in self:
            if (alias.company_id, alias.person_identifier) in bearers:
                raise ValidationError(
                    self.env._(
                        "“%(identifier)s” is somebody's identifier now.",
                        identifier=alias.person_identifier,
                    )
                )
