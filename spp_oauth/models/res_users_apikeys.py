from odoo import models


class ResUsersApikeys(models.Model):
    _inherit = "res.users.apikeys"

    def _check_credentials(self, *, scope, key):
        # A service user acts through tokens only: an API key would have no scopes.
        user_id = super()._check_credentials(scope=scope, key=key)
        if not user_id:
            return user_id
        # With a user: groups that aren't cached yet can't be looked up by nobody.
        user_sudo = self.env["res.users"].with_user(user_id).sudo().browse(user_id)
        if user_sudo.has_group("spp_oauth.spp_oauth_group_service"):
            return None
        return user_id
