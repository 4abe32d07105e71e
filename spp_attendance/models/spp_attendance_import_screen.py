import csv
import io

from odoo import api, fields, models
from odoo.tools import SQL, format_datetime

from .. import sheet
from ..hints import hint

#: So many rows of each kind are shown on an import's form; the list has all of them.
_EXAMPLES = 20


class SppAttendanceImport(models.Model):
    """What the form of an import shows and gives away."""

    _inherit = "spp.attendance.import"

    error_message = fields.Char(string="What to Do", compute="_compute_error_message")
    example_ids = fields.Many2many(
        "spp.attendance.import.line",
        string="Examples",
        compute="_compute_example_ids",
        help="The first rows of each kind.",
    )

    @api.depends("source_id.name", "is_dry_run", "create_date")
    @api.depends_context("lang", "tz")
    def _compute_display_name(self):
        # A source has many of them, and is itself on the way to each.
        for run in self:
            if not run.create_date:
                run.display_name = run.source_id.name
                continue
            time = format_datetime(self.env, run.create_date, dt_format="short")
            run.display_name = (
                self.env._(
                    "%(name)s (dry run, %(time)s)",
                    name=run.source_id.name,
                    time=time,
                )
                if run.is_dry_run
                else self.env._(
                    "%(name)s (%(time)s)", name=run.source_id.name, time=time
                )
            )

    @api.depends("error_code")
    @api.depends_context("lang")
    def _compute_error_message(self):
        for run in self:
            run.error_message = hint(self.env, run.error_code)

    @api.depends("line_ids")
    def _compute_example_ids(self):
        lines = self.env["spp.attendance.import.line"]
        lines.flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT import_id, array_agg(id ORDER BY
                           array_position(%s::varchar[], status), row_number, id)
                  FROM (SELECT id, import_id, status, row_number, row_number() OVER (
                                   PARTITION BY import_id, status
                                   ORDER BY row_number, id) AS place
                          FROM spp_attendance_import_line
                         WHERE import_id = ANY(%s)) AS line
                 WHERE place <= %s
                 GROUP BY import_id
                """,
                # What somebody has to do something about comes first.
                ["rejected", "updated", "created"],
                self.ids,
                _EXAMPLES,
            )
        )
        found = dict(rows)
        for run in self:
            run.example_ids = lines.browse(found.get(run._origin.id))

    # ------------------------------------------------------------------ actions

    def action_import(self):
        """What was tried, for good."""
        self.check_access("read")
        self.ensure_one()
        return self.source_id.action_import()

    def action_open_lines(self):
        self.check_access("read")
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "spp_attendance.spp_attendance_import_line_action"
        )
        action["domain"] = [("import_id", "=", self.id)]
        action["context"] = {}
        return action

    def action_download_rejected(self):
        self.check_access("read")
        self.ensure_one()
        return {
            "type": "ir.actions.act_url",
            "url": f"/attendance/imports/{self.id}/rejected.csv",
            "target": "download",
        }

    def _open(self):
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "spp_attendance.spp_attendance_import_action"
        )
        return {
            **action,
            "views": [(False, "form")],
            "res_id": self.id,
            "context": {},
        }

    # ----------------------------------------------------------------- download

    def _rejected_csv(self):
        """A response of the rejected rows as CSV, as the user may see them.

        :raises Unavailable: when the server has no room to prepare it
        """
        self.check_access("read")
        self.ensure_one()
        return self.env["spp.attendance.sheet"]._spooled(
            self._write_rejected,
            "text/csv; charset=utf-8",
            f"rejected-{self.id}.csv",
        )

    def _write_rejected(self, spool):
        lines = self.env["spp.attendance.import.line"]
        lines.check_access("read")
        self.env.flush_all()
        found = lines._search(
            [("import_id", "=", self.id), ("status", "=", "rejected")],
            order="row_number, id",
        )
        labels = self._labels()
        # What tells rows apart has a column of its own, whatever it is called.
        key = next(iter(labels), None)
        names = [name for name in self._value_names(found) if name != key]
        identifier = labels.get(key) or self.env._("Identifier")
        head = [self.env._("Row"), identifier, self.env._("Reason")]
        heading = io.StringIO()
        # No label tells a spreadsheet anything: they are ours.
        csv.writer(heading, lineterminator="\n").writerow(
            [*head, *(labels.get(name, name) for name in names)]
        )
        spool.write(heading.getvalue().encode())
        table = SQL.identifier(found.table)
        columns = [
            SQL("%s.row_number", table),
            sheet.plain(SQL("%s.person_identifier", table)),
            sheet.plain(SQL("%s.reason", table)),
            *(sheet.plain(SQL("%s.values ->> %s", table, name)) for name in names),
        ]
        statement = sheet.copy_csv(found.select(*columns))
        cr = self.env.cr
        cr.copy_expert(cr.mogrify(statement.code, statement.params), spool)

    def _value_names(self, found):
        """What the rows of a query say something about, in the target's order."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT jsonb_object_keys(given.values) FROM (%s) AS given
                 WHERE jsonb_typeof(given.values) = 'object'
                """,
                found.select(SQL("%s.values", SQL.identifier(found.table))),
            )
        )
        names = {name for [name] in rows}
        known = [name for name in self._labels() if name in names]
        return [*known, *sorted(names.difference(known))]

    def _labels(self):
        """What the fields are called; none when the addon that knew of it is gone."""
        target = self.source_id._import_targets().get(self.target)
        return (
            {name: field.label for name, field in target.fields.items()}
            if target
            else {}
        )


class SppAttendanceImportLine(models.Model):
    _inherit = "spp.attendance.import.line"

    values_text = fields.Text(string="What Came", compute="_compute_values_text")

    @api.depends("values", "person_identifier")
    @api.depends_context("lang")
    def _compute_values_text(self):
        labels = {
            name: field.label
            for target in self.import_id.source_id._import_targets().values()
            for name, field in target.fields.items()
        }
        for line in self:
            # The identifier has a column of its own.
            given = {
                name: value
                for name, value in (line.values or {}).items()
                if value not in (None, "", line.person_identifier)
            }
            names = [name for name in labels if name in given]
            names += sorted(given.keys() - labels.keys())
            line.values_text = "; ".join(
                f"{labels.get(name, name)}: {given[name]}" for name in names
            )
