from pydantic import BaseModel, Field

from odoo import http
from odoo.http import request

from ..api import api_route


class WhoAmI(BaseModel):
    """What a token is good for."""

    client_id: str | None = Field(description="Null for a person.")
    name: str
    user: str
    company: str
    scopes: list[str] | None = Field(
        description="Null for a person, whose own rights are all that counts."
    )


class OAuthWhoAmIController(http.Controller):
    @api_route(
        "/api/oauth/whoami",
        methods=["GET"],
        response=WhoAmI,
        readonly=True,
        etag=True,
        tags=["OAuth"],
    )
    def whoami(self):
        """Say who is asking, and what the token is good for."""
        if request.spp_oauth_client_id is None:
            return WhoAmI(**self.env["res.users"]._api_whoami())
        client = self.env["spp.oauth.client"]
        return WhoAmI(**client._api_whoami(request.spp_oauth_scopes))
