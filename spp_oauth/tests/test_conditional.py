from odoo.tests import TransactionCase, tagged

from ..api.negotiation import is_acceptable, is_known, make_etag
from .common import OAuthCase

ITEMS = "/api/oauth/probe/items"
PLAIN = "/api/oauth/probe/plain"


@tagged("post_install", "-at_install")
class TestConditional(OAuthCase):
    def test_etag(self):
        response = self.call(ITEMS)
        etag = response.headers["ETag"]
        self.assertRegex(etag, r'^"[0-9a-f]{32}"$')
        self.assertEqual(response.headers["Cache-Control"], "private, no-cache")
        for known in (etag, f"W/{etag}", f'"x", {etag}', "*"):
            with self.subTest(known):
                again = self.call(ITEMS, headers={"If-None-Match": known})
                self.assertEqual((again.status_code, again.content), (304, b""))
                self.assertEqual(again.headers["ETag"], etag)
                self.assertEqual(again.headers["Cache-Control"], "private, no-cache")
                self.assertNotIn("Content-Type", again.headers)
        other = self.call(ITEMS, headers={"If-None-Match": '"x"'})
        self.assertEqual(other.status_code, 200)
        self.assertEqual(other.json(), response.json())

    def test_a_tag_opens_no_door(self):
        headers = {"If-None-Match": "*"}
        self.assertError(self.call(ITEMS, "", headers), 401, "unauthorized")

    def test_head(self):
        response = self.call(ITEMS)
        head = self.call(ITEMS, method="HEAD")
        self.assertEqual((head.status_code, head.content), (200, b""))
        for name in ("ETag", "Content-Length", "Content-Type", "Cache-Control"):
            self.assertEqual(head.headers[name], response.headers[name])
        known = {"If-None-Match": response.headers["ETag"]}
        again = self.call(ITEMS, headers=known, method="HEAD")
        self.assertEqual(again.status_code, 304)

    def test_only_where_it_was_declared(self):
        response = self.call(f"{ITEMS}/1", headers={"If-None-Match": "*"})
        self.assertEqual(response.status_code, 200)
        self.assertNotIn("ETag", response.headers)
        self.assertEqual(response.headers["Cache-Control"], "no-store")

    def test_accept(self):
        for accept in (
            "application/json",
            "*/*",
            "application/*",
            "text/html, application/json;q=0.1",
            "APPLICATION/JSON; charset=utf-8",
            "",
        ):
            with self.subTest(accept):
                response = self.call(ITEMS, headers={"Accept": accept})
                self.assertEqual(response.status_code, 200)
        for accept in ("text/html", "application/json;q=0, */*", "application/xml"):
            with self.subTest(accept):
                response = self.call(ITEMS, headers={"Accept": accept})
                self.assertError(response, 406, "not_acceptable")

    def test_other_media_types(self):
        response = self.call(PLAIN, "", {"Accept": "text/plain"})
        self.assertEqual(response.headers["Content-Type"], "text/plain; version=1")
        self.assertEqual(response.content, '"é"'.encode(), "no byte is missing")
        self.assertNotIn("Set-Cookie", response.headers)
        response = self.call(PLAIN, "", {"Accept": "application/json"})
        self.assertError(response, 406, "not_acceptable")


class TestNegotiation(TransactionCase):
    def test_is_acceptable(self):
        types = ("text/plain; version=0.0.4",)
        prometheus = (
            "application/openmetrics-text;version=1.0.0;q=0.75,"
            "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
        )
        for header in (None, "", "*/*", "text/*", "text/plain", prometheus):
            self.assertTrue(is_acceptable(header, types), header)
        for header in ("text/html", "text/plain;q=0", "text/*;q=0,*/*", ";;", ","):
            self.assertFalse(is_acceptable(header, types), header)

    def test_entity_tags(self):
        etag = make_etag(b"body")
        self.assertEqual(etag, make_etag(b"body"))
        self.assertNotEqual(etag, make_etag(b"other"))
        self.assertTrue(is_known(etag, etag))
        for header in (None, "", '"other"', etag[:-2], "rubbish"):
            self.assertFalse(is_known(header, etag), header)
