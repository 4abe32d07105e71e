import json
import zlib
from datetime import UTC, datetime

from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL

from ..api import digit
from ..digit_rows import (
    attendee_sql,
    audit_sql,
    between,
    escaped,
    ms_sql,
    staff_sql,
)
from ..references import find_references
from ..review import ReviewRefused

_SIZES = {
    "name": 256,
    "referenceId": 256,
    "serviceCode": 64,
    "localityCode": 256,
    "campaignNumber": 256,
    "reviewStatus": 64,
}
#: What ``sortBy`` means.
_SORTS = {
    "": "write_date",
    "lastmodifiedtime": "write_date",
    "fromdate": "start_at",
    "todate": "end_at",
}
#: Parameters that are compared with a field as they are.
_EXACT = {
    "registerNumber": "number",
    "name": "name",
    "referenceId": "reference",
    "campaignNumber": "campaign_number",
}
#: Of advisory locks: those who make a register for the same at once.
_TWIN_LOCK_CLASS = 0x7265
_TWIN_LOCKS = 64
_ASSOCIATED = "User can search only associated registers"


class SppAttendanceDigit(models.AbstractModel):
    """Registers: ``/attendance/v1``."""

    _inherit = "spp.attendance.digit"

    # --------------------------------------------------------------- writing

    @api.model
    def _create_registers(self, asked):
        faults = digit.Collected()
        items = self._read_registers(asked, faults)
        for item in items:
            if digit.is_blank(item.get("referenceId")):
                faults.add("REFERENCE_ID", "ReferenceId is mandatory")
            if digit.is_blank(item.get("serviceCode")):
                faults.add("SERVICE_CODE", "ServiceCode is mandatory")
        tenant = digit.to_text(items[0], "tenantId")
        service = self._enter_or_add(asked.info, tenant, faults)
        faults.check()
        service._check_no_twin(tenant, items)
        locations = service._locations(items)
        registers = service.env["spp.attendance.register"].create(
            [
                {
                    **service._register_vals(item, locations),
                    "reference": digit.to_text(item, "referenceId"),
                    "service_code": digit.to_text(item, "serviceCode"),
                }
                for item in items
            ]
        )
        return service._registers_done(asked, registers)

    @api.model
    def _update_registers(self, asked):
        faults = digit.Collected()
        items = self._read_registers(asked, faults)
        for item in items:
            if digit.is_blank(item.get("id")):
                faults.add(
                    "ATTENDANCE_REGISTER_ID", "Attendance register id is mandatory"
                )
        tenant = digit.to_text(items[0], "tenantId")
        service = self._enter_or_add(asked.info, tenant, faults)
        faults.check()
        uuids = [digit.to_text(item, "id") for item in items]
        found = service._scoped_registers(uuids)
        if not found:
            raise digit.refuse(
                "INVALID_REGISTER_MODIFY",
                "The record that you are trying to update does not exists in the"
                " system",
            )
        for uuid in uuids:
            if uuid not in found:
                raise digit.refuse(
                    "INVALID_REGISTER_MODIFY",
                    f"The register Id {uuid} that you are trying to update does not"
                    " exists in the system",
                )
        registers = service.env["spp.attendance.register"].browse(
            found[uuid].id for uuid in uuids
        )
        service._check_modifies(registers)
        service._check_reviews(registers, items)
        locations = service._locations(items)
        for register, item in zip(registers, items, strict=True):
            vals = service._register_vals(item, locations)
            if (register.locality_code or "") == (vals["locality_code"] or ""):
                # Who keeps the place's name keeps the place.
                del vals["locality_code"], vals["location_id"]
            register.write(vals)
        return service._registers_done(asked, registers)

    @api.model
    def _delete_registers(self, asked):
        asked.info.check()
        items = self._some_registers(asked)
        for item in items:
            for name in ("id", "tenantId"):
                if digit.is_blank(item.get(name)):
                    raise digit.refuse(
                        "INVALID_DELETE_REQUEST",
                        "Attendance register id and tenant id are mandatory",
                    )
        self._check_one_tenant(items)
        faults = digit.Collected()
        tenant = digit.to_text(items[0], "tenantId")
        service = self._enter_or_add(asked.info, tenant, faults)
        faults.check()
        uuids = list(dict.fromkeys(digit.to_text(item, "id") for item in items))
        try:
            found = service._find_registers(uuids)
        except digit.Refusal:
            found = {}
        for uuid in uuids:
            if uuid not in found:
                raise digit.refuse(
                    "REGISTER_NOT_FOUND",
                    f"Attendance register not found for id: {uuid}",
                )
            if not found[uuid].active:
                raise digit.refuse(
                    "REGISTER_ALREADY_DELETED",
                    f"Attendance register is already inactive for id: {uuid}",
                )
        registers = service.env["spp.attendance.register"].browse(
            found[uuid].id for uuid in uuids
        )
        registers._delete()
        return service._registers_done(asked, registers)

    def _some_registers(self, asked):
        items = asked.items("attendanceRegister")
        if not items or None in items:
            raise digit.refuse(
                "ATTENDANCE_REGISTER", "Attendance Register is mandatory"
            )
        return items

    def _check_one_tenant(self, items):
        first = digit.to_text(items[0], "tenantId")
        if any(digit.to_text(item, "tenantId") != first for item in items):
            raise digit.refuse(
                "MULTIPLE_TENANTS",
                "All registers must have same tenant Id. Please create new request for"
                " different tenant id",
            )

    def _read_registers(self, asked, faults):
        """What is to be created or updated, as far as DIGIT looks at it item by item.

        :param digit.Collected faults: to be told together later on
        """
        digit.check_sizes(
            asked.items("attendanceRegister"),
            "attendanceRegisterRequest.attendanceRegister",
            _SIZES,
        )
        asked.info.check()
        items = self._some_registers(asked)
        for item in items:
            if digit.is_blank(item.get("tenantId")):
                raise digit.refuse("TENANT_ID", "Tenant is mandatory")
            if digit.is_blank(item.get("name")):
                faults.add("NAME", "Name is mandatory")
            start = digit.to_ms(item, "startDate")
            if not start:
                raise digit.refuse("START_DATE", "Start date is mandatory")
            if start < 0:
                raise digit.refuse("START_DATE", "Start date should be valid")
            end = digit.to_ms(item, "endDate")
            if end is not None and start > end:
                faults.add("DATE", "Start date should be less than end date")
            self._check_one_tenant([items[0], item])
        return items

    def _register_vals(self, item, locations):
        """What an update replaces, and a creation sets as well."""
        locality = digit.to_text(item, "localityCode")
        found = locations.get(locality)
        return {
            "name": digit.to_text(item, "name"),
            "campaign_number": digit.to_text(item, "campaignNumber") or False,
            "additional_details": item.get("additionalDetails"),
            "start_at": digit.to_instant(item, "startDate"),
            "end_at": digit.to_instant(item, "endDate") or False,
            # Any other word than theirs for it is none to them.
            "active": item.get("status") != digit.INACTIVE,
            "location_id": (found and found.id) or False,
            "locality_code": locality or False,
            "review_status": digit.to_text(item, "reviewStatus") or False,
        }

    def _locations(self, items):
        """Places of the company that are meant by localities, which may be none's."""
        codes = {digit.to_text(item, "localityCode") for item in items} - {""}
        return find_references(self.env, "spp.attendance.location", codes)

    def _check_no_twin(self, tenant, items):
        """Refuse what an active register is for already, whoever's that is.

        Of two requests at once the other waits, and sees what the first has made. Twins
        in one request are none's business, as with DIGIT.
        """
        ids = [company_id for company_id, _code, _roles in self._tenants(tenant, True)]
        pairs = {
            (digit.to_text(item, "referenceId"), digit.to_text(item, "serviceCode"))
            for item in items
        }
        locks = {zlib.crc32("\0".join(pair).encode()) % _TWIN_LOCKS for pair in pairs}
        self.env.cr.execute(
            "SELECT pg_advisory_xact_lock(%s, lock) FROM unnest(%s) AS lock",
            [_TWIN_LOCK_CLASS, sorted(locks)],
        )
        # In a transaction that begins only now: this one sees what was there before.
        with self.env.registry.cursor() as cr:
            cr.execute(
                SQL(
                    """
                    SELECT r.reference, r.service_code
                      FROM spp_attendance_register r
                      JOIN unnest(%(references)s::varchar[], %(codes)s::varchar[])
                           AS new(reference, service_code)
                           USING (reference, service_code)
                     WHERE r.company_id = ANY(%(companies)s) AND r.active
                    """,
                    references=[reference for reference, _code in pairs],
                    codes=[code for _reference, code in pairs],
                    companies=ids,
                )
            )
            rows = cr.fetchall()
        if rows:
            reference, code = min(rows)
            raise digit.refuse(
                "REGISTER_ALREADY_EXISTS",
                f"Register exists for provided referenceId [{reference}] and"
                f" serviceCode [{code}]",
            )

    # ----------------------------------------------------------------- scope

    def _in_scope(self):
        """Domain of the registers that who acts may know of."""
        if self._opens_all():
            return Domain.TRUE
        return Domain("is_mine", "=", True)

    def _rows_in_scope(self):
        """The same of their staff and attendees."""
        if self._opens_all():
            return Domain.TRUE
        return Domain("register_id.is_mine", "=", True)

    def _all_registers(self):
        """Registers of these companies, active or not."""
        return (
            self.env["spp.attendance.register"].with_context(active_test=False),
            Domain("company_id", "in", self.env.companies.ids),
        )

    def _check_associated(self, uuids):
        """Refuse ids of registers on whose staff who acts is not.

        :return: whether there is anything to look for: without a register of one's own
            one finds none, and is not told off for asking
        :raises digit.Refusal: also when there is no such register
        """
        if self._opens_all():
            return True
        registers, domain = self._all_registers()
        domain &= self._in_scope()
        if not registers.search_count(domain, limit=1):
            return False
        if uuids:
            own = registers.search_fetch(domain & Domain("uuid", "in", uuids), ["uuid"])
            if not set(uuids).issubset(own.mapped("uuid")):
                raise digit.refuse("INVALID_REGISTER_ID", _ASSOCIATED)
        return True

    def _find_registers(self, uuids):
        """Registers in scope by uuid, as `_search` finds them.

        :return: ``{uuid: register}``
        :raises digit.Refusal: as `_check_associated`
        """
        if not self._check_associated(uuids):
            return {}
        registers, domain = self._all_registers()
        domain &= Domain("uuid", "in", uuids) & Domain("is_deleted", "=", False)
        found = registers.search_fetch(domain & self._in_scope(), self._REGISTER_FIELDS)
        return {register.uuid: register for register in found}

    _REGISTER_FIELDS = ("uuid", "active", "start_at", "end_at", "locality_code")

    def _scoped_registers(self, uuids):
        """The same, where a search that fails is a reason of its own."""
        try:
            return self._find_registers(uuids)
        except digit.Refusal as refusal:
            raise digit.refuse(
                "SEARCH_ATTENDANCE_REGISTER",
                f"Error in searching attendance register: {refusal.description}",
            ) from refusal

    def _check_modifies(self, registers):
        """Refuse who sees all registers, and isn't on the staff of each of these."""
        staff = self.env["spp.attendance.register.staff"].search_fetch(
            Domain("register_id", "in", registers.ids)
            & Domain("user_uuid", "=", self._own_uuid())
            & Domain("is_current", "=", True),
            ["register_id"],
        )
        for register in registers:
            if register not in staff.register_id:
                raise digit.refuse(
                    "INVALID_REGISTER_MODIFY",
                    f"The user {self._own_uuid()} does not have permission to modify"
                    f" the register {register.uuid}",
                )

    @staticmethod
    def _check_reviews(registers, items):
        """Hold reviews against their rules, also where they are to stay as they are."""
        try:
            for register, item in zip(registers, items, strict=True):
                register._check_review(digit.to_text(item, "reviewStatus"))
        except ReviewRefused as refused:
            raise digit.refuse(refused.code, str(refused)) from refused

    # --------------------------------------------------------------- reading

    @api.model
    def _search_registers(self, asked):
        asked.info.check()
        params = asked.params
        tenant = params.text("tenantId")
        if not tenant:
            raise digit.refuse("TENANT_ID", "Tenant is mandatory")
        if params.text("toDate") and not params.text("fromDate"):
            raise digit.refuse(
                "INVALID_SEARCH_PARAM", "Cannot specify toDate without a fromDate"
            )
        service = self._enter(asked.info, tenant, prefix=True)
        uuids = params.texts("ids")
        if service is None or not service._check_associated(uuids):
            return self._no_registers(asked)
        return service._spool_registers(asked, uuids)

    def _no_registers(self, asked):
        asked.params.paging()
        return asked.answer(attendanceRegister=[], totalCount=0, statusCount={})

    def _spool_registers(self, asked, uuids):
        params = asked.params
        limit, offset = params.paging()
        direction = SQL("DESC" if params.descending() else "ASC")
        sort = _SORTS.get(params.text("sortBy").lower(), "write_date")
        staff = self._staff_condition(params)
        kept, attendees = self._attendee_conditions(params)
        registers, domain = self._all_registers()
        domain &= self._in_scope() & self._criteria_domain(params, uuids)
        if staff:
            domain &= self._having("spp_attendance_register_staff", staff)
        if kept:
            domain &= self._having("spp_attendance_register_attendee", kept)
        reviewed = domain
        if status := params.text("reviewStatus"):
            domain &= Domain("review_status", "=", status)
        found = registers._search(domain, limit=limit, offset=offset)
        if found.is_empty():
            return self._no_registers(asked)
        key, by = SQL.identifier(found.table, "id"), SQL.identifier(found.table, sort)
        found.order = SQL("%s %s, %s", by, direction, key)
        # The page is in its order already, and what is made of its rows never sorted.
        statement = SQL(
            "SELECT (%s) FROM (%s) page ORDER BY page.at %s, page.id",
            self._register_sql(
                staff if params.flag("includeStaff", True) else None,
                attendees if params.flag("includeAttendee", True) else None,
            ),
            found.select(SQL("%s AS id", key), SQL("%s AS at", by)),
            direction,
        )
        return self._spooled(
            asked,
            "attendanceRegister",
            statement,
            totalCount=registers.search_count(domain),
            statusCount=self._status_count(registers, reviewed),
        )

    def _status_count(self, registers, domain):
        companies_sudo = self.env.companies.sudo()  # a setting, that anybody goes by
        if not any(companies_sudo.mapped("attendance_register_review")):
            return {}
        groups = registers._read_group(domain, ["review_status"], ["__count"])
        return {status: count for status, count in groups if status}

    def _criteria_domain(self, params, uuids):
        """Domain of what is asked of registers themselves, but for the review."""
        domain = Domain("is_deleted", "=", False)
        if uuids:
            domain &= Domain("uuid", "in", uuids)
        for param, field in _EXACT.items():
            if value := params.text(param):
                domain &= Domain(field, "=", value)
        if references := params.texts("referenceIds"):
            domain &= Domain("reference", "in", references)
        if locality := params.text("localityCode"):
            domain &= self._locality_domain(
                locality, params.flag("isChildrenRequired", False)
            )
        if code := params.text("serviceCode"):
            if params.flag("isServiceCodeExact", True):
                domain &= Domain("service_code", "in", params.texts("serviceCode"))
            else:
                domain &= Domain("service_code", "=ilike", f"%{escaped(code)}%")
        if status := params.text("status"):
            if status not in (digit.ACTIVE, digit.INACTIVE):
                return Domain.FALSE
            domain &= Domain("active", "=", status == digit.ACTIVE)
        if since := params.instant("fromDate"):
            until = params.instant("toDate") or datetime.now(UTC).replace(tzinfo=None)
            # When it begins, whatever their documents say of overlaps.
            domain &= between("start_at", since, until)
        return domain

    def _locality_domain(self, code, children):
        domain = Domain("locality_code", "=", code)
        if children:
            places = self.env["spp.attendance.location"].with_context(active_test=False)
            places = places.search([("code", "=", code)])
            domain |= Domain("location_id", "child_of", places.ids)
        return domain

    @staticmethod
    def _having(table, condition):
        """Domain of the registers that have a row that fulfils a condition."""
        return Domain(
            "id",
            "in",
            SQL(
                "(SELECT x.register_id FROM %s x WHERE %s)",
                SQL.identifier(table),
                condition,
            ),
        )

    @staticmethod
    def _staff_condition(params):
        """SQL of which staff, rows ``x``, is asked for; empty when any is."""
        conditions = []
        if staff_id := params.text("staffId"):
            conditions.append(SQL("x.user_uuid = %s", staff_id))
        if name := params.text("staffName"):
            conditions.append(SQL("x.name ILIKE %s", f"%{escaped(name)}%"))
        if types := params.texts("staffTypes"):
            conditions.append(SQL("x.staff_type = ANY(%s)", [t.upper() for t in types]))
        return SQL(" AND ").join(conditions)

    def _attendee_conditions(self, params):
        """SQL of the attendee, row ``x``, that a register must have, and of those that
        are shown; empty when none must be, and when all are."""
        kept = shown = SQL()
        if individual := params.text("attendeeId"):
            people = self._people([individual], archived=True).values()
            kept = shown = SQL("x.subscriber_id = ANY(%s::int[])", list(people))
            if params.flag("includeTaggedAttendees", False):
                shown = SQL(
                    """(%s OR x.tag IN (
                        SELECT t.tag FROM spp_attendance_register_attendee t
                         WHERE t.register_id = x.register_id
                           AND t.subscriber_id = ANY(%s::int[])))""",
                    kept,
                    list(people),
                )
        if tags := params.texts("tags"):
            tagged = SQL("x.tag = ANY(%s)", tags)
            shown = SQL("%s AND %s", shown, tagged) if shown else tagged
        return kept, shown

    # ------------------------------------------------------------- answering

    def _registers_done(self, asked, registers):
        """The answer to a write: the registers as they are now, in their order."""
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                "SELECT (%s)::text FROM unnest(%s) WITH ORDINALITY AS page(id, n)"
                " ORDER BY page.n",
                self._register_sql(SQL(), SQL()),
                registers.ids,
            )
        )
        return self._done(
            asked,
            attendanceRegister=[json.loads(text) for [text] in rows],
            totalCount=len(rows),
            statusCount={},
        )

    @staticmethod
    def _register_sql(staff, attendees):
        """SELECT of the register ``page.id`` as a JSON object.

        Who may read a register may read its staff and attendees: it was found as the
        user, and theirs are the same rules.

        :param SQL staff: condition of those to show; None for no list
        :param SQL attendees: the same
        """
        null = SQL("NULL::json")
        staff_rows = (
            null
            if staff is None
            else SQL(
                """(SELECT json_agg(%s ORDER BY x.id)
                  FROM spp_attendance_register_staff x
                 WHERE x.register_id = r.id AND %s)""",
                staff_sql(
                    SQL("jsonb_build_object('ownerName', COALESCE(x.name, 'NA'))")
                ),
                staff or SQL("TRUE"),
            )
        )
        attendee_rows = (
            null
            if attendees is None
            else SQL(
                """(SELECT COALESCE(json_agg(%s ORDER BY x.id), '[]')
                  FROM spp_attendance_register_attendee x
                  JOIN spp_attendance_subscriber p ON p.id = x.subscriber_id
                 WHERE x.register_id = r.id AND %s)""",
                attendee_sql(),
                attendees or SQL("TRUE"),
            )
        )
        return SQL(
            """
            SELECT json_build_object(
                'id', r.uuid,
                'tenantId', c.attendance_tenant_code,
                'registerNumber', r.number,
                'name', r.name,
                'referenceId', r.reference,
                'serviceCode', r.service_code,
                'startDate', %(start)s,
                'endDate', %(end)s,
                'status', CASE WHEN r.active THEN 'ACTIVE' ELSE 'INACTIVE' END,
                'localityCode', r.locality_code,
                'reviewStatus', r.review_status,
                'campaignNumber', r.campaign_number,
                'isDeleted', COALESCE(r.is_deleted, FALSE),
                'staff', %(staff)s,
                'attendees', %(attendees)s,
                'auditDetails', %(audit)s,
                'additionalDetails', r.additional_details)
              FROM spp_attendance_register r
              JOIN res_company c ON c.id = r.company_id
             WHERE r.id = page.id
            """,
            start=ms_sql("r", "start_at"),
            end=ms_sql("r", "end_at"),
            staff=staff_rows,
            attendees=attendee_rows,
            audit=audit_sql("r"),
        )
