import json

from odoo import api, models
from odoo.fields import Domain
from odoo.tools import SQL

from ..acting import acting
from ..api import digit
from ..digit_rows import escaped, staff_sql
from ..enrolment import EnrolStaff, UnenrolStaff

_TYPES = ("OWNER", "EDITOR", "APPROVER")
_SIZES = {"userId": digit.ID_SIZE}
_MODEL = "spp.attendance.register.staff"


class SppAttendanceDigit(models.AbstractModel):
    """Staff of registers: ``/attendance/staff/v1``."""

    _inherit = "spp.attendance.digit"

    # --------------------------------------------------------------- writing

    @api.model
    def _create_staff(self, asked):
        items = self._read_staff(asked)
        service = self._enter_after_fields(asked.info, items)
        registers = service._registers_of(items)
        outcomes = service.env[_MODEL]._enrol(
            [
                EnrolStaff(
                    registers[digit.to_text(item, "registerId")].id,
                    digit.to_text(item, "userId"),
                    staff_type=service._staff_type(item),
                    name=service._staff_name(item),
                    details=item.get("additionalDetails"),
                )
                for item in items
            ]
        )
        digit.refuse_first(
            items,
            [outcome.code for outcome in outcomes],
            {
                "ended": lambda item: digit.refuse(
                    "END_DATE",
                    "Staff cannot be enrolled as END_DATE of register id"
                    f" {digit.to_text(item, 'registerId')} has already passed.",
                ),
                "enrolled": lambda item: digit.refuse(
                    "USER_id",
                    f"Staff {digit.to_text(item, 'userId')} is already enrolled in the"
                    f" register {digit.to_text(item, 'registerId')}",
                ),
                "unknown_user": lambda item: digit.refuse(
                    "INDIVIDUAL_SEARCH_RESPONSE_IS_EMPTY", "Individuals not found"
                ),
            },
        )
        staff_ids = [outcome.staff_id for outcome in outcomes]
        service._name_staff(staff_ids)
        return service._staff_done(asked, staff_ids)

    @api.model
    def _delete_staff(self, asked):
        items = self._read_staff(asked)
        service = self._enter_after_fields(asked.info, items)
        registers = service._registers_of(items)
        outcomes = service.env[_MODEL]._unenrol(
            [
                UnenrolStaff(
                    registers[digit.to_text(item, "registerId")].id,
                    digit.to_text(item, "userId"),
                )
                for item in items
            ]
        )
        digit.refuse_first(
            items,
            [outcome.code for outcome in outcomes],
            {
                "never": lambda item: digit.refuse(
                    "USER_ID",
                    f"Staff with the given user id: {digit.to_text(item, 'userId')} is"
                    " not linked with the given register id",
                ),
                "already": lambda item: digit.refuse(
                    "USER_ID",
                    f"Staff with the given user id : {digit.to_text(item, 'userId')} is"
                    " already de enrolled from the register",
                ),
            },
        )
        return service._staff_done(asked, [outcome.staff_id for outcome in outcomes])

    def _read_staff(self, asked):
        items = asked.items("staff")
        digit.check_sizes(items, "staffPermissionRequest.staff", _SIZES)
        if not items or None in items:
            raise digit.refuse("STAFF", "Staff is mandatory")
        self._check_fields(
            items,
            ("registerId", "REGISTER_ID", "Register id is mandatory"),
            ("userId", "USER_ID", "User id is mandatory"),
            ("tenantId", "TENANT_ID", "Tenant id is mandatory"),
        )
        self._check_tenants(
            items,
            "TENANT_ID",
            "All Staff to be enrolled or de enrolled must have the same tenant id."
            " Please raise new request for different tenant id",
        )
        pairs = {
            (digit.to_text(item, "registerId"), digit.to_text(item, "userId"))
            for item in items
        }
        if len(pairs) < len(items):
            raise digit.refuse("STAFF", "Duplicate Staff Objects present in request")
        return items

    @staticmethod
    def _staff_type(item):
        # What is none of them is nothing to them, too; and nothing is an owner.
        kind = digit.to_text(item, "staffType").upper()
        return kind if kind in _TYPES else "OWNER"

    def _staff_name(self, item):
        """The name that is given with somebody who may be no user here."""
        details = item.get("additionalDetails")
        name = details.get("staffName") if isinstance(details, dict) else None
        if isinstance(name, str) and name.strip():
            return name.strip()
        actor = acting(self.env)
        is_oneself = actor and actor.uuid == digit.to_text(item, "userId")
        return actor.name if is_oneself else None

    def _name_staff(self, staff_ids):
        """Put the name of new staff into their details, where apps read it."""
        self.env.cr.execute(
            SQL(
                """
                UPDATE spp_attendance_register_staff
                   SET additional_details = CASE
                           WHEN jsonb_typeof(additional_details) = 'object'
                           THEN additional_details ELSE '{}'::jsonb END
                       || jsonb_build_object('staffName', COALESCE(name, 'NA'))
                 WHERE id = ANY(%s)
                """,
                staff_ids,
            )
        )
        self.env[_MODEL].invalidate_model(["additional_details"], flush=False)

    # ------------------------------------------------- common with attendees

    def _check_fields(self, items, *fields):
        """Refuse items that lack something, naming each lack once.

        :param fields: name, code and message of what each must have
        """
        faults = digit.Collected()
        for item in items:
            for name, code, message in fields:
                if digit.is_blank(item.get(name)):
                    faults.add(code, message)
        faults.check()

    def _check_tenants(self, items, code, message):
        if len({digit.to_text(item, "tenantId") for item in items}) > 1:
            raise digit.refuse(code, message)

    def _enter_after_fields(self, info, items):
        """Who asks is looked at later here than for registers, and in other words."""
        info.check("User's UUID is mandatory")
        faults = digit.Collected()
        tenant = digit.to_text(items[0], "tenantId")
        service = self._enter_or_add(info, tenant, faults)
        faults.check()
        return service

    def _registers_of(self, items):
        """The registers that items are about: ``{uuid: register}``."""
        uuids = list(dict.fromkeys(digit.to_text(item, "registerId") for item in items))
        found = self._scoped_registers(uuids)
        for uuid in uuids:
            if uuid not in found:
                raise digit.refuse(
                    "REGISTER_ID",
                    f"Attendance Registers with register id : {uuid} does not exist for"
                    " tenantId",
                )
        return found

    def _enter_to_search(self, asked, what, criteria):
        """The service for a search that only those may do who see all registers.

        :param str what: of it the refusal speaks
        :param dict criteria: its ``enrollmentDate`` and ``denrollmentDate`` are a range
        :return: None when there is no such tenant
        """
        tenant = asked.params.require("tenantId")
        asked.info.check("User's UUID is mandatory")
        if not tenant:
            raise digit.refuse("TENANT_ID", "Tenant is mandatory")
        service = self._enter(asked.info, tenant)
        if service is None:
            return None
        if not service._opens_all():
            raise digit.refuse(
                "UNAUTHORIZED",
                f"User does not have permission to perform {what} search",
            )
        if criteria.get("denrollmentDate") and not criteria.get("enrollmentDate"):
            raise digit.refuse(
                "INVALID_SEARCH_PARAM",
                "Cannot specify denrollmentDate without an enrollmentDate",
            )
        return service

    def _spool_rows(self, asked, name, model, domain, row):
        """A page of staff or attendees, the last changed first."""
        limit, offset = asked.params.paging()
        found = self.env[model]._search(domain, limit=limit, offset=offset)
        if found.is_empty():
            return asked.answer(**{name: []})
        key = SQL.identifier(found.table, "id")
        at = SQL.identifier(found.table, "write_date")
        found.order = SQL("%s DESC, %s", at, key)
        statement = SQL(
            """
            SELECT (%s) FROM (%s) page ORDER BY page.at DESC, page.id
            """,
            self._row_sql(model, row),
            found.select(SQL("%s AS id", key), SQL("%s AS at", at)),
        )
        return self._spooled(asked, name, statement)

    def _rows_done(self, asked, name, model, row, ids):
        """The answer to a write: rows as they are now, in the order of the request."""
        return self._done(asked, **{name: self._rows(model, row, ids)})

    def _rows(self, model, row, ids):
        self.env.flush_all()
        rows = self.env.execute_query(
            SQL(
                "SELECT (%s)::text FROM unnest(%s) WITH ORDINALITY AS page(id, n)"
                " ORDER BY page.n",
                self._row_sql(model, row),
                list(ids),
            )
        )
        return [json.loads(text) for [text] in rows]

    def _row_sql(self, model, row):
        """SELECT of the row ``page.id`` of a model as a JSON object."""
        people = SQL()
        if "subscriber_id" in self.env[model]._fields:
            people = SQL("JOIN spp_attendance_subscriber p ON p.id = x.subscriber_id")
        return SQL(
            """
            SELECT %s
              FROM %s x
              JOIN spp_attendance_register r ON r.id = x.register_id
              JOIN res_company c ON c.id = x.company_id
              %s
             WHERE x.id = page.id
            """,
            row,
            SQL.identifier(self.env[model]._table),
            people,
        )

    def _staff_done(self, asked, staff_ids):
        return self._rows_done(asked, "staff", _MODEL, staff_sql(), staff_ids)

    # --------------------------------------------------------------- reading

    @api.model
    def _search_staff(self, asked):
        criteria = asked.criteria("staff")
        service = self._enter_to_search(asked, "staff", criteria)
        if service is None:
            return asked.answer(staff=[])
        domain = service._register_rows_domain(criteria)
        if uuids := digit.to_texts(criteria, "individualIds"):
            domain &= Domain("user_uuid", "in", uuids)
        if logins := digit.to_texts(criteria, "usernames"):
            # As a user sees it who need not see users: whose staff it is, is known.
            users_sudo = service.env["res.users"].sudo()
            found = users_sudo.search([("login", "in", logins)])
            domain &= Domain("user_id", "in", found.ids)
        if name := digit.to_text(criteria, "staffName"):
            domain &= Domain("name", "=ilike", f"%{escaped(name)}%")
        types = digit.to_texts(criteria, "staffTypes")
        types += digit.to_texts(criteria, "staffType")
        if types:
            domain &= Domain("staff_type", "in", [kind.upper() for kind in types])
        return service._spool_rows(asked, "staff", _MODEL, domain, staff_sql())

    def _register_rows_domain(self, criteria):
        """Domain of the rows of registers that can be found, and are asked for."""
        domain = (
            Domain("company_id", "=", self.env.company.id)
            & Domain("register_id.active", "in", [True, False])
            & Domain("register_id.is_deleted", "=", False)
        )
        if uuids := digit.to_texts(criteria, "registerIds"):
            domain &= Domain("register_id.uuid", "in", uuids)
        return domain
