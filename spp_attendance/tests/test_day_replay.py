import random
from datetime import date, datetime, timedelta

from freezegun import freeze_time

from odoo.tests import tagged
from odoo.tools import SQL

from .common_day import DayCase

_FIRST = date(2026, 8, 1)
_DAYS = 30
_PEOPLE = 6


@tagged("post_install", "-at_install")
@freeze_time("2026-09-20 09:00:00")
class TestDayReplay(DayCase):
    """What is read in a month makes the same days however it comes in."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.workers = cls.worker
        for number in range(2, _PEOPLE + 1):
            cls.workers += cls._new_worker(
                f"W-{number}", level_of_work="worker" if number % 3 else "staff"
            )
        night = cls.env["spp.attendance.shift"].create(
            {
                "name": "Night",
                "company_id": cls.company.id,
                "start": 22,
                "end": 6,
                "overtime_start": 6,
                "extra_start": 8,
            }
        )
        for worker in cls.workers[:2]:
            cls.env["spp.attendance.shift.assignment"].create(
                {
                    "company_id": cls.company.id,
                    "shift_id": night.id,
                    "date_from": "2026-08-11",
                    "subscriber_id": worker.id,
                }
            )

    def _month(self, chance):
        """Readings as of people: some late, long, twice, forgotten, or on a day off."""
        items = []
        for worker in self.workers:
            for number in range(_DAYS):
                day = _FIRST + timedelta(days=number)
                if chance.random() < 0.15:
                    continue
                is_night = worker in self.workers[:2] and day >= date(2026, 8, 11)
                start = datetime(day.year, day.month, day.day, 22 if is_night else 8)
                came = start + timedelta(minutes=chance.randint(-30, 20))
                went = start + timedelta(minutes=chance.randint(420, 1000))
                kinds = chance.choice((("in", "out"), ("none", "none")))
                marks = list(zip((came, went), kinds, strict=True))
                if chance.random() < 0.1:
                    marks.pop(chance.randrange(2))
                if marks and chance.random() < 0.15:
                    at, kind = marks[0]
                    marks.append((at + timedelta(seconds=20), kind))
                items += [
                    self.item(
                        worker.person_identifier,
                        f"{at:%Y-%m-%dT%H:%M:%S}",
                        scan_type=kind,
                    )
                    for at, kind in marks
                ]
        return items

    def _result(self):
        fields = [
            name
            for name, field in self.days._fields.items()
            if field.store
            and name not in ("id", "create_date", "write_date", "create_uid")
        ]
        return {
            (row["subscriber_id"], row["date"]): row
            for row in self.days.search_read(
                [
                    ("subscriber_id", "in", self.workers.ids),
                    ("date", "<=", _FIRST + timedelta(days=_DAYS)),
                ],
                fields,
                load="",
            )
            if row.pop("id")
        }

    def _forget(self):
        self.env.flush_all()
        for table in (
            "spp_attendance_record",
            "spp_attendance_day",
            "spp_attendance_day_person",
        ):
            self.env.cr.execute(
                SQL(
                    "DELETE FROM %s WHERE subscriber_id = ANY(%s)",
                    SQL.identifier(table),
                    self.workers.ids,
                )
            )
        self.env.cr.execute("DELETE FROM spp_attendance_day_queue")
        self.env.invalidate_all()

    def _replay(self, bursts):
        for burst in bursts:
            self.ingest(*burst)
            self.compute()
        last = _FIRST + timedelta(days=_DAYS)
        self.compute(self.workers, _FIRST, last)
        return self._result()

    def test_a_month_in_any_order_and_in_bursts(self):
        chance = random.Random(9)
        items = self._month(chance)
        expected = self._replay([sorted(items, key=lambda item: item["date_time"])])
        kinds = {row["status"] for row in expected.values()}
        self.assertLessEqual({"on_time", "late", "absent", "weekend"}, kinds)
        self.assertGreater(len(expected), _PEOPLE * _DAYS - 1)
        for burst in (1, 7, 60):
            self._forget()
            chance.shuffle(items)
            found = self._replay(
                [items[at : at + burst] for at in range(0, len(items), burst)]
                if burst > 1
                else [items[:20], *([item] for item in items[20:60]), items[60:]]
            )
            self.assertEqual(found, expected)
