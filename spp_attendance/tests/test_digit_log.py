import uuid
from datetime import datetime
from unittest.mock import ANY
from urllib.parse import urlencode

from odoo.tests import tagged
from odoo.tools import mute_logger

from ..api.digit_log import read_log
from .common_digit_log import EVENING, MORNING, TENANT, DigitLogCase, ms


@tagged("post_install", "-at_install")
class TestDigitLogRules(DigitLogCase):
    """What is refused, in DIGIT's words and order."""

    def _not_staff(self, register):
        user = self.app.attendance_uuid
        return (
            "UNAUTHORISED_USER",
            f"User [{user}] is not authorised for register [{register}]",
        )

    def test_request_info(self):
        response = self.url_open(
            "/attendance/log/v1/_create",
            json={"attendance": [self.log()]},
            method="POST",
            headers={"Authorization": f"Bearer {self.token}"},
        )
        self.assertEqual(response.status_code, 400)
        [error] = response.json()["Errors"]
        self.assertEqual(error["code"], "REQUEST_INFO")
        self.assertEqual(error["message"], "Request info is mandatory")

    def test_without_logs(self):
        for path in ("_create", "_update"):
            for logs in (None, [], [None]):
                with self.subTest(path=path, logs=logs):
                    self.refused(
                        path, logs, ("ATTENDANCE", "Attendance array is mandatory")
                    )

    def test_required(self):
        every = (
            ("ATTENDANCE.TENANTID", "TenantId is mandatory"),
            ("ATTENDANCE.REGISTERID", "Attendance registerid is mandatory"),
            ("ATTENDANCE.INDIVIDUALID", "Attendance indidualid is mandatory"),
            ("ATTENDANCE.TYPE", "Attendance type is mandatory"),
            ("ATTENDANCE.TIME", "Attendance time is mandatory"),
        )
        for path in ("_create", "_update"):
            # one entry a code, however many logs lack it
            self.refused(path, [{}, {"tenantId": " "}], *every)
        names = ("tenantId", "registerId", "individualId", "type", "time")
        for name, error in zip(names, every, strict=True):
            with self.subTest(name=name):
                self.refused("_create", [self.log(), self.log(**{name: None})], error)
        self.assertFalse(self.records())

    def test_one_register_and_one_tenant(self):
        other = self._new_register("Other")
        self.refused(
            "_create",
            [self.log(), self.log(registerId=other.uuid, tenantId="x")],
            (
                "MULTIPLE_REGISTERIDS",
                "Attendance logs should belong to same registerId",
            ),
        )
        self.refused(
            "_create",
            [self.log(), self.log(tenantId="pb")],
            ("MULTIPLE_TENANTIDS", "Attendance logs should belong to same tenantId"),
        )

    def test_not_staff(self):
        strange = self._new_register("Strange", staff=False)
        over = self._new_register("Over", staff=False)
        self._staff(over, user_id=self.app.id, unenrolled_at="2020-02-01 00:00:00")
        to_come = self._new_register("To come", staff=False)
        self._staff(to_come, user_id=self.app.id, enrolled_at="2999-01-01 00:00:00")
        # An unknown register is not told from one of others; nor is what else is wrong.
        for number in (strange.uuid, over.uuid, to_come.uuid, "nothing", "1"):
            for path in ("_create", "_update"):
                with self.subTest(register=number, path=path):
                    self.refused(
                        path,
                        [self.log(registerId=number, tenantId="x", time=1)],
                        self._not_staff(number),
                    )

    def test_deleted_register(self):
        self.register.write({"active": False, "is_deleted": True})
        self.refused(
            "_create",
            [self.log()],
            (
                "REGISTER_NOT_FOUND",
                f"Given RegisterId [{self.register.uuid}] does not exists",
            ),
        )

    def test_inactive_register(self):
        [log] = self.ok("_create", [self.log()])
        self.register.active = False
        error = (
            "INACTIVE_REGISTER",
            f"Given RegisterId [{self.register.uuid}] is inactive",
        )
        self.refused("_create", [self.log(tenantId="x")], error)
        self.refused("_update", [log], error)

    def test_other_tenant(self):
        for tenant in ("pb", "pb.amritsar.x", "ke"):
            self.refused(
                "_create",
                [self.log(tenantId=tenant, time=1)],
                (
                    "INVALID_TENANTID",
                    f"TenantId [{tenant}] is not associated with register"
                    f" [{self.register.uuid}]",
                ),
            )

    def test_time(self):
        def error(text):
            return (
                "INVALID_ATTENDANCE_TIME",
                f"Attendance time [{text}] is invalid for register"
                f" [{self.register.uuid}]",
            )

        [log] = self.ok("_create", [self.log()])
        for instant, text in (
            ("2026-08-31 23:59:59", "2026-08-31T23:59:59Z"),
            ("2026-08-31 23:59:59.999", "2026-08-31T23:59:59.999Z"),
            ("2026-09-30 20:59:59.001", "2026-09-30T20:59:59.001Z"),
        ):
            with self.subTest(instant=instant):
                # also where nobody of that name is enrolled
                new = self.log(self.grace, time=ms(instant))
                self.refused("_create", [self.log(), new], error(text))
                self.refused("_update", [{**log, "time": ms(instant)}], error(text))
        self.ok("_create", [self.log(time=ms("2026-09-01 00:00:00"))])
        self.ok("_create", [self.log(time=ms("2026-09-30 20:59:59"))])

    def test_register_without_end(self):
        endless = self._new_register("Endless", end_at=False)
        self._enrol(endless, self.amina, ("2026-09-01 00:00:00", False))
        far = ms("2090-01-01 00:00:00")
        [log] = self.ok("_create", [self.log(registerId=endless.uuid, time=far)])
        self.assertEqual(log["time"], far)
        self.ok("_update", [{**log, "time": far + 1}])

    def test_never_enrolled(self):
        [log] = self.ok("_create", [self.log()])
        error = (
            "UNENROLLED_ATTENDEES",
            f"Attendees are not enrolled against register [{self.register.uuid}]",
        )
        for number in (self.grace.uuid, self.stranger.uuid, "nobody"):
            with self.subTest(individual=number):
                self.refused(
                    "_create", [self.log(), self.log(individualId=number)], error
                )
        self.assertEqual(len(self.records()), 1)
        self.assertEqual([found["id"] for found in self.search()], [log["id"]])

    def test_not_enrolled_then(self):
        error = (
            "INELIGIBLE_ATTENDEES",
            "Attendees are ineligible for given date range for register"
            f" [{self.register.uuid}]",
        )
        # A good log of the same person hides no bad one.
        good = self.log(self.joseph, time=ms("2026-09-09 12:00:00"))
        bad = self.log(self.joseph, time=ms("2026-09-09 12:00:00.001"))
        self.refused("_create", [good, bad], error)
        self.refused("_create", [bad, good], error)
        again = self.log(self.joseph, time=ms("2026-09-20 00:00:00"))
        logs = self.ok("_create", [good, again])
        self.refused("_update", [{**logs[0], "time": bad["time"]}], error)
        self.assertEqual(
            [found["time"] for found in self.search(sortOrder="asc")],
            [good["time"], again["time"]],
        )

    def test_order_of_rules(self):
        """What is looked for first is told, whichever log it is in."""
        never = self.log(self.grace)
        not_then = self.log(self.joseph)
        outside = self.log(time=1)
        for logs, code in (
            ([not_then, never, outside], "INVALID_ATTENDANCE_TIME"),
            ([not_then, never], "UNENROLLED_ATTENDEES"),
        ):
            response = self.post("_create", logs)
            [error] = response.json()["Errors"]
            self.assertEqual(error["code"], code)
        [log] = self.ok("_create", [self.log()])
        response = self.post("_update", [{**log, "time": 1}, self.log(id="x")])
        self.assertEqual(response.json()["Errors"][0]["code"], "ATTENDANCE_LOG")
        self.register.active = False
        response = self.post("_update", [log, self.log(id="x")])
        self.assertEqual(response.json()["Errors"][0]["code"], "ATTENDANCE_LOG")

    def test_unknown_log(self):
        other = self._new_register("Other")
        self._enrol(other, self.amina, ("2026-09-01 00:00:00", False))
        [log] = self.ok("_create", [self.log()])
        [foreign] = self.ok("_create", [self.log(registerId=other.uuid)])
        number = log["id"]
        last = "e" if number.endswith("f") else "f"
        for values, shown in (
            ({"id": None}, "null"),
            ({"id": "7"}, "7"),
            ({"id": foreign["id"]}, foreign["id"]),
            ({"id": number[:-1] + last}, number[:-1] + last),
            ({"id": number[:24] + "f" * 12}, number[:24] + "f" * 12),
            # nor is another's log corrected
            ({"individualId": self.joseph.uuid}, number),
        ):
            with self.subTest(values=values):
                self.refused(
                    "_update",
                    [{**log, **values}],
                    (
                        "ATTENDANCE_LOG",
                        f"Provided attendance id [{shown}] is invalid for register"
                        f" [{self.register.uuid}]",
                    ),
                )

    def test_all_or_nothing(self):
        self.post("_create", [self.log(), self.log(self.grace)])
        self.assertFalse(self.records())
        logs = self.ok("_create", [self.log(), self.log(time=EVENING)])
        self.post("_update", [{**logs[0], "type": "X"}, {**logs[1], "time": 1}])
        self.assertEqual(set(self.records().mapped("log_type")), {"ENTRY"})

    def test_misshapen(self):
        for values in (
            {"time": "noon"},
            {"type": {}},
            {"documentIds": "x"},
            {"clientAuditDetails": []},
        ):
            with self.subTest(values=values):
                response = self.post("_create", [self.log(**values)])
                self.assertEqual(response.status_code, 400)
                [error] = response.json()["Errors"]
                self.assertEqual(error["code"], "JsonMappingException")

    def test_nothing_else_is_refused(self):
        """Neither twice the same, nor what is to come, nor an EXIT without an ENTRY."""
        self.register.end_at = "2999-01-01 00:00:00"
        logs = [
            self.log(),
            self.log(),
            self.log(type="EXIT"),
            self.log(type="anything"),
            self.log(type=7, time=str(EVENING)),
            self.log(time=ms("2990-01-01 00:00:00")),
        ]
        found = self.ok("_create", logs)
        self.assertEqual(len({log["id"] for log in found}), len(logs))
        self.assertEqual(found[4]["type"], "7")
        self.assertEqual(found[4]["time"], EVENING)


@tagged("post_install", "-at_install")
class TestDigitLog(DigitLogCase):
    """What is recorded, corrected and told."""

    def test_create(self):
        [log] = self.ok(
            "_create",
            [
                self.log(
                    id="chosen by the app",
                    time=MORNING + 250,
                    additionalDetails={"b": [1, None], "a": {"é": 1.5}},
                    documentIds=[{"fileStore": "f-1", "documentType": "PHOTO"}],
                    clientReferenceId="ref-1",
                    clientAuditDetails={"createdBy": "phone", "createdTime": 1},
                    auditDetails={"createdBy": "forged"},
                )
            ],
        )
        record = self.records()
        mine = self.app.attendance_uuid
        self.assertEqual(
            log,
            {
                "id": ANY,
                "registerId": self.register.uuid,
                "individualId": self.amina.uuid,
                "tenantId": TENANT,
                "time": MORNING + 250,
                "type": "ENTRY",
                "status": "ACTIVE",
                "documentIds": [
                    {
                        "id": ANY,
                        "documentType": "PHOTO",
                        "fileStore": "f-1",
                        "documentUid": "f-1",
                        "status": "ACTIVE",
                        "additionalDetails": None,
                    }
                ],
                "additionalDetails": {"b": [1, None], "a": {"é": 1.5}},
                "clientReferenceId": "ref-1",
                "clientAuditDetails": {"createdBy": "phone", "createdTime": 1},
                "auditDetails": {
                    "createdBy": mine,
                    "lastModifiedBy": mine,
                    "createdTime": ANY,
                    "lastModifiedTime": ANY,
                },
            },
        )
        self.assertEqual(self.search(), [log])
        self.assertRecordValues(
            record,
            [
                {
                    "subscriber_id": self.amina.id,
                    "register_id": self.register.id,
                    "date_time": datetime(2026, 9, 10, 8, 0, 0, 250_000),
                    "local_time": "11:00:00",
                    "direction": "in",
                    "category": "present",
                    "source": "api",
                    "external_id": "ref-1",
                }
            ],
        )

    def test_both_casings_and_status(self):
        response = self.url_open(
            "/attendance/log/v1/_create",
            json={"requestInfo": {"msgId": "m"}, "attendance": [self.log()]},
            method="POST",
            headers={"Authorization": f"Bearer {self.token}"},
        )
        self.assertEqual(response.status_code, 200)
        self.assertEqual(response.json()["ResponseInfo"]["status"], "successful")
        self.company.attendance_digit_status = "202"
        self.assertEqual(self.post("_create", [self.log()]).status_code, 202)

    def test_types(self):
        types = ("ENTRY", "exit", "PRESENT", "absent", "Break")
        logs = self.ok("_create", [self.log(type=name) for name in types])
        self.assertEqual([log["type"] for log in logs], list(types))
        self.assertEqual(
            [(r.scan_type, r.category) for r in self.records()],
            [
                ("in", "present"),
                ("out", "present"),
                ("none", "present"),
                ("none", "absent"),
                ("none", "present"),
            ],
        )

    def test_cancelled_from_the_beginning(self):
        [log] = self.ok("_create", [self.log(status="INACTIVE")])
        self.assertEqual(log["status"], "INACTIVE")
        self.assertFalse(self.records().active)
        # as theirs, where an unknown word is nothing
        [log] = self.ok("_create", [self.log(status="active")])
        self.assertEqual(log["status"], "ACTIVE")

    def test_client_reference(self):
        """What is sent again is answered with what there is."""
        sent = self.log(clientReferenceId="ref-1")
        [first] = self.ok("_create", [sent])
        again = self.ok("_create", [sent, self.log(clientReferenceId="ref-2"), sent])
        self.assertEqual(again[0], first)
        self.assertEqual(again[2], first)
        self.assertEqual(len(self.records()), 2)
        self.refused(
            "_create",
            [{**sent, "time": EVENING}],
            (
                "CLIENT_REFERENCE_ID",
                "ClientReferenceId [ref-1] was used before for another log",
            ),
        )
        twins = self.ok(
            "_create", [self.log(clientReferenceId="ref-3", time=EVENING)] * 2
        )
        self.assertEqual(twins[0]["id"], twins[1]["id"])

    def test_update(self):
        [log] = self.ok(
            "_create",
            [
                self.log(
                    additionalDetails={"a": 1},
                    documentIds=[{"fileStore": "f-1"}, {"fileStore": "f-2"}],
                    clientAuditDetails={"createdBy": "p", "lastModifiedBy": "p"},
                )
            ],
        )
        first, second = log["documentIds"]
        [changed] = self.ok(
            "_update",
            [
                {
                    **log,
                    "id": log["id"].upper(),
                    "type": "EXIT",
                    "time": EVENING + 1,
                    "additionalDetails": {"b": 2},
                    "documentIds": [
                        {**first, "status": "INACTIVE"},
                        {"fileStore": "f-3", "id": "made up"},
                    ],
                    "clientAuditDetails": {
                        "createdBy": "forged",
                        "lastModifiedBy": "q",
                        "lastModifiedTime": 5,
                    },
                }
            ],
        )
        self.assertEqual(changed["id"], log["id"])
        self.assertEqual(changed["type"], "EXIT")
        self.assertEqual(changed["time"], EVENING + 1)
        self.assertEqual(changed["additionalDetails"], {"b": 2})
        self.assertEqual(
            [(d["id"], d["fileStore"], d["status"]) for d in changed["documentIds"]],
            [
                (first["id"], "f-1", "INACTIVE"),
                (second["id"], "f-2", "ACTIVE"),
                (ANY, "f-3", "ACTIVE"),
            ],
        )
        self.assertNotEqual(changed["documentIds"][2]["id"], "made up")
        self.assertEqual(
            changed["clientAuditDetails"],
            {"createdBy": "p", "lastModifiedBy": "q", "lastModifiedTime": 5},
        )
        self.assertEqual(
            changed["auditDetails"]["createdTime"], log["auditDetails"]["createdTime"]
        )
        record = self.records()
        self.assertEqual(record.direction, "out")
        self.assertEqual(record.local_time, "20:00:00")
        self.assertEqual(self.search(), [changed])

    def test_update_without_what_is_not_needed(self):
        """Neither documents nor audit details have to come along."""
        [log] = self.ok(
            "_create", [self.log(documentIds=[{"fileStore": "f"}], status="INACTIVE")]
        )
        names = ("id", "tenantId", "registerId", "individualId", "type", "time")
        [changed] = self.ok("_update", [{name: log[name] for name in names}])
        self.assertEqual(changed["documentIds"], log["documentIds"])
        self.assertEqual(changed["status"], "INACTIVE")

    def test_people_by_identifier(self):
        """An app may call people by what they are called here; answers have UUIDs."""
        [log] = self.ok("_create", [self.log(individualId="T-1")])
        self.assertEqual(log["individualId"], self.amina.uuid)
        changed = {**log, "individualId": "T-1", "type": "EXIT"}
        [log] = self.ok("_update", [changed])
        self.assertEqual((log["individualId"], log["type"]), (self.amina.uuid, "EXIT"))

    def test_retry_with_other_details(self):
        """The first one stands: it is the same log."""
        item = self.log(clientReferenceId="r-1", additionalDetails={"n": 1})
        first = self.ok("_create", [item])
        self.assertEqual(
            self.ok("_create", [{**item, "additionalDetails": {"n": 2}}]), first
        )

    def test_cancel_and_restore(self):
        [log] = self.ok("_create", [self.log()])
        [cancelled] = self.ok("_update", [{**log, "status": "INACTIVE"}])
        self.assertEqual(cancelled["status"], "INACTIVE")
        record = self.records()
        self.assertFalse(record.active)
        self.assertTrue(record.void_reason)
        self.assertEqual(self.search(status="ACTIVE"), [])
        self.assertEqual(self.search(status="INACTIVE"), [cancelled])
        [restored] = self.ok("_update", [{**log, "status": "ACTIVE"}])
        self.assertEqual(restored["status"], "ACTIVE")

    def test_cancel_what_should_not_be_there(self):
        """Of somebody who left before, or of a time that is no longer its own."""
        [log, early] = self.ok(
            "_create", [self.log(), self.log(time=ms("2026-09-02 08:00:00"))]
        )
        self.register.attendee_ids.filtered(
            lambda attendee: attendee.subscriber_id == self.amina
        ).interval_ids.unlink()
        self.register.start_at = "2026-09-03 00:00:00"
        for one in (log, early):
            self.assertEqual(self.post("_update", [one]).status_code, 400)
        cancelled = [{**one, "status": "INACTIVE"} for one in (log, early)]
        told = self.ok("_update", cancelled)
        self.assertEqual([one["status"] for one in told], ["INACTIVE"] * 2)
        self.assertFalse(any(self.records().mapped("active")))
        self.assertEqual(self.post("_update", [log]).status_code, 400)
        never = {**cancelled[0], "time": 10**20}
        self.assertEqual(self.post("_update", [never]).status_code, 400)

    def test_last_word_counts(self):
        [log] = self.ok("_create", [self.log()])
        found = self.ok("_update", [{**log, "type": "A"}, {**log, "type": "B"}])
        self.assertEqual([one["type"] for one in found], ["B", "B"])

    def test_record_of_another_way(self):
        """What was marked otherwise is a log, too, and can be corrected as one."""
        record = self.env["spp.attendance.record"].create(
            {
                "subscriber_id": self.amina.id,
                "register_id": self.register.id,
                "date_time": "2026-09-10 08:00:00",
                "category": "absent",
            }
        )
        [log] = self.search()
        self.assertEqual(log["type"], "ABSENT")
        self.assertIsNone(log["clientReferenceId"])
        [same] = self.ok("_update", [{**log, "additionalDetails": {"ill": True}}])
        self.assertEqual(same["additionalDetails"], {"ill": True})
        self.assertFalse(record.log_type)
        self.assertTrue(record.uniqueness_key)
        self.ok("_update", [{**log, "status": "INACTIVE"}])
        twin = record.copy({"register_id": self.register.id})
        self.assertTrue(twin.uniqueness_key)
        with mute_logger("odoo.sql_db"):
            response = self.post("_update", [{**log, "status": "ACTIVE"}])
        self.assertEqual(response.status_code, 400)
        self.assertEqual(response.json()["Errors"][0]["code"], "ATTENDANCE")

    def test_statements(self):
        """The number of statements doesn't grow with that of the logs."""
        service = self.env["spp.attendance.digit"].with_user(self.app)
        service = service.with_context(allowed_company_ids=self.company.ids)

        def count(kind, logs):
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            problems, ids = service._record_logs(kind, [read_log(log) for log in logs])
            told = service._read_logs(ids)
            self.env.flush_all()
            self.assertFalse(any(problems))
            return self.env.cr.sql_log_count - before, [told[n] for n in ids]

        def counts(number):
            logs = [
                self.log(time=MORNING + n, additionalDetails={"n": n})
                for n in range(number)
            ]
            created, logs = count("create", logs)
            for n, log in enumerate(logs):
                log.update(type="EXIT", time=EVENING + n, additionalDetails={"m": n})
            changed, logs = count("update", logs)
            cancelled, _logs = count(
                "update", [{**log, "status": "INACTIVE"} for log in logs]
            )
            logs = [{**log, "status": "INACTIVE", "id": None} for log in logs]
            voided, _logs = count("create", logs)
            return created, changed, cancelled, voided

        counts(3)
        # What changed is written down a hundred lines at a time, by Odoo.
        self.assertEqual(counts(110), counts(190))


@tagged("post_install", "-at_install")
class TestDigitLogSearch(DigitLogCase):
    """Which logs are found."""

    def test_rules(self):
        criteria = {"tenantId": TENANT, "registerId": self.register.uuid}
        user = self.app.attendance_uuid
        strange = self._new_register("Strange", staff=False)
        deleted = self._new_register("Deleted", active=False, is_deleted=True)
        many = [f"p-{n}" for n in range(11)]
        for given, error in (
            ({"tenantId": " "}, ("TENANT_ID", "Tenant is mandatory")),
            (
                {"registerId": None, "individualIds": many},
                (
                    "REGISTER_ID_OR_CLIENT_REFERENCE_ID",
                    "RegisterId or ClientReferenceId is mandatory",
                ),
            ),
            (
                {"individualIds": many, "registerId": "x"},
                ("INDIVIDUALIDS", "only 10 IndividualIds are allowed to search"),
            ),
            (
                {"registerId": "x", "toTime": 5},
                ("INVALID_REGISTERID", "Register Not found "),
            ),
            (
                {"registerId": deleted.uuid},
                ("INVALID_REGISTERID", "Register Not found "),
            ),
            (
                {"tenantId": "pb", "registerId": strange.uuid},
                (
                    "INVALID_TENANTID",
                    f"TenantId [pb] is not associated with register [{strange.uuid}]",
                ),
            ),
            (
                {"registerId": strange.uuid, "toTime": 5},
                (
                    "UNAUTHORISED_USER",
                    f"User [{user}] is not authorised for register [{strange.uuid}]",
                ),
            ),
            (
                {"toTime": 5},
                ("INVALID_SEARCH_PARAM", "Cannot specify toTime without a fromTime"),
            ),
        ):
            with self.subTest(given=given):
                asked = {**criteria, **given}
                self.refused("_search", asked, error)
                params = {name: value for name, value in asked.items() if value}
                self.refused("_search", None, error, params=urlencode(params, True))

    def test_out_of_sight(self):
        """An app that sees its own registers alone is told the same of others."""
        strange = self._new_register("Strange", staff=False)
        self.app.sudo().group_ids = self.env.ref(
            "spp_attendance.spp_attendance_group_officer"
        ) + self.env.ref("spp_oauth.spp_oauth_group_service")
        seen = self.env["spp.attendance.register"].with_user(self.app)
        seen = seen.with_context(allowed_company_ids=self.company.ids)
        self.assertEqual(seen.search([]), self.register)
        self.assertEqual(self.search(), [])
        asked = {"tenantId": TENANT, "registerId": strange.uuid}
        message = (
            f"User [{self.app.attendance_uuid}] is not authorised for register"
            f" [{strange.uuid}]"
        )
        self.refused("_search", asked, ("UNAUTHORISED_USER", message))
        strange._delete()
        self.refused("_search", asked, ("INVALID_REGISTERID", "Register Not found "))

    def test_without_request_info(self):
        response = self.url_open(
            "/attendance/log/v1/_search",
            json={"attendance": {"tenantId": TENANT}},
            method="POST",
            headers={"Authorization": f"Bearer {self.token}"},
        )
        [error] = response.json()["Errors"]
        self.assertEqual(error["code"], "ATTENDANCE_LOG_SEARCH_REQUEST")

    def test_without_token(self):
        for path in ("_search", "_create", "_update", "bulk/_create", "bulk/_update"):
            response = self.url_open(
                f"/attendance/log/v1/{path}", json={"RequestInfo": {}}, method="POST"
            )
            self.assertEqual(response.status_code, 401, path)
            self.assertEqual(len(response.json()["Errors"]), 1)

    def test_filters(self):
        early = ms("2026-09-02 08:00:00.500")
        logs = self.ok(
            "_create",
            [
                self.log(time=early, clientReferenceId="r-1"),
                self.log(self.joseph, time=early + 1, clientReferenceId="r-2"),
                self.log(time=MORNING, type="EXIT"),
                self.log(time=EVENING, status="INACTIVE"),
            ],
        )
        ids = [log["id"] for log in logs]

        def found(**criteria):
            by_body = {log["id"] for log in self.search(**criteria)}
            params = {"tenantId": TENANT, "registerId": self.register.uuid, **criteria}
            for query in (
                urlencode(params, doseq=True),
                urlencode(
                    {
                        name: ",".join(v) if isinstance(v, list) else v
                        for name, v in params.items()
                    }
                ),
            ):
                by_query = {log["id"] for log in self.ok("_search", params=query)}
                self.assertEqual(by_query, by_body)
            return [ids.index(number) for number in ids if number in by_body]

        self.assertEqual(found(), [0, 1, 2, 3])
        self.assertEqual(found(status="ACTIVE"), [0, 1, 2])
        self.assertEqual(found(status="INACTIVE"), [3])
        self.assertEqual(found(status="WHAT"), [])
        self.assertEqual(found(individualIds=[self.joseph.uuid]), [1])
        self.assertEqual(
            found(individualIds=[self.joseph.uuid, self.amina.uuid]), [0, 1, 2, 3]
        )
        self.assertEqual(found(individualIds=["nobody"]), [])
        self.assertEqual(found(ids=[ids[0].upper(), ids[2], "x"]), [0, 2])
        # the number of one log, as if it were another register's
        forged = f"{uuid.uuid4()}"[:14] + "8" + f"{uuid.uuid4()}"[15:24] + ids[0][24:]
        for asked in ([ids[0], forged], [forged, ids[0]]):
            self.assertEqual(found(ids=asked), [0])
        self.assertEqual(found(ids=[forged]), [])
        self.assertEqual(found(individualIds=["T-2", "nobody"]), [1])
        self.assertEqual(found(clientReferenceId=["r-2", "r-3"]), [1])
        # both ends count, to the millisecond
        self.assertEqual(found(fromTime=early, toTime=early + 1), [0, 1])
        self.assertEqual(found(fromTime=early + 1, toTime=MORNING - 1), [1])
        # the body's criteria win
        asked = self.ok(
            "_search",
            {"tenantId": TENANT, "registerId": self.register.uuid, "ids": ids[:1]},
            params=f"tenantId=x&registerId=y&ids={ids[1]}",
        )
        self.assertEqual([log["id"] for log in asked], ids[:1])

    def test_until_now(self):
        """Who says only from when means until now."""
        long = self._new_register(
            "Long", start_at="2020-01-01 00:00:00", end_at="2999-01-01 00:00:00"
        )
        self._enrol(long, self.amina, ("2020-01-01 00:00:00", False))
        past, _far = self.ok(
            "_create",
            [
                self.log(registerId=long.uuid, time=ms(text))
                for text in ("2021-01-01 00:00:00", "2990-01-01 00:00:00")
            ],
        )
        found = self.search(registerId=long.uuid, fromTime=ms("2020-06-01 00:00:00"))
        self.assertEqual(found, [past])

    def test_order_and_pages(self):
        ids = [
            self.ok("_create", [self.log(time=MORNING + n)])[0]["id"] for n in range(12)
        ]
        # without a limit: all, what was changed last first
        self.assertEqual([log["id"] for log in self.search()], ids[::-1])
        self.assertEqual(
            [log["id"] for log in self.search(sortOrder="asc", sortBy="x")], ids
        )
        self.assertEqual(
            [
                log["id"]
                for log in self.search(
                    sortOrder="ASC", sortBy="lastModifiedTime", limit=5, offset=10
                )
            ],
            ids[10:],
        )
        self.assertEqual(self.search(limit=0), [])
        params = f"tenantId={TENANT}&registerId={self.register.uuid}"
        found = self.ok("_search", params=params + "&limit=3&offset=1")
        self.assertEqual([log["id"] for log in found], ids[::-1][1:4])

    def test_by_client_reference_alone(self):
        """Of registers on whose staff one is, whoever gave the reference."""
        other = self._new_register("Other")
        self._enrol(other, self.amina, ("2026-09-01 00:00:00", False))
        [one] = self.ok("_create", [self.log(clientReferenceId="r-1")])
        [two] = self.ok(
            "_create", [self.log(clientReferenceId="r-2", registerId=other.uuid)]
        )

        def found(**criteria):
            asked = {
                "tenantId": TENANT,
                "clientReferenceId": ["r-1", "r-2"],
                **criteria,
            }
            return {log["id"] for log in self.ok("_search", asked)}

        self.assertEqual(found(), {one["id"], two["id"]})
        self.assertEqual(found(ids=[two["id"]]), {two["id"]})
        self.assertEqual(found(tenantId="pb"), set())
        other.staff_ids.unenrolled_at = "2020-02-01 00:00:00"
        self.assertEqual(found(), {one["id"]})
        # the same of another sender
        self.env.cr.execute("UPDATE spp_attendance_record SET origin = 'oauth/other'")
        self.assertEqual(found(), {one["id"]})
        [log] = self.search()
        self.assertEqual(log["clientReferenceId"], "r-1")
        # what isn't a log has an id of another kind
        self.env.cr.execute("UPDATE spp_attendance_record SET log_type = NULL")
        self.assertEqual(found(), set())
        [log] = self.search()
        self.assertIsNone(log["clientReferenceId"])

    def test_other_company(self):
        """A register of another company is none here."""
        self.other_company.attendance_tenant_code = "ke"
        foreign = self._new_register(
            "Foreign", staff=False, company_id=self.other_company.id
        )
        self._staff(foreign, user_uuid=self.app.attendance_uuid, name="App")
        self.refused(
            "_search",
            {"tenantId": "ke", "registerId": foreign.uuid},
            ("INVALID_REGISTERID", "Register Not found "),
        )
        response = self.post(
            "_create", [self.log(registerId=foreign.uuid, tenantId="ke")]
        )
        self.assertEqual(response.json()["Errors"][0]["code"], "UNAUTHORISED_USER")


@tagged("post_install", "-at_install")
class TestDigitLogGateway(DigitLogCase):
    """Logs of somebody for whom a trusted gateway speaks."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        scope = cls.env["spp.oauth.scope"].search([("is_gateway_only", "=", True)])
        cls.client.is_trusted_gateway = True
        cls.client.scope_ids += scope
        cls.SCOPES = (*cls.SCOPES, *scope.mapped("name"))

    def test_who_acts(self):
        def info(uuid):
            roles = [{"code": "SUPERUSER"}]
            return {"userInfo": {"uuid": uuid, "name": "Field", "roles": roles}}

        self._staff(self.register, user_uuid="field-1", name="Field")
        # nobody is exempt, whatever the role; nor does the gateway itself count
        response = self.post("_create", [self.log()], info=info("field-2"))
        self.assertEqual(response.json()["Errors"][0]["code"], "UNAUTHORISED_USER")
        self.assertIn("[field-2]", response.json()["Errors"][0]["message"])
        [log] = self.ok("_create", [self.log()], info=info("field-1"))
        self.assertEqual(log["auditDetails"]["createdBy"], "field-1")
        self.assertEqual(log["auditDetails"]["lastModifiedBy"], "field-1")
        self._staff(self.register, user_uuid="field-3", name="Third")
        [log] = self.ok("_update", [{**log, "type": "EXIT"}], info=info("field-3"))
        self.assertEqual(log["auditDetails"]["createdBy"], "field-1")
        self.assertEqual(log["auditDetails"]["lastModifiedBy"], "field-3")
        # what somebody else does afterwards is not said to be hers
        self.records().with_user(self.env.user).write({"description": "checked"})
        asked = {"tenantId": TENANT, "registerId": self.register.uuid}
        [log] = self.ok("_search", asked, info=info("field-1"))
        self.assertEqual(log["auditDetails"]["createdBy"], "field-1")
        self.assertEqual(
            log["auditDetails"]["lastModifiedBy"], self.env.user.attendance_uuid
        )
        response = self.post("_search", asked, info=info("field-2"))
        self.assertEqual(response.json()["Errors"][0]["code"], "UNAUTHORISED_USER")
