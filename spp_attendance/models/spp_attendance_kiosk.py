from odoo import api, fields, models


class SppAttendanceKiosk(models.Model):
    """A tablet at a door: where it is, whom it believes, and the link that opens it.

    Whoever has the link is the kiosk. It acts as a service user of its own, and says
    nothing of what the registry knows.
    """

    _name = "spp.attendance.kiosk"
    _description = "Attendance Kiosk"
    _inherit = ["mail.thread"]
    _order = "name, id"
    _check_company_auto = True

    name = fields.Char(required=True, tracking=True)
    active = fields.Boolean(default=True, tracking=True)
    company_id = fields.Many2one(
        "res.company",
        required=True,
        default=lambda self: self.env.company,
        index=True,
        ondelete="restrict",
    )
    location_id = fields.Many2one(
        "spp.attendance.location",
        required=True,
        check_company=True,
        ondelete="restrict",
        index=True,
        tracking=True,
    )
    type_ids = fields.Many2many(
        "spp.attendance.type",
        "spp_attendance_kiosk_type_rel",
        "kiosk_id",
        "type_id",
        string="Attendance Types",
        check_company=True,
        help="None: records have no type. One: all are of that type. Several: the page"
        " asks.",
    )
    mode = fields.Selection(
        [("self", "Self-service"), ("attendant", "Attendant")],
        required=True,
        default="self",
        tracking=True,
        help="Self-service: people mark themselves. Attendant: a worker fetches the"
        " list of expected people and marks them.",
    )
    identification = fields.Selection(
        [
            ("identifier_name", "Identifier and name"),
            ("badge", "Badge"),
            ("both", "Either"),
        ],
        required=True,
        default="identifier_name",
        tracking=True,
        help="How people say who they are. A badge is a card, a QR code or a number"
        " that a reader types; it counts without a name.",
    )
    require_pin = fields.Boolean(
        string="Ask for a PIN",
        tracking=True,
        help="People also type the PIN that they were given.",
    )
    unknown_policy = fields.Selection(
        [
            ("refuse", "Refuse"),
            ("queue", "Let an officer decide"),
            ("create", "Register them"),
        ],
        string="Unknown Person",
        required=True,
        default="refuse",
        tracking=True,
    )
    mismatch_policy = fields.Selection(
        [("refuse", "Refuse"), ("queue", "Let an officer decide")],
        string="Name That Doesn't Match",
        required=True,
        default="refuse",
        tracking=True,
    )
    lang_ids = fields.Many2many(
        "res.lang",
        "spp_attendance_kiosk_lang_rel",
        "kiosk_id",
        "lang_id",
        string="Languages",
        help="That people may choose from. None: the one of the company.",
    )
    attendant_code = fields.Char(groups=fields.NO_ACCESS, copy=False, prefetch=False)
    attendant_code_input = fields.Char(
        string="Attendants' Code",
        compute="_compute_attendant_code_input",
        inverse="_inverse_attendant_code_input",
        groups="spp_attendance.spp_attendance_group_admin",
        copy=False,
        help="What an attendant types to fetch the list. 6 characters or more. It can"
        " be replaced here, but never read.",
    )
    attendant_code_set = fields.Boolean(
        string="Code Stored", compute="_compute_attendant_code_set", compute_sudo=True
    )
    max_age_days = fields.Integer(
        string="Marks Count for (days)",
        required=True,
        default=30,
        aggregator=None,
        help="Marks that a tablet sends later than this are left to an officer.",
    )
    rotate_days = fields.Integer(
        string="New Link Every (days)",
        required=True,
        default=0,
        aggregator=None,
        help="0: only when somebody renews it. Tablets that are in use take the new"
        " link by themselves.",
    )
    user_id = fields.Many2one(
        "res.users",
        string="Service User",
        required=True,
        readonly=True,
        copy=False,
        ondelete="restrict",
        help="Attendance from this kiosk is recorded as this user.",
    )
    token = fields.Char(groups=fields.NO_ACCESS, copy=False, prefetch=False)
    token_digest = fields.Char(groups=fields.NO_ACCESS, copy=False, prefetch=False)
    previous_token = fields.Char(groups=fields.NO_ACCESS, copy=False, prefetch=False)
    previous_digest = fields.Char(groups=fields.NO_ACCESS, copy=False, prefetch=False)
    previous_until = fields.Datetime(string="Old Link Ends", readonly=True, copy=False)
    rotated_at = fields.Datetime(string="Link Made", readonly=True, copy=False)
    last_seen_at = fields.Datetime(string="Last Seen", readonly=True, copy=False)
    last_offset_seconds = fields.Integer(
        string="Clock Is Slow by (s)",
        readonly=True,
        copy=False,
        aggregator=None,
        help="Server minus tablet; negative when the tablet is fast. Marks are"
        " corrected by it.",
    )
    pending_count = fields.Integer(
        string="Waiting on the Tablet",
        readonly=True,
        copy=False,
        aggregator=None,
        help="Marks that the tablet had not sent yet when it was last seen.",
    )
    refusal_ids = fields.One2many(
        "spp.attendance.kiosk.refusal", "kiosk_id", string="Refused Marks"
    )
    record_count = fields.Integer(
        string="Attendance Records", compute="_compute_record_count"
    )
    queued_count = fields.Integer(
        string="Marks to Decide", compute="_compute_queued_count"
    )

    # ----------------------------------------------------------------- link

    @api.model
    def _find_by_token(self, token):
        """The kiosk of a link, acting as its service user in its company.

        :param str token: what the link holds, the present one or a former one that
            goes on for a while
        :return: the kiosk, or an empty recordset
        """
        raise NotImplementedError

    def _newer_token(self, token):
        """The token that a tablet has to use from now on, None when it has it.

        :param str token: what the tablet used
        """
        raise NotImplementedError

    def _link(self):
        """The address that opens the page, for managers; that they saw it is noted.

        :raises AccessError: for who is no manager
        """
        raise NotImplementedError

    def _renew(self, keep_days):
        """Make a new link.

        :param int keep_days: how long the old one goes on; 0 ends it now
        :raises AccessError: for who may not change the kiosk
        """
        raise NotImplementedError

    # -------------------------------------------------------------- service

    def _seen(self, offset, pending):
        """Note that the tablet was here.

        :param int offset: milliseconds that its clock is slow; None if not measured
        :param int pending: how many marks wait on it
        """
        raise NotImplementedError

    def _take_marks(self, marks, sent_at, received_at):
        """Record what was marked, or log why it can't be.

        :param list marks: at most 50 ``api.MarkIn``
        :param int sent_at: the tablet's clock as it sent them, milliseconds since 1970
        :param int received_at: the server's clock then, milliseconds since 1970
        :return: one ``api.MarkOutcome`` a mark, in order
        :raises TooManyRequests: when too many were refused of late
        """
        raise NotImplementedError

    def _expected_people(self, attendant_code):
        """Whom to expect today: for who knows the attendants' code.

        :param str attendant_code: as typed
        :return: list of dicts with uuid, name, identifier, event (its name or None)
            and type (id of the event's or None), by name
        :raises Forbidden: on a wrong code, or when this kiosk has no attendants
        :raises TooManyRequests: after too many wrong codes
        """
        raise NotImplementedError
