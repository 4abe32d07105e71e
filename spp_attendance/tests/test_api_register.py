from datetime import datetime

from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.spp_oauth.api import Unprocessable

from ..api import (
    AttendeeQuery,
    AttendeesIn,
    LeaversIn,
    LogQuery,
    LogsIn,
    RegisterIn,
    RegisterPatch,
    RegisterQuery,
    StaffListIn,
    StaffQuery,
)
from .common_api import ApiCase

NOBODY = "00000000-0000-4000-8000-000000000000"


class RegisterApiCase(ApiCase):
    """The app's own register, without end, and one of somebody else's."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.app = cls.client.user_id
        cls.mine = cls._new_register(cls.app, name="Mine", location_id=cls.hall.id)
        cls.foreign = cls._new_register(cls.officer, name="The officer's")
        cls.theirs = cls._new_register(
            None, cls.other_company, name="Another company's"
        )
        cls.path = f"/registers/{cls.mine.uuid}"

    @classmethod
    def _new_register(cls, user, company=None, **vals):
        register = cls.env["spp.attendance.register"].create(
            {
                "company_id": (company or cls.company).id,
                "date_start": "2020-01-01",
                **vals,
            }
        )
        if user:
            cls.env["spp.attendance.register.staff"].create(
                {
                    "register_id": register.id,
                    "user_id": user.id,
                    "enrolled_at": datetime(2020, 1, 1),
                }
            )
        return register

    def assertConstant(self, run, *sizes, warm=None):
        """That something costs the same statements for any of some sizes, few of them.

        :param run: called with a size
        :param warm: a size with which it is not measured, but warmed up
        """
        run(warm or sizes[0])  # what it needs of rules is cached from now on
        counts = []
        for size in sizes:
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            run(size)
            counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(len(set(counts)), 1, counts)
        self.assertLess(counts[0], 30)

    def as_user(self, model, user):
        return (
            self.env[model]
            .with_user(user)
            .with_context(allowed_company_ids=user.company_ids.ids)
        )

    def _enrol(self, *identifiers, start_at="2020-01-01T00:00:00Z", status=200, **more):
        return self._ok(
            "POST",
            f"{self.path}/attendees",
            {
                "attendees": [
                    {"person_identifier": identifier, "start_at": start_at, **more}
                    for identifier in identifiers
                ]
            },
            status=status,
        )["results"]

    def _attendees(self, params="", path=None):
        return self._all(f"{path or self.path}/attendees", params)


@tagged("post_install", "-at_install")
class TestApiRegister(RegisterApiCase):
    def test_created_read_changed_closed(self):
        response = self._call(
            "POST",
            "/registers",
            {
                "name": "Masons",
                "reference": "C-17",
                "service_code": "WORKS-CONTRACT",
                "location": "HALL",
                "type": "TRN-TEST",
                "date_start": "2026-09-01",
                "date_end": "2026-09-30",
                "mark_mode": "entry_exit",
                "entry_time": "07:30",
                "additional_details": {"contractId": "17", "n": [1, None]},
            },
        )
        self.assertEqual(response.status_code, 201, response.text)
        made = response.json()
        path = f"/registers/{made['uuid']}"
        self.assertEqual(response.headers["Location"], f"/api/attendance{path}")
        self.assertEqual(
            {name: made[name] for name in ("start_at", "end_at", "tz", "entry_time")},
            {
                "start_at": "2026-09-01T00:00:00+03:00",
                "end_at": "2026-09-30T23:59:59.999000+03:00",
                "tz": "Africa/Nairobi",
                "entry_time": "07:30:00",
            },
        )
        self.assertRegex(made["number"], r"^WR/[0-9-]+/[0-9]{2}/[0-9]{2}/[0-9]+$")
        self.assertEqual(made["location"]["code"], "HALL")
        self.assertEqual(made["locality_code"], "HALL")
        self.assertEqual(made["type"]["id"], self.training.id)
        self.assertEqual(
            made["additional_details"], {"contractId": "17", "n": [1, None]}
        )
        self.assertTrue(made["mine"])
        self.assertTrue(made["active"])
        self.assertEqual(made["created_by"], self.app.attendance_uuid)
        self.assertEqual(self._ok("GET", path), made)
        [staff] = self._all(f"{path}/staff")
        self.assertEqual(staff["user_uuid"], self.app.attendance_uuid)

        changed = self._ok(
            "PATCH",
            path,
            {"name": "Carpenters", "date_end": None, "location": None},
        )
        self.assertEqual(
            (changed["name"], changed["end_at"], changed["date_end"]),
            ("Carpenters", None, None),
        )
        self.assertIsNone(changed["location"])
        self.assertEqual(changed["reference"], "C-17")

        closed = self._ok("PATCH", path, {"active": False})
        self.assertFalse(closed["active"])
        self.assertEqual(self._ok("GET", path), closed)

    def test_who_makes_one_of_the_past_is_its_staff(self):
        past = {"name": "Paper", "date_start": "2020-01-01", "date_end": "2020-01-31"}
        self.assertTrue(self._ok("POST", "/registers", past, status=201)["mine"])
        registers = self.as_user("spp.attendance.register", self.officer)
        made = registers._api_add(RegisterIn(**past)).model
        self.assertTrue(made.mine)
        self.assertEqual(registers._api_get(made.uuid).name, "Paper")

    def test_instants_keep_their_milliseconds(self):
        made = self._ok(
            "POST",
            "/registers",
            {
                "name": "A",
                "start_at": "2026-09-01T05:00:00.123456Z",
                "end_at": "2026-09-01T08:00:00.5+03:00",
            },
            status=201,
        )
        register = self.env["spp.attendance.register"].browse(made["id"])
        self.assertEqual(register.start_at, datetime(2026, 9, 1, 5, 0, 0, 123000))
        self.assertEqual(register.end_at, datetime(2026, 9, 1, 5, 0, 0, 500000))
        self.assertEqual(made["start_at"], "2026-09-01T08:00:00.123000+03:00")
        self.assertEqual((made["date_start"], made["date_end"]), ("2026-09-01",) * 2)

    def test_bad_requests_are_explained(self):
        for method, path, json, field in (
            ("POST", "/registers", {}, "name"),
            ("POST", "/registers", {"name": " "}, "name"),
            ("POST", "/registers", {"name": "A", "number": "1"}, "number"),
            ("POST", "/registers", {"name": "A", "location": "?"}, "location"),
            ("POST", "/registers", {"name": "A", "type": 0}, "type"),
            ("POST", "/registers", {"name": "A", "start_at": 1}, "start_at"),
            ("POST", "/registers", {"name": "A", "date_start": 0}, "date_start"),
            (
                "POST",
                "/registers",
                {"name": "A", "start_at": "2026-09-01T00:00:00"},
                "start_at",
            ),
            (
                "POST",
                "/registers",
                {"name": "A", "date_start": "0001-01-01"},
                "date_start",
            ),
            (
                "POST",
                "/registers",
                {
                    "name": "A",
                    "start_at": "2026-09-01T00:00:00Z",
                    "date_start": "2026-09-01",
                },
                "body",
            ),
            (
                "POST",
                "/registers",
                {"name": "A", "date_start": "2026-09-02", "date_end": "2026-09-01"},
                "body",
            ),
            ("POST", "/registers", {"name": "A", "entry_time": "24:00"}, "entry_time"),
            (
                "POST",
                "/registers",
                {"name": "A", "additional_details": {"a": "x" * 40_000}},
                "additional_details",
            ),
            ("PATCH", self.path, {}, "body"),
            ("PATCH", self.path, {"name": None}, "name"),
            ("PATCH", self.path, {"start_at": None}, "start_at"),
            ("PATCH", self.path, {"end_at": "2019-12-31T00:00:00Z"}, "end_at"),
            ("PATCH", self.path, {"date_end": "2019-12-31"}, "date_end"),
            ("POST", f"{self.path}/review", {"status": ""}, "status"),
            ("POST", f"{self.path}/attendees", {"attendees": []}, "attendees"),
            ("GET", "/registers?sort=x", None, "sort"),
            ("GET", "/registers?date_from=2026-02-01&date_to=2026-01-01", None, "body"),
        ):
            with self.subTest(path=path, json=json):
                response = self._call(method, path, json)
                self.assertEqual(response.status_code, 422, response.text)
                fields = [f["field"] for f in response.json()["error"]["fields"]]
                self.assertEqual(fields, [field])
        for path in (f"/registers/{NOBODY}", "/registers/1"):
            self.assertEqual(self._call("GET", path).status_code, 404)

    def test_filters(self):
        registers = self.env["spp.attendance.register"]
        self.mine.write({"reference": "R", "service_code": "S", "campaign_number": "C"})
        self.mine.review_status = "ODD"
        self.foreign.type_id = self.training
        closed = self._new_register(
            None, name="Closed", date_end="2020-06-30", active=False
        )
        self._enrol("T-1")
        for params, expected in (
            ("", self.mine + self.foreign + closed),
            (f"number={self.mine.number}", self.mine),
            ("name=officer", self.foreign),
            ("reference=R", self.mine),
            ("service_code=S", self.mine),
            ("service_code=s", registers),
            ("campaign_number=C", self.mine),
            ("review_status=ODD", self.mine),
            ("location=HALL", self.mine),
            ("location=none", registers),
            (f"type={self.training.id}", self.foreign),
            ("active=true", self.mine + self.foreign),
            ("active=false", closed),
            ("mine=true", self.mine),
            ("mine=false", self.foreign + closed),
            ("person_identifier=T-1", self.mine),
            ("person_identifier=T-2", registers),
            ("date_to=2019-12-31", registers),
            ("date_from=2020-07-01", self.mine + self.foreign),
            (
                "date_from=2020-06-30&date_to=2020-07-01",
                self.mine + self.foreign + closed,
            ),
            ("updated_since=2099-01-01T00:00:00Z", registers),
        ):
            with self.subTest(params):
                uuids = {item["uuid"] for item in self._all("/registers", params)}
                self.assertEqual(uuids, set(expected.mapped("uuid")))

    def test_in_pages_by_each_order(self):
        for number in range(3):
            self._new_register(
                None, name=f"N{number}", date_start=f"2021-0{number + 1}-01"
            )
        for sort in ("updated_at", "start_at", "name", "number"):
            with self.subTest(sort):
                up = [i["uuid"] for i in self._all("/registers", f"sort={sort}")]
                down = [i["uuid"] for i in self._all("/registers", f"sort=-{sort}")]
                self.assertEqual(len(set(up)), 5)
                self.assertEqual(up, down[::-1])

    def test_a_deleted_register_is_not_there(self):
        self.mine.is_deleted = True
        self.assertEqual(self._call("GET", self.path).status_code, 404)
        self.assertEqual(self._call("GET", f"{self.path}/attendees").status_code, 404)
        self.assertNotIn(
            self.mine.uuid, [item["uuid"] for item in self._all("/registers")]
        )

    def test_an_app_reads_what_it_may_not_change(self):
        path = f"/registers/{self.foreign.uuid}"
        self.assertFalse(self._ok("GET", path)["mine"])
        [staff] = self._all(f"{path}/staff")
        for method, below, json in (
            ("PATCH", "", {"name": "X"}),
            ("POST", "/review", {"status": "APPROVED"}),
            ("POST", "/attendees", {"attendees": [{"person_identifier": "T-1"}]}),
            ("POST", "/attendees/unenrol", {"attendees": [{"person_identifier": "T"}]}),
            ("PATCH", f"/attendees/{NOBODY}", {"tag": "X"}),
            ("POST", "/staff", {"staff": [{"user_uuid": self.app.attendance_uuid}]}),
            ("PATCH", f"/staff/{staff['uuid']}", {"staff_type": "EDITOR"}),
            ("POST", f"/staff/{staff['uuid']}/end", None),
        ):
            with self.subTest(below=below):
                response = self._call(method, path + below, json)
                self.assertEqual(response.status_code, 403, response.text)
                self.assertEqual(response.json()["error"]["code"], "not_register_staff")
        self.assertEqual(self.foreign.name, "The officer's")
        [result] = self._ok(
            "POST",
            f"{path}/logs",
            {"logs": [{"person_identifier": "T-1", "date_time": "2026-09-01T08:00"}]},
            status=422,
        )["results"]
        self.assertEqual(result["code"], "not_register_staff")

    def test_other_companies_are_not_there(self):
        path = f"/registers/{self.theirs.uuid}"
        for method, below, json in (
            ("GET", "", None),
            ("PATCH", "", {"name": "X"}),
            ("GET", "/attendees", None),
            ("GET", "/staff", None),
            ("GET", "/logs", None),
            ("POST", "/attendees", {"attendees": [{"person_identifier": "T-1"}]}),
            ("POST", "/staff", {"staff": [{"user_uuid": self.app.attendance_uuid}]}),
            (
                "POST",
                "/logs",
                {
                    "logs": [
                        {"person_identifier": "T-1", "date_time": "2026-09-01T08:00"}
                    ]
                },
            ),
        ):
            with self.subTest(method=method, below=below):
                response = self._call(method, path + below, json)
                self.assertEqual(response.status_code, 404, response.text)
        uuids = [item["uuid"] for item in self._all("/registers")]
        self.assertEqual(set(uuids), {self.mine.uuid, self.foreign.uuid})

    def test_each_role_sees_its_own(self):
        query = RegisterQuery(limit=1000)
        for user, expected in (
            (self.app, self.mine + self.foreign),
            (self.officer, self.foreign),
            (self.manager, self.mine + self.foreign),
            (self.admin, self.mine + self.foreign),
        ):
            with self.subTest(user.login):
                page = self.as_user("spp.attendance.register", user)._api_list(query)
                self.assertEqual(
                    {item.uuid for item in page.items}, set(expected.mapped("uuid"))
                )

    def test_an_officer_handles_a_register_wherever_it_is(self):
        self.foreign.location_id = self.closed_site
        register = self.foreign.uuid
        registers = self.as_user("spp.attendance.register", self.officer)
        attendees = self.as_user("spp.attendance.register.attendee", self.officer)
        staff = self.as_user("spp.attendance.register.staff", self.officer)
        self.assertFalse(
            self.closed_site.with_env(registers.env).has_access("read"),
        )
        self.env.invalidate_all()
        read = registers._api_get(register)
        self.assertEqual(read.location.name, "Closed site")
        self.assertEqual(read.tz, "Asia/Kathmandu")
        self.env.invalidate_all()
        patched = registers._api_patch(register, RegisterPatch(date_start="2020-02-01"))
        self.assertEqual(patched.start_at, "2020-02-01T00:00:00+05:45")
        start_at = "2020-02-01T00:00:00+05:45"
        items = [{"person_identifier": "T-1", "start_at": start_at}]
        self.env.invalidate_all()
        [result] = attendees._api_enrol(
            register, AttendeesIn(attendees=items)
        ).model.results
        self.assertEqual(result.status, "enrolled")
        self.env.invalidate_all()
        [attendee] = attendees._api_list_of(register, AttendeeQuery()).items
        self.assertEqual(attendee.start_at, start_at)
        self.env.invalidate_all()
        [own] = staff._api_list_of(register, StaffQuery()).items
        self.assertEqual(own.start_at, "2020-01-01T05:45:00+05:45")
        self.env.invalidate_all()
        [result] = registers._api_add_logs(
            register, LogsIn(logs=[self.item("T-1")])
        ).model.results
        self.assertEqual(result.status, "created", result)
        self.env.invalidate_all()
        [record] = registers._api_list_logs(register, LogQuery()).items
        self.assertEqual(record.date_time, "2026-09-01T08:00:00+05:45")

    def test_of_several_companies_each_register_has_its_own_people(self):
        self.manager.company_ids += self.other_company
        registers = self.as_user("spp.attendance.register", self.manager)
        registers = registers.with_context(
            allowed_company_ids=[self.company.id, self.other_company.id]
        )
        self.theirs.staff_ids.create(
            {
                "register_id": self.theirs.id,
                "user_id": self.manager.id,
                "enrolled_at": datetime(2020, 1, 1),
            }
        )
        register = self.theirs.uuid
        items = [{"person_identifier": "T-1", "start_at": "2020-01-01T00:00:00Z"}]
        attendees = registers.env["spp.attendance.register.attendee"]
        [result] = attendees._api_enrol(
            register, AttendeesIn(attendees=items)
        ).model.results
        self.assertEqual(result.status, "enrolled", result)
        self.assertEqual(self.theirs.attendee_ids.subscriber_id, self.stranger)
        [result] = registers._api_add_logs(
            register, LogsIn(logs=[self.item("T-1")])
        ).model.results
        self.assertEqual(result.status, "created", result)
        record = self.env["spp.attendance.record"].browse(result.id)
        self.assertEqual(record.subscriber_id, self.stranger)
        self.assertEqual(record.company_id, self.other_company)
        # A place of another company is none for it.
        with self.assertRaises(Unprocessable):
            registers._api_patch(register, RegisterPatch(location=self.hall.id))

    def test_scopes(self):
        reader = self._token("attendance:read")
        self._ok("GET", "/registers", token=reader)
        response = self._call("POST", "/registers", {"name": "A"}, token=reader)
        self.assertEqual(response.status_code, 403)
        self.assertIn("attendance:write", response.headers["WWW-Authenticate"])
        # People, types and the like are another scope's.
        writer = self._token("attendance:write")
        self._ok("POST", "/registers", {"name": "A"}, status=201, token=writer)

    def test_who_is_calling(self):
        self.company.attendance_tenant_code = "ke.north"
        self.assertEqual(
            self._ok("GET", "/me"),
            {
                "uuid": self.app.attendance_uuid,
                "name": self.app.name,
                "company": {
                    "id": self.company.id,
                    "name": "North",
                    "tenant": "ke.north",
                },
            },
        )

    def test_reading_costs_the_same_for_few_and_many(self):
        places = self.env["spp.attendance.location"].create(
            [{"name": f"L{n}", "company_id": self.company.id} for n in range(20)]
        )
        for place in places:
            self._new_register(self.app, name="N", location_id=place.id)
        model = self.as_user("spp.attendance.register", self.app)
        self.assertConstant(lambda n: model._api_list(RegisterQuery(limit=n)), 3, 20)


@tagged("post_install", "-at_install")
class TestApiRegisterReview(RegisterApiCase):
    def test_without_review_any_word_is_kept(self):
        said = self._ok("POST", f"{self.path}/review", {"status": "SEEN"})
        self.assertEqual(said["review_status"], "SEEN")

    def test_only_an_approver_approves_and_once(self):
        self.company.attendance_register_review = True
        refused = self._call("POST", f"{self.path}/review", {"status": "APPROVED"})
        self.assertEqual(refused.status_code, 403, refused.text)
        self.assertEqual(refused.json()["error"]["code"], "not_reviewer")
        self.assertFalse(self.mine.review_status)
        self.mine.staff_ids.staff_type = "APPROVER"
        said = self._ok("POST", f"{self.path}/review", {"status": "APPROVED"})
        self.assertEqual(said["review_status"], "APPROVED")
        again = self._call(
            "POST", f"{self.path}/review", {"status": "PENDINGFORAPPROVAL"}
        )
        self.assertEqual(again.status_code, 409, again.text)
        self.assertEqual(again.json()["error"]["code"], "approved_already")


@tagged("post_install", "-at_install")
class TestApiRegisterAttendee(RegisterApiCase):
    def test_each_item_for_itself(self):
        results = self._ok(
            "POST",
            f"{self.path}/attendees",
            {
                "attendees": [
                    {"person_identifier": "T-1", "tag": "Team A"},
                    {"person_identifier": "nobody"},
                    {"person_identifier": "T-2", "end_at": 1},
                    {"person_identifier": "T-3", "start_at": "2019-12-31T00:00:00Z"},
                    {"tag": "X"},
                ]
            },
            status=207,
        )["results"]
        self.assertEqual([r["index"] for r in results], [0, 1, 2, 3, 4])
        self.assertEqual(
            [(r["status"], r["code"]) for r in results],
            [
                ("enrolled", None),
                ("rejected", "unknown_person"),
                ("rejected", "invalid"),
                ("rejected", "outside"),
                ("rejected", "invalid"),
            ],
        )
        for result in results[1:]:
            self.assertTrue(result["reason"])
        [attendee] = self._attendees()
        self.assertEqual(attendee["uuid"], results[0]["uuid"])
        self.assertEqual(
            (attendee["person_identifier"], attendee["person_uuid"], attendee["tag"]),
            ("T-1", self.amina.uuid, "Team A"),
        )
        self.assertTrue(attendee["enrolled"])
        self.assertEqual(self._ok("GET", self.path)["attendee_count"], 1)

    def test_all_refused(self):
        [result] = self._enrol("nobody", status=422)
        self.assertEqual(result["code"], "unknown_person")

    def test_somebody_of_another_company_is_unknown(self):
        self.stranger.person_identifier = "T-99"
        [result] = self._enrol("T-99", status=422)
        self.assertEqual(result["code"], "unknown_person")

    def test_a_retry_changes_nothing(self):
        [first] = self._enrol("T-1")
        [again] = self._enrol("T-1")
        self.assertEqual((again["status"], again["uuid"]), ("duplicate", first["uuid"]))
        self.assertIsNone(again["code"])
        [other] = self._enrol("T-1", start_at="2020-02-01T00:00:00Z", status=422)
        self.assertEqual(other["code"], "enrolled")
        self.assertEqual(len(self._attendees()[0]["enrolments"]), 1)

    def test_let_go_and_enrolled_anew(self):
        self._enrol("T-1", "T-2")
        path = f"{self.path}/attendees/unenrol"
        leave = {"person_identifier": "T-1", "end_at": "2021-01-01T00:00:00Z"}
        [left] = self._ok("POST", path, {"attendees": [leave]})["results"]
        self.assertEqual(left["status"], "unenrolled")
        [again] = self._ok("POST", path, {"attendees": [leave]})["results"]
        self.assertEqual((again["status"], again["uuid"]), ("duplicate", left["uuid"]))
        results = self._ok(
            "POST",
            path,
            {
                "attendees": [
                    {"person_identifier": "T-1", "end_at": "2022-01-01T00:00:00Z"},
                    {"person_identifier": "T-1"},
                    {"person_identifier": "T-2", "end_at": "2019-01-01T00:00:00Z"},
                    {"person_identifier": "T-3"},
                    {"person_identifier": "nobody"},
                    {"person_identifier": "T-2"},
                ]
            },
            status=207,
        )["results"]
        self.assertEqual(
            [(r["status"], r["code"]) for r in results],
            [
                ("rejected", "not_enrolled"),
                ("duplicate", None),
                ("rejected", "outside"),
                ("rejected", "not_enrolled"),
                ("rejected", "unknown_person"),
                ("unenrolled", None),
            ],
        )
        [anew] = self._enrol("T-1", start_at="2021-02-01T00:00:00Z")
        self.assertEqual((anew["status"], anew["uuid"]), ("enrolled", left["uuid"]))
        amina, joseph = self._attendees()
        self.assertEqual(
            amina["enrolments"],
            [
                {
                    "start_at": "2020-01-01T03:00:00+03:00",
                    "end_at": "2021-01-01T03:00:00+03:00",
                },
                {"start_at": "2021-02-01T03:00:00+03:00", "end_at": None},
            ],
        )
        self.assertEqual(
            (amina["start_at"], amina["end_at"]), ("2021-02-01T03:00:00+03:00", None)
        )
        self.assertFalse(joseph["enrolled"])

    def test_who_is_archived_can_be_let_go(self):
        self._enrol("T-1")
        self.amina.active = False
        path = f"{self.path}/attendees/unenrol"
        [left] = self._ok("POST", path, {"attendees": [{"person_identifier": "T-1"}]})[
            "results"
        ]
        self.assertEqual(left["status"], "unenrolled")

    def test_filters_and_pages(self):
        self._enrol("T-1", tag="A")
        self._enrol("T-2", "T-3", tag="B")
        self._ok(
            "POST",
            f"{self.path}/attendees/unenrol",
            {
                "attendees": [
                    {"person_identifier": "T-3", "end_at": "2021-01-01T00:00Z"}
                ]
            },
        )
        for params, expected in (
            ("", ["T-1", "T-2", "T-3"]),
            ("sort=-person_identifier", ["T-3", "T-2", "T-1"]),
            ("enrolled=true", ["T-1", "T-2"]),
            ("enrolled=false", ["T-3"]),
            ("tag=B", ["T-2", "T-3"]),
            ("tag=A&tag=B&person_identifier=T-1&person_identifier=T-3", ["T-1", "T-3"]),
            ("updated_since=2099-01-01T00:00:00Z", []),
        ):
            with self.subTest(params):
                found = [i["person_identifier"] for i in self._attendees(params)]
                self.assertEqual(found, expected)
        self.assertEqual(len(self._attendees("sort=updated_at")), 3)
        self.assertEqual(self._attendees(path=f"/registers/{self.foreign.uuid}"), [])

    def test_a_tag_is_changed(self):
        [made] = self._enrol("T-1", tag="A")
        path = f"{self.path}/attendees/{made['uuid']}"
        changed = self._ok(
            "PATCH", path, {"tag": "B", "additional_details": {"grade": 2}}
        )
        self.assertEqual((changed["tag"], changed["enrolled"]), ("B", True))
        self.assertEqual(changed["additional_details"], {"grade": 2})
        self.assertIsNone(self._ok("PATCH", path, {"tag": None})["tag"])
        elsewhere = self._new_register(self.app, name="Elsewhere")
        path = f"/registers/{elsewhere.uuid}/attendees/{made['uuid']}"
        self.assertEqual(self._call("PATCH", path, {"tag": "C"}).status_code, 404)

    def test_costs_the_same_for_few_and_many(self):
        people = self.env["spp.attendance.subscriber"].create(
            [
                {
                    "person_identifier": f"M-{n:03}",
                    "name": f"Many {n}",
                    "company_id": self.company.id,
                }
                for n in range(60)
            ]
        )
        attendees = self.as_user("spp.attendance.register.attendee", self.app)
        chunks = {1: people[:1], 2: people[1:3], 57: people[3:]}

        def items(size):
            return [{"person_identifier": p.person_identifier} for p in chunks[size]]

        def enrol(size):
            body = AttendeesIn(attendees=items(size))
            done = attendees._api_enrol(self.mine.uuid, body).model.results
            self.assertEqual(len(done), size)
            self.mine.attendee_ids.unlink()

        def read(size):
            query = AttendeeQuery(limit=size)
            page = attendees._api_list_of(self.mine.uuid, query)
            self.assertEqual(len(page.items), size)

        def unenrol(size):
            body = LeaversIn(attendees=items(size))
            done = attendees._api_unenrol(self.mine.uuid, body).model.results
            self.assertEqual(len(done), size)

        self.assertConstant(enrol, 2, 57)
        for size in chunks:
            body = AttendeesIn(attendees=items(size))
            attendees._api_enrol(self.mine.uuid, body)
        self.assertConstant(read, 2, 59)
        self.assertConstant(unenrol, 2, 57, warm=1)


@tagged("post_install", "-at_install")
class TestApiRegisterStaff(RegisterApiCase):
    def _add(self, *users, status=200, **more):
        staff = [{"user_uuid": user.attendance_uuid, **more} for user in users]
        return self._ok("POST", f"{self.path}/staff", {"staff": staff}, status=status)[
            "results"
        ]

    def _staff(self, params=""):
        return self._all(f"{self.path}/staff", params)

    def test_each_item_for_itself(self):
        stranger = self.officer.copy(
            {
                "login": "test-attendance-south",
                "company_id": self.other_company.id,
                "company_ids": self.other_company.ids,
            }
        )
        results = self._ok(
            "POST",
            f"{self.path}/staff",
            {
                "staff": [
                    {"user_uuid": self.officer.attendance_uuid, "staff_type": "EDITOR"},
                    {"user_uuid": stranger.attendance_uuid},
                    {"user_uuid": NOBODY},
                    {"user_uuid": NOBODY, "staff_type": "BOSS"},
                    {"user_uuid": self.app.attendance_uuid},
                    {"user_uuid": self.app.attendance_uuid, "staff_type": "EDITOR"},
                ]
            },
            status=207,
        )["results"]
        self.assertEqual(
            [(r["status"], r["code"]) for r in results],
            [
                ("enrolled", None),
                ("rejected", "unknown_user"),
                ("rejected", "unknown_user"),
                ("rejected", "invalid"),
                ("duplicate", None),
                ("rejected", "enrolled"),
            ],
        )
        [row] = self._staff("staff_type=EDITOR")
        self.assertEqual(row["uuid"], results[0]["uuid"])
        self.assertEqual(
            (row["user_uuid"], row["name"], row["current"], row["end_at"]),
            (self.officer.attendance_uuid, self.officer.name, True, None),
        )

    def test_type_and_dates_are_changed(self):
        [made] = self._add(self.officer)
        path = f"{self.path}/staff/{made['uuid']}"
        changed = self._ok(
            "PATCH",
            path,
            {
                "staff_type": "APPROVER",
                "start_at": "2020-01-01T00:00:00Z",
                "end_at": "2021-01-01T00:00:00Z",
                "additional_details": {"a": 1},
            },
        )
        self.assertEqual(
            (changed["staff_type"], changed["start_at"], changed["end_at"]),
            (
                "APPROVER",
                "2020-01-01T03:00:00+03:00",
                "2021-01-01T03:00:00+03:00",
            ),
        )
        self.assertFalse(changed["current"])
        self.assertEqual(
            [r["uuid"] for r in self._staff("current=false")], [made["uuid"]]
        )
        self.assertTrue(self._ok("PATCH", path, {"end_at": None})["current"])
        response = self._call("PATCH", path, {"end_at": "2019-01-01T00:00:00Z"})
        self.assertEqual(response.status_code, 422, response.text)
        # From then on it is another permission, which is not in the way of this one.
        self._ok("PATCH", path, {"end_at": "2021-01-01T00:00:00Z"})
        [anew] = self._add(self.officer)
        self.assertNotEqual(anew["uuid"], made["uuid"])
        with mute_logger("odoo.sql_db"):
            response = self._call("PATCH", path, {"end_at": None})
        self.assertEqual(response.status_code, 409, response.text)

    def test_a_permission_ends(self):
        [made] = self._add(self.officer)
        path = f"{self.path}/staff/{made['uuid']}/end"
        ended = self._ok("POST", path)
        self.assertFalse(ended["current"])
        self.assertTrue(ended["end_at"])
        self.assertEqual(self._ok("POST", path), ended)
        [planned] = self._add(self.officer, start_at="2098-01-01T00:00:00Z")
        path = f"{self.path}/staff/{planned['uuid']}"
        self._ok("PATCH", path, {"end_at": "2099-01-01T00:00:00Z"})
        self.assertEqual(
            self._ok("POST", f"{path}/end")["end_at"], "2098-01-01T03:00:00+03:00"
        )
        self._ok("PATCH", path, {"start_at": ended["end_at"]})
        self._ok("PATCH", path, {"end_at": "2099-01-01T00:00:00Z"})
        self.assertTrue(self._all(f"{self.path}/staff", "current=true")[1]["current"])
        self.assertFalse(self._ok("POST", f"{path}/end")["current"])
        path = f"{self.path}/staff/{NOBODY}/end"
        self.assertEqual(self._call("POST", path).status_code, 404)

    def test_who_ends_their_own_is_told(self):
        [own] = self.foreign.staff_ids
        staff = self.as_user("spp.attendance.register.staff", self.officer)
        ended = staff._api_end((self.foreign.uuid, own.uuid))
        self.assertFalse(ended.current)
        page = self.as_user("spp.attendance.register", self.officer)._api_list(
            RegisterQuery()
        )
        self.assertEqual(page.items, [])

    def test_costs_the_same_for_few_and_many(self):
        users = self.env["res.users"].create(
            [
                {
                    "name": f"U{n}",
                    "login": f"test-attendance-u{n}",
                    "company_id": self.company.id,
                    "company_ids": self.company.ids,
                }
                for n in range(12)
            ]
        )
        staff = self.as_user("spp.attendance.register.staff", self.app)
        chunks = {1: users[:1], 2: users[1:3], 9: users[3:]}

        def enrol(size):
            items = [{"user_uuid": user.attendance_uuid} for user in chunks[size]]
            staff._api_enrol(register, StaffListIn(staff=items))

        def read(size):
            query = StaffQuery(limit=size)
            page = staff._api_list_of(self.mine.uuid, query)
            self.assertEqual(len(page.items), size)

        register = self.mine.uuid
        self.assertConstant(enrol, 2, 9, warm=1)
        self.assertConstant(read, 2, 12)


@tagged("post_install", "-at_install")
class TestApiRegisterLog(RegisterApiCase):
    def _mark(self, *logs, status=200, path=None):
        return self._ok(
            "POST", f"{path or self.path}/logs", {"logs": list(logs)}, status=status
        )["results"]

    def test_marked_and_read(self):
        self.mine.type_id = self.training
        self._enrol("T-1", "T-2")
        self.ingest(self.item("T-1", "2026-09-03T08:00:00"))
        results = self._mark(
            self.item("T-1", direction="in", external_id="a-1"),
            self.item("T-1", "2026-09-01T17:00:00", direction="out"),
            self.item("T-2", category="absent", description="Ill"),
        )
        self.assertEqual({r["status"] for r in results}, {"created"})
        records = self._all(f"{self.path}/logs", "sort=date_time")
        self.assertEqual(
            [(r["person_identifier"], r["direction"], r["category"]) for r in records],
            [
                ("T-1", "in", "present"),
                ("T-2", None, "absent"),
                ("T-1", "out", "present"),
            ],
        )
        self.assertEqual(
            {(r["type"]["id"], r["location"]["id"]) for r in records},
            {(self.training.id, self.hall.id)},
        )
        record = self.env["spp.attendance.record"].browse(results[0]["id"])
        self.assertEqual(record.register_id, self.mine)
        [again] = self._mark(self.item("T-1", direction="in", external_id="a-1"))
        self.assertEqual(
            (again["status"], again["id"]), ("duplicate", results[0]["id"])
        )
        filtered = self._all(f"{self.path}/logs", "person_identifier=T-2")
        self.assertEqual([r["id"] for r in filtered], [results[2]["id"]])
        self.assertEqual(self._all(f"/registers/{self.foreign.uuid}/logs"), [])

    def test_the_rules_hold_for_each(self):
        self._enrol("T-1", start_at="2026-08-01T00:00:00Z")
        results = self._mark(
            self.item("T-1"),
            self.item("T-1", "2019-12-31T08:00:00"),
            self.item("T-1", "2026-07-31T08:00:00"),
            self.item("T-2"),
            self.item("nobody"),
            {"person_identifier": "T-1"},
            self.item("T-1", register=self.foreign.id),
            status=207,
        )
        self.assertEqual(
            [r["code"] for r in results],
            [
                None,
                "outside_register",
                "not_enrolled_then",
                "not_enrolled",
                "unknown_person",
                "invalid",
                "invalid",
            ],
        )
        self.mine.active = False
        [result] = self._mark(self.item("T-1", "2026-09-02T08:00:00"), status=422)
        self.assertEqual(result["code"], "register_inactive")

    def test_a_manager_has_to_be_staff(self):
        self._enrol("T-1")
        registers = self.as_user("spp.attendance.register", self.manager)
        [result] = registers._api_add_logs(
            self.mine.uuid, LogsIn(logs=[self.item("T-1")])
        ).model.results
        self.assertEqual(result.code, "not_register_staff")

    def test_reading_costs_the_same_for_few_and_many(self):
        self._enrol("T-1")
        self._mark(
            *(self.item("T-1", f"2026-09-{n:02}T08:00:00") for n in range(1, 21))
        )
        registers = self.as_user("spp.attendance.register", self.app)

        def read(size):
            query = LogQuery(limit=size)
            page = registers._api_list_logs(self.mine.uuid, query)
            self.assertEqual(len(page.items), size)

        self.assertConstant(read, 2, 20)
