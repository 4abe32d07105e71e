from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Command

from ..oauth import secrets

DEFAULT_LIFETIME = 600
MIN_LIFETIME = 60
MAX_LIFETIME = 86400


class SppOauthClient(models.Model):
    """A program that may call the API. It acts as a service user of its own."""

    _name = "spp.oauth.client"
    _description = "OAuth Client"
    _inherit = ["mail.thread"]
    _order = "name, id"

    # What says who a client is: fixed by `_new_client`, for whoever could change
    # it could act as any user.
    _identity_fields = frozenset({"client_id", "user_id", "company_id"})

    name = fields.Char(required=True, tracking=True)
    active = fields.Boolean(default=True, tracking=True)
    client_id = fields.Char("Client ID", required=True, readonly=True, copy=False)
    secret_hash = fields.Char(groups=fields.NO_ACCESS, copy=False, prefetch=False)
    user_id = fields.Many2one(
        "res.users",
        "Service User",
        required=True,
        readonly=True,
        copy=False,
        ondelete="restrict",
        help="Records and rights: what this client does is done as this user.",
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True, ondelete="restrict"
    )
    scope_ids = fields.Many2many("spp.oauth.scope", string="Scopes", tracking=True)
    token_lifetime = fields.Integer(
        "Token Lifetime (s)",
        default=DEFAULT_LIFETIME,
        required=True,
        tracking=True,
        help="Seconds until a token expires and the client must ask for another.",
    )

    _client_id_unique = models.UniqueIndex("(client_id)", "This client exists already.")
    _user_unique = models.UniqueIndex(
        "(user_id)", "Each client needs a service user of its own."
    )
    _token_lifetime_range = models.Constraint(
        f"CHECK (token_lifetime BETWEEN {MIN_LIFETIME} AND {MAX_LIFETIME})",
        "A token must live between one minute and one day.",
    )

    def write(self, vals):
        if not self.env.su and self._identity_fields & vals.keys():
            raise AccessError(
                self.env._("The identity of an OAuth client cannot be changed.")
            )
        if "scope_ids" not in vals:
            return super().write(vals)
        groups_before = {client: client.scope_ids.group_ids for client in self}
        result = super().write(vals)
        for client, groups in groups_before.items():
            client._sync_groups(groups)
        return result

    def action_new_secret(self):
        """Replace the secret at once, and show the new one this one time."""
        self.ensure_one()
        self._check_may_administer()
        self.check_access("write")
        return self._show_secret(self._renew_secret())

    @api.model
    def _new_client(self, name, scopes, **vals):
        """Make a client with a service user of its own.

        :param str name: what people call it
        :param list[str] scopes: names of scopes; the service user gets the groups
            of these, and else only what any service user needs
        :param vals: further fields, such as `company_id` (default: the current
            company) and `token_lifetime`
        :return: the client and its secret, which is stored only as a hash
        :rtype: tuple[SppOauthClient, str]
        :raises AccessError: for those who may not administer API access
        :raises UserError: for a scope that no addon declares
        """
        self._check_may_administer()
        company = self.env["res.company"].browse(vals.pop("company_id", None))
        company = company or self.env.company
        if not self.env.su and company not in self.env.user.company_ids:
            raise AccessError(self.env._("You don't work for this company."))
        scope_records = self._find_scopes(scopes)
        client_id = secrets.new_client_id()
        # an administrator of the API need not be one of users as well
        self_sudo = self.sudo()
        user_sudo = self_sudo._new_service_user(name, client_id, company, scope_records)
        client_sudo = self_sudo.create(
            {
                **vals,
                "name": name,
                "client_id": client_id,
                "user_id": user_sudo.id,
                "company_id": company.id,
                "scope_ids": [Command.set(scope_records.ids)],
            }
        )
        client = client_sudo.with_env(self.env)
        return client, client._renew_secret()

    @api.model
    def _api_whoami(self, scopes):
        """Who makes this request, as its own client may know it.

        :param scopes: what the token is good for
        :rtype: dict
        """
        # a service user has no rights on clients, and needs none for its own name
        client_sudo = self.sudo().browse(self.env.context["spp_oauth_client_id"])
        return {
            "client_id": client_sudo.client_id,
            "name": client_sudo.name,
            "user": client_sudo.user_id.login,
            "company": client_sudo.company_id.name,
            "scopes": sorted(scopes),
        }

    def _renew_secret(self):
        self.ensure_one()
        secret = secrets.new_secret()
        self_sudo = self.sudo()  # the hash is beyond everybody's rights
        self_sudo.secret_hash = secrets.hash_secret(secret)
        self_sudo._message_log(body=self.env._("A new secret was made."))
        return secret

    def _show_secret(self, secret):
        """A dialog that shows the secret; it travels there and is never stored."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Secret of %(client)s", client=self.name),
            "res_model": "spp.oauth.client.secret",
            "view_mode": "form",
            "target": "new",
            "context": {
                "default_client_id": self.client_id,
                "default_secret": secret,
            },
        }

    @api.model
    def _new_service_user(self, name, client_id, company, scopes):
        service = self.env.ref("spp_oauth.spp_oauth_group_service")
        return (
            self.env["res.users"]
            .with_context(no_reset_password=True)
            .create(
                {
                    "name": name,
                    "login": f"oauth-{client_id}",
                    "company_id": company.id,
                    "company_ids": [Command.set(company.ids)],
                    "group_ids": [Command.set((service + scopes.group_ids).ids)],
                }
            )
        )

    @api.model
    def _find_scopes(self, names):
        scopes = self.env["spp.oauth.scope"].search([("name", "in", names)])
        if unknown := set(names) - set(scopes.mapped("name")):
            raise UserError(
                self.env._(
                    "There is no scope %(names)s.", names=", ".join(sorted(unknown))
                )
            )
        return scopes

    def _sync_groups(self, groups_before):
        """Give the service user the groups of its scopes, take those they lost.

        Groups that somebody gave the user by hand stay.

        :param groups_before: the groups of the scopes, before these changed
        """
        self.ensure_one()
        groups_now = self.scope_ids.group_ids
        groups_gone = groups_before - groups_now
        # an administrator of the API need not be one of users as well
        self.user_id.sudo().group_ids = [
            *(Command.unlink(group.id) for group in groups_gone),
            *(Command.link(group.id) for group in groups_now),
        ]

    @api.model
    def _check_may_administer(self):
        if self.env.su or self.env.user.has_group("spp_oauth.spp_oauth_group_admin"):
            return
        raise AccessError(self.env._("Only administrators of API access may do this."))
