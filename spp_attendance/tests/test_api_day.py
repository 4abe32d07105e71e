from freezegun import freeze_time

from odoo.fields import Date
from odoo.tests import tagged

from ..api.days import DayQuery, StatisticsQuery, SummaryQuery, TimesheetQuery
from .common_api import ApiCase
from .common_day import DayCase
from .test_live import LiveCase

#: The example of the workforce API, to the letter.
SUMMARY = (
    '[{"employee_id":"EMP001","employee_name":"Ahmed Khan","department":"Sewing",'
    '"designation":"Senior Tailor","level_of_work":"Worker","date":"2024-01-15",'
    '"status":"Present-OnTime","check_in":"08:00","check_out":"17:30",'
    '"working_hours":8.25,"overtime":0.5,"extra_overtime":0.0,"attendance_count":2,'
    '"scans":[{"time":"08:00","type":"IN"},{"time":"17:30","type":"OUT"}]}]'
)
TIMESHEET_HEAD = (
    '{"items":[{"employee_id":"EMP001","employee_name":"Ahmed Khan",'
    '"department":"Sewing","designation":"Senior Tailor","level_of_work":"Worker",'
    '"days":[{"day":1,"date":"2024-01-01","status":null,"checkIn":null,'
    '"checkOut":null,"workingHours":0.0,"overtime":0.0,"extraOvertime":0.0},'
)
TIMESHEET_DAY = (
    '{"day":15,"date":"2024-01-15","status":"Present-OnTime","checkIn":"08:00",'
    '"checkOut":"17:30","workingHours":8.25,"overtime":0.5,"extraOvertime":0.0}'
)


class ApiDayCase(DayCase):
    """The person of the example, in the department of the example."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.worker.active = False
        cls.sewing = cls._new_department("Sewing")
        cls.ahmed = cls._new_tailor("EMP001", name="Ahmed Khan", family_name=False)

    @classmethod
    def _new_department(cls, name, **values):
        return cls.env["spp.attendance.department"].create(
            {"name": name, "company_id": cls.company.id, **values}
        )

    @classmethod
    def _new_tailor(cls, identifier, **values):
        return cls._new_worker(
            identifier,
            **{
                "department_id": cls.sewing.id,
                "designation": "Senior Tailor",
                "work_from": "2024-01-02",
                **values,
            },
        )

    def days_of(self, user):
        return self.days.with_user(user).with_context(
            allowed_company_ids=user.company_ids.ids
        )

    def _record_example(self):
        self.read("2024-01-15", "08:00 in", "17:30 out", person="EMP001")
        self.compute()


@tagged("post_install", "-at_install")
class TestApiDay(ApiCase, ApiDayCase):
    """Reading days: the summary, timesheets and figures."""

    SCOPES = ("attendance:read", "attendance:write", "registry:write", "days:write")

    def _summary(self, day="2024-01-15", **kwargs):
        return self._ok(
            "GET", "/daily-attendance/summary", params=f"date={day}", **kwargs
        )

    # ---------------------------------------------------------------- summary

    def test_the_summary_of_the_example_to_the_letter(self):
        self._record_example()
        for path in ("/daily-attendance/summary", "/daily-attendance/summary/"):
            response = self._call(
                "GET", path, params="date=2024-01-15&employee_id=EMP001"
            )
            self.assertEqual(response.status_code, 200, response.text)
            self.assertEqual(response.text, SUMMARY)

    def test_a_summary_without_a_date_or_with_one_that_is_none(self):
        for params in (
            "",
            "date=",
            "date=today",
            "date=2024-02-30",
            "date=20240115",
            "date=15.01.2024",
            "date=2024-01-15T00:00:00",
            "date=0001-01-01",
            "date=9999-12-31",
        ):
            with self.subTest(params):
                body = self._ok(
                    "GET", "/daily-attendance/summary", params=params, status=400
                )
                self.assertEqual(body["error"]["fields"][0]["field"], "date")
        response = self._call(
            "GET", "/daily-attendance/summary", params="date=2024-01-15&page=1"
        )
        self.assertEqual(response.status_code, 400)

    def test_who_works_has_an_entry_though_nothing_is_known(self):
        self._new_tailor("EMP002", family_name="Later", work_from="2024-02-01")
        self._new_tailor("EMP003", family_name="Gone", work_to="2024-01-10")
        self._new_tailor("EMP004", family_name="Staff", level_of_work="staff")
        self._record_example()
        entries = self._summary()
        self.assertEqual(
            [entry["employee_id"] for entry in entries], ["EMP001", "EMP004"]
        )
        self.assertEqual(
            entries[1],
            {
                "employee_id": "EMP004",
                "employee_name": "Staff",
                "department": "Sewing",
                "designation": "Senior Tailor",
                "level_of_work": "Staff",
                "date": "2024-01-15",
                "status": None,
                "check_in": None,
                "check_out": None,
                "working_hours": 0.0,
                "overtime": 0.0,
                "extra_overtime": 0.0,
                "attendance_count": 0,
                "scans": [],
            },
        )

    def test_readings_that_count_in_order_and_by_the_local_clock(self):
        self.read(
            "2024-01-15",
            "26:00 out",
            "12:00 break_start",
            "08:00:40 in",
            "12:30 break_end",
            "08:00 in",
            "15:00",
            person="EMP001",
        )
        self.compute()
        [entry] = self._summary()
        self.assertEqual(entry["check_in"], "08:00")
        self.assertEqual(entry["check_out"], "02:00")
        self.assertEqual(entry["extra_overtime"], 7.0)
        self.assertEqual(
            entry["scans"],
            [
                {"time": "08:00", "type": "IN"},
                {"time": "12:00", "type": "BREAK_IN"},
                {"time": "12:30", "type": "BREAK_OUT"},
                {"time": "15:00", "type": "OUT"},
                {"time": "02:00", "type": "OUT"},
            ],
        )
        self.assertEqual(entry["attendance_count"], len(entry["scans"]))

    def test_filters_of_people(self):
        below = self._new_department("Buttons", parent_id=self.sewing.id)
        self._new_tailor("EMP002", department_id=below.id, level_of_work="staff")
        self._new_tailor("EMP003", department_id=False, location_id=False)
        for params, expected in (
            ("", ["EMP001", "EMP002", "EMP003"]),
            ("employee_id=EMP003&employee_id=EMP001", ["EMP001", "EMP003"]),
            ("department=Sewing", ["EMP001", "EMP002"]),
            ("department=Nowhere", []),
            ("location=HALL", ["EMP001", "EMP002"]),
            ("level_of_work=staff", ["EMP002"]),
            ("level_of_work=Staff", ["EMP002"]),
        ):
            with self.subTest(params):
                entries = self._summary(
                    f"2024-01-15&{params}" if params else "2024-01-15"
                )
                self.assertEqual([e["employee_id"] for e in entries], expected)

    # -------------------------------------------------------------- timesheet

    def test_the_timesheet_of_the_example_to_the_letter(self):
        self._record_example()
        for path, params in (
            ("/timesheet", "month=2024-01"),
            ("/timesheet/", "year=2024&month=1"),
            ("/timesheet", "year=2024&month=01"),
        ):
            response = self._call("GET", path, params=f"{params}&employee_id=EMP001")
            self.assertEqual(response.status_code, 200, response.text)
            self.assertTrue(response.text.startswith(TIMESHEET_HEAD), response.text)
            self.assertIn(TIMESHEET_DAY, response.text)
            self.assertTrue(response.text.endswith(']}],"next":null}'))
            [sheet] = response.json()["items"]
            self.assertEqual([day["day"] for day in sheet["days"]], list(range(1, 32)))

    def test_every_day_of_a_month(self):
        for month, count in (("2024-02", 29), ("2023-02", 28), ("2024-12", 31)):
            page = self._ok(
                "GET", "/timesheet", params=f"month={month}&employee_id=EMP001"
            )
            if month < "2024":
                self.assertEqual(page["items"], [])  # who didn't work yet
                continue
            [sheet] = page["items"]
            self.assertEqual(len(sheet["days"]), count)
            self.assertEqual(sheet["days"][-1]["date"], f"{month}-{count}")

    def test_a_month_that_is_none(self):
        for params in (
            "",
            "month=",
            "month=2024",
            "month=2024-13",
            "month=2024-1",
            "month=1",
            "month=2024-01&year=2024",
            "month=13&year=2024",
            "month=January",
            "year=2024",
        ):
            with self.subTest(params):
                self._ok("GET", "/timesheet", params=params, status=400)

    def test_pages_of_timesheets(self):
        for number in range(2, 6):
            self._new_tailor(f"EMP00{number}")
        sheets = self._all("/timesheet", "month=2024-01", limit=2)
        self.assertEqual(
            [sheet["employee_id"] for sheet in sheets],
            [f"EMP00{number}" for number in range(1, 6)],
        )
        self._ok(
            "GET", "/timesheet", params="month=2024-01&cursor=nonsense", status=400
        )

    # ------------------------------------------------------------- statistics

    def _fill(self):
        """One on time, one late, one absent, one on leave; and one of Cutting."""
        cutting = self._new_department("Cutting")
        for identifier, unit in (
            ("EMP002", self.sewing),
            ("EMP003", self.sewing),
            ("EMP004", cutting),
        ):
            self._new_tailor(identifier, department_id=unit.id)
        self.read("2024-01-15", "08:00 in", "17:30 out", person="EMP001")
        self.read("2024-01-15", "09:00 in", "17:00 out", person="EMP002")
        people = self.env["spp.attendance.subscriber"].search(
            [("person_identifier", "in", ["EMP003", "EMP004"])]
        )
        self.compute(people, "2024-01-14", "2024-01-15")

    def test_figures_of_a_day(self):
        self._fill()
        for path, params in (
            ("/statistics", "date=2024-01-15"),
            ("/statistics/", "from=2024-01-15&to=2024-01-15"),
        ):
            self.assertEqual(
                self._ok("GET", path, params=params),
                {
                    "from": "2024-01-15",
                    "to": "2024-01-15",
                    "total_employees": 4,
                    "present_today": 2,
                    "absent_today": 2,
                    "leave_today": 0,
                    "late_today": 1,
                    "attendance_rate": 50.0,
                    "department_stats": [
                        {
                            "name": "Cutting",
                            "total": 1,
                            "present": 0,
                            "absent": 1,
                            "leave": 0,
                        },
                        {
                            "name": "Sewing",
                            "total": 3,
                            "present": 2,
                            "absent": 1,
                            "leave": 0,
                        },
                    ],
                },
            )

    def test_figures_of_several_days(self):
        """A day on which nobody was expected doesn't spoil the rate."""
        self._fill()
        found = self._ok("GET", "/statistics", params="from=2024-01-12&to=2024-01-15")
        self.assertEqual((found["from"], found["to"]), ("2024-01-12", "2024-01-15"))
        # The 14th, too, was a working day, for those who were computed of it.
        self.assertEqual(found["absent_today"], 4)
        self.assertEqual(found["present_today"], 2)
        self.assertEqual(found["attendance_rate"], 25.0)
        for params in (
            "from=2024-01-15&to=2024-01-14",
            "from=2020-01-01&to=2024-01-14",
            "date=2024-01-15&to=2024-01-15",
        ):
            self._ok("GET", "/statistics", params=params, status=422)

    def test_figures_at_the_ends_of_the_calendar(self):
        for params in (
            "date=9999-12-31",
            "from=9999-12-31",
            "to=0001-01-01",
            "date=0001-01-01",
        ):
            with self.subTest(params):
                self._ok("GET", "/statistics", params=params, status=422)

    def test_figures_of_today_and_of_nobody(self):
        with freeze_time("2024-01-15 22:00:00"):  # on the 16th in Nairobi
            found = self.days_of(self.api_user)
            figures = found._api_statistics(StatisticsQuery())
        self.assertEqual(figures.date_to, "2024-01-16")
        found = self._ok(
            "GET", "/statistics", params="date=2024-01-15&employee_id=NOBODY"
        )
        self.assertEqual((found["total_employees"], found["attendance_rate"]), (0, 0.0))
        self.assertEqual(found["department_stats"], [])

    # ------------------------------------------------------------------ lists

    def test_a_list_of_days(self):
        self._fill()
        day = self.day("2024-01-15", self.ahmed)
        page = self._ok("GET", "/daily-attendance/", params="employee=EMP001")
        [out] = page["items"]
        self.assertEqual(out, self._ok("GET", f"/daily-attendance/{day.id}/"))
        expected = {
            "id": day.id,
            "employee": "EMP001",
            "date": "2024-01-15",
            "status": "Present-OnTime",
            "first_check_in": "2024-01-15T08:00:00+03:00",
            "last_check_out": "2024-01-15T17:30:00+03:00",
            "total_working_hours": 8.75,
            "working_hours": 8.25,
            "overtime_hours": 0.5,
            "extra_overtime_hours": 0.0,
            "snacks_eligible": False,
            "night_bill_eligible": False,
        }
        self.assertEqual({name: out[name] for name in expected}, expected)
        for params, count in (
            ("date=2024-01-15", 4),
            ("date_from=2024-01-15&date_to=2024-01-16", 4),
            ("date_to=2024-01-14", 2),
            ("status=Absent", 4),
            ("status=Absent&status=Present-Late&date=2024-01-15", 3),
            ("department=Cutting", 2),
            ("location=HALL", 6),
            ("employee_id=EMP003", 2),
            ("employee_id=EMP003&employee_id=EMP001", 3),
            ("employee=EMP003&employee_id=EMP001", 0),
            ("level_of_work=staff", 0),
            ("snacks_eligible=true", 0),
            ("is_edited=false", 6),
        ):
            with self.subTest(params):
                page = self._ok("GET", "/daily-attendance", params=params)
                self.assertEqual(len(page["items"]), count)
        for sort in ("date", "-date", "updated_at", "-updated_at"):
            items = self._all("/daily-attendance", f"sort={sort}", limit=2)
            self.assertEqual(len({item["id"] for item in items}), 6)
            if "date" in sort and "updated" not in sort:
                dates = [item["date"] for item in items]
                self.assertEqual(dates, sorted(dates, reverse=sort[0] == "-"))
        self._ok("GET", "/daily-attendance/999999999", status=404)

    # --------------------------------------------------------------- deciding

    def _post(self, status=201, **values):
        body = {"employee": "EMP001", "date": "2024-01-15", **values}
        return self._ok("POST", "/daily-attendance/", json=body, status=status)

    def test_a_day_is_made(self):
        out = self._post(
            first_check_in="08:00",
            last_check_out="2024-01-15T17:30:00+03:00",
            notes="From the book",
            reason="The terminal was broken",
        )
        self.assertEqual(out["status"], "Present-OnTime")
        self.assertEqual((out["working_hours"], out["overtime_hours"]), (8.25, 0.5))
        self.assertTrue(out["is_edited"])
        self.assertEqual(out["notes"], "From the book")
        [entry] = self._summary()
        self.assertEqual((entry["check_in"], entry["check_out"]), ("08:00", "17:30"))
        change = self.env["spp.attendance.day.change"].search(
            [("subscriber_id", "=", self.ahmed.id)]
        )
        self.assertEqual(change.reason, "The terminal was broken")
        self.assertEqual(change.create_uid, self.client.user_id)
        self._ok(
            "POST",
            "/daily-attendance",
            json={"employee": "EMP001", "date": "2024-01-15", "status": "Absent"},
            status=409,
        )

    def test_what_can_not_be_made(self):
        for values, status in (
            ({}, 422),
            ({"status": "Leave-Sick"}, 422),
            ({"status": "on_time"}, 422),
            ({"employee": "NOBODY", "status": "Absent"}, 422),
            ({"date": "2024-01-32", "status": "Absent"}, 422),
            ({"date": "0001-01-01", "status": "Absent"}, 422),
            ({"date": "9999-12-31", "status": "Absent"}, 422),
            ({"first_check_in": "25:00"}, 422),
            ({"first_check_in": "2024-01-20T08:00:00"}, 422),
            ({"first_check_in": "17:00", "last_check_out": "08:00"}, 422),
            ({"overtime_hours": -1}, 422),
            ({"status": "Absent", "colour": "red"}, 422),
        ):
            with self.subTest(values=values):
                body = {"employee": "EMP001", "date": "2024-01-15", **values}
                self._ok("POST", "/daily-attendance", json=body, status=status)
        self.assertFalse(self.day("2024-01-15", self.ahmed))

    def test_a_day_is_replaced(self):
        self._record_example()
        path = f"/daily-attendance/{self.day('2024-01-15', self.ahmed).id}/"
        before = self._ok("GET", path)
        # As it was read: nothing is decided.
        self.assertEqual(self._ok("PUT", path, json=before), before)
        out = self._ok(
            "PUT", path, json={**before, "last_check_out": "2024-01-15T20:00:00+03:00"}
        )
        # Hours follow, though those of before came with it.
        self.assertEqual((out["overtime_hours"], out["extra_overtime_hours"]), (2, 1))
        self.assertTrue(out["snacks_eligible"] and out["is_edited"] and out["differs"])
        out = self._ok("PUT", path, json={"status": "Absent"})
        self.assertEqual(out["status"], "Absent")
        self.assertEqual(out["first_check_in"], None)
        out = self._ok("PUT", path, json={"overtime_hours": 1.25})
        self.assertEqual(
            (out["status"], out["overtime_hours"]), (before["status"], 1.25)
        )
        out = self._ok("PUT", path, json={})
        changing = {"updated_at", "differs"}
        self.assertEqual(
            {name: out[name] for name in out.keys() - changing},
            {name: before[name] for name in before.keys() - changing},
        )
        for body in (
            {"employee": "EMP002"},
            {"date": "2024-01-16"},
            {"status": "Leave-Sick"},
        ):
            self._ok("PUT", path, json=body, status=422)

    def test_a_decided_day_is_sent_back_with_one_thing_changed(self):
        self._record_example()
        path = f"/daily-attendance/{self.day('2024-01-15', self.ahmed).id}"
        before = self._ok("GET", path)
        # What follows from a decision is not decided by it.
        out = self._ok("PUT", path, json={**before, "last_check_out": "20:00"})
        self.assertEqual(self._ok("PUT", path, json=out)["differs"], True)
        out = self._ok("PUT", path, json={**out, "last_check_out": "21:00"})
        self.assertEqual((out["overtime_hours"], out["extra_overtime_hours"]), (2, 2))
        absent = self._ok("PUT", path, json={"status": "Absent"})
        self.assertIsNone(absent["first_check_in"])
        again = self._ok("PUT", path, json={**absent, "notes": "Seen"})
        self.assertEqual((again["status"], again["notes"]), ("Absent", "Seen"))
        out = self._ok("PUT", path, json={**again, "status": "Present-Late"})
        self.assertEqual(
            [out[name] for name in ("status", "first_check_in", "working_hours")],
            ["Present-Late", before["first_check_in"], before["working_hours"]],
        )

    def test_absence_is_taken_back(self):
        """That somebody has no times follows from it, and goes with it."""
        self._record_example()
        path = f"/daily-attendance/{self.day('2024-01-15', self.ahmed).id}"
        before = self._ok("GET", path)
        times = ("first_check_in", "last_check_out", "working_hours")
        for status, is_edited in ((None, False), ("Present-Late", True)):
            out = self._ok("PATCH", path, json={"status": "Absent"})
            self.assertEqual([out[name] for name in times], [None, None, 0])
            out = self._ok("PATCH", path, json={"status": status})
            self.assertEqual(
                [out[name] for name in times], [before[name] for name in times]
            )
            self.assertEqual(out["status"], status or before["status"])
            self.assertEqual(out["is_edited"], is_edited)

    def test_a_forgiven_day_is_sent_back(self):
        self.read("2024-01-15", "08:20 in", "17:30 out", person="EMP001")
        self.compute()
        day = self.day("2024-01-15", self.ahmed)
        self.days._decide(self.ahmed, day.date, {"is_forgiven": True}, "Bus")
        path = f"/daily-attendance/{day.id}"
        before = self._ok("GET", path)
        self.assertEqual(before["status"], "Present-Considered")
        out = self._ok("PUT", path, json={**before, "last_check_out": "20:00"})
        self.assertEqual(out["status"], "Present-Considered")
        self.env.invalidate_all()
        self.assertTrue(day.override["is_forgiven"])
        self.assertNotIn("status", day.override)

    def test_a_day_is_changed(self):
        self._record_example()
        path = f"/daily-attendance/{self.day('2024-01-15', self.ahmed).id}"
        self._ok("PATCH", path, json={"overtime_hours": 1})
        out = self._ok("PATCH", path, json={"last_check_out": "20:00"})
        self.assertEqual((out["overtime_hours"], out["extra_overtime_hours"]), (1, 1))
        out = self._ok("PATCH", path, json={"overtime_hours": None})
        self.assertEqual((out["overtime_hours"], out["extra_overtime_hours"]), (2, 1))
        out = self._ok("PATCH", path, json={"notes": "Seen"})
        self.assertEqual((out["notes"], out["overtime_hours"]), ("Seen", 2))
        out = self._ok("PATCH", path, json={"last_check_out": None})
        self.assertEqual((out["last_check_out"], out["notes"]), (None, "Seen"))
        self._ok("PATCH", path, json={}, status=422)

    def test_a_check_out_where_no_check_in_was_read(self):
        """By either way, and sent back as it was read it stays so."""
        self._record_example()
        self.read("2024-01-16", "16:00 out", person="EMP001")
        self.compute()
        path = f"/daily-attendance/{self.day('2024-01-16', self.ahmed).id}"
        late = "2024-01-16T17:30:00+03:00"
        for method, body in (
            ("PATCH", {"last_check_out": "17:30"}),
            ("PATCH", {"first_check_in": None, "last_check_out": "17:30"}),
            ("PUT", {**self._ok("GET", path), "last_check_out": late}),
        ):
            with self.subTest(method, body=body):
                out = self._ok(method, path, json=body)
                self.assertEqual(
                    (out["first_check_in"], out["last_check_out"]), (None, late)
                )
                self.assertTrue(out["missing_in"])
                self.assertEqual(
                    self._ok("PUT", path, json=out)["last_check_out"], late
                )
                self._ok("DELETE", path)
        # Where one was read, it has to be said what it was.
        path = f"/daily-attendance/{self.day('2024-01-15', self.ahmed).id}"
        body = {"first_check_in": None, "last_check_out": "17:30"}
        error = self._ok("PATCH", path, json=body, status=422)
        self.assertIn("check-out needs a check-in", str(error))

    def test_a_day_that_is_deleted_is_as_it_is_by_the_records(self):
        self._record_example()
        path = f"/daily-attendance/{self.day('2024-01-15', self.ahmed).id}"
        self._ok("PATCH", path, json={"status": "Absent"})
        out = self._ok("DELETE", path + "/", params="reason=A+mistake")
        self.assertEqual(
            (out["status"], out["overtime_hours"]), ("Present-OnTime", 0.5)
        )
        self.assertFalse(out["is_edited"])
        self.assertEqual(self._ok("DELETE", path)["status"], "Present-OnTime")
        self.assertEqual(len(self.records_of(self.manager).search([])), 2)

    def test_a_day_of_which_nothing_is_known_any_more(self):
        """Before somebody worked there is no absence."""
        body = {"employee": "EMP001", "date": "2023-12-01", "status": "Present-OnTime"}
        out = self._ok("POST", "/daily-attendance", json=body, status=201)
        response = self._call("DELETE", f"/daily-attendance/{out['id']}")
        self.assertEqual((response.status_code, response.text), (204, ""))
        self._ok("GET", f"/daily-attendance/{out['id']}", status=404)

    def test_hours_are_numbers(self):
        self._record_example()
        path = f"/daily-attendance/{self.day('2024-01-15', self.ahmed).id}"
        for name in (
            "total_working_hours",
            "working_hours",
            "overtime_hours",
            "extra_overtime_hours",
        ):
            for value in ("1", True, "nan", -1, 49):
                for method in ("PATCH", "PUT"):
                    with self.subTest(name=name, value=value, method=method):
                        self._ok(method, path, json={name: value}, status=422)
        out = self._ok("PATCH", path, json={"overtime_hours": 1})
        self.assertEqual(out["overtime_hours"], 1.0)

    def test_a_locked_day(self):
        self._record_example()
        day = self.day("2024-01-15", self.ahmed)
        day.is_locked = True
        path = f"/daily-attendance/{day.id}"
        self._ok("PUT", path, json={"status": "Absent"}, status=409)
        self._ok("PATCH", path, json={"status": "Absent"}, status=409)
        self._ok("DELETE", path, status=409)
        self.assertEqual(self._ok("GET", path)["status"], "Present-OnTime")

    def test_days_are_computed_again(self):
        self._record_example()
        day = self.day("2024-01-15", self.ahmed)
        self.env.cr.execute(
            "UPDATE spp_attendance_day SET status_code = 'X' WHERE id = %s", [day.id]
        )
        body = {"date_from": "2024-01-15", "date_to": "2024-01-16"}
        for more, people in (
            ({"department": "Sewing", "location": "HALL"}, 1),
            ({"employees": ["EMP001"]}, 1),
        ):
            out = self._ok(
                "POST",
                "/daily-attendance/recompute/",
                json={**body, **more},
                status=202,
            )
            self.assertEqual(out, {"people": people, "days": 2 * people})
        self.compute()
        self.assertEqual(
            self._ok("GET", f"/daily-attendance/{day.id}")["status"], "Present-OnTime"
        )
        error = self._ok(
            "POST",
            "/daily-attendance/recompute",
            json={**body, "employees": ["EMP001", "NOBODY"]},
            status=422,
        )
        self.assertIn("Nobody is known by: NOBODY.", str(error))
        for more in (
            {"department": "Nowhere"},
            {"date_to": "2024-01-14"},
            {"date_to": "2026-01-14"},
            {"date_from": "9999-12-31", "date_to": "9999-12-31"},
            {"date_from": "0001-01-01", "date_to": "0001-01-01"},
        ):
            self._ok(
                "POST", "/daily-attendance/recompute", json={**body, **more}, status=422
            )

    # ----------------------------------------------------------------- rights

    def test_scopes(self):
        self._record_example()
        path = f"/daily-attendance/{self.day('2024-01-15', self.ahmed).id}"
        reader = self._token("attendance:read")
        writer = self._token("attendance:write")
        for method, where, body in (
            ("POST", "/daily-attendance", {"employee": "EMP001", "date": "2024-01-16"}),
            ("PUT", path, {"status": "Absent"}),
            ("PATCH", path, {"status": "Absent"}),
            ("DELETE", path, None),
            (
                "POST",
                "/daily-attendance/recompute",
                {"date_from": "2024-01-15", "date_to": "2024-01-15"},
            ),
        ):
            for token in (reader, writer):
                self._ok(method, where, json=body, status=403, token=token)
        for where in (
            "/daily-attendance/summary?date=2024-01-15",
            "/timesheet?month=2024-01",
            "/statistics",
            "/daily-attendance",
            path,
        ):
            self._ok("GET", where, status=403, token=writer)
            self._ok("GET", where, token=reader)
            self.assertEqual(self.url_open(f"/api/attendance{where}").status_code, 401)


@tagged("post_install", "-at_install")
class TestApiDayRights(ApiDayCase):
    """Who sees and decides what, in figures as well; without HTTP."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.head = cls._new_user("day-head", "head")
        cls.cutting = cls._new_department("Cutting", head_id=cls.head.id)
        cls.below = cls._new_department("Lace", parent_id=cls.cutting.id)
        cls._new_tailor("EMP002", department_id=cls.below.id)
        cls.participant_subscriber.write(
            {"level_of_work": "worker", "work_from": "2024-01-02"}
        )
        cls.stranger.write({"level_of_work": "worker", "work_from": "2024-01-02"})

    def setUp(self):
        super().setUp()
        for person in ("EMP001", "EMP002", "T-4"):
            self.read("2024-01-15", "08:00 in", "17:30 out", person=person)
        self.env["spp.attendance.record"].create(
            {
                "subscriber_id": self.stranger.id,
                "local_date": "2024-01-15",
                "local_time": "08:00",
                "scan_type": "in",
            }
        )
        self.compute()

    def _seen(self, user):
        days = self.days_of(user)
        summary = days._api_summary(SummaryQuery(date="2024-01-15")).root
        sheets = days._api_timesheet(TimesheetQuery(month="2024-01")).items
        figures = days._api_statistics(StatisticsQuery(date=Date.to_date("2024-01-15")))
        listed = days._api_list(DayQuery(date=Date.to_date("2024-01-15"))).items
        ids = [entry.employee_id for entry in summary]
        self.assertEqual([sheet.employee_id for sheet in sheets], ids)
        self.assertEqual(sorted(day.employee for day in listed), sorted(ids))
        self.assertEqual(figures.total_employees, len(ids))
        self.assertEqual(figures.present_today, len(ids))
        self.assertEqual(
            sum(unit.present for unit in figures.department_stats), len(ids)
        )
        self.assertTrue(all(len(entry.scans) == 2 for entry in summary))
        return ids

    def test_each_sees_his_own(self):
        everybody = ["EMP001", "EMP002", "T-4"]
        for user, expected in (
            (self.participant, ["T-4"]),
            (self.head, ["EMP002"]),
            (self.officer, everybody),
            (self.manager, everybody),
            (self.admin, everybody),
            (self.api_user, everybody),
        ):
            with self.subTest(user.login):
                self.assertEqual(self._seen(user), expected)

    def test_statements_do_not_depend_on_people(self):
        day = Date.to_date("2024-01-15")

        def work():
            counts = []
            for name, call in (
                (
                    "summary",
                    lambda days: days._api_summary(SummaryQuery(date="2024-01-15")),
                ),
                (
                    "timesheet",
                    lambda days: days._api_timesheet(
                        TimesheetQuery(month="2024-01", limit=1000)
                    ),
                ),
                (
                    "figures",
                    lambda days: days._api_statistics(StatisticsQuery(date=day)),
                ),
                ("list", lambda days: days._api_list(DayQuery(date=day, limit=1000))),
                (
                    "live",
                    lambda days: days.search([("date", "=", day)])._live_items(""),
                ),
            ):
                self.env.flush_all()
                self.env.invalidate_all()
                days = self.days_of(self.api_user)
                # Who asks is known by then, and where.
                user, company = days.env.user.sudo(), days.env.company.sudo()
                self.assertTrue(user.name and user.partner_id.name and company.name)
                before = self.env.cr.sql_log_count
                call(days)
                counts.append((name, self.env.cr.sql_log_count - before))
            return counts

        work()
        few = work()
        people = [self._new_tailor(f"MORE{n:03}") for n in range(60)]
        for person in people:
            self.read(
                "2024-01-15", "08:00 in", "17:30 out", person=person.person_identifier
            )
        self.compute()
        work()
        self.assertEqual(work(), few)


@tagged("post_install", "-at_install")
class TestLiveDays(LiveCase, ApiDayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.queue = cls.env["spp.attendance.day.queue"]

    def test_a_day_is_told_as_the_summary_has_it(self):
        channel = self.listen(self.manager)
        head = self._new_user("live-head", "head")
        other = self.listen(head)
        self._record_example()
        told = self.told()
        self.assertNotIn(other.id, told)
        [event] = [
            event for event in told[channel.id] if event["type"] == "attendance_updated"
        ]
        days = self.days_of(self.manager)
        [entry] = days._api_summary(SummaryQuery(date="2024-01-15")).root
        self.assertEqual(event["data"], entry.model_dump(mode="json"))
        self.assertEqual(event["employee_id"], "EMP001")
        self.assertEqual(set(event), {"type", "data", "employee_id", "timestamp"})
        # Again, and nothing has changed.
        self.compute(self.ahmed, "2024-01-15")
        self.assertNotIn(channel.id, self.told())
        record = self.env["spp.attendance.record"].search(
            [("subscriber_id", "=", self.ahmed.id), ("scan_type", "=", "out")]
        )
        record._void("A mistake")
        self.compute()
        types = [event["type"] for event in self.told()[channel.id]]
        self.assertEqual(sorted(types), ["attendance_updated", "record_updated"])
