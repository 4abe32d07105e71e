import contextlib
import ipaddress
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tools import SQL

from ..oauth import keys, secrets
from ..tools.notices import RELOAD, notice

DEFAULT_LIFETIME = 600
MIN_LIFETIME = 60
MAX_LIFETIME = 86400

DEFAULT_RATE_LIMIT = 600
MAX_RATE_LIMIT = 1_000_000

_NO_PREVIOUS_SECRET = {
    "previous_secret_hash": False,
    "previous_secret_hint": False,
    "previous_secret_expires_at": False,
}

_COMPARISONS = {"<": SQL("<"), "<=": SQL("<="), ">": SQL(">"), ">=": SQL(">=")}


class SppOauthClient(models.Model):
    """A program that may call the API. It acts as a service user of its own."""

    _name = "spp.oauth.client"
    _description = "OAuth Client"
    _inherit = ["mail.thread"]
    _order = "name, id"

    # What says who a client is: fixed by `_new_client`, for whoever could change
    # it could act as any user; which secret is good until when; and what follows from
    # its scopes, whose own rules nobody gets round.
    _identity_fields = frozenset(
        {
            "client_id",
            "user_id",
            "company_id",
            "secret_hint",
            "secret_created_at",
            "previous_secret_hint",
            "previous_secret_expires_at",
            "scope_names",
        }
    )

    # What says which groups its service user has.
    _group_fields = frozenset({"scope_ids", "role_id"})

    name = fields.Char(required=True, tracking=True)
    purpose = fields.Char("What For", tracking=True)
    active = fields.Boolean(default=True, tracking=True)
    client_id = fields.Char("Client ID", required=True, readonly=True, copy=False)
    user_id = fields.Many2one(
        "res.users",
        "Service User",
        required=True,
        readonly=True,
        copy=False,
        index=True,
        ondelete="restrict",
        help="Records and rights: what this client does is done as this user.",
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True, ondelete="restrict"
    )
    scope_ids = fields.Many2many("spp.oauth.scope", string="Scopes", tracking=True)
    # Each request with a token asks for them; here they are in the row it reads.
    scope_names = fields.Char(
        compute="_compute_scope_names", store=True, export_string_translation=False
    )
    role_id = fields.Many2one(
        "spp.oauth.role",
        ondelete="restrict",
        index="btree_not_null",
        tracking=True,
        help="What its user may do. Without a role: what its scopes need, in the whole"
        " company.",
    )
    is_trusted_gateway = fields.Boolean(
        "Trusted Gateway",
        tracking=True,
        groups="base.group_system",
        help="It speaks for people it has checked itself, and may look into the tokens"
        " of all clients of its company.",
    )

    auth_method = fields.Selection(
        [
            ("client_secret", "Client Secret"),
            ("private_key_jwt", "Signed Assertion (private_key_jwt)"),
        ],
        "Authenticates By",
        required=True,
        default="client_secret",
        tracking=True,
    )
    secret_hash = fields.Char(groups=fields.NO_ACCESS, copy=False, prefetch=False)
    secret_hint = fields.Char(readonly=True, copy=False)
    secret_created_at = fields.Datetime("Secret Made", readonly=True, copy=False)
    previous_secret_hash = fields.Char(
        groups=fields.NO_ACCESS, copy=False, prefetch=False
    )
    previous_secret_hint = fields.Char(readonly=True, copy=False)
    previous_secret_expires_at = fields.Datetime(
        "Old Secret Works Until", readonly=True, copy=False
    )
    public_keys = fields.Text(
        copy=False,
        help="What the assertions of the client are verified with: a JWK Set, or keys"
        " in PEM.",
    )

    token_lifetime = fields.Integer(
        "Token Lifetime (s)",
        default=DEFAULT_LIFETIME,
        required=True,
        tracking=True,
        help="Seconds until a token expires and the client must ask for another.",
    )
    expires_at = fields.Datetime(
        "Expires",
        tracking=True,
        help="From then on neither the client nor any token of it is good for anything."
        " Empty: never.",
    )
    allowed_networks = fields.Char(
        tracking=True,
        help="Addresses or networks, separated by commas, that this client may call"
        " from. Empty: from anywhere.",
    )
    rate_limit = fields.Integer(
        "Requests per Minute",
        default=DEFAULT_RATE_LIMIT,
        required=True,
        tracking=True,
        help="More are refused until the next minute.",
    )

    is_expired = fields.Boolean(compute="_compute_is_expired")
    has_previous_secret = fields.Boolean(compute="_compute_has_previous_secret")
    last_used_at = fields.Datetime(
        "Last Used", compute="_compute_usage", search="_search_last_used_at"
    )
    last_used_address = fields.Char("Last Used From", compute="_compute_usage")
    request_count_day = fields.Integer("Requests (24 h)", compute="_compute_usage")
    valid_token_count = fields.Integer("Valid Tokens", compute="_compute_token_count")

    _client_id_unique = models.UniqueIndex("(client_id)", "This client exists already.")
    _token_lifetime_range = models.Constraint(
        f"CHECK (token_lifetime BETWEEN {MIN_LIFETIME} AND {MAX_LIFETIME})",
        "A token must live between one minute and one day.",
    )
    _rate_limit_range = models.Constraint(
        f"CHECK (rate_limit BETWEEN 1 AND {MAX_RATE_LIMIT})",
        "A client may make from one to a million requests a minute.",
    )

    @api.depends("scope_ids.name")
    def _compute_scope_names(self):
        for client in self:
            client.scope_names = " ".join(client.scope_ids.mapped("name"))

    @api.depends("expires_at")
    def _compute_is_expired(self):
        now = fields.Datetime.now()
        for client in self:
            client.is_expired = client.expires_at and client.expires_at <= now

    @api.depends("previous_secret_hint", "previous_secret_expires_at")
    def _compute_has_previous_secret(self):
        now = fields.Datetime.now()
        for client in self:
            expires_at = client.previous_secret_expires_at
            client.has_previous_secret = expires_at and expires_at > now

    def _compute_usage(self):
        since = fields.Datetime.now() - timedelta(days=1)
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT ON (client_id)
                       client_id, last_at, last_address,
                       sum(requests) FILTER (WHERE minute >= %(since)s)
                                     OVER (PARTITION BY client_id)
                  FROM spp_oauth_usage
                 WHERE client_id = ANY(%(ids)s)
              ORDER BY client_id, last_at DESC
                """,
                ids=list(self._origin.ids),
                since=since,
            )
        )
        facts = {row[0]: row[1:] for row in rows}
        for client in self:
            last_at, address, count = facts.get(client._origin.id, (False, False, 0))
            client.last_used_at = last_at
            client.last_used_address = address
            client.request_count_day = count or 0

    def _search_last_used_at(self, operator, value):
        last = SQL("SELECT client_id FROM spp_oauth_usage GROUP BY client_id")
        if operator == "in" and set(value) == {False}:
            return [("id", "not in", last)]
        if operator not in _COMPARISONS:
            return NotImplemented
        compared = _COMPARISONS[operator]
        matching = SQL("%s HAVING max(last_at) %s %s", last, compared, value)
        return [("id", "in", matching)]

    def _compute_token_count(self):
        counts = dict(
            self.env["spp.oauth.token"]._read_group(
                self._valid_tokens_domain(), ["client_id"], ["__count"]
            )
        )
        for client in self:
            client.valid_token_count = counts.get(client._origin, 0)

    @api.constrains("auth_method", "public_keys")
    def _check_public_keys(self):
        for client in self:
            if client.public_keys:
                try:
                    keys.parse_public_keys(client.public_keys)
                except ValueError as exc:
                    raise ValidationError(
                        self.env._(
                            "The public keys cannot be used. %(reason)s", reason=exc
                        )
                    ) from exc
            elif client.auth_method == "private_key_jwt":
                raise ValidationError(
                    self.env._(
                        "A client that signs assertions needs its public keys here."
                    )
                )

    @api.constrains("scope_ids", "is_trusted_gateway")
    def _check_gateway_scopes(self):
        for client_sudo in self.sudo():  # the field is for system administrators
            scopes = client_sudo.scope_ids.filtered("is_gateway_only")
            if scopes and not client_sudo.is_trusted_gateway:
                raise ValidationError(
                    self.env._(
                        "Only trusted gateways may have the scope %(names)s.",
                        names=", ".join(scopes.mapped("name")),
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._normalize(vals)
        return super().create(vals_list)

    def write(self, vals):
        if not self.env.su and self._identity_fields & vals.keys():
            raise AccessError(
                self.env._("The identity of an OAuth client cannot be changed.")
            )
        if vals != {"active": False}:  # to stop one is for every administrator
            self._check_may_change()
        self._normalize(vals)
        if "public_keys" in vals:
            self._log_public_keys(vals["public_keys"])
        if not self._group_fields & vals.keys():
            return super().write(vals)
        with self._groups_followed():
            return super().write(vals)

    def action_rotate_secret(self):
        """Ask how long the present secret is to work beside a new one."""
        self.ensure_one()
        self._check_may_administer()
        self._check_may_change()
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("New Secret for %(client)s", client=self.name),
            "res_model": "spp.oauth.client.rotate",
            "view_mode": "form",
            "target": "new",
            "context": {"default_client_id": self.id},
        }

    def action_end_previous_secret(self):
        """Have the old secret stop now, before its time."""
        self.ensure_one()
        self._check_may_administer()
        self.check_access("write")
        self_sudo = self.sudo()  # the hash is beyond everybody's rights
        self_sudo.write(_NO_PREVIOUS_SECRET)
        self_sudo._message_log(body=self.env._("The old secret was ended."))
        self.env["spp.oauth.event"]._log_action(
            "secret", "previous_ended", client_id=self.id
        )

    def action_revoke_tokens(self):
        """Have every token that was issued to these clients be refused from now on."""
        self._check_may_administer()
        self.check_access("write")
        tokens = self.env["spp.oauth.token"].search(self._valid_tokens_domain())
        tokens.action_revoke()
        message = self.env._("Tokens revoked: %(count)s", count=len(tokens))
        return notice("success", message, RELOAD)

    def action_tokens(self):
        """The tokens of this client that are still good."""
        return self._action_of_client(
            "spp_oauth.spp_oauth_token_action", {"search_default_valid": 1}
        )

    def action_events(self):
        """What the audit log knows about this client."""
        return self._action_of_client("spp_oauth.spp_oauth_event_action")

    def action_usage(self):
        """When and how much this client called."""
        return self._action_of_client("spp_oauth.spp_oauth_usage_action")

    def _action_of_client(self, xmlid, context=None):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(xmlid)
        action["domain"] = [("client_id", "=", self.id)]
        action["context"] = context or {}
        return action

    def _valid_tokens_domain(self):
        return [
            ("client_id", "in", self.ids),
            ("revoked_at", "=", False),
            ("expires_at", ">", fields.Datetime.now()),
        ]

    @api.model
    def _new_client(self, name, scopes, **vals):
        """Make a client with a service user of its own.

        :param str name: what people call it
        :param list[str] scopes: names of scopes; the service user gets the groups
            of these or of the role, and else only what any service user needs
        :param vals: further fields, such as `company_id` (default: the current
            company), `role_id` and `token_lifetime`; `user_id` makes the client act
            as this user, whose rights it leaves alone
        :return: the client and its secret, which is stored only as a hash
        :rtype: tuple[SppOauthClient, str]
        :raises AccessError: for those who may not administer API access, and for
            what only a system administrator or a shell may ask for
        :raises UserError: for a scope that no addon declares
        """
        self._check_may_administer()
        company = self.env["res.company"].browse(vals.pop("company_id", None))
        company = company or self.env.company
        if not self.env.su and company not in self.env.user.company_ids:
            raise AccessError(self.env._("You don't work for this company."))
        user = self.env["res.users"].browse(vals.get("user_id"))
        if user and not (self.env.su and self._is_person(user)):
            raise AccessError(self.env._("A client cannot act as another user."))
        if vals.get("is_trusted_gateway") and not (
            self.env.su or self.env.user.has_group("base.group_system")
        ):
            raise AccessError(
                self.env._("Only system administrators make a gateway trusted.")
            )
        scope_records = self._find_scopes(scopes)
        client_id = secrets.new_client_id()
        # an administrator of the API need not be one of users as well
        self_sudo = self.sudo()
        self_sudo._pin_issuer()
        user_id = vals.pop("user_id", None)
        if not user_id:
            user_id = self_sudo._new_service_user(name, client_id, company).id
        client_sudo = self_sudo.create(
            {
                **vals,
                "name": name,
                "client_id": client_id,
                "user_id": user_id,
                "company_id": company.id,
                "scope_ids": [Command.set(scope_records.ids)],
            }
        )
        client_sudo._sync_groups(self.env["res.groups"])
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

    def _renew_secret(self, overlap=None):
        """Make a new secret.

        :param timedelta overlap: how long the present one works beside it; None or
            zero: not at all
        :return: the new secret, which is stored only as a hash
        """
        self.ensure_one()
        secret = secrets.new_secret()
        now = fields.Datetime.now()
        self_sudo = self.sudo()  # the hashes are beyond everybody's rights
        is_first = not self_sudo.secret_hash
        vals = {
            "secret_hash": secrets.hash_secret(secret),
            "secret_hint": secrets.hint(secret),
            "secret_created_at": now,
            **_NO_PREVIOUS_SECRET,
        }
        if overlap and not is_first:
            vals |= {
                "previous_secret_hash": self_sudo.secret_hash,
                "previous_secret_hint": self_sudo.secret_hint,
                "previous_secret_expires_at": now + overlap,
            }
        self_sudo.write(vals)
        self_sudo._message_log(body=self.env._("A new secret was made."))
        self.env["spp.oauth.event"]._log_action(
            "secret", "created" if is_first else "rotated", client_id=self.id
        )
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

    @api.autovacuum
    def _gc_previous_secrets(self):
        """Forget the old secrets whose time is over; they are refused already."""
        clients_sudo = self.sudo().with_context(active_test=False)
        now = fields.Datetime.now()
        clients_sudo.search([("previous_secret_expires_at", "<=", now)]).write(
            _NO_PREVIOUS_SECRET
        )

    @api.model
    def _is_person(self, user):
        """Whether people log in as this user, unlike the system's or a client's."""
        return (
            user.active
            and not user._is_superuser()
            and not user._is_public()
            and not user.has_group("spp_oauth.spp_oauth_group_service")
        )

    @api.model
    def _new_service_user(self, name, client_id, company):
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
                    "group_ids": [Command.set(service.ids)],
                }
            )
        )

    @api.model
    def _pin_issuer(self):
        """Let tokens keep their issuer from now on, whatever address people use."""
        config = self.env["ir.config_parameter"]
        if not config.get_param("spp_oauth.issuer"):
            config.set_param("spp_oauth.issuer", self.get_base_url().rstrip("/"))

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

    def _granted_groups(self):
        """What its role or else its scopes give to the service user."""
        self.ensure_one()
        return self.role_id.group_ids if self.role_id else self.scope_ids.group_ids

    @contextlib.contextmanager
    def _groups_followed(self):
        """Have the service users follow what the block changes about their groups."""
        groups_before = {client: client._granted_groups() for client in self}
        yield
        for client, groups in groups_before.items():
            client._sync_groups(groups)

    def _sync_groups(self, groups_before):
        """Give the service user the groups it is due, take those it was due.

        Groups that somebody gave the user by hand stay, and so does the user of a
        client that acts as a person.

        :param groups_before: what it was due before
        """
        self.ensure_one()
        # an administrator of the API need not be one of users as well
        user_sudo = self.sudo().user_id
        if not user_sudo.has_group("spp_oauth.spp_oauth_group_service"):
            return
        groups_now = self._granted_groups()
        user_sudo.group_ids = [
            *(Command.unlink(group.id) for group in groups_before - groups_now),
            *(Command.link(group.id) for group in groups_now),
        ]

    def _log_public_keys(self, text):
        # who could write a key can sign in: it is as good as a secret
        for client in self:
            if (client.public_keys or "") != (text or ""):
                self.env["spp.oauth.event"]._log_action(
                    "secret", "public_keys", client_id=client.id
                )

    @api.model
    def _normalize(self, vals):
        if vals.get("allowed_networks"):
            vals["allowed_networks"] = self._parse_networks(vals["allowed_networks"])

    @api.model
    def _parse_networks(self, text):
        """Networks as they are stored: `10.0.0.0/8, 192.0.2.7`; False for none.

        :raises ValidationError: for what is no address and no network
        """
        networks = {}
        for word in text.replace(",", " ").split():
            try:
                network = ipaddress.ip_network(word, strict=False)
            except ValueError as exc:
                raise ValidationError(
                    self.env._(
                        "%(text)s is neither an address nor a network. Write them"
                        " like this: 192.0.2.7, 10.0.0.0/8, 2001:db8::/32",
                        text=word,
                    )
                ) from exc
            if ipaddress.ip_interface(word).ip != network.network_address:
                raise ValidationError(
                    self.env._(
                        "%(text)s is an address in a network. Write %(network)s for"
                        " the network, or the address alone.",
                        text=word,
                        network=str(network),  # which _ would spell out otherwise
                    )
                )
            is_address = network.prefixlen == network.max_prefixlen
            networks[str(network.network_address if is_address else network)] = None
        return ", ".join(networks) or False

    def _check_may_change(self):
        """Refuse what would give an administrator of the API more than he has.

        Whoever has the secret of a client that acts as a person, or that is believed
        about who is calling, is that person.

        :raises AccessError: for such a client, unless for system administrators
        """
        if self.env.su or self.env.user.has_group("base.group_system"):
            return
        for client_sudo in self.sudo():
            is_own = client_sudo.user_id.has_group("spp_oauth.spp_oauth_group_service")
            if client_sudo.is_trusted_gateway or not is_own:
                raise AccessError(
                    self.env._(
                        "%(client)s is a trusted gateway or acts as a person: only"
                        " system administrators may change it. You may archive it.",
                        client=client_sudo.name,
                    )
                )

    @api.model
    def _check_may_administer(self):
        if self.env.su or self.env.user.has_group("spp_oauth.spp_oauth_group_admin"):
            return
        raise AccessError(self.env._("Only administrators of API access may do this."))
