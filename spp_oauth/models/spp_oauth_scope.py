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

    _name_unique = models.UniqueIndex("(name)", "This scope exists already.")

    def write(self, vals):
        if "group_ids" not in vals:
            return super().write(vals)
        # an addon that is updated may bring other groups: the service users follow
        clients = (
            self.env["spp.oauth.client"]
            .with_context(active_test=False)
            .search([("scope_ids", "in", self.ids)])
        )
        groups_before = {client: client.scope_ids.group_ids for client in clients}
        result = super().write(vals)
        for client, groups in groups_before.items():
            client._sync_groups(groups)
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
