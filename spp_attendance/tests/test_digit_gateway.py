import uuid

from odoo.tests import tagged
from odoo.tools import mute_logger

from .common_digit import TENANT, DigitCase

NO_TOKEN = "This needs an access token."
SEARCH = f"/v1/_search?tenantId={TENANT}"


@tagged("post_install", "-at_install")
class TestDigitEnvelope(DigitCase):
    def test_no_token(self):
        for path in (
            "/v1/_create",
            "/v1/_search",
            "/staff/v1/_delete",
            "/attendee/v1/_updateTag",
            "/log/v1/_create",
        ):
            response = self.call(path, token="")
            self.assertRefused(
                response, ("InvalidAccessTokenException", NO_TOKEN), status=401
            )
            self.assertIn("Bearer", response.headers["WWW-Authenticate"])
            # Without a body, or with anything in it, it is the same.
            for body in ("", "{", "[]", '{"RequestInfo": 5}', b"\xff"):
                self.assertEqual(self.send(path, body, token="").status_code, 401)

    def test_bad_tokens(self):
        for token in ("nonsense", "a.b.c"):
            for kwargs in (
                {"token": token},
                {"token": "", "info": {"authToken": token}},
            ):
                response = self.call(SEARCH, **kwargs)
                self.assertEqual(response.status_code, 401)
                [error] = response.json()["Errors"]
                self.assertEqual(error["code"], "InvalidAccessTokenException")

    def test_token_in_the_body(self):
        for token in (self.token, f"Bearer {self.token}", f" {self.token} "):
            self.ok(SEARCH, token="", info={"authToken": token})
        # That of the header counts, if there is one.
        response = self.call(SEARCH, token="nonsense", info={"authToken": self.token})
        self.assertEqual(response.status_code, 401)
        self.ok(SEARCH, info={"authToken": "nonsense"})

    def test_scopes(self):
        self.app.scope_ids = self.env.ref(
            "spp_attendance.spp_oauth_scope_attendance_read"
        )
        self.ok(SEARCH)
        response = self.call("/v1/_create", attendanceRegister=[self.register()])
        self.assertEqual(response.status_code, 403)
        [error] = response.json()["Errors"]
        self.assertEqual(error["code"], "INSUFFICIENT_SCOPE")

    def test_both_casings(self):
        for name in ("RequestInfo", "requestInfo"):
            response = self.send(SEARCH, {name: {"apiId": 5, "ts": None, "ver": 1.5}})
            info = response.json()["ResponseInfo"]
            self.assertEqual(
                (info["apiId"], info["ts"], info["ver"], info["msgId"]),
                (5, None, 1.5, None),
            )

    def test_bodies(self):
        for body, code in (
            ("", "MissingJsonException"),
            ("{", "JsonParseException"),
            (b"\xff", "JsonParseException"),
            ('{"a": "\\u0000"}', "JsonParseException"),
            ('{"a": NaN}', "JsonParseException"),
            ("[]", "JsonMappingException"),
            ("null", "JsonMappingException"),
            ('{"RequestInfo": []}', "JsonMappingException"),
            ('{"RequestInfo": {}, "attendanceRegister": 5}', "JsonMappingException"),
            ('{"RequestInfo": {}, "attendanceRegister": [5]}', "JsonMappingException"),
        ):
            response = self.send("/v1/_create", body)
            self.assertEqual(response.status_code, 400, response.text)
            [error] = response.json()["Errors"]
            self.assertEqual(error["code"], code, body)
        response = self.call(f"{SEARCH}&name=%00")
        self.assertEqual(response.status_code, 400)

    def test_other_addresses(self):
        for path in (
            "/v1/_nothing",
            "/staff/v1/_update",
            "/log/v1/",
            "/face-auth/v1/_create",
        ):
            response = self.call(path)
            self.assertEqual(response.status_code, 404)
            self.assertEqual(response.json()["Errors"][0]["code"], "NOT_FOUND")
        response = self.url_open("/attendance/v1/_search", method="GET")
        self.assertEqual(response.status_code, 405)
        self.assertIn("Errors", response.json())

    def test_whatever_is_sent_is_done_or_refused(self):
        """Nothing that JSON can hold, anywhere, makes a fault of the server's."""
        made = self.new_register()
        odd = (None, True, -1, 1.5, 10**40, "", "x" * 9000, "😀", [None], {"x": None})
        person, staff = self.attendee(made), self.staff(made)
        for path, name, item in (
            ("/v1/_create", "attendanceRegister", self.register()),
            ("/v1/_update", "attendanceRegister", made),
            ("/v1/_delete", "attendanceRegister", {"id": "x", "tenantId": TENANT}),
            ("/staff/v1/_create", "staff", staff),
            ("/staff/v1/_delete", "staff", staff),
            ("/attendee/v1/_create", "attendees", person),
            ("/attendee/v1/_delete", "attendees", person),
            ("/attendee/v1/_updateTag", "attendees", {**person, "id": "x", "tag": "x"}),
        ):
            keys = {*item, "tag", "additionalDetails", "enrollmentDate", "staffType"}
            for value in odd:
                for key in keys - {"staff", "attendees", "auditDetails"}:
                    response = self.call(path, **{name: [{**item, key: value}]})
                    self.assertIn(response.status_code, (200, 400), (path, key, value))
                for body in ({name: value}, {name: [value]}, {"RequestInfo": value}):
                    response = self.send(path, {"RequestInfo": {}, **body})
                    self.assertIn(response.status_code, (200, 400), (path, value))

    def test_too_many(self):
        self.ok(SEARCH)
        self.app.rate_limit = 1
        for _time in range(3):
            response = self.call(SEARCH)
            if response.status_code != 200:
                break  # the next one may be in the next minute
        self.assertEqual(response.status_code, 429)
        self.assertIn("Retry-After", response.headers)
        [error] = response.json()["Errors"]
        self.assertEqual(error["code"], "TOO_MANY_REQUESTS")

    def test_tokens_are_not_logged(self):
        def fail(*_args):
            raise ZeroDivisionError

        token = self.token
        with self.assertLogs(level="DEBUG") as logs:
            self.ok(SEARCH, token="", info={"authToken": token})
            self.call("/v1/_create", token="", info={"authToken": token})
            self.call(SEARCH, token="", info={"authToken": f"{token}x"})
            self.patch(
                self.env.registry["spp.attendance.digit"], "_search_registers", fail
            )
            self.call(SEARCH, token="", info={"authToken": token})
        # What the client of this test logs itself is none of the server's.
        told = [
            record.getMessage() + str(record.exc_text)
            for record in logs.records
            if not record.name.startswith("urllib3")
        ]
        self.assertTrue(told)
        self.assertNotIn(token, "".join(told))

    def test_one_request_has_one_effect(self):
        body = {"RequestInfo": {}, "attendanceRegister": [self.register()]}
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Idempotency-Key": "one",
        }
        answers = [
            self.url_open("/attendance/v1/_create", json=body, headers=headers)
            for _time in range(2)
        ]
        self.assertEqual(answers[0].json(), answers[1].json())
        self.assertEqual(self.search()["totalCount"], 1)

    @mute_logger("odoo.addons.spp_oauth.api.dispatcher")
    def test_faults(self):
        def fail(*_args):
            raise ZeroDivisionError("secret")

        self.patch(self.env.registry["spp.attendance.digit"], "_search_registers", fail)
        response = self.call(SEARCH)
        self.assertRefused(
            response,
            ("ZeroDivisionError", "An unhandled exception occurred on the server"),
            status=500,
        )

    def test_a_user_info_of_who_is_no_gateway_is_ignored(self):
        info = self.user_info(uuid="somebody", roles=["SUPERUSER"])
        made = self.new_register(token=self.rival_token, info=info)
        self.assertEqual(made["staff"][0]["userId"], self.uuid_of(self.rival))
        self.assertEqual(made["auditDetails"]["createdBy"], self.uuid_of(self.rival))
        self.assertEqual(self.search(info=info)["totalCount"], 0)
        # Nor does a person, who has all scopes, speak for others.
        key = self.key_of(self.officer)
        self.assertEqual(self.search(info=info, token=key)["totalCount"], 0)


@tagged("post_install", "-at_install")
class TestDigitGateway(DigitCase):
    def setUp(self):
        super().setUp()
        self.gate = self.gateway_token

    def as_user(self, *args, **kwargs):
        return {"token": self.gate, "info": self.user_info(*args, **kwargs)}

    def test_who_it_speaks_for(self):
        for info, fault in (
            ({}, ("USERINFO", "UserInfo is mandatory")),
            ({"userInfo": None}, ("USERINFO", "UserInfo is mandatory")),
            ({"userInfo": {"name": "A"}}, ("USERINFO_UUID", "UUID is mandatory")),
            ({"userInfo": {"uuid": " "}}, ("USERINFO_UUID", "UUID is mandatory")),
        ):
            response = self.call(SEARCH, self.gate, info)
            self.assertRefused(response, fault)
        made = self.new_register()
        for path, name, item in (
            ("/staff/v1/_create", "staff", self.staff(made)),
            ("/attendee/v1/_create", "attendees", self.attendee(made)),
        ):
            response = self.call(
                path, self.gate, {"userInfo": {"a": 1}}, **{name: [item]}
            )
            self.assertRefused(response, ("USERINFO_UUID", "User's UUID is mandatory"))

    def test_each_user_has_registers_of_their_own(self):
        made = self.new_register(**self.as_user("one"))
        [staff] = made["staff"]
        self.assertEqual(staff["userId"], "one")
        self.assertEqual(staff["additionalDetails"]["ownerName"], "Gate User")
        self.assertEqual(made["auditDetails"]["createdBy"], "one")
        self.assertEqual(self.search(**self.as_user("one"))["totalCount"], 1)
        self.assertEqual(self.search(**self.as_user("two"))["totalCount"], 0)
        self.new_register(referenceId="R", **self.as_user("two"))
        self.assertRefused(
            self.call(f"{SEARCH}&ids={made['id']}", **self.as_user("two")),
            ("INVALID_REGISTER_ID", "User can search only associated registers"),
        )
        answer = self.ok(
            "/v1/_update",
            attendanceRegister=[{**made, "name": "B"}],
            **self.as_user("one"),
        )
        [after] = answer["attendanceRegister"]
        self.assertEqual(after["auditDetails"]["lastModifiedBy"], "one")

    def test_a_user_here(self):
        """Whose uuid is a user's here sees what that user is staff of."""
        made = self.new_register()
        self.ok("/staff/v1/_create", staff=[self.staff(made)])
        officer = self.as_user(self.officer.attendance_uuid)
        self.assertEqual(self.search(**officer)["totalCount"], 1)

    def test_roles_that_see_all(self):
        self.new_register()
        for setting, roles, count in (
            ("SUPERUSER", ["SUPERUSER"], 1),
            ("SUPERUSER", ["CITIZEN", "SUPERUSER"], 1),
            ("SUPERUSER", ["superuser"], 0),
            ("SUPERUSER", [], 0),
            ("EMPLOYEE, ADMIN", ["ADMIN"], 1),
            ("EMPLOYEE, ADMIN", ["SUPERUSER"], 0),
            (False, ["SUPERUSER", ""], 0),
        ):
            self.company.attendance_digit_open_roles = setting
            answer = self.search(**self.as_user(roles=roles))
            self.assertEqual(answer["totalCount"], count, (setting, roles))

    def test_roles_count_in_their_tenant(self):
        self.new_register()
        for tenant, count in (
            (TENANT, 1),
            ("pb", 1),
            (None, 1),
            ("pb.jalandhar", 0),
            ("p", 0),
        ):
            roles = [{"code": "SUPERUSER", "tenantId": tenant}]
            info = {"userInfo": {"uuid": "one", "roles": roles}}
            answer = self.search(token=self.gate, info=info)
            self.assertEqual(answer["totalCount"], count, tenant)

    def test_whose_tenant_it_is(self):
        """Who belongs to a tenant has to do with that and those below, if they do."""
        register = self.new_register(**self.as_user())
        log = {"tenantId": TENANT, "registerId": register["id"]}
        log |= {"individualId": self.amina.uuid, "type": "ENTRY", "time": self.start}
        for tenant, covers in (
            (TENANT, True),
            ("pb", True),
            (None, True),
            ("pb.jalandhar", False),
            ("p", False),
            (f"{TENANT}.ward", False),
        ):
            user = self.as_user(tenantId=tenant)
            found = self.search("referenceId=WO-1", **user)["attendanceRegister"]
            self.assertEqual(len(found), int(covers), tenant)
            item = self.register(referenceId=f"T-{tenant}")
            response = self.call("/v1/_create", attendanceRegister=[item], **user)
            self.assertEqual(response.status_code, 200 if covers else 400, tenant)
            response = self.call("/log/v1/_create", attendance=[log], **user)
            code = response.json()["Errors"][0]["code"]
            expected = "UNENROLLED_ATTENDEES" if covers else "INVALID_TENANT"
            self.assertEqual(code, expected, tenant)

    def test_odd_user_infos(self):
        for user in (
            {"uuid": 5},
            {"uuid": "a", "roles": None},
            {"uuid": "a", "roles": ["SUPERUSER", None, {}]},
            {"uuid": "a", "roles": {"code": "SUPERUSER"}},
            {"uuid": "a", "name": 5},
        ):
            self.ok(SEARCH, self.gate, {"userInfo": user})
        for user in ({"uuid": ["a"]}, {"uuid": "a", "name": {}}):
            response = self.call(SEARCH, self.gate, {"userInfo": user})
            self.assertEqual(response.status_code, 400)

    def test_people_nobody_knows(self):
        made = self.new_register(**self.as_user())
        new = str(uuid.uuid4())
        item = {
            **self.attendee(made),
            "individualId": new,
            "additionalDetails": {"individualName": "Asha Devi"},
        }
        fault = ("INDIVIDUAL_ID_NOT_FOUND", f"Individual with id: {new} not found")

        def send(**kwargs):
            return self.call("/attendee/v1/_create", attendees=[item], **kwargs)

        self.assertRefused(send(**self.as_user()), fault)
        self.company.attendance_digit_create_unknown = True
        # For the gateway alone.
        own = self.new_register(referenceId="R")
        other = {**item, "registerId": own["id"]}
        response = self.call("/attendee/v1/_create", attendees=[other])
        self.assertRefused(response, fault)
        response = send(**self.as_user())
        self.assertEqual(response.status_code, 200, response.text)
        person = self.env["spp.attendance.subscriber"].search([("uuid", "=", new)])
        self.assertEqual(
            (person.name, person.person_identifier, person.company_id),
            ("Asha Devi", new, self.company),
        )
        self.assertEqual(person.create_uid, self.gateway.user_id)
        # Who is archived is not made anew, nor who is asked to be de-enrolled.
        person.active = False
        self.assertRefused(send(**self.as_user()), fault)
        item["individualId"] = "nobody"
        response = self.call("/attendee/v1/_delete", attendees=[item], **self.as_user())
        self.assertRefused(
            response,
            ("INDIVIDUAL_ID_NOT_FOUND", "Individual with id: nobody not found"),
        )

    def test_staff_nobody_knows(self):
        made = self.new_register(**self.as_user())
        item = self.staff(
            made, "only-there", additionalDetails={"staffName": "Ravi Kumar"}
        )
        response = self.call("/staff/v1/_create", staff=[item], **self.as_user())
        self.assertRefused(
            response, ("INDIVIDUAL_SEARCH_RESPONSE_IS_EMPTY", "Individuals not found")
        )
        self.company.attendance_digit_create_unknown = True
        answer = self.ok("/staff/v1/_create", staff=[item], **self.as_user())
        self.assertEqual(
            answer["staff"][0]["additionalDetails"], {"staffName": "Ravi Kumar"}
        )
        self.assertEqual(self.search(**self.as_user("only-there"))["totalCount"], 1)
        own = self.new_register(referenceId="R")
        response = self.call("/staff/v1/_create", staff=[self.staff(own, "else")])
        self.assertRefused(
            response, ("INDIVIDUAL_SEARCH_RESPONSE_IS_EMPTY", "Individuals not found")
        )
        # who joins what an open role shows is known by the name that the gateway says
        joiner = self.as_user("joiner", ["SUPERUSER"], name="Joy Ade")
        item = self.staff(made, "joiner")
        answer = self.ok("/staff/v1/_create", staff=[item], **joiner)
        self.assertEqual(
            answer["staff"][0]["additionalDetails"], {"staffName": "Joy Ade"}
        )
        item = self.staff(made, "nameless")
        answer = self.ok("/staff/v1/_create", staff=[item], **self.as_user())
        self.assertEqual(answer["staff"][0]["additionalDetails"], {"staffName": "NA"})

    def test_what_the_muster_roll_reads(self):
        """One row a person, a list also when empty, dates without decimals."""
        made = self.new_register(**self.as_user("one"))
        query = f"ids={made['id']}&status=ACTIVE"
        [register] = self.search(query, **self.as_user("one"))["attendanceRegister"]
        self.assertEqual(register["attendees"], [])
        for _time in range(2):
            for call in ("create", "delete"):
                self.ok(
                    f"/attendee/v1/_{call}",
                    attendees=[self.attendee(made)],
                    **self.as_user("one"),
                )
        [register] = self.search(query, **self.as_user("one"))["attendanceRegister"]
        [row] = register["attendees"]
        self.assertEqual(row["individualId"], self.amina.uuid)
        for value in (
            register["startDate"],
            register["endDate"],
            row["enrollmentDate"],
        ):
            self.assertIsInstance(value, int)
        self.assertEqual(register["referenceId"], "WO-1")
        # Who is not on the staff is told nothing, which is how it asks for permission.
        answer = self.search(query, **self.as_user("two"))
        self.assertEqual(answer["attendanceRegister"], [])
