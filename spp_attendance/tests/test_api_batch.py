import json
from unittest.mock import patch

from psycopg2.errors import SerializationFailure

from odoo.tests import tagged
from odoo.tools import mute_logger

from .. import batch
from .common_api import BASE, ApiCase

NDJSON = "application/x-ndjson"


@tagged("post_install", "-at_install")
class TestApiBatch(ApiCase):
    """Batches that are answered line by line."""

    def _post(self, path, items, ndjson=False, token=None):
        """The answer to a batch; `items` may be lines as they are."""
        headers = {"Authorization": f"Bearer {token or self.token}"}
        if ndjson:
            lines = [i if isinstance(i, str) else json.dumps(i) for i in items]
            headers["Content-Type"] = NDJSON
            data = "\n".join(lines).encode()
        else:
            headers["Content-Type"] = "application/json"
            data = json.dumps({path.split("/")[1]: items}).encode()
        return self.url_open(f"{BASE}{path}", data=data, headers=headers)

    def _lines(self, *args, **kwargs):
        response = self._post(*args, **kwargs)
        self.assertEqual(response.status_code, 200, response.text)
        self.assertEqual(response.headers["Content-Type"], NDJSON)
        return [json.loads(line) for line in response.text.splitlines()]

    def test_a_line_for_each_and_a_last_one(self):
        items = [
            self.item("T-1", external_id="a"),
            self.item("nobody"),
            self.item("T-2", date_time="yesterday"),
            {"person": "T-1"},
            self.item("T-3"),
        ]
        for ndjson in (False, True):
            with self.subTest(ndjson=ndjson):
                *lines, last = self._lines("/records/batch", items, ndjson)
                self.assertEqual([line["index"] for line in lines], [0, 1, 2, 3, 4])
                recorded = "duplicate" if ndjson else "created"
                self.assertEqual(
                    [line["status"] for line in lines],
                    [recorded, "rejected", "rejected", "rejected", recorded],
                )
                self.assertEqual(
                    [line["code"] for line in lines[1:4]],
                    ["unknown_person", "invalid_date_time", "invalid"],
                )
                self.assertEqual(
                    last,
                    {"done": True, "total": 5, "counts": {recorded: 2, "rejected": 3}},
                )

    def test_a_bad_line_costs_itself_only(self):
        items = ["{not json", self.item(), "", "  ", "[]", '{"a": 1}, {"b": 2}']
        *lines, last = self._lines("/records/batch", items, ndjson=True)
        self.assertEqual(
            [line["status"] for line in lines],
            ["rejected", "created", "rejected", "rejected"],
        )
        self.assertIn("not valid JSON", lines[0]["reason"])
        self.assertEqual(last["total"], 4)

    def test_outcomes_are_told_a_chunk_at_a_time(self):
        items = [
            self.item("T-1", f"2026-08-{1 + n // 24:02}T{n % 24:02}:00:00")
            for n in range(100)
        ]
        with patch.object(batch, "CHUNK", 30):
            *lines, last = self._lines("/records/batch", items, ndjson=True)
        self.assertEqual([line["index"] for line in lines], list(range(100)))
        self.assertEqual(last["counts"], {"created": 100})
        self.assertEqual(len({line["id"] for line in lines}), 100)

    def test_a_fault_ends_it_without_the_last_line(self):
        records = type(self.env["spp.attendance.record"])
        ingest = records._ingest
        calls = []

        def fail_later(model, items, **kwargs):
            calls.append(len(items))
            if len(calls) == 2:
                raise RuntimeError("disk on fire")
            return ingest(model, items, **kwargs)

        items = [
            self.item(f"T-{1 + n % 3}", f"2026-08-{1 + n:02}T08:00") for n in range(9)
        ]
        with (
            patch.object(batch, "CHUNK", 3),
            patch.object(records, "_ingest", fail_later),
            mute_logger("odoo.addons.spp_attendance.batch"),
        ):
            *lines, last = self._lines("/records/batch", items)
        self.assertEqual([line["status"] for line in lines], ["created"] * 3)
        self.assertEqual(set(last), {"error"})
        self.assertEqual(last["error"]["code"], "internal_error")
        self.assertRegex(last["error"]["request_id"], "^[0-9a-f]{32}$")
        self.assertNotIn("fire", str(last))
        self.assertEqual(calls, [3, 3])
        # Sent again, all is there once.
        *lines, last = self._lines("/records/batch", items)
        self.assertEqual(last["counts"], {"duplicate": 3, "created": 6})

    def test_a_chunk_is_tried_again_when_others_were_faster(self):
        records = type(self.env["spp.attendance.record"])
        ingest = records._ingest
        calls = []

        def fail_first(model, items, **kwargs):
            calls.append(len(items))
            if len(calls) == 1:
                raise SerializationFailure
            return ingest(model, items, **kwargs)

        with patch.object(records, "_ingest", fail_first):
            *lines, _last = self._lines("/records/batch", [self.item()])
        self.assertEqual(calls, [1, 1])
        self.assertEqual([line["status"] for line in lines], ["created"])

    def test_no_transaction_is_open_while_lines_are_read(self):
        opened = []
        with patch.object(
            type(self.registry), "cursor", side_effect=lambda *a, **k: opened.append(1)
        ):
            lines = batch.stream(self.env, [1], lambda env, items: [])
            lines.close()
        self.assertFalse(opened)

    def test_who_may_not_is_told_at_once(self):
        reader = self._token("attendance:read")
        response = self._post("/records/batch", [self.item()], token=reader)
        self.assertEqual(response.status_code, 403)
        for items in ([], [self.item()] * 10_001):
            response = self._post("/records/batch", items)
            self.assertEqual(response.status_code, 422)
        response = self._call("POST", "/records/batch", {"rows": []})
        self.assertEqual(response.status_code, 422)
        response = self.url_open(
            f"{BASE}/records/batch",
            data=b"a=b",
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "text/csv",
            },
        )
        self.assertEqual(response.status_code, 415)
        response = self._call(
            "POST",
            "/records/batch",
            {"records": [self.item()]},
            headers={"Accept": "text/html"},
        )
        self.assertEqual(response.status_code, 406)

    def test_people_by_identifier(self):
        items = [
            {"person_identifier": "N-1", "family_name": "Wanjiru", "location": "HALL"},
            {"person_identifier": "T-1", "gender": "female"},
            {"person_identifier": "T-2"},
            {"person_identifier": "N-2", "location": "nowhere"},
            {"family_name": "Nobody"},
        ]
        *lines, last = self._lines("/subscribers/batch", items)
        self.assertEqual(
            [(line["person_identifier"], line["status"]) for line in lines],
            [
                ("N-1", "created"),
                ("T-1", "updated"),
                ("T-2", "unchanged"),
                ("N-2", "rejected"),
                (None, "rejected"),
            ],
        )
        self.assertTrue(last["done"])
        self.assertEqual(self.amina.gender, "female")
        *lines, last = self._lines("/subscribers/batch", items, ndjson=True)
        self.assertEqual(last["counts"], {"unchanged": 3, "rejected": 2})
