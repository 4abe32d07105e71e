import json
import logging
import os
from datetime import timedelta

import psycopg2.errors

from odoo import SUPERUSER_ID, api, fields, models, tools
from odoo.exceptions import ConcurrencyError, UserError
from odoo.tools import SQL

from ..oauth import keys
from ..oauth.tokens import LEEWAY
from ..tools.notices import RELOAD, notice

_logger = logging.getLogger(__name__)

ROTATION_DAYS = 90

# Requests that had begun when a key was retired may still sign with it.
IN_FLIGHT = timedelta(minutes=5)

# Where the passphrase of private keys is looked for.
PASSPHRASE_VARIABLE = "SPP_OAUTH_KEY_PASSPHRASE"
PASSPHRASE_OPTION = "spp_oauth_key_passphrase"


class SppOauthKey(models.Model):
    """A key that signs access tokens; and verifies them, also when it is retired."""

    _name = "spp.oauth.key"
    _description = "OAuth Signing Key"
    _rec_name = "kid"
    _order = "id desc"

    kid = fields.Char("Key ID", required=True, readonly=True)
    algorithm = fields.Selection(
        [("RS256", "RS256 (RSA)"), ("ES256", "ES256 (Elliptic Curve)")],
        required=True,
        readonly=True,
    )
    state = fields.Selection(
        [("active", "Signs"), ("retired", "Only Verifies")],
        default="active",
        required=True,
        readonly=True,
    )
    public_jwk = fields.Text("Public Key (JWK)", required=True, readonly=True)
    private_pem = fields.Text(
        readonly=True, groups=fields.NO_ACCESS, copy=False, prefetch=False
    )
    is_encrypted = fields.Boolean(
        "Encrypted",
        readonly=True,
        help="The private half is stored encrypted, with a passphrase from outside of"
        " the database.",
    )
    activated_at = fields.Datetime(
        "Signs Since", default=fields.Datetime.now, required=True, readonly=True
    )
    retired_at = fields.Datetime("Retired", readonly=True)
    verifies_until = fields.Datetime(
        readonly=True,
        help="When the last token that it signed has expired. The key is then deleted.",
    )

    _kid_unique = models.UniqueIndex("(kid)", "This key exists already.")
    _active_unique = models.UniqueIndex(
        "(state) WHERE state = 'active'", "Only one key signs."
    )

    @api.model_create_multi
    def create(self, vals_list):
        result = super().create(vals_list)
        self.env.registry.clear_cache("stable")
        return result

    def write(self, vals):
        result = super().write(vals)
        self.env.registry.clear_cache("stable")
        return result

    def unlink(self):
        result = super().unlink()
        self.env.registry.clear_cache("stable")
        return result

    def action_rotate(self):
        """Sign with a new key from now on, whichever key this is called on."""
        self.env["spp.oauth.client"]._check_may_administer()
        retired = self.sudo()._rotate()
        self.env["spp.oauth.event"]._log_action("key", "rotated")
        message = self.env._("A new key signs tokens from now on.")
        if retired:
            message = self.env._(
                "A new key signs tokens from now on. Those of the old one are good"
                " until they expire, at the latest %(until)s.",
                until=tools.format_datetime(self.env, retired.verifies_until),
            )
        return notice("success", message, RELOAD)

    def action_withdraw(self):
        """Accept nothing more that these retired keys have signed."""
        self.env["spp.oauth.client"]._check_may_administer()
        self.check_access("read")
        if self.filtered(lambda key: key.state == "active"):
            raise UserError(
                self.env._("This key signs. Rotate first, so that another one does.")
            )
        # nobody may write keys, beside what these buttons do
        self.sudo().verifies_until = fields.Datetime.now()
        self.env["spp.oauth.event"]._log_action("key", "withdrawn")

    @api.model
    def _cron_rotate(self):
        """Rotate when it is time, and delete keys that no longer verify anything."""
        self_sudo = self.sudo()
        now = fields.Datetime.now()
        signing = self_sudo._ensure_key()
        signing._encrypt()
        days = self_sudo._rotation_days()
        if days and signing.activated_at <= now - timedelta(days=days):
            try:
                self_sudo._rotate()
            except UserError as exc:
                _logger.error("The signing key is not rotated: %s", exc)
            else:
                self.env["spp.oauth.event"]._log("key", reason="rotated")
        self_sudo.search(
            [("state", "=", "retired"), ("verifies_until", "<=", now)]
        ).unlink()

    @api.model
    def _rotation_days(self):
        value = self.env["ir.config_parameter"].get_param("spp_oauth.key_rotation_days")
        return int(value) if value and value.isdecimal() else ROTATION_DAYS

    @api.model
    def _rotate(self):
        """Make a key that signs, and retire the one that did.

        :return: the retired key, if there was one
        :raises UserError: when the new key would be worse protected than the old one
        :raises LockError: when somebody else is at it
        """
        signing = self.search([("state", "=", "active")], limit=1)
        if signing.is_encrypted and not self._passphrase():
            raise UserError(
                self.env._(
                    "The present key is encrypted, and a new one would not be. Set"
                    " %(variable)s in the environment, or %(option)s in the"
                    " configuration file.",
                    variable=PASSPHRASE_VARIABLE,
                    option=PASSPHRASE_OPTION,
                )
            )
        signing.lock_for_update()
        signing._retire()
        self._generate()
        return signing

    def _retire(self):
        if not self:
            return
        now = fields.Datetime.now()
        self.env.flush_all()
        # Clients that had a longer life once have tokens that are still good.
        [(last_expiry, lifetime)] = self.env.execute_query(
            SQL(
                """
                SELECT (SELECT max(expires_at) FROM spp_oauth_token WHERE kid = %s),
                       (SELECT max(token_lifetime) FROM spp_oauth_client)
                """,
                self.kid,
            )
        )
        until = now + timedelta(seconds=lifetime or 0)
        self.write(
            {
                "state": "retired",
                "retired_at": now,
                "verifies_until": max(until, last_expiry or until)
                + timedelta(seconds=LEEWAY)
                + IN_FLIGHT,
                "private_pem": False,
            }
        )
        self.flush_recordset()  # before there is another one

    @api.model
    def _ensure_key(self):
        """Make a key if none signs, and return the one that does.

        Called at install; and when a token is to be signed on a database whose
        keys are gone, as neutralizing a copy makes them.
        """
        # nobody may read or make keys; that tokens can be signed is for everybody
        self_sudo = self.sudo()
        key_sudo = self_sudo.search([("state", "=", "active")], limit=1)
        if key_sudo:
            return key_sudo
        try:
            return self_sudo._generate()
        except psycopg2.errors.UniqueViolation as exc:
            # somebody else did so meanwhile; the next attempt sees that key
            raise ConcurrencyError() from exc

    @api.model
    def _generate(self):
        algorithm = self.env["ir.config_parameter"].get_param(
            "spp_oauth.signing_algorithm"
        )
        if algorithm not in keys.ALGORITHMS:
            algorithm = keys.DEFAULT_ALGORITHM
        pair = keys.generate(algorithm, self._passphrase())
        return self.create(
            {
                "kid": pair.kid,
                "algorithm": pair.algorithm,
                "public_jwk": json.dumps(pair.public_jwk),
                "private_pem": pair.private_pem,
                "is_encrypted": pair.is_encrypted,
            }
        )

    @api.model
    def _signing_key(self):
        """The key that signs now.

        Which one that is, the database is asked each time: a cache may be wrong for a
        while after a rotation. What a key consists of never changes.

        :rtype: joserfc.jwk.RSAKey | joserfc.jwk.ECKey
        :raises LockedKey: when it is encrypted and the passphrase is not its own
        """
        key_sudo = self._ensure_key()
        key_sudo._encrypt()
        return self._private_key(key_sudo.kid)

    @api.model
    @tools.ormcache("kid", cache="stable")
    def _private_key(self, kid):
        # only this method reads the private half, and only to sign
        key_sudo = self.sudo().search([("kid", "=", kid)])
        return keys.load_private(
            key_sudo.private_pem, kid, key_sudo.algorithm, self._passphrase()
        )

    def _encrypt(self):
        """Encrypt the private half, once there is a passphrase."""
        passphrase = self._passphrase()
        if passphrase and not self.is_encrypted:
            self.write(
                {
                    "private_pem": keys.encrypt(
                        self.private_pem, self.algorithm, passphrase
                    ),
                    "is_encrypted": True,
                }
            )

    @api.model
    def _passphrase(self):
        # from outside of the database: whoever gets a dump of it gets no key
        return (
            os.environ.get(PASSPHRASE_VARIABLE)
            or tools.config.get(PASSPHRASE_OPTION)
            or None
        )

    @api.model
    def _verifying(self, domain=()):
        # public by name and nature
        return self.sudo().search(
            [
                *domain,
                "|",
                ("verifies_until", "=", False),
                ("verifies_until", ">", fields.Datetime.now()),
            ]
        )

    @api.model
    def _public_jwks(self):
        """The public keys that verify now, as RFC 7517 objects, newest first."""
        return [json.loads(key.public_jwk) for key in self._verifying()]

    @api.model
    @tools.ormcache(cache="stable")
    def _verification_keys(self):
        """The keys that verify, by `kid`; cached a database, not a process.

        :rtype: dict[str, joserfc.jwk.RSAKey | joserfc.jwk.ECKey]
        """
        return keys.load_public(self._public_jwks())

    @api.model
    def _find_new_key(self, kid):
        """Look for a key on the primary database, and correct the cache.

        A worker that has not heard of a rotation yet, a transaction that began before
        it, and a replica that lags behind do not know the newest key. Nor do they know
        that one is gone.

        :return: the key, or None when there is none that verifies
        """
        known = self._verification_keys()
        with self.env.registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            found = env[self._name]._verifying([("kid", "=", kid)])
            jwks = [json.loads(key.public_jwk) for key in found]
        # other caches may be wrong in another way: this one alone is corrected
        known.pop(kid, None)
        known.update(keys.load_public(jwks))
        return known.get(kid)
