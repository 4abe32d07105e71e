from odoo import fields, models


class SppAttendanceImportLine(models.Model):
    """A row that was rejected; of a dry run any row that would change something."""

    _name = "spp.attendance.import.line"
    _description = "Row of an Attendance Import"
    _order = "import_id desc, row_number, id"
    _rec_name = "person_identifier"

    import_id = fields.Many2one(
        "spp.attendance.import",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True, ondelete="cascade"
    )
    row_number = fields.Integer(
        string="Row",
        readonly=True,
        aggregator=None,
        help="In a file the row of the sheet, where the heading is row 1; otherwise"
        " counted from 1, in the order in which they came.",
    )
    person_identifier = fields.Char(string="Identifier", readonly=True)
    status = fields.Selection(
        [
            ("created", "Would be created"),
            ("updated", "Would be changed"),
            ("rejected", "Rejected"),
        ],
        required=True,
        readonly=True,
    )
    is_open = fields.Boolean(
        string="To Be Tried Again",
        readonly=True,
        help="The next import of what has changed tries it again, since the registry"
        " won't tell of it.",
    )
    code = fields.Char(readonly=True, help="The reason, for programs.")
    reason = fields.Char(readonly=True)
    values = fields.Json(readonly=True, help="What was read from the row.")
    changes = fields.Text(readonly=True)

    _open_index = models.Index("(import_id) WHERE is_open")
