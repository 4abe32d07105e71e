import logging
from dataclasses import dataclass
from typing import NamedTuple

from odoo import api, fields, models

from ..oauth import keys, metadata, networks, secrets, server, tokens
from ..oauth.endpoints import IssuedToken
from ..oauth.errors import InvalidToken, LockedKey, RateLimited, UnknownKey
from ..tools import deferred
from .spp_oauth_key import PASSPHRASE_OPTION, PASSPHRASE_VARIABLE

_logger = logging.getLogger(__name__)

ENDPOINTS = {
    server.TOKEN: metadata.TOKEN_PATH,
    server.INTROSPECTION: metadata.INTROSPECTION_PATH,
    server.REVOCATION: metadata.REVOCATION_PATH,
}

# Why a client is turned away, and what the holder of a token of its own is told.
_PROBLEMS = {
    "unknown_client": "The client of this token is no longer active.",
    "archived_client": "The client of this token is no longer active.",
    "archived_user": "The client of this token is no longer active.",
    "expired_client": "The client of this token has expired.",
    "wrong_network": "This client may not call from here.",
}

_REVOKED = "The token was revoked."
_EXPIRED = "The token has expired."

# Values looked up one by one: no joins, no sums. What costs is to plan it, which is
# done for each request: Odoo's pool has the database forget all plans whenever it lends
# a connection.
_SELECT_CLIENT = """
    SELECT c.id, c.user_id, c.company_id, c.active, c.expires_at, c.allowed_networks,
           c.rate_limit, c.scope_names,
           (SELECT active FROM res_users WHERE id = c.user_id) AS user_active,
           {}
      FROM spp_oauth_client c
     WHERE c.client_id = %(client_id)s
"""
_REQUESTS_ELSEWHERE = """
           ARRAY(SELECT requests FROM spp_oauth_usage
                  WHERE client_id = c.id AND minute = %(minute)s
                    AND worker <> %(worker)s) AS requests_elsewhere
"""
_TOKEN = """
           EXISTS (SELECT FROM spp_oauth_token
                    WHERE jti = %(jti)s AND revoked_at IS NOT NULL) AS is_revoked,
           (SELECT verifies_until IS NULL OR verifies_until > %(now)s
              FROM spp_oauth_key WHERE kid = %(kid)s) AS key_verifies
"""
_CREDENTIALS = """
           auth_method, is_trusted_gateway, previous_secret_expires_at,
           previous_secret_hash, previous_secret_hint, public_keys, secret_hash,
           secret_hint, token_lifetime
"""
# The client of a token; the same again, within the second; one that authenticates.
_SELECT_OF_TOKEN = _SELECT_CLIENT.format(f"{_REQUESTS_ELSEWHERE}, {_TOKEN}")
_SELECT_OF_TOKEN_AGAIN = _SELECT_CLIENT.format(_TOKEN)
_SELECT_TO_AUTHENTICATE = _SELECT_CLIENT.format(
    f"{_REQUESTS_ELSEWHERE}, {_CREDENTIALS}"
)
# Tokens in use, whose signatures were looked at when that began.
_SELECT_LASTING = """
    SELECT t.jti, t.revoked_at, t.expires_at AS token_expires_at,
           EXISTS (SELECT FROM spp_oauth_key
                    WHERE kid = t.kid
                      AND (verifies_until IS NULL
                           OR verifies_until > now() AT TIME ZONE 'UTC')
                  ) AS key_verifies,
           c.active, c.expires_at, c.allowed_networks, c.scope_names,
           u.active AS user_active
      FROM spp_oauth_token t
      JOIN spp_oauth_client c ON c.id = t.client_id
      JOIN res_users u ON u.id = c.user_id
     WHERE t.jti = ANY(%(jtis)s)
"""


class Grant(NamedTuple):
    """What a good token gives: a client's record id, its service user, scopes.

    ``expires_at`` is in seconds since 1970.
    """

    client_id: int
    user_id: int
    scopes: frozenset
    jti: str
    expires_at: int


@dataclass(frozen=True)
class FoundClient(server.Client):
    """A client as the database has it; without a record id, one it does not have.

    :param problem: why it may not have anything, whatever it shows
    """

    id: int | None = None
    company_id: int | None = None
    is_trusted_gateway: bool = False
    problem: str | None = None


@dataclass(frozen=True)
class FoundToken(IssuedToken):
    """A good token and whose it is."""

    client_record_id: int
    company_id: int


class SppOauthServer(models.AbstractModel):
    """The protocol: who issues tokens here, to whom, and what they are good for."""

    _name = "spp.oauth.server"
    _description = "OAuth Server"

    @api.model
    def _authenticate(self, token, address=None):
        """The grant of an access token, by one query.

        The client, its user and the token are looked up every time, so that archiving
        either one, taking a scope away or revoking works from the next request on.

        :param str token: as in the Authorization header
        :param str address: of the caller
        :rtype: Grant
        :raises InvalidToken: when it is not good, or no longer, or not from there
        :raises RateLimited: when its client has called too often within this minute
        """
        access, row = self._inspect(token)
        if not self._is_allowed_from(row, address):
            raise self._refusal("wrong_network", access, row)
        self._check_rate(row)
        return Grant(
            row["id"],
            row["user_id"],
            access.scopes & row["scopes"],
            access.jti,
            access.expires_at,
        )

    @api.model
    def _find_ended(self, uses, scope):
        """Which tokens that were good are so no longer, by one query.

        For what lasts longer than a request, and is looked after meanwhile.

        :param uses: pairs of a token's id and the address that it is used from
        :param str scope: what it is used for
        :return: why, by pair; nothing of those that are good still
        :rtype: dict[tuple[str, str], str]
        """
        uses = set(uses)
        self.env.flush_all()
        self.env.cr.execute(
            _SELECT_LASTING,
            {"jtis": list({jti for jti, _address in uses})},
        )
        rows = {row["jti"]: row for row in self.env.cr.dictfetchall()}
        ended = {}
        for jti, address in uses:
            if why := self._why_ended(rows.get(jti), address, scope):
                ended[jti, address] = why
        return ended

    @api.model
    def _why_ended(self, row, address, scope):
        if not row:  # with its client
            return _PROBLEMS["unknown_client"]
        now = fields.Datetime.now()
        if problem := self._problem_of(row):
            return _PROBLEMS[problem]
        if row["revoked_at"]:
            return _REVOKED
        if row["token_expires_at"] <= now or not row["key_verifies"]:
            return _EXPIRED
        if scope not in (row["scope_names"] or "").split():
            return f"The token lacks the scope {scope}."
        if not self._is_allowed_from(row, address):
            return _PROBLEMS["wrong_network"]
        return None

    @api.model
    def _note_refusal(self, exc, address, endpoint, request_id=None):
        """Note down who is turned away, and slow down who tries on and on.

        :param InvalidToken exc: why
        :param str address: of the caller
        :param str endpoint: what was asked for, for the audit log
        :raises RateLimited: for one who was turned away too often
        """
        # that is in the audit log already, and who goes on is not to fill it
        self.env["spp.oauth.event"]._check_throttle(address, exc.client_identifier)
        deferred.log_event(
            self.env.cr.dbname,
            kind="refused",
            reason=exc.reason,
            client_id=exc.client_id,
            client_identifier=exc.client_identifier,
            token_jti=exc.jti,
            address=address,
            endpoint=endpoint,
            request_id=request_id,
        )

    @api.model
    def _token_response(self, form, authorization, address=None, request_id=None):
        """Answer a request to the token endpoint (RFC 6749).

        :param dict[str, list[str]] form: the parameters of the body
        :param authorization: the Authorization header or None
        :param str address: of the caller
        :param str request_id: for the audit log
        :return: the answer, and who has shown to be the client: a record id or None
        :rtype: tuple[odoo.addons.spp_oauth.oauth.server.OAuthResponse, int | None]
        """
        return self._respond(server.TOKEN, form, authorization, address, request_id)

    @api.model
    def _introspection_response(
        self, form, authorization, address=None, request_id=None
    ):
        """Say what a token is good for (RFC 7662); as `_token_response`."""
        return self._respond(
            server.INTROSPECTION, form, authorization, address, request_id
        )

    @api.model
    def _revocation_response(self, form, authorization, address=None, request_id=None):
        """Take back a token (RFC 7009); as `_token_response`."""
        return self._respond(
            server.REVOCATION, form, authorization, address, request_id
        )

    @api.model
    def _metadata(self):
        """What this server says of itself (RFC 8414).

        :rtype: dict
        """
        # public by nature
        scopes = self.env["spp.oauth.scope"].sudo()._read_group([], ["name"])
        return metadata.describe(
            self._authority().issuer, self._base_url(), [name for [name] in scopes]
        )

    @api.model
    def _authority(self):
        """Who signs tokens here, and for whom.

        The issuer is an address, for others to find the keys at. The audience is this
        database and nothing else, so that one that was copied refuses the tokens of
        the original, whatever address it has.
        """
        get_param = self.env["ir.config_parameter"].sudo().get_param
        return tokens.Authority(
            get_param("spp_oauth.issuer") or get_param("web.base.url"),
            get_param("spp_oauth.audience") or f"urn:uuid:{get_param('database.uuid')}",
        )

    @api.model
    def _base_url(self):
        """Where the endpoints are: at the issuer's address, if it is one."""
        issuer = self._authority().issuer
        if not issuer.startswith(("https://", "http://")):
            issuer = self.env["ir.config_parameter"].sudo().get_param("web.base.url")
        return issuer.rstrip("/")

    @api.model
    def _find_client(self, client_id, address=None):
        """The client of an identifier, by one query whether it is known or not.

        :param str client_id: as claimed
        :param str address: of the caller
        :rtype: FoundClient
        :raises RateLimited: when it has called too often within this minute
        """
        row = self._select_client(_SELECT_TO_AUTHENTICATE, client_id)
        problem = self._problem_of(row)
        if not problem and not self._is_allowed_from(row, address):
            problem = "wrong_network"
        if problem:
            # the secret is looked at all the same, so that it takes as long
            return FoundClient(
                client_id,
                check_secret=lambda secret: secrets.verify_secret(secret, []),
                id=row.get("id"),
                company_id=row.get("company_id"),
                problem=problem,
            )
        self._check_rate(row)
        by_key = row["auth_method"] == server.PRIVATE_KEY_JWT
        slots = [] if by_key else self._secret_slots(row)
        has_keys = by_key and row["public_keys"]  # a copy has lost them
        public_keys = keys.parse_public_keys(row["public_keys"]) if has_keys else ()
        return FoundClient(
            client_id,
            check_secret=lambda secret: secrets.verify_secret(secret, slots),
            scopes=row["scopes"],
            token_lifetime=row["token_lifetime"],
            auth_method=row["auth_method"],
            public_keys=tuple(public_keys),
            id=row["id"],
            company_id=row["company_id"],
            is_trusted_gateway=bool(row["is_trusted_gateway"]),
        )

    @api.model
    def _issue(self, client, scopes):
        """A new token of a client, and what it says.

        :param FoundClient client: whose it is
        :rtype: tuple[str, odoo.addons.spp_oauth.oauth.tokens.AccessToken]
        :raises LockedKey: when the signing key cannot be used
        """
        key = self.env["spp.oauth.key"]._signing_key()
        access = tokens.make(
            key,
            client_id=client.client_id,
            subject=client.client_id,
            scopes=scopes,
            lifetime=client.token_lifetime,
        )
        self.env["spp.oauth.token"]._note(access, client.id)
        return tokens.sign(key, self._authority(), access), access

    def _respond(self, endpoint, form, authorization, address, request_id):
        exchange = _Exchange(self, endpoint, address, request_id)
        request = server.OAuthRequest(form, authorization)
        try:
            self.env["spp.oauth.event"]._check_throttle(
                address, request.claimed_client_id
            )
            response = exchange.serve(request)
        except RateLimited as exc:
            return server.unavailable(
                429, "Too many requests; try again later.", exc.retry_after
            ), None
        except LockedKey as exc:
            _logger.error(
                "No token can be signed: %s Set %s in the environment, or %s in the"
                " configuration file, to the passphrase of the signing key.",
                exc,
                PASSPHRASE_VARIABLE,
                PASSPHRASE_OPTION,
            )
            return server.unavailable(503, "Tokens cannot be signed at present."), None
        return response, request.client and request.client.id

    @api.model
    def _inspect(self, token):
        """What a good token says, and what is known of its client.

        :raises InvalidToken: when it is not good, or no longer
        """
        access = self._verify(token)
        known = deferred.requests_elsewhere(self.env.cr.dbname, access.client_id)
        row = self._select_client(
            _SELECT_OF_TOKEN if known is None else _SELECT_OF_TOKEN_AGAIN,
            access.client_id,
            jti=access.jti,
            kid=access.kid,
            now=fields.Datetime.now(),
        )
        if problem := self._problem_of(row):
            raise self._refusal(problem, access, row)
        row.setdefault("requests_elsewhere", known)
        if row["is_revoked"]:
            raise self._refusal("revoked_token", access, row)
        verifies = row["key_verifies"]
        if verifies is None:
            # not known here: too new for a replica that lags behind, or gone
            verifies = self.env["spp.oauth.key"]._find_new_key(access.kid)
        if not verifies:
            raise self._refusal("withdrawn_key", access, row)
        return access, row

    @api.model
    def _verify(self, token):
        known = self.env["spp.oauth.key"]._verification_keys()
        try:
            return tokens.verify(token, known, self._authority())
        except UnknownKey as exc:
            new_key = self.env["spp.oauth.key"]._find_new_key(exc.kid)
            if not new_key:
                raise
            known = {exc.kid: new_key}
        return tokens.verify(token, known, self._authority())

    @api.model
    def _select_client(self, query, client_id, **params):
        """What is known of a client.

        :param str query: one of those above
        :param str client_id: as claimed
        :param params: what the query asks for beside what both of them do
        :return: an empty dictionary when there is no such client
        """
        if "\0" in client_id:  # which the database could not even look for
            return {}
        self.env.flush_all()
        self.env.cr.execute(
            query,
            {
                "client_id": client_id,
                "minute": deferred.current_minute(),
                "worker": deferred.worker_id(),
                **params,
            },
        )
        if not (row := self.env.cr.dictfetchone()):
            return {}
        row["scopes"] = frozenset((row["scope_names"] or "").split())
        if "requests_elsewhere" in row:
            requests = row["requests_elsewhere"] = sum(row["requests_elsewhere"])
            deferred.note_requests_elsewhere(self.env.cr.dbname, client_id, requests)
        return row

    @api.model
    def _problem_of(self, row):
        """Why a client is good for nothing; None if it is good."""
        if not row:
            return "unknown_client"
        if not row["active"]:
            return "archived_client"
        if not row["user_active"]:
            return "archived_user"
        if row["expires_at"] and row["expires_at"] <= fields.Datetime.now():
            return "expired_client"
        return None

    @api.model
    def _is_allowed_from(self, row, address):
        allowed = row["allowed_networks"]
        return not allowed or networks.contains(allowed, address)

    @api.model
    def _check_rate(self, row):
        own = deferred.requests_this_minute(self.env.cr.dbname, row["id"])
        if own + row["requests_elsewhere"] >= row["rate_limit"]:
            raise RateLimited(60 - fields.Datetime.now().second)

    @api.model
    def _secret_slots(self, row):
        slots = [(row["secret_hint"], row["secret_hash"])]
        until = row["previous_secret_expires_at"]
        if until and until > fields.Datetime.now():
            slots.append((row["previous_secret_hint"], row["previous_secret_hash"]))
        return slots

    @api.model
    def _refusal(self, reason, access, row):
        message = {
            "revoked_token": _REVOKED,
            "withdrawn_key": _EXPIRED,
            **_PROBLEMS,
        }[reason]
        return InvalidToken(
            message,
            reason=reason,
            client_id=row.get("id"),
            client_identifier=access.client_id,
            jti=access.jti,
        )


class _Exchange:
    """One request to an endpoint: what the protocol asks and tells the database."""

    def __init__(self, model, endpoint, address, request_id):
        self.model = model
        self.env = model.env
        self.endpoint = endpoint
        self.origin = {
            "address": address,
            "endpoint": ENDPOINTS[endpoint],
            "request_id": request_id,
        }
        self.address = address
        self.client = None  # the one that was asked for last, proven or not
        self.replayed = False

    def serve(self, request):
        base_url = self.model._base_url()
        protocol = server.Server(
            server.Store(
                find_client=self.find_client,
                issue=self.issue,
                use_assertion=self.use_assertion,
                find_token=self.find_token,
                may_introspect=self.may_introspect,
                describe=self.describe,
                revoke=self.revoke,
            ),
            audiences=[
                self.model._authority().issuer,
                base_url + metadata.TOKEN_PATH,
            ],
        )
        response = protocol.respond(self.endpoint, request)
        if "error" in response.body:
            self.log(
                "refused",
                reason=self.reason(request, response.body["error"]),
                # all that is known, so that nothing is looked up for known clients
                client_id=self.client and self.client.id,
                company_id=self.client and self.client.company_id,
                client_identifier=request.claimed_client_id,
            )
        return response

    def find_client(self, client_id):
        self.client = self.model._find_client(client_id, self.address)
        return self.client

    def issue(self, client, scopes):
        token, access = self.model._issue(client, scopes)
        self.log("issued", client_id=client.id, token_jti=access.jti)
        return token

    def use_assertion(self, client_id, jti, expires_at):
        fresh = self.env["spp.oauth.assertion"]._use(self.client.id, jti, expires_at)
        self.replayed = not fresh
        return fresh

    def find_token(self, text):
        try:
            access, row = self.model._inspect(text)
        except InvalidToken:
            return None
        scopes = access.scopes & row["scopes"]
        return FoundToken(access, scopes, row["id"], row["company_id"])

    def may_introspect(self, client, token):
        return client.is_trusted_gateway and client.company_id == token.company_id

    def describe(self, token):
        authority = self.model._authority()
        access = token.access
        return {
            "scope": " ".join(sorted(token.scopes)),
            "client_id": access.client_id,
            "token_type": "Bearer",
            "exp": access.expires_at,
            "iat": access.issued_at,
            "sub": access.subject,
            "aud": authority.audience,
            "iss": authority.issuer,
            "jti": access.jti,
        }

    def revoke(self, token):
        self.env["spp.oauth.token"]._revoke_by_client(
            token.access, token.client_record_id
        )
        self.log(
            "revoked",
            reason="by_client",
            client_id=token.client_record_id,
            token_jti=token.access.jti,
        )

    def reason(self, request, error):
        """A code for the audit log that says more than the caller is told."""
        if error != "invalid_client" or not self.client:
            return error
        if self.client.problem:
            return self.client.problem
        if self.replayed:
            return "replayed_assertion"
        return "wrong_assertion" if request.assertion_subject else "wrong_secret"

    def log(self, kind, **vals):
        self.env["spp.oauth.event"]._log(kind, **self.origin, **vals)
