from datetime import UTC, datetime, timedelta

from odoo import api, fields, models
from odoo.fields import Domain

_VACUUM_BATCH = 10_000

# Rows are kept a little longer than tokens are good for, clocks being what they are.
_KEEP_EXPIRED = timedelta(hours=1)


class SppOauthToken(models.Model):
    """An access token that was issued: what is known of it, never the token itself."""

    _name = "spp.oauth.token"
    _description = "OAuth Access Token"
    _rec_name = "jti"
    _order = "id desc"
    _log_access = False

    jti = fields.Char("Token ID", required=True, readonly=True)
    client_id = fields.Many2one(
        "spp.oauth.client",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(related="client_id.company_id")
    kid = fields.Char("Key ID", required=True, readonly=True, index=True)
    scope = fields.Char("Scopes", readonly=True)
    issued_at = fields.Datetime("Issued", required=True, readonly=True)
    expires_at = fields.Datetime("Expires", required=True, readonly=True, index=True)
    revoked_at = fields.Datetime("Revoked", readonly=True)
    revoked_by_id = fields.Many2one(
        "res.users",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
        help="Empty when the client did so itself.",
    )
    state = fields.Selection(
        [("valid", "Valid"), ("expired", "Expired"), ("revoked", "Revoked")],
        "Status",
        compute="_compute_state",
        search="_search_state",
    )

    _jti_unique = models.UniqueIndex("(jti)", "This token exists already.")

    @api.depends("expires_at", "revoked_at")
    def _compute_state(self):
        now = fields.Datetime.now()
        for token in self:
            if token.revoked_at:
                token.state = "revoked"
            else:
                token.state = "valid" if token.expires_at > now else "expired"

    def _search_state(self, operator, value):
        if operator != "in":
            return NotImplemented
        now = fields.Datetime.now()
        not_revoked = Domain("revoked_at", "=", False)
        domains = {
            "valid": not_revoked & Domain("expires_at", ">", now),
            "expired": not_revoked & Domain("expires_at", "<=", now),
            "revoked": ~not_revoked,
        }
        return Domain.OR(domains[state] for state in value if state in domains)

    def action_revoke(self):
        """Take these tokens back: they are refused from the next request on."""
        self.env["spp.oauth.client"]._check_may_administer()
        self.check_access("read")
        valid = self.filtered(lambda token: token.state == "valid")
        # nobody may write tokens, beside this
        valid.sudo().write(
            {"revoked_at": fields.Datetime.now(), "revoked_by_id": self.env.uid}
        )
        for token in valid:
            self.env["spp.oauth.event"]._log_action(
                "revoked",
                "by_administrator",
                client_id=token.client_id.id,
                token_jti=token.jti,
            )

    @api.model
    def _note(self, access, client_id, revoked_at=False):
        """Remember a token.

        :param odoo.addons.spp_oauth.oauth.tokens.AccessToken access: what it says
        :param int client_id: the record id of its client
        """
        # whoever gets a token has no rights in the backend
        return self.sudo().create(
            {
                "jti": access.jti,
                "client_id": client_id,
                "kid": access.kid,
                "scope": " ".join(sorted(access.scopes)),
                "issued_at": from_timestamp(access.issued_at),
                "expires_at": from_timestamp(access.expires_at),
                "revoked_at": revoked_at,
            }
        )

    @api.model
    def _revoke_by_client(self, access, client_id):
        """Take back a token at the wish of its own client."""
        now = fields.Datetime.now()
        token_sudo = self.sudo().search([("jti", "=", access.jti)])
        if token_sudo:
            token_sudo.revoked_at = now
        else:
            self._note(access, client_id, revoked_at=now)

    @api.autovacuum
    def _gc_tokens(self):
        limit = fields.Datetime.now() - _KEEP_EXPIRED
        old = self.sudo().search([("expires_at", "<", limit)], limit=_VACUUM_BATCH)
        old.unlink()
        return len(old), len(old) == _VACUUM_BATCH


def from_timestamp(seconds):
    """Seconds since 1970 as the naive UTC that fields hold."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
