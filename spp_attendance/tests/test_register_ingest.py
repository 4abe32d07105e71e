from datetime import UTC, datetime, timedelta

from freezegun import freeze_time

from odoo.tests import tagged
from odoo.tests.common import warmup

from ..acting import Actor, as_actor
from ..registers import RegisterRefused, find_intervals, find_registers
from .common import AttendanceCase


@tagged("post_install", "-at_install")
@freeze_time("2026-09-10 12:00:00")
class TestRegisterIngest(AttendanceCase):
    """A register of September, of which the officer and the app are staff; Amina is
    enrolled from the 1st to the 5th and again from the 8th, Joseph throughout."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.register = cls.env["spp.attendance.register"].create(
            {
                "name": "Road works",
                "company_id": cls.company.id,
                "date_start": "2026-09-01",
                "date_end": "2026-09-30",
                "location_id": cls.hall.id,
                "type_id": cls.training.id,
            }
        )
        for user in (cls.officer, cls.api_user):
            cls._add_staff(cls.register, user)
        cls._enrol(cls.amina, "2026-09-01", "2026-09-05")
        cls._enrol(cls.amina, "2026-09-08")
        cls._enrol(cls.joseph, "2026-08-01")

    @classmethod
    def _add_staff(cls, register, user, **vals):
        return cls.env["spp.attendance.register.staff"].create(
            {
                "register_id": register.id,
                "user_id": user.id,
                "enrolled_at": "2026-08-01 00:00:00",
                **vals,
            }
        )

    @classmethod
    def _enrol(cls, person, start, end=False, register=None):
        register = register or cls.register
        attendees = cls.env["spp.attendance.register.attendee"]
        attendee = attendees.search(
            [("register_id", "=", register.id), ("subscriber_id", "=", person.id)]
        ) or attendees.create({"register_id": register.id, "subscriber_id": person.id})
        cls.env["spp.attendance.register.interval"].create(
            {
                "attendee_id": attendee.id,
                "start_at": f"{start} 00:00:00",
                "end_at": end and f"{end} 00:00:00",
            }
        )
        return attendee

    def _mark(self, person="T-1", date_time="2026-09-02T08:00:00", user=None, **values):
        values = {"register": self.register.number, **values}
        item = self.item(person, date_time, **values)
        (outcome,) = self.ingest(item, user=user)
        return outcome

    def _record(self, outcome):
        self.assertEqual(outcome.status, "created", outcome.reason)
        return self.env["spp.attendance.record"].browse(outcome.id)

    def test_a_mark_takes_after_its_register(self):
        record = self._record(self._mark(user=self.officer))
        self.assertRecordValues(
            record,
            [
                {
                    "register_id": self.register.id,
                    "type_id": self.training.id,
                    "location_id": self.hall.id,
                    "tz": "Africa/Nairobi",
                    "date_time": datetime(2026, 9, 2, 5),
                    "local_time": "08:00:00",
                    "uniqueness_key": f"2026-09-02|08:00:00@{self.register.id}",
                }
            ],
        )
