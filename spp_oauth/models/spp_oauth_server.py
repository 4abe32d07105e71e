import logging
from typing import NamedTuple

from odoo import api, models
from odoo.tools import SQL

from ..oauth import secrets, tokens
from ..oauth.errors import InvalidToken
from ..oauth.server import Client, TokenRequest, TokenServer

_logger = logging.getLogger(__name__)


class Grant(NamedTuple):
    """What a good token gives: a client's record id, its service user, scopes."""

    client_id: int
    user_id: int
    tz: str | None
    scopes: frozenset


class SppOauthServer(models.AbstractModel):
    """The protocol: who issues tokens here, to whom, and what they are good for."""

    _name = "spp.oauth.server"
    _description = "OAuth Server"

    @api.model
    def _authenticate(self, token, address=None):
        """The grant of an access token, by one query.

        The client and its user are looked up every time, so that archiving either
        one, or taking a scope away, works from the next request on.

        :param str token: as in the Authorization header
        :param str address: of the caller
        :rtype: Grant
        :raises InvalidToken: when it is not good, or no longer
        """
        access = tokens.verify(
            token, self.env["spp.oauth.key"]._verification_keys(), self._authority()
        )
        rows = self.env.execute_query(
            SQL(
                """
                SELECT c.id, c.user_id, p.tz,
                       ARRAY(SELECT s.name
                               FROM spp_oauth_client_spp_oauth_scope_rel r
                               JOIN spp_oauth_scope s ON s.id = r.spp_oauth_scope_id
                              WHERE r.spp_oauth_client_id = c.id)
                  FROM spp_oauth_client c
                  JOIN res_users u ON u.id = c.user_id
                  JOIN res_partner p ON p.id = u.partner_id
                 WHERE c.client_id = %s AND c.active AND u.active
                """,
                access.client_id,
            )
        )
        if not rows:
            raise InvalidToken("The client of this token is no longer active.")
        [(client_id, user_id, tz, scopes)] = rows
        return Grant(client_id, user_id, tz, access.scopes.intersection(scopes))

    @api.model
    def _token_response(self, form, authorization, address=None):
        """Answer a request to the token endpoint.

        :param dict[str, list[str]] form: the parameters of the body
        :param authorization: the Authorization header or None
        :param str address: of the caller
        :rtype: odoo.addons.spp_oauth.oauth.server.TokenResponse
        """
        server = TokenServer(self._find_client, self._sign)
        response = server.respond(TokenRequest(form, authorization))
        if response.status != 200:
            _logger.info("Token refused: %s", response.body["error"])
        return response

    @api.model
    def _authority(self):
        """Who signs tokens here, and for whom.

        The default is this database and nothing else: tokens of the database that
        it was copied from are refused, and so it needs no set-up.
        """
        get_param = self.env["ir.config_parameter"].sudo().get_param
        issuer = get_param("spp_oauth.issuer") or (
            f"urn:uuid:{get_param('database.uuid')}"
        )
        return tokens.Authority(issuer, get_param("spp_oauth.audience") or issuer)

    @api.model
    def _find_client(self, client_id):
        # nobody is logged in yet: this is how a client does so
        client_sudo = self.env["spp.oauth.client"].sudo()
        if "\0" not in client_id:  # which the database could not even look for
            client_sudo = client_sudo.search([("client_id", "=", client_id)])
        usable = client_sudo.filtered("user_id.active")
        hashed = usable.secret_hash
        return Client(
            client_id=client_id,
            check_secret=lambda secret: secrets.verify_secret(
                secret, [(secrets.hint(secret), hashed)]
            ),
            scopes=frozenset(usable.scope_ids.mapped("name")),
            token_lifetime=usable.token_lifetime,
        )

    @api.model
    def _sign(self, client, scopes):
        return tokens.issue(
            self.env["spp.oauth.key"]._signing_key(),
            self._authority(),
            client_id=client.client_id,
            subject=client.client_id,
            scopes=scopes,
            lifetime=client.token_lifetime,
        )
