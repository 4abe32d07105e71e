import json

from odoo import api, fields, models, tools

from ..oauth import keys


class SppOauthKey(models.Model):
    """An RSA key that signs access tokens, and verifies them."""

    _name = "spp.oauth.key"
    _description = "OAuth Signing Key"
    _rec_name = "kid"
    _order = "id desc"

    kid = fields.Char("Key ID", required=True, readonly=True)
    algorithm = fields.Char(required=True, readonly=True)
    public_jwk = fields.Text("Public Key (JWK)", required=True, readonly=True)
    private_pem = fields.Text(
        required=True,
        readonly=True,
        groups=fields.NO_ACCESS,
        copy=False,
        prefetch=False,
    )

    _kid_unique = models.UniqueIndex("(kid)", "This key exists already.")

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

    @api.model
    def _ensure_key(self):
        """Make a key if there is none, and return the newest one.

        Called at install; and when a token is to be signed on a database whose
        keys are gone, as neutralizing a copy makes them.
        """
        # nobody may read or make keys; that tokens can be signed is for everybody
        self_sudo = self.sudo()
        return self_sudo.search([], limit=1) or self_sudo._generate()

    @api.model
    def _generate(self):
        pair = keys.generate()
        return self.create(
            {
                "kid": pair.kid,
                "algorithm": keys.ALGORITHM,
                "public_jwk": json.dumps(pair.public_jwk),
                "private_pem": pair.private_pem,
            }
        )

    @api.model
    def _signing_key(self):
        """The key that signs now.

        :rtype: joserfc.jwk.RSAKey
        """
        kid = self._signing_kid() or self._ensure_key().kid
        return self._private_key(kid)

    @api.model
    @tools.ormcache(cache="stable")
    def _signing_kid(self):
        return self.sudo().search([], limit=1).kid

    @api.model
    @tools.ormcache("kid", cache="stable")
    def _private_key(self, kid):
        # only this method reads the private half, and only to sign
        key_sudo = self.sudo().search([("kid", "=", kid)])
        return keys.load_private(key_sudo.private_pem, kid)

    @api.model
    def _public_jwks(self):
        """The public keys, as RFC 7517 objects, newest first."""
        # public by name and nature; a key of another algorithm verifies nothing
        keys_sudo = self.sudo().search([("algorithm", "=", keys.ALGORITHM)])
        return [json.loads(key.public_jwk) for key in keys_sudo]

    @api.model
    @tools.ormcache(cache="stable")
    def _verification_keys(self):
        """The keys that verify, by `kid`; cached a database, not a process.

        :rtype: dict[str, joserfc.jwk.RSAKey]
        """
        return keys.load_public(self._public_jwks())
