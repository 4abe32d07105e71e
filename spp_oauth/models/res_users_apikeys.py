from odoo import models


class ResUsersApikeys(models.Model):
    _inherit = "res.users.apikeys"

    def _check_credentials(self, *, scope, key):
        # A service user acts through tokens only: an API key would have no scopes.
        user_id = super()._check_credentials(scope=scope, key=key)
        user_sudo = self.env["res.users"].sudo().browse(user_id)
        if user_id and user_sudo.has_group("spp_oauth.spp_oauth_group_service"):
            return None
        return user_id
