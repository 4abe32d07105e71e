from odoo.tests import tagged

from .common_digit import TENANT, DigitCase


@tagged("post_install", "-at_install")
class TestDigitPrivacy(DigitCase):
    """Who is on the staff of one register sees nothing of another."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.own_uuid = cls.uuid_of(cls.app)

    def setUp(self):
        super().setUp()
        self.rivals = rival = self.rival_token
        self.mine = self.new_register(name="Mine", referenceId="A")
        self.theirs = self.new_register(
            rival,
            name="Theirs",
            referenceId="B",
            serviceCode="SECRET",
            localityCode="L-B",
            campaignNumber="C-B",
            reviewStatus="R-B",
        )
        entry = {"tag": "tag-b", "enrollmentDate": self.start}
        [self.person] = self.ok(
            "/attendee/v1/_create",
            rival,
            attendees=[self.attendee(self.theirs, self.joseph, **entry)],
        )["attendees"]
        self.log = {
            "tenantId": TENANT,
            "registerId": self.theirs["id"],
            "individualId": self.joseph.uuid,
            "type": "ENTRY",
            "time": self.start,
            "clientReferenceId": "ref-b",
        }
        [self.their_log] = self.ok("/log/v1/_create", rival, attendance=[self.log])[
            "attendance"
        ]

    def assertHidden(self, text):
        for secret in (
            self.theirs["id"],
            self.theirs["registerNumber"],
            self.person["id"],
            self.their_log["id"],
            self.joseph.uuid,
            "Theirs",
            "tag-b",
        ):
            self.assertNotIn(secret, text)

    def test_registers(self):
        rival = self.uuid_of(self.rival)
        for query in (
            "",
            "limit=1000&includeTaggedAttendees=true",
            f"registerNumber={self.theirs['registerNumber']}",
            "name=Theirs",
            "referenceId=B",
            "referenceIds=A,B",
            "serviceCode=SECRET",
            "serviceCode=sec&isServiceCodeExact=false",
            "fromDate=1",
            "status=ACTIVE",
            "localityCode=L-B&isChildrenRequired=true",
            "campaignNumber=C-B",
            "reviewStatus=R-B",
            f"attendeeId={self.joseph.uuid}",
            "attendeeId=T-2&includeTaggedAttendees=true",
            f"attendeeId={self.amina.uuid}&includeTaggedAttendees=true",
            "tags=tag-b",
            f"staffId={rival}",
            f"staffId={self.own_uuid}",
            "staffName=Rival",
            "staffTypes=OWNER",
        ):
            for tenant in (TENANT, "pb", "p"):
                response = self.call(f"/v1/_search?tenantId={tenant}&{query}")
                self.assertEqual(response.status_code, 200, response.text)
                self.assertHidden(response.text)
                self.assertLessEqual(response.json()["totalCount"], 1, query)
        response = self.call(
            f"/v1/_search?tenantId={TENANT}&ids={self.mine['id']},{self.theirs['id']}"
        )
        self.assertRefused(
            response,
            ("INVALID_REGISTER_ID", "User can search only associated registers"),
        )

    def test_logs(self):
        own = {"tenantId": TENANT, "registerId": self.mine["id"]}
        by_reference = {"tenantId": TENANT, "clientReferenceId": ["ref-b"]}
        for criteria in (
            own,
            {**own, "ids": [self.their_log["id"]]},
            {**own, "individualIds": [self.joseph.uuid, "T-2"]},
            {**own, "clientReferenceId": ["ref-b"]},
            {**own, "fromTime": 1, "status": "ACTIVE"},
            by_reference,
            {**by_reference, "ids": [self.their_log["id"]]},
            {**by_reference, "individualIds": [self.joseph.uuid]},
        ):
            found = self.ok("/log/v1/_search", attendance=criteria)
            self.assertEqual(found["attendance"], [], criteria)
            lists = {
                name: ",".join(value) if isinstance(value, list) else value
                for name, value in criteria.items()
            }
            query = "&".join(f"{name}={value}" for name, value in lists.items())
            found = self.ok(f"/log/v1/_search?{query}")
            self.assertEqual(found["attendance"], [], query)
        # The same reference, of another app, is another log's.
        self.ok(
            "/attendee/v1/_create",
            attendees=[self.attendee(self.mine, enrollmentDate=self.start)],
        )
        log = {**self.log, **own, "individualId": self.amina.uuid}
        [made] = self.ok("/log/v1/_create", attendance=[log])["attendance"]
        found = self.ok("/log/v1/_search", attendance=by_reference)["attendance"]
        self.assertEqual([one["id"] for one in found], [made["id"]])

    def test_writes(self):
        """Nothing of another's register is changed, or told by how that is refused."""
        log = {**self.their_log, "status": "INACTIVE"}
        own = {**log, "registerId": self.mine["id"]}
        for path, name, item in (
            ("/v1/_update", "attendanceRegister", self.theirs),
            ("/v1/_delete", "attendanceRegister", self.theirs),
            ("/staff/v1/_create", "staff", self.staff(self.theirs, self.own_uuid)),
            (
                "/staff/v1/_delete",
                "staff",
                self.staff(self.theirs, self.uuid_of(self.rival)),
            ),
            ("/attendee/v1/_create", "attendees", self.attendee(self.theirs)),
            ("/attendee/v1/_delete", "attendees", self.person),
            ("/attendee/v1/_updateTag", "attendees", {**self.person, "tag": "mine"}),
            ("/log/v1/_create", "attendance", self.log),
            ("/log/v1/_update", "attendance", log),
            ("/log/v1/_update", "attendance", own),
        ):
            response = self.call(path, **{name: [item]})
            self.assertEqual(response.status_code, 400, (path, response.text))
            for secret in ("Theirs", self.theirs["registerNumber"], "tag-b", "SECRET"):
                self.assertNotIn(secret, response.text)
        rival = self.rivals
        [found] = self.search(f"ids={self.theirs['id']}", rival)["attendanceRegister"]
        self.assertEqual(len(found["staff"]), 1)
        self.assertIsNone(found["staff"][0]["denrollmentDate"])
        [person] = found["attendees"]
        self.assertEqual((person["tag"], person["denrollmentDate"]), ("tag-b", None))
        criteria = {"tenantId": TENANT, "registerId": self.theirs["id"]}
        logs = self.ok("/log/v1/_search", rival, attendance=criteria)["attendance"]
        self.assertEqual([one["status"] for one in logs], ["ACTIVE"])
        for path, name in (("/staff", "staff"), ("/attendee", "attendees")):
            response = self.call(
                f"{path}/v1/_search?tenantId={TENANT}", **{name: criteria}
            )
            self.assertEqual(response.json()["Errors"][0]["code"], "UNAUTHORIZED")
