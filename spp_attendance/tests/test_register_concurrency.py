import uuid
from functools import partial

from psycopg2.errors import SerializationFailure

from odoo.tests import tagged

from odoo.addons.spp_oauth.tools.retry import run_in_transaction

from ..enrolment import Enrol, EnrolStaff, Unenrol, UnenrolStaff
from .common import RealCase

STAFF = "spp.attendance.register.staff"
ATTENDEE = "spp.attendance.register.attendee"


@tagged("post_install", "-at_install")
class TestRegisterConcurrency(RealCase):
    """With real transactions: of two at once one begins anew, and none fails."""

    def setUp(self):
        super().setUp()
        with self.transaction() as env:
            self.person_id = self.make(
                env,
                "spp.attendance.subscriber",
                {"person_identifier": "RR-1", "company_id": self.company_id},
            ).id
            self.register_id = self.make(
                env,
                "spp.attendance.register",
                {"name": "R", "company_id": self.company_id},
            ).id

    def _run(self, model, method, item, env):
        model = env[model].with_context(allowed_company_ids=[self.company_id])
        [done] = getattr(model, method)([item])
        return done.code

    def _mark(self, entry, env):
        """Mark that the person came, in a cell that was empty when it was looked at."""
        register = env["spp.attendance.register"].browse(self.register_id)
        day = register.get_sheet()["today"]
        mark = {"uuid": str(uuid.uuid4()), "person": self.person_id, "date": day}
        [answer] = register.mark_sheet([{**mark, "entry": entry}])
        return answer["code"]

    def _raced(self, *args):
        slow_one = fast_one = partial(self._run, *args)
        return self._raced_by(fast_one, slow_one)

    def _raced_by(self, fast_one, slow_one):
        """What two answer who do the same, the slower one having begun before.

        It can't know what the faster one did, and must not guess: it begins anew, as
        an HTTP request does.
        """
        with self.transaction() as slow:
            slow.cr.execute("SELECT 1")  # what it sees is settled
            with self.transaction() as fast:
                first = fast_one(fast)
            with self.assertRaises(SerializationFailure):
                slow_one(slow)
            slow.cr.rollback()
        second = run_in_transaction(
            self.registry, slow_one, context={"tracking_disable": True}
        )
        return first, second

    def _counts(self):
        with self.transaction() as env:
            register = env["spp.attendance.register"].browse(self.register_id)
            return (
                len(register.attendee_ids),
                len(register.attendee_ids.interval_ids),
                len(register.staff_ids),
            )

    def test_two_enrol_one_person(self):
        item = Enrol(self.register_id, self.person_id)
        self.assertEqual(self._raced(ATTENDEE, "_enrol", item), (None, "enrolled"))
        self.assertEqual(self._counts(), (1, 1, 0))

    def test_two_enrol_one_person_anew(self):
        item = Enrol(self.register_id, self.person_id)
        with self.transaction() as env:
            self._run(ATTENDEE, "_enrol", item, env)
            self._run(
                ATTENDEE, "_unenrol", Unenrol(self.register_id, self.person_id), env
            )
        self.assertEqual(self._raced(ATTENDEE, "_enrol", item), (None, "enrolled"))
        self.assertEqual(self._counts(), (1, 2, 0))

    def test_two_de_enrol_one_person(self):
        with self.transaction() as env:
            self._run(ATTENDEE, "_enrol", Enrol(self.register_id, self.person_id), env)
        item = Unenrol(self.register_id, self.person_id)
        self.assertEqual(
            self._raced(ATTENDEE, "_unenrol", item), (None, "not_enrolled")
        )
        self.assertEqual(self._counts(), (1, 1, 0))

    def test_two_take_on_one_of_the_staff(self):
        item = EnrolStaff(self.register_id, "ravi")
        self.assertEqual(self._raced(STAFF, "_enrol", item), (None, "enrolled"))
        self.assertEqual(self._counts(), (0, 0, 1))
        item = UnenrolStaff(self.register_id, "ravi")
        self.assertEqual(self._raced(STAFF, "_unenrol", item), (None, "already"))
        self.assertEqual(self._counts(), (0, 0, 1))

    def test_two_mark_one_cell(self):
        with self.transaction() as env:
            self._run(ATTENDEE, "_enrol", Enrol(self.register_id, self.person_id), env)
            register = env["spp.attendance.register"].browse(self.register_id)
            register.mark_mode = "entry_exit"
        marks = (partial(self._mark, time) for time in ("08:00", "09:00"))
        self.assertEqual(self._raced_by(*marks), (None, "changed"))
        with self.transaction() as env:
            records = env["spp.attendance.record"].search(
                [("register_id", "=", self.register_id)]
            )
            self.assertEqual(records.mapped("local_time"), ["08:00:00"])
