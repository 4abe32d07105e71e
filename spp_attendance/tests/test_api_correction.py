from odoo.tests import tagged

from .common_api import ApiCase
from .common_day import DayCase

DAY = "2026-09-01"


@tagged("post_install", "-at_install")
class TestApiCorrection(ApiCase, DayCase):
    """Corrections over HTTP: by an app, and by people who are logged in."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.head = cls._new_user("head", "head")
        cls.department = cls.env["spp.attendance.department"].create(
            {"name": "Sewing", "company_id": cls.company.id, "head_id": cls.head.id}
        )
        cls.worker.department_id = cls.department
        cls.participant_subscriber.write(
            {"level_of_work": "worker", "location_id": cls.hall.id}
        )

    def setUp(self):
        super().setUp()
        self.read(DAY, "08:20 in")
        self.compute()

    def body(self, **values):
        return {
            "employee_id": "W-1",
            "date": DAY,
            "kind": "missing_punch",
            "check_out": "17:30",
            "reason": "The gate was closed",
            **values,
        }

    def ask(self, **values):
        return self._ok("POST", "/corrections/", json=self.body(**values), status=201)

    def key_of(self, user):
        """An API key, with which a person uses the API as himself."""
        return (
            self.env["res.users.apikeys"]
            .with_user(user)
            .sudo()
            ._generate(None, "test", None)
        )

    def test_asked_read_and_listed(self):
        made = self.ask()
        self.assertEqual(
            made["employee"],
            {"employee_id": "W-1", "employee_name": self.worker.name},
        )
        self.assertEqual(
            {
                name: made[name]
                for name in ("date", "kind", "check_in", "check_out", "status", "state")
            },
            {
                "date": DAY,
                "kind": "missing_punch",
                "check_in": None,
                "check_out": "17:30",
                "status": None,
                "state": "submitted",
            },
        )
        self.assertEqual(made["department"]["name"], "Sewing")
        path = f"/corrections/{made['uuid']}"
        self.assertEqual(self._ok("GET", path), made)
        self.assertEqual(self._ok("GET", f"{path}/"), made)
        second = self.ask(date="2026-09-02", kind="status", status="Absent")
        self.assertEqual(second["status"], "Absent")
        self.assertEqual(
            [row["date"] for row in self._all("/corrections", limit=1)],
            ["2026-09-02", DAY],
        )
        for params, expected in (
            ("date_from=2026-09-02", ["2026-09-02"]),
            (f"date_to={DAY}", [DAY]),
            ("state=submitted&state=refused", ["2026-09-02", DAY]),
            ("state=approved", []),
            ("employee_id=nobody", []),
            ("department=Sewing&sort=created_at", [DAY, "2026-09-02"]),
            ("to_decide=true", []),
        ):
            with self.subTest(params=params):
                found = self._ok("GET", "/corrections/", params=params)["items"]
                self.assertEqual([row["date"] for row in found], expected)

    def test_an_app_does_not_decide(self):
        path = f"/corrections/{self.ask()['uuid']}"
        self._ok("POST", f"{path}/approve/", status=403)
        self._ok("POST", f"{path}/reject/", json={"reason": "No"}, status=403)
        self.assertEqual(self._ok("GET", path)["state"], "submitted")
        self.assertEqual(self._ok("POST", f"{path}/cancel/")["state"], "cancelled")
        self._ok("POST", f"{path}/cancel", status=409)

    def test_a_head_decides(self):
        key = self.key_of(self.head)
        made = self.ask()
        path = f"/corrections/{made['uuid']}"
        found = self._ok("GET", "/corrections", params="to_decide=true", token=key)
        self.assertEqual([row["uuid"] for row in found["items"]], [made["uuid"]])
        done = self._ok("POST", f"{path}/approve/", token=key)
        self.assertEqual(
            (done["state"], done["decided_by"]), ("approved", self.head.name)
        )
        self.assertEqual(self.day(DAY).local_check_out, "17:30")
        self._ok("POST", f"{path}/approve/", token=key, status=409)
        self._ok("POST", f"{path}/reject", json={"reason": "No"}, token=key, status=409)
        other = self.ask(kind="forgive")
        path = f"/corrections/{other['uuid']}"
        self._ok("POST", f"{path}/reject/", json={"reason": " "}, token=key, status=422)
        done = self._ok("POST", f"{path}/reject/", json={"reason": "No"}, token=key)
        self.assertEqual((done["state"], done["decision_note"]), ("refused", "No"))

    def test_nobody_is_excused_who_was_not_late(self):
        self.read("2026-09-02", "07:55 in", "17:00 out")
        self.compute()
        body = self.body(kind="forgive", date="2026-09-02", check_out=None)
        error = self._ok("POST", "/corrections", json=body, status=422)
        self.assertIn("no late arrival to be excused", str(error))

    def test_former_identifiers(self):
        """Of who was merged with themselves, until somebody else bears them."""
        twin = self._new_worker("W-OLD", department_id=self.department.id)
        self.worker._merge(twin)
        made = self.ask(employee_id="W-OLD")
        self.assertEqual(made["employee"]["employee_id"], "W-1")
        for identifier in ("W-1", "W-OLD"):
            page = self._ok("GET", "/corrections", params=f"employee_id={identifier}")
            self.assertEqual([row["uuid"] for row in page["items"]], [made["uuid"]])

    def test_what_is_no_reference(self):
        for reference in ("%00", "1", "5b1a8a3e-0000-4000-8000-000000000000"):
            with self.subTest(reference):
                self._ok("GET", f"/corrections/{reference}", status=404)

    def test_what_is_refused(self):
        self.ask()
        self._ok("POST", "/corrections", json=self.body(), status=409)
        for values in (
            {"employee_id": "nobody"},
            {"employee_id": None},
            {"date": "2026-13-01"},
            {"date": "2999-01-01"},
            {"kind": "other"},
            {"check_out": None},
            {"check_out": "25:00"},
            {"kind": "status"},
            {"reason": ""},
            {"state": "approved"},
        ):
            with self.subTest(values=values):
                body = {"date": "2026-09-02", **values}
                self._ok("POST", "/corrections", json=self.body(**body), status=422)
        nobody = "/corrections/00000000-0000-4000-8000-000000000000"
        self._ok("GET", nobody, status=404)
        self._ok("POST", f"{nobody}/approve", status=404)

    def test_a_person_asks_for_himself(self):
        key = self.key_of(self.participant)
        body = self.body(check_in="08:00")
        del body["employee_id"]
        made = self._ok("POST", "/corrections", json=body, token=key, status=201)
        self.assertEqual(made["employee"]["employee_id"], "T-4")
        self._ok("POST", "/corrections", json=self.body(), token=key, status=422)
        self.ask()
        found = self._ok("GET", "/corrections", token=key)["items"]
        self.assertEqual([row["uuid"] for row in found], [made["uuid"]])

    def test_scopes(self):
        reading = self._token("attendance:read")
        self._ok("POST", "/corrections", json=self.body(), token=reading, status=403)
        self._ok("GET", "/corrections", token=self._token("registry:write"), status=403)

    def test_statements_do_not_grow(self):
        corrections = self.env["spp.attendance.correction"].with_user(self.api_user)
        corrections = corrections.with_context(allowed_company_ids=self.company.ids)
        counts = []
        for first, last, size in ((0, 2, 2), (2, 25, 25)):
            for number in range(first, last):
                corrections.create(
                    {
                        "subscriber_id": self._new_worker(f"N-{number}").id,
                        "date": DAY,
                        "kind": "forgive",
                        "reason": "Bus",
                    }
                )
            for _warm in range(2):
                self.env.flush_all()
                self.env.invalidate_all()
                before = self.env.cr.sql_log_count
                rows = corrections.search([])
                rows._api_read()
                count = self.env.cr.sql_log_count - before
            counts.append(count)
            self.assertEqual(len(rows), size)
        self.assertEqual(*counts)
