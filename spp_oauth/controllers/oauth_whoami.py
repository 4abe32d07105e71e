from pydantic import BaseModel

from odoo import http
from odoo.http import request

from ..api import api_route


class WhoAmI(BaseModel):
    """What a token is good for."""

    client_id: str
    name: str
    user: str
    company: str
    scopes: list[str]


class OAuthWhoAmIController(http.Controller):
    @api_route("/api/oauth/whoami", methods=["GET"], response=WhoAmI, readonly=True)
    def whoami(self):
        client = self.env["spp.oauth.client"]
        return WhoAmI(**client._api_whoami(request.spp_oauth_scopes))
