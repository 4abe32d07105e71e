from odoo import api, models
from odoo.exceptions import AccessDenied


class ResUsers(models.Model):
    _inherit = "res.users"

    def _check_credentials(self, credential, env):
        # A service user acts through tokens only, whatever password or key
        # somebody may have given it.
        if self.env.user.has_group("spp_oauth.spp_oauth_group_service"):
            raise AccessDenied()
        return super()._check_credentials(credential, env)

    @api.model
    def _api_whoami(self):
        """Who makes this request, as `_api_whoami` of a client says it of that.

        :rtype: dict
        """
        user = self.env.user
        return {
            "client_id": None,
            "name": user.name,
            "user": user.login,
            "company": user.company_id.name,
            "scopes": None,
        }
