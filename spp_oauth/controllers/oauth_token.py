from typing import Any

from pydantic import BaseModel

from odoo import http
from odoo.http import request, route

from ..api import api_route

_MAX_FORM = 64 * 1024


class JwkSet(BaseModel):
    """RFC 7517: the keys that verify our tokens."""

    keys: list[dict[str, Any]]


class OAuthTokenController(http.Controller):
    @route(
        "/oauth2/token",
        type="spp_oauth",
        auth="public",
        methods=["POST"],
        readonly=False,
        save_session=False,
        max_content_length=_MAX_FORM,
    )
    def token(self):
        httprequest = request.httprequest
        answer = self.env["spp.oauth.server"]._token_response(
            dict(httprequest.form.lists()), httprequest.headers.get("Authorization")
        )
        return request.make_json_response(
            answer.body, answer.headers, None, answer.status
        )

    @api_route(
        "/oauth2/jwks", methods=["GET"], auth="public", response=JwkSet, readonly=True
    )
    def jwks(self):
        return JwkSet(keys=self.env["spp.oauth.key"]._public_jwks())
