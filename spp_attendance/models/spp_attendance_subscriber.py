import uuid

from odoo import api, fields, models
from odoo.exceptions import UserError, ValidationError

from ..summary import summarize


class SppAttendanceSubscriber(models.Model):
    """A partner whose attendance is tracked.

    The person is the partner: name, phone, e-mail, language and time zone are his and
    show the same on both. What is added here is what a programme knows him by.
    """

    _name = "spp.attendance.subscriber"
    _description = "Attendance Subscriber"
    _inherits = {"res.partner": "partner_id"}
    _order = "person_identifier, id"
    _rec_names_search = ["person_identifier", "name"]
    _NAME_PARTS = frozenset({"family_name", "given_name", "additional_name"})
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
    location_id = fields.Many2one(
        "spp.attendance.location",
        string="Home Location",
        check_company=True,
        index="btree_not_null",
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
        if name := self._name_from_parts(self):
            self.name = name

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
        vals_list = [dict(vals) for vals in vals_list]
        for vals in vals_list:
            if not vals.get("name") and not vals.get("partner_id"):
                vals["name"] = self._name_from_parts(vals) or vals.get(
                    "person_identifier"
                )
        return super().create(vals_list)

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
        res = super().write(vals)
        if not self._NAME_PARTS.isdisjoint(vals) and "name" not in vals:
            for subscriber in self:
                if name := self._name_from_parts(subscriber):
                    subscriber.name = name
        return res

    @api.model
    def _name_from_parts(self, source):
        """The full name, "Family, Given Additional", empty without its first two.

        :param source: a record or values with the name parts
        """
        family, given, additional = (
            (part in source and source[part]) or ""
            for part in ("family_name", "given_name", "additional_name")
        )
        first_names = f"{given} {additional}".strip() if given else ""
        return ", ".join(filter(None, (family, first_names)))

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
