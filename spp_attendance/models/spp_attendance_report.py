from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL, date_utils

from ..rpc_args import need_date, read_id
from .spp_attendance_record import CATEGORIES


class SppAttendanceReport(models.Model):
    """Attendance to be counted: valid records, with the person and all areas of each.

    A row is a record and has its id. The rows are a query of the user's own on records,
    so nobody counts here what he may not see there.
    """

    _name = "spp.attendance.report"
    _description = "Attendance Analysis"
    _order = "local_date desc, local_time desc, id desc"
    _auto = False

    #: Columns taken from the record as they are.
    _RECORD_COLUMNS = (
        "id",
        "subscriber_id",
        "company_id",
        "local_date",
        "local_time",
        "category",
        "type_id",
        "location_id",
        "register_id",
        "source",
    )

    subscriber_id = fields.Many2one(
        "spp.attendance.subscriber", string="Person", readonly=True
    )
    company_id = fields.Many2one("res.company", readonly=True)
    local_date = fields.Date(string="Date", readonly=True)
    local_time = fields.Char(string="Time", readonly=True)
    category = fields.Selection(CATEGORIES, readonly=True)
    type_id = fields.Many2one("spp.attendance.type", readonly=True)
    location_id = fields.Many2one("spp.attendance.location", readonly=True)
    register_id = fields.Many2one("spp.attendance.register", readonly=True)
    area_ids = fields.Many2many(
        related="location_id.area_ids",
        string="Area",
        help="The location and all that it is part of: a record counts in each.",
    )
    source = fields.Selection(
        selection=lambda self: (
            self.env["spp.attendance.record"]
            ._fields["source"]
            ._description_selection(self.env)
        ),
        readonly=True,
    )
    department_id = fields.Many2one("spp.attendance.department", readonly=True)
    gender = fields.Selection(
        selection=lambda self: (
            self.env["spp.attendance.subscriber"]
            ._fields["gender"]
            ._description_selection(self.env)
        ),
        readonly=True,
    )
    # Each counts people once, however many records of theirs there are.
    people = fields.Integer(
        string="People on Record", aggregator="count_distinct", readonly=True
    )
    people_reached = fields.Integer(aggregator="count_distinct", readonly=True)
    people_absent = fields.Integer(
        string="People Missed", aggregator="count_distinct", readonly=True
    )
    # A day counts once, however often somebody came and went.
    days_present = fields.Integer(aggregator="count_distinct", readonly=True)
    days_absent = fields.Integer(aggregator="count_distinct", readonly=True)
    present = fields.Integer(readonly=True)
    absent = fields.Integer(readonly=True)
    rate = fields.Float(string="Present (%)", aggregator="avg", readonly=True)

    @property
    def _table_query(self):
        records = self.env["spp.attendance.record"].with_context(active_test=False)
        visible = records._search([("active", "=", True)])
        columns = [
            SQL(
                "%s AS %s",
                records._field_to_sql(visible.table, name, visible),
                SQL.identifier(name),
            )
            for name in self._RECORD_COLUMNS
        ]
        return SQL(
            """
            SELECT r.*, s.department_id, s.gender,
                   r.subscriber_id AS people,
                   CASE WHEN r.category = 'present' THEN r.subscriber_id END
                       AS people_reached,
                   CASE WHEN r.category = 'absent' THEN r.subscriber_id END
                       AS people_absent,
                   CASE WHEN r.category = 'present' THEN %(day)s END AS days_present,
                   CASE WHEN r.category = 'absent' THEN %(day)s END AS days_absent,
                   CASE WHEN r.category = 'present' THEN 1 ELSE 0 END AS present,
                   CASE WHEN r.category = 'absent' THEN 1 ELSE 0 END AS absent,
                   CASE WHEN r.category = 'present' THEN 100.0 ELSE 0 END AS rate
              FROM (%(records)s) AS r
              LEFT JOIN spp_attendance_subscriber s ON s.id = r.subscriber_id
            """,
            # Which person, and which day of theirs.
            day=SQL("r.subscriber_id * 10000000::int8 + (r.local_date - '0001-01-01')"),
            records=visible.select(*columns),
        )

    def action_open_record(self):
        """The record itself, with its history."""
        self.check_access("read")
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "spp.attendance.record",
            "view_mode": "form",
            "views": [(False, "form")],
            "res_id": self.id,
        }

    # -------------------------------------------------------------- dashboard

    @api.model
    @api.readonly
    def get_dashboard(self, date_from, date_to, area_id=False, type_id=False):
        """What the programme dashboard shows of a period, area and type.

        The number of statements depends neither on records, areas nor months.

        :param str date_from: first local date, ISO 8601
        :param str date_to: last local date, included
        :param area_id: location; what is part of it counts too
        :return: ``totals``, ``months``, ``types`` and ``areas`` with ``people``
            (reached) and ``present`` and ``absent`` (records) each, ``expected``
            (``None`` where the user sees no events), ``absentees``, and the ``domain``
            on records behind the figures
        """
        self.check_access("read")
        date_from, date_to = (
            fields.Date.to_string(need_date(self.env, day))
            for day in (date_from, date_to)
        )
        domain = self._period_domain(date_from, date_to, type_id, area_id)
        figures = self._dashboard_figures(domain)
        [totals] = figures["total"]
        return {
            "domain": list(domain),
            "totals": {name: totals[name] for name in ("people", "present", "absent")},
            "months": self._without_gaps(figures["month"]),
            "types": self._named(
                figures["type"], "spp.attendance.type", self.env._("No type")
            ),
            "areas": self._named(
                figures["area"], "spp.attendance.location", self.env._("No location")
            ),
            "expected": self._dashboard_expected(date_from, date_to, area_id, type_id),
            "absentees": self._dashboard_absentees(area_id),
        }

    @api.model
    def _dashboard_figures(self, domain):
        """Count people and records altogether and by month, type and area.

        Each record is read once: what a person has by month, type and location is added
        up, and that is counted. ``_read_group`` says the same in thrice the time.

        :return: for ``total``, ``month``, ``type`` and ``area`` a list of ``key`` (as
            text: first date of the month, or id), ``people``, ``present``, ``absent``
        """
        query = self._search(domain)
        names = ("local_date", "type_id", "location_id", "subscriber_id")
        columns = [
            SQL(
                "%s AS %s",
                self._field_to_sql(query.table, name, query),
                SQL.identifier(name),
            )
            for name in (*names, "present", "absent")
        ]
        areas = self.env["spp.attendance.location"].with_context(active_test=False)
        areas.flush_model(["area_ids"])
        groups = {"total": None, "month": "month", "type": "type_id", "area": "area_id"}
        counts = [
            SQL(
                """
                SELECT %(name)s AS name, %(key)s::text AS key,
                       count(DISTINCT subscriber_id) FILTER (WHERE present > 0),
                       COALESCE(sum(present), 0)::int8, COALESCE(sum(absent), 0)::int8
                  FROM %(source)s
              GROUP BY %(group)s
                """,
                name=name,
                key=SQL.identifier(column) if column else None,
                source=SQL.identifier("by_area" if name == "area" else "by_person"),
                group=SQL.identifier(column) if column else SQL("()"),
            )
            for name, column in groups.items()
        ]
        rows = self.env.execute_query(
            SQL(
                """
                WITH by_person AS MATERIALIZED (
                    SELECT date_trunc('month', local_date)::date AS month, type_id,
                           location_id, subscriber_id, sum(present) AS present,
                           sum(absent) AS absent
                      FROM (%(records)s) AS records
                  GROUP BY 1, 2, 3, 4
                ), by_area AS (
                    SELECT by_person.*, area.area_id
                      FROM by_person
                 LEFT JOIN spp_attendance_location_area_rel AS area
                        ON area.location_id = by_person.location_id
                           AND area.area_id IN %(areas)s
                ) %(counts)s
                """,
                records=query.select(*columns),
                areas=areas._search([]).subselect(),
                counts=SQL(" UNION ALL ").join(counts),
            )
        )
        figures = {name: [] for name in groups}
        for name, key, people, present, absent in rows:
            figures[name].append(
                {"key": key, "people": people, "present": present, "absent": absent}
            )
        return figures

    @api.model
    def _period_domain(self, date_from, date_to, type_id, location_id):
        """Domain on records and on this report alike."""
        domain = Domain("local_date", ">=", date_from) & Domain(
            "local_date", "<=", date_to
        )
        if type_id := read_id(self.env, type_id):
            domain &= Domain("type_id", "=", type_id)
        if location_id := read_id(self.env, location_id):
            domain &= Domain("location_id", "child_of", location_id)
        return domain

    @api.model
    def _without_gaps(self, months):
        """Months in order, with those in between in which nothing happened."""
        if not months:
            return []
        by_month = {fields.Date.to_date(month["key"]): month for month in months}
        nothing = {"people": 0, "present": 0, "absent": 0}
        return [
            {**by_month.get(month, nothing), "key": fields.Date.to_string(month)}
            for month in date_utils.date_range(
                min(by_month), max(by_month), date_utils.relativedelta(months=1)
            )
        ]

    @api.model
    def _named(self, groups, model, unknown):
        """Groups by record, the largest first, with id and name of the record.

        :param str model: of the records whose ids, as text, are the keys
        :param str unknown: the name of no record
        """
        groups.sort(key=lambda group: (-group["people"], -group["present"]))
        records = self.env[model].browse(
            [int(group["key"]) for group in groups if group["key"]]
        )
        names = {str(record.id): (record.id, record.display_name) for record in records}
        named = []
        for group in groups:
            key, name = names.get(group["key"], (False, unknown))
            named.append({**group, "key": key, "name": name})
        return named

    @api.model
    def _dashboard_expected(self, date_from, date_to, area_id, type_id):
        """How many were expected at events so far, and how many of these came."""
        expected = self.env["spp.attendance.event.report"]
        if not expected.has_access("read"):
            return None
        today = self.env["spp.attendance.record"]._now_local().date()
        domain = self._period_domain(
            date_from, min(date_to, fields.Date.to_string(today)), type_id, area_id
        )
        events, people, came = expected._read_group(
            domain, [], ["event_id:count_distinct", "expected:sum", "came:sum"]
        )[0]
        return {
            "domain": list(domain),
            "events": events,
            "expected": people or 0,
            "came": came or 0,
        }

    @api.model
    def _dashboard_absentees(self, area_id):
        """Who stays away now, whatever the period."""
        domain = (
            Domain("last_location_id", "child_of", area_id) if area_id else Domain.TRUE
        )
        absentees, followed_up = self.env["spp.attendance.absentee"]._read_group(
            domain, [], ["__count", "follow_up_id:count"]
        )[0]
        return {
            "domain": list(domain),
            "people": absentees,
            "without_follow_up": absentees - followed_up,
            "in_a_row": self.env.company.attendance_absences_in_row,
        }

    # ---------------------------------------------------------------- history

    @api.model
    @api.readonly
    def get_history(
        self, subscriber_id, date_from, date_to, type_id=False, location_id=False
    ):
        """One person's days in a period, for the form of the person.

        :return: ``present_days``, ``absent_days`` and ``rate`` (0 to 1, or ``None``) as
            ``_attendance_summary`` has them, ``days`` with how often present and absent
            on each date, and the ``domain`` on records behind them
        """
        self.check_access("read")
        date_from = need_date(self.env, date_from)
        date_to = need_date(self.env, date_to)
        subscriber = self.env["spp.attendance.subscriber"].browse(subscriber_id)
        subscriber.check_access("read")
        summary = subscriber._attendance_summary(
            date_from,
            date_to,
            self.env["spp.attendance.type"].browse(type_id or ()),
            self.env["spp.attendance.location"].browse(location_id or ()),
        )[subscriber.id]
        domain = Domain("subscriber_id", "=", subscriber.id) & self._period_domain(
            fields.Date.to_string(date_from),
            fields.Date.to_string(date_to),
            type_id,
            location_id,
        )
        days = self._read_group(
            domain, ["local_date:day"], ["present:sum", "absent:sum"]
        )
        return {
            "domain": list(domain),
            "present_days": summary.present_days,
            "absent_days": summary.absent_days,
            "rate": summary.rate,
            "days": {
                fields.Date.to_string(day): [present, absent]
                for day, present, absent in days
            },
        }
