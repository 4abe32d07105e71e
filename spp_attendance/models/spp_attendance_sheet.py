import tempfile
from datetime import timedelta
from functools import partial

import xlsxwriter
from werkzeug.wsgi import FileWrapper

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.http import Response
from odoo.tools import SQL, format_datetime

from odoo.addons.spp_oauth.api import Unavailable, Unprocessable
from odoo.addons.spp_oauth.tools.notices import RELOAD, notice

from .. import sheet
from ..sheet_writer import CHANNEL, SheetWriter
from ..workbook import CONTENT_TYPE, OPTIONS

#: Rows that are held in memory for a workbook, which PostgreSQL doesn't write.
_XLSX_ROWS = 2_000
_CSV_TYPE = "text/csv; charset=utf-8"
#: A writer that didn't look after its file for so many minutes is no longer there.
_SILENT_MINUTES = 5


class SppAttendanceSheet(models.Model):
    """The plain sheet of a company as a file on one server, and how far it has got.

    The row is kept by the writer (``sheet_writer``), past the ORM. What is in the file
    are the records whose transaction ended before ``horizon``, in the order of
    ``feed_xid`` and id; its first ``file_bytes`` are whole lines that are on the disk.
    """

    _name = "spp.attendance.sheet"
    _description = "Attendance Sheet on the Server"
    _rec_name = "company_id"
    _order = "company_id"

    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, ondelete="cascade"
    )
    enabled = fields.Boolean(readonly=True)
    node = fields.Char(
        readonly=True, help="The server that writes it, by the name it was given."
    )
    written_node = fields.Char(
        readonly=True, help="The server on which the file is that all this is about."
    )
    file_name = fields.Char(compute="_compute_file_name")
    horizon = fields.Char(readonly=True, required=True, default="0")
    # Numeric: a file may well have more bytes than an integer takes.
    file_bytes = fields.Float(string="Bytes", digits=(20, 0), readonly=True)
    row_count = fields.Float(string="Rows", digits=(20, 0), readonly=True)
    stale = fields.Boolean(
        readonly=True,
        default=True,
        help="What was written is no longer so: the file is written anew.",
    )
    last_written = fields.Datetime(readonly=True)
    last_checked = fields.Datetime(readonly=True)
    last_error = fields.Char(readonly=True)
    last_error_date = fields.Datetime(string="Failing Since", readonly=True)
    cron_id = fields.Many2one("ir.cron", readonly=True, ondelete="set null")
    status = fields.Char(compute="_compute_status")

    _company_unique = models.UniqueIndex("(company_id)", "A company has one sheet.")

    @api.depends("company_id")
    def _compute_file_name(self):
        for record in self:
            record.file_name = sheet.file_name(self.env.cr.dbname, record.company_id.id)

    @api.depends(
        "enabled", "last_error", "last_checked", "last_written", "row_count", "node"
    )
    def _compute_status(self):
        now = fields.Datetime.now()
        for record in self:
            record.status = record._status_text(now)

    def _status_text(self, now):
        if not self.enabled:
            return self.env._("No sheet is kept.")
        if self.last_error:
            return self.env._(
                "Since %(time)s it can't be written: %(error)s. Records are not"
                " lost; what is missing is added as soon as it can.",
                time=format_datetime(self.env, self.last_error_date),
                error=self.last_error,
            )
        if not self.last_checked:
            return self.env._(
                "Waiting for the server “%(node)s” to begin.", node=self.node
            )
        if self._is_silent(now):
            return self.env._(
                "The server “%(node)s” has not looked after it since %(time)s.",
                node=self.node,
                time=format_datetime(self.env, self.last_checked),
            )
        return self.env._(
            "%(rows)s rows in %(file)s on “%(node)s”, written at %(time)s.",
            rows=int(self.row_count),
            file=self.file_name,
            node=self.node,
            time=format_datetime(self.env, self.last_written),
        )

    def _is_silent(self, now):
        return now - self.last_checked > timedelta(minutes=_SILENT_MINUTES)

    def init(self):
        """Have the database tell the writer of new rows, in their own transaction.

        By a trigger, because nothing that records attendance may forget it. Silent
        while no sheet is kept: transactions that notify are committed one by one.
        """
        self.env.cr.execute(
            SQL(
                """
                CREATE OR REPLACE FUNCTION spp_attendance_sheet_notify()
                RETURNS trigger LANGUAGE plpgsql AS $$
                BEGIN
                    IF EXISTS (SELECT FROM spp_attendance_sheet WHERE enabled) THEN
                        NOTIFY %(channel)s;
                    END IF;
                    RETURN NULL;
                END $$
                """,
                channel=SQL.identifier(CHANNEL),
            )
        )
        for name in ("spp.attendance.record", "spp.attendance.record.change"):
            self.env.cr.execute(
                SQL(
                    """
                    DROP TRIGGER IF EXISTS spp_attendance_sheet_notify ON %(table)s;
                    CREATE TRIGGER spp_attendance_sheet_notify
                     AFTER INSERT ON %(table)s
                     FOR EACH STATEMENT EXECUTE FUNCTION spp_attendance_sheet_notify()
                    """,
                    table=SQL.identifier(self.env[name]._table),
                )
            )

    # ------------------------------------------------------- file on the server

    @api.model
    def _apply_settings(self, companies):
        """Have sheets as the settings of companies want them."""
        # Nobody writes these rows and scheduled actions but this, and who may change
        # the settings of a company was asked before.
        sheets_sudo = self.sudo()
        known = {
            found.company_id: found
            for found in sheets_sudo.search([("company_id", "in", companies.ids)])
        }
        wanted = companies.filtered("attendance_sheet_enabled")
        new_sheets_sudo = sheets_sudo.create(
            [{"company_id": c.id} for c in wanted if c not in known]
        )
        known.update((found.company_id, found) for found in new_sheets_sudo)
        for company, sheet_sudo in known.items():
            vals = {
                "enabled": company.attendance_sheet_enabled,
                "node": company.attendance_sheet_node,
            }
            if company.attendance_sheet_enabled and not sheet_sudo.enabled:
                # What happened to the file meanwhile, or to the numbers of
                # transactions, is not known.
                vals |= {"stale": True, "last_checked": False, "last_error": False}
            sheet_sudo.write(vals)
            sheet_sudo._schedule()
        self.env.cr.execute(SQL("NOTIFY %s", SQL.identifier(CHANNEL)))

    def _schedule(self):
        """Have the scheduled action that starts the writer, and looks after it."""
        for record in self:
            if not record.cron_id:
                record.cron_id = self.env["ir.cron"].create(
                    {
                        "name": f"Attendance: sheet of {record.company_id.name}",
                        "model_id": self.env["ir.model"]._get_id(self._name),
                        "state": "code",
                        "code": f"model.browse({record.id})._cron_write()",
                        "interval_number": 1,
                        "interval_type": "minutes",
                        "active": record.enabled,
                    }
                )
            elif record.cron_id.active != record.enabled:
                record.cron_id.active = record.enabled
            if record.enabled:
                record.cron_id._trigger()

    def _cron_write(self):
        """Have a writer in this process, if none on this server is at it."""
        self.ensure_one()
        if self.enabled and self.node == sheet.node():
            SheetWriter.ensure(self.env.cr.dbname, self.company_id.id)

    def action_rewrite(self):
        """Have the file written anew, with the names that people have now."""
        self.check_access("read")
        # Who sees a sheet is who administers attendance; he has no right to write the
        # row, because the rest of it is the writer's.
        sheets_sudo = self.sudo()
        sheets_sudo.stale = True
        self.env.cr.execute(SQL("NOTIFY %s", SQL.identifier(CHANNEL)))
        return notice("success", self.env._("The sheet is written anew."), RELOAD)

    # ------------------------------------------------------------ native API

    @api.model
    def _api_csv(self, query):
        """The plain sheet as CSV, as the user may see the records.

        :param api.SheetQuery query: filters
        :return: a response with ``Content-Length``, so that a cut one is noticed
        :raises Unavailable: when the server has no room to prepare it
        """
        select = self._select(query, sheet.csv_columns)
        return self._spooled(
            partial(self._write_csv, select), _CSV_TYPE, "attendance.csv"
        )

    @api.model
    def _api_xlsx(self, query):
        """The plain sheet as a workbook; see ``_api_csv``.

        :raises Unprocessable: when a workbook has no room for it
        """
        records = self.env["spp.attendance.record"]
        domain = self._domain(query)
        if records.search_count(domain, limit=sheet.MAX_XLSX_ROWS) >= (
            sheet.MAX_XLSX_ROWS
        ):
            raise Unprocessable(
                "A workbook has no room for so many records; ask for fewer days, or"
                " for CSV."
            )
        select = self._select(query, sheet.columns)
        return self._spooled(
            partial(self._write_xlsx, select), CONTENT_TYPE, "attendance.xlsx"
        )

    @api.model
    def _domain(self, query):
        domain = self.env["spp.attendance.record"]._api_domain(query)
        if query.category:
            domain &= Domain("category", "=", query.category)
        if query.company:
            domain &= Domain("company_id", "in", query.company)
        return domain

    @api.model
    def _select(self, query, columns):
        """The SELECT of what a user may see, oldest first.

        Who sees a record sees whose it is: the names come with it.
        """
        self.env["spp.attendance.subscriber"].check_access("read")
        records = self.env["spp.attendance.record"]
        self.env.flush_all()
        found = records._search(self._domain(query), order="date_time, id")
        if found.is_empty():
            found = records._search(Domain("id", "=", 0))
        person = found.join(
            found.table,
            "subscriber_id",
            self.env["spp.attendance.subscriber"]._table,
            "id",
            "sheet_person",
        )
        contact = found.join(
            person, "partner_id", self.env["res.partner"]._table, "id", "contact"
        )
        return found.select(*columns(found.table, person, contact))

    @api.model
    def _spooled(self, write, content_type, name):
        """A response of a file that ``write`` fills before anything of it is sent."""
        spool = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the response
        try:
            write(spool)
            length = spool.tell()
            spool.seek(0)
        except OSError as error:
            spool.close()
            raise Unavailable(
                "The server has no room to prepare the sheet.",
                headers=[("Retry-After", "600")],
            ) from error
        except BaseException:
            spool.close()
            raise
        response = Response(
            FileWrapper(spool, 2**16),
            headers={
                "Content-Type": content_type,
                "Content-Length": str(length),
                "Content-Disposition": f'attachment; filename="{name}"',
            },
            direct_passthrough=True,
        )
        response.call_on_close(spool.close)
        return response

    @api.model
    def _write_csv(self, select, spool):
        spool.write(sheet.HEADER)
        cr = self.env.cr
        statement = sheet.copy_csv(select)
        cr.copy_expert(cr.mogrify(statement.code, statement.params), spool)

    @api.model
    def _write_xlsx(self, select, spool):
        cr = self.env.cr
        # On the server, so that no more than a few rows are here at a time.
        cursor = SQL.identifier("spp_attendance_sheet")
        cr.execute(SQL("DECLARE %s NO SCROLL CURSOR FOR %s", cursor, select))
        options = {**OPTIONS, "constant_memory": True}
        with xlsxwriter.Workbook(spool, options) as workbook:
            page = workbook.add_worksheet("Attendance")
            page.set_column(0, 0, 27)
            page.set_column(1, 1, 18)
            page.set_column(2, 2, 36)
            page.freeze_panes(1, 0)
            page.write_row(0, 0, sheet.COLUMNS, workbook.add_format({"bold": True}))
            row = 0
            while True:
                cr.execute(SQL("FETCH FORWARD %s FROM %s", _XLSX_ROWS, cursor))
                fetched = cr.fetchall()
                for row, values in enumerate(fetched, row + 1):  # noqa: B020
                    page.write_row(row, 0, values)
                if not fetched:
                    break
        cr.execute(SQL("CLOSE %s", cursor))
