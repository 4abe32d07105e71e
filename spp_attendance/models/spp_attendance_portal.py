from datetime import date, datetime

from dateutil.relativedelta import relativedelta

from odoo import api, fields, models
from odoo.fields import Domain

from ..engine.hours import to_clock
from ..engine.localtime import to_local


class SppAttendancePortal(models.AbstractModel):
    """What the portal shows somebody of his own attendance, read as himself."""

    _name = "spp.attendance.portal"
    _description = "Attendance in the Portal"

    _PAGE_SIZE = 20

    @api.model
    def _month(self, month, page):
        """One page of one month.

        Who may see more than himself sees himself only here.

        :param str month: as ``2026-11``; anything else is the current month where the
            person is
        :param int page: from 1; what is beyond the last is the last
        :return: values of the page's template; ``subscriber`` is empty for somebody
            whose attendance isn't kept, and then there is nothing else
        """
        subscriber = self.env["spp.attendance.subscriber"]
        if subscriber.has_access("read"):
            subscriber = subscriber.search(
                [("partner_id", "=", self.env.user.partner_id.id)]
            )
        if not subscriber:
            return {"subscriber": subscriber}
        records = self.env["spp.attendance.record"]
        own = Domain("subscriber_id", "=", subscriber.id)
        first = self._first_day(month, subscriber)
        last = first + relativedelta(months=1, days=-1)
        within = Domain("local_date", ">=", first) & Domain("local_date", "<=", last)
        [(oldest, newest)] = records._read_group(
            own, aggregates=["local_date:min", "local_date:max"]
        )
        days = self._days_of_month(subscriber, first, last)
        if days["first_day"]:
            oldest = min(oldest or days["first_day"], days["first_day"])
            newest = max(newest or days["last_day"], days["last_day"])
        total = records.search_count(own & within)
        page = max(1, min(page, -(-total // self._PAGE_SIZE)))
        return {
            "subscriber": subscriber,
            "month": first,
            "earlier": first - relativedelta(months=1)
            if oldest and oldest < first
            else None,
            "later": first + relativedelta(months=1)
            if newest and newest > last
            else None,
            "newest": newest,
            "records": records.search(
                own & within,
                limit=self._PAGE_SIZE,
                offset=(page - 1) * self._PAGE_SIZE,
            ),
            "summary": subscriber._attendance_summary(first, last)[subscriber.id],
            "total": total,
            "page": page,
            "page_size": self._PAGE_SIZE,
            **days,
        }

    @api.model
    def _days_of_month(self, subscriber, first, last):
        """The days of a month up to today, the last one first, and the hours.

        :return: ``days`` and ``current``, the one that goes on: as ``_days`` of
            ``spp.attendance.my.attendance`` has them, with ``day`` for ``date``; both
            ``None`` for somebody of whom no days are kept. ``balance``: see there;
            ``first_day``, ``last_day``: of all days
        """
        if not subscriber.level_of_work:
            return {"days": None, "current": None, "first_day": None}
        [(first_day, last_day)] = self.env["spp.attendance.day"]._read_group(
            [("subscriber_id", "=", subscriber.id)], aggregates=["date:min", "date:max"]
        )
        mine = self.env["spp.attendance.my.attendance"]
        found, current = mine._days(subscriber, first, last)
        today = mine._today(subscriber)
        found = {
            day: {**values, "day": day}
            for values in found
            if (day := fields.Date.to_date(values["date"]))
        }
        return {
            "days": [
                found[day]
                for day in sorted(found, reverse=True)
                if first <= day <= min(last, today)
                and (found[day]["day_id"] or day == today)
            ],
            "current": found[current],
            "is_this_month": first <= today <= last,
            "balance": mine._balance(subscriber, first, last),
            "first_day": first_day,
            "last_day": last_day,
            "statuses": dict(
                self.env["spp.attendance.day"]
                ._fields["status"]
                ._description_selection(self.env)
            ),
            "to_clock": to_clock,
        }

    @api.model
    def _first_day(self, month, subscriber):
        try:
            first = datetime.strptime(month or "", "%Y-%m").date()
        except ValueError:
            first = date.min
        # At either end of the calendar there is no month to turn to.
        if date.min < first < date.max.replace(day=1):
            return first
        tz = subscriber.tz or subscriber.company_id.attendance_tz
        return to_local(fields.Datetime.now(), tz).date().replace(day=1)
