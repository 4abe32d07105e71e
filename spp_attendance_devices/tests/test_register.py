from odoo.exceptions import AccessError, UserError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.spp_attendance.enrolment import Enrol

from .common import MORNING, DeviceCase, scan


@tagged("post_install", "-at_install")
class TestDeviceRegister(DeviceCase):
    """A terminal marks a register, by the register's rules and as one of its staff."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.register = cls._new_register("Road works")

    @classmethod
    def _new_register(cls, name):
        return cls.env["spp.attendance.register"].create(
            {
                "name": name,
                "company_id": cls.company.id,
                "date_start": "2026-09-01",
                "type_id": cls.training.id,
            }
        )

    def _staff(self, register=None):
        return self.env["spp.attendance.register.staff"].search(
            [
                ("register_id", "=", (register or self.register).id),
                ("user_id", "=", self.device.user_id.id),
            ]
        )

    def _enrol(self, person):
        (outcome,) = self.env["spp.attendance.register.attendee"]._enrol(
            [Enrol(self.register.id, person.id, MORNING.replace(day=1, hour=0))]
        )
        self.assertFalse(outcome.code)

    def _bind(self, register):
        self.device.with_user(self.admin).register_id = register

    def test_scans_are_marks(self):
        self._enrol(self.amina)
        self._bind(self.register)
        self.store(scan("T-1", MORNING, 0), scan("T-1", MORNING.replace(hour=17), 1))
        records = self.scans_of().record_id
        self.assertEqual(records.register_id, self.register)
        self.assertEqual(records.type_id, self.training)
        self.assertEqual(records.location_id, self.hall)
        self.assertEqual(records.sorted("date_time").mapped("direction"), ["in", "out"])

    def test_what_the_register_refuses_waits_with_the_reason(self):
        self._bind(self.register)
        self.store(scan("T-1"))
        refused = self.scans_of()
        self.assertEqual((refused.state, refused.reason_code), ("rejected", "refused"))
        self.assertIn(self.register.number, refused.reason)
        self.assertIn("not enrolled", refused.reason)
        self._enrol(self.amina)
        refused.with_user(self.manager).action_retry()
        self.assertEqual((refused.state, refused.reason), ("matched", False))
        self.assertEqual(refused.record_id.register_id, self.register)

    def test_an_inactive_register_takes_no_scans(self):
        self._enrol(self.amina)
        self._bind(self.register)
        self.register.active = False
        self.store(scan("T-1"))
        self.assertIn("not active", self.scans_of().reason)
        self.register.active = True
        self.scans_of().with_user(self.manager).action_retry()
        self.assertEqual(self.scans_of().state, "matched")

    def test_a_permission_that_was_ended_by_hand(self):
        self._enrol(self.amina)
        self._bind(self.register)
        self._staff().unenrolled_at = self._staff().enrolled_at
        self.store(scan("T-1"))
        self.assertIn("not on the staff", self.scans_of().reason)

    def test_the_binding_makes_and_ends_the_permission(self):
        self._bind(self.register)
        staff = self._staff()
        self.assertEqual((staff.staff_type, staff.is_current), ("EDITOR", True))
        other = self._new_register("School")
        self._bind(other)
        self.assertTrue(staff.unenrolled_at)
        self.assertFalse(self._staff(other).unenrolled_at)
        # What it marks already is no change.
        self._bind(other)
        self.assertEqual(len(self._staff(other)), 1)
        self._bind(False)
        self.assertTrue(self._staff(other).unenrolled_at)
        self.store(scan("T-1"))
        self.assertFalse(self.scans_of().record_id.register_id)

    def test_a_new_terminal_and_one_that_goes(self):
        device = self.new_device(register_id=self.register.id)
        staff = self.env["spp.attendance.register.staff"].search(
            [("user_id", "=", device.user_id.id)]
        )
        self.assertEqual(staff.register_id, self.register)
        device.unlink()
        self.assertTrue(staff.unenrolled_at)

    def test_who_may_not(self):
        for user in (self.officer, self.manager):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.device.with_user(user).register_id = self.register

    def test_what_marks_a_register_is_for_its_staff(self):
        """Whoever could say whose a badge is would mark people on it."""
        self._enrol(self.amina)
        self._bind(self.register)
        self.store(scan("T-1"), scan("B-9"))
        self.env["spp.attendance.device.user"].create(
            {
                "device_id": self.device.id,
                "code": "B-7",
                "subscriber_id": self.joseph.id,
            }
        )
        self.env.flush_all()
        staff = self.register.staff_ids.create(
            {"register_id": self.register.id, "user_id": self.officer.id}
        )
        names = ("device", "device.user", "scan", "scan.badge")

        def seen(user):
            return [
                self.env[f"spp.attendance.{name}"]
                .with_user(user)
                .search_count([("company_id", "=", self.company.id)])
                for name in names
            ]

        self.assertEqual(seen(self.officer), [1, 1, 2, 1])
        staff.unenrolled_at = staff.enrolled_at
        self.env.flush_all()
        self.assertEqual(seen(self.officer), [0, 0, 0, 0])
        self.assertEqual(seen(self.manager), [1, 1, 2, 1])
        with self.assertRaises(AccessError):
            self.env["spp.attendance.device.user"].with_user(self.officer).create(
                {
                    "device_id": self.device.id,
                    "code": "B-9",
                    "subscriber_id": self.amina.id,
                }
            )
        # What it marked stays the register's.
        self._bind(False)
        self.assertEqual(seen(self.officer), [1, 1, 1, 1])

    @mute_logger("odoo.sql_db")
    def test_registers_of_others_and_of_the_past(self):
        self.register.date_end = "2026-09-02"
        with self.assertRaisesRegex(UserError, self.register.number):
            self._bind(self.register)
        self.env.user.company_ids = [Command.link(self.other_company.id)]
        abroad = self._new_register("Abroad")
        abroad.sudo().company_id = self.other_company
        with self.assertRaises(UserError):
            self._bind(abroad)
