from odoo import models
from odoo.exceptions import AccessDenied


class ResUsers(models.Model):
    _inherit = "res.users"

    def _check_credentials(self, credential, env):
        # A service user acts through tokens only, whatever password or key
        # somebody may have given it.
        clients_sudo = self.env["spp.oauth.client"].sudo()  # it may not see its own
        clients_sudo = clients_sudo.with_context(active_test=False)
        if clients_sudo.search_count([("user_id", "=", self.env.uid)], limit=1):
            raise AccessDenied()
        return super()._check_credentials(credential, env)
