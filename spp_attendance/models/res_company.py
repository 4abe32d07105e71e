from datetime import date
from typing import NamedTuple

from odoo import api, fields, models
from odoo.exceptions import ValidationError
from odoo.tools import SQL

from odoo.addons.base.models.res_partner import _tz_get

from .. import sheet
from ..registry import InvalidConfig, Policy

#: Offending people named in an error; the rest is counted.
_MAX_NAMED = 10

#: How the full name of somebody is written, by example.
NAME_ORDERS = [
    ("family_given", "Okafor, Amina Grace"),
    ("family_given_plain", "Okafor Amina Grace"),
    ("given_family", "Amina Grace Okafor"),
]


class AttendanceConflict(NamedTuple):
    """Records of one person that a uniqueness rule would make the same.

    :ivar record_ids: ids of the records, in the order in which they were entered
    :ivar total: how many conflicts there are, also beyond a limit
    """

    subscriber_id: int
    person_identifier: str
    local_date: date
    record_ids: list[int]
    total: int


class ResCompany(models.Model):
    _inherit = "res.company"

    attendance_tz = fields.Selection(
        _tz_get,
        string="Attendance Time Zone",
        required=True,
        default=lambda self: self.env.user.tz or "UTC",
        help="Dates attendance where neither terminal, location nor person has a zone.",
    )
    # What makes two records of one person the same, coarse to fine. Records that come
    # from terminals as IN or OUT are not concerned.
    attendance_unique_date = fields.Boolean("Same date", default=True)
    attendance_unique_time = fields.Boolean("Same time", default=True)
    attendance_unique_type = fields.Boolean("Same type")
    attendance_unique_location = fields.Boolean("Same location")
    attendance_absences_in_row = fields.Integer(
        "Absences in a Row",
        required=True,
        default=3,
        help="Who was absent on so many days in a row is listed for follow-up.",
    )
    attendance_name_order = fields.Selection(
        NAME_ORDERS,
        string="Names of People",
        required=True,
        default="family_given",
        help="How a full name is put together from family, given and additional name.",
    )

    attendance_tenant_code = fields.Char(
        "Tenant",
        size=64,
        copy=False,
        help="What apps that speak DIGIT's dialect call this company, such as"
        " pb.amritsar. Without it they don't find it.",
    )
    attendance_fiscal_month = fields.Selection(
        [(str(month), str(month)) for month in range(1, 13)],
        "First Month of the Fiscal Year",
        required=True,
        default="4",
        help="The fiscal year is part of the number of a register.",
    )
    attendance_register_first_staff = fields.Boolean(
        "Who Makes a Register Is Its First Staff", default=True
    )
    attendance_register_review = fields.Boolean("Registers Are Reviewed")
    attendance_muster_half_hours = fields.Float(
        "Hours of Half a Day",
        required=True,
        default=4.0,
        help="A day with more hours on a register is a whole one, where musters are"
        " rounded up.",
    )
    attendance_muster_full_hours = fields.Float(
        "Hours of a Whole Day",
        required=True,
        default=8.0,
        help="A day with at least so many hours on a register is a whole one, where"
        " musters are not rounded up.",
    )
    attendance_muster_rounds_up = fields.Boolean("More Than Half a Day Is a Whole One")
    attendance_digit_open_roles = fields.Char(
        "Roles That See All Registers",
        default="SUPERUSER",
        help="Codes of the roles, separated by commas, with which somebody for whom a"
        " trusted gateway speaks sees all registers.",
    )
    attendance_digit_status = fields.Selection(
        [("200", "200 (as DIGIT's service)"), ("202", "202 (as its contract says)")],
        "Status of a Successful Write",
        required=True,
        default="200",
    )
    attendance_digit_create_unknown = fields.Boolean(
        "Gateways Bring Unknown People",
        help="Register people, and accept staff, that only the trusted gateway knows.",
    )
    attendance_sheet_enabled = fields.Boolean(
        "Keep the Sheet as a File",
        inverse="_inverse_attendance_sheet",
        help="A CSV file on a server gets a line for each record, after it is saved.",
    )
    attendance_sheet_node = fields.Char(
        "Server",
        inverse="_inverse_attendance_sheet",
        help="The one server that writes it: its spp_node in odoo.conf (or SPP_NODE in"
        " its environment), else the name of the machine. Which folder it is in is said"
        " there too, by spp_sheet_dir (or SPP_SHEET_DIR).",
    )

    attendance_import_hosts = fields.Text(
        "Hosts for Imports",
        groups="spp_attendance.spp_attendance_group_admin",
        help="Registries that imports may ask, one a line: registry.example.org, all of"
        " *.example.org, or http://10.0.0.5:8080 in your own network. Nothing here:"
        " none.",
    )

    _attendance_tenant_code_unique = models.UniqueIndex(
        "(attendance_tenant_code) WHERE attendance_tenant_code != ''",
        "This tenant is another company.",
    )
    _attendance_absences_in_row_positive = models.Constraint(
        "CHECK (attendance_absences_in_row > 0)",
        "At least one absence makes an absentee.",
    )

    _attendance_muster_hours = models.Constraint(
        "CHECK (attendance_muster_half_hours > 0 AND attendance_muster_full_hours <= 24"
        " AND attendance_muster_half_hours <= attendance_muster_full_hours)",
        "Half a day can't have more hours than a whole one. Both are between 0 and 24.",
    )

    def _inverse_attendance_sheet(self):
        for company in self:
            if company.attendance_sheet_enabled and not company.attendance_sheet_node:
                company.attendance_sheet_node = sheet.node()
        self.env["spp.attendance.sheet"]._apply_settings(self)

    @property
    def _attendance_unique_fields(self):
        return (
            "attendance_unique_date",
            "attendance_unique_time",
            "attendance_unique_type",
            "attendance_unique_location",
        )

    @api.constrains(
        "attendance_unique_date",
        "attendance_unique_time",
        "attendance_unique_type",
        "attendance_unique_location",
    )
    def _check_attendance_unique(self):
        for company in self:
            switches = [company[name] for name in self._attendance_unique_fields]
            if switches != sorted(switches, reverse=True):
                raise ValidationError(
                    self.env._(
                        "Each part of the uniqueness rule needs the one before it:"
                        " date, then time, then type, then location."
                    )
                )

    @api.constrains("attendance_import_hosts")
    def _check_attendance_import_hosts(self):
        for company_sudo in self.sudo():  # whoever may set it may have it checked
            try:
                Policy.parse(company_sudo.attendance_import_hosts or "")
            except InvalidConfig as error:
                raise ValidationError(
                    self.env._(
                        "Hosts for imports: “%(detail)s”. Write one a line, such as"
                        " registry.example.org.",
                        detail=error.detail,
                    )
                ) from error

    @api.model_create_multi
    def create(self, vals_list):
        companies = super().create(vals_list)
        companies._make_attendance_shift()
        return companies

    def _make_attendance_shift(self):
        """Give companies that have none a shift by which everybody works.

        From the beginning of time: days of long ago go by it, too.
        """
        # Whoever makes a company need not manage its attendance.
        assignments_sudo = self.env["spp.attendance.shift.assignment"].sudo()
        general = [
            ("subscriber_id", "=", False),
            ("department_id", "=", False),
            ("location_id", "=", False),
        ]
        known = assignments_sudo.search([("company_id", "in", self.ids), *general])
        for company in self - known.company_id:
            own = assignments_sudo.with_company(company)
            shift = own.env["spp.attendance.shift"].create(
                {"name": self.env._("Day Shift"), "company_id": company.id}
            )
            own.create(
                {
                    "company_id": company.id,
                    "shift_id": shift.id,
                    "date_from": date(1970, 1, 1),
                }
            )

    def write(self, vals):
        switches = set(self._attendance_unique_fields).intersection(vals)
        changed = self.filtered(
            lambda company: any(company[name] != vals[name] for name in switches)
        )
        if changed:
            # Nobody may add a record under the old rule once keys are being rewritten.
            self.env["spp.attendance.record"]._lock_writers(changed.ids)
        reordered = self.filtered(
            lambda company: (
                company.attendance_name_order
                != vals.get("attendance_name_order", company.attendance_name_order)
            )
        )
        with self._attendance_registers(vals)._keeping_days():
            res = super().write(vals)
        if "attendance_tz" in vals:
            self.env["spp.attendance.day.queue"]._enqueue_from_today(
                SQL(
                    "SELECT id FROM spp_attendance_subscriber"
                    " WHERE company_id = ANY(%s)",
                    self.ids,
                )
            )
        if changed:
            changed._rewrite_attendance_keys()
        if reordered:
            reordered.flush_recordset(["attendance_name_order"])
            self.env["spp.attendance.subscriber"]._rewrite_names(reordered)
        return res

    def _attendance_registers(self, vals):
        """Those whose clock is the company's own, if values set that anew."""
        # Whoever sets a clock right need not be on the staff of its registers.
        registers_sudo = self.env["spp.attendance.register"].sudo()
        if "attendance_tz" not in vals:
            return registers_sudo
        return registers_sudo.with_context(active_test=False).search(
            [("company_id", "in", self.ids), ("location_id", "=", False)]
        )

    def _rewrite_attendance_keys(self):
        """Apply the rule to the records that exist, or refuse it with who conflicts.

        :raises ValidationError: when records of one person would be the same under the
            new rule; nothing is changed then
        """
        self.flush_recordset(self._attendance_unique_fields)
        record_model = self.env["spp.attendance.record"]
        for company in self:
            rule = {name: company[name] for name in self._attendance_unique_fields}
            conflicts = company._find_attendance_conflicts(rule, limit=_MAX_NAMED)
            if conflicts:
                named = ", ".join(
                    self.env._(
                        "%(identifier)s (%(day)s, %(count)s times)",
                        identifier=conflict.person_identifier,
                        day=conflict.local_date,
                        count=len(conflict.record_ids),
                    )
                    for conflict in conflicts
                )
                total = conflicts[0].total
                raise ValidationError(
                    self.env._(
                        "This rule would make %(count)s existing groups of records the"
                        " same: %(named)s. Void the surplus records first, or choose a"
                        " finer rule. Nothing was changed.",
                        count=total,
                        named=named + (" …" if total > len(conflicts) else ""),
                    )
                )
            record_model._write_uniqueness_keys(SQL("r.company_id = %s", company.id))

    def _find_attendance_conflicts(self, rule, limit):
        """Groups of a person's valid records that a rule would make the same.

        Looks at all records of the company, whoever asks: what he may see makes no
        difference to what is unique.

        :param dict rule: a value for each of ``_attendance_unique_fields``
        :param int limit: how many groups at most
        :return: list of :class:`AttendanceConflict`, oldest first
        """
        self.ensure_one()
        record_model = self.env["spp.attendance.record"]
        record_model.flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT found.subscriber_id, s.person_identifier, found.local_date,
                       found.record_ids, found.total
                  FROM (SELECT r.subscriber_id, min(r.local_date) AS local_date,
                               array_agg(r.id ORDER BY r.id) AS record_ids,
                               count(*) OVER () AS total
                          FROM spp_attendance_record r
                          JOIN (SELECT %(rule)s) c ON TRUE
                         WHERE r.company_id = %(company)s AND r.active
                           AND %(key)s IS NOT NULL
                      GROUP BY r.subscriber_id, %(key)s
                        HAVING count(*) > 1
                      ORDER BY 2, 1
                         LIMIT %(limit)s) found
                  JOIN spp_attendance_subscriber s ON s.id = found.subscriber_id
              ORDER BY found.local_date, s.person_identifier
                """,
                rule=SQL(", ").join(
                    SQL("%s AS %s", bool(rule[name]), SQL.identifier(name))
                    for name in self._attendance_unique_fields
                ),
                company=self.id,
                key=record_model._uniqueness_key_sql("r", "c"),
                limit=limit,
            )
        )
        return [AttendanceConflict(*row) for row in rows]
