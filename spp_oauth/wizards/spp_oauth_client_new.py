from odoo import fields, models


class SppOauthClientNew(models.TransientModel):
    """Make an OAuth client: what for, what it may do, for which company."""

    _name = "spp.oauth.client.new"
    _description = "New API Client"

    def _default_scope_ids(self):
        return self.env["spp.oauth.scope"].search([("is_default", "=", True)])

    name = fields.Char(required=True)
    purpose = fields.Char("What For")
    role_id = fields.Many2one(
        "spp.oauth.role",
        help="What its user may do. Without a role: what its scopes need, in the whole"
        " company.",
    )
    role_description = fields.Char(related="role_id.description")
    scope_ids = fields.Many2many(
        "spp.oauth.scope",
        string="Scopes",
        required=True,
        # of gateways there are few, and they are made trusted one by one
        domain=[("is_gateway_only", "=", False)],
        default=lambda self: self._default_scope_ids(),
        help="What its tokens may be used for.",
    )
    company_id = fields.Many2one(
        "res.company",
        required=True,
        domain=lambda self: [("id", "in", self.env.user.company_ids.ids)],
        default=lambda self: self.env.company,
    )
    expires_at = fields.Datetime("Expires", help="Empty: never.")

    def action_create(self):
        """Make the client and show its secret, this once."""
        self.ensure_one()
        client, secret = self.env["spp.oauth.client"]._new_client(
            **self._client_values()
        )
        return client._show_secret(secret)

    def _client_values(self):
        """The arguments of `_new_client`; for addons that ask for more."""
        return {
            "name": self.name,
            "scopes": self.scope_ids.mapped("name"),
            "purpose": self.purpose,
            "role_id": self.role_id.id,
            "company_id": self.company_id.id,
            "expires_at": self.expires_at,
        }
