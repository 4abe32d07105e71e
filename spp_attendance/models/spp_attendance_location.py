from odoo import api, fields, models

from odoo.addons.base.models.res_partner import _tz_get


class SppAttendanceLocation(models.Model):
    _name = "spp.attendance.location"
    _description = "Attendance Location"
    _order = "complete_name, id"
    _parent_store = True
    _rec_name = "complete_name"
    _rec_names_search = ["complete_name", "code"]
    _check_company_auto = True

    def _default_tz(self):
        return self.env.company.attendance_tz

    name = fields.Char(required=True)
    complete_name = fields.Char(
        string="Full Name",
        compute="_compute_complete_name",
        recursive=True,
        store=True,
    )
    code = fields.Char(
        help="Short name by which other systems refer to this location.",
        copy=False,
    )
    description = fields.Text()
    color = fields.Integer()
    active = fields.Boolean(default=True)
    company_id = fields.Many2one(
        "res.company",
        required=True,
        default=lambda self: self.env.company,
        index=True,
    )
    parent_id = fields.Many2one(
        "spp.attendance.location",
        string="Part of",
        ondelete="restrict",
        index="btree_not_null",
        check_company=True,
    )
    parent_path = fields.Char(index=True)
    tz = fields.Selection(
        _tz_get,
        string="Time Zone",
        required=True,
        default=lambda self: self._default_tz(),
        help="Attendance here is dated by this clock.",
    )
    officer_ids = fields.Many2many(
        "res.users",
        "spp_attendance_location_officer_rel",
        "location_id",
        "user_id",
        string="Officers",
        help="Only these officers see and enter attendance here."
        " Leave empty to let every officer of the company do it.",
    )
    client_ids = fields.Many2many(
        "spp.oauth.client",
        "spp_attendance_location_client_rel",
        "location_id",
        "client_id",
        string="API Clients",
        readonly=True,
        copy=False,
        groups="spp_oauth.spp_oauth_group_admin",
        help="Programs that work here as officers. Unlike people they work only at the"
        " locations that they were given.",
    )

    _code_unique = models.UniqueIndex(
        "(company_id, code) WHERE code IS NOT NULL",
        "A location with this code exists already. Choose another code.",
    )

    @api.depends("name", "parent_id.complete_name")
    def _compute_complete_name(self):
        for location in self:
            parent = location.parent_id.complete_name
            location.complete_name = (
                f"{parent} / {location.name}" if parent else location.name
            )

    def write(self, vals):
        res = super().write(vals)
        if "company_id" in vals:
            # The rules were held against what it was; now against what it has become.
            self.check_access("write")
        return res
