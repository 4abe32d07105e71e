import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from unittest.mock import patch

import requests
from psycopg2.errorcodes import SERIALIZATION_FAILURE
from psycopg2.errors import SerializationFailure

from odoo import SUPERUSER_ID, api
from odoo.exceptions import AccessError
from odoo.modules.registry import DummyRLock, Registry
from odoo.tests import HttpCase, new_test_user, tagged
from odoo.tools import mute_logger

from ..models.spp_oauth_idempotency import SppOauthIdempotency
from .common import OAuthCase, OAuthProbeController

ONCE = "/api/oauth/probe/once"


class Clash(SerializationFailure):
    """As the database raises it: only then does it have a code."""

    pgcode = SERIALIZATION_FAILURE


@tagged("post_install", "-at_install")
class TestIdempotency(OAuthCase):
    def setUp(self):
        super().setUp()
        self.startPatcher(patch.object(OAuthProbeController, "effects", []))
        self.effects = OAuthProbeController.effects

    def post(self, key="k1", name="probe:a", token=None, path=ONCE, **headers):
        if key is not None:
            headers["Idempotency-Key"] = key
        return self.call(path, token, headers, json={"name": name}, method="POST")

    def entries(self):
        return self.env["spp.oauth.idempotency"].search([])

    def assertReplayed(self, response, first):
        self.assertEqual(response.headers["Idempotency-Replayed"], "true")
        self.assertEqual(response.status_code, first.status_code)
        self.assertEqual(response.content, first.content)

    def test_twice_is_once(self):
        first = self.post()
        self.assertEqual(first.status_code, 201)
        self.assertNotIn("Idempotency-Replayed", first.headers)
        again = self.post()
        self.assertReplayed(again, first)
        self.assertEqual(self.effects, ["probe:a"])
        for name in ("Content-Type", "Cache-Control", "Location"):
            self.assertEqual(again.headers[name], first.headers[name])
        self.assertNotEqual(
            again.headers["X-Request-Id"], first.headers["X-Request-Id"]
        )

    def test_without_a_key(self):
        self.assertEqual(self.post(None).status_code, 201)
        with mute_logger("odoo.sql_db"):
            self.assertError(self.post(None), 409, "conflict")
        self.assertFalse(self.entries())

    def test_other_keys_are_other_requests(self):
        self.post("k1", "probe:a")
        self.post("k2", "probe:b")
        self.assertEqual(self.effects, ["probe:a", "probe:b"])

    def test_a_key_means_one_request(self):
        self.post()
        error = self.assertError(
            self.post(name="probe:b"), 422, "idempotency_key_reused"
        )
        self.assertIn("another request", error["message"])
        response = self.call(
            "/api/oauth/probe/items",
            headers={"Idempotency-Key": "k1"},
            json={"items": []},
            method="POST",
        )
        self.assertError(response, 422, "idempotency_key_reused")
        self.assertEqual(self.effects, ["probe:a"])

    def test_what_is_no_key(self):
        for key in ("", "a b", "é".encode(), "k" * 256, "a\tb"):
            with self.subTest(key):
                self.assertError(self.post(key), 400, "invalid_request")
        self.assertEqual(self.post("k" * 255).status_code, 201)

    def test_errors_are_not_kept(self):
        with patch.object(OAuthProbeController, "wait", self.fail_once()):
            self.assertError(self.post(), 500, "internal_error")
        self.assertFalse(self.entries())
        self.assertEqual(self.post().status_code, 201)
        # an error that the route did not raise, but answer
        self.assertEqual(self.post("k2", "probe:refused").status_code, 422)
        self.assertEqual(len(self.entries()), 1)
        self.assertError(self.post("k3", name=None), 422, "validation_failed")
        self.assertEqual(len(self.entries()), 1)

    def fail_once(self):
        def wait(_controller):
            raise ZeroDivisionError("a bug")

        self.startPatcher(patch("odoo.addons.spp_oauth.api.dispatcher._logger"))
        return wait

    def test_answer_without_a_body(self):
        first = self.post(name="probe:nothing")
        self.assertEqual((first.status_code, first.content), (204, b""))
        self.assertReplayed(self.post(name="probe:nothing"), first)
        self.assertEqual(len(self.effects), 1)

    def test_each_caller_has_keys_of_its_own(self):
        other, _secret = self.env["spp.oauth.client"]._new_client("Other", [])
        user = new_test_user(self.env, "oauth_person")
        keys = self.env["res.users.apikeys"].with_user(user)
        api_key = keys._generate(None, "test", datetime.now() + timedelta(hours=1))
        self.post(name="probe:a")
        for name, token in (("probe:b", self.issue(other)), ("probe:c", api_key)):
            response = self.post(name=name, token=token)
            self.assertEqual(response.status_code, 201)
            self.assertNotIn("Idempotency-Replayed", response.headers)
            self.assertReplayed(self.post(name=name, token=token), response)
        self.assertEqual(self.effects, ["probe:a", "probe:b", "probe:c"])

    def test_two_clients_of_one_user(self):
        person = new_test_user(self.env, "oauth_person")
        one, other = (
            self.env["spp.oauth.client"]._new_client(name, [], user_id=person.id)[0]
            for name in ("One", "Other")
        )
        self.post(name="probe:a", token=self.issue(one))
        response = self.post(name="probe:b", token=self.issue(other))
        self.assertEqual(response.status_code, 201)
        self.assertEqual(self.effects, ["probe:a", "probe:b"])

    def test_a_token_that_is_no_good_replays_nothing(self):
        self.post()
        self.assertError(self.post(token="a.b.c"), 401, "invalid_token")

    def test_after_a_day_a_key_is_new(self):
        self.post()
        day = timedelta(hours=24, seconds=1)
        self.entries().date -= day
        self.env["spp.oauth.scope"].search([("name", "=", "probe:a")]).unlink()
        response = self.post()
        self.assertEqual(response.status_code, 201)
        self.assertNotIn("Idempotency-Replayed", response.headers)
        self.assertEqual(len(self.effects), 2)
        self.assertEqual(len(self.entries()), 1)

    def test_vacuum(self):
        self.post("k1", "probe:a")
        self.post("k2", "probe:b")
        old = self.entries().filtered(lambda entry: entry.key == "k1")
        old.date -= timedelta(hours=24, seconds=1)
        self.env["spp.oauth.idempotency"]._gc_entries()
        self.assertEqual(self.entries().mapped("key"), ["k2"])

    def test_a_retried_request_has_one_effect_and_one_entry(self):
        clashes = [Clash("could not serialize"), Clash("could not serialize")]
        with (
            patch.object(OAuthProbeController, "clashes", clashes),
            patch("odoo.service.model.time.sleep"),
        ):
            response = self.post()
        self.assertEqual(response.status_code, 201)
        self.assertNotIn("Idempotency-Replayed", response.headers)
        self.assertEqual(len(self.entries()), 1)
        self.assertReplayed(self.post(), response)
        scopes = self.env["spp.oauth.scope"].search([("name", "=", "probe:a")])
        self.assertEqual(len(scopes), 1)

    def test_reading_knows_no_keys(self):
        for _time in range(2):
            response = self.call(
                "/api/oauth/probe/items", headers={"Idempotency-Key": "k1"}
            )
            self.assertEqual(response.status_code, 200)
            self.assertNotIn("Idempotency-Replayed", response.headers)
        self.assertFalse(self.entries())

    def test_nobody_sees_the_answers(self):
        self.post()
        entry = self.entries()
        for group in ("base.group_system", "base.group_user"):
            user = new_test_user(self.env, f"oauth_{group}", groups=group)
            for operation in ("read", "write", "create", "unlink"):
                with self.assertRaises(AccessError):
                    entry.with_user(user).check_access(operation)


@tagged("post_install", "-at_install")
class TestIdempotencyAtOnce(HttpCase):
    """Two requests at the same moment, on two real connections."""

    registry_test_mode = False

    def setUp(self):
        super().setUp()
        self.env.registry.clear_cache("routing")
        # held by who runs the tests; Odoo does so where requests share a cursor
        self.startPatcher(patch.object(Registry, "_lock", DummyRLock()))
        self.effects = []
        self.startPatcher(patch.object(OAuthProbeController, "effects", self.effects))
        # Odoo's pause before it tries again
        self.startPatcher(patch("odoo.service.model.time.sleep"))
        with self.registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            user = new_test_user(env, "oauth_at_once")
            keys = env["res.users.apikeys"].with_user(user).sudo()
            expiry = datetime.now() + timedelta(hours=1)
            self.api_key = keys._generate(None, "test", expiry)
        self.addCleanup(self.remove)

    def remove(self):
        with self.registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            user = env["res.users"].search([("login", "=", "oauth_at_once")])
            partner = user.partner_id
            user.unlink()
            partner.unlink()
            env["spp.oauth.scope"].search([("name", "=like", "once:%")]).unlink()

    def post(self, key, name):
        return requests.post(
            self.base_url() + ONCE,
            headers={
                "Authorization": f"Bearer {self.api_key}",
                "Idempotency-Key": key,
            },
            json={"name": name},
            timeout=60,
        )

    def count(self, name):
        with self.registry.cursor() as cr:
            cr.execute("SELECT count(*) FROM spp_oauth_scope WHERE name = %s", [name])
            return cr.fetchone()[0]

    def race(self, first, second):
        """The answers to two requests: the second comes while the first is at it."""
        entered = threading.Event()
        waited_for = []

        def wait(_controller):
            if entered.is_set():
                return
            entered.set()
            waited_for.append(self.until_somebody_waits())

        with (
            patch.object(OAuthProbeController, "wait", wait),
            ThreadPoolExecutor(2) as pool,
        ):
            one = pool.submit(self.post, *first)
            self.assertTrue(entered.wait(30))
            two = pool.submit(self.post, *second)
            answers = one.result(), two.result()
        self.assertEqual(waited_for, [True], "the second must come meanwhile")
        return answers

    def until_somebody_waits(self):
        """Until another connection waits for what this transaction has inserted."""
        pause = threading.Event()
        for _attempt in range(600):
            with self.registry.cursor() as cr:
                cr.execute(
                    """
                    SELECT 1 FROM pg_stat_activity
                     WHERE datname = current_database()
                       AND wait_event_type = 'Lock'
                       AND query LIKE '%INSERT INTO spp_oauth_idempotency%'
                       AND pid != pg_backend_pid()
                    """
                )
                if cr.fetchone():
                    return True
            pause.wait(0.05)
        return False

    def test_two_at_once_have_one_effect(self):
        with self.assertNoLogs("odoo.sql_db", "ERROR"):
            first, second = self.race(("k1", "once:a"), ("k1", "once:a"))
        self.assertEqual(first.status_code, 201)
        self.assertEqual(second.status_code, 201)
        self.assertEqual(first.content, second.content)
        self.assertNotIn("Idempotency-Replayed", first.headers)
        self.assertEqual(second.headers["Idempotency-Replayed"], "true")
        self.assertEqual(self.effects, ["once:a"])
        self.assertEqual(self.count("once:a"), 1)

    def test_two_at_once_that_differ(self):
        first, second = self.race(("k2", "once:b"), ("k2", "once:c"))
        self.assertEqual(first.status_code, 201)
        self.assertEqual(second.status_code, 422)
        self.assertEqual(second.json()["error"]["code"], "idempotency_key_reused")
        self.assertEqual(self.count("once:c"), 0)

    def test_the_second_acts_when_the_first_fails(self):
        def fail(*_args):
            raise ZeroDivisionError("a bug")

        remember = SppOauthIdempotency._remember
        outcomes = [fail, remember]

        def remember_or_fail(*args):
            return outcomes.pop(0)(*args)

        with (
            patch.object(SppOauthIdempotency, "_remember", remember_or_fail),
            self.assertLogs("odoo.addons.spp_oauth.api.dispatcher", "ERROR"),
        ):
            first, second = self.race(("k3", "once:d"), ("k3", "once:d"))
        self.assertEqual(first.status_code, 500)
        self.assertEqual(second.status_code, 201)
        self.assertNotIn("Idempotency-Replayed", second.headers)
        self.assertEqual(self.count("once:d"), 1)
