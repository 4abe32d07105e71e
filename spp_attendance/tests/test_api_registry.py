from odoo.tests import tagged
from odoo.tools import mute_logger

from .common_api import ApiCase

PLACES = ("types", "locations", "departments")


@tagged("post_install", "-at_install")
class TestApiRegistry(ApiCase):
    def _create(self, path, **body):
        return self._ok("POST", path, body, status=201)

    def test_created_read_changed_archived(self):
        for kind in PLACES:
            with self.subTest(kind):
                response = self._call(
                    "POST", f"/{kind}", {"name": "New", "code": "NEW", "color": 3}
                )
                self.assertEqual(response.status_code, 201, response.text)
                made = response.json()
                self.assertEqual(
                    (made["name"], made["code"], made["color"], made["active"]),
                    ("New", "NEW", 3, True),
                )
                path = f"/{kind}/{made['id']}"
                self.assertEqual(response.headers["Location"], f"/api/attendance{path}")
                self.assertEqual(self._ok("GET", path), made)

                changed = self._ok("PATCH", path, {"description": "D", "code": None})
                self.assertEqual((changed["description"], changed["code"]), ("D", None))
                self.assertEqual(changed["name"], "New")

                archived = self._ok("PATCH", path, {"active": False})
                self.assertFalse(archived["active"])
                names = [item["name"] for item in self._all(f"/{kind}")]
                self.assertNotIn("New", names)
                self.assertEqual(self._ok("GET", path), archived)
                names = [
                    item["name"]
                    for item in self._all(f"/{kind}", "include_archived=true")
                ]
                self.assertIn("New", names)

    def test_a_tag_tells_whether_something_has_changed(self):
        path = f"/types/{self.training.id}"
        first = self._call("GET", path)
        again = {"If-None-Match": first.headers["ETag"]}
        self.assertEqual(self._call("GET", path, headers=again).status_code, 304)
        self.training.description = "Other"
        self.assertEqual(self._call("GET", path, headers=again).status_code, 200)

    def test_what_is_created_is_the_company_s_own(self):
        for kind in PLACES:
            made = self._create(f"/{kind}", name="Mine")
            model = f"spp.attendance.{kind[:-1]}"
            self.assertEqual(
                self.env[model].browse(made["id"]).company_id, self.company
            )

    def test_what_all_companies_share_is_not_an_app_s(self):
        self.assertFalse(self.training.company_id)
        response = self._call("PATCH", f"/types/{self.training.id}", {"name": "X"})
        self.assertEqual(response.status_code, 403)

    def test_other_companies_are_not_there(self):
        path = f"/locations/{self.other_hall.id}"
        self.assertEqual(self._call("GET", path).status_code, 404)
        response = self._call("PATCH", path, {"name": "X"})
        self.assertEqual(response.status_code, 404)
        ids = [item["id"] for item in self._all("/locations")]
        self.assertNotIn(self.other_hall.id, ids)
        self.assertIn(self.hall.id, ids)

    def test_pages_by_name_and_by_change(self):
        for number in range(7):
            self._create("/departments", name=f"D{number % 3}-{number}")
        for sort, reverse in (("name", False), ("-name", True)):
            names = [i["full_name"] for i in self._all("/departments", f"sort={sort}")]
            self.assertEqual(len(names), 7)
            self.assertEqual(names, sorted(names, reverse=reverse))
        self.env.cr.execute(
            "UPDATE spp_attendance_department SET write_date ="
            " '2026-09-01 05:00:00.123456'::timestamp + (id %% 3) * interval '1 us'"
            " WHERE company_id = %s",
            [self.company.id],
        )
        self.env.invalidate_all()
        for sort in ("updated_at", "-updated_at"):
            ids = [i["id"] for i in self._all("/departments", f"sort={sort}")]
            self.assertEqual(len(set(ids)), 7)
            expected = sorted(ids, key=lambda i: (i % 3, i))
            self.assertEqual(ids, expected[:: 1 if sort[0] == "u" else -1])

    def test_filters(self):
        top = self._create("/departments", name="Health", code="H")
        low = self._create("/departments", name="Nutrition", parent="H")
        self.assertEqual(
            low["parent"], {"id": top["id"], "code": "H", "name": "Health"}
        )
        self.assertEqual(low["full_name"], "Health / Nutrition")
        for params, expected in (
            ("code=H", ["Health"]),
            ("name=utri", ["Nutrition"]),
            ("parent=H", ["Nutrition"]),
            ("parent=Health", ["Nutrition"]),
            (f"parent={top['id']}", ["Nutrition"]),
            ("parent=none", []),
            ("updated_since=2020-01-01T00:00:00Z", ["Health", "Nutrition"]),
            ("updated_since=2099-01-01T00:00:00%2B03:00", []),
        ):
            with self.subTest(params):
                names = [i["name"] for i in self._all("/departments", params)]
                self.assertEqual(names, expected)

    def test_bad_requests_are_explained(self):
        self._create("/departments", name="Twin")
        self._create("/departments", name="Twin")
        for method, path, json, status, field in (
            ("POST", "/types", {}, 422, "name"),
            ("POST", "/types", {"name": ""}, 422, "name"),
            ("POST", "/types", {"name": "A", "colour": 1}, 422, "colour"),
            ("POST", "/types", {"name": "A", "color": 12}, 422, "color"),
            ("PATCH", f"/types/{self.training.id}", {}, 422, "body"),
            ("PATCH", f"/types/{self.training.id}", {"name": None}, 422, "name"),
            ("PATCH", f"/locations/{self.hall.id}", {"tz": "Mars"}, 422, "tz"),
            ("PATCH", f"/locations/{self.hall.id}", {"latitude": 1}, 422, "body"),
            ("PATCH", f"/locations/{self.hall.id}", {"country": "XX"}, 422, "country"),
            ("PATCH", f"/locations/{self.hall.id}", {"parent": "?"}, 422, "parent"),
            ("POST", "/departments", {"name": "A", "parent": "Twin"}, 422, "parent"),
            ("GET", "/types/2147483647", None, 404, None),
            ("GET", "/types/999999999999999999999", None, 404, None),
            ("PATCH", "/types/2147483647", {"name": "A"}, 404, None),
        ):
            with self.subTest(path=path, json=json):
                response = self._call(method, path, json)
                self.assertEqual(response.status_code, status, response.text)
                fields = [f["field"] for f in response.json()["error"]["fields"]]
                self.assertEqual(fields, [field] if field else [])

    @mute_logger("odoo.sql_db")
    def test_a_code_is_one_thing_s_only(self):
        self._create("/departments", name="One", code="ONE")
        response = self._call("POST", "/departments", {"name": "Two", "code": "ONE"})
        self.assertEqual(response.status_code, 409, response.text)
        self.assertIn("code", response.json()["error"]["message"])

    def test_a_location_has_an_address(self):
        made = self._create(
            "/locations",
            name="Room",
            parent="HALL",
            street="Road 1",
            city="Nairobi",
            country="KE",
            latitude=-1.286389,
            longitude=36.817223,
        )
        self.assertEqual(
            (made["country"], made["latitude"], made["longitude"], made["tz"]),
            ("KE", -1.286389, 36.817223, "Africa/Nairobi"),
        )
        self.assertEqual(made["full_name"], "Hall / Room")
        path = f"/locations/{made['id']}"
        american = self._ok("PATCH", path, {"country": "US", "state": "CA"})
        self.assertEqual((american["country"], american["state"]), ("US", "CA"))
        nowhere = self._ok("PATCH", path, {"latitude": None, "longitude": None})
        self.assertEqual((nowhere["latitude"], nowhere["longitude"]), (None, None))
        self.assertEqual(nowhere["state"], "CA")

    def test_a_scope_for_changes(self):
        reader = self._token("attendance:read attendance:write")
        for kind in PLACES:
            self._ok("GET", f"/{kind}", token=reader)
            response = self._call("POST", f"/{kind}", {"name": "A"}, token=reader)
            self.assertEqual(response.status_code, 403)
            self.assertIn("registry:write", response.headers["WWW-Authenticate"])

    def test_reading_costs_the_same_for_few_and_many(self):
        from ..api import LocationQuery

        parent = self.hall.id
        locations = self.env["spp.attendance.location"]
        locations.create(
            [
                {"name": f"L{n}", "parent_id": parent, "company_id": self.company.id}
                for n in range(30)
            ]
        )
        model = locations.with_user(self.api_user).with_context(
            allowed_company_ids=self.company.ids
        )
        model._api_list(LocationQuery(limit=1))
        for limit in (3, 30):
            self.env.invalidate_all()
            with self.assertQueryCount(2):
                model._api_list(LocationQuery(limit=limit))
