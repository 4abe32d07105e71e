from contextlib import nullcontext

from odoo.tests import tagged
from odoo.tools import mute_logger

from .common_api import ApiCase


@tagged("post_install", "-at_install")
class TestApiSubscriber(ApiCase):
    def setUp(self):
        super().setUp()
        self.unit = self.env["spp.attendance.department"].create(
            {"name": "Nutrition", "code": "NUT", "company_id": self.company.id}
        )
        self.env["res.partner.category"].create([{"name": "Poor"}, {"name": "Old"}])

    def test_registered_read_changed_archived(self):
        body = {
            "person_identifier": "N-1",
            "family_name": "Wanjiru",
            "given_name": "Faith",
            "gender": "female",
            "email": "faith@example.org",
            "phone": "+254 700 000001",
            "mobile": "+254 700 000002",
            "department": "NUT",
            "designation": "Nurse",
            "level_of_work": "staff",
            "work_from": "2026-02-01",
            "work_to": None,
            "location": "HALL",
            "tz": "Africa/Nairobi",
            "badge": "04A2B9C1",
            "tags": ["Poor"],
        }
        response = self._call("POST", "/subscribers", body)
        self.assertEqual(response.status_code, 201, response.text)
        made = response.json()
        self.assertEqual(
            made,
            {
                **body,
                "uuid": made["uuid"],
                "name": "Wanjiru, Faith",
                "additional_name": None,
                "department": {
                    "id": self.unit.id,
                    "code": "NUT",
                    "name": "Nutrition",
                },
                "location": {"id": self.hall.id, "code": "HALL", "name": "Hall"},
                "active": True,
                "created_at": made["created_at"],
                "updated_at": made["updated_at"],
            },
        )
        self.assertEqual(
            response.headers["Location"],
            f"/api/attendance/subscribers/{made['uuid']}",
        )
        person = self.env["spp.attendance.subscriber"].search(
            [("uuid", "=", made["uuid"])]
        )
        self.assertEqual(person.company_id, self.company)
        self.assertEqual(person.partner_id.company_id, self.company)

        for reference in ("N-1", made["uuid"]):
            self.assertEqual(self._ok("GET", f"/subscribers/{reference}"), made)
        changed = self._ok(
            "PATCH",
            "/subscribers/N-1",
            {"phone": None, "additional_name": "Njeri", "department": None},
        )
        self.assertEqual(
            (changed["phone"], changed["name"], changed["department"]),
            (None, "Wanjiru, Faith Njeri", None),
        )
        self.assertEqual(changed["email"], "faith@example.org")
        changed = self._ok("PATCH", "/subscribers/N-1", {"work_to": "2026-02-01"})
        self.assertEqual(changed["work_to"], "2026-02-01")
        response = self._call("PATCH", "/subscribers/N-1", {"work_to": "2026-01-31"})
        self.assertEqual(response.status_code, 422, response.text)
        self.assertIn('"work_to"', response.text)
        tagged_as = self._ok("PATCH", "/subscribers/N-1", {"tags": ["Old"]})["tags"]
        self.assertEqual(tagged_as, ["Old"])

        archived = self._ok("PATCH", "/subscribers/N-1", {"active": False})
        self.assertFalse(archived["active"])
        self.assertEqual(self._ok("GET", "/subscribers/N-1"), archived)
        self.assertEqual(self._all("/subscribers", "person_identifier=N-1"), [])
        found = self._all("/subscribers", "person_identifier=N-1&include_archived=true")
        self.assertEqual(found, [archived])

    @mute_logger("odoo.sql_db")
    def test_an_identifier_is_one_person_s_only(self):
        response = self._call("POST", "/subscribers", {"person_identifier": "T-1"})
        self.assertEqual(response.status_code, 409, response.text)
        response = self._call("PATCH", "/subscribers/T-2", {"person_identifier": "T-1"})
        self.assertEqual(response.status_code, 409, response.text)

    def test_other_companies_people_are_not_there(self):
        for reference in (self.stranger.uuid, "T-1"):
            response = self._call("GET", f"/subscribers/{reference}")
            if response.status_code == 200:
                self.assertEqual(response.json()["uuid"], self.amina.uuid)
            else:
                self.assertEqual(response.status_code, 404)
        path = f"/subscribers/{self.stranger.uuid}"
        self.assertEqual(self._call("PATCH", path, {"name": "X"}).status_code, 404)
        uuids = {item["uuid"] for item in self._all("/subscribers")}
        self.assertNotIn(self.stranger.uuid, uuids)
        self.assertIn(self.amina.uuid, uuids)

    def test_filters(self):
        self.amina.write({"gender": "female", "department_id": self.unit.id})
        below = self.env["spp.attendance.department"].create(
            {
                "name": "Kitchen",
                "parent_id": self.unit.id,
                "company_id": self.company.id,
            }
        )
        self.joseph.write({"department_id": below.id, "level_of_work": "worker"})
        self.grace.location_id = self.hall
        for params, expected in (
            ("person_identifier=T-2&person_identifier=T-3", ["T-2", "T-3"]),
            ("person_identifier=nobody", []),
            ("name=kaf", ["T-1"]),
            ("department=NUT", ["T-1", "T-2"]),
            ("department=Kitchen", ["T-2"]),
            ("department=none", []),
            ("location=HALL", ["T-3"]),
            ("gender=female", ["T-1"]),
            ("level_of_work=worker", ["T-2"]),
            ("gender=female&level_of_work=worker", []),
        ):
            with self.subTest(params):
                found = self._all("/subscribers", params)
                self.assertEqual([i["person_identifier"] for i in found], expected)

    def test_pages_in_every_order(self):
        everybody = {"T-1", "T-2", "T-3", "T-4"}
        for sort in ("person_identifier", "name", "updated_at"):
            up = [
                i["person_identifier"]
                for i in self._all("/subscribers", f"sort={sort}")
            ]
            down = [
                i["person_identifier"]
                for i in self._all("/subscribers", f"sort=-{sort}")
            ]
            self.assertEqual(set(up), everybody)
            self.assertEqual(up, down[::-1])
        cursor = self._ok("GET", "/subscribers", params="limit=1")["next"]
        response = self._call(
            "GET", "/subscribers", params=f"sort=name&cursor={cursor}"
        )
        self.assertEqual(response.status_code, 400)

    def test_a_change_of_the_contact_is_a_change_of_the_person(self):
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE spp_attendance_subscriber SET write_date = '2026-01-01'"
        )
        self.env.cr.execute("UPDATE res_partner SET write_date = '2026-01-01'")
        self.env.cr.execute(
            "UPDATE res_partner SET write_date = '2026-03-01 10:00:00' WHERE id = %s",
            [self.joseph.partner_id.id],
        )
        self.env.invalidate_all()
        since = "updated_since=2026-02-01T00:00:00Z"
        [changed] = self._all("/subscribers", since)
        self.assertEqual(changed["person_identifier"], "T-2")
        self.assertEqual(changed["updated_at"], "2026-03-01T10:00:00Z")
        newest = self._all("/subscribers", "sort=-updated_at")[0]
        self.assertEqual(newest, changed)

    def test_who_was_merged_is_found_as_before(self):
        self.amina._merge(self.joseph)
        found = self._ok("GET", "/subscribers/T-2")
        self.assertEqual(found["person_identifier"], "T-1")
        [listed] = self._all("/subscribers", "person_identifier=T-2")
        self.assertEqual(listed, found)

    def test_an_address_of_its_own_is_nobody_s(self):
        self.joseph.person_identifier = "batch"
        response = self._call("GET", "/subscribers/batch")
        self.assertEqual(response.status_code, 405)
        self.assertEqual(response.headers["Allow"], "OPTIONS, POST")
        for other in ("batch2", "xbatch"):
            self.joseph.person_identifier = other
            self._ok("GET", f"/subscribers/{other}")

    def test_no_address_makes_a_fault(self):
        response = self._call("GET", "/subscribers/%00")
        self.assertEqual(response.status_code, 404, response.text)
        self.assertEqual(response.json()["error"]["code"], "not_found")

    def test_bad_requests_are_explained(self):
        for method, path, json, status, field in (
            ("POST", "", {}, 422, "person_identifier"),
            ("POST", "", {"person_identifier": "X", "rank": 1}, 422, "rank"),
            ("POST", "", {"person_identifier": "X", "tags": ["?"]}, 422, "tags"),
            ("POST", "", {"person_identifier": "X", "tz": "Mars"}, 422, "tz"),
            # A zone to computers, but none to Odoo.
            ("POST", "", {"person_identifier": "X", "tz": "Factory"}, 422, "tz"),
            ("POST", "", {"person_identifier": "X", "location": "?"}, 422, "location"),
            ("PATCH", "/T-1", {}, 422, "body"),
            ("PATCH", "/T-1", {"department": 0}, 422, "department"),
            ("PATCH", "/T-1", {"email": "nobody"}, 422, "email"),
            ("PATCH", "/T-1", {"name": None}, 422, "name"),
            ("PATCH", "/nobody", {"name": "A"}, 404, None),
            ("GET", "/nobody", None, 404, None),
        ):
            with self.subTest(path=path, json=json):
                response = self._call(method, f"/subscribers{path}", json)
                self.assertEqual(response.status_code, status, response.text)
                fields = [f["field"] for f in response.json()["error"]["fields"]]
                self.assertEqual(fields, [field] if field else [])

    def test_a_scope_for_changes(self):
        reader = self._token("attendance:read attendance:write")
        body = {"person_identifier": "N-1"}
        for method, path in (("POST", ""), ("PATCH", "/T-1"), ("POST", "/batch")):
            response = self._call(method, f"/subscribers{path}", body, token=reader)
            self.assertEqual(response.status_code, 403)
            self.assertIn("registry:write", response.headers["WWW-Authenticate"])

    def test_reading_costs_the_same_for_few_and_many(self):
        from ..api import SubscriberQuery

        self.env["spp.attendance.subscriber"].create(
            [
                {
                    "person_identifier": f"A-{n}",
                    "company_id": self.company.id,
                    "department_id": self.unit.id,
                    "location_id": self.hall.id,
                }
                for n in range(30)
            ]
        )
        people = self.env["spp.attendance.subscriber"].with_user(self.api_user)
        people = people.with_context(allowed_company_ids=self.company.ids)
        # The first one fills caches that last, of rules for instance.
        for limit, count in ((5, None), (5, 7), (34, 7)):
            self.env.invalidate_all()
            with self.assertQueryCount(count) if count else nullcontext():
                people._api_list(SubscriberQuery(limit=limit))
