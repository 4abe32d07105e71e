from odoo import fields, models


class SppOauthClientNew(models.TransientModel):
    """Make an OAuth client: a name, what it may do, for which company."""

    _name = "spp.oauth.client.new"
    _description = "New API Client"

    name = fields.Char(required=True)
    scope_ids = fields.Many2many("spp.oauth.scope", string="Scopes", required=True)
    company_id = fields.Many2one(
        "res.company", required=True, default=lambda self: self.env.company
    )

    def action_create(self):
        self.ensure_one()
        client, secret = self.env["spp.oauth.client"]._new_client(
            self.name,
            self.scope_ids.mapped("name"),
            company_id=self.company_id.id,
        )
        return client._show_secret(secret)
