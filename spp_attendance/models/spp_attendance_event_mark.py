from odoo import fields, models


class SppAttendanceEventMark(models.Model):
    """One save of marks at an event: what it takes to undo it."""

    _name = "spp.attendance.event.mark"
    _description = "Saved Marks of an Attendance Event"
    _order = "id desc"
    _rec_name = "create_date"

    event_id = fields.Many2one(
        "spp.attendance.event",
        required=True,
        ondelete="cascade",
        index=True,
        readonly=True,
    )
    # {"records": {id: [mark before, mark after]}, "lines": [id]}, a mark being
    # "present", "absent" or null, and the lines those that came with the marks.
    entries = fields.Json(readonly=True)
    mark_count = fields.Integer("Marks", readonly=True)
    problem = fields.Text(readonly=True, help="Who could not be marked, and why.")
    is_undone = fields.Boolean("Undone", readonly=True)
    create_uid = fields.Many2one("res.users", string="By", readonly=True)
    create_date = fields.Datetime(string="When", readonly=True)

    def _undo(self):
        """Restore what was before: void what was made, set back what was changed.

        What somebody has changed since is his: it stays.

        :return: number of marks that stay
        """
        self.ensure_one()
        entries = {
            int(record_id): marks
            for record_id, marks in self.entries["records"].items()
        }
        values, kept = {}, 0
        for record in self.env["spp.attendance.record"].browse(entries).exists():
            before, after = entries[record.id]
            if (record.category if record.active else None) != after:
                kept += 1
            elif not before:
                reason = self.env._("Undone at “%(event)s”", event=self.event_id.name)
                values[record] = {"active": False, "void_reason": reason}
            elif not after:
                values[record] = {"active": True}
            else:
                values[record] = {"category": before}
        if values:
            self.env["spp.attendance.record"]._write_each(values)
        self.event_id.line_ids.invalidate_recordset(["mark", "record_id"])
        lines = self.env["spp.attendance.event.line"].browse(self.entries["lines"])
        lines = lines.exists().filtered(
            lambda line: not line.is_expected and not line.mark
        )
        lines.unlink()
        # Written by the system alone, see ``_save_marks``.
        self_sudo = self.sudo()
        self_sudo.is_undone = True
        self.event_id.invalidate_recordset()
        return kept
