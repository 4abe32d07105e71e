import json
from collections import defaultdict
from datetime import UTC, date, timedelta
from operator import attrgetter
from types import MappingProxyType

from odoo import api, fields, models
from odoo.exceptions import (
    AccessError,
    ConcurrencyError,
    UserError,
    ValidationError,
)
from odoo.fields import Domain
from odoo.sql_db import db_connect
from odoo.tools import SQL

from odoo.addons.base.models.res_partner import _tz_get
from odoo.addons.spp_oauth.api import ApiResult

from ..api import (
    RecordBatchOut,
    RecordOut,
    RecordPage,
    RecordResult,
    RegisterReference,
)
from ..batch import stream
from ..engine import localtime
from ..engine.register_rules import handling_refusal, refusal
from ..engine.scan_types import DIRECTIONS
from ..feed import add_feed_column
from ..ingest import Ingest
from ..live import Item
from ..references import BatchRefused
from ..registers import RegisterRefused, find_intervals, find_registers, reason

CATEGORIES = [("present", "Present"), ("absent", "Absent")]


class SppAttendanceRecord(models.Model):
    """One fact: somebody was present or absent at an instant.

    What happened is never deleted. A record that was wrong is voided: it leaves every
    list and no longer stands in the way of the right one.
    """

    _name = "spp.attendance.record"
    _description = "Attendance Record"
    _inherit = ["spp.attendance.dated.mixin", "spp.attendance.api.mixin"]
    _order = "date_time desc, id desc"

    #: What a record that a user enters says of its origin. Only the suite may say
    #: something else: who could forge these could keep a terminal's scans out.
    _ENTERED = MappingProxyType(
        {
            "source": "manual",
            "origin": False,
            "external_id": False,
            "external_digest": False,
            "local_time_raw": False,
            "submitted_by": False,
            "submitted_datetime": False,
            "submission_source": False,
            "kiosk_id": False,
            "claimed_name": False,
            "log_type": False,
            "log_details": False,
            "uniqueness_key": False,
        }
    )
    #: Follow from other fields, for who writes through RPC too.
    _DERIVED = frozenset({"company_id", "direction"})
    #: What the instant and the local time follow from.
    _TIMED = frozenset(
        {"local_date", "local_time", "date_time", "location_id", "subscriber_id", "tz"}
    )
    #: What the uniqueness key follows from.
    _KEYED = _TIMED | {"type_id", "scan_type", "active", "register_id"}
    #: What a day follows from.
    _DAILY = frozenset(
        {"date_time", "local_date", "local_time", "tz", "subscriber_id"}
        | {"location_id", "category", "scan_type", "active"}
    )
    #: Corrections of these are told in ``change_ids``.
    _TRACKED = (
        "subscriber_id",
        "register_id",
        "local_date",
        "local_time",
        "tz",
        "local_time_raw",
        "category",
        "scan_type",
        "log_type",
        "type_id",
        "location_id",
        "description",
        "url",
        "attachment_ids",
    )

    subscriber_id = fields.Many2one(
        "spp.attendance.subscriber",
        string="Person",
        required=True,
        ondelete="restrict",
    )
    person_identifier = fields.Char(
        related="subscriber_id.person_identifier", string="Identifier"
    )
    company_id = fields.Many2one(
        "res.company", compute="_compute_company_id", store=True, precompute=True
    )
    date_time = fields.Datetime(
        string="Instant",
        required=True,
        readonly=True,
        help="The moment itself, shown in your own time zone.",
    )
    local_time = fields.Char(
        help="Time of day where it happened. Type 830, 8:30 or 08:30:15.",
    )
    tz = fields.Selection(
        _tz_get,
        string="Time Zone",
        required=True,
        readonly=True,
        help="Zone of date and time: of the terminal, else of the location, else of"
        " the person, else of the company.",
    )
    local_time_raw = fields.Char(string="Time As Received", readonly=True, copy=False)
    category = fields.Selection(CATEGORIES, required=True, default="present")
    scan_type = fields.Selection(
        [
            ("in", "In"),
            ("out", "Out"),
            ("break_start", "Break Start"),
            ("break_end", "Break End"),
            ("overtime_in", "Overtime In"),
            ("overtime_out", "Overtime Out"),
            ("none", "None"),
        ],
        required=True,
        default="none",
    )
    direction = fields.Selection(
        [("in", "In"), ("out", "Out")],
        compute="_compute_direction",
        store=True,
        precompute=True,
    )
    url = fields.Char(string="URL", help="Where the evidence is, http(s)://…")
    attachment_ids = fields.Many2many(
        "ir.attachment", string="Evidence", copy=False, help="A photo, a signed sheet…"
    )
    source = fields.Selection(
        [
            ("manual", "Entered here"),
            ("api", "API"),
            ("device", "Terminal"),
            ("kiosk", "Kiosk"),
            ("import", "Import"),
        ],
        required=True,
        readonly=True,
        default="manual",
        copy=False,
    )
    origin = fields.Char(
        readonly=True,
        copy=False,
        help="The client, kiosk or terminal that sent it; external ids are its own.",
    )
    external_id = fields.Char(string="External ID", readonly=True, copy=False)
    # What a sender says of it, verbatim: its own users, clock and apps.
    submitted_by = fields.Char(readonly=True, copy=False)
    submitted_datetime = fields.Char(string="Submitted On", readonly=True, copy=False)
    submission_source = fields.Char(readonly=True, copy=False)
    kiosk_id = fields.Many2one(
        "spp.attendance.kiosk",
        readonly=True,
        copy=False,
        ondelete="restrict",
        index="btree_not_null",
        help="Where it was marked.",
    )
    register_id = fields.Many2one(
        "spp.attendance.register",
        ondelete="restrict",
        check_company=True,
        copy=False,
    )
    # What a log of a register says of itself, verbatim: DIGIT's type is any word.
    # {"additionalDetails", "documentIds", "clientAuditDetails", "modifiedBy"}
    log_type = fields.Char(readonly=True, copy=False)
    log_details = fields.Json(readonly=True, copy=False)
    claimed_name = fields.Char(
        string="Name as Typed",
        readonly=True,
        copy=False,
        help="What was typed at the kiosk, beside the identifier.",
    )
    # Of the content as first received: the same external id with another content is a
    # conflict, a plain retry is not, even after the record has been corrected.
    external_digest = fields.Char(readonly=True, copy=False)
    active = fields.Boolean(default=True, string="Valid", readonly=True, copy=False)
    void_reason = fields.Char(readonly=True, copy=False)
    uniqueness_key = fields.Char(readonly=True, copy=False)
    change_ids = fields.One2many(
        "spp.attendance.record.change", "record_id", string="History", readonly=True
    )

    _subscriber_key_unique = models.UniqueIndex(
        "(subscriber_id, uniqueness_key) WHERE uniqueness_key IS NOT NULL",
        "This person already has such a record. Change the date, time, type or"
        " location, or void the other record first.",
    )
    _external_id_unique = models.UniqueIndex(
        "(company_id, origin, external_id) WHERE external_id IS NOT NULL",
        "This external id was used before.",
    )
    _void_has_reason = models.Constraint(
        "CHECK (active OR COALESCE(btrim(void_reason), '') <> '')",
        "Say why the record is voided.",
    )
    _subscriber_date_time_idx = models.Index("(subscriber_id, date_time, id)")
    _company_date_time_idx = models.Index("(company_id, date_time, id)")
    # For who works in several companies, whose records no other index has in order.
    _date_time_idx = models.Index("(date_time, id)")
    _register_date_time_idx = models.Index(
        "(register_id, date_time, id) WHERE register_id IS NOT NULL"
    )
    # Apps ask for logs by their own references, of whatever register these are.
    _log_external_id_idx = models.Index(
        "(external_id) WHERE log_type IS NOT NULL AND external_id IS NOT NULL"
    )
    _local_date_idx = models.Index("(local_date)")
    # For apps that ask again and again what has changed.
    _company_write_date_idx = models.Index("(company_id, write_date, id)")

    @api.depends("subscriber_id.company_id")
    def _compute_company_id(self):
        for record in self:
            # In a form without a person yet, types and locations are offered already.
            record.company_id = record.subscriber_id.company_id or self.env.company

    @api.depends("scan_type")
    def _compute_direction(self):
        for record in self:
            record.direction = DIRECTIONS.get(record.scan_type) or False

    @api.depends("subscriber_id", "local_date", "local_time", "category")
    def _compute_display_name(self):
        categories = dict(self._fields["category"]._description_selection(self.env))
        for record in self:
            parts = (
                record.subscriber_id.display_name,
                record.local_date and fields.Date.to_string(record.local_date),
                record.local_time and record.local_time[:5],
                categories.get(record.category),
            )
            # A form that says nobody yet is simply “New”.
            record.display_name = (
                " · ".join(filter(None, parts)) if record.subscriber_id else False
            )

    @api.constrains("url")
    def _check_url(self):
        for record in self:
            if record.url and not record.url.startswith(("http://", "https://")):
                raise ValidationError(
                    self.env._("The URL must begin with http:// or https://.")
                )

    @api.onchange("location_id", "subscriber_id")
    def _onchange_tz(self):
        if not (self._origin and self.source == "device"):
            place = self._seen_place(self.location_id, self.register_id)
            self.tz = self._tz_for(place, self.subscriber_id)
        if self._origin and self.source != "manual":
            local = localtime.to_local(self._origin.date_time, self.tz)
            self.local_date = local.date()
            self.local_time = local.strftime("%H:%M:%S")

    @api.onchange("register_id")
    def _onchange_register(self):
        register = self.register_id._filtered_access("read")
        self.update(self._register_defaults(register, self))

    def init(self):
        add_feed_column(self)

    # --------------------------------------------------------------- searching

    @api.model
    def _search(self, domain, *args, **kwargs):
        # Lists are in the order of instants and so are the indexes. Without this, a
        # month of long ago is looked for from today backwards.
        domain = Domain(domain).map_conditions(self._with_instants)
        return super()._search(domain, *args, **kwargs)

    @api.model
    def _with_instants(self, condition):
        """A condition on the local date, with what it means for the instant.

        No place on earth is a day away from UTC.
        """
        if condition.field_expr != "local_date" or not condition.value:
            return condition
        operator, day = condition.operator, condition.value
        if isinstance(day, str):
            try:
                day = fields.Date.to_date(day)
            except ValueError:
                return condition  # such as "today -7d"
        if not isinstance(day, date):
            return condition
        instant = fields.Datetime.to_datetime(day)
        if operator in (">=", ">", "="):
            condition &= Domain("date_time", ">=", instant - timedelta(days=1))
        if operator in ("<=", "<", "="):
            condition &= Domain("date_time", "<=", instant + timedelta(days=2))
        return condition

    # ------------------------------------------------------------------ CRUD

    @api.model_create_multi
    def create(self, vals_list):
        vals_list = [dict(vals) for vals in vals_list]
        for vals in vals_list:
            self._check_entered(vals)
            if not self.env.su:
                vals.update(self._ENTERED)
            register = self.register_id.browse(vals.get("register_id"))
            vals.update(self._register_defaults(register, vals))
        self._complete_time_vals([(self.browse(), vals) for vals in vals_list])
        records = super().create(vals_list)
        records._check_registers()
        records._claim_attachments()
        records._refresh_uniqueness_keys()
        self.env["spp.attendance.day.queue"]._enqueue_records(records.ids)
        self.env["spp.attendance.live"]._announce(self._name, records.ids)
        return records

    def write(self, vals):
        self._check_entered(vals)
        if not self:
            return super().write(vals)
        self._write_each(dict.fromkeys(self, vals))
        return True

    @api.model
    def _write_each(self, values):
        """Change records, each with values of its own, and tell what was changed.

        All changes come this way, so this is what other addons extend. The number of
        statements doesn't grow with that of the records. Access is checked as in
        ``write``, but unlike there the caller may set what only the system sets, such
        as ``local_time_raw``.

        :param dict values: ``{record: values to write}``
        :raises AccessError: when the user may not write a record, or not such a one as
            it would become
        :raises ValidationError: on what is no date and time
        :raises RegisterRefused: when a register's rules don't allow it
        :raises psycopg2.errors.UniqueViolation: when a record would be another's twin
        """
        # What is above this method is Odoo's `write`, of which this is the end.
        # pylint: disable=missing-return,super-method-mismatch
        records = self.browse([record.id for record in values])
        changes = [
            (record, dict(vals))
            for record, vals in zip(records, values.values(), strict=True)
        ]
        records.check_access("write")
        before = records._tracked_values()
        given = set().union(*(vals for _record, vals in changes))
        queue = self.env["spp.attendance.day.queue"]
        is_daily = not self._DAILY.isdisjoint(given)
        if is_daily:
            self.flush_model()
            queue._enqueue_records(records.ids)  # of the day that it was on
        self._complete_time_vals(
            [(rec, vals) for rec, vals in changes if not self._TIMED.isdisjoint(vals)]
        )
        alike = defaultdict(list)
        for record, vals in changes:
            if vals.get("active"):
                vals["void_reason"] = False
            alike[repr(sorted(vals.items()))].append((record.id, vals))
        for group in alike.values():
            members = records.browse([record_id for record_id, _vals in group])
            members = members.with_prefetch(records.ids)
            super(SppAttendanceRecord, members).write(group[0][1])
        moved = not {"location_id", "subscriber_id"}.isdisjoint(given)
        # What a record becomes must be within the rules, as what it was.
        if moved and not records.has_access("write"):
            raise AccessError(
                self.env._("You may not record attendance at this location.")
            )
        records._check_registers(before)
        if "attachment_ids" in given:
            records._claim_attachments()
        records._log_changes(before)
        self.env["spp.attendance.live"]._announce(self._name, records.ids)
        if not self._KEYED.isdisjoint(given):
            records._refresh_uniqueness_keys()
        if is_daily:
            self.flush_model()
            queue._enqueue_records(records.ids)

    @api.model
    def _correct_scan_types(self, types):
        """Correct which way people went, after what came later has shown it.

        For who records by the order of scans, such as terminals. Void records stay as
        they are, and so do those whose way or time somebody else has corrected by
        hand, that would become another's twin, or that a register holds fast.

        :param dict types: ``{id of a record: scan type}``
        :return: the records that were changed
        """
        self.flush_model()
        # A row as it would be, for its key.
        wanted = SQL(
            """
            SELECT r.id, r.create_uid, r.company_id, r.subscriber_id, r.log_type,
                   r.date_time, r.local_date, r.local_time, r.type_id, r.location_id,
                   r.register_id, w.scan_type, w.direction
              FROM unnest(%s::int4[], %s::varchar[], %s::varchar[])
                       AS w (id, scan_type, direction)
              JOIN spp_attendance_record r ON r.id = w.id
             WHERE r.active AND r.scan_type <> w.scan_type
            """,
            list(types),
            list(types.values()),
            [DIRECTIONS[scan_type] for scan_type in types.values()],
        )
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT ON (n.subscriber_id, n.key, n.free) n.id, n.scan_type
                  FROM (SELECT w.*, k.key,
                               CASE WHEN k.key IS NULL THEN w.id END AS free
                          FROM (%(wanted)s) w
                          JOIN res_company c ON c.id = w.company_id,
                       LATERAL (SELECT %(key)s) AS k (key)) n
                 WHERE NOT EXISTS (
                           SELECT FROM spp_attendance_record t
                            WHERE t.subscriber_id = n.subscriber_id
                              AND t.uniqueness_key = n.key AND t.id <> n.id)
                   AND NOT EXISTS (
                           SELECT FROM spp_attendance_record_change h
                            WHERE h.record_id = n.id AND h.kind = 'corrected'
                              AND h.create_uid <> n.create_uid
                              AND h.field IN ('scan_type', 'local_date', 'local_time',
                                              'date_time', 'tz'))
              ORDER BY n.subscriber_id, n.key, n.free, n.id
                """,
                wanted=wanted,
                key=self._uniqueness_key_sql("w", "c"),
            )
        )
        changes = {
            self.browse(record_id): {"scan_type": scan_type}
            for record_id, scan_type in rows
        }
        for _attempt in range(2):
            try:
                with self.env.cr.savepoint():
                    if changes:
                        self._write_each(changes)
                break
            except RegisterRefused as error:
                changes = {
                    record: vals
                    for record, vals in changes.items()
                    if record.id not in error.refusals
                }
        return self.browse([record.id for record in changes])

    @api.ondelete(at_uninstall=False)
    def _unlink_never(self):
        raise UserError(
            self.env._(
                "Attendance is not deleted. Void the record and say why: it leaves"
                " every list, and its place is free again."
            )
        )

    def _claim_attachments(self):
        """Tie files that were uploaded for a record to it: who sees it sees them."""
        for record in self:
            loose = record.attachment_ids.filtered(
                lambda file: not file.res_id and file.create_uid == self.env.user
            )
            if loose:  # who may not upload files may still make records
                loose.write({"res_model": self._name, "res_id": record.id})

    def _tracked_values(self):
        """``{record id: {field: value}}`` of what ``change_ids`` tells of."""
        names = (*self._TRACKED, "active", "void_reason", "date_time")
        return {record.id: {name: record[name] for name in names} for record in self}

    def _log_changes(self, before):
        """Tell what has changed since ``before``, as ``_tracked_values`` gave it."""
        rows = []
        for record_id, new in self._tracked_values().items():
            old = before[record_id]
            changed = [name for name in self._TRACKED if old[name] != new[name]]
            if old["date_time"] != new["date_time"] and not changed:
                # The other pass of an hour that clocks showed twice.
                changed = ["date_time"]
            rows += [
                (
                    record_id,
                    "corrected",
                    name,
                    self._change_text(old[name]),
                    self._change_text(new[name]),
                )
                for name in changed
            ]
            if old["active"] != new["active"]:
                kind = "restored" if new["active"] else "voided"
                reasons = (old["void_reason"] or None, new["void_reason"] or None)
                rows.append((record_id, kind, None, *reasons))
            elif old["void_reason"] != new["void_reason"]:
                reasons = (old["void_reason"] or None, new["void_reason"] or None)
                rows.append((record_id, "corrected", "void_reason", *reasons))
        if not rows:
            return
        # Nobody may write history by himself, so nobody has the right to: it is written
        # past the ORM, at once for however many records.
        self.flush_recordset(["company_id"])
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO spp_attendance_record_change (
                    record_id, kind, field, old_value, new_value, company_id,
                    create_uid, create_date, write_uid, write_date)
                SELECT c.record_id, c.kind, c.field, c.old_value, c.new_value,
                       r.company_id, %(uid)s, %(now)s, %(uid)s, %(now)s
                  FROM unnest(%(record_ids)s::int4[], %(kinds)s::varchar[],
                              %(fields)s::varchar[], %(old)s::text[], %(new)s::text[])
                       WITH ORDINALITY AS c(
                           record_id, kind, field, old_value, new_value, position)
                  JOIN spp_attendance_record r ON r.id = c.record_id
              ORDER BY c.position
                """,
                uid=self.env.uid,
                now=fields.Datetime.now(),
                **dict(
                    zip(
                        ("record_ids", "kinds", "fields", "old", "new"),
                        map(list, zip(*rows, strict=True)),
                        strict=True,
                    )
                ),
            )
        )
        self.invalidate_recordset(["change_ids"], flush=False)

    @api.model
    def _change_text(self, value):
        if isinstance(value, models.BaseModel):
            return ", ".join(value.mapped("display_name")) or None
        return str(value) if value else None

    def _check_entered(self, vals):
        """Refuse values that are not for users to give.

        :raises AccessError: naming the fields
        """
        given = vals.keys() & (self._ENTERED.keys() | self._DERIVED)
        if given and not self.env.su:
            raise AccessError(
                self.env._(
                    "%(fields)s can't be entered: the system sets it.",
                    fields=", ".join(
                        sorted(
                            self._fields[name]._description_string(self.env)
                            for name in given
                        )
                    ),
                )
            )

    # -------------------------------------------------------------- registers

    @api.model
    def _register_defaults(self, register, given):
        """Type and place of a register, where a record has none of its own.

        :param given: the record, or values of one
        :return: values to set
        """
        names = [name for name in ("type_id", "location_id") if name not in given]
        if isinstance(given, models.BaseModel):
            names = [name for name in ("type_id", "location_id") if not given[name]]
        register_sudo = register.sudo()  # to be refused with a reason, if it must be
        return {name: register_sudo[name].id for name in names if register_sudo[name]}

    @api.model
    def _seen_place(self, location, register):
        """A location, readable where it is the register's, closed to the user or not.

        Who marks a register goes by the clock of its place.
        """
        place_sudo = register.sudo().location_id  # for its clock alone
        return place_sudo if location and place_sudo == location else location

    def _check_registers(self, before=None):
        """Hold records against the rules of the registers that they are on.

        The system itself is above them: it restores, moves and demonstrates. What is
        void asks only who marks the register: it may be what should not be there. The
        number of statements doesn't depend on that of the records.

        :param dict before: values that they had, as ``_tracked_values`` gave them:
            the registers that they were on have a say, too
        :raises RegisterRefused: telling of each record that is refused
        """
        if self.env.su:
            return
        former = {
            record.id: before[record.id]["register_id"].id if before else False
            for record in self
        }
        registers = find_registers(
            self.env,
            {*self.register_id.ids, *former.values()} - {False},
            self.company_id.ids,
        )
        on_registers = self.filtered(lambda rec: rec.register_id or former[rec.id])
        intervals = find_intervals(
            self.env,
            ((rec.register_id.id, rec.subscriber_id.id) for rec in on_registers),
        )
        refusals = {}
        for record in on_registers:
            code = None
            register_id = former[record.id]
            if register_id and register_id != record.register_id.id:
                code = handling_refusal(registers.get(register_id))
            if not code and record.register_id:
                register_id = record.register_id.id
                found = registers.get(register_id)
                if record.active:
                    enrolled = intervals.get((register_id, record.subscriber_id.id), ())
                    code = refusal(found, record.date_time, enrolled)
                else:
                    code = handling_refusal(found)
            if code:
                found = registers.get(register_id)
                name = found.number if found else register_id
                refusals[record.id] = (code, reason(self.env, code, name))
        if refusals:
            reasons = dict.fromkeys(text for _code, text in refusals.values())
            raise RegisterRefused("\n".join(reasons), refusals)

    # ------------------------------------------------------------------ time

    @api.model
    def _complete_time_vals(self, changes):
        """Complete values of create or write: zone, instant, local date and time.

        Who gives an instant (``date_time``) gets the local date and time of it, who
        gives a local date or time gets the instant. When only the place or the person
        is corrected, what was observed stays: for what somebody typed in that is the
        time on the wall, for what a program or a terminal sent it is the instant.

        :param list changes: ``(record, values)``, the record empty in create; the
            values are changed in place
        """
        places = self.env["spp.attendance.location"].browse(
            {vals.get("location_id", rec.location_id.id) for rec, vals in changes}
            - {False, None}
        )
        people = self.env["spp.attendance.subscriber"].browse(
            {vals.get("subscriber_id", rec.subscriber_id.id) for rec, vals in changes}
            - {False, None}
        )
        for record, vals in changes:
            location = places.browse(
                vals.get("location_id", record.location_id.id)
            ).with_prefetch(places.ids)
            register = self.register_id.browse(
                vals.get("register_id", record.register_id.id)
            )
            location = self._seen_place(location, register)
            subscriber = people.browse(
                vals.get("subscriber_id", record.subscriber_id.id)
            ).with_prefetch(people.ids)
            tz = vals.get("tz")
            if not tz and record:
                # A terminal goes by its own clock, wherever it is said to hang.
                moved = not {"location_id", "subscriber_id"}.isdisjoint(vals)
                tz = None if moved and record.source != "device" else record.tz
            record._complete_time(vals, tz or self._tz_for(location, subscriber))

    def _complete_time(self, vals, tz):
        """Complete the values of one record; see ``_complete_time_vals``."""
        try:
            instant, local = self._place_vals(vals, tz)
        except (ValueError, OverflowError) as error:  # LocalTimeError is a ValueError
            raise ValidationError(
                self.env._("That is no date and time of a known time zone.")
            ) from error
        # What is on a register is bound by its dates, be they to come or not.
        on_register = vals.get("register_id", self.register_id)
        if not on_register and localtime.is_far_future(instant, fields.Datetime.now()):
            raise ValidationError(
                self.env._(
                    "%(date)s is more than a day ahead. Attendance is recorded when"
                    " it has happened.",
                    date=local.date(),
                )
            )
        vals["tz"] = tz
        vals["date_time"] = instant
        vals["local_date"] = local.date()
        vals["local_time"] = local.strftime("%H:%M:%S")
        shown = (self.local_date, self.local_time)
        if self.local_time_raw and shown != (vals["local_date"], vals["local_time"]):
            # What came in is no longer what is meant; the history keeps it.
            vals.setdefault("local_time_raw", False)

    def _place_vals(self, vals, tz):
        """Instant and local time of values, both naive; see ``_complete_time_vals``."""
        if vals.get("date_time"):
            instant = fields.Datetime.to_datetime(vals["date_time"])
            return instant, localtime.to_local(instant, tz)
        now = self._now_local(tz)
        day = fields.Date.to_date(
            vals.get("local_date") or self.local_date or now.date()
        )
        time = self._parse_time_of_day(
            vals.get("local_time") or self.local_time or now.strftime(self._TIME_NOW)
        )
        local = fields.Datetime.to_datetime(f"{day} {time}")
        if self:
            shown = localtime.to_local(self.date_time, tz)
            observed = self.source != "manual" and {
                "local_date",
                "local_time",
                "tz",
            }.isdisjoint(vals)
            # Nor does an hour that clocks show twice move to its first pass.
            if observed or shown.replace(microsecond=0) == local:
                return self.date_time, shown
        return localtime.place(local, tz)

    @api.model
    def _tz_for(self, location, subscriber):
        company = subscriber.company_id or self.env.company
        return location.tz or subscriber.tz or company.attendance_tz

    # ------------------------------------------------------------ uniqueness

    @api.model
    def _lock_writers(self, company_ids):
        """Keep others from writing records of companies until this transaction ends.

        Waits for those who are at it: they hold the company's row (``_lock_rules``). A
        lock on the table would not do: they'd wait for it in the other order.

        :raises ConcurrencyError: when some have been committed that this transaction
            doesn't see, for its snapshot is older: it has to be run again
        """
        self.env.execute_query(
            SQL(
                "SELECT id FROM res_company WHERE id = ANY(%s)"
                " ORDER BY id FOR NO KEY UPDATE",
                list(company_ids),
            )
        )
        self.flush_model()
        [[snapshot]] = self.env.execute_query(SQL("SELECT pg_current_snapshot()::text"))
        # Only another transaction can see what this one does not. A row's xmin are the
        # lower half of the number of the transaction that wrote it.
        with db_connect(self.env.cr.dbname).cursor() as cr:
            cr.execute(
                """
                WITH now AS (
                    SELECT pg_snapshot_xmax(pg_current_snapshot())::text::int8 AS id
                )
                SELECT count(*)
                  FROM spp_attendance_record r, now
                 WHERE r.company_id = ANY(%s)
                   AND NOT pg_visible_in_snapshot(
                       (now.id - ((now.id - r.xmin::text::int8) & 4294967295)
                       )::text::xid8,
                       %s::pg_snapshot)
                """,
                [list(company_ids), snapshot],
            )
            [[unseen]] = cr.fetchall()
        if unseen:
            raise ConcurrencyError(f"{unseen} attendance records came in meanwhile")

    @api.model
    def _uniqueness_key_sql(self, record, company):
        """SQL of the key under which a record is the only one of its person.

        The one definition of it, for forms, ingest and a change of the rule alike. NULL
        means: not unique (the company has no rule, or the record is voided, which the
        caller checks; or it is a log, whose sender alone knows what it means). Records
        with a direction are unique by instant and direction, so that the rule can never
        swallow an OUT. Who is marked on two registers is there twice.

        :param str record: alias of a row with the columns of a record
        :param str company: alias of its ``res_company``
        """
        return SQL(
            """
            CASE
                WHEN %(r)s.log_type IS NOT NULL THEN NULL
                WHEN %(r)s.direction IS NOT NULL
                    THEN %(r)s.date_time::text || ' ' || %(r)s.direction
                    || COALESCE('@' || %(r)s.register_id, '')
                WHEN %(c)s.attendance_unique_date THEN %(r)s.local_date::text
                    || CASE WHEN %(c)s.attendance_unique_time
                            THEN '|' || %(r)s.local_time ELSE '' END
                    || CASE WHEN %(c)s.attendance_unique_type
                            THEN '|' || COALESCE(%(r)s.type_id, 0) ELSE '' END
                    || CASE WHEN %(c)s.attendance_unique_location
                            THEN '|' || COALESCE(%(r)s.location_id, 0) ELSE '' END
                    || COALESCE('@' || %(r)s.register_id, '')
            END
            """,
            r=SQL.identifier(record),
            c=SQL.identifier(company),
        )

    @api.model
    def _write_uniqueness_keys(self, condition):
        """Set the keys of the records ``r`` that an SQL condition selects."""
        self.env.cr.execute(
            SQL(
                """
                UPDATE spp_attendance_record r
                   SET uniqueness_key = CASE WHEN r.active THEN %(key)s END
                  FROM res_company c
                 WHERE c.id = r.company_id AND %(condition)s
                """,
                key=self._uniqueness_key_sql("r", "c"),
                condition=condition,
            ),
            # That somebody enters a thing twice is no fault of the server's.
            log_exceptions=False,
        )
        self.invalidate_model(["uniqueness_key"], flush=False)

    def _refresh_uniqueness_keys(self):
        if not self:
            return
        self.flush_model()
        self._lock_rules(self.company_id.ids)
        if len(self) > 1:
            # Two records may take each other's place.
            self.env.cr.execute(
                "UPDATE spp_attendance_record SET uniqueness_key = NULL"
                " WHERE id = ANY(%s) AND uniqueness_key IS NOT NULL",
                [self.ids],
            )
        self._write_uniqueness_keys(SQL("r.id = ANY(%s)", self.ids))

    @api.model
    def _lock_rules(self, company_ids):
        """Keep the uniqueness rule of companies as it is until the transaction ends.

        Read from the row and not through the cache, which may be stale in another
        worker.

        :return: ``{company id: zone name}``
        """
        # Not logged: that the rule was changed meanwhile is a reason to try again.
        self.env.cr.execute(
            "SELECT id, attendance_tz FROM res_company"
            " WHERE id = ANY(%s) ORDER BY id FOR SHARE",
            [list(company_ids)],
            log_exceptions=False,
        )
        return dict(self.env.cr.fetchall())

    # ---------------------------------------------------------------- ingest

    @api.model
    def _ingest(self, batch, *, source="api", origin=None, atomic=False):
        """Turn facts into records: the one way in for everything but forms.

        Works as the current user in the current company, in a number of statements that
        does not depend on the size of the batch. To be called in a transaction that is
        run again on a serialization failure, as HTTP requests are.

        :param list batch: ``api.RecordIn`` (or ``api.Refused``), or dicts of the fields
            of ``api.Fact``
        :param str source: a value of the field ``source``
        :param str origin: whose external ids these are, such as ``device/7``; default
            the OAuth client, else the user
        :param bool atomic: one rejected item refuses all
        :return: one ``api.Outcome`` an item, in order: created, duplicate (with the id
            of the record that was there first) or rejected with a reason
        :raises BatchRefused: when atomic and an item was rejected; the caller has to
            roll back
        :raises AccessError: when the user may not create records
        """
        client_id = self.env.context.get("spp_oauth_client_id")
        if not origin and client_id:
            origin = f"oauth/{client_id}"
        outcomes = Ingest(self.env, source, origin).run(batch)
        if atomic and (rejected := [o for o in outcomes if o.status == "rejected"]):
            raise BatchRefused(
                self.env._(
                    "Nothing was recorded. Item %(index)s: %(reason)s",
                    index=rejected[0].index,
                    reason=rejected[0].reason,
                ),
                outcomes,
            )
        return outcomes

    @api.model
    def _ingest_columns(self):
        """Columns that ``_ingest`` fills beside those of every record.

        For other addons to add theirs; what they get their values from is a
        ``api.Fact``, whose ``columns`` is free for them.

        :return: ``{column: (PostgreSQL type, function of a fact)}``
        """
        texts = (
            "log_type",
            "submitted_by",
            "submitted_datetime",
            "submission_source",
            "claimed_name",
        )
        return {
            "kiosk_id": ("int4", attrgetter("kiosk_id")),
            **{name: ("varchar", attrgetter(name)) for name in texts},
            "log_details": (
                "jsonb",
                lambda fact: (
                    None if fact.log_details is None else json.dumps(fact.log_details)
                ),
            ),
        }

    # ------------------------------------------------------------ native API

    _API_PATH = "records"
    _API_PAGE = RecordPage
    _API_FIELDS = (
        "subscriber_id",
        "date_time",
        "local_date",
        "local_time",
        "tz",
        "category",
        "scan_type",
        "direction",
        "type_id",
        "location_id",
        "register_id",
        "description",
        "url",
        "source",
        "origin",
        "external_id",
        "submitted_by",
        "submitted_datetime",
        "submission_source",
        "active",
        "void_reason",
        "create_date",
        "write_date",
    )
    _API_SORTS = {"date_time": "date_time", "updated_at": "write_date"}
    _API_REFERENCES = {"type": "type_id", "location": "location_id"}
    _API_INACTIVE = "include_voided"

    @api.model
    def _api_create(self, body):
        """Record what an app sends.

        :param api.RecordBatchIn body: up to 5,000 items
        :return: ``RecordBatchOut`` with status 200; 207 when some items were rejected,
            422 when all were
        """
        outcomes = self._ingest(body.records)
        rejected = sum(outcome.status == "rejected" for outcome in outcomes)
        return ApiResult(
            RecordBatchOut.model_construct(
                results=[RecordResult.model_construct(**o._asdict()) for o in outcomes]
            ),
            status=200 if not rejected else 422 if rejected == len(outcomes) else 207,
        )

    @api.model
    def _api_batch(self, body, request_id):
        """Record what an app sends, in transactions of their own.

        :param api.RecordStreamIn body: up to 10,000 items
        :return: the lines of the answer, to be sent as they come
        :raises AccessError: when the user may not record anything
        """
        self.browse().check_access("create")
        return stream(
            self.env,
            body.records,
            lambda env, items: [
                RecordResult.model_construct(**outcome._asdict())
                for outcome in env[self._name]._ingest(items)
            ],
            request_id,
        )

    @api.model
    def _api_list_domain(self, query):
        domain = super()._api_list_domain(query)
        if query.category:
            domain &= Domain("category", "=", query.category)
        if query.external_id:
            domain &= Domain("origin", "=", self._api_origin())
            domain &= Domain("external_id", "in", query.external_id)
        return domain

    @api.model
    def _api_domain(self, query):
        """Domain of the filters of a query, as lists and the plain sheet have them.

        People, types and locations are looked up first: it is by their ids that
        records are found quickly, and that a name nobody bears costs nothing.

        :param api.RecordQuery query: or any model with the same filters
        """
        domain = Domain.TRUE
        if query.person_identifier:
            people = self.env["spp.attendance.subscriber"]._api_identified(
                query.person_identifier
            )
            domain &= Domain("subscriber_id", "in", people)
        if query.date_from:
            domain &= Domain("local_date", ">=", query.date_from)
        if query.date_to:
            domain &= Domain("local_date", "<=", query.date_to)
        if query.type:
            types = self.env["spp.attendance.type"]._api_referred(query.type)
            domain &= Domain("type_id", "in", types)
        if query.location:
            locations = self.env["spp.attendance.location"]
            places = locations._api_referred(query.location, below=True)
            domain &= Domain("location_id", "in", places)
        if query.register_ref:
            registers = find_registers(
                self.env, [query.register_ref], self.env.companies.ids
            )
            domain &= Domain("register_id", "in", [r.id for r in registers.values()])
        return domain

    @api.model
    def _api_origin(self):
        """Whose external ids those of the caller are."""
        client_id = self.env.context.get("spp_oauth_client_id")
        return f"oauth/{client_id}" if client_id else f"user/{self.env.uid}"

    @api.model
    def _api_vals(self, values):
        values = dict(values)
        if not (text := values.pop("date_time", None)):
            return super()._api_vals(values)
        try:
            instant = localtime.parse(text)
        except localtime.LocalTimeError as error:
            self._api_refuse("date_time", str(error))
        vals = super()._api_vals(values)
        if instant.tzinfo:
            utc = instant.astimezone(UTC).replace(tzinfo=None)
            return {**vals, "date_time": utc}
        local = {"local_date": instant.date(), "local_time": str(instant.time())}
        return {**vals, **local}

    @api.model
    def _api_void(self, record_id, body):
        """Void a record; of one that is void already the first reason stands.

        :return: the record
        """
        record = self._api_find(record_id)
        if record.active:
            record._void(body.reason)
        return record._api_read()[0]

    @api.model
    def _api_restore(self, record_id):
        """Make a record count again, whether it was void or not.

        :return: the record
        """
        record = self._api_find(record_id)
        if not record.active:
            record._restore()
        return record._api_read()[0]

    def _api_read(self):
        """Records as ``RecordOut``.

        The external id is the sender's own business: others don't get it.
        """
        mine = self._api_origin()
        self.subscriber_id.fetch(["person_identifier", "name"])
        # Who marks a register may know where it is, though all else there is hidden.
        places_sudo = self.location_id.sudo()
        places_sudo.fetch(["code", "name"])
        # Whose records one sees, one need not see their registers.
        registers = self.register_id._filtered_access("read")
        registers.fetch(["uuid", "number", "name"])
        return [
            RecordOut.model_construct(
                id=record.id,
                person_identifier=record.subscriber_id.person_identifier,
                person_name=record.subscriber_id.name,
                date_time=localtime.offset_iso(record.date_time, record.tz),
                date=record.local_date,
                time=record.local_time,
                tz=record.tz,
                category=record.category,
                scan_type=record.scan_type,
                direction=record.direction or None,
                type=record.type_id._api_as_reference(),
                location=places_sudo.browse(record.location_id.id)._api_as_reference(),
                register_ref=self._api_register(record.register_id & registers),
                description=record.description or None,
                url=record.url or None,
                source=record.source,
                external_id=(
                    record.external_id or None if record.origin == mine else None
                ),
                submitted_by=record.submitted_by or None,
                submitted_datetime=record.submitted_datetime or None,
                submission_source=record.submission_source or None,
                voided=not record.active,
                void_reason=record.void_reason or None,
                created_at=self._api_instant(record.create_date),
                updated_at=self._api_instant(record.write_date),
            )
            for record in self
        ]

    def _live_items(self, _what):
        """What the live feed tells of records, to whoever may read them.

        The sender's own id is not told: many may listen as one user.
        """
        items = []
        for record, out in zip(self, self._api_read(), strict=True):
            data = out.model_dump(mode="json", by_alias=True)
            data["external_id"] = None
            register = record.register_id
            items.append(
                Item(
                    record.id,
                    "record_updated",
                    data,
                    {"employee_id": out.person_identifier},
                    {"register": (register._name, register.id)} if register else {},
                )
            )
        return items

    @api.model
    def _api_register(self, register):
        return (
            RegisterReference(
                id=register.id,
                uuid=register.uuid,
                number=register.number,
                name=register.name,
            )
            if register
            else None
        )

    # --------------------------------------------------------------- voiding

    def action_void(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Void Records"),
            "res_model": "spp.attendance.record.void",
            "view_mode": "form",
            "target": "new",
            "context": {"default_record_ids": self.ids},
        }

    def action_restore(self):
        self._restore()
        return True

    def _void(self, reason):
        """Take records out of every list, and free their place.

        :param str reason: shown with the record ever after
        """
        self.write({"active": False, "void_reason": reason})

    def _restore(self):
        """Make voided records valid again.

        :raises psycopg2.errors.UniqueViolation: when the place of one is taken now
        """
        self.write({"active": True})
