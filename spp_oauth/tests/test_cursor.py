from datetime import date, datetime, timedelta, timezone

from odoo.tests import BaseCase

from ..api import BadRequest, Cursor, Page


class TestCursor(BaseCase):
    def test_round_trip(self):
        east = datetime(2026, 2, 28, 23, 59, 1, 5, timezone(timedelta(hours=2)))
        for values, types in (
            ((1,), (int,)),
            ((-(2**63) + 1, "é/+?", True), (int, str, bool)),
            ((date(2026, 2, 28), datetime(2026, 2, 28, 12), 7), (date, datetime, int)),
            ((east,), (datetime,)),
            ((), ()),
        ):
            with self.subTest(values):
                cursor = Cursor.encode(*values)
                self.assertRegex(cursor, r"^[A-Za-z0-9_-]*$")
                self.assertEqual(Cursor.decode(cursor, *types), values)

    def test_rubbish(self):
        for cursor, types in (
            ("", (int,)),
            ("é", (int,)),
            ("!!!!", (int,)),
            ("A", (int,)),
            (Cursor.encode(1), (str,)),
            (Cursor.encode(1), (int, int)),
            (Cursor.encode(1, 2), (int,)),
            (Cursor.encode(True), (int,)),
            (Cursor.encode(None), (int,)),
            (Cursor.encode(2**63), (int,)),
            (Cursor.encode("a\0"), (str,)),
            (Cursor.encode("2026-02-31"), (date,)),
            (Cursor.encode(5), (date,)),
            ("bnVsbA", (int,)),  # null
            ("eyJhIjoxfQ", (int,)),  # an object
            ("W" * 100_000, (int,)),  # brackets and brackets
        ):
            with self.subTest(cursor[:20]), self.assertRaises(BadRequest):
                Cursor.decode(cursor, *types)

    def test_page(self):
        page = Page[int](items=[1, 2])
        self.assertEqual(page.model_dump_json(), '{"items":[1,2],"next":null}')
