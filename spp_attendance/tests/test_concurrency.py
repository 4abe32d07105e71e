from psycopg2.errors import LockNotAvailable, SerializationFailure

from odoo.exceptions import ConcurrencyError
from odoo.tests import tagged
from odoo.tools import mute_logger

from odoo.addons.spp_oauth.tools.retry import run_in_transaction

from .common import RealCase


@tagged("post_install", "-at_install")
class TestConcurrency(RealCase):
    def setUp(self):
        super().setUp()
        with self.transaction() as env:
            self.person_id = self.make(
                env,
                "spp.attendance.subscriber",
                {"person_identifier": "R-1", "company_id": self.company_id},
            ).id

    def _ingest(self, env, *times):
        return [
            outcome.status
            for outcome in env["spp.attendance.record"]
            .with_context(allowed_company_ids=[self.company_id])
            ._ingest(
                [
                    {
                        "subscriber_id": self.person_id,
                        "date_time": f"2026-09-01T{time}",
                    }
                    for time in times
                ]
            )
        ]

    def _keys(self):
        with self.transaction() as env:
            env.cr.execute(
                "SELECT uniqueness_key FROM spp_attendance_record"
                " WHERE company_id = %s ORDER BY date_time",
                [self.company_id],
            )
            return [key for [key] in env.cr.fetchall()]

    def _by_date_and_type(self, env):
        """Change the rule so that every key changes."""
        env["res.company"].browse(self.company_id).attendance_unique_type = True

    def test_a_change_of_rule_misses_no_record(self):
        """Nor one that was committed after the change had begun to look."""
        with self.transaction() as changing:
            changing.cr.execute("SELECT 1 FROM res_company")
            with self.transaction() as writing:
                self.assertEqual(self._ingest(writing, "08:00"), ["created"])
            with self.assertRaises(ConcurrencyError):
                self._by_date_and_type(changing)
            changing.cr.rollback()
        run_in_transaction(self.registry, self._by_date_and_type)
        self.assertEqual(self._keys(), ["2026-09-01|08:00:00|0"])

    def test_a_change_of_rule_takes_nothing_that_a_batch_needs(self):
        """It waits for who reads the rule first, and holds nothing while it waits."""
        with self.transaction() as changing, self.transaction() as writing:
            writing["spp.attendance.record"]._lock_rules([self.company_id])
            changing.cr.execute("SET LOCAL lock_timeout = '50ms'")
            with mute_logger("odoo.sql_db"), self.assertRaises(LockNotAvailable):
                changing["spp.attendance.record"]._lock_writers([self.company_id])
            self.assertEqual(self._ingest(writing, "08:00"), ["created"])
            changing.cr.rollback()

    def test_a_batch_that_knows_the_old_rule_is_run_again(self):
        with self.transaction() as writing:
            writing.cr.execute("SELECT 1 FROM res_company")
            run_in_transaction(self.registry, self._by_date_and_type)
            # Expected, and therefore not logged as an error.
            with self.assertRaises(SerializationFailure):
                self._ingest(writing, "08:00")
            writing.cr.rollback()
            self.assertEqual(self._ingest(writing, "08:00"), ["created"])
        self.assertEqual(self._keys(), ["2026-09-01|08:00:00|0"])

    def test_a_merge_misses_no_record(self):
        """Nor one that was committed after the merge had begun to look."""
        with self.transaction() as merging:
            people = merging["spp.attendance.subscriber"]
            target = people.create(
                {"person_identifier": "R-2", "company_id": self.company_id}
            )
            with self.transaction() as writing:
                self.assertEqual(self._ingest(writing, "08:00"), ["created"])
            with self.assertRaisesRegex(ConcurrencyError, "spp_attendance_record"):
                target._merge(people.browse(self.person_id))
            merging.cr.rollback()

    def test_a_merge_waits_for_who_is_recording(self):
        with self.transaction() as merging, self.transaction() as writing:
            people = merging["spp.attendance.subscriber"]
            target = people.create(
                {"person_identifier": "R-2", "company_id": self.company_id}
            )
            self.assertEqual(self._ingest(writing, "08:00"), ["created"])
            merging.cr.execute("SET LOCAL lock_timeout = '50ms'")
            with self.assertRaises(LockNotAvailable):
                target._merge(people.browse(self.person_id))
            merging.cr.rollback()
            writing.cr.rollback()
