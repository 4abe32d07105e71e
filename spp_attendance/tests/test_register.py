from datetime import date, datetime

from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import new_test_user, tagged

from ..enrolment import Enrol, EnrolStaff, Unenrol, UnenrolStaff
from ..review import APPROVED, PENDING, ReviewRefused
from .common_register import RegisterCase


@tagged("post_install", "-at_install")
@freeze_time("2026-09-10 12:00:00")
class TestRegister(RegisterCase):
    # ----------------------------------------------------------------- number

    def test_numbers_count_up_in_the_fiscal_year(self):
        first, second = self.new_register(), self.new_register()
        self.assertRegex(first.number, r"^WR/2026-27/09/10/\d{6,}$")
        self.assertEqual(
            int(second.number.split("/")[-1]), int(first.number.split("/")[-1]) + 1
        )

    def test_the_fiscal_year_is_the_company_s(self):
        for month, year in (("1", "2026"), ("9", "2026-27"), ("10", "2025-26")):
            with self.subTest(month=month):
                self.company.attendance_fiscal_month = month
                self.assertEqual(self.new_register().number.split("/")[1], year)

    def test_the_day_of_a_number_is_the_company_s(self):
        self.company.attendance_tz = "Asia/Tokyo"
        with freeze_time("2026-09-10 20:00:00"):
            self.assertIn("/09/11/", self.new_register().number)
        self.other_company.attendance_fiscal_month = "1"
        foreign = self.env["spp.attendance.register"].create(
            {"name": "South", "company_id": self.other_company.id}
        )
        self.assertRegex(foreign.number, r"^WR/2026/09/10/\d+$")

    # ------------------------------------------------------------------ dates

    def test_days_are_those_of_the_place(self):
        register = self.new_register()
        self.assertEqual(register.tz, "Africa/Nairobi")
        self.assertEqual(register.start_at, datetime(2026, 8, 31, 21))
        self.assertEqual(
            register.end_at, datetime(2026, 9, 30, 20, 59, 59, 999000), "its last ms"
        )
        self.assertEqual(register.date_start, date(2026, 9, 1))
        self.assertEqual(register.date_end, date(2026, 9, 30))
        register.date_end = "2026-10-31"
        self.assertEqual(register.end_at, datetime(2026, 10, 31, 20, 59, 59, 999000))
        register.date_end = False
        self.assertFalse(register.end_at)

    def test_instants_keep_their_milliseconds(self):
        start, end = datetime(2026, 9, 1, 5, 0, 0, 123000), self.at("30 05:00:00.456")
        register = self.env["spp.attendance.register"].create(
            {"name": "R", "start_at": start, "end_at": end}
        )
        register.invalidate_recordset()
        self.assertEqual((register.start_at, register.end_at), (start, end))
        self.assertEqual(register.date_start, date(2026, 9, 1))

    def test_without_dates_it_starts_today_and_has_no_end(self):
        register = self.model_as(self.officer).create({"name": "R"})
        self.assertEqual(register.date_start, date(2026, 9, 10))
        self.assertEqual(register.start_at, datetime(2026, 9, 9, 21))
        self.assertFalse(register.end_at)

    def test_in_another_place_whole_days_stay_the_days_they_are(self):
        register = self.new_register(user=self.manager, location_id=self.hall.id)
        register.location_id = self.closed_site  # Kathmandu, UTC+5:45
        self.assertEqual(register.date_start, date(2026, 9, 1))
        self.assertEqual(register.date_end, date(2026, 9, 30))
        self.assertEqual(register.start_at, datetime(2026, 8, 31, 18, 15))
        self.assertEqual(register.end_at, datetime(2026, 9, 30, 18, 14, 59, 999000))
        self.assertEqual(register.locality_code, "CLOSED")

    def test_in_another_place_an_instant_stays_that_instant(self):
        start = datetime(2026, 8, 31, 20, 30)  # 23:30 in Nairobi
        register = self.new_register(
            user=self.manager, location_id=self.hall.id, start_at=start
        )
        self.assertEqual(register.date_start, date(2026, 8, 31))
        register.location_id = self.closed_site
        self.assertEqual(register.start_at, start)
        self.assertEqual(register.date_start, date(2026, 9, 1))

    def test_a_place_s_clock_is_set_right(self):
        register = self.new_register(location_id=self.hall.id)
        exact = self.new_register(
            location_id=self.hall.id, start_at=self.at("01 05:00")
        )
        register._deactivate()
        hall = self.model_as(self.manager, "spp.attendance.location").browse(
            self.hall.id
        )
        hall.tz = "Asia/Tokyo"
        self.assertEqual(register.date_start, date(2026, 9, 1))
        self.assertEqual(register.start_at, datetime(2026, 8, 31, 15))
        self.assertEqual(register.end_at, datetime(2026, 9, 30, 14, 59, 59, 999000))
        self.assertEqual(exact.start_at, self.at("01 05:00"))

    def test_the_company_s_clock_is_set_right(self):
        register = self.new_register()
        placed = self.new_register(location_id=self.hall.id)
        self.company.attendance_tz = "Asia/Tokyo"
        self.assertEqual(register.start_at, datetime(2026, 8, 31, 15))
        self.assertEqual(register.date_start, date(2026, 9, 1))
        self.assertEqual(placed.start_at, datetime(2026, 8, 31, 21))

    def test_days_follow_instants_over_a_clock_of_old(self):
        """What begins at no day's begin is on another day by another clock."""
        register = self.new_register(start_at=self.at("01 22:30"))
        self.assertEqual(register.date_start, date(2026, 9, 2))
        self.company.attendance_tz = "Africa/Accra"
        self.assertEqual(register.start_at, self.at("01 22:30"))
        self.assertEqual(register.date_start, date(2026, 9, 1))

    # ------------------------------------------------------------------ staff

    def test_who_makes_it_is_its_first_staff(self):
        register = self.new_register()
        self.assertRecordValues(
            register.staff_ids,
            [
                {
                    "user_id": self.officer.id,
                    "user_uuid": self.officer.attendance_uuid,
                    "name": self.officer.name,
                    "staff_type": "OWNER",
                    "enrolled_at": self.at("10 12:00"),
                    "unenrolled_at": False,
                    "is_current": True,
                }
            ],
        )
        self.assertTrue(register.is_mine)

    def test_nobody_is_if_the_company_wants_it_so(self):
        self.company.attendance_register_first_staff = False
        register = self.new_register(user=self.manager)
        self.assertFalse(register.staff_ids)
        self.assertFalse(register.is_mine)

    def test_staff_and_people_can_be_given_with_it(self):
        register = self.new_register(
            staff_ids=[Command.create({"user_id": self.manager.id})],
            attendee_ids=[
                Command.create(
                    {
                        "subscriber_id": self.amina.id,
                        "interval_ids": [
                            Command.create({"start_at": self.at("01 00:00")})
                        ],
                    }
                )
            ],
        )
        self.assertEqual(register.staff_ids.user_id, self.officer + self.manager)
        self.assertTrue(register.attendee_ids.is_enrolled)
        self.assertEqual(register.attendee_count, 1)

    def test_staff_codes(self):
        register = self.new_register()
        other = self.manager.attendance_uuid
        self.assertEqual(
            self.enrol_staff(register, other, other, "nobody", staff_type="EDITOR"),
            [None, "enrolled", "unknown_user"],
        )
        self.assertEqual(self.enrol_staff(register, other), ["enrolled"])
        self.assertEqual(self.unenrol_staff(register, other, other), [None, "already"])
        self.assertEqual(
            self.unenrol_staff(register, other, "nobody"), ["already", "never"]
        )
        self.assertEqual(self.enrol_staff(register, other), [None], "a new row")
        rows = register.staff_ids.filtered(lambda row: row.user_uuid == other)
        self.assertEqual(rows.mapped("staff_type"), ["EDITOR", "OWNER"])
        self.assertEqual(rows[0].unenrolled_at, self.at("10 12:00"))
        register.date_end = "2026-09-09"
        self.assertEqual(
            self.enrol_staff(register, self.admin.attendance_uuid), ["ended"]
        )
        self.assertEqual(self.unenrol_staff(register, other), [None], "even so")
        self.assertEqual(self.staff_of(register)._enrol([]), [])
        self.assertEqual(self.staff_of(register)._unenrol([]), [])

    def test_a_permission_to_come_ends_before_it_begins(self):
        register = self.new_register()
        other = self.manager.attendance_uuid
        self.enrol_staff(register, other, start_at=self.at("20 00:00"))
        self.assertEqual(self.enrol_staff(register, other), ["enrolled"])
        self.assertEqual(self.unenrol_staff(register, other), [None])
        row = register.staff_ids.filtered(lambda row: row.user_uuid == other)
        self.assertEqual(row.unenrolled_at, self.at("20 00:00"))

    def test_a_permission_with_an_end_can_end_sooner(self):
        register = self.new_register()
        other = self.manager.attendance_uuid
        self.enrol_staff(register, other)
        row = register.staff_ids.filtered(lambda row: row.user_uuid == other)
        row.unenrolled_at = self.at("20 00:00")
        self.assertEqual(self.enrol_staff(register, other), ["enrolled"])
        self.assertEqual(self.unenrol_staff(register, other), [None])
        row.invalidate_recordset()
        self.assertEqual(row.unenrolled_at, self.at("10 12:00"))

    def test_staff_are_users_of_the_company(self):
        foreign = new_test_user(
            self.env,
            login="test-attendance-south",
            groups="base.group_user",
            company_id=self.other_company.id,
            company_ids=[(6, 0, self.other_company.ids)],
        )
        register = self.new_register()
        self.assertEqual(
            self.enrol_staff(register, foreign.attendance_uuid), ["unknown_user"]
        )
        self.manager.active = False
        self.assertEqual(
            self.enrol_staff(register, self.manager.attendance_uuid), ["unknown_user"]
        )
        for vals in ({"user_id": foreign.id}, {"user_uuid": "nobody"}, {}):
            with self.subTest(vals=vals), self.assertRaises(UserError):
                self.staff_of(register).create({"register_id": register.id, **vals})

    def test_by_uuid_in_a_form_it_is_the_user(self):
        register = self.new_register()
        row = self.staff_of(register).create(
            {"register_id": register.id, "user_uuid": self.manager.attendance_uuid}
        )
        self.assertEqual(row.user_id, self.manager)
        self.assertEqual(row.name, self.manager.name)

    def test_who_was_deleted_was_on_the_staff(self):
        register = self.new_register()
        gone = self._new_user("gone", "officer")
        self.enrol_staff(register, gone.attendance_uuid)
        uuid, name = gone.attendance_uuid, gone.name
        gone.unlink()
        row = register.staff_ids.filtered(lambda row: row.user_uuid == uuid)
        self.assertFalse(row.user_id)
        self.assertEqual(row.name, name)

    # ---------------------------------------------------------------- gateway

    def test_behind_a_gateway_it_is_who_is_named(self):
        ravi = self.somebody()
        register = self.new_register(user=self.api_user, actor=ravi)
        self.assertRecordValues(
            register.staff_ids,
            [{"user_id": False, "user_uuid": ravi.uuid, "name": "Ravi"}],
        )
        self.assertTrue(register.is_mine)
        self.assertEqual((register.created_by, register.modified_by), (ravi.uuid,) * 2)
        self.assertEqual(register.create_uid, self.api_user)
        self.assertFalse(register.with_user(self.api_user).with_context({}).is_mine)
        other = self.somebody("Mei")
        as_mei = self.model_as(self.api_user, actor=other).browse(register.id)
        self.assertFalse(as_mei.is_mine)

    def test_who_is_named_can_be_a_user(self):
        named = self.somebody()
        self.manager.attendance_uuid = named.uuid
        register = self.new_register(user=self.api_user, actor=named)
        self.assertEqual(register.staff_ids.user_id, self.manager)
        self.assertEqual(register.staff_ids.name, self.manager.name)

    def test_a_gateway_brings_staff_if_the_company_lets_it(self):
        register = self.new_register(user=self.api_user, actor=self.somebody())
        self.assertEqual(self.enrol_staff(register, "mei"), ["unknown_user"])
        self.company.attendance_digit_create_unknown = True
        self.assertEqual(self.enrol_staff(register, "mei", name="Mei"), [None])
        self.assertEqual(register.staff_ids[-1].name, "Mei")
        own = self.new_register(user=self.manager)
        self.assertEqual(self.enrol_staff(own, "mei"), ["unknown_user"])

    def test_a_user_claims_what_a_gateway_brought(self):
        ravi = self.somebody()
        register = self.new_register(user=self.api_user, actor=ravi)
        self.manager.attendance_uuid = ravi.uuid
        self.assertEqual(register.staff_ids.user_id, self.manager)
        self.assertTrue(register.with_user(self.manager).with_context({}).is_mine)

    def test_a_user_s_uuid_can_change_but_not_go(self):
        register = self.new_register()
        self.officer.attendance_uuid = "another"
        self.assertEqual(register.staff_ids.user_uuid, "another")
        register.invalidate_recordset(["is_mine"])
        self.assertTrue(register.is_mine)
        with self.assertRaises(UserError):
            self.officer.attendance_uuid = False

    # -------------------------------------------------------------- enrolment

    def test_enrolled_now(self):
        register = self.new_register()
        details = {"role": "mason", "n": [1, {"a": None}]}
        self.assertEqual(
            self.enrol(
                register, self.amina, self.joseph, tag="Team A", details=details
            ),
            [None, None],
        )
        self.assertRecordValues(
            register.attendee_ids,
            [
                {
                    "subscriber_id": person.id,
                    "company_id": self.company.id,
                    "tag": "Team A",
                    "additional_details": details,
                    "enrolled_at": self.at("10 12:00"),
                    "unenrolled_at": False,
                    "is_enrolled": True,
                    "created_by": self.officer.attendance_uuid,
                    "modified_by": self.officer.attendance_uuid,
                    "create_uid": self.officer.id,
                }
                for person in (self.amina, self.joseph)
            ],
        )
        self.assertEqual(len(set(register.attendee_ids.mapped("uuid"))), 2)
        self.assertEqual(register.attendee_count, 2)

    def test_all_that_can_be_are_enrolled(self):
        register, over = self.new_register(), self.new_register(date_end="2026-09-09")
        attendees = self.attendees_of(register)
        done = attendees._enrol(
            [
                Enrol(register.id, self.amina.id),
                Enrol(over.id, self.amina.id),
                Enrol(register.id, self.joseph.id, self.at("30 22:00")),
                Enrol(register.id, self.amina.id),
                Enrol(register.id, self.grace.id, self.at("02 08:00:00.500")),
            ]
        )
        self.assertEqual(
            [row.code for row in done], [None, "ended", "outside", "enrolled", None]
        )
        first, fifth = (
            register.attendee_ids.filtered(lambda row, p=p: row.subscriber_id == p)
            for p in (self.amina, self.grace)
        )
        self.assertEqual(
            [row.attendee_id for row in done],
            [first.id, None, None, first.id, fifth.id],
        )
        self.assertEqual(fifth.enrolled_at, self.at("02 08:00:00.500"))
        self.assertFalse(over.attendee_ids)

    def test_a_date_is_within_the_register(self):
        register = self.new_register()
        first, last = register.start_at, register.end_at
        cases = (
            (first.replace(second=0, minute=59, hour=20), None, "outside"),
            (datetime(2026, 10, 1), None, "outside"),
            (None, datetime(2026, 10, 1), "outside"),
            (self.at("11 00:00"), self.at("10 23:00"), "outside"),
            (first, self.at("02 00:00"), None),
            (last, last, None),
        )
        for start, end, code in cases:
            with self.subTest(start=start, end=end):
                self.assertEqual(
                    self.enrol(register, self.amina, start_at=start, end_at=end), [code]
                )
        self.assertEqual(
            self.intervals_of(register, self.amina),
            [(first, self.at("02 00:00")), (last, last)],
        )

    def test_now_may_be_before_the_register_begins(self):
        register = self.new_register(date_start="2026-09-20")
        self.assertEqual(self.enrol(register, self.amina), [None])
        self.assertEqual(register.attendee_ids.enrolled_at, self.at("10 12:00"))

    def test_enrolled_anew_it_is_the_same_row(self):
        register = self.new_register()
        self.enrol(register, self.amina, start_at=self.at("01 00:00"), tag="A")
        attendee = register.attendee_ids
        uuid = attendee.uuid
        self.assertEqual(self.enrol(register, self.amina), ["enrolled"])
        self.assertEqual(
            self.unenrol(register, self.amina, end_at=self.at("05 00:00")), [None]
        )
        self.assertEqual(self.enrol(register, self.amina), [None])
        self.assertEqual(register.attendee_ids, attendee)
        self.assertEqual((attendee.uuid, attendee.tag), (uuid, "A"))
        self.assertEqual(
            self.intervals_of(register, self.amina),
            [(self.at("01 00:00"), self.at("05 00:00")), (self.at("10 12:00"), False)],
        )
        self.assertEqual(attendee.enrolled_at, self.at("10 12:00"))
        self.assertFalse(attendee.unenrolled_at)

    def test_anew_it_goes_on_when_the_last_one_ends(self):
        register = self.new_register()
        self.enrol(register, self.amina)
        self.unenrol(register, self.amina, end_at=self.at("20 00:00"))
        self.assertEqual(self.enrol(register, self.amina), [None])
        self.assertEqual(register.attendee_ids.enrolled_at, self.at("20 00:00"))
        self.unenrol(register, self.amina, end_at=register.end_at)
        self.env.cr.execute(
            "UPDATE spp_attendance_register SET end_at = '2026-09-29' WHERE id = %s",
            [register.id],
        )
        register.invalidate_recordset()
        self.assertEqual(self.enrol(register, self.amina), ["outside"])

    def test_an_earlier_time_can_be_added_if_it_is_free(self):
        register = self.new_register()
        self.enrol(register, self.amina, start_at=self.at("05 00:00"))
        early = {"start_at": self.at("02 00:00")}
        self.assertEqual(
            self.enrol(register, self.amina, end_at=self.at("06 00:00"), **early),
            ["enrolled"],
        )
        self.assertEqual(self.enrol(register, self.amina, **early), ["enrolled"])
        self.assertEqual(
            self.enrol(register, self.amina, end_at=self.at("05 00:00"), **early),
            [None],
        )
        self.assertEqual(register.attendee_ids.enrolled_at, self.at("05 00:00"))

    def test_only_active_people_of_the_company(self):
        register = self.new_register()
        with self.assertRaises(UserError):
            self.enrol(register, self.stranger)
        self.grace.active = False
        with self.assertRaises(UserError):
            self.enrol(register, self.amina, self.grace)
        self.assertFalse(register.attendee_ids)

    def test_who_is_archived_stays_on_it(self):
        register = self.new_register()
        self.enrol(register, self.grace)
        self.grace.active = False
        self.assertEqual(register.attendee_ids.subscriber_id, self.grace)
        self.assertEqual(self.unenrol(register, self.grace), [None])

    def test_unenrol_codes(self):
        register = self.new_register()
        self.assertEqual(self.unenrol(register, self.amina), ["not_enrolled"])
        self.enrol(register, self.amina, self.joseph, start_at=self.at("05 00:00"))
        self.assertEqual(
            self.unenrol(register, self.amina, end_at=datetime(2026, 10, 2)),
            ["outside"],
        )
        self.assertEqual(
            self.unenrol(register, self.amina, end_at=datetime(2026, 8, 2)), ["outside"]
        )
        self.assertEqual(
            self.unenrol(register, self.amina, end_at=self.at("04 00:00")),
            ["before_start"],
        )
        self.assertEqual(
            self.unenrol(register, self.amina, self.amina, self.joseph),
            [None, "not_enrolled", None],
        )
        self.assertEqual(self.unenrol(register, self.amina), ["not_enrolled"])
        self.assertEqual(
            register.attendee_ids.mapped("unenrolled_at"), [self.at("10 12:00")] * 2
        )
        self.assertEqual(self.attendees_of(register)._unenrol([]), [])
        self.assertEqual(self.attendees_of(register)._enrol([]), [])

    def test_unenrolled_who_is_yet_to_begin(self):
        register = self.new_register()
        self.enrol(register, self.amina, start_at=self.at("20 00:00"))
        self.assertEqual(self.unenrol(register, self.amina), [None])
        self.assertEqual(
            self.intervals_of(register, self.amina), [(self.at("20 00:00"),) * 2]
        )

    def test_one_is_de_enrolled_after_the_end(self):
        register = self.new_register()
        self.enrol(register, self.amina)
        register.date_end = "2026-09-09"
        self.assertEqual(self.unenrol(register, self.amina), [None])

    def test_a_corrected_enrolment_tells_who_did_it(self):
        register = self.new_register()
        self.enrol(register, self.amina)
        attendee = register.attendee_ids.with_user(self.manager)
        attendee.interval_ids.start_at = self.at("03 00:00")
        self.assertEqual(attendee.enrolled_at, self.at("03 00:00"))
        self.assertEqual(attendee.modified_by, self.manager.attendance_uuid)
        self.assertEqual(attendee.created_by, self.officer.attendance_uuid)

    def _statements(self, people, users):
        """How many statements each service method takes for these."""
        register = self.new_register()
        attendees, staff = self.attendees_of(register), self.staff_of(register)
        for name, method, items in (
            ("enrol", attendees._enrol, [Enrol(register.id, p.id) for p in people]),
            (
                "unenrol",
                attendees._unenrol,
                [Unenrol(register.id, p.id) for p in people],
            ),
            (
                "enrol staff",
                staff._enrol,
                [EnrolStaff(register.id, user.attendance_uuid) for user in users],
            ),
            (
                "unenrol staff",
                staff._unenrol,
                [UnenrolStaff(register.id, user.attendance_uuid) for user in users],
            ),
        ):
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.cr.sql_log_count
            self.assertEqual({done.code for done in method(items)}, {None})
            self.env.flush_all()
            yield name, self.cr.sql_log_count - before

    def test_as_many_statements_for_many_as_for_few(self):
        people = self.env["spp.attendance.subscriber"].create(
            [
                {"person_identifier": f"M-{n}", "company_id": self.company.id}
                for n in range(60)
            ]
        )
        users = [self._new_user(f"many-{n}") for n in range(8)]
        counts = {}
        for persons, staff in ((people[:2], users[:2]), (people, users)):
            for name, count in self._statements(persons, staff):
                counts.setdefault(name, []).append(count)
        for name, (first, second) in counts.items():
            with self.subTest(name=name):
                self.assertGreaterEqual(first, second, "the first one fills caches")
                self.assertLess(second, 20)

    # ------------------------------------------------------------- what lasts

    def test_what_stays_as_it_is(self):
        register = self.new_register(user=self.manager)
        register.company_id = self.company
        self.enrol(register, self.amina)
        other = self.new_register(user=self.manager)
        attendee, staff = register.attendee_ids, register.staff_ids
        for rows, vals in (
            (register, {"uuid": "x"}),
            (register, {"number": "x"}),
            (register, {"company_id": self.other_company.id}),
            (attendee, {"register_id": other.id}),
            (attendee, {"subscriber_id": self.joseph.id}),
            (staff, {"register_id": other.id}),
            (staff, {"user_id": self.officer.id}),
            (staff, {"user_uuid": "x"}),
            (attendee.interval_ids, {"attendee_id": attendee.id + 1}),
        ):
            with self.subTest(rows=rows._name, vals=vals), self.assertRaises(UserError):
                rows.write(vals)
        created_by = register.created_by
        register.write({"created_by": "x", "modified_by": "x", "name": "R"})
        self.assertEqual((register.created_by, register.modified_by), (created_by,) * 2)

    def test_what_was_marked_keeps_its_register_and_person(self):
        register = self.new_register(user=self.manager)
        self.enrol(register, self.amina, self.joseph)
        record = self.mark(register, self.amina)
        record._void("Entered by mistake")
        marked, bare = register.attendee_ids
        with self.assertRaisesRegex(UserError, register.number):
            register.unlink()
        with self.assertRaisesRegex(UserError, "Amina"):
            (marked + bare).unlink()
        bare.unlink()
        self.assertEqual(register.attendee_ids, marked)
        empty = self.new_register(user=self.manager)
        self.enrol(empty, self.amina)
        empty.unlink()
        self.assertFalse(empty.exists())

    def test_deleted_is_inactive_and_stays(self):
        register = self.new_register()
        register._deactivate()
        self.assertEqual((register.active, register.is_deleted), (False, False))
        register._delete()
        self.assertEqual((register.active, register.is_deleted), (False, True))
        self.assertTrue(register.exists())

    # ------------------------------------------------------------------ copies

    def test_a_copy_has_nobody_but_who_made_it(self):
        register = self.new_register(reference="WO-1", service_code="WORKS")
        self.enrol(register, self.amina)
        register._deactivate()
        copy = register.with_user(self.manager).copy()
        self.assertNotEqual(copy.number, register.number)
        self.assertNotEqual(copy.uuid, register.uuid)
        self.assertRecordValues(
            copy,
            [
                {
                    "name": "Drainage works (copy)",
                    "active": True,
                    "reference": "WO-1",
                    "service_code": "WORKS",
                    "start_at": register.start_at,
                    "end_at": register.end_at,
                    "date_end": date(2026, 9, 30),
                }
            ],
        )
        self.assertEqual(copy.staff_ids.user_id, self.manager)
        self.assertFalse(copy.attendee_ids)

    def test_it_goes_on_in_another_period(self):
        register = self.new_register()
        self.enrol_staff(register, self.manager.attendance_uuid, staff_type="APPROVER")
        self.enrol_staff(register, self.admin.attendance_uuid)
        self.unenrol_staff(register, self.admin.attendance_uuid)
        register.staff_ids[0].staff_type = "EDITOR"
        self.enrol(register, self.amina, self.grace, tag="Team A")
        self.enrol(register, self.joseph, start_at=self.at("01 00:00"))
        self.unenrol(register, self.joseph, end_at=self.at("10 11:00"))
        self.enrol(register, self.participant_subscriber, start_at=self.at("01 00:00"))
        self.participant_subscriber.active = False
        copy = register._copy_to({"date_start": "2026-10-01", "date_end": "2026-10-31"})
        self.assertEqual(copy.name, "Drainage works")
        self.assertEqual(copy.date_start, date(2026, 10, 1))
        self.assertEqual(copy.start_at, datetime(2026, 9, 30, 21))
        self.assertRecordValues(
            copy.staff_ids.sorted("id"),
            [
                {"user_id": self.officer.id, "staff_type": "EDITOR"},
                {"user_id": self.manager.id, "staff_type": "APPROVER"},
            ],
        )
        self.assertRecordValues(
            copy.attendee_ids.sorted("id"),
            [
                {
                    "subscriber_id": person.id,
                    "tag": "Team A",
                    "enrolled_at": copy.start_at,
                    "unenrolled_at": False,
                }
                for person in (self.amina, self.grace)
            ],
        )
        bare = register._copy_to({"date_end": False}, staff=False, attendees=False)
        self.assertEqual(bare.staff_ids.user_id, self.officer)
        self.assertFalse(bare.attendee_ids)
        self.assertEqual(bare.date_start, date(2026, 9, 1))
        self.assertFalse(bare.end_at)

    def test_it_goes_on_when_the_old_one_is_over(self):
        register = self.new_register(date_end="2026-09-08")
        env_attendee = self.env["spp.attendance.register.attendee"]
        attendees = env_attendee.create(
            [
                {
                    "register_id": register.id,
                    "subscriber_id": person.id,
                    "interval_ids": [
                        Command.create({"start_at": self.at("01 00:00"), "end_at": end})
                    ],
                }
                for person, end in (
                    (self.amina, False),
                    (self.joseph, self.at("05 00:00")),
                    (self.grace, register.end_at),
                )
            ]
        )
        self.assertEqual(len(attendees), 3)
        copy = register._copy_to({"date_start": "2026-09-09", "date_end": "2026-09-20"})
        self.assertEqual(copy.attendee_ids.subscriber_id, self.amina + self.grace)
        with self.assertRaises(UserError):
            register._copy_to({"date_start": "2026-09-01", "date_end": "2026-09-09"})

    def test_staff_whom_a_gateway_brought_are_taken_over(self):
        self.company.attendance_register_first_staff = False
        register = self.env["spp.attendance.register"].create(
            {"name": "R", "company_id": self.company.id}
        )
        self.enrol_staff(register, "gateway-ravi", name="Ravi")
        ravi = self.model_as(self.api_user, actor=self.somebody()).browse(register.id)
        copy = ravi._copy_to({"name": "Next"})
        self.assertEqual(copy.staff_ids.mapped("name"), ["Ravi"])
        self.assertTrue(copy.is_mine)

    # ------------------------------------------------------------------ review

    def test_unreviewed_any_word_will_do(self):
        register = self.new_register(review_status="DRAFT")
        self.assertEqual(register.review_status, "DRAFT")
        for word in (APPROVED, PENDING, "WHATEVER", False):
            register._set_review(word)
            self.assertEqual(register.review_status, word)

    def test_steps_of_a_review(self):
        self.company.attendance_register_review = True
        register = self.new_register(review_status=APPROVED)
        self.assertEqual(register.review_status, PENDING, "nobody makes it approved")
        cases = {
            "OWNER": {PENDING: False, APPROVED: False, "REJECTED": True},
            "EDITOR": {PENDING: True, APPROVED: False, "REJECTED": True},
            "APPROVER": {PENDING: True, "REJECTED": True, APPROVED: True},
        }
        for staff_type, steps in cases.items():
            register.staff_ids.staff_type = staff_type
            for status, may in steps.items():
                with self.subTest(staff_type=staff_type, status=status):
                    if may:
                        register._set_review(status)
                        self.assertEqual(register.review_status, status)
                        continue
                    with self.assertRaises(ReviewRefused) as caught:
                        register._set_review(status)
                    self.assertEqual(caught.exception.code, "INVALID_REGISTER_MODIFY")
        with self.assertRaises(ReviewRefused) as caught:
            register._set_review(PENDING)
        self.assertEqual(
            caught.exception.code, "ATTENDANCE_REGISTER_REVIEW_STATUS_APPROVED"
        )
        with self.assertRaises(ReviewRefused):
            register.write({"review_status": "REJECTED"})
        register.name = "Still has a name"
        with self.assertRaises(AccessError):
            register.action_reopen()
        register.with_user(self.manager).action_reopen()
        self.assertEqual(register.review_status, PENDING)

    def test_a_former_approver_approves_nothing(self):
        self.company.attendance_register_review = True
        register = self.new_register()
        register.staff_ids.staff_type = "APPROVER"
        register.staff_ids.unenrolled_at = self.at("10 12:00")
        self.enrol_staff(register.sudo(), self.officer.attendance_uuid)
        with self.assertRaises(ReviewRefused):
            register._set_review(APPROVED)

    def test_a_manager_who_is_no_staff_approves_nothing(self):
        self.company.attendance_register_review = True
        register = self.new_register().with_user(self.manager)
        with self.assertRaises(ReviewRefused):
            register._set_review(APPROVED)

    # ------------------------------------------------------------ merged people

    def merge(self, target, source):
        target.with_user(self.manager).with_context(
            allowed_company_ids=self.company.ids
        )._merge(source.with_user(self.manager))
        self.env.invalidate_all()

    def test_merged_people_are_on_a_register_once(self):
        register, lone = self.new_register(), self.new_register()
        self.enrol(
            register,
            self.amina,
            start_at=self.at("01 00:00"),
            end_at=self.at("03 00:00"),
        )
        self.enrol(
            register,
            self.amina,
            start_at=self.at("20 00:00"),
            end_at=self.at("21 00:00"),
        )
        self.enrol(
            register,
            self.joseph,
            start_at=self.at("02 00:00"),
            end_at=self.at("05 00:00"),
            tag="Team B",
        )
        self.enrol(
            register,
            self.joseph,
            start_at=self.at("06 00:00"),
            end_at=self.at("07 00:00"),
        )
        self.enrol(register, self.joseph, start_at=self.at("20 12:00"))
        self.enrol(register, self.grace, start_at=self.at("01 00:00"))
        self.enrol(lone, self.joseph)
        kept = register.attendee_ids.filtered(lambda a: a.subscriber_id == self.amina)
        record = self.mark(register, self.joseph, day=6)
        self.merge(self.amina, self.joseph)
        self.assertEqual(register.attendee_ids.subscriber_id, self.amina + self.grace)
        self.assertEqual(
            self.intervals_of(register, self.amina),
            [
                (self.at("01 00:00"), self.at("05 00:00")),
                (self.at("06 00:00"), self.at("07 00:00")),
                (self.at("20 00:00"), False),
            ],
        )
        self.assertEqual(kept.tag, "Team B")
        self.assertEqual(kept.enrolled_at, self.at("20 00:00"))
        self.assertFalse(kept.unenrolled_at)
        self.assertEqual(lone.attendee_ids.subscriber_id, self.amina)
        self.assertEqual(len(self.intervals_of(register, self.grace)), 1)
        self.assertEqual(record.subscriber_id, self.amina)
        self.assertEqual(record.register_id, register)
