import uuid

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..engine.names import NameParts, compose, split
from ..summary import summarize


class SppAttendanceSubscriber(models.Model):
    """A partner whose attendance is tracked.

    The person is the partner: name, phone, e-mail, language and time zone are his and
    show the same on both. What is added here is what a programme knows him by.
    """

    _name = "spp.attendance.subscriber"
    _description = "Attendance Subscriber"
    _inherit = ["mail.activity.mixin"]
    _inherits = {"res.partner": "partner_id"}
    _order = "person_identifier, id"
    _rec_names_search = ["person_identifier", "name"]
    _NAME_PARTS = ("family_name", "given_name", "additional_name")
    _check_company_auto = True

    partner_id = fields.Many2one(
        "res.partner",
        required=True,
        ondelete="restrict",
        index=True,
        bypass_search_access=True,
    )
    person_identifier = fields.Char(
        string="Identifier",
        required=True,
        copy=False,
        help="The number by which terminals, apps and registries know this person.",
    )
    uuid = fields.Char(
        string="UUID",
        required=True,
        readonly=True,
        copy=False,
        default=lambda self: str(uuid.uuid4()),
    )
    # Participants are private to their company, and the rules on the contact look at
    # the contact's own company: it is kept there, and this is its indexed copy.
    company_id = fields.Many2one(
        related="partner_id.company_id",
        store=True,
        readonly=False,
        required=True,
        default=lambda self: self.env.company,
        index=True,
    )
    active = fields.Boolean(default=True)
    family_name = fields.Char()
    given_name = fields.Char()
    additional_name = fields.Char()
    gender = fields.Selection(
        [("female", "Female"), ("male", "Male"), ("other", "Other")]
    )
    mobile = fields.Char()
    department_id = fields.Many2one(
        "spp.attendance.department",
        check_company=True,
        ondelete="restrict",
        index="btree_not_null",
    )
    designation = fields.Char(help="What somebody is here, such as Nurse or Trainee.")
    level_of_work = fields.Selection([("worker", "Worker"), ("staff", "Staff")])
    location_id = fields.Many2one(
        "spp.attendance.location",
        string="Home Location",
        check_company=True,
        index="btree_not_null",
    )
    alias_ids = fields.One2many(
        "spp.attendance.subscriber.alias",
        "subscriber_id",
        string="Former Identifiers",
        readonly=True,
    )
    record_count = fields.Integer(
        string="Attendance Records", compute="_compute_record_count"
    )

    _partner_unique = models.Constraint(
        "UNIQUE (partner_id)",
        "This contact is a subscriber already. Open that subscriber instead.",
    )
    _person_identifier_unique = models.Constraint(
        "UNIQUE (company_id, person_identifier)",
        "Another subscriber of this company has this identifier."
        " Open that one, or choose another identifier.",
    )
    _uuid_unique = models.Constraint("UNIQUE (uuid)", "The UUID must be unique.")

    def _compute_record_count(self):
        counts = dict(
            self.env["spp.attendance.record"]._read_group(
                [("subscriber_id", "in", self.ids)], ["subscriber_id"], ["__count"]
            )
        )
        for subscriber in self:
            subscriber.record_count = counts.get(subscriber._origin, 0)

    @api.depends("person_identifier", "name")
    def _compute_display_name(self):
        for subscriber in self:
            identifier = subscriber.person_identifier
            name = subscriber.name
            subscriber.display_name = (
                f"[{identifier}] {name or ''}".strip() if identifier else name
            )

    @api.model
    def default_get(self, fields):
        defaults = super().default_get(fields)
        # The zone of who registers somebody says nothing about that person. Left empty,
        # the location's or the company's counts.
        if "tz" in fields:
            defaults["tz"] = False
        return defaults

    @api.onchange("family_name", "given_name", "additional_name")
    def _onchange_name_parts(self):
        if name := self._compose_name():
            self.name = name

    @api.onchange("name")
    def _onchange_name(self):
        if self.name:
            self.update(self._split_name(self.name))

    @api.constrains("person_identifier")
    def _check_person_identifier(self):
        for subscriber in self:
            if subscriber.person_identifier != subscriber.person_identifier.strip():
                raise ValidationError(
                    self.env._(
                        "The identifier “%(identifier)s” begins or ends with a blank."
                        " Remove it, or scans won't match.",
                        identifier=subscriber.person_identifier,
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        vals_list = [self._clean_names(vals) for vals in vals_list]
        for vals in vals_list:
            if not vals.get("partner_id") and not vals.get("name"):
                # For now: the order of the parts is the company's, known in a moment.
                vals["name"] = vals.get("person_identifier")
        subscribers = super().create(vals_list)
        for subscriber, vals in zip(subscribers, vals_list, strict=True):
            if name := subscriber._compose_name():
                if subscriber.name != name:
                    subscriber.name = name
            elif subscriber.name != subscriber.person_identifier:
                subscriber.update(subscriber._split_name(subscriber.name))
        return subscribers

    def write(self, vals):
        if any(
            subscriber.partner_id.id != vals.get("partner_id", subscriber.partner_id.id)
            for subscriber in self
        ):
            raise UserError(
                self.env._(
                    "The contact of a person can't be exchanged: it is that person."
                    " Correct the name instead, or register somebody new."
                )
            )
        vals = self._clean_names(vals)
        if vals.keys().isdisjoint(self._NAME_PARTS):
            # The contact's own write splits a new name.
            return super().write(vals)
        full_name = vals.pop("name", None)
        res = super().write(vals)
        for subscriber in self:
            if name := subscriber._compose_name() or full_name:
                if subscriber.name != name:
                    subscriber.name = name
            else:
                # Somebody without any name is not what an empty part means.
                subscriber.update(subscriber._split_name(subscriber.name))
        return res

    # ------------------------------------------------------------------ names

    def _name_parts(self):
        return NameParts(*(self[part] or "" for part in self._NAME_PARTS))

    def _name_order(self):
        # How a company writes names is no secret from who may write one.
        company_sudo = (self.company_id or self.env.company).sudo()
        return company_sudo.attendance_name_order

    def _compose_name(self):
        """The full name in the order of the company, empty without any part."""
        return compose(self._name_parts(), self._name_order())

    def _split_name(self, name):
        """Values of the name parts for a full name, as near to the present as can be."""
        parts = split(name, self._name_order(), self._name_parts())
        return dict(
            zip(self._NAME_PARTS, (part or False for part in parts), strict=True)
        )

    def _split_changed_names(self):
        """Follow contacts that somebody has renamed."""
        for subscriber in self:
            name = subscriber.name
            if name and name not in (
                subscriber._compose_name(),
                subscriber.person_identifier,
            ):
                subscriber.update(subscriber._split_name(name))

    @api.model
    def _clean_names(self, vals):
        """Values without blanks around names, which nobody sees and nobody means."""
        names = ("name", *self._NAME_PARTS)
        return {
            key: value.strip() if key in names and isinstance(value, str) else value
            for key, value in vals.items()
        }

    @api.model
    def _rewrite_names(self, companies):
        """Write all names of companies in the order they have chosen now."""
        self.flush_model()
        partner_model = self.env["res.partner"]
        partner_model.flush_model(["name"])
        self.env.cr.execute(
            """
            WITH written AS (
                SELECT s.partner_id, concat_ws(
                           CASE c.attendance_name_order
                               WHEN 'family_given' THEN ', ' ELSE ' ' END,
                           CASE WHEN c.attendance_name_order <> 'given_family'
                               THEN NULLIF(s.family_name, '') END,
                           NULLIF(concat_ws(' ', NULLIF(s.given_name, ''),
                               NULLIF(s.additional_name, '')), ''),
                           CASE WHEN c.attendance_name_order = 'given_family'
                               THEN NULLIF(s.family_name, '') END) AS name
                  FROM spp_attendance_subscriber s
                  JOIN res_company c ON c.id = s.company_id
                 WHERE c.id = ANY(%s))
            UPDATE res_partner p
               SET name = written.name, write_uid = %s, write_date = %s
              FROM written
             WHERE p.id = written.partner_id
               AND written.name <> '' AND written.name <> p.name
         RETURNING p.id
            """,
            [companies.ids, self.env.uid, fields.Datetime.now()],
        )
        partners = partner_model.browse(
            partner_id for (partner_id,) in self.env.cr.fetchall()
        )
        partners.invalidate_recordset(["name", "write_date", "write_uid"], flush=False)
        partners.modified(["name"])

    def action_open_records(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "spp_attendance.spp_attendance_record_action"
        )
        action["domain"] = [("subscriber_id", "=", self.id)]
        action["context"] = {"default_subscriber_id": self.id}
        return action

    # ------------------------------------------------------ for other addons

    def _attendance_summary(self, date_from, date_to, types=None, locations=None):
        """Days on which these people were present and absent, as the user may see them.

        Two statements at most, however many people and records there are. A day counts
        once, by its local date: as present when one record says so, as absent when
        there are records and all of them say absent. Days without a record count as
        neither. Voided records don't count.

        :param datetime.date date_from: the first day
        :param datetime.date date_to: the last day, included
        :param types: ``spp.attendance.type`` to count; none or an empty recordset: all,
            and records without a type
        :param locations: ``spp.attendance.location`` to count, with those below them;
            none or an empty recordset: all, and records without a location
        :return: ``{subscriber id: Summary(present_days, absent_days, rate)}``, an entry
            for each of these people; the rate is ``None`` when no day counts
        """
        return summarize(self, date_from, date_to, types, locations)
