from odoo import api, fields, models
from odoo.exceptions import ValidationError

from odoo.addons.base.models.res_partner import _tz_get

from ..api import LocationOut, LocationPage
from ..completeness import Completeness


class SppAttendanceLocation(models.Model):
    _name = "spp.attendance.location"
    _description = "Attendance Location"
    _inherit = ["spp.attendance.api.tree.mixin"]
    _RULE_FIELDS = ("access_user_ids", "access_client_ids", "area_ids")

    def _default_tz(self):
        return self.env.company.attendance_tz

    parent_id = fields.Many2one(
        "spp.attendance.location",
        string="Part of",
        ondelete="restrict",
        index="btree_not_null",
        check_company=True,
    )
    # What happened here happened in each of these: statistics count it so.
    area_ids = fields.Many2many(
        "spp.attendance.location",
        "spp_attendance_location_area_rel",
        "location_id",
        "area_id",
        string="Areas",
        compute="_compute_area_ids",
        recursive=True,
        store=True,
        context={"active_test": False},
        help="The location itself and all that it is part of.",
    )
    place_ids = fields.Many2many(
        "spp.attendance.location",
        "spp_attendance_location_area_rel",
        "area_id",
        "location_id",
        string="Places",
        readonly=True,
        context={"active_test": False},
        help="The location itself and all that is part of it.",
    )
    kiosk_ids = fields.One2many("spp.attendance.kiosk", "location_id", string="Kiosks")
    tz = fields.Selection(
        _tz_get,
        string="Time Zone",
        required=True,
        default=lambda self: self._default_tz(),
        help="Attendance here is dated by this clock.",
    )
    street = fields.Char()
    street2 = fields.Char("Street 2")
    zip = fields.Char("ZIP")
    city = fields.Char()
    state_id = fields.Many2one(
        "res.country.state",
        ondelete="restrict",
        domain="[('country_id', '=?', country_id)]",
    )
    country_id = fields.Many2one("res.country", ondelete="restrict")
    latitude = fields.Float(
        digits=(9, 6), aggregator=None, help="Degrees north of the equator."
    )
    longitude = fields.Float(
        digits=(9, 6), aggregator=None, help="Degrees east of Greenwich."
    )
    officer_ids = fields.Many2many(
        "res.users",
        "spp_attendance_location_officer_rel",
        "location_id",
        "user_id",
        string="Officers",
        # Who has left was named all the same: his location is not open to all for it.
        context={"active_test": False},
        # Nor for the deletion of a user, who has to be taken off the list before.
        ondelete="restrict",
        help="Only these officers, and those of the places that this one is part of,"
        " see and enter attendance here and below. Nobody named here nor above: every"
        " officer of the company does.",
    )
    # Whom record rules ask for: stored, so that a rule costs no walk up the tree.
    access_user_ids = fields.Many2many(
        "res.users",
        "spp_attendance_location_access_user_rel",
        "location_id",
        "user_id",
        string="Officers Here and Above",
        context={"active_test": False},
        compute="_compute_access_user_ids",
        recursive=True,
        store=True,
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
        help="Programs that work here and below as officers. Unlike people they work"
        " only at the locations that they were given.",
    )
    access_client_ids = fields.Many2many(
        "spp.oauth.client",
        "spp_attendance_location_access_client_rel",
        "location_id",
        "client_id",
        string="API Clients Here and Above",
        compute="_compute_access_client_ids",
        recursive=True,
        store=True,
        groups="spp_oauth.spp_oauth_group_admin",
    )

    _code_unique = models.UniqueIndex(
        "(company_id, code) WHERE code IS NOT NULL",
        "A location with this code exists already. Choose another code.",
    )
    _latitude_range = models.Constraint(
        "CHECK (latitude BETWEEN -90 AND 90)",
        "A latitude is between -90 (south) and 90 (north) degrees.",
    )
    _longitude_range = models.Constraint(
        "CHECK (longitude BETWEEN -180 AND 180)",
        "A longitude is between -180 (west) and 180 (east) degrees.",
    )

    def write(self, vals):
        if "tz" in vals or "parent_id" in vals:
            # Their days are by another clock, or perhaps by another shift.
            self.env["spp.attendance.day.queue"]._enqueue_members(self)
        if "tz" not in vals:
            return super().write(vals)
        # Whoever sets a clock right need not be on the staff of its registers.
        registers_sudo = self.env["spp.attendance.register"].sudo()
        registers_sudo = registers_sudo.with_context(active_test=False)
        with registers_sudo.search([("location_id", "in", self.ids)])._keeping_days():
            return super().write(vals)

    def _complete_until(self):
        """Up to when all is known that happened here and below.

        What is entered by people is known at once. Who brings in attendance later,
        such as terminals, extends it.

        :return: dict of :class:`..completeness.Completeness` by id of the location
        """
        now = fields.Datetime.now()
        return {location.id: Completeness(now) for location in self}

    @api.depends("officer_ids", "parent_id.access_user_ids")
    def _compute_access_user_ids(self):
        for location in self:
            location.access_user_ids = (
                location.officer_ids + location.parent_id.access_user_ids
            )

    @api.depends("client_ids", "parent_id.access_client_ids")
    def _compute_access_client_ids(self):
        for location in self:
            location.access_client_ids = (
                location.client_ids + location.parent_id.access_client_ids
            )

    @api.constrains("state_id", "country_id")
    def _check_state(self):
        for location in self:
            country = location.state_id.country_id
            if location.country_id and country and country != location.country_id:
                raise ValidationError(
                    self.env._(
                        "%(state)s is not in %(country)s.",
                        state=location.state_id.name,
                        country=location.country_id.name,
                    )
                )

    @api.onchange("parent_id")
    def _onchange_parent_id(self):
        if self.parent_id and not self._origin:
            self.tz = self.parent_id.tz

    @api.onchange("state_id")
    def _onchange_state_id(self):
        if self.state_id:
            self.country_id = self.state_id.country_id

    @api.onchange("country_id")
    def _onchange_country_id(self):
        if self.country_id and self.state_id.country_id != self.country_id:
            self.state_id = False

    @api.depends("parent_id.area_ids")
    def _compute_area_ids(self):
        for location in self:
            location.area_ids = location._origin + location.parent_id.area_ids

    @api.model_create_multi
    def create(self, vals_list):
        # An import says nothing of the zone by an empty cell.
        return super().create(
            [vals if vals.get("tz") else self._with_tz(vals) for vals in vals_list]
        )

    @api.model
    def _with_tz(self, vals):
        """Values with the zone of the place that it is part of, else the default."""
        parent = self.browse(vals.get("parent_id"))
        return {**vals, "tz": parent.tz or self._default_tz()}

    @api.model
    def get_import_templates(self):
        return [
            {
                "label": self.env._("Import Template for Locations"),
                "template": "/spp_attendance/static/csv/attendance_locations.csv",
            }
        ]

    # ------------------------------------------------------------ native API

    _API_PATH = "locations"
    _API_PAGE = LocationPage
    _API_FIELDS = (
        "name",
        "complete_name",
        "code",
        "description",
        "color",
        "parent_id",
        "tz",
        "street",
        "street2",
        "zip",
        "city",
        "state_id",
        "country_id",
        "latitude",
        "longitude",
        "active",
        "create_date",
        "write_date",
    )

    @api.model
    def _api_vals(self, values):
        values = dict(values)
        place = {
            name: values.pop(name) for name in ("country", "state") if name in values
        }
        vals = super()._api_vals(values)
        zones = dict(self._fields["tz"]._description_selection(self.env))
        if "tz" in vals and vals["tz"] not in zones:
            self._api_refuse("tz", "There is no such time zone.")
        return {**vals, **self._api_place_vals(place)}

    @api.model
    def _api_place_vals(self, place):
        """Values of country and state, of their codes."""
        vals = {}
        if "country" in place:
            code = place["country"]
            country = self.env["res.country"].search([("code", "=", code)], limit=1)
            if code and not country:
                self._api_refuse("country", "There is no such country.")
            vals["country_id"] = country.id
            # A state is of one country.
            vals["state_id"] = False
        if code := place.get("state"):
            state = self.env["res.country.state"].search(
                [("code", "=", code), ("country_id", "=", vals["country_id"])], limit=1
            )
            if not state:
                self._api_refuse("state", "The country has no such state.")
            vals["state_id"] = state.id
        elif "state" in place:
            vals["state_id"] = False
        return vals

    def _api_read(self):
        self.parent_id.fetch(["code", "name"])
        return [
            LocationOut.model_construct(
                **record._api_registry_values(),
                full_name=record.complete_name,
                parent=record.parent_id._api_as_reference(),
                tz=record.tz,
                street=record.street or None,
                street2=record.street2 or None,
                zip=record.zip or None,
                city=record.city or None,
                state=record.state_id.code or None,
                country=record.country_id.code or None,
                **record._api_coordinates(),
            )
            for record in self
        ]

    def _api_coordinates(self):
        # A number can't be empty in Odoo. Where both are 0 there is only sea.
        known = bool(self.latitude or self.longitude)
        return {
            "latitude": self.latitude if known else None,
            "longitude": self.longitude if known else None,
        }
