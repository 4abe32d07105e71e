from contextlib import contextmanager
from datetime import date
from unittest.mock import patch

from odoo.fields import Date

from .common import AttendanceCase


class DayCase(AttendanceCase):
    """Somebody who works at the hall in Nairobi by the shipped shift, 08:00 to 17:00.

    Times are those of the clock there. What is queued is computed by :meth:`compute`.
    """

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.queue = cls.env["spp.attendance.day.queue"]
        cls.days = cls.env["spp.attendance.day"]
        cls.worker = cls._new_worker("W-1")

    @classmethod
    def _new_worker(cls, identifier, **values):
        return cls.env["spp.attendance.subscriber"].create(
            {
                "person_identifier": identifier,
                "family_name": identifier,
                "company_id": cls.company.id,
                "location_id": cls.hall.id,
                "level_of_work": "worker",
                "work_from": "2026-08-01",
                **values,
            }
        )

    def new_shift(self, name, **values):
        return self.env["spp.attendance.shift"].create(
            {"name": name, "company_id": self.company.id, **values}
        )

    def assign(self, shift, date_from, **target):
        return self.env["spp.attendance.shift.assignment"].create(
            {
                "company_id": self.company.id,
                "shift_id": shift.id,
                "date_from": date_from,
                **target,
            }
        )

    def read(self, day, *readings, person="W-1"):
        """Have readings recorded: ``"07:58 in"``, after 24:00 of the day after.

        :return: outcomes
        """
        items = []
        for reading in readings:
            time, scan_type = (*reading.split(), "none")[:2]
            hours, rest = time.split(":", 1)
            later, hour = divmod(int(hours), 24)
            on = Date.add(Date.to_date(day), days=later)
            items.append(
                self.item(person, f"{on}T{hour:02d}:{rest}", scan_type=scan_type)
            )
        return self.ingest(*items)

    def compute(self, people=None, since=None, until=None):
        """Compute what waits, and whatever else of days that are named."""
        if since:
            people = self.worker if people is None else people
            self.queue._enqueue_days(
                people.ids, Date.to_date(since), Date.to_date(until or since)
            )
        self.env.flush_all()
        while self.queue._work():
            pass
        self.env.invalidate_all()

    def day(self, on, person=None):
        """The day of somebody, empty if there is none."""
        return self.days.search(
            [
                ("subscriber_id", "=", (person or self.worker).id),
                ("date", "=", on),
            ]
        )

    @contextmanager
    def leaves(self, found):
        """Meanwhile these leaves are approved: ``{(subscriber id, date): [Leave]}``."""
        with patch.object(
            self.registry["spp.attendance.day"], "_leaves", lambda *_args: found
        ):
            yield

    @contextmanager
    def holidays(self, *days):
        """Meanwhile these are holidays at the hall."""
        found = {
            (self.company.id, self.hall.id, date.fromisoformat(day)): "Holiday"
            for day in days
        }
        with patch.object(
            self.registry["spp.attendance.day"], "_holidays", lambda *_args: found
        ):
            yield
