from odoo import api, fields, models

# Two commands that work as they are pasted, with nothing but a shell and sed.
_CURL = """\
TOKEN=$(curl -s -u '{client_id}:{secret}' -d grant_type=client_credentials \
{base_url}/oauth2/token | sed -E 's/.*"access_token": ?"([^"]+)".*/\\1/')
curl -H "Authorization: Bearer $TOKEN" {base_url}/api/oauth/whoami"""


class SppOauthClientSecret(models.TransientModel):
    """Show a new secret once.

    No field is stored: the secret is in the dialog's context and nowhere else.
    """

    _name = "spp.oauth.client.secret"
    _description = "Secret of an API Client"

    client_id = fields.Char("Client ID", store=False, readonly=True)
    secret = fields.Char("Client Secret", store=False, readonly=True)
    curl = fields.Text("Try It", compute="_compute_curl")

    @api.depends("client_id", "secret")
    def _compute_curl(self):
        base_url = self.get_base_url()
        for dialog in self:
            dialog.curl = _CURL.format(
                client_id=dialog.client_id, secret=dialog.secret, base_url=base_url
            )
