import json
from datetime import datetime, timedelta
from unittest.mock import patch

import requests

from odoo import fields
from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger

from ..oauth import keys, secrets, server, tokens
from ..tools import deferred
from .common import OAuthCase


@tagged("post_install", "-at_install")
class TestTokenEndpoint(OAuthCase):
    def setUp(self):
        super().setUp()
        # one client for all tests: what one has asked for is not the next one's
        deferred.clear(self.env.cr.dbname)

    def assertRefused(self, response, status, code):
        self.assertEqual(response.status_code, status, response.text)
        self.assertEqual(response.headers["Content-Type"], "application/json")
        self.assertEqual(response.headers["Cache-Control"], "no-store")
        self.assertNotIn("Set-Cookie", response.headers)
        self.assertLessEqual(response.json().keys(), {"error", "error_description"})
        self.assertEqual(response.json()["error"], code)

    def test_both_ways_to_authenticate(self):
        own = self.client.client_id, self.secret
        by_basic = self.ask_token(own)
        by_post = self.ask_token(client_id=own[0], client_secret=own[1])
        for response in (by_basic, by_post):
            self.assertEqual(response.status_code, 200)
            self.assertEqual(response.headers["Cache-Control"], "no-store")
            self.assertEqual(response.headers["Pragma"], "no-cache")
            self.assertNotIn("Set-Cookie", response.headers)
            body = response.json()
            self.assertEqual(body["token_type"], "Bearer")
            self.assertEqual(body["expires_in"], 600)
            self.assertEqual(body["scope"], "probe:read probe:write")
            whoami = self.call("/api/oauth/whoami", body["access_token"])
            self.assertEqual(whoami.status_code, 200)

    def test_narrower_scope_and_lifetime_of_the_client(self):
        self.client.token_lifetime = 60
        body = self.ask_token(
            (self.client.client_id, self.secret), scope="probe:read"
        ).json()
        self.assertEqual(body["scope"], "probe:read")
        self.assertEqual(body["expires_in"], 60)
        access = tokens.verify(
            body["access_token"],
            self.env["spp.oauth.key"]._verification_keys(),
            self.env["spp.oauth.server"]._authority(),
        )
        self.assertEqual(access.scopes, {"probe:read"})
        self.assertEqual(access.expires_at - access.issued_at, 60)

    def test_wrong_secret_and_unknown_client_look_alike(self):
        wrong = self.ask_token((self.client.client_id, "wrong"))
        unknown = self.ask_token(("nobody", "wrong"))
        for response in (wrong, unknown):
            self.assertRefused(response, 401, "invalid_client")
            challenge = response.headers["WWW-Authenticate"]
            self.assertEqual(challenge, 'Basic realm="oauth2"')
        self.assertEqual(wrong.content, unknown.content)

    def test_refusals(self):
        own = self.client.client_id, self.secret
        self.env["spp.oauth.scope"].create({"name": "other", "description": "Other"})
        self.assertRefused(self.ask_token(own, scope="none"), 400, "invalid_scope")
        self.assertRefused(self.ask_token(own, scope="other"), 400, "invalid_scope")
        self.assertRefused(
            self.ask_token(own, grant_type="password"), 400, "unsupported_grant_type"
        )
        self.assertRefused(self.ask_token(own, grant_type=""), 400, "invalid_request")
        self.assertRefused(
            self.ask_token(own, client_secret=self.secret), 400, "invalid_request"
        )
        self.assertRefused(self.ask_token(), 401, "invalid_client")
        self.assertRefused(
            self.ask_token(client_id="a\0b", client_secret="c"), 401, "invalid_client"
        )

    def test_archived_client_or_user(self):
        own = self.client.client_id, self.secret
        self.client.active = False
        self.assertRefused(self.ask_token(own), 401, "invalid_client")
        self.client.active = True
        self.assertEqual(self.ask_token(own).status_code, 200)
        self.client.user_id.active = False
        self.assertRefused(self.ask_token(own), 401, "invalid_client")

    def test_a_new_secret_replaces_the_old_one(self):
        new = self.client._renew_secret()
        old_one = self.ask_token((self.client.client_id, self.secret))
        self.assertRefused(old_one, 401, "invalid_client")
        self.assertEqual(self.ask_token((self.client.client_id, new)).status_code, 200)

    def test_client_without_a_secret(self):
        self.client.sudo().secret_hash = False
        for secret in ("", "False", "x"):
            response = self.ask_token((self.client.client_id, secret))
            self.assertRefused(response, 401, "invalid_client")

    def test_json_is_not_a_form(self):
        response = self.url_open(
            "/oauth2/token", json={"grant_type": "client_credentials"}
        )
        self.assertRefused(response, 400, "invalid_request")

    def test_secrets_in_the_address_are_refused(self):
        response = self.url_open(
            f"/oauth2/token?client_id={self.client.client_id}",
            data={"grant_type": "client_credentials", "client_secret": self.secret},
        )
        self.assertRefused(response, 400, "invalid_request")

    def test_big_form(self):
        response = self.ask_token(filler="x" * 100_000)
        self.assertRefused(response, 413, "payload_too_large")

    def test_bug(self):
        model = type(self.env["spp.oauth.server"])
        with (
            patch.object(model, "_issue", side_effect=ZeroDivisionError("a secret")),
            mute_logger("odoo.addons.spp_oauth.api.dispatcher"),
        ):
            response = self.ask_token((self.client.client_id, self.secret))
        self.assertRefused(response, 500, "server_error")
        self.assertNotIn("a secret", response.text)

    def refusal(self):
        """The last line of the audit log, which is to be a refusal."""
        event = self.env["spp.oauth.event"].search([], limit=1)
        self.assertEqual(event.kind, "refused")
        return event

    def test_what_is_noted_down(self):
        response = self.ask_token((self.client.client_id, self.secret))
        token = self.env["spp.oauth.token"].search([], limit=1)
        self.assertEqual(token.client_id, self.client)
        self.assertEqual(token.scope, "probe:read probe:write")
        event = self.env["spp.oauth.event"].search([], limit=1)
        self.assertEqual(event.kind, "issued")
        self.assertEqual(event.client_id, self.client)
        self.assertEqual(event.company_id, self.env.company)
        self.assertEqual(event.token_jti, token.jti)
        self.assertEqual(event.address, "127.0.0.1")
        self.assertEqual(event.endpoint, "/oauth2/token")
        self.assertEqual(event.request_id, response.headers["X-Request-Id"])

    def test_reasons_are_for_the_audit_log_alone(self):
        own = self.client.client_id, self.secret
        bodies = set()

        def refused(reason, *auth):
            response = self.ask_token(auth or own)
            self.assertRefused(response, 401, "invalid_client")
            bodies.add(response.content)
            event = self.refusal()
            self.assertEqual(event.reason, reason)
            self.assertNotIn(self.secret, str(event.read()))
            return event

        event = refused("wrong_secret", own[0], "wrong")
        self.assertEqual(event.client_id, self.client)
        event = refused("unknown_client", "nobody", "wrong")
        self.assertFalse(event.client_id)
        self.assertEqual(event.client_identifier, "nobody")
        self.client.active = False
        refused("archived_client")
        self.client.active = True
        self.client.user_id.active = False
        refused("archived_user")
        self.client.user_id.active = True
        self.client.expires_at = fields.Datetime.now() - timedelta(seconds=1)
        refused("expired_client")
        self.client.expires_at = fields.Datetime.now() + timedelta(hours=1)
        self.client.allowed_networks = "192.0.2.0/24"
        refused("wrong_network")
        self.client.allowed_networks = "192.0.2.0/24,127.0.0.1"
        self.assertEqual(self.ask_token(own).status_code, 200)
        self.assertEqual(len(bodies), 1, "the caller is always told the same")

    def test_refusals_of_a_known_client(self):
        own = self.client.client_id, self.secret
        self.ask_token(own, scope="none")
        event = self.refusal()
        self.assertEqual(event.reason, "invalid_scope")
        self.assertEqual(event.client_id, self.client)

    def test_two_secrets_while_one_replaces_the_other(self):
        client = self.client.client_id
        new = secrets.new_secret()
        now = fields.Datetime.now()
        client_sudo = self.client.sudo()
        client_sudo.write(
            {
                "previous_secret_hash": client_sudo.secret_hash,
                "previous_secret_hint": client_sudo.secret_hint,
                "previous_secret_expires_at": now + timedelta(hours=1),
                "secret_hash": secrets.hash_secret(new),
                "secret_hint": secrets.hint(new),
            }
        )
        for secret in (self.secret, new):
            self.assertEqual(self.ask_token((client, secret)).status_code, 200)
        client_sudo.previous_secret_expires_at = now - timedelta(seconds=1)
        self.assertRefused(self.ask_token((client, self.secret)), 401, "invalid_client")
        self.assertEqual(self.ask_token((client, new)).status_code, 200)

    def test_too_many_wrong_guesses(self):
        own = self.client.client_id, self.secret
        for _attempt in range(10):
            self.assertRefused(self.ask_token((own[0], "wrong")), 401, "invalid_client")
        with patch.object(secrets, "verify_secret", side_effect=AssertionError):
            response = self.ask_token(own)
        self.assertRefused(response, 429, "temporarily_unavailable")
        self.assertTrue(1 <= int(response.headers["Retry-After"]) <= 60)
        # others are not kept out
        other, secret = self.env["spp.oauth.client"]._new_client("Other", [])
        self.assertEqual(self.ask_token((other.client_id, secret)).status_code, 200)

    def test_rate_limit(self):
        own = self.client.client_id, self.secret
        self.client.rate_limit = 2
        # three requests within one minute, whenever this runs
        minute = datetime(2026, 3, 10, 12, 0, 20)
        self.startPatcher(patch.object(deferred, "_utcnow", return_value=minute))
        for _request in range(2):
            self.assertEqual(self.ask_token(own).status_code, 200)
        with patch.object(secrets, "verify_secret", side_effect=AssertionError):
            response = self.ask_token(own)
        self.assertRefused(response, 429, "temporarily_unavailable")
        self.assertTrue(1 <= int(response.headers["Retry-After"]) <= 60)

    def test_guesses_of_others_do_not_use_up_the_rate(self):
        self.client.rate_limit = 2
        for _guess in range(5):
            self.ask_token((self.client.client_id, "wrong"))
        own = self.client.client_id, self.secret
        self.assertEqual(self.ask_token(own).status_code, 200)

    def test_two_headers(self):
        basic = requests.Request(
            "POST", "http://x", auth=(self.client.client_id, self.secret)
        )
        header = basic.prepare().headers["Authorization"]
        for value in (f"{header}, {header}", f"{header},Basic x", f"{header}; x"):
            response = self.url_open(
                "/oauth2/token",
                data={"grant_type": "client_credentials"},
                headers={"Authorization": value},
            )
            self.assertRefused(response, 401, "invalid_client")

    def test_other_verbs_and_paths(self):
        response = self.url_open("/oauth2/token")
        self.assertRefused(response, 405, "method_not_allowed")
        response = self.url_open("/oauth2/token", method="DELETE")
        self.assertRefused(response, 405, "method_not_allowed")
        self.assertIn("POST", response.headers["Allow"])
        response = self.url_open("/oauth2/nothing")
        self.assertRefused(response, 404, "not_found")


class TestConstantCost(TransactionCase):
    """What a refusal costs must not tell which clients exist."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server = cls.env["spp.oauth.server"]
        cls.client, cls.secret = cls.env["spp.oauth.client"]._new_client("App", [])
        cls.other, cls.other_secret = cls.env["spp.oauth.client"]._new_client("B", [])
        secrets.verify_secret("x", [])  # makes the hash that is compared with, once
        cls.server._find_client("nobody")  # reads parameters, once

    def cost(self, client_id, secret, address=None):
        """Whether it is accepted, the hashes computed and the queries made."""
        handler = secrets._CONTEXT.handler()
        original = handler._calc_checksum
        hashes = []

        def spy(self, secret):
            hashes.append(self.rounds)
            return original(self, secret)

        self.env.flush_all()
        self.env.invalidate_all()
        with patch.object(handler, "_calc_checksum", spy):
            before = self.cr.sql_log_count
            found = self.server._find_client(client_id, address)
            accepted = found.check_client_secret(secret)
            queries = self.cr.sql_log_count - before
        return accepted, hashes, queries

    def test_one_query_and_one_hash_in_every_case(self):
        own, client_sudo = self.client.client_id, self.client.sudo()
        wrong = secrets.new_secret()
        refused, accepted = (False, [20_000], 1), (True, [20_000], 1)
        self.assertEqual(self.cost(own, self.secret), accepted)
        self.assertEqual(self.cost(own, wrong), refused)
        self.assertEqual(self.cost(own, self.secret[:8] + wrong[8:]), refused)
        self.assertEqual(self.cost("nobody", wrong), refused)
        self.assertEqual(self.cost(own, self.other_secret), refused)
        client_sudo.write(
            {
                "previous_secret_hash": secrets.hash_secret(wrong),
                "previous_secret_hint": secrets.hint(wrong),
                "previous_secret_expires_at": "2999-01-01",
            }
        )
        self.assertEqual(self.cost(own, self.secret), accepted)
        self.assertEqual(self.cost(own, wrong), accepted)
        self.assertEqual(self.cost(own, secrets.new_secret()), refused)
        client_sudo.previous_secret_expires_at = "2000-01-01"
        self.assertEqual(self.cost(own, wrong), refused)
        client_sudo.allowed_networks = "192.0.2.1"
        self.assertEqual(self.cost(own, self.secret, "192.0.2.2"), refused)
        self.assertEqual(self.cost(own, self.secret, "192.0.2.1"), accepted)
        client_sudo.allowed_networks = False
        client_sudo.expires_at = "2000-01-01"
        self.assertEqual(self.cost(own, self.secret), refused)
        client_sudo.expires_at = False
        client_sudo.active = False
        self.assertEqual(self.cost(own, self.secret), refused)

    def test_the_whole_answer_costs_the_same(self):
        def refuse(client_id, secret):
            form = {
                "grant_type": ["client_credentials"],
                "client_id": [client_id],
                "client_secret": [secret],
            }
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            answer, _client = self.server._token_response(form, None, "192.0.2.1")
            self.env.flush_all()
            self.assertEqual(answer.status, 401)
            return self.cr.sql_log_count - before

        own, wrong = self.client.client_id, secrets.new_secret()
        refuse("nobody", wrong)  # reads what is cached from now on
        unknown = refuse("nobody", wrong)
        self.assertEqual(refuse(own, wrong), unknown)
        self.assertEqual(refuse(own, self.other_secret), unknown)
        self.client.active = False
        self.assertEqual(refuse(own, self.secret), unknown)

    def test_client_that_lost_its_keys(self):
        self.client.write(
            {
                "auth_method": server.PRIVATE_KEY_JWT,
                "public_keys": json.dumps(keys.generate("ES256").public_jwk),
            }
        )
        self.env.flush_all()
        self.cr.execute("UPDATE spp_oauth_client SET public_keys = NULL")
        found = self.server._find_client(self.client.client_id)
        self.assertEqual(found.public_keys, ())

    def test_client_that_signs(self):
        self.client.write(
            {
                "auth_method": server.PRIVATE_KEY_JWT,
                "public_keys": json.dumps(keys.generate("ES256").public_jwk),
            }
        )
        own = self.client.client_id
        self.assertEqual(self.cost(own, self.secret), (False, [20_000], 1))
