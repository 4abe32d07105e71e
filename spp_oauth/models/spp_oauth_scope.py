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
