from odoo import api, fields, models


class SppAttendanceImport(models.Model):
    """One import: what it was asked, how far it has got and what became of the rows.

    A worker that holds its lease fetches page after page and writes each in chunks. A
    chunk's rows, their lines, the counts and the cursor are one transaction: whenever
    it is cut short, another worker goes on after the last chunk that is there.
    """

    _name = "spp.attendance.import"
    _description = "Attendance Import"
    _order = "id desc"
    _rec_name = "source_id"
    _check_company_auto = True

    source_id = fields.Many2one(
        "spp.attendance.import.source",
        required=True,
        readonly=True,
        index=True,
        ondelete="cascade",
        check_company=True,
    )
    company_id = fields.Many2one(
        "res.company", required=True, readonly=True, index=True, ondelete="restrict"
    )
    user_id = fields.Many2one(
        "res.users",
        string="In the Name of",
        required=True,
        readonly=True,
        ondelete="restrict",
    )
    target = fields.Selection(
        selection="_selection_target", string="Brings In", required=True, readonly=True
    )
    is_dry_run = fields.Boolean(string="Dry Run", readonly=True)
    since = fields.Datetime(
        string="Changed Since", readonly=True, help="Empty: everything was asked for."
    )
    state = fields.Selection(
        [
            ("queued", "Queued"),
            ("running", "Running"),
            ("waiting", "Waiting to Try Again"),
            ("done", "Done"),
            ("failed", "Failed"),
            ("cancelled", "Cancelled"),
        ],
        required=True,
        readonly=True,
        default="queued",
    )
    config = fields.Json(
        readonly=True, help="The source's settings as they were, without the secret."
    )
    cursor = fields.Json(readonly=True)
    page_count = fields.Integer(string="Pages", readonly=True)
    read_count = fields.Integer(string="Rows", readonly=True)
    created_count = fields.Integer(string="Created", readonly=True)
    updated_count = fields.Integer(string="Changed", readonly=True)
    unchanged_count = fields.Integer(string="Unchanged", readonly=True)
    rejected_count = fields.Integer(string="Rejected", readonly=True)
    total = fields.Integer(
        readonly=True, help="How many rows the source says it has; 0: it doesn't say."
    )
    progress = fields.Float(
        compute="_compute_progress",
        string="Progress (%)",
        aggregator=None,
        help="0 as long as the source doesn't say how many rows it has.",
    )
    attempts = fields.Integer(string="Faults in a Row", readonly=True, aggregator=None)
    next_attempt_at = fields.Datetime(string="Next Attempt", readonly=True)
    error_code = fields.Char(string="Fault", readonly=True)
    error_detail = fields.Char(string="Technical Detail", readonly=True)
    lease_until = fields.Datetime(readonly=True)
    lease_token = fields.Char(groups=fields.NO_ACCESS, readonly=True, prefetch=False)
    started_at = fields.Datetime(string="Started", readonly=True)
    finished_at = fields.Datetime(string="Ended", readonly=True)
    line_ids = fields.One2many(
        "spp.attendance.import.line", "import_id", string="Lines", readonly=True
    )

    _one_at_work = models.UniqueIndex(
        "(source_id) WHERE state IN ('queued', 'running', 'waiting')",
        "An import from this source is at work already.",
    )
    _due_index = models.Index(
        "(next_attempt_at) WHERE state IN ('queued', 'running', 'waiting')"
    )

    @api.model
    def _selection_target(self):
        return self.env["spp.attendance.import.source"]._selection_target()

    @api.depends("state", "total", "read_count")
    def _compute_progress(self):
        for run in self:
            if run.state == "done":
                run.progress = 100
            elif run.total:
                run.progress = min(100 * run.read_count / run.total, 100)
            else:
                run.progress = 0

    def action_cancel(self):
        """Stop; what was written stays."""
        self.check_access("read")
        raise NotImplementedError

    def action_resume(self):
        """Let a failed or cancelled import go on where it stopped."""
        self.check_access("read")
        raise NotImplementedError

    @api.model
    def _cron_import(self):
        """Start what is due and work on imports; one of several lanes."""
