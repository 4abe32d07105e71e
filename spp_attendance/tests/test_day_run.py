from datetime import date
from unittest.mock import patch

from freezegun import freeze_time
from psycopg2 import IntegrityError
from psycopg2.errors import SerializationFailure

from odoo.exceptions import AccessError, UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..models import spp_attendance_day_run as run_module
from .common import RealCase
from .common_day import DayCase


@tagged("post_install", "-at_install")
@freeze_time("2026-09-20 09:00:00")
class TestDayRun(DayCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.runs = cls.env["spp.attendance.day.run"].with_company(cls.company)
        cls.worker.work_from = "2026-01-01"
        cls.other = cls._new_worker("W-2", work_from="2026-01-01")
        cls.env.flush_all()
        cls.env["spp.attendance.day.queue"]._enqueue_due()
        while cls.env["spp.attendance.day.queue"]._work():
            pass

    def start(self, **values):
        run = self.runs.create(
            {
                "company_id": self.company.id,
                "date_from": "2026-06-01",
                "date_to": "2026-06-30",
                **values,
            }
        )
        run.action_start()
        return run

    def steps(self, run, most=100):
        """Do the pieces of a run; return how many there were."""
        for number in range(most):
            if run.state != "running":
                return number
            run._step()
            self.env.flush_all()
            self.env.invalidate_all()
        return most

    def count(self, person, since="2026-06-01", until="2026-06-30"):
        return self.days.search_count(
            [
                ("subscriber_id", "=", person.id),
                ("date", ">=", since),
                ("date", "<=", until),
            ]
        )

    def test_days_of_long_ago(self):
        self.assertFalse(self.count(self.worker))
        run = self.start()
        self.assertEqual((run.state, run.total, run.progress), ("running", 2, 0))
        self.steps(run)
        self.assertEqual((run.state, run.progress), ("done", 100))
        self.assertEqual(run.changed_count, 60)
        self.assertEqual(self.count(self.worker), 30)
        self.assertEqual(self.count(self.other), 30)
        self.assertFalse(self.count(self.worker, "2026-05-01", "2026-05-31"))

    def test_it_is_done_in_pieces_and_goes_on_from_there(self):
        self.patch(run_module, "MOST_DAYS", 10)
        self.patch(run_module, "MOST_AT_ONCE", 10)
        run = self.start()
        run._step()
        self.assertEqual(run.at_person, min(self.worker.id, self.other.id))
        self.assertAlmostEqual(run.progress, 100 / 6)
        self.assertEqual(self.count(self.worker) + self.count(self.other), 10)
        run.action_cancel()
        self.assertEqual(self.steps(run), 0)
        run.action_start()
        self.assertEqual(run.total, 2)
        self.assertEqual(self.steps(run), 3 * 3 - 1)
        self.assertEqual((run.state, run.changed_count), ("done", 60))

    def test_of_whom(self):
        yard, shop = self.env["spp.attendance.department"].create(
            [{"name": name, "company_id": self.company.id} for name in ("Yard", "Shop")]
        )
        shop.parent_id = yard
        self.other.department_id = shop
        self.steps(self.start(department_ids=yard.ids))
        self.assertFalse(self.count(self.worker))
        self.assertEqual(self.count(self.other), 30)
        self.steps(self.start(subscriber_ids=self.worker.ids))
        self.assertEqual(self.count(self.worker), 30)
        run = self.start(location_ids=self.closed_site.ids)
        self.assertEqual(run.total, 0)
        self.assertEqual(self.steps(run), 1)
        self.assertEqual((run.state, run.changed_count), ("done", 0))

    def test_nobody_of_another_company(self):
        stranger = self._new_worker(
            "W-9", company_id=self.other_company.id, location_id=self.other_hall.id
        )
        self.steps(self.start())
        self.assertFalse(self.count(stranger))

    def test_past_rules_stay_unless_they_are_looked_up_anew(self):
        self.read("2026-06-02", "11:00 in")
        self.compute()
        self.assertEqual(self.day("2026-06-02").status, "late")
        late = self.new_shift("Late", start=12, end=20)
        with patch.object(
            self.registry["spp.attendance.day.queue"], "_enqueue_assignments"
        ):
            self.assign(late, "2026-06-01", subscriber_id=self.worker.id)
        self.steps(self.start())
        self.assertEqual(self.day("2026-06-02").status, "late")
        self.steps(self.start(is_anew=True))
        self.assertEqual(self.day("2026-06-02").status, "on_time")

    def test_a_failure_is_told_and_can_go_on(self):
        run = self.start()
        self.env.flush_all()

        def once(_registry, func):
            with self.env.cr.savepoint():
                return func(self.env)

        self.patch(run_module, "run_in_transaction", once)
        queue_class = self.registry["spp.attendance.day.queue"]
        with patch.object(queue_class, "_compute_now", side_effect=ZeroDivisionError):
            self.assertTrue(run_module.work(self.registry))
        self.assertEqual((run.state, run.error), ("failed", "ZeroDivisionError"))
        self.assertFalse(run_module.work(self.registry))
        run.action_start()
        while run_module.work(self.registry):
            self.env.invalidate_all()
        self.assertEqual((run.state, run.error), ("done", False))
        self.assertEqual(self.count(self.worker), 30)

    def test_how_far_it_is_is_not_for_users_to_say(self):
        given = {
            "state": "done",
            "total": 7,
            "done_count": 7,
            "changed_count": 7,
            "at_date": "2026-06-30",
            "at_person": 2**30,
            "user_id": self.officer.id,
            "started_at": "2026-09-01 00:00:00",
            "ended_at": "2026-09-01 00:00:00",
            "error": "None",
        }
        defaults = {f"default_{name}": value for name, value in given.items()}
        runs = self.runs.with_user(self.manager).with_context(
            allowed_company_ids=self.company.ids
        )
        asked = {"date_from": "2026-06-01", "date_to": "2026-06-30"}
        for model, more in ((runs, given), (runs.with_context(**defaults), {})):
            run = model.create({**asked, **more})
            self.assertEqual(run.state, "draft")
            for name in given.keys() - {"state"}:
                self.assertFalse(run[name], name)
        for name, value in given.items():
            with self.subTest(name), self.assertRaises(AccessError):
                run.write({name: value})
        # By the buttons it is done as ever.
        run = runs.create(asked)
        run.action_start()
        self.assertEqual((run.state, run.user_id), ("running", self.manager))
        run.action_cancel()
        self.assertEqual(run.state, "cancelled")
        run.action_start()
        self.steps(self.runs.browse(run.id))
        self.assertEqual((run.state, run.changed_count), ("done", 60))

    def test_what_was_started_stays_as_it_is(self):
        run = self.start()
        with self.assertRaises(UserError):
            run.date_to = "2026-07-30"
        with self.assertRaises(UserError):
            run.unlink()
        run.action_cancel()
        run.unlink()

    def test_dates(self):
        with mute_logger("odoo.sql_db"), self.assertRaises(IntegrityError):
            self.start(date_to=date(2026, 5, 31))

    def test_it_is_for_managers(self):
        run = self.start()
        run.action_cancel()
        run = run.with_context(allowed_company_ids=self.company.ids)
        run.with_user(self.manager).action_start()
        self.assertEqual(run.state, "running")
        self.assertEqual(run.user_id, self.manager)
        self.env.flush_all()
        self.env.invalidate_all()
        for user in (self.officer, self.api_user, self.participant):
            with self.assertRaises(AccessError):
                run.with_user(user).action_cancel()


@tagged("post_install", "-at_install")
class TestDayRunReal(RealCase):
    def test_it_is_cancelled_while_a_piece_is_done(self):
        with self.transaction() as env:
            run = self.make(
                env,
                "spp.attendance.day.run",
                {
                    "company_id": self.company_id,
                    "date_from": "2026-06-01",
                    "date_to": "2026-06-30",
                    "state": "running",
                    "at_date": "2026-06-01",
                },
            )
            self.make(
                env,
                "spp.attendance.subscriber",
                {
                    "name": "Real",
                    "person_identifier": "REAL-1",
                    "company_id": self.company_id,
                    "level_of_work": "worker",
                },
            )
            env.cr.execute("SELECT count(*) FROM spp_attendance_day")
            [before] = env.cr.fetchone()
        with self.assertRaises(SerializationFailure), self.transaction() as lane:
            taken = lane["spp.attendance.day.run"]._take()
            self.assertEqual(taken.ids, run.ids)
            with self.transaction() as env:
                self.assertFalse(env["spp.attendance.day.run"]._take())
                env["spp.attendance.day.run"].browse(run.ids).action_cancel()
            taken._step()
        with self.transaction() as env:
            run = env["spp.attendance.day.run"].browse(run.ids)
            self.assertEqual((run.state, run.done_count), ("cancelled", 0))
            self.assertFalse(env["spp.attendance.day.run"]._take())
            env.cr.execute("SELECT count(*) FROM spp_attendance_day")
            self.assertEqual(env.cr.fetchone(), (before,))
