from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError


class SppOauthClientRotate(models.TransientModel):
    """Replace the secret of a client without stopping the program that uses it."""

    _name = "spp.oauth.client.rotate"
    _description = "New Secret of an API Client"

    client_id = fields.Many2one(
        "spp.oauth.client", required=True, readonly=True, ondelete="cascade"
    )
    secret_hint = fields.Char(related="client_id.secret_hint")
    overlap = fields.Selection(
        [
            ("0", "No, it stops at once"),
            ("1", "For 1 hour"),
            ("24", "For 1 day"),
            ("168", "For 1 week"),
        ],
        "Keep the Old Secret",
        required=True,
        default="24",
        help="Time in which both secrets work, to change it wherever the client runs.",
    )
    has_previous_secret = fields.Boolean(related="client_id.has_previous_secret")
    previous_secret_hint = fields.Char(related="client_id.previous_secret_hint")

    @api.model_create_multi
    def create(self, vals_list):
        rotations = super().create(vals_list)
        # of clients that one may change, not merely name
        rotations.client_id.check_access("write")
        return rotations

    def action_rotate(self):
        """Make the new secret and show it, this once."""
        self.ensure_one()
        client = self.client_id
        client._check_may_administer()
        client.check_access("write")
        client._check_may_change()
        if not client.active:
            raise UserError(self.env._("An archived client needs no secret."))
        secret = client._renew_secret(timedelta(hours=int(self.overlap)))
        return client._show_secret(secret)
