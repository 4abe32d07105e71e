from uuid import UUID

from freezegun import freeze_time
from psycopg2.errors import UniqueViolation

from odoo.exceptions import AccessError, UserError
from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from ..enrolment import Enrol, EnrolStaff, Unenrol, UnenrolStaff
from .common_register import RegisterCase

CHILDREN = (
    "spp.attendance.register.staff",
    "spp.attendance.register.attendee",
    "spp.attendance.register.interval",
)


@tagged("post_install", "-at_install")
@freeze_time("2026-09-10 12:00:00")
class TestRegisterAccess(RegisterCase):
    """Who is on the staff of one register handles that one, and no other."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other_officer = cls._new_user("other-officer", "officer")

    def setUp(self):
        super().setUp()
        self.mine = self.new_register()
        self.theirs = self.new_register(user=self.other_officer, name="Theirs")
        for register in (self.mine, self.theirs):
            self.enrol(register, self.amina)

    def seen(self, user, actor=None):
        """Which of our registers, and of how many their rows, somebody finds."""
        both = self.mine.ids + self.theirs.ids
        registers = self.model_as(user, actor=actor)
        counts = {
            self.model_as(user, name, actor).search_count(
                [
                    (
                        "attendee_id.register_id"
                        if name.endswith("interval")
                        else "register_id",
                        "in",
                        both,
                    )
                ]
            )
            for name in CHILDREN
        }
        found = registers.with_context(active_test=False).search([("id", "in", both)])
        self.assertEqual(counts, {len(found)}, "rows are seen as their register is")
        return found.sorted("id").ids

    def test_who_finds_what(self):
        mine, theirs = self.mine.ids, self.theirs.ids
        self.assertEqual(self.seen(self.officer), mine)
        self.assertEqual(self.seen(self.other_officer), theirs)
        self.assertEqual(self.seen(self.manager), mine + theirs)
        self.assertEqual(self.seen(self.api_user), mine + theirs, "reads all")
        for role in ("head", "participant"):
            user = (
                self.participant
                if role == "participant"
                else self._new_user(role, role)
            )
            with self.subTest(role=role), self.assertRaises(AccessError):
                self.seen(user)

    def test_is_mine_can_be_asked_for(self):
        for user, expected in (
            (self.officer, self.mine),
            (self.manager, self.mine.browse()),
            (self.api_user, self.mine.browse()),
        ):
            registers = self.model_as(user)
            both = [("id", "in", (self.mine + self.theirs).ids)]
            with self.subTest(user=user.login):
                found = registers.search([*both, ("is_mine", "=", True)])
                self.assertEqual(found.ids, expected.ids)
                rest = registers.search([*both, ("is_mine", "=", False)])
                self.assertFalse(rest & found)
                self.assertEqual(rest.filtered("is_mine").ids, [])

    def test_those_who_were_or_will_be_are_not(self):
        staff = self.mine.staff_ids.sudo()
        for start, end, seen in (
            ("01 00:00", "10 12:00", False),
            ("01 00:00", "10 12:01", True),
            ("10 12:01", None, False),
            ("10 12:00", None, True),
        ):
            staff.write(
                {"enrolled_at": self.at(start), "unenrolled_at": end and self.at(end)}
            )
            with self.subTest(start=start, end=end):
                self.assertEqual(self.seen(self.officer), self.mine.ids if seen else [])
                self.assertEqual(self.mine.is_mine, seen)
                self.assertEqual(self.mine.staff_ids.sudo().is_current, seen)

    def test_an_inactive_register_stays_one_s_own(self):
        self.mine._delete()
        self.assertEqual(self.seen(self.officer), self.mine.ids)
        self.mine.active = True
        self.assertTrue(self.mine.active)

    def services(self, register):
        """Each service method that changes the rows of a register."""
        attendees, staff = self.attendees_of(register), self.staff_of(register)
        somebody = self.manager.attendance_uuid
        return {
            "enrol": lambda: attendees._enrol([Enrol(register.id, self.joseph.id)]),
            "unenrol": lambda: attendees._unenrol(
                [Unenrol(register.id, self.amina.id)]
            ),
            "enrol staff": lambda: staff._enrol([EnrolStaff(register.id, somebody)]),
            "unenrol staff": lambda: staff._unenrol(
                [UnenrolStaff(register.id, somebody)]
            ),
            "review": lambda: register._set_review("WORD"),
            "copy": lambda: register._copy_to({}),
            "deactivate": register._deactivate,
            "write": lambda: register.write({"name": "Seized"}),
        }

    def test_only_staff_change_it(self):
        for user in (self.officer, self.api_user):
            foreign = self.model_as(user).browse(self.theirs.id)
            for name, run in self.services(foreign).items():
                with (
                    self.subTest(user=user.login, name=name),
                    self.assertRaises(AccessError),
                ):
                    run()
        for user in (self.officer, self.manager):
            for name, run in self.services(
                self.model_as(user).browse(self.mine.id)
            ).items():
                with self.subTest(user=user.login, name=name):
                    run()

    def test_nobody_makes_himself_staff(self):
        for user in (self.officer, self.api_user):
            staff = self.model_as(user, "spp.attendance.register.staff")
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                staff.create({"register_id": self.theirs.id, "user_id": user.id})
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                staff._enrol([EnrolStaff(self.theirs.id, user.attendance_uuid)])
        with self.assertRaises(UserError):
            self.mine.staff_ids.write({"register_id": self.theirs.id})
        with self.assertRaises(AccessError):
            self.model_as(self.officer).browse(self.theirs.id).write(
                {"staff_ids": [(0, 0, {"user_id": self.officer.id})]}
            )
        with self.assertRaises(UserError):
            self.mine.write({"staff_ids": [(4, self.theirs.staff_ids.id)]})
        self.assertEqual(self.seen(self.officer), self.mine.ids)
        self.manager_joins()

    def manager_joins(self):
        staff = self.model_as(self.manager, "spp.attendance.register.staff")
        staff.create({"register_id": self.theirs.id, "user_id": self.manager.id})
        self.assertTrue(self.model_as(self.manager).browse(self.theirs.id).is_mine)

    def test_rows_are_not_put_on_another_s_register(self):
        attendees = self.model_as(self.officer, "spp.attendance.register.attendee")
        intervals = self.model_as(self.officer, "spp.attendance.register.interval")
        with self.assertRaises(AccessError):
            attendees.create(
                {"register_id": self.theirs.id, "subscriber_id": self.joseph.id}
            )
        with self.assertRaises(AccessError):
            intervals.create(
                {
                    "attendee_id": self.theirs.attendee_ids.id,
                    "start_at": self.at("01 00:00"),
                    "end_at": self.at("02 00:00"),
                }
            )
        for rows in (self.mine.attendee_ids, self.mine.attendee_ids.interval_ids):
            with self.subTest(rows=rows._name), self.assertRaises(AccessError):
                rows.unlink()

    def test_without_a_first_staff_nobody_has_it(self):
        self.company.attendance_register_first_staff = False
        with self.assertRaises(AccessError):
            self.new_register(
                name="Unowned", attendee_ids=[(0, 0, {"subscriber_id": 1})]
            )
        register = self.new_register(name="Unowned")
        self.assertNotIn(register.id, self.model_as(self.officer).search([]).ids)

    def test_behind_a_gateway_it_goes_by_who_is_named(self):
        ravi, mei = self.somebody(), self.somebody("Mei")
        register = self.new_register(user=self.api_user, actor=ravi)
        for actor, is_mine in ((ravi, True), (mei, False)):
            rows = self.model_as(self.api_user, actor=actor).browse(register.id)
            with self.subTest(actor=actor.name):
                self.assertEqual(rows.is_mine, is_mine)
                found = rows.search([("is_mine", "=", True)])
                self.assertEqual(register.id in found.ids, is_mine)
                self.assertEqual(rows.has_access("write"), is_mine)
        self.assertFalse(self.model_as(self.api_user).browse(register.id).is_mine)
        with self.assertRaises(AccessError):
            self.enrol(
                self.model_as(self.api_user, actor=mei).browse(register.id), self.amina
            )

    def test_who_opens_all_handles_all_of_the_company(self):
        chief = self.somebody("Chief", opens_all=True)
        foreign = self.env["spp.attendance.register"].create(
            {"name": "South", "company_id": self.other_company.id}
        )
        registers = self.model_as(self.api_user, actor=chief)
        found = registers.search([("is_mine", "=", True)])
        self.assertLessEqual({self.mine.id, self.theirs.id}, set(found.ids))
        self.assertNotIn(foreign.id, found.ids)
        theirs = registers.browse(self.theirs.id)
        self.assertTrue(theirs.is_mine)
        self.assertEqual(self.enrol(theirs, self.joseph), [None])
        with self.assertRaises(AccessError):
            registers.browse(foreign.id).name = "Seized"

    def test_nobody_names_somebody_over_rpc(self):
        """What comes from outside is JSON, and that makes nobody act as another."""
        ravi = self.somebody(opens_all=True)
        told = {"uuid": ravi.uuid, "name": "Ravi", "opens_all": True}
        for value in (str(told), ravi.uuid, [ravi.uuid], True):
            registers = self.model_as(self.officer).with_context(
                spp_attendance_actor=value
            )
            with self.subTest(value=value):
                found = registers.search([("is_mine", "=", True)])
                self.assertEqual(found.ids, self.mine.ids)
                self.assertFalse(registers.browse(self.theirs.id).has_access("read"))

    def test_two_companies(self):
        both = new_test_user(
            self.env,
            login="test-attendance-both",
            groups="base.group_user,spp_attendance.spp_attendance_group_manager",
            company_id=self.company.id,
            company_ids=[(6, 0, (self.company + self.other_company).ids)],
        )
        foreign = self.model_as(both).create(
            {"name": "South", "company_id": self.other_company.id}
        )
        self.assertEqual(foreign.staff_ids.user_id, both)
        self.assertEqual(foreign.tz, "Africa/Accra")
        self.assertEqual(self.enrol(foreign, self.stranger), [None])
        with self.assertRaises(UserError):
            self.enrol(foreign, self.amina)
        uuids = [both.attendance_uuid, self.manager.attendance_uuid]
        self.assertEqual(
            self.enrol_staff(foreign, *uuids), ["enrolled", "unknown_user"]
        )
        self.assertEqual(
            self.enrol_staff(self.mine.with_user(both), *uuids), [None, None]
        )
        for user in (self.officer, self.manager, self.admin, self.api_user):
            rows = self.model_as(user)
            with self.subTest(user=user.login):
                self.assertNotIn(foreign.id, rows.search([]).ids)
                with self.assertRaises(AccessError):
                    self.enrol(rows.browse(foreign.id), self.amina)

    def test_users_are_found_by_uuid(self):
        users = self.model_as(self.api_user, "res.users")
        uuids = [self.officer.attendance_uuid, "nobody", None]
        self.assertEqual(
            users._find_by_attendance_uuid(uuids),
            {self.officer.attendance_uuid: self.officer.id},
        )
        self.assertEqual(users._find_by_attendance_uuid([None]), {})
        with self.assertQueryCount(1):
            users._find_by_attendance_uuid(
                self.env["res.users"].mapped("attendance_uuid") + uuids
            )
        south = self.env["res.users"].with_company(self.other_company)
        self.assertEqual(south._find_by_attendance_uuid(uuids), {})

    def test_everybody_has_a_uuid(self):
        users = self.env["res.users"].with_context(active_test=False).search([])
        self.assertEqual(len(set(users.mapped("attendance_uuid"))), len(users))
        self.assertNotIn(False, users.mapped("attendance_uuid"))
        copy = self.internal.copy({"login": "test-attendance-copy"})
        self.assertNotEqual(copy.attendance_uuid, self.internal.attendance_uuid)

    def test_a_context_makes_nobody_staff(self):
        staff = self.model_as(self.officer, "spp.attendance.register.staff")
        staff = staff.with_context(default_register_id=self.theirs.id)
        with self.assertRaises(AccessError):
            staff.create({"user_id": self.officer.id})
        with self.assertRaises(AccessError):
            staff.name_create(self.officer.name)
        own = staff.with_context(
            default_register_id=self.mine.id, default_user_uuid="nobody"
        )
        with self.assertRaises(UserError):
            own.create({"name": "Nobody"})

    def test_a_form_tells_nothing_of_another_s_register(self):
        self.theirs.sudo().write(
            {"location_id": self.hall.id, "type_id": self.training.id}
        )
        for register, told in ((self.mine, False), (self.theirs, False)):
            record = self.model_as(self.officer, "spp.attendance.record").new(
                {"register_id": register.id}
            )
            record._onchange_register()
            with self.subTest(register=register.name):
                self.assertEqual(bool(record.location_id or record.type_id), told)

    def test_no_two_companies_are_one_tenant(self):
        self.company.attendance_tenant_code = "pb.amritsar"
        self.other_company.attendance_tenant_code = "pb.jalandhar"
        with self.assertRaises(UniqueViolation), mute_logger("odoo.sql_db"):
            self.other_company.attendance_tenant_code = "pb.amritsar"
            self.other_company.flush_recordset()

    def test_what_is_derived_is_not_given(self):
        staff = self.mine.staff_ids
        attendee = self.mine.attendee_ids
        south = self.other_company.id
        for row, vals in (
            (staff, {"name": "The Director"}),
            (staff, {"company_id": south}),
            (attendee, {"company_id": south}),
            (attendee, {"enrolled_at": self.at("01 00:00")}),
            (attendee, {"unenrolled_at": self.at("30 00:00")}),
            (attendee.interval_ids, {"company_id": south}),
        ):
            with self.subTest(**vals), self.assertRaises(UserError):
                row.write(vals)
        for vals in ({"uuid": "mine"}, {}):
            registers = self.model_as(self.officer).with_context(default_uuid="mine")
            register = registers.create({"name": "Named", **vals})
            with self.subTest(**vals):
                self.assertEqual(str(UUID(register.uuid)), register.uuid)

    def test_wizards_tell_nothing_of_another_s_register(self):
        for name, vals in (
            ("copy", {"register_id": self.theirs.id}),
            (
                "copy",
                {
                    "register_id": self.theirs.id,
                    "name": "Copy",
                    "date_start": "2026-10-01",
                    "date_end": "2026-10-31",
                },
            ),
            ("enrol", {"register_id": self.theirs.id}),
            ("enrol", {"register_id": self.theirs.id, "date_from": "2026-09-10"}),
            (
                "enrol",
                {
                    "register_id": self.mine.id,
                    "by": "register",
                    "source_register_id": self.theirs.id,
                },
            ),
            ("staffing", {"register_ids": [(6, 0, self.theirs.ids)]}),
            ("unenrol", {"attendee_ids": [(6, 0, self.theirs.attendee_ids.ids)]}),
        ):
            wizards = self.model_as(self.officer, f"spp.attendance.register.{name}")
            with self.subTest(name=name, vals=vals), self.assertRaises(AccessError):
                wizards.create(vals).flush_recordset()
        self.env.invalidate_all()  # as in a request of its own
        wizards = self.model_as(self.officer, "spp.attendance.register.copy")
        with self.assertRaises(AccessError):
            wizards.onchange(
                {"register_id": self.theirs.id},
                ["register_id"],
                {"register_id": {}, "name": {}, "date_start": {}, "date_end": {}},
            )
