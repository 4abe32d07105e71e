from odoo import http
from odoo.http import request, route

from ..oauth import metadata

_FORM = {
    "type": "spp_oauth",
    "auth": "public",
    "methods": ["POST"],
    "readonly": False,
    "save_session": False,
    "max_content_length": 64 * 1024,
}


class OAuthTokenController(http.Controller):
    @route(metadata.TOKEN_PATH, **_FORM)
    def token(self):
        return self._answer(self.env["spp.oauth.server"]._token_response)

    @route(metadata.INTROSPECTION_PATH, **_FORM)
    def introspect(self):
        return self._answer(self.env["spp.oauth.server"]._introspection_response)

    @route(metadata.REVOCATION_PATH, **_FORM)
    def revoke(self):
        return self._answer(self.env["spp.oauth.server"]._revocation_response)

    @staticmethod
    def _answer(respond):
        httprequest = request.httprequest
        answer, request.spp_oauth_client_id = respond(
            dict(httprequest.form.lists()),
            httprequest.headers.get("Authorization"),
            httprequest.remote_addr,
            request.dispatcher.request_id,
        )
        return request.make_json_response(
            answer.body, answer.headers, None, answer.status
        )
