import re

from odoo import models
from odoo.http import request

from ..api import (
    SppApiDispatcher,
    SppOAuthDispatcher,
    SppOpenSppTokenDispatcher,
    Unauthorized,
)
from ..oauth.errors import InvalidToken

_BEARER = re.compile(r"bearer +([a-z0-9._~+/-]+=*)", re.IGNORECASE)
_METADATA = "/.well-known/oauth-authorization-server"


class IrHttp(models.AbstractModel):
    _inherit = "ir.http"

    @classmethod
    def _spp_api_dispatcher(cls, path):
        """Who answers at an address, even where no route matches.

        Addons that serve other addresses, or in other dialects, extend this.

        :param str path: of the request
        :rtype: type[SppApiDispatcher] | None
        """
        if path.startswith("/api/") or path == "/api":
            return SppApiDispatcher
        if path.startswith(("/oauth2/", _METADATA)) or path == "/oauth2":
            return SppOAuthDispatcher
        if path == "/auth/token":
            return SppOpenSppTokenDispatcher
        return None

    @classmethod
    def _match(cls, path_info):
        # 404 and 405 arise before a route, and with it a dispatcher, is found
        if dispatcher_class := cls._spp_api_dispatcher(path_info):
            request.dispatcher = dispatcher_class(request)
        return super()._match(path_info)

    @classmethod
    def _serve_fallback(cls):
        # no attachment stands in for a missing route, and none is looked for: the
        # database cannot even be asked for an address that holds a NUL
        if cls._spp_api_dispatcher(request.httprequest.path):
            return None
        return super()._serve_fallback()

    @classmethod
    def _auth_method_oauth(cls):
        """Run the request as the service user of the token's client.

        Sets `request.spp_oauth_client_id` and `request.spp_oauth_scopes`. A
        session that came along is ignored: a token beats a cookie.

        :raises Unauthorized: without a token that is good now
        """
        request.session.can_save = False  # stateless
        try:
            grant = request.env["spp.oauth.server"]._authenticate(cls._bearer_token())
        except InvalidToken as exc:
            raise Unauthorized(str(exc)) from exc
        request.spp_oauth_client_id = grant.client_id
        request.spp_oauth_scopes = grant.scopes
        request.update_env(
            user=grant.user_id,
            su=False,
            context={
                "lang": request.default_lang(),
                "tz": grant.tz,
                "spp_oauth_client_id": grant.client_id,
            },
        )

    @classmethod
    def _bearer_token(cls):
        header = request.httprequest.headers.get("Authorization")
        if not header:
            raise Unauthorized("This needs an access token.", token_given=False)
        match = _BEARER.fullmatch(header.strip())
        if not match:
            # also what two such headers look like, once they are joined
            raise InvalidToken("The Authorization header holds no bearer token.")
        return match[1]
