from odoo import fields
from odoo.exceptions import AccessError, ValidationError
from odoo.models import MAGIC_COLUMNS
from odoo.tests import TransactionCase, new_test_user

SECRETS = (
    ("spp.oauth.client", "secret_hash"),
    ("spp.oauth.client", "previous_secret_hash"),
    ("spp.oauth.key", "private_pem"),
)

# what an administrator of the API may do; every other model is for reading only
MAY = {
    "spp.oauth.assertion": set(),
    "spp.oauth.client": {"read", "write"},
    "spp.oauth.client.new": {"read", "write", "create"},
    "spp.oauth.client.rotate": {"read", "write", "create"},
    "spp.oauth.client.secret": {"read", "create"},
    "spp.oauth.idempotency": set(),
}
# what people fill in on the form of a client
EDITABLE = {
    "active",
    "allowed_networks",
    "auth_method",
    "expires_at",
    "is_trusted_gateway",
    "name",
    "public_keys",
    "purpose",
    "rate_limit",
    "role_id",
    "token_lifetime",
}
OPERATIONS = ("read", "write", "create", "unlink")


class TestAccess(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["spp.oauth.scope"].create(
            {"name": "access:read", "description": "Read"}
        )
        cls.client, _secret = cls.env["spp.oauth.client"]._new_client(
            "A", ["access:read"]
        )
        cls.client._renew_secret()
        cls.strangers = {
            "internal": new_test_user(cls.env, "o_internal", "base.group_user"),
            "portal": new_test_user(cls.env, "o_portal", "base.group_portal"),
            "settings": new_test_user(cls.env, "o_erp", "base.group_erp_manager"),
            "service": cls.client.user_id,
            "public": cls.env.ref("base.public_user"),
        }
        cls.admin = new_test_user(cls.env, "o_api", "spp_oauth.spp_oauth_group_admin")
        cls.system = new_test_user(cls.env, "o_system", "base.group_system")
        cls.models = sorted(
            name
            for name, model in cls.env.registry.items()
            if name.startswith("spp.oauth.") and not model._abstract
        )

    def test_every_model_is_known(self):
        self.assertLessEqual(MAY.keys(), set(self.models))
        self.assertIn("spp.oauth.event", self.models)

    def test_others_see_nothing(self):
        for role, user in self.strangers.items():
            for model in self.models:
                records = self.env[model].with_user(user)
                for operation in OPERATIONS:
                    with self.subTest(f"{role} {operation} {model}"):
                        self.assertFalse(records.has_access(operation))
                with self.assertRaises(AccessError):
                    records.search([])

    def test_administrators_do_what_they_must(self):
        for user in (self.admin, self.system):
            for model in self.models:
                records = self.env[model].with_user(user)
                may = MAY.get(model, {"read"})
                for operation in OPERATIONS:
                    with self.subTest(f"{user.login} {operation} {model}"):
                        self.assertEqual(
                            records.has_access(operation), operation in may
                        )

    def test_what_somebody_is_in_the_middle_of_is_theirs(self):
        env = self.env(user=self.admin)
        for mine in (
            env["spp.oauth.client.new"].create(
                {"name": "B", "scope_ids": self.client.scope_ids.ids}
            ),
            env["spp.oauth.client.rotate"].create({"client_id": self.client.id}),
            env["spp.oauth.client.secret"].create({}),
        ):
            with self.subTest(mine._name):
                mine.check_access("read")
                others = mine.with_user(self.system)
                self.assertFalse(others.search([("id", "in", mine.ids)]))
                self.assertFalse(others.has_access("read"))

    def test_others_make_nothing(self):
        for role, user in self.strangers.items():
            with self.subTest(role):
                client = self.client.with_user(user)
                with self.assertRaises(AccessError):
                    client.action_rotate_secret()
                with self.assertRaises(AccessError):
                    client._new_client("B", ["access:read"])
                with self.assertRaises(AccessError):
                    client.action_end_previous_secret()
                with self.assertRaises(AccessError):
                    client.action_revoke_tokens()
                with self.assertRaises(AccessError):
                    client.env["spp.oauth.client.new"].create(
                        {"name": "B", "scope_ids": self.client.scope_ids.ids}
                    )
                with self.assertRaises(AccessError):
                    client.env["spp.oauth.client.rotate"].create(
                        {"client_id": self.client.id}
                    )

    def test_system_administrators_administer(self):
        self.assertTrue(self.system.has_group("spp_oauth.spp_oauth_group_admin"))
        client = self.client.with_user(self.system)
        client.name = "Renamed"
        self.assertEqual(client.name, "Renamed")

    def test_secrets_are_beyond_administrators(self):
        for model, name in SECRETS:
            with self.subTest(f"{model}.{name}"):
                field = self.env[model]._fields[name]
                self.assertEqual(field.groups, fields.NO_ACCESS)
                self.assertFalse(field.copy)
                self.assertFalse(field.prefetch)
                records = self.env[model].with_user(self.system).search([])
                self.assertTrue(records)
                self.assertNotIn(name, records.fields_get())
                self.assertNotIn(name, records.read()[0])
                for call in (
                    lambda r=records, n=name: r.read([n]),
                    lambda r=records, n=name: r.export_data([n]),
                    lambda r=records, n=name: r.search([(n, "like", "a")]),
                    lambda r=records, n=name: r.search([], order=n),
                    lambda r=records, n=name: r.formatted_read_group(
                        [], [n], ["__count"]
                    ),
                    lambda r=records, n=name: r.web_read({n: {}}),
                    lambda r=records, n=name: r[0][n],
                ):
                    with self.assertRaises(AccessError):
                        call()

    def test_no_other_field_holds_a_secret(self):
        suspicious = ("hash", "pem", "private", "password")
        known = {name for _model, name in SECRETS}
        for model in self.models:
            for name, field in self.env[model]._fields.items():
                if field.store and any(word in name for word in suspicious):
                    self.assertIn(name, known, model)

    def test_history_is_only_read(self):
        event = self.env["spp.oauth.event"]._log("refused", reason="invalid_client")
        for operation in ("write", "create", "unlink"):
            self.assertFalse(event.with_user(self.system).has_access(operation))


class TestCompanies(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["spp.oauth.scope"].create(
            {"name": "access:read", "description": "Read"}
        )
        cls.other = cls.env["res.company"].create({"name": "Others"})
        cls.env.user.company_ids += cls.other
        cls.admin = new_test_user(cls.env, "o_api", "spp_oauth.spp_oauth_group_admin")
        model = cls.env["spp.oauth.client"]
        cls.ours, _secret = model._new_client("Ours", ["access:read"])
        cls.theirs, _secret = model._new_client(
            "Theirs", ["access:read"], company_id=cls.other.id
        )
        now = fields.Datetime.now()
        for client in cls.ours + cls.theirs:
            cls.env["spp.oauth.event"]._log("issued", client_id=client.id)
            cls.env["spp.oauth.token"].sudo().create(
                {
                    "jti": client.client_id,
                    "client_id": client.id,
                    "kid": "k",
                    "issued_at": now,
                    "expires_at": fields.Datetime.add(now, hours=1),
                }
            )
            cls.env["spp.oauth.usage"]._add(
                {(client.id, now): (1, now, "192.0.2.1")}, "test"
            )

    def test_nothing_of_another_company_is_seen(self):
        for model in (
            "spp.oauth.client",
            "spp.oauth.event",
            "spp.oauth.token",
            "spp.oauth.usage",
        ):
            with self.subTest(model):
                name = "id" if model == "spp.oauth.client" else "client_id"
                records = self.env[model].with_user(self.admin)
                self.assertTrue(records.search([(name, "=", self.ours.id)]))
                self.assertFalse(records.search([(name, "=", self.theirs.id)]))
                theirs = self.env[model].search([(name, "=", self.theirs.id)])
                with self.assertRaises(AccessError):
                    theirs.with_user(self.admin).read(["display_name"])

    def test_nothing_of_another_company_is_changed(self):
        theirs = self.theirs.with_user(self.admin)
        token = self.env["spp.oauth.token"].search([("client_id", "=", theirs.id)])
        self.theirs.sudo().previous_secret_hash = "x"
        for call in (
            lambda: theirs.write({"name": "X"}),
            theirs.action_end_previous_secret,
            theirs.action_revoke_tokens,
            token.with_user(self.admin).action_revoke,
            lambda: theirs.env["spp.oauth.client.rotate"].create(
                {"client_id": theirs.id}
            ),
            lambda: theirs._new_client("X", [], company_id=self.other.id),
        ):
            with self.assertRaises(AccessError):
                call()
        self.assertFalse(token.revoked_at)
        self.assertTrue(self.theirs.sudo().previous_secret_hash)

    def test_unknown_callers_are_for_all_administrators(self):
        self.env["spp.oauth.event"]._log("refused", client_identifier="nobody")
        events = self.env["spp.oauth.event"].with_user(self.admin)
        self.assertTrue(events.search([("client_identifier", "=", "nobody")]))

    def test_administrator_of_both(self):
        self.admin.company_ids += self.other
        clients = self.env["spp.oauth.client"].with_user(self.admin)
        clients = clients.with_context(
            allowed_company_ids=[self.env.company.id, self.other.id]
        )
        self.assertLessEqual(self.ours + self.theirs, clients.search([]))


class TestGateways(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["spp.oauth.scope"].create(
            {"name": "gate:way", "description": "Gate", "is_gateway_only": True}
        )
        cls.admin = new_test_user(cls.env, "o_api", "spp_oauth.spp_oauth_group_admin")
        cls.system = new_test_user(cls.env, "o_system", "base.group_system")
        cls.model = cls.env["spp.oauth.client"]

    def test_only_a_trusted_gateway_may_have_its_scopes(self):
        with self.assertRaises(ValidationError):
            self.model._new_client("G", ["gate:way"])
        client, _secret = self.model._new_client(
            "G", ["gate:way"], is_trusted_gateway=True
        )
        with self.assertRaises(ValidationError):
            client.with_user(self.system).is_trusted_gateway = False

    def test_only_system_administrators_trust(self):
        with self.assertRaises(AccessError):
            self.model.with_user(self.admin)._new_client(
                "G", [], is_trusted_gateway=True
            )
        client, _secret = self.model.with_user(self.admin)._new_client("G", [])
        with self.assertRaises(AccessError):
            client.with_user(self.admin).is_trusted_gateway = True
        with self.assertRaises(AccessError):
            client.with_user(self.admin).read(["is_trusted_gateway"])
        client.with_user(self.system).is_trusted_gateway = True
        self.assertTrue(client.sudo().is_trusted_gateway)

    def test_what_is_computed_or_fixed_cannot_be_written(self):
        client, _secret = self.model._new_client("A", ["metrics:read"])
        fixed = {
            name
            for name, field in self.model._fields.items()
            if field.column_type and field.store and name not in MAGIC_COLUMNS
        } - EDITABLE
        self.assertIn("scope_names", fixed)
        self.assertIn("secret_hash", fixed)
        for user in (self.admin, self.system):
            for name in fixed:
                with (
                    self.subTest(name, user=user.login),
                    self.assertRaises(AccessError),
                ):
                    client.with_user(user).write({name: False})

    def test_powerful_clients_are_for_system_administrators(self):
        gateway, _secret = self.model._new_client("G", [], is_trusted_gateway=True)
        acting, _secret = self.model._new_client("P", [], user_id=self.system.id)
        for client in (gateway, acting):
            before = client.sudo().secret_hash
            by_admin = client.with_user(self.admin)
            rotation = by_admin.env["spp.oauth.client.rotate"].create(
                {"client_id": client.id}
            )
            for call in (
                by_admin.action_rotate_secret,
                rotation.action_rotate,
                lambda c=by_admin: c.write({"public_keys": "x"}),
                lambda c=by_admin: c.write({"auth_method": "private_key_jwt"}),
                lambda c=by_admin: c.write({"name": "X", "active": False}),
            ):
                with self.assertRaises(AccessError):
                    call()
            self.assertEqual(client.sudo().secret_hash, before)
            by_admin.action_revoke_tokens()
            by_admin.active = False
            self.assertFalse(client.active)
            with self.assertRaises(AccessError):
                by_admin.active = True
            client.with_user(self.system).write({"active": True, "name": "Y"})
            client.with_user(self.system).action_rotate_secret()
