import io
from datetime import date

from lxml import html

from odoo import Command
from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger
from odoo.tools.pdf import PdfFileReader

from .common_api import ApiCase
from .test_register_sheet import WEEK, SheetCase

REPORT = "spp_attendance.spp_attendance_register_muster_report"


class MusterCase(SheetCase):
    """A register at a place on Nairobi's clock, three hours ahead of UTC."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.register.mark_mode = "entry_exit"

    def log(self, person, *marks, register=None):
        """Marks as ``"09-07 08:00 in"``, on the clock of the hall."""
        for mark in marks:
            day, time, kind = mark.split()
            self.env["spp.attendance.record"].create(
                {
                    "subscriber_id": person.id,
                    "register_id": (register or self.register).id,
                    "local_date": f"2026-{day}",
                    "local_time": time,
                    "scan_type": kind,
                    "location_id": self.hall.id,
                }
            )

    def as_user(self, user):
        """The register as somebody sees it."""
        return (
            self.records_of(user)
            .env["spp.attendance.register"]
            .browse(self.register.id)
        )

    def muster(self, first=WEEK[0], last=WEEK[1], register=None):
        """``{identifier: {day: (half days, entry, exit)}}``."""
        found = (register or self.register)._muster(
            date.fromisoformat(first), date.fromisoformat(last)
        )
        return {
            person.person_identifier: {
                day.day: tuple(cell[:3]) for day, cell in cells.items()
            }
            for person, _tag, _spans, cells in found
        }


@tagged("post_install", "-at_install")
class TestMuster(MusterCase):
    def test_half_and_whole_days(self):
        self.log(
            self.amina,
            "09-07 08:00 in",
            "09-07 16:00 out",
            "09-08 08:00 in",
            "09-08 15:59 out",
            "09-09 08:00 in",
            "09-10 08:00 out",
        )
        self.assertEqual(
            self.muster(),
            {
                "T-1": {
                    7: (2, "08:00", "16:00"),
                    8: (1, "08:00", "15:59"),
                    9: (0, "08:00", None),
                    # An exit without an entry is nothing, and no fault.
                    10: (0, None, "08:00"),
                },
                # Who is enrolled and has no marks has nothing.
                "T-2": {},
            },
        )

    def test_what_is_no_date(self):
        register = self.as_user(self.officer)
        for read in (register.get_muster, register.get_sheet):
            for given in ((5, 6), ("x", "y"), (WEEK[0], []), ({}, None), (True, True)):
                with (
                    self.subTest(read=read.__name__, given=given),
                    self.assertRaisesRegex(UserError, "is not a date. Write it as"),
                ):
                    read(*given)

    def test_thresholds(self):
        self.log(self.amina, "09-07 08:00 in", "09-07 12:00 out")
        self.log(self.amina, "09-08 08:00 in", "09-08 12:01 out")
        self.company.attendance_muster_rounds_up = True
        self.assertEqual(
            self.muster()["T-1"],
            {7: (1, "08:00", "12:00"), 8: (2, "08:00", "12:01")},
        )
        self.company.write(
            {"attendance_muster_rounds_up": False, "attendance_muster_full_hours": 4}
        )
        self.assertEqual([cell[0] for cell in self.muster()["T-1"].values()], [2, 2])

    def test_first_entry_to_last_exit_in_any_order(self):
        self.log(
            self.amina,
            "09-07 16:30 out",
            "09-07 13:00 in",
            "09-07 12:00 out",
            "09-07 08:00 in",
        )
        self.assertEqual(self.muster()["T-1"], {7: (2, "08:00", "16:30")})

    def test_a_day_is_one_where_the_register_is(self):
        # 00:30 in Nairobi is the day before in UTC; by the shift's window it is the
        # evening of the day before, as for everybody who works there.
        self.log(self.amina, "09-08 17:00 in", "09-09 01:00 out")
        self.assertEqual(self.muster()["T-1"], {8: (2, "17:00", "01:00")})

    def test_the_shift_of_the_place_counts(self):
        night = self.env["spp.attendance.shift"].create(
            {
                "name": "Night",
                "company_id": self.company.id,
                "start": 22,
                "end": 6,
                "opens_before": 4,
                "closes_after": 6,
                "overtime_start": 6,
                "extra_start": 8,
            }
        )
        self.log(self.amina, "09-08 22:00 in", "09-09 06:00 out")
        self.log(self.amina, "09-09 22:00 in", "09-10 06:05 out")
        self.env["spp.attendance.shift.assignment"].create(
            {
                "company_id": self.company.id,
                "location_id": self.hall.id,
                "shift_id": night.id,
                "date_from": "2026-09-01",
            }
        )
        self.assertEqual(
            self.muster()["T-1"],
            {8: (2, "22:00", "06:00"), 9: (2, "22:00", "06:05")},
        )

    def test_only_marks_of_the_register(self):
        self.env["spp.attendance.record"].create(
            {
                "subscriber_id": self.amina.id,
                "local_date": "2026-09-07",
                "local_time": "08:00",
                "scan_type": "in",
            }
        )
        self.assertEqual(self.muster(), {"T-1": {}, "T-2": {}})

    def test_marked_present(self):
        self.register.mark_mode = "day"
        records = self.env["spp.attendance.record"]
        for day, category in ((7, "present"), (8, "absent")):
            records.create(
                {
                    "subscriber_id": self.amina.id,
                    "register_id": self.register.id,
                    "local_date": f"2026-09-{day:02}",
                    "local_time": "08:00",
                    "category": category,
                }
            )
        self.log(self.amina, "09-09 08:00 in", "09-09 11:00 out")
        self.assertEqual(
            self.muster()["T-1"],
            {7: (2, None, None), 8: (0, None, None), 9: (1, "08:00", "11:00")},
        )

    def test_the_screen(self):
        self.log(self.amina, "09-07 08:00 in", "09-07 16:00 out")
        self.log(self.amina, "09-08 08:00 in", "09-08 12:00 out")
        muster = self.as_user(self.officer).get_muster()
        self.assertEqual(
            (muster["date_from"], muster["date_to"]), ("2026-09-01", "2026-09-30")
        )
        muster = self.as_user(self.officer).get_muster(*WEEK)
        self.assertEqual(muster["register"]["tz"], "Africa/Nairobi")
        self.assertEqual(
            [(row[2], row[3], row[5]) for row in muster["people"]],
            [("T-2", "", 0), ("T-1", "A", 3)],
        )
        self.assertEqual(
            muster["cells"],
            [
                [self.amina.id, "2026-09-07", 2, "08:00", "16:00", 480, None],
                [self.amina.id, "2026-09-08", 1, "08:00", "12:00", 240, None],
            ],
        )

    def test_who_is_not_on_the_staff(self):
        with self.assertRaises(AccessError):
            self.as_user(self._new_user("second", "officer")).get_muster()
        with self.assertRaises(AccessError):
            self.as_user(self.participant).get_muster()

    def test_on_paper(self):
        self.log(self.amina, "09-07 08:00 in", "09-07 16:00 out")
        self.log(self.amina, "09-08 08:00 in", "09-08 12:00 out")
        report = self.as_user(self.officer).env["ir.actions.report"]
        data = {
            "register_id": self.register.id,
            "date_from": WEEK[0],
            "date_to": WEEK[1],
        }
        content, _kind = report._render_qweb_html(REPORT, [], data=data)
        page = html.fromstring(content)
        rows = [
            [" ".join(cell.text_content().split()) for cell in row.xpath("td")]
            for row in page.xpath("//tbody/tr")
        ]
        own = next(row for row in rows if row[1] == "T-1")
        self.assertEqual(own[3:5], ["1 08:00-16:00", "½ 08:00-12:00"])
        self.assertEqual(own[-1], "1½")
        quiet = mute_logger("odoo.addons.base.models.ir_actions_report")
        forced = report.with_context(force_report_rendering=True)
        with self.allow_pdf_render(), quiet:
            content, kind = forced._render_qweb_pdf(REPORT, [], data=data)
        self.assertEqual(kind, "pdf")
        self.assertEqual(len(PdfFileReader(io.BytesIO(content)).pages), 1)

    def test_statements_do_not_grow(self):
        count = {}
        for number in (1, 2, 20):  # the first one warms up
            people = self.env["spp.attendance.subscriber"].create(
                [
                    {
                        "person_identifier": f"{number}-{n}",
                        "company_id": self.company.id,
                    }
                    for n in range(number)
                ]
            )
            self.register.attendee_ids = [
                Command.create(
                    {
                        "subscriber_id": person.id,
                        "interval_ids": [
                            Command.create({"start_at": "2026-08-31 21:00:00"})
                        ],
                    }
                )
                for person in people
            ]
            for person in people:
                self.log(person, "09-07 08:00 in", "09-07 16:00 out")
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.as_user(self.officer).get_muster(*WEEK)
            count[number] = self.env.cr.sql_log_count - before
        self.assertEqual(count[2], count[20])


@tagged("post_install", "-at_install")
class TestMusterApi(ApiCase, MusterCase):
    def test_muster(self):
        self.log(self.amina, "09-07 08:00 in", "09-07 16:00 out")
        self.log(self.amina, "09-08 12:00 out")
        self.env.flush_all()
        path = f"/registers/{self.register.uuid}/muster"
        body = self._ok("GET", path, params=f"from={WEEK[0]}&to={WEEK[1]}")
        self.assertEqual((body["from"], body["to"]), WEEK)
        self.assertEqual(body["register"]["uuid"], self.register.uuid)
        self.assertEqual((body["tz"], body["total"]), ("Africa/Nairobi", 1.0))
        self.assertEqual(body["full_day_hours"], 8.0)
        joseph, amina = body["items"]
        self.assertEqual((joseph["total"], joseph["days"]), (0, []))
        self.assertEqual(
            (amina["total"], amina["full_days"], amina["half_days"]), (1.0, 1, 0)
        )
        self.assertEqual(
            amina["days"][0],
            {
                "date": "2026-09-07",
                "attendance": 1.0,
                "entry": "08:00",
                "exit": "16:00",
                "hours": 8.0,
                "mark": None,
            },
        )
        self.assertEqual(amina["days"][1]["attendance"], 0.0)
        # From the register's first day to today, where nothing is said.
        whole = self._ok("GET", path)
        self.assertEqual((whole["from"], whole["to"]), ("2026-09-01", "2026-09-10"))
        self.assertEqual(whole["total"], 1.0)

    def test_what_is_refused(self):
        path = f"/registers/{self.register.uuid}/muster"
        answer = self._call("GET", path, params="from=2026-09-02&to=2026-09-01")
        self.assertIn(answer.status_code, (400, 422))
        answer = self._call("GET", path, params="from=2020-01-01")
        self.assertEqual(answer.status_code, 422)
        for params in ("from=0001-01-01&to=0001-01-02", "from=9999-12-31"):
            answer = self._call("GET", path, params=params)
            self.assertEqual(answer.status_code, 422, answer.text)
        for day in ("0001-01-01", "9999-12-31"):
            with self.assertRaises(UserError):
                self.register.get_muster(day, day)
            with self.assertRaises(UserError):
                self.register.get_sheet(day, day)
        nowhere = "/registers/00000000-0000-4000-8000-000000000000/muster"
        self.assertEqual(self._call("GET", nowhere).status_code, 404)
