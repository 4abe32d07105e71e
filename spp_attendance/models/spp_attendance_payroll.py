import csv
import io
from functools import partial

import xlsxwriter

from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL

from odoo.addons.spp_oauth.api import Cursor, NotFound

from ..api.payroll import PayrollFigures, PayrollOut, PayrollPage
from ..engine.hours import to_hours
from ..engine.statuses import NAMES
from ..payroll import (
    DOUBTS,
    NAMES_OF_FIGURES,
    Payee,
    compared,
    differences,
    kept_columns,
    kept_days,
    prepare,
    sheet,
    totals,
)
from ..sheet import plain_text
from ..workbook import CONTENT_TYPE, OPTIONS
from .spp_attendance_payroll_person import PERIODS

_CSV_TYPE = "text/csv; charset=utf-8"
_FORMATS = {"text": "@", "count": "0", "hours": "0.00", "days": "0.00"}
#: No one has this id.
_NOBODY = 0


class SppAttendancePayroll(models.AbstractModel):
    """Payroll for programs: JSON, CSV and workbooks of people's figures."""

    _name = "spp.attendance.payroll"
    _description = "Payroll"

    # -------------------------------------------------------------------- read

    @api.model
    def _payees(self, query, after=None, limit=None):
        """What people have, by identifier.

        :param api.payroll.PayrollQuery query: days or a period, and of whom
        :param tuple after: identifier and id of the last one before
        :param int limit: how many at most
        :rtype: list[Payee]
        :raises AccessError: for who has nothing to do with payroll
        :raises NotFound: when there is no such period for the user
        """
        self.env["spp.attendance.payroll.line"].check_access("read")
        if query.period:
            period = self._period(query.period)
            figures = self._of_period_sql(period)
        else:
            period = None
            figures = self._of_days_sql(query.date_from, query.date_to)
        people = self.env["spp.attendance.subscriber"].with_context(active_test=False)
        found = people._search(self._domain(query))
        self.env.flush_all()
        prepare(self.env.cr)
        where = SQL("TRUE")
        if after:
            where = SQL("(s.person_identifier, s.id) > (%s, %s)", *after)
        rows = self.env.execute_query(
            SQL(
                """
                WITH f AS MATERIALIZED (%(of_people)s)
                SELECT s.person_identifier, c.name, d.name, o.name, s.level_of_work,
                       s.id, f.state, f.open_days, f.doubts, f.leave, f.leave_changed,
                       %(figures)s, %(changes)s
                  FROM f
                  JOIN spp_attendance_subscriber s ON s.id = f.subscriber_id
                  JOIN res_partner c ON c.id = s.partner_id
             LEFT JOIN spp_attendance_department d ON d.id = s.department_id
             LEFT JOIN spp_attendance_location o ON o.id = s.location_id
                 WHERE s.id IN %(people)s AND %(where)s
              ORDER BY s.person_identifier, s.id %(limit)s
                """,
                figures=SQL(", ").join(
                    SQL.identifier("f", name) for name in NAMES_OF_FIGURES
                ),
                changes=SQL(", ").join(
                    SQL.identifier("f", f"{name}_change") for name in NAMES_OF_FIGURES
                ),
                of_people=figures,
                people=found.subselect(),
                where=where,
                limit=SQL("LIMIT %s", limit) if limit else SQL(""),
            )
        )
        count = len(NAMES_OF_FIGURES)
        payees = []
        for row in rows:
            amounts = row[11 : 11 + count]
            more = zip(NAMES_OF_FIGURES, row[11 + count :], strict=True)
            payees.append(
                Payee(
                    identifier=row[0],
                    name=row[1] or "",
                    department=row[2],
                    location=row[3],
                    level=row[4] and row[4].capitalize(),
                    subscriber_id=row[5],
                    state=row[6],
                    open_days=row[7],
                    doubts=row[8],
                    leave=row[9],
                    leave_changed=row[10],
                    figures=dict(zip(NAMES_OF_FIGURES, amounts, strict=True)),
                    changes={name: amount for name, amount in more if amount},
                    period_id=period and period.id,
                )
            )
        return payees

    @api.model
    def _period(self, number):
        period = self.env["spp.attendance.payroll.period"].search(
            [("id", "=", number)], limit=1
        )
        if not period:
            raise NotFound("This period does not exist, or no longer.")
        return period

    @api.model
    def _domain(self, query):
        """Domain of the people that are asked for, of the user's company."""
        domain = Domain("company_id", "in", self.env.companies.ids)
        if query.department:
            departments = self.env["spp.attendance.department"]
            found = departments._api_referred(query.department, below=True)
            domain &= Domain("department_id", "in", found)
        if query.location:
            places = self.env["spp.attendance.location"]
            found = places._api_referred(query.location, below=True)
            domain &= Domain("location_id", "in", found)
        if query.employee_id:
            people = self.env["spp.attendance.subscriber"]
            domain &= Domain("id", "in", people._api_identified(query.employee_id))
        return domain

    @api.model
    def _of_period_sql(self, period):
        people = self.env["spp.attendance.payroll.person"]
        return people.with_context(**{PERIODS: period.ids})._figures_sql()

    @api.model
    def _of_days_sql(self, date_from, date_to):
        """SELECT of figures of days: those that were closed as they were then.

        With the columns of ``spp.attendance.payroll.person._figures_sql``.
        """
        # Days of companies: rows of people are chosen by the user's rules.
        within = {
            "first": date_from,
            "last": date_to,
            "companies": self.env.companies.ids,
        }
        lines = SQL(
            """
            SELECT l.subscriber_id, l.date_from, l.date_to, l.days
              FROM spp_attendance_payroll_line l
             WHERE NOT l.is_void AND l.date_from <= %(last)s AND l.date_to >= %(first)s
               AND l.company_id = ANY(%(companies)s)
            """,
            **within,
        )
        # What is closed is told as it was; whether it was decided then is no longer of
        # interest.
        days = SQL(
            """
            SELECT l.subscriber_id, 'closed' AS part, k.*, FALSE AS is_open,
                   FALSE AS is_doubtful
              FROM (%(lines)s) l, %(kept)s
             WHERE k.date BETWEEN %(first)s AND %(last)s
         UNION ALL
            SELECT d.subscriber_id,
                   CASE WHEN EXISTS (
                             SELECT FROM spp_attendance_payroll_line l
                              WHERE l.subscriber_id = d.subscriber_id
                                AND NOT l.is_void
                                AND d.date BETWEEN l.date_from AND l.date_to)
                        THEN 'now' ELSE 'open' END,
                   %(columns)s, NOT d.is_closed, %(doubt)s
              FROM spp_attendance_day d
             WHERE d.date BETWEEN %(first)s AND %(last)s
               AND d.company_id = ANY(%(companies)s)
            """,
            lines=lines,
            kept=kept_days(SQL("l.days"), "k"),
            columns=kept_columns("d"),
            doubt=DOUBTS,
            **within,
        )
        return SQL(
            """
            SELECT f.*,
                   CASE WHEN NOT f.is_closed THEN 'open' WHEN %(length)s <= (
                             SELECT sum(LEAST(l.date_to, %(last)s)
                                        - GREATEST(l.date_from, %(first)s) + 1)
                               FROM spp_attendance_payroll_line l
                              WHERE l.subscriber_id = f.subscriber_id
                                AND NOT l.is_void AND l.date_from <= %(last)s
                                AND l.date_to >= %(first)s)
                        THEN 'closed' ELSE 'partly' END AS state
              FROM (%(figures)s) f
            """,
            figures=compared(
                totals(days, ("subscriber_id", "part")), ("subscriber_id",)
            ),
            length=(date_to - date_from).days + 1,
            **within,
        )

    # --------------------------------------------------------------------- API

    @api.model
    def _api_list(self, query):
        """A page of what people have.

        :param api.payroll.PayrollQuery query: days or a period, of whom, and the page
        """
        after = None
        if query.cursor:
            after = Cursor.decode(query.cursor, str, int)
        payees = self._payees(query, after, query.limit + 1)
        page = payees[: query.limit]
        following = None
        if len(payees) > len(page):
            last = page[-1]
            following = Cursor.encode(last.identifier, last.subscriber_id)
        first, last = query.date_from, query.date_to
        if query.period:
            period = self._period(query.period)
            first, last = period.date_from, period.date_to
        return PayrollPage.model_construct(
            date_from=str(first),
            date_to=str(last),
            items=[self._api_read(payee) for payee in page],
            next=following,
        )

    @api.model
    def _api_read(self, payee):
        more = None
        if payee.differs:
            nothing = dict.fromkeys(NAMES_OF_FIGURES, 0)
            more = PayrollFigures.model_construct(
                **self._api_figures({**nothing, **payee.changes})
            )
        return PayrollOut.model_construct(
            employee_id=payee.identifier,
            employee_name=payee.name,
            department=payee.department,
            location=payee.location,
            level_of_work=payee.level,
            state=payee.state,
            **self._api_figures(payee.figures),
            leave={kind: amount / 100 for kind, amount in sorted(payee.leave.items())},
            undecided_days=payee.open_days,
            days_to_look_at=payee.doubts,
            differences=more,
        )

    @api.model
    def _api_figures(self, figures):
        days = {name.code: figures[f"{status}_days"] for status, name in NAMES.items()}
        return {
            "days": days,
            "days_present": sum(
                figures[f"{status}_days"]
                for status in ("on_time", "considered", "late")
            ),
            "working_hours": to_hours(figures["working_minutes"]),
            "net_hours": to_hours(figures["net_minutes"]),
            "expected_hours": to_hours(figures["expected_minutes"]),
            "overtime": to_hours(figures["overtime_minutes"]),
            "extra_overtime": to_hours(figures["extra_overtime_minutes"]),
            "late_hours": to_hours(figures["late_minutes"]),
            "snacks": figures["snacks_count"],
            "night_bills": figures["night_bill_count"],
            "leave_days": figures["leave_hundredths"] / 100,
        }

    # ------------------------------------------------------------------- files

    @api.model
    def _api_csv(self, query):
        """The payroll as CSV; texts that look like formulas get an apostrophe."""
        columns, rows = sheet(self._payees(query))
        return self._file(partial(self._write_csv, columns, rows), _CSV_TYPE, "csv")

    @api.model
    def _api_xlsx(self, query):
        """The payroll as a workbook, with a page of differences if there are any."""
        payees = self._payees(query)
        return self._file(partial(self._write_xlsx, payees), CONTENT_TYPE, "xlsx")

    @api.model
    def _file(self, write, content_type, ending):
        sheets = self.env["spp.attendance.sheet"]
        return sheets._spooled(write, content_type, f"payroll.{ending}")

    @api.model
    def _write_csv(self, columns, rows, spool):
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\r\n")
        writer.writerow(column.name for column in columns)
        for row in rows:
            writer.writerow(self._plain(value) for value in row)
        spool.write(text.getvalue().encode())

    @api.model
    def _plain(self, value):
        """A cell that no spreadsheet takes for a formula."""
        return plain_text(value) if isinstance(value, str) else value

    @api.model
    def _write_xlsx(self, payees, spool):
        with xlsxwriter.Workbook(spool, {**OPTIONS, "in_memory": True}) as workbook:
            self._write_page(workbook, self.env._("Payroll"), *sheet(payees))
            if any(payee.differs for payee in payees):
                self._write_page(
                    workbook, self.env._("Changed Since"), *differences(payees)
                )

    @api.model
    def _write_page(self, workbook, name, columns, rows):
        page = workbook.add_worksheet(name)
        page.freeze_panes(1, 2)
        page.set_landscape()
        page.fit_to_pages(1, 0)
        page.repeat_rows(0)
        bold = workbook.add_format({"bold": True, "text_wrap": True})
        for number, column in enumerate(columns):
            style = workbook.add_format({"num_format": _FORMATS[column.kind]})
            page.set_column(number, number, column.width, style)
            page.write_string(0, number, column.name.replace("_", " "), bold)
        page.autofilter(0, 0, max(len(rows), 1), len(columns) - 1)
        for row_number, row in enumerate(rows, 1):
            for number, value in enumerate(row):
                if isinstance(value, str):
                    page.write_string(row_number, number, value)
                else:
                    page.write_number(row_number, number, value)
