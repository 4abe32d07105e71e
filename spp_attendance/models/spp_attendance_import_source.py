import logging

from odoo import api, fields, models

from ..importing import Target, TargetField

_logger = logging.getLogger(__name__)


class SppAttendanceImportSource(models.Model):
    """Where people, or other data, are imported from, and how its rows are read.

    A run copies all of it but the secret, so that a change here concerns later runs.
    """

    _name = "spp.attendance.import.source"
    _description = "Attendance Import Source"
    _inherit = ["mail.thread", "mail.activity.mixin"]
    _order = "name, id"
    _check_company_auto = True

    name = fields.Char(required=True, tracking=True)
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company",
        required=True,
        default=lambda self: self.env.company,
        index=True,
        ondelete="restrict",
    )
    user_id = fields.Many2one(
        "res.users",
        string="Responsible",
        required=True,
        default=lambda self: self.env.user,
        ondelete="restrict",
        tracking=True,
        help="Scheduled imports are done in their name, and they are told of failures.",
    )
    kind = fields.Selection(
        [
            ("dci", "Registry (DCI)"),
            ("json", "Other Web Address (JSON)"),
            ("file", "File (CSV or Excel)"),
        ],
        required=True,
        default="dci",
        tracking=True,
    )
    target = fields.Selection(
        selection="_selection_target",
        string="Brings In",
        required=True,
        default="people",
        tracking=True,
    )
    mapping_ids = fields.One2many(
        "spp.attendance.import.mapping", "source_id", string="Fields", copy=True
    )

    # ------------------------------------------------------------- where: web

    url = fields.Char(
        string="Address",
        tracking=True,
        help="Its host must be one that an administrator has allowed.",
    )
    method = fields.Selection(
        [("GET", "GET"), ("POST", "POST")], required=True, default="POST"
    )
    headers = fields.Text(help="As a JSON object. Secrets don't belong here.")
    body = fields.Text(
        help="What is sent, with placeholders such as {page}, {limit}, {offset},"
        " {cursor}, {since}, {now} and {uuid}."
    )
    paging = fields.Selection(
        [
            ("none", "Everything at once"),
            ("page", "By page number"),
            ("offset", "By offset"),
            ("cursor", "By a mark for the next page"),
            ("link", "By the next page's address"),
        ],
        required=True,
        default="page",
    )
    page_size = fields.Integer(default=1000, required=True, aggregator=None)
    first_page = fields.Integer(default=1, required=True, aggregator=None)
    next_path = fields.Char(
        string="Path of the Next Page",
        help="Where an answer says how to go on, such as pagination.next.",
    )
    rows_path = fields.Char(
        string="Path of the Rows",
        help="Where the list is in an answer; nothing: the answer is the list.",
    )
    total_path = fields.Char(
        string="Path of the Total",
        help="Where an answer says how many rows there are in all.",
    )
    reg_type = fields.Char(string="Register", default="SPP:RegistryType:Individual")
    delta_attribute = fields.Char(
        string="Attribute of the Last Change",
        help="By which the registry can be asked for what has changed since.",
    )
    timeout = fields.Integer(
        string="Timeout (s)", default=30, required=True, aggregator=None
    )
    deadline = fields.Integer(
        string="Deadline (s)",
        default=120,
        required=True,
        aggregator=None,
        help="Longest time for one page.",
    )

    # -------------------------------------------------------- where: signing in

    auth = fields.Selection(
        [
            ("none", "None"),
            ("basic", "User and password"),
            ("bearer", "Fixed token"),
            ("fetched", "Token fetched from an address"),
        ],
        string="Sign In",
        required=True,
        default="fetched",
        tracking=True,
    )
    auth_url = fields.Char(string="Address for Tokens", tracking=True)
    auth_user = fields.Char(
        string="Client ID or User", help="Stands for {client_id} in what is sent."
    )
    auth_format = fields.Selection(
        [("json", "JSON"), ("form", "Form")], required=True, default="json"
    )
    auth_body = fields.Text(
        string="What is Sent for a Token",
        help="With the placeholders {client_id} and {client_secret}.",
    )
    token_path = fields.Char(string="Path of the Token", default="access_token")
    secret = fields.Char(
        "Stored Secret", groups=fields.NO_ACCESS, copy=False, prefetch=False
    )
    secret_input = fields.Char(
        string="Secret",
        compute="_compute_secret_input",
        inverse="_inverse_secret_input",
        copy=False,
        help="Client secret, password or token. It can be replaced, but never read.",
    )
    secret_set = fields.Boolean(
        string="Secret Stored", compute="_compute_secret_set", compute_sudo=True
    )

    # ------------------------------------------------------------ where: file

    file = fields.Binary(attachment=True, copy=False)
    file_name = fields.Char(copy=False)

    # ---------------------------------------------------------------- what came

    sample = fields.Json(
        readonly=True,
        copy=False,
        help="The first rows, as they came; forgotten after a day.",
    )
    sample_at = fields.Datetime(readonly=True, copy=False)

    # --------------------------------------------------------------------- when

    is_delta = fields.Boolean(
        string="Only What Has Changed",
        help="Asks for what has changed since the last import that was done.",
    )
    last_run_at = fields.Datetime(
        string="Imported Up To",
        readonly=True,
        copy=False,
        help="When the last import began that came to its end.",
    )
    schedule = fields.Selection(
        [
            ("none", "By hand"),
            ("hourly", "Every hour"),
            ("daily", "Every day"),
            ("weekly", "Every week"),
        ],
        required=True,
        default="none",
        tracking=True,
    )
    next_run_at = fields.Datetime(
        string="Next Import",
        compute="_compute_next_run_at",
        store=True,
        readonly=False,
        copy=False,
    )
    import_ids = fields.One2many("spp.attendance.import", "source_id", string="Imports")
    import_count = fields.Integer(compute="_compute_import_count")
    last_import_id = fields.Many2one(
        "spp.attendance.import", compute="_compute_last_import_id"
    )

    _page_size_range = models.Constraint(
        "CHECK (page_size BETWEEN 1 AND 10000)",
        "A page has between 1 and 10,000 rows.",
    )
    _times_range = models.Constraint(
        "CHECK (timeout BETWEEN 1 AND deadline AND deadline <= 600)",
        "The timeout must be at least one second, and the deadline at most 600.",
    )
    _due_index = models.Index("(next_run_at) WHERE active AND schedule <> 'none'")

    # ------------------------------------------------------------------ targets

    @api.model
    def _import_targets(self):
        """What rows can become: ``{key: importing.Target}``, for addons to extend."""
        return {
            "people": Target(
                self.env._("People"),
                {
                    "person_identifier": TargetField(self.env._("Identifier"), True),
                    "family_name": TargetField(self.env._("Family Name")),
                    "given_name": TargetField(self.env._("Given Name")),
                    "additional_name": TargetField(self.env._("Additional Name")),
                    "name": TargetField(self.env._("Full Name")),
                    "gender": TargetField(self.env._("Gender")),
                    "email": TargetField(self.env._("Email")),
                    "phone": TargetField(self.env._("Phone")),
                    "mobile": TargetField(self.env._("Mobile")),
                    "department": TargetField(self.env._("Department")),
                    "designation": TargetField(self.env._("Designation")),
                    "level_of_work": TargetField(self.env._("Level of Work")),
                    "location": TargetField(self.env._("Home Location")),
                    "badge": TargetField(self.env._("Badge")),
                },
                self._import_people,
            )
        }

    @api.model
    def _selection_target(self):
        return [(key, target.label) for key, target in self._import_targets().items()]

    @api.model
    def _import_people(self, env, rows, *, dry_run):
        """The target "people": see :class:`importing.Target`."""
        raise NotImplementedError

    # ----------------------------------------------------------------- computed

    def _compute_secret_input(self):
        # What was stored is never shown.
        self.secret_input = False

    def _inverse_secret_input(self):
        pass

    @api.depends("secret")
    def _compute_secret_set(self):
        for source in self:
            source.secret_set = bool(source.secret)

    @api.depends("schedule")
    def _compute_next_run_at(self):
        for source in self:
            source.next_run_at = False

    def _compute_import_count(self):
        counts = dict(
            self.env["spp.attendance.import"]._read_group(
                [("source_id", "in", self.ids)], ["source_id"], ["__count"]
            )
        )
        for source in self:
            source.import_count = counts.get(source._origin, 0)

    @api.depends("import_ids")
    def _compute_last_import_id(self):
        for source in self:
            source.last_import_id = source.import_ids[:1]

    # ------------------------------------------------------------------ running

    def _fetch_sample(self, limit=20):
        """Ask for the first rows and keep them as the sample.

        :return: None, or the RegistryError for which nothing came
        """
        raise NotImplementedError

    def _start(self, dry_run=False, full=False):
        """Queue an import.

        :param bool dry_run: nothing of it is kept
        :param bool full: everything, also where only changes are imported
        :return: the new ``spp.attendance.import``
        :raises UserError: when one is at work already, or settings are missing
        """
        raise NotImplementedError
