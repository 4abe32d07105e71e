import json
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Domain
from odoo.tools import SQL

from ..importing import Reader, Result, Target, TargetField
from ..register_import import attendees_target
from ..registry import (
    Auth,
    DciSource,
    FileSource,
    HttpConfig,
    HttpSource,
    InvalidConfig,
    Limits,
    Policy,
    RegistryError,
    Transport,
    dci_config,
)
from ..registry.mapping import storable
from ..registry.transport import origin_of
from ..required import check_required
from ..upsert import Upsert

#: Clocks differ, and a change may be stored some time after it was made.
_OVERLAP = timedelta(minutes=5)
_PERIODS = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(weeks=1),
}
_SAMPLE_ROWS = 20
#: A person waits for a sample, so it is given up sooner than an import.
_SAMPLE_DEADLINE = 20
_ACTIVITY = "mail.mail_activity_data_todo"
#: What a run copies: how rows are had, besides how they are read.
_COPIED = (
    "kind",
    "target",
    "url",
    "method",
    "headers",
    "body",
    "paging",
    "page_size",
    "first_page",
    "next_path",
    "rows_path",
    "total_path",
    "reg_type",
    "delta_attribute",
    "timeout",
    "deadline",
    "auth",
    "auth_url",
    "auth_user",
    "auth_format",
    "auth_body",
    "token_path",
)
#: Where a secret goes: with another host it has to be typed again.
_ADDRESSES = ("url", "auth_url")


def _dont_wait(_seconds):
    """Between tries."""


def _as_json(value):
    """What came as what can be kept: a database takes not every text."""
    match value:
        case dict():
            return {storable(str(key)): _as_json(part) for key, part in value.items()}
        case list():
            return [_as_json(part) for part in value]
        case str():
            return storable(value)
        case None | bool() | int() | float():
            return value
    return storable(str(value))


class SppAttendanceImportSource(models.Model):
    """Where people, or other data, are imported from, and how its rows are read.

    A run copies all of it but the secret, so that a change here concerns later runs.
    """

    _name = "spp.attendance.import.source"
    _description = "Attendance Import Source"
    _inherit = [
        "spp.attendance.credential.mixin",
        "mail.thread",
        "mail.activity.mixin",
    ]
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
        copy=False,
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
    reg_type = fields.Char(
        string="Registry Type", default="SPP:RegistryType:Individual"
    )
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
    secret_input = fields.Char(
        help="Client secret, password or token. It can be replaced, but never read.",
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
        copy=False,
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
                    "work_from": TargetField(self.env._("Works From")),
                    "work_to": TargetField(self.env._("Works Until")),
                    "location": TargetField(self.env._("Home Location")),
                    "badge": TargetField(self.env._("Badge")),
                },
                self._import_people,
            ),
            "register_attendees": attendees_target(self.env),
        }

    @api.model
    def _selection_target(self):
        return [(key, target.label) for key, target in self._import_targets().items()]

    @api.model
    def _import_people(self, env, rows, *, dry_run):
        """The target "people": see :class:`importing.Target`."""
        upsert = Upsert(env)
        outcomes = upsert.run(rows)
        changes = upsert.describe() if dry_run else {}
        return Result(outcomes, changes, upsert.repeats)

    def _target(self):
        """Where the rows end.

        :raises UserError: when the addon that knew of it is gone
        """
        self.ensure_one()
        target = self._import_targets().get(self.target)
        if not target:
            raise UserError(
                self.env._(
                    "“%(name)s” brings in something that nothing here takes any more."
                    " Choose what it brings in anew.",
                    name=self.name,
                )
            )
        return target

    # ----------------------------------------------------------------- computed

    @api.depends("schedule")
    def _compute_next_run_at(self):
        now = fields.Datetime.now()
        for source in self:
            period = _PERIODS.get(source.schedule)
            source.next_run_at = period and now + period

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

    # --------------------------------------------------------------- constrains

    @api.constrains("target", "mapping_ids")
    def _check_mapping(self):
        for source in self:
            target = source._import_targets().get(source.target)
            for mapping in source.mapping_ids if target else ():
                if mapping.field_name not in target.fields:
                    raise ValidationError(
                        self.env._(
                            "“%(field)s” is nothing that can be said of %(target)s."
                            " Remove that line.",
                            field=mapping._label(),
                            target=target.label,
                        )
                    )

    @api.constrains("headers")
    def _check_headers(self):
        for source in self:
            try:
                source._parse_headers(source.headers)
            except InvalidConfig as error:
                raise ValidationError(
                    self.env._(
                        "The headers must be a JSON object of texts, such as"
                        ' {"Accept-Language": "en"}.'
                    )
                ) from error

    @api.constrains("url", "auth_url")
    def _check_addresses(self):
        for source in self:
            for name in _ADDRESSES:
                if source[name]:
                    try:
                        origin_of(source[name])
                    except InvalidConfig as error:
                        raise ValidationError(
                            self.env._(
                                "%(field)s: Enter a whole address without user and"
                                " password, such as https://registry.example.org/sync.",
                                field=self._fields[name]._description_string(self.env),
                            )
                        ) from error

    @api.constrains("timeout", "deadline", "page_size")
    def _check_limits(self):
        # The database checks the same; but its error quotes the row, with the secret.
        for source in self:
            if not 1 <= source.page_size <= 10_000:
                raise ValidationError(
                    self.env._("A page has between 1 and 10,000 rows.")
                )
            if not 1 <= source.timeout <= source.deadline <= 600:
                raise ValidationError(
                    self.env._(
                        "The timeout must be at least one second, and the deadline at"
                        " most 600."
                    )
                )

    # --------------------------------------------------------------------- CRUD

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_responsible(vals)
        return super().create(vals_list)

    def write(self, vals):
        check_required(self, vals)
        self._check_responsible(vals)
        asked = {*_COPIED, "file", "mapping_ids", "company_id", "secret_input"}
        if asked.isdisjoint(vals):
            return super().write(vals)
        before = {source: source._asked() for source in self}
        origins = {source: source._origins() for source in self}
        result = super().write(vals)
        if "company_id" in vals:
            # Rules judge where it was; nobody moves it to where they have no say.
            self.check_access("write")
        for source in self:
            if source._origins() != origins[source] and not vals.get("secret_input"):
                # Nobody gets to know it by having it sent elsewhere.
                source.secret_input = False
            if source._asked() != before[source]:
                source._follow_change()
        return result

    @api.model
    def _check_responsible(self, vals):
        """Refuse to have something done in somebody else's name."""
        user_id = vals.get("user_id", self.env.uid)
        if (
            not self.env.su
            and user_id != self.env.uid
            and not self.env.user.has_group("spp_attendance.spp_attendance_group_admin")
        ):
            raise AccessError(
                self.env._(
                    "Only an administrator can make somebody else responsible for an"
                    " import, since it is done in their name."
                )
            )

    def _follow_change(self):
        """What is imported has changed: it is all new, and who did it answers for it.

        Not where an administrator says in whose name it is to be done.
        """
        is_trusted = self.env.su or self.env.user.has_group(
            "spp_attendance.spp_attendance_group_admin"
        )
        for source in self:
            vals = {"last_run_at": False} if source.last_run_at else {}
            if not is_trusted and source.user_id != self.env.user:
                vals["user_id"] = self.env.uid
            if vals:
                source.write(vals)

    @api.ondelete(at_uninstall=False)
    def _unlink_except_at_work(self):
        for source in self:
            source._check_idle()

    # ------------------------------------------------------------------ running

    def _check_idle(self, but=None):
        """Refuse when an import is at work already.

        :param but: other than this one
        :raises UserError: when there is one
        """
        run = self.import_ids.filtered(lambda run: run._is_at_work() and run != but)
        if run:
            raise UserError(
                self.env._(
                    "An import from “%(name)s” is at work already. Wait for its end,"
                    " or cancel it.",
                    name=self.name,
                )
            )

    def _fetch_sample(self, limit=_SAMPLE_ROWS):
        """Ask for the first rows and keep them as the sample.

        :return: None, or the RegistryError for which nothing came
        """
        self.ensure_one()
        self.check_access("write")
        config = self._asked()
        config["deadline"] = min(config["deadline"], _SAMPLE_DEADLINE)
        config["timeout"] = min(config["timeout"], _SAMPLE_DEADLINE)
        config["page_size"] = limit
        try:
            # Whoever waits asks again themselves.
            with closing(self._source(config, sleep=_dont_wait)) as source:
                rows = source.page().rows[:limit]
        except RegistryError as error:
            return error
        self.write(
            {
                # Only JSON can be kept: what a file has as a date is shown as a text.
                "sample": _as_json(rows),
                "sample_at": fields.Datetime.now(),
            }
        )
        return None

    def _start(self, dry_run=False, full=False):
        """Queue an import in the name of the current user.

        :param bool dry_run: nothing of it is kept
        :param bool full: everything, also where only changes are imported
        :return: the new ``spp.attendance.import``
        :raises UserError: when one is at work already, or settings are missing
        """
        self.ensure_one()
        self.check_access("write")
        self._check_idle()
        self._check_complete()
        run = self._new_import(self.env.user, dry_run=dry_run, full=full)
        self.env["spp.attendance.import"]._wake()
        return run

    def _check_complete(self):
        """
        :raises UserError: when settings are missing
        """
        target = self._target()
        mapped = {entry["field"] for entry in self.mapping_ids._config()}
        for name, field in target.fields.items():
            if field.required and name not in mapped:
                raise UserError(
                    self.env._(
                        "Say where in a row “%(field)s” is: nothing can be imported"
                        " without it.",
                        field=field.label,
                    )
                )
        if self.kind == "file" and not self.file:
            raise UserError(self.env._("Choose the file to import."))
        if self.kind != "file" and not self.url:
            raise UserError(self.env._("Enter the address of the registry."))

    def _new_import(self, user, dry_run=False, full=False):
        since = False
        if self.is_delta and self.last_run_at and not full:
            since = self.last_run_at - _OVERLAP
        # Imports are kept by the system: nobody edits what was done.
        imports_sudo = self.env["spp.attendance.import"].sudo()
        # The database says whether one is at work, and must know of its end.
        imports_sudo.flush_model(["state"])
        run_sudo = imports_sudo.create(
            {
                "source_id": self.id,
                "company_id": self.company_id.id,
                "user_id": user.id,
                "target": self.target,
                "is_dry_run": dry_run,
                "since": since,
                "config": self._asked(),
                "next_attempt_at": fields.Datetime.now(),
            }
        )
        return run_sudo.with_env(self.env)

    @api.model
    def _start_due(self):
        """Queue the imports whose time has come.

        The first statement of a fresh transaction, and run again on a serialization
        failure.
        """
        self.env.cr.execute(
            SQL(
                "SELECT id FROM spp_attendance_import_source"
                " WHERE active AND schedule <> 'none'"
                "   AND next_run_at <= clock_timestamp() AT TIME ZONE 'UTC'"
                " ORDER BY id FOR NO KEY UPDATE SKIP LOCKED"
            ),
            log_exceptions=False,
        )
        now = fields.Datetime.now()
        for source in self.browse(row[0] for row in self.env.cr.fetchall()):
            # Times that were missed are not made up for.
            period = _PERIODS[source.schedule]
            missed = max((now - source.next_run_at) // period, 0)
            source.next_run_at += period * (missed + 1)
            if not any(run._is_at_work() for run in source.import_ids):
                source._new_import(source.user_id)

    def _import_done(self, run):
        """Hook: an import has come to its end.

        :param run: the ``spp.attendance.import``
        """
        self.activity_unlink([_ACTIVITY])
        # Of changes made while it went on it is not known whether they came.
        if not run.is_dry_run and run.config == self._asked():
            self.last_run_at = run.asked_at
        if not run.is_dry_run and not run.since:
            # All that there is came; who didn't come isn't there any more.
            run._forget_open()

    def _import_failed(self, run):
        """Hook: an import has failed; whoever is responsible is told."""
        message = run.error_message
        self.message_post(
            body=self.env._("The import failed: %(reason)s", reason=message)
        )
        self.activity_unlink([_ACTIVITY])
        self.activity_schedule(
            _ACTIVITY,
            summary=self.env._("The import failed"),
            note=message,
            user_id=self._whom_to_tell().id,
        )

    def _whom_to_tell(self):
        """Whoever is responsible; an administrator where they can't be any more."""
        if self._may_run(self.user_id):
            return self.user_id
        group = self.env.ref("spp_attendance.spp_attendance_group_admin")
        admins = self.env["res.users"].search(
            Domain("all_group_ids", "in", group.ids)
            & Domain("company_ids", "in", self.company_id.ids)
            & Domain("share", "=", False),
            limit=1,
            order="id",
        )
        return admins or self.user_id

    def _may_run(self, user):
        """Whether an import may be done in the name of a user."""
        return (
            user.active
            and self.company_id in user.company_ids
            and user.has_group("spp_attendance.spp_attendance_group_manager")
        )

    # ---------------------------------------------------------------- as values

    def _asked(self):
        """What an import asks for and how it is read, as JSON; without the secret."""
        self.ensure_one()
        return {
            **self._copied(),
            "is_delta": self.is_delta,
            "mapping": self.mapping_ids._config(),
            "checksum": self._attachment().checksum or "",
        }

    def _attachment(self):
        # Who may read the source may read its file.
        attachments_sudo = self.env["ir.attachment"].sudo()
        return attachments_sudo.search(
            Domain("res_model", "=", self._name)
            & Domain("res_field", "=", "file")
            & Domain("res_id", "=", self._origin.id),
            limit=1,
        )

    def _origins(self):
        """Where credentials are sent, and as what: a password is no token."""
        self.ensure_one()
        return self._origins_of(self._copied())

    def _copied(self):
        return {name: "" if self[name] is False else self[name] for name in _COPIED}

    @api.model
    def _origins_of(self, config):
        return [
            config["auth"],
            *(
                str(origin_of(config[name])) if config[name] else ""
                for name in _ADDRESSES
            ),
        ]

    def _is_same_place(self, config):
        """Whether an import's settings still lead where the source's do.

        The secret is the source's, and not for another host; the file is not copied.
        """
        self.ensure_one()
        if config["kind"] == "file":
            return config["checksum"] == (self._attachment().checksum or "")
        return self._origins_of(config) == self._origins()

    def _reader(self, config, since):
        """What fetches the pages of an import.

        :param dict config: as ``_asked`` gave it when the import was started
        :param datetime since: in UTC; false: everything
        :return: :class:`importing.Reader`
        :raises RegistryError: when the settings can't be right
        """
        return Reader(self._source(config, since))

    def _source(self, config, since=None, **options):
        """
        :return: a :class:`registry.Source` for settings as ``_asked`` gives them
        :raises RegistryError: when the settings can't be right
        """
        self.ensure_one()
        if config["kind"] == "file":
            attachment = self._attachment()
            path = attachment.store_fname and attachment._full_path(
                attachment.store_fname
            )
            return FileSource(
                Path(path) if path else attachment.raw or b"",
                page_size=config["page_size"],
            )
        # Which hosts may be asked is the administrator's to say, and the secret is
        # read only to be handed to who asks.
        self_sudo = self.sudo()
        policy = Policy.parse(self_sudo.company_id.attendance_import_hosts or "")
        transport = Transport(
            policy, Limits(read=config["timeout"], total=config["deadline"])
        )
        auth = Auth(
            kind=config["auth"],
            user=config["auth_user"],
            secret=self_sudo.secret or "",
            url=config["auth_url"],
            format=config["auth_format"],
            body=config["auth_body"],
            token_path=config["token_path"],
        )
        headers = self._parse_headers(config["headers"])
        if config["kind"] == "dci":
            parameters_sudo = self.env["ir.config_parameter"].sudo()
            http = dci_config(
                config["url"],
                auth,
                sender=parameters_sudo.get_param("web.base.url") or "",
                reg_type=config["reg_type"],
                delta_attribute=config["delta_attribute"],
                page_size=config["page_size"],
                headers=headers,
                body=config["body"],
            )
            return DciSource(http, transport, since=since or None, **options)
        http = HttpConfig(
            url=config["url"],
            method=config["method"],
            headers=headers,
            body=config["body"],
            paging=config["paging"],
            page_size=config["page_size"],
            first_page=config["first_page"],
            next_path=config["next_path"],
            rows_path=config["rows_path"],
            total_path=config["total_path"],
            auth=auth,
        )
        return HttpSource(http, transport, since=since or None, **options)

    @api.model
    def _parse_headers(self, text):
        """
        :raises InvalidConfig: it is no JSON object of texts
        """
        try:
            headers = json.loads(text or "{}")
        except (ValueError, RecursionError):
            raise InvalidConfig("The headers are no JSON.") from None
        if not isinstance(headers, dict) or not all(
            isinstance(value, str) for value in headers.values()
        ):
            raise InvalidConfig("The headers are no JSON object of texts.")
        return headers
