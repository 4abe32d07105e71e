from odoo import api, fields, models
from odoo.tools import SQL

from .spp_oauth_token import from_timestamp

_VACUUM_BATCH = 10_000


class SppOauthAssertion(models.Model):
    """An assertion that a client has authenticated with, and never will again."""

    _name = "spp.oauth.assertion"
    _description = "OAuth Client Assertion"
    _rec_name = "jti"
    _log_access = False

    client_id = fields.Many2one(
        "spp.oauth.client", required=True, readonly=True, ondelete="cascade"
    )
    jti = fields.Char("Assertion ID", required=True, readonly=True)
    expires_at = fields.Datetime(required=True, readonly=True, index=True)

    _jti_unique = models.UniqueIndex(
        "(client_id, jti)", "This assertion was used before."
    )

    @api.model
    def _use(self, client_id, jti, expires_at):
        """Note down an assertion, on whichever worker it comes.

        Of two at once one waits for the other, and is then run again by Odoo.

        :param int client_id: the record id of the client
        :param int expires_at: seconds since 1970; until then it must not come again
        :return: whether it came for the first time
        """
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO spp_oauth_assertion (client_id, jti, expires_at)
                     VALUES (%s, %s, %s)
                ON CONFLICT (client_id, jti) DO NOTHING
                """,
                client_id,
                jti,
                from_timestamp(expires_at),
            ),
            log_exceptions=False,
        )
        return bool(self.env.cr.rowcount)

    @api.autovacuum
    def _gc_assertions(self):
        limit = fields.Datetime.now()
        old = self.sudo().search([("expires_at", "<", limit)], limit=_VACUUM_BATCH)
        old.unlink()
        return len(old), len(old) == _VACUUM_BATCH
