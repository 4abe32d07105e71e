from freezegun import freeze_time

from odoo.exceptions import AccessError
from odoo.fields import Command, Date
from odoo.tests import tagged

from ..api import SettingsPatch
from .common_api import ApiCase
from .common_day import DayCase

SHIPPED = {
    "standard_working_hours": 8.0,
    "lunch_break_duration": 0.75,
    "safe_entry_time": "08:00",
    "late_entry_time": "08:05",
    "safe_exit_time": "17:00",
    "overtime_start_time": "17:00",
    "extra_overtime_start_time": "19:00",
    "snacks_eligibility_hours": 1.0,
    "night_bill_eligibility_hours": 5.0,
    "weekend_days": [5],
    "auto_calculate_overtime": True,
    "auto_calculate_extra_overtime": True,
    "auto_update_leave_balance": True,
}


@tagged("post_install", "-at_install")
class TestApiSettings(ApiCase, DayCase):
    SCOPES = ("attendance:read", "attendance:settings")

    def test_what_is_shipped(self):
        for path in ("/settings/", "/settings"):
            self.assertEqual(self._ok("GET", path), SHIPPED)

    def test_what_is_put_is_what_is_got(self):
        wanted = {
            "standard_working_hours": 9,
            "lunch_break_duration": 1.0,
            "safe_entry_time": "07:30",
            "late_entry_time": "07:45",
            "safe_exit_time": "16:30",
            "overtime_start_time": "16:45",
            "extra_overtime_start_time": "18:30",
            "snacks_eligibility_hours": 1.5,
            "night_bill_eligibility_hours": 4.25,
            "weekend_days": [6, 0],
            "auto_calculate_overtime": True,
            "auto_calculate_extra_overtime": False,
            "auto_update_leave_balance": False,
        }
        expected = {**wanted, "weekend_days": [0, 6]}
        self.assertEqual(self._ok("PUT", "/settings/", wanted), expected)
        self.assertEqual(self._ok("GET", "/settings/"), expected)
        shift = self.env["spp.attendance.shift"].with_company(self.company)
        shift = shift._company_default()
        pattern = shift._patterns(shift.calendar_id)[shift.calendar_id.id]
        self.assertEqual(pattern[:7], (True,) * 5 + (False,) * 2)
        self.assertEqual(
            (shift.late_grace, shift.break_minutes, shift.snacks_from), (15, 60, 90)
        )
        self.assertEqual(self._ok("PUT", "/settings", SHIPPED), SHIPPED)

    def test_a_part_is_changed(self):
        changed = self._ok("PATCH", "/settings/", {"late_entry_time": "08:10:00"})
        self.assertEqual(changed, {**SHIPPED, "late_entry_time": "08:10"})
        changed = self._ok("PATCH", "/settings", {"safe_entry_time": "08:02"})
        self.assertEqual(
            changed,
            {**SHIPPED, "late_entry_time": "08:10", "safe_entry_time": "08:02"},
        )

    def test_a_shift_of_the_night(self):
        changed = self._ok(
            "PATCH",
            "/settings/",
            {
                "safe_entry_time": "22:00",
                "late_entry_time": "22:10",
                "safe_exit_time": "06:00",
                "overtime_start_time": "06:00",
                "extra_overtime_start_time": "08:00",
            },
        )
        self.assertEqual(changed["safe_exit_time"], "06:00")
        shift = self.env["spp.attendance.shift"].with_company(self.company)
        self.assertTrue(shift._company_default()._rules().is_night)

    def test_bad_requests_are_explained(self):
        for method, body, field in (
            ("PUT", {"weekend_days": [5]}, "safe_entry_time"),
            ("PATCH", {"weekend_days": [7]}, "weekend_days.0"),
            ("PATCH", {"weekend_days": None}, "weekend_days"),
            ("PATCH", {"safe_entry_time": "8:00"}, "safe_entry_time"),
            ("PATCH", {"safe_entry_time": "24:00"}, "safe_entry_time"),
            ("PATCH", {"late_entry_time": "07:59"}, "late_entry_time"),
            ("PATCH", {"overtime_start_time": "07:00"}, "overtime_start_time"),
            (
                "PATCH",
                {"extra_overtime_start_time": "16:00"},
                "extra_overtime_start_time",
            ),
            ("PATCH", {"lunch_break_duration": "1"}, "lunch_break_duration"),
            ("PATCH", {"lunch_break_duration": -1}, "lunch_break_duration"),
            ("PATCH", {"snacks_eligibility_hours": 0}, "snacks_eligibility_hours"),
            ("PATCH", {"auto_calculate_overtime": 1}, "auto_calculate_overtime"),
            ("PATCH", {"working_hours": 8}, "working_hours"),
            ("PATCH", {}, None),
        ):
            with self.subTest(body):
                response = self._call(method, "/settings/", body)
                self.assertEqual(response.status_code, 422, response.text)
                if field:
                    self.assertIn(f'"{field}"', response.text)
        self.assertEqual(self._ok("GET", "/settings/"), SHIPPED)

    def test_who_may_only_read(self):
        token = self._token("attendance:read")
        self.assertEqual(self._ok("GET", "/settings/", token=token), SHIPPED)
        for method, body in (("PUT", SHIPPED), ("PATCH", {"weekend_days": []})):
            response = self._call(method, "/settings/", body, token=token)
            self.assertEqual(response.status_code, 403)

    def test_only_managers_change_them(self):
        body = SettingsPatch(safe_entry_time="08:01")
        for user in (self.officer, self.participant, self.api_user):
            shifts = self.shifts_of(user)
            self.assertEqual(shifts._api_settings().safe_entry_time, "08:00")
            with self.assertRaises(AccessError):
                shifts._api_change_settings(body)
        changed = self.shifts_of(self.manager)._api_change_settings(body)
        self.assertEqual(changed.safe_entry_time, "08:01")

    def shifts_of(self, user):
        return (
            self.env["spp.attendance.shift"]
            .with_user(user)
            .with_context(allowed_company_ids=self.company.ids)
        )

    @freeze_time("2026-09-15 09:00:00")
    def test_from_today_on(self):
        """Yesterday stays as it was, today is computed anew, at once."""
        shifts = self.shifts_of(self.manager)
        before = shifts._company_default()
        yesterday, today = "2026-09-14", "2026-09-15"
        for day in (yesterday, today):
            self.read(day, "08:03 in", "11:00 out")
        self.compute()
        self.assertEqual(self.day(today).status, "considered")
        shifts._api_change_settings(SettingsPatch(late_entry_time="08:01"))
        self.compute()
        self.assertEqual(self.day(yesterday).status, "considered")
        self.assertEqual(self.day(today).status, "late")
        after = shifts._company_default()
        self.assertEqual(after.previous_id, before)
        self.assertEqual(after.assignment_ids.date_from, Date.to_date(today))
        # Saying the same again makes no version, and another one the same day takes
        # the place of this.
        shifts._api_change_settings(SettingsPatch(late_entry_time="08:01"))
        self.assertEqual(shifts._company_default(), after)
        shifts._api_change_settings(SettingsPatch(late_entry_time="08:05"))
        self.compute()
        self.assertEqual(self.day(today).status, "considered")
        self.assertEqual(self.day(yesterday).shift_id, before)
        last = shifts._company_default()
        self.assertEqual(last.assignment_ids.date_from, Date.to_date(today))
        self.assertFalse(after.active)

    def test_other_companies_keep_theirs(self):
        self._ok(
            "PATCH",
            "/settings/",
            {"safe_entry_time": "09:00", "late_entry_time": "09:05"},
        )
        other = self.env["spp.attendance.shift"].with_company(self.other_company)
        self.manager.company_ids = [Command.link(self.other_company.id)]
        self.assertEqual(other._api_settings().safe_entry_time, "08:00")
