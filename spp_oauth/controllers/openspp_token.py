import json
from http import HTTPStatus

from odoo import http
from odoo.http import request, route


class OpenSppTokenController(http.Controller):
    """The token endpoint in the dialect of OpenSPP's attendance apps.

    Their words are kept to the letter; what is beneath is the token endpoint.
    """

    @route(
        "/auth/token",
        type="spp_openspp_token",
        auth="public",
        methods=["POST"],
        readonly=False,
        save_session=False,
        max_content_length=64 * 1024,
    )
    def token(self):
        # these apps send JSON and say that it is something else, or nothing at all
        raw = request.dispatcher.read_body()
        try:
            data = json.loads(raw) if raw.strip() else {}
        except (ValueError, RecursionError):
            return self._refuse(400, "data must be in JSON format.")
        if not isinstance(data, dict):
            data = {}
        client_id, client_secret = data.get("client_id"), data.get("client_secret")
        if not client_id or not client_secret:
            return self._refuse(400, "client_id and client_secret are required.")
        form = {
            "grant_type": ["client_credentials"],
            "client_id": [_text(client_id)],
            "client_secret": [_text(client_secret)],
        }
        answer, request.spp_oauth_client_id = self.env[
            "spp.oauth.server"
        ]._token_response(
            form, None, request.httprequest.remote_addr, request.dispatcher.request_id
        )
        if answer.status == HTTPStatus.UNAUTHORIZED:
            return self._refuse(401, "Invalid client id or secret.")
        if answer.status != HTTPStatus.OK:
            description = answer.body["error_description"]
            return self._refuse(answer.status, description, answer.headers)
        names = ("access_token", "token_type", "expires_in")
        return self._answer({name: answer.body[name] for name in names}, 200)

    def _refuse(self, status, description, headers=()):
        error = HTTPStatus(status).phrase
        retry = [item for item in headers if item[0] == "Retry-After"]
        body = {"error": error, "error_description": description}
        return self._answer(body, status, retry)

    def _answer(self, body, status, headers=()):
        headers = [("Cache-Control", "no-store"), *headers]
        return request.make_json_response(body, headers, None, status)


def _text(value):
    """Whatever JSON holds, as text that a database takes: half a character is none."""
    return str(value).encode("utf-8", "replace").decode()
