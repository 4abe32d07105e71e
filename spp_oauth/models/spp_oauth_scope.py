from odoo import api, fields, models
from odoo.exceptions import ValidationError

# RFC 6749 3.3, less what would need escaping in a shell
_ALLOWED = frozenset("abcdefghijklmnopqrstuvwxyz0123456789:._-")


class SppOauthScope(models.Model):
    """What a token may do. Addons declare theirs as data."""

    _name = "spp.oauth.scope"
    _description = "OAuth Scope"
    _order = "name"

    name = fields.Char(
        required=True,
        index=True,
        help="The word that clients ask for, such as attendance:read.",
    )
    description = fields.Char(required=True, translate=True)
    group_ids = fields.Many2many(
        "res.groups",
        string="Groups",
        help="What the service user of a client with this scope becomes a member of.",
    )

    is_default = fields.Boolean(
        "Given by Default", help="What a new client has unless somebody says else."
    )
    is_gateway_only = fields.Boolean(
        "Trusted Gateways Only", help="Only a trusted gateway may have this scope."
    )

    _name_unique = models.UniqueIndex("(name)", "This scope exists already.")

    def write(self, vals):
        if "group_ids" not in vals:
            return super().write(vals)
        # an addon that is updated may bring other groups: the service users follow
        with self._clients()._groups_followed():
            return super().write(vals)

    def unlink(self):
        with self._clients()._groups_followed():
            return super().unlink()

    def _clients(self):
        # the archived ones, too: they may come back
        clients_sudo = self.env["spp.oauth.client"].sudo()
        clients_sudo = clients_sudo.with_context(active_test=False)
        return clients_sudo.search([("scope_ids", "in", self.ids)])

    @api.depends("name", "description")
    @api.depends_context("lang", "spp_oauth_scope_described")
    def _compute_display_name(self):
        result = super()._compute_display_name()
        if self.env.context.get("spp_oauth_scope_described"):
            for scope in self:
                scope.display_name = f"{scope.name} ({scope.description})"
        return result

    @api.constrains("name")
    def _check_name(self):
        for scope in self:
            if not _ALLOWED.issuperset(scope.name):
                raise ValidationError(
                    self.env._(
                        "The scope %(name)s may only have lower case letters, digits"
                        " and any of : . _ -",
                        name=scope.name,
                    )
                )
