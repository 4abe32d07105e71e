import json
import logging
import socket
from http.client import HTTPResponse
from unittest.mock import patch

from psycopg2 import InterfaceError
from psycopg2.errorcodes import SERIALIZATION_FAILURE
from psycopg2.errors import SerializationFailure
from psycopg2.pool import PoolError

from odoo.tests import HOST, tagged
from odoo.tests.common import TEST_CURSOR_COOKIE_NAME
from odoo.tools import mute_logger

from ..api import SppApiDispatcher
from ..api.errors import to_api_error
from ..oauth.errors import RateLimited
from .common import INTERNALS, REASON, SMALL_BODY, OAuthCase, OAuthProbeController

ITEMS = "/api/oauth/probe/items"


class Clash(SerializationFailure):
    """As the database raises it: only then does it have a code."""

    pgcode = SERIALIZATION_FAILURE


@tagged("post_install", "-at_install")
class TestDispatcher(OAuthCase):
    def post(self, data, path=ITEMS, mimetype="application/json", method="POST"):
        headers = {"Content-Type": mimetype} if mimetype else {}
        return self.call(path, headers=headers, data=data, method=method)

    def test_body_in_model_out(self):
        response = self.post('{"items": [{"name": "é", "day": "2026-02-28"}]}')
        self.assertEqual(response.status_code, 200)
        self.assertEqual(response.headers["Content-Type"], "application/json")
        self.assertEqual(
            response.json(), {"items": [{"name": "é", "day": "2026-02-28"}]}
        )

    def test_result_with_status_and_headers(self):
        response = self.post('{"items": []}', "/api/oauth/probe/small", method="PUT")
        self.assertEqual(response.status_code, 207)
        self.assertEqual(response.headers["X-Probe"], "yes")

    def test_nothing_to_say(self):
        response = self.call("/api/oauth/probe/nothing", method="DELETE")
        self.assertEqual(response.status_code, 204)
        self.assertEqual(response.content, b"")

    def test_query(self):
        response = self.call(f"{ITEMS}/5?limit=3&name=a&name=b&day=2026-02-28")
        self.assertEqual(
            response.json(), {"limit": 8, "name": ["a", "b"], "day": "2026-02-28"}
        )
        response = self.call(f"{ITEMS}/5?name=a")
        self.assertEqual(response.json(), {"limit": 15, "name": ["a"], "day": None})

    def test_bad_query(self):
        error = self.assertError(
            self.call(f"{ITEMS}/5?limt=3&x=1&limit=2"), 400, "invalid_request"
        )
        fields = [problem["field"] for problem in error["fields"]]
        self.assertEqual(fields, ["limt", "x"])
        error = self.assertError(
            self.call(f"{ITEMS}/5?limit=2&limit=3"), 400, "invalid_request"
        )
        self.assertEqual(error["fields"][0]["field"], "limit")
        self.assertError(self.call(f"{ITEMS}/5?name=a%00"), 400, "invalid_request")
        error = self.assertError(
            self.call(f"{ITEMS}/5?limit=two&day=2026-02-31"), 422, "validation_failed"
        )
        fields = [problem["field"] for problem in error["fields"]]
        self.assertEqual(fields, ["limit", "day"])
        self.assertError(
            self.call("/api/oauth/whoami?verbose=1"), 400, "invalid_request"
        )

    def test_broken_json(self):
        for data in (
            "",
            "{",
            '{"items": [}',
            "'items'",
            b"\xff\xfe",
            "[" * 50_000,
            '{"items": [{"name": "\\ud800"}]}',
        ):
            with self.subTest(data[:20]):
                error = self.assertError(self.post(data), 400, "invalid_json")
                self.assertEqual(error["fields"][0]["field"], "body")

    def test_nul_cannot_be_stored(self):
        response = self.post('{"items": [{"name": "a\\u0000b"}]}')
        self.assertError(response, 400, "invalid_request")
        # this is a backslash and the word u0000
        response = self.post('{"items": [{"name": "a\\\\u0000b"}]}')
        self.assertEqual(response.json()["items"][0]["name"], "a\\u0000b")

    def test_wrong_shape(self):
        for data in ([], [{"name": "a"}], "items", 5, None, {}, {"items": {}}):
            with self.subTest(data):
                self.assertError(self.post(json.dumps(data)), 422, "validation_failed")

    def test_every_bad_field_is_named(self):
        items = [{"name": "a"}, {"name": 5}, {"day": "2026-02-31", "name": "c"}]
        response = self.post(json.dumps({"items": items}))
        error = self.assertError(response, 422, "validation_failed")
        fields = [problem["field"] for problem in error["fields"]]
        self.assertEqual(fields, ["items.1.name", "items.2.day"])

    def test_many_bad_fields_are_counted(self):
        response = self.post(json.dumps({"items": [{}] * 5000}))
        error = self.assertError(response, 422, "validation_failed")
        self.assertEqual(len(error["fields"]), 100)
        self.assertIn("of 5000", error["message"])

    def test_media_type(self):
        for mimetype in (None, "text/plain", "application/x-www-form-urlencoded"):
            with self.subTest(mimetype):
                response = self.post(b'{"items": []}', mimetype=mimetype)
                self.assertError(response, 415, "unsupported_media_type")
        for mimetype in ("application/json; charset=utf-8", "application/x+json"):
            with self.subTest(mimetype):
                response = self.post('{"items": []}', mimetype=mimetype)
                self.assertEqual(response.status_code, 200)

    def test_big_body(self):
        big = b" " * 20 * 1024 * 1024
        self.assertError(self.post(big), 413, "payload_too_large")

    def test_big_chunked_body(self):
        chunks = (b" " * 1024 * 1024 for _ in range(20))
        self.assertError(self.post(chunks), 413, "payload_too_large")

    def test_chunked_body_is_read(self):
        chunks = iter([b'{"items": ', b'[{"name": "a"}]}'])
        response = self.post(chunks)
        self.assertEqual(response.json()["items"][0]["name"], "a")

    def send_raw(self, *lines):
        """The status and body that a request gets, sent byte for byte."""
        with (
            self.allow_requests(),
            socket.create_connection((HOST, self.http_port()), timeout=12) as raw,
        ):
            head = [
                f"POST {ITEMS} HTTP/1.1",
                f"Host: {HOST}:{self.http_port()}",
                f"Cookie: {TEST_CURSOR_COOKIE_NAME}={self.http_request_key}",
                f"Authorization: Bearer {self.token}",
                "Content-Type: application/json",
            ]
            raw.sendall("\r\n".join([*head, *lines]).encode())
            raw.shutdown(socket.SHUT_WR)
            response = HTTPResponse(raw)
            response.begin()
            return response.status, json.loads(response.read())

    def test_body_that_cannot_be_read(self):
        self.token = self.issue()
        for lines in (
            ("Content-Length: 99", "", '{"items"'),
            ("Transfer-Encoding: chunked", "", "no number", "{}"),
            ("Transfer-Encoding: chunked", "", "-5", "{}"),
        ):
            with self.subTest(lines[2]):
                status, body = self.send_raw(*lines)
                self.assertEqual(status, 400)
                self.assertEqual(body["error"]["code"], "invalid_request")

    def test_limit_of_the_route(self):
        path = "/api/oauth/probe/small"
        fits = b'{"items": []}'.ljust(SMALL_BODY)
        self.assertEqual(self.post(fits, path, method="PUT").status_code, 207)
        response = self.post(fits + b" ", path, method="PUT")
        self.assertError(response, 413, "payload_too_large")

    def test_unmatched(self):
        for path in (
            "/api/attendance/none",
            "/api/",
            "/api",
            "/api/x",
            "/api/%00",
        ):
            for method in ("GET", "POST", "DELETE"):
                with self.subTest(f"{method} {path}"):
                    response = self.call(path, method=method)
                    self.assertError(response, 404, "not_found")
        self.assertError(self.call(f"{ITEMS}/x"), 404, "not_found")
        for path in ("/oauth2", "/oauth2/none/of/it"):
            response = self.call(path)
            self.assertEqual(response.status_code, 404)
            self.assertEqual(response.json()["error"], "not_found")
        for path in ("/apiary", "/oauth2er", "/auth/tokens"):
            response = self.url_open(path)
            self.assertIn("text/html", response.headers["Content-Type"])
        elsewhere = self.url_open("/somewhere/else")
        self.assertIn("text/html", elsewhere.headers["Content-Type"])

    def test_wrong_verb(self):
        for method in ("PUT", "DELETE", "PATCH"):
            response = self.call(ITEMS, method=method)
            self.assertError(response, 405, "method_not_allowed")
            allow = response.headers["Allow"]
            self.assertEqual(allow, "GET, HEAD, OPTIONS, POST")

    def test_options_does_not_run_the_route(self):
        response = self.call("/api/oauth/probe/fault/bug", method="OPTIONS")
        self.assertEqual(response.status_code, 204)
        self.assertEqual(response.headers["Allow"], "OPTIONS, POST")

    def test_head(self):
        response = self.call("/api/oauth/whoami", method="HEAD")
        self.assertEqual((response.status_code, response.content), (200, b""))

    def test_errors_of_the_oauth_endpoints(self):
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        path = "/oauth2/token"
        chunks = (b"a" * 1024 * 1024 for _ in range(3))
        for status, code, options in (
            (404, "not_found", {"path": "/oauth2/none", "data": "x=1"}),
            (405, "method_not_allowed", {"path": path, "method": "PUT"}),
            (413, "payload_too_large", {"path": path, "data": b"a" * 2**20}),
            (413, "payload_too_large", {"path": path, "data": chunks}),
            (400, "invalid_request", {"path": f"{path}?x=1", "data": "x=1"}),
        ):
            with self.subTest(f"{status} {code}"):
                method = options.pop("method", "POST")
                response = self.call(
                    token="", headers=headers, method=method, **options
                )
                self.assertEqual(response.status_code, status, response.text)
                self.assertEqual(response.headers["Content-Type"], "application/json")
                self.assertEqual(response.headers["Cache-Control"], "no-store")
                body = response.json()
                self.assertEqual(body.keys(), {"error", "error_description"})
                self.assertEqual(body["error"], code)

    def test_errors_in_the_words_of_openspp(self):
        response = self.call("/auth/token", "", method="PUT", json={})
        self.assertEqual(response.status_code, 405)
        self.assertEqual(
            response.json(),
            {
                "error": "Method Not Allowed",
                "error_description": "This cannot be done at this address.",
            },
        )

    def test_every_answer_has_the_id_of_its_request(self):
        ids = set()
        for response in (
            self.call("/api/oauth/whoami"),
            self.call("/api/oauth/whoami", ""),
            self.call("/api/none"),
            self.call("/oauth2/none"),
            self.call(ITEMS, method="PUT"),
            self.call(ITEMS, method="OPTIONS"),
            self.call("/api/oauth/probe/nothing", method="DELETE"),
            self.call("/api/oauth/probe/plain", ""),
        ):
            request_id = response.headers["X-Request-Id"]
            self.assertEqual(len(request_id), 32)
            self.assertEqual(response.headers["X-Content-Type-Options"], "nosniff")
            self.assertNotIn("Set-Cookie", response.headers)
            if "error" in response.text and "request_id" in response.text:
                self.assertEqual(response.json()["error"]["request_id"], request_id)
            ids.add(request_id)
        self.assertEqual(len(ids), 8)

    def counted(self):
        """What is counted from now on, as (route, method, status, client)."""
        calls = []

        def count(dbname, *, client_id, address, route, method, status, seconds):
            self.assertEqual((dbname, address), (self.env.cr.dbname, "127.0.0.1"))
            self.assertGreaterEqual(seconds, 0)
            calls.append((route, method, status, client_id))

        target = "odoo.addons.spp_oauth.tools.deferred.count_request"
        self.startPatcher(patch(target, count))
        return calls

    def test_every_answer_is_counted_once(self):
        calls = self.counted()
        self.call(f"{ITEMS}/5")
        self.call(f"{ITEMS}/5", "")
        self.call(f"{ITEMS}/5", method="OPTIONS")
        self.call(f"{ITEMS}/5", method="PUT")
        self.call("/api/none/of/it")
        self.call("/api/oauth/whoami", method="HEAD")
        self.fault("user")
        self.clash(2)
        item, fault = f"{ITEMS}/<int:number>", "/api/oauth/probe/fault/<string:kind>"
        client = self.client.id
        self.assertEqual(
            calls,
            [
                (item, "GET", 200, client),
                (item, "GET", 401, None),
                (item, "OPTIONS", 204, None),
                ("unmatched", "PUT", 405, None),
                ("unmatched", "GET", 404, None),
                ("/api/oauth/whoami", "HEAD", 200, client),
                (fault, "POST", 422, client),
                (fault, "POST", 200, client),
            ],
        )

    def test_a_line_in_the_log_for_each(self):
        with self.assertLogs("odoo.addons.spp_oauth.access", logging.INFO) as logs:
            response = self.call(f"{ITEMS}/5?name=Somebody")
        [line] = [record.getMessage() for record in logs.records]
        self.assertIn(f"GET {ITEMS}/<int:number> 200", line)
        self.assertIn(response.headers["X-Request-Id"], line)
        self.assertNotIn("Somebody", line)

    def test_nothing_of_the_request_is_kept(self):
        dispatchers = []
        finish = SppApiDispatcher._finish

        def spy(dispatcher, response):
            self.assertTrue(dispatcher.call.body)
            dispatchers.append(dispatcher)
            return finish(dispatcher, response)

        self.startPatcher(patch.object(SppApiDispatcher, "_finish", spy))
        self.assertEqual(self.post('{"items": []}').status_code, 200)
        self.assertEqual(self.post('{"items": 5}').status_code, 422)
        for dispatcher in dispatchers:
            self.assertIsNone(dispatcher.call.body)
            self.assertFalse(getattr(dispatcher.request, "params", None))
        self.assertEqual(len(dispatchers), 2)

    def test_who_is_refused_is_noted_down(self):
        events = []

        def note(dbname, **vals):
            self.assertEqual(dbname, self.env.cr.dbname)
            events.append(vals)

        target = "odoo.addons.spp_oauth.tools.deferred.log_event"
        self.startPatcher(patch(target, note))
        response = self.call(f"{ITEMS}/5", self.issue(lifetime=-600))
        self.assertError(response, 401, "invalid_token")
        self.call(f"{ITEMS}/5", "rubbish")
        self.call(f"{ITEMS}/5", "")
        expired, rubbish = events
        self.assertEqual(expired["kind"], "refused")
        self.assertEqual(expired["reason"], "expired_token")
        self.assertEqual(expired["address"], "127.0.0.1")
        self.assertEqual(expired["endpoint"], f"{ITEMS}/<int:number>")
        self.assertEqual(expired["request_id"], response.headers["X-Request-Id"])
        self.assertEqual(rubbish["reason"], "invalid_token")

    def test_who_is_refused_too_often_has_to_wait(self):
        events = self.env.registry["spp.oauth.event"]
        limited = patch.object(events, "_check_throttle", side_effect=RateLimited(17))
        with limited:
            response = self.call(ITEMS, "rubbish")
            self.assertError(response, 429, "too_many_requests")
            self.assertEqual(response.headers["Retry-After"], "17")
            # it concerns nobody whose token is good
            self.assertEqual(self.call(ITEMS).status_code, 200)

    def test_a_client_that_asks_too_often_has_to_wait(self):
        server = self.env.registry["spp.oauth.server"]
        with patch.object(server, "_authenticate", side_effect=RateLimited(9)):
            response = self.call(ITEMS)
        self.assertError(response, 429, "too_many_requests")
        self.assertEqual(response.headers["Retry-After"], "9")

    def test_language_is_one_that_is_installed(self):
        path = "/api/oauth/probe/public"
        self.env["res.lang"]._activate_lang("fr_FR")
        for accepted, lang in (
            ("fr", "fr_FR"),
            ("fr-FR,en;q=0.5", "fr_FR"),
            ("en-GB,en;q=0.5", "en_US"),
            ("tlh", "en_US"),
            ("*", "en_US"),
            ("", "en_US"),
        ):
            with self.subTest(accepted):
                response = self.call(path, "", {"Accept-Language": accepted})
                self.assertEqual(response.json()["name"].split()[-1], lang)

    def fault(self, kind):
        return self.call(f"/api/oauth/probe/fault/{kind}", method="POST")

    def test_odoo_errors(self):
        error = self.assertError(self.fault("user"), 422, "validation_failed")
        self.assertEqual(error["message"], REASON)
        for kind in ("access", "rights"):
            error = self.assertError(self.fault(kind), 403, "forbidden")
            self.assertEqual(error["message"], "You may not do this.")
        self.assertError(self.fault("missing"), 404, "not_found")
        error = self.assertError(self.fault("lock"), 409, "conflict")
        self.assertEqual(error["message"], "Somebody else is at it.")
        error = self.assertError(self.fault("conflict"), 409, "duplicate")
        self.assertEqual(error["message"], "It is there already.")

    def test_database_errors(self):
        with mute_logger("odoo.sql_db"):
            error = self.assertError(self.fault("unique"), 409, "conflict")
            self.assertIn("exists already", error["message"])
            error = self.assertError(self.fault("check"), 422, "validation_failed")
            self.assertIn("between one minute and one day", error["message"])

    def test_expected_faults_are_logged_as_information(self):
        logger = "odoo.addons.spp_oauth.api.dispatcher"
        with self.assertLogs("odoo", logging.INFO) as logs:
            error = self.fault("access").json()["error"]
        [record] = [r for r in logs.records if r.name == logger]
        self.assertEqual(record.levelname, "INFO")
        self.assertIn(error["request_id"], record.getMessage())
        self.assertIn(INTERNALS, record.getMessage())
        self.assertFalse([r for r in logs.records if r.levelname != "INFO"])

    def test_database_that_fails(self):
        with self.assertLogs("odoo", logging.INFO) as logs:
            response = self.fault("database")
        self.assertError(response, 503, "service_unavailable")
        self.assertEqual(response.headers["Retry-After"], "5")
        self.assertNotIn("connection", response.text)
        [record] = [r for r in logs.records if r.levelname == "ERROR"]
        self.assertIs(record.exc_info[0], InterfaceError)

    def test_all_connections_are_taken(self):
        error = to_api_error(PoolError("The Connection Pool Is Full"))
        self.assertEqual((error.code, error.error), (503, "service_unavailable"))
        self.assertNotIn("Pool", error.description)

    def test_bug(self):
        with self.assertLogs("odoo", logging.INFO) as logs:
            response = self.fault("bug")
        error = self.assertError(response, 500, "internal_error")
        self.assertNotIn("secret", response.text)
        [record] = [r for r in logs.records if r.levelname == "ERROR"]
        self.assertIn(error["request_id"], record.getMessage())
        self.assertIs(record.exc_info[0], ZeroDivisionError)

    def clash(self, times):
        failures = [Clash("could not serialize") for _ in range(times)]
        with (
            patch.object(OAuthProbeController, "clashes", failures),
            patch("odoo.service.model.time.sleep"),
        ):
            response = self.fault("clash")
        return response, len(failures)

    def test_serialization_failure_is_retried(self):
        response, left = self.clash(2)
        self.assertEqual(response.status_code, 200)
        self.assertEqual(left, 0)

    def test_serialization_failure_that_does_not_end(self):
        response, left = self.clash(9)
        self.assertError(response, 503, "service_unavailable")
        self.assertEqual(response.headers["Retry-After"], "1")
        self.assertEqual(left, 4, "Odoo tries five times")
