from freezegun import freeze_time

from odoo.exceptions import AccessError, UserError
from odoo.fields import Date
from odoo.tests import tagged

from ..engine.day import Leave
from .common_day import DayCase

#: A Thursday, 13:00 in Nairobi; the shipped shift goes from 08:00 to 17:00.
TODAY = "2026-09-10"


@tagged("post_install", "-at_install")
@freeze_time(f"{TODAY} 10:00:00")
class TestTeamBoard(DayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.head = cls._new_user("team-head", "head")
        cls.field, cls.office = cls.env["spp.attendance.department"].create(
            [
                {"name": "Field", "company_id": cls.company.id, "head_id": cls.head.id},
                {"name": "Office", "company_id": cls.company.id},
            ]
        )
        cls.squad = cls.field.create(
            {"name": "Squad", "company_id": cls.company.id, "parent_id": cls.field.id}
        )
        cls.worker.department_id = cls.squad
        cls.late = cls._new_worker("W-2", department_id=cls.field.id)
        cls.gone = cls._new_worker("W-3", department_id=cls.office.id)
        cls.missing = cls._new_worker("W-4", department_id=cls.office.id)
        cls.people = cls.worker + cls.late + cls.gone + cls.missing

    def board(self, user=None, **kwargs):
        env = self.records_of(user or self.manager).env
        return env["spp.attendance.team.board"].get_board(**kwargs)

    @staticmethod
    def rows(board):
        return {row["identifier"]: row for row in board["people"]}

    def come(self):
        self.read(TODAY, "07:55 in")
        self.read(TODAY, "08:20 in", person="W-2")
        self.read(TODAY, "08:00 in", "12:30 out", person="W-3")
        self.compute()

    def test_who_is_there_who_has_gone_and_who_is_missing(self):
        self.come()
        board = self.board()
        self.assertEqual(
            (board["day"], board["is_today"], board["more"]), (TODAY, True, 0)
        )
        rows = self.rows(board)
        self.assertLessEqual({"W-1", "W-2", "W-3", "W-4"}, set(rows))
        there, late, gone, missing = (rows[f"W-{number}"] for number in (1, 2, 3, 4))
        self.assertEqual(
            (there["status"], there["is_inside"], there["check_in"]),
            ("on_time", True, "07:55"),
        )
        # From 07:55 to 13:00, of which no break is deducted yet.
        self.assertEqual(there["minutes"], 305)
        self.assertEqual((late["status"], late["late"]), ("late", 20))
        self.assertEqual(
            (gone["is_inside"], gone["check_out"], gone["minutes"]),
            (False, "12:30", 270),
        )
        # There is no day of who didn't come: it is known when the shift began.
        self.assertFalse(self.day(TODAY, self.missing))
        self.assertEqual(
            (missing["day_id"], missing["status"], missing["from"], missing["to"]),
            (False, None, "08:00", "17:00"),
        )
        self.assertEqual(missing["late_after"] - missing["starts"], 5)
        # 08:00 in Nairobi, in minutes since 1970.
        self.assertEqual(missing["starts"] % 1440, 5 * 60)

    def test_a_break_is_deducted_while_somebody_is_there(self):
        self.read(TODAY, "06:30 in")  # six and a half hours before
        self.compute()
        self.assertEqual(self.rows(self.board())["W-1"]["minutes"], 390 - 45)

    def test_who_came_back_from_a_break_is_there(self):
        self.read(TODAY, "07:55 in", "12:00 break_start", "12:30 break_end")
        self.compute()
        row = self.rows(self.board())["W-1"]
        self.assertEqual((row["is_inside"], row["minutes"]), (True, 305))
        self.read(TODAY, "12:45 out")
        self.compute()
        self.assertIs(self.rows(self.board())["W-1"]["is_inside"], False)

    def test_what_was_decided_by_hand_stands(self):
        self.come()
        self.queue._compute_now(
            [],
            None,
            None,
            overrides={(self.worker.id, self.day(TODAY).date): {"net": 100}},
        )
        self.assertEqual(self.rows(self.board())["W-1"]["minutes"], 100)
        self.day(TODAY).is_locked = True
        self.assertIsNone(self.rows(self.board())["W-1"]["is_inside"])

    def test_a_day_off_is_one_before_anything_is_computed(self):
        self.compute()  # from then on their days are kept
        # The shipped shift has Fridays off.
        rows = self.rows(self.board(day="2026-09-11"))
        self.assertEqual(rows["W-1"]["day_type"], "weekend")
        with self.holidays("2026-09-14"):
            rows = self.rows(self.board(day="2026-09-14"))
        self.assertEqual(rows["W-1"]["day_type"], "holiday")

    def test_leave_is_called_by_its_kind(self):
        leave = {(self.worker.id, self.day_of(TODAY)): [Leave("Sick", "LS")]}
        with self.leaves(leave):
            self.compute(since=TODAY)
        row = self.rows(self.board())["W-1"]
        self.assertEqual((row["status"], row["leave"]), ("leave", "Sick"))

    def day_of(self, text):
        return Date.to_date(text)

    def test_by_which_shift_somebody_works(self):
        night = self.new_shift("Night", start=22.0, end=6.0)
        self.assign(night, "2026-09-10", subscriber_id=self.worker.id)
        self.compute()
        row = self.rows(self.board())["W-1"]
        self.assertEqual(
            (row["shift_id"], row["from"], row["to"]), (night.id, "22:00", "06:00 +1")
        )
        self.assertEqual(self.board()["shifts"][night.id], "Night")
        # The day before is another shift's.
        self.assertEqual(
            self.rows(self.board(day="2026-09-09"))["W-1"]["from"], "08:00"
        )

    def test_who_does_not_work_then_is_not_there(self):
        self.missing.work_to = "2026-09-09"
        self.late.work_from = "2026-09-11"
        self.gone.active = False
        self.assertEqual(
            {"W-1", "W-2", "W-3", "W-4"} & set(self.rows(self.board())), {"W-1"}
        )
        # Whose day it was is there, though gone since.
        self.read("2026-09-09", "08:00 in", "17:00 out")
        self.compute()
        self.worker.level_of_work = False
        self.assertIn("W-1", self.rows(self.board(day="2026-09-09")))
        self.assertNotIn("W-1", self.rows(self.board()))

    def test_departments_and_locations_have_what_is_below(self):
        self.assertEqual(
            set(self.rows(self.board(department_id=self.field.id))), {"W-1", "W-2"}
        )
        self.assertEqual(
            set(self.rows(self.board(department_id=self.squad.id))), {"W-1"}
        )
        wing = self.hall.create(
            {
                "name": "Wing",
                "company_id": self.company.id,
                "parent_id": self.hall.id,
                "tz": "Africa/Nairobi",
            }
        )
        self.late.location_id = wing
        self.assertEqual(
            set(self.rows(self.board(location_id=self.hall.id))),
            {"W-1", "W-2", "W-3", "W-4"},
        )
        self.assertEqual(set(self.rows(self.board(location_id=wing.id))), {"W-2"})

    def test_each_sees_what_the_rules_let_him_see(self):
        self.come()
        self.assertEqual(set(self.rows(self.board(self.head))), {"W-1", "W-2"})
        everybody = {"W-1", "W-2", "W-3", "W-4"}
        self.assertEqual(set(self.rows(self.board(self.officer))), everybody)
        self.participant_subscriber.level_of_work = "staff"
        self.assertEqual(set(self.rows(self.board(self.participant))), {"T-4"})
        with self.assertRaises(AccessError):
            self.board(self.internal)

    def test_some_are_read_again(self):
        self.come()
        board = self.records_of(self.head).env["spp.attendance.team.board"]
        # Not who may not be seen, nor who is of another department.
        for call in (
            lambda: board.get_board(5),
            lambda: board.get_people("x", ["W-1"]),
            lambda: board.get_people(False, ["W-1"]),
            lambda: board.get_board(TODAY, "x"),
            lambda: board.get_board(TODAY, False, [1]),
        ):
            with self.assertRaisesRegex(UserError, "2026-11-23|Give a number"):
                call()
        rows = board.get_people(TODAY, ["W-1", "W-3", "W-2"], self.squad.id)
        self.assertEqual([row["identifier"] for row in rows], ["W-1"])
        whole = self.rows(self.board(self.head))["W-1"]
        self.assertEqual(rows[0], whole)
        with self.assertRaises(AccessError):
            self.records_of(self.internal).env["spp.attendance.team.board"].get_people(
                TODAY, ["W-1"]
            )

    def test_a_board_costs_the_same_for_more(self):
        def count():
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            rows = self.rows(self.board(department_id=self.field.id))
            return len(rows), self.env.cr.sql_log_count - before

        self.come()
        count()
        few, statements = count()
        self._new_workers(120)
        self.assertEqual(count(), (few + 120, statements))

    def _new_workers(self, count):
        for number in range(count):
            self._new_worker(f"M-{number}", department_id=self.field.id)
        for number in range(0, count, 2):
            self.read(TODAY, "08:01 in", person=f"M-{number}")
        self.compute()
