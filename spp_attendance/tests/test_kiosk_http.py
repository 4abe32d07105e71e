import json
import logging
import re
import threading
import time
from types import SimpleNamespace
from unittest.mock import patch
from uuid import uuid4

from odoo.tests import HttpCase, tagged

from .. import kiosk_files, kiosk_log
from .common import AttendanceCase

BASE = "/kiosk/attendance"


@tagged("post_install", "-at_install")
class TestKioskHttp(HttpCase, AttendanceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kiosk = cls.env["spp.attendance.kiosk"].create(
            {
                "name": "Door",
                "company_id": cls.company.id,
                "location_id": cls.hall.id,
                "mode": "attendant",
                "attendant_code_input": "open sesame",
            }
        )
        cls.token = cls.kiosk.token

    def _post(self, name, body, token=None, **headers):
        headers = {"X-Kiosk-Token": self.token if token is None else token, **headers}
        # as JSON an empty body would be none, and the request a GET
        data = json.dumps(body).encode()
        headers.setdefault("Content-Type", "application/json")
        return self.url_open(f"{BASE}/api/{name}", data=data, headers=headers)

    def _get(self, path):
        return self.url_open(f"{BASE}/{path}")

    def _config(self, response):
        found = re.search(
            r'<script type="application/json" id="config">(.*?)</script>',
            response.text,
            re.DOTALL,
        )
        return json.loads(found[1])

    def _mark(self, **vals):
        now = int(time.time() * 1000)
        mark = {"uuid": str(uuid4()), "category": "present", "at": now, **vals}
        return {"sent_at": now, "marks": [mark]}

    # ------------------------------------------------------------------ page

    def test_page_is_shown_with_what_protects_it(self):
        response = self._get(self.token)
        self.assertEqual(response.status_code, 200, response.text)
        headers = response.headers
        self.assertEqual(headers["Content-Type"], "text/html; charset=utf-8")
        self.assertEqual(headers["Cache-Control"], "no-store")
        self.assertEqual(headers["Referrer-Policy"], "no-referrer")
        self.assertEqual(headers["X-Frame-Options"], "DENY")
        self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
        self.assertIn("frame-ancestors 'none'", headers["Content-Security-Policy"])
        self.assertNotIn("unsafe", headers["Content-Security-Policy"])
        self.assertNotIn("Set-Cookie", headers)
        # what that policy forbids isn't there
        self.assertNotRegex(response.text, r"<style|\sstyle=|\son\w+=")
        self.assertNotRegex(
            response.text,
            r"<script(?! type=\"application/json\"| type=\"module\" src=)",
        )
        config = self._config(response)
        self.assertEqual(config["kiosk"], self.kiosk.uuid)
        self.assertEqual(config["token"], self.token)
        self.assertEqual(config["tz"], self.hall.tz)
        self.assertEqual(config["version"], headers["X-Kiosk-Version"])

    def test_page_is_the_same_for_whoever_is_logged_in(self):
        self.authenticate("admin", "admin")
        response = self._get(self.token)
        self.assertEqual(response.status_code, 200)
        self.assertEqual(self._config(response)["kiosk"], self.kiosk.uuid)

    def test_names_cannot_leave_the_settings(self):
        self.hall.name = "</script><script>alert(1)</script>"
        response = self._get(self.token)
        self.assertNotIn("<script>alert", response.text)
        self.assertEqual(self._config(response)["place"], self.hall.name)

    def test_page_speaks_all_languages_of_the_kiosk(self):
        langs = self.env["res.lang"].with_context(active_test=False)
        arabic = langs.search([("code", "=", "ar_001")])
        arabic.active = True
        english = langs.search([("code", "=", "en_US")])
        self.kiosk.lang_ids = arabic | english
        self.company.partner_id.lang = "ar_001"
        response = self._get(self.token)
        self.assertIn('<html lang="ar-001" dir="rtl">', response.text)
        languages = self._config(response)["languages"]
        self.assertEqual(
            [(lang["code"], lang["direction"]) for lang in languages],
            [("ar-001", "rtl"), ("en-US", "ltr")],
        )
        [first, second] = languages
        self.assertEqual(first["texts"].keys(), second["texts"].keys())

    def test_all_words_are_there(self):
        """What the page says is written down, and nothing else is."""
        source = (
            "".join(kiosk_files.read(name)[0].decode() for name in kiosk_files.PAGE)
            + self.env.ref("spp_attendance.kiosk_page").arch
        )
        for part in ("kiosk_self", "kiosk_attendant", "kiosk_types"):
            source += self.env.ref(f"spp_attendance.{part}").arch
        texts = self.env["spp.attendance.kiosk"]._page_texts()
        for key in re.findall(r'data-(?:text|label)="(\w+)"', source):
            self.assertIn(key, texts)
        composed = {
            f"{category}_{kind}"
            for category in ("present", "absent")
            for kind in ("noted", "kept")
        } | {f"{kind}_text" for kind in ("noted", "kept", "refused")}
        composed |= {
            f"missing_{name}" for name in ("type", "badge", "identifier", "name", "pin")
        }
        self.assertLessEqual(composed, texts.keys())
        words = set(re.findall(r"\w+", source))
        self.assertEqual(texts.keys() - composed - words, set())

    def test_unknown_link_gets_a_page_that_says_so(self):
        response = self._get("nonsense")
        self.assertEqual(response.status_code, 401)
        self.assertEqual(response.headers["Content-Type"], "text/html; charset=utf-8")
        self.assertEqual(response.headers["X-Frame-Options"], "DENY")
        self.assertIsNone(self._config(response)["kiosk"])

    def test_archived_kiosk_is_unknown(self):
        self.kiosk.active = False
        self.assertEqual(self._get(self.token).status_code, 401)
        self.assertEqual(self._post("hello", {}).status_code, 401)

    def test_manifest(self):
        response = self._get(f"{self.token}/manifest.webmanifest")
        self.assertEqual(response.status_code, 200)
        self.assertEqual(response.headers["Content-Type"], "application/manifest+json")
        manifest = response.json()
        self.assertEqual(manifest["start_url"], f"{BASE}/{self.token}")
        self.assertEqual(manifest["scope"], f"{BASE}/")
        self.assertEqual(self._get("nonsense/manifest.webmanifest").status_code, 401)

    def test_files_are_kept_for_ever_under_their_version(self):
        config = self._config(self._get(self.token))
        for address in config["files"].values():
            response = self.url_open(address)
            self.assertEqual(response.status_code, 200, address)
            self.assertIn("immutable", response.headers["Cache-Control"])
        old = self._get("files/0123/kiosk.js")
        self.assertEqual(old.headers["Cache-Control"], "no-store")
        for name in ("worker.js", "..%2F..%2F__manifest__.py", "nothing.js"):
            response = self._get(f"files/{kiosk_files.version()}/{name}")
            self.assertEqual(response.status_code, 404, name)
        worker = self._get("worker.js")
        self.assertEqual(
            worker.headers["Content-Type"], "text/javascript; charset=utf-8"
        )
        self.assertEqual(worker.headers["Cache-Control"], "no-cache")

    # ------------------------------------------------------------------- API

    def test_hello_tells_the_time_and_what_is_new(self):
        before = int(time.time() * 1000)
        response = self._post("hello", {"pending": 3, "offset": 7000})
        after = int(time.time() * 1000)
        self.assertEqual(response.status_code, 200, response.text)
        answer = response.json()
        self.assertTrue(before <= answer["now"] <= after)
        self.assertEqual(answer["token"], self.token)
        self.assertEqual(
            answer["version"], self._get(self.token).headers["X-Kiosk-Version"]
        )
        self.kiosk.invalidate_recordset()
        self.assertEqual(self.kiosk.pending_count, 3)
        self.assertEqual(self.kiosk.last_offset_seconds, 7)
        self.hall.name = "Elsewhere"
        self.assertNotEqual(
            self._post("hello", {}).json()["version"], answer["version"]
        )

    def test_renewed_link_is_told_to_who_has_the_former(self):
        former = self.token
        self.kiosk._renew(3)
        answer = self._post("hello", {}, token=former).json()
        self.assertEqual(answer["token"], self.kiosk.token)
        self.assertNotEqual(answer["token"], former)
        config = self._config(self._get(former))
        self.assertEqual(config["token"], self.kiosk.token)
        self.kiosk._renew(0)
        self.assertEqual(self._post("hello", {}, token=former).status_code, 401)

    def test_marks_are_taken(self):
        body = self._mark(person=self.amina.uuid)
        response = self._post("marks", body)
        self.assertEqual(response.status_code, 200, response.text)
        [outcome] = response.json()["outcomes"]
        self.assertEqual(outcome["uuid"], body["marks"][0]["uuid"])
        self.assertEqual(outcome["status"], "noted")
        self.assertEqual(set(outcome), {"uuid", "status", "time", "message"})
        record = self.env["spp.attendance.record"].search(
            [("kiosk_id", "=", self.kiosk.id)]
        )
        self.assertEqual(record.subscriber_id, self.amina)
        self.assertEqual(record.create_uid, self.kiosk.user_id)

    def test_list_is_for_who_knows_the_code(self):
        self.amina.location_id = self.hall
        response = self._post("people", {"code": "something else"})
        self.assertEqual(response.status_code, 403)
        self.assertNotIn(self.amina.name, response.text)
        response = self._post("people", {"code": "open sesame"})
        self.assertEqual(response.status_code, 200, response.text)
        [person] = response.json()["people"]
        self.assertEqual(person["uuid"], self.amina.uuid)

    def test_without_a_link_nothing_is_said(self):
        for token in ("", "nonsense", "né", self.token[:-1], self.token + "="):
            for name in ("hello", "marks", "people"):
                response = self._post(name, {}, token=token.encode())
                self.assertEqual(response.status_code, 401, (token, name))
                self.assertEqual(
                    response.json()["error"]["code"], "invalid_token", response.text
                )
                self.assertNotIn("Set-Cookie", response.headers)

    def test_who_tries_many_links_is_slowed_down(self):
        self.env["ir.config_parameter"].set_param("spp_oauth.max_failures_address", 3)
        address = "127.0.0.1"
        for _attempt in range(3):
            self.env["spp.oauth.event"]._log("refused", address=address)
        response = self._post("hello", {}, token="nonsense")
        self.assertEqual(response.status_code, 429)
        self.assertGreater(int(response.headers["Retry-After"]), 0)
        # that it happened is noted once, which a test's read-only cursor can't do
        self.env["spp.oauth.event"]._log("throttled", address=address)
        page = self._get("nonsense")
        self.assertEqual(page.status_code, 429)
        self.assertIn("Retry-After", page.headers)
        # a kiosk next door isn't
        self.assertEqual(self._post("hello", {}).status_code, 200)

    def test_bad_requests_are_answered_in_json(self):
        many = [self._mark()["marks"][0] for _number in range(51)]
        cases = [
            ({"sent_at": 0, "marks": []}, 422),
            ({"sent_at": 0, "marks": many}, 422),
            (self._mark(category="late"), 422),
            (self._mark(at=-1), 422),
            (self._mark(name="x" * 300_000), 413),
        ]
        for body, status in cases:
            response = self._post("marks", body)
            self.assertEqual(response.status_code, status, response.text)
            self.assertTrue(response.json()["error"]["request_id"])
        headers = {"X-Kiosk-Token": self.token}
        response = self.url_open(f"{BASE}/api/marks", data=b"{", headers=headers)
        self.assertEqual(response.status_code, 415)
        headers["Content-Type"] = "application/json"
        response = self.url_open(f"{BASE}/api/marks", data=b"{", headers=headers)
        self.assertEqual(response.status_code, 400)
        self.assertEqual(response.json()["error"]["code"], "invalid_json")

    def test_elsewhere_there_is_nothing(self):
        for path in ("", "api/other", f"{self.token}/other"):
            response = self._get(path)
            self.assertEqual(response.status_code, 404, path)
            self.assertEqual(response.json()["error"]["code"], "not_found")
        response = self.url_open(f"{BASE}/{self.token}", data={"a": "b"})
        self.assertEqual(response.status_code, 405)

    # ------------------------------------------------------------------- log

    def test_tokens_stay_out_of_the_log(self):
        logger = logging.getLogger("werkzeug")
        lines = {
            f'"GET {BASE}/s3cret HTTP/1.1"': f'"GET {BASE}/*** HTTP/1.1"',
            f"GET {BASE}/s3cret?x=1": f"GET {BASE}/***?x=1",
            f"GET {BASE}/s3cret/manifest.webmanifest": (
                f"GET {BASE}/***/manifest.webmanifest"
            ),
            f"POST {BASE}/api/marks": f"POST {BASE}/api/marks",
            f"GET {BASE}/worker.js": f"GET {BASE}/worker.js",
            "GET /odoo": "GET /odoo",
        }
        for line, expected in lines.items():
            record = logger.makeRecord(
                logger.name, logging.INFO, __file__, 1, "%s %s", (line, 200), None
            )
            self.assertTrue(logger.filter(record))
            self.assertEqual(record.getMessage(), f"{expected} 200")

    def test_threads_do_not_tell_tokens(self):
        thread = SimpleNamespace(url=f"http://localhost{BASE}/s3cret")
        with patch.object(threading, "current_thread", return_value=thread):
            kiosk_log.hide_address()
        self.assertEqual(thread.url, f"http://localhost{BASE}/***")
