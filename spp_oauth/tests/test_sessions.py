import time
from datetime import datetime, timedelta

from odoo import http
from odoo.tests import new_test_user, tagged

from .common import OAuthCase

ITEMS = "/api/oauth/probe/items"
USER = "/api/oauth/probe/user"
WHOAMI = "/api/oauth/whoami"


class PeopleCase(OAuthCase):
    """A person calls the API with a session or an API key, and his own rights."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.user = new_test_user(
            cls.env, "oauth_person", groups="base.group_user", tz="Asia/Tokyo"
        )

    def post(self, token="", **headers):
        return self.call(ITEMS, token, headers, data='{"items": []}', method="POST")

    def post_json(self, token="", **headers):
        return self.post(token, **{"Content-Type": "application/json", **headers})

    def make_key(self, user, scope=None):
        expiry = datetime.now() + timedelta(hours=1)
        keys = self.env["res.users.apikeys"].with_user(user)
        return keys._generate(scope, "test", expiry)


@tagged("post_install", "-at_install")
class TestSessions(PeopleCase):
    def log_in(self, login="oauth_person"):
        self.authenticate(login, login)
        return http.Request.csrf_token(self)

    def test_reading_needs_no_more_than_a_session(self):
        self.log_in()
        response = self.call(USER, "")
        self.assertEqual(response.status_code, 200)
        self.assertNotIn("Set-Cookie", response.headers)
        name = f"oauth_person {self.env.company.name} False None None Asia/Tokyo"
        self.assertEqual(response.json()["name"], name)
        response = self.call(f"{ITEMS}/1", "")
        self.assertEqual(response.status_code, 200, "a person has every scope")

    def test_whoami(self):
        self.log_in()
        self.assertEqual(
            self.call(WHOAMI, "").json(),
            {
                "client_id": None,
                "name": self.user.name,
                "user": "oauth_person",
                "company": self.env.company.name,
                "scopes": None,
            },
        )

    def test_rights_are_the_persons_own(self):
        self.log_in()
        response = self.call("/api/oauth/probe/fault/rights", "", method="POST")
        self.assertError(response, 403, "csrf_token_missing")
        headers = {"X-CSRF-Token": http.Request.csrf_token(self)}
        response = self.call(
            "/api/oauth/probe/fault/rights", "", headers, method="POST"
        )
        self.assertError(response, 403, "forbidden")

    def test_writing_needs_proof_of_the_page(self):
        csrf_token = self.log_in()
        self.assertError(self.post_json(), 403, "csrf_token_missing")
        expired = http.Request.csrf_token(self, time_limit=-1)
        for wrong in ("", "x", csrf_token[:-1], expired, f"{int(time.time())}o99"):
            with self.subTest(wrong):
                response = self.post_json(**{"X-CSRF-Token": wrong})
                self.assertError(response, 403, "csrf_token_missing")
        response = self.post_json(**{"X-CSRF-Token": "é".encode()})
        self.assertError(response, 403, "csrf_token_missing")
        response = self.post_json(**{"X-CSRF-Token": csrf_token})
        self.assertEqual(response.status_code, 200)

    def test_proof_in_the_address_or_body_is_none(self):
        csrf_token = self.log_in()
        response = self.call(
            f"{ITEMS}?csrf_token={csrf_token}", "", json={"items": []}, method="POST"
        )
        self.assertError(response, 403, "csrf_token_missing")

    def test_a_token_beats_the_session(self):
        self.log_in()
        self.assertIn(self.client.user_id.login, self.call(USER).json()["name"])
        # and needs no proof
        self.assertEqual(self.post_json(None).status_code, 200)

    def test_a_bad_token_does_not_fall_back(self):
        csrf_token = self.log_in()
        headers = {"X-CSRF-Token": csrf_token}
        for bad in ("rubbish", "a.b.c", self.issue()[:-9]):
            with self.subTest(bad):
                self.assertError(self.call(USER, bad), 401, "invalid_token")
                self.assertError(self.post_json(bad, **headers), 401, "invalid_token")
        for header in ("", "Bearer", "Basic eDp5", f"Bearer {self.issue()},Bearer x"):
            with self.subTest(header):
                response = self.call(USER, "", {"Authorization": header})
                self.assertError(response, 401, "invalid_token")

    def test_routes_for_programs_only(self):
        self.log_in()
        path = "/api/oauth/probe/token-only"
        self.assertError(self.call(path, ""), 401, "unauthorized")
        self.assertEqual(self.call(path).status_code, 200)

    def test_public_routes_know_no_session(self):
        public = self.env.ref("base.public_user").login
        self.log_in()
        response = self.call("/api/oauth/probe/public", "")
        self.assertEqual(response.json()["name"], f"{public} None en_US")

    def test_session_that_is_over(self):
        self.log_in()
        self.user.password = "another one, so that the session is over"
        self.env.flush_all()
        self.assertError(self.call(USER, ""), 401, "unauthorized")

    def test_archived_person(self):
        self.log_in()
        self.user.active = False
        self.assertError(self.call(USER, ""), 401, "unauthorized")

    def test_the_device_is_noted_down_once(self):
        self.log_in()
        self.session["_trace_disable"] = False
        http.root.session_store.save(self.session)
        logs = self.env["res.device.log"]
        before = logs.search_count([("user_id", "=", self.user.id)])
        for _request in range(2):
            response = self.call(USER, "")
            self.assertEqual(response.status_code, 200)
            self.assertNotIn("Set-Cookie", response.headers)
        after = logs.search_count([("user_id", "=", self.user.id)])
        self.assertEqual(after - before, 1)


@tagged("post_install", "-at_install")
class TestApiKeys(PeopleCase):
    def test_key(self):
        response = self.call(USER, self.make_key(self.user))
        self.assertEqual(response.status_code, 200)
        name = f"oauth_person {self.env.company.name} False None None Asia/Tokyo"
        self.assertEqual(response.json()["name"], name)
        self.assertNotIn("Set-Cookie", response.headers)

    def test_writing_needs_no_proof(self):
        response = self.post_json(self.make_key(self.user))
        self.assertEqual(response.status_code, 200)

    def test_rights_are_the_persons_own(self):
        path = "/api/oauth/probe/fault/rights"
        response = self.call(path, self.make_key(self.user), method="POST")
        self.assertError(response, 403, "forbidden")

    def test_key_beats_session(self):
        new_test_user(self.env, "oauth_other")
        self.authenticate("oauth_other", "oauth_other")
        response = self.call(USER, self.make_key(self.user))
        self.assertIn("oauth_person", response.json()["name"])

    def test_bad_keys(self):
        key = self.make_key(self.user)
        only_for = self.make_key(self.user, "something")
        for bad in (key[:-1], "0" * 40, "x", only_for):
            with self.subTest(bad):
                self.assertError(self.call(USER, bad), 401, "invalid_token")

    def test_archived_person(self):
        key = self.make_key(self.user)
        self.user.active = False
        self.assertError(self.call(USER, key), 401, "invalid_token")

    def test_service_users_have_no_keys(self):
        service = self.client.user_id
        key = self.make_key(service.sudo())
        self.assertError(self.call(USER, key), 401, "invalid_token")
        keys = self.env["res.users.apikeys"]
        self.assertFalse(keys._check_credentials(scope="rpc", key=key))
        response = self.call(
            "/json/2/res.users/context_get", key, json={}, method="POST"
        )
        self.assertEqual(response.status_code, 401)
