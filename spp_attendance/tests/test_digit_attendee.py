from datetime import timedelta

from odoo import fields
from odoo.tests import tagged

from .common_digit import DAY, TENANT, DigitCase, now

CREATE, DELETE, SEARCH, TAG = (
    f"/attendee/v1/_{call}" for call in ("create", "delete", "search", "updateTag")
)


@tagged("post_install", "-at_install")
class TestDigitAttendee(DigitCase):
    def setUp(self):
        super().setUp()
        self.made = self.new_register()
        self.item = self.attendee(self.made)

    def create(self, *attendees, **kwargs):
        return self.call(CREATE, attendees=list(attendees), **kwargs)

    def delete(self, *attendees, **kwargs):
        return self.call(DELETE, attendees=list(attendees), **kwargs)

    def rows(self):
        return self.stored(self.made).attendee_ids

    def shown(self):
        [register] = self.search(f"ids={self.made['id']}")["attendanceRegister"]
        return register["attendees"]

    def test_create(self):
        details = {"gender": "F", "list": [1, {"a": None}]}
        when = self.start + DAY + 17
        before = now()
        answer = self.ok(
            CREATE,
            attendees=[
                {
                    **self.item,
                    "id": "mine",
                    "enrollmentDate": when,
                    "denrollmentDate": when + 1,
                    "tag": "T",
                    "additionalDetails": details,
                },
                self.attendee(self.made, self.joseph),
            ],
        )
        first, second = answer["attendees"]
        row = self.rows().filtered(lambda one: one.subscriber_id == self.amina)
        audit = first.pop("auditDetails")
        self.assertEqual(audit["createdBy"], self.uuid_of(self.app))
        self.assertEqual(
            first,
            {
                "id": row.uuid,
                "tenantId": TENANT,
                "registerId": self.made["id"],
                "individualId": self.amina.uuid,
                "enrollmentDate": when,
                # Dropped in this version.
                "denrollmentDate": None,
                "tag": "T",
                "additionalDetails": details,
            },
        )
        self.assertGreater(second["enrollmentDate"], before - 2000)
        self.assertIsNone(second["additionalDetails"])
        self.assertEqual(
            [one["id"] for one in self.shown()], [first["id"], second["id"]]
        )

    def test_people_by_identifier(self):
        [made] = self.ok(CREATE, attendees=[{**self.item, "individualId": "T-1"}])[
            "attendees"
        ]
        self.assertEqual(made["individualId"], self.amina.uuid)
        self.assertEqual(self.shown()[0]["individualId"], self.amina.uuid)

    def test_details_are_kept_as_given(self):
        made = self.new_register(additionalDetails={}, referenceId="D")
        self.assertEqual(made["additionalDetails"], {})
        for details in ({}, [], 0, "", "text", [1], {"a": {}}, {"": None}, 1.5, True):
            update = {**made, "additionalDetails": details}
            [told] = self.ok("/v1/_update", attendanceRegister=[update])[
                "attendanceRegister"
            ]
            self.assertEqual(told["additionalDetails"], details)
            [found] = self.search(f"ids={made['id']}")["attendanceRegister"]
            self.assertEqual(found["additionalDetails"], details)
            item = {**self.attendee(made), "additionalDetails": details}
            [told] = self.ok(CREATE, attendees=[item])["attendees"]
            kept = told["additionalDetails"]
            if isinstance(details, dict):
                # With what is told of earlier enrolments.
                kept.pop("enrolments", None)
            self.assertEqual(kept, details)
            self.ok("/attendee/v1/_delete", attendees=[self.attendee(made)])

    def test_fields(self):
        for path, fault in (
            (CREATE, ("ATTENDEE", "ATTENDEE Object is empty in attendee request")),
            (DELETE, ("ATTENDEES", "ATTENDEE object is mandatory")),
        ):
            for content in (None, [], [None]):
                self.assertRefused(self.call(path, attendees=content), fault)
            self.assertRefused(
                self.call(path, attendees=[{}, {"individualId": ""}]),
                ("REGISTER_ID", "Register id is mandatory"),
                ("INDIVIDUAL_ID", "Individual id is mandatory"),
                ("TENANT_ID", "Tenant id is mandatory"),
            )
            self.assertRefused(
                self.call(
                    path, attendees=[self.item, {**self.item, "tenantId": "other"}]
                ),
                (
                    "TENANT_ID",
                    "All Attendees to be enrolled or de enrolled must have the same"
                    " tenant id. Please raise new request for different tenant id",
                ),
            )
            duplicates = ("ATTENDEE", "Duplicate attendee Objects present in request")
            self.assertRefused(self.call(path, attendees=[self.item] * 2), duplicates)
            again = {**self.item, "individualId": "T-1"}
            self.assertRefused(
                self.call(path, attendees=[self.item, again]), duplicates
            )
            self.assertRefused(
                self.call(path, attendees=[{**self.item, "tenantId": "nowhere"}]),
                ("INVALID_TENANT", "The tenant: nowhere is not present in MDMS"),
            )
        self.assertFalse(self.rows())

    def test_who_asks_comes_after_the_fields(self):
        self.assertRefused(
            self.send(CREATE, {}),
            ("ATTENDEE", "ATTENDEE Object is empty in attendee request"),
        )
        for path in (CREATE, DELETE):
            self.assertRefused(
                self.send(path, {"attendees": [self.item]}),
                ("REQUEST_INFO", "Request info is mandatory"),
            )

    def test_size_of_a_tag(self):
        response = self.create(self.item, {"tag": "x" * 65})
        self.assertRefused(
            response,
            (
                "Size.attendeeCreateRequest.attendees[1].tag",
                "size must be between 0 and 64",
            ),
        )

    def test_unknown_people(self):
        self.grace.active = False
        for person in ("nobody", self.stranger.uuid, self.grace.uuid):
            self.assertRefused(
                # Who it is comes before which register it is.
                self.create(
                    self.item,
                    {**self.item, "registerId": "unknown", "individualId": person},
                ),
                ("INDIVIDUAL_ID_NOT_FOUND", f"Individual with id: {person} not found"),
            )
        self.assertFalse(self.rows())

    def test_whose_registers(self):
        token = self.rival_token
        for send in (self.create, self.delete):
            self.assertRefused(
                send(self.item, token=token),
                (
                    "REGISTER_ID",
                    f"Attendance Registers with register id : {self.made['id']} does"
                    " not exist for tenantId",
                ),
            )
            response = send({**self.item, "registerId": "unknown"})
            [error] = response.json()["Errors"]
            self.assertEqual(error["code"], "SEARCH_ATTENDANCE_REGISTER")

    def test_a_register_that_is_over(self):
        over = self.new_register(referenceId="O", endDate=now() - DAY)
        self.assertRefused(
            self.create(self.item, self.attendee(over, enrollmentDate=1)),
            (
                "END_DATE",
                f"Attendee cannot be enrolled as END_DATE of register id {over['id']}"
                " has already passed.",
            ),
        )
        endless = self.new_register(referenceId="E", endDate=None)
        self.ok(CREATE, attendees=[self.attendee(endless)])

    def test_dates(self):
        for when in (self.start - 1, self.end + 1):
            self.assertRefused(
                self.create({**self.item, "enrollmentDate": when}),
                (
                    "ENROLLMENT_DATE",
                    f"Enrollment date for attendee : {self.amina.uuid} must be within"
                    " start and end date of the register",
                ),
            )
        for person, when in ((self.amina, self.start), (self.joseph, self.end)):
            item = self.attendee(self.made, person, enrollmentDate=when)
            [made] = self.ok(CREATE, attendees=[item])["attendees"]
            self.assertEqual(made["enrollmentDate"], when)
        # Now, though the register has not begun.
        later = self.new_register(referenceId="L", startDate=now() + DAY)
        self.ok(CREATE, attendees=[self.attendee(later)])

    def test_enrolled_already(self):
        self.ok(CREATE, attendees=[self.item])
        self.assertRefused(
            self.create(self.attendee(self.made, self.joseph), self.item),
            (
                "INDIVIDUAL_ID",
                f"Attendee {self.amina.uuid} is already enrolled in the register"
                f" {self.made['id']}",
            ),
        )
        self.assertEqual(self.rows().subscriber_id, self.amina)

    def test_delete(self):
        item = {**self.item, "enrollmentDate": self.start}
        [made] = self.ok(CREATE, attendees=[item])["attendees"]
        when = self.start + DAY
        answer = self.ok(DELETE, attendees=[{**self.item, "denrollmentDate": when}])
        [gone] = answer["attendees"]
        self.assertEqual(
            (gone["id"], gone["enrollmentDate"], gone["denrollmentDate"]),
            (made["id"], self.start, when),
        )
        self.assertEqual(self.shown()[0]["denrollmentDate"], when)

    def test_delete_rules(self):
        gone = (
            "INDIVIDUAL_ID",
            f"Attendee {self.amina.uuid} is already de enrolled from the register"
            f" {self.made['id']}",
        )
        self.assertRefused(self.delete(self.item), gone)
        self.ok(CREATE, attendees=[{**self.item, "enrollmentDate": self.start + DAY}])
        for when in (self.start - 1, self.end + 1):
            self.assertRefused(
                self.delete({**self.item, "denrollmentDate": when}),
                (
                    "DE ENROLLMENT_DATE",
                    f"De enrollment date for attendee : {self.amina.uuid} must be"
                    " between start date and end date of the register",
                ),
            )
        response = self.delete({**self.item, "denrollmentDate": self.start})
        self.assertEqual(response.json()["Errors"][0]["code"], "DE ENROLLMENT_DATE")
        self.ok(DELETE, attendees=[self.item])
        end = self.rows().unenrolled_at
        self.assertRefused(self.delete(self.item), gone)
        self.assertEqual(self.rows().unenrolled_at, end)
        # Where dates are wrong, that is told first.
        response = self.delete({**self.item, "denrollmentDate": 1})
        self.assertEqual(response.json()["Errors"][0]["code"], "DE ENROLLMENT_DATE")
        self.assertRefused(
            self.delete({**self.item, "individualId": "nobody"}),
            ("INDIVIDUAL_ID_NOT_FOUND", "Individual with id: nobody not found"),
        )

    def test_again_is_one_row_a_person(self):
        times = [self.start + day * DAY for day in range(5)]
        for begin, end in ((times[0], times[1]), (times[2], times[3])):
            self.ok(CREATE, attendees=[{**self.item, "enrollmentDate": begin}])
            self.ok(DELETE, attendees=[{**self.item, "denrollmentDate": end}])
        [made] = self.ok(
            CREATE,
            attendees=[
                {
                    **self.item,
                    "enrollmentDate": times[4],
                    "additionalDetails": {"a": 1},
                }
            ],
        )["attendees"]
        earlier = [
            {"enrollmentDate": times[0], "denrollmentDate": times[1]},
            {"enrollmentDate": times[2], "denrollmentDate": times[3]},
        ]
        self.assertEqual(made["additionalDetails"], {"a": 1, "enrolments": earlier})
        [shown] = self.shown()
        self.assertEqual(shown, made)
        self.assertEqual(
            (shown["enrollmentDate"], shown["denrollmentDate"]), (times[4], None)
        )

    def test_tags_change(self):
        made = self.ok(
            CREATE,
            attendees=[
                {**self.item, "tag": "old", "additionalDetails": {"a": 1}},
                self.attendee(self.made, self.joseph),
            ],
        )["attendees"]
        answer = self.ok(
            TAG,
            attendees=[
                {"id": one["id"], "tenantId": TENANT, "tag": tag}
                for one, tag in zip(made, ("red", "blue"), strict=True)
            ],
        )
        for one, before, tag in zip(
            answer["attendees"], made, ("red", "blue"), strict=True
        ):
            self.assertEqual(one["tag"], tag)
            for name in before.keys() - {"tag", "auditDetails"}:
                self.assertEqual(one[name], before[name])

    def test_tag_rules(self):
        [made] = self.ok(CREATE, attendees=[self.item])["attendees"]
        key = {"id": made["id"], "tenantId": TENANT, "tag": "T"}
        for content in (None, [], [None]):
            response = self.call(TAG, attendees=content)
            [error] = response.json()["Errors"]
            self.assertEqual(error["code"], "ATTENDEE_LIST_EMPTY")
        self.assertRefused(
            self.call(TAG, attendees=[{}]),
            ("ID_MISSING", "Attendee uuid is mandatory"),
            ("TENANT_ID_MISSING", "Tenant id is mandatory"),
            ("TAG_MISSING", "New tag value must be provided"),
        )
        for changes, token, code in (
            ({"tenantId": "other"}, None, "TENANT_ID_MISSING"),
            ({"id": "unknown"}, None, "INVALID_ID"),
        ):
            response = self.call(TAG, attendees=[key, {**key, **changes}], token=token)
            self.assertEqual(response.json()["Errors"][0]["code"], code)
        for changes, token in (({"id": "unknown"}, None), ({}, self.rival_token)):
            response = self.call(TAG, attendees=[{**key, **changes}], token=token)
            self.assertEqual(
                response.json()["Errors"][0]["code"], "ATTENDEES_NOT_FOUND"
            )
        response = self.call(TAG, attendees=[{**key, "tag": "x" * 65}])
        self.assertEqual(
            response.json()["Errors"][0]["code"],
            "Size.attendeeUpdateTagRequest.attendees[0].tag",
        )
        self.assertFalse(self.rows().tag)

    def test_search(self):
        self.assertRefused(
            self.call(f"{SEARCH}?tenantId={TENANT}"),
            (
                "UNAUTHORIZED",
                "User does not have permission to perform attendee search",
            ),
        )
        other = self.new_register(referenceId="R")
        made = self.ok(
            CREATE,
            attendees=[
                {**self.item, "enrollmentDate": self.start, "tag": "red"},
                self.attendee(self.made, self.joseph, enrollmentDate=self.start + 7),
                self.attendee(other, self.amina),
            ],
        )["attendees"]
        self.ok(
            DELETE,
            attendees=[
                self.attendee(self.made, self.joseph, denrollmentDate=self.start + DAY)
            ],
        )
        token = self.key_of(self.manager)

        def found(**criteria):
            answer = self.ok(
                f"{SEARCH}?tenantId={TENANT}", token=token, attendees=criteria
            )
            return sorted(made_ids.index(one["id"]) for one in answer["attendees"])

        made_ids = [one["id"] for one in made]
        for criteria, numbers in (
            ({}, [0, 1, 2]),
            ({"ids": made_ids[:1]}, [0]),
            ({"registerIds": [other["id"]]}, [2]),
            ({"individualIds": [self.amina.uuid]}, [0, 2]),
            ({"usernames": ["T-2"]}, [1]),
            ({"tags": ["red", "blue"]}, [0]),
            ({"enrollmentDate": self.start + 7}, [1, 2]),
            (
                {"enrollmentDate": self.start, "denrollmentDate": self.start + DAY},
                [1],
            ),
            (
                {
                    "enrollmentDate": self.start,
                    "denrollmentDate": self.start + DAY - 1,
                },
                [],
            ),
        ):
            with self.subTest(criteria):
                self.assertEqual(found(**criteria), numbers)
        response = self.call(
            f"{SEARCH}?tenantId={TENANT}",
            token=token,
            attendees={"denrollmentDate": 1},
        )
        self.assertEqual(response.json()["Errors"][0]["code"], "INVALID_SEARCH_PARAM")

    def test_statements_do_not_depend_on_how_many(self):
        people = self.env["spp.attendance.subscriber"].create(
            [
                {
                    "person_identifier": f"Q-{number}",
                    "name": f"Q {number}",
                    "company_id": self.company.id,
                }
                for number in range(40)
            ]
        )
        self.ok(CREATE, attendees=[self.item])
        counts = []
        for some in (people[:2], people[2:]):
            items = [self.attendee(self.made, person) for person in some]
            for path in (CREATE, DELETE):
                before = self.env.cr.sql_log_count
                self.ok(path, attendees=items)
                counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(counts[:2], counts[2:])

    def test_enrolled_until_now_and_on(self):
        """Who is gone since a moment may come back at once."""
        self.ok(CREATE, attendees=[self.item])
        self.ok(DELETE, attendees=[self.item])
        [again] = self.ok(CREATE, attendees=[self.item])["attendees"]
        self.assertIsNone(again["denrollmentDate"])
        row = self.rows()
        self.assertEqual(len(row), 1)
        moment = fields.Datetime.now() + timedelta(seconds=5)
        self.assertLess(row.enrolled_at, moment)
