from datetime import timedelta
from operator import add

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from ..rpc_args import need_date, read_id

#: People in each list of those who were late, absent or stayed longest.
_TOP = 10
#: Days that are shown one by one; longer periods by week, and then by month.
_MOST_DAYS = 45
_MOST_WEEKS = 45

#: What is counted of days: by name the expression.
_FIGURES = {
    "days": "count(*)",
    "on_time": "count(*) FILTER (WHERE d.status = 'on_time')",
    "considered": "count(*) FILTER (WHERE d.status = 'considered')",
    "late": "count(*) FILTER (WHERE d.status = 'late')",
    "absent": "count(*) FILTER (WHERE d.status = 'absent')",
    "leave": "count(*) FILTER (WHERE d.status = 'leave')",
    "late_minutes": "sum(d.late_minutes) FILTER (WHERE d.status = 'late')",
    "left_early": "count(*) FILTER (WHERE d.early_exit_minutes > 0)",
    "missing": "count(*) FILTER (WHERE d.missing_in OR d.missing_out)",
    "review": "count(*) FILTER (WHERE d.needs_review)",
    "net": "sum(d.net_minutes)",
    "balance": "sum(d.net_minutes - d.expected_minutes) FILTER (WHERE d.is_closed)",
    "overtime": "sum(d.overtime_minutes)",
    "extra": "sum(d.extra_overtime_minutes)",
    "snacks": "count(*) FILTER (WHERE d.snacks_eligible)",
    "night_bills": "count(*) FILTER (WHERE d.night_bill_eligible)",
}
#: Columns of days that these are made of.
_COLUMNS = (
    "subscriber_id",
    "department_id",
    "date",
    "status",
    "late_minutes",
    "early_exit_minutes",
    "missing_in",
    "missing_out",
    "needs_review",
    "net_minutes",
    "expected_minutes",
    "is_closed",
    "overtime_minutes",
    "extra_overtime_minutes",
    "snacks_eligible",
    "night_bill_eligible",
)


class SppAttendanceDayOverview(models.AbstractModel):
    """The figures of the dashboard of days."""

    _name = "spp.attendance.day.overview"
    _description = "Days Overview"

    @api.model
    @api.readonly
    def get_overview(
        self,
        date_from,
        date_to,
        department_id=False,
        location_id=False,
        shift_id=False,
        level_of_work=False,
    ):
        """What the dashboard of days shows of a period.

        Durations are minutes. The number of statements depends neither on days, people
        nor departments.

        :param str date_from: first date, ISO 8601
        :param str date_to: last date, included
        :param department_id: of it and of those below it
        :param location_id: of it and of what is part of it
        :param str level_of_work: ``worker`` or ``staff``
        :return: ``totals`` (the names of ``_FIGURES``, and ``people``), ``unit``
            (``day``, ``week`` or ``month``) and ``buckets`` of it in order (``key``:
            its first date; ``date_from`` and ``date_to`` within the period),
            ``departments`` (``key`` id or ``False``, ``name``), ``people`` (the first
            few by ``late``, ``absent`` and ``overtime``, as ``{measure: list}``), and
            the ``domain`` on days that were counted
        :raises AccessError: for who may count no days
        :raises UserError: when something given isn't what it should be
        """
        self.env["spp.attendance.day.report"].check_access("read")
        date_from = need_date(self.env, date_from)
        date_to = need_date(self.env, date_to)
        domain = Domain("date", ">=", fields.Date.to_string(date_from))
        domain &= Domain("date", "<=", fields.Date.to_string(date_to))
        if department := read_id(self.env, department_id):
            domain &= Domain("department_id", "child_of", department)
        if location := read_id(self.env, location_id):
            domain &= Domain("location_id", "child_of", location)
        if shift := read_id(self.env, shift_id):
            domain &= Domain("shift_id", "=", shift)
        if level_of_work:
            domain &= Domain("level_of_work", "=", level_of_work)
        unit = self._unit(date_from, date_to)
        groups = self._groups(domain, unit)
        [totals] = groups["total"] or [dict.fromkeys((*_FIGURES, "people"), 0)]
        return {
            "domain": list(domain),
            "totals": totals,
            "unit": unit,
            "buckets": self._buckets(groups["bucket"], unit, date_from, date_to),
            "departments": self._named(
                groups["department"], "spp.attendance.department"
            ),
            "people": self._top(groups["person"]),
        }

    @api.model
    def _unit(self, date_from, date_to):
        days = (date_to - date_from).days + 1
        if days <= _MOST_DAYS:
            return "day"
        return "week" if days <= 7 * _MOST_WEEKS else "month"

    @api.model
    def _groups(self, domain, unit):
        """Count days altogether and by date, department and person, reading each once.

        Of people only those who are among the first by something.

        :return: for ``total``, ``bucket``, ``department`` and ``person`` a list of
            dicts of ``key`` (date, id or None) and the names of ``_FIGURES``; the
            total, of which there is none without days, has ``people`` too
        """
        days = self.env["spp.attendance.day"]
        days.flush_model()
        query = days._search(domain)
        columns = [
            SQL(
                "%s AS %s",
                days._field_to_sql(query.table, name, query),
                SQL.identifier(name),
            )
            for name in _COLUMNS
        ]
        names = list(_FIGURES)
        rows = self.env.execute_query(
            SQL(
                """
                WITH counted AS (
                    SELECT GROUPING(d.subscriber_id) = 0 AS is_person,
                           d.bucket, d.department_id, d.subscriber_id, %(figures)s
                      FROM (SELECT %(bucket)s AS bucket, days.*
                              FROM (%(days)s) AS days) AS d
                  GROUP BY GROUPING SETS (
                               (d.bucket, d.department_id), (d.subscriber_id))
                ), people AS (
                    SELECT counted.*, count(*) OVER () AS people,
                           row_number() OVER (ORDER BY late DESC, subscriber_id) AS a,
                           row_number() OVER (ORDER BY absent DESC, subscriber_id) AS b,
                           row_number() OVER (
                               ORDER BY overtime + extra DESC, subscriber_id) AS c
                      FROM counted WHERE is_person
                )
                SELECT is_person, bucket, department_id, subscriber_id, 0, %(names)s
                  FROM counted WHERE NOT is_person
             UNION ALL
                SELECT is_person, bucket, department_id, subscriber_id, people,
                       %(names)s
                  FROM people WHERE LEAST(a, b, c) <= %(top)s
                """,
                figures=SQL(", ").join(
                    SQL(
                        "COALESCE(%s, 0)::int8 AS %s",
                        SQL(expression),  # pylint: disable=sql-injection
                        SQL.identifier(name),
                    )
                    for name, expression in _FIGURES.items()
                ),
                bucket=SQL("date_trunc(%s, date::timestamp)::date", unit)
                if unit != "day"
                else SQL("date"),
                days=query.select(*columns),
                names=SQL(", ").join(map(SQL.identifier, names)),
                top=_TOP,
            )
        )
        found = {"total": {}, "bucket": {}, "department": {}, "person": {}}
        people = 0
        for is_person, bucket, department, person, among, *figures in rows:
            if is_person:
                found["person"][person] = figures
                people = among
                continue
            for kind, key in (
                ("total", None),
                ("bucket", bucket),
                ("department", department),
            ):
                sums = found[kind].get(key, (0,) * len(names))
                found[kind][key] = list(map(add, sums, figures))
        groups = {
            kind: [
                {**dict(zip(names, figures, strict=True)), "key": key}
                for key, figures in by_key.items()
            ]
            for kind, by_key in found.items()
        }
        for total in groups["total"]:
            total["people"] = people
        return groups

    @api.model
    def _buckets(self, groups, unit, date_from, date_to):
        """Days, weeks or months in order, with those in which nothing happened."""
        by_key = {group["key"]: group for group in groups}
        nothing = dict.fromkeys(_FIGURES, 0)
        step = {
            "day": lambda day: day + timedelta(days=1),
            "week": lambda day: day + timedelta(days=7),
            "month": lambda day: (day + timedelta(days=31)).replace(day=1),
        }[unit]
        key = {
            "day": date_from,
            "week": date_from - timedelta(days=date_from.weekday()),
            "month": date_from.replace(day=1),
        }[unit]
        found = []
        while key <= date_to:
            following = step(key)
            found.append(
                {
                    **by_key.get(key, nothing),
                    "key": fields.Date.to_string(key),
                    "date_from": fields.Date.to_string(max(key, date_from)),
                    "date_to": fields.Date.to_string(
                        min(following - timedelta(days=1), date_to)
                    ),
                }
            )
            key = following
        return found

    @api.model
    def _named(self, groups, model):
        """Groups with id and name of the record; the key was its id or None."""
        records = self.env[model].browse(
            [group["key"] for group in groups if group["key"]]
        )
        names = {record.id: record.display_name for record in records}
        return [
            {
                **group,
                "key": group["key"] or False,
                "name": names.get(group["key"]) or self.env._("No department"),
            }
            for group in groups
        ]

    @api.model
    def _top(self, groups):
        """The first few people by each measure, with their names."""
        people = self._named(groups, "spp.attendance.subscriber")
        measures = {
            "late": lambda group: group["late"],
            "absent": lambda group: group["absent"],
            "overtime": lambda group: group["overtime"] + group["extra"],
        }
        return {
            name: sorted(filter(measure, people), key=measure, reverse=True)[:_TOP]
            for name, measure in measures.items()
        }
