from odoo import api, models
from odoo.fields import Domain

from odoo.addons.spp_oauth.api import ApiResult, Conflict, Forbidden

from ..acting import acting, acting_uuid
from ..api import (
    CompanyOut,
    Fact,
    MeOut,
    RecordBatchOut,
    RecordResult,
    Refused,
    RegisterOut,
    RegisterPage,
)
from ..engine import localtime
from ..review import ReviewRefused


class SppAttendanceRegisterApi(models.Model):
    """What the native API does with registers."""

    _name = "spp.attendance.register"
    _inherit = ["spp.attendance.register", "spp.attendance.api.mixin"]

    _API_PATH = "registers"
    _API_PAGE = RegisterPage
    _API_FIELDS = (
        "uuid",
        "number",
        "name",
        "reference",
        "service_code",
        "campaign_number",
        "location_id",
        "locality_code",
        "type_id",
        "company_id",
        "start_at",
        "end_at",
        "date_start",
        "date_end",
        "active",
        "review_status",
        "mark_mode",
        "entry_time",
        "exit_time",
        "additional_details",
        "created_by",
        "modified_by",
        "create_date",
        "write_date",
    )
    _API_SORTS = {
        "updated_at": "write_date",
        "start_at": "start_at",
        "name": "name",
        "number": "number",
    }
    _API_REFERENCES = {"location": "location_id", "type": "type_id"}
    _API_INACTIVE = None

    @api.model
    def _api_me(self):
        """Who acts, as staff is known."""
        actor, company = acting(self.env), self.env.company
        return MeOut.model_construct(
            uuid=acting_uuid(self.env),
            name=(actor and actor.name) or self.env.user.name,
            company=CompanyOut.model_construct(
                id=company.id,
                name=company.name,
                tenant=company.attendance_tenant_code or None,
            ),
        )

    @api.model
    def _api_domain(self, query):
        domain = Domain("is_deleted", "=", False)
        if query.number:
            domain &= Domain("number", "in", query.number)
        if query.name:
            domain &= Domain("name", "ilike", query.name)
        for name in ("reference", "service_code", "campaign_number", "review_status"):
            if value := getattr(query, name):
                domain &= Domain(name, "=", value)
        if query.location:
            locations = self.env["spp.attendance.location"]
            places = locations._api_referred(query.location, below=True)
            domain &= Domain("location_id", "in", places)
        if query.type:
            types = self.env["spp.attendance.type"]._api_referred(query.type)
            domain &= Domain("type_id", "in", types)
        if query.active is not None:
            domain &= Domain("active", "=", query.active)
        if query.mine is not None:
            domain &= Domain("is_mine", "=", query.mine)
        if query.person_identifier:
            people = self.env["spp.attendance.subscriber"]._api_identified(
                query.person_identifier
            )
            domain &= Domain("attendee_ids.subscriber_id", "in", people)
        if query.date_from:
            domain &= Domain("date_end", "=", False) | Domain(
                "date_end", ">=", query.date_from
            )
        if query.date_to:
            domain &= Domain("date_start", "<=", query.date_to)
        return domain

    @api.model
    def _api_key_domain(self, reference):
        return Domain("uuid", "=", str(reference)) & Domain("is_deleted", "=", False)

    @api.model
    def _api_vals(self, values):
        vals = self._with_instants(super()._api_vals(values))
        start = vals.get("start_at", self.start_at)
        end = vals.get("end_at", self.end_at)
        if start and end and end < start:
            field = "date_end" if "date_end" in values else "end_at"
            self._api_refuse(field, "A register can't end before it starts.")
        for name in ("entry_time", "exit_time"):
            if name in vals:
                vals[name] = localtime.parse_time_of_day(vals[name])
        return vals

    @api.model
    def _api_find_mine(self, reference):
        """The register that is meant, for who may handle it.

        :raises NotFound: when there is none that the user may see
        :raises Forbidden: when it may be seen, but not be changed
        """
        register = self._api_find(reference)
        if not register.has_access("write"):
            raise Forbidden(
                "You are not on the staff of this register now.",
                error="not_register_staff",
            )
        # People, places and types are those of its company.
        return register.with_company(register.company_id)

    @api.model
    def _api_patch(self, reference, body):
        register = self._api_find_mine(reference)
        register._api_write(body)
        return register._api_read()[0]

    @api.model
    def _api_review(self, reference, body):
        """Set how far the review has come.

        :raises Forbidden: when it is not for who acts to say so
        :raises Conflict: when it is approved already
        """
        register = self._api_find_mine(reference)
        try:
            register._set_review(body.status)
        except ReviewRefused as refused:
            if refused.code == "INVALID_REGISTER_MODIFY":
                raise Forbidden(str(refused), error="not_reviewer") from refused
            raise Conflict(str(refused), error="approved_already") from refused
        return register._api_read()[0]

    def _api_moment(self, instant):
        """An instant on the register's clock, ISO 8601 with offset."""
        return localtime.offset_iso(instant, self.tz) if instant else None

    @api.model
    def _api_outcome(self, results, page):
        """An answer of one result an item.

        :return: with status 200; 207 when some items were rejected, 422 when all were
        """
        rejected = sum(result.status == "rejected" for result in results)
        return ApiResult(
            page.model_construct(results=results),
            status=200 if not rejected else 422 if rejected == len(results) else 207,
        )

    # ------------------------------------------------------------------- logs

    @api.model
    def _api_list_logs(self, reference, query):
        """A page of the records of a register, as the user may see them."""
        within = Domain("register_id", "=", self._api_find(reference).id)
        return self.env["spp.attendance.record"]._api_list(query, within)

    @api.model
    def _api_add_logs(self, reference, body):
        """Mark people on a register, under its rules.

        :return: ``RecordBatchOut``, as records are answered
        """
        register = self._api_find(reference)
        facts = [register._api_fact(item) for item in body.logs]
        records = self.env["spp.attendance.record"].with_company(register.company_id)
        outcomes = records._ingest(facts)
        results = [RecordResult.model_construct(**o._asdict()) for o in outcomes]
        return self._api_outcome(results, RecordBatchOut)

    def _api_fact(self, item):
        if isinstance(item, Refused):
            return item
        values = item.model_dump(exclude={"direction"})
        scan_type = item.direction or "none"
        return Fact(**values, scan_type=scan_type, register=self.id)

    # ---------------------------------------------------------------- reading

    def _api_read(self):
        # These are of this moment, whatever was known before.
        self.invalidate_recordset(["is_mine", "attendee_count"], flush=False)
        # Who may see a register may know where it is.
        places_sudo = self.location_id.sudo()
        places_sudo.fetch(["code", "name"])
        self.type_id.fetch(["code", "name"])
        return [
            RegisterOut.model_construct(
                id=register.id,
                uuid=register.uuid,
                number=register.number,
                name=register.name,
                reference=register.reference or None,
                service_code=register.service_code or None,
                campaign_number=register.campaign_number or None,
                location=places_sudo.browse(
                    register.location_id.id
                )._api_as_reference(),
                locality_code=register.locality_code or None,
                type=register.type_id._api_as_reference(),
                tz=register.tz,
                start_at=register._api_moment(register.start_at),
                end_at=register._api_moment(register.end_at),
                date_start=register.date_start,
                date_end=register.date_end or None,
                active=register.active,
                review_status=register.review_status or None,
                mark_mode=register.mark_mode,
                entry_time=register.entry_time,
                exit_time=register.exit_time,
                attendee_count=register.attendee_count,
                mine=register.is_mine,
                additional_details=register.additional_details or None,
                created_by=register.created_by or None,
                updated_by=register.modified_by or None,
                created_at=self._api_instant(register.create_date),
                updated_at=self._api_instant(register.write_date),
            )
            for register in self
        ]
