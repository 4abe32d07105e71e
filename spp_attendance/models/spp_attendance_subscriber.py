import re
import uuid
from contextlib import contextmanager

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command, Domain
from odoo.tools import SQL

from ..api import SubscriberLine, SubscriberOut, SubscriberPage
from ..batch import stream
from ..engine.badges import new_badge
from ..engine.names import NameParts, compose, split
from ..merge import Merge
from ..references import BatchRefused
from ..required import check_required
from ..summary import summarize
from ..upsert import Upsert

#: More cards at once would keep the program that makes the PDF busy for minutes.
MAX_CARDS = 1000

_PIN = re.compile(r"[0-9]{4,8}")


class SppAttendanceSubscriber(models.Model):
    """A partner whose attendance is tracked.

    The person is the partner: name, phone, e-mail, language and time zone are his and
    show the same on both. What is added here is what a programme knows him by.
    """

    _name = "spp.attendance.subscriber"
    _description = "Attendance Subscriber"
    # Odoo's activities tell of themselves in a thread: one without the other fails.
    _inherit = ["mail.thread", "mail.activity.mixin", "spp.attendance.api.mixin"]
    _inherits = {"res.partner": "partner_id"}
    _order = "person_identifier, id"
    _rec_names_search = ["person_identifier", "name"]
    _NAME_PARTS = ("family_name", "given_name", "additional_name")
    #: What the days of people follow from.
    _DAILY = frozenset(
        {"level_of_work", "department_id", "location_id", "active"}
        | {"work_from", "work_to"}
    )
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
    level_of_work = fields.Selection(
        [("worker", "Worker"), ("staff", "Staff")], string="Level of Work"
    )
    work_from = fields.Date(
        "Works From",
        help="Nobody is absent before. Nothing: since the person was registered.",
    )
    work_to = fields.Date("Works Until", help="Nobody is absent after it.")
    location_id = fields.Many2one(
        "spp.attendance.location",
        string="Home Location",
        check_company=True,
        index="btree_not_null",
    )
    badge = fields.Char(
        copy=False,
        help="What the person's card or QR code holds, or a reader types. At a kiosk"
        " it counts without a name, so it should be nothing that others know, like the"
        " identifier. Who has none gets one when the badge card is printed.",
    )
    pin_hash = fields.Char(groups=fields.NO_ACCESS, copy=False, prefetch=False)
    pin_input = fields.Char(
        string="PIN",
        compute="_compute_pin_input",
        inverse="_inverse_pin_input",
        groups="spp_attendance.spp_attendance_group_officer",
        copy=False,
        help="4 to 8 digits, for kiosks that ask for one. It can be replaced here, but"
        " never read.",
    )
    pin_set = fields.Boolean(
        string="PIN Stored",
        compute="_compute_pin_set",
        compute_sudo=True,
        groups="spp_attendance.spp_attendance_group_officer",
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
        "This contact is registered already. Open that person instead.",
    )
    _person_identifier_unique = models.Constraint(
        "UNIQUE (company_id, person_identifier)",
        "Another person of this company has this identifier."
        " Open that one, or choose another identifier.",
    )
    _badge_unique = models.UniqueIndex(
        "(company_id, badge) WHERE badge IS NOT NULL AND badge <> ''",
        "Another person of this company has this badge. Take it from them first.",
    )
    # Of whom days are kept.
    _level_idx = models.Index("(id) WHERE level_of_work IS NOT NULL")
    _work_dates = models.Constraint(
        "CHECK (work_to >= work_from)", "Nobody works until before they work from."
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

    def _compute_pin_input(self):
        # What was stored is never shown.
        self.pin_input = False

    def _inverse_pin_input(self):
        context = self.env["res.users"]._crypt_context()
        for subscriber in self:
            pin = (subscriber.pin_input or "").strip()
            if pin and not _PIN.fullmatch(pin):
                raise ValidationError(self.env._("A PIN has 4 to 8 digits."))
            # Nobody may read it, but who may change the person may replace it.
            subscriber_sudo = subscriber.sudo()
            subscriber_sudo.pin_hash = context.hash(pin) if pin else False
        # Nor does it come back with the answer to the request that brought it.
        self.invalidate_recordset(["pin_input"], flush=False)

    @api.depends("pin_hash")
    def _compute_pin_set(self):
        for subscriber in self:
            subscriber.pin_set = bool(subscriber.pin_hash)

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

    @api.model
    def get_import_templates(self):
        return [
            {
                "label": self.env._("Import Template for People"),
                "template": "/spp_attendance/static/import/people.csv",
            }
        ]

    @api.onchange("family_name", "given_name", "additional_name")
    def _onchange_name_parts(self):
        if name := self._compose_name():
            self.name = name

    @api.onchange("name")
    def _onchange_name(self):
        if self.name:
            self.update(self._split_name(self.name))

    @api.constrains("person_identifier", "company_id")
    def _check_person_identifier(self):
        # Also where the user doesn't see whose it was.
        aliases_sudo = self.env["spp.attendance.subscriber.alias"].sudo()
        former = {
            (alias.company_id, alias.person_identifier)
            for alias in aliases_sudo.search_fetch(
                [
                    ("company_id", "in", self.company_id.ids),
                    ("person_identifier", "in", self.mapped("person_identifier")),
                ],
                ["company_id", "person_identifier"],
            )
        }
        for subscriber in self:
            # A cell of an import, or a program, may say "": that is no identifier.
            if not subscriber.person_identifier:
                raise ValidationError(self.env._("A person needs an identifier."))
            if subscriber.person_identifier != subscriber.person_identifier.strip():
                raise ValidationError(
                    self.env._(
                        "The identifier “%(identifier)s” begins or ends with a blank."
                        " Remove it, or scans won't match.",
                        identifier=subscriber.person_identifier,
                    )
                )
            if (subscriber.company_id, subscriber.person_identifier) in former:
                raise ValidationError(
                    self.env._(
                        "“%(identifier)s” is the former identifier of somebody who was"
                        " merged, and still leads to them. Choose another one.",
                        identifier=subscriber.person_identifier,
                    )
                )

    @api.model_create_multi
    def create(self, vals_list):
        vals_list = [self._complete_names(vals) for vals in vals_list]
        self._check_contacts(
            self.env["res.partner"].browse(
                vals["partner_id"] for vals in vals_list if vals.get("partner_id")
            )
        )
        self._create_contacts(
            [vals for vals in vals_list if not vals.get("partner_id")]
        )
        # Nobody follows the thousands he registers, and nothing was said of them yet.
        quiet = self.with_context(tracking_disable=True)
        subscribers = super(SppAttendanceSubscriber, quiet).create(vals_list)
        subscribers = subscribers.with_env(self.env)
        if any(vals.get("partner_id") and not vals.get("name") for vals in vals_list):
            subscribers._split_changed_names()
        return subscribers

    @api.model
    def _check_contacts(self, contacts):
        """Refuse existing contacts that are not for the user to give away.

        Every officer may change a participant, so who may not change a company or the
        owner of a login as it is may not make a participant of it either.

        :raises AccessError: when there is such a contact
        """
        others = contacts - contacts._filtered_access("write")
        # Also logins that the user doesn't see, and archived ones.
        others_sudo = others.sudo().with_context(active_test=False)
        if taken_sudo := others_sudo.filtered(
            lambda contact_sudo: contact_sudo.is_company or contact_sudo.user_ids
        ):
            raise AccessError(
                self.env._(
                    "%(contacts)s: who is a company or has a login is registered by"
                    " somebody who may change contacts.",
                    contacts=", ".join(taken_sudo.mapped("display_name")),
                )
            )

    @api.model
    def _create_contacts(self, vals_list):
        """Create the contacts of people, all at once and in their company.

        The ORM would do it too, but move each into its company afterwards.

        :param vals_list: values of people; changed in place
        """
        partner_vals_list = []
        for vals in vals_list:
            vals.setdefault("company_id", self.env.company.id)
            inherited = [
                name
                for name in vals
                if name in self._fields and self._fields[name].inherited
            ]
            partner_vals_list.append(
                {
                    "tz": False,
                    "company_id": vals["company_id"],
                    **{name: vals.pop(name) for name in inherited},
                }
            )
        contacts = self.env["res.partner"].create(partner_vals_list)
        for vals, contact in zip(vals_list, contacts, strict=True):
            vals["partner_id"] = contact.id

    @api.model
    def _is_of_contact(self, name):
        return name in self._fields and self._fields[name].inherited

    @api.model
    def _prepare_create_values(self, vals_list):
        # A contact that exists keeps what nobody speaks of, instead of taking defaults.
        return [
            {
                name: value
                for name, value in prepared.items()
                if name in vals
                or not vals.get("partner_id")
                or not self._is_of_contact(name)
            }
            for vals, prepared in zip(
                vals_list, super()._prepare_create_values(vals_list), strict=True
            )
        ]

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
        if any(person.uuid != vals.get("uuid", person.uuid) for person in self):
            raise UserError(
                self.env._("A UUID never changes: other systems know the person by it.")
            )
        vals = self._clean_names(vals)
        check_required(self, vals)
        with self._days_following(vals):
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

    @contextmanager
    def _days_following(self, vals):
        """Have the days computed that a change of people, made inside, is about.

        From today on, what was before stays as it was; but who is said to have worked
        since another day, or until another one, was absent on others.
        """
        if self._DAILY.isdisjoint(vals):
            yield
            return
        working = self.filtered(lambda person: person.level_of_work and person.active)
        later = self.filtered(
            lambda person: (
                vals.get("level_of_work", person.level_of_work)
                and vals.get("active", person.active)
            )
        )
        days = {
            fields.Date.to_date(day)
            for name in ("work_from", "work_to")
            if name in vals
            for day in (vals[name], *self.mapped(name))
            if day
        }
        yield
        self.flush_recordset(list(self._DAILY))
        self.env["spp.attendance.day.person"]._begin(later - working)
        self.env["spp.attendance.day.person"]._stop(working - later)
        queue = self.env["spp.attendance.day.queue"]
        if not self._DAILY.isdisjoint(vals.keys() - {"work_from", "work_to"}):
            queue._enqueue_from_today(self.ids)
        if days:
            queue._enqueue_employment(self.ids, days)

    def unlink(self):
        """Days on which nothing but rules says something go with the person."""
        self.env["spp.attendance.day"]._drop_undecided(self)
        return super().unlink()

    def _check_move(self, company_id):
        """Refuse another company for who has attendance.

        :raises UserError: when somebody has some
        """
        if not self:
            return
        # As it is stored: what is cached may follow from the move already.
        self.env.cr.execute(
            """
            SELECT FROM spp_attendance_record
             WHERE subscriber_id = ANY(%(people)s)
               AND company_id IS DISTINCT FROM %(company)s
         UNION ALL  -- days that nothing but rules speak of are dropped
            SELECT FROM spp_attendance_day
             WHERE subscriber_id = ANY(%(people)s)
               AND company_id IS DISTINCT FROM %(company)s
               AND (override IS NOT NULL OR is_locked)
             LIMIT 1
            """,
            {"people": self.ids, "company": company_id or None},
        )
        if self.env.cr.rowcount:
            raise UserError(
                self.env._(
                    "Attendance stays with the company where it was recorded, so who"
                    " has some can't be moved to another one. Register a new person"
                    " there."
                )
            )
        self.env["spp.attendance.day"]._drop_undecided(self, company_id)

    # ------------------------------------------------------------------ names

    def _name_parts(self):
        return NameParts(*(self[part] or "" for part in self._NAME_PARTS))

    @api.model
    def _name_order(self, company):
        # How a company writes names is no secret from who may write one.
        company_sudo = (company or self.env.company).sudo()
        return company_sudo.attendance_name_order

    def _compose_name(self):
        """The full name in the order of the company, empty without any part."""
        return compose(self._name_parts(), self._name_order(self.company_id))

    def _split_name(self, name):
        """Values of the parts for a full name, as near to the present ones as can be.

        :param str name: full name
        """
        parts = split(name, self._name_order(self.company_id), self._name_parts())
        return self._part_values(parts)

    @api.model
    def _part_values(self, parts):
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
    def _complete_names(self, vals):
        """Values of somebody new in which full name and parts say the same."""
        vals = self._clean_names(vals)
        order = self._name_order(
            self.env["res.company"].browse(vals.get("company_id", False))
        )
        parts = NameParts(*(vals.get(part) or "" for part in self._NAME_PARTS))
        if name := compose(parts, order):
            vals["name"] = name
        elif vals.get("name"):
            vals.update(self._part_values(split(vals["name"], order)))
        elif not vals.get("partner_id"):
            vals["name"] = vals.get("person_identifier")
        return vals

    @api.model
    def _clean_names(self, vals):
        """Values without blanks around names, which nobody sees and nobody means."""
        names = ("name", *self._NAME_PARTS, "badge")
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

    # ------------------------------------------------------------ identifiers

    @api.model
    def _find_people(self, identifiers, person_ids=(), fnames=()):
        """People of the current company as the user sees them, in one query.

        :param identifiers: present or former identifiers
        :param person_ids: more of them, by id
        :param fnames: stored fields of the subscriber itself, or of its contact
        :return: list of ``(id, identifier, [former identifiers], *values)``
        """
        company_id = self.env.company.id
        identifiers = list(identifiers)
        self.flush_model(["company_id", "person_identifier"])
        self.env["spp.attendance.subscriber.alias"].flush_model()
        # By index: a condition on both tables at once would read all people.
        meant = SQL(
            """(
                SELECT id FROM spp_attendance_subscriber
                 WHERE company_id = %(company)s AND person_identifier = ANY(%(names)s)
                 UNION ALL
                SELECT subscriber_id FROM spp_attendance_subscriber_alias
                 WHERE company_id = %(company)s AND person_identifier = ANY(%(names)s)
                 UNION ALL
                SELECT unnest(%(ids)s::int[])
            )""",
            company=company_id,
            names=identifiers,
            ids=list(person_ids),
        )
        query = self._search(
            Domain("company_id", "=", company_id) & Domain("id", "in", meant)
        )
        if query.is_empty():
            return []
        former = SQL(
            "ARRAY(SELECT a.person_identifier FROM spp_attendance_subscriber_alias a"
            " WHERE a.subscriber_id = %s)",
            SQL.identifier(query.table, "id"),
        )
        own = ("id", "person_identifier")
        return self.env.execute_query(
            query.select(
                *(self._field_to_sql(query.table, name, query) for name in own),
                former,
                *(self._field_to_sql(query.table, name, query) for name in fnames),
            )
        )

    @api.model
    def _by_identifier(self, identifiers):
        """Who bears identifiers: active people of the current company.

        As the user, in one query. Who was merged is found by the former identifier too,
        unless somebody bears it now.

        :param identifiers: any number of them
        :return: ``{identifier: subscriber}`` of those that were found
        """
        wanted = set(identifiers) - {None, False, ""}
        found = self._find_people(wanted) if wanted else []
        people = {}
        for person_id, _identifier, former in found:
            people.update(dict.fromkeys(former, person_id))
        people.update({identifier: person_id for person_id, identifier, _f in found})
        return {
            identifier: self.browse(people[identifier])
            for identifier in wanted & people.keys()
        }

    @api.model
    def _by_badge(self, codes):
        """Whose badges these are: active people of the current company.

        As the user, in one query. An identifier is no badge: others know it.

        :param codes: any number of them
        :return: ``{code: subscriber}`` of those that were found
        """
        wanted = list(set(codes) - {None, False, ""})
        if not wanted:
            return {}
        people = self.search_fetch(
            Domain("company_id", "=", self.env.company.id)
            & Domain("badge", "in", wanted),
            ["badge"],
        )
        return {person.badge: person for person in people}

    def _check_cards(self):
        """Refuse to print more cards at once than can be.

        :raises UserError: when these are more
        """
        if len(self) > MAX_CARDS:
            raise UserError(
                self.env._(
                    "%(count)s cards are too many at once; %(limit)s would do. Choose"
                    " fewer people.",
                    count=len(self),
                    limit=MAX_CARDS,
                )
            )

    def _give_badges(self):
        """Give a badge that nobody can guess to each of these people who has none.

        As the user, in a number of statements that doesn't depend on how many.

        :raises AccessError: when somebody has none whom the user may not change
        """
        bare = self.filtered(lambda person: not person.badge)
        if not bare:
            return
        bare.check_access("write")
        for person in bare:
            person.badge = new_badge()
        bare.flush_recordset(["badge"])

    @api.model
    def _zones(self):
        """Names of the time zones that a contact may have."""
        return set(self.env["res.partner"]._fields["tz"].get_values(self.env))

    @api.model
    def _upsert(self, batch, *, atomic=False):
        """Register people or change what is known of them, by identifier.

        As the current user in the current company. What an item does not mention stays
        as it is; what says the same as what is known writes nothing.

        :param list batch: dicts of the fields of ``api.PersonIn``, or ``api.Refused``
        :param bool atomic: one rejected item refuses all
        :return: one ``api.Outcome`` an item, in order: created, updated, unchanged or
            rejected with a reason
        :raises BatchRefused: when atomic and an item was rejected; the caller has to
            roll back
        :raises AccessError: when the user may not register people
        """
        outcomes = Upsert(self.env).run(batch)
        rejected = [outcome for outcome in outcomes if outcome.status == "rejected"]
        if atomic and rejected:
            raise BatchRefused(
                self.env._(
                    "Nobody was registered. Item %(index)s: %(reason)s",
                    index=rejected[0].index,
                    reason=rejected[0].reason,
                ),
                outcomes,
            )
        return outcomes

    # ---------------------------------------------------------------- merging

    def _merge(self, sources):
        """Make this person and others one: this one, with all that was theirs.

        Their attendance moves here, voided records too. Where both have the same by the
        uniqueness rule, the surplus record is voided with a reason that names the one
        which stays. Their identifiers go on finding this person, and their contacts
        become one with this one's.

        :param sources: subscribers who are this person too; they are gone afterwards
        :raises AccessError: for who is no attendance manager
        :raises UserError: when they can't be merged
        :raises ConcurrencyError: when somebody recorded something meanwhile: the
            transaction has to be run again
        """
        Merge(self, sources).run()

    def _merge_prepare(self, sources):
        """Settle what would stand in the way of pointing everything here.

        For addons to extend whose unique constraints have a person in them: of rows
        that would be the same one has to go. Called in the name of the system.

        :param sources: subscribers whose rows are about to become this one's
        """
        lines = self.env["spp.attendance.event.line"].search(
            [("subscriber_id", "in", (self + sources).ids)]
        )
        for event_lines in lines.grouped("event_id").values():
            kept = event_lines.sorted(lambda line: line.subscriber_id != self)[0]
            if any(line.is_expected > kept.is_expected for line in event_lines):
                kept.is_expected = True
            (event_lines - kept).unlink()
        attendees = self.env["spp.attendance.register.attendee"]
        attendees._merge_people(self, sources)
        self.env["spp.attendance.shift.assignment"]._merge_people(self, sources)
        self.env["spp.attendance.day"]._merge_people(self, sources)
        self.env["spp.attendance.correction"]._merge_people(self, sources)

    def action_merge(self):
        self.check_access("write")
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Merge People"),
            "res_model": "spp.attendance.subscriber.merge",
            "view_mode": "form",
            "target": "new",
            "context": {"default_subscriber_ids": self.ids},
        }

    # ------------------------------------------------------------ native API

    _API_PATH = "subscribers"
    _API_PAGE = SubscriberPage
    _API_FIELDS = (
        "uuid",
        "person_identifier",
        "name",
        "family_name",
        "given_name",
        "additional_name",
        "gender",
        "email",
        "phone",
        "mobile",
        "department_id",
        "designation",
        "level_of_work",
        "work_from",
        "work_to",
        "location_id",
        "tz",
        "badge",
        "category_id",
        "active",
        "partner_id",
        "create_date",
        "write_date",
    )
    _API_SORTS = {
        "person_identifier": "person_identifier",
        "name": "name",
        "updated_at": "write_date",
    }
    _API_REFERENCES = {"department": "department_id", "location": "location_id"}

    @api.model
    def _api_batch(self, body, request_id):
        """Register people or bring them up to date, in transactions of their own.

        :param api.SubscriberStreamIn body: up to 10,000 people
        :return: the lines of the answer, to be sent as they come
        :raises AccessError: when the user may not register people
        """
        self.browse().check_access("create")
        self.browse().check_access("write")
        return stream(
            self.env,
            body.subscribers,
            lambda env, items: [
                SubscriberLine.model_construct(
                    index=outcome.index,
                    status=outcome.status,
                    person_identifier=getattr(item, "person_identifier", None),
                    reason=outcome.reason,
                    code=outcome.code,
                )
                for item, outcome in zip(
                    items, env[self._name]._upsert(items), strict=True
                )
            ],
            request_id,
        )

    @api.model
    def _api_domain(self, query):
        domain = Domain.TRUE
        if query.person_identifier:
            people = self._api_identified(query.person_identifier)
            domain &= Domain("id", "in", people)
        if query.name:
            domain &= Domain("name", "ilike", query.name)
        if query.department:
            departments = self.env["spp.attendance.department"]
            units = departments._api_referred(query.department, below=True)
            domain &= Domain("department_id", "in", units)
        if query.location:
            locations = self.env["spp.attendance.location"]
            places = locations._api_referred(query.location, below=True)
            domain &= Domain("location_id", "in", places)
        for name in ("gender", "level_of_work"):
            if value := getattr(query, name):
                domain &= Domain(name, "=", value)
        return domain

    @api.model
    def _api_updated_since(self, instant):
        # A new telephone number changes the contact alone.
        return Domain("write_date", ">=", instant) | Domain(
            "partner_id.write_date", ">=", instant
        )

    @api.model
    def _api_sort_sql(self, sort, query):
        own = super()._api_sort_sql(sort, query)
        if sort != "updated_at":
            return own
        partner_id = self._fields["partner_id"]
        partner, alias = partner_id.join(self, query.table, query)
        return SQL(
            "GREATEST(%s, %s)", own, partner._field_to_sql(alias, "write_date", query)
        )

    def _api_sort_value(self, sort):
        if sort == "updated_at":
            return max(self.write_date, self.partner_id.write_date)
        return super()._api_sort_value(sort)

    @api.model
    def _api_key_domain(self, reference):
        """Of whom an address speaks: a UUID, an identifier, or a former one."""
        people = self._api_identified([reference])
        return Domain("uuid", "=", reference) | Domain("id", "in", people)

    @api.model
    def _api_identified(self, identifiers):
        """Ids of people by identifier, archived ones too, as the user sees them.

        Of a former identifier it is who bears it now, if somebody does.
        """
        rows = self.with_context(active_test=False)._find_people(identifiers)
        now = {identifier for _id, identifier, _former in rows}
        wanted = set(identifiers)
        return [
            person_id
            for person_id, identifier, former in rows
            if identifier in wanted or not now.issuperset(wanted & set(former))
        ]

    @api.model
    def _api_add(self, body):
        own = self.with_context(default_company_id=self.env.company.id)
        return super(SppAttendanceSubscriber, own)._api_add(body)

    @api.model
    def _api_vals(self, values):
        values = dict(values)
        tags = values.pop("tags", None)
        vals = super()._api_vals(values)
        if vals.get("tz") and vals["tz"] not in self._zones():
            self._api_refuse("tz", "There is no such time zone.")
        since = vals.get("work_from", self.work_from)
        until = vals.get("work_to", self.work_to)
        if since and until and until < since:
            self._api_refuse("work_to", "It is before work_from.")
        if tags is not None:
            found = self.env["res.partner.category"].search([("name", "in", tags)])
            if unknown := sorted(set(tags) - set(found.mapped("name"))):
                self._api_refuse("tags", f"There is no tag {unknown[0]!r} here.")
            vals["category_id"] = [Command.set(found.ids)]
        return vals

    def _api_read(self):
        self.department_id.fetch(["code", "name"])
        self.location_id.fetch(["code", "name"])
        return [
            SubscriberOut.model_construct(
                uuid=person.uuid,
                person_identifier=person.person_identifier,
                name=person.name or "",
                family_name=person.family_name or None,
                given_name=person.given_name or None,
                additional_name=person.additional_name or None,
                gender=person.gender or None,
                email=person.email or None,
                phone=person.phone or None,
                mobile=person.mobile or None,
                department=person.department_id._api_as_reference(),
                designation=person.designation or None,
                level_of_work=person.level_of_work or None,
                work_from=person.work_from or None,
                work_to=person.work_to or None,
                location=person.location_id._api_as_reference(),
                tz=person.tz or None,
                badge=person.badge or None,
                tags=person.category_id.mapped("name"),
                active=person.active,
                created_at=self._api_instant(person.create_date),
                updated_at=self._api_instant(person._api_sort_value("updated_at")),
            )
            for person in self
        ]

    # ---------------------------------------------------------------- actions

    def action_open_records(self):
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id(
            "spp_attendance.spp_attendance_record_action"
        )
        action["domain"] = [("subscriber_id", "=", self.id)]
        action["context"] = {"default_subscriber_id": self.id}
        return action

    def action_print_badges(self):
        """Print cards, with new badges for those who have none."""
        report = self.env.ref("spp_attendance.spp_attendance_badge_report")
        self._check_cards()
        self._give_badges()
        return report.report_action(self, config=False)

    def action_clear_pin(self):
        """Take their PINs away: a field left empty leaves them as they are."""
        self.check_access("write")
        self.write({"pin_input": False})
        return True

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
