from datetime import datetime, timedelta
from unittest.mock import patch

from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from .common_api import ApiCase


@tagged("post_install", "-at_install")
class TestApi(ApiCase):
    def _records(self, method="GET", token=None, json=None, params=None):
        return self._call(method, "/records", json, params, token)

    def _post(self, *items):
        return self._records("POST", json={"records": list(items)})

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
        page = self._records(params="person_identifier=T-1").json()
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
                        "register": None,
                        "description": "Ill",
                        "url": "https://example.org/note",
                        "source": "api",
                        "external_id": "e-1",
                        "submitted_by": None,
                        "submitted_datetime": None,
                        "submission_source": None,
                        "voided": False,
                        "void_reason": None,
                        "created_at": page["items"][0]["created_at"],
                        "updated_at": page["items"][0]["created_at"],
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
            page = self._records(
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
                response = self._records(params=params)
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
                response = self._records(params=params)
                self.assertEqual(response.status_code, status, response.text)
                self.assertTrue(response.json()["error"]["message"])

    def test_bad_bodies_are_explained(self):
        for body in ([], {}, {"records": []}, {"records": {}}, {"rows": [self.item()]}):
            with self.subTest(body=body):
                response = self._records("POST", json=body or [])
                self.assertEqual(response.status_code, 422, response.text)
                self.assertTrue(response.json()["error"]["fields"])
        response = self._post(*[self.item()] * 5001)
        self.assertEqual(response.status_code, 422)

    def test_a_scope_for_each(self):
        reader = self._token("attendance:read")
        writer = self._token("attendance:write")
        body = {"records": [self.item()]}
        self.assertEqual(self._records("POST", writer, json=body).status_code, 200)
        self.assertEqual(self._records("GET", reader).status_code, 200)
        for refused in (
            self._records("POST", reader, json=body),
            self._records("GET", writer),
        ):
            self.assertEqual(refused.status_code, 403)
            self.assertIn("insufficient_scope", refused.headers["WWW-Authenticate"])

    def test_other_senders_ids_are_their_own_business(self):
        self.ingest(self.item(external_id="secret"), origin="device/1")
        self.assertIsNone(self._records().json()["items"][0]["external_id"])

    def test_another_company_s_people_are_not_there(self):
        self.env["spp.attendance.record"].create({"subscriber_id": self.stranger.id})
        self.assertEqual(self._records().json()["items"], [])

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

    def test_a_record_on_a_register(self):
        register = self.env["spp.attendance.register"].create(
            {
                "name": "Road works",
                "company_id": self.company.id,
                "date_start": "2026-09-01",
                "location_id": self.hall.id,
            }
        )
        self.env["spp.attendance.register.staff"].create(
            {
                "register_id": register.id,
                "user_id": self.client.user_id.id,
                "enrolled_at": "2026-08-01 00:00:00",
            }
        )
        attendee = self.env["spp.attendance.register.attendee"].create(
            {"register_id": register.id, "subscriber_id": self.amina.id}
        )
        self.env["spp.attendance.register.interval"].create(
            {"attendee_id": attendee.id, "start_at": register.start_at}
        )
        response = self._post(
            self.item(register=register.number),
            self.item("T-2", register=register.uuid),
            self.item(register="WR/none"),
        )
        self.assertEqual(response.status_code, 207)
        marked, *refused = response.json()["results"]
        self.assertEqual(marked["status"], "created")
        self.assertEqual(
            [result["code"] for result in refused], ["not_enrolled", "unknown_register"]
        )
        [found] = self._records(params=f"register={register.number}").json()["items"]
        self.assertEqual(found["id"], marked["id"])
        self.assertEqual(found["location"]["code"], "HALL")
        self.assertEqual(
            found["register"],
            {
                "id": register.id,
                "uuid": register.uuid,
                "number": register.number,
                "name": "Road works",
            },
        )
        # A correction is a mark as well.
        register.active = False
        self.env.flush_all()
        answer = self._call("PATCH", f"/records/{marked['id']}", {"category": "absent"})
        self.assertEqual(answer.status_code, 422, answer.text)
        self.assertIn("not active", answer.text)

    def test_a_page_far_down_is_found_by_index(self):
        from odoo.addons.spp_oauth.api import Cursor

        from ..api import RecordQuery

        cursor = Cursor.encode("-date_time", datetime(2026, 6, 15), 1)
        model = self.records_of(self.api_user)
        queries = []
        with patch.object(
            type(model),
            "_fetch_query",
            lambda self, query, _fields: queries.append(query) or self.browse(),
        ):
            model._api_list(RecordQuery(cursor=cursor))
        self.fill_records()
        # As with millions of them.
        for way in ("seqscan", "bitmapscan", "sort", "incremental_sort"):
            self.env.cr.execute(
                SQL("SET LOCAL %s = off", SQL.identifier(f"enable_{way}"))
            )
        plan = self.env.execute_query(SQL("EXPLAIN %s", queries[0].select()))
        conditions = [line.strip() for [line] in plan if "Index Cond" in line]
        self.assertTrue(
            any("company_id" in c and "ROW(date_time, id) <" in c for c in conditions),
            plan,
        )

    def _recorded(self, **values):
        """Id of a new record."""
        [result] = self._post(self.item(**values)).json()["results"]
        self.assertEqual(result["status"], "created")
        return result["id"]

    def test_one_record_by_id(self):
        record_id = self._recorded(external_id="e-1")
        response = self._call("GET", f"/records/{record_id}")
        [listed] = self._all("/records")
        self.assertEqual(response.json(), listed)
        again = {"If-None-Match": response.headers["ETag"]}
        response = self._call("GET", f"/records/{record_id}", headers=again)
        self.assertEqual(response.status_code, 304)
        other = self.env["spp.attendance.record"].create(
            {"subscriber_id": self.stranger.id}
        )
        for missing in (other.id, 2**31 - 1, 10**30):
            response = self._call("GET", f"/records/{missing}")
            self.assertEqual(response.status_code, 404)

    def test_a_record_is_corrected(self):
        record_id = self._recorded(type="TRN-TEST")
        path = f"/records/{record_id}"
        for body in (
            {"category": "absent", "description": "Ill"},
            {"date_time": "2026-09-01T10:00:00Z"},
            {"date_time": "2026-09-01 07:30"},
            {"type": None, "location": "HALL"},
        ):
            made = self._ok("PATCH", path, body)
            self.assertEqual(self._ok("GET", path), made)
        self.assertEqual(
            (made["date_time"], made["category"], made["description"], made["type"]),
            ("2026-09-01T07:30:00+03:00", "absent", "Ill", None),
        )
        self.assertEqual(made["location"]["code"], "HALL")
        changes = self.env["spp.attendance.record.change"].search(
            [("record_id", "=", record_id), ("field", "=", "local_time")]
        )
        self.assertEqual(sorted(changes.mapped("new_value")), ["07:30:00", "13:00:00"])
        self.assertEqual(changes.create_uid, self.client.user_id)

    @mute_logger("odoo.sql_db")
    def test_a_correction_can_t_make_a_twin(self):
        self._recorded(date_time="2026-09-01T08:00")
        second = self._recorded(date_time="2026-09-01T09:00")
        response = self._call(
            "PATCH", f"/records/{second}", {"date_time": "2026-09-01T08:00"}
        )
        self.assertEqual(response.status_code, 409, response.text)

    def test_a_bad_correction_is_explained(self):
        path = f"/records/{self._recorded()}"
        for body, field in (
            ({}, "body"),
            ({"date_time": "yesterday"}, "date_time"),
            ({"date_time": None}, "date_time"),
            ({"category": None}, "category"),
            ({"type": "nothing"}, "type"),
            ({"location": self.other_hall.id}, "location"),
            ({"url": "ftp://x"}, "url"),
            ({"person_identifier": "T-2"}, "person_identifier"),
        ):
            with self.subTest(body=body):
                response = self._call("PATCH", path, body)
                self.assertEqual(response.status_code, 422, response.text)
                [problem] = response.json()["error"]["fields"]
                self.assertEqual(problem["field"], field)

    @mute_logger("odoo.sql_db")
    def test_a_record_is_voided_and_restored(self):
        record_id = self._recorded()
        path = f"/records/{record_id}"
        for reason in ("Wrong person", "Another reason"):
            void = self._ok("POST", f"{path}/void", {"reason": reason})
            self.assertTrue(void["voided"])
            self.assertEqual(void["void_reason"], "Wrong person")
        self.assertEqual(self._all("/records"), [])
        self.assertEqual(self._all("/records", "include_voided=true"), [void])
        self.assertEqual(self._ok("GET", path), void)
        # Its place is free, and taken again.
        second = self._recorded()
        response = self._call("POST", f"{path}/restore")
        self.assertEqual(response.status_code, 409, response.text)
        self._ok("POST", f"/records/{second}/void", {"reason": "Again wrong"})
        restored = self._ok("POST", f"{path}/restore")
        self.assertFalse(restored["voided"])
        self.assertIsNone(restored["void_reason"])
        for body in ({}, {"reason": ""}, {"reason": "  "}, {"reason": None}):
            response = self._call("POST", f"{path}/void", body)
            self.assertEqual(response.status_code, 422, response.text)
        response = self._call("POST", "/records/2147483647/void", {"reason": "R"})
        self.assertEqual(response.status_code, 404)

    def test_the_caller_s_own_ids_find_their_records(self):
        for number in (1, 2):
            self._recorded(
                date_time=f"2026-09-0{number}T08:00", external_id=f"e-{number}"
            )
        self.ingest(self.item("T-2", external_id="e-1"), origin="device/1")
        for params, expected in (
            ("external_id=e-1", ["e-1"]),
            ("external_id=e-1&external_id=e-2", ["e-2", "e-1"]),
            ("external_id=e-3", []),
            ("category=absent", []),
            ("category=present&external_id=e-2", ["e-2"]),
        ):
            with self.subTest(params):
                found = [i["external_id"] for i in self._all("/records", params)]
                self.assertEqual(found, expected)

    def test_what_was_changed_since(self):
        old, new = (
            self._recorded(date_time=f"2026-09-0{number}T08:00") for number in (1, 2)
        )
        for record_id, date in ((old, "2026-09-01"), (new, "2026-10-01")):
            self.env.cr.execute(
                "UPDATE spp_attendance_record SET write_date = %s WHERE id = %s",
                [f"{date} 05:00:00.5", record_id],
            )
        self.env.invalidate_all()
        since = "updated_since=2026-09-15T00:00:00Z"
        self.assertEqual([i["id"] for i in self._all("/records", since)], [new])
        for sort, expected in (("updated_at", [old, new]), ("-updated_at", [new, old])):
            found = self._all("/records", f"sort={sort}", limit=1)
            self.assertEqual([item["id"] for item in found], expected)
        since = "updated_since=2026-10-01T08:00:00%2B03:00"
        self.assertEqual([i["id"] for i in self._all("/records", since)], [new])

    def test_a_location_stands_for_what_is_part_of_it(self):
        room = self.env["spp.attendance.location"].create(
            {
                "name": "Room",
                "parent_id": self.hall.id,
                "company_id": self.company.id,
                "tz": "Africa/Nairobi",
            }
        )
        record_id = self._recorded(location="Room")
        for params in ("location=HALL", "location=Room", f"location={room.id}"):
            found = self._all("/records", params)
            self.assertEqual([item["id"] for item in found], [record_id])

    def test_an_unknown_name_asks_the_records_nothing(self):
        from ..api import RecordQuery

        model = self.records_of(self.api_user)
        for filters in (
            {"type": "nothing"},
            {"location": "nowhere"},
            {"person_identifier": ["nobody"]},
        ):
            with (
                self.subTest(filters=filters),
                patch.object(type(model), "_fetch_query", side_effect=AssertionError),
            ):
                self.assertEqual(model._api_list(RecordQuery(**filters)).items, [])

    def test_one_person_s_page_is_found_by_the_person_s_index(self):
        from ..api import RecordQuery

        model = self.records_of(self.api_user)
        self.ingest(*(self.item(f"T-{n}") for n in (1, 2, 3)))
        queries = []
        with patch.object(
            type(model),
            "_fetch_query",
            lambda self, query, _fields: queries.append(query) or self.browse(),
        ):
            model._api_list(RecordQuery(person_identifier=["T-1"]))
        self.env.cr.execute("SET LOCAL enable_seqscan = off")
        plan = self.env.execute_query(SQL("EXPLAIN %s", queries[0].select()))
        text = "\n".join(line for [line] in plan)
        self.assertIn(f"subscriber_id = {self.amina.id}", text)
        self.assertNotIn("Join", text)
