from datetime import date

from odoo.exceptions import UserError
from odoo.tests import tagged

from odoo.addons.spp_oauth.tools.retry import run_in_transaction

from .common import RealCase

_DAYS = date(2026, 9, 1), date(2026, 9, 3)


@tagged("post_install", "-at_install")
class TestPayrollConcurrency(RealCase):
    """Two who close periods of the same days and people at the same moment."""

    emptied = ("spp_attendance_day", "spp_attendance_shift_assignment")

    def setUp(self):
        super().setUp()
        with self.transaction() as env:
            self.user_id = env.ref("base.user_admin").id
            company = {"company_id": self.company_id}
            people = self.make(
                env,
                "spp.attendance.subscriber",
                *(
                    {
                        "person_identifier": f"R-{number}",
                        "level_of_work": "worker",
                        "work_from": _DAYS[0],
                        "work_to": _DAYS[1],
                        **company,
                    }
                    for number in range(1, 4)
                ),
            )
            self.ids = people.ids
            self.periods = self.make(
                env,
                "spp.attendance.payroll.period",
                {"name": "Days", "date_from": _DAYS[0], "date_to": _DAYS[1], **company},
                {"name": "Day", "date_from": _DAYS[1], "date_to": _DAYS[1], **company},
            ).ids
        self.addCleanup(self._empty)
        run_in_transaction(
            self.registry,
            lambda env: env["spp.attendance.day.queue"]._compute_now(self.ids, *_DAYS),
        )

    def _empty(self):
        """Remove what the database keeps."""
        with self.transaction() as env:
            env.cr.execute(
                "ALTER TABLE spp_attendance_payroll_line DISABLE TRIGGER USER"
            )
            env.cr.execute(
                "DELETE FROM spp_attendance_payroll_line WHERE company_id = %s",
                [self.company_id],
            )
            env.cr.execute(
                "ALTER TABLE spp_attendance_payroll_line ENABLE TRIGGER USER"
            )
            env.cr.execute(
                "DELETE FROM spp_attendance_day_queue WHERE person = ANY(%s)",
                [self.ids],
            )

    def close(self, env, period_id):
        # The system's own user has no groups of its own.
        periods = env["spp.attendance.payroll.period"].with_context(
            allowed_company_ids=[self.company_id]
        )
        periods.browse(period_id)._close(accepts_doubts=True)

    def lines(self):
        """Of each period its state, and how many people it was closed with."""
        with self.transaction() as env:
            env.cr.execute(
                """
                SELECT p.state, p.closed_at IS NOT NULL, count(l.id)
                  FROM spp_attendance_payroll_period p
             LEFT JOIN spp_attendance_payroll_line l ON l.period_id = p.id
                 WHERE p.id = ANY(%s)
              GROUP BY p.id ORDER BY p.id
                """,
                [self.periods],
            )
            return env.cr.fetchall()

    def test_periods_that_overlap(self):
        """The later one doesn't see what the first one closes, and is refused."""
        first, second = self.periods
        with self.transaction() as later:
            later.cr.execute("SELECT count(*) FROM spp_attendance_payroll_line")
            with self.transaction() as sooner:
                self.close(sooner, first)
            with self.assertRaisesRegex(UserError, "Somebody else has just closed"):
                self.close(later, second)
        self.assertEqual(self.lines(), [("closed", True, 3), ("open", False, 0)])
        # Who tries again sees it, and is told of whom.
        with (
            self.transaction() as again,
            self.assertRaisesRegex(UserError, "R-1"),
        ):
            self.close(again, second)
        self.assertEqual(self.lines(), [("closed", True, 3), ("open", False, 0)])

    def test_the_same_period(self):
        """Who is later begins again, as requests do, and is told."""
        first = self.periods[0]
        tries = []

        def close(env):
            env.cr.execute("SELECT count(*) FROM spp_attendance_payroll_line")
            tries.append(env)
            if len(tries) == 1:
                with self.transaction() as sooner:
                    self.close(sooner, first)
            self.close(env, first)

        with self.assertRaisesRegex(UserError, "closed already"):
            run_in_transaction(self.registry, close)
        self.assertEqual(len(tries), 2)
        self.assertEqual(self.lines(), [("closed", True, 3), ("open", False, 0)])

    def test_a_day_that_changes_meanwhile(self):
        """What is closed is what was seen, and what came in is a difference."""
        first = self.periods[0]
        with self.transaction() as closing:
            closing.cr.execute("SELECT count(*) FROM spp_attendance_day")
            run_in_transaction(
                self.registry,
                lambda env: env["spp.attendance.day.queue"]._compute_now(
                    [],
                    *_DAYS,
                    overrides={(self.ids[0], _DAYS[1]): {"status": "on_time"}},
                ),
            )
            self.close(closing, first)
        with self.transaction() as env:
            period = env["spp.attendance.payroll.period"].browse(first)
            self.assertEqual((period.people_count, period.changed_count), (3, 1))
