import random
from contextlib import suppress
from datetime import date

from psycopg2.errors import SerializationFailure

from odoo.tests import tagged

from odoo.addons.spp_oauth.tools.retry import run_in_transaction

from ..models import spp_attendance_day_queue as queue_module
from .common import RealCase

_DAY = date(2026, 9, 1)


@tagged("post_install", "-at_install")
class TestDayConcurrency(RealCase):
    """Lanes share one queue, and what comes in meanwhile is in a day in the end."""

    emptied = (
        "spp_attendance_day",
        "spp_attendance_record",
        "spp_attendance_shift_assignment",
    )

    def setUp(self):
        super().setUp()
        with self.transaction() as env:
            env["res.company"].browse(self.company_id).attendance_tz = "Asia/Dhaka"
            people = self.make(
                env,
                "spp.attendance.subscriber",
                *(
                    {
                        "person_identifier": f"R-{number}",
                        "company_id": self.company_id,
                        "level_of_work": "worker",
                        "work_from": "2026-09-01",
                        "work_to": "2026-09-01",
                    }
                    for number in range(1, 4)
                ),
            )
            self.ids = people.ids
            env["spp.attendance.day.queue"]._add_people()
        self.addCleanup(self._empty_queue)
        self.work()

    def _empty_queue(self):
        with self.transaction() as env:
            env.cr.execute(
                "DELETE FROM spp_attendance_day_queue WHERE person = ANY(%s)",
                [self.ids],
            )

    def read(self, env, person, *times):
        outcomes = (
            env["spp.attendance.record"]
            .with_context(allowed_company_ids=[self.company_id])
            ._ingest(
                [
                    {
                        "subscriber_id": person,
                        "date_time": f"2026-09-01T{time}",
                        "scan_type": "in" if time < "12" else "out",
                    }
                    for time in times
                ]
            )
        )
        self.assertEqual({outcome.status for outcome in outcomes}, {"created"})

    def work(self):
        """All that waits of the people here, and of nobody else."""
        while run_in_transaction(
            self.registry,
            lambda env: env["spp.attendance.day.queue"]._work(self.ids),
        ):
            pass

    def days(self):
        """Minutes and readings of each person's day."""
        with self.transaction() as env:
            env.cr.execute(
                """
                SELECT subscriber_id, gross_minutes, scan_count, status
                  FROM spp_attendance_day WHERE company_id = %s ORDER BY 1
                """,
                [self.company_id],
            )
            return {row[0]: row[1:] for row in env.cr.fetchall()}

    def waiting(self):
        with self.transaction() as env:
            env.cr.execute(
                "SELECT count(*) FROM spp_attendance_day_queue WHERE person = ANY(%s)",
                [self.ids],
            )
            return env.cr.fetchone()[0]

    def test_what_comes_in_while_a_lane_computes(self):
        """The lane doesn't see it, so it stays in the queue."""
        person = self.ids[0]
        with self.transaction() as env:
            self.read(env, person, "08:00")
        with self.transaction() as lane:
            self.assertEqual(lane["spp.attendance.day.queue"]._work(self.ids), 1)
            with self.transaction() as env:
                self.read(env, person, "17:00")
        self.assertEqual(self.days()[person], (0, 1, "on_time"))
        self.assertEqual(self.waiting(), 1)
        self.work()
        self.assertEqual(self.days()[person], (540, 2, "on_time"))
        self.assertEqual(self.waiting(), 0)

    def test_rules_that_change_while_the_first_day_is_computed_by_them(self):
        """Neither sees the other; in the end the day is by the rules as they are."""
        person = self.ids[0]
        with self.transaction() as env:
            env = env(context={"allowed_company_ids": [self.company_id]})
            shift = self.make(
                env,
                "spp.attendance.shift",
                {"name": "New", "company_id": self.company_id, "late_grace": 0},
            )
            self.read(env, person, "08:20")
            env["spp.attendance.day.queue"]._work([person])
            env["spp.attendance.shift.assignment"].create(
                {
                    "company_id": self.company_id,
                    "subscriber_id": person,
                    "shift_id": shift.id,
                    "date_from": "2026-09-01",
                }
            )
        with self.transaction() as lane:
            self.assertEqual(lane["spp.attendance.day.queue"]._work([person]), 1)
            with self.transaction() as env:
                env["spp.attendance.shift"].browse(shift.id).late_grace = 30
        self.work()
        self.assertEqual(self.days()[person], (0, 1, "considered"))

    def test_what_is_not_committed_when_a_lane_begins(self):
        person = self.ids[0]
        with self.transaction() as first, self.transaction() as second:
            self.read(first, person, "08:00")
            with self.transaction() as env:
                self.read(env, person, "17:00")
            self.assertEqual(second["spp.attendance.day.queue"]._work(self.ids), 1)
        self.work()
        self.assertEqual(self.days()[person], (540, 2, "on_time"))

    def test_lanes_pass_over_whom_another_computes(self):
        one, two, _three = self.ids
        with self.transaction() as env:
            self.read(env, one, "08:00")
            self.read(env, two, "08:00")
        with self.transaction() as first, self.transaction() as second:
            queues = [env["spp.attendance.day.queue"] for env in (first, second)]
            self.assertEqual({row[0] for row in queues[0]._claim([one])}, {one})
            self.assertEqual({row[0] for row in queues[1]._claim(self.ids)}, {two})
            with self.transaction() as env:
                self.read(env, one, "17:00")
            with self.transaction() as third:
                queue = third["spp.attendance.day.queue"]
                self.assertFalse(queue._claim(self.ids))
                third.cr.rollback()
            first.cr.rollback()
            second.cr.rollback()
        self.work()
        self.assertEqual(self.days()[one], (540, 2, "on_time"))

    def test_who_waits_behind_many_rows_of_one_who_is_computed(self):
        """A lane looks further than at the first rows of the queue."""
        one, two, _three = self.ids
        self.patch(queue_module, "_LOOK", 3)
        with self.transaction() as env:
            # Of others nothing waits, such as what other tests have left.
            while env["spp.attendance.day.queue"]._work():
                pass
            self.read(env, one, "08:00", "09:00", "10:00", "11:00")
            self.read(env, two, "08:00")
        with self.transaction() as first, self.transaction() as second:
            first["spp.attendance.day.queue"]._claim([one])
            claimed = second["spp.attendance.day.queue"]._claim()
            self.assertEqual({row[0] for row in claimed}, {two})
            first.cr.rollback()
            second.cr.rollback()

    def test_a_lane_that_saw_less_begins_again(self):
        """One that took its snapshot before another had computed the same person."""
        person = self.ids[0]
        with self.transaction() as env:
            self.read(env, person, "08:00")
        with self.transaction() as late:
            late.cr.execute("SELECT 1 FROM res_company")
            self.work()
            with self.transaction() as env:
                self.read(env, person, "17:00")
            with self.assertRaises(SerializationFailure):
                late["spp.attendance.day.queue"]._compute_now([person], _DAY, _DAY)
            late.cr.rollback()
        self.work()
        self.assertEqual(self.days()[person], (540, 2, "on_time"))

    def test_what_is_decided_while_a_lane_computes(self):
        person = self.ids[0]
        with self.transaction() as env:
            self.read(env, person, "08:20", "17:00")
        self.work()
        with self.transaction() as lane:
            with self.transaction() as env:
                self.read(env, person, "18:00")
            lane.cr.execute("SELECT 1 FROM res_company")
            run_in_transaction(
                self.registry,
                lambda env: env["spp.attendance.day.queue"]._compute_now(
                    [person],
                    _DAY,
                    _DAY,
                    overrides={(person, _DAY): {"is_forgiven": True}},
                ),
            )
            with self.assertRaises(SerializationFailure):
                lane["spp.attendance.day.queue"]._work([person])
            lane.cr.rollback()
        self.work()
        self.assertEqual(self.days()[person], (580, 3, "considered"))

    def test_lanes_and_readings_in_any_order(self):
        """Two lanes begin and end at any moment between what comes in."""
        for seed in range(4):
            self._interleave(random.Random(seed), seed)
        self.work()
        self.assertEqual(self.waiting(), 0)
        self.assertEqual({row[1] for row in self.days().values()}, {4 * 5})
        self.assertEqual({row[0] for row in self.days().values()}, {9 * 60 + 51})

    def _interleave(self, chance, seed):
        """Record five readings of each person while two lanes work."""
        readings = [
            (person, f"{8 + 2 * number + (number > 1):02d}:{17 * seed:02d}")
            for person in self.ids
            for number in range(5)
        ]
        chance.shuffle(readings)
        lanes = [None, None]

        def end(number):
            with suppress(SerializationFailure):
                lanes[number].__exit__(None, None, None)
            lanes[number] = None

        while readings:
            number = chance.randrange(3)
            if number == 2:
                with self.transaction() as env:
                    self.read(env, *readings.pop())
            elif lanes[number]:
                end(number)
            else:
                lanes[number] = self.transaction()
                env = lanes[number].__enter__()
                try:
                    env["spp.attendance.day.queue"]._work(self.ids)
                except SerializationFailure:
                    env.cr.rollback()
        for number in range(2):
            if lanes[number]:
                end(number)
