import re

from odoo import http, models
from odoo.http import SAFE_HTTP_METHODS, request

from ..api import (
    ALL_SCOPES,
    Forbidden,
    SppApiDispatcher,
    SppOAuthDispatcher,
    SppOpenSppTokenDispatcher,
    TooManyRequests,
    Unauthorized,
)
from ..oauth.errors import InvalidToken, RateLimited

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
        dispatcher_class = cls._spp_api_dispatcher(path_info)
        if not dispatcher_class:
            return super()._match(path_info)
        # 404 and 405 arise before a route, and with it a dispatcher, is found
        request.dispatcher = dispatcher = dispatcher_class(request)
        if origin := request.httprequest.origin:
            dispatcher.call.allowed_origin = cls._spp_allowed_origin(origin)
        rule, args = super()._match(path_info)
        if rule.endpoint.routing["type"].startswith("spp_"):
            dispatcher.call.route = rule.rule
            if request.httprequest.method == "OPTIONS":
                request.session.can_save = False
                router = request.env["ir.http"].routing_map()
                adapter = router.bind_to_environ(request.httprequest.environ)
                dispatcher.answer_options(adapter.allowed_methods(path_info))
        return rule, args

    @classmethod
    def _spp_allowed_origin(cls, origin):
        """What to tell a browser whose page, from elsewhere, wants to read an answer.

        Credentials are never allowed: a page of another origin needs a token.

        :param str origin: of the page
        :return: the origin, "*" when all may, or None
        """
        allowed = request.env["ir.config_parameter"]._get_param(
            "spp_oauth.cors_origins"
        )
        origins = [entry.strip() for entry in (allowed or "").split(",")]
        if origin in origins:
            return origin
        return "*" if "*" in origins else None

    @classmethod
    def _serve_fallback(cls):
        # no attachment stands in for a missing route, and none is looked for: the
        # database cannot even be asked for an address that holds a NUL
        if cls._spp_api_dispatcher(request.httprequest.path):
            return None
        return super()._serve_fallback()

    @classmethod
    def _authenticate(cls, endpoint):
        if not isinstance(request.dispatcher, SppApiDispatcher):
            super()._authenticate(endpoint)
            return
        request.spp_oauth_client_id = None
        request.spp_oauth_scopes = frozenset()
        routing = endpoint.routing
        if request.session.uid is not None:
            if routing.get("sessions") and cls._authorization() is None:
                # Odoo, and addons such as a time limit on sessions, check it
                super()._authenticate(endpoint)
                return
            # what came along counts for nothing
            request.session = http.root.session_store.new()
            request.session.update(http.get_default_session())
        request.session.can_save = False
        # Odoo would turn any exception into a refusal, and so retry none
        getattr(cls, f"_auth_method_{routing['auth']}")()

    @classmethod
    def _auth_method_public(cls):
        if not isinstance(request.dispatcher, SppApiDispatcher):
            super()._auth_method_public()
            return
        [user_id] = cls._get_public_users()
        request.update_env(user=user_id, su=False, context={"lang": cls._spp_lang()})

    @classmethod
    def _auth_method_oauth(cls):
        """Run the request as whoever its token, API key or session stands for.

        Sets `request.spp_oauth_client_id`, which is None for a person, and
        `request.spp_oauth_scopes`, which holds every scope for a person. A token
        beats a session, even one that is no good.

        :raises Unauthorized: without any of these that is good now
        :raises Forbidden: when a session's page did not prove to be one of ours
        :raises TooManyRequests: to a client that asks, or an address that is
            refused, too often
        """
        header = cls._authorization()
        if header is None:
            return cls._spp_enter_session()
        request.session.can_save = False
        address = request.httprequest.remote_addr
        try:
            match = _BEARER.fullmatch(header.strip())
            if not match:
                # also what two such headers look like, once they are joined
                raise InvalidToken("The Authorization header holds no bearer token.")
            token = match[1]
            if "." in token:
                grant = request.env["spp.oauth.server"]._authenticate(token, address)
                cls._spp_enter_client(grant)
            else:
                cls._spp_enter_person(token)
        except InvalidToken as exc:
            cls._spp_refuse(exc, address)
        except RateLimited as exc:
            raise TooManyRequests(exc.retry_after) from exc

    @classmethod
    def _authorization(cls):
        return request.httprequest.headers.get("Authorization")

    @classmethod
    def _spp_enter_client(cls, grant):
        request.spp_oauth_client_id = grant.client_id
        request.spp_oauth_scopes = grant.scopes
        request.update_env(
            user=grant.user_id,
            su=False,
            context={
                "lang": cls._spp_lang(),
                "spp_oauth_client_id": grant.client_id,
            },
        )

    @classmethod
    def _spp_enter_person(cls, api_key):
        # The scope by this name is Odoo's own word for keys that are for all.
        user_id = request.env["res.users.apikeys"]._check_credentials(
            scope="rpc", key=api_key
        )
        if not user_id:
            raise InvalidToken("This is neither an access token nor an API key.")
        request.spp_oauth_scopes = ALL_SCOPES
        request.update_env(user=user_id, su=False, context={})
        request.update_context(**request.env["res.users"].context_get())

    @classmethod
    def _spp_enter_session(cls):
        session = request.session
        if session.uid is None:
            raise Unauthorized("This needs an access token.", token_given=False)
        if session.is_dirty:
            # Odoo noted down the device; an answer of the API does not do so
            http.root.session_store.save(session)
        session.can_save = False
        if request.httprequest.method not in SAFE_HTTP_METHODS:
            csrf_token = request.httprequest.headers.get("X-CSRF-Token") or ""
            if not (csrf_token.isascii() and request.validate_csrf(csrf_token)):
                raise Forbidden(
                    "A session needs a valid X-CSRF-Token to change something.",
                    error="csrf_token_missing",
                )
        request.spp_oauth_scopes = ALL_SCOPES

    @classmethod
    def _spp_refuse(cls, exc, address):
        """Turn a caller away, note it down, and slow down who tries on and on."""
        call = request.dispatcher.call
        try:
            request.env["spp.oauth.server"]._note_refusal(
                exc, address, call.route, call.request_id
            )
        except RateLimited as limited:
            raise TooManyRequests(limited.retry_after) from limited
        raise Unauthorized(str(exc)) from exc

    @classmethod
    def _spp_lang(cls):
        """The language of the answer: what the caller prefers, if we speak it.

        An installed one in any case, for which Odoo would look up the company.
        """
        installed = request.env["res.lang"]._get_active_by("code")
        for lang in (request.best_lang, http.DEFAULT_LANG):
            if lang in installed:
                return lang
        return next(iter(installed))
