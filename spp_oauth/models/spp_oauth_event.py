import ipaddress
from datetime import timedelta
from math import ceil

from odoo import SUPERUSER_ID, api, fields, models
from odoo.http import request
from odoo.tools import SQL

from ..oauth.errors import RateLimited

# Refusals are counted over this many seconds.
THROTTLE_WINDOW = 60
MAX_FAILURES_CLIENT = 10
MAX_FAILURES_ADDRESS = 100

RETENTION_DAYS = 365

_IDENTIFIER_LENGTH = 64
_VACUUM_BATCH = 10_000


class SppOauthEvent(models.Model):
    """One line of the audit log: what was issued, refused or revoked; never a secret.

    Lines are only ever added, by `_log`, and removed when they are old.
    """

    _name = "spp.oauth.event"
    _description = "OAuth Audit Event"
    _order = "date desc, id desc"
    _rec_name = "kind"
    _log_access = False

    date = fields.Datetime(
        default=fields.Datetime.now, required=True, readonly=True, index=True
    )
    kind = fields.Selection(
        [
            ("issued", "Token Issued"),
            ("refused", "Refused"),
            ("throttled", "Throttled"),
            ("revoked", "Token Revoked"),
            ("secret", "Secret Changed"),
            ("key", "Signing Key Changed"),
        ],
        "Event",
        required=True,
        readonly=True,
    )
    reason = fields.Char(
        readonly=True, help="A code, such as invalid_client or expired_token."
    )
    client_id = fields.Many2one(
        "spp.oauth.client",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
    )
    client_identifier = fields.Char(
        "Client ID", readonly=True, help="As the caller claimed it to be."
    )
    company_id = fields.Many2one(
        "res.company", readonly=True, ondelete="cascade", index="btree_not_null"
    )
    address = fields.Char("From", readonly=True, help="The caller's network address.")
    source = fields.Char(
        readonly=True,
        export_string_translation=False,
        help="Whom failures are held against: the address, or its IPv6 network.",
    )
    endpoint = fields.Char(readonly=True)
    user_id = fields.Many2one(
        "res.users",
        "Done By",
        readonly=True,
        ondelete="set null",
        index="btree_not_null",
        help="Who did it in the backend.",
    )
    token_jti = fields.Char("Token ID", readonly=True)
    request_id = fields.Char("Request ID", readonly=True)

    # what `_check_throttle` looks for
    _failures_idx = models.Index(
        "(source, date) WHERE kind IN ('refused', 'throttled')"
    )

    @api.model
    def _log(self, kind, **vals):
        """Add a line, in the current transaction.

        :param str kind: one of the kinds above
        :param vals: further fields; company and identifier come from `client_id`, if
            they are not given
        :rtype: SppOauthEvent
        """
        # nobody has the right to write history, everybody makes it
        self_sudo = self.sudo()
        client_sudo = self_sudo.env["spp.oauth.client"].browse(vals.get("client_id"))
        identifier = vals.get("client_identifier") or client_sudo.client_id
        event_sudo = self_sudo.create(
            {
                **vals,
                "kind": kind,
                "source": self._source(vals.get("address")),
                "client_identifier": self._clean_identifier(identifier),
                "company_id": vals.get("company_id") or client_sudo.company_id.id,
            }
        )
        return event_sudo.with_env(self.env)

    @api.model
    def _log_action(self, kind, reason, **vals):
        """Add a line on what the current user does in the backend or in a shell."""
        address = request.httprequest.remote_addr if request else None
        return self._log(
            kind,
            **{"user_id": self.env.uid, "reason": reason, "address": address, **vals},
        )

    @api.model
    def _clean_identifier(self, claimed):
        """What a caller claimed, fit to be stored and shown; False for nothing.

        :param str claimed: anything at all
        """
        text = (claimed or "")[:_IDENTIFIER_LENGTH]
        return "".join(c if c.isprintable() else "?" for c in text) or False

    @api.model
    def _source(self, address):
        """Who an address belongs to, as far as that can be told.

        Whoever has one IPv6 address has all of its /64 network, and could use another
        one for each attempt.
        """
        try:
            ip = ipaddress.ip_address(address or "")
        except ValueError:
            return address
        if ip.version == 4:
            return str(ip)
        if ip.ipv4_mapped:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((int(ip), 64), strict=False))

    @api.model
    def _check_throttle(self, address, client_identifier):
        """Turn away who was refused too often within the last minute.

        Called before a secret is looked at, so that guessing costs nothing here. Who is
        turned away makes no line of his own: one a minute says that it happened.

        :param str address: where the request comes from
        :param str client_identifier: as claimed, None for nobody
        :raises RateLimited: with the seconds until the next attempt is looked at
        """
        now = fields.Datetime.now()
        since = now - timedelta(seconds=THROTTLE_WINDOW)
        identifier = self._clean_identifier(client_identifier) or None
        # the oldest of the last refusals that are one too many together
        [(by_client, by_address, logged)] = self.env.execute_query(
            SQL(
                """
                SELECT (SELECT date FROM spp_oauth_event
                         WHERE kind = 'refused' AND source = %(source)s
                           AND date > %(since)s AND client_identifier = %(identifier)s
                         ORDER BY date DESC OFFSET %(of_client)s - 1 LIMIT 1),
                       (SELECT date FROM spp_oauth_event
                         WHERE kind = 'refused' AND source = %(source)s
                           AND date > %(since)s
                         ORDER BY date DESC OFFSET %(of_address)s - 1 LIMIT 1),
                       ARRAY(SELECT DISTINCT client_identifier FROM spp_oauth_event
                         WHERE kind = 'throttled' AND source = %(source)s
                           AND date > %(since)s)
                """,
                source=self._source(address) or None,
                identifier=identifier,
                since=since,
                of_client=self._limit("max_failures_client", MAX_FAILURES_CLIENT),
                of_address=self._limit("max_failures_address", MAX_FAILURES_ADDRESS),
            )
        )
        reached = [date for date in (by_client, by_address) if date]
        if not reached:
            return
        # An address may claim to be another client each time, without end.
        throttled = None if by_address else identifier
        if throttled not in logged:
            self._log_throttled(address, throttled)
        wait = max(reached) - since
        raise RateLimited(max(1, ceil(wait.total_seconds())))

    @api.model
    def _log_throttled(self, address, identifier):
        # The request may be on a replica, and is going to fail: a line of its own.
        # It is one a minute, as the next request finds it.
        with self.env.registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {"active_test": False})
            clients = env["spp.oauth.client"]
            if identifier:
                clients = clients.search([("client_id", "=", identifier)])
            self.with_env(env)._log(
                "throttled",
                reason="too_many_failures",
                address=address,
                client_id=clients.id,
                client_identifier=identifier,
            )

    @api.model
    def _limit(self, name, default):
        # a setting, read by whoever calls
        value = self.env["ir.config_parameter"].sudo().get_param(f"spp_oauth.{name}")
        return int(value) if value and value.isdecimal() and int(value) else default

    @api.autovacuum
    def _gc_events(self):
        """Remove what is older than the time that an administrator has set."""
        days = self._limit("audit_retention_days", RETENTION_DAYS)
        limit = fields.Datetime.now() - timedelta(days=days)
        old = self.sudo().search([("date", "<", limit)], limit=_VACUUM_BATCH)
        old.unlink()
        return len(old), len(old) == _VACUUM_BATCH
