from contextlib import contextmanager
from uuid import uuid4

from psycopg2.errors import SerializationFailure

from odoo import api
from odoo.tests import TransactionCase, tagged

from odoo.addons.spp_oauth.tools.retry import run_in_transaction

from ..api import MarkIn


@tagged("post_install", "-at_install")
class TestKioskConcurrency(TransactionCase):
    """With real transactions: what one commits, another one sees.

    The test's own transaction must lock nothing, or the real ones would wait for it.
    """

    def setUp(self):
        super().setUp()
        with self.transaction() as env:
            company = env["res.company"].create({"name": "Real"})
            env.user.company_ids += company
            env = env(context={**env.context, "allowed_company_ids": company.ids})
            person = env["spp.attendance.subscriber"].create(
                {"person_identifier": "R-1", "name": "Real, Person"}
            )
            location = env["spp.attendance.location"].create(
                {"name": "Real", "tz": "Africa/Nairobi", "company_id": company.id}
            )
            kiosk = env["spp.attendance.kiosk"].create(
                {
                    "name": "Real",
                    "location_id": location.id,
                    "max_age_days": 3650,
                }
            )
            self.rows = [kiosk, location, person, company]
            self.rows = [(record._name, record.id) for record in self.rows]
            self.kiosk_id, self.company_id = kiosk.id, company.id
        self.addCleanup(self._clean_up)

    def _clean_up(self):
        with self.transaction() as env:
            for table in ("record", "kiosk_refusal"):
                env.cr.execute(
                    f"DELETE FROM spp_attendance_{table} WHERE company_id = %s",
                    [self.company_id],
                )
            kiosk, location, person, company = (
                env[name].browse(record_id) for name, record_id in self.rows
            )
            users = kiosk.user_id
            partners = users.partner_id + person.partner_id + company.partner_id
            for records in (kiosk, users, location, person, company, partners):
                records.unlink()

    @contextmanager
    def transaction(self):
        with self.registry.cursor() as cr:
            cr.execute("SET LOCAL lock_timeout = '10s'")  # a failure, not a hang
            yield api.Environment(cr, api.SUPERUSER_ID, {"tracking_disable": True})

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
