import json
import random

from odoo.tests import tagged

from .common_digit import TENANT, DigitCase

_PATHS = (
    "/v1/_create",
    "/v1/_update",
    "/v1/_search",
    "/v1/_delete",
    "/staff/v1/_create",
    "/staff/v1/_delete",
    "/staff/v1/_search",
    "/attendee/v1/_create",
    "/attendee/v1/_delete",
    "/attendee/v1/_updateTag",
    "/attendee/v1/_search",
    "/log/v1/_create",
    "/log/v1/_update",
    "/log/v1/_search",
    "/log/v1/bulk/_create",
    "/log/v1/bulk/_update",
)
_DEEP = 10_000
#: What is no JSON, or more than any JSON of theirs, and makes no fault of the server's.
_BODIES = (
    b'{"a": NaN}',
    b'{"RequestInfo": {"ts": 1e400}}',
    b'{"RequestInfo": {"ts": -Infinity}}',
    b'{"RequestInfo": {}, "n": ' + b"9" * 5_000 + b"}",
    b'{"RequestInfo": {}, "n": ' + b"[" * _DEEP + b"]" * _DEEP + b"}",
    b'{"a":' * _DEEP + b"1" + b"}" * _DEEP,
    b'{"RequestInfo": {"msgId": "\\ud800"}}',
    b'{"RequestInfo": {"msgId": "\xed\xa0\x80"}}',
    b'{"RequestInfo": {"msgId": "\x00"}}',
    b'{"RequestInfo": {"\\u0000": 1}}',
    b'{"RequestInfo": {}, "RequestInfo": 5}',
    b'\xef\xbb\xbf{"RequestInfo": {}}',
    b'"\\ud83d"',
    b"\x00" * 1_000,
)


@tagged("post_install", "-at_install")
class TestDigitHostile(DigitCase):
    def assertNoFault(self, response, *what):
        self.assertIn(response.status_code, (200, 202, 400), (*what, response.text))

    def test_bodies(self):
        token = self.token
        for path in _PATHS:
            for body in _BODIES:
                response = self.send(f"{path}?tenantId={TENANT}", body, token)
                self.assertNoFault(response, path, body[:60])
                self.assertEqual(self.send(path, body, "").status_code, 401, body[:60])

    def test_details(self):
        """What is kept as given is kept, or refused, however odd it is."""
        made = self.new_register()
        place = {"tenantId": TENANT, "registerId": made["id"]}
        person = {**place, "individualId": self.amina.uuid}
        enrolled = {**person, "enrollmentDate": self.start}
        self.ok("/attendee/v1/_create", attendees=[enrolled])
        log = {**person, "type": "ENTRY", "time": self.start}
        for details in (
            b"1e400",
            b"9" * 400,
            b"9" * 5_000,
            b"1e308",
            b"[" * 150 + b"]" * 150,
            b"[" * _DEEP + b"]" * _DEEP,
            b'"\\ud800"',
            b'{"\\udfff": 1}',
            b'{"a": 1, "a": 2}',
            b'{"": {}}',
            b'"\\u0001\\u0002\\u001f\\u007f\\u2028"',
        ):
            for path, name, item in (
                ("/v1/_create", "attendanceRegister", self.register()),
                ("/v1/_update", "attendanceRegister", made),
                ("/staff/v1/_create", "staff", self.staff(made)),
                ("/attendee/v1/_create", "attendees", person),
                ("/log/v1/_create", "attendance", log),
                ("/log/v1/bulk/_create", "attendance", log),
            ):
                item = {**item, "additionalDetails": "@@", "referenceId": str(details)}
                body = self.body_of(name, item).replace(b'"@@"', details)
                response = self.send(path, body)
                self.assertNoFault(response, path, details[:40])
        self.assertNoFault(self.call(f"/v1/_search?tenantId={TENANT}&limit=1000"))
        response = self.call(
            f"/log/v1/_search?tenantId={TENANT}&registerId={made['id']}"
        )
        self.assertEqual(response.status_code, 200)
        self.assertTrue(response.json()["attendance"])

    @staticmethod
    def body_of(name, item):
        return json.dumps({"RequestInfo": {}, name: [item]}).encode()

    def test_params(self):
        made = self.new_register()
        for value in ("%00", "%ff", "%ED%A0%80", "1e9", "-1", "9" * 30, "%25", "'", ""):
            for name in (
                "tenantId",
                "ids",
                "registerId",
                "attendeeId",
                "staffId",
                "staffName",
                "staffTypes",
                "tags",
                "serviceCode",
                "localityCode",
                "individualIds",
                "clientReferenceId",
                "fromDate",
                "toDate",
                "fromTime",
                "toTime",
                "limit",
                "offset",
                "sortBy",
                "sortOrder",
                "status",
                "isChildrenRequired",
                "isServiceCodeExact",
                "includeStaff",
            ):
                for path in ("/v1/_search", "/log/v1/_search", "/staff/v1/_search"):
                    query = f"tenantId={TENANT}&registerId={made['id']}&fromTime=1"
                    response = self.call(f"{path}?{name}={value}&{query}&fromDate=1")
                    self.assertNoFault(response, path, name, value)

    def test_long_texts(self):
        """What no index can hold, for it is long and can't be made shorter."""
        chance = random.Random(1)
        long = "".join(chance.choices("0123456789abcdefghijklmnopqrstuvwxyz", k=9_000))
        made = self.new_register()
        item = self.attendee(made, enrollmentDate=self.start)
        self.ok("/attendee/v1/_create", attendees=[item])
        log = {**item, "type": "ENTRY", "time": self.start}
        for name in ("clientReferenceId", "type", "id", "individualId", "registerId"):
            for path in ("_create", "_update", "bulk/_create"):
                response = self.call(
                    f"/log/v1/{path}", attendance=[{**log, name: long}]
                )
                self.assertNoFault(response, path, name)
        self.company.attendance_digit_create_unknown = True
        gate = self.gateway_token
        for user in (
            {"uuid": long},
            {"uuid": "u", "name": long},
            {"uuid": "u", "userName": long, "name": ""},
        ):
            info = {"userInfo": {"roles": [{"code": "SUPERUSER"}], **user}}
            for path, name, body in (
                ("/v1/_create", "attendanceRegister", self.register(referenceId="L")),
                ("/staff/v1/_create", "staff", self.staff(made, "known")),
                ("/staff/v1/_create", "staff", self.staff(made, long)),
                ("/attendee/v1/_create", "attendees", {**item, "individualId": long}),
                ("/log/v1/_create", "attendance", log),
                ("/log/v1/bulk/_create", "attendance", log),
            ):
                response = self.call(path, gate, info, **{name: [body]})
                self.assertNoFault(response, path, user.keys())

    def test_individual_of_another_company(self):
        """Whom a gateway may bring is nobody who is known elsewhere."""
        self.company.attendance_digit_create_unknown = True
        stranger = self.env["spp.attendance.subscriber"].create(
            {"name": "S", "person_identifier": "S", "company_id": self.other_company.id}
        )
        info = self.user_info()
        gate = self.gateway_token
        made = self.new_register(gate, info)
        response = self.call(
            "/attendee/v1/_create",
            gate,
            info,
            attendees=[self.attendee(made, stranger)],
        )
        self.assertRefused(
            response,
            (
                "INDIVIDUAL_ID_NOT_FOUND",
                f"Individual with id: {stranger.uuid} not found",
            ),
        )
