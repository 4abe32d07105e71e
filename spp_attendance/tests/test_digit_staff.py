from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from .common_digit import DAY, TENANT, DigitCase, now

CREATE, DELETE, SEARCH = (
    f"/staff/v1/_{call}" for call in ("create", "delete", "search")
)


@tagged("post_install", "-at_install")
class TestDigitStaff(DigitCase):
    def setUp(self):
        super().setUp()
        self.made = self.new_register()
        self.uuid = self.officer.attendance_uuid

    def create(self, *staff, **kwargs):
        return self.call(CREATE, staff=list(staff), **kwargs)

    def delete(self, *staff, **kwargs):
        return self.call(DELETE, staff=list(staff), **kwargs)

    def rows(self):
        return self.stored(self.made).staff_ids.filtered(
            lambda staff: staff.user_uuid == self.uuid
        )

    def test_create(self):
        before = now()
        answer = self.ok(
            CREATE,
            staff=[
                self.staff(
                    self.made,
                    staffType="approver",
                    enrollmentDate=self.start,
                    denrollmentDate=self.start,
                    additionalDetails={"ward": 7},
                ),
                self.staff(self.made, self.manager.attendance_uuid, staffType="BOSS"),
            ],
        )
        first, second = answer["staff"]
        row = self.rows()
        audit = first.pop("auditDetails")
        own = self.uuid_of(self.app)
        self.assertEqual((audit["createdBy"], audit["lastModifiedBy"]), (own, own))
        # Dates are the server's in this version.
        self.assertGreater(first["enrollmentDate"], before - 2000)
        self.assertEqual(
            first,
            {
                "id": row.uuid,
                "tenantId": TENANT,
                "registerId": self.made["id"],
                "userId": self.uuid,
                "enrollmentDate": first["enrollmentDate"],
                "denrollmentDate": None,
                "staffType": "APPROVER",
                "additionalDetails": {"ward": 7, "staffName": self.officer.name},
            },
        )
        self.assertEqual(second["staffType"], "OWNER")
        self.assertEqual(second["additionalDetails"], {"staffName": self.manager.name})
        self.assertEqual(row.user_id, self.officer)

    def test_fields(self):
        for path in (CREATE, DELETE):
            for content in (None, [], [None]):
                self.assertRefused(
                    self.call(path, staff=content), ("STAFF", "Staff is mandatory")
                )
            self.assertRefused(
                self.call(path, staff=[{}, {"userId": " "}]),
                ("REGISTER_ID", "Register id is mandatory"),
                ("USER_ID", "User id is mandatory"),
                ("TENANT_ID", "Tenant id is mandatory"),
            )
            self.assertRefused(
                self.call(
                    path,
                    staff=[
                        self.staff(self.made),
                        self.staff(self.made, tenantId="other"),
                    ],
                ),
                (
                    "TENANT_ID",
                    "All Staff to be enrolled or de enrolled must have the same tenant"
                    " id. Please raise new request for different tenant id",
                ),
            )
            self.assertRefused(
                self.call(path, staff=[self.staff(self.made)] * 2),
                ("STAFF", "Duplicate Staff Objects present in request"),
            )
            self.assertRefused(
                self.call(path, staff=[self.staff(self.made, tenantId="nowhere")]),
                ("INVALID_TENANT", "The tenant: nowhere is not present in MDMS"),
            )
        self.assertFalse(self.rows())

    def test_who_asks_comes_after_the_fields(self):
        for path in (CREATE, DELETE):
            self.assertRefused(self.send(path, {}), ("STAFF", "Staff is mandatory"))
            self.assertRefused(
                self.send(path, {"staff": [self.staff(self.made)]}),
                ("REQUEST_INFO", "Request info is mandatory"),
            )

    def test_whose_registers(self):
        error = (
            "SEARCH_ATTENDANCE_REGISTER",
            "Error in searching attendance register: User can search only associated"
            " registers",
        )
        token = self.rival_token
        missing = (
            "REGISTER_ID",
            f"Attendance Registers with register id : {self.made['id']} does not exist"
            " for tenantId",
        )
        for send in (self.create, self.delete):
            response = send(self.staff(self.made), token=token)
            self.assertRefused(response, missing)
        self.new_register(token=token, referenceId="R")
        for send in (self.create, self.delete):
            response = send(self.staff(self.made), token=token)
            self.assertRefused(response, error)
            self.assertRefused(send(self.staff({"id": "unknown"})), error)
        self.assertFalse(self.rows())

    def test_who_sees_all_need_not_be_staff(self):
        gateway = {
            "token": self.gateway_token,
            "info": self.user_info(roles=["OTHER", "SUPERUSER"]),
        }
        self.ok(CREATE, staff=[self.staff(self.made)], **gateway)
        self.assertEqual(self.rows().created_by, "gate-user")
        self.assertRefused(
            self.create(self.staff({"id": "unknown"}), **gateway),
            (
                "REGISTER_ID",
                "Attendance Registers with register id : unknown does not exist for"
                " tenantId",
            ),
        )

    def test_more_than_a_page_of_registers(self):
        made = [self.new_register(referenceId=f"P-{n}") for n in range(11)]
        items = [self.staff(register) for register in made]
        self.assertEqual(len(self.ok(CREATE, staff=items)["staff"]), 11)
        self.assertEqual(len(self.ok(DELETE, staff=items)["staff"]), 11)

    def test_a_register_that_is_over(self):
        over = self.new_register(referenceId="O", endDate=now() - DAY)
        self.assertRefused(
            # The end of any register comes before who is enrolled already.
            self.create(
                self.staff(self.made, self.uuid_of(self.app)), self.staff(over)
            ),
            (
                "END_DATE",
                f"Staff cannot be enrolled as END_DATE of register id {over['id']} has"
                " already passed.",
            ),
        )
        endless = self.new_register(referenceId="E", endDate=None)
        self.ok(CREATE, staff=[self.staff(endless)])

    def test_enrolled_already(self):
        self.ok(CREATE, staff=[self.staff(self.made)])
        other = self.staff(self.made, self.manager.attendance_uuid)
        self.assertRefused(
            self.create(other, self.staff(self.made)),
            (
                "USER_id",
                f"Staff {self.uuid} is already enrolled in the register"
                f" {self.made['id']}",
            ),
        )
        # All or nothing.
        self.assertEqual(len(self.stored(self.made).staff_ids), 2)

    def test_unknown_users(self):
        fault = ("INDIVIDUAL_SEARCH_RESPONSE_IS_EMPTY", "Individuals not found")
        self.officer.active = False
        for uuid in ("nobody", self.uuid):
            self.assertRefused(self.create(self.staff(self.made, uuid)), fault)

    def test_delete(self):
        [made] = self.ok(CREATE, staff=[self.staff(self.made)])["staff"]
        row = self.rows()
        row.enrolled_at -= timedelta(days=2)
        before = now()
        [gone] = self.ok(
            DELETE, staff=[self.staff(self.made, denrollmentDate=self.start)]
        )["staff"]
        self.assertEqual(gone["id"], made["id"])
        self.assertEqual(
            gone["enrollmentDate"] // 1000, made["enrollmentDate"] // 1000 - 172_800
        )
        self.assertGreater(gone["denrollmentDate"], before - 2000)
        self.assertTrue(self.rows())

    def test_delete_rules(self):
        item = self.staff(self.made)
        self.assertRefused(
            self.delete(item),
            (
                "USER_ID",
                f"Staff with the given user id: {self.uuid} is not linked with the"
                " given register id",
            ),
        )
        self.ok(CREATE, staff=[item])
        self.rows().enrolled_at -= timedelta(hours=1)
        self.ok(DELETE, staff=[item])
        end = self.rows().unenrolled_at
        self.assertRefused(
            self.delete(item),
            (
                "USER_ID",
                f"Staff with the given user id : {self.uuid} is already de enrolled"
                " from the register",
            ),
        )
        self.assertEqual(self.rows().unenrolled_at, end)

    def test_again_after_it_ended(self):
        item = self.staff(self.made)
        [first] = self.ok(CREATE, staff=[item])["staff"]
        row = self.rows()
        row.write(
            {
                "enrolled_at": row.enrolled_at - timedelta(hours=2),
                "unenrolled_at": fields.Datetime.now() - timedelta(hours=1),
            }
        )
        [second] = self.ok(CREATE, staff=[item])["staff"]
        self.assertNotEqual(first["id"], second["id"])
        self.assertIsNone(second["denrollmentDate"])
        self.assertEqual(len(self.rows()), 2)

    def test_search_is_for_who_sees_all(self):
        self.assertRefused(
            self.call(f"{SEARCH}?tenantId={TENANT}"),
            ("UNAUTHORIZED", "User does not have permission to perform staff search"),
        )
        response = self.call(SEARCH)
        self.assertRefused(
            response, ("", "Required String parameter 'tenantId' is not present")
        )
        self.assertEqual(response.json()["Errors"][0]["params"], ["tenantId"])

    def test_search(self):
        self.ok(
            CREATE,
            staff=[
                self.staff(self.made, staffType="EDITOR"),
                self.staff(
                    self.made, self.manager.attendance_uuid, staffType="APPROVER"
                ),
            ],
        )
        other = self.new_register(referenceId="R")
        token = self.key_of(self.manager)

        def found(query="", **criteria):
            answer = self.ok(
                f"{SEARCH}?tenantId={TENANT}{query}", token=token, staff=criteria
            )
            return sorted(one["userId"] for one in answer["staff"])

        own = self.uuid_of(self.app)
        officer, manager = self.uuid, self.manager.attendance_uuid
        for criteria, uuids in (
            ({}, [own, own, officer, manager]),
            ({"registerIds": [other["id"]]}, [own]),
            ({"individualIds": [officer, "nobody"]}, [officer]),
            ({"usernames": [self.manager.login]}, [manager]),
            ({"usernames": ["nobody"]}, []),
            ({"staffType": "editor"}, [officer]),
            ({"staffTypes": ["EDITOR", "APPROVER"]}, [officer, manager]),
            ({"staffName": self.officer.name[1:].upper()}, [officer]),
            ({"staffName": "%"}, []),
        ):
            with self.subTest(criteria):
                self.assertEqual(found(**criteria), sorted(uuids))
        self.assertEqual(len(found("&limit=1&offset=1")), 1)
        answer = self.ok(f"{SEARCH}?tenantId=pb", token=token)
        self.assertEqual(answer["staff"], [])
        self.assertRefused(
            self.call(
                f"{SEARCH}?tenantId={TENANT}", token=token, staff={"denrollmentDate": 1}
            ),
            (
                "INVALID_SEARCH_PARAM",
                "Cannot specify denrollmentDate without an enrollmentDate",
            ),
        )
