from uuid import uuid4

from psycopg2.errors import SerializationFailure

from odoo.tests import tagged

from odoo.addons.spp_oauth.tools.retry import run_in_transaction

from ..api import MarkIn
from .common import RealCase


@tagged("post_install", "-at_install")
class TestKioskConcurrency(RealCase):
    emptied = (*RealCase.emptied, "spp_attendance_kiosk_refusal")

    def setUp(self):
        super().setUp()
        with self.transaction() as env:
            company_id = self.company_id
            env.user.company_ids += env["res.company"].browse(company_id)
            env = env(context={**env.context, "allowed_company_ids": [company_id]})
            self.make(
                env,
                "spp.attendance.subscriber",
                {"person_identifier": "R-1", "name": "Real, Person"},
            )
            location = self.make(
                env,
                "spp.attendance.location",
                {"name": "Real", "tz": "Africa/Nairobi", "company_id": company_id},
            )
            self.kiosk_id = self.make(
                env,
                "spp.attendance.kiosk",
                {"name": "Real", "location_id": location.id, "max_age_days": 3650},
            ).id

    def _take(self, env, *marks):
        kiosk = env["spp.attendance.kiosk"].browse(self.kiosk_id)
        at = 1_788_238_800_000  # the first of September 2026
        given = [
            MarkIn(uuid=uuid, category="present", at=at, identifier=number, name=name)
            for uuid, number, name in marks
        ]
        return [outcome.status for outcome in kiosk._take_marks(given, at, at)]

    def _count(self):
        with self.transaction() as env:
            counts = []
            for name in ("spp.attendance.record", "spp.attendance.kiosk.refusal"):
                domain = [("kiosk_id", "=", self.kiosk_id)]
                counts.append(env[name].search_count(domain))
            return counts

    def test_two_requests_with_the_same_marks(self):
        marks = [(uuid4(), "R-1", "Person Real"), (uuid4(), "R-2", "Nobody Here")]
        with self.transaction() as late:
            late.cr.execute("SELECT 1 FROM res_company")
            self.assertEqual(
                run_in_transaction(self.registry, lambda env: self._take(env, *marks)),
                ["noted", "refused"],
            )
            # Expected, and therefore not logged as an error.
            with self.assertRaises(SerializationFailure):
                self._take(late, *marks)
            late.cr.rollback()
            self.assertEqual(self._take(late, *marks), ["again", "refused"])
        self.assertEqual(self._count(), [1, 1])

    def test_a_renewed_link_is_never_logged(self):
        """A tablet that is seen meanwhile makes it fail, before a token is written."""

        def seen(env):
            env["spp.attendance.kiosk"].browse(self.kiosk_id)._seen(0, 0)

        with self.transaction() as late:
            kiosk = late["spp.attendance.kiosk"].browse(self.kiosk_id)
            token = kiosk.token
            run_in_transaction(self.registry, seen)
            with (
                self.assertNoLogs("odoo.sql_db", "ERROR"),
                self.assertRaises(SerializationFailure),
            ):
                kiosk._renew(3)
                late.flush_all()
            late.cr.rollback()
            late.invalidate_all()
            self.assertEqual(kiosk.token, token)
            kiosk._renew(3)
        with self.transaction() as env:
            kiosk = env["spp.attendance.kiosk"].browse(self.kiosk_id)
            self.assertEqual(kiosk.previous_token, token)
            self.assertNotEqual(kiosk.token, token)
