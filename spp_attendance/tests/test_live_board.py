from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import tagged

from .common import AttendanceCase


@tagged("post_install", "-at_install")
class TestLiveBoard(AttendanceCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.wing = cls.env["spp.attendance.location"].create(
            {"name": "Wing", "company_id": cls.company.id, "parent_id": cls.hall.id}
        )
        records = cls.env["spp.attendance.record"].with_company(cls.company)
        cls.today = records._now_local().date()
        cls.seen = cls.record(cls.amina, cls.hall, type_id=cls.training.id)
        cls.away = cls.record(cls.joseph, cls.wing, category="absent")
        cls.hidden = cls.record(cls.grace, cls.closed_site)
        cls.voided = cls.record(cls.grace, cls.hall, local_time="00:00:01")
        cls.voided._void("a mistake")
        cls.old = cls.record(
            cls.grace, cls.hall, local_date=cls.today - timedelta(days=3)
        )
        cls.foreign = cls.record(cls.stranger, cls.other_hall)

    @classmethod
    def record(cls, person, location, **vals):
        return cls.env["spp.attendance.record"].create(
            {
                "subscriber_id": person.id,
                "location_id": location.id,
                "local_date": cls.today,
                "local_time": "00:00:00",
                **vals,
            }
        )

    def board(self, user=None, **kwargs):
        env = self.records_of(user or self.manager).env
        return env["spp.attendance.live.board"].get_board(**kwargs)

    @staticmethod
    def counts(board):
        return {
            (
                group["location"] and group["location"]["name"],
                group["type"] and group["type"]["name"],
                group["category"],
            ): group["records"]
            for group in board["groups"]
        }

    @staticmethod
    def ids(board):
        return {event["data"]["id"] for event in board["events"]}

    def test_the_day_is_counted_by_location_type_and_category(self):
        board = self.board()
        hall, wing = self.hall.display_name, self.wing.display_name
        self.assertEqual(
            self.counts(board),
            {
                (hall, self.training.name, "present"): 1,
                (wing, False, "absent"): 1,
                (self.closed_site.display_name, False, "present"): 1,
            },
        )
        self.assertEqual(board["last_id"], self.hidden.id)
        self.assertFalse(board["location_ids"])
        counted = self.records_of(self.manager).search(board["domain"])
        self.assertEqual(counted, self.seen + self.away + self.hidden)

    def test_what_arrived_last_comes_first_as_the_live_feed_tells_it(self):
        board = self.board()
        # Of today's: voided ones too, and what is of another day but came today.
        own = self.seen + self.away + self.hidden + self.voided + self.old
        self.assertEqual(self.ids(board), set(own.ids))
        event = board["events"][0]
        self.assertEqual(event["type"], "record_updated")
        self.assertEqual(event["employee_id"], event["data"]["person_identifier"])
        stamps = [event["data"]["updated_at"] for event in board["events"]]
        self.assertEqual(stamps, sorted(stamps, reverse=True))

    def test_history_that_is_imported_is_counted_but_not_told(self):
        imported = self.record(
            self.grace, self.hall, local_time="00:00:02", source="import"
        )
        board = self.board()
        self.assertEqual(board["last_id"], imported.id)
        self.assertNotIn(imported.id, self.ids(board))

    def test_each_sees_what_the_rules_let_him_see(self):
        for user in (self.officer, self.head_of(self.amina), self.admin):
            with self.subTest(user=user.login):
                board = self.board(user)
                visible = self.records_of(user).with_context(
                    active_test=False, tz=self.company.attendance_tz
                )
                mine = visible.search([("write_date", ">=", self.today)])
                self.assertLessEqual(self.ids(board), set(mine.ids))
                counted = visible.search(
                    [("local_date", "=", self.today), ("active", "=", True)]
                )
                self.assertEqual(sum(self.counts(board).values()), len(counted))
        self.assertNotIn(self.hidden.id, self.ids(self.board(self.officer)))
        with self.assertRaises(AccessError):
            self.board(self.internal)

    def head_of(self, person):
        head = self._new_user("live-head", "head")
        department = self.env["spp.attendance.department"].create(
            {"name": "Live", "company_id": self.company.id, "head_id": head.id}
        )
        person.department_id = department
        return head

    def test_a_location_has_what_is_part_of_it(self):
        board = self.board(location_id=self.hall.id)
        self.assertEqual(set(board["location_ids"]), set((self.hall + self.wing).ids))
        self.assertEqual(sum(self.counts(board).values()), 2)
        self.assertNotIn(self.hidden.id, self.ids(board))
        board = self.board(type_id=self.training.id)
        self.assertEqual(self.ids(board), set(self.seen.ids))
        self.assertEqual(sum(self.counts(board).values()), 1)
        nothing = self.board(location_id=self.wing.id, type_id=self.training.id)
        self.assertEqual(nothing["groups"] + nothing["events"], [])
        self.assertEqual(nothing["last_id"], 0)

    def test_another_day_begins_at_midnight_where_the_company_is(self):
        # In Nairobi, three hours before London.
        ends_at = fields.Datetime.to_datetime(self.board()["ends_at"])
        self.assertEqual((ends_at.hour, ends_at.minute), (21, 0))
        self.assertEqual(ends_at.date(), self.today)

    def test_a_board_costs_the_same_for_more(self):
        def count():
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.board()
            return self.env.cr.sql_log_count - before

        count()
        few = count()
        places = self.env["spp.attendance.location"].create(
            [
                {"name": f"Place {number}", "company_id": self.company.id}
                for number in range(20)
            ]
        )
        for place in places:
            self.record(self.joseph, place, local_time=f"01:{place.id % 60:02}:00")
        self.assertEqual(count(), few)
