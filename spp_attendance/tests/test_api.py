import base64
from datetime import datetime, timedelta
from unittest.mock import patch

from odoo.tests import HttpCase, tagged
from odoo.tools import SQL

from .common import AttendanceCase

RECORDS = "/api/attendance/records"


@tagged("post_install", "-at_install")
class TestApi(HttpCase, AttendanceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client, cls.secret = (
            cls.env["spp.oauth.client"]
            .with_company(cls.company)
            ._new_client(
                "App",
                ["attendance:read", "attendance:write"],
                company_id=cls.company.id,
            )
        )

    def setUp(self):
        super().setUp()
        self.token = self._token("attendance:read attendance:write")

    def _token(self, scope):
        basic = base64.b64encode(
            f"{self.client.client_id}:{self.secret}".encode()
        ).decode()
        response = self.url_open(
            "/oauth2/token",
            data={"grant_type": "client_credentials", "scope": scope},
            headers={"Authorization": f"Basic {basic}"},
        )
        self.assertEqual(response.status_code, 200, response.text)
        return response.json()["access_token"]

    def _call(self, method="GET", token=None, json=None, params=None):
        query = f"?{params}" if params else ""
        return self.url_open(
            RECORDS + query,
            json=json,
            method=method,
            headers={"Authorization": f"Bearer {token or self.token}"},
        )

    def _post(self, *items):
        return self._call("POST", json={"records": list(items)})

    def test_the_status_tells_how_many_were_rejected(self):
        for items, status in (
            ([self.item()], 200),
            ([self.item(), self.item("T-2")], 200),
            ([self.item("T-3"), self.item("nobody")], 207),
            ([self.item("nobody"), self.item(date_time="2026-02-31T08:00")], 422),
        ):
            with self.subTest(status=status):
                response = self._post(*items)
                self.assertEqual(response.status_code, status, response.text)
                self.assertEqual(response.headers["Content-Type"], "application/json")
                results = response.json()["results"]
                self.assertEqual(
                    [result["index"] for result in results], list(range(len(items)))
                )
        self.assertEqual(set(results[0]), {"index", "status", "id", "reason", "code"})
        self.assertEqual(results[0]["code"], "unknown_person")
        self.assertIn("nobody", results[0]["reason"])

    def test_what_is_written_is_read(self):
        item = self.item(
            date_time="2026-09-01T05:00:00Z",
            category="absent",
            type="TRN-TEST",
            location="HALL",
            description="Ill",
            url="https://example.org/note",
            external_id="e-1",
        )
        created = self._post(item).json()["results"][0]
        self.assertEqual(created["status"], "created")
        again = self._post(item).json()["results"][0]
        self.assertEqual((again["status"], again["id"]), ("duplicate", created["id"]))
        page = self._call(params="person_identifier=T-1").json()
        self.assertEqual(
            page,
            {
                "items": [
                    {
                        "id": created["id"],
                        "person_identifier": "T-1",
                        "person_name": "Okafor, Amina",
                        "date_time": "2026-09-01T08:00:00+03:00",
                        "date": "2026-09-01",
                        "time": "08:00:00",
                        "tz": "Africa/Nairobi",
                        "category": "absent",
                        "scan_type": "none",
                        "direction": None,
                        "type": {
                            "id": self.training.id,
                            "code": "TRN-TEST",
                            "name": "Workshop",
                        },
                        "location": {
                            "id": self.hall.id,
                            "code": "HALL",
                            "name": "Hall",
                        },
                        "description": "Ill",
                        "url": "https://example.org/note",
                        "source": "api",
                        "external_id": "e-1",
                    }
                ],
                "next": None,
            },
        )

    def test_pages_hold_everything_once_and_in_order(self):
        start = datetime(2026, 9, 1, 8)
        items = [
            # Pairs of people at the same instant: the cursor must part them by id.
            self.item(f"T-{1 + n % 2}", (start + timedelta(minutes=n // 2)).isoformat())
            for n in range(25)
        ]
        ids = [result["id"] for result in self._post(*items).json()["results"]]
        seen, cursor, pages = [], "", 0
        while cursor is not None:
            page = self._call(
                params="limit=4" + (f"&cursor={cursor}" if cursor else "")
            ).json()
            seen += [item["id"] for item in page["items"]]
            cursor = page["next"]
            pages += 1
            self.assertLess(pages, 10)
        self.assertEqual(seen, ids[::-1])
        self.assertEqual(pages, 7)

    def test_filters(self):
        self._post(
            self.item("T-1", "2026-09-01T08:00", type="TRN-TEST", location="HALL"),
            self.item("T-1", "2026-09-02T00:30", location="HALL"),
            self.item("T-2", "2026-09-02T08:00", type="TRN-TEST"),
            self.item("T-3", "2026-09-03T08:00"),
        )
        for params, expected in (
            ("", ["T-3", "T-2", "T-1", "T-1"]),
            ("person_identifier=T-2", ["T-2"]),
            ("person_identifier=T-2&person_identifier=T-3", ["T-3", "T-2"]),
            ("person_identifier=nobody", []),
            # 00:30 in Nairobi is the day before in UTC: dates are local dates.
            ("date_from=2026-09-02", ["T-3", "T-2", "T-1"]),
            ("date_to=2026-09-01", ["T-1"]),
            ("date_from=2026-09-02&date_to=2026-09-02", ["T-2", "T-1"]),
            ("type=TRN-TEST", ["T-2", "T-1"]),
            ("type=Workshop", ["T-2", "T-1"]),
            (f"type={self.training.id}", ["T-2", "T-1"]),
            ("location=HALL", ["T-1", "T-1"]),
            ("location=HALL&type=TRN-TEST", ["T-1"]),
            ("location=nowhere", []),
        ):
            with self.subTest(params):
                response = self._call(params=params)
                self.assertEqual(response.status_code, 200, response.text)
                self.assertEqual(
                    [i["person_identifier"] for i in response.json()["items"]],
                    expected,
                )

    def test_bad_queries_are_explained(self):
        for params, status in (
            ("date_from=yesterday", 422),
            ("date_from=0", 422),
            ("date_to=2026-09-01T00:00", 422),
            ("date_from=2026-09-02&date_to=2026-09-01", 422),
            ("limit=0", 422),
            ("limit=100000", 422),
            ("cursor=rubbish", 400),
            ("colour=red", 400),
        ):
            with self.subTest(params):
                response = self._call(params=params)
                self.assertEqual(response.status_code, status, response.text)
                self.assertTrue(response.json()["error"]["message"])

    def test_bad_bodies_are_explained(self):
        for body in ([], {}, {"records": []}, {"records": {}}, {"rows": [self.item()]}):
            with self.subTest(body=body):
                response = self._call("POST", json=body or [])
                self.assertEqual(response.status_code, 422, response.text)
                self.assertTrue(response.json()["error"]["fields"])
        response = self._post(*[self.item()] * 5001)
        self.assertEqual(response.status_code, 422)

    def test_a_scope_for_each(self):
        reader = self._token("attendance:read")
        writer = self._token("attendance:write")
        body = {"records": [self.item()]}
        self.assertEqual(self._call("POST", writer, json=body).status_code, 200)
        self.assertEqual(self._call("GET", reader).status_code, 200)
        for refused in (
            self._call("POST", reader, json=body),
            self._call("GET", writer),
        ):
            self.assertEqual(refused.status_code, 403)
            self.assertIn("insufficient_scope", refused.headers["WWW-Authenticate"])

    def test_other_senders_ids_are_their_own_business(self):
        self.ingest(self.item(external_id="secret"), origin="device/1")
        self.assertIsNone(self._call().json()["items"][0]["external_id"])

    def test_another_company_s_people_are_not_there(self):
        self.env["spp.attendance.record"].create({"subscriber_id": self.stranger.id})
        self.assertEqual(self._call().json()["items"], [])

    def test_reading_a_page_costs_the_same_for_few_and_many(self):
        from ..api import RecordQuery

        self._post(
            *(
                self.item(f"T-{1 + n % 3}", f"2026-08-{1 + n // 3:02}T08:{n % 60:02}")
                for n in range(60)
            )
        )
        model = self.records_of(self.api_user)
        for limit in (1, 2, 50):
            self.env.invalidate_all()
            self.env.registry.clear_cache()
            model._api_list(RecordQuery(limit=1))
            self.env.invalidate_all()
            with self.assertQueryCount(5):
                model._api_list(RecordQuery(limit=limit))

    def test_a_page_far_down_is_found_by_index(self):
        from odoo.addons.spp_oauth.api import Cursor

        from ..api import RecordQuery

        cursor = Cursor.encode(datetime(2026, 1, 1), 1)
        model = self.records_of(self.api_user)
        queries = []
        with patch.object(
            type(model),
            "search_fetch",
            lambda self, domain, *_args, **_kw: (
                queries.append(self._search(domain)) or self.browse()
            ),
        ):
            model._api_list(RecordQuery(cursor=cursor))
        self.env.cr.execute("SET LOCAL enable_seqscan = off")
        self.env.cr.execute("SET LOCAL enable_bitmapscan = off")
        plan = self.env.execute_query(SQL("EXPLAIN %s", queries[0].select()))
        conditions = [line.strip() for [line] in plan if "Index Cond" in line]
        self.assertTrue(
            any("company_id" in line and "date_time <" in line for line in conditions),
            plan,
        )
