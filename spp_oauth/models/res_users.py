from odoo import fields, models
from odoo.exceptions import AccessDenied


class ResUsers(models.Model):
    _inherit = "res.users"

    spp_oauth_client_ids = fields.One2many(
        "spp.oauth.client",
        "user_id",
        string="OAuth Clients",
        context={"active_test": False},
        groups="spp_oauth.spp_oauth_group_admin",
    )

    def _check_credentials(self, credential, env):
        # A service user acts through tokens only, whatever password or key
        # somebody may have given it.
        user_sudo = self.env.user.sudo()  # a user may not see its own client
        if user_sudo.with_context(active_test=False).spp_oauth_client_ids:
            raise AccessDenied()
        return super()._check_credentials(credential, env)
