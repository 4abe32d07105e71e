import json
from ast import literal_eval
from datetime import timedelta

import psycopg2.errors
from lxml import etree

from odoo import fields
from odoo.exceptions import AccessDenied, AccessError, UserError, ValidationError
from odoo.modules.neutralize import get_neutralization_queries
from odoo.tests import TransactionCase, new_test_user
from odoo.tools import mute_logger

from ..oauth import keys, secrets


class TestClient(TransactionCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.read_group, cls.write_group = cls.env["res.groups"].create(
            [{"name": "Readers"}, {"name": "Writers"}]
        )
        cls.read, cls.write = cls.env["spp.oauth.scope"].create(
            [
                {
                    "name": "record:read",
                    "description": "Read things",
                    "group_ids": cls.read_group.ids,
                },
                {
                    "name": "record:write",
                    "description": "Write things",
                    "group_ids": (cls.read_group + cls.write_group).ids,
                },
            ]
        )
        cls.service_group = cls.env.ref("spp_oauth.spp_oauth_group_service")
        cls.model = cls.env["spp.oauth.client"]
        cls.client, cls.secret = cls.model._new_client("App", ["record:read"])
        cls.admin = new_test_user(
            cls.env, "oauth_admin", groups="spp_oauth.spp_oauth_group_admin"
        )

    def test_new_client(self):
        user = self.client.user_id
        self.assertEqual(user.login, f"oauth-{self.client.client_id}")
        self.assertEqual(user.group_ids, self.service_group + self.read_group)
        self.assertEqual(user.company_ids, self.env.company)
        self.assertEqual(self.client.company_id, self.env.company)
        self.assertTrue(user.share, "it is no internal user")
        self.assertEqual(self.client.token_lifetime, 600)
        self.assertNotIn(self.secret, self.client.sudo().secret_hash)

    def test_unknown_scope(self):
        with self.assertRaises(UserError):
            self.model._new_client("App", ["record:read", "record:burn"])

    def test_scopes_give_and_take_groups(self):
        by_hand = self.env["res.groups"].create({"name": "By hand"})
        self.client.user_id.group_ids += by_hand
        client = self.client.with_user(self.admin)
        client.scope_ids += self.write
        user = self.client.user_id
        always = self.service_group + by_hand
        self.assertEqual(user.group_ids, always + self.read_group + self.write_group)
        client.scope_ids -= self.write
        self.assertEqual(user.group_ids, always + self.read_group)
        client.scope_ids = False
        self.assertEqual(user.group_ids, always)

    def test_service_users_follow_when_a_scope_changes(self):
        self.client.active = False
        self.read.group_ids = self.write_group
        expected = self.service_group + self.write_group
        self.assertEqual(self.client.user_id.group_ids, expected)

    def test_administrator_of_the_api_alone_may(self):
        client, secret = self.model.with_user(self.admin)._new_client(
            "Mine", ["record:read"], token_lifetime=120
        )
        self.assertEqual(client.env.user, self.admin)
        self.assertEqual(client.name, "Mine")
        self.assertEqual(client.token_lifetime, 120)
        self.assertTrue(secret)

    def test_not_for_a_company_of_others(self):
        company = self.env["res.company"].create({"name": "Others"})
        with self.assertRaises(AccessError):
            self.model.with_user(self.admin)._new_client(
                "X", ["record:read"], company_id=company.id
            )

    def test_clients_of_other_companies_are_invisible(self):
        company = self.env["res.company"].create({"name": "Others"})
        theirs, _secret = self.model._new_client("T", [], company_id=company.id)
        found = self.model.with_user(self.admin).search([])
        self.assertIn(self.client, found)
        self.assertNotIn(theirs, found)
        with self.assertRaises(AccessError):
            theirs.with_user(self.admin).action_end_previous_secret()

    def test_identity_is_fixed(self):
        root = self.env.ref("base.user_admin")
        client = self.client.with_user(self.admin)
        for vals in (
            {"user_id": root.id},
            {"client_id": "other"},
            {"company_id": self.env.company.id},
            {"secret_hash": "x"},
            {"secret_hint": "x"},
            {"previous_secret_hash": "x"},
            {"previous_secret_expires_at": "2099-01-01 00:00:00"},
        ):
            with self.subTest(vals), self.assertRaises(AccessError):
                client.write(vals)
        with self.assertRaises(AccessError):
            client.create({"name": "X", "client_id": "x", "user_id": root.id})
        with self.assertRaises(AccessError):
            client.unlink()
        with self.assertRaises(AccessError):
            self.read.with_user(self.admin).group_ids = root.group_ids

    def test_token_lifetime(self):
        for lifetime in (0, 59, 86401, -600):
            with (
                self.subTest(lifetime),
                mute_logger("odoo.sql_db"),
                self.assertRaises(psycopg2.errors.CheckViolation),
                self.cr.savepoint(),
            ):
                self.client.token_lifetime = lifetime
                self.client.flush_recordset()
        for lifetime in (60, 86400):
            self.client.token_lifetime = lifetime
            self.client.flush_recordset()

    def test_acting_as_an_existing_user(self):
        person = new_test_user(self.env, "a_person", groups="base.group_user")
        groups = person.group_ids
        client, _secret = self.model._new_client(
            "Script", ["record:write"], user_id=person.id
        )
        twin, _secret = self.model._new_client("Twin", [], user_id=person.id)
        self.assertEqual((client + twin).user_id, person)
        client.scope_ids = self.read
        client.scope_ids = False
        self.assertEqual(person.group_ids, groups)
        with self.assertRaises(AccessError):
            self.model.with_user(self.admin)._new_client("X", [], user_id=person.id)

    def test_acting_as_nobody_who_logs_in(self):
        archived = new_test_user(self.env, "gone")
        archived.active = False
        public = self.env.ref("base.public_user")
        public.active = True
        for user in (
            self.client.user_id,
            public,
            archived,
            self.env.ref("base.user_root"),
        ):
            groups = user.group_ids
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.model._new_client("X", ["record:write"], user_id=user.id)
            self.assertEqual(user.group_ids, groups)

    def test_service_user_cannot_log_in(self):
        user = self.client.user_id
        user.password = "a password that somebody set"
        credential = {
            "type": "password",
            "login": user.login,
            "password": "a password that somebody set",
        }
        for active in (True, False):
            self.client.active = active
            with self.assertRaises(AccessDenied):
                user.with_user(user)._check_credentials(
                    credential, {"interactive": True}
                )

    def test_api_key_of_a_service_user_does_not_log_in(self):
        user = self.client.user_id
        expiration = fields.Datetime.now() + timedelta(days=1)
        key = (
            self.env["res.users.apikeys"]
            .with_user(user)
            .sudo()
            ._generate("rpc", "by hand", expiration)
        )
        credential = {"type": "password", "login": user.login, "password": key}
        with self.assertRaises(AccessDenied):
            user.with_user(user)._check_credentials(credential, {"interactive": False})

    def test_other_users_log_in_as_before(self):
        credential = {
            "type": "password",
            "login": "oauth_admin",
            "password": "oauth_admin",
        }
        info = self.admin.with_user(self.admin)._check_credentials(
            credential, {"interactive": True}
        )
        self.assertEqual(info["uid"], self.admin.id)

    def test_changes_are_kept_in_the_chatter(self):
        client, _secret = self.model._new_client("Watched", ["record:read"])
        self.cr.flush()  # so that the creation is logged before the secret
        client.with_user(self.admin)._renew_secret()
        message = client.message_ids[0]
        self.assertIn("new secret", message.body)
        self.assertEqual(message.author_id, self.admin.partner_id)

    def test_scope_names(self):
        for name in ("Thing:read", "thing read", 'thing"', "thïng"):
            with self.subTest(name), self.assertRaises(ValidationError):
                self.env["spp.oauth.scope"].create({"name": name, "description": "x"})

    def test_role_instead_of_scopes(self):
        role_group, later_group = self.env["res.groups"].create(
            [{"name": "Role"}, {"name": "Later"}]
        )
        role = self.env["spp.oauth.role"].create(
            {"name": "Limited", "description": "x", "group_ids": role_group.ids}
        )
        client, _secret = self.model._new_client(
            "R", ["record:read", "record:write"], role_id=role.id
        )
        user = client.user_id
        self.assertEqual(user.group_ids, self.service_group + role_group)
        client.scope_ids = self.read
        self.assertEqual(user.group_ids, self.service_group + role_group)
        role.group_ids = later_group
        self.assertEqual(user.group_ids, self.service_group + later_group)
        client.with_user(self.admin).role_id = False
        self.assertEqual(user.group_ids, self.service_group + self.read_group)
        client.with_user(self.admin).role_id = role
        self.assertEqual(user.group_ids, self.service_group + later_group)

    def test_client_without_its_role_stops(self):
        role = self.env["spp.oauth.role"].create(
            {"name": "Limited", "description": "x", "group_ids": self.read_group.ids}
        )
        client, _secret = self.model._new_client("R", [], role_id=role.id)
        role.unlink()
        self.assertFalse(client.active)
        self.assertEqual(client.user_id.group_ids, self.service_group)

    def test_a_scope_that_goes_takes_its_groups(self):
        self.read.unlink()
        self.assertEqual(self.client.user_id.group_ids, self.service_group)

    def test_allowed_networks(self):
        for given, stored in {
            "192.0.2.7": "192.0.2.7",
            " 10.0.0.0/8,192.0.2.7/32 ": "10.0.0.0/8, 192.0.2.7",
            "2001:DB8::/32 ::1, ::1": "2001:db8::/32, ::1",
            ", ": False,
            "": False,
        }.items():
            with self.subTest(given):
                self.client.with_user(self.admin).allowed_networks = given
                self.assertEqual(self.client.allowed_networks or False, stored)
        for wrong in ("10.0.0.1/8", "10.0.0", "example.org", "10.0.0.0/33", "::g"):
            with self.subTest(wrong), self.assertRaises(ValidationError) as caught:
                self.client.allowed_networks = f"192.0.2.7, {wrong}"
            self.assertIn(wrong, str(caught.exception))
        client, _secret = self.model._new_client("N", [], allowed_networks="::1/128")
        self.assertEqual(client.allowed_networks, "::1")

    def test_rate_limit(self):
        for limit in (0, -1, 1_000_001):
            with (
                self.subTest(limit),
                mute_logger("odoo.sql_db"),
                self.assertRaises(psycopg2.errors.CheckViolation),
                self.cr.savepoint(),
            ):
                self.client.rate_limit = limit
                self.client.flush_recordset()
        self.assertEqual(self.client.rate_limit, 600)

    def test_expiry(self):
        now = fields.Datetime.now()
        self.assertFalse(self.client.is_expired)
        self.client.expires_at = now + timedelta(days=1)
        self.assertFalse(self.client.is_expired)
        self.client.expires_at = now - timedelta(seconds=1)
        self.assertTrue(self.client.is_expired)

    def test_overlap_of_two_secrets(self):
        self.assertEqual(self.client.secret_hint, secrets.hint(self.secret))
        new = self.client._renew_secret(timedelta(hours=1))
        client_sudo = self.client.sudo()
        self.assertTrue(self.client.has_previous_secret)
        self.assertEqual(self.client.previous_secret_hint, secrets.hint(self.secret))
        slots = [
            (client_sudo.secret_hint, client_sudo.secret_hash),
            (client_sudo.previous_secret_hint, client_sudo.previous_secret_hash),
        ]
        for secret in (self.secret, new):
            self.assertTrue(secrets.verify_secret(secret, slots))
        self.client.with_user(self.admin).action_end_previous_secret()
        self.assertFalse(self.client.has_previous_secret)
        self.assertFalse(client_sudo.previous_secret_hash)
        self.client._renew_secret()
        self.assertFalse(client_sudo.previous_secret_hash, "no overlap was asked for")
        client_sudo.previous_secret_expires_at = fields.Datetime.now()
        self.assertFalse(self.client.has_previous_secret)

    def test_old_secrets_are_forgotten(self):
        other, _secret = self.model._new_client("Other", [])
        for client in (self.client, other):
            client._renew_secret(timedelta(hours=1))
        client_sudo = self.client.sudo()
        client_sudo.active = False
        client_sudo.previous_secret_expires_at = fields.Datetime.now()
        self.model._gc_previous_secrets()
        self.assertFalse(client_sudo.previous_secret_hash)
        self.assertTrue(client_sudo.secret_hash)
        self.assertTrue(other.sudo().previous_secret_hash)

    def test_every_secret_is_in_the_audit_log(self):
        client, _secret = self.model.with_user(self.admin)._new_client("L", [])
        client._renew_secret(timedelta(hours=1))
        client.action_end_previous_secret()
        events = self.env["spp.oauth.event"].search(
            [("client_id", "=", client.id)], order="id"
        )
        self.assertEqual(
            events.mapped("reason"), ["created", "rotated", "previous_ended"]
        )
        self.assertEqual(events.user_id, self.admin)
        self.assertEqual(set(events.mapped("kind")), {"secret"})
        self.assertEqual(set(events.mapped("client_identifier")), {client.client_id})

    def test_public_keys(self):
        pair = keys.generate()
        client = self.client.with_user(self.admin)
        with self.assertRaises(ValidationError):
            client.auth_method = "private_key_jwt"
        with self.assertRaises(ValidationError) as caught:
            client.public_keys = pair.private_pem
        self.assertIn("private key", str(caught.exception))
        client.write(
            {
                "auth_method": "private_key_jwt",
                "public_keys": json.dumps({"keys": [pair.public_jwk]}),
            }
        )
        with self.assertRaises(ValidationError):
            client.public_keys = False

    def test_every_public_key_is_in_the_audit_log(self):
        events = self.env["spp.oauth.event"]
        jwk = json.dumps(keys.generate("ES256").public_jwk)
        client = self.client.with_user(self.admin)
        client.public_keys = jwk
        client.write({"public_keys": jwk, "purpose": "The key is the same"})
        [event] = events.search([("reason", "=", "public_keys")])
        self.assertEqual((event.kind, event.user_id), ("secret", self.admin))
        self.assertEqual(event.client_id, self.client)
        client.public_keys = False
        self.assertEqual(events.search_count([("reason", "=", "public_keys")]), 2)

    def test_no_log_shows_the_hash_of_a_secret(self):
        # what PostgreSQL says of a row that it refuses is logged by Odoo, too
        self.client._renew_secret(timedelta(hours=1))
        self.client.flush_recordset()
        digests = [
            self.client.secret_hash.rpartition("$")[2],
            self.client.previous_secret_hash.rpartition("$")[2],
        ]
        for field, value in (("token_lifetime", 1), ("name", False)):
            with (
                self.assertLogs("odoo.sql_db", "ERROR") as logged,
                self.assertRaises(psycopg2.errors.IntegrityError),
                self.cr.savepoint(),
            ):
                self.client[field] = value
                self.client.flush_recordset()
            text = "".join(logged.output)
            self.assertIn("Failing row contains", text)
            self.assertIn("$pbkdf2-sha512$", text, "else this tests nothing")
            for digest in digests:
                self.assertNotIn(digest[:8], text)

    def test_last_used(self):
        self.assertFalse(self.client.last_used_at)
        self.assertEqual(self.client.request_count_day, 0)
        now = fields.Datetime.now().replace(second=0)
        usage = self.env["spp.oauth.usage"]
        earlier = now - timedelta(hours=1)
        usage._add({(self.client.id, now): (3, now, "192.0.2.2")}, "one")
        usage._add({(self.client.id, earlier): (2, earlier, "192.0.2.1")}, "two")
        past = now - timedelta(days=3)
        usage._add({(self.client.id, past): (40, past, "192.0.2.3")}, "one")
        self.env.invalidate_all()
        client = self.client.with_user(self.admin)
        self.assertEqual(client.last_used_at, now)
        self.assertEqual(client.last_used_address, "192.0.2.2")
        self.assertEqual(client.request_count_day, 5)

    def test_unused_for_a_month(self):
        now = fields.Datetime.now()
        past = now - timedelta(days=40)
        old, _secret = self.model._new_client("Old", [])
        never, _secret = self.model._new_client("Never", [])
        usage = self.env["spp.oauth.usage"]
        usage._add(
            {
                (self.client.id, now): (1, now, "192.0.2.2"),
                (old.id, past): (1, past, "192.0.2.2"),
            },
            "one",
        )
        arch = self.env.ref("spp_oauth.spp_oauth_client_view_search").arch
        [domain] = etree.fromstring(arch).xpath("//filter[@name='unused']/@domain")
        unused = self.model.with_user(self.admin).search(literal_eval(domain))
        self.assertLessEqual(old + never, unused)
        self.assertNotIn(self.client, unused)
        ours = [("id", "in", (self.client + old + never).ids)]
        for domain, expected in (
            ([("last_used_at", "=", False)], never),
            ([("last_used_at", "!=", False)], self.client + old),
            ([("last_used_at", ">=", now)], self.client),
            ([("last_used_at", ">", now)], self.model),
            ([("last_used_at", "<=", past)], old),
        ):
            with self.subTest(domain):
                self.assertEqual(self.model.search([*ours, *domain]), expected)

    def test_revoke_all_tokens(self):
        now = fields.Datetime.now()
        other, _secret = self.model._new_client("Other", [])
        tokens = self.env["spp.oauth.token"].create(
            [
                {
                    "jti": f"{client.id}-{hours}",
                    "client_id": client.id,
                    "kid": "k",
                    "issued_at": now,
                    "expires_at": now + timedelta(hours=hours),
                }
                for client in (self.client, other)
                for hours in (-1, 1, 2)
            ]
        )
        client = self.client.with_user(self.admin)
        self.assertEqual(client.valid_token_count, 2)
        client.action_revoke_tokens()
        revoked = tokens.filtered("revoked_at")
        self.assertEqual(revoked, tokens[1:3])
        self.assertEqual(revoked.revoked_by_id, self.admin)
        self.env.invalidate_all()
        self.assertEqual(client.valid_token_count, 0)
        self.assertEqual(other.valid_token_count, 2)

    def test_smart_buttons_show_this_client(self):
        client = self.client.with_user(self.admin)
        for button in (client.action_tokens, client.action_events, client.action_usage):
            action = button()
            self.assertEqual(action["domain"], [("client_id", "=", client.id)])
            model = self.env[action["res_model"]]
            arch = model.get_views([(False, "search")])["views"]["search"]["arch"]
            for name in action["context"]:
                name = name.removeprefix("search_default_")
                self.assertIn(f'name="{name}"', arch)

    def test_the_issuer_stays(self):
        config = self.env["ir.config_parameter"]
        config.set_param("spp_oauth.issuer", False)
        config.set_param("web.base.url", "https://one.example")
        self.model._new_client("A", [])
        config.set_param("web.base.url", "https://two.example")
        self.model._new_client("B", [])
        self.assertEqual(config.get_param("spp_oauth.issuer"), "https://one.example")

    def test_neutralized_copy_lets_nobody_in(self):
        self.client.public_keys = json.dumps(keys.generate().public_jwk)
        self.client._renew_secret(timedelta(days=7))
        self.env["spp.oauth.assertion"]._use(self.client.id, "a", 4_000_000_000)
        self.env["spp.oauth.key"]._ensure_key()
        events = self.env["spp.oauth.event"].search_count([])
        self.assertTrue(events)
        self.env.flush_all()
        for query in get_neutralization_queries(["spp_oauth"]):
            self.cr.execute(query)
        self.env.invalidate_all()
        self.env.registry.clear_cache("stable")
        client_sudo = self.client.sudo()
        for name in (
            "active",
            "secret_hash",
            "secret_hint",
            "previous_secret_hash",
            "has_previous_secret",
            "public_keys",
        ):
            self.assertFalse(client_sudo[name], name)
        for model in ("assertion", "idempotency", "key", "token"):
            records_sudo = self.env[f"spp.oauth.{model}"].sudo()
            self.assertFalse(records_sudo.search_count([]), model)
        self.assertFalse(self.env["ir.config_parameter"].get_param("spp_oauth.issuer"))
        self.assertEqual(self.env["spp.oauth.event"].search_count([]), events)
