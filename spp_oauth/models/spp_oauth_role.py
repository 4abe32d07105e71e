from odoo import fields, models


class SppOauthRole(models.Model):
    """A set of rights that a client may have instead of those of its scopes.

    Addons declare theirs as data.
    """

    _name = "spp.oauth.role"
    _description = "OAuth Role"
    _order = "sequence, name, id"

    name = fields.Char(required=True, translate=True)
    sequence = fields.Integer(default=10)
    description = fields.Char(required=True, translate=True)
    group_ids = fields.Many2many(
        "res.groups",
        string="Groups",
        help="What the service user of a client with this role is a member of,"
        " in place of the groups of its scopes.",
    )
    client_ids = fields.One2many("spp.oauth.client", "role_id", "Clients")

    def write(self, vals):
        if "group_ids" not in vals:
            return super().write(vals)
        # an addon that is updated may bring other groups: the service users follow
        clients_sudo = self.sudo().with_context(active_test=False).client_ids
        with clients_sudo._groups_followed():
            return super().write(vals)

    def unlink(self):
        # Without its role a client would get the groups of its scopes, which may be
        # more: it stops, until somebody decides what it may do.
        clients_sudo = self.sudo().with_context(active_test=False).client_ids
        with clients_sudo._groups_followed():
            clients_sudo.write({"active": False, "role_id": False})
        return super().unlink()
