from datetime import date

from odoo.tests import tagged

from ..summary import Summary
from .common import AttendanceCase


@tagged("post_install", "-at_install")
class TestSummary(AttendanceCase):
    """What other addons ask: days present and absent."""

    FROM, TO = date(2026, 9, 1), date(2026, 9, 30)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.people = cls.amina + cls.joseph + cls.grace

    def summary(self, people=None, user=None, **filters):
        people = self.people if people is None else people
        env = self.records_of(user or self.manager).env
        return people.with_env(env)._attendance_summary(self.FROM, self.TO, **filters)

    def test_nothing_recorded(self):
        nothing = Summary(0, 0, None)
        self.assertEqual(self.summary(), dict.fromkeys(self.people.ids, nothing))

    def test_nobody(self):
        self.assertEqual(self.summary(self.people.browse()), {})

    def test_a_day_counts_once_and_present_wins(self):
        self.ingest(
            self.item("T-1", "2026-09-01T08:00:00"),
            self.item("T-1", "2026-09-01T17:00:00"),
            self.item("T-1", "2026-09-02T08:00:00", category="absent"),
            self.item("T-1", "2026-09-02T09:30:00"),
            self.item("T-1", "2026-09-03T08:00:00", category="absent"),
            self.item("T-1", "2026-09-03T09:00:00", category="absent"),
            self.item("T-2", "2026-09-03T08:00:00", category="absent"),
        )
        self.assertEqual(
            self.summary(),
            {
                self.amina.id: Summary(2, 1, 2 / 3),
                self.joseph.id: Summary(0, 1, 0.0),
                self.grace.id: Summary(0, 0, None),
            },
        )

    def test_the_days_are_local_and_both_ends_count(self):
        self.ingest(
            # In Kathmandu the first of September begins in August, in UTC.
            self.item("T-1", "2026-09-01T00:10:00", location="CLOSED"),
            self.item("T-2", "2026-08-31T23:50:00", location="CLOSED"),
            self.item("T-3", "2026-09-30T23:59:59", tz="America/Los_Angeles"),
            self.item("T-2", "2026-10-01T00:00:00"),
        )
        self.assertEqual(
            {key: value.present_days for key, value in self.summary().items()},
            {self.amina.id: 1, self.joseph.id: 0, self.grace.id: 1},
        )

    def test_voided_records_do_not_count(self):
        [outcome] = self.ingest(self.item())
        self.records_of(self.manager).browse(outcome.id)._void("wrong person")
        self.assertEqual(self.summary()[self.amina.id], Summary(0, 0, None))

    def test_types_and_locations_with_those_below(self):
        room = self.hall.create(
            {
                "name": "Room",
                "code": "ROOM",
                "parent_id": self.hall.id,
                "company_id": self.company.id,
            }
        )
        self.ingest(
            self.item("T-1", "2026-09-01T08:00:00", location="ROOM", type="TRN-TEST"),
            self.item("T-1", "2026-09-02T08:00:00", location="HALL"),
            self.item("T-1", "2026-09-03T08:00:00"),
        )
        for expected, filters in (
            (3, {}),
            (3, {"types": self.training.browse(), "locations": self.hall.browse()}),
            (1, {"types": self.training}),
            (2, {"locations": self.hall}),
            (1, {"locations": room}),
            (1, {"locations": self.hall, "types": self.training}),
            (0, {"locations": self.closed_site}),
        ):
            with self.subTest(filters=filters):
                present = self.summary(**filters)[self.amina.id].present_days
                self.assertEqual(present, expected)

    def test_as_the_user_may_see(self):
        self.ingest(
            self.item("T-1", "2026-09-01T08:00:00", location="HALL"),
            self.item("T-1", "2026-09-02T08:00:00", location="CLOSED"),
            self.item("T-4", "2026-09-02T08:00:00"),
        )
        people = self.people + self.participant_subscriber
        for user, expected in (
            (self.manager, [2, 0, 0, 1]),
            (self.officer, [1, 0, 0, 1]),
            (self.participant, [0, 0, 0, 1]),
        ):
            with self.subTest(user=user.login):
                summaries = self.summary(people, user)
                self.assertEqual(
                    [summaries[person.id].present_days for person in people], expected
                )

    def test_statements_do_not_grow(self):
        """One, and one more for the locations."""
        people = self.amina.create(
            [
                {"person_identifier": f"S-{number}", "company_id": self.company.id}
                for number in range(60)
            ]
        )
        self.ingest(
            *(
                self.item(f"S-{number}", f"2026-09-{day:02}T08:00:00", location="HALL")
                for number in range(60)
                for day in range(1, 15)
            )
        )
        self.summary(locations=self.hall)  # the rules are known from now on
        for some in (people[:1], people):
            some = some.with_env(self.records_of(self.manager).env)
            filters = {"types": self.training, "locations": self.hall}
            self.env.invalidate_all()
            with self.assertQueryCount(2):
                some._attendance_summary(self.FROM, self.TO, **filters)
            with self.assertQueryCount(1):
                some._attendance_summary(self.FROM, self.TO)
