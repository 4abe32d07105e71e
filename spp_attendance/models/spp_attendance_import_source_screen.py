from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tools import formatLang

from odoo.addons.spp_oauth.tools.notices import CLOSE, notice

from ..engine.suggestion import suggest
from ..hints import hint
from ..registry.errors import InvalidConfig
from ..registry.mapping import RowError, as_text
from ..registry.paths import get, paths_of

#: An example beside a path is to be recognised, not read.
_EXAMPLE = 60


class SppAttendanceImportSource(models.Model):
    """What the form of a source does, and shows, on the way to its first import."""

    _inherit = "spp.attendance.import.source"

    sample_paths = fields.Json(
        compute="_compute_sample_paths",
        help="Where there is something in the sample: [path, an example of it].",
    )
    sample_count = fields.Integer(compute="_compute_sample_paths")
    error_code = fields.Char(
        string="Fault",
        readonly=True,
        copy=False,
        help="For which no sample came, when one was asked for last.",
    )
    error_detail = fields.Char(string="Technical Detail", readonly=True, copy=False)
    error_message = fields.Char(string="What to Do", compute="_compute_error_message")
    dry_run_id = fields.Many2one(
        "spp.attendance.import", string="Last Dry Run", compute="_compute_dry_run_id"
    )
    dry_run_at = fields.Datetime(string="Tried", compute="_compute_dry_run_id")
    dry_run_summary = fields.Char(compute="_compute_dry_run_id")

    @api.depends("sample")
    def _compute_sample_paths(self):
        for source in self:
            rows = source.sample or []
            source.sample_count = len(rows)
            source.sample_paths = [
                [path, next(filter(None, (_example(row, path) for row in rows)), "")]
                for path in paths_of(rows)
            ]

    @api.depends("error_code")
    @api.depends_context("lang")
    def _compute_error_message(self):
        for source in self:
            source.error_message = hint(self.env, source.error_code)

    @api.depends("import_ids.is_dry_run")
    def _compute_dry_run_id(self):
        last = dict(
            self.env["spp.attendance.import"]._read_group(
                [("source_id", "in", self.ids), ("is_dry_run", "=", True)],
                ["source_id"],
                ["id:max"],
            )
        )
        for source in self:
            run = self.env["spp.attendance.import"].browse(last.get(source._origin))
            source.dry_run_id = run
            source.dry_run_at = run.finished_at
            source.dry_run_summary = source._describe_dry_run(run)

    def _describe_dry_run(self, run):
        if run.state != "done":
            return False
        statuses = ("created", "updated", "rejected", "unchanged")
        return self.env._(
            "%(created)s would be created, %(updated)s changed, %(rejected)s"
            " rejected; %(unchanged)s unchanged.",
            **{
                status: formatLang(self.env, run[f"{status}_count"], digits=0)
                for status in statuses
            },
        )

    @api.onchange("kind")
    def _onchange_kind(self):
        # Most addresses that answer in JSON are read; a DCI registry is posted to.
        if not self._origin:
            self.method = "GET" if self.kind == "json" else "POST"

    # ------------------------------------------------------------------ actions

    def action_fetch_sample(self):
        """Ask for the first rows, to see what there is before anything is imported."""
        self.check_access("write")
        self.ensure_one()
        if self.kind == "file" and not self.file:
            raise UserError(self.env._("Choose a file first."))
        error = self._fetch_sample()
        self.write(
            {
                "error_code": error.code if error else False,
                "error_detail": error.detail if error else False,
            }
        )
        if error:
            return self._tell("danger", hint(self.env, error.code))
        if not self.sample:
            return self._tell(
                "warning",
                self.env._("There is nothing below the first row, which names columns.")
                if self.kind == "file"
                else self.env._("It answers, but there is not a single row."),
            )
        return self._tell(
            "success",
            self.env._("The first rows are here. Look at the values beside each path."),
        )

    def action_suggest(self):
        """Propose a path for each field that has none yet."""
        self.check_access("write")
        self.ensure_one()
        if not self.sample:
            raise UserError(
                self.env._("Fetch a sample first, so that there is something to see.")
            )
        found = self._suggest()
        if found:
            message = self.env._(
                "Fields that have a path now: %(fields)s. Check the values beside"
                " them.",
                fields=", ".join(found),
            )
        else:
            message = self.env._(
                "Nothing else in the sample is called like a field that has no path. "
                "Choose the paths yourself."
            )
        mapped = {entry["field"] for entry in self.mapping_ids._config()}
        missing = [
            field.label
            for name, field in self._import_targets()[self.target].fields.items()
            if field.required and name not in mapped
        ]
        if missing:
            message += " " + self.env._(
                "Still without a path, but needed: %(fields)s.",
                fields=", ".join(missing),
            )
        return self._tell("success" if found and not missing else "warning", message)

    def _suggest(self):
        """Fill in what the sample lets suppose; what is filled in stays.

        :return: what those fields are called that have a path now and had none
        """
        target = self._import_targets()[self.target]
        known = {mapping.field_name: mapping for mapping in self.mapping_ids}
        wanted = {
            name: field.label
            for name, field in target.fields.items()
            if name not in known or not (known[name].path or known[name].default_value)
        }
        taken = {mapping.path for mapping in self.mapping_ids}
        paths = [path for path, _text in self.sample_paths if path not in taken]
        rows = [{path: _example(row, path) for path in paths} for row in self.sample]
        found = suggest(wanted, paths, rows)
        if known.get("family_name") or known.get("given_name"):
            found.pop("name", None)
        places = {name: place for place, name in enumerate(target.fields, 1)}
        commands = []
        for name, field in target.fields.items():
            if name in found and name in known:
                commands.append(Command.update(known[name].id, {"path": found[name]}))
            elif name in found or (field.required and name not in known):
                # What an import can't do without has a line, to be filled in.
                commands.append(
                    Command.create(
                        {
                            "field_name": name,
                            "path": found.get(name, False),
                            "sequence": 10 * places[name],
                        }
                    )
                )
        self.mapping_ids = commands
        return [wanted[name] for name in found]

    def action_dry_run(self):
        """Try it: all that an import does, but for keeping it."""
        self.check_access("write")
        self.ensure_one()
        return self._start(dry_run=True)._open()

    def action_import(self):
        """Import in the background, beginning now."""
        self.check_access("write")
        self.ensure_one()
        return self._start()._open()

    def action_import_all(self):
        """Import everything, also of a source that gives only what has changed."""
        self.check_access("write")
        self.ensure_one()
        return self._start(full=True)._open()

    def action_open_dry_run(self):
        self.check_access("read")
        self.ensure_one()
        return self.dry_run_id._open()

    def action_open_imports(self):
        self.check_access("read")
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "spp_attendance.spp_attendance_import_action"
        )
        action["domain"] = [("source_id", "in", self.ids)]
        action["context"] = {}
        return action

    def _tell(self, kind, message):
        """Show a message, and the record as it is now."""
        return notice(kind, message, CLOSE)


def _example(row, path):
    """A value of a row as a short text; nothing where there is none."""
    try:
        text = as_text(get(row, path)) or ""
    except (InvalidConfig, RowError):
        return ""
    return text if len(text) <= _EXAMPLE else text[:_EXAMPLE] + "…"
