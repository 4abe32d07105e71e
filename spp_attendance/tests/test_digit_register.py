from datetime import datetime

from odoo.tests import tagged

from .common_digit import TENANT, DigitCase, ms, now

CREATE, UPDATE, SEARCH, DELETE = (
    f"/v1/_{call}" for call in ("create", "update", "search", "delete")
)
ASSOCIATED = ("INVALID_REGISTER_ID", "User can search only associated registers")


@tagged("post_install", "-at_install")
class TestDigitRegisterCreate(DigitCase):
    def create(self, *registers, **kwargs):
        return self.call(CREATE, attendanceRegister=list(registers), **kwargs)

    def test_what_is_created(self):
        details = {"contractId": "C-1", "sessions": 2, "nested": {"a": [1, None]}}
        before = now()
        answer = self.ok(
            CREATE,
            attendanceRegister=[
                self.register(
                    id="mine",
                    startDate=ms(2026, 1, 1) + 123,
                    endDate=ms(2126, 1, 31) + 999,
                    localityCode="L-1",
                    campaignNumber="CMP",
                    reviewStatus="AS-IT-CAME",
                    additionalDetails=details,
                    unknown=[1],
                )
            ],
        )
        [made] = answer["attendanceRegister"]
        self.assertEqual(
            answer["ResponseInfo"],
            {
                "apiId": "app",
                "ver": "1.0",
                "ts": 1,
                "resMsgId": "uief87324",
                "msgId": "m-1",
                "status": "successful",
            },
        )
        self.assertEqual((answer["totalCount"], answer["statusCount"]), (1, {}))
        self.assertNotEqual(made["id"], "mine")
        register = self.stored(made)
        self.assertEqual(register.company_id, self.company)
        self.assertEqual(register.start_at, datetime(2026, 1, 1, 0, 0, 0, 123000))
        [staff] = made.pop("staff")
        audit = made.pop("auditDetails")
        own = self.uuid_of(self.app)
        self.assertEqual(
            made,
            {
                "id": register.uuid,
                "tenantId": TENANT,
                "registerNumber": register.number,
                "name": "Road works",
                "referenceId": "WO-1",
                "serviceCode": "WORKS-CONTRACT",
                "startDate": ms(2026, 1, 1) + 123,
                "endDate": ms(2126, 1, 31) + 999,
                "status": "ACTIVE",
                "localityCode": "L-1",
                "reviewStatus": "AS-IT-CAME",
                "campaignNumber": "CMP",
                "isDeleted": False,
                "attendees": [],
                "additionalDetails": details,
            },
        )
        self.assertEqual(
            (staff["userId"], staff["staffType"], staff["denrollmentDate"]),
            (own, "OWNER", None),
        )
        self.assertEqual(staff["registerId"], made["id"])
        self.assertGreaterEqual(staff["enrollmentDate"], before - 1000)
        self.assertEqual((audit["createdBy"], audit["lastModifiedBy"]), (own, own))
        self.assertIsInstance(audit["createdTime"], int)
        self.assertEqual(audit["createdTime"], audit["lastModifiedTime"])

    def test_first_staff_is_a_setting(self):
        self.company.attendance_register_first_staff = False
        self.assertIsNone(self.new_register()["staff"])

    def test_status_of_writes_is_a_setting(self):
        self.company.attendance_digit_status = "202"
        self.assertEqual(self.create(self.register()).status_code, 202)
        self.assertEqual(self.call(f"{SEARCH}?tenantId={TENANT}").status_code, 200)

    def test_no_end_and_the_end_at_the_start(self):
        made = self.new_register(endDate=None)
        self.assertIsNone(made["endDate"])
        made = self.new_register(referenceId="WO-2", endDate=self.start)
        self.assertEqual(made["endDate"], made["startDate"])

    def test_status(self):
        for number, (given, status) in enumerate(
            (("INACTIVE", "INACTIVE"), ("inactive", "ACTIVE"), (None, "ACTIVE"))
        ):
            made = self.new_register(referenceId=f"S-{number}", status=given)
            self.assertEqual(made["status"], status)

    def test_a_place_is_known_by_its_code(self):
        made = self.new_register(localityCode="HALL")
        self.assertEqual(self.stored(made).location_id, self.hall)
        self.assertEqual(made["localityCode"], "HALL")

    def test_review_begins_pending(self):
        self.company.attendance_register_review = True
        made = self.new_register(reviewStatus="APPROVED")
        self.assertEqual(made["reviewStatus"], "PENDINGFORAPPROVAL")

    def test_each_rule(self):
        register = self.register
        mandatory = ("START_DATE", "Start date is mandatory")
        for change, fault in (
            ({"tenantId": None}, ("TENANT_ID", "Tenant is mandatory")),
            ({"tenantId": "  "}, ("TENANT_ID", "Tenant is mandatory")),
            ({"name": None}, ("NAME", "Name is mandatory")),
            ({"name": " "}, ("NAME", "Name is mandatory")),
            ({"startDate": None}, mandatory),
            ({"startDate": 0}, mandatory),
            ({"startDate": -1}, ("START_DATE", "Start date should be valid")),
            (
                {"endDate": self.start - 1},
                ("DATE", "Start date should be less than end date"),
            ),
            ({"referenceId": None}, ("REFERENCE_ID", "ReferenceId is mandatory")),
            ({"serviceCode": ""}, ("SERVICE_CODE", "ServiceCode is mandatory")),
            (
                {"tenantId": "nowhere"},
                ("INVALID_TENANT", "The tenant: nowhere is not present in MDMS"),
            ),
            (
                {"tenantId": "pb.jalandhar"},
                ("INVALID_TENANT", "The tenant: pb.jalandhar is not present in MDMS"),
            ),
            (
                {"name": "x" * 257},
                (
                    "Size.attendanceRegisterRequest.attendanceRegister[0].name",
                    "size must be between 0 and 256",
                ),
            ),
        ):
            with self.subTest(change):
                self.assertRefused(self.create(register(**change)), fault)
        self.assertRefused(
            self.create(register(), register(tenantId="pb.jalandhar")),
            (
                "MULTIPLE_TENANTS",
                "All registers must have same tenant Id. Please create new request for"
                " different tenant id",
            ),
        )
        self.assertFalse(self.search()["attendanceRegister"])

    def test_no_registers(self):
        fault = ("ATTENDANCE_REGISTER", "Attendance Register is mandatory")
        for path in (CREATE, UPDATE, DELETE):
            for content in (None, [], [None], [self.register(), None]):
                self.assertRefused(self.call(path, attendanceRegister=content), fault)
            self.assertRefused(self.call(path), fault)

    def test_request_info(self):
        for path in (CREATE, UPDATE, DELETE, f"{SEARCH}?tenantId={TENANT}"):
            self.assertRefused(
                self.send(path, {}), ("REQUEST_INFO", "Request info is mandatory")
            )

    def test_some_rules_are_told_together_and_in_order(self):
        wrong = self.register(
            name="", endDate=1, referenceId="", serviceCode="", tenantId="nowhere"
        )
        self.assertRefused(
            self.create(wrong, wrong),
            ("NAME", "Name is mandatory"),
            ("DATE", "Start date should be less than end date"),
            ("REFERENCE_ID", "ReferenceId is mandatory"),
            ("SERVICE_CODE", "ServiceCode is mandatory"),
            ("INVALID_TENANT", "The tenant: nowhere is not present in MDMS"),
        )
        # What is thrown at once hides what was collected before it.
        self.assertRefused(
            self.create(self.register(name="", startDate=0)),
            ("START_DATE", "Start date is mandatory"),
        )
        self.assertRefused(
            self.create(self.register(name="", tenantId="", startDate=0)),
            ("TENANT_ID", "Tenant is mandatory"),
        )

    def test_twins(self):
        self.new_register()
        fault = (
            "REGISTER_ALREADY_EXISTS",
            "Register exists for provided referenceId [WO-1] and serviceCode"
            " [WORKS-CONTRACT]",
        )
        self.assertRefused(self.create(self.register()), fault)
        # Also one that the app doesn't see.
        response = self.create(self.register(), token=self.rival_token)
        self.assertRefused(response, fault)
        self.new_register(serviceCode="OTHER")

    def test_twins_in_one_request_and_of_what_is_inactive(self):
        twins = [self.register(status="INACTIVE")] * 2
        answer = self.ok(CREATE, attendanceRegister=twins)
        ids = {register["id"] for register in answer["attendanceRegister"]}
        self.assertEqual(len(ids), 2)
        self.new_register()

    def test_shapes(self):
        for change in (
            {"startDate": "soon"},
            {"startDate": True},
            {"startDate": 1.5},
            {"endDate": 10**40},
            {"name": {"a": 1}},
        ):
            response = self.create(self.register(**change))
            self.assertEqual(response.status_code, 400, response.text)
            [error] = response.json()["Errors"]
            self.assertEqual(error["code"], "JsonMappingException", change)
        made = self.new_register(startDate=str(self.start), endDate=float(self.end))
        self.assertEqual((made["startDate"], made["endDate"]), (self.start, self.end))
        made = self.new_register(referenceId=17, name=5)
        self.assertEqual((made["referenceId"], made["name"]), ("17", "5"))

    def test_statements_do_not_depend_on_how_many_are_searched(self):
        for number in range(6):
            self.new_register(referenceId=f"Q-{number}")
        counts = []
        self.search("limit=1")
        for limit in (1, 6):
            before = self.env.cr.sql_log_count
            answer = self.search(f"limit={limit}")
            counts.append(self.env.cr.sql_log_count - before)
            self.assertEqual(len(answer["attendanceRegister"]), limit)
        self.assertEqual(counts[0], counts[1])


@tagged("post_install", "-at_install")
class TestDigitRegisterUpdate(DigitCase):
    def update(self, *registers, **kwargs):
        return self.call(UPDATE, attendanceRegister=list(registers), **kwargs)

    def updated(self, register, **kwargs):
        answer = self.ok(UPDATE, attendanceRegister=[register], **kwargs)
        return answer["attendanceRegister"][0]

    def test_full_replace(self):
        made = self.new_register(
            localityCode="HALL",
            campaignNumber="C",
            reviewStatus="R",
            additionalDetails={"a": 1},
            status="INACTIVE",
        )
        person = self.attendee(made)
        after = self.updated(
            {
                "id": made["id"],
                "tenantId": TENANT,
                "name": "New",
                "startDate": self.start + 7,
                "referenceId": "other",
                "serviceCode": "other",
                "registerNumber": "other",
                "staff": [],
                "attendees": [person],
            }
        )
        self.assertEqual(after.pop("staff"), made.pop("staff"))
        audit, before = after.pop("auditDetails"), made.pop("auditDetails")
        self.assertEqual(audit["createdTime"], before["createdTime"])
        self.assertEqual(
            after,
            {
                **made,
                "name": "New",
                "startDate": self.start + 7,
                "endDate": None,
                "status": "ACTIVE",
                "localityCode": None,
                "campaignNumber": None,
                "reviewStatus": None,
                "additionalDetails": None,
            },
        )
        self.assertFalse(self.stored(made).location_id)

    def test_the_whole_register_back(self):
        made = self.new_register(localityCode="HALL", additionalDetails={"a": 1})
        after = self.updated(made)
        for name in made.keys() - {"auditDetails"}:
            self.assertEqual(after[name], made[name], name)
        self.assertEqual(self.stored(made).location_id, self.hall)

    def test_rules_of_the_body(self):
        made = self.new_register()
        self.assertRefused(
            self.update({**made, "id": " ", "name": ""}),
            ("ATTENDANCE_REGISTER_ID", "Attendance register id is mandatory"),
            ("NAME", "Name is mandatory"),
        )
        without = {**made, "referenceId": None, "serviceCode": None}
        self.assertEqual(self.updated(without)["referenceId"], "WO-1")
        self.assertRefused(
            self.update({**made, "tenantId": "nowhere"}),
            ("INVALID_TENANT", "The tenant: nowhere is not present in MDMS"),
        )

    def test_whose_registers(self):
        made = self.new_register()
        # Who has none finds none.
        token = self.rival_token
        self.assertRefused(
            self.update(made, token=token),
            (
                "INVALID_REGISTER_MODIFY",
                "The record that you are trying to update does not exists in the"
                " system",
            ),
        )
        # Who has some has asked for another's.
        own = self.new_register(token=token, referenceId="WO-2")
        self.assertRefused(
            self.update(own, made, token=token),
            (
                "SEARCH_ATTENDANCE_REGISTER",
                f"Error in searching attendance register: {ASSOCIATED[1]}",
            ),
        )
        self.assertEqual(self.stored(own).name, "Road works")

    def test_who_sees_all_must_still_be_staff(self):
        made = self.new_register()
        gateway = {
            "token": self.gateway_token,
            "info": self.user_info(roles=["SUPERUSER"]),
        }
        self.assertRefused(
            self.update(made, **gateway),
            (
                "INVALID_REGISTER_MODIFY",
                "The user gate-user does not have permission to modify the register"
                f" {made['id']}",
            ),
        )
        unknown = {**made, "id": "unknown"}
        self.assertRefused(
            self.update(made, unknown, **gateway),
            (
                "INVALID_REGISTER_MODIFY",
                "The register Id unknown that you are trying to update does not"
                " exists in the system",
            ),
        )

    def test_staff_that_is_gone_no_longer_counts(self):
        made = self.new_register()
        rival = self.uuid_of(self.rival)
        self.ok("/staff/v1/_create", staff=[self.staff(made, rival)])
        token = self.rival_token
        self.assertEqual(self.updated({**made, "name": "B"}, token=token)["name"], "B")
        self.ok("/staff/v1/_delete", staff=[self.staff(made, rival)])
        response = self.update(made, token=token)
        self.assertEqual(
            response.json()["Errors"][0]["code"], "INVALID_REGISTER_MODIFY"
        )
        self.assertFalse(self.search(token=token)["attendanceRegister"])

    def test_more_than_a_page_of_registers(self):
        made = [self.new_register(referenceId=f"P-{n}") for n in range(12)]
        answer = self.ok(UPDATE, attendanceRegister=made)
        self.assertEqual(
            [register["id"] for register in answer["attendanceRegister"]],
            [register["id"] for register in made],
        )

    def test_review(self):
        self.company.attendance_register_review = True
        made = self.new_register()
        for status in ("PENDINGFORAPPROVAL", "APPROVED"):
            response = self.update({**made, "reviewStatus": status})
            self.assertEqual(response.status_code, 400, response.text)
            [error] = response.json()["Errors"]
            self.assertEqual(error["code"], "INVALID_REGISTER_MODIFY")
        own = self.stored(made).staff_ids
        own.staff_type = "EDITOR"
        self.updated({**made, "reviewStatus": "PENDINGFORAPPROVAL"})
        response = self.update({**made, "reviewStatus": "APPROVED"})
        self.assertEqual(
            response.json()["Errors"][0]["code"], "INVALID_REGISTER_MODIFY"
        )
        own.staff_type = "APPROVER"
        after = self.updated({**made, "reviewStatus": "APPROVED"})
        self.assertEqual(after["reviewStatus"], "APPROVED")
        response = self.update({**after, "name": "Late"})
        self.assertEqual(
            response.json()["Errors"][0]["code"],
            "ATTENDANCE_REGISTER_REVIEW_STATUS_APPROVED",
        )
        self.assertEqual(
            self.search("reviewStatus=OTHER")["statusCount"], {"APPROVED": 1}
        )


@tagged("post_install", "-at_install")
class TestDigitRegisterSearch(DigitCase):
    def setUp(self):
        super().setUp()
        self.first = self.new_register(
            referenceId="A",
            serviceCode="S-A",
            name="First",
            localityCode="HALL",
            startDate=ms(2026, 1, 1),
            endDate=ms(2126, 12, 31),
        )
        self.second = self.new_register(
            referenceId="B",
            serviceCode="S-B",
            name="Second",
            startDate=ms(2026, 2, 1),
            endDate=ms(2126, 6, 30),
            status="INACTIVE",
            campaignNumber="CMP",
        )
        for number, made in enumerate((self.first, self.second)):
            self.env.cr.execute(
                "UPDATE spp_attendance_register SET write_date ="
                " '2026-01-01'::timestamp + %s * interval '1 day' WHERE uuid = %s",
                [number, made["id"]],
            )

    def names(self, query="", **kwargs):
        answer = self.search(query, **kwargs)
        return [register["name"] for register in answer["attendanceRegister"]]

    def test_filters(self):
        first, second = self.first, self.second
        start = ms(2026, 1, 1)
        for query, names in (
            ("", "Second First"),
            (f"ids={first['id']}", "First"),
            (f"ids={first['id']}&ids={second['id']}", "Second First"),
            (f"ids={first['id']},{second['id']}", "Second First"),
            (f"registerNumber={first['registerNumber']}", "First"),
            ("name=First", "First"),
            ("name=Fir", ""),
            ("referenceId=A", "First"),
            ("referenceIds=A,B", "Second First"),
            ("serviceCode=S-A", "First"),
            ("serviceCode=S-A,S-B", "Second First"),
            ("serviceCode=s-a", ""),
            ("serviceCode=s-a&isServiceCodeExact=false", "First"),
            ("serviceCode=_-A&isServiceCodeExact=false", ""),
            ("status=ACTIVE", "First"),
            ("status=INACTIVE", "Second"),
            ("status=active", ""),
            ("localityCode=HALL", "First"),
            ("campaignNumber=CMP", "Second"),
            ("reviewStatus=X", ""),
            (f"fromDate={start}", "Second First"),
            (f"fromDate={start + 1}", "Second"),
            (f"fromDate={start}&toDate={start}", "First"),
            (f"fromDate={ms(2026, 1, 2)}&toDate={ms(2026, 1, 31)}", ""),
            ("sortBy=fromDate&sortOrder=asc", "First Second"),
            ("sortBy=fromDate&sortOrder=DESC", "Second First"),
            ("sortBy=toDate&sortOrder=ASC", "Second First"),
            ("sortBy=lastModifiedTime&sortOrder=ASC", "First Second"),
            ("limit=1", "Second"),
            ("limit=1&offset=1", "First"),
            ("offset=5", ""),
            ("limit=5000", "Second First"),
            ("billingPeriodId=&unknown=1", "Second First"),
        ):
            with self.subTest(query):
                self.assertEqual(self.names(query), names.split())

    def test_ten_by_default_and_the_total_of_all(self):
        for number in range(10):
            self.new_register(referenceId=f"M-{number}")
        answer = self.search()
        self.assertEqual(len(answer["attendanceRegister"]), 10)
        self.assertEqual(answer["totalCount"], 12)
        answer = self.search("limit=3&offset=11")
        self.assertEqual(len(answer["attendanceRegister"]), 1)
        self.assertEqual(answer["totalCount"], 12)

    def test_tenants_are_prefixes(self):
        for tenant, count in (("pb", 2), ("pb.am", 2), ("b.amritsar", 0), ("p_", 0)):
            answer = self.ok(f"{SEARCH}?tenantId={tenant}")
            self.assertEqual(answer["totalCount"], count, tenant)
        self.assertRefused(self.call(SEARCH), ("TENANT_ID", "Tenant is mandatory"))

    def test_rules(self):
        self.assertRefused(
            self.call(f"{SEARCH}?tenantId={TENANT}&toDate=1"),
            ("INVALID_SEARCH_PARAM", "Cannot specify toDate without a fromDate"),
        )
        for query in ("limit=x", "offset=-1", "fromDate=x&toDate=1", "sortOrder=UP"):
            response = self.call(f"{SEARCH}?tenantId={TENANT}&{query}")
            self.assertEqual(response.status_code, 400, query)
            [error] = response.json()["Errors"]
            self.assertEqual(error["code"], "BindException")

    def test_whose_registers(self):
        token = self.rival_token
        query = f"ids={self.first['id']}"
        # Who has none finds none, and not all.
        self.assertEqual(self.names(token=token), [])
        self.assertEqual(self.names(query, token=token), [])
        self.new_register(token=token, referenceId="R", name="Third")
        self.assertEqual(self.names(token=token), ["Third"])
        for ids in (query, "ids=unknown"):
            self.assertRefused(
                self.call(f"{SEARCH}?tenantId={TENANT}&{ids}", token=token), ASSOCIATED
            )

    def test_people_see_theirs_and_managers_all(self):
        for user, names in (
            (self.officer, []),
            (self.manager, ["Second", "First"]),
        ):
            self.assertEqual(self.names(token=self.key_of(user)), names)
        self.ok(
            "/staff/v1/_create",
            staff=[self.staff(self.first, self.officer.attendance_uuid)],
        )
        self.assertEqual(self.names(token=self.key_of(self.officer)), ["First"])

    def test_places_below(self):
        self.env["spp.attendance.location"].create(
            {
                "name": "Corner",
                "code": "CORNER",
                "parent_id": self.hall.id,
                "company_id": self.company.id,
            }
        )
        self.new_register(referenceId="C", name="Third", localityCode="CORNER")
        self.assertEqual(self.names("localityCode=HALL"), ["First"])
        self.assertEqual(
            self.names("localityCode=HALL&isChildrenRequired=true"), ["Third", "First"]
        )

    def enrol(self):
        self.ok(
            "/attendee/v1/_create",
            attendees=[
                self.attendee(self.first, self.amina, tag="t1"),
                self.attendee(self.first, self.joseph, tag="t1"),
                self.attendee(self.first, self.grace, tag="t2"),
            ],
        )

    def test_attendees(self):
        self.enrol()
        amina, joseph, grace = (
            person.uuid for person in (self.amina, self.joseph, self.grace)
        )
        mine = f"attendeeId={amina}"
        for query, people in (
            ("", [amina, joseph, grace]),
            (mine, [amina]),
            (f"attendeeId={self.amina.person_identifier}", [amina]),
            (f"{mine}&includeTaggedAttendees=true", [amina, joseph]),
            (f"attendeeId={grace}&includeTaggedAttendees=true", [grace]),
            ("tags=t1", [amina, joseph]),
            ("tags=t1,t2", [amina, joseph, grace]),
            ("tags=t3", []),
            (f"{mine}&tags=t2", []),
        ):
            with self.subTest(query):
                answer = self.search(f"status=ACTIVE&{query}")
                [register] = answer["attendanceRegister"]
                self.assertEqual(
                    [one["individualId"] for one in register["attendees"]], people
                )
        self.assertEqual(self.names(mine), ["First"])
        self.assertEqual(self.names("attendeeId=nobody"), [])
        [register] = self.search("status=ACTIVE&includeAttendee=false")[
            "attendanceRegister"
        ]
        self.assertIsNone(register["attendees"])
        self.assertTrue(register["staff"])

    def test_attendees_who_are_gone_are_shown(self):
        self.enrol()
        self.ok(
            "/attendee/v1/_delete", attendees=[self.attendee(self.first, self.grace)]
        )
        [register] = self.search("status=ACTIVE")["attendanceRegister"]
        gone = [one["denrollmentDate"] is not None for one in register["attendees"]]
        self.assertEqual(gone, [False, False, True])

    def test_staff(self):
        uuid = self.manager.attendance_uuid
        self.ok(
            "/staff/v1/_create",
            staff=[self.staff(self.first, uuid, staffType="EDITOR")],
        )
        [register] = self.search("status=ACTIVE")["attendanceRegister"]
        own, other = register["staff"]
        self.assertEqual(own["userId"], self.uuid_of(self.app))
        self.assertEqual(other["additionalDetails"]["ownerName"], self.manager.name)
        self.assertEqual(other["additionalDetails"]["staffName"], self.manager.name)
        for query in (
            f"staffId={uuid}",
            f"staffName={self.manager.name[2:-1].upper()}",
            "staffTypes=editor,approver",
        ):
            answer = self.search(query)
            self.assertEqual(answer["totalCount"], 1, query)
            [register] = answer["attendanceRegister"]
            self.assertEqual([one["userId"] for one in register["staff"]], [uuid])
        self.assertEqual(self.names("staffId=nobody"), [])
        [register] = self.search("status=ACTIVE&includeStaff=false")[
            "attendanceRegister"
        ]
        self.assertIsNone(register["staff"])

    def test_the_limit_holds_for_what_is_filtered(self):
        """Filters come before paging, and the total counts what they leave."""
        uuid = self.manager.attendance_uuid
        self.ok("/staff/v1/_create", staff=[self.staff(self.first, uuid)])
        answer = self.search(f"staffId={uuid}&limit=1")
        self.assertEqual(
            [one["name"] for one in answer["attendanceRegister"]], ["First"]
        )


@tagged("post_install", "-at_install")
class TestDigitRegisterDelete(DigitCase):
    def delete(self, *registers, **kwargs):
        return self.call(DELETE, attendanceRegister=list(registers), **kwargs)

    def test_delete(self):
        made = self.new_register()
        key = {"id": made["id"], "tenantId": TENANT}
        answer = self.ok(DELETE, attendanceRegister=[key])
        [gone] = answer["attendanceRegister"]
        self.assertEqual((gone["status"], gone["isDeleted"]), ("INACTIVE", True))
        self.assertEqual(self.search()["totalCount"], 0)
        self.assertEqual(self.search(f"ids={made['id']}")["totalCount"], 0)
        self.assertTrue(self.stored(made))
        self.assertRefused(
            self.delete(key),
            (
                "REGISTER_NOT_FOUND",
                f"Attendance register not found for id: {made['id']}",
            ),
        )

    def test_rules(self):
        made = self.new_register(status="INACTIVE")
        key = {"id": made["id"], "tenantId": TENANT}
        self.assertRefused(
            self.delete(key),
            (
                "REGISTER_ALREADY_DELETED",
                f"Attendance register is already inactive for id: {made['id']}",
            ),
        )
        for name in key:
            response = self.delete({**key, name: ""})
            [error] = response.json()["Errors"]
            self.assertEqual(error["code"], "INVALID_DELETE_REQUEST")
        for uuid, token in (("unknown", None), (made["id"], self.rival_token)):
            self.assertRefused(
                self.delete({**key, "id": uuid}, token=token),
                ("REGISTER_NOT_FOUND", f"Attendance register not found for id: {uuid}"),
            )
        active = self.new_register(referenceId="X")
        response = self.delete({**key, "id": active["id"]}, {**key, "id": "unknown"})
        self.assertEqual(response.status_code, 400)
        self.assertTrue(self.stored(active).active)
